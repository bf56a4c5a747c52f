"""The engine's connector for Wave reads and writes over the API alone, whatever the API's habits are."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.account import Account, Auth
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable
from talkqa.sandbox.connectors.contract import Gone, Outdated, WriteRefused
from talkqa.sandbox.connectors.wave import WaveConnector
from tests.unit.sandbox.wave_kit import URL, WaveStage, wave_schema

OTHERWISE = {
    "errors_with_4xx": True,
    "no_errors_as_list": True,
    "empty_text": True,
    "trimmed_decimals": True,
    "grouped_money": True,
    "bound_included": True,
    "gone_is_null": True,
    "gone_as_input_error": True,
    "strict_cost": True,
    "address_replaced": False,
    "shuffled_items": False,
    "province_must_match": True,
    "rotating_refresh_tokens": True,
    "full_access_tokens": False,
}
BOTH = pytest.mark.parametrize("quirks", [{}, OTHERWISE], ids=["as by default", "otherwise"])


@BOTH
def test_a_version_is_the_same_from_a_list_or_alone(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)
    product = stage.product("Nut", "1234.5")
    made = stage.invoice(items=[{"productId": product, "quantity": "2"}])["node"]["id"]

    async def story(engine: WaveConnector) -> None:
        listed, cursor = await engine.poll("Invoice", None)
        alone = await engine.get("Invoice", made)
        assert [one.id for one in listed] == [made]
        assert (listed[0].body, listed[0].etag, listed[0].modified) == (alone.body, alone.etag, alone.modified)
        assert alone.values["total.value"] == 2469
        assert alone.values["items.unitPrice"] == (1234.5,)
        assert alone.known_at > alone.asked_at > listed[0].known_at
        assert cursor == alone.etag

    stage.run_engine(story)


@BOTH
def test_polls_tell_what_changed_since_oldest_first(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)

    async def story(engine: WaveConnector) -> None:
        for entity, values in (("Customer", {}), ("Product", {"unitPrice": 1.25})):
            first = await engine.create(entity, {"name": "a", **values})
            stage.clock.advance(5)
            second = await engine.create(entity, {"name": "b", **values})
            stage.clock.advance(5)
            listed, cursor = await engine.poll(entity, None)
            assert [one.id for one in listed] == [first.id, second.id]
            assert [one.id for one in (await engine.poll(entity, cursor))[0]] == [second.id]
            await engine.update(entity, first.id, {"name": "c"}, None)
            assert [one.id for one in (await engine.poll(entity, cursor))[0]] == [second.id, first.id]
        assert len((await engine.poll("Account", None))[0]) == 5
        assert (await engine.poll("Business", None))[0][0].id == stage.business
        assert (await engine.get("Business", stage.business)).values["name"] == "Sandbox business"

    stage.run_engine(story)


@BOTH
def test_a_write_names_the_version_it_was_decided_on(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)

    async def story(engine: WaveConnector) -> None:
        made = await engine.create("Customer", {"name": "a", "address.city": "Delft", "address.country.code": "NL"})
        stage.clock.advance(1)
        changed = await engine.update("Customer", made.id, {"address.city": "Leiden"}, made.etag)
        assert (changed.values["address.city"], changed.values["address.country.code"]) == ("Leiden", "NL")
        with pytest.raises(Outdated):
            await engine.update("Customer", made.id, {"name": "b"}, made.etag)
        assert (await engine.get("Customer", made.id)).values["name"] == "a"

    stage.run_engine(story)


def test_a_country_that_does_not_go_with_the_province_there_is_named() -> None:
    """The engine leaves out what is named, and must not leave out all that it wrote with it."""
    stage = WaveStage(province_must_match=True)
    here = {"address.province.code": "CA-ON", "address.country.code": "CA"}

    async def story(engine: WaveConnector) -> None:
        made = await engine.create("Customer", {"name": "a", **here})
        for values, named in (
            ({"address.country.code": "NL", "phone": "1"}, {"address.province.code", "address.country.code"}),
            ({"address.province.code": "US-NY"}, {"address.province.code"}),
        ):
            with pytest.raises(WriteRefused) as raised:
                await engine.update("Customer", made.id, values, None)
            assert set(raised.value.fields) == named
        assert (await engine.get("Customer", made.id)).values["address.country.code"] == "CA"

    stage.run_engine(story)


@BOTH
def test_what_is_gone_is_told_apart_from_what_is_refused(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)

    async def story(engine: WaveConnector) -> None:
        with pytest.raises(Gone):
            await engine.get("Customer", "gone")
        with pytest.raises(Gone):
            await engine.update("Customer", "gone", {"name": "x"}, None)
        refusals = []
        for entity, values in (
            ("Customer", {"name": "", "email": "x"}),
            ("Customer", {"name": "x", "currency.code": "NOPE", "planet": "M"}),
            ("Invoice", {"customer.id": "none"}),
        ):
            with pytest.raises(WriteRefused) as raised:
                await engine.create(entity, values)
            refusals.append(set(raised.value.fields))
        assert refusals == [
            {"name", "email"},
            {"currency.code", "planet"},
            {"customer.id"},
        ]

    stage.run_engine(story)


def test_a_record_deleted_between_look_and_write_is_gone() -> None:
    for quirks in ({}, {"gone_as_input_error": True}):
        stage = WaveStage(**quirks)

        async def story(engine: WaveConnector) -> None:
            with pytest.raises(Gone):
                await engine._mutate(engine._wires["Customer"], "Patch", {"id": "gone", "name": "x"})

        stage.run_engine(story)


@BOTH
def test_lists_go_out_whole_with_what_they_held(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)
    tax = (
        stage.mutate("salesTaxCreate", name="VAT", abbreviation="V", rate="0.2").get("node", {}).get("id")
        if not quirks
        else None
    )
    product = stage.product() if not quirks else None

    async def story(engine: WaveConnector) -> None:
        sold = product or (await engine.create("Product", {"name": "p", "unitPrice": 2.5})).id
        customer = await engine.create("Customer", {"name": "c"})
        items = {"items.product.id": (sold, sold), "items.quantity": (1, 2), "items.description": ("a", "b")}
        made = await engine.create("Invoice", {"customer.id": customer.id, **items})
        changed = await engine.update("Invoice", made.id, {"items.description": ("z",)}, made.etag)
        assert sorted(changed.values["items.quantity"]) == [1, 2]  # type: ignore[arg-type, type-var]
        assert set(changed.values["items.description"]) == {"z", "b"}  # type: ignore[arg-type]
        if tax is not None:
            taxed = await engine.update("Product", sold, {"defaultSalesTaxes.id": (tax,)}, None)
            assert taxed.values["defaultSalesTaxes.id"] == (tax,)
            again = await engine.update("Invoice", made.id, {"items.quantity": (7,)}, None)
            assert again.values["taxTotal.value"] == 0

    stage.run_engine(story)


def test_products_are_sold_and_archived() -> None:
    stage = WaveStage()

    async def story(engine: WaveConnector) -> None:
        made = await engine.create("Product", {"name": "p", "unitPrice": 1})
        assert made.values["isSold"] is True
        archived = await engine.update("Product", made.id, {"isArchived": True}, None)
        assert archived.values["isArchived"] is True

    stage.run_engine(story)
    stage.mutate("accountArchive", id=stage.income())

    async def unsold(engine: WaveConnector) -> None:
        assert (await engine.create("Product", {"name": "p", "unitPrice": 1})).values["isSold"] is False

    stage.run_engine(unsold)


@BOTH
def test_records_are_found_by_the_text_of_a_property(quirks: dict[str, bool]) -> None:
    stage = WaveStage(**quirks)

    async def story(engine: WaveConnector) -> None:
        made = await engine.create("Customer", {"name": "a", "email": "a@x.example"})
        product = await engine.create("Product", {"name": "p", "unitPrice": 12})
        found = [
            await engine.find("Customer", "EMAIL", "a@x.example"),
            await engine.find("Customer", "email", "A@x.example"),
            await engine.find("Customer", "name", "a"),
            await engine.find("Customer", "id", made.id),
            await engine.find("Product", "unitPrice", "12"),
            await engine.find("Product", "isSold", "true"),
            await engine.find("Product", "unknown", "12"),
        ]
        assert [[one.id for one in listed] for listed in found] == [
            [made.id],
            [],
            [made.id],
            [made.id],
            [product.id],
            [product.id],
            [],
        ]

    stage.run_engine(story)


def test_a_list_that_moves_while_it_is_read_is_read_again() -> None:
    stage = WaveStage()
    store = stage.store.entities["customer"]
    ids = [store.install({"name": f"n{number}", "isArchived": False}, "system").id for number in range(250)]
    moved = iter(ids[:1])
    answer = stage.emulator.answer

    def disturb(request: Any) -> Any:
        told = answer(request)
        if (record := next(moved, None)) is not None and (held := store.get(record)) is not None:
            store.touch(held, "system")
        return told

    stage.emulator.answer = disturb  # type: ignore[method-assign]

    async def story(engine: WaveConnector) -> None:
        assert {one.id for one in (await engine.poll("Customer", None))[0]} == set(ids)

    stage.run_engine(story)


def test_a_dead_token_is_renewed() -> None:
    stage = WaveStage(full_access_tokens=False, rotating_refresh_tokens=True)

    async def story(engine: WaveConnector) -> None:
        await engine.create("Customer", {"name": "a"})
        stage.emulator.expire_token(engine._token)
        assert len((await engine.poll("Customer", None))[0]) == 1

    stage.run_engine(story)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(503, content=b"<html>"), ApiUnavailable),
        (httpx.Response(429, json={}), ApiUnavailable),
        (httpx.Response(200, json={"errors": [{"extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}), ApiUnavailable),
        (httpx.Response(401, json={"errors": []}), ApiRefused),
        (httpx.Response(200, json={"errors": [{"message": "x"}]}), ApiRefused),
        (httpx.ReadTimeout("late"), ApiUnavailable),
    ],
)
def test_what_is_no_answer_is_unavailable_or_refused(answer: Any, kind: type[ApiError]) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    async def main(account: Account) -> None:
        engine = WaveConnector(wave_schema(), account, httpx.MockTransport(handle))
        await engine.poll("Customer", None)

    account = Account(system="Wave", url=URL, auth=Auth(kind="bearer", token="t"), options={"business": "B"})  # noqa: S106
    with pytest.raises(kind) as raised:
        trio.run(main, account)
    assert type(raised.value) is kind
    oauth = replace(account, auth=Auth(kind="refresh-token", token_url=f"{URL}/oauth2/token/", refresh_token="r"))  # noqa: S106
    with pytest.raises(ApiError):
        trio.run(main, oauth)
