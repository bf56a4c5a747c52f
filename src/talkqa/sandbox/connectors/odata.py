"""The reference engine's connector for described OData services, version 4.

Has its own code for the wire format and never touches a store.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from talkqa.model.account import Account
from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.model.record import FieldValue
from talkqa.model.rest import GENERIC_API
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, WriteRefused
from talkqa.sandbox.connectors.rest_wire import Shape, with_items

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_ETAG = "@odata.etag"


class ODataConnector:
    """One service, as the engine's user."""

    def __init__(self, schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> None:
        self.schema = schema
        self._auth = account.auth
        self._http = httpx.AsyncClient(
            base_url=account.url,
            transport=transport,
            headers={"Accept": "application/json"},
            timeout=60,
            trust_env=False,  # no proxy between the engine and a system in the same process
        )
        self._token = ""
        self._shapes = {one.name: Shape(one, GENERIC_API, generic=False) for one in schema.entities}
        self._count = 0

    async def poll(self, entity: str, since: str | None) -> tuple[list[Fetched], str | None]:
        """Everything changed at or after a cursor, oldest change first, and the cursor for the next time."""
        stamp = self._shapes[entity].schema.modified_field
        if stamp is None:
            return (await self._list(entity, {}))[0], None
        named = stamp.replace(".", "/")
        query = {"$orderby": named} | ({"$filter": f"{named} ge {since}"} if since else {})
        found, first = await self._list(entity, query)
        # A record that is changed while pages are read moves to another one: begin with the first page next time.
        newest = max((one.modified for one in found[:first] if one.modified is not None), default=None)
        return found, since if newest is None else _instant(newest)

    async def find(self, entity: str, path: str, text: str) -> list[Fetched]:
        """The live records whose property has this text form."""
        field = self._shapes[entity].schema.field(path)
        literal = None if field is None else _literal(field, text)
        if field is None or literal is None:
            return []
        said = f"{field.path.replace('.', '/')} eq {literal}"
        if field.list_at is not None:
            said = (
                f"{field.list_at}/any(one: one/{field.path[len(field.list_at) + 1 :].replace('.', '/')} eq {literal})"
            )
        return (await self._list(entity, {"$filter": said}))[0]

    async def get(self, entity: str, record_id: str) -> Fetched:
        """The record as it is now.

        Raises:
            Gone: where it does not exist.
        """
        asked_at = self._tick()
        query = {"$expand": ",".join(_lists(self._shapes[entity].schema))}
        answer = await self._ask("GET", self._url(entity, record_id) + _query(query))
        return self._read(entity, answer.json(), asked_at, self._tick())

    async def create(self, entity: str, values: Mapping[str, FieldValue]) -> Fetched:
        """A new record, as stored.

        Raises:
            WriteRefused: with the fields that the system named.
        """
        asked_at = self._tick()
        answer = await self._ask("POST", f"/{entity}", self._shapes[entity].nested(values))
        return self._read(entity, answer.json(), asked_at, self._tick())

    async def update(self, entity: str, record_id: str, values: Mapping[str, FieldValue], etag: str | None) -> Fetched:
        """The record after these properties were changed, unless it is another version than the one named.

        Raises:
            Outdated: where the record was changed since.
            Gone: where it does not exist any more.
            WriteRefused: with the fields that the system named.
        """
        shape = self._shapes[entity]
        if any(path.startswith(f"{at}.") for path in values for at in _lists(shape.schema)):
            current = await self.get(entity, record_id)
            values, etag = with_items(shape.schema, values, current.values), etag or current.etag
        body = shape.nested(values)
        await self._ask("PATCH", self._url(entity, record_id), body, {"If-Match": etag} if etag else {})
        return await self.get(entity, record_id)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete a record, or archive it where its system deletes none."""
        await self._ask("DELETE", self._url(entity, record_id))

    async def _list(self, entity: str, query: Mapping[str, str]) -> tuple[list[Fetched], int]:
        """The records of all pages, and how many stood on the first."""
        found: list[Fetched] = []
        first: int | None = None
        expanded = {**query, "$expand": ",".join(_lists(self._shapes[entity].schema))}
        url: str | None = f"/{entity}{_query(expanded)}"
        while url is not None:
            asked_at = self._tick()
            body = (await self._ask("GET", url)).json()
            known_at = self._tick()
            found += [self._read(entity, row, asked_at, known_at) for row in body["value"]]
            first = len(found) if first is None else first
            url = body.get("@odata.nextLink")
        return found, first or 0

    def _read(self, entity: str, row: dict[str, Any], asked_at: int, known_at: int) -> Fetched:
        shape = self._shapes[entity]
        etag = row.pop(_ETAG, None)
        values = shape.flat(row)
        stamp = values.get(shape.schema.modified_field or "")
        return Fetched(
            id=str(values[shape.schema.id_field]),
            values=values,
            modified=datetime.fromisoformat(stamp) if isinstance(stamp, str) else None,
            deleted=False,
            etag=etag,
            body=values,
            asked_at=asked_at,
            known_at=known_at,
        )

    def _url(self, entity: str, record_id: str) -> str:
        field = self._shapes[entity].schema.field(self._shapes[entity].schema.id_field)
        bare = _GUID.fullmatch(record_id) or (field is not None and field.type is FieldType.INTEGER)
        return f"/{entity}({record_id if bare else quote(_quoted(record_id), safe='')})"

    async def _ask(
        self, method: str, url: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        answer = await self._send(method, url, body, headers or {})
        if answer.status_code == 401:
            self._token = ""
            answer = await self._send(method, url, body, headers or {})
        if answer.status_code < 400:
            return answer
        raise self._error(method, url, answer)

    async def _send(
        self, method: str, url: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
    ) -> httpx.Response:
        try:
            if not self._token:
                self._token = await self._sign_in()
            signed = {**headers, "Authorization": f"Bearer {self._token}"}
            return await self._http.request(method, url, json=body, headers=signed)
        except httpx.HTTPError as error:
            raise ApiUnavailable(f"{self.schema.name}: {method} {url.partition('?')[0]}: {error}") from error

    async def _sign_in(self) -> str:
        pair = {"client_id": self._auth.client_id, "client_secret": self._auth.client_secret}
        form = {"grant_type": "client_credentials", **pair}
        answer = await self._http.post(self._auth.token_url, data=form)
        if answer.status_code != 200:
            raise ApiUnavailable(f"{self.schema.name}: no token: {answer.status_code}", status=answer.status_code)
        return str(answer.json()["access_token"])

    def _error(self, method: str, url: str, answer: httpx.Response) -> ApiError:
        status = answer.status_code
        try:
            told = answer.json()["error"]
            problems = [told, *told.get("details", ())]
        except (ValueError, KeyError, TypeError, AttributeError):
            problems = []
        said = "; ".join(str(one.get("message")) for one in problems)
        message = f"{self.schema.name}: {method} {url.partition('?')[0]}: {status} {said}"
        code = str(problems[0].get("code", "")) if problems else ""
        if status == 429 or status >= 500:
            return ApiUnavailable(message, status=status, code=code)
        if status in (404, 412):
            return (Gone if status == 404 else Outdated)(message, status=status, code=code)
        fields = tuple(str(one["target"]).replace("/", ".") for one in problems if one.get("target"))
        return WriteRefused(message, status=status, code=code, fields=fields)

    def _tick(self) -> int:
        self._count += 1
        return self._count


def _lists(entity: EntitySchema) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.list_at for one in entity.fields if one.list_at and "." not in one.list_at))


def _query(options: Mapping[str, str]) -> str:
    said = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items() if value)
    return f"?{said}" if said else ""


def _instant(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _literal(field: FieldSchema, text: str) -> str | None:
    """A text form as a literal of the field's type; None where no value of the type has that form."""
    if field.type in (FieldType.REFERENCE, FieldType.ID) and _GUID.fullmatch(text):
        return text
    if field.type is FieldType.BOOLEAN:
        return text if text in ("true", "false") else None
    if field.type in (FieldType.INTEGER, FieldType.DECIMAL):
        return text if _NUMBER.fullmatch(text) else None
    if field.type in (FieldType.DATE, FieldType.DATETIME):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return None
        return text
    return _quoted(text)
