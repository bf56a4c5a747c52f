"""Makes records that a system accepts and that are recognised wherever their values turn up.

Used by verify. One factory per system and world: parents that a record needs are made first and shared, and are
never probes themselves. What a system refuses field by field is left out from then on and told, not hidden.
"""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import trio

from talkqa.model.call import DESCRIBE, acting_as
from talkqa.model.errors import CALLS_USED_UP, ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.flow import Flow
from talkqa.model.protocols import SystemClient
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.sentinels import Sentinels, can_hold, is_telling, token_of

_PARENT_KEY = "parent"
_CREATES = 5
"""How often a create is sent whose answers are lost and that did nothing."""
_FEW = 3
"""Values that are asked for so that a record matches another one; more of them are a whole record of its own."""
_SEARCHES = 5
"""How often what was lost is looked for where the search itself has no answer."""
_LOST_AFTER_S = 2.0
"""How long what was lost may take to be done; twice as long after the second loss, and so on."""
_TWIN = re.compile(r"duplicat|unique|exist|taken|in.use", re.IGNORECASE)
"""In the refusal of a record: another one like it is there."""
_SEARCHED = frozenset({FieldType.STRING, FieldType.EMAIL, FieldType.PHONE})

BeforeWrite = Callable[[str, str, str, Mapping[str, Scalar]], str]
"""Takes system, entity, key and values before a record is created; returns a token for `AfterWrite`."""
AfterWrite = Callable[[str, str | None], None]
"""Takes that token and the new record's id; None where the system refused, so that nothing was created."""


class RecordFactory:
    """Creates the records of one system in one world."""

    def __init__(
        self,
        client: SystemClient,
        sentinels: Sentinels,
        *,
        before_write: BeforeWrite = lambda _system, _entity, _key, _values: "",
        after_write: AfterWrite = lambda _token, _id: None,
        pause: Callable[[float], Awaitable[None]] = trio.sleep,
        existed: Callable[[Record], bool] = lambda _record: False,
    ) -> None:
        """Make a factory.

        Args:
            client: The system, as one user.
            sentinels: Of the world and run.
            before_write: Told before each create, so that the record is known whatever becomes of the request.
            after_write: Told after it.
            pause: Waits so many seconds of the run's clock.
            existed: Whether a record was there before the run: it is not the one that a lost create made.
        """
        self._existed = existed
        self._pause = pause
        self._client = client
        self._sentinels = sentinels
        self._before_write = before_write
        self._after_write = after_write
        self._described: dict[str, EntitySchema] = {}
        self._describing: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)
        self._parents: dict[str, Record] = {}
        self._made: set[tuple[str, str]] = set()
        self.found: set[str] = set()
        """Ids of parents that were there before: they are somebody's."""
        self._refused: dict[tuple[str, str], str] = {}
        self._parents_lock = trio.Lock()

    @property
    def refused(self) -> Mapping[tuple[str, str], str]:
        """(entity, path) of fields that the system refused, with what it said; later records go without them."""
        return MappingProxyType(self._refused)

    @property
    def parents(self) -> Mapping[str, Record]:
        """Entity to the shared parent of it, where one was needed."""
        return MappingProxyType(self._parents)

    async def describe(self, entity: str) -> EntitySchema:
        """The entity as this account sees it, asked once a factory."""
        async with self._describing[entity]:
            known = self._described.get(entity)
            if known is None:
                with acting_as(DESCRIBE):
                    known = self._described[entity] = await self._client.describe(entity)
        return known

    async def make(
        self,
        entity: str,
        key: str,
        overrides: Mapping[str, Scalar] | None = None,
        *,
        counter: int = 0,
    ) -> Record:
        """Create a record with a sentinel in every writable field that can hold one.

        Args:
            entity: What to create.
            key: What the sentinels are keyed by, as a rule the check's id.
            overrides: Dotted path to value; None leaves the property empty.
            counter: Of the records made under this key.

        Returns:
            The record as the system stored it.

        Raises:
            FeatureMissing: Where a licence lacks.
            ApiRefused: Where the system refuses the record for more than single fields that may be left out.
        """
        return await self._make(entity, key, overrides or {}, counter=counter, chain=())

    async def _make(
        self,
        entity: str,
        key: str,
        overrides: Mapping[str, Scalar],
        *,
        counter: int,
        chain: tuple[str, ...],
    ) -> Record:
        described = await self.describe(entity)
        folded = {path.casefold(): value for path, value in overrides.items()}
        values: dict[str, Scalar] = {}
        for field in described.fields:
            name = field.path.casefold()
            if name in folded:
                value = folded.pop(name)
            elif self._is_left_out(described, field):
                continue
            elif field.type is FieldType.REFERENCE:
                value = await self._parent_id(field, (*chain, entity))
            elif field.type is FieldType.PICKLIST and field.required and field.picklist:
                # The first value is where a record's life begins: an order cannot be created as activated.
                value = field.picklist[0]
            else:
                value = self._sentinels.value(field, key, counter)
            if value is not None:
                values[field.path] = value
        # What the system does not know is sent all the same: its refusal says so better than silence would.
        values.update({path: value for path, value in overrides.items() if path.casefold() in folded})
        return await self._write(described, key, values, frozenset(path.casefold() for path in overrides))

    def _is_left_out(self, entity: EntitySchema, field: FieldSchema) -> bool:
        if not field.createable or field.path == entity.id_field or (entity.name, field.path) in self._refused:
            return True
        if field.required:
            return False
        if field.list_at is not None and not _list_is_needed(entity, field.list_at):
            return True
        if field.type is FieldType.REFERENCE or not field.writable:
            return True
        if field.type is FieldType.PICKLIST:
            return not field.picklist
        return not can_hold(field)

    async def _write(
        self, entity: EntitySchema, key: str, values: Mapping[str, Scalar], fixed: frozenset[str]
    ) -> Record:
        token = self._before_write(self._client.schema.name, entity.name, key, values)
        try:
            record = await self._create(entity, values, fixed)
        except FeatureMissing:
            self._after_write(token, None)
            raise
        except ApiRefused as error:
            kept = self._without_refused(entity, values, fixed, error)
            if kept is None:
                self._after_write(token, None)
                raise
            try:
                record = await self._create(entity, kept, fixed)
            except ApiRefused:
                self._after_write(token, None)
                raise
        self._after_write(token, record.id)
        self._made.add((entity.name, record.id))
        return record

    async def _create(self, entity: EntitySchema, values: Mapping[str, Scalar], fixed: frozenset[str]) -> Record:
        """Create a record; where no answer came, look for it before it is sent again.

        Raises:
            ApiRefused: where the values are refused.
            ApiUnavailable: where the last attempt had no answer, or one without answer was followed by a refusal for
                what is there already: the record that it made may stand in the way, even where no look finds it.
        """
        lost: ApiUnavailable | None = None
        for attempt in range(1, _CREATES + 1):
            try:
                return await self._client.create(entity.name, values)
            except ApiRefused as refused:
                if lost is None:
                    raise
                await self._pause(_LOST_AFTER_S * attempt)
                found = await self._find_lost(entity, values, fixed, lost)
                if found is not None:
                    return found
                if _TWIN.search(f"{refused.code} {refused}"):
                    raise lost from refused
                raise  # for reasons that the lost one met as well, so that nothing was made of it
            except ApiUnavailable as unanswered:
                lost = unanswered
                await self._pause(_LOST_AFTER_S * attempt)
                found = await self._find_lost(entity, values, fixed, lost)
                if found is not None:
                    return found
                if attempt == _CREATES:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _find_lost(
        self, entity: EntitySchema, values: Mapping[str, Scalar], fixed: frozenset[str], lost: ApiUnavailable
    ) -> Record | None:
        """The record that a create without answer made; None where it made none.

        Raises:
            ApiUnavailable: The one given, where nothing can tell: sending it again could make a second record.
        """
        asked = [path for path in values if path.casefold() in fixed]
        # What a check itself asks for may be in another record of ours: a drawn value is telling without that.
        order = sorted(values, key=lambda path: (path in asked, path != entity.name_field))
        for path in order:
            wanted = set(_telling(values[path]))
            found = await self._find_new(entity, path, values, lost) if wanted else None
            if found is None:
                continue
            # A system may search by words or fold case: what lacks the sentinel is somebody else's.
            made = next((record for record in found if wanted <= set(_tokens(record.values.get(path)))), None)
            if made is not None:
                return made
            break
        else:
            raise lost
        # An engine that has merged it meanwhile with a record of another system wrote that one's values over those by
        # which it was looked for, but not over the one that both have in common: that was asked for.
        ours = {token for path in order if path not in asked for token in _telling(values[path])}
        for path in asked if len(asked) <= _FEW else ():
            for record in await self._find_new(entity, path, values, lost) or ():
                if any(token in ours for value in record.values.values() for token in _tokens(value)):
                    return record
        return None

    async def _find_new(
        self, entity: EntitySchema, path: str, values: Mapping[str, Scalar], lost: ApiUnavailable
    ) -> list[Record] | None:
        """The records with a value that nobody is known to have made; None where they cannot be searched by it.

        Raises:
            ApiUnavailable: The one given, where no search is answered.
        """
        field = entity.field(path)
        if field is None or field.type not in _SEARCHED or values[path] is None:
            return None
        try:
            found = await self._find(entity.name, path, values[path], lost)
        except ApiRefused:  # not every field can be searched by
            return None
        return [one for one in found if (entity.name, one.id) not in self._made and not self._existed(one)]

    async def _find(self, entity: str, path: str, value: Scalar, lost: ApiUnavailable) -> tuple[Record, ...]:
        """What a search finds; it may be repeated as often as one likes, unlike what was lost.

        Raises:
            ApiRefused: where it cannot be searched by that.
            ApiUnavailable: The one given, where no search is answered.
        """
        for attempt in range(1, _SEARCHES + 1):
            try:
                return tuple(await self._client.find(entity, path, value))
            except ApiUnavailable as unanswered:
                if unanswered.code == CALLS_USED_UP:
                    break
                await self._pause(_LOST_AFTER_S * attempt)
        raise lost

    def _without_refused(
        self, entity: EntitySchema, values: Mapping[str, Scalar], fixed: frozenset[str], error: ApiRefused
    ) -> Mapping[str, Scalar] | None:
        """The values without the fields that were refused; None where leaving them out cannot help."""
        named = {path.casefold() for path in error.fields}
        dropped = [path for path in values if path.casefold() in named and path.casefold() not in fixed]
        needed = any(field is not None and field.required for field in map(entity.field, dropped))
        if not dropped or needed or len(dropped) < len(named):
            return None
        for path in dropped:
            self._refused[entity.name, path] = str(error)
        return {path: value for path, value in values.items() if path not in dropped}

    async def _parent_id(self, field: FieldSchema, chain: tuple[str, ...]) -> str | None:
        """The id of the shared parent for a reference; None where the chain of parents would close."""
        candidates = [name for name in field.references if name not in chain]
        if not candidates:
            return None
        entity = candidates[0]
        if entity in self._parents:
            return self._parents[entity].id
        if len(chain) > 1:  # a parent's parent: the lock is held already
            return (await self._make_parent(entity, chain)).id
        async with self._parents_lock:
            known = self._parents.get(entity)
            return (known or await self._make_parent(entity, chain)).id

    async def _make_parent(self, entity: str, chain: tuple[str, ...]) -> Record:
        with acting_as(f"{_PARENT_KEY} {entity}"):  # shared: it belongs to nobody who needed it first
            described = await self.describe(entity)
            if described.createable:
                parent = await self._make(entity, f"{_PARENT_KEY}/{entity}", {}, counter=0, chain=chain)
            else:
                parent = await self._any_existing(entity)
                self.found.add(parent.id)
        self._parents[entity] = parent
        return parent

    async def _any_existing(self, entity: str) -> Record:
        found = await self._client.changes(entity, None)
        living = [record for record in found.records if not record.deleted]
        if living:
            return living[0]
        system = self._client.schema.name
        raise ApiRefused(
            f"{system} has no {entity}, and none can be created through its API; add one to the test account by hand",
            code="no_parent",
        )


def _telling(value: Scalar) -> Iterator[str]:
    return (token for token in token_of(value) if is_telling(token))


def _tokens(value: FieldValue) -> Iterator[str]:
    for part in value if isinstance(value, tuple) else (value,):
        yield from token_of(part)


def _list_is_needed(entity: EntitySchema, list_at: str) -> bool:
    return any(field.list_at == list_at and field.required for field in entity.fields)


def unfilled_required(flow: Flow, target_schema: EntitySchema) -> tuple[FieldSchema, ...]:
    """The fields that the target demands on create and that no property row of the flow writes.

    A row counts for a field where the paths are equal or one leads into the other (`customer`, `customer.id`).

    Args:
        flow: Its property rows name what is filled; none are named where the table is empty.
        target_schema: The target entity.

    Returns:
        Fields in the schema's order.
    """
    filled = tuple(row.target.casefold() for row in flow.properties)
    return tuple(
        field
        for field in target_schema.fields
        if field.required and field.createable and not any(_touches(field.path.casefold(), path) for path in filled)
    )


def unfillable_required(
    entity: EntitySchema, entities: Sequence[EntitySchema], *, below: tuple[str, ...] = ()
) -> tuple[FieldSchema, ...]:
    """The fields demanded on create for which the factory can make nothing up, in the schema's order.

    Args:
        entity: What is to be created.
        entities: All that are known of its system; a parent has to be creatable in turn.
        below: The entities that this one is to be a parent of.
    """
    known = {one.name.casefold(): one for one in entities}
    chain = (*below, entity.name)

    def can_fill(field: FieldSchema) -> bool:
        if field.type is not FieldType.REFERENCE:
            listed = field.type is FieldType.PICKLIST and bool(field.picklist)
            return listed or Sentinels(0, "").value(field, "", 0) is not None
        parent = next((name for name in field.references if name not in chain), None)
        if parent is None:
            return False
        there = known.get(parent.casefold())
        return there is None or not there.createable or not unfillable_required(there, entities, below=chain)

    return tuple(
        field
        for field in entity.fields
        if field.required and field.createable and field.path != entity.id_field and not can_fill(field)
    )


def _touches(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")
