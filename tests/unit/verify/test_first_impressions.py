"""What looks like a promise kept, or broken, at first sight: a second look tells what it is worth."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from talkqa.model.check import Check, Depth
from talkqa.model.errors import ApiRefused
from talkqa.model.flow import RuleKind, Side
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.result import Outcome
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from tests.fakes.client import FakeSystem, _Stored
from tests.fakes.engine import TinyEngine
from tests.fakes.flows import make_flow, make_merge, make_row
from tests.unit.verify.test_engines import FLOWS, ROWS, SOLD, linking_flow, merging_flow
from tests.unit.verify.test_scenarios import MAPPING, Outcomes, empty_flow, filled_flow, run

SEEDS = (1, 2, 3, 4)
"""Of which some draw for a property of two values the one that stands there, and some the other."""


def schemas_with(
    source: tuple[FieldSchema, ...], target: tuple[FieldSchema, ...], *, updateable: bool = True
) -> tuple[SystemSchema, SystemSchema]:
    """A name on either side, and these properties."""

    def name(path: str) -> FieldSchema:
        return FieldSchema(path=path, type=FieldType.STRING, max_length=60, updateable=updateable)

    customer = EntitySchema(name="Customer", fields=(name("name"), *source), name_field="name")
    account = EntitySchema(name="Account", fields=(name("title"), *target), name_field="title")
    return SystemSchema(name="Bakery", entities=(customer,)), SystemSchema(name="Web Shop", entities=(account,))


class ShutShop(FakeSystem):
    """Takes an account for shut where nobody says otherwise."""

    def insert(self, entity: str, values: Mapping[str, Scalar], user: str) -> _Stored:
        return super().insert(entity, {"open": False, **values}, user)


def on_open(tmp_path: Path, seed: int, *names: str, carried: bool) -> Outcomes:
    """The checks of a truth value that the engine carries or not, with these names."""
    flags = [FieldSchema(path=path, type=FieldType.BOOLEAN) for path in ("active", "open")]
    mapping = {"name": "title", "active": "open"}

    def is_asked(check: Check) -> bool:
        return check.name in names and (check.row is None or check.row.source == "active")

    return run(
        make_flow(rows=(make_row("name", "title"), make_row("active", "open", '"boolean"'))),
        tmp_path,
        only=is_asked,
        depth=Depth.DEEP,
        mapping=mapping if carried else {"name": "title"},
        schemas=schemas_with((flags[0],), (flags[1],)),
        shop_type=ShutShop,
        seed=seed,
    )


FOLLOWING = ("edited-in-source", "edited-in-target", "value", "value-in-target", "quiet")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_value_that_stood_there_before_was_not_carried(seed: int, tmp_path: Path) -> None:
    """Whichever of the two values is drawn, a property that no edit moves is never said to follow."""
    outcomes = on_open(tmp_path, seed, *FOLLOWING, carried=False)
    assert {r.outcome for r in outcomes.results.values()} == {Outcome.FAILED}, outcomes.words()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_value_that_was_carried_is_passed_whatever_stood_there(seed: int, tmp_path: Path) -> None:
    outcomes = on_open(tmp_path, seed, *FOLLOWING, carried=True)
    assert {r.outcome for r in outcomes.results.values()} == {Outcome.PASSED}, outcomes.words()


def test_the_audit_does_not_count_what_stood_there_before(tmp_path: Path) -> None:
    """It is either dead, or nothing is said of it."""
    audits = {seed: on_open(tmp_path, seed, "audit", carried=False).of("audit") for seed in SEEDS}
    assert {a.reason for a in audits.values() if a.outcome is Outcome.FAILED} == {"documented-but-dead"}
    passed = [a.message for a in audits.values() if a.outcome is not Outcome.FAILED]
    assert passed
    assert all("not judged by value: active to open" in message for message in passed)


def test_delicate_values_do_not_count_what_stood_there_before(tmp_path: Path) -> None:
    """The value that is often taken for nothing is the one that stands where nobody says otherwise."""

    def told(*, carried: bool) -> str:
        runs = [on_open(tmp_path, seed, "whole-in-source", carried=carried) for seed in SEEDS]
        return "\n".join(r.message for each in runs for n, r in each.results.items() if n.endswith("for-nothing"))

    assert "'open' False" in told(carried=True)
    assert "'open' False" not in told(carried=False)
    assert "left open: 'open' (it stood there before)" in told(carried=False)


GRADES = {"grade": "level", "kind": "sort"}


def by_grades(tmp_path: Path, seed: int, *breaks: str) -> Outcomes:
    """Records whose names stay as they are created, so that two choices alone can show a link."""

    def choice(path: str) -> FieldSchema:
        return FieldSchema(path=path, type=FieldType.PICKLIST, picklist=("Bronze", "Silver"), restricted=True)

    mapping = {"name": "title", **GRADES}
    return run(
        make_flow(rows=tuple(make_row(s, t) for s, t in mapping.items())),
        tmp_path,
        *breaks,
        only=lambda check: check.name in {"created", "edited-in-source"},
        mapping=mapping,
        schemas=schemas_with(
            tuple(map(choice, GRADES)), tuple(map(choice, GRADES.values())), updateable=False
        ),
        seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_a_choice_that_stood_there_confirms_no_link_and_is_no_sign_of_life(seed: int, tmp_path: Path) -> None:
    """An engine that carries no edit at all may be slow: neither is it passed, nor is it told wrong."""
    outcomes = by_grades(tmp_path, seed, "source-edits-dropped", "target-edits-dropped")
    told = {(r.outcome, r.reason) for r in outcomes.results.values()}
    assert told == {(Outcome.LATE, "edits-silent")}, outcomes.words()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_choice_that_moved_confirms_a_link(seed: int, tmp_path: Path) -> None:
    outcomes = by_grades(tmp_path, seed)
    assert outcomes.of("created").outcome is Outcome.PASSED, outcomes.words()
    assert outcomes.of("edited-in-source/grade~level").outcome is Outcome.PASSED, outcomes.words()


class SlowEdits(TinyEngine):
    """Carries edits of the source later than the patience, and new records at once."""

    async def _write(self, side: Side, record_id: str, values: dict[str, FieldValue]) -> None:
        if side is Side.TARGET and (side, record_id, values) not in self._due:
            self.later.append((self.cycles + 20, side, record_id, values))
        else:
            await super()._write(side, record_id, values)

    async def _do_later(self) -> None:
        self._due = [entry[1:] for entry in self.later if entry[0] <= self.cycles]
        await super()._do_later()


class NoEdits(SlowEdits):
    """Carries none."""

    async def _do_later(self) -> None:
        self._due = []


@pytest.mark.parametrize(
    ("engine", "verdict"),
    [(SlowEdits, (Outcome.OBSERVED, "discovered")), (NoEdits, (Outcome.LATE, "edits-silent"))],
    ids=["slow", "none"],
)
def test_new_records_say_nothing_of_how_long_an_edit_takes(
    engine: type[TinyEngine], verdict: tuple[Outcome, str], tmp_path: Path
) -> None:
    """A rewriting that is not seen to travel is late until other edits arrive."""
    found = run(empty_flow(), tmp_path, only=lambda c: c.name == "discovered", engine_type=engine).of("discovered")
    assert (found.outcome, found.reason) == verdict, found.message


class SlowMerges(TinyEngine):
    """Looks longer at what matches something than at what does not."""

    async def _admit(self, record: Record) -> None:
        since_s = self.first_seen.setdefault(record.id, trio.current_time())
        if trio.current_time() - since_s >= 48 or await self._match(record) is None:
            await super()._admit(record)


def test_new_records_say_nothing_of_how_long_a_merge_takes(tmp_path: Path) -> None:
    """And the criterion is left alone as long as something else can show it."""
    merged = run(merging_flow(*ROWS), tmp_path, only=lambda c: c.name == "merged", engine_type=SlowMerges).of("merged")
    assert merged.outcome is Outcome.PASSED, merged.message


@pytest.mark.parametrize("spell", [str, str.upper], ids=["as in the schema", "otherwise"])
def test_a_merge_is_seen_however_the_document_spells_the_criterion(spell: type[str], tmp_path: Path) -> None:
    """Where nothing but the criterion travels, its next value shows the merge; no wiggle can show more then."""
    name, title = spell("name"), spell("title")
    flow = make_flow(
        RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, RuleKind.TWO_WAY,
        rows=(make_row(name, title),), merge=(make_merge(name, title),),
    )  # fmt: skip
    created = run(flow, tmp_path, mapping={"name": "title"}, only=lambda c: c.name == "created").of("created")
    assert (created.outcome, created.reason) == (Outcome.UNDECIDED, "nothing-to-wiggle"), created.message


def test_no_property_is_undocumented_only_because_it_is_spelled_otherwise(tmp_path: Path) -> None:
    flow = make_flow(rows=tuple(make_row(s.upper(), t.upper()) for s, t in MAPPING.items()))
    audit = run(flow, tmp_path, only=lambda c: c.name == "audit").of("audit")
    assert (audit.outcome, audit.reason) == (Outcome.PASSED, "nothing-undocumented"), audit.message


@pytest.mark.parametrize("flow", [empty_flow(), filled_flow()], ids=["empty table", "filled table"])
def test_an_engine_that_damages_everything_is_not_called_silent(flow: object, tmp_path: Path) -> None:
    """Its heartbeats arrive damaged too, so that none of them is recognised."""
    created = run(flow, tmp_path, "truncates", only=lambda c: c.name == "created").of("created")  # type: ignore[arg-type]
    assert (created.outcome, created.reason) == (Outcome.FAILED, "values-damaged"), created.message


def test_another_customer_is_no_damaged_copy_of_a_silent_engine(tmp_path: Path) -> None:
    """Records of others hold words of other people."""

    async def beside(_bakery: FakeSystem, shop: FakeSystem) -> None:
        for number in range(40):
            await trio.sleep(3)
            await shop.client("clerk").create("Account", {"title": f"Romero {number}", "town": "Gouda"})

    created = run(filled_flow(), tmp_path, "dead", only=lambda c: c.name == "created", beside=beside).of("created")
    assert (created.outcome, created.reason) == (Outcome.LATE, "engine-silent"), created.message


async def touch_accounts(_bakery: FakeSystem, shop: FakeSystem) -> None:
    """A clerk who saves accounts again and again, once they are a while old."""
    first_s: dict[str, float] = {}
    while True:
        await trio.sleep(7)
        for record in shop.living("Account"):
            if trio.current_time() - first_s.setdefault(record.id, trio.current_time()) > 15:
                await shop.client("clerk").update("Account", record.id, {})


@pytest.mark.parametrize("flow", [empty_flow(), filled_flow()], ids=["empty table", "filled table"])
@pytest.mark.parametrize(
    ("breaks", "verdict"),
    [("", (Outcome.PASSED, "at-rest")), ("echoes", (Outcome.FAILED, "not-at-rest"))],
    ids=["a clerk", "an engine too"],
)
def test_what_others_write_is_not_laid_to_the_engine(
    breaks: str, verdict: tuple[Outcome, str], flow: object, tmp_path: Path
) -> None:
    """Where a system tells who wrote a record, a pair that a clerk saves is at rest."""
    quiet = run(flow, tmp_path, breaks, only=lambda c: c.name == "quiet", beside=touch_accounts).of("quiet")  # type: ignore[arg-type]
    assert (quiet.outcome, quiet.reason) == verdict, quiet.message


class LateTwins(TinyEngine):
    """Makes a second account some batches after the first."""

    async def _create(self, record: Record) -> None:
        await super()._create(record)
        self._twins = [*getattr(self, "_twins", ()), (self.cycles + 8, self._copied(record))]

    async def cycle(self) -> None:
        for _, values in [twin for twin in getattr(self, "_twins", ()) if twin[0] == self.cycles]:
            await self.target.create(self.flow.target.entity, values)
        await super().cycle()


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among others"])
def test_a_copy_that_comes_some_batches_later_is_a_copy(alone: bool, tmp_path: Path) -> None:
    """As when an engine gives up waiting for an answer, and does its work again."""
    created = run(
        filled_flow(), tmp_path, only=lambda c: not alone or c.name == "created", engine_type=LateTwins
    ).of("created")  # fmt: skip
    assert (created.outcome, created.reason) == (Outcome.FAILED, "duplicate"), created.message


class PostedShop(FakeSystem):
    """Nobody changes an account any more."""

    def update(self, entity: str, record_id: str, values: Mapping[str, Scalar], user: str) -> _Stored:
        del entity, record_id, values, user
        raise ApiRefused("posted accounts cannot be changed", status=422, code="posted")


@pytest.mark.parametrize("name", ["created", "edited-in-source"])
def test_an_engine_whose_edits_the_system_refuses_is_not_blamed(name: str, tmp_path: Path) -> None:
    """The harness may not make them either."""
    outcomes = run(filled_flow(), tmp_path, only=lambda c: c.name == name, shop_type=PostedShop)
    assert {(r.outcome, r.reason) for r in outcomes.results.values()} == {(Outcome.UNDECIDED, "target-refuses")}


def test_an_engine_is_not_silent_where_nothing_was_written_for_it(tmp_path: Path) -> None:
    """The source refuses each record that may travel: no heartbeat was ever sent."""

    def choosy(bakery: FakeSystem, _shop: FakeSystem) -> None:
        insert = bakery.insert

        def refusing(entity: str, values: Mapping[str, Scalar], user: str) -> _Stored:
            if values.get("remark") == "sold":
                raise ApiRefused("nothing is sold today", status=422, code="closed")
            return insert(entity, values, user)

        bakery.insert = refusing  # type: ignore[method-assign]

    outcomes = run(
        FLOWS["selling"],
        tmp_path,
        only=lambda check: check.name == "condition-fails",
        condition=("remark", "sold"),
        conditions=(SOLD,),
        before=choosy,
    )
    found = outcomes.of("condition-fails")
    assert (found.outcome, found.reason) == (Outcome.NOT_RUNNABLE, "system-refuses"), found.message


class Emptying(TinyEngine):
    """Empties the call where a phone was edited."""

    def _spoilt(self, side: Side, values: dict[str, FieldValue], others: list[str]) -> dict[str, FieldValue]:
        spoilt = super()._spoilt(side, values, others)
        return {path: "" if path == "call" else value for path, value in spoilt.items()}


def test_a_hidden_transform_that_leaves_nothing_is_not_moved(tmp_path: Path) -> None:
    """What was there is gone: that is no other value."""
    flow = make_flow(rows=(make_row("name", "title"), make_row("phone", "call", "N/A")))
    only = run(
        flow, tmp_path, engine_type=Emptying,
        only=lambda c: c.name == "edited-in-source" and c.row is not None and c.row.source == "phone",
    )  # fmt: skip
    assert only.of("edited-in-source").outcome is Outcome.FAILED, only.words()


def test_a_merge_that_is_slower_than_the_patience_is_late_where_others_are_too(tmp_path: Path) -> None:
    """Where all heartbeats are merges, they show how long one takes."""
    created = run(linking_flow(), tmp_path, only=lambda c: c.name == "created", engine_type=SlowMerges).of("created")
    assert (created.outcome, created.reason) == (Outcome.LATE, "engine-slow"), created.message
