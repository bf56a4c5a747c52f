"""A client of REST APIs: the generic dialect, and whatever a descriptor says of a system's own.

Used by verify and the runner. It repeats nothing: retries and call budgets belong to the transport below it. Every
exchange is told to a callback, without its credentials.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from talkqa.model.call import PollShape, Purpose
from talkqa.model.diagnostic import Severity
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable
from talkqa.model.preflight import Finding, Identity
from talkqa.model.record import Changes, FieldValue, Record, Scalar
from talkqa.model.rest import GENERIC_API, GENERIC_ENTITY, RestEntity, Write
from talkqa.model.schema import EntitySchema, FieldType, SystemSchema
from talkqa.systems.rest_answers import error_of, is_gone, objects_of, read_description, told_id
from talkqa.systems.rest_forms import ValueForms, bare_of, moment_of, stamp_of, text_of, texts_of
from talkqa.systems.rest_lists import BACK_S, ListReader, ListShape, join_query, look_up, page_description, server_time
from talkqa.systems.session import Call, Session
from talkqa.systems.wire import WireShape, flatten


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How one entity is spoken of."""

    schema: EntitySchema
    known: bool
    """Whether the schema has the entity; else its name is all we know."""
    rest: RestEntity
    collection: str
    item: str
    """With `{id}`."""
    shape: WireShape
    forms: ValueForms
    lists: ListReader
    modified: str
    """Path of the stamp; empty where there is none."""
    modified_by: str


class RestClient:
    """One system as one user."""

    def __init__(self, schema: SystemSchema, session: Session) -> None:
        """Prepare a client; nothing is sent.

        Args:
            schema: What the system looks like, as far as known.
            session: Sends its calls.
        """
        self._schema = schema
        self._session = session
        self._api = schema.rest or GENERIC_API
        self._ways = {entity.name: self._way_of(entity, known=True) for entity in schema.entities}

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like, as far as known before the run."""
        return self._schema

    async def describe(self, entity: str) -> EntitySchema:
        """What the entity looks like for this account right now, as far as the API tells."""
        way = self._way(entity)
        if self._api.describe:
            body = await self._object("GET", f"{way.collection}/describe", way)
            return read_description(body, way.schema if way.known else None)
        if not way.known:
            raise ApiRefused(f"the descriptor of {self._schema.name} has no entity {entity!r}", code="unknown_entity")
        return way.schema

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Create a record from dotted paths; returns it as the system stored it."""
        way = self._way(entity)
        url = self._template(way.rest.create.path, way.schema) or way.collection
        return await self._write(way, way.rest.create, url, values)

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not exist (any more)."""
        way = self._way(entity)
        if not way.rest.get:
            return next(
                (
                    one
                    for one in await self._all(way, way.schema.id_field, record_id)
                    if one.id == record_id and not one.deleted
                ),
                None,
            )
        try:
            body = await self._object("GET", _with_id(way.item, record_id), way)
        except ApiRefused as error:
            if is_gone(error, self._api):
                return None
            raise
        return self._record(way, look_up(body, way.rest.record) or {})

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change these properties alone; None clears; returns the record as stored.

        A list is replaced as a whole, so a property inside one is sent together with what the list holds; so is a
        record where the API knows no other way.
        """
        way = self._way(entity)
        write = way.rest.update
        complete: Mapping[str, FieldValue] = {way.shape.canonical(path): value for path, value in values.items()}
        if write.whole or any(way.shape.list_of(path) for path in complete):
            complete = await self._completed(way, record_id, complete)
        url = self._template(write.path, way.schema) or way.item
        return await self._write(way, write, _with_id(url, record_id), complete, record_id)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete, or archive where the entity cannot be deleted; a record already gone is no error."""
        way = self._way(entity)
        try:
            if not way.schema.deletable and way.schema.archive is not None:
                await self.update(entity, record_id, dict([way.schema.archive]))
            else:
                url = self._template(way.rest.delete.path, way.schema) or way.item
                await self._ask(way.rest.delete.method, _with_id(url, record_id), way, repeatable=True)
        except ApiRefused as error:
            if not is_gone(error, self._api):
                raise

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """Records changed since the cursor, oldest change first; None asks for everything.

        Deleted records are included where the API lists them.
        """
        way = self._way(entity)
        poll = self._poll_shape(way)
        if way.rest.since is not None and way.rest.since.cursor:
            listed = await way.lists.read(since=cursor, poll=poll)
            records = tuple(self._record(way, one) for one in listed.records)
            return Changes(records=records, cursor=listed.cursor or cursor)
        known = moment_of(cursor)
        start = known - timedelta(seconds=way.rest.since.overlap_s) if known and way.rest.since else known
        listed = await way.lists.read(since=stamp_of(start) if start else None, poll=poll)
        stamped = [
            (record, moment_of(record.modified)) for record in (self._record(way, one) for one in listed.records)
        ]
        newest = max([*(stamp for _, stamp in stamped if stamp), *([known] if known else [])], default=None)
        stamped.sort(key=lambda pair: pair[1] or datetime.min.replace(tzinfo=UTC))
        if listed.doubtful:  # what was told up to the last time stays told
            newest = max((one for one in (known, moment_of(listed.sure_until)) if one), default=None)
        return Changes(records=tuple(record for record, _ in stamped), cursor=stamp_of(newest) if newest else cursor)

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Records whose property equals the value."""
        way = self._way(entity)
        canonical = way.shape.canonical(path)
        if way.rest.find.where is not None:  # the system compares
            name, text = way.rest.find.where
            url = join_query(way.collection, {name: canonical, text: text_of(value)})
            body = await self._object("GET", url, way)
            return tuple(self._record(way, one) for one in objects_of(look_up(body, way.rest.records)))
        if canonical == way.schema.id_field and way.rest.get:
            found = await self.get(entity, str(value))
            return () if found is None else (found,)
        wanted = text_of(value)
        return tuple(
            record
            for record in await self._all(way, canonical, value)
            if not record.deleted and wanted in texts_of(record.values.get(canonical))
        )

    async def cursor_now(self, entity: str) -> str | None:
        """A cursor a little before the system's time; None where its lists alone tell one, or nothing is stamped."""
        way = self._way(entity)
        if not way.modified or way.rest.unnamed_stamps or (way.rest.since is not None and way.rest.since.cursor):
            return None
        told = server_time(await way.lists.first_page())
        return None if told is None else stamp_of(told - timedelta(seconds=BACK_S + self._schema.stamp_granularity_s))

    async def identify(self) -> Identity:
        """Who this account is, where the API tells."""
        caller = self._api.caller
        if caller is None:
            return Identity()
        body, response = await self._ask("GET", caller.path, None)
        user, name = look_up(body, caller.user), look_up(body, caller.name) if caller.name else None
        return Identity(
            user=None if user is None else str(user),
            name="" if name is None else str(name),
            server_time=server_time(response),
        )

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:
        """Whether each entity can be listed: an account without rights must not be taken for an empty system."""
        if self._api.describe:
            return ()
        findings = []
        for entity in entities:
            way = self._way(entity)
            try:
                await way.lists.first_page()
            except ApiRefused as error:
                findings.append(self._finding(way, error))
        return tuple(findings)

    def _finding(self, way: _Way, error: ApiError) -> Finding:
        missing = error.status in (404, 410)
        place = f"entities.{way.schema.name}.rest"
        return Finding(
            code="missing-entity" if missing else "missing-right",
            severity=Severity.ERROR,
            system=self._schema.name,
            entity=way.schema.name,
            message=str(error),
            advice=f"correct path in [{place}] of the descriptor"
            if missing
            else f"give the account the right to read {way.schema.name}",
        )

    def _way_of(self, schema: EntitySchema, *, known: bool) -> _Way:
        rest = schema.rest or (GENERIC_ENTITY if self._schema.rest is None else RestEntity())
        forms = ValueForms(self._api, schema, rest)
        collection = self._template(rest.path, schema)
        modified = schema.modified_field or ("_modified" if rest.unnamed_stamps else "")
        modified_by = schema.modified_by_field or ("_modified_by" if rest.unnamed_stamps else "")
        stamp_form = dict(rest.forms).get(modified, self._api.datetimes)
        shape = ListShape(
            system=self._schema.name,
            url=collection,
            id=tuple(schema.id_field.split(".")),
            modified=tuple(modified.split(".")) if modified else (),
            stamp_form=stamp_form,
            granularity_s=self._schema.stamp_granularity_s,
        )
        way: _Way

        async def ask(url: str, poll: PollShape | None) -> tuple[Any, httpx.Response]:
            return await self._ask("GET", url, way, poll=poll)

        way = _Way(
            schema=schema,
            known=known,
            rest=rest,
            collection=collection,
            item=self._template(rest.item_path, schema),
            shape=WireShape(schema),
            forms=forms,
            lists=ListReader(shape, rest, forms, ask),
            modified=modified,
            modified_by=modified_by,
        )
        return way

    def _way(self, entity: str) -> _Way:
        way = self._ways.get(entity)
        if way is None:
            known = self._schema.entity(entity)
            way = self._ways[known.name] if known else self._way_of(EntitySchema(name=entity, fields=()), known=False)
            self._ways[entity] = way
        return way

    def _template(self, template: str, schema: EntitySchema) -> str:
        return template.replace("{entity}", quote(schema.name, safe=""))

    def _poll_shape(self, way: _Way) -> PollShape:
        return PollShape(
            key=f"{self._schema.name}/{way.schema.name}",
            items=way.rest.records,
            id=tuple(way.schema.id_field.split(".")),
            modified=tuple(way.modified.split(".")) if way.modified else (),
            last_page=page_description(way.rest.paging),
        )

    async def _all(self, way: _Way, path: str, value: Scalar) -> list[Record]:
        """Every record, or fewer where the API can look for the value itself; a search may not know every field."""
        filters = {known.casefold(): name for known, name in way.rest.find.filters}
        name = filters.get(path.casefold())
        if name is not None:
            written = bare_of(way.forms.write({path: value}).get(path))
            return [self._record(way, one) for one in (await way.lists.read({name: text_of(written)})).records]
        if way.rest.find.search and isinstance(value, str) and value:
            found = [self._record(way, one) for one in (await way.lists.read({way.rest.find.search: value})).records]
            if any(value in texts_of(record.values.get(path)) for record in found):
                return found
        return [self._record(way, one) for one in (await way.lists.read()).records]

    async def _completed(self, way: _Way, record_id: str, values: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        """The values with what must travel beside them: what their lists hold, or all that can be written."""
        whole = way.rest.update.whole
        touched = {way.shape.list_of(path) for path in values} - {None}
        current = await self.get(way.schema.name, record_id)
        if current is None:
            raise ApiRefused(
                f"{self._schema.name} {way.schema.name} {record_id} does not exist (any more)",
                status=404,
                code="not_found",
            )
        complete: dict[str, FieldValue] = {}
        for item in way.schema.fields:
            held = current.values.get(item.path)
            if not item.updateable or item.type is FieldType.OPAQUE:
                continue
            if item.list_at is None and whole and held is not None:
                complete[item.path] = held
            listed = isinstance(held, tuple) and any(one is not None for one in held)
            if listed and (whole or item.list_at in touched):
                complete[item.path] = held
        for path, value in values.items():
            held = complete.get(path)
            complete[path] = (value, *held[1:]) if isinstance(held, tuple) and not isinstance(value, tuple) else value
        return complete

    async def _write(
        self, way: _Way, write: Write, url: str, values: Mapping[str, FieldValue], record_id: str | None = None
    ) -> Record:
        """Send values; the record as stored, read back where the answer does not hold it."""
        canonical = {way.shape.canonical(path): value for path, value in values.items()}
        sent: dict[str, Any] = way.shape.nest(way.forms.write(canonical))
        for key in reversed(write.envelope):
            sent = {key: sent}
        # Another update says the same again; another creation creates again, even by PUT.
        repeatable = record_id is not None
        body, response = await self._ask(
            write.method, url, way, sent, repeatable=repeatable, content_type=write.content_type
        )
        told = look_up(body, way.rest.record)
        if write.answer == "record" and isinstance(told, dict):
            return self._record(way, told)
        if record_id is None:
            record_id = told_id(told, response, tuple(way.schema.id_field.split(".")), way.item)
        stored = await self.get(way.schema.name, record_id) if record_id else None
        if stored is None:
            raise ApiUnavailable(
                f"{self._schema.name} answered {write.method} {url} with {response.status_code} and no JSON object",
                status=response.status_code,
            )
        return stored

    def _record(self, way: _Way, body: Mapping[str, Any]) -> Record:
        values = flatten(body)
        id_field = way.schema.id_field
        gone = values.get(".".join(way.rest.deleted)) if way.rest.deleted else None
        if way.rest.bare_tombstones:
            marks = {id_field, ".".join(way.rest.deleted), way.modified, way.modified_by}
            deleted = gone is True and values.keys() <= marks
        else:
            deleted = gone not in (None, False, 0, "")
        way.forms.read(values)
        stamp, user, record_id = values.get(way.modified), values.get(way.modified_by), values.get(id_field)
        if way.rest.unnamed_stamps:
            values.pop("_modified", None)
            values.pop("_modified_by", None)
        return Record(
            system=self._schema.name,
            entity=way.schema.name,
            id="" if record_id is None else str(record_id),
            values=values,
            modified=None if stamp is None else str(stamp),
            modified_by=None if user is None else str(user),
            deleted=deleted,
        )

    async def _object(self, method: str, url: str, way: _Way) -> dict[str, Any]:
        body, response = await self._ask(method, url, way)
        if isinstance(body, dict):
            return body
        raise ApiUnavailable(
            f"{self._schema.name} answered {method} {url} with {response.status_code} and no JSON object",
            status=response.status_code,
        )

    async def _ask(
        self,
        method: str,
        url: str,
        way: _Way | None,
        body: Mapping[str, Any] | None = None,
        *,
        poll: PollShape | None = None,
        repeatable: bool | None = None,
        content_type: str = "application/json",
    ) -> tuple[Any, httpx.Response]:
        """The JSON of an answer, None where it has none, and the answer."""
        content = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        call = Call(
            method=method,
            url=url,
            purpose=Purpose.POLL if poll else Purpose.CONFIRM if method == "GET" else Purpose.WRITE,
            headers=dict((*self._api.headers, *(way.rest.headers if way else ()))),
            body=content,
            content_type=content_type,
            repeatable=repeatable,
            poll=poll,
        )
        response = await self._session.send(call)
        if response.status_code not in self._api.ok if self._api.ok else response.status_code >= 400:
            canonical = way.shape.canonical if way else str
            raise error_of(response, f"{self._schema.name} refused {method} {url}", self._api, canonical)
        try:
            return json.loads(response.content), response
        except ValueError:
            return None, response


def _with_id(template: str, record_id: str) -> str:
    return template.replace("{id}", quote(record_id, safe=""))
