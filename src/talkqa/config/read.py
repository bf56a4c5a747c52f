"""talkqa.toml and decisions.toml to settings: all problems are told at once, each with its place."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from talkqa.config import values
from talkqa.config.accounts import read_accounts
from talkqa.config.decisions import BINDINGS, DECISIONS_NAME, read_decisions
from talkqa.config.patterns import pattern
from talkqa.config.sections import Sections, Table
from talkqa.config.values import Read
from talkqa.config.weather import read_weather
from talkqa.model.errors import ConfigError
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


def read_settings(root: Path, file: Path | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a project.

    Args:
        root: Folder of the project; its talkqa.toml and decisions.toml are read where there are such.
        file: Another file to read instead of talkqa.toml, which must exist; decisions.toml then stands beside it.
        environ: What texts such as `env:NAME` of accounts are taken from.

    Raises:
        ConfigError: for a file that cannot be read, and for unknown keys and wrong values: all of them in one message,
            each with file, section and key.
    """
    path = file if file is not None else root / FILE_NAME
    sections = Sections(str(path))
    settings = Settings()
    if file is not None or path.is_file():
        settings = _settings(_parse(path, _read(path)), sections, environ)
    decided = path.with_name(DECISIONS_NAME)
    if decided.is_file():
        own = Sections(str(decided))
        settings = _decided(settings, decided, own)
        sections.problems += own.problems
    if sections.problems:
        raise ConfigError("\n".join(sections.problems))
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error


def _parse(path: Path, text: str) -> Table:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}") from error


def _decided(settings: Settings, path: Path, sections: Sections) -> Settings:
    """The settings with what people decided; an approved binding is one as if talkqa.toml had it."""
    text = _read(path)
    data = _parse(path, text)
    bindings = data.get(BINDINGS, [])
    listed = bindings if isinstance(bindings, list) else []
    connections = [one for one in listed if isinstance(one, dict) and "connected" in one]
    conditions = [one for one in listed if one not in connections] if listed else bindings
    return replace(
        settings,
        decisions=read_decisions(data, text, sections),
        conditions=(*settings.conditions, *_conditions(conditions, BINDINGS, sections)),
        connections=(*settings.connections, *_connections(connections, BINDINGS, sections)),
    )


def _settings(data: Table, sections: Sections, environ: Mapping[str, str]) -> Settings:
    """The settings of a whole file."""
    top = sections.read(data, "", {**_TOP, **dict.fromkeys(_SECTIONS, values.anything)})
    run = sections.read(sections.table(top.pop("run", {}), "run"), "run", _RUN)
    systems = sections.read(sections.table(top.pop("systems", {}), "systems"), "systems", _SYSTEMS)
    sandbox = sections.read(sections.table(top.pop("sandbox", {}), "sandbox"), "sandbox", _SANDBOX)
    aliases = _aliases(systems.get("aliases", {}), sections)
    engine = sections.read(sections.table(top.pop("engine", {}), "engine"), "engine", _ENGINE)
    conditions = _conditions(top.pop("conditions", []), "conditions", sections)
    facets = _facets(top.pop("facets", []), sections)
    connections = _connections(top.pop("connections", []), "connections", sections)
    accounts = read_accounts(top.pop("accounts", {}), sections, environ, aliases)
    return replace(
        Settings(),
        **top,
        **run,
        aliases=aliases,
        systems=systems.get("descriptors", ()),
        sandbox=SandboxSettings(**sandbox),
        engine_documents=engine.get("documents", ()),
        engine_deployed=engine.get("deployed"),
        conditions=(*conditions, *facets),
        connections=connections,
        accounts=accounts,
    )


def _conditions(value: Any, name: str, sections: Sections) -> tuple[ConditionBinding, ...]:
    def make(place: str, found: dict[str, Any]) -> ConditionBinding | None:
        return _condition(place, found, sections)

    return sections.entries(value, name, _CONDITION, make)


def _connections(value: Any, name: str, sections: Sections) -> tuple[ConnectionBinding, ...]:
    def make(place: str, found: dict[str, Any]) -> ConnectionBinding | None:
        return _connection(place, found, sections)

    return sections.entries(value, name, _CONNECTION, make)


def _facets(value: Any, sections: Sections) -> tuple[ConditionBinding, ...]:
    def make(place: str, found: dict[str, Any]) -> ConditionBinding | None:
        missing = [key for key in ("entity", "holds") if key not in found]
        if missing:
            sections.wrong(place, f"{' and '.join(missing)} must be given")
            return None
        if not found["entity"].rstrip().endswith(")"):
            sections.wrong(place, "entity must name a facet, such as 'Tripletex Customer (human data)'")
            return None
        return ConditionBinding(facet=True, **found)

    return sections.entries(value, "facets", _FACET, make)


def _condition(place: str, found: dict[str, Any], sections: Sections) -> ConditionBinding | None:
    if ("text" in found) == ("pattern" in found):
        fault = "text is missing: the condition's words as the document has them; or pattern, a regular expression"
        sections.wrong(place, fault if "text" not in found else "give text or pattern, not both")
    elif found.get("remark") and (found.get("holds") or found.get("fails")):
        sections.wrong(place, "remark = true restricts nothing, so that holds and fails have no meaning beside it")
    elif not found.get("remark") and not found.get("holds"):
        sections.wrong(place, "holds is missing: the values that make the condition true, or remark = true")
    else:
        return ConditionBinding(**found)
    return None


def _connection(place: str, found: dict[str, Any], sections: Sections) -> ConnectionBinding | None:
    missing = [key for key in ("source", "connected", "path") if key not in found]
    if missing:
        sections.wrong(place, f"{' and '.join(missing)} must be given")
        return None
    return ConnectionBinding(**found)


def _aliases(own: Mapping[str, tuple[str, ...]], sections: Sections) -> dict[str, tuple[str, ...]]:
    """The built-in aliases with the project's added; a name can mean one system alone."""
    aliases = dict(KNOWN_ALIASES)
    for name, also in own.items():
        aliases[name] = tuple(dict.fromkeys((*aliases.get(name, ()), *also)))
    meant: dict[str, str] = {}
    for name, also in aliases.items():
        for spelling in (name, *also):
            other = meant.setdefault("".join(spelling.split()).casefold(), name)
            if other != name:
                sections.wrong("systems.aliases", f"'{spelling}' means both '{other}' and '{name}'; keep one")
    return aliases


_TOP: Mapping[str, Read] = {
    "specs": values.texts,
    "output": values.text,
    "work": values.text,
    "depth": values.depth,
    "cassettes": values.text,
    "max_document_bytes": values.count,
}
_SECTIONS = ("run", "systems", "engine", "conditions", "facets", "connections", "sandbox", "accounts")
_RUN: Mapping[str, Read] = {
    "mode": values.one_of(*_MODES),
    "clock": values.one_of(*_CLOCKS),
    "seed": values.whole,
    "patience_s": values.seconds,
    "poll_s": values.seconds,
    "window": values.count,
    "require_proven": values.share,
    "max_age_days": values.days,
    "engine_version": values.text,
    "chains": values.flag,
}
_SYSTEMS: Mapping[str, Read] = {"descriptors": values.texts, "aliases": values.aliases}
_SANDBOX: Mapping[str, Read] = {
    "licences_off": lambda value: frozenset(values.texts(value)),
    "faults": values.texts,
    "engine_cycle_s": values.seconds,
    "quirks": values.quirks,
    "weather": read_weather,
}
_ENGINE: Mapping[str, Read] = {"documents": values.texts, "deployed": values.day}
_FACET: Mapping[str, Read] = {"entity": values.text, "holds": values.predicate, "fails": values.predicate}
_CONDITION: Mapping[str, Read] = {"text": values.text, "pattern": pattern, "remark": values.flag, **_FACET}
_CONNECTION: Mapping[str, Read] = {
    "source": values.text,
    "connected": values.text,
    "path": values.text,
    "held_by": values.one_of(*_HELD_BY),
}
