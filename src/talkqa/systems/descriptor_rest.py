"""The part of a descriptor that says how a REST API is spoken: `[rest]`, and `[entities.X.rest]` for each entity.

Used by `descriptor`. The keys are those of `talkqa.model.rest`; a path of keys is written with dots (`data.items`), or
as a list where a key holds a dot itself. `[rest.defaults]` holds what every entity says alike.
"""

import re
from collections.abc import Mapping
from typing import Any

from talkqa.model.rest import (
    FORMS,
    PATTERN_PARTS,
    Caller,
    ErrorShape,
    Find,
    Paging,
    Path,
    RestApi,
    RestAuth,
    RestEntity,
    Since,
    Write,
)
from talkqa.model.schema import EntitySchema, FieldType
from talkqa.systems.descriptor_tables import TableReader

API_KEYS = (
    *("url", "auth", "errors", "datetimes", "dates", "decimals", "references", "reference_key", "ids", "headers"),
    *("ok", "caller", "defaults"),
)
ENTITY_KEYS = (
    *("path", "item", "get", "records", "record", "paging", "since", "order", "find", "create", "update", "delete"),
    *("deleted", "bare_tombstones", "conditional", "headers"),
)
_AUTH_KINDS = ("none", "basic", "bearer", "api-key", "client-credentials")
_PAGING_KINDS = ("none", "offset", "page", "cursor", "link")
_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_ANSWERS = ("record", "id", "nothing")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_URL = re.compile(r"/[!-~]*")
_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def read_api(reader: TableReader, table: Mapping[str, Any]) -> RestApi:
    """How the system is spoken to."""
    at = "rest"
    reader.only(table, API_KEYS, at)
    defaults = reader.get(table, "defaults", dict, at, default={})
    reader.only(defaults, ENTITY_KEYS, f"{at}.defaults")
    return RestApi(
        url=reader.get(table, "url", str, at, default=""),
        auth=_auth(reader, table, at),
        errors=_errors(reader, table, at),
        datetimes=_form(reader, table, "datetimes", at, default="iso"),
        dates=_form(reader, table, "dates", at, default="iso"),
        decimals=reader.choice(table, "decimals", ("number", "text"), at, default="number"),
        references=reader.choice(table, "references", ("plain", "object"), at, default="plain"),
        reference_key=reader.get(table, "reference_key", str, at, default="id") or "id",
        ids=reader.choice(table, "ids", ("text", "number"), at, default="text"),
        headers=_headers(reader, table, at),
        ok=_statuses(reader, table, at),
        caller=_caller(reader, table, at),
    )


def read_entity(
    reader: TableReader, table: Mapping[str, Any], forms: Mapping[str, Any], defaults: Mapping[str, Any], at: str
) -> RestEntity:
    """How an entity is spoken of.

    Args:
        reader: Collects problems.
        table: The entity's own.
        forms: Field path to the form that the field's own table gives.
        defaults: What every entity says alike; the entity's own keys go before.
        at: Where the table is.
    """
    reader.only(table, ENTITY_KEYS, at)
    table = {**{key: value for key, value in defaults.items() if key in ENTITY_KEYS}, **table}
    own = RestEntity()
    path = _url(reader, table, "path", at, default=own.path)
    item = _url(reader, table, "item", at)
    if item and "{id}" not in item:
        reader.problem(f"{at}.item", "it needs {id} where a record's id goes")
    return RestEntity(
        path=path,
        item=item,
        get=reader.get(table, "get", bool, at, default=True),
        records=_path(reader, table, "records", at),
        record=_path(reader, table, "record", at),
        paging=_paging(reader, table, at),
        since=_since(reader, table, at),
        order=reader.pairs(table, "order", at),
        find=_find(reader, table, at),
        create=_write(reader, table, "create", "POST", at),
        update=_write(reader, table, "update", "PATCH", at),
        delete=_write(reader, table, "delete", "DELETE", at),
        deleted=_path(reader, table, "deleted", at),
        bare_tombstones=reader.get(table, "bare_tombstones", bool, at, default=False),
        conditional=reader.get(table, "conditional", bool, at, default=False),
        headers=_headers(reader, table, at),
        forms=tuple((path, form) for path, form in forms.items() if _is_form(reader, form, f"form of {path}", at)),
    )


def check_entity(reader: TableReader, entity: EntitySchema, at: str) -> None:
    """Make a problem of each contradiction between what an entity is and how it is spoken of."""
    rest = entity.rest
    if rest is None:
        return
    stamp = entity.field(entity.modified_field) if entity.modified_field else None
    if stamp is not None and stamp.type is not FieldType.DATETIME:
        reader.problem(f"{at}.modified_field", f"{stamp.path} must be a field of the type datetime")
    if rest.since is not None and not rest.since.cursor and stamp is None:
        reader.problem(f"{at}.rest.since", "an entity without a modified_field cannot be asked for what changed")
    for path, _ in (*rest.find.filters, *rest.forms):
        if entity.field(path) is None:
            reader.problem(f"{at}.rest", f"it names the field {path!r}, which is not among its fields")
    for path, form in rest.forms:
        field = entity.field(path)
        if field is not None and field.type not in (FieldType.DATE, FieldType.DATETIME):
            reader.problem(f"{at}.fields.{path}.form", f"{form!r} is for fields of the types date and datetime")


def _auth(reader: TableReader, table: Mapping[str, Any], at: str) -> RestAuth:
    inner = reader.table(table, "auth", ("kinds", "header", "query", "token_path"), at)
    at = f"{at}.auth"
    kinds = reader.texts(inner.get("kinds", ["bearer"]), f"{at}.kinds")
    kinds = tuple(kind for kind in kinds if reader.among(kind, _AUTH_KINDS, f"{at}.kinds"))
    auth = RestAuth(
        kinds=kinds or ("none",),
        header=reader.get(inner, "header", str, at, default=""),
        query=reader.get(inner, "query", str, at, default=""),
        token_path=_url(reader, inner, "token_path", at, default="/oauth/token"),
    )
    if "api-key" in kinds and not auth.header and not auth.query:
        reader.problem(at, "api-key needs the name of a header, or of a query parameter, that carries the key")
    if auth.header and not _HEADER.fullmatch(auth.header):
        reader.problem(f"{at}.header", f"{auth.header!r} is no name of a header")
    return auth


def _errors(reader: TableReader, table: Mapping[str, Any], at: str) -> ErrorShape:
    inner = reader.table(table, "errors", ("kind", "items", "message", "code", "field"), at)
    at, own = f"{at}.errors", ErrorShape()
    return ErrorShape(
        kind=reader.choice(inner, "kind", ("list", "object", "fields"), at, default=own.kind),
        items=_path(reader, inner, "items", at, default=own.items),
        message=_path(reader, inner, "message", at, default=own.message),
        code=_path(reader, inner, "code", at, default=own.code),
        field=_path(reader, inner, "field", at, default=own.field),
    )


def _caller(reader: TableReader, table: Mapping[str, Any], at: str) -> Caller | None:
    if "caller" not in table:
        return None
    inner = reader.table(table, "caller", ("path", "user", "name"), at)
    path = _url(reader, inner, "path", f"{at}.caller")
    if not path:
        reader.missing(f"{at}.caller.path")
    user = _path(reader, inner, "user", f"{at}.caller", default=("id",))
    return Caller(path=path, user=user, name=_path(reader, inner, "name", f"{at}.caller"))


def _paging(reader: TableReader, table: Mapping[str, Any], at: str) -> Paging:
    inner = reader.table(table, "paging", ("kind", "param", "size_param", "size", "first", "next"), at)
    at, own = f"{at}.paging", Paging()
    paging = Paging(
        kind=reader.choice(inner, "kind", _PAGING_KINDS, at, default=own.kind),
        param=reader.get(inner, "param", str, at, default=""),
        size_param=reader.get(inner, "size_param", str, at, default=""),
        size=reader.get(inner, "size", int, at, default=own.size),
        first=reader.get(inner, "first", int, at, default=own.first),
        next=_path(reader, inner, "next", at),
    )
    if paging.kind in ("offset", "page", "cursor") and not paging.param:
        reader.problem(f"{at}.param", f"{paging.kind} needs the query parameter that says where to go on")
    if paging.kind == "cursor" and not paging.next:
        reader.problem(f"{at}.next", "cursor needs the path of the token in the body")
    if paging.size < 1:
        reader.problem(f"{at}.size", f"expected a number above 0, found {paging.size}")
    return paging


def _since(reader: TableReader, table: Mapping[str, Any], at: str) -> Since | None:
    if "since" not in table:
        return None
    inner = reader.table(table, "since", ("param", "form", "inclusive", "cursor", "overlap_s"), at)
    at = f"{at}.since"
    param = reader.get(inner, "param", str, at, default="")
    if not param:
        reader.missing(f"{at}.param")
    overlap_s = reader.get(inner, "overlap_s", float, at, default=0.0)
    if overlap_s < 0:
        reader.problem(f"{at}.overlap_s", f"expected a number of seconds from 0, found {overlap_s}")
    return Since(
        param=param,
        form=_form(reader, inner, "form", at, default=""),
        inclusive=reader.get(inner, "inclusive", bool, at, default=True),
        cursor=_path(reader, inner, "cursor", at),
        overlap_s=float(overlap_s),
    )


def _find(reader: TableReader, table: Mapping[str, Any], at: str) -> Find:
    inner = reader.table(table, "find", ("filters", "search", "where"), at)
    at = f"{at}.find"
    where = reader.texts(inner["where"], f"{at}.where") if "where" in inner else ()
    if where and len(where) != 2:
        reader.problem(f"{at}.where", "expected two query parameters: for the field's name and for its value")
    return Find(
        filters=reader.pairs(inner, "filters", at),
        search=reader.get(inner, "search", str, at, default=""),
        where=(where[0], where[1]) if len(where) == 2 else None,
    )


def _write(reader: TableReader, table: Mapping[str, Any], key: str, method: str, at: str) -> Write:
    allowed = {
        "create": ("method", "path", "envelope", "content_type", "answer"),
        "update": ("method", "path", "envelope", "content_type", "answer", "whole"),
        "delete": ("method", "path"),
    }[key]
    inner = reader.table(table, key, allowed, at)
    at = f"{at}.{key}"
    path = _url(reader, inner, "path", at)
    if path and ("{id}" in path) == (key == "create"):
        told = "a record that does not exist yet has no {id}" if key == "create" else "it needs {id}"
        reader.problem(f"{at}.path", told)
    return Write(
        method=reader.choice(inner, "method", _METHODS, at, default=method),
        path=path,
        envelope=_path(reader, inner, "envelope", at),
        content_type=reader.get(inner, "content_type", str, at, default="application/json"),
        whole=reader.get(inner, "whole", bool, at, default=False),
        answer=reader.choice(inner, "answer", _ANSWERS, at, default="record"),
    )


def _path(reader: TableReader, table: Mapping[str, Any], key: str, at: str, *, default: Path = ()) -> Path:
    if key not in table:
        return default
    value = table[key]
    if isinstance(value, str):
        return tuple(value.split(".")) if value else ()
    return reader.texts(value, f"{at}.{key}")


def _url(reader: TableReader, table: Mapping[str, Any], key: str, at: str, *, default: str = "") -> str:
    value: str = reader.get(table, key, str, at, default=default)
    if value and not _URL.fullmatch(value):
        reader.problem(f"{at}.{key}", f"expected a path from / below the system's URL, found {value!r}")
        return default
    for name in _PLACEHOLDER.findall(value):
        if name not in ("id", "entity"):
            reader.problem(f"{at}.{key}", f"{{{name}}} is not known here; there are {{id}} and {{entity}}")
    return value


def _form(reader: TableReader, table: Mapping[str, Any], key: str, at: str, *, default: str) -> str:
    value: str = reader.get(table, key, str, at, default=default)
    return value if not value or _is_form(reader, value, key, at) else default


def _is_form(reader: TableReader, form: Any, key: str, at: str) -> bool:
    if form in FORMS:
        return True
    counts = {part: form.count(part) if isinstance(form, str) else 0 for part in PATTERN_PARTS}
    if all(counts[part] == 1 for part in PATTERN_PARTS[:3]) and max(counts.values()) == 1:
        return True
    reader.problem(
        f"{at}.{key}",
        f"{form!r} is no form of dates: {', '.join(FORMS)}, or a pattern with yyyy, MM (month) and dd, and HH, mm "
        "(minute) and ss where it has them",
    )
    return False


def _headers(reader: TableReader, table: Mapping[str, Any], at: str) -> tuple[tuple[str, str], ...]:
    pairs = reader.pairs(table, "headers", at)
    for name, value in pairs:
        if not _HEADER.fullmatch(name) or not value.isprintable() or not value.isascii():
            reader.problem(f"{at}.headers", f"{name!r} cannot be sent as a header")
    return pairs


def _statuses(reader: TableReader, table: Mapping[str, Any], at: str) -> tuple[int, ...]:
    values = reader.get(table, "ok", list, at, default=[])
    if all(isinstance(value, int) and not isinstance(value, bool) and 200 <= value < 400 for value in values):
        return tuple(values)
    reader.problem(f"{at}.ok", f"expected a list of statuses from 200 to 399, found {values!r}")
    return ()
