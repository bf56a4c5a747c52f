"""What is said before a live run, and what it cannot begin without."""

import pytest

from talkqa.model.account import Account, Auth
from talkqa.model.errors import ConfigError
from talkqa.model.settings import Settings
from talkqa.runner.announcement import describe_writing, host_of, require_accounts

CRM = Account(system="Our CRM", url="https://crm.example:8443/api", auth=Auth(kind="bearer", token="s3same"))  # noqa: S106
SALESFORCE = Account(
    system="Salesforce",
    url="https://x.sandbox.my.salesforce.com",
    auth=Auth(kind="client-credentials", client_id="us", client_secret="s3cret"),  # noqa: S106
    allow={"Division": 20},
)
LACKING = Account(
    system="Wave", url="https://gql.waveapps.com", missing=("the environment has no W; set it", "nor V; set it")
)
SETTINGS = Settings(accounts=(CRM, SALESFORCE, LACKING))


def test_only_the_systems_of_the_run_are_announced() -> None:
    text = describe_writing(["Salesforce", "Our CRM", "Salesforce"], SETTINGS)
    assert text.splitlines() == [
        "LIVE: this run creates, changes and deletes records of its own in",
        "  Our CRM at https://crm.example:8443/api as the account's token",
        "  Salesforce at https://x.sandbox.my.salesforce.com as us; allowed: up to 20 Division",
        "`talkqa run --plan` says how many; `talkqa sweep` removes what a stopped run left",
    ]


def test_everything_that_accounts_lack_is_told_at_once() -> None:
    require_accounts(["Salesforce", "Our CRM"], SETTINGS)
    with pytest.raises(ConfigError) as told:
        require_accounts(["Salesforce", "Wave", "Exact Online"], SETTINGS)
    first, second, third = str(told.value).splitlines()
    assert (first, second) == LACKING.missing
    assert third.startswith('no account for Exact Online: add [accounts."Exact Online"] with url and auth')


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://crm.example:8443/api", "crm.example:8443"),
        ("https://us:s3cret@crm.example/api?key=s3cret", "crm.example"),
        ("http://[::1]:80", "[::1]:80"),
        ("http://crm.example:port", "crm.example"),
        ("", "(no host)"),
    ],
)
def test_a_host_says_nothing_that_is_secret(url: str, host: str) -> None:
    assert host_of(Account(system="x", url=url)) == host
