"""An emulated system speaks the generic dialect and refuses what a real one would refuse."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from talkqa.model.schema import FieldType, SystemSchema
from talkqa.sandbox.dialects.emulator import DELAY_S
from talkqa.sandbox.dialects.rest import RestEmulator
from talkqa.sandbox.store import SystemStore
from tests.unit.sandbox.kit import VirtualClock, entity, problems, text, typed

THING = entity(
    "Thing",
    typed("id", FieldType.ID, createable=False, updateable=False),
    text("name", required=True, max_length=10),
    text("code", unique=True),
    typed("count", FieldType.INTEGER),
    typed("price", FieldType.DECIMAL, scale=2),
    typed("made", FieldType.DATE),
    typed("sold", FieldType.DATETIME),
    typed("flag", FieldType.BOOLEAN, nullable=False),
    typed("mail", FieldType.EMAIL),
    typed("kind", FieldType.PICKLIST, picklist=("A", "B"), restricted=True),
    typed("mood", FieldType.PICKLIST, picklist=("Happy",)),
    text("fixed", updateable=False),
    text("computed", createable=False, updateable=False),
    typed("parentId", FieldType.REFERENCE, references=("Thing",)),
    typed("otherId", FieldType.REFERENCE, references=("Elsewhere",)),
    text("place.city"),
    text("place.zip"),
    text("plain"),
    text("plain.inner"),
    text("items.label", list_at="items"),
    typed("items.thing.id", FieldType.REFERENCE, references=("Thing",), list_at="items", required=True),
    text("tags", list_at="tags"),
    text("extra", requires="Extras"),
    typed("blob", FieldType.OPAQUE),
    typed("lines", FieldType.OPAQUE, required=True),
    text("lines.note", list_at="lines"),
)
SCHEMA = SystemSchema(
    name="Things",
    licences=("Extras", "Secrets", "Making"),
    entities=(
        THING,
        entity(
            "Old Thing", text("name"), deletable=False, updateable=False, modified_field=None, modified_by_field=None
        ),
        entity("Secret", text("name"), requires="Secrets"),
        entity("Made", text("name"), create_requires="Making"),
        entity("Listed", text("name"), createable=False),
    ),
)


def ask(*requests: tuple[Any, ...], schema: SystemSchema = SCHEMA, wait_s: float = 0.0, **options: Any) -> list[Any]:
    """The answers to requests made one after the other: (method, path[, body[, headers]]), or a function of answers."""

    async def main() -> list[httpx.Response]:
        clock = VirtualClock()
        app = RestEmulator(SystemStore(schema, clock, 0, **options), clock)
        headers = {"Authorization": "Bearer harness"}
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://things", headers=headers)
        answers: list[httpx.Response] = []
        for request in requests:
            made = request(answers) if callable(request) else request
            method, path, body, more = (*made, None, None)[:4]
            content = body if isinstance(body, bytes) else None
            answers.append(
                await client.request(method, path, content=content, json=None if content else body, headers=more)
            )
            await clock.sleep(wait_s)
        return answers

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def create(**values: Any) -> tuple[str, str, dict[str, Any]]:
    return ("POST", "/Thing", {"name": "x", **values})


def on_first(method: str, body: Any = None, headers: Any = None) -> Any:
    return lambda answers: (method, f"/Thing/{answers[0].json()['id']}", body, headers)


def test_what_was_created_is_answered_stamped_and_found_again() -> None:
    values = {
        "count": 3,
        "price": 1.005,
        "made": "2024-05-06",
        "sold": "2024-05-06T09:08:07+02:00",
        "place": {"city": "Oslo"},
        "plain": "a",
        "plain.inner": "b",
        "tags": ["p", "q"],
        "otherId": "anything",
        "mood": "Sad",
    }
    created, read, listed = ask(create(**values), on_first("GET"), ("GET", "/thing?limit=5"))
    record = created.json()
    assert created.status_code == 201
    assert record["price"] == 1.01
    assert record["sold"] == "2024-05-06T07:08:07Z"
    assert record["flag"] is False
    assert (record["place"], record["plain"], record["plain.inner"]) == ({"city": "Oslo", "zip": None}, "a", "b")
    assert (record["tags"], record["items"], record["lines"]) == (["p", "q"], [], [])
    assert (record["by"], record["changed"]) == ("harness", "2030-01-01T00:00:00Z")
    assert read.json() == record == listed.json()["records"][0]
    assert read.headers["etag"] == created.headers["etag"]
    assert listed.json()["next"] is None


def test_a_change_touches_what_it_names_and_null_clears() -> None:
    created, changed, same = ask(
        create(code="c", place={"city": "Oslo", "zip": "1"}),
        on_first("PATCH", {"PLACE": {"City": "Bergen"}, "code": None, "mail": ""}),
        on_first("PATCH", {"place": None}),
        wait_s=2,
    )
    assert changed.json() == {
        **created.json(),
        "code": None,
        "place": {"city": "Bergen", "zip": "1"},
        "changed": changed.json()["changed"],
    }
    assert changed.json()["changed"] > created.json()["changed"]
    assert same.json()["place"] == {"city": None, "zip": None}


def test_items_of_a_list_are_changed_property_by_property() -> None:
    made, items, bare, gone = ask(
        create(),
        lambda a: (
            "PATCH",
            f"/Thing/{a[0].json()['id']}",
            {"items": [{"label": "a", "thing": {"id": a[0].json()["id"]}}]},
        ),
        on_first("PATCH", {"items": [{"label": "b"}], "lines": [{"note": "n"}]}),
        on_first("PATCH", {"items": [], "tags": "single"}),
    )
    me = made.json()["id"]
    assert items.json()["items"] == [{"label": "a", "thing": {"id": me}}]
    assert bare.json()["items"] == [{"label": "b", "thing": {"id": me}}]
    assert bare.json()["lines"] == [{"note": "n"}]
    assert (gone.json()["items"], gone.json()["tags"]) == ([], ["single"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"name": None}, [("required", "name")]),
        ({"name": "far too long a name"}, [("too_long", "name")]),
        ({"ghost": 1}, [("unknown_field", "ghost")]),
        ({"place": {"ghost": 1}}, [("unknown_field", "place.ghost")]),
        ({"items": ["text"]}, [("unknown_field", "items")]),
        ({"items": [{"label": "a"}]}, [("required", "items.thing.id")]),
        ({"computed": "x"}, [("read_only", "computed")]),
        ({"id": "mine"}, [("read_only", "id")]),
        ({"count": "3"}, [("wrong_type", "count")]),
        ({"count": 3.5}, [("wrong_type", "count")]),
        ({"count": True}, [("wrong_type", "count")]),
        ({"price": "3"}, [("wrong_type", "price")]),
        ({"made": "2024-13-01"}, [("wrong_type", "made")]),
        ({"made": "2024-05-06T00:00:00Z"}, [("wrong_type", "made")]),
        ({"sold": "2024-05-06"}, [("wrong_type", "sold")]),
        ({"sold": "yesterday at noon"}, [("wrong_type", "sold")]),
        ({"flag": 1}, [("wrong_type", "flag")]),
        ({"mail": "nobody"}, [("wrong_type", "mail")]),
        ({"code": 5}, [("wrong_type", "code")]),
        ({"code": {"a": 1}}, [("wrong_type", "code")]),
        ({"code": ["a"]}, [("wrong_type", "code")]),
        ({"blob": {"a": 1}}, [("wrong_type", "blob")]),
        ({"kind": "C"}, [("not_in_picklist", "kind")]),
        ({"parentId": "nobody"}, [("unknown_reference", "parentId")]),
        ({"items": [{"thing": {"id": "nobody"}}]}, [("unknown_reference", "items.thing.id")]),
        (
            {"name": None, "count": "x", "ghost": 1},
            [("unknown_field", "ghost"), ("required", "name"), ("wrong_type", "count")],
        ),
    ],
)
def test_a_refusal_names_every_problem_and_its_field(values: dict[str, Any], expected: list[Any]) -> None:
    (answer,) = ask(("POST", "/Thing", {"name": "x", **values}))
    assert answer.status_code == 422
    assert problems(answer) == expected


def test_what_cannot_be_changed_or_emptied_is_refused() -> None:
    _, fixed, empty, flag = ask(
        create(fixed="a"),
        on_first("PATCH", {"fixed": "b"}),
        on_first("PATCH", {"name": ""}),
        on_first("PATCH", {"flag": None}),
    )
    found = [problems(answer) for answer in (fixed, empty, flag)]
    assert found == [[("read_only", "fixed")], [("required", "name")], [("required", "flag")]]


def test_a_unique_value_is_free_again_once_its_record_lets_go() -> None:
    answers = ask(
        create(code="c"),
        create(code="c"),
        on_first("PATCH", {"code": "c"}),
        on_first("PATCH", {"code": "d"}),
        create(code="c"),
        on_first("DELETE"),
        create(code="d"),
    )
    assert [answer.status_code for answer in answers] == [201, 409, 200, 200, 201, 204, 201]
    assert problems(answers[1]) == [("duplicate", "code")]


def test_changes_come_oldest_first_with_tombstones_and_the_same_second_is_told_again() -> None:
    answers = ask(
        create(name="a"),
        create(name="b"),
        ("GET", "/Thing"),
        on_first("PATCH", {"count": 1}),
        lambda a: ("GET", f"/Thing?since={a[2].json()['cursor']}"),
        lambda a: ("DELETE", f"/Thing/{a[1].json()['id']}"),
        ("GET", "/Thing"),
        lambda a: ("GET", f"/Thing?since={a[6].json()['cursor']}"),
        ("GET", "/Thing?since=2999"),
        wait_s=3,
    )
    first, second = (answer.json()["id"] for answer in answers[:2])
    assert [r["id"] for r in answers[2].json()["records"]] == [first, second]
    assert [r["id"] for r in answers[4].json()["records"]] == [first]
    last = answers[6].json()["records"]
    assert [(r["id"], r.get("deleted")) for r in last] == [(first, None), (second, True)]
    assert set(last[1]) == {"id", "deleted", "changed", "by"}
    assert answers[7].json()["records"] == answers[8].json()["records"] == []
    (again,) = ask(create(), ("GET", "/Thing"), lambda a: ("GET", f"/Thing?since={a[1].json()['cursor']}"))[2:]
    assert len(again.json()["records"]) == 1


def test_pages_tell_each_record_once_and_the_first_page_gives_the_cursor() -> None:
    answers = ask(
        *(create(name=str(number)) for number in range(5)),
        ("GET", "/Thing?limit=2"),
        lambda a: ("GET", f"/Thing?limit=2&after={a[5].json()['next']}"),
        on_first("PATCH", {"count": 1}),
        lambda a: ("GET", f"/Thing?limit=2&after={a[6].json()['next']}"),
        wait_s=2,
    )
    pages = [answers[at].json() for at in (5, 6, 8)]
    assert [[r["name"] for r in page["records"]] for page in pages] == [["0", "1"], ["2", "3"], ["4", "0"]]
    assert len({page["cursor"] for page in pages}) == 1
    assert pages[2]["next"] is None


def test_the_feed_stays_short_however_often_a_record_changes() -> None:
    answers = ask(create(), *(on_first("PATCH", {"count": n}) for n in range(300)), ("GET", "/Thing"))
    assert [record["count"] for record in answers[-1].json()["records"]] == [299]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("where=name&equals=a", ["a"]),
        ("where=NAME&equals=a", ["a"]),
        ("where=count&equals=3", ["a"]),
        ("where=price&equals=2", ["a"]),
        ("where=flag&equals=true", ["a"]),
        ("where=tags&equals=q", ["a"]),
        ("where=name&equals=A", []),
        ("where=code&equals=", []),
    ],
)
def test_records_are_found_by_the_text_of_a_value(query: str, found: list[str]) -> None:
    full = create(name="a", count=3, price=2.0, flag=True, tags=["p", "q"])
    answers = ask(full, create(name="b"), ("GET", f"/Thing?{query}"))
    assert [record["name"] for record in answers[-1].json()["records"]] == found


def test_records_are_found_by_id_and_never_when_deleted() -> None:
    answers = ask(
        create(name="a"),
        lambda a: ("GET", f"/Thing?where=id&equals={a[0].json()['id']}"),
        on_first("DELETE"),
        lambda a: ("GET", f"/Thing?where=id&equals={a[0].json()['id']}"),
        ("GET", "/Thing?where=name&equals=a"),
        ("GET", "/Thing?where=ghost&equals=a"),
    )
    assert [len(answers[at].json()["records"]) for at in (1, 3, 4)] == [1, 0, 0]
    assert problems(answers[5]) == [("unknown_field", "ghost")]


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (("GET", "/Ghost"), 404, "unknown_entity"),
        (("GET", "/Thing/ghost"), 404, "not_found"),
        (("PUT", "/Thing"), 404, "not_found"),
        (("PUT", "/Thing/x"), 404, "not_found"),
        (("GET", "/Thing/x/y"), 404, "not_found"),
        (("POST", "/Thing", b"{"), 400, "wrong_type"),
        (("POST", "/Thing", b"[]"), 400, "wrong_type"),
        (("GET", "/Thing?limit=0"), 422, "wrong_type"),
        (("GET", "/Thing?limit=x"), 422, "wrong_type"),
        (("GET", "/Thing?after=x"), 422, "wrong_type"),
        (("GET", "/Thing", None, {"Authorization": "Bearer nobody"}), 401, "unknown_user"),
        (("POST", "/Listed", {"name": "x"}), 422, "read_only"),
    ],
)
def test_a_request_that_makes_no_sense_is_told_why(request_: Any, status: int, code: str) -> None:
    (answer,) = ask(request_)
    assert (answer.status_code, problems(answer)[0][0]) == (status, code)


def test_records_that_can_be_neither_changed_nor_deleted_say_so() -> None:
    path = "/Old%20Thing"
    made, changed, deleted = ask(
        ("POST", path, {"name": "x"}),
        lambda a: ("PATCH", f"{path}/{a[0].json()['id']}", {"name": "y"}),
        lambda a: ("DELETE", f"{path}/{a[0].json()['id']}"),
    )
    assert made.json()["_modified"] == "2030-01-01T00:00:00Z"
    assert made.json()["_modified_by"] == "harness"
    assert problems(changed)[0][0] == "read_only"
    assert (deleted.status_code, problems(deleted)[0][0]) == (405, "not_deletable")


def test_a_change_meant_for_another_version_is_refused() -> None:
    made, other, stale, fresh = ask(
        create(),
        on_first("PATCH", {"count": 1}),
        lambda a: ("PATCH", f"/Thing/{a[0].json()['id']}", {"count": 2}, {"If-Match": a[0].headers["etag"]}),
        lambda a: ("PATCH", f"/Thing/{a[0].json()['id']}", {"count": 3}, {"If-Match": a[1].headers["etag"]}),
    )
    assert (stale.status_code, problems(stale)[0][0]) == (409, "conflict")
    assert (fresh.status_code, fresh.json()["count"]) == (200, 3)
    assert made.headers["etag"] != other.headers["etag"]


@pytest.mark.parametrize("stamps", [True, False])
def test_whether_a_change_that_changes_nothing_moves_the_stamp_is_a_switch(stamps: bool) -> None:
    made, again = ask(create(count=1), on_first("PATCH", {"count": 1}), wait_s=5, idle_writes_stamp=stamps)
    assert (made.json()["changed"] != again.json()["changed"]) is stamps


@pytest.mark.parametrize(
    ("granularity_s", "stamp"),
    [(1.0, "2030-01-01T00:01:41Z"), (60.0, "2030-01-01T00:01:00Z"), (0.001, "2030-01-01T00:01:41.")],
)
def test_stamps_have_the_granularity_of_their_system(granularity_s: float, stamp: str) -> None:
    schema = replace(SCHEMA, stamp_granularity_s=granularity_s)
    _, made = ask(("GET", "/Thing"), create(), schema=schema, wait_s=101.5)
    assert made.json()["changed"].startswith(stamp)


def test_a_system_that_does_not_know_its_users_does_not_tell_them() -> None:
    schema = replace(SCHEMA, knows_users=False)
    (made,) = ask(("POST", "/Old%20Thing", {"name": "x"}), schema=schema)
    assert "_modified_by" not in made.json()


def test_licences_that_are_off_take_entities_fields_and_creation_away() -> None:
    off = frozenset({"extras", "Secrets", "Making"})
    field, secret, made, described = ask(
        create(extra="x"),
        ("GET", "/Secret"),
        ("POST", "/Made", {"name": "x"}),
        ("GET", "/Made/describe"),
        licences_off=off,
    )
    assert problems(field) == [("unknown_field", "extra")]
    for answer, licence in ((secret, "Secrets"), (made, "Making")):
        assert answer.status_code == 403
        assert [(e["code"], e["licence"]) for e in answer.json()["errors"]] == [("licence_required", licence)]
    assert (described.json()["createable"], described.json()["licence"]) == (False, "Making")
    assert [a.status_code for a in ask(create(extra="x"), ("GET", "/Secret"), ("POST", "/Made", {"name": "x"}))] == [
        201,
        200,
        201,
    ]
    reduced = replace(SCHEMA, licences=("Extras", "Making"))
    (gone,) = ask(("GET", "/Secret/describe"), schema=reduced)
    assert gone.json()["errors"][0]["licence"] == "Secrets"


def test_describe_tells_the_schema() -> None:
    (answer,) = ask(("GET", "/thing/describe"))
    described = answer.json()
    fields = {field["path"]: field for field in described["fields"]}
    assert (described["name"], described["id_field"], described["modified_by_field"]) == ("Thing", "id", "by")
    assert list(fields) == [field.path for field in THING.fields]
    assert fields["kind"]["picklist"] == ["A", "B"]
    assert (fields["items.label"]["list_at"], fields["price"]["scale"], fields["code"]["unique"]) == ("items", 2, True)


@pytest.mark.parametrize("name", ["Salesforce", "Exact Online", "Wave", "Custom CRM", "Custom ERP", "Others", "Tiny"])
def test_ids_have_a_style_and_are_never_given_twice(name: str) -> None:
    answers = ask(*(create() for _ in range(1200)), schema=replace(SCHEMA, name=name))
    ids = [answer.json()["id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert {len(one) for one in ids} <= ({18, 19} if name == "Salesforce" else set(range(1, 37)))


def test_answers_take_their_time_and_the_time_hangs_on_the_request_alone() -> None:
    async def main(seed: int, *, extra: bool) -> list[float]:
        clock = VirtualClock()
        app = RestEmulator(SystemStore(SCHEMA, clock, seed), clock)
        headers = {"Authorization": "Bearer harness"}
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://things", headers=headers)
        took = []
        for path in ("/Thing", "/Thing", *(["/Made"] if extra else []), "/Listed"):
            begin = clock.now()
            await client.get(path)
            took.append(round(clock.now() - begin, 6))
        return took

    def run(seed: int, *, extra: bool) -> list[float]:
        return trio.run(lambda: main(seed, extra=extra), clock=trio.testing.MockClock(autojump_threshold=0))

    plain, more = run(0, extra=False), run(0, extra=True)
    assert plain == [*more[:2], more[3]]
    assert plain[0] != plain[1], "the second time another delay"
    assert run(1, extra=False) != plain
    assert all(DELAY_S[0] <= took <= DELAY_S[1] for took in more)


def test_the_application_takes_part_in_the_lifespan_of_a_server() -> None:
    async def main() -> list[str]:
        clock = VirtualClock()
        app = RestEmulator(SystemStore(SCHEMA, clock, 0), clock)
        incoming = iter(["lifespan.startup", "lifespan.shutdown"])
        said: list[str] = []

        async def receive() -> dict[str, Any]:
            return {"type": next(incoming)}

        async def send(message: Any) -> None:
            said.append(message["type"])

        await app({"type": "lifespan"}, receive, send)
        return said

    assert trio.run(main) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_bodies_are_compact_json_in_utf_8() -> None:
    (answer,) = ask(create(name="Ærlig"))
    assert "Ærlig".encode() in answer.content
    assert json.loads(answer.content)["name"] == "Ærlig"
