"""What differs between requests is found, and a mask in a recorded one stands for anything."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.transport.difference import (
    body_difference,
    extra_members,
    flat_members,
    same_text,
    same_value,
    url_difference,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(JSON)
def test_equal_bodies_do_not_differ(value: Any) -> None:
    assert body_difference(json.dumps(value), json.dumps(value, indent=2)) is None
    assert same_value(value, value)


@given(JSON, JSON)
def test_bodies_that_differ_do_so_somewhere(one: Any, other: Any) -> None:
    """Whatever the order of members; numbers and booleans are not taken for each other."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (body_difference(json.dumps(one), json.dumps(other)) is None) == (same or "***" in json.dumps(other))


@pytest.mark.parametrize(
    ("asked", "recorded", "said"),
    [
        ('{"a":1}', '{"a":2}', "body field 'a': 1 now, 2 recorded"),
        ('{"a":{"b":[1,{"c":"x"}]}}', '{"a":{"b":[1,{"c":"y"}]}}', "body field 'a.b[1].c': 'x' now, 'y' recorded"),
        ('{"a":[1]}', '{"a":[1,2]}', "body field 'a': [1] now, [1, 2] recorded"),
        ('{"a":true}', '{"a":1}', "body field 'a': true now, 1 recorded"),
        ('{"a":null}', "{}", "body field 'a': null now, nothing recorded"),
        ("a=1", "a=2", "the body: 'a=1' now, 'a=2' recorded"),
        ('{"a":"x"}', '{"a":"***"}', None),
        ('{"a":{"b":1}}', '{"a":"***"}', None),
        ('{"a":"Bearer x"}', '{"a":"Bearer ***"}', None),
        (json.dumps("x" * 200), '""', f"the body: {repr('x' * 200)[:80]}... now, '' recorded"),
    ],
)
def test_the_first_difference_of_bodies_is_named(asked: str, recorded: str, said: str | None) -> None:
    assert body_difference(asked, recorded) == said


@pytest.mark.parametrize(
    ("asked", "recorded", "said"),
    [
        ("/a?x=1", "/a?x=1", None),
        ("/a?x=1", "/a?x=***", None),
        ("/a/1", "/a/2", "path: '/a/1' now, '/a/2' recorded"),
        ("/a?x=1&y=2", "/a?x=1&y=3", "query parameter 'y': '2' now, '3' recorded"),
        ("/a?x=1", "/a", "query parameter 'x': '1' now, nothing recorded"),
        ("/a?x=1&x=1", "/a?x=1", "query: 'x=1&x=1' now, 'x=1' recorded"),
    ],
)
def test_what_differs_between_urls_is_named(asked: str, recorded: str, said: str | None) -> None:
    assert url_difference(asked, recorded) == said


@given(st.lists(st.text("ab", max_size=4), min_size=1, max_size=4), st.text("ab", max_size=4))
def test_a_mask_stands_for_any_text(pieces: list[str], hidden: str) -> None:
    assert same_text(hidden.join(pieces), "***".join(pieces))


def test_texts_around_a_mask_have_to_fit() -> None:
    assert not same_text("abc", "x***")
    assert not same_text("abc", "***x")
    assert not same_text("ab", "ab***b")
    assert not same_text("a-b-c", "a***x***c")
    assert not same_text("abc", "abd")


def test_members_beyond_a_recorded_body_are_found() -> None:
    """Only where nothing else differs: then another scenario's refusal may tell why they were left out."""
    assert extra_members('{"a":1,"b":{"c":2,"d":3},"e":{"f":4}}', '{"a":1,"b":{"c":2}}') == {"b.d": 3, "e.f": 4}
    assert extra_members('{"a":1}', '{"a":1}') == {}
    assert extra_members('{"a":1,"b":2}', '{"a":2}') is None
    assert extra_members('{"b":{"c":1}}', '{"b":{"c":2}}') is None
    assert extra_members('{"a":1}', '{"a":1,"b":2}') is None
    assert extra_members("[1]", "[1]") is None
    assert flat_members('{"a":{"b":[1]},"c":{}}') == {"a.b": [1], "c": {}}
    assert flat_members("no json") == {}
