"""Where schemas come from: packaged descriptors, and descriptor files of the project's own systems.

Used by the runner. A system that neither knows gets a schema from `talkqa.systems.derived`.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from talkqa.model.errors import ConfigError
from talkqa.model.schema import EntitySchema, SystemSchema
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


def packaged_names() -> tuple[str, ...]:
    """Canonical names of the systems that talkqa brings descriptors for, sorted."""
    return tuple(sorted(_read_packaged(file).name for file in _PACKAGED.values()))


def apply_licences(schema: SystemSchema, off: frozenset[str]) -> SystemSchema:
    """The system as an account without some licences sees it.

    An entity that needs a missing licence keeps its name and `requires`, but has no fields and allows nothing; one
    that needs it for creation keeps its fields, and none of them can be set on create. A field that needs it is gone.

    Args:
        schema: The system with every licence on.
        off: Licences that are off, as `Salesforce.Billing` or, meant for every system, `Billing`.

    Returns:
        The reduced schema; its `licences` are those that are left, so that `requires not in licences` tells why.
    """
    prefix = f"{schema.name}.".casefold()
    wanted = {text.casefold().removeprefix(prefix) for text in off}
    missing = frozenset(licence for licence in schema.licences if licence.casefold() in wanted)
    if not missing:
        return schema
    return replace(
        schema,
        entities=tuple(_without(entity, missing) for entity in schema.entities),
        licences=tuple(licence for licence in schema.licences if licence not in missing),
    )


def _without(entity: EntitySchema, missing: frozenset[str]) -> EntitySchema:
    if entity.requires in missing:
        return replace(entity, fields=(), createable=False, updateable=False, deletable=False)
    fields = tuple(item for item in entity.fields if item.requires not in missing)
    if entity.create_requires not in missing:
        return replace(entity, fields=fields)
    # Deleting hangs on the same licence as creating: the records belong to whatever made them.
    barred = tuple(replace(item, createable=False, required=False) for item in fields)
    return replace(entity, fields=barred, createable=False, deletable=False)


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
