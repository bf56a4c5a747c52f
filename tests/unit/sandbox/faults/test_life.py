"""Faults of the engine's life show in everyday work, or in the weather that they need."""

from typing import Any

import pytest

from talkqa.model.settings import Weather
from tests.fakes.flows import make_row
from tests.unit.sandbox.faults.everyday import live
from tests.unit.sandbox.kit import ACCOUNT, CUSTOMER, NAME, NICK, Stage, flow, play


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("engine-dead", {"pairs": [], "targets": 0, "target edit": "first"}),
        ("entity-skipped", {"pairs": [], "targets": 0}),
        ("stops-after:1", {"pairs": [("Adelheid", "first")], "source edit": []}),
        ("late", {"pairs": [], "source edit": []}),
        ("late:50", {"pairs": [("Adelheid", "first")], "source edit": []}),
    ],
)
def test_a_fault_of_life_shows_in_everyday_work(fault: str, wrong: dict[str, Any]) -> None:
    facts = live(fault)
    assert {name: facts[name] for name in wrong} == wrong


async def _many(stage: Stage) -> list[str]:
    """Five records come between two polls."""
    for name in ("Ada", "Bo", "Cy", "Di", "Ed"):
        await stage.create(CUSTOMER, name=name)
    await stage.rest()
    return sorted(record["title"] for record in await stage.all(ACCOUNT))


def test_of_a_partial_batch_two_records_arrive() -> None:
    assert play(_many, flow(NAME)) == ["Ada", "Bo", "Cy", "Di", "Ed"]
    assert play(_many, flow(NAME), faults=("partial-batch",)) == ["Ada", "Bo"]


def test_a_starved_record_waits_as_long_as_newer_ones_come() -> None:
    async def story(stage: Stage) -> tuple[list[str], list[str]]:
        await stage.create(CUSTOMER, name="Ada")
        for number in range(12):
            await stage.create(CUSTOMER, name=f"{number}")
            await stage.rest(5)
        busy = [record["title"] for record in await stage.all(ACCOUNT)]
        await stage.rest()
        return busy, [record["title"] for record in await stage.all(ACCOUNT)]

    busy, quiet = play(story, flow(NAME), faults=("entity-starved",))
    assert "Ada" not in busy
    assert len(busy) >= 10
    assert "Ada" in quiet
    assert "Ada" in play(story, flow(NAME))[0]


@pytest.mark.parametrize(
    ("fault", "weather"), [("lost-after-429", Weather(refused=0.6)), ("lost-after-5xx", Weather(failed=0.6))]
)
def test_a_change_is_lost_where_a_system_would_not_take_it(fault: str, weather: Weather) -> None:
    """The story itself speaks to a system that has no weather: only the engine's calls are befallen."""

    async def story(stage: Stage) -> int:
        calm = {name: emulator.forecast for name, emulator in stage.world._emulators.items()}
        for number in range(10):
            for emulator in stage.world._emulators.values():
                emulator.forecast = None
            await stage.create(CUSTOMER, name=f"{number}")
            for name, emulator in stage.world._emulators.items():
                emulator.forecast = calm[name]
            await stage.rest(10)
        for emulator in stage.world._emulators.values():
            emulator.forecast = None
        await stage.rest(200)
        return len({record["title"] for record in await stage.all(ACCOUNT)})

    assert play(story, flow(NAME), weather=weather) == 10
    assert play(story, flow(NAME), weather=weather, faults=(fault,)) < 10
    assert play(story, flow(NAME), faults=(fault,)) == 10


def test_where_one_value_is_refused_the_others_are_given_up_too() -> None:
    rows = (NAME, make_row("nick", "code"))

    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="Ada", nick="a")
        await stage.edit(CUSTOMER, source, name="Bo", nick="much longer than eight")
        await stage.rest()
        account = await stage.get(ACCOUNT, target)
        return account["title"], account["code"]

    assert play(story, flow(*rows)) == ("Bo", "a")
    assert play(story, flow(*rows), faults=("lost-after-refusal",)) == ("Ada", "a")
    assert play(story, flow(NAME, NICK), faults=("lost-after-refusal",)) != ("Ada", "a")
