"""A check id says what a check is about, can be read back, and is safe wherever it is written."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.identity import build_id, digest_check, encode, entity_slug, join, parse_id, slug
from talkqa.model.check import Depth, RowKey
from talkqa.model.flow import EntityRef
from tests.fakes.flows import make_flow, make_row

SAFE = re.compile(r"[A-Za-z0-9._~%/-]*")
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(words, words)
def test_a_row_is_read_back_from_its_id_whatever_its_paths_are_called(source: str, target: str) -> None:
    found = parse_id(build_id("bakery.customer--web-shop.account", "edited-in-source", join(source, target)))
    assert found.row == RowKey(source=source, target=target)
    assert found.name == "edited-in-source"
    assert found.flow_id == "bakery.customer--web-shop.account"


@given(words, words, words, words)
def test_two_rows_never_share_an_id(a: str, b: str, c: str, d: str) -> None:
    assert (join(a, b) == join(c, d)) == ((a, b) == (c, d))


@given(st.text(max_size=20))
def test_every_part_is_safe_as_a_tag_and_a_file_name(text: str) -> None:
    assert SAFE.fullmatch(encode(text))
    assert "/" not in encode(text)
    assert "/" not in slug(text)


def test_an_id_without_a_row_names_none() -> None:
    assert parse_id("a--b/created").row is None
    assert parse_id("a--b/connected/order").row is None


@pytest.mark.parametrize("wrong", ["", "created", "/created", "a--b/", "a--b//x"])
def test_what_is_no_check_id_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no check id"):
        parse_id(wrong)


def test_entities_are_told_apart_by_their_facet() -> None:
    assert entity_slug(EntityRef(system="Bakery", entity="Sale Line", facet="human data")) == "sale-line.human-data"
    assert entity_slug(EntityRef(system="Bakery", entity="")) == "_"


def test_the_digest_of_a_check_moves_with_what_it_demands_and_with_nothing_else() -> None:
    row = make_row("name", "Name")
    flow = make_flow(rows=[row])
    check = next(check for check in derive_checks(flow, Depth.STANDARD) if check.row is not None)
    same = digest_check(check, row)
    assert digest_check(check, make_row("name", "Name", line=99)) == same
    assert digest_check(check, make_row("name", "Name", '"integer"')) != same
    assert digest_check(replace(check, sentence="Otherwise."), row) != same
    assert digest_check(check) != same


@given(words, words)
def test_slugs_differ_where_words_do(one: str, two: str) -> None:
    assert (slug(one) == slug(two)) == (one.lower().split() == two.lower().split())
