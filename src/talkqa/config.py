"""talkqa.toml to settings: every problem of the file is told at once, with its place and what would be right.

Used by `cli` and `runner`; everything below takes settings as an argument.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

from talkqa.model.check import Depth
from talkqa.model.errors import ConfigError
from talkqa.model.record import Scalar
from talkqa.model.settings import (
    KNOWN_ALIASES,
    ConditionBinding,
    ConnectionBinding,
    SandboxSettings,
    Settings,
)

FILE_NAME = "talkqa.toml"

_MODES = ("sandbox", "live", "record", "replay")
_CLOCKS = ("virtual", "real")
_HELD_BY = ("connected", "source")

_Table = Mapping[str, Any]


class _Wrong(ValueError):
    """Raised for a value that a key cannot have; says what it can have."""


_Read = Callable[[Any], Any]


def read_settings(root: Path, file: Path | None = None) -> Settings:
    """The settings of a project.

    Args:
        root: Folder of the project; its talkqa.toml is read where there is one.
        file: Another file to read instead, which must exist.

    Raises:
        ConfigError: for a file that cannot be read, and for unknown keys and wrong values: all of them in one message,
            each with file, section and key.
    """
    path = file if file is not None else root / FILE_NAME
    if file is None and not path.is_file():
        return Settings()
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error
    problems: list[str] = []
    settings = _Reader(str(path), problems).settings(data)
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


class _Reader:
    """Reads the sections of one file; a wrong value is noted and left out, so that the rest is read as well."""

    def __init__(self, path: str, problems: list[str]) -> None:
        self._path = path
        self._problems = problems

    def settings(self, data: _Table) -> Settings:
        """The settings of the whole file."""
        top = self._section(data, "", {**_TOP, **dict.fromkeys(_SECTIONS, _any)})
        run = self._section(self._table(top.pop("run", {}), "run"), "run", _RUN)
        systems = self._section(self._table(top.pop("systems", {}), "systems"), "systems", _SYSTEMS)
        sandbox = self._section(self._table(top.pop("sandbox", {}), "sandbox"), "sandbox", _SANDBOX)
        conditions = self._entries(top.pop("conditions", []), "conditions", _CONDITION, self._condition)
        connections = self._entries(top.pop("connections", []), "connections", _CONNECTION, self._connection)
        return replace(
            Settings(),
            **top,
            **run,
            aliases=self._aliases(systems.get("aliases", {})),
            systems=systems.get("descriptors", ()),
            sandbox=SandboxSettings(**sandbox),
            conditions=conditions,
            connections=connections,
        )

    def _section(self, table: _Table, name: str, keys: Mapping[str, _Read]) -> dict[str, Any]:
        """The values of a section that are right."""
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in keys:
                self._unknown(name, key, keys)
                continue
            try:
                values[key] = keys[key](value)
            except _Wrong as error:
                self._wrong(name, f"{key} {error}, not {_shown(value)}")
        return values

    def _table(self, value: Any, name: str) -> _Table:
        if isinstance(value, dict):
            return value
        self._wrong("", f"{name} must be a section [{name}], not {_shown(value)}")
        return {}

    def _entries(self, value: Any, name: str, keys: Mapping[str, _Read], make: Callable[..., Any]) -> tuple[Any, ...]:
        """The values of an array of sections."""
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            self._wrong("", f"{name} must be sections [[{name}]], not {_shown(value)}")
            return ()
        made = []
        for number, entry in enumerate(value, 1):
            place = f"[{name}] number {number}" if len(value) > 1 else f"[{name}]"
            before = len(self._problems)
            found = make(place, self._section(entry, place, keys))
            if len(self._problems) == before:
                made.append(found)
        return tuple(made)

    def _condition(self, place: str, values: dict[str, Any]) -> ConditionBinding | None:
        if "text" not in values:
            self._wrong(place, "text is missing: the condition's words as the document has them")
        elif values.get("remark") and (values.get("holds") or values.get("fails")):
            self._wrong(place, "remark = true restricts nothing, so that holds and fails have no meaning beside it")
        elif not values.get("remark") and not values.get("holds"):
            self._wrong(place, "holds is missing: the values that make the condition true, or remark = true")
        else:
            return ConditionBinding(**values)
        return None

    def _connection(self, place: str, values: dict[str, Any]) -> ConnectionBinding | None:
        missing = [key for key in ("source", "connected", "path") if key not in values]
        if missing:
            self._wrong(place, f"{' and '.join(missing)} must be given")
            return None
        return ConnectionBinding(**values)

    def _aliases(self, own: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """The built-in aliases with the project's added; a name can mean one system alone."""
        aliases = dict(KNOWN_ALIASES)
        for name, also in own.items():
            aliases[name] = tuple(dict.fromkeys((*aliases.get(name, ()), *also)))
        meant: dict[str, str] = {}
        for name, also in aliases.items():
            for spelling in (name, *also):
                other = meant.setdefault("".join(spelling.split()).casefold(), name)
                if other != name:
                    self._wrong("systems.aliases", f"'{spelling}' means both '{other}' and '{name}'; keep one")
        return aliases

    def _unknown(self, section: str, key: str, keys: Mapping[str, _Read]) -> None:
        valid = sorted(keys)
        close = get_close_matches(key, valid, n=1)
        hint = f", did you mean '{close[0]}'?" if close else ""
        self._wrong(section, f"there is no key '{key}'{hint}\n  valid keys are {', '.join(valid)}")

    def _wrong(self, section: str, what: str) -> None:
        place = f" {section}:" if section.startswith("[") else f" [{section}]:" if section else ""
        self._problems.append(f"{self._path}:{place} {what}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _any(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("must be text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise _Wrong("must be a list of texts")
    return tuple(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong("must be a whole number")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise _Wrong("must be a whole number from 1")
    return value


def _seconds(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value) or value <= 0:
        raise _Wrong("must be a number of seconds above 0")
    return float(value)


def _share(value: Any) -> float:
    """A share between 0 and 1, or a percentage as text."""
    number = value
    if isinstance(value, str) and value.endswith("%") and value[:-1].strip().replace(".", "", 1).isdecimal():
        number = float(value[:-1]) / 100
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 <= number <= 1:
        raise _Wrong('must be a number from 0 to 1, or a percentage such as "90%"')
    return float(number)


def _one_of(*choices: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in choices:
            close = get_close_matches(str(value), choices, n=1)
            hint = f" (did you mean '{close[0]}'?)" if close else ""
            raise _Wrong(f"must be one of {', '.join(choices)}{hint}")
        return str(value)

    return read


def _depth(value: Any) -> Depth:
    return Depth(_one_of(*Depth)(value))


def _values(value: Any) -> dict[str, Scalar]:
    """Property values by dotted path; tables inside are paths in parts, as TOML writes them without quotes."""
    if not isinstance(value, dict) or not value:
        raise _Wrong("must be a table of property values such as { Status = 'Draft' }")
    flat: dict[str, Scalar] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            flat |= {f"{key}.{path}": scalar for path, scalar in _values(inner).items()}
        elif isinstance(inner, datetime | date | time):
            flat[key] = inner.isoformat()
        elif isinstance(inner, str | int | float | bool):
            flat[key] = inner
        else:
            raise _Wrong("must hold plain values: texts, numbers, true or false")
    return flat


def _alias_table(value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise _Wrong("must be a section [systems.aliases]")
    return {_text(name): _texts(also) for name, also in value.items()}


_TOP: Mapping[str, _Read] = {
    "specs": _texts,
    "output": _text,
    "work": _text,
    "depth": _depth,
    "max_document_bytes": _count,
}
_SECTIONS = ("run", "systems", "conditions", "connections", "sandbox")
_RUN: Mapping[str, _Read] = {
    "mode": _one_of(*_MODES),
    "clock": _one_of(*_CLOCKS),
    "seed": _whole,
    "patience_s": _seconds,
    "poll_s": _seconds,
    "window": _count,
    "require_proven": _share,
}
_SYSTEMS: Mapping[str, _Read] = {"descriptors": _texts, "aliases": _alias_table}
_SANDBOX: Mapping[str, _Read] = {
    "licences_off": lambda value: frozenset(_texts(value)),
    "faults": _texts,
    "engine_cycle_s": _seconds,
}
_CONDITION: Mapping[str, _Read] = {
    "text": _text,
    "entity": _text,
    "remark": _flag,
    "holds": _values,
    "fails": _values,
}
_CONNECTION: Mapping[str, _Read] = {
    "source": _text,
    "connected": _text,
    "path": _text,
    "held_by": _one_of(*_HELD_BY),
}
