"""Exact Online as one user: the vendor's rules on top of OData.

Which reading costs fewest calls: what changed is asked for on the plain path by `Modified`, one call a poll; there a
row has just the properties that it has when read alone, so that both ways give the same record.
Everything at once is read on the sync path, 1,000 rows a page instead of 60. The one feed of deletions serves every
entity of the client: an entity that polls uses what another one has fetched since its own last poll, so that five
entities cost six calls a round and not ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import trio

from talkqa.model.account import Account
from talkqa.model.call import PollShape
from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.preflight import Finding
from talkqa.model.record import Changes, FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.systems.edm import Edm, is_guid, iso_of_ms
from talkqa.systems.exactonline.answers import key_of_link
from talkqa.systems.exactonline.division import DIVISION, DivisionClient
from talkqa.systems.exactonline.facts import read_metadata
from talkqa.systems.exactonline.feed import Cursor, Deletion, DeletionLog, first_cursor, version_of
from talkqa.systems.exactonline.rights import find_obstacles
from talkqa.systems.odata import MARGIN_MS, write_query
from talkqa.systems.odata_rows import Rows, read_page
from talkqa.systems.session import Session

_EVERYTHING = "1900-01-01T00:00:00Z"
_BRAKE = 5
"""Refusals of one endpoint after which nothing is asked there that may be refused once more: 10 in an hour block it."""
_CUSTOMER = "C"
_UNASKED: Mapping[str, Mapping[str, bool]] = {"items": {"IsSalesItem": True}}
"""By folded entity what a new record is given unless something else is said: other items cannot be ordered."""


class ExactOnlineClient(DivisionClient):
    """One company (division) of Exact Online as one user."""

    def __init__(self, schema: SystemSchema, account: Account, session: Session) -> None:
        """Prepare a client; nothing is sent.

        Args:
            schema: What the system looks like.
            account: See `DivisionClient`. Its option `lines` = `shown` makes lines part of the records of quotations
                and orders; else they are records of their own alone: no value of a line counts as its header's.
            session: Sends the calls.
        """
        super().__init__(schema, account, session)
        self._deletions: DeletionLog | None = None
        self._deletions_lock = trio.Lock()
        self._no_deletions = ""
        self._metadata: dict[str, str] = {}
        self._described: dict[str, EntitySchema] = {}
        self._with_lines = account.options.get("lines", "") == "shown"

    async def describe(self, entity: str) -> EntitySchema:
        """The entity without the properties that this company does not have.

        Raises:
            FeatureMissing: where the account may not read it; its lists would be empty without a word.
        """
        known = self._layout(entity).entity
        if known.name not in self._described:
            await self._need_right(known, "GET")
            self._described[known.name] = _for_tests(await self._compare_with_metadata(known))
            self._rows.pop(known.name, None)
        return self._described[known.name]

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Create a record, and read it: the answer to a creation may hold little more than the key."""
        rows = self._layout(entity)
        body = {**_UNASKED.get(rows.entity.name.casefold(), {}), **rows.write(values, self._codec)}
        answer = await self._ask("POST", self._set_of(rows.entity), body=body)
        page = read_page(answer.content)
        made = page.rows[0] if page is not None and page.rows else {}
        record_id = made.get(rows.entity.id_field) or key_of_link(made)
        if not is_guid(record_id):
            raise ApiUnavailable(
                f"{self._schema.name} created a {rows.entity.name} and did not say which", status=answer.status_code
            )
        return await self._read_again(rows.entity.name, str(record_id).lower())

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not exist (any more).

        Asks a list for the key: ten answers 404 within an hour would block the endpoint.
        """
        rows = self._layout(entity)
        if not is_guid(record_id):
            return None
        found = await self._read(rows, f"{rows.entity.id_field} eq {self._codec.literal(record_id, Edm.GUID)}")
        return found[0] if found else None

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change these properties alone; None clears; returns the record as stored."""
        rows = self._layout(entity)
        await self._ask("PUT", self._key_of(rows, record_id), body=rows.write(values, self._codec))
        return await self._read_again(rows.entity.name, record_id)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete; a record already gone is no error."""
        rows = self._layout(entity)
        risky = self._refusals.get(self._endpoint(rows.entity.name).path, 0) >= _BRAKE
        if risky and await self.get(entity, record_id) is None:
            return
        try:
            await self._ask("DELETE", self._key_of(rows, record_id))
        except ApiRefused as error:
            if error.status != 404:
                raise

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """Records changed since the cursor, oldest change first, then those deleted; None asks for everything."""
        rows = self._layout(entity)
        begin = Cursor.read(cursor)
        if rows.entity.modified_field is None:
            return await self._changes_by_version(rows, begin)
        if begin is None:
            return await self._everything(rows)
        said = f"{rows.entity.modified_field} ge {self._codec.stamp_literal(begin.since)}"
        found = [row async for row in self._list(self._query(rows, said), poll=self._shape(rows))]
        if not found:
            await self._need_right(rows.entity, "GET")
        deletions, position = await self._deleted(rows, begin.deleted, begin.since)
        newest = max((ms for row in found if (ms := self._stamp_of(rows, row)) is not None), default=None)
        records = self._in_order(rows, found)
        return Changes(records=(*records, *deletions), cursor=begin.after(newest, position).write())

    async def cursor_now(self, entity: str) -> str | None:
        """A moment before the server's own clock; asks for the time at most once, and where the day is not charged."""
        if self._layout(entity).entity.modified_field is None:
            return None
        if self._server_ms is None:
            await self._who()
        if self._server_ms is None:
            return None
        moment = self._server_ms - MARGIN_MS
        return Cursor(kind="m", since=moment, latest=moment, deleted=1).write()

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Records whose property equals the value; codes are compared without their padding."""
        rows = self._layout(entity)
        padded = self._endpoint(rows.entity.name).padded
        place = rows.place(path)
        if place is None:
            raise ApiRefused(f"{self._schema.name} {rows.entity.name} has no property {path}", code="unknown_field")
        if place.edm is Edm.GUID and value is not None and not is_guid(value):
            return ()
        if place.field.list_at is not None:
            return await self._find_by_line(rows, place.field.list_at, place.steps[-1], value)
        name, literal = place.field.path, self._codec.literal(value, place.edm)
        if name in padded and isinstance(value, str):
            name, literal = f"trim({name})", self._codec.literal(value.strip(), Edm.TEXT)
        said = f"{name} eq {literal}"
        if rows.entity.modified_field is not None and place.field.path != rows.entity.id_field:
            # Some properties may be filtered by only beside one of a fixed list; the stamp is always on that list.
            said += f" and {rows.entity.modified_field} ge {self._codec.literal(_EVERYTHING, Edm.DATETIME)}"
        return tuple(await self._read(rows, said))

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:
        """The company, and the rights on every entity that is read, written or needed as a parent."""
        return await find_obstacles(self, entities)

    async def _compare_with_metadata(self, known: EntitySchema) -> EntitySchema:
        """The entity as the service's own description tells it; as known before where that tells too little."""
        endpoint = self._endpoint(known.name)
        if endpoint.service not in self._metadata:
            try:
                answer = await self._ask("GET", f"/api/v1/{DIVISION}/{endpoint.service}/$metadata", accept="*/*")
            except ApiRefused:
                self._metadata[endpoint.service] = ""
            else:
                self._metadata[endpoint.service] = answer.text
        told = read_metadata(self._metadata[endpoint.service], endpoint.path.rpartition("/")[2]) or {}
        names = {field.path: (field.list_at or field.path).casefold() for field in known.fields}
        if known.id_field.casefold() not in told or 2 * sum(name in told for name in names.values()) < len(names):
            return known
        fields = (field for field in known.fields if names[field.path] in told)
        return replace(
            known,
            fields=tuple(
                replace(field, max_length=told[names[field.path]])
                if field.max_length is None and field.list_at is None and told[names[field.path]]
                else field
                for field in fields
            ),
        )

    async def _everything(self, rows: Rows) -> Changes:
        """Every record; what was deleted before counts for nothing."""
        entity = rows.entity
        position = 1
        if self._deletions is not None:
            self._deletions.skip(entity.name)
        if self._with_lines and rows.lists:
            said = f"{entity.modified_field} ge {self._codec.literal(_EVERYTHING, Edm.DATETIME)}"
            found = [row async for row in self._list(self._query(rows, said), poll=self._shape(rows))]
        else:
            found = [row async for row in self._list(self._sync_query(rows, 1), poll=self._shape(rows))]
            position = max((version for row in found if (version := version_of(row)) is not None), default=1)
        if not found:
            await self._need_right(entity, "GET")
        newest = max((ms for row in found if (ms := self._stamp_of(rows, row)) is not None), default=None)
        cursor = first_cursor(newest, self._server_ms, position)
        return Changes(records=self._in_order(rows, found), cursor=cursor.write() if cursor else None)

    async def _changes_by_version(self, rows: Rows, begin: Cursor | None) -> Changes:
        """Changes of an entity without stamps, by row version on the sync path."""
        begin = begin or Cursor(kind="t", since=1, latest=1, deleted=0)
        query = self._sync_query(rows, begin.since)
        found = [row async for row in self._list(query, poll=self._shape(rows))]
        if not found:
            await self._need_right(rows.entity, "GET")
        newest = max((version for row in found if (version := version_of(row)) is not None), default=None)
        position, deletions = begin.deleted, tuple[Record, ...]()
        if position:
            deletions, position = await self._deleted(rows, position, None)
        records = tuple(self._record(rows, row) for row in sorted(found, key=lambda row: version_of(row) or 0))
        after = begin.after(newest, position or newest or 1)
        return Changes(records=(*records, *deletions), cursor=after.write())

    async def _deleted(self, rows: Rows, after: int, since_ms: int | None) -> tuple[tuple[Record, ...], int]:
        """The deletions of an entity after a row version, and the row version to go on from.

        Args:
            rows: The entity.
            after: Row version; 1 where none is known.
            since_ms: Older ones are left out; by the server's own clock.
        """
        endpoint = self._endpoint(rows.entity.name)
        async with self._deletions_lock:
            log = self._deletions
            if log is None or after < log.begin:
                log = self._deletions = DeletionLog(begin=after)
            if not log.is_fresh(rows.entity.name) and not self._no_deletions:
                await self._read_deletions(log)
            told = log.take(rows.entity.name, endpoint.deleted_types, after)
            position = max(log.before, after)
        late = (one for one in told if since_ms is None or one.at_ms is None or one.at_ms >= since_ms)
        return tuple(self._tombstone(rows, one) for one in late), position

    async def _read_deletions(self, log: DeletionLog) -> None:
        query = write_query(
            {
                "$filter": f"Timestamp gt {log.before}L",
                "$select": "Timestamp,EntityKey,EntityType,DeletedDate,DeletedBy",
            }
        )
        shape = PollShape(
            key=f"{self._schema.name}/Deleted",
            items=("d", "results"),
            id=("EntityKey",),
            modified=("DeletedDate",),
            last_page=((("d", "__next"), None),),
        )
        try:
            found = [row async for row in self._list(f"/api/v1/{DIVISION}/sync/Deleted{query}", poll=shape)]
        except ApiRefused as error:
            self._no_deletions = str(error)  # not asked again: refusals are counted
            return
        log.add(found, self._codec)

    def _tombstone(self, rows: Rows, deletion: Deletion) -> Record:
        at_ms = deletion.at_ms
        return Record(
            system=self._schema.name,
            entity=rows.entity.name,
            id=deletion.id,
            values={rows.entity.id_field: deletion.id},
            modified=None if at_ms is None else iso_of_ms(at_ms - self._codec.offset_ms),
            modified_by=deletion.user,
            deleted=True,
        )

    async def _find_by_line(self, rows: Rows, list_at: str, name: str, value: Scalar) -> tuple[Record, ...]:
        """Records with a line whose property equals the value: lines cannot be filtered by from above."""
        lines = self._layout(list_at)
        parent = next((f.path for f in lines.entity.fields if rows.entity.name in f.references and f.required), None)
        place = lines.place(name)
        if parent is None or place is None:
            raise ApiRefused(f"{self._schema.name} cannot look for {list_at}.{name}", code="unknown_field")
        query = {"$filter": f"{name} eq {self._codec.literal(value, place.edm)}", "$select": parent}
        found = [row async for row in self._list(self._set_of(lines.entity) + write_query(query))]
        ids = dict.fromkeys(str(row.get(parent)).lower() for row in found if is_guid(row.get(parent)))
        records = [await self.get(rows.entity.name, one) for one in ids]
        return tuple(record for record in records if record is not None)

    async def _read(self, rows: Rows, said: str) -> list[Record]:
        found = [row async for row in self._list(self._query(rows, said))]
        if not found:
            await self._need_right(rows.entity, "GET")
        return [self._record(rows, row) for row in found]

    def _query(self, rows: Rows, said: str) -> str:
        lists = rows.lists if self._with_lines else ()
        options = {"$filter": said, "$select": ",".join((*rows.columns, *lists)), "$expand": ",".join(lists)}
        return self._set_of(rows.entity) + write_query(options)

    def _sync_query(self, rows: Rows, after: int) -> str:
        options = {"$filter": f"Timestamp gt {after}L", "$select": ",".join(("Timestamp", *rows.columns))}
        return f"/api/v1/{DIVISION}/{self._endpoint(rows.entity.name).sync}{write_query(options)}"

    def _in_order(self, rows: Rows, found: Sequence[Mapping[str, Any]]) -> tuple[Record, ...]:
        """Records by stamp: lists come in the order of their keys."""
        ordered = sorted(found, key=lambda row: self._stamp_of(rows, row) or 0)
        return tuple(self._record(rows, row) for row in ordered)

    def _layout(self, entity: str) -> Rows:
        known = self._schema.entity(entity)
        name = known.name if known else entity
        if name in self._described and name not in self._rows:
            self._rows[name] = Rows(self._described[name], self._kinds(name))
        return super()._layout(entity)

    def _record(self, rows: Rows, row: Mapping[str, Any]) -> Record:
        record = super()._record(rows, row)
        padded = self._endpoint(rows.entity.name).padded
        values: dict[str, FieldValue] = dict(record.values)
        for place in rows.places:
            path, value = place.field.path, values.get(place.field.path)
            if isinstance(value, str) and (path in padded or place.field.picklist):
                values[path] = value.strip() or None
        return replace(record, values=values)


def _for_tests(entity: EntitySchema) -> EntitySchema:
    """The entity so that records made by a test can be used: only customers can be ordered for."""
    if entity.name.casefold() != "accounts":
        return entity
    return replace(
        entity,
        fields=tuple(
            replace(field, required=True, picklist=tuple(sorted(field.picklist, key=lambda one: one != _CUSTOMER)))
            if field.path == "Status" and _CUSTOMER in field.picklist
            else field
            for field in entity.fields
        ),
    )
