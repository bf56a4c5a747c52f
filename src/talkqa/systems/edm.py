"""Values between the neutral form of records and OData: JSON bodies, URL literals, dates in milliseconds.

Used by the clients that speak OData. Version 2 is the verbose JSON of older services (`guid'...'`, `datetime'...'`,
`/Date(ms)/`), version 4 the plain one.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType

_DATE = re.compile(r"/Date\((-?\d{1,17})(?:[+-]\d{4})?\)/")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIGITS = re.compile(r"-?\d{1,9}")


class Version(StrEnum):
    """The two generations of OData that are spoken."""

    V2 = "v2"
    V4 = "v4"


class Edm(StrEnum):
    """How a value is written on the wire."""

    TEXT = "text"
    GUID = "guid"
    NUMBER = "number"
    BOOLEAN = "boolean"
    FLAG = "flag"
    """True and false as 1 and 0."""
    CODE = "code"
    """A picklist whose values are whole numbers."""
    DATE = "date"
    DATETIME = "datetime"
    OPAQUE = "opaque"


_BY_TYPE = {
    FieldType.INTEGER: Edm.NUMBER,
    FieldType.DECIMAL: Edm.NUMBER,
    FieldType.BOOLEAN: Edm.BOOLEAN,
    FieldType.DATE: Edm.DATE,
    FieldType.DATETIME: Edm.DATETIME,
    FieldType.OPAQUE: Edm.OPAQUE,
}


def edm_of(field: FieldSchema) -> Edm:
    """How the values of a field are written, as far as its type tells."""
    if field.type is FieldType.PICKLIST and field.picklist and all(map(_DIGITS.fullmatch, field.picklist)):
        return Edm.CODE
    return _BY_TYPE.get(field.type, Edm.TEXT)


def is_guid(value: object) -> bool:
    """Whether a value has the form of a GUID."""
    return isinstance(value, str) and _GUID.fullmatch(value) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """Reads and writes values for one service."""

    version: Version
    offset_ms: int = 0
    """What the service's own times are ahead of UTC; dates without time are never shifted."""

    def read(self, value: object, edm: Edm) -> Scalar:  # noqa: PLR0911 - one way out for each kind of value
        """The neutral value of what a body holds; what cannot be read as its kind stays as it came."""
        if value is None or isinstance(value, dict | list):
            return None
        if edm in {Edm.DATE, Edm.DATETIME}:
            return self._read_time(value, edm)
        if edm is Edm.FLAG or (edm is Edm.BOOLEAN and not isinstance(value, bool)):
            return _truth(value)
        if edm is Edm.NUMBER and isinstance(value, str):
            return _number(value)
        if edm is Edm.GUID and isinstance(value, str):
            return value.lower()
        if edm in {Edm.CODE, Edm.TEXT, Edm.GUID} and isinstance(value, int | float) and not isinstance(value, bool):
            return str(int(value)) if isinstance(value, int) or value.is_integer() else str(value)
        return value if isinstance(value, str | int | float | bool) else None

    def write(self, value: Scalar, edm: Edm) -> Scalar:
        """The value as a JSON body holds it; one of another kind goes as it is, for the service to refuse."""
        if value is None or edm not in {Edm.FLAG, Edm.CODE, Edm.DATE, Edm.DATETIME}:
            return value
        if edm is Edm.FLAG:
            return int(value) if isinstance(value, bool) else value
        if edm is Edm.CODE:
            return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
        moment = _moment(value)
        return value if moment is None else self._write_time(moment, edm)

    def literal(self, value: Scalar, edm: Edm) -> str:
        """The value as a `$filter` writes it, not yet percent-encoded."""
        if value is None:
            return "null"
        old = self.version is Version.V2
        if edm is Edm.GUID and is_guid(value):
            return f"guid'{value}'" if old else str(value)
        moment = _moment(value) if edm in {Edm.DATE, Edm.DATETIME} else None
        if moment is not None:
            text = self._write_time(moment, edm)
            return f"datetime'{text}'" if old else text
        sent = self.write(value, edm)
        if isinstance(sent, bool):
            return "true" if sent else "false"
        if isinstance(sent, int | float):
            return repr(sent)
        return quote_text(str(sent))

    def stamp_ms(self, value: object) -> int | None:
        """The milliseconds since 1970 that a stamp holds, as the service tells them; None where it is no stamp."""
        if isinstance(value, str):
            matched = _DATE.fullmatch(value)
            if matched:
                return int(matched.group(1))
            moment = _moment(value)
            return None if moment is None else _ms(moment)
        return None

    def stamp_literal(self, ms: int) -> str:
        """A moment of the service's own clock as a `$filter` writes it."""
        return Codec(version=self.version).literal(iso_of_ms(ms), Edm.DATETIME)

    def _read_time(self, value: object, edm: Edm) -> Scalar:
        ms = self.stamp_ms(value)
        if ms is None:
            return value if isinstance(value, str | int | float) else None
        if edm is Edm.DATE:
            return iso_of_ms(ms)[:10]
        return iso_of_ms(ms - self.offset_ms)

    def _write_time(self, moment: datetime, edm: Edm) -> str:
        if edm is Edm.DATE:
            day = moment.date().isoformat()
            return day if self.version is Version.V4 else f"{day}T00:00:00"
        moment += timedelta(milliseconds=self.offset_ms)
        text = moment.replace(tzinfo=None).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
        return text + ("Z" if self.version is Version.V4 else "")


def moment_of_ms(ms: int | None) -> datetime | None:
    """Milliseconds since 1970 as a time in UTC."""
    return None if ms is None else _EPOCH + timedelta(milliseconds=ms)


def quote_text(text: str) -> str:
    """A text literal: quotes inside are doubled."""
    return "'" + text.replace("'", "''") + "'"


def iso_of_ms(ms: int) -> str:
    """A moment as ISO 8601 in UTC; the edges of what a date can hold where it lies beyond them."""
    try:
        moment = _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        moment = datetime.max.replace(tzinfo=UTC) if ms > 0 else datetime.min.replace(tzinfo=UTC)
    text = moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str) or len(value) < 10 or not value[0].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _truth(value: object) -> Scalar:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value)
    text = str(value).casefold()
    return {"true": True, "1": True, "false": False, "0": False}.get(text, str(value))


def _number(value: str) -> Scalar:
    try:
        return int(value) if value.lstrip("+-").isdecimal() else float(value)
    except ValueError:
        return value
