"""Near misses are another way of writing the same; strangers share a part and are valid all the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.nearness import BEGINNING, BLANKS, END, FORM, LETTER_CASE, differ, share

SENTINELS = Sentinels(0, "w")
TEXT = FieldSchema(path="a", type=FieldType.STRING)
KINDS = st.sampled_from(
    [FieldType.STRING, FieldType.TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.INTEGER]
)
ROOMS = st.none() | st.integers(28, 60)


def drawn(kind: FieldType, room: int | None, key: str) -> tuple[FieldSchema, object]:
    field = FieldSchema(path="a", type=kind, max_length=room)
    return field, SENTINELS.value(field, key, 0)


@given(KINDS, ROOMS, st.text(max_size=3), st.sampled_from([LETTER_CASE, BLANKS, FORM]))
def test_a_near_miss_is_another_text_that_fits(kind: FieldType, room: int | None, key: str, difference: str) -> None:
    """Where there is none, nothing is claimed."""
    field, value = drawn(kind, room, key)
    near = differ(value, difference, field)  # type: ignore[arg-type]
    if near is None:
        return
    assert near != value
    assert len(near) <= (room or len(near))
    if difference == LETTER_CASE:
        assert near.casefold() == str(value).casefold()
    elif difference == BLANKS:
        assert near.strip() == value
    else:
        assert re.sub(r"\W|^00", "", near) == re.sub(r"\W", "", str(value)) or "://" in str(value)


@given(KINDS, ROOMS, st.text(max_size=3), st.sampled_from([BEGINNING, END]))
def test_a_stranger_shares_half_and_differs_in_the_rest(kind: FieldType, room: int | None, key: str, part: str) -> None:
    """It is as long as the original, so that every field that holds the one holds the other."""
    field, value = drawn(kind, room, key)
    other = share(value, part, field)  # type: ignore[arg-type]
    assert other is not None
    assert type(other) is type(value)
    ours, theirs = str(value), str(other)
    assert ours != theirs
    assert len(ours) == len(theirs)
    half = len(ours) // 2
    if kind is not FieldType.EMAIL:
        assert ours[:half] == theirs[:half] if part == BEGINNING else ours[half:] == theirs[half:]


def test_a_stranger_at_the_same_host_or_with_the_same_name_has_another_address() -> None:
    """The two halves of an address are parted by the at sign."""
    email = FieldSchema(path="a", type=FieldType.EMAIL)
    assert share("baker@c7x.example.com", BEGINNING, email) == "baker@d8x.example.com"
    assert share("baker@c7x.example.com", END, email) == "cbker@c7x.example.com"


@pytest.mark.parametrize(
    ("value", "near"),
    [
        ("+31970123456", "+31 970 123456"),
        ("2027-01-02", "02.01.2027"),
        ("1234567", "1234 567"),
        ("12.5", "12.50"),
        ("Bread 7x", "Bread-7x"),
        ("Bread7", "Bre-ad7"),
        ("https://a.example.com/b", "https://a.example.com/b/"),
    ],
)
def test_people_write_the_same_in_other_ways(value: str, near: str) -> None:
    """A phone number, a date, a number, a name, an address."""
    assert differ(value, FORM, TEXT) == near


def test_what_has_one_way_of_writing_or_no_parts_has_no_near_miss() -> None:
    """Numbers, addresses and dates; and nothing is nearly nothing."""
    assert differ(7, FORM, TEXT) is None
    assert differ(None, LETTER_CASE, TEXT) is None
    assert differ("a@b.example.com", FORM, FieldSchema(path="a", type=FieldType.EMAIL)) is None
    assert differ("1234", LETTER_CASE, TEXT) is None
    assert differ("ab", BLANKS, FieldSchema(path="a", type=FieldType.STRING, max_length=2)) is None
    assert share("2027-01-02", END, FieldSchema(path="a", type=FieldType.DATE)) is None
    assert share("abc", END, TEXT) is None
    assert share(True, END, TEXT) is None
    assert share(None, BEGINNING, TEXT) is None
