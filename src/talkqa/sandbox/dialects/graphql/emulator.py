"""Described GraphQL systems, emulated: one endpoint, the operations of the descriptor, over the store.

A refusal is an error of the request, with a code and a field in its extensions, or stands in the answer of the
mutation, where the descriptor says so.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from email.utils import format_datetime
from functools import partial
from typing import Any

from graphql import ExecutionResult, GraphQLError

from talkqa.model.account import Account
from talkqa.model.errors import ConfigError
from talkqa.model.graphql import GraphqlApi
from talkqa.model.protocols import Clock
from talkqa.model.rest import RestAuth
from talkqa.sandbox.dialects.emulator import Answer, Emulator, Request, encode
from talkqa.sandbox.dialects.graphql.sdl import write_sdl, written_path
from talkqa.sandbox.dialects.lists import whole_lists
from talkqa.sandbox.dialects.rest_auth import Door
from talkqa.sandbox.dialects.wave.language import is_mutation, language
from talkqa.sandbox.store import EntityStore, Refused, Stored, SystemStore

_WRONG = 400


class GraphqlEmulator(Emulator):
    """One system behind one URL."""

    def __init__(self, store: SystemStore, clock: Clock, *, quirks: Mapping[str, bool] | None = None) -> None:
        """Open a system over its store.

        Raises:
            ConfigError: for a schema that no descriptor of this dialect gave, and for operations that clash.
        """
        super().__init__(store, clock, quirks=quirks)
        if store.schema.graphql is None:
            raise ConfigError(f"{store.schema.name} has no description of its GraphQL operations")
        self._api: GraphqlApi = store.schema.graphql
        self._door = Door(store, RestAuth(kinds=("client-credentials",)), clock, plain=False)
        try:
            self._language = language(write_sdl(store, self._api))
        except (TypeError, GraphQLError) as error:
            raise ConfigError(
                f"the operations of {store.schema.name} make no GraphQL schema: {error}; correct [graphql] and "
                "[entities.X.graphql] of its descriptor"
            ) from error

    def account(self, base_url: str, user: str) -> Account:
        """Client credentials of OAuth 2."""
        return self._door.account(base_url, user)

    def expire_token(self, token: str) -> None:
        """Make an access token dead."""
        self._door.expire(token)

    def speaker(self, request: Request) -> str:
        """The user, whichever token stands for them."""
        return self._door.user_of(request) or super().speaker(request)

    def reads(self, request: Request) -> bool:
        """Whether a request changes nothing."""
        asked = _asked(request)
        if asked is None or request.path != self._api.path:
            return False
        operation = self._language.prepare(asked["query"]).operation(asked.get("operationName"))
        return operation is None or not is_mutation(operation)

    def answer(self, request: Request) -> Answer:
        """The answer to one request, done at once."""
        answer = self._door.answer_token(request) or self._answer(request)
        date = {"date": format_datetime(self.clock.stamp(), usegmt=True)}
        return Answer(status=answer.status, body=answer.body, headers={**answer.headers, **date})

    def _answer(self, request: Request) -> Answer:
        user = self._door.user_of(request)
        if user is None:
            return _refuse(GraphQLError("nobody who is known here", extensions={"code": "UNAUTHENTICATED"}), status=401)
        asked = _asked(request)
        if request.path != self._api.path or request.method != "POST" or asked is None:
            return _refuse(GraphQLError("this is no request in GraphQL"), status=404 if asked else _WRONG)
        prepared = self._language.prepare(asked["query"])
        operation = prepared.operation(asked.get("operationName"))
        if prepared.errors or prepared.document is None or operation is None:
            return _refuse(*(prepared.errors or [GraphQLError("there is no such operation")]), status=_WRONG)
        root = self._mutations(user) if is_mutation(operation) else self._queries()
        variables = asked.get("variables") or {}
        result = self._language.execute(prepared.document, root, variables, asked.get("operationName"))
        return _told(result)

    def _queries(self) -> dict[str, Callable[..., Any]]:
        root: dict[str, Callable[..., Any]] = {}
        for entity in self.store.entities.values():
            names = entity.schema.graphql
            if names is not None:
                root[names.get] = partial(self._get, entity)
                root[names.list] = partial(self._list, entity)
        return root

    def _mutations(self, user: str) -> dict[str, Callable[..., Any]]:
        root: dict[str, Callable[..., Any]] = {}
        for entity in self.store.entities.values():
            names = entity.schema.graphql
            if names is not None:
                root[names.create] = partial(self._change, entity, user)
                root[names.update] = partial(self._change, entity, user)
                root[names.delete] = partial(self._delete, entity, user)
        return root

    def _get(self, entity: EntityStore, _info: Any, **arguments: Any) -> Any:
        record = entity.get(arguments["id"])
        return None if record is None else json.loads(record.body)

    def _list(self, entity: EntityStore, _info: Any, **arguments: Any) -> Any:
        """A page in the order of creation, which no change moves."""
        api = self._api
        since = arguments.get(api.since)
        rows = [(place, one) for place, one in enumerate(entity.all()) if not one.deleted and _is_since(one, since)]
        size = min(max(arguments.get(api.size_argument) or api.size, 1), api.size)
        position = arguments.get(api.position_argument)
        if api.paging == "cursor" and position:
            rows = [row for row in rows if row[0] > int(position)]
        elif api.paging == "offset":
            rows = rows[position or 0 :]
        page = rows if api.paging == "none" else rows[:size]
        shown: Any = []
        for _, record in page:
            node: Any = json.loads(record.body)
            for step in reversed(api.record):
                node = {step: node}
            shown.append(node)
        for step in reversed(api.records):
            shown = {step: shown}
        if api.paging == "cursor":
            end = str(page[-1][0]) if page else None
            shown["pageInfo"] = {"hasNextPage": len(page) < len(rows), "endCursor": end}
        return shown

    def _change(self, entity: EntityStore, user: str, _info: Any, **arguments: Any) -> Any:
        """Create where no id is given."""
        body = _plain(entity, arguments[self._api.input_argument])
        try:
            if "id" in arguments:
                record = entity.update(self._find(entity, arguments["id"]), body, user)
            else:
                record = entity.create(body, user)
        except Refused as refused:
            return self._refused(refused)
        shown: Any = json.loads(record.body)
        for step in reversed(self._api.payload):
            shown = {step: shown}
        return shown

    def _delete(self, entity: EntityStore, user: str, _info: Any, **arguments: Any) -> Any:
        try:
            entity.delete(self._find(entity, arguments["id"]), user)
        except Refused as refused:
            return self._refused(refused)
        return {self._api.deleted: arguments["id"]} if self._api.deleted else {} if self._api.errors else True

    def _find(self, entity: EntityStore, record_id: str) -> Stored:
        record = entity.get(record_id)
        if record is None:
            message = f"there is no {entity.schema.name} {record_id}"
            raise GraphQLError(message, extensions={"code": "NOT_FOUND"})
        return record

    def _refused(self, refused: Refused) -> Any:
        if not self._api.errors:
            first = refused.problems[0]
            said = "; ".join(problem.message for problem in refused.problems)
            raise GraphQLError(said, extensions={"code": first.code.upper(), "field": first.field})
        told = [
            {"message": one.message, "field": one.field.split(".") if one.field else None, "code": one.code.upper()}
            for one in refused.problems
        ]
        return {self._api.errors: told}


def _is_since(record: Stored, since: str | None) -> bool:
    return since is None or datetime.fromisoformat(record.stamp) >= datetime.fromisoformat(since)


def _plain(entity: EntityStore, sent: Any) -> Any:
    """An input as the store takes it: references under the paths by which they are read, numbers as JSON has them."""
    body = _numbers(sent)
    for field in entity.schema.fields:
        name = written_path(field)
        if name != field.path and name in body:
            body[field.path] = body.pop(name)
    return whole_lists(entity.schema, body)


def _numbers(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _numbers(one) for name, one in value.items()}
    return [_numbers(one) for one in value] if isinstance(value, list) else value


def _asked(request: Request) -> Mapping[str, Any] | None:
    try:
        asked = json.loads(request.body)
    except ValueError:
        return None
    fits = isinstance(asked, dict) and isinstance(asked.get("query"), str)
    return asked if fits and isinstance(asked.get("variables") or {}, dict) else None


def _told(result: ExecutionResult) -> Answer:
    for error in result.errors or ():
        if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
            raise error.original_error
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body["errors"] = [_formatted(error) for error in result.errors]
    return Answer(body=encode(body))


def _refuse(*errors: GraphQLError, status: int) -> Answer:
    return Answer(status=status, body=encode({"errors": [_formatted(error) for error in errors]}))


def _formatted(error: GraphQLError) -> dict[str, Any]:
    return {**error.formatted, "extensions": dict(error.extensions or {"code": "GRAPHQL_VALIDATION_FAILED"})}
