"""Names of files and scenarios are unique, harmless, and do not depend on their neighbours."""

import keyword
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from talkqa.generate.naming import name_features, name_folder, name_function, name_module, part_titles
from talkqa.model.flow import EntityRef
from tests.fakes.flows import BAKER, make_flow, make_world

OTHER = EntityRef(system="Mill", entity="Customer")


def test_the_systems_of_the_title_are_left_out_of_file_names() -> None:
    flow, foreign = make_flow(), make_flow(source=OTHER)
    assert dict(name_features(make_world(flow, foreign))) == {
        flow.id: "customer--account.feature",
        foreign.id: "mill.customer--web-shop.account.feature",
    }


def test_a_new_flow_renames_no_other() -> None:
    flow = make_flow()
    alone = name_features(make_world(flow))[flow.id]
    assert name_features(make_world(flow, make_flow(source=OTHER)))[flow.id] == alone


def test_a_flow_without_sentences_has_no_file() -> None:
    assert not name_features(make_world(replace(make_flow(), rules=())))


def test_files_that_differ_in_letter_case_alone_are_parted() -> None:
    """Some file systems would take them for one."""
    flow = make_flow(source=OTHER)
    named = name_features(make_world(flow, replace(flow, id=flow.id.upper())))
    assert len({name.casefold() for name in named.values()}) == 2
    assert named[flow.id.upper()] == f"{flow.id.upper()}.feature"


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("custom-crm/salesforce", "test_custom_crm__salesforce.py"),
        ("a-b/c", "test_a_b__c.py"),
        ("a/b-c", "test_a__b_c.py"),
    ],
)
def test_a_module_is_named_after_its_systems(slug: str, expected: str) -> None:
    assert name_module(make_world(slug=slug)) == expected


slugs = st.from_regex(r"(_|[a-z0-9]+|%[0-9A-F]{2})(-[a-z0-9]+|%[0-9A-F]{2}){0,3}", fullmatch=True)


@given(slugs, slugs, slugs, slugs)
def test_modules_of_two_worlds_never_share_a_name(a: str, b: str, c: str, d: str) -> None:
    one, two = (name_module(make_world(slug=slug)) for slug in (f"{a}/{b}", f"{c}/{d}"))
    assert (one == two) == ((a, b) == (c, d))
    stem = one.removesuffix(".py")
    assert stem.isidentifier()
    assert not keyword.iskeyword(stem)


@given(st.text(max_size=300), st.text(max_size=300))
@example(".hidden", "x" * 300)
def test_no_slug_leads_out_of_the_output_folder(source: str, target: str) -> None:
    for part in name_folder(make_world(slug=f"{source.replace('/', '')}/{target.replace('/', '')}")):
        assert part not in {"", ".", ".."}
        assert not part.startswith(".")
        assert not set(part) & set("/\\:\0")
        assert len(part) < 200


def test_scenarios_that_python_would_name_alike_are_parted_by_their_owner() -> None:
    titles = [("a", "Each Order-line"), ("b", "Each order line"), ("c", "Each Order line"), ("b", "Another")]
    named = part_titles(titles)
    assert named["a", "Each Order-line"] == "Each Order-line"
    assert named["b", "Another"] == "Another"
    assert len({name_function(name) for name in named.values()}) == 4
    without_last = part_titles(titles[:2])
    assert all(named[key] == name for key, name in without_last.items())


def test_function_names_are_those_of_pytest_bdd() -> None:
    from pytest_bdd.scenario import make_python_name

    for title in ["Each new Bakery Customer (human data) gets it", '2 of 3: "x" æ <y>', "A-b c_d"]:
        assert name_function(title) == make_python_name(title)
    assert BAKER.name == "Bakery Customer"
