"""How a source record comes to be linked: created at once, through a connection, by a merge, or by the reverse flow."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import NamedTuple

from talkqa.model.flow import EntityRef, Flow, MergeRow, RuleKind, Side
from talkqa.model.record import Scalar
from talkqa.model.schema import EntitySchema, FieldType
from talkqa.model.settings import ConnectionBinding, Settings
from talkqa.verify.bindings import bound_facet, fold, promises_every

_Place = tuple[str, str]
"""System and entity: facets of an entity are the same records."""
_MOST_WAYS = 400
"""Of a record through flows; where there are more, nobody says how many copies are rightful."""


class Route(StrEnum):
    """The ways into a link."""

    CREATE = "create"
    CONNECT = "connect"
    MERGE = "merge"
    REVERSE = "reverse"
    """By the reverse flow, which makes a source record of each target record."""
    NONE = "none"


class _Step(NamedTuple):
    """One record made of another one."""

    source: _Place
    target: _Place
    flow_id: str

    @property
    def mirrors(self) -> bool:
        """Whether both are of one entity."""
        return self.source == self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connected entity that the configuration binds and that has a flow of its own into the target system."""

    entity: EntityRef
    binding: ConnectionBinding
    flow: Flow


def connections(flow: Flow, flows: tuple[Flow, ...], settings: Settings) -> tuple[Connection, ...]:
    """The connected entities of a flow that can be used: bound, and synchronised by a flow of the same world.

    Those whose own flow needs the fewest further connections come first, so that taking the first one always ends.
    """
    levels = _levels(flows, settings)
    found = [c for c in _bound(flow, flows, settings) if c.flow.id in levels]
    return tuple(sorted(found, key=lambda c: levels[c.flow.id]))


def _bound(flow: Flow, flows: tuple[Flow, ...], settings: Settings) -> list[Connection]:
    """Every binding of a connected entity with each flow that synchronises it."""
    return [
        Connection(entity=entity, binding=binding, flow=carrier)
        for rule in flow.rules_of(RuleKind.CREATE_IF_CONNECTED)
        for entity in rule.connected
        if (binding := connection_binding(flow, entity, settings)) is not None
        for carrier in flows
        if carrier.source == entity and carrier.target.system == flow.target.system and carrier.id != flow.id
    ]


def _levels(flows: tuple[Flow, ...], settings: Settings) -> dict[str, int]:
    """Flow id to the number of connections that a record of it needs before it travels.

    Flows that wait for each other in a ring have none: nothing would ever be the first to travel.
    """
    levels = {f.id: 0 for f in flows if not f.has(RuleKind.CREATE_IF_CONNECTED) or _creates_at_once(f)}
    for level in range(1, len(flows) + 1):
        new = [
            f.id for f in flows if f.id not in levels and any(c.flow.id in levels for c in _bound(f, flows, settings))
        ]
        levels.update(dict.fromkeys(new, level))
    return levels


def _creates_at_once(flow: Flow) -> bool:
    return flow.has(RuleKind.EVERY) or flow.has(RuleKind.CREATE_UNMATCHED)


def connection_binding(flow: Flow, entity: EntityRef, settings: Settings) -> ConnectionBinding | None:
    """What the configuration says of how an entity connects to the flow's source."""
    return next(
        (
            b
            for b in settings.connections
            if fold(b.source) == fold(flow.source.name) and fold(b.connected) == fold(entity.name)
        ),
        None,
    )


def usable_merge_rows(flow: Flow, source: EntitySchema, target: EntitySchema) -> tuple[MergeRow, ...]:
    """Merge criteria that a test can fulfil: both properties can be set on create and neither is an id."""
    usable = []
    for row in flow.merge:
        fields = (source.field(row.source), target.field(row.target))
        if all(f is not None and f.createable and f.type not in {FieldType.ID, FieldType.REFERENCE} for f in fields):
            usable.append(row)
    return tuple(usable)


def taker_of_targets(flow: Flow, flows: Iterable[Flow], settings: Settings) -> Flow | None:
    """The reverse flow that makes a source record of every new target record; None where there is none.

    What a test writes for a source record to be merged with is linked by it before anything can match.
    """
    for other in flows:
        reverse = _step(other)[:2] == _step(flow)[1::-1] and not _step(flow).mirrors
        takes = _creates_at_once(other) or promises_every(other, settings) or other.has(RuleKind.CONDITION)
        if reverse and takes:
            return other
    return None


def maker_of_pairs(flow: Flow, flows: Iterable[Flow], settings: Settings) -> Flow | None:
    """The reverse flow by which a test can make a linked pair, by writing the target; None where there is none.

    It lets in whatever a test writes, and what it makes belongs to the flow: no facet and no condition of the flow
    leaves that open.
    """
    if flow.source.facet is not None or flow.has(RuleKind.CONDITION) or _step(flow).mirrors:
        return None
    for other in flows:
        reverse = _step(other)[:2] == _step(flow)[1::-1] and other.source.facet == flow.target.facet
        if reverse and other.target.facet is None and (_creates_at_once(other) or promises_every(other, settings)):
            return other
    return None


def route_of(
    flow: Flow, flows: tuple[Flow, ...], settings: Settings, source: EntitySchema, target: EntitySchema
) -> Route:
    """The way that a probe of this flow takes to its link."""
    if _creates_at_once(flow) or promises_every(flow, settings):
        return Route.CREATE
    if flow.has(RuleKind.LINK_REQUIRED) or flow.has(RuleKind.CREATE_IF_CONNECTED):
        if connections(flow, flows, settings):
            return Route.CONNECT
        if maker_of_pairs(flow, flows, settings) is not None:
            return Route.REVERSE
        # of two records of one entity nobody can tell which is meant to be the source of the other
        usable = usable_merge_rows(flow, source, target) and taker_of_targets(flow, flows, settings) is None
        return Route.MERGE if usable and not _step(flow).mirrors else Route.NONE
    return Route.CREATE


def rightful_copies(flow: Flow, flows: Iterable[Flow], apart: Collection[str] = frozenset()) -> dict[Side, int] | None:
    """How many records of each end one probe may rightly cause, over all flows that the engine runs; None if unknown.

    Each flow makes one record of each record of its source, and none of what its own reverse made; nothing that was
    made goes through the same entity twice. The probe itself is not counted on the source side.

    Args:
        flow: What the probe was written for.
        flows: Every one that runs.
        apart: Ids of flows that do not take the probe itself, since it belongs to another facet.
    """
    leading: defaultdict[_Place, list[_Step]] = defaultdict(list)
    for one in flows:
        if _creates(one) or one.id == flow.id:
            leading[_place(one, Side.SOURCE)].append(_step(one))
    ends = _step(flow)
    made: Counter[_Place] = Counter()
    waiting: list[tuple[_Step, ...]] = [()]
    for ways in count(1):
        path = waiting.pop()
        if path:
            further = [step for step in leading[path[-1].target] if _goes_on(step, path)]
        else:
            further = [step for step in leading[ends.source] if step.flow_id not in apart]
        made.update(step.target for step in further)
        waiting += [(*path, step) for step in further]
        if not waiting:
            break
        if ways == _MOST_WAYS:
            return None
    return {Side.SOURCE: made[ends.source], Side.TARGET: made[ends.target]}


def _creates(flow: Flow) -> bool:
    """Whether a flow ever makes a record: one that waits for a link, which nothing creates, only joins two."""
    if not flow.has(RuleKind.LINK_REQUIRED) or _creates_at_once(flow):
        return True
    return flow.has(RuleKind.CREATE_IF_CONNECTED) or flow.has(RuleKind.CONDITION)


def _goes_on(step: _Step, path: tuple[_Step, ...]) -> bool:
    """Whether a record that came this way makes one more by this flow."""
    last = path[-1]
    came_back = last.target == path[0].source and not last.mirrors
    reverse = (step.source, step.target) == (last.target, last.source)
    if came_back or reverse or step in path:
        return False
    return step.mirrors or all(one.mirrors or one.target != step.target for one in path)


def _step(flow: Flow) -> _Step:
    return _Step(_place(flow, Side.SOURCE), _place(flow, Side.TARGET), flow.id)


def _place(flow: Flow, side: Side) -> _Place:
    ref = flow.entity(side)
    return ref.system, ref.entity.casefold()


def siblings(flow: Flow, flows: Iterable[Flow]) -> tuple[Flow, ...]:
    """The flows between other facets of the same two entities."""
    ends = _step(flow)[:2]
    return tuple(other for other in flows if other.id != flow.id and _step(other)[:2] == ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Which facet the records that a test writes for a flow belong to, and which they do not."""

    values: Mapping[str, Scalar]
    """What they are written with for that."""
    apart: frozenset[str]
    """Ids of flows that take none of them, since they belong to another facet."""
    paths: frozenset[str]
    """Every property that decides about it."""


def membership(flow: Flow, flows: Iterable[Flow], settings: Settings, source: EntitySchema) -> Membership:
    """What is known of the facets that the records of a flow's source may belong to."""
    own = bound_facet(flow.source, settings, source)
    values: dict[str, Scalar] = dict(own.holds) if own is not None else {}
    others = [(other.id, bound_facet(other.source, settings, source)) for other in siblings(flow, flows)]
    known = [(id_, facet) for id_, facet in others if facet is not None and facet.text != flow.source.facet]
    for _, facet in known:
        if not facet.excludes(values, source):
            values = {**facet.fails, **values}
    apart = frozenset(id_ for id_, facet in known if facet.excludes(values, source))
    looked_at = [facet.paths for facet in (own, *(facet for _, facet in known)) if facet is not None]
    return Membership(values=values, apart=apart, paths=frozenset().union(*looked_at))


def unrestricted_sibling(flow: Flow, flows: Iterable[Flow], apart: Collection[str] = ()) -> Flow | None:
    """A flow between other facets of the same two entities that lets every record through; None where there is none.

    A restricted flow beside it cannot be tested, unless it is known that the probe does not belong to the other facet.
    """
    if not flow.restricted:
        return None
    found = (other for other in siblings(flow, flows) if not other.restricted and other.id not in apart)
    return next(found, None)
