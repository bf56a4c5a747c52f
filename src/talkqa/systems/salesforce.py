"""A client of the Salesforce REST API.

It repeats nothing: retries and call budgets belong to the transport below it. What an org looks like is asked once an
object, since licences and rights hide fields, and a query that names one of those is refused as a whole.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.call import PollShape, Purpose
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable, ConfigError, FeatureMissing
from talkqa.model.preflight import Finding, Identity
from talkqa.model.record import Changes, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, SystemSchema
from talkqa.systems.salesforce_calls import VERSION, Calls, error_from, objects_at, parse
from talkqa.systems.salesforce_preflight import inspect
from talkqa.systems.salesforce_wire import (
    STAMP,
    Shape,
    read_record,
    read_shape,
    read_stamp,
    write_values,
)
from talkqa.systems.session import Session
from talkqa.systems.soql import Unwritable, literal, select, stamp_literal

COLLECTION = 200
"""Records that one call creates at most."""
OVERLAP_S = 5
"""How far a poll looks back behind the newest stamp seen: a save that took longer is stamped when it began."""
_GONE = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED"})
_NOT_THERE = frozenset({"NOT_FOUND", "INVALID_TYPE"})
_NOT_CREATEABLE = frozenset({"METHOD_NOT_ALLOWED", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", *_NOT_THERE})
_DRAFT: Mapping[str, Scalar] = {"Status": "Draft"}


class SalesforceClient:
    """One org as one user."""

    def __init__(
        self, schema: SystemSchema, session: Session, *, version: str = VERSION, allow_duplicates: bool = False
    ) -> None:
        """Prepare a client; nothing is sent.

        Args:
            schema: What the org looks like, as far as known.
            session: Sends its calls.
            version: Of the API, as paths write it.
            allow_duplicates: Save in spite of duplicate rules that would only warn a person.
        """
        self._schema = schema
        self._calls = Calls(session, version, schema.name)
        self._allow_duplicates = allow_duplicates
        self._shapes: dict[str, Shape] = {}
        self._locks: dict[str, trio.Lock] = {}

    @property
    def schema(self) -> SystemSchema:
        """What the org looks like, as far as known before the run."""
        return self._schema

    @property
    def calls_used(self) -> int | None:
        """Calls of the last 24 hours, by everybody, as last told; None before the first answer."""
        return self._calls.used

    @property
    def calls_allowed(self) -> int | None:
        """Calls that the org has in 24 hours, as last told."""
        return self._calls.allowed

    async def describe(self, entity: str) -> EntitySchema:
        """What the object looks like for this account right now."""
        return (await self._describe(entity)).schema

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Create a record; returns it as the org stored it."""
        shape = await self._shape(entity)
        name = shape.schema.name
        try:
            answer = await self._calls.json(
                "POST", f"/sobjects/{name}/", write_values(values, shape.schema), headers=self._duplicate_rule()
            )
        except ApiRefused as error:
            raise self._explained(shape, error) from error
        record_id = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(record_id, str):
            raise ApiUnavailable(f"{self._schema.name} created a {name} and did not tell its id")
        return await self._stored(shape, record_id)

    async def create_many(self, entity: str, rows: Sequence[Mapping[str, Scalar]]) -> tuple[Record | ApiError, ...]:
        """Create records, 200 a call; each is told as stored, or by what is against it."""
        shape = await self._shape(entity)
        found: list[Record | ApiError] = []
        for start in range(0, len(rows), COLLECTION):
            found += await self._create_some(shape, rows[start : start + COLLECTION])
        return tuple(found)

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not exist (any more)."""
        shape = await self._shape(entity)
        try:
            row = await self._calls.json("GET", self._path(shape, record_id))
        except ApiRefused as error:
            if _is_gone(error):
                return None
            raise
        return self._record(shape, row)

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change these properties alone; None clears; returns the record as stored."""
        shape = await self._shape(entity)
        await self._patch(shape, record_id, write_values(values, shape.schema))
        return await self._stored(shape, record_id)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete, or retire where that cannot be; a record already gone is no error."""
        shape = await self._shape(entity)
        try:
            if shape.schema.deletable:
                await self._delete(shape, record_id)
            elif shape.schema.archive is not None:
                await self._patch(shape, record_id, dict([shape.schema.archive]))
            else:
                await self._calls.send("DELETE", self._path(shape, record_id))
        except ApiRefused as error:
            if not _is_gone(error):
                raise

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """Records changed since the cursor, oldest change first, deleted ones included; None asks for everything."""
        shape = await self._shape(entity)
        where = f"{shape.stamp} >= {_since(cursor)}" if cursor else ""
        query = select(shape.columns, shape.schema.name, where=where, order=(shape.stamp, shape.schema.id_field))
        records = [self._record(shape, row) for row in await self._calls.query(query, poll=self._poll_shape(shape))]
        stamps = [str(stamp) for one in records if (stamp := one.values.get(shape.stamp)) is not None]
        return Changes(records=tuple(records), cursor=max([*stamps, *([cursor] if cursor else [])], default=None))

    async def cursor_now(self, entity: str) -> str | None:
        """The newest stamp that there is, for one call; None for an object without records."""
        name = self._name(entity)
        rows = await self._calls.query(select((STAMP,), name, order=(f"{STAMP} DESC",), limit=1))
        return read_stamp(rows[0].get(STAMP)) if rows else None

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Live records whose property equals the value, letter case folded; read one by one where no query can."""
        shape = await self._shape(entity)
        field = shape.schema.field(path)
        if field is None:
            raise ApiRefused(
                f"{self._schema.name} {shape.schema.name} has no field {path} for this account; check its rights",
                code="INVALID_FIELD",
                field=path,
            )
        if field.path not in shape.columns:
            raise ApiRefused(
                f"{self._schema.name} {shape.schema.name}.{field.path} is compound: look for one of its parts",
                code="INVALID_FIELD",
                field=field.path,
            )
        if field.path in shape.unfilterable:
            return await self._scan(shape, field, value)
        try:
            where = f"{field.path} = {literal(field, value)}"
        except Unwritable:
            return ()
        query = select(shape.columns, shape.schema.name, where=where)
        searched = self._poll_shape(shape)  # so that a recorder can tell whose records were found
        rows = await self._calls.query(query, deleted=False, poll=searched, purpose=Purpose.CONFIRM)
        return tuple(self._record(shape, row) for row in rows)

    async def identify(self) -> Identity:
        """Who this account is, and whether the org is a sandbox."""
        answer = await self._calls.send("GET", "/services/oauth2/userinfo")
        told = parse(answer)
        told = told if isinstance(told, dict) else {}
        return Identity(
            user=_text(told.get("user_id")) or None,
            name=_text(told.get("preferred_username")) or _text(told.get("email")),
            **await self._organisation(_text(told.get("organization_id"))),
            server_time=_date_of(answer),
        )

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:
        """What rights, licences and the day's calls have to say to a run with these objects."""
        answer = await self._calls.json("GET", "/sobjects/")
        listed = {_text(one.get("name")).casefold(): one for one in objects_at(answer, "sobjects")}
        return inspect(self._schema, entities, listed, self._calls.used, self._calls.allowed)

    async def _organisation(self, organisation_id: str) -> dict[str, Any]:
        try:
            query = select(("Name", "IsSandbox", "OrganizationType"), "Organization", limit=1)
            rows = await self._calls.query(query, deleted=False)
        except ApiRefused:
            rows = []  # an account may be kept from it: then nobody knows
        row = rows[0] if rows else {}
        sandbox, kind = row.get("IsSandbox"), _text(row.get("OrganizationType"))
        production = None if not isinstance(sandbox, bool) else not sandbox and kind != "Developer Edition"
        named = _text(row.get("Name"))
        return {
            "organisation": f"{named} ({organisation_id})" if named else organisation_id,
            "production": production,
        }

    async def _create_some(self, shape: Shape, rows: Sequence[Mapping[str, Scalar]]) -> list[Record | ApiError]:
        name = shape.schema.name
        typed = [{"attributes": {"type": name}, **write_values(row, shape.schema)} for row in rows]
        body = {"allOrNone": False, "records": typed}
        told = await self._calls.json("POST", "/composite/sobjects", body, headers=self._duplicate_rule())
        results = [one if isinstance(one, dict) else {} for one in told] if isinstance(told, list) else []
        if len(results) != len(rows):
            raise ApiUnavailable(f"{self._schema.name} told of {len(results)} records where {len(rows)} were created")
        made = [str(one["id"]) for one in results if one.get("success") is True and isinstance(one.get("id"), str)]
        stored = await self._read_some(shape, made) if made else {}
        what = f"{self._schema.name} refused a {name}"
        return [
            stored.get(str(one.get("id"))) or self._explained(shape, error_from(objects_at(one, "errors"), 400, what))
            for one in results
        ]

    async def _read_some(self, shape: Shape, ids: Sequence[str]) -> dict[str, Record]:
        body = {"ids": list(ids), "fields": list(shape.columns)}
        path = f"/composite/sobjects/{shape.schema.name}"
        rows = await self._calls.json("POST", path, body, purpose=Purpose.CONFIRM)
        records = [self._record(shape, row) for row in rows if row] if isinstance(rows, list) else []
        return {record.id: record for record in records}

    async def _stored(self, shape: Shape, record_id: str) -> Record:
        record = await self.get(shape.schema.name, record_id)
        if record is None:
            raise ApiRefused(
                f"{self._schema.name} {shape.schema.name} {record_id} does not exist (any more)",
                status=404,
                code="ENTITY_IS_DELETED",
            )
        return record

    async def _patch(self, shape: Shape, record_id: str, body: Mapping[str, Scalar]) -> None:
        await self._calls.send("PATCH", self._path(shape, record_id), body, headers=self._duplicate_rule())

    async def _delete(self, shape: Shape, record_id: str) -> None:
        """Delete; an active order goes back to draft first, and a product in use is retired instead."""
        try:
            await self._calls.send("DELETE", self._path(shape, record_id))
        except ApiRefused as error:
            if _is_gone(error) or error.status != 400:
                raise
            if shape.schema.name == "Order":
                await self._patch(shape, record_id, _DRAFT)
                await self._calls.send("DELETE", self._path(shape, record_id))
            elif shape.schema.archive is not None:
                await self._patch(shape, record_id, dict([shape.schema.archive]))
            else:
                raise

    async def _scan(self, shape: Shape, field: FieldSchema, value: Scalar) -> tuple[Record, ...]:
        """Every live record whose property is that value: long texts stand in no condition."""
        wanted = str(value).strip().casefold() if value is not None else None
        rows = await self._calls.query(select(shape.columns, shape.schema.name), deleted=False)
        records = [self._record(shape, row) for row in rows]

        def folded(held: object) -> str | None:
            return None if held is None else "\n".join(str(held).strip().casefold().splitlines())

        wanted = folded(wanted)
        return tuple(record for record in records if folded(record.values.get(field.path)) == wanted)

    async def _shape(self, entity: str) -> Shape:
        """The object as described, asked once."""
        name = self._name(entity)
        known = self._shapes.get(name)
        if known is not None:
            return known
        async with self._locks.setdefault(name, trio.Lock()):
            return self._shapes.get(name) or await self._describe(entity)

    async def _describe(self, entity: str) -> Shape:
        name = self._name(entity)
        known = self._schema.entity(entity)
        try:
            told = await self._calls.json("GET", f"/sobjects/{quote(name, safe='')}/describe")
        except ApiRefused as error:
            if known is not None and known.requires is not None and error.code in _NOT_THERE:
                raise self._missing(known.name, known.requires, error) from error
            raise
        if not isinstance(told, dict):
            raise ApiUnavailable(f"{self._schema.name} described {name} without telling anything")
        shape = self._shapes[name] = read_shape(told, known, self._schema)
        return shape

    def _explained(self, shape: Shape, error: ApiError) -> ApiError:
        """A refusal of a create, told as the licence that lacks where that is why."""
        licence = shape.schema.create_requires
        if licence is not None and not shape.schema.createable and error.code in _NOT_CREATEABLE:
            return self._missing(shape.schema.name, licence, error)
        return error

    def _missing(self, entity: str, licence: str, error: ApiError) -> FeatureMissing:
        return FeatureMissing(
            f"{self._schema.name} {entity} needs {licence}, which this org has not switched on: {error}",
            licence=licence,
            status=error.status,
            code=error.code,
        )

    def _name(self, entity: str) -> str:
        known = self._schema.entity(entity)
        return known.name if known else entity

    def _path(self, shape: Shape, record_id: str) -> str:
        return f"/sobjects/{shape.schema.name}/{quote(record_id, safe='')}"

    def _record(self, shape: Shape, row: Any) -> Record:
        if not isinstance(row, dict):
            raise ApiUnavailable(f"{self._schema.name} answered with something else than a {shape.schema.name}")
        return read_record(row, shape, self._schema.name)

    def _poll_shape(self, shape: Shape) -> PollShape:
        return PollShape(
            key=f"{self._schema.name}/{shape.schema.name}",
            items=("records",),
            id=(shape.schema.id_field,),
            modified=(shape.stamp,),
            last_page=((("done",), True),),
        )

    def _duplicate_rule(self) -> dict[str, str]:
        return {"sforce-duplicate-rule-header": "allowSave=true"} if self._allow_duplicates else {}


def make_salesforce(schema: SystemSchema, account: Account, session: Session) -> SalesforceClient:
    """The client of an account; its options are `version` (62.0) and `allow_duplicates` (false).

    Raises:
        ConfigError: for an option that says something else.
    """
    place = f'talkqa.toml: [accounts."{account.system}"] options'
    version = account.options.get("version", VERSION).removeprefix("v")
    if re.fullmatch(r"\d{2}\.0", version, re.ASCII) is None:
        raise ConfigError(f"{place}.version is a version of the API such as 62.0, not {version!r}")
    allow = account.options.get("allow_duplicates", "false").casefold()
    if allow not in ("true", "false"):
        raise ConfigError(f"{place}.allow_duplicates is true or false, not {allow!r}")
    return SalesforceClient(schema, session, version=f"v{version}", allow_duplicates=allow == "true")


def _since(cursor: str) -> str:
    return stamp_literal(datetime.fromisoformat(cursor) - timedelta(seconds=OVERLAP_S))


def _is_gone(error: ApiError) -> bool:
    return error.status == 404 and error.code in {"", *_GONE}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _date_of(response: httpx.Response) -> datetime | None:
    told = response.headers.get_list("date")
    try:
        moment = parsedate_to_datetime(told[0]) if told else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
