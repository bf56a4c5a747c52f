"""Descriptors: a system's entities and fields as a mapping, from JSON or TOML, turned into a `SystemSchema`.

Used by the registry alone. Every problem of a descriptor is collected and raised at once. Top level: `system`,
`source` (where the facts come from), `knows_users`, `stamp_granularity_s`, `enumerations` (named picklists) and
`entities`. A field's keys are those of `FieldSchema`, but `write` says `both`, `create`, `update` or `none`, and
`picklist` may name an enumeration (`@country`).
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from talkqa.model.errors import ConfigError
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema

_TOP_KEYS = ("system", "source", "knows_users", "stamp_granularity_s", "enumerations", "entities")
_ENTITY_KEYS = (
    "id_field",
    "modified_field",
    "modified_by_field",
    "name_field",
    "operations",
    "archive",
    "requires",
    "create_requires",
    "fields",
)
_FIELD_KEYS = (
    "type",
    "list_at",
    "max_length",
    "scale",
    "write",
    "nullable",
    "required",
    "references",
    "picklist",
    "restricted",
    "unique",
    "requires",
    "unconfirmed",
)
_WRITES = {"both": (True, True), "create": (True, False), "update": (False, True), "none": (False, False)}
_OPERATIONS = ("create", "update", "delete")
_TYPES = tuple(kind.value for kind in FieldType)

_KINDS = {str: "text", bool: "true or false", int: "a whole number", dict: "a table", list: "a list"}


def read_descriptor(content: Mapping[str, Any], place: str) -> SystemSchema:
    """The schema that a descriptor states.

    Args:
        content: The parsed file.
        place: What to call the file in messages.

    Raises:
        ConfigError: Naming the file and each key that is wrong or unknown.
    """
    reader = _Reader(place=place)
    schema = reader.read_system(content)
    if reader.problems:
        raise ConfigError("\n".join(reader.problems))
    return schema


@dataclass(kw_only=True)
class _Reader:
    """Collects problems while it reads; a value that cannot be read is replaced by its default."""

    place: str
    problems: list[str] = field(default_factory=list)
    enumerations: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def read_system(self, content: Mapping[str, Any]) -> SystemSchema:
        self._only(content, _TOP_KEYS, "")
        for name, values in self._get(content, "enumerations", dict, "", default={}).items():
            self.enumerations[name] = self._texts(values, f"enumerations.{name}")
        tables = self._get(content, "entities", dict, "", default={})
        entities = tuple(self._entity(name, table) for name, table in tables.items())
        if not entities:
            self._problem("entities", "at least one entity is needed")
        self._resolve(entities)
        granularity = content.get("stamp_granularity_s", 1.0)
        if isinstance(granularity, bool) or not isinstance(granularity, int | float) or granularity <= 0:
            self._problem("stamp_granularity_s", f"expected a number of seconds above 0, found {granularity!r}")
            granularity = 1.0
        return SystemSchema(
            name=self._get(content, "system", str, "", default="") or self._missing("system"),
            entities=entities,
            licences=licences_of(entities),
            knows_users=self._get(content, "knows_users", bool, "", default=True),
            stamp_granularity_s=float(granularity),
        )

    def _entity(self, name: str, table: Any) -> EntitySchema:
        at = f"entities.{name}"
        if not isinstance(table, Mapping):
            self._problem(at, "expected a table")
            table = {}
        self._only(table, _ENTITY_KEYS, at)
        operations = self._texts(table.get("operations", list(_OPERATIONS)), f"{at}.operations")
        for operation in operations:
            self._among(operation, _OPERATIONS, f"{at}.operations")
        fields_at = self._get(table, "fields", dict, at, default={})
        if not fields_at:
            self._problem(f"{at}.fields", "at least one field is needed")
        entity = EntitySchema(
            name=name,
            fields=tuple(self._field(path, keys, f"{at}.fields.{path}") for path, keys in fields_at.items()),
            id_field=self._get(table, "id_field", str, at, default="id"),
            modified_field=self._get(table, "modified_field", str, at),
            modified_by_field=self._get(table, "modified_by_field", str, at),
            name_field=self._get(table, "name_field", str, at),
            createable="create" in operations,
            updateable="update" in operations,
            deletable="delete" in operations,
            archive=self._archive(table, at),
            requires=self._get(table, "requires", str, at),
            create_requires=self._get(table, "create_requires", str, at),
        )
        named = (entity.id_field, entity.modified_field, entity.modified_by_field, entity.name_field)
        for path in named + ((entity.archive[0],) if entity.archive else ()):
            if path and entity.field(path) is None:
                self._problem(at, f"it names the field {path!r}, which is not among its fields")
        return entity

    def _archive(self, table: Mapping[str, Any], at: str) -> tuple[str, bool] | None:
        archive = self._get(table, "archive", dict, at)
        if not archive:
            return None
        path, value = next(iter(archive.items()))
        if len(archive) != 1 or not isinstance(value, bool):
            self._problem(f"{at}.archive", "expected one field with true or false")
            return None
        return path, value

    def _field(self, path: str, keys: Any, at: str) -> FieldSchema:
        if not isinstance(keys, Mapping):
            self._problem(at, "expected a table such as { type = 'string', max_length = 80 }")
            keys = {"type": "string"}
        self._only(keys, _FIELD_KEYS, at)
        kind = self._get(keys, "type", str, at) or self._missing(f"{at}.type")
        write = self._get(keys, "write", str, at, default="both")
        self._among(write, tuple(_WRITES), f"{at}.write")
        createable, updateable = _WRITES.get(write, (True, True))
        list_at = self._get(keys, "list_at", str, at)
        if list_at and not path.startswith(f"{list_at}.") and path != list_at:
            self._problem(f"{at}.list_at", f"{list_at!r} is no beginning of the path")
        required = self._get(keys, "required", bool, at, default=False)
        if required and not createable:
            self._problem(f"{at}.required", "a field that cannot be written on create cannot be required")
        return FieldSchema(
            path=path,
            type=FieldType(kind) if self._among(kind, _TYPES, f"{at}.type") else FieldType.STRING,
            list_at=list_at,
            max_length=self._get(keys, "max_length", int, at),
            scale=self._get(keys, "scale", int, at),
            createable=createable,
            updateable=updateable,
            nullable=self._get(keys, "nullable", bool, at, default=not required),
            required=required,
            references=self._texts(keys.get("references", []), f"{at}.references"),
            picklist=self._picklist(keys.get("picklist", []), f"{at}.picklist"),
            restricted=self._get(keys, "restricted", bool, at, default=False),
            unique=self._get(keys, "unique", bool, at, default=False),
            requires=self._get(keys, "requires", str, at),
            unconfirmed=self._get(keys, "unconfirmed", bool, at, default=False),
        )

    def _picklist(self, values: Any, at: str) -> tuple[str, ...]:
        if isinstance(values, str) and values.startswith("@"):
            if self._among(values[1:], tuple(self.enumerations), at):
                return self.enumerations[values[1:]]
            return ()
        return self._texts(values, at)

    def _resolve(self, entities: tuple[EntitySchema, ...]) -> None:
        names = tuple(entity.name for entity in entities)
        for entity in entities:
            for item in entity.fields:
                for reference in item.references:
                    self._among(reference, names, f"entities.{entity.name}.fields.{item.path}.references")

    def _get(self, table: Mapping[str, Any], key: str, kind: type, at: str, *, default: Any = None) -> Any:
        if key not in table:
            return default
        value = table[key]
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        self._problem(f"{at}.{key}".lstrip("."), f"expected {_KINDS[kind]}, found {value!r}")
        return default

    def _texts(self, values: Any, at: str) -> tuple[str, ...]:
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return tuple(values)
        self._problem(at, f"expected a list of texts, found {values!r}")
        return ()

    def _among(self, value: str, allowed: tuple[str, ...], at: str) -> bool:
        if value in allowed:
            return True
        close = difflib.get_close_matches(value, allowed, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(allowed)}"
        self._problem(at, f"{value!r} is not known here{meant}")
        return False

    def _only(self, table: Mapping[str, Any], allowed: tuple[str, ...], at: str) -> None:
        for key in table:
            if key not in allowed:
                self._among(key, allowed, f"{at}.{key}".lstrip("."))

    def _missing(self, at: str) -> str:
        self._problem(at, "is missing")
        return "string"

    def _problem(self, at: str, what: str) -> None:
        self.problems.append(f"{self.place}: {at}: {what}")


def licences_of(entities: tuple[EntitySchema, ...]) -> tuple[str, ...]:
    """Every licence or feature that entities or their fields require, sorted."""
    return tuple(sorted(set(_requirements(entities))))


def _requirements(entities: tuple[EntitySchema, ...]) -> Iterator[str]:
    for entity in entities:
        wanted = (entity.requires, entity.create_requires, *(item.requires for item in entity.fields))
        yield from (text for text in wanted if text)
