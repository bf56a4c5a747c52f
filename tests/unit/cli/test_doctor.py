"""`doctor` looks at each system of the documents, prints what it finds with what to do, and exits by it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from talkqa.cli import connection
from talkqa.cli.app import call
from talkqa.systems.tokens import STATE
from tests.unit.cli.conftest import Cli

ACCOUNTS = """
[accounts."Custom CRM"]
url = "http://crm.sandbox"
auth = { kind = "bearer", token = "env:CRM" }

[accounts."Acme ERP"]
url = "http://erp.sandbox"
auth = { kind = "bearer", token = "harness" }
"""
SESAME = "open-sesame"


class Network(httpx.AsyncBaseTransport):
    """Leads to a handler for each host."""

    def __init__(self, **hosts: Callable[[httpx.Request], httpx.Response]) -> None:
        self.hosts = hosts

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.hosts[request.url.host.split(".")[0]](request)


def plain(request: httpx.Request) -> httpx.Response:
    """A system of the generic dialect whose entities all have a name and an id."""
    if request.url.path.endswith("/describe"):
        name = request.url.path.split("/")[1]
        fields = [{"path": "id", "type": "id", "createable": False}, {"path": "name", "type": "string"}]
        return httpx.Response(200, json={"name": name, "id_field": "id", "fields": fields})
    return httpx.Response(200, json={"records": [], "next": None, "cursor": "0"})


def refusing(request: httpx.Request) -> httpx.Response:
    told = f"no user {request.headers['authorization']}"
    return httpx.Response(401, json={"errors": [{"code": "unknown_user", "message": told}]})


def silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no way", request=request)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, project: Path) -> Network:
    """Two accounts, both of which fit."""
    made = Network(crm=plain, erp=plain)
    monkeypatch.setattr(connection, "NetworkTransport", lambda: made)
    monkeypatch.setenv("CRM", SESAME)
    monkeypatch.setenv(STATE, str(project / "state"))
    (project / "talkqa.toml").write_text(ACCOUNTS, encoding="utf-8")
    return made


def test_systems_that_fit_are_well(cli: Cli, network: Network) -> None:
    ended = cli("doctor")
    assert (ended.code, ended.err) == (0, "2 systems, 0 errors, 0 warnings, 0 notices\n")
    assert ended.out.splitlines() == [
        "Acme ERP: does not tell who we are; nothing found",
        "Custom CRM: does not tell who we are; nothing found",
    ]


def test_a_refused_login_is_an_error_and_shows_no_secret(cli: Cli, network: Network) -> None:
    """Even where the system repeats it."""
    network.hosts["crm"] = refusing
    ended = cli("doctor")
    assert ended.code == 1
    assert ended.out.count("[bad-login]") == 1
    assert 'check auth of [accounts."Custom CRM"]' in ended.out
    assert SESAME not in ended.out + ended.err
    assert "Traceback" not in ended.err


def test_a_system_that_does_not_answer_is_unreachable(cli: Cli, network: Network) -> None:
    """The others are looked at all the same."""
    network.hosts["crm"] = silent
    ended = cli("doctor")
    assert ended.code == 3
    assert "[unreachable]" in ended.out
    assert 'check url of [accounts."Custom CRM"], the network and its proxies' in ended.out
    assert "Acme ERP: does not tell who we are; nothing found" in ended.out


def test_what_lacks_in_the_environment_and_among_accounts_is_named(
    cli: Cli, network: Network, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One finding each."""
    monkeypatch.delenv("CRM")
    (project / "talkqa.toml").write_text(ACCOUNTS.split('[accounts."Acme ERP"]', maxsplit=1)[0], encoding="utf-8")
    ended = cli("doctor")
    assert ended.code == 1
    assert "Acme ERP: nobody could sign in; found:\n  error: no account is configured [no-account]\n" in ended.out
    assert "the environment has no CRM, which auth.token names; set it [incomplete-account]" in ended.out
    assert "check auth" not in ended.out


def test_calls_that_do_not_fit_are_told(cli: Cli, network: Network, project: Path) -> None:
    """`run --plan` says how many there are."""
    limited = ACCOUNTS.replace('url = "http://erp', 'calls_per_day = 100\nurl = "http://erp')
    (project / "talkqa.toml").write_text(limited, encoding="utf-8")
    assert cli("doctor", "--calls", "acmeerp=80").code == 0
    ended = cli("doctor", "--calls", "Acme ERP=101", "--calls", "Custom CRM=5000")
    assert ended.code == 1
    assert "the run is going to make 101 calls, and 100 a day are allowed [budget]" in ended.out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("x", "--calls takes SYSTEM=N"),
        ("=5", "--calls takes SYSTEM=N"),
        ("Custom CRM=many", "--calls takes SYSTEM=N"),
        ("Wave=5", "--calls names 'Wave', and systems are: Acme ERP, Custom CRM"),
    ],
)
def test_wrong_numbers_of_calls_are_wrong_input(cli: Cli, network: Network, option: str, message: str) -> None:
    ended = cli("doctor", "--calls", option)
    assert ended.code == 2
    assert message in ended.err


def test_programs_get_everything_as_json(cli: Cli, network: Network) -> None:
    """Identity and findings of each system."""
    network.hosts["erp"] = silent
    ended = cli("doctor", "--format", "json")
    assert (ended.code, ended.err) == (3, "")
    erp, crm = json.loads(ended.out)
    assert erp["system"] == "Acme ERP"
    assert erp["findings"][0]["code"] == "unreachable"
    assert erp["findings"][0].keys() == {"code", "severity", "system", "message", "advice", "entity", "field"}
    assert crm["identity"].keys() == {"user", "name", "organisation", "production", "server_time"}
    assert crm["findings"] == []


def test_accounts_can_be_looked_at_without_documents(cli: Cli, network: Network, project: Path) -> None:
    """With a document named, its systems alone."""
    named = cli("doctor", "specs/crm-to-erp.rst", "--calls", "Custom CRM=1")
    assert named.out.count("nothing found") == 2
    for path in (project / "specs").iterdir():
        path.unlink()
    (project / "specs").rmdir()
    assert cli("doctor").out.count("nothing found") == 2


def test_where_there_is_nothing_to_look_at_is_told(cli: Cli, project: Path) -> None:
    """Neither accounts nor documents."""
    for path in (project / "specs").iterdir():
        path.unlink()
    (project / "specs").rmdir()
    ended = cli("doctor")
    assert ended.code == 2
    assert "there is nothing to look at" in ended.err


def test_emulated_systems_are_looked_at_without_accounts(cli: Cli, network: Network) -> None:
    """On a virtual clock; nothing reaches the network."""
    network.hosts.clear()
    ended = cli("doctor", "--sandbox")
    assert ended.code == 0, ended.out
    assert ended.out.count("nothing found") == 2


def test_help_shows_examples(capsys: Any) -> None:
    assert call(["doctor", "--help"]) == 0
    assert "talkqa doctor --sandbox" in capsys.readouterr().out
