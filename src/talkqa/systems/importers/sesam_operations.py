"""What one operation of a Sesam system does, read off its templates.

Used by `importers.sesam`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_plus

from talkqa.model.rest import Paging, Path, RestEntity, Since
from talkqa.systems.importers import guesses
from talkqa.systems.importers.build import without_user
from talkqa.systems.importers.sesam_templates import MARK, PLUS, UnreadTemplate, read_expressions

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SUM = re.compile(f"(.+){PLUS}(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOperation:
    """One operation."""

    method: str
    path: str
    """Below the system's URL; marks stand for what a running connector fills in."""
    query: tuple[tuple[str, str], ...]
    """Of its URL and parameters, with marks."""
    next_link: str
    """Where the list goes on, with marks; empty where it does not."""
    payload: Path
    """Where in the answer the records, or the record, is."""
    envelope: Path
    """Where in the request the record is."""
    size: int | None
    since_param: str
    """Empty where the operation does not name one."""
    since_place: str
    texts: Mapping[str, str]
    """Its expressions of ids and stamps, with marks."""

    @property
    def fixed_query(self) -> str:
        """The parameters that are always the same."""
        return _written([(name, value) for name, value in self.query if not MARK.search(value)])


def system_url(system: Mapping[str, Any]) -> tuple[str, str]:
    """Where the system is, and the query parameter of its URLs that holds a secret (empty for none)."""
    pattern = str(system.get("url_pattern") or system.get("base_url") or "")
    base = pattern.partition("%s")[0].partition("?")[0].rstrip("/")
    secret = re.search(r"[?&]([^=&]+)=\$SECRET\(", pattern)
    return without_user(base), secret[1] if secret else ""


def read_operation(
    content: Mapping[str, Any], properties: Mapping[str, Any], system: Mapping[str, Any]
) -> FoundOperation:
    """What an operation's content says.

    Args:
        content: Of the operation, with what a pipe says in its place.
        properties: Bound to the name `properties` of its templates.
        system: The system that it belongs to.

    Raises:
        UnreadTemplate: where its templates do more than look values up.
    """
    size = content.get("page_size")
    size = int(size) if isinstance(size, int) or (isinstance(size, str) and size.isdecimal()) else None
    bound = {"properties": properties, **({"page_size": size} if size else {})}
    method = str(content.get("method", "GET")).upper()
    if method not in _METHODS:
        raise UnreadTemplate(f"the method {method!r}")
    base, _ = system_url(system)
    url = read_expressions(str(content.get("url", "")), bound).strip()
    path, _, query = _below(url, base).partition("?")
    params = content.get("params")
    told = (
        [(str(name), read_expressions(str(value), bound)) for name, value in params.items()]
        if isinstance(params, dict)
        else []
    )
    payload = content.get("payload_property")
    return FoundOperation(
        method=method,
        path=path,
        query=(*_pairs(query), *told),
        next_link=read_expressions(str(content.get("next_page_link") or ""), bound).strip(),
        payload=tuple(str(payload).split(".")) if payload else (),
        envelope=_envelope(content.get("payload"), bound),
        size=size,
        since_param=str(content.get("since_property_name") or ""),
        since_place=str(content.get("since_property_location") or "query"),
        texts={
            key: read_expressions(str(content[key]), bound)
            for key in ("id_expression", "updated_expression")
            if content.get(key)
        },
    )


def key_path(text: str) -> str | None:
    """The field that a template of one value looks up; None where it does something else."""
    found = MARK.fullmatch(text.strip())
    if found is None or PLUS in found[1]:
        return None
    return found[1].removeprefix("entity.").removeprefix("body.")


def item_path(operation: FoundOperation, id_field: str) -> str | None:
    """The URL of one record, with `{id}`; None where something else than its id goes into it."""
    names = {"id", "_id", id_field or "id"}
    names |= {f"{outer}.{name}" for outer in ("entity", "properties", "source_entity") for name in tuple(names)}
    query = _written([(name, value) for name, value in operation.query if value])
    url = operation.path + (f"?{query}" if query else "")
    found = MARK.findall(url)
    if not found or any(name not in names for name in found):
        return None
    return MARK.sub("{id}", url)


def list_rest(operation: FoundOperation, modified: str, gaps: list[str]) -> RestEntity:
    """Paging, filter of changes and order of a list."""
    paging, used = _paging(operation, gaps)
    since: Since | None = None
    for name, value in operation.query:
        if MARK.fullmatch(value) and "since" in value:
            since = Since(param=name, inclusive=False)
    if since is None and operation.since_param and operation.since_place == "query":
        since = Since(param=operation.since_param, inclusive=False)
    if since is not None and not modified:
        gaps.append(
            f"since: {since.param!r} limits a list to what changed, but no field tells when a record was changed"
        )
        since = None
    if since is None and operation.since_place != "query":
        gaps.append(f"since: the connector puts it into the {operation.since_place}, which is not spoken")
    elif since is None:
        gaps.append("since: the query parameter that limits a list to what changed, if there is one")
    taken = {*used, since.param if since else ""}
    order = _order(operation, modified)
    if paging.kind in ("offset", "page") and not order:
        gaps.append("order: the query that puts the least recently changed record first, if there is one")
    taken |= set(dict(order))
    fixed = _written([(name, value) for name, value in operation.query if name not in taken and not MARK.search(value)])
    for name, value in operation.query:
        if MARK.search(value) and name not in taken:
            gaps.append(f"path: a running connector fills in the parameter {name!r}")
    path = operation.path + (f"?{fixed}" if fixed else "")
    return RestEntity(path=path, records=operation.payload, paging=paging, since=since, order=order)


def _paging(operation: FoundOperation, gaps: list[str]) -> tuple[Paging, set[str]]:
    """How a list goes on, and the parameters that say so."""
    sized = next((name for name, _ in operation.query if guesses.pick([name], guesses.SIZES)), "")
    first = dict(operation.query)
    size = operation.size or (int(first[sized]) if sized and first[sized].isdecimal() else Paging().size)
    link = operation.next_link
    if not link:
        if sized:
            gaps.append(f"paging: {sized!r} limits a list; say how it goes on")
        return Paging(), set()
    whole = MARK.fullmatch(link)
    if whole is not None and PLUS not in whole[1]:
        outer, _, inner = whole[1].partition(".")
        if outer == "body" and inner:
            return Paging(kind="link", size_param=sized, size=size, next=tuple(inner.split("."))), {sized}
        return Paging(kind="link", size_param=sized, size=size), {sized}
    for name, value in _pairs(link.partition("?")[2]):
        found = MARK.fullmatch(value)
        if found is None or "since" in found[1]:
            continue
        paging = _counted(name, found[1], first.get(name, ""), sized, size)
        if paging is not None:
            return paging, {sized, name}
    gaps.append("paging: how a list goes on cannot be read off next_page_link")
    return Paging(), {sized}


def _counted(name: str, told: str, first: str, size_param: str, size: int) -> Paging | None:
    """Paging by what a next link puts into one parameter."""
    added = _SUM.fullmatch(told)
    if added is None:
        outer, _, inner = told.partition(".")
        if outer != "body" or not inner:
            return None
        return Paging(kind="cursor", param=name, size_param=size_param, size=size, next=tuple(inner.split(".")))
    if added[2].isdecimal() and int(added[2]) <= 2 and guesses.pick([name], guesses.PAGES):
        # Sesam counts pages from 0: what it adds to their number is what the second one is called.
        begin = int(added[2]) - 1 if added[1] == "page" else int(first) if first.isdecimal() else 1
        return Paging(kind="page", param=name, size_param=size_param, size=size, first=begin)
    return Paging(kind="offset", param=name, size_param=size_param, size=size)


def _order(operation: FoundOperation, modified: str) -> tuple[tuple[str, str], ...]:
    for name, value in operation.query:
        if (
            modified
            and guesses.pick([name], guesses.ORDERS)
            and not value.startswith("-")
            and "desc" not in value.lower()
        ):
            words = [word for word in guesses.words_of(value).split() if word not in ("asc", "ascending")]
            if guesses.plain_of(" ".join(words)) == guesses.plain_of(modified):
                ways = [(other, way) for other, way in operation.query if way.lower() in ("asc", "ascending")]
                return ((name, value), *ways)
    return ()


def _envelope(payload: Any, bound: Mapping[str, Any]) -> Path:
    """Where in a payload the entity is put as a whole."""
    if isinstance(payload, dict) and len(payload) == 1:
        ((key, inner),) = payload.items()
        if isinstance(inner, dict):
            return (str(key), *deeper) if (deeper := _envelope(inner, bound)) else ()
        found = MARK.fullmatch(read_expressions(str(inner), bound).strip())
        return (str(key),) if found is not None and found[1] in ("entity", "payload", "entity.payload") else ()
    return ()


def _below(url: str, base: str) -> str:
    """A URL's part below the system's."""
    if base and url.startswith(base):
        url = url[len(base) :]
    elif "://" in url:
        url = "/" + url.partition("://")[2].partition("/")[2]
    return "/" + url.strip().lstrip("/")


def _pairs(query: str) -> list[tuple[str, str]]:
    found = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name:
            found.append((unquote_plus(name), unquote_plus(value)))
    return found


def _written(pairs: list[tuple[str, str]]) -> str:
    """A query; marks stay as they are."""
    return "&".join(f"{quote(name, safe='$[]')}={quote(value, safe=_SAFE)}" for name, value in pairs)


_SAFE = "\x02\x03\x04{}.,*:()"
