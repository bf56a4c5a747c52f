"""The conflict policies in every small world there is: the reference engine is right, and wrong ones are found."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import coverage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.sandbox import decision
from tests.small_worlds import broken
from tests.small_worlds.enumeration import Tally, enumerate_all
from tests.small_worlds.pair import SOURCE, TARGET
from tests.small_worlds.port import Rules
from tests.small_worlds.scenes import AGAIN, CLOCKS, DELETED, EMPTY, MEETING, NEW, PLAIN, SCENES, TWIN, WAITING, Scene
from tests.small_worlds.shrinking import count_edits, shrink, wander
from tests.small_worlds.world import Edit, Look, Read, SmallWorld, Trace, Write, play

TWO_EDITS = replace(PLAIN, edits=2)
TWO_DELETES = replace(DELETED, edits=2)
TWO_CLOCKS = replace(CLOCKS, edits=2)
BROKEN: list[tuple[Rules, Scene, str]] = [
    (broken.StaleWins(), TWO_EDITS, "should stand"),
    (broken.KeepsBoth(), TWO_EDITS, "should stand"),
    (broken.EmptyOverwrites(), TWO_EDITS, "is empty, and nobody emptied it"),
    (broken.GoesOneWay(), TWO_EDITS, "should stand"),
    (broken.ForgetsBase(), TWO_EDITS, "should stand"),
    (broken.CrossesProperties(), TWO_EDITS, "came from elsewhere"),
    (broken.CrossesRecords(), TWO_EDITS, "came from elsewhere"),
    (broken.SpreadsDeletes(), TWO_DELETES, "was deleted, and nobody did that"),
    (broken.NeverRests(), TWO_EDITS, "nobody edits any more"),
    (broken.ForgetsClocks(), TWO_CLOCKS, "should stand"),
    (broken.TurnsClocks(), TWO_CLOCKS, "should stand"),
    (broken.ForgetsWaiting(), replace(WAITING, edits=2), "should stand"),
]


def _each(some: list[tuple[Rules, Scene, str]]) -> pytest.MarkDecorator:
    names = [type(rules).__name__ for rules, _, _ in some]
    return pytest.mark.parametrize(("rules", "scene", "words"), some, ids=names)


EACH_BROKEN = _each(BROKEN)
EACH_LASTING = _each(BROKEN[:-1])
"""Without the fault that only shows before the first meeting is over, which is soon."""


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name.replace(" ", "-"))
def test_whatever_the_interleaving_the_reference_engine_keeps_every_promise(scene: Scene) -> None:
    """The latest edit stands, no emptied value overwrites, nothing crosses, nothing goes on for ever."""
    tally = enumerate_all(scene, Rules())
    print(tally)
    assert tally.failure is None
    assert tally.resting > 20, "what people's edits come to was judged"
    assert tally.interleavings > tally.steps > tally.states > tally.resting
    assert scene.edits == 3 or scene.fewer_because
    if scene is PLAIN:
        assert tally.interleavings > 100_000_000
        assert tally.states > 100_000


def test_leaving_out_what_is_alike_leaves_out_no_interleaving() -> None:
    """Counted with every record and property told apart, there are as many."""
    for scene in (TWO_EDITS, TWO_DELETES, replace(MEETING, edits=1)):
        reduced, whole = enumerate_all(scene, Rules()), enumerate_all(scene, Rules(), reduced=False)
        assert reduced.interleavings == whole.interleavings
        assert reduced.states <= whole.states


def test_the_small_worlds_take_every_branch_of_the_decisions(tmp_path: Path) -> None:
    """Those of the correct engine and of the broken ones; nothing of the policy is left untried."""
    watch = coverage.Coverage(data_file=None, branch=True, include=[decision.__file__], config_file=False)
    watch.start()
    try:
        for scene in SCENES:
            enumerate_all(replace(scene, edits=2 if all(scene.met) else 1), Rules())
        for rules, scene, _ in BROKEN:
            enumerate_all(scene, rules, reduced=False)
    finally:
        watch.stop()
    watch.json_report(outfile=str(tmp_path / "taken.json"))
    (taken,) = json.loads((tmp_path / "taken.json").read_text())["files"].values()
    assert taken["executed_lines"]
    assert set(taken["missing_lines"]) & _body_lines(Path(decision.__file__)) == set()
    assert taken["missing_branches"] == []


@EACH_BROKEN
def test_a_wrong_decision_is_found_made_small_and_replayed(rules: Rules, scene: Scene, words: str) -> None:
    """At most five edits, and a hundred times out of a hundred the same steps to the same fault."""
    tally = enumerate_all(scene, rules, reduced=False)
    assert words in str(tally.failure)
    world = SmallWorld(scene, rules)
    trace = shrink(world, tally.trace)
    assert 1 <= count_edits(trace) <= count_edits(tally.trace) <= 5
    taken, fault = play(world, trace)
    assert fault is not None
    assert {play(SmallWorld(scene, rules), trace) for _ in range(100)} == {(taken, fault)}
    assert play(SmallWorld(scene, Rules()), trace)[1] is None, "the correct engine does the same steps right"


@pytest.mark.parametrize("side", [SOURCE, TARGET])
def test_the_engine_that_carries_empty_values_empties_the_other_side(side: int) -> None:
    """The fault does what it says, whichever side was emptied."""
    world, state = SmallWorld(PLAIN, broken.EmptyOverwrites()), None
    for step in (Edit(0, side, 0, EMPTY, later=True), Read(side), Look(0), Write(0, later=True)):
        state = world.take(state or world.begin(), step)
        assert state is not None, step
    assert state is not None
    assert [version.values[0] for version in state.pairs[0].actual] == [None, None]


def test_the_engine_that_leaves_a_conflict_writes_nothing() -> None:
    """The fault does what it says."""
    world, state = SmallWorld(PLAIN, broken.KeepsBoth()), None
    edits = [Edit(0, side, 0, NEW, later=True) for side in (SOURCE, TARGET)]
    for step in (*edits, Read(SOURCE), Read(TARGET), Look(0)):
        state = world.take(state or world.begin(), step)
        assert state is not None, step
    assert state is not None
    assert state.pairs[0].rests


@pytest.mark.parametrize(
    ("rules", "scene"),
    [
        (broken.GoesOneWay(), replace(TWO_EDITS, edited=((SOURCE, 0), (SOURCE, 1)))),
        (broken.EmptyOverwrites(), replace(TWO_EDITS, kinds=(NEW, AGAIN, TWIN))),
    ],
)
def test_a_wrong_engine_is_right_where_nobody_does_what_it_gets_wrong(rules: Rules, scene: Scene) -> None:
    """Each fault changes one decision and no other."""
    assert enumerate_all(scene, rules).failure is None


@EACH_LASTING
def test_a_failure_among_many_edits_shrinks_to_a_few(rules: Rules, scene: Scene, words: str) -> None:
    """Found by chance in a long trace; without any one of the steps that are left it is no failure."""
    del words
    world = SmallWorld(scene, rules)
    long = max((_wandering(world, seed) for seed in range(12)), key=count_edits)
    small = shrink(world, long)
    assert count_edits(small) <= min(5, count_edits(long))
    assert play(world, small)[1] is not None
    for at in range(len(small)):
        assert play(world, (*small[:at], *small[at + 1 :]))[1] is None
    assert {play(world, small) for _ in range(100)} == {play(world, small)}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(min_value=0, max_value=1 << 30))
def test_no_wandering_among_more_edits_than_can_be_enumerated_accuses_the_reference_engine(seed: int) -> None:
    """A hundred and twenty steps, a third of them edits."""
    world = SmallWorld(PLAIN, Rules())
    trace = wander(world, seed, steps=120)
    assert len(trace) == 120
    assert count_edits(trace) > 5
    assert play(world, trace)[1] is None


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(min_value=0, max_value=1 << 30))
def test_shrinking_what_is_small_changes_nothing(seed: int) -> None:
    """The result of the shrinker is a failure that the shrinker leaves alone."""
    world = SmallWorld(TWO_EDITS, broken.ForgetsBase())
    trace = wander(world, seed, steps=120)
    if play(world, trace)[1] is None:
        return
    small = shrink(world, trace)
    assert shrink(world, small) == small


def test_a_conflict_is_settled_by_the_stamps_and_not_by_the_order_of_reading() -> None:
    """One interleaving, step by step: the source is read first and the target was edited last."""
    world = SmallWorld(PLAIN, Rules())
    left, right = (Edit(0, side, 0, NEW, later=True) for side in (SOURCE, TARGET))
    overtaken, carried = Write(0, later=False), Write(0, later=True)
    trace: Trace = (left, right, Read(SOURCE), Look(0), overtaken, Look(0), carried, Look(0))
    state = world.begin()
    for step in trace:
        after = world.take(state, step)
        assert after is not None, step
        state = after
    pair = state.pairs[0]
    newest = pair.actual[TARGET].values[0]
    assert pair.rests
    assert pair.actual[SOURCE].values[0] == newest == pair.tracks[0][TARGET].last
    assert state.pairs[1] == world.begin().pairs[1], "the other record was left alone"


def _wandering(world: SmallWorld, seed: int) -> Trace:
    trace = wander(world, seed, steps=200)
    return trace if play(world, trace)[1] is not None else ()


def _body_lines(path: Path) -> set[int]:
    """Lines inside functions: the others ran when the module was imported."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            found |= {line for part in node.body for line in range(part.lineno, (part.end_lineno or part.lineno) + 1)}
    return found


def test_tallies_say_what_was_searched() -> None:
    """Whoever prints one reads scene, states and interleavings."""
    tally = enumerate_all(replace(PLAIN, edits=1), Rules())
    assert tally == Tally(
        scene="two plain rows",
        states=tally.states,
        pair_states=tally.pair_states,
        steps=tally.steps,
        interleavings=52,
        resting=tally.resting,
    )
