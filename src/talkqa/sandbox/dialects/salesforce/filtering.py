"""Conditions of queries as predicates over records."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.dialects.salesforce.ids import expand
from talkqa.sandbox.dialects.salesforce.refusals import ApiFault, refuse
from talkqa.sandbox.dialects.salesforce.rows import Getter, Rows, is_filterable
from talkqa.sandbox.dialects.salesforce.soql import Combination, Comparison, Condition, Literal
from talkqa.sandbox.store import EntityStore, Stored

Predicate = Callable[[Stored], bool]

_IDS = frozenset({FieldType.ID, FieldType.REFERENCE})
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_KINDS: dict[FieldType, tuple[frozenset[str], str]] = {
    FieldType.DATETIME: (frozenset({"datetime", "relative"}), "dateTime"),
    FieldType.DATE: (frozenset({"date", "relative"}), "date"),
    FieldType.INTEGER: (frozenset({"number"}), "int"),
    FieldType.DECIMAL: (frozenset({"number"}), "double"),
    FieldType.BOOLEAN: (frozenset({"boolean"}), "boolean"),
}
_TEXT_KINDS = (frozenset({"text", "pattern"}), "string")
_DAY = timedelta(days=1)
_MAX_DEPTH = 100

Span = tuple[Any, Any]
"""First value that a literal means, and the last."""


class Filter:
    """Makes predicates for one entity."""

    def __init__(self, rows: Rows, entity: EntityStore, today: date) -> None:
        self._rows = rows
        self._entity = entity
        self._today = today

    def predicate(self, condition: Condition, depth: int = 0) -> Predicate:
        """Whether a record meets a condition.

        Raises:
            ApiFault: for fields and literals that do not fit.
        """
        if depth > _MAX_DEPTH:
            raise refuse(400, "MALFORMED_QUERY", "the condition is too complicated")
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        parts = [self.predicate(part, depth + 1) for part in condition.parts]
        if condition.how == "NOT":
            return lambda record: not parts[0](record)
        if condition.how == "OR":
            return lambda record: any(part(record) for part in parts)
        return lambda record: all(part(record) for part in parts)

    def _comparison(self, comparison: Comparison) -> Predicate:
        field, get = self._rows.resolve(self._entity, comparison.path)
        if not is_filterable(field):
            message = f"field '{field.path}' can not be filtered in a query call"
            raise refuse(400, "INVALID_FIELD", message, field.path)
        spans = [self._span(field, comparison, literal) for literal in comparison.literals]
        if comparison.operator == "LIKE":
            return _like(get, comparison.literals[0], field)
        if comparison.operator in ("=", "!=", "IN", "NOT IN"):
            wanted = comparison.operator in ("=", "IN")
            return lambda record: any(_within(_key(field, get(record)), span) for span in spans) is wanted
        return _ordered(field, get, comparison.operator, spans[0])

    def _span(self, field: FieldSchema, comparison: Comparison, literal: Literal) -> Span:
        if literal.kind == "null":
            return (None, None)
        kinds, name = _KINDS.get(field.type, _TEXT_KINDS)
        if literal.kind not in kinds:
            quotes = "should not be enclosed in quotes" if literal.kind == "text" else "should be enclosed in quotes"
            known = quotes if (literal.kind == "text") is (kinds is not _TEXT_KINDS[0]) else "is of another type"
            message = f"value of filter criterion for field '{field.path}' must be of type {name} and {known}"
            raise refuse(400, "INVALID_FIELD", message, field.path)
        if literal.kind == "relative":
            return _relative(field, str(literal.value), self._today)
        if literal.kind == "datetime":
            stamp = _utc(str(literal.value))
            return (stamp, stamp)
        if literal.kind == "date":
            return _day_of(str(literal.value))
        if field.type in _IDS and comparison.operator != "LIKE":
            full = expand(literal.value) if literal.value else None
            if full is None and literal.value:
                raise refuse(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}", field.path)
            return (full, full)
        value = _key(field, literal.value)
        return (value, value)


def lower_bound(condition: Condition | None, paths: frozenset[str]) -> str:
    """The moment before which no stamp can meet a condition; empty where it sets none.

    Args:
        condition: Of a query.
        paths: Folded names of the stamps of the last change.
    """
    if isinstance(condition, Combination) and condition.how == "AND":
        return max((lower_bound(part, paths) for part in condition.parts), default="")
    if isinstance(condition, Comparison) and condition.path.casefold() in paths:
        literal = condition.literals[0]
        if condition.operator in (">", ">=", "=") and literal.kind == "datetime":
            return _utc(str(literal.value))
    return ""


def order_key(field: FieldSchema, value: Scalar) -> Any:
    """What values of a field are sorted by: text without case, ids with it; None is dealt with by the caller."""
    return value.casefold() if isinstance(value, str) and field.type not in _IDS else value


def _key(field: FieldSchema, value: Scalar) -> Any:
    """A value as it is compared: text without case, ids with it, moments to the second."""
    if value is None or value == "":
        return None
    if field.type in _NUMBERS or isinstance(value, bool):
        return value
    if field.type is FieldType.DATETIME:
        return f"{str(value)[:19]}Z"
    return str(value) if field.type in _IDS or field.type is FieldType.DATE else str(value).casefold()


def _within(value: Any, span: Span) -> bool:
    low, high = span
    if value is None or low is None:
        return value is None and low is None
    return bool(low <= value <= high)


def _ordered(field: FieldSchema, get: Getter, operator: str, span: Span) -> Predicate:
    low, high = span

    def holds(record: Stored) -> bool:
        value = _key(field, get(record))
        if value is None or low is None:
            return False
        if operator in ("<", ">="):
            return bool(value < low) is (operator == "<")
        return bool(value > high) is (operator == ">")

    return holds


def _like(get: Getter, literal: Literal, field: FieldSchema) -> Predicate:
    if literal.kind == "null" or field.type in _KINDS:
        raise refuse(400, "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator LIKE on field {field.path}", field.path)
    pattern = re.compile(_expression(str(literal.value)), re.IGNORECASE | re.DOTALL)
    return lambda record: pattern.fullmatch(str(get(record) or "")) is not None


def _expression(text: str) -> str:
    """A pattern with `%`, `_` and backslashes as a regular expression."""
    out, letters = "", iter(text)
    for letter in letters:
        if letter == "\\":
            out += re.escape(next(letters, "\\"))
        else:
            out += {"%": ".*", "_": "."}.get(letter, re.escape(letter))
    return out


def _utc(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.replace("z", "Z"))
    except ValueError:
        raise refuse(400, "MALFORMED_QUERY", f"invalid date-time: {text}") from None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _day_of(text: str) -> Span:
    try:
        day = date.fromisoformat(text).isoformat()
    except ValueError:
        raise refuse(400, "MALFORMED_QUERY", f"invalid date: {text}") from None
    return (day, day)


def _relative(field: FieldSchema, name: str, today: date) -> Span:
    try:
        first, last = _days(name, today)
        if field.type is FieldType.DATE:
            return (first.isoformat(), last.isoformat())
        return (f"{first.isoformat()}T00:00:00Z", f"{last.isoformat()}T23:59:59Z")
    except OverflowError:
        raise _too_far(name) from None


def _too_far(name: str) -> ApiFault:
    return refuse(400, "NUMBER_OUTSIDE_VALID_RANGE", f"{name} lies outside the calendar")


def _days(name: str, today: date) -> tuple[date, date]:
    single = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}.get(name)
    if single is not None:
        return today + single * _DAY, today + single * _DAY
    kind, _, count = name.partition(":")
    if kind == "LAST_N_DAYS":
        return today - int(count) * _DAY, today
    return today + _DAY, today + int(count) * _DAY
