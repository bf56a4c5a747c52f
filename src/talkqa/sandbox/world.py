"""The sandbox of one world: emulated systems and the reference engine between them.

Used by the runner. Base URLs and httpx transports are all that leaves it: no check reads a store, a link or the
engine's state.
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn

import httpx

from talkqa.model.account import Account
from talkqa.model.errors import ConfigError
from talkqa.model.flow import Flow
from talkqa.model.protocols import Clock, Gate
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import ConditionBinding, ConnectionBinding, SandboxSettings
from talkqa.sandbox.connectors.contract import USER
from talkqa.sandbox.connectors.registry import make_connector
from talkqa.sandbox.dialects.emulator import Emulator
from talkqa.sandbox.dialects.registry import make_emulator
from talkqa.sandbox.engine import Engine
from talkqa.sandbox.faults import make_behaviour
from talkqa.sandbox.pairing import build_pairings
from talkqa.sandbox.store import Listener, SystemStore
from talkqa.sandbox.weather import Forecast, Pace, SkewedClock


class SandboxWorld:
    """Emulated systems for the flows of one world, and an engine that keeps them in step."""

    def __init__(
        self,
        *,
        flows: Sequence[Flow],
        schemas: Mapping[str, SystemSchema],
        clock: Clock,
        settings: SandboxSettings,
        conditions: Sequence[ConditionBinding] = (),
        connections: Sequence[ConnectionBinding] = (),
        seed: int = 0,
    ) -> None:
        """Set up the systems; nothing runs yet.

        Args:
            flows: all flows of the world.
            schemas: by canonical system name, reduced by licence or not.
            clock: all waiting goes through it.
            settings: licences that are off, faults, cycle of the engine.
            conditions: what the words of conditions mean.
            connections: which fields connect records.
            seed: of every random draw; equal seeds give equal worlds.

        Raises:
            ConfigError: for an unknown fault.
        """
        self.clock = clock
        self.flows = tuple(flow.as_documented() for flow in flows)
        """What the documents say of them: an engine knows nothing of what its testers approved."""
        self.schemas = dict(sorted(schemas.items()))
        """By canonical system name, sorted."""
        self.conditions = tuple(conditions)
        self.connections = tuple(connections)
        self._seed = seed
        self._cycle_s = settings.engine_cycle_s
        self._pace = Pace(settings.weather, seed=seed)
        self._emulators: dict[str, Emulator] = {}
        for name, schema in self.schemas.items():
            forecast = Forecast(settings.weather, system=name, seed=seed)
            own = SkewedClock(clock, forecast.ahead_s) if settings.weather.skew_s else clock
            store = SystemStore(schema, own, seed, licences_off=_licences_off(name, settings))
            self._emulators[name] = make_emulator(store, own, _quirks(name, settings))
            if not settings.weather.calm:
                self._emulators[name].forecast = forecast
        self._ways = {name: httpx.ASGITransport(app=emulator) for name, emulator in self._emulators.items()}
        self._transports = {
            name: httpx.ASGITransport(app=emulator, client=(USER, 0)) for name, emulator in self._emulators.items()
        }
        """The engine's own, so that its calls can be told from those of the tests."""
        self._pairings = build_pairings(self.flows, self.schemas, conditions, connections)
        self._faults = settings.faults
        make_behaviour(self._faults)

    @property
    def systems(self) -> tuple[str, ...]:
        """Canonical names of the systems, sorted."""
        return tuple(self.schemas)

    def account(self, system: str, user: str = "harness", *, url: str = "") -> Account:
        """How a user reaches a system; raises ConfigError for a system that is not here.

        In this process the harness signs in as it would at the vendor's. The engine keeps no tokens; and what is
        served is served again, when a token store that outlives it would hold a chain of tokens that nobody knows.

        Args:
            system: canonical name.
            user: who.
            url: where the system is served; empty for its transport.
        """
        emulator = self.application(system)
        if url or user == USER:
            return emulator.account(url or self._url(system), user)
        return emulator.oauth_account(self._url(system), user)

    def _url(self, system: str) -> str:
        return f"http://{_host(system)}.sandbox"

    def application(self, system: str) -> Emulator:
        """The system as an ASGI application, to be served; raises ConfigError for a system that is not here."""
        self.transport(system)
        return self._emulators[system]

    def transport(self, system: str, user: str = "harness") -> httpx.AsyncBaseTransport:
        """What carries a user's requests to the system; raises ConfigError for a system that is not here."""
        if system not in self._transports:
            raise ConfigError(f"the sandbox has no system {system!r}; it has: {', '.join(self._transports)}")
        return self._transports[system] if user == USER else self._ways[system]

    def listen(self, listener: Listener) -> None:
        """Have a listener told `(system, entity, id)` right after each committed change, deletes included."""
        for emulator in self._emulators.values():
            emulator.store.listeners.append(listener)

    def expire_token(self, system: str, token: str) -> None:
        """Make an access token dead at its system, which then answers 401 until a new one is asked for."""
        self._emulators[system].expire_token(token)

    async def run_engine(self, gate: Gate) -> NoReturn:
        """Run the reference engine until cancelled; it forgets everything then.

        Args:
            gate: passed before every cycle.
        """
        engine = Engine(
            pairings=self._pairings,
            connectors={
                name: make_connector(schema, self.account(name, USER), self._transports[name])
                for name, schema in self.schemas.items()
            },
            schemas=self.schemas,
            behaviour=make_behaviour(self._faults),
            clock=self.clock,
            cycle_s=self._cycle_s,
            seed=self._seed,
            pace=self._pace,
        )
        await engine.run(gate)


def _licences_off(system: str, settings: SandboxSettings) -> frozenset[str]:
    """The system's licences that are off; one named without a system is off everywhere."""
    prefix = f"{system}.".casefold()
    return frozenset(
        text[len(prefix) :] if text.casefold().startswith(prefix) else text for text in settings.licences_off
    )


def _quirks(system: str, settings: SandboxSettings) -> dict[str, bool]:
    prefix = f"{system}.".casefold()
    return {name[len(prefix) :]: on for name, on in settings.quirks.items() if name.casefold().startswith(prefix)}


def _host(system: str) -> str:
    """A host name for a system: letters, digits and hyphens, another one for every name."""
    if not system:
        return "nameless"
    plain = system.lower().replace(" ", "-")
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else f"x{ord(c):x}" for c in plain)
