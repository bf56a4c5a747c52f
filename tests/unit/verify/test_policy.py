"""Tests of the steps that tell what no document promises: what is told is what was seen."""

from pathlib import Path

import pytest

from talkqa.model.result import Outcome
from tests.unit.verify.test_engines import try_out


@pytest.mark.parametrize(
    ("way", "words"), [("", "was emptied too"), ("keeps-filled", "kept '")], ids=["carries nothing", "keeps values"]
)
def test_what_an_emptied_property_does_is_told_as_it_was(way: str, words: str, tmp_path: Path) -> None:
    """Both are right: no document says."""
    seen = try_out("filled", tmp_path, way, only=lambda c: c.name == "empty-keeps").of("empty-keeps")
    assert (seen.outcome, seen.reason) == (Outcome.OBSERVED, "empty-seen")
    assert words in seen.message


def test_a_deleted_record_leaves_its_counterpart_or_not(tmp_path: Path) -> None:
    """This engine leaves it."""
    seen = try_out("filled", tmp_path, only=lambda c: c.name == "delete-stays").of("delete-stays")
    assert seen.message.endswith("is still there")


@pytest.mark.parametrize(
    ("name", "way", "words"),
    [
        ("merging", "", "was taken as another one"),
        ("merging", "matches-loosely", "was merged with Account"),
        ("merging", "keeps-target matches-loosely", "was merged with Account"),
        ("linking", "", "neither was another Account seen"),
    ],
)
def test_a_near_miss_is_told_by_what_only_one_of_the_two_records_held(
    name: str, way: str, words: str, tmp_path: Path
) -> None:
    """The criterion itself is in both, and shows nothing."""
    outcomes = try_out(name, tmp_path, *way.split(), only=lambda c: c.name == "near-miss" and "case" in c.id)
    seen = outcomes.of("near-miss")
    assert seen.outcome is Outcome.OBSERVED, seen.message
    assert words in seen.message


def test_a_silent_engine_has_not_lost_a_link(tmp_path: Path) -> None:
    """It is late, and nothing is said of the link."""
    seen = try_out("filled", tmp_path, "dead", only=lambda c: c.name == "link-survives").of("link-survives")
    assert seen.outcome is Outcome.LATE


def test_a_lost_link_is_told(tmp_path: Path) -> None:
    """The pair no longer moves together, and no document promises that it does."""
    seen = try_out("filled", tmp_path, "unlinks-after-edits", only=lambda c: c.name == "link-survives")
    assert (seen.of("link-survives").outcome, seen.of("link-survives").reason) == (Outcome.OBSERVED, "link-lost")
