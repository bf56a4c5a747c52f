"""How an entity's flat paths sit in what Wave answers and in what it takes: two different trees.

Used by the schema text, by the queries and by the mutations of this package. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema

_WRITTEN_AS: Mapping[tuple[str, str], str] = {
    ("province", "code"): "provinceCode",
    ("country", "code"): "countryCode",
    ("currency", "code"): "currency",
    ("subtype", "value"): "subtype",
}
_LISTS = frozenset({"items.taxes"})
"""Lists inside the items of a list, which a schema cannot name."""
MONEY_PLACES = 2


@dataclass(slots=True)
class Box:
    """An object, or a list of objects, in an answer or in an input."""

    path: str
    is_list: bool = False
    members: "dict[str, Box | FieldSchema]" = field(default_factory=dict)


def read_tree(entity: EntitySchema) -> Box:
    """The entity as it is read."""
    return _grow(entity, ((f.path.split("."), f) for f in entity.fields))


def write_tree(entity: EntitySchema, *, creating: bool) -> Box:
    """The entity as an input takes it; the id and what retires a record are no part of it."""
    retired = entity.archive[0] if entity.archive else None
    fields = (f for f in entity.fields if (f.createable if creating else f.updateable))
    kept = (f for f in fields if f.path not in (entity.id_field, retired))
    return _grow(entity, ((list(write_steps(f)), f) for f in kept))


@cache
def write_steps(item: FieldSchema) -> tuple[str, ...]:
    """Where a field sits in an input: codes and ids without the object around them."""
    steps = tuple(item.path.split("."))
    if len(steps) < 2:
        return steps
    code = _WRITTEN_AS.get((steps[-2], steps[-1]))
    if code is not None:
        return (*steps[:-2], code)
    if steps[-1] != "id":
        return steps
    if item.list_at == ".".join(steps[:-1]):
        return (*steps[:-2], f"{_singular(steps[-2])}Ids")
    return (*steps[:-2], f"{steps[-2]}Id")


def _singular(word: str) -> str:
    return word[:-2] if word.endswith("xes") else word.removesuffix("s")


def _grow(entity: EntitySchema, placed: Iterator[tuple[list[str], FieldSchema]]) -> Box:
    lists = {f.list_at for f in entity.fields if f.list_at} | _LISTS
    root = Box("")
    for steps, item in placed:
        box = root
        for end in range(1, len(steps)):
            path = ".".join(steps[:end])
            inner = box.members.setdefault(steps[end - 1], Box(path, is_list=path in lists))
            if not isinstance(inner, Box):
                break  # a field of its own that also holds others is read as the object
            box = inner
        else:
            box.members.setdefault(steps[-1], item)
    return root


def reference_of(system: SystemSchema, box: Box) -> str | None:
    """The entity that an object stands for: one that holds nothing but the id of another record."""
    only = box.members.get("id") if len(box.members) == 1 else None
    if isinstance(only, FieldSchema) and len(only.references) == 1:
        found = system.entity(only.references[0])
        return None if found is None else found.name
    return None


def to_decimal(value: Scalar) -> Decimal:
    """A stored number, as exact as it was written."""
    return Decimal(0) if value is None else Decimal(str(value))


def to_number(value: Decimal) -> int | float:
    """A number as the store holds it."""
    return int(value) if value == value.to_integral_value() else float(value)


def rounded(value: Decimal, places: int = MONEY_PLACES) -> Decimal:
    """Half away from zero."""
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How texts and decimals are written in answers."""

    trimmed: bool
    """Whether decimals come without the zeros at their end."""
    grouped: bool
    """Whether amounts of money come with commas between the thousands."""
    cleared: str | None
    """What an empty text is."""

    def leaf(self, item: FieldSchema, value: Scalar) -> Any:
        """A stored value as it is answered."""
        if value is None:
            return self.cleared if item.type in _FREE and item.nullable else None
        if item.type is not FieldType.DECIMAL:
            return value
        number = to_decimal(value)
        if item.path.endswith(".value"):
            return self.money(number)
        text = f"{number if item.scale is None else rounded(number, item.scale):f}"
        return _trim(text) if self.trimmed else text

    def money(self, number: Decimal) -> str:
        """An amount in major units."""
        return f"{rounded(number):,f}" if self.grouped else f"{rounded(number):f}"


_FREE = frozenset({FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL})


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def column(value: FieldValue) -> tuple[Scalar, ...]:
    """A property inside a list, item by item."""
    return value if isinstance(value, tuple) else () if value is None else (value,)
