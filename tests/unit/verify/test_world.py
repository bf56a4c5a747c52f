"""A world among other people's records, lost answers and systems that do not answer."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio

from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.protocols import Clock
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.result import Outcome
from talkqa.model.schema import FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import Settings
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.clock import TrioClock
from talkqa.verify.conduct import Conduct
from talkqa.verify.ledger import read_ledger
from talkqa.verify.world import VerifyWorld
from tests.fakes.client import FakeClient, FakeSystem, _Stored, _Table
from tests.fakes.clock import EPOCH
from tests.fakes.flows import make_world
from tests.fakes.virtual import run_virtual
from tests.unit.verify.test_scenarios import _BAKERY, _FIELDS, _SHOP, Outcomes, empty_flow, filled_flow, run


def living(outcomes: Outcomes) -> list[Record]:
    """What is left in both systems."""
    bakery, shop = outcomes.systems
    return [*bakery.living("Customer"), *shop.living("Account")]


class UpperShop(FakeSystem):
    """A shop that stores texts in capitals, whoever writes them."""

    def write(self, table: _Table, stored: _Stored, values: dict[str, Scalar], user: str) -> None:
        super().write(table, stored, {k: v.upper() if isinstance(v, str) else v for k, v in values.items()}, user)


class SilentShop(FakeSystem):
    """A shop that never tells the harness what changed."""

    def begin(self, user: str, method: str, entity: str) -> object:
        if (user, method) == ("harness", "changes"):
            raise ApiUnavailable("503: try again later", status=503)
        return super().begin(user, method, entity)


class ClosedShop(FakeSystem):
    """A shop that forbids the harness to read changes."""

    def begin(self, user: str, method: str, entity: str) -> object:
        if (user, method) == ("harness", "changes"):
            raise ApiRefused("403: not for you", status=403)
        return super().begin(user, method, entity)


class ForgetfulShop(FakeSystem):
    """A shop whose description is not there at the first time of asking."""

    def begin(self, user: str, method: str, entity: str) -> object:
        if method == "describe" and not any(m == "describe" for _, m, _ in self.requests):
            self.requests.append((user, method, entity))
            raise ApiUnavailable("503: try again later", status=503)
        return super().begin(user, method, entity)


@pytest.mark.parametrize("flow", [empty_flow(), filled_flow()], ids=["empty table", "filled table"])
def test_what_a_system_makes_of_values_by_itself_is_not_the_engines_fault(flow: object, tmp_path: Path) -> None:
    """The harness's own write shows that capitals come from the shop."""
    outcomes = run(flow, tmp_path, shop_type=UpperShop)
    told = {n: w for n, w in outcomes.words().items() if not w.startswith(("passed", "observed"))}
    assert told == {}


@pytest.mark.parametrize(
    ("shop", "outcome", "reason"),
    [
        (SilentShop, Outcome.ERROR, "api-unavailable"),
        (ClosedShop, Outcome.NOT_RUNNABLE, "entity-unreadable"),
    ],
)
def test_a_system_that_cannot_be_watched_accuses_nobody(
    shop: type[FakeSystem], outcome: Outcome, reason: str, tmp_path: Path
) -> None:
    """What cannot be seen is not absent, and nothing is written."""
    outcomes = run(empty_flow(), tmp_path, shop_type=shop)
    assert {(r.outcome, r.reason) for r in outcomes.results.values()} == {(outcome, reason)}
    assert living(outcomes) == []


def test_a_description_that_failed_once_is_asked_for_again(tmp_path: Path) -> None:
    """One lost answer ends one scenario at most, not the flow."""
    outcomes = run(empty_flow(), tmp_path, shop_type=ForgetfulShop)
    reasons = [r.reason for r in outcomes.results.values() if r.outcome is Outcome.ERROR]
    assert reasons == ["api-unavailable"]
    assert Outcome.PASSED in {r.outcome for r in outcomes.results.values()}


def lose_a_write(bakery: FakeSystem, _shop: FakeSystem) -> None:
    """Let a create take effect without an answer, and the searches for it find no answer either."""
    bakery.fail("create", ApiUnavailable("lost"), after=True)
    for _ in range(5):
        bakery.fail("find", ApiUnavailable("lost"))


def test_a_write_whose_answer_was_lost_is_swept_with_the_engines_copy_of_it(tmp_path: Path) -> None:
    """Nobody knows the id, and both records go."""
    outcomes = run(
        filled_flow(),
        tmp_path,
        only=lambda c: c.name == "created",
        before=lose_a_write,
    )
    assert outcomes.of("created").outcome is Outcome.ERROR
    assert living(outcomes) == []
    assert read_ledger(tmp_path / "ledger.jsonl") == ()


def test_a_record_that_was_there_before_is_never_removed_whatever_the_engine_writes_into_it(tmp_path: Path) -> None:
    """An engine that takes over a stranger's record is accused, and the record stays."""
    outcomes = run(
        empty_flow(),
        tmp_path,
        "merges-wrongly",
        only=lambda c: c.name == "created",
        before=lambda _bakery, shop: shop.insert("Account", {"title": "Somebody else"}, "somebody"),
    )
    created = outcomes.of("created")
    assert (created.outcome, created.reason) == (Outcome.FAILED, "merged-wrongly"), created.message
    assert [r.id for r in living(outcomes)] == ["acc-000001"]


def test_what_an_earlier_run_left_is_taken_neither_for_a_counterpart_nor_for_a_copy(tmp_path: Path) -> None:
    """Equal seeds write equal values, so a killed run leaves records that look like those of this one."""
    check = f"{empty_flow().id}/created"
    title = Sentinels(0, "bakery/web-shop").value(_FIELDS[0], f"{check}#probe", 0)
    outcomes = run(
        empty_flow(),
        tmp_path,
        only=lambda c: c.name == "created",
        before=lambda _bakery, shop: shop.insert("Account", {"title": title}, "engine"),
    )
    assert outcomes.of("created").outcome is Outcome.PASSED, outcomes.words()
    assert len(living(outcomes)) == 1
    silent = run(
        empty_flow(),
        tmp_path / "silent",
        "dead",
        only=lambda c: c.name == "created",
        before=lambda _bakery, shop: shop.insert("Account", {"title": title}, "engine"),
    ).of("created")
    assert (silent.outcome, silent.reason) == (Outcome.UNDECIDED, "left-from-before")


@pytest.mark.parametrize(
    ("user", "outcome", "reason"),
    [
        ("harness", Outcome.UNDECIDED, "deleted-by-our-user"),
        ("engine", Outcome.FAILED, "counterpart-gone"),
    ],
)
def test_a_record_that_vanishes_is_laid_to_whoever_deleted_it(
    user: str, outcome: Outcome, reason: str, tmp_path: Path
) -> None:
    """Somebody else at work with our account is not the engine."""

    async def beside(bakery: FakeSystem, _shop: FakeSystem) -> None:
        await trio.sleep(9)
        bakery.remove("Customer", "cus-000001", user)

    outcomes = run(empty_flow(), tmp_path, only=lambda c: c.name == "edited-in-source", beside=beside)
    seen = outcomes.of("edited-in-source")
    assert (seen.outcome, seen.reason) == (outcome, reason), seen.message


class SlowClient(FakeClient):
    """A client that is cut off after the system has stored what it sent."""

    async def create(self, entity: str, values: dict[str, Scalar]) -> Record:
        record = await super().create(entity, values)
        await trio.sleep(60)
        return record


def test_a_write_that_is_cancelled_half_way_stays_in_the_ledger_until_it_is_swept(tmp_path: Path) -> None:
    """On disk before the request, found by its sentinel, gone after the sweep."""

    async def main() -> tuple[int, int, list[Record]]:
        clock = TrioClock(EPOCH)
        bakery, shop = FakeSystem(_BAKERY, clock), FakeSystem(_SHOP, clock)
        world = VerifyWorld(
            world=make_world(filled_flow()),
            clients={"Bakery": SlowClient(bakery, "harness"), "Web Shop": shop.client()},
            clock=clock,
            settings=Settings(patience_s=40, poll_s=2),
            ledger_path=tmp_path / "ledger.jsonl",
            emit=lambda _event: None,
        )
        async with world:
            state = world.state(filled_flow())
            await state.prepare()
            overrides: dict[str, FieldValue] = {"name": "Another name b2c3d4e5"}
            with trio.move_on_after(5):
                await world.access.create("Bakery", "Customer", "key", overrides)
            kept = len(read_ledger(tmp_path / "ledger.jsonl"))
            finished = await world.close(interrupted=True, wall_s=0.0)
        return kept, finished.swept, list(bakery.living("Customer"))

    assert run_virtual(main) == (1, 1, [])


def test_a_heartbeat_under_way_ends_before_the_sweep_and_leaves_nothing(tmp_path: Path) -> None:
    """Closing waits for nobody, and what a beat has written by then goes too."""

    async def main() -> tuple[list[Record], tuple[str, ...]]:
        clock = TrioClock(EPOCH)
        bakery, shop = FakeSystem(_BAKERY, clock), FakeSystem(_SHOP, clock)
        world = VerifyWorld(
            world=make_world(empty_flow()),
            clients={"Bakery": bakery.client(), "Web Shop": shop.client()},
            clock=clock,
            settings=Settings(patience_s=40, poll_s=2),
            ledger_path=tmp_path / "ledger.jsonl",
            emit=lambda _event: None,
        )
        async with world:
            state = world.state(empty_flow())
            await state.prepare()
            with trio.move_on_after(5):
                await state.heartbeats.after(0.0)
            assert bakery.living("Customer")
            finished = await world.close(interrupted=False, wall_s=0.0)
            await trio.sleep(100)
        return list(bakery.living("Customer")), finished.left

    assert run_virtual(main) == ([], ())


def test_a_ledger_that_cannot_be_opened_is_told_and_nothing_is_left_open(tmp_path: Path) -> None:
    """The folder's name is taken by a file."""
    (tmp_path / "file").write_text("")

    async def main() -> None:
        clock = TrioClock(EPOCH)
        world = VerifyWorld(
            world=make_world(empty_flow()),
            clients={"Bakery": FakeSystem(_BAKERY, clock).client(), "Web Shop": FakeSystem(_SHOP, clock).client()},
            clock=clock,
            settings=Settings(),
            ledger_path=tmp_path / "file" / "ledger.jsonl",
            emit=lambda _event: None,
        )
        async with world:
            raise AssertionError("the world opened")

    with pytest.raises(FileExistsError):
        run_virtual(main)


def test_a_stranger_is_nobodys_copy_even_where_the_first_reading_had_no_answer(tmp_path: Path) -> None:
    """What was there is not known then: the flow is not checked, and the stranger stays."""

    def begin(_bakery: FakeSystem, shop: FakeSystem) -> None:
        shop.insert("Account", {"title": "Somebody else"}, "somebody")
        shop.fail("changes", ApiUnavailable("503"))

    outcomes = run(empty_flow(), tmp_path, "merges-wrongly", only=lambda c: c.name == "created", before=begin)
    assert outcomes.of("created").outcome is Outcome.ERROR
    assert [r.id for r in living(outcomes)] == ["acc-000001"]


CREATED = FieldSchema(path="createdAt", type=FieldType.DATETIME, createable=False, updateable=False)


class Behind(FakeSystem):
    """A system whose clock is half a minute behind ours, and whose records tell when they were created."""

    def __init__(self, schema: SystemSchema, clock: Clock, **options: Any) -> None:
        entities = tuple(
            replace(one, fields=(*one.fields, CREATED), created_field="createdAt") for one in schema.entities
        )
        super().__init__(replace(schema, entities=entities), clock, **options)

    def stamp(self) -> str:
        return (datetime.fromisoformat(super().stamp()) - timedelta(seconds=30)).isoformat().replace("+00:00", "Z")

    def insert(self, entity: str, values: Mapping[str, Scalar], user: str) -> _Stored:
        stored = super().insert(entity, values, user)
        stored.values["createdAt"] = self.stamp()
        return stored


def test_a_clock_that_is_known_to_be_behind_makes_no_stranger_of_a_new_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's copies are its own work, are swept, and nobody is accused."""

    async def cursor_now(self: FakeClient, entity: str) -> str:
        return self.system.stamp()

    monkeypatch.setattr(FakeClient, "cursor_now", cursor_now)
    outcomes = run(
        empty_flow(),
        tmp_path,
        only=lambda c: c.name == "created",
        shop_type=Behind,
        conduct=Conduct(ahead_s={"Web Shop": -30.0}),
    )
    assert outcomes.of("created").outcome is Outcome.PASSED, outcomes.of("created").message
    assert living(outcomes) == []
