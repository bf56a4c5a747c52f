"""A check points to the line it rests on: of a document, or of a decision where no document has its row."""

from dataclasses import replace

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.identity import APPROVED
from talkqa.checklist.places import find_place, find_sentence
from talkqa.model.check import Check, Depth
from talkqa.model.discovery import Ways
from talkqa.model.flow import Flow
from talkqa.model.location import Location
from tests.fakes.flows import make_flow, make_row

OURS = replace(
    make_row("name", "Name"),
    approved=True,
    approval="approved by K. Olsen on 2025-03-01",
    location=Location(path="decisions.toml", line=9),
)


def _check(flow: Flow, name: str) -> Check:
    return next(check for check in derive_checks(flow, Depth.STANDARD) if check.name == name)


def test_a_check_of_an_approved_row_rests_on_the_approval() -> None:
    flow = make_flow(rows=(OURS,))
    check = _check(flow, "edited-in-source")
    assert APPROVED in check.tags
    assert find_place(check, flow) == "decisions.toml:9"
    assert find_sentence(check, flow) == "name to Name: approved by K. Olsen on 2025-03-01"


def test_the_audit_of_a_table_that_no_document_has_rests_on_the_approval() -> None:
    flow = make_flow(rows=(OURS,))
    audit = _check(flow, "audit")
    assert find_place(audit, flow) == "decisions.toml:9"
    assert find_sentence(audit, flow) == "the mapping: approved by K. Olsen on 2025-03-01"


def test_beside_a_documented_row_the_document_speaks() -> None:
    flow = make_flow(rows=(OURS, make_row("town", "City")))
    audit = _check(flow, "audit")
    assert find_sentence(audit, flow) == audit.sentence
    (check,) = (c for c in derive_checks(flow, Depth.STANDARD) if c.id.endswith("edited-in-source/town~City"))
    assert (find_sentence(check, flow), APPROVED in check.tags) == (check.sentence, False)


def test_a_policy_rests_on_itself_though_it_is_tried_with_an_approved_row() -> None:
    flow = make_flow(rows=(OURS,))
    policies = [check for check in derive_checks(flow, Depth.STANDARD) if check.rule is None]
    assert any(check.row is not None for check in policies)
    assert all(find_sentence(check, flow) == check.sentence for check in policies)


def test_a_row_of_one_direction_is_edited_on_that_side_alone() -> None:
    for ways, names in (
        (Ways.TO_TARGET, ["edited-in-source"]),
        (Ways.TO_SOURCE, ["edited-in-target"]),
        (Ways.BOTH, ["edited-in-source", "edited-in-target"]),
    ):
        flow = make_flow(rows=(replace(OURS, ways=ways),))
        found = [c.name for c in derive_checks(flow, Depth.STANDARD) if c.name.startswith("edited-in")]
        assert found == names
