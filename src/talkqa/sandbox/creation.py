"""New records that the reference engine makes: their values, what their system demands, and what it refuses.

Used by the engine's admission of records. What no row fills comes from links, from a shared default parent, else from
a stated default of the type.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

import trio

from talkqa.model.errors import ApiUnavailable
from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import FieldSchema, FieldType, SystemSchema
from talkqa.sandbox import draws
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.connectors.contract import Fetched, WriteRefused
from talkqa.sandbox.conversion import Converted, Unfit, is_empty
from talkqa.sandbox.decision import Translate, hold
from talkqa.sandbox.pairing import EntityKey, Pairing
from talkqa.sandbox.rows import Group
from talkqa.sandbox.state import EngineState

_log = logging.getLogger("talkqa.sandbox.engine")

DEFAULT_NAME = "Talk default"
"""What the engine calls what it must invent."""
_TRIES = 6
_DEFAULTS: Mapping[FieldType, Scalar] = {
    FieldType.EMAIL: "talk.default@example.com",
    FieldType.PHONE: "+4755501000",
    FieldType.URL: "https://talk.example.com/",
    FieldType.INTEGER: 0,
    FieldType.DECIMAL: 0,
    FieldType.BOOLEAN: False,
}

_TEXTS = frozenset({FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.URL, FieldType.PHONE})
_LOST_AFTER_S = 3.0
"""How long what was not answered may take to show; longer with each look that the system does not answer either."""
_LOST_AT_MOST_S = 30.0
"""How long at most between two looks."""

Values = dict[str, FieldValue]


def compose(
    pairing: Pairing, side: Side, record: Fetched, behaviour: Behaviour, translate: Translate, now: datetime
) -> tuple[Values, tuple[Group, ...]]:
    """The values of a counterpart on the other side, and the groups that need no further look once it exists."""
    values: Values = {}
    done: dict[str, Group] = {}
    groups = behaviour.groups(pairing)
    # Twice: a qualifier may ask for what another row has just put into the new record.
    for group in (*groups, *groups):
        found = None if group.key in done else _compose_group(group, side, record, values, translate, now)
        if found is None:
            continue
        path, value, createable = found
        if not createable:
            # Left to the first look at the pair: the record must exist before this can be set or read.
            continue
        if is_empty(value):
            done[group.key] = group
        elif path not in values:
            done[group.key] = group
            values[path] = behaviour.outgoing(pairing, group, side.other, record.id, value)
    return values, tuple(done.values())


def _compose_group(
    group: Group, side: Side, record: Fetched, values: Values, translate: Translate, now: datetime
) -> tuple[str, FieldValue, bool] | None:
    """Path, value and whether it can be set on create; None where the group has nothing to say yet."""
    value: Converted | None
    if group.side is side:
        holding = hold(group, record.values, values)
        if holding is None:
            return None
        if holding.lead is None:
            return group.target.path, None, True
        member, place, source = holding.lead, group.target, holding.source
        value = translate(group, member, source, side.other) if member.refers else _told(member.forward(source, now))
    else:
        member, source = group.members[0], record.values.get(group.target.path)
        if not member.applies(values, record.values):
            return None
        place = member.source
        value = translate(group, member, source, side.other) if member.refers else _told(member.backward(source, now))
    if value is None:
        return None
    return place.path, None if isinstance(value, Unfit) else value, place.createable


def _told(value: Converted) -> Converted:
    """Nothing as an empty list: None stands for `not yet`."""
    return () if value is None else value


class Creator:
    """Makes records in target systems."""

    def __init__(self, state: EngineState, schemas: Mapping[str, SystemSchema]) -> None:
        self._state = state
        self._schemas = schemas
        self._parents: dict[EntityKey, str | None] = {}
        self._locks: dict[EntityKey, trio.Lock] = {}

    async def create(
        self,
        key: EntityKey,
        values: Mapping[str, FieldValue],
        source: tuple[EntityKey, Fetched] | None,
        within: frozenset[EntityKey] = frozenset(),
        *,
        looks_first: bool = True,
    ) -> Fetched | None:
        """A new record with these values and what its system demands beyond them.

        Args:
            key: system and entity.
            values: what the rows give; what the system refuses of it is left out.
            source: the record that it is made for.
            within: entities whose default parent is being made: no parent is its own parent's parent.
            looks_first: whether a creation whose answer was lost is looked for before it counts as not done.

        Returns:
            The record as stored; None where the system refused it for reasons that no other value would mend.

        Raises:
            ApiUnavailable: where the system gave no usable answer.
        """
        kept = dict(values)
        for _ in range(_TRIES):
            full = {**kept, **await self._demanded(key, kept, source, within)}
            known = frozenset(record.id for record in self._state.all_known(key))
            asked = self._state.clock.stamp()
            try:
                made = await self._state.connectors[key[0]].create(key[1], full)
            except ApiUnavailable:
                found = await self._find_unanswered(key, full, known) if looks_first else None
                if found is None:
                    raise
                return found
            except WriteRefused as refusal:
                _log.warning("%s", refusal)
                named = {path.casefold() for path in refusal.fields}
                refused = {path for path in kept if path.casefold() in named}
            else:
                self._state.note_written(key[0], asked, made.modified)
                return made
            if not refused:
                break
            kept = {path: value for path, value in kept.items() if path not in refused}
        return None

    async def _find_unanswered(self, key: EntityKey, values: Values, known: frozenset[str]) -> Fetched | None:
        """The record that a create without answer made all the same: creating it again would make a second one.

        Until the system tells, there is nothing else to do: whoever cannot look must not create.
        """
        pause_s = _LOST_AFTER_S
        while True:
            await self._state.clock.sleep(pause_s)
            try:
                found, _ = await self._state.connectors[key[0]].poll(key[1], None)
            except ApiUnavailable:
                pause_s = min(pause_s + _LOST_AFTER_S, _LOST_AT_MOST_S)
                continue
            there = [one for one in found if not one.deleted]
            return self._made_of(key, there, [one for one in there if one.id not in known], values)

    def _made_of(
        self, key: EntityKey, there: Sequence[Fetched], new: Sequence[Fetched], values: Values
    ) -> Fetched | None:
        """The new record that holds most of the texts that were sent, or where none were, everything that was.

        Failing that, the only one that holds a text which nothing else does: somebody may have edited it meanwhile.
        """
        entity = self._schemas[key[0]].entity(key[1])
        fields = {f.path: f for f in entity.fields} if entity else {}
        texts = {
            path: value
            for path, value in values.items()
            if isinstance(value, str) and value != DEFAULT_NAME and path in fields and fields[path].type in _TEXTS
        }
        if not texts:
            return next((one for one in new if len(_held(one, values)) == len(values)), None)
        # A system may cut or fold a value, but not most of them.
        whole = next((one for one in new if 2 * len(_held(one, texts)) >= len(texts)), None)
        if whole is not None:
            return whole
        holders = Counter(path for one in there for path in _held(one, texts))
        rest = [one for one in new if any(holders[path] == 1 for path in _held(one, texts))]
        return rest[0] if len(rest) == 1 else None

    async def _demanded(
        self,
        key: EntityKey,
        values: Mapping[str, FieldValue],
        source: tuple[EntityKey, Fetched] | None,
        within: frozenset[EntityKey],
    ) -> Values:
        entity = self._schemas[key[0]].entity(key[1])
        demanded: Values = {}
        touched = {f.list_at for f in entity.fields if f.path in values} if entity else set()
        for field in entity.fields if entity else ():
            wanted = field.required and field.createable and is_empty(values.get(field.path))
            if not wanted or (field.list_at is not None and field.list_at not in touched):
                continue
            value = await self._default(key, field, source, within)
            if value is not None:
                demanded[field.path] = (value,) if field.list_at is not None else value
        return demanded

    async def _default(
        self,
        key: EntityKey,
        field: FieldSchema,
        source: tuple[EntityKey, Fetched] | None,
        within: frozenset[EntityKey],
    ) -> Scalar:
        if field.type is FieldType.REFERENCE:
            linked = self._linked_parent(key[0], field, source)
            return linked if linked is not None else await self._default_parent(key[0], field, within | {key})
        if field.type is FieldType.PICKLIST and field.picklist:
            return field.picklist[0]
        stamp = self._state.clock.stamp()
        if field.type is FieldType.DATE:
            return stamp.date().isoformat()
        if field.type is FieldType.DATETIME:
            return stamp.isoformat(timespec="seconds").replace("+00:00", "Z")
        if field.type in _DEFAULTS:
            return _DEFAULTS[field.type]
        text = DEFAULT_NAME
        if field.unique:
            text = draws.digest("default", field.path, source[1].id if source else key, size_bytes=5).hex()
        return text if field.max_length is None else text[: field.max_length]

    def _linked_parent(self, system: str, field: FieldSchema, source: tuple[EntityKey, Fetched] | None) -> str | None:
        """The counterpart of whatever the source refers to, where the field may name it."""
        if source is None:
            return None
        (source_system, entity_name), record = source
        entity = self._schemas[source_system].entity(entity_name)
        for reference in sorted(entity.fields if entity else (), key=lambda f: f.path):
            named = record.values.get(reference.path)
            for name in reference.references if isinstance(named, str) else ():
                for counterpart in self._state.counterparts.get((source_system, name, str(named)), ()):
                    if counterpart[0] == system and counterpart[1] in field.references:
                        return counterpart[2]
        return None

    async def _default_parent(self, system: str, field: FieldSchema, within: frozenset[EntityKey]) -> str | None:
        for name in field.references:
            entity = self._schemas[system].entity(name)
            if entity is None or (system, entity.name) in within:
                continue
            key = (system, entity.name)
            async with self._locks.setdefault(key, trio.Lock()):
                if key not in self._parents:
                    self._parents[key] = await self._make_parent(key, within)
            if self._parents[key] is not None:
                return self._parents[key]
        return None

    async def _make_parent(self, key: EntityKey, within: frozenset[EntityKey]) -> str | None:
        entity = self._schemas[key[0]].entity(key[1])
        name = entity.field(entity.name_field) if entity and entity.name_field else None
        values: Values = {}
        if name is not None and name.createable and name.type in (FieldType.STRING, FieldType.TEXT):
            values[name.path] = DEFAULT_NAME
        event = self._state.begin_creating(key)
        try:
            made = await self.create(key, values, None, within) if entity and entity.createable else None
            if made is not None:
                self._state.own.add((*key, made.id))
                self._state.remember(key, made)
                return made.id
        finally:
            self._state.end_creating(key, event)
        there, _ = await self._state.connectors[key[0]].poll(key[1], None)
        return next((record.id for record in there if not record.deleted), None)


def _held(record: Fetched, values: Mapping[str, FieldValue]) -> list[str]:
    """The paths whose values a record holds."""
    return [path for path, value in values.items() if _plain(record.values.get(path)) == _plain(value)]


def _plain(value: FieldValue) -> FieldValue:
    """A value without what systems are known to change when they store it."""
    return " ".join(value.split()).casefold() if isinstance(value, str) else value
