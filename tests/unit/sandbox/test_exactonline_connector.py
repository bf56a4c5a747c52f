"""The engine's connector reads and writes Exact Online with code of its own, and adds what every record there needs."""

import httpx
import pytest

from talkqa.model.errors import ApiUnavailable
from talkqa.sandbox.connectors.contract import Gone, Outdated, WriteRefused
from tests.unit.sandbox.exact_kit import Stage, play

GUID = "6d9c2b1e-0f6a-4a7e-9a55-1f0b7a3c2d10"


@pytest.mark.parametrize("local", [False, True])
def test_a_version_is_the_same_whether_it_was_read_alone_or_in_a_list(local: bool) -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        made = await connector.create(
            "Accounts",
            {"Name": "O'Hara", "StartDate": "2024-02-29", "IsMailing": True, "InvoicingMethod": "4", "Blocked": False},
        )
        values = made.values
        assert (values["Status"], values["IsMailing"], values["InvoicingMethod"]) == ("C", True, "4")
        assert (values["StartDate"], values["Code"], values["Blocked"]) == ("2024-02-29", "1", False)
        (listed,), cursor = await connector.poll("Accounts", None)
        assert (listed.body, listed.id, listed.modified) == (made.body, made.id, made.modified)
        assert made.modified is not None
        assert made.modified.hour == 0
        (found,) = await connector.find("Accounts", "Name", "O'Hara")
        assert found.body == (await connector.get("Accounts", made.id)).body == made.body
        again, _ = await connector.poll("Accounts", cursor)
        assert [one.id for one in again] == [made.id]
        assert made.asked_at < made.known_at <= listed.asked_at

    play(story, quirks={"local-stamps": local})


def test_changes_and_deletions_are_told_from_where_the_last_poll_ended() -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        for number in range(70):
            stage.store.entities["accounts"].install({"Name": f"B {number}"}, "harness")
        found, cursor = await connector.poll("Accounts", None)
        assert len(found) == 70
        await stage.clock.sleep(30)
        await connector.update("Accounts", found[3].id, {"City": "Delft"}, None)
        changed, cursor = await connector.poll("Accounts", cursor)
        assert changed[-1].values["City"] == "Delft"
        await stage.ask("DELETE", f"crm/Accounts(guid'{found[5].id}')")
        await stage.clock.sleep(30)
        changed, cursor = await connector.poll("Accounts", cursor)
        assert [(one.id, one.deleted) for one in changed if one.deleted] == [(found[5].id, True)]
        changed, _ = await connector.poll("Accounts", cursor)
        assert not any(one.deleted for one in changed)
        assert (await connector.poll("QuotationLines", None))[0] == []

    play(story)


def test_an_edit_names_the_version_it_was_decided_on() -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        made = await connector.create("Accounts", {"Name": "One"})
        changed = await connector.update("Accounts", made.id, {"City": "Delft"}, made.etag)
        assert changed.values["City"] == "Delft"
        with pytest.raises(Outdated):
            await connector.update("Accounts", made.id, {"City": "Gouda"}, made.etag)
        with pytest.raises(Gone):
            await connector.update("Accounts", GUID, {"City": "Gouda"}, None)
        with pytest.raises(Gone):
            await connector.get("Accounts", GUID)
        with pytest.raises(Gone):
            await connector.get("Accounts", "no guid")

    play(story)


def test_what_exact_online_wants_of_every_record_is_added() -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        account = await connector.create("Accounts", {"Name": "One"})
        contact = await connector.create("Contacts", {"Account": account.id})
        assert contact.values["LastName"] == "Talk default"
        first = await connector.create("Salesorders", {"OrderedBy": account.id, "OrderDate": "2026-01-05"})
        second = await stage.make_connector().create("Quotations", {"OrderAccount": account.id})
        items, _ = await connector.poll("Items", None)
        assert [item.values["Code"] for item in items] == ["TALK-DEFAULT"]
        assert first.values["SalesOrderLines.Item"] == second.values["QuotationLines.Item"] == (items[0].id,)
        assert first.values["OrderDate"] == "2026-01-05"
        own = await connector.create(
            "Quotations",
            {
                "OrderAccount": account.id,
                "QuotationLines.Item": (items[0].id, items[0].id),
                "QuotationLines.Quantity": (3, 4),
            },
        )
        assert own.values["QuotationLines.Quantity"] == (3, 4)

    play(story, quirks={"items-are-sold": False})


def test_records_are_found_by_the_text_form_of_each_kind_of_value_and_exactly() -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        made = await connector.create(
            "Accounts",
            {"Name": "Ada", "StartDate": "2024-05-06", "IsMailing": True, "SecurityLevel": 7, "InvoicingMethod": "4"},
        )
        contact = await connector.create("Contacts", {"Account": made.id, "LastName": "Q"})
        for path, text in {
            "Name": "Ada",
            "Code": "1",
            "StartDate": "2024-05-06",
            "IsMailing": "true",
            "SecurityLevel": "7",
            "InvoicingMethod": "4",
            "ID": made.id,
        }.items():
            assert [one.id for one in await connector.find("Accounts", path, text)] == [made.id], path
        assert [one.id for one in await connector.find("Contacts", "Account", made.id)] == [contact.id]
        for path, text in {
            "Name": "ada",
            "ID": "x",
            "IsMailing": "yes",
            "SecurityLevel": "many",
            "StartDate": "soon",
            "Foo": "x",
        }.items():
            assert await connector.find("Accounts", path, text) == [], path
        assert await connector.find("Quotations", "QuotationLines.Item", GUID) == []

    play(story)


def test_refusals_name_fields_and_faults_are_told_apart() -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        with pytest.raises(WriteRefused) as refused:
            await connector.create("Items", {"Barcode": "1" * 21})
        assert set(refused.value.fields) == {"Barcode", "Code", "Description"}
        with pytest.raises(WriteRefused) as refused:
            await connector.create("Accounts", {"Name": "x", "CompanySize": "many"})
        assert refused.value.fields == ("CompanySize",)
        stage.emulator.deny("Accounts", "POST")
        with pytest.raises(WriteRefused):
            await connector.create("Accounts", {"Name": "x"})
        connector._http = httpx.AsyncClient(
            base_url="http://x", transport=httpx.MockTransport(lambda _: httpx.Response(503, content=b"<html>"))
        )
        with pytest.raises(ApiUnavailable):
            await connector.get("Accounts", GUID)

        def broken(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("gone")

        connector._http = httpx.AsyncClient(base_url="http://x", transport=httpx.MockTransport(broken))
        with pytest.raises(ApiUnavailable, match="gone"):
            await connector.get("Accounts", GUID)

    play(story)


def test_a_spent_minute_is_waited_out() -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        begun_s = stage.clock.now()
        for number in range(40):
            await connector.create("Accounts", {"Name": f"B {number}"})
        assert stage.clock.now() - begun_s > 55
        found, _ = await connector.poll("Accounts", None)
        assert len(found) == 40

    play(story, quirks={"limit-minute": True})


@pytest.mark.parametrize("limited", [False, True])
def test_polls_leave_half_of_a_limited_minute_to_the_work(*, limited: bool) -> None:
    """Else an engine with some entities would do nothing but look, and its edits would wait for minutes."""

    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        for _ in range(20):
            await connector.poll("Accounts", None)
        took_s = stage.clock.now()
        assert 60 < took_s < 90 if limited else took_s < 20
        await connector.find("Accounts", "Name", "Nobody")
        assert stage.clock.now() - took_s < 3

    play(story, quirks={"limit-minute": limited})


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Minutely-Reset": "9", "Date": "Tue, 01 Jan 2030 00:00:00 GMT"}])
def test_a_call_that_finds_no_room_is_given_up_in_the_end(headers: dict[str, str]) -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        connector._http = httpx.AsyncClient(
            base_url="http://x", transport=httpx.MockTransport(lambda _: httpx.Response(429, headers=headers))
        )
        with pytest.raises(ApiUnavailable):
            await connector.get("Accounts", GUID)
        assert stage.clock.now() == (5.0 if headers else 0.0)

    play(story)


def test_a_record_that_was_made_is_told_even_if_it_cannot_be_read() -> None:
    async def story(stage: Stage) -> None:
        connector = stage.make_connector()
        inner = stage.transport

        async def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                response = await inner.handle_async_request(request)
                return httpx.Response(response.status_code, content=await response.aread(), headers=response.headers)
            return httpx.Response(503)

        token = stage.account("engine").auth.token
        connector._http = httpx.AsyncClient(
            base_url="http://exact-online.sandbox",
            transport=httpx.MockTransport(answer),
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        )
        made = await connector.create("Accounts", {"Name": "One"})
        assert made.values["Name"] == "One"
        assert (await stage.make_connector().get("Accounts", made.id)).body == made.body

    play(story)
