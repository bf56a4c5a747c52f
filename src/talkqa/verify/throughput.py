"""How many probes of a flow may be on their way at once: as many as its engine was seen to take in good time.

Used where a scenario writes the record that it waits for. Without it the run itself makes the queue in which its last
probes are late: it begins with a few, goes on faster as long as they arrive, and slower when they take long.
"""

from collections.abc import Callable
from dataclasses import dataclass

import trio

from talkqa.model.protocols import Clock

_FIRST = 8
"""Probes of a flow that are written before anything is known of its engine."""
_LEAST = 1
_CALM = 0.25
"""Share of the patience up to which a probe counts as taken in good time."""

_MOMENT_S = 0.01


@dataclass(eq=False, slots=True, kw_only=True)
class Passage:
    """One probe on its way."""

    since_s: float
    note: Callable[["Passage", bool | None], None]

    def over(self, *, arrived: bool) -> None:
        """Tell that it arrived, or that it was given up; told again it changes nothing."""
        self.note(self, arrived)

    def drop(self) -> None:
        """Give the turn back: nothing was written, and nothing is learnt of the engine."""
        self.note(self, None)


class Throughput:
    """The probes of one flow that are on their way."""

    def __init__(self, clock: Clock, patience_s: float, *, bounded: bool = True) -> None:
        """Begin with nothing on its way.

        Args:
            clock: The run's clock.
            patience_s: After so long a probe is late, and holds nobody up any more.
            bounded: False where nothing is written, as in a replay: everybody passes.
        """
        self._clock = clock
        self._patience_s = patience_s
        self._bounded = bounded
        self._limit = float(_FIRST)
        self._under_way: dict[Passage, None] = {}
        self._changed = trio.Event()

    @property
    def limit(self) -> int:
        """How many may be on their way at once."""
        return int(self._limit)

    async def admitted(self) -> Passage:
        """Wait for a turn to write a probe."""
        while self._bounded and len(self._living()) >= self.limit:
            oldest = min(p.since_s for p in self._under_way)
            # a moment more: at the very second, sum and difference of the same times may round to different sides
            with trio.move_on_after(max(0.0, oldest + self._patience_s - self._clock.now()) + _MOMENT_S):
                await self._changed.wait()
        passage = Passage(since_s=self._clock.now(), note=self._note)
        self._under_way[passage] = None
        return passage

    def _living(self) -> dict[Passage, None]:
        """Those on their way that are not late: what is late may never come."""
        now = self._clock.now()
        self._under_way = {p: None for p in self._under_way if now - p.since_s < self._patience_s}
        return self._under_way

    def _note(self, passage: Passage, arrived: bool | None) -> None:  # noqa: FBT001 - called by name there
        if passage not in self._under_way:
            return
        del self._under_way[passage]
        if arrived is not None:
            calm = arrived and self._clock.now() - passage.since_s <= _CALM * self._patience_s
            self._limit = self._limit + 1 if calm else max(_LEAST, self._limit / 2)
        self._changed.set()
        self._changed = trio.Event()
