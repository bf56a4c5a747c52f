"""Tests of `talkqa.verify.values`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.flow import PropertyRow
from talkqa.model.record import Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.model.transform import Call, Literal, Transform, Value
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.compare import compare
from talkqa.verify.values import FlowValues, NoCommonValueError, as_type, common_field, fit, holds, variants
from tests.fakes.flows import HERE, make_flow, make_merge, make_row

_LENGTHS = st.none() | st.integers(1, 60)
_CHOICES = st.lists(st.sampled_from(["new", "open", "sold out", "a rather long status"]), min_size=1, unique=True)
_TEXTS = (FieldType.STRING, FieldType.TEXT)


def fields(path: str) -> st.SearchStrategy[FieldSchema]:
    """Fields as systems have them: lengths where there are texts, scales where there are numbers."""
    text = st.builds(FieldSchema, path=st.just(path), type=st.sampled_from(_TEXTS), max_length=_LENGTHS)
    number = st.builds(
        FieldSchema, path=st.just(path), type=st.just(FieldType.INTEGER), max_length=st.none() | st.integers(1, 12)
    )
    decimal = st.builds(
        FieldSchema,
        path=st.just(path),
        type=st.just(FieldType.DECIMAL),
        max_length=st.none() | st.integers(7, 18),
        scale=st.none() | st.integers(0, 6),
    )
    others = st.builds(
        FieldSchema,
        path=st.just(path),
        type=st.sampled_from([FieldType.BOOLEAN, FieldType.DATE, FieldType.DATETIME, FieldType.REFERENCE]),
    )
    closed = st.builds(
        FieldSchema,
        path=st.just(path),
        type=st.just(FieldType.PICKLIST),
        picklist=_CHOICES.map(tuple),
        restricted=st.booleans(),
    )
    return text | number | decimal | others | closed


def takes(field: FieldSchema, value: Scalar) -> bool:
    """Whether a strict system takes a value for a field."""
    if field.type is FieldType.INTEGER:
        return (
            isinstance(value, int) and not isinstance(value, bool) and len(str(abs(value))) <= (field.max_length or 99)
        )
    if field.type is FieldType.DECIMAL:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if field.type is FieldType.BOOLEAN:
        return isinstance(value, bool)
    if not isinstance(value, str) or (field.max_length and len(value) > field.max_length):
        return False
    return not (field.restricted and field.picklist) or value in field.picklist


def entity(*known: FieldSchema) -> EntitySchema:
    return EntitySchema(name="E", fields=known)


def values_of(rows: tuple[PropertyRow, ...], source: EntitySchema, target: EntitySchema) -> FlowValues:
    return FlowValues(flow=make_flow(rows=rows), source=source, target=target, sentinels=Sentinels(0, "w"))


@given(own=fields("a"), other=fields("b"), key=st.text(max_size=4), counter=st.integers(0, 9))
def test_a_value_drawn_for_a_row_fits_both_ends(own: FieldSchema, other: FieldSchema, key: str, counter: int) -> None:
    """From either side: the one that is written takes it, and the other takes what is copied, in its own type."""
    drawn = values_of((make_row("a", "b", "N/A"),), entity(own), entity(other))
    row = drawn.flow.properties[0]
    try:
        there, back = drawn.draw_source("a", key, counter), drawn.draw_target(row, key, counter)
    except NoCommonValueError:
        return
    if there is not None and other.type is not FieldType.REFERENCE:
        assert takes(own, there)
        assert takes(other, as_type(there, other)), (there, other)
    if back is not None and own.type is not FieldType.REFERENCE:
        assert takes(other, back)
        assert takes(own, as_type(back, own)), (back, own)


@given(own=fields("a"), other=fields("b"), key=st.text(max_size=4))
def test_what_both_ends_hold_counts_as_equal(own: FieldSchema, other: FieldSchema, key: str) -> None:
    """A correct engine that copies a drawn value is never contradicted by the comparison."""
    drawn = values_of((make_row("a", "b", "N/A"),), entity(own), entity(other))
    try:
        value = drawn.draw_source("a", key, 1)
    except NoCommonValueError:
        return
    if value is not None and FieldType.REFERENCE not in {own.type, other.type}:
        found = compare(value, as_type(value, other), expected_field=own, actual_field=other, declared=None)
        assert found.equal or not found.certain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (FieldSchema(path="a", type=FieldType.BOOLEAN), FieldSchema(path="b", type=FieldType.INTEGER)),
        (FieldSchema(path="a", type=FieldType.DATE), FieldSchema(path="b", type=FieldType.STRING, max_length=9)),
        (FieldSchema(path="a", type=FieldType.BOOLEAN), FieldSchema(path="b", type=FieldType.STRING, max_length=3)),
        (
            FieldSchema(path="a", type=FieldType.PICKLIST, picklist=("x",), restricted=True),
            FieldSchema(path="b", type=FieldType.PICKLIST, picklist=("y",), restricted=True),
        ),
        (
            FieldSchema(path="a", type=FieldType.PICKLIST, picklist=("too long",), restricted=True),
            FieldSchema(path="b", type=FieldType.STRING, max_length=3),
        ),
    ],
)
def test_ends_that_exclude_each_other_have_no_common_value(one: FieldSchema, other: FieldSchema) -> None:
    """And the reason names a property."""
    for pair in ((one, other), (other, one)):
        with pytest.raises(NoCommonValueError, match=r"\b[ab]\b"):
            common_field(pair[0], [pair[1]])


def test_a_text_that_is_declared_a_number_gets_one_that_fits_its_length() -> None:
    """Both ends are texts, and the document says what passes between them."""
    short = FieldSchema(path="a", type=FieldType.STRING, max_length=6)
    for declared, kind in (("integer", FieldType.INTEGER), ("decimal", FieldType.DECIMAL)):
        field = common_field(short, [], declared)
        assert field.type is kind
        value = Sentinels(0, "w").value(field, "k", 0)
        assert len(str(fit(value, short))) <= 6


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("00042", FieldType.INTEGER, 42),
        ("4.50", FieldType.DECIMAL, 4.5),
        ("True", FieldType.BOOLEAN, True),
        (False, FieldType.BOOLEAN, False),
        ("2024-05-06T07:08:09Z", FieldType.DATE, "2024-05-06"),
        ("2024-05-06", FieldType.DATETIME, "2024-05-06T00:00:00Z"),
        (42, FieldType.STRING, "42"),
        (True, FieldType.TEXT, "true"),
        ("none", FieldType.INTEGER, "none"),
        (3.0, FieldType.INTEGER, 3),
        (None, FieldType.INTEGER, None),
    ],
)
def test_a_value_takes_the_type_of_the_field_it_is_written_to(value: Scalar, kind: FieldType, expected: Scalar) -> None:
    """What cannot be read as one is left for the system to refuse."""
    made = as_type(value, FieldSchema(path="a", type=kind))
    assert made == expected
    assert type(made) is type(expected)


def _replacing(old: str, new: str) -> Transform:
    call = Call("replace", (Literal(old), Literal(new), Value()))
    return Transform(text=f'["replace","{old}","{new}","_."]', expression=call)


def test_a_telling_value_is_changed_by_the_transform_so_that_a_mere_copy_shows() -> None:
    """Its own literal is put in."""
    own, other = FieldSchema(path="a", type=FieldType.STRING), FieldSchema(path="b", type=FieldType.STRING)
    row = PropertyRow(source="a", target="b", data_type="x", location=HERE, transform=_replacing("-", ""))
    drawn = values_of((row,), entity(own), entity(other))
    assert "-" in str(drawn.draw_source("a", "k", 2, telling=True))
    assert "-" not in str(drawn.draw_source("a", "k", 2))
    assert "-" not in str(drawn.draw_target(row, "k", 2))


def test_variants_stay_within_the_length_of_the_property() -> None:
    """A value too long would be refused, which shows nothing of the engine."""
    own = FieldSchema(path="a", type=FieldType.STRING, max_length=5)
    made = list(variants(["12345", "abcd"], [_replacing("-", "")], own))
    assert made == ["abc-d", "0abcd", "-"]


def test_a_value_that_no_transform_takes_is_none() -> None:
    """The row's own check says so."""
    own = FieldSchema(path="a", type=FieldType.STRING)
    row = PropertyRow(source="a", target="b", data_type="x", location=HERE, transform=_replacing("-", ""))
    closed = FieldSchema(path="b", type=FieldType.PICKLIST, picklist=("x",), restricted=True)
    drawn = values_of((row,), entity(own), entity(closed))
    with pytest.raises(NoCommonValueError, match="no value for a is known"):
        drawn.draw_source("a", "k")
    assert drawn.for_probe("k") == {}


def test_unknown_properties_are_named() -> None:
    """On whichever side."""
    drawn = values_of((make_row("a", "b"),), entity(), entity())
    row = drawn.flow.properties[0]
    for draw in (
        lambda: drawn.draw_source("a", "k"),
        lambda: drawn.draw_target(row, "k", 0),
        lambda: drawn.draw_pair("a", "b", "k", 0),
    ):
        with pytest.raises(NoCommonValueError, match=r"\ba\b"):
            draw()
    assert drawn.for_probe("k") == {}


def test_a_probe_gets_a_value_for_each_documented_property_and_criterion() -> None:
    """Narrow enough for the partner on the other side."""
    source = entity(*(FieldSchema(path=p, type=FieldType.STRING) for p in ("a", "m")))
    target = entity(*(FieldSchema(path=p, type=FieldType.STRING, max_length=12) for p in ("b", "n")))
    flow = make_flow(rows=(make_row("a", "b"),), merge=(make_merge("m", "n"),))
    probe = FlowValues(flow=flow, source=source, target=target, sentinels=Sentinels(0, "w")).for_probe("k")
    assert set(probe) == {"a", "m"}
    assert all(len(str(v)) <= 12 for v in probe.values())


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        (None, FieldSchema(path="a", type=FieldType.STRING), False),
        (("x",), FieldSchema(path="a", type=FieldType.STRING), False),
        ("x1", FieldSchema(path="a", type=FieldType.INTEGER), False),
        ("12", FieldSchema(path="a", type=FieldType.INTEGER), True),
        ("long", FieldSchema(path="a", type=FieldType.STRING, max_length=3), False),
        ("x", FieldSchema(path="a", type=FieldType.PICKLIST, picklist=("y",), restricted=True), False),
        ("y", FieldSchema(path="a", type=FieldType.PICKLIST, picklist=("y",), restricted=True), True),
    ],
)
def test_a_field_holds_what_its_schema_lets_in(value: Scalar, field: FieldSchema, expected: bool) -> None:
    """As far as the schema tells."""
    assert holds(value, field) is expected
