"""One division of Exact Online: its address, who asks there, rights, limits, and what refusals mean.

The foundation of the client; knows nothing of records.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from talkqa.model.account import Account, Budget
from talkqa.model.call import PollShape
from talkqa.model.errors import CALLS_USED_UP, ApiError, ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.preflight import Identity
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.systems.edm import Codec, Edm, Version, iso_of_ms, moment_of_ms
from talkqa.systems.exactonline.answers import Allowance, find_named_fields, place_of, read_allowance, read_right
from talkqa.systems.exactonline.facts import ENDPOINTS, Endpoint
from talkqa.systems.odata import ODataClient, write_query
from talkqa.systems.odata_rows import read_fault, read_page
from talkqa.systems.session import Session

BUDGET = Budget(calls_per_minute=60, calls_per_day=5000, concurrent=2)
"""Of one app in one company; no figure for concurrent calls is published, so they stay nearly serial."""
DIVISION = "{division}"
"""Stands in a URL for the number of the company."""

_SKEW_MS = 5 * 60_000
_HOUR_MS = 3_600_000
_LOCAL_MS = 30 * 60_000
"""A stamp that is further ahead of the server's clock than this was not written in UTC."""
_BROKEN = 500
_CODES = {401: "not_signed_in", 403: "no_right", 404: "not_found"}


class DivisionClient(ODataClient):
    """One company (division) of Exact Online as one user."""

    def __init__(self, schema: SystemSchema, account: Account, session: Session) -> None:
        """Prepare a client; nothing is sent.

        Args:
            schema: What the system looks like.
            account: Where it is; its option `division` is the number of the company. Without it the company that the
                user last opened is taken, which is nothing to rely on.
            session: Sends the calls.
        """
        super().__init__(schema, account, session)
        self._codec = Codec(version=Version.V2)
        self._division = account.options.get("division", "").strip()
        self._me: Mapping[str, Any] | None = None
        self._rights: dict[tuple[str, str], bool | None] = {}
        self._refusals: dict[str, int] = {}
        self._daily: Allowance | None = None
        self._minutely: Allowance | None = None

    @property
    def daily(self) -> Allowance | None:
        """What is left of the day's calls; None where no answer has told."""
        return self._daily

    @property
    def minutely(self) -> Allowance | None:
        """What is left of the minute's calls; None where no answer has told."""
        return self._minutely

    @property
    def refusals(self) -> Mapping[str, int]:
        """Answers 400, 401, 403 and 404 by endpoint: more than 10 within an hour block it for about an hour."""
        return dict(self._refusals)

    async def identify(self) -> Identity:
        """The user, and the company that is reached."""
        me = await self._who()
        user = me.get("UserID")
        return Identity(
            user=user.lower() if isinstance(user, str) else None,
            name=str(me.get("FullName") or ""),
            organisation=f"division {self._division or me.get('CurrentDivision')}",
            server_time=moment_of_ms(self._server_ms),
        )

    async def has_right(self, entity: EntitySchema, action: str) -> bool | None:
        """Whether the account may do something with an entity (`GET`, `POST`, `PUT`, `DELETE`); None where not told.

        Asked once each.
        """
        endpoint = self._endpoint(entity.name)
        key = (endpoint.right, action)
        if key not in self._rights:
            query = write_query({"endpoint": f"'{endpoint.right}'", "action": f"'{action}'"})
            try:
                answer = await self._ask("GET", f"/api/v1/{DIVISION}/users/UserHasRights{query}")
            except ApiRefused:
                self._rights[key] = None
            else:
                self._rights[key] = read_right(answer)
        return self._rights[key]

    async def divisions(self) -> tuple[str, Mapping[str, str]]:
        """The configured company, and the companies that the user may open: number to name.

        Raises:
            ApiRefused: where the company does not let us in.
        """
        url = f"/api/v1/{DIVISION}/system/Divisions{write_query({'$select': 'Code,Description'})}"
        found = [row async for row in self._list(url)]
        return self._division, {str(row.get("Code")): str(row.get("Description") or "") for row in found}

    async def _who(self) -> Mapping[str, Any]:
        if self._me is None:
            select = write_query({"$select": "CurrentDivision,FullName,UserID"})
            page = read_page((await self._ask("GET", f"/api/v1/current/Me{select}")).content)
            if page is None or not page.rows:
                raise ApiUnavailable(f"{self._schema.name} does not say who asks")
            self._me = page.rows[0]
        return self._me

    async def _need_right(self, entity: EntitySchema, action: str) -> None:
        if await self.has_right(entity, action) is False:
            raise self._missing(entity, action, 200)

    def _missing(self, entity: EntitySchema, action: str, status: int, said: str = "") -> FeatureMissing:
        right = f"{action} on {self._endpoint(entity.name).right}"
        licence = entity.requires or f"right to {right}"
        return FeatureMissing(
            f"{self._schema.name}: the account may not {right}{f': {said}' if said else ''}; give its user the right, "
            "or the company the module",
            licence=licence,
            status=status,
            code="no_right",
        )

    def _endpoint(self, entity: str) -> Endpoint:
        endpoint = ENDPOINTS.get(entity.casefold())
        if endpoint is None:
            raise ApiRefused(
                f"{self._schema.name} has no entity {entity!r} that talkqa knows a path for; it knows: "
                f"{', '.join(one.path for one in ENDPOINTS.values())}",
                status=404,
                code="unknown_entity",
            )
        return endpoint

    def _kinds(self, entity: str) -> Mapping[str, Edm]:
        known = self._schema.entity(entity)
        kinds = {one.path: Edm.GUID for one in (known.fields if known else ()) if one.type.value in {"id", "reference"}}
        inner = ENDPOINTS.get(entity.casefold())
        return kinds | dict(inner.kinds if inner else {})

    def _set_of(self, entity: EntitySchema) -> str:
        return f"/api/v1/{DIVISION}/{self._endpoint(entity.name).path}"

    def _heard(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Learn how far the server's stamps are ahead of its clock: they may be in its local time.

        Nothing is stamped later than now, so the newest stamp shows the offset as soon as it is an hour fresh.
        """
        if self._server_ms is None:
            return
        stamps = (self._codec.stamp_ms(row.get(name)) for row in rows for name in ("Modified", "DeletedDate"))
        newest = max((ms for ms in stamps if ms is not None), default=0)
        ahead = newest - self._server_ms
        if ahead > _LOCAL_MS:
            offset = math.ceil((ahead - _SKEW_MS) / _HOUR_MS) * _HOUR_MS
            self._codec = replace(self._codec, offset_ms=max(offset, self._codec.offset_ms))

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        body: Mapping[str, Any] | None = None,
        poll: PollShape | None = None,
        accept: str | None = None,
    ) -> httpx.Response:
        if DIVISION in url:
            if not self._division:
                self._division = str((await self._who()).get("CurrentDivision"))
            url = url.replace(DIVISION, self._division)
        return await super()._ask(method, url, body=body, poll=poll, accept=accept)

    def _note(self, method: str, url: str, answer: httpx.Response) -> None:
        super()._note(method, url, answer)
        self._daily = read_allowance(answer, "X-RateLimit") or self._daily
        self._minutely = read_allowance(answer, "X-RateLimit-Minutely") or self._minutely
        if answer.status_code in {400, 401, 403, 404}:
            place = place_of(url)
            self._refusals[place] = self._refusals.get(place, 0) + 1

    def _judge(self, status: int, body: bytes) -> bool | None:
        """A 500 that says which rule was broken is a refusal: it would be one again."""
        fault = read_fault(body) if status >= _BROKEN else None
        return False if fault is not None and fault.message else None

    def _error(self, answer: httpx.Response, what: str) -> ApiError:
        """What an answer means: rules are broken with 500 as well, and then the body says which."""
        status, fault = answer.status_code, read_fault(answer.content)
        said = fault.message if fault and fault.message else "no reason given"
        hint = f" ({answer.headers['reason']})" if "reason" in answer.headers else ""
        message = f"{self._schema.name} refused {what.partition('?')[0]} ({status}): {said}{hint}"
        code = (fault.code if fault else "") or _CODES.get(status, "refused")
        if status == 429:
            day_is_spent = self._daily is not None and self._daily.remaining == 0
            code = CALLS_USED_UP if day_is_spent else code
            return ApiUnavailable(f"{message}; {self._until(answer)}", status=status, code=code)
        if status >= _BROKEN and (fault is None or not fault.message):
            return ApiUnavailable(message, status=status, code=code)
        method, _, url = what.partition(" ")
        entity = self._entity_at(url)
        if status == 403 and entity is not None and method != "GET":
            return self._missing(entity, method, status, said)
        fields = find_named_fields(said, self._layout(entity.name)) if entity is not None else ()
        return ApiRefused(message, status=status, code=code, field=fields[0] if fields else None, fields=fields)

    def _until(self, answer: httpx.Response) -> str:
        spent = next((a for a in (self._minutely, self._daily) if a is not None and a.remaining == 0), None)
        if spent is None or spent.reset_ms is None:
            return f"Retry-After {answer.headers.get('retry-after', 'not told')}"
        return f"all {spent.limit} calls are spent until {iso_of_ms(spent.reset_ms)}"

    def _entity_at(self, url: str) -> EntitySchema | None:
        place = place_of(url)
        name = next((n for n, e in ENDPOINTS.items() if place in {e.path, e.sync}), None)
        return self._schema.entity(name) if name else None
