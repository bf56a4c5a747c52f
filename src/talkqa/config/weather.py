"""The sandbox's weather as people write it: a name, or what goes on in it.

Used for `[sandbox] weather`, for `--weather`, and to print what replays a simulation.
"""

from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from typing import Any

from talkqa.config.values import Wrong
from talkqa.model.settings import Weather

WEATHERS: Mapping[str, Weather] = {
    "calm": Weather(),
    "rough": Weather(
        api_delay_s=3.0, refused=0.04, failed=0.02, lost=0.02, skew_s=4.0, engine_delay_s=8.0, reordered=True
    ),
    "storm": Weather(
        api_delay_s=8.0, refused=0.1, failed=0.06, lost=0.05, skew_s=20.0, engine_delay_s=25.0, reordered=True
    ),
}
"""By name."""

KINDS = tuple(kind.name for kind in fields(Weather) if kind.name != "engine_only")
"""What can go on; beside it stands whom it befalls."""
_KEYS = (*KINDS, "engine_only")
_FLAGS = frozenset({"reordered", "engine_only"})
_SHARES = frozenset({"refused", "failed", "lost"})


def read_weather(value: Any) -> Weather:
    """A weather from its name, from `refused=0.1 skew_s=4` or from a table of such keys.

    Raises:
        Wrong: for anything else.
    """
    if isinstance(value, str) and value.strip() in WEATHERS:
        return WEATHERS[value.strip()]
    if isinstance(value, str):
        parts = (part.partition("=") for part in value.replace(",", " ").split())
        value = {key: _read_number(text) for key, _, text in parts}
    if not isinstance(value, dict) or not value or not set(value) <= set(_KEYS):
        raise Wrong(f"must be {', '.join(WEATHERS)} or something of {', '.join(_KEYS)} such as refused=0.05")
    return Weather(**{key: _read_kind(key, given) for key, given in value.items()})


def write_weather(weather: Weather) -> str:
    """The weather as `read_weather` reads it: its name where it has one."""
    for name, known in WEATHERS.items():
        if weather == known:
            return name
    told = {key: getattr(weather, key) for key in _KEYS}
    return " ".join(f"{key}={float(value):g}" for key, value in told.items() if value)


def _read_number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _read_kind(key: str, value: Any) -> Any:
    if key in _FLAGS:
        if value not in (0, 1):
            raise Wrong(f"must have 1 or true for {key}, or nothing of it")
        return bool(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value) or value < 0:
        raise Wrong(f"must have a number from 0 for {key}")
    if key in _SHARES and value > 1:
        raise Wrong(f"must have a share from 0 to 1 for {key}")
    return float(value)
