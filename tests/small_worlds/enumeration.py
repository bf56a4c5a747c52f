"""All interleavings of a small world, each state visited once."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.small_worlds.pair import SOURCE, TARGET, Pair
from tests.small_worlds.port import Memory, Rules
from tests.small_worlds.scenes import AGAIN, DELETE, Scene
from tests.small_worlds.world import Edit, Look, Read, SmallWorld, Step, Trace, Write


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What an exhaustive search came upon."""

    scene: str
    states: int
    """Distinct states of both pairs together."""
    pair_states: int
    """Distinct states of one pair."""
    steps: int
    """Distinct steps between them."""
    interleavings: int
    """Ways from the beginning to a state in which all edits are made and the engine rests."""
    resting: int
    """Distinct states of one pair in which the engine rests: each was judged."""
    failure: str | None = None
    """What is wrong, in words."""
    trace: Trace = ()
    """The steps that lead there."""


Key = tuple[int, int, int, Memory]
"""Both pairs by number, edits left, and what the engine keeps beside its links."""


@dataclass(slots=True)
class _Frame:
    key: Key
    ways: Iterator[tuple[Step, Key, int]]
    times: int = 1
    """How many equal ways lead here from the state before."""
    count: int = 0


Way = tuple[Step, int, Memory]
"""A step, the pair that it leads to, and what the engine keeps then."""


@dataclass(slots=True)
class _Pairs:
    """Pairs by number, with what each step makes of them; every step is tried once."""

    world: SmallWorld
    numbers: dict[Pair, int] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    faults: list[str | None] = field(default_factory=list)
    resting: int = 0
    edits: dict[tuple[int, int], tuple[Way, ...]] = field(default_factory=dict)
    reads: dict[int, tuple[int, int]] = field(default_factory=dict)
    engine: dict[tuple[int, int, Memory], tuple[Way, ...]] = field(default_factory=dict)

    def number(self, pair: Pair) -> int:
        known = self.numbers.get(pair)
        if known is None:
            known = self.numbers[pair] = len(self.pairs)
            self.pairs.append(pair)
            self.faults.append(self.world.find_fault(pair))
            self.resting += pair.rests
        return known

    def by_people(self, number: int, record: int) -> tuple[Way, ...]:
        """Every edit of a record."""
        ways = self.edits.get((number, record))
        if ways is None:
            found = self.world.edits(self.pairs[number], record)
            ways = self.edits[number, record] = tuple([(edit, self.number(pair), ()) for edit, pair in found])
        return ways

    def by_engine(self, number: int, record: int, memory: Memory) -> tuple[Way, ...]:
        """Whatever the engine may do next for one pair; for both it may read."""
        ways = self.engine.get((number, record, memory))
        if ways is None:
            pair, found = self.pairs[number], list[Way]()
            seen = self.world.look(pair, memory, record)
            if seen is not None:
                found.append((Look(record), self.number(seen[0]), seen[1]))
            for later in (True, False):
                written = self.world.write(pair, later=later)
                if written is not None:
                    found.append((Write(record, later), self.number(written), memory))
            ways = self.engine[number, record, memory] = tuple(found)
        return ways

    def by_reading(self, number: int) -> tuple[int, int]:
        """What reading the source, and the target, makes of a pair."""
        known = self.reads.get(number)
        if known is None:
            left, right = (self.number(self.world.read(self.pairs[number], side)) for side in (SOURCE, TARGET))
            known = self.reads[number] = (left, right)
        return known


@contextmanager
def _without_collector() -> Iterator[None]:
    """Spare a quarter of the time: hundreds of thousands of states are kept, and none of them points in a circle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_without_collector()
def enumerate_all(scene: Scene, rules: Rules, *, reduced: bool = True) -> Tally:
    """Take every step in every order; stop at the first state that is wrong.

    Args:
        scene: What is set up.
        rules: How the engine decides.
        reduced: Whether ways that differ only in the order of the two records, or in which of two like properties is
            edited first, are taken once and counted twice. The trace of a failure is of use only without; nor may the
            engine tell records apart.
    """
    world = SmallWorld(scene, rules)
    pairs = _Pairs(world)
    begin = world.begin()
    first = (pairs.number(begin.pairs[0]), pairs.number(begin.pairs[1]), scene.edits, begin.memory)
    counts: dict[Key, int] = {}
    open_keys: set[Key] = {first}
    path: list[Step] = []
    alike = scene.edits if reduced and scene.alike else None

    def ways(key: Key) -> Iterator[tuple[Step, Key, int]]:
        return _once(_ways(pairs, key, reduced=reduced)) if key[2] == alike else _ways(pairs, key, reduced=reduced)

    stack = [_Frame(first, ways(first))]
    steps = 0

    def tally(failure: str | None = None) -> Tally:
        return Tally(
            scene=scene.name,
            states=len(counts),
            pair_states=len(pairs.pairs),
            steps=steps,
            interleavings=counts.get(first, 0),
            resting=pairs.resting,
            failure=failure,
            trace=tuple(path) if failure else (),
        )

    while stack:
        frame = stack[-1]
        way = next(frame.ways, None)
        if way is None:
            counts[frame.key] = frame.count or 1
            open_keys.discard(frame.key)
            stack.pop()
            if stack:
                stack[-1].count += frame.times * counts[frame.key]
                path.pop()
            continue
        step, key, times = way
        steps += 1
        if key in counts:
            frame.count += times * counts[key]
            continue
        path.append(step)
        fault = pairs.faults[key[0]] or pairs.faults[key[1]]
        if fault is None and key in open_keys:
            fault = "the engine goes round in a circle"
        if fault is not None:
            return tally(fault)
        open_keys.add(key)
        stack.append(_Frame(key, ways(key), times))
    return tally()


def _once(ways: Iterator[tuple[Step, Key, int]]) -> Iterator[tuple[Step, Key, int]]:
    """Ways before the first edit: an edit of the second property is like one of the first."""
    for step, key, times in ways:
        if not isinstance(step, Edit):
            yield step, key, times
        elif step.prop == 0:
            yield step, key, times if step.kind in (AGAIN, DELETE) else 2 * times


def _ways(pairs: _Pairs, key: Key, *, reduced: bool) -> Iterator[tuple[Step, Key, int]]:
    """Every step from a state, with the state that it leads to."""
    one, two, left, memory = key
    found: list[tuple[Step, int, int, int, Memory]] = []
    found += [(step, after, two, left, kept) for step, after, kept in pairs.by_engine(one, 0, memory)]
    found += [(step, one, after, left, kept) for step, after, kept in pairs.by_engine(two, 1, memory)]
    reads = zip(_READS, pairs.by_reading(one), pairs.by_reading(two), strict=True)
    found += [(step, first, second, left, memory) for step, first, second in reads if (first, second) != (one, two)]
    if left:
        found += [(step, after, two, left - 1, memory) for step, after, _ in pairs.by_people(one, 0)]
        found += [(step, one, after, left - 1, memory) for step, after, _ in pairs.by_people(two, 1)]
    for step, first, second, edits, kept in found:
        yield step, (second, first, edits, kept) if reduced and second < first else (first, second, edits, kept), 1


_READS = (Read(SOURCE), Read(TARGET))
