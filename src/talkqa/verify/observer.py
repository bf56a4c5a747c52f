"""One observer for each (system, entity) of a world: asks `what changed since` and wakes whoever waits.

Scenarios never poll. An observer asks at a steady rate, only while somebody waits, keeps every version it saw,
and tells a version once, however often the system repeats it.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import trio

from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.model.protocols import Clock, SystemClient
from talkqa.model.record import Record
from talkqa.systems.sentinels import token_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One version of a record, when it was first seen."""

    record: Record
    seen_s: float
    order: int
    """Position in the observer's change log."""


class Subscription:
    """The sightings that concern one waiter, and a way to wait for the next."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []
        self._more = trio.Event()

    def deliver(self, sighting: Sighting) -> None:
        """Add a sighting and wake the waiter."""
        self.sightings.append(sighting)
        self._more.set()

    async def more(self) -> None:
        """Wait until at least one sighting has come since the last call."""
        await self._more.wait()
        self._more = trio.Event()


@dataclass(slots=True)
class _Question:
    """A question that is still to be put."""

    over: trio.Event = field(default_factory=trio.Event)
    answered: bool = False
    error: ApiError | None = None


class Observer:
    """What one entity of one system was seen to hold, version by version."""

    def __init__(
        self,
        client: SystemClient,
        entity: str,
        clock: Clock,
        poll_s: float,
        on_sighting: Callable[[Record, set[str]], None] = lambda _record, _tokens: None,
        existed: Callable[[Record], bool] | None = None,
        reduce: Callable[[Record], Record] = lambda record: record,
        due_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Make an observer.

        Args:
            client: The system.
            entity: What is watched.
            clock: The run's clock.
            poll_s: Seconds between two questions.
            on_sighting: Told every version with its search tokens.
            existed: Whether a record says of itself that it was created before the run began; None where records do
                not tell when they were created.
            reduce: Leaves of a record what may be kept of somebody's.
            due_s: Seconds to wait before the next question: a recording answers when it was answered.
        """
        self._due_s = due_s
        self._on_sighting = on_sighting
        self._tells_creation = existed is not None
        self._existed = existed or (lambda _record: False)
        self._reduce = reduce
        self._priming = False
        self._there: set[str] = set()
        """Ids of records that were there before the run wrote anything."""
        self._client = client
        self._clock = clock
        self._poll_s = poll_s
        self._cursor: str | None = None
        self._waiters = 0
        self._wanted = trio.Event()
        self._by_token: defaultdict[str, list[Subscription]] = defaultdict(list)
        self._by_id: defaultdict[str, list[Subscription]] = defaultdict(list)
        self._carriers: defaultdict[str, dict[str, Sighting]] = defaultdict(dict)
        self._versions: defaultdict[str, list[Sighting]] = defaultdict(list)
        self._one_poll = trio.Lock()
        self._next: _Question | None = None
        self.entity = entity
        self.trouble: ApiError | None = None
        """Why the last poll failed; None where it did not."""
        self.is_primed = False
        """Whether it is known what was there before the run; until then nothing is anybody's copy."""
        self.primed = 0
        """So many sightings were there before the run wrote anything."""
        self.log: list[Sighting] = []
        self.latest: dict[str, Sighting] = {}
        self.polls = 0

    async def run(self) -> None:
        """Poll for ever, pausing while nobody waits."""
        while True:
            await self._wanted.wait()
            await self._clock.sleep(self._due_s())
            try:
                await self.poll()
            except ApiError as error:  # a poll lost is a poll late: the next asks from the same cursor
                self.trouble = error
            await self._clock.sleep(self._poll_s)

    async def prime(self) -> None:
        """Begin before the run writes anything: what is there is no copy of ours.

        Everything is read only where nothing else tells what was there from what came later.
        """
        if self._tells_creation:
            async with self._one_poll:
                self._cursor = await self._client.cursor_now(self.entity)
        if self._cursor is None:
            self._priming = True
            try:
                await self.poll()
            finally:
                self._priming = False
        self.primed = len(self.log)
        self.is_primed = True

    async def poll(self) -> None:
        """Ask what changed and tell whoever waits; all who come before a question is put share it and its answer.

        Raises:
            ApiError: where the system does not answer.
        """
        while True:
            question = self._next
            if question is None:
                question = self._next = _Question()
                await self._put(question)
            else:
                await question.over.wait()
            if question.error is not None:
                raise question.error
            if question.answered:
                return  # else whoever put it was cancelled

    async def _put(self, question: "_Question") -> None:
        """Put a question when the one before it is answered: answers are taken in the order of their questions."""
        try:
            async with self._one_poll:
                self._next = None  # whoever comes from now on wants to know what is later than this
                await self._ask()
            question.answered = True
        except ApiError as error:
            question.error = error
        finally:
            self._next = None if self._next is question else self._next
            question.over.set()

    async def _ask(self) -> None:
        self.polls += 1
        changes = await self._client.changes(self.entity, self._cursor)
        self._cursor = changes.cursor or self._cursor
        self.trouble = None
        now = self._clock.now()
        for record in changes.records:
            known = self.latest.get(record.id)
            if known is not None and known.record == (self._reduce(record) if record.id in self._there else record):
                continue
            self._tell(Sighting(record=record, seen_s=now, order=len(self.log)))

    def _tell(self, sighting: Sighting) -> None:
        record = sighting.record
        if self._priming or record.id in self._there or self._existed(record):
            self._there.add(record.id)
            sighting = replace(sighting, record=self._reduce(record))
        self.log.append(sighting)
        self.latest[record.id] = sighting
        self._versions[record.id].append(sighting)
        told: set[int] = set()
        concerned = list(self._by_id.get(record.id, ()))
        tokens = tokens_in(record)
        self._on_sighting(record, tokens)
        for token in tokens:
            self._carriers[token].setdefault(record.id, sighting)
            concerned.extend(self._by_token.get(token, ()))
        for subscription in concerned:
            if id(subscription) not in told:
                told.add(id(subscription))
                subscription.deliver(sighting)

    def carriers(self, tokens: Iterable[str]) -> dict[str, Sighting]:
        """Records that were ever seen with one of these tokens: id to the first such sighting."""
        found: dict[str, Sighting] = {}
        for token in tokens:
            for record_id, sighting in self._carriers.get(token, {}).items():
                if record_id not in found or sighting.order < found[record_id].order:
                    found[record_id] = sighting
        return found

    def versions(self, record_id: str, after_order: int) -> list[Sighting]:
        """Versions of a record seen later than a position of the log."""
        known = self._versions.get(record_id, [])
        return known[bisect_right(known, after_order, key=lambda s: s.order) :]

    def was_there(self, record_id: str) -> bool:
        """Whether a record was there before the run wrote anything."""
        return record_id in self._there

    @property
    def order(self) -> int:
        """The position of the newest sighting; -1 before any."""
        return len(self.log) - 1

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Keep the observer polling while the block runs."""
        self._waiters += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._waiters -= 1
            if not self._waiters:
                self._wanted = trio.Event()

    @contextmanager
    def subscribed(self, *, tokens: Iterable[str] = (), record_id: str | None = None) -> Iterator[Subscription]:
        """Deliver whatever concerns these tokens or this record, beginning with what is known already."""
        subscription = Subscription()
        tokens = tuple(tokens)
        for sighting in sorted(self.carriers(tokens).values(), key=lambda s: s.order):
            subscription.deliver(self.latest[sighting.record.id])
        if record_id is not None and record_id in self.latest:
            subscription.deliver(self.latest[record_id])
        for token in tokens:
            self._by_token[token].append(subscription)
        if record_id is not None:
            self._by_id[record_id].append(subscription)
        try:
            with self.wanted():
                yield subscription
        finally:
            for token in tokens:
                self._by_token[token].remove(subscription)
            if record_id is not None:
                self._by_id[record_id].remove(subscription)

    async def wait_for(
        self,
        accept: Callable[[Sighting], bool],
        *,
        within_s: float,
        tokens: Iterable[str] = (),
        record_id: str | None = None,
    ) -> Sighting | None:
        """The first sighting that is accepted; None where none came within so many seconds.

        Raises:
            ApiUnavailable: where none came and the system could not be asked at the end: nothing was seen, so nothing
                is known to be absent.
        """
        with (
            self.subscribed(tokens=tokens, record_id=record_id) as subscription,
            trio.move_on_after(within_s),
        ):
            done = 0
            while True:
                while done < len(subscription.sightings):
                    sighting = subscription.sightings[done]
                    done += 1
                    if accept(sighting):
                        return sighting
                await subscription.more()
        if self.trouble is not None:
            trouble = self.trouble
            raise ApiUnavailable(
                f"{self.entity} cannot be watched: {trouble}", status=trouble.status, code=trouble.code
            )
        return None


def tokens_in(record: Record) -> set[str]:
    """Every search token of a record's values."""
    found: set[str] = set()
    for value in record.values.values():
        for part in value if isinstance(value, tuple) else (value,):
            if part is not None and not isinstance(part, bool):
                found.update(token_of(part))
    return found
