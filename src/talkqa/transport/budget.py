"""Who may speak to a system now: so many calls a minute, a day and at once, the important ones first.

Used by the live transport, one for each account. It knows nothing of HTTP; all waiting goes through the clock given.
"""

from bisect import insort
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from math import floor, inf

import trio

from talkqa.model.account import Account, Budget
from talkqa.model.call import Purpose
from talkqa.model.errors import CALLS_USED_UP, ApiUnavailable
from talkqa.model.protocols import Clock
from talkqa.transport.rates import Rate

AGEING_S = 30.0
"""A call goes before every call of the next lower priority that comes up to this many seconds before it.

So nothing waits for ever: whoever has waited 90 s goes before whatever comes now, be it a sign-in.
"""
PATIENCE_S = 300.0
"""A system that wants more silence than this is told of at once, instead of being waited for."""

_MINUTE_S = 60.0
_DAY_S = 86_400.0
_TICK_S = 1e-6
"""The shortest wait: a virtual clock has to move, or rounding would let a waiter spin."""
_TRUST_S = 3600.0
"""How long a number of calls left is believed that comes without its reset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """What was used of a budget."""

    calls: int = 0
    by_purpose: Mapping[Purpose, int] = field(default_factory=dict)
    waited_s: float = 0.0
    """Seconds that all callers together waited for their turn."""
    refused: int = 0
    """Calls that were not made because the day, or what the system said was left, is used up."""
    busiest_minute: int = 0
    """Most calls that began within 60 s."""


class CallBudget:
    """Gives turns to speak to one system as one account.

    A call counts from its beginning until a minute (a day) after its end: when exactly the system counted it is not
    known. Among those who wait, the lowest `Purpose` goes first, within one purpose who came first; see `AGEING_S`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        system: str = "",
        calls_per_minute: float | None = None,
        calls_per_day: int | None = None,
        concurrent: int = 8,
    ) -> None:
        """Open a budget.

        Args:
            clock: All waiting goes through it.
            system: Canonical name, for messages.
            calls_per_minute: None for any number; below 1, one call each 60 s divided by it.
            calls_per_day: In any 24 hours; None for any number.
            concurrent: Calls at once, at least one.

        Raises:
            ValueError: for a minute without calls, in which everybody would wait for ever.
        """
        if calls_per_minute is not None and calls_per_minute <= 0:
            raise ValueError(f"calls_per_minute of {system or 'a system'} has to be above 0, not {calls_per_minute:g}")
        self._clock = clock
        self._system = system or "the system"
        self._concurrent = max(concurrent, 1)
        self._minute = _make_window(calls_per_minute, _MINUTE_S)
        self._day = _make_window(calls_per_day, _DAY_S)
        self._running = 0
        self._held_until_s = -inf
        self._ceilings: dict[str, _Ceiling] = {}
        self.held_up = False
        """Whether a call had to wait because the system itself told that no more were left."""
        self._queue: list[_Waiter] = []
        self._came = 0
        self._calls: Counter[Purpose] = Counter()
        self._waited_s = 0.0
        self._refused = 0
        self._begun: deque[float] = deque()
        self._busiest = 0

    @property
    def use(self) -> BudgetUse:
        """What was used so far."""
        return BudgetUse(
            calls=self._calls.total(),
            by_purpose=dict(sorted(self._calls.items())),
            waited_s=self._waited_s,
            refused=self._refused,
            busiest_minute=self._busiest,
        )

    def turn(self, purpose: Purpose) -> AbstractAsyncContextManager[None]:
        """One call: entered when it may begin, left when it has ended, however it ended.

        Entering raises `ApiUnavailable` with the code `CALLS_USED_UP` where no call may be made any more.
        """
        return _Turn(self, purpose)

    def pause(self, seconds: float) -> None:
        """Hold everybody back for that long; calls under way go on."""
        self._held_until_s = max(self._held_until_s, self._clock.now() + seconds)
        self._wake_first()

    def learn(self, rates: Iterable[Rate]) -> None:
        """Heed what an answer told; to be called within the turn of its call.

        Calls under way may or may not be counted in what is left: they are taken off once more.
        """
        now_s = self._clock.now()
        for rate in rates:
            until_s = now_s + (_TRUST_S if rate.reset_in_s is None else rate.reset_in_s)
            left = rate.left - max(self._running - 1, 0)
            known = self._ceilings.get(rate.name)
            if known and rate.reset_in_s is not None and abs(known.until_s - until_s) < 2:
                left = min(left, known.left)  # an answer that was overtaken by a later one knows less
            self._ceilings[rate.name] = _Ceiling(left=left, until_s=until_s)

    async def begin(self, purpose: Purpose) -> None:
        """Wait for a turn and take it; what `turn` enters by."""
        if self._queue or self._due_s() > self._clock.now():
            await self._wait(purpose)
        self._count(purpose)

    def end(self) -> None:
        """Give a turn back; what `turn` is left by."""
        now_s = self._clock.now()
        self._running -= 1
        self._minute.note(now_s)
        self._day.note(now_s)
        self._wake_first()

    async def _wait(self, purpose: Purpose) -> None:
        came_s = self._clock.now()
        self._came += 1
        waiter = _Waiter(rank=(came_s + AGEING_S * purpose, self._came))
        insort(self._queue, waiter, key=_rank_of)
        try:
            while (wait_s := self._wait_s(waiter)) > 0:
                with trio.CancelScope() as waiter.scope:
                    if wait_s == inf:
                        await trio.sleep_forever()
                    await self._clock.sleep(max(wait_s, _TICK_S))
        finally:
            self._queue.remove(waiter)
            self._waited_s += self._clock.now() - came_s
            self._wake_first()

    def _wait_s(self, waiter: "_Waiter") -> float:
        """Seconds until it is this one's turn; infinite where somebody else has to do something first."""
        return self._due_s() - self._clock.now() if self._queue[0] is waiter else inf

    def _due_s(self) -> float:
        """When the next call may begin; infinite where one under way has to end first."""
        now_s = self._clock.now()
        for window in (self._minute, self._day):
            window.forget(now_s)
        if self._day.due_s(self._running) > now_s:
            raise self._refuse(
                f"all {self._day.allowed} calls of 24 hours are used up",
                "go on tomorrow, run fewer checks, or raise calls_per_day of its account as far as the contract allows",
            )
        due_s = max(self._minute.due_s(self._running), inf if self._running >= self._concurrent else -inf)
        return max(due_s, self._silent_until_s(now_s))

    def _silent_until_s(self, now_s: float) -> float:
        """Until when the system itself wants to hear nothing."""
        until_s = self._held_until_s
        for name, ceiling in tuple(self._ceilings.items()):
            if ceiling.until_s <= now_s:
                del self._ceilings[name]
            elif ceiling.left <= 0:
                until_s = max(until_s, ceiling.until_s)
                self.held_up = True
        if until_s - now_s > PATIENCE_S:
            moment = self._clock.stamp() + timedelta(seconds=until_s - now_s)
            raise self._refuse(
                f"it takes no calls before {moment:%Y-%m-%d %H:%M} UTC, as it says itself",
                "go on after that, run fewer checks, or ask its owner for a higher limit",
            )
        return until_s

    def _refuse(self, why: str, advice: str) -> ApiUnavailable:
        self._refused += 1
        return ApiUnavailable(f"{self._system}: {why}; {advice}", code=CALLS_USED_UP)

    def _count(self, purpose: Purpose) -> None:
        now_s = self._clock.now()
        self._running += 1
        self._calls[purpose] += 1
        for ceiling in self._ceilings.values():
            ceiling.left -= 1
        self._begun.append(now_s)
        while self._begun[0] + _MINUTE_S <= now_s:
            self._begun.popleft()
        self._busiest = max(self._busiest, len(self._begun))
        self._wake_first()

    def _wake_first(self) -> None:
        """Let the first of those who wait look again whether it is their turn."""
        if self._queue and self._queue[0].scope is not None:
            self._queue[0].scope.cancel()


def make_budget(account: Account, known: Budget, clock: Clock) -> CallBudget:
    """The budget of an account: what is configured, else what the dialect knows of the vendor's limits."""
    return CallBudget(
        clock=clock,
        system=account.system,
        calls_per_minute=known.calls_per_minute if account.calls_per_minute is None else account.calls_per_minute,
        calls_per_day=known.calls_per_day if account.calls_per_day is None else account.calls_per_day,
        concurrent=known.concurrent if account.concurrent is None else account.concurrent,
    )


class _Turn(AbstractAsyncContextManager[None]):
    """No generator: trio keeps a list of those, which costs every call."""

    def __init__(self, budget: CallBudget, purpose: Purpose) -> None:
        self._budget = budget
        self._purpose = purpose

    async def __aenter__(self) -> None:
        await self._budget.begin(self._purpose)

    async def __aexit__(self, *exc_info: object) -> None:
        self._budget.end()


@dataclass(slots=True, eq=False)
class _Waiter:
    rank: tuple[float, int]
    scope: trio.CancelScope | None = None


def _rank_of(waiter: _Waiter) -> tuple[float, int]:
    return waiter.rank


@dataclass(slots=True)
class _Ceiling:
    left: int
    until_s: float


@dataclass(slots=True)
class _Window:
    """At most so many calls in any stretch of so many seconds."""

    allowed: float
    length_s: float
    ended: deque[float] = field(default_factory=deque)

    def forget(self, now_s: float) -> None:
        while self.ended and self.ended[0] + self.length_s <= now_s:
            self.ended.popleft()

    def due_s(self, running: int) -> float:
        """When one more fits in; infinite where one under way has to end first."""
        if running + len(self.ended) < self.allowed:
            return -inf
        return self.ended[0] + self.length_s if self.ended else inf

    def note(self, now_s: float) -> None:
        if self.allowed != inf:
            self.ended.append(now_s)


def _make_window(calls: float | None, length_s: float) -> _Window:
    if calls is None:
        return _Window(inf, length_s)
    if 0 < calls < 1:
        return _Window(1, length_s / calls)
    return _Window(floor(calls), length_s)
