"""`talkqa doctor` on set-ups that are broken on purpose: each is named, with what to do, and nothing is written.

The systems are emulated in their real dialects; the command reaches them as it reaches the network.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from talkqa.cli import connection
from talkqa.cli.app import call
from talkqa.model.account import Account
from talkqa.model.settings import Settings
from talkqa.sandbox.dialects.emulator import Emulator
from talkqa.sandbox.dialects.exactonline.emulator import ExactOnlineEmulator
from talkqa.sandbox.dialects.salesforce.emulator import SalesforceEmulator
from talkqa.sandbox.dialects.wave.emulator import WaveEmulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.registry import find_schema
from talkqa.systems.tokens import STATE

DOCUMENT = """\
===================================
Salesforce to Exact Online Dataflow
===================================

Generated: 2026-01-05 10:00:00

Introduction
------------
An invented document.

Salesforce Contact to Exact Online Contacts
-------------------------------------------
Every Salesforce Contact will be synchronized with a Exact Online Contacts.

The following properties are synchronized between a Salesforce Contact and a Exact Online Contacts:

.. list-table::
   :header-rows: 1

   * - Salesforce Contact Property
     - Exact Online Contacts Property
     - Exact Online Data Type
   * - LastName
     - LastName
     - "string"

Salesforce Division to Exact Online Accounts
--------------------------------------------
Every Salesforce Division will be synchronized with a Exact Online Accounts.

The following properties are synchronized between a Salesforce Division and a Exact Online Accounts:

.. list-table::
   :header-rows: 1

   * - Salesforce Division Property
     - Exact Online Accounts Property
     - Exact Online Data Type
   * - Name
     - Name
     - "string"
"""


class HastyClock:
    """The machine's time; nobody has to wait for it."""

    def now(self) -> float:
        return time.monotonic()

    def stamp(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await trio.lowlevel.checkpoint()


def store(system: str, *, licences_off: frozenset[str] = frozenset()) -> SystemStore:
    schema = find_schema(system, Settings())
    assert schema is not None
    return SystemStore(schema, HastyClock(), 0, licences_off=licences_off)


@dataclass
class SetUp:
    """Two systems, the accounts that lead to them, and a document."""

    root: Path
    salesforce: SalesforceEmulator
    exact: ExactOnlineEmulator
    document: str = DOCUMENT

    def emulators(self) -> dict[str, Emulator]:
        return {"salesforce.sandbox": self.salesforce, "exact.sandbox": self.exact}

    def write(self, **changed: dict[str, Any]) -> None:
        """Write talkqa.toml and the document; `changed` goes into a system's section or its auth."""
        (self.root / "specs").mkdir(exist_ok=True)
        (self.root / "specs" / "one.rst").write_text(self.document, encoding="utf-8")
        salesforce = self.salesforce.account("http://salesforce.sandbox", "harness")
        exact = self.exact.account("http://exact.sandbox", "harness")
        text = section(salesforce, changed.get("salesforce", {})) + section(exact, changed.get("exact", {}))
        (self.root / "talkqa.toml").write_text(text, encoding="utf-8")


def section(account: Account, changed: dict[str, Any]) -> str:
    """An account as talkqa.toml has it."""
    auth = {name: getattr(account.auth, name) for name in account.auth.__dataclass_fields__}
    auth = {name: changed.get(name, value) for name, value in auth.items() if value}
    options = {**account.options, **changed.get("options", {})}
    top = {name: changed[name] for name in ("calls_per_day", "engine_user", "production") if name in changed}
    lines = [f'[accounts."{account.system}"]', f"url = {json.dumps(account.url)}"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in top.items()]
    for name, table in (("auth", auth), ("options", options)):
        lines.append(f"{name} = {{ {', '.join(f'{key} = {json.dumps(value)}' for key, value in table.items())} }}")
    return "\n".join(lines) + "\n\n"


class Network(httpx.AsyncBaseTransport):
    """Leads to an emulator for each host, and notes what is written there."""

    def __init__(self, emulators: dict[str, Emulator]) -> None:
        self._apps = {host: httpx.ASGITransport(app=emulator) for host, emulator in emulators.items()}
        self.written: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET" and not request.url.path.endswith("/token"):
            self.written.append(f"{request.method} {request.url}")
        return await self._apps[request.url.host].handle_async_request(request)


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., SetUp]:
    """Makes set-ups; those with nothing broken are well."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(STATE, str(tmp_path / "state"))

    def made(*, salesforce: dict[str, Any] | None = None, exact: dict[str, Any] | None = None) -> SetUp:
        keys = salesforce or {}
        org = store("Salesforce", licences_off=keys.get("licences_off", frozenset()))
        return SetUp(
            root=tmp_path,
            salesforce=SalesforceEmulator(org, HastyClock(), quirks=keys.get("quirks", {})),
            exact=ExactOnlineEmulator(store("Exact Online"), HastyClock(), quirks=(exact or {}).get("quirks", {})),
        )

    return made


@dataclass(frozen=True)
class Seen:
    """What doctor found."""

    code: int
    findings: list[dict[str, str | None]]
    out: str

    def of(self, code: str) -> list[tuple[str | None, str | None, str | None]]:
        """System, entity and property of the findings of a kind."""
        return [(f["system"], f["entity"], f["field"]) for f in self.findings if f["code"] == code]

    def one(self, code: str) -> dict[str, str | None]:
        (found,) = (f for f in self.findings if f["code"] == code)
        return found


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Seen]:
    """Lets doctor look at a set-up; makes sure that it only looks."""

    def look(setup: SetUp, *options: str) -> Seen:
        network = Network(setup.emulators())
        monkeypatch.setattr(connection, "NetworkTransport", lambda: network)
        capsys.readouterr()
        code = call(["doctor", "--format", "json", *options])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        assert captured.out, captured.err
        systems = json.loads(captured.out)
        assert network.written == []
        return Seen(code=code, findings=[f for one in systems for f in one["findings"]], out=captured.out)

    return look


def test_a_set_up_that_fits_has_no_errors(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """Both systems, signed in and looked at in their own dialects."""
    setup = make()
    setup.write()
    seen = doctor(setup)
    assert [f for f in seen.findings if f["severity"] == "error"] == []
    assert seen.code == 0
    names = [one["identity"]["name"] for one in json.loads(seen.out)]
    assert all(names), names


def test_a_bad_secret(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """Named as such, without the secret; the other system is looked at all the same."""
    setup = make()
    setup.write(salesforce={"client_secret": "open-sesame-42"})
    seen = doctor(setup)
    assert seen.code == 1
    assert seen.of("bad-login") == [("Salesforce", None, None)]
    assert "client_secret" in str(seen.one("bad-login")["advice"])
    assert "open-sesame-42" not in seen.out
    assert {f["system"] for f in seen.findings if f["severity"] == "error"} == {"Salesforce"}


def test_a_dead_token(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """The same with a fixed token."""
    setup = make()
    setup.write(exact={"token": "open-sesame-42"})
    seen = doctor(setup)
    assert seen.code == 1
    assert seen.of("bad-login") == [("Exact Online", None, None)]
    assert "open-sesame-42" not in seen.out


def test_a_missing_right(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """An empty list would look like an empty company."""
    setup = make()
    setup.exact.deny("Contacts", "GET", "POST")
    setup.write()
    seen = doctor(setup)
    assert seen.code == 1
    assert set(seen.of("missing-right")) >= {("Exact Online", "Contacts", None)}
    assert any("Contacts" in str(f["message"]) and "GET" in str(f["message"]) for f in seen.findings)


def test_a_missing_entity(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """With the licence that it needs and the document that names it."""
    setup = make(salesforce={"licences_off": frozenset({"Divisions"})})
    setup.write()
    seen = doctor(setup)
    assert seen.code == 1
    assert seen.of("missing-entity") == [("Salesforce", "Division", None)]
    found = seen.one("missing-entity")
    assert "Divisions" in f"{found['message']} {found['advice']}"
    assert "specs/one.rst:" in str(found["message"])


def test_a_read_only_field(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """The city of a contact mirrors its account's; nothing else keeps a run from starting."""
    setup = make()
    row = "   * - LastName\n     - LastName\n"
    setup.document = DOCUMENT.replace(row, f'   * - MailingCity\n     - City\n     - "string"\n{row}')
    setup.write()
    seen = doctor(setup)
    assert seen.of("read-only-field") == [("Exact Online", "Contacts", "City")]
    assert "specs/one.rst:" in str(seen.one("read-only-field")["message"])
    assert seen.one("read-only-field")["severity"] == "warning"
    assert seen.code == 0


def test_an_unknown_field(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """By its row."""
    setup = make()
    setup.document = DOCUMENT.replace("   * - LastName\n     - LastName", "   * - Shoe_Size__c\n     - LastName")
    setup.write()
    assert doctor(setup).of("missing-field") == [("Salesforce", "Contact", "Shoe_Size__c")]


@pytest.mark.parametrize("way", ["by the system", "by our own limit", "by the plan"])
def test_an_exhausted_budget(make: Callable[..., SetUp], doctor: Callable[..., Seen], way: str) -> None:
    """Whoever says so; said once."""
    setup = make(salesforce={"quirks": {"daily-limit-reached": way == "by the system"}})
    setup.write(salesforce={"calls_per_day": 1} if way == "by our own limit" else {})
    seen = doctor(setup, *(["--calls", "Salesforce=1000000"] if way == "by the plan" else []))
    assert seen.code == 1
    assert seen.of("budget") == [("Salesforce", None, None)]
    assert seen.one("budget")["severity"] == "error"


def test_a_wrong_division(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """Told once, not for each entity."""
    setup = make()
    setup.write(exact={"options": {"division": "999"}})
    seen = doctor(setup)
    assert seen.code == 1
    assert seen.of("wrong-organisation") == [("Exact Online", None, None)]
    assert "division" in str(seen.one("wrong-organisation")["advice"])
    assert [f for f in seen.findings if f["severity"] == "error"] == [seen.one("wrong-organisation")]


def test_a_wrong_business(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of Wave, whose token opens all businesses of its user."""
    wave = WaveEmulator(store("Wave"), HastyClock())
    account = wave.account("http://wave.sandbox", "harness")
    (tmp_path / "talkqa.toml").write_text(section(account, {"options": {"business": "QnVzaW5lc3M6bm9uZQ=="}}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connection, "NetworkTransport", lambda: Network({"wave.sandbox": wave}))
    assert call(["doctor", "--format", "json"]) == 1
    (seen,) = json.loads(capsys.readouterr().out)
    assert [f["code"] for f in seen["findings"] if f["severity"] == "error"] == ["wrong-organisation"]


def test_production(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """An org that says so of itself, unless it was allowed by name."""
    setup = make(salesforce={"quirks": {"sandbox": False}})
    setup.write()
    assert doctor(setup).of("production") == [("Salesforce", None, None)]
    setup.write(salesforce={"production": True})
    assert doctor(setup).of("production") == []


def test_the_engines_user(make: Callable[..., SetUp], doctor: Callable[..., Seen]) -> None:
    """Engines ignore what their own user does."""
    setup = make()
    setup.write(salesforce={"engine_user": "harness@talkqa.example"})
    assert doctor(setup).of("same-user") == [("Salesforce", None, None)]
