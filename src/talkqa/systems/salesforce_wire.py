"""Between the JSON of Salesforce and neutral values: descriptions, rows and errors.

Used by the Salesforce client. What comes from the API is taken for what it should be only where it is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems.soql import is_filterable

STAMP = "SystemModstamp"
"""Moves with every save, and with what the system does by itself; indexed."""
_TYPES: Mapping[str, FieldType] = {
    "id": FieldType.ID,
    "string": FieldType.STRING,
    "combobox": FieldType.STRING,
    "encryptedstring": FieldType.STRING,
    "textarea": FieldType.TEXT,
    "phone": FieldType.PHONE,
    "email": FieldType.EMAIL,
    "url": FieldType.URL,
    "picklist": FieldType.PICKLIST,
    "multipicklist": FieldType.PICKLIST,
    "reference": FieldType.REFERENCE,
    "boolean": FieldType.BOOLEAN,
    "int": FieldType.INTEGER,
    "long": FieldType.INTEGER,
    "double": FieldType.DECIMAL,
    "currency": FieldType.DECIMAL,
    "percent": FieldType.DECIMAL,
    "date": FieldType.DATE,
    "datetime": FieldType.DATETIME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An object as this org tells it."""

    schema: EntitySchema
    columns: tuple[str, ...]
    """Every field that rows are asked for."""
    unfilterable: frozenset[str]
    """Paths that cannot stand in a condition."""
    stamp: str
    """Path of what changes are read by."""


def read_shape(told: Mapping[str, Any], known: EntitySchema | None, system: SystemSchema) -> Shape:
    """An object from its description; what no description tells is taken from the schema known before.

    Args:
        told: The answer to describe.
        known: The object as the schema has it.
        system: Tells which objects a reference may name.
    """
    rows = [one for one in _objects(told.get("fields")) if _text(one.get("name"))]
    pairs = [(one, known.field(str(one["name"])) if known else None) for one in rows]
    fields = tuple(_read_field(one, before, system) for one, before in pairs)
    paths = {field.path.casefold(): field.path for field in fields}
    name_field = next((str(one["name"]) for one in rows if one.get("nameField") is True), None)

    def either(before: str | None, *names: str | None) -> str | None:
        return next((paths[one.casefold()] for one in (before, *names) if one and one.casefold() in paths), None)

    modified = either(known.modified_field if known else None, "LastModifiedDate", STAMP, "CreatedDate")
    schema = EntitySchema(
        name=known.name if known else _text(told.get("name")),
        fields=fields,
        id_field=either(known.id_field if known else None, "Id") or "Id",
        modified_field=modified,
        modified_by_field=either(known.modified_by_field if known else None, "LastModifiedById"),
        created_field=either(known.created_field if known else None, "CreatedDate"),
        name_field=either(known.name_field if known else None, name_field),
        createable=told.get("createable") is not False,
        updateable=told.get("updateable") is not False,
        deletable=told.get("deletable") is not False,
        archive=(known.archive if known else None) or _archive(fields),
        requires=known.requires if known else None,
        create_requires=known.create_requires if known else None,
    )
    refused = {field.path for one, field in zip(rows, fields, strict=True) if one.get("filterable") is False}
    return Shape(
        schema=schema,
        columns=tuple(field.path for field in fields if field.type is not FieldType.OPAQUE),
        unfilterable=frozenset({field.path for field in fields if not is_filterable(field)} | refused),
        stamp=paths.get(STAMP.casefold()) or modified or "Id",
    )


def read_record(row: Mapping[str, Any], shape: Shape, system: str) -> Record:
    """A row as a record; compound values are left out, as their parts are there."""
    schema = shape.schema
    values: dict[str, FieldValue] = {}
    for name, value in row.items():
        field = schema.field(name)
        if field is not None and field.type is not FieldType.OPAQUE and not isinstance(value, dict | list):
            values[field.path] = _read_value(field, value)
    stamp = values.get(schema.modified_field) if schema.modified_field else None
    user = values.get(schema.modified_by_field) if schema.modified_by_field else None
    return Record(
        system=system,
        entity=schema.name,
        id=_text(values.get(schema.id_field)),
        values=values,
        modified=None if stamp is None else str(stamp),
        modified_by=None if user is None else str(user),
        deleted=values.get("IsDeleted") is True,
    )


def write_values(values: Mapping[str, Scalar], schema: EntitySchema) -> dict[str, Scalar]:
    """The body of a write; what the schema does not know goes as it is, for the system to refuse."""
    body: dict[str, Scalar] = {}
    for name, value in values.items():
        field = schema.field(name)
        body[field.path if field else name] = value
    return body


def read_stamp(text: object) -> str | None:
    """A moment as the system writes it, in ISO 8601 UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) and len(text) > 10 else None
    except ValueError:
        return None
    if moment is None:
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def _read_field(told: Mapping[str, Any], known: FieldSchema | None, system: SystemSchema) -> FieldSchema:
    kind = _TYPES.get(_text(told.get("type")), FieldType.OPAQUE)
    createable = told.get("createable") is True
    demanded = told.get("nillable") is False and told.get("defaultedOnCreate") is not True
    offered = (one for one in _objects(told.get("picklistValues")) if one.get("active") is not False)
    targets = {name.casefold() for name in map(_text, _list(told.get("referenceTo")))}
    return FieldSchema(
        path=known.path if known else _text(told.get("name")),
        type=kind,
        max_length=_size(told, kind),
        scale=_whole(told.get("scale")) if kind is FieldType.DECIMAL else None,
        createable=createable,
        updateable=told.get("updateable") is True,
        nullable=told.get("nillable") is not False,
        # No description tells all that is demanded: the account of an order is the classic.
        required=createable and (demanded or (known is not None and known.required)),
        references=tuple(one.name for one in system.entities if one.name.casefold() in targets),
        picklist=tuple(_text(one.get("value")) for one in offered if _text(one.get("value"))),
        restricted=told.get("restrictedPicklist") is True,
        unique=told.get("unique") is True,
        requires=known.requires if known else None,
        unconfirmed=known.unconfirmed if known else False,
    )


def _size(told: Mapping[str, Any], kind: FieldType) -> int | None:
    """Characters of a text, digits of a number; None where there is no bound."""
    key = {FieldType.DECIMAL: "precision", FieldType.INTEGER: "digits"}.get(kind, "length")
    return _whole(told.get(key)) or None


def _archive(fields: Iterable[FieldSchema]) -> tuple[str, bool] | None:
    """How such records are retired where none can be deleted."""
    active = next((one for one in fields if one.path == "IsActive" and one.updateable), None)
    return (active.path, False) if active is not None and active.type is FieldType.BOOLEAN else None


def _read_value(field: FieldSchema, value: Any) -> Scalar:
    if field.type is FieldType.DATETIME:
        return read_stamp(value) or value
    if field.type is FieldType.INTEGER and isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, str | int | float | bool) else None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
