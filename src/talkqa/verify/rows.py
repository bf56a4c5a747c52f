"""How a property row may be judged, now that the schemas of both ends are known.

The class that the document alone gives (`checklist.rows`) is refined: towards leniency where a schema shows that
equality cannot be asked for, towards strictness only where a schema disproves what a property's name suggested.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from talkqa.checklist.rows import classify_row
from talkqa.model.check import RowClass
from talkqa.model.flow import Flow, PropertyRow, Side
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType

_TEXTS = frozenset({FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_TIMES = frozenset({FieldType.DATE, FieldType.DATETIME})
_REFERRING = frozenset({FieldType.ID, FieldType.REFERENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class RowJudgement:
    """What may be done with a row, and what may be asked of it."""

    row: PropertyRow
    row_class: RowClass
    source_field: FieldSchema | None
    target_field: FieldSchema | None
    source_writable: bool
    """Whether a test can edit the source property."""
    source_reason: str
    """Why not; empty where it can."""
    target_writable: bool
    target_reason: str
    moves_along_source: tuple[str, ...]
    """Other source properties that may rightly move when either side of this row is edited; sorted, as the schema
    spells them."""
    moves_along_target: tuple[str, ...]
    """The same, of the target."""

    def field(self, side: Side) -> FieldSchema | None:
        """The property at one end."""
        return self.source_field if side is Side.SOURCE else self.target_field

    def writable(self, side: Side) -> bool:
        """Whether a test can edit the property at one end."""
        return self.source_writable if side is Side.SOURCE else self.target_writable

    def reason(self, side: Side) -> str:
        """Why the property at one end cannot be edited; empty where it can."""
        return self.source_reason if side is Side.SOURCE else self.target_reason

    def moves_along(self, side: Side) -> tuple[str, ...]:
        """Other properties at one end that may move when this row does."""
        return self.moves_along_source if side is Side.SOURCE else self.moves_along_target


def judge_class(flow: Flow, row: PropertyRow, source: EntitySchema, target: EntitySchema) -> RowJudgement:
    """Refine what the document says of a row by the schemas of its two entities."""
    ours, theirs = source.field(row.source), target.field(row.target)
    source_reason, target_reason = _why_fixed(source, row.source), _why_fixed(target, row.target)
    along = _moving_along(flow, row, source, target)
    return RowJudgement(
        row=row,
        row_class=_refine(classify_row(flow, row), row, ours, theirs),
        source_field=ours,
        target_field=theirs,
        source_writable=not source_reason,
        source_reason=source_reason,
        target_writable=not target_reason,
        target_reason=target_reason,
        moves_along_source=along[Side.SOURCE],
        moves_along_target=along[Side.TARGET],
    )


def comparable(source_field: FieldSchema | None, target_field: FieldSchema | None) -> bool:
    """Whether values of two properties can be judged by equality; where a schema is silent, the values must tell."""
    if source_field is None or target_field is None:
        return True
    types = {source_field.type, target_field.type}
    if FieldType.OPAQUE in types or types & _REFERRING:
        return False
    if types == {FieldType.PICKLIST} and source_field.picklist and target_field.picklist:
        closed = source_field.restricted or target_field.restricted
        return not closed or bool(set(source_field.picklist) & set(target_field.picklist))
    families = (_TEXTS | {FieldType.PICKLIST}, _TEXTS | _NUMBERS, _TEXTS | _TIMES, {FieldType.BOOLEAN})
    return any(types <= family for family in families)


def _refine(
    known: RowClass, row: PropertyRow, source_field: FieldSchema | None, target_field: FieldSchema | None
) -> RowClass:
    fields = [f for f in (source_field, target_field) if f is not None]
    referring = [f for f in fields if f.type in _REFERRING]
    if referring:
        # Above all others: an id of one system is never equal to what another system holds, whatever is printed.
        return RowClass.LOOKUP if len(referring) < len(fields) or known is RowClass.LOOKUP else RowClass.IDENTITY
    if known is RowClass.LOOKUP and _one_code_list(source_field, target_field):
        known = RowClass.PLAIN
    if any(f.list_at for f in fields) and known is RowClass.PLAIN:
        return RowClass.LIST
    if known is RowClass.LIST and len(fields) == 2 and not any(f.list_at for f in fields) and _declared_single(row):
        known = RowClass.PLAIN
    if known is RowClass.PLAIN and not comparable(source_field, target_field):
        return RowClass.HIDDEN_TRANSFORM
    return known


def _one_code_list(source_field: FieldSchema | None, target_field: FieldSchema | None) -> bool:
    """Whether both ends take the same closed list of codes, so that there is nothing to look up."""
    return (
        source_field is not None
        and target_field is not None
        and source_field.restricted
        and target_field.restricted
        and len(source_field.picklist) > 1
        and set(source_field.picklist) == set(target_field.picklist)
    )


def _declared_single(row: PropertyRow) -> bool:
    """Whether the document declares a type of single values, so that its row was a list by name alone."""
    return row.declared_type not in {None, "list", "first"}


def _why_fixed(entity: EntitySchema, path: str) -> str:
    """Why a test cannot edit a property of an existing record; empty where it can."""
    field = entity.field(path)
    if not entity.updateable:
        return f"records of {entity.name} cannot be changed once they exist"
    if field is None:
        return f"{entity.name} has no property {path}"
    unsure = " (as far as is known; not confirmed)" if field.unconfirmed else ""
    if field.type is FieldType.ID:
        return f"{path} of {entity.name} is given by the system"
    if field.type is FieldType.OPAQUE:
        return f"{path} of {entity.name} is of a kind that a test does not write"
    if not field.updateable:
        return f"{path} of {entity.name} is read-only{unsure}"
    return ""


# What moves along


_Node = tuple[Side, str]


def _moving_along(
    flow: Flow, row: PropertyRow, source: EntitySchema, target: EntitySchema
) -> dict[Side, tuple[str, ...]]:
    """The other properties joined to a row by shared ends: an edit travels to and fro over all of them."""
    neighbours: defaultdict[_Node, set[_Node]] = defaultdict(set)
    for other in flow.properties:
        _join(neighbours, _node(Side.SOURCE, other.source, source), _node(Side.TARGET, other.target, target))
    for parent, child in _nested(neighbours):
        _join(neighbours, parent, child)
    ends = {_node(Side.SOURCE, row.source, source), _node(Side.TARGET, row.target, target)}
    reached, waiting = set(ends), list(ends)
    while waiting:
        new = neighbours[waiting.pop()] - reached
        reached |= new
        waiting.extend(new)
    return {side: tuple(sorted(path for at, path in reached - ends if at is side)) for side in Side}


def _node(side: Side, path: str, entity: EntitySchema) -> _Node:
    field = entity.field(path)
    return side, path if field is None else field.path


def _join(neighbours: defaultdict[_Node, set[_Node]], one: _Node, other: _Node) -> None:
    neighbours[one].add(other)
    neighbours[other].add(one)


def _nested(nodes: Iterable[_Node]) -> list[tuple[_Node, _Node]]:
    """Properties one of which holds the other (`address` and `address.city`): they are one value seen twice."""
    known = sorted(nodes)
    present = set(known)
    found = []
    for side, path in known:
        parts = path.split(".")
        for length in range(1, len(parts)):
            parent = (side, ".".join(parts[:length]))
            if parent in present:
                found.append((parent, (side, path)))
    return found
