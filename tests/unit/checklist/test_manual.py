"""A check by hand: do, look, expect, in the words of its steps."""

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.draft import draw_background
from talkqa.checklist.manual import describe_by_hand
from talkqa.model.check import Depth
from talkqa.model.result import ManualStep
from tests.fakes.flows import BAKER, EVERYTHING, SHOP, make_flow, make_row


def test_a_creation_by_hand() -> None:
    (created, *_) = derive_checks(make_flow(), Depth.STANDARD)
    background = draw_background(make_flow())
    steps = [f"{step.keyword} {step.text}" for step in (background, *created.steps)]
    source, target = BAKER.name, SHOP.name
    assert describe_by_hand(steps) == (
        ManualStep(
            do=(f"Create a {source} whose values nothing else has.",),
            look=f"Search {target} for the values that you gave it. "
            "Search both systems for the values that you gave it.",
            expect=(
                f"Exactly one {target} is linked to it.",
                "No second copy of it appears in either system.",
            ),
        ),
    )


def test_what_is_done_after_a_look_is_a_part_of_its_own() -> None:
    steps = (
        'When a Shop Order is created for which "paid" does not hold',
        "Then no Bakery Cake is created for it",
        'When "paid" comes to hold for it',
        "Then exactly one Bakery Cake is linked to it",
    )
    first, second = describe_by_hand(steps)
    assert first.do == ('Create a Shop Order of which this is not true: "paid".',)
    assert "Wait until a later record has arrived" in first.look
    assert first.expect == ("No Bakery Cake is created for it.",)
    assert second.do == ('Change it so that this is true: "paid".',)


def test_every_check_can_be_done_by_hand() -> None:
    flow = make_flow(*EVERYTHING, rows=(make_row("name", "Name"),))
    for check in derive_checks(flow, Depth.DEEP):
        stages = describe_by_hand(f"{step.keyword} {step.text}" for step in check.steps)
        assert stages, check.id
        assert all(stage.expect and stage.look for stage in stages), check.id
        assert stages[0].do, check.id
        assert "{" not in repr(stages), check.id


def test_a_step_of_ones_own_is_taken_over_as_it_is() -> None:
    (stage,) = describe_by_hand(("Given a full moon", "Then the cake is round"))
    assert stage.do == ("Let this be so: a full moon.",)
    assert (stage.look, stage.expect) == ("Look at the records in both systems.", ("The cake is round.",))


def test_steps_that_expect_nothing_are_no_check_by_hand() -> None:
    assert describe_by_hand(("When a Shop Order is created",)) == ()
