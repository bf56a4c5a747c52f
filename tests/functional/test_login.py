"""`talkqa login` against the sign-in pages of the emulated systems, and what becomes of its tokens."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from talkqa.cli.login import SigningIn
from talkqa.model.account import Account
from talkqa.model.call import Purpose
from talkqa.model.errors import ApiRefused
from talkqa.model.settings import Settings
from talkqa.sandbox.dialects.emulator import Emulator
from talkqa.sandbox.dialects.exactonline.emulator import ExactOnlineEmulator
from talkqa.sandbox.dialects.wave.emulator import WaveEmulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.auth import make_credentials
from talkqa.systems.registry import find_schema
from talkqa.systems.session import Call, Session
from talkqa.systems.tokens import TokenStore
from talkqa.verify.clock import TrioClock
from tests.fakes.clock import EPOCH, FakeClock
from tests.fakes.virtual import run_virtual


def emulate(system: str, kind: type[Emulator], clock: Any) -> Emulator:
    schema = find_schema(system, Settings())
    assert schema is not None
    quirks = {"full-access-tokens": False} if kind is WaveEmulator else {}
    return kind(SystemStore(schema, clock, 0), clock, quirks=quirks)


def signing_in(system: str, emulator: Any, store: TokenStore) -> SigningIn:
    """The account as a person would configure it: no token at all."""
    give = emulator.account if isinstance(emulator, WaveEmulator) else emulator.oauth_account
    account: Account = give("http://system.sandbox", "harness")
    plain = replace(account.auth, kind="authorization-code", refresh_token="", token_url="", authorize_url="")
    schema = find_schema(system, Settings())
    assert schema is not None
    return SigningIn(
        account=replace(account, auth=plain), schema=schema, store=store, inner=httpx.ASGITransport(app=emulator)
    )


async def consent(one: SigningIn, url: str) -> str:
    """Where the browser ends when a person consents."""
    assert one.inner is not None
    async with httpx.AsyncClient(transport=one.inner) as browser:
        answer = await browser.get(url)
    assert answer.status_code == 302, answer.text
    return answer.headers["location"]


@pytest.mark.parametrize(("system", "kind"), [("Exact Online", ExactOnlineEmulator), ("Wave", WaveEmulator)])
def test_a_person_lets_the_application_in(system: str, kind: type[Emulator], tmp_path: Path) -> None:
    """From the address that is printed to the name of who is signed in; the code is good once."""
    store = TokenStore(tmp_path)
    one = signing_in(system, emulate(system, kind, FakeClock()), store)

    async def story() -> str:
        begun = one.begin()
        address = await consent(one, begun.url)
        await one.end(begun, address)
        return await one.identify()

    assert trio.run(story).startswith(f"signed in to {system} at ")
    kept = store.read(one.account)
    assert kept is not None
    assert kept.refresh
    assert not list(tmp_path.glob("*.login"))


def test_parallel_jobs_live_on_one_login_for_hours(tmp_path: Path) -> None:
    """Each refresh token is used once, no access token before its time, and nobody is ever refused."""

    async def story() -> list[int]:
        clock = TrioClock(EPOCH)
        emulator = emulate("Exact Online", ExactOnlineEmulator, clock)
        assert isinstance(emulator, ExactOnlineEmulator)
        account = emulator.oauth_account("http://system.sandbox", "harness")
        statuses: list[int] = []
        asked: list[float] = []

        async def note(response: httpx.Response) -> None:
            statuses.append(response.status_code)
            if response.request.url.path.endswith("/token"):
                asked.append(clock.now())

        async def job(number: int) -> None:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app=emulator), event_hooks={"response": [note]}
            ) as http:
                signed = make_credentials(
                    account, http, dialect="exactonline", store=TokenStore(tmp_path), stamp=clock.stamp
                )
                talk = Session(http, account.url, system="Exact Online", credentials=signed)
                await trio.sleep(number * 7)
                for _ in range(60):
                    await talk.send(Call(method="GET", url="/api/v1/current/Me?$select=UserID", purpose=Purpose.POLL))
                    await trio.sleep(61 + number)

        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(job, number)
        assert all(later - earlier >= 570 for earlier, later in pairwise(asked))
        assert len(asked) == pytest.approx(timedelta(seconds=60 * 62) / timedelta(seconds=575), abs=1.5)
        return statuses

    assert set(run_virtual(story)) == {200}


def test_a_copied_refresh_token_ends_with_advice(tmp_path: Path) -> None:
    """Jobs that do not share a store kill each other; the second one is told what to do."""

    async def story() -> None:
        clock = TrioClock(EPOCH)
        emulator = emulate("Exact Online", ExactOnlineEmulator, clock)
        assert isinstance(emulator, ExactOnlineEmulator)
        account = emulator.oauth_account("http://system.sandbox", "harness")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=emulator)) as http:
            jobs = [
                make_credentials(
                    account, http, dialect="exactonline", store=TokenStore(tmp_path / name), stamp=clock.stamp
                )
                for name in ("one", "other")
            ]
            await jobs[0].headers()
            with pytest.raises(ApiRefused, match="Old refresh token used") as error:
                await jobs[1].headers()
        assert "or run `talkqa login 'Exact Online'`" in str(error.value)
        assert account.auth.refresh_token not in str(error.value)

    run_virtual(story)
