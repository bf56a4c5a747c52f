"""An OpenAPI document becomes a descriptor that reads, with whatever it leaves open told."""

import json
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkqa.model.errors import ConfigError
from talkqa.model.rest import ErrorShape, Paging, RestAuth, RestEntity, Since, Write
from talkqa.model.schema import EntitySchema, FieldType
from talkqa.systems.descriptor import read_descriptor
from talkqa.systems.importers.draft import Draft, render_draft
from talkqa.systems.importers.openapi import read_openapi

NIMBUS = Path(__file__).parents[4] / "docs" / "examples" / "nimbus" / "nimbus-openapi.yaml"


def document(**changes: Any) -> dict[str, Any]:
    """A small document: one collection of things."""
    thing = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "id": {"type": "string", "readOnly": True},
            "name": {"type": "string", "maxLength": 40},
            "updatedAt": {"type": "string", "format": "date-time", "readOnly": True},
        },
    }
    ref = {"$ref": "#/components/schemas/Thing"}
    return {
        "openapi": "3.0.3",
        "info": {"title": "Thing Store", "version": "1"},
        "servers": [{"url": "https://things.example"}],
        "paths": {
            "/things": {
                "get": {"parameters": [], "responses": {"200": said({"type": "array", "items": ref})}},
                "post": {"requestBody": said(ref), "responses": {"201": said(ref)}},
            },
            "/things/{thingId}": {
                "get": {"responses": {"200": said(ref)}},
                "patch": {"requestBody": said(ref), "responses": {"200": said(ref)}},
                "delete": {"responses": {"204": {"description": "gone"}}},
            },
        },
        "components": {"schemas": {"Thing": thing}},
        **changes,
    }


def said(schema: Any, media: str = "application/json") -> dict[str, Any]:
    return {"description": "", "content": {media: {"schema": schema}}}


def imported(content: Any, folder: Path) -> Draft:
    """The draft of a document, which must make a descriptor that reads the same."""
    file = folder / "api.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    draft = read_openapi(file)
    assert read_descriptor(tomllib.loads(render_draft(draft)), "x.toml") == draft.schema
    return draft


def only(draft: Draft) -> tuple[EntitySchema, RestEntity]:
    (entity,) = draft.schema.entities
    assert entity.rest is not None
    return entity, entity.rest


def gaps(draft: Draft) -> str:
    return "\n".join(gap.message for gap in draft.gaps)


def test_the_tutorial_s_document_is_read_whole() -> None:
    """Page numbers, milliseconds, a merge patch, an API key, a reference, nothing left open but the notes."""
    draft = read_openapi(NIMBUS)
    company, person = draft.schema.entities
    assert (company.name, person.name) == ("Company", "Person")
    assert company.rest is not None
    assert company.rest.paging == Paging(kind="page", param="page", size_param="per_page", size=100, first=1)
    assert company.rest.since == Since(param="updated_since", form="epoch-ms", inclusive=False)
    assert company.rest.order == (("sort", "updated_at"), ("direction", "asc"))
    assert (company.rest.records, company.rest.record) == (("data",), ("data",))
    assert company.rest.update.content_type == "application/merge-patch+json"
    assert company.rest.headers == (("X-Nimbus-Version", "2024-06"),)
    assert (company.modified_field, company.created_field, company.modified_by_field) == (
        "updated_at",
        "created_at",
        "updated_by",
    )
    reference = person.field("company_id")
    assert reference is not None
    assert (reference.type, reference.references) == (FieldType.REFERENCE, ("Company",))
    api = draft.schema.rest
    assert api is not None
    assert (api.url, api.datetimes, api.ids) == ("https://eu.nimbus.example/api/v2", "epoch-ms", "number")
    assert api.auth == RestAuth(kinds=("api-key",), header="X-Nimbus-Key")
    assert api.errors == ErrorShape(message=("detail",))
    assert [gap.message for gap in draft.gaps] == [
        "not described, as they lie below one record: /people/{personId}/notes"
    ]


def test_a_small_document_leaves_its_questions(tmp_path: Path) -> None:
    """What nothing was said about is told, once, beside the entity that it is about."""
    draft = imported(document(), tmp_path)
    entity, rest = only(draft)
    assert (entity.name, entity.id_field, entity.modified_field, entity.name_field) == (
        "Thing",
        "id",
        "updatedAt",
        "name",
    )
    assert (rest.path, rest.item, rest.paging.kind, rest.since) == ("/things", "", "none", None)
    told = gaps(draft)
    for start in ("auth: the document names no way", "errors: where an answer", "since: the query parameter"):
        assert told.count(start) == 1
    name = entity.field("name")
    assert name is not None
    assert (name.required, name.max_length, name.writable) == (True, 40, True)


@pytest.mark.parametrize(
    ("parameters", "answer", "expected"),
    [
        (
            [("offset", "integer"), ("limit", "integer")],
            {},
            Paging(kind="offset", param="offset", size_param="limit", size=50),
        ),
        ([("pageNumber", "integer")], {}, Paging(kind="page", param="pageNumber")),
        (
            [("page_token", "string")],
            {"nextPageToken": {"type": "string"}},
            Paging(kind="cursor", param="page_token", next=("nextPageToken",)),
        ),
        (
            [("cursor", "string")],
            {"paging": {"type": "object", "properties": {"next_cursor": {"type": "string"}}}},
            Paging(kind="cursor", param="cursor", next=("paging", "next_cursor")),
        ),
        (
            [],
            {"links": {"type": "object", "properties": {"next": {"type": "string", "format": "uri"}}}},
            Paging(kind="link", next=("links", "next")),
        ),
        ([("cursor", "string")], {}, Paging()),
        ([("limit", "integer")], {}, Paging()),
    ],
)
def test_paging_is_read_off_parameters_and_answers(
    parameters: list[tuple[str, str]], answer: dict[str, Any], expected: Paging, tmp_path: Path
) -> None:
    content = document()
    listing = content["paths"]["/things"]["get"]
    listing["parameters"] = [{"name": name, "in": "query", "schema": {"type": kind}} for name, kind in parameters]
    items = {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}
    listing["responses"]["200"] = said({"type": "object", "properties": {"items": items, **answer}})
    draft = imported(content, tmp_path)
    assert only(draft)[1].paging == expected
    assert only(draft)[1].records == ("items",)
    assert ("paging:" in gaps(draft)) == (bool(parameters) and expected.kind == "none")


def test_a_link_header_is_a_way_to_go_on(tmp_path: Path) -> None:
    content = document()
    content["paths"]["/things"]["get"]["responses"]["200"]["headers"] = {"Link": {"schema": {"type": "string"}}}
    assert only(imported(content, tmp_path))[1].paging == Paging(kind="link")


@pytest.mark.parametrize(
    ("name", "schema", "expected"),
    [
        (
            "modifiedAfter",
            {"format": "date-time", "type": "string"},
            Since(param="modifiedAfter", form="iso", inclusive=False),
        ),
        ("updated_from", {"format": "date", "type": "string"}, Since(param="updated_from", form="yyyy-MM-dd")),
        ("updatedSince", {"type": "string"}, Since(param="updatedSince", inclusive=False)),
        ("color", {"type": "string"}, None),
    ],
)
def test_a_filter_of_changes_is_known_by_its_name(
    name: str, schema: dict[str, Any], expected: Since | None, tmp_path: Path
) -> None:
    content = document()
    content["paths"]["/things"]["get"]["parameters"] = [{"name": name, "in": "query", "schema": schema}]
    assert only(imported(content, tmp_path))[1].since == expected


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ({"type": "http", "scheme": "basic"}, RestAuth(kinds=("basic",))),
        ({"type": "http", "scheme": "Bearer"}, RestAuth(kinds=("bearer",))),
        ({"type": "apiKey", "in": "query", "name": "key"}, RestAuth(kinds=("api-key",), query="key")),
        (
            {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://things.example/auth/token"}}},
            RestAuth(kinds=("client-credentials",), token_path="/auth/token"),  # noqa: S106 - a path
        ),
        ({"type": "oauth2", "flows": {"authorizationCode": {}}}, RestAuth(kinds=("bearer",))),
        ({"type": "apiKey", "in": "cookie", "name": "sid"}, RestAuth(kinds=("none",))),
    ],
)
def test_the_way_to_sign_in_is_taken_over(scheme: dict[str, Any], expected: RestAuth, tmp_path: Path) -> None:
    content = document(security=[{"it": []}])
    content["components"]["securitySchemes"] = {"it": scheme}
    draft = imported(content, tmp_path)
    assert draft.schema.rest is not None
    assert draft.schema.rest.auth == expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (
            {"properties": {"title": {"type": "string"}, "type": {"type": "string"}, "status": {"type": "integer"}}},
            ErrorShape(kind="object", items=(), message=("title",), code=("type",), field=()),
        ),
        (
            {
                "properties": {
                    "error": {
                        "type": "object",
                        "properties": {"message": {"type": "string"}, "code": {"type": "integer"}},
                    }
                }
            },
            ErrorShape(kind="object", items=("error",), field=()),
        ),
        (
            {
                "properties": {
                    "message": {"type": "string"},
                    "errors": {"type": "object", "additionalProperties": {"type": "array"}},
                }
            },
            ErrorShape(kind="fields"),
        ),
        (
            {
                "type": "array",
                "items": {
                    "properties": {
                        "detail": {"type": "string"},
                        "source": {"type": "object", "properties": {"pointer": {"type": "string"}}},
                    }
                },
            },
            ErrorShape(items=(), message=("detail",), code=(), field=("source", "pointer")),
        ),
    ],
)
def test_the_shape_of_errors_is_taken_over(schema: dict[str, Any], expected: ErrorShape, tmp_path: Path) -> None:
    content = document()
    content["paths"]["/things"]["post"]["responses"]["400"] = said(schema, "application/problem+json")
    draft = imported(content, tmp_path)
    assert draft.schema.rest is not None
    assert draft.schema.rest.errors == expected


def test_writes_are_taken_as_they_are(tmp_path: Path) -> None:
    """PUT replaces; a body of an id alone, or none, is read back; an envelope is kept; a flag archives."""
    content = document()
    thing = content["components"]["schemas"]["Thing"]["properties"]
    thing["archived"] = {"type": "boolean"}
    thing["secretCode"] = {"type": "string", "readOnly": True}
    item = content["paths"]["/things/{thingId}"]
    item["put"] = item.pop("patch") | {"responses": {"204": {"description": ""}}}
    del item["delete"]
    wrapped = {"type": "object", "properties": {"thing": {"$ref": "#/components/schemas/Thing"}}}
    post = content["paths"]["/things"]["post"]
    post["requestBody"] = said(wrapped)
    post["responses"] = {"201": said({"type": "object", "properties": {"id": {"type": "string"}}})}
    entity, rest = only(imported(content, tmp_path))
    assert rest.update == Write(method="PUT", whole=True, answer="nothing")
    assert rest.create == Write(method="POST", envelope=("thing",), answer="id")
    assert (entity.deletable, entity.archive) == (False, ("archived", True))
    code = entity.field("secretCode")
    assert code is not None
    assert not code.createable


def test_embedded_records_are_references(tmp_path: Path) -> None:
    """Another entity in a record counts by its id alone, itself included; what is no entity is read to its end."""
    content = document()
    thing = content["components"]["schemas"]["Thing"]["properties"]
    thing["parent"] = {"$ref": "#/components/schemas/Thing"}
    thing["parts"] = {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}
    thing["place"] = {"$ref": "#/components/schemas/Place"}
    thing["ownerId"] = {"type": "string", "format": "uuid"}
    thing["externalId"] = {"type": "string"}
    thing["tags"] = {"type": "array", "items": {"type": "string"}}
    content["components"]["schemas"]["Place"] = {
        "type": "object",
        "required": ["city"],
        "properties": {"city": {"type": "string"}, "within": {"$ref": "#/components/schemas/Place"}},
    }
    draft = imported(content, tmp_path)
    entity, _ = only(draft)
    fields = {item.path: item for item in entity.fields}
    assert fields["parent.id"].references == ("Thing",)
    assert (fields["parts.id"].references, fields["parts.id"].list_at) == (("Thing",), "parts")
    assert (fields["place.city"].required, "place.within.city" in fields) == (False, False)
    assert (fields["ownerId"].type, fields["externalId"].type) == (FieldType.OPAQUE, FieldType.STRING)
    assert fields["tags"].list_at == "tags"
    assert "references: 'ownerId'" in gaps(draft)


@pytest.mark.parametrize(
    ("item", "expected"),
    [("/things/{key}", ""), ("/things({key})", "/things({id})"), ("/things/{key}/", "/things/{id}/")],
)
def test_the_url_of_one_record_may_look_otherwise(item: str, expected: str, tmp_path: Path) -> None:
    content = document()
    content["paths"][item] = content["paths"].pop("/things/{thingId}")
    entity, rest = only(imported(content, tmp_path))
    assert (rest.path, rest.item, entity.deletable) == ("/things", expected, True)


@pytest.mark.parametrize(
    ("schema", "kind", "form"),
    [
        ({"type": "integer", "format": "unix-time"}, FieldType.DATETIME, "epoch-s"),
        ({"type": "string", "description": "as DD.MM.YYYY"}, FieldType.DATE, "dd.MM.yyyy"),
        ({"type": "string", "format": "decimal"}, FieldType.DECIMAL, None),
        ({"type": ["string", "null"], "enum": ["a", "b", None]}, FieldType.PICKLIST, None),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, FieldType.INTEGER, None),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, FieldType.OPAQUE, None),
        ({"type": "string", "maxLength": 5000}, FieldType.TEXT, None),
        ({"type": "number", "multipleOf": 0.001}, FieldType.DECIMAL, None),
        ({"type": "array", "items": {"type": "array"}}, FieldType.OPAQUE, None),
        ({}, FieldType.OPAQUE, None),
    ],
)
def test_types_follow_the_schema(schema: dict[str, Any], kind: FieldType, form: str | None, tmp_path: Path) -> None:
    content = document()
    content["components"]["schemas"]["Thing"]["properties"]["it"] = schema
    draft = imported(content, tmp_path)
    entity, rest = only(draft)
    found = entity.field("it")
    assert found is not None
    assert found.type is kind
    assert draft.schema.rest is not None
    default = {FieldType.DATETIME: draft.schema.rest.datetimes, FieldType.DATE: draft.schema.rest.dates}.get(kind)
    assert dict(rest.forms).get("it", default) == (
        form or (default if kind in (FieldType.DATE, FieldType.DATETIME) else None)
    )


@pytest.mark.parametrize(
    "ref", ["other.yaml#/Thing", "https://things.example/schema.json", "file:///etc/passwd", "//x/y"]
)
def test_nothing_but_the_document_is_read(ref: str, tmp_path: Path) -> None:
    """A reference that leads out is refused by name, wherever it stands and whether it is used or not."""
    content = document()
    content["components"]["schemas"]["Unused"] = {"properties": {"x": {"$ref": ref}}}
    with pytest.raises(ConfigError, match="leads out of the document") as caught:
        imported(content, tmp_path)
    assert repr(ref) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("swagger: '2.0'\npaths: {}\n", "Swagger 2.0"),
        ("- a\n- b\n", "OpenAPI 3.0 or 3.1"),
        ("{ not json", "neither JSON nor YAML"),
        ("openapi: 3.1.0\nx: &x [*x]\n", "describes no collection"),
        ("openapi: 3.1.0\nx: !!python/object/apply:os.system [id]\n", "neither JSON nor YAML"),
        ("openapi: 3.1.0\npaths: {}\n", "describes no collection"),
        ("[" * 100_000, "neither JSON nor YAML"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=expected):
        imported(text, tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_openapi(tmp_path / "none.yaml")


def test_yaml_means_what_json_means(tmp_path: Path) -> None:
    """Norway is a country and a date is a text."""
    content = document()
    content["components"]["schemas"]["Thing"]["properties"]["country"] = {"type": "string", "enum": ["@NO", "SE"]}
    text = yaml.safe_dump(content).replace("'@NO'", "NO")
    file = tmp_path / "api.yaml"
    file.write_text(text + "x-date: 2024-01-01\n", encoding="utf-8")
    field = only(read_openapi(file))[0].field("country")
    assert field is not None
    assert field.picklist == ("NO", "SE")


def test_secrets_of_a_document_stay_in_it(tmp_path: Path) -> None:
    """Defaults of keys and credentials in URLs belong to an account."""
    content = document(servers=[{"url": "https://ada:hunter22@things.example/api"}])
    content["paths"]["/things"]["get"]["parameters"] = [
        {"name": "X-Api-Key", "in": "header", "required": True, "schema": {"default": "hunter22"}},
        {"name": "tenant", "in": "query", "required": True, "schema": {"default": "main"}},
        {"name": "shard", "in": "query", "required": True},
    ]
    draft = imported(content, tmp_path)
    assert "hunter22" not in render_draft(draft)
    assert only(draft)[1].path == "/things?tenant=main"
    assert "'X-Api-Key' looks like a secret" in gaps(draft)
    assert "'shard' is required" in gaps(draft)


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    if path:
        yield path
    for key, inner in (
        content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    ):
        yield from places(inner, (*path, key))


CONTENT = yaml.safe_load(NIMBUS.read_text(encoding="utf-8"))
PLACES = list(places(CONTENT))
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.text(max_size=6)
    | st.sampled_from(["#/components", "array", "id"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "$ref", "name", "in", "schema", "get"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
def test_no_document_is_too_broken_to_be_told_so(tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Whatever stands anywhere in a document: a descriptor that reads, or an error that says why."""
    content = deepcopy(CONTENT)
    for path, junk in changes:
        holder = content
        for key in path[:-1]:
            try:
                holder = holder[key]
            except (TypeError, KeyError, IndexError):
                break
        else:
            if isinstance(holder, dict | list) and (isinstance(holder, dict) or path[-1] in range(len(holder))):
                holder[path[-1]] = junk
    with suppress(ConfigError):
        imported(content, tmp_path)
