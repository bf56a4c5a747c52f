"""Every named fault visibly changes what the engine does, and only then."""

from pathlib import Path
from typing import Any

import pytest

from talkqa.model.errors import ConfigError
from talkqa.model.flow import RuleKind, Side
from talkqa.model.settings import ConditionBinding
from talkqa.sandbox.faults import FAULTS, make_behaviour
from tests.fakes.flows import make_flow, make_merge, make_row
from tests.unit.sandbox.kit import (
    ACCOUNT,
    CUSTOMER,
    LINK_REQUIRED,
    NAME,
    NICK,
    ORDER,
    PERSON,
    Stage,
    V,
    call,
    flow,
    play,
    transformed,
)

RULES = (RuleKind.TWO_WAY, RuleKind.PROPERTIES)


async def _everyday(stage: Stage) -> dict[str, Any]:
    """Two records come, each side of the first one is edited, then nothing happens."""
    source = await stage.create(CUSTOMER, name="Adelheid", nick="first")
    await stage.rest()
    await stage.create(CUSTOMER, name="Bartholomew", nick="second")
    await stage.rest()
    facts: dict[str, Any] = {
        "pairs": sorted((str(a["title"]), str(a["alias"])) for a in await stage.all(ACCOUNT)),
        "sources": len(await stage.all(CUSTOMER)),
    }
    await stage.edit(CUSTOMER, source, name="Clementina")
    await stage.rest(12)
    facts["source edit"] = [a["title"] for a in await stage.all(ACCOUNT) if a["title"] == "Clementina"]
    await stage.rest()
    facts["source edit later"] = [a["title"] for a in await stage.all(ACCOUNT) if a["title"] == "Clementina"]
    facts["targets"] = len(await stage.all(ACCOUNT))
    for account in await stage.all(ACCOUNT):
        if account["alias"] == "first":
            await stage.edit(ACCOUNT, account["id"], alias="third")
    await stage.rest()
    facts["target edit"] = (await stage.get(CUSTOMER, source))["nick"]
    writes = len(stage.engine_writes())
    await stage.rest(60)
    facts["writes at rest"] = len(stage.engine_writes()) - writes > 0
    return facts


EVERYDAY = {
    "pairs": [("Adelheid", "first"), ("Bartholomew", "second")],
    "sources": 2,
    "source edit": ["Clementina"],
    "source edit later": ["Clementina"],
    "targets": 2,
    "target edit": "third",
    "writes at rest": False,
}


def test_the_correct_engine_does_everything_right() -> None:
    assert play(_everyday, flow(NAME, NICK)) == EVERYDAY


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        ("target-edits-dropped", {"target edit": "first"}),
        ("source-edits-dropped", {"source edit": [], "source edit later": []}),
        ("duplicate-on-create", {"targets": 4}),
        ("entity-skipped", {"pairs": [], "targets": 0}),
        ("properties-swapped", {"pairs": [("first", "Adelheid"), ("second", "Bartholomew")]}),
        ("property-truncated", {"pairs": [("Adelheid", "firs"), ("Bartholomew", "seco")]}),
        ("property-dropped", {"pairs": [("Adelheid", "None"), ("Bartholomew", "None")]}),
        ("echo-each-cycle", {"writes at rest": True}),
        ("wrong-merge", {"targets": 1}),
        ("engine-dead", {"pairs": [], "targets": 0, "target edit": "first"}),
        ("imports-own-copies", {"sources": 4}),
        ("stale-write", {"source edit later": []}),
        ("value-leak", {"pairs": [("Adelheid", "first"), ("Bartholomew", "first")]}),
        ("stops-after:1", {"pairs": [("Adelheid", "first")], "source edit": []}),
        ("late", {"pairs": [], "source edit": []}),
        ("edit-creates-new", {"targets": 3}),
        ("link-broken-by-edit", {"target edit": "first"}),
    ],
)
def test_a_fault_breaks_its_promise_in_everyday_work(fault: str, wrong: dict[str, Any]) -> None:
    facts = play(_everyday, flow(NAME, NICK), faults=(fault,))
    assert {name: facts[name] for name in wrong} == wrong


async def _merging(stage: Stage) -> int:
    await stage.create(ACCOUNT, title="Ada")
    await stage.rest()
    await stage.create(CUSTOMER, name="Ada")
    await stage.rest()
    return len(await stage.all(ACCOUNT))


@pytest.mark.parametrize("kinds", [(RuleKind.EVERY, RuleKind.MERGE_ON, *RULES), (*LINK_REQUIRED, RuleKind.MERGE_ON)])
def test_no_merge_makes_a_second_target_record_beside_the_matching_one(kinds: tuple[RuleKind, ...]) -> None:
    merging = flow(NAME, kinds=kinds, merge=[make_merge("name", "title")])
    assert (play(_merging, merging), play(_merging, merging, faults=("no-merge",))) == (1, 2)


def test_precondition_ignored_lets_unlinked_records_in() -> None:
    async def story(stage: Stage) -> int:
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest()
        return len(await stage.all(ACCOUNT))

    restricted = flow(NAME, kinds=LINK_REQUIRED)
    assert (play(story, restricted), play(story, restricted, faults=("precondition-ignored",))) == (0, 1)


def test_condition_ignored_lets_in_what_the_condition_keeps_out_and_nothing_else() -> None:
    async def story(stage: Stage) -> tuple[int, int]:
        await stage.create(CUSTOMER, name="Ada", status="New")
        await stage.create(ORDER, number="1")
        await stage.rest()
        return len(await stage.all(ACCOUNT)), len(await stage.all(PERSON))

    conditional = flow(NAME, kinds=(RuleKind.CONDITION, *RULES))
    unlinked = make_flow(*LINK_REQUIRED, source=ORDER, target=PERSON, rows=[make_row("number", "fullName")])
    bound = [ConditionBinding(text="When a loaf is sold", holds={"status": "Active"})]
    found = [
        play(story, conditional, unlinked, conditions=bound, faults=faults) for faults in ((), ("condition-ignored",))
    ]
    assert found == [(0, 0), (1, 0)]


def test_transform_ignored_and_qualifier_ignored_copy_what_they_should_not() -> None:
    rows = (
        transformed("name", "title", call("replace", "a", "o", V)),
        make_row("nick", "alias", '"string"', (Side.SOURCE, "NO", "status")),
    )

    async def story(stage: Stage) -> tuple[str, str]:
        _, target = await stage.pair(name="banana", nick="a", status="SE")
        account = await stage.get(ACCOUNT, target)
        return account["title"], account["alias"]

    faults = ((), ("transform-ignored",), ("qualifier-ignored",), ("transform-ignored", "qualifier-ignored"))
    found = [play(story, flow(*rows), faults=chosen) for chosen in faults]
    assert found == [("bonono", None), ("banana", None), ("bonono", "a"), ("banana", "a")]


def test_a_fault_limited_to_a_flow_leaves_the_others_alone() -> None:
    people = make_flow(source=CUSTOMER, target=PERSON, rows=[make_row("name", "fullName")])

    async def story(stage: Stage) -> tuple[int, int]:
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest()
        return len(await stage.all(ACCOUNT)), len(await stage.all(PERSON))

    assert play(story, flow(NAME), people, faults=(f"entity-skipped:{people.id}",)) == (1, 0)
    assert play(story, flow(NAME), people, faults=(f"duplicate-on-create:{people.id}",)) == (1, 2)


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


def test_an_echo_goes_on_beside_records_that_were_deleted() -> None:
    async def story(stage: Stage) -> bool:
        _, target = await stage.pair(name="Ada")
        await stage.pair(name="Bo")
        await stage.delete(ACCOUNT, target)
        await stage.rest()
        writes = len(stage.engine_writes())
        await stage.rest()
        return len(stage.engine_writes()) > writes + 10

    assert play(story, flow(NAME, NICK), faults=("echo-each-cycle",))


def test_an_undocumented_flow_is_truncated_in_every_text() -> None:
    async def story(stage: Stage) -> list[str]:
        await stage.create(
            CUSTOMER, name="Adelheid", nick="nickname", status="standing", address={"city": "Bergen Oslo"}
        )
        await stage.rest()
        account = await stage.only(ACCOUNT)
        return [
            value for path, value in account.items() if isinstance(value, str) and path not in ("id", "changed", "by")
        ]

    assert max(len(text) for text in play(story, flow())) > 4
    assert max(len(text) for text in play(story, flow(), faults=("property-truncated",))) > 0
    plain = play(story, flow(), faults=("property-truncated",))
    assert sum(len(text) == 4 for text in plain) >= 2


def test_every_registered_fault_is_tried_above_and_tells_what_it_breaks() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    for name, fault in FAULTS.items():
        assert name == fault.name
        assert f'"{name}' in source
        assert fault.breaks
        assert fault.summary.endswith(".")


@pytest.mark.parametrize("text", ["engine-ded", "late:soon", ""])
def test_an_unknown_fault_or_argument_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ConfigError, match=r"\[sandbox\] faults"):
        make_behaviour((text,), ())
