"""Running a scenario: its steps one after the other, and the one outcome they end in."""

from collections.abc import Callable

from talkqa.model.call import ACTOR
from talkqa.model.errors import (
    CALLS_USED_UP,
    ApiError,
    ApiRefused,
    CheckFailed,
    CheckLate,
    CheckNotRunnable,
    CheckOutcome,
    CheckUndecided,
    TalkqaError,
)
from talkqa.model.result import Cause, CheckFinished, CheckStarted, Outcome, StepResult
from talkqa.model.world import ScenarioPlan
from talkqa.verify.evidence import CURRENT
from talkqa.verify.scenario import Scenario
from talkqa.verify.vocabulary import VOCABULARY, Vocabulary
from talkqa.verify.world import VerifyWorld

_OUTCOMES: tuple[tuple[type[BaseException], Outcome], ...] = (
    (CheckFailed, Outcome.FAILED),
    (CheckLate, Outcome.LATE),
    (CheckUndecided, Outcome.UNDECIDED),
    (CheckNotRunnable, Outcome.NOT_RUNNABLE),
    (ApiRefused, Outcome.NOT_RUNNABLE),  # what a test wrote was refused: that shows nothing of the engine
)

OnStep = Callable[[int, StepResult, BaseException | None], None]


class Performance:
    """One scenario while it runs; steps are asked for one by one."""

    def __init__(self, world: VerifyWorld, plan: ScenarioPlan, vocabulary: Vocabulary = VOCABULARY) -> None:
        self.scenario = Scenario(world, plan)
        self.results: list[StepResult] = []
        self._world = world
        self._plan = plan
        self._vocabulary = vocabulary
        self._begin_s = world.clock.now()
        self._ended: BaseException | None = None
        world.stillness.begin(self.scenario)
        world.access.emit(CheckStarted(check=plan.check, at_s=self._begin_s))

    async def step(self, index: int) -> StepResult:
        """Run one step; returns its result or raises what ended the scenario.

        Raises:
            CheckOutcome: where the step decides against the promise, or cannot decide.
            TalkqaError: where the harness or a system breaks.
        """
        keyword, text = self._plan.steps[index]
        begin = self._world.clock.now()
        token, actor = CURRENT.set(self.scenario.evidence), ACTOR.set(self._plan.check)
        outcome = Outcome.PASSED
        try:
            await self._vocabulary.perform(text, self.scenario)
        except BaseException as error:
            self._ended = error
            self._world.stillness.end(self.scenario)
            outcome = outcome_of(error)
            if isinstance(error, CheckOutcome | ApiError):  # the last look at the records is what shows it
                self.scenario.evidence.conclude(str(error), self._world.clock.now())
            raise
        finally:
            CURRENT.reset(token)
            ACTOR.reset(actor)
            self.results.append(
                StepResult(text=f"{keyword} {text}", outcome=outcome, begin_s=begin, end_s=self._world.clock.now())
            )
        return self.results[-1]

    def fail(self, error: BaseException) -> None:
        """End the scenario by an error that came from outside, such as a foreign step."""
        self._ended = self._ended or error

    def finish(self) -> CheckFinished:
        """The result of the scenario."""
        self._world.stillness.end(self.scenario)
        now = self._world.clock.now()
        self.results += [
            StepResult(text=f"{keyword} {text}", outcome=Outcome.NOT_RUN, begin_s=now, end_s=now)
            for keyword, text in self._plan.steps[len(self.results) :]
        ]
        return self._finished(now)

    def _finished(self, now: float) -> CheckFinished:
        plan, scenario = self._plan, self.scenario
        check = self._world.check(plan.check)
        outcome, reason, message, cause, expected, observed = self._verdict()
        return CheckFinished(
            check=plan.check,
            flow_id=check.flow_id if check else scenario.flow_id,
            name=check.name if check else "manual",
            title=check.title if check else plan.name,
            sentence=check.sentence if check else plan.name,
            place=self._world.place(plan.check),
            outcome=outcome,
            reason=reason,
            message=message,
            cause=cause,
            expected=expected,
            observed=observed,
            steps=tuple(self.results),
            observations=tuple(scenario.evidence.observations),
            begin_s=self._begin_s,
            end_s=now,
            node=plan.node,
            tags=check.tags if check else plan.tags,
        )

    def _verdict(self) -> tuple[Outcome, str, str, Cause | None, str, str]:
        error, scenario = self._ended, self.scenario
        if error is None:
            if not scenario.decisions:
                message = "no step of the scenario asserts anything"
                return Outcome.UNDECIDED, "nothing-asserted", message, Cause.HARNESS, "", ""
            outcome = Outcome.OBSERVED if scenario.is_observation else Outcome.PASSED
            return outcome, scenario.reason, "; ".join(scenario.decisions), None, "", scenario.seen
        outcome = outcome_of(error)
        if isinstance(error, CheckOutcome):
            return outcome, error.reason, error.message, error.cause, error.expected, error.observed
        if isinstance(error, ApiError):
            silent = "calls-used-up" if error.code == CALLS_USED_UP else "api-unavailable"
            reason = "system-refuses" if isinstance(error, ApiRefused) else silent
            return outcome, reason, str(error), Cause.API, "", ""
        reason = "harness-error" if isinstance(error, TalkqaError) else "harness-bug"
        return outcome, reason, f"{type(error).__name__}: {error}", Cause.HARNESS, "", ""


def outcome_of(error: BaseException) -> Outcome:
    """The outcome that an error of a step stands for."""
    if not isinstance(error, Exception):  # cancelled or interrupted, perhaps in a group of tasks
        return Outcome.NOT_RUN
    if isinstance(error, ApiError) and error.code == CALLS_USED_UP:
        return Outcome.NOT_RUNNABLE  # nothing is broken: the account may ask no more for now
    return next((outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)), Outcome.ERROR)


async def perform(
    world: VerifyWorld, plan: ScenarioPlan, on_step: OnStep, vocabulary: Vocabulary = VOCABULARY
) -> CheckFinished:
    """Run a scenario to its end; every error becomes its outcome, cancellation alone passes through."""
    performance = Performance(world, plan, vocabulary)
    for index in range(len(plan.steps)):
        try:
            result = await performance.step(index)
        except Exception as error:  # noqa: BLE001 - the boundary between steps and verdicts
            on_step(index, performance.results[-1], error)
            break
        on_step(index, result, None)
    return performance.finish()
