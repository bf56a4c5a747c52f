"""Of a flow without a property table: what arrives cut is told, and what merely looks so is not."""

from types import SimpleNamespace
from typing import cast

import pytest

from talkqa.model.record import FieldValue, Record
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.verify.scenario import Scenario
from talkqa.verify.vocabulary.seen_travel import _cut_both_times

SOURCE = EntitySchema(name="Customer", fields=(FieldSchema(path="motto", type=FieldType.STRING),))
TARGET = EntitySchema(
    name="Account",
    fields=(
        FieldSchema(path="slogan", type=FieldType.STRING, max_length=10),
        FieldSchema(path="made", type=FieldType.STRING, createable=False),
    ),
)


def cut(*times: tuple[FieldValue, FieldValue], path: str = "slogan") -> list[str]:
    """What is told of a motto that was written several times, and of what the account held each time."""
    rewrites = [
        (
            Record(system="Bakery", entity="Customer", id="1", values={"motto": written}, modified=None),
            Record(system="Web Shop", entity="Account", id="2", values={path: held}, modified=None),
        )
        for written, held in times
    ]
    state = SimpleNamespace(both=lambda: (SOURCE, TARGET))
    return _cut_both_times(cast("Scenario", SimpleNamespace(state=state, rewrites=rewrites)))


def test_a_text_of_which_the_beginning_arrives_twice_is_told_with_both() -> None:
    assert cut(("Kasenegi n37", "Kasen"), ("Refahebu g22", "Refah")) == ["motto to slogan ('Refah' of 'Refahebu g22')"]


@pytest.mark.parametrize(
    "times",
    [
        (("Kasenegi", "Kasenegi"), ("Refahebu", "Refahebu")),
        (("Kasenegi", "Kasen"), ("Refahebu", "Other")),
        (("Kasenegi", "Kasen"), ("Kasenegi b", "Kasen")),
        (("Kasenegi", "Kas"), ("Refahebu", "Ref")),
        (("Kasenegi n37mr", "Kasenegi n"), ("Refahebu g229m", "Refahebu g")),
        (("Kasenegi", None), (5, "Refah")),
    ],
    ids=["whole", "once", "never-moved", "too-short", "no-more-room", "no-text"],
)
def test_other_values_are_not_called_cut(times: tuple[tuple[FieldValue, FieldValue], ...]) -> None:
    """Each for a reason of its own."""
    assert cut(*times) == []


def test_what_the_target_makes_by_itself_is_not_called_cut() -> None:
    assert cut(("Kasenegi n37", "Kasen"), ("Refahebu g22", "Refah"), path="made") == []
