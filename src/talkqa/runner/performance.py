"""How one scenario is performed in an open world: by `verify` alone, or step by step with a project's own steps."""

import traceback

import trio

from talkqa.model.errors import (
    ApiError,
    ApiRefused,
    CheckFailed,
    CheckLate,
    CheckNotRunnable,
    CheckOutcome,
    CheckUndecided,
    ConfigError,
    DocumentError,
    FeatureMissing,
    RunError,
)
from talkqa.model.protocols import Clock
from talkqa.model.result import Cause, CheckFinished, Outcome, StepResult
from talkqa.model.world import ScenarioPlan
from talkqa.runner.stage import OnStep, OpenWorld, PlacedScenario
from talkqa.runner.vocabulary import Scene, Vocabulary
from talkqa.transport.recording import CassetteError

_LOGIN = frozenset({400, 401, 403})
"""Statuses of those whose credentials are not good enough."""

_OUTCOMES: tuple[tuple[type[BaseException], Outcome, Cause | None], ...] = (
    (CheckLate, Outcome.LATE, None),
    (CheckUndecided, Outcome.UNDECIDED, None),
    (CheckNotRunnable, Outcome.NOT_RUNNABLE, None),
    (AssertionError, Outcome.FAILED, None),  # CheckFailed is one
    (FeatureMissing, Outcome.NOT_RUNNABLE, None),
    (ApiError, Outcome.ERROR, Cause.API),
    (ConfigError, Outcome.ERROR, Cause.CONFIGURATION),
)


async def perform_scenario(
    world: OpenWorld, plan: ScenarioPlan, *, vocabulary: Vocabulary, clock: Clock, on_step: OnStep
) -> CheckFinished:
    """Perform a scenario of which every step is known, from its first step to its verdict."""
    if not any(vocabulary.own(text) for _, text in plan.steps):
        return await world.perform(plan, on_step)
    placed = world.place(plan)
    steps: list[StepResult] = []
    failure: BaseException | None = None
    for index, (keyword, text) in enumerate(plan.steps):
        begin_s = clock.now()
        try:
            result = await perform_step(placed, plan, index, vocabulary=vocabulary, clock=clock)
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: BLE001 - becomes the scenario's verdict
            failure = error
            outcome, _ = outcome_of(error)
            result = StepResult(text=f"{keyword} {text}", outcome=outcome, begin_s=begin_s, end_s=clock.now())
        steps.append(result)
        on_step(index, result, failure)
        if failure is not None:
            break
    return await placed.finish((*steps, *not_run_steps(plan, len(steps), clock.now())), failure)


async def perform_step(
    placed: PlacedScenario, plan: ScenarioPlan, index: int, *, vocabulary: Vocabulary, clock: Clock
) -> StepResult:
    """Perform one known step, the vocabulary's or the project's own; raises what decided against it."""
    keyword, text = plan.steps[index]
    own = vocabulary.own(text)
    if own is None:
        return await placed.step(index)
    begin_s = clock.now()
    try:
        await own.run(Scene(clock=clock, plan=plan), text)
    except AssertionError as error:
        raise as_outcome(error) from error
    return StepResult(text=f"{keyword} {text}", outcome=Outcome.PASSED, begin_s=begin_s, end_s=clock.now())


def as_outcome(error: AssertionError) -> CheckFailed:
    """What an assertion in a project's own step means: a failed check."""
    return error if isinstance(error, CheckFailed) else CheckFailed("own-step-failed", str(error) or _source_of(error))


def outcome_of(error: BaseException) -> tuple[Outcome, Cause | None]:
    """The outcome that an exception stands for, and its cause where the exception names none itself."""
    for kind, outcome, cause in _OUTCOMES:
        if isinstance(error, kind):
            return outcome, (error.cause if isinstance(error, CheckOutcome) and error.cause else cause)
    return Outcome.ERROR, Cause.HARNESS


def cause_of_world(error: BaseException) -> Cause:
    """Who has to act where a world could not be opened: who configured it, a system, or talkqa's makers."""
    error = first_of(error)
    for one in (error, error.__cause__):
        if isinstance(one, ApiRefused) and one.status in _LOGIN:
            return Cause.CONFIGURATION
        if isinstance(one, ApiError):
            return Cause.API
    configured = (ConfigError, DocumentError, RunError, CassetteError)
    return Cause.CONFIGURATION if isinstance(error, configured) else Cause.HARNESS


def conclude(
    plan: ScenarioPlan,
    *,
    begin_s: float,
    end_s: float,
    steps: tuple[StepResult, ...],
    failure: BaseException | None,
    reason: str = "",
) -> CheckFinished:
    """The verdict of a scenario that `verify` did not judge: from its steps and what the last of them raised."""
    outcome, cause = (Outcome.PASSED, None) if failure is None else outcome_of(failure)
    told = failure if isinstance(failure, CheckOutcome) else None
    return CheckFinished(
        check=plan.check,
        flow_id="",
        name=plan.name,
        title=plan.name,
        sentence="",
        place="",
        outcome=outcome,
        reason=reason or (told.reason if told else "steps-passed" if failure is None else "step-raised"),
        message="every step passed" if failure is None else told.message if told else describe(failure),
        cause=cause,
        expected=told.expected if told else "",
        observed=told.observed if told else "",
        steps=steps,
        begin_s=begin_s,
        end_s=end_s,
        node=plan.node,
        tags=plan.tags,
    )


def not_run_steps(plan: ScenarioPlan, first: int, at_s: float) -> tuple[StepResult, ...]:
    """Results of the steps from an index on that were never begun."""
    return tuple(
        StepResult(text=f"{keyword} {text}", outcome=Outcome.NOT_RUN, begin_s=at_s, end_s=at_s)
        for keyword, text in plan.steps[first:]
    )


def describe(error: BaseException) -> str:
    """One line for an exception: our own message, else with its kind in front; of a group, its first member."""
    error = first_of(error)
    ours = type(error).__module__.startswith("talkqa.")
    return str(error) if ours else f"{type(error).__name__}: {error}"


def first_of(error: BaseException) -> BaseException:
    """An exception; of a group, its first member."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _source_of(error: BaseException) -> str:
    """The line that raised, for an assertion without a message."""
    frames = traceback.extract_tb(error.__traceback__)
    return (frames[-1].line or "an assertion did not hold") if frames else "an assertion did not hold"
