"""The working values of a scenario: probes, the pairs they become, edits, and properties seen to travel."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.sentinels import is_telling, token_of
from talkqa.verify.compare import Comparison, compare
from talkqa.verify.throughput import Passage


@dataclass(slots=True, kw_only=True)
class Probe:
    """A record that the harness wrote, and every token it ever carried."""

    record: Record
    """As last read or written by the harness."""
    written_s: float
    """When its writing was answered, or when it came to be permitted."""
    begun_s: float
    """When its writing began: what was seen before then was made for something else."""
    tokens: set[str]
    """Strong tokens alone: those that no other record can carry by chance."""
    first: Record
    """As it was created."""
    companions: frozenset[str] = frozenset()
    """Ids of records that it was connected with: their values may rightly show in its counterpart."""
    shared: frozenset[str] = frozenset()
    """Tokens that another record carries too, since a check is about just that: they prove nothing."""
    meets: Record | None = None
    """The target that was there first, and that it is to be merged with."""
    passage: Passage | None = None
    """Its turn among the flow's probes; None where it has none, as a heartbeat or what must stay out."""

    def note(self, values: Mapping[str, FieldValue]) -> None:
        """Remember the tokens of values that were written."""
        self.tokens |= strong_tokens(values.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Travel:
    """A property of the source seen in a property of the target."""

    source: str
    target: str
    equal: bool
    """False where the target holds more or less than the source's value, such as a prefix."""

    def end(self, side: Side) -> str:
        """The property at one end."""
        return self.source if side is Side.SOURCE else self.target


@dataclass(slots=True, kw_only=True)
class Pair:
    """A source probe and the target record linked to it."""

    source: Probe
    target: Record
    seen_s: float
    travels: tuple[Travel, ...]
    """What was seen to travel at the first sighting, sorted."""
    wiggled: set[str] = field(default_factory=set)
    """Tokens that edits which confirm the link wrote: they belong to these two records alone."""
    confirmed_by: str = ""
    """What the wiggle showed; empty before it."""
    sure: bool = True
    """False where the target was recognised by dates or numbers alone, which others may hold by chance."""

    def record(self, side: Side) -> Record:
        """The record at one end, as last known."""
        return self.source.record if side is Side.SOURCE else self.target

    def replace(self, side: Side, record: Record) -> None:
        """Take a newer version of the record at one end."""
        if side is Side.SOURCE:
            self.source.record = record
        else:
            self.target = record


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One write to one side of a pair, and the pair as it was before."""

    side: Side
    path: str
    before: FieldValue
    after: Scalar
    at_s: float
    source_before: Record
    target_before: Record
    target_path: str | None = None
    """The property on the other side that is expected to follow, where the edit was chosen by discovery."""

    def before_of(self, side: Side) -> Record:
        """The record at one end as it was before."""
        return self.source_before if side is Side.SOURCE else self.target_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the other side must hold after an edit."""

    matches: Callable[[FieldValue], bool]
    value: FieldValue
    """For the message and the control write; None where only movement is asked for."""
    words: str
    doubt: Callable[[FieldValue], str] = lambda _actual: ""
    """Why a value that does not match may still mean the same; empty where it cannot."""
    forgiven: Callable[[FieldValue], str] = lambda _actual: ""
    """In what a value that matches differs all the same, as systems may; empty where in nothing."""


TEXTS = frozenset({FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.URL, FieldType.PHONE})
"""Types of free text."""


def own_values(record: Record, schema: EntitySchema) -> dict[str, FieldValue]:
    """What a record holds in texts that a test wrote; ids, references and stamps are shared with other records."""
    return {
        path: value
        for path, value in record.values.items()
        if (f := schema.field(path)) is not None and f.createable and f.type in TEXTS
    }


def strong_tokens(values: Iterable[FieldValue]) -> set[str]:
    """The strong tokens of some values."""
    found: set[str] = set()
    for value in values:
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, str):
                found.update(t for t in token_of(part) if is_telling(t))
    return found


def expect_equal(
    expected: FieldValue, fields: tuple[FieldSchema | None, FieldSchema | None], declared: str | None, words: str = ""
) -> Expectation:
    """That a property equals a value, as far as the types of both tell."""

    def found(actual: FieldValue) -> Comparison:
        return compare(expected, actual, expected_field=fields[0], actual_field=fields[1], declared=declared)

    def doubt(actual: FieldValue) -> str:
        comparison = found(actual)
        return "" if comparison.certain else comparison.note or "their types cannot be compared"

    def forgiven(actual: FieldValue) -> str:
        comparison = found(actual)
        return comparison.note if comparison.equal else ""

    return Expectation(
        matches=lambda actual: found(actual).equal,
        value=expected,
        words=words or repr(expected),
        doubt=doubt,
        forgiven=forgiven,
    )


def find_proof(schema: EntitySchema | None, values: Mapping[str, Scalar]) -> tuple[str, Scalar] | None:
    """The property and value by which a record about to be written can be recognised; None where nothing is telling."""
    for path in sorted(values, key=lambda path: schema is None or path != schema.name_field):
        field = schema.field(path) if schema is not None else None
        if field is not None and field.type in TEXTS and strong_tokens([values[path]]):
            return field.path, values[path]
    return None
