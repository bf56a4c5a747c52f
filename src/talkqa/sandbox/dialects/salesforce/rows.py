"""Records as JSON rows, and what a path of a query means in a record, parents included."""

from collections.abc import Callable, Mapping
from typing import Any

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.dialects.emulator import encode
from talkqa.sandbox.dialects.salesforce.ids import key_prefix
from talkqa.sandbox.dialects.salesforce.refusals import refuse
from talkqa.sandbox.layout import Values
from talkqa.sandbox.store import EntityStore, Stored, SystemStore

FILTERABLE_CHARS = 255
"""A text area longer than this stands in no condition."""
_KEPT_ROWS = 20_000
_MAX_PARENTS = 5
_ADDRESS = ("City", "Country", "CountryCode", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State",
            "StateCode", "Street")  # fmt: skip
_USER_FIELDS = {"createdbyid": "user", "lastmodifiedbyid": "user", "ownerid": "user", "activatedbyid": "user"}

Getter = Callable[[Stored], Scalar]


def is_filterable(field: FieldSchema) -> bool:
    """Whether a field may stand in a condition."""
    if field.type is FieldType.TEXT:
        return field.max_length is not None and field.max_length <= FILTERABLE_CHARS
    return field.type is not FieldType.OPAQUE


class Rows:
    """The records of one system as clients see them."""

    def __init__(self, store: SystemStore, user_id: Callable[[str], str]) -> None:
        self._store = store
        self._user_id = user_id
        self._binned: dict[str, Values] = {}
        """What deleted records held."""
        self._rendered: dict[tuple[str, int, tuple[str, ...], str], bytes] = {}

    def entity(self, name: str) -> EntityStore | None:
        """The entity of that name, letter case folded."""
        return self._store.entities.get(name.casefold())

    def entities(self) -> tuple[EntityStore, ...]:
        """All entities, in order."""
        return tuple(self._store.entities.values())

    def owner_of(self, record_id: str) -> EntityStore | None:
        """The entity whose ids begin as this one does."""
        prefix = record_id[:3]
        return next((one for one in self.entities() if key_prefix(one.schema.name) == prefix), None)

    def keep(self, record: Stored) -> None:
        """Remember what a record held before it is deleted."""
        self._binned[record.id] = record.values

    def is_binned(self, record_id: str) -> bool:
        """Whether a record of that id was deleted."""
        return record_id in self._binned

    def value(self, entity: EntityStore, record: Stored, path: str) -> Scalar:
        """What a record holds at a canonical path, in neutral form."""
        schema = entity.schema
        if path == schema.id_field:
            return record.id
        if path in (schema.modified_field, "SystemModstamp"):
            return record.stamp
        if path == schema.modified_by_field:
            return self._user_id(record.user)
        if path == "IsDeleted":
            return record.deleted
        values = self._binned.get(record.id, {}) if record.deleted else record.values
        held = values.get(path)
        return held[0] if isinstance(held, tuple) else held

    def field(self, entity: EntityStore, name: str) -> FieldSchema | None:
        """The field of that name, letter case folded."""
        return entity.layout.fields.get(name.casefold())

    def resolve(self, entity: EntityStore, path: str) -> tuple[FieldSchema, Getter]:
        """The field that a path of a query names, and how to get at its value.

        Raises:
            ApiFault: for a field or a parent that does not exist.
        """
        steps = path.split(".")
        if len(steps) > 1 and steps[0].casefold() == entity.schema.name.casefold():
            steps = steps[1:]
        if len(steps) > _MAX_PARENTS + 1:
            raise refuse(400, "MALFORMED_QUERY", f"{path}: more than {_MAX_PARENTS} parents")
        field = self.field(entity, steps[0])
        if len(steps) == 1:
            if field is None:
                raise refuse(400, "INVALID_FIELD", f"No such column '{path}' on entity '{entity.schema.name}'.", path)
            return field, lambda record: self.value(entity, record, field.path)
        reference, parents = self.parents(entity, steps[0])
        rest = ".".join(steps[1:])
        found = [(parent, self.resolve(parent, rest)) for parent in parents if self._has(parent, steps[1])]
        if not found:
            raise refuse(400, "INVALID_FIELD", f"No such column '{path}' on entity '{entity.schema.name}'.", path)

        def get(record: Stored) -> Scalar:
            held = self.value(entity, record, reference.path)
            for parent, (_, inner) in found:
                target = parent.get(str(held)) if held is not None else None
                if target is not None:
                    return inner(target)
            return None

        return found[0][1][0], get

    def parents(self, entity: EntityStore, relationship: str) -> tuple[FieldSchema, list[EntityStore]]:
        """The reference behind a relationship (`Account` of `AccountId`) and the entities it may lead to.

        Raises:
            ApiFault: where there is no such relationship.
        """
        field = self.field(entity, f"{relationship}Id")
        if field is None or field.type is not FieldType.REFERENCE:
            message = f"Didn't understand relationship '{relationship}' in field path."
            raise refuse(400, "INVALID_FIELD", message, relationship)
        names = field.references or (_USER_FIELDS.get(field.path.casefold(), ""),)
        return field, [store for store in map(self.entity, names) if store is not None]

    def render(self, entity: EntityStore, record: Stored, columns: tuple[str, ...], version: str) -> bytes:
        """The JSON object of a record with these canonical columns."""
        key = (record.id, record.version, columns, version)
        known = self._rendered.get(key)
        if known is not None:
            return known
        row = encode(self._row(entity, record, columns, version))
        if not any("." in column for column in columns):  # what a parent holds changes without its children
            if len(self._rendered) >= _KEPT_ROWS:
                self._rendered.clear()
            self._rendered[key] = row
        return row

    def columns(self, entity: EntityStore, names: tuple[str, ...]) -> tuple[str, ...]:
        """The columns of a query by their canonical names.

        Raises:
            ApiFault: for a column that does not exist, or is named twice.
        """
        found: list[str] = []
        for name in names:
            if name.startswith("FIELDS("):
                found += [field.path for field in self._listed(entity, name) if field.path not in found]
                continue
            canonical = self._canonical(entity, name)
            if canonical in found:
                raise refuse(400, "MALFORMED_QUERY", f"duplicate field selected: {canonical}")
            found.append(canonical)
        return tuple(found)

    def _listed(self, entity: EntityStore, function: str) -> list[FieldSchema]:
        fields = entity.layout.fields.values()
        if function == "FIELDS(ALL)":
            return list(fields)
        custom = function == "FIELDS(CUSTOM)"
        return [field for field in fields if field.path.endswith("__c") is custom]

    def _canonical(self, entity: EntityStore, name: str) -> str:
        field, _ = self.resolve(entity, name)
        steps = name.split(".")
        if len(steps) > 1 and steps[0].casefold() == entity.schema.name.casefold():
            steps = steps[1:]
        if len(steps) == 1:
            return field.path
        reference, _ = self.parents(entity, steps[0])
        return ".".join((reference.path.removesuffix("Id"), *steps[1:-1], field.path))

    def _row(self, entity: EntityStore, record: Stored, columns: tuple[str, ...], version: str) -> dict[str, Any]:
        url = f"/services/data/{version}/sobjects/{entity.schema.name}/{record.id}"
        row: dict[str, Any] = {"attributes": {"type": entity.schema.name, "url": url}}
        below: dict[str, list[str]] = {}
        for column in columns:
            parent, _, rest = column.partition(".")
            if rest:
                below.setdefault(parent, []).append(rest)
                row.setdefault(parent, None)
            else:
                row[column] = self._wire(entity, record, column)
        for parent, inner in below.items():
            row[parent] = self._parent_row(entity, record, parent, tuple(inner), version)
        return row

    def _parent_row(
        self, entity: EntityStore, record: Stored, parent: str, columns: tuple[str, ...], version: str
    ) -> dict[str, Any] | None:
        reference, stores = self.parents(entity, parent)
        held = self.value(entity, record, reference.path)
        for store in stores:
            target = store.get(str(held)) if held is not None else None
            if target is not None:
                return self._row(store, target, self.columns(store, columns), version)
        return None

    def _wire(self, entity: EntityStore, record: Stored, path: str) -> Any:
        field = entity.layout.fields[path.casefold()]
        if field.type is FieldType.OPAQUE:
            return self._compound(entity, record, path)
        return to_wire(field, self.value(entity, record, path))

    def _compound(self, entity: EntityStore, record: Stored, path: str) -> Mapping[str, Any] | None:
        """An address from its parts; nothing for what else is opaque."""
        prefix = path.removesuffix("Address")
        if prefix == path:
            return None
        parts: dict[str, Any] = {}
        for name in _ADDRESS:
            field = self.field(entity, prefix + name)
            if field is not None:
                parts[name[0].lower() + name[1:]] = to_wire(field, self.value(entity, record, field.path))
        return parts if any(value is not None for value in parts.values()) else None

    def _has(self, entity: EntityStore, name: str) -> bool:
        return self.field(entity, name) is not None or self.field(entity, f"{name}Id") is not None


def to_wire(field: FieldSchema, value: Scalar) -> Scalar:
    """A value as rows write it."""
    if value is None:
        return None
    if field.type is FieldType.DATETIME:
        return stamp_to_wire(str(value))
    if field.type is FieldType.DECIMAL and isinstance(value, int | float):
        return float(value)
    return value


def stamp_to_wire(stamp: str) -> str:
    """A moment in ISO 8601 UTC as rows write it: to the second, without a colon in the offset."""
    return f"{stamp[:19]}.000+0000"
