"""How the second engine speaks to systems: the plain REST of custom systems, and Salesforce's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from talkqa.model.account import Account
from talkqa.model.protocols import Clock
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from tests.second_engine.values import Plain, is_blank, neutral

Values = dict[str, Plain]
_PAUSES_S = (0.5, 2.0, 6.0)
"""How long to wait after an answer that is none before the same is asked again."""
_SOBJECTS = "/services/data/v62.0/sobjects"


class Unavailable(Exception):
    """Raised where no usable answer came."""


class Overtaken(Exception):
    """Raised where a record is not the version any more on which a write was decided."""


class Turned(Exception):
    """Raised where a system refuses a write; `fields` are those that it names."""

    def __init__(self, message: str, fields: frozenset[str]) -> None:
        super().__init__(message)
        self.fields = fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One version of a record."""

    id: str
    values: Mapping[str, Plain]
    tag: str
    """Another one for every version."""

    @property
    def digest(self) -> str:
        """Of what it holds."""
        return sha256(repr(sorted(self.values.items())).encode()).hexdigest()


class Port(Protocol):
    """One system."""

    async def read(self, entity: EntitySchema, record_id: str) -> Copy | None:
        """A record; None for one that is gone. Raises Unavailable, as all methods do."""
        ...

    async def read_all(self, entity: EntitySchema) -> list[Copy]:
        """Every record that is there."""
        ...

    async def search(self, entity: EntitySchema, field: FieldSchema, value: Plain) -> list[Copy]:
        """The records that hold a value."""
        ...

    async def insert(self, entity: EntitySchema, values: Values) -> Copy:
        """A new record; raises Turned."""
        ...

    async def change(self, entity: EntitySchema, copy: Copy, values: Values) -> Copy:
        """The record with these values instead; raises Turned, and Overtaken where it is not that version any more."""
        ...


class _Line:
    """An HTTP connection that asks again."""

    def __init__(self, account: Account, transport: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self.account = account
        self._clock = clock
        self._http = httpx.AsyncClient(base_url=account.url, transport=transport, trust_env=False)
        self.token = account.auth.token

    async def ask(self, method: str, url: str, **what: Any) -> httpx.Response:
        """An answer that is one: not 401, 429 or 5xx; a POST whose answer was lost is not sent again."""
        for pause_s in (*_PAUSES_S, None):
            headers = {"authorization": f"Bearer {self.token}", **what.get("headers", {})}
            try:
                answer = await self._http.request(method, url, **{**what, "headers": headers})
            except httpx.HTTPError as error:
                if method == "POST" or pause_s is None:
                    raise Unavailable(str(error)) from error
            else:
                if answer.status_code == 401 and self.account.auth.client_id:
                    await self.sign_in()
                elif answer.status_code != 429 and answer.status_code < 500:
                    return answer
            await self._clock.sleep(pause_s or 0)
        raise Unavailable(f"{method} {url}")

    async def sign_in(self) -> None:
        """Get another token."""
        auth = self.account.auth
        form = {"grant_type": "client_credentials", "client_id": auth.client_id, "client_secret": auth.client_secret}
        answer = await self._http.post(auth.token_url, data=form)
        if answer.status_code == 200:
            self.token = answer.json()["access_token"]


class RestPort:
    """A custom system: JSON objects under `/{entity}/{id}`, lists of pages, versions by ETag."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    async def read(self, entity: EntitySchema, record_id: str) -> Copy | None:
        """A record; None for one that is gone."""
        answer = await self._line.ask("GET", f"/{quote(entity.name)}/{quote(record_id)}")
        return _copy(entity, answer.json(), answer.headers["etag"]) if answer.status_code == 200 else None

    async def read_all(self, entity: EntitySchema) -> list[Copy]:
        """Every record that is there."""
        found: list[Copy] = []
        query: dict[str, str] = {}
        while True:
            answer = await self._line.ask("GET", f"/{quote(entity.name)}", params=query)
            page = _well(answer).json()
            found += [_copy(entity, one, "") for one in page["records"] if "deleted" not in one]
            if not page.get("next"):
                return found
            query = {"after": page["next"]}

    async def search(self, entity: EntitySchema, field: FieldSchema, value: Plain) -> list[Copy]:
        """The records that hold a value."""
        query = {"where": field.path, "equals": str(value)}
        answer = await self._line.ask("GET", f"/{quote(entity.name)}", params=query)
        return [_copy(entity, one, "") for one in _well(answer).json()["records"]]

    async def insert(self, entity: EntitySchema, values: Values) -> Copy:
        """A new record."""
        answer = _well(await self._line.ask("POST", f"/{quote(entity.name)}", json=_nest(values)))
        return _copy(entity, answer.json(), answer.headers["etag"])

    async def change(self, entity: EntitySchema, copy: Copy, values: Values) -> Copy:
        """The record with these values instead."""
        url = f"/{quote(entity.name)}/{quote(copy.id)}"
        answer = await self._line.ask("PATCH", url, json=_nest(values), headers={"if-match": copy.tag})
        if answer.status_code in (404, 409):
            raise Overtaken(copy.id)
        return _copy(entity, _well(answer).json(), answer.headers["etag"])


class SalesforcePort:
    """An org: rows under `sobjects`, lists by query, no versions but what rows hold."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._names: dict[str, list[str]] = {}

    async def read(self, entity: EntitySchema, record_id: str) -> Copy | None:
        """A record; None for one that is gone."""
        answer = await self._line.ask("GET", f"{_SOBJECTS}/{entity.name}/{record_id}")
        return self._row(entity, answer.json()) if answer.status_code == 200 else None

    async def read_all(self, entity: EntitySchema) -> list[Copy]:
        """Every record that is there."""
        return await self._select(entity, "")

    async def search(self, entity: EntitySchema, field: FieldSchema, value: Plain) -> list[Copy]:
        """The records that hold a value; texts alone are searched for."""
        quoted = str(value).replace("\\", "\\\\").replace("'", "\\'")
        return await self._select(entity, f" WHERE {field.path} = '{quoted}'")

    async def insert(self, entity: EntitySchema, values: Values) -> Copy:
        """A new record."""
        answer = _well(await self._line.ask("POST", f"{_SOBJECTS}/{entity.name}", json=values))
        made = await self.read(entity, answer.json()["id"])
        if made is None:
            raise Unavailable(f"a new {entity.name} is not there")
        return made

    async def change(self, entity: EntitySchema, copy: Copy, values: Values) -> Copy:
        """The record with these values instead; it is read right before, since versions have no better name."""
        now = await self.read(entity, copy.id)
        if now is None or now.digest != copy.digest:
            raise Overtaken(copy.id)
        answer = await self._line.ask("PATCH", f"{_SOBJECTS}/{entity.name}/{copy.id}", json=values)
        if answer.status_code == 404:
            raise Overtaken(copy.id)
        _well(answer)
        after = await self.read(entity, copy.id)
        if after is None:
            raise Overtaken(copy.id)
        return after

    async def _select(self, entity: EntitySchema, where: str) -> list[Copy]:
        if entity.name not in self._names:
            told = _well(await self._line.ask("GET", f"{_SOBJECTS}/{entity.name}/describe")).json()
            here = {one["name"] for one in told["fields"]}
            self._names[entity.name] = [field.path for field in _readable(entity) if field.path in here]
        query = f"SELECT {', '.join(self._names[entity.name])} FROM {entity.name}{where}"  # noqa: S608 - a literal
        url, params = "/services/data/v62.0/query", {"q": query}
        found: list[Copy] = []
        while url:
            page = _well(await self._line.ask("GET", url, params=params or None)).json()
            found += [self._row(entity, row) for row in page["records"]]
            url, params = page.get("nextRecordsUrl", ""), {}
        return found

    def _row(self, entity: EntitySchema, row: Mapping[str, Any]) -> Copy:
        values = {field.path: neutral(row.get(field.path), field) for field in _readable(entity)}
        return Copy(id=row["Id"], values=values, tag="")


def open_port(schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport, clock: Clock) -> Port:
    """The port to a system; raises ValueError for a dialect that this engine does not speak."""
    line = _Line(account, transport, clock)
    if schema.dialect == "salesforce":
        return SalesforcePort(line)
    if schema.dialect != "rest" or schema.rest is not None:
        raise ValueError(f"this engine does not speak to {schema.name}")
    return RestPort(line)


def _well(answer: httpx.Response) -> httpx.Response:
    if answer.status_code < 300:
        return answer
    body = answer.json()
    problems = body["errors"] if isinstance(body, dict) else body
    named = {str(one.get("field") or "") for one in problems} | {n for one in problems for n in one.get("fields", ())}
    raise Turned(f"{answer.status_code} {answer.text[:300]}", frozenset(named - {""}))


def _copy(entity: EntitySchema, body: Mapping[str, Any], tag: str) -> Copy:
    values = {field.path: neutral(_at(body, field.path), field) for field in _readable(entity)}
    return Copy(id=str(values[entity.id_field]), values=values, tag=tag)


def _readable(entity: EntitySchema) -> Iterator[FieldSchema]:
    return (field for field in entity.fields if field.type is not FieldType.OPAQUE and field.list_at is None)


def _at(body: Any, path: str) -> Any:
    for step in path.split("."):
        body = body.get(step) if isinstance(body, dict) else None
    return body


def _nest(values: Values) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for path, value in values.items():
        *steps, last = path.split(".")
        at = body
        for step in steps:
            at = at.setdefault(step, {})
        at[last] = None if is_blank(value) else value
    return body
