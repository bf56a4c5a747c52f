"""Dates and times as systems write them: read for the oracle and the comparison, never written.

Only ISO 8601 is read. Anything else (`01.03.2024`, `/Date(...)/`) has more than one reading and stays text.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

from talkqa.model.record import FieldValue

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s?(Z|z|[+-]\d{2}:?\d{2})?", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A date, or a point in time."""

    at: datetime
    """In UTC; midnight where only a date was written. Cut to microseconds."""
    dated: bool = False
    """Whether only a date was written."""
    zoned: bool = True
    """Whether the text said its time zone; without one, UTC is assumed."""
    digits: int = 0
    """Digits of the fraction of a second that the text held."""

    @property
    def day(self) -> date:
        """The date in UTC."""
        return self.at.date()


def read_moment(text: str) -> Moment | None:
    """The date or point in time that an ISO 8601 text names; None where the text is none."""
    try:
        if found := _DATE.fullmatch(text):
            return Moment(at=datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC), dated=True, zoned=False)
        if found := _MOMENT.fullmatch(text):
            return _read_time(found)
    except (ValueError, OverflowError):  # a 13th month, or an offset that leaves the calendar
        return None
    return None


def _read_time(found: re.Match[str]) -> Moment:
    year, month, day, hour, minute = (int(found[i]) for i in range(1, 6))
    fraction = found[7] or ""
    local = datetime(
        year, month, day, hour, minute, int(found[6] or 0), int(fraction[:6].ljust(6, "0")), tzinfo=_zone(found[8])
    )
    return Moment(at=local.astimezone(UTC), zoned=found[8] is not None, digits=min(len(fraction), 6))


def _zone(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def read_stamp(value: FieldValue) -> datetime | None:
    """A stamp of a system, in UTC where it names no zone; None for what is none."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
