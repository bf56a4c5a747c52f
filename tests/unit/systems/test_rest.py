"""The client says what the dialect demands, and tells what it heard."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.errors import ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.record import Exchange, Record
from talkqa.model.schema import FieldType
from talkqa.systems.rest import RestClient
from talkqa.systems.session import BODY_LIMIT_CHARS, FixedCredentials, Session
from tests.unit.systems.tiny_system import TinySystem, entity, field, read_only

PERSON = entity("Person", field("name"), field("home.city"), field("deleted", FieldType.BOOLEAN))
BILL = entity(
    "Sales bill",
    field("lines.text", list_at="lines"),
    field("lines.product", list_at="lines"),
    read_only("lines.total"),
    field("note"),
)
KEPT = entity("Kept", field("off", FieldType.BOOLEAN), deletable=False, archive=("off", True))


@pytest.fixture
def system() -> TinySystem:
    return TinySystem(PERSON, BILL, KEPT)


def run(story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return trio.run(story)


def refusal(*errors: dict[str, Any], status: int = 422) -> tuple[int, dict[str, Any]]:
    return status, {"errors": list(errors)}


def test_a_record_is_created_and_read_back_flat(system: TinySystem) -> None:
    """What was nested on the wire comes back under dotted paths, with stamp and writer."""

    async def story() -> tuple[Record, Record | None]:
        client = system.client()
        made = await client.create("person", {"NAME": "Ada", "home.city": "Delft"})
        return made, await client.get("Person", made.id)

    made, read = run(story)
    assert system.seen[0] == ("POST", "/Person", "", {"name": "Ada", "home": {"city": "Delft"}})
    assert read == made
    assert (made.system, made.entity, made.id, made.deleted) == ("Tiny", "Person", "Person-1", False)
    assert made.values["home.city"] == "Delft"
    assert (made.modified, made.modified_by) == ("2024-11-18T09:00:00Z", "harness")
    assert "_modified_by" not in made.values


def test_every_request_carries_the_user_and_no_exchange_its_token(system: TinySystem) -> None:
    """Evidence shows headers, bodies, status and time, but no credentials."""
    exchanges: list[Exchange] = []

    async def story() -> None:
        client = system.client(exchanges, user="engine", clock_now=lambda: 7.5)
        await client.create("Person", {"name": "Ada"})
        await client.get("Person", "no such id")

    run(story)
    assert {headers["authorization"] for headers in system.headers} == {"Bearer engine"}
    assert system.headers[0]["content-type"] == "application/json"
    made, missing = exchanges
    assert (made.method, made.url, made.status, made.at_s) == ("POST", "http://tiny.sandbox/Person", 201, 7.5)
    assert json.loads(made.request_body) == {"name": "Ada"}
    assert json.loads(made.response_body)["name"] == "Ada"
    assert missing.status == 404
    assert missing.url.endswith("/Person/no%20such%20id")
    assert all("authorization" not in {key.lower() for key in one.headers} for one in exchanges)


def test_long_bodies_are_cut_in_evidence(system: TinySystem) -> None:
    """A page of wide records does not swell the results file; what was cut is told."""
    exchanges: list[Exchange] = []

    async def story() -> None:
        await system.client(exchanges).create("Person", {"name": "x" * (BODY_LIMIT_CHARS + 1)})

    run(story)
    assert len(exchanges[0].request_body) < BODY_LIMIT_CHARS + 40
    assert exchanges[0].request_body.endswith("bytes in all)")


def test_changes_are_followed_over_all_pages(system: TinySystem) -> None:
    """One call gives every page, the last page's cursor and the tombstones."""

    async def story() -> tuple[Any, Any]:
        client = system.client()
        for number in range(5):
            await client.create("Person", {"name": f"n{number}"})
        await client.delete("Person", "Person-2")
        first = await client.changes("Person", None)
        return first, await client.changes("Person", first.cursor)

    first, second = run(story)
    assert [record.id for record in first.records] == [f"Person-{number}" for number in range(1, 6)]
    assert [record.deleted for record in first.records] == [False, True, False, False, False]
    assert (first.cursor, second.records, second.cursor) == ("5", (), "5")
    assert [query for _, _, query, _ in system.seen[-4:]] == [
        "limit=200",
        "limit=200&after=2",
        "limit=200&after=4",
        "limit=200&since=5",
    ]


def test_a_property_called_deleted_is_no_tombstone(system: TinySystem) -> None:
    """Only an answer that holds nothing but id, stamp and mark tells of a deletion."""

    async def story() -> Record:
        return await system.client().create("Person", {"name": "Ada", "deleted": True})

    assert not run(story).deleted


def test_records_are_found_by_a_property(system: TinySystem) -> None:
    """The second look asks for a value, in the form the dialect compares."""

    async def story() -> tuple[Any, ...]:
        client = system.client()
        await client.create("Person", {"name": "Ada & Bo"})
        await client.create("Person", {"name": "Cy"})
        return (
            await client.find("Person", "NAME", "Ada & Bo"),
            await client.find("Person", "deleted", value=True),
            await client.find("Person", "name", None),
            await client.find("Person", "name", 5.0),
        )

    found, by_boolean, by_none, by_number = run(story)
    assert [record.id for record in found] == ["Person-1"]
    assert (by_boolean, by_none, by_number) == ((), (), ())
    assert [query for _, _, query, _ in system.seen[2:]] == [
        "where=name&equals=Ada+%26+Bo",
        "where=deleted&equals=true",
        "where=name&equals=",
        "where=name&equals=5",
    ]


def test_an_update_sends_the_changed_properties_alone(system: TinySystem) -> None:
    """Absent is untouched, null clears."""

    async def story() -> Record:
        client = system.client()
        made = await client.create("Person", {"name": "Ada", "home.city": "Delft"})
        return await client.update("Person", made.id, {"home.city": None})

    updated = run(story)
    assert system.seen[1] == ("PATCH", "/Person/Person-1", "", {"home": {"city": None}})
    assert (updated.values["name"], updated.values["home.city"]) == ("Ada", None)


def test_an_edit_inside_a_list_keeps_what_the_list_holds(system: TinySystem) -> None:
    """Lists are replaced as a whole: an edited text must not cost the line its product."""

    async def story() -> None:
        client = system.client()
        made = await client.create("Sales bill", {"lines.text": "a", "lines.product": "p", "note": "n"})
        system.records["Sales bill", made.id]["lines"].append({"text": "b", "product": "q", "total": 3})
        await client.update("Sales bill", made.id, {"LINES.text": "c"})

    run(story)
    sent = system.seen[-1]
    assert sent[:2] == ("PATCH", "/Sales bill/Sales bill-1")
    assert sent[3] == {"lines": [{"text": "c", "product": "p"}, {"text": "b", "product": "q"}]}


def test_an_edit_inside_a_list_of_a_lost_record_is_refused(system: TinySystem) -> None:
    """The record is read first, so its absence shows there."""

    async def story() -> None:
        await system.client().update("Sales bill", "gone", {"lines.text": "c"})

    with pytest.raises(ApiRefused, match="does not exist"):
        run(story)


def test_deleting_twice_is_no_error(system: TinySystem) -> None:
    """A sweep may meet what somebody else has removed."""

    async def story() -> None:
        client = system.client()
        await client.delete("Person", "never was")
        system.answers.append((204, None))
        await client.delete("Person", "just now")

    run(story)
    assert [method for method, *_ in system.seen] == ["DELETE", "DELETE"]


def test_what_cannot_be_deleted_is_archived(system: TinySystem) -> None:
    """The schema says which field retires a record."""

    async def story() -> None:
        client = system.client()
        made = await client.create("Kept", {"off": False})
        await client.delete("Kept", made.id)

    run(story)
    assert system.seen[-1] == ("PATCH", "/Kept/Kept-1", "", {"off": True})


def test_a_refused_delete_is_told(system: TinySystem) -> None:
    """A record that stays must not be taken for swept."""
    system.answers.append(refusal({"code": "not_deletable", "message": "no"}, status=405))

    async def story() -> None:
        await system.client().delete("Person", "Person-1")

    with pytest.raises(ApiRefused) as caught:
        run(story)
    assert (caught.value.status, caught.value.code) == (405, "not_deletable")


def test_a_refusal_joins_all_messages_and_names_all_fields(system: TinySystem) -> None:
    """A write reports all its problems, so the error does."""
    system.answers.append(
        refusal(
            {"code": "too_long", "message": "name: at most 5", "field": "name"},
            {"code": "wrong_type", "message": "home.city: no text", "field": "home.city"},
            {"code": "too_long", "message": "name: again", "field": "name"},
        )
    )

    async def story() -> None:
        await system.client().create("Person", {"name": "x"})

    with pytest.raises(ApiRefused) as caught:
        run(story)
    assert str(caught.value) == ("Tiny refused POST /Person (422): name: at most 5; home.city: no text; name: again")
    assert (caught.value.code, caught.value.field) == ("too_long", "name")
    assert caught.value.fields == ("name", "home.city")


def test_a_missing_licence_is_named(system: TinySystem) -> None:
    """Not runnable, not failed: the error carries the licence, even where the status says `not found`."""
    problem = {"code": "licence_required", "message": "needs Billing", "licence": "Billing"}
    system.answers += [refusal(problem, status=403), refusal(problem, status=404)]

    async def create() -> None:
        await system.client().create("Person", {"name": "x"})

    async def read() -> None:
        await system.client().get("Person", "x")

    for story in (create, read):
        with pytest.raises(FeatureMissing) as caught:
            run(story)
        assert caught.value.licence == "Billing"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((503, {"errors": [{"code": "unavailable", "message": "down"}]}), "503): down"),
        ((429, {"errors": [{"code": "rate_limited"}]}), "429): rate_limited"),
        ((500, b"<html>"), "500): no reason given"),
        ((200, b"not json"), "200 and no JSON object"),
        ((200, ["a list"]), "200 and no JSON object"),
    ],
)
def test_no_usable_answer_is_no_refusal(system: TinySystem, answer: tuple[int, Any], said: str) -> None:
    """5xx, 429 and answers that are no JSON say nothing of the record."""
    system.answers.append(answer)

    async def story() -> None:
        await system.client().get("Person", "x")

    with pytest.raises(ApiUnavailable, match=said.replace(")", r"\)")):
        run(story)


def test_an_unknown_entity_is_no_missing_record(system: TinySystem) -> None:
    """Else a misspelled entity would look like a record that the engine never made."""

    async def story() -> None:
        await system.client().get("Nothing", "x")

    with pytest.raises(ApiRefused, match="no Nothing"):
        run(story)


def test_a_silent_system_is_given_up_after_the_deadline(system: TinySystem) -> None:
    """The deadline is on the run's clock, as httpx's own timeouts do not hold in process."""
    exchanges: list[Exchange] = []
    system.delay_s = 60.0

    async def story() -> None:
        await system.client(exchanges, timeout_s=5.0).get("Person", "x")

    with pytest.raises(ApiUnavailable, match="no answer within 5 s"):
        trio.run(story, clock=trio.testing.MockClock(autojump_threshold=0))
    assert [one.status for one in exchanges] == [0]


def test_a_broken_connection_is_no_answer(system: TinySystem) -> None:
    """Errors of the wire become errors of ours, chained."""

    def drop(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone", request=request)

    async def story() -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(drop))
        session = Session(http, "http://tiny.sandbox", system="Tiny", credentials=FixedCredentials({}))
        await RestClient(system.schema, session).get("Person", "x")

    with pytest.raises(ApiUnavailable, match="gone") as caught:
        run(story)
    assert isinstance(caught.value.__cause__, httpx.ReadError)


def test_describe_tells_what_the_account_sees(system: TinySystem) -> None:
    """Flags come from the answer; what the dialect does not tell comes from the schema known before."""

    async def story() -> Any:
        client = system.client()
        system.answers.append(
            (
                200,
                {
                    "name": "Sales bill",
                    "createable": False,
                    "licence": "Billing",
                    "fields": [
                        {"path": "lines.text", "type": "string", "createable": False, "max_length": 4},
                        {"path": "new", "type": "strange"},
                    ],
                },
            )
        )
        return await client.describe("Sales bill"), await client.describe("Person"), client.schema

    bill, person, schema = run(story)
    assert (bill.createable, bill.create_requires, bill.id_field, bill.modified_field) == (False, "Billing", "id", None)
    text, new = bill.fields
    assert (text.list_at, text.max_length, text.createable, text.updateable) == ("lines", 4, False, True)
    assert new.type is FieldType.OPAQUE
    assert person == PERSON
    assert schema is system.schema
