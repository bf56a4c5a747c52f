"""The functions of the transform language that want all their arguments evaluated."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import NoReturn

from talkqa.verify.dtl import calendar
from talkqa.verify.dtl.casts import to_decimal
from talkqa.verify.dtl.data import Data, Ignored, Item, OracleUnknown, first, items, kind, unknown
from talkqa.verify.moments import read_moment


def each(data: Data, convert: Callable[[Item], Item]) -> Data:
    """Convert every item; what the language ignores is left out of a list, and alone is unknown."""
    if data is None:
        return None
    if not isinstance(data, tuple):
        try:
            return convert(data)
        except Ignored:
            raise OracleUnknown(f"the language ignores {data!r} here; what is then written is not documented") from None
    kept: list[Item] = []
    for item in data:
        if item is None:
            raise OracleUnknown("whether a null inside a list is kept is not documented")
        try:
            kept.append(convert(item))
        except Ignored:
            continue
    return tuple(kept)


# Questions


def is_null(data: Data) -> bool:
    """Whether it is null, empty, or a list that begins with null."""
    return first(data) is None


def is_empty(data: Data) -> bool:
    """Whether it has no elements; an empty text is an element."""
    return not items(data)


def is_boolean(data: Data) -> bool:
    """Whether it, or its first element, is a boolean."""
    return isinstance(first(data), bool)


def is_decimal(data: Data) -> bool:
    """Whether it, or its first element, is a decimal."""
    found = first(data)
    if isinstance(found, float):
        raise OracleUnknown("whether the engine reads a JSON number with a decimal point as decimal is not documented")
    return isinstance(found, Decimal)


def equal(left: Data, right: Data) -> bool:
    """Whether two values are equal as lists."""
    ours, theirs = items(left), items(right)
    if len(ours) == len(theirs):
        pairs = [_equal_items(a, b) for a, b in zip(ours, theirs, strict=True)]  # all of them: each may be unknown
        return all(pairs)
    if [i for i in ours if i is not None] == [i for i in theirs if i is not None]:
        raise OracleUnknown("whether null equals an empty list is not documented")
    return False


def _equal_items(left: Item, right: Item) -> bool:
    kinds = {kind(left), kind(right)}
    if kinds == {"boolean", "number"} or ("time" in kinds and len(kinds) > 1):
        raise OracleUnknown(f"whether {left!r} equals {right!r} is not documented")
    if kinds == {"number"}:
        return to_decimal(left) == to_decimal(right)
    return len(kinds) == 1 and left == right


def differs(left: Data, right: Data) -> bool:
    """Whether two values are not equal as lists."""
    return not equal(left, right)


def greater(left: Data, right: Data) -> bool:
    """Whether the first value of one is greater than that of the other."""
    a, b = first(left), first(right)
    if {kind(a), kind(b)} == {"number"}:
        return to_decimal(a) > to_decimal(b)
    if isinstance(a, datetime) and isinstance(b, datetime):
        return a > b
    if isinstance(a, str) and isinstance(b, str):
        ours, theirs = _moment(a), _moment(b)
        if ours and theirs and (ours > theirs) == (a > b):  # as dates and as texts alike
            return a > b
    raise OracleUnknown(f"how {a!r} and {b!r} are ordered is not documented")


def matches(pattern: Data, data: Data) -> bool:
    """Whether there are values, all texts, all matching a pattern of `*`, `?` and plain characters."""
    if not isinstance(pattern, str) or set("[]\\") & set(pattern):
        raise OracleUnknown(f"the pattern {pattern!r} has more than the wildcards * and ?")
    shape = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    found = {
        bool(items(data)) and all(isinstance(i, str) and re.fullmatch(shape, i, flags) for i in items(data))
        for flags in (re.NOFLAG, re.DOTALL)
    }
    if len(found) > 1:
        raise OracleUnknown("whether a wildcard matches a line break is not documented")
    return found.pop()


# Texts, lists and numbers


def replace(old: Data, new: Data, data: Data) -> Data:
    """Every text with the old text replaced."""
    if not (isinstance(old, str) and isinstance(new, str) and old):
        raise OracleUnknown("replace without two texts")

    def convert(item: Item) -> Item:
        if not isinstance(item, str):
            raise Ignored
        return item.replace(old, new)

    return each(data, convert)


def join(separator: Data, data: Data) -> Data:
    """The texts among the values, joined."""
    if not isinstance(separator, str):
        raise OracleUnknown("join without a separator")
    texts = _texts(data)
    if data is not None and not texts:
        raise OracleUnknown("whether joining no texts gives an empty text or null is not documented")
    return None if data is None else separator.join(texts)


def split(*arguments: Data) -> Data:
    """The parts of all texts; an empty separator gives characters."""
    separator = arguments[0] if len(arguments) == 2 else None
    if len(arguments) == 2 and not isinstance(separator, str):
        raise OracleUnknown("split without a separator")
    parts: list[Item] = []
    for text in _texts(arguments[-1]):
        if separator is None and text.split() != text.split(" "):
            raise OracleUnknown("which blanks split without a separator is not documented")
        parts.extend(list(text) if separator == "" else text.split(separator if isinstance(separator, str) else None))
    return tuple(parts)


def cut(*arguments: Data) -> Data:
    """`slice`: start, end where given, stride where given, values."""
    *bounds, data = arguments
    limits = [bound for bound in bounds if isinstance(bound, int) and not isinstance(bound, bool)]
    if len(limits) != len(bounds) or (len(limits) == 3 and limits[2] == 0):
        raise OracleUnknown("the bounds of slice are no integers")
    if data is not None and not isinstance(data, tuple):
        raise OracleUnknown("what a slice of a single value is is not documented")
    return items(data)[slice(limits[0], None) if len(limits) == 1 else slice(*limits)]


def absolute(data: Data) -> Data:
    """Numbers without their sign."""
    return each(data, _absolute)


def _absolute(item: Item) -> Item:
    if isinstance(item, Decimal):
        return abs(item)
    if isinstance(item, int | float) and not isinstance(item, bool):
        return abs(item)
    raise Ignored


def _texts(data: Data) -> list[str]:
    return [item for item in items(data) if isinstance(item, str)]


# Dates and times


def datetime_format(*arguments: Data) -> Data:
    """The text of each point in time: zone where given, format, values."""
    zone, pattern = _zone_and_format(arguments[:-1])
    return each(arguments[-1], lambda item: calendar.write(_time(item), pattern, zone) or _no_format(pattern))


def datetime_parse(*arguments: Data) -> Data:
    """The point in time of each text: zone where given, format, values."""
    zone, pattern = _zone_and_format(arguments[:-1])

    def convert(item: Item) -> Item:
        if not isinstance(item, str):
            raise Ignored
        return calendar.read(item, pattern, zone) or _no_format(pattern)

    return each(arguments[-1], convert)


def datetime_diff(part: Data, start: Data, end: Data) -> Data:
    """How many whole parts the start is after the end; negative where it is before it."""
    if start is None or end is None:
        return None
    if isinstance(start, tuple) or isinstance(end, tuple):
        raise OracleUnknown("the difference of lists of dates is not documented")
    count = calendar.difference(part if isinstance(part, str) else "", _time(start), _time(end))
    return unknown(f"how many {part} lie between the dates has two readings") if count is None else count


def _zone_and_format(arguments: tuple[Data, ...]) -> tuple[str, str]:
    texts = [argument for argument in arguments if isinstance(argument, str)]
    if len(texts) != len(arguments):
        raise OracleUnknown("the format of a date is no text")
    return ("UTC", *texts)[-2], texts[-1]


def _moment(item: Item) -> datetime | None:
    if isinstance(item, datetime):
        return item
    read = read_moment(item) if isinstance(item, str) else None
    return read.at if read else None


def _time(item: Item) -> datetime:
    return _moment(item) or unknown(f"{item!r} is no ISO 8601 date or time")


def _no_format(pattern: str) -> NoReturn:
    raise OracleUnknown(f"the format {pattern!r} does not fit, or its result is not documented")
