"""What all emulated systems share as servers: ASGI, answers that take their time, quirks that can be switched.

A dialect subclasses `Emulator` and turns one `Request` into one `Answer`. Every answer waits for the clock given and
for nothing else.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote

from talkqa.model.account import Account
from talkqa.model.errors import ConfigError
from talkqa.model.protocols import Clock
from talkqa.sandbox import draws
from talkqa.sandbox.store import SystemStore
from talkqa.sandbox.weather import Forecast, Lot, lose_answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_ENGINE = "engine"
USERS = ("harness", _ENGINE)
"""Who may sign in."""
DELAY_S = (0.02, 0.2)
"""Between which bounds an answer takes its time."""
_LATE_ANSWERS = 0.25
"""Share of writes that are done some time before they are answered."""
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """A behaviour of a system that can be switched."""

    default: bool
    says: str
    """What it does when it is on."""
    unconfirmed: bool = False
    """Whether the fact sheet cannot say how the real system behaves: both must be lived with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    """As sent, still percent-encoded, without the query."""
    query: Mapping[str, str]
    """Decoded; of a parameter given twice the last."""
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    base_url: str
    """Scheme and host as the client wrote them, for links in answers."""
    by_engine: bool = False
    """Whether it came over the engine's own way to the system."""

    @property
    def steps(self) -> list[str]:
        """The decoded steps of the path."""
        return [unquote(step) for step in self.path.strip("/").split("/")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class Emulator:
    """One emulated system; the ASGI application of its API."""

    QUIRKS: ClassVar[Mapping[str, Quirk]] = {}
    """By name; what can be switched, and how it stands when nobody does."""

    def __init__(self, store: SystemStore, clock: Clock, *, quirks: Mapping[str, bool] | None = None) -> None:
        """Open a system over its store.

        Raises:
            ConfigError: for a quirk that the dialect does not know.
        """
        self.store = store
        self.clock = clock
        unknown = sorted(set(quirks or {}) - set(self.QUIRKS))
        if unknown:
            known = ", ".join(sorted(self.QUIRKS)) or "none"
            raise ConfigError(f"{store.schema.name} has no quirk {unknown[0]!r}; it has: {known}")
        self._quirks = {name: quirk.default for name, quirk in self.QUIRKS.items()} | dict(quirks or {})
        self._asked: dict[bytes, int] = {}
        self.forecast: Forecast | None = None
        """The weather; None where the sky is clear."""

    def quirk(self, name: str) -> bool:
        """Whether a quirk is on."""
        return self._quirks[name]

    def account(self, base_url: str, user: str) -> Account:
        """How a user of the sandbox (`harness`, `engine`) reaches this system."""
        raise NotImplementedError

    def oauth_account(self, base_url: str, user: str) -> Account:
        """The same with tokens that can die and be renewed; the plain account where the dialect has no such tokens."""
        return self.account(base_url, user)

    def answer(self, request: Request) -> Answer:
        """The answer to one request, done at once."""
        raise NotImplementedError

    def expire_token(self, token: str) -> None:
        """Make an access token dead; nothing happens where tokens live for ever."""

    def reads(self, request: Request) -> bool:
        """Whether a request changes nothing (a GraphQL query is a POST)."""
        return request.method in _READING

    def signs_in(self, request: Request) -> bool:
        """Whether a request asks for a token."""
        return request.path.rstrip("/").endswith("/token")

    def speaker(self, request: Request) -> str:
        """Who asks, for the time that an answer takes: the same whatever else happened before."""
        return request.headers.get("authorization", "")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the ASGI entry point."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        request = await _read(scope, receive)
        answer = await self._answer_in_time(request)
        headers = {"content-type": answer.content_type, "content-length": str(len(answer.body)), **answer.headers}
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer_in_time(self, request: Request) -> Answer:
        """The answer when it comes.

        Raises:
            httpx.TransportError: where the weather takes the answer. No server can say so: in this process the client
                sees it as it would see a broken connection, over a socket as an error of the server.
        """
        asked, count = self._note(request)
        before_s, after_s = self._delays(request, asked, count)
        lot = Lot()
        if self.forecast is not None and (request.by_engine or not self.forecast.spares_tests):
            signs_in, writes = self.signs_in(request), not self.reads(request)
            lot = self.forecast.befall(asked, count, at_s=self.clock.now(), writes=writes, signs_in=signs_in)
        await self.clock.sleep(before_s + lot.before_s)
        if lot.status:
            told = {} if lot.retry_after_s is None else {"retry-after": str(lot.retry_after_s)}
            return Answer(status=lot.status, body=b"<h1>Try again</h1>", headers=told, content_type="text/html")
        answer = self.answer(request)
        if lot.lost_after_s is not None:
            await self.clock.sleep(lot.lost_after_s)
            raise lose_answer()
        if after_s + lot.after_s:
            await self.clock.sleep(after_s + lot.after_s)
        return answer

    def _note(self, request: Request) -> tuple[str, int]:
        """What is asked and by whom, as a short text, and how often it was asked by now.

        The order in which requests arrive plays no part, so that one more request changes no other one's delay.
        """
        user = self.speaker(request).encode()
        query = "&".join(f"{name}={value}" for name, value in request.query.items()).encode()
        asked = draws.digest(request.method, user, request.path.encode(), query, request.body)
        self._asked[asked] = self._asked.get(asked, 0) + 1
        return str(asked), self._asked[asked]

    def _delays(self, request: Request, asked: str, count: int) -> tuple[float, float]:
        """Seconds before and after the work is done."""
        drawn = draws.digest(self.store.seed, self.store.schema.name, asked, count, size_bytes=8)
        low_s, high_s = DELAY_S
        total_s = low_s + (high_s - low_s) * int.from_bytes(drawn[:4], "big") / (1 << 32)
        late = drawn[4] / 256 if not self.reads(request) and drawn[5] / 256 < _LATE_ANSWERS else 0.0
        return total_s * (1 - late), total_s * late


def encode(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


async def _read(scope: Scope, receive: Receive) -> Request:
    parts = []
    more = scope["method"] not in _READING
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return Request(
        method=scope["method"],
        path=raw_path.partition(b"?")[0].decode("latin-1"),
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        headers=headers,
        body=b"".join(parts),
        base_url=f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}",
        by_engine=(scope.get("client") or ("",))[0] == _ENGINE,
    )


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
