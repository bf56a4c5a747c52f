"""Described OData services, emulated: plain version 4, an entity set for each entity of the schema.

Lists of a record are navigation properties, shown where they are expanded. Pages end with `@odata.nextLink`, every row
has an `@odata.etag`, and `If-Match` is honoured.
"""

import json
import re
from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, unquote

from talkqa.model.account import Account
from talkqa.model.protocols import Clock
from talkqa.model.rest import RestAuth
from talkqa.model.schema import FieldType
from talkqa.sandbox.dialects.emulator import Answer, Emulator, Request, encode
from talkqa.sandbox.dialects.lists import whole_lists
from talkqa.sandbox.dialects.odata.querying import Filter, Order, Row
from talkqa.sandbox.dialects.odata.refusals import Refusal, answer_of, refuse
from talkqa.sandbox.dialects.rest_auth import Door
from talkqa.sandbox.store import EntityStore, Refused, Stored, SystemStore

PAGE = 50
_RESOURCE = re.compile(r"/(?P<set>[^/()]+)(?:\((?P<key>[^/]*)\))?")
_OPTIONS = frozenset({"$filter", "$orderby", "$expand", "$top", "$skiptoken"})
_STAMPS_OF_STORE = ("_modified", "_modified_by")
"""What the store adds where the schema names no such fields."""


class ODataEmulator(Emulator):
    """One service behind `/{EntitySet}` and `/{EntitySet}({key})`."""

    def __init__(self, store: SystemStore, clock: Clock, *, quirks: Mapping[str, bool] | None = None) -> None:
        super().__init__(store, clock, quirks=quirks)
        self._door = Door(store, RestAuth(kinds=("client-credentials",)), clock, plain=False)

    def account(self, base_url: str, user: str) -> Account:
        """Client credentials of OAuth 2."""
        return self._door.account(base_url, user)

    def expire_token(self, token: str) -> None:
        """Make an access token dead."""
        self._door.expire(token)

    def speaker(self, request: Request) -> str:
        """The user, whichever token stands for them."""
        return self._door.user_of(request) or super().speaker(request)

    def answer(self, request: Request) -> Answer:
        """The answer to one request, done at once."""
        try:
            answer = self._door.answer_token(request) or self._answer(request)
        except Refusal as refusal:
            answer = refusal.answer
        except Refused as refused:
            answer = answer_of(*refused.problems)
        date = {"date": format_datetime(self.clock.stamp(), usegmt=True), "odata-version": "4.0"}
        return Answer(status=answer.status, body=answer.body, headers={**answer.headers, **date})

    def _answer(self, request: Request) -> Answer:
        user = self._door.user_of(request)
        if user is None:
            raise refuse("unknown_user", "nobody who is known here")
        found = _RESOURCE.fullmatch(unquote(request.path))
        entity = self._entity(found["set"] if found else "")
        key = found["key"] if found else None
        if key is not None:
            return self._answer_record(entity, _key_of(key), request, user)
        if request.method == "GET":
            return self._list(entity, request)
        if request.method != "POST":
            raise refuse("not_allowed", f"{request.method} is not for entity sets")
        made = entity.create(_sent(entity, request), user)
        place = f"{request.base_url}/{entity.schema.name}({_written_key(made.id)})"
        return Answer(status=201, body=encode(self._shown(entity, made, _lists(entity))), headers={"location": place})

    def _answer_record(self, entity: EntityStore, key: str, request: Request, user: str) -> Answer:
        record = entity.get(key)
        if record is None:
            raise refuse("not_found", f"there is no {entity.schema.name} with the key {key!r}")
        if request.method == "GET":
            return Answer(body=encode(self._shown(entity, record, _expanded(entity, request))))
        if request.headers.get("if-match", "*") not in ("*", _etag(record)):
            raise refuse("outdated", f"{key} was changed meanwhile")
        if request.method == "PATCH":
            entity.update(record, _sent(entity, request), user)
        elif request.method == "DELETE":
            entity.delete(record, user)
        else:
            raise refuse("not_allowed", f"{request.method} is not for single records")
        return Answer(status=204)

    def _list(self, entity: EntityStore, request: Request) -> Answer:
        unknown = [name for name in request.query if name.startswith("$") and name not in _OPTIONS]
        if unknown:
            raise refuse("bad_query", f"the query option {unknown[0]} is not supported here")
        expanded = _expanded(entity, request)
        paths = (*(field.path for field in entity.schema.fields), entity.schema.id_field)
        chosen = Filter(request.query["$filter"], paths) if request.query.get("$filter") else None
        order = Order(request.query.get("$orderby", ""), paths)
        rows = {one.id: _row(entity, one) for one in entity.all() if not one.deleted}
        found = order.sort((key, row) for key, row in rows.items() if chosen is None or chosen.accepts(row))
        if "$skiptoken" in request.query:
            found = order.after(found, request.query["$skiptoken"])
        top = request.query.get("$top", "")
        page = found[: min(int(top), PAGE) if top.isdecimal() else PAGE]
        records = [entity.get(record_id) for _, record_id, _ in page]
        body: dict[str, Any] = {"value": [self._shown(entity, one, expanded) for one in records if one is not None]}
        if len(page) < len(found) and not top:
            query = {**request.query, "$skiptoken": order.token(page[-1][0])}
            told = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
            body["@odata.nextLink"] = f"{request.base_url}{request.path}?{told}"
        return Answer(body=encode(body))

    def _shown(self, entity: EntityStore, record: Stored, expanded: frozenset[str]) -> dict[str, Any]:
        body = json.loads(record.body)
        for name in (*_STAMPS_OF_STORE, *(_lists(entity) - expanded)):
            body.pop(name, None)
        return {"@odata.etag": _etag(record), **body}

    def _entity(self, name: str) -> EntityStore:
        licence = self.store.missing_licences.get(name.casefold())
        if licence is not None:
            raise refuse("licence_required", f"{name} needs {licence}")
        entity = self.store.entities.get(name.casefold())
        if entity is None or entity.schema.name != name:  # names are told apart by letter case
            raise refuse("not_found", f"there is no entity set {name!r}")
        return entity


def _row(entity: EntityStore, record: Stored) -> Row:
    """What a query may ask of a record."""
    schema = entity.schema
    row: dict[str, Any] = {field.path: record.values.get(field.path) for field in schema.fields}
    row[schema.id_field] = record.id
    if schema.modified_field:
        row[schema.modified_field] = record.stamp
    if schema.modified_by_field:
        row[schema.modified_by_field] = record.user
    return row


def _lists(entity: EntityStore) -> frozenset[str]:
    return frozenset(field.list_at for field in entity.schema.fields if field.list_at and "." not in field.list_at)


def _expanded(entity: EntityStore, request: Request) -> frozenset[str]:
    names = frozenset(name.strip() for name in request.query.get("$expand", "").split(",") if name.strip())
    unknown = sorted(names - _lists(entity))
    if unknown:
        raise refuse("bad_query", f"{unknown[0]} is no navigation property of {entity.schema.name}", field=unknown[0])
    return names


def _sent(entity: EntityStore, request: Request) -> dict[str, Any]:
    """What a body holds, for the store; members of an enumeration may come as numbers."""
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refuse("bad_body", "the body is no JSON object")
    for name, value in body.items():
        field = entity.schema.field(name)
        if field is not None and field.type is FieldType.PICKLIST and type(value) is int:
            body[name] = str(value)
    return whole_lists(entity.schema, {name: value for name, value in body.items() if not name.startswith("@")})


def _key_of(text: str) -> str:
    """The key that a URL names: quoted text, or a number or GUID as it is."""
    if len(text) > 1 and text.startswith("'") and text.endswith("'"):
        return text[1:-1].replace("''", "'")
    return text


def _written_key(record_id: str) -> str:
    return "'" + quote(record_id.replace("'", "''"), safe="'") + "'"


def _etag(record: Stored) -> str:
    return f'W/"{record.version}"'
