"""Values of a kind are of that kind, and valid on both sides of their row."""

from datetime import date, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from talkqa.checklist.partitions import NOTHINGS, PARTITIONS, SUITES, TIDIED, TRANSFORMED
from talkqa.model.errors import CheckNotRunnable, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.model.transform import Call, Literal, Transform, Value
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.oracle import evaluate
from talkqa.verify.values import FlowValues
from talkqa.verify.vocabulary.partitions import suite_value, value_of
from tests.fakes.flows import HERE, make_flow, make_row
from tests.unit.verify.test_values import fields, takes

TEXT, LONG = FieldType.STRING, FieldType.TEXT


class Rows:
    """What of a flow's state the values of one row need."""

    def __init__(self, row: PropertyRow, own: FieldSchema, other: FieldSchema | None) -> None:
        self.schemas = {
            Side.SOURCE: EntitySchema(name="S", fields=(own,)),
            Side.TARGET: EntitySchema(name="T", fields=(other,) if other else ()),
        }
        self.values = FlowValues(
            flow=make_flow(rows=[row]),
            source=self.schemas[Side.SOURCE],
            target=self.schemas[Side.TARGET],
            sentinels=Sentinels(0, "w"),
        )

    def both(self) -> tuple[EntitySchema, EntitySchema]:
        return self.schemas[Side.SOURCE], self.schemas[Side.TARGET]

    def schema(self, side: Side) -> EntitySchema:
        return self.schemas[side]


def draw(
    partition: str,
    own: FieldSchema,
    other: FieldSchema | None = None,
    *,
    row: PropertyRow | None = None,
    side: Side = Side.SOURCE,
) -> Scalar:
    row = row or make_row("a", "b", "N/A")
    other = other or FieldSchema(path="b", type=own.type, max_length=own.max_length, scale=own.scale)
    return value_of(partition, row, Rows(row, own, other), "k", side)  # type: ignore[arg-type]


def field(kind: FieldType, length: int | None = None, scale: int | None = None) -> FieldSchema:
    return FieldSchema(path="a", type=kind, max_length=length, scale=scale)


@given(
    own=fields("a"),
    other=fields("b"),
    partition=st.sampled_from([p for p in PARTITIONS if p not in TRANSFORMED]),
    side=st.sampled_from(list(Side)),
)
def test_a_value_of_a_kind_is_taken_on_the_side_where_it_is_written(
    own: FieldSchema, other: FieldSchema, partition: str, side: Side
) -> None:
    """Else the check is not runnable: a refusal would show nothing of the engine."""
    try:
        value = draw(partition, own, other, side=side)
    except CheckNotRunnable:
        return
    assert takes(own if side is Side.SOURCE else other, value), (own, other, value)


@given(own=fields("a"), other=fields("b"), suite=st.sampled_from(SUITES), side=st.sampled_from(list(Side)))
def test_a_suite_gives_each_property_a_value_that_it_takes_or_none(
    own: FieldSchema, other: FieldSchema, suite: str, side: Side
) -> None:
    """One odd field does not stop the others."""
    row = make_row("a", "b", "N/A")
    value = suite_value(suite, row, Rows(row, own, other), "k", side)  # type: ignore[arg-type]
    assume(value is not None)
    assert takes(own if side is Side.SOURCE else other, value)


@pytest.mark.parametrize(
    ("kind", "nothing", "tidied"),
    [
        (FieldType.INTEGER, 0, -17),
        (FieldType.BOOLEAN, False, True),
    ],
)
def test_suites_hold_what_is_taken_for_nothing_and_what_is_tidied(
    kind: FieldType, nothing: Scalar, tidied: Scalar
) -> None:
    """Each property by its own type."""
    row = make_row("a", "b", "N/A")
    state = Rows(row, field(kind), FieldSchema(path="b", type=kind))
    assert suite_value(NOTHINGS, row, state, "k", Side.SOURCE) == nothing  # type: ignore[arg-type]
    assert suite_value(TIDIED, row, state, "k", Side.SOURCE) == tidied  # type: ignore[arg-type]


def test_a_suite_pads_texts_with_zeros_and_with_blanks() -> None:
    """All digits, so that a number made of it loses the zeros."""
    row = make_row("a", "b", "N/A")
    state = Rows(row, field(TEXT), FieldSchema(path="b", type=TEXT))
    padded = str(suite_value(NOTHINGS, row, state, "k", Side.SOURCE))  # type: ignore[arg-type]
    blank = str(suite_value(TIDIED, row, state, "k", Side.SOURCE))  # type: ignore[arg-type]
    assert padded.isdigit()
    assert padded.startswith("00")
    assert blank != blank.strip()
    assert blank[0] == blank[-1] == " "


@pytest.mark.parametrize("length", [1, 7, 40, 255])
def test_the_longest_text_is_exactly_as_long_as_the_narrower_side(length: int) -> None:
    """With no blank at its ends, which systems trim."""
    text = str(draw("the longest text", field(TEXT, length), FieldSchema(path="b", type=TEXT, max_length=300)))
    assert len(text) == length
    assert text == text.strip()


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_decimals_use_the_whole_scale_of_the_narrower_side(scale: int) -> None:
    """A digit less, and rounding would not show."""
    own, other = field(FieldType.DECIMAL, 12, scale), FieldSchema(path="b", type=FieldType.DECIMAL, scale=6)
    for partition in ("a negative number", "a large number", "a small number", "a number that ends in five"):
        fraction = repr(draw(partition, own, other)).partition(".")[2]
        if "e" not in fraction:
            assert len(fraction) == scale, partition
    assert draw("a small number", own, other) == pytest.approx(10**-scale)


def test_dates_lie_at_the_edges_of_calendars_and_clocks() -> None:
    """The hours are those that Central Europe skips in March and has twice in October, on Sundays."""
    assert str(draw("a leap day", field(FieldType.DATE))).endswith("-02-29")
    assert str(draw("the first day of a year", field(FieldType.DATETIME))).endswith("-01-01T00:00:00Z")
    assert str(draw("midnight in UTC", field(FieldType.DATETIME))).endswith("T00:00:00Z")
    for partition, month in (("the hour that a clock change skips", 3), ("the hour that a clock change repeats", 10)):
        moment = datetime.fromisoformat(str(draw(partition, field(FieldType.DATETIME))))
        assert (moment.month, moment.weekday()) == (month, 6)
        assert moment.day > 24
    assert date.fromisoformat(str(draw("the last day of a year", field(FieldType.DATE)))).day == 31


@pytest.mark.parametrize(
    ("partition", "kind"),
    [
        ("zero", TEXT),
        ("unicode text", FieldType.INTEGER),
        ("the first day of a year", TEXT),
        ("unicode text", FieldType.PICKLIST),
        ("midnight in UTC", FieldType.DATE),
        ("a small number", FieldType.INTEGER),
        ("text on several lines", TEXT),
        ("nothing but what its transform looks for", TEXT),
    ],
)
def test_a_kind_that_one_end_cannot_hold_is_not_runnable(partition: str, kind: FieldType) -> None:
    """It would be refused, which shows nothing of the engine."""
    with pytest.raises(CheckNotRunnable, match="cannot both hold"):
        draw(partition, field(kind))


def test_what_does_not_fit_or_is_unknown_is_told() -> None:
    """Every kind of the checklist is known."""
    with pytest.raises(CheckNotRunnable, match="cannot both hold"):
        draw("unicode text", field(TEXT, 3))
    with pytest.raises(CheckUndecided, match="is none of"):
        draw("a very odd value", field(TEXT))
    row = make_row("a", "b")
    with pytest.raises(CheckUndecided, match="no schema knows a and b"):
        value_of("zero", row, Rows(row, field(TEXT), None), "k")  # type: ignore[arg-type]
    with pytest.raises(CheckNotRunnable):
        draw("zero", field(FieldType.DATE), FieldSchema(path="b", type=FieldType.BOOLEAN))


@pytest.mark.parametrize("partition", TRANSFORMED)
def test_a_transform_gets_values_with_which_it_has_something_to_do(partition: str) -> None:
    """And what it makes of them the target can hold."""
    transform = Transform(text="[...]", expression=Call("replace", (Literal("-"), Literal(""), Value())))
    row = PropertyRow(source="a", target="b", data_type="[...]", location=HERE, transform=transform)
    own, other = field(TEXT, 30), FieldSchema(path="b", type=TEXT, max_length=30)
    if partition == "nothing but what its transform looks for":
        with pytest.raises(CheckNotRunnable):  # it leaves nothing, and no document says whether that empties the target
            draw(partition, own, other, row=row)
        return
    value = str(draw(partition, own, other, row=row))
    counts = {TRANSFORMED[0]: 0, TRANSFORMED[1]: 2}
    assert value.count("-") == counts.get(partition, 1)
    assert "-" not in str(evaluate(transform, value, None, now=None))


def test_two_scenarios_never_write_the_same_text() -> None:
    """Where it is a criterion they would match one another."""
    row, own = make_row("a", "b", "N/A"), field(TEXT)
    state = Rows(row, own, FieldSchema(path="b", type=TEXT))
    for partition in ("unicode text", "text with leading zeros", "the longest text", "text with blanks at its ends"):
        assert value_of(partition, row, state, "k") != value_of(partition, row, state, "l")  # type: ignore[arg-type]
    assert isinstance(draw("text on several lines", field(LONG)), str)
