"""What the probes of one flow showed: each write, and both records at rest after it.

`probing` gathers it, `inference` concludes from it. Values are as the systems returned them on read-back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType

_UNWRITTEN = frozenset({FieldType.OPAQUE, FieldType.REFERENCE})
"""Types for which a test has no values of its own to recognise."""

Values = Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Both records of a probe at rest."""

    source: Values
    target: Values

    def of(self, side: Side) -> Values:
        """The record at one end."""
        return self.source if side is Side.SOURCE else self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One write of the harness, and what came of it."""

    probe: int
    """Which probe: 1 or 2."""
    side: Side
    """Where it was written."""
    sent: Mapping[str, Scalar]
    answered: Values
    """The record as the system gave it in answer to the write, before the engine could do anything."""
    before: Look | None
    """None where the write created the probe."""
    after: Look

    @property
    def creates(self) -> bool:
        """Whether the write created the probe."""
        return self.before is None

    def held(self, side: Side, path: str) -> Scalar:
        """What a property held when the records were at rest again."""
        return single(self.after.of(side).get(path))

    def moved(self, side: Side, path: str) -> bool:
        """Whether a property holds another value than before; a new record's properties have not moved."""
        return self.before is not None and self.before.of(side).get(path) != self.after.of(side).get(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that was written and seen of one flow."""

    flow_id: str
    schemas: Mapping[Side, EntitySchema]
    moves: tuple[Move, ...]
    """In order; those of one probe follow each other."""
    joined: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    """Pairs of properties that the harness itself set to equal values, such as a merge criterion."""

    def creations(self) -> tuple[Move, ...]:
        """The writes that created the probes."""
        return tuple(move for move in self.moves if move.creates)

    def edits(self, side: Side) -> tuple[Move, ...]:
        """The edits made at one end."""
        return tuple(move for move in self.moves if move.side is side and not move.creates)

    def forward(self) -> tuple[Move, ...]:
        """All writes to the source: what was to arrive in the target."""
        return (*self.creations(), *self.edits(Side.SOURCE))

    def written(self, side: Side, path: str) -> bool:
        """Whether the harness itself ever set a property."""
        return any(path in move.sent for move in self.moves if move.side is side)


def candidate_fields(schema: EntitySchema, side: Side) -> tuple[FieldSchema, ...]:
    """The properties of an entity that a row may name: of the target those alone that somebody else can write.

    Stamps, references and what retires a record are left out: they are equal, or move, for reasons of their own.
    """
    special = {schema.modified_field, schema.modified_by_field, schema.created_field}
    if schema.archive is not None and not schema.deletable:
        special.add(schema.archive[0])

    def fits(one: FieldSchema) -> bool:
        if one.path in special or one.type in _UNWRITTEN or one.requires is not None:
            return False
        if side is Side.SOURCE:
            return True
        return one.path != schema.id_field and one.type is not FieldType.ID and (one.createable or one.updateable)

    return tuple(one for one in schema.fields if fits(one))


def single(value: FieldValue) -> Scalar:
    """The value of a property that holds one; None for nothing, and for a list of several."""
    if isinstance(value, tuple):
        held = [item for item in value if item not in {None, ""}]
        return held[0] if len(held) == 1 else None
    return None if value == "" else value
