"""The REST APIs of custom systems, emulated: the generic dialect, and what a descriptor says of a system's own.

Beyond plain REST the generic dialect honours `If-Match` on PATCH, with the `ETag` that single records carry.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from talkqa.model.account import Account
from talkqa.model.protocols import Clock
from talkqa.model.rest import GENERIC_API, GENERIC_ENTITY, RestApi, RestEntity, Write
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.emulator import Answer, Emulator, Request, encode
from talkqa.sandbox.dialects.rest_answers import describe, frame, put, refuse
from talkqa.sandbox.dialects.rest_auth import Door
from talkqa.sandbox.dialects.rest_lists import RestList
from talkqa.sandbox.dialects.rest_values import WireValues
from talkqa.sandbox.store import EntityStore, Refused, Stored, SystemStore
from talkqa.sandbox.validation import Problem

_WITHOUT_BODY = 204


class _Answered(Exception):
    """Raised to end a request early."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """What one method does on one kind of URL."""

    method: str
    path: re.Pattern[str]
    query: Mapping[str, str]
    """Fixed parameters; the value `{id}` stands for any."""
    action: str
    entity: str
    """Folded; empty where the URL names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """One entity with all that serves it."""

    store: EntityStore
    rest: RestEntity
    values: WireValues
    lists: RestList


class RestEmulator(Emulator):
    """One system behind the URLs of its description; `/{entity}` and `/{entity}/{id}` in the generic dialect."""

    def __init__(self, store: SystemStore, clock: Clock, *, quirks: Mapping[str, bool] | None = None) -> None:
        super().__init__(store, clock, quirks=quirks)
        schema = store.schema
        self._api: RestApi = schema.rest or GENERIC_API
        self._generic = schema.rest is None
        self._door = Door(store, self._api.auth, clock, plain=self._generic)
        self._served = {name: self._serve(entity) for name, entity in store.entities.items()}
        self._routes: dict[str, list[_Route]] = {}
        rests = {e.name: e.rest or RestEntity() for e in schema.entities} if not self._generic else {"": GENERIC_ENTITY}
        for name, rest in rests.items():
            for route in _routes_of(name, rest, describes=self._api.describe):
                self._routes.setdefault(route.method, []).append(route)
        if self._api.ids == "number":
            store.make_id = self._number

    def account(self, base_url: str, user: str) -> Account:
        """In the generic dialect the user's name is the bearer token."""
        return self._door.account(base_url, user)

    def answer(self, request: Request) -> Answer:
        """The answer to one request, done at once."""
        try:
            answer = self._answer(request)
        except _Answered as early:
            answer = early.answer
        except Refused as refusal:
            answer = refuse(self._api.errors, *refusal.problems)
        if self._generic:
            return answer
        status = answer.status
        if self._api.ok and status < 400 and status not in self._api.ok:
            status = self._api.ok[0]
        date = format_datetime(self.clock.stamp(), usegmt=True)
        return replace(answer, status=status, headers={**answer.headers, "date": date})

    def expire_token(self, token: str) -> None:
        """Make an access token of client credentials dead; others live for ever."""
        self._door.expire(token)

    def speaker(self, request: Request) -> str:
        """The user, not the token: one that was fetched at another moment changes no delay."""
        user = None if self._generic else self._door.user_of(request)
        return super().speaker(request) if user is None else user

    def _answer(self, request: Request) -> Answer:
        token = self._door.answer_token(request)
        if token is not None:
            return token
        user = self._door.user_of(request)
        if user is None:
            raise _Answered(self._refused("unknown_user", "nobody who is known here", status=401))
        caller = self._api.caller
        if caller is not None and request.method == "GET" and request.path == caller.path:
            body: dict[str, Any] = {}
            put(body, caller.user, user)
            if caller.name:
                put(body, caller.name, f"{user}@{self.store.schema.name}")
            return Answer(body=encode(body))
        for route in self._routes.get(request.method, ()):
            found = route.path.fullmatch(request.path)
            if found is not None:
                groups = found.groupdict()
                record_id = _id_of(route, groups.get("id"), request.query)
                if record_id is not None:
                    served = self._entity(route.entity or unquote(groups["entity"]))
                    return self._act(served, route.action, request, record_id, user)
        if self._generic:
            self._entity(request.steps[0])
        raise _Answered(self._refused("not_found", f"no {request.method} {request.path}"))

    def _act(self, served: _Served, action: str, request: Request, record_id: str, user: str) -> Answer:
        if action == "list":
            return served.lists.answer(request)
        if action == "describe":
            return Answer(body=encode(describe(served.store.schema)))
        if action == "create":
            write = served.rest.create
            record = served.store.create(self._sent(served, write, request), user)
            return self._told(served, write, record, status=201)
        found = served.store.get(record_id)
        if found is None:
            raise _Answered(self._refused("not_found", f"no {served.store.schema.name} {record_id!r}"))
        if action == "get":
            return self._single(served, found)
        if action == "delete":
            served.store.delete(found, user)
            return Answer(status=_WITHOUT_BODY)
        if served.rest.conditional and request.headers.get("if-match") not in (None, _etag(found)):
            raise _Answered(self._refused("conflict", f"{record_id} was changed meanwhile", status=409))
        write = served.rest.update
        sent = self._sent(served, write, request)
        if write.whole:
            sent = {**_cleared(served.store, found, sent), **sent}
        return self._told(served, write, served.store.update(found, sent, user))

    def _sent(self, served: _Served, write: Write, request: Request) -> Mapping[str, Any]:
        """What a body holds, for the store."""
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        for key in write.envelope:
            body = body.get(key) if isinstance(body, dict) else None
        if not isinstance(body, dict):
            place = f" under {'.'.join(write.envelope)}" if write.envelope else ""
            raise _Answered(self._refused("wrong_type", f"the body is no JSON object{place}", status=400))
        return served.values.read(body)

    def _told(self, served: _Served, write: Write, record: Stored, status: int = 200) -> Answer:
        if write.answer == "record":
            return self._single(served, record, status)
        if write.answer == "id":
            marks: dict[str, Any] = {}
            put(marks, tuple(served.store.schema.id_field.split(".")), self._written_id(record.id))
            return Answer(status=status, body=frame({}, served.rest.record, encode(marks)))
        if status != 201:
            return Answer(status=_WITHOUT_BODY)
        item = served.rest.item_path.replace("{entity}", quote(served.store.schema.name, safe=""))
        return Answer(status=status, headers={"location": item.replace("{id}", quote(record.id, safe=""))})

    def _single(self, served: _Served, record: Stored, status: int = 200) -> Answer:
        headers = {"etag": _etag(record)} if served.rest.conditional else {}
        body = frame({}, served.rest.record, served.values.body_of(record))
        return Answer(status=status, body=body, headers=headers)

    def _written_id(self, record_id: str) -> Any:
        return int(record_id) if self._api.ids == "number" and record_id.isdecimal() else record_id

    def _serve(self, entity: EntityStore) -> _Served:
        rest = entity.schema.rest or (GENERIC_ENTITY if self._generic else RestEntity())
        values = WireValues(self._api, rest, entity, known_users=self.store.schema.knows_users)
        return _Served(
            store=entity, rest=rest, values=values, lists=RestList(self.store, entity, rest, values, self._api)
        )

    def _entity(self, name: str) -> _Served:
        served = self._served.get(name.casefold())
        if served is not None:
            return served
        licence = self.store.missing_licences.get(name.casefold())
        if licence is not None:
            raise Refused(Problem(code="licence_required", message=f"{name} needs {licence}", licence=licence))
        raise Refused(Problem(code="unknown_entity", message=f"{self.store.schema.name} has no entity {name!r}"))

    def _number(self, entity: str, ordinal: int) -> str:
        return str(10_000 * (1 + draws.index(89, "range", self.store.schema.name, entity)) + ordinal)

    def _refused(self, code: str, message: str, status: int | None = None) -> Answer:
        return refuse(self._api.errors, Problem(code=code, message=message), status=status)


def _routes_of(name: str, rest: RestEntity, *, describes: bool) -> list[_Route]:
    """The routes of one entity, those of one record after those of many; of every entity where the name is empty."""
    urls = [("list", "GET", rest.path), ("create", rest.create.method, rest.create.path or rest.path)]
    if describes:
        urls.append(("describe", "GET", f"{rest.path}/describe"))
    if rest.get:
        urls.append(("get", "GET", rest.item_path))
    for action, write in (("update", rest.update), ("delete", rest.delete)):
        urls.append((action, write.method, write.path or rest.item_path))
    found = []
    for action, method, url in urls:
        path, _, query = url.partition("?")
        pattern = re.escape(path.replace("{entity}", quote(name, safe="")) if name else path)
        pattern = pattern.replace(r"\{entity\}", "(?P<entity>[^/]+)").replace(r"\{id\}", "(?P<id>[^/]+)")
        fixed = dict(parse_qsl(query, keep_blank_values=True))
        found.append(
            _Route(method=method, path=re.compile(pattern), query=fixed, action=action, entity=name.casefold())
        )
    return found


def _id_of(route: _Route, in_path: str | None, query: Mapping[str, str]) -> str | None:
    """The id that a URL names, empty where it names none; None where it is not of the route."""
    found = "" if in_path is None else unquote(in_path)
    for key, value in route.query.items():
        if "{id}" in value and key in query:
            found = query[key]
        elif query.get(key) != value:
            return None
    return found


def _cleared(entity: EntityStore, record: Stored, sent: Mapping[str, Any]) -> dict[str, Any]:
    """What a whole record leaves out, as null."""
    named = {path.casefold() for path in sent}
    return {
        field.path: None
        for folded, field in entity.layout.fields.items()
        if field.updateable and folded not in named and record.values.get(field.path) is not None
    }


def _etag(record: Stored) -> str:
    return f'"{record.version}"'
