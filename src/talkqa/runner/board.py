"""Where the tasks in the loop put what the pytest items in their own thread take: fates of steps, and verdicts."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from talkqa.model.result import CheckFinished, StepResult

_LOOK_S = 0.1
"""How long a wait may last before it looks whether anything can still come, in real seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How one step ended."""

    result: StepResult
    exception: BaseException | None


class Board:
    """Fates and verdicts by pytest node id; any thread may put, pytest's thread takes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._fates: defaultdict[str, dict[int, Fate]] = defaultdict(dict)
        self._finished: dict[str, CheckFinished] = {}
        self._logs: defaultdict[str, list[str]] = defaultdict(list)
        self._told: set[str] = set()

    def put_step(self, node: str, index: int, result: StepResult, exception: BaseException | None) -> None:
        """Tell how a step ended."""
        with self._changed:
            self._fates[node][index] = Fate(result=result, exception=exception)
            self._changed.notify_all()

    def put_finished(self, finished: CheckFinished) -> None:
        """Tell how a scenario ended."""
        with self._changed:
            self._finished[finished.node] = finished
            self._changed.notify_all()

    def put_log(self, node: str, text: str) -> None:
        """Keep what a scenario logged or printed."""
        with self._changed:
            self._logs[node].append(text)

    def finished(self, node: str) -> CheckFinished | None:
        """The verdict, if there is one yet."""
        return self._finished.get(node)

    def tell(self, message: str) -> bool:
        """Whether pytest is told a message for the first time; called in its thread alone."""
        fresh = message not in self._told
        self._told.add(message)
        return fresh

    def fates(self, node: str) -> tuple[StepResult, ...]:
        """Results of the steps that ended so far, in order."""
        with self._changed:
            return tuple(fate.result for _, fate in sorted(self._fates.get(node, {}).items()))

    def exception(self, node: str) -> BaseException | None:
        """What the last step of a scenario raised, if it did."""
        return next((fate.exception for fate in self._fates.get(node, {}).values() if fate.exception), None)

    def log(self, node: str) -> str:
        """All that a scenario logged or printed so far."""
        with self._changed:
            return "".join(self._logs.get(node, ()))

    def await_step(self, node: str, index: int, look: Callable[[], None]) -> Fate | CheckFinished:
        """Wait for the fate of a step, or for the verdict where the scenario ended before that step did.

        Args:
            node: pytest node id.
            index: Index of the step.
            look: Called several times a second while waiting; raises where nothing can come any more.
        """
        self._wait_until(lambda: index in self._fates.get(node, ()) or node in self._finished, look)
        return self._fates.get(node, {}).get(index) or self._finished[node]

    def await_finished(self, node: str, look: Callable[[], None]) -> CheckFinished:
        """Wait for the verdict; `look` as in `await_step`."""
        self._wait_until(lambda: node in self._finished, look)
        return self._finished[node]

    def _wait_until(self, holds: Callable[[], bool], look: Callable[[], None]) -> None:
        while not holds():  # at first without the lock: mostly it is there already
            with self._changed:
                if self._changed.wait_for(holds, _LOOK_S):
                    return
            look()
