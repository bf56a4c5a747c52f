"""The emulated org does what the vendor's API does with records, errors, licences and limits."""

from dataclasses import replace
from typing import Any

import pytest

from talkqa.model.errors import ConfigError
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.sandbox.dialects.salesforce.ids import expand, key_prefix, make_id
from tests.unit.sandbox.salesforce_kit import AT, BASE, Org, packaged, refusal, told

GONE = "0035g000000gonE"


def test_a_record_is_created_read_changed_and_deleted() -> None:
    """201 with an id, 200 with a row, 204 without a body."""
    org = Org()
    made = org.ask("POST", "/sobjects/contact/", {"LASTNAME": "  Quist ", "FirstName": "Ada", "Title": ""})
    record_id = told(made)["id"]
    assert (made.status, told(made)) == (201, {"id": record_id, "success": True, "errors": []})
    assert made.headers["Location"] == f"{AT}/sobjects/Contact/{record_id}"
    assert record_id[:3] == "003"
    row = org.read("Contact", record_id)
    assert row["attributes"] == {"type": "Contact", "url": f"{AT}/sobjects/Contact/{record_id}"}
    assert (row["LastName"], row["Name"], row["Title"], row["IsDeleted"]) == ("Quist", "Ada Quist", None, False)
    assert row["CreatedDate"] == row["SystemModstamp"] == "2030-01-01T00:00:00.000+0000"
    org.clock.advance(90.7)
    changed = org.ask("PATCH", f"/sobjects/Contact/{record_id[:15]}", {"FirstName": None, "Phone": "+31 20"})
    assert (changed.status, changed.body) == (204, b"")
    row = org.read("Contact", record_id)
    assert (row["FirstName"], row["Name"], row["Phone"]) == (None, "Quist", "+31 20")
    assert row["LastModifiedDate"] == row["SystemModstamp"] == "2030-01-01T00:01:30.000+0000"
    assert row["CreatedDate"] == "2030-01-01T00:00:00.000+0000"
    gone = org.ask("DELETE", f"/sobjects/Contact/{record_id}")
    assert (gone.status, gone.body) == (204, b"")
    for method, body in (("GET", None), ("PATCH", {"Phone": "1"}), ("DELETE", None)):
        again = org.ask(method, f"/sobjects/Contact/{record_id}", body)
        assert refusal(again) == (404, ["ENTITY_IS_DELETED"], [])
    assert org.rows("SELECT Id FROM Contact") == []
    binned = org.rows("SELECT Id, LastName, IsDeleted FROM Contact", deleted=True)
    assert [(one["Id"], one["LastName"], one["IsDeleted"]) for one in binned] == [(record_id, "Quist", True)]


def test_single_fields_can_be_asked_for() -> None:
    """`fields` names them, in any case; an unknown one is refused."""
    org = Org()
    record_id = org.make("Contact", LastName="Quist")
    row = told(org.ask("GET", f"/sobjects/Contact/{record_id}?fields=id,lastname"))
    assert {name: row[name] for name in row if name != "attributes"} == {"Id": record_id, "LastName": "Quist"}
    assert refusal(org.ask("GET", f"/sobjects/Contact/{record_id}?fields=Id,Nope")) == (
        400,
        ["INVALID_FIELD"],
        ["Nope"],
    )


def test_numbers_moments_and_addresses_are_written_as_the_vendor_writes_them() -> None:
    """Doubles with a point, date-times to the second without a colon in the offset, addresses as one object more."""
    org = Org()
    order = org.make("Account", Name="Acme", AnnualRevenue=100, NumberOfEmployees=7, BillingCity="Oslo")
    row = org.read("Account", order)
    assert (repr(row["AnnualRevenue"]), repr(row["NumberOfEmployees"])) == ("100.0", "7")
    assert row["BillingAddress"]["city"] == "Oslo"
    assert row["BillingAddress"]["street"] is None
    assert row["ShippingAddress"] is None
    task = org.make("Task", Subject="Call", ReminderDateTime="2030-02-03T04:05:06.789+02:00")
    assert org.read("Task", task)["ReminderDateTime"] == "2030-02-03T02:05:06.000+0000"


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ({"FirstName": "Ada"}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"LastName": "   "}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG", ["LastName"]),
        ({"LastName": "Q", "Nope": 1}, "INVALID_FIELD", ["Nope"]),
        ({"LastName": "Q", "Id": "0035g000000AAAA"}, "INVALID_FIELD", ["Id"]),
        ({"LastName": "Q", "CreatedDate": "2030-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["CreatedDate"]),
        ({"LastName": "Q", "Email": "nonsense"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"LastName": "Q", "Pronouns": "it"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", ["Pronouns"]),
        ({"LastName": "Q", "AccountId": "no id"}, "MALFORMED_ID", ["AccountId"]),
        ({"LastName": "Q", "AccountId": "0015g000000AAAAAAZ"}, "MALFORMED_ID", ["AccountId"]),
        ({"LastName": "Q", "AccountId": "0015g000000AAAA"}, "INVALID_CROSS_REFERENCE_KEY", ["AccountId"]),
        ({"LastName": "Q", "Birthdate": "tomorrow"}, "JSON_PARSER_ERROR", []),
        ({"LastName": "Q", "EmailBouncedDate": "2030-99-99T00:00:00Z"}, "JSON_PARSER_ERROR", []),
        ({"LastName": "Q", "Phone": ["1"]}, "JSON_PARSER_ERROR", []),
        ({"LastName": 5}, "JSON_PARSER_ERROR", []),
        (b"[]", "JSON_PARSER_ERROR", []),
        (b"{", "JSON_PARSER_ERROR", []),
        (b"", "JSON_PARSER_ERROR", []),
    ],
)
def test_what_is_wrong_is_refused_with_the_vendors_code(body: object, code: str, fields: list[str]) -> None:
    """Each kind of mistake has its own code, and names its fields where the vendor does."""
    assert refusal(Org().ask("POST", "/sobjects/Contact", body)) == (400, [code], fields)


def test_several_mistakes_are_told_at_once() -> None:
    """Missing fields are one error, others one each."""
    answer = Org().ask("POST", "/sobjects/Opportunity", {"Name": "x" * 200, "CloseDate": None})
    status, codes, fields = refusal(answer)
    assert status == 400
    assert codes == ["STRING_TOO_LONG", "REQUIRED_FIELD_MISSING"]
    assert fields == ["Name", "StageName", "CloseDate"]


@pytest.mark.parametrize("body", [{"Id": "x"}, {"attributes": {"type": "Contact"}}])
def test_an_update_names_neither_id_nor_attributes(body: dict[str, Any]) -> None:
    """They are refused as fields that do not belong there."""
    org = Org()
    record_id = org.make("Contact", LastName="Quist", attributes={"type": "Contact"})
    assert refusal(org.ask("PATCH", f"/sobjects/Contact/{record_id}", body))[1] == ["INVALID_FIELD"]


def test_a_reference_may_be_given_in_15_characters() -> None:
    """It comes back with 18."""
    org = Org()
    account = org.make("Account", Name="Acme")
    contact = org.make("Contact", LastName="Quist", AccountId=account[:15])
    assert org.read("Contact", contact)["AccountId"] == account


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("001D000000IqhSL", "001D000000IqhSLIAZ"),
        ("aaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaAAA"),
        ("A" * 15, "A" * 15 + "555"),
    ],
)
def test_an_id_ends_in_a_checksum_of_its_case(short: str, full: str) -> None:
    """15 characters become 18, 18 stay, and a wrong checksum is no id."""
    assert expand(short) == expand(full) == full
    assert expand(full[:17] + "9") is None
    assert [expand(other) for other in (None, 5, "short", "0035g00000000-1", "å" * 15)] == [None] * 5


def test_ids_are_drawn_by_seed_and_never_twice() -> None:
    """Every entity has its prefix, every record its own id, greater than earlier ones; another seed gives others."""
    ids = [make_id(1, "Contact", ordinal) for ordinal in range(1, 500)]
    assert len({one.casefold() for one in ids}) == len(ids)
    assert sorted(ids) == ids
    assert {one[:3] for one in ids} == {"003"}
    assert ids[0] != make_id(2, "Contact", 1)
    assert key_prefix("Thing__c")[0] == "a"
    assert key_prefix("Thing__c") == key_prefix("thing__C")


def test_objects_are_listed_and_described() -> None:
    """Flags, types and lengths are those of the schema; the list has no fields."""
    org = Org()
    listed = {one["name"]: one for one in told(org.ask("GET", "/sobjects/"))["sobjects"]}
    assert listed["Contact"]["keyPrefix"] == "003"
    assert (listed["Division"]["createable"], listed["Division"]["deletable"]) == (True, False)
    assert "fields" not in listed["Contact"]
    described = told(org.ask("GET", "/sobjects/contact/describe"))
    fields = {one["name"]: one for one in described["fields"]}
    last = fields["LastName"]
    assert (last["type"], last["length"], last["nillable"], last["createable"]) == ("string", 80, False, True)
    assert (fields["Name"]["createable"], fields["Name"]["nameField"]) == (False, True)
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert fields["AccountId"]["relationshipName"] == "Account"
    assert fields["OwnerId"]["referenceTo"] == ["User"]
    assert (fields["Description"]["type"], fields["Description"]["filterable"]) == ("textarea", False)
    assert fields["MailingAddress"]["type"] == "address"
    assert fields["Pronouns"]["restrictedPicklist"] is True
    assert fields["HasOptedOutOfFax"]["defaultedOnCreate"] is True
    task = {one["name"]: one for one in told(org.ask("GET", "/sobjects/Task/describe"))["fields"]}
    assert (task["Subject"]["type"], task["CallDurationInSeconds"]["digits"]) == ("combobox", 9)


def test_what_the_user_looked_at_is_no_list_of_records() -> None:
    """The object's own path tells its metadata and the newest few that the user saw."""
    org = Org()
    ids = [org.make("Product2", Name=f"Bolt {number}") for number in range(7)]
    org.read("Product2", ids[4])
    org.ask("DELETE", f"/sobjects/Product2/{ids[6]}")
    answer = told(org.ask("GET", "/sobjects/Product2"))
    assert answer["objectDescribe"]["name"] == "Product2"
    assert [one["Id"] for one in answer["recentItems"]] == [ids[4], ids[5], ids[3], ids[2]]
    org.token = org.sign_in("engine")
    assert told(org.ask("GET", "/sobjects/Product2"))["recentItems"] == []


@pytest.mark.parametrize(
    ("licence", "entity", "query"),
    [("Divisions", "Division", "SELECT Id FROM Division"), ("Quotes", "Quote", "SELECT Id FROM Quote")],
)
def test_an_object_without_its_licence_is_not_there(licence: str, entity: str, query: str) -> None:
    """It misses in the list, is 404 by path and an unknown type in queries; its fields elsewhere go with it."""
    org = Org(licences_off=frozenset({licence}))
    assert entity not in {one["name"] for one in told(org.ask("GET", "/sobjects/"))["sobjects"]}
    assert refusal(org.ask("GET", f"/sobjects/{entity}/describe")) == (404, ["NOT_FOUND"], [])
    assert refusal(org.ask("GET", f"/query?q={query}"))[:2] == (400, ["INVALID_TYPE"])


def test_fields_of_a_feature_that_is_off_are_not_there() -> None:
    """They miss in the description, in rows and in queries."""
    org = Org(licences_off=frozenset({"State and country picklists"}))
    record_id = org.make("Contact", LastName="Quist")
    assert "MailingCountryCode" not in org.read("Contact", record_id)
    assert refusal(org.ask("GET", "/query?q=SELECT MailingCountryCode FROM Contact"))[1] == ["INVALID_FIELD"]


@pytest.mark.parametrize(
    ("on", "expected"),
    [(True, (405, ["METHOD_NOT_ALLOWED"], [])), (False, (400, ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"], []))],
)
def test_what_cannot_be_created_or_deleted_is_refused_either_way(on: bool, expected: object) -> None:
    """Nobody has confirmed the code: both are to be lived with."""
    org = Org(licences_off=frozenset({"Billing"}), method_not_allowed=on)
    account = org.make("Account", Name="Acme")
    invoice = {"BillingAccountId": account, "InvoiceDate": "2030-01-01", "DueDate": "2030-01-31"}
    assert refusal(org.ask("POST", "/sobjects/Invoice", invoice)) == expected
    division = org.make("Division", Name="North")
    assert refusal(org.ask("DELETE", f"/sobjects/Division/{division}")) == expected
    assert told(org.ask("GET", "/sobjects/Invoice/describe"))["createable"] is False


def test_other_methods_and_paths_are_refused() -> None:
    """404 for what is not there, 405 for what cannot be done."""
    org = Org()
    record_id = org.make("Contact", LastName="Quist")
    assert refusal(org.ask("PUT", f"/sobjects/Contact/{record_id}", {}))[:2] == (405, ["METHOD_NOT_ALLOWED"])
    assert refusal(org.ask("GET", "/sobjects/Nope"))[:2] == (404, ["NOT_FOUND"])
    assert refusal(org.ask("GET", f"/sobjects/Contact/{GONE}"))[:2] == (404, ["NOT_FOUND"])
    assert refusal(org.ask("GET", "/sobjects/Contact/no id"))[:2] == (404, ["NOT_FOUND"])
    assert refusal(org.ask("GET", "/nothing"))[:2] == (404, ["NOT_FOUND"])
    assert refusal(org.ask("GET", "/sobjects/Contact/a/b/c"))[:2] == (404, ["NOT_FOUND"])
    for path in ("/services/data/v99.0/sobjects", "/services/data/v12.0/limits", "/services/other", "/"):
        assert refusal(org.send("GET", path))[:2] == (404, ["NOT_FOUND"])


def test_versions_are_told_to_anybody() -> None:
    """The list needs no token; the root of a version does."""
    org = Org()
    org.token = ""
    versions = told(org.send("GET", "/services/data/"))
    assert {"label": "Winter '25", "url": "/services/data/v62.0", "version": "62.0"} in versions
    assert refusal(org.ask("GET", "/"))[:2] == (401, ["INVALID_SESSION_ID"])
    org.token = org.sign_in()
    assert told(org.ask("GET", "/"))["sobjects"] == f"{AT}/sobjects"


def test_calls_are_counted_and_end() -> None:
    """Every answer tells the count of the last 24 hours; beyond it nothing is answered."""
    org = Org()
    org.emulator.calls_allowed = 3
    assert org.ask("GET", "/limits").headers["Sforce-Limit-Info"] == "api-usage=1/3"
    limits = told(org.ask("GET", "/limits"))
    assert limits["DailyApiRequests"] == {"Max": 3, "Remaining": 1}
    org.ask("GET", "/sobjects")
    refused = org.ask("GET", "/sobjects")
    assert refusal(refused) == (403, ["REQUEST_LIMIT_EXCEEDED"], [])
    assert refused.headers["Sforce-Limit-Info"] == "api-usage=3/3"
    org.clock.advance(25 * 3600)
    org.token = org.sign_in()
    assert org.ask("GET", "/limits").headers["Sforce-Limit-Info"] == "api-usage=1/3"
    assert refusal(Org(daily_limit_reached=True).ask("GET", "/limits"))[1] == ["REQUEST_LIMIT_EXCEEDED"]


def test_every_answer_tells_the_orgs_time() -> None:
    """In the form of HTTP."""
    org = Org()
    org.clock.advance(61)
    assert org.ask("GET", "/limits").headers["date"] == "Tue, 01 Jan 2030 00:01:01 GMT"


def test_a_write_can_be_made_conditional() -> None:
    """A record changed later than the date given stays as it is; a date nobody can read is no condition."""
    org = Org()
    record_id = org.make("Contact", LastName="Quist")
    org.clock.advance(10)
    path = f"/sobjects/Contact/{record_id}"
    assert org.ask("PATCH", path, {"Phone": "1"}, if_unmodified_since="Tue, 01 Jan 2030 00:00:00 GMT").status == 204
    refused = org.ask("PATCH", path, {"Phone": "2"}, if_unmodified_since="Tue, 01 Jan 2030 00:00:09 GMT")
    assert refusal(refused) == (412, ["PRECONDITION_FAILED"], [])
    assert org.ask("PATCH", path, {"Phone": "3"}, if_unmodified_since="Tue, 01 Jan 2030 00:00:10 -0000").status == 204
    assert org.ask("PATCH", path, {"Phone": "4"}, if_unmodified_since="some day").status == 204


@pytest.mark.parametrize("on", [True, False])
def test_an_idle_write_moves_the_stamp_where_the_org_does_so(on: bool) -> None:
    """The default is that it does."""
    org = Org(idle_writes_stamp=on)
    record_id = org.make("Contact", LastName="Quist")
    org.clock.advance(5)
    org.ask("PATCH", f"/sobjects/Contact/{record_id}", {"LastName": "Quist"})
    assert (org.read("Contact", record_id)["SystemModstamp"][:19] == "2030-01-01T00:00:05") is on


@pytest.mark.parametrize("on", [True, False])
def test_addresses_and_line_ends_may_come_back_otherwise(on: bool) -> None:
    """Unconfirmed either way."""
    org = Org(fold_email=on, crlf=on)
    record_id = org.make("Contact", LastName="Q", Email="Ada@Example.org", Description="one\ntwo\r\nthree")
    row = org.read("Contact", record_id)
    assert row["Email"] == ("ada@example.org" if on else "Ada@Example.org")
    assert row["Description"] == ("one\r\ntwo\r\nthree" if on else "one\ntwo\r\nthree")


@pytest.mark.parametrize("on", [True, False])
def test_division_names_may_stay_taken(on: bool) -> None:
    """Unconfirmed either way; a division may keep its own name."""
    org = Org(division_names_taken=on)
    first = org.make("Division", Name="North")
    second = org.ask("POST", "/sobjects/Division", {"Name": "North"})
    assert (refusal(second)[1] == ["DUPLICATE_VALUE"]) if on else second.status == 201
    assert org.ask("PATCH", f"/sobjects/Division/{first}", {"Name": "North"}).status == 204


def test_look_alikes_are_refused_where_rules_are_on() -> None:
    """By name or e-mail, with the records that were found; a header lets them through."""
    org = Org(duplicate_rules=True)
    first = org.make("Contact", FirstName="Ada", LastName="Quist", Email="ada@example.org")
    refused = org.ask("POST", "/sobjects/Contact", {"FirstName": "ADA", "LastName": "quist"})
    assert refusal(refused)[:2] == (400, ["DUPLICATES_DETECTED"])
    result = told(refused)[0]["duplicateResult"]
    assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    assert refusal(org.ask("POST", "/sobjects/Contact", {"LastName": "B", "Email": "ADA@example.org"}))[0] == 400
    body = {"FirstName": "Ada", "LastName": "Quist"}
    allowed = org.ask("POST", "/sobjects/Contact", body, sforce_duplicate_rule_header="allowSave=true")
    assert allowed.status == 201
    assert org.ask("PATCH", f"/sobjects/Contact/{first}", {"Phone": "1"}).status == 400
    org.make("Contact", LastName="Unlike")
    org.make("Account", Name="Acme")
    assert refusal(org.ask("POST", "/sobjects/Account", {"Name": "ACME"}))[1] == ["DUPLICATES_DETECTED"]
    org.make("Task", Subject="Call")
    org.make("Task", Subject="Call")
    assert Org().make("Contact", LastName="Quist")


def test_a_locked_row_is_free_the_next_time() -> None:
    """Some writes find their row locked; repeated, they get through."""
    org = Org(lock_rows=True)
    record_id = org.make("Contact", LastName="Quist")
    answers = [org.ask("PATCH", f"/sobjects/Contact/{record_id}", {"Phone": str(n)}) for n in range(40)]
    locked = [number for number, answer in enumerate(answers) if answer.status != 204]
    assert 0 < len(locked) < 20
    assert {code for number in locked for code in refusal(answers[number])[1]} == {"UNABLE_TO_LOCK_ROW"}
    for number in locked:
        assert org.ask("PATCH", f"/sobjects/Contact/{record_id}", {"Phone": str(number)}).status == 204


def test_changes_and_deletions_can_be_replicated() -> None:
    """Ids changed, and ids deleted with their moment, within a window."""
    org = Org()
    kept, gone = org.make("Contact", LastName="A"), org.make("Contact", LastName="B")
    org.clock.advance(600)
    org.ask("DELETE", f"/sobjects/Contact/{gone}")
    window = "start=2029-12-31T23:59:00Z&end=2030-01-01T01:00:00%2B00:00"
    updated = told(org.ask("GET", f"/sobjects/Contact/updated/?{window}"))
    assert updated == {"ids": [kept], "latestDateCovered": "2030-01-01T00:10:00.000+0000"}
    deleted = told(org.ask("GET", f"/sobjects/Contact/deleted/?{window}"))
    assert deleted["deletedRecords"] == [{"id": gone, "deletedDate": "2030-01-01T00:10:00.000+0000"}]
    for wrong in (
        "start=x&end=y",
        "",
        "start=2030-01-02T00:00:00&end=2030-01-01T00:00:00",
        window.replace("2029", "2028"),
    ):
        assert refusal(org.ask("GET", f"/sobjects/Contact/updated/?{wrong}"))[1] == ["INVALID_REPLICATION_DATE"]


def test_the_org_tells_of_itself_and_its_users() -> None:
    """User information, users and the organisation can be read and not written."""
    org = Org()
    told_user = told(org.send("GET", "/services/oauth2/userinfo"))
    users = org.rows("SELECT Id, Username FROM User WHERE Username LIKE 'harness@%'")
    assert [one["Id"] for one in users] == [told_user["user_id"]]
    assert users[0]["Username"] == told_user["preferred_username"]
    [organisation] = org.rows("SELECT Id, IsSandbox FROM Organization")
    assert (organisation["Id"], organisation["IsSandbox"]) == (told_user["organization_id"], True)
    assert Org(sandbox=False).rows("SELECT IsSandbox FROM Organization")[0]["IsSandbox"] is False
    assert org.ask("POST", "/sobjects/User", {"Username": "x"}).status == 405
    assert org.ask("PATCH", f"/sobjects/User/{told_user['user_id']}", {"Username": "x"}).status == 405


def test_writes_carry_the_user() -> None:
    """Creator, owner and last writer."""
    org = Org()
    record_id = org.make("Contact", LastName="Quist")
    harness = told(org.send("GET", "/services/oauth2/userinfo"))["user_id"]
    org.token = org.sign_in("engine")
    engine = told(org.send("GET", "/services/oauth2/userinfo"))["user_id"]
    org.ask("PATCH", f"/sobjects/Contact/{record_id}", {"Title": "Dr"})
    row = org.read("Contact", record_id)
    assert (row["CreatedById"], row["OwnerId"], row["LastModifiedById"]) == (harness, harness, engine)
    assert org.rows("SELECT CreatedBy.Name FROM Contact")[0]["CreatedBy"]["Name"] == "Talk harness"


def test_a_table_of_ones_own_may_replace_what_the_org_brings() -> None:
    """A descriptor with users of its own keeps them, and needs no price books."""
    name = FieldSchema(path="Name", type=FieldType.STRING, max_length=20, unique=True)
    own = EntitySchema(name="User", fields=(name,), id_field="Id", modified_field="LastModifiedDate")
    org = Org(schema=replace(packaged(), entities=(own,)))
    assert org.rows("SELECT Name FROM User") == []
    org.make("User", Name="Ada")
    assert refusal(org.ask("POST", "/sobjects/User", {"Name": "Ada"}))[1:] == (["DUPLICATE_VALUE"], ["Name"])


def test_an_unknown_quirk_is_told() -> None:
    """With those that there are."""
    with pytest.raises(ConfigError, match="small-batches"):
        Org(nope=True)


def test_accounts_reach_the_org_with_client_credentials() -> None:
    """Each user has an application, and a secret that shows nowhere."""
    account = Org().emulator.account(BASE, "engine")
    assert (account.system, account.url, account.auth.kind) == ("Salesforce", BASE, "client-credentials")
    assert account.auth.client_secret not in repr(account)
    assert account.auth != Org().emulator.account(BASE, "harness").auth
    assert account == Org().emulator.account(BASE, "engine")


def in_composite(org: Org, *requests: dict[str, Any], whole: bool = False) -> list[dict[str, Any]]:
    answer = org.ask("POST", "/composite", {"allOrNone": whole, "compositeRequest": list(requests)})
    assert answer.status == 200, answer.body
    return list(told(answer)["compositeResponse"])


def test_requests_can_go_together_and_name_each_other() -> None:
    """One call, in order, each with the status that it would have alone."""
    org = Org()
    made, read, missing = in_composite(
        org,
        {"method": "POST", "url": f"{AT}/sobjects/Account", "referenceId": "acme", "body": {"Name": "Acme"}},
        {"method": "GET", "url": f"{AT}/sobjects/Account/@{{acme.id}}?fields=Name", "referenceId": "again"},
        {"method": "GET", "url": f"{AT}/sobjects/Nope", "referenceId": "nope"},
    )
    assert (made["httpStatusCode"], made["referenceId"]) == (201, "acme")
    assert made["httpHeaders"]["Location"].endswith(made["body"]["id"])
    assert (read["httpStatusCode"], read["body"]["Name"]) == (200, "Acme")
    assert (missing["httpStatusCode"], missing["body"][0]["errorCode"]) == (404, "NOT_FOUND")
    halted = in_composite(
        org,
        {"method": "GET", "url": f"{AT}/composite", "referenceId": "a"},
        {"method": "GET", "url": f"{AT}/limits", "referenceId": "b"},
        whole=True,
    )
    assert [one["httpStatusCode"] for one in halted] == [404, 400]
    assert halted[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"compositeRequest": 5}, "JSON_PARSER_ERROR"),
        ({"compositeRequest": [{}] * 26}, "LIMIT_EXCEEDED"),
        ({"compositeRequest": [{"url": "/@{nobody.id}"}]}, "PROCESSING_HALTED"),
    ],
)
def test_a_composite_that_cannot_be_understood_is_refused(body: object, code: str) -> None:
    """As a whole."""
    assert refusal(Org().ask("POST", "/composite", body))[1] == [code]


def typed(kind: str, **values: object) -> dict[str, object]:
    return {"attributes": {"type": kind}, **values}


def in_collection(org: Org, method: str, *records: object, whole: bool = False) -> list[dict[str, Any]]:
    answer = org.ask(method, "/composite/sobjects", {"allOrNone": whole, "records": list(records)})
    assert answer.status == 200, answer.body
    return list(told(answer))


def test_many_records_are_written_in_one_call_each_with_its_result() -> None:
    """200 in the order given, whatever becomes of single ones."""
    org = Org()
    made = in_collection(org, "POST", typed("Contact", LastName="A"), typed("Contact"), typed("Nope"), {})
    assert [one["success"] for one in made] == [True, False, False, False]
    assert made[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert {one["errors"][0]["statusCode"] for one in made[2:]} == {"INVALID_TYPE"}
    first = made[0]["id"]
    changed = in_collection(
        org, "PATCH", typed("Contact", id=first, Phone="1"), typed("Contact", Id="x"), typed("Contact", Phone="2")
    )
    assert [one["success"] for one in changed] == [True, False, False]
    assert [one["errors"][0]["statusCode"] for one in changed[1:]] == ["MALFORMED_ID", "MISSING_ARGUMENT"]
    rows = told(org.ask("GET", f"/composite/sobjects/Contact?ids={first},{GONE}&fields=Id,Phone"))
    assert (rows[0]["Phone"], rows[1]) == ("1", None)
    assert (
        told(org.ask("POST", "/composite/sobjects/Contact", {"ids": [first[:15]], "fields": ["Id"]}))[0]["Id"] == first
    )
    gone = told(org.ask("DELETE", f"/composite/sobjects?ids={first},{GONE},zzz5g000000AAAA"))
    assert [one["success"] for one in gone] == [True, False, False]
    assert [one["errors"][0]["statusCode"] for one in gone[1:]] == ["NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_all_or_none_writes_nothing_where_one_is_wrong(method: str) -> None:
    """The others tell that they were rolled back."""
    org = Org()
    record_id = org.make("Contact", LastName="A")
    more = {"Id": record_id} if method == "PATCH" else {}
    good, bad = typed("Contact", LastName="B", **more), typed("Contact", LastName=None, **more)
    results = in_collection(org, method, good, bad, whole=True)
    codes = [one["errors"][0]["statusCode"] for one in results]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert [one["LastName"] for one in org.rows("SELECT LastName FROM Contact")] == ["A"]
    assert all(one["success"] for one in in_collection(org, method, good, whole=True))


def test_all_or_none_deletes_nothing_where_one_cannot_go() -> None:
    """Divisions stay, and so does what was to go with them."""
    org = Org()
    contact, division = org.make("Contact", LastName="A"), org.make("Division", Name="North")
    results = told(org.ask("DELETE", f"/composite/sobjects?ids={contact},{division}&allOrNone=true"))
    assert [one["success"] for one in results] == [False, False]
    assert len(org.rows("SELECT Id FROM Contact")) == 1


@pytest.mark.parametrize(
    ("method", "body", "code"),
    [
        ("POST", {"records": 5}, "JSON_PARSER_ERROR"),
        ("PUT", {"records": []}, "METHOD_NOT_ALLOWED"),
        ("POST", {"records": [typed("Contact", LastName="A")] * 201}, "EXCEEDED_ID_LIMIT"),
        ("POST", {"records": [typed("Contact"), typed("Account")] * 6}, "TOO_MANY_RUNS"),
    ],
)
def test_a_collection_that_cannot_be_understood_is_refused(method: str, body: object, code: str) -> None:
    """As a whole."""
    assert refusal(Org().ask(method, "/composite/sobjects", body))[1] == [code]


def test_a_wrong_list_of_ids_is_refused() -> None:
    """No list, or too long a one."""
    org = Org()
    no_list = org.ask("POST", "/composite/sobjects/Contact", {"ids": "x", "fields": ["Id"]})
    assert refusal(no_list)[1] == ["JSON_PARSER_ERROR"]
    too_long = org.ask("GET", f"/composite/sobjects/Contact?ids={','.join(['x'] * 801)}&fields=Id")
    assert refusal(too_long)[1] == ["INVALID_INPUT"]
