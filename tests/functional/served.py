"""Serves an ASGI application on the loopback interface, as other programs reach it: hypercorn on trio, in a thread.

For tests that let foreign clients speak to an emulator. `serve_app` is all that is needed:

    with serve_app(emulator) as url: ...
    with serve_app(emulator, certificate=make_certificate(tmp_path, "acme.example")) as url: ...

An emulator over a `FakeClock` answers at once. Clients that read proxies or certificates from the environment must be
told not to (`trust_env = False` of a requests session), or they do not take the authority they are given.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio
import trustme
from hypercorn.config import Config
from hypercorn.trio import serve

START_S = 20.0
"""How long the server may take to listen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a server shows, and the authority that clients must trust for it; paths of PEM files."""

    key: Path
    chain: Path
    authority: Path


def make_certificate(folder: Path, *hosts: str) -> Certificate:
    """A certificate of an authority of its own, for 127.0.0.1, localhost and further host names."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost", *hosts)
    made = Certificate(key=folder / "server.key", chain=folder / "server.pem", authority=folder / "authority.pem")
    issued.private_key_pem.write_to_path(str(made.key))
    made.chain.unlink(missing_ok=True)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(made.chain), append=True)
    authority.cert_pem.write_to_path(str(made.authority))
    return made


@contextmanager
def serve_app(app: Callable[..., Any], *, certificate: Certificate | None = None) -> Iterator[str]:
    """Serve while the block runs; gives the URL, with a port that was free.

    Args:
        app: An ASGI application; its waits must be trio's.
        certificate: Speak TLS with it; plain HTTP without.
    """
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = None  # a client that hangs up is no line in a test's output
    config.graceful_timeout = 0.2  # connections that a client keeps alive end with the test
    if certificate is not None:
        config.keyfile, config.certfile = str(certificate.key), str(certificate.chain)
    server = _Server(app, config)
    thread = threading.Thread(target=server.run, name="served", daemon=True)
    thread.start()
    try:
        yield server.wait_for_url()
    finally:
        server.stop()
        thread.join(START_S)
    if server.error is not None:
        raise server.error


class _Server:
    """One trio loop with hypercorn in it, told to stop from another thread."""

    def __init__(self, app: Callable[..., Any], config: Config) -> None:
        self._app = app
        self._config = config
        self._url = ""
        self._ready = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._stopped: trio.Event | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Serve until told to stop; the body of the thread."""
        try:
            trio.run(self._serve)
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            self.error = error
        finally:
            self._ready.set()

    def wait_for_url(self) -> str:
        """Where the server listens; raises what kept it from listening."""
        if not self._ready.wait(START_S) or not self._url:
            raise self.error or TimeoutError(f"no server within {START_S:g} s")
        return self._url

    def stop(self) -> None:
        """Tell the server to stop; one that ended by itself needs no telling."""
        if self._token is not None and self._stopped is not None:
            try:
                self._token.run_sync_soon(self._stopped.set)
            except trio.RunFinishedError:
                return

    async def _serve(self) -> None:
        self._stopped = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            start = partial(serve, self._app, self._config, shutdown_trigger=self._stopped.wait, mode="asgi")
            binds = await nursery.start(start)
            self._url = binds[0]
            self._ready.set()
