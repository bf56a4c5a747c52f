"""Two properties edited at once, one on each side: both edits last, or it is told which did not."""

from pathlib import Path

from talkqa.model.check import Check
from talkqa.model.result import CheckFinished, Outcome
from tests.unit.verify.test_engines import try_out


def told(tmp_path: Path, *ways: str) -> CheckFinished:
    outcomes = try_out("filled", tmp_path, *ways, only=of_both)
    (result,) = outcomes.results.values()
    return result


def of_both(check: Check) -> bool:
    return check.name == "both-stand"


def test_edits_of_two_properties_both_last(tmp_path: Path) -> None:
    """No document says so, so that it is told and can be adopted."""
    result = told(tmp_path)
    assert (result.outcome, result.reason, result.observed) == (Outcome.OBSERVED, "both-stand", "both")


def test_an_edit_that_a_whole_record_was_written_over_is_told(tmp_path: Path) -> None:
    """With what was written and what is there instead."""
    result = told(tmp_path, "writes-whole")
    assert (result.outcome, result.reason, result.observed) == (Outcome.OBSERVED, "edit-lost", "one")
    assert "in the target, and at rest the source holds" in result.message


def test_a_silent_engine_has_lost_nothing(tmp_path: Path) -> None:
    """It is late."""
    assert told(tmp_path, "dead").outcome is Outcome.LATE


def test_without_two_properties_there_is_no_such_check(tmp_path: Path) -> None:
    """Where no table lists any."""
    assert not try_out("empty", tmp_path, only=of_both).results
