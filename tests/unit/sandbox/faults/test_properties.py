"""Faults of property rows show in single properties, and in no others."""

import pytest

from talkqa.model.flow import Side
from tests.fakes.flows import make_row
from tests.unit.sandbox.faults.everyday import live
from tests.unit.sandbox.kit import ACCOUNT, CUSTOMER, NAME, NICK, Stage, V, call, flow, play, transformed

TOWN = make_row("address.city", "town")


async def _three(stage: Stage) -> tuple[str | None, ...]:
    _, target = await stage.pair(name="Ada", nick="first", address={"city": "Bergen"})
    account = await stage.get(ACCOUNT, target)
    return tuple(account[path] for path in ("title", "alias", "town"))


@pytest.mark.parametrize(
    ("fault", "held"),
    [
        ("property-dropped:{}:title", (None, "first", "Bergen")),
        ("property-dropped:{}:town", ("Ada", "first", None)),
        ("properties-swapped:{}:alias", ("first", "Ada", "Bergen")),
        ("properties-swapped:{}:title", ("Bergen", "first", "Ada")),
        ("property-crossed:{}:alias", ("Ada", "Ada", "Bergen")),
        ("property-crossed:{}:town", ("Ada", "first", "first")),
    ],
)
def test_the_argument_says_which_property_is_dropped_or_exchanged(fault: str, held: tuple[str | None, ...]) -> None:
    rows = flow(NAME, NICK, TOWN)
    assert play(_three, rows) == ("Ada", "first", "Bergen")
    assert play(_three, rows, faults=(fault.format(rows.id),)) == held


def test_without_an_argument_the_first_property_that_fits_is_meant() -> None:
    assert live("property-dropped")["pairs"] == [("Adelheid", "None"), ("Bartholomew", "None")]
    assert live("properties-swapped")["pairs"] == [("first", "Adelheid"), ("second", "Bartholomew")]


def test_a_property_is_dead_one_way_after_its_creation() -> None:
    rows = flow(NAME, NICK)
    assert live(f"property-dead-to-target:{rows.id}:title")["source edit"] == []
    assert live(f"property-dead-to-target:{rows.id}:title")["target edit"] == "third"
    assert live(f"property-dead-to-source:{rows.id}:alias")["target edit"] == "first"
    assert live(f"property-dead-to-source:{rows.id}:alias")["source edit"] == ["Clementina"]


def test_a_transform_is_ignored_or_inverted() -> None:
    rows = flow(transformed("name", "title", call("replace", "a", "o", V)), NICK)

    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="banana", nick="a")
        copied = (await stage.get(ACCOUNT, target))["title"]
        await stage.edit(ACCOUNT, target, title="papaya")
        await stage.rest()
        return copied, (await stage.get(CUSTOMER, source))["name"]

    assert play(story, rows) == ("bonono", "banana"), "no name gives a title with an a"
    assert play(story, rows, faults=("transform-ignored",)) == ("banana", "papaya")
    assert play(story, rows, faults=("transform-inverted",)) == ("banana", "popoyo")


@pytest.mark.parametrize(("status", "held"), [("NO", ("a", "a", None)), ("SE", (None, "a", "a"))])
def test_a_qualifier_is_ignored_or_inverted(status: str, held: tuple[str | None, ...]) -> None:
    rows = flow(NAME, make_row("nick", "alias", '"string"', (Side.SOURCE, "NO", "status")))

    async def story(stage: Stage) -> str | None:
        _, target = await stage.pair(name="Ada", nick="a", status=status)
        alias: str | None = (await stage.get(ACCOUNT, target))["alias"]
        return alias

    faults = ((), ("qualifier-ignored",), ("qualifier-inverted",))
    assert tuple(play(story, rows, faults=chosen) for chosen in faults) == held


def test_a_property_travels_that_no_document_names() -> None:
    async def story(stage: Stage) -> list[str]:
        _, target = await stage.pair(name="Ada", nick="a", status="b", address={"city": "c", "street": "d"})
        account = await stage.get(ACCOUNT, target)
        return sorted(value for value in account.values() if value in ("a", "b", "c", "d"))

    assert play(story, flow(NAME)) == []
    assert len(play(story, flow(NAME), faults=("undocumented-travels",))) == 1
