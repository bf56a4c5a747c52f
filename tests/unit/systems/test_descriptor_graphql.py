"""How a GraphQL API is spoken is read whole, by convention where nothing is said; else every problem is named."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.errors import ConfigError
from talkqa.model.graphql import GraphqlApi, GraphqlEntity
from talkqa.systems.descriptor import read_descriptor
from talkqa.systems.descriptor_graphql import API_KEYS, ENTITY_KEYS


def described(
    graphql: dict[str, Any] | None = None, entity: dict[str, Any] | None = None, *, name: str = "Company", **more: Any
) -> dict[str, Any]:
    """A shop of companies."""
    fields = {"id": {"type": "id", "write": "none"}, "name": {"type": "string"}, "at.city": {"type": "string"}}
    item = {"fields": fields} | ({} if entity is None else {"graphql": entity})
    content = {"system": "Shop", "dialect": "graphql", "entities": {name: item}, **more}
    return content | ({} if graphql is None else {"graphql": graphql})


def test_nothing_said_is_the_conventions() -> None:
    schema = read_descriptor(described(), "x.toml")
    assert schema.graphql == GraphqlApi()
    assert schema.entities[0].graphql == GraphqlEntity(
        get="company",
        list="companys",
        create="createCompany",
        update="updateCompany",
        delete="deleteCompany",
        create_input="CompanyInput",
        update_input="CompanyInput",
    )


def test_every_key_reaches_the_schema() -> None:
    said = {
        "path": "/api",
        "paging": "offset",
        "size": 9,
        "size_argument": "take",
        "position_argument": "skip",
        "records": "data.items",
        "record": "node",
        "since": "from",
        "since_type": "String",
        "input_argument": "data",
        "payload": "result",
        "errors": "problems",
        "deleted": "gone",
    }
    own = {"get": "one{Entity}", "list": "all_{entity}", "update_input": "{Entity}Patch"}
    schema = read_descriptor(described(said, own), "x.toml")
    paths = {"records": ("data", "items"), "record": ("node",), "payload": ("result",)}
    assert schema.graphql == GraphqlApi(**{**said, **paths})  # type: ignore[arg-type]
    entity = schema.entities[0].graphql
    assert entity is not None
    assert (entity.get, entity.list, entity.update_input) == ("oneCompany", "all_company", "CompanyPatch")


@pytest.mark.parametrize(
    ("paging", "arguments", "records"),
    [("cursor", ("first", "after"), ("nodes",)), ("offset", ("limit", "offset"), ()), ("none", ("", ""), ())],
)
def test_each_kind_of_paging_has_its_conventions(
    paging: str, arguments: tuple[str, str], records: tuple[str, ...]
) -> None:
    api = read_descriptor(described({"paging": paging}), "x.toml").graphql
    assert api is not None
    assert (api.size_argument, api.position_argument, api.records) == (*arguments, records)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (described({"pagign": "none"}), "graphql.pagign: 'pagign' is not known here; did you mean 'paging'"),
        (described({"paging": "pages"}), "graphql.paging: 'pages' is not known"),
        (described({"size": 0}), "graphql.size: expected a number above 0"),
        (described({"path": "graphql"}), "graphql.path: expected a path from /"),
        (described({"since": "a b"}), "graphql.since: 'a b' is no name"),
        (described({"records": "a.{b}"}), "graphql.records: 'a.{b}' is no path of names"),
        (described(entity={"list": "{entities}(x:1)"}), "entities.Company.graphql.list: 'companys(x:1)' is no name"),
        (described(entity={"lits": "x"}), "did you mean 'list'"),
        (described(name="My Company"), "entities.My Company: 'My Company' is no name that GraphQL knows"),
        (described({}, dialect="rest"), "graphql: only a system of the dialect graphql"),
        (described(entity={}, dialect="odata"), 'operations of GraphQL need dialect = "graphql"'),
    ],
)
def test_what_is_wrong_is_named(content: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_descriptor(content, "x.toml")
    assert problem in str(caught.value)


@given(st.dictionaries(st.sampled_from(["path", "records", "since", "list", "errors"]), st.text(max_size=12)))
def test_nothing_that_is_no_name_reaches_a_query(said: dict[str, str]) -> None:
    """Whatever a descriptor says: a name, or a problem."""
    own = {name: said.pop(name) for name in ["list"] if name in said}
    try:
        schema = read_descriptor(described(said, own), "x.toml")
    except ConfigError:
        return
    assert schema.graphql is not None
    names = schema.entities[0].graphql
    assert names is not None
    for text in (*schema.graphql.records, schema.graphql.since or "x", schema.graphql.errors or "x", names.list):
        assert text.replace("_", "a").isalnum()
        assert text.isascii()


def test_the_example_of_the_docs_is_one() -> None:
    """And the page lists every key."""
    page = (Path(__file__).parents[3] / "docs" / "own-system.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```text\n(system = .*?dialect = \"graphql\".*?)^```$", page, re.DOTALL | re.MULTILINE)
    content = tomllib.loads(example)
    content["entities"]["Company"]["fields"] = {"id": {"type": "id", "write": "none"}}
    assert read_descriptor(content, "x.toml").graphql is not None
    section = page.partition("## OData and GraphQL\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", section))
    assert {*API_KEYS, *ENTITY_KEYS} <= named
