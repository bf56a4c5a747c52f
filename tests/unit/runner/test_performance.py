"""How one scenario is performed, and what its exceptions mean."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trio

from talkqa.model.errors import (
    ApiRefused,
    ApiUnavailable,
    CheckFailed,
    CheckLate,
    CheckNotRunnable,
    CheckUndecided,
    ConfigError,
    FeatureMissing,
    RunError,
    TalkqaError,
)
from talkqa.model.result import Cause, CheckFinished, Outcome, RunFinished, StepResult
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan
from talkqa.runner.bare import BareStage
from talkqa.runner.gate import ScenarioGate
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.performance import as_outcome, cause_of_world, conclude, describe, outcome_of, perform_scenario
from talkqa.runner.stage import Opening, Stage
from talkqa.runner.vocabulary import AsyncStep, Scene, Vocabulary
from talkqa.transport.recording import CassetteError
from talkqa.verify.clock import TrioClock
from tests.fakes.stage import FakeStage
from tests.fakes.virtual import run_virtual

REST = "the pair comes to rest"
PLAN = ScenarioPlan(
    check="c", name="Mixed", node="t.py::mixed", steps=(("Given", REST), ("When", "2 seconds pass"), ("Then", REST))
)


async def wait(scene: Scene, seconds: float) -> None:
    await scene.clock.sleep(seconds)  # refuses a negative time with a ValueError
    assert seconds < 3, "too long"


def vocabulary() -> Vocabulary:
    made = Vocabulary()
    made.replace_own([AsyncStep("{seconds:g} seconds pass", wait)])
    return made


def perform(stage: Stage, plan: ScenarioPlan, tmp_path: object) -> tuple[CheckFinished, list[tuple[int, Outcome]]]:
    """The verdict and what was told of each step."""

    async def story() -> tuple[CheckFinished, list[tuple[int, Outcome]]]:
        folder = WorldFolder(path=tmp_path, slug="a/b", documents=(), checks=())  # type: ignore[arg-type]
        clock, told = TrioClock(datetime(2030, 1, 1, tzinfo=UTC)), []
        opening = Opening(
            clock=clock,
            settings=Settings(),
            root=folder.path,
            gate=ScenarioGate(),
            ledger_path=folder.path / "ledger",
            emit=lambda event: None,
        )

        def on_step(index: int, result: StepResult, error: BaseException | None) -> None:
            told.append((index, result.outcome))

        async with stage.open(stage.prepare(folder, Settings(), folder.path), opening) as world:
            finished = await perform_scenario(world, plan, vocabulary=vocabulary(), clock=clock, on_step=on_step)
            closed = await world.close(interrupted=False, wall_s=1)
            assert isinstance(closed, RunFinished)
        return finished, told

    return run_virtual(story)


def with_step(text: str) -> ScenarioPlan:
    return replace(PLAN, steps=(("When", text), ("Then", REST)))


def test_own_steps_and_the_vocabulary_s_take_turns(tmp_path: object) -> None:
    finished, told = perform(FakeStage(step_s=1), PLAN, tmp_path)
    assert finished.outcome is Outcome.PASSED
    assert told == [(0, Outcome.PASSED), (1, Outcome.PASSED), (2, Outcome.PASSED)]
    assert [(step.text, step.begin_s, step.end_s) for step in finished.steps] == [
        (f"Given {REST}", 0, 1),
        ("When 2 seconds pass", 1, 3),
        (f"Then {REST}", 3, 4),
    ]


def test_an_assertion_of_an_own_step_fails_the_check_and_ends_it(tmp_path: object) -> None:
    finished, told = perform(FakeStage(), with_step("5 seconds pass"), tmp_path)
    assert (finished.outcome, finished.reason) == (Outcome.FAILED, "own-step-failed")
    assert "too long" in finished.message
    assert told == [(0, Outcome.FAILED)]
    assert [step.outcome for step in finished.steps] == [Outcome.FAILED, Outcome.NOT_RUN]


def test_another_exception_of_an_own_step_is_an_error_of_the_harness(tmp_path: object) -> None:
    finished, _ = perform(FakeStage(), with_step("-1 seconds pass"), tmp_path)
    assert (finished.outcome, finished.cause) == (Outcome.ERROR, Cause.HARNESS)
    assert finished.message == "ValueError: `seconds` must be non-negative"


def test_a_step_of_the_vocabulary_that_raises_ends_a_mixed_scenario(tmp_path: object) -> None:
    late = CheckLate("late", "it is not there")
    finished, told = perform(FakeStage(raises={"c": (2, late)}), PLAN, tmp_path)
    assert (finished.outcome, finished.reason, finished.message) == (Outcome.LATE, "late", "it is not there")
    assert told[-1] == (2, Outcome.LATE)


def test_outside_every_world_own_steps_run_and_the_vocabulary_s_say_what_is_missing(tmp_path: object) -> None:
    alone, _ = perform(BareStage(), replace(PLAN, steps=(("When", "2 seconds pass"),)), tmp_path)
    mixed, told = perform(BareStage(), PLAN, tmp_path)
    plain, _ = perform(BareStage(), with_step(REST), tmp_path)
    assert alone.outcome is Outcome.PASSED
    assert told == [(0, Outcome.ERROR)]
    for finished in (mixed, plain):
        assert (finished.outcome, finished.cause) == (Outcome.ERROR, Cause.CONFIGURATION)
        assert f"the step '{REST}' needs a world" in finished.message


def test_cancellation_passes_through(tmp_path: object) -> None:
    async def story() -> bool:
        world_plan = with_step("2 seconds pass")
        folder = WorldFolder(path=tmp_path, slug="a/b", documents=(), checks=())  # type: ignore[arg-type]
        clock = TrioClock(datetime(2030, 1, 1, tzinfo=UTC))
        opening = Opening(
            clock=clock,
            settings=Settings(),
            root=folder.path,
            gate=ScenarioGate(),
            ledger_path=folder.path / "ledger",
            emit=lambda event: None,
        )
        stage = BareStage()
        async with stage.open(stage.prepare(folder, Settings(), folder.path), opening) as world:
            with trio.move_on_after(1) as scope:
                await perform_scenario(world, world_plan, vocabulary=vocabulary(), clock=clock, on_step=lambda *_: None)
        return scope.cancelled_caught

    assert run_virtual(story)


@pytest.mark.parametrize(
    ("error", "outcome", "cause"),
    [
        (CheckFailed("x", "x"), Outcome.FAILED, None),
        (CheckFailed("x", "x", cause=Cause.ENGINE), Outcome.FAILED, Cause.ENGINE),
        (AssertionError("x"), Outcome.FAILED, None),
        (CheckLate("x", "x"), Outcome.LATE, None),
        (CheckUndecided("x", "x"), Outcome.UNDECIDED, None),
        (CheckNotRunnable("x", "x"), Outcome.NOT_RUNNABLE, None),
        (FeatureMissing("x", licence="Billing"), Outcome.NOT_RUNNABLE, None),
        (ApiUnavailable("x"), Outcome.ERROR, Cause.API),
        (ConfigError("x"), Outcome.ERROR, Cause.CONFIGURATION),
        (TalkqaError("x"), Outcome.ERROR, Cause.HARNESS),
        (ZeroDivisionError("x"), Outcome.ERROR, Cause.HARNESS),
    ],
)
def test_every_exception_stands_for_an_outcome(error: BaseException, outcome: Outcome, cause: Cause | None) -> None:
    assert outcome_of(error) == (outcome, cause)
    assert conclude(PLAN, begin_s=0, end_s=1, steps=(), failure=error).outcome is outcome


def test_an_assertion_without_words_is_told_by_its_line() -> None:
    with pytest.raises(AssertionError) as raised:
        raise AssertionError
    assert "raise AssertionError" in str(as_outcome(raised.value))
    assert str(as_outcome(AssertionError())) == "an assertion did not hold"


def test_a_failed_check_stays_what_it_is() -> None:
    failed = CheckFailed("x", "x")
    assert as_outcome(failed) is failed


def test_a_group_is_described_by_its_first_member() -> None:
    group = ExceptionGroup("many", [ExceptionGroup("inner", [ConfigError("set it")]), ValueError("x")])
    assert describe(group) == "set it"
    assert describe(ValueError("x")) == "ValueError: x"


def caused_by(error: Exception) -> RunError:
    """What the runner says of a system that it could not use."""
    told = RunError("cannot be used")
    told.__cause__ = error
    return told


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ConfigError("no account"), Cause.CONFIGURATION),
        (RunError("looks like production"), Cause.CONFIGURATION),
        (CassetteError("too old"), Cause.CONFIGURATION),
        (caused_by(ApiRefused("no such user", status=401)), Cause.CONFIGURATION),
        (caused_by(ApiRefused("broken", status=422)), Cause.API),
        (caused_by(ApiUnavailable("silent")), Cause.API),
        (ExceptionGroup("of a nursery", [ApiUnavailable("silent")]), Cause.API),
        (TalkqaError("cannot go on"), Cause.HARNESS),
        (KeyError("bug"), Cause.HARNESS),
    ],
)
def test_a_world_that_did_not_open_is_blamed_on_who_can_help(error: Exception, cause: Cause) -> None:
    assert cause_of_world(error) is cause
