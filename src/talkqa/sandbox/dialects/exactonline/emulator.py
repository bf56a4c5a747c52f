"""One emulated company of Exact Online: who asks, what for, and how often."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, ClassVar

from talkqa.model.account import Account, Auth
from talkqa.model.protocols import Clock
from talkqa.sandbox.dialects.emulator import Answer, Emulator, Quirk, Request, encode
from talkqa.sandbox.dialects.exactonline import limits
from talkqa.sandbox.dialects.exactonline.actions import ACTIONS, act
from talkqa.sandbox.dialects.exactonline.derived import DERIVED
from talkqa.sandbox.dialects.exactonline.errors import Refusal, refuse
from talkqa.sandbox.dialects.exactonline.filters import read_moment
from talkqa.sandbox.dialects.exactonline.metadata import describe
from talkqa.sandbox.dialects.exactonline.reading import Reader
from talkqa.sandbox.dialects.exactonline.tables import FIRST_VERSION, Company, Row, Table, version_of
from talkqa.sandbox.dialects.exactonline.tokens import TokenOffice
from talkqa.sandbox.dialects.exactonline.writing import Writer
from talkqa.sandbox.store import SystemStore

_KEY = re.compile(r"(\w+)\(guid'([^']*)'\)")
_PREFIX = ("api", "v1")
_MISTAKES = frozenset({400, 401, 403, 404})
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
_ON_RECORD = _METHODS - {"POST"}
_ON_LIST = frozenset({"GET", "POST"})


class ExactOnlineEmulator(Emulator):
    """One company behind `/api/v1/{division}/...`, with its sign-in behind `/api/oauth2/...`."""

    QUIRKS: ClassVar[Mapping[str, Quirk]] = {
        "limit-minute": Quirk(default=False, says="the 61st call of a minute is refused with 429"),
        "limit-day": Quirk(default=False, says="the 5,001st call of a day is refused with 429"),
        "error-brake": Quirk(default=False, says="more than 10 mistakes in an hour close an endpoint for an hour"),
        "select-needed": Quirk(default=True, says="lists of most entities want $select or $top=1"),
        "filter-needed": Quirk(default=True, says="lists of most entities want a filter by one of certain properties"),
        "top-gives-bare-list": Quirk(default=True, says="with $top the rows stand in `d` itself"),
        "key-alone": Quirk(default=False, says="a creation tells the key alone, whatever is preferred"),
        "local-stamps": Quirk(
            default=False, says="times are told as the Dutch clock shows them, as if that were UTC", unconfirmed=True
        ),
        "read-only-ignored": Quirk(
            default=True, says="read-only properties in a body are ignored without a word", unconfirmed=True
        ),
        "foreign-guids-dropped": Quirk(
            default=False, says="a reference to nothing is stored as empty, without a word", unconfirmed=True
        ),
        "long-text-cut": Quirk(default=False, says="over-long text is cut instead of refused", unconfirmed=True),
        "lines-stamp-headers": Quirk(default=True, says="a changed line stamps its header anew", unconfirmed=True),
        "sync-lags": Quirk(default=True, says="sync paths show writes of the last seconds later", unconfirmed=True),
        "items-are-sold": Quirk(
            default=True, says="a new item may be sold where nothing is said about it", unconfirmed=True
        ),
        "quotations-need-customers": Quirk(
            default=False, says="quotations are made for customers alone, as orders are", unconfirmed=True
        ),
        "account-takes-contacts": Quirk(
            default=True, says="deleting an account deletes its contacts; else they block it", unconfirmed=True
        ),
        "missing-key-is-empty": Quirk(
            default=False, says="reading an unknown key gives 200 and nothing instead of 404", unconfirmed=True
        ),
        "long-numbers-as-text": Quirk(default=True, says="64-bit numbers are written as text", unconfirmed=True),
        "rights-bare": Quirk(default=False, says="the answer about a right has no inner name", unconfirmed=True),
        "no-sync-timestamp": Quirk(
            default=False, says="there is no way to ask for the row version at a moment", unconfirmed=True
        ),
        "inactive-currencies-emptied": Quirk(
            default=True, says="a currency that is not active in the company is stored as empty, without a word"
        ),
        "basic-edition": Quirk(default=False, says="warehouses, selection codes and Incoterms are refused"),
        "dutch": Quirk(default=False, says="the user's language is Dutch"),
        "html-errors": Quirk(default=False, says="a dead token is answered with HTML"),
    }

    def __init__(self, store: SystemStore, clock: Clock, *, quirks: Mapping[str, bool] | None = None) -> None:
        """Open a company over its store.

        Raises:
            ConfigError: for a quirk that the dialect does not know.
        """
        super().__init__(store, clock, quirks=quirks)
        self.company = Company(store, DERIVED, local_time=self.quirk("local-stamps"))
        self.office = TokenOffice(store.seed, store.schema.name)
        self._reader = Reader(self.company, self.quirk)
        self._writer = Writer(self.company, self.quirk)
        self._meters: dict[str, limits.Meter] = {}
        self._denied: set[tuple[str, str]] = set()

    def account(self, base_url: str, user: str) -> Account:
        """A bearer token that lasts: the real way wants a person and a place to keep rotating tokens."""
        return Account(
            system=self.store.schema.name,
            url=base_url,
            auth=Auth(kind="bearer", token=self.office.fixed_token(user)),
            options={"division": str(self.company.division)},
        )

    def oauth_account(self, base_url: str, user: str) -> Account:
        """The real way: a refresh token as somebody who has signed in long ago holds it."""
        return Account(
            system=self.store.schema.name,
            url=base_url,
            auth=Auth(
                kind="refresh-token",
                refresh_token=self.office.first_refresh_token(user, self.clock.now() - 3_600),
                client_id=self.office.client_id,
                client_secret=self.office.client_secret,
                token_url=f"{base_url}/api/oauth2/token",
                authorize_url=f"{base_url}/api/oauth2/auth",
                redirect_url=self.office.redirect_url,
            ),
            options={"division": str(self.company.division)},
        )

    def deny(self, entity: str, *actions: str) -> None:
        """Take rights from every user (`Contacts`, `GET`)."""
        self._denied |= {(entity, action) for action in actions}

    def expire_token(self, token: str) -> None:
        """Make an access token dead."""
        self.office.expire(token)

    def answer(self, request: Request) -> Answer:
        """The answer to one request, done at once."""
        steps = request.steps
        try:
            if steps[:2] == ["api", "oauth2"]:
                return self._dated(self._sign_in(steps, request))
            return self._dated(self._metered(steps, request))
        except Refusal as refusal:
            return self._dated(refusal.answer)

    def _sign_in(self, steps: list[str], request: Request) -> Answer:
        now_s = self.clock.now()
        if steps[2:] == ["auth"] and request.method == "GET":
            return self.office.authorize(request, now_s)
        if steps[2:] == ["token"]:
            return self.office.token(request, now_s)
        raise refuse(404, "Not found")

    def _metered(self, steps: list[str], request: Request) -> Answer:
        """The answer, counted."""
        user = self._user(request)
        now_ms = round(self.clock.stamp().timestamp() * 1000)
        division = steps[2] if len(steps) > 2 else ""
        endpoint = "/".join(steps[3:]).partition("(")[0]
        meter = self._meters.setdefault(f"{user} {division}", limits.Meter())
        meter.count(now_ms, daily=division != "current")
        headers = meter.headers(minute=self.quirk("limit-minute"), day=self.quirk("limit-day"))
        limited = (self.quirk("limit-minute") and meter.minute_is_spent) or (
            self.quirk("limit-day") and meter.day_is_spent
        )
        if limited or (self.quirk("error-brake") and meter.is_blocked(endpoint, now_ms)):
            return _with(limits.spent(), headers)
        try:
            if user is None:
                raise self._not_signed_in()
            answer = self._answer(steps, request, user)
        except Refusal as refusal:
            answer = refusal.answer
        if answer.status in _MISTAKES:
            meter.note_mistake(endpoint, now_ms)
        return _with(answer, headers)

    def _user(self, request: Request) -> str | None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.casefold() != "bearer":
            return None
        return self.office.user_of(token, self.clock.now())

    def _not_signed_in(self) -> Refusal:
        if self.quirk("html-errors"):
            return Refusal(Answer(status=401, body=b"<html><body>401</body></html>", content_type="text/html"))
        return Refusal(Answer(status=401))

    def _answer(self, steps: list[str], request: Request, user: str) -> Answer:
        if tuple(steps[:2]) != _PREFIX or len(steps) < 4:
            raise refuse(404, "Not found")
        accept = request.headers.get("accept", "*/*")
        metadata = steps[-1] == "$metadata"
        if request.method == "GET" and not metadata and "application/json" not in accept:
            return self._answer_xml(accept)
        if steps[2:] == ["current", "Me"]:
            return self._me(request, user)
        if steps[2] != str(self.company.division):
            raise refuse(403, "Forbidden")
        area, rest = steps[3], steps[4:]
        if area in {"sync", "bulk", "read"}:
            return self._answer_batch(area, rest, request)
        told = self._answer_about(area, rest, request, user)
        if told is not None:
            return told
        tables = [table for table in self.company.tables.values() if table.resource.service == area]
        return self._answer_entity(tables, rest, request, user)

    def _answer_about(self, area: str, rest: list[str], request: Request, user: str) -> Answer | None:
        """What is no entity: the company, rights, descriptions, things to do with a quotation; None for all else."""
        if (area, rest) in (("hrm", ["Divisions"]), ("system", ["Divisions"])):
            row = {"Code": self.company.division, "Description": "talkqa sandbox"}
            return Answer(body=encode({"d": {"results": [row]}}))
        if (area, rest) == ("users", ["UserHasRights"]):
            return self._rights(request)
        if area == "crm" and len(rest) == 1 and rest[0] in ACTIONS and request.method == "POST":
            return Answer(status=201, body=encode({"d": act(self.company, rest[0], _object(request), user)}))
        tables = [table for table in self.company.tables.values() if table.resource.service == area]
        if tables and rest == ["$metadata"]:
            return Answer(body=describe(tables), content_type="application/xml;charset=utf-8")
        return None

    def _answer_entity(self, tables: list[Table], rest: list[str], request: Request, user: str) -> Answer:
        found = _KEY.fullmatch(rest[0]) if rest else None
        name = found.group(1) if found else rest[0] if rest else ""
        table = next((table for table in tables if table.name == name), None)
        if table is None or len(rest) > 2 or (len(rest) == 2 and (found or rest[1] != "$count")):
            raise refuse(404, "Not found")
        allowed = self._may(table, request.method)
        if request.method == "GET" and not allowed:
            return Answer(body=b"0" if len(rest) == 2 else encode({"d": {"results": []}}))
        if request.method not in (_ON_RECORD if found else _ON_LIST):
            raise refuse(405, "Method not allowed")
        if not allowed:
            raise refuse(403, "Forbidden")
        if len(rest) == 2:
            return self._reader.count(table, request)
        if found:
            return self._answer_record(table, found.group(2), request, user)
        if request.method == "POST":
            return self._reader.made(Row(self.company, table, self._writer.create(table, request.body, user)), request)
        return self._reader.list(table, request)

    def _answer_record(self, table: Table, key: str, request: Request, user: str) -> Answer:
        stored = self.company.record(table.name, key)
        if stored is None:
            if request.method == "GET" and self.quirk("missing-key-is-empty"):
                return Answer(body=encode({"d": {"results": []}}))
            raise refuse(404, "Not found")
        if request.method == "GET":
            return self._reader.one(Row(self.company, table, stored), request)
        if request.method == "PUT":
            self._writer.update(table, stored, request.body, user)
        else:
            self._writer.delete(table, stored, user)
        return Answer(status=204)

    def _answer_batch(self, area: str, rest: list[str], request: Request) -> Answer:
        """Sync and bulk paths; they are read alone."""
        if request.method != "GET":
            raise refuse(405, "Method not allowed")
        if area == "sync" and rest == ["Deleted"]:
            return self._reader.deleted(request, self._visible())
        if area == "read":
            return self._sync_timestamp(rest, request)
        for table in self.company.tables.values():
            names = table.resource.sync if area == "sync" else (table.name,)
            if len(rest) == 2 and rest[0] == table.resource.area and rest[1] in names:
                if not self._may(table, "GET"):
                    return Answer(body=encode({"d": {"results": []}}))
                if area == "bulk":
                    return self._reader.list(table, request, bulk=True)
                return self._reader.sync(table, request, self._visible())
        raise refuse(404, "Not found")

    def _sync_timestamp(self, rest: list[str], request: Request) -> Answer:
        """The row version of the first change of an entity after a moment."""
        named = request.query.get("endPoint", "").strip("'")
        table = next((t for t in self.company.tables.values() if named in t.resource.sync), None)
        if rest != ["sync", "Sync", "SyncTimestamp"] or table is None or self.quirk("no-sync-timestamp"):
            raise refuse(404, "Not found")
        moment = request.query.get("modified", "").removeprefix("datetime").strip("'")
        since = read_moment(moment)
        later = (version_of(row.stored) for row in self.company.rows(table) if row.value("Modified") >= since)
        version = min(later, default=FIRST_VERSION + self.store.writes)
        return Answer(body=encode({"d": {"TimeStampAsBigInt": str(version)}}))

    def _visible(self) -> int:
        def seconds(stamp: str) -> float:
            return datetime.fromisoformat(stamp).timestamp()

        return self._reader.newest_version(self.clock.stamp().timestamp(), seconds)

    def _may(self, table: Table, action: str) -> bool:
        return table.store is not None and (table.name, action) not in self._denied

    def _rights(self, request: Request) -> Answer:
        endpoint = request.query.get("endpoint", "").strip("'").casefold()
        action = request.query.get("action", "").strip("'").upper()
        table = next((t for t in self.company.tables.values() if t.resource.right.casefold() == endpoint), None)
        if table is None or action not in _METHODS:
            raise refuse(400, "The endpoint or the action is not known")
        told = self._may(table, action)
        return Answer(body=encode({"d": told if self.quirk("rights-bare") else {"UserHasRights": told}}))

    def _me(self, request: Request, user: str) -> Answer:
        if request.method != "GET":
            raise refuse(405, "Method not allowed")
        told: dict[str, Any] = {
            "CurrentDivision": self.company.division,
            "FullName": self.company.user_name(user),
            "UserID": self.company.user_id(user),
            "UserName": user,
        }
        select = [name for name in request.query.get("$select", "").split(",") if name]
        uri = f"{request.base_url}/api/v1/current/Me(guid'{told['UserID']}')"
        shown = {name: value for name, value in told.items() if not select or name in select}
        row = {"__metadata": {"uri": uri, "type": "Exact.Web.Api.System.Me"}, **shown}
        return Answer(body=encode({"d": {"results": [row]}}))

    def _answer_xml(self, accept: str) -> Answer:
        """Who does not ask for JSON gets Atom, of which only the shell is emulated; plain XML is refused."""
        if "application/xml" in accept:
            raise refuse(415, "Unsupported media type requested.")
        feed = b'<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"></feed>'
        return Answer(body=feed, content_type="application/atom+xml;charset=utf-8")

    def _dated(self, answer: Answer) -> Answer:
        return _with(answer, {"date": format_datetime(self.clock.stamp().replace(microsecond=0), usegmt=True)})


def _object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise refuse(400, "Error processing request stream. The request body is no JSON object.")
    return body


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return Answer(
        status=answer.status,
        body=answer.body,
        headers={**answer.headers, **headers},
        content_type=answer.content_type,
    )
