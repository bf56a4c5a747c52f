"""Faults of edits show where records are edited."""

from typing import Any

import pytest

from tests.unit.sandbox.faults.everyday import live
from tests.unit.sandbox.kit import ACCOUNT, CUSTOMER, NAME, NICK, Stage, flow, play


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("source-edits-dropped", {"source edit": [], "source edit later": []}),
        ("target-edits-dropped", {"target edit": "first"}),
        ("echo-each-cycle", {"writes at rest": True}),
        ("oscillation", {"writes at rest": True}),
        ("amplification", {"writes at rest": True}),
        ("stale-write", {"source edit later": []}),
        ("edit-creates-new", {"targets": 3}),
        ("link-broken-by-edit", {"target edit": "first"}),
    ],
)
def test_a_fault_of_edits_shows_in_everyday_work(fault: str, wrong: dict[str, Any]) -> None:
    facts = live(fault)
    assert {name: facts[name] for name in wrong} == wrong


def test_stale_write_brings_the_old_value_back_once_and_leaves_the_edited_side_alone() -> None:
    async def story(stage: Stage) -> tuple[str, str, int]:
        source, target = await stage.pair(name="old")
        await stage.edit(CUSTOMER, source, name="new")
        await stage.rest()
        writes = len(stage.engine_writes())
        await stage.rest(100)
        customer, account = await stage.get(CUSTOMER, source), await stage.get(ACCOUNT, target)
        return customer["name"], account["title"], len(stage.engine_writes()) - writes

    assert play(story, flow(NAME), faults=("stale-write",)) == ("new", "old", 0)


def test_an_edit_breeds_one_more_write_in_each_cycle_up_to_a_bound() -> None:
    """The record is written over itself: what it holds stays as it was edited. A second edit breeds no faster."""

    async def story(stage: Stage) -> tuple[str, list[int], int]:
        source, target = await stage.pair(name="old")
        await stage.edit(CUSTOMER, source, name="new")
        counts, before = [], len(stage.engine_writes())
        for _ in range(12):
            await stage.rest(5)
            counts.append(len(stage.engine_writes()) - before)
            before += counts[-1]
        await stage.edit(CUSTOMER, source, name="newer")
        await stage.rest()
        title, before = (await stage.get(ACCOUNT, target))["title"], len(stage.engine_writes())
        await stage.rest(5)
        return title, [count for count in counts if count], len(stage.engine_writes()) - before

    title, counts, at_last = play(story, flow(NAME), faults=("amplification",))
    assert title == "newer"
    assert counts[1:9] == [1, 2, 3, 4, 5, 6, 7, 8], counts
    assert at_last == counts[-1] == 8


async def _edited_in_turn(stage: Stage) -> list[str]:
    """What the target holds after each of three edits of the source, a quarter of a minute apart."""
    source, target = await stage.pair(name="a")
    held = []
    for name in ("b", "c", "d"):
        await stage.edit(CUSTOMER, source, name=name)
        await stage.rest(15)
        held.append((await stage.get(ACCOUNT, target))["title"])
    return held


def test_every_second_edit_is_lost() -> None:
    assert play(_edited_in_turn, flow(NAME)) == ["b", "c", "d"]
    assert play(_edited_in_turn, flow(NAME), faults=("update-lost",)) == ["b", "b", "d"]


def test_of_two_quick_edits_the_older_one_is_written_last() -> None:
    assert play(_edited_in_turn, flow(NAME), faults=("reordered-batch",)) == ["b", "b", "b"]


def test_of_slow_edits_none_is_reordered() -> None:
    async def story(stage: Stage) -> str:
        source, target = await stage.pair(name="a")
        for name in ("b", "c"):
            await stage.edit(CUSTOMER, source, name=name)
            await stage.rest(90)
        title: str = (await stage.get(ACCOUNT, target))["title"]
        return title

    assert play(story, flow(NAME), faults=("reordered-batch",)) == "c"


def test_of_several_properties_edited_at_once_one_is_written() -> None:
    async def story(stage: Stage) -> set[str]:
        source, target = await stage.pair(name="a", nick="b")
        await stage.edit(CUSTOMER, source, name="c", nick="d")
        await stage.rest()
        account = await stage.get(ACCOUNT, target)
        return {account["title"], account["alias"]}

    assert play(story, flow(NAME, NICK)) == {"c", "d"}
    assert play(story, flow(NAME, NICK), faults=("partial-write",)) == {"a", "d"}


def test_a_whole_record_that_is_written_takes_back_what_was_edited_beside_it() -> None:
    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="a", nick="b")
        await stage.edit(ACCOUNT, target, title="late")
        await stage.edit(CUSTOMER, source, nick="c")
        await stage.rest()
        account = await stage.get(ACCOUNT, target)
        return account["title"], account["alias"]

    assert play(story, flow(NAME, NICK)) == ("late", "c")
    assert play(story, flow(NAME, NICK), faults=("whole-record-written",), seed=1) == ("a", "c")


def test_an_early_edit_makes_another_record_and_a_later_one_does_not() -> None:
    async def story(stage: Stage, wait_s: float) -> int:
        source = await stage.create(CUSTOMER, name="Ada")
        await stage.rest(wait_s)
        await stage.edit(CUSTOMER, source, name="Bo")
        await stage.rest()
        return len(await stage.all(ACCOUNT))

    fault = ("duplicate-on-early-edit",)
    assert play(lambda stage: story(stage, 15), flow(NAME), faults=fault) == 2
    assert play(lambda stage: story(stage, 60), flow(NAME), faults=fault) == 1
    assert play(lambda stage: story(stage, 15), flow(NAME)) == 1


def test_an_edit_links_the_record_to_another_ones_counterpart() -> None:
    async def story(stage: Stage) -> list[str]:
        source, _ = await stage.pair(name="Ada")
        await stage.pair(name="Bo")
        await stage.edit(CUSTOMER, source, name="Cy")
        await stage.rest()
        await stage.edit(CUSTOMER, source, name="Di")
        await stage.rest()
        return sorted(record["title"] for record in await stage.all(ACCOUNT))

    assert play(story, flow(NAME)) == ["Bo", "Di"]
    assert play(story, flow(NAME), faults=("relinked-by-edit",)) == ["Cy", "Di"]


@pytest.mark.parametrize("side", ["source", "target"])
def test_an_emptied_property_empties_the_other_side(side: str) -> None:
    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="Ada", nick="a")
        if side == "source":
            await stage.edit(CUSTOMER, source, nick=None)
        else:
            await stage.edit(ACCOUNT, target, alias=None)
        await stage.rest()
        customer, account = await stage.get(CUSTOMER, source), await stage.get(ACCOUNT, target)
        return (account["alias"] if side == "source" else customer["nick"]), account["title"]

    assert play(story, flow(NAME, NICK)) == ("a", "Ada")
    emptied = play(story, flow(NAME, NICK), faults=("empty-overwrites",))
    assert emptied == (None if side == "source" else "a", "Ada"), "the source leads"


@pytest.mark.parametrize(
    ("faults", "stands"),
    [((), ("second", "second")), (("earlier-wins",), ("first", "first")), (("conflict-ignored",), ("first", "second"))],
)
def test_of_two_edits_at_once_the_wrong_one_stands_or_none(faults: tuple[str, ...], stands: tuple[str, str]) -> None:
    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="old")
        for _ in range(20):  # right after the engine has been at both: it is then farthest from its next look
            await stage.rest(0.25)
            if stage.log[-1]["user"] == "engine":
                break
        await stage.edit(CUSTOMER, source, name="first")
        await stage.rest(2)
        await stage.edit(ACCOUNT, target, title="second")
        await stage.rest()
        return (await stage.get(CUSTOMER, source))["name"], (await stage.get(ACCOUNT, target))["title"]

    assert play(story, flow(NAME), faults=faults, seed=2) == stands
