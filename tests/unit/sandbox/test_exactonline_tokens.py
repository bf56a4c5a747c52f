"""The sign-in gives codes once, tokens for ten minutes, and takes each refresh token once and not too early."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.unit.sandbox.exact_kit import URL, Stage, play


async def _token(stage: Stage, **form: str) -> httpx.Response:
    office = stage.emulator.office
    known = {"client_id": office.client_id, "client_secret": office.client_secret}
    return await stage.http.post("/api/oauth2/token", data={**known, **form})


async def _consent(stage: Stage, **more: str) -> httpx.Response:
    office = stage.emulator.office
    asked = {
        "client_id": office.client_id,
        "redirect_uri": office.redirect_url,
        "response_type": "code",
        "state": "a b",
        **more,
    }
    return await stage.http.get("/api/oauth2/auth", params=asked)


async def _code(stage: Stage, **more: str) -> str:
    query = parse_qs(urlsplit((await _consent(stage, **more)).headers["location"]).query)
    assert query["state"] == ["a b"]
    return query["code"][0]


async def _redeem(stage: Stage, code: str) -> httpx.Response:
    return await _token(
        stage, grant_type="authorization_code", code=code, redirect_uri=stage.emulator.office.redirect_url
    )


async def _me(stage: Stage, token: str) -> int:
    headers = {"Accept": "application/json", "Authorization": f"bearer {token}"}
    return (await stage.http.get("/api/v1/current/Me", headers=headers)).status_code


def test_a_code_is_good_once_and_its_tokens_let_in_for_ten_minutes() -> None:
    async def story(stage: Stage) -> None:
        code = await _code(stage, login_hint="engine")
        assert "!" in code
        answer = await _redeem(stage, code)
        tokens = answer.json()
        assert (answer.status_code, tokens["expires_in"], tokens["token_type"]) == (200, "600", "bearer")
        assert await _me(stage, tokens["access_token"]) == 200
        again = await _redeem(stage, code)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
        await stage.clock.sleep(601)
        assert await _me(stage, tokens["access_token"]) == 401

    play(story)


def test_a_code_lives_three_minutes() -> None:
    async def story(stage: Stage) -> None:
        code = await _code(stage)
        await stage.clock.sleep(200)
        assert (await _redeem(stage, code)).json()["error"] == "invalid_grant"

    play(story)


def test_each_refresh_token_is_taken_once_and_not_before_its_time() -> None:
    async def story(stage: Stage) -> None:
        first = (await _redeem(stage, await _code(stage))).json()["refresh_token"]
        early = await _token(stage, grant_type="refresh_token", refresh_token=first)
        assert (early.status_code, early.json()["error_description"]) == (401, "access token not expired")
        await stage.clock.sleep(575)
        renewed = await _token(stage, grant_type="refresh_token", refresh_token=first)
        second = renewed.json()["refresh_token"]
        assert (renewed.status_code, second != first) == (200, True)
        assert await _me(stage, renewed.json()["access_token"]) == 200
        old = await _token(stage, grant_type="refresh_token", refresh_token=first)
        assert (old.status_code, old.json()) == (
            401,
            {"error": "unauthorized_client", "error_description": "Old refresh token used."},
        )
        await stage.clock.sleep(31 * 86_400)
        idle = await _token(stage, grant_type="refresh_token", refresh_token=second)
        assert (idle.status_code, idle.json()["error"]) == (400, "invalid_request")
        assert idle.json()["error_description"].startswith("The refresh token expired at ")

    play(story)


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "refresh_token", "client_secret": "x"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "x", "redirect_uri": "http://x"}, 400, "invalid_request"),
    ],
)
def test_what_the_sign_in_refuses(form: dict[str, str], status: int, error: str) -> None:
    async def story(stage: Stage) -> None:
        answer = await _token(stage, **form)
        assert (answer.status_code, answer.json()["error"]) == (status, error)

    play(story)


def test_a_form_is_expected_and_consent_is_given_to_the_registered_app_alone() -> None:
    async def story(stage: Stage) -> None:
        assert (await stage.http.post("/api/oauth2/token", json={})).json()["error"] == "invalid_request"
        assert (await stage.http.get("/api/oauth2/token")).status_code == 400
        for wrong in ({"client_id": "x"}, {"redirect_uri": "https://evil.example"}, {"login_hint": "nobody"}):
            assert (await _consent(stage, **wrong)).status_code == 400

    play(story)


def test_the_real_way_in_is_an_account_with_a_refresh_token() -> None:
    async def story(stage: Stage) -> Any:
        account = stage.emulator.oauth_account(URL, "engine")
        assert account.auth.kind == "refresh-token"
        answer = await _token(stage, grant_type="refresh_token", refresh_token=account.auth.refresh_token)
        token = answer.json()["access_token"]
        assert await _me(stage, token) == 200
        stage.emulator.expire_token(token)
        assert await _me(stage, token) == 401
        return token

    assert play(story) == play(story)


def test_a_token_that_was_killed_is_no_reason_to_wait() -> None:
    """`access token not expired` is said of living tokens alone."""

    async def story(stage: Stage) -> None:
        first = stage.emulator.oauth_account(URL, "harness").auth.refresh_token
        tokens = (await _token(stage, grant_type="refresh_token", refresh_token=first)).json()
        early = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        assert (await _token(stage, **early)).json()["error_description"] == "access token not expired"
        stage.emulator.expire_token(tokens["access_token"])
        again = (await _token(stage, **early)).json()
        assert await _me(stage, again["access_token"]) == 200
        stage.emulator.expire_token(stage.emulator.office.fixed_token("engine"))
        assert await _me(stage, stage.emulator.office.fixed_token("engine")) == 401

    play(story)


def test_tokens_of_one_user_do_not_depend_on_those_of_another() -> None:
    async def story(stage: Stage) -> str:
        return stage.emulator.oauth_account(URL, "harness").auth.refresh_token

    async def other_first(stage: Stage) -> str:
        stage.emulator.oauth_account(URL, "engine")
        return stage.emulator.oauth_account(URL, "harness").auth.refresh_token

    assert play(story) == play(other_first)
