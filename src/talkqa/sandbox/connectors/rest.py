"""The reference engine's connector for systems that speak REST.

Has its own code for the wire format and never touches a store.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from talkqa.model.account import Account
from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.model.record import FieldValue
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, Values, WriteRefused


@dataclass(slots=True)
class _Shape:
    """How one entity's bodies are read and written."""

    id_steps: list[str]
    stamp_steps: list[str]
    lists: dict[str, str]
    """Path to the prefix that is a list."""
    dotted: frozenset[str]
    """Paths below another path that is itself a field: their key holds the dots."""


class RestConnector:
    """One system, as the engine's user."""

    def __init__(self, schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> None:
        self.schema = schema
        self._http = httpx.AsyncClient(
            base_url=account.url,
            transport=transport,
            headers={"Authorization": f"Bearer {account.auth.token}"},
            timeout=60,
            trust_env=False,  # no proxy between the engine and a system in the same process
        )
        self._shapes: dict[str, _Shape] = {e.name: _shape(e) for e in schema.entities}
        self._count = 0

    async def poll(self, entity: str, since: str | None) -> tuple[list[Fetched], str | None]:
        """Everything changed at or after a cursor, oldest change first, and the cursor for the next time."""
        query = {"limit": "200"} if since is None else {"limit": "200", "since": since}
        found: list[Fetched] = []
        cursor: str | None = None
        while True:
            asked_at = self._tick()
            body = (await self._ask("GET", f"/{quote(entity, safe='')}", params=query)).json()
            known_at = self._tick()
            found += [self._read(entity, record, None, asked_at, known_at) for record in body["records"]]
            cursor = cursor or body["cursor"]
            if body["next"] is None:
                return found, cursor
            query["after"] = body["next"]

    async def find(self, entity: str, path: str, text: str) -> list[Fetched]:
        """The live records whose property has this text form."""
        asked_at = self._tick()
        answer = await self._ask("GET", f"/{quote(entity, safe='')}", params={"where": path, "equals": text})
        known_at = self._tick()
        return [self._read(entity, record, None, asked_at, known_at) for record in answer.json()["records"]]

    async def get(self, entity: str, record_id: str) -> Fetched:
        """The record as it is now.

        Raises:
            Gone: where it does not exist.
        """
        return await self._single("GET", entity, record_id)

    async def create(self, entity: str, values: Mapping[str, FieldValue]) -> Fetched:
        """A new record, as stored.

        Raises:
            WriteRefused: with the fields that the system named.
        """
        return await self._single("POST", entity, None, values)

    async def update(self, entity: str, record_id: str, values: Mapping[str, FieldValue], etag: str | None) -> Fetched:
        """The record after these properties were changed, unless it is another version than the one named.

        Raises:
            Outdated: where the record was changed since.
            Gone: where it does not exist any more.
            WriteRefused: with the fields that the system named.
        """
        return await self._single("PATCH", entity, record_id, values, etag)

    async def _single(
        self,
        method: str,
        entity: str,
        record_id: str | None,
        values: Mapping[str, FieldValue] | None = None,
        etag: str | None = None,
    ) -> Fetched:
        path = f"/{quote(entity, safe='')}" + (f"/{quote(record_id, safe='')}" if record_id is not None else "")
        asked_at = self._tick()
        answer = await self._ask(
            method,
            path,
            json=None if values is None else _nested(self._shapes[entity], values),
            headers={"If-Match": etag} if etag else None,
        )
        return self._read(entity, answer.json(), answer.headers.get("etag"), asked_at, self._tick())

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ApiUnavailable(f"{self.schema.name}: {method} {path}: {error}") from error
        if answer.status_code < 400:
            return answer
        raise self._error(method, path, answer)

    def _error(self, method: str, path: str, answer: httpx.Response) -> ApiError:
        status = answer.status_code
        problems: list[dict[str, Any]] = answer.json().get("errors", []) if answer.content else []
        code = problems[0]["code"] if problems else ""
        message = f"{self.schema.name}: {method} {path}: {status} " + "; ".join(p["message"] for p in problems)
        if status == 429 or status >= 500:
            return ApiUnavailable(message, status=status, code=code)
        if code == "conflict":
            return Outdated(message, status=status, code=code)
        if code == "not_found":
            return Gone(message, status=status, code=code)
        fields = tuple(p["field"] for p in problems if p.get("field"))
        return WriteRefused(message, status=status, code=code, fields=fields)

    def _read(self, entity: str, body: Mapping[str, Any], etag: str | None, asked_at: int, known_at: int) -> Fetched:
        shape = self._shapes[entity]
        stamp = _at(body, shape.stamp_steps)
        return Fetched(
            id=str(_at(body, shape.id_steps)),
            values=_flat(shape, body),
            modified=datetime.fromisoformat(stamp) if isinstance(stamp, str) else None,
            deleted=body.get("deleted") is True,
            etag=etag,
            body=body,
            asked_at=asked_at,
            known_at=known_at,
        )

    def _tick(self) -> int:
        self._count += 1
        return self._count


def _shape(schema: EntitySchema) -> _Shape:
    paths = {f.path for f in schema.fields}
    return _Shape(
        id_steps=schema.id_field.split("."),
        stamp_steps=(schema.modified_field or "_modified").split("."),
        lists={f.path: f.list_at for f in schema.fields if f.list_at},
        dotted=frozenset(f.path for f in schema.fields if _below(f.path) & paths - {f.list_at or ""}),
    )


def _below(path: str) -> set[str]:
    return {path[:at] for at, letter in enumerate(path) if letter == "."}


def _at(body: Any, steps: Iterable[str]) -> Any:
    for step in steps:
        body = body.get(step) if isinstance(body, Mapping) else None
    return body


def _flat(shape: _Shape, body: Mapping[str, Any], prefix: str = "") -> Values:
    values: Values = {}
    for key, value in body.items():
        path = prefix + key
        if isinstance(value, Mapping):
            values.update(_flat(shape, value, path + "."))
        elif isinstance(value, list):
            if not any(isinstance(item, Mapping) for item in value):
                if value or path in shape.lists:
                    values[path] = tuple(value)
                continue
            rows = [_flat(shape, item, path + ".") for item in value]
            for inner in {inner: None for row in rows for inner in row}:
                values[inner] = tuple(_one(row.get(inner)) for row in rows)
        else:
            values[path] = value
    return values


def _one(value: FieldValue) -> Any:
    return (value[0] if value else None) if isinstance(value, tuple) else value


def _nested(shape: _Shape, values: Mapping[str, FieldValue]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for path, value in values.items():
        at = shape.lists.get(path)
        if path in shape.dotted:
            body[path] = list(value) if isinstance(value, tuple) else value
        elif at is None:
            _place(body, path.split("."), value)
        elif at == path:
            _place(body, path.split("."), list(value) if isinstance(value, tuple) else value)
        else:
            _spread(body, at, path[len(at) + 1 :], value)
    return body


def _place(body: dict[str, Any], steps: list[str], value: Any) -> None:
    for step in steps[:-1]:
        body = body.setdefault(step, {})
    body[steps[-1]] = value


def _spread(body: dict[str, Any], at: str, inner: str, value: FieldValue) -> None:
    """Put a column of values into the items of a list, which grows as needed."""
    steps = at.split(".")
    for step in steps[:-1]:
        body = body.setdefault(step, {})
    items = body.setdefault(steps[-1], [])
    for row, item in enumerate(value if isinstance(value, tuple) else (value,)):
        if row == len(items):
            items.append({})
        _place(items[row], inner.split("."), item)
