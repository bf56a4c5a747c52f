"""The reference sync engine: polls the systems' APIs and keeps records in step as the flows say.

Used by the world. It knows nothing that an HTTP API did not tell it, and nobody looks into it. Every wait goes through
the clock; every draw is keyed, so that equal seeds do the same at the same virtual times.
"""

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import trio

from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.model.flow import Side
from talkqa.model.protocols import Clock, Gate
from talkqa.model.record import FieldValue
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Weather
from talkqa.sandbox import draws
from talkqa.sandbox.admission import Admission
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.connectors.contract import Connector
from talkqa.sandbox.conversion import is_empty
from talkqa.sandbox.creation import Creator
from talkqa.sandbox.mischief import Mischief
from talkqa.sandbox.pairing import EntityKey, Pairing
from talkqa.sandbox.reconciler import Reconciler
from talkqa.sandbox.rules import Connection
from talkqa.sandbox.state import EngineState, Link, RecordKey
from talkqa.sandbox.weather import Pace

_log = logging.getLogger(__name__)

_WORKERS = 8
"""How many changes of one poll are worked on at once."""


class Engine:
    """One engine for one world."""

    def __init__(
        self,
        *,
        pairings: tuple[Pairing, ...],
        connectors: Mapping[str, Connector],
        schemas: Mapping[str, SystemSchema],
        behaviour: Behaviour,
        clock: Clock,
        cycle_s: float,
        seed: int,
        pace: Pace | None = None,
    ) -> None:
        self._pairings = pairings
        self._behaviour = behaviour
        self._clock = clock
        self._cycle_s = cycle_s
        self._seed = seed
        self._pace = pace or Pace(Weather(), seed=seed)
        self._state = EngineState(connectors, clock)
        self._reconciler = Reconciler(self._state, behaviour)
        creator = Creator(self._state, schemas)
        self._admission = Admission(self._state, behaviour, creator, self._reconciler, self._on_linked)
        self._mischief = Mischief(self._state, behaviour, self._admission, self._reconciler)
        self._reconciler.on_carried = self._mischief.on_carried
        self._cursors: dict[EntityKey, str | None] = {}
        self._looked_at: dict[RecordKey, Mapping[str, Any]] = {}
        """The version of each record that was last acted upon."""
        self._retries: dict[EntityKey, dict[str, None]] = {}

    async def run(self, gate: Gate) -> NoReturn:
        """Keep the systems in step until cancelled.

        Args:
            gate: passed before every cycle, so that the engine rests while nobody waits for it.
        """
        keys = sorted({pairing.keys[side] for pairing in self._pairings for side in Side})
        async with trio.open_nursery() as nursery:
            for key in keys:
                nursery.start_soon(self._poll_for_ever, key, gate, nursery)
            await trio.sleep_forever()

    async def _poll_for_ever(self, key: EntityKey, gate: Gate, nursery: trio.Nursery) -> None:
        due_s = self._clock.now() + self._cycle_s * draws.fraction(self._seed, "phase", *key)
        while True:
            await self._clock.sleep(max(due_s - self._clock.now(), 0.0))
            await gate.passed()
            if self._behaviour.is_alive():
                try:
                    await self._cycle(key, nursery)
                except ApiError as error:
                    _log.warning("%s; asked again in the next cycle", error)
            late_s = max(self._clock.now() - due_s, 0.0)
            due_s += self._cycle_s * (1 + late_s // self._cycle_s)

    async def _cycle(self, key: EntityKey, nursery: trio.Nursery) -> None:
        """One poll of one entity, and all that follows from it."""
        records, cursor = await self._state.connectors[key[0]].poll(key[1], self._cursors.get(key))
        ids = self._retries.pop(key, {})
        for record in records:
            self._state.remember(key, record)
            # Also what the engine wrote itself is looked at once: it may be another flow's source.
            if self._looked_at.get((*key, record.id)) != record.body:
                ids[record.id] = None
        self._cursors[key] = cursor
        delay_s = max((self._behaviour.delay_s(pairing) for pairing in self._pairings_of(key)), default=0.0)
        now, later = self._behaviour.batch(self._pairings_of(key), tuple(ids))
        self._retries.setdefault(key, {}).update(dict.fromkeys(later))
        ordered = self._pace.order(now)
        if self._pace.waits:  # each change for itself: one that waits holds up no other
            for record_id in ordered:
                wait_s = delay_s + self._pace.wait_s(*key, record_id, self._clock.now())
                nursery.start_soon(self._work_later, key, (record_id,), wait_s)
        elif delay_s and ordered:
            nursery.start_soon(self._work_later, key, ordered, delay_s)
        else:
            await self._work(key, ordered)
        await self._mischief.perform(key, self._pairings_of(key))

    async def _work_later(self, key: EntityKey, ids: Iterable[str], delay_s: float) -> None:
        await self._clock.sleep(delay_s)
        await self._work(key, ids)

    async def _work(self, key: EntityKey, ids: Iterable[str]) -> None:
        """Look at changed records, a few at once, in the order of their changes."""
        waiting = deque(ids)

        async def work() -> None:
            while waiting:
                record_id = waiting.popleft()
                try:
                    await self._look_at(key, record_id)
                except ApiUnavailable as error:
                    if self._behaviour.retries(self._pairings_of(key), error.status):
                        _log.warning("%s; tried again in the next cycle", error)
                        self._retries.setdefault(key, {})[record_id] = None
                except ApiError as error:
                    _log.warning("%s; left until it changes", error)

        if len(waiting) == 1:
            await work()
            return
        async with trio.open_nursery() as nursery:
            for _ in range(min(_WORKERS, len(waiting))):
                nursery.start_soon(work)

    def _pairings_of(self, key: EntityKey) -> tuple[Pairing, ...]:
        found = (pairing for pairing in self._pairings if pairing.sides_of(key))
        return tuple(pairing for pairing in found if self._behaviour.takes_part(pairing))

    async def _look_at(self, key: EntityKey, record_id: str) -> None:
        """Do what a new, changed or deleted record calls for in every pairing."""
        # A record that the engine itself is just creating is known as its own only when that is done.
        await self._state.wait_for_creating(key)
        self._looked_at[*key, record_id] = self._state.newest_body(key, record_id)
        record = self._state.known(key, record_id)
        for pairing in self._pairings_of(key):
            links = self._state.links_of(pairing, key, record_id)
            for link in links:
                if record is None:
                    # Deletes are not carried: the other record stays, and is not created anew.
                    self._state.unlink(link)
                    self._mischief.on_gone(link, next(one for one in Side if link.key(one) == (*key, record_id)))
                else:
                    await self._reconciler.bring_together(link)
                    await self._admission.announce(link)
            if links or record is None or self._state.is_retired(pairing, key, record_id):
                continue
            for side in pairing.sides_of(key):
                await self._admission.consider_for(pairing, side.other, record)
                if pairing.directions_from(side):
                    await self._admission.consider(pairing, side, record_id)
        if record is not None:
            await self._look_at_connected(key, record_id)

    async def _look_at_connected(self, key: EntityKey, record_id: str) -> None:
        """Consider the records that may have become connected through this one."""
        if not self._state.counterparts.get((*key, record_id)):
            return
        for pairing, side, connection in self._connections_to(key):
            for source_id in self._connected_ids(pairing, side, connection, key, record_id):
                await self._admission.consider(pairing, side, source_id)

    def _connections_to(self, key: EntityKey) -> list[tuple[Pairing, Side, Connection]]:
        return [
            (pairing, direction.side, connection)
            for pairing in self._pairings
            if self._behaviour.takes_part(pairing)
            for direction in pairing.directions
            for connection in direction.rules.connections
            if (pairing.keys[direction.side][0], connection.entity) == key
        ]

    def _connected_ids(
        self, pairing: Pairing, side: Side, connection: Connection, key: EntityKey, record_id: str
    ) -> list[str]:
        source_key = pairing.keys[side]
        if connection.held_by_source:
            sources = self._state.all_known(source_key)
            return [s.id for s in sources if record_id in _ids(s.values.get(connection.path))]
        record = self._state.known(key, record_id)
        ids = _ids(record.values.get(connection.path)) if record else []
        return [one for one in ids if self._state.known(source_key, one) is not None]

    async def _on_linked(self, link: Link) -> None:
        """Look again at what waited for this: references to either record, and records connected to them."""
        for side in Side:
            await self._reconciler.bring_waiting(link.key(side))
            await self._look_at_connected(link.pairing.keys[side], link.ids[side])


def _ids(value: FieldValue) -> list[str]:
    return [str(item) for item in (value if isinstance(value, tuple) else (value,)) if not is_empty(item)]
