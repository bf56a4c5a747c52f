"""Whatever REST API a descriptor describes, the client says what its emulator understands, and understands it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkqa.model.errors import ApiRefused
from talkqa.model.record import Record
from talkqa.model.schema import SystemSchema
from tests.unit.systems.described import Stage, play, spelled_out, systems

VALUES: dict[str, Any] = {
    "name": "Ada Lovelace",
    "mail": "ada@example.org",
    "born": "1815-12-10",
    "seen": "2024-05-06T07:08:09Z",
    "credit": 12.5,
    "rank": 7,
    "active": True,
    "home.city": "London",
    "phones.number": "123",
}
DESCRIBED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@DESCRIBED
@given(systems())
def test_what_is_written_is_read_again(schema: SystemSchema) -> None:
    """Create, get, update and delete give neutral values, whatever the forms on the wire."""

    async def story(stage: Stage) -> None:
        client = stage.client
        patron = await client.create("Person", {"name": "Patron"})
        stage.clock.advance(1)
        made = await client.create("person", {**VALUES, "patron": patron.id})
        for path, value in VALUES.items():
            assert made.values[path] == ((value,) if path.startswith("phones") else value), path
        assert made.values["patron"] == patron.id
        assert made.modified == made.values["changedAt"]
        assert str(made.modified).startswith("2030-01-01T00:00:")
        assert made.modified_by == "harness"
        assert await client.get("Person", made.id) == made
        stage.clock.advance(2)
        changed = await client.update("Person", made.id, {"NAME": "Ada", "born": None, "credit": 3})
        assert changed.values["name"] == "Ada"
        assert changed.values.get("born") is None
        assert changed.values["credit"] == 3
        for path in ("mail", "seen", "rank", "active", "home.city", "patron", "phones.number"):
            assert changed.values[path] == made.values[path], path
        listed = await client.update("Person", made.id, {"phones.kind": "work"})
        assert (listed.values["phones.number"], listed.values["phones.kind"]) == (("123",), ("work",))
        assert (await client.identify()).user == ("harness" if schema.rest and schema.rest.caller else None)
        await client.delete("Person", made.id)
        await client.delete("Person", made.id)
        assert await client.get("Person", made.id) is None

    play(schema, story)


@DESCRIBED
@given(systems(), st.lists(st.sampled_from(["create", "update", "delete", "wait"]), min_size=3, max_size=14))
def test_no_change_is_lost(schema: SystemSchema, acts: list[str]) -> None:
    """Asking again and again what changed shows every record as it is now, however lists are paged and ordered."""

    async def story(stage: Stage) -> None:
        client, seen, cursor = stage.client, {}, None
        alive: dict[str, Record] = {}
        for number, act in enumerate(acts):
            if act == "create":
                made = await client.create("Person", {"name": f"n{number}"})
                alive[made.id] = made
            elif act == "update" and alive:
                first = next(iter(alive))
                alive[first] = await client.update("Person", first, {"rank": number})
            elif act == "delete" and alive:
                await client.delete("Person", alive.popitem()[0])
            else:
                stage.clock.advance(1.5)
            if number % 3 == 2:
                changes = await client.changes("Person", cursor)
                cursor = changes.cursor
                seen.update({record.id: record for record in changes.records})
        changes = await client.changes("Person", cursor)
        seen.update({record.id: record for record in changes.records})
        stamps = [record.modified or "" for record in changes.records]
        assert stamps == sorted(stamps)
        assert {key: seen[key].values for key in alive} == {key: record.values for key, record in alive.items()}
        rest = schema.entities[0].rest
        if rest is not None and rest.deleted and not rest.get:
            assert all(record.deleted for key, record in seen.items() if key not in alive)

    play(schema, story)


@DESCRIBED
@given(systems(), st.lists(st.integers(0, 11), min_size=1, max_size=12))
def test_no_change_is_lost_while_a_list_is_read(schema: SystemSchema, touched: list[int]) -> None:
    """Records that move to the end of a list between two of its pages draw no other past the reader."""

    async def story(stage: Stage) -> None:
        store = stage.emulator.store.entities["person"]
        ids = [store.create({"name": f"n{number}"}, "engine").id for number in range(12)]
        waiting = [ids[number] for number in touched]
        seen: dict[str, str] = {}
        cursor = None

        def touch() -> None:
            if waiting:
                stage.clock.advance(0.7)
                store.update(store.get(waiting.pop()) or store.create({"name": "x"}, "engine"), {"rank": 1}, "engine")

        stage.meanwhile = touch
        for turn in range(4):
            if turn == 3:
                waiting.clear()
            changes = await stage.client.changes("Person", cursor)
            cursor = changes.cursor
            for record in changes.records:
                seen[record.id] = max(seen.get(record.id, ""), record.modified or "")
        now = await stage.client.changes("Person", None)
        assert seen == {record.id: record.modified for record in now.records}

    play(schema, story)


@DESCRIBED
@given(systems())
def test_a_cursor_of_now_loses_nothing(schema: SystemSchema) -> None:
    """What is written after the cursor was taken is told, and the cursor costs one call at most."""

    async def story(stage: Stage) -> None:
        await stage.client.create("Person", {"name": "old"})
        before = len(stage.requests)
        cursor = await stage.client.cursor_now("Person")
        assert len(stage.requests) - before <= 1
        made = await stage.client.create("Person", {"name": "new"})
        assert made in (await stage.client.changes("Person", cursor)).records

    play(schema, story)


@DESCRIBED
@given(systems(), st.sampled_from(sorted(VALUES)))
def test_records_are_found_by_value(schema: SystemSchema, path: str) -> None:
    """By the API's own filter, by its search, or by reading the whole list."""

    async def story(stage: Stage) -> None:
        made = await stage.client.create("Person", VALUES)
        other = await stage.client.create("Person", {"name": "Nobody", "phones.number": "124"})
        gone = await stage.client.create("Person", VALUES)
        await stage.client.delete("Person", gone.id)
        assert [record.id for record in await stage.client.find("Person", path.upper(), VALUES[path])] == [made.id]
        assert [record.id for record in await stage.client.find("Person", "id", other.id)] == [other.id]
        assert await stage.client.find("Person", "name", "no one of this name") == ()

    play(schema, story)


@DESCRIBED
@given(systems())
def test_a_refusal_names_its_field(schema: SystemSchema) -> None:
    """Whatever the shape of an error, its fields and its words arrive."""

    async def story(stage: Stage) -> None:
        with pytest.raises(ApiRefused) as caught:
            await stage.client.create("Person", {"name": "x" * 41})
        assert caught.value.fields == ("name",)
        assert "at most 40 characters" in str(caught.value)
        with pytest.raises(ApiRefused, match="changedBy"):
            await stage.client.create("Person", {"name": "x", "changedBy": "me"})
        shape = schema.rest.errors if schema.rest else None
        assert caught.value.code == ("" if shape and shape.kind == "fields" else "too_long")

    play(schema, story)


@DESCRIBED
@given(systems())
def test_the_engine_speaks_the_same_api(schema: SystemSchema) -> None:
    """The reference engine's connector, written apart, reads what the client wrote and the other way round."""

    async def story(stage: Stage) -> None:
        made = await stage.client.create("Person", VALUES)
        polled, cursor = await stage.connector.poll("Person", None)
        alone = await stage.connector.get("Person", made.id)
        assert [one.id for one in polled] == [made.id]
        assert polled[0].body == alone.body
        assert {path: alone.values[path] for path in made.values} == dict(made.values)
        stage.clock.advance(2)
        written = await stage.connector.update("Person", made.id, {"name": "Engine", "born": "1999-01-02"}, alone.etag)
        told = await stage.client.get("Person", made.id)
        assert told is not None
        assert (told.values["name"], told.values["born"], told.modified_by) == ("Engine", "1999-01-02", "engine")
        assert told.values["mail"] == VALUES["mail"]
        again, _ = await stage.connector.poll("Person", cursor)
        assert written.id in {one.id for one in again}
        assert [one.id for one in await stage.connector.find("Person", "mail", str(VALUES["mail"]))] == [made.id]
        copy = await stage.connector.create("Person", {**VALUES, "patron": made.id, "phones.number": ("1", "2")})
        copied = await stage.client.get("Person", copy.id)
        assert copied is not None
        assert (copied.values["patron"], copied.values["phones.number"]) == (made.id, ("1", "2"))

    play(schema, story)


def test_the_generic_dialect_can_be_described() -> None:
    """A system that says nothing is spoken to as one that spells out the default."""

    async def story(stage: Stage) -> list[tuple[str, str, bytes]]:
        made = await stage.client.create("Person", VALUES)
        await stage.client.update("Person", made.id, {"rank": 8})
        await stage.client.changes("Person", (await stage.client.changes("Person", None)).cursor)
        await stage.client.find("Person", "mail", "ada@example.org")
        await stage.client.delete("Person", made.id)
        return [(request.method, str(request.url), request.content) for request in stage.requests]

    described = spelled_out()
    bare = SystemSchema(name="People", entities=(spelled_out().entities[0],))
    assert play(described, story) == play(bare, story)
