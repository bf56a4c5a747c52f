"""What may begin, and when: the look-ahead window of the real clock, and the end that -x and --maxfail put to a run.

Both go by the order of the selected items. All methods but the constructors are called in the loop's thread.
"""

from bisect import insort

import trio


class Window:
    """Bounds how many scenarios have begun that pytest has not reported yet.

    They begin in the items' order: otherwise later ones could hold every place while pytest waits for an earlier one.
    """

    def __init__(self, size: int | None) -> None:
        self._free = trio.Semaphore(size) if size is not None else None
        self._inside: set[int] = set()
        self._reported: set[int] = set()

    async def enter(self, order: int) -> None:
        """Wait for a place."""
        if self._free is not None and order not in self._reported:
            await self._free.acquire()
            self._inside.add(order)

    def report(self, order: int) -> None:
        """Free the place of a scenario whose item was reported."""
        self._reported.add(order)
        if self._free is not None and order in self._inside:
            self._inside.discard(order)
            self._free.release()


class FailureLimit:
    """Ends what stands after the last failure that pytest will report."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failed: list[int] = []
        self._scopes: dict[int, trio.CancelScope] = {}

    def admits(self, order: int) -> bool:
        """Whether pytest will get as far as this item."""
        return not self._limit or len(self._failed) < self._limit or order <= self._failed[self._limit - 1]

    def enter(self, order: int) -> trio.CancelScope:
        """The scope that a scenario is to run in; cancelled once pytest will not get as far."""
        scope = self._scopes[order] = trio.CancelScope()
        return scope

    def leave(self, order: int, *, failed: bool) -> None:
        """Note how a scenario ended."""
        del self._scopes[order]
        if not failed:
            return
        insort(self._failed, order)
        for other, scope in self._scopes.items():
            if not self.admits(other):
                scope.cancel()
