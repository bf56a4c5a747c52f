"""Between neutral values and the forms in which an API writes dates, times, decimals and references.

Used by the client of described REST systems. A value that is not of the form described is left as it came: whoever
compares it will see that it differs, and a system refuses what it cannot read.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from talkqa.model.record import FieldValue, Scalar
from talkqa.model.rest import AS_IS, GENERIC_API, PATTERN_PARTS, RestApi, RestEntity
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType

Convert = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PART = re.compile("|".join(PATTERN_PARTS))
_UNITS_MS = {"epoch-s": 1000, "epoch-ms": 1}


class ValueForms:
    """The forms of one entity's values."""

    def __init__(self, api: RestApi, entity: EntitySchema, rest: RestEntity) -> None:
        own = {path.casefold(): form for path, form in rest.forms}
        self._stamp_form = own.get((entity.modified_field or "").casefold(), api.datetimes)
        self._readers: dict[str, Convert] = {}
        self._writers: dict[str, Convert] = {}
        self._keyed: tuple[tuple[str, str], ...] = ()
        if api == GENERIC_API:
            return
        for field in entity.fields:
            read, write = _converters(api, field, own.get(field.path.casefold()))
            if read is not None:
                self._readers[field.path] = read
            if write is not None:
                self._writers[field.path] = write
        if api.references == "object":
            references = [field.path for field in entity.fields if field.type is FieldType.REFERENCE]
            self._keyed = tuple((path, f"{path}.{api.reference_key}") for path in references)

    def read(self, values: dict[str, FieldValue]) -> dict[str, FieldValue]:
        """Values as they came, made neutral in place."""
        for path, keyed in self._keyed:
            if keyed in values:
                values[path] = values.pop(keyed)
        for path, convert in self._readers.items():
            if path in values:
                values[path] = _each(values[path], convert)
        return values

    def write(self, values: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """Neutral values under canonical paths, in the forms of the API."""
        return {
            path: _each(value, self._writers[path]) if path in self._writers else value
            for path, value in values.items()
        }

    def write_stamp(self, stamp: str, form: str) -> str:
        """A neutral stamp for a query; an empty form stands for that of the entity's own stamps."""
        return str(write_datetime(stamp, form or self._stamp_form))


def read_datetime(value: Any, form: str) -> Any:
    """ISO 8601 UTC with Z for a time in a form; the value itself where it is not of that form."""
    moment = _read_moment(value, form)
    return value if moment is None else stamp_of(moment)


def write_datetime(value: Any, form: str) -> Any:
    """A time in ISO 8601 in a form; the value itself where it is none."""
    moment = moment_of(value)
    if moment is None or form == AS_IS:
        return value
    return _write_moment(moment, form)


def moment_of(stamp: Any) -> datetime | None:
    """The moment of a time in ISO 8601, UTC where it names no zone; None for anything else."""
    if not isinstance(stamp, str):
        return None
    try:
        moment = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        return None


def stamp_of(moment: datetime) -> str:
    """A moment in ISO 8601 UTC with Z."""
    precision = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def texts_of(value: FieldValue) -> list[str]:
    """The text forms of what a property holds."""
    return [text_of(one) for one in (value if isinstance(value, tuple) else (value,)) if one is not None]


def text_of(value: Scalar) -> str:
    """A value as a query writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def bare_of(value: Any) -> Any:
    """The id in a reference that is written as an object; any other value itself."""
    return next(iter(value.values()), None) if isinstance(value, dict) else value


def _converters(api: RestApi, field: FieldSchema, form: str | None) -> tuple[Convert | None, Convert | None]:
    """How to read and to write a field; None where its values travel as they are."""
    if field.type is FieldType.DATETIME:
        chosen = form or api.datetimes
        return (lambda value: read_datetime(value, chosen)), (lambda value: write_datetime(value, chosen))
    if field.type is FieldType.DATE:
        chosen = form or api.dates
        return (lambda value: _read_date(value, chosen)), (lambda value: _write_date(value, chosen))
    if field.type in (FieldType.DECIMAL, FieldType.INTEGER):
        as_text = field.type is FieldType.DECIMAL and api.decimals == "text"
        return _read_number, _write_number if as_text else None
    if field.type is FieldType.REFERENCE:
        key = api.reference_key if api.references == "object" else ""
        return _read_id, (lambda value: _write_reference(value, key, as_number=api.ids == "number"))
    return (_read_id, None) if field.type is FieldType.ID else (None, None)


def _each(value: FieldValue, convert: Convert) -> Any:
    if isinstance(value, tuple):
        return tuple(None if one is None else convert(one) for one in value)
    return None if value is None else convert(value)


def _read_moment(value: Any, form: str) -> datetime | None:
    if form == "iso":
        return moment_of(value)
    if form in _UNITS_MS:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", value):
            value = float(value) if "." in value else int(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return _EPOCH + timedelta(milliseconds=value * _UNITS_MS[form])
        except (OverflowError, ValueError):
            return None
    return None if form == AS_IS else _read_pattern(value, form)


def _write_moment(moment: datetime, form: str) -> Any:
    if form == "iso":
        return stamp_of(moment)
    if form in _UNITS_MS:
        total_ms = (moment - _EPOCH) // timedelta(milliseconds=1)
        whole, rest = divmod(total_ms, _UNITS_MS[form])
        return whole + rest / _UNITS_MS[form] if rest else whole
    numbers = dict(zip(PATTERN_PARTS, moment.timetuple()[:6], strict=True))
    return _PART.sub(lambda part: f"{numbers[part[0]]:0{len(part[0])}d}", form)


def _read_pattern(value: Any, form: str) -> datetime | None:
    if not isinstance(value, str):
        return None
    parts = _PART.findall(form)
    rest = [re.escape(text) for text in _PART.split(form)]
    groups = [rf"(\d{{{len(part)}}})" for part in parts]
    found = re.fullmatch("".join(a + b for a, b in zip(rest, [*groups, ""], strict=True)), value)
    if found is None:
        return None
    numbers = (
        dict.fromkeys(PATTERN_PARTS, 0) | {"MM": 1, "dd": 1} | dict(zip(parts, map(int, found.groups()), strict=True))
    )
    try:
        return datetime(*(numbers[part] for part in PATTERN_PARTS), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None


def _read_date(value: Any, form: str) -> Any:
    if form == AS_IS:
        return value
    moment = _read_moment(value, form)
    if moment is None:
        return value
    # A zone in front of a mere day would move it.
    return value[:10] if form == "iso" else moment.date().isoformat()


def _write_date(value: Any, form: str) -> Any:
    if form in (AS_IS, "iso"):
        return value
    try:
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return _write_moment(datetime(day.year, day.month, day.day, tzinfo=UTC), form)


def _read_number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        number = int(value) if re.fullmatch(r"-?\d{1,18}", value) else float(Decimal(value))
    except (InvalidOperation, ValueError):
        return value
    return number if isfinite(number) else value


def _write_number(value: Any) -> Any:
    return value if isinstance(value, bool | str) else format(Decimal(repr(value)), "f")


def _read_id(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _write_reference(value: Any, key: str, *, as_number: bool) -> Any:
    written = int(value) if as_number and isinstance(value, str) and re.fullmatch(r"\d{1,18}", value) else value
    return {key: written} if key else written
