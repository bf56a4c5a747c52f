"""An emulated GraphQL system answers what its schema promises, and says in GraphQL what it refuses."""

from dataclasses import replace
from typing import Any

import pytest

from talkqa.model.errors import ConfigError
from talkqa.sandbox.dialects.registry import make_emulator
from talkqa.sandbox.store import SystemStore
from tests.unit.sandbox.described_kit import Stage, play

CREATE = "mutation($i: DebtorInput!) { createDebtor(input: $i) { id title visiting { city } limit since seen } }"


def test_what_is_written_is_shown_in_the_types_of_the_schema() -> None:
    async def story(stage: Stage) -> Any:
        values = {"title": "x", "visiting": {"city": "Delft"}, "limit": "1.50", "seen": "2026-01-02T03:04:05+01:00"}
        return (await stage.query(CREATE, {"i": values}))["data"]["createDebtor"]

    told = play("graphql", story)
    assert told.pop("id")
    assert told == {
        "title": "x",
        "visiting": {"city": "Delft"},
        "limit": 1.5,
        "since": None,
        "seen": "2026-01-02T02:04:05Z",
    }


def test_the_schema_can_be_asked_for() -> None:
    async def story(stage: Stage) -> Any:
        return await stage.query("{ __schema { queryType { fields { name } } mutationType { fields { name } } } }")

    told = play("graphql-edges", story)["data"]["__schema"]
    assert {one["name"] for one in told["queryType"]["fields"]} == {
        *("debtor", "debtors", "order", "orders", "plain", "plains"),
    }
    assert "deletePlain" in {one["name"] for one in told["mutationType"]["fields"]}


@pytest.mark.parametrize(
    ("text", "variables", "code"),
    [
        ("{ nothing }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("query A { debtors { nodes { id } } } query B { debtors { nodes { id } } }", {}, "GRAPHQL_VALIDATION_FAILED"),
        (CREATE, {"i": {"title": "x", "limit": "much"}}, "GRAPHQL_VALIDATION_FAILED"),
        (CREATE, {"i": {}}, "REQUIRED"),
        ('mutation { deleteDebtor(id: "x") }', {}, "NOT_FOUND"),
        ('mutation { updateDebtor(id: "x", input: {}) { id } }', {}, "NOT_FOUND"),
    ],
)
def test_what_is_refused(text: str, variables: Any, code: str) -> None:
    async def story(stage: Stage) -> Any:
        return (await stage.query(text, variables))["errors"][0]["extensions"]["code"]

    assert play("graphql", story) == code


def test_a_refusal_may_stand_in_the_answer_itself() -> None:
    async def story(stage: Stage) -> None:
        text = "mutation { createDebtor(input: {}) { result { id } userErrors { message field code } } }"
        told = (await stage.query(text))["data"]["createDebtor"]
        assert told["result"] is None
        assert (told["userErrors"][0]["field"], told["userErrors"][0]["code"]) == (["title"], "REQUIRED")
        plain = (await stage.query("mutation { createPlain(input: {}) { result { id } } }"))["data"]["createPlain"]
        gone = f'mutation {{ deletePlain(id: "{plain["result"]["id"]}") {{ deletedId userErrors {{ code }} }} }}'
        told = (await stage.query(gone))["data"]["deletePlain"]
        assert told == {"deletedId": None, "userErrors": [{"code": "NOT_DELETABLE"}]}

    play("graphql-edges", story)


def test_what_is_no_request_is_answered_so() -> None:
    async def story(stage: Stage) -> None:
        assert (await stage.ask("POST", "/elsewhere", {"query": "{ __typename }"})).status_code == 404
        for body in (b"{", [], {"query": 5}, {"query": "{ __typename }", "variables": []}):
            wrong = (await stage.ask("POST", "/graphql", body)).status_code
            assert wrong == (200 if isinstance(body, dict) and body.get("variables") == [] else 400)

    play("graphql", story)


def test_operations_that_clash_are_no_schema() -> None:
    async def story(stage: Stage) -> None:
        names = stage.schema.entities[0].graphql
        entities = (stage.schema.entities[0], replace(stage.schema.entities[1], graphql=names))
        schema = replace(stage.schema, entities=entities)
        with pytest.raises(ConfigError, match="the operations of Vega make no GraphQL schema"):
            make_emulator(SystemStore(schema, stage.clock, 0), stage.clock, {})
        with pytest.raises(ConfigError, match="has no description of its GraphQL operations"):
            make_emulator(SystemStore(replace(schema, graphql=None), stage.clock, 0), stage.clock, {})

    play("graphql", story)
