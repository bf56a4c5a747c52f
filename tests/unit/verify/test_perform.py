"""Tests of `talkqa.verify.perform` and `talkqa.verify.evidence`: the outcome that each error stands for."""

from pathlib import Path

import pytest
import trio

from talkqa.checklist.phrases import CREATED, EXACTLY_ONE
from talkqa.model.errors import (
    CALLS_USED_UP,
    ApiRefused,
    ApiUnavailable,
    CheckFailed,
    CheckLate,
    CheckNotRunnable,
    CheckUndecided,
    TalkqaError,
)
from talkqa.model.record import Exchange, Record
from talkqa.model.result import Cause, CheckFinished, CheckStarted, Event, Outcome, StepResult
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan
from talkqa.verify.clock import TrioClock
from talkqa.verify.evidence import CURRENT, EvidenceLog, record_exchange
from talkqa.verify.observer import Sighting
from talkqa.verify.perform import Performance, outcome_of, perform
from talkqa.verify.scenario import Scenario
from talkqa.verify.vocabulary.table import Vocabulary
from talkqa.verify.world import VerifyWorld
from tests.fakes.client import FakeSystem
from tests.fakes.clock import EPOCH
from tests.fakes.flows import make_world
from tests.fakes.virtual import run_virtual
from tests.unit.verify.test_scenarios import _BAKERY, _SHOP, empty_flow

STEPS = (("When", CREATED.render(source="X")), ("Then", EXACTLY_ONE.render(target="Y")))


def play(
    tmp_path: Path, error: BaseException | None, *, decides: bool = True, check: str = "manual/a/b"
) -> tuple[CheckFinished, list[Event], list[tuple[int, StepResult, BaseException | None]]]:
    """Two steps, the second of which ends with an error or decides."""
    events: list[Event] = []
    told: list[tuple[int, StepResult, BaseException | None]] = []

    async def first(s: Scenario, source: str) -> None:
        s.observe(f"{source} was made")

    async def second(s: Scenario, target: str) -> None:
        if error is not None:
            raise error
        if decides:
            s.decide("seen", f"{target} was seen")

    async def main() -> CheckFinished:
        clock = TrioClock(EPOCH)
        world = VerifyWorld(
            world=make_world(empty_flow()),
            clients={"Bakery": FakeSystem(_BAKERY, clock).client(), "Web Shop": FakeSystem(_SHOP, clock).client()},
            clock=clock,
            settings=Settings(),
            ledger_path=tmp_path / "ledger.jsonl",
            emit=events.append,
        )
        async with world:
            plan = ScenarioPlan(check=check, name="A name", node="n", steps=STEPS, tags=("mine",))
            words = Vocabulary({CREATED: first, EXACTLY_ONE: second})
            return await perform(world, plan, lambda i, r, e: told.append((i, r, e)), words)

    return run_virtual(main), events, told


@pytest.mark.parametrize(
    ("error", "outcome", "reason", "cause"),
    [
        (None, Outcome.PASSED, "seen", None),
        (CheckFailed("lost", "nothing came", cause=Cause.ENGINE), Outcome.FAILED, "lost", Cause.ENGINE),
        (CheckLate("silent", "nothing came"), Outcome.LATE, "silent", None),
        (CheckUndecided("open", "who knows"), Outcome.UNDECIDED, "open", None),
        (CheckNotRunnable("lacks", "no licence"), Outcome.NOT_RUNNABLE, "lacks", None),
        (ApiRefused("422"), Outcome.NOT_RUNNABLE, "system-refuses", Cause.API),
        (ApiUnavailable("503"), Outcome.ERROR, "api-unavailable", Cause.API),
        (ApiUnavailable("no calls left", code=CALLS_USED_UP), Outcome.NOT_RUNNABLE, "calls-used-up", Cause.API),
        (TalkqaError("no ledger"), Outcome.ERROR, "harness-error", Cause.HARNESS),
        (KeyError("oops"), Outcome.ERROR, "harness-bug", Cause.HARNESS),
    ],
)
def test_each_error_of_a_step_becomes_its_outcome(
    error: Exception | None, outcome: Outcome, reason: str, cause: Cause | None, tmp_path: Path
) -> None:
    """With the reason, who is answerable, and each step's own outcome."""
    finished, events, told = play(tmp_path, error)
    assert (finished.outcome, finished.reason, finished.cause) == (outcome, reason, cause)
    assert finished.message
    assert [s.outcome for s in finished.steps] == [Outcome.PASSED, outcome]
    assert [(i, e) for i, _, e in told] == [(0, None), (1, error)]
    assert [e.check for e in events if isinstance(e, CheckStarted)] == ["manual/a/b"]
    assert (finished.title, finished.name, finished.tags) == ("A name", "manual", ("mine",))
    assert finished.observations[0].text == "X was made"


def test_a_scenario_that_asserts_nothing_has_proven_nothing(tmp_path: Path) -> None:
    """It would pass over a dead engine."""
    finished, _, _ = play(tmp_path, None, decides=False)
    assert (finished.outcome, finished.reason) == (Outcome.UNDECIDED, "nothing-asserted")


def test_a_check_of_the_checklist_carries_its_sentence_and_place(tmp_path: Path) -> None:
    """A scenario written by hand carries its name."""
    finished, _, _ = play(tmp_path, None, check=f"{empty_flow().id}/created")
    assert finished.sentence.startswith("Every Bakery Customer")
    assert finished.place == "specs/invented.rst:1"


def test_steps_after_the_end_were_not_run(tmp_path: Path) -> None:
    """An error from outside, such as a foreign step's, ends a scenario too, and the first one counts."""

    async def main() -> CheckFinished:
        clock = TrioClock(EPOCH)
        world = VerifyWorld(
            world=make_world(empty_flow()), clients={}, clock=clock, settings=Settings(),
            ledger_path=tmp_path / "ledger.jsonl", emit=lambda _e: None,
        )  # fmt: skip
        async with world:
            performance = Performance(world, ScenarioPlan(check="manual/a/b", name="n", node="n", steps=STEPS))
            performance.fail(CheckFailed("foreign", "a step of mine"))
            performance.fail(CheckFailed("second", "another"))
            return performance.finish()

    finished = run_virtual(main)
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, "foreign")
    assert {s.outcome for s in finished.steps} == {Outcome.NOT_RUN}


def test_a_cancelled_step_was_not_run() -> None:
    """Alone or in a group of tasks; a person's interruption likewise."""

    async def main() -> Outcome:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                async with trio.open_nursery():
                    await trio.sleep(1)
            except BaseException as error:
                outcome = outcome_of(error)
                raise
        return outcome

    assert run_virtual(main) is Outcome.NOT_RUN
    assert outcome_of(KeyboardInterrupt()) is Outcome.NOT_RUN
    assert outcome_of(ExceptionGroup("several", [KeyError()])) is Outcome.ERROR


def test_an_observation_shows_the_last_exchanges_before_it_and_what_was_sighted() -> None:
    """And none of those that an earlier observation has shown."""
    log = EvidenceLog()
    token = CURRENT.set(log)
    try:
        for n in range(6):
            record_exchange(Exchange(method="GET", url=f"/{n}", status=200, at_s=n))
        record = Record(system="Bakery", entity="Customer", id="c1", values={"name": "Ærø"}, modified=None)
        log.observe("seen", 7.0, Sighting(record=record, seen_s=6.5, order=0))
        log.observe("again", 8.0)
    finally:
        CURRENT.reset(token)
    record_exchange(Exchange(method="GET", url="/nobody", status=200, at_s=9))
    shown = log.observations[0].exchanges
    assert [e.url for e in shown[:-1]] == ["/2", "/3", "/4", "/5"]
    assert (shown[-1].at_s, shown[-1].response_body) == (6.5, '{"name": "Ærø"}')
    assert "c1" in shown[-1].url
    assert log.observations[1].exchanges == ()
    assert log.pending == []
