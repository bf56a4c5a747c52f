"""Faults of values change what arrives at the target and leave what comes back alone, or the other way round."""

from typing import Any

import pytest

from tests.fakes.flows import make_row
from tests.unit.sandbox.faults.everyday import live
from tests.unit.sandbox.kit import ACCOUNT, CUSTOMER, NAME, NICK, ORDER, SALE, Stage, flow, orders, play

RATING = make_row("rating", "score", '"integer"')
LIMIT = make_row("limit", "credit", '"decimal"')
BORN = make_row("born", "birthday", '"string"')


@pytest.mark.parametrize(
    ("fault", "row", "sent", "held"),
    [
        ("property-truncated", NAME, "Adelheid", "Adel"),
        ("encoding-wrong", NAME, "Ærlig", "Ã\x86rlig"),
        ("encoding-wrong", NAME, "Adelheid", "Adelheid"),
        ("leading-zeros-lost", NAME, "007", "7"),
        ("leading-zeros-lost", NAME, "0", "0"),
        ("leading-zeros-lost", NAME, "00-7", "00-7"),
        ("text-trimmed", NAME, " a  b ", "a b"),
        ("text-folded", NAME, "Ada Bo", "ada bo"),
        ("type-wrong", NAME, "Ada", '"Ada"'),
        ("type-wrong", RATING, 7, None),
        ("number-rounded", LIMIT, 12.75, 12),
        ("time-shifted", BORN, "2024-03-01", "2024-02-29"),
    ],
)
def test_a_value_is_spoilt_on_its_way_to_the_target(fault: str, row: Any, sent: Any, held: Any) -> None:
    async def story(stage: Stage) -> Any:
        _, target = await stage.pair(**{row.source: sent})
        return (await stage.get(ACCOUNT, target))[row.target]

    assert play(story, flow(row)) == sent
    assert play(story, flow(row), faults=(fault,)) == held


def test_a_moment_comes_an_hour_early() -> None:
    async def story(stage: Stage) -> str:
        _, target = await stage.pair(seen="2024-03-01T00:30:00Z")
        visit: str = (await stage.get(ACCOUNT, target))["birthday"]
        return visit

    row = make_row("seen", "birthday", '"string"')
    assert (play(story, flow(row)), play(story, flow(row), faults=("time-shifted",))) == ("2024-03-01", "2024-02-29")


@pytest.mark.parametrize("fault", ["property-truncated", "text-folded", "type-wrong", "value-leak"])
def test_what_comes_back_is_whole(fault: str) -> None:

    async def story(stage: Stage) -> str:
        source, target = await stage.pair(name="Ada")
        await stage.edit(ACCOUNT, target, title="Clementina")
        await stage.rest()
        name: str = (await stage.get(CUSTOMER, source))["name"]
        return name

    assert play(story, flow(NAME), faults=(fault,)) == "Clementina"


@pytest.mark.parametrize(("argument", "back"), [("", ("Clementina", "seco")), (":title", ("Clem", "second"))])
def test_a_text_is_cut_on_its_way_back_and_goes_whole(argument: str, back: tuple[str, str]) -> None:
    async def story(stage: Stage) -> tuple[tuple[str, str], tuple[str, str]]:
        source, target = await stage.pair(name="Adelheid", nick="Heidelind")
        arrived = await stage.get(ACCOUNT, target)
        await stage.edit(ACCOUNT, target, title="Clementina", alias="second")
        await stage.rest()
        customer = await stage.get(CUSTOMER, source)
        return (arrived["title"], arrived["alias"]), (customer["name"], customer["nick"])

    rows, whole = flow(NAME, NICK), ("Adelheid", "Heidelind")
    place = f":{rows.id}{argument}" if argument else ""
    assert play(story, rows) == (whole, ("Clementina", "second"))
    assert play(story, rows, faults=(f"property-truncated-to-source{place}",)) == (whole, back)


def test_a_property_is_filled_with_the_value_of_the_record_before() -> None:
    assert live("value-leak")["pairs"] == [("Adelheid", "first"), ("Bartholomew", "first")]


def test_a_row_without_a_data_type_is_none_whose_values_are_promised() -> None:
    """An engine may change them on purpose: such a fault would be none."""
    rows = flow(make_row("name", "title", "N/A"), NICK)

    async def story(stage: Stage) -> tuple[str, str]:
        _, target = await stage.pair(name="Adelheid", nick="Heidelind")
        account = await stage.get(ACCOUNT, target)
        return account["title"], account["alias"]

    whole = play(story, rows)
    assert play(story, rows, faults=("property-truncated",)) == (whole[0], "Heid")
    assert play(story, rows, faults=(f"property-truncated:{rows.id}:alias",)) == (whole[0], "Heid")


def test_every_record_refers_to_what_the_first_one_referred_to() -> None:
    sales = orders(make_row("number", "subject"), make_row("customerId", "accountId"))

    async def story(stage: Stage) -> list[bool]:
        found = []
        for number in ("1", "2"):
            customer, account = await stage.pair(CUSTOMER, ACCOUNT, name=f"customer {number}")
            _, sale = await stage.pair(ORDER, SALE, number=number, customerId=customer)
            found.append((await stage.get(SALE, sale))["accountId"] == account)
        return found

    assert play(story, flow(NAME), sales) == [True, True]
    assert play(story, flow(NAME), sales, faults=("reference-crossed",)) == [True, False]
