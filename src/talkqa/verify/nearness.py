"""Values that are nearly the one that a merge criterion asks for, and values that only begin or end like it.

Used by the steps that see whether an engine tells records apart. Pure.
"""

import re
from collections.abc import Callable, Mapping
from string import ascii_lowercase, ascii_uppercase, digits

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType

LETTER_CASE, BLANKS, FORM = "letter case", "surrounding blanks", "the way it is written"
BEGINNING, END = "beginning", "end"
_LEAST = 6
"""Characters below which a part of a text says nothing."""
_CHANGED = 2
"""Characters by which a text differs that begins or ends like another one."""
_AS_TEXT = FieldSchema(path="", type=FieldType.STRING)
_WHOLE = frozenset(
    {FieldType.DATE, FieldType.DATETIME, FieldType.PICKLIST, FieldType.REFERENCE, FieldType.ID, FieldType.OPAQUE}
)
"""Types of which no part means anything."""
_ALPHABETS = (ascii_lowercase, ascii_uppercase)
_TURNED = str.maketrans("".join(_ALPHABETS) + digits, "".join(each[1:] + each[0] for each in _ALPHABETS) + "5234567891")
"""Each letter and digit to another one of its kind; none to a zero, which a number would lose in front."""


def differ(value: Scalar, difference: str, field: FieldSchema) -> str | None:
    """The same value as somebody else would write it; None where the field has no room or only one way of writing.

    Args:
        value: What the criterion asks for.
        difference: One of `LETTER_CASE`, `BLANKS` and `FORM`.
        field: Where it will be written.
    """
    if not isinstance(value, str):
        return None
    forms = {LETTER_CASE: lambda: [value.swapcase()], BLANKS: lambda: [f" {value} ", f"{value} "]}
    found = forms[difference]() if difference in forms else _forms(value, field)
    return next((f for f in found if f != value and len(f) <= (field.max_length or len(f))), None)


_WRITTEN: Mapping[str, Callable[[str], list[str]]] = {
    r"\+\d{9,}": lambda phone: [f"{phone[:3]} {phone[3:6]} {phone[6:]}", f"00{phone[1:]}"],
    r"\d{4}-\d\d-\d\d": lambda day: [".".join(reversed(day.split("-")))],
    r"\d+": lambda number: [f"{number[:-3]} {number[-3:]}", f"0{number}"],
    r"\d+\.\d+": lambda number: [f"{number}0", number.replace(".", ",")],
}
"""Shape of a text to the ways in which people write it otherwise."""


def _forms(value: str, field: FieldSchema) -> list[str]:
    """Other ways to write a text, the most usual first."""
    known = next((write(value) for shape, write in _WRITTEN.items() if re.fullmatch(shape, value)), None)
    if known is not None:
        return known
    if field.type is FieldType.EMAIL:
        return []
    if field.type is FieldType.URL or "://" in value:
        return [f"{value}/", value.partition("://")[2]]
    middle = len(value) // 2
    return [value.replace(" ", "-"), f"{value[:middle]}-{value[middle:]}"]


def share(value: Scalar, part: str, field: FieldSchema) -> Scalar:
    """A value of the same kind that has only its beginning or its end in common; None where none can be told.

    Args:
        value: What the criterion asks for.
        part: `BEGINNING` or `END`.
        field: Where it will be written.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        turned = share(str(value), part, _AS_TEXT)
        return type(value)(turned) if isinstance(turned, str) else None
    if not isinstance(value, str) or field.type in _WHOLE:
        return None
    if field.type is FieldType.EMAIL and "@" in value:
        local, _, domain = value.partition("@")
        return f"{local}@{_turn(domain, 0)}" if part == BEGINNING else f"{_turn(local, 0)}@{domain}"
    start = value.index("://") + 3 if field.type is FieldType.URL and "://" in value else 1 if value[:1] == "+" else 0
    if len(value) - start < _LEAST:
        return None
    return _turn(value, len(value) - _CHANGED if part == BEGINNING else start)


def _turn(text: str, at: int) -> str:
    """The text with other characters at a place."""
    return text[:at] + text[at : at + _CHANGED].translate(_TURNED) + text[at + _CHANGED :]
