"""The client follows Exact Online's rules, and lives with both ways of whatever is not known for certain."""

import json
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.account import Account
from talkqa.model.call import CALL
from talkqa.model.errors import CALLS_USED_UP, ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.schema import FieldType
from talkqa.systems.connect import known_budget, make_client
from talkqa.systems.exactonline.answers import Allowance
from talkqa.systems.exactonline.client import ExactOnlineClient
from talkqa.systems.session import FixedCredentials, Session
from tests.unit.sandbox.exact_kit import URL, Stage, exact_schema, play

GUID = "6d9c2b1e-0f6a-4a7e-9a55-1f0b7a3c2d10"
HOST = "https://start.exactonline.nl"

Answers = list[tuple[int, Any, dict[str, str]]]


class Scripted:
    """A client whose answers are told beforehand, and the requests that it made."""

    def __init__(self, answers: Answers, options: dict[str, str] | None = None) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        session = Session(http, HOST, system="Exact Online", credentials=FixedCredentials({}), timeout_s=None)
        account = Account(system="Exact Online", url=HOST, options={"division": "42"} if options is None else options)
        self.client = ExactOnlineClient(exact_schema(), account, session)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status, body, headers = self.answers.pop(0)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, content=content, headers=headers)


def error(message: str) -> dict[str, Any]:
    return {"error": {"code": "", "message": {"lang": "", "value": message}}}


def listed(*rows: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"d": {"results": list(rows), **({"__next": following} if following else {})}}


def ask(answers: list[tuple[int, Any]], method: str, *arguments: Any, headers: dict[str, str] | None = None) -> Any:
    """What a method gives for scripted answers."""
    scripted = Scripted([(status, body, headers or {}) for status, body in answers])
    return trio.run(lambda: getattr(scripted.client, method)(*arguments))


def test_records_are_written_and_read_in_neutral_values() -> None:
    async def story(stage: Stage) -> None:
        client = stage.client
        account = await client.create(
            "accounts",
            {
                "name": "Ada's Bolts",
                "Status": "C",
                "Country": "NL",
                "StartDate": "2024-02-29",
                "IsMailing": True,
                "InvoicingMethod": "2",
                "CreditLineSales": 12.5,
            },
        )
        values = account.values
        assert (account.entity, values["Name"], values["Country"]) == ("Accounts", "Ada's Bolts", "NL")
        assert (values["Code"], values["StartDate"], values["IsMailing"]) == ("1", "2024-02-29", True)
        assert (values["InvoicingMethod"], values["CreditLineSales"], values["City"]) == ("2", 12.5, None)
        assert account.modified == values["Created"]
        assert account.modified is not None
        assert account.modified.startswith("2030-01-01T00:00:00.")
        assert account.modified_by == (await client.identify()).user
        changed = await client.update("Accounts", account.id.upper(), {"City": "Delft", "CreditLineSales": None})
        assert (changed.values["City"], changed.values["CreditLineSales"]) == ("Delft", None)
        assert await client.get("Accounts", account.id) == changed
        await client.delete("Accounts", account.id)
        await client.delete("Accounts", account.id)
        assert await client.get("Accounts", account.id) is None
        assert await client.get("Accounts", "no guid") is None
        with pytest.raises(ApiRefused):
            await client.update("Accounts", account.id, {"City": "x"})

    play(story)


def test_absence_is_asked_of_a_list_and_never_by_a_404() -> None:
    async def story(stage: Stage) -> None:
        for _ in range(12):
            assert await stage.client.get("Accounts", GUID) is None
        assert stage.client.refusals == {}
        for _ in range(8):
            await stage.client.delete("Accounts", GUID)
        assert stage.client.refusals == {"crm/Accounts": 5}

    play(story, quirks={"error-brake": True})


@pytest.mark.parametrize("shown", [False, True])
def test_lines_are_written_with_their_header_and_shown_with_it_where_that_is_asked_for(shown: bool) -> None:
    async def story(stage: Stage) -> None:
        stage.options = {**stage.account().options, **({"lines": "shown"} if shown else {})}
        stage.client = stage.make_client()
        account, item = await stage.customer(), await stage.item()
        client = stage.client
        made = await client.create(
            "Quotations",
            {
                "OrderAccount": account,
                "QuotationLines.Item": item,
                "QuotationLines.Quantity": 2,
                "QuotationLines.UnitPrice": 12.5,
                "QuotationLines.Description": "Special",
            },
        )
        assert made.values.get("QuotationLines.Item") == ((item,) if shown else None)
        assert made.values.get("QuotationLines.Quantity") == ((2,) if shown else None)
        await stage.clock.sleep(10)
        assert made.values["AmountDC"] == 25.0
        seen = await client.changes("Quotations", None)
        assert seen.records == (made,)
        assert [r.id for r in await client.find("Quotations", "QuotationLines.Description", "Special")] == [made.id]
        assert [r.id for r in await client.find("Quotations", "QuotationLines.Item", item)] == [made.id]
        assert await client.find("Quotations", "QuotationLines.Description", "Other") == ()

    play(story)


def test_an_item_can_be_sold_unless_something_else_is_said() -> None:
    async def story(stage: Stage) -> list[Any]:
        made = [
            await stage.client.create("Items", {"Code": f"B{number}", "Description": "x", **more})
            for number, more in enumerate(({}, {"IsSalesItem": False}))
        ]
        return [record.values["IsSalesItem"] for record in made]

    assert play(story, quirks={"items-are-sold": False}) == [True, False]


@pytest.mark.parametrize("local", [False, True])
def test_changes_are_told_with_overlap_and_stamps_are_utc_whatever_the_server_writes(local: bool) -> None:
    async def story(stage: Stage) -> None:
        client = stage.client
        empty = await client.changes("Accounts", None)
        assert empty.records == ()
        first = await client.create("Accounts", {"Name": "One"})
        seen = await client.changes("Accounts", empty.cursor)
        assert [record.id for record in seen.records] == [first.id]
        assert seen.records[0].modified == first.modified
        assert first.modified is not None
        assert first.modified.startswith("2030-01-01T00:00:0")
        assert first.values["Created"] == first.modified
        await stage.clock.sleep(120)
        second = await client.create("Accounts", {"Name": "Two"})
        seen = await client.changes("Accounts", seen.cursor)
        assert [record.id for record in seen.records] == [first.id, second.id]
        seen = await client.changes("Accounts", seen.cursor)
        assert [record.id for record in seen.records] == [first.id, second.id]
        seen = await client.changes("Accounts", seen.cursor)
        assert [record.id for record in seen.records] == [second.id]
        assert seen.records[0].modified is not None
        assert seen.records[0].modified.startswith("2030-01-01T00:02:0")

    play(story, quirks={"local-stamps": local})


def test_everything_is_read_in_thousands_and_lists_by_60() -> None:
    async def story(stage: Stage) -> None:
        for number in range(130):
            stage.store.entities["accounts"].install({"Name": f"B {number}"}, "harness")
        account, item = await stage.customer(), await stage.item()
        for _ in range(61):
            await stage.make("crm/Quotations", OrderAccount=account, QuotationLines=[{"Item": item}])
        await stage.clock.sleep(10)
        assert len((await stage.client.changes("Accounts", None)).records) == 131
        assert stage.asked() == ["GET sync/CRM/Accounts"]
        stage.options = {**stage.account().options, "lines": "shown"}
        for client, asked in (
            (stage.client, ["GET sync/CRM/QuotationHeaders"]),
            (stage.make_client(), ["GET crm/Quotations"] * 2),
        ):
            begin = len(stage.exchanges)
            seen = await client.changes("Quotations", None)
            assert len(seen.records) == 61
            assert stage.asked(begin) == asked
            assert list(seen.records) == sorted(seen.records, key=lambda record: record.modified or "")

    play(story)


def test_deletions_are_told_and_their_feed_is_read_once_for_everybody() -> None:
    async def story(stage: Stage) -> None:
        client = stage.client
        names = ("Accounts", "Contacts", "Items", "Quotations", "Salesorders")
        cursors = {name: (await client.changes(name, None)).cursor for name in names}
        account = await client.create("Accounts", {"Name": "One"})
        cursors["Accounts"] = (await client.changes("Accounts", cursors["Accounts"])).cursor
        await client.delete("Accounts", account.id)
        await stage.clock.sleep(10)
        begin, told = len(stage.exchanges), []
        for _ in range(2):
            for name in names:
                seen = await client.changes(name, cursors[name])
                cursors[name] = seen.cursor
                told += [(name, record.id, record.deleted) for record in seen.records if record.deleted]
        assert set(told) == {("Accounts", account.id, True)}
        asked = stage.asked(begin)
        assert asked.count("GET sync/Deleted") == 2
        assert len([one for one in asked if "UserHasRights" not in one]) == 12

    play(story)


def test_a_deletion_before_the_cursor_is_no_news_and_a_new_client_goes_on_from_it() -> None:
    async def story(stage: Stage) -> None:
        old = await stage.client.create("Accounts", {"Name": "Old"})
        await stage.client.delete("Accounts", old.id)
        await stage.clock.sleep(300)
        await stage.client.get("Accounts", old.id)
        cursor = await stage.client.cursor_now("Accounts")
        new = await stage.client.create("Accounts", {"Name": "New"})
        await stage.client.delete("Accounts", new.id)
        await stage.clock.sleep(10)
        seen = await stage.make_client().changes("Accounts", cursor)
        assert [(record.id, record.deleted) for record in seen.records] == [(new.id, True)]
        again = await stage.make_client().changes("Accounts", seen.cursor)
        assert all(record.id == new.id for record in again.records)

    play(story)


def test_without_the_feed_of_deletions_changes_are_told_all_the_same() -> None:
    cursor = "m:1000:2000:1"
    answers = [(200, listed({"ID": GUID, "Modified": "/Date(3000)/"})), (403, error("Forbidden"))]
    seen = ask(answers, "changes", "Accounts", cursor)
    assert [record.id for record in seen.records] == [GUID]
    assert seen.cursor == "m:2000:3000:1"


def test_what_has_no_stamps_is_followed_by_row_version() -> None:
    async def story(stage: Stage) -> None:
        client = stage.client
        account, item = await stage.customer(), await stage.item()
        made = await client.create("Quotations", {"OrderAccount": account, "QuotationLines.Item": item})
        await stage.clock.sleep(10)
        seen = await client.changes("QuotationLines", None)
        assert [record.values["QuotationID"] for record in seen.records] == [made.id]
        assert (seen.records[0].modified, await client.cursor_now("QuotationLines")) == (None, None)
        line = seen.records[0].id
        for description in ("a", "b"):
            await client.update("QuotationLines", line, {"Description": description})
            await stage.clock.sleep(10)
            seen = await client.changes("QuotationLines", seen.cursor)
            assert [record.values["Description"] for record in seen.records] == [description]
        await client.delete("QuotationLines", line)
        await stage.clock.sleep(10)
        seen = await client.changes("QuotationLines", seen.cursor)
        assert [(record.id, record.deleted) for record in seen.records] == [(line, True)]

    play(story)


def test_a_cursor_for_now_costs_one_call_that_the_day_is_not_charged_for_and_then_none() -> None:
    async def story(stage: Stage) -> None:
        await stage.customer(Name="Before")
        await stage.clock.sleep(300)
        cursor = await stage.client.cursor_now("Accounts")
        assert stage.asked() == ["GET /api/v1/current/Me"]
        assert await stage.client.cursor_now("Contacts") is not None
        assert len(stage.exchanges) == 1
        made = await stage.client.create("Accounts", {"Name": "After"})
        seen = await stage.client.changes("Accounts", cursor)
        assert [record.id for record in seen.records] == [made.id]

    play(story)


def test_without_a_clock_of_the_server_there_is_no_cursor_for_now() -> None:
    assert ask([(200, listed({"UserID": GUID}))], "cursor_now", "Accounts") is None


def test_find_compares_codes_without_padding_and_knows_each_kind_of_value() -> None:
    async def story(stage: Stage) -> None:
        client = stage.client
        account = await client.create(
            "Accounts",
            {
                "Name": "O'Hara",
                "StartDate": "2024-05-06",
                "Blocked": True,
                "IsMailing": True,
                "SecurityLevel": 7,
                "InvoicingMethod": "4",
                "Website": "https://ohara.example",
            },
        )
        contact = await client.create("Contacts", {"Account": account.id, "LastName": "Q", "Email": "q@example.org"})
        for path, value in {
            "Code": "1",
            "code": "  1",
            "Name": "o'hara",
            "StartDate": "2024-05-06",
            "Blocked": True,
            "IsMailing": True,
            "SecurityLevel": 7,
            "InvoicingMethod": "4",
            "Website": "https://ohara.example",
            "ID": account.id,
            "City": None,
            "Modified": account.modified,
        }.items():
            assert [found.id for found in await client.find("Accounts", path, value)] == [account.id], path
        assert await client.find("Accounts", "ID", "no guid") == ()
        assert await client.find("Accounts", "Name", "O'Har") == ()
        assert [found.id for found in await client.find("Contacts", "Account", account.id)] == [contact.id]
        assert [found.id for found in await client.find("Contacts", "BusinessEmail", "q@example.org")] == [contact.id]
        with pytest.raises(ApiRefused, match="has no property Foo"):
            await client.find("Accounts", "Foo", "x")
        with pytest.raises(ApiRefused, match="no entity 'Foo'"):
            await client.find("Foo", "Bar", "x")

    play(story)


def test_polls_are_marked_for_the_recorder_and_reads_may_be_repeated() -> None:
    scripted = Scripted([(200, listed({"ID": GUID, "Modified": "/Date(1)/"}), {}), (200, listed(), {})])
    trio.run(scripted.client.changes, "Accounts", "m:1:1:1")
    mark = scripted.requests[0].extensions[CALL]
    assert (mark.poll.key, mark.poll.items) == ("Exact Online/Accounts", ("d", "results"))
    assert (mark.poll.id, mark.poll.modified) == (("ID",), ("Modified",))
    assert mark.poll.last_page == ((("d", "__next"), None),)
    assert scripted.requests[1].extensions[CALL].poll.key == "Exact Online/Deleted"
    assert mark.repeatable


def test_an_empty_list_is_taken_for_absence_only_where_reading_is_allowed() -> None:
    async def story(stage: Stage) -> None:
        client = stage.client
        await stage.customer()
        stage.emulator.deny("Accounts", "GET", "POST")
        for asked in (
            lambda: client.changes("Accounts", None),
            lambda: client.changes("Accounts", "m:1:1:1"),
            lambda: client.find("Accounts", "Name", "Bolts"),
            lambda: client.get("Accounts", GUID),
            lambda: client.describe("Accounts"),
        ):
            with pytest.raises(FeatureMissing, match="may not GET on CRM/Accounts") as missing:
                await asked()
            assert missing.value.licence == "right to GET on CRM/Accounts"
        with pytest.raises(FeatureMissing, match="may not POST on CRM/Accounts"):
            await client.create("Accounts", {"Name": "x"})
        assert stage.asked().count("GET users/UserHasRights") == 1

    play(story)


def test_a_missing_module_is_named() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(FeatureMissing) as missing:
            await stage.client.describe("Salesorders")
        assert missing.value.licence == "Trade"
        with pytest.raises(FeatureMissing):
            await stage.client.changes("Salesorders", None)

    play(story, licences_off=frozenset({"Trade"}))


@pytest.mark.parametrize("quirks", [{}, {"rights-bare": True}])
def test_the_answer_about_a_right_is_read_in_both_forms(quirks: dict[str, bool]) -> None:
    async def story(stage: Stage) -> None:
        stage.emulator.deny("Contacts", "GET")
        accounts, contacts = (stage.store.schema.entity(name) for name in ("Accounts", "Contacts"))
        assert accounts is not None
        assert contacts is not None
        assert await stage.client.has_right(accounts, "GET") is True
        assert await stage.client.has_right(contacts, "GET") is False

    play(story, quirks=quirks)


@pytest.mark.parametrize("answer", [(404, error("x")), (200, b"?"), (200, {"d": {"Foo": 1}}), (200, {"d": []})])
def test_a_right_that_is_not_told_stops_nothing(answer: tuple[int, Any]) -> None:
    assert ask([(200, listed()), answer], "get", "Accounts", GUID) is None


def test_preflight_tells_what_lacks_and_who_needs_it() -> None:
    async def story(stage: Stage) -> None:
        stage.emulator.deny("Contacts", "DELETE")
        stage.emulator.deny("Items", "POST")
        found = await stage.client.preflight(["Contacts", "Quotations", "Unknown"])
        told = {(one.code, one.entity): one.message for one in found}
        assert told == {
            ("missing-right", "Contacts"): "the account may not DELETE Contacts",
            ("missing-right", "Items"): "the account may not POST Items, which Quotations needs",
        }
        assert await stage.make_client().preflight(["Accounts"]) == ()

    play(story)


def test_preflight_names_a_missing_module_and_rights_that_are_not_told() -> None:
    async def story(stage: Stage) -> None:
        (first, *_) = await stage.client.preflight(["Salesorders"])
        assert (first.code, first.entity) == ("licence", "Salesorders")
        assert "Trade" in first.advice

    play(story, licences_off=frozenset({"Trade"}))
    division = (200, listed({"Code": 42, "Description": "Test"}))
    found = ask([division, *[(404, error("x"))] * 4], "preflight", ["Accounts"])
    assert [(one.code, one.severity.value) for one in found] == [("missing-right", "warning")] * 4


def test_preflight_stops_at_a_wrong_division() -> None:
    async def story(stage: Stage) -> None:
        (only,) = await stage.client.preflight(["Accounts"])
        assert only.code == "wrong-organisation"

    play(story, options={"division": "1"})
    (only,) = ask([(200, listed({"Code": 43, "Description": "Live"}, {"Code": 44}))], "preflight", ["Accounts"])
    assert (only.code, only.message) == (
        "wrong-organisation",
        "division 42 is not among those of the user: 43 (Live), 44",
    )


def test_who_asks_is_told_with_the_division_that_is_configured_or_was_last_opened() -> None:
    async def story(stage: Stage) -> None:
        told = await stage.client.identify()
        division = stage.emulator.company.division
        assert told.user == stage.emulator.company.user_id("harness")
        assert (told.name, told.organisation) == ("QA User", f"division {division}")
        assert told.server_time is not None
        assert told.server_time.isoformat() == "2030-01-01T00:00:00+00:00"

    play(story)
    scripted = Scripted([(200, listed({"CurrentDivision": 7}), {}), (200, listed({"ID": GUID}), {})], options={})
    record = trio.run(scripted.client.get, "Accounts", GUID)
    assert record is not None
    assert scripted.requests[1].url.path == "/api/v1/7/crm/Accounts"


def test_an_answer_that_does_not_say_who_asks_is_no_answer() -> None:
    with pytest.raises(ApiUnavailable, match="does not say who asks"):
        ask([(200, {"d": {"results": []}})], "identify")


def test_describe_leaves_out_what_the_company_does_not_have_and_makes_accounts_customers() -> None:
    async def story(stage: Stage) -> None:
        described = await stage.client.describe("Accounts")
        status = described.field("Status")
        assert status is not None
        assert (status.required, status.picklist[0]) == (True, "C")
        assert await stage.client.describe("accounts") is described
        assert stage.asked().count("GET crm/$metadata") == 1
        await stage.client.describe("Quotations")
        assert stage.asked().count("GET crm/$metadata") == 1

    play(story)


def _metadata(*names: str) -> bytes:
    properties = "".join(f'<Property Name="{name}" Type="Edm.String" MaxLength="40"/>' for name in names)
    return (
        f'<Schema><EntityType Name="Item"><Key/>{properties}</EntityType>'
        '<EntitySet Name="Items" EntityType="Exact.Web.Api.Models.Item"/></Schema>'
    ).encode()


def test_describe_believes_a_description_that_tells_enough() -> None:
    names = [field.path for field in exact_schema().entity("Items").fields if field.path != "Barcode"]  # type: ignore[union-attr]
    right = (200, {"d": {"UserHasRights": True}})
    described = ask([right, (200, _metadata(*names))], "describe", "Items")
    assert described.field("Barcode") is None
    assert described.field("FreeTextField_01").max_length == 40
    assert described.field("Code").max_length == 30
    for told in (_metadata("ID", "Code"), _metadata(*names[:-1])[:50], b""):
        assert ask([right, (200, told)], "describe", "Items").field("Barcode") is not None
    assert ask([right, (404, b"")], "describe", "Items").field("Barcode") is not None


def test_after_describe_nothing_is_asked_for_that_does_not_exist() -> None:
    names = [field.path for field in exact_schema().entity("Items").fields if field.path != "Barcode"]  # type: ignore[union-attr]
    answers = [(200, {"d": {"UserHasRights": True}}), (200, _metadata(*names)), (200, listed({"ID": GUID}))]
    scripted = Scripted([(status, body, {}) for status, body in answers])

    async def story() -> None:
        await scripted.client.describe("Items")
        await scripted.client.get("Items", GUID)

    trio.run(story)
    assert "Barcode" not in str(scripted.requests[-1].url)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("Data already exists.: Code", ("Code",)),
        ("Gegeven bestaat reeds.: Code", ("Code",)),
        ("Mandatory: Code\r\nMandatory: Description", ("Code", "Description")),
        ("Mandatory: Search code", ("SearchCode",)),
        ("Error encountered in converting the value for property 'Unit' to type 'Guid'", ("Unit",)),
        ("The name of the item is wrong", ()),
        ("", ()),
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_a_refusal_names_the_properties_whatever_the_language(
    message: str, fields: tuple[str, ...], status: int
) -> None:
    if not message and status == 500:
        return
    with pytest.raises(ApiRefused) as refused:
        ask([(status, error(message))], "create", "Items", {"Code": "x"})
    assert (refused.value.fields, refused.value.status) == (fields, status)
    assert refused.value.code == "refused"


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"<html>"), (500, b""), (503, b"<html>"), (408, b"{}"), (500, error(""))]
)
def test_a_500_without_a_reason_is_a_fault(status: int, body: Any) -> None:
    expected = ApiRefused if status == 408 else ApiUnavailable
    with pytest.raises(expected) as fault:
        ask([(status, body)], "create", "Items", {"Code": "x"})
    assert fault.value.status == status


def test_a_spent_minute_says_until_when() -> None:
    headers = {
        "X-RateLimit-Minutely-Limit": "60",
        "X-RateLimit-Minutely-Remaining": "0",
        "X-RateLimit-Minutely-Reset": "1767609060000",
    }
    with pytest.raises(ApiUnavailable, match=r"all 60 calls are spent until 2026-01-05T10:31:00Z"):
        ask([(429, b"")], "get", "Items", GUID, headers=headers)
    with pytest.raises(ApiUnavailable, match="Retry-After 7"):
        ask([(429, b"")], "get", "Items", GUID, headers={"Retry-After": "7"})


@pytest.mark.parametrize(("left", "spent"), [("0", True), ("1", False)])
def test_a_spent_day_is_told_from_a_spent_minute(left: str, spent: bool) -> None:
    headers = {"X-RateLimit-Minutely-Limit": "60", "X-RateLimit-Minutely-Remaining": "0"}
    headers |= {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": left}
    with pytest.raises(ApiUnavailable) as caught:
        ask([(429, b"")], "get", "Items", GUID, headers=headers)
    assert (caught.value.code == CALLS_USED_UP) is spent


def test_limits_are_remembered_as_the_last_answer_told_them() -> None:
    scripted = Scripted(
        [
            (
                200,
                listed({"ID": GUID}),
                {
                    "X-RateLimit-Limit": "5000",
                    "X-RateLimit-Remaining": "4321",
                    "X-RateLimit-Reset": "1767657600000",
                    "X-RateLimit-Minutely-Limit": "60",
                    "X-RateLimit-Minutely-Remaining": "59",
                },
            ),
            (200, listed({"ID": GUID}), {"X-RateLimit-Remaining": "many"}),
        ]
    )
    assert (scripted.client.daily, scripted.client.minutely) == (None, None)
    for _ in range(2):
        trio.run(scripted.client.get, "Items", GUID)
        assert scripted.client.daily == Allowance(limit=5000, remaining=4321, reset_ms=1767657600000)
        assert scripted.client.minutely == Allowance(limit=60, remaining=59, reset_ms=None)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_readings_are_refused_and_counted(status: int) -> None:
    scripted = Scripted([(status, b"", {"Reason": "expired"})])
    with pytest.raises(ApiRefused, match="expired"):
        trio.run(scripted.client.get, "Items", GUID)
    assert scripted.client.refusals == {"logistics/Items": 1}


@pytest.mark.parametrize(
    "made",
    [
        {"d": {"ID": GUID.upper()}},
        {"d": [{"ID": GUID}]},
        {"d": {"ID": None, "__metadata": {"uri": f"{HOST}/api/v1/42/logistics/Items(guid'{GUID}')"}}},
    ],
)
def test_a_creation_is_read_again_whatever_its_answer_tells(made: dict[str, Any]) -> None:
    row = {"ID": GUID, "Code": "B1", "Modified": "/Date(1767609012347+0100)/", "IsMailing": None}
    record = ask([(201, made), (200, {"d": [row]})], "create", "Items", {"Code": "B1"})
    assert (record.id, record.values["Code"]) == (GUID, "B1")
    assert record.modified == "2026-01-05T10:30:12.347Z"


@pytest.mark.parametrize(
    "made", [b"", {"d": {"ID": None}}, {"d": {"__metadata": {"uri": "x"}}}, {"d": {"results": []}}]
)
def test_a_creation_that_does_not_say_what_it_made_is_no_answer(made: Any) -> None:
    with pytest.raises(ApiUnavailable, match="did not say which"):
        ask([(201, made)], "create", "Items", {"Code": "B1"})


def test_links_to_the_next_page_are_followed_at_home_alone() -> None:
    home = f"{HOST}/api/v1/42/logistics/Items?$skiptoken=guid'{GUID}'"
    pages = [(200, listed({"ID": GUID}, following=home)), (200, listed({"ID": GUID})), (200, listed())]
    assert len(ask(pages, "find", "Items", "Code", "x")) == 2
    with pytest.raises(ApiUnavailable, match=r"links to evil\.example"):
        ask([(200, listed({"ID": GUID}, following="https://evil.example/x"))], "find", "Items", "Code", "x")
    again = [(200, listed({"ID": GUID}, following=home))] * 3
    with pytest.raises(ApiUnavailable, match="repeats the pages"):
        ask(again, "find", "Items", "Code", "x")


def test_an_answer_without_rows_is_no_answer() -> None:
    with pytest.raises(ApiUnavailable, match="no rows"):
        ask([(200, b"<html>")], "find", "Items", "Code", "x")


def test_lines_that_cannot_be_looked_for_are_refused() -> None:
    with pytest.raises(ApiRefused):
        ask([], "find", "Quotations", "QuotationLines.Foo", "x")
    schema = exact_schema()
    assert schema.entity("Quotations").field("QuotationLines.Item").type is FieldType.REFERENCE  # type: ignore[union-attr]


def test_the_real_way_in_lasts_beyond_the_life_of_a_token() -> None:
    async def story(stage: Stage) -> None:
        account = stage.emulator.oauth_account(URL, "harness")
        client = make_client(
            stage.store.schema, account, stage.http, clock_now=stage.clock.now, stamp=stage.clock.stamp
        )
        made = await client.create("Accounts", {"Name": "One"})
        for _ in range(3):
            await stage.clock.sleep(1_000)
            assert await client.get("Accounts", made.id) == made
        assert isinstance(client, ExactOnlineClient)
        assert client.refusals == {}

    play(story)
    assert known_budget(exact_schema()).calls_per_minute == 60


def test_a_500_that_names_a_broken_rule_would_be_one_again() -> None:
    """The transport repeats no such call; one that says nothing is as its status says."""

    async def story(stage: Stage) -> None:
        said = b'{"error":{"code":"","message":{"lang":"","value":"Mandatory: Name"}}}'
        assert stage.client._judge(500, said) is False
        assert stage.client._judge(500, b"<html>") is None
        assert stage.client._judge(400, said) is None

    play(story)
