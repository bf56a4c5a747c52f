"""Connected entities that cannot be tried: the verdict says which of the reasons it is."""

from pathlib import Path

import pytest

from talkqa.model.flow import EntityRef, RuleKind
from talkqa.model.result import Outcome
from talkqa.model.settings import ConditionBinding, ConnectionBinding
from tests.fakes.flows import BAKER, SHOP, make_flow, make_merge, make_rule
from tests.unit.verify.test_engines import CONDITION, ROWS, SOLD
from tests.unit.verify.test_scenarios import run

ORDER = EntityRef(system="Bakery", entity="Order")
BINDING = ConnectionBinding(source="Bakery Customer", connected="Bakery Order", path="remark")
KINDS = (RuleKind.LINK_REQUIRED, RuleKind.CREATE_IF_CONNECTED, RuleKind.MERGE_ON, RuleKind.TWO_WAY)


@pytest.mark.parametrize(
    ("bindings", "reason"),
    [((), "connection-unbound"), ((BINDING,), "connected-has-no-flow")],
    ids=["unbound", "bound"],
)
def test_why_a_connected_entity_cannot_be_tried_is_said(
    bindings: tuple[ConnectionBinding, ...], reason: str, tmp_path: Path
) -> None:
    """Nobody named the field, or nothing shows that such a record is synchronized itself."""
    flow = make_flow(*KINDS, rows=ROWS, merge=(make_merge("name", "title"),), connected=[ORDER])
    outcomes = run(flow, tmp_path, only=lambda c: c.name == "connected", connections=bindings)
    seen = outcomes.of("connected/order")
    assert (seen.outcome, seen.reason) == (Outcome.UNDECIDED, reason)
    assert "Bakery Order" in seen.message


def test_a_condition_alone_lets_a_record_in_though_the_others_do_not_hold(tmp_path: Path) -> None:
    """An engine that heeds only one of two alternatives is found by the check of the other one."""
    gift = "When a loaf is given away"
    rule = make_rule(RuleKind.CONDITION, BAKER, SHOP, condition=gift, line=2)
    flow = make_flow(RuleKind.CONDITION, RuleKind.TWO_WAY, rows=ROWS, condition=CONDITION, rules=(rule,))
    given = ConditionBinding(text=gift, holds={"phone": "gift"}, fails={"phone": "no gift"})
    half = run(flow, tmp_path, condition=("remark", "sold"), conditions=(SOLD, given))
    broken = {n for n, r in half.results.items() if r.outcome is Outcome.FAILED}
    assert broken == {"condition-holds/when-a-loaf-is-given-away"}, half.words()
    assert half.of("condition-holds/when-a-loaf-is-sold").outcome is Outcome.PASSED
    assert half.of("condition-fails/when-a-loaf-is-given-away").reason == "vacuous"
