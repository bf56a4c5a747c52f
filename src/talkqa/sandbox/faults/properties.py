# ruff: noqa: D102 - what each decision is, the correct engine says
"""Faults of property rows: dropped, exchanged, dead one way, transformed or qualified wrongly.

Used by the catalogue. Each changes the rows that are carried, or whether an edit of one is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from itertools import pairwise

from talkqa.model.flow import Qualifier, Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.faults.faulty import Faulty, RowFault, own_groups
from talkqa.sandbox.faults.places import (
    TEXTS,
    is_changed_by_transform,
    is_followed,
    is_followed_back,
    is_single,
    is_text,
)
from talkqa.sandbox.pairing import Direction, Pairing
from talkqa.sandbox.rows import Group, Member
from talkqa.sandbox.state import Link


class PropertyDropped(RowFault):
    """Forgets a property."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        # A reference that the target demands comes from the links all the same.
        return not (group.members[0].refers and group.target.required)

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        return tuple(group for group in self.inner.groups(pairing) if not self.hits(pairing, group))


class PropertiesExchanged(RowFault):
    """Lets another row's source feed a property; the other row keeps its own."""

    both = False
    """Whether the other row is fed by this one's source in turn."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        found = [group for group, _ in cls._pairs(pairing, direction)]
        return [group.target.path for group in (found if direction.flow.properties else found[:1])]

    @classmethod
    def _pairs(cls, pairing: Pairing, direction: Direction) -> list[tuple[Group, Group]]:
        """Each row with the next one that can read its source; with `both`, every two once."""
        rows = [group for group in own_groups(pairing, direction) if is_text(group) and not group.members[0].qualifiers]
        if cls.both:
            return list(pairwise(rows))
        return list(zip(rows, (*rows[1:], *rows[:1]), strict=True)) if len(rows) > 1 else []

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        found = {group.key: group for group in self.inner.groups(pairing)}
        for direction in self._directions(pairing):
            pairs = self._pairs(pairing, direction)
            chosen = [pair for pair in pairs if self.aim.argument in (None, pair[0].target.path)]
            for one, other in chosen[:1]:
                found[one.key] = _reading(one, other)
                if self.both:
                    found[other.key] = _reading(other, one)
        return tuple(found.values())


class PropertiesSwapped(PropertiesExchanged):
    """Lets two properties go into each other's place."""

    both = True


def _reading(group: Group, other: Group) -> Group:
    return replace(group, members=(replace(group.members[0], source=other.members[0].source),))


class UndocumentedTravels(Faulty):
    """Carries a property that no document names."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        return (None,) if direction.flow.properties and _undocumented(pairing, direction) is not None else ()

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        found = [_undocumented(pairing, direction) for direction in self._directions(pairing)]
        return (*self.inner.groups(pairing), *(group for group in found if group is not None))


def _undocumented(pairing: Pairing, direction: Direction) -> Group | None:
    """A row of two texts that no row of the pairing has."""
    known = {field.path for g in pairing.groups for m in g.members for field in (m.source, m.target)}
    free = [
        [f for f in pairing.entities[side].fields if f.type in TEXTS and f.writable and f.path not in known]
        for side in (direction.side, direction.side.other)
    ]
    plain = [[f for f in fields if not (f.list_at or f.requires or f.picklist)] for fields in free]
    source, target = (next(iter(fields), None) for fields in plain)
    if source is None or target is None:
        return None
    member = Member(source=source, target=target)
    key = f"{direction.side}:{target.path}"
    return Group(key=key, side=direction.side, target=target, members=(member,), documented=True)


class DeadToTarget(RowFault):
    """Carries a property at creation, and no edit of its source."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        return is_followed(group)

    def carries(self, link: Link, group: Group, edited: Side) -> bool:
        dead = edited is group.side and self.hits(link.pairing, group)
        return not dead and self.inner.carries(link, group, edited)


class DeadToSource(RowFault):
    """Carries no edit of a property's target."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        return is_followed_back(group)

    def carries(self, link: Link, group: Group, edited: Side) -> bool:
        dead = edited is not group.side and self.hits(link.pairing, group)
        return not dead and self.inner.carries(link, group, edited)


class TransformIgnored(RowFault):
    """Copies what should be transformed."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        return is_single(group) and is_changed_by_transform(group.members[0])

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        groups = self.inner.groups(pairing)
        return tuple(_with(g, transform=None, back=None) if self.hits(pairing, g) else g for g in groups)


class TransformInverted(TransformIgnored):
    """Copies on the way there, and transforms on the way back."""

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        groups = self.inner.groups(pairing)
        return tuple(
            _with(g, transform=None, back=g.members[0].transform) if self.hits(pairing, g) else g for g in groups
        )


class QualifierIgnored(RowFault):
    """Applies a row whether its qualifiers hold or not."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        return any(map(_is_told, group.members[0].qualifiers)) and len(group.members) == 1

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        groups = self.inner.groups(pairing)
        return tuple(_with(g, qualifiers=()) if self.hits(pairing, g) else g for g in groups)


class QualifierInverted(QualifierIgnored):
    """Applies a row where its qualifiers do not hold."""

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        groups = self.inner.groups(pairing)
        return tuple(replace(g, members=(_Inverted.of(g.members[0]),)) if self.hits(pairing, g) else g for g in groups)


class _Inverted(Member):
    """A row that applies where its qualifiers do not hold."""

    @classmethod
    def of(cls, member: Member) -> "_Inverted":
        return cls(**{one.name: getattr(member, one.name) for one in fields(member)})

    def applies(self, source: Mapping[str, FieldValue], target: Mapping[str, FieldValue]) -> bool:
        return not Member.applies(self, source, target)


def _is_told(qualifier: Qualifier) -> bool:
    """Whether a record can show that the qualifier holds."""
    return bool(qualifier.path.strip()) and not qualifier.value.startswith("wd:")


def _with(group: Group, **changes: object) -> Group:
    return replace(group, members=tuple(replace(member, **changes) for member in group.members))  # type: ignore[arg-type]
