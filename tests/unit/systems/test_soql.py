"""Queries are written so that no value can become more than a value."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.soql import Unwritable, is_filterable, literal, quote, select


def field(kind: FieldType, **more: int) -> FieldSchema:
    return FieldSchema(path="X", type=kind, **more)


def test_a_query_is_put_together() -> None:
    """With what is asked for alone."""
    assert select(("Id",), "Contact") == "SELECT Id FROM Contact"
    assert select(("Id", "A.B__c"), "X__c", where="A = 1", order=("A DESC", "Id"), limit=1) == (
        "SELECT Id,A.B__c FROM X__c WHERE A = 1 ORDER BY A DESC,Id LIMIT 1"
    )


@pytest.mark.parametrize("name", ["", "a b", "a;", "1a", "a.", "å", "Id FROM Contact"])
def test_what_is_no_name_makes_no_query(name: str) -> None:
    """Names may come from an org, and are not to be trusted."""
    for parts in (((name,), "Contact", ()), (("Id",), name, ()), (("Id",), "Contact", (name,))):
        with pytest.raises(ValueError, match="cannot be the name"):
            select(parts[0], parts[1], order=parts[2])


@given(st.text())
def test_quoted_text_ends_where_it_ends(text: str) -> None:
    """No quote inside is bare, and no line ends in it."""
    written = quote(text)
    assert re.fullmatch(r"'(\\.|[^'\\])*'", written, re.DOTALL)
    assert "\n" not in written
    assert "\r" not in written


@given(st.text() | st.integers() | st.floats() | st.booleans() | st.none(), st.sampled_from(FieldType))
def test_any_value_is_a_literal_or_cannot_be_held(value: str | float | bool | None, kind: FieldType) -> None:
    """A quoted text, or a bare word without blanks or quotes."""
    try:
        written = literal(field(kind), value)
    except Unwritable:
        assert kind in (FieldType.BOOLEAN, FieldType.INTEGER, FieldType.DECIMAL, FieldType.DATE, FieldType.DATETIME)
    else:
        assert written.startswith("'") or re.fullmatch(r"[\w.:+-]+", written, re.ASCII)


@pytest.mark.parametrize(
    ("one", "filterable"),
    [
        (field(FieldType.STRING), True),
        (field(FieldType.TEXT, max_length=255), True),
        (field(FieldType.TEXT, max_length=256), False),
        (field(FieldType.TEXT), False),
        (field(FieldType.OPAQUE), False),
    ],
)
def test_long_texts_and_compound_values_stand_in_no_condition(one: FieldSchema, filterable: bool) -> None:
    """As the vendor has it."""
    assert is_filterable(one) is filterable
