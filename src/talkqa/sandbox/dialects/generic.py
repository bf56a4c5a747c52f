"""The generic REST dialect: an emulated system as a raw ASGI application.

Used by the world and by whatever serves a sandbox. Every answer waits for the clock given and for nothing else.
Beyond plain REST it honours `If-Match` on PATCH, with the `ETag` that single records carry.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from talkqa.model.protocols import Clock
from talkqa.sandbox import draws
from talkqa.sandbox.store import EntityStore, Refused, Stored, SystemStore
from talkqa.sandbox.validation import Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

USERS = frozenset({"harness", "engine"})
"""Who may sign in, by bearer."""
DELAY_S = (0.02, 0.2)
"""Between which bounds an answer takes its time."""
_LATE_ANSWERS = 0.25
"""Share of writes that are done some time before they are answered."""
_MAX_PAGE = 1000
_STATUS = {"licence_required": 403, "not_found": 404, "unknown_entity": 404, "not_deletable": 405, "duplicate": 409}


class _Answer(Exception):
    """Raised to end a request early: not always an error."""

    def __init__(self, status: int, body: bytes = b"", etag: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.etag = etag


class _Sent(NamedTuple):
    user: str
    body: bytes
    if_match: bytes


class GenericApp:
    """One system behind `GET|POST /{entity}` and `GET|PATCH|DELETE /{entity}/{id}`."""

    def __init__(self, store: SystemStore, clock: Clock, *, users: frozenset[str] = USERS) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._asked: dict[bytes, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the ASGI entry point."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        method = scope["method"]
        body = await _read(receive) if method in ("POST", "PATCH") else b""
        before_s, after_s = self._delays(scope, body)
        await self._clock.sleep(before_s)
        try:
            answer = self._answer(method, scope, body)
        except _Answer as early:
            answer = early
        except Refused as refusal:
            answer = _refuse(*refusal.problems)
        if after_s:
            await self._clock.sleep(after_s)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer.body)).encode())]
        if answer.etag:
            headers.append((b"etag", answer.etag.encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _delays(self, scope: Scope, body: bytes) -> tuple[float, float]:
        """Seconds before and after the work is done, drawn from what is asked and how often it was asked before.

        The order in which requests arrive plays no part, so that one more request changes no other one's delay.
        """
        method = scope["method"]
        user = _header(scope, b"authorization")
        asked = draws.digest(method, user, scope["raw_path"], scope["query_string"], body)
        count = self._asked[asked] = self._asked.get(asked, 0) + 1
        drawn = draws.digest(self._store.seed, self._store.schema.name, asked, count, size_bytes=8)
        low_s, high_s = DELAY_S
        total_s = low_s + (high_s - low_s) * int.from_bytes(drawn[:4], "big") / (1 << 32)
        late = drawn[4] / 256 if method != "GET" and drawn[5] / 256 < _LATE_ANSWERS else 0.0
        return total_s * (1 - late), total_s * late

    def _answer(self, method: str, scope: Scope, body: bytes) -> _Answer:
        user = _header(scope, b"authorization").removeprefix(b"Bearer ").decode("latin-1")
        if user not in self._users:
            return _refuse(Problem(code="unknown_user", message=f"no user {user!r}"), status=401)
        steps = [unquote(step) for step in scope["raw_path"].decode("ascii").strip("/").split("/")]
        entity = self._entity(steps[0])
        answer: _Answer | None = None
        if len(steps) == 1:
            answer = self._on_entity(entity, method, scope, body, user)
        elif len(steps) == 2 and method == "GET" and steps[1] == "describe":
            answer = _Answer(200, _encode(self._describe(entity)))
        elif len(steps) == 2:
            answer = _on_record(entity, method, steps[1], _Sent(user, body, _header(scope, b"if-match")))
        return answer or _refuse(Problem(code="not_found", message=f"no {method} {scope['path']}"))

    def _on_entity(self, entity: EntityStore, method: str, scope: Scope, body: bytes, user: str) -> _Answer | None:
        if method == "GET":
            return self._list(entity, scope["query_string"])
        if method == "POST":
            record = entity.create(_parse(body), user)
            return _Answer(201, record.body, _etag(record))
        return None

    def _entity(self, name: str) -> EntityStore:
        entity = self._store.entities.get(name.casefold())
        if entity is not None:
            return entity
        licence = self._store.missing_licences.get(name.casefold())
        if licence is not None:
            raise Refused(Problem(code="licence_required", message=f"{name} needs {licence}", licence=licence))
        raise Refused(Problem(code="unknown_entity", message=f"{self._store.schema.name} has no entity {name!r}"))

    def _list(self, entity: EntityStore, query_string: bytes) -> _Answer:
        query = dict(parse_qsl(query_string.decode("ascii"), keep_blank_values=True))
        if "where" in query:
            return _find(entity, query["where"], query.get("equals", ""))
        limit_text = query.get("limit", "200")
        limit = min(int(limit_text), _MAX_PAGE) if limit_text.isdecimal() else 0
        if limit < 1:
            return _refuse(Problem(code="wrong_type", message=f"limit takes a number above 0, not {limit_text!r}"))
        token = query.get("after", "")
        version_text, _, cursor = token.partition("~")
        if token and not version_text.isdecimal():
            return _refuse(Problem(code="wrong_type", message=f"no page {token!r}"))
        # The cursor of the first page holds for all of them: a change between two pages is told again.
        cursor = cursor or self._store.stamp()
        records, last = entity.changes(query.get("since", ""), int(version_text or 0), limit)
        following = b"null" if last is None else _encode(f"{last}~{cursor}")
        page = b",".join(record.body for record in records)
        return _Answer(200, b'{"records":[%b],"next":%b,"cursor":%b}' % (page, following, _encode(cursor)))

    def _describe(self, entity: EntityStore) -> dict[str, Any]:
        schema = entity.schema
        return {
            "name": schema.name,
            "id_field": schema.id_field,
            "modified_field": schema.modified_field,
            "modified_by_field": schema.modified_by_field,
            "createable": schema.createable,
            "updateable": schema.updateable,
            "deletable": schema.deletable,
            "licence": None if schema.createable else schema.create_requires,
            "fields": [
                {
                    "path": field.path,
                    "type": field.type.value,
                    "list_at": field.list_at,
                    "max_length": field.max_length,
                    "scale": field.scale,
                    "createable": field.createable,
                    "updateable": field.updateable,
                    "nullable": field.nullable,
                    "required": field.required,
                    "references": list(field.references),
                    "picklist": list(field.picklist),
                    "restricted": field.restricted,
                    "unique": field.unique,
                }
                for field in schema.fields
            ],
        }


def _on_record(entity: EntityStore, method: str, record_id: str, sent: _Sent) -> _Answer | None:
    if method not in ("GET", "PATCH", "DELETE"):
        return None
    record = entity.get(record_id)
    if record is None:
        return _refuse(Problem(code="not_found", message=f"no {entity.schema.name} {record_id!r}"))
    if method == "DELETE":
        entity.delete(record, sent.user)
        return _Answer(204)
    if method == "PATCH":
        if sent.if_match and sent.if_match.decode("latin-1") != _etag(record):
            return _refuse(Problem(code="conflict", message=f"{record_id} was changed meanwhile"), status=409)
        record = entity.update(record, _parse(sent.body), sent.user)
    return _Answer(200, record.body, _etag(record))


def _find(entity: EntityStore, path: str, text: str) -> _Answer:
    field = entity.layout.fields.get(path.casefold())
    by_id = path.casefold() in ("id", entity.schema.id_field.casefold())
    if field is None and not by_id:
        problem = Problem(code="unknown_field", message=f"{entity.schema.name} has no field {path}", field=path)
        return _refuse(problem)
    found = entity.find(None if by_id else field, text)
    return _Answer(200, b'{"records":[%b]}' % b",".join(record.body for record in found))


def _refuse(*problems: Problem, status: int | None = None) -> _Answer:
    """The error answer; a refusal for several reasons is a 422 unless they agree on something else."""
    statuses = {_STATUS.get(problem.code, 422) for problem in problems}
    errors = []
    for problem in problems:
        error = {"code": problem.code, "message": problem.message, "field": problem.field}
        errors.append({**error, "licence": problem.licence} if problem.licence else error)
    return _Answer(status or (statuses.pop() if len(statuses) == 1 else 422), _encode({"errors": errors}))


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise _Answer(400, _refuse(Problem(code="wrong_type", message="the body is no JSON object")).body)
    return parsed


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _etag(record: Stored) -> str:
    return f'"{record.version}"'


def _header(scope: Scope, name: bytes) -> bytes:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found


async def _read(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
