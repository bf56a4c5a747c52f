"""The schema text of an emulated GraphQL system: a type and an input for each entity, operations as described.

Used by the emulator alone.
"""

from collections.abc import Iterable
from typing import Any

from talkqa.model.graphql import GraphqlApi, GraphqlEntity
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox.store import SystemStore

_SCALARS = {
    FieldType.ID: "ID",
    FieldType.REFERENCE: "ID",
    FieldType.INTEGER: "Int",
    FieldType.DECIMAL: "Decimal",
    FieldType.BOOLEAN: "Boolean",
    FieldType.DATE: "Date",
    FieldType.DATETIME: "DateTime",
}
_KNOWN = frozenset({"String", "ID", "Date", "DateTime"})
_HEAD = """
scalar Date
scalar DateTime
scalar Decimal
type PageInfo { hasNextPage: Boolean! endCursor: String }
type UserError { message: String! field: [String!] code: String }
"""


def write_sdl(store: SystemStore, api: GraphqlApi) -> str:
    """The schema of a system whose entities all have operations."""
    parts, queries, mutations = [_HEAD], [], []
    if api.since_type not in _KNOWN:
        parts.append(f"scalar {api.since_type}")
    for entity in store.entities.values():
        schema, names = entity.schema, entity.schema.graphql
        if names is None:
            continue
        read = {field.path: field for field in schema.fields if field.type is not FieldType.OPAQUE}
        parts += _objects("type", schema.name, "", _tree(read.items()))
        for name in dict.fromkeys((names.create_input, names.update_input)):
            stem = name.removesuffix("Input")
            parts += _objects("input", stem, name.removeprefix(stem), _tree(_sent(schema)))
        queries += [f"{names.get}(id: ID!): {schema.name}", _listing(schema, names, api, parts)]
        mutations += _changes(schema, names, api, parts)
    parts.append("type Query {\n " + "\n ".join(queries) + "\n}\ntype Mutation {\n " + "\n ".join(mutations) + "\n}")
    return "\n".join(parts)


def written_path(field: FieldSchema) -> str:
    """Where the input has a field: a reference is written by its first alias."""
    return field.aliases[0] if field.type is FieldType.REFERENCE and field.aliases else field.path


def _sent(schema: EntitySchema) -> Iterable[tuple[str, FieldSchema]]:
    return ((written_path(one), one) for one in schema.fields if one.createable or one.updateable)


def _tree(fields: Iterable[tuple[str, FieldSchema]]) -> dict[str, Any]:
    """Nested names; what holds other fields is an object, whatever else is said of it."""
    tree: dict[str, Any] = {}
    for path, field in fields:
        inner = tree
        steps = path.split(".")
        for step in steps[:-1]:
            if not isinstance(inner.get(step), dict):
                inner[step] = {}
            inner = inner[step]
        inner.setdefault(steps[-1], field)
    return tree


def _objects(kind: str, stem: str, ending: str, tree: dict[str, Any]) -> list[str]:
    """The text of a type and of those inside it."""
    made: list[str] = []
    members: list[str] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            inner = stem + name[:1].upper() + name[1:]
            made += _objects(kind, inner, ending, value)
            many = any(one.list_at and _ends(one, name) for one in _leaves(value))
            members.append(f"{name}: [{inner}{ending}!]" if many else f"{name}: {inner}{ending}")
        else:
            scalar = _SCALARS.get(value.type, "String")
            members.append(f"{name}: [{scalar}]" if value.list_at == value.path else f"{name}: {scalar}")
    return [*made, f"{kind} {stem}{ending} {{ {' '.join(members)} }}"]


def _ends(field: FieldSchema, name: str) -> bool:
    return str(field.list_at).rpartition(".")[2] == name


def _leaves(tree: dict[str, Any]) -> Iterable[FieldSchema]:
    for value in tree.values():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield value


def _listing(schema: EntitySchema, names: GraphqlEntity, api: GraphqlApi, parts: list[str]) -> str:
    """The query for a list, and the types around its records."""
    arguments = []
    if api.paging != "none":
        kind = "String" if api.paging == "cursor" else "Int"
        arguments += [f"{api.size_argument}: Int", f"{api.position_argument}: {kind}"]
    if api.since:
        arguments.append(f"{api.since}: {api.since_type}")
    told = schema.name
    steps = (*api.records, *api.record)
    for depth, step in reversed(list(enumerate(steps))):
        many = depth == len(api.records) - 1
        name = f"{schema.name}Page{depth}"
        info = " pageInfo: PageInfo!" if depth == 0 and api.paging == "cursor" else ""
        parts.append(f"type {name} {{ {step}: {f'[{told}!]!' if many else told}{info} }}")
        told = name
    if not api.records:
        told = f"[{told}!]!"
    given = f"({', '.join(arguments)})" if arguments else ""
    return f"{names.list}{given}: {told}"


def _changes(schema: EntitySchema, names: GraphqlEntity, api: GraphqlApi, parts: list[str]) -> list[str]:
    told = schema.name
    errors = f" {api.errors}: [UserError!]" if api.errors else ""
    for depth, step in reversed(list(enumerate(api.payload))):
        name = f"{schema.name}Payload{depth}"
        parts.append(f"type {name} {{ {step}: {told}{errors if depth == 0 else ''} }}")
        told = name
    gone = "Boolean"
    if api.errors or api.deleted:
        gone = f"{schema.name}Deletion"
        member = f"{api.deleted}: ID" if api.deleted else ""
        parts.append(f"type {gone} {{ {member}{errors} }}")
    put = api.input_argument
    return [
        f"{names.create}({put}: {names.create_input}!): {told}",
        f"{names.update}(id: ID!, {put}: {names.update_input}!): {told}",
        f"{names.delete}(id: ID!): {gone}",
    ]
