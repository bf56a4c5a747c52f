"""Which pytest-xdist worker runs which world: the same answer on the controller and on every worker.

A world's emulators, links and ledger live in one process, so its items stay together; worlds are dealt out by size.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from talkqa.model.errors import ConfigError
from talkqa.runner.manifest import NAME, WorldFolders, read_manifest

_UNSEARCHED = frozenset({"node_modules", "venv", "build", "dist"})
"""Folders that pytest does not collect from, and that may be large."""


def scope_of(nodeid: str, root: Path, folders: WorldFolders) -> str:
    """What must stay in one process with an item: its world's folder, else its module; relative to the root."""
    module = nodeid.partition("::")[0]
    world = folders.find((root / module).absolute().parent)
    if world is None:
        return module
    return world.path.relative_to(root).as_posix() if world.path.is_relative_to(root) else str(world.path)


def deal_scopes(sizes: Mapping[str, int], workers: int) -> dict[str, int]:
    """Index of the worker for each scope: the largest first, each to the worker with least so far."""
    loads = [0] * workers
    shares: dict[str, int] = {}
    for scope, size in sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])):
        index = loads.index(min(loads))
        loads[index] += size
        shares[scope] = index
    return shares


def deal_items(nodeids: Iterable[str], root: Path, folders: WorldFolders, workers: int) -> dict[str, int]:
    """Index of the worker for each scope among these items."""
    return deal_scopes(Counter(scope_of(nodeid, root, folders) for nodeid in nodeids), workers)


def worker_index(worker_id: str) -> int:
    """The index of an xdist worker: 3 for `gw3`."""
    return int(worker_id.removeprefix("gw"))


def holds_worlds(paths: Iterable[Path]) -> bool:
    """Whether a folder of generated tests lies at, in or above one of these paths."""
    for path in paths:
        start = path if path.is_dir() else path.parent
        folders = [folder for folder, _, names in _walk(start) if NAME in names]
        if any(_is_world(folder / NAME) for folder in (*folders, *start.parents)):
            return True
    return False


def _walk(start: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    for folder, below, names in os.walk(start):
        below[:] = [name for name in below if not name.startswith((".", "_")) and name not in _UNSEARCHED]
        yield Path(folder), below, names


def _is_world(path: Path) -> bool:
    try:
        return path.is_file() and read_manifest(path) is not None
    except ConfigError:
        return True  # a damaged one: collection will say so
