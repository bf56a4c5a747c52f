"""A trio loop in a thread of its own, on a virtual or the real clock, and the way into it from pytest's thread.

Whatever is handed in comes back as a future; every wait looks whether the loop still lives, so that a crash in the loop
is an error of whoever waits and never a hang.
"""

import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, TypeVar

import trio
import trio.testing

from talkqa.model.errors import TalkqaError

T = TypeVar("T")

_LOOK_S = 0.1
"""How long a wait may last before it looks at the loop and at the progress again, in real seconds."""


class LoopStopped(TalkqaError):
    """Raised where the loop ended before what was asked of it."""


def seed_scheduler(seed: str) -> None:
    """Make trio take turns by this seed, as hypothesis-trio does: equal seeds give equal runs.

    trio (0.35) has no public way: it draws the order of tasks that are ready at once from a module's random generator.
    """
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]  # noqa: SLF001
    trio._core._run._r.seed(seed)  # noqa: SLF001


def hold_time(*, still: bool) -> None:
    """Let virtual time stand still, or pass again; the real clock takes no notice. In a loop's thread only."""
    clock = trio.lowlevel.current_clock()
    if isinstance(clock, trio.testing.MockClock):
        clock.autojump_threshold = inf if still else 0


class Loop:
    """One trio run in one thread."""

    def __init__(self, *, virtual: bool, seed: str) -> None:
        self._virtual = virtual
        self._seed = seed
        self._thread = threading.Thread(target=self._run, name="talkqa-loop", daemon=True)
        self._ready = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._stopping: trio.Event | None = None
        self._crash: BaseException | None = None
        self._open: set[concurrent.futures.Future[Any]] = set()
        self._lock = threading.Lock()

    @property
    def alive(self) -> bool:
        """Whether something handed in now would be done."""
        return self._thread.is_alive()

    @property
    def failure(self) -> LoopStopped | None:
        """Why nothing handed in would be done; None while the loop lives."""
        return None if self.alive else self._stopped()

    def start(self) -> None:
        """Start the thread and return when it takes work.

        Raises:
            LoopStopped: where it could not start.
        """
        self._thread.start()
        while not self._ready.wait(_LOOK_S):
            if not self.alive:
                raise self._stopped()

    def submit(self, function: Callable[..., Awaitable[T]], *args: object) -> concurrent.futures.Future[T]:
        """Run an async function in the loop; its future fails with `LoopStopped` where the loop ends first."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()
        with self._lock:
            self._open.add(future)
        self._soon(self._begin, future, function, args)
        if not self.alive:
            self._fail(future)
        return future

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the loop without waiting for it; nothing happens where the loop has ended."""
        self._soon(function, *args)

    def wait(self, future: concurrent.futures.Future[T], tick: Callable[[], None] | None = None) -> T:
        """The result of a future, or its exception; calls `tick` while waiting.

        Raises:
            LoopStopped: where the loop ended first.
        """
        while True:
            try:
                return future.result(_LOOK_S)
            except TimeoutError:
                if future.done():  # the function's own TimeoutError
                    raise
                if not self.alive:
                    self._fail(future)
                if tick is not None:
                    tick()

    def stop(self, *, within_s: float) -> bool:
        """Cancel what runs and end the thread; tells whether it ended in time, in real seconds."""
        if self._stopping is not None:
            self._soon(self._stopping.set)
        self._thread.join(within_s)
        return not self.alive

    def _run(self) -> None:
        clock = trio.testing.MockClock(autojump_threshold=0) if self._virtual else None
        try:
            if self._virtual:
                seed_scheduler(self._seed)
            trio.run(self._main, clock=clock)
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._crash = error
        finally:
            with self._lock:
                waiting = tuple(self._open)
            for future in waiting:
                self._fail(future)

    async def _main(self) -> None:
        self._stopping = trio.Event()
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._token = trio.lowlevel.current_trio_token()
            self._ready.set()
            await self._stopping.wait()
            nursery.cancel_scope.cancel()

    def _begin(self, future: concurrent.futures.Future[T], function: Callable[..., Awaitable[T]], args: Any) -> None:
        if self._nursery is None:  # never: the token by which this is called comes after it
            raise self._stopped()
        try:
            self._nursery.start_soon(self._fulfil, future, function, args, name=getattr(function, "__qualname__", None))
        except RuntimeError:  # closed to new arrivals: the loop is at its end
            self._fail(future)

    async def _fulfil(
        self, future: concurrent.futures.Future[T], function: Callable[..., Awaitable[T]], args: Any
    ) -> None:
        try:
            result = await function(*args)
        except trio.Cancelled:  # the loop ends, and tells why once it has
            raise
        except BaseException as error:  # noqa: BLE001 - belongs to whoever waits
            self._settle(future, error=error)
        else:
            self._settle(future, result=result)

    def _settle(
        self, future: concurrent.futures.Future[Any], *, result: Any = None, error: BaseException | None = None
    ) -> None:
        with self._lock:
            self._open.discard(future)
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

    def _fail(self, future: concurrent.futures.Future[Any]) -> None:
        self._settle(future, error=self._stopped())

    def _stopped(self) -> LoopStopped:
        error = LoopStopped(
            f"the loop that runs scenarios ended unexpectedly: {self._crash!r}"
            if self._crash is not None
            else "the loop that runs scenarios was stopped before this was done"
        )
        error.__cause__ = self._crash
        return error

    def _soon(self, function: Callable[..., object], *args: object) -> None:
        if self._token is None:
            return
        try:
            self._token.run_sync_soon(function, *args)
        except trio.RunFinishedError:
            return  # whoever waits learns it from the liveness of the thread
