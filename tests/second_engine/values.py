"""Values as the second engine compares and converts them."""

from datetime import UTC, date, datetime

from talkqa.model.schema import FieldSchema, FieldType

Plain = str | int | float | bool | None
"""What a property holds; this engine knows no lists."""

WORDS = (FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.PICKLIST)


class Misfit(Exception):
    """Raised for a value that the other side has no form for."""


def is_blank(value: Plain) -> bool:
    """Whether a property holds nothing."""
    return value is None or value == ""


def agree(one: Plain, other: Plain) -> bool:
    """Whether two values are the same; nothing is nothing in any form, and true is not 1."""
    if is_blank(one) or is_blank(other):
        return is_blank(one) and is_blank(other)
    return one == other and (one is True or one is False) == (other is True or other is False)


def neutral(raw: object, field: FieldSchema) -> Plain:
    """What an API told, in the one form that is compared."""
    if isinstance(raw, str) and field.type is FieldType.DATETIME:
        return datetime.fromisoformat(raw).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(raw, float) and raw == int(raw):
        return int(raw)
    return raw if raw is None or isinstance(raw, str | int | float | bool) else None


def fit(value: Plain, field: FieldSchema) -> Plain:
    """A value as a field can hold it.

    Raises:
        Misfit: where it has no form there.
    """
    if is_blank(value):
        return None
    try:
        return _fit(value, field)
    except (ValueError, OverflowError) as error:
        raise Misfit(f"{value!r} is nothing for {field.path}") from error


def _fit(value: Plain, field: FieldSchema) -> Plain:
    kind = field.type
    if kind in WORDS:
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind is FieldType.BOOLEAN and (isinstance(value, bool) or str(value) in ("true", "false")):
        return value is True or value == "true"
    if kind in (FieldType.INTEGER, FieldType.DECIMAL) and not isinstance(value, bool):
        number = float(str(value))
        if kind is FieldType.DECIMAL or number == int(number):
            return int(number) if number == int(number) else number
    if kind is FieldType.DATE:
        return date.fromisoformat(str(value)[:10]).isoformat()
    if kind is FieldType.DATETIME:
        moment = datetime.fromisoformat(str(value))
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    raise Misfit(f"{value!r} is nothing for {field.path}")
