"""Two invented systems with an engine between them, as plain functions: what discovery is to see through.

The truth is known here, so that a test can say which rows are wrong. The systems do what real ones do: they copy, join
and count by themselves, and the engine drops, changes and carries one way only.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from talkqa.model.flow import Side
from talkqa.model.record import Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.discovery.assignment import Assigner
from talkqa.verify.discovery.evidence import Evidence, Look, Move, candidate_fields
from talkqa.verify.discovery.inference import list_candidates

Record = dict[str, Scalar]
FLOW = "shop.order--till.sale"

CHANGES: Mapping[str, Callable[[Scalar], Scalar]] = {
    "": lambda value: value,
    "case": lambda value: value.swapcase() if isinstance(value, str) else value,
    "backwards": lambda value: value[::-1] if isinstance(value, str) else value,
    "not": lambda value: not value if isinstance(value, bool) else value,
}
"""What an engine may do to a value; each undoes itself."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One property that the engine carries."""

    source: str
    target: str
    change: str = ""
    back: bool = True


@dataclass(frozen=True, kw_only=True)
class Copy:
    """What a system makes of its own properties: a copy, or a join with a second one."""

    of: tuple[str, ...]
    into: str
    always: bool
    """False where the copy is made when the record is created, and only where nothing was given."""


@dataclass(kw_only=True)
class Systems:
    """Both systems and the engine."""

    source: EntitySchema
    target: EntitySchema
    rows: tuple[Row, ...]
    copies: Mapping[Side, tuple[Copy, ...]] = field(default_factory=dict)
    defaults: Mapping[str, Scalar] = field(default_factory=dict)
    """What the target puts into new records."""
    numbers: tuple[str, ...] = ()
    """Properties of both sides that number new records, 1, 2, 3."""
    _made: int = 0

    def create(self, sent: Mapping[str, Scalar]) -> tuple[Record, Record, Record]:
        """A source record: as answered, and both records at rest."""
        self._made += 1
        numbered = dict.fromkeys(self.numbers, self._made)
        answered = self._derived(Side.SOURCE, {**numbered, **sent}, {}, created=True)
        given = {row.target: CHANGES[row.change](answered[row.source]) for row in self.rows if row.source in answered}
        made = self._derived(Side.TARGET, {**numbered, **self.defaults, **given}, {}, created=True)
        return answered, *self._at_rest(answered, made, {}, made)

    def edit(self, side: Side, source: Record, target: Record, sent: Mapping[str, Scalar]) -> tuple[Record, ...]:
        """A changed record: as answered, and both records at rest."""
        before = source if side is Side.SOURCE else target
        answered = self._derived(side, {**before, **sent}, before, created=False)
        if side is Side.SOURCE:
            return answered, *self._at_rest(answered, target, source, target)
        return answered, *self._at_rest(source, answered, source, target)

    def _at_rest(self, source: Record, target: Record, old_source: Record, old_target: Record) -> tuple[Record, Record]:
        for _ in range(4):
            seen = source, target
            back = {
                row.source: CHANGES[row.change](target[row.target])
                for row in reversed(self.rows)
                if row.back
                and target.get(row.target) not in (None, old_target.get(row.target))
                and source.get(row.source) == old_source.get(row.source, source.get(row.source))
            }
            new_source = self._derived(Side.SOURCE, {**source, **back}, source, created=False)
            forth = {
                row.target: CHANGES[row.change](new_source[row.source])
                for row in self.rows
                if new_source.get(row.source) not in (None, old_source.get(row.source))
            }
            new_target = self._derived(Side.TARGET, {**target, **forth}, target, created=False)
            old_source, old_target, source, target = source, target, new_source, new_target
            if (source, target) == seen:
                break
        return source, target

    def _derived(self, side: Side, record: Record, before: Record, *, created: bool) -> Record:
        found = dict(record)
        for copy in self.copies.get(side, ()):
            value = " ".join(str(found.get(path)) for path in copy.of) if len(copy.of) > 1 else found.get(copy.of[0])
            moved = any(found.get(path) != before.get(path) for path in copy.of)
            if (copy.always and moved) or (created and found.get(copy.into) is None):
                found[copy.into] = value
        return found


def probe(systems: Systems, seed: int = 0) -> Evidence:
    """Explore as the harness does: two records, one changed, then the counterparts of both, and one of them again."""
    assigner = Assigner(Sentinels(seed, "synthetic"), "probe")
    schemas = {Side.SOURCE: systems.source, Side.TARGET: systems.target}
    moves: list[Move] = []
    looks: dict[int, Look] = {}

    def note(number: int, side: Side, sent: Mapping[str, Scalar], told: Iterable[Record], *, new: bool) -> None:
        answered, source, target = told
        after = Look(source=source, target=target)
        before = None if new else looks[number]
        moves.append(Move(probe=number, side=side, sent=dict(sent), answered=answered, before=before, after=after))
        looks[number] = after

    writable = [f for f in candidate_fields(systems.source, Side.SOURCE) if f.createable]
    for write, number in enumerate((1, 2)):
        sent = assigner.assign(writable, write)
        note(number, Side.SOURCE, sent, systems.create(sent), new=True)
    for write, (number, side) in enumerate([(1, Side.SOURCE), (1, Side.TARGET), (2, Side.TARGET), (1, Side.TARGET)], 2):
        look = looks[number]
        fields = [f for f in candidate_fields(schemas[side], side) if f.updateable]
        sent = assigner.assign(fields, write)
        if side is Side.TARGET:
            evidence = Evidence(flow_id=FLOW, schemas=schemas, moves=tuple(moves))
            named = sorted({c.ends.target.path for c in list_candidates(evidence)})
            coded = [f.path for f in fields if f.type is FieldType.BOOLEAN]
            turned = [path for at, path in enumerate(p for p in named if p in coded) if number == 1 or at % 2 == 0]
            sent = {p: v for p, v in sent.items() if p not in coded} | {p: not look.target[p] for p in turned}
        told = systems.edit(side, dict(look.source), dict(look.target), sent)
        note(number, side, sent, told, new=False)
    return Evidence(flow_id=FLOW, schemas=schemas, moves=tuple(moves))


def entity(name: str, fields: Iterable[FieldSchema], **options: str) -> EntitySchema:
    """An entity with an id and a stamp beside these fields."""
    fixed = [
        FieldSchema(path="id", type=FieldType.ID, createable=False, updateable=False),
        FieldSchema(path="modified", type=FieldType.DATETIME, createable=False, updateable=False),
    ]
    return EntitySchema(name=name, fields=(*fixed, *fields), modified_field="modified", **options)


def plain(path: str, kind: FieldType = FieldType.STRING, *, read_only: bool = False, **more: int) -> FieldSchema:
    """A field."""
    return FieldSchema(path=path, type=kind, createable=not read_only, updateable=not read_only, **more)
