"""The casts of the transform language: one value to one value.

What cannot be cast is `Ignored`, as the reference says; what a lenient reader might cast is unknown.
"""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from talkqa.verify.dtl.data import Ignored, Item, OracleUnknown

_WHOLE = re.compile(r"[+-]?[0-9]+")
_FRACTION = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_FLOAT = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_EXACT = 2.0**53
"""Above it, a float is not the number that was written."""


def to_string(item: Item) -> str:
    """The text of a text or a number."""
    match item:
        case str():
            return item
        case bool() | datetime() | None:
            raise OracleUnknown(f"the text form of {item!r} is not documented")
        case int():
            return str(item)
        case float():
            text = repr(float(item))
        case Decimal():
            text = str(item)
    if "e" in text.lower() or (text.endswith("0") and "." in text):
        # 100.0 may be written 100, 100.0 or 100.00, as the number was kept
        raise OracleUnknown(f"the text form of the number {text} is not documented")
    return text


def to_decimal(item: Item) -> Decimal:
    """The exact number of a number or a plain text."""
    match item:
        case bool() | datetime() | None:
            raise OracleUnknown(f"what {item!r} is as a number is not documented")
        case int() | Decimal():
            return Decimal(item)
        case float() if abs(item) > _EXACT:
            raise OracleUnknown(f"{item} has more digits than a JSON number keeps")
        case float():
            return Decimal(repr(float(item)))
        case str() if _FRACTION.fullmatch(item):
            exact = Decimal(item)
            if Decimal(repr(float(item))) != exact:
                raise OracleUnknown(f"{item} has more digits than a JSON number keeps")
            return exact
        case str():
            return _unread(item, Decimal)


def to_float(item: Item) -> float:
    """The float of a number or a text, which may have an exponent."""
    if isinstance(item, str):
        return float(item) if _FLOAT.fullmatch(item) else _unread(item, float)
    return float(to_decimal(item))


def to_integer(item: Item) -> int:
    """The integer of a number or a text."""
    if isinstance(item, str):
        return int(item) if _WHOLE.fullmatch(item) else _unread(item, Decimal)
    exact = to_decimal(item)
    whole = int(exact)
    if exact != whole and (exact < 0 or exact - whole >= Decimal("0.5")):
        # 124.4 gives 124; which of cutting, rounding and rounding down that was, the reference does not show
        raise OracleUnknown(f"how {exact} is made an integer is not documented")
    return whole


def to_boolean(item: Item) -> bool:
    """The truth of a boolean or of the words true and false."""
    if isinstance(item, bool):
        return item
    if not isinstance(item, str) or item.strip().lower() not in {"true", "false"}:
        raise Ignored
    if item != item.strip():
        raise OracleUnknown(f"whether {item!r} counts as a boolean is not documented")
    return item.lower() == "true"


def _unread(text: str, parse: Callable[[str], object]) -> NoReturn:
    """A text that is no plain number: ignored, unless a lenient parser might take it (` 1`, `1e3`, `1_0`, `NaN`)."""
    if text[:2].lower() == "0x":
        raise OracleUnknown("a hexadecimal number, of which no document makes use")
    try:
        parse(text)
    except (ValueError, InvalidOperation):
        raise Ignored from None
    raise OracleUnknown(f"whether {text!r} counts as a number here is not documented")
