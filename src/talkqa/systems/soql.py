"""Writing SOQL: queries as text, with every literal in the form that its field asks for.

Used by the Salesforce client. Nothing that comes from a record or a document goes into a query but through `literal`.
"""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType

_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_NUMBERS = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
FILTERABLE_CHARS = 255
"""A text area longer than this cannot stand in WHERE."""


class Unwritable(Exception):
    """Raised for a value that no literal of its field's type can hold: no record can hold it either."""


def select(
    columns: Sequence[str],
    entity: str,
    *,
    where: str = "",
    order: Sequence[str] = (),
    limit: int | None = None,
) -> str:
    """A query; names are taken as they are and must be names.

    Raises:
        ValueError: for a column or an entity that is no name.
    """
    names = (*columns, entity, *(one.removesuffix(" DESC") for one in order))
    wrong = next((name for name in names if _NAME.fullmatch(name) is None), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} cannot be the name of a field or an object")
    text = f"SELECT {','.join(columns)} FROM {entity}"  # noqa: S608 - names only, as just seen
    if where:
        text += f" WHERE {where}"
    if order:
        text += f" ORDER BY {','.join(order)}"
    return text if limit is None else f"{text} LIMIT {limit}"


def literal(field: FieldSchema, value: Scalar) -> str:
    """A value as a literal of its field's type.

    Raises:
        Unwritable: where the type cannot hold it.
    """
    if value is None:
        return "null"
    if field.type is FieldType.BOOLEAN:
        return _boolean(value)
    if field.type in _NUMBERS:
        return _number(value)
    if field.type is FieldType.DATETIME:
        return stamp_literal(_moment(value))
    if field.type is FieldType.DATE:
        return _day(value)
    return quote(_text(value))


def quote(text: str) -> str:
    """Text between single quotes, with what has a meaning there escaped."""
    return f"'{''.join(_ESCAPES.get(letter, letter) for letter in text)}'"


def stamp_literal(moment: datetime) -> str:
    """A moment, to the second: finer ones are not kept."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def is_filterable(field: FieldSchema) -> bool:
    """Whether a field may stand in WHERE, as far as its type tells."""
    if field.type is FieldType.TEXT:
        return field.max_length is not None and field.max_length <= FILTERABLE_CHARS
    return field.type is not FieldType.OPAQUE


def _boolean(value: Scalar) -> str:
    folded = str(value).casefold()
    if folded not in ("true", "false"):
        raise Unwritable(f"{value!r} is neither true nor false")
    return folded


def _number(value: Scalar) -> str:
    try:
        number = float(value) if not isinstance(value, bool) and value is not None else float("nan")
    except ValueError:
        number = float("nan")
    if number - number != 0:  # neither infinity nor what is no number
        raise Unwritable(f"{value!r} is no number")
    return str(int(number)) if number.is_integer() else repr(number)


def _day(value: Scalar) -> str:
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        raise Unwritable(f"{value!r} is no date") from None


def _moment(value: Scalar) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise Unwritable(f"{value!r} is no moment") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _text(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()  # blanks at both ends are dropped when it is stored
