"""Reads the lists of a REST API to their end: offsets, pages, tokens or links.

Used by `talkqa.systems.rest`. An offset or a page is a position in a list that others change meanwhile: a record that
moves to the end of a list in the order of changes draws one that was not read yet into what was. Where the order is
known, the next page therefore begins at the stamp where the last one ended, and records told twice are dropped.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from talkqa.model.call import PollShape
from talkqa.model.errors import ApiUnavailable
from talkqa.model.rest import Paging, Path, RestEntity
from talkqa.systems.rest_forms import ValueForms, moment_of, read_datetime, stamp_of

MAX_PAGES = 10_000
"""A list with more pages than this does not end."""

BACK_S = 5.0
"""How far behind its clock a system may tell of a change."""

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w!#$&+\-.^`|~*]+\s*(?:=\s*(?:\"[^\"]*\"|[^\s\",;]*))?)*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"(?:[^\"]*\s)?next(?:\s[^\"]*)?\"|next)\s*(?=;|$)", re.IGNORECASE)

Ask = Callable[[str, PollShape | None], Awaitable[tuple[Any, httpx.Response]]]
"""Gets a URL; gives the body and the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list read to its end."""

    records: tuple[Mapping[str, Any], ...]
    """As they came, without those told twice."""
    cursor: str | None
    """What the body told for the next time."""
    doubtful: bool = False
    """Whether something may have been missed because the list changed while its pages were read."""
    sure_until: str | None = None
    """Where it is doubtful: the stamp before which nothing was missed; None for no such stamp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListShape:
    """What of an entity counts for its lists."""

    system: str
    url: str
    """Of the collection."""
    id: Path
    modified: Path
    """Empty where records have no stamp."""
    stamp_form: str
    granularity_s: float


@dataclass(slots=True, kw_only=True)
class _Place:
    """How far a reading has come."""

    since: str | None
    position: int = 0
    """Records or pages behind `since`."""
    cursor: Any = None
    counted: bool = False
    """Whether pages were found by position."""
    sure_until: str | None = None
    """The stamp from which on they were."""


class ListReader:
    """Reads the lists of one entity."""

    def __init__(self, shape: ListShape, rest: RestEntity, forms: ValueForms, ask: Ask) -> None:
        self._shape = shape
        self._rest = rest
        self._forms = forms
        self._ask = ask

    async def read(
        self, query: Mapping[str, str] | None = None, *, since: str | None = None, poll: PollShape | None = None
    ) -> Listed:
        """Every record of a list.

        Args:
            query: Beyond paging and order.
            since: The cursor of the last reading; leaves out what was not changed since, where the API can.
            poll: Rides on each request.

        Raises:
            ApiUnavailable: where a body holds no list, or the list does not end.
        """
        place = _Place(since=since)
        found: dict[tuple[Any, Any] | int, Mapping[str, Any]] = {}
        base = dict(self._rest.order) | dict(query or {})
        url = self._url_at(base, place)
        begun: datetime | None = None
        for turn in range(MAX_PAGES):
            body, response = await self._ask(url, poll)
            records = self.records_of(body, url)
            if not turn:
                begun = self._known_at(response, records)
            if self._rest.since is not None and self._rest.since.cursor:
                place.cursor = look_up(body, self._rest.since.cursor) or place.cursor
            fresh = self._keep(records, found)
            following = self._following(body, response, records, place, base, fresh=fresh)
            if following is None or following == url:
                return self._listed(found, place, begun if turn else None)
            url = following
        raise ApiUnavailable(f"{self._shape.system}: the list {self._shape.url} does not end after {MAX_PAGES} pages")

    def _following(
        self,
        body: Any,
        response: httpx.Response,
        records: list[Mapping[str, Any]],
        place: "_Place",
        base: Mapping[str, str],
        *,
        fresh: bool,
    ) -> str | None:
        """Where the list goes on; None at its end."""
        paging = self._rest.paging
        if paging.kind == "cursor":
            token = look_up(body, paging.next)
            return self._url_at(base, place, str(token)) if token else None
        if paging.kind == "link":
            return self._linked(body, response)
        if paging.kind == "none" or len(records) < paging.size or not (fresh or not place.position):
            return None
        self._go_on(records, place)
        return self._url_at(base, place)

    def _listed(
        self, found: Mapping[tuple[Any, Any] | int, Mapping[str, Any]], place: "_Place", begun: datetime | None
    ) -> Listed:
        """What was read, and up to when it is sure; `begun` is given where there were several pages."""
        sure_until: str | None = None
        moved = len({key[0] for key in found if isinstance(key, tuple)}) < len(found)
        if not self._rest.order and begun is not None:
            # What changes behind the reader is found by nobody who asks for later changes than this.
            doubtful, sure_until = True, stamp_of(begun)
        else:
            doubtful = place.counted and moved
            sure_until = place.sure_until
        return Listed(
            records=tuple(found.values()),
            cursor=None if place.cursor is None else str(place.cursor),
            doubtful=doubtful,
            sure_until=sure_until,
        )

    def _known_at(self, response: httpx.Response, records: list[Mapping[str, Any]]) -> datetime | None:
        """A moment not after an answer was made: by the system's clock, else by the newest stamp in it."""
        told = server_time(response)
        if told is not None:
            return told - timedelta(seconds=BACK_S)
        return max((stamp for one in records if (stamp := self._stamp_of(one)) is not None), default=None)

    async def first_page(self) -> httpx.Response:
        """The answer to the shortest question for the list."""
        paging = self._rest.paging
        few = {paging.size_param: "1"} if paging.size_param else {}
        body, response = await self._ask(join_query(self._shape.url, dict(self._rest.order) | few), None)
        self.records_of(body, self._shape.url)
        return response

    def records_of(self, body: Any, url: str) -> list[Mapping[str, Any]]:
        """The records in a list's body; raises ApiUnavailable where there is no list."""
        records = look_up(body, self._rest.records)
        if not isinstance(records, list):
            place = ".".join(self._rest.records) or "the body"
            raise ApiUnavailable(f"{self._shape.system} answered GET {url} without a list of records in {place}")
        return [one for one in records if isinstance(one, dict)]

    def _url_at(self, base: Mapping[str, str], place: "_Place", token: str = "") -> str:
        paging, changed = self._rest.paging, self._rest.since
        query: dict[str, str] = {}
        if paging.size_param:
            query[paging.size_param] = str(paging.size)
        query.update(base)
        if changed is not None and place.since is not None:
            query[changed.param] = place.since if changed.cursor else self._since_text(place.since)
        if paging.kind == "offset" and place.position:
            query[paging.param] = str(place.position)
        if paging.kind == "page":
            query[paging.param] = str(paging.first + place.position)
        if token:
            query[paging.param] = token
        return join_query(self._shape.url, query)

    def _since_text(self, since: str) -> str:
        changed = self._rest.since
        moment = moment_of(since)
        if changed is None or moment is None:
            return since
        if not changed.inclusive:
            moment -= timedelta(seconds=self._shape.granularity_s)
        return self._forms.write_stamp(stamp_of(moment), changed.form)

    def _go_on(self, records: list[Mapping[str, Any]], place: "_Place") -> None:
        """Move on to the next page: by stamp where the order is known, else by position."""
        changed = self._rest.since
        last = self._stamp_of(records[-1])
        if changed is not None and not changed.cursor and self._rest.order and last is not None:
            begun, there = moment_of(place.since), stamp_of(last)
            # A filter coarser than the stamps may say the same of both.
            if (
                place.since is None
                or begun is None
                or (last > begun and self._since_text(there) != self._since_text(place.since))
            ):
                place.since, place.position = there, 0
                return
        if not place.counted:
            place.counted, place.sure_until = True, place.since
        place.position += 1 if self._rest.paging.kind == "page" else len(records)

    def _stamp_of(self, record: Mapping[str, Any]) -> datetime | None:
        if not self._shape.modified:
            return None
        return moment_of(read_datetime(look_up(record, self._shape.modified), self._shape.stamp_form))

    def _keep(self, records: list[Mapping[str, Any]], found: dict[tuple[Any, Any] | int, Mapping[str, Any]]) -> bool:
        """Add records; whether any was new."""
        before = len(found)
        if self._rest.paging.kind not in ("offset", "page"):
            found.update(enumerate(records, start=before))
            return bool(records)
        for record in records:
            key = (str(look_up(record, self._shape.id)), str(look_up(record, self._shape.modified)))
            found.setdefault(key, record)
        return len(found) > before

    def _linked(self, body: Any, response: httpx.Response) -> str | None:
        """The next page's URL, which must lie on the same server: our credentials go with the request."""
        if self._rest.paging.next:
            target = look_up(body, self._rest.paging.next)
        else:
            target = next_link(response.headers.get_list("link"))
        if not isinstance(target, str) or not target:
            return None
        here = response.request.url
        try:
            there = here.join(target)
        except (httpx.InvalidURL, ValueError) as error:
            raise ApiUnavailable(
                f"{self._shape.system}: the list {self._shape.url} goes on at no URL: {error}"
            ) from error
        if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
            raise ApiUnavailable(f"{self._shape.system}: the list {self._shape.url} goes on at another server")
        return str(there)


def server_time(response: httpx.Response) -> datetime | None:
    """The system's clock when it answered, as the Date header tells."""
    try:
        return parsedate_to_datetime(response.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return None


def next_link(headers: list[str]) -> str | None:
    """The target of `rel="next"` in Link headers (RFC 8288)."""
    for header in headers:
        for target, parameters in _LINK.findall(header):
            if _NEXT.search(parameters):
                return str(target)
    return None


def look_up(body: Any, path: Path) -> Any:
    """What is at a path; None where nothing is."""
    for key in path:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def join_query(url: str, query: Mapping[str, str]) -> str:
    """A URL with further parameters."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def page_description(paging: Paging) -> tuple[tuple[Path, object], ...]:
    """What in a body says that it is the last page, for whoever cuts and joins answers."""
    return ((paging.next, None),) if paging.kind in ("cursor", "link") and paging.next else ()
