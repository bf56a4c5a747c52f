"""Tests of `talkqa.verify.sweep`."""

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import trio
import trio.testing

from talkqa.model.errors import ApiUnavailable
from talkqa.model.record import Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.verify.ledger import Ledger, LedgerEntry
from talkqa.verify.sweep import SweepResult, sweep
from tests.fakes.client import FakeClient, FakeSystem
from tests.fakes.clock import FakeClock

_NAME = FieldSchema(path="name", type=FieldType.STRING, max_length=40)


def _system(**options: Any) -> FakeSystem:
    customer = EntitySchema(name="Customer", fields=(_NAME,), name_field="name")
    order = EntitySchema(
        name="Order",
        fields=(_NAME, FieldSchema(path="customer", type=FieldType.REFERENCE, references=("Customer",))),
        name_field="name",
    )
    closed = FieldSchema(path="closed", type=FieldType.BOOLEAN)
    invoice = EntitySchema(name="Invoice", fields=(_NAME,), deletable=False)
    division = EntitySchema(name="Division", fields=(_NAME, closed), deletable=False, archive=("closed", True))
    return FakeSystem(SystemSchema(name="Shop", entities=(customer, order, invoice, division)), FakeClock(), **options)


_ALDER = ("name", "Alder 7")


def _entry(
    token: int, record_id: str | None, *, entity: str = "Customer", proof: tuple[str, Scalar] | None = None
) -> LedgerEntry:
    return LedgerEntry(token=token, system="Shop", entity=entity, record_id=record_id, check="c", proof=proof)


class _Swept:
    """Runs sweeps and remembers what they told."""

    def __init__(self, system: FakeSystem) -> None:
        self.system = system
        self.removed: list[tuple[str, str, str]] = []
        self.settled: list[int] = []

    def run(self, *entries: LedgerEntry) -> SweepResult:
        async def main() -> SweepResult:
            return await sweep(
                entries,
                {"Shop": self.system.client()},
                on_removed=lambda *key: self.removed.append(key),
                on_settled=lambda entry: self.settled.append(entry.token),
            )

        return trio.run(main)


def _do(action: Coroutine[Any, Any, Record]) -> Record:
    async def main() -> Record:
        return await action

    return trio.run(main)


def _create(client: FakeClient, entity: str, **values: Scalar) -> Record:
    return _do(client.create(entity, values))


def test_records_of_the_ledger_are_removed_and_others_stay() -> None:
    """Only what the ledger holds is touched."""
    system = _system()
    ours, foreign = (_create(system.client(), "Customer", name=name) for name in ("Alder", "Birch"))
    swept = _Swept(system)
    assert swept.run(_entry(1, ours.id)) == SweepResult(removed=1, left=())
    assert [r.id for r in system.living("Customer")] == [foreign.id]
    assert swept.removed == [("Shop", "Customer", ours.id)]


def test_a_record_already_gone_counts_as_removed() -> None:
    """Somebody, perhaps the engine, was faster."""
    swept = _Swept(_system())
    assert swept.run(_entry(1, "cus-000009")) == SweepResult(removed=1, left=())


def test_what_cannot_be_deleted_is_archived() -> None:
    """An entity with an archive field is retired."""
    system = _system()
    ours = _create(system.client(), "Division", name="Alder")
    assert _Swept(system).run(_entry(1, ours.id, entity="Division")).removed == 1
    assert system.living("Division")[0].values["closed"] is True


def test_what_can_be_neither_deleted_nor_archived_is_reported_with_its_reason() -> None:
    """The user learns which record is left, and why."""
    system = _system()
    ours = _create(system.client(), "Invoice", name="Alder")
    swept = _Swept(system)
    assert swept.run(_entry(1, ours.id, entity="Invoice")) == SweepResult(
        removed=0, left=(f"Shop Invoice {ours.id}: Invoice cannot be deleted",)
    )
    assert swept.removed == []


def test_an_unanswered_write_is_found_by_its_exact_sentinel_alone() -> None:
    """A record that merely looks alike is somebody else's."""
    system = _system()
    ours = _create(system.client(), "Customer", name="Alder 7")
    for name in ("alder 7", "Alder 77", " Alder 7"):
        _create(system.client(), "Customer", name=name)
    swept = _Swept(system)
    assert swept.run(_entry(4, None, proof=_ALDER)) == SweepResult(removed=1, left=())
    assert swept.removed == [("Shop", "Customer", ours.id)]
    assert swept.settled == [4]
    assert len(system.living("Customer")) == 3


def test_a_system_that_searches_loosely_does_not_make_the_sweep_loose() -> None:
    """The sentinel is compared again, here."""
    system = _system()
    foreign = _create(system.client(), "Customer", name="ALDER 7")

    class LooseClient(FakeClient):
        async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
            del path, value
            return self.system.living(entity)

    async def main() -> SweepResult:
        return await sweep(
            [_entry(1, None, proof=_ALDER)],
            {"Shop": LooseClient(system, "harness")},
            on_removed=lambda *_: None,
        )

    assert trio.run(main) == SweepResult(removed=0, left=())
    assert [r.id for r in system.living("Customer")] == [foreign.id]


def test_an_unanswered_write_that_never_arrived_is_settled_without_a_record() -> None:
    """Nothing is counted, nothing is left."""
    swept = _Swept(_system())
    assert swept.run(_entry(4, None, proof=_ALDER)) == SweepResult(removed=0, left=())
    assert swept.settled == [4]


def test_an_unanswered_write_without_a_sentinel_is_left() -> None:
    """Nothing proves which record it would be, so none is touched."""
    system = _system()
    _create(system.client(), "Customer", name="Alder")
    result = _Swept(system).run(_entry(1, None))
    assert result.removed == 0
    assert result.left == (
        "Shop Customer (no id): the write was never answered, and no sentinel can show whether it arrived",
    )
    assert len(system.living("Customer")) == 1


def test_a_system_without_a_client_is_reported() -> None:
    """A ledger may name a system that this run does not reach."""
    entry = LedgerEntry(token=1, system="Elsewhere", entity="Customer", record_id="1", check="c")
    assert _Swept(_system()).run(entry).left == ("Elsewhere Customer 1: this run has no access to the system",)


def test_a_parent_that_refuses_while_its_child_lives_goes_in_the_second_pass() -> None:
    """Order between entries need not be perfect."""
    system = _system(protect_parents=True)
    client = system.client()
    parent = _create(client, "Customer", name="Alder")
    child = _create(client, "Order", name="Birch", customer=parent.id)
    swept = _Swept(system)
    result = swept.run(_entry(1, parent.id), _entry(2, child.id, entity="Order"))  # the wrong way round
    assert result == SweepResult(removed=2, left=())
    assert swept.removed == [("Shop", "Order", child.id), ("Shop", "Customer", parent.id)]


def test_newest_entries_go_first() -> None:
    """Children, written later, are asked for before their parents."""
    system = _system()
    ids = [_create(system.client(), "Customer", name=f"Alder {n}").id for n in range(20)]
    swept = _Swept(system)
    swept.run(*(_entry(n, i) for n, i in reversed(list(enumerate(ids, 1)))))
    assert [key[2] for key in swept.removed] == ids[::-1]


def test_a_passing_failure_is_tried_once_more() -> None:
    """One lost answer leaves nothing behind."""
    system = _system()
    ours = _create(system.client(), "Customer", name="Alder")
    system.fail("delete", ApiUnavailable("no answer"))
    assert _Swept(system).run(_entry(1, ours.id)) == SweepResult(removed=1, left=())


def test_a_lasting_failure_is_left_with_its_reason() -> None:
    """The last reason is told."""
    system = _system()
    ours = _create(system.client(), "Customer", name="Alder")
    system.fail("delete", ApiUnavailable("no answer"))
    system.fail("delete", ApiUnavailable("still no answer"))
    assert _Swept(system).run(_entry(1, ours.id)).left == (f"Shop Customer {ours.id}: still no answer",)


def test_a_sweep_settles_the_ledger_it_came_from(tmp_path: Path) -> None:
    """After a sweep that left nothing, the ledger has no open entry."""
    system = _system()
    with Ledger(tmp_path / "world.ledger.jsonl", durable=False) as ledger:
        token = ledger.intend("Shop", "Customer", "c", "k1")
        ledger.confirm(token, _create(system.client(), "Customer", name="Alder").id)
        ledger.intend("Shop", "Customer", "c", "k2", ("name", "Birch"))

        async def main() -> SweepResult:
            return await sweep(
                ledger.open_entries(),
                {"Shop": system.client()},
                on_removed=ledger.removed,
                on_settled=ledger.settle,
            )

        assert trio.run(main) == SweepResult(removed=1, left=())
        assert ledger.open_entries() == ()


def test_no_more_than_eight_requests_are_under_way_in_a_system() -> None:
    """People share the account's budget."""
    system = _system()
    ids = [_create(system.client(), "Customer", name=f"Alder {n}").id for n in range(40)]
    under_way, most = 0, 0

    class SlowClient(FakeClient):
        async def delete(self, entity: str, record_id: str) -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await trio.sleep(1)
            await super().delete(entity, record_id)
            under_way -= 1

    async def main() -> SweepResult:
        return await sweep(
            [_entry(n, i) for n, i in enumerate(ids)],
            {"Shop": SlowClient(system, "harness")},
            on_removed=lambda *_: None,
        )

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)).removed == 40
    assert most == 8
