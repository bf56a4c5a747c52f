"""Values inside an expression, and the two ways in which one can fail."""

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import NoReturn

from talkqa.model.errors import TalkqaError
from talkqa.model.record import FieldValue, Scalar

Item = str | int | float | bool | Decimal | datetime | None
Data = Item | tuple[Item, ...]


class OracleUnknown(TalkqaError):
    """Raised where the value that an expression should give cannot be determined."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """One clause that says what is unknown."""


class Ignored(Exception):
    """Raised where the language drops a value that does not suit its operator."""


def unknown(reason: str) -> NoReturn:
    """Raise `OracleUnknown`, in an expression."""
    raise OracleUnknown(reason)


def items(data: Data) -> tuple[Item, ...]:
    """A value as the list that the language coerces it to; a missing one has no elements."""
    if isinstance(data, tuple):
        return data
    return () if data is None else (data,)


def first(data: Data) -> Item:
    """The first element; None where there is none."""
    return next(iter(items(data)), None)


def kind(item: Item) -> str:
    """`null`, `boolean`, `text`, `time` or `number`."""
    match item:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "text"
        case datetime():
            return "time"
    return "number"


def take(value: FieldValue) -> Data:
    """A property's value as the language sees it."""
    for item in items(value):
        if isinstance(item, float) and not math.isfinite(item):
            raise OracleUnknown(f"{item} is no number that a system could hold")
    return value


def tell(data: Data) -> FieldValue:
    """A result as a property would hold it."""
    return tuple(_tell_item(item) for item in data) if isinstance(data, tuple) else _tell_item(data)


def _tell_item(item: Item) -> Scalar:
    match item:
        case datetime():
            return f"{item.astimezone(UTC).isoformat().removesuffix('+00:00')}Z"
        case Decimal():
            return int(item) if item == item.to_integral_value() else float(item)  # exact: `to_decimal` saw to it
    return item
