"""A Sesam connector folder to a descriptor: data types become entities, operations what is done with them.

Used by `talkqa import sesam`. Read are manifest.json, the system template and the templates of the data types that it
names, and the schemas that the connector's tool leaves beside them; nothing else, and nothing outside the folder.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from talkqa.model.errors import ConfigError
from talkqa.model.rest import RestApi, RestAuth, RestEntity, Write
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.redaction.rules import is_secret_name
from talkqa.systems.importers import guesses
from talkqa.systems.importers.build import EntityParts, build_entity, settle_forms
from talkqa.systems.importers.draft import Draft, Gap
from talkqa.systems.importers.fields import FoundField, read_fields
from talkqa.systems.importers.sesam_operations import (
    FoundOperation,
    item_path,
    key_path,
    list_rest,
    read_operation,
    system_url,
)
from talkqa.systems.importers.sesam_templates import (
    MARK,
    MAX_BYTES,
    UnreadTemplate,
    fill_parameters,
    read_expressions,
    read_json,
)

_ACTIONS = {
    "list": ("list", "all"),
    "lookup": ("lookup", "get"),
    "insert": ("insert", "create", "post"),
    "update": ("update", "patch", "put"),
    "delete": ("delete", "remove"),
}
"""What is done with a data type, and the names of operations that do it."""
_CSV_TYPES = {"integer": "integer", "decimal": "number", "float": "number", "boolean": "boolean", "string": "string"}


@dataclass(kw_only=True)
class _Connector:
    """A connector's folder, and what was not found in it."""

    folder: Path
    manifest: Mapping[str, Any]
    system: Mapping[str, Any] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)
    """Parameters that an installation gives."""

    def filled(self, name: str, parameters: Mapping[str, str]) -> Any:
        """A template with its parameters."""
        try:
            return fill_parameters(read_json(self.folder, name), parameters, self.missing)
        except UnreadTemplate as error:
            raise ConfigError(f"{self.folder / name}: {error}") from error


def read_sesam(folder: Path, *, name: str = "") -> Draft:
    """The system that a connector connects.

    Args:
        folder: Where manifest.json lies.
        name: What dataflow documents call the system; the manifest's name, or the folder's, where left out.

    Raises:
        ConfigError: where something cannot be read, or the connector's system is no REST system.
    """
    manifest = read_json(folder, "manifest.json")
    datatypes = manifest.get("datatypes") if isinstance(manifest, dict) else None
    if not isinstance(datatypes, dict) or not datatypes:
        raise ConfigError(f"{folder / 'manifest.json'}: names no data types")
    connector = _Connector(folder=folder, manifest=manifest)
    title = name or str(manifest.get("system") or folder.resolve().name.removesuffix("-connector"))
    system_name = str(manifest.get("system-template") or manifest.get("system_template") or "templates/system.json")
    connector.system = _rest_system(connector, system_name, title)
    parts = [
        part
        for datatype, held in datatypes.items()
        if (part := _read_datatype(connector, str(datatype), held if isinstance(held, dict) else {}, title)) is not None
    ]
    if not parts:
        raise ConfigError(f"{folder}: no data type has an operation that lists it")
    system_gaps, forms = settle_forms(parts)
    gaps = [*connector.gaps, *(Gap(message=message) for message in system_gaps)]
    gaps.append(Gap(message="errors: where an answer that refuses gives its reasons (list, message, code, field)"))
    api = RestApi(
        url=system_url(connector.system)[0], auth=_auth(connector, gaps), headers=_headers(connector), **forms
    )
    if connector.missing:
        told = ", ".join(sorted(connector.missing))
        gaps.append(Gap(message=f"an installation of the connector gives these: {told}"))
    entities: list[EntitySchema] = []
    for part in parts:
        entity, messages = build_entity(part, [one.name for one in parts], api)
        entities.append(entity)
        gaps += [Gap(message=message, entity=entity.name) for message in messages]
    schema = SystemSchema(
        name=title,
        entities=tuple(entities),
        knows_users=api.auth.kinds != ("none",) and any(entity.modified_by_field for entity in entities),
        rest=api,
    )
    return Draft(schema=schema, source=f"the Sesam connector {folder.resolve().name}", gaps=tuple(gaps))


def _rest_system(connector: _Connector, name: str, title: str) -> Mapping[str, Any]:
    content = connector.filled(name, {"system": title})
    found = content if isinstance(content, list) else [content]
    for one in found:
        if isinstance(one, dict) and str(one.get("type", "")).startswith("system:rest"):
            return one
    kinds = ", ".join(str(one.get("type")) for one in found if isinstance(one, dict)) or "nothing"
    raise ConfigError(f"{connector.folder / name}: a system of the type system:rest is needed, found {kinds}")


def _read_datatype(connector: _Connector, datatype: str, held: Mapping[str, Any], title: str) -> EntityParts | None:
    """All that the connector says of one data type; None where nothing lists it."""
    name = datatype[:1].upper() + datatype[1:]
    if held.get("parent"):
        connector.gaps.append(Gap(message=f"not described, as it lies below {held['parent']}: {datatype}"))
        return None
    given = held.get("parameters")
    parameters = {key: str(value) for key, value in given.items()} if isinstance(given, dict) else {}
    parameters |= {"system": title, "datatype": datatype}
    template = connector.filled(str(held.get("template", f"templates/{datatype}.json")), parameters)
    gaps: list[str] = []
    operations = {}
    for action in _ACTIONS:
        try:
            found = _operation(connector, datatype, action, template)
        except UnreadTemplate as error:
            gaps.append(f"{action}: the connector says more than can be read off it: {error}")
        else:
            if found is not None:
                operations[action] = found
    listing = operations.get("list")
    if listing is None or MARK.search(listing.path):
        connector.gaps.append(Gap(message=f"not described, as no operation lists it: {datatype}"))
        return None
    id_field = key_path(listing.texts.get("id_expression", "")) or _primary_key(template) or ""
    modified = key_path(listing.texts.get("updated_expression", "")) or ""
    read = _with_stamps(_fields(connector, datatype, gaps), modified, gaps)
    items: dict[str, str | None] = {
        action: item_path(operations[action], id_field)
        for action in ("lookup", "update", "delete")
        if action in operations
    }
    gaps += [f"{action}: its URL cannot be read" for action, path in items.items() if path is None]
    rest = list_rest(listing, modified, gaps)
    return EntityParts(
        name=name,
        id_field=id_field,
        read=read,
        created={},
        updated={},
        can_create="insert" in operations,
        can_update=items.get("update") is not None,
        can_delete=items.get("delete") is not None,
        modified_field=modified,
        rest=_rest(rest, operations, items),
        gaps=gaps,
    )


def _rest(rest: RestEntity, operations: Mapping[str, FoundOperation], items: Mapping[str, str | None]) -> RestEntity:
    """How an entity is spoken of, as its operations say."""
    lookup, update, delete = (items.get(action) for action in ("lookup", "update", "delete"))
    item = lookup or update or delete or ""
    insert = operations.get("insert")
    alone = operations.get("lookup") or operations.get("update") or insert
    usual = f"{rest.path.partition('?')[0]}/{{id}}"
    create = Write(method="POST")
    if insert is not None:
        url = insert.path + (f"?{insert.fixed_query}" if insert.fixed_query else "")
        create = Write(method=insert.method, path="" if url == rest.path else url, envelope=insert.envelope)
    changed, removed = operations.get("update"), operations.get("delete")
    return replace(
        rest,
        item="" if item == usual else item,
        get=lookup is not None,
        record=alone.payload if alone is not None else (),
        create=create,
        update=Write(
            method=changed.method,
            path="" if update == item else update,
            envelope=changed.envelope,
            whole=changed.method == "PUT",
        )
        if changed is not None and update
        else rest.update,
        delete=Write(method=removed.method, path="" if delete == item else delete)
        if removed is not None and delete
        else rest.delete,
    )


def _operation(connector: _Connector, datatype: str, action: str, template: Any) -> FoundOperation | None:
    """The operation of a data type: the one its pipes name, else the one of its name."""
    operations = connector.system.get("operations")
    operations = operations if isinstance(operations, dict) else {}
    named, source = _named(template, action)
    usual = [f"{datatype}{mark}{verb}" for verb in _ACTIONS[action] for mark in "-_"]
    for name in (named, *usual, *_ACTIONS[action]):
        if name in operations and isinstance(operations[name], dict):
            content = {**operations[name], **{key: source[key] for key in _OVERRIDDEN if key in source}}
            properties = {**_table(operations[name].get("properties")), **_table(source.get("properties"))}
            properties.setdefault("datatype", datatype)
            return read_operation(content, properties, connector.system)
    return None


_OVERRIDDEN = ("payload_property", "id_expression", "updated_expression", "since_property_name")
"""What a pipe's source may say in place of the operation."""


def _named(template: Any, action: str) -> tuple[str, Mapping[str, Any]]:
    """The operation that a data type's pipes name for an action, and the source or transform that names it."""
    for pipe in _tables(template):
        source = _table(pipe.get("source"))
        if action == "list" and source.get("type") == "rest":
            return str(source.get("operation", "")), source
        for transform in _tables(pipe.get("transform")):
            properties = _table(transform.get("properties"))
            if f"operation_{action}" in properties:
                return str(properties[f"operation_{action}"]), {"properties": properties}
    return "", {}


def _primary_key(template: Any) -> str | None:
    for pipe in _tables(template):
        for transform in _tables(pipe.get("transform")):
            key = _table(transform.get("properties")).get("primary_key")
            if isinstance(key, str):
                return key
    return None


def _fields(connector: _Connector, datatype: str, gaps: list[str]) -> dict[str, FoundField]:
    """Fields of a data type, from the schemas that the connector's tool leaves."""
    for name in (f"schemas/{datatype}.merged.json", f"schemas/{datatype}.json"):
        if (connector.folder / name).is_file():
            return read_fields(read_json(connector.folder, name), _plain, {})
    table = connector.folder / "schema.csv"
    if table.is_file() and table.stat().st_size <= MAX_BYTES:
        rows = [
            row
            for row in csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines())
            if row.get("Type") == datatype
        ]
        held = {str(row.get("Name")): {"type": _CSV_TYPES.get(str(row.get("Datatype")), "null")} for row in rows}
        nested: dict[str, Any] = {}
        for path, inner in held.items():
            *outer, last = path.split(".")
            place = nested
            for key in outer:
                place = place.setdefault(key, {"type": "object", "properties": {}}).setdefault("properties", {})
            place[last] = inner
        if nested:
            return read_fields({"type": "object", "properties": nested}, _plain, {})
    gaps.append("fields: the connector has no schema of these records; add their fields")
    return {}


def _with_stamps(read: Mapping[str, FoundField], modified: str, gaps: list[str]) -> dict[str, FoundField]:
    """The fields with those that tell times as such: schemas that were gathered from records call them texts."""
    fields = dict(read)
    if modified:
        fields.setdefault(modified, FoundField(field=FieldSchema(path=modified, type=FieldType.STRING)))
    for path, found in fields.items():
        kind = found.field.type
        if path != modified and (kind is not FieldType.STRING or not _is_stamp(path)):
            continue
        if kind is FieldType.INTEGER:
            gaps.append(f"fields: {path!r} is a number; taken for seconds since 1970")
        form = "epoch-s" if kind is FieldType.INTEGER else found.form
        stamp = replace(found.field, type=FieldType.DATETIME, max_length=None)
        fields[path] = replace(found, field=stamp, form=form)
    return fields


def _is_stamp(path: str) -> bool:
    return guesses.pick([path], (*guesses.MODIFIED, *guesses.CREATED)) is not None


def _auth(connector: _Connector, gaps: list[Gap]) -> RestAuth:
    system = connector.system
    headers = {key: str(value) for key, value in _table(system.get("headers")).items()}
    signed = next((value.lower() for key, value in headers.items() if key.lower() == "authorization"), "")
    secret = next((key for key, value in headers.items() if "$SECRET(" in value), "")
    _, query = system_url(system)
    if "oauth2" in system or connector.manifest.get("auth") == "oauth2":
        held = _table(system.get("oauth2"))
        if "refresh_token" not in held and "client_secret" in held:
            return RestAuth(kinds=("client-credentials",))
        gaps.append(Gap(message="auth: the connector signs in with OAuth 2 and a refresh token; see `talkqa login`"))
    elif system.get("authentication") == "basic" or signed.startswith("basic"):
        return RestAuth(kinds=("basic",))
    elif not signed and "jwt_token" not in system:
        if secret or query:
            return RestAuth(kinds=("api-key",), header=secret, query="" if secret else query)
        gaps.append(Gap(message="auth: the connector does not show how it signs in"))
    return RestAuth(kinds=("bearer",))


def _headers(connector: _Connector) -> tuple[tuple[str, str], ...]:
    """Headers that go with every request and are no secret."""
    held = {key: str(value) for key, value in _table(connector.system.get("headers")).items()}
    ours = ("accept", "content-type", "authorization")
    plain = {
        key: value
        for key, value in held.items()
        if key.lower() not in ours and "$" not in value and not is_secret_name(key)
    }
    try:
        return tuple((key, value) for key, value in plain.items() if not MARK.search(read_expressions(value, {})))
    except UnreadTemplate:
        return ()


def _plain(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) and "$ref" not in value else {}


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> Iterator[Mapping[str, Any]]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one
