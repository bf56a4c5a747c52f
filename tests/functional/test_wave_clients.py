"""A GraphQL client that this project did not write works against the emulated Wave, over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from gql import Client, GraphQLRequest
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXTransport
from graphql import GraphQLError

from tests.functional.served import serve_app
from tests.unit.sandbox.wave_kit import WaveStage

PATH = "/graphql/public"
LIST = """
    query ($business: ID!, $page: Int!) {
      business(id: $business) {
        customers(page: $page, pageSize: 2, sort: [NAME_ASC]) {
          pageInfo { currentPage totalPages totalCount }
          edges { node { id name address { city country { code name } } currency { code } } }
        }
      }
    }
"""
CREATE = """
    mutation ($input: CustomerCreateInput!) {
      customerCreate(input: $input) {
        didSucceed
        inputErrors { path message code }
        customer { id name modifiedAt address { city country { code } } }
      }
    }
"""
PATCH = """
    mutation ($input: CustomerPatchInput!) {
      customerPatch(input: $input) { didSucceed inputErrors { path code } customer { name email } }
    }
"""
DELETE = "mutation ($input: CustomerDeleteInput!) { customerDelete(input: $input) { didSucceed } }"
READ = "query ($business: ID!, $id: ID!) { business(id: $business) { customer(id: $id) { name } } }"


def ask(text: str, variables: dict[str, Any] | None = None) -> GraphQLRequest:
    return GraphQLRequest(text, variable_values=variables or {})


@pytest.fixture
def stage() -> WaveStage:
    return WaveStage()


@pytest.fixture
def client(stage: WaveStage) -> Iterator[Client]:
    with serve_app(stage.emulator) as url:
        token = stage.account().auth.token
        transport = HTTPXTransport(url=url + PATH, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        yield Client(transport=transport, fetch_schema_from_transport=True)


def test_gql_creates_lists_patches_and_deletes(stage: WaveStage, client: Client) -> None:
    """Every document is validated by the client against the schema that it fetched."""
    business = stage.business
    with client as session:
        ids = []
        for name in ("Ada", "Bo", "Cy"):
            given = {"businessId": business, "name": name, "address": {"city": "Delft", "countryCode": "NL"}}
            told = session.execute(ask(CREATE, {"input": given}))["customerCreate"]
            assert (told["didSucceed"], told["inputErrors"]) == (True, None)
            assert told["customer"]["address"] == {"city": "Delft", "country": {"code": "NL"}}
            ids.append(told["customer"]["id"])

        names, page = [], 1
        while True:
            listed = session.execute(ask(LIST, {"business": business, "page": page}))["business"]["customers"]
            names += [edge["node"]["name"] for edge in listed["edges"]]
            if listed["pageInfo"]["currentPage"] >= listed["pageInfo"]["totalPages"]:
                break
            page += 1
        assert (names, page) == (["Ada", "Bo", "Cy"], 2)

        changed = session.execute(ask(PATCH, {"input": {"id": ids[0], "email": "ada@x.example"}}))
        assert changed["customerPatch"]["customer"] == {"name": "Ada", "email": "ada@x.example"}

        assert session.execute(ask(DELETE, {"input": {"id": ids[0]}}))["customerDelete"]["didSucceed"]
        with pytest.raises(TransportQueryError) as raised:
            session.execute(ask(READ, {"business": business, "id": ids[0]}))
        assert raised.value.errors is not None
        assert raised.value.errors[0]["extensions"]["code"] == "NOT_FOUND"


def test_gql_sees_what_is_refused(stage: WaveStage, client: Client) -> None:
    """A rejected mutation is an answer; a wrong shape never leaves the client, whose schema knows better."""
    with client as session:
        rejected = session.execute(ask(CREATE, {"input": {"businessId": stage.business, "name": ""}}))
        told = rejected["customerCreate"]
        assert (told["didSucceed"], told["customer"]) == (False, None)
        assert told["inputErrors"] == [{"path": ["input", "name"], "message": "name is required", "code": "REQUIRED"}]
        with pytest.raises(GraphQLError, match="Cannot query field 'countryCode'"):
            session.execute(ask("{ businesses { edges { node { address { countryCode } } } } }"))


def test_gql_is_not_let_in_with_a_wrong_token(stage: WaveStage) -> None:
    with serve_app(stage.emulator) as url:
        transport = HTTPXTransport(url=url + PATH, headers={"Authorization": "Bearer wrong"}, trust_env=False)
        with (
            Client(transport=transport) as session,
            pytest.raises(TransportQueryError, match="Authentication is needed"),
        ):
            session.execute(ask("{ user { id } }"))
