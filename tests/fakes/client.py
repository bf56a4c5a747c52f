"""A system in memory: one store, as many users as a test needs.

    system = FakeSystem(schema, FakeClock())
    harness, engine = system.client("harness"), system.client("engine")
    record = await harness.create("Customer", {"name": "Alder"})
    assert await engine.changes("Customer", None) tells it

It refuses what a real system refuses (unknown, read-only, over-long, mistyped, missing fields), stamps what it stores,
tells of changes, deletes or archives. `system.fail` makes coming requests fail; `system.requests` tells what was asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from talkqa.model.errors import ApiError, ApiRefused, FeatureMissing
from talkqa.model.preflight import Finding, Identity
from talkqa.model.protocols import Clock
from talkqa.model.record import Changes, FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema

_PYTHON = {
    FieldType.INTEGER: (int,),
    FieldType.DECIMAL: (int, float),
    FieldType.BOOLEAN: (bool,),
}


@dataclass
class _Stored:
    id: str
    values: dict[str, FieldValue]
    modified: str
    by: str
    order: int
    deleted: bool = False


@dataclass
class _Table:
    schema: EntitySchema
    records: dict[str, _Stored] = field(default_factory=dict)


class FakeSystem:
    """The store behind one or more `FakeClient`s."""

    def __init__(
        self,
        schema: SystemSchema,
        clock: Clock,
        *,
        licences_off: frozenset[str] = frozenset(),
        protect_parents: bool = False,
    ) -> None:
        """Make an empty system.

        Args:
            schema: what it looks like.
            clock: gives its stamps, in the schema's granularity.
            licences_off: of `schema.licences`, those that the account lacks.
            protect_parents: whether a record to which a living one refers cannot be deleted.
        """
        self.schema = schema
        self.clock = clock
        self.licences_off = licences_off
        self.protect_parents = protect_parents
        self.requests: list[tuple[str, str, str]] = []
        """User, method and entity of each request, in order."""
        self._tables = {e.name.casefold(): _Table(schema=e) for e in schema.entities}
        self._failures: list[tuple[str, ApiError, bool]] = []
        self._order = 0

    def client(self, user: str = "harness") -> "FakeClient":
        """A client that acts as this user."""
        return FakeClient(self, user)

    def fail(self, method: str, error: ApiError, *, after: bool = False) -> None:
        """Let the next request of a method fail; `after` lets it take effect first, as when an answer is lost."""
        self._failures.append((method, error, after))

    def living(self, entity: str) -> tuple[Record, ...]:
        """All records of an entity that are not deleted, oldest first."""
        return tuple(self.told(entity, s) for s in self.table(entity).records.values() if not s.deleted)

    # what the clients use
    def table(self, entity: str) -> _Table:
        """The table of an entity; raises where the system or its licences lack it."""
        found = self._tables.get(entity.casefold())
        if found is None:
            raise ApiRefused(f"{self.schema.name} has no {entity}", status=404, code="unknown_entity")
        self._need(found.schema.requires)
        return found

    def begin(self, user: str, method: str, entity: str) -> ApiError | None:
        """Note a request; the error to raise once it has taken effect, where there is one."""
        self.requests.append((user, method, entity))
        for failure in self._failures:
            if failure[0] == method:
                self._failures.remove(failure)
                if not failure[2]:
                    raise failure[1]
                return failure[1]
        return None

    def insert(self, entity: str, values: Mapping[str, Scalar], user: str) -> _Stored:
        """Store a new record."""
        table = self.table(entity)
        self._need(table.schema.create_requires)
        if not table.schema.createable:
            raise ApiRefused(f"{entity} cannot be created", status=405, code="not_createable")
        self._check(table, values, creating=True)
        self._order += 1
        stored = _Stored(id=f"{entity[:3].lower()}-{self._order:06}", values={}, modified="", by=user, order=0)
        table.records[stored.id] = stored
        self.write(table, stored, values, user)
        return stored

    def update(self, entity: str, record_id: str, values: Mapping[str, Scalar], user: str) -> _Stored:
        """Change a record."""
        table = self.table(entity)
        stored = table.records.get(record_id)
        if stored is None or stored.deleted:
            raise ApiRefused(f"no {entity} {record_id}", status=404, code="not_found")
        if not table.schema.updateable:
            raise ApiRefused(f"{entity} cannot be changed", status=405, code="not_updateable")
        self._check(table, values, creating=False)
        self.write(table, stored, values, user)
        return stored

    def remove(self, entity: str, record_id: str, user: str) -> None:
        """Delete or archive a record; one that is gone is no error."""
        table = self.table(entity)
        stored = table.records.get(record_id)
        if stored is None or stored.deleted:
            return
        if self.protect_parents and self._referred(entity, record_id):
            raise ApiRefused(f"{entity} {record_id} is still referred to", status=409, code="referred")
        if not table.schema.deletable and table.schema.archive is None:
            raise ApiRefused(f"{entity} cannot be deleted", status=405, code="not_deletable")
        if table.schema.deletable:
            stored.deleted = True
            self.write(table, stored, {}, user)
        elif table.schema.archive is not None:
            self.write(table, stored, dict([table.schema.archive]), user)

    def write(self, table: _Table, stored: _Stored, values: Mapping[str, Scalar], user: str) -> None:
        """Take values into a record, without a check, and stamp it."""
        for path, value in values.items():
            known = table.schema.field(path)
            assert known is not None
            held: FieldValue = (value,) if known.list_at and value is not None else value
            if held is None:
                stored.values.pop(known.path, None)
            else:
                stored.values[known.path] = held
        self._order += 1
        stored.order, stored.by, stored.modified = self._order, user, self.stamp()

    def stamp(self) -> str:
        """The time as the system writes it."""
        seconds = self.clock.now() // self.schema.stamp_granularity_s * self.schema.stamp_granularity_s
        at = self.clock.stamp() - timedelta(seconds=self.clock.now() - seconds)
        return at.isoformat().replace("+00:00", "Z")

    def told(self, entity: str, stored: _Stored) -> Record:
        """A record as a client sees it."""
        schema = self.table(entity).schema
        extra = {schema.id_field: stored.id}
        if schema.modified_field:
            extra[schema.modified_field] = stored.modified
        if schema.modified_by_field:
            extra[schema.modified_by_field] = stored.by
        return Record(
            system=self.schema.name,
            entity=schema.name,
            id=stored.id,
            values=extra if stored.deleted else {**stored.values, **extra},
            modified=stored.modified,
            modified_by=stored.by if self.schema.knows_users else None,
            deleted=stored.deleted,
        )

    def _need(self, licence: str | None) -> None:
        if licence in self.licences_off and licence is not None:
            raise FeatureMissing(
                f"{self.schema.name} lacks {licence}", licence=licence, status=403, code="licence_required"
            )

    def _check(self, table: _Table, values: Mapping[str, Scalar], *, creating: bool) -> None:
        problems = [p for path, value in values.items() if (p := self._problem(table, path, value, creating=creating))]
        if creating:
            given = {f.path for path, v in values.items() if v is not None and (f := table.schema.field(path))}
            problems += [
                ("required", f.path, "is required")
                for f in table.schema.fields
                if f.required and f.createable and f.path not in given
            ]
        if problems:
            code, path, _ = problems[0]
            told = "; ".join(f"{path} {what}" for _, path, what in problems)
            raise ApiRefused(f"{table.schema.name}: {told}", status=422, code=code, field=path)

    def _problem(self, table: _Table, path: str, value: Scalar, *, creating: bool) -> tuple[str, str, str] | None:
        known = table.schema.field(path)
        if known is None or known.requires in self.licences_off:
            return "unknown_field", path, "does not exist"
        if not (known.createable if creating else known.updateable) or known.type is FieldType.ID:
            return "read_only", path, "is read-only"
        if value is None:
            return None if known.nullable or creating else ("required", path, "cannot be emptied")
        return self._misfit(table, known, value)

    def _misfit(self, table: _Table, known: FieldSchema, value: Scalar) -> tuple[str, str, str] | None:
        kinds = _PYTHON.get(known.type, (str,))
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            return "wrong_type", known.path, f"is no {known.type}"
        if isinstance(value, str) and known.max_length is not None and len(value) > known.max_length:
            return "too_long", known.path, f"is longer than {known.max_length}"
        if known.restricted and known.picklist and value not in known.picklist:
            return "not_in_picklist", known.path, f"does not offer {value!r}"
        if known.references and not any(self._lives(entity, str(value)) for entity in known.references):
            return "unknown_reference", known.path, f"refers to no record {value!r}"
        if known.unique and any(s.values.get(known.path) == value for s in table.records.values() if not s.deleted):
            return "duplicate", known.path, f"{value!r} exists"
        return None

    def _lives(self, entity: str, record_id: str) -> bool:
        found = self._tables[entity.casefold()].records.get(record_id)
        return found is not None and not found.deleted

    def _referred(self, entity: str, record_id: str) -> bool:
        return any(
            not stored.deleted and stored.values.get(known.path) == record_id
            for table in self._tables.values()
            for known in table.schema.fields
            if entity in known.references
            for stored in table.records.values()
        )


class FakeClient:
    """A `SystemClient` over a `FakeSystem`."""

    def __init__(self, system: FakeSystem, user: str) -> None:
        self.system = system
        self.user = user

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like."""
        return self.system.schema

    async def describe(self, entity: str) -> EntitySchema:
        """The entity, without the fields whose licence is off."""
        lost = self.system.begin(self.user, "describe", entity)
        schema = self.system.table(entity).schema
        fields = tuple(f for f in schema.fields if f.requires not in self.system.licences_off)
        _raise(lost)
        return EntitySchema(
            **{name: getattr(schema, name) for name in EntitySchema.__dataclass_fields__ if name != "fields"},
            fields=fields,
        )

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Store a new record."""
        lost = self.system.begin(self.user, "create", entity)
        stored = self.system.insert(entity, values, self.user)
        _raise(lost)
        return self.system.told(entity, stored)

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not live."""
        _raise(self.system.begin(self.user, "get", entity))
        stored = self.system.table(entity).records.get(record_id)
        return None if stored is None or stored.deleted else self.system.told(entity, stored)

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change a record."""
        lost = self.system.begin(self.user, "update", entity)
        stored = self.system.update(entity, record_id, values, self.user)
        _raise(lost)
        return self.system.told(entity, stored)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete or archive a record."""
        lost = self.system.begin(self.user, "delete", entity)
        self.system.remove(entity, record_id, self.user)
        _raise(lost)

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """What changed at or after the cursor's second, oldest change first."""
        _raise(self.system.begin(self.user, "changes", entity))
        stored = sorted(self.system.table(entity).records.values(), key=lambda s: s.order)
        found = [self.system.told(entity, s) for s in stored if cursor is None or s.modified >= cursor]
        return Changes(records=tuple(found), cursor=self.system.stamp())

    async def cursor_now(self, entity: str) -> str | None:
        """None: what is there is read as a whole."""
        return None

    async def identify(self) -> Identity:
        """The user as it stands in the records."""
        return Identity(user=self.user)

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:
        """Nothing to say."""
        return ()

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Living records whose property has this text."""
        _raise(self.system.begin(self.user, "find", entity))
        return tuple(r for r in self.system.living(entity) if str(r.values.get(path, "")) == str(value))


def _raise(error: ApiError | None) -> None:
    if error is not None:
        raise error
