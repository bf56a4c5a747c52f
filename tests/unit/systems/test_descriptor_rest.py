"""How an API is spoken is read whole, or refused with every problem named."""

from typing import Any

import pytest

from talkqa.model.errors import ConfigError
from talkqa.model.rest import Caller, ErrorShape, Find, Paging, RestApi, RestAuth, RestEntity, Since, Write
from talkqa.systems.descriptor import read_descriptor


def described(rest: dict[str, Any] | None = None, entity: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A shop of items."""
    fields = {
        "id": {"type": "id", "write": "none"},
        "changed": {"type": "datetime", "write": "none"},
        "name": {"type": "string"},
        "due": {"type": "date"},
    }
    item = {"modified_field": "changed", "fields": fields, "rest": entity or {}, **more}
    return {"system": "Shop", "rest": rest if rest is not None else {}, "entities": {"Item": item}}


def test_nothing_said_is_plain_rest() -> None:
    """A bearer token, bare lists without pages, POST, PATCH and DELETE."""
    schema = read_descriptor(described(), "x.toml")
    assert schema.rest == RestApi()
    assert schema.entities[0].rest == RestEntity()
    assert schema.entities[0].rest.item_path == "/{entity}/{id}"


def test_every_key_reaches_the_schema() -> None:
    """What a descriptor says of an API is what its schema says."""
    schema = read_descriptor(
        described(
            {
                "url": "https://shop.example",
                "auth": {"kinds": ["api-key", "client-credentials"], "header": "X-Key", "token_path": "/t"},
                "errors": {"kind": "object", "items": "", "message": ["a.b", "c"], "code": "d.e", "field": "f"},
                "datetimes": "dd.MM.yyyy HH:mm",
                "dates": "yyyyMMdd",
                "decimals": "text",
                "references": "object",
                "reference_key": "ref",
                "ids": "number",
                "headers": {"X-Version": "2"},
                "ok": [200, 204],
                "caller": {"path": "/me", "user": "login", "name": "profile.mail"},
                "defaults": {"records": "data", "paging": {"kind": "link", "next": "links.next", "size": 7}},
            },
            {
                "path": "/things?all=1",
                "item": "/thing({id})",
                "get": False,
                "record": "data.item",
                "since": {"param": "from", "form": "epoch-ms", "inclusive": False, "overlap_s": 2},
                "order": {"sort": "changed"},
                "find": {"filters": {"name": "named"}, "search": "q"},
                "create": {"method": "PUT", "path": "/new", "envelope": "item", "answer": "id"},
                "update": {"method": "PUT", "path": "/thing/{id}", "whole": True, "content_type": "application/x+json"},
                "delete": {"method": "POST", "path": "/drop?ids={id}"},
                "deleted": "gone",
                "bare_tombstones": True,
                "conditional": True,
                "headers": {"X-Kind": "item"},
            },
        ),
        "x.toml",
    )
    assert schema.rest == RestApi(
        url="https://shop.example",
        auth=RestAuth(kinds=("api-key", "client-credentials"), header="X-Key", token_path="/t"),  # noqa: S106 - a path
        errors=ErrorShape(kind="object", items=(), message=("a.b", "c"), code=("d", "e"), field=("f",)),
        datetimes="dd.MM.yyyy HH:mm",
        dates="yyyyMMdd",
        decimals="text",
        references="object",
        reference_key="ref",
        ids="number",
        headers=(("X-Version", "2"),),
        ok=(200, 204),
        caller=Caller(path="/me", user=("login",), name=("profile", "mail")),
    )
    assert schema.entities[0].rest == RestEntity(
        path="/things?all=1",
        item="/thing({id})",
        get=False,
        records=("data",),
        record=("data", "item"),
        paging=Paging(kind="link", next=("links", "next"), size=7),
        since=Since(param="from", form="epoch-ms", inclusive=False, overlap_s=2.0),
        order=(("sort", "changed"),),
        find=Find(filters=(("name", "named"),), search="q"),
        create=Write(method="PUT", path="/new", envelope=("item",), answer="id"),
        update=Write(method="PUT", path="/thing/{id}", whole=True, content_type="application/x+json"),
        delete=Write(method="POST", path="/drop?ids={id}"),
        deleted=("gone",),
        bare_tombstones=True,
        conditional=True,
        headers=(("X-Kind", "item"),),
    )


def test_a_field_may_have_a_form_of_its_own() -> None:
    content = described()
    content["entities"]["Item"]["fields"]["due"]["form"] = "epoch-s"
    rest = read_descriptor(content, "x.toml").entities[0].rest
    assert rest is not None
    assert rest.forms == (("due", "epoch-s"),)


def test_who_lets_everybody_in_knows_nobody() -> None:
    """Without credentials no record can tell who wrote it."""
    assert not read_descriptor(described({"auth": {"kinds": ["none"]}}), "x.toml").knows_users


@pytest.mark.parametrize(
    ("rest", "entity", "expected"),
    [
        ({"datetime": "iso"}, {}, "rest.datetime: 'datetime' is not known here; did you mean 'datetimes'?"),
        ({"datetimes": "dd.mm.yyyy"}, {}, "rest.datetimes: 'dd.mm.yyyy' is no form of dates: as-is, iso,"),
        ({"dates": "yyyy"}, {}, "rest.dates: 'yyyy' is no form of dates"),
        ({"decimals": "float"}, {}, "rest.decimals: 'float' is not known here; known: number, text"),
        ({"auth": {"kinds": ["oauth"]}}, {}, "rest.auth.kinds: 'oauth' is not known here"),
        ({"auth": {"kinds": ["api-key"]}}, {}, "rest.auth: api-key needs the name of a header"),
        ({"auth": {"kinds": ["api-key"], "header": "X Key"}}, {}, "rest.auth.header: 'X Key' is no name of a header"),
        ({"auth": {"token_path": "oauth"}}, {}, "rest.auth.token_path: expected a path from /"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, {}, "rest.headers: 'X-A' cannot be sent as a header"),
        ({"headers": {"X-A": 1}}, {}, "rest.headers.X-A: expected text, found 1"),
        ({"ok": [404]}, {}, "rest.ok: expected a list of statuses from 200 to 399"),
        ({"caller": {}}, {}, "rest.caller.path: is missing"),
        ({"errors": {"kind": "map"}}, {}, "rest.errors.kind: 'map' is not known here"),
        ({"defaults": {"pagination": {}}}, {}, "rest.defaults.pagination: 'pagination' is not known here"),
        ({}, {"paths": "/a"}, "entities.Item.rest.paths: 'paths' is not known here; did you mean 'path'?"),
        ({}, {"path": "items"}, "entities.Item.rest.path: expected a path from / below the system's URL"),
        ({}, {"path": "/shops/{shop}/items"}, "{shop} is not known here; there are {id} and {entity}"),
        ({}, {"path": "/a b"}, "entities.Item.rest.path: expected a path"),
        ({}, {"item": "/items"}, "entities.Item.rest.item: it needs {id}"),
        ({}, {"records": [1]}, "entities.Item.rest.records: expected a list of texts, found [1]"),
        ({}, {"paging": {"kind": "pages"}}, "rest.paging.kind: 'pages' is not known here; did you mean 'page'?"),
        ({}, {"paging": {"kind": "page"}}, "rest.paging.param: page needs the query parameter"),
        ({}, {"paging": {"kind": "cursor", "param": "c"}}, "rest.paging.next: cursor needs the path of the token"),
        ({}, {"paging": {"size": 0}}, "rest.paging.size: expected a number above 0, found 0"),
        ({}, {"since": {}}, "rest.since.param: is missing"),
        ({}, {"since": {"param": "s", "overlap_s": -1}}, "rest.since.overlap_s: expected a number of seconds from 0"),
        ({}, {"find": {"filters": {"nome": "n"}}}, "it names the field 'nome', which is not among its fields"),
        ({}, {"find": {"where": ["a"]}}, "rest.find.where: expected two query parameters"),
        ({}, {"create": {"path": "/a/{id}"}}, "rest.create.path: a record that does not exist yet has no {id}"),
        ({}, {"update": {"path": "/a"}}, "rest.update.path: it needs {id}"),
        ({}, {"update": {"method": "MERGE"}}, "rest.update.method: 'MERGE' is not known here"),
        ({}, {"create": {"whole": True}}, "rest.create.whole: 'whole' is not known here"),
        ({}, {"order": "changed"}, "rest.order: expected a table, found 'changed'"),
    ],
)
def test_a_wrong_key_is_refused_with_its_place(rest: dict[str, Any], entity: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_descriptor(described(rest, entity), "x.toml")
    assert f"x.toml: {expected}" in str(caught.value) or expected in str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dialect": "wave"}, "rest: only a system of the dialect rest is spoken to in this way"),
        ({"rest": None}, "entities.Item: how its API is spoken needs a table [rest] at the top"),
        ({"dialect": "soap"}, "dialect: 'soap' is not known here"),
    ],
)
def test_a_description_fits_its_dialect(change: dict[str, Any], expected: str) -> None:
    content = {key: value for key, value in (described() | change).items() if value is not None}
    with pytest.raises(ConfigError) as caught:
        read_descriptor(content, "x.toml")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"modified_field": "name"}, "Item.modified_field: name must be a field of the type datetime"),
        ({"modified_field": None, "rest": {"since": {"param": "s"}}}, "without a modified_field cannot be asked"),
        ({"created_field": "made"}, "it names the field 'made', which is not among its fields"),
    ],
)
def test_an_entity_fits_its_description(more: dict[str, Any], expected: str) -> None:
    content = described()
    content["entities"]["Item"] |= more
    content["entities"]["Item"] = {
        key: value for key, value in content["entities"]["Item"].items() if value is not None
    }
    with pytest.raises(ConfigError) as caught:
        read_descriptor(content, "x.toml")
    assert expected in str(caught.value)


def test_forms_are_for_dates() -> None:
    content = described()
    content["entities"]["Item"]["fields"]["name"]["form"] = "iso"
    with pytest.raises(ConfigError, match=r"fields.name.form: 'iso' is for fields of the types date and datetime"):
        read_descriptor(content, "x.toml")


def test_dialect_and_caution_are_taken_over() -> None:
    """Two keys that have nothing to do with REST."""
    content = {
        "system": "Wavy",
        "dialect": "wave",
        "entities": {"Bill": {"caution": "posts to ledgers", "fields": {"id": {"type": "id", "write": "none"}}}},
    }
    schema = read_descriptor(content, "x.toml")
    assert (schema.dialect, schema.entities[0].caution) == ("wave", "posts to ledgers")
