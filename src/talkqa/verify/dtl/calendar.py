"""Date formats and calendar differences of the transform language.

The tokens are those of Sesam's function reference. What it leaves open gives None.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_WRITTEN: Mapping[str, Callable[[datetime], str]] = {
    "Y": lambda at: f"{at.year:04}",
    "y": lambda at: f"{at.year % 100:02}",
    "m": lambda at: f"{at.month:02}",
    "d": lambda at: f"{at.day:02}",
    "H": lambda at: f"{at.hour:02}",
    "I": lambda at: f"{(at.hour + 11) % 12 + 1:02}",
    "M": lambda at: f"{at.minute:02}",
    "S": lambda at: f"{at.second:02}",
    "f": lambda at: f"{at.microsecond:06}",
    "%": lambda _: "%",
}
"""Tokens with one written form; `%e`, `%p` and `%z` have several, and so are not written."""

_READ = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d\d)",
    "m": r"(?P<m>\d\d)",
    "d": r"(?P<d>\d\d)",
    "e": r"(?P<e>\d\d?)",
    "H": r"(?P<H>\d\d)",
    "I": r"(?P<I>\d\d)",
    "M": r"(?P<M>\d\d)",
    "S": r"(?P<S>\d\d)",
    "f": r"(?P<f>\d{1,6})",
    "p": r"(?P<p>[AaPp][Mm])",
    "z": r"(?P<z>[+-]\d\d:?\d\d)",
    "%": "%",
}
_TOKEN = re.compile(r"%(.)|%$|([^%]+)", re.DOTALL)
_SPANS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
    "microsecond": timedelta(microseconds=1),
}


def write(at: datetime, pattern: str, zone: str) -> str | None:
    """The text of a point in time; None where the zone or a token is not known."""
    place = _place(zone)
    if place is None:
        return None
    local = at.astimezone(place)
    parts: list[str] = []
    for token in _TOKEN.finditer(pattern):
        if token[2] is not None:
            parts.append(token[2])
        elif token[1] in _WRITTEN:
            parts.append(_WRITTEN[token[1]](local))
        else:
            return None
    return "".join(parts)


def read(text: str, pattern: str, zone: str) -> datetime | None:
    """The point in time, in UTC, that a text in this format names; None where it is not in the format."""
    parts: list[str] = []
    for token in _TOKEN.finditer(pattern):
        if token[2] is None and token[1] not in _READ:
            return None
        parts.append(re.escape(token[2]) if token[2] is not None else _READ[token[1]])
    place = _place(zone)
    try:
        found = re.fullmatch("".join(parts), text, re.ASCII)
        return _point(found.groupdict(), place) if found and place else None
    except (re.error, ValueError, OverflowError):  # a token twice, a 13th month, before the first year
        return None


def difference(part: str, start: datetime, end: datetime) -> int | None:
    """Whole parts from end to start, negative where start is earlier; cut towards zero. None where that is open."""
    sign, early, late = (-1, start, end) if start <= end else (1, end, start)
    if part == "nanosecond":
        return sign * ((late - early) // timedelta(microseconds=1)) * 1000
    if part in _SPANS:
        return sign * ((late - early) // _SPANS[part])
    if part not in {"month", "year"} or early.day > 28:  # is it a month from January 31 to February 28?
        return None
    months = (late.year - early.year) * 12 + late.month - early.month
    if (late.day, late.time()) < (early.day, early.time()):
        months -= 1
    return sign * (months if part == "month" else months // 12)


def _point(found: dict[str, str], place: ZoneInfo) -> datetime | None:
    if "y" in found:
        short = int(found["y"])
        found["Y"] = str(short + (2000 if short < 69 else 1900))
    day = found.get("d", found.get("e"))
    hour = _hour(found)
    if "Y" not in found or "m" not in found or day is None or hour is None:
        return None  # what stands in for a missing part is not documented
    local = datetime(
        int(found["Y"]),
        int(found["m"]),
        int(day),
        hour,
        int(found.get("M", 0)),
        int(found.get("S", 0)),
        int(found.get("f", "0").ljust(6, "0")),
        tzinfo=place,
    )
    if "z" not in found:
        return local.astimezone(UTC)
    offset = timedelta(hours=int(found["z"][1:3]), minutes=int(found["z"][-2:]))
    naive = local.replace(tzinfo=UTC)
    return naive + offset if found["z"][0] == "-" else naive - offset


def _hour(found: dict[str, str]) -> int | None:
    if "I" not in found:
        return int(found.get("H", 0)) if "p" not in found else None
    hour = int(found["I"])
    if "p" not in found or "H" in found or not 1 <= hour <= 12:
        return None
    return hour % 12 + (12 if found["p"].lower() == "pm" else 0)


def _place(zone: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        return None
