"""How sure a row is: what each observation says against chance, in bits, and what the sum of them means."""

from math import log2

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.sentinels import is_telling, token_of

LEAST = 0.95
"""Rows that are less sure than this are not proposed."""
_MOST = 0.9999
_TELLING = 40.0
_DAYS = 13.0
_MOVE = 4.0
"""What it says at least that a value moved with an edit, and to the right value: others stay as they are."""
_LETTER = 2.0


def weigh(value: Scalar, field: FieldSchema, *, moved: bool) -> float:
    """What it says that a value of a source property stands in the target, in bits.

    Args:
        value: As it stands in the source.
        field: The source property.
        moved: Whether it came there by an edit, so that something else stood there before.
    """
    return max(_bits(value, field), _MOVE if moved else 0.0)


def confidence_of(bits: float, rivals: int) -> float:
    """The chance that a row is no coincidence, 0 to 1.

    Args:
        bits: The sum over its observations.
        rivals: How many pairs of properties could have shown the same.
    """
    chance: float = max(rivals, 1) * 2.0**-bits
    return round(min(max(1 - chance, 0.0), _MOST), 4)


def _bits(value: Scalar, field: FieldSchema) -> float:
    if value is None or isinstance(value, bool):
        return 1.0 if isinstance(value, bool) else 0.0
    if field.picklist:
        return log2(max(len(field.picklist), 1))
    if isinstance(value, int | float):
        return log2(10) * len(str(abs(value)).replace(".", "").strip("0"))
    if field.type in {FieldType.DATE, FieldType.DATETIME}:
        return _DAYS
    if any(map(is_telling, token_of(value))):
        return _TELLING
    return min(_LETTER * len(value), _TELLING)
