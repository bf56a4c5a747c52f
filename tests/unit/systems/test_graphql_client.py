"""What a described GraphQL system answers beside its records is taken for what it is."""

import json
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.account import Account
from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.schema import SystemSchema
from talkqa.systems.graphql_client import GraphqlClient, compose
from talkqa.systems.session import FixedCredentials, Session
from tests.unit.sandbox.described_kit import described

URL = "https://vega.example"
NODE = {"id": 7, "changedAt": "2026-01-05T10:00:00.500+01:00", "changedBy": "me", "title": "x", "limit": "1.50"}


def ask(answers: list[Any], method: str, *arguments: Any, dialect: str = "graphql", url: str = URL) -> tuple[Any, list]:
    """What a method gives where the system answers in turn, and what it was asked: address and body."""
    asked: list[tuple[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((str(request.url), json.loads(request.content)))
        told = answers.pop(0)
        return told if isinstance(told, httpx.Response) else httpx.Response(200, json=told)

    async def main() -> Any:
        schema: SystemSchema = described(dialect)
        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        session = Session(http, url, system="Vega", credentials=FixedCredentials({}), timeout_s=None)
        client = GraphqlClient(schema, Account(system="Vega", url=url), session)
        return await getattr(client, method)(*arguments)

    return trio.run(main), asked


def page(*nodes: Any, following: str | None = None) -> Any:
    info = {"hasNextPage": following is not None, "endCursor": following}
    return {"data": {"debtors": {"nodes": list(nodes), "pageInfo": info}}}


def test_values_are_neutral_whatever_the_system_makes_of_them() -> None:
    record, asked = ask([{"data": {"debtor": NODE}}], "get", "Debtor", "7")
    assert (record.id, record.modified, record.modified_by) == ("7", "2026-01-05T09:00:00.500Z", "me")
    assert (record.values["limit"], record.values["visiting.city"]) == (1.5, None)
    assert asked[0][0] == f"{URL}/graphql"
    assert asked[0][1]["variables"] == {"k": "7"}


def test_an_address_that_is_the_endpoint_itself_is_taken_as_it_is() -> None:
    _, asked = ask([{"data": {"debtor": None}}], "get", "Debtor", "7", url=f"{URL}/graphql")
    assert asked[0][0] == f"{URL}/graphql"


def test_numbers_and_times_that_cannot_be_read_stay_as_they_came() -> None:
    odd = {**NODE, "limit": "much", "changedAt": "soon", "visiting": [], "staff": "12", "title": {"a": 1}}
    record, _ = ask([{"data": {"debtor": odd}}], "get", "Debtor", "7")
    assert (record.values["limit"], record.modified) == ("much", "soon")
    assert (record.values["staff"], record.values["title"]) == (12, None)


def test_the_pages_of_a_list_are_read_to_the_end() -> None:
    (found), asked = ask([page(NODE, following="a"), page({**NODE, "id": "8"})], "find", "Debtor", "limit", 1.5)
    assert [record.id for record in found] == ["7", "8"]
    assert asked[1][1]["variables"] == {"n": 50, "p": "a"}


@pytest.mark.parametrize(
    ("answers", "method", "arguments", "kind", "said"),
    [
        ([{"data": {"debtors": None}}], "changes", ("Debtor", None), ApiUnavailable, "shows no debtors"),
        ([{"data": {"debtor": None}, "errors": [{"message": "no"}]}], "get", ("Debtor", "1"), ApiRefused, "no"),
        ([{"data": {"createDebtor": None}}], "create", ("Debtor", {}), ApiUnavailable, "showed no Debtor"),
        ([httpx.Response(503)], "delete", ("Debtor", "1"), ApiUnavailable, "503"),
        ([{"errors": [{"message": "used"}]}], "delete", ("Debtor", "1"), ApiRefused, "used"),
        ([], "get", ("Nothing", "1"), ApiRefused, "has no entity 'Nothing'"),
        ([{"data": {"order": None}}], "update", ("Order", "1", {"lines.text": "x"}), ApiRefused, "any more"),
    ],
)
def test_what_is_no_answer_is_told(
    answers: list[Any], method: str, arguments: tuple[Any, ...], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        ask(answers, method, *arguments)


def test_refusals_inside_an_answer_name_their_fields() -> None:
    problems = [
        {"message": "too long", "field": ["input", "visiting", "city"]},
        {"message": "odd", "field": "title"},
        {"message": "why not", "field": None},
        "no problem",
    ]
    with pytest.raises(ApiRefused) as caught:
        ask(
            [{"data": {"createDebtor": {"result": None, "userErrors": problems}}}],
            "create",
            "Debtor",
            {"title": "x"},
            dialect="graphql-edges",
        )
    assert caught.value.fields == ("visiting.city", "title")
    assert "too long; odd; why not" in str(caught.value)


def test_the_first_cursor_is_a_little_before_the_time_of_the_system() -> None:
    told = httpx.Response(200, headers={"date": "Mon, 05 Jan 2026 10:01:00 GMT"}, json={"data": {"debtors": []}})
    cursor, _ = ask([told], "cursor_now", "Debtor", dialect="graphql-offset")
    assert cursor == "1767607200000:1767607200000"
    silent, _ = ask([{"data": {"debtors": []}}], "cursor_now", "Debtor", dialect="graphql-offset")
    assert silent is None
    changes, asked = ask([{"data": {"debtors": []}}], "changes", "Debtor", cursor, dialect="graphql-offset")
    assert changes.cursor == cursor
    assert asked[0][1]["variables"] == {"n": 3, "s": "2026-01-05T10:00:00Z"}


def test_what_is_not_known_goes_as_it_is() -> None:
    order = described("graphql").entity("Order")
    assert order is not None
    values = {"nothing.here": 1, "debtor": "7", "lines.text": ("a",), "title": ("t",)}
    assert compose(order, values) == {
        "nothing": {"here": 1},
        "debtorId": "7",
        "lines": [{"text": "a"}],
        "title": "t",
    }
