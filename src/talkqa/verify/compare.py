"""Whether two values of two systems are the same value, as far as their types tell.

Used by every step that says a property follows or stays. Forgives what a type cannot keep (the time of day in a date,
digits beyond a scale) and says so in the note; never forgives cut, case-folded or trimmed text: these are faults.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from enum import StrEnum

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.verify.moments import Moment, read_moment
from talkqa.verify.texts import compare_texts

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison found."""

    equal: bool
    certain: bool = True
    """False where the types leave open whether unequal values mean the same."""
    note: str = ""
    """What was forgiven, or in what the values differ; empty where they are plainly equal or different."""


class _Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    REFERENCE = "reference"
    OPAQUE = "opaque"
    UNTYPED = "untyped"


_KINDS = {
    FieldType.INTEGER: _Kind.NUMBER,
    FieldType.DECIMAL: _Kind.NUMBER,
    FieldType.BOOLEAN: _Kind.BOOLEAN,
    FieldType.DATE: _Kind.DATE,
    FieldType.DATETIME: _Kind.DATETIME,
    FieldType.REFERENCE: _Kind.REFERENCE,
    FieldType.ID: _Kind.REFERENCE,
    FieldType.OPAQUE: _Kind.OPAQUE,
}
_DECLARED = {
    "string": _Kind.TEXT,
    "integer": _Kind.NUMBER,
    "float": _Kind.NUMBER,
    "decimal": _Kind.NUMBER,
    "boolean": _Kind.BOOLEAN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operand:
    value: Scalar
    kind: _Kind
    field: FieldSchema | None

    @property
    def scale(self) -> int | None:
        """Digits after the point that the field keeps; None where nothing says."""
        if self.field is None or self.kind is not _Kind.NUMBER:
            return None
        return 0 if self.field.type is FieldType.INTEGER else self.field.scale


def compare(
    expected: FieldValue,
    actual: FieldValue,
    *,
    expected_field: FieldSchema | None,
    actual_field: FieldSchema | None,
    declared: str | None,
) -> Comparison:
    """Compare the value that should have arrived with the one that is there.

    Args:
        expected: what one system holds, or what a transform makes of it.
        actual: what the other system holds.
        expected_field: property that `expected` was read from; None where it is no property's value or unknown.
        actual_field: property that `actual` was read from.
        declared: the row's declared data type (`PropertyRow.declared_type`), which both sides are normalised by where
            they are text or untyped.
    """
    if _is_empty(expected) or _is_empty(actual):
        return _compare_empty(expected, actual)
    if isinstance(expected, tuple) or isinstance(actual, tuple):
        return _compare_lists(expected, actual, lambda a, b: _compare_one(a, b, expected_field, actual_field, declared))
    return _compare_one(expected, actual, expected_field, actual_field, declared)


def _is_empty(value: FieldValue) -> bool:
    if isinstance(value, tuple):
        return all(_is_empty(item) for item in value)
    return value is None or value == ""


def _compare_empty(expected: FieldValue, actual: FieldValue) -> Comparison:
    if _is_empty(expected) and _is_empty(actual):
        return Comparison(equal=True, note="" if expected == actual else "empty and missing are taken as equal")
    return Comparison(equal=False, note="nothing arrived" if _is_empty(actual) else "a value stands where none should")


def _compare_lists(expected: FieldValue, actual: FieldValue, one: Callable[[Scalar, Scalar], Comparison]) -> Comparison:
    """Contained: a list keeps what else it holds, and a single value is one of the list."""
    if expected == actual:
        return Comparison(equal=True)
    held = actual if isinstance(actual, tuple) else (actual,)
    if isinstance(expected, tuple) and not isinstance(actual, tuple):
        found = [one(item, actual) for item in expected if not _is_empty(item)]
        wanted = [_best(found)]
    else:
        sought = expected if isinstance(expected, tuple) else (expected,)
        wanted = [_best([one(item, there) for there in held]) for item in sought if not _is_empty(item)]
    worst = min(wanted, key=lambda c: (c.equal, not c.certain))
    return replace(worst, note=worst.note or "contained in the list") if worst.equal else worst


def _best(found: list[Comparison]) -> Comparison:
    return max(found, key=lambda c: (c.equal, not c.certain))


def _compare_one(
    expected: Scalar,
    actual: Scalar,
    expected_field: FieldSchema | None,
    actual_field: FieldSchema | None,
    declared: str | None,
) -> Comparison:
    if _is_empty(expected) or _is_empty(actual):
        return _compare_empty(expected, actual)
    if type(expected) is type(actual) and expected == actual:
        return Comparison(equal=True)
    left, right = _operand(expected, expected_field, declared), _operand(actual, actual_field, declared)
    kinds = {left.kind, right.kind}
    for kind, function in _BY_KIND:
        if kind in kinds:
            return function(left, right)
    return _compare_as_texts(left, right, declared)


def _operand(value: Scalar, field: FieldSchema | None, declared: str | None) -> _Operand:
    kind = _KINDS.get(field.type, _Kind.TEXT) if field is not None else _DECLARED.get(declared or "", _Kind.UNTYPED)
    if kind in {_Kind.TEXT, _Kind.UNTYPED} and not isinstance(value, str):
        # A field that is only known as text (a schema read off documents) may well hold JSON numbers.
        kind = _Kind.BOOLEAN if isinstance(value, bool) else _Kind.NUMBER
    return _Operand(value=value, kind=kind, field=field)


def _undecided(note: str) -> Comparison:
    return Comparison(equal=False, certain=False, note=note)


def _refuse_opaque(_left: _Operand, _right: _Operand) -> Comparison:
    return _undecided("an opaque property cannot be compared")


def _compare_references(left: _Operand, right: _Operand) -> Comparison:
    if str(left.value) == str(right.value):
        return Comparison(equal=True)
    if left.kind is right.kind or left.field is None or right.field is None:
        return Comparison(equal=False, note="another record is referred to")
    return _undecided("one side refers to a record, the other holds a value of its own")


# Booleans


def _truth(operand: _Operand) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}.get(
        str(operand.value).lower()
    )


def _compare_booleans(left: _Operand, right: _Operand) -> Comparison:
    ours, theirs = _truth(left), _truth(right)
    if ours is None or theirs is None:
        return _undecided("a truth value stands against one of another type")
    same = str(left.value).lower() == str(right.value).lower()
    return Comparison(
        equal=ours == theirs, note="" if same or ours != theirs else "1 and 0 are taken as true and false"
    )


# Numbers


def _number(value: Scalar) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    text = repr(value) if isinstance(value, float) else str(value)
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _compare_numbers(left: _Operand, right: _Operand) -> Comparison:
    ours, theirs = _number(left.value), _number(right.value)
    if ours is None:
        return _undecided("a number stands against a value that is none")
    if theirs is None:
        digits = re.sub(r"\D", "", f"{ours:f}".removesuffix(".0"))
        if isinstance(right.value, str) and digits not in re.sub(r"\D", "", right.value):
            return Comparison(equal=False, note="no number arrived")
        return _undecided("the number may be written in another form")
    if ours == theirs:
        if _padded(right.value) and not _padded(left.value):
            return _undecided("the number came to be written with leading zeros")
        lost = _padded(left.value) and not _padded(right.value)
        return Comparison(equal=True, note="a number has no leading zeros" if lost else "")
    return _compare_rounded(ours, theirs, [s for s in (left.scale, right.scale) if s is not None])


def _padded(value: Scalar) -> bool:
    return isinstance(value, str) and re.match(r"[+-]?0\d", value) is not None


def _compare_rounded(ours: Decimal, theirs: Decimal, scales: list[int]) -> Comparison:
    scale = min(scales, default=None)
    if scale is None or abs(ours - theirs) >= Decimal(1).scaleb(-scale):
        return Comparison(equal=False)
    if theirs in _rounded(ours, scale):
        if not theirs:
            return _undecided(f"rounded to {scale} digits, nothing is left of the number")
        return Comparison(equal=True, note=f"rounded to {scale} digits after the point, the coarser scale of the two")
    if ours in _rounded(theirs, scale):
        return _undecided(f"more digits arrived than the {scale} after the point that were sent")
    return _undecided(f"less than one unit of the coarser scale ({scale} digits) apart: perhaps cut off")


def _rounded(number: Decimal, scale: int) -> set[Decimal]:
    """Both ways of rounding a half that systems use."""
    return {number.quantize(Decimal(1).scaleb(-scale), rounding=way) for way in (ROUND_HALF_UP, ROUND_HALF_EVEN)}


# Dates and times


def _moment(operand: _Operand) -> Moment | None:
    return read_moment(operand.value) if isinstance(operand.value, str) else None


def _compare_moments(left: _Operand, right: _Operand) -> Comparison:
    ours, theirs = _moment(left), _moment(right)
    if ours is None or theirs is None:
        return _undecided("a date stands against a value that is no ISO 8601 date")
    if ours.dated or theirs.dated or _Kind.DATE in {left.kind, right.kind}:
        return _compare_days(ours, theirs)
    gap = abs(ours.at - theirs.at)
    if not gap:
        return Comparison(equal=True, note="" if ours.zoned == theirs.zoned else "without a time zone, UTC is assumed")
    if ours.digits != theirs.digits and gap < timedelta(seconds=10.0 ** -min(ours.digits, theirs.digits)):
        return Comparison(equal=True, note="compared in the coarser precision of the two")
    return _compare_zones(ours, theirs, gap)


def _compare_days(ours: Moment, theirs: Moment) -> Comparison:
    if ours.day == theirs.day:
        both_dated = ours.dated and theirs.dated
        midnight = not (ours.at - theirs.at)
        return Comparison(equal=True, note="" if both_dated or midnight else "compared by the date in UTC alone")
    if not (ours.dated and theirs.dated) and abs((ours.day - theirs.day).days) == 1:
        return _undecided("one day apart, which a time zone may explain")
    return Comparison(equal=False)


def _compare_zones(ours: Moment, theirs: Moment, gap: timedelta) -> Comparison:
    shift = gap % timedelta(minutes=15)
    if not (ours.zoned and theirs.zoned) and not shift and gap <= timedelta(hours=14):
        return _undecided("a time zone that one side does not tell may explain the difference")
    return Comparison(equal=False)


# Texts


def _compare_as_texts(left: _Operand, right: _Operand, declared: str | None) -> Comparison:
    ours, theirs = str(left.value), str(right.value)
    kind = _DECLARED.get(declared or "", _Kind.TEXT)
    if kind is not _Kind.TEXT:  # both are kept as text, and the document says what passes between them
        found = dict(_BY_KIND)[kind](left, right)
        if found.equal and found.certain:
            return replace(found, note=found.note or f"compared as {declared}, as declared")
    equal, certain, note = compare_texts(ours, theirs, right.field)
    return Comparison(equal=equal, certain=certain, note=note)


_BY_KIND: tuple[tuple[_Kind, Callable[[_Operand, _Operand], Comparison]], ...] = (
    (_Kind.OPAQUE, _refuse_opaque),
    (_Kind.REFERENCE, _compare_references),
    (_Kind.BOOLEAN, _compare_booleans),
    (_Kind.NUMBER, _compare_numbers),
    (_Kind.DATE, _compare_moments),
    (_Kind.DATETIME, _compare_moments),
)
"""In this order the kind of one side decides for both."""
