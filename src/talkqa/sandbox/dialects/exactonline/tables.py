"""The entity sets of the emulated company: what a row shows, in the types of the service.

Most of a row is stored; names and codes of other records, sums and mirrored addresses are worked out when it is read.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from talkqa.model.record import FieldValue
from talkqa.model.schema import FieldType
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.exactonline.facts import RESOURCES, Kind, Resource, kind_of
from talkqa.sandbox.store import EntityStore, Stored, SystemStore

FIRST_VERSION = 8_000_000_000
"""Row versions begin far above 1, from where everything is asked for."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_USER_NAMES = {"harness": "QA User", "engine": "Sync Engine"}

Worked = Callable[["Row"], Any]
"""Works out what a row shows and does not store, in the neutral form."""


class Table:
    """One entity set over its store."""

    def __init__(self, resource: Resource, store: EntityStore | None, derived: Mapping[str, Worked]) -> None:
        """Open an entity set; without a store it exists in name only: the company lacks the module."""
        self.resource = resource
        self.store = store
        fields = store.schema.fields if store else ()
        plain = [one for one in fields if one.list_at is None]
        aliases = {alias: one for one in plain for alias in one.aliases}
        """Properties that hold one value between them, such as `Email` and `BusinessEmail`."""
        self.fields = aliases | {one.path: one for one in plain}
        self.kinds = {name: kind_of(resource, one) for name, one in self.fields.items()}
        self.key = store.schema.id_field if store else "ID"
        self.worked_out: dict[str, Worked] = {**derived, **_SYSTEM, self.key: _key_of}
        """What is not stored."""
        self.dates = frozenset(name for name, one in self.fields.items() if one.type is FieldType.DATE)

    @property
    def name(self) -> str:
        """As the API spells it."""
        return self.resource.name


class Company:
    """Everything that the emulated division holds."""

    def __init__(
        self,
        store: SystemStore,
        derived: Mapping[str, Mapping[str, Worked]],
        *,
        local_time: bool,
    ) -> None:
        """Open the entity sets.

        Args:
            store: The records.
            derived: Entity set to property to what it shows beyond what is stored.
            local_time: Whether times are told as the clock on a Dutch wall shows them.
        """
        self.store = store
        self.line_ids: dict[str, list[str]] = {}
        """Key of a quotation or an order to the keys of its lines, in their order."""
        self.overrides: dict[str, Mapping[str, FieldValue]] = {}
        """What the service itself changes in a record with the next write to it."""
        self.division = 1_000_000 + draws.index(9_000_000, store.seed, "division", store.schema.name)
        self._local_time = local_time
        self.tables = {
            one.name: Table(one, store.entities.get(one.entity), derived.get(one.name, {})) for one in RESOURCES
        }

    def user_id(self, user: str) -> str:
        """The GUID of a user."""
        raw = draws.digest(self.store.seed, "user", self.store.schema.name, user).hex()
        return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-9{raw[17:20]}-{raw[20:32]}"

    def user_name(self, user: str) -> str:
        """The name of a user."""
        return _USER_NAMES.get(user, user)

    def record(self, name: str, record_id: object) -> Stored | None:
        """A live record of an entity set."""
        table = self.tables[name]
        return table.store.get(str(record_id).lower()) if table.store is not None and record_id else None

    def rows(self, table: Table) -> Iterator["Row"]:
        """Every live row, in the order of creation."""
        for stored in table.store.all() if table.store is not None else ():
            if not stored.deleted:
                yield Row(self, table, stored)

    def lines(self, table: Table, header_id: str) -> list["Row"]:
        """The lines of a quotation or an order, in their order."""
        lines = self.tables[table.resource.lines]
        found = (self.record(lines.name, one) for one in self.line_ids.get(header_id, ()))
        return [Row(self, lines, stored) for stored in found if stored is not None]

    def ms_of_stamp(self, stamp: str) -> int:
        """A moment as the service tells it, in milliseconds."""
        return self.ms_of(datetime.fromisoformat(stamp))

    def ms_of(self, moment: datetime) -> int:
        """A moment as the service tells it, in milliseconds."""
        shift = _dutch_offset(moment) if self._local_time else timedelta()
        return (moment - _EPOCH + shift) // timedelta(milliseconds=1)

    def stamp_of_ms(self, ms: int) -> str:
        """The moment that milliseconds of the service mean, in ISO 8601 UTC."""
        moment = _EPOCH + timedelta(milliseconds=ms)
        if self._local_time:
            moment -= _dutch_offset(moment - _HOUR)
        return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


class Row:
    """One row as it is read; asks other rows for what it shows of them."""

    def __init__(self, company: Company, table: Table, stored: Stored) -> None:
        self.company = company
        self.table = table
        self.stored = stored

    @property
    def id(self) -> str:
        """The key."""
        return self.stored.id

    def own(self, name: str) -> FieldValue:
        """What is stored."""
        field = self.table.fields.get(name)
        return self.stored.values.get(field.path if field is not None else name)

    def other(self, reference: str, table: str) -> "Row | None":
        """The row that a property refers to."""
        stored = self.company.record(table, self.own(reference))
        return None if stored is None else Row(self.company, self.company.tables[table], stored)

    def through(self, reference: str, table: str, name: str) -> Any:
        """A property of the row that a property refers to, in the neutral form."""
        row = self.other(reference, table)
        return None if row is None else row.neutral(name)

    def neutral(self, name: str) -> Any:
        """A property in the form in which it is stored."""
        worked_out = self.table.worked_out.get(name)
        return self.own(name) if worked_out is None else worked_out(self)

    def value(self, name: str) -> Any:
        """A property in the type of the service; times in milliseconds."""
        table = self.table
        neutral = self.neutral(name)
        if isinstance(neutral, tuple):
            neutral = neutral[0] if neutral else None
        if neutral is None:
            return None
        width = table.resource.padded.get(name)
        if width is not None and isinstance(neutral, str):
            return neutral.rjust(width) if width > 0 else neutral.ljust(-width)
        kind = table.kinds.get(name)
        if kind is Kind.DATETIME:
            return self._ms(str(neutral), name)
        typed = _TYPED.get(kind) if kind is not None else None
        return neutral if typed is None else typed(neutral)

    def _ms(self, text: str, name: str) -> int:
        if name in self.table.dates:
            return (date.fromisoformat(text[:10]) - _EPOCH.date()).days * 86_400_000
        return self.company.ms_of_stamp(text)


_SYSTEM: Mapping[str, Worked] = {
    "Modified": lambda row: row.stored.stamp,
    "Modifier": lambda row: row.company.user_id(row.stored.user),
    "ModifierFullName": lambda row: row.company.user_name(row.stored.user),
    "Division": lambda row: row.company.division,
    "Timestamp": lambda row: version_of(row.stored),
}
_TYPED: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.BYTE: int,
    Kind.INT16: int,
    Kind.GUID: lambda value: str(value).lower(),
    Kind.BINARY: lambda _: None,
}


def version_of(stored: Stored) -> int:
    """The row version of a record: unique and rising, for all entity sets together."""
    return FIRST_VERSION + stored.serial


def _key_of(row: Row) -> str:
    return row.id


def _dutch_offset(moment: datetime) -> timedelta:
    """What the Netherlands are ahead of UTC; summer time begins and ends on last Sundays at 01:00 UTC."""
    begin, end = (_last_sunday(moment.year, month) for month in (3, 10))
    return 2 * _HOUR if begin <= moment < end else _HOUR


def _last_sunday(year: int, month: int) -> datetime:
    last = datetime(year, month, 31, 1, tzinfo=UTC)
    return last - timedelta(days=(last.weekday() + 1) % 7)
