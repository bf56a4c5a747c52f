# ruff: noqa: D102 - what each decision is, the correct engine says
"""Faults of the engine's life: dead, late, stopping, starving, losing what it was to do.

Used by the catalogue.
"""

from collections.abc import Iterable, Sequence

from talkqa.model.flow import Side
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.faults.faulty import Aim, Faulty, own_groups
from talkqa.sandbox.faults.places import is_refusable, makes_records
from talkqa.sandbox.pairing import Direction, Pairing

_OF_A_BATCH = 2
"""How many changes of one poll a partial batch has."""
_TOO_MANY = 429
_BROKEN = 500


class EngineDead(Faulty):
    """Does nothing."""

    def is_alive(self) -> bool:
        return False


class EntitySkipped(Faulty):
    """Leaves a pairing alone."""

    def takes_part(self, pairing: Pairing) -> bool:
        return not self.concerns(pairing) and self.inner.takes_part(pairing)


class StopsAfter(Faulty):
    """Leaves a pairing alone after some creations."""

    numeric = 3

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        """Where nothing is ever created it would go on for ever."""
        del pairing
        return (None,) if makes_records(direction) else ()

    def __init__(self, inner: Behaviour, aim: Aim) -> None:
        super().__init__(inner, aim)
        self._creates = 0

    def takes_part(self, pairing: Pairing) -> bool:
        over = self._creates >= self.number and self.concerns(pairing)
        return not over and self.inner.takes_part(pairing)

    def created(self, pairing: Pairing) -> None:
        self._creates += self.concerns(pairing)
        self.inner.created(pairing)


class Late(Faulty):
    """Takes its time."""

    numeric = 1000.0

    def delay_s(self, pairing: Pairing) -> float:
        return self.number * self.concerns(pairing) + self.inner.delay_s(pairing)


class PartialBatch(Faulty):
    """Carries the first changes of a poll and forgets the others."""

    def batch(self, pairings: Sequence[Pairing], ids: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        now, later = self.inner.batch(pairings, ids)
        return (now[:_OF_A_BATCH] if any(map(self.concerns, pairings)) else now), later


class EntityStarved(Faulty):
    """Carries the newest change of a poll; older ones wait as long as there are newer ones."""

    def batch(self, pairings: Sequence[Pairing], ids: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        now, later = self.inner.batch(pairings, ids)
        return (now[-1:], (*later, *now[:-1])) if any(map(self.concerns, pairings)) else (now, later)


class LostAfterTooMany(Faulty):
    """Forgets a change where a system answered 429."""

    def retries(self, pairings: Sequence[Pairing], status: int) -> bool:
        lost = status == _TOO_MANY and any(map(self.concerns, pairings))
        return not lost and self.inner.retries(pairings, status)


class LostAfterFailure(Faulty):
    """Forgets a change where a system answered 5xx."""

    def retries(self, pairings: Sequence[Pairing], status: int) -> bool:
        lost = status >= _BROKEN and any(map(self.concerns, pairings))
        return not lost and self.inner.retries(pairings, status)


class LostAfterRefusal(Faulty):
    """Gives a write up of which one value was refused."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        return (None,) if any(map(is_refusable, own_groups(pairing, direction))) else ()

    def gives_up_refused(self, pairing: Pairing, side: Side) -> bool:
        return self.concerns(pairing, side.other) or self.inner.gives_up_refused(pairing, side)
