"""What decisions make of a verdict."""

from dataclasses import replace
from datetime import date

import pytest

from talkqa.model.decision import AdoptedPolicy, Decisions, FlowShape, ShapeDecision, Waiver
from talkqa.model.location import Location
from talkqa.model.result import Cause, CheckFinished, Outcome, StepResult
from talkqa.runner.settling import Settlement

FLOW = "shop.order--bakery.cake"
DAY = date(2025, 6, 1)
PLACE = Location(path="decisions.toml", line=3)


def _finished(outcome: Outcome, name: str = "created", observed: str = "") -> CheckFinished:
    return CheckFinished(
        check=f"{FLOW}/{name}",
        flow_id=FLOW,
        name=name,
        title="T",
        sentence="S",
        place="specs/a.rst:1",
        outcome=outcome,
        reason="why",
        message="what was seen",
        cause=Cause.ENGINE,
        observed=observed,
        steps=(
            StepResult(text="When a Shop Order is created", outcome=outcome, begin_s=0, end_s=1),
            StepResult(text="Then exactly one Bakery Cake is linked to it", outcome=outcome, begin_s=1, end_s=2),
        ),
    )


def _waiving(checks: str = f"{FLOW}/*", expires: date = DAY) -> Settlement:
    waiver = Waiver(checks=checks, reason="known", owner="the team", expires=expires, location=PLACE)
    return Settlement(Decisions(waivers=(waiver,)), DAY, known=lambda: (f"{FLOW}/created", f"{FLOW}/quiet"))


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.LATE, Outcome.UNDECIDED, Outcome.NOT_RUNNABLE])
def test_a_valid_waiver_answers_for_what_did_not_pass(outcome: Outcome) -> None:
    settled = _waiving().settle(_finished(outcome))
    assert settled.outcome is Outcome.WAIVED
    assert settled.waiver is not None
    assert (settled.waiver.outcome, settled.waiver.owner, settled.waiver.expires) == (outcome, "the team", "2025-06-01")
    assert settled.waiver.place == "decisions.toml:3"
    assert (settled.reason, settled.message, settled.cause) == ("why", "what was seen", Cause.ENGINE)
    assert _waiving().settle(settled) == settled


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.OBSERVED, Outcome.ERROR, Outcome.NOT_RUN])
def test_nobody_answers_for_what_passed_or_was_never_judged(outcome: Outcome) -> None:
    assert _waiving().settle(_finished(outcome)) == _finished(outcome)


def test_an_expired_waiver_and_one_of_another_check_have_no_effect() -> None:
    failed = _finished(Outcome.FAILED)
    assert _waiving(expires=date(2025, 5, 31)).settle(failed) == failed
    assert _waiving(checks=f"{FLOW}/quiet").settle(failed) == failed


def test_a_world_tells_its_waivers_that_have_no_effect_and_no_others() -> None:
    assert _waiving().notes() == ()
    assert [note.code for note in _waiving(expires=date(2025, 5, 31)).notes()] == ["waiver-expired"]
    assert [note.code for note in _waiving(f"{FLOW}/creatd").notes()] == ["waiver-unmatched"]
    assert _waiving("some.other--flow.of-another-world/created").notes() == ()
    assert Settlement(Decisions(), DAY, known=lambda: pytest.fail("nobody needs it")).notes() == ()


def test_what_the_run_could_not_decide_says_how_a_person_can() -> None:
    settled = Settlement(Decisions(), DAY).settle(_finished(Outcome.UNDECIDED))
    assert settled.manual[0].do == ("Create a Shop Order whose values nothing else has.",)
    assert Settlement(Decisions(), DAY).settle(_finished(Outcome.FAILED)).manual == ()


def _adopting(expects: str, flows: str = "*") -> Settlement:
    policy = AdoptedPolicy(policy="empty-keeps", expects=expects, flows=flows, adopted_by="K. Olsen", location=PLACE)
    return Settlement(Decisions(adopted=(policy,)), DAY)


def test_an_adopted_policy_judges_what_else_is_only_told() -> None:
    seen = _finished(Outcome.OBSERVED, "empty-keeps", observed="kept")
    kept = _adopting("kept").settle(seen)
    assert (kept.outcome, kept.reason, kept.cause) == (Outcome.PASSED, "as-adopted", None)
    broken = _adopting("emptied").settle(seen)
    assert (broken.outcome, broken.reason, broken.cause) == (Outcome.FAILED, "departs-from-adopted", Cause.ENGINE)
    assert (broken.expected, broken.observed, broken.place) == ("emptied", "kept", "decisions.toml:3")
    assert broken.sentence == "adopted by K. Olsen: empty-keeps is expected to end as 'emptied'"
    assert broken.message == "what was seen; 'emptied' was adopted by K. Olsen"


def test_a_policy_judges_nothing_that_was_not_seen_or_is_not_its_own() -> None:
    unclear = _finished(Outcome.OBSERVED, "empty-keeps")
    undecided = _finished(Outcome.UNDECIDED, "empty-keeps", observed="kept")
    other = _finished(Outcome.OBSERVED, "delete-stays", observed="stays")
    assert _adopting("kept").settle(unclear) == unclear
    assert _adopting("kept").settle(undecided).outcome is Outcome.UNDECIDED
    assert _adopting("kept").settle(other) == other
    seen = replace(unclear, observed="emptied")
    assert _adopting("kept", flows="other.*").settle(seen) == seen


@pytest.mark.parametrize(("shape", "outcome"), [("lookup", Outcome.UNDECIDED), ("record", Outcome.FAILED)])
def test_a_lookup_is_not_accused_of_having_no_target_of_its_own(shape: str, outcome: Outcome) -> None:
    decided = ShapeDecision(flow_id=FLOW, shape=FlowShape(shape), location=PLACE)
    settlement = Settlement(Decisions(shapes=(decided,)), DAY)
    settled = settlement.settle(replace(_finished(Outcome.FAILED), reason="no-counterpart"))
    assert settled.outcome is outcome
    assert bool(settled.manual) is (outcome is Outcome.UNDECIDED)
    other = replace(_finished(Outcome.FAILED), reason="wrong-value")
    assert settlement.settle(other) == other
    passed = _finished(Outcome.PASSED)
    assert settlement.settle(passed) == passed


@pytest.mark.parametrize(
    ("deployed", "outcome", "warned"),
    [
        (date(2025, 6, 2), Outcome.FAILED, True),
        (date(2025, 6, 2), Outcome.LATE, True),
        (date(2025, 6, 2), Outcome.PASSED, False),
        (date(2025, 6, 1), Outcome.FAILED, False),
        (None, Outcome.FAILED, False),
    ],
)
def test_what_is_broken_says_where_its_document_is_older_than_the_engine(
    deployed: date | None, outcome: Outcome, warned: bool
) -> None:
    """What the engine was changed to do since, no older document tells."""
    settlement = Settlement(Decisions(), DAY, deployed=deployed, generated={"specs/a.rst": "2025-06-01T10:00:00"})
    settled = settlement.settle(_finished(outcome))
    assert ("generated on 2025-06-01, and the sync engine deployed on 2025-06-02" in settled.message) is warned
    assert settled.outcome is outcome
    assert settlement.settle(settled) == settled
