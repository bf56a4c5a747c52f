"""Tests of `talkqa.verify.travel` and `talkqa.verify.probe`."""

import pytest

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Record
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.sentinels import is_telling
from talkqa.verify.probe import Travel, expect_equal, own_values, strong_tokens
from talkqa.verify.travel import Arriving, Marks, find_travels, marks_of, rank_for_edit, spelled, tokens_of, written_of

SOURCE = EntitySchema(
    name="Customer",
    fields=(
        FieldSchema(path="id", type=FieldType.ID, createable=False, updateable=False),
        FieldSchema(path="Name", type=FieldType.STRING),
        FieldSchema(path="code", type=FieldType.STRING, max_length=12, updateable=False),
        FieldSchema(path="since", type=FieldType.DATE),
        FieldSchema(path="seen", type=FieldType.DATETIME),
        FieldSchema(path="credit", type=FieldType.DECIMAL),
        FieldSchema(path="state", type=FieldType.PICKLIST),
        FieldSchema(path="tags", type=FieldType.STRING, list_at="tags"),
        FieldSchema(path="total", type=FieldType.DECIMAL, createable=False),
    ),
)
TARGET = EntitySchema(
    name="Account",
    fields=(
        FieldSchema(path="ref", type=FieldType.REFERENCE),
        FieldSchema(path="title", type=FieldType.STRING),
        FieldSchema(path="upper", type=FieldType.STRING, max_length=10),
        FieldSchema(path="fixed", type=FieldType.STRING, updateable=False),
        FieldSchema(path="day", type=FieldType.DATE),
        FieldSchema(path="stamp", type=FieldType.DATETIME, createable=False, updateable=False),
    ),
)


def record(**values: FieldValue) -> Record:
    return Record(system="s", entity="e", id="1", values=values, modified=None)


@pytest.mark.parametrize(
    ("token", "strong"),
    [("b2c3d4", True), ("2024-05-06t07:08:09", False), ("2024-05-06", False), ("abcdef", False), ("123456", False)],
)
def test_a_token_is_telling_where_chance_cannot_make_it(token: str, strong: bool) -> None:
    """Letters and digits; the T of a moment is no letter."""
    assert is_telling(token) is strong


def test_only_texts_that_a_test_wrote_are_its_own() -> None:
    """Ids, computed values and what the schema does not know are shared with others."""
    held = record(id="b2c3d4e5", Name="Alder b2c3d4", total=12345.67, unknown="x9y8z7w6")
    assert own_values(held, SOURCE) == {"Name": "Alder b2c3d4"}
    assert strong_tokens(["Alder b2c3d4", None, ("Birch x9y8z7",), 12]) == {"b2c3d4", "x9y8z7"}
    assert written_of(record(Name="a", credit=None, total=1.5, tags=("t",)), SOURCE) == {"Name": "a"}


def test_a_documented_path_is_spelled_as_the_records_spell_it() -> None:
    """Documents fold letter case."""
    assert spelled(SOURCE, "NAME") == "Name"
    assert spelled(SOURCE, "nothing") == "nothing"


def arriving(value: FieldValue, *, sure: bool = True) -> Arriving:
    return Arriving(tokens=tokens_of(value), sure=sure)


def test_a_strong_value_that_is_sure_to_arrive_leaves_no_part_to_numbers() -> None:
    """One strong token proves whose record it is."""
    marks = marks_of(
        {"Name": "Alder b2c3d4", "credit": 12345.67}, SOURCE, [arriving("Alder b2c3d4"), arriving(12345.67)]
    )
    assert marks.weak == ()
    assert marks.recognise(record(title="ALDER B2C3D4"))
    assert not marks.recognise(record(amount=12345.67))


def test_where_the_strong_value_may_not_arrive_numbers_count() -> None:
    """A transform may leave nothing of it, or another property may lead."""
    written = {"Name": "Alder b2c3d4", "credit": 12345.67, "since": "2024-05-06"}
    unsure = [arriving("Alder b2c3d4", sure=False), arriving(12345.67), arriving("2024-05-06")]
    marks = marks_of(written, SOURCE, unsure)
    both = record(a=12345.67, b="2024-05-06")
    assert marks.recognise(both)
    assert marks.proven_by(both)
    assert not marks.recognise(record(a=12345.67))
    only = marks_of(written, SOURCE, [arriving(12345.67)])
    assert only.recognise(record(a=12345.67))
    assert not only.proven_by(record(a=12345.67))


def test_what_a_transform_makes_is_recognised_too() -> None:
    """The oracle's value is what arrives."""
    marks = marks_of({"Name": "Alder b2-c3d4"}, SOURCE, [arriving("b2c3d4")])
    assert marks.recognise(record(title="b2c3d4"))


def test_choices_and_truth_values_recognise_nobody() -> None:
    """Too many records share them."""
    marks = marks_of({"state": "sold1out2", "seen": "2024-05-06T07:08:09Z"}, SOURCE, [])
    assert marks == Marks(strong=frozenset(), weak=())
    assert not marks.recognise(record(state="sold1out2"))


def test_what_others_hold_too_is_no_mark_and_numbers_take_its_part() -> None:
    """Such as a criterion that both records hold: it shows nothing, so that the rest has to."""
    written = {"Name": "Alder b2c3d4", "credit": 12345.67}
    documented = [arriving("Alder b2c3d4"), arriving(12345.67)]
    marks = marks_of(written, SOURCE, documented, tokens_of("b2c3d4"))
    assert not marks.recognise(record(title="Alder b2c3d4"))
    assert marks.recognise(record(amount=12345.67))
    nothing = marks_of(written, SOURCE, documented, tokens_of("b2c3d4") | tokens_of(12345.67))
    assert nothing == Marks(strong=frozenset(), weak=())


def test_what_travels_is_told_with_the_equal_source_first() -> None:
    """One source a target; ids, short values and unknown properties are passed over."""
    source = record(id="b2c3d4e5", Name="Alder b2c3d4", code="b2c3d4", since="2024-05-06", credit=12.0)
    target = record(ref="b2c3d4e5", title="Alder b2c3d4", upper="ALDER B2C3", fixed="B2C3D4", day="2024-05-06", n=12.0)
    written = {path: value for path, value in source.values.items() if path != "id"}
    assert find_travels(source, written, target, (SOURCE, TARGET)) == (
        Travel(source="Name", target="fixed", equal=False),
        Travel(source="Name", target="title", equal=True),
        Travel(source="since", target="day", equal=True),
    )


def test_the_surest_property_is_edited_first_and_only_where_it_can_be() -> None:
    """Equal before changed, roomy texts before others, nothing that links or that is read-only."""
    travels = (
        Travel(source="since", target="day", equal=True),
        Travel(source="Name", target="upper", equal=False),
        Travel(source="Name", target="title", equal=True),
        Travel(source="code", target="title", equal=True),
        Travel(source="Name", target="fixed", equal=True),
        Travel(source="gone", target="title", equal=True),
    )

    def ranked(side: Side, *avoid: str) -> list[tuple[str, str]]:
        found = rank_for_edit(travels, (SOURCE, TARGET), side, frozenset(avoid))
        return [(t.source, t.target) for t in found]

    assert ranked(Side.SOURCE)[:2] == [("Name", "fixed"), ("Name", "title")]
    assert ranked(Side.SOURCE)[-1] == ("Name", "upper")
    assert ranked(Side.TARGET) == [("Name", "title"), ("since", "day"), ("Name", "upper")]
    assert ranked(Side.TARGET, "Name") == [("since", "day")]


def test_a_value_whose_form_the_types_leave_open_raises_a_doubt() -> None:
    """A cut text raises none: it is a fault."""
    moment, day = FieldSchema(path="a", type=FieldType.DATETIME), FieldSchema(path="b", type=FieldType.DATE)
    shifted = expect_equal("2024-05-06T23:30:00Z", (moment, day), None)
    assert not shifted.matches("2024-05-07")
    assert "time zone" in shifted.doubt("2024-05-07")
    cut = expect_equal("Alder b2c3d4", (None, None), None)
    assert cut.doubt("Alder b2") == ""
    assert cut.words == "'Alder b2c3d4'"


def test_a_stamp_that_a_system_writes_itself_is_like_a_date_by_chance() -> None:
    """It would move with every edit, and look as if a further property did."""
    source = record(since="2025-01-01")
    written = written_of(source, SOURCE)
    found = find_travels(source, written, record(day="2025-01-01", stamp="2025-01-01T08:00:11Z"), (SOURCE, TARGET))
    assert [(t.source, t.target) for t in found] == [("since", "day")]
