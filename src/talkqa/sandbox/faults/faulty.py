# ruff: noqa: D102 - what each decision is, the correct engine says
"""The correct behaviour with one decision changed: what every fault is made of.

Used by the modules beside this one, which override one or two decisions each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from talkqa.model.flow import Flow, Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.behaviour import Aftermath, Behaviour
from talkqa.sandbox.connectors.contract import Fetched
from talkqa.sandbox.pairing import Direction, Pairing
from talkqa.sandbox.rows import Group, Member
from talkqa.sandbox.rules import Connection, FlowRules, Permit
from talkqa.sandbox.state import EngineState, Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Where a fault is at work."""

    flow_id: str | None = None
    """None for everywhere."""
    argument: str | None = None
    """Of that kind, such as the path of a target property; None for the first place of a flow that fits."""


class Faulty(Behaviour):
    """A behaviour with one decision changed; everything else is left to the behaviour within."""

    numeric: ClassVar[float | None] = None
    """The default of an argument that is a number; None where the argument is none."""

    def __init__(self, inner: Behaviour, aim: Aim) -> None:
        """Change a behaviour.

        Raises:
            ValueError: for an argument that is no number where one is wanted.
        """
        self.inner = inner
        self.aim = aim
        given = aim.argument if self.numeric is not None else None
        self.number = float(given) if given else self.numeric or 0.0
        self._able: dict[str, bool] = {}

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        """The arguments with which the fault changes something in a flow; None stands for no argument."""
        del pairing, direction
        return (None,)

    def concerns(self, pairing: Pairing, side: Side | None = None) -> bool:
        """Whether the fault is at work in a pairing, for records whose source is on that side."""
        return any(side in (None, direction.side) for direction in self._directions(pairing))

    def sources(self, pairing: Pairing) -> tuple[Side, ...]:
        """The sides of a pairing that flows with the fault start from."""
        return tuple(dict.fromkeys(direction.side for direction in self._directions(pairing)))

    def _directions(self, pairing: Pairing) -> Iterator[Direction]:
        return (d for d in pairing.directions if self.aim.flow_id in (None, d.flow.id) and self._fits(pairing, d))

    def _fits(self, pairing: Pairing, direction: Direction) -> bool:
        """Whether the fault can be at work in a flow at all."""
        flow_id = direction.flow.id
        if flow_id not in self._able:
            self._able[flow_id] = any(True for _ in self.arguments(pairing, direction))
        return self._able[flow_id]

    def is_alive(self) -> bool:
        return self.inner.is_alive()

    def takes_part(self, pairing: Pairing) -> bool:
        return self.inner.takes_part(pairing)

    def batch(self, pairings: Sequence[Pairing], ids: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        return self.inner.batch(pairings, ids)

    def delay_s(self, pairing: Pairing) -> float:
        return self.inner.delay_s(pairing)

    def retries(self, pairings: Sequence[Pairing], status: int) -> bool:
        return self.inner.retries(pairings, status)

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        return self.inner.groups(pairing)

    def permit(self, pairing: Pairing, side: Side, rules: FlowRules, permit: Permit) -> Permit:
        return self.inner.permit(pairing, side, rules, permit)

    def counts(self, pairing: Pairing, side: Side, connection: Connection) -> bool:
        return self.inner.counts(pairing, side, connection)

    def merges(self, pairing: Pairing, side: Side, *, documented: bool) -> bool:
        return self.inner.merges(pairing, side, documented=documented)

    def criteria(
        self, pairing: Pairing, side: Side, criteria: tuple[tuple[str, str], ...]
    ) -> tuple[tuple[str, str], ...]:
        return self.inner.criteria(pairing, side, criteria)

    def mistaken_match(self, pairing: Pairing, side: Side, record: Fetched, state: EngineState) -> str | None:
        return self.inner.mistaken_match(pairing, side, record, state)

    def looks_first(self, pairing: Pairing) -> bool:
        return self.inner.looks_first(pairing)

    def copies(self, pairing: Pairing, side: Side) -> int:
        return self.inner.copies(pairing, side)

    def imports_copies(self, pairing: Pairing, side: Side) -> bool:
        return self.inner.imports_copies(pairing, side)

    def created(self, pairing: Pairing) -> None:
        self.inner.created(pairing)

    def carries(self, link: Link, group: Group, edited: Side) -> bool:
        return self.inner.carries(link, group, edited)

    def carries_empty(self, pairing: Pairing, group: Group, edited: Side) -> bool:
        return self.inner.carries_empty(pairing, group, edited)

    def settle_conflict(self, pairing: Pairing, group: Group, later: Side) -> Side | None:
        return self.inner.settle_conflict(pairing, group, later)

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        return self.inner.outgoing(pairing, group, side, record_id, value)

    def written(self, pairing: Pairing, side: Side, values: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        return self.inner.written(pairing, side, values)

    def writes_all(self, pairing: Pairing, edited: Side) -> bool:
        return self.inner.writes_all(pairing, edited)

    def gives_up_refused(self, pairing: Pairing, side: Side) -> bool:
        return self.inner.gives_up_refused(pairing, side)

    def aftermath(self, link: Link, written: Side, now_s: float) -> Sequence[Aftermath]:
        return self.inner.aftermath(link, written, now_s)

    def rewrites_each_cycle(self, pairing: Pairing) -> bool:
        return self.inner.rewrites_each_cycle(pairing)

    def gone(self, link: Link, side: Side) -> None:
        self.inner.gone(link, side)

    def spreads_deletes(self, pairing: Pairing, deleted: Side) -> bool:
        return self.inner.spreads_deletes(pairing, deleted)


class RowFault(Faulty):
    """A fault of single properties; its argument is the path of the target property, the first that fits by default."""

    @classmethod
    def fits(cls, group: Group) -> bool:
        """Whether the fault changes something in a row."""
        del group
        return True

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        fitting = [group for group in own_groups(pairing, direction) if cls.fits(group)]
        # Of an undocumented flow one row is enough: what may be known about it is known about all of them.
        return [group.target.path for group in (fitting if direction.flow.properties else fitting[:1])]

    def hits(self, pairing: Pairing, group: Group) -> bool:
        """Whether a row is one of those that are spoilt."""
        return any(self._hits(pairing, direction, group) for direction in self._directions(pairing))

    def _hits(self, pairing: Pairing, direction: Direction, group: Group) -> bool:
        if group.key not in {own.key for own in own_groups(pairing, direction)}:
            return False
        if self.aim.argument is not None:
            return group.target.path == self.aim.argument
        fitting = [own for own in own_groups(pairing, direction) if self.fits(own)]
        return fitting[:1] != [] and fitting[0].key == group.key


def own_groups(pairing: Pairing, direction: Direction) -> tuple[Group, ...]:
    """The rows of one flow of a pairing; the private ones belong to its first flow."""
    groups = tuple(group for group in pairing.groups if group.side is direction.side)
    if not any(group.documented for group in pairing.groups):
        return groups if direction is pairing.directions[0] else ()
    return tuple(group for group in groups if any(_is_of(member, direction.flow) for member in group.members))


def _is_of(member: Member, flow: Flow) -> bool:
    ends = [{path.casefold() for path in (field.path, *field.aliases)} for field in (member.source, member.target)]
    return any(row.source.casefold() in ends[0] and row.target.casefold() in ends[1] for row in flow.properties)
