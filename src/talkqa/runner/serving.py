"""The emulated systems of worlds on ports of this machine, with the reference engine between them, on the real clock.

Used by `talkqa sandbox serve` and by whoever wants to try a live run without a live system. hypercorn serves them on
trio; the engine speaks with them in process, as in a run.
"""

import ipaddress
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from talkqa.model.account import Account
from talkqa.model.errors import ConfigError
from talkqa.model.protocols import Clock
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.model.world import World
from talkqa.runner.certificate import Certificate
from talkqa.runner.worlds import read_schemas
from talkqa.sandbox.dialects.emulator import Emulator
from talkqa.sandbox.world import SandboxWorld
from talkqa.verify.clock import TrioClock

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework

_BACKLOG = 100
_KEEP_ALIVE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where systems are served."""

    host: str = "127.0.0.1"
    port: int = 0
    """Of the first system; each further one has the next. 0 for any that are free."""
    certificate: Certificate | None = None
    """Speak TLS with it; plain HTTP without."""

    @property
    def is_loopback(self) -> bool:
        """Whether this machine alone can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def url(self, port: int) -> str:
        """Of a system at one of its ports."""
        host = self.visible_host
        return f"{'https' if self.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def visible_host(self) -> str:
        """What clients write for it: an address that means every interface is none to speak to."""
        return socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedWorld:
    """One world that is served."""

    world: World
    accounts: tuple[Account, ...]
    """How the tests' own user reaches each of its systems, sorted by name."""


@asynccontextmanager
async def serve_worlds(
    worlds: Sequence[World], *, settings: Settings, root: Path, place: Place
) -> AsyncIterator[tuple[ServedWorld, ...]]:
    """Serve the systems of worlds while the block runs; their engines run as well.

    Args:
        worlds: Each has systems and an engine of its own, also where two share a system's name.
        settings: How the systems and the engine behave, and what conditions and connections mean.
        root: Folder of the project; descriptors lie in it.
        place: Where.

    Raises:
        ConfigError: for a port that cannot be had, an unknown fault or an unknown quirk.
    """
    clock = TrioClock(datetime.now(UTC))
    schemas = [read_schemas(world, settings, root) for world in worlds]
    _check_quirks(settings.sandbox.quirks, schemas)
    sandboxes = [_open(world, known, settings, clock) for world, known in zip(worlds, schemas, strict=True)]
    with ExitStack() as ports:
        sockets = _listen(place, sum(len(sandbox.systems) for sandbox in sandboxes), ports)
        async with AsyncExitStack() as stack:
            nursery = await stack.enter_async_context(trio.open_nursery())
            stack.callback(nursery.cancel_scope.cancel)
            served = []
            for world, sandbox in zip(worlds, sandboxes, strict=True):
                accounts = []
                for system in sandbox.systems:
                    listener = next(sockets)
                    url = place.url(listener.getsockname()[1])
                    await _serve(sandbox.application(system), listener, place, nursery)
                    accounts.append(sandbox.account(system, url=url))
                nursery.start_soon(sandbox.run_engine, _OpenGate())
                served.append(ServedWorld(world=world, accounts=tuple(accounts)))
            yield tuple(served)


def _open(world: World, schemas: Mapping[str, SystemSchema], settings: Settings, clock: Clock) -> SandboxWorld:
    return SandboxWorld(
        flows=world.running,
        schemas=schemas,
        clock=clock,
        settings=settings.sandbox,
        conditions=settings.conditions,
        connections=settings.connections,
        seed=settings.seed,
    )


async def _serve(application: Emulator, listener: socket.socket, place: Place, nursery: trio.Nursery) -> None:
    config = Config()
    config.errorlog = logging.getLogger(__name__)
    config.keep_alive_timeout = _KEEP_ALIVE_S
    config.include_date_header = False  # an emulated system says itself what it says
    config.include_server_header = False
    if place.certificate:
        config.certfile, config.keyfile = str(place.certificate.chain), str(place.certificate.key)
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    await nursery.start(partial(serve, cast("ASGIFramework", application), config, mode="asgi"))


def _listen(place: Place, count: int, stack: ExitStack) -> Iterator[socket.socket]:
    """That many listening sockets; all or none."""
    listeners = []
    for number in range(count):
        port = place.port + number if place.port else 0
        listener = stack.enter_context(
            socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET, socket.SOCK_STREAM)
        )
        try:
            if os.name == "posix":  # a port that was left a moment ago is free
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((place.host, port))
            listener.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            raise ConfigError(
                f"port {port} of {place.host} cannot be had: {error}; {count} ports are needed from {place.port} on, "
                "choose others with --port, or --port 0 for any that are free"
            ) from error
        listeners.append(listener)
    return iter(listeners)


def _check_quirks(quirks: Mapping[str, bool], schemas: Sequence[Mapping[str, SystemSchema]]) -> None:
    """See that each quirk is one of a system that is served: another one would be switched without effect."""
    systems = sorted({system for known in schemas for system in known})
    for name in quirks:
        if not any(name.casefold().startswith(f"{system}.".casefold()) for system in systems):
            raise ConfigError(f"quirk {name}: no such system is served; it has to begin with one of {_told(systems)}")


def _told(systems: Sequence[str]) -> str:
    return ", ".join(f"{system}." for system in systems)


class _OpenGate:
    """Lets the engine work at all times."""

    async def passed(self) -> None:
        """Return at once."""
