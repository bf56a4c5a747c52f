"""A Sesam connector becomes a descriptor that reads; nothing in its folder is run, and nothing outside is opened."""

import json
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkqa.model.errors import ConfigError
from talkqa.model.rest import Paging, RestAuth, RestEntity, Since, Write
from talkqa.model.schema import FieldType
from talkqa.systems.descriptor import read_descriptor
from talkqa.systems.importers.draft import Draft, render_draft
from talkqa.systems.importers.sesam import read_sesam
from talkqa.systems.importers.sesam_templates import MARK, PLUS, UnreadTemplate, fill_parameters, read_expressions

BRIKK = Path(__file__).parents[4] / "docs" / "examples" / "brikk" / "brikk-connector"
LIST: dict[str, Any] = {"method": "GET", "url": "v2/contact", "id_expression": "{{ id }}"}
ALL = {
    "contact-list": LIST,
    "contact-lookup": {"method": "GET", "url": "v2/contact/{{ entity.id }}"},
    "contact-insert": {"method": "POST", "url": "v2/contact"},
    "contact-update": {"method": "PATCH", "url": "v2/contact/{{ entity['id'] }}"},
    "contact-delete": {"method": "DELETE", "url": "v2/contact/list?ids={{ entity.id }}"},
}
PIPES = [
    {
        "_id": "{{@ system @}}-{{@ datatype @}}-all",
        "type": "pipe",
        "source": {"type": "rest", "operation": "{{@ datatype @}}-list"},
    }
]


def connector(folder: Path, *, manifest: Any = None, template: Any = PIPES, schema: Any = None, **system: Any) -> Path:
    """A connector's folder: one data type, whatever system."""
    root = folder / "acme-connector"
    shutil.rmtree(root, ignore_errors=True)
    (root / "templates").mkdir(parents=True)
    datatypes = {"contact": {"template": "templates/contact.json"}}
    write(
        root / "manifest.json", {"datatypes": datatypes, "system-template": "templates/system.json", **(manifest or {})}
    )
    content = {
        "_id": "{{@ system @}}",
        "type": "system:rest",
        "url_pattern": "https://acme.example/%s",
        "operations": ALL,
    }
    write(root / "templates" / "system.json", content | system)
    write(root / "templates" / "contact.json", template)
    if schema is not None:
        (root / "schemas").mkdir()
        write(root / "schemas" / "contact.json", schema)
    return root


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def imported(root: Path) -> Draft:
    """The draft of a connector, which must make a descriptor that reads the same."""
    draft = read_sesam(root)
    assert read_descriptor(tomllib.loads(render_draft(draft)), "x.toml") == draft.schema
    return draft


def listed(folder: Path, gaps: list[str] | None = None, **operation: Any) -> RestEntity:
    """How a data type is spoken of whose list is like this."""
    draft = imported(connector(folder, operations={**ALL, "contact-list": {**LIST, **operation}}))
    if gaps is not None:
        gaps += [gap.message for gap in draft.gaps]
    rest = draft.schema.entities[0].rest
    assert rest is not None
    return rest


def test_the_tutorial_s_connector_is_read_whole() -> None:
    """Operations shared by data types, tokens in the body, an envelope, a whole record, texts for numbers."""
    draft = imported(BRIKK)
    assert [entity.name for entity in draft.schema.entities] == ["Debtor", "Article"]
    debtor = draft.schema.entities[0]
    assert (debtor.id_field, debtor.modified_field, debtor.modified_by_field) == ("key", "lastChanged", "lastChangedBy")
    assert debtor.rest == RestEntity(
        path="/debtors",
        records=("records",),
        record=("record",),
        paging=Paging(kind="cursor", param="token", size_param="top", size=50, next=("paging", "next")),
        since=Since(param="changedFrom", inclusive=False),
        order=(("orderBy", "lastChanged"),),
        create=Write(method="POST", envelope=("record",)),
        update=Write(method="PUT", envelope=("record",), whole=True),
    )
    api = draft.schema.rest
    assert api is not None
    assert (api.decimals, api.dates, api.auth.kinds) == ("text", "dd.MM.yyyy", ("basic",))
    assert api.headers == (("X-Brikk-Client", "connector"),)
    told = [gap.message for gap in draft.gaps]
    assert "not described, as it lies below debtor: debtornote" in told
    assert "an installation of the connector gives these: company" in told


def test_operations_are_found_by_their_names(tmp_path: Path) -> None:
    """`<data type>-<verb>` without a word in the pipes; the id may be in the query."""
    draft = imported(connector(tmp_path, template=[]))
    entity = draft.schema.entities[0]
    assert (entity.name, entity.createable, entity.updateable, entity.deletable) == ("Contact", True, True, True)
    assert entity.rest is not None
    assert (entity.rest.path, entity.rest.item, entity.rest.get) == ("/v2/contact", "", True)
    assert entity.rest.update == Write(method="PATCH")
    assert entity.rest.delete == Write(method="DELETE", path="/v2/contact/list?ids={id}")


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"next_page_link": "{{ body.paging.next.link }}"}, Paging(kind="link", next=("paging", "next", "link"))),
        (
            {"next_page_link": "{%if (headers.link.next is defined)%}{{headers.link.next}}{%endif%}", "page_size": 80},
            Paging(kind="link", size=80),
        ),
        (
            {"next_page_link": "https://acme.example/v2/contact?from={{ body.from + body.count }}"},
            Paging(kind="offset", param="from"),
        ),
        (
            {"next_page_link": "v2/contact?page={{ page + 2 }}", "url": "v2/contact?page=1&n=9"},
            Paging(kind="page", param="page", first=1),
        ),
        ({"next_page_link": "v2/contact?page={{ page + 1 }}"}, Paging(kind="page", param="page", first=0)),
        (
            {"next_page_link": "x?page={{ (previous_params.page[0] | int) + 1 }}", "url": "v2/contact?page=0"},
            Paging(kind="page", param="page", first=0),
        ),
        (
            {
                "next_page_link": "x?token={{ body.next }}&limit={{page_size}}",
                "url": "c?limit={{ page_size }}",
                "page_size": "20",
            },
            Paging(kind="cursor", param="token", size_param="limit", size=20, next=("next",)),
        ),
        ({"next_page_link": "x?since={{ since }}"}, Paging()),
        ({"url": "v2/contact?limit=30"}, Paging()),
    ],
)
def test_paging_is_read_off_the_next_link(operation: dict[str, Any], expected: Paging, tmp_path: Path) -> None:
    told: list[str] = []
    rest = listed(tmp_path, told, **operation)
    assert rest.paging == expected
    assert "{" not in rest.path
    asked = "next_page_link" in operation or "limit" in operation.get("url", "")
    assert any(one.startswith("paging:") for one in told) == (asked and expected.kind == "none")


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"since_property_name": "updated_since", "updated_expression": "{{ changed }}"}, "updated_since"),
        ({"url": "v2/contact?after={{ since }}", "updated_expression": "{{ changed }}"}, "after"),
        ({"params": {"mod": "{{ since | default('1970') }}"}, "updated_expression": "{{ changed }}"}, "mod"),
        ({"since_property_name": "updated_since"}, None),
        (
            {"since_property_name": "S", "since_property_location": "header", "updated_expression": "{{ changed }}"},
            None,
        ),
        ({}, None),
    ],
)
def test_the_filter_of_changes_is_taken_over(operation: dict[str, Any], expected: str | None, tmp_path: Path) -> None:
    told: list[str] = []
    rest = listed(tmp_path, told, **operation)
    assert (rest.since.param if rest.since else None) == expected
    assert any(one.startswith("since:") for one in told) == (expected is None)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ({"authentication": "basic", "username": "u", "password": "$SECRET(p)"}, RestAuth(kinds=("basic",))),
        ({"headers": {"Authorization": "bearer $SECRET(key)"}}, RestAuth(kinds=("bearer",))),
        ({"jwt_token": "$SECRET(jwt)"}, RestAuth(kinds=("bearer",))),
        ({"headers": {"X-Api-Key": "$SECRET(key)"}}, RestAuth(kinds=("api-key",), header="X-Api-Key")),
        ({"url_pattern": "https://acme.example/%s?key=$SECRET(key)"}, RestAuth(kinds=("api-key",), query="key")),
        ({"oauth2": {"client_id": "i", "client_secret": "$SECRET(s)"}}, RestAuth(kinds=("client-credentials",))),
        ({"oauth2": {"client_secret": "$SECRET(s)", "refresh_token": "$SECRET(r)"}}, RestAuth(kinds=("bearer",))),
        ({}, RestAuth(kinds=("bearer",))),
    ],
)
def test_the_way_to_sign_in_is_taken_over(system: dict[str, Any], expected: RestAuth, tmp_path: Path) -> None:
    """And no secret of it: neither by value nor by the name that it has in Sesam."""
    draft = imported(connector(tmp_path, **system))
    assert draft.schema.rest is not None
    assert draft.schema.rest.auth == expected
    assert "SECRET" not in render_draft(draft)


def test_the_id_may_be_told_by_a_pipe(tmp_path: Path) -> None:
    """Where the list has no expression for it, the share's template names the primary key."""
    share = {"transform": {"properties": {"primary_key": "no", "operation_insert": "contact-insert"}}}
    operations = {
        name: {**held, "url": str(held["url"]).replace("entity.id", "entity.no")} for name, held in ALL.items()
    }
    operations["contact-list"] = {"method": "GET", "url": "v2/contact"}
    root = connector(
        tmp_path, template=[*PIPES, share], operations=operations, headers={"X-Odd": "{% for a in b %}{% endfor %}"}
    )
    draft = imported(root)
    assert draft.schema.entities[0].id_field == "no"
    assert draft.schema.rest is not None
    assert draft.schema.rest.headers == ()


def test_secrets_in_a_connector_stay_in_it(tmp_path: Path) -> None:
    """A key that somebody wrote into a header or a URL is not copied."""
    root = connector(
        tmp_path, url_pattern="https://ada:hunter22@acme.example/%s", headers={"X-Token": "hunter22", "X-Kind": "a"}
    )
    draft = imported(root)
    assert "hunter22" not in render_draft(draft)
    assert draft.schema.rest is not None
    assert (draft.schema.rest.url, draft.schema.rest.headers) == ("https://acme.example", (("X-Kind", "a"),))


def test_fields_come_from_schemas(tmp_path: Path) -> None:
    """JSON schemas as the connector's tool gathers them; its own `$` members are left out."""
    held = {
        "$last-modified": {"type": "string"},
        "id": {"type": "integer"},
        "name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "created_at": {"type": "string"},
        "changed": {"type": "integer"},
        "place": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    operations = {**ALL, "contact-list": {**LIST, "updated_expression": "{{ changed }}"}}
    draft = imported(connector(tmp_path, schema={"type": "object", "properties": held}, operations=operations))
    (entity,) = draft.schema.entities
    assert [item.path for item in entity.fields] == ["id", "name", "created_at", "changed", "place.city"]
    assert (entity.created_field, entity.modified_field) == ("created_at", "changed")
    assert entity.rest is not None
    assert draft.schema.rest is not None
    forms = {draft.schema.rest.datetimes, *dict(entity.rest.forms).values()}
    assert forms == {"iso", "epoch-s"}
    assert draft.schema.rest.ids == "number"


def test_fields_come_from_a_table_else(tmp_path: Path) -> None:
    root = connector(tmp_path)
    rows = [
        "System,Type,Name,Datatype",
        "a,contact,id,string",
        "a,contact,home.city,string",
        "a,contact,n,decimal",
        "a,other,x,string",
    ]
    (root / "schema.csv").write_text("\n".join(rows), encoding="utf-8")
    (entity,) = imported(root).schema.entities
    assert {item.path: item.type for item in entity.fields} == {
        "id": FieldType.ID,
        "home.city": FieldType.STRING,
        "n": FieldType.DECIMAL,
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"type": "system:sql"}, "a system of the type system:rest is needed, found system:sql"),
        ({"operations": {}}, "no data type has an operation that lists it"),
        ({"manifest": {"datatypes": {}}}, "names no data types"),
        ({"manifest": {"system-template": "../../etc/passwd"}}, "leads out of the folder"),
        ({"manifest": {"system-template": "templates/none.json"}}, "cannot be read"),
        ({"manifest": {"datatypes": {"contact": {"template": "../x.json"}}}}, "leads out of the folder"),
        ({"_id": "{{@ system() @}}"}, "call in"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_reason(change: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_sesam(connector(tmp_path, **change))
    assert expected in str(caught.value)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    root = connector(tmp_path)
    (tmp_path / "secret.json").write_text("{}", encoding="utf-8")
    (root / "templates" / "contact.json").unlink()
    (root / "templates" / "contact.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(ConfigError, match="leads out of the folder"):
        read_sesam(root)


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999999) %}x{% endfor %}",
        "{{ ''.__class__.__mro__ }}{{ body.x() }}",
        "{{ 'x' * 999999999 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% include '/etc/passwd' %}",
        "{% macro a() %}{% endmacro %}",
        "{% set x = 1 %}",
        "{{ body | attr('x') }}",
        "{{ x",
        "{{ a }}" * 9_000,
    ],
)
def test_no_template_is_a_program(template: str) -> None:
    """What does more than look values up is refused before it is rendered."""
    with pytest.raises(UnreadTemplate):
        read_expressions(template, {})


def test_an_operation_that_is_a_program_leaves_a_question(tmp_path: Path) -> None:
    """The rest of the data type is described all the same."""
    operations = {**ALL, "contact-update": {"method": "PUT", "url": "{% for x in y %}{% endfor %}"}}
    operations["contact-delete"] = {"method": "DELETE", "url": "v2/{{ entity.parent }}/{{ entity.id }}"}
    draft = imported(connector(tmp_path, operations=operations))
    (entity,) = draft.schema.entities
    assert (entity.createable, entity.updateable, entity.deletable) == (True, False, False)
    told = [gap.message for gap in draft.gaps]
    assert any(one.startswith("update: the connector says more") for one in told)
    assert "delete: its URL cannot be read" in told


def test_parameters_are_filled_in_and_missed_ones_told() -> None:
    missing: dict[str, None] = {}
    filled = fill_parameters({"{{@ a @}}-x": ["{{@ a @}}/{{ b }}", 3, "{{@ c @}}"]}, {"a": "A"}, missing)
    assert filled == {"A-x": ["A/{{ b }}", 3, "{c}"]}
    assert list(missing) == ["c"]


def test_stand_ins_write_down_what_was_asked() -> None:
    text = read_expressions("{{ a.b['c'] }}|{{ 1 + x.y }}|{{ p.q }}|{{ p.z }}|{{ n }}", {"p": {"q": "Q"}, "n": 5})
    assert MARK.findall(text) == ["a.b.c", f"1{PLUS}x.y", "p.z"]
    assert text.endswith("|5")


FILES = {path.relative_to(BRIKK).as_posix(): json.loads(path.read_text("utf-8")) for path in BRIKK.rglob("*.json")}


def places(content: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    for key, inner in (
        content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    ):
        yield from places(inner, (*path, key))


PLACES = [place for name, content in FILES.items() for place in places(content, (name,))]
JUNK = (
    st.none()
    | st.integers(-2, 2)
    | st.text(max_size=5)
    | st.sampled_from(["{{ a.b }}", "{{ body }}", "{{@ q @}}", "{% if x %}", "GET", "x?y={{ page + 1 }}", "../x"])
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.sampled_from(["type", "url", "list", "properties"]), st.text(max_size=3), max_size=2)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
def test_no_connector_is_too_broken_to_be_told_so(tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Whatever stands anywhere in a connector's files: a descriptor that reads, or an error that says why."""
    root = tmp_path / "brikk-connector"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(BRIKK, root)
    content = json.loads(json.dumps(FILES))
    for path, junk in changes:
        holder = content
        with suppress(TypeError, KeyError, IndexError):
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = junk
    for name, held in content.items():
        write(root / name, held)
    with suppress(ConfigError):
        imported(root)
