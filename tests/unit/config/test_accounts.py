"""Sections `[accounts."System name"]` become accounts; what a secret is stands in the environment and in no message."""

from pathlib import Path

import pytest

from talkqa.config import read_settings
from talkqa.model.account import Account, Auth
from talkqa.model.errors import ConfigError
from talkqa.redaction.apply import redact_text

SALESFORCE = """
[accounts."Salesforce"]
url = "https://acme--qa.sandbox.my.salesforce.com"
auth = { kind = "client-credentials", client_id = "env:SF_ID", client_secret = "env:SF_SECRET" }
options = { version = "v62.0", page = 200, strict = true }
calls_per_minute = 30
calls_per_day = 5000
concurrent = 2
poll_s = 15
production = false
allow = { Invoice = 3 }
engine_user = "0055g00000XYZabAAH"
"""
HUSH = "hush-hush"
ENVIRON = {"SF_ID": "an-id", "SF_SECRET": HUSH}


def read(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> tuple[Account, ...]:
    (tmp_path / "talkqa.toml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path, environ=environ or {}).accounts


def problems(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, text, environ)
    return str(error.value).replace(f"{tmp_path / 'talkqa.toml'}:", "").strip()


def test_every_key_of_an_account_is_read(tmp_path: Path) -> None:
    """Secrets come from the environment, numbers among the options become text."""
    assert read(tmp_path, SALESFORCE, ENVIRON) == (
        Account(
            system="Salesforce",
            url="https://acme--qa.sandbox.my.salesforce.com",
            auth=Auth(kind="client-credentials", client_id="an-id", client_secret=HUSH),
            options={"version": "v62.0", "page": "200", "strict": "true"},
            calls_per_minute=30.0,
            calls_per_day=5000,
            concurrent=2,
            poll_s=15.0,
            production=False,
            allow={"Invoice": 3},
            engine_user="0055g00000XYZabAAH",
        ),
    )


def test_a_missing_variable_is_told_to_who_uses_the_account(tmp_path: Path) -> None:
    """Other commands work without it; the message names file, key and variable."""
    (account,) = read(tmp_path, SALESFORCE, {"SF_ID": "an-id", "SF_SECRET": " "})
    assert account.auth.client_id == "an-id"
    assert account.auth.client_secret == ""
    (told,) = account.missing
    assert told.startswith(f'{tmp_path / "talkqa.toml"}: [accounts."Salesforce"]: ')
    assert told.endswith("the environment has no SF_SECRET, which auth.client_secret names; set it")


def test_any_text_may_come_from_the_environment(tmp_path: Path) -> None:
    """The address and the options too; a missing address is no wrong one."""
    text = 'accounts.Wave = { url = "env:WAVE", options = { business = "env:BUSINESS" } }'
    (account,) = read(tmp_path, text, {"WAVE": "https://gql.waveapps.com", "BUSINESS": "QnV"})
    assert (account.url, account.options) == ("https://gql.waveapps.com", {"business": "QnV"})
    (account,) = read(tmp_path, text)
    assert [line.split(" ")[-4] for line in account.missing] == ["url", "options.business"]
    assert account.url == ""


def test_an_account_stands_under_any_name_of_its_system(tmp_path: Path) -> None:
    """It gets the canonical one, built in or of the project; another name stays as it is."""
    text = """
    systems.aliases.Acme = ["Acme Suite"]
    accounts."exactonline".url = "https://start.exactonline.nl"
    accounts."Acme  suite".url = "http://127.0.0.1:8080"
    accounts."Some  thing".url = "https://thing.example"
    """
    assert [account.system for account in read(tmp_path, text)] == ["Exact Online", "Acme", "Some thing"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("accounts = 1", ["accounts must be a section [accounts], not 1"]),
        ("accounts.X = 1", ['accounts."X" must be a section [accounts."X"]']),
        ("accounts.X.url = 'https://x.example'\naccounts.x.url = 'https://x.example'", ["there is another account"]),
        ("[accounts.X]\n", ["url is missing"]),
        ("accounts.X.url = 'x.example'", ["url must be an address such as"]),
        ("accounts.X.url = 'ftp://x.example'", ["url must be an address such as"]),
        ("accounts.X.url = 'https://[x'", ["url must be an address such as"]),
        ("accounts.X.url = 'https://x.example:port'", ["url must be an address such as"]),
        ("accounts.X.url = 'https://me:hush-hush@x.example'", ["url must hold no user and password"]),
        ("accounts.X.auth = 'hush-hush'", ["auth must be a table such as"]),
        (
            "[accounts.X]\nurl = 'https://x.example'\nauth = { kind = 'bearrer', token = 'hush-hush' }",
            ['[accounts."X".auth]: kind must be one of none, basic, bearer', "did you mean 'bearer'?"],
        ),
        (
            "[accounts.X]\nurl = 'https://x.example'\nauth = { kind = 'bearer', tokn = 'hush-hush' }",
            ["there is no key 'tokn', did you mean 'token'?", "kind 'bearer' needs token"],
        ),
        ("accounts.X.auth.token = 'hush-hush'", ["kind is missing; kinds are none, basic"]),
        ("accounts.X.auth = { kind = 'bearer', token = ['hush-hush'] }", ["token must be text\n"]),
        (
            "accounts.X.auth = { kind = 'jwt-bearer' }",
            ["kind 'jwt-bearer' needs client_id and username and private_key"],
        ),
        ("accounts.X.auth = { kind = 'api-key', token = 'hush-hush' }", ["needs header (or query)"]),
        ("accounts.X.options = { a = [1] }", ["options must be a table of texts"]),
        ("accounts.X.allow = { Invoice = true }", ["allow must be a table of entities and numbers"]),
        ("accounts.X.allow = { Invoice = 0 }", ["allow must be a table of entities and numbers"]),
        ("accounts.X.calls_per_minute = 0", ["calls_per_minute must be a number above 0, not 0"]),
        ("accounts.X.production = 'no'", ["production must be true or false"]),
        ("accounts.X.call_per_day = 1", ["there is no key 'call_per_day', did you mean 'calls_per_day'?"]),
    ],
)
def test_what_is_wrong_is_told_without_any_secret(tmp_path: Path, text: str, parts: list[str]) -> None:
    """Place and remedy as everywhere, but no value of auth and no address."""
    message = problems(tmp_path, text)
    for part in parts:
        assert part in message
    assert "hush" not in message
    assert redact_text(message) == message, "what is masked cannot be mended"


def test_a_kind_is_satisfied_by_a_variable_that_is_not_set(tmp_path: Path) -> None:
    """The file is right; only the environment is not, and that is told on use."""
    (account,) = read(
        tmp_path, "accounts.X = { url = 'https://x.example', auth = { kind = 'bearer', token = 'env:T' } }"
    )
    assert account.missing
