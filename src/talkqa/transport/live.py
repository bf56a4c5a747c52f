"""The live transport: deadlines, call budget and bounded retry between a client and a system.

What a call may be done twice for is its client's to say (`CallMark.repeatable`): a create whose answer was lost is
never sent again from here, verify looks for its sentinel first.
"""

import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

import httpx
import trio

from talkqa.model.call import CALL, CallMark, Purpose
from talkqa.model.protocols import Clock
from talkqa.transport.budget import CallBudget
from talkqa.transport.draws import digest_request, fraction
from talkqa.transport.rates import Rate, read_rates, read_retry_after

ReadRates = Callable[[httpx.Headers, datetime], Iterable[Rate]]
"""What an answer's headers tell of the limits of its system."""

REFUSED = 429
"""Too many calls: the call was not done, so it is sent again whatever it is."""
_TRANSIENT = frozenset({408, 500, 502, 503, 504})
_CLOSED = 503
"""The system does nothing for now."""
_ASKING = frozenset({REFUSED, _CLOSED})
"""Answers whose Retry-After counts."""
_WRONG = 400
_BROKEN = 500
_BROKEN_ATTEMPTS = 7
"""For an answer that may be a bug or a business rule as well as a hiccup: the attempts outlast some bursts of a few
seconds, and a system that always answers so is not asked for longer."""
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""No connection came about, so nothing can have been done."""
_OUR_FAULT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often one call is tried."""

    attempts: int = 8
    attempt_s: float = 30.0
    """After which an attempt counts as unanswered."""
    total_s: float = 240.0
    """No attempt begins that long after the first."""
    backoff_s: float = 0.5
    """Before the second attempt; doubled for each further one, then shortened by up to a half by lot."""
    refused_backoff_s: float = 5.0
    """The same after a 429 that does not say how long to wait."""
    longest_backoff_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportUse:
    """What became of the calls of one transport."""

    calls: int = 0
    """Requests of clients."""
    retries: int = 0
    """Attempts beyond the first ones."""
    by_purpose: Mapping[Purpose, int] = field(default_factory=dict)
    """Attempts by what they were for."""
    by_status: Mapping[int, int] = field(default_factory=dict)
    """Attempts by the status of their answer; 0 where no answer came."""
    given_up: int = 0
    """Calls that ended without an answer, or with one that would have been worth another attempt."""


class LiveTransport(httpx.AsyncBaseTransport):
    """Carries each request through `inner` as often as it takes and may be."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        clock: Clock,
        budget: CallBudget,
        patience: Patience | None = None,
        seed: int = 0,
        rates: ReadRates = read_rates,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            inner: Sends a request once: the network, or an emulated system.
            clock: All waiting goes through it; deadlines are trio's, whose clock it counts by.
            budget: Gives turns; one for each account, shared by all transports that speak as it.
            patience: How long and how often a call is tried.
            seed: Of the jitter.
            rates: Reads the limits that a system's headers tell of.
        """
        self._inner = inner
        self._clock = clock
        self._budget = budget
        self._patience = patience or Patience()
        self._seed = seed
        self._rates = rates
        self._calls = 0
        self._given_up = 0
        self._statuses: Counter[int] = Counter()
        self._purposes: Counter[Purpose] = Counter()

    @property
    def use(self) -> TransportUse:
        """What became of the calls so far."""
        attempts = self._statuses.total()
        return TransportUse(
            calls=self._calls,
            retries=max(attempts - self._calls, 0),
            by_purpose=dict(sorted(self._purposes.items())),
            by_status=dict(sorted(self._statuses.items())),
            given_up=self._given_up,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer, whatever its status; its body is read.

        A request is sent again as it is: its stream has to give its content anew each time it is iterated.

        Raises:
            httpx.TransportError: where no answer came.
            ApiUnavailable: where the budget is used up.
        """
        mark = read_mark(request)
        self._calls += 1
        began_s: float | None = None
        attempt = 0
        while True:
            attempt += 1
            async with self._budget.turn(mark.purpose):
                began_s = self._clock.now() if began_s is None else began_s
                self._purposes[mark.purpose] += 1
                outcome = await self._attempt(request)
            if not _worth_another(outcome, attempt, mark):
                self._given_up += isinstance(outcome, httpx.TransportError)
                return _conclude(outcome, attempt)
            wait_s = self._wait_s(outcome, attempt, request)
            if attempt >= self._patience.attempts or self._clock.now() - began_s + wait_s > self._patience.total_s:
                self._given_up += 1
                return _conclude(outcome, attempt)
            await self._clock.sleep(wait_s)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _attempt(self, request: httpx.Request) -> httpx.Response | httpx.TransportError:
        outcome: httpx.Response | httpx.TransportError
        with trio.move_on_after(self._patience.attempt_s) as scope:
            try:
                outcome = await _read(await self._inner.handle_async_request(request))
            except httpx.TransportError as error:
                outcome = error
        if scope.cancelled_caught:
            outcome = httpx.ReadTimeout(f"no answer within {self._patience.attempt_s:g} s", request=request)
        if isinstance(outcome, httpx.TransportError):
            self._statuses[0] += 1
            return outcome
        self._statuses[outcome.status_code] += 1
        self._budget.learn(self._rates(outcome.headers, self._clock.stamp()))
        asked_s = self._asked_s(outcome)
        if asked_s is not None:
            self._budget.pause(asked_s)
        return outcome

    def _wait_s(self, outcome: httpx.Response | httpx.TransportError, attempt: int, request: httpx.Request) -> float:
        """Seconds before the next attempt."""
        asked_s = self._asked_s(outcome)
        if asked_s is not None:
            return asked_s
        refused = isinstance(outcome, httpx.Response) and outcome.status_code == REFUSED
        first_s = self._patience.refused_backoff_s if refused else self._patience.backoff_s
        backoff_s = min(first_s * 2.0 ** (attempt - 1), self._patience.longest_backoff_s)
        wait_s = backoff_s * (1 - fraction(self._seed, digest_request(request), attempt) / 2)
        if refused:
            self._budget.pause(wait_s)  # it is the account that was refused, not this call
        return wait_s

    def _asked_s(self, outcome: httpx.Response | httpx.TransportError) -> float | None:
        """How long the system asks for silence; everybody heeds it."""
        if isinstance(outcome, httpx.Response) and outcome.status_code in _ASKING:
            return read_retry_after(outcome.headers, self._clock.stamp())
        return None


def read_mark(request: httpx.Request) -> CallMark:
    """What rides on a request; one without a mark reads back, and is repeatable where it only reads."""
    mark = request.extensions.get(CALL)
    if isinstance(mark, CallMark):
        return mark
    return CallMark(system="", purpose=Purpose.CONFIRM, repeatable=request.method in _READING)


def mark_of(request: httpx.Request) -> CallMark:
    """The mark; a form that asks for a token is a sign-in, marked or not."""
    mark = read_mark(request)
    if mark.purpose is Purpose.SIGN_IN or b"grant_type" not in request.content:
        return mark
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return replace(mark, purpose=Purpose.SIGN_IN) if form else mark


def _worth_another(outcome: httpx.Response | httpx.TransportError, attempt: int, mark: CallMark) -> bool:
    if isinstance(outcome, httpx.Response):
        status = outcome.status_code
        judged = mark.judge(status, _content_of(outcome)) if mark.judge is not None and status >= _WRONG else None
        if judged is not None:
            return judged
        # A sign-in is sent again: whoever needs a token would do so all the same, with what there is to sign in with.
        harmless = mark.repeatable or mark.purpose is Purpose.SIGN_IN
        return status == REFUSED or (
            harmless and status in _TRANSIENT and not (status == _BROKEN and attempt >= _BROKEN_ATTEMPTS)
        )
    if isinstance(outcome, _OUR_FAULT) or _is_untrusted(outcome):
        return False
    return mark.repeatable or isinstance(outcome, _NEVER_SENT)


def _content_of(response: httpx.Response) -> bytes:
    """The decoded body of an answer that is still to be read; empty where it cannot be decoded."""
    whole = response.stream
    raw = whole.content if isinstance(whole, Whole) else b""
    try:
        return httpx.Response(response.status_code, headers=response.headers, content=raw).content
    except httpx.DecodingError:
        return b""


def _is_untrusted(error: BaseException | None) -> bool:
    """Whether the other side could not show who it is; asking again changes nothing about that."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def _conclude(outcome: httpx.Response | httpx.TransportError, attempts: int) -> httpx.Response:
    if isinstance(outcome, httpx.Response):
        return outcome
    tried = f"; tried {attempts} times" if attempts > 1 else ""
    raise type(outcome)(f"{_explain(outcome)}{tried}") from outcome


def _explain(error: BaseException) -> str:
    """What went wrong in words: httpx's errors say nothing themselves where trio's stand behind them."""
    reason: BaseException | None = error
    while reason is not None and not str(reason):
        reason = reason.__cause__ or reason.__context__
    return str(reason) if reason is not None else type(error).__name__


async def _read(response: httpx.Response) -> httpx.Response:
    """The same answer with its body here: whoever reads it later cannot be kept waiting by the system."""
    stream = response.stream
    assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - what an asynchronous transport gives
    try:
        parts = [part async for part in stream]
    finally:
        await stream.aclose()  # not the answer's own, which would count as closed for its reader too
    response.stream = Whole(b"".join(parts))
    return response


class Whole(httpx.AsyncByteStream):
    """A body of one piece, to be read as often as one likes."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(self.content)


class _Pieces:
    """Gives its one piece, then ends; no generator, which trio would warn of where it is not read to its end."""

    def __init__(self, content: bytes) -> None:
        self._left = [content] if content else []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()
