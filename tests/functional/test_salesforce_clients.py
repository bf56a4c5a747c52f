"""Clients that know nothing of the emulator work against it: one by other people over TLS, and ours in process."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import requests
import trio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceResourceNotFound
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceMalformedRequest

from talkqa.model.account import Account, Auth
from talkqa.model.errors import CALLS_USED_UP, ApiError, ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import Settings
from talkqa.sandbox.connectors.registry import make_connector
from talkqa.sandbox.connectors.salesforce import SalesforceConnector
from talkqa.sandbox.dialects.salesforce import SalesforceEmulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.connect import make_client
from talkqa.systems.registry import find_schema
from talkqa.systems.salesforce import SalesforceClient
from tests.fakes.clock import FakeClock
from tests.fakes.virtual import run_virtual
from tests.functional.served import Certificate, make_certificate, serve_app

DOMAIN = "acme.my"
HOST = f"{DOMAIN}.salesforce.com"
T = TypeVar("T")


class MachineClock:
    """The machine's own time, for what clients date by themselves; answers take none of it."""

    def now(self) -> float:
        return self.stamp().timestamp()

    def stamp(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await trio.lowlevel.checkpoint()


class OnLoopback(HTTPAdapter):
    """Sends what is meant for the vendor's hosts to a port of this machine, and no other request anywhere."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(request.url)
        assert parts.hostname == HOST, f"a request to {parts.hostname}"
        request.headers["Host"] = HOST
        request.url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{self._port}"))
        return super().send(request, *args, **options)


@dataclass(frozen=True, kw_only=True)
class Served:
    """An emulated org on a loopback port."""

    emulator: SalesforceEmulator
    session: requests.Session

    def sign_in(self, user: str = "harness") -> Salesforce:
        """A client that signed in by itself."""
        auth = self.emulator.account(f"https://{HOST}", user).auth
        return Salesforce(
            consumer_key=auth.client_id,
            consumer_secret=auth.client_secret,
            domain=DOMAIN,
            version="62.0",
            session=self.session,
        )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Of an authority that this run made."""
    return make_certificate(tmp_path_factory.mktemp("tls"), HOST)


def packaged() -> SystemSchema:
    schema = find_schema("Salesforce", Settings())
    assert schema is not None
    return schema


@pytest.fixture
def served(certificate: Certificate) -> Iterator[Served]:
    """An org with small batches, over TLS."""
    clock = MachineClock()
    emulator = SalesforceEmulator(SystemStore(packaged(), clock, 0), clock, quirks={"small-batches": True})
    with serve_app(emulator, certificate=certificate) as url, requests.Session() as session:
        session.trust_env = False
        session.verify = str(certificate.authority)
        session.mount("https://", OnLoopback(urlsplit(url).port or 0))
        yield Served(emulator=emulator, session=session)


def test_simple_salesforce_signs_in_and_looks_around(served: Served) -> None:
    """By client credentials at the org's own host: objects, fields, limits, who it is."""
    org = served.sign_in()
    assert org.sf_instance == HOST
    assert org.is_sandbox() is True
    names = [one["name"] for one in org.describe()["sobjects"]]
    assert {"Contact", "Division", "Quote"} <= set(names)
    fields = {one["name"]: one for one in org.Contact.describe()["fields"]}
    assert (fields["LastName"]["length"], fields["LastName"]["nillable"]) == (80, False)
    assert org.Contact.metadata()["objectDescribe"]["keyPrefix"] == "003"
    assert org.limits()["DailyApiRequests"]["Max"] == served.emulator.calls_allowed
    assert org.api_usage["api-usage"].total == served.emulator.calls_allowed
    assert org.oauth2("userinfo", method="GET")["preferred_username"] == "harness@talkqa.example"


def test_simple_salesforce_creates_changes_and_deletes(served: Served) -> None:
    """Each as its own call, and errors as its own exceptions."""
    org = served.sign_in()
    account = org.Account.create({"Name": "Acme"})["id"]
    made = org.Contact.create({"LastName": "O'Neil", "AccountId": account})
    assert made["success"] is True
    assert org.Contact.update(made["id"], {"FirstName": "Ada"}) == 204
    row = org.Contact.get(made["id"])
    assert (row["Name"], row["AccountId"]) == ("Ada O'Neil", account)
    with pytest.raises(SalesforceMalformedRequest, match="REQUIRED_FIELD_MISSING"):
        org.Contact.create({"FirstName": "Ada"})
    assert org.Contact.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound, match="ENTITY_IS_DELETED"):
        org.Contact.get(made["id"])


def test_simple_salesforce_reads_batch_after_batch(served: Served) -> None:
    """All of them, once each, deleted ones where they are asked for; what changed by time."""
    org = served.sign_in()
    ids = [org.Product2.create({"Name": f"Bolt {number:02d}"})["id"] for number in range(45)]
    first = org.query("SELECT Id FROM Product2 ORDER BY Name")
    assert (first["totalSize"], first["done"], len(first["records"])) == (45, False, 20)
    second = org.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert second["done"] is False
    found = [row["Id"] for row in org.query_all_iter("SELECT Id FROM Product2 ORDER BY Name")]
    assert found == ids
    org.Product2.delete(ids[0])
    every = org.query_all("SELECT Id, IsDeleted FROM Product2", include_deleted=True)
    assert len(every["records"]) == 45
    assert [row["Id"] for row in every["records"] if row["IsDeleted"]] == [ids[0]]
    quoted = org.query("SELECT COUNT() FROM Product2 WHERE Name LIKE 'Bolt 4%' AND Name != 'Bolt 44'")
    assert quoted["totalSize"] == 4
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        org.query("SELECT Nope FROM Product2")
    stamp = datetime.now(UTC)
    gone = org.Product2.deleted(
        stamp.replace(year=stamp.year, microsecond=0, hour=0, minute=0), stamp.replace(year=stamp.year + 1)
    )
    assert [one["id"] for one in gone["deletedRecords"]] == [ids[0]]


def test_simple_salesforce_writes_many_at_once(served: Served) -> None:
    """Through the API's collections and composites."""
    org = served.sign_in()
    records = [{"attributes": {"type": "Contact"}, "LastName": name} for name in ("A", "B")]
    made = org.restful("composite/sobjects", method="POST", json={"allOrNone": True, "records": records})
    assert [one["success"] for one in made] == [True, True]
    ids = ",".join(one["id"] for one in made)
    gone = org.restful("composite/sobjects", method="DELETE", params={"ids": ids, "allOrNone": "false"})
    assert [one["success"] for one in gone] == [True, True]


def test_simple_salesforce_signs_in_with_a_signed_assertion(served: Served, tmp_path: Path) -> None:
    """As the user that it names, if it is one."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    auth = served.emulator.account(f"https://{HOST}", "engine").auth

    def sign_in(name: str) -> Salesforce:
        # The audience is the login host, the token's place the org: this client derives both from one setting.
        return Salesforce(
            username=name,
            consumer_key=auth.client_id,
            privatekey=pem,
            domain="test",
            instance_url=DOMAIN,
            session=served.session,
        )

    assert sign_in("engine@talkqa.example").oauth2("userinfo", method="GET")["name"] == "Talk engine"
    with pytest.raises(SalesforceAuthenticationFailed), pytest.warns(UserWarning, match="self-authorize"):
        sign_in("nobody@talkqa.example")


def test_simple_salesforce_is_refused_with_wrong_secrets(served: Served) -> None:
    """At the token endpoint, and with a session that is over."""
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client_id"):
        Salesforce(consumer_key="x", consumer_secret="y", domain=DOMAIN, session=served.session)  # noqa: S106
    org = served.sign_in()
    served.emulator.sessions.end_all()
    assert org.limits()["DailyApiRequests"]["Remaining"] > 0  # it signs in again by itself
    assert org.session_id != ""


def ours(
    story: Callable[[SalesforceClient, SalesforceEmulator, FakeClock], Awaitable[T]],
    *,
    licences_off: frozenset[str] = frozenset(),
    auth: Callable[[SalesforceEmulator], Auth] | None = None,
    **quirks: bool,
) -> T:
    """What a story with our client and an org in process gives."""

    async def main() -> T:
        clock = FakeClock()
        store = SystemStore(packaged(), clock, 0, licences_off=licences_off)
        emulator = SalesforceEmulator(store, clock, quirks={name.replace("_", "-"): on for name, on in quirks.items()})
        account = emulator.account(f"https://{HOST}", "harness")
        if auth is not None:
            account = Account(system="Salesforce", url=account.url, auth=auth(emulator))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=emulator)) as http:
            client = make_client(packaged(), account, http, clock_now=clock.now, stamp=clock.stamp)
            assert isinstance(client, SalesforceClient)
            return await story(client, emulator, clock)

    return run_virtual(main)


@pytest.mark.parametrize(
    "quirks",
    [
        {},
        {"small_batches": True},
        {"short_sessions": True},
        {"fold_email": True, "crlf": True},
        {"method_not_allowed": False},
        {"idle_writes_stamp": False},
        {"division_names_taken": True},
    ],
    ids=str,
)
def test_our_client_does_all_that_a_run_needs_however_the_org_behaves(quirks: dict[str, bool]) -> None:
    """Create, read, change, poll, find, delete, retire."""

    async def story(client: SalesforceClient, _emulator: SalesforceEmulator, clock: FakeClock) -> None:
        start = await client.cursor_now("Contact")
        account = await client.create("account", {"name": "Acme"})
        values = {"lastname": "O'Neil \\", "Email": "ada@example.org", "AccountId": account.id, "Description": "a\nb"}
        contact = await client.create("Contact", values)
        assert contact.values["Name"] == "O'Neil \\"
        clock.advance(40)
        changed = await client.update("Contact", contact.id, {"FirstName": "Ada", "Birthdate": "1999-12-31"})
        assert (changed.values["FirstName"], changed.modified > contact.modified) == ("Ada", True)  # type: ignore[operator]
        for path, value in (
            ("LastName", "O'NEIL \\"),
            ("Email", "ada@example.org"),
            ("Birthdate", "1999-12-31"),
            ("Description", "a\nb"),
        ):
            assert [one.id for one in await client.find("Contact", path, value)] == [contact.id], path
        many = await client.create_many("Contact", [{"LastName": f"Many {number}"} for number in range(45)])
        changes = await client.changes("Contact", start)
        assert {one.id for one in changes.records} == {contact.id, *(one.id for one in many)}  # type: ignore[union-attr]
        clock.advance(40)
        await client.delete("Contact", contact.id)
        await client.delete("Contact", contact.id)
        assert await client.get("Contact", contact.id) is None
        later = await client.changes("Contact", changes.cursor)
        assert [one.id for one in later.records if one.deleted] == [contact.id]
        division = await client.create("Division", {"Name": "North", "IsActive": True})
        await client.delete("Division", division.id)
        retired = await client.get("Division", division.id)
        assert retired is not None
        assert retired.values["IsActive"] is False

    ours(story, **quirks)


def test_our_client_loses_no_change_of_a_second() -> None:
    """What is written in the second of the newest stamp, after it was read, is told the next time."""

    async def story(client: SalesforceClient, emulator: SalesforceEmulator, clock: FakeClock) -> None:
        clock.advance(1.0 - clock.now() % 1.0)
        first = await client.create("Contact", {"LastName": "First"})
        cursor = (await client.changes("Contact", None)).cursor
        emulator.store.entities["contact"].create({"LastName": "Second"}, "engine")
        seen = await client.changes("Contact", cursor)
        assert [one.values["LastName"] for one in seen.records] == ["First", "Second"]
        assert first.modified == seen.cursor

    ours(story)


def test_our_client_clears_away_what_cannot_simply_be_deleted() -> None:
    """An activated order, and a product that was sold."""

    async def story(client: SalesforceClient, _emulator: SalesforceEmulator, _clock: FakeClock) -> None:
        account = await client.create("Account", {"Name": "Acme"})
        [book] = await client.find("Pricebook2", "IsStandard", True)
        product = await client.create("Product2", {"Name": "Bolt", "IsActive": True})
        price = {"Pricebook2Id": book.id, "Product2Id": product.id, "UnitPrice": 12.5, "IsActive": True}
        entry = await client.create("PricebookEntry", price)
        draft = {"AccountId": account.id, "EffectiveDate": "2030-01-01", "Status": "Draft", "Pricebook2Id": book.id}
        order, kept = await client.create("Order", draft), await client.create("Order", draft)
        for one in (order, kept):
            line = {"OrderId": one.id, "PricebookEntryId": entry.id, "Quantity": 2}
            await client.create("OrderItem", line)
        active = await client.update("Order", order.id, {"Status": "Activated"})
        assert (active.values["TotalAmount"], active.values["StatusCode"]) == (25.0, "Activated")
        await client.delete("Order", order.id)
        assert await client.get("Order", order.id) is None
        await client.delete("Product2", product.id)
        retired = await client.get("Product2", product.id)
        assert retired is not None
        assert retired.values["IsActive"] is False

    ours(story)


def test_our_client_names_the_licence_that_lacks() -> None:
    """For objects that are not there and for what cannot be created, and before anything is written."""
    off = frozenset({"Divisions", "Quotes", "Billing"})

    async def story(client: SalesforceClient, _emulator: SalesforceEmulator, _clock: FakeClock) -> list[str]:
        account = await client.create("Account", {"Name": "Acme"})
        invoice = {"BillingAccountId": account.id, "InvoiceDate": "2030-01-01", "DueDate": "2030-01-02"}
        named = []
        for entity, values in (("Division", {"Name": "N"}), ("Quote", {"Name": "Q"}), ("Invoice", invoice)):
            with pytest.raises(FeatureMissing) as caught:
                await client.create(entity, values)
            named.append(caught.value.licence)
        found = await client.preflight(["Division", "Quote", "Invoice"])
        assert {one.code for one in found} == {"licence"}
        assert (await client.changes("Invoice", None)).records == ()
        return named

    for on in (True, False):
        assert ours(story, licences_off=off, method_not_allowed=on) == ["Divisions", "Quotes", "Billing"]


def test_our_client_tells_refusals_apart() -> None:
    """Duplicates, missing fields, and an org that is out of calls or has locked the row."""

    async def duplicates(client: SalesforceClient, _emulator: SalesforceEmulator, _clock: FakeClock) -> ApiError:
        await client.create("Contact", {"LastName": "Quist"})
        with pytest.raises(ApiRefused) as caught:
            await client.create("Contact", {"LastName": "quist"})
        return caught.value

    async def exhausted(client: SalesforceClient, emulator: SalesforceEmulator, _clock: FakeClock) -> ApiError:
        emulator.calls_allowed = 2
        await client.describe("Contact")
        assert (client.calls_used, client.calls_allowed) == (1, 2)
        await client.describe("Contact")
        with pytest.raises(ApiUnavailable) as caught:
            await client.describe("Contact")
        return caught.value

    async def locked(client: SalesforceClient, _emulator: SalesforceEmulator, _clock: FakeClock) -> ApiError:
        contact = await client.create("Contact", {"LastName": "Quist"})
        for number in range(99):
            try:
                await client.update("Contact", contact.id, {"Phone": str(number)})
            except ApiUnavailable as error:
                return error
        raise AssertionError("no row was locked")

    assert ours(duplicates, duplicate_rules=True).code == "DUPLICATES_DETECTED"
    spent = ours(exhausted)
    assert spent.code == CALLS_USED_UP
    assert "REQUEST_LIMIT_EXCEEDED" in str(spent)
    assert ours(locked, lock_rows=True).code == "UNABLE_TO_LOCK_ROW"


def refreshing(emulator: SalesforceEmulator) -> Auth:
    own = emulator.account(f"https://{HOST}", "harness").auth
    return Auth(
        kind="refresh-token",
        client_id=own.client_id,
        client_secret=own.client_secret,
        refresh_token=emulator.sessions.refresh_token("harness"),
    )


def asserting(emulator: SalesforceEmulator) -> Auth:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    own = emulator.account(f"https://{HOST}", "harness").auth
    return Auth(kind="jwt-bearer", client_id=own.client_id, username="harness@talkqa.example", private_key=pem)


@pytest.mark.parametrize("auth", [None, refreshing, asserting])
@pytest.mark.parametrize("rotating", [True, False])
def test_our_client_signs_in_each_way_and_again_when_its_session_ends(
    auth: Callable[[SalesforceEmulator], Auth] | None, rotating: bool
) -> None:
    """Client credentials, refresh tokens that rotate or not, signed assertions."""

    async def story(client: SalesforceClient, emulator: SalesforceEmulator, clock: FakeClock) -> None:
        who = await client.identify()
        assert (who.name, who.production) == ("harness@talkqa.example", False)
        assert who.server_time is not None
        for _ in range(3):
            clock.advance(61)
            assert (await client.identify()).user == who.user
        emulator.sessions.end_all()
        assert (await client.describe("Contact")).createable

    ours(story, auth=auth, short_sessions=True, rotating_refresh_tokens=rotating)


def test_an_object_of_ones_own_needs_no_more_than_its_own_fields() -> None:
    """What every object has is there all the same, for our client and for the engine's."""
    label = FieldSchema(path="Label__c", type=FieldType.STRING, max_length=40)
    own = EntitySchema(name="Thing__c", fields=(label,), name_field="Label__c")
    schema = SystemSchema(name="Salesforce", entities=(own,), dialect="salesforce")

    async def story() -> None:
        clock = FakeClock()
        emulator = SalesforceEmulator(SystemStore(schema, clock, 0), clock)
        transport = httpx.ASGITransport(app=emulator)
        engine = make_connector(schema, emulator.account(f"https://{HOST}", "engine"), transport)
        assert isinstance(engine, SalesforceConnector)
        async with httpx.AsyncClient(transport=transport) as http, engine._http:
            account = emulator.account(f"https://{HOST}", "harness")
            client = make_client(schema, account, http, clock_now=clock.now, stamp=clock.stamp)
            thing = await client.create("thing__c", {"label__c": "Mine"})
            assert (thing.values["Label__c"], thing.id[:1], thing.modified is None) == ("Mine", "a", False)
            fetched = await engine.get("Thing__c", thing.id)
            await engine.update("Thing__c", thing.id, {"Label__c": "Theirs"}, fetched.etag)
            [seen] = (await client.changes("Thing__c", thing.modified)).records
            assert (seen.values["Label__c"], seen.modified_by == thing.modified_by) == ("Theirs", False)
            await client.delete("Thing__c", thing.id)
            [gone], cursor = await engine.poll("Thing__c", None)
            assert (gone.deleted, cursor is None) == (True, False)

    run_virtual(story)
