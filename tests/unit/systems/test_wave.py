"""The client of Wave, against the emulated system in all its variants and against answers made up here."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.account import Account, Auth
from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.record import Record
from talkqa.model.schema import EntitySchema
from talkqa.systems.connect import known_budget, make_client
from talkqa.systems.factory import RecordFactory
from talkqa.systems.sentinels import Sentinels
from talkqa.systems.wave import WaveClient
from tests.unit.sandbox.wave_kit import DAY_S, URL, WaveStage, wave_schema

ALL = {
    "errors_with_4xx": True,
    "no_errors_as_list": True,
    "empty_text": True,
    "trimmed_decimals": True,
    "grouped_money": True,
    "bound_included": True,
    "page_after_last_fails": True,
    "gone_is_null": True,
    "gone_as_input_error": True,
    "archived_hidden": False,
    "no_introspection": True,
    "strict_cost": True,
    "address_replaced": False,
    "shuffled_items": False,
    "province_must_match": True,
    "rotating_refresh_tokens": True,
    "full_access_tokens": False,
}
"""Every behaviour other than by default, as far as a record can be followed through it."""
BOTH = pytest.mark.parametrize("quirks", [{}, ALL], ids=["as by default", "otherwise"])


# records


@BOTH
def test_a_customer_lives_from_create_to_delete(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)

    async def story(client: WaveClient) -> tuple[Record, Record | None, Record, Record, Record | None]:
        made = await client.create("customer", {"NAME": "Bolts", "address.countryCode": "NL", "address.city": "Delft"})
        read = await client.get("Customer", made.id)
        moved = await client.update("Customer", made.id, {"address.city": "Leiden", "email": "a@x.example"})
        cleared = await client.update("Customer", made.id, {"email": None})
        await client.delete("Customer", made.id)
        await client.delete("Customer", made.id)
        return made, read, moved, cleared, await client.get("Customer", made.id)

    made, read, moved, cleared, gone = stage.play(story)
    assert read == made
    assert (made.system, made.entity, made.deleted) == ("Wave", "Customer", False)
    assert (made.values["address.country.code"], made.values["phone"]) == ("NL", None)
    assert made.modified is not None
    assert (moved.values["address.city"], moved.values["address.country.code"]) == ("Leiden", "NL")
    assert (moved.values["email"], cleared.values["email"]) == ("a@x.example", None)
    assert gone is None


@BOTH
def test_an_item_is_changed_and_the_others_stay(quirks: dict[str, bool]) -> None:
    """A list is replaced as a whole, so that all items are sent, with their taxes."""
    stage = WaveStage(**quirks)
    tax = stage_tax(stage)

    async def story(client: WaveClient) -> tuple[Record, Record]:
        products = [await client.create("Product", {"name": name, "unitPrice": 2.5}) for name in ("a", "b")]
        customer = await client.create("Customer", {"name": "c"})
        items = {"items.product.id": products[0].id, "items.quantity": 3, "items.unitPrice": 1.125}
        made = await client.create("Invoice", {"customer.id": customer.id, **items})
        add_item(stage, made.id, products, tax)
        return products[0], await client.update("Invoice", made.id, {"items.description": "new", "memo": "m"})

    product, changed = stage.play(story)
    assert product.values["incomeAccount.id"] is not None
    assert product.values["unitPrice"] == 2.5
    assert sorted(zip(changed.values["items.quantity"], changed.values["items.unitPrice"], strict=True)) == [
        (1, 2.5),
        (3, 1.125),
    ]  # type: ignore[arg-type, type-var]
    assert "new" in changed.values["items.description"]  # type: ignore[operator]
    assert changed.values["total.value"] == 6.38
    assert changed.values["memo"] == "m"
    held = stage.store.entities["invoice"].get(changed.id)
    assert held is not None
    assert [ids for ids in stage.emulator._book.beside(changed.id).taxes if ids] == [(tax,)]


def stage_tax(stage: WaveStage) -> str:
    store = stage.store.entities["salestax"]
    return store.create({"name": "VAT", "abbreviation": "V", "rate": 0.2}, "system").id


def add_item(stage: WaveStage, invoice_id: str, products: list[Record], tax: str) -> None:
    """Give the invoice a second item with a tax, by hand."""
    mutations, store = stage.emulator._mutations, stage.store.entities["invoice"]
    items = [
        {"productId": products[0].id, "quantity": 3, "unitPrice": 1.125, "taxes": []},
        {"productId": products[1].id, "quantity": 1, "unitPrice": 2.5, "taxes": [{"salesTaxId": tax}]},
    ]
    mutations._patch(store, {"id": invoice_id, "items": items}, "system")


def test_items_come_in_an_order_of_their_own() -> None:
    """Wave shuffles them; what did not change must not look changed."""
    stage = WaveStage()
    product = stage.product()
    items = [{"productId": product, "quantity": str(n), "description": f"d{n}"} for n in range(1, 6)]
    made = stage.invoice(items=items)["node"]["id"]
    seen = set()
    for _ in range(4):
        stage.mutate("invoicePatch", id=made, items=items)

        async def story(client: WaveClient) -> Record | None:
            return await client.get("Invoice", made)

        record = stage.play(story)
        assert record is not None
        seen.add(record.values["items.quantity"])
    assert seen == {(1, 2, 3, 4, 5)}


def test_flat_lists_of_ids_are_written_flat() -> None:
    stage = WaveStage()
    taxes = [stage_tax(stage), stage_tax(stage)]
    product = stage.product(defaultSalesTaxIds=taxes[:1])

    async def story(client: WaveClient) -> tuple[Record, Record]:
        changed = await client.update("Product", product, {"defaultSalesTaxes.id": taxes[1]})
        return changed, await client.update("Product", product, {"defaultSalesTaxes.id": None})

    changed, cleared = stage.play(story)
    assert (changed.values["defaultSalesTaxes.id"], cleared.values["defaultSalesTaxes.id"]) == ((taxes[1],), ())


@BOTH
def test_products_are_archived_and_stay_readable(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)

    async def story(client: WaveClient) -> Record | None:
        made = await client.create("Product", {"name": "Nut", "unitPrice": 1})
        await client.delete("Product", made.id)
        await client.delete("Product", "gone")
        return await client.get("Product", made.id)

    record = stage.play(story)
    assert record is not None
    assert record.values["isArchived"] is True


def test_retiring_by_its_field_archives_and_nothing_brings_back() -> None:
    stage = WaveStage()
    product = stage.product()

    async def story(client: WaveClient) -> Record:
        record = await client.update("Product", product, {"isArchived": True, "name": "old"})
        with pytest.raises(ApiRefused) as raised:
            await client.update("Product", product, {"isArchived": False})
        assert raised.value.fields == ("isArchived",)
        return record

    record = stage.play(story)
    assert (record.values["isArchived"], record.values["name"]) == (True, "old")


@BOTH
def test_what_is_gone_cannot_be_changed(quirks: dict[str, bool]) -> None:
    async def story(client: WaveClient) -> list[str]:
        codes = []
        for values in ({"name": "x"}, {"address.city": "x"}):
            with pytest.raises(ApiRefused) as raised:
                await client.update("Customer", "gone", values)
            codes.append(raised.value.code)
        return codes

    assert WaveStage(**quirks).play(story) == ["NOT_FOUND", "NOT_FOUND"]


def test_every_field_that_is_refused_is_named_by_the_path_it_is_read_by() -> None:
    async def story(client: WaveClient) -> list[tuple[str, tuple[str, ...]]]:
        told = []
        for values in (
            {"name": "", "email": "x", "address.province.code": "CA-ON", "address.country.code": "NL"},
            {"name": "x", "address.country.code": "XX", "currency.code": "Y"},
            {"name": "x", "isBlue": True, "address.planet.code": "M"},
            {"name": "x", "modifiedAt": "2030-01-01T00:00:00Z"},
        ):
            with pytest.raises(ApiRefused) as raised:
                await client.create("Customer", values)
            told.append((raised.value.code, tuple(sorted(raised.value.fields))))
        return told

    told = WaveStage(province_must_match=True).play(story)
    assert told[0][1] == ("address.province.code", "email", "name")
    assert told[1] == ("VARIABLE_VALUE", ("address.country.code", "currency.code"))
    assert told[2] == ("VARIABLE_VALUE", ("address.planet", "isBlue"))
    assert told[3] == ("VARIABLE_VALUE", ("modifiedAt",))


def test_another_business_is_never_written_to() -> None:
    stage = WaveStage()

    async def story(client: WaveClient) -> None:
        assert (await client.create("Customer", {"name": "x", "business.id": stage.business})).id
        with pytest.raises(ApiRefused) as raised:
            await client.create("Customer", {"name": "x", "business.id": "other"})
        assert raised.value.code == "wrong-business"

    stage.play(story)


def test_records_made_by_the_factory_are_accepted() -> None:
    """Parents first; a province that does not fit is left out, and invoices stay drafts."""

    async def story(client: WaveClient) -> list[Record]:
        factory = RecordFactory(client, Sentinels(0, "w"))
        return [await factory.make(entity, "key") for entity in ("Customer", "Product", "Invoice")]

    customer, product, invoice = WaveStage(province_must_match=True).play(story)
    assert customer.values["address.country.code"]
    assert product.values["isSold"] is True
    assert invoice.values["status"] == "DRAFT"
    assert invoice.values["items.product.id"]


# changes


@BOTH
def test_changes_are_told_from_a_cursor_on_without_loss(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)

    async def story(client: WaveClient) -> tuple[list[set[str]], list[str]]:
        told, made = [], []
        for entity in ("Customer", "Product", "SalesTax", "Account", "Business"):
            values = {"name": "x"} | ({"unitPrice": 1} if entity == "Product" else {})
            first = await client.changes(entity, None)
            if client.schema.entity(entity).createable and entity in ("Customer", "Product"):  # type: ignore[union-attr]
                made.append((await client.create(entity, values)).id)
            second = await client.changes(entity, first.cursor)
            third = await client.changes(entity, second.cursor)
            told.append({record.id for record in second.records} & set(made))
            assert {record.id for record in second.records} & set(made) <= {record.id for record in third.records}
        return told, made

    told, made = stage.play(story)
    assert told == [{made[0]}, {made[1]}, set(), set(), set()]


@pytest.mark.parametrize("entity", ["Customer", "Product", "Account"])
def test_long_lists_are_read_to_the_end(entity: str) -> None:
    stage = WaveStage()
    store = stage.store.entities[entity.casefold()]
    for number in range(205):
        store.install({"name": f"n{number}", "subtype.value": "INCOME", "isArchived": False}, "system")
        stage.clock.advance(0.01)

    async def story(client: WaveClient) -> set[str]:
        changes = await client.changes(entity, None)
        assert len({record.id for record in changes.records}) == len(changes.records)
        return {str(record.values["name"]) for record in changes.records}

    assert {f"n{number}" for number in range(205)} <= stage.play(story)


def test_a_record_that_moves_while_the_list_is_read_pushes_none_out_of_sight() -> None:
    stage = WaveStage()
    store = stage.store.entities["customer"]
    ids = [store.install({"name": f"n{number}", "isArchived": False}, "system").id for number in range(150)]
    stage.clock.advance(5)
    ids += [store.install({"name": f"m{number}", "isArchived": False}, "system").id for number in range(60)]
    moved = iter([ids[0], ids[1]])
    answer = stage.emulator.answer

    def disturb(request: Any) -> Any:
        told = answer(request)
        if (record := next(moved, None)) is not None and (held := store.get(record)) is not None:
            stage.clock.advance(1)
            store.touch(held, "system")
        return told

    stage.emulator.answer = disturb  # type: ignore[method-assign]

    async def story(client: WaveClient) -> set[str]:
        return {record.id for record in (await client.changes("Customer", None)).records}

    assert [ids.index(one) for one in ids if one not in stage.play(story)] == []


def test_a_cursor_of_now_costs_one_call_and_loses_nothing() -> None:
    stage = WaveStage(lists_lag=True)

    async def story(client: WaveClient) -> tuple[int, list[str | None], bool]:
        before = len(stage.exchanges)
        cursors = [await client.cursor_now("Customer"), await client.cursor_now("Account")]
        calls = len(stage.exchanges) - before
        made = await client.create("Customer", {"name": "x"})
        stage.clock.advance(5)
        return calls, cursors, made.id in {r.id for r in (await client.changes("Customer", cursors[0])).records}

    calls, cursors, seen = stage.play(story)
    assert (calls, seen) == (1, True)
    assert cursors == ["2029-12-31T23:59:50.000Z", None]


def test_polls_say_where_their_records_are() -> None:
    stage = WaveStage()
    stage.customer()
    marks = []

    async def story(client: WaveClient) -> None:
        for entity in ("Customer", "Business", "Account"):
            shape = client._poll_shape(client._shape(entity))
            marks.append(shape)
            await client.changes(entity, None)

    stage.play(story)
    for shape, exchange in zip(marks, stage.exchanges, strict=True):
        held = json.loads(exchange.response_body)
        for key in shape.items:
            held = held[key]
        assert held[0][shape.id[0]][shape.id[1]]
        assert not shape.modified or held[0]["node"]["modifiedAt"]


def test_a_list_that_is_too_dear_is_read_in_smaller_pages_from_then_on() -> None:
    stage = WaveStage(strict_cost=True)
    store = stage.store.entities["invoice"]
    customer = stage.customer()
    for number in range(30):
        store.create(
            {
                "customer.id": customer,
                "invoiceNumber": f"{number}",
                "invoiceDate": "2030-01-01",
                "dueDate": "2030-02-01",
            },
            "system",
        )

    async def story(client: WaveClient) -> int:
        found = {record.id for record in (await client.changes("Invoice", None)).records}
        refused = sum("maximum cost" in exchange.response_body for exchange in stage.exchanges)
        await client.changes("Invoice", None)
        assert sum("maximum cost" in exchange.response_body for exchange in stage.exchanges) == refused > 0
        return len(found)

    assert stage.play(story) == 30


# finding


@BOTH
def test_records_are_found_with_and_without_a_filter_of_the_server(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)

    async def story(client: WaveClient) -> list[int]:
        made = await client.create("Customer", {"name": "x", "email": "a@x.example", "phone": "1"})
        await client.create("Customer", {"name": "x", "email": "A@x.example"})
        product = await client.create("Product", {"name": "p", "unitPrice": 2.5})
        invoice = await client.create("Invoice", {"customer.id": made.id, "invoiceNumber": "N1"})
        found = [
            await client.find("Customer", "email", "a@x.example"),
            await client.find("Customer", "name", "x"),
            await client.find("Customer", "id", made.id),
            await client.find("Customer", "id", "none"),
            await client.find("Product", "unitPrice", 2.5),
            await client.find("Product", "isSold", True),
            await client.find("Invoice", "invoiceNumber", "N1"),
            await client.find("Invoice", "customerId", made.id),
            await client.find("Customer", "unknown", "x"),
        ]
        assert found[0][0].id == made.id
        assert (found[4][0].id, found[6][0].id) == (product.id, invoice.id)
        return [len(one) for one in found]

    assert stage.play(story) == [1, 2, 1, 0, 1, 1, 1, 1, 0]


# the account


def test_the_only_business_is_found_and_several_are_not_guessed() -> None:
    stage = WaveStage()
    anonymous = replace(stage.account(), options={})

    async def create(client: WaveClient) -> Record:
        return await client.create("Customer", {"name": "x"})

    assert stage.play(create, account=anonymous).values["business.id"] == stage.business

    two = WaveStage(second_business=True)
    with pytest.raises(ApiRefused, match="set `business` of the account to one of: Sandbox business") as raised:
        two.play(create, account=replace(two.account(), options={}))
    assert raised.value.code == "wrong-business"


def test_the_account_says_who_it_is() -> None:
    identity = WaveStage().play(lambda client: client.identify())
    assert (identity.name, identity.organisation) == ("harness@wave.example", "Sandbox business")
    assert (identity.user, identity.production) == (None, None)
    assert identity.server_time is not None


def test_a_wrong_business_is_named_before_anything_is_written() -> None:
    stage = WaveStage()
    account = replace(stage.account(), options={"business": "other"})
    with pytest.raises(ApiRefused, match="could not be found"):
        stage.play(lambda client: client.identify(), account=account)
    findings = stage.play(lambda client: client.preflight(["Customer"]), account=account)
    assert [(f.code, "Sandbox business" in f.message) for f in findings] == [("wrong-organisation", True)]
    assert [f.code for f in WaveStage().play(lambda client: client.preflight(["Customer", "Product", "Other"]))] == []


def test_a_missing_income_account_is_found_before_anything_is_written() -> None:
    stage = WaveStage()
    stage.mutate("accountArchive", id=stage.income())
    findings = stage.play(lambda client: client.preflight(["Product"]))
    assert [(f.code, f.entity, f.field) for f in findings] == [("unfillable-field", "Product", "incomeAccount.id")]

    async def create(client: WaveClient) -> Record:
        return await client.create("Product", {"name": "x", "unitPrice": 1})

    assert stage.play(create).values["isSold"] is False


@pytest.mark.parametrize("with_200", [False, True])
def test_a_token_that_expires_is_renewed_in_the_middle(with_200: bool) -> None:
    stage = WaveStage(full_access_tokens=False, rotating_refresh_tokens=True, dead_token_with_200=with_200)

    async def story(client: WaveClient) -> bool:
        made = await client.create("Customer", {"name": "x"})
        for token in list(stage.emulator._doorkeeper._issued):
            stage.emulator.expire_token(token)
        return await client.get("Customer", made.id) is not None

    assert stage.play(story)


def test_a_token_that_is_not_accepted_is_refused() -> None:
    stage = WaveStage()
    account = replace(stage.account(), auth=Auth(kind="bearer", token="wrong"))  # noqa: S106
    with pytest.raises(ApiRefused) as raised:
        stage.play(lambda client: client.get("Customer", "x"), account=account)
    assert (raised.value.status, raised.value.code) == (401, "UNAUTHENTICATED")
    with pytest.raises(ApiRefused):
        stage.play(lambda client: client.describe("Customer"), account=account)


def test_the_budget_is_what_others_report() -> None:
    budget = known_budget(wave_schema())
    assert (budget.calls_per_minute, budget.calls_per_day, budget.concurrent) == (60, 5000, 1)


# describe


def test_the_servers_schema_is_laid_over_the_packaged_one() -> None:
    stage = WaveStage()
    described = {entity.name: stage.play(lambda c, e=entity.name: c.describe(e)) for entity in stage.schema.entities}  # type: ignore[misc]
    for entity in stage.schema.entities:
        expected = replace(entity, fields=described[entity.name].fields)
        assert described[entity.name] == expected
    invoice, customer = described["Invoice"], described["Customer"]
    assert [f.path for f in customer.fields] == [f.path for f in stage.schema.entity("Customer").fields]  # type: ignore[union-attr]
    assert {f.path for f in customer.fields if f.required} == {"name"}
    assert {f.path for f in invoice.fields if f.required} == {"customer.id", "items.product.id"}
    assert field(invoice, "status").picklist == ("DRAFT",)
    assert field(customer, "address.country.code").picklist[:2] == ("AD", "AE")


def field(entity: EntitySchema, path: str) -> Any:
    found = entity.field(path)
    assert found is not None
    return found


def test_what_the_server_lacks_or_demands_beyond_the_packaged_fields_is_told() -> None:
    schema = wave_schema()
    customer = schema.entity("Customer")
    assert customer is not None
    served = replace(
        customer,
        fields=(
            *(f for f in customer.fields if f.path not in ("fax", "shippingDetails.phone")),
            replace(field(customer, "fax"), path="vat.code", required=True),
            replace(field(customer, "fax"), path="vatNumber", required=True),
        ),
        updateable=False,
    )
    stage = WaveStage(schema=replace(schema, entities=(served, *schema.entities[1:])))
    stage.schema = schema
    described = stage.play(lambda client: client.describe("Customer"))
    assert described.field("fax") is None
    assert described.field("shippingDetails.phone") is None
    assert field(described, "vatNumber").required
    assert not described.updateable
    assert not field(described, "name").updateable


def test_a_server_without_introspection_leaves_the_packaged_schema() -> None:
    stage = WaveStage(no_introspection=True)
    described = stage.play(lambda client: client.describe("Customer"))
    assert described == stage.schema.entity("Customer")


# answers made up here


Handler = Callable[[dict[str, Any]], Any]


def play(handler: Handler, story: Callable[[WaveClient], Awaitable[Any]]) -> Any:
    """A story against a server that answers each operation as the handler says."""

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=handler(json.loads(request.content)))

    async def main() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            account = Account(system="Wave", url=f"{URL}/graphql/public", options={"business": "B"})
            client = make_client(wave_schema(), account, http, clock_now=lambda: 0.0)
            return await story(client)  # type: ignore[arg-type]

    return trio.run(main)


def test_a_schema_that_is_too_dear_is_asked_for_type_by_type() -> None:
    stage = WaveStage()
    asked: list[str] = []

    def handler(sent: dict[str, Any]) -> Any:
        if "__schema" in sent["query"]:
            return {"errors": [{"message": "The query exceeds the maximum cost of 5100"}], "data": None}
        asked.append(sent["variables"]["n"])
        return stage.ask(sent["query"], **sent["variables"])

    described = play(handler, lambda client: client.describe("Customer"))
    assert described == stage.schema.entity("Customer")
    assert len(asked) == len(set(asked)) > 5


def test_a_mutation_that_did_not_succeed_without_a_reason_is_a_refusal() -> None:
    def handler(sent: dict[str, Any]) -> Any:
        del sent
        return {"data": {"customerCreate": {"didSucceed": False, "inputErrors": None, "customer": None}}}

    with pytest.raises(ApiRefused, match="no reason given") as raised:
        play(handler, lambda client: client.create("Customer", {"name": "x"}))
    assert raised.value.fields == ()


def test_a_mutation_that_shows_no_record_is_no_usable_answer() -> None:
    def handler(sent: dict[str, Any]) -> Any:
        del sent
        return {"data": {"customerCreate": {"didSucceed": True, "inputErrors": [], "customer": None}}}

    with pytest.raises(ApiUnavailable):
        play(handler, lambda client: client.create("Customer", {"name": "x"}))


def test_a_list_that_is_not_there_is_never_an_empty_one() -> None:
    for data in ({"business": None}, {"business": {"customers": None}}, {"business": {"customers": {}}}):
        with pytest.raises(ApiRefused):
            play(lambda _, data=data: {"data": data}, lambda client: client.changes("Customer", None))  # type: ignore[misc]


def test_a_record_of_a_business_that_is_gone_is_not_taken_for_gone() -> None:
    error = {"message": "Business 'B' could not be found.", "path": ["business"], "extensions": {"code": "NOT_FOUND"}}
    with pytest.raises(ApiRefused, match="Business 'B'"):
        play(lambda _: {"errors": [error], "data": {"business": None}}, lambda client: client.get("Customer", "x"))


def test_a_list_without_end_is_given_up() -> None:
    def handler(sent: dict[str, Any]) -> Any:
        node = {"id": f"r{sent['variables']['p']}", "name": "x"}
        return {"data": {"business": {"accounts": {"pageInfo": {}, "edges": [{"node": node}] * 100}}}}

    with pytest.raises(ApiUnavailable, match="come to an end"):
        play(handler, lambda client: client.changes("Account", None))


def test_a_list_without_order_is_read_again_until_it_is_whole() -> None:
    calls: list[int] = []

    def handler(sent: dict[str, Any]) -> Any:
        calls.append(sent["variables"]["p"])
        ids = ["a"] if len(calls) == 1 else ["a", "b"]
        info = {"currentPage": 1, "totalPages": 1, "totalCount": 2}
        edges = [{"node": {"id": one, "name": one}} for one in ids]
        return {"data": {"business": {"accounts": {"pageInfo": info, "edges": edges}}}}

    changes = play(handler, lambda client: client.changes("Account", None))
    assert ([record.id for record in changes.records], len(calls)) == (["a", "b"], 2)


def test_a_right_that_lacks_is_a_finding_for_each_entity() -> None:
    def handler(sent: dict[str, Any]) -> Any:
        if "businesses" in sent["query"]:
            return {"data": {"businesses": {"edges": [{"node": {"id": "B", "name": "Mine"}}]}}}
        return {"errors": [{"message": "scope", "extensions": {"code": "FORBIDDEN"}}], "data": {"business": None}}

    findings = play(handler, lambda client: client.preflight(["Product", "SalesTax"]))
    assert [(f.code, f.entity) for f in findings] == [
        ("missing-right", "Product"),
        ("missing-right", "SalesTax"),
        ("missing-right", "Product"),
    ]
    assert "sales_tax:*" in findings[1].advice


def test_an_unreachable_business_list_is_a_finding() -> None:
    error = {"message": "scope", "extensions": {"code": "FORBIDDEN"}}
    findings = play(lambda _: {"errors": [error], "data": None}, lambda client: client.preflight(["Product"]))
    assert [f.code for f in findings] == ["wrong-organisation"]


def test_an_entity_that_nobody_described_is_asked_for_by_the_habits_of_the_api() -> None:
    def handler(sent: dict[str, Any]) -> Any:
        assert "vendors(" in sent["query"]
        info = {"currentPage": 1, "totalPages": 1}
        return {"data": {"business": {"vendors": {"pageInfo": info, "edges": []}}}}

    assert play(handler, lambda client: client.find("Vendor", "name", "x")) == ()


def test_overdue_invoices_read_as_such_and_cannot_be_changed() -> None:
    stage = WaveStage()
    made = stage.invoice(status="SAVED", dueDate="2030-01-03")["node"]["id"]
    stage.clock.advance(5 * DAY_S)

    async def story(client: WaveClient) -> str:
        record = await client.get("Invoice", made)
        with pytest.raises(ApiRefused) as raised:
            await client.update("Invoice", made, {"memo": "late"})
        assert raised.value.fields == ("status",)
        return str(record.values["status"]) if record else ""

    assert stage.play(story) == "OVERDUE"
