"""Answers to queries, batch by batch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from talkqa.sandbox import draws
from talkqa.sandbox.dialects.emulator import encode
from talkqa.sandbox.dialects.salesforce.filtering import Filter, lower_bound, order_key
from talkqa.sandbox.dialects.salesforce.ids import ALPHABET, expand
from talkqa.sandbox.dialects.salesforce.refusals import refuse
from talkqa.sandbox.dialects.salesforce.rows import Rows, is_filterable
from talkqa.sandbox.dialects.salesforce.soql import Ordering, Query, read_query
from talkqa.sandbox.store import EntityStore, Stored

BATCH = 2000
LEAST_BATCH = 200
SMALL_BATCH = 20
MOST_SKIPPED = 2000
_EVERYTHING = 1 << 60
_KEPT_CURSORS = 50
_BATCH_SIZE = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    """The rows of a query that did not fit into one answer."""

    rows: tuple[bytes, ...]
    batch: int


def read_batch_size(headers: Mapping[str, str], *, small: bool) -> int:
    """How many rows one answer holds; a client's wish is a hint."""
    wish = _BATCH_SIZE.search(headers.get("sforce-query-options", ""))
    size = BATCH if wish is None else min(max(int(wish[1][:9]), LEAST_BATCH), BATCH)
    return min(size, SMALL_BATCH) if small else size


class Querying:
    """Runs the queries of one system."""

    def __init__(self, rows: Rows, seed: int) -> None:
        self._rows = rows
        self._seed = seed
        self._cursors: dict[str, _Cursor] = {}
        self._begun: dict[str, int] = {}

    def run(self, text: str, *, deleted: bool, version: str, batch: int, today: date, owner: str) -> bytes:
        """The first answer to a query.

        Args:
            text: The query.
            deleted: Whether deleted records count.
            version: Of the API, as the path writes it.
            batch: How many rows one answer holds.
            today: For relative dates.
            owner: Tells this query's cursor from those of others.

        Raises:
            ApiFault: where the query cannot be run.
        """
        query = read_query(text)
        entity = self._rows.entity(query.entity)
        if entity is None:
            raise refuse(400, "INVALID_TYPE", f"sObject type '{query.entity}' is not supported.")
        _check(query)
        records = self._select(query, entity, deleted=deleted, today=today)
        if not query.columns:
            return b'{"totalSize":%d,"done":true,"records":[]}' % len(records)
        columns = self._rows.columns(entity, query.columns)
        # The first batch is all there is of a query that skips rows: no cursor, and no error either.
        shown = records if query.offset is None else records[:batch]
        rows = tuple(self._rows.render(entity, record, columns, version) for record in shown)
        if len(rows) <= batch:
            return _page(len(records), rows, None)
        locator = self._open(_Cursor(rows=rows, batch=batch), f"{owner}\n{text}")
        return _page(len(rows), rows[:batch], f"/services/data/{version}/query/{locator}-{batch}")

    def go_on(self, locator: str, version: str) -> bytes:
        """A later answer to a query, by what followed `/query/`.

        Raises:
            ApiFault: for a cursor that is not known (any more).
        """
        cursor_id, _, start = locator.rpartition("-")
        cursor = self._cursors.get(cursor_id)
        at = int(start) if start.isdecimal() and start.isascii() and len(start) < 10 else -1
        if cursor is None or not 0 <= at < len(cursor.rows):
            raise refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        end = at + cursor.batch
        following = f"/services/data/{version}/query/{cursor_id}-{end}" if end < len(cursor.rows) else None
        return _page(len(cursor.rows), cursor.rows[at:end], following)

    def _open(self, cursor: _Cursor, key: str) -> str:
        count = self._begun[key] = self._begun.get(key, 0) + 1
        drawn = draws.letters(10, ALPHABET, "cursor", self._seed, key, count)
        locator = expand(f"01g5g{drawn}") or ""
        self._cursors[locator] = cursor
        while len(self._cursors) > _KEPT_CURSORS:
            self._cursors.pop(next(iter(self._cursors)))
        return locator

    def _select(self, query: Query, entity: EntityStore, *, deleted: bool, today: date) -> list[Stored]:
        paths = frozenset(name.casefold() for name in (entity.schema.modified_field, "SystemModstamp") if name)
        candidates, _ = entity.changes(lower_bound(query.condition, paths), 0, _EVERYTHING)
        if not deleted:
            candidates = [record for record in candidates if not record.deleted]
        if query.condition is not None:
            meets = Filter(self._rows, entity, today).predicate(query.condition)
            candidates = [record for record in candidates if meets(record)]
        for ordering in reversed(query.order):
            candidates = self._sorted(entity, candidates, ordering)
        first = query.offset or 0
        return candidates[first:] if query.limit is None else candidates[first : first + query.limit]

    def _sorted(self, entity: EntityStore, records: list[Stored], ordering: Ordering) -> list[Stored]:
        field, get = self._rows.resolve(entity, ordering.path)
        if not is_filterable(field):
            message = f"field '{field.path}' can not be sorted in a query call"
            raise refuse(400, "INVALID_FIELD", message, field.path)
        empty = [record for record in records if get(record) is None]
        filled = [record for record in records if get(record) is not None]
        filled.sort(key=lambda record: order_key(field, get(record)), reverse=ordering.descending)
        return filled + empty if ordering.nulls_last else empty + filled


def _check(query: Query) -> None:
    if query.offset is not None and query.offset > MOST_SKIPPED:
        message = f"Maximum SOQL offset allowed is {MOST_SKIPPED}"
        raise refuse(400, "NUMBER_OUTSIDE_VALID_RANGE", message)
    listed = {"FIELDS(ALL)", "FIELDS(CUSTOM)"} & set(query.columns)
    if listed and (query.limit is None or query.limit > LEAST_BATCH):
        message = "The SOQL FIELDS function must have a LIMIT of at most 200"
        raise refuse(400, "MALFORMED_QUERY", message)


def _page(total: int, rows: tuple[bytes, ...], following: str | None) -> bytes:
    more = b"" if following is None else b'"nextRecordsUrl":%b,' % encode(following)
    done = b"true" if following is None else b"false"
    return b'{"totalSize":%d,"done":%b,%b"records":[%b]}' % (total, done, more, b",".join(rows))
