"""What goes on around the tests and the reference engine: answers that are slow, refused or lost, and clocks apart.

Used by the emulated systems and by the engine. Every draw depends on the seed, on what is asked and on how often it
was asked before; bursts depend on the time as well. The order of other calls plays no part.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from talkqa.model.protocols import Clock
from talkqa.model.settings import Weather
from talkqa.sandbox import draws

BURST_S = 5.0
"""How long a burst of refusals or failures lasts."""
_IN_BURST = 0.6
"""Share of the calls of a burst that it befalls."""
_CLIENT_TIMEOUT_S = 20.0
"""When a client of an answer that never comes gives up, where it has no deadline of its own."""
_STATUSES = (500, 502, 503)
_RETRY_AFTER_S = (1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What befalls one call."""

    before_s: float = 0.0
    """How long it is on its way to the system."""
    after_s: float = 0.0
    """How long its answer is on its way back."""
    status: int = 0
    """What it is answered instead of being done; 0 where it is done."""
    retry_after_s: int | None = None
    lost_after_s: float | None = None
    """Seconds after it was done at which its client learns that there is no answer; None where there is one."""


class Forecast:
    """The weather over one emulated system."""

    def __init__(self, weather: Weather, *, system: str, seed: int) -> None:
        self._weather = weather
        self._key = ("weather", seed, system)

    @property
    def ahead_s(self) -> float:
        """By how many seconds the system's clock is ahead of the run's; below zero where it is behind."""
        return self._weather.skew_s * (draws.fraction(*self._key, "skew") - 0.5)

    @property
    def spares_tests(self) -> bool:
        """Whether only the engine's calls are befallen."""
        return self._weather.engine_only

    def befall(self, *key: object, at_s: float, writes: bool, signs_in: bool) -> Lot:
        """What becomes of a call.

        Args:
            key: What is asked, by whom and for which time.
            at_s: When.
            writes: Whether it may change something: only the answers of such calls are lost.
            signs_in: Whether it asks for a token: a lost one would end a chain of tokens that are used once, which no
                client can mend.
        """
        weather = self._weather
        delay_s = weather.api_delay_s * draws.fraction(*self._key, "delay", *key)
        to_s = delay_s * draws.fraction(*self._key, "way", *key)
        if self._is_hit("refused", weather.refused, at_s, key):
            least_s, most_s = _RETRY_AFTER_S
            told = draws.index(2 * (most_s - least_s + 1), *self._key, "after", *key) + least_s
            return Lot(before_s=to_s, status=429, retry_after_s=told if told <= most_s else None)
        if self._is_hit("failed", weather.failed, at_s, key):
            return Lot(before_s=to_s, status=_STATUSES[draws.index(len(_STATUSES), *self._key, "status", *key)])
        lost_after_s = None
        if writes and not signs_in and draws.fraction(*self._key, "lost", *key) < weather.lost:
            lost_after_s = _CLIENT_TIMEOUT_S * draws.index(2, *self._key, "hangs", *key)
        return Lot(before_s=to_s, after_s=delay_s - to_s, lost_after_s=lost_after_s)

    def _is_hit(self, kind: str, share: float, at_s: float, key: tuple[object, ...]) -> bool:
        """Whether a burst goes on and befalls the call; so that in the long run `share` of all calls are befallen."""
        if not share:
            return False
        within = max(share, _IN_BURST)
        goes_on = draws.fraction(*self._key, kind, int(at_s // BURST_S)) < share / within
        return goes_on and draws.fraction(*self._key, kind, *key) < within


class SkewedClock:
    """A system's own clock: it runs as the run's does and shows another time."""

    def __init__(self, clock: Clock, ahead_s: float) -> None:
        self._clock = clock
        self._ahead = timedelta(seconds=ahead_s)

    def now(self) -> float:
        """Seconds since the run began."""
        return self._clock.now()

    def stamp(self) -> datetime:
        """What this clock shows."""
        return self._clock.stamp() + self._ahead

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await self._clock.sleep(seconds)


class Pace:
    """How the reference engine dawdles: the correct one too may be slow, and need not keep to an order."""

    def __init__(self, weather: Weather, *, seed: int) -> None:
        self._weather = weather
        self._key = ("pace", seed)

    @property
    def waits(self) -> bool:
        """Whether changes wait at all."""
        return self._weather.engine_delay_s > 0

    def wait_s(self, *key: object) -> float:
        """How long a change waits before it is worked on."""
        return self._weather.engine_delay_s * draws.fraction(*self._key, "wait", *key)

    def order(self, ids: Iterable[str]) -> tuple[str, ...]:
        """Changed records in the order in which they are worked on."""
        if not self._weather.reordered:
            return tuple(ids)
        return tuple(sorted(ids, key=lambda one: draws.digest(*self._key, "order", one)))


def lose_answer() -> httpx.TransportError:
    """What a client sees of a call whose answer never comes."""
    return httpx.ReadError("the connection was lost before the answer came")
