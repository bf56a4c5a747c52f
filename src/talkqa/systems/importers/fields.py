"""JSON schemas to the fields of an entity.

Used by the importers. A schema is what other files state of an API's bodies: JSON Schema as OpenAPI 3.0 and 3.1 use it.
Objects become dotted paths, lists of objects paths through a list; what is nested deeper is opaque.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.importers import guesses

Schema = Mapping[str, Any]
Resolve = Callable[[Any], Schema]
"""Follows a schema's `$ref`; an empty schema for what is none."""

MAX_DEPTH = 5
MAX_FIELDS = 400
"""Of one entity."""
_LONG = 1000
_FORMATS = {
    "date": FieldType.DATE,
    "date-time": FieldType.DATETIME,
    "email": FieldType.EMAIL,
    "idn-email": FieldType.EMAIL,
    "uri": FieldType.URL,
    "url": FieldType.URL,
    "phone": FieldType.PHONE,
    "decimal": FieldType.DECIMAL,
    "binary": FieldType.OPAQUE,
    "byte": FieldType.OPAQUE,
    "password": FieldType.OPAQUE,
}
_EPOCHS = re.compile(r"unix|epoch|timestamp|millis", re.IGNORECASE)
_MILLIS = re.compile(r"millis|\bms\b|epoch-?ms", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundField:
    """A field as a schema has it."""

    field: FieldSchema
    form: str | None = None
    """How its dates are written, where not in ISO 8601."""
    as_text: bool = False
    """Whether it is a decimal number that is written as text."""
    as_number: bool = False
    """Whether it is an id that is written as a number."""


def merged(schema: Any, resolve: Resolve, depth: int = 0) -> dict[str, Any]:
    """A schema with its `$ref`, its `allOf` and its single alternative that is not null put together."""
    plain = dict(resolve(schema))
    if "properties" in plain:
        plain["properties"] = _table(plain["properties"])
    if depth > MAX_DEPTH:
        return plain
    parts = plain.pop("allOf", [])
    alternatives = [one for key in ("anyOf", "oneOf") for one in _listed(plain.pop(key, []))]
    solid = [one for one in alternatives if resolve(one).get("type") != "null"]
    if len(solid) < len(alternatives):
        plain["nullable"] = True
    properties: dict[str, Any] = {}
    required: list[Any] = []
    for part in [*_listed(parts), *(solid if len(solid) == 1 else [])]:
        more = merged(part, resolve, depth + 1)
        properties |= _table(more.get("properties"))
        required += _listed(more.get("required"))
        plain = {**more, **plain}
    if properties:
        plain["properties"] = {**properties, **_table(dict(resolve(schema)).get("properties"))}
        plain["required"] = [*required, *_listed(dict(resolve(schema)).get("required"))]
    return plain


def type_of(schema: Schema) -> str:
    """The JSON type that a schema states first, null aside; guessed from its members where it states none."""
    stated = schema.get("type")
    kinds = [stated] if isinstance(stated, str) else [one for one in _listed(stated) if isinstance(one, str)]
    solid = next((kind for kind in kinds if kind != "null"), "")
    if solid:
        return solid
    return (
        "object" if "properties" in schema else "array" if "items" in schema else "string" if "enum" in schema else ""
    )


def is_nullable(schema: Schema) -> bool:
    """Whether null is among a schema's values."""
    return schema.get("nullable") is True or "null" in _listed(schema.get("type"))


def read_fields(schema: Any, resolve: Resolve, known: Mapping[str, tuple[str, str]]) -> dict[str, FoundField]:
    """Path to field of an object's schema, in its order.

    Args:
        schema: Of the object.
        resolve: Follows references.
        known: `$ref` of a schema to the entity that it stands for and the name of its id: where one is embedded in
            another, only its id counts.
    """
    found: dict[str, FoundField] = {}
    walk = _Walk(resolve=resolve, known=known)
    for item in walk.members(merged(schema, resolve), "", None, refs_of(schema)):
        found.setdefault(item.field.path, item)
        if len(found) == MAX_FIELDS:
            break
    return found


def refs_of(schema: Any) -> frozenset[str]:
    """The `$ref`s that a schema is, alone or as its only part or alternative."""
    if not isinstance(schema, dict):
        return frozenset()
    parts = [part for key in ("allOf", "anyOf", "oneOf") for part in _listed(schema.get(key)) if isinstance(part, dict)]
    named = [one["$ref"] for one in (schema, *parts) if isinstance(one.get("$ref"), str)]
    return frozenset(named) if len(named) == 1 else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """Goes through a schema and what it refers to."""

    resolve: Resolve
    known: Mapping[str, tuple[str, str]]

    def members(
        self, schema: Schema, prefix: str, list_at: str | None, above: frozenset[str], depth: int = 0
    ) -> Iterator[FoundField]:
        """The fields of an object; `above` are the references that led here."""
        required = {one for one in _listed(schema.get("required")) if isinstance(one, str)}
        for name, held in _table(schema.get("properties")).items():
            if not name or "." in name or name[0] in "$_@":
                continue
            # A member is only needed with the object that holds it.
            needed = name in required
            for item in self._member(prefix + name, name, held, list_at, above, depth, needed=needed):
                yield item if needed else _optional(item)

    def _member(
        self, path: str, name: str, held: Any, list_at: str | None, above: frozenset[str], depth: int, *, needed: bool
    ) -> Iterator[FoundField]:
        refs = refs_of(held)
        inner = merged(held, self.resolve)
        entity = next((self.known[ref] for ref in refs if ref in self.known), None)
        if entity is not None:
            yield self._reference(f"{path}.{entity[1]}", entity, inner, list_at, needed=needed)
            return
        kind = type_of(inner)
        nests = kind == "object" and bool(_table(inner.get("properties"))) and depth < MAX_DEPTH
        if nests and not refs & above:
            yield from self.members(inner, f"{path}.", list_at, above | refs, depth + 1)
        elif kind == "array" and list_at is None:
            yield from self._items(inner, path, above, depth)
        else:
            yield _field(path, name, inner, required=needed, list_at=list_at)

    def _reference(
        self, path: str, entity: tuple[str, str], schema: Schema, list_at: str | None, *, needed: bool
    ) -> FoundField:
        id_schema = merged(_table(schema.get("properties")).get(entity[1]), self.resolve)
        found = _field(
            path, entity[1], {**id_schema, "readOnly": schema.get("readOnly", False)}, required=needed, list_at=list_at
        )
        field = replace(found.field, type=FieldType.REFERENCE, references=(entity[0],), max_length=None)
        return replace(found, field=field)

    def _items(self, schema: Schema, path: str, above: frozenset[str], depth: int) -> Iterator[FoundField]:
        held = schema.get("items")
        inner = merged(held, self.resolve)
        refs = refs_of(held)
        kind = type_of(inner)
        entity = next((self.known[ref] for ref in refs if ref in self.known), None)
        if entity is not None:
            yield self._reference(f"{path}.{entity[1]}", entity, inner, path, needed=False)
        elif kind == "object" and _table(inner.get("properties")) and depth < MAX_DEPTH and not refs & above:
            yield from self.members(inner, f"{path}.", path, above | refs, depth + 1)
        elif kind in ("string", "integer", "number", "boolean"):
            yield _field(path, path, inner, required=False, list_at=path)
        else:
            yield FoundField(field=FieldSchema(path=path, type=FieldType.OPAQUE))


def _field(path: str, name: str, schema: Schema, *, required: bool, list_at: str | None) -> FoundField:
    kind, form, as_text = _kind(name, schema)
    read_only = schema.get("readOnly") is True
    choices = tuple(str(one) for one in _listed(schema.get("enum")) if isinstance(one, str | int | float))
    if choices and kind is FieldType.STRING:
        kind = FieldType.PICKLIST
    required = required and not read_only
    field = FieldSchema(
        path=path,
        type=kind,
        list_at=list_at,
        max_length=_length(schema) if kind not in (FieldType.DATE, FieldType.DATETIME) else None,
        scale=_scale(schema) if kind is FieldType.DECIMAL else None,
        createable=not read_only,
        updateable=not read_only,
        nullable=is_nullable(schema) or not required,
        required=required,
        picklist=choices if kind is FieldType.PICKLIST else (),
        restricted=bool(choices) and kind is FieldType.PICKLIST,
    )
    return FoundField(field=field, form=form, as_text=as_text, as_number=type_of(schema) in ("integer", "number"))


def _kind(name: str, schema: Schema) -> tuple[FieldType, str | None, bool]:
    """Type, form of dates, and whether it is a number written as text."""
    kind = type_of(schema)
    if kind == "string":
        return _text_kind(name, schema)
    if kind == "boolean":
        return FieldType.BOOLEAN, None, False
    if kind not in ("integer", "number"):
        return FieldType.OPAQUE, None, False
    form = str(schema.get("format", ""))
    told = f"{form} {schema.get('description', '')}"
    stamped = guesses.words_of(name).rpartition(" ")[2] in ("at", "on", "timestamp", "time", "date")
    if (stamped or _EPOCHS.search(form)) and (kind == "integer" or _EPOCHS.search(told)):
        millis = _MILLIS.search(told) or _is_millis(schema)
        return FieldType.DATETIME, "epoch-ms" if millis else "epoch-s", False
    return (FieldType.INTEGER if kind == "integer" else FieldType.DECIMAL), None, False


def _text_kind(name: str, schema: Schema) -> tuple[FieldType, str | None, bool]:
    form = str(schema.get("format", ""))
    pattern = guesses.pattern_in(f"{form} {schema.get('description', '')}")
    last = guesses.words_of(name).rpartition(" ")[2]
    limit = _length(schema)
    found = FieldType.TEXT if limit is not None and limit > _LONG else FieldType.STRING
    if pattern and form not in ("date", "date-time"):
        return FieldType.DATE, pattern, False
    if form in _FORMATS:
        found = _FORMATS[form]
    elif last in guesses.PHONES:
        found = FieldType.PHONE
    elif last in ("email", "mail"):
        found = FieldType.EMAIL
    return found, None, found is FieldType.DECIMAL


def _is_millis(schema: Schema) -> bool:
    example = schema.get("example", next(iter(_listed(schema.get("examples"))), 0))
    return isinstance(example, int) and example > 10**11


def _length(schema: Schema) -> int | None:
    limit = schema.get("maxLength")
    return limit if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 else None


def _scale(schema: Schema) -> int | None:
    step = schema.get("multipleOf")
    if isinstance(step, bool) or not isinstance(step, int | float) or not 0 < step <= 1:
        return None
    text = f"{step:.10f}".rstrip("0")
    return len(text.partition(".")[2]) if text.strip("0.") == "1" else None


def _optional(item: FoundField) -> FoundField:
    field = item.field
    return replace(item, field=replace(field, required=False, nullable=True)) if field.required else item


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _table(value: Any) -> dict[str, Any]:
    return {str(key): inner for key, inner in value.items()} if isinstance(value, dict) else {}
