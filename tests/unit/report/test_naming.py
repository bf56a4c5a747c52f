"""Worlds and flows are called by the words people know."""

import pytest

from talkqa.checklist.phrases import IN_STEP
from talkqa.model.result import CheckFinished, Outcome, StepResult
from talkqa.report.naming import title_of_flow, title_of_world


def _check(source: str, target: str) -> CheckFinished:
    step = StepResult(
        text=f"Given {IN_STEP.render(source=source, target=target)}", outcome=Outcome.PASSED, begin_s=0, end_s=0
    )
    text = {
        "check": "c",
        "flow_id": "f",
        "name": "n",
        "title": "t",
        "sentence": "",
        "place": "",
        "reason": "",
        "message": "",
    }
    return CheckFinished(**text, outcome=Outcome.PASSED, steps=(step,))


@pytest.mark.parametrize(
    ("flow_id", "source", "target"),
    [
        ("custom-crm.customer--salesforce.account", "Custom CRM Customer", "Salesforce Account"),
        ("erp.sales-and-orders--x.y-and-z", "ERP Sales and orders", "X Y and Z"),
        ("t.customer.human-data--x.y", "T Customer (human data)", "X Y"),
        ("renamed.thing--x.y", "A b", "C and d"),
    ],
)
def test_the_background_step_names_a_flow(flow_id: str, source: str, target: str) -> None:
    assert title_of_flow(flow_id, [_check(source, target)]) == f"{source} to {target}"


def test_a_flow_that_nothing_ran_of_is_named_by_its_id() -> None:
    assert (
        title_of_flow("custom-crm.customer--salesforce.line%20item", [])
        == "Custom Crm Customer to Salesforce Line Item"
    )
    assert title_of_flow("", []) == "Scenarios written by hand"


def test_a_world_is_named_by_its_systems() -> None:
    assert title_of_world("custom-crm/salesforce", ["Custom CRM: descriptor", "Other: x"]) == "Custom CRM to Salesforce"
