"""The reference engine's connector for systems that speak REST, generic or described.

Has its own code for the wire format and never touches a store.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlencode, urljoin

import httpx

from talkqa.model.account import Account
from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.model.record import FieldValue
from talkqa.model.rest import GENERIC_API, RestApi, Write
from talkqa.model.schema import SystemSchema
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, WriteRefused
from talkqa.sandbox.connectors.rest_wire import Shape, look, reasons

_MAX_PAGES = 1000


class RestConnector:
    """One system, as the engine's user."""

    def __init__(self, schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> None:
        self.schema = schema
        self._account = account
        self._api: RestApi = schema.rest or GENERIC_API
        self._generic = schema.rest is None
        self._http = httpx.AsyncClient(
            base_url=account.url,
            transport=transport,
            headers=dict(self._api.headers),
            timeout=60,
            trust_env=False,  # no proxy between the engine and a system in the same process
        )
        self._signed: dict[str, str] | None = None
        self._shapes = {e.name: Shape(e, self._api, generic=self._generic) for e in schema.entities}
        self._count = 0

    async def poll(self, entity: str, since: str | None) -> tuple[list[Fetched], str | None]:
        """Everything changed at or after a cursor, oldest change first, and the cursor for the next time."""
        shape = self._shapes[entity]
        changed = shape.rest.since
        query: dict[str, str] = {}
        if since is not None and changed is not None:
            query[changed.param] = since if changed.cursor else self._since_text(shape, since)
        pages, told = await self._pages(entity, query)
        found = [record for page in pages for record in page]
        if changed is not None and changed.cursor:
            return found, told
        stamps = [record.modified for record in found if record.modified is not None]
        # A list that changes while its pages are read may hide a record: begin there again next time.
        moved = len({(record.id, record.modified) for record in found}) > len({record.id for record in found})
        counted = pages[0] if len(pages) > 1 and (moved or not shape.rest.order) else found
        newest = max((one.modified for one in counted if one.modified is not None), default=None)
        if len(stamps) == len(found):
            found.sort(key=lambda record: record.modified or datetime.min)
        return found, newest.isoformat() if newest is not None else since

    async def find(self, entity: str, path: str, text: str) -> list[Fetched]:
        """The live records whose property has this text form."""
        shape = self._shapes[entity]
        find = shape.rest.find
        if find.where is not None:
            pages, _ = await self._pages(entity, {find.where[0]: path, find.where[1]: text}, paged=False)
            return [record for page in pages for record in page]
        filters = dict(find.filters)
        query = {filters[path]: _asked(shape, path, text)} if path in filters else {}
        for asked in [query] if query or not find.search else [{find.search: text}, {}]:
            pages, _ = await self._pages(entity, asked)
            found = [record for page in pages for record in page if not record.deleted]
            holding = [record for record in found if text in _texts(record.values.get(path))]
            if holding:
                return holding
        return []

    async def get(self, entity: str, record_id: str) -> Fetched:
        """The record as it is now.

        Raises:
            Gone: where it does not exist.
        """
        shape = self._shapes[entity]
        if shape.rest.get:
            return await self._single("GET", entity, self._url(shape, shape.rest.item_path, record_id))
        pages, _ = await self._pages(entity, {})
        for page in pages:
            for record in page:
                if record.id == record_id and not record.deleted:
                    return record
        raise Gone(f"{self.schema.name}: {entity} {record_id} is not listed", status=404)

    async def create(self, entity: str, values: Mapping[str, FieldValue]) -> Fetched:
        """A new record, as stored.

        Raises:
            WriteRefused: with the fields that the system named.
        """
        shape = self._shapes[entity]
        write = shape.rest.create
        return await self._written(entity, write, self._url(shape, write.path or shape.rest.path), None, values)

    async def update(self, entity: str, record_id: str, values: Mapping[str, FieldValue], etag: str | None) -> Fetched:
        """The record after these properties were changed, unless it is another version than the one named.

        Raises:
            Outdated: where the record was changed since.
            Gone: where it does not exist any more.
            WriteRefused: with the fields that the system named.
        """
        shape = self._shapes[entity]
        write = shape.rest.update
        url = self._url(shape, write.path or shape.rest.item_path, record_id)
        if shape.rest.conditional and not write.whole:
            return await self._written(entity, write, url, record_id, values, etag)
        if etag is not None or write.whole:
            current = await self.get(entity, record_id)
            if etag is not None and current.etag != etag:
                raise Outdated(f"{self.schema.name}: {entity} {record_id} was changed meanwhile", status=409)
            if write.whole:
                values = {**_kept(shape, current), **values}
        return await self._written(entity, write, url, record_id, values)

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete a record, or archive it where its system deletes none."""
        shape = self._shapes[entity]
        archive = shape.schema.archive
        if archive is not None and not shape.schema.deletable:
            await self.update(entity, record_id, dict([archive]), None)
            return
        write = shape.rest.delete
        await self._ask(write.method, self._url(shape, write.path or shape.rest.item_path, record_id), shape)

    async def _written(
        self,
        entity: str,
        write: Write,
        url: str,
        record_id: str | None,
        values: Mapping[str, FieldValue],
        etag: str | None = None,
    ) -> Fetched:
        shape = self._shapes[entity]
        body: dict[str, Any] = shape.nested(values)
        for key in reversed(write.envelope):
            body = {key: body}
        if write.answer == "record":
            return await self._single(write.method, entity, url, body, etag, write.content_type)
        answer = await self._ask(write.method, url, shape, body, etag, write.content_type)
        if record_id is None and write.answer == "id":
            record_id = str(look(look(answer.json(), shape.rest.record), shape.id_steps))
        elif record_id is None:
            before, _, after = self._url(shape, shape.rest.item_path, "\n").partition("%0A")
            record_id = unquote(answer.headers["location"].removeprefix(before).removesuffix(after))
        return await self.get(entity, record_id)

    async def _pages(
        self, entity: str, query: Mapping[str, str], *, paged: bool = True
    ) -> tuple[list[list[Fetched]], str | None]:
        """The pages of a list, and the cursor that the first of them told."""
        shape = self._shapes[entity]
        paging, changed = shape.rest.paging, shape.rest.since
        asked = dict(query) | (dict(shape.rest.order) if paged else {})
        if paged and paging.size_param:
            asked = {paging.size_param: str(paging.size)} | asked
        url = _joined(self._url(shape, shape.rest.path), asked)
        pages: list[list[Fetched]] = []
        told: str | None = None
        for number in range(1, _MAX_PAGES):
            asked_at = self._tick()
            answer = await self._ask("GET", url, shape)
            known_at = self._tick()
            body = answer.json()
            records = look(body, shape.rest.records) or []
            pages.append([self._read(entity, record, None, asked_at, known_at) for record in records])
            if changed is not None and changed.cursor:
                told = told or look(body, changed.cursor)
            further = paged and self._further(shape, body, answer, asked, number, sum(map(len, pages)), len(records))
            if not further:
                return pages, told
            url = further
        raise ApiUnavailable(f"{self.schema.name}: the list of {entity} does not end")

    def _further(
        self,
        shape: Shape,
        body: Any,
        answer: httpx.Response,
        asked: Mapping[str, str],
        number: int,
        total: int,
        count: int,
    ) -> str | None:
        """Where the next page is."""
        paging = shape.rest.paging
        url = self._url(shape, shape.rest.path)
        if paging.kind == "cursor":
            token = look(body, paging.next)
            return _joined(url, {**asked, paging.param: str(token)}) if token else None
        if paging.kind == "link":
            target = look(body, paging.next) if paging.next else answer.links.get("next", {}).get("url")
            return urljoin(str(answer.url), target) if target else None
        if paging.kind == "none" or count < paging.size:
            return None
        position = total if paging.kind == "offset" else paging.first + number
        return _joined(url, {**asked, paging.param: str(position)})

    def _since_text(self, shape: Shape, since: str) -> str:
        changed = shape.rest.since
        moment = datetime.fromisoformat(since)
        if changed is None:
            return since
        back_s = changed.overlap_s + (0.0 if changed.inclusive else self.schema.stamp_granularity_s)
        return shape.stamp((moment - timedelta(seconds=back_s)).isoformat().replace("+00:00", "Z"), changed.form)

    async def _single(
        self,
        method: str,
        entity: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        etag: str | None = None,
        content_type: str = "application/json",
    ) -> Fetched:
        shape = self._shapes[entity]
        asked_at = self._tick()
        answer = await self._ask(method, url, shape, body, etag, content_type)
        record = look(answer.json(), shape.rest.record)
        return self._read(entity, record, answer.headers.get("etag"), asked_at, self._tick(), alone=True)

    async def _ask(
        self,
        method: str,
        url: str,
        shape: Shape | None,
        body: Mapping[str, Any] | None = None,
        etag: str | None = None,
        content_type: str = "application/json",
    ) -> httpx.Response:
        headers = dict(shape.rest.headers) if shape else {}
        if etag:
            headers["If-Match"] = etag
        if body is not None:
            headers["Content-Type"] = content_type
        content = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        answer = await self._send(method, url, content, headers)
        if answer.status_code == 401 and self._account.auth.kind == "client-credentials":
            self._signed = None
            answer = await self._send(method, url, content, headers)
        well = answer.status_code in self._api.ok if self._api.ok else answer.status_code < 400
        if well:
            return answer
        raise self._error(method, url, answer)

    async def _send(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> httpx.Response:
        auth = self._account.auth
        try:
            if self._signed is None:
                self._signed = await self._sign()
            if auth.kind == "api-key" and not auth.header:
                url = _joined(url, {auth.query: auth.token}) if f"{auth.query}=" not in url else url
            return await self._http.request(method, url, content=content, headers={**headers, **self._signed})
        except httpx.HTTPError as error:
            raise ApiUnavailable(f"{self.schema.name}: {method} {url.partition('?')[0]}: {error}") from error

    async def _sign(self) -> dict[str, str]:
        auth = self._account.auth
        if auth.kind == "bearer":
            return {"Authorization": f"Bearer {auth.token}"}
        if auth.kind == "basic":
            made = next(
                httpx.BasicAuth(auth.username, auth.password).auth_flow(httpx.Request("GET", self._account.url))
            )
            return {"Authorization": made.headers["authorization"]}
        if auth.kind == "api-key" and auth.header:
            return {auth.header: auth.token}
        if auth.kind != "client-credentials":
            return {}
        form = {
            "grant_type": "client_credentials",
            "client_id": auth.client_id,
            "client_secret": auth.client_secret,
        }
        answer = await self._http.post(auth.token_url, data=form)
        if answer.status_code != 200:
            raise ApiUnavailable(f"{self.schema.name}: no token: {answer.status_code}", status=answer.status_code)
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def _error(self, method: str, url: str, answer: httpx.Response) -> ApiError:
        status = answer.status_code
        try:
            problems = reasons(answer.json(), self._api.errors)
        except ValueError:
            problems = []
        code = problems[0][0] if problems else ""
        message = f"{self.schema.name}: {method} {url.partition('?')[0]}: {status} " + "; ".join(p[1] for p in problems)
        if status == 429 or status >= 500:
            return ApiUnavailable(message, status=status, code=code)
        if code == "conflict" or status == 412:
            return Outdated(message, status=status, code=code)
        if code == "not_found" or (not self._generic and status in (404, 410)):
            return Gone(message, status=status, code=code)
        fields = tuple(p[2] for p in problems if p[2])
        return WriteRefused(message, status=status, code=code, fields=fields)

    def _read(
        self,
        entity: str,
        body: Mapping[str, Any],
        etag: str | None,
        asked_at: int,
        known_at: int,
        *,
        alone: bool = False,
    ) -> Fetched:
        shape = self._shapes[entity]
        values = shape.flat(body)
        stamp = look(body, shape.stamp_steps) if self._generic else values.get(shape.stamp_path)
        mark = look(body, shape.rest.deleted) if shape.rest.deleted else None
        if not self._generic:
            body = values
            if alone and etag is None:
                etag = json.dumps(values, sort_keys=True)
        return Fetched(
            id=str(look(body, shape.id_steps) if self._generic else values.get(shape.schema.id_field)),
            values=values,
            modified=datetime.fromisoformat(stamp) if isinstance(stamp, str) else None,
            deleted=mark is True if shape.rest.bare_tombstones else bool(mark),
            etag=etag,
            body=body,
            asked_at=asked_at,
            known_at=known_at,
        )

    def _url(self, shape: Shape, template: str, record_id: str = "") -> str:
        named = template.replace("{entity}", quote(shape.schema.name, safe=""))
        return named.replace("{id}", quote(record_id, safe=""))

    def _tick(self) -> int:
        self._count += 1
        return self._count


def _joined(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url


def _asked(shape: Shape, path: str, text: str) -> str:
    """A value in a query: what a body would hold."""
    value = look(shape.nested({path: text}), path.split("."))
    return str(next(iter(value.values())) if isinstance(value, Mapping) else value)


def _kept(shape: Shape, current: Fetched) -> dict[str, FieldValue]:
    """What a whole record repeats."""
    held = {field.path: current.values.get(field.path) for field in shape.schema.fields if field.updateable}
    return {path: value for path, value in held.items() if value not in (None, ())}


def _texts(value: FieldValue) -> list[str]:
    items = value if isinstance(value, tuple) else (value,)
    return [_text(item) for item in items if item is not None]


def _text(item: Any) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)
