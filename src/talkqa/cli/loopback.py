"""A listener on this machine that a browser is sent to at the end of a login."""

import socket
from collections.abc import Callable

import trio

_LIMIT_BYTES = 8192
_READ_S = 10.0
_PAGE = b"<!doctype html><title>talkqa</title><p>You are signed in. This window can be closed."


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def wait_for_browser(
    port: int, path: str, *, timeout_s: float, on_ready: Callable[[], object] = lambda: None
) -> str | None:
    """The target of the first request for a path: path and query; None where none came in time.

    Args:
        port: Of 127.0.0.1; other machines cannot reach it.
        path: Other paths are answered with 404.
        timeout_s: In real seconds.
        on_ready: Called when somebody listens.

    Raises:
        OSError: where the port is taken.
    """
    found: list[str] = []
    listeners = await trio.open_tcp_listeners(port, host="127.0.0.1")
    with trio.move_on_after(timeout_s):
        async with trio.open_nursery() as nursery:

            async def answer(stream: trio.SocketStream) -> None:
                target = await _answer(stream, path)
                if target is not None:
                    found.append(target)
                    nursery.cancel_scope.cancel()

            await nursery.start(trio.serve_listeners, answer, listeners)
            on_ready()
    return found[0] if found else None


async def _answer(stream: trio.SocketStream, path: str) -> str | None:
    """Answer one request; its target where it is the one that is waited for."""
    head = b""
    with trio.move_on_after(_READ_S):
        while b"\r\n\r\n" not in head and len(head) < _LIMIT_BYTES:
            try:
                piece = await stream.receive_some(1024)
            except trio.BrokenResourceError:
                return None
            if not piece:
                break
            head += piece
    words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    wanted = len(words) == 3 and words[0] == "GET" and words[1].partition("?")[0] == path
    status, page = (b"200 OK", _PAGE) if wanted else (b"404 Not Found", b"")
    lines = (b"HTTP/1.1 " + status, b"content-type: text/html", b"content-length: %d" % len(page), b"connection: close")
    try:
        await stream.send_all(b"\r\n".join(lines) + b"\r\n\r\n" + page)
        await stream.aclose()
    except trio.BrokenResourceError:
        pass  # the browser has gone; what it asked for counts all the same
    return words[1] if wanted else None
