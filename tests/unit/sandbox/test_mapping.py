"""The private mapping of an undocumented flow is a function of the flow, and everything in it can travel both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox.mapping import HIDDEN, ROOM, draw_mapping, hide
from tests.unit.sandbox.kit import BAKERY, SHOP, entity, text, typed

TEXTS = (FieldType.STRING, FieldType.TEXT)
WORDS = ("name", "title", "code", "city", "zip", "note", "email", "price", "day", "count", "url", "flag")
FIELDS = st.builds(
    FieldSchema,
    path=st.builds("{}{}".format, st.sampled_from(WORDS), st.integers(0, 30)),
    type=st.sampled_from([*TEXTS * 3, *FieldType]),
    max_length=st.sampled_from([None, 5, 20, 60, 255]),
    scale=st.sampled_from([None, 0, 2]),
    createable=st.sampled_from([True, True, False]),
    updateable=st.sampled_from([True, True, False]),
    required=st.booleans(),
    list_at=st.sampled_from([None, None, "items"]),
    unconfirmed=st.booleans(),
    requires=st.sampled_from([None, None, "Extra"]),
)
ENTITIES = st.builds(
    lambda fields, name: EntitySchema(name="E", fields=tuple(fields), name_field=name),
    st.lists(FIELDS, max_size=25, unique_by=lambda field: field.path),
    st.sampled_from(["name1", None]),
)


@given(flow_id=st.text(max_size=10), source=ENTITIES, target=ENTITIES)
def test_every_pair_can_be_written_on_both_sides_and_no_field_is_in_two_pairs(
    flow_id: str, source: EntitySchema, target: EntitySchema
) -> None:
    pairs = draw_mapping(flow_id, source, target)
    assert pairs == draw_mapping(flow_id, source, target)
    assert len(pairs) <= 7
    assert len({pair.source for pair in pairs}) == len({pair.target for pair in pairs}) == len(pairs)
    for pair in pairs:
        ends = (source.field(pair.source), target.field(pair.target))
        assert all(end is not None and end.writable and end.list_at is None for end in ends)
        kinds = {end.type for end in ends if end is not None}
        assert len(kinds) == 1 or kinds <= set(TEXTS)
        assert pair.hidden in (None, *HIDDEN)
        assert pair.hidden is None or kinds <= set(TEXTS)


@given(flow_id=st.text(max_size=10), count=st.integers(2, 12))
def test_two_plain_texts_with_room_for_something_unique_always_travel(flow_id: str, count: int) -> None:
    source = entity("S", *(text(f"s{number}") for number in range(count)), text("tiny", max_length=3))
    target = entity("T", *(text(f"t{number}", max_length=30) for number in range(count)), text("must", required=True))
    pairs = draw_mapping(flow_id, source, target)
    plain = [pair for pair in pairs if pair.hidden is None]
    assert len(plain) >= 2
    assert "must" in {pair.target for pair in plain}, "what the target demands is given a text that travels"
    for pair in plain:
        for field in (source.field(pair.source), target.field(pair.target)):
            assert field is not None
            assert field.max_length is None or field.max_length >= ROOM


def test_different_flows_have_different_mappings_and_most_pairs_join_different_names() -> None:
    source, target = BAKERY.entities[0], SHOP.entities[0]
    drawn = {draw_mapping(f"flow {number}", source, target) for number in range(20)}
    assert len(drawn) > 15
    pairs = [pair for mapping in drawn for pair in mapping]
    assert sum(pair.source == pair.target for pair in pairs) < len(pairs) / 4
    assert any(pair.hidden for pair in pairs)


def test_a_source_that_could_overflow_its_target_is_taken_last() -> None:
    source = entity("S", text("long", max_length=500), text("fits", max_length=40), text("fits2", max_length=40))
    target = entity("T", text("a", max_length=40), text("b", max_length=40))
    for number in range(20):
        assert {pair.source for pair in draw_mapping(str(number), source, target)} == {"fits", "fits2"}
    alone = entity("S", text("long", max_length=500), text("long2", max_length=500))
    assert len(draw_mapping("any", alone, target)) == 2


def test_decimals_never_lose_digits_and_archive_fields_stay_alone() -> None:
    source = entity("S", typed("price", FieldType.DECIMAL, scale=4), typed("flag", FieldType.BOOLEAN))
    target = entity(
        "T", typed("cost", FieldType.DECIMAL, scale=2), typed("active", FieldType.BOOLEAN), archive=("active", False)
    )
    assert draw_mapping("any", source, target) == ()


@pytest.mark.parametrize("name", HIDDEN)
@given(value=st.text())
def test_a_hidden_change_undoes_itself_and_keeps_the_length(name: str, value: str) -> None:
    assert hide(name, hide(name, value)) == value
    assert len(hide(name, value)) == len(value)
