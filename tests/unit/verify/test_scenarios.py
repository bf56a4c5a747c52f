"""Whole scenarios over two systems in memory and an engine that shares no code with the reference engine."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.phrases import IN_STEP
from talkqa.model.check import Check, Depth
from talkqa.model.flow import Flow, RuleKind
from talkqa.model.result import CheckFinished, Event, LatencySeen, MappingSeen, Outcome
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan
from talkqa.verify.clock import TrioClock
from talkqa.verify.conduct import Conduct
from talkqa.verify.perform import perform
from talkqa.verify.world import VerifyWorld
from tests.fakes.client import FakeSystem
from tests.fakes.clock import EPOCH
from tests.fakes.engine import TinyEngine
from tests.fakes.flows import make_flow, make_row, make_world

_TEXTS = ("name", "city", "phone", "remark")
_FIELDS = tuple(FieldSchema(path=p, type=FieldType.STRING, max_length=60) for p in _TEXTS)
_BAKERY = SystemSchema(name="Bakery", entities=(EntitySchema(name="Customer", fields=_FIELDS, name_field="name"),))
_SHOP_FIELDS = tuple(
    FieldSchema(path=p, type=FieldType.STRING, max_length=60) for p in ("title", "town", "call", "note")
)
_SHOP = SystemSchema(name="Web Shop", entities=(EntitySchema(name="Account", fields=_SHOP_FIELDS, name_field="title"),))
MAPPING = {"name": "title", "city": "town", "phone": "call"}


def empty_flow() -> Flow:
    return make_flow()


def filled_flow() -> Flow:
    return make_flow(rows=tuple(make_row(s, t) for s, t in MAPPING.items()))


class Outcomes:
    """The results of a run, by name and row."""

    def __init__(
        self, results: list[CheckFinished], events: list[Event], systems: tuple[FakeSystem, FakeSystem]
    ) -> None:
        self.results = {r.check.partition("/")[2]: r for r in results}
        self.events = events
        self.systems = systems

    def of(self, name: str) -> CheckFinished:
        """The result of the first check of that name."""
        return next(r for n, r in sorted(self.results.items()) if n.startswith(name))

    def words(self) -> dict[str, str]:
        """Name to outcome, reason and message, for reading."""
        return {name: f"{r.outcome} {r.reason}: {r.message}" for name, r in self.results.items()}


def run(
    flow: Flow,
    tmp_path: Path,
    *breaks: str,
    only: Callable[[Check], bool] = lambda _c: True,
    depth: Depth = Depth.STANDARD,
    mapping: Mapping[str, str] = MAPPING,
    condition: tuple[str, str] | None = None,
    further: tuple[tuple[str, str], ...] = (),
    shop_type: type[FakeSystem] = FakeSystem,
    engine_type: type[TinyEngine] = TinyEngine,
    schemas: tuple[SystemSchema, SystemSchema] = (_BAKERY, _SHOP),
    before: Callable[[FakeSystem, FakeSystem], object] = lambda _bakery, _shop: None,
    beside: Callable[[FakeSystem, FakeSystem], Awaitable[None]] | None = None,
    conduct: Conduct | None = None,
    **settings: Any,
) -> Outcomes:
    """All checks of a flow against the tiny engine, at once, on virtual time."""
    results: list[CheckFinished] = []
    events: list[Event] = []
    systems: list[FakeSystem] = []

    async def main() -> None:
        clock = TrioClock(EPOCH)
        bakery, shop = FakeSystem(schemas[0], clock), shop_type(schemas[1], clock)
        systems.extend((bakery, shop))
        before(bakery, shop)
        engine = engine_type(
            flow,
            bakery.client("engine"),
            shop.client("engine"),
            mapping,
            frozenset(breaks),
            condition=condition,
            further=further,
        )
        world = VerifyWorld(
            world=make_world(flow),
            clients={"Bakery": bakery.client(), "Web Shop": shop.client()},
            clock=clock,
            settings=Settings(patience_s=40, poll_s=2, **settings),
            ledger_path=tmp_path / "ledger.jsonl",
            emit=events.append,
            conduct=conduct or Conduct(),
        )

        async def one(check: Check) -> None:
            steps = [("Given", IN_STEP.render(source=flow.source.name, target=flow.target.name))]
            steps += [(s.keyword, s.text) for s in check.steps]
            plan = ScenarioPlan(check=check.id, name=check.title, node=check.id, steps=tuple(steps))
            results.append(await perform(world, plan, lambda _i, _r, _e: None))

        async with trio.open_nursery() as outer:
            outer.start_soon(engine.run)
            if beside is not None:
                outer.start_soon(beside, bakery, shop)
            async with world:
                async with trio.open_nursery() as nursery:
                    for check in derive_checks(flow, depth):
                        if only(check):
                            nursery.start_soon(one, check)
                outer.cancel_scope.cancel()
                with trio.CancelScope(shield=True):
                    await world.close(interrupted=False, wall_s=0.0)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return Outcomes(results, events, (systems[0], systems[1]))


def failed(outcomes: Outcomes) -> set[str]:
    return {n.partition("/")[0] for n, r in outcomes.results.items() if r.outcome in {Outcome.FAILED, Outcome.LATE}}


@pytest.mark.parametrize("flow", [empty_flow(), filled_flow()], ids=["empty table", "filled table"])
def test_a_correct_engine_is_never_accused_and_what_the_document_promises_is_passed(flow: Flow, tmp_path: Path) -> None:
    outcomes = run(flow, tmp_path)
    accused = {n: w for n, w in outcomes.words().items() if not w.startswith(("passed", "observed"))}
    assert accused == {}
    promised = [r for n, r in outcomes.results.items() if not r.tags or "policy" not in r.tags]
    assert {r.outcome for r in promised if r.name not in {"audit", "discovered"}} == {Outcome.PASSED}


def test_a_passed_check_says_what_was_observed_and_shows_the_exchanges(tmp_path: Path) -> None:
    created = run(empty_flow(), tmp_path, only=lambda c: c.name == "created").of("created")
    assert created.outcome is Outcome.PASSED
    assert "appeared" in created.message
    assert any(o.exchanges for o in created.observations)


def test_nothing_is_left_in_the_systems_after_the_sweep(tmp_path: Path) -> None:
    outcomes = run(empty_flow(), tmp_path)
    left = [r.id for system, entity in zip(outcomes.systems, ("Customer", "Account"), strict=True)
            for r in system.living(entity)]  # fmt: skip
    assert left == []


def test_discovery_tells_exactly_the_properties_that_travel(tmp_path: Path) -> None:
    outcomes = run(empty_flow(), tmp_path, only=lambda c: c.name == "discovered")
    seen = {(e.source, e.target) for e in outcomes.events if isinstance(e, MappingSeen)}
    assert seen == set(MAPPING.items())


def test_latency_is_told_with_the_poll_period_as_its_error(tmp_path: Path) -> None:
    outcomes = run(empty_flow(), tmp_path, only=lambda c: c.name == "created")
    latencies = [e for e in outcomes.events if isinstance(e, LatencySeen)]
    assert latencies
    assert all(0 <= e.seconds <= 40 and e.error_s == 2 for e in latencies)


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        ("target-edits-dropped", "edited-in-target"),
        ("source-edits-dropped", "edited-in-source"),
        ("duplicates", "created"),
        ("imports-copies", "created"),
        ("echoes", "quiet"),
        ("crosses", "edited-in-source"),
        ("dead", "created"),
    ],
)
@pytest.mark.parametrize("flow", [empty_flow(), filled_flow()], ids=["empty table", "filled table"])
def test_each_fault_is_seen_by_the_check_whose_sentence_it_breaks(
    flow: Flow, fault: str, broken: str, tmp_path: Path
) -> None:
    outcomes = run(flow, tmp_path, fault)
    assert broken in failed(outcomes), outcomes.words()


def test_a_cut_value_is_seen_where_the_property_is_documented(tmp_path: Path) -> None:
    outcomes = run(filled_flow(), tmp_path, "truncates")
    assert "audit" in failed(outcomes), outcomes.words()


def test_a_documented_property_that_arrives_otherwise_is_named_with_both_values(tmp_path: Path) -> None:
    swapped = {"name": "title", "city": "call", "phone": "town"}
    audit = run(filled_flow(), tmp_path, only=lambda c: c.name == "audit", mapping=swapped).of("audit")
    assert audit.reason == "documented-but-different"
    assert "never seen to travel" not in audit.message
    for seen, due in zip(audit.observed.split("; "), audit.expected.split("; "), strict=True):
        assert f"is {seen.partition(': ')[2]} and not {due.partition(': ')[2]}" in audit.message


def test_a_documented_property_that_is_not_carried_at_all_is_called_dead(tmp_path: Path) -> None:
    flow = make_flow(rows=tuple(make_row(s, t) for s, t in {**MAPPING, "remark": "note"}.items()))
    audit = run(flow, tmp_path, only=lambda c: c.name == "audit").of("audit")
    assert audit.reason == "documented-but-dead"
    assert audit.message.endswith(": remark to note")


def test_a_dead_engine_is_late_and_not_failed_because_nothing_shows_that_it_is_not_slow(tmp_path: Path) -> None:
    outcomes = run(empty_flow(), tmp_path, "dead")
    assert {r.outcome for r in outcomes.results.values()} == {Outcome.LATE}
    assert {r.reason for r in outcomes.results.values()} == {"engine-silent"}


def test_a_flow_with_a_condition_that_nothing_binds_is_undecided_as_a_whole(tmp_path: Path) -> None:
    flow = make_flow(RuleKind.CONDITION, RuleKind.TWO_WAY, RuleKind.PROPERTIES)
    outcomes = run(flow, tmp_path)
    assert {(r.outcome, r.reason) for r in outcomes.results.values()} == {(Outcome.UNDECIDED, "condition-unbound")}
