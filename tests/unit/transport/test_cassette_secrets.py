"""No secret reaches a recording, wherever it stood and however it was written."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest

from talkqa.model.account import Account, Auth
from talkqa.model.call import CALL, CallMark, PollShape, Purpose
from talkqa.redaction.scan import scan_folder, scan_text
from talkqa.transport.recorder import Recorder
from talkqa.transport.replayer import Replayer
from talkqa.transport.shelf import read_recording
from talkqa.verify.clock import TrioClock
from tests.fakes.virtual import run_virtual
from tests.unit.transport.cassette_story import EPOCH, facts

SHAPE = PollShape(key="CRM/Person", items=("records",), id=("id",), modified=("changed",))
NAMES = ("access_token", "apiKey", "client_secret", "Password", "session_id", "x-amz-signature", "refreshToken", "pwd")


_AWKWARD = '+/=%&é"'


class Canaries:
    """Secrets without any shape of their own, with what has to be escaped in one notation or another."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.known: list[str] = []

    def plant(self, where: str, *, known: bool = False) -> str:
        number = len(self.values)
        value = f"Zq{number:03}{_AWKWARD[number % 7]}kV{number * 7919 % 10007}wX{number:03}"
        self.values[f"{where} {number}"] = value
        if known:
            self.known.append(value)
        return value

    def plain(self, where: str) -> str:
        """One that stands in a header as it is."""
        number = len(self.values)
        value = self.values[f"{where} {number}"] = f"Zq{number:03}-kV{number * 7919 % 10007}wX{number:03}"
        return value


def mark(purpose: Purpose = Purpose.CONFIRM, poll: PollShape | None = None) -> dict[str, Any]:
    return {CALL: CallMark(system="CRM", purpose=purpose, actor="check", poll=poll)}


def spelled(value: str) -> Iterator[str]:
    """An error text that repeats a value in every notation."""
    yield f"refused {value}"
    yield f"refused {quote(value, safe='')}"
    yield json.dumps({"error": f"bad {value}"})
    yield json.dumps({"error": json.dumps({"inner": value})})
    yield base64.b64encode(f"me:{value}".encode()).decode()
    yield f"at https://me:{quote(value, safe='')}@crm.example/x"


def build(canaries: Canaries, account: Account) -> list[tuple[httpx.Request, httpx.Response | Exception]]:
    """Requests and their answers, with a canary in every place."""
    url, plant = "https://crm.example/api", canaries.plant
    talks: list[tuple[httpx.Request, httpx.Response | Exception]] = []

    def talk(
        answer: httpx.Response | Exception, path: str = "/x", purpose: Purpose = Purpose.CONFIRM, **keys: Any
    ) -> None:
        method = keys.pop("method", "GET")
        poll = keys.pop("poll", None)
        request = httpx.Request(method, f"{url}{path}", extensions=mark(purpose, poll), **keys)
        talks.append((request, answer))

    fine = httpx.Response(200, json={"ok": True})
    basic = base64.b64encode(f"me:{canaries.plain('basic')}".encode()).decode()
    for header, value in (
        ("Authorization", f"Bearer {canaries.plain('bearer')}"),
        ("Authorization", f"Basic {basic}"),
        ("Authorization", canaries.plain("bare")),
        ("Cookie", f"sid={canaries.plain('cookie')}; b={canaries.plain('cookie')}"),
        ("Proxy-Authorization", f"Basic {canaries.plain('proxy')}"),
        ("X-Api-Key", canaries.plain("api key")),
        (account.auth.header, canaries.plain("named header")),
    ):
        talk(fine, headers={header: value})
    for name in (*NAMES, account.auth.query):
        talk(fine, f"/x?a=1&{urlencode({name: plant(f'query {name}')})}&b=2")
        talk(fine, method="POST", purpose=Purpose.WRITE, json={"a": [{"b": {name: plant(f"json {name}")}}]})
        talk(fine, method="POST", purpose=Purpose.WRITE, data={name: plant(f"form {name}"), "x": "1"})
        talk(httpx.Response(200, json={"a": [{"b": {name: plant(f"answer {name}")}}], "n": [1]}))
        body = json.dumps({name: plant(f"charset {name}")}).encode()
        talk(httpx.Response(200, content=body, headers={"content-type": "application/json; charset=utf-8"}))
        talk(httpx.Response(400, text=f"bad request: {name}={canaries.plain(f'error {name}')}"))
        talk(httpx.Response(302, headers={"location": f"https://me.example/?{name}={quote(plant(f'to {name}'))}"}))
        record = {"id": name, "name": "ours", "more": {name: plant(f"record {name}")}}
        talk(
            httpx.Response(200, json={"records": [record], name: plant("envelope")}),
            f"/{name}",
            Purpose.POLL,
            poll=SHAPE,
        )
    talk(httpx.Response(200, json={}, headers={"set-cookie": f"sid={canaries.plain('set-cookie')}; HttpOnly"}))
    grants = (
        "client_secret",
        "refresh_token",
        "assertion",
        "code",
        "password",
        "client_id",
        "username",
        "code_verifier",
    )
    for name in grants:
        sent = {"grant_type": "x", name: plant(f"grant {name}")}
        told = {n: plant(f"token answer {n}") for n in ("access_token", "refresh_token", "id_token", "signature", "id")}
        answer = httpx.Response(200, json={**told, "token_type": "Bearer", "expires_in": 600})
        talk(answer, "/oauth/token", Purpose.SIGN_IN, method="POST", data=sent)
    talk(
        httpx.Response(200, json={"token": plant("json token")}),
        "/t",
        Purpose.SIGN_IN,
        method="POST",
        json={"x": plant("y")},
    )
    late = talks[-2][1]
    assert isinstance(late, httpx.Response)
    talk(httpx.Response(403, text=f"the token {late.json()['access_token']} may not"))  # learnt at the sign-in
    for known in (*account.auth.secrets, *canaries.known):
        first, second, third, *others = spelled(known)
        talk(httpx.Response(400, text=first))
        talk(httpx.ConnectError(second))
        talk(fine, method="POST", purpose=Purpose.WRITE, json={"note": third, "more": others})
    return talks


def record(folder: Path, canaries: Canaries) -> list[tuple[httpx.Request, httpx.Response | Exception]]:
    plant = canaries.plant
    lines = [canaries.plain("pem") * 3 for _ in range(2)]
    pem = "\n".join(("-----BEGIN PRIVATE KEY-----", *lines, "-----END PRIVATE KEY-----"))
    account = Account(
        system="CRM",
        url="https://crm.example/api",
        auth=Auth(
            kind="api-key",
            password=plant("password"),
            token=plant("token"),
            client_secret=plant("client secret"),
            refresh_token=plant("refresh token"),
            private_key=pem,
            header="X-Tenant",
            query="k",
        ),
        options={"division": "17", "note": plant("option", known=True)},
    )
    named = [plant("named by configuration", known=True) for _ in range(60)]
    talks = build(canaries, account)
    answers = iter([answer for _, answer in talks])

    async def handle(request: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def story() -> None:
        clock = TrioClock(EPOCH)
        recorder = Recorder(
            folder, facts=facts(), clock=clock, is_ours=lambda item: item.get("name") == "ours", secrets=canaries.known
        )
        transport = recorder.transport("CRM", httpx.MockTransport(handle), account)
        for request, answer in talks:
            try:
                await transport.handle_async_request(request)
            except httpx.ConnectError:
                assert isinstance(answer, httpx.ConnectError)
        recorder.save()

    run_virtual(story)
    assert len(named) == 60
    return talks


def raw(talks: list[tuple[httpx.Request, httpx.Response | Exception]]) -> str:
    """All that was said, as it was said."""
    parts: list[str] = []
    for request, answer in talks:
        parts += [str(request.url), request.content.decode(), *request.headers.values()]
        parts += [str(answer)] if isinstance(answer, Exception) else [answer.text, *answer.headers.values()]
    return "\n".join(parts)


def test_two_hundred_planted_secrets_leave_no_trace(tmp_path: Path) -> None:
    """Headers, queries, bodies, token answers, redirects and error texts: the canary scan finds none of them."""
    canaries = Canaries()
    talks = record(tmp_path, canaries)
    assert len(canaries.values) >= 200
    said = {leak.canary for leak in scan_text(raw(talks), canaries.values)}
    assert len(said) >= 190  # they were really said
    assert scan_folder(tmp_path, canaries.values) == ()
    kept = (tmp_path / "crm.json").read_text()
    assert "crm.example" not in kept
    assert '"division": "17"' in (tmp_path / "world.json").read_text()


def test_a_replayed_sign_in_gives_a_new_token_that_opens_nothing(tmp_path: Path) -> None:
    """A client that renews its token sees another one; nothing of the recorded one is left."""
    record(tmp_path, Canaries())
    recording = read_recording(tmp_path)

    async def story() -> list[dict[str, Any]]:
        transport = Replayer(recording, TrioClock(EPOCH)).transport("CRM")
        answers = []
        for path in ("/oauth/token", "/oauth/token", "/elsewhere"):
            request = httpx.Request("POST", f"https://any.example{path}", data={"grant_type": "x", "code": "1"})
            answers.append(json.loads((await transport.handle_async_request(request)).content))
        return answers

    first, second, third = run_virtual(story)
    assert [answer["access_token"] for answer in (first, second, third)] == ["replayed-1", "replayed-2", "replayed-3"]
    assert (first["token_type"], first["expires_in"]) == ("Bearer", 600)


def test_without_a_recorded_sign_in_any_token_will_do(tmp_path: Path) -> None:
    """A run that had its token from before recorded none; a replay may ask for one all the same."""

    async def make() -> None:
        recorder = Recorder(tmp_path, facts=facts(), clock=TrioClock(EPOCH), is_ours=lambda _item: True)
        recorder.transport("CRM", httpx.MockTransport(lambda _request: httpx.Response(204)))
        recorder.save()

    async def story() -> dict[str, Any]:
        transport = Replayer(read_recording(tmp_path), TrioClock(EPOCH)).transport("CRM")
        request = httpx.Request("POST", "https://any.example/token", extensions=mark(Purpose.SIGN_IN))
        answer: dict[str, Any] = json.loads((await transport.handle_async_request(request)).content)
        return answer

    run_virtual(make)
    assert "replayed-1" in run_virtual(story).values()


@pytest.mark.parametrize("body", [b"\xff\xfe binary", b"", b"<html>busy</html>"])
def test_sign_ins_in_other_forms_keep_nothing(tmp_path: Path, body: bytes) -> None:
    """What cannot be read as parameters or members is masked as a whole."""

    async def make() -> None:
        recorder = Recorder(tmp_path, facts=facts(), clock=TrioClock(EPOCH), is_ours=lambda _item: True)
        transport = recorder.transport("CRM", httpx.MockTransport(lambda _r: httpx.Response(200, content=body)))
        url = "https://crm.example/token"
        await transport.handle_async_request(httpx.Request("POST", url, content=body, extensions=mark(Purpose.SIGN_IN)))
        recorder.save()

    run_virtual(make)
    (one,) = read_recording(tmp_path).systems["CRM"].interactions
    assert {one.body, one.request_body} <= {"***", ""}
