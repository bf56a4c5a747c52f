"""What `talkqa sandbox serve` prints can be pasted, and what it will not serve it refuses before it listens."""

import signal
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.cli import serving
from talkqa.cli.serving import render_account
from talkqa.config import read_settings
from talkqa.model.account import Account, Auth
from tests.unit.cli.conftest import Cli

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(
    st.builds(
        Account,
        system=TEXTS,
        url=TEXTS,
        auth=st.builds(Auth, kind=TEXTS, token=TEXTS, client_id=TEXTS, private_key=TEXTS),
        options=st.dictionaries(TEXTS, TEXTS, max_size=3),
        engine_user=TEXTS,
    )
)
def test_a_printed_section_says_what_the_account_says(account: Account) -> None:
    (section,) = tomllib.loads(render_account(account))["accounts"].items()
    name, table = section
    assert (name, table["url"]) == (account.system, account.url)
    assert Auth(**{"kind": "", **table["auth"]}) == account.auth
    assert table.get("options", {}) == account.options
    assert table.get("engine_user", "") == account.engine_user


def test_a_printed_section_is_one_of_talkqa_toml(tmp_path: Path) -> None:
    account = Account(
        system="Exact Online",
        url="http://127.0.0.1:8800",
        auth=Auth(kind="jwt-bearer", client_id="us", username="harness", private_key="-----BEGIN\n\tkey\n"),
        options={"division": "1234567"},
        engine_user="engine",
    )
    (tmp_path / "talkqa.toml").write_text(render_account(account), encoding="utf-8")
    assert read_settings(tmp_path).accounts == (account,)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--host", "0.0.0.0"), "add --expose where that is meant"),  # noqa: S104 - refused
        (("--host", "crm.example"), "--host crm.example: other machines could reach"),
        (("--quirk", "Acme ERP.slow"), "write SYSTEM.NAME=on or SYSTEM.NAME=off"),
        (("--quirk", "Nobody.slow=on"), "quirk Nobody.slow: no emulated system has it; systems with quirks are Exact"),
        (("--quirk", "Salesfroce.crlf=on"), "the closest: Salesforce.crlf"),
        (("--quirk", "Salesforce.crlf=on"), "quirk Salesforce.crlf: no such system is served"),
        (("--fault", "gremlin"), "--fault gremlin: no such fault"),
        (("--cycle", "0"), "--cycle 0: give at least 0.01 seconds"),
        (("--port", "65536"), "--port"),
        (("nowhere.rst",), "no such file or folder: nowhere.rst"),
    ],
)
def test_what_it_will_not_serve_is_refused_with_what_to_do(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    ended = cli("sandbox", "serve", "--port", "0", *arguments)
    assert ended.code == 2
    assert told in ended.err
    assert ended.out == ""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(cli: Cli, monkeypatch: pytest.MonkeyPatch, stop: signal.Signals) -> None:
    told = []

    def notice(text: str) -> None:
        told.append(text)
        if "Ctrl-C" in text:
            signal.raise_signal(stop)

    monkeypatch.setattr(serving, "print_notice", notice)
    ended = cli("sandbox", "serve", "--port", "0", "--tls", "--host", "127.0.0.2", "--seed", "3", "--cycle", "1")
    assert ended.code == 0
    assert ended.out.startswith("# custom-crm/acme-erp (specs/crm-to-erp.rst)\n\n[accounts.")
    accounts = tomllib.loads(ended.out)["accounts"]
    assert accounts.keys() == {"Acme ERP", "Custom CRM"}
    assert all(account["url"].startswith("https://127.0.0.2:") for account in accounts.values())
    assert told[0].endswith(f"{Path('.talkqa', 'serving', 'authority.pem')} (SSL_CERT_FILE)")
    assert told[1].startswith("serving 2 systems of 1 world;")


def test_a_host_that_others_can_reach_is_served_where_that_is_meant(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "print_notice", lambda text: signal.raise_signal(signal.SIGINT))
    ended = cli("sandbox", "serve", "--port", "0", "--host", "0.0.0.0", "--expose")  # noqa: S104 - for a moment
    assert ended.code == 0
    assert ended.out.count("[accounts.") == 2


def test_a_project_without_flows_has_nothing_to_serve(cli: Cli, project: Path) -> None:
    for document in (project / "specs").iterdir():
        document.unlink()
    ended = cli("sandbox", "serve", "--port", "0")
    assert ended.code == 2
    assert "nothing to serve" in ended.err


def test_each_help_shows_what_can_be_done(cli: Cli) -> None:
    assert "serve" in cli("sandbox", "--help").out
    ended = cli("sandbox", "serve", "--help")
    assert ended.code == 0
    assert "Example:\n    talkqa sandbox serve" in ended.out
