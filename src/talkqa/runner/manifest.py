"""The manifest of a folder of generated tests, as far as a run needs it: which world the folder is, and its checks."""

import json
from dataclasses import dataclass
from pathlib import Path

from talkqa.model.errors import ConfigError

NAME = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldFolder:
    """One folder of generated tests."""

    path: Path
    """Absolute."""
    slug: str
    """The world: `custom-crm/salesforce`."""
    documents: tuple[str, ...]
    """Paths of its documents, relative to the project, in the manifest's order."""
    checks: tuple[str, ...]
    """Ids of its checks, in the manifest's order."""


def read_manifest(path: Path) -> WorldFolder | None:
    """The world that a manifest describes; None where the file is some other project's `manifest.json`.

    Raises:
        ConfigError: where it is ours but damaged.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path}: not readable as JSON ({error}); run `talkqa generate` to write it anew") from error
    if not isinstance(data, dict) or not isinstance(data.get("world"), str):
        return None
    try:
        return WorldFolder(
            path=path.parent.absolute(),
            slug=data["world"],
            documents=tuple(str(document) for document in data["documents"]),
            checks=tuple(str(check["id"]) for check in data["checks"]),
        )
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: `documents` or `checks` is missing or damaged ({error!r}); run `talkqa generate` to write it anew"
        ) from error


class WorldFolders:
    """Finds the world of a test module: the nearest manifest in its folder or above; reads each manifest once."""

    def __init__(self, *, top: Path) -> None:
        self._top = top.absolute()
        self._known: dict[Path, WorldFolder | None] = {}

    def find(self, folder: Path) -> WorldFolder | None:
        """The world of a folder; None where neither it nor a folder above it, up to the top, has a manifest of ours."""
        if folder not in self._known:
            path = folder / NAME
            found = read_manifest(path) if path.is_file() else None
            if found is None and folder not in (self._top, folder.parent):
                found = self.find(folder.parent)
            self._known[folder] = found
        return self._known[folder]
