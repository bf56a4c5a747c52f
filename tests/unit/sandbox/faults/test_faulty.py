"""A fault changes one decision and leaves everything else to the behaviour within."""

import inspect
from typing import Any

import pytest

from talkqa.model.flow import RuleKind
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.faults import KINDS
from talkqa.sandbox.faults.faulty import Aim, Faulty
from tests.fakes.flows import make_flow, make_row
from tests.unit.sandbox.faults.everyday import FACTS, live
from tests.unit.sandbox.kit import ACCOUNT, CUSTOMER, NAME, PERSON, Stage, flow, play

DECISIONS = [name for name, _ in inspect.getmembers(Behaviour, inspect.isfunction) if not name.startswith("_")]


class _Told(Behaviour):
    """A behaviour that says what it was asked."""

    def __getattribute__(self, name: str) -> Any:
        return (lambda *_, **__: name) if name in DECISIONS else super().__getattribute__(name)


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision_is_left_to_the_behaviour_within(decision: str) -> None:
    """So that faults can be combined, and a new decision of the engine cannot be forgotten here."""
    made = Faulty(_Told(), Aim())
    parameters = inspect.signature(getattr(Behaviour, decision)).parameters.values()
    given = [None for p in parameters if p.name != "self" and p.kind is not p.KEYWORD_ONLY]
    named = {p.name: None for p in parameters if p.kind is p.KEYWORD_ONLY}
    said = getattr(made, decision)(*given, **named)
    assert said == (None if decision in ("created", "gone") else decision)
    assert decision in vars(Faulty)


def test_no_kind_overrides_more_than_three_decisions() -> None:
    for kind in KINDS.values():
        classes = [one for one in kind.behaviour.__mro__ if issubclass(one, Faulty)][:-1]
        own = {name for one in classes for name in vars(one) if name in DECISIONS and one.__name__ != "RowFault"}
        assert 1 <= len(own) <= 3, kind.name


def test_the_correct_engine_does_everything_right() -> None:
    assert live() == FACTS


def test_two_faults_are_at_work_at_once() -> None:
    facts = live("duplicate-on-create", "target-edits-dropped")
    assert (facts["targets"], facts["target edit"]) == (4, "first")


def test_a_fault_limited_to_a_flow_leaves_the_others_alone() -> None:
    people = make_flow(source=CUSTOMER, target=PERSON, rows=[make_row("name", "fullName")])

    async def story(stage: Stage) -> tuple[int, int]:
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest()
        return len(await stage.all(ACCOUNT)), len(await stage.all(PERSON))

    assert play(story, flow(NAME), people, faults=(f"entity-skipped:{people.id}",)) == (1, 0)
    assert play(story, flow(NAME), people, faults=(f"duplicate-on-create:{people.id}",)) == (1, 2)


def test_a_fault_of_one_of_two_opposite_flows_is_at_work_one_way() -> None:
    """Both flows share their links; whose edits are dropped is told by the flow that is named."""
    there = flow(NAME)
    back = make_flow(RuleKind.EVERY, RuleKind.TWO_WAY, source=ACCOUNT, target=CUSTOMER, rows=())

    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="old")
        await stage.edit(CUSTOMER, source, name="new")
        await stage.rest()
        arrived = (await stage.get(ACCOUNT, target))["title"]
        await stage.edit(ACCOUNT, target, title="newest")
        await stage.rest()
        return arrived, (await stage.get(CUSTOMER, source))["name"]

    assert play(story, there, back, faults=(f"source-edits-dropped:{there.id}",)) == ("old", "newest")
    assert play(story, there, back, faults=(f"source-edits-dropped:{back.id}",)) == ("new", "new")
