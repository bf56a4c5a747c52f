"""Values between the field types of two systems, as the reference engine converts them.

Used by the engine's rows. What cannot be converted without inventing something is not carried.
"""

from datetime import date, datetime
from math import isfinite
from typing import Final

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import FieldSchema, FieldType


class Unfit:
    """The one value of it, `UNFIT`, stands for what cannot be carried; empty values are None instead."""


UNFIT: Final = Unfit()
Converted = FieldValue | Unfit

TEXTS = frozenset(
    {FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.PICKLIST}
)


def is_empty(value: FieldValue) -> bool:
    """Whether a property holds nothing; zero and False are something."""
    return value is None or value == "" or (isinstance(value, tuple) and all(is_empty(item) for item in value))


def is_same(left: FieldValue, right: FieldValue) -> bool:
    """Whether two stored values are equal; the various ways of being empty are one."""
    if is_empty(left) or is_empty(right):
        return is_empty(left) and is_empty(right)
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(is_same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def to_text(value: Scalar) -> str:
    """A value as text: whole numbers without a fraction, truth values in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def convert(value: FieldValue, field: FieldSchema) -> Converted:
    """A value in the type of a field; lists become their first item where the field is no list, and the reverse."""
    if is_empty(value):
        return None
    items = [item for item in (value if isinstance(value, tuple) else (value,)) if not is_empty(item)]
    if field.list_at is None:
        return _convert_scalar(items[0], field)
    converted = [_convert_scalar(item, field) for item in items]
    kept = tuple(item for item in converted if not isinstance(item, Unfit))
    return kept if len(kept) == len(converted) else UNFIT


def _convert_scalar(value: Scalar, field: FieldSchema) -> Scalar | Unfit:
    if field.type in TEXTS or field.type in (FieldType.REFERENCE, FieldType.ID):
        return to_text(value)
    if field.type is FieldType.INTEGER:
        number = _to_number(value)
        return int(number) if not isinstance(number, Unfit) and float(number).is_integer() else UNFIT
    if field.type is FieldType.DECIMAL:
        return _to_number(value)
    if field.type is FieldType.BOOLEAN:
        return value if isinstance(value, bool) else _BOOLEANS.get(to_text(value).strip().casefold(), UNFIT)
    if field.type in (FieldType.DATE, FieldType.DATETIME):
        return _to_time(value, field.type)
    return UNFIT


_BOOLEANS: dict[str, bool | Unfit] = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


def _to_number(value: Scalar) -> int | float | Unfit:
    if isinstance(value, bool) or value is None:
        return UNFIT
    if isinstance(value, str):
        text = value.strip()
        if not text.isascii() or "_" in text:
            return UNFIT
        try:
            value = int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            return UNFIT
    return value if isfinite(value) else UNFIT


def _to_time(value: Scalar, kind: FieldType) -> str | Unfit:
    if not isinstance(value, str) or len(value) < 10:
        return UNFIT
    try:
        if len(value) == 10:
            text = date.fromisoformat(value).isoformat()
            return text if kind is FieldType.DATE else f"{text}T00:00:00Z"
        datetime.fromisoformat(value)
    except ValueError:
        return UNFIT
    return value[:10] if kind is FieldType.DATE else value
