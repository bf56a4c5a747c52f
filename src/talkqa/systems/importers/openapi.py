"""An OpenAPI 3 document to a descriptor: collections become entities, schemas fields, parameters paging.

Used by `talkqa import openapi`. What the document does not say is told as a gap, and guesses are told where they may
be wrong.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talkqa.model.errors import ConfigError
from talkqa.model.rest import Path as KeyPath
from talkqa.model.rest import RestApi, RestAuth, RestEntity, Write
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.systems.importers import guesses
from talkqa.systems.importers.build import EntityParts, build_entity, settle_forms, without_user
from talkqa.systems.importers.draft import Draft, Gap
from talkqa.systems.importers.fields import FoundField, merged, read_fields, refs_of
from talkqa.systems.importers.openapi_document import Document, Operation, listed, read_document
from talkqa.systems.importers.openapi_errors import read_errors
from talkqa.systems.importers.openapi_lists import FoundList, find_envelope, read_list

_PARAMETER = re.compile(r"\{([^{}]+)\}")
_ONE_OF = re.compile(r"([^{}]+?)/\{[^{}]+\}/?|([^{}(]+)\([^{}()]*\{[^{}]+\}[^{}()]*\)")
"""`/people/{id}`, or `/People({id})` as OData writes it."""


@dataclass(kw_only=True)
class _Collection:
    """A path of many records, and the path of one of them."""

    path: str
    operations: dict[str, Operation] = field(default_factory=dict)
    """By method: those of many."""
    item_path: str = ""
    item_operations: dict[str, Operation] = field(default_factory=dict)
    name: str = ""
    refs: frozenset[str] = frozenset()
    """The schema of one record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bodies:
    """The schemas of one entity's bodies, and where in them the record is."""

    read: Any
    created: Any
    updated: Any
    records: KeyPath
    record: KeyPath
    create_envelope: KeyPath
    update_envelope: KeyPath


def read_openapi(path: Path, *, name: str = "") -> Draft:
    """The system that a document describes.

    Args:
        path: The document, JSON or YAML.
        name: What dataflow documents call the system; the document's title where left out.

    Raises:
        ConfigError: where the file is no usable OpenAPI 3 document, or describes no collection of records.
    """
    document = read_document(path)
    gaps: list[Gap] = []
    collections = _collections(document, gaps)
    if not collections:
        raise ConfigError(f"{path}: describes no collection: no path with a GET that lists, or a POST that creates")
    _name_all(document, collections)
    known = {ref: (one.name, _id_name(document, one)) for one in collections for ref in one.refs}
    parts = [_read_collection(document, one, known) for one in collections]
    system_gaps, forms = settle_forms(parts)
    gaps += [Gap(message=message) for message in system_gaps]
    title = str(document.table("info").get("title") or path.stem)
    api = RestApi(
        url=_url(document, gaps),
        auth=_auth(document, gaps),
        errors=read_errors(document, gaps),
        **forms,
    )
    entities: list[EntitySchema] = []
    for one in parts:
        entity, messages = build_entity(one, [part.name for part in parts], api)
        entities.append(entity)
        gaps += [Gap(message=message, entity=entity.name) for message in messages]
    schema = SystemSchema(
        name=name or title,
        entities=tuple(entities),
        knows_users=api.auth.kinds != ("none",) and any(entity.modified_by_field for entity in entities),
        rest=api,
    )
    version = str(document.table("info").get("version") or "")
    return Draft(
        schema=schema, source=f"the OpenAPI document {path.name} ({title} {version})".strip(), gaps=tuple(gaps)
    )


def _collections(document: Document, gaps: list[Gap]) -> list[_Collection]:
    """Paths without parameters that list or create, each with the path of one record below it."""
    found: dict[str, _Collection] = {}
    deeper: list[str] = []
    for operation in document.operations():
        one_of = _ONE_OF.fullmatch(operation.path)
        if "{" not in operation.path:
            path = operation.path.rstrip("/") or "/"
            found.setdefault(path, _Collection(path=operation.path)).operations[operation.method] = operation
        elif one_of is not None:
            outer = one_of[1] or one_of[2]
            collection = found.setdefault(outer, _Collection(path=outer))
            collection.item_path = _PARAMETER.sub("{id}", operation.path)
            collection.item_operations[operation.method] = operation
        else:
            deeper.append(operation.path)
    kept = [one for one in found.values() if _is_collection(document, one)]
    if deeper:
        shown = ", ".join(sorted(set(deeper))[:5])
        gaps.append(Gap(message=f"not described, as they lie below one record: {shown}"))
    return kept


def _is_collection(document: Document, collection: _Collection) -> bool:
    if collection.item_path:
        return bool({"get", "post"} & set(collection.operations)) or "get" in collection.item_operations
    operation = collection.operations.get("get")
    if operation is None:
        return False
    _, schema = document.answer_of(operation)
    return find_envelope(document, schema, of_list=True)[1] is not None


def _name_all(document: Document, collections: Iterable[_Collection]) -> None:
    """Name each entity after its schema, else after its path; no two alike."""
    taken: set[str] = set()
    for one in collections:
        bodies = _bodies(document, one)
        one.refs = refs_of(bodies.read)
        step = one.path.rstrip("/").rpartition("/")[2]
        by_path = guesses.entity_of(guesses.singular_of(step))
        ref = next(iter(one.refs), "")
        name = guesses.entity_of(ref.rpartition("/")[2]) if ref else by_path
        if name.casefold() in taken:
            name = by_path if by_path.casefold() not in taken else guesses.entity_of(one.path.replace("/", "_"))
        taken.add(name.casefold())
        one.name = name


def _bodies(document: Document, collection: _Collection) -> _Bodies:
    listing, getting = collection.operations.get("get"), collection.item_operations.get("get")
    _, list_schema = document.answer_of(listing) if listing else ("", None)
    _, item_schema = document.answer_of(getting) if getting else ("", None)
    post = collection.operations.get("post")
    change = _update_operation(collection)
    if item_schema is None and post is not None:
        _, item_schema = document.answer_of(post)
    records, listed_one = find_envelope(document, list_schema, of_list=True) if list_schema is not None else ((), None)
    record, one = find_envelope(document, item_schema, of_list=False) if item_schema is not None else ((), None)
    sent = [
        document.body_of(operation.content.get("requestBody"))[1] if operation else None for operation in (post, change)
    ]
    envelopes = [
        find_envelope(document, schema, of_list=False) if schema is not None else ((), None) for schema in sent
    ]
    return _Bodies(
        read=one if one is not None else listed_one if listed_one is not None else envelopes[0][1],
        created=envelopes[0][1],
        updated=envelopes[1][1],
        records=records,
        record=record,
        create_envelope=envelopes[0][0],
        update_envelope=envelopes[1][0],
    )


def _update_operation(collection: _Collection) -> Operation | None:
    held = collection.item_operations
    return held.get("patch") or held.get("put") or held.get("post")


def _id_name(document: Document, collection: _Collection) -> str:
    held = list(merged(_bodies(document, collection).read, document.resolve).get("properties", {}))
    return _pick_id(held, collection) or "id"


def _pick_id(names: Iterable[str], collection: _Collection) -> str | None:
    operation = next(iter(collection.item_operations.values()), None)
    parameter = _PARAMETER.findall(operation.path)[-1] if operation else "id"
    name = guesses.words_of(collection.name)
    wanted = ("id", guesses.words_of(parameter), f"{name} id", "uuid", "guid", "key", "code", "number")
    return guesses.pick(names, wanted)


def _read_collection(document: Document, collection: _Collection, known: Mapping[str, tuple[str, str]]) -> EntityParts:
    """All that the document says of one entity."""
    bodies = _bodies(document, collection)
    read = read_fields(bodies.read, document.resolve, known)
    created = read_fields(bodies.created, document.resolve, known) if bodies.created is not None else {}
    updated = read_fields(bodies.updated, document.resolve, known) if bodies.updated is not None else {}
    modified = guesses.pick(_stamps(read), guesses.MODIFIED)
    listing = collection.operations.get("get")
    found = FoundList()
    if listing is not None:
        found = read_list(document, listing, bodies.records, read, modified)
    post, change = collection.operations.get("post"), _update_operation(collection)
    delete = collection.item_operations.get("delete")
    gaps = [*found.gaps]
    if listing is None:
        gaps.append("path: no GET lists these records; without one nobody sees what the sync engine did")
    query = f"?{found.query}" if found.query else ""
    rest = RestEntity(
        path=collection.path + query,
        item=collection.item_path if collection.item_path != f"{collection.path}/{{id}}" else "",
        get="get" in collection.item_operations,
        records=bodies.records,
        record=bodies.record,
        paging=found.paging,
        since=found.since,
        order=found.order,
        find=found.find,
        create=_write(document, post, bodies.create_envelope, "POST") if post else Write(method="POST"),
        update=_write(document, change, bodies.update_envelope, "PATCH") if change else Write(method="PATCH"),
        headers=found.headers,
    )
    if rest.update.content_type == "application/json-patch+json":
        gaps.append(
            "update: the document takes JSON Patch, which is not spoken; is there another way to change a record?"
        )
    return EntityParts(
        name=collection.name,
        id_field=_pick_id(read, collection) or "",
        read=read,
        created=created,
        updated=updated,
        can_create=post is not None,
        can_update=change is not None,
        can_delete=delete is not None,
        rest=rest,
        gaps=gaps,
    )


def _stamps(fields: Mapping[str, FoundField]) -> list[str]:
    return [path for path, found in fields.items() if found.field.type.value == "datetime"]


def _write(document: Document, operation: Operation, envelope: KeyPath, usual: str) -> Write:
    media, _ = document.body_of(operation.content.get("requestBody"))
    status, schema = document.answer_of(operation)
    held = merged(schema, document.resolve).get("properties", {}) if schema is not None else {}
    answer = "nothing" if schema is None or status == "204" else "id" if len(held) == 1 and "id" in held else "record"
    method = operation.method.upper()
    return Write(
        method=method,
        envelope=envelope,
        whole=usual == "PATCH" and method == "PUT",
        content_type=media or "application/json",
        answer=answer,
    )


def _url(document: Document, gaps: list[Gap]) -> str:
    """The first server, its variables at their defaults."""
    server = next((document.resolve(one) for one in listed(document.content.get("servers"))), {})
    url = str(server.get("url", "")).rstrip("/")
    for name, held in document.resolve(server.get("variables")).items():
        url = url.replace(f"{{{name}}}", str(document.resolve(held).get("default", f"{{{name}}}")))
    url = without_user(url)
    if not url.startswith(("https://", "http://")) or "{" in url:
        gaps.append(Gap(message=f"url: where the system is; the document says {url!r}"))
    return url


def _path_of(url: str) -> str:
    """The path of a URL, absolute or not."""
    after = url.partition("://")[2] if "://" in url else url
    path = after[after.find("/") :] if "/" in after else ""
    return path.partition("?")[0].partition("#")[0]


def _auth(document: Document, gaps: list[Gap]) -> RestAuth:
    """The kinds of credentials that are spoken, those that the document asks for everywhere first."""
    schemes = document.table("components", "securitySchemes")
    asked = [str(name) for one in listed(document.content.get("security")) for name in document.resolve(one)]
    kinds: dict[str, None] = {}
    header = query = token_path = ""
    for name in dict.fromkeys([*asked, *schemes]):
        scheme = document.resolve(schemes.get(name))
        kind, place = str(scheme.get("type")), str(scheme.get("in"))
        if kind == "http" and str(scheme.get("scheme")).lower() in ("basic", "bearer"):
            kinds[str(scheme["scheme"]).lower()] = None
        elif kind == "apiKey" and place in ("header", "query"):
            kinds["api-key"] = None
            header, query = (str(scheme.get("name")), query) if place == "header" else (header, str(scheme.get("name")))
        elif kind == "oauth2" and "clientCredentials" in document.resolve(scheme.get("flows")):
            kinds["client-credentials"] = None
            flow = document.resolve(document.resolve(scheme.get("flows")).get("clientCredentials"))
            token_path = _path_of(str(flow.get("tokenUrl", "")))
        elif kind in ("oauth2", "openIdConnect"):
            kinds["bearer"] = None
            gaps.append(Gap(message=f"auth: {name!r} hands out bearer tokens after a login; see `talkqa login`"))
        elif scheme:
            gaps.append(Gap(message=f"auth: {name!r} ({kind} in {place}) is not spoken"))
    if not kinds:
        gaps.append(Gap(message="auth: the document names no way to sign in"))
    return RestAuth(
        kinds=tuple(kinds) or ("none",), header=header, query=query, token_path=token_path or RestAuth().token_path
    )
