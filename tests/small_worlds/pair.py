"""One linked pair of records as a value: what both systems hold, what the engine knows, and what people did."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

SOURCE, TARGET = 0, 1
FREE = "pq"
"""First letters of values that stand for nothing but themselves."""


class Stamp(int):
    """A moment; only which of two is later counts."""


Value = str | tuple[str, ...] | None
"""The name of a property and a number: `p3` is the third value that somebody gave to `p`."""

LINKED = {"l1": "r1", "l2": "r2", "r1": "l1", "r2": "l2"}
"""Ids of linked records, each side's to the other's."""
UNLINKED = ("l9", "r9")
"""Ids of records, of the source's system and of the target's, that are not linked: a reference to one waits."""


class Version(NamedTuple):
    """What a record holds, and when it was last written; two equal versions are one."""

    values: tuple[Value, ...]
    """By property."""
    stamp: Stamp | None
    """None in a system that tells none."""
    deleted: bool = False


class Claim(NamedTuple):
    """An edit that gave a property another value."""

    value: Value
    low: Stamp | None
    """The stamp of the edit."""
    high: Stamp | None = None
    """The stamp of the version in which the engine saw it, which a later edit of the record may have raised; None
    until then."""


class Track(NamedTuple):
    """What people did to one property on one side."""

    fresh: Claim | None = None
    """The newest edit that the engine has not read."""
    read: Claim | None = None
    """The newest edit that it has read and not looked at."""
    looked: Claim | None = None
    """The newest edit that it has looked at."""
    firm: Claim | None = None
    """The newest edit that both sides are known to have held."""
    emptied: tuple[Stamp | None] | None = None
    """The stamp of an edit that emptied it and that no later edit of this side filled; None where there is none."""
    last: Value = None
    """What the property held when the engine last looked."""


class Plan(NamedTuple):
    """Writes that the engine has decided on and not done yet."""

    writes: tuple[tuple[int, tuple[tuple[int, Value, int], ...]], ...]
    """Side, then property, value and group of each; the next one first."""
    decided_on: tuple[Version, Version]


class Pair(NamedTuple):
    """Everything about one pair."""

    actual: tuple[Version, Version]
    known: tuple[Version, Version]
    bases: tuple[tuple[Any, ...] | None, ...]
    """By group: leading property, value of the source, value of the target."""
    seen: tuple[tuple[Any, ...] | None, ...]
    """By group and side: newest value, the stamp of the version in which it was first read, and whether the value comes
    with the property that led."""
    tracks: tuple[tuple[Track, Track], ...]
    """By property."""
    starts: tuple[Value, ...]
    """By property: what stood before anybody edited it."""
    met: tuple[bool, ...] = (True, True)
    """By property: whether both sides have agreed once, so that the source does not lead any more."""
    plan: Plan | None = None
    removed: tuple[bool, bool] = (False, False)
    """By side, whether somebody has deleted the record."""
    dirty: bool = False
    """Whether the engine has read something that it has not looked at."""
    unlinked: bool = False
    writes: int = 0
    """Of the engine, since the last edit."""

    @property
    def rests(self) -> bool:
        """Whether the engine has nothing to do."""
        return self.plan is None and not self.dirty and (self.unlinked or self.known == self.actual)


def normalise(pair: Pair) -> Pair:
    """The same pair with values and stamps renamed: equal for pairs that differ in nothing else."""
    stamps = _stamps(pair)
    names: dict[str, str] = {}
    counts = dict.fromkeys(FREE, 0)
    for name in dict.fromkeys(_names(pair)):
        if name[0] in FREE:
            counts[name[0]] += 1
            names[name] = f"{name[0]}{counts[name[0]]}"
    dense = len(stamps) == max(stamps, default=-1) + 1
    if dense and all(old == new for old, new in names.items()):
        return pair
    return _Renaming({stamp: Stamp(rank) for rank, stamp in enumerate(sorted(stamps))}, names).pair(pair)


def top(pair: Pair) -> Stamp:
    """The newest stamp of a pair: no system's stamps ever go back, so that of a version that stands."""
    return max((version.stamp for version in pair.actual if version.stamp is not None), default=Stamp(0))


def fresh_name(pair: Pair, letter: str) -> str:
    """A value of a property that occurs nowhere in the pair."""
    taken = set(_names(pair))
    number = 1
    while f"{letter}{number}" in taken:
        number += 1
    return f"{letter}{number}"


def _stamps(pair: Pair) -> set[Stamp]:
    versions = (*pair.actual, *pair.known, *(() if pair.plan is None else pair.plan.decided_on))
    found = {version.stamp for version in versions}
    found.update(seen[1] for seen in pair.seen if seen is not None)
    for both in pair.tracks:
        for fresh, read, looked, firm, emptied, _ in both:
            for claim in (fresh, read, looked, firm):
                if claim is not None:
                    found.add(claim.low)
                    found.add(claim.high)
            if emptied is not None:
                found.add(emptied[0])
    found.discard(None)
    return cast("set[Stamp]", found)


def _names(pair: Pair) -> list[str]:
    """Every value, what was there first first: an edit gives the next number to its value as a rule."""
    held = [*pair.starts]
    for both in pair.tracks:
        for fresh, read, looked, firm, _, last in both:
            held += [claim.value for claim in (fresh, read, looked, firm) if claim is not None]
            held.append(last)
    for base in pair.bases:
        if base is not None:
            held += base[1:]
    held += [
        seen[0][1] if isinstance(seen[0], tuple) and seen[2] else seen[0] for seen in pair.seen if seen is not None
    ]
    for version in (*pair.known, *pair.actual):
        held += version.values
    if pair.plan is not None:
        held += [value for _, writes in pair.plan.writes for _, value, _ in writes]
        held += [value for version in pair.plan.decided_on for value in version.values]
    found: list[str] = []
    for value in held:
        if isinstance(value, str):
            found.append(value)
        elif value is not None:
            found += value
    return found


class _Renaming:
    """Other stamps and values in the place of those that are there."""

    def __init__(self, stamps: Mapping[Stamp, Stamp], names: Mapping[str, str]) -> None:
        self._stamps: dict[Stamp | None, Stamp | None] = {None: None, **dict(stamps.items())}
        self._names: dict[Value, Value] = {None: None, (): ()}
        self._names.update(names)

    def pair(self, pair: Pair) -> Pair:
        plan = pair.plan
        return Pair(
            actual=(self._version(pair.actual[0]), self._version(pair.actual[1])),
            known=(self._version(pair.known[0]), self._version(pair.known[1])),
            bases=tuple(
                [None if one is None else (one[0], self._value(one[1]), self._value(one[2])) for one in pair.bases]
            ),
            seen=tuple([None if one is None else self._sight(one) for one in pair.seen]),
            tracks=tuple([(self._track(left), self._track(right)) for left, right in pair.tracks]),
            starts=tuple([self._value(value) for value in pair.starts]),
            met=pair.met,
            plan=None if plan is None else self._plan(plan),
            removed=pair.removed,
            dirty=pair.dirty,
            unlinked=pair.unlinked,
            writes=pair.writes,
        )

    def _value(self, value: Value) -> Value:
        if value in self._names:
            return self._names[value]
        return tuple([str(self._value(one)) for one in value]) if isinstance(value, tuple) else value

    def _version(self, version: Version) -> Version:
        values = tuple([self._value(value) for value in version.values])
        return Version(values, self._stamps[version.stamp], version.deleted)

    def _claim(self, claim: Claim | None) -> Claim | None:
        if claim is None:
            return None
        return Claim(self._value(claim.value), self._stamps[claim.low], self._stamps[claim.high])

    def _track(self, track: Track) -> Track:
        if track == _UNTOUCHED:
            return track
        emptied = None if track.emptied is None else (self._stamps[track.emptied[0]],)
        return Track(
            fresh=self._claim(track.fresh),
            read=self._claim(track.read),
            looked=self._claim(track.looked),
            firm=self._claim(track.firm),
            emptied=emptied,
            last=self._value(track.last),
        )

    def _sight(self, sight: tuple[Any, ...]) -> tuple[Any, ...]:
        value, stamp, led = sight
        return ((value[0], self._value(value[1])) if led else self._value(value), self._stamps[stamp], led)

    def _plan(self, plan: Plan) -> Plan:
        writes = tuple(
            [
                (side, tuple([(prop, self._value(value), group) for prop, value, group in some]))
                for side, some in plan.writes
            ]
        )
        return Plan(writes, (self._version(plan.decided_on[0]), self._version(plan.decided_on[1])))


_UNTOUCHED = Track()
