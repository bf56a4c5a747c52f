"""The GraphQL family: one address, errors in the body, what is read named field by field.

Used by the vendors' clients that speak GraphQL. Queries may be repeated by the transport, mutations may not unless the
client says that one does no more the second time. Nothing here knows a vendor.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from talkqa.model.call import PollShape, Purpose
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable
from talkqa.systems.session import Call, Session

UNAUTHENTICATED = "UNAUTHENTICATED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
VARIABLE_VALUE = "VARIABLE_VALUE"
NOT_FOUND = "NOT_FOUND"
INTERNAL = "INTERNAL_SERVER_ERROR"

_Q = "[\"'`]?"
_AT = re.compile(rf"at {_Q}[$\w]*((?:\.\w+|\[\d+\])+)")
"""Where in a variable something is wrong: `at "i.address.countryCode"` and `at .address.countryCode`."""
_FIELDS = (
    re.compile(rf"unknown field {_Q}(\w+)"),
    re.compile(rf"[Ff]ield {_Q}(?:value\.)?([\w.]+){_Q} is not defined"),
    re.compile(rf"required field {_Q}(\w+)"),
    re.compile(rf"[Ff]ield {_Q}(?:value\.)?([\w.]+){_Q} of required type"),
)
"""Which field below that place, in the words of several servers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphqlError:
    """One error of a whole request."""

    message: str
    code: str
    path: tuple[str, ...]
    """Keys of the data that it stands for; empty where nothing was executed."""
    field: str = ""
    """What it names in its extensions, as some servers do."""

    @property
    def variable_path(self) -> str:
        """The dotted path inside a variable that it names; empty where it names none."""
        at = _AT.search(self.message)
        steps = [step for step in re.split(r"[.\[\]]", at.group(1)) if step and not step.isdigit()] if at else []
        named = next((found.group(1) for found in (p.search(self.message) for p in _FIELDS) if found), "")
        return ".".join([*steps, *filter(None, [named])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered to one operation."""

    data: Mapping[str, Any]
    """Empty where there is none; partial data may stand beside errors."""
    errors: tuple[GraphqlError, ...]
    status: int
    server_time: datetime | None
    """When the server answered, by its own clock, UTC."""

    def at(self, *keys: str) -> Any:
        """What the data holds at a place; None where it holds nothing."""
        held: Any = self.data
        for key in keys:
            held = held.get(key) if isinstance(held, dict) else None
        return held


class GraphqlChannel:
    """Asks one GraphQL endpoint."""

    def __init__(self, session: Session, url: str) -> None:
        """Name the endpoint; nothing is sent.

        Args:
            session: Sends its calls.
            url: Of the endpoint, below the session's base URL.
        """
        self._session = session
        self._url = url

    async def query(
        self,
        text: str,
        variables: Mapping[str, Any],
        *,
        purpose: Purpose = Purpose.CONFIRM,
        poll: PollShape | None = None,
    ) -> Reply:
        """The answer to a read, errors of the request included.

        Raises:
            ApiUnavailable: where no usable answer came.
            ApiRefused: where the token is not accepted, or the answer is no GraphQL.
        """
        return await self._ask(text, variables, purpose=purpose, poll=poll, repeatable=True)

    async def mutate(self, text: str, variables: Mapping[str, Any], *, repeatable: bool = False) -> Reply:
        """The answer to a change.

        Args:
            text: The mutation.
            variables: Its variables.
            repeatable: Whether doing it twice leaves what doing it once leaves.

        Raises:
            ApiUnavailable: where no usable answer came.
            ApiRefused: where the token is not accepted, or the answer is no GraphQL.
        """
        return await self._ask(text, variables, purpose=Purpose.WRITE, poll=None, repeatable=repeatable)

    async def _ask(
        self, text: str, variables: Mapping[str, Any], *, purpose: Purpose, poll: PollShape | None, repeatable: bool
    ) -> Reply:
        body = json.dumps({"query": text, "variables": variables}, ensure_ascii=False, separators=(",", ":"))
        call = Call(
            method="POST",
            url=self._url,
            purpose=purpose,
            body=body.encode(),
            repeatable=repeatable,
            poll=poll,
            is_dead_token=_is_dead_token,
        )
        response = await self._session.send(call)
        return read_reply(
            response.status_code, response.content, response.headers.get("date"), system=self._session.system
        )


def read_reply(status: int, content: bytes, date: str | None, *, system: str) -> Reply:
    """What an HTTP answer says: by its body first, then by its status, which servers use as they please.

    Raises:
        ApiUnavailable: for 429, 5xx, errors inside the server and bodies that are no GraphQL.
        ApiRefused: for a token that is not accepted, and other refusals without a body in GraphQL.
    """
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    told = body.get("errors") if isinstance(body, dict) else None
    errors = tuple(_read_error(one) for one in told if isinstance(one, dict)) if isinstance(told, list) else ()
    codes = {error.code for error in errors}
    said = "; ".join(error.message for error in errors) or f"HTTP {status}"
    if status == 401 or UNAUTHENTICATED in codes:
        raise ApiRefused(f"{system} does not let us in: {said}", status=401, code=UNAUTHENTICATED)
    if status == 429 or status >= 500 or INTERNAL in codes:
        raise ApiUnavailable(f"{system} gave no usable answer ({status}): {said}", status=status, code=_first(codes))
    data = body.get("data") if isinstance(body, dict) else None
    if not errors and (status >= 400 or not isinstance(data, dict)):
        kind = ApiRefused if 400 <= status < 500 else ApiUnavailable
        raise kind(f"{system} answered {status} and no data", status=status)
    server_time = _read_date(date)
    return Reply(data=data if isinstance(data, dict) else {}, errors=errors, status=status, server_time=server_time)


def _is_dead_token(response: httpx.Response) -> bool:
    """Whether an answer with a good status says that the token is not accepted."""
    if UNAUTHENTICATED.encode() not in response.content:
        return False
    try:
        read_reply(response.status_code, response.content, None, system="")
    except ApiError as error:
        return error.code == UNAUTHENTICATED
    return False


def refusal(errors: Iterable[GraphqlError], what: str, *, status: int, fields: Iterable[str] = ()) -> ApiError:
    """The errors of a request as one exception.

    Args:
        errors: At least one.
        what: What was asked, for the message.
        status: Of HTTP.
        fields: Every field that they name.
    """
    known = tuple(errors)
    said = "; ".join(error.message for error in known)
    code = next((error.code for error in known if error.code), "")
    named = tuple(dict.fromkeys(filter(None, fields)))
    return ApiRefused(
        f"{what}: {code} {said}".replace(":  ", ": "),
        status=status,
        code=code,
        field=named[0] if named else None,
        fields=named,
    )


def _read_error(told: Mapping[str, Any]) -> GraphqlError:
    own = told.get("extensions")
    code = own.get("code") if isinstance(own, dict) else None
    path = told.get("path")
    return GraphqlError(
        message=str(told.get("message") or "no reason given"),
        code=str(code or ""),
        path=tuple(map(str, path)) if isinstance(path, list) else (),
        field=str(own.get("field") or "") if isinstance(own, dict) else "",
    )


def _first(codes: Iterable[str]) -> str:
    return next(iter(sorted(filter(None, codes))), "")


def _read_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else moment


# what is read and what is written


def select(paths: Iterable[str]) -> str:
    """A selection set for dotted paths: `id address{city country{code}}`."""
    tree: dict[str, Any] = {}
    for path in paths:
        inner = tree
        for step in path.split("."):
            inner = inner.setdefault(step, {})
    return _write_selection(tree)


def _write_selection(tree: Mapping[str, Any]) -> str:
    return " ".join(f"{key}{{{_write_selection(inner)}}}" if inner else key for key, inner in tree.items())


def read_path(node: Any, steps: tuple[str, ...]) -> Any:
    """What an answer holds at a path; a tuple, one value an element, where the path runs through a list."""
    for at, step in enumerate(steps):
        if isinstance(node, list):
            return tuple(read_path(one, steps[at:]) for one in node)
        node = node.get(step) if isinstance(node, dict) else None
    return tuple(node) if isinstance(node, list) else node


def place(holder: dict[str, Any], steps: tuple[str, ...], value: Any) -> None:
    """Put a value into nested objects, making those that lack."""
    for step in steps[:-1]:
        inner = holder.get(step)
        if not isinstance(inner, dict):
            inner = holder[step] = {}
        holder = inner
    holder[steps[-1]] = value


# what the server says of its schema

_REFERENCE = "name kind ofType{name kind ofType{name kind ofType{name kind}}}"
_FULL_TYPE = (
    f"name kind fields(includeDeprecated:true){{name type{{{_REFERENCE}}}}} "
    f"inputFields{{name defaultValue type{{{_REFERENCE}}}}} enumValues(includeDeprecated:true){{name}}"
)
SCHEMA_QUERY = f"query{{__schema{{mutationType{{name}} types{{{_FULL_TYPE}}}}}}}"
"""The whole schema, as far as it is of use."""
TYPE_QUERY = f"query($n:String!){{__type(name:$n){{{_FULL_TYPE}}}}}"
"""One type of it, for servers that find the whole schema too expensive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeReference:
    """The type of a field, without what is wrapped around it."""

    name: str
    required: bool
    """Whether null is refused."""
    is_list: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeInfo:
    """One type of a server's schema."""

    name: str
    kind: str
    fields: Mapping[str, TypeReference] = field(default_factory=dict)
    """Of an object or an input; an input's field with a default is not required."""
    values: tuple[str, ...] = ()
    """Of an enumeration."""


def read_type(told: Any) -> TypeInfo | None:
    """A type as introspection tells it; None where it tells none."""
    if not isinstance(told, dict) or not told.get("name"):
        return None
    members: dict[str, TypeReference] = {}
    for one in [*(told.get("fields") or []), *(told.get("inputFields") or [])]:
        if isinstance(one, dict) and one.get("name"):
            members[str(one["name"])] = _read_reference(one.get("type"), defaulted=one.get("defaultValue") is not None)
    values = tuple(str(one.get("name")) for one in told.get("enumValues") or [] if isinstance(one, dict))
    return TypeInfo(name=str(told["name"]), kind=str(told.get("kind")), fields=members, values=values)


def _read_reference(told: Any, *, defaulted: bool) -> TypeReference:
    required, is_list = isinstance(told, dict) and told.get("kind") == "NON_NULL" and not defaulted, False
    while isinstance(told, dict) and told.get("ofType"):
        is_list = is_list or told.get("kind") == "LIST"
        told = told["ofType"]
    name = told.get("name") if isinstance(told, dict) else None
    return TypeReference(name=str(name or ""), required=required, is_list=is_list)
