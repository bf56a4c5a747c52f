"""The reference engine's evaluator of transform expressions.

Used by the engine's rows. The oracle of the checks has an evaluator of its own; the two share no code.
Operators mean what Sesam's reference of its data transformation language says ("DTL Reference Guide", functions by
group). Values of the wrong kind are ignored, as there: the result is then null, or a list without them.
Decimals and floats travel as JSON numbers, so that a number with a fraction counts as a decimal.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite, trunc
from typing import Any

from talkqa.model.errors import TalkqaError
from talkqa.model.transform import OPERATORS, Call, Expression, Literal, Value, operators_of

_UNITS_S = {
    "week": 604_800.0,
    "day": 86_400.0,
    "hour": 3_600.0,
    "minute": 60.0,
    "second": 1.0,
    "millisecond": 1e-3,
    "microsecond": 1e-6,
    "nanosecond": 1e-9,
}


class TransformError(TalkqaError):
    """Raised for an expression that the engine cannot evaluate; names the operator."""


@dataclass(frozen=True, slots=True)
class _Scope:
    value: Any
    """What `_.` stands for."""
    now: datetime


def check_expression(expression: Expression) -> None:
    """Make sure that every operator is known.

    Raises:
        TransformError: naming the first operator that is not.
    """
    for operator in operators_of(expression):
        if operator not in OPERATORS:
            raise TransformError(f"unknown transform operator {operator!r}; known: {', '.join(sorted(OPERATORS))}")


def evaluate(expression: Expression, value: Any, now: datetime) -> Any:
    """The value of an expression for a source value; times come out as ISO 8601 UTC text.

    Args:
        expression: as parsed from the data type column.
        value: the source value, which `_.` stands for; tuples and lists are lists.
        now: what `now` gives.

    Raises:
        TransformError: for an unknown operator.
    """
    return _plain(_eval(expression, _Scope(_listed(value), now)))


def _eval(expression: Expression, scope: _Scope) -> Any:
    if isinstance(expression, Literal):
        return expression.value
    if isinstance(expression, Value):
        found = scope.value
        for step in expression.path:
            found = found.get(step) if isinstance(found, Mapping) else None
        return found
    function = _FUNCTIONS.get(expression.operator)
    if function is None:
        raise TransformError(f"unknown transform operator {expression.operator!r}")
    return function(expression, scope)


def _last(call: Call, scope: _Scope) -> Any:
    """The VALUES argument: always the last one, `_.` where a function is printed bare."""
    return _eval(call.arguments[-1], scope) if call.arguments else scope.value


def _text(call: Call, at: int, scope: _Scope) -> str:
    """An argument that sets a function up: a text, not a value to work on."""
    found = _eval(call.arguments[at], scope) if at < len(call.arguments) - 1 else ""
    return found if isinstance(found, str) else ""


def _each(values: Any, function: Callable[[Any], Any]) -> Any:
    """Apply to one value or to each of a list; None means ignored."""
    if isinstance(values, list):
        return [found for found in map(function, values) if found is not None]
    return None if values is None else function(values)


def _one(values: Any) -> Any:
    """The first value, as comparisons take it."""
    return (values[0] if values else None) if isinstance(values, list) else values


def _cast(convert: Callable[[Any], Any]) -> Callable[[Call, _Scope], Any]:
    """A cast; with two arguments the first gives the replacement for what cannot be cast."""

    def run(call: Call, scope: _Scope) -> Any:
        def one(item: Any) -> Any:
            found = convert(item)
            if found is None and len(call.arguments) > 1:
                return _eval(call.arguments[0], _Scope(item, scope.now))
            return found

        return _each(_last(call, scope), one)

    return run


def _to_string(item: Any) -> str | None:
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, float):
        return str(int(item)) if item.is_integer() else format(item, "f").rstrip("0") if abs(item) < 1e-4 else str(item)
    if isinstance(item, datetime):
        return _iso(item)
    return None if isinstance(item, Mapping) else str(item)


def _to_integer(item: Any) -> int | None:
    if isinstance(item, str):
        return int(item) if re.fullmatch(r"\s*[+-]?\d+\s*", item, re.ASCII) else None
    if isinstance(item, bool) or not isinstance(item, int | float) or not isfinite(item):
        return None
    return trunc(item)


def _to_decimal(item: Any) -> int | float | None:
    if isinstance(item, str):
        number = re.fullmatch(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", item, re.ASCII)
        item = float(item) if number else None
    if isinstance(item, bool) or not isinstance(item, int | float) or not isfinite(item):
        return None
    return item


def _to_boolean(item: Any) -> bool | None:
    if isinstance(item, str):
        return {"true": True, "false": False}.get(item.strip().casefold())
    return item if isinstance(item, bool) else None


def _to_moment(item: Any) -> datetime | None:
    """A time; wire formats give them as ISO 8601 text."""
    if isinstance(item, str) and len(item) >= 10:
        try:
            item = datetime.fromisoformat(item)
        except ValueError:
            return None
    if not isinstance(item, datetime):
        return None
    return item.replace(tzinfo=UTC) if item.tzinfo is None else item.astimezone(UTC)


def _format_moment(call: Call, scope: _Scope) -> Any:
    pattern = _text(call, len(call.arguments) - 2, scope) if len(call.arguments) > 1 else ""

    def one(item: Any) -> str | None:
        moment = _to_moment(item)
        # strftime of some platforms does not pad years below 1000.
        return None if moment is None else moment.strftime(pattern.replace("%Y", f"{moment.year:04d}"))

    return _each(_last(call, scope), one)


def _parse_moment(call: Call, scope: _Scope) -> Any:
    pattern = _text(call, len(call.arguments) - 2, scope) if len(call.arguments) > 1 else ""

    def one(item: Any) -> datetime | None:
        try:
            return _to_moment(datetime.strptime(item, pattern)) if isinstance(item, str) else None
        except ValueError:
            return None

    return _each(_last(call, scope), one)


def _differ(call: Call, scope: _Scope) -> int | None:
    """`datetime-diff`: start minus end, cut off towards zero, as the examples of the reference have it."""
    if len(call.arguments) != 3:
        return None
    unit = _text(call, 0, scope)
    start, end = (_to_moment(_one(_eval(argument, scope))) for argument in call.arguments[1:])
    if start is None or end is None:
        return None
    if unit in ("year", "month"):
        months = _months(start, end)
        return trunc(months / 12) if unit == "year" else months
    seconds = (start - end).total_seconds()
    return trunc(round(seconds / _UNITS_S[unit], 6)) if unit in _UNITS_S else None


def _months(start: datetime, end: datetime) -> int:
    """Whole months from `end` to `start`, cut off towards zero."""
    if start < end:
        return -_months(end, start)
    months = (start.year - end.year) * 12 + start.month - end.month
    rest_start = (start.day, start.time())
    return months - 1 if rest_start < (end.day, end.time()) else months


def _if(call: Call, scope: _Scope) -> Any:
    if not call.arguments:
        return None
    chosen = 1 if _eval(call.arguments[0], scope) is True else 2
    return _eval(call.arguments[chosen], scope) if chosen < len(call.arguments) else None


def _if_null(call: Call, scope: _Scope) -> Any:
    found: Any = None
    for argument in call.arguments:
        found = _eval(argument, scope)
        if _one(found) is not None:
            break
    return found  # the last one as it is


def _equal(call: Call, scope: _Scope) -> bool:
    """`eq`: with one argument it is compared with `_.`."""
    found = [_eval(argument, scope) for argument in call.arguments]
    left, right = (scope.value, *found)[-2:] if found else (None, None)
    if isinstance(left, list) != isinstance(right, list):
        left, right = (_as_list(left), _as_list(right))
    return bool(isinstance(left, bool) == isinstance(right, bool) and left == right)


def _greater(call: Call, scope: _Scope) -> bool:
    if len(call.arguments) != 2:
        return False
    left, right = (_one(_eval(argument, scope)) for argument in call.arguments)
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    texts = all(isinstance(v, str) for v in (left, right))
    moments = all(isinstance(v, datetime) for v in (left, right))
    return bool(left > right) if numbers or texts or moments else False


def _matches(call: Call, scope: _Scope) -> bool:
    if len(call.arguments) < 1:
        return False
    values = _as_list(_last(call, scope) if len(call.arguments) > 1 else scope.value)
    wildcard = _one(_eval(call.arguments[0], scope))
    if not isinstance(wildcard, str) or not values:
        return False
    parts = (".*" if letter == "*" else "." if letter == "?" else re.escape(letter) for letter in wildcard)
    pattern = re.compile("".join(parts), re.DOTALL)
    return all(isinstance(value, str) and pattern.fullmatch(value) for value in values)


def _replace(call: Call, scope: _Scope) -> Any:
    old, new = _text(call, 0, scope), _text(call, 1, scope)
    if len(call.arguments) < 3 or not old:
        return _last(call, scope)
    return _each(_last(call, scope), lambda item: item.replace(old, new) if isinstance(item, str) else None)


def _join(call: Call, scope: _Scope) -> str | None:
    values = [item for item in _as_list(_last(call, scope)) if isinstance(item, str)]
    return _text(call, 0, scope).join(values) if values else None


def _split(call: Call, scope: _Scope) -> Any:
    separator = _text(call, 0, scope) if len(call.arguments) > 1 else None
    parts: list[str] = []
    for item in _as_list(_last(call, scope)):
        if isinstance(item, str):
            parts += list(item) if separator == "" else item.split(separator)
    return parts


def _slice(call: Call, scope: _Scope) -> Any:
    bounds = [_to_integer(_one(_eval(argument, scope))) for argument in call.arguments[:-1]]
    start, end, stride = (*bounds, None, None, None)[:3]
    return _as_list(_last(call, scope))[start : end : stride or None]


def _list(call: Call, scope: _Scope) -> list[Any]:
    """A list of the arguments; printed bare, or of one list, the list as it is."""
    values = [_eval(argument, scope) for argument in call.arguments] if call.arguments else [scope.value]
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values


def _absolute(call: Call, scope: _Scope) -> Any:
    return _each(
        _last(call, scope),
        lambda item: abs(item) if isinstance(item, int | float) and not isinstance(item, bool) else None,
    )


def _as_list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [] if values is None else [values]


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
    """Results without times and lists of our own kind."""
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    return _iso(value) if isinstance(value, datetime) else value


def _iso(moment: datetime) -> str:
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


_FUNCTIONS: Mapping[str, Callable[[Call, _Scope], Any]] = {
    "datetime-format": _format_moment,
    "datetime-parse": _parse_moment,
    "datetime-diff": _differ,
    "now": lambda _, scope: scope.now,
    "if": _if,
    "if-null": _if_null,
    "neq": lambda call, scope: not _equal(call, scope),
    "eq": _equal,
    "gt": _greater,
    "or": lambda call, scope: any(_eval(argument, scope) is True for argument in call.arguments),
    "abs": _absolute,
    "matches": _matches,
    "is-empty": lambda call, scope: not _as_list(_last(call, scope)),
    "is-null": lambda call, scope: _one(_last(call, scope)) is None,
    "is-decimal": lambda call, scope: isinstance(_one(_last(call, scope)), float),
    "is-boolean": lambda call, scope: isinstance(_one(_last(call, scope)), bool),
    "decimal": _cast(_to_decimal),
    "float": _cast(_to_decimal),
    "integer": _cast(_to_integer),
    "string": _cast(_to_string),
    "boolean": _cast(_to_boolean),
    "list": _list,
    "first": lambda call, scope: _one(_last(call, scope)),
    "replace": _replace,
    "join": _join,
    "slice": _slice,
    "split": _split,
}
