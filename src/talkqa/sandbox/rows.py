"""Property rows as the reference engine carries them: both ways, with qualifiers, transforms and shared targets.

Used by the engine's pairings and decisions. Pure: nothing here speaks to a system or knows a link.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from talkqa.model.flow import Flow, PropertyRow, Qualifier, Side
from talkqa.model.record import FieldValue
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.transform import Call, Expression, Literal, Value
from talkqa.sandbox import draws
from talkqa.sandbox.conversion import UNFIT, Converted, Unfit, convert, is_empty, is_same, to_text
from talkqa.sandbox.mapping import SWAP_CASE, PrivatePair, hide
from talkqa.sandbox.transform import check_expression, evaluate

_FREE_TEXTS = frozenset({FieldType.STRING, FieldType.TEXT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One row: what it reads, what it writes and what it does to the value on the way."""

    source: FieldSchema
    target: FieldSchema
    qualifiers: tuple[Qualifier, ...] = ()
    transform: Expression | None = None
    cast: str | None = None
    hidden: str | None = None
    back: Expression | None = None
    """The transform of the opposite row, where a reverse flow documents one."""
    refers: bool = False
    """Whether the value names a record and is translated through links."""
    one_way: bool = False
    """Whether the source names a record and the target holds its id as text, which no edit can lead back."""

    def forward(self, value: FieldValue, now: datetime) -> Converted:
        """What the target must hold for a source value; None for nothing, UNFIT where it cannot be carried."""
        if is_empty(value):
            return None
        if self.transform is not None:
            return convert(_flat(evaluate(self.transform, value, now)), self.target)
        if self.cast is not None:
            cast = _flat(evaluate(Call(self.cast, (Value(),)), value, now))
            # Documents name data types that their own fields cannot hold: such a type decides nothing.
            return convert(value if is_empty(cast) else cast, self.target)
        found = convert(value, self.target)
        return hide(self.hidden, found) if self.hidden is not None and isinstance(found, str) else found

    def backward(self, value: FieldValue, now: datetime) -> Converted:
        """What the source must hold for a target value; UNFIT where more than one value may be meant."""
        if is_empty(value):
            return None
        if self.one_way:
            return UNFIT
        if self.back is not None:
            return convert(_flat(evaluate(self.back, value, now)), self.source)
        if self.transform is not None:
            return self._invert(self.transform, value, now)
        found = convert(value, self.source)
        return hide(self.hidden, found) if self.hidden is not None and isinstance(found, str) else found

    def _invert(self, transform: Expression, value: FieldValue, now: datetime) -> Converted:
        """The first candidate that the transform takes to the value."""
        for candidate in (value, *_reformatted(transform, value, now)):
            found = convert(candidate, self.source)
            if not isinstance(found, Unfit) and is_same(_told(self.forward(found, now)), value):
                return found
        return UNFIT

    def applies(self, source: Mapping[str, FieldValue], target: Mapping[str, FieldValue]) -> bool:
        """Whether all qualifiers hold; one on an item id or without a path never does."""
        return all(_holds(q, source if q.side is Side.SOURCE else target) for q in self.qualifiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All rows onto one target: the first whose source holds something leads."""

    key: str
    """Unique in its pairing."""
    side: Side
    """The side of the pairing that the rows' source is on."""
    target: FieldSchema
    members: tuple[Member, ...]
    documented: bool

    @property
    def plain(self) -> bool:
        """Whether it is one row that copies a free text."""
        member = self.members[0]
        texts = member.source.type in _FREE_TEXTS and self.target.type in _FREE_TEXTS
        changed = member.transform or member.hidden or member.qualifiers or member.refers
        return len(self.members) == 1 and texts and not changed


def build_groups(
    flows: Iterable[tuple[Flow, Side]],
    systems: Mapping[Side, SystemSchema],
    entities: Mapping[Side, EntitySchema],
    private: Iterable[PrivatePair],
) -> tuple[Group, ...]:
    """The groups of a pairing, sorted by side and target.

    Args:
        flows: with the side of the pairing that each one's source is on, in the pairing's order.
        systems: the systems of both sides.
        entities: the entities of both sides.
        private: the private mapping, used where no flow documents a property that can be carried; its source is
            `Side.SOURCE`.
    """
    found: dict[tuple[Side, str], list[Member]] = {}
    taken: dict[tuple[str, str], tuple[Side, str, int]] = {}
    for flow, side in flows:
        for row in sorted(flow.properties, key=lambda row: (row.source, row.target)):
            member = _member(row, flow, side, systems, entities)
            if member is None:
                continue
            ends = (member.source.path, member.target.path)
            place = taken.get(ends if side is Side.SOURCE else (ends[1], ends[0]))
            if place is None:
                members = found.setdefault((side, member.target.path), [])
                taken[ends if side is Side.SOURCE else (ends[1], ends[0])] = (*(side, ends[1]), len(members))
                members.append(member)
            elif place[0] is not side:
                _join_opposite(found[place[0], place[1]], place[2], member)
            elif member.hidden is None:
                # another facet documents a type for the same two properties: nothing is hidden on the way then
                members = found[place[0], place[1]]
                members[place[2]] = replace(members[place[2]], hidden=None)
    documented = bool(found)
    if not documented:
        for pair in private:
            source, target = entities[Side.SOURCE].field(pair.source), entities[Side.TARGET].field(pair.target)
            if source is not None and target is not None:
                found[Side.SOURCE, target.path] = [Member(source=source, target=target, hidden=pair.hidden)]
    return tuple(
        Group(key=f"{side}:{path}", side=side, target=members[0].target, members=tuple(members), documented=documented)
        for (side, path), members in sorted(found.items())
    )


def _join_opposite(members: list[Member], at: int, opposite: Member) -> None:
    """Two flows document the same pair in opposite directions: one row then, with both transforms.

    Where one of them has a type, nothing is hidden on the way.
    """
    hidden = members[at].hidden if opposite.hidden is not None else None
    members[at] = replace(members[at], back=opposite.transform, hidden=hidden)


def _member(
    row: PropertyRow,
    flow: Flow,
    side: Side,
    systems: Mapping[Side, SystemSchema],
    entities: Mapping[Side, EntitySchema],
) -> Member | None:
    """A row in terms of the schemas; None where it joins ids or names what does not exist."""
    source, target = entities[side], entities[side.other]
    read, written = _field(source, row.source), _field(target, row.target)
    if read is None or written is None or FieldType.OPAQUE in (read.type, written.type):
        return None
    if written.path == target.id_field or not (written.createable or written.updateable or read.updateable):
        return None
    if row.transform is not None:
        check_expression(row.transform.expression)
    refers = _is_reference(written, systems[side.other])
    return Member(
        source=read,
        target=written,
        qualifiers=row.qualifiers,
        transform=row.transform.expression if row.transform else None,
        cast=row.declared_type,
        hidden=_hidden(row, flow, read, written),
        refers=refers,
        one_way=not refers and _is_reference(read, systems[side]),
    )


def _field(schema: EntitySchema, path: str) -> FieldSchema | None:
    found = schema.field(path)
    if found is None and path.casefold() in ("id", schema.id_field.casefold()):
        return FieldSchema(path=schema.id_field, type=FieldType.ID, createable=False, updateable=False)
    return found


def _is_reference(field: FieldSchema, system: SystemSchema) -> bool:
    """Whether the system checks what the field names."""
    modelled = bool(field.references) and all(system.entity(name) is not None for name in field.references)
    return field.type is FieldType.REFERENCE and modelled


def _hidden(row: PropertyRow, flow: Flow, read: FieldSchema, written: FieldSchema) -> str | None:
    """What a row of data type N/A does to its value: where that is printed, an expression was taken off the page."""
    if row.transform is not None or row.data_type.strip().casefold() not in ("n/a", "na", ""):
        return None
    alone = sum(1 for other in flow.properties if row.source == other.source or row.target == other.target) == 1
    texts = read.type in _FREE_TEXTS and written.type in _FREE_TEXTS and not read.picklist and not written.picklist
    scalars = read.list_at is None and written.list_at is None
    told = {q.path for other in flow.properties for q in other.qualifiers}
    told |= {path for criterion in flow.merge for path in (criterion.source, criterion.target)}
    free = row.source not in told and row.target not in told
    drawn = draws.index(2, "hidden", flow.id, row.source, row.target) == 0
    return SWAP_CASE if alone and texts and scalars and free and drawn else None


def _holds(qualifier: Qualifier, values: Mapping[str, FieldValue]) -> bool:
    if not qualifier.path.strip() or qualifier.value.startswith("wd:"):
        return False
    folded = qualifier.path.casefold()
    value = next((found for path, found in values.items() if path.casefold() == folded), None)
    if is_empty(value):
        return not qualifier.value
    items = value if isinstance(value, tuple) else (value,)
    return any(to_text(item) == qualifier.value for item in items)


def _reformatted(transform: Expression, value: FieldValue, now: datetime) -> Iterator[FieldValue]:
    """Candidates for the source of a date format: the format read the other way."""
    opposite = {"datetime-format": "datetime-parse", "datetime-parse": "datetime-format"}
    if isinstance(transform, Call) and transform.operator in opposite and len(transform.arguments) == 2:
        pattern, inner = transform.arguments
        if isinstance(pattern, Literal) and inner == Value():
            turned = Call(opposite[transform.operator], (pattern, Value()))
            yield _flat(evaluate(turned, value, now))


def _told(value: Converted) -> FieldValue:
    return None if isinstance(value, Unfit) else value


def _flat(value: object) -> FieldValue:
    """What an expression gave, as a property can hold it; objects and nested lists cannot."""
    if isinstance(value, tuple):
        return tuple(item for item in value if item is None or isinstance(item, str | int | float | bool))
    return value if value is None or isinstance(value, str | int | float | bool) else None
