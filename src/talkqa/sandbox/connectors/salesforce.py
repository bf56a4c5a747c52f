"""The reference engine's connector for Salesforce.

Has its own code for the wire format and never touches a store. Conditional writes go by `If-Unmodified-Since`, which
minds whole seconds: a version that was read within the second of its own stamp is read again until that second is
over, or proves to be another one by then.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import FieldSchema, FieldType, SystemSchema
from talkqa.sandbox import draws
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, Values, WriteRefused

_AT = "/services/data/v62.0"
_STAMP = "SystemModstamp"
_READS_AGAIN = 25
"""How often a fresh version is read again at most: answers take long enough for a second to be over by then."""
_FILTERABLE_CHARS = 255
_BUSY = frozenset({"REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW", "INVALID_QUERY_LOCATOR", "QUERY_TIMEOUT"})
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_QUOTED = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


_KEPT: Mapping[str, FieldSchema] = {
    name: FieldSchema(path=name, type=kind, createable=False, updateable=False)
    for name, kind in (
        ("Id", FieldType.ID),
        ("IsDeleted", FieldType.BOOLEAN),
        ("LastModifiedDate", FieldType.DATETIME),
        (_STAMP, FieldType.DATETIME),
    )
}
"""What every object has, whether or not the schema says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """One object as the org describes it."""

    name: str
    fields: Mapping[str, FieldSchema]
    """By the org's own name, what rows are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """What a version tag says."""

    stamp: str
    settled: bool
    """Whether the second of the stamp was over when the version was read."""
    digest: str

    @classmethod
    def read(cls, tag: str) -> "_Version":
        stamp, settled, digest = tag.split("|")
        return cls(stamp=stamp, settled=settled == "settled", digest=digest)

    def __str__(self) -> str:
        return f"{self.stamp}|{'settled' if self.settled else 'fresh'}|{self.digest}"


class SalesforceConnector:
    """One org, as the engine's user."""

    def __init__(self, schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> None:
        self.schema = schema
        self._auth = account.auth
        self._http = httpx.AsyncClient(
            base_url=account.url,
            transport=transport,
            timeout=60,
            trust_env=False,  # no proxy between the engine and a system in the same process
        )
        self._token = ""
        self._signing_in = trio.Lock()
        self._objects: dict[str, _Object] = {}
        self._count = 0

    async def poll(self, entity: str, since: str | None) -> tuple[list[Fetched], str | None]:
        """Everything changed at or after a cursor, oldest change first, and the cursor for the next time."""
        known = await self._object(entity)
        where = f" WHERE {_STAMP} >= {since}" if since else ""
        order = f" ORDER BY {_STAMP}, Id"
        found = await self._query("queryAll", known, where + order)
        stamps = [stamp for one in found if isinstance(stamp := one.body.get(_STAMP), str)]
        return found, max([*stamps, *([since] if since else [])], default=None)

    async def find(self, entity: str, path: str, text: str) -> list[Fetched]:
        """The live records whose property has this text form."""
        known = await self._object(entity)
        field = next((one for one in known.fields.values() if one.path.casefold() == path.casefold()), None)
        if field is None:
            return []
        long = field.type is FieldType.TEXT and (field.max_length or 1 << 30) > _FILTERABLE_CHARS
        literal = None if long else _literal(field, text)
        if literal is None and not long:
            return []
        where = "" if long else f" WHERE {field.path} = {literal}"
        found = await self._query("query", known, where)
        return [one for one in found if _text_form(one.values.get(field.path)) == text]

    async def get(self, entity: str, record_id: str) -> Fetched:
        """The record as it is now.

        Raises:
            Gone: where it does not exist.
        """
        known = await self._object(entity)
        asked_at = self._tick()
        answer = await self._ask("GET", self._path(known, record_id))
        return self._read(known, answer.json(), asked_at, self._tick(), answer)

    async def create(self, entity: str, values: Mapping[str, FieldValue]) -> Fetched:
        """A new record, as stored.

        Raises:
            WriteRefused: with the fields that the system named.
        """
        known = await self._object(entity)
        answer = await self._ask("POST", f"{_AT}/sobjects/{known.name}", json=_body(values))
        return await self.get(entity, answer.json()["id"])

    async def update(self, entity: str, record_id: str, values: Mapping[str, FieldValue], etag: str | None) -> Fetched:
        """The record after these properties were changed, unless it is another version than the one named.

        Raises:
            Outdated: where the record was changed since.
            Gone: where it does not exist any more.
            WriteRefused: with the fields that the system named.
        """
        known = await self._object(entity)
        headers = await self._condition(entity, record_id, etag) if etag else {}
        await self._ask("PATCH", self._path(known, record_id), json=_body(values), headers=headers)
        return await self.get(entity, record_id)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete a record, or archive it where its system deletes none."""
        await self._ask("DELETE", self._path(await self._object(entity), record_id))

    async def _condition(self, entity: str, record_id: str, etag: str) -> dict[str, str]:
        """The header that lets a write through only while the record is the version named."""
        version = _Version.read(etag)
        for _ in range(_READS_AGAIN):
            if version.settled:
                break
            now = await self.get(entity, record_id)
            again = _Version.read(now.etag or "||")
            if (again.stamp, again.digest) != (version.stamp, version.digest):
                raise Outdated(f"{self.schema.name} {entity} {record_id} was changed since it was read", status=412)
            version = again
        moment = datetime.fromisoformat(version.stamp).astimezone(UTC)
        return {"If-Unmodified-Since": format_datetime(moment, usegmt=True)}

    async def _query(self, kind: str, known: _Object, rest: str) -> list[Fetched]:
        query = f"SELECT {','.join(known.fields)} FROM {known.name}{rest}"  # noqa: S608 - names that the org told
        found: list[Fetched] = []
        path, params = f"{_AT}/{kind}", {"q": query}
        while True:
            asked_at = self._tick()
            body = (await self._ask("GET", path, params=params or None)).json()
            known_at = self._tick()
            found += [self._read(known, row, asked_at, known_at, None) for row in body["records"]]
            if body["done"]:
                return found
            path, params = body["nextRecordsUrl"], {}

    async def _object(self, entity: str) -> _Object:
        """The object as the org describes it, asked once."""
        if entity not in self._objects:
            told = (await self._ask("GET", f"{_AT}/sobjects/{quote(entity, safe='')}/describe")).json()
            schema = self.schema.entity(entity)
            fields: dict[str, FieldSchema] = {}
            for one in told["fields"]:
                field = (schema.field(one["name"]) if schema else None) or _KEPT.get(one["name"])
                if field is not None and field.type is not FieldType.OPAQUE:
                    fields[one["name"]] = field
            self._objects[entity] = _Object(name=told["name"], fields=fields)
        return self._objects[entity]

    def _read(
        self, known: _Object, row: Mapping[str, Any], asked_at: int, known_at: int, answer: httpx.Response | None
    ) -> Fetched:
        values: Values = {}
        for name, field in known.fields.items():
            values[field.path] = _neutral(field, row.get(name))
        deleted = row.get("IsDeleted") is True
        schema = self.schema.entity(known.name)
        changed = values.get((schema.modified_field if schema else None) or "LastModifiedDate")
        modified = datetime.fromisoformat(changed) if isinstance(changed, str) else None
        etag = None
        if answer is not None:
            told = values.get(_STAMP)
            digest = draws.digest(json.dumps(values, sort_keys=True)).hex()
            etag = str(_Version(stamp=str(told), settled=_is_over(str(told), answer), digest=digest))
        return Fetched(
            id=str(row["Id"]),
            values=values,
            modified=modified,
            deleted=deleted,
            etag=etag,
            body=values,
            asked_at=asked_at,
            known_at=known_at,
        )

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        token = self._token or await self._sign_in("")
        answer = await self._try(method, path, token, options)
        if answer.status_code == 401:
            answer = await self._try(method, path, await self._sign_in(token), options)
        if answer.status_code < 300:
            return answer
        raise self._error(method, path, answer)

    async def _try(self, method: str, path: str, token: str, options: Mapping[str, Any]) -> httpx.Response:
        given = {**options, "headers": {**(options.get("headers") or {}), "Authorization": f"Bearer {token}"}}
        try:
            return await self._http.request(method, path, **given)
        except httpx.HTTPError as error:
            raise ApiUnavailable(f"{self.schema.name}: {method} {path}: {error}") from error

    async def _sign_in(self, dead: str) -> str:
        """A token that lives; one task asks for it, the others take what it got."""
        async with self._signing_in:
            if self._token and self._token != dead:
                return self._token
            form = {
                "grant_type": "client_credentials",
                "client_id": self._auth.client_id,
                "client_secret": self._auth.client_secret,
            }
            try:
                answer = await self._http.post(self._auth.token_url, data=form)
            except httpx.HTTPError as error:
                raise ApiUnavailable(f"{self.schema.name}: no token: {error}") from error
            if answer.status_code != 200:
                message = f"{self.schema.name}: no token: {answer.status_code} {answer.text[:200]}"
                raise ApiUnavailable(message, status=answer.status_code)
            self._token = str(answer.json()["access_token"])
            return self._token

    def _error(self, method: str, path: str, answer: httpx.Response) -> ApiError:
        status = answer.status_code
        told = answer.json() if answer.content.startswith(b"[") else []
        code = str(told[0].get("errorCode", "")) if told else ""
        said = "; ".join(str(one.get("message")) for one in told)
        message = f"{self.schema.name}: {method} {path}: {status} {code} {said}"
        if status == 429 or status >= 500 or code in _BUSY:
            return ApiUnavailable(message, status=status, code=code)
        if status == 412:
            return Outdated(message, status=status, code=code)
        if status == 404:
            return Gone(message, status=status, code=code)
        fields = tuple(name for one in told for name in one.get("fields") or ())
        return WriteRefused(message, status=status, code=code, fields=fields)

    def _path(self, known: _Object, record_id: str) -> str:
        return f"{_AT}/sobjects/{known.name}/{quote(record_id, safe='')}"

    def _tick(self) -> int:
        self._count += 1
        return self._count


def _body(values: Mapping[str, FieldValue]) -> dict[str, Scalar]:
    """A body without lists, which no object of the org has: the first of their values goes."""
    return {
        path: (value[0] if value else None) if isinstance(value, tuple) else value for path, value in values.items()
    }


def _neutral(field: FieldSchema, value: Any) -> Scalar:
    if value is None or isinstance(value, Mapping | list):
        return None
    if field.type is FieldType.DATETIME:
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    if field.type in _NUMBERS and isinstance(value, float) and value.is_integer():
        return int(value)
    return value  # type: ignore[no-any-return]  # a scalar of JSON


def _is_over(stamp: str, answer: httpx.Response) -> bool:
    """Whether the second of a stamp was over by the org's clock when it answered."""
    told = answer.headers.get_list("date")
    return bool(told) and parsedate_to_datetime(told[0]) > datetime.fromisoformat(stamp)


def _literal(field: FieldSchema, text: str) -> str | None:
    """A text form as a literal; None where no value of the field has it."""
    if field.type is FieldType.BOOLEAN:
        return text if text in ("true", "false") else None
    if field.type in _NUMBERS:
        return text if text.removeprefix("-").replace(".", "", 1).isdecimal() else None
    if field.type in (FieldType.DATE, FieldType.DATETIME):
        return _moment(field, text)
    if field.type in (FieldType.ID, FieldType.REFERENCE) and not (len(text) in (15, 18) and text.isalnum()):
        return None
    return f"'{text.translate(_QUOTED)}'"


def _moment(field: FieldSchema, text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if field.type is FieldType.DATE:
        return moment.date().isoformat()
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _text_form(value: FieldValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
