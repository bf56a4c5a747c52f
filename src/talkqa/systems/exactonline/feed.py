"""How far the readings of what changed and of what was deleted in Exact Online have come.

Used by the client alone. Pure: asks nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from talkqa.systems.edm import Codec
from talkqa.systems.odata import MARGIN_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a reading of one entity goes on."""

    kind: str
    """`m`: by milliseconds of the server's own stamps; `t`: by row versions."""
    since: int
    """What is asked for next: the newest that the reading before the last had seen."""
    latest: int
    """The newest that was seen."""
    deleted: int
    """Row version after which deletions are told."""

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """The cursor that a text holds; None for none, or for one that is not ours."""
        kind, *numbers = (text or "").split(":")
        if kind not in {"m", "t"} or len(numbers) != 3 or not all(n.lstrip("-").isdecimal() for n in numbers):
            return None
        return cls(kind=kind, since=int(numbers[0]), latest=int(numbers[1]), deleted=int(numbers[2]))

    def write(self) -> str:
        """The cursor as text."""
        return f"{self.kind}:{self.since}:{self.latest}:{self.deleted}"

    def after(self, newest: int | None, deleted: int) -> Self:
        """The cursor after a reading that saw `newest`.

        The next reading asks from what this one had asked up to, so that a row that was stamped early and committed
        late is told all the same; every change is told twice.
        """
        latest = self.latest if newest is None else max(self.latest, newest)
        return replace(self, since=max(self.since, self.latest), latest=latest, deleted=deleted)


def first_cursor(newest_ms: int | None, server_ms: int | None, deleted: int) -> Cursor | None:
    """The cursor after everything was read; None where nothing tells a time.

    Where there were no rows the server's clock counts: its stamps are never behind UTC.
    """
    begin = newest_ms if newest_ms is not None else server_ms
    if begin is None:
        return None
    return Cursor(
        kind="m", since=begin - MARGIN_MS, latest=begin if newest_ms is not None else begin - MARGIN_MS, deleted=deleted
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """One row of the feed of deletions."""

    version: int
    kind: int
    id: str
    at_ms: int | None
    """When, by the server's own clock."""
    user: str | None


@dataclass(slots=True)
class DeletionLog:
    """What the feed of deletions has told; shared by all entities of a client."""

    begin: int
    """Row version from which the feed was read."""
    before: int = 0
    """The newest row version that the reading before the last had seen: the next one asks from there."""
    newest: int = 0
    readings: int = 0
    _rows: dict[int, Deletion] = field(default_factory=dict)
    _used: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = self.newest = self.begin

    def is_fresh(self, entity: str) -> bool:
        """Whether another entity has read the feed since this one last looked."""
        return self.readings > self._used.get(entity, 0)

    def skip(self, entity: str) -> None:
        """Note that an entity begins to look now: what was read before is no news to it."""
        self._used[entity] = self.readings

    def add(self, rows: Iterable[Mapping[str, Any]], codec: Codec) -> None:
        """Take in one reading."""
        newest = self.newest
        for row in rows:
            version, kind = _whole(row.get("Timestamp")), _whole(row.get("EntityType"))
            key = row.get("EntityKey")
            if version is None or kind is None or not isinstance(key, str):
                continue
            newest = max(newest, version)
            user = row.get("DeletedBy")
            self._rows[version] = Deletion(
                version=version,
                kind=kind,
                id=key.lower(),
                at_ms=codec.stamp_ms(row.get("DeletedDate")),
                user=user if isinstance(user, str) else None,
            )
        self.before, self.newest = self.newest, newest
        self.readings += 1

    def take(self, entity: str, kinds: frozenset[int], after: int) -> tuple[Deletion, ...]:
        """The deletions of an entity after a row version, oldest first; what was read counts as looked at."""
        self._used[entity] = self.readings
        return tuple(row for version, row in sorted(self._rows.items()) if version > after and row.kind in kinds)


def _whole(value: object) -> int | None:
    """A 64-bit number, which may come as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else None


def version_of(row: Mapping[str, Any]) -> int | None:
    """The row version of a row of a sync path."""
    return _whole(row.get("Timestamp"))
