"""The API of one org: paths, sessions, limits; what each path does is in the modules beside this one."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, ClassVar

from talkqa.model.account import Account
from talkqa.model.protocols import Clock
from talkqa.sandbox import draws
from talkqa.sandbox.dialects.emulator import Answer, Emulator, Quirk, Request, encode
from talkqa.sandbox.dialects.salesforce.composite import Collections, answer_requests
from talkqa.sandbox.dialects.salesforce.description import describe, summarise
from talkqa.sandbox.dialects.salesforce.furniture import furnish
from talkqa.sandbox.dialects.salesforce.ids import expand, make_id
from talkqa.sandbox.dialects.salesforce.querying import Querying, read_batch_size
from talkqa.sandbox.dialects.salesforce.refusals import ApiFault, answer_of, refuse
from talkqa.sandbox.dialects.salesforce.rows import Rows, stamp_to_wire
from talkqa.sandbox.dialects.salesforce.rules import Rules
from talkqa.sandbox.dialects.salesforce.sessions import Sessions
from talkqa.sandbox.dialects.salesforce.writing import Writing, read_body
from talkqa.sandbox.store import EntityStore, Stored, SystemStore

CALLS_A_DAY = 101_000
"""Of an Enterprise org with one licence."""
OLDEST_VERSION, NEWEST_VERSION = 31, 67
_VERSION = re.compile(r"v(\d{2})\.0")
_DAY_H = 24
_RECENT = 5
_REPLICATED = timedelta(days=30)
_LOCKED_SHARE = 0.2
_JSON = "application/json;charset=UTF-8"


class SalesforceEmulator(Emulator):
    """One org."""

    QUIRKS: ClassVar[Mapping[str, Quirk]] = {
        "idle-writes-stamp": Quirk(default=True, says="a PATCH that changes nothing moves the stamps all the same"),
        "small-batches": Quirk(default=False, says="queries answer 20 rows at a time"),
        "short-sessions": Quirk(default=False, says="an access token is dead after a minute, however much it is used"),
        "rotating-refresh-tokens": Quirk(default=False, says="each use of a refresh token gives another one"),
        "duplicate-rules": Quirk(default=False, says="contacts and accounts that look alike are refused"),
        "lock-rows": Quirk(default=False, says="one write in five finds its row locked, and is to be repeated"),
        "daily-limit-reached": Quirk(default=False, says="every call is refused: the day's calls are used up"),
        "sandbox": Quirk(default=True, says="the org tells that it is a sandbox"),
        "method-not-allowed": Quirk(
            default=True,
            says="creating or deleting what cannot be is a 405; a 400 where it is off",
            unconfirmed=True,
        ),
        "fold-email": Quirk(default=False, says="e-mail addresses are stored in lower case", unconfirmed=True),
        "crlf": Quirk(default=False, says="line ends of text areas come back as CR LF", unconfirmed=True),
        "division-names-taken": Quirk(default=False, says="two divisions cannot share a name", unconfirmed=True),
    }

    def __init__(self, store: SystemStore, clock: Clock, *, quirks: Mapping[str, bool] | None = None) -> None:
        """Open an org over its store; the store writes ids as the org does from then on."""
        super().__init__(store, clock, quirks=quirks)
        self.calls_allowed = CALLS_A_DAY
        self.sessions = Sessions(
            store.seed,
            clock,
            store.schema.name,
            short=self.quirk("short-sessions"),
            rotating=self.quirk("rotating-refresh-tokens"),
        )
        store.idle_writes_stamp = self.quirk("idle-writes-stamp")
        store.make_id = lambda entity, ordinal: make_id(store.seed, entity, ordinal)
        self._rows = Rows(store, self.sessions.user_id)
        rules = Rules(store, self.sessions.user_id)
        store.derive = rules.derive
        self._writing = Writing(self._rows, rules, self.quirk)
        self._querying = Querying(self._rows, store.seed)
        self._collections = Collections(self._rows, self._writing, self._find)
        self._calls: dict[int, int] = {}
        self._recent: dict[tuple[str, str], list[str]] = {}
        self._tries: dict[bytes, int] = {}
        furnish(store, self.sessions.user_name, sandbox=self.quirk("sandbox"))

    def account(self, base_url: str, user: str) -> Account:
        """A user of the sandbox signs in with client credentials, as an application of its own."""
        return self.sessions.account(base_url, user)

    def expire_token(self, token: str) -> None:
        """End the session of an access token; whoever signs in again gets another one."""
        self.sessions.end(token)

    def answer(self, request: Request) -> Answer:
        """The answer to one request, done at once."""
        steps = request.steps
        if steps[:3] == ["services", "oauth2", "token"] and request.method == "POST":
            return self._told(self.sessions.answer(request))
        try:
            return self._told(self._route(request, steps), limited=len(steps) > 2)
        except ApiFault as fault:
            return self._told(answer_of(fault), limited=True)

    def calls_used(self) -> int:
        """Calls of the last 24 hours."""
        hour = int(self.clock.now() // 3600)
        self._calls = {at: count for at, count in self._calls.items() if at > hour - _DAY_H}
        return self.calls_allowed if self.quirk("daily-limit-reached") else sum(self._calls.values())

    def _told(self, answer: Answer, *, limited: bool = False) -> Answer:
        headers = {**answer.headers, "date": _http_date(self.clock.stamp())}
        if limited:
            headers["Sforce-Limit-Info"] = f"api-usage={self.calls_used()}/{self.calls_allowed}"
        return replace(answer, headers=headers)

    def _route(self, request: Request, steps: list[str]) -> Answer:
        if steps == ["services", "data"] and request.method == "GET":
            return _json([_version(number) for number in range(OLDEST_VERSION, NEWEST_VERSION + 1)])
        user = self.sessions.user_of(request.headers.get("authorization", ""))
        if user is None:
            raise refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
        self._count()
        if steps[:3] == ["services", "oauth2", "userinfo"]:
            return _json(self._user_info(user, request))
        number = _VERSION.fullmatch(steps[2]) if len(steps) > 2 and steps[:2] == ["services", "data"] else None
        if number is None or not OLDEST_VERSION <= int(number[1]) <= NEWEST_VERSION:
            raise _not_found()
        return self._resource(request, steps[2], [step for step in steps[3:] if step], user)

    def _count(self) -> None:
        if self.calls_used() >= self.calls_allowed:
            raise refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        hour = int(self.clock.now() // 3600)
        self._calls[hour] = self._calls.get(hour, 0) + 1

    def _resource(self, request: Request, version: str, steps: list[str], user: str) -> Answer:
        match steps:
            case []:
                names = ("sobjects", "query", "queryAll", "limits", "composite")
                answer = _json({name: f"/services/data/{version}/{name}" for name in names})
            case ["limits"]:
                left = max(self.calls_allowed - self.calls_used(), 0)
                answer = _json({"DailyApiRequests": {"Max": self.calls_allowed, "Remaining": left}})
            case ["query" | "queryAll" as kind]:
                answer = self._query(request, version, deleted=kind == "queryAll", user=user)
            case ["query" | "queryAll", locator]:
                answer = Answer(body=self._querying.go_on(locator, version), content_type=_JSON)
            case ["composite"]:
                answer = answer_requests(request, lambda inner: self._perform(inner, user))
            case ["composite", "sobjects"]:
                answer = self._collections.answer(request, user, allow_duplicates=_allows(request))
            case ["composite", "sobjects", name]:
                answer = self._collections.read(self._entity(name), request, version)
            case ["sobjects"]:
                listed = [summarise(entity, version) for entity in self._rows.entities()]
                answer = _json({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})
            case ["sobjects", name, *rest]:
                answer = self._object(request, version, self._entity(name), rest, user)
            case _:
                raise _not_found()
        return answer

    def _perform(self, request: Request, user: str) -> Answer:
        """One request inside another, which counts for both."""
        steps = request.steps
        try:
            if len(steps) < 3 or steps[:2] != ["services", "data"] or steps[3:] == ["composite"]:
                raise _not_found()
            return self._resource(request, steps[2], [step for step in steps[3:] if step], user)
        except ApiFault as fault:
            return answer_of(fault)

    def _query(self, request: Request, version: str, *, deleted: bool, user: str) -> Answer:
        stamp = self.clock.stamp()
        body = self._querying.run(
            request.query.get("q", ""),
            deleted=deleted,
            version=version,
            batch=read_batch_size(request.headers, small=self.quirk("small-batches")),
            today=stamp.astimezone(UTC).date(),
            owner=f"{user} {int(stamp.timestamp())}",
        )
        return Answer(body=body, content_type=_JSON)

    def _object(self, request: Request, version: str, entity: EntityStore, rest: list[str], user: str) -> Answer:
        match request.method, rest:
            case "GET", []:
                told = {"objectDescribe": summarise(entity, version), "recentItems": self._items(entity, user)}
                answer = _json(told)
            case "POST", []:
                answer = self._create(request, version, entity, user)
            case "GET", ["describe"]:
                answer = _json(describe(entity, version))
            case "GET", ["updated" | "deleted" as kind]:
                answer = _json(self._replicate(entity, request.query, deleted=kind == "deleted"))
            case "GET", [record_id]:
                answer = self._read(request, version, entity, self._find(entity, record_id), user)
            case "PATCH", [record_id]:
                answer = self._update(request, entity, self._find(entity, record_id), user)
            case "DELETE", [record_id]:
                self._writing.delete(entity, self._find(entity, record_id), user)
                answer = Answer(status=204)
            case _, [] | [_]:
                raise refuse(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{request.method}' not allowed.")
            case _:
                raise _not_found()
        return answer

    def _read(self, request: Request, version: str, entity: EntityStore, record: Stored, user: str) -> Answer:
        self._remember(entity, record, user)
        names = tuple(name for name in request.query.get("fields", "").split(",") if name)
        columns = self._rows.columns(entity, names or ("FIELDS(ALL)",))
        return Answer(body=self._rows.render(entity, record, columns, version), content_type=_JSON)

    def _create(self, request: Request, version: str, entity: EntityStore, user: str) -> Answer:
        record = self._writing.create(entity, read_body(request.body), user, allow_duplicates=_allows(request))
        self._remember(entity, record, user)
        at = f"/services/data/{version}/sobjects/{entity.schema.name}/{record.id}"
        body = encode({"id": record.id, "success": True, "errors": []})
        return Answer(status=201, body=body, headers={"Location": at}, content_type=_JSON)

    def _update(self, request: Request, entity: EntityStore, record: Stored, user: str) -> Answer:
        self._lock(request)
        unmodified = request.headers.get("if-unmodified-since")
        if unmodified is not None and _is_later(record.stamp, unmodified):
            raise refuse(412, "PRECONDITION_FAILED", "the record was changed since")
        body = read_body(request.body)
        self._writing.update(entity, record, body, user, allow_duplicates=_allows(request))
        return Answer(status=204)

    def _lock(self, request: Request) -> None:
        """Now and then another transaction holds the row; never twice in a row for one request."""
        if not self.quirk("lock-rows"):
            return
        key = draws.digest(request.path, request.body)
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        if tries % 2 and draws.fraction("lock", self.store.seed, key, tries) < _LOCKED_SHARE:
            raise refuse(400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")

    def _entity(self, name: str) -> EntityStore:
        entity = self._rows.entity(name)
        if entity is None:
            raise _not_found()
        return entity

    def _find(self, entity: EntityStore, given: str) -> Stored:
        full = expand(given) or ""
        record = entity.get(full)
        if record is not None:
            return record
        if self._rows.is_binned(full):
            raise refuse(404, "ENTITY_IS_DELETED", "entity is deleted")
        message = f"Provided external ID field does not exist or is not accessible: {given}"
        raise refuse(404, "NOT_FOUND", message)

    def _remember(self, entity: EntityStore, record: Stored, user: str) -> None:
        """What a user looked at last: it is not a list of what there is."""
        seen = self._recent.setdefault((user, entity.schema.name), [])
        if record.id in seen:
            seen.remove(record.id)
        seen.insert(0, record.id)
        del seen[_RECENT:]

    def _items(self, entity: EntityStore, user: str) -> list[dict[str, Any]]:
        items = []
        for record_id in self._recent.get((user, entity.schema.name), ()):
            record = entity.get(record_id)
            if record is not None:
                name = entity.schema.name_field
                named = {name: self._rows.value(entity, record, name)} if name else {}
                items.append({"attributes": {"type": entity.schema.name}, "Id": record.id, **named})
        return items

    def _replicate(self, entity: EntityStore, query: Mapping[str, str], *, deleted: bool) -> dict[str, Any]:
        start, end = _moment(query.get("start", "")), _moment(query.get("end", ""))
        now = self.clock.stamp()
        if start >= end or start < now - _REPLICATED:
            raise refuse(400, "INVALID_REPLICATION_DATE", "start must lie before end, and at most 30 days back")
        covered = stamp_to_wire(min(end, now).isoformat())
        low, high = start.strftime("%Y-%m-%dT%H:%M:%SZ"), end.strftime("%Y-%m-%dT%H:%M:%SZ")
        records, _ = entity.changes(low, 0, 1 << 60)
        found = [one for one in records if one.deleted is deleted and one.stamp <= high]
        if not deleted:
            return {"ids": [one.id for one in found], "latestDateCovered": covered}
        gone = [{"id": one.id, "deletedDate": stamp_to_wire(one.stamp)} for one in found]
        earliest = stamp_to_wire((now - _REPLICATED).isoformat())
        return {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": covered}

    def _user_info(self, user: str, request: Request) -> dict[str, Any]:
        name = self.sessions.user_name(user)
        return {
            "sub": f"{request.base_url}/id/{self.sessions.organisation}/{self.sessions.user_id(user)}",
            "user_id": self.sessions.user_id(user),
            "organization_id": self.sessions.organisation,
            "preferred_username": name,
            "email": name,
            "name": f"Talk {user}",
            "active": True,
            "user_type": "STANDARD",
        }


def _json(value: Any) -> Answer:
    return Answer(body=encode(value), content_type=_JSON)


def _version(number: int) -> dict[str, str]:
    season = ("Winter", "Spring", "Summer")[(number - 62) % 3]
    year = 25 + (number - 62) // 3
    return {"label": f"{season} '{year:02d}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def _not_found() -> ApiFault:
    return refuse(404, "NOT_FOUND", "The requested resource does not exist")


def _allows(request: Request) -> bool:
    wish = request.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").casefold()
    return "allowsave=true" in wish


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _is_later(stamp: str, http_date: str) -> bool:
    try:
        limit = parsedate_to_datetime(http_date)
    except ValueError:
        return False  # a date that cannot be read is no condition
    limit = limit if limit.tzinfo else limit.replace(tzinfo=UTC)
    return datetime.fromisoformat(stamp) > limit


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise refuse(400, "INVALID_REPLICATION_DATE", f"not a moment: {text!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
