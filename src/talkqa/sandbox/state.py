"""What the reference engine knows: the records it has read, the links it has made, what it is just creating.

Used by the engine's parts. Holds no rule and asks nothing, except for single records whose newest version is unclear.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import trio

from talkqa.model.flow import Side
from talkqa.model.protocols import Clock
from talkqa.model.record import FieldValue
from talkqa.sandbox.connectors.contract import Connector, Fetched, Gone
from talkqa.sandbox.pairing import EntityKey, Pairing

RecordKey = tuple[str, str, str]
"""System, entity and id."""

_NOTICED = timedelta(seconds=2)
"""Clocks that are less apart than this count as one: stamps are no finer, and answers take their time."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What a group of rows held on both sides when it was last settled."""

    lead: str | None
    """Path of the source property that led; None where all were empty."""
    source: FieldValue
    target: FieldValue


@dataclass(slots=True, eq=False)
class Link:
    """Two records that are kept in step."""

    pairing: Pairing
    ids: Mapping[Side, str]
    bases: dict[str, Base] = field(default_factory=dict)
    """By key of the group; a group without base was never brought together."""
    unanswered: dict[str, tuple[Side, Base]] = field(default_factory=dict)
    """By key of the group: the side of a write that had no answer, and the state it led to if it was done."""
    seen: dict[tuple[str, Side], tuple[object, datetime | None]] = field(default_factory=dict)
    """Newest value of a group on a side, and the stamp of the version in which it was first read."""
    lock: trio.Lock = field(default_factory=trio.Lock)
    since_s: float = 0.0
    """When it was made, in seconds of the engine's clock."""
    announced: bool = False
    """Whether all that waited for it has been looked at."""
    gone: bool = False

    def key(self, side: Side) -> RecordKey:
        """The record on a side."""
        return (*self.pairing.keys[side], self.ids[side])

    def first_seen(self, group: str, side: Side, value: object, stamp: datetime | None) -> datetime | None:
        """The stamp of the version in which this value was first read."""
        known = self.seen.get((group, side))
        if known is None or known[0] != value or type(known[0]) is not type(value):
            self.seen[group, side] = known = (value, stamp)
        return known[1]


@dataclass(slots=True)
class _Entry:
    fetched: Fetched
    known_at: int
    """What was asked for from this count on is newer than every answer so far."""
    suspect: bool = False
    """Whether answers overlapped, so that a newer version may exist than the one kept."""


class EngineState:
    """The memory of one engine."""

    def __init__(self, connectors: Mapping[str, Connector], clock: Clock) -> None:
        self.connectors = connectors
        self.clock = clock
        self.counterparts: dict[RecordKey, list[RecordKey]] = {}
        """Every link ever made and not dropped, both ways."""
        self.ancestors: dict[RecordKey, frozenset[EntityKey]] = {}
        """Entities that a record of the engine's own goes back to."""
        self.users: defaultdict[str, Counter[object]] = defaultdict(Counter)
        """System to whom it names as the last writer of what the engine wrote, and how often: others write too."""
        self.own: set[RecordKey] = set()
        """Default parents and the like: they are nobody's source."""
        self._records: dict[EntityKey, dict[str, _Entry]] = {}
        self._links: dict[tuple[str, Side, str], Link] = {}
        self._retired: set[tuple[str, Side, str]] = set()
        self._creating: dict[EntityKey, list[trio.Event]] = {}
        self._locks: dict[tuple[str, Side, str], trio.Lock] = {}
        self._ahead: dict[str, tuple[timedelta, timedelta]] = {}
        """System to the bounds between which its clock is ahead of the engine's."""

    def remember(self, key: EntityKey, fetched: Fetched) -> None:
        """Keep a version that was read, unless a newer one is known already."""
        records = self._records.setdefault(key, {})
        entry = records.get(fetched.id)
        if entry is None or fetched.asked_at >= entry.known_at:
            # A list gives no version tag; an unchanged record keeps the one it had.
            same = entry is not None and entry.fetched.body == fetched.body and fetched.etag is None
            etag = entry.fetched.etag if entry is not None and same else fetched.etag
            records[fetched.id] = _Entry(replace(fetched, etag=etag), fetched.known_at)
        elif entry.fetched.body != fetched.body:
            # The answers overlapped: either may be the newer one.
            entry.suspect = True
            entry.known_at = max(entry.known_at, fetched.known_at)

    def newest_body(self, key: EntityKey, record_id: str) -> Mapping[str, Any]:
        """The newest version as it was read, of a deleted record too; empty for one that is not known."""
        entry = self._records.get(key, {}).get(record_id)
        return {} if entry is None else entry.fetched.body

    def known(self, key: EntityKey, record_id: str) -> Fetched | None:
        """The newest version read; None for records that are not known or deleted."""
        entry = self._records.get(key, {}).get(record_id)
        return None if entry is None or entry.fetched.deleted else entry.fetched

    def all_known(self, key: EntityKey) -> list[Fetched]:
        """Every live record of an entity, in the order in which they were first read."""
        return [e.fetched for e in self._records.get(key, {}).values() if not e.fetched.deleted]

    async def current(self, key: EntityKey, record_id: str, *, writable: bool = False) -> Fetched | None:
        """The newest version, read again where overlapping answers left it unclear or its version tag is needed."""
        while True:
            entry = self._records.get(key, {}).get(record_id)
            if entry is not None and entry.fetched.deleted:
                return None
            if entry is not None and not entry.suspect and (entry.fetched.etag is not None or not writable):
                return entry.fetched
            try:
                self.remember(key, await self.connectors[key[0]].get(key[1], record_id))
            except Gone:
                return None

    def forget(self, key: EntityKey, record_id: str) -> None:
        """Note that a version proved outdated: the next look reads it again. The record is known all the same."""
        entry = self._records.get(key, {}).get(record_id)
        if entry is not None:
            entry.suspect = True

    def note_written(self, system: str, asked: datetime, stamp: datetime | None) -> None:
        """Learn from a write of the engine's own, asked for then, how far the system's clock is ahead."""
        if stamp is None:
            return
        least, most = self._ahead.get(system, (timedelta.min, timedelta.max))
        # The system stamped it some time between the question and the answer, and may have cut the stamp to seconds.
        least, most = max(least, stamp - self.clock.stamp()), min(most, stamp - asked + _SECOND)
        self._ahead[system] = (least, most)

    def ahead(self, system: str) -> timedelta:
        """How far the clock of a system is ahead of the engine's; nothing where that cannot be told."""
        least, most = self._ahead.get(system, (timedelta(), timedelta()))
        middle = least + (most - least) / 2
        return middle if abs(middle) > _NOTICED else timedelta()

    def lock(self, pairing: Pairing, side: Side, record_id: str) -> trio.Lock:
        """What whoever admits this record to the pairing must hold."""
        return self._locks.setdefault((pairing.id, side, record_id), trio.Lock())

    def link(self, pairing: Pairing, ids: Mapping[Side, str]) -> Link:
        """Link two records; neither is ever a new record to this pairing again."""
        link = Link(pairing, ids, since_s=self.clock.now())
        for side in Side:
            self._links.setdefault((pairing.id, side, ids[side]), link)
            self.retire(pairing, side, ids[side])
            self.counterparts.setdefault(link.key(side), []).append(link.key(side.other))
        return link

    def unlink(self, link: Link) -> None:
        """Drop a link; its records stay retired, so that nothing is created anew for them."""
        link.gone = True
        for side in Side:
            if self._links.get((link.pairing.id, side, link.ids[side])) is link:
                del self._links[link.pairing.id, side, link.ids[side]]
            others = self.counterparts.get(link.key(side), [])
            if link.key(side.other) in others:
                others.remove(link.key(side.other))

    def links_of(self, pairing: Pairing, key: EntityKey, record_id: str) -> list[Link]:
        """The pairing's links of a record: one as a rule, two where an entity is paired with itself."""
        found = (self._links.get((pairing.id, side, record_id)) for side in pairing.sides_of(key))
        return [link for link in found if link is not None]

    def all_links(self, pairing: Pairing) -> list[Link]:
        """The pairing's links, oldest first."""
        return list(dict.fromkeys(link for key, link in self._links.items() if key[0] == pairing.id))

    def retire(self, pairing: Pairing, side: Side, record_id: str) -> None:
        """Never again take the record for a new one of this pairing."""
        self._retired.add((pairing.id, side, record_id))

    def is_retired(self, pairing: Pairing, key: EntityKey, record_id: str) -> bool:
        """Whether the record was linked, or made by the engine, in this pairing at any time."""
        return any((pairing.id, side, record_id) in self._retired for side in pairing.sides_of(key))

    def begin_creating(self, key: EntityKey) -> trio.Event:
        """Tell that a record is being created; set and hand back the event when it is known and linked."""
        event = trio.Event()
        self._creating.setdefault(key, []).append(event)
        return event

    def end_creating(self, key: EntityKey, event: trio.Event) -> None:
        """Tell that the record is known and linked, or was refused."""
        self._creating[key].remove(event)
        event.set()

    async def wait_for_creating(self, key: EntityKey) -> None:
        """Wait for what is being created now: until then a new record may be one of the engine's own."""
        for event in list(self._creating.get(key, ())):
            await event.wait()
