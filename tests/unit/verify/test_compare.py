"""Tests of `talkqa.verify.compare`: what counts as the same value, and what never does."""

from decimal import ROUND_HALF_UP, Decimal
from string import ascii_letters

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from talkqa.model.record import FieldValue
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.verify.compare import Comparison, compare

TEXT_TYPES = [FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.PICKLIST]
WORDS = st.text(ascii_letters + "æøå ", min_size=1, max_size=20).filter(str.strip)
SCALARS = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.none()
)
FIELDS = st.one_of(
    st.none(),
    st.builds(
        lambda type_, scale: FieldSchema(path="x", type=type_, scale=scale),
        st.sampled_from(list(FieldType)),
        st.sampled_from([None, 0, 2]),
    ),
)
DECLARED = st.sampled_from([None, "string", "integer", "decimal", "boolean", "list", "first"])


def field(type_: FieldType, **options: int) -> FieldSchema:
    return FieldSchema(path="x", type=type_, **options)  # type: ignore[arg-type]


STRING, INTEGER, DECIMAL = field(FieldType.STRING), field(FieldType.INTEGER), field(FieldType.DECIMAL)
MONEY = field(FieldType.DECIMAL, scale=2)
BOOLEAN, DATE, DATETIME = field(FieldType.BOOLEAN), field(FieldType.DATE), field(FieldType.DATETIME)
REFERENCE, IDENTITY, OPAQUE = field(FieldType.REFERENCE), field(FieldType.ID), field(FieldType.OPAQUE)


def check(
    expected: FieldValue,
    actual: FieldValue,
    expected_field: FieldSchema | None = None,
    actual_field: FieldSchema | None = None,
    declared: str | None = None,
) -> Comparison:
    return compare(expected, actual, expected_field=expected_field, actual_field=actual_field, declared=declared)


# What always holds


@given(value=st.one_of(SCALARS, st.lists(SCALARS).map(tuple)), one=FIELDS, other=FIELDS, declared=DECLARED)
def test_a_value_is_equal_to_itself(
    value: FieldValue, one: FieldSchema | None, other: FieldSchema | None, declared: str | None
) -> None:
    """Whatever the types: identical values were carried over."""
    found = check(value, value, one, other, declared)
    assert found.equal
    assert found.certain


@given(one=SCALARS, other=SCALARS, first=FIELDS, second=FIELDS, declared=DECLARED)
def test_being_equal_is_certain(
    one: FieldValue, other: FieldValue, first: FieldSchema | None, second: FieldSchema | None, declared: str | None
) -> None:
    """Doubt never passes a check."""
    found = check(one, other, first, second, declared)
    assert found.certain or not found.equal


@given(one=SCALARS, other=SCALARS, kind=FIELDS)
def test_order_does_not_matter_between_properties_of_one_kind(
    one: FieldValue, other: FieldValue, kind: FieldSchema | None
) -> None:
    """Neither side of a pair is the better one, but that a number may lose its zeros or digits on the way."""
    there, back = check(one, other, kind, kind), check(other, one, kind, kind)
    if there.certain and back.certain:
        assert there.equal == back.equal


@given(one=WORDS, other=WORDS, first=st.sampled_from(TEXT_TYPES), second=st.sampled_from(TEXT_TYPES))
def test_different_words_are_never_equal(one: str, other: str, first: FieldType, second: FieldType) -> None:
    """Not by case, not by blanks, not by a shared beginning."""
    assume(one != other)
    assert not check(one, other, field(first), field(second), "string").equal


@given(one=st.integers(), other=st.integers(), first=FIELDS, second=FIELDS, declared=DECLARED)
def test_different_integers_are_never_equal(
    one: int, other: int, first: FieldSchema | None, second: FieldSchema | None, declared: str | None
) -> None:
    """As numbers or as texts."""
    assume(one != other)
    for left in (one, str(one)):
        for right in (other, str(other)):
            assert not check(left, right, first, second, declared).equal


@given(text=WORDS, length=st.integers(0, 19))
def test_a_cut_text_is_never_equal(text: str, length: int) -> None:
    """Even where the property holds no more."""
    assume(length < len(text))
    assert not check(text, text[:length], STRING, field(FieldType.STRING, max_length=max(length, 1))).equal


@given(text=WORDS)
def test_a_folded_or_trimmed_text_is_never_equal(text: str) -> None:
    """An engine that changes letter case or blanks does not synchronise."""
    for changed in (text.lower(), text.upper(), text.strip(), f" {text}", f"{text} ", text.replace(" ", "")):
        assert check(text, changed, STRING, STRING).equal == (text == changed)


@given(digits=st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_a_number_is_equal_to_its_rounding_at_the_coarser_scale_alone(digits: Decimal) -> None:
    """And the note says that it was rounded."""
    rounded = digits.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    assume(rounded)
    found = check(str(digits), str(rounded), DECIMAL, MONEY)
    assert found.equal
    assert (found.note == "") == (digits == rounded)
    assert not check(str(digits), str(rounded + Decimal("0.02")), DECIMAL, MONEY).equal


@given(items=st.lists(WORDS, min_size=1, unique=True), more=st.lists(WORDS))
def test_lists_are_contained(items: list[str], more: list[str]) -> None:
    """A list may hold more than was written; what was written must be in it."""
    assert check(tuple(items), (*more, *items), STRING, STRING).equal
    assert check(items[0], (*more, *items), STRING, STRING).equal
    missing = tuple(i for i in (*more, *items) if i != items[0])
    assert not check(items[0], missing, STRING, STRING).equal
    assert not check(tuple(items), missing, STRING, STRING).equal


# Cases


@pytest.mark.parametrize(
    ("expected", "actual", "kinds", "declared", "note"),
    [
        (1, 1.0, (None, None), None, ""),
        (1, "1", (INTEGER, STRING), "string", ""),
        ("1", "1.00", (STRING, DECIMAL), None, ""),
        (5, "5.0", (STRING, STRING), None, ""),
        (1.5, "1.50", (MONEY, STRING), "string", ""),
        ("007", 7, (STRING, INTEGER), "integer", "no leading zeros"),
        ("7", "7.0", (STRING, STRING), "decimal", "as decimal, as declared"),
        (12.345, 12.35, (DECIMAL, MONEY), None, "rounded to 2 digits"),
        (12.345, 12.34, (DECIMAL, MONEY), None, "rounded to 2 digits"),
        (12.6, 13, (DECIMAL, INTEGER), None, "rounded to 0 digits"),
        (True, "true", (BOOLEAN, STRING), None, ""),
        ("TRUE", True, (STRING, BOOLEAN), None, ""),
        (True, 1, (BOOLEAN, INTEGER), None, "1 and 0"),
        ("True", "true", (STRING, STRING), "boolean", "as boolean"),
        ("2024-05-06", "2024-05-06T00:00:00Z", (DATE, DATETIME), None, ""),
        ("2024-05-06T13:00:00Z", "2024-05-06", (DATETIME, DATE), None, "date in UTC alone"),
        ("2024-05-06T13:00:00Z", "2024-05-06T15:00:00+02:00", (DATETIME, DATETIME), None, ""),
        ("2024-05-06T13:00:00Z", "2024-05-06 13:00", (DATETIME, STRING), None, "UTC is assumed"),
        ("2024-05-06T13:00:00.250Z", "2024-05-06T13:00:00Z", (DATETIME, DATETIME), None, "coarser precision"),
        ("a\r\nb", "a\nb", (STRING, STRING), None, "line ends"),
        (None, "", (STRING, STRING), None, "empty and missing"),
        ((), None, (STRING, STRING), None, "empty and missing"),
        ("a", ("a", "b"), (STRING, STRING), "list", "contained"),
        (("a", "b"), "a", (STRING, STRING), "first", "contained"),
        (("1", None), (1.0, 2), (STRING, DECIMAL), None, "contained"),
        (12, "12", (None, REFERENCE), None, ""),
    ],
)
def test_the_same_value_in_another_type_is_equal(
    expected: FieldValue,
    actual: FieldValue,
    kinds: tuple[FieldSchema | None, FieldSchema | None],
    declared: str | None,
    note: str,
) -> None:
    """What a type cannot keep is forgiven, and the note says so."""
    found = check(expected, actual, *kinds, declared)
    assert found.equal
    assert note in found.note
    assert bool(note) == bool(found.note)


@pytest.mark.parametrize(
    ("expected", "actual", "kinds", "note"),
    [
        ("Alder", None, (STRING, STRING), "nothing arrived"),
        ("Alder", (), (STRING, STRING), "nothing arrived"),
        (None, "Alder", (STRING, STRING), "where none should"),
        ((), ("Alder",), (STRING, STRING), "where none should"),
        ("Alder", "alder", (STRING, STRING), "letter case"),
        ("Alder ", "Alder", (STRING, STRING), "surrounding blanks"),
        ("Al der", "Alder", (STRING, STRING), "blanks alone"),
        ("Alderwood", "Alder", (STRING, field(FieldType.STRING, max_length=5)), "what the property holds (5)"),
        ("Alderwood", "Alder", (STRING, STRING), "cut off after 5 of 9 characters"),
        ("Alder", "Birch", (STRING, STRING), ""),
        ("1", "1.0", (STRING, STRING), ""),
        ("007", "7", (STRING, STRING), ""),
        (5, 6, (INTEGER, INTEGER), ""),
        (12.35, 12.36, (MONEY, MONEY), ""),
        (48213, "Alder", (INTEGER, STRING), "no number arrived"),
        (True, False, (BOOLEAN, BOOLEAN), ""),
        (True, "false", (BOOLEAN, STRING), ""),
        ("2024-05-06", "2024-05-07", (DATE, DATE), ""),
        ("2024-05-06T13:00:00Z", "2024-05-09", (DATETIME, DATE), ""),
        ("2024-05-06T13:00:00Z", "2024-05-06T14:00:00Z", (DATETIME, DATETIME), ""),
        ("2024-05-06T13:00:00Z", "2024-05-06T14:01:00", (DATETIME, DATETIME), ""),
        ("2024-05-06T13:00:00.250Z", "2024-05-06T13:00:00.251Z", (DATETIME, DATETIME), ""),
        ("c1", "c2", (None, REFERENCE), "another record"),
        ("c1", "c2", (IDENTITY, REFERENCE), "another record"),
        ("a", ("b", "c"), (STRING, STRING), ""),
        (("a", "b"), ("a",), (STRING, STRING), ""),
    ],
)
def test_another_value_is_unequal_for_certain(
    expected: FieldValue, actual: FieldValue, kinds: tuple[FieldSchema | None, FieldSchema | None], note: str
) -> None:
    """And the note says how it differs, where that helps."""
    found = check(expected, actual, *kinds)
    assert not found.equal
    assert found.certain
    assert note in found.note
    assert bool(note) == bool(found.note)


@pytest.mark.parametrize(
    ("expected", "actual", "kinds", "note"),
    [
        ("a", "b", (OPAQUE, STRING), "opaque"),
        ("NO", "c7", (STRING, REFERENCE), "refers to a record"),
        ("Alder", 7, (STRING, INTEGER), "a value that is none"),
        (1234.5, "NOK 1 234,50", (MONEY, STRING), "another form"),
        (7, "007", (INTEGER, STRING), "leading zeros"),
        (12.349, 12.34, (DECIMAL, MONEY), "cut off"),
        (12.35, 12.3456, (MONEY, DECIMAL), "more digits arrived"),
        (0.001, 0.0, (DECIMAL, MONEY), "nothing is left"),
        (True, "Yes", (BOOLEAN, STRING), "another type"),
        ("06.05.2024", "2024-05-06", (STRING, DATE), "no ISO 8601"),
        ("2024-05-06T23:30:00Z", "2024-05-07", (DATETIME, DATE), "time zone"),
        ("2024-05-06T13:00:00Z", "2024-05-06T15:00:00", (DATETIME, DATETIME), "time zone"),
        ("caf\u00e9", "cafe\u0301", (STRING, STRING), "composed differently"),
    ],
)
def test_values_too_different_to_judge_are_uncertain(
    expected: FieldValue, actual: FieldValue, kinds: tuple[FieldSchema | None, FieldSchema | None], note: str
) -> None:
    """Neither passed nor failed."""
    found = check(expected, actual, *kinds)
    assert not found.equal
    assert not found.certain
    assert note in found.note


def test_an_item_of_a_list_is_not_found_among_empty_ones() -> None:
    """Nothing in a list is not the value."""
    assert check("Alder", (None, ""), STRING, STRING) == Comparison(equal=False, note="nothing arrived")
    assert not check("Alder", (None, "Birch"), STRING, STRING).equal


def test_a_list_with_a_certain_difference_is_unequal_for_certain() -> None:
    """One value that is surely missing outweighs another that may be there."""
    found = check((True, "Birch"), ("Yes", "Alder"), None, None)
    assert not found.equal
    assert found.certain
