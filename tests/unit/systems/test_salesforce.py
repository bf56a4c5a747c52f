"""The client speaks to Salesforce as its API wants, and tells what it heard in neutral values."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
import trio

from talkqa.model.call import CALL, Purpose
from talkqa.model.errors import CALLS_USED_UP, ApiError, ApiRefused, ApiUnavailable, ConfigError, FeatureMissing
from talkqa.model.preflight import Finding
from talkqa.model.record import Record
from talkqa.model.schema import FieldType
from talkqa.systems.salesforce import SalesforceClient
from talkqa.systems.salesforce_calls import judge
from tests.unit.systems.salesforce_org import AT, DESCRIBED, ROW, SCHEMA, STAMPS, Said, ScriptedOrg, read_only, refused

CONTACT = "0035g00000HijKlAAJ"
AT_CONTACT = f"/sobjects/Contact/{CONTACT}"

Story = Callable[[SalesforceClient], Coroutine[Any, Any, Any]]


@pytest.fixture
def org() -> ScriptedOrg:
    """An org that knows one contact."""
    return ScriptedOrg()


def error_in(org: ScriptedOrg, story: Story) -> ApiError:
    with pytest.raises(ApiError) as caught:
        org.run(story)
    return caught.value


def page(*rows: dict[str, Any], following: str | None = None) -> Said:
    more = {"nextRecordsUrl": following} if following else {}
    return 200, {"totalSize": 9, "done": following is None, "records": list(rows), **more}


def row(number: int, stamp: str = "2026-01-05T09:30:14.000+0000", **more: Any) -> dict[str, Any]:
    return {**ROW, "Id": f"0035g00000000{number:02d}AAA", "SystemModstamp": stamp, **more}


def test_an_object_is_described_as_the_org_tells_it(org: ScriptedOrg) -> None:
    """Types, lengths and rights are the org's; what no description tells is the table's."""
    shape = org.run(lambda client: client.describe("contact"))
    fields = {field.path: field for field in shape.fields}
    assert (shape.name, shape.id_field, shape.name_field, shape.created_field) == (
        "Contact",
        "Id",
        "LastName",
        "CreatedDate",
    )
    assert (fields["LastName"].max_length, fields["LastName"].required) == (80, True)
    assert fields["AccountId"].required  # the table knows better than the description
    assert fields["AccountId"].references == ("Account",)
    assert (fields["Mood"].picklist, fields["Mood"].restricted) == (("Good",), True)
    assert (fields["Share"].type, fields["Share"].max_length, fields["Share"].scale) == (FieldType.DECIMAL, 5, 2)
    assert (fields["Children"].type, fields["Children"].max_length) == (FieldType.INTEGER, 9)
    assert (fields["Address"].type, fields["Notes"].type) == (FieldType.OPAQUE, FieldType.TEXT)
    assert (fields["Vip"].required, fields["Vip"].nullable, fields["Code"].unique) == (False, False, True)
    assert (fields["SystemModstamp"].createable, "Gone" in fields) == (False, False)
    assert (shape.createable, shape.deletable, shape.modified_by_field) == (True, True, "LastModifiedById")


def test_a_description_of_nothing_is_no_description(org: ScriptedOrg) -> None:
    """Names that are no text and values of other types are passed over."""
    odd = {"name": "Contact", "fields": [5, {"name": 5}, {"name": "Id", "type": "id"}, {"name": "X", "type": None}]}
    org.say("GET /sobjects/Contact/describe", (200, odd))
    shape = org.run(lambda client: client.describe("Contact"))
    assert [(field.path, field.type) for field in shape.fields] == [("Id", FieldType.ID), ("X", FieldType.OPAQUE)]
    org.say("GET /sobjects/Contact/describe", (200, b"<html>"))
    assert isinstance(error_in(org, lambda client: client.describe("Contact")), ApiUnavailable)


def test_an_object_of_ones_own_is_described_without_a_table(org: ScriptedOrg) -> None:
    """By what the org tells alone."""
    named = {"name": "Label__c", "type": "string", "length": 20, "nameField": True, "createable": True}
    active = {"name": "IsActive", "type": "boolean", "updateable": True}
    org.say("GET /sobjects/Thing__c/describe", (200, {"name": "Thing__c", "fields": [*STAMPS, named, active]}))
    shape = org.run(lambda client: client.describe("Thing__c"))
    assert (shape.name, shape.name_field, shape.modified_field, shape.archive) == (
        "Thing__c",
        "Label__c",
        "LastModifiedDate",
        ("IsActive", False),
    )


def test_a_record_is_created_and_read_back(org: ScriptedOrg) -> None:
    """Names fold their case; values come back in neutral form under the table's names."""
    org.say("POST /sobjects/Contact/", (201, {"id": CONTACT, "success": True, "errors": []}))
    made = org.run(lambda client: client.create("CONTACT", {"lastname": "Quist", "Nope": 1, "born": None}))
    assert org.calls[1] == ("POST /sobjects/Contact/", {"LastName": "Quist", "Nope": 1, "Born": None})
    assert org.asked() == ["POST /sobjects/Contact/", f"GET {AT_CONTACT}"]
    assert isinstance(made, Record)
    assert (made.system, made.entity, made.id, made.deleted) == ("Salesforce", "Contact", CONTACT, False)
    assert (made.modified, made.modified_by) == ("2026-01-05T09:30:12Z", "0055g00000XYZabAAH")
    assert made.values["LastName"] == "Quist"
    assert made.values["SystemModstamp"] == "2026-01-05T09:30:14Z"
    assert (repr(made.values["Children"]), repr(made.values["Share"])) == ("2", "12.5")
    assert not {"attributes", "Address", "Unheard", "LASTNAME"} & made.values.keys()
    assert org.headers[1]["content-type"] == "application/json"
    assert "sforce-duplicate-rule-header" not in org.headers[1]


@pytest.mark.parametrize(("stamp", "read"), [("never", "never"), (5, 5), ("2026-01-05", "2026-01-05"), (None, None)])
def test_a_stamp_that_is_none_stays_as_it_is(org: ScriptedOrg, stamp: Any, read: Any) -> None:
    """Odd values are shown, not hidden; compound ones where none belong are nothing."""
    org.say(f"GET {AT_CONTACT}", (200, {**ROW, "LastModifiedDate": stamp, "Children": 2.5, "Share": {"a": 1}}))
    record = org.run(lambda client: client.get("Contact", CONTACT))
    assert record.values["LastModifiedDate"] == read
    assert record.modified == (None if read is None else str(read))
    assert (record.values["Children"], "Share" in record.values) == (2.5, False)


def test_a_stamp_may_have_milliseconds_or_no_zone(org: ScriptedOrg) -> None:
    """Both are moments in UTC."""
    org.say(
        f"GET {AT_CONTACT}",
        (200, {**ROW, "CreatedDate": "2026-01-05T09:30:12.250+0000", "SystemModstamp": "2026-01-05T09:30:12"}),
    )
    values = org.run(lambda client: client.get("Contact", CONTACT)).values
    assert (values["CreatedDate"], values["SystemModstamp"]) == ("2026-01-05T09:30:12.250Z", "2026-01-05T09:30:12Z")


def test_a_create_without_an_id_is_no_answer(org: ScriptedOrg) -> None:
    """Whether it was done is not known."""
    org.say("POST /sobjects/Contact/", (201, b""))
    assert isinstance(error_in(org, lambda client: client.create("Contact", {})), ApiUnavailable)


def test_duplicates_are_saved_where_the_account_says_so(org: ScriptedOrg) -> None:
    """By a header of every write."""
    org.say("POST /sobjects/Contact/", (201, {"id": CONTACT}))
    org.say(f"PATCH {AT_CONTACT}", (204, None))

    async def story(client: SalesforceClient) -> None:
        await client.create("Contact", {"LastName": "Quist"})
        await client.update("Contact", CONTACT, {"LastName": "Quist"})

    org.run(story, options={"allow_duplicates": "true"})
    sent = [headers.get("sforce-duplicate-rule-header") for headers in org.headers]
    assert sent == [None, "allowSave=true", None, "allowSave=true", None]


def test_an_update_is_read_back(org: ScriptedOrg) -> None:
    """The answer to a PATCH has no body."""
    org.say(f"PATCH {AT_CONTACT}", (204, None))
    changed = org.run(lambda client: client.update("Contact", CONTACT, {"lastname": None}))
    assert org.calls[1] == (f"PATCH {AT_CONTACT}", {"LastName": None})
    assert changed.values["LastName"] == "Quist"


def test_a_record_gone_is_none_and_cannot_be_changed(org: ScriptedOrg) -> None:
    """Deleted or never there; deleting it again is no error."""
    for code in ("NOT_FOUND", "ENTITY_IS_DELETED"):
        org.say(f"GET {AT_CONTACT}", refused(404, code))
        org.say(f"DELETE {AT_CONTACT}", refused(404, code))
        org.say(f"PATCH {AT_CONTACT}", (204, None))
        assert org.run(lambda client: client.get("Contact", CONTACT)) is None
        assert org.run(lambda client: client.delete("Contact", CONTACT)) is None
        assert error_in(org, lambda client: client.update("Contact", CONTACT, {})).status == 404
    org.say(f"GET {AT_CONTACT}", refused(403, "INSUFFICIENT_ACCESS"))
    assert error_in(org, lambda client: client.get("Contact", CONTACT)).code == "INSUFFICIENT_ACCESS"
    org.say(f"DELETE {AT_CONTACT}", refused(400, "DELETE_FAILED"))
    assert error_in(org, lambda client: client.delete("Contact", CONTACT)).code == "DELETE_FAILED"


def described(name: str, *fields: dict[str, Any], **more: Any) -> Said:
    return 200, {**DESCRIBED, "name": name, "fields": [*STAMPS, *fields], **more}


ACTIVE = {"name": "IsActive", "type": "boolean", "updateable": True, "createable": True}


def test_what_cannot_be_deleted_is_retired(org: ScriptedOrg) -> None:
    """A division by its table, without asking for the impossible first."""
    org.say("GET /sobjects/Division/describe", described("Division", ACTIVE, deletable=False))
    org.say("PATCH /sobjects/Division/d", (204, None))
    org.run(lambda client: client.delete("Division", "d"))
    assert org.calls[1:] == [("PATCH /sobjects/Division/d", {"IsActive": False})]


def test_what_can_be_neither_deleted_nor_retired_is_told(org: ScriptedOrg) -> None:
    """By the org's own words."""
    org.say("GET /sobjects/Contact/describe", described("Contact", deletable=False))
    org.say(f"DELETE {AT_CONTACT}", refused(405, "METHOD_NOT_ALLOWED"))
    assert error_in(org, lambda client: client.delete("Contact", CONTACT)).code == "METHOD_NOT_ALLOWED"


def test_a_product_in_use_is_retired_and_an_active_order_made_a_draft_first(org: ScriptedOrg) -> None:
    """Only after the org refused to delete them."""
    org.say("GET /sobjects/Product2/describe", described("Product2", ACTIVE))
    org.say("DELETE /sobjects/Product2/p", refused(400, "DELETE_FAILED"))
    org.say("PATCH /sobjects/Product2/p", (204, None))
    org.say("GET /sobjects/Order/describe", described("Order"))
    org.say("DELETE /sobjects/Order/o", refused(400, "DELETE_FAILED"), (204, None))
    org.say("PATCH /sobjects/Order/o", (204, None))
    org.run(lambda client: client.delete("Product2", "p"))
    org.run(lambda client: client.delete("Order", "o"))
    assert [call for call in org.calls if call[0].startswith("PATCH")] == [
        ("PATCH /sobjects/Product2/p", {"IsActive": False}),
        ("PATCH /sobjects/Order/o", {"Status": "Draft"}),
    ]


def test_changes_are_read_batch_by_batch_deleted_ones_included(org: ScriptedOrg) -> None:
    """By the stamp that moves with everything, oldest first; the next cursor is the newest stamp."""
    org.say("GET /queryAll", page(row(1), following=f"{AT}/query/01g-2000"))
    org.say("GET /query/01g-2000", page(row(2, "2026-01-05T09:30:20.000+0000", IsDeleted=True)))
    changes = org.run(lambda client: client.changes("Contact", None))
    first, second = org.asked()
    assert first.endswith(" FROM Contact ORDER BY SystemModstamp,Id")
    assert first.startswith("GET /queryAll SELECT Id,IsDeleted,")
    assert "WHERE" not in first
    assert "Address" not in first
    assert second == "GET /query/01g-2000"
    assert [(one.id[-5:], one.deleted) for one in changes.records] == [("01AAA", False), ("02AAA", True)]
    assert changes.cursor == "2026-01-05T09:30:20Z"


def test_a_poll_looks_back_a_little_behind_its_cursor(org: ScriptedOrg) -> None:
    """`>=`, so that nothing is lost; nothing new leaves the cursor where it is."""
    org.say("GET /queryAll", page())
    changes = org.run(lambda client: client.changes("Contact", "2026-01-05T09:30:20Z"))
    assert "WHERE SystemModstamp >= 2026-01-05T09:30:15Z ORDER BY" in org.asked()[0]
    assert changes.cursor == "2026-01-05T09:30:20Z"
    assert org.run(lambda client: client.changes("Contact", None)).cursor is None
    org.say("GET /queryAll", page(row(1, "2026-01-05T09:30:16.000+0000")))
    assert org.run(lambda client: client.changes("Contact", "2026-01-05T09:30:20Z")).cursor == "2026-01-05T09:30:20Z"


def test_a_poll_tells_how_its_answer_is_built(org: ScriptedOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    """On each page, with the purpose of a poll; other calls have none."""
    marks = []
    answer = org.answer
    monkeypatch.setattr(org, "answer", lambda request: marks.append(request.extensions[CALL]) or answer(request))
    org.say("GET /queryAll", page(row(1), following=f"{AT}/query/01g-2000"))
    org.say("GET /query/01g-2000", page(row(2)))
    org.run(lambda client: client.changes("Contact", None))
    assert [mark.purpose for mark in marks] == [Purpose.CONFIRM, Purpose.POLL, Purpose.POLL]
    assert marks[0].poll is None
    assert marks[1].poll == marks[2].poll
    assert (marks[1].poll.key, marks[1].poll.items, marks[1].poll.id) == ("Salesforce/Contact", ("records",), ("Id",))
    assert marks[1].poll.last_page == ((("done",), True),)


@pytest.mark.parametrize("following", ["https://elsewhere.example/x", "/other/path", 5, f"{AT}/query/01g-1"])
def test_a_query_goes_on_in_the_org_alone_and_never_in_a_circle(org: ScriptedOrg, following: Any) -> None:
    """Where a query goes on comes from an answer, and is not to be trusted."""
    org.say("GET /queryAll", page(row(1), following=following))
    org.say("GET /query/01g-1", page(row(2), following=following))
    assert isinstance(error_in(org, lambda client: client.changes("Contact", None)), ApiUnavailable)


@pytest.mark.parametrize("body", [b"", b"[]", {"records": 5}, {"totalSize": 0}])
def test_a_query_without_records_is_no_answer(org: ScriptedOrg, body: Any) -> None:
    """Nothing may be taken for absent because of it."""
    org.say("GET /queryAll", (200, body))
    assert isinstance(error_in(org, lambda client: client.changes("Contact", None)), ApiUnavailable)


def test_a_page_put_together_from_recordings_needs_no_count(org: ScriptedOrg) -> None:
    """Records, and that it is the last one."""
    org.say("GET /queryAll", (200, {"records": [row(1)], "done": True}))
    assert len(org.run(lambda client: client.changes("Contact", None)).records) == 1


def test_a_cursor_for_now_costs_one_call(org: ScriptedOrg) -> None:
    """The newest stamp that there is; none where there is nothing."""
    org.say("GET /queryAll", page({"SystemModstamp": "2026-01-05T09:30:14.000+0000"}), page())
    assert org.run(lambda client: client.cursor_now("contact")) == "2026-01-05T09:30:14Z"
    assert org.calls == [
        ("GET /queryAll SELECT SystemModstamp FROM Contact ORDER BY SystemModstamp DESC LIMIT 1", None)
    ]
    assert org.run(lambda client: client.cursor_now("Contact")) is None


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("lastname", "O'Neil \\ ", "LastName = 'O\\'Neil \\\\'"),
        ("Short", "a\nb", "Short = 'a\\nb'"),
        ("Children", "3", "Children = 3"),
        ("Children", 3.0, "Children = 3"),
        ("Share", 12.5, "Share = 12.5"),
        ("Vip", True, "Vip = true"),
        ("Vip", "False", "Vip = false"),
        ("Born", "1999-12-31", "Born = 1999-12-31"),
        ("LastName", None, "LastName = null"),
        ("LastName", 5, "LastName = '5'"),
        ("LastName", 5.0, "LastName = '5'"),
        ("LastName", True, "LastName = 'true'"),
        ("CreatedDate", "2026-01-05T10:30:12+01:00", "CreatedDate = 2026-01-05T09:30:12Z"),
        ("CreatedDate", "2026-01-05T09:30:12", "CreatedDate = 2026-01-05T09:30:12Z"),
    ],
)
def test_records_are_found_by_a_value(org: ScriptedOrg, path: str, value: Any, where: str) -> None:
    """Written as a literal of the field's type; live ones alone."""
    org.say("GET /query", page(row(1)))
    assert len(org.run(lambda client: client.find("Contact", path, value))) == 1
    [query] = org.asked()
    assert query.startswith("GET /query SELECT ")
    assert query.endswith(f" FROM Contact WHERE {where}")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Children", "three"),
        ("Share", "inf"),
        ("Share", True),
        ("Vip", "yes"),
        ("Born", "some day"),
        ("CreatedDate", "x"),
    ],
)
def test_a_value_that_a_field_cannot_hold_is_nowhere(org: ScriptedOrg, path: str, value: Any) -> None:
    """Without asking."""
    assert org.run(lambda client: client.find("Contact", path, value)) == ()
    assert org.asked() == []


@pytest.mark.parametrize("path", ["Notes", "Hidden"])
def test_what_stands_in_no_condition_is_read_and_compared(org: ScriptedOrg, path: str) -> None:
    """Long texts, and whatever the org says so of; without regard to case, line ends and outer blanks."""
    rows = [row(1, **{path: "One\r\nTwo "}), row(2, **{path: "one"}), row(3, **{path: None})]
    org.say("GET /query", page(*rows))
    found = org.run(lambda client: client.find("Contact", path, " one\ntwo"))
    assert [one.id[-5:] for one in found] == ["01AAA"]
    assert "WHERE" not in org.asked()[0]
    assert [one.id[-5:] for one in org.run(lambda client: client.find("Contact", path, None))] == ["03AAA"]


@pytest.mark.parametrize("path", ["Nope", "Address"])
def test_what_cannot_be_looked_for_is_refused(org: ScriptedOrg, path: str) -> None:
    """Hidden or unknown fields, and compound ones."""
    error = error_in(org, lambda client: client.find("Contact", path, "x"))
    assert (type(error), error.code, error.field) == (ApiRefused, "INVALID_FIELD", path)


@pytest.mark.parametrize(
    ("said", "kind", "code", "fields"),
    [
        (
            refused(400, "REQUIRED_FIELD_MISSING", "LastName", "X"),
            ApiRefused,
            "REQUIRED_FIELD_MISSING",
            ("LastName", "X"),
        ),
        (refused(400, "DUPLICATES_DETECTED"), ApiRefused, "DUPLICATES_DETECTED", ()),
        (refused(401, "INVALID_SESSION_ID"), ApiRefused, "INVALID_SESSION_ID", ()),
        (refused(400, "UNABLE_TO_LOCK_ROW"), ApiUnavailable, "UNABLE_TO_LOCK_ROW", ()),
        (refused(403, "REQUEST_LIMIT_EXCEEDED"), ApiUnavailable, "REQUEST_LIMIT_EXCEEDED", ()),
        (refused(403, "API_DISABLED_FOR_ORG"), FeatureMissing, "API_DISABLED_FOR_ORG", ()),
        (refused(503, "SERVER_UNAVAILABLE"), ApiUnavailable, "SERVER_UNAVAILABLE", ()),
        ((500, b"<html>oops</html>"), ApiUnavailable, "", ()),
        ((429, None), ApiUnavailable, "", ()),
        ((400, {"not": "a list"}), ApiRefused, "", ()),
        ((400, [5, {"errorCode": 7, "fields": "x"}]), ApiRefused, "", ()),
        ((302, None), ApiRefused, "", ()),
        (
            (400, [{"errorCode": "A", "fields": ["x"]}, {"errorCode": "B", "fields": ["x", "y", 5]}]),
            ApiRefused,
            "A",
            ("x", "y"),
        ),
    ],
)
def test_refusals_are_told_apart(org: ScriptedOrg, said: Said, kind: type, code: str, fields: tuple[str, ...]) -> None:
    """What was wrong with the request, what may be asked again, and what the org has not."""
    org.say("POST /sobjects/Contact/", said)
    error = error_in(org, lambda client: client.create("Contact", {}))
    assert (type(error), error.code, error.fields, error.status) == (kind, code, fields, said[0])
    assert str(error).startswith("Salesforce refused POST /sobjects/Contact/ (")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("TotalRequests Limit exceeded.", CALLS_USED_UP),
        ("ConcurrentPerOrgLongTxn Limit exceeded.", "REQUEST_LIMIT_EXCEEDED"),
        ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", "REQUEST_LIMIT_EXCEEDED"),
    ],
)
def test_a_spent_day_is_told_from_too_many_calls_at_once(org: ScriptedOrg, message: str, code: str) -> None:
    """The org gives both the same code; only the first is of no use to repeat."""
    org.say("POST /sobjects/Contact/", (403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message}]))
    error = error_in(org, lambda client: client.create("Contact", {}))
    assert (type(error), error.code) == (ApiUnavailable, code)
    assert ("run fewer checks" in str(error)) is (code == CALLS_USED_UP)


@pytest.mark.parametrize(
    ("said", "kind"),
    [(refused(404, "NOT_FOUND"), FeatureMissing), (refused(403, "INSUFFICIENT_ACCESS"), ApiRefused)],
)
def test_an_object_that_needs_a_feature_is_missing_by_its_name(org: ScriptedOrg, said: Said, kind: type) -> None:
    """Only where the org says that there is none."""
    org.say("GET /sobjects/Division/describe", said)
    for story in (
        lambda c: c.describe("Division"),
        lambda c: c.changes("Division", None),
        lambda c: c.get("Division", "d"),
    ):
        error = error_in(org, story)
        assert type(error) is kind
        assert getattr(error, "licence", "Divisions") == "Divisions"


def test_an_object_that_nobody_knows_is_refused(org: ScriptedOrg) -> None:
    """No feature is to blame."""
    org.say("GET /sobjects/Nope/describe", refused(404, "NOT_FOUND"))
    assert type(error_in(org, lambda client: client.describe("Nope"))) is ApiRefused


@pytest.mark.parametrize(
    "said",
    [
        refused(405, "METHOD_NOT_ALLOWED"),
        refused(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
        refused(404, "NOT_FOUND"),
    ],
)
def test_a_licence_without_which_nothing_is_created_is_named(org: ScriptedOrg, said: Said) -> None:
    """Whichever way the org refuses; not where the description says that it can be created."""
    org.say("GET /sobjects/Invoice/describe", described("Invoice", createable=False))
    org.say("POST /sobjects/Invoice/", said)
    error = error_in(org, lambda client: client.create("Invoice", {}))
    assert isinstance(error, FeatureMissing)
    assert error.licence == "Billing"
    org.say("GET /sobjects/Invoice/describe", described("Invoice", createable=True))
    assert type(error_in(org, lambda client: client.create("Invoice", {}))) is ApiRefused


def test_the_count_of_calls_is_remembered(org: ScriptedOrg) -> None:
    """As the newest answer tells it; none before, and none from a header that cannot be read."""
    org.say(
        f"GET {AT_CONTACT}",
        (200, ROW, {"sforce-limit-info": "api-usage=113/15000"}),
        (200, ROW, {"sforce-limit-info": "x"}),
    )

    async def story(client: SalesforceClient) -> list[tuple[int | None, int | None]]:
        seen = [(client.calls_used, client.calls_allowed)]
        for _ in range(2):
            await client.get("Contact", CONTACT)
            seen.append((client.calls_used, client.calls_allowed))
        return seen

    assert org.run(story) == [(None, None), (113, 15000), (113, 15000)]


def test_many_are_created_200_a_call(org: ScriptedOrg) -> None:
    """Each as stored, or by what is against it; what was made is read back together."""
    bad = {"success": False, "errors": [{"statusCode": "STRING_TOO_LONG", "message": "m", "fields": ["LastName"]}]}
    good = [{"id": f"0035g00000{number:05d}AAA", "success": True, "errors": []} for number in range(200)]
    org.say("POST /composite/sobjects", (200, good), (200, [bad]))
    rows = [{**ROW, "Id": one["id"]} for one in good]
    org.say("POST /composite/sobjects/Contact", (200, rows))
    made = org.run(lambda client: client.create_many("Contact", [{"lastname": str(n)} for n in range(201)]))
    assert org.asked() == ["POST /composite/sobjects", "POST /composite/sobjects/Contact", "POST /composite/sobjects"]
    sent = org.calls[1][1]
    assert (sent["allOrNone"], len(sent["records"])) == (False, 200)
    assert sent["records"][7] == {"attributes": {"type": "Contact"}, "LastName": "7"}
    assert [one.id for one in made[:200]] == [one["id"] for one in good]
    assert isinstance(made[200], ApiRefused)
    assert (made[200].code, made[200].fields) == ("STRING_TOO_LONG", ("LastName",))


def test_a_collection_that_answers_for_others_is_no_answer(org: ScriptedOrg) -> None:
    """As many results as records."""
    org.say("POST /composite/sobjects", (200, []))
    assert isinstance(error_in(org, lambda client: client.create_many("Contact", [{}])), ApiUnavailable)


USER = {"user_id": "0055g00000XYZabAAH", "organization_id": "00D5g", "preferred_username": "qa@acme.example"}


@pytest.mark.parametrize(
    ("organisation", "production"),
    [
        ({"Name": "Acme", "IsSandbox": True, "OrganizationType": "Enterprise Edition"}, False),
        ({"Name": "Acme", "IsSandbox": False, "OrganizationType": "Enterprise Edition"}, True),
        ({"Name": "Acme", "IsSandbox": False, "OrganizationType": "Developer Edition"}, False),
        ({"Name": "Acme"}, None),
    ],
)
def test_an_account_tells_who_it_is(org: ScriptedOrg, organisation: dict[str, Any], production: bool | None) -> None:
    """User, organisation, whether it is production, and the org's time."""
    org.say("GET /services/oauth2/userinfo", (200, USER, {"date": "Mon, 05 Jan 2026 09:30:12 GMT"}))
    org.say("GET /query", page(organisation))
    who = org.run(lambda client: client.identify())
    assert (who.user, who.name, who.organisation) == ("0055g00000XYZabAAH", "qa@acme.example", "Acme (00D5g)")
    assert who.production is production
    assert who.server_time == datetime(2026, 1, 5, 9, 30, 12, tzinfo=UTC)


def test_an_account_that_may_not_look_tells_what_it_knows(org: ScriptedOrg) -> None:
    """Nobody knows then whether it is production."""
    org.say("GET /services/oauth2/userinfo", (200, b"nothing", {"date": "no date"}))
    org.say("GET /query", refused(400, "INVALID_TYPE"))
    who = org.run(lambda client: client.identify())
    assert (who.user, who.name, who.organisation, who.production, who.server_time) == (None, "", "", None, None)


def listed(*names: str, **flags: bool) -> Said:
    return 200, {
        "sobjects": [
            {"name": name, "createable": True, "updateable": True, "deletable": True, **flags} for name in names
        ]
    }


def findings(org: ScriptedOrg, *entities: str) -> list[tuple[str, str, str | None]]:
    found: tuple[Finding, ...] = org.run(lambda client: client.preflight(entities))
    assert all(one.system == "Salesforce" and one.advice and one.message for one in found)
    return [(one.code, one.severity.value, one.entity) for one in found]


def test_preflight_has_nothing_to_say_of_an_org_as_it_should_be(org: ScriptedOrg) -> None:
    """One call, no finding."""
    org.say("GET /sobjects/", listed("Contact", "Order", "Account", "Pricebook2", "Quote", "Opportunity"))
    assert findings(org, "Contact", "Order", "Quote") == []
    assert len(org.calls) == 1


def test_preflight_names_what_is_not_there(org: ScriptedOrg) -> None:
    """A licence where one is known to lack, else the object; each once."""
    org.say("GET /sobjects/", listed("Contact"))
    assert findings(org, "Division", "Nope", "Nope") == [
        ("licence", "warning", "Division"),
        ("missing-entity", "error", "Nope"),
    ]


def test_preflight_names_what_cannot_be_done(org: ScriptedOrg) -> None:
    """Creating, changing and deleting, with the licence or the way around where there is one."""
    org.say(
        "GET /sobjects/",
        listed("Invoice", "Division", "Contact", "Account", createable=False, updateable=False, deletable=False),
    )
    assert findings(org, "Invoice", "Division", "Contact") == [
        ("licence", "warning", "Invoice"),
        ("missing-right", "warning", "Invoice"),
        ("missing-right", "warning", "Invoice"),
        ("missing-right", "warning", "Invoice"),
        ("missing-right", "warning", "Division"),
        ("missing-right", "warning", "Division"),
        ("missing-right", "notice", "Division"),
        ("missing-right", "warning", "Contact"),
        ("missing-right", "warning", "Contact"),
        ("missing-right", "warning", "Contact"),
    ]


def test_preflight_names_parents_that_lack(org: ScriptedOrg) -> None:
    """An opportunity for a quote, an account for an order, a price book for lines."""
    org.say("GET /sobjects/", listed("Quote", "Order"))
    assert findings(org, "Quote", "order") == [
        ("missing-right", "warning", "Quote"),
        ("missing-right", "notice", "Quote"),
        ("missing-right", "warning", "order"),
        ("missing-right", "notice", "order"),
    ]


@pytest.mark.parametrize(("used", "severity"), [(13400, None), (13600, "warning"), (15000, "error")])
def test_preflight_warns_of_calls_that_run_out(org: ScriptedOrg, used: int, severity: str | None) -> None:
    """Below a tenth of them; used up is an error."""
    status, body = listed("Contact")[:2]
    org.say("GET /sobjects/", (status, body, {"sforce-limit-info": f"api-usage={used}/15000"}))
    assert findings(org, "Contact") == ([("budget", severity, None)] if severity else [])


@pytest.mark.parametrize("options", [{"version": "sixty"}, {"version": "62"}, {"allow_duplicates": "maybe"}])
def test_options_that_say_nothing_are_refused(org: ScriptedOrg, options: dict[str, str]) -> None:
    """With the place where they stand."""
    with pytest.raises(ConfigError, match=r'accounts."Salesforce"\] options'):
        org.run(lambda client: client.describe("Contact"), options=options)


def test_another_version_of_the_api_can_be_spoken(org: ScriptedOrg) -> None:
    """With or without the letter."""
    org.say("GET /services/data/v64.0/sobjects/Contact/describe", (200, DESCRIBED))
    for version in ("64.0", "v64.0"):
        assert org.run(lambda client: client.describe("Contact"), options={"version": version}).name == "Contact"


def test_an_object_is_described_once_however_many_ask(org: ScriptedOrg) -> None:
    """Later readers wait for the first."""
    org.say("GET /queryAll", page())

    async def story(client: SalesforceClient) -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(client.changes, "Contact", None)

    org.run(story)
    assert [call for call, _ in org.calls].count("GET /sobjects/Contact/describe") == 1
    assert org.run(_schema_of) is SCHEMA


async def _schema_of(client: SalesforceClient) -> object:
    return client.schema


def test_an_object_without_a_system_stamp_is_read_by_what_it_has(org: ScriptedOrg) -> None:
    """Its own stamp of the last change; ids are named safely in paths."""
    stamps = [one for one in STAMPS if one["name"] not in ("SystemModstamp", "IsDeleted")]
    org.say("GET /sobjects/Contact/describe", (200, {"name": "Contact", "fields": stamps}))
    org.say("GET /queryAll", page({"Id": "1", "LastModifiedDate": "2026-01-05T09:30:12.000+0000"}))
    assert org.run(lambda client: client.changes("Contact", None)).cursor == "2026-01-05T09:30:12Z"
    assert org.asked()[0].endswith("ORDER BY LastModifiedDate,Id")
    org.say("GET /sobjects/Contact/a/b%2Fc", (200, {}))
    org.say("GET /sobjects/Contact/describe", (200, {"name": "Contact", "fields": [read_only("Id", "id")]}))
    org.say("GET /sobjects/Contact/a%2Fb", refused(404, "NOT_FOUND"))
    assert org.run(lambda client: client.get("Contact", "a/b")) is None


def test_an_answer_that_is_no_row_is_no_answer(org: ScriptedOrg) -> None:
    """Whatever it is."""
    org.say(f"GET {AT_CONTACT}", (200, [1]))
    assert isinstance(error_in(org, lambda client: client.get("Contact", CONTACT)), ApiUnavailable)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, b'[{"errorCode":"UNABLE_TO_LOCK_ROW","message":"x"}]', True),
        (400, b'[{"errorCode":"STRING_TOO_LONG","message":"UNABLE_TO_LOCK_ROW"}]', None),
        (400, b"UNABLE_TO_LOCK_ROW", None),
        (500, b"", None),
        (200, b'[{"errorCode":"UNABLE_TO_LOCK_ROW"}]', None),
    ],
)
def test_a_locked_row_was_not_written(status: int, body: bytes, told: bool | None) -> None:
    """The transport sends such a call again, whatever it is."""
    assert judge(status, body) is told
