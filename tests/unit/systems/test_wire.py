"""Flat records and JSON bodies say the same."""

import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.record import FieldValue
from talkqa.model.schema import FieldType
from talkqa.systems.wire import WireShape, flatten
from tests.unit.systems.tiny_system import entity, field

names = st.text(string.ascii_letters, min_size=1, max_size=6)
paths = st.lists(names, min_size=1, max_size=4).map(".".join)
scalars = st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False)


@given(st.dictionaries(paths, scalars, max_size=12))
def test_what_is_nested_flattens_to_itself(values: dict[str, FieldValue]) -> None:
    """No value gets lost on the wire, whichever path is the beginning of another."""
    folded = {path.casefold(): (path, value) for path, value in values.items()}
    unique = dict(folded.values())
    shape = WireShape(entity("E", *(field(path) for path in unique)))
    assert flatten(shape.nest(unique)) == unique


@given(st.lists(st.tuples(scalars, scalars), min_size=1, max_size=5))
def test_lists_keep_their_elements_apart(rows: list[tuple[Any, Any]]) -> None:
    """Value i of each path belongs to element i."""
    shape = WireShape(
        entity("E", field("items.text", list_at="items"), field("items.product.id", list_at="items"), field("name"))
    )
    values: dict[str, FieldValue] = {
        "items.text": tuple(row[0] for row in rows),
        "items.product.id": tuple(row[1] for row in rows),
        "name": "n",
    }
    body = shape.nest(values)
    assert [(one["text"], one["product"]["id"]) for one in body["items"]] == rows
    assert flatten(body) == values


def test_a_scalar_on_a_list_path_makes_one_element() -> None:
    """A test that writes `items.product.id` writes an invoice with one line."""
    shape = WireShape(entity("E", field("a.lines.p", list_at="a.lines"), field("tags", list_at="tags")))
    assert shape.nest({"a.lines.p": "x", "tags": "t"}) == {"a": {"lines": [{"p": "x"}]}, "tags": ["t"]}


def test_the_longer_of_two_overlapping_paths_is_a_literal_key() -> None:
    """One JSON key cannot hold both a value and an object."""
    shape = WireShape(entity("E", field("owner"), field("owner.id"), field("home.city")))
    assert shape.nest({"owner": "o", "owner.id": "1", "home.city": "c"}) == {
        "owner": "o",
        "owner.id": "1",
        "home": {"city": "c"},
    }


def test_an_opaque_container_does_not_hide_the_fields_below_it() -> None:
    """A compound address is read as an object and written through its parts."""
    shape = WireShape(entity("E", field("address", FieldType.OPAQUE), field("address.city")))
    assert shape.nest({"address.city": "c"}) == {"address": {"city": "c"}}


def test_paths_are_spelled_as_the_system_spells_them() -> None:
    """Documents write `ID` for `Id`; what no schema knows goes out as it came, for the system to refuse."""
    shape = WireShape(entity("E", field("LastName"), field("Items.Text", list_at="Items")))
    assert shape.nest({"lastname": "x", "Nickname": "y"}) == {"LastName": "x", "Nickname": "y"}
    assert shape.list_of("items.text") == "Items"
    assert shape.list_of("lastname") is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"tags": ["a", "b"]}, {"tags": ("a", "b")}),
        ({"tags": []}, {"tags": ()}),
        ({"items": [{"a": 1}, {"b": 2}]}, {"items.a": (1, None), "items.b": (None, 2)}),
        ({"items": [{"t": [{"id": "x"}, {"id": "y"}]}, {"t": []}]}, {"items.t.id": ("x", "y", None)}),
        ({"mixed": [{"a": 1}, 5]}, {"mixed.a": (1, None), "mixed": (None, 5)}),
    ],
)
def test_lists_of_all_shapes_flatten(body: dict[str, Any], expected: dict[str, FieldValue]) -> None:
    """Answers hold lists of values, of objects, and lists inside them."""
    assert flatten(body) == expected
