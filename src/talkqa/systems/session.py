"""One conversation with a system as one user: signs requests, renews a dead token once, tells every exchange.

Used by every client. It repeats nothing else: retries, budgets and deadlines belong to the transport below it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self
from urllib.parse import urlencode

import httpx
import trio

from talkqa.model.call import ACTOR, CALL, CallMark, PollShape, Purpose
from talkqa.model.errors import ApiUnavailable
from talkqa.model.record import Exchange

BODY_LIMIT_CHARS = 20_000
"""How much of a body is kept as evidence; a page of 200 wide records is several times as long."""

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"})
_RENEWALS = 3
"""Tokens that one call is tried with beyond the first."""


class Credentials(Protocol):
    """Who signs the requests of a session."""

    async def headers(self) -> Mapping[str, str]:
        """The headers that sign a request; fetches a token where there is none yet.

        Raises:
            ApiError: where the system does not let us in.
        """
        ...

    async def renew(self, rejected: Mapping[str, str]) -> bool:
        """Get other headers in place of those that were answered with 401; False where there are no others."""
        ...

    @property
    def base_url(self) -> str | None:
        """Where the token says that the system is; None where it does not say."""
        ...

    @property
    def query(self) -> Mapping[str, str]:
        """Query parameters that sign a request beside the headers; told to nobody."""
        ...


@dataclass(frozen=True, slots=True)
class FixedCredentials:
    """What never changes: no authorization, basic, a bearer token, an API key."""

    signed: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Parameters of an API key that no header carries."""

    async def headers(self) -> Mapping[str, str]:
        """The headers as given."""
        return self.signed

    async def renew(self, rejected: Mapping[str, str]) -> bool:  # noqa: ARG002 - there is nothing to renew
        """There is nothing to renew."""
        return False

    @property
    def base_url(self) -> str | None:
        """Not told by a token."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as a client means it."""

    method: str
    url: str
    """Absolute, or a path below the base URL."""
    purpose: Purpose = Purpose.CONFIRM
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/json"
    repeatable: bool | None = None
    """None: what the method says (a POST is not)."""
    poll: PollShape | None = None
    is_dead_token: Callable[[httpx.Response], bool] | None = None
    """Tells a dead token where an API does not say it by 401: GraphQL may say it with 200."""
    judge: Callable[[int, bytes], bool | None] | None = None
    """See `CallMark.judge`."""


class Session:
    """Sends the calls of one client."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        *,
        system: str,
        credentials: Credentials,
        timeout_s: float | None = 30.0,
        clock_now: Callable[[], float] = trio.current_time,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        """Prepare a conversation; nothing is sent.

        Args:
            http: Carries the requests; its transport decides whether the system is real, recorded or emulated.
            base_url: Of the system; what a token says goes before it.
            system: Canonical name, for messages and marks.
            credentials: Sign the requests.
            timeout_s: Seconds of the run's clock after which a request counts as unanswered; None where the
                transport sees to that itself.
            clock_now: Seconds since the run began, for the time of an exchange.
            on_exchange: Called with each exchange, failed ones included, without its credentials.
        """
        self._http = http
        self._base_url = base_url.rstrip("/")
        self.system = system
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._clock_now = clock_now
        self._on_exchange = on_exchange
        self._plain = {"accept": "application/json", "accept-encoding": http.headers.get("accept-encoding", "gzip")}

    async def send(self, call: Call) -> httpx.Response:
        """The answer, whatever its status; one to a dead token is asked for again with renewed credentials.

        More than once: a token that does not live long may die while its request waits for its turn.

        Raises:
            ApiUnavailable: where no answer came.
            ApiError: where no credentials could be had.
        """
        signed = await self._credentials.headers()
        answer = await self._send(call, signed)
        for _ in range(_RENEWALS):
            if not _is_dead(call, answer) or not await self._credentials.renew(signed):
                break
            signed = await self._credentials.headers()
            answer = await self._send(call, signed)
        return answer

    async def _send(self, call: Call, signed: Mapping[str, str]) -> httpx.Response:
        base_url = (self._credentials.base_url or self._base_url).rstrip("/")
        url = call.url if "://" in call.url else base_url + call.url
        told = {**self._plain, **call.headers}
        if call.body is not None:
            told["content-type"] = call.content_type
        repeatable = call.method in _REPEATABLE if call.repeatable is None else call.repeatable
        mark = CallMark(
            system=self.system,
            purpose=call.purpose,
            actor=ACTOR.get(),
            repeatable=repeatable,
            poll=call.poll,
            judge=call.judge,
        )
        request = httpx.Request(
            call.method,
            _with_query(url, self._credentials.query),
            headers={**told, **signed},
            content=call.body,
            extensions={CALL: mark},
        )
        request.stream = Body(call.body or b"")
        begun_s = self._clock_now()
        try:
            with trio.fail_after(self._timeout_s) if self._timeout_s is not None else trio.CancelScope():
                response = await self._http.send(request)
        except (trio.TooSlowError, httpx.HTTPError) as error:
            self._tell(call, url, begun_s, told, None)
            why = f"no answer within {self._timeout_s:g} s" if isinstance(error, trio.TooSlowError) else str(error)
            raise ApiUnavailable(f"{self.system} did not answer {call.method} {call.url}: {why}") from error
        self._tell(call, url, begun_s, told, response)
        return response

    def _tell(
        self, call: Call, url: str, at_s: float, headers: Mapping[str, str], response: httpx.Response | None
    ) -> None:
        if self._on_exchange is None:
            return
        self._on_exchange(
            Exchange(
                method=call.method,
                url=url,
                status=response.status_code if response else 0,
                at_s=at_s,
                request_body=_bounded(call.body) if call.body else "",
                response_body=_bounded(response.content) if response else "",
                headers=headers,
            )
        )


def _is_dead(call: Call, answer: httpx.Response) -> bool:
    """Whether an answer says that the token is of no use any more."""
    return answer.status_code == 401 or (call.is_dead_token is not None and call.is_dead_token(answer))


class Body(httpx.AsyncByteStream):
    """A request body of one piece.

    httpx 0.28 reads bodies through an async generator, which an in-process server that is content with the first
    piece never ends; trio warns of each when it is collected.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Pieces(self._content)  # a new one each time: a transport may send a request again


class _Pieces:
    """Gives its one piece, then ends."""

    def __init__(self, content: bytes) -> None:
        self._left = [content] if content else []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


def _with_query(url: str, query: Mapping[str, str]) -> str:
    """Append parameters; the rest of the URL stays as the client wrote it."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _bounded(content: bytes) -> str:
    text = content[: BODY_LIMIT_CHARS * 4].decode("utf-8", "replace")
    if len(text) <= BODY_LIMIT_CHARS:
        return text
    return f"{text[:BODY_LIMIT_CHARS]}... ({len(content)} bytes in all)"
