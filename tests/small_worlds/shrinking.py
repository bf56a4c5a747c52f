"""Failures as values: a trace that goes wrong, made by chance and made small."""

from collections.abc import Sequence
from random import Random

from tests.small_worlds.pair import SOURCE, TARGET
from tests.small_worlds.scenes import NEW
from tests.small_worlds.world import Edit, Look, Read, SmallWorld, Step, Trace, Write, play


def wander(world: SmallWorld, seed: int, *, steps: int) -> Trace:
    """A trace that steps about at random until something is wrong or it is long enough."""
    random = Random(seed)  # noqa: S311 - no secret
    state, taken = world.begin(), list[Step]()
    while len(taken) < steps:
        engine: list[Step] = [Read(SOURCE), Read(TARGET)]
        for record in (0, 1):
            engine += [Look(record), Write(record, True), Write(record, False)]
        ways = [step for step in engine if world.take(state, step) is not None]
        if not ways or random.random() < 0.3:
            record = random.randrange(2)
            ways = [edit for edit, _ in world.edits(state.pairs[record], record)] or ways
        if not ways:
            break
        step = random.choice(ways)
        after = world.take(state, step)
        assert after is not None, "only steps that can be taken are chosen"
        state = after
        taken.append(step)
        if any(world.find_fault(pair) for pair in state.pairs):
            break
    return tuple(taken)


def shrink(world: SmallWorld, trace: Trace) -> Trace:
    """The shortest part of a failing trace that was found to fail: without any one step it does not.

    Steps that cannot be taken any more are passed over, and the engine goes on by itself when the trace is over, so
    that its steps are kept only where their order matters.
    """
    size = len(trace)
    while size >= 1:
        shorter = _without_some(world, trace, size)
        if shorter is None:
            size //= 2
        else:
            trace, size = shorter, min(size, len(shorter))
    simpler = (_simplified(trace, at) for at in range(len(trace)))
    better = next((one for one in simpler if one != trace and _fails(world, one)), None)
    return trace if better is None else shrink(world, better)


def count_edits(trace: Sequence[Step]) -> int:
    """How many steps are people's."""
    return sum(isinstance(step, Edit) for step in trace)


def _without_some(world: SmallWorld, trace: Trace, size: int) -> Trace | None:
    parts = ((*trace[:at], *trace[at + size :]) for at in range(0, len(trace), size))
    return next((part for part in parts if _fails(world, part)), None)


def _simplified(trace: Trace, at: int) -> Trace:
    """The same with a plainer edit at one place: a new value, later than all, of the first record or property."""
    step = trace[at]
    if not isinstance(step, Edit):
        return trace
    for plainer in (step._replace(kind=NEW, choice=0), step._replace(later=True), step._replace(prop=0)):
        if plainer != step:
            return (*trace[:at], plainer, *trace[at + 1 :])
    return trace


def _fails(world: SmallWorld, trace: Trace) -> bool:
    return play(world, trace)[1] is not None
