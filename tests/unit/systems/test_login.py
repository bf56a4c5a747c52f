"""A login is begun with an address that proves itself later, and ended by an address that belongs to it."""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from talkqa.model.account import Account, Auth
from talkqa.model.errors import ApiRefused, ConfigError
from talkqa.systems.login import Login, begin_login, parse_login, read_code, render_login


def account(url: str = "https://start.exactonline.nl", **auth: str) -> Account:
    return Account(system="Acme", url=url, auth=Auth(kind="authorization-code", client_id="an id", **auth))


def query_of(login: Login) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(login.url).query).items()}


def test_exact_online_is_asked_in_its_own_way() -> None:
    """No PKCE, no scope; the registered address as the way back."""
    begun = begin_login(account(redirect_url="https://qa.example/back"), "exactonline", port=1)
    assert begun.url.startswith("https://start.exactonline.nl/api/oauth2/auth?response_type=code&")
    asked = query_of(begun)
    assert asked.pop("state") == begun.state
    assert asked == {
        "response_type": "code",
        "client_id": "an id",
        "redirect_uri": "https://qa.example/back",
        "force_login": "0",
    }
    assert (begun.port, begun.verifier) == (None, "")


def test_where_pkce_is_spoken_the_verifier_stays_here() -> None:
    """The address shows its digest alone."""
    begun = begin_login(account("https://acme.my.salesforce.com", scope="api refresh_token"), "salesforce", port=7)
    asked = query_of(begun)
    assert begun.url.startswith("https://acme.my.salesforce.com/services/oauth2/authorize?")
    assert asked["scope"] == "api refresh_token"
    assert asked["code_challenge_method"] == "S256"
    digest = hashlib.sha256(begun.verifier.encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert begun.verifier not in begun.url
    assert 43 <= len(begun.verifier) <= 128
    assert begun.verifier not in repr(begun)
    assert begun.state not in repr(begun).replace(begun.url, "")


def test_without_a_registered_address_the_browser_comes_back_to_this_machine() -> None:
    """On the port given; a configured loopback address keeps its own."""
    begun = begin_login(account(), "wave", port=7000)
    assert (begun.redirect_url, begun.port, begun.path) == ("http://127.0.0.1:7000/callback", 7000, "/callback")
    own = begin_login(account(redirect_url="http://localhost:1717"), "wave", port=7000)
    assert (own.port, own.path) == (1717, "/")


def test_an_unknown_system_needs_its_address() -> None:
    with pytest.raises(ConfigError, match=r"auth\.authorize_url is missing"):
        begin_login(account(), "rest", port=1)
    begun = begin_login(account(authorize_url="https://id.example/go?tenant=1"), "rest", port=1)
    assert begun.url.startswith("https://id.example/go?tenant=1&response_type=code&")


def test_no_two_logins_are_alike() -> None:
    one, other = (begin_login(account(), "salesforce", port=1) for _ in range(2))
    assert one.state != other.state
    assert one.verifier != other.verifier


LOGIN = Login(url="https://x.example", redirect_url="http://127.0.0.1:1/callback", state="a-state")


def ended(**told: str) -> str:
    return f"https://qa.example/back?{urlencode(told)}"


def test_the_code_is_decoded() -> None:
    """Exact Online's hold `!` and `%`."""
    assert read_code(LOGIN, f" {ended(code='a!b%c', state='a-state')}\n") == "a!b%c"
    assert read_code(LOGIN, "/callback?code=x&state=a-state") == "x"


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        (ended(code="x", state="another"), ConfigError, "does not belong to the login that was begun last"),
        (ended(code="x"), ConfigError, "does not belong"),
        ("x", ConfigError, "does not belong"),
        ("https://[", ConfigError, "does not belong"),
        (ended(state="a-state"), ConfigError, "holds no code"),
        (ended(state="a-state", error="access_denied"), ApiRefused, "did not let the application in: access_denied$"),
        (
            ended(state="a-state", error="server_error", error_description="token=sesame1 is bad"),
            ApiRefused,
            r"server_error: token=\*\*\* is bad",
        ),
    ],
)
def test_an_address_that_ends_nothing_is_told(address: str, error: type[Exception], message: str) -> None:
    """Without a state of ours it may come from anybody."""
    with pytest.raises(error, match=message):
        read_code(LOGIN, address)


def test_a_login_is_kept_until_it_is_ended() -> None:
    """What cannot be read is no login."""
    assert parse_login(render_login(LOGIN)) == LOGIN
    for broken in (b"", b"[]", b"{}", b"1", render_login(LOGIN).replace(b'"a-state"', b"1")):
        assert parse_login(broken) is None
