"""Tests of `talkqa.verify.discovery.inference`, on invented systems whose truth is known."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.flow import Side
from talkqa.model.schema import FieldType
from talkqa.verify.discovery.evidence import Evidence
from talkqa.verify.discovery.inference import Inference, infer
from tests.unit.verify.discovery.synthetic import Copy, Row, Systems, entity, plain, probe

KINDS = (
    *([FieldType.STRING] * 5),
    *([FieldType.DECIMAL] * 2),
    *(FieldType.INTEGER, FieldType.DATE, FieldType.DATETIME, FieldType.EMAIL, FieldType.PHONE),
    *([FieldType.BOOLEAN] * 2),
)


def fields(letter: str, **special: bool) -> list:
    return [
        plain(f"{letter}{at}", kind, read_only=special.get(f"{letter}{at}", False)) for at, kind in enumerate(KINDS)
    ]


def pairs(found: Inference) -> set[tuple[str, str]]:
    return {(row.source, row.target) for row in found.rows}


def row_of(found: Inference, source: str) -> ProposedRow:
    return next(row for row in found.rows if row.source == source)


def why(found: Inference, source: str, target: str) -> str:
    return next((d.why for d in found.doubts if (d.source, d.target) == (source, target)), "")


def systems(*rows: Row, **changes: object) -> Systems:
    both = {"source": entity("Order", fields("s")), "target": entity("Sale", fields("t"))}
    return Systems(**{**both, "rows": rows, **changes})  # type: ignore[arg-type]


@st.composite
def mappings(draw: st.DrawFn) -> tuple[Row, ...]:
    """Any mapping between fields of one kind, crossed, changed and one way as it comes."""
    rows = []
    for kind in dict.fromkeys(KINDS):
        places = [at for at, other in enumerate(KINDS) if other is kind]
        targets = draw(st.permutations(places))
        for source, target in zip(places, targets, strict=True):
            if not draw(st.booleans()):
                continue
            change = draw(st.sampled_from(["", "case", "backwards"])) if kind is FieldType.STRING else ""
            back = True if kind is FieldType.BOOLEAN else draw(st.booleans())
            rows.append(Row(source=f"s{source}", target=f"t{target}", change=change, back=back))
    return tuple(rows)


@given(rows=mappings(), seed=st.integers(0, 10_000))
@settings(max_examples=80)
def test_any_mapping_is_found_again_and_nothing_else(rows: tuple[Row, ...], seed: int) -> None:
    """Whatever is crossed, dropped, changed or carried one way: its rows with their directions, no row more."""
    found = infer(probe(systems(*rows), seed))
    assert pairs(found) == {(row.source, row.target) for row in rows}
    for row in rows:
        proposed = row_of(found, row.source)
        assert proposed.ways is (Ways.BOTH if row.back else Ways.TO_TARGET)
        assert (proposed.data_type == "N/A") is bool(row.change)
        assert len(proposed.observations) >= 2
        assert proposed.confidence >= 0.95


@given(
    rows=mappings(),
    always=st.booleans(),
    copied=st.integers(0, 4),
    into=st.integers(0, 4),
    joined=st.booleans(),
    seed=st.integers(0, 100),
)
@settings(max_examples=60)
def test_what_a_system_copies_or_joins_by_itself_is_never_a_row(
    rows: tuple[Row, ...], always: bool, copied: int, into: int, joined: bool, seed: int
) -> None:
    """A target property that follows another one of its own record comes from no source property."""
    rows = tuple(row for row in rows if row.target != f"t{into}")
    of = (f"t{copied}", f"t{(copied + 1) % 5}") if joined else (f"t{copied}",)
    if f"t{into}" in of:
        return
    copies = {Side.TARGET: (Copy(of=of, into=f"t{into}", always=always),)}
    found = infer(probe(systems(*rows, copies=copies), seed))
    truth = {(row.source, row.target) for row in rows}
    assert pairs(found) <= truth
    two_way = {(row.source, row.target) for row in rows if row.back}
    assert two_way <= pairs(found)


@given(
    targets=st.permutations(range(9)),
    kept=st.sets(st.integers(0, 8)),
    opposite=st.sets(st.integers(0, 8)),
    seed=st.integers(0, 50),
)
@settings(max_examples=60)
def test_more_truth_values_than_code_words_are_told_apart_or_left_open(
    targets: list[int], kept: set[int], opposite: set[int], seed: int
) -> None:
    """Some carry the same code word, or the opposite one; none is taken for another."""
    many = {
        "source": entity("Order", [plain(f"s{at}", FieldType.BOOLEAN) for at in range(9)]),
        "target": entity("Sale", [plain(f"t{at}", FieldType.BOOLEAN) for at in range(9)]),
        "defaults": {f"t{at}": False for at in range(9)},
    }
    rows = [
        Row(source=f"s{at}", target=f"t{targets[at]}", change="not" if at in opposite else "") for at in sorted(kept)
    ]
    found = infer(probe(systems(*rows, **many), seed))
    assert pairs(found) <= {(row.source, row.target) for row in rows}
    if len(rows) == 1:  # two may carry one code word
        assert len(found.rows) == 1


def test_a_value_that_is_equal_by_chance_in_one_probe_is_no_row() -> None:
    """The other probe does not show it."""
    evidence = probe(systems())
    first = evidence.moves[0]
    same = replace(first.after, target={**first.after.target, "t0": first.after.source["s0"]})
    found = infer(replace(evidence, moves=(replace(first, after=same), *evidence.moves[1:])))
    assert not found.rows
    assert why(found, "s0", "t0") == "one of the two probes shows it and the other does not"


def test_what_is_the_same_in_both_probes_is_no_row() -> None:
    """A default, and what stands in a shared parent, are equal to nothing that a probe was given."""
    found = infer(probe(systems(Row(source="s0", target="t0"), defaults={"t1": "Talk default", "t5": 12.5})))
    assert pairs(found) == {("s0", "t0")}


def test_records_that_both_systems_number_are_no_row() -> None:
    """Both count from 1, and neither number went anywhere."""
    counted = [plain("number", FieldType.INTEGER, read_only=True)]
    both = {
        "source": entity("Order", [*fields("s"), *counted]),
        "target": entity("Sale", [*fields("t"), plain("number", FieldType.INTEGER)]),
    }
    found = infer(probe(systems(Row(source="s0", target="t0"), numbers=("number",), **both)))
    assert pairs(found) == {("s0", "t0")}


def test_a_source_property_that_copies_another_one_is_not_taken_for_it() -> None:
    """Both hold the value; the one that was written is meant."""
    copies = {Side.SOURCE: (Copy(of=("s0",), into="s3", always=True),)}
    found = infer(probe(systems(Row(source="s0", target="t0"), copies=copies)))
    assert pairs(found) == {("s0", "t0")}


def test_an_edit_of_the_source_that_is_not_carried_is_told() -> None:
    """Two records show it and the change does not: the probes contradict each other."""
    evidence = probe(systems(Row(source="s0", target="t0", back=False)))
    edit = evidence.edits(Side.SOURCE)[0]
    assert edit.before is not None
    still = replace(edit.after, target={**edit.after.target, "t0": edit.before.target["t0"]})
    found = infer(replace(evidence, moves=(*evidence.moves[:2], replace(edit, after=still))))
    assert not found.rows
    assert "'t0' stayed as it was" in why(found, "s0", "t0")


def test_a_property_that_comes_back_into_another_one_is_told() -> None:
    """'s0' goes to 't0', and an edit of 't1' comes back into 's0': neither is a row of a table."""
    evidence = probe(systems(Row(source="s0", target="t0", back=False)))
    moves = [_crossed(move) if move.side is Side.TARGET else move for move in evidence.moves]
    found = infer(replace(evidence, moves=tuple(moves)))
    assert not found.rows
    assert "took the value of something else" in why(found, "s0", "t0")


def _crossed(move):  # type: ignore[no-untyped-def]
    return replace(move, after=replace(move.after, source={**move.after.source, "s0": move.after.target["t1"]}))


def test_what_only_comes_back_is_a_row_of_that_direction() -> None:
    """Edits of the target reach a source property which does not travel itself."""
    evidence = probe(systems(Row(source="s1", target="t1")))
    found = infer(replace(evidence, moves=tuple(_crossed_home(move) for move in evidence.moves)))
    assert row_of(found, "s0").ways is Ways.TO_SOURCE
    assert (row_of(found, "s0").target, row_of(found, "s1").ways) == ("t0", Ways.BOTH)


def _crossed_home(move):  # type: ignore[no-untyped-def]
    if move.side is Side.SOURCE:
        return move
    return replace(move, after=replace(move.after, source={**move.after.source, "s0": move.after.target["t0"]}))


def test_a_read_only_source_travels_to_the_target_alone() -> None:
    """What a system works out itself may be carried, and nothing can come back."""
    changes = {"source": entity("Order", [*fields("s"), plain("full", read_only=True)])}
    copies = {Side.SOURCE: (Copy(of=("s0", "s1"), into="full", always=True),)}
    found = infer(probe(systems(Row(source="full", target="t0", back=False), copies=copies, **changes)))
    assert row_of(found, "full").ways is Ways.TO_TARGET
    assert "read-only" in row_of(found, "full").observations[-1]


def test_two_properties_joined_into_one_move_with_it() -> None:
    """No table can say how; both rows are of the kind that is not compared."""
    evidence = probe(systems())
    joined = tuple(_joined(move) for move in evidence.moves if move.side is Side.SOURCE)
    found = infer(replace(evidence, moves=joined))
    assert {(row.source, row.target, row.data_type) for row in found.rows} == {("s0", "t0", "N/A"), ("s1", "t0", "N/A")}


def _joined(move):  # type: ignore[no-untyped-def]
    def join(look):  # type: ignore[no-untyped-def]
        return replace(look, target={**look.target, "t0": f"{look.source['s0']}, {look.source['s1']}"})

    return replace(move, before=join(move.before) if move.before else None, after=join(move.after))


@pytest.mark.parametrize("probes", [(), (1,)])
def test_fewer_than_two_probes_prove_nothing(probes: tuple[int, ...]) -> None:
    """One record may show anything."""
    evidence = probe(systems(Row(source="s0", target="t0")))
    kept = tuple(move for move in evidence.moves if move.probe in probes)
    assert infer(replace(evidence, moves=kept)) == Inference()


def test_pairs_that_the_harness_made_equal_itself_are_no_evidence() -> None:
    """A merge criterion has the same value on both sides before any engine came by."""
    evidence = probe(systems(Row(source="s0", target="t0"), Row(source="s1", target="t1")))
    joined: Evidence = replace(evidence, joined=frozenset({("s0", "t0")}))
    assert pairs(infer(joined)) == {("s1", "t1")}
