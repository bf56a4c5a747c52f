# ruff: noqa: D102 - what each decision is, the correct engine says
"""Faults of edits: dropped, lost, taken back, swinging, or breaking the link that they go over.

Used by the catalogue.
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.behaviour import Aftermath, Behaviour
from talkqa.sandbox.faults.faulty import Aim, Faulty, own_groups
from talkqa.sandbox.pairing import Direction, Pairing
from talkqa.sandbox.rows import Group
from talkqa.sandbox.state import Link

_SOON_S = 60.0
"""Two edits within this time are handed over in the wrong order."""
_YOUNG_S = 30.0
"""A link younger than this is not known everywhere."""

Values = Mapping[str, FieldValue]


class EditsDropped(Faulty):
    """Does not carry edits of one side."""

    of = Side.SOURCE

    def carries(self, link: Link, group: Group, edited: Side) -> bool:
        source = edited if self.of is Side.SOURCE else edited.other
        return not self.concerns(link.pairing, source) and self.inner.carries(link, group, edited)


class TargetEditsDropped(EditsDropped):
    """Does not carry edits of the target."""

    of = Side.TARGET


class UpdateLost(Faulty):
    """Carries every other edit of a property."""

    def __init__(self, inner: Behaviour, aim: Aim) -> None:
        super().__init__(inner, aim)
        self._edits: dict[tuple[Link, str], int] = {}

    def carries(self, link: Link, group: Group, edited: Side) -> bool:
        carried = self.inner.carries(link, group, edited)
        if not self.concerns(link.pairing) or group.key not in link.bases:
            return carried
        count = self._edits[link, group.key] = self._edits.get((link, group.key), 0) + 1
        return carried and count % 2 == 1


class WholeRecordWritten(Faulty):
    """Writes all properties of a record that was edited, whatever was edited meanwhile on the other side."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Sequence[None]:
        # Which property of an undocumented flow comes back nobody knows, so that none can be missed.
        several = sum(group.documented for group in own_groups(pairing, direction)) > 1
        return (None,) if several else ()

    def writes_all(self, pairing: Pairing, edited: Side) -> bool:
        return self.concerns(pairing, edited) or self.inner.writes_all(pairing, edited)


class PartialWrite(Faulty):
    """Of several edited properties writes the first."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Sequence[None]:
        several = sum(group.side is direction.side and group.target.updateable for group in pairing.groups) > 1
        return (None,) if several else ()

    def written(self, pairing: Pairing, side: Side, values: Values) -> Values:
        values = self.inner.written(pairing, side, values)
        return dict(islice(values.items(), 1)) if self.concerns(pairing, side.other) else values


class EditFollowed(Faulty):
    """Does something more once it has carried an edit."""

    deed = Aftermath.RESTORES
    both_ways = False
    """Whether it does so after edits of the target too."""

    def aftermath(self, link: Link, written: Side, now_s: float) -> Sequence[Aftermath]:
        deeds = self.inner.aftermath(link, written, now_s)
        sided = None if self.both_ways else written.other
        return (*deeds, self.deed) if self.concerns(link.pairing, sided) and self.comes(link, now_s) else deeds

    def comes(self, link: Link, now_s: float) -> bool:
        """Whether it does so this time."""
        del link, now_s
        return True


class StaleWrite(EditFollowed):
    """Brings old values back."""

    both_ways = True


class Reordered(EditFollowed):
    """Writes the older one of two edits last."""

    both_ways = True

    def __init__(self, inner: Behaviour, aim: Aim) -> None:
        super().__init__(inner, aim)
        self._last_s: dict[Link, float] = {}

    def comes(self, link: Link, now_s: float) -> bool:
        before_s, self._last_s[link] = self._last_s.get(link), now_s
        return before_s is not None and now_s - before_s < _SOON_S


class Oscillates(EditFollowed):
    """Swings between old and new values for ever."""

    deed = Aftermath.OSCILLATES


class Amplifies(EditFollowed):
    """Answers its own writes with more and more of them."""

    deed = Aftermath.BREEDS


class EditCreatesNew(EditFollowed):
    """Makes another target record for an edit."""

    deed = Aftermath.MAKES_ANOTHER


class DuplicateOnEarlyEdit(EditCreatesNew):
    """Makes another target record for an edit that comes while the first one is new."""

    def comes(self, link: Link, now_s: float) -> bool:
        return now_s - link.since_s < _YOUNG_S


class LinkBroken(EditFollowed):
    """Forgets a link once it carried an edit."""

    deed = Aftermath.UNLINKS
    both_ways = True


class Relinked(EditFollowed):
    """Links a record to another one's counterpart once it was edited."""

    deed = Aftermath.RELINKS


class EchoEachCycle(Faulty):
    """Writes without need."""

    def rewrites_each_cycle(self, pairing: Pairing) -> bool:
        return self.concerns(pairing) or self.inner.rewrites_each_cycle(pairing)


class EmptyOverwrites(Faulty):
    """Empties what is full."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Sequence[None]:
        return (None,) if any(g.side is direction.side and g.target.nullable for g in pairing.groups) else ()

    def carries_empty(self, pairing: Pairing, group: Group, edited: Side) -> bool:
        return self.concerns(pairing, edited) or self.inner.carries_empty(pairing, group, edited)


class EarlierWins(Faulty):
    """Lets the earlier one of two edits stand."""

    def settle_conflict(self, pairing: Pairing, group: Group, later: Side) -> Side | None:
        stands = self.inner.settle_conflict(pairing, group, later)
        return stands.other if stands is not None and self.concerns(pairing) else stands


class ConflictIgnored(Faulty):
    """Leaves both sides as they are where both were edited."""

    def settle_conflict(self, pairing: Pairing, group: Group, later: Side) -> Side | None:
        return None if self.concerns(pairing) else self.inner.settle_conflict(pairing, group, later)
