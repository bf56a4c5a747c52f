"""What a transform makes of a value: the expected value of a row that prints an expression.

The language is Sesam's DTL; each operator does what Sesam's published function reference says of it, and what that
page leaves open raises `OracleUnknown`, so that the check is undecided and nobody is accused. The reference engine of
the sandbox evaluates the same expressions with code of its own; a differential test compares the two.

Assumptions beyond the reference, each because documents print it and no other reading gives sense:

- `_.` holds what the API returned, so a date is ISO 8601 text where the language expects a datetime; it is read as one.
- A missing value has no elements (`is-empty` is true of it) and equals an empty list.
- `matches` knows `*` and `?` alone: `+*` is a text that begins with a plus sign, `+* *` one with a blank after it.
- The time zone is UTC, as the reference says where none is named.
- An expression that makes nothing of something is unknown: no document says whether that empties the target.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from talkqa.model.record import FieldValue
from talkqa.model.transform import CASTS, Call, Expression, Literal, Transform, Value, operators_of
from talkqa.verify.dtl import casts, functions
from talkqa.verify.dtl.data import Data, Ignored, Item, OracleUnknown, first, items, take, tell, unknown

__all__ = ["OracleUnknown", "evaluate"]

_OF_LISTS = frozenset({"first", "list", "join", "slice", "split"})
"""Operators that mean the whole list, so that an expression with one of them is not meant item by item."""
_BARE = (CASTS - {"list"}) | {"abs", "is-null", "is-empty", "is-decimal", "is-boolean"}
"""Operators that apply to the value itself where they are printed without argument."""
_OF_VALUE: tuple[Expression, ...] = (Value(),)
_NOTHING: frozenset[Data] = frozenset({(), (None,), ("",)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    value: Data
    record: Mapping[str, FieldValue] | None
    now: datetime | None


def evaluate(
    transform: Transform, value: FieldValue, record: Mapping[str, FieldValue] | None = None, *, now: datetime | None
) -> FieldValue:
    """What the target value must be for this source value.

    Args:
        transform: the expression of the row.
        value: value of the row's source property, as its system returned it.
        record: all properties of that record, for expressions that name a further one (`_.DefaultValue`).
        now: the time of evaluation, aware. Where the result hangs on it, evaluate for the time of the write and for the
            time of the sighting, and trust only equal results.

    Raises:
        OracleUnknown: where the value cannot be determined.
    """
    scope = _Scope(value=take(value), record=record, now=now)
    result = tell(_evaluate(transform.expression, scope))
    if isinstance(value, tuple) and not _OF_LISTS & set(operators_of(transform.expression)):
        # Whether an engine evaluates a list path item by item or at once is not documented; often both agree.
        each = tuple(tell(_evaluate(transform.expression, replace(scope, value=item))) for item in items(scope.value))
        if each != items(result):
            raise OracleUnknown("the expression gives one result for the list and another for its items")
    if items(result) in _NOTHING and items(value) not in _NOTHING:
        raise OracleUnknown("the expression leaves nothing, and whether that empties the target is not documented")
    return result


def _evaluate(expression: Expression, scope: _Scope) -> Data:
    match expression:
        case Literal(value=value):
            return value
        case Value(path=()):
            return scope.value
        case Value(path=path):
            return _property(".".join(path), scope)
        case Call(operator=name, arguments=arguments):
            operator = _OPERATORS.get(name)
            if operator is None:
                raise OracleUnknown(f"the operator {name!r} is not known")
            return operator(arguments or (_OF_VALUE if name in _BARE else ()), scope)


def _property(path: str, scope: _Scope) -> Data:
    """A property of the source value: of a nested object, which a record holds under longer paths."""
    if scope.value is not None:
        return None  # a text or number has no properties
    if scope.record is None:
        raise OracleUnknown(f"the record that may hold {path!r} was not given")
    found = [key for key in scope.record if key.endswith(f".{path}")]
    if len(found) > 1:
        raise OracleUnknown(f"{path!r} may be any of {', '.join(sorted(found))}")
    return take(scope.record[found[0]]) if found else None


# How operators take their arguments

_Operator = Callable[[tuple[Expression, ...], _Scope], Data]


def _strict(least: int, most: int, function: Callable[..., Data]) -> _Operator:
    """An operator that wants all its arguments evaluated."""

    def apply(arguments: tuple[Expression, ...], scope: _Scope) -> Data:
        _check_count(arguments, least, most)
        return function(*(_evaluate(argument, scope) for argument in arguments))

    return apply


def _check_count(arguments: tuple[Expression, ...], least: int, most: int) -> None:
    if not least <= len(arguments) <= most:
        takes = str(least) if least == most else f"{least} to {most}"
        raise OracleUnknown(f"an operator that takes {takes} arguments has {len(arguments)}")


def _cast(convert: Callable[[Item], Item]) -> _Operator:
    """A cast: one argument, or a default for what does not convert (its `_.` is that item) and one argument."""

    def apply(arguments: tuple[Expression, ...], scope: _Scope) -> Data:
        _check_count(arguments, 1, 2)

        def convert_or_default(item: Item) -> Item:
            try:
                return convert(item)
            except Ignored:
                if len(arguments) == 1:
                    raise
                default = _evaluate(arguments[0], replace(scope, value=item))
                return unknown("the default of a cast is a list") if isinstance(default, tuple) else default

        return functions.each(_evaluate(arguments[-1], scope), convert_or_default)

    return apply


def _list(arguments: tuple[Expression, ...], scope: _Scope) -> Data:
    if not arguments:
        return items(scope.value)
    found = tuple(_evaluate(argument, scope) for argument in arguments)
    return tuple(unknown("a list inside a list") if isinstance(item, tuple) else item for item in found)


# Conditions


def _holds(expression: Expression, scope: _Scope) -> bool:
    found = _evaluate(expression, scope)
    return found if isinstance(found, bool) else unknown(f"{found!r} stands where a condition is expected")


def _if(arguments: tuple[Expression, ...], scope: _Scope) -> Data:
    _check_count(arguments, 2, 3)
    condition, then, otherwise = (*arguments, Literal(None))[:3]
    try:
        return _evaluate(then if _holds(condition, scope) else otherwise, scope)
    except OracleUnknown:
        either = _evaluate(then, scope), _evaluate(otherwise, scope)
        if tell(either[0]) == tell(either[1]) and not any(isinstance(one, bool) for one in either):  # 1 is not true
            return either[0]  # whichever way it goes
        raise


def _or(arguments: tuple[Expression, ...], scope: _Scope) -> Data:
    _check_count(arguments, 1, len(arguments))
    doubts: list[OracleUnknown] = []
    for argument in arguments:
        try:
            if _holds(argument, scope):
                return True
        except OracleUnknown as doubt:
            doubts.append(doubt)
    if doubts:
        raise doubts[0]
    return False


def _if_null(arguments: tuple[Expression, ...], scope: _Scope) -> Data:
    _check_count(arguments, 2, 2)
    found = _evaluate(arguments[0], scope)
    return _evaluate(arguments[1], scope) if functions.is_null(found) else found


def _now(arguments: tuple[Expression, ...], scope: _Scope) -> Data:
    _check_count(arguments, 0, 0)
    return unknown("the time of evaluation was not given") if scope.now is None else scope.now.astimezone(UTC)


_OPERATORS: Mapping[str, _Operator] = {
    "string": _cast(casts.to_string),
    "integer": _cast(casts.to_integer),
    "float": _cast(casts.to_float),
    "decimal": _cast(casts.to_decimal),
    "boolean": _cast(casts.to_boolean),
    "list": _list,
    "first": _strict(1, 1, first),
    "if": _if,
    "or": _or,
    "if-null": _if_null,
    "now": _now,
    "eq": _strict(2, 2, functions.equal),
    "neq": _strict(2, 2, functions.differs),
    "gt": _strict(2, 2, functions.greater),
    "matches": _strict(2, 2, functions.matches),
    "is-null": _strict(1, 1, functions.is_null),
    "is-empty": _strict(1, 1, functions.is_empty),
    "is-boolean": _strict(1, 1, functions.is_boolean),
    "is-decimal": _strict(1, 1, functions.is_decimal),
    "replace": _strict(3, 3, functions.replace),
    "join": _strict(2, 2, functions.join),
    "split": _strict(1, 2, functions.split),
    "slice": _strict(2, 4, functions.cut),
    "abs": _strict(1, 1, functions.absolute),
    "datetime-format": _strict(2, 3, functions.datetime_format),
    "datetime-parse": _strict(2, 3, functions.datetime_parse),
    "datetime-diff": _strict(3, 3, functions.datetime_diff),
}
