"""The records of an emulated system: validated, stamped, versioned, with a feed of changes.

Used by the dialects, which turn it into HTTP. Knows nothing of HTTP, of flows or of the engine.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any

from talkqa.model.protocols import Clock
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.sandbox import draws
from talkqa.sandbox.layout import Layout, Values
from talkqa.sandbox.validation import Problem, check_write

Listener = Callable[[str, str, str], object]
"""Told the system, the entity and the id of a record that was written."""

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Refused(Exception):
    """Raised for a write that the system does not accept."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


@dataclass(slots=True, kw_only=True)
class Stored:
    """The newest version of one record."""

    id: str
    values: Values
    stamp: str
    user: str
    version: int
    """Counts all writes to the entity: two versions never share it."""
    serial: int = 0
    """Counts all writes to the system."""
    deleted: bool = False
    body: bytes = b""
    """As sent to clients."""


class EntityStore:
    """All records of one entity."""

    def __init__(self, schema: EntitySchema, system: "SystemStore") -> None:
        self.schema = schema
        self.layout = Layout(schema)
        self._system = system
        self._records: dict[str, Stored] = {}
        self._unique: dict[str, dict[Scalar, str]] = {f.path: {} for f in schema.fields if f.unique}
        self._stamp_field = schema.modified_field or "_modified"
        self._user_field = schema.modified_by_field or ("_modified_by" if system.schema.knows_users else None)
        self._versions = 0
        self._created = 0
        self._feed: list[tuple[str, int, str]] = []
        """(stamp, version, id) of every write, oldest first; superseded entries are skipped when read."""

    def get(self, record_id: str) -> Stored | None:
        """The record; None where it never was or is deleted."""
        record = self._records.get(record_id)
        return None if record is None or record.deleted else record

    def create(self, body: Mapping[str, Any], user: str) -> Stored:
        """Store a new record.

        Raises:
            Refused: with every problem of the body.
        """
        if not self.schema.createable:
            raise Refused(self._not_createable())
        return self.install(self._checked(body, None), user)

    def install(self, values: Values, user: str) -> Stored:
        """Store a record as it is: one that the system itself makes, whatever clients may create."""
        values = dict(values)
        for field in self.schema.fields:
            if values.get(field.path) is None and not field.nullable and field.list_at is None:
                values[field.path] = _default(field, self._system.stamp())
        self._created += 1
        record_id = self._system.new_id(self.schema.name, self._created)
        self._derive(values, record_id, None, user)
        return self._keep(Stored(id=record_id, values=values, stamp="", user=user, version=0))

    def check(self, body: Mapping[str, Any], record: Stored | None = None) -> Values:
        """What a write would store of a body; nothing is stored.

        Args:
            body: As of `create` and `update`.
            record: The record that would be changed; None for a new one.

        Raises:
            Refused: with every problem of the body.
        """
        return self._checked(body, record)

    def update(self, record: Stored, body: Mapping[str, Any], user: str) -> Stored:
        """Change the fields named in the body; null clears, absent fields stay.

        Raises:
            Refused: with every problem of the body.
        """
        if not self.schema.updateable:
            message = f"{self.schema.name} cannot be changed"
            raise Refused(Problem(code="read_only", message=message))
        changed = self._checked(body, record)
        idle = all(record.values.get(path) == value for path, value in changed.items())
        if idle and not self._system.idle_writes_stamp:
            return record
        self._forget_unique(record)
        values = {**record.values, **changed}
        self._derive(values, record.id, record, user)
        return self._keep(Stored(id=record.id, values=values, stamp="", user=user, version=0))

    def touch(self, record: Stored, user: str) -> Stored:
        """Stamp a record anew and derive again what the system fills."""
        self._forget_unique(record)
        values = dict(record.values)
        self._derive(values, record.id, record, user)
        return self._keep(Stored(id=record.id, values=values, stamp="", user=user, version=0))

    def delete(self, record: Stored, user: str) -> None:
        """Leave a tombstone.

        Raises:
            Refused: where the entity's records cannot be deleted.
        """
        if not self.schema.deletable:
            message = f"{self.schema.name} cannot be deleted"
            raise Refused(Problem(code="not_deletable", message=message))
        self._forget_unique(record)
        self._keep(Stored(id=record.id, values={}, stamp="", user=user, version=0, deleted=True))

    def changes(self, since: str, after: int, limit: int) -> tuple[list[Stored], int | None]:
        """Records whose last change has a stamp at or after `since` and a version above `after`, oldest change first.

        Returns:
            At most `limit` records, and the version to go on after where there may be more.
        """
        start = bisect_left(self._feed, (since,))
        if after:
            start = max(start, bisect_right(self._feed, after, key=lambda entry: entry[1]))
        found: list[Stored] = []
        for _, version, record_id in self._feed[start:]:
            record = self._records[record_id]
            if record.version != version:
                continue
            if len(found) == limit:
                return found, found[-1].version
            found.append(record)
        return found, None

    def all(self) -> Iterator[Stored]:
        """Every record in order of creation, deleted ones included."""
        yield from self._records.values()

    def find(self, field: FieldSchema | None, text: str) -> Iterator[Stored]:
        """Live records whose value has this text form, in order of creation; by id where no field is given."""
        if field is None:
            record = self.get(text)
            if record is not None:
                yield record
            return
        for record in self._records.values():
            value = record.values.get(field.path)
            items = value if isinstance(value, tuple) else (value,)
            if not record.deleted and any(item is not None and text_form(item) == text for item in items):
                yield record

    def _derive(self, values: Values, record_id: str, before: Stored | None, user: str) -> None:
        if self._system.derive is not None:
            self._system.derive(self, values, record_id, before, user)

    def _checked(self, body: Mapping[str, Any], record: Stored | None) -> Values:
        sent, unknown = self.layout.flatten(body)
        clean, problems = check_write(
            self.schema,
            self.layout.fields.values(),
            sent,
            creating=record is None,
            exists=self._system.knows_reference,
            taken=lambda field, value: (
                self._unique[field.path].get(value, record.id if record else None) != (record.id if record else None)
            ),
        )
        missing = tuple(
            Problem(code="unknown_field", message=f"{self.schema.name} has no field {path}", field=path)
            for path in unknown
        )
        if missing or problems:
            raise Refused(*missing, *problems)
        return clean

    def _not_createable(self) -> Problem:
        licence = self.schema.create_requires
        if licence is None:
            return Problem(code="read_only", message=f"{self.schema.name} cannot be created")
        message = f"{self.schema.name} can be created with {licence} alone"
        return Problem(code="licence_required", message=message, licence=licence)

    def _keep(self, record: Stored) -> Stored:
        self._versions += 1
        record.version = self._versions
        record.stamp = self._system.stamp()
        self._system.writes += 1
        record.serial = self._system.writes
        self._records[record.id] = record
        self._feed.append((record.stamp, record.version, record.id))
        if len(self._feed) > 2 * len(self._records) + 64:
            self._feed = [entry for entry in self._feed if self._records[entry[2]].version == entry[1]]
        for path, holders in self._unique.items():
            value = record.values.get(path)
            for item in value if isinstance(value, tuple) else (value,):
                if item is not None:
                    holders[item] = record.id
        record.body = self._encode(record)
        for listener in self._system.listeners:
            listener(self._system.schema.name, self.schema.name, record.id)
        return record

    def _forget_unique(self, record: Stored) -> None:
        for path, holders in self._unique.items():
            value = record.values.get(path)
            for item in value if isinstance(value, tuple) else (value,):
                holders.pop(item, None)

    def _encode(self, record: Stored) -> bytes:
        marks: dict[str, FieldValue] = {self.schema.id_field: record.id, self._stamp_field: record.stamp}
        if self._user_field is not None:
            marks[self._user_field] = record.user
        if record.deleted:
            body: dict[str, Any] = {"deleted": True}
        else:
            body = self.layout.nest({**record.values, **marks})
        for path, value in marks.items():
            steps = path.split(".")
            if record.deleted or path.casefold() not in self.layout.fields:
                target = body
                for step in steps[:-1]:
                    target = target.setdefault(step, {})
                target[steps[-1]] = value
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


class SystemStore:
    """One emulated system."""

    def __init__(
        self,
        schema: SystemSchema,
        clock: Clock,
        seed: int,
        *,
        licences_off: frozenset[str] = frozenset(),
        idle_writes_stamp: bool = True,
    ) -> None:
        self.schema = schema
        self.seed = seed
        self.writes = 0
        """Of all entities together."""
        self.idle_writes_stamp = idle_writes_stamp
        """Whether a write that changes nothing still moves the stamp, as it does in most systems."""
        self.make_id: Callable[[str, int], str] | None = None
        """From an entity and the ordinal of its record to the record's id; None for `new_id`'s own style."""
        self.derive: Callable[[EntityStore, Values, str, Stored | None, str], None] | None = None
        """Puts into the values of a record what the system itself fills: called before each write with the entity,
        the values, the id, the version before (None for a new record) and the user."""
        self.listeners: list[Listener] = []
        self._clock = clock
        off = {licence.casefold() for licence in licences_off}
        missing = {one for one in _licences(schema) if one.casefold() in off or one not in schema.licences}
        self.missing_licences = {
            e.name.casefold(): e.requires for e in schema.entities if e.requires is not None and e.requires in missing
        }
        """Folded names of the entities that do not exist now, and the licence that each needs."""
        self.entities = {
            e.name.casefold(): EntityStore(_licensed(e, missing), self)
            for e in schema.entities
            if e.name.casefold() not in self.missing_licences
        }
        """By folded name."""

    def stamp(self) -> str:
        """The system's time now, at its own granularity, in ISO 8601 UTC."""
        granularity = self.schema.stamp_granularity_s
        moment = self._clock.stamp().astimezone(UTC)
        if granularity > 0:
            # In whole microseconds: a float such as 0.001 would put some moments into the step before.
            since_midnight = timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)
            step = max(timedelta(microseconds=1), timedelta(seconds=granularity))
            moment -= (since_midnight + timedelta(microseconds=moment.microsecond)) % step
        precision = "seconds" if granularity >= 1 else "milliseconds"
        return moment.isoformat(timespec=precision).replace("+00:00", "Z")

    def knows_reference(self, field: FieldSchema, record_id: str) -> bool:
        """Whether the id names a live record; ids of entities that are not modelled are taken as they come."""
        stores = [self.entities.get(name.casefold()) for name in field.references]
        return None in stores or not stores or any(store and store.get(record_id) for store in stores)

    def new_id(self, entity: str, ordinal: int) -> str:
        """The id of the entity's nth record, in the style of the system."""
        if self.make_id is not None:
            return self.make_id(entity, ordinal)
        name = self.schema.name.casefold()
        key = ("id", self.seed, name, entity, ordinal)
        if "salesforce" in name:
            prefix = "0" + draws.letters(2, _BASE62, "prefix", name, entity)
            return f"{prefix}{draws.letters(9, _BASE62, *key)}{ordinal:03d}AAA"
        style = draws.index(3, "style", name)
        if "exact" in name or style == 0:
            raw = draws.digest(*key).hex()
            return f"{raw[:8]}-{raw[8:12]}-4{raw[13:16]}-8{raw[17:20]}-{raw[20:32]}"
        if "wave" in name or style == 1:
            return draws.letters(20, _BASE62, *key) + f"{ordinal:x}"
        return str(10_000 * (1 + draws.index(89, "range", name, entity)) + ordinal)


def text_form(value: Scalar) -> str:
    """A value as the query string of the generic dialect writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _licences(schema: SystemSchema) -> set[str]:
    wanted = {e.requires for e in schema.entities} | {e.create_requires for e in schema.entities}
    wanted |= {f.requires for e in schema.entities for f in e.fields}
    return {licence for licence in wanted if licence is not None}


def _licensed(schema: EntitySchema, off: set[str]) -> EntitySchema:
    fields = tuple(f for f in schema.fields if f.requires is None or f.requires not in off)
    createable = schema.createable and (schema.create_requires is None or schema.create_requires not in off)
    if fields == schema.fields and createable == schema.createable:
        return schema
    return replace(schema, fields=fields, createable=createable)


def _default(field: FieldSchema, stamp: str) -> Scalar:
    """What a system puts into a field that may not be empty and was not sent."""
    if field.type is FieldType.DATETIME and not field.createable:
        return stamp
    if field.type is FieldType.BOOLEAN:
        return False
    if field.type is FieldType.PICKLIST and field.picklist:
        return field.picklist[0]
    return 0 if field.type in (FieldType.INTEGER, FieldType.DECIMAL) else None
