"""The part of a descriptor that says how a GraphQL API is spoken: `[graphql]`, and `[entities.X.graphql]`.

Used by `descriptor`. The keys are those of `talkqa.model.graphql`; a path of keys is written with dots. Every name ends
up in a query, so that nothing passes which is no name.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from talkqa.model.graphql import PAGINGS, GraphqlApi, GraphqlEntity, Path
from talkqa.systems.descriptor_tables import TableReader

API_KEYS = tuple(one.name for one in fields(GraphqlApi))
ENTITY_KEYS = tuple(one.name for one in fields(GraphqlEntity))
_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_URL = re.compile(r"/[!-~]*")
_ARGUMENTS: Mapping[str, tuple[str, str]] = {"cursor": ("first", "after"), "offset": ("limit", "offset")}


def read_api(reader: TableReader, table: Mapping[str, Any]) -> GraphqlApi:
    """How the system is spoken to."""
    at = "graphql"
    reader.only(table, API_KEYS, at)
    own = GraphqlApi()
    paging = reader.choice(table, "paging", PAGINGS, at, default=own.paging)
    size_argument, position_argument = _ARGUMENTS.get(paging, ("", ""))
    size = reader.get(table, "size", int, at, default=own.size)
    if size < 1:
        reader.problem(f"{at}.size", f"expected a number above 0, found {size}")
    path = reader.get(table, "path", str, at, default=own.path)
    if not _URL.fullmatch(path):
        reader.problem(f"{at}.path", f"expected a path from / below the system's URL, found {path!r}")
    return GraphqlApi(
        path=path,
        paging=paging,
        size=max(size, 1),
        size_argument=_name(reader, table, "size_argument", at, default=size_argument),
        position_argument=_name(reader, table, "position_argument", at, default=position_argument),
        records=_path(reader, table, "records", at, default=own.records if paging == "cursor" else ()),
        record=_path(reader, table, "record", at),
        since=_name(reader, table, "since", at),
        since_type=_name(reader, table, "since_type", at, default=own.since_type),
        input_argument=_name(reader, table, "input_argument", at, default=own.input_argument),
        payload=_path(reader, table, "payload", at),
        errors=_name(reader, table, "errors", at),
        deleted=_name(reader, table, "deleted", at),
    )


def read_entity(
    reader: TableReader, table: Mapping[str, Any], name: str, paths: Iterable[str], at: str
) -> GraphqlEntity:
    """The operations of an entity, with their names put in.

    Args:
        reader: Collects problems.
        table: What differs from the conventions.
        name: Of the entity; it is the name of its type.
        paths: Of its fields.
        at: Where the table is.
    """
    reader.only(table, ENTITY_KEYS, f"{at}.graphql")
    for text in (name, *(step for path in paths for step in path.split("."))):
        if not _NAME.fullmatch(text):
            reader.problem(at, f"{text!r} is no name that GraphQL knows: letters, digits and _ alone")
    small = name[:1].lower() + name[1:]
    words = {"{Entity}": name, "{entity}": small, "{entities}": f"{small}s"}
    made = {}
    for one in fields(GraphqlEntity):
        made[one.name] = reader.get(table, one.name, str, f"{at}.graphql", default=str(one.default))
        for word, put in words.items():
            made[one.name] = made[one.name].replace(word, put)
        if not _NAME.fullmatch(made[one.name]):
            reader.problem(f"{at}.graphql.{one.name}", f"{made[one.name]!r} is no name that GraphQL knows")
    return GraphqlEntity(**made)


def _name(reader: TableReader, table: Mapping[str, Any], key: str, at: str, *, default: str = "") -> str:
    value: str = reader.get(table, key, str, at, default=default)
    if value and not _NAME.fullmatch(value):
        reader.problem(f"{at}.{key}", f"{value!r} is no name that GraphQL knows: letters, digits and _ alone")
    return value


def _path(reader: TableReader, table: Mapping[str, Any], key: str, at: str, *, default: Path = ()) -> Path:
    text: str = reader.get(table, key, str, at, default=".".join(default))
    steps = tuple(text.split(".")) if text else ()
    if not all(_NAME.fullmatch(step) for step in steps):
        reader.problem(f"{at}.{key}", f"{text!r} is no path of names that GraphQL knows")
    return steps
