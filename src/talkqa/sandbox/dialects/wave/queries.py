"""What hangs below `business`: lists with pages, filters and sorting, and single records.

Used by the emulator. Gives functions of (info, **arguments) for graphql-core to call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from graphql import GraphQLError

from talkqa.model.protocols import Clock
from talkqa.model.schema import EntitySchema
from talkqa.sandbox.dialects.wave.invoices import InvoiceBook
from talkqa.sandbox.dialects.wave.listings import Listing, listing_of
from talkqa.sandbox.dialects.wave.records import Gallery, Shown, named_code
from talkqa.sandbox.dialects.wave.sdl import BUSINESS
from talkqa.sandbox.dialects.wave.shapes import to_decimal
from talkqa.sandbox.store import EntityStore, Stored, SystemStore

LAG_S = 2.0
"""How long a list does not show what has just changed, where lists lag."""
_EVERYTHING = 1 << 30
Accept = Callable[[Stored], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How the lists of this system behave where nobody knows for sure."""

    bound_included: bool
    page_after_last_fails: bool
    gone_is_null: bool
    archived_hidden: bool
    lists_lag: bool


class Queries:
    """The read side of one system."""

    def __init__(
        self, store: SystemStore, gallery: Gallery, book: InvoiceBook, clock: Clock, habits: Habits, business_id: str
    ) -> None:
        self._store = store
        self._gallery = gallery
        self._book = book
        self._clock = clock
        self._habits = habits
        self._business_id = business_id
        self._business = self._below_business()

    def root(self, user: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a query."""
        return {
            "user": user,
            "oAuthApplication": {"id": user["id"], "name": "talkqa", "clientId": user["defaultEmail"]},
            "business": self._one_business,
            "businesses": self._businesses,
            "countries": [named_code(code) for code in self._codes("address.country.code")],
            "currencies": [named_code(code) for code in self._codes("currency.code")],
            "country": lambda _info, code: named_code(code),
            "currency": lambda _info, code: named_code(code),
            "province": lambda _info, code: named_code(code),
        }

    def _codes(self, path: str) -> tuple[str, ...]:
        fields = (entity.field(path) for entity in self._store.schema.entities)
        return next((field.picklist for field in fields if field is not None and field.picklist), ())

    def _one_business(self, _info: Any, id: str) -> Shown:  # noqa: A002 - named by the schema
        entity = self._store.entities.get(BUSINESS.casefold())
        record = entity.get(id) if entity is not None else None
        if record is None and id != self._business_id:
            raise not_found(BUSINESS, id)
        return self.business(record)

    def business(self, record: Stored | None) -> Shown:
        """A business with what hangs below it."""
        shown = {"id": self._business_id, "name": ""} if record is None else self._gallery.show(BUSINESS, record)
        below = self._business if shown["id"] == self._business_id else self._nothing_below()
        return {**shown, "emailSendEnabled": False, **below}

    def _businesses(self, _info: Any, *, page: int, pageSize: int, isArchived: bool | None = None) -> Shown:  # noqa: N803
        entity = self._store.entities.get(BUSINESS.casefold())
        found: list[Stored | None] = [None] if entity is None else [*_living(entity)]
        kept = [r for r in found if r is None or isArchived is None or r.values.get("isArchived") == isArchived]
        return self._page(kept, page, pageSize, self.business)

    def _below_business(self) -> dict[str, Any]:
        below: dict[str, Any] = {}
        for entity in self._store.schema.entities:
            if entity.name != BUSINESS:
                listing = listing_of(entity)
                below[listing.plural] = partial(self._list, entity, listing)
                below[listing.single] = partial(self._single, entity)
        return below

    def _nothing_below(self) -> dict[str, Any]:
        below: dict[str, Any] = {}
        for entity in self._store.schema.entities:
            listing = listing_of(entity)
            below[listing.plural] = lambda _info, page, pageSize, **_: self._page([], page, pageSize, dict)  # noqa: N803
            below[listing.single] = partial(self._absent, entity.name)
        return below

    def _absent(self, name: str, _info: Any, id: str) -> Shown | None:  # noqa: A002 - named by the schema
        if self._habits.gone_is_null:
            return None
        raise not_found(name, id)

    def _single(self, entity: EntitySchema, info: Any, id: str) -> Shown | None:  # noqa: A002 - named by the schema
        store = self._store.entities.get(entity.name.casefold())
        record = store.get(id) if store is not None else None
        return self._absent(entity.name, info, id) if record is None else self.show(entity.name, record)

    def show(self, entity: str, record: Stored) -> Shown:
        """A record as it is answered today."""
        return self._gallery.show(entity, record, day=self._book.today() if entity == "Invoice" else "")

    def _list(
        self,
        entity: EntitySchema,
        listing: Listing,
        _info: Any,
        page: int,
        pageSize: int,  # noqa: N803 - named by the schema
        sort: tuple[str, ...] | list[str] = (),
        **filters: Any,
    ) -> Shown:
        store = self._store.entities.get(entity.name.casefold())
        since = filters.get("modifiedAtAfter") or ""
        accepts = [self._filter(key, value) for key, value in filters.items() if value is not None]
        if self._habits.archived_hidden and entity.archive and filters.get("isArchived") is None:
            archived = entity.archive[0]
            accepts.append(lambda record: not record.values.get(archived))
        if self._habits.lists_lag:
            newest = self._now_less(LAG_S)
            accepts.append(lambda record: record.stamp <= newest)
        found = [r for r in _living(store, since) if all(accept(r) for accept in accepts)]
        for key in reversed(list(sort)):
            name, _, way = key.rpartition("_")
            self._sort(found, listing.sorts[name], descending=way == "DESC")
        return self._page(found, page, pageSize, partial(self.show, entity.name))

    def _now_less(self, seconds: float) -> str:
        moment = self._clock.stamp() - timedelta(seconds=seconds)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _sort(self, found: list[Stored], path: str, *, descending: bool) -> None:
        if not path:
            found.sort(key=lambda r: (r.stamp, r.version), reverse=descending)
            return
        found.sort(key=lambda r: _sortable(r.values.get(path)), reverse=descending)

    def _page(self, found: Sequence[Stored | None], page: int, size: int, show: Callable[[Any], Shown]) -> Shown:
        if page < 1 or size < 1:
            raise GraphQLError("page and pageSize count from 1", extensions={"code": "BAD_USER_INPUT"})
        pages = -(-len(found) // size)
        if page > max(pages, 1) and self._habits.page_after_last_fails:
            raise GraphQLError(f"There is no page {page}.", extensions={"code": "BAD_USER_INPUT"})
        edges = [{"node": show(one)} for one in found[(page - 1) * size : page * size]]
        info = {"currentPage": page, "totalPages": pages, "totalCount": len(found)}
        return {"pageInfo": info, "edges": edges}

    def _filter(self, key: str, value: Any) -> Accept:
        if key == "modifiedAtAfter":
            included = self._habits.bound_included
            return lambda r: r.stamp > value or (included and r.stamp == value)
        if key == "status":
            return lambda r: self._book.status(r) == value
        if key == "email":
            return lambda r: str(r.values.get("email") or "").casefold() == value.casefold()
        if key in _FILTERS:
            return partial(_FILTERS[key], value)
        return lambda r: r.values.get(key) == value


_FILTERS: Mapping[str, Callable[[Any, Stored], bool]] = {
    "modifiedAtBefore": lambda value, r: r.stamp < value,
    "customerId": lambda value, r: r.values.get("customer.id") == value,
    "currency": lambda value, r: r.values.get("currency.code") == value,
    "sourceId": lambda _value, _r: False,
    "amountDue": lambda value, r: to_decimal(_plain(r.values.get("amountDue.value"))) == value,
    "invoiceDateStart": lambda value, r: str(r.values.get("invoiceDate")) >= value,
    "invoiceDateEnd": lambda value, r: str(r.values.get("invoiceDate")) <= value,
    "types": lambda value, r: r.values.get("type.value") in value,
    "subtypes": lambda value, r: r.values.get("subtype.value") in value,
    "excludedSubtypes": lambda value, r: r.values.get("subtype.value") not in value,
}


def not_found(what: str, record_id: str) -> GraphQLError:
    """The answer to an id that names nothing here."""
    return GraphQLError(f"{what} '{record_id}' could not be found.", extensions={"code": "NOT_FOUND"})


def _living(entity: EntityStore | None, since: str = "") -> list[Stored]:
    """Live records last changed at or after a stamp, oldest change first."""
    if entity is None:
        return []
    return [record for record in entity.changes(since, 0, _EVERYTHING)[0] if not record.deleted]


def _plain(value: Any) -> Any:
    return None if isinstance(value, tuple) else value


def _sortable(value: Any) -> tuple[int, float, str]:
    if isinstance(value, int | float):
        return (1, float(value), "")
    return (0, 0.0, "") if value is None else (2, 0.0, str(value).casefold())
