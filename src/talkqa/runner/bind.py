"""How a pytest item takes the outcomes of its own steps: from a scenario that ran ahead, or by performing it itself."""

import traceback
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import pytest

from talkqa.model.errors import CheckNotRunnable, CheckOutcome, TalkqaError
from talkqa.model.result import CheckFinished, Outcome, StepResult
from talkqa.model.world import ScenarioPlan
from talkqa.runner.board import Board, Fate
from talkqa.runner.live import LiveWorld
from talkqa.runner.loop import Loop, LoopStopped
from talkqa.runner.performance import as_outcome, outcome_of

_WELL = frozenset({Outcome.PASSED, Outcome.OBSERVED, Outcome.ATTESTED})
_OPEN = frozenset({Outcome.UNDECIDED, Outcome.NOT_RUNNABLE, Outcome.NOT_RUN, Outcome.WAIVED})
_OF_THE_WORLD = frozenset({"world-refused", "world-broke"})
"""Reasons that are told of every scenario of a world alike."""

T = TypeVar("T")

Look = Callable[[], None]
"""Called several times a second while pytest waits."""


class Binding(Protocol):
    """One pytest item's hold on its scenario."""

    def take(self, index: int) -> None:
        """Let a step of ours happen; ends the item as pytest knows it where the step decided against the scenario."""
        ...

    def told(self, index: int, error: BaseException | None) -> None:
        """Note how a step of the project's own ended that pytest itself ran."""
        ...

    def close(self, error: BaseException | None) -> CheckFinished | None:
        """The verdict, once the item is through; None where the scenario never began."""
        ...


class AheadBinding:
    """Takes what a scenario that runs ahead has put on the board."""

    def __init__(self, plan: ScenarioPlan, board: Board, look: Look) -> None:
        self._plan = plan
        self._board = board
        self._look = look

    def take(self, index: int) -> None:
        """Wait for the step's fate."""
        fate = _translated(lambda: self._board.await_step(self._plan.node, index, self._look))
        if not isinstance(fate, Fate) or fate.exception is not None:
            finished = _translated(lambda: self._board.await_finished(self._plan.node, self._look))
            again = finished.reason in _OF_THE_WORLD and not self._board.tell(finished.message)
            end_item(finished, again=again)

    def told(self, index: int, error: BaseException | None) -> None:
        """Nothing: a scenario with such steps does not run ahead."""

    def close(self, error: BaseException | None) -> CheckFinished | None:
        """Wait for the verdict, unless the item ended by something else than the scenario."""
        if error is not None:
            return self._board.finished(self._plan.node)
        return _translated(lambda: self._board.await_finished(self._plan.node, self._look))


class PlacedBinding:
    """Performs each step in the loop when its turn comes."""

    def __init__(self, plan: ScenarioPlan, live: LiveWorld, loop: Loop, board: Board, look: Look) -> None:
        self._plan = plan
        self._live = live
        self._loop = loop
        self._board = board
        self._look = look
        self._steps: list[StepResult] = []
        self._failure: BaseException | None = None
        self._finished: CheckFinished | None = None
        self._end_s = 0.0
        self._wait(self._live.begin_in_place, plan)
        self._end_s = self._wait(self._live.read_clock)

    def take(self, index: int) -> None:
        """Perform the step to its end."""
        try:
            result = self._loop.wait(self._loop.submit(self._live.step_in_place, self._plan, index), self._look)
        except LoopStopped as error:
            pytest.fail(f"error: {error}", pytrace=False)
        except Exception as error:  # noqa: BLE001 - becomes the scenario's verdict
            self._note(index, outcome_of(error)[0], error)
            end_item(self._finish())
        else:
            self._end_s = result.end_s
            self._steps.append(result)
            self._board.put_step(self._plan.node, index, result, None)

    def told(self, index: int, error: BaseException | None) -> None:
        """Note how a step of the project's own ended that pytest itself ran."""
        failure = _as_failure(error) if error is not None else None
        self._note(index, outcome_of(failure)[0] if failure is not None else Outcome.PASSED, failure)

    def close(self, error: BaseException | None) -> CheckFinished | None:
        """Ask for the verdict, unless a step did already."""
        if error is not None and self._failure is None:
            self._failure = _as_failure(error)
        return self._finish()

    def _finish(self) -> CheckFinished:
        if self._finished is None:
            self._finished = self._wait(self._live.finish_in_place, self._plan, tuple(self._steps), self._failure)
        return self._finished

    def _note(self, index: int, outcome: Outcome, failure: BaseException | None) -> None:
        begin_s, self._end_s = self._end_s, self._wait(self._live.read_clock)
        text = " ".join(self._plan.steps[index])
        result = StepResult(text=text, outcome=outcome, begin_s=begin_s, end_s=self._end_s)
        self._steps.append(result)
        self._failure = failure
        self._board.put_step(self._plan.node, index, result, failure)

    def _wait(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        return _translated(lambda: self._loop.wait(self._loop.submit(function, *args), self._look))


def end_item(finished: CheckFinished, *, again: bool = False) -> None:
    """End a pytest item as its scenario ended; returns where all is well.

    Args:
        finished: The verdict.
        again: Whether an item before has failed for what this one says: pytest need not print it once more.
    """
    __tracebackhide__ = True
    if finished.outcome in _WELL:
        return
    if finished.outcome in _OPEN or again:
        pytest.skip(f"{finished.outcome}: {finished.message} [{finished.reason}]")
    pytest.fail(render_verdict(finished), pytrace=False)


def render_verdict(finished: CheckFinished) -> str:
    """A verdict in a few lines: what was found, what was promised and where."""
    blame = f"{finished.outcome} ({finished.cause})" if finished.cause else str(finished.outcome)
    lines = [f"{blame}: {finished.message} [{finished.reason}]"]
    if finished.expected or finished.observed:
        lines += [f"  expected: {finished.expected}", f"  observed: {finished.observed}"]
    if finished.place:
        lines.append(f"  {finished.place}: {finished.sentence}")
    lines.append(f"  check: {finished.check}")
    return "\n".join(lines)


def trace_of(error: BaseException | None) -> str:
    """The traceback of an error that no step meant to raise; empty for outcomes and for errors with a plain message."""
    if error is None or isinstance(error, CheckOutcome | TalkqaError):
        return ""
    return "".join(traceback.format_exception(error))


def _as_failure(error: BaseException) -> BaseException:
    if isinstance(error, pytest.skip.Exception):
        return CheckNotRunnable("own-step-skipped", str(error))
    if isinstance(error, pytest.fail.Exception):
        return as_outcome(AssertionError(str(error)))
    return as_outcome(error) if isinstance(error, AssertionError) else error


def _translated(wait: Callable[[], T]) -> T:
    """What a wait gave; a loop that ended is an error of the item that waited."""
    __tracebackhide__ = True
    try:
        return wait()
    except TalkqaError as error:
        pytest.fail(f"error: {error}", pytrace=False)
