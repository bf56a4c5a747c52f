"""Described OData and GraphQL systems are spoken to alike: by the client of the tests and by the engine's connector."""

from dataclasses import replace
from datetime import UTC
from typing import Any

import httpx
import pytest

from talkqa.model.errors import ApiRefused, ApiUnavailable, ConfigError
from talkqa.sandbox.connectors.contract import Gone, Outdated, WriteRefused
from talkqa.sandbox.connectors.graphql import GraphqlConnector
from talkqa.sandbox.connectors.odata import ODataConnector
from talkqa.sandbox.connectors.registry import make_connector
from talkqa.sandbox.dialects.registry import known_quirks, make_emulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.connect import make_client
from tests.unit.sandbox.described_kit import DIALECTS, Stage, play

VALUES: dict[str, Any] = {
    "title": "Acme",
    "visiting.city": "Delft",
    "limit": 12.5,
    "staff": 7,
    "active": True,
    "since": "2020-02-29",
    "seen": "2026-01-02T03:04:05Z",
    "grade": "2",
}

pytestmark = pytest.mark.parametrize("dialect", DIALECTS)


def plain(values: Any) -> dict[str, Any]:
    """Values without what the system fills, times without the fraction that some write."""
    kept = {path: value for path, value in values.items() if path in VALUES}
    kept["seen"] = str(kept.get("seen")).replace(".000", "")
    return kept


def test_a_record_is_made_read_changed_and_removed(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        made = await stage.client.create("Debtor", VALUES)
        assert plain(made.values) == VALUES
        assert made.modified_by == "harness"
        assert made.modified is not None
        assert plain((await stage.client.get("debtor", made.id) or made).values) == VALUES
        changed = await stage.client.update("Debtor", made.id, {"limit": None, "visiting.city": "Breda"})
        assert plain(changed.values) == {**VALUES, "limit": None, "visiting.city": "Breda"}
        await stage.client.delete("Debtor", made.id)
        assert await stage.client.get("Debtor", made.id) is None
        await stage.client.delete("Debtor", made.id)
        with pytest.raises(ApiRefused):
            await stage.client.update("Debtor", made.id, {"limit": 1})

    play(dialect, story)


def test_references_and_lists_travel(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        debtor = await stage.client.create("Debtor", {"title": "Acme"})
        values: dict[str, Any] = {"title": "1", "debtor": debtor.id, "lines.text": ("a", "b"), "lines.amount": (1, 2.5)}
        made = await stage.client.create("Order", values)
        assert {path: made.values[path] for path in values} == values
        changed = await stage.client.update("Order", made.id, {"lines.text": "c"})
        assert (changed.values["lines.text"], changed.values["lines.amount"]) == (("c", "b"), (1, 2.5))
        shorter = await stage.connector.update("Order", made.id, {"lines.text": ("c",)}, None)
        assert (shorter.values["lines.text"], shorter.values["lines.amount"]) == (("c",), (1,))
        assert await stage.client.find("Order", "lines.text", "c")
        assert (await stage.connector.find("Order", "debtor", debtor.id))[0].values["lines.text"] == ("c",)
        assert [one.id for one in await stage.connector.find("Order", "lines.text", "c")] == [made.id]

    play(dialect, story)


def test_changes_are_told_page_after_page(dialect: str) -> None:
    """Whatever changes from a cursor on is told, and in the end nothing is missing."""

    async def story(stage: Stage) -> None:
        before = await stage.client.cursor_now("Debtor")
        made = [await stage.client.create("Debtor", {"title": f"d{number}"}) for number in range(7)]
        everything = await stage.client.changes("Debtor", None)
        assert {record.id for record in everything.records} == {record.id for record in made}
        assert {record.id for record in (await stage.client.changes("Debtor", before)).records} >= {m.id for m in made}
        await stage.clock.sleep(600)
        cursor = (await stage.client.changes("Debtor", everything.cursor)).cursor
        await stage.client.update("Debtor", made[3].id, {"staff": 1})
        told = await stage.client.changes("Debtor", cursor)
        assert made[3].id in {record.id for record in told.records}
        again = await stage.client.changes("Debtor", told.cursor)
        later = await stage.client.changes("Debtor", again.cursor)
        assert later.cursor is not None
        stamps = [record.modified or "" for record in everything.records]
        assert stamps == sorted(stamps)

    play(dialect, story)


def test_entities_without_stamps_are_listed_whole_and_archived(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        made = await stage.client.create("Plain", {"name": "x"})
        assert await stage.client.cursor_now("Plain") is None
        await stage.client.delete("Plain", made.id)
        (record,) = (await stage.client.changes("Plain", None)).records
        assert (record.values["off"], record.modified) == (True, None)
        found, cursor = await stage.connector.poll("Plain", None)
        assert ([one.id for one in found], cursor) == ([made.id], None)

    play(dialect, story)


@pytest.mark.parametrize(
    ("path", "value", "other"),
    [
        ("title", "Acme", "acme"),
        ("visiting.city", "Delft", "D'lft"),
        ("limit", 12.5, 12),
        ("staff", 7, 8),
        ("active", True, False),
        ("since", "2020-02-29", "2020-03-01"),
        ("grade", "2", "1"),
    ],
)
def test_records_are_found_by_value(dialect: str, path: str, value: Any, other: Any) -> None:
    async def story(stage: Stage) -> None:
        made = await stage.client.create("Debtor", VALUES)
        assert [record.id for record in await stage.client.find("Debtor", path, value)] == [made.id]
        assert await stage.client.find("Debtor", path, other) == ()
        text = str(value).lower() if isinstance(value, bool) else str(value)
        assert [one.id for one in await stage.connector.find("Debtor", path, text)] == [made.id]
        assert await stage.connector.find("Debtor", path, "no such value") == []

    play(dialect, story)


def test_a_refusal_names_the_fields(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        with pytest.raises(ApiRefused) as ours:
            await stage.client.create("Debtor", {"title": "x" * 21})
        assert ours.value.fields == ("title",)
        with pytest.raises(WriteRefused) as theirs:
            await stage.connector.create("Debtor", {"title": "x" * 21})
        assert theirs.value.fields == ("title",)
        with pytest.raises(ApiRefused):
            await stage.client.create("Debtor", {"title": "x", "nothing": 1})
        with pytest.raises(ApiRefused):
            await stage.client.create("Secret", {"name": "x"})

    play(dialect, story)


def test_the_engine_reads_writes_and_notices_other_versions(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        made = await stage.connector.create("Debtor", VALUES)
        assert plain(made.values) == VALUES
        seen = await stage.connector.get("Debtor", made.id)
        assert seen.body == made.body
        assert seen.modified is not None
        assert seen.modified.tzinfo == UTC
        changed = await stage.connector.update("Debtor", made.id, {"staff": 8}, seen.etag)
        assert changed.values["staff"] == 8
        with pytest.raises(Outdated):
            await stage.connector.update("Debtor", made.id, {"staff": 9}, seen.etag)
        found, cursor = await stage.connector.poll("Debtor", None)
        assert [one.body for one in found] == [changed.body]
        await stage.connector.create("Order", {"title": "o", "debtor": made.id, "lines.text": ("a",)})
        assert (await stage.connector.poll("Debtor", cursor))[1] == cursor
        await stage.client.delete("Debtor", made.id)
        with pytest.raises(Gone):
            await stage.connector.get("Debtor", made.id)
        with pytest.raises(Gone):
            await stage.connector.update("Debtor", made.id, {"staff": 9}, None)

    play(dialect, story)


def test_the_engine_reads_every_page(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        for number in range(60):
            await stage.connector.create("Debtor", {"title": f"d{number}"})
        found, cursor = await stage.connector.poll("Debtor", None)
        assert len({one.id for one in found}) == 60
        assert (await stage.connector.poll("Debtor", cursor))[1] is not None
        assert len((await stage.client.changes("Debtor", None)).records) == 60

    play(dialect, story)


def test_a_dead_token_is_renewed(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        made = await stage.client.create("Debtor", {"title": "Acme"})
        await stage.connector.get("Debtor", made.id)
        for user in ("harness", "engine"):
            stage.emulator.expire_token(await stage.token(user))
        await stage.clock.sleep(2)
        assert await stage.client.get("Debtor", made.id) is not None
        assert (await stage.connector.get("Debtor", made.id)).id == made.id
        path = stage.schema.graphql.path if stage.schema.graphql else "/Debtor"
        assert (await stage.http.post(path, json={})).status_code == 401

    play(dialect, story)


def test_nobody_tells_who_asks_or_what_they_may(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        assert (await stage.client.identify()).user is None
        assert await stage.client.preflight(["Debtor"]) == ()
        assert (await stage.client.describe("Debtor")).name == "Debtor"

    play(dialect, story)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(429, json={"errors": [{"message": "slow down"}], "error": {"message": "slow down"}}),
        httpx.ConnectError("no route"),
    ],
)
def test_no_usable_answer_is_no_refusal(dialect: str, answer: httpx.Response | httpx.HTTPError) -> None:
    async def story(stage: Stage) -> None:
        def reply(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/oauth/token":
                return httpx.Response(200, json={"access_token": "t"})
            if isinstance(answer, httpx.Response):
                return answer
            raise answer

        connector = make_connector(stage.schema, stage.account("engine"), httpx.MockTransport(reply))
        with pytest.raises(ApiUnavailable):
            await connector.get("Debtor", "1")
        shut = make_connector(
            stage.schema, stage.account("engine"), httpx.MockTransport(lambda _request: httpx.Response(500))
        )
        with pytest.raises(ApiUnavailable, match="no token"):
            await shut.get("Debtor", "1")

    play(dialect, story)


def test_each_part_of_the_sandbox_knows_the_dialect(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        kind = ODataConnector if stage.schema.dialect == "odata" else GraphqlConnector
        assert isinstance(stage.connector, kind)
        assert known_quirks(stage.schema.dialect) == {}

    play(dialect, story)


def test_an_unknown_dialect_is_never_spoken_in_another_one(dialect: str) -> None:
    async def story(stage: Stage) -> None:
        schema = replace(stage.schema, dialect="soap")
        with pytest.raises(ConfigError, match="no dialect 'soap', which Vega speaks; it has: exactonline, graphql"):
            make_emulator(SystemStore(schema, stage.clock, 0), stage.clock, {})
        with pytest.raises(ConfigError, match="does not speak 'soap'"):
            make_connector(schema, stage.account("engine"), stage.transport)
        with pytest.raises(ConfigError, match="Vega speaks 'soap', which talkqa does not"):
            make_client(schema, stage.account(), stage.http, clock_now=stage.clock.now)
        assert known_quirks("soap") == {}

    play(dialect, story)
