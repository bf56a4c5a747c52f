"""What the second engine is configured to do: a lane for each pair of entities, a line for each property."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from talkqa.model.flow import Flow, PropertyRow, Qualifier, RuleKind, Side
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import ConditionBinding
from talkqa.model.transform import Expression
from tests.second_engine.expressions import work_out
from tests.second_engine.values import Misfit, Plain, agree, fit, is_blank

LEFT, RIGHT = 0, 1
"""Source and target of the document; an edit may come from either."""

End = tuple[str, str]
"""System and entity."""
_NOTES = (FieldType.STRING, FieldType.TEXT)
_ROOMY = 20
_TURNED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One property and how it is carried."""

    fields: tuple[FieldSchema, FieldSchema]
    qualifiers: tuple[Qualifier, ...] = ()
    expression: Expression | None = None
    turned: bool = False
    """Whether letters are turned by half the alphabet on the way, which the way back undoes."""

    @property
    def key(self) -> str:
        """Its name in the link table."""
        return f"{self.fields[LEFT].path}={self.fields[RIGHT].path}"

    def held(self, record: Mapping[str, Plain], side: int) -> Plain:
        """Its value on a side."""
        return record.get(self.fields[side].path)

    def applies(self, left: Mapping[str, Plain], right: Mapping[str, Plain]) -> bool:
        """Whether what it depends on is so."""
        return all(
            agree(str((left if one.side is Side.SOURCE else right).get(one.path) or ""), one.value)
            for one in self.qualifiers
        )

    def carry(self, value: Plain, side: int) -> Plain:
        """What `side` must hold for a value of the other side.

        Raises:
            Misfit: where nothing can be said.
        """
        if is_blank(value):
            return None
        if self.expression is not None and side == RIGHT:
            return fit(work_out(self.expression, value), self.fields[RIGHT])
        found = fit(value, self.fields[side])
        if self.expression is not None and not agree(self.carry(found, RIGHT), value):
            raise Misfit(f"nobody knows what {value!r} was before {self.key}")
        return str(found).translate(_TURNED) if self.turned else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One pair of entities."""

    name: str
    ends: tuple[End, End]
    entities: tuple[EntitySchema, EntitySchema]
    lines: tuple[Line, ...]
    every: bool
    whenever: tuple[Mapping[str, Plain], ...]
    """Property values that let a record in."""
    awaits_link: bool
    creates: bool
    matches: tuple[tuple[str, str], ...]

    def lets_in(self, record: Mapping[str, Plain]) -> bool:
        """Whether a new record of the left gets a new one on the right."""
        met = any(all(agree(record.get(path), value) for path, value in one.items()) for one in self.whenever)
        return self.every or met or (self.awaits_link and self.creates)

    def lets_link(self, record: Mapping[str, Plain]) -> bool:
        """Whether a record of the left may be linked to one that is there."""
        return bool(self.matches) and (self.awaits_link or self.lets_in(record))


def plan_lanes(
    flows: Sequence[Flow], schemas: Mapping[str, SystemSchema], conditions: Sequence[ConditionBinding]
) -> tuple[Lane, ...]:
    """The lanes for some flows; raises ValueError for what this engine does not do."""
    lanes = [_plan(flow, schemas, conditions) for flow in flows]
    pairs = {frozenset(lane.ends) for lane in lanes}
    if len(pairs) < len(lanes) or any(len(pair) < 2 for pair in pairs):
        raise ValueError("this engine does one flow for two entities, and never one entity with itself")
    return tuple(lanes)


def _plan(flow: Flow, schemas: Mapping[str, SystemSchema], conditions: Sequence[ConditionBinding]) -> Lane:
    if flow.has(RuleKind.CREATE_IF_CONNECTED):
        raise ValueError(f"{flow.id}: this engine knows no connections")
    entities = (_entity(flow, Side.SOURCE, schemas), _entity(flow, Side.TARGET, schemas))
    words = {" ".join((rule.condition or "").split()).lower() for rule in flow.rules_of(RuleKind.CONDITION)}
    bound = [one for one in conditions if " ".join(one.text.split()).lower() in words]
    if len(bound) < len(words):
        raise ValueError(f"{flow.id}: a condition without a meaning")
    return Lane(
        name=flow.id,
        ends=((flow.source.system, entities[LEFT].name), (flow.target.system, entities[RIGHT].name)),
        entities=entities,
        lines=_lines(flow, entities),
        every=flow.has(RuleKind.EVERY) or any(one.remark for one in bound),
        whenever=tuple(_plain(one) for one in bound if not one.remark),
        awaits_link=flow.has(RuleKind.LINK_REQUIRED),
        creates=flow.has(RuleKind.CREATE_UNMATCHED),
        matches=tuple((row.source, row.target) for row in flow.merge),
    )


def _plain(binding: ConditionBinding) -> dict[str, Plain]:
    """What a condition asks for; single values alone."""
    found: dict[str, Plain] = {}
    for path, value in binding.holds.items():
        if value is not None and not isinstance(value, str | int | float | bool):
            raise ValueError(f"{binding.text}: this engine compares with single values")
        found[path] = value
    return found


def _entity(flow: Flow, side: Side, schemas: Mapping[str, SystemSchema]) -> EntitySchema:
    ref = flow.entity(side)
    found = schemas[ref.system].entity(ref.entity)
    if found is None:
        raise ValueError(f"{flow.id}: {ref.system} has no {ref.entity}")
    return found


def _lines(flow: Flow, entities: tuple[EntitySchema, EntitySchema]) -> tuple[Line, ...]:
    lines = tuple(_line(row, entities) for row in flow.properties) or _invent(flow.id, entities)
    for side in (LEFT, RIGHT):
        if len({line.fields[side].path for line in lines}) < len(lines):
            raise ValueError(f"{flow.id}: this engine joins no two properties with one")
    return lines


def _line(row: PropertyRow, entities: tuple[EntitySchema, EntitySchema]) -> Line:
    left, right = entities[LEFT].field(row.source), entities[RIGHT].field(row.target)
    if left is None or right is None:
        raise ValueError(f"no such property: {row.source}, {row.target}")
    expression = None if row.transform is None else row.transform.expression
    if expression is not None:
        work_out(expression, None)
    return Line(fields=(left, right), qualifiers=row.qualifiers, expression=expression)


def _invent(name: str, entities: tuple[EntitySchema, EntitySchema]) -> tuple[Line, ...]:
    """A mapping for a pair that has none in writing: the name, two more texts, and a property of each other kind."""
    lines: list[Line] = []

    def join(kinds: tuple[FieldType, ...], most: int) -> None:
        for target in _candidates(name, entities[RIGHT], kinds):
            free = [
                one for one in _candidates(name, entities[LEFT], kinds) if all(one != x.fields[LEFT] for x in lines)
            ]
            fitting = [one for one in free if _room(one) <= _room(target) and (one.scale or 0) <= (target.scale or 0)]
            if most and fitting:
                lines.append(Line(fields=(fitting[-1], target), turned=kinds == _NOTES and len(lines) == 2))
                most -= 1

    join(_NOTES, 3)
    for kind in (FieldType.DATE, FieldType.DECIMAL, FieldType.INTEGER, FieldType.EMAIL):
        join((kind,), 1)
    return tuple(lines)


def _candidates(name: str, entity: EntitySchema, kinds: tuple[FieldType, ...]) -> list[FieldSchema]:
    special = (entity.id_field, entity.modified_field, entity.modified_by_field)
    usable = [
        field
        for field in entity.fields
        if field.type in kinds and field.writable and field.list_at is None and field.path not in special
        if field.requires is None and not field.picklist and (kinds != _NOTES or _room(field) >= _ROOMY)
    ]
    drawn = {field.path: sha256(f"second {name} {field.path}".encode()).digest() for field in usable}
    return sorted(usable, key=lambda field: (not field.required, drawn[field.path]))


def _room(field: FieldSchema) -> int:
    return field.max_length or 1_000_000
