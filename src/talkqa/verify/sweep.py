"""Removing what a run left in the systems: only what its ledger, or a sentinel, proves to be ours."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import trio

from talkqa.model.errors import ApiError
from talkqa.model.protocols import SystemClient
from talkqa.verify.ledger import LedgerEntry

CONCURRENCY = 8
"""Requests under way at once in one system: a sweep shares the account's budget with people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What a sweep did."""

    removed: int
    """Records deleted, archived or already gone; a write that never arrived is none."""
    left: tuple[str, ...]
    """Records that may still exist: `system entity id: why`; sorted."""


class _UnprovenError(Exception):
    """Raised where nothing proves which record an entry stands for, or nothing reaches it."""


@dataclass(slots=True, kw_only=True)
class _Sweeping:
    """The course of one sweep."""

    clients: Mapping[str, SystemClient]
    on_removed: Callable[[str, str, str], None]
    on_settled: Callable[[LedgerEntry], None] | None
    reasons: dict[int, str]
    """Token to why the entry's record may still be there."""
    removed: int = 0

    async def sweep_system(self, entries: Sequence[LedgerEntry]) -> None:
        """One pass over the entries of one system, in their order."""
        waiting = iter(entries)
        async with trio.open_nursery() as nursery:
            for _ in range(min(CONCURRENCY, len(entries))):
                nursery.start_soon(self._work, waiting)

    async def _work(self, waiting: Iterator[LedgerEntry]) -> None:
        for entry in waiting:
            try:
                found = await self._remove(entry)
            except ApiError as error:
                self.reasons[entry.token] = str(error)
            except _UnprovenError as error:
                self.reasons[entry.token] = str(error)
            else:
                self.reasons.pop(entry.token, None)
                self.removed += len(found)
                for record_id in found:
                    self.on_removed(entry.system, entry.entity, record_id)
                if self.on_settled is not None and entry.record_id is None:
                    self.on_settled(entry)

    async def _remove(self, entry: LedgerEntry) -> tuple[str, ...]:
        """Remove the record of an entry; returns the ids of what is gone."""
        client = self.clients.get(entry.system)
        if client is None:
            raise _UnprovenError("this run has no access to the system")
        ours = await self._find(entry, client) if entry.record_id is None else (entry.record_id,)
        for record_id in ours:
            await client.delete(entry.entity, record_id)
        return ours

    async def _find(self, entry: LedgerEntry, client: SystemClient) -> tuple[str, ...]:
        """Ids of the records that carry exactly a sentinel of an entry whose write was never answered."""
        if entry.proof is None:
            raise _UnprovenError("the write was never answered, and no sentinel can show whether it arrived")
        path, value = entry.proof
        records = await client.find(entry.entity, path, value)
        # A system may search by words or fold case: only the very sentinel proves that a record is ours.
        same = (r.id for r in records if type(r.values.get(path)) is type(value) and r.values.get(path) == value)
        return tuple(sorted(set(same)))


async def sweep(
    entries: Sequence[LedgerEntry],
    clients: Mapping[str, SystemClient],
    *,
    on_removed: Callable[[str, str, str], None],
    on_settled: Callable[[LedgerEntry], None] | None = None,
) -> SweepResult:
    """Delete or archive what the ledger proves ours.

    A second pass asks again for what the first could not remove, such as a parent whose children were still there.

    Args:
        entries: open entries, newest first.
        clients: by canonical system name.
        on_removed: told system, entity and id of each record that is gone (`Ledger.removed`).
        on_settled: told of each entry without id that is dealt with, record or no record (`Ledger.settle`).
    """
    sweeping = _Sweeping(clients=clients, on_removed=on_removed, on_settled=on_settled, reasons={})
    waiting = tuple(entries)
    for _ in range(2):
        async with trio.open_nursery() as nursery:
            for system in sorted({entry.system for entry in waiting}):
                nursery.start_soon(sweeping.sweep_system, [entry for entry in waiting if entry.system == system])
        waiting = tuple(entry for entry in waiting if entry.token in sweeping.reasons)
    left = (f"{e.system} {e.entity} {e.record_id or '(no id)'}: {sweeping.reasons[e.token]}" for e in waiting)
    return SweepResult(removed=sweeping.removed, left=tuple(sorted(left)))
