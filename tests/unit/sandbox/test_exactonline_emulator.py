"""The emulated company answers as the fact sheet says Exact Online does, and its manners can be switched."""

import re
from typing import Any

import pytest

from talkqa.model.errors import ConfigError
from talkqa.sandbox.dialects.exactonline.emulator import ExactOnlineEmulator
from talkqa.sandbox.dialects.exactonline.tables import FIRST_VERSION
from tests.unit.sandbox.exact_kit import JSON, Stage, play, rows, said

GUID = "00000000-0000-4000-8000-000000000000"
FULL = {**JSON, "Prefer": "return=representation"}


def test_a_created_row_is_told_in_verbose_json_with_link_type_and_padding() -> None:
    async def story(stage: Stage) -> None:
        body = {"Name": "Bolts", "Status": "C", "Country": "NL", "StartDate": "2026-01-05T00:00:00", "IsMailing": 1}
        answer = await stage.ask("POST", "crm/Accounts", body, headers=FULL)
        assert answer.status_code == 201
        made = answer.json()["d"]
        assert made["__metadata"]["type"] == "Exact.Web.Api.Models.Account"
        assert made["__metadata"]["uri"] == answer.headers["location"]
        assert made["__metadata"]["uri"].endswith(f"/crm/Accounts(guid'{made['ID']}')")
        assert (made["Code"], made["Country"]) == ("1".rjust(18), "NL ")
        assert made["StartDate"] == "/Date(1767571200000)/"
        assert (made["IsMailing"], made["IsSales"]) == (1, True)
        assert made["Created"] == made["Modified"]
        assert made["CreatorFullName"] == "QA User"
        assert made["Division"] == stage.emulator.company.division
        read = await stage.ask("GET", f"crm/Accounts(guid'{made['ID']}')?$select=Name,Code")
        assert read.json()["d"].keys() == {"__metadata", "Name", "Code"}

    play(story)


def test_a_creation_tells_little_unless_asked_and_never_more_than_the_key_where_that_is_the_manner() -> None:
    async def story(stage: Stage) -> tuple[Any, Any]:
        plain = (await stage.ask("POST", "crm/Accounts", {"Name": "One"})).json()["d"]
        full = (await stage.ask("POST", "crm/Accounts", {"Name": "Two"}, headers=FULL)).json()["d"]
        return plain, full

    plain, full = play(story)
    assert plain["ID"]
    assert plain["Name"] is None
    assert full["Name"] == "Two"
    assert play(story, quirks={"key-alone": True})[1]["Name"] is None


def test_a_put_changes_what_it_names_clears_by_null_and_answers_nothing() -> None:
    async def story(stage: Stage) -> None:
        key = await stage.customer(City="Delft", Postcode="2611")
        answer = await stage.ask("PUT", f"crm/Accounts(guid'{key}')", {"City": "Gouda", "Postcode": None})
        assert (answer.status_code, answer.content) == (204, b"")
        row = (await stage.ask("GET", f"crm/Accounts(guid'{key}')?$select=Name,City,Postcode")).json()["d"]
        assert (row["Name"], row["City"], row["Postcode"]) == ("Bolts", "Gouda", None)
        assert (await stage.ask("PUT", f"crm/Accounts(guid'{GUID}')", {"City": "x"})).status_code == 404
        assert (await stage.ask("PATCH", f"crm/Accounts(guid'{key}')", {"City": "x"})).status_code == 405

    play(story)


def test_a_deleted_row_is_gone_and_stands_in_the_feed_of_deletions() -> None:
    async def story(stage: Stage) -> None:
        key = await stage.customer()
        assert (await stage.ask("DELETE", f"crm/Accounts(guid'{key}')", user="engine")).status_code == 204
        assert (await stage.ask("DELETE", f"crm/Accounts(guid'{key}')")).status_code == 404
        assert (await stage.ask("GET", f"crm/Accounts(guid'{key}')")).status_code == 404
        await stage.clock.sleep(10)
        select = "$select=Timestamp,ID,EntityKey,EntityType,DeletedBy,DeletedDate,Division"
        (row,) = rows(await stage.ask("GET", f"sync/Deleted?$filter=Timestamp gt 1L&{select}"))
        assert (row["EntityKey"], row["EntityType"]) == (key, 2)
        assert row["DeletedBy"] == stage.emulator.company.user_id("engine")
        assert re.fullmatch(r"/Date\(\d+\)/", row["DeletedDate"])
        assert rows(await stage.ask("GET", f"sync/Deleted?$filter=Timestamp gt {row['Timestamp']}L&{select}")) == []

    play(story)


def test_a_list_wants_a_selection_and_a_filter_by_one_of_certain_properties() -> None:
    async def story(stage: Stage) -> list[Any]:
        await stage.customer()
        paths = (
            "crm/Accounts",
            "crm/Accounts?$select=Name",
            "crm/Accounts?$select=Name&$filter=Website eq 'x'",
            "crm/Accounts?$filter=Name eq 'Bolts'&$top=1",
            "crm/Accounts?$select=Name&$filter=Website eq null and Modified ge datetime'2020-01-01T00:00:00'",
        )
        return [await stage.ask("GET", path) for path in paths]

    answers = play(story)
    assert [answer.status_code for answer in answers] == [400, 400, 400, 200, 200]
    assert said(answers[0]).startswith("Please add a $select or a $top=1 statement")
    assert said(answers[1]).startswith("This endpoint has mandatory filtering applied.")
    answers = play(story, quirks={"select-needed": False, "filter-needed": False})
    assert [answer.status_code for answer in answers] == [200] * 5


def test_pages_of_60_are_linked_by_skiptoken_and_top_ends_them() -> None:
    async def story(stage: Stage) -> None:
        keys = {await stage.customer(Name=f"Bolts {number}") for number in range(130)}
        query = "crm/Accounts?$select=ID&$filter=Modified ge datetime'2020-01-01T00:00:00'"
        answer = await stage.ask("GET", f"{query}&$inlinecount=allpages")
        assert answer.json()["d"]["__count"] == "130"
        sizes, found = [], set()
        while True:
            inner = answer.json()["d"]
            sizes.append(len(inner["results"]))
            found |= {row["ID"] for row in inner["results"]}
            if "__next" not in inner:
                break
            assert "$skiptoken=guid'" in inner["__next"].replace("%27", "'")
            answer = await stage.ask("GET", inner["__next"].replace("http://exact-online.sandbox", ""))
        assert (sizes, found) == ([60, 60, 10], keys)
        top = await stage.ask("GET", f"{query}&$top=5")
        assert len(top.json()["d"]) == 5
        assert len(rows(await stage.ask("GET", f"{query}&$skip=125"))) == 5
        bulk = (await stage.ask("GET", "bulk/CRM/Accounts?$select=ID")).json()["d"]
        assert (len(bulk["results"]), "__next" in bulk) == (130, False)
        count = await stage.ask("GET", "crm/Accounts/$count")
        assert (count.text, count.headers["content-type"]) == ("130", "text/plain")

    play(story)


def test_with_top_the_shape_of_the_list_is_a_manner() -> None:
    async def story(stage: Stage) -> Any:
        await stage.customer()
        return (await stage.ask("GET", "crm/Accounts?$select=Name&$filter=Name eq 'bolts'&$top=1")).json()["d"]

    assert isinstance(play(story), list)
    assert isinstance(play(story, quirks={"top-gives-bare-list": False}), dict)


def test_rows_are_ordered_and_pages_keep_that_order() -> None:
    async def story(stage: Stage) -> None:
        for number in range(70):
            await stage.customer(Name=f"Bolts {number:02d}", **({"City": "Delft"} if number == 3 else {}))
        query = "crm/Accounts?$select=Name,City&$filter=Modified ge datetime'2020-01-01T00:00:00'&$orderby="
        page = (await stage.ask("GET", f"{query}Name desc")).json()["d"]
        second = await stage.ask("GET", page["__next"].replace("http://exact-online.sandbox", ""))
        names = [row["Name"] for row in page["results"] + rows(second)]
        assert names == sorted(names, reverse=True)
        assert rows(await stage.ask("GET", f"{query}City desc,Name"))[0]["City"] == "Delft"
        assert (await stage.ask("GET", f"{query}Foo")).status_code == 400

    play(story)


@pytest.mark.parametrize(
    "query",
    [
        "$select=Foo",
        "$select=Name&$filter=Foo eq 1",
        "$select=Name&$filter=Name eq",
        "$select=Name&$filter=Name eq 'x'&$expand=Contacts",
        "$select=Name&$filter=Name eq 'x'&$top=many",
        "$select=Name&$filter=Name eq 'x'&$apply=1",
        "$select=Name&$filter=Parent/Name eq 'x'",
    ],
)
def test_what_a_query_gets_wrong_is_a_400_with_an_error_body(query: str) -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.ask("GET", f"crm/Accounts?{query}")
        assert (answer.status_code, bool(said(answer))) == (400, True)
        assert answer.json()["error"]["code"] == ""

    play(story)


def test_sync_paths_want_a_selection_filter_by_row_version_alone_and_show_the_newest_later() -> None:
    async def story(stage: Stage) -> tuple[int, int]:
        await stage.customer()
        path = "sync/CRM/Accounts?$select=Timestamp,ID,Name&$filter=Timestamp gt 0L"
        early = len(rows(await stage.ask("GET", path)))
        await stage.clock.sleep(10)
        (row,) = rows(await stage.ask("GET", path))
        assert row["Name"] == "Bolts"
        assert rows(await stage.ask("GET", path.replace("0L", f"{row['Timestamp']}L"))) == []
        for wrong in (
            "sync/CRM/Accounts?$filter=Timestamp gt 0L",
            "sync/CRM/Accounts?$select=Name&$filter=Name eq 'x'",
            "sync/CRM/Accounts?$select=Name&$filter=Timestamp gt 0L and Name eq 'x'",
            "sync/CRM/Accounts?$select=Name&$filter=Timestamp gt 0L&$expand=x",
            "sync/CRM/Accounts?$select=Name&$skiptoken=x",
        ):
            assert (await stage.ask("GET", wrong)).status_code == 400, wrong
        assert (await stage.ask("GET", "sync/CRM/Foo?$select=ID")).status_code == 404
        assert (await stage.ask("POST", "sync/CRM/Accounts", {})).status_code == 405
        return early, len(rows(await stage.ask("GET", path)))

    assert play(story) == (0, 1)
    assert play(story, quirks={"sync-lags": False}) == (1, 1)


def test_sync_pages_hold_1000_rows_and_go_on_behind_the_last() -> None:
    async def story(stage: Stage) -> None:
        store = stage.store.entities["accounts"]
        for number in range(1001):
            store.install({"Name": f"B {number}"}, "harness")
        await stage.clock.sleep(10)
        page = (await stage.ask("GET", "sync/CRM/Accounts?$select=Timestamp,ID")).json()["d"]
        assert len(page["results"]) == 1000
        rest = rows(await stage.ask("GET", page["__next"].replace("http://exact-online.sandbox", "")))
        assert [int(row["Timestamp"]) for row in rest] == [FIRST_VERSION + 1001]

    play(story)


def test_row_versions_are_text_or_numbers_and_can_be_asked_for_by_time() -> None:
    async def story(stage: Stage) -> tuple[Any, int]:
        await stage.customer()
        await stage.clock.sleep(10)
        (row,) = rows(await stage.ask("GET", "sync/CRM/Accounts?$select=Timestamp"))
        query = "?modified=datetime'2020-01-01T00:00:00'&endPoint='Accounts'"
        told = await stage.ask("GET", f"read/sync/Sync/SyncTimestamp{query}")
        if told.status_code == 200:
            assert told.json()["d"]["TimeStampAsBigInt"] == row["Timestamp"]
        return row["Timestamp"], told.status_code

    assert play(story) == (str(FIRST_VERSION + 1), 200)
    assert play(story, quirks={"long-numbers-as-text": False, "no-sync-timestamp": True}) == (FIRST_VERSION + 1, 404)


def test_an_order_wants_a_customer_and_a_line_and_shows_its_lines_when_expanded() -> None:
    async def story(stage: Stage) -> None:
        account, item = await stage.customer(), await stage.item()
        lines = [{"Item": item, "Quantity": 2, "UnitPrice": 12.5}, {"Item": item, "NetPrice": 1.0}]
        assert said(await stage.ask("POST", "salesorder/SalesOrders", {"OrderedBy": account})).endswith(
            "Mandatory: SalesOrderLines"
        )
        prospect = await stage.customer(Name="Later", Status="P")
        refused = await stage.ask("POST", "salesorder/SalesOrders", {"OrderedBy": prospect, "SalesOrderLines": lines})
        assert (refused.status_code, said(refused)) == (500, "Account is not a customer: OrderedBy")
        bad = [{"Item": GUID, "Quantity": 1}]
        refused = await stage.ask("POST", "salesorder/SalesOrders", {"OrderedBy": account, "SalesOrderLines": bad})
        assert said(refused) == "Does not exist: Item"
        key = await stage.make("salesorder/SalesOrders", OrderedBy=account, SalesOrderLines=lines)
        path = f"salesorder/SalesOrders(guid'{key}')"
        row = (await stage.ask("GET", path)).json()["d"]
        assert (row["OrderNumber"], row["Status"], row["StatusDescription"]) == (1, 12, "Open")
        assert (row["DeliverTo"], row["OrderedByName"], row["AmountDC"]) == (account, "Bolts", 26.0)
        assert row["SalesOrderLines"]["__deferred"]["uri"].endswith("/SalesOrderLines")
        shown = (await stage.ask("GET", f"{path}?$expand=SalesOrderLines")).json()["d"]["SalesOrderLines"]["results"]
        assert [(line["LineNumber"], line["Quantity"], line["AmountDC"]) for line in shown] == [
            (1, 2, 25.0),
            (2, 1, 1.0),
        ]
        assert shown[0]["ItemCode"] == "B1"
        for used in (f"crm/Accounts(guid'{account}')", f"logistics/Items(guid'{item}')"):
            assert said(await stage.ask("DELETE", used)).startswith("Cannot delete, in use")
        assert (await stage.ask("DELETE", path)).status_code == 204
        assert (await stage.ask("DELETE", f"crm/Accounts(guid'{account}')")).status_code == 204

    play(story)


def test_a_line_of_its_own_belongs_to_its_header_and_may_stamp_it() -> None:
    async def story(stage: Stage) -> tuple[bool, bool]:
        account, item = await stage.customer(), await stage.item()
        key = await stage.make("crm/Quotations", OrderAccount=account, QuotationLines=[{"Item": item}])
        path = f"crm/Quotations(guid'{key}')?$select=Modified,AmountDC,QuotationNumber,QuotationLines"
        before = (await stage.ask("GET", path)).json()["d"]
        await stage.clock.sleep(5)
        line = await stage.make("crm/QuotationLines", QuotationID=key, Item=item, UnitPrice=3, Quantity=2)
        after = (await stage.ask("GET", path)).json()["d"]
        assert (before["AmountDC"], after["AmountDC"]) == (0.0, 6.0)
        await stage.clock.sleep(5)
        assert (await stage.ask("PUT", f"crm/QuotationLines(guid'{line}')", {"Quantity": 1})).status_code == 204
        last = (await stage.ask("GET", path)).json()["d"]
        shown = (await stage.ask("GET", f"crm/QuotationLines(guid'{line}')")).json()["d"]
        assert (shown["QuotationNumber"], shown["LineNumber"], shown["ItemDescription"]) == (1, 2, "Bolt")
        return before["Modified"] != after["Modified"], after["Modified"] != last["Modified"]

    assert play(story) == (True, True)
    assert play(story, quirks={"lines-stamp-headers": False}) == (False, False)


def test_what_may_be_sold_and_to_whom_is_a_matter_of_manners() -> None:
    async def story(stage: Stage) -> list[int]:
        item, sold = await stage.item(), await stage.item(Code="B2", IsSalesItem=True)
        prospect, customer = await stage.customer(Status="P"), await stage.customer()
        tried = [(customer, item), (customer, sold), (prospect, sold)]
        answers = [
            await stage.ask("POST", "crm/Quotations", {"OrderAccount": a, "QuotationLines": [{"Item": i}]})
            for a, i in tried
        ]
        direct = await stage.ask("POST", "crm/QuotationLines", {"Item": item, "QuotationID": GUID})
        return [answer.status_code for answer in answers] + [direct.status_code]

    assert play(story) == [201, 201, 201, 500]
    assert play(story, quirks={"items-are-sold": False}) == [500, 201, 201, 500]
    assert play(story, quirks={"quotations-need-customers": True}) == [201, 201, 500, 500]


def test_a_contact_mirrors_its_account_and_has_one_address_under_two_names() -> None:
    async def story(stage: Stage) -> None:
        account = await stage.customer(City="Delft", Country="NL", AddressLine1="Markt 1")
        assert said(await stage.ask("POST", "crm/Contacts", {"Account": account})) == "Mandatory: LastName"
        key = await stage.make(
            "crm/Contacts", Account=account, FirstName="Ada", LastName="Quist", BusinessEmail="ada@example.org"
        )
        path = f"crm/Contacts(guid'{key}')"
        row = (await stage.ask("GET", path)).json()["d"]
        assert (row["FullName"], row["AccountName"], row["City"], row["Country"]) == (
            "Ada Quist",
            "Bolts",
            "Delft",
            "NL ",
        )
        assert (row["Email"], row["BusinessEmail"]) == ("ada@example.org", "ada@example.org")
        assert (row["Code"], row["AddressStreet"], row["AccountIsCustomer"]) == ("1".rjust(18), "Markt 1", True)
        both = {"Email": "a@example.org", "BusinessEmail": "b@example.org", "City": "Gouda"}
        assert (await stage.ask("PUT", path, both)).status_code == 204
        row = (await stage.ask("GET", path)).json()["d"]
        assert (row["Email"], row["BusinessEmail"], row["City"]) == ("a@example.org", "a@example.org", "Delft")
        assert said(await stage.ask("PUT", path, {"FirstName": None, "LastName": None})) == "Mandatory: LastName"
        stranger = await stage.customer(Name="Else")
        wrong = await stage.ask("PUT", f"crm/Accounts(guid'{stranger}')", {"MainContact": key})
        assert said(wrong) == "Contact belongs to another account: MainContact"
        assert (await stage.ask("PUT", f"crm/Accounts(guid'{account}')", {"MainContact": key})).status_code == 204
        assert (await stage.ask("GET", path)).json()["d"]["IsMainContact"] is True

    play(story)


def test_deleting_an_account_takes_its_contacts_or_is_blocked_by_them() -> None:
    async def story(stage: Stage) -> tuple[int, int]:
        account = await stage.customer()
        contact = await stage.make("crm/Contacts", Account=account, LastName="Quist")
        deleted = await stage.ask("DELETE", f"crm/Accounts(guid'{account}')")
        return deleted.status_code, (await stage.ask("GET", f"crm/Contacts(guid'{contact}')")).status_code

    assert play(story) == (204, 404)
    assert play(story, quirks={"account-takes-contacts": False}) == (500, 200)


def test_broken_rules_are_told_with_500_in_the_users_language() -> None:
    async def story(stage: Stage) -> list[tuple[int, str]]:
        await stage.item()
        bodies = (
            ("logistics/Items", {"Code": "B1", "Description": "again"}),
            ("crm/Accounts", {"City": "Delft"}),
            ("crm/Accounts", {"Name": "x", "Code": "abc"}),
            ("crm/Accounts", {"Name": "x", "City": "D" * 31}),
            ("crm/Accounts", {"Name": "x", "Status": "Z"}),
            ("crm/Contacts", {"LastName": "x", "Account": GUID}),
            ("logistics/Items", {}),
        )
        answers = [await stage.ask("POST", path, body) for path, body in bodies]
        return [(answer.status_code, said(answer)) for answer in answers]

    english = play(story)
    assert {status for status, _ in english} == {500}
    assert [text for _, text in english] == [
        "Data already exists.: Code",
        "Mandatory: Name",
        "Not a number: Code",
        "Value is too long: City",
        "Invalid value: Status",
        "Does not exist: Account",
        "Mandatory: Code\r\nMandatory: Description",
    ]
    dutch = play(story, quirks={"dutch": True})
    assert dutch[:2] == [(500, "Gegeven bestaat reeds.: Code"), (500, "Verplicht: Name")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{", "no JSON object"),
        (b"[1]", "no JSON object"),
        ({"Name": "x", "Foo": 1}, "'Foo'"),
        ({"Name": 5}, "'Name'"),
        ({"Name": "x", "Parent": "abc"}, "'Parent' to type 'Guid'"),
        ({"Name": "x", "StartDate": "soon"}, "'StartDate' to type 'DateTime'"),
        ({"Name": "x", "Blocked": 1}, "'Blocked' to type 'Boolean'"),
        ({"Name": "x", "IsMailing": True}, "'IsMailing' to type 'Byte'"),
        ({"Name": "x", "CreditLineSales": "1"}, "'CreditLineSales' to type 'Double'"),
        ({"Name": "x", "SecurityLevel": 1.5}, "'SecurityLevel' to type 'Int32'"),
        ({"Name": "x", "InvoicingMethod": "2"}, "'InvoicingMethod' to type 'Int16'"),
    ],
)
def test_what_cannot_be_read_is_a_400_that_names_the_property(body: Any, named: str) -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.ask("POST", "crm/Accounts", body)
        assert answer.status_code == 400
        assert named in said(answer)

    play(story)


def test_lines_that_are_no_lines_cannot_be_read() -> None:
    async def story(stage: Stage) -> None:
        account = await stage.customer()
        for lines in ("x", [1]):
            answer = await stage.ask("POST", "crm/Quotations", {"OrderAccount": account, "QuotationLines": lines})
            assert (answer.status_code, "QuotationLines" in said(answer)) == (400, True)

    play(story)


def test_read_only_properties_unknown_references_and_long_texts_have_two_manners_each() -> None:
    async def story(stage: Stage) -> list[Any]:
        read_only = await stage.ask("POST", "crm/Accounts", {"Name": "x", "IsSales": True, "ID": GUID}, headers=FULL)
        foreign = await stage.ask("POST", "crm/Accounts", {"Name": "x", "Parent": GUID}, headers=FULL)
        long = await stage.ask("POST", "crm/Accounts", {"Name": "x", "City": "D" * 31}, headers=FULL)
        return [read_only.status_code, foreign.status_code, long.status_code]

    assert play(story) == [201, 500, 500]
    switched = {"read-only-ignored": False, "foreign-guids-dropped": True, "long-text-cut": True}
    assert play(story, quirks=switched) == [500, 201, 201]


def test_currencies_that_are_not_active_are_stored_as_empty_or_kept() -> None:
    async def story(stage: Stage) -> list[Any]:
        keys = [await stage.customer(SalesCurrency=code) for code in ("EUR", "XPF")]
        read = [await stage.ask("GET", f"crm/Accounts(guid'{key}')?$select=SalesCurrency") for key in keys]
        return [answer.json()["d"]["SalesCurrency"] for answer in read]

    assert play(story) == ["EUR", None]
    assert play(story, quirks={"inactive-currencies-emptied": False}) == ["EUR", "XPF"]


def test_a_small_edition_knows_no_warehouses() -> None:
    async def story(stage: Stage) -> int:
        account, item = await stage.customer(), await stage.item()
        body = {"OrderAccount": account, "QuotationLines": [{"Item": item}], "IncotermCode": "EXW"}
        answer = await stage.ask("POST", "crm/Quotations", body)
        if answer.status_code == 500:
            assert said(answer) == "Not allow to update in Basic : IncotermCode"
        return answer.status_code

    assert play(story) == 201
    assert play(story, quirks={"basic-edition": True}) == 500


def test_without_a_right_lists_are_empty_and_writes_forbidden() -> None:
    async def story(stage: Stage) -> None:
        key = await stage.customer()
        stage.emulator.deny("Accounts", "GET", "POST", "DELETE")
        query = "?$select=ID&$filter=Name eq 'Bolts'"
        assert rows(await stage.ask("GET", f"crm/Accounts{query}")) == []
        assert rows(await stage.ask("GET", "sync/CRM/Accounts?$select=ID")) == []
        assert (await stage.ask("GET", "crm/Accounts/$count")).text == "0"
        assert (await stage.ask("POST", "crm/Accounts", {"Name": "x"})).status_code == 403
        assert (await stage.ask("DELETE", f"crm/Accounts(guid'{key}')")).status_code == 403
        assert (await stage.ask("PUT", f"crm/Accounts(guid'{key}')", {"Name": "y"})).status_code == 204
        rights = "users/UserHasRights?endpoint='CRM/Accounts'&action="
        told = [(await stage.ask("GET", f"{rights}'{action}'")).json()["d"] for action in ("GET", "PUT")]
        assert told == [{"UserHasRights": False}, {"UserHasRights": True}]
        assert (await stage.ask("GET", "users/UserHasRights?endpoint='CRM/Foo'&action='GET'")).status_code == 400

    play(story)


def test_without_the_module_orders_are_empty_and_forbidden() -> None:
    async def story(stage: Stage) -> None:
        assert rows(await stage.ask("GET", "salesorder/SalesOrders?$select=OrderID")) == []
        assert (await stage.ask("POST", "salesorder/SalesOrders", {"OrderedBy": GUID})).status_code == 403
        told = await stage.ask("GET", "users/UserHasRights?endpoint='SalesOrder/SalesOrders'&action='GET'")
        assert told.json()["d"]["UserHasRights"] is False

    play(story, licences_off=frozenset({"Trade"}))


def test_the_answer_about_a_right_has_two_forms() -> None:
    async def story(stage: Stage) -> Any:
        return (await stage.ask("GET", "users/UserHasRights?endpoint='CRM/Contacts'&action='GET'")).json()["d"]

    assert play(story) == {"UserHasRights": True}
    assert play(story, quirks={"rights-bare": True}) is True


def test_who_asks_and_which_divisions_there_are() -> None:
    async def story(stage: Stage) -> None:
        division = stage.emulator.company.division
        (me,) = rows(await stage.ask("GET", "/api/v1/current/Me?$select=CurrentDivision,UserID"))
        assert me["CurrentDivision"] == division
        assert me["UserID"] == stage.emulator.company.user_id("harness")
        assert "FullName" not in me
        assert (await stage.ask("POST", "/api/v1/current/Me", {})).status_code == 405
        for path in ("hrm/Divisions", "system/Divisions"):
            assert [row["Code"] for row in rows(await stage.ask("GET", f"{path}?$select=Code,Description"))] == [
                division
            ]
        assert (await stage.ask("GET", "crm/Accounts?$top=1", division=1)).status_code == 403

    play(story)


def test_an_unknown_token_is_refused_with_nothing_or_with_html() -> None:
    async def story(stage: Stage) -> tuple[int, bytes]:
        answer = await stage.ask("GET", "crm/Accounts?$top=1", headers={**JSON, "Authorization": "Bearer x"})
        return answer.status_code, answer.content

    assert play(story) == (401, b"")
    assert play(story, quirks={"html-errors": True})[1].startswith(b"<html>")


def test_a_token_can_be_made_dead() -> None:
    async def story(stage: Stage) -> int:
        stage.emulator.expire_token(stage.account().auth.token)
        return (await stage.ask("GET", "crm/Accounts?$top=1")).status_code

    assert play(story) == 401


def test_who_does_not_ask_for_json_gets_atom_and_plain_xml_is_refused() -> None:
    async def story(stage: Stage) -> None:
        atom = await stage.ask("GET", "crm/Accounts?$top=1", headers={"Accept": "*/*"})
        assert (atom.status_code, atom.headers["content-type"]) == (200, "application/atom+xml;charset=utf-8")
        assert (await stage.ask("GET", "crm/Accounts", headers={"Accept": "application/xml"})).status_code == 415

    play(story)


def test_a_service_describes_itself() -> None:
    async def story(stage: Stage) -> None:
        answer = await stage.ask("GET", "logistics/$metadata", headers={"Accept": "*/*"})
        assert '<EntitySet Name="Items" EntityType="Exact.Web.Api.Models.Item"/>' in answer.text
        assert '<Property Name="Code" Type="Edm.String" Nullable="false" MaxLength="30"/>' in answer.text
        assert "Contact" not in answer.text

    play(story)


@pytest.mark.parametrize(
    "path",
    [
        "crm/Foo",
        "foo/Accounts",
        "crm",
        "crm/accounts",
        "/api/v2/1/crm/Accounts",
        "crm/Accounts/x",
        "/api/oauth2/x",
        "x",
    ],
)
def test_unknown_paths_are_404(path: str) -> None:
    async def story(stage: Stage) -> None:
        assert (await stage.ask("GET", path)).status_code == 404

    play(story)


def test_an_unknown_key_is_404_or_empty() -> None:
    async def story(stage: Stage) -> int:
        return (await stage.ask("GET", f"crm/Accounts(guid'{GUID}')")).status_code

    assert play(story) == 404
    assert play(story, quirks={"missing-key-is-empty": True}) == 200


def test_times_are_told_in_utc_or_as_the_dutch_clock_shows_them() -> None:
    async def story(stage: Stage) -> tuple[int, int, Any]:
        key = await stage.customer(StartDate="2026-07-01T00:00:00")
        row = (await stage.ask("GET", f"crm/Accounts(guid'{key}')?$select=Modified,StartDate")).json()["d"]
        ms = int(re.sub(r"\D", "", row["Modified"]))
        company = stage.emulator.company
        summer = company.ms_of_stamp("2026-07-01T12:00:00+00:00")
        assert company.stamp_of_ms(summer) == "2026-07-01T12:00:00Z"
        return ms // 3_600_000 * 3_600_000, summer, row["StartDate"]

    winter_utc, summer_utc = 1_893_456_000_000, 1_782_907_200_000
    assert play(story) == (winter_utc, summer_utc, "/Date(1782864000000)/")
    assert play(story, quirks={"local-stamps": True}) == (
        winter_utc + 3_600_000,
        summer_utc + 7_200_000,
        "/Date(1782864000000)/",
    )


def test_things_can_be_done_with_a_quotation_and_failure_is_told_in_the_body() -> None:
    async def story(stage: Stage) -> None:
        account, item = await stage.customer(), await stage.item()
        key = await stage.make("crm/Quotations", OrderAccount=account, QuotationLines=[{"Item": item}])

        async def do(name: str, quotation: str = key) -> Any:
            answer = await stage.ask("POST", f"crm/{name}", {"QuotationID": quotation})
            return answer.json()["d"] if answer.status_code == 201 else answer.status_code

        async def status(quotation: str) -> int:
            return int((await stage.ask("GET", f"crm/Quotations(guid'{quotation}')")).json()["d"]["Status"])

        assert await status(key) == 20
        assert (await do("PrintQuotation"))["SuccessMessage"]
        assert await status(key) == 40
        assert (await do("ReopenQuotation"))["ErrorMessage"] == "Quotation 1 is not closed"
        made = (await do("ReviewQuotation"))["NewQuotationID"]
        assert (await status(key), await status(made)) == (6, 20)
        shown = (await stage.ask("GET", f"crm/Quotations(guid'{made}')?$expand=QuotationLines")).json()["d"]
        assert (shown["VersionNumber"], len(shown["QuotationLines"]["results"])) == (2, 1)
        assert (await do("AcceptQuotation"))["ErrorMessage"] == "Quotation 1 is closed"
        assert (await do("ReopenQuotation"))["SuccessMessage"]
        assert await status(key) == 25
        assert await do("AcceptQuotation", GUID) == 404
        assert (await stage.ask("POST", "crm/AcceptQuotation", b"x")).status_code == 400

    play(story)


def test_an_unknown_quirk_is_refused_by_name() -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(ConfigError, match="no quirk 'foo'"):
            ExactOnlineEmulator(stage.store, stage.clock, quirks={"foo": True})

    play(story)
