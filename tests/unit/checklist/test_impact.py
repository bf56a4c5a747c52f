"""The impact of a changed document is told check by check."""

from talkqa.checklist.impact import compare_checklists
from talkqa.model.check import Depth
from tests.fakes.flows import make_flow, make_row, make_world


def test_equal_worlds_have_no_impact() -> None:
    before = make_world(make_flow(rows=[make_row("name", "Name", line=3)], line=2))
    after = make_world(make_flow(rows=[make_row("name", "Name", line=30)], line=20), path="specs/moved.rst")
    impact = compare_checklists([before], [after], Depth.STANDARD)
    assert impact.quiet
    assert impact.unchanged


def test_a_row_more_adds_checks_and_leaves_the_others_alone() -> None:
    one, two = make_row("name", "Name"), make_row("phone", "Phone")
    impact = compare_checklists(
        [make_world(make_flow(rows=[one]))], [make_world(make_flow(rows=[one, two]))], Depth.STANDARD
    )
    assert [affected.check.id.split("/", 1)[1] for affected in impact.added] == [
        "both-stand",
        "edited-in-source/phone~Phone",
        "edited-in-target/phone~Phone",
    ]
    assert not impact.altered
    assert not impact.removed


def test_a_changed_data_type_alters_the_checks_of_its_row() -> None:
    before, after = make_row("name", "Name"), make_row("name", "Name", '"integer"')
    impact = compare_checklists(
        [make_world(make_flow(rows=[before]))], [make_world(make_flow(rows=[after]))], Depth.STANDARD
    )
    assert {affected.check.name for affected in impact.altered} >= {"edited-in-source", "edited-in-target"}
    assert all(affected.before is not None for affected in impact.altered)
    assert not impact.added


def test_a_dropped_world_takes_its_checks_with_it() -> None:
    impact = compare_checklists([make_world(make_flow())], [], Depth.SMOKE)
    assert [affected.check.name for affected in impact.removed] == ["created", "edited-in-source", "edited-in-target"]
    assert {affected.world for affected in impact.removed} == {"bakery/web-shop"}
    assert not impact.quiet
