"""The reference engine's private property mapping, for flows whose documents name no properties.

Drawn from the flow's id alone, so that every run of every seed has the same. It joins differently named fields, crosses
look-alikes, drops most and changes some values on their way; all that it carries, it carries both ways.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox import draws

PLAIN_TEXTS = 2
"""How many unchanged texts every mapping carries, so that whoever looks can tell records by them."""
ROOM = 20
"""Characters that such a text has room for, on both sides."""
_FREE_TEXTS = frozenset({FieldType.STRING, FieldType.TEXT})
_OTHERS = (
    FieldType.DECIMAL,
    FieldType.DATE,
    FieldType.EMAIL,
    FieldType.INTEGER,
    FieldType.PHONE,
    FieldType.URL,
    FieldType.DATETIME,
    FieldType.BOOLEAN,
)
_SIZES = (4, 7)
_SWAPPED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

SWAP_CASE = "swap-case"
REVERSE = "reverse"
HIDDEN = (SWAP_CASE, REVERSE)
"""Changes that are their own inverse and keep the length: an edit of either side can always be carried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivatePair:
    """One property that the engine carries without any document saying so."""

    source: str
    target: str
    hidden: str | None = None
    """What is done to the value, both ways; None for nothing."""


def hide(name: str, text: str) -> str:
    """A text after a hidden change; the same change undoes it."""
    return text.translate(_SWAPPED) if name == SWAP_CASE else text[::-1]


def draw_mapping(flow_id: str, source: EntitySchema, target: EntitySchema) -> tuple[PrivatePair, ...]:
    """The private mapping of a flow.

    Args:
        flow_id: the only thing that it is drawn from, beside the two entities.
        source: the source entity.
        target: the target entity.

    Returns:
        Up to seven pairs, no field twice, sorted by source; fewer where the entities hold too little.
    """
    size = _SIZES[0] + draws.index(_SIZES[1] - _SIZES[0] + 1, "size", flow_id)
    targets = sorted(
        _shuffled(flow_id, "target", target), key=lambda field: (not _leads(field, target), field.unconfirmed)
    )
    free = sorted(_shuffled(flow_id, "source", source), key=lambda field: field.unconfirmed)
    pairs: list[PrivatePair] = []

    def join(fields: Iterable[FieldSchema], count: int, *, strictly: bool) -> None:
        for field in fields:
            match = None if len(pairs) >= count else _partner(field, free, strictly=strictly)
            if match is not None and all(field.path != pair.target for pair in pairs):
                free.remove(match)
                changeable = len(pairs) >= PLAIN_TEXTS and field.type in _FREE_TEXTS and not _leads(field, target)
                changed = sum(1 for pair in pairs if pair.hidden)
                hidden = HIDDEN[len(pairs) % 2] if changeable and changed < 2 else None
                pairs.append(PrivatePair(source=match.path, target=field.path, hidden=hidden))

    texts = [field for field in targets if field.type in _FREE_TEXTS and _room(field) >= ROOM]
    join(texts, max(PLAIN_TEXTS + 1, size - 3), strictly=True)
    join(texts, PLAIN_TEXTS, strictly=False)
    join(_other_kinds(targets), size, strictly=True)
    return tuple(sorted(pairs, key=lambda pair: (pair.source, pair.target)))


def _shuffled(flow_id: str, side: str, schema: EntitySchema) -> list[FieldSchema]:
    fields = [field for field in schema.fields if _usable(field, schema)]
    return sorted(fields, key=lambda field: draws.digest("field", flow_id, side, field.path))


def _usable(field: FieldSchema, schema: EntitySchema) -> bool:
    special = {schema.id_field, schema.modified_field, schema.modified_by_field}
    if schema.archive is not None:
        special.add(schema.archive[0])
    known = field.type in _FREE_TEXTS or field.type in _OTHERS
    plain = field.list_at is None and field.requires is None and not field.picklist
    return known and plain and field.writable and field.path not in special


def _leads(field: FieldSchema, schema: EntitySchema) -> bool:
    """Whether a record of the entity needs this field to be something: its name, or what it demands."""
    return field.required or field.path == schema.name_field


def _partner(field: FieldSchema, free: Sequence[FieldSchema], *, strictly: bool) -> FieldSchema | None:
    """The first source field that fits; one of another name goes before one of the same.

    Args:
        field: of the target.
        free: source fields that no pair has yet.
        strictly: whether the target must hold whatever the source can.
    """
    if field.type in _FREE_TEXTS:
        fitting = [one for one in free if one.type in _FREE_TEXTS and _room(one) >= ROOM]
    else:
        fitting = [one for one in free if one.type is field.type]
    if strictly:
        fitting = [one for one in fitting if _room(one) <= _room(field) and _scale(one) <= _scale(field)]
    return min(fitting, key=lambda one: _leaf(one) == _leaf(field), default=None)


def _other_kinds(targets: list[FieldSchema]) -> Iterator[FieldSchema]:
    """One field of each further kind, then the second ones, and so on."""
    kinds = [[field for field in targets if field.type is kind] for kind in _OTHERS]
    for row in range(max(map(len, kinds))):
        for fields in kinds:
            if row < len(fields):
                yield fields[row]


def _room(field: FieldSchema) -> float:
    return float("inf") if field.max_length is None else field.max_length


def _scale(field: FieldSchema) -> float:
    return float("inf") if field.scale is None else field.scale


def _leaf(field: FieldSchema) -> str:
    return field.path.rsplit(".", 1)[-1].casefold()
