"""The lists of an emulated REST API: filters, order, pages.

Used by the REST emulator. The feed of changes has an order of its own; a list that nobody asked to be in that order
comes in the order of creation, as real ones do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from talkqa.model.rest import RestApi, RestEntity
from talkqa.model.schema import FieldSchema
from talkqa.sandbox.dialects.emulator import Answer, Request
from talkqa.sandbox.dialects.rest_answers import frame, put
from talkqa.sandbox.dialects.rest_values import WireValues
from talkqa.sandbox.store import EntityStore, Refused, Stored, SystemStore, text_form
from talkqa.sandbox.validation import Problem

_MAX_PAGE = 1000
_ALL = 1 << 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A part of a list."""

    records: list[Stored]
    token: str | None
    """Where it goes on; None at its end."""
    cursor: str | None = None
    """From which time on the next reading should ask."""


class RestList:
    """Answers to `GET` on one entity's collection."""

    def __init__(
        self, system: SystemStore, entity: EntityStore, rest: RestEntity, values: WireValues, api: RestApi
    ) -> None:
        self._system = system
        self._entity = entity
        self._rest = rest
        self._values = values
        self._api = api

    def answer(self, request: Request) -> Answer:
        """The page that was asked for.

        Raises:
            Refused: for a parameter that cannot be.
        """
        where = self._rest.find.where
        if where is not None and where[0] in request.query:
            page = _Page(records=self._found(request.query[where[0]], request.query.get(where[1], "")), token=None)
            return Answer(body=self._framed({}, page))
        size = self._size(request.query)
        page = self._page(request.query, size)
        headers, rest = self._following(request, page)
        return Answer(body=self._framed(rest, page), headers=headers)

    def _framed(self, rest: dict[str, Any], page: _Page) -> bytes:
        content = b"[%b]" % b",".join(self._values.body_of(record) for record in page.records)
        return frame(rest, self._rest.records, content)

    def _following(self, request: Request, page: _Page) -> tuple[dict[str, str], dict[str, Any]]:
        """Headers and members of the body that tell how to go on."""
        paging, headers = self._rest.paging, {}
        rest: dict[str, Any] = {}
        if paging.kind == "cursor":
            put(rest, paging.next, page.token)
        if paging.kind == "link":
            query = {**request.query, paging.param or "cursor": page.token or ""}
            url = f"{request.base_url}{request.path}?{urlencode(query)}" if page.token else None
            if paging.next:
                put(rest, paging.next, url)
            elif url:
                headers["link"] = f'<{url}>; rel="next"'
        if self._rest.since is not None and self._rest.since.cursor:
            put(rest, self._rest.since.cursor, page.cursor)
        return headers, rest

    def _size(self, query: Mapping[str, str]) -> int:
        paging = self._rest.paging
        if paging.kind == "none":
            return _ALL
        text = query.get(paging.size_param, str(paging.size)) if paging.size_param else str(paging.size)
        size = min(int(text), _MAX_PAGE) if text.isdecimal() else 0
        if size < 1:
            raise Refused(_wrong(f"{paging.size_param} takes a number above 0, not {text!r}"))
        return size

    def _page(self, query: Mapping[str, str], size: int) -> _Page:
        paging = self._rest.paging
        if self._is_feed(query) and paging.kind in ("cursor", "link"):
            return self._fed(query, size)
        records = self._selected(query)
        start = 0
        if paging.kind in ("offset", "page"):
            text = query.get(paging.param, str(paging.first) if paging.kind == "page" else "0")
            number = int(text) if text.isdecimal() else -1
            start = (number - paging.first) * size if paging.kind == "page" else number
            if start < 0:
                raise Refused(_wrong(f"{paging.param} takes no {text!r}"))
        elif paging.kind != "none":
            after = query.get(paging.param or "cursor", "")
            ids = [record.id for record in records]
            if after and after not in ids:
                raise Refused(_wrong(f"no page {after!r}"))
            start = ids.index(after) + 1 if after else 0
        page = records[start : start + size]
        return _Page(records=page, token=page[-1].id if start + size < len(records) else None)

    def _is_feed(self, query: Mapping[str, str]) -> bool:
        """Whether a list is in the order of changes and holds whatever changed."""
        opaque = self._rest.since is not None and bool(self._rest.since.cursor)
        return opaque or (self._is_ordered(query) and not self._filters(query))

    def _is_ordered(self, query: Mapping[str, str]) -> bool:
        return bool(self._rest.order) and all(query.get(name) == value for name, value in self._rest.order)

    def _fed(self, query: Mapping[str, str], size: int) -> _Page:
        """A page of the feed of changes; its token is the version to go on after."""
        since = self._rest.since
        opaque = since is not None and bool(since.cursor)
        token = query.get(self._rest.paging.param or "cursor", "")
        version_text, _, cursor = token.partition("~")
        if token and not version_text.isdecimal():
            raise Refused(_wrong(f"no page {token!r}"))
        # The cursor of the first page holds for all of them: a change between two pages is told again.
        cursor = cursor or self._system.stamp()
        begin, beyond = (query.get(since.param, ""), "") if since is not None and opaque else self._since(query)
        records, last = self._entity.changes(begin, int(version_text or 0), size)
        if beyond or not self._rest.deleted:
            records = [record for record in records if record.stamp > beyond and self._is_told(record)]
        following = None if last is None else f"{last}~{cursor}" if opaque else str(last)
        return _Page(records=records, token=following, cursor=cursor)

    def _selected(self, query: Mapping[str, str]) -> list[Stored]:
        """Every record of a list, in its order."""
        begin, beyond = self._since(query)
        ordered = self._is_ordered(query)
        records = self._entity.changes(begin, 0, _ALL)[0] if ordered else list(self._entity.all())
        filters = self._filters(query)
        return [
            record
            for record in records
            if begin <= record.stamp > beyond
            and (not record.deleted if filters else self._is_told(record))
            and all(self._holds(record, field, text) for field, text in filters)
        ]

    def _since(self, query: Mapping[str, str]) -> tuple[str, str]:
        """The stamp at or after which records are listed, and the one after which they are, as the store has them."""
        since = self._rest.since
        text = query.get(since.param) if since is not None else None
        if since is None or text is None:
            return "", ""
        moment = self._values.read_since(text, since.form)
        if moment is None:
            raise Refused(_wrong(f"{since.param} takes a time as {since.form or self._api.datetimes}, not {text!r}"))
        granularity = self._system.schema.stamp_granularity_s
        floored = datetime.fromtimestamp(moment.timestamp() // granularity * granularity, UTC)
        precision = "seconds" if granularity >= 1 else "milliseconds"
        stamp = floored.isoformat(timespec=precision).replace("+00:00", "Z")
        return stamp, "" if since.inclusive else stamp

    def _is_told(self, record: Stored) -> bool:
        return not record.deleted or bool(self._rest.deleted)

    def _filters(self, query: Mapping[str, str]) -> list[tuple[FieldSchema | None, str]]:
        """Fields and texts that a list is limited to; no field for a search in all of them."""
        find = self._rest.find
        found: list[tuple[FieldSchema | None, str]] = []
        for path, name in find.filters:
            field = self._entity.layout.fields.get(path.casefold())
            if name in query and field is not None:
                found.append((field, self._values.read_text(field, query[name])))
        if find.search and find.search in query:
            found.append((None, query[find.search]))
        return found

    def _found(self, path: str, text: str) -> list[Stored]:
        """The records whose property, named in the query, has a text form."""
        schema = self._entity.schema
        field = self._entity.layout.fields.get(path.casefold())
        by_id = path.casefold() in ("id", schema.id_field.casefold())
        if field is None and not by_id:
            message = f"{schema.name} has no field {path}"
            raise Refused(Problem(code="unknown_field", message=message, field=path))
        return list(self._entity.find(None if by_id else field, text))

    def _holds(self, record: Stored, field: FieldSchema | None, text: str) -> bool:
        if field is None:
            values = record.values.values()
            held = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
            return any(isinstance(one, str) and text.casefold() in one.casefold() for one in held)
        value = record.id if field.path == self._entity.schema.id_field else record.values.get(field.path)
        items = value if isinstance(value, tuple) else (value,)
        return any(item is not None and text_form(item) == text for item in items)


def _wrong(message: str) -> Problem:
    return Problem(code="wrong_type", message=message)
