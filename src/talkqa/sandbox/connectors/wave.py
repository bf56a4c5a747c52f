"""The reference engine's connector for Wave.

Has its own code for the wire format and never touches a store. Wave knows no conditional write: a record is read again
right before it is changed. It tells of no deletions: a record that is gone shows when it is asked for.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from talkqa.model.account import Account
from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import SystemSchema
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, Values, WriteRefused
from talkqa.sandbox.connectors.wave_wire import WaveWire, to_moment

_PATH = "/graphql/public"
_OVERLAP = timedelta(seconds=1)
_FILTERS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("Customer", "email"): ("email", "String"),
    ("Invoice", "invoiceNumber"): ("invoiceNumber", "String"),
}
_RESTARTS = 5


class WaveConnector:
    """One business, as the engine's user."""

    def __init__(self, schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> None:
        self.schema = schema
        self._account = account
        self._http = httpx.AsyncClient(
            base_url=account.url,
            transport=transport,
            timeout=60,
            trust_env=False,  # no proxy between the engine and a system in the same process
        )
        self._token = account.auth.token
        self._refresh = account.auth.refresh_token
        self._business = account.options["business"]
        self._income: str | None = None
        self._wires = {entity.name: WaveWire(entity) for entity in schema.entities}
        self._count = 0

    async def poll(self, entity: str, since: str | None) -> tuple[list[Fetched], str | None]:
        """Everything changed at or after a cursor, oldest change first, and the cursor for the next time."""
        wire = self._wires[entity]
        bound = None if since is None else _earlier(since)
        found = await self._read_list(wire, bound, {})
        found = [one for one in found if bound is None or one.etag is None or one.etag >= bound]
        found.sort(key=lambda one: one.etag or "")
        stamps = [one.etag for one in found if one.etag is not None]
        return found, max([*stamps, *([since] if since else [])], default=None)

    async def find(self, entity: str, path: str, text: str) -> list[Fetched]:
        """The live records whose property has this text form."""
        wire = self._wires[entity]
        field = wire.schema.field(path)
        known = _FILTERS.get((entity, field.path if field else path))
        found = await self._read_list(wire, None, {} if known is None else {known: text})
        name = field.path if field else path
        return [
            one for one in found if text in _texts(one.id if name == wire.schema.id_field else one.values.get(name))
        ]

    async def get(self, entity: str, record_id: str) -> Fetched:
        """The record as it is now.

        Raises:
            Gone: where it does not exist.
        """
        wire = self._wires[entity]
        asked_at = self._tick()
        return self._fetched(wire, await self._node(wire, record_id), asked_at)

    async def create(self, entity: str, values: Mapping[str, FieldValue]) -> Fetched:
        """A new record, as stored.

        Raises:
            WriteRefused: with the fields that the system named.
        """
        wire = self._wires[entity]
        sent = wire.write({p: v for p, v in values.items() if v is not None and v != ()}, None)
        if entity == "Product" and not {"incomeAccountId", "expenseAccountId"} & sent.keys():
            sent |= await self._sold_to()
        return await self._mutate(wire, "Create", {"businessId": self._business, **sent})

    async def update(self, entity: str, record_id: str, values: Mapping[str, FieldValue], etag: str | None) -> Fetched:
        """The record after these properties were changed, unless it is another version than the one named.

        Raises:
            Outdated: where the record was changed since.
            Gone: where it does not exist any more.
            WriteRefused: with the fields that the system named.
        """
        wire = self._wires[entity]
        node = await self._node(wire, record_id)
        if etag is not None and wire.modified(node) != etag:
            raise Outdated(f"{self.schema.name}: {entity} {record_id} was changed meanwhile")
        archive = wire.schema.archive
        if archive is not None and dict(values) == dict([archive]):
            return await self._mutate(wire, "Archive", {"id": record_id})
        try:
            return await self._mutate(wire, "Patch", {"id": record_id, **wire.write(values, node)})
        except WriteRefused as refusal:
            fields = wire.at_fault(refusal.fields, values)
            raise WriteRefused(str(refusal), code=refusal.code, fields=fields) from refusal

    async def delete(self, entity: str, record_id: str) -> None:
        """Delete a record, or archive it where its system deletes none."""
        wire = self._wires[entity]
        if not wire.schema.deletable:
            await self._mutate(wire, "Archive", {"id": record_id})
            return
        name, key = f"{wire.single}Delete", "invoiceId" if entity == "Invoice" else "id"
        text = f"mutation M($input:{wire.schema.name}DeleteInput!){{{name}(input:$input){{didSucceed}}}}"
        await self._ask(text, {"input": {key: record_id}})

    async def _mutate(self, wire: WaveWire, verb: str, sent: Mapping[str, Any]) -> Fetched:
        name = f"{wire.single}{verb}"
        shown = f"didSucceed inputErrors{{path message code}} {wire.single}{{{wire.selection}}}"
        text = f"mutation M($input:{wire.schema.name}{verb}Input!){{{name}(input:$input){{{shown}}}}}"
        asked_at = self._tick()
        body = await self._ask(text, {"input": sent})
        refusal = wire.refusal(body, name)
        if refusal is None:
            return self._fetched(wire, body["data"][name][wire.single], asked_at)
        message = f"{self.schema.name}: {name}: {refusal.code} {refusal.message}"
        if refusal.gone:
            raise Gone(message, code=refusal.code)
        raise WriteRefused(message, code=refusal.code, fields=refusal.fields)

    async def _node(self, wire: WaveWire, record_id: str) -> Mapping[str, Any]:
        if wire.schema.name == "Business":
            body = await self._ask(f"query Q($b:ID!){{business(id:$b){{{wire.selection}}}}}", {"b": record_id})
            node = (body.get("data") or {}).get("business")
        else:
            inner = f"{wire.single}(id:$i){{{wire.selection}}}"
            variables = {"b": self._business, "i": record_id}
            body = await self._ask(f"query Q($b:ID!,$i:ID!){{business(id:$b){{{inner}}}}}", variables)
            node = ((body.get("data") or {}).get("business") or {}).get(wire.single)
        if isinstance(node, dict):
            return node
        raise Gone(f"{self.schema.name}: no {wire.schema.name} {record_id}", code="NOT_FOUND")

    async def _read_list(
        self, wire: WaveWire, since: str | None, filters: Mapping[tuple[str, str], str]
    ) -> list[Fetched]:
        """All pages; from the first again where the list moved while it was read."""
        found: dict[str, Fetched] = {}
        for _ in range(_RESTARTS):
            found, page = {}, 1
            while True:
                asked_at = self._tick()
                listed = await self._page(wire, page, since, filters)
                if listed is None:
                    page, found = 1, {}
                    continue
                for edge in listed["edges"]:
                    one = self._fetched(wire, edge["node"], asked_at)
                    found[one.id] = one
                info = listed["pageInfo"]
                past = wire.sort == "MODIFIED_AT_DESC" and any((o.etag or "~") < (since or "") for o in found.values())
                if past or not listed["edges"] or info["currentPage"] >= info["totalPages"]:
                    break
                page += 1
            if past or len(found) >= info["totalCount"]:
                break
        return list(found.values())

    async def _page(
        self, wire: WaveWire, page: int, since: str | None, filters: Mapping[tuple[str, str], str]
    ) -> Mapping[str, Any] | None:
        """A page; None where it was too expensive, and the next ones are smaller."""
        arguments = f"page:$page,pageSize:{wire.page_size}" + (f",sort:[{wire.sort}]" if wire.sort else "")
        declared, variables = "$page:Int!", {"page": page, "b": self._business}
        if since is not None and wire.since:
            declared, arguments = f"{declared},$since:DateTime", f"{arguments},modifiedAtAfter:$since"
            variables["since"] = since
        for (name, kind), value in filters.items():
            declared, arguments = f"{declared},${name}:{kind}", f"{arguments},{name}:${name}"
            variables[name] = value
        selected = f"pageInfo{{currentPage totalPages totalCount}} edges{{node{{{wire.selection}}}}}"
        inner = f"{wire.plural}({arguments}){{{selected}}}"
        if wire.schema.name == "Business":
            del variables["b"]
            body = await self._ask(f"query Q({declared}){{{inner}}}", variables)
            holder = body.get("data") or {}
        else:
            body = await self._ask(f"query Q($b:ID!,{declared}){{business(id:$b){{{inner}}}}}", variables)
            holder = (body.get("data") or {}).get("business") or {}
        listed = holder.get(wire.plural)
        if wire.page_size > 1 and any("maximum cost" in str(e.get("message")) for e in body.get("errors") or ()):
            wire.page_size //= 2
            return None
        if body.get("errors") or not isinstance(listed, dict):
            raise ApiRefused(f"{self.schema.name}: {wire.plural}: {body.get('errors')}")
        return listed

    async def _sold_to(self) -> dict[str, Any]:
        if self._income is None:
            inner = "accounts(subtypes:[INCOME],isArchived:false){edges{node{id}}}"
            body = await self._ask(f"query Q($b:ID!){{business(id:$b){{{inner}}}}}", {"b": self._business})
            edges = body["data"]["business"]["accounts"]["edges"]
            self._income = edges[0]["node"]["id"] if edges else ""
        return {"incomeAccountId": self._income} if self._income else {}

    async def _ask(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        if not self._token:
            await self._sign_in()
        answer = await self._post(text, variables)
        if answer.status_code == 401 and self._refresh:
            await self._sign_in()
            answer = await self._post(text, variables)
        try:
            body = answer.json()
        except ValueError:
            body = None
        codes = {(e.get("extensions") or {}).get("code") for e in (body or {}).get("errors") or ()}
        if body is None or answer.status_code >= 500 or answer.status_code == 429 or "INTERNAL_SERVER_ERROR" in codes:
            raise ApiUnavailable(f"{self.schema.name}: {answer.status_code}", status=answer.status_code)
        if answer.status_code == 401 or "UNAUTHENTICATED" in codes:
            raise ApiRefused(f"{self.schema.name} does not let the engine in", status=401, code="UNAUTHENTICATED")
        found: dict[str, Any] = body
        return found

    async def _post(self, text: str, variables: Mapping[str, Any]) -> httpx.Response:
        signed = {"Authorization": f"Bearer {self._token}"}
        try:
            return await self._http.post(_PATH, json={"query": text, "variables": variables}, headers=signed)
        except httpx.HTTPError as error:
            raise ApiUnavailable(f"{self.schema.name}: {error}") from error

    async def _sign_in(self) -> None:
        auth = self._account.auth
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh, "redirect_uri": auth.redirect_url}
        form |= {"client_id": auth.client_id, "client_secret": auth.client_secret}
        try:
            answer = await self._http.post(auth.token_url, data=form)
        except httpx.HTTPError as error:
            raise ApiUnavailable(f"{self.schema.name}: {error}") from error
        if answer.status_code != 200:
            raise ApiRefused(f"{self.schema.name} gives no token: {answer.text}", status=answer.status_code)
        told = answer.json()
        self._token, self._refresh = told.get("access_token", ""), told.get("refresh_token", self._refresh)

    def _fetched(self, wire: WaveWire, node: Mapping[str, Any], asked_at: int) -> Fetched:
        values: Values = wire.values(node)
        return Fetched(
            id=str(node[wire.schema.id_field]),
            values=values,
            modified=to_moment(wire.modified(node)),
            deleted=False,
            etag=wire.modified(node),
            body=values,
            asked_at=asked_at,
            known_at=self._tick(),
        )

    def _tick(self) -> int:
        self._count += 1
        return self._count


def _earlier(stamp: str) -> str:
    moment = to_moment(stamp)
    return stamp if moment is None else (moment - _OVERLAP).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _texts(value: FieldValue) -> set[str]:
    items = value if isinstance(value, tuple) else (value,)
    return {_text(item) for item in items if item is not None}


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
