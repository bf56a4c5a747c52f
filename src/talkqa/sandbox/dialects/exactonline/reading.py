"""Lists and single rows of the emulated API: query options, pages, envelopes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from talkqa.sandbox.dialects.emulator import Answer, Request, encode
from talkqa.sandbox.dialects.exactonline.errors import refuse
from talkqa.sandbox.dialects.exactonline.facts import Kind
from talkqa.sandbox.dialects.exactonline.filters import Filter
from talkqa.sandbox.dialects.exactonline.tables import FIRST_VERSION, Company, Row, Table, version_of

PAGE = 60
BULK_PAGE = 1000
_LAG_S = 5.0
"""How long after a write a sync path shows it."""
_OPTIONS = frozenset(
    {"$select", "$filter", "$top", "$skip", "$skiptoken", "$expand", "$orderby", "$inlinecount", "$format"}
)


class Reader:
    """Answers readings."""

    def __init__(self, company: Company, quirk: Callable[[str], bool]) -> None:
        self._company = company
        self._quirk = quirk

    def list(self, table: Table, request: Request, *, bulk: bool = False) -> Answer:
        """A page of the plain or bulk path.

        Raises:
            Refusal: for what is missing in the query, unknown or not supported.
        """
        options = _options(request)
        kinds = self._kinds(table)
        select = self._select(table, options, kinds)
        expand = self._expand(table, options, bulk=bulk)
        top = _whole(options, "$top")
        if select is None and top != 1 and (bulk or (table.resource.filterable and self._quirk("select-needed"))):
            raise refuse(400, "Please add a $select or a $top=1 statement to the query string.")
        chosen = Filter(options["$filter"], kinds) if options.get("$filter") else None
        self._demand_filter(table, chosen, bulk=bulk)
        rows = [row for row in self._company.rows(table) if chosen is None or chosen.accepts(row.value)]
        rows = _ordered(rows, options, kinds)
        told = len(rows) if options.get("$inlinecount") == "allpages" else None
        rows = rows[_whole(options, "$skip") or 0 :]
        if "$skiptoken" in options:
            rows = _after(rows, options["$skiptoken"])
        size = BULK_PAGE if bulk else PAGE
        page = rows[: min(size, top)] if top is not None else rows[:size]
        following = None
        if len(page) < len(rows) and top is None:
            following = _link(request, f"guid'{page[-1].id}'")
        bodies = [self.render(row, select, expand, request) for row in page]
        if top is not None and told is None and self._quirk("top-gives-bare-list"):
            return _envelope(bodies)
        return _envelope(_results(bodies, following, told))

    def sync(self, table: Table, request: Request, newest: int) -> Answer:
        """A page of the sync path: live rows in the order of their row versions.

        Args:
            table: What is read.
            request: Must select, and may filter by `Timestamp` alone.
            newest: Row versions above it are not shown yet.
        """
        options = _options(request)
        kinds = {"Timestamp": Kind.INT64, **self._kinds(table)}
        begin, select = self._sync_options(table, options, kinds)
        rows = [row for row in self._company.rows(table) if begin <= version_of(row.stored) <= newest]
        rows.sort(key=lambda row: version_of(row.stored))
        return self._sync_page(
            request, [(version_of(row.stored), self.render(row, select, (), request)) for row in rows]
        )

    def deleted(self, request: Request, newest: int) -> Answer:
        """A page of the feed of deletions, of all entity sets together."""
        options = _options(request)
        kinds = {
            "Timestamp": Kind.INT64,
            "ID": Kind.GUID,
            "EntityKey": Kind.GUID,
            "EntityType": Kind.INT32,
            "DeletedBy": Kind.GUID,
            "DeletedDate": Kind.DATETIME,
            "Division": Kind.INT32,
        }
        begin, select = self._sync_options(None, options, kinds)
        found: list[tuple[int, dict[str, Any]]] = []
        for table in self._company.tables.values():
            for stored in table.store.all() if table.store is not None else ():
                if stored.deleted and begin <= version_of(stored) <= newest:
                    row = {
                        "Timestamp": version_of(stored),
                        "ID": self._company.user_id(f"deleted {stored.id}"),
                        "EntityKey": stored.id,
                        "EntityType": table.resource.deleted_type,
                        "DeletedBy": self._company.user_id(stored.user),
                        "DeletedDate": self._company.ms_of_stamp(stored.stamp),
                        "Division": self._company.division,
                    }
                    shown = {name: self._written(value, kinds[name]) for name, value in row.items() if name in select}
                    found.append(
                        (version_of(stored), {"__metadata": {"type": "Exact.Web.Api.Models.Deleted"}, **shown})
                    )
        return self._sync_page(request, sorted(found, key=lambda one: one[0]))

    def one(self, row: Row, request: Request) -> Answer:
        """A row that was asked for by its key."""
        options = _options(request)
        select = self._select(row.table, options, self._kinds(row.table))
        return _envelope(self.render(row, select, self._expand(row.table, options, bulk=False), request))

    def made(self, row: Row, request: Request) -> Answer:
        """The answer to a creation: little is told unless the representation is asked for."""
        body = self.render(row, None, (), request)
        asked = "return=representation" in request.headers.get("prefer", "").replace(" ", "")
        if not asked or self._quirk("key-alone"):
            kept = {"__metadata", row.table.key}
            body = {name: value if name in kept else None for name, value in body.items()}
        location = body["__metadata"]["uri"]
        answer = _envelope(body)
        return Answer(status=201, body=answer.body, headers={"location": location})

    def count(self, table: Table, request: Request) -> Answer:
        """The number of rows, as plain text."""
        options = _options(request)
        chosen = Filter(options["$filter"], self._kinds(table)) if options.get("$filter") else None
        count = sum(1 for row in self._company.rows(table) if chosen is None or chosen.accepts(row.value))
        return Answer(body=str(count).encode(), content_type="text/plain")

    def newest_version(self, now_s: float, stamp_s: Callable[[str], float]) -> int:
        """The newest row version that sync paths show."""
        if not self._quirk("sync-lags"):
            return FIRST_VERSION + self._company.store.writes
        hidden = [
            version_of(stored)
            for table in self._company.tables.values()
            for stored in (table.store.all() if table.store is not None else ())
            if stamp_s(stored.stamp) > now_s - _LAG_S
        ]
        return min(hidden, default=FIRST_VERSION + self._company.store.writes + 1) - 1

    def render(self, row: Row, select: Sequence[str] | None, expand: Sequence[str], request: Request) -> dict[str, Any]:
        """The JSON object of a row."""
        resource = row.table.resource
        base = f"{request.base_url}/api/v1/{self._company.division}/{resource.service}/{resource.name}"
        uri = f"{base}(guid'{row.id}')"
        body: dict[str, Any] = {"__metadata": {"uri": uri, "type": resource.type}}
        kinds = row.table.kinds
        for name in select if select is not None else kinds:
            if name == "Timestamp":
                body[name] = self._written(version_of(row.stored), Kind.INT64)
            elif name in kinds:
                body[name] = self._written(row.value(name), kinds[name])
        if resource.lines and (select is None or resource.lines in select or resource.lines in expand):
            if resource.lines in expand:
                lines = self._company.lines(row.table, row.id)
                body[resource.lines] = {"results": [self.render(line, None, (), request) for line in lines]}
            else:
                body[resource.lines] = {"__deferred": {"uri": f"{uri}/{resource.lines}"}}
        return body

    def _written(self, value: Any, kind: Kind) -> Any:
        if kind is Kind.DATETIME and value is not None:
            return f"/Date({value})/"
        if kind is Kind.INT64 and self._quirk("long-numbers-as-text"):
            return str(value)
        return value

    def _kinds(self, table: Table) -> Mapping[str, Kind]:
        return {name: kind for name, kind in table.kinds.items() if kind is not Kind.BINARY}

    def _select(
        self, table: Table | None, options: Mapping[str, str], kinds: Mapping[str, Kind]
    ) -> tuple[str, ...] | None:
        sent = options.get("$select", "").strip()
        if not sent:
            return None
        if sent == "*":
            return tuple(kinds)
        names = tuple(name.strip().partition("/")[0] for name in sent.split(","))
        for name in names:
            if name not in kinds and (table is None or name != table.resource.lines):
                raise refuse(400, f"The property '{name}' does not exist and cannot be named in $select")
        return names

    def _expand(self, table: Table, options: Mapping[str, str], *, bulk: bool) -> tuple[str, ...]:
        names = tuple(name.strip() for name in options.get("$expand", "").split(",") if name.strip())
        for name in names:
            if bulk or name != table.resource.lines:
                raise refuse(400, f"The property '{name}' cannot be expanded here")
        return names

    def _demand_filter(self, table: Table, chosen: Filter | None, *, bulk: bool) -> None:
        """Some entity sets are not listed without a filter by one of a fixed list of properties."""
        allowed = table.resource.filterable
        if bulk or not allowed or not self._quirk("filter-needed"):
            return
        if chosen is None or not any(name.casefold() in allowed for name in chosen.names):
            names = ", ".join(name for name in table.fields if name.casefold() in allowed)
            raise refuse(400, f"This endpoint has mandatory filtering applied. Filter by one of: {names}")

    def _sync_options(
        self, table: Table | None, options: Mapping[str, str], kinds: Mapping[str, Kind]
    ) -> tuple[int, tuple[str, ...]]:
        select = self._select(table, options, kinds)
        if select is None:
            raise refuse(400, "Please add a $select or a $top=1 statement to the query string.")
        if options.get("$expand") or options.get("$orderby"):
            raise refuse(400, "This query option is not supported for this resource")
        begin = Filter(options["$filter"], kinds).lower_version() if options.get("$filter") else 0
        token = options.get("$skiptoken", "").rstrip("L")
        if token and not token.isdecimal():
            raise refuse(400, "Bad $skiptoken")
        return max(begin, int(token) + 1 if token else 0), select

    def _sync_page(self, request: Request, rows: Sequence[tuple[int, dict[str, Any]]]) -> Answer:
        page = rows[:BULK_PAGE]
        following = _link(request, f"{page[-1][0]}L") if len(page) < len(rows) else None
        return _envelope(_results([body for _, body in page], following, None))


def _options(request: Request) -> dict[str, str]:
    unknown = [name for name in request.query if name.startswith("$") and name not in _OPTIONS]
    if unknown:
        raise refuse(400, f"The query option '{unknown[0]}' is not known")
    return dict(request.query)


def _whole(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal():
        raise refuse(400, f"Incorrect format for {name}: '{text}'")
    return int(text)


def _ordered(rows: Iterable[Row], options: Mapping[str, str], kinds: Mapping[str, Kind]) -> list[Row]:
    """By key, as rows are kept, unless another order is asked for."""
    ordered = sorted(rows, key=lambda row: row.id)
    for part in reversed([part.split() for part in options.get("$orderby", "").split(",") if part.strip()]):
        if part[0] not in kinds:
            raise refuse(400, f"No property '{part[0]}' exists to order by")
        backwards = part[1:] == ["desc"]
        keyed = [(row.value(part[0]), row) for row in ordered]
        filled = sorted((one for one in keyed if one[0] is not None), key=lambda one: one[0], reverse=backwards)
        empty = [one for one in keyed if one[0] is None]
        ordered = [row for _, row in (filled + empty if backwards else empty + filled)]
    return ordered


def _after(rows: Sequence[Row], token: str) -> list[Row]:
    """The rows behind the one that a page ended with; in the order of keys even where that one is gone."""
    ended = next((at for at, row in enumerate(rows) if f"guid'{row.id}'" == token), None)
    return list(rows[ended + 1 :]) if ended is not None else [row for row in rows if f"guid'{row.id}'" > token]


def _link(request: Request, token: str) -> str:
    """The link to the next page: the same question with another `$skiptoken`."""
    query = {**{name: value for name, value in request.query.items() if name != "$skip"}, "$skiptoken": token}
    told = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"{request.base_url}{unquote(request.path)}?{told}"


def _results(bodies: Sequence[Any], following: str | None, count: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {"results": list(bodies)}
    if count is not None:
        found["__count"] = str(count)
    if following is not None:
        found["__next"] = following
    return found


def _envelope(body: Any) -> Answer:
    return Answer(body=encode({"d": body}), content_type="application/json; charset=utf-8")
