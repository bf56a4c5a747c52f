"""An emulated API is as strict as its description, and lets nobody in without credentials."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.account import Account, Auth
from talkqa.model.errors import ApiUnavailable
from talkqa.model.rest import ErrorShape, Find, Paging, RestApi, RestAuth, RestEntity, Since, Write
from talkqa.model.schema import SystemSchema
from talkqa.sandbox.connectors.contract import Gone, Outdated, WriteRefused
from talkqa.sandbox.connectors.rest import RestConnector
from talkqa.sandbox.dialects.rest_auth import LIFETIME_S
from tests.unit.systems.described import ORDER, PERSON, Stage, play

REST = RestEntity(path="/people", records=("data",))


def schema(rest: RestEntity = REST, **api: Any) -> SystemSchema:
    return SystemSchema(name="People", entities=(replace(PERSON, rest=rest),), rest=RestApi(**api))


async def ask(stage: Stage, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """One request as nobody in particular."""
    http = httpx.AsyncClient(transport=stage.transport, base_url="http://people.sandbox")
    return await http.request(method, path, json=body, headers=headers)


async def signed(stage: Stage, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """One request as the harness, with a bearer token."""
    account = stage.emulator.account("http://people.sandbox", "harness")
    return await ask(stage, method, path, body, authorization=f"Bearer {account.auth.token}", **headers)


@pytest.mark.parametrize(
    ("api", "body", "field"),
    [
        ({"datetimes": "epoch-ms"}, {"seen": "2024-05-06T07:08:09Z"}, "seen"),
        ({"datetimes": "epoch-s"}, {"seen": True}, "seen"),
        ({"datetimes": "epoch-s"}, {"seen": 1e30}, "seen"),
        ({"datetimes": "dd.MM.yyyy HH:mm"}, {"seen": "2024-05-06 07:08"}, "seen"),
        ({"dates": "dd.MM.yyyy"}, {"born": "1815-12-10"}, "born"),
        ({"dates": "dd.MM.yyyy"}, {"born": 5}, "born"),
        ({}, {"born": "10.12.1815"}, "born"),
        ({"decimals": "text"}, {"credit": 12.5}, "credit"),
        ({"decimals": "text"}, {"credit": "1e5"}, "credit"),
        ({}, {"credit": "12.5"}, "credit"),
        ({"references": "object"}, {"patron": "1"}, "patron"),
        ({"references": "object"}, {"patron": {"key": "1"}}, "patron"),
        ({"ids": "number"}, {"patron": "1"}, "patron"),
        ({"ids": "number"}, {"patron": 1}, "patron"),
        ({}, {"patron": 1}, "patron"),
        ({}, {"phones": [{"colour": "x"}]}, "phones.colour"),
        ({}, {"nickname": "x"}, "nickname"),
        ({}, {"id": "x"}, "id"),
    ],
)
def test_a_value_in_another_form_is_refused(api: dict[str, Any], body: dict[str, Any], field: str) -> None:
    """A client that writes what the description does not say is told which field is wrong."""

    async def story(stage: Stage) -> httpx.Response:
        return await signed(stage, "POST", "/people", {"name": "Ada", **body})

    answer = play(schema(**api), story)
    assert answer.status_code == 422, answer.text
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_null_clears_whatever_the_form() -> None:
    """Nothing has no form."""

    async def story(stage: Stage) -> Any:
        values = {"name": "Ada", "seen": 5000, "patron": None, "credit": "12.50"}
        made = (await signed(stage, "POST", "/people", values)).json()
        cleared = {"seen": None, "credit": None, "patron": {"id": None}}
        return made, (await signed(stage, "PATCH", f"/people/{made['id']}", cleared)).json()

    made, cleared = play(schema(datetimes="epoch-ms", decimals="text", references="object"), story)
    assert (made["seen"], made["credit"]) == (5000, "12.50")
    assert (cleared["seen"], cleared["credit"], cleared["patron"]) == (None, None, None)


def test_a_whole_record_clears_what_it_lacks() -> None:
    async def story(stage: Stage) -> Any:
        made = (await signed(stage, "POST", "/people", {"name": "Ada", "rank": 5, "mail": "a@example.org"})).json()
        return (await signed(stage, "PUT", f"/people/{made['id']}", {"name": "Bo", "mail": "b@example.org"})).json()

    now = play(schema(replace(REST, update=Write(method="PUT", whole=True))), story)
    assert (now["name"], now["mail"], now["rank"]) == ("Bo", "b@example.org", None)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/persons", None, 404),
        ("GET", "/people/none", None, 404),
        ("DELETE", "/people", None, 404),
        ("POST", "/people", ["no object"], 400),
        ("POST", "/people", {"name": "not in its envelope"}, 400),
        ("GET", "/people?page=x", None, 422),
        ("GET", "/people?page=0", None, 422),
        ("GET", "/people?size=0", None, 422),
        ("GET", "/people?since=yesterday", None, 422),
    ],
)
def test_what_is_not_described_is_refused(method: str, path: str, body: Any, status: int) -> None:
    rest = replace(
        REST,
        paging=Paging(kind="page", param="page", size_param="size"),
        since=Since(param="since"),
        create=Write(method="POST", envelope=("person",)),
    )

    async def story(stage: Stage) -> httpx.Response:
        return await signed(stage, method, path, body)

    assert play(schema(rest), story).status_code == status


def test_a_token_of_no_page_is_refused() -> None:
    """In the order of creation as in that of changes."""
    paging = Paging(kind="cursor", param="token", next=("next",))

    async def story(stage: Stage) -> list[int]:
        ordered = "&".join(f"{name}={value}" for name, value in ORDER)
        return [(await signed(stage, "GET", f"/people?token=x{more}")).status_code for more in ("", f"&{ordered}")]

    assert play(schema(replace(REST, paging=paging, order=ORDER)), story) == [422, 422]


@pytest.mark.parametrize(
    ("auth", "headers", "path"),
    [
        (RestAuth(kinds=("bearer",)), {"authorization": "Bearer harness"}, "/people"),
        (RestAuth(kinds=("basic",)), {"authorization": "Basic aGFybmVzczp4"}, "/people"),
        (RestAuth(kinds=("basic",)), {"authorization": "Basic ???"}, "/people"),
        (RestAuth(kinds=("basic",)), {"authorization": "Basic /w=="}, "/people"),
        (RestAuth(kinds=("api-key",), header="X-Key"), {"x-key": "harness"}, "/people"),
        (RestAuth(kinds=("api-key",), query="key"), {}, "/people?key="),
        (RestAuth(kinds=("client-credentials",)), {"authorization": "Bearer harness.5.0.x"}, "/people"),
        (RestAuth(kinds=("client-credentials",)), {}, "/people"),
    ],
)
def test_nobody_comes_in_without_credentials(auth: RestAuth, headers: dict[str, str], path: str) -> None:
    async def story(stage: Stage) -> httpx.Response:
        return await ask(stage, "GET", path, **headers)

    answer = play(schema(auth=auth, errors=ErrorShape(kind="object", items=("error",))), story)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unknown_user"


def test_a_system_without_credentials_lets_everybody_in() -> None:
    """And cannot tell who wrote."""
    open_house = replace(schema(auth=RestAuth(kinds=("none",))), knows_users=False)

    async def story(stage: Stage) -> Any:
        return (await ask(stage, "POST", "/people", {"name": "Ada"})).json()

    assert play(open_house, story)["changedBy"] is None


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"grant_type": "password"}, 400),
        ({"grant_type": "client_credentials", "client_id": "harness", "client_secret": "x"}, 401),
        ({"grant_type": "client_credentials"}, 401),
    ],
)
def test_no_token_without_a_secret(form: dict[str, str], status: int) -> None:
    async def story(stage: Stage) -> httpx.Response:
        http = httpx.AsyncClient(transport=stage.transport, base_url="http://people.sandbox")
        return await http.post("/oauth/token", data=form)

    assert play(schema(auth=RestAuth(kinds=("client-credentials",))), story).status_code == status


def test_tokens_end_and_are_fetched_anew() -> None:
    """By age, or because somebody made one dead; client and connector go on without a word."""

    async def story(stage: Stage) -> None:
        made = await stage.client.create("Person", {"name": "Ada"})
        await stage.connector.get("Person", made.id)
        stage.clock.advance(LIFETIME_S + 1)
        assert await stage.client.get("Person", made.id) is not None
        await stage.connector.get("Person", made.id)
        token = stage.requests[-1].headers["authorization"].removeprefix("Bearer ")
        stage.emulator.expire_token(token)
        assert await stage.client.get("Person", made.id) is not None
        assert stage.requests[-1].headers["authorization"] != f"Bearer {token}"

    play(schema(auth=RestAuth(kinds=("client-credentials",))), story)


def test_a_client_may_send_its_secret_in_the_header() -> None:
    """As RFC 6749 prefers it."""

    async def story(stage: Stage) -> httpx.Response:
        auth = stage.emulator.account("http://people.sandbox", "engine").auth
        http = httpx.AsyncClient(transport=stage.transport, auth=(auth.client_id, auth.client_secret))
        return await http.post(auth.token_url, data={"grant_type": "client_credentials"})

    answer = play(schema(auth=RestAuth(kinds=("client-credentials",))), story)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")


@pytest.mark.parametrize("conditional", [True, False])
def test_the_engine_writes_over_no_version_that_it_has_not_seen(conditional: bool) -> None:
    """By If-Match where the API knows it, by reading again where it does not."""

    async def story(stage: Stage) -> None:
        made = await stage.client.create("Person", {"name": "Ada"})
        seen = await stage.connector.get("Person", made.id)
        stage.clock.advance(1)
        await stage.client.update("Person", made.id, {"rank": 1})
        with pytest.raises(Outdated):
            await stage.connector.update("Person", made.id, {"name": "Bo"}, seen.etag)
        with pytest.raises(WriteRefused) as caught:
            await stage.connector.create("Person", {"name": "x" * 50})
        assert caught.value.fields == ("name",)
        await stage.client.delete("Person", made.id)
        with pytest.raises(Gone):
            await stage.connector.get("Person", made.id)

    play(schema(replace(REST, conditional=conditional)), story)


def test_the_engine_finds_by_reading_where_it_cannot_ask() -> None:
    """By value, and a record by its id where the API gives no single one."""

    async def story(stage: Stage) -> None:
        made = await stage.connector.create("Person", {"name": "Ada", "credit": 12.0, "active": True})
        for path, text in (("credit", "12"), ("active", "true"), ("name", "Ada")):
            assert [one.id for one in await stage.connector.find("Person", path, text)] == [made.id]
        assert await stage.connector.find("Person", "name", "Bo") == []
        await stage.client.delete("Person", made.id)
        with pytest.raises(Gone):
            await stage.connector.get("Person", made.id)

    play(schema(replace(REST, get=False, find=Find(search="q"), create=Write(method="POST", answer="id"))), story)


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.Response(429, text="slow down")])
def test_the_engine_tells_trouble_from_refusal(answer: httpx.Response) -> None:
    async def story(stage: Stage) -> None:
        transport = httpx.MockTransport(lambda _: answer)
        account = Account(system="People", url="http://people.sandbox", auth=Auth())
        connector = RestConnector(stage.client.schema, account, transport)
        with pytest.raises(ApiUnavailable):
            await connector.poll("Person", None)

    play(schema(), story)


def test_the_engine_without_a_token_or_a_network_says_so() -> None:
    async def story(stage: Stage) -> None:
        def refuse(_: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("nobody there")

        auth = Auth(kind="client-credentials", token_url="http://people.sandbox/token")  # noqa: S106 - an address
        account = Account(system="People", url="http://people.sandbox", auth=auth)
        for handler in (refuse, lambda _: httpx.Response(403)):
            connector = RestConnector(stage.client.schema, account, httpx.MockTransport(handler))
            with pytest.raises(ApiUnavailable):
                await connector.get("Person", "1")

    play(schema(), story)


def test_the_engine_reads_every_page_and_what_changes_meanwhile() -> None:
    """Small pages in no known order: a record that changes behind the reader is told by the next poll."""
    paging = Paging(kind="page", param="page", size=2)

    async def story(stage: Stage) -> None:
        store = stage.emulator.store.entities["person"]
        made = [store.create({"name": f"n{number}"}, "harness") for number in range(5)]
        first, cursor = await stage.connector.poll("Person", None)
        assert {one.id for one in first} == {one.id for one in made}
        stage.clock.advance(3)
        store.update(made[0], {"rank": 1}, "harness")
        second, _ = await stage.connector.poll("Person", cursor)
        assert made[0].id in {one.id for one in second}

    play(schema(replace(REST, paging=paging, since=Since(param="since", inclusive=False, overlap_s=1.0))), story)


def connected(body: Any, rest: RestEntity = REST, **api: Any) -> Any:
    """A connector of a system that answers this body to everything."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200 if "errors" not in body else 422, json=body))
    account = Account(system="People", url="http://people.sandbox", auth=Auth())
    return RestConnector(schema(rest, **api), account, transport)


@pytest.mark.parametrize(
    ("api", "values"),
    [
        ({"datetimes": "epoch-ms"}, {"seen": "never"}),
        ({"dates": "dd.MM.yyyy"}, {"born": "1.2.3"}),
        ({"decimals": "text"}, {"credit": "much"}),
        ({"datetimes": "epoch-s"}, {"seen": 1e40}),
        ({}, {"phones": ["odd", "list"]}),
        ({}, {"home": {"city": ["a"]}}),
    ],
)
def test_the_engine_leaves_odd_values_as_they_came(api: dict[str, Any], values: dict[str, Any]) -> None:
    """An answer is not trusted to be of the form that was described."""
    record = {"id": "1", "name": "Ada", **values}

    async def main() -> Any:
        return await connected(record, **api).get("Person", "1")

    told = trio.run(main)
    assert (told.id, told.values["name"]) == ("1", "Ada")
    ((path, value),) = values.items()
    assert told.values.get(path, value) in (value, tuple(value) if isinstance(value, list) else value)


def test_the_engine_writes_odd_values_as_they_are() -> None:
    """A system refuses what it cannot read; the engine does not guess."""
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(200, json={"id": "1"})

    account = Account(system="People", url="http://people.sandbox", auth=Auth())
    system = schema(datetimes="epoch-s", dates="epoch-s", decimals="text", ids="number")
    values: dict[str, Any] = {
        "seen": "soon",
        "born": "2024-01-02",
        "credit": 1.5,
        "patron": "x",
        "phones.number": ("1", "2"),
    }

    async def main() -> None:
        await RestConnector(system, account, httpx.MockTransport(answer)).create("Person", values)

    trio.run(main)
    assert json.loads(sent[0]) == {
        "seen": "soon",
        "born": 1704153600,
        "credit": "1.5",
        "patron": "x",
        "phones": [{"number": "1"}, {"number": "2"}],
    }


@pytest.mark.parametrize(
    ("shape", "body", "fields"),
    [
        (ErrorShape(kind="fields"), {"errors": {"name": "too long"}}, ("name",)),
        (ErrorShape(kind="fields"), {"errors": 5, "message": "no"}, ()),
        (ErrorShape(), {"errors": [{"code": 5, "field": "name"}, "odd"]}, ("name",)),
        (ErrorShape(message=(), code=()), {"errors": [{"field": "name"}]}, ("name",)),
    ],
)
def test_the_engine_reads_reasons_in_every_shape(shape: ErrorShape, body: Any, fields: tuple[str, ...]) -> None:
    async def main() -> None:
        await connected(body, errors=shape).create("Person", {"name": "x"})

    with pytest.raises(WriteRefused) as caught:
        trio.run(main)
    assert caught.value.fields == fields
