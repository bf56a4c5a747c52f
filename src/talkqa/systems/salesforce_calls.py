"""Calls to the Salesforce REST API: versioned paths, batches of queries, errors, and the count of the day's calls.

Used by the Salesforce client.
"""

import re
from collections.abc import Iterable, Mapping
from json import dumps, loads
from typing import Any
from urllib.parse import urlencode

import httpx

from talkqa.model.call import PollShape, Purpose
from talkqa.model.errors import CALLS_USED_UP, ApiError, ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.systems.session import Call, Session

VERSION = "v62.0"
_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})")
_REFUSED = 400
_LOCKED = "UNABLE_TO_LOCK_ROW"
_UNANSWERED = frozenset(
    {
        "REQUEST_LIMIT_EXCEEDED",
        "SERVER_UNAVAILABLE",
        _LOCKED,
        "QUERY_TIMEOUT",
        "INVALID_QUERY_LOCATOR",
        "UNKNOWN_EXCEPTION",
    }
)
"""Codes that say nothing about what was asked, whatever their status: it may be asked again."""
_DAY_IS_SPENT = re.compile(r"\bTotalRequests\b")
"""In the refusal of a call for their number: those of 24 hours, and not those at once."""
_NO_API = frozenset({"API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"})
_MESSAGE_CHARS = 600


class Calls:
    """What one account asks of one org."""

    def __init__(self, session: Session, version: str, system: str) -> None:
        self._session = session
        self._at = f"/services/data/{version}"
        self._system = system
        self.used: int | None = None
        """Calls of the last 24 hours, by everybody, as last told; None before the first answer."""
        self.allowed: int | None = None
        """Calls that the org has in 24 hours, as last told."""

    async def query(
        self, query: str, *, deleted: bool = True, poll: PollShape | None = None, purpose: Purpose | None = None
    ) -> list[dict[str, Any]]:
        """All rows of a query, batch after batch."""
        path = f"{self._at}/{'queryAll' if deleted else 'query'}?{urlencode({'q': query})}"
        rows: list[dict[str, Any]] = []
        seen: set[str] = set()
        while True:
            body = parse(await self.send("GET", path, poll=poll, purpose=purpose))
            if not isinstance(body, dict) or not isinstance(body.get("records"), list):
                raise ApiUnavailable(f"{self._system} answered a query without records")
            rows += objects_at(body, "records")
            following = body.get("nextRecordsUrl")
            if body.get("done") is not False or following is None:
                return rows
            if not isinstance(following, str) or not following.startswith("/services/data/") or following in seen:
                raise ApiUnavailable(f"{self._system} names no place where its query goes on")
            seen.add(following)
            path = following

    async def json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        purpose: Purpose | None = None,
    ) -> Any:
        """The JSON that answers one call; None where there is none."""
        return parse(await self.send(method, path, body, headers=headers, purpose=purpose))

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        purpose: Purpose | None = None,
        poll: PollShape | None = None,
    ) -> httpx.Response:
        """One call; a path without `/services` is one below the version."""
        content = None if body is None else dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        natural = Purpose.POLL if poll else Purpose.CONFIRM if method == "GET" else Purpose.WRITE
        call = Call(
            method=method,
            url=path if path.startswith("/services/") else self._at + path,
            purpose=natural if purpose is None else purpose,
            headers=headers or {},
            body=content,
            repeatable=True if purpose is Purpose.CONFIRM else None,
            poll=poll,
            judge=judge,
        )
        response = await self._session.send(call)
        self._note(response)
        if response.status_code >= 300:
            raise error_of(response, f"{self._system} refused {method} {path.partition('?')[0]}")
        return response

    def _note(self, response: httpx.Response) -> None:
        usage = _USAGE.search(response.headers.get("sforce-limit-info", ""))
        if usage is not None:
            self.used, self.allowed = int(usage[1]), int(usage[2])


def objects_at(body: Any, key: str) -> list[dict[str, Any]]:
    """The objects of a list in an object; empty where there is none."""
    return _objects(body.get(key)) if isinstance(body, dict) else []


def parse(response: httpx.Response) -> Any:
    """The JSON of an answer; None where it holds none."""
    try:
        return loads(response.content)
    except (ValueError, RecursionError):
        return None


def error_of(response: httpx.Response, what: str) -> ApiError:
    """What an answer of 300 and above means.

    Args:
        response: The answer.
        what: Headline of the message: who refused what.
    """
    return error_from(_objects(parse(response)), response.status_code, what)


def error_from(problems: Iterable[Mapping[str, Any]], status: int, what: str) -> ApiError:
    """What errors as the system lists them mean."""
    found = list(problems)
    codes = [_text(one.get("errorCode") or one.get("statusCode")) for one in found]
    code = next((one for one in codes if one), "")
    said = "; ".join(f"{name}: {_text(one.get('message'))}" for name, one in zip(codes, found, strict=True))
    message = f"{what} ({status}): {said[:_MESSAGE_CHARS] or 'no reason given'}"
    if code == "REQUEST_LIMIT_EXCEEDED" and _DAY_IS_SPENT.search(said):
        advice = "the org has used up its calls of 24 hours; go on when some are free again, or run fewer checks"
        return ApiUnavailable(f"{message}; {advice}", status=status, code=CALLS_USED_UP)
    if status == 429 or status >= 500 or code in _UNANSWERED:
        return ApiUnavailable(message, status=status, code=code)
    if code in _NO_API:
        return FeatureMissing(message, licence="API access", status=status, code=code)
    fields = tuple(dict.fromkeys(_text(name) for one in found for name in _list(one.get("fields")) if _text(name)))
    return ApiRefused(message, status=status, code=code, field=fields[0] if fields else None, fields=fields)


def judge(status: int, body: bytes) -> bool | None:
    """A locked row is free again soon, and the call was rolled back as a whole; all else is as its status says."""
    if status < _REFUSED or _LOCKED.encode() not in body:
        return None
    try:
        problems = _objects(loads(body))
    except (ValueError, RecursionError):
        return None
    return True if any(one.get("errorCode") == _LOCKED for one in problems) else None


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
