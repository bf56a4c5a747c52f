"""What an emulated system refuses: unknown, read-only, over-long, mistyped, missing and dangling values.

Used by the store before every write. A write reports all its problems, in the order of the fields.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from math import isfinite

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox.layout import Values

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_TEXTS = frozenset(
    {
        FieldType.STRING,
        FieldType.TEXT,
        FieldType.EMAIL,
        FieldType.PHONE,
        FieldType.URL,
        FieldType.PICKLIST,
        FieldType.REFERENCE,
        FieldType.ID,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One reason why a write is refused."""

    code: str
    message: str
    field: str | None = None
    licence: str | None = None


Exists = Callable[[FieldSchema, str], bool]
"""Whether a reference names a record that the system has, or an entity that it does not model."""
Taken = Callable[[FieldSchema, Scalar], bool]
"""Whether another record holds the value of a unique field."""


class _WrongType(Exception):
    """Raised for a value that its field cannot hold; carries what was expected."""


def check_write(
    schema: EntitySchema,
    fields: Iterable[FieldSchema],
    values: Values,
    *,
    creating: bool,
    exists: Exists,
    taken: Taken,
) -> tuple[Values, tuple[Problem, ...]]:
    """The values as the system would store them, and every problem of the write.

    Args:
        schema: the entity written to.
        fields: its fields, in order.
        values: canonical path to the value sent.
        creating: whether a record is created; required fields count then alone.
        exists: answers for references.
        taken: answers for unique fields.
    """
    stored: Values = {}
    problems: list[Problem] = []
    for field in fields:
        if field.path in values:
            problem = _check_field(schema, field, values[field.path], stored, creating=creating)
            problem = problem or _check_others(field, stored.get(field.path), exists, taken)
        else:
            problem = None
        if creating and problem is None and _missing(field, stored, values):
            problem = Problem(code="required", message=f"{field.path} is required", field=field.path)
        if problem is not None:
            problems.append(problem)
    return stored, tuple(problems)


def _check_field(
    schema: EntitySchema, field: FieldSchema, value: FieldValue, stored: Values, *, creating: bool
) -> Problem | None:
    writable = field.createable if creating else field.updateable
    if not writable or field.path == schema.id_field:
        return Problem(code="read_only", message=f"{field.path} cannot be written", field=field.path)
    try:
        clean = _clean(field, value)
    except _WrongType as error:
        return Problem(code="wrong_type", message=f"{field.path} takes {error}, not {value!r}", field=field.path)
    emptied = clean is None and not creating and field.list_at is None
    if emptied and (field.required or not field.nullable):
        return Problem(code="required", message=f"{field.path} cannot be empty", field=field.path)
    for item in clean if isinstance(clean, tuple) else (clean,):
        problem = _check_item(field, item)
        if problem is not None:
            return problem
    stored[field.path] = clean
    return None


def _check_item(field: FieldSchema, item: Scalar) -> Problem | None:
    if not isinstance(item, str):
        return None
    if field.max_length is not None and len(item) > field.max_length:
        message = f"{field.path} holds at most {field.max_length} characters, not {len(item)}"
        return Problem(code="too_long", message=message, field=field.path)
    if field.restricted and field.picklist and item not in field.picklist:
        message = f"{field.path} takes one of {', '.join(field.picklist)}, not {item!r}"
        return Problem(code="not_in_picklist", message=message, field=field.path)
    return None


def _check_others(field: FieldSchema, value: FieldValue, exists: Exists, taken: Taken) -> Problem | None:
    for item in value if isinstance(value, tuple) else (value,):
        if item is None:
            continue
        if field.type is FieldType.REFERENCE and not exists(field, str(item)):
            message = f"{field.path} names no {' or '.join(field.references)}: {item!r}"
            return Problem(code="unknown_reference", message=message, field=field.path)
        if field.unique and taken(field, item):
            return Problem(code="duplicate", message=f"{field.path} is already {item!r} elsewhere", field=field.path)
    return None


def _missing(field: FieldSchema, stored: Values, values: Values) -> bool:
    if not field.required or field.type is FieldType.OPAQUE:
        return False
    value = stored.get(field.path)
    if field.list_at is None:
        return value is None
    # A member of a list is mandatory for each item that is sent, not for a record without items.
    prefix = field.list_at + "."
    sent = [len(v) for path, v in values.items() if path.startswith(prefix) and isinstance(v, tuple)]
    items = value if isinstance(value, tuple) else ()
    return bool(sent) and (len(items) < max(sent) or None in items)


def _clean(field: FieldSchema, value: FieldValue) -> FieldValue:
    if field.list_at is None:
        return _clean_scalar(field, value)
    if value is None:
        return None
    if not isinstance(value, tuple):
        raise _WrongType("a list")
    return tuple(_clean_scalar(field, item) for item in value) or None


def _clean_scalar(field: FieldSchema, value: object) -> Scalar:
    if value is None or value == "":
        return None
    if field.type in _TEXTS:
        return _clean_text(field, value)
    if field.type in _CLEANERS:
        return _CLEANERS[field.type](field, value)
    if isinstance(value, str | int | float | bool):
        return value
    raise _WrongType("a plain value")


def _clean_text(field: FieldSchema, value: object) -> Scalar:
    if not isinstance(value, str):
        raise _WrongType("text")
    if field.type is FieldType.EMAIL and not _EMAIL.fullmatch(value):
        raise _WrongType("an e-mail address")
    return value


def _clean_integer(_: FieldSchema, value: object) -> Scalar:
    if isinstance(value, bool) or not isinstance(value, int | float) or not float(value).is_integer():
        raise _WrongType("a whole number")
    return int(value)


def _clean_decimal(field: FieldSchema, value: object) -> Scalar:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise _WrongType("a number")
    if field.scale is None or isinstance(value, int):
        return value
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-field.scale), rounding=ROUND_HALF_UP))


def _clean_boolean(_: FieldSchema, value: object) -> Scalar:
    if not isinstance(value, bool):
        raise _WrongType("true or false")
    return value


def _clean_date(_: FieldSchema, value: object) -> Scalar:
    try:
        return date.fromisoformat(value).isoformat() if isinstance(value, str) and len(value) == 10 else _no_date()
    except ValueError:
        return _no_date()


def _no_date() -> Scalar:
    raise _WrongType("a date as YYYY-MM-DD")


def _clean_datetime(_: FieldSchema, value: object) -> Scalar:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) and len(value) > 10 else None
    except ValueError:
        moment = None
    if moment is None:
        raise _WrongType("a time in ISO 8601")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


_CLEANERS: dict[FieldType, Callable[[FieldSchema, object], Scalar]] = {
    FieldType.INTEGER: _clean_integer,
    FieldType.DECIMAL: _clean_decimal,
    FieldType.BOOLEAN: _clean_boolean,
    FieldType.DATE: _clean_date,
    FieldType.DATETIME: _clean_datetime,
}
