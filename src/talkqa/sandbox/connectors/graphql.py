"""The reference engine's connector for described GraphQL systems.

Has its own code for the wire format and never touches a store. The dialect has no conditional write: a record is read
again right before it is changed.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import httpx

from talkqa.model.account import Account
from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.model.graphql import GraphqlApi, GraphqlEntity
from talkqa.model.record import FieldValue
from talkqa.model.rest import GENERIC_API
from talkqa.model.schema import EntitySchema, FieldType, SystemSchema
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, WriteRefused
from talkqa.sandbox.connectors.rest_wire import Shape, look, with_items

_GONE = "NOT_FOUND"


class GraphqlConnector:
    """One system, as the engine's user."""

    def __init__(self, schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> None:
        self.schema = schema
        self._api = schema.graphql or GraphqlApi()
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
        found, first = await self._list(entity, since)
        # What changes while pages are read may be older than what a later page shows.
        newest = max((one.modified for one in found[:first] if one.modified is not None), default=None)
        found.sort(key=lambda one: one.modified.timestamp() if one.modified else 0.0)
        return found, since if newest is None else newest.isoformat().replace("+00:00", "Z")

    async def find(self, entity: str, path: str, text: str) -> list[Fetched]:
        """The live records whose property has this text form."""
        found, _ = await self._list(entity, None)
        return [one for one in found if text in _texts(one.values.get(path))]

    async def get(self, entity: str, record_id: str) -> Fetched:
        """The record as it is now.

        Raises:
            Gone: where it does not exist.
        """
        names = self._names(entity)
        asked_at = self._tick()
        text = f"query($id: ID!) {{ {names.get}(id: $id) {self._shown(entity)} }}"
        node = (await self._ask(text, {"id": record_id}))[names.get]
        if node is None:
            raise Gone(f"{self.schema.name}: no {entity} {record_id}", status=404, code=_GONE)
        return self._read(entity, node, asked_at, self._tick())

    async def create(self, entity: str, values: Mapping[str, FieldValue]) -> Fetched:
        """A new record, as stored.

        Raises:
            WriteRefused: with the fields that the system named.
        """
        names = self._names(entity)
        head = f"mutation($input: {names.create_input}!)"
        return await self._write(entity, head, names.create, "", {"input": self._input(entity, values)})

    async def update(self, entity: str, record_id: str, values: Mapping[str, FieldValue], etag: str | None) -> Fetched:
        """The record after these properties were changed, unless it is another version than the one named.

        Raises:
            Outdated: where the record was changed since.
            Gone: where it does not exist any more.
            WriteRefused: with the fields that the system named.
        """
        current = await self.get(entity, record_id)
        if etag is not None and current.etag != etag:
            raise Outdated(f"{self.schema.name}: {entity} {record_id} was changed meanwhile")
        values = with_items(self._shapes[entity].schema, values, current.values)
        names = self._names(entity)
        head = f"mutation($id: ID!, $input: {names.update_input}!)"
        variables = {"id": record_id, "input": self._input(entity, values)}
        return await self._write(entity, head, names.update, "id: $id, ", variables)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete a record, or archive it where its system deletes none."""
        shown = self._api.deleted or (f"{self._api.errors} {{ message }}" if self._api.errors else "")
        text = f"mutation($id: ID!) {{ {self._names(entity).delete}(id: $id) {f'{{ {shown} }}' if shown else ''} }}"
        await self._ask(text, {"id": record_id})

    async def _write(self, entity: str, head: str, name: str, arguments: str, variables: Mapping[str, Any]) -> Fetched:
        shown = self._shown(entity)
        for depth, step in reversed(list(enumerate(self._api.payload))):
            beside = f" {self._api.errors} {{ message field }}" if depth == 0 and self._api.errors else ""
            shown = f"{{ {step} {shown}{beside} }}"
        asked_at = self._tick()
        text = f"{head} {{ {name}({arguments}{self._api.input_argument}: $input) {shown} }}"
        told = (await self._ask(text, variables))[name]
        problems = (told or {}).get(self._api.errors) if self._api.errors else None
        if problems:
            fields = tuple(".".join(one["field"]) for one in problems if one.get("field"))
            said = "; ".join(str(one["message"]) for one in problems)
            raise WriteRefused(f"{self.schema.name}: {name}: {said}", status=200, code="refused", fields=fields)
        return self._read(entity, look(told, self._api.payload), asked_at, self._tick())

    async def _list(self, entity: str, since: str | None) -> tuple[list[Fetched], int]:
        """The records of all pages, and how many stood on the first."""
        api, names = self._api, self._names(entity)
        shown = self._shown(entity)
        for depth, step in reversed(list(enumerate((*api.records, *api.record)))):
            info = " pageInfo { hasNextPage endCursor }" if depth == 0 and api.paging == "cursor" else ""
            shown = f"{{ {step} {shown}{info} }}"
        found: list[Fetched] = []
        first: int | None = None
        position: Any = None
        while True:
            given: dict[str, tuple[str, str, Any]] = {}
            if api.paging != "none":
                given["size"] = ("Int", api.size_argument, api.size)
            if position is not None:
                kind = "String" if api.paging == "cursor" else "Int"
                given["position"] = (kind, api.position_argument, position)
            if since is not None and api.since:
                given["since"] = (api.since_type, api.since, since)
            asked_at = self._tick()
            body = (await self._ask(_listing(names.list, given, shown), {n: one[2] for n, one in given.items()}))[
                names.list
            ]
            known_at = self._tick()
            rows = look(body, api.records) if api.records else body
            found += [self._read(entity, look(row, api.record), asked_at, known_at) for row in rows]
            first = len(found) if first is None else first
            if api.paging == "cursor" and body["pageInfo"]["hasNextPage"]:
                position = body["pageInfo"]["endCursor"]
            elif api.paging == "offset" and len(rows) == api.size:
                position = len(found)
            else:
                return found, first

    def _read(self, entity: str, node: dict[str, Any], asked_at: int, known_at: int) -> Fetched:
        shape = self._shapes[entity]
        values = shape.flat(node)
        stamp = values.get(shape.schema.modified_field or "")
        return Fetched(
            id=str(values[shape.schema.id_field]),
            values=values,
            modified=datetime.fromisoformat(stamp) if isinstance(stamp, str) else None,
            deleted=False,
            etag=json.dumps(values, sort_keys=True),
            body=values,
            asked_at=asked_at,
            known_at=known_at,
        )

    def _input(self, entity: str, values: Mapping[str, FieldValue]) -> dict[str, Any]:
        shape = self._shapes[entity]
        named = {}
        for path, value in values.items():
            field = shape.schema.field(path)
            by_alias = field is not None and field.type is FieldType.REFERENCE and field.aliases
            named[field.aliases[0] if by_alias and field is not None else path] = value
        return shape.nested(named)

    def _shown(self, entity: str) -> str:
        schema = self._shapes[entity].schema
        return _braces(field.path.split(".") for field in schema.fields if field.type is not FieldType.OPAQUE)

    def _names(self, entity: str) -> GraphqlEntity:
        schema: EntitySchema = self._shapes[entity].schema
        return schema.graphql or GraphqlEntity()

    async def _ask(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an answer."""
        answer = await self._send(text, variables)
        if answer.status_code == 401:
            self._token = ""
            answer = await self._send(text, variables)
        try:
            body = answer.json()
        except ValueError:
            body = {}
        errors = body.get("errors") or []
        if not errors and answer.status_code < 400 and body.get("data") is not None:
            return dict(body["data"])
        raise self._error(answer.status_code, errors)

    async def _send(self, text: str, variables: Mapping[str, Any]) -> httpx.Response:
        try:
            if not self._token:
                self._token = await self._sign_in()
            signed = {"Authorization": f"Bearer {self._token}"}
            body = {"query": text, "variables": variables}
            return await self._http.post(self._api.path, json=body, headers=signed)
        except httpx.HTTPError as error:
            raise ApiUnavailable(f"{self.schema.name}: {error}") from error

    async def _sign_in(self) -> str:
        pair = {"client_id": self._auth.client_id, "client_secret": self._auth.client_secret}
        form = {"grant_type": "client_credentials", **pair}
        answer = await self._http.post(self._auth.token_url, data=form)
        if answer.status_code != 200:
            raise ApiUnavailable(f"{self.schema.name}: no token: {answer.status_code}", status=answer.status_code)
        return str(answer.json()["access_token"])

    def _error(self, status: int, errors: list[Mapping[str, Any]]) -> ApiError:
        told = [one.get("extensions") or {} for one in errors]
        code = next((str(one["code"]) for one in told if one.get("code")), "")
        message = f"{self.schema.name}: {status} {'; '.join(str(one.get('message')) for one in errors)}"
        if status == 429 or status >= 500 or not errors:
            return ApiUnavailable(message, status=status, code=code)
        if code == _GONE:
            return Gone(message, status=status, code=code)
        fields = tuple(str(one["field"]) for one in told if one.get("field"))
        return WriteRefused(message, status=status, code=code, fields=fields)

    def _tick(self) -> int:
        self._count += 1
        return self._count


def _listing(name: str, given: Mapping[str, tuple[str, str, Any]], shown: str) -> str:
    if not given:
        return f"query {{ {name} {shown} }}"
    head = ", ".join(f"${variable}: {kind}" for variable, (kind, _, _) in given.items())
    arguments = ", ".join(f"{argument}: ${variable}" for variable, (_, argument, _) in given.items())
    return f"query({head}) {{ {name}({arguments}) {shown} }}"


def _braces(paths: Iterable[list[str]]) -> str:
    """A selection set for paths."""
    inner: dict[str, list[list[str]]] = {}
    for head, *rest in paths:
        inner.setdefault(head, []).extend([rest] if rest else [])
    return "{ " + " ".join(f"{head} {_braces(rest)}" if rest else head for head, rest in inner.items()) + " }"


def _texts(value: FieldValue) -> list[str]:
    return [_text(one) for one in (value if isinstance(value, tuple) else (value,)) if one is not None]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
