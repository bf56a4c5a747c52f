"""Of two edits of one property, made before either has crossed: what stands, and what may be said of it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from talkqa.model.check import Check
from talkqa.model.record import Record
from talkqa.model.result import CheckFinished, Outcome
from talkqa.verify.vocabulary.conflict import _is_ordered
from tests.unit.verify.test_engines import try_out

BOTH = {"latest-wins/city~town", "latest-wins/city~town/source-last"}


def of_conflict(check: Check) -> bool:
    return check.name == "latest-wins"


def conflicts(name: str, tmp_path: Path, *ways: str) -> dict[str, CheckFinished]:
    return try_out(name, tmp_path, *ways, only=of_conflict).results


@pytest.mark.parametrize("name", ["filled", "empty"])
def test_whichever_edit_stands_both_sides_agree_and_it_is_told_which(name: str, tmp_path: Path) -> None:
    """No document says which one; the word for it is one that can be adopted."""
    for result in conflicts(name, tmp_path).values():
        assert result.outcome is Outcome.OBSERVED, result.message
        assert result.reason == f"{result.observed}-stands"
        assert result.observed in {"later", "earlier"}


def test_two_sides_that_differ_at_rest_fail_where_the_property_is_documented(tmp_path: Path) -> None:
    """The pair is not in step any more, whoever should have won."""
    found = conflicts("filled", tmp_path, "loses-conflicts")
    assert {(r.outcome, r.reason) for r in found.values()} == {(Outcome.FAILED, "not-converged")}
    assert set(found) == BOTH
    assert "are not in step" in next(iter(found.values())).message


def test_where_no_document_has_the_property_only_the_source_must_arrive(tmp_path: Path) -> None:
    """What was seen to travel to the target need not come back."""
    found = conflicts("empty", tmp_path, "loses-conflicts")
    assert found["latest-wins"].outcome is Outcome.OBSERVED
    assert found["latest-wins"].reason == "sides-differ"
    assert (found["latest-wins/source-last"].outcome, found["latest-wins/source-last"].reason) == (
        Outcome.FAILED,
        "not-converged",
    )


def test_a_silent_engine_has_lost_no_edit(tmp_path: Path) -> None:
    """It is late."""
    assert {r.outcome for r in conflicts("filled", tmp_path, "dead").values()} == {Outcome.LATE}


def stamped(system: str, modified: str | None) -> Record:
    return Record(system=system, entity="E", id="1", values={}, modified=modified)


@pytest.mark.parametrize(
    ("earlier", "later", "ordered"),
    [
        ("2027-01-01T10:00:00Z", "2027-01-01T10:00:02Z", True),
        ("2027-01-01T10:00:00Z", "2027-01-01T10:00:01Z", True),
        ("2027-01-01T10:00:00.500Z", "2027-01-01T10:00:01Z", False),
        ("2027-01-01T10:00:00Z", "2027-01-01T10:00:00Z", False),
        ("2027-01-01T10:00:05Z", "2027-01-01T10:00:01Z", False),
        (None, "2027-01-01T10:00:01Z", True),
    ],
)
def test_the_stamps_of_the_systems_say_which_edit_was_later(earlier: str | None, later: str, ordered: bool) -> None:
    """Where a clock runs ahead, or both stamps are the same, nobody can say; then only agreement is asked for."""
    clients = {name: SimpleNamespace(schema=SimpleNamespace(stamp_granularity_s=1.0)) for name in "AB"}
    scenario = SimpleNamespace(access=SimpleNamespace(clients=clients))
    assert _is_ordered(scenario, stamped("A", earlier), stamped("B", later)) is ordered  # type: ignore[arg-type]
