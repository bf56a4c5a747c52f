"""Sentinels are valid where they are written, and recognised where they turn up."""

import re
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.sentinels import Sentinels, can_hold, token_of
from tests.unit.systems.tiny_system import field

SENTINELS = Sentinels(0, "custom-crm/salesforce")
TEXTS = st.sampled_from([FieldType.STRING, FieldType.TEXT])
NUMBERS = st.sampled_from([FieldType.INTEGER, FieldType.DECIMAL])
keys = st.text(max_size=20)
counters = st.lists(st.integers(0, 10_000), min_size=2, max_size=30, unique=True)


@given(TEXTS, st.none() | st.integers(1, 40), keys, st.integers(0, 500))
def test_texts_fit_and_have_no_blanks_at_the_ends(
    kind: FieldType, max_length: int | None, key: str, counter: int
) -> None:
    """Systems cut blanks at the ends, and refuse what is too long."""
    value = SENTINELS.value(field("a", kind, max_length=max_length), key, counter)
    assert isinstance(value, str)
    assert 1 <= len(value) <= (max_length or 20)
    assert value == value.strip()


@given(
    st.sampled_from(
        [
            field("a"),
            field("a", max_length=10),
            field("a", FieldType.TEXT, max_length=12),
            field("a", FieldType.EMAIL),
            field("a", FieldType.EMAIL, max_length=22),
            field("a", FieldType.PHONE, max_length=14),
            field("a", FieldType.URL, max_length=28),
            field("a", FieldType.INTEGER),
            field("a", FieldType.INTEGER, max_length=5),
            field("a", FieldType.DECIMAL),
            field("a", FieldType.DECIMAL, max_length=5, scale=0),
            field("a", FieldType.DECIMAL, max_length=6, scale=6),
            field("a", FieldType.DECIMAL, max_length=18, scale=15),
            field("a", FieldType.DATE),
            field("a", FieldType.DATETIME),
        ]
    ),
    keys,
    counters,
)
def test_a_field_that_can_hold_a_sentinel_gets_another_value_each_time(
    item: FieldSchema, key: str, counted: list[int]
) -> None:
    """Every edit shows; and each value has a token to be recognised by."""
    assert can_hold(item)
    values = [SENTINELS.value(item, key, counter) for counter in counted]
    assert len(set(values)) == len(values)
    assert all(token_of(value) for value in values)


@given(NUMBERS, st.none() | st.integers(1, 18), st.none() | st.integers(0, 15), keys, st.integers(0, 500))
def test_numbers_keep_to_their_digits(
    kind: FieldType, digits: int | None, scale: int | None, key: str, counter: int
) -> None:
    """No more digits in all than the field has, and no more behind the point than its scale."""
    scale = scale if scale is None or digits is None else min(scale, digits)
    value = SENTINELS.value(field("a", kind, max_length=digits, scale=scale), key, counter)
    assert isinstance(value, int | float)
    assert 0 < value < 2**31
    whole, _, fraction = repr(value).partition(".")
    behind = 0 if kind is FieldType.INTEGER else 2 if scale is None else scale
    assert len(fraction.removesuffix("0") if fraction == "0" else fraction) <= behind
    room = 9 if digits is None else digits - (behind if kind is FieldType.DECIMAL and scale is not None else 0)
    assert len(whole.lstrip("0")) <= max(room, 0) or digits is not None


@pytest.mark.parametrize("kind", [FieldType.DATE, FieldType.DATETIME])
def test_dates_and_times_are_real_ones(kind: FieldType) -> None:
    """They lie between 2001 and 2039, and times are whole seconds of UTC."""
    for counter in range(200):
        value = SENTINELS.value(field("a", kind), "k", counter)
        assert isinstance(value, str)
        moment = date.fromisoformat(value) if kind is FieldType.DATE else datetime.fromisoformat(value)
        assert 2001 <= moment.year <= 2039
        assert kind is FieldType.DATE or re.fullmatch(r"[-0-9]{10}T[:0-9]{8}Z", value)


def test_addresses_lead_nowhere() -> None:
    """Mail goes to domains that RFC 2606 keeps empty, and they differ, as duplicate rules look at them."""
    values = [str(SENTINELS.value(field("a", FieldType.EMAIL), "k", counter)) for counter in range(50)]
    assert all(re.fullmatch(r"[a-z]+@[a-z0-9]+\.example\.(com|org|net)", value) for value in values)
    assert len({value.partition("@")[2] for value in values}) == 50
    short = SENTINELS.value(field("a", FieldType.EMAIL, max_length=18), "k", 0)
    assert isinstance(short, str)
    assert re.fullmatch(r"[a-z]@[a-z0-9]{4}\.example\.(com|org|net)", short)
    assert len(str(SENTINELS.value(field("a", FieldType.EMAIL, max_length=12), "k", 0))) <= 12


def test_equal_arguments_give_equal_values_and_anything_else_others() -> None:
    """A run of a subset writes what the whole run writes; two worlds never write the same."""
    item = field("a")
    value = SENTINELS.value(item, "k", 1)
    assert Sentinels(0, "custom-crm/salesforce").value(item, "k", 1) == value
    others = [
        Sentinels(1, "custom-crm/salesforce").value(item, "k", 1),
        Sentinels(0, "custom-crm/wave").value(item, "k", 1),
        SENTINELS.value(item, "l", 1),
        SENTINELS.value(item, "k", 2),
        SENTINELS.value(field("b"), "k", 1),
    ]
    assert len({value, *others}) == 6


def test_thousands_of_values_share_no_strong_token() -> None:
    """What is recognised by a code belongs to one record: codes of a whole world are distinct."""
    codes = [
        token
        for record in range(300)
        for path in range(20)
        for token in token_of(SENTINELS.value(field(f"f{path}"), f"check-{record}", 0))
        if any(character.isdigit() for character in token)
    ]
    assert len(codes) == len(set(codes)) == 6_000


def test_picklists_cycle_and_booleans_alternate() -> None:
    """Three counters in a row visit three values; two in a row both booleans."""
    picks = field("a", FieldType.PICKLIST, picklist=("x", "y", "z"), restricted=True)
    assert {SENTINELS.value(picks, "k", counter) for counter in range(3)} == {"x", "y", "z"}
    flags = [SENTINELS.value(field("a", FieldType.BOOLEAN), "k", counter) for counter in range(4)]
    assert flags in ([True, False] * 2, [False, True] * 2)


def test_a_picklist_of_unknown_values_takes_text_only_where_it_is_not_restricted() -> None:
    """A value outside a restricted list would be refused."""
    assert SENTINELS.value(field("a", FieldType.PICKLIST, restricted=True), "k", 0) is None
    free = SENTINELS.value(field("a", FieldType.PICKLIST, picklist=("None",)), "k", 0)
    assert isinstance(free, str)
    assert free != "None"
    assert SENTINELS.value(field("a", FieldType.PICKLIST, picklist=("x",), restricted=True), "k", 0) == "x"


@pytest.mark.parametrize("kind", [FieldType.REFERENCE, FieldType.ID, FieldType.OPAQUE])
def test_what_nobody_may_invent_is_left_empty(kind: FieldType) -> None:
    """Ids and references name records that exist."""
    assert SENTINELS.value(field("a", kind), "k", 0) is None
    assert not can_hold(field("a", kind))


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (field("a", max_length=9), False),
        (field("a", FieldType.EMAIL, max_length=21), False),
        (field("a", FieldType.INTEGER, max_length=4), False),
        (field("a", FieldType.DECIMAL, max_length=4, scale=2), False),
        (field("a", FieldType.DECIMAL, max_length=5, scale=2), True),
        (field("a", FieldType.BOOLEAN), False),
        (field("a", FieldType.PICKLIST, picklist=("x", "y")), False),
    ],
)
def test_small_fields_hold_no_sentinel(item: FieldSchema, *, expected: bool) -> None:
    """A value that others may carry by chance recognises nothing."""
    assert can_hold(item) is expected


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("Metirode j4nvmzzk", ("metirode", "j4nvmzzk")),
        ("CUST-METIRODE", ("metirode",)),
        ("metirode@j4nvmzzk.example.com", ("metirode", "j4nvmzzk")),
        ("+3197095872906", ("3197095872906", "95872906")),
        (725872906, ("725872906",)),
        (587290.62, ("587290.62",)),
        (58729.0, ("58729",)),
        (12.5, ()),
        ("2019-03-29", ("2019-03-29",)),
        ("2019-03-29T10:00:00Z", ("2019-03-29t10:00:00", "2019-03-29")),
        ("2019-03-29T00:00:00.000Z", ("2019-03-29",)),
        ("short", ()),
        (None, ()),
        (True, ()),
    ],
)
def test_tokens_of_values(value: str | float | None, tokens: tuple[str, ...]) -> None:
    """Tokens survive folded case, prefixes and joins; what is common to all values is none."""
    assert token_of(value) == tokens
