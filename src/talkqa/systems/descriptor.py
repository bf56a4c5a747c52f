"""Descriptors: a system's entities and fields as a mapping, from JSON or TOML, turned into a `SystemSchema`.

Used by the registry alone. Every problem of a descriptor is collected and raised at once. Top level: `system`,
`source` (where the facts come from), `dialect` (how its API is spoken), `rest` and `graphql` (see `descriptor_rest`
and `descriptor_graphql`), `knows_users`, `stamp_granularity_s`, `enumerations` (named picklists) and `entities`. A
field's keys are those of `FieldSchema`, but `write` says `both`, `create`, `update` or `none`, `picklist` may name an
enumeration (`@country`), and `form` is how its dates are written where that is not the API's own way.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from talkqa.model.errors import ConfigError
from talkqa.model.graphql import GraphqlApi, GraphqlEntity
from talkqa.model.rest import RestApi, RestEntity
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems import descriptor_graphql
from talkqa.systems.descriptor_rest import check_entity, read_api, read_entity
from talkqa.systems.descriptor_tables import TableReader

_TOP_KEYS = (
    *("system", "source", "dialect", "rest", "graphql", "knows_users", "stamp_granularity_s", "enumerations"),
    "entities",
)
_ENTITY_KEYS = (
    "id_field",
    "modified_field",
    "modified_by_field",
    "created_field",
    "name_field",
    "operations",
    "archive",
    "requires",
    "create_requires",
    "caution",
    "rest",
    "graphql",
    "fields",
)
_FIELD_KEYS = (
    "type",
    "aliases",
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
    "form",
)
_WRITES = {"both": (True, True), "create": (True, False), "update": (False, True), "none": (False, False)}
_OPERATIONS = ("create", "update", "delete")
_DIALECTS = ("rest", "odata", "graphql", "salesforce", "exactonline", "wave")
_TYPES = tuple(kind.value for kind in FieldType)


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
class _Reader(TableReader):
    """Reads one descriptor."""

    enumerations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    api: RestApi | None = None
    graphql: GraphqlApi | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What every entity says alike of how it is spoken of."""

    def read_system(self, content: Mapping[str, Any]) -> SystemSchema:
        self.only(content, _TOP_KEYS, "")
        for name, values in self.get(content, "enumerations", dict, "", default={}).items():
            self.enumerations[name] = self.texts(values, f"enumerations.{name}")
        self._read_dialect(content)
        tables = self.get(content, "entities", dict, "", default={})
        entities = tuple(self._entity(name, table) for name, table in tables.items())
        if not entities:
            self.problem("entities", "at least one entity is needed")
        self._resolve(entities)
        granularity = content.get("stamp_granularity_s", 1.0)
        if isinstance(granularity, bool) or not isinstance(granularity, int | float) or granularity <= 0:
            self.problem("stamp_granularity_s", f"expected a number of seconds above 0, found {granularity!r}")
            granularity = 1.0
        name = self.get(content, "system", str, "", default="")
        if not name:
            self.missing("system")
        nobody = self.api is not None and self.api.auth.kinds == ("none",)
        return SystemSchema(
            name=name,
            entities=entities,
            licences=licences_of(entities),
            knows_users=self.get(content, "knows_users", bool, "", default=True) and not nobody,
            stamp_granularity_s=float(granularity),
            dialect=self.choice(content, "dialect", _DIALECTS, "", default="rest"),
            rest=self.api,
            graphql=self.graphql,
        )

    def _read_dialect(self, content: Mapping[str, Any]) -> None:
        if content.get("dialect") == "graphql":
            self.graphql = descriptor_graphql.read_api(self, self.get(content, "graphql", dict, "", default={}))
        elif "graphql" in content:
            self.problem("graphql", "only a system of the dialect graphql is spoken to in this way")
        if "rest" not in content:
            return
        table = self.get(content, "rest", dict, "", default={})
        self.api = read_api(self, table)
        if content.get("dialect", "rest") != "rest":
            self.problem("rest", "only a system of the dialect rest is spoken to in this way")
        if isinstance(table.get("defaults"), Mapping):
            self.defaults = table["defaults"]

    def _entity(self, name: str, table: Any) -> EntitySchema:
        at = f"entities.{name}"
        if not isinstance(table, Mapping):
            self.problem(at, "expected a table")
            table = {}
        self.only(table, _ENTITY_KEYS, at)
        operations = self.texts(table.get("operations", list(_OPERATIONS)), f"{at}.operations")
        for operation in operations:
            self.among(operation, _OPERATIONS, f"{at}.operations")
        fields_at = self.get(table, "fields", dict, at, default={})
        if not fields_at:
            self.problem(f"{at}.fields", "at least one field is needed")
        entity = EntitySchema(
            name=name,
            fields=tuple(self._field(path, keys, f"{at}.fields.{path}") for path, keys in fields_at.items()),
            id_field=self.get(table, "id_field", str, at, default="id"),
            modified_field=self.get(table, "modified_field", str, at),
            modified_by_field=self.get(table, "modified_by_field", str, at),
            created_field=self.get(table, "created_field", str, at),
            name_field=self.get(table, "name_field", str, at),
            createable="create" in operations,
            updateable="update" in operations,
            deletable="delete" in operations,
            archive=self._archive(table, at),
            requires=self.get(table, "requires", str, at),
            create_requires=self.get(table, "create_requires", str, at),
            caution=self.get(table, "caution", str, at, default=""),
            rest=self._rest(table, fields_at, at),
            graphql=self._graphql(table, name, fields_at, at),
        )
        stamps = (entity.modified_field, entity.modified_by_field, entity.created_field)
        for path in (entity.id_field, *stamps, entity.name_field) + ((entity.archive[0],) if entity.archive else ()):
            if path and entity.field(path) is None:
                self.problem(at, f"it names the field {path!r}, which is not among its fields")
        check_entity(self, entity, at)
        return entity

    def _rest(self, table: Mapping[str, Any], fields_at: Mapping[str, Any], at: str) -> RestEntity | None:
        forms = {path: keys["form"] for path, keys in fields_at.items() if isinstance(keys, Mapping) and "form" in keys}
        if self.api is not None:
            own = self.get(table, "rest", dict, at, default={})
            return read_entity(self, own, forms, self.defaults, f"{at}.rest")
        if "rest" in table or forms:
            self.problem(at, "how its API is spoken needs a table [rest] at the top")
        return None

    def _graphql(
        self, table: Mapping[str, Any], name: str, fields_at: Mapping[str, Any], at: str
    ) -> GraphqlEntity | None:
        if self.graphql is not None:
            own = self.get(table, "graphql", dict, at, default={})
            return descriptor_graphql.read_entity(self, own, name, fields_at, at)
        if "graphql" in table:
            self.problem(at, 'operations of GraphQL need dialect = "graphql" at the top')
        return None

    def _archive(self, table: Mapping[str, Any], at: str) -> tuple[str, bool] | None:
        archive = self.get(table, "archive", dict, at)
        if not archive:
            return None
        path, value = next(iter(archive.items()))
        if len(archive) != 1 or not isinstance(value, bool):
            self.problem(f"{at}.archive", "expected one field with true or false")
            return None
        return path, value

    def _field(self, path: str, keys: Any, at: str) -> FieldSchema:
        if not isinstance(keys, Mapping):
            self.problem(at, "expected a table such as { type = 'string', max_length = 80 }")
            keys = {"type": "string"}
        self.only(keys, _FIELD_KEYS, at)
        kind = self.get(keys, "type", str, at, default="")
        if not kind:
            self.missing(f"{at}.type")
        write = self.get(keys, "write", str, at, default="both")
        self.among(write, tuple(_WRITES), f"{at}.write")
        createable, updateable = _WRITES.get(write, (True, True))
        list_at = self.get(keys, "list_at", str, at)
        if list_at and not path.startswith(f"{list_at}.") and path != list_at:
            self.problem(f"{at}.list_at", f"{list_at!r} is no beginning of the path")
        required = self.get(keys, "required", bool, at, default=False)
        if required and not createable:
            self.problem(f"{at}.required", "a field that cannot be written on create cannot be required")
        return FieldSchema(
            path=path,
            type=FieldType(kind) if kind and self.among(kind, _TYPES, f"{at}.type") else FieldType.STRING,
            aliases=self.texts(keys.get("aliases", []), f"{at}.aliases"),
            list_at=list_at,
            max_length=self.get(keys, "max_length", int, at),
            scale=self.get(keys, "scale", int, at),
            createable=createable,
            updateable=updateable,
            nullable=self.get(keys, "nullable", bool, at, default=not required),
            required=required,
            references=self.texts(keys.get("references", []), f"{at}.references"),
            picklist=self._picklist(keys.get("picklist", []), f"{at}.picklist"),
            restricted=self.get(keys, "restricted", bool, at, default=False),
            unique=self.get(keys, "unique", bool, at, default=False),
            requires=self.get(keys, "requires", str, at),
            unconfirmed=self.get(keys, "unconfirmed", bool, at, default=False),
        )

    def _picklist(self, values: Any, at: str) -> tuple[str, ...]:
        if isinstance(values, str) and values.startswith("@"):
            if self.among(values[1:], tuple(self.enumerations), at):
                return self.enumerations[values[1:]]
            return ()
        return self.texts(values, at)

    def _resolve(self, entities: tuple[EntitySchema, ...]) -> None:
        names = tuple(entity.name for entity in entities)
        for entity in entities:
            for item in entity.fields:
                for reference in item.references:
                    self.among(reference, names, f"entities.{entity.name}.fields.{item.path}.references")


def licences_of(entities: tuple[EntitySchema, ...]) -> tuple[str, ...]:
    """Every licence or feature that entities or their fields require, sorted."""
    return tuple(sorted(set(_requirements(entities))))


def _requirements(entities: tuple[EntitySchema, ...]) -> Iterator[str]:
    for entity in entities:
        wanted = (entity.requires, entity.create_requires, *(item.requires for item in entity.fields))
        yield from (text for text in wanted if text)
