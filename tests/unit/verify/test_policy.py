"""Tests of the steps that tell what no document promises: what is told is what was seen."""

from pathlib import Path

import pytest

from talkqa.checklist.derive import PARTITIONS
from talkqa.model.errors import CheckNotRunnable, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.result import Outcome
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.verify.vocabulary.partitions import value_of
from tests.fakes.flows import make_row
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


class Rows:
    """Two entities with one property each."""

    def __init__(self, own: FieldSchema, other: FieldSchema | None) -> None:
        self.schemas = {
            Side.SOURCE: EntitySchema(name="S", fields=(own,)),
            Side.TARGET: EntitySchema(name="T", fields=(other,) if other else ()),
        }

    def both(self) -> tuple[EntitySchema, EntitySchema]:
        return self.schemas[Side.SOURCE], self.schemas[Side.TARGET]


def draw(partition: str, kind: FieldType, length: int | None = None, data_type: str = "N/A") -> object:
    own = FieldSchema(path="a", type=kind, max_length=length)
    other = FieldSchema(path="b", type=kind)
    return value_of(partition, make_row("a", "b", data_type), Rows(own, other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("partition", "kind", "expected"),
    [
        ("zero", FieldType.INTEGER, 0),
        ("a negative number", FieldType.DECIMAL, -17),
        ("the first day of a year", FieldType.DATE, "2027-01-01"),
        ("the first day of a year", FieldType.DATETIME, "2027-01-01T00:00:00Z"),
        ("text with leading zeros", FieldType.STRING, "00042"),
        ("text that looks like a number", FieldType.TEXT, "1234567890"),
    ],
)
def test_a_partition_gives_a_value_of_its_kind(partition: str, kind: FieldType, expected: object) -> None:
    """In the type of the property."""
    assert draw(partition, kind) == expected


@pytest.mark.parametrize("length", [1, 7, 40, 255])
def test_the_longest_text_is_exactly_as_long_as_the_narrower_side(length: int) -> None:
    """With no blank at its ends, which systems trim."""
    text = str(draw("the longest text", FieldType.STRING, length))
    assert len(text) == length
    assert text == text.strip()


@pytest.mark.parametrize(
    ("partition", "kind"),
    [
        ("zero", FieldType.STRING),
        ("unicode text", FieldType.INTEGER),
        ("the first day of a year", FieldType.STRING),
        ("unicode text", FieldType.PICKLIST),
    ],
)
def test_a_partition_that_one_end_cannot_hold_is_not_runnable(partition: str, kind: FieldType) -> None:
    """It would be refused, which shows nothing of the engine."""
    with pytest.raises(CheckNotRunnable, match="cannot both hold"):
        draw(partition, kind)
    with pytest.raises(CheckNotRunnable, match="cannot both hold"):
        draw("unicode text", FieldType.STRING, 3)


def test_unknown_partitions_and_properties_are_left_open() -> None:
    """Every partition of the checklist is known."""
    with pytest.raises(CheckUndecided, match="is none of"):
        draw("a very odd value", FieldType.STRING)
    with pytest.raises(CheckUndecided, match="no schema knows a and b"):
        value_of("zero", make_row("a", "b"), Rows(FieldSchema(path="a", type=FieldType.STRING), None))  # type: ignore[arg-type]
    closed = FieldSchema(path="b", type=FieldType.BOOLEAN)
    with pytest.raises(CheckNotRunnable):
        value_of("zero", make_row("a", "b"), Rows(FieldSchema(path="a", type=FieldType.DATE), closed))  # type: ignore[arg-type]
    assert len(PARTITIONS) == 7
