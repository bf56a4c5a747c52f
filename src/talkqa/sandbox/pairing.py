"""Pairs of entities that the reference engine keeps in step, with all flows that join them.

Used by the engine. Flows of one pair share their links whatever their direction or facet: a reverse flow finds the
record already linked instead of making another copy of it.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from talkqa.model.flow import EntityRef, Flow, Side
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.model.settings import ConditionBinding, ConnectionBinding
from talkqa.sandbox.mapping import draw_mapping
from talkqa.sandbox.rows import Group, build_groups
from talkqa.sandbox.rules import FlowRules, read_rules

_log = logging.getLogger(__name__)

_TELLING = frozenset({"salesforce", "exactonline"})
"""Dialects that tell of deleted records."""

EntityKey = tuple[str, str]
"""System and entity, as their schemas spell them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """One flow, with the side of the pairing that its source is on."""

    flow: Flow
    side: Side
    rules: FlowRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """Two entities whose records are linked; both may be the same."""

    id: str
    """The lowest id of its flows."""
    keys: Mapping[Side, EntityKey]
    entities: Mapping[Side, EntitySchema]
    directions: tuple[Direction, ...]
    """Sorted by flow id; the first one's source is `Side.SOURCE`."""
    groups: tuple[Group, ...]
    told_of_deletes: frozenset[Side]
    """The sides on which the system tells what was deleted."""

    @property
    def flow_ids(self) -> tuple[str, ...]:
        """Ids of its flows, sorted."""
        return tuple(direction.flow.id for direction in self.directions)

    def sides_of(self, key: EntityKey) -> tuple[Side, ...]:
        """The sides that the entity is on: none, one or both."""
        return tuple(side for side in Side if self.keys[side] == key)

    def directions_from(self, side: Side) -> tuple[Direction, ...]:
        """The flows whose source is on that side."""
        return tuple(direction for direction in self.directions if direction.side is side)


def build_pairings(
    flows: Sequence[Flow],
    schemas: Mapping[str, SystemSchema],
    conditions: Sequence[ConditionBinding],
    connections: Sequence[ConnectionBinding],
) -> tuple[Pairing, ...]:
    """The pairings of a world, sorted by id; flows that can carry nothing are left out and logged."""
    members: dict[frozenset[EntityKey], list[Direction]] = {}
    for flow in sorted(flows, key=lambda flow: flow.id):
        ends = {side: _entity(schemas, flow.entity(side)) for side in Side}
        if None in ends.values():
            missing = ", ".join(flow.entity(side).name for side in Side if ends[side] is None)
            _log.warning("%s: not synchronised, unknown to its system: %s", flow.id, missing)
            continue
        rules = read_rules(flow, conditions, connections)
        if rules.unbound:
            _log.warning("%s: not synchronised, a condition has no binding", flow.id)
            continue
        pair = members.setdefault(frozenset(key for key, _ in filter(None, ends.values())), [])
        first = pair[0].flow.source if pair else flow.source
        same = (first.system, first.entity.casefold()) == (flow.source.system, flow.source.entity.casefold())
        pair.append(Direction(flow=flow, side=Side.SOURCE if same else Side.TARGET, rules=rules))
    built = (_build(tuple(directions), schemas) for directions in members.values())
    return tuple(sorted(built, key=lambda pairing: pairing.id))


def criteria_of(pairing: Pairing, direction: Direction) -> Iterator[tuple[str, str]]:
    """Source path and target path of each criterion; where none is documented, the target's name."""
    side = direction.side
    schemas = pairing.entities[side], pairing.entities[side.other]
    for source, target in direction.rules.criteria:
        fields = schemas[0].field(source), schemas[1].field(target)
        paths = [f.path if f else path for f, path in zip(fields, (source, target), strict=True)]
        known = fields[1] is not None or target.casefold() in ("id", schemas[1].id_field.casefold())
        if known and (fields[0] is not None or source.casefold() in ("id", schemas[0].id_field.casefold())):
            yield paths[0], paths[1]
    if not direction.rules.criteria:
        plain = [g for g in pairing.groups if g.plain and g.side is side]
        plain.sort(key=lambda g: g.target.path != schemas[1].name_field)
        for group in plain[:1]:
            yield group.members[0].source.path, group.target.path


def _build(directions: tuple[Direction, ...], schemas: Mapping[str, SystemSchema]) -> Pairing:
    first = directions[0].flow
    found = {side: _entity(schemas, first.entity(side)) for side in Side}
    ends = {side: end for side, end in found.items() if end is not None}
    entities = {side: entity for side, (_, entity) in ends.items()}
    return Pairing(
        id=first.id,
        keys={side: key for side, (key, _) in ends.items()},
        entities=entities,
        directions=directions,
        groups=build_groups(
            [(direction.flow, direction.side) for direction in directions],
            {side: schemas[first.entity(side).system] for side in Side},
            entities,
            draw_mapping(first.id, entities[Side.SOURCE], entities[Side.TARGET]),
        ),
        told_of_deletes=frozenset(
            side for side, entity in entities.items() if _tells_deletes(schemas[first.entity(side).system], entity)
        ),
    )


def _tells_deletes(system: SystemSchema, entity: EntitySchema) -> bool:
    listed = entity.rest is None or bool(entity.rest.deleted)
    return entity.deletable and (system.dialect in _TELLING or (system.dialect == "rest" and listed))


def _entity(schemas: Mapping[str, SystemSchema], ref: EntityRef) -> tuple[EntityKey, EntitySchema] | None:
    schema = schemas.get(ref.system)
    entity = schema.entity(ref.entity) if schema else None
    return ((ref.system, entity.name), entity) if entity is not None and entity.fields else None
