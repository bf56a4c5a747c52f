"""Two pairs, the steps that can be taken in them, and what a trace of steps leads to."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.small_worlds.oracle import find_fault, is_blank, note_agreement, note_edit, note_look, note_reading
from tests.small_worlds.pair import SOURCE, TARGET, Pair, Stamp, Value, Version, fresh_name, normalise, top
from tests.small_worlds.port import Memory, Port, Rules
from tests.small_worlds.scenes import AGAIN, DELETE, EMPTY, NEW, TWIN, Scene


class Edit(NamedTuple):
    """Somebody edits a record."""

    record: int
    side: int
    prop: int
    kind: str
    later: bool
    """Whether it is stamped later than everything before, or as the newest of it."""
    choice: int = 0


class Read(NamedTuple):
    """The engine reads all records of a side."""

    side: int


class Look(NamedTuple):
    """The engine looks at a pair and decides."""

    record: int


class Write(NamedTuple):
    """The engine does the next write that it has decided on for a pair."""

    record: int
    later: bool


Step = Edit | Read | Look | Write
Trace = tuple[Step, ...]


class State(NamedTuple):
    """Both pairs, and what the engine keeps beside its links."""

    pairs: tuple[Pair, Pair]
    memory: Memory = ()


class SmallWorld:
    """The steps of one scene and one engine."""

    def __init__(self, scene: Scene, rules: Rules) -> None:
        self.scene = scene
        self._port = Port(scene, rules)

    def begin(self) -> State:
        """The state before the first step."""
        first, second = (
            normalise(self._introduced(pair, number) if met else pair._replace(met=(False, False)))
            for number, (pair, met) in enumerate(zip(self.scene.pairs(), self.scene.met, strict=True))
        )
        return State(pairs=(first, second))

    def _introduced(self, pair: Pair, record: int) -> Pair:
        """A pair after the engine has brought it together for the first time."""
        while not pair.rests:
            after = self.write(pair, later=False)
            found = self.look(pair, (), record) if after is None else (after, ())
            assert found is not None, "whatever does not rest can go on"
            pair = found[0]
        return pair._replace(writes=0)

    def take(self, state: State, step: Step) -> State | None:
        """The state after a step; None where it cannot be taken."""
        match step:
            case Read(side):
                pairs = [self.read(pair, side) for pair in state.pairs]
                return None if pairs == list(state.pairs) else state._replace(pairs=(pairs[0], pairs[1]))
            case Look(record):
                found = self.look(state.pairs[record], state.memory, record)
                return None if found is None else _replaced(state._replace(memory=found[1]), record, found[0])
            case Write(record, later):
                pair = self.write(state.pairs[record], later=later)
            case Edit(record, side, prop, kind, later, choice):
                pair = self.edit(state.pairs[record], side, prop, kind, later=later, choice=choice)
        return None if pair is None else _replaced(state, record, pair)

    def read(self, pair: Pair, side: int) -> Pair:
        """A pair after the engine has read one side of it."""
        after = pair if pair.unlinked else self._port.read(pair, side)
        return pair if after is pair else normalise(after if after.known[side].deleted else note_reading(after, side))

    def look(self, pair: Pair, memory: Memory, record: int) -> tuple[Pair, Memory] | None:
        """A pair after the engine has looked at it; None where there is nothing to look at."""
        if pair.plan is not None or not pair.dirty:
            return None
        gone = any(version.deleted for version in pair.known)
        after, memory = self._port.look(pair if gone else note_look(pair), memory, record)
        return normalise(after), memory

    def write(self, pair: Pair, *, later: bool) -> Pair | None:
        """A pair after the engine's next write; None where none is planned, or time makes no difference to it."""
        if pair.plan is None:
            return None
        side = pair.plan.writes[0][0]
        if later and (pair.actual[side] != pair.plan.decided_on[side] or pair.actual[side].stamp is None):
            return None
        after = self._port.write(pair, later=later)
        if after.writes == pair.writes:
            return normalise(note_reading(after, side) if after.known[side] != pair.known[side] else after)
        # Whatever else the engine had read of this record meanwhile was undone: its write went through.
        after = after._replace(tracks=note_reading(pair._replace(known=pair.actual), side).tracks)
        other = pair.plan.decided_on[1 - side]
        return normalise(
            note_agreement(after, *((after.actual[side], other) if side == SOURCE else (other, after.actual[side])))
        )

    def edit(self, pair: Pair, side: int, prop: int, kind: str, *, later: bool, choice: int = 0) -> Pair | None:
        """A pair after an edit; None where that is none."""
        actual = pair.actual[side]
        if actual.deleted:
            return None
        stamp = None if actual.stamp is None else Stamp(top(pair) + later)
        if stamp is None and later:
            return None
        values = list(actual.values)
        if kind == AGAIN:
            if prop or not later:
                return None
        elif kind != DELETE:
            values[prop] = self._value(pair, side, prop, kind, choice)
            if values[prop] == actual.values[prop]:
                return None
        version = Version(values=tuple(values), stamp=stamp, deleted=kind == DELETE)
        if kind == DELETE and prop:
            return None
        both = (version, pair.actual[1]) if side == SOURCE else (pair.actual[0], version)
        after = pair._replace(actual=both, writes=0)
        if kind == DELETE:
            after = after._replace(removed=(pair.removed[0] or side == SOURCE, pair.removed[1] or side == TARGET))
        return normalise(after if kind in (AGAIN, DELETE) else note_edit(after, side, prop, stamp))

    def _value(self, pair: Pair, side: int, prop: int, kind: str, choice: int) -> Value:
        held = pair.actual[side].values[prop]
        listed = "list_at" in self.scene.fields.get((side, "pq"[prop]), {})
        if kind == EMPTY:
            return () if listed and not is_blank(held) else None if not listed else held
        if kind == TWIN:
            return pair.actual[1 - side].values[prop]
        chosen = self.scene.choices.get((side, prop), ())
        value = chosen[choice] if chosen else fresh_name(pair, self.scene.letter(prop, side))
        return (value, *held[1:]) if listed and isinstance(held, tuple) else value

    def edits(self, pair: Pair, record: int) -> Iterator[tuple[Edit, Pair]]:
        """Every edit of a pair that is one, with what it leads to; equal results once."""
        found: set[Pair] = set()
        for side, prop in self.scene.edited:
            for kind in self.scene.kinds:
                chosen = self.scene.choices.get((side, prop), ("",)) if kind == NEW else ("",)
                for choice in range(len(chosen)):
                    for later in (True, False):
                        after = self.edit(pair, side, prop, kind, later=later, choice=choice)
                        if after is not None and after not in found:
                            found.add(after)
                            yield Edit(record, side, prop, kind, later, choice), after

    def find_fault(self, pair: Pair) -> str | None:
        """What is wrong with a pair."""
        return find_fault(pair, self.scene)


def play(world: SmallWorld, trace: Sequence[Step]) -> tuple[Trace, str | None]:
    """The steps of a trace that could be taken, and what is wrong after the last of them.

    A trace that ends before the engine rests is played on, in one fixed order, until it does or something is wrong.
    """
    state, taken = world.begin(), list[Step]()
    for given in (*trace, *([None] * _PATIENCE)):
        step = given or _next_of_engine(world, state)
        if step is None:
            return tuple(taken), None
        after = world.take(state, step)
        if after is not None:
            state = after
            taken.append(step)
            fault = next((found for pair in state.pairs if (found := world.find_fault(pair))), None)
            if fault is not None:
                return tuple(taken), fault
    return tuple(taken), "the engine does not come to rest"


_PATIENCE = 60
"""Steps within which the engine must have come to rest."""


def _next_of_engine(world: SmallWorld, state: State) -> Step | None:
    steps: list[Step] = [
        step for record in (0, 1) for step in (Look(record), Write(record, True), Write(record, False))
    ]
    steps += [Read(SOURCE), Read(TARGET)]
    return next((step for step in steps if world.take(state, step) is not None), None)


def _replaced(state: State, record: int, pair: Pair) -> State:
    return state._replace(pairs=(pair, state.pairs[1]) if record == 0 else (state.pairs[0], pair))
