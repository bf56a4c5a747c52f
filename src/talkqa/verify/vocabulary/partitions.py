"""Values of kinds that often go wrong on their way: what both ends of a row can hold of them."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

from talkqa.checklist.partitions import FILLING, NOTHINGS, PARTITIONS, TIDIED, looked_for
from talkqa.model.errors import CheckNotRunnable, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import Scalar
from talkqa.model.result import Cause
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.verify.flowstate import FlowState
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.values import FlowValues, NoCommonValueError, fit, holds

_TEXT = frozenset({FieldType.STRING, FieldType.TEXT})
_NUMBER = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_ROOM = 200
"""Length of the longest text where nothing limits it."""
_OVERLONG = 4000
"""A text longer than this is not written just to be refused."""
_YEARS = 30


def value_of(partition: str, row: PropertyRow, state: FlowState, key: str, side: Side = Side.SOURCE) -> Scalar:
    """A value of a partition for one side of a row.

    Raises:
        CheckNotRunnable: where one of the two ends cannot hold such a value.
        CheckUndecided: for a partition that is not known.
    """
    if partition not in PARTITIONS:
        raise CheckUndecided("partition-unknown", f"'{partition}' is none of {', '.join(PARTITIONS)}")
    own, field = narrow(row, state, side)
    value = _make(partition, row, field, _Stuff.of(state.values, own, key))
    if not _fits(value, row, state, side):
        raise CheckNotRunnable("partition-unfit", f"'{row.source}' and '{row.target}' cannot both hold {partition}")
    return fit(value, own)


def suite_value(suite: str, row: PropertyRow, state: FlowState, key: str, side: Side) -> Scalar:
    """The value that one property gets of a suite, by its type; None where both ends hold none."""
    try:
        own, field = narrow(row, state, side)
    except (CheckNotRunnable, CheckUndecided):
        return None
    stuff = _Stuff.of(state.values, own, key)
    for partition in _SUITED[suite].get(field.type, ()):
        value = _make(partition, row, field, stuff)
        if _fits(value, row, state, side):
            return fit(value, own)
    return None


def too_long(row: PropertyRow, state: FlowState, key: str, side: Side) -> str | None:
    """A text for which one side of a row has room and the other has not; None where both have the same."""
    ends = {
        Side.SOURCE: state.schema(Side.SOURCE).field(row.source),
        Side.TARGET: state.schema(Side.TARGET).field(row.target),
    }
    own, other = ends[side], ends[side.other]
    if own is None or other is None or row.transform is not None or not {own.type, other.type} <= _TEXT:
        return None
    length = (other.max_length or _OVERLONG) + 1
    if length > min(own.max_length or _OVERLONG, _OVERLONG) or own.restricted:
        return None
    return _long(_Stuff.of(state.values, own, key), length)


def narrow(row: PropertyRow, state: FlowState, side: Side) -> tuple[FieldSchema, FieldSchema]:
    """The property on one side of a row, and a field as narrow as all that its value comes to.

    Raises:
        CheckNotRunnable: where they have no value in common.
        CheckUndecided: where no schema has one of them.
    """
    source, target = state.both()
    if source.field(row.source) is None or target.field(row.target) is None:
        raise CheckUndecided("row-unknown", f"no schema knows {row.source} and {row.target}", cause=Cause.CONFIGURATION)
    try:
        return state.values.narrow_source(row.source) if side is Side.SOURCE else state.values.narrow_target(row)
    except NoCommonValueError as error:
        raise CheckNotRunnable("no-common-value", str(error), cause=Cause.DOCUMENT) from error


def _fits(value: Scalar, row: PropertyRow, state: FlowState, side: Side) -> bool:
    """Whether the side that is written holds a value, and the other one what is made of it."""
    fields = state.schema(Side.SOURCE).field(row.source), state.schema(Side.TARGET).field(row.target)
    if value is None:
        return False
    if row.transform is not None:
        fields = (fields[0], None) if side is Side.SOURCE else (None, fields[1])
        if side is Side.SOURCE and not _arrives(row, value, state):
            return False
    texts = ((f, fit(value, f)) for f in fields if f is not None)
    return all(not isinstance(t, str) or len(t) <= (f.max_length or len(t)) for f, t in texts)


def _arrives(row: PropertyRow, value: Scalar, state: FlowState) -> bool:
    """Whether the transform makes something of a value that the target can hold; what it makes nobody may know."""
    target = state.schema(Side.TARGET).field(row.target)
    assert row.transform is not None  # noqa: S101 - asked by the caller
    try:
        result = evaluate(row.transform, value, None, now=None)
    except OracleUnknown:
        return False
    return target is None or holds(result, target)


class _Stuff:
    """What values are made of: drawn for one property of one scenario, so that no two records share them."""

    def __init__(self, word: str, code: str, digits: str, days: int) -> None:
        self.word, self.code, self.digits, self.days = word, code, digits, days

    @classmethod
    def of(cls, values: FlowValues, own: FieldSchema, key: str) -> "_Stuff":
        """Draw it."""
        text = str(values.sentinels.value(FieldSchema(path=own.path, type=FieldType.STRING), key, 7))
        number = str(values.sentinels.value(FieldSchema(path=own.path, type=FieldType.INTEGER), key, 7))
        word, _, code = text.partition(" ")
        return cls(word, code, number, int(number) % _YEARS)


def _make(partition: str, row: PropertyRow, field: FieldSchema, stuff: _Stuff) -> Scalar:
    """A value of a partition that a field can hold; None where it can hold none."""
    if field.type in _TEXT and not field.restricted:
        made = _TEXTS.get(partition)
        texts = made(stuff, field) if made else (_transformed(partition, row, stuff),)
        return next((t for t in texts if t and len(t) <= (field.max_length or len(t))), None)
    if field.type in _NUMBER:
        return _number(partition, field, stuff)
    if field.type is FieldType.BOOLEAN:
        return {"true": True, "false": False}.get(partition)
    if field.type in {FieldType.DATE, FieldType.DATETIME}:
        return _moment(partition, stuff, timed=field.type is FieldType.DATETIME)
    return None


def _long(stuff: _Stuff, length: int) -> str:
    filler = f"{stuff.code} Wide load 0123456789 "
    return (filler * (length // len(filler) + 1))[:length].strip().ljust(length, "x")


def _padded(stuff: _Stuff, field: FieldSchema) -> tuple[str, ...]:
    room = min(field.max_length or _ROOM, len(stuff.digits) + 2)
    return (f"00{stuff.digits[: max(1, room - 2)]}",)


def _lines(stuff: _Stuff, field: FieldSchema) -> tuple[str, ...]:
    return (f"{stuff.word}\n{stuff.code}\n\nthe end",) if field.type is FieldType.TEXT else ()


_TRUTHS = ("true", "false", "TRUE", "FALSE", "True", "False")

_TEXTS: Mapping[str, Callable[[_Stuff, FieldSchema], tuple[str, ...]]] = {
    "unicode text": lambda s, _f: (f"{s.code} Ærøskøbing Łódź 東京 ñandú", f"{s.code[:4]} éŁ東"),
    "symbols beyond the basic plane": lambda s, _f: (f"{s.code} 🚲 😀", f"{s.code[:4]} 😀"),
    "the longest text": lambda s, f: (_long(s, f.max_length or _ROOM),),
    "a long text": lambda s, f: (_long(s, min(f.max_length or _ROOM, _ROOM)),),
    "a single letter": lambda s, _f: (s.code[0],),
    "text in both cases": lambda s, _f: (
        f"iX {s.word.swapcase()} {s.code.upper()}",
        f"{s.word[:4]}{s.code[:2].upper()}",
    ),
    "text with leading zeros": _padded,
    "text that looks like a number": lambda s, _f: (f"{s.digits}.10", s.digits, s.digits[:4]),
    "text that looks like a date": lambda s, _f: (f"{2001 + s.days}-02-03",),
    "text that looks like a truth value": lambda s, _f: (_TRUTHS[int(s.digits) % len(_TRUTHS)], "true"),
    "text that looks like markup": lambda s, _f: (f"<b>{s.word}</b> &amp; {s.code}", f"<b>{s.code[:3]}"),
    "text with quotation marks": lambda s, _f: (f"""O'{s.word} "{s.code}" \\ 50 %""", f"""{s.code[:3]}'"\\%"""),
    "text with blanks at its ends": lambda s, _f: (f" {s.word} {s.code} ", f" {s.code} ", f" {s.code[:4]} "),
    "text with several blanks inside": lambda s, _f: (f"{s.word}   {s.code}", f"{s.code[:3]}  {s.code[3:6]}"),
    "text on several lines": _lines,
    "text with blanks wherever they fit": lambda s, _f: (f" {s.word}   {s.code} ", f" {s.code[:3]}  {s.code[3:6]} "),
}
"""Each with shorter forms for fields with less room; among them those that only a suite writes."""


def _transformed(partition: str, row: PropertyRow, stuff: _Stuff) -> str:
    """A text for a row's expression to work on: with what it looks for, or without."""
    sought = looked_for(row.transform.expression) if row.transform is not None else ()
    if not sought:
        return ""
    one, head, tail = sought[0], stuff.code[:4], stuff.code[4:]
    return {
        "text in which its transform finds nothing": next(
            (t for t in (stuff.code, stuff.digits, stuff.word) if not any(each in t for each in sought)), ""
        ),
        "text in which its transform finds something twice": f"{head}{one}{tail}{one}{stuff.digits[:3]}",
        "text that begins with what its transform looks for": f"{one}{stuff.code}",
        "text that ends with what its transform looks for": f"{stuff.code}{one}",
        "nothing but what its transform looks for": one,
    }.get(partition, "")


def _number(partition: str, field: FieldSchema, stuff: _Stuff) -> Scalar:
    whole = field.type is FieldType.INTEGER
    scale = 0 if whole else min(2 if field.scale is None else field.scale, 6)
    before = min((field.max_length or 9) - (0 if whole else field.scale or 0), 9)
    unit = 10**-scale
    if partition == "zero":
        return 0
    if before < 1 or (scale == 0 and partition in _FRACTIONS):
        return None
    if partition == "a negative number":
        last = 1 + int(stuff.digits[-1]) % 9
        return -(17 if before > 1 else 7) if scale == 0 else -round((17 if before > 1 else 7) + last * unit, scale)
    top: int = 10**before - 1
    if partition == "a large number":  # 9 digits are below 2**31
        return top if scale == 0 else round(top + (1 - unit), scale)
    return {
        "a small number": round(unit, scale),
        "a number with all its digits": round(3.141592 if scale < 6 else 3.141593, scale),
        "a number that ends in five": round(1 + 5 * unit, scale),
    }.get(partition)


_FRACTIONS = frozenset({"a small number", "a number with all its digits", "a number that ends in five"})


def _moment(partition: str, stuff: _Stuff, *, timed: bool) -> Scalar:
    """A date or time; those of a clock change are the hours that Central Europe skips and repeats."""
    year = 2002 + stuff.days
    leap = 2004 + 4 * (stuff.days % 8)
    known: dict[str, tuple[date, str]] = {
        "the first day of a year": (date(year, 1, 1), "00:00:00"),
        "the last day of a year": (date(year, 12, 31), "23:59:59"),
        "a leap day": (date(leap, 2, 29), "10:20:30"),
        "midnight in UTC": (date(year, 3, 4), "00:00:00"),
        "the last second of a day": (date(year, 5, 6), "23:59:59"),
        "the hour that a clock change skips": (_last_sunday(year, 3), "01:30:00"),
        "the hour that a clock change repeats": (_last_sunday(year, 10), "00:30:00"),
    }
    if partition not in known or (not timed and partition in _TIMED):
        return None
    day, time = known[partition]
    return f"{day}T{time}Z" if timed else day.isoformat()


_TIMED = frozenset({"midnight in UTC", "the last second of a day"})


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


_TIDY = ("text with blanks wherever they fit", "text in both cases")
_SUITED: Mapping[str, Mapping[FieldType, tuple[str, ...]]] = {
    NOTHINGS: {
        FieldType.STRING: ("text with leading zeros",),
        FieldType.TEXT: ("text with leading zeros",),
        FieldType.INTEGER: ("zero",),
        FieldType.DECIMAL: ("zero",),
        FieldType.BOOLEAN: ("false",),
        FieldType.DATE: ("the first day of a year",),
        FieldType.DATETIME: ("midnight in UTC",),
    },
    TIDIED: {
        FieldType.STRING: _TIDY,
        FieldType.TEXT: _TIDY,
        FieldType.INTEGER: ("a negative number",),
        FieldType.DECIMAL: ("a negative number",),
        FieldType.BOOLEAN: ("true",),
        FieldType.DATE: ("a leap day",),
        FieldType.DATETIME: ("the last second of a day",),
    },
    FILLING: {
        FieldType.STRING: ("a long text",),
        FieldType.TEXT: ("a long text",),
        FieldType.INTEGER: ("a large number",),
        FieldType.DECIMAL: ("a number with all its digits", "a large number"),
        FieldType.DATE: ("the last day of a year",),
        FieldType.DATETIME: ("the hour that a clock change repeats",),
    },
}
"""Per suite and type of a field the kinds of value that it gets; the first that fits."""
