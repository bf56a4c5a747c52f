"""What a key of talkqa.toml can have: one function a kind of value, each raising `Wrong` with what would be right."""

from collections.abc import Callable
from datetime import date, datetime, time
from difflib import get_close_matches
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from talkqa.model.check import Depth
from talkqa.model.record import Scalar
from talkqa.model.settings import Presence, Wanted

Read = Callable[[Any], Any]


class Wrong(ValueError):
    """Raised for a value that a key cannot have; says what it can have."""


def anything(value: Any) -> Any:
    """Whatever stands there; somebody else looks at it."""
    return value


def text(value: Any) -> str:
    """Text that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise Wrong("must be text")
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise Wrong("must be a list of texts")
    return tuple(value)


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong("must be true or false")
    return value


def whole(value: Any) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Wrong("must be a whole number")
    return value


def count(value: Any) -> int:
    """A whole number from 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Wrong("must be a whole number from 1")
    return value


def seconds(value: Any) -> float:
    """A length of time in seconds."""
    return _above_zero(value, "a number of seconds")


def days(value: Any) -> float:
    """A length of time in days."""
    return _above_zero(value, "a number of days")


def day(value: Any) -> date:
    """A day, as a TOML date or as text."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise Wrong("must be a day such as 2026-03-31") from None


def rate(value: Any) -> float:
    """So many in a time."""
    return _above_zero(value, "a number")


def _above_zero(value: Any, what: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value) or value <= 0:
        raise Wrong(f"must be {what} above 0")
    return float(value)


def share(value: Any) -> float:
    """A share between 0 and 1, or a percentage as text."""
    number = value
    if isinstance(value, str) and value.endswith("%") and value[:-1].strip().replace(".", "", 1).isdecimal():
        number = float(value[:-1]) / 100
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number <= 1:
        raise Wrong('must be a number from 0 to 1, or a percentage such as "90%"')
    return float(number)


def one_of(*choices: str) -> Callable[[Any], str]:
    """One of some words."""

    def read(value: Any) -> str:
        if value not in choices:
            close = get_close_matches(str(value), choices, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise Wrong(f"must be one of {', '.join(choices)}{hint}")
        return str(value)

    return read


def depth(value: Any) -> Depth:
    """How much of the checklist."""
    return Depth(one_of(*Depth)(value))


def url(value: Any) -> str:
    """An address that can be called."""
    given = text(value)
    try:
        parts = urlsplit(given)
        usable = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a host in broken brackets
        usable = False
    if not usable:
        raise Wrong("must be an address such as https://example.my.salesforce.com")
    if parts.username or parts.password:
        raise Wrong("must hold no user and password; they belong under auth")
    return given


def predicate(value: Any) -> dict[str, Wanted]:
    """What is asked of properties, by dotted path: a value, a list of which it must be one, `{ empty = true }`."""
    if not isinstance(value, dict) or not value:
        raise Wrong("must be a table of property values such as { Status = 'Draft' }")
    flat: dict[str, Wanted] = {}
    for key, inner in value.items():
        if isinstance(inner, dict) and set(inner) == {"empty"} and isinstance(inner["empty"], bool):
            flat[key] = Presence.EMPTY if inner["empty"] else Presence.FILLED
        elif isinstance(inner, dict):
            flat |= {f"{key}.{path}": wanted for path, wanted in predicate(inner).items()}
        elif isinstance(inner, list):
            flat[key] = tuple(map(_scalar, inner))
            if not inner:
                raise Wrong("must name at least one value in each list; { empty = true } asks for none")
        else:
            flat[key] = _scalar(inner)
    return flat


def _scalar(value: Any) -> Scalar:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, str | int | float | bool):
        return value
    raise Wrong("must hold plain values: texts, numbers, true or false")


def aliases(value: Any) -> dict[str, tuple[str, ...]]:
    """Canonical name to other names."""
    if not isinstance(value, dict):
        raise Wrong("must be a section [systems.aliases]")
    return {text(name): texts(also) for name, also in value.items()}


def quirks(value: Any) -> dict[str, bool]:
    """Quirks of emulated systems by name, switched on or off; `Salesforce.name` may stand without quotes."""
    example = 'must be a table of quirks such as { "Salesforce.idle-writes-stamp" = false }'
    if not isinstance(value, dict):
        raise Wrong(example)
    flat: dict[str, bool] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            flat |= {f"{key}.{name}": on for name, on in quirks(inner).items()}
        elif isinstance(inner, bool):
            flat[key] = inner
        else:
            raise Wrong(example)
    return flat


def allowances(value: Any) -> dict[str, int]:
    """Entities that are off by default, and how many records of each a run may create."""
    if not isinstance(value, dict) or not all(isinstance(n, int) and n is not True and n > 0 for n in value.values()):
        raise Wrong("must be a table of entities and numbers of records such as { Invoice = 3 }")
    return dict(value)


def options(value: Any) -> dict[str, str]:
    """What a dialect needs beyond address and credentials; numbers are written as text or as numbers."""
    if not isinstance(value, dict) or not all(isinstance(inner, str | int) for inner in value.values()):
        raise Wrong('must be a table of texts such as { division = "1234567" }')
    return {key: str(inner).lower() if isinstance(inner, bool) else str(inner) for key, inner in value.items()}
