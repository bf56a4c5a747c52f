"""The second engine itself: what it hears of goes into the lane of its pair of entities, and is done there in turn."""

from collections import deque
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

import trio

from talkqa.model.protocols import Clock, Gate
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from tests.second_engine.defects import Defect
from tests.second_engine.lanes import LEFT, RIGHT, Lane, Line, plan_lanes
from tests.second_engine.links import Bond, LinkTable
from tests.second_engine.ports import Copy, Overtaken, Port, Turned, Unavailable, Values, open_port
from tests.second_engine.values import Misfit, Plain, agree, is_blank
from tests.second_engine.webhooks import Courier, Inbox

if TYPE_CHECKING:
    from talkqa.runner.stage import MakeEngine, RunEngine
    from talkqa.sandbox.world import SandboxWorld

_COMPARES_EACH_S = 45.0
_SLOWEST_WEBHOOK_S = 3.0
_TURNS = 6
"""How often a pair is looked at again that is overtaken by others' edits."""

Change = tuple[str, str, str]
"""System, entity and id."""


def make_second_engine(
    defect: Defect | None = None, *, seed: int = 0, lost: float = 0.05, told: list["SecondEngine"] | None = None
) -> "MakeEngine":
    """What makes the engine of a sandbox.

    Args:
        defect: What it does wrong.
        seed: Of what goes wrong with webhooks.
        lost: Share of webhooks that never arrive.
        told: Takes each engine made.
    """

    def make(sandbox: "SandboxWorld", /) -> "RunEngine":
        engine = SecondEngine(sandbox, defect)
        courier = Courier(Inbox(engine.hear), sandbox.clock, seed=seed, lost=lost, slowest_s=_SLOWEST_WEBHOOK_S)
        sandbox.listen(courier.note)
        if told is not None:
            told.append(engine)

        async def run(gate: Gate) -> NoReturn:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(courier.run)
                await engine.run(gate)

        return run

    return make


class SecondEngine:
    """One engine for one world."""

    def __init__(self, sandbox: "SandboxWorld", defect: Defect | None) -> None:
        self.lanes = plan_lanes(sandbox.flows, sandbox.schemas, sandbox.conditions)
        self.links = LinkTable()
        self.heard = 0
        """Webhooks that came."""
        self.found = 0
        """Changes that no webhook told of in time."""
        self._defect = defect
        self._clock: Clock = sandbox.clock
        self._schemas = sandbox.schemas
        self._ports: Mapping[str, Port] = {
            name: open_port(schema, sandbox.account(name, "engine"), sandbox.transport(name), sandbox.clock)
            for name, schema in sandbox.schemas.items()
        }
        self._queues: dict[str, deque[tuple[int, str]]] = {lane.name: deque() for lane in self.lanes}
        self._news = trio.Event()
        self._arrival: dict[Change, int] = {}
        self._digests: dict[Change, str] = {}
        self._parents: dict[tuple[str, str], str] = {}
        self._parenting = trio.Lock()

    def hear(self, system: str, entity: str, record_id: str) -> None:
        """Take a webhook."""
        self.heard += 1
        self._arrival[system, entity, record_id] = self.heard
        self._enqueue((system, entity, record_id))

    async def run(self, gate: Gate) -> NoReturn:
        """Keep the systems in step until cancelled."""
        async with trio.open_nursery() as nursery:
            for lane in self.lanes:
                nursery.start_soon(self._drive, lane, gate)
            for end in sorted({end for lane in self.lanes for end in lane.ends}):
                nursery.start_soon(self._compare_for_ever, end, gate)
            await trio.sleep_forever()

    def _enqueue(self, change: Change) -> None:
        for lane in self.lanes:
            for side in (LEFT, RIGHT):
                item = (side, change[2])
                if lane.ends[side] == change[:2] and item not in self._queues[lane.name]:
                    self._queues[lane.name].append(item)
        self._news.set()
        self._news = trio.Event()

    async def _compare_for_ever(self, end: tuple[str, str], gate: Gate) -> None:
        """Compare all records of an entity with what they were, and take what differs for news."""
        entity = self._entity(end)
        first = int.from_bytes(sha256(f"{end}".encode()).digest()[:2]) / 65536
        await self._clock.sleep(_COMPARES_EACH_S * first)
        while True:
            await gate.passed()
            try:
                there = {copy.id: copy.digest for copy in await self._ports[end[0]].read_all(entity)}
            except Unavailable:
                there = {}
            before = {change[2]: digest for change, digest in self._digests.items() if change[:2] == end}
            for record_id, digest in there.items():
                if before.get(record_id) != digest:
                    self._digests[(*end, record_id)] = digest
                    self.found += (*end, record_id) not in self._arrival
                    self._enqueue((*end, record_id))
            for record_id in before.keys() - there.keys() if there else ():
                del self._digests[(*end, record_id)]
                self._enqueue((*end, record_id))
            await self._clock.sleep(_COMPARES_EACH_S)

    async def _drive(self, lane: Lane, gate: Gate) -> None:
        queue = self._queues[lane.name]
        while True:
            news = self._news
            if not queue:
                await news.wait()
                continue
            await gate.passed()
            side, record_id = queue.popleft()
            try:
                await self._look(lane, side, record_id)
            except Unavailable:
                queue.append((side, record_id))
                await self._clock.sleep(5)
            except Overtaken:
                queue.append((side, record_id))

    async def _look(self, lane: Lane, side: int, record_id: str) -> None:
        """Do what a record that changed calls for."""
        bond = self.links.find(lane.name, side, record_id)
        copy = await self._read(lane, side, record_id)
        if bond is None:
            if copy is not None:
                await self._welcome(lane, side, copy)
            return
        if bond.over:
            return
        other = await self._read(lane, 1 - side, bond.ids[1 - side])
        if copy is None or other is None:
            bond.over = True
            self.links.save(bond)
            return
        await self._settle(lane, bond, (copy, other) if side == LEFT else (other, copy), side)

    # Records that nobody knows yet

    async def _welcome(self, lane: Lane, side: int, copy: Copy) -> None:
        async with self._parenting:
            if copy.id == self._parents.get(lane.ends[side]):
                return
        if side == RIGHT:
            for left in await self._awaiting(lane, copy):
                await self._welcome(lane, LEFT, left)
            return
        match = await self._match(lane, copy) if lane.lets_link(copy.values) else None
        if match is not None:
            bond = Bond(lane=lane.name, ids=(copy.id, match.id))
            self.links.save(bond)
            fresh = await self._read(lane, RIGHT, match.id)
            if fresh is not None:
                await self._settle(lane, bond, (copy, fresh), LEFT)
        elif lane.lets_in(copy.values):
            await self._make(lane, copy)

    async def _awaiting(self, lane: Lane, right: Copy) -> list[Copy]:
        """Records of the left that wait for just this one."""
        found: list[Copy] = []
        for left_path, right_path in lane.matches if lane.awaits_link else ():
            value = right.values.get(right_path)
            field = lane.entities[LEFT].field(left_path)
            if field is not None and not is_blank(value):
                found += await self._ports[lane.ends[LEFT][0]].search(lane.entities[LEFT], field, value)
        return [left for left in found if self.links.find(lane.name, LEFT, left.id) is None]

    async def _match(self, lane: Lane, left: Copy) -> Copy | None:
        """A record of the right that nobody is bound to and that equals this one in some criterion."""
        for left_path, right_path in lane.matches:
            value = left.values.get(left_path)
            field = lane.entities[RIGHT].field(right_path)
            if field is None or is_blank(value):
                continue
            for right in await self._ports[lane.ends[RIGHT][0]].search(lane.entities[RIGHT], field, value):
                free = self.links.find(lane.name, RIGHT, right.id) is None
                if free and right.id not in self._parents.values():
                    return right
        return None

    async def _make(self, lane: Lane, left: Copy) -> None:
        """Make a record on the right and bind it to its source."""
        values: Values = {}
        for line in (*lane.lines, *lane.lines):
            field = line.fields[RIGHT]
            if field.createable and field.path not in values and line.applies(left.values, values):
                carried = self._carried(line, line.held(left.values, LEFT), RIGHT, lane)
                if not is_blank(carried):
                    values[field.path] = carried
        made = await self._insert(lane.ends[RIGHT], values, (lane, left))
        if made is None:
            return
        bond = Bond(lane=lane.name, ids=(left.id, made.id))
        for line in lane.lines:
            if line.applies(left.values, made.values):
                sent = values.get(line.fields[RIGHT].path, line.held(made.values, RIGHT))
                bond.agreed[line.key] = (line.held(left.values, LEFT), sent)
        self.links.save(bond)
        if self._defect is Defect.MAKES_TWO:
            await self._insert(lane.ends[RIGHT], values, (lane, left))

    async def _insert(self, end: tuple[str, str], values: Values, origin: tuple[Lane, Copy] | None) -> Copy | None:
        """A new record with what its system demands; what it refuses is left out."""
        entity = self._entity(end)
        for _ in range(4):
            full = dict(values)
            for field in entity.fields:
                if field.required and field.createable and is_blank(full.get(field.path)):
                    full[field.path] = await self._fill(end, field, origin)
            try:
                return await self._ports[end[0]].insert(entity, full)
            except Turned as turned:
                if not turned.fields & values.keys():
                    return None
                values = {path: value for path, value in values.items() if path not in turned.fields}
        return None

    async def _fill(self, end: tuple[str, str], field: FieldSchema, origin: tuple[Lane, Copy] | None) -> Plain:
        """Something for a property that a system demands and nobody gives."""
        if field.type is FieldType.REFERENCE:
            known = None if origin is None else self._counterpart(end[0], field, *origin)
            return known or await self._parent(end[0], field)
        if field.type in (FieldType.DATE, FieldType.DATETIME):
            stamp = self._clock.stamp().strftime("%Y-%m-%dT%H:%M:%SZ")
            return stamp[:10] if field.type is FieldType.DATE else stamp
        if field.picklist:
            return field.picklist[0]
        if field.type in (FieldType.INTEGER, FieldType.DECIMAL):
            return 1
        text = "unnamed " + sha256(f"{field.path} {origin[1].id if origin else end}".encode()).hexdigest()[:8]
        return text[: field.max_length or 40]

    def _counterpart(self, system: str, field: FieldSchema, lane: Lane, left: Copy) -> str | None:
        """What a record refers to, as the other system knows it."""
        for reference in lane.entities[LEFT].fields:
            named = left.values.get(reference.path)
            for other in self.lanes:
                ends = (lane.ends[LEFT][0], other.ends[LEFT][1])
                fits = other.ends[LEFT] == ends and other.ends[RIGHT][0] == system
                if fits and other.ends[LEFT][1] in reference.references and other.ends[RIGHT][1] in field.references:
                    bond = self.links.find(other.name, LEFT, str(named))
                    if bond is not None and not bond.over:
                        return bond.ids[RIGHT]
        return None

    async def _parent(self, system: str, field: FieldSchema) -> str | None:
        """A record of the engine's own for others to refer to."""
        for name in field.references:
            end = (system, name)
            if self._schemas[system].entity(name) is None:
                continue
            async with self._parenting:
                if end not in self._parents:
                    made = await self._insert(end, {}, None)
                    if made is not None:
                        self._parents[end] = made.id
            return self._parents.get(end)
        return None

    # Records that belong together

    async def _settle(self, lane: Lane, bond: Bond, copies: tuple[Copy, Copy], heard: int) -> None:
        """Carry what changed; where both did, the one that was heard of last goes before."""
        for _ in range(_TURNS):
            news = self._weigh(lane, bond, copies)
            echo = self._defect is Defect.ECHOES and not any(news)
            news = self._echo(lane, copies, heard) if echo else news
            now = list(copies)
            try:
                for side in (RIGHT, LEFT):
                    now[side] = await self._write(lane, bond, side, copies, news[side])
            except Overtaken:
                now = [copy for copy in [await self._read(lane, i, bond.ids[i]) for i in (LEFT, RIGHT)] if copy]
                if len(now) < 2:
                    raise
            else:
                bond.over = self._defect is Defect.LOSES_THE_LINK and any(news)
                if echo or bond.over or not any(news):
                    bond.heard = self.heard
                    self.links.save(bond)
                    return
            copies = (now[LEFT], now[RIGHT])
            self.links.save(bond)
        raise Overtaken(bond.ids[heard])

    def _weigh(self, lane: Lane, bond: Bond, copies: tuple[Copy, Copy]) -> tuple[dict[str, Line], dict[str, Line]]:
        """What is to be written to each side: path to line. What needs no writing is agreed."""
        news: tuple[dict[str, Line], dict[str, Line]] = ({}, {})
        for line in lane.lines:
            if not line.applies(copies[LEFT].values, copies[RIGHT].values):
                bond.agreed.pop(line.key, None)
                continue
            held = (line.held(copies[LEFT].values, LEFT), line.held(copies[RIGHT].values, RIGHT))
            side = self._towards(lane, bond, line, held)
            carried = None if side is None else self._carried(line, held[1 - side], side, lane)
            if side is None or is_blank(carried) or agree(carried, held[side]) or not line.fields[side].updateable:
                bond.agreed[line.key] = held
            else:
                news[side][line.fields[side].path] = line
        return news

    async def _write(
        self, lane: Lane, bond: Bond, side: int, copies: tuple[Copy, Copy], news: Mapping[str, Line]
    ) -> Copy:
        """Write one side; what its system refuses is agreed as it is, until it changes again."""
        copy, giver = copies[side], copies[1 - side]
        values = {
            path: self._carried(line, line.held(giver.values, 1 - side), side, lane) for path, line in news.items()
        }
        refused: frozenset[str] = frozenset()
        while values:
            try:
                copy = await self._ports[lane.ends[side][0]].change(lane.entities[side], copy, values)
                break
            except Turned as turned:
                refused |= turned.fields & values.keys() or values.keys()
                values = {path: value for path, value in values.items() if path not in refused}
        for path, line in news.items():
            # What was sent counts, not what is read afterwards: somebody may have edited it in between.
            now = copies[side].values.get(path) if path in refused else values[path]
            left = line.held(giver.values, LEFT) if side == RIGHT else now
            bond.agreed[line.key] = (left, now if side == RIGHT else line.held(giver.values, RIGHT))
        return copy

    def _towards(self, lane: Lane, bond: Bond, line: Line, held: tuple[Plain, Plain]) -> int | None:
        """The side that is behind; None where none is."""
        filled = tuple(not is_blank(value) for value in held)
        before = bond.agreed.get(line.key)
        if before is None:
            return RIGHT if filled[LEFT] else LEFT if filled[RIGHT] else None
        moved = tuple(filled[side] and not agree(held[side], before[side]) for side in (LEFT, RIGHT))
        if self._defect is Defect.DEAF_TO_THE_RIGHT:
            moved = (moved[LEFT], False)
        if moved[LEFT] and moved[RIGHT]:
            return RIGHT if self._came(lane, bond, LEFT) > self._came(lane, bond, RIGHT) else LEFT
        return RIGHT if moved[LEFT] else LEFT if moved[RIGHT] else None

    def _came(self, lane: Lane, bond: Bond, side: int) -> float:
        """When news of a side came; those that were read before anybody told of them are the newest."""
        arrival = self._arrival.get((*lane.ends[side], bond.ids[side]), 0)
        return arrival if arrival > bond.heard else float("inf")

    def _carried(self, line: Line, value: Plain, side: int, lane: Lane) -> Plain:
        if self._defect is Defect.FORGETS_A_PROPERTY and line is lane.lines[-1]:
            return None
        try:
            return line.carry(value, side)
        except Misfit:
            return None

    def _echo(self, lane: Lane, copies: tuple[Copy, Copy], heard: int) -> tuple[dict[str, Line], dict[str, Line]]:
        """A property that the other side holds already, to be written there once more."""
        news: tuple[dict[str, Line], dict[str, Line]] = ({}, {})
        line = lane.lines[0]
        if not is_blank(line.held(copies[heard].values, heard)):
            news[1 - heard][line.fields[1 - heard].path] = line
        return news

    async def _read(self, lane: Lane, side: int, record_id: str) -> Copy | None:
        return await self._ports[lane.ends[side][0]].read(lane.entities[side], record_id)

    def _entity(self, end: tuple[str, str]) -> EntitySchema:
        found = self._schemas[end[0]].entity(end[1])
        assert found is not None, "lanes name entities that are there"
        return found
