"""What is generated is read by pytest-bdd as it was meant, whatever a document says."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_bdd.parser import FeatureParser, Scenario

from talkqa.checklist.derive import derive_checks
from talkqa.generate.render import escape_tag, render_feature, render_module
from talkqa.generate.scenario import POLICY_HEADING, build_features
from talkqa.model.check import Check, Depth
from talkqa.model.flow import EntityRef, Flow, RuleKind, Side
from tests.fakes.flows import BAKER, EVERYTHING, SHOP, make_flow, make_merge, make_row, make_rule

ROWS = (
    make_row("name", "Name"),
    make_row("revenue", "Revenue", '"decimal"'),
    make_row("city", "City", '"string"', (Side.SOURCE, "NO", "country")),
)
FULL = make_flow(*EVERYTHING, rows=ROWS, merge=[make_merge("orgNo", "OrgNo")])


def read_back(folder: Path, flow: Flow, depth: Depth) -> dict[str, Scenario]:
    """What pytest-bdd runs, by check id."""
    checks = derive_checks(flow, depth)
    (feature,) = build_features([(flow, checks)], depth)
    path = folder / "x.feature"
    path.write_bytes(render_feature(feature))
    found: dict[str, Scenario] = {}
    for template in FeatureParser(str(folder), "x.feature").parse().scenarios.values():
        contexts = [context for examples in template.examples for context in examples.as_contexts()]
        if not contexts:
            (check_id,) = [tag.removeprefix("talkqa-id:") for tag in template.tags if tag.startswith("talkqa-id:")]
            assert check_id not in found
            found[check_id] = template.render({})
        for context in contexts:
            assert context["check"] not in found
            found[context["check"]] = template.render(context)
    return found


def assert_same(found: dict[str, Scenario], checks: tuple[Check, ...]) -> None:
    assert found.keys() == {check.id for check in checks}
    for check in checks:
        scenario = found[check.id]
        assert [step.name for step in scenario.steps[1:]] == [step.text for step in check.steps]
        assert [step.keyword for step in scenario.steps[1:]] == [step.keyword for step in check.steps]
        assert scenario.steps[0].name.startswith("the sync engine keeps ")


@pytest.mark.parametrize("depth", list(Depth))
def test_pytest_bdd_reads_each_check_as_it_was_derived(tmp_path: Path, depth: Depth) -> None:
    assert_same(read_back(tmp_path, FULL, depth), derive_checks(FULL, depth))


def test_the_sentences_are_the_rules_and_policies_come_last(tmp_path: Path) -> None:
    found = read_back(tmp_path, FULL, Depth.STANDARD)
    headings = {check_id.split("/")[1]: scenario.rule.name for check_id, scenario in found.items() if scenario.rule}
    assert headings["unlinked-stays-out"].startswith("Before any synchronization can take place")
    assert headings["quiet"] == POLICY_HEADING
    assert headings["merged"].endswith("match:")


words = st.lists(
    st.sampled_from([*"aB1 \\|#@*<>\"'\n\r\t\u2028\x85:%{}$`~é", "<check>", "<source property>"]), max_size=9
).map("".join)
names = words.filter(lambda text: bool(text.strip()))
entities = st.builds(EntityRef, system=words, entity=names, facet=st.none() | names)
tables = st.lists(
    st.builds(
        lambda source, target, value, path: make_row(source, target, "N/A", (Side.TARGET, value, path)),
        names,
        names,
        words,
        words,
    ),
    max_size=3,
    unique_by=lambda row: (row.source, row.target),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entities, entities, tables, words, names)
def test_no_document_can_open_a_scenario_a_comment_a_table_or_a_parameter_of_its_own(
    tmp_path: Path, source: EntityRef, target: EntityRef, rows: list, condition: str, path: str
) -> None:
    flow = make_flow(
        *EVERYTHING, source=source, target=target, rows=rows, condition=condition, merge=[make_merge(path, path)]
    )
    assert_same(read_back(tmp_path, flow, Depth.DEEP), derive_checks(flow, Depth.DEEP))


@pytest.mark.parametrize(
    "text",
    ["\nScenario: mine\n  Given x", "| a |", "# comment", "@tag", '"""', "* x", "Rule: x", "<check>", "{{ 7 * 7 }}"],
)
def test_what_looks_like_gherkin_stays_text(tmp_path: Path, text: str) -> None:
    rule = make_rule(RuleKind.CONDITION, BAKER, SHOP, condition=text)
    flow = make_flow(RuleKind.TWO_WAY, rules=[rule], rows=[make_row(text, "Name")], merge=[make_merge("a", text)])
    assert_same(read_back(tmp_path, flow, Depth.STANDARD), derive_checks(flow, Depth.STANDARD))


def test_rows_that_an_outline_would_spoil_become_scenarios_of_their_own(tmp_path: Path) -> None:
    """pytest-bdd fills in whatever looks like a column."""
    flow = make_flow(source=EntityRef(system="Bakery", entity="a<check>b"), rows=ROWS)
    (feature,) = build_features([(flow, derive_checks(flow, Depth.STANDARD))], Depth.STANDARD)
    edits = [s for h in feature.headings for s in h.scenarios if s.checks[0].name == "edited-in-source"]
    assert len(edits) == 3
    assert not any(scenario.rows for scenario in edits)
    assert len({scenario.name for scenario in edits}) == 3
    assert_same(read_back(tmp_path, flow, Depth.STANDARD), derive_checks(flow, Depth.STANDARD))


def test_a_row_more_changes_no_other_row(tmp_path: Path) -> None:
    few, more = make_flow(rows=ROWS[:2]), make_flow(rows=ROWS)
    texts = []
    for flow in (few, more):
        (feature,) = build_features([(flow, derive_checks(flow, Depth.STANDARD))], Depth.STANDARD)
        texts.append(render_feature(feature).decode().splitlines())
    assert set(texts[0]) <= set(texts[1])


def test_the_feature_reads_as_the_document_does() -> None:
    flow = make_flow()
    (feature,) = build_features([(flow, derive_checks(flow, Depth.SMOKE))], Depth.SMOKE)
    assert (
        render_feature(feature).decode()
        == """\
@talkqa-flow:bakery.customer--web-shop.account
Feature: Bakery Customer to Web Shop Account
  Each Bakery Customer and its Web Shop Account, as the dataflow document describes them.
  Generated by talkqa: to change it, change the document. A file edited by hand is kept and reported.

  Background:
    Given the sync engine keeps Bakery Customer and Web Shop Account in step

  Rule: Every Bakery Customer will be synchronized with a Web Shop Account.

    @talkqa-id:bakery.customer--web-shop.account/created @smoke
    Scenario: Each new Bakery Customer gets exactly one Web Shop Account
      When a Bakery Customer is created
      Then exactly one Web Shop Account is linked to it
      And no second copy of it appears in either system

  Rule: Once a link between a Bakery Customer and a Web Shop Account is established, it will keep in sync between the \
two systems, regardless of where it is edited.

    @talkqa-id:bakery.customer--web-shop.account/edited-in-source @smoke
    Scenario: A property edited in the source Bakery Customer follows in the target Web Shop Account
      Given a Bakery Customer that is linked to a Web Shop Account
      When a property that travels is edited in the source Bakery Customer
      Then that property follows in the target Web Shop Account
      And every other property of the pair stays as it was

    @talkqa-id:bakery.customer--web-shop.account/edited-in-target @smoke
    Scenario: A property edited in the target Web Shop Account follows in the source Bakery Customer
      Given a Bakery Customer that is linked to a Web Shop Account
      When a property that travels is edited in the target Web Shop Account
      Then that property follows in the source Bakery Customer
      And every other property of the pair stays as it was

  Rule: The following properties are synchronized between a Bakery Customer and a Web Shop Account:
    The document lists no property. Not checked at the depth smoke.
"""
    )


def test_examples_are_unpadded_and_sorted_by_check() -> None:
    (feature,) = build_features([(FULL, derive_checks(FULL, Depth.STANDARD))], Depth.STANDARD)
    text = render_feature(feature).decode()
    start = text.index(
        "        | check | source property | target property |\n        | bakery.customer--web-shop.account/edited"
    )
    assert text[start:].splitlines()[:4] == [
        "        | check | source property | target property |",
        "        | bakery.customer--web-shop.account/edited-in-source/city~City | city | City |",
        "        | bakery.customer--web-shop.account/edited-in-source/name~Name | name | Name |",
        "        | bakery.customer--web-shop.account/edited-in-source/revenue~Revenue | revenue | Revenue |",
    ]


def test_sentences_without_a_scenario_of_their_own_say_why() -> None:
    flow = make_flow(RuleKind.EVERY, *EVERYTHING, rows=ROWS)
    (feature,) = build_features([(flow, derive_checks(flow, Depth.STANDARD))], Depth.STANDARD)
    notes = [heading.note for heading in feature.headings if not heading.scenarios]
    assert notes == [
        "Nothing stays out for its sake: another sentence synchronizes every Bakery Customer.",
        'Checked by "A new Bakery Customer that matches an existing Web Shop Account is linked to it".',
        'Checked by "Each new Bakery Customer gets exactly one Web Shop Account".',
    ]


@given(words, words)
def test_a_module_is_python_whatever_the_systems_are_called(source: str, target: str) -> None:
    tree = ast.parse(render_module(source, target))
    assert [type(node) for node in tree.body] == [ast.Expr, ast.ImportFrom, ast.Expr]


def test_a_tag_breaks_at_nothing() -> None:
    assert escape_tag("a b@c#d\ne") == "a%20b%40c%23d%0Ae"


def test_a_sentence_that_says_the_same_twice_points_to_its_scenario() -> None:
    again = make_rule(RuleKind.EVERY, replace(BAKER, system="The Bakery"), SHOP)
    flow = make_flow(RuleKind.EVERY, rules=[again])
    (feature,) = build_features([(flow, derive_checks(flow, Depth.STANDARD))], Depth.STANDARD)
    assert [heading.note for heading in feature.headings] == [
        "",
        'Checked by "Each new Bakery Customer gets exactly one Web Shop Account".',
        "",
    ]


def test_angle_brackets_in_cells_are_only_text(tmp_path: Path) -> None:
    rows = (make_row("<", "Name"), make_row(">", "Phone"))
    flow = make_flow(RuleKind.TWO_WAY, rows=rows)
    assert_same(read_back(tmp_path, flow, Depth.STANDARD), derive_checks(flow, Depth.STANDARD))


def test_no_scenario_is_lost_where_titles_are_equal_but_for_quotation_marks(tmp_path: Path) -> None:
    """Of two scenarios with one name in a file pytest-bdd loses the first without a word."""
    connected = [EntityRef(system="Bakery", entity=name) for name in ("The 'Roll'", 'The "Roll"')]
    conditions = [make_rule(RuleKind.CONDITION, BAKER, SHOP, condition=words) for words in ("A 'b'", 'A "b"')]
    flow = make_flow(RuleKind.CREATE_IF_CONNECTED, RuleKind.TWO_WAY, rules=conditions, connected=connected)
    assert_same(read_back(tmp_path, flow, Depth.STANDARD), derive_checks(flow, Depth.STANDARD))
