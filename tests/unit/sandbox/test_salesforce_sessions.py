"""The emulated org lets in whom it knows, for as long as a session lives."""

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from talkqa.sandbox.dialects.emulator import Request
from tests.unit.sandbox.salesforce_kit import BASE, Org, refusal, told

JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def basic(user: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def client(org: Org, user: str = "harness") -> dict[str, str]:
    auth = org.emulator.account(BASE, user).auth
    return {"client_id": auth.client_id, "client_secret": auth.client_secret}


def assertion(org: Org, *, signature: str = "c2ln", header: object = None, **claims: Any) -> str:
    now_s = org.clock.stamp().timestamp()
    full = {
        "iss": client(org)["client_id"],
        "sub": "harness@talkqa.example",
        "aud": "https://test.salesforce.com",
        "exp": now_s + 120,
        **claims,
    }
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).decode() for one in (header or {"alg": "RS256"}, full)]
    return ".".join([part.rstrip("=") for part in parts] + [signature])


def test_client_credentials_go_into_the_header_or_the_form() -> None:
    """Either gives a token with the org's address and no end."""
    org = Org()
    auth = org.emulator.account(BASE, "harness").auth
    form = {"grant_type": "client_credentials"}
    by_header = told(org.ask_token(form, **basic(auth.client_id, auth.client_secret)))
    by_form = told(org.ask_token({**form, **client(org)}))
    assert by_header["access_token"] == by_form["access_token"] == org.token
    assert by_form["instance_url"] == BASE
    assert by_form["issued_at"] == str(int(org.clock.stamp().timestamp() * 1000))
    assert by_form["token_type"] == "Bearer"  # noqa: S105 - no password
    assert "expires_in" not in by_form
    assert "refresh_token" not in by_form


def test_a_token_says_whose_it_is() -> None:
    """The engine's is another one, and each org's are its own."""
    org = Org()
    engine = org.sign_in("engine")
    assert engine != org.token
    assert Org(seed=1).token != org.token
    assert Org().token == org.token
    org.token = engine
    assert told(org.send("GET", "/services/oauth2/userinfo"))["preferred_username"] == "engine@talkqa.example"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_id": "?", "client_secret": "?"}, "invalid_client_id"),
        ({"grant_type": "client_credentials", "client_secret": "?", "mine": "1"}, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "?", "mine": "1", "client_secret": ""}, "invalid_client"),
        ({"grant_type": JWT}, "invalid_grant"),
    ],
)
def test_whoever_is_not_known_gets_no_token(form: dict[str, str], error: str) -> None:
    """400 with an error and its description."""
    org = Org()
    if form.pop("mine", None):
        form = {**client(org), **form}
    answer = org.ask_token(form)
    assert (answer.status, told(answer)["error"]) == (400, error)
    assert told(answer)["error_description"]


def test_a_header_that_cannot_be_read_is_no_client() -> None:
    """Not base64."""
    answer = Org().ask_token({"grant_type": "client_credentials"}, authorization="Basic %%%")
    assert told(answer)["error"] == "invalid_client"


def test_client_credentials_are_for_the_orgs_own_host() -> None:
    """The common login host refuses them."""
    org = Org()
    request = {"grant_type": "client_credentials", **client(org)}
    asked = Request(
        method="POST",
        path="/services/oauth2/token",
        query={},
        headers={},
        body=urlencode(request).encode(),
        base_url=BASE,
    )
    assert org.emulator.answer(asked).status == 200
    refused = org.emulator.answer(replace(asked, base_url="https://login.salesforce.com"))
    assert told(refused) == {
        "error": "invalid_grant",
        "error_description": "request not supported on this domain",
    }


def test_an_assertion_gives_a_token() -> None:
    """Its end may be told as text."""
    org = Org()
    for ends in (org.clock.stamp().timestamp() + 120, f"{org.clock.stamp().timestamp() + 180:.0f}"):
        answer = org.ask_token({"grant_type": JWT, "assertion": assertion(org, exp=ends)})
        assert told(answer)["access_token"] == org.token


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "nobody"},
        {"sub": "engine@talkqa.example"},
        {"aud": "https://example.org"},
        {"exp": 1},
        {"exp": None},
        {"exp": True},
        {"exp": "soon"},
        {"exp": 9e12},
        {"signature": ""},
        {"header": {"alg": "none"}},
        {"header": ["RS256"]},
    ],
)
def test_a_wrong_assertion_gives_none(claims: dict[str, Any]) -> None:
    """Unknown, over, too far ahead, unsigned."""
    org = Org()
    answer = org.ask_token({"grant_type": JWT, "assertion": assertion(org, **claims)})
    assert answer.status == 400
    assert told(answer)["error"] in ("invalid_grant", "invalid_client_id")


@pytest.mark.parametrize("text", ["", "a.b.c", "e30.e30.x", "....", "=.=.=", "W10.W10.x"])
def test_what_is_no_assertion_gives_none(text: str) -> None:
    """Whatever it is."""
    assert told(Org().ask_token({"grant_type": JWT, "assertion": text}))["error"] == "invalid_grant"


def test_a_refresh_token_can_be_used_again_where_none_rotate() -> None:
    """And no other one is told."""
    org = Org()
    refresh = org.emulator.sessions.refresh_token("harness")
    form = {"grant_type": "refresh_token", "refresh_token": refresh, **client(org)}
    for _ in range(2):
        answer = org.ask_token(form)
        assert (answer.status, "refresh_token" in told(answer)) == (200, False)
    assert told(org.ask_token({**form, "refresh_token": "old"}))["error"] == "invalid_grant"
    assert org.ask("GET", "/limits").status == 200


def test_a_refresh_token_is_spent_where_they_rotate() -> None:
    """Each use tells the next one; an old one ends everything."""
    org = Org(rotating_refresh_tokens=True)
    first = org.emulator.sessions.refresh_token("harness")
    form = {"grant_type": "refresh_token", **client(org)}
    second = told(org.ask_token({**form, "refresh_token": first}))["refresh_token"]
    assert second != first
    third = told(org.ask_token({**form, "refresh_token": second}))["refresh_token"]
    assert org.ask_token({**form, "refresh_token": first}).status == 400
    assert org.ask_token({**form, "refresh_token": third}).status == 400
    assert refusal(org.ask("GET", "/limits")) == (401, ["INVALID_SESSION_ID"], [])


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic x", "harness"])
def test_a_request_without_a_session_is_refused(header: str) -> None:
    """401, in the form of all errors."""
    org = Org()
    assert refusal(org.ask("GET", "/limits", authorization=header)) == (401, ["INVALID_SESSION_ID"], [])


def test_a_session_lives_while_it_is_used() -> None:
    """Two hours after its last use it is over, and another sign-in gives another token."""
    org = Org()
    for _ in range(3):
        org.clock.advance(7000)
        assert org.ask("GET", "/limits").status == 200
    org.clock.advance(7200)
    assert org.ask("GET", "/limits").status == 401
    dead, org.token = org.token, org.sign_in()
    assert org.token != dead
    assert org.ask("GET", "/limits").status == 200
    assert org.ask("GET", "/limits", authorization=f"OAuth {org.token}").status == 200


def test_sessions_can_be_short_and_be_ended() -> None:
    """A minute where they are short; at once where they are ended."""
    org = Org(short_sessions=True)
    org.clock.advance(59)
    assert org.ask("GET", "/limits").status == 200
    org.clock.advance(1)
    assert org.ask("GET", "/limits").status == 401
    other = Org()
    other.emulator.sessions.end_all()
    assert other.ask("GET", "/limits").status == 401


def test_one_session_can_be_ended_and_another_one_opened() -> None:
    org = Org()
    assert org.ask("GET", "/limits").status == 200
    (token,) = org.emulator.sessions._sessions
    org.emulator.expire_token(token)
    org.emulator.expire_token("nobody's")
    assert org.ask("GET", "/limits").status == 401
