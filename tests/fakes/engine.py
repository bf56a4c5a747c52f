"""A sync engine of a few lines over two fake systems, with unusual ways to be right and many ways to be wrong.

It shares no code with the reference engine of the sandbox: it keeps no log, links by source id, and copies properties
one by one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from talkqa.model.errors import ApiError, ApiRefused
from talkqa.model.flow import Flow, RuleKind, Side
from talkqa.model.record import FieldValue, Record
from tests.fakes.client import FakeClient

WAYS = frozenset(
    {
        "slow-batches",
        "newest-first",
        "writes-back",
        "two-writes",
        "slow-edits",
        "keeps-target",
        "keeps-filled",
        "matches-loosely",
    }
)
"""Unusual behaviour that no document forbids."""
SLOW_S = 70
"""After how long an engine broken by `slow` looks at a change."""
PUT_OFF_S = 400
"""After how long an engine broken by `puts-off` looks at a record that was not to travel when it first saw it."""
SPOILING: Mapping[str, Callable[[str], str]] = {
    "latin-1": lambda text: text.encode("latin-1", "replace").decode("latin-1"),
    "garbles": lambda text: text.encode().decode("latin-1"),
    "trims": str.strip,
    "folds": str.lower,
    "cuts-at-40": lambda text: text[:40],
    "loses-zeros": lambda text: str(int(text)) if text.isdigit() else text,
}
"""What broken engines do to every text that they carry after an edit."""
FIRST = 7
"""Records that an engine broken by `only-the-first` creates."""


@dataclass
class TinyEngine:
    """Keeps the records of one flow in step."""

    flow: Flow
    source: FakeClient
    target: FakeClient
    mapping: Mapping[str, str]
    """Source property to target property."""
    breaks: frozenset[str] = frozenset()
    """What it does otherwise than expected: of `WAYS`, or a fault."""
    condition: tuple[str, FieldValue] | None = None
    """Property and value of the source records that may travel; None for all."""
    further: tuple[tuple[str, FieldValue], ...] = ()
    """The same of further conditions, any one of which is enough."""
    links: dict[str, str] = field(default_factory=dict)
    seen: dict[tuple[Side, str], dict[str, FieldValue]] = field(default_factory=dict)
    created: int = 0
    cycles: int = 0
    later: list[tuple[int, Side, str, dict[str, FieldValue]]] = field(default_factory=list)
    """Writes put off: cycle, side, id of the record, values."""
    updates: dict[str, int] = field(default_factory=dict)
    first_seen: dict[str, float] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    """Ids of source records that were seen when they were not to travel."""

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await trio.sleep(30 if "slow-batches" in self.breaks else 4)
            if "dead" not in self.breaks:
                await self.cycle()

    def _is_due(self, record: Record) -> bool:
        """Whether an engine that takes its time has come to a new record."""
        seen_s = self.first_seen.setdefault(record.id, trio.current_time())
        if self.condition is not None and record.values.get(self.condition[0]) != self.condition[1]:
            self.forbidden.add(record.id)
        put_off = "puts-off" in self.breaks and record.id in self.forbidden
        wait_s = PUT_OFF_S if put_off else SLOW_S if "slow" in self.breaks else 0
        return trio.current_time() - seen_s >= wait_s

    async def cycle(self) -> None:
        """One round over both systems."""
        self.cycles += 1
        await self._do_later()
        sources = (await self.source.changes(self.flow.source.entity, None)).records
        for record in reversed(sources) if "newest-first" in self.breaks else sources:
            if not record.deleted and self._is_due(record):
                await self._from_source(record)
        # read only now: an older copy would carry back what this round has just written
        targets = (await self.target.changes(self.flow.target.entity, None)).records
        back = {t: s for s, t in self.links.items()}
        for record in targets:
            if record.id in back and not record.deleted and "target-edits-dropped" not in self.breaks:
                await self._carry(Side.TARGET, record, back[record.id])

    async def _do_later(self) -> None:
        due = [entry for entry in self.later if entry[0] <= self.cycles]
        self.later = [entry for entry in self.later if entry[0] > self.cycles]
        for _, side, record_id, values in due:
            await self._write(
                side, record_id, await self._renewed(record_id, values) if self._is_slow(side) else values
            )

    def _is_slow(self, side: Side) -> bool:
        return "slow-edits" in self.breaks and side is Side.TARGET

    async def _renewed(self, target_id: str, values: dict[str, FieldValue]) -> dict[str, FieldValue]:
        """What the source holds by now of the properties of a write that was put off: it may have changed since."""
        source_id = next((s for s, t in self.links.items() if t == target_id), "")
        source = await self.source.get(self.flow.source.entity, source_id)
        if source is None:
            return values
        return {theirs: source.values.get(ours) for ours, theirs in self.mapping.items() if theirs in values}

    async def _from_source(self, record: Record) -> None:
        if record.id in self.links:
            if "source-edits-dropped" not in self.breaks:
                await self._carry(Side.SOURCE, record, self.links[record.id])
        elif record.modified_by != "engine" and "skips" not in self.breaks and record.id not in self.dropped:
            await self._admit(record)

    async def _admit(self, record: Record) -> None:
        """Merge with what matches, else create where that is allowed."""
        match = await self._match(record)
        if match is not None:
            await self._merge(record, match)
            if "merges-and-creates" not in self.breaks:
                return
            await self.target.create(self.flow.target.entity, self._copied(record))
        elif self._may_create(record):
            await self._create(record)

    async def _match(self, record: Record) -> Record | None:
        if "no-merge" in self.breaks:
            return None
        taken = set(self.links.values())
        free = [r for r in (await self.target.changes(self.flow.target.entity, None)).records if not r.deleted]
        free = [r for r in free if r.id not in taken and r.modified_by != "engine"]
        if "merges-wrongly" in self.breaks:
            return free[0] if free else None

        def form(value: FieldValue) -> str:
            text = str(value or "")
            text = text.strip().casefold() if "matches-loosely" in self.breaks else text
            text = text[:8] if "merges-by-beginning" in self.breaks else text
            return text[-8:] if "merges-by-end" in self.breaks else text

        def at(one: Record, path: str) -> str:
            return form(next((v for p, v in one.values.items() if p.casefold() == path.casefold()), None))

        pairs = [(at(r, m.target), at(record, m.source), r) for m in self.flow.merge for r in free]
        found = [r for there, here, r in pairs if there == here and (here or "merges-on-nothing" in self.breaks)]
        return found[0] if found else None

    def _may_create(self, record: Record) -> bool:
        late = self.first_seen.setdefault(record.id, trio.current_time())
        if "late-unlinked" in self.breaks and trio.current_time() - late >= 24:
            return True
        if "only-the-first" in self.breaks and self.created >= FIRST:
            return False
        if self.condition is not None:
            ignored = "condition-ignored" in self.breaks or "puts-off" in self.breaks
            alternatives = (self.condition, *self.further)
            return any(record.values.get(path) == value for path, value in alternatives) or ignored
        waits = self.flow.has(RuleKind.LINK_REQUIRED) and not self.flow.has(RuleKind.CREATE_UNMATCHED)
        return not waits or "unlinked-travel" in self.breaks

    async def _merge(self, record: Record, match: Record) -> None:
        self.links[record.id] = match.id
        if "keeps-target" in self.breaks:
            values = {s: match.values.get(t) for s, t in self.mapping.items() if match.values.get(t) is not None}
            self._remember(Side.SOURCE, await self.source.update(self.flow.source.entity, record.id, values))
            self._remember(Side.TARGET, match)
        else:
            self._remember(Side.SOURCE, record)
            self._remember(
                Side.TARGET, await self.target.update(self.flow.target.entity, match.id, self._copied(record))
            )

    def _copied(self, record: Record) -> dict[str, FieldValue]:
        values = {t: record.values.get(s) for s, t in self.mapping.items()}
        if "truncates" in self.breaks:
            values = {k: v[:9] if isinstance(v, str) else v for k, v in values.items()}
        return values

    async def _create(self, record: Record) -> None:
        values = self._copied(record)
        rest: dict[str, FieldValue] = {}
        if "two-writes" in self.breaks:
            first = next(iter(values))
            rest = {k: v for k, v in values.items() if k != first}
            values = {first: values[first]}
        try:
            made = await self.target.create(self.flow.target.entity, values)
        except ApiError:
            return
        self.created += 1
        self.links[record.id] = made.id
        if rest:
            self.later.append((self.cycles + 2, Side.TARGET, made.id, rest))
        if "duplicates" in self.breaks:
            await self.target.create(self.flow.target.entity, values)
        if "imports-copies" in self.breaks:
            await self.source.create(self.flow.source.entity, {s: values[t] for s, t in self.mapping.items()})
        self._remember(Side.SOURCE, record)
        self._remember(Side.TARGET, made)

    async def _carry(self, side: Side, record: Record, other_id: str) -> None:
        known = self.seen.get((side, record.id), {})
        pairs = self.mapping.items() if side is Side.SOURCE else [(t, s) for s, t in self.mapping.items()]
        changed = {
            theirs: record.values.get(ours) for ours, theirs in pairs if record.values.get(ours) != known.get(ours)
        }
        values = self._spoilt(side, changed, [theirs for _, theirs in pairs])
        if "echoes" in self.breaks and side is Side.SOURCE:
            values = {theirs: record.values.get(ours) for ours, theirs in pairs}
        if "writes-whole" in self.breaks and side is Side.SOURCE and changed:
            values = {theirs: record.values.get(ours) for ours, theirs in pairs}
        if "loses-conflicts" in self.breaks:
            values = await self._without_conflicts(side.other, other_id, values)
        self._remember(side, record)
        if values and side is Side.SOURCE and changed:
            other_id = await self._misled(record, other_id, changed)
        if not values or not other_id:
            return
        if "slow-edits" in self.breaks and side is Side.SOURCE:
            self.later.append((self.cycles + 6, side.other, other_id, values))
        else:
            await self._write(side.other, other_id, values)
        if "writes-back" in self.breaks and side is Side.SOURCE and changed:
            again = {ours: record.values.get(ours) for ours, theirs in pairs if theirs in values}
            await self._write(Side.SOURCE, record.id, again)

    async def _without_conflicts(
        self, side: Side, record_id: str, values: dict[str, FieldValue]
    ) -> dict[str, FieldValue]:
        """The values but for those that were edited on the other side too: each side keeps its own."""
        client = self.target if side is Side.TARGET else self.source
        held = await client.get(self.flow.entity(side).entity, record_id)
        known = self.seen.setdefault((side, record_id), {})
        edited = {path for path in values if held is not None and held.values.get(path) != known.get(path)}
        known.update({path: held.values.get(path) for path in edited if held is not None})
        return {path: value for path, value in values.items() if path not in edited}

    def _spoilt(self, side: Side, values: dict[str, FieldValue], others: list[str]) -> dict[str, FieldValue]:
        """The values of an edit as a broken engine carries them."""
        if "crosses" in self.breaks and len(values) == 1:
            (path, value) = next(iter(values.items()))
            return {next(p for p in others if p != path): value}
        if "keeps-filled" in self.breaks:
            values = {path: value for path, value in values.items() if value is not None}
        for name, spoil in SPOILING.items():
            if name in self.breaks:
                values = {path: spoil(value) if isinstance(value, str) else value for path, value in values.items()}
        if "rounds" in self.breaks:
            values = {path: round(value, 1) if isinstance(value, float) else value for path, value in values.items()}
        if "falsy-is-nothing" in self.breaks:
            values = {path: value for path, value in values.items() if value}
        if "truncates-long" in self.breaks and side is Side.SOURCE:
            values = {path: value[:40] if isinstance(value, str) else value for path, value in values.items()}
        return values

    async def _misled(self, record: Record, other_id: str, values: dict[str, FieldValue]) -> str:
        """The target that an edit of a source is written to by a broken engine; empty where it is lost."""
        self.updates[record.id] = self.updates.get(record.id, 0) + 1
        others = [t for t in self.links.values() if t != other_id]
        if "loses-second-update" in self.breaks and self.updates[record.id] % 2 == 0:
            return ""
        if "unlinks-after-edits" in self.breaks and self.updates[record.id] == 2:
            del self.links[record.id]
            self.dropped.add(record.id)
        if "relinks" in self.breaks and others:
            self.links[record.id] = others[0]
        if "wrong-record" in self.breaks and others:
            return others[0]
        if "duplicates-after-edit" in self.breaks and self.updates[record.id] == 1:
            await self.target.create(self.flow.target.entity, self._copied(record))
        if "deletes-after-edit" in self.breaks and self.updates[record.id] == 1:
            await self.target.delete(self.flow.target.entity, other_id)
            return ""
        if "reverts" in self.breaks:
            held = await self.target.get(self.flow.target.entity, other_id)
            before = {path: held.values.get(path) for path in values} if held else {}
            self.later.append((self.cycles + 2, Side.TARGET, other_id, before))
        return other_id

    async def _write(self, side: Side, record_id: str, values: dict[str, FieldValue]) -> None:
        client, entity = (
            (self.target, self.flow.target.entity) if side is Side.TARGET else (self.source, self.flow.source.entity)
        )
        try:
            stored = await client.update(entity, record_id, values)
        except ApiRefused as refused:  # the record is gone, or does not take one of the values
            rest = {path: value for path, value in values.items() if path not in refused.fields}
            if rest and len(rest) < len(values) and "gives-up-refused" not in self.breaks:
                await self._write(side, record_id, rest)
            return
        # what else stands there now somebody else wrote: it is still to be carried
        known = self.seen.setdefault((side, record_id), {})
        known.update({path: stored.values.get(path) for path in values})

    def _remember(self, side: Side, record: Record) -> None:
        self.seen[side, record.id] = dict(record.values)
