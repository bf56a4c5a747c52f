"""What to write when one of two linked records has changed: per property, three-way against the last common state.

Used by the engine's reconciler. Pure, but for the link's notes on what was first seen, and when.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.connectors.contract import Fetched
from talkqa.sandbox.conversion import Converted, Unfit, is_empty, is_same
from talkqa.sandbox.rows import Group, Member
from talkqa.sandbox.state import Base, Link

Translate = Callable[[Group, Member, FieldValue, Side], Converted | None]
"""Group, member, id and the side that it goes to: the counterpart's id, UNFIT for never, None for not yet."""


@dataclass(slots=True)
class Decision:
    """The writes that bring a pair together."""

    writes: dict[Side, dict[str, FieldValue]] = field(default_factory=lambda: {side: {} for side in Side})
    owners: dict[Side, dict[str, Group]] = field(default_factory=lambda: {side: {} for side in Side})
    """The group that each write is for."""
    settled: list[Group] = field(default_factory=list)
    """Groups that need no write."""

    def write(self, side: Side, path: str, value: FieldValue, group: Group) -> None:
        """Plan a write, unless an earlier group claims the property: then this one waits for the next round."""
        if path not in self.writes[side]:
            self.writes[side][path] = value
            self.owners[side][path] = group


@dataclass(frozen=True, slots=True)
class Holding:
    """What a group holds on both sides now."""

    lead: Member | None
    first: Member
    """The first member that applies."""
    source: FieldValue
    target: FieldValue

    @property
    def base(self) -> Base:
        """This state, to compare later ones with."""
        return Base(lead=self.lead.source.path if self.lead else None, source=self.source, target=self.target)


def hold(group: Group, source: Mapping[str, FieldValue], target: Mapping[str, FieldValue]) -> Holding | None:
    """What a group holds; None where the qualifiers of all its rows keep it out."""
    applying = [member for member in group.members if member.applies(source, target)]
    if not applying:
        return None
    lead = next((m for m in applying if not is_empty(source.get(m.source.path))), None)
    return Holding(
        lead=lead,
        first=applying[0],
        source=source.get(lead.source.path) if lead else None,
        target=target.get(group.target.path),
    )


def decide(
    link: Link,
    records: Mapping[Side, Fetched],
    groups: tuple[Group, ...],
    behaviour: Behaviour,
    translate: Translate,
    now: datetime,
    ahead: timedelta = timedelta(),
) -> Decision:
    """The writes that the newest versions of two linked records call for.

    Args:
        link: the two records, with their last common state.
        records: their newest versions.
        groups: the rows that are carried.
        behaviour: the engine's.
        translate: gives the counterparts of references.
        now: for transforms that ask for it.
        ahead: how far the clock of the target side's system is ahead of the source side's.
    """
    decision = Decision()
    worked_out: list[Group] = []
    for group in groups:
        side = group.side
        holding = hold(group, records[side].values, records[side.other].values)
        if holding is None:
            continue
        towards = _direction(link, group, holding, records, behaviour, ahead)
        if towards is None or not behaviour.carries(link, group, towards.other):
            decision.settled.append(group)
            continue
        member = holding.lead or holding.first
        forward = towards is not side
        value = _carried(group, member, holding, translate, now, forward=forward)
        if value is None:
            if forward:  # whoever edits the target while the source's value waits, edits it later
                link.bases.setdefault(group.key, Base(lead=None, source=None, target=holding.target))
            continue
        path, current, writable = _place(group, member, holding, forward=forward)
        if not writable:
            worked_out.append(group)
            continue
        emptied = not isinstance(value, Unfit) and is_empty(value) and not is_empty(current)
        if emptied and behaviour.carries_empty(link.pairing, group, towards.other):
            decision.write(towards, path, None, group)
            continue
        if isinstance(value, Unfit) or is_empty(value) or is_same(value, current):
            decision.settled.append(group)
            continue
        value = behaviour.outgoing(link.pairing, group, towards, records[towards.other].id, value)
        decision.write(towards, path, _keep_further_items(value, current), group)
    if not any(decision.writes.values()):
        # What a system works out itself may follow from what is just being written: it is settled when that is done.
        decision.settled += worked_out
    return decision


def _direction(
    link: Link,
    group: Group,
    holding: Holding,
    records: Mapping[Side, Fetched],
    behaviour: Behaviour,
    ahead: timedelta,
) -> Side | None:
    """The side to be written; None where nothing is to be carried."""
    side = group.side
    lead = holding.lead.source.path if holding.lead else None
    source_stamp = link.first_seen(group.key, side, (lead, holding.source), records[side].modified)
    target_stamp = link.first_seen(group.key, side.other, holding.target, records[side.other].modified)
    base = link.bases.get(group.key)
    if base is None:
        # The first meeting: the source leads, and an empty source is filled from the target.
        return side.other if holding.lead else None if is_empty(holding.target) else side
    source_changed = base.lead != lead or not is_same(base.source, holding.source)
    target_changed = not is_same(base.target, holding.target)
    if source_changed and target_changed and holding.lead and not is_empty(holding.target) and group.target.updateable:
        later = _is_later(target_stamp, source_stamp, ahead if side is Side.SOURCE else -ahead)
        stands = behaviour.settle_conflict(link.pairing, group, side.other if later else side)
        return None if stands is None else stands.other
    # An emptied value does not overwrite a filled one.
    if source_changed and (holding.lead or behaviour.carries_empty(link.pairing, group, side)):
        return side.other
    filled = not is_empty(holding.target)
    return side if target_changed and (filled or behaviour.carries_empty(link.pairing, group, side.other)) else None


def _is_later(one: datetime | None, other: datetime | None, ahead: timedelta) -> bool:
    """Whether a stamp is later than one of another system, whose clock is so much behind."""
    return one is not None and other is not None and one - ahead > other


def _carried(
    group: Group, member: Member, holding: Holding, translate: Translate, now: datetime, *, forward: bool
) -> Converted | None:
    """The value for the other side; None where a reference waits for its record to be linked."""
    value = holding.source if forward else holding.target
    if member.refers:
        return translate(group, member, value, group.side.other if forward else group.side)
    found = member.forward(value, now) if forward else member.backward(value, now)
    return () if found is None else found


def _place(group: Group, member: Member, holding: Holding, *, forward: bool) -> tuple[str, FieldValue, bool]:
    if forward:
        return group.target.path, holding.target, group.target.updateable
    current = holding.source if holding.lead else None
    return member.source.path, current, member.source.updateable


def _keep_further_items(value: FieldValue, current: FieldValue) -> FieldValue:
    """A single item replaces the first one of a list; the others stay."""
    if isinstance(value, tuple) and len(value) == 1 and isinstance(current, tuple) and len(current) > 1:
        return (*value, *current[1:])
    return value
