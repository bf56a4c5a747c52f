"""How an OpenAPI document's lists are paged, limited, ordered and searched: read off parameters and answers.

Used by `importers.openapi`. Names decide; what they leave open is told as a gap.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from talkqa.model.rest import Find, Paging, Path, Since
from talkqa.model.schema import FieldType
from talkqa.redaction.rules import is_secret_name
from talkqa.systems.importers import guesses
from talkqa.systems.importers.fields import FoundField, merged, type_of
from talkqa.systems.importers.openapi_document import Document, Operation, listed

_MAX_SIZE = 200
"""More records in a page than this are not asked for."""
_ASCENDING = ("asc", "ascending", "ASC")


@dataclass(kw_only=True)
class FoundList:
    """What a document says of one list."""

    paging: Paging = field(default_factory=Paging)
    since: Since | None = None
    order: tuple[tuple[str, str], ...] = ()
    find: Find = field(default_factory=Find)
    headers: tuple[tuple[str, str], ...] = ()
    query: str = ""
    """Fixed parameters that must be given."""
    gaps: list[str] = field(default_factory=list)


def find_envelope(document: Document, schema: Any, *, of_list: bool) -> tuple[Path, Any]:
    """Where in an answer the list of records, or the record, is; and the schema of one record.

    A body that holds one list of objects beside plain values is an envelope; so is one that holds one object, where
    the body itself has nothing that looks like an id.
    """
    for path, inner in _inner_schemas(document, schema, (), 0):
        plain = merged(inner, document.resolve)
        if of_list and type_of(plain) == "array":
            return path, plain.get("items")
        if not of_list and type_of(plain) == "object" and _is_record(plain, document):
            return path, inner
    return (), None if of_list else schema


def read_list(
    document: Document, operation: Operation, envelope: Path, fields: Mapping[str, FoundField], modified: str | None
) -> FoundList:
    """What the parameters and the answer of a list's operation say."""
    queries: dict[str, Mapping[str, Any]] = {}
    found = FoundList()
    fixed: dict[str, str] = {}
    for parameter in operation.parameters:
        name, schema = str(parameter.get("name", "")), merged(parameter.get("schema"), document.resolve)
        if parameter.get("in") == "query":
            queries[name] = {"description": parameter.get("description", ""), **schema}
        if parameter.get("required") is True and parameter.get("in") in ("query", "header"):
            value = schema.get("default", next(iter(listed(schema.get("enum"))), parameter.get("example")))
            if is_secret_name(name):
                found.gaps.append(
                    f"the {parameter['in']} parameter {name!r} looks like a secret: it belongs to an account"
                )
            elif value is None:
                found.gaps.append(f"the {parameter['in']} parameter {name!r} is required: give its value")
            elif parameter["in"] == "header":
                found.headers = (*found.headers, (name, str(value)))
            else:
                fixed[name] = str(value)
    found.paging = _paging(document, operation, envelope, queries, found.gaps)
    found.since = _since(queries, modified, found.gaps)
    found.order = _order(queries, modified)
    used = {found.paging.param, found.paging.size_param, found.since.param if found.since else "", *dict(found.order)}
    found.find = _find({name for name in queries if name not in used}, fields)
    found.query = urlencode({name: value for name, value in fixed.items() if name not in used})
    if found.paging.kind in ("offset", "page") and not found.order:
        found.gaps.append("order: the query that puts the least recently changed record first, if there is one")
    return found


def _inner_schemas(document: Document, schema: Any, path: Path, depth: int) -> Iterable[tuple[Path, Any]]:
    """The schema itself and what it holds, the outer and the likelier first."""
    yield path, schema
    if depth == 2:
        return
    held = merged(schema, document.resolve).get("properties", {})
    wanted = [name for name in held if guesses.words_of(name) in guesses.LISTS]
    for name in (*wanted, *(name for name in held if name not in wanted)):
        if type_of(merged(held[name], document.resolve)) in ("array", "object"):
            yield from _inner_schemas(document, held[name], (*path, name), depth + 1)


def _is_record(schema: Mapping[str, Any], document: Document) -> bool:
    """Whether an object is a record and no envelope: it has an id, or more plain values than an envelope would."""
    held = {name: merged(inner, document.resolve) for name, inner in schema.get("properties", {}).items()}
    if any(guesses.words_of(name).rpartition(" ")[2] in ("id", "uuid", "guid", "key", "code") for name in held):
        return True
    plain = [name for name, inner in held.items() if type_of(inner) not in ("object", "array")]
    return len(plain) > 2 or not any(type_of(inner) == "object" for inner in held.values())


def _paging(
    document: Document,
    operation: Operation,
    envelope: Path,
    queries: Mapping[str, Mapping[str, Any]],
    gaps: list[str],
) -> Paging:
    size_param = guesses.pick(queries, guesses.SIZES) or ""
    size = _size(queries[size_param]) if size_param else Paging().size
    token, link = _beside(document, operation, envelope)
    cursor = guesses.pick(queries, guesses.CURSORS)
    offset, page = guesses.pick(queries, guesses.OFFSETS), guesses.pick(queries, guesses.PAGES)
    if link is not None:
        return Paging(kind="link", size_param=size_param, size=size, next=link)
    if cursor is not None and token:
        return Paging(kind="cursor", param=cursor, size_param=size_param, size=size, next=token)
    if page is not None and page != size_param:
        first = queries[page].get("minimum", queries[page].get("default", 1))
        return Paging(kind="page", param=page, size_param=size_param, size=size, first=0 if first == 0 else 1)
    if offset is not None:
        return Paging(kind="offset", param=offset, size_param=size_param, size=size)
    if cursor is not None:
        gaps.append(f"paging: lists go on with the parameter {cursor!r}; say where in the body its value is")
    elif size_param:
        gaps.append(f"paging: {size_param!r} limits a list; say how it goes on")
    return Paging()


def _size(schema: Mapping[str, Any]) -> int:
    """As many as the API gives at most, within reason; without a word about it, as many as it gives by itself."""
    for key in ("maximum", "default"):
        value = schema.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return min(value, _MAX_SIZE)
    return 50


def _beside(document: Document, operation: Operation, envelope: Path) -> tuple[Path, Path | None]:
    """Beside a list: the token of the next page, and its URL (empty for the Link header, None for neither)."""
    responses = document.resolve(operation.content.get("responses"))
    for status, held in responses.items():
        headers = document.resolve(document.resolve(held).get("headers"))
        if str(status).startswith("2") and any(str(name).lower() == "link" for name in headers):
            return (), ()
    _, schema = document.answer_of(operation)
    found: tuple[Path, ...] = tuple(_plain_members(document, schema, envelope, (), 0))
    for path in found:
        inner = schema
        for key in path:
            inner = merged(inner, document.resolve).get("properties", {}).get(key)
        told = merged(inner, document.resolve)
        about = f"{told.get('format', '')} {told.get('description', '')}".lower()
        last = path[-1] if path[-1] not in ("href", "url", "link", "uri") else path[-2] if len(path) > 1 else ""
        if guesses.pick([last], guesses.LINKS) and (last != path[-1] or any(w in about for w in ("ur", "link"))):
            return (), path
    token = next((path for name in guesses.TOKENS for path in found if guesses.words_of(path[-1]) == name), ())
    return token, None


def _plain_members(document: Document, schema: Any, envelope: Path, path: Path, depth: int) -> Iterable[Path]:
    """Paths of the texts and numbers beside a list."""
    for name, held in merged(schema, document.resolve).get("properties", {}).items():
        inner = merged(held, document.resolve)
        here = (*path, name)
        if here == envelope:
            continue
        if type_of(inner) == "object" and depth < 2:
            yield from _plain_members(document, held, envelope, here, depth + 1)
        elif type_of(inner) in ("string", "integer"):
            yield here


def _since(queries: Mapping[str, Mapping[str, Any]], modified: str | None, gaps: list[str]) -> Since | None:
    name = next((one for one in queries if guesses.SINCES.fullmatch(guesses.words_of(one))), None)
    if name is None:
        gaps.append("since: the query parameter that limits a list to what changed, if there is one")
        return None
    if modified is None:
        gaps.append(f"since: {name!r} limits a list to what changed, but no field tells when a record was changed")
        return None
    schema = queries[name]
    form = ""
    if schema.get("format") == "date":
        form = "yyyy-MM-dd"
    elif schema.get("format") == "date-time":
        form = "iso"
    elif type_of(schema) in ("integer", "number"):
        form = "epoch-ms" if "milli" in str(schema.get("description", "")).lower() else ""
    # Taken for exclusive where the name leaves it open: a record told twice does no harm.
    words = guesses.words_of(name).split()
    return Since(param=name, form=form, inclusive=not {"after", "gt", "since"} & set(words))


def _order(queries: Mapping[str, Mapping[str, Any]], modified: str | None) -> tuple[tuple[str, str], ...]:
    """The query for the least recently changed first, where the document lists it among its values."""
    name = guesses.pick(queries, guesses.ORDERS)
    if name is None or modified is None:
        return ()
    wanted = guesses.plain_of(modified)
    for value in listed(queries[name].get("enum")):
        words = guesses.words_of(str(value)).split()
        if str(value).startswith("-") or "desc" in words:
            continue
        plain = guesses.plain_of(" ".join(word for word in words if word not in ("asc", "ascending")))
        if plain == wanted:
            direction = guesses.pick([one for one in queries if one != name], guesses.DIRECTIONS)
            choices = listed(queries[direction].get("enum")) if direction else []
            way = next((str(one) for one in choices if str(one) in _ASCENDING), None)
            return ((name, str(value)), *(((direction, way),) if direction and way else ()))
    return ()


def _find(names: set[str], fields: Mapping[str, FoundField]) -> Find:
    by_words = {guesses.words_of(path): path for path in list(fields)[::-1]}
    plain = (FieldType.OPAQUE, FieldType.DATETIME, FieldType.BOOLEAN)
    filters = []
    for name in sorted(names):
        path = by_words.get(guesses.words_of(name))
        if path is not None and fields[path].field.type not in plain and fields[path].field.list_at is None:
            filters.append((path, name))
    search = guesses.pick(sorted(names - {name for _, name in filters}), guesses.SEARCHES)
    return Find(filters=tuple(filters), search=search or "")
