"""Faults of the wire, injected below the live transport: refusals, lost answers, slow ones, tokens that die.

Used to show that neither verdicts nor records change by them. What happens to a call is drawn from the seed, the
system, what the call says and how often it was said before; the order of other calls plays no part.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from itertools import accumulate
from typing import NoReturn, Self

import httpx

from talkqa.model.call import Purpose
from talkqa.model.protocols import Clock
from talkqa.transport.draws import digest_request, fraction
from talkqa.transport.live import REFUSED, read_mark

HANG_S = 3600.0
"""How long an unanswered call stays unanswered; whoever waits has a deadline far below."""
TOKEN_LIFE_S = 60.0
"""No token dies younger than this: a client renews a dead one once for each call, and real ones live for minutes."""
SLOW_S = (2.0, 20.0)
"""Between which bounds a slow answer is late."""
RETRY_AFTER_S = (1, 8)
_OF_SIGN_INS = frozenset({"refused", "refused_until", "unavailable"})
"""What befalls sign-ins too. A lost answer ends a chain of refresh tokens that are used once, at the real systems as
here: no client can mend that, so there is nothing to show by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WireFaults:
    """Share of calls that each fault befalls, 0 to 1; together at most 1."""

    refused: float = 0.0
    """429 without a word about when to come back; the call is not done."""
    refused_until: float = 0.0
    """429 with Retry-After."""
    unavailable: float = 0.0
    """503; the call is not done."""
    unanswered: float = 0.0
    """Never answered, and not done."""
    answer_lost: float = 0.0
    """Never answered, but done."""
    dropped: float = 0.0
    """The connection breaks before the call is done."""
    dropped_after: float = 0.0
    """The connection breaks after the call was done."""
    slow: float = 0.0
    """Done and answered, seconds late."""
    expired: float = 0.0
    """The token that the call carries is dead from now on; only where the transport was told how to kill it."""

    @classmethod
    def evenly(cls, rate: float = 0.05) -> Self:
        """Every kind alike, together so many of all calls."""
        kinds = [kind.name for kind in fields(cls)]
        return cls(**dict.fromkeys(kinds, rate / len(kinds)))


class FaultyTransport(httpx.AsyncBaseTransport):
    """Passes requests to `inner`, and lets some of them go wrong."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        faults: WireFaults,
        *,
        clock: Clock,
        system: str,
        seed: int = 0,
        expire: Callable[[str], object] | None = None,
    ) -> None:
        """Prepare.

        Args:
            inner: Does and answers calls.
            faults: How often what goes wrong.
            clock: Slow and unanswered calls wait by it.
            system: Canonical name, part of every draw.
            seed: Equal seeds give equal faults.
            expire: Makes an access token dead at its system; without it no token dies.
        """
        self._inner = inner
        self._clock = clock
        self._key = (seed, system)
        self._expire = expire
        self._kinds = tuple(kind.name for kind in fields(faults))
        self._bounds = tuple(accumulate(getattr(faults, kind) for kind in self._kinds))
        if self._bounds[-1] > 1 + 1e-9 or min(self._bounds) < 0:
            raise ValueError(f"shares of faults must lie between 0 and 1 and sum up to at most 1: {faults}")
        self._asked: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._seen: dict[str, float] = {}

    @property
    def done(self) -> Mapping[str, int]:
        """How often each fault befell a call."""
        return dict(sorted(self._done.items()))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, or what goes wrong instead."""
        said = digest_request(request)
        self._asked[said] += 1
        key = (*self._key, said, self._asked[said])
        at = bisect_right(self._bounds, fraction(*key))
        kind = self._kinds[at] if at < len(self._kinds) else ""
        signs_in = read_mark(request).purpose is Purpose.SIGN_IN
        if (signs_in and kind not in _OF_SIGN_INS) or (kind == "expired" and not self._kill_token(request)):
            kind = ""
        token = _token_of(request)
        if token:
            self._seen.setdefault(token, self._clock.now())
        if kind:
            self._done[kind] += 1
        return await self._answer(kind, request, key)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _answer(self, kind: str, request: httpx.Request, key: tuple[object, ...]) -> httpx.Response:
        if kind in ("refused", "refused_until", "unavailable"):
            return _refuse(kind, key)
        if kind == "unanswered":
            return await self._hang(request)
        if kind == "dropped":
            raise httpx.ReadError("the connection was reset before anything was done", request=request)
        if kind == "slow":
            low_s, high_s = SLOW_S
            await self._clock.sleep(low_s + (high_s - low_s) * fraction("slow", *key))
        response = await self._inner.handle_async_request(request)
        if kind in ("answer_lost", "dropped_after"):
            await response.aread()
            await response.aclose()
            if kind == "answer_lost":
                return await self._hang(request)
            raise httpx.RemoteProtocolError("the server disconnected without an answer", request=request)
        return response

    async def _hang(self, request: httpx.Request) -> NoReturn:
        await self._clock.sleep(HANG_S)
        raise httpx.ReadTimeout(f"no answer within {HANG_S:g} s", request=request)

    def _kill_token(self, request: httpx.Request) -> bool:
        token = _token_of(request)
        if self._expire is None or not token:
            return False
        if self._clock.now() - self._seen.get(token, self._clock.now()) < TOKEN_LIFE_S:
            return False
        self._expire(token)
        return True


def _refuse(kind: str, key: tuple[object, ...]) -> httpx.Response:
    if kind == "unavailable":
        return httpx.Response(503, text="<html><body>Service unavailable</body></html>")
    low_s, high_s = RETRY_AFTER_S
    told = {"retry-after": str(low_s + int((high_s - low_s + 1) * fraction("after", *key)))}
    return httpx.Response(REFUSED, json={"message": "too many calls"}, headers=told if kind == "refused_until" else {})


def _token_of(request: httpx.Request) -> str:
    """The access token that signs a request; empty where none does."""
    signed: str = request.headers.get("authorization", "")
    return signed.partition(" ")[2]
