"""Where the systems of a world are: emulated in this process, live behind accounts, or in a recording.

A ground gives clients; the modes of a run differ in nothing else. `worlds.py` verifies on it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.errors import ApiError
from talkqa.model.protocols import SystemClient
from talkqa.model.schema import SystemSchema
from talkqa.model.world import World
from talkqa.runner.connections import Budgets, Connections, Meter, Presence, find_limits, limit
from talkqa.runner.recordings import beats_of, make_recorder, note_choice, note_start, was_guarded
from talkqa.runner.stage import Opening
from talkqa.sandbox.world import SandboxWorld
from talkqa.systems.connect import make_client
from talkqa.systems.tokens import TokenStore
from talkqa.transport.network import open_http
from talkqa.transport.recorder import Recorder
from talkqa.transport.recording import Start, WorldRecording
from talkqa.transport.replayer import Replayer
from talkqa.transport.wire import FaultyTransport, WireFaults
from talkqa.verify.access import Access
from talkqa.verify.conduct import Conduct
from talkqa.verify.evidence import record_exchange

Schemas = Mapping[str, SystemSchema]
_AT_ONCE_S = 0.001
_ASKED_FOR_TIME = 3
_ASK_AGAIN_S = 10.0


@dataclass(slots=True)
class Recognition:
    """Whether a record is ours; known as soon as the world that is verified is."""

    access: Access | None = None

    def __call__(self, record: Mapping[str, Any]) -> bool:
        """Whether it is; nothing is before the world is open."""
        return self.access is not None and self.access.recognises(record)

    def excerpt(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Of a foreign record what this run wrote into it."""
        return {} if self.access is None else self.access.reduction.excerpt(record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The systems of an open world, ready to be spoken to."""

    clients: Mapping[str, SystemClient]
    meters: tuple[Meter, ...] = ()
    conduct: Conduct = field(default_factory=Conduct)
    starts: Mapping[str, Start] | None = None
    """Check id to when it began in the recording that is replayed; None where none is."""
    places: Mapping[str, Presence] = field(default_factory=dict)
    """System to where it is, for real systems."""
    recorder: Recorder | None = None
    recognition: Recognition = field(default_factory=Recognition)
    replayer: Replayer | None = None
    recording: WorldRecording | None = None
    """What the replayer replays."""


@asynccontextmanager
async def open_ground(
    world: World, schemas: Schemas, opening: Opening, recording: WorldRecording | None, budgets: Budgets
) -> AsyncIterator[Ground]:
    """The systems of a world as the settings' mode says.

    Raises:
        RunError: where a system cannot be reached, or must not be written to.
        CassetteError: where a system was not recorded.
    """
    if recording is not None:
        async with _replay(schemas, opening, recording) as ground:
            yield ground
        return
    opened = {"sandbox": _sandbox, "live": _live}[opening.settings.mode]
    recognition = Recognition()
    recorder = make_recorder(world, opening, recognition, recognition.excerpt) if opening.settings.record else None
    async with opened(world, schemas, opening, recorder, budgets) as ground:
        if recorder is None:
            yield ground
            return
        conduct = replace(
            ground.conduct, on_start=partial(note_start, recorder), on_choice=partial(note_choice, recorder)
        )
        yield replace(ground, recorder=recorder, recognition=recognition, conduct=conduct)


@asynccontextmanager
async def _replay(schemas: Schemas, opening: Opening, recording: WorldRecording) -> AsyncIterator[Ground]:
    replayer = Replayer(recording, opening.clock)
    async with AsyncExitStack() as stack:
        clients = {}
        for system, schema in schemas.items():
            http = await stack.enter_async_context(open_http(replayer.transport(system)))
            clients[system] = make_client(
                schema,
                recording.account(system),
                http,
                clock_now=opening.clock.now,
                on_exchange=record_exchange,
                timeout_s=None,
                stamp=opening.clock.stamp,
            )

        def due_s(system: str, entity: str, now_s: float) -> float:
            """An observer asks when it was answered, so that it misses none of what others looked for."""
            following = replayer.next_answer_s(system, entity, now_s)
            return recording.facts.poll_s if following is None else following - now_s

        conduct = Conduct(
            guarded=was_guarded(recording),
            sweeps=False,
            beats=beats_of(recording),
            poll_s=dict.fromkeys(schemas, _AT_ONCE_S),
            due_s=due_s,
        )
        yield Ground(clients=clients, conduct=conduct, starts=recording.starts, replayer=replayer, recording=recording)


@asynccontextmanager
async def _sandbox(
    world: World, schemas: Schemas, opening: Opening, recorder: Recorder | None, _budgets: Budgets
) -> AsyncIterator[Ground]:
    settings = opening.settings
    sandbox = SandboxWorld(
        flows=world.running,
        schemas=schemas,
        clock=opening.clock,
        settings=settings.sandbox,
        conditions=settings.conditions,
        connections=settings.connections,
        seed=settings.seed,
    )
    accounts = {system: sandbox.account(system) for system in schemas}
    if settings.sandbox.limited:
        accounts = {s: limit(account, find_limits(schemas[s], settings)) for s, account in accounts.items()}
    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        connections = Connections(opening.clock, stack, seed=settings.seed, recorder=recorder, secrets=opening.secrets)
        clients, meters = {}, []
        for system, schema in schemas.items():
            inner = _made_faulty(sandbox, system, opening)
            clients[system], meter = await connections.open(schema, accounts[system], inner)
            meters.append(meter)
        run_engine = sandbox.run_engine if opening.engine is None else opening.engine(sandbox)
        nursery.start_soon(run_engine, opening.gate)
        # As in a live run, where nobody knows beforehand either how far the clocks are apart.
        ahead_s = await _measure_clocks(clients, opening) if settings.sandbox.weather.skew_s else {}
        conduct = Conduct(poll_s=_poll_s(accounts), ahead_s=ahead_s, is_held_up=partial(_is_held_up, meters))
        yield Ground(clients=clients, meters=tuple(meters), conduct=conduct)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _live(
    world: World, schemas: Schemas, opening: Opening, recorder: Recorder | None, budgets: Budgets
) -> AsyncIterator[Ground]:
    del world
    async with AsyncExitStack() as stack:
        clients, meters = {}, []
        connections = Connections(
            opening.clock,
            stack,
            seed=opening.settings.seed,
            budgets=budgets,
            store=TokenStore.of_user(),
            recorder=recorder,
            secrets=opening.secrets,
        )
        places: dict[str, Presence] = {}
        for system, schema in schemas.items():
            places[system] = await connections.look_up(schema, opening.settings)
            clients[system], meter = await connections.open_live(schema, opening.settings)
            meters.append(meter)
        conduct = Conduct(
            guarded=True,
            used=budgets.created,
            poll_s=_poll_s({meter.account.system: meter.account for meter in meters}),
            ahead_s={system: place.ahead_s for system, place in places.items()},
            is_held_up=partial(_is_held_up, meters),
            users={system: place.user for system, place in places.items() if place.user is not None},
        )
        yield Ground(clients=clients, meters=tuple(meters), conduct=conduct, places=places)


async def _measure_clocks(clients: Mapping[str, SystemClient], opening: Opening) -> dict[str, float]:
    """By how many seconds each system's clock is ahead of ours, as far as it tells."""
    ahead_s: dict[str, float] = {}
    for system, client in clients.items():
        told = await _ask_time(client, opening)
        if told is not None:
            ahead_s[system] = (told - opening.clock.stamp()).total_seconds()
    return ahead_s


async def _ask_time(client: SystemClient, opening: Opening) -> datetime | None:
    """What a system's clock shows; None where it does not tell, or does not answer: its checks say why then."""
    for _ in range(_ASKED_FOR_TIME):
        try:
            return (await client.identify()).server_time
        except ApiError:
            await opening.clock.sleep(_ASK_AGAIN_S)
    return None


def _made_faulty(sandbox: SandboxWorld, system: str, opening: Opening) -> httpx.AsyncBaseTransport:
    """The way to an emulated system, with the faults of the wire that the settings ask for."""
    inner, settings = sandbox.transport(system), opening.settings
    if not settings.sandbox.wire_faults:
        return inner
    return FaultyTransport(
        inner,
        WireFaults.evenly(settings.sandbox.wire_faults),
        clock=opening.clock,
        system=system,
        seed=settings.seed,
        expire=partial(sandbox.expire_token, system),
    )


def _is_held_up(meters: Sequence[Meter], system: str) -> bool:
    """Whether calls to a system had to wait for limits that it told of itself."""
    return any(meter.budget.held_up for meter in meters if meter.account.system == system)


def _poll_s(accounts: Mapping[str, Account]) -> dict[str, float]:
    return {system: account.poll_s for system, account in accounts.items() if account.poll_s is not None}
