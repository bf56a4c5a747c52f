"""When a world has come to rest: every scenario that began is over, or waits for just that.

Used by steps that judge an absence, so that they do it as late as the run allows. It decides nothing: what is judged
then rests on records that were written and seen to arrive.
"""

import trio


class Stillness:
    """The scenarios of a world that are under way."""

    def __init__(self) -> None:
        self._under_way: set[object] = set()
        self._waiting: set[object] = set()
        self._reached = trio.Event()

    def begin(self, who: object) -> None:
        """Count a scenario that begins."""
        self._under_way.add(who)

    def end(self, who: object) -> None:
        """Count a scenario as over; told twice, it is over once."""
        self._under_way.discard(who)
        self._waiting.discard(who)
        self._look()

    async def reached(self, who: object, within_s: float) -> None:
        """Wait until nobody does anything but wait here, and at most so many seconds."""
        self._waiting.add(who)
        self._look()
        if who in self._waiting:
            with trio.move_on_after(within_s):
                await self._reached.wait()
            self._waiting.discard(who)

    def _look(self) -> None:
        if self._under_way <= self._waiting:
            self._waiting.clear()
            self._reached.set()
            self._reached = trio.Event()
