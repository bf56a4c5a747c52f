"""What Wave's own schema says of an entity, laid over what is packaged.

Used by the client of Wave alone. Asked for once a client; a server that does not show its schema leaves the packaged
fields as they are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import trio

from talkqa.model.errors import ApiRefused
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.graphql import (
    SCHEMA_QUERY,
    TYPE_QUERY,
    UNAUTHENTICATED,
    GraphqlChannel,
    Reply,
    TypeInfo,
    TypeReference,
    read_type,
)
from talkqa.systems.wave_shapes import WaveShape, write_steps

_TOO_DEAR = "maximum cost"
_SCALARS: Mapping[str, FieldType] = {
    "Boolean": FieldType.BOOLEAN,
    "Int": FieldType.INTEGER,
    "Decimal": FieldType.DECIMAL,
    "Date": FieldType.DATE,
    "DateTime": FieldType.DATETIME,
    "ID": FieldType.REFERENCE,
}
_OURS = frozenset({"businessId", "id"})
"""Members of inputs that the client fills itself."""


class WaveTypes:
    """The types of one server, as far as they were asked for."""

    def __init__(self, channel: GraphqlChannel) -> None:
        self._channel = channel
        self._types: dict[str, TypeInfo] = {}
        self._mutation = ""
        self._shown: bool | None = None
        self._whole = False
        self._lock = trio.Lock()

    async def describe(self, shape: WaveShape) -> EntitySchema:
        """The entity by the server's schema.

        Raises:
            ApiUnavailable: where no usable answer came.
            ApiRefused: where the account is not let in.
        """
        async with self._lock:
            if self._shown is None:
                await self._ask_for_all()
            entity = shape.entity
            if not self._shown or await self._type(entity.name) is None:
                return _cautious(entity)
            return _cautious(await self._overlaid(shape))

    async def _ask_for_all(self) -> None:
        reply = await self._channel.query(SCHEMA_QUERY, {})
        told = reply.at("__schema")
        if isinstance(told, dict) and not reply.errors:
            found = (read_type(one) for one in told.get("types") or [])
            self._types = {one.name: one for one in found if one is not None}
            named = told.get("mutationType")
            self._mutation = str(named.get("name")) if isinstance(named, dict) else ""
            self._shown, self._whole = True, True
            return
        self._shown = any(_TOO_DEAR in error.message for error in reply.errors)
        self._mutation = "Mutation"

    async def _type(self, name: str) -> TypeInfo | None:
        if name not in self._types and not self._whole:
            found = _single_type(await self._channel.query(TYPE_QUERY, {"n": name}))
            if found is None:
                return None
            self._types[name] = found
        return self._types.get(name)

    async def _overlaid(self, shape: WaveShape) -> EntitySchema:
        entity = shape.entity
        mutations = await self._type(self._mutation)
        offered = frozenset(mutations.fields) if mutations is not None else frozenset()
        single = shape.facts.single
        created = await self._type(f"{entity.name}CreateInput")
        patched = await self._type(f"{entity.name}PatchInput")
        fields = [
            laid for item in entity.fields if (laid := await self._overlay(item, entity, created, patched)) is not None
        ]
        fields += [
            item
            for item in self._demanded(created)
            if entity.field(item.path) is None and shape.field(item.path) is None
        ]
        return replace(
            entity,
            fields=tuple(fields),
            createable=entity.createable and f"{single}Create" in offered,
            updateable=entity.updateable and f"{single}Patch" in offered,
            deletable=entity.deletable and f"{single}Delete" in offered,
        )

    async def _overlay(
        self, item: FieldSchema, entity: EntitySchema, created: TypeInfo | None, patched: TypeInfo | None
    ) -> FieldSchema | None:
        """A field as the server has it; None where it has none."""
        if await self._at(await self._type(entity.name), tuple(item.path.split("."))) is None:
            return None
        retires = entity.archive is not None and entity.archive[0] == item.path
        if retires or item.type is FieldType.OPAQUE:
            return item
        steps = write_steps(item)
        on_create, on_patch = await self._at(created, steps), await self._at(patched, steps)
        taken = on_create or on_patch
        required = on_create is not None and on_create.required and (len(steps) == 1 or item.list_at is not None)
        return replace(
            item,
            createable=item.createable and on_create is not None,
            updateable=item.updateable and on_patch is not None,
            required=required and steps[0] not in _OURS,
            picklist=await self._values(item, taken),
        )

    async def _values(self, item: FieldSchema, taken: TypeReference | None) -> tuple[str, ...]:
        """What an enumeration takes; of a packaged list what the server still knows, in its order."""
        kind = await self._type(taken.name) if taken is not None and item.type is FieldType.PICKLIST else None
        if kind is None or not kind.values:
            return item.picklist
        return tuple(value for value in item.picklist if value in kind.values) or kind.values

    async def _at(self, start: TypeInfo | None, steps: tuple[str, ...]) -> TypeReference | None:
        kind, found = start, None
        for step in steps:
            found = kind.fields.get(step) if kind is not None else None
            if found is None:
                return None
            kind = await self._type(found.name)
        return found

    def _demanded(self, created: TypeInfo | None) -> Iterator[FieldSchema]:
        """Fields that the server demands and nobody knew of."""
        for name, kind in created.fields.items() if created is not None else ():
            if kind.required and name not in _OURS:
                yield FieldSchema(path=name, type=_SCALARS.get(kind.name, FieldType.STRING), required=True)


def _single_type(reply: Reply) -> TypeInfo | None:
    if any(error.code == UNAUTHENTICATED for error in reply.errors):
        raise ApiRefused("the token is not accepted any more", status=reply.status, code=UNAUTHENTICATED)
    return read_type(reply.at("__type"))


def _cautious(entity: EntitySchema) -> EntitySchema:
    """The entity as a test should treat it: its invoices stay drafts.

    An approved invoice posts to the ledger, turns overdue by the calendar and can then not be changed any more.
    """
    fields = tuple(
        replace(item, picklist=("DRAFT",)) if entity.name == "Invoice" and "DRAFT" in item.picklist else item
        for item in entity.fields
    )
    return replace(entity, fields=fields)
