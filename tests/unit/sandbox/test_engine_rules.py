"""The reference engine obeys the sentences of a flow: who is let in, who is linked, who stays out."""

from typing import Any

import pytest

from talkqa.model.flow import RuleKind
from talkqa.model.settings import ConditionBinding, ConnectionBinding
from tests.fakes.flows import make_flow, make_merge, make_row
from tests.unit.sandbox.kit import (
    ACCOUNT,
    CUSTOMER,
    LINK_REQUIRED,
    NAME,
    NICK,
    ORDER,
    PERSON,
    SALE,
    Stage,
    flow,
    orders,
    play,
)

CONDITION = (RuleKind.CONDITION, RuleKind.TWO_WAY, RuleKind.PROPERTIES)
CONNECTED = (RuleKind.LINK_REQUIRED, RuleKind.CREATE_IF_CONNECTED, RuleKind.TWO_WAY, RuleKind.PROPERTIES)
MERGING = (RuleKind.EVERY, RuleKind.MERGE_ON, RuleKind.TWO_WAY, RuleKind.PROPERTIES)
HELD_BY_ORDER = ConnectionBinding(source="Bakery Customer", connected="Bakery Order", path="customerId")
HELD_BY_CUSTOMER = ConnectionBinding(
    source="Bakery Customer", connected="Bakery Customer", path="patronId", held_by="source"
)
ACTIVE = ConditionBinding(text="when a  loaf IS sold", holds={"status": "Active"}, fails={"status": "New"})


def titles(records: list[dict[str, Any]]) -> list[str]:
    return sorted(str(record["title"]) for record in records)


def test_every_source_record_gets_exactly_one_target_record_however_long_one_waits() -> None:
    async def story(stage: Stage) -> Any:
        for number in range(30):
            await stage.create(CUSTOMER, name=f"Ada {number:02}")
        await stage.rest(15)
        soon = titles(await stage.all(ACCOUNT))
        await stage.rest(200)
        return soon, titles(await stage.all(ACCOUNT)), len(await stage.all(CUSTOMER))

    soon, later, sources = play(story, flow(NAME))
    assert soon == later == [f"Ada {number:02}" for number in range(30)]
    assert sources == 30


def test_a_hundred_new_records_settle_within_three_cycles() -> None:
    async def story(stage: Stage) -> Any:
        for number in range(100):
            answer = await stage.world.transport("Bakery").handle_async_request(
                stage.client("Bakery").build_request("POST", "/Customer", json={"name": str(number)})
            )
            assert answer.status_code == 201
        await stage.rest(15)
        return len(await stage.all(ACCOUNT))

    assert play(story, flow(NAME)) == 100


def test_a_condition_lets_a_record_in_when_it_comes_to_hold_and_not_before() -> None:
    async def story(stage: Stage) -> Any:
        record = await stage.create(CUSTOMER, name="Ada", status="New")
        await stage.rest()
        before = await stage.all(ACCOUNT)
        await stage.edit(CUSTOMER, record, status="Active")
        await stage.rest()
        after = titles(await stage.all(ACCOUNT))
        await stage.edit(CUSTOMER, record, status="New", name="Ida")
        await stage.rest()
        return before, after, titles(await stage.all(ACCOUNT))

    assert play(story, flow(NAME, kinds=CONDITION), conditions=[ACTIVE]) == ([], ["Ada"], ["Ida"])


@pytest.mark.parametrize(
    ("kinds", "conditions", "expected"),
    [
        (CONDITION, [], []),
        (CONDITION, [ConditionBinding(text="When something else", holds={"name": "Ada"})], []),
        (CONDITION, [ConditionBinding(text=ACTIVE.text, entity="Bakery Order", holds={"name": "Ada"})], []),
        (CONDITION, [ConditionBinding(text=ACTIVE.text, entity="bakery customer", holds={"name": "Ada"})], ["Ada"]),
        (CONDITION, [ConditionBinding(text=ACTIVE.text, remark=True)], ["Ada"]),
        ((RuleKind.EVERY, *CONDITION), [], ["Ada"]),
    ],
    ids=["unbound", "other words", "other entity", "this entity", "remark", "every beside it"],
)
def test_what_a_condition_means_is_what_its_binding_says(
    kinds: tuple[RuleKind, ...], conditions: list[ConditionBinding], expected: list[str]
) -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada", status="New")
        await stage.rest()
        return titles(await stage.all(ACCOUNT))

    assert play(story, flow(NAME, kinds=kinds), conditions=conditions) == expected


def test_a_flow_that_cannot_be_synchronised_is_not_even_polled() -> None:
    async def story(stage: Stage) -> Any:
        await stage.rest()
        return [entry for entry in stage.log if entry["user"] == "engine"]

    assert play(story, flow(NAME, kinds=CONDITION)) == []
    assert play(story, make_flow(source=CUSTOMER, target=PERSON.__class__(system="Web Shop", entity="Ghost"))) == []


def test_without_a_link_nothing_is_created_until_a_matching_target_record_appears() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada", nick="a")
        await stage.rest()
        before = await stage.all(ACCOUNT)
        target = await stage.create(ACCOUNT, title="Ada")
        await stage.rest()
        return before, target, await stage.only(ACCOUNT)

    rules = (*LINK_REQUIRED, RuleKind.MERGE_ON)
    before, target, account = play(story, flow(NAME, NICK, kinds=rules, merge=[make_merge("name", "title")]))
    assert before == []
    assert (account["id"], account["alias"]) == (target, "a"), "linked, and then its properties are brought together"


def test_a_link_required_without_any_way_to_link_keeps_everything_out() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada")
        await stage.create(ACCOUNT, title="Ada")
        await stage.rest()
        return len(stage.engine_writes())

    assert play(story, flow(NAME, kinds=LINK_REQUIRED)) == 0


def test_create_unmatched_creates_where_nothing_matches_and_links_where_something_does() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(ACCOUNT, title="Ada", alias="old")
        await stage.rest()
        await stage.create(CUSTOMER, name="Ada")
        await stage.create(CUSTOMER, name="Bo")
        await stage.rest()
        return titles(await stage.all(ACCOUNT)), [c["nick"] for c in await stage.all(CUSTOMER) if c["name"] == "Ada"]

    kinds = (*LINK_REQUIRED, RuleKind.MERGE_EXISTING, RuleKind.CREATE_UNMATCHED)
    found, nicks = play(story, flow(NAME, NICK, kinds=kinds))
    assert found == ["Ada", "Bo"]
    assert nicks == ["old"], "what the source lacks comes from the target"


def test_a_match_on_any_criterion_links_and_the_source_wins_what_differs() -> None:
    async def story(stage: Stage) -> Any:
        target = await stage.create(ACCOUNT, title="Other", alias="ada")
        await stage.create(CUSTOMER, name="Ada", nick="ada")
        await stage.rest()
        return target, await stage.only(ACCOUNT)

    criteria = [make_merge("mail", "email"), make_merge("nick", "alias"), make_merge("ghost", "title")]
    target, account = play(story, flow(NAME, NICK, kinds=MERGING, merge=criteria))
    assert (account["id"], account["title"]) == (target, "Ada")


@pytest.mark.parametrize(("name", "title"), [("Ada", "ada"), ("Ada", "Ada "), (None, None)])
def test_a_near_miss_or_two_empty_values_are_no_match(name: str | None, title: str | None) -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(ACCOUNT, title=title)
        await stage.rest()
        await stage.create(CUSTOMER, name=name)
        await stage.rest()
        return len(await stage.all(ACCOUNT))

    assert play(story, flow(NAME, kinds=MERGING, merge=[make_merge("name", "title")])) == 2


def test_two_source_records_with_one_key_do_not_share_a_target_record() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(ACCOUNT, title="Ada")
        await stage.rest()
        for _ in range(2):
            await stage.create(CUSTOMER, name="Ada")
        await stage.rest()
        return titles(await stage.all(ACCOUNT))

    assert play(story, flow(NAME, kinds=MERGING, merge=[make_merge("name", "title")])) == ["Ada", "Ada"]


@pytest.mark.parametrize("order_first", [False, True])
def test_a_record_is_created_once_something_synchronised_points_at_it(order_first: bool) -> None:
    async def story(stage: Stage) -> Any:
        lonely = await stage.create(CUSTOMER, name="Lonely")
        await stage.rest()
        if order_first:
            order = await stage.create(ORDER, number="1")
            await stage.rest()
        before = [a for a in await stage.all(ACCOUNT) if a["title"] != "Talk default"]
        if order_first:
            await stage.edit(ORDER, order, customerId=lonely)
        else:
            await stage.create(ORDER, number="1", customerId=lonely)
        await stage.create(CUSTOMER, name="Nobody's")
        await stage.rest()
        return before, [t for t in titles(await stage.all(ACCOUNT)) if t != "Talk default"]

    found = play(
        story,
        flow(NAME, kinds=CONNECTED, connected=(ORDER,)),
        orders(make_row("number", "subject")),
        connections=[HELD_BY_ORDER],
    )
    assert found == ([], ["Lonely"])


def test_a_record_is_created_once_it_points_at_something_synchronised() -> None:
    kinds = (*CONNECTED, RuleKind.MERGE_ON)

    async def story(stage: Stage) -> Any:
        await stage.create(ACCOUNT, title="Patron")
        patron = await stage.create(CUSTOMER, name="Patron")
        client = await stage.create(CUSTOMER, name="Client")
        await stage.rest()
        before = titles(await stage.all(ACCOUNT))
        await stage.edit(CUSTOMER, client, patronId=patron)
        await stage.rest()
        return before, titles(await stage.all(ACCOUNT))

    connecting = flow(NAME, kinds=kinds, connected=(CUSTOMER,), merge=[make_merge("name", "title")])
    assert play(story, connecting, connections=[HELD_BY_CUSTOMER]) == (["Patron"], ["Client", "Patron"])


def test_without_a_binding_nothing_counts_as_connected() -> None:
    async def story(stage: Stage) -> Any:
        customer = await stage.create(CUSTOMER, name="Ada")
        await stage.create(ORDER, number="1", customerId=customer)
        await stage.rest()
        return [a["title"] for a in await stage.all(ACCOUNT)], len(await stage.all(SALE))

    found = play(story, flow(NAME, kinds=CONNECTED, connected=(ORDER,)), orders(make_row("number", "subject")))
    assert found == (["Talk default"], 1), "the one account is the default parent of the sale"


def test_a_deleted_record_takes_only_its_link_with_it() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada")
        other_source, other_target = await stage.pair(name="Bo")
        await stage.delete(CUSTOMER, source)
        await stage.delete(ACCOUNT, other_target)
        await stage.rest()
        await stage.edit(ACCOUNT, target, title="Ida")
        await stage.edit(CUSTOMER, other_source, name="Bea")
        await stage.rest()
        return titles(await stage.all(ACCOUNT)), [c["name"] for c in await stage.all(CUSTOMER)]

    assert play(story, flow(NAME)) == (["Ida"], ["Bea"])


def test_flows_in_both_directions_share_their_links() -> None:
    back = make_flow(source=ACCOUNT, target=CUSTOMER, rows=[make_row("alias", "nick")])

    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada", nick="a")
        await stage.create(ACCOUNT, title="Bo", alias="b")
        await stage.rest(300)
        customers, accounts = await stage.all(CUSTOMER), await stage.all(ACCOUNT)
        return sorted((c["name"], c["nick"]) for c in customers), sorted((a["title"], a["alias"]) for a in accounts)

    pairs = [("Ada", "a"), ("Bo", "b")]
    assert play(story, flow(NAME), back) == (pairs, pairs)


def test_an_entity_synchronised_with_itself_gets_one_copy_of_each_record() -> None:
    async def story(stage: Stage) -> Any:
        first = await stage.create(CUSTOMER, name="Ada", nick="x")
        await stage.rest(300)
        records = await stage.all(CUSTOMER)
        (copy,) = [c for c in records if c["id"] != first]
        await stage.edit(CUSTOMER, first, name="Ida")
        await stage.rest()
        return copy["name"], (await stage.get(CUSTOMER, copy["id"]))["name"], len(await stage.all(CUSTOMER))

    self_flow = make_flow(source=CUSTOMER, target=CUSTOMER, rows=[make_row("name", "name")])
    assert play(story, self_flow) == ("Ada", "Ida", 2)


def test_a_ring_of_flows_comes_to_an_end() -> None:
    ring = (
        flow(NAME),
        make_flow(source=ACCOUNT, target=PERSON, rows=[make_row("title", "fullName")]),
        make_flow(source=PERSON, target=CUSTOMER, rows=[make_row("fullName", "name")]),
    )

    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest(300)
        return [len(await stage.all(ref)) for ref in (CUSTOMER, ACCOUNT, PERSON)]

    assert play(story, *ring) == [1, 1, 1]


def test_several_flows_into_one_entity_each_make_their_own_record() -> None:
    both = (flow(NAME), make_flow(source=ORDER, target=ACCOUNT, rows=[make_row("number", "title")]))

    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada")
        await stage.create(ORDER, number="1")
        await stage.rest()
        return titles(await stage.all(ACCOUNT))

    assert play(story, *both) == ["1", "Ada"]


def test_two_facets_of_one_entity_share_a_record() -> None:
    human = CUSTOMER.__class__(system="Bakery", entity="Customer", facet="human")
    firm = CUSTOMER.__class__(system="Bakery", entity="Customer", facet="organisation")
    facets = (flow(NAME, source=human), flow(NICK, source=firm))

    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada", nick="a")
        await stage.rest()
        account = await stage.only(ACCOUNT)
        return account["title"], account["alias"]

    assert play(story, *facets) == ("Ada", "a")
