"""Where schemas come from: packaged descriptors, and descriptor files of the project's own systems.

Used by the runner. A system that neither knows gets a schema from `talkqa.systems.derived`.
"""

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from talkqa.model.errors import ConfigError
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.systems.descriptor import read_descriptor

_PACKAGED: Mapping[str, str] = {
    "custom crm": "custom-crm.toml",
    "custom erp": "custom-erp.toml",
    "custom pms": "custom-pms.toml",
    "exact online": "exact-online.json",
    "salesforce": "salesforce.json",
    "wave": "wave.json",
}


def find_schema(name: str, settings: Settings, *, root: Path | None = None) -> SystemSchema | None:
    """The schema of a system, letter case folded; a file of the project's own goes before a packaged one.

    Args:
        name: Canonical system name.
        settings: Names the project's descriptor files.
        root: Folder that their relative paths start from; the working folder where left out.

    Returns:
        The schema with every licence on; None where no descriptor knows the system.

    Raises:
        ConfigError: Where a descriptor file is missing or wrong; names file and key.
    """
    folded = name.casefold()
    for path in settings.systems:
        schema = _read_file((root or Path()) / path, path)
        if schema.name.casefold() == folded:
            return schema
    file = _PACKAGED.get(folded)
    return _read_packaged(file) if file else None


def known_schemas(settings: Settings, *, root: Path | None = None) -> tuple[SystemSchema, ...]:
    """The schema of every system that a descriptor knows; a file of the project's own goes before a packaged one.

    Raises:
        ConfigError: Where a descriptor file is missing or wrong.
    """
    schemas = [_read_packaged(file) for file in _PACKAGED.values()]
    schemas += [_read_file((root or Path()) / path, path) for path in reversed(settings.systems)]
    return tuple({schema.name.casefold(): schema for schema in schemas}.values())


def packaged_names() -> tuple[str, ...]:
    """Canonical names of the systems that talkqa brings descriptors for, sorted."""
    return tuple(sorted(_read_packaged(file).name for file in _PACKAGED.values()))


@cache
def _read_packaged(file: str) -> SystemSchema:
    return _read(resources.files("talkqa.systems.descriptors").joinpath(file), file)


def _read_file(path: Path, place: str) -> SystemSchema:
    if path.suffix not in {".toml", ".json"}:
        raise ConfigError(f"{place}: a descriptor is a .toml or .json file [systems.descriptors]")
    return _read(path, place)


def _read(file: Path | Traversable, place: str) -> SystemSchema:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place}: cannot be read ({error}); correct [systems] descriptors in talkqa.toml") from error
    try:
        content: Any = json.loads(text) if file.name.endswith(".json") else tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"{place}: is not well-formed: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{place}: expected a table with `system` and `entities` at the top")
    return read_descriptor(content, place)
