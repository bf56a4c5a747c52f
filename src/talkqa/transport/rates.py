"""What the headers of an answer say about waiting: Retry-After, and how many calls are left until when.

Everything in them was written by somebody else: what cannot be read counts as not said.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_FAMILIES = ("x-ratelimit-minutely", "x-ratelimit", "ratelimit")
"""Exact Online's minute, the usual name (Exact Online's day), and the name of the IETF draft."""
_NAMES = frozenset({f"{family}-remaining" for family in _FAMILIES} | {"sforce-limit-info"})
_NUMBER = re.compile(r"\s*(\d{1,15})(\.\d{1,9})?\s*", re.ASCII)
_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})", re.ASCII)
"""Salesforce's `Sforce-Limit-Info`: calls of the last 24 hours, and how many are allowed."""
_EPOCH_S, _EPOCH_MS = 1e9, 1e12
"""From these on a reset is a moment, in seconds or in milliseconds since 1970; below them a number of seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One limit as a system tells of it."""

    name: str
    left: int
    """Calls that may still be made."""
    reset_in_s: float | None = None
    """When that number begins anew, in seconds from now; None where it is not said."""


def read_rates(headers: Mapping[str, str], now: datetime) -> tuple[Rate, ...]:
    """Every limit that an answer's headers tell of.

    Args:
        headers: Of the answer; names in lower case, or folding.
        now: The run's clock; the answer's own Date goes before it, so that clocks that differ do no harm.
    """
    found: list[Rate] = []
    if _NAMES.isdisjoint(headers):  # most answers, and looking up header by header takes four times as long
        return ()
    for family in _FAMILIES:
        left = _read_number(headers.get(f"{family}-remaining"))
        if left is not None:
            reset = _read_number(headers.get(f"{family}-reset"))
            found.append(Rate(name=family, left=int(left), reset_in_s=_until(reset, headers, now)))
    usage = _USAGE.search(headers.get("sforce-limit-info", ""))
    if usage:
        found.append(Rate(name="sforce-limit-info", left=max(int(usage[2]) - int(usage[1]), 0)))
    return tuple(found)


def read_retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that an answer asks us to wait, from a number or an HTTP date; None where it does not."""
    text = headers.get("retry-after")
    seconds = _read_number(text)
    if seconds is not None or text is None:
        return seconds
    moment = _read_date(text)
    return None if moment is None else max((moment - _said_at(headers, now)).total_seconds(), 0.0)


def _until(reset: float | None, headers: Mapping[str, str], now: datetime) -> float | None:
    if reset is None or reset < _EPOCH_S:
        return reset
    moment_s = reset / 1000 if reset >= _EPOCH_MS else reset
    return max(moment_s - _said_at(headers, now).timestamp(), 0.0)


def _said_at(headers: Mapping[str, str], now: datetime) -> datetime:
    # A Date has whole seconds, rounded down: a wait that is reckoned from it is rather too long than too short.
    return _read_date(headers.get("date")) or now


def _read_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _read_number(text: str | None) -> float | None:
    found = _NUMBER.fullmatch(text or "")
    return float(found[0]) if found else None
