"""What a poll was answered over a run: only news is kept, and of foreign records only that they changed.

Used by `recorder`. Bodies stay in memory until the recording is written: whether a record is ours may show later than
the first answer that held it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from talkqa.model.call import PollShape
from talkqa.transport.answers import (
    Reduce,
    digest_of,
    empty_envelope,
    fill_envelope,
    id_of,
    is_last,
    read_items,
)
from talkqa.transport.recording import PollTimes

_PAUSE_S = 1.0
"""A page asked for later than this after the one before belongs to another poll: not every last page shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer to a poll, as it came."""

    request: str
    """Digest of the request, cursor and page included."""
    actor: str
    method: str
    path: str
    asked_s: float
    answered_s: float
    response: httpx.Response
    body: Any
    """Parsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollAnswer:
    """What one poll, of one page or several, told that was not known before."""

    method: str
    path: str
    asked_s: float
    answered_s: float
    response: httpx.Response
    """The last page's."""
    envelope: Mapping[str, Any]
    items: tuple[Mapping[str, Any], ...]
    gone: tuple[str, ...]


@dataclass(slots=True)
class _Round:
    """The pages of one poll so far."""

    pages: list[Page]
    items: list[Mapping[str, Any]] = field(default_factory=list)


class PollTape:
    """The answers to one poll of one system."""

    def __init__(self, shape: PollShape) -> None:
        self.shape = shape
        self._answers: list[PollAnswer] = []
        self._times: list[tuple[float, float]] = []
        self._looks: dict[str, list[tuple[float, float]]] = {}
        self._first = ""
        self._rounds: dict[str, _Round] = {}
        self._known: dict[str, str] = {}
        self._listed: set[str] = set()
        self._there_before: frozenset[str] = frozenset()
        self.paths: set[str] = set()
        """Paths that it was asked at."""
        self.foreign: frozenset[str] = frozenset()
        """Ids of records that were never ours; known once it is written."""

    def take(self, page: Page) -> bool:
        """Take an answer; False where it is none that can be cut."""
        items = read_items(page.body, self.shape)
        if items is None:
            return False
        self._first = self._first or page.request
        self.paths.add(page.path)
        under_way = self._rounds.get(page.actor)
        if under_way is not None:
            before = under_way.pages[-1]
            if page.asked_s > before.answered_s + _PAUSE_S:
                self._close(page.actor)
                under_way = None
            elif page.request == under_way.pages[0].request:  # broken off, and asked again from its beginning
                under_way = None
        if under_way is None:
            under_way = self._rounds[page.actor] = _Round(pages=[])
        under_way.pages.append(page)
        under_way.items += items
        if is_last(page.body, self.shape):
            self._close(page.actor)
        return True

    def drop(self, actor: str) -> None:
        """Forget the pages of a poll that broke off."""
        self._rounds.pop(actor, None)

    def close(self) -> None:
        """Take what has no last page for complete."""
        for actor in tuple(self._rounds):
            self._close(actor)

    @property
    def times(self) -> PollTimes:
        """When it was answered."""
        times = sorted(self._times, key=lambda pair: pair[1])
        return PollTimes(
            asked=tuple(round(asked, 6) for asked, _ in times),
            answers=tuple(round(answered, 6) for _, answered in times),
            looks={
                actor: tuple((round(asked, 6), round(answered, 6)) for asked, answered in sorted(each))
                for actor, each in sorted(self._looks.items())
            },
            first=self._first,
        )

    def written(
        self, is_ours: Callable[[Mapping[str, Any]], bool], reduce: Reduce
    ) -> tuple[tuple[PollAnswer, dict[str, Any]], ...]:
        """Each answer that told something, with the body to be written.

        Args:
            is_ours: Whether an item holds something that this run wrote. A record that was not there before the run
                and was ours once stays ours.
            reduce: Gives what is kept of the others.
        """
        ours: set[str] = set()
        written = []
        for answer in sorted(self._answers, key=lambda one: one.answered_s):
            items = []
            for item in answer.items:
                record_id = id_of(item, self.shape)
                if is_ours(item):
                    ours.add(record_id)
                    items.append(item)
                elif record_id in ours and record_id not in self._there_before:
                    items.append(item)
                else:
                    items.append(reduce(item, self.shape))
            written.append((answer, fill_envelope(answer.envelope, self.shape, items)))
        self.foreign = frozenset(id_of(item, self.shape) for one in self._answers for item in one.items) - ours
        return tuple(written)

    def _close(self, actor: str) -> None:
        finished = self._rounds.pop(actor)
        first, last = finished.pages[0], finished.pages[-1]
        news = []
        listed = set()
        for item in finished.items:
            record_id, digest = id_of(item, self.shape), digest_of(item)
            listed.add(record_id)
            if self._known.get(record_id) != digest:
                self._known[record_id] = digest
                news.append(item)
        gone: tuple[str, ...] = ()
        if first.request == self._first:
            gone = tuple(sorted(self._listed - listed))
            self._listed = listed
            for record_id in gone:
                self._known.pop(record_id, None)
        else:
            self._listed |= listed
        if not self._times:
            self._there_before = frozenset(listed)
        self._times.append((first.asked_s, last.answered_s))
        if actor:
            self._looks.setdefault(actor, []).append((first.asked_s, last.answered_s))
        if news or gone or not self._answers:
            envelope = empty_envelope(last.body, self.shape)
            self._answers.append(
                PollAnswer(
                    method=first.method,
                    path=first.path,
                    asked_s=first.asked_s,
                    answered_s=last.answered_s,
                    response=last.response,
                    envelope=envelope,
                    items=tuple(news),
                    gone=gone,
                )
            )
