"""A described OData service of either generation is read and written with nothing but its descriptor."""

import json
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import trio

from talkqa.model.account import Account
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems.odata import ODataClient, read_cursor, write_cursor
from talkqa.systems.odata_rows import read_fault, read_page
from talkqa.systems.session import FixedCredentials, Session

URL = "https://odata.example/service"
KEY = "6d9c2b1e-0f6a-4a7e-9a55-1f0b7a3c2d10"
DATE = "Mon, 05 Jan 2026 10:30:00 GMT"


def field(path: str, kind: FieldType = FieldType.STRING, **more: Any) -> FieldSchema:
    return FieldSchema(path=path, type=kind, **more)


PEOPLE = EntitySchema(
    name="People",
    id_field="Id",
    modified_field="Changed",
    modified_by_field="ChangedBy",
    fields=(
        field("Id", FieldType.ID, createable=False, updateable=False),
        field("Changed", FieldType.DATETIME),
        field("ChangedBy"),
        field("Name"),
        field("Born", FieldType.DATE),
        field("Home.City"),
        field("Boss", FieldType.REFERENCE, references=("People",)),
        field("Phones.Number", list_at="Phones"),
        field("Phones.Kind", list_at="Phones"),
        field("Blob", FieldType.OPAQUE),
    ),
)
THINGS = EntitySchema(name="Things", id_field="No", fields=(field("No", FieldType.INTEGER), field("Name")))
KEPT = EntitySchema(
    name="Kept",
    id_field="Id",
    fields=(field("Id", FieldType.ID), field("Off", FieldType.BOOLEAN)),
    deletable=False,
    archive=("Off", True),
)
SCHEMA = SystemSchema(name="Service", entities=(PEOPLE, THINGS, KEPT), dialect="odata")
ROW = {
    "Id": KEY,
    "Changed": "2026-01-05T10:00:00.5Z",
    "ChangedBy": "me",
    "Name": "Ada",
    "Born": "1990-02-03",
    "Home": {"City": "Delft"},
    "Boss": None,
    "Phones": [{"Number": "1", "Kind": "m"}, {"Number": "2"}],
}
OLD_ROW = {
    **ROW,
    "Changed": "/Date(1767607200500)/",
    "Born": "/Date(634003200000)/",
    "Phones": {"results": ROW["Phones"]},
}


class Service:
    """Answers as told, and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, Any] | tuple[int, Any, dict[str, str]], version: str = "v4") -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        session = Session(http, URL, system="Service", credentials=FixedCredentials({}), timeout_s=None)
        self.client = ODataClient(SCHEMA, Account(system="Service", url=URL, options={"odata": version}), session)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self.asked.append((request.method, unquote(str(request.url)).removeprefix(URL), body))
        status, content, headers = (*self.answers.pop(0), {})[:3]
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return httpx.Response(status, content=raw, headers={"date": DATE, **headers})

    def run(self, method: str, *arguments: Any) -> Any:
        return trio.run(lambda: getattr(self.client, method)(*arguments))


@pytest.mark.parametrize(("version", "row"), [("v4", ROW), ("v2", {"d": OLD_ROW})])
def test_a_record_is_read_flat(version: str, row: Any) -> None:
    service = Service((200, row), version=version)
    record = service.run("get", "people", KEY)
    assert record.values == {
        "Id": KEY,
        "Changed": "2026-01-05T10:00:00.500Z",
        "ChangedBy": "me",
        "Name": "Ada",
        "Born": "1990-02-03",
        "Home.City": "Delft",
        "Boss": None,
        "Phones.Number": ("1", "2"),
        "Phones.Kind": ("m", None),
    }
    assert (record.id, record.modified, record.modified_by) == (KEY, "2026-01-05T10:00:00.500Z", "me")
    key = KEY if version == "v4" else f"guid'{KEY}'"
    assert service.asked == [("GET", f"/People({key})?$expand=Phones", None)]


def test_a_record_is_written_nested_and_taken_from_the_answer() -> None:
    service = Service((201, ROW))
    values = {"name": "Ada", "Born": "1990-02-03", "Home.City": "Delft", "Phones.Number": "1", "Foo": "x"}
    record = service.run("create", "People", values)
    assert record.id == KEY
    body = {
        "Name": "Ada",
        "Born": "1990-02-03",
        "Home": {"City": "Delft"},
        "Phones": [{"Number": "1"}],
        "Foo": "x",
    }
    assert service.asked == [("POST", "/People", body)]


def test_a_creation_without_a_body_is_read_where_it_says() -> None:
    service = Service((204, b"", {"OData-EntityId": f"{URL}/People({KEY})"}), (200, ROW))
    assert service.run("create", "People", {"Name": "Ada"}).id == KEY
    assert service.asked[1][1] == f"/People({KEY})"
    with pytest.raises(ApiUnavailable, match="did not say which"):
        Service((204, b"")).run("create", "People", {})
    with pytest.raises(ApiUnavailable, match="did not show"):
        Service((204, b"", {"location": "People(1)"}), (200, b"")).run("create", "People", {})


@pytest.mark.parametrize(("version", "method", "row"), [("v4", "PATCH", ROW), ("v2", "MERGE", {"d": OLD_ROW})])
def test_a_change_is_read_again(version: str, method: str, row: Any) -> None:
    service = Service((204, b""), (200, row), version=version)
    assert service.run("update", "People", KEY, {"Name": None, "Born": "1990-02-03"}).values["Name"] == "Ada"
    born = "1990-02-03" if version == "v4" else "1990-02-03T00:00:00"
    assert service.asked[0][0] == method
    assert service.asked[0][2] == {"Name": None, "Born": born}
    with pytest.raises(ApiRefused, match="does not exist"):
        Service((204, b""), (404, b"")).run("update", "People", KEY, {"Name": "x"})


def test_a_delete_of_what_is_gone_is_no_error_and_what_cannot_be_deleted_is_archived() -> None:
    service = Service((404, b""))
    service.run("delete", "Things", "7")
    assert service.asked == [("DELETE", "/Things(7)", None)]
    service = Service((204, b""), (200, {"Id": "a", "Off": True}))
    service.run("delete", "Kept", "a")
    assert service.asked[0] == ("PATCH", "/Kept('a')", {"Off": True})
    with pytest.raises(ApiRefused):
        Service((403, b"")).run("delete", "Things", "7")
    with pytest.raises(ApiRefused):
        Service((403, b"")).run("get", "Things", "7")
    assert Service((404, b"")).run("get", "Things", "7") is None
    assert Service((200, b"")).run("get", "Things", "7") is None


def test_changes_are_paged_ordered_and_asked_for_twice() -> None:
    later = {**ROW, "Id": "b", "Changed": "2026-01-05T10:05:00Z"}
    service = Service((200, {"value": [ROW], "@odata.nextLink": "People?$skiptoken=1"}), (200, {"value": [later]}))
    changes = service.run("changes", "People", None)
    assert [record.id for record in changes.records] == [KEY, "b"]
    assert service.asked[0][1] == "/People?$expand=Phones&$orderby=Changed"
    assert service.asked[1][1] == "/People?$skiptoken=1"
    assert changes.cursor == "1767607440000:1767607500000"
    service = Service((200, {"value": []}))
    assert service.run("changes", "People", changes.cursor).cursor == "1767607500000:1767607500000"
    assert "Changed ge 2026-01-05T10:04:00Z" in service.asked[0][1]


def test_old_services_are_asked_with_old_literals_and_what_has_no_stamp_is_read_whole() -> None:
    service = Service((200, {"d": {"results": [OLD_ROW], "__next": f"{URL}/People?x"}}), (200, {"d": []}), version="v2")
    changes = service.run("changes", "People", "1767607440000:1767607500000")
    assert "Changed ge datetime'2026-01-05T10:04:00'" in service.asked[0][1]
    assert len(changes.records) == 1
    service = Service((200, {"value": [{"No": 7, "Name": "x"}]}))
    changes = service.run("changes", "Things", None)
    assert (changes.records[0].id, changes.records[0].modified, changes.cursor) == ("7", None, None)
    assert service.asked[0][1] == "/Things"


def test_now_is_what_the_server_told_last() -> None:
    service = Service((200, ROW))
    assert service.run("cursor_now", "People") is None
    service.run("get", "People", KEY)
    assert service.run("cursor_now", "People") == "1767608940000:1767608940000"
    assert service.run("cursor_now", "Things") is None


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("name", "O'Hara", "Name eq 'O''Hara'"),
        ("Home.City", "Delft", "Home/City eq 'Delft'"),
        ("Boss", KEY, f"Boss eq {KEY}"),
        ("Boss", "7", "Boss eq '7'"),
        ("Phones.Number", "1", "Phones/any(x: x/Number eq '1')"),
        ("Foo", 7, "Foo eq 7"),
    ],
)
def test_find_filters_by_value(path: str, value: Any, said: str) -> None:
    service = Service((200, {"value": [ROW]}))
    assert [record.id for record in service.run("find", "People", path, value)] == [KEY]
    assert service.asked[0][1] == f"/People?$filter={said}&$expand=Phones"


def test_nothing_is_known_of_users_and_rights_and_the_descriptor_describes() -> None:
    service = Service()
    assert service.run("describe", "people") is PEOPLE
    assert service.run("identify").user is None
    assert service.run("preflight", ["People"]) == ()
    assert service.client.schema is SCHEMA


@pytest.mark.parametrize(
    ("status", "kind"), [(400, ApiRefused), (429, ApiUnavailable), (500, ApiUnavailable), (503, ApiUnavailable)]
)
def test_errors_carry_code_message_and_targets(status: int, kind: type[ApiError]) -> None:
    body = {"error": {"code": "Bad", "message": "no", "target": "Name", "details": [{"target": "Born"}, {"x": 1}]}}
    with pytest.raises(kind, match="no") as raised:
        Service((status, body)).run("create", "People", {})
    assert (raised.value.code, raised.value.status) == ("Bad", status)
    assert kind is ApiUnavailable or raised.value.fields == ("Name", "Born")
    with pytest.raises(kind, match="no reason given"):
        Service((status, b"<html>")).run("create", "People", {})


def test_answers_that_are_no_rows_and_links_to_elsewhere_are_no_answers() -> None:
    with pytest.raises(ApiUnavailable, match="no rows"):
        Service((200, b"[1]")).run("changes", "People", None)
    with pytest.raises(ApiUnavailable, match=r"links to evil\.example"):
        Service((200, {"value": [], "@odata.nextLink": "https://evil.example/"})).run("changes", "People", None)
    with pytest.raises(ApiUnavailable, match="links to"):
        Service((200, {"value": [], "@odata.nextLink": "http://odata.example/service/People"})).run(
            "find", "People", "Name", 1
        )
    with pytest.raises(ApiUnavailable, match="repeats"):
        Service(*[(200, {"value": [], "@odata.nextLink": "People?x"})] * 3).run("changes", "People", None)


@pytest.mark.parametrize(
    ("content", "count", "following"),
    [
        ({"value": [{"a": 1}, 2]}, 1, None),
        ({"value": [], "@odata.nextLink": "x"}, 0, "x"),
        ({"d": {"results": [{}], "__next": "y"}}, 1, "y"),
        ({"d": [{}, {}]}, 2, None),
        ({"d": {"ID": 1}}, 1, None),
        ({"ID": 1}, 1, None),
    ],
)
def test_pages_are_read_in_every_shape(content: Any, count: int, following: str | None) -> None:
    page = read_page(json.dumps(content).encode())
    assert page is not None
    assert (len(page.rows), page.following) == (count, following)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[1]", b'"x"', b'{"d": 1}', b'{"value": true}'])
def test_what_holds_no_rows_is_no_page(content: bytes) -> None:
    assert read_page(content) is None


def test_faults_are_read_in_every_form() -> None:
    assert read_fault(b"<html>") is None
    assert read_fault(b"{}") is None
    verbose = read_fault(b'{"error":{"code":"","message":{"lang":"","value":"no"}}}')
    assert verbose is not None
    assert (verbose.code, verbose.message, verbose.targets) == ("", "no", ())
    sign_in = read_fault(b'{"error":"invalid_grant","error_description":"used"}')
    assert sign_in is not None
    assert (sign_in.code, sign_in.message) == ("invalid_grant", "used")


def test_cursors_that_are_not_ours_begin_anew() -> None:
    assert read_cursor("x:y") == read_cursor(None) == (None, None)
    assert write_cursor(None, None, None) is None
    assert write_cursor(5, 9, None) == "9:9"


def test_a_date_that_cannot_be_read_tells_no_time() -> None:
    service = Service((200, ROW, {"date": "soon"}))
    service.run("get", "People", KEY)
    assert service.run("cursor_now", "People") is None
