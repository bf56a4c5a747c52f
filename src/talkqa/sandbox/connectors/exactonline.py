"""The reference engine's connector for Exact Online: plain paths by `Modified`, deletions from their own feed.

Has its own code for the wire format and never touches a store. It adds what Exact Online wants of every record and no
flow gives: accounts are customers, a quotation or an order has a line.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.model.record import FieldValue
from talkqa.model.schema import SystemSchema
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, WriteRefused
from talkqa.sandbox.connectors.exactonline_wire import (
    EPOCH,
    GUID,
    LONG_AGO,
    PATHS,
    Shape,
    has_blanks,
    literal,
    literal_of_ms,
    ms_of,
    read_values,
    text_of,
    write_body,
)

_NAMED = re.compile(r":\s*([^:\r\n]+?)\s*(?:[\r\n]|$)|property '(\w+)'")
_UNQUOTED = "',()"
_WAITS = 5
"""How often one call waits for a new minute."""
_PLENTY = 1000
"""Calls a minute that nobody has to be sparing of."""
_MINUTE_S = 60.0
_CALLS_OF_POLL = 2
"""Rows and deletions."""
_DEFAULT_ITEM = {"Code": "TALK-DEFAULT", "Description": "Talk default", "IsSalesItem": True}


class ExactOnlineConnector:
    """One company, as the engine's user."""

    def __init__(self, schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> None:
        self.schema = schema
        self._base = f"/api/v1/{account.options['division']}"
        self._http = httpx.AsyncClient(
            base_url=account.url,
            transport=transport,
            headers={"Authorization": f"Bearer {account.auth.token}", "Accept": "application/json"},
            timeout=60,
            trust_env=False,  # no proxy between the engine and a system in the same process
        )
        self._shapes = {e.name: Shape.of(e) for e in schema.entities if e.name.casefold() in PATHS}
        self._count = 0
        self._ahead = timedelta()
        self._gone: dict[int, Mapping[str, Any]] = {}
        """Row version to row of the feed of deletions, which all entities share."""
        self._gone_readings = 0
        self._gone_known: dict[str, int] = {}
        self._item: str | None = None
        self._item_lock = trio.Lock()
        self._a_minute: int | None = None
        """Calls that the company allows in a minute; None before it told."""
        self._next_poll_s = 0.0

    async def poll(self, entity: str, since: str | None) -> tuple[list[Fetched], str | None]:
        """Everything changed at or after a cursor, oldest change first, deletions last, and the cursor after it."""
        await self._spare()
        shape = self._shapes[entity]
        from_ms, _, deleted = (since or "").partition("/")
        stamp = shape.entity.modified_field
        begin = literal_of_ms(int(from_ms)) if from_ms else LONG_AGO
        found, first = await self._read(shape, f"{stamp} ge {begin}" if stamp else "")
        gone, position = await self._deletions(shape, int(deleted or 0))
        found.sort(key=lambda one: (one.modified or EPOCH, one.id))
        # What changed while the later pages were read may be newer than what the first page had.
        newest = max([int(from_ms or 0), *first])
        return found + gone, f"{newest}/{position}"

    async def find(self, entity: str, path: str, text: str) -> list[Fetched]:
        """The live records whose property has this text form."""
        shape = self._shapes[entity]
        field = shape.entity.field(path)
        if field is None or field.list_at is not None:
            return []
        wanted = literal(field, text, self._ahead)
        if wanted is None:
            return []
        name = f"trim({field.path})" if has_blanks(shape, field.path) else field.path
        beside = f" and {shape.entity.modified_field} ge {LONG_AGO}" if shape.entity.modified_field else ""
        found, _ = await self._read(shape, f"{name} eq {wanted}{beside}")
        # The database folds letter case; what is only nearly equal is no match.
        return [one for one in found if text_of(one.values.get(field.path)) == text]

    async def get(self, entity: str, record_id: str) -> Fetched:
        """The record as it is now.

        Raises:
            Gone: where it does not exist.
        """
        shape = self._shapes[entity]
        found: list[Fetched] = []
        if GUID.fullmatch(record_id):
            found, _ = await self._read(shape, f"{shape.entity.id_field} eq guid'{record_id}'")
        if not found:
            raise Gone(f"{self.schema.name}: no {entity} {record_id}", status=404, code="not_found")
        return found[0]

    async def create(self, entity: str, values: Mapping[str, FieldValue]) -> Fetched:
        """A new record, as stored.

        Raises:
            WriteRefused: with the fields that the system named.
        """
        shape = self._shapes[entity]
        body = write_body(shape, values, self._ahead)
        await self._complete(shape, body)
        asked_at = self._tick()
        answer = await self._ask("POST", f"{self._base}/{shape.path}", body)
        made = answer.json()["d"]
        try:
            return await self.get(entity, str(made[shape.entity.id_field]))
        except ApiUnavailable:
            # It exists: to say otherwise would make a second one.
            return self._fetched(shape, made, asked_at, self._tick())

    async def update(self, entity: str, record_id: str, values: Mapping[str, FieldValue], etag: str | None) -> Fetched:
        """The record after these properties were changed, unless it is another version than the one named.

        Raises:
            Outdated: where the record was changed since.
            Gone: where it does not exist any more.
            WriteRefused: with the fields that the system named.
        """
        shape = self._shapes[entity]
        if etag is not None and (await self.get(entity, record_id)).etag != etag:
            raise Outdated(f"{self.schema.name}: {entity} {record_id} was changed meanwhile")
        await self._ask("PUT", f"{self._base}/{shape.path}(guid'{record_id}')", write_body(shape, values, self._ahead))
        return await self.get(entity, record_id)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete a record, or archive it where its system deletes none."""
        await self._ask("DELETE", f"{self._base}/{self._shapes[entity].path}(guid'{record_id}')")

    async def _complete(self, shape: Shape, body: dict[str, Any]) -> None:
        """Add what Exact Online wants of every record of its kind."""
        name = shape.entity.name.casefold()
        if name == "accounts":
            body.setdefault("Status", "C")
        elif name == "items":
            body.setdefault("IsSalesItem", True)
        elif name == "contacts" and not body.get("FirstName") and not body.get("LastName"):
            body["LastName"] = "Talk default"
        if shape.line_list is not None and not body.get(shape.line_list):
            body[shape.line_list] = [{"Item": await self._default_item(), "Quantity": 1}]

    async def _default_item(self) -> str:
        """The item on lines that nobody wrote; made when it is first needed."""
        async with self._item_lock:
            if self._item is None:
                query = f"$filter=Code eq '{_DEFAULT_ITEM['Code']}'&$select=ID"
                found, _ = await self._pages(f"{self._base}/logistics/Items?{quote(query, safe='$=&')}")
                if not found:
                    answer = await self._ask("POST", f"{self._base}/logistics/Items", _DEFAULT_ITEM)
                    found = [answer.json()["d"]]
                self._item = str(found[0]["ID"])
            return self._item

    async def _read(self, shape: Shape, said: str) -> tuple[list[Fetched], list[int]]:
        """The records that a filter lets through, and the stamps of those on the first page."""
        query = f"$select={shape.select}"
        if said:
            query += f"&$filter={quote(said, safe=_UNQUOTED)}"
        if shape.line_list is not None:
            query += f"&$expand={shape.line_list}"
        asked_at = self._tick()
        rows, first = await self._pages(f"{self._base}/{shape.path}?{query}")
        known_at = self._tick()
        stamp = shape.entity.modified_field or ""
        stamps = [ms for row in rows[:first] if (ms := ms_of(row.get(stamp))) is not None]
        return [self._fetched(shape, row, asked_at, known_at) for row in rows], stamps

    async def _deletions(self, shape: Shape, position: int) -> tuple[list[Fetched], int]:
        """What was deleted after a row version; asked only where nobody has since this entity last looked."""
        asked_at = self._tick()
        name = shape.entity.name
        if self._gone_readings <= self._gone_known.get(name, 0):
            select = "Timestamp,EntityKey,EntityType,DeletedDate"
            query = f"$filter={quote(f'Timestamp gt {max(self._gone, default=0)}L')}&$select={select}"
            rows, _ = await self._pages(f"{self._base}/sync/Deleted?{query}")
            self._gone |= {int(row["Timestamp"]): row for row in rows}
            self._gone_readings += 1
        self._gone_known[name] = self._gone_readings
        known_at = self._tick()
        gone = [
            Fetched(
                id=str(row["EntityKey"]).lower(),
                values={},
                modified=self._moment(row.get("DeletedDate")),
                deleted=True,
                etag=None,
                body={"deleted": True},
                asked_at=asked_at,
                known_at=known_at,
            )
            for version, row in sorted(self._gone.items())
            if version > position and int(row["EntityType"]) in shape.deleted_types
        ]
        return gone, max([position, *self._gone])

    async def _pages(self, url: str) -> tuple[list[dict[str, Any]], int]:
        """The rows of all pages, and how many stood on the first."""
        rows: list[dict[str, Any]] = []
        first: int | None = None
        following: str | None = url
        while following is not None:
            answer = await self._ask("GET", following)
            inner = answer.json()["d"]
            page = inner["results"] if isinstance(inner, dict) else inner
            rows += page
            first = len(page) if first is None else first
            following = inner.get("__next") if isinstance(inner, dict) else None
            self._calibrate(answer, page)
        return rows, first or 0

    def _calibrate(self, answer: httpx.Response, rows: Iterable[Mapping[str, Any]]) -> None:
        """Stamps that are ahead of the server's own clock are in its local time: whole hours ahead."""
        stamps = [ms for row in rows if (ms := ms_of(row.get("Modified"))) is not None]
        if "date" not in answer.headers or not stamps:
            return
        told = parsedate_to_datetime(answer.headers.get_list("date")[0])
        ahead = EPOCH + timedelta(milliseconds=max(stamps)) - told
        hours = round((ahead + timedelta(minutes=20)) / timedelta(hours=1))
        self._ahead = max(self._ahead, timedelta(hours=hours if ahead > timedelta(minutes=10) else 0))

    def _fetched(self, shape: Shape, row: Mapping[str, Any], asked_at: int, known_at: int) -> Fetched:
        values = read_values(shape, row, self._ahead)
        stamp = row.get(shape.entity.modified_field or "")
        return Fetched(
            id=str(row[shape.entity.id_field]).lower(),
            values=values,
            modified=self._moment(stamp),
            deleted=False,
            etag=str(stamp),
            body=values,
            asked_at=asked_at,
            known_at=known_at,
        )

    def _moment(self, value: object) -> datetime | None:
        ms = ms_of(value)
        return None if ms is None else EPOCH + timedelta(milliseconds=ms) - self._ahead

    async def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        headers = {"Prefer": "return=representation"} if method == "POST" else {}
        for waits in range(_WAITS + 1):
            try:
                answer = await self._http.request(method, url, json=body, headers=headers)
            except httpx.HTTPError as error:
                raise ApiUnavailable(f"{self.schema.name}: {method} {url}: {error}") from error
            told = answer.headers.get("X-RateLimit-Minutely-Limit", "")
            self._a_minute = int(told) if told.isdecimal() else self._a_minute
            if answer.status_code < 400:
                return answer
            pause_s = _pause_s(answer)
            if answer.status_code != 429 or pause_s is None or waits == _WAITS:
                break
            await trio.sleep(pause_s)
        raise self._error(method, url, answer)

    async def _spare(self) -> None:
        """Let a poll wait, so that of limited calls the polls of all entities leave half to the work."""
        if self._a_minute is None or self._a_minute >= _PLENTY:
            return
        now_s = trio.current_time()
        begin_s = max(now_s, self._next_poll_s)
        self._next_poll_s = begin_s + _CALLS_OF_POLL * _MINUTE_S / (self._a_minute / 2)
        await trio.sleep(begin_s - now_s)

    def _error(self, method: str, url: str, answer: httpx.Response) -> ApiError:
        status = answer.status_code
        try:
            said = str(json.loads(answer.content)["error"]["message"]["value"])
        except (ValueError, KeyError, TypeError):
            said = ""
        message = f"{self.schema.name}: {method} {url.partition('?')[0]}: {status} {said}"
        if status == 429 or (status >= 500 and not said):
            return ApiUnavailable(message, status=status)
        if status == 404:
            return Gone(message, status=status, code="not_found")
        fields = tuple((label or name).replace(" ", "") for label, name in _NAMED.findall(said))
        return WriteRefused(message, status=status, code="refused", fields=fields)

    def _tick(self) -> int:
        self._count += 1
        return self._count


def _pause_s(answer: httpx.Response) -> float | None:
    """Seconds until the minute that is spent ends; None where the answer does not tell."""
    reset = answer.headers.get("X-RateLimit-Minutely-Reset", "")
    if not reset.isdecimal() or "date" not in answer.headers:
        return None
    told = parsedate_to_datetime(answer.headers.get_list("date")[0])
    return min(max(int(reset) / 1000 - told.timestamp(), 1.0), 61.0)
