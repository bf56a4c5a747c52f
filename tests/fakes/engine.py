"""A sync engine of a few lines over two fake systems, with the ways to break it that tests of verify need.

It shares no code with the reference engine of the sandbox: it keeps no snapshots, links by source id, and copies
properties one by one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

from talkqa.model.errors import ApiError
from talkqa.model.flow import Flow, Side
from talkqa.model.record import Record
from tests.fakes.client import FakeClient


@dataclass
class TinyEngine:
    """Keeps the records of one flow in step."""

    flow: Flow
    source: FakeClient
    target: FakeClient
    mapping: Mapping[str, str]
    """Source property to target property."""
    breaks: frozenset[str] = frozenset()
    links: dict[str, str] = field(default_factory=dict)
    seen: dict[tuple[Side, str], dict[str, object]] = field(default_factory=dict)
    created: int = 0

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await trio.sleep(4)
            if "dead" not in self.breaks:
                await self.cycle()

    async def cycle(self) -> None:
        """One round over both systems."""
        sources = (await self.source.changes(self.flow.source.entity, None)).records
        for record in sources:
            if not record.deleted:
                await self._from_source(record)
        # read only now: an older copy would carry back what this round has just written
        targets = (await self.target.changes(self.flow.target.entity, None)).records
        back = {t: s for s, t in self.links.items()}
        for record in targets:
            if record.id in back and not record.deleted and "target-edits-dropped" not in self.breaks:
                await self._carry(Side.TARGET, record, back[record.id])

    async def _from_source(self, record: Record) -> None:
        if record.id not in self.links:
            if record.modified_by == "engine" or "skips" in self.breaks:
                return
            await self._create(record)
        elif "source-edits-dropped" not in self.breaks:
            await self._carry(Side.SOURCE, record, self.links[record.id])

    async def _create(self, record: Record) -> None:
        values = {t: record.values.get(s) for s, t in self.mapping.items()}
        if "truncates" in self.breaks:
            values = {k: v[:9] if isinstance(v, str) else v for k, v in values.items()}
        try:
            made = await self.target.create(self.flow.target.entity, values)
        except ApiError:
            return
        self.created += 1
        self.links[record.id] = made.id
        if "duplicates" in self.breaks:
            await self.target.create(self.flow.target.entity, values)
        if "imports-copies" in self.breaks:
            await self.source.create(self.flow.source.entity, {s: values[t] for s, t in self.mapping.items()})
        self._remember(Side.SOURCE, record)
        self._remember(Side.TARGET, made)

    async def _carry(self, side: Side, record: Record, other_id: str) -> None:
        known = self.seen.get((side, record.id), {})
        pairs = self.mapping.items() if side is Side.SOURCE else [(t, s) for s, t in self.mapping.items()]
        values = {
            theirs: record.values.get(ours) for ours, theirs in pairs if record.values.get(ours) != known.get(ours)
        }
        if "crosses" in self.breaks and len(values) == 1:
            (path, value), others = next(iter(values.items())), [p for _, p in pairs]
            values = {next(p for p in others if p != path): value}
        if "echoes" in self.breaks and side is Side.SOURCE:
            values = {theirs: record.values.get(ours) for ours, theirs in pairs}
        self._remember(side, record)
        if values:
            client, entity = (
                (self.target, self.flow.target.entity)
                if side is Side.SOURCE
                else (self.source, self.flow.source.entity)
            )
            try:
                self._remember(side.other, await client.update(entity, other_id, values))
            except ApiError:  # the other record is gone: what was linked stays as it is
                return

    def _remember(self, side: Side, record: Record) -> None:
        self.seen[side, record.id] = dict(record.values)
