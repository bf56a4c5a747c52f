"""Faults of records show where records are made, merged, kept out or deleted."""

from typing import Any

import pytest

from talkqa.model.flow import RuleKind
from talkqa.model.settings import ConditionBinding, ConnectionBinding, Weather
from tests.fakes.flows import make_flow, make_merge, make_row
from tests.unit.sandbox.faults.everyday import live
from tests.unit.sandbox.kit import (
    ACCOUNT,
    CUSTOMER,
    LINK_REQUIRED,
    NAME,
    NICK,
    ORDER,
    PERSON,
    Stage,
    flow,
    play,
)

RULES = (RuleKind.TWO_WAY, RuleKind.PROPERTIES)
MERGING = (RuleKind.EVERY, RuleKind.MERGE_ON, *RULES)


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("duplicate-on-create", {"targets": 4}),
        ("imports-own-copies", {"sources": 4}),
        ("wrong-merge", {"targets": 1}),
    ],
)
def test_a_fault_of_records_shows_in_everyday_work(fault: str, wrong: dict[str, Any]) -> None:
    facts = live(fault)
    assert {name: facts[name] for name in wrong} == wrong


def test_a_creation_whose_answer_was_lost_is_done_again() -> None:
    """In the same weather the correct engine makes each record once."""

    async def story(stage: Stage) -> tuple[int, int]:
        forecasts = {name: emulator.forecast for name, emulator in stage.world._emulators.items()}
        for number in range(8):
            for emulator in stage.world._emulators.values():
                emulator.forecast = None
            await stage.create(CUSTOMER, name=f"customer {number}")
            for name, emulator in stage.world._emulators.items():
                emulator.forecast = forecasts[name]
            await stage.rest(20)
        await stage.rest(200)
        titles = [record["title"] for record in await stage.all(ACCOUNT)]
        return len(titles), len(set(titles))

    weather = Weather(lost=0.5)
    assert play(story, flow(NAME), weather=weather) == (8, 8)
    made, different = play(story, flow(NAME), weather=weather, faults=("duplicate-on-retry",))
    assert made > different == 8
    assert play(story, flow(NAME), faults=("duplicate-on-retry",)) == (8, 8), "where no answer is lost"


async def _merging(stage: Stage) -> int:
    await stage.create(ACCOUNT, title="Ada", alias="A")
    await stage.rest()
    await stage.create(CUSTOMER, name="Ada", nick="B")
    await stage.rest()
    return len(await stage.all(ACCOUNT))


@pytest.mark.parametrize("kinds", [MERGING, (*LINK_REQUIRED, RuleKind.MERGE_ON)])
def test_no_merge_makes_a_second_target_record_beside_the_matching_one(kinds: tuple[RuleKind, ...]) -> None:
    merging = flow(NAME, kinds=kinds, merge=[make_merge("name", "title")])
    assert (play(_merging, merging), play(_merging, merging, faults=("no-merge",))) == (1, 2)


def test_another_key_decides_on_merging() -> None:
    merging = flow(NAME, NICK, kinds=MERGING, merge=[make_merge("name", "title")])
    fault = ("merge-on-other-key",)

    async def other(stage: Stage) -> int:
        await stage.create(ACCOUNT, title="Ada", alias="A")
        await stage.rest()
        await stage.create(CUSTOMER, name="Bo", nick="A")
        await stage.rest()
        return len(await stage.all(ACCOUNT))

    assert (play(_merging, merging), play(_merging, merging, faults=fault)) == (1, 2)
    assert (play(other, merging), play(other, merging, faults=fault)) == (2, 1)


def test_one_of_two_criteria_is_left_out() -> None:
    merging = flow(NAME, NICK, kinds=MERGING, merge=[make_merge("name", "title"), make_merge("nick", "alias")])
    assert play(_merging, merging, faults=(f"merge-criterion-dropped:{merging.id}:title",)) == 2
    assert play(_merging, merging, faults=(f"merge-criterion-dropped:{merging.id}:alias",)) == 1


@pytest.mark.parametrize(("name", "partial", "near"), [("Alma", 1, 2), (" aDA ", 2, 1), ("Bo", 2, 2)])
def test_what_is_nearly_equal_is_merged(name: str, partial: int, near: int) -> None:
    async def story(stage: Stage) -> int:
        await stage.create(ACCOUNT, title="Ada")
        await stage.rest()
        await stage.create(CUSTOMER, name=name)
        await stage.rest()
        return len(await stage.all(ACCOUNT))

    merging = flow(NAME, kinds=MERGING, merge=[make_merge("name", "title")])
    assert play(story, merging) == 2
    assert play(story, merging, faults=("merge-on-partial-key",)) == partial
    assert play(story, merging, faults=("near-miss-merged",)) == near


async def _unlinked(stage: Stage) -> int:
    await stage.create(CUSTOMER, name="Ada")
    await stage.rest()
    return len(await stage.all(ACCOUNT))


@pytest.mark.parametrize("fault", ["precondition-ignored", "precondition-inverted"])
def test_what_is_not_linked_is_let_in(fault: str) -> None:
    restricted = flow(NAME, kinds=LINK_REQUIRED)
    assert (play(_unlinked, restricted), play(_unlinked, restricted, faults=(fault,))) == (0, 1)


CONNECTED = make_flow(
    RuleKind.CREATE_IF_CONNECTED,
    *RULES,
    source=ORDER,
    target=PERSON,
    rows=[make_row("number", "fullName")],
    connected=[CUSTOMER],
)
BOUND = [ConnectionBinding(source="Bakery Order", connected="Bakery Customer", path="customerId", held_by="source")]


async def _connected(stage: Stage) -> list[str]:
    customer, _ = await stage.pair(name="Ada")
    await stage.create(ORDER, number="with", customerId=customer)
    await stage.create(ORDER, number="without")
    await stage.rest()
    return [record["fullName"] for record in await stage.all(PERSON)]


@pytest.mark.parametrize(
    ("faults", "arrived"),
    [
        ((), ["with"]),
        (("precondition-ignored",), ["with", "without"]),
        (("precondition-inverted",), ["without"]),
        (("connection-ignored",), []),
        ((f"connection-ignored:{CONNECTED.id}:Customer",), []),
        ((f"connection-ignored:{CONNECTED.id}:Other",), ["with"]),
    ],
)
def test_connected_records_and_others_are_told_apart_wrongly(faults: tuple[str, ...], arrived: list[str]) -> None:
    found = play(_connected, flow(NAME), CONNECTED, connections=BOUND, faults=faults)
    assert sorted(found) == arrived


@pytest.mark.parametrize(
    ("faults", "arrived"),
    [((), (["good"], 0)), (("condition-ignored",), (["bad", "good"], 0)), (("condition-inverted",), (["bad"], 0))],
)
def test_a_condition_is_ignored_or_inverted_and_nothing_else(
    faults: tuple[str, ...], arrived: tuple[list[str], int]
) -> None:
    async def story(stage: Stage) -> tuple[list[str], int]:
        await stage.create(CUSTOMER, name="bad", status="New")
        await stage.create(CUSTOMER, name="good", status="Active")
        await stage.create(ORDER, number="1")
        await stage.rest()
        return sorted(record["title"] for record in await stage.all(ACCOUNT)), len(await stage.all(PERSON))

    conditional = flow(NAME, kinds=(RuleKind.CONDITION, *RULES))
    unlinked = make_flow(*LINK_REQUIRED, source=ORDER, target=PERSON, rows=[make_row("number", "fullName")])
    bound = [ConditionBinding(text="When a loaf is sold", holds={"status": "Active"})]
    assert play(story, conditional, unlinked, conditions=bound, faults=faults) == arrived


async def _deleted(stage: Stage) -> list[str]:
    source, _ = await stage.pair(name="Ada")
    await stage.delete(CUSTOMER, source)
    await stage.rest()
    left = [record["title"] for record in await stage.all(ACCOUNT)]
    await stage.create(CUSTOMER, name="Bo")
    await stage.rest()
    return [*left, *sorted(record["title"] for record in await stage.all(ACCOUNT))]


def test_what_a_deleted_record_left_behind_is_deleted_or_given_to_the_next_one() -> None:
    assert play(_deleted, flow(NAME)) == ["Ada", "Ada", "Bo"]
    assert play(_deleted, flow(NAME), faults=("id-reused",)) == ["Ada", "Bo"]
    assert play(_deleted, flow(NAME), faults=("deletes-spread",)) == ["Bo"]
