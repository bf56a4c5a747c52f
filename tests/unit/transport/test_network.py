"""Requests leave directly or by the environment's proxy; the client above keeps and follows nothing."""

import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import trio
import trustme

from talkqa.transport.budget import CallBudget
from talkqa.transport.live import Patience
from talkqa.transport.network import NetworkTransport, find_proxy, open_http, open_live, trusted
from talkqa.verify.clock import TrioClock

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: a=b; Path=/\r\n\r\nok"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def _serve(
    story: Callable[[int], Awaitable[Any]], heads: list[bytes], tls: ssl.SSLContext | None = None, *, mute: bool = False
) -> Any:
    """Runs a story beside a server that answers each request alike and notes its first line."""

    async def answer(stream: trio.abc.Stream) -> None:
        if tls:
            stream = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)  # type: ignore[type-var]
        try:
            while head := await stream.receive_some(65_536):
                heads.append(bytes(head).partition(b"\r\n")[0])
                if mute:
                    await trio.sleep_forever()
                await stream.send_all(ANSWER)
        except (trio.BrokenResourceError, ssl.SSLError):
            return

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        result = await story(listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()
    return result


def _budget(clock: TrioClock) -> CallBudget:
    return CallBudget(clock=clock)


def test_a_request_reaches_a_real_server_and_no_cookie_is_kept() -> None:
    heads: list[bytes] = []

    async def story(port: int) -> tuple[str, int]:
        clock = TrioClock(EPOCH)
        async with open_http(open_live(clock=clock, budget=_budget(clock))) as http:
            answers = [await http.get(f"http://127.0.0.1:{port}/{number}") for number in range(2)]
            return answers[1].text, len(http.cookies)

    assert trio.run(_serve, story, heads) == ("ok", 0)
    assert heads == [b"GET /0 HTTP/1.1", b"GET /1 HTTP/1.1"]


def test_a_server_that_does_not_answer_is_given_up_after_the_deadline() -> None:
    async def story(port: int) -> None:
        clock = TrioClock(EPOCH)
        patience = Patience(attempts=1, attempt_s=0.05)
        async with open_http(open_live(clock=clock, budget=_budget(clock), patience=patience)) as http:
            with pytest.raises(httpx.ReadTimeout, match=r"no answer within 0\.05 s"):
                await http.get(f"http://127.0.0.1:{port}/")

    async def main() -> None:
        await _serve(story, [], mute=True)

    trio.run(main)


def test_a_server_that_cannot_show_who_it_is_is_asked_once() -> None:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    heads: list[bytes] = []

    async def story(port: int) -> tuple[str, int]:
        clock = TrioClock(EPOCH)
        strict, knowing = (
            open_live(clock=clock, budget=_budget(clock), ssl_context=context) for context in (None, ours)
        )
        async with open_http(strict) as http:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await http.get(f"https://127.0.0.1:{port}/")
        async with open_http(knowing) as http:
            text = (await http.get(f"https://127.0.0.1:{port}/")).text
        return text, strict.use.retries

    assert trio.run(_serve, story, heads, server) == ("ok", 0)


def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("ALL_PROXY", "http://other.example:1")
    monkeypatch.setenv("NO_PROXY", "localhost,.intern.example")
    assert find_proxy(httpx.URL("https://wave.example/x")) == "http://proxy.example:3128"
    assert find_proxy(httpx.URL("http://wave.example/x")) == "http://other.example:1"
    assert find_proxy(httpx.URL("https://crm.intern.example/x")) is None
    assert find_proxy(httpx.URL("http://localhost:8800/x")) is None


def test_without_proxies_connections_are_direct() -> None:
    assert find_proxy(httpx.URL("https://wave.example/x")) is None


def test_a_request_goes_through_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    heads: list[bytes] = []

    async def story(port: int) -> str:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        async with open_http(NetworkTransport(connections=1)) as http:
            return (await http.get("http://wave.example/x")).text

    assert trio.run(_serve, story, heads) == "ok"
    assert heads == [b"GET http://wave.example/x HTTP/1.1"]


def test_trust_is_read_once() -> None:
    assert trusted() is trusted()
