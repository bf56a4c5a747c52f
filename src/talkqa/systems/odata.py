"""A client of a described OData service.

Used by the dialect "odata" as it is, and by Exact Online, which puts its own rules on top. An entity's name in the
schema is its entity set; a path through a list (`Lines.Item`) is an expanded navigation property.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx

from talkqa.model.account import Account
from talkqa.model.call import PollShape, Purpose
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable
from talkqa.model.preflight import Finding, Identity
from talkqa.model.record import Changes, FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldType, SystemSchema
from talkqa.systems.edm import Codec, Edm, Version, is_guid, iso_of_ms
from talkqa.systems.odata_rows import Rows, read_fault, read_page, step_down
from talkqa.systems.session import Call, Session
from talkqa.systems.wire import keep_items, lists_in

MARGIN_MS = 60_000
"""How far before the server's own time a first cursor lies: a stamp may be older than its commit."""
_UNQUOTED = "',()/"
"""What a query may hold as it is: lists of 150 properties are half as long, and can be read."""
_MAX_PAGES = 10_000
"""More pages than any reading has: a service that repeats itself is given up."""


class ODataClient:
    """One described OData service as one user."""

    def __init__(self, schema: SystemSchema, account: Account, session: Session) -> None:
        """Prepare a client; nothing is sent.

        Args:
            schema: What the system looks like; the name of an entity is its entity set.
            account: Where it is; its option `odata` says `v2` or `v4` (the default).
            session: Sends the calls.
        """
        self._schema = schema
        self._account = account
        self._session = session
        version = Version.V2 if account.options.get("odata", "v4").casefold() == Version.V2 else Version.V4
        self._codec = Codec(version=version)
        self._rows: dict[str, Rows] = {}
        self._server_ms: int | None = None

    @property
    def schema(self) -> SystemSchema:
        """What the system looks like, as far as known before the run."""
        return self._schema

    async def describe(self, entity: str) -> EntitySchema:
        """The entity as the descriptor tells it."""
        return self._layout(entity).entity

    async def create(self, entity: str, values: Mapping[str, Scalar]) -> Record:
        """Create a record; read again where the answer does not hold it."""
        rows = self._layout(entity)
        answer = await self._ask("POST", self._set_of(rows.entity), body=rows.write(values, self._codec))
        page = read_page(answer.content)
        made = self._record(rows, page.rows[0]) if page is not None and page.rows else None
        if made is not None and made.id:
            return made
        link = answer.headers.get("location") or answer.headers.get("odata-entityid") or ""
        if not link:
            raise ApiUnavailable(
                f"{self._schema.name} created a {rows.entity.name} and did not say which", status=answer.status_code
            )
        found = read_page((await self._ask("GET", self._own_link(link))).content)
        if found is None or not found.rows:
            raise ApiUnavailable(f"{self._schema.name} did not show the {rows.entity.name} that it had created")
        return self._record(rows, found.rows[0])

    async def get(self, entity: str, record_id: str) -> Record | None:
        """The record; None where it does not exist (any more)."""
        rows = self._layout(entity)
        query = write_query({"$expand": rows.expand})
        try:
            answer = await self._ask("GET", self._key_of(rows, record_id) + query)
        except ApiRefused as error:
            if error.status == 404:
                return None
            raise
        page = read_page(answer.content)
        return self._record(rows, page.rows[0]) if page is not None and page.rows else None

    async def update(self, entity: str, record_id: str, values: Mapping[str, Scalar]) -> Record:
        """Change these properties alone; None clears; returns the record as stored.

        A list is replaced as a whole, so that what its items hold besides is sent with them.
        """
        rows = self._layout(entity)
        whole: Mapping[str, FieldValue] = values
        if lists_in(rows.entity, values):
            current = await self._read_again(rows.entity.name, record_id)
            whole = keep_items(rows.entity, values, current.values)
        method = "PATCH" if self._codec.version is Version.V4 else "MERGE"
        await self._ask(method, self._key_of(rows, record_id), body=rows.write(whole, self._codec))
        return await self._read_again(rows.entity.name, record_id)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete, or archive where the entity cannot be deleted; a record already gone is no error."""
        rows = self._layout(entity)
        try:
            if not rows.entity.deletable and rows.entity.archive is not None:
                await self.update(entity, record_id, dict([rows.entity.archive]))
            else:
                await self._ask("DELETE", self._key_of(rows, record_id))
        except ApiRefused as error:
            if error.status != 404:
                raise

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        """Records changed since the cursor, oldest change first; what has no stamp is read as a whole each time.

        A change is asked for twice: the cursor names the newest stamp of the reading before the last, so that a
        record which was stamped early and committed late is not lost.
        """
        rows = self._layout(entity)
        stamp = rows.entity.modified_field
        since, latest = read_cursor(cursor)
        query = {"$expand": rows.expand}
        if stamp is not None:
            query["$orderby"] = stamp.replace(".", "/")
            if since is not None:
                query["$filter"] = f"{stamp.replace('.', '/')} ge {self._codec.stamp_literal(since)}"
        found = [
            row async for row in self._list(self._set_of(rows.entity) + write_query(query), poll=self._shape(rows))
        ]
        records = tuple(self._record(rows, row) for row in found)
        newest = max((ms for row in found if (ms := self._stamp_of(rows, row)) is not None), default=None)
        return Changes(records=records, cursor=write_cursor(since, latest, newest) or cursor)

    async def cursor_now(self, entity: str) -> str | None:
        """A moment before the server's own time, where it has told it; None where everything has to be read."""
        if self._layout(entity).entity.modified_field is None or self._server_ms is None:
            return None
        moment = self._server_ms - MARGIN_MS
        return f"{moment}:{moment}"

    async def find(self, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Records whose property equals the value, compared by the service."""
        rows = self._layout(entity)
        place = rows.place(path)
        name = "/".join(place.steps) if place else path
        edm = place.edm if place else Edm.TEXT
        if edm is Edm.TEXT and place and place.field.type in {FieldType.ID, FieldType.REFERENCE} and is_guid(value):
            edm = Edm.GUID
        said = f"{name} eq {self._codec.literal(value, edm)}"
        if place is not None and place.field.list_at:
            said = f"{place.field.list_at.replace('.', '/')}/any(x: x/{said})"
        query = write_query({"$filter": said, "$expand": rows.expand})
        return tuple([self._record(rows, row) async for row in self._list(self._set_of(rows.entity) + query)])

    async def identify(self) -> Identity:
        """Nothing: OData has no way to ask who asks."""
        return Identity()

    async def preflight(self, entities: Sequence[str]) -> tuple[Finding, ...]:  # noqa: ARG002 - nothing to ask
        """Nothing: OData has no way to ask for rights."""
        return ()

    def _layout(self, entity: str) -> Rows:
        known = self._schema.entity(entity)
        name = known.name if known else entity
        if name not in self._rows:
            self._rows[name] = Rows(known or EntitySchema(name=name, fields=()), self._kinds(name))
        return self._rows[name]

    def _kinds(self, entity: str) -> Mapping[str, Edm]:  # noqa: ARG002 - a vendor knows more
        """Kinds that the types of fields do not tell, by path."""
        return {}

    def _set_of(self, entity: EntitySchema) -> str:
        return f"/{quote(entity.name, safe='/')}"

    def _key_of(self, rows: Rows, record_id: str) -> str:
        return f"{self._set_of(rows.entity)}({quote(self._key_literal(rows, record_id), safe='')})"

    def _key_literal(self, rows: Rows, record_id: str) -> str:
        place = rows.place(rows.entity.id_field)
        if is_guid(record_id):
            return self._codec.literal(record_id, Edm.GUID)
        if place is not None and place.edm is Edm.NUMBER and record_id.lstrip("-").isdecimal():
            return record_id
        return self._codec.literal(record_id, Edm.TEXT)

    def _shape(self, rows: Rows) -> PollShape:
        old = self._codec.version is Version.V2
        stamp = rows.entity.modified_field
        return PollShape(
            key=f"{self._schema.name}/{rows.entity.name}",
            items=("d", "results") if old else ("value",),
            id=tuple(rows.entity.id_field.split(".")),
            modified=tuple(stamp.split(".")) if stamp else (),
            last_page=((("d", "__next") if old else ("@odata.nextLink",), None),),
        )

    def _stamp_of(self, rows: Rows, row: Mapping[str, Any]) -> int | None:
        stamp = rows.entity.modified_field
        return None if stamp is None else self._codec.stamp_ms(step_down(row, stamp.split(".")))

    def _record(self, rows: Rows, row: Mapping[str, Any]) -> Record:
        entity = rows.entity
        values = rows.read(row, self._codec)
        place = rows.place(entity.id_field)
        record_id = values.get(entity.id_field) if place else self._codec.read(row.get(entity.id_field), Edm.TEXT)
        stamp_ms = self._stamp_of(rows, row)
        user = values.get(entity.modified_by_field) if entity.modified_by_field else None
        return Record(
            system=self._schema.name,
            entity=entity.name,
            id="" if record_id is None else str(record_id),
            values=values,
            modified=None if stamp_ms is None else iso_of_ms(stamp_ms - self._codec.offset_ms),
            modified_by=None if user is None else str(user),
        )

    async def _read_again(self, entity: str, record_id: str) -> Record:
        record = await self.get(entity, record_id)
        if record is None:
            raise ApiRefused(
                f"{self._schema.name} {entity} {record_id} does not exist (any more)", status=404, code="not_found"
            )
        return record

    async def _list(self, url: str, *, poll: PollShape | None = None) -> AsyncIterator[Mapping[str, Any]]:
        """Every row of every page."""
        following: str | None = url
        seen: set[str] = set()
        while following is not None:
            if following in seen or len(seen) > _MAX_PAGES:
                raise ApiUnavailable(f"{self._schema.name} repeats the pages of {url}")
            seen.add(following)
            answer = await self._ask("GET", following, poll=poll)
            page = read_page(answer.content)
            if page is None:
                raise ApiUnavailable(
                    f"{self._schema.name} answered GET {url} with {answer.status_code} and no rows",
                    status=answer.status_code,
                )
            self._heard(page.rows)
            for row in page.rows:
                yield row
            following = None if page.following is None else self._own_link(page.following)

    def _heard(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Told of the rows of each answer before they are read."""

    def _own_link(self, link: str) -> str:
        """A link of an answer, made absolute; one to elsewhere is refused: requests are signed."""
        base = self._account.url.rstrip("/") + "/"
        absolute = urljoin(base, link)
        wanted, told = urlsplit(base), urlsplit(absolute)
        if (wanted.scheme, wanted.netloc) != (told.scheme, told.netloc):
            raise ApiUnavailable(f"{self._schema.name} links to {told.netloc}, which is not {wanted.netloc}")
        return absolute

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        body: Mapping[str, Any] | None = None,
        poll: PollShape | None = None,
        accept: str | None = None,
    ) -> httpx.Response:
        content = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        purpose = Purpose.POLL if poll else Purpose.CONFIRM if method == "GET" else Purpose.WRITE
        headers = {"prefer": "return=representation"} if method == "POST" else {}
        if accept is not None:
            headers["accept"] = accept
        answer = await self._session.send(
            Call(
                method=method,
                url=url,
                purpose=purpose,
                headers=headers,
                body=content,
                poll=poll,
                repeatable=True if method == "MERGE" else None,
                judge=self._judge,
            )
        )
        self._note(method, url, answer)
        if answer.status_code >= 400:
            raise self._error(answer, f"{method} {url}")
        return answer

    def _note(self, method: str, url: str, answer: httpx.Response) -> None:  # noqa: ARG002 - a vendor tells more
        """Told of every answer, refusals included."""
        told = read_date(answer)
        self._server_ms = told if told is not None else self._server_ms

    def _judge(self, status: int, body: bytes) -> bool | None:  # noqa: ARG002 - a vendor knows more
        """Whether an answer is worth another call; None where its status tells."""
        return None

    def _error(self, answer: httpx.Response, what: str) -> ApiError:
        fault = read_fault(answer.content)
        said = fault.message if fault else "no reason given"
        message = f"{self._schema.name} refused {what} ({answer.status_code}): {said}"
        code = fault.code if fault else ""
        if answer.status_code == 429 or answer.status_code >= 500:
            return ApiUnavailable(message, status=answer.status_code, code=code)
        return ApiRefused(message, status=answer.status_code, code=code, fields=fault.targets if fault else ())


def read_date(answer: httpx.Response) -> int | None:
    """The server's clock as the `Date` header tells it, in milliseconds since 1970 (UTC)."""
    try:
        return int(parsedate_to_datetime(answer.headers.get_list("date")[0]).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def read_cursor(cursor: str | None) -> tuple[int | None, int | None]:
    """Milliseconds from which changes are asked for, and the newest that was seen."""
    since, _, latest = (cursor or "").partition(":")
    try:
        return int(since), int(latest)
    except ValueError:
        return None, None


def write_cursor(since: int | None, latest: int | None, newest: int | None) -> str | None:
    """The cursor after a reading that saw `newest`: the next one asks from what the last one had seen."""
    seen = [one for one in (latest, newest) if one is not None]
    if not seen:
        return None
    begin = latest if latest is not None else max(seen) - MARGIN_MS
    return f"{begin if since is None else max(since, begin)}:{max(seen)}"


def write_query(options: Mapping[str, str]) -> str:
    """The query of a URL, with its question mark; options without a value are left out."""
    said = "&".join(f"{name}={quote(value, safe=_UNQUOTED)}" for name, value in options.items() if value)
    return f"?{said}" if said else ""
