"""The REST dialect of custom systems, emulated.

Beyond plain REST it honours `If-Match` on PATCH, with the `ETag` that single records carry.
"""

import json
from collections.abc import Mapping
from typing import Any

from talkqa.model.account import Account, Auth
from talkqa.sandbox.dialects.emulator import USERS, Answer, Emulator, Request, encode
from talkqa.sandbox.store import EntityStore, Refused, Stored
from talkqa.sandbox.validation import Problem

_MAX_PAGE = 1000
_STATUS = {"licence_required": 403, "not_found": 404, "unknown_entity": 404, "not_deletable": 405, "duplicate": 409}


class _Answered(Exception):
    """Raised to end a request early."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class RestEmulator(Emulator):
    """One system behind `GET|POST /{entity}` and `GET|PATCH|DELETE /{entity}/{id}`."""

    def account(self, base_url: str, user: str) -> Account:
        """The user's name is the bearer token."""
        return Account(system=self.store.schema.name, url=base_url, auth=Auth(kind="bearer", token=user))

    def answer(self, request: Request) -> Answer:
        """The answer to one request, done at once."""
        try:
            return self._answer(request)
        except _Answered as early:
            return early.answer
        except Refused as refusal:
            return _refuse(*refusal.problems)

    def _answer(self, request: Request) -> Answer:
        user = request.headers.get("authorization", "").removeprefix("Bearer ")
        if user not in USERS:
            return _refuse(Problem(code="unknown_user", message=f"no user {user!r}"), status=401)
        steps = request.steps
        entity = self._entity(steps[0])
        answer: Answer | None = None
        if len(steps) == 1:
            answer = self._on_entity(entity, request, user)
        elif len(steps) == 2 and request.method == "GET" and steps[1] == "describe":
            answer = Answer(body=encode(self._describe(entity)))
        elif len(steps) == 2:
            answer = _on_record(entity, request, steps[1], user)
        return answer or _refuse(Problem(code="not_found", message=f"no {request.method} {request.path}"))

    def _on_entity(self, entity: EntityStore, request: Request, user: str) -> Answer | None:
        if request.method == "GET":
            return self._list(entity, request.query)
        if request.method == "POST":
            return _single(entity.create(_parse(request.body), user), status=201)
        return None

    def _entity(self, name: str) -> EntityStore:
        entity = self.store.entities.get(name.casefold())
        if entity is not None:
            return entity
        licence = self.store.missing_licences.get(name.casefold())
        if licence is not None:
            raise Refused(Problem(code="licence_required", message=f"{name} needs {licence}", licence=licence))
        raise Refused(Problem(code="unknown_entity", message=f"{self.store.schema.name} has no entity {name!r}"))

    def _list(self, entity: EntityStore, query: Mapping[str, str]) -> Answer:
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
        cursor = cursor or self.store.stamp()
        records, last = entity.changes(query.get("since", ""), int(version_text or 0), limit)
        following = b"null" if last is None else encode(f"{last}~{cursor}")
        page = b",".join(record.body for record in records)
        return Answer(body=b'{"records":[%b],"next":%b,"cursor":%b}' % (page, following, encode(cursor)))

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


def _on_record(entity: EntityStore, request: Request, record_id: str, user: str) -> Answer | None:
    if request.method not in ("GET", "PATCH", "DELETE"):
        return None
    record = entity.get(record_id)
    if record is None:
        return _refuse(Problem(code="not_found", message=f"no {entity.schema.name} {record_id!r}"))
    if request.method == "DELETE":
        entity.delete(record, user)
        return Answer(status=204)
    if request.method == "PATCH":
        if request.headers.get("if-match") not in (None, _etag(record)):
            return _refuse(Problem(code="conflict", message=f"{record_id} was changed meanwhile"), status=409)
        record = entity.update(record, _parse(request.body), user)
    return _single(record)


def _single(record: Stored, status: int = 200) -> Answer:
    return Answer(status=status, body=record.body, headers={"etag": _etag(record)})


def _find(entity: EntityStore, path: str, text: str) -> Answer:
    field = entity.layout.fields.get(path.casefold())
    by_id = path.casefold() in ("id", entity.schema.id_field.casefold())
    if field is None and not by_id:
        problem = Problem(code="unknown_field", message=f"{entity.schema.name} has no field {path}", field=path)
        return _refuse(problem)
    found = entity.find(None if by_id else field, text)
    return Answer(body=b'{"records":[%b]}' % b",".join(record.body for record in found))


def _refuse(*problems: Problem, status: int | None = None) -> Answer:
    """The error answer; a refusal for several reasons is a 422 unless they agree on something else."""
    statuses = {_STATUS.get(problem.code, 422) for problem in problems}
    errors = []
    for problem in problems:
        error = {"code": problem.code, "message": problem.message, "field": problem.field}
        errors.append({**error, "licence": problem.licence} if problem.licence else error)
    return Answer(status=status or (statuses.pop() if len(statuses) == 1 else 422), body=encode({"errors": errors}))


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise _Answered(_refuse(Problem(code="wrong_type", message="the body is no JSON object"), status=400))
    return parsed


def _etag(record: Stored) -> str:
    return f'"{record.version}"'
