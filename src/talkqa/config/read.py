"""talkqa.toml to settings: every problem of the file is told at once, with its place and what would be right."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from talkqa.config import values
from talkqa.config.accounts import read_accounts
from talkqa.config.sections import Sections, Table
from talkqa.config.values import Read
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
        root: Folder of the project; its talkqa.toml is read where there is one.
        file: Another file to read instead, which must exist.
        environ: What texts such as `env:NAME` of accounts are taken from.

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
    sections = Sections(str(path))
    settings = _settings(data, sections, environ)
    if sections.problems:
        raise ConfigError("\n".join(sections.problems))
    return settings


def _settings(data: Table, sections: Sections, environ: Mapping[str, str]) -> Settings:
    """The settings of a whole file."""
    top = sections.read(data, "", {**_TOP, **dict.fromkeys(_SECTIONS, values.anything)})
    run = sections.read(sections.table(top.pop("run", {}), "run"), "run", _RUN)
    systems = sections.read(sections.table(top.pop("systems", {}), "systems"), "systems", _SYSTEMS)
    sandbox = sections.read(sections.table(top.pop("sandbox", {}), "sandbox"), "sandbox", _SANDBOX)
    aliases = _aliases(systems.get("aliases", {}), sections)

    def condition(place: str, found: dict[str, Any]) -> ConditionBinding | None:
        return _condition(place, found, sections)

    def connection(place: str, found: dict[str, Any]) -> ConnectionBinding | None:
        return _connection(place, found, sections)

    conditions = sections.entries(top.pop("conditions", []), "conditions", _CONDITION, condition)
    connections = sections.entries(top.pop("connections", []), "connections", _CONNECTION, connection)
    accounts = read_accounts(top.pop("accounts", {}), sections, environ, aliases)
    return replace(
        Settings(),
        **top,
        **run,
        aliases=aliases,
        systems=systems.get("descriptors", ()),
        sandbox=SandboxSettings(**sandbox),
        conditions=conditions,
        connections=connections,
        accounts=accounts,
    )


def _condition(place: str, found: dict[str, Any], sections: Sections) -> ConditionBinding | None:
    if "text" not in found:
        sections.wrong(place, "text is missing: the condition's words as the document has them")
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
_SECTIONS = ("run", "systems", "conditions", "connections", "sandbox", "accounts")
_RUN: Mapping[str, Read] = {
    "mode": values.one_of(*_MODES),
    "clock": values.one_of(*_CLOCKS),
    "seed": values.whole,
    "patience_s": values.seconds,
    "poll_s": values.seconds,
    "window": values.count,
    "require_proven": values.share,
    "max_age_days": values.days,
}
_SYSTEMS: Mapping[str, Read] = {"descriptors": values.texts, "aliases": values.aliases}
_SANDBOX: Mapping[str, Read] = {
    "licences_off": lambda value: frozenset(values.texts(value)),
    "faults": values.texts,
    "engine_cycle_s": values.seconds,
    "quirks": values.quirks,
}
_CONDITION: Mapping[str, Read] = {
    "text": values.text,
    "entity": values.text,
    "remark": values.flag,
    "holds": values.property_values,
    "fails": values.property_values,
}
_CONNECTION: Mapping[str, Read] = {
    "source": values.text,
    "connected": values.text,
    "path": values.text,
    "held_by": values.one_of(*_HELD_BY),
}
