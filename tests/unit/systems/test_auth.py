"""Requests are signed by what the account's kind says, and tokens are renewed once, when it is time, by one task."""

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import trio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from talkqa.model.account import Account, Auth
from talkqa.model.call import Purpose
from talkqa.model.errors import ApiRefused, ApiUnavailable, ConfigError
from talkqa.model.record import Exchange
from talkqa.redaction.apply import redact_text
from talkqa.systems.auth import make_credentials, now_utc
from talkqa.systems.session import Call, Credentials, FixedCredentials, Session
from talkqa.systems.tokens import TokenStore
from tests.fakes.token_endpoint import TokenSystem
from tests.fakes.virtual import run_virtual

EPOCH = datetime(2026, 1, 5, 9, tzinfo=UTC)
URL = "https://acme.example"


def stamp() -> datetime:
    """The run's clock: the virtual one of trio."""
    return EPOCH + timedelta(seconds=trio.current_time() - START[0])


START = [0.0]


def account(kind: str, *, url: str = URL, **auth: str) -> Account:
    return Account(system="Acme", url=url, auth=Auth(kind=kind, **auth))


def client_credentials(**auth: str) -> Account:
    return account("client-credentials", client_id="id", client_secret="se cret", **auth)  # noqa: S106 - made up


def exact(refresh: str = "refresh-0") -> Account:
    return account("refresh-token", client_id="id", client_secret="sesame", refresh_token=refresh)  # noqa: S106


def run(story: Callable[[], Awaitable[Any]]) -> Any:
    async def begun() -> Any:
        START[0] = trio.current_time()
        return await story()

    return run_virtual(begun)


def fixed(kind: str, **auth: str) -> FixedCredentials:
    made = make_credentials(account(kind, **auth), httpx.AsyncClient())
    assert isinstance(made, FixedCredentials)
    return made


def open_system(**keys: Any) -> tuple[TokenSystem, httpx.AsyncClient]:
    system = TokenSystem(stamp, **keys)
    return system, httpx.AsyncClient(transport=system)


def credentials(
    one: Account, http: httpx.AsyncClient, dialect: str = "salesforce", store: TokenStore | None = None
) -> Credentials:
    return make_credentials(one, http, dialect=dialect, store=store, stamp=stamp)


def session(signed: Credentials, http: httpx.AsyncClient, told: list[Exchange] | None = None) -> Session:
    tell = told.append if told is not None else None
    return Session(http, URL, system="Acme", credentials=signed, on_exchange=tell)


READ = Call(method="GET", url="/things", purpose=Purpose.CONFIRM)


def test_fixed_kinds_sign_by_headers() -> None:
    """None, basic, bearer and an API key in a header of its own."""
    assert fixed("none").signed == {}
    pair = base64.b64encode(b"Ada:open sesame").decode()
    assert fixed("basic", username="Ada", password="open sesame").signed == {"authorization": f"Basic {pair}"}  # noqa: S106
    assert fixed("bearer", token="abc").signed == {"authorization": "Bearer abc"}  # noqa: S106
    assert fixed("api-key", token="abc", header="X-Api-Key").signed == {"x-api-key": "abc"}  # noqa: S106


def test_an_api_key_may_travel_in_the_query_and_is_told_to_nobody() -> None:
    """It is added to what the client wrote, and no exchange shows it."""
    system, http = open_system()
    told: list[Exchange] = []

    async def story() -> None:
        signed = make_credentials(account("api-key", token="a b", query="key"), http)  # noqa: S106 - made up
        talk = session(signed, http, told)
        await talk.send(READ)
        await talk.send(Call(method="GET", url="/things?$filter=Name eq 'x'"))

    run(story)
    assert [str(request.url.query, "ascii") for request in system.requests] == [
        "key=a+b",
        "$filter=Name%20eq%20'x'&key=a+b",
    ]
    assert [one.url for one in told] == [f"{URL}/things", f"{URL}/things?$filter=Name eq 'x'"]
    assert "a b" not in repr(fixed("api-key", token="a b", query="key"))  # noqa: S106 - made up


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (account("oauth"), "there is no kind of auth 'oauth'"),
        (account("bearr"), "did you mean 'bearer'?"),
        (account("bearer"), "auth of kind 'bearer' lacks token"),
        (account("api-key", token="x"), r"lacks header \(or query\)"),  # noqa: S106 - made up
        (account("client-credentials", client_id="x"), "lacks client_secret"),
        (account("client-credentials", client_id="x", client_secret="y"), "auth.token_url is missing"),  # noqa: S106
        (Account(system="Acme", url=URL, missing=("talkqa.toml: no variable X",)), "talkqa.toml: no variable X"),
    ],
)
def test_an_account_that_lacks_something_is_told(one: Account, message: str) -> None:
    """Section and key, before anything is sent."""
    with pytest.raises(ConfigError, match=message) as error:
        make_credentials(one, httpx.AsyncClient())
    assert redact_text(str(error.value)) == str(error.value), "what is masked cannot be mended"


def test_client_credentials_are_sent_as_basic_and_the_answer_says_where_the_system_is() -> None:
    """The request goes to the dialect's default address, marked as a sign-in, and no exchange is told."""
    system, http = open_system(extra={"instance_url": "https://na1.acme.example"}, life_s=None)
    told: list[Exchange] = []

    async def story() -> None:
        await session(credentials(client_credentials(scope="api"), http), http, told).send(READ)

    run(story)
    asked, read = system.requests
    assert str(asked.url) == f"{URL}/services/oauth2/token"
    assert asked.headers["authorization"] == f"Basic {base64.b64encode(b'id:se%20cret').decode()}"
    assert system.forms == [{"grant_type": "client_credentials", "scope": "api"}]
    assert [(mark.purpose, mark.repeatable, mark.system) for mark in system.marks] == [(Purpose.SIGN_IN, True, "Acme")]
    assert str(read.url) == "https://na1.acme.example/things"
    assert [one.url for one in told] == ["https://na1.acme.example/things"]


@pytest.mark.parametrize(
    ("url", "audience"),
    [
        ("https://acme.my.salesforce.com", "https://login.salesforce.com"),
        ("https://acme--qa.sandbox.my.salesforce.com", "https://test.salesforce.com"),
    ],
)
def test_an_assertion_is_signed_and_short_lived(url: str, audience: str) -> None:
    """RS256 with the claims of the sheet; the end is at most three minutes ahead by the run's clock."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    system, http = open_system()
    one = account("jwt-bearer", url=url, client_id="consumer", username="qa@acme.example", private_key=pem)
    in_one_line = account(
        "jwt-bearer", url=url, client_id="consumer", username="qa@acme.example", private_key=pem.replace("\n", "\\n")
    )

    async def story() -> None:
        await trio.sleep(100)
        await credentials(one, http).headers()
        await credentials(in_one_line, http).headers()

    run(story)
    for form in system.forms:
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assertion = form["assertion"]
        claims = jwt.decode(
            assertion, key.public_key(), algorithms=["RS256"], audience=audience, options={"verify_exp": False}
        )
        assert (claims["iss"], claims["sub"]) == ("consumer", "qa@acme.example")
        ahead = claims["exp"] - EPOCH.timestamp() - 100
        assert 0 < ahead <= 180


def test_a_key_that_is_none_is_told_without_the_key() -> None:
    _, http = open_system()
    one = account("jwt-bearer", client_id="c", username="u", private_key="-----BEGIN NONSENSE-----")

    async def story() -> None:
        with pytest.raises(ConfigError, match=r"auth\.private_key is no RSA private key") as error:
            await credentials(one, http).headers()
        assert "NONSENSE" not in str(error.value)

    run(story)


def test_tasks_at_once_share_one_request_for_a_token() -> None:
    """However many there are."""
    system, http = open_system()

    async def story() -> None:
        talk = session(credentials(client_credentials(), http), http)
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(talk.send, READ)

    run(story)
    assert len(system.forms) == 1
    assert len(system.requests) == 11


def test_a_token_that_was_refused_is_renewed_once_for_all() -> None:
    """Each task asks again with the new one and gets its answer."""
    system, http = open_system(life_s=None)

    async def story() -> list[int]:
        talk = session(credentials(client_credentials(), http), http)
        await talk.send(READ)
        system.kill()
        found: list[int] = []

        async def ask() -> None:
            found.append((await talk.send(READ)).status_code)

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(ask)
        return found

    assert run(story) == [200] * 5
    assert len(system.forms) == 2


def test_a_token_is_renewed_shortly_before_its_end_by_the_clock_of_the_run() -> None:
    """Not earlier, and without a request being refused; `expires_in` may be text."""
    system, http = open_system(life_s=600.0, least_age_s=570.0)

    async def story() -> None:
        talk = session(credentials(exact(), http, "exactonline"), http)
        for _ in range(70):
            assert (await talk.send(READ)).status_code == 200
            await trio.sleep(10)

    run(story)
    assert [form["refresh_token"] for form in system.forms] == ["refresh-0", "refresh-1"]
    assert {form["client_secret"] for form in system.forms} == {"sesame"}
    assert str(system.requests[0].url) == f"{URL}/api/oauth2/token"
    assert not system.marks[0].repeatable


def test_exact_online_is_not_asked_for_a_token_while_the_one_at_hand_lives() -> None:
    """A 401 may mean that something else is forbidden: what every living token may read tells which it is."""
    system, http = open_system(least_age_s=570.0)

    async def story() -> tuple[int, int]:
        talk = session(credentials(exact(), http, "exactonline"), http)
        forbidden = (await talk.send(Call(method="GET", url="/forbidden"))).status_code
        assert len(system.forms) == 1
        system.kill()
        return forbidden, (await talk.send(READ)).status_code

    assert run(story) == (401, 200)
    assert [request.url.path for request in system.requests] == [
        "/api/oauth2/token",
        "/forbidden",
        "/api/v1/current/Me",
        "/things",
        "/api/v1/current/Me",
        "/api/oauth2/token",
        "/things",
    ]


def test_a_renewal_that_comes_too_early_by_the_clock_of_the_system_is_lived_with() -> None:
    """The token at hand still lives there."""
    system, http = open_system()

    async def story() -> None:
        signed = credentials(exact(), http)
        first = await signed.headers()
        told = {"error": "invalid_request", "error_description": "access token not expired"}
        system.answers.append(httpx.Response(401, json=told))
        await trio.sleep(590)
        assert await signed.headers() == first

    run(story)


def test_wave_signs_in_at_another_host() -> None:
    """With the slash at the end of the path."""
    system, http = open_system()
    one = account("refresh-token", url="https://gql.waveapps.com/graphql/public", client_id="id", refresh_token="r")  # noqa: S106

    async def story() -> None:
        system.answers.append(httpx.Response(200, json={"access_token": "a", "expires_in": 7200}))
        await credentials(one, http, "wave").headers()

    run(story)
    assert str(system.requests[0].url) == "https://api.waveapps.com/oauth2/token/"


@pytest.mark.parametrize("keep", [True, False])
def test_the_newest_refresh_token_is_on_disk_before_it_is_used(tmp_path: Path, keep: bool) -> None:
    """A second job begins with what the first one left; a system that does not rotate keeps its one token."""
    system, http = open_system(rotates=not keep, life_s=300)
    store = TokenStore(tmp_path)

    async def story() -> None:
        await credentials(exact(), http, store=store).headers()
        await trio.sleep(301)
        signed = credentials(exact(), http, store=store)
        await signed.headers()
        kept = store.read(exact())
        assert kept is not None
        assert await signed.headers() == {"authorization": f"Bearer {kept.access}"}
        assert kept.refresh == ("refresh-0" if keep else "refresh-2")

    run(story)
    expected = ["refresh-0", "refresh-0"] if keep else ["refresh-0", "refresh-1"]
    assert [form["refresh_token"] for form in system.forms] == expected


def test_a_job_uses_the_newer_token_of_another_one(tmp_path: Path) -> None:
    """Both of two jobs that are refused get on with one renewal; neither spends a refresh token twice."""
    system, http = open_system(life_s=None)
    store = TokenStore(tmp_path)

    async def story() -> None:
        jobs = [session(credentials(exact(), http, store=store), http) for _ in range(3)]
        for job in jobs:
            await job.send(READ)
        system.kill()
        async with trio.open_nursery() as nursery:
            for job in jobs:
                nursery.start_soon(job.send, READ)

    run(story)
    assert [form["refresh_token"] for form in system.forms] == ["refresh-0", "refresh-1"]


def test_a_store_that_cannot_be_written_fails_before_a_token_is_spent(tmp_path: Path) -> None:
    """Else the chain would end with the answer."""
    system, http = open_system()
    (tmp_path / "blocked").write_text("a file where the folder should be")

    async def story() -> None:
        with pytest.raises(ConfigError, match=r"be kept|be locked|be read"):
            await credentials(exact(), http, store=TokenStore(tmp_path / "blocked")).headers()

    run(story)
    assert system.forms == []


def test_a_renewal_is_finished_when_its_task_is_cancelled(tmp_path: Path) -> None:
    """The refresh token is spent by then: what comes for it is kept."""
    system, http = open_system()
    store = TokenStore(tmp_path)

    async def story() -> None:
        with trio.move_on_after(0.1) as scope:
            await credentials(exact(), http, store=store).headers()
        assert scope.cancel_called
        kept = store.read(exact())
        assert kept is not None
        assert kept.refresh == "refresh-1"

    run(story)
    assert len(system.forms) == 1


def test_another_configured_refresh_token_begins_a_new_chain(tmp_path: Path) -> None:
    """What is stored belongs to the old one."""
    store = TokenStore(tmp_path)

    async def story() -> list[str]:
        _, old = open_system(refresh="old")
        await credentials(exact("old"), old, store=store).headers()
        system, http = open_system(refresh="new")
        await credentials(exact("new"), http, store=store).headers()
        return [form["refresh_token"] for form in system.forms]

    assert run(story) == ["new"]


@pytest.mark.parametrize("with_store", [True, False])
def test_without_a_login_it_is_told_how_to_log_in(tmp_path: Path, with_store: bool) -> None:
    _, http = open_system()
    one = account("authorization-code", client_id="id")

    async def story() -> None:
        store = TokenStore(tmp_path) if with_store else None
        with pytest.raises(ApiRefused, match="run `talkqa login 'Acme'`") as error:
            await credentials(one, http, store=store).headers()
        assert error.value.code == "login-required"

    run(story)


REFUSALS = [
    (exact(), 401, {"error": "unauthorized_client", "error_description": "Old refresh token used."}, "talkqa login"),
    (exact(), 401, {"error": "invalid_client"}, "check client_id and client_secret"),
    (exact(), 401, {"error": "x", "error_description": "access token not expired"}, "wait until the access token"),
    (client_credentials(), 400, {"error": "invalid_grant"}, "the application may sign in by itself"),
    (
        account("jwt-bearer", client_id="c", username="u", private_key="k"),
        400,
        {"error": "invalid_grant"},
        "pre-authorised, and this machine's clock",
    ),
]


@pytest.mark.parametrize(("one", "status", "answer", "advice"), REFUSALS)
def test_a_refusal_says_what_the_endpoint_said_and_what_to_do(
    one: Account, status: int, answer: dict[str, str], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code is the error's."""
    monkeypatch.setattr(jwt, "encode", lambda *_args, **_keys: "signed")
    system, http = open_system()

    async def story() -> None:
        system.answers.append(httpx.Response(status, json=answer))
        with pytest.raises(ApiRefused, match=advice) as error:
            await credentials(one, http).headers()
        assert (error.value.code, error.value.status) == (answer["error"], status)
        assert answer.get("error_description", answer["error"]) in str(error.value)
        assert redact_text(str(error.value)) == str(error.value), "what is masked cannot be mended"

    run(story)


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (httpx.Response(400, text="<html>no</html>"), ApiRefused, "http-400"),
        (httpx.Response(400, json=["no"]), ApiRefused, "http-400"),
        (httpx.Response(503, text="down"), ApiUnavailable, "HTTP 503; try again later"),
        (httpx.Response(429, json={"error": "slow"}), ApiUnavailable, "HTTP 429"),
        (httpx.Response(200, json={"token": "x"}), ApiUnavailable, "holds no access_token"),
        (httpx.ConnectError("no way to refresh-0"), ApiUnavailable, r"no way to \*\*\*"),
        (
            httpx.Response(200, json={"access_token": "x", "instance_url": "http://elsewhere.example"}),
            ApiRefused,
            "without encryption",
        ),
        (
            httpx.Response(400, json={"error": "bad", "error_description": "sesame and refresh-0 and id are wrong"}),
            ApiRefused,
            r"\*\*\* and \*\*\* and id are wrong",
        ),
    ],
)
def test_no_token_is_told_without_any_secret(
    answer: httpx.Response | Exception, error: type[Exception], message: str
) -> None:
    """What is no refusal for what was said counts as no usable answer."""
    system, http = open_system()

    async def story() -> None:
        system.answers.append(answer)
        with pytest.raises(error, match=message) as raised:
            await credentials(exact(), http).headers()
        assert "sesame" not in str(raised.value)
        assert "refresh-0" not in str(raised.value)

    run(story)


def test_an_endpoint_that_does_not_answer_is_given_up() -> None:
    """By the clock of the run."""
    _, http = open_system(delay_s=1000.0)

    async def story() -> None:
        with pytest.raises(ApiUnavailable, match="no answer within 30 s"):
            await credentials(client_credentials(), http).headers()

    run(story)


@pytest.mark.parametrize("told", [None, "soon", -1, 0, 1e12, {}])
def test_a_life_that_says_nothing_is_no_end(told: Any) -> None:
    """The token lives until it is refused."""
    system, http = open_system(life_s=None)

    async def story() -> None:
        system.answers.append(httpx.Response(200, json={"access_token": "a", "expires_in": told}))
        signed = credentials(client_credentials(), http)
        await signed.headers()
        await trio.sleep(80_000)
        await signed.headers()

    run(story)
    assert len(system.forms) == 1


def test_the_clock_of_the_machine_is_in_utc() -> None:
    assert now_utc().utcoffset() == timedelta(0)
