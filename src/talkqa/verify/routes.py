"""How a source record comes to be linked in a flow: created at once, through a connection, or by a merge criterion."""

from dataclasses import dataclass
from enum import StrEnum

from talkqa.model.flow import EntityRef, Flow, MergeRow, Rule, RuleKind, Side
from talkqa.model.schema import EntitySchema, FieldType
from talkqa.model.settings import ConditionBinding, ConnectionBinding, Settings


class Route(StrEnum):
    """The ways into a link."""

    CREATE = "create"
    CONNECT = "connect"
    MERGE = "merge"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connected entity that the configuration binds and that has a flow of its own into the target system."""

    entity: EntityRef
    binding: ConnectionBinding
    flow: Flow


def fold(text: str) -> str:
    """Letter case and white space folded: how words of a condition are compared."""
    return " ".join(text.split()).casefold()


def binding_of(rule: Rule, flow: Flow, settings: Settings) -> ConditionBinding | None:
    """The binding that explains a condition of a flow, the one for its own entity first; None where nothing does."""
    words = fold(rule.condition or "")
    fitting = [b for b in settings.conditions if (b.remark or b.holds) and fold(b.text) == words]
    fitting = [b for b in fitting if b.entity is None or fold(b.entity) == fold(flow.source.name)]
    return min(fitting, key=lambda b: b.entity is None, default=None)


def promises_every(flow: Flow, settings: Settings) -> bool:
    """Whether no source record stays out: a sentence says so, or a condition is an editor's remark."""
    bindings = (binding_of(rule, flow, settings) for rule in flow.rules_of(RuleKind.CONDITION))
    return flow.has(RuleKind.EVERY) or any(b is not None and b.remark for b in bindings)


def unbound_conditions(flow: Flow, settings: Settings) -> tuple[str, ...]:
    """The conditions of a flow that nothing explains, as the documents have them."""
    if promises_every(flow, settings):
        return ()
    rules = flow.rules_of(RuleKind.CONDITION)
    return tuple(rule.condition or "" for rule in rules if binding_of(rule, flow, settings) is None)


def condition_bindings(flow: Flow, settings: Settings) -> tuple[ConditionBinding, ...]:
    """The bindings that restrict a flow: none where every source record is promised anyway."""
    if promises_every(flow, settings):
        return ()
    found = (binding_of(rule, flow, settings) for rule in flow.rules_of(RuleKind.CONDITION))
    return tuple(b for b in found if b is not None)


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


def route_of(
    flow: Flow, flows: tuple[Flow, ...], settings: Settings, source: EntitySchema, target: EntitySchema
) -> Route:
    """The way that a probe of this flow takes to its link."""
    if _creates_at_once(flow) or promises_every(flow, settings):
        return Route.CREATE
    own_mirror = (flow.source.system, flow.source.entity) == (flow.target.system, flow.target.entity)
    if flow.has(RuleKind.LINK_REQUIRED) or flow.has(RuleKind.CREATE_IF_CONNECTED):
        if connections(flow, flows, settings):
            return Route.CONNECT
        # of two records of one entity nobody can tell which is meant to be the source of the other
        return Route.MERGE if usable_merge_rows(flow, source, target) and not own_mirror else Route.NONE
    return Route.CREATE


def rightful_copies(flow: Flow, flows: tuple[Flow, ...]) -> dict[Side, int] | None:
    """How many records of each end one probe may rightly cause, over all flows of the world; None where unknown.

    Each flow makes one record of each record of its source, and none of what its own reverse made.
    The probe itself is not counted on the source side.
    """
    limit = 64
    start = _place(flow, Side.SOURCE)
    reached: list[tuple[tuple[str, str], tuple[Flow, ...]]] = [(start, ())]
    counts = {Side.SOURCE: 0, Side.TARGET: 0}
    position = 0
    while position < len(reached):
        place, path = reached[position]
        position += 1
        for step in flows:
            if _place(step, Side.SOURCE) != place or step in path or (path and _is_reverse(step, path[-1])):
                continue
            made = _place(step, Side.TARGET)
            reached.append((made, (*path, step)))
            for side in Side:
                counts[side] += made == _place(flow, side)
        if len(reached) > limit:
            return None
    return counts


def _place(flow: Flow, side: Side) -> tuple[str, str]:
    ref = flow.entity(side)
    return ref.system, ref.entity.casefold()


def _is_reverse(one: Flow, other: Flow) -> bool:
    return (_place(one, Side.SOURCE), _place(one, Side.TARGET)) == (
        _place(other, Side.TARGET),
        _place(other, Side.SOURCE),
    )


def unrestricted_sibling(flow: Flow, flows: tuple[Flow, ...]) -> Flow | None:
    """A flow between other facets of the same two entities that lets every record through; None where there is none.

    A restricted flow beside it cannot be tested: no field is known that makes a probe belong to the one facet alone.
    """
    if not flow.restricted:
        return None
    ends = (_place(flow, Side.SOURCE), _place(flow, Side.TARGET))
    return next(
        (
            other
            for other in flows
            if other.id != flow.id
            and not other.restricted
            and (_place(other, Side.SOURCE), _place(other, Side.TARGET)) == ends
        ),
        None,
    )
