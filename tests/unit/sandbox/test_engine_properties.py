"""The reference engine carries properties: both ways, three-way, transformed, qualified, and quietly."""

from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.model.flow import Side
from tests.fakes.flows import make_flow, make_merge, make_row
from tests.unit.sandbox.kit import (
    ACCOUNT,
    CUSTOMER,
    NAME,
    NICK,
    ORDER,
    SALE,
    Stage,
    V,
    call,
    flow,
    orders,
    play,
    transformed,
)

STREET = make_row("address.street", "street")


def test_an_edit_of_either_side_reaches_the_other_and_nothing_else_changes() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", nick="a", address={"street": "Elm 1", "city": "Oslo"})
        await stage.edit(CUSTOMER, source, address={"street": "Elm 2"})
        await stage.rest()
        await stage.edit(ACCOUNT, target, title="Ida")
        await stage.rest()
        customer, account = await stage.get(CUSTOMER, source), await stage.get(ACCOUNT, target)
        return (
            [customer["name"], customer["nick"], customer["address"]],
            [account["title"], account["alias"], account["street"], account["town"]],
        )

    customer, account = play(story, flow(NAME, NICK, STREET))
    assert customer == ["Ida", "a", {"street": "Elm 2", "city": "Oslo"}]
    assert account == ["Ida", "a", "Elm 2", None]


def test_a_pair_at_rest_is_never_written_again() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", limit=1.005)
        await stage.edit(CUSTOMER, source, name="Ida")
        await stage.edit(ACCOUNT, target, score=7)
        await stage.rest()
        before = len(stage.engine_writes())
        await stage.rest(600)
        return before, len(stage.engine_writes()) - before

    rows = (NAME, make_row("limit", "credit", '"decimal"'), make_row("rating", "score", '"integer"'))
    assert play(story, flow(*rows)) == (3, 0), "one create, one edit each way"


def test_an_idle_cycle_asks_once_for_each_entity_that_a_flow_needs() -> None:
    async def story(stage: Stage) -> Any:
        await stage.pair(name="Ada")
        stage.log.clear()
        await stage.rest(50)
        return sorted({(e["system"], e["url"].partition("?")[0]) for e in stage.log}), len(stage.log)

    entities, requests = play(story, flow(NAME))
    assert entities == [("Bakery", "http://bakery.sandbox/Customer"), ("Web Shop", "http://web-shop.sandbox/Account")]
    assert requests == 20, "ten cycles of five seconds, two entities"


def test_different_properties_edited_on_both_sides_at_once_both_arrive() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", nick="a")
        await stage.edit(CUSTOMER, source, name="Ida")
        await stage.edit(ACCOUNT, target, alias="i")
        await stage.rest()
        customer, account = await stage.get(CUSTOMER, source), await stage.get(ACCOUNT, target)
        return customer["name"], customer["nick"], account["title"], account["alias"]

    assert play(story, flow(NAME, NICK)) == ("Ida", "i", "Ida", "i")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("target_last", [False, True])
def test_of_two_edits_of_one_property_the_later_one_stands(seed: int, target_last: bool) -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada")
        await stage.rest(seed * 0.7)
        edits = [(CUSTOMER, source, {"name": "source"}), (ACCOUNT, target, {"title": "target"})]
        for ref, record, values in edits if target_last else reversed(edits):
            await stage.edit(ref, record, **values)
            await stage.rest(2.2)
        await stage.rest()
        return (await stage.get(CUSTOMER, source))["name"], (await stage.get(ACCOUNT, target))["title"]

    last = "target" if target_last else "source"
    assert play(story, flow(NAME), seed=seed) == (last, last)


def test_an_emptied_value_does_not_overwrite_a_filled_one_and_a_refilled_one_travels() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", nick="a")
        await stage.edit(CUSTOMER, source, name=None)
        await stage.edit(ACCOUNT, target, alias=None)
        await stage.rest()
        kept = (await stage.get(ACCOUNT, target))["title"], (await stage.get(CUSTOMER, source))["nick"]
        await stage.edit(CUSTOMER, source, name="Ida")
        await stage.rest()
        return kept, (await stage.get(ACCOUNT, target))["title"]

    assert play(story, flow(NAME, NICK)) == (("Ada", "a"), "Ida")


def test_of_several_sources_the_first_filled_one_leads_and_takes_the_edits_of_the_target() -> None:
    rows = (make_row("address.city", "title"), make_row("name", "title"), make_row("nick", "title"))

    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", nick="a")
        seen = [(await stage.get(ACCOUNT, target))["title"]]
        for values in ({"nick": "b"}, {"name": "Ida"}, {"address": {"city": "Oslo"}}, {"address": {"city": None}}):
            await stage.edit(CUSTOMER, source, **values)
            await stage.rest()
            seen.append((await stage.get(ACCOUNT, target))["title"])
        await stage.edit(ACCOUNT, target, title="Eva")
        await stage.rest()
        customer = await stage.get(CUSTOMER, source)
        return seen, customer["name"], customer["nick"], customer["address"]["city"]

    seen, *customer = play(story, flow(*rows))
    assert seen == ["Ada", "Ada", "Ida", "Oslo", "Ida"]
    assert customer == ["Eva", "b", None]


def test_one_source_feeds_all_its_targets_also_when_one_of_them_was_edited() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada")
        await stage.edit(ACCOUNT, target, alias="Ida")
        await stage.rest()
        account = await stage.get(ACCOUNT, target)
        return (await stage.get(CUSTOMER, source))["name"], account["title"], account["alias"], account["grade"]

    rows = (NAME, make_row("name", "alias"), make_row("name", "grade"))
    assert play(story, flow(*rows)) == ("Ida", "Ida", "Ida", "Ida")


def test_a_row_applies_only_where_its_qualifier_holds_on_either_side() -> None:
    rows = (
        NAME,
        make_row("address.street", "street", '"string"', (Side.SOURCE, "NO", "status")),
        make_row("address.city", "town", '"string"', (Side.TARGET, "Gold", "grade")),
        make_row("nick", "alias", '"string"', (Side.SOURCE, "wd:Q1", "status")),
        make_row("short", "code", '"string"', (Side.TARGET, "x", " ")),
    )

    async def story(stage: Stage) -> Any:
        filled = {"nick": "a", "short": "s", "address": {"street": "Elm 1", "city": "Oslo"}}
        source, target = await stage.pair(name="Ada", status="SE", **filled)
        seen = []
        for ref, record, values in (
            (CUSTOMER, source, {"status": "NO"}),
            (ACCOUNT, target, {"grade": "Gold"}),
            (CUSTOMER, source, {"status": "SE", "address": {"street": "Elm 9"}}),
        ):
            account = await stage.get(ACCOUNT, target)
            seen.append([account["street"], account["town"]])
            await stage.edit(ref, record, **values)
            await stage.rest()
        account = await stage.get(ACCOUNT, target)
        return [*seen, [account["street"], account["town"]]], account["alias"], account["code"]

    seen, *never = play(story, flow(*rows))
    assert seen == [[None, None], ["Elm 1", None], ["Elm 1", "Oslo"], ["Elm 1", "Oslo"]]
    assert never == [None, None]


def test_a_transform_decides_what_the_target_holds_and_is_undone_where_that_is_sure() -> None:
    rows = (
        NAME,
        transformed("born", "birthday", call("datetime-format", "%Y-%m-%d", V)),
        transformed("seen", "visit", call("datetime-format", "%d.%m.%Y", V)),
        transformed("nick", "alias", call("replace", " ", "", V)),
        transformed("address.city", "town", call("first", call("split", ",", V))),
    )

    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(
            name="Ada", born="2001-02-03", seen="2024-05-06T07:08:09Z", nick="a b c", address={"city": "Oslo,NO"}
        )
        account = await stage.get(ACCOUNT, target)
        there = [account[path] for path in ("birthday", "visit", "alias", "town")]
        edits = {"birthday": "2002-03-04", "visit": "07.06.2025", "alias": "x y", "town": "Bergen,NO"}
        await stage.edit(ACCOUNT, target, **edits)
        await stage.rest()
        customer, account = await stage.get(CUSTOMER, source), await stage.get(ACCOUNT, target)
        back = [customer["born"], customer["seen"], customer["nick"], customer["address"]["city"]]
        return there, back, [account[path] for path in ("birthday", "visit", "alias", "town")]

    there, back, kept = play(story, flow(*rows))
    assert there == ["2001-02-03", "06.05.2024", "abc", "Oslo"]
    assert back == ["2002-03-04", "2025-06-07T00:00:00Z", "a b c", "Oslo,NO"]
    assert kept == ["2002-03-04", "07.06.2025", "x y", "Bergen,NO"], "what cannot be undone stays where it was edited"


def test_values_are_converted_between_the_types_of_the_two_fields() -> None:
    rows = (
        NAME,
        make_row("rating", "grade"),
        make_row("status", "score", '"integer"'),
        make_row("vip", "visit"),
        make_row("seen", "birthday"),
        make_row("tags.label", "town", '"first"'),
        make_row("nick", "labels.text", '"list"'),
    )

    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(
            name="Ada",
            rating=4,
            status="12",
            vip=False,
            seen="2024-05-06T07:08:09Z",
            tags=[{"label": "one"}, {"label": "two"}],
            nick="a",
        )
        account = await stage.get(ACCOUNT, target)
        await stage.edit(ACCOUNT, target, grade="5", visit="true", town="three", labels=[{"text": "b"}, {"text": "c"}])
        await stage.rest()
        customer = await stage.get(CUSTOMER, source)
        there = [account[p] for p in ("grade", "score", "visit", "birthday", "town", "labels")]
        return there, [customer[p] for p in ("rating", "vip", "tags", "nick")]

    there, back = play(story, flow(*rows))
    assert there == ["4", 12, "false", "2024-05-06", "one", [{"text": "a"}]]
    assert back == [5, True, [{"label": "three"}, {"label": "two"}], "b"]


def test_zero_and_false_are_values_like_any_other() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", rating=0, limit=0, vip=False)
        first = await stage.get(ACCOUNT, target)
        await stage.edit(CUSTOMER, source, rating=1, limit=1, vip=True)
        await stage.rest()
        await stage.edit(ACCOUNT, target, score=0, credit=0, gold=False)
        await stage.rest()
        customer = await stage.get(CUSTOMER, source)
        return [first[p] for p in ("score", "credit", "gold")], [customer[p] for p in ("rating", "limit", "vip")]

    rows = (NAME, make_row("rating", "score"), make_row("limit", "credit"), make_row("vip", "gold"))
    assert play(story, flow(*rows)) == ([0, 0, False], [0, 0, False])


def test_what_the_target_refuses_is_left_out_once_and_the_rest_arrives() -> None:
    rows = (NAME, make_row("nick", "code"), make_row("address.city", "email"))

    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", nick="far too long", address={"city": "no address"})
        first = await stage.get(ACCOUNT, target)
        await stage.edit(CUSTOMER, source, name="Ida", nick="also too long")
        await stage.rest(600)
        second = await stage.get(ACCOUNT, target)
        await stage.edit(CUSTOMER, source, nick="short")
        await stage.rest()
        third = await stage.get(ACCOUNT, target)
        refused = [e["status"] for e in stage.engine_writes() if e["status"] >= 400]
        return [[one["title"], one["code"], one["email"]] for one in (first, second, third)], refused

    seen, refused = play(story, flow(*rows))
    assert seen == [["Ada", None, None], ["Ida", None, None], ["Ida", "short", None]]
    assert refused == [422, 422], "one refusal for the creation, one for the edit"


def test_what_the_target_demands_and_no_row_fills_is_made_up_once() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(ORDER, number="1")
        await stage.create(ORDER, number="2")
        await stage.rest()
        sales, account = await stage.all(SALE), await stage.only(ACCOUNT)
        same = {sale["accountId"] for sale in sales} == {account["id"]}
        return sorted(s["subject"] for s in sales), same, [(s["kind"], s["day"]) for s in sales], account["title"]

    subjects, same, made_up, name = play(story, orders(make_row("number", "subject")))
    assert (subjects, same, name) == (["1", "2"], True, "Talk default")
    assert made_up == [("Till", "2030-01-01")] * 2


def test_a_demanded_reference_prefers_the_counterpart_of_what_the_source_points_at() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada")
        await stage.create(ORDER, number="1", customerId=source)
        await stage.rest()
        return target, (await stage.only(SALE))["accountId"], len(await stage.all(ACCOUNT))

    target, named, accounts = play(story, flow(NAME), orders(make_row("number", "subject")))
    assert (named, accounts) == (target, 1)


def test_references_are_translated_through_links_also_when_the_link_comes_later() -> None:
    reference = make_row("patronId", "parent.id")

    async def story(stage: Stage) -> Any:
        patron, patron_target = await stage.pair(name="Patron")
        client, client_target = await stage.pair(name="Client", patronId=patron)
        first = (await stage.get(ACCOUNT, client_target))["parent"]["id"] == patron_target
        late = await stage.create(CUSTOMER, name="Late")
        await stage.edit(CUSTOMER, client, patronId=late)
        await stage.rest()
        accounts = {a["title"]: a for a in await stage.all(ACCOUNT)}
        second = accounts["Client"]["parent"]["id"] == accounts["Late"]["id"]
        await stage.edit(ACCOUNT, client_target, parent={"id": patron_target})
        await stage.rest()
        return first, second, (await stage.get(CUSTOMER, client))["patronId"] == patron

    assert play(story, flow(NAME, reference)) == (True, True, True)


def test_a_reference_that_waits_for_its_link_does_not_overwrite_what_is_written_meanwhile() -> None:
    async def story(stage: Stage) -> Any:
        patron, patron_target = await stage.pair(name="Patron")
        shut = [True]

        def refuse(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(503) if shut[0] and b"Late" in request.content else None

        stage.transports["Web Shop"].broken = refuse
        late = await stage.create(CUSTOMER, name="Late")
        client = await stage.create(CUSTOMER, name="Client", patronId=late)
        await stage.rest()
        ours = next(a for a in await stage.all(ACCOUNT) if a["title"] == "Client")
        assert ours["parent"]["id"] is None
        await stage.edit(ACCOUNT, ours["id"], parent={"id": patron_target})
        await stage.rest()
        shut[0] = False
        await stage.rest(600)
        assert len(await stage.all(ACCOUNT)) == 3
        held = (await stage.get(ACCOUNT, ours["id"]))["parent"]["id"]
        return (await stage.get(CUSTOMER, client))["patronId"] == patron, held == patron_target

    assert play(story, flow(NAME, make_row("patronId", "parent.id"))) == (True, True)


def test_rows_that_join_ids_are_never_written_and_an_id_can_fill_a_text() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada")
        await stage.edit(ACCOUNT, target, alias="mine")
        await stage.rest()
        account = await stage.get(ACCOUNT, target)
        return account["id"] == target != source, account["grade"] == source, account["alias"]

    rows = (NAME, make_row("id", "id"), make_row("id", "grade"), make_row("ghost", "alias"))
    assert play(story, flow(*rows)) == (True, True, "mine")


def test_an_undocumented_flow_carries_the_same_properties_for_every_seed() -> None:
    filled = {path: f"{path} of Ada" for path in ("name", "nick", "status")}
    filled["address"] = {"street": "street of Ada", "city": "city of Ada"}

    async def story(stage: Stage) -> Any:
        _, target = await stage.pair(**filled, rating=3, limit=2.5, born="2001-02-03", mail="a@example.com", vip=True)
        account = await stage.get(ACCOUNT, target)
        return {path: value for path, value in account.items() if path not in ("id", "changed", "by")}

    first, second = (play(story, flow(), seed=seed) for seed in (1, 2))
    assert first == second
    texts = [value for value in first.values() if isinstance(value, str)]
    assert len([value for value in texts if value.endswith("of Ada")]) >= 2


def test_documents_that_map_one_pair_in_both_directions_do_not_fight() -> None:
    there = flow(transformed("rating", "grade", call("string", V)))
    back = make_flow(
        source=ACCOUNT,
        target=CUSTOMER,
        rows=[
            transformed("grade", "rating", call("integer", V)),
            NAME.__class__(source="title", target="name", data_type='"string"', location=NAME.location),
        ],
    )

    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(rating=3, name="Ada")
        await stage.edit(ACCOUNT, target, grade="44", title="Ida")
        await stage.rest()
        writes = len(stage.engine_writes())
        await stage.rest(200)
        customer = await stage.get(CUSTOMER, source)
        return customer["rating"], customer["name"], len(stage.engine_writes()) - writes

    assert play(story, there, back) == (44, "Ida", 0)


def test_a_system_that_does_not_answer_is_asked_again() -> None:
    async def story(stage: Stage) -> Any:
        import httpx

        failing = {"left": 6}

        def fail(request: httpx.Request) -> httpx.Response | None:
            engine = request.headers["authorization"].endswith("engine")
            if engine and request.method == "POST" and failing["left"]:
                failing["left"] -= 1
                if failing["left"] % 2:
                    raise httpx.ReadTimeout("no answer", request=request)
                return httpx.Response(503, json={"errors": [{"code": "unavailable", "message": "later"}]})
            return None

        stage.transports["Web Shop"].broken = fail
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest(100)
        return [account["title"] for account in await stage.all(ACCOUNT)]

    assert play(story, flow(NAME)) == ["Ada"]


EDIT = st.tuples(
    st.sampled_from(["name", "nick", "title", "alias"]),
    st.one_of(st.none(), st.sampled_from(["x", "y", "z"])),
    st.sampled_from([0.0, 1.0, 3.0, 8.0]),
)


@settings(max_examples=30, deadline=None)
@given(edits=st.lists(EDIT, max_size=8), seed=st.integers(0, 50))
def test_whatever_is_edited_the_pair_comes_to_rest_with_equal_filled_values(
    edits: list[tuple[str, str | None, float]], seed: int
) -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", nick="a")
        for path, value, wait_s in edits:
            ref, record = (CUSTOMER, source) if path in ("name", "nick") else (ACCOUNT, target)
            await stage.edit(ref, record, **{path: value})
            await stage.rest(wait_s)
        await stage.rest()
        writes = len(stage.engine_writes())
        await stage.rest()
        assert len(stage.engine_writes()) == writes
        customer, account = await stage.get(CUSTOMER, source), await stage.get(ACCOUNT, target)
        return [(customer["name"], account["title"]), (customer["nick"], account["alias"])]

    for left, right in play(story, flow(NAME, NICK), seed=seed):
        assert left == right or None in (left, right)


def test_merging_pairs_also_go_by_text_between_a_number_and_a_text() -> None:
    from talkqa.model.flow import RuleKind

    async def story(stage: Stage) -> Any:
        target = await stage.create(ACCOUNT, grade="7")
        await stage.create(CUSTOMER, name="Ada", rating=7)
        await stage.rest()
        account = await stage.only(ACCOUNT)
        return account["id"] == target, account["title"]

    kinds = (RuleKind.EVERY, RuleKind.MERGE_ON)
    assert play(story, flow(NAME, kinds=kinds, merge=[make_merge("rating", "grade")])) == (True, "Ada")
