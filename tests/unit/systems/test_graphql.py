"""The GraphQL family tells answers from errors, and reads a server's schema."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.call import CALL, CallMark, Purpose
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable
from talkqa.systems.graphql import (
    GraphqlChannel,
    GraphqlError,
    Reply,
    place,
    read_path,
    read_reply,
    read_type,
    refusal,
    select,
)
from talkqa.systems.session import FixedCredentials, Session

NAMES = st.text("abcdefgh", min_size=1, max_size=3)


def body(data: Any = None, *errors: dict[str, Any]) -> bytes:
    return json.dumps({"data": data, **({"errors": list(errors)} if errors else {})}).encode()


def error(code: str, message: str = "wrong", **more: Any) -> dict[str, Any]:
    return {"message": message, "extensions": {"code": code}, **more}


def test_data_without_errors_is_an_answer_with_the_servers_time() -> None:
    reply = read_reply(200, body({"a": {"b": 1}}), "Mon, 05 Jan 2026 09:30:12 GMT", system="S")
    assert (reply.at("a", "b"), reply.at("a", "c"), reply.at("a", "b", "c")) == (1, None, None)
    assert reply.server_time == datetime(2026, 1, 5, 9, 30, 12, tzinfo=UTC)
    assert read_reply(200, body({}), "yesterday", system="S").server_time is None


@pytest.mark.parametrize("status", [200, 400, 404])
def test_errors_in_the_body_count_whatever_the_status(status: int) -> None:
    """Servers use both for one and the same kind; partial data stands beside them."""
    reply = read_reply(status, body({"a": 1}, error("NOT_FOUND", path=["a", 0])), None, system="S")
    assert reply.errors == (GraphqlError(message="wrong", code="NOT_FOUND", path=("a", "0")),)
    assert reply.data == {"a": 1}


@pytest.mark.parametrize(
    ("status", "content", "kind", "code"),
    [
        (401, b"", ApiRefused, "UNAUTHENTICATED"),
        (200, body(None, error("UNAUTHENTICATED")), ApiRefused, "UNAUTHENTICATED"),
        (429, b"slow down", ApiUnavailable, ""),
        (503, b"<html>", ApiUnavailable, ""),
        (200, body(None, error("INTERNAL_SERVER_ERROR")), ApiUnavailable, "INTERNAL_SERVER_ERROR"),
        (200, b"<html>", ApiUnavailable, ""),
        (200, b'{"data":null}', ApiUnavailable, ""),
        (200, b"[]", ApiUnavailable, ""),
        (400, b"what?", ApiRefused, ""),
    ],
)
def test_what_is_no_answer_is_raised(status: int, content: bytes, kind: type[ApiError], code: str) -> None:
    with pytest.raises(kind) as raised:
        read_reply(status, content, None, system="S")
    assert type(raised.value) is kind
    assert (raised.value.code, raised.value.status) == (code, status if code != "UNAUTHENTICATED" else 401)


@pytest.mark.parametrize(
    "told", [{}, {"errors": "x"}, {"errors": [1, None]}, {"errors": [{"extensions": 1, "path": 2}]}]
)
def test_errors_of_any_shape_are_lived_with(told: dict[str, Any]) -> None:
    content = json.dumps({"data": {"a": 1}, **told}).encode()
    assert read_reply(200, content, None, system="S").data == {"a": 1}


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ('Variable "$i" got invalid value "XX" at "i.address.countryCode"; Value "XX"', "address.countryCode"),
        ("Variable '$i' has invalid value at .address.countryCode: Value 'XX' does not", "address.countryCode"),
        ('Variable "$i" got invalid value {}; Field "nam" is not defined by type Input.', "nam"),
        ("Variable '$i' has invalid value: Expected 'X' not to include unknown field 'nam'.", "nam"),
        ('Variable "$i" got invalid value {}; Field value.name of required type String! was', "name"),
        ("Variable '$i' at .items[0]: Expected value to include required field 'productId'", "items.productId"),
        ('Variable "$i" got invalid value 1 at "i.items[2].quantity"; Decimal cannot', "items.quantity"),
        ("The query exceeds the maximum cost of 5100", ""),
        ("somebody arrived at 5.30", ""),
    ],
)
def test_the_place_in_a_variable_is_found_in_the_words_of_several_servers(message: str, path: str) -> None:
    assert GraphqlError(message=message, code="", path=()).variable_path == path


@given(st.text())
def test_no_message_is_too_strange_to_look_for_a_place(message: str) -> None:
    assert isinstance(GraphqlError(message=message, code="", path=()).variable_path, str)


def test_a_refusal_names_code_and_fields() -> None:
    errors = [GraphqlError(message="no", code="", path=()), GraphqlError(message="never", code="X", path=())]
    raised = refusal(errors, "asked", status=200, fields=["a", "", "a", "b"])
    assert isinstance(raised, ApiRefused)
    assert (str(raised), raised.code, raised.field, raised.fields) == ("asked: X no; never", "X", "a", ("a", "b"))
    assert refusal(errors[:1], "asked", status=200).field is None


def test_a_selection_set_gathers_paths() -> None:
    assert select(["id", "address.city", "name", "address.country.code"]) == "id address{city country{code}} name"


@given(st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map(tuple), st.integers(), max_size=5))
def test_what_was_placed_is_read_back(values: dict[tuple[str, ...], int]) -> None:
    apart = {
        path: value for path, value in values.items() if not any(path != p and p == path[: len(p)] for p in values)
    }
    holder: dict[str, Any] = {}
    for path, value in apart.items():
        place(holder, path, value)
    kept = {path: v for path, v in apart.items() if not any(path != p and path == p[: len(path)] for p in values)}
    assert {path: read_path(holder, path) for path in kept} == kept


def test_a_path_through_a_list_gives_one_value_an_element() -> None:
    node = {"items": [{"product": {"id": "a"}}, {"product": None}], "tags": ["x"]}
    assert read_path(node, ("items", "product", "id")) == ("a", None)
    assert read_path(node, ("tags",)) == ("x",)
    assert read_path(node, ("nothing", "at", "all")) is None
    holder: dict[str, Any] = {"a": None}
    place(holder, ("a", "b"), 1)
    assert holder == {"a": {"b": 1}}


def test_types_are_read_without_what_is_wrapped_around_them() -> None:
    def wrapped(*kinds: str) -> dict[str, Any]:
        told: dict[str, Any] = {"name": "ID", "kind": "SCALAR"}
        for kind in kinds:
            told = {"name": None, "kind": kind, "ofType": told}
        return told

    told = {
        "name": "Input",
        "kind": "INPUT_OBJECT",
        "inputFields": [
            {"name": "ids", "type": wrapped("NON_NULL", "LIST", "NON_NULL")},
            {"name": "page", "type": wrapped("NON_NULL"), "defaultValue": "1"},
            {"name": "none", "type": None},
            "nonsense",
        ],
    }
    info = read_type(told)
    assert info is not None
    assert [(n, f.name, f.required, f.is_list) for n, f in info.fields.items()] == [
        ("ids", "ID", True, True),
        ("page", "ID", False, False),
        ("none", "", False, False),
    ]
    enum = read_type({"name": "E", "kind": "ENUM", "enumValues": [{"name": "A"}, {"name": "B"}]})
    assert enum is not None
    assert enum.values == ("A", "B")
    assert read_type(None) is None
    assert read_type({}) is None


class Renewing:
    """Credentials that can be renewed once."""

    base_url: str | None = None
    query: dict[str, str] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.token = "old"  # noqa: S105

    async def headers(self) -> dict[str, str]:
        return {"authorization": self.token}

    async def renew(self, rejected: Any) -> bool:
        self.token = "new"  # noqa: S105
        return rejected == {"authorization": "old"}


def ask(
    answer: httpx.Response, *, credentials: Any = None, mutation: bool = False, **options: Any
) -> tuple[Any, list[CallMark]]:
    """What a channel makes of an answer, and the marks of what it sent."""
    marks: list[CallMark] = []

    def handle(request: httpx.Request) -> httpx.Response:
        marks.append(request.extensions[CALL])
        renewed = request.headers.get("authorization") == "new"
        return httpx.Response(200, content=body({"renewed": True})) if renewed else answer

    async def main() -> Reply:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as http:
            session = Session(http, "http://x", system="S", credentials=credentials or FixedCredentials({}))
            channel = GraphqlChannel(session, "/graphql")
            return await (channel.mutate("m", {}, **options) if mutation else channel.query("q", {}, **options))

    return trio.run(main), marks


def test_reads_may_be_repeated_and_changes_not_unless_told() -> None:
    fine = httpx.Response(200, content=body({}))
    marks = [
        ask(fine)[1][0],
        ask(fine, purpose=Purpose.POLL)[1][0],
        ask(fine, mutation=True)[1][0],
        ask(fine, mutation=True, repeatable=True)[1][0],
    ]
    assert [(mark.purpose, mark.repeatable) for mark in marks] == [
        (Purpose.CONFIRM, True),
        (Purpose.POLL, True),
        (Purpose.WRITE, False),
        (Purpose.WRITE, True),
    ]


@pytest.mark.parametrize("status", [200, 401])
def test_a_dead_token_is_renewed_once_however_it_is_told(status: int) -> None:
    dead = httpx.Response(status, content=body(None, error("UNAUTHENTICATED")))
    reply, marks = ask(dead, credentials=Renewing())
    assert (reply.data, len(marks)) == ({"renewed": True}, 2)


def test_a_record_that_speaks_of_unauthenticated_users_kills_no_token() -> None:
    reply, marks = ask(httpx.Response(200, content=body({"name": "UNAUTHENTICATED"})), credentials=Renewing())
    assert (reply.data, len(marks)) == ({"name": "UNAUTHENTICATED"}, 1)
