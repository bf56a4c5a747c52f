"""Reading Wave's lists to the end, although they are cut by page numbers and change meanwhile.

Used by the client of Wave alone. A list in order of modification is read on from the last stamp seen and not from the
next page number: a record that moves while the list is read would else push another one out of sight.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from talkqa.model.call import PollShape, Purpose
from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.systems.graphql import GraphqlChannel, Reply, refusal
from talkqa.systems.wave_shapes import WaveShape, before

BUSINESS = "Business"
_MOST_CALLS = 2_000
_TOO_DEAR = "maximum cost"
_AGAIN = 3
"""How often a list without any order is read at most, until it holds as many records as it says."""
_OVERLAP_S = 1.0

Filters = Mapping[tuple[str, str], Any]
"""(argument, its type) to the value asked for."""
Node = Mapping[str, Any]


class WavePages:
    """The lists of one system."""

    def __init__(self, channel: GraphqlChannel, system: str) -> None:
        self._channel = channel
        self._system = system
        self._sizes: dict[str, int] = {}
        """Entity to the records on a page, where the usual number proved too expensive."""

    async def read(
        self,
        shape: WaveShape,
        business: str,
        since: str | None,
        *,
        filters: Filters | None = None,
        purpose: Purpose = Purpose.CONFIRM,
        poll: PollShape | None = None,
    ) -> list[Node]:
        """Every record, or every one modified after a moment; of one that was met twice the later version.

        Raises:
            ApiRefused: where the list is refused.
            ApiUnavailable: where no usable answer came, or the list has no end.
        """
        reading = _Reading(self, shape, business, since, filters or {}, purpose, poll)
        for _ in range(_AGAIN):
            await reading.to_the_end()
            if reading.whole:
                break
        return list(reading.found.values())

    async def first(self, shape: WaveShape, business: str) -> None:
        """A page of one record.

        Raises:
            ApiRefused: where the list is refused.
        """
        await self.page(shape, business, None, 1, {}, size=1)

    def size_of(self, shape: WaveShape) -> int:
        """How many records a page holds."""
        return self._sizes.get(shape.entity.name, shape.facts.page_size)

    async def page(
        self,
        shape: WaveShape,
        business: str,
        since: str | None,
        number: int,
        filters: Filters,
        *,
        size: int,
        purpose: Purpose = Purpose.CONFIRM,
        poll: PollShape | None = None,
    ) -> tuple[list[Node], Mapping[str, Any]] | None:
        """The records of a page and what it says of the pages; None where it was too expensive: ask again.

        Raises:
            ApiRefused: where the list is refused.
        """
        text = _text(shape, tuple(filters), since=since is not None and shape.facts.since)
        variables: dict[str, Any] = {"p": number, "n": size}
        if shape.entity.name != BUSINESS:
            variables["b"] = business
        if since is not None and shape.facts.since:
            variables["since"] = since
        variables |= {f"f{at}": value for at, value in enumerate(filters.values())}
        reply = await self._channel.query(text, variables, purpose=purpose, poll=poll)
        if reply.errors and size > 1 and any(_TOO_DEAR in error.message for error in reply.errors):
            self._sizes[shape.entity.name] = size // 2
            return None
        return self._records(shape, reply)

    def _records(self, shape: WaveShape, reply: Reply) -> tuple[list[Node], Mapping[str, Any]]:
        plural = "businesses" if shape.entity.name == BUSINESS else shape.facts.plural
        if reply.errors:
            raise refusal(reply.errors, f"{self._system} does not list {plural}", status=reply.status)
        held = reply.at("businesses") if shape.entity.name == BUSINESS else reply.at("business", plural)
        edges = held.get("edges") if isinstance(held, dict) else None
        if not isinstance(edges, list):
            # No list is not the same as an empty one: nothing may be taken for absent.
            raise ApiRefused(
                f"{self._system} shows no {plural} of this business", code="NOT_FOUND", status=reply.status
            )
        info = held.get("pageInfo")
        nodes = [one["node"] for one in edges if isinstance(one, dict) and isinstance(one.get("node"), dict)]
        return nodes, info if isinstance(info, dict) else {}


class _Window:
    """Pages that were read by their numbers, while the list may have changed."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._total: int | None = None
        self._shrank = False

    def note(self, total: Any, ids: Iterable[str]) -> None:
        """A page, and how many records the whole list had then."""
        self._seen.update(ids)
        if isinstance(total, int):
            self._shrank = self._shrank or (self._total is not None and total < self._total)
            self._total = total

    @property
    def whole(self) -> bool:
        """Whether no record can have slipped from a page that was to come onto one that had been read."""
        return not self._shrank and (self._total is None or len(self._seen) >= self._total)


class _Reading:
    """One list on its way to the end."""

    def __init__(
        self,
        pages: WavePages,
        shape: WaveShape,
        business: str,
        since: str | None,
        filters: Filters,
        purpose: Purpose,
        poll: PollShape | None,
    ) -> None:
        self._pages = pages
        self._shape = shape
        self._business = business
        self._since = since
        self._filters = filters
        self._purpose = purpose
        self._poll = poll
        self.found: dict[str, Node] = {}
        self.whole = False

    async def to_the_end(self) -> None:
        bound, number = self._since, 1
        window = _Window()
        for _ in range(_MOST_CALLS):
            size = self._pages.size_of(self._shape)
            answer = await self._pages.page(
                self._shape,
                self._business,
                bound,
                number,
                self._filters,
                size=size,
                purpose=self._purpose,
                poll=self._poll,
            )
            if answer is None:
                number, window = 1, _Window()
                continue
            nodes, info = answer
            self._take(nodes)
            window.note(info.get("totalCount"), (str(node.get(self._shape.entity.id_field)) for node in nodes))
            if not nodes or _is_last(info, number, len(nodes), size) or self._is_past(nodes):
                # What moves in a list that begins with the newest moves to where the next look begins.
                self.whole = window.whole or self._shape.facts.newest_first
                return
            # Once page numbers are used they are used to the end, so that the count shows whether one slipped through.
            further = self._further(nodes, bound) if number == 1 else None
            if further is None:
                number += 1
            else:
                bound, number, window = further, 1, _Window()
        raise ApiUnavailable(f"the list {self._shape.facts.plural} does not come to an end")

    def _take(self, nodes: list[Node]) -> None:
        for node in nodes:
            key = str(node.get(self._shape.entity.id_field))
            stamp = self._shape.stamp_of(node)
            if self._since is None or stamp is None or self._shape.facts.since or stamp >= self._since:
                known = self.found.pop(key, None)
                older = known is not None and (self._shape.stamp_of(known) or "") > (stamp or "")
                self.found[key] = known if known is not None and older else node

    def _is_past(self, nodes: list[Node]) -> bool:
        """Whether a list that begins with the newest has come to what is not asked for."""
        if not self._shape.facts.newest_first or self._since is None:
            return False
        return any((self._shape.stamp_of(node) or "~") < self._since for node in nodes)

    def _further(self, nodes: list[Node], bound: str | None) -> str | None:
        """The moment to read on from; None where the page number has to do."""
        if not self._shape.facts.since or self._shape.facts.sort is None or self._filters:
            return None
        stamps = [stamp for node in nodes if (stamp := self._shape.stamp_of(node))]
        if not stamps:
            return None
        further = before(max(stamps), _OVERLAP_S)
        return further if bound is None or further > bound else None


def _is_last(info: Mapping[str, Any], number: int, count: int, size: int) -> bool:
    current, total = info.get("currentPage"), info.get("totalPages")
    if isinstance(total, int):
        return (current if isinstance(current, int) else number) >= total
    return count < size


def _text(shape: WaveShape, filters: tuple[tuple[str, str], ...], *, since: bool) -> str:
    """The query for a page; equal questions give equal texts, so that a server may know them again."""
    facts = shape.facts
    declared = ["$p:Int!", "$n:Int!"]
    arguments = ["page:$p", "pageSize:$n"]
    if facts.sort is not None:
        arguments.append(f"sort:[{facts.sort}]")
    if since:
        declared.append("$since:DateTime")
        arguments.append("modifiedAtAfter:$since")
    for at, (argument, kind) in enumerate(filters):
        declared.append(f"$f{at}:{kind}")
        arguments.append(f"{argument}:$f{at}")
    selected = f"{{pageInfo{{currentPage totalPages totalCount}} edges{{node{{{shape.selection}}}}}}}"
    if shape.entity.name == BUSINESS:
        return f"query({','.join(declared)}){{businesses({','.join(arguments)}){selected}}}"
    inner = f"{facts.plural}({','.join(arguments)}){selected}"
    return f"query($b:ID!,{','.join(declared)}){{business(id:$b){{{inner}}}}}"
