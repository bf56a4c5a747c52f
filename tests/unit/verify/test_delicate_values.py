"""What engines commonly spoil shows in the checks of the standard depth, and a correct engine is not accused for it."""

from pathlib import Path

import pytest

from talkqa.model.check import Check, Depth
from talkqa.model.flow import Flow
from talkqa.model.result import Outcome
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.verify.probe import expect_equal
from tests.fakes.engine import SPOILING
from tests.fakes.flows import make_flow, make_row
from tests.unit.verify.test_engines import accused, try_out
from tests.unit.verify.test_scenarios import Outcomes, failed, run

SEEN_BY = {
    "latin-1": {"edited-in-source", "edited-in-target", "audit"},
    "garbles": {"edited-in-source", "edited-in-target", "audit"},
    "cuts-at-40": {"edited-in-source", "edited-in-target", "audit", "whole-in-source", "whole-in-target"},
    "folds": {"edited-in-source", "edited-in-target", "audit", "whole-in-source", "whole-in-target"},
    "trims": {"whole-in-source", "whole-in-target"},
    "loses-zeros": {"whole-in-source", "whole-in-target"},
}
KINDS = {"credit": FieldType.DECIMAL, "seats": FieldType.INTEGER, "since": FieldType.DATE, "open": FieldType.BOOLEAN}


def of_values(check: Check) -> bool:
    return check.name.startswith(("edited", "audit", "whole"))


def test_every_way_to_spoil_a_text_is_asked_for() -> None:
    """What is added there is to be seen here."""
    assert set(SEEN_BY) == set(SPOILING)


@pytest.mark.parametrize("fault", SEEN_BY)
def test_spoilt_texts_are_seen_at_standard_depth(fault: str, tmp_path: Path) -> None:
    """By these checks and no others: the rest of them has values that the fault leaves alone."""
    outcomes = try_out("filled", tmp_path, fault, only=of_values)
    assert failed(outcomes) == SEEN_BY[fault], outcomes.words()


def test_values_that_arrive_whole_are_told_with_what_they_are(tmp_path: Path) -> None:
    """The evidence names every property."""
    outcomes = try_out("filled", tmp_path, only=lambda c: c.name == "whole-in-source")
    for result in outcomes.results.values():
        assert result.outcome is Outcome.PASSED
        assert result.reason == "arrived-whole"
        assert all(f"'{path}' '" in result.message for path in ("title", "town", "call"))


def roomy(tmp_path: Path, *ways: str) -> Outcomes:
    """A flow of texts of which one has more room in the source than in the target."""
    schemas = tuple(
        SystemSchema(
            name=system,
            entities=(
                EntitySchema(
                    name=entity,
                    fields=tuple(
                        FieldSchema(path=path, type=FieldType.STRING, max_length=room)
                        for path, room in (("name", 60), ("city", 60), ("motto", motto))
                    ),
                    name_field="name",
                ),
            ),
        )
        for system, entity, motto in (("Bakery", "Customer", 90), ("Web Shop", "Account", 50))
    )
    mapping = {path: path for path in ("name", "city", "motto")}
    flow = make_flow(rows=tuple(make_row(path, path) for path in mapping))
    filling = "values-that-take-all-the-room-there-is"
    return run(flow, tmp_path, *ways, schemas=schemas, mapping=mapping, only=lambda c: c.id.endswith(filling))  # type: ignore[arg-type]


def test_a_text_that_the_target_has_no_room_for_holds_up_no_other_property(tmp_path: Path) -> None:
    """It is written with the others at first; once it is short enough, all of them are there."""
    outcomes = roomy(tmp_path)
    assert {r.outcome for r in outcomes.results.values()} == {Outcome.PASSED}
    told = " ".join(o.text for r in outcomes.results.values() for o in r.observations)
    assert "was given 51 characters, too many for the target" in told


def test_what_was_lost_with_a_refused_value_is_seen(tmp_path: Path) -> None:
    """The other properties of that write never arrive, though nothing refuses them."""
    result = roomy(tmp_path, "gives-up-refused").results["whole-in-source/values-that-take-all-the-room-there-is"]
    assert (result.outcome, result.reason) == (Outcome.FAILED, "edit-not-carried")
    assert "'name'" in result.message
    assert "'city'" in result.message
    assert "'motto'" not in result.message


def numbers(tmp_path: Path, *ways: str, scale: int | None = None, **options: object) -> Outcomes:
    """A flow of a name and of properties that are no texts."""
    text = FieldSchema(path="name", type=FieldType.STRING, max_length=60)
    own = tuple(FieldSchema(path=p, type=k, scale=4 if k is FieldType.DECIMAL else None) for p, k in KINDS.items())
    other = tuple(FieldSchema(path=f"{f.path}2", type=f.type, scale=scale or f.scale) for f in own)
    schemas = (
        SystemSchema(name="Bakery", entities=(EntitySchema(name="Customer", fields=(text, *own), name_field="name"),)),
        SystemSchema(
            name="Web Shop", entities=(EntitySchema(name="Account", fields=(text, *other), name_field="name"),)
        ),
    )
    mapping = {"name": "name", **{p: f"{p}2" for p in KINDS}}
    flow: Flow = make_flow(rows=tuple(make_row(s, t) for s, t in mapping.items()))
    return run(flow, tmp_path, *ways, schemas=schemas, mapping=mapping, **options)  # type: ignore[arg-type]


def test_numbers_dates_and_truth_values_arrive_whole_too(tmp_path: Path) -> None:
    """At the largest depth, with every kind of value that both sides hold."""
    outcomes = numbers(tmp_path, depth=Depth.DEEP)
    told = {n: w for n, w in accused(outcomes).items() if not w.startswith("not_runnable")}
    assert told == {}


def test_zero_and_false_that_are_taken_for_nothing_are_seen(tmp_path: Path) -> None:
    """They are values like others."""
    outcomes = numbers(tmp_path, "falsy-is-nothing", only=lambda c: c.name.startswith("whole"))
    seen = {n: r for n, r in outcomes.results.items() if r.outcome is Outcome.FAILED}
    assert set(seen) == {f"whole-in-{side}/values-that-are-often-taken-for-nothing" for side in ("source", "target")}
    assert {r.reason for r in seen.values()} == {"edit-not-carried"}


def test_rounding_is_seen_and_named(tmp_path: Path) -> None:
    """All digits of both sides' scale are written; the other properties of the same write are not accused."""
    outcomes = numbers(tmp_path, "rounds", only=lambda c: c.name in {"whole-in-source", "edited-in-source"})
    edited = outcomes.of("edited-in-source/credit")
    assert (edited.outcome, edited.reason) == (Outcome.FAILED, "wrong-value")
    whole = outcomes.of("whole-in-source/values-that-are-often-tidied-up")
    assert whole.reason == "wrong-value"
    assert "credit2" in whole.expected
    assert "seats2" not in whole.expected


def test_what_a_type_cannot_keep_is_forgiven_and_said() -> None:
    """The evidence carries the note of the comparison; what is plainly equal has none."""
    text, number = FieldSchema(path="a", type=FieldType.STRING), FieldSchema(path="b", type=FieldType.INTEGER)
    expected = expect_equal("007", (text, number), "integer")
    assert expected.matches(7)
    assert expected.forgiven(7) == "a number has no leading zeros"
    assert expect_equal("7", (text, number), "integer").forgiven(7) == ""
    assert expected.forgiven(8) == ""


def test_an_engine_that_carries_nothing_has_not_spoilt_values(tmp_path: Path) -> None:
    """It is silent, and that is said."""
    outcomes = try_out("filled", tmp_path, "dead", only=lambda c: c.name.startswith("whole"))
    assert {r.outcome for r in outcomes.results.values()} == {Outcome.LATE}
