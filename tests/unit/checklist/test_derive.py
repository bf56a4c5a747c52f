"""Each sentence and each row yields its checks, with ids that rest on meaning alone."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from talkqa.checklist import phrases
from talkqa.checklist.derive import derive_checks
from talkqa.checklist.identity import NEGATIVE, POLICY, SMOKE, parse_id
from talkqa.model.check import NAMES, Check, Depth, RowClass
from talkqa.model.flow import EntityRef, Flow, RuleKind, Side
from tests.fakes.flows import BAKER, EVERYTHING, SHOP, make_flow, make_merge, make_row, make_rule

FILLED = (make_row("name", "Name"), make_row("revenue", "Revenue", '"decimal"'))


def list_names(flow: Flow, depth: Depth = Depth.STANDARD) -> list[str]:
    return [check.id.removeprefix(f"{flow.id}/") for check in derive_checks(flow, depth)]


def find(checks: Iterable[Check], name: str) -> Check:
    return next(check for check in checks if check.name == name)


def texts(check: Check) -> list[str]:
    return [f"{step.keyword} {step.text}" for step in check.steps]


def test_a_flow_without_properties_has_the_checks_of_an_empty_table() -> None:
    assert list_names(make_flow()) == [
        "created",
        "edited-in-source",
        "edited-in-target",
        "discovered",
        "latest-wins",
        "latest-wins/source-last",
        "empty-keeps",
        "quiet",
        "delete-stays",
        "link-survives",
    ]


def test_a_flow_with_properties_has_one_edit_each_way_for_each_row() -> None:
    assert list_names(make_flow(rows=FILLED)) == [
        "created",
        "edited-in-source/name~Name",
        "edited-in-source/revenue~Revenue",
        "edited-in-target/name~Name",
        "edited-in-target/revenue~Revenue",
        "audit",
        "whole-in-source/values-that-are-often-taken-for-nothing",
        "whole-in-source/values-that-are-often-tidied-up",
        "whole-in-source/values-that-take-all-the-room-there-is",
        "whole-in-target/values-that-are-often-taken-for-nothing",
        "whole-in-target/values-that-are-often-tidied-up",
        "whole-in-target/values-that-take-all-the-room-there-is",
        "latest-wins/name~Name",
        "latest-wins/name~Name/source-last",
        "both-stand",
        "empty-keeps",
        "quiet",
        "delete-stays",
        "link-survives",
    ]


def test_every_sentence_that_restricts_has_its_negative_beside_it() -> None:
    found = list_names(make_flow(*EVERYTHING, merge=[make_merge("orgNo", "OrgNo")]))
    assert found == [
        "created",
        "condition-holds",
        "condition-fails",
        "unlinked-stays-out",
        "connected/order",
        "unconnected-stays-out",
        "merged/orgNo~OrgNo",
        "unmatched/orgNo~OrgNo/beginning",
        "unmatched/orgNo~OrgNo/end",
        "edited-in-source",
        "edited-in-target",
        "discovered",
        "latest-wins",
        "latest-wins/source-last",
        "empty-keeps",
        "quiet",
        "delete-stays",
        "link-survives",
        "near-miss/orgNo~OrgNo/letter-case",
        "near-miss/orgNo~OrgNo/surrounding-blanks",
        "near-miss/orgNo~OrgNo/the-way-it-is-written",
        "near-miss/nothing-in-any-criterion",
        "shared-criterion/orgNo~OrgNo",
    ]


def test_nothing_is_said_to_stay_out_where_another_sentence_synchronizes_every_record() -> None:
    found = derive_checks(make_flow(RuleKind.EVERY, *EVERYTHING), Depth.DEEP)
    assert not [check.name for check in found if check.name in {"condition-fails", "unlinked-stays-out"}]
    assert "unconnected-stays-out" not in {check.name for check in found}
    assert "condition-holds" in {check.name for check in found}


def test_the_sentence_that_creates_is_the_one_that_the_creation_rests_on() -> None:
    created = find(derive_checks(make_flow(*EVERYTHING), Depth.STANDARD), "created")
    assert created.rule is RuleKind.CONDITION
    assert created.title == "Each new Bakery Customer that may be synchronized gets exactly one Web Shop Account"
    unmatched = make_flow(RuleKind.MERGE_EXISTING, RuleKind.CREATE_UNMATCHED, RuleKind.TWO_WAY)
    assert find(derive_checks(unmatched, Depth.STANDARD), "created").rule is RuleKind.CREATE_UNMATCHED


def test_the_smallest_depth_is_one_creation_and_one_edit_each_way() -> None:
    assert list_names(make_flow(), Depth.SMOKE) == ["created", "edited-in-source", "edited-in-target"]
    rows = (make_row("aId", "Id"), *FILLED)
    assert list_names(make_flow(*EVERYTHING, rows=rows), Depth.SMOKE) == [
        "created",
        "edited-in-source/name~Name",
        "edited-in-target/name~Name",
    ]


def test_the_largest_depth_adds_unusual_values_and_the_target_side_of_policies() -> None:
    """Nothing else: what is promised is checked at the depth that everybody runs."""
    rows = (*FILLED, make_row("born", "dateOfBirth"), make_row("birthDate", "dateOfDay"), make_row("x_id", "Id"))
    flow = make_flow(rows=(*rows, make_row("ok", "Ok", '"boolean"')))
    added = set(list_names(flow, Depth.DEEP)) - set(list_names(flow))
    policies = {"empty-keeps/in-target", "quiet/in-target", "delete-stays/in-target"}
    assert {name.split("/")[0] for name in added - policies} == {"value", "value-in-target"}
    assert policies <= added
    assert "value/name~Name/the-longest-text" in added
    assert "value/revenue~Revenue/zero" in added
    assert "value/birthDate~dateOfDay/the-first-day-of-a-year" in added
    assert "value/born~dateOfBirth/unicode-text" in added
    assert "value-in-target/name~Name/a-single-letter" in added
    assert "value/ok~Ok/false" in added
    assert not {name for name in added if name.startswith(("value/x_id", "value-in-target/x_id"))}


def test_several_conditions_are_told_apart_by_their_words() -> None:
    second = make_rule(RuleKind.CONDITION, BAKER, SHOP, condition="When it is 100% paid")
    flow = make_flow(RuleKind.CONDITION, RuleKind.TWO_WAY, rules=[second])
    found = derive_checks(flow, Depth.STANDARD)
    assert [parse_id(check.id).parts for check in found if check.name == "condition-holds"] == [
        ("when-a-loaf-is-sold",),
        ("when-it-is-100%25-paid",),
    ]
    assert len({check.title for check in found if check.name.startswith("condition")}) == 4


def test_each_connected_entity_is_checked_once_however_often_it_is_named() -> None:
    order, quote = (EntityRef(system="Bakery", entity=name) for name in ("Order", "Quote"))
    again = make_rule(RuleKind.CREATE_IF_CONNECTED, BAKER, SHOP, connected=[quote, order])
    flow = make_flow(RuleKind.CREATE_IF_CONNECTED, connected=[order], rules=[again])
    found = [check.id for check in derive_checks(flow, Depth.STANDARD) if check.name == "connected"]
    assert [parse_id(check_id).parts for check_id in found] == [("order",), ("quote",)]


def test_merging_without_criteria_is_still_a_check() -> None:
    merged = find(derive_checks(make_flow(RuleKind.MERGE_EXISTING, RuleKind.TWO_WAY), Depth.STANDARD), "merged")
    assert merged.row is None
    assert texts(merged) == [
        "Given a Web Shop Account that no Bakery Customer is linked to",
        "And the sync engine has read that Web Shop Account",
        "When a Bakery Customer is created",
        "Then it is linked to the Web Shop Account that was there before",
        "And no second Web Shop Account is created for it",
    ]


def test_a_criterion_that_joins_ids_has_no_near_miss_and_is_not_what_a_link_must_survive() -> None:
    flow = make_flow(RuleKind.MERGE_ON, RuleKind.TWO_WAY, merge=[make_merge("id", "Id")], rows=FILLED)
    found = derive_checks(flow, Depth.STANDARD)
    assert "merged" in {check.name for check in found}
    assert "near-miss" not in {check.name for check in found}
    assert '"name" of the source Bakery Customer is edited' in find(found, "link-survives").steps[1].text


def test_a_link_must_survive_an_edit_of_the_criterion_that_made_it() -> None:
    flow = make_flow(RuleKind.MERGE_ON, RuleKind.TWO_WAY, merge=[make_merge("orgNo", "OrgNo")], rows=FILLED)
    survives = find(derive_checks(flow, Depth.STANDARD), "link-survives")
    assert survives.steps[1].text == '"orgNo" of the source Bakery Customer is edited'
    assert survives.row_class is None


def test_a_qualified_row_is_checked_with_and_without_its_qualifier() -> None:
    row = make_row("city", "City", '"string"', (Side.SOURCE, "NO", "country"))
    found = derive_checks(make_flow(rows=[row]), Depth.STANDARD)
    qualified, unqualified = find(found, "qualified"), find(found, "unqualified")
    assert qualified.id.endswith("/qualified/city~City")
    assert texts(qualified)[0] == (
        'Given a Bakery Customer linked to a Web Shop Account, with "NO" in "country" of the source Bakery Customer'
    )
    assert texts(unqualified)[2:] == [
        'Then "City" of the target Web Shop Account stays as it was',
        'When "NO" comes to stand in "country" of the source Bakery Customer',
        'Then now "City" of the target Web Shop Account follows',
    ]
    assert NEGATIVE in unqualified.tags
    assert NEGATIVE not in qualified.tags


def test_several_qualifiers_of_a_row_are_told_apart_by_what_they_say() -> None:
    row = make_row("city", "City", '"string"', (Side.SOURCE, "NO", "country"), (Side.TARGET, "wd:Q1", "kind"))
    found = [check for check in derive_checks(make_flow(rows=[row]), Depth.STANDARD) if check.name == "qualified"]
    assert [parse_id(check.id).parts for check in found] == [
        ("city~City", "source~NO~country"),
        ("city~City", "target~wd%3AQ1~kind"),
    ]
    assert len({check.title for check in found}) == 2


def test_rows_carry_their_class() -> None:
    rows = [make_row("a", "X"), make_row("b", "X"), make_row("name", "Name")]
    found = derive_checks(make_flow(rows=rows), Depth.STANDARD)
    classes = {check.row.source: check.row_class for check in found if check.row and check.name == "edited-in-source"}
    assert classes == {"a": RowClass.SHARED, "b": RowClass.SHARED, "name": RowClass.PLAIN}


def test_policies_rest_on_no_sentence_and_say_so() -> None:
    for check in derive_checks(make_flow(*EVERYTHING, merge=[make_merge("a", "A")]), Depth.DEEP):
        assert (POLICY in check.tags) == (check.rule is None)
        assert check.sentence


def test_a_flow_without_sentences_promises_nothing() -> None:
    assert derive_checks(replace(make_flow(), rules=()), Depth.DEEP) == ()


def test_a_flow_that_says_nothing_of_edits_is_not_checked_for_them() -> None:
    found = {check.name for check in derive_checks(make_flow(RuleKind.EVERY), Depth.STANDARD)}
    assert not found & {"edited-in-source", "edited-in-target", "discovered", "audit"}


def test_quotation_marks_of_a_condition_become_apostrophes_so_that_the_step_is_understood() -> None:
    flow = make_flow(RuleKind.CONDITION, condition='When a sale gets the status "Sold"')
    holds = find(derive_checks(flow, Depth.STANDARD), "condition-holds")
    found = phrases.CREATED_HOLDS.match(holds.steps[0].text)
    assert found is not None
    assert found["condition"] == "When a sale gets the status 'Sold'"
    assert phrases.quotable('When  a sale\ngets the status "Sold"') == found["condition"]


def test_the_order_of_sentences_and_rows_changes_no_check() -> None:
    rows = (*FILLED, make_row("city", "City"))
    flow = make_flow(*EVERYTHING, rows=rows, merge=[make_merge("a", "A"), make_merge("b", "B")])
    turned = replace(flow, rules=flow.rules[::-1], properties=flow.properties[::-1], merge=flow.merge[::-1])
    assert derive_checks(turned, Depth.DEEP) == derive_checks(flow, Depth.DEEP)


paths = st.text("aZ0_.~/ |\\<>#@*\"'\n%æ", min_size=1, max_size=8)
rows = st.lists(
    st.builds(
        make_row,
        paths,
        paths,
        st.sampled_from(['"string"', '"integer"', "N/A", '"list"']),
    ),
    max_size=4,
    unique_by=lambda row: (row.source, row.target),
)
entities = st.builds(EntityRef, system=st.sampled_from(["Bakery", "", "A<b>"]), entity=paths)


@given(st.sets(st.sampled_from(list(RuleKind)), min_size=1), rows, entities, entities)
def test_ids_are_unique_and_every_step_is_one_of_the_vocabulary(
    kinds: set[RuleKind], table: list, source: EntityRef, target: EntityRef
) -> None:
    flow = make_flow(*sorted(kinds), rows=table, source=source, target=target)
    found = derive_checks(flow, Depth.DEEP)
    assert len({check.id for check in found}) == len(found)
    for check in found:
        assert check.name in NAMES
        assert check.id.startswith(f"{flow.id}/{check.name}")
        assert SMOKE in check.tags or check.name != "created"
        assert "\n" not in check.title
        for step in check.steps:
            if flow.source.name.strip() and flow.target.name.strip():
                assert phrases.recognize(step.text) is not None, step.text


def test_a_qualified_row_is_edited_on_both_sides() -> None:
    """Which side leads once a row comes to apply is not documented where the target was edited."""
    row = make_row("city", "City", '"string"', (Side.SOURCE, "NO", "country"))
    found = derive_checks(make_flow(rows=[row]), Depth.STANDARD)
    qualified, unqualified = find(found, "qualified-in-target"), find(found, "unqualified-in-target")
    assert texts(qualified)[1:] == [
        'When "City" of the target Web Shop Account is edited',
        'Then "city" of the source Bakery Customer follows',
    ]
    assert texts(unqualified)[-1] == 'Then "city" of the source Bakery Customer stays as it was'


def test_a_record_that_matches_nothing_is_created_where_the_document_creates_and_stays_out_elsewhere() -> None:
    """Either way it must have nothing to do with the target that was there before."""
    criterion = [make_merge("orgNo", "OrgNo")]
    creating = make_flow(RuleKind.EVERY, RuleKind.MERGE_ON, RuleKind.TWO_WAY, merge=criterion)
    linking = make_flow(RuleKind.LINK_REQUIRED, RuleKind.MERGE_ON, RuleKind.TWO_WAY, merge=criterion)
    created = 'When a Bakery Customer is created whose "orgNo" shares only its beginning with "OrgNo" of that {t}'
    created = created.format(t=SHOP.name)
    apart = "it and the Web Shop Account that was there before take nothing of each other"
    assert texts(find(derive_checks(creating, Depth.STANDARD), "unmatched"))[2:] == [
        created,
        "Then exactly one Web Shop Account is linked to it",
        f"And {apart}",
    ]
    assert texts(find(derive_checks(linking, Depth.STANDARD), "unmatched"))[3:] == [
        "Then no Web Shop Account is created for it",
        f"And {apart}",
        "When a link between it and a Web Shop Account is established",
        "Then exactly one Web Shop Account is linked to it",
    ]


def test_criteria_that_join_ids_or_no_values_have_no_negative() -> None:
    """Nothing that a test could write would nearly match."""
    flow = make_flow(RuleKind.EVERY, RuleKind.MERGE_ON, RuleKind.TWO_WAY, merge=[make_merge("id", "Id")])
    names = {check.name for check in derive_checks(flow, Depth.DEEP)}
    assert "merged" in names
    assert not names & {"unmatched", "near-miss", "shared-criterion"}


def test_an_address_is_written_in_one_way_only() -> None:
    """A near miss that cannot be written would only count as unproven."""
    flow = make_flow(RuleKind.EVERY, RuleKind.MERGE_ON, merge=[make_merge("eMail", "Email"), make_merge("fax", "Fax")])
    found = {name for name in list_names(flow) if name.endswith("the-way-it-is-written")}
    assert found == {"near-miss/fax~Fax/the-way-it-is-written"}


def test_of_two_edits_either_side_is_the_last_one_once() -> None:
    found = [c for c in derive_checks(make_flow(rows=FILLED), Depth.STANDARD) if c.name == "latest-wins"]
    assert [texts(check)[1] for check in found] == [
        'When "name" of the source Bakery Customer and then "Name" of the target Web Shop Account are edited',
        'When "Name" of the target Web Shop Account and then "name" of the source Bakery Customer are edited',
    ]
    assert len({check.title for check in found}) == 2


def test_a_table_of_qualified_rows_or_of_ids_has_no_delicate_values() -> None:
    """Whether such a value may travel something else decides."""
    rows = [make_row("x_id", "Id"), make_row("city", "City", '"string"', (Side.SOURCE, "NO", "country"))]
    assert not {n for n in list_names(make_flow(rows=rows)) if n.startswith("whole-")}
