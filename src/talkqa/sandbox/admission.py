"""Unlinked source records: whether they are let in, whom they are linked to, or what is created for them.

Used by the engine. Holds the engine's promise of exactly one: a record is admitted under a lock of its own, and
nothing is taken for new while the engine may be creating it itself.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from talkqa.model.errors import ApiError
from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.connectors.contract import Fetched
from talkqa.sandbox.conversion import is_empty, to_text
from talkqa.sandbox.creation import Creator, compose
from talkqa.sandbox.pairing import Direction, Pairing, criteria_of
from talkqa.sandbox.reconciler import Reconciler
from talkqa.sandbox.rows import Group
from talkqa.sandbox.rules import Connection, Permit
from talkqa.sandbox.state import EngineState, Link

_log = logging.getLogger("talkqa.sandbox.engine")
_EPOCH = datetime.fromtimestamp(0, UTC)

OnLinked = Callable[[Link], Awaitable[None]]
"""Told of every new link, when nothing is locked any more."""


class Admission:
    """Lets source records into their pairings."""

    def __init__(
        self,
        state: EngineState,
        behaviour: Behaviour,
        creator: Creator,
        reconciler: Reconciler,
        on_linked: OnLinked,
    ) -> None:
        self._state = state
        self._behaviour = behaviour
        self._creator = creator
        self._reconciler = reconciler
        self._on_linked = on_linked

    async def consider(self, pairing: Pairing, side: Side, record_id: str) -> None:
        """Link or create a counterpart for a record, as far as the flows from its side allow.

        Raises:
            ApiUnavailable: where a system gave no usable answer.
        """
        key = pairing.keys[side]
        async with self._state.lock(pairing, side, record_id):
            await self._state.wait_for_creating(key)
            if (*key, record_id) in self._state.own or self._state.is_retired(pairing, key, record_id):
                return
            record = await self._state.current(key, record_id)
            link = await self._admit(pairing, side, record) if record is not None else None
        if link is not None:
            await self._reconciler.bring_together(link)
            await self.announce(link)

    async def announce(self, link: Link) -> None:
        """Have everybody who waited for a link look again, until that has been done once.

        Raises:
            ApiUnavailable: where a system gave no usable answer.
        """
        if link.announced or link.gone:
            return
        link.announced = True
        try:
            await self._on_linked(link)
        except ApiError:
            link.announced = False
            raise

    async def consider_for(self, pairing: Pairing, side: Side, target: Fetched) -> None:
        """Consider the unlinked source records on `side` that a new or changed target record may match."""
        key = pairing.keys[side]
        for direction in pairing.directions_from(side):
            if direction.rules.merges and not direction.rules.every:
                pairs = self._criteria(pairing, direction)
                for record in self._state.all_known(key):
                    if not self._state.is_retired(pairing, key, record.id) and any(
                        _texts(record.values.get(source)) & _texts(target.values.get(path)) for source, path in pairs
                    ):
                        await self.consider(pairing, side, record.id)

    async def create_again(self, link: Link, side: Side) -> Fetched | None:
        """A further record on the other side for one that is linked: only ever a fault."""
        key = link.pairing.keys[side]
        record = self._state.known(key, link.ids[side])
        return None if record is None else await self._make(link.pairing, side, record)

    async def _admit(self, pairing: Pairing, side: Side, record: Fetched) -> Link | None:
        for direction in pairing.directions_from(side):
            permit = self._permit(pairing, direction, record)
            target = self._behaviour.mistaken_match(pairing, side, record, self._state) if permit.link else None
            if target is None and permit.link and self._merges(pairing, direction):
                target = await self._match(pairing, direction, record)
            if target is not None:
                return self._state.link(pairing, {side: record.id, side.other: target})
            if permit.create and pairing.keys[side.other] not in self._state.ancestors.get(
                (*pairing.keys[side], record.id), frozenset()
            ):
                return await self._found(pairing, side, record)
        return None

    def _merges(self, pairing: Pairing, direction: Direction) -> bool:
        return self._behaviour.merges(pairing, direction.side, documented=direction.rules.merges)

    def _permit(self, pairing: Pairing, direction: Direction, record: Fetched) -> Permit:
        def connected(connection: Connection) -> bool:
            return self._is_connected(pairing, direction.side, record, connection)

        permit = direction.rules.permit(record.values, connected)
        return self._behaviour.permit(pairing, direction.side, direction.rules, permit)

    def _is_connected(self, pairing: Pairing, side: Side, record: Fetched, connection: Connection) -> bool:
        if not self._behaviour.counts(pairing, side, connection):
            return False
        system, other_system = pairing.keys[side][0], pairing.keys[side.other][0]
        if connection.held_by_source:
            ids = _texts(record.values.get(connection.path))
        else:
            holders = self._state.all_known((system, connection.entity))
            ids = {h.id for h in holders if record.id in _texts(h.values.get(connection.path))}
        return any(
            counterpart[0] == other_system
            for record_id in ids
            for counterpart in self._state.counterparts.get((system, connection.entity, record_id), ())
        )

    async def _match(self, pairing: Pairing, direction: Direction, record: Fetched) -> str | None:
        """The id of an unlinked target record that equals the source record on any criterion."""
        side = direction.side
        key = pairing.keys[side.other]
        for source, target in self._criteria(pairing, direction):
            for text in sorted(_texts(record.values.get(source))):
                found = await self._state.connectors[key[0]].find(key[1], target, text)
                await self._state.wait_for_creating(key)
                for candidate in sorted(found, key=lambda one: (one.modified or _EPOCH, one.id)):
                    own = (*key, candidate.id) in self._state.own
                    itself = pairing.keys[side] == key and candidate.id == record.id
                    if not own and not itself and not self._state.is_retired(pairing, key, candidate.id):
                        self._state.remember(key, candidate)
                        return candidate.id
        return None

    def _criteria(self, pairing: Pairing, direction: Direction) -> tuple[tuple[str, str], ...]:
        return self._behaviour.criteria(pairing, direction.side, tuple(criteria_of(pairing, direction)))

    async def _found(self, pairing: Pairing, side: Side, record: Fetched) -> Link | None:
        """Create a counterpart and link it."""
        key = pairing.keys[side.other]
        event = self._state.begin_creating(key)
        try:
            values, done = self._composed(pairing, side, record)
            looks_first = self._behaviour.looks_first(pairing)
            made = await self._creator.create(key, values, (pairing.keys[side], record), looks_first=looks_first)
            if made is None:
                _log.warning("%s: nothing created for %s", pairing.id, record.id)
                return None
            self._state.remember(key, made)
            self._descend(pairing, side, record.id, made.id)
            link = self._state.link(pairing, {side: record.id, side.other: made.id})
            left = self._reconciler.as_left(key, made, values)
            self._reconciler.settle(link, done, {side: record, side.other: left})
            self._behaviour.created(pairing)
            for _ in range(self._behaviour.copies(pairing, side) - 1):
                await self._make(pairing, side, record)
            if self._behaviour.imports_copies(pairing, side):
                await self._make(pairing, side.other, made)
            return link
        finally:
            self._state.end_creating(key, event)

    async def _make(self, pairing: Pairing, side: Side, record: Fetched) -> Fetched | None:
        """An unlinked record on the other side."""
        key = pairing.keys[side.other]
        event = self._state.begin_creating(key)
        try:
            values, _ = self._composed(pairing, side, record)
            made = await self._creator.create(key, values, (pairing.keys[side], record))
            if made is not None:
                self._descend(pairing, side, record.id, made.id)
                self._state.retire(pairing, side.other, made.id)
            return made
        finally:
            self._state.end_creating(key, event)

    def _composed(
        self, pairing: Pairing, side: Side, record: Fetched
    ) -> tuple[dict[str, FieldValue], tuple[Group, ...]]:
        translate = self._reconciler.translator(pairing)
        return compose(pairing, side, record, self._behaviour, translate, self._state.clock.stamp())

    def _descend(self, pairing: Pairing, side: Side, record_id: str, made_id: str) -> None:
        key = pairing.keys[side]
        above = self._state.ancestors.get((*key, record_id), frozenset())
        self._state.ancestors[*pairing.keys[side.other], made_id] = above | {key}


def _texts(value: FieldValue) -> set[str]:
    items = value if isinstance(value, tuple) else (value,)
    return {to_text(item) for item in items if not is_empty(item)}
