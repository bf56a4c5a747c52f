"""Removing what a run left in real systems after its process has ended."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import trio

from talkqa.model.errors import RunError
from talkqa.model.settings import Settings
from talkqa.runner.connections import Connections
from talkqa.systems.registry import find_schema
from talkqa.systems.tokens import TokenStore
from talkqa.verify.clock import TrioClock
from talkqa.verify.ledger import Ledger, LedgerEntry, read_ledger, read_places
from talkqa.verify.sweep import SweepResult, sweep


def sweep_ledger(path: Path, settings: Settings, root: Path) -> SweepResult:
    """Delete or archive the records that a ledger still holds.

    Copies that the sync engine made after the run had ended are not in it, and are not looked for.

    Args:
        path: The ledger of a world; what is removed is noted in it.
        settings: Their accounts reach the systems.
        root: Folder of the project.

    Raises:
        RunError: where a system of the ledger has no account or no descriptor, or is another one than it was.
    """
    entries = read_ledger(path)
    return trio.run(_sweep, path, entries, settings, root) if entries else SweepResult(removed=0, left=())


async def _sweep(path: Path, entries: tuple[LedgerEntry, ...], settings: Settings, root: Path) -> SweepResult:
    clock = TrioClock(datetime.now(UTC))
    async with AsyncExitStack() as stack:
        places = read_places(path)
        clients, connections = {}, Connections(clock, stack, store=TokenStore.of_user())
        for system in _systems_of(entries):
            schema = find_schema(system, settings, root=root)
            if schema is None:
                raise RunError(f"{path.name}: no descriptor knows {system}; name its file under [systems] descriptors")
            place = await connections.look_up(schema, settings)
            known = places.get(system)
            if known is not None and known != (place.url, place.organisation):
                raise RunError(
                    f"{path.name}: the run wrote to {system} at {' '.join(known)}, and its account is "
                    f"{place.url} {place.organisation} now: the ids of the ledger are somebody else's there"
                )
            clients[system], _ = await connections.open_live(schema, settings)
        with Ledger(path, durable=True) as ledger:
            return await sweep(entries, clients, on_removed=ledger.removed, on_settled=ledger.settle)


def _systems_of(entries: Iterable[LedgerEntry]) -> list[str]:
    return sorted({entry.system for entry in entries})
