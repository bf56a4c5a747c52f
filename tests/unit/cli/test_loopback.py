"""The listener waits for one request, for one path, from this machine."""

import socket
from functools import partial
from typing import Any

import pytest
import trio

from talkqa.cli.loopback import free_port, wait_for_browser


async def ask(port: int, head: bytes, *, wait: bool = True) -> bytes:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(head)
        if not wait:
            return b""
        await stream.send_eof()
        return b"".join([piece async for piece in stream])


def listen(*requests: bytes, timeout_s: float = 5.0, wait: bool = True) -> tuple[Any, list[bytes]]:
    """What the listener gives, and what each request got."""
    answers: list[bytes] = []

    async def story() -> Any:
        port = free_port()
        ready = trio.Event()

        async def browse() -> None:
            await ready.wait()
            for head in requests:
                answers.append(await ask(port, head, wait=wait))  # noqa: PERF401 - a comprehension hides the order

        async with trio.open_nursery() as nursery:
            nursery.start_soon(browse)
            return await wait_for_browser(port, "/callback", timeout_s=timeout_s, on_ready=ready.set)

    return trio.run(story), answers


def request(target: str, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()


def test_the_first_request_for_the_path_is_what_is_waited_for() -> None:
    """Others, such as a browser's for an icon, are answered with 404; so are pieces of requests and other methods."""
    heads = (request("/favicon.ico"), b"nonsense", request("/callback", "POST"), b"", request("/callback?code=x"))
    target, answers = listen(*heads)
    assert target == "/callback?code=x"
    assert [answer.split(b"\r\n")[0] for answer in answers] == [b"HTTP/1.1 404 Not Found"] * 4 + [b"HTTP/1.1 200 OK"]
    assert b"You are signed in" in answers[-1]


def test_a_browser_that_does_not_wait_for_its_answer_counts() -> None:
    assert listen(request("/callback?code=y"), wait=False)[0] == "/callback?code=y"


def test_where_nobody_comes_there_is_nothing() -> None:
    assert listen(timeout_s=0.05)[0] is None


def test_a_request_without_end_is_cut() -> None:
    """What came first decides."""
    target, _ = listen(b"GET /callback?code=z HTTP/1.1\r\n" + b"x: y\r\n" * 3000, wait=False)
    assert target == "/callback?code=z"


def test_a_port_that_is_taken_is_an_error() -> None:
    """One of the operating system's, not a group of them."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            trio.run(partial(wait_for_browser, taken.getsockname()[1], "/", timeout_s=1))
