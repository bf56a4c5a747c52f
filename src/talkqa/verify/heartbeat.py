"""Heartbeats: records written for one purpose, to show that a flow is alive and not merely slow.

A missing record is only missing once records written later have arrived. Beats are shared: everybody who asks
within one poll period waits for the same one, so their number grows with time and not with checks.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

import trio

from talkqa.model.call import ACTOR
from talkqa.model.errors import ApiUnavailable
from talkqa.model.protocols import Clock
from talkqa.verify.evidence import CURRENT

_LOST = 2
"""Beats in turn that do not arrive in time, after which no further one is asked for."""
_ROUNDING_S = 0.001
"""By how much the times of a recording may differ from those of its replay."""


@dataclass(slots=True, kw_only=True)
class Beat:
    """One record written to see whether it arrives."""

    number: int
    started_s: float = inf
    arrived_s: float | None = None
    in_time: bool = False
    error: Exception | None = None
    """What broke the harness while it sent the beat; raised again for everybody who waits for it."""
    done: trio.Event = field(default_factory=trio.Event)
    outwaited: trio.Event | None = None
    """Set when nobody waits any longer for a beat that was not in time; None while nobody asked for that."""

    @property
    def took_s(self) -> float | None:
        """How long it was on its way; None while it is."""
        return None if self.arrived_s is None else self.arrived_s - self.started_s


class Sender(Protocol):
    """Writes the beats of one kind."""

    in_turn: bool
    """Whether each beat goes on where the one before it left off, as edits of one pair do."""

    async def send(self, number: int) -> bool:
        """Write beat number n; whether it arrived in time. Never raises for a silent engine."""
        ...

    async def follow(self, number: int) -> bool:
        """Wait longer for a beat that was not in time; whether it arrived after all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBeats:
    """The beats of one flow in a recording."""

    starts: Sequence[float]
    """When each began, by number; negative for one that was given up before."""
    chosen: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Whoever asked (see `ACTOR`) to the numbers of the beats that answered, in order."""


class Heartbeats:
    """The beats of one flow."""

    def __init__(
        self,
        sender: Sender,
        clock: Clock,
        nursery: trio.Nursery,
        gather_s: float,
        *,
        actor: str = "heartbeat",
        recorded: RecordedBeats | None = None,
        on_start: Callable[[str, float], None] = lambda _actor, _at_s: None,
        on_choice: Callable[[str, str, int], None] = lambda _actor, _asker, _number: None,
    ) -> None:
        """Make the heartbeats of a flow.

        Args:
            sender: Writes the beats.
            clock: The run's clock.
            nursery: Where beats live; cancelled with the world.
            gather_s: How long a beat waits for others who want one too.
            actor: On whose behalf beats are written; the number follows.
            recorded: The beats of the recording that is replayed: no other one can be answered.
            on_start: Told actor and time of each beat that begins.
            on_choice: Told actor, whoever asked, and the number of the beat that answers.
        """
        self._on_choice = on_choice
        self._asked: Counter[str] = Counter()
        self._sender = sender
        self._clock = clock
        self._nursery = nursery
        self._gather_s = gather_s
        self._actor = actor
        self._recorded = recorded
        self._on_start = on_start
        self.beats: dict[int, Beat] = {}
        """By number, in the order in which they were asked for."""

    def repeat(self) -> None:
        """Begin the beats of a recording that go on from one another, whoever asks for which of them now."""
        if self._recorded is None or not self._sender.in_turn or self.beats:
            return
        for number, start_s in enumerate(self._recorded.starts):
            if start_s >= 0:
                self._begin(number, start_s)

    async def after(self, moment_s: float) -> bool:
        """Whether a beat written at or after a moment arrives."""
        return (await self._beat_after(moment_s, 0)).in_time

    async def rounds(self, count: int) -> bool:
        """Whether so many beats arrive, each begun after the one before it had arrived: as many batches have passed."""
        first = 0
        for _ in range(count):
            beat = await self._beat_after(self._clock.now(), first)
            if not beat.in_time:
                return False
            first = beat.number + 1
        return True

    def longest_s(self) -> float:
        """The longest time that a beat took which arrived."""
        return max((beat.took_s or 0.0 for beat in self.beats.values()), default=0.0)

    async def enough_arrive(self, wanted: int, most: int, moment_s: float) -> bool:
        """Whether so many of so many beats arrive in time, the first one written at or after a moment, each in turn.

        Two in turn that do not end the asking: nothing is known then but that the engine is slow, or silent.
        """
        arrived, first, lost = 0, 0, 0
        for _ in range(most):
            beat = await self._beat_after(moment_s, first)
            arrived += beat.in_time
            lost = 0 if beat.in_time else lost + 1
            if lost == _LOST or arrived == wanted:
                break
            first, moment_s = beat.number + 1, self._clock.now()
        return arrived == wanted

    async def outwait(self) -> float | None:
        """How many seconds the last beat that was not in time took after all; None where it never came."""
        beat = next((b for b in reversed(self.beats.values()) if b.done.is_set() and not b.in_time), None)
        if beat is None:
            return None
        if beat.outwaited is None:
            beat.outwaited = trio.Event()
            self._nursery.start_soon(self._follow, beat, beat.outwaited)
        await beat.outwaited.wait()
        if beat.error is not None:
            raise beat.error
        return beat.took_s

    async def _follow(self, beat: Beat, over: trio.Event) -> None:
        CURRENT.set(None)
        ACTOR.set(f"{self._actor} {beat.number}")
        try:
            if await self._sender.follow(beat.number):
                beat.arrived_s = self._clock.now()
        except Exception as error:  # noqa: BLE001 - as for a beat that is sent
            beat.error = error
        finally:
            over.set()

    async def _beat_after(self, moment_s: float, first: int) -> Beat:
        beat = next((b for n, b in self.beats.items() if n >= first and b.started_s >= moment_s), None)
        if beat is None or self._recorded is not None:
            number, start_s = self._next(moment_s, first)
            beat = self.beats.get(number)
            if beat is None:
                beat = self._begin(number, start_s)
        self._on_choice(self._actor, ACTOR.get(), beat.number)
        await beat.done.wait()
        if beat.error is not None:
            raise beat.error
        return beat

    def _begin(self, number: int, start_s: float) -> Beat:
        before = tuple(self.beats.values()) if self._sender.in_turn else ()
        beat = self.beats[number] = Beat(number=number)
        self._nursery.start_soon(self._run, beat, start_s, before)
        return beat

    def _next(self, moment_s: float, first: int) -> tuple[int, float]:
        """Number of the beat that begins next, and when."""
        if self._recorded is None:
            return len(self.beats), self._clock.now() + self._gather_s
        asker = ACTOR.get()
        chosen, nth = self._recorded.chosen.get(asker, ()), self._asked[asker]
        self._asked[asker] += 1
        if nth < len(chosen):
            return chosen[nth], self._recorded.starts[chosen[nth]]
        for number, start_s in enumerate(self._recorded.starts):
            if number >= first and start_s >= moment_s - _ROUNDING_S:
                return number, start_s
        raise ApiUnavailable(f"the recording holds no {self._actor} at or after {moment_s:.1f} s; record again")

    async def _run(self, beat: Beat, start_s: float, before: Sequence[Beat]) -> None:
        CURRENT.set(None)  # what a beat sends belongs to no scenario
        actor = f"{self._actor} {beat.number}"
        ACTOR.set(actor)
        try:
            await self._clock.sleep(max(0.0, start_s - self._clock.now()))
            for earlier in before:
                await earlier.done.wait()
            beat.started_s = self._clock.now()
            self._on_start(actor, beat.started_s)
            if await self._sender.send(beat.number):
                beat.arrived_s, beat.in_time = self._clock.now(), True
        except Exception as error:  # noqa: BLE001 - a beat has no verdict of its own, and must not end the world
            beat.error = error
        finally:
            beat.done.set()
