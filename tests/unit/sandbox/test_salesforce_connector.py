"""The engine's connector reads and writes an org, and overwrites nothing that it has not read."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import httpx
import pytest

from talkqa.model.errors import ApiError, ApiUnavailable
from talkqa.sandbox.connectors.contract import Gone, Outdated, WriteRefused
from talkqa.sandbox.connectors.registry import make_connector
from talkqa.sandbox.connectors.salesforce import SalesforceConnector
from talkqa.sandbox.dialects.emulator import Request
from tests.fakes.virtual import run_virtual
from tests.unit.sandbox.salesforce_kit import Org

T = TypeVar("T")


def play(org: Org, story: Callable[[SalesforceConnector], Awaitable[T]]) -> T:
    """What a story with a connector of the org gives."""

    async def main() -> T:
        account = org.emulator.account("http://salesforce.sandbox", "engine")
        connector = make_connector(org.store.schema, account, httpx.ASGITransport(app=org.emulator))
        assert isinstance(connector, SalesforceConnector)
        try:
            return await story(connector)
        finally:
            await connector._http.aclose()

    return run_virtual(main)


def seen(org: Org, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Method and last step of every request from now on."""
    requests: list[tuple[str, str]] = []
    answer = org.emulator.answer

    def note(request: Request) -> Any:
        requests.append((request.method, request.steps[-1]))
        return answer(request)

    monkeypatch.setattr(org.emulator, "answer", note)
    return requests


def test_versions_are_equal_from_a_list_and_alone() -> None:
    """Body and values; a list names no version to write to."""
    org = Org()

    async def story(connector: SalesforceConnector) -> Any:
        account = await connector.create("Account", {"Name": "Acme", "AnnualRevenue": 10.0})
        made = await connector.create("Contact", {"LastName": "Quist", "AccountId": account.id, "Title": ("Dr",)})
        listed, cursor = await connector.poll("Contact", None)
        alone = await connector.get("Contact", made.id)
        return made, listed, cursor, alone, account

    made, listed, cursor, alone, account = play(org, story)
    assert made.body == listed[0].body == alone.body
    assert made.values["Title"] == "Dr"
    assert repr(account.values["AnnualRevenue"]) == "10"
    assert (listed[0].etag, listed[0].deleted) == (None, False)
    assert cursor == made.values["SystemModstamp"] == made.modified.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert made.asked_at < made.known_at


def test_a_poll_tells_what_changed_since_and_what_is_gone() -> None:
    """At or after the cursor, batch by batch."""
    org = Org(small_batches=True)
    ids = [org.make("Product2", Name=f"Bolt {number}") for number in range(45)]

    async def story(connector: SalesforceConnector) -> Any:
        everything, cursor = await connector.poll("Product2", None)
        org.clock.advance(60)
        org.ask("DELETE", f"/sobjects/Product2/{ids[3]}")
        org.ask("PATCH", f"/sobjects/Product2/{ids[4]}", {"Name": "Nut"})
        later, after = await connector.poll("Product2", "2030-01-01T00:00:40Z")
        nothing = await connector.poll("Quote", None)
        return everything, cursor, later, after, nothing

    everything, cursor, later, after, nothing = play(org, story)
    assert [one.id for one in everything] == ids
    assert cursor == "2030-01-01T00:00:00Z"
    assert [(one.id, one.deleted) for one in later] == [(ids[3], True), (ids[4], False)]
    assert after >= "2030-01-01T00:01:00Z"
    assert nothing == ([], None)


def test_records_are_found_by_the_very_text() -> None:
    """Though the org folds case; long texts are compared after all are read."""
    org = Org()
    account = org.make("Account", Name="Acme")
    ada = org.make(
        "Contact",
        LastName="O'Neil\\",
        Description="one\ntwo",
        AccountId=account,
        Birthdate="1999-12-31",
        HasOptedOutOfFax=True,
        MailingLatitude=12.5,
    )
    org.make("Contact", LastName="o'neil\\")

    async def story(connector: SalesforceConnector) -> dict[tuple[str, str], list[str]]:
        wanted = [
            ("lastname", "O'Neil\\"),
            ("Description", "one\ntwo"),
            ("Id", ada),
            ("AccountId", account),
            ("Birthdate", "1999-12-31"),
            ("CreatedDate", "2030-01-01T00:00:00Z"),
            ("HasOptedOutOfFax", "true"),
            ("MailingLatitude", "12.5"),
        ]
        unfit = [
            ("Id", "no id"),
            ("Birthdate", "x"),
            ("CreatedDate", "x"),
            ("HasOptedOutOfFax", "yes"),
            ("MailingLatitude", "north"),
            ("Nope", "x"),
        ]
        return {
            (path, text): [one.id for one in await connector.find("Contact", path, text)]
            for path, text in wanted + unfit
        }

    found = play(org, story)
    hits = {path for (path, _), ids in found.items() if ids and ids[0] == ada}
    assert hits == {
        "lastname",
        "Description",
        "Id",
        "AccountId",
        "Birthdate",
        "CreatedDate",
        "HasOptedOutOfFax",
        "MailingLatitude",
    }
    assert found["lastname", "O'Neil\\"] == [ada]
    assert [path for (path, _), ids in found.items() if not ids] == [
        "Id",
        "Birthdate",
        "CreatedDate",
        "HasOptedOutOfFax",
        "MailingLatitude",
        "Nope",
    ]


def test_refusals_name_their_fields() -> None:
    """And what is gone is gone."""
    org = Org()

    async def story(connector: SalesforceConnector) -> list[ApiError]:
        errors = []
        record = await connector.create("Contact", {"LastName": "Quist"})
        await_these = (
            lambda: connector.create("Contact", {"FirstName": "Ada"}),
            lambda: connector.update("Contact", record.id, {"Email": "x", "LastName": "x" * 99}, None),
            lambda: connector.get("Contact", "nothing"),
            lambda: connector.poll("Nope", None),
        )
        for ask in await_these:
            with pytest.raises(ApiError) as caught:
                await ask()
            errors.append(caught.value)
        return errors

    missing, two, gone, nowhere = play(org, story)
    assert isinstance(missing, WriteRefused)
    assert (missing.code, missing.fields) == ("REQUIRED_FIELD_MISSING", ("LastName",))
    assert isinstance(two, WriteRefused)
    assert set(two.fields) == {"Email", "LastName"}
    assert isinstance(gone, Gone)
    assert isinstance(nowhere, Gone)


def test_a_settled_version_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The date of its stamp guards it."""
    org = Org()
    record_id = org.make("Contact", LastName="Quist")
    org.clock.advance(10)
    requests = seen(org, monkeypatch)

    async def story(connector: SalesforceConnector) -> None:
        known = await connector.get("Contact", record_id)
        requests.clear()
        await connector.update("Contact", record_id, {"Title": "Dr"}, known.etag)

    play(org, story)
    assert [method for method, _ in requests] == ["PATCH", "GET"]
    assert org.read("Contact", record_id)["Title"] == "Dr"


def test_a_fresh_version_is_read_until_its_second_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is guarded as well; after a few, whatever the clock says, it is written."""
    org = Org()
    requests = seen(org, monkeypatch)

    async def story(connector: SalesforceConnector) -> None:
        org.clock.advance(1.0 - org.clock.now() % 1.0)
        known = await connector.create("Contact", {"LastName": "Quist"})
        requests.clear()
        await connector.update("Contact", known.id, {"Title": "Dr"}, known.etag)

    play(org, story)
    methods = [method for method, _ in requests]
    assert methods.count("PATCH") == 1
    assert 2 < methods.index("PATCH") < 26


@pytest.mark.parametrize("wait_s", [0.0, 3.0])
def test_what_was_changed_meanwhile_is_not_overwritten(wait_s: float) -> None:
    """In the same second as well as in a later one."""
    org = Org()

    async def story(connector: SalesforceConnector) -> None:
        org.clock.advance(1.0 - org.clock.now() % 1.0)
        known = await connector.create("Contact", {"LastName": "Quist"})
        org.clock.advance(wait_s)
        if wait_s:
            known = await connector.get("Contact", known.id)
        org.ask("PATCH", f"/sobjects/Contact/{known.id}", {"LastName": "Mine"})
        with pytest.raises(Outdated):
            await connector.update("Contact", known.id, {"LastName": "Theirs"}, known.etag)

    play(org, story)
    assert [row["LastName"] for row in org.rows("SELECT LastName FROM Contact")] == ["Mine"]


def test_a_dead_token_is_renewed_once() -> None:
    """And the request repeated; where none is given, the org does not answer."""
    org = Org()

    async def story(connector: SalesforceConnector) -> int:
        await connector.create("Contact", {"LastName": "A"})
        org.emulator.sessions.end_all()
        await connector.create("Contact", {"LastName": "B"})
        return len((await connector.poll("Contact", None))[0])

    assert play(org, story) == 2


def unavailable(org: Org, broken: str = "", **auth: str) -> str:
    """What is said where a poll gets no answer; one method of the connector's client may be broken."""

    async def fail(*_args: object, **_options: object) -> httpx.Response:
        raise httpx.ConnectError("cut off")

    async def story(connector: SalesforceConnector) -> str:
        connector._auth = replace(connector._auth, **auth)
        if broken == "request":  # not before it is signed in
            await connector._sign_in("")
        if broken:
            setattr(connector._http, broken, fail)
        with pytest.raises(ApiUnavailable) as caught:
            await connector.poll("Contact", None)
        return str(caught.value)

    return play(org, story)


def test_an_org_that_does_not_answer_is_unavailable() -> None:
    """The limit of the day, no connection, no token."""
    assert "REQUEST_LIMIT_EXCEEDED" in unavailable(Org(daily_limit_reached=True))
    assert "GET /services/data" in unavailable(Org(), "request")
    assert "no token: cut off" in unavailable(Org(), "post")
    assert "invalid_client_id" in unavailable(Org(), client_id="nobody")
