"""`login`: a person lets the application in once; the tokens are kept, and it is said who it is."""

import threading
import urllib.request
import webbrowser
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import trio

from talkqa.cli import connection
from talkqa.cli import login as login_module
from talkqa.cli.app import call
from talkqa.cli.login import SigningIn
from talkqa.model.account import Account, Auth
from talkqa.model.errors import ApiRefused
from talkqa.model.schema import SystemSchema
from talkqa.systems.tokens import STATE, TokenStore
from tests.fakes.token_endpoint import TokenSystem
from tests.unit.cli.conftest import Cli

CONFIG = """
[accounts."Acme ERP"]
url = "https://acme.example"
auth = { kind = "authorization-code", client_id = "app", client_secret = "env:ACME", authorize_url = "https://acme.example/go", token_url = "https://acme.example/token" }

[accounts."Custom CRM"]
url = "https://crm.example"
auth = { kind = "bearer", token = "env:ACME" }
"""  # noqa: E501 - a table of TOML is one line
SESAME = "open-sesame"


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> TokenSystem:
    """What the network leads to."""
    made = TokenSystem(lambda: datetime.now(UTC), refresh="first", delay_s=0)
    monkeypatch.setattr(connection, "NetworkTransport", lambda: made)
    return made


@pytest.fixture(autouse=True)
def state(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with accounts, and a state folder of its own."""
    (project / "talkqa.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv(STATE, str(project / "state"))
    monkeypatch.setenv("ACME", SESAME)
    return project / "state"


ACCOUNT = Account(system="Acme ERP", url="https://acme.example", auth=Auth(kind="authorization-code", client_id="app"))


def address_of(out: str) -> dict[str, str]:
    """What the address that was printed asks for."""
    (url,) = (line.strip() for line in out.splitlines() if line.startswith("  https://"))
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_a_machine_without_a_browser_logs_in_with_two_calls(cli: Cli, system: TokenSystem, state: Path) -> None:
    """The second one brings the address that a browser elsewhere ended at."""
    begun = cli("login", "acmeerp", "--no-browser")
    assert begun.code == 0
    asked = address_of(begun.out)
    assert "talkqa login 'Acme ERP' --code URL" in begun.err
    ended = cli("login", "Acme ERP", "--code", f"{asked['redirect_uri']}?code=a%21b&state={asked['state']}")
    assert (ended.code, ended.out) == (0, "signed in to Acme ERP; it does not tell who we are\n")
    (form,) = system.forms
    assert (form["grant_type"], form["code"], form["client_secret"]) == ("authorization_code", "a!b", SESAME)
    assert form["redirect_uri"] == asked["redirect_uri"]
    assert form["code_verifier"]
    kept = TokenStore(state / "tokens").read(ACCOUNT)
    assert kept is not None
    assert kept.access == "access-1"
    again = cli("login", "Acme ERP", "--code", f"{asked['redirect_uri']}?code=c&state={asked['state']}")
    assert again.code == 2
    assert "no login to Acme ERP was begun here; run `talkqa login 'Acme ERP'` first" in again.err
    assert SESAME not in begun.out + begun.err + ended.err + again.err


def test_an_address_of_another_login_is_refused(cli: Cli, system: TokenSystem) -> None:
    """Nothing is asked for with its code."""
    cli("login", "Acme ERP", "--no-browser")
    ended = cli("login", "Acme ERP", "--code", "http://127.0.0.1/callback?code=x&state=guessed")
    assert ended.code == 2
    assert "does not belong to the login" in ended.err
    assert system.forms == []


def test_the_browser_comes_back_by_itself(cli: Cli, system: TokenSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a listener on this machine."""

    def browse(url: str) -> bool:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        back = f"{asked['redirect_uri']}?code=x&state={asked['state']}"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        threading.Thread(target=lambda: direct.open(back).close()).start()
        return True

    monkeypatch.setattr(webbrowser, "open", browse)
    ended = cli("login", "Acme ERP")
    assert ended.code == 0
    assert "signed in to Acme ERP" in ended.out
    assert "waiting for the browser for 5 minutes" in ended.err


def test_a_browser_that_does_not_come_back_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _url: False)
    monkeypatch.setattr(login_module, "WAIT_S", 0.01)
    ended = cli("login", "Acme ERP")
    assert ended.code == 2
    assert "did not come back in time; try again, or run with --no-browser" in ended.err


def test_a_port_that_is_taken_is_told(cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; the configured address names the port."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        own = f'client_id = "app", redirect_url = "http://127.0.0.1:{port}/"'
        (project / "talkqa.toml").write_text(CONFIG.replace('client_id = "app"', own), encoding="utf-8")
        ended = cli("login", "Acme ERP")
    assert ended.code == 2
    assert f"cannot listen on port {port}" in ended.err


def test_on_a_terminal_the_address_is_asked_for(cli: Cli, system: TokenSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the browser ends elsewhere."""
    from talkqa.systems import login as flow

    monkeypatch.setattr(flow.secrets, "token_urlsafe", lambda size: "s" * size)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(login_module.typer, "prompt", lambda *_a, **_k: f"http://x/?code=x&state={'s' * 24}")
    ended = cli("login", "Acme ERP", "--no-browser")
    assert ended.code == 0
    assert "that page need not exist" in ended.err


def test_an_account_that_signs_in_by_itself_needs_no_login(cli: Cli, system: TokenSystem) -> None:
    """It is said who it is all the same."""
    ended = cli("login", "Custom CRM")
    assert ended.code == 0
    assert "accounts of kind 'bearer' need no login" in ended.err
    assert "signed in to Custom CRM" in ended.out


def test_a_system_without_an_account_is_told(cli: Cli) -> None:
    ended = cli("login", "Nobody")
    assert ended.code == 2
    assert 'there is no [accounts."Nobody"]; accounts are: Acme ERP, Custom CRM' in ended.err


def test_a_missing_variable_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACME")
    ended = cli("login", "Acme ERP")
    assert ended.code == 2
    assert "the environment has no ACME, which auth.client_secret names; set it" in ended.err


def test_a_refused_code_is_told_without_a_traceback(cli: Cli, system: TokenSystem) -> None:
    """In the words of the system, and the code is spent."""
    asked = address_of(cli("login", "Acme ERP", "--no-browser").out)
    told = {"error": "invalid_grant", "error_description": f"code used twice, {SESAME}"}
    system.answers.append(httpx.Response(400, json=told))
    ended = cli("login", "Acme ERP", "--code", f"http://x/?code=x&state={asked['state']}")
    assert ended.code == 2
    assert "code used twice" in ended.err
    assert "Traceback" not in ended.err
    assert SESAME not in ended.err


def test_a_system_without_refresh_tokens_is_told(system: TokenSystem, state: Path, capsys: Any) -> None:
    """Somebody has to come again when the token is over."""
    places = {"token_url": "https://acme.example/t", "authorize_url": "https://acme.example/a"}
    auth = Auth(kind="authorization-code", client_id="app", **places)
    account = Account(system="Acme ERP", url="https://acme.example", auth=auth)
    one = SigningIn(
        account=account,
        schema=SystemSchema(name="Acme ERP", entities=()),
        store=TokenStore(state),
        inner=system,
    )
    system.answers.append(httpx.Response(200, json={"access_token": "a"}))
    begun = one.begin()
    trio.run(one.end, begun, f"http://x/?code=x&state={begun.state}")
    assert "no refresh token" in capsys.readouterr().err
    with pytest.raises(ApiRefused):
        trio.run(one.end, begun, f"http://x/?error=access_denied&state={begun.state}")


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["login", "--help"]) == 0
    assert "talkqa login 'Exact Online'" in capsys.readouterr().out
