"""What a new record needs beyond its rows: demanded fields, parents of parents, items of lists, and refusals."""

from typing import Any

import httpx
import pytest

from talkqa.model.flow import EntityRef, Side
from talkqa.model.schema import FieldType, SystemSchema
from tests.fakes.flows import make_flow, make_row
from tests.unit.sandbox.kit import (
    ACCOUNT,
    CUSTOMER,
    NAME,
    NICK,
    SCHEMAS,
    Stage,
    entity,
    flow,
    play,
    text,
    typed,
)

DEPOT = SystemSchema(
    name="Depot",
    entities=(
        entity(
            "Parcel",
            text("label", required=True, max_length=8),
            text("serial", required=True, unique=True),
            typed("mail", FieldType.EMAIL, required=True),
            typed("phone", FieldType.PHONE, required=True),
            typed("link", FieldType.URL, required=True),
            typed("weight", FieldType.DECIMAL, required=True),
            typed("count", FieldType.INTEGER, required=True),
            typed("fragile", FieldType.BOOLEAN, required=True),
            typed("day", FieldType.DATE, required=True),
            typed("due", FieldType.DATETIME, required=True),
            typed("shelfId", FieldType.REFERENCE, references=("Ghost", "Shelf"), required=True),
            text("items.text", list_at="items"),
            typed("items.shelf.id", FieldType.REFERENCE, references=("Shelf",), list_at="items", required=True),
            text("late", createable=False),
        ),
        entity(
            "Shelf",
            text("name", required=True),
            typed("hallId", FieldType.REFERENCE, references=("Hall",), required=True),
        ),
        entity("Hall", text("name"), typed("ownerId", FieldType.REFERENCE, references=("Hall",)), createable=False),
        entity(
            "Box",
            text("name", required=True, max_length=5),
            typed("boxId", FieldType.REFERENCE, references=("Box",), required=True),
        ),
        entity(
            "Crate",
            text("name"),
            typed("hallId", FieldType.REFERENCE, references=("Hall",), required=True),
            text("code", required=True, max_length=3),
        ),
    ),
)
WITH_DEPOT = {**SCHEMAS, "Depot": DEPOT}
PARCEL = EntityRef(system="Depot", entity="Parcel")
SHELF = EntityRef(system="Depot", entity="Shelf")
BOX = EntityRef(system="Depot", entity="Box")
CRATE = EntityRef(system="Depot", entity="Crate")


def to(target: EntityRef, *rows: Any) -> Any:
    return make_flow(source=CUSTOMER, target=target, rows=rows)


def test_every_kind_of_demanded_field_gets_a_stated_default() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest()
        return await stage.only(PARCEL), await stage.all(SHELF)

    halls = DEPOT.entities[2].__class__(name="Hall", fields=DEPOT.entities[2].fields)
    entities = tuple(halls if e.name == "Hall" else e for e in DEPOT.entities)
    depot = SystemSchema(name="Depot", entities=entities)
    rows = (make_row("name", "items.text"), make_row("nick", "late"))
    parcel, shelves = play(story, to(PARCEL, *rows), schemas={**SCHEMAS, "Depot": depot})
    (shelf,) = shelves
    assert parcel["label"] == "Talk def", "as much as fits"
    assert len(parcel["serial"]) == 10
    assert (parcel["weight"], parcel["count"], parcel["fragile"]) == (0, 0, False)
    assert (parcel["day"], parcel["due"][:10]) == ("2030-01-01", "2030-01-01")
    assert parcel["shelfId"] == shelf["id"]
    assert parcel["items"] == [{"text": "Ada", "shelf": {"id": shelf["id"]}}]
    assert shelf["name"] == "Talk default"


def test_what_can_be_set_only_later_is_set_right_after_the_creation() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada", nick="later")
        await stage.rest()
        return [parcel["late"] for parcel in await stage.all(PARCEL)]

    plain = tuple(
        e.__class__(
            name=e.name,
            fields=tuple(f for f in e.fields if f.type is not FieldType.REFERENCE),
            modified_field="changed",
        )
        for e in DEPOT.entities
    )
    schemas = {**SCHEMAS, "Depot": SystemSchema(name="Depot", entities=plain)}
    assert play(story, to(PARCEL, make_row("name", "label"), make_row("nick", "late")), schemas=schemas) == ["later"]


def test_a_parent_that_cannot_be_made_leads_to_one_refusal_and_no_more() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest(300)
        return [(e["url"].rpartition("/")[2], e["status"]) for e in stage.engine_writes()], await stage.all(CRATE)

    writes, crates = play(
        story,
        to(CRATE, NAME.__class__(source="name", target="name", data_type="", location=NAME.location)),
        schemas=WITH_DEPOT,
    )
    assert writes == [("Crate", 422)]
    assert crates == []


def test_an_entity_that_demands_a_record_of_its_own_kind_does_not_lead_to_an_endless_row() -> None:
    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest(100)
        return len(stage.engine_writes())

    assert play(story, to(BOX, make_row("name", "name")), schemas=WITH_DEPOT) <= 2


def test_a_demanded_text_that_is_refused_is_replaced_by_the_default() -> None:
    schema = SystemSchema(
        name="Depot", entities=(entity("Box", text("name", required=True, max_length=5), text("note")),)
    )

    async def story(stage: Stage) -> Any:
        source = await stage.create(CUSTOMER, name="Adelheid", nick="n")
        await stage.rest()
        box = await stage.only(BOX)
        await stage.edit(CUSTOMER, source, name="Ada")
        await stage.rest()
        return box["name"], box["note"], (await stage.only(BOX))["name"], (await stage.get(CUSTOMER, source))["name"]

    rows = (make_row("name", "name"), make_row("nick", "note"))
    found = play(story, to(BOX, *rows), schemas={**SCHEMAS, "Depot": schema})
    assert found == ("Talk ", "n", "Ada", "Ada")


def test_records_that_come_from_the_other_side_of_a_reverse_flow_are_filled_through_the_rows_backwards() -> None:
    back = make_flow(
        source=ACCOUNT, target=CUSTOMER, rows=[make_row("title", "name"), make_row("parent.id", "patronId")]
    )
    there = flow(NICK, make_row("id", "grade"))

    async def story(stage: Stage) -> Any:
        patron = await stage.create(ACCOUNT, title="Patron", alias="p")
        await stage.rest()
        await stage.create(ACCOUNT, title="Ada", alias="a", parent={"id": patron})
        await stage.rest()
        customers = {c["name"]: c for c in await stage.all(CUSTOMER)}
        ada, boss = customers["Ada"], customers["Patron"]
        grades = {a["title"]: a["grade"] for a in await stage.all(ACCOUNT)}
        return ada["nick"], boss["nick"], ada["patronId"] == boss["id"], grades["Ada"] == ada["id"]

    assert play(story, there, back) == ("a", "p", True, True)


def test_an_edit_made_while_the_engine_writes_is_not_lost() -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada", nick="a")

        async def interfere() -> None:
            await stage.edit(ACCOUNT, target, title="theirs", alias="theirs")

        inner = stage.transports["Web Shop"].inner
        waiting = {"left": 1}

        class Meddling(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if (
                    request.method == "PATCH"
                    and request.headers["authorization"].endswith("engine")
                    and waiting["left"]
                ):
                    waiting["left"] = 0
                    await interfere()
                return await inner.handle_async_request(request)

        stage.transports["Web Shop"].inner = Meddling()
        await stage.edit(CUSTOMER, source, name="mine")
        await stage.rest()
        customer, account = await stage.get(CUSTOMER, source), await stage.get(ACCOUNT, target)
        return customer["name"], customer["nick"], account["title"], account["alias"], waiting["left"]

    assert play(story, flow(NAME, NICK)) == ("theirs", "theirs", "theirs", "theirs", 0)


@pytest.mark.parametrize("method", ["PATCH", "GET"])
def test_a_record_deleted_while_the_engine_works_on_it_ends_the_link_quietly(method: str) -> None:
    async def story(stage: Stage) -> Any:
        source, target = await stage.pair(name="Ada")
        if method == "GET":
            await stage.edit(ACCOUNT, target, score=1)
            await stage.rest()
        inner = stage.transports["Web Shop"].inner
        waiting = {"left": 1}

        class Deleting(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                engine = request.headers["authorization"].endswith("engine")
                if engine and request.method == method and str(request.url).endswith(target) and waiting["left"]:
                    waiting["left"] = 0
                    await stage.delete(ACCOUNT, target)
                return await inner.handle_async_request(request)

        stage.transports["Web Shop"].inner = Deleting()
        await stage.edit(CUSTOMER, source, name="Ida")
        await stage.rest()
        await stage.edit(CUSTOMER, source, name="Eva")
        await stage.rest()
        return len(await stage.all(ACCOUNT)), waiting["left"]

    assert play(story, flow(NAME)) == (0, 0)


def test_a_system_that_fails_to_list_is_polled_again() -> None:
    async def story(stage: Stage) -> Any:
        failing = {"left": 2}

        def fail(request: httpx.Request) -> httpx.Response | None:
            if request.headers["authorization"].endswith("engine") and failing["left"]:
                failing["left"] -= 1
                return httpx.Response(429, json={"errors": [{"code": "rate_limited", "message": "later"}]})
            return None

        stage.transports["Bakery"].broken = fail
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest()
        return len(await stage.all(ACCOUNT))

    assert play(story, flow(NAME)) == 1


def test_a_search_that_is_refused_leaves_the_record_until_it_changes() -> None:
    from talkqa.model.flow import RuleKind
    from tests.fakes.flows import make_merge

    async def story(stage: Stage) -> Any:
        def refuse(request: httpx.Request) -> httpx.Response | None:
            return httpx.Response(400) if b"where" in request.url.query else None

        stage.transports["Web Shop"].broken = refuse
        source = await stage.create(CUSTOMER, name="Ada")
        await stage.rest()
        before = len(await stage.all(ACCOUNT))
        stage.transports["Web Shop"].broken = lambda _: None
        await stage.rest()
        still = len(await stage.all(ACCOUNT))
        await stage.edit(CUSTOMER, source, nick="x")
        await stage.rest()
        return before, still, len(await stage.all(ACCOUNT))

    merging = flow(NAME, kinds=(RuleKind.EVERY, RuleKind.MERGE_ON), merge=[make_merge("name", "title")])
    assert play(story, merging) == (0, 0, 1)


def test_a_shared_system_on_both_sides_of_a_qualified_row_keeps_to_its_side() -> None:
    row = make_row("name", "title", '"string"', (Side.TARGET, "Gold", "grade"))

    async def story(stage: Stage) -> Any:
        _, target = await stage.pair(name="Ada", status="Gold")
        return (await stage.get(ACCOUNT, target))["title"]

    assert play(story, flow(row, make_row("status", "grade"))) == "Ada", "another row has just made it gold"
