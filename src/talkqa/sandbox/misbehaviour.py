# ruff: noqa: D102 - what each decision is, the correct engine says
"""The faults of the reference engine: each class overrides one or two decisions of the correct behaviour.

Used by `talkqa.sandbox.faults`, which names them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.pairing import Pairing
from talkqa.sandbox.rows import Group, Member
from talkqa.sandbox.rules import FlowRules, Permit

_KEPT_CHARACTERS = 4
"""What a truncated text is left with."""


class Faulty(Behaviour):
    """A behaviour with one decision changed; everything else is left to the behaviour within."""

    numeric: ClassVar[float | None] = None
    """The default of a numeric argument; None where the argument is a flow id."""

    def __init__(self, inner: Behaviour, argument: str | None, pairings: Sequence[Pairing]) -> None:
        self.inner = inner
        self.argument = argument
        self.number = float(argument) if argument and self.numeric is not None else self.numeric or 0.0
        self.pairings = pairings

    def concerns(self, pairing: Pairing) -> bool:
        """Whether the fault is at work in a pairing."""
        return self.numeric is not None or self.argument is None or self.argument in pairing.flow_ids

    def is_alive(self) -> bool:
        return self.inner.is_alive()

    def takes_part(self, pairing: Pairing) -> bool:
        return self.inner.takes_part(pairing)

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        return self.inner.groups(pairing)

    def permit(self, pairing: Pairing, rules: FlowRules, permit: Permit) -> Permit:
        return self.inner.permit(pairing, rules, permit)

    def carries(self, pairing: Pairing, group: Group, edited: Side) -> bool:
        return self.inner.carries(pairing, group, edited)

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        return self.inner.outgoing(pairing, group, side, record_id, value)

    def merges(self, pairing: Pairing, *, documented: bool) -> bool:
        return self.inner.merges(pairing, documented=documented)

    def merges_anything(self, pairing: Pairing) -> bool:
        return self.inner.merges_anything(pairing)

    def copies(self, pairing: Pairing) -> int:
        return self.inner.copies(pairing)

    def created(self, pairing: Pairing) -> None:
        self.inner.created(pairing)

    def imports_copies(self, pairing: Pairing) -> bool:
        return self.inner.imports_copies(pairing)

    def recreates_on_edit(self, pairing: Pairing) -> bool:
        return self.inner.recreates_on_edit(pairing)

    def drops_link_on_edit(self, pairing: Pairing) -> bool:
        return self.inner.drops_link_on_edit(pairing)

    def restores_old_values(self, pairing: Pairing) -> bool:
        return self.inner.restores_old_values(pairing)

    def rewrites_each_cycle(self, pairing: Pairing) -> bool:
        return self.inner.rewrites_each_cycle(pairing)

    def delay_s(self, pairing: Pairing) -> float:
        return self.inner.delay_s(pairing)


class TargetEditsDropped(Faulty):
    """Does not carry edits of the pairing's target side."""

    def carries(self, pairing: Pairing, group: Group, edited: Side) -> bool:
        wrong = self.concerns(pairing) and edited is not Side.SOURCE
        return not wrong and self.inner.carries(pairing, group, edited)


class SourceEditsDropped(Faulty):
    """Does not carry edits of the pairing's source side."""

    def carries(self, pairing: Pairing, group: Group, edited: Side) -> bool:
        wrong = self.concerns(pairing) and edited is Side.SOURCE
        return not wrong and self.inner.carries(pairing, group, edited)


class DuplicateOnCreate(Faulty):
    """Makes one target record too many."""

    def copies(self, pairing: Pairing) -> int:
        return self.inner.copies(pairing) + self.concerns(pairing)


class EntitySkipped(Faulty):
    """Leaves a pairing alone."""

    def takes_part(self, pairing: Pairing) -> bool:
        skipped = pairing is self.pairings[0] if self.argument is None else self.concerns(pairing)
        return not skipped and self.inner.takes_part(pairing)


class PropertiesSwapped(Faulty):
    """Lets two properties go into each other's place."""

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        groups = self.inner.groups(pairing)
        pair = _alike(groups) if self.concerns(pairing) else ()
        if not pair:
            return groups
        swapped = {pair[0].key: _reading(pair[0], pair[1]), pair[1].key: _reading(pair[1], pair[0])}
        return tuple(swapped.get(group.key, group) for group in groups)


class PropertyTruncated(Faulty):
    """Cuts texts on their way to the target."""

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        value = self.inner.outgoing(pairing, group, side, record_id, value)
        if not self.concerns(pairing) or group.side is side or not _is_chosen(pairing, group):
            return value
        return value[:_KEPT_CHARACTERS] if isinstance(value, str) else value


class PropertyDropped(Faulty):
    """Forgets one property."""

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        groups = self.inner.groups(pairing)
        if not self.concerns(pairing):
            return groups
        dropped = next((group for group in groups if _is_chosen(pairing, group)), None)
        return tuple(group for group in groups if group is not dropped)


class EchoEachCycle(Faulty):
    """Writes without need."""

    def rewrites_each_cycle(self, pairing: Pairing) -> bool:
        return self.concerns(pairing) or self.inner.rewrites_each_cycle(pairing)


class WrongMerge(Faulty):
    """Takes any target record for a match."""

    def merges(self, pairing: Pairing, *, documented: bool) -> bool:
        return self.concerns(pairing) or self.inner.merges(pairing, documented=documented)

    def merges_anything(self, pairing: Pairing) -> bool:
        return self.concerns(pairing) or self.inner.merges_anything(pairing)


class NoMerge(Faulty):
    """Overlooks matches."""

    def permit(self, pairing: Pairing, rules: FlowRules, permit: Permit) -> Permit:
        permit = self.inner.permit(pairing, rules, permit)
        # Where a match alone would have let the record in, it gets a new counterpart instead.
        return Permit(link=permit.link, create=permit.create or permit.link) if self.concerns(pairing) else permit

    def merges(self, pairing: Pairing, *, documented: bool) -> bool:
        return not self.concerns(pairing) and self.inner.merges(pairing, documented=documented)


class PreconditionIgnored(Faulty):
    """Lets in what is neither linked nor connected."""

    def permit(self, pairing: Pairing, rules: FlowRules, permit: Permit) -> Permit:
        permit = self.inner.permit(pairing, rules, permit)
        return permit if rules.conditional or not self.concerns(pairing) else Permit(link=True, create=True)


class ConditionIgnored(Faulty):
    """Lets in what the condition keeps out."""

    def permit(self, pairing: Pairing, rules: FlowRules, permit: Permit) -> Permit:
        permit = self.inner.permit(pairing, rules, permit)
        return Permit(link=True, create=True) if rules.conditional and self.concerns(pairing) else permit


class EngineDead(Faulty):
    """Does nothing."""

    def is_alive(self) -> bool:
        return False


class ImportsOwnCopies(Faulty):
    """Takes its own target records for new source records."""

    def imports_copies(self, pairing: Pairing) -> bool:
        return self.concerns(pairing) or self.inner.imports_copies(pairing)


class StaleWrite(Faulty):
    """Brings old values back."""

    def restores_old_values(self, pairing: Pairing) -> bool:
        return self.concerns(pairing) or self.inner.restores_old_values(pairing)


class ValueLeak(Faulty):
    """Writes the value of the record before into all later ones."""

    def __init__(self, inner: Behaviour, argument: str | None, pairings: Sequence[Pairing]) -> None:
        super().__init__(inner, argument, pairings)
        self._last: dict[tuple[str, str], tuple[str, FieldValue]] = {}

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        value = self.inner.outgoing(pairing, group, side, record_id, value)
        if not self.concerns(pairing) or group.side is side or not _is_chosen(pairing, group):
            return value
        last_id, last = self._last.get((pairing.id, group.key), (record_id, value))
        if last_id == record_id:
            self._last[pairing.id, group.key] = (record_id, value)
            return value
        return last


class StopsAfter(Faulty):
    """Dies after some creations."""

    numeric = 3

    def __init__(self, inner: Behaviour, argument: str | None, pairings: Sequence[Pairing]) -> None:
        super().__init__(inner, argument, pairings)
        self._creates = 0

    def is_alive(self) -> bool:
        return self._creates < self.number and self.inner.is_alive()

    def created(self, pairing: Pairing) -> None:
        self._creates += 1
        self.inner.created(pairing)


class Late(Faulty):
    """Takes its time."""

    numeric = 1000.0

    def delay_s(self, pairing: Pairing) -> float:
        return self.number + self.inner.delay_s(pairing)


class TransformIgnored(Faulty):
    """Copies what should be transformed."""

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        groups = self.inner.groups(pairing)
        return tuple(_with(g, transform=None, back=None) for g in groups) if self.concerns(pairing) else groups


class QualifierIgnored(Faulty):
    """Applies rows that should not apply."""

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        groups = self.inner.groups(pairing)
        return tuple(_with(g, qualifiers=()) for g in groups) if self.concerns(pairing) else groups


class EditCreatesNew(Faulty):
    """Makes another target record for an edit."""

    def recreates_on_edit(self, pairing: Pairing) -> bool:
        return self.concerns(pairing) or self.inner.recreates_on_edit(pairing)


class LinkBrokenByEdit(Faulty):
    """Forgets a link once it carried an edit."""

    def drops_link_on_edit(self, pairing: Pairing) -> bool:
        return self.concerns(pairing) or self.inner.drops_link_on_edit(pairing)


def _is_chosen(pairing: Pairing, group: Group) -> bool:
    """Whether a group is the one of its pairing that is spoilt: the first text, or any where none is documented."""
    plain = [one for one in pairing.groups if one.plain]
    if not plain:
        return False
    return group.key == plain[0].key if plain[0].documented else group.key in {one.key for one in plain}


def _alike(groups: Sequence[Group]) -> tuple[Group, ...]:
    """The first two groups that can read each other's source."""
    plain = [group for group in groups if group.plain]
    for first in plain:
        for second in plain:
            if first.key < second.key and first.side is second.side:
                return first, second
    return ()


def _reading(group: Group, other: Group) -> Group:
    member: Member = replace(group.members[0], source=other.members[0].source)
    return replace(group, members=(member,))


def _with(group: Group, **changes: object) -> Group:
    return replace(group, members=tuple(replace(member, **changes) for member in group.members))  # type: ignore[arg-type]
