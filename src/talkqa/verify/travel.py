"""Recognising a probe's values in another record, and choosing a property to edit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.sentinels import is_telling, token_of
from talkqa.verify.compare import compare
from talkqa.verify.probe import Travel

LEAST_TOKEN = 5
"""Characters: shorter texts and smaller numbers are equal by chance too often to count."""
_WEAK_ENOUGH = 2
_SYSTEM_TYPES = frozenset({FieldType.ID, FieldType.REFERENCE, FieldType.OPAQUE})


def tokens_of(value: FieldValue) -> frozenset[str]:
    """The search tokens of one property's value."""
    parts = value if isinstance(value, tuple) else (value,)
    return frozenset(t for p in parts if p is not None and not isinstance(p, bool) for t in token_of(p))


def written_of(record: Record, schema: EntitySchema) -> dict[str, Scalar]:
    """What a record holds in properties that a test writes; lists and system fields left out."""
    return {
        path: value
        for path, value in record.values.items()
        if not isinstance(value, tuple) and value is not None and (f := schema.field(path)) is not None and f.createable
    }


def spelled(schema: EntitySchema, path: str) -> str:
    """A documented path as the schema and the records spell it."""
    field = schema.field(path)
    return path if field is None else field.path


def record_tokens(record: Record) -> frozenset[str]:
    """The search tokens of all values of a record."""
    return frozenset(t for value in record.values.values() for t in tokens_of(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """The tokens by which a counterpart is recognised."""

    strong: frozenset[str]
    """Any one of them proves whose value it is."""
    weak: tuple[frozenset[str], ...]
    """The tokens of each date and number that the flow's documented properties carry: two of these values prove it,
    or the only one there is."""

    def tokens(self) -> frozenset[str]:
        """All of them."""
        return self.strong.union(*self.weak)

    def recognise(self, record: Record) -> bool:
        """Whether a record carries enough of them."""
        carried = record_tokens(record)
        if carried & self.strong:
            return True
        return bool(self.weak) and self._weak_in(carried) >= min(_WEAK_ENOUGH, len(self.weak))

    def proven_by(self, record: Record) -> bool:
        """Whether what a record carries cannot be chance: a strong one, or two of the others."""
        carried = record_tokens(record)
        return bool(carried & self.strong) or self._weak_in(carried) >= _WEAK_ENOUGH

    def _weak_in(self, carried: frozenset[str]) -> int:
        return sum(bool(carried & tokens) for tokens in self.weak)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """The tokens of one documented property as the target is to hold it."""

    tokens: frozenset[str]
    sure: bool
    """False where the document leaves open whether this value arrives, as where several properties feed one."""


def marks_of(
    written: Mapping[str, Scalar],
    schema: EntitySchema,
    documented: Iterable[Arriving],
    besides: frozenset[str] = frozenset(),
) -> Marks:
    """What a probe is recognised by.

    Args:
        written: What was written.
        schema: The entity it was written to.
        documented: What the document says arrives; empty where it names nothing.
        besides: Tokens that others carry for another reason, such as those of a merge criterion.
    """
    strong: set[str] = set()
    weak: list[frozenset[str]] = []
    firm = False
    for path, value in written.items():
        field = schema.field(path)
        if field is not None and field.type not in _SYSTEM_TYPES | {FieldType.PICKLIST, FieldType.BOOLEAN}:
            strong |= {t for t in tokens_of(value) if is_telling(t)}
    for arriving in documented:
        telling = {t for t in arriving.tokens - besides if is_telling(t)}
        strong |= telling
        firm = firm or (arriving.sure and bool(telling))
        weak.append(frozenset(t for t in arriving.tokens - besides if len(t) >= LEAST_TOKEN))
    return Marks(strong=frozenset(strong - besides), weak=() if firm else tuple(w for w in weak if w))


def _is_stamp(field: FieldSchema) -> bool:
    """Whether a date is one that a system writes and nobody else: it is like others by chance, and moves by itself."""
    return field.type in {FieldType.DATE, FieldType.DATETIME} and not (field.createable or field.updateable)


def find_travels(
    source: Record, written: Mapping[str, Scalar], target: Record, schemas: tuple[EntitySchema, EntitySchema]
) -> tuple[Travel, ...]:
    """The properties of a source that are seen in a target, sorted; one source per target, the equal one first."""
    source_schema, target_schema = schemas
    owners = [
        (path, tokens)
        for path in sorted(written)
        if (f := source_schema.field(path)) is not None
        and f.type not in _SYSTEM_TYPES
        and (tokens := tokens_of(source.values.get(path)))
    ]
    found = []
    for path in sorted(target.values):
        field = target_schema.field(path)
        tokens = tokens_of(target.values[path])
        if field is None or field.type in _SYSTEM_TYPES or _is_stamp(field) or not tokens:
            continue
        candidates = [
            Travel(
                source=own,
                target=path,
                equal=compare(
                    source.values.get(own),
                    target.values[path],
                    expected_field=source_schema.field(own),
                    actual_field=field,
                    declared=None,
                ).equal,
            )
            for own, own_tokens in owners
            if own_tokens & tokens and _long_enough(own_tokens & tokens)
        ]
        if candidates:
            found.append(min(candidates, key=lambda t: (not t.equal, t.source)))
    return tuple(sorted(found, key=lambda t: (t.source, t.target)))


def _long_enough(tokens: frozenset[str]) -> bool:
    """Short texts and small numbers are equal by chance too often to count."""
    return any(len(t) >= LEAST_TOKEN for t in tokens)


def rank_for_edit(
    travels: tuple[Travel, ...], schemas: tuple[EntitySchema, EntitySchema], side: Side, avoid: frozenset[str]
) -> tuple[Travel, ...]:
    """Travels whose edit on one side can be expected to be seen on the other, the surest first.

    Args:
        travels: What was seen to travel.
        schemas: Source and target.
        side: Where the edit is made.
        avoid: Source properties with another meaning: criteria, conditions, connections.
    """
    source_schema, target_schema = schemas

    def usable(travel: Travel) -> bool:
        source, target = source_schema.field(travel.source), target_schema.field(travel.target)
        if source is None or target is None or travel.source in avoid:
            return False
        return source.updateable if side is Side.SOURCE else target.updateable and source.updateable

    def rank(travel: Travel) -> tuple[bool, bool, str, str]:
        source, target = source_schema.field(travel.source), target_schema.field(travel.target)
        return (not travel.equal, not _roomy(source) or not _roomy(target), travel.source, travel.target)

    return tuple(sorted(filter(usable, travels), key=rank))


def _roomy(field: FieldSchema | None) -> bool:
    """Whether a field holds free text long enough for a sentinel that nobody else carries."""
    if field is None or field.type not in {FieldType.STRING, FieldType.TEXT}:
        return False
    return field.max_length is None or field.max_length >= 20
