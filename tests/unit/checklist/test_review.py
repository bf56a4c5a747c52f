"""Decisions that have run out, or decide nothing, are told with their line."""

from datetime import date

from talkqa.checklist.review import review_decisions
from talkqa.model.decision import AdoptedPolicy, ApprovedMapping, Decisions, FlowShape, ShapeDecision, Waiver
from talkqa.model.discovery import Ways
from talkqa.model.location import Location
from talkqa.model.world import World
from tests.fakes.flows import make_flow

TODAY = date(2025, 6, 1)
FLOW = make_flow()
WORLD = World(slug="a/b", source="A", target="B", documents=(), flows=(FLOW,), diagnostics=())


def _at(line: int) -> Location:
    return Location(path="decisions.toml", line=line)


def _waiver(checks: str, expires: date = TODAY, line: int = 1) -> Waiver:
    return Waiver(checks=checks, reason="r", owner="the team", expires=expires, location=_at(line))


def _told(decisions: Decisions) -> list[tuple[str, str]]:
    return [(d.code, str(d.location)) for d in review_decisions([WORLD], decisions, TODAY)]


def test_decisions_that_have_an_effect_are_not_told() -> None:
    decisions = Decisions(
        shapes=(ShapeDecision(flow_id=FLOW.id, shape=FlowShape.RECORD, location=_at(1)),),
        waivers=(_waiver(f"{FLOW.id}/quiet"), _waiver("*/quiet")),
        adopted=(AdoptedPolicy(policy="empty-keeps", expects="kept", location=_at(2)),),
    )
    assert _told(decisions) == []
    assert _told(Decisions()) == []


def test_a_waiver_that_ran_out_is_told_with_its_owner() -> None:
    decisions = Decisions(waivers=(_waiver("*/quiet", date(2025, 5, 31), line=4),))
    (told,) = review_decisions([WORLD], decisions, TODAY)
    assert (told.code, str(told.location)) == ("waiver-expired", "decisions.toml:4")
    assert told.message == "the waiver '*/quiet' ran out on 2025-05-31 and has no effect (the team)"


def test_what_decides_nothing_is_told() -> None:
    mapping = ApprovedMapping(
        flow_id="gone", source="a", target="b", data_type="N/A", ways=Ways.BOTH, approved_by="K",
        approved_on=TODAY, location=_at(3),
    )  # fmt: skip
    decisions = Decisions(
        mappings=(mapping,),
        shapes=(ShapeDecision(flow_id="gone", shape=FlowShape.PART, location=_at(2)),),
        waivers=(_waiver(f"{FLOW.id}/quite", line=5),),
        adopted=(AdoptedPolicy(policy="empty-keeps", expects="kept", flows="gone.*", location=_at(1)),),
    )
    assert _told(decisions) == [
        ("decision-unmatched", "decisions.toml:1"),
        ("decision-unmatched", "decisions.toml:2"),
        ("decision-unmatched", "decisions.toml:3"),
        ("waiver-unmatched", "decisions.toml:5"),
    ]
