"""Lists are read to their end and no further, and never on another server."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.rest import Caller, ErrorShape, Paging, RestApi, RestEntity, Since, Write
from talkqa.model.schema import FieldType, SystemSchema
from talkqa.systems import rest_lists
from talkqa.systems.rest import RestClient
from talkqa.systems.rest_lists import next_link
from talkqa.systems.session import FixedCredentials, Session
from tests.unit.systems.tiny_system import entity, field

PLAIN = RestEntity(path="/things")
Handler = Callable[[httpx.Request], httpx.Response]
URL = "https://things.example"


def client(handler: Handler, rest: RestEntity = PLAIN, **api: Any) -> RestClient:
    """A client of a system that answers as it is told."""
    thing = entity("Thing", field("name"), field("flag", FieldType.BOOLEAN), rest=rest)
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    session = Session(http, URL, system="Things", credentials=FixedCredentials({}))
    return RestClient(SystemSchema(name="Things", entities=(thing,), rest=RestApi(**api)), session)


def run(function: Callable[..., Any], *arguments: Any) -> Any:
    return trio.run(function, *arguments)


def record(number: int, second: int = 0) -> dict[str, Any]:
    return {"id": f"t{number}", "name": "x", "changed": f"2030-01-01T00:00:{second:02d}Z"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('<https://a/2>; rel="next"', "https://a/2"),
        ("</2?a=1,2>; rel=next", "/2?a=1,2"),
        ('<1>; rel="prev", <3>; title="x, y"; rel="last next"', "3"),
        ('<3>; rel="nextish"', None),
        ('<3>; rel="prev"; title="rel=next"', None),
        ("nonsense <; rel=next", None),
        ("", None),
    ],
)
def test_link_headers_are_read(header: str, expected: str | None) -> None:
    assert next_link([header]) == expected


@given(st.text(max_size=80))
def test_no_link_header_is_too_odd(text: str) -> None:
    """Whatever a server sends: a target or none, and soon."""
    assert next_link([text, text]) is None or isinstance(next_link([text, text]), str)


@pytest.mark.parametrize(
    "target",
    ["https://elsewhere.example/things?page=2", "//elsewhere.example/x", "http://things.example/x", "http://[x"],
)
def test_credentials_follow_no_link_elsewhere(target: str) -> None:
    """A next page on another server, port or scheme is not asked for."""
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json={"data": [record(1)], "next": target})

    rest = RestEntity(path="/things", records=("data",), paging=Paging(kind="link", next=("next",)))
    with pytest.raises(ApiUnavailable, match="goes on at"):
        run(client(answer, rest).changes, "Thing", None)
    assert len(asked) == 1


@pytest.mark.parametrize("next_page", ["/things?page=2", f"{URL}/things?page=2", "?page=2", 5, "", None])
def test_links_are_followed_to_their_end(next_page: Any) -> None:
    """Absolute or not; whatever is no link ends the list."""

    def answer(request: httpx.Request) -> httpx.Response:
        second = request.url.params.get("page") == "2"
        return httpx.Response(200, json={"data": [record(1 + second)], "next": None if second else next_page})

    rest = RestEntity(path="/things", records=("data",), paging=Paging(kind="link", next=("next",)))
    changes = run(client(answer, rest).changes, "Thing", None)
    assert [one.id for one in changes.records] == (["t1", "t2"] if isinstance(next_page, str) and next_page else ["t1"])


def test_a_list_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_lists, "MAX_PAGES", 5)
    count = iter(range(100))
    rest = RestEntity(path="/things", records=("data",), paging=Paging(kind="cursor", param="t", next=("n",)))

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": [], "n": next(count) + 1})

    with pytest.raises(ApiUnavailable, match="does not end after 5 pages"):
        run(client(answer, rest).changes, "Thing", None)


@pytest.mark.parametrize("kind", ["offset", "page", "cursor"])
def test_an_api_that_repeats_itself_ends_as_well(kind: str) -> None:
    """A server that ignores where to go on gives its one page again and again."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"data": [record(1), record(2)], "next": "same"})

    paging = Paging(kind=kind, param="at", size=2, next=("next",) if kind == "cursor" else ())
    changes = run(client(answer, RestEntity(path="/things", records=("data",), paging=paging)).changes, "Thing", None)
    assert {one.id for one in changes.records} == {"t1", "t2"}
    assert len(asked) <= 3


@pytest.mark.parametrize("body", [{"data": None}, {}, "text", [1], None])
def test_a_body_without_a_list_is_no_empty_list(body: Any) -> None:
    """What cannot be read is not taken for nothing."""
    unread = client(lambda _: httpx.Response(200, json=body), RestEntity(path="/things", records=("data",)))
    with pytest.raises(ApiUnavailable, match="without a list of records in data"):
        run(unread.changes, "Thing", None)


def test_without_a_clock_the_first_page_tells_how_far_it_is_safe() -> None:
    """A list in no known order that has several pages: what changes behind the reader is asked for again."""
    rest = RestEntity(
        path="/things",
        paging=Paging(kind="page", param="page", size=2),
        since=Since(param="since"),
    )
    pages = {"1": [record(1, 5), record(2, 3)], "2": [record(3, 50)]}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=pages[request.url.params["page"]])

    changes = run(client(answer, rest).changes, "Thing", None)
    assert [one.id for one in changes.records] == ["t2", "t1", "t3"]
    assert changes.cursor == "2030-01-01T00:00:05Z"


def test_the_time_of_the_system_is_a_cursor() -> None:
    """A little before its Date header; nothing where it sends none, or where nothing is stamped."""
    headers = {"date": "Tue, 01 Jan 2030 00:01:00 GMT"}
    dated = client(lambda _: httpx.Response(200, json=[], headers=headers))
    assert run(dated.cursor_now, "Thing") == "2030-01-01T00:00:54Z"
    assert run(client(lambda _: httpx.Response(200, json=[])).cursor_now, "Thing") is None
    odd = client(lambda _: httpx.Response(200, json=[], headers={"date": "soon"}))
    assert run(odd.cursor_now, "Thing") is None


def test_the_caller_is_told_where_the_api_tells() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/me"
        return httpx.Response(200, json={"login": 7, "profile": {"mail": "a@example.org"}})

    caller = Caller(path="/me", user=("login",), name=("profile", "mail"))
    told = run(client(answer, caller=caller).identify)
    assert (told.user, told.name, told.server_time) == ("7", "a@example.org", None)
    assert run(client(answer).identify).user is None


@pytest.mark.parametrize(("status", "code"), [(403, "missing-right"), (401, "missing-right"), (404, "missing-entity")])
def test_an_entity_that_cannot_be_listed_is_found_before_the_run(status: int, code: str) -> None:
    """An account without rights is not taken for an empty system."""
    refusing = client(lambda _: httpx.Response(status, json={}))
    (finding,) = run(refusing.preflight, ["Thing"])
    assert (finding.code, finding.entity, finding.system) == (code, "Thing", "Things")
    assert finding.advice
    assert run(client(lambda _: httpx.Response(200, json=[])).preflight, ["Thing"]) == ()


def test_what_no_descriptor_knows_is_refused_without_a_call() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise AssertionError

    assert run(client(fail).describe, "thing").name == "Thing"
    with pytest.raises(ApiRefused, match="has no entity 'Other'"):
        run(client(fail).describe, "Other")


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("https://things.example/things/a%20b", "a b"),
        ("/things/5/", "5"),
        ("/v9/elsewhere/5?x=1", "5"),
        ("", None),
    ],
)
def test_an_empty_answer_is_read_back_by_its_location(location: str, expected: str | None) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, headers={"location": location} if location else {})
        return httpx.Response(200, json={"id": httpx.URL(request.url).path.rpartition("/")[2]})

    asked = client(answer, RestEntity(path="/things", create=Write(method="POST", answer="nothing")))
    if expected is None:
        with pytest.raises(ApiUnavailable, match="no JSON object"):
            run(asked.create, "Thing", {"name": "x"})
    else:
        assert run(asked.create, "Thing", {"name": "x"}).id == expected


@pytest.mark.parametrize(
    ("shape", "body", "fields", "said"),
    [
        (ErrorShape(), {"errors": [{"message": "m", "field": "/name"}]}, ("name",), "m"),
        (ErrorShape(), {"errors": [{"message": "m", "field": "lines[0].NAME"}]}, ("lines.NAME",), "m"),
        (ErrorShape(), {"errors": [{"code": "c"}, "odd"]}, (), "c"),
        (ErrorShape(), ["odd"], (), "no reason given"),
        (ErrorShape(kind="object", items=()), {"message": "m", "field": "NAME"}, ("name",), "m"),
        (ErrorShape(kind="fields"), {"errors": {"name": ["too long", "odd"], "flag": []}}, ("name",), "too long, odd"),
        (ErrorShape(kind="fields"), {"message": "no way"}, (), "no way"),
        (ErrorShape(kind="fields"), {"message": 5}, (), "no reason given"),
        (ErrorShape(message=(), code=(), field=()), {"errors": [{"x": 1}]}, (), "{'x': 1}"),
    ],
)
def test_reasons_are_read_in_every_shape(shape: ErrorShape, body: Any, fields: tuple[str, ...], said: str) -> None:
    refusing = client(lambda _: httpx.Response(400, json=body), errors=shape)
    with pytest.raises(ApiRefused) as caught:
        run(refusing.create, "Thing", {"name": "x"})
    assert caught.value.fields == fields
    assert str(caught.value).endswith(f"(400): {said}")


def test_only_the_statuses_that_are_well_are_well() -> None:
    """Where a description lists them."""
    with pytest.raises(ApiRefused, match=r"\(202\)"):
        run(client(lambda _: httpx.Response(202, json=[]), ok=(200,)).changes, "Thing", None)


def test_a_creation_is_never_marked_as_repeatable() -> None:
    """Even by PUT, which HTTP calls idempotent: the transport below must not create twice."""
    marks: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        marks.append(request.extensions["talkqa"].repeatable)
        return httpx.Response(200, json={"id": "1"})

    rest = RestEntity(path="/things", create=Write(method="PUT"), update=Write(method="POST"))
    run(client(answer, rest).create, "Thing", {"name": "x"})
    run(client(answer, rest).update, "Thing", "1", {"name": "y"})
    assert marks == [False, True]
