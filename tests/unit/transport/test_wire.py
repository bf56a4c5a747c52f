"""Faults of the wire befall as many calls as told, the same ones for the same seed, and do what their names say."""

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.call import CALL, CallMark, Purpose
from talkqa.transport.wire import HANG_S, TOKEN_LIFE_S, FaultyTransport, WireFaults
from talkqa.verify.clock import TrioClock
from tests.fakes.virtual import run_virtual

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class Counting(httpx.AsyncBaseTransport):
    """Does what it is asked, and counts."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.dead: set[str] = set()
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token in self.dead:
            return httpx.Response(401)
        self.done.append(str(request.url))
        return httpx.Response(200)

    async def aclose(self) -> None:
        self.closed = True


def request(number: int = 0, *, purpose: Purpose = Purpose.WRITE, signed: str = "Bearer key") -> httpx.Request:
    mark = CallMark(system="Wave", purpose=purpose)
    headers = {"authorization": signed} if signed else {}
    return httpx.Request("POST", f"https://wave.example/{number}", headers=headers, extensions={CALL: mark})


def faulty(inner: Counting, faults: WireFaults, **more: Any) -> FaultyTransport:
    return FaultyTransport(inner, faults, clock=TrioClock(EPOCH), system="Wave", **more)


async def send(transport: FaultyTransport, one: httpx.Request) -> object:
    """A status, or the kind of error."""
    try:
        return (await transport.handle_async_request(one)).status_code
    except httpx.TransportError as error:
        return type(error)


def play(faults: WireFaults, *requests: httpx.Request, seed: int = 0) -> tuple[list[object], Counting, float]:
    inner = Counting()

    async def main() -> tuple[list[object], Counting, float]:
        transport = faulty(inner, faults, seed=seed)
        return [await send(transport, one) for one in requests], inner, trio.current_time()

    return run_virtual(main)


@pytest.mark.parametrize(
    ("kind", "end", "is_done", "took_s"),
    [
        ("refused", 429, False, 0),
        ("refused_until", 429, False, 0),
        ("unavailable", 503, False, 0),
        ("unanswered", httpx.ReadTimeout, False, HANG_S),
        ("answer_lost", httpx.ReadTimeout, True, HANG_S),
        ("dropped", httpx.ReadError, False, 0),
        ("dropped_after", httpx.RemoteProtocolError, True, 0),
        ("slow", 200, True, 11),
        ("expired", 200, True, 0),
    ],
)
def test_each_fault_does_what_its_name_says(kind: str, end: object, is_done: bool, took_s: float) -> None:
    ends, inner, at_s = play(WireFaults(**{kind: 1.0}), request())
    assert ends == [end]
    assert bool(inner.done) is is_done
    assert at_s == pytest.approx(took_s, abs=9)


def test_only_a_refusal_that_says_so_says_when_to_come_back() -> None:
    async def told(faults: WireFaults) -> str | None:
        answer = await faulty(Counting(), faults).handle_async_request(request())
        return answer.headers.get("retry-after")

    assert run_virtual(told, WireFaults(refused=1)) is None
    assert 1 <= int(run_virtual(told, WireFaults(refused_until=1)) or 0) <= 8


def test_no_faults_change_nothing() -> None:
    ends, inner, _ = play(WireFaults(), *(request(number) for number in range(50)))
    assert ends == [200] * 50
    assert len(inner.done) == 50


def test_faults_befall_the_share_that_was_asked_for_each_kind_alike() -> None:
    inner = Counting()

    async def main() -> dict[str, int]:
        transport = faulty(inner, WireFaults.evenly(0.18), expire=inner.dead.add)
        for number in range(3000):
            await send(transport, request(number, signed=f"Bearer t{number % 3}"))
            await trio.sleep(1)
            inner.dead.clear()
        return dict(transport.done)

    done = run_virtual(main)
    assert set(done) == {kind.name for kind in fields(WireFaults)}
    assert sum(done.values()) == pytest.approx(3000 * 0.18, rel=0.2)
    assert all(count == pytest.approx(60, abs=40) for count in done.values())


def test_equal_seeds_give_equal_faults_in_whatever_order_calls_come() -> None:
    requests = [request(number) for number in range(40)]
    faults = WireFaults.evenly(0.6)
    ends, _, _ = play(faults, *requests, seed=3)
    backwards, _, _ = play(faults, *reversed(requests), seed=3)
    assert backwards == list(reversed(ends))
    assert play(faults, *requests, seed=4)[0] != ends


def test_the_same_call_said_again_is_another_draw() -> None:
    ends, _, _ = play(WireFaults.evenly(0.6), *[request()] * 30)
    assert len(set(ends)) > 2


def test_faults_go_by_what_is_said_not_by_who_signed_it() -> None:
    faults = WireFaults.evenly(0.6)
    ends, _, _ = play(faults, *(request(number, signed="Bearer a") for number in range(30)))
    others, _, _ = play(faults, *(request(number, signed="Bearer b") for number in range(30)))
    assert ends == others


def _expiring(story: Callable[[FaultyTransport, Counting], Any]) -> Any:
    async def main() -> Any:
        inner = Counting()
        return await story(faulty(inner, WireFaults(expired=1), expire=inner.dead.add), inner)

    return run_virtual(main)


def test_a_token_dies_for_good_and_the_system_itself_answers() -> None:
    async def story(transport: FaultyTransport, inner: Counting) -> Any:
        ends = [await send(transport, request(1))]
        await trio.sleep(TOKEN_LIFE_S)
        ends += [await send(transport, request(2)), await send(transport, request(3))]
        return ends, inner.dead, transport.done["expired"]

    ends, dead, deaths = _expiring(story)
    assert ends == [200, 401, 401]
    assert dead == {"key"}
    assert deaths >= 1


def test_no_token_dies_young_nor_while_signing_in_nor_where_there_is_none() -> None:
    async def story(transport: FaultyTransport, inner: Counting) -> Any:
        ends = [await send(transport, request(number)) for number in range(3)]
        await trio.sleep(TOKEN_LIFE_S)
        ends.append(await send(transport, request(purpose=Purpose.SIGN_IN)))
        ends.append(await send(transport, request(signed="")))
        ends.append(await send(transport, request(signed="Bearer another")))
        return ends, inner.dead

    assert _expiring(story) == ([200] * 6, set())


def test_a_body_that_is_still_to_be_read_is_left_to_be_sent() -> None:
    async def pieces() -> Any:
        yield b"a"

    async def main() -> object:
        return await send(
            faulty(Counting(), WireFaults()), httpx.Request("POST", "https://wave.example", content=pieces())
        )

    assert run_virtual(main) == 200


@pytest.mark.parametrize("faults", [WireFaults(refused=0.6, slow=0.6), WireFaults(refused=-0.1, slow=0.2)])
def test_shares_that_are_none_are_refused(faults: WireFaults) -> None:
    with pytest.raises(ValueError, match="shares of faults"):
        run_virtual(_made, faults)


async def _made(faults: WireFaults) -> None:
    faulty(Counting(), faults)


def test_closing_closes_what_is_below() -> None:
    async def main() -> bool:
        inner = Counting()
        await faulty(inner, WireFaults()).aclose()
        return inner.closed

    assert run_virtual(main)


@pytest.mark.parametrize("kind", [kind.name for kind in fields(WireFaults)])
def test_no_answer_to_a_sign_in_is_lost(kind: str) -> None:
    """A refresh token that is used once is spent then: nobody could go on, at the real systems either."""
    (end,), inner, at_s = play(WireFaults(**{kind: 1.0}), request(purpose=Purpose.SIGN_IN))
    refused = {"refused": 429, "refused_until": 429, "unavailable": 503}.get(kind)
    assert end == (refused or 200)
    assert bool(inner.done) is (refused is None)
    assert at_s == 0
