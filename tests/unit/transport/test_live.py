"""A call is tried as often as it may be and no oftener, within deadlines, and the budget hears what the system says."""

import gzip
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.call import CALL, CallMark, Purpose
from talkqa.model.errors import ApiUnavailable
from talkqa.transport.budget import CallBudget
from talkqa.transport.live import LiveTransport, Patience, TransportUse, Whole
from talkqa.verify.clock import TrioClock
from tests.fakes.virtual import run_virtual

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
URL = "https://wave.example/customers"
HANG = "hang"


class Scripted(httpx.AsyncBaseTransport):
    """Answers in turn as told, the last for ever after: a response, an error to raise, or nothing at all."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.at: list[float] = []
        self.bodies: list[bytes] = []
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.at.append(trio.current_time())
        self.bodies.append(b"".join([part async for part in request.stream]))  # type: ignore[union-attr]
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == HANG:
            await trio.sleep_forever()
        if isinstance(answer, Exception):
            raise answer
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return httpx.Response(status, headers=headers, stream=Whole(b"said"))

    async def aclose(self) -> None:
        self.closed = True


def request(
    method: str = "GET", *, repeatable: bool | None = None, purpose: Purpose = Purpose.CONFIRM
) -> httpx.Request:
    marked: dict[str, Any] = {}
    if repeatable is not None:
        marked = {CALL: CallMark(system="Wave", purpose=purpose, repeatable=repeatable)}
    return httpx.Request(method, URL, content=b"asked", extensions=marked)


READ = request(repeatable=True, purpose=Purpose.POLL)
CREATE = request("POST", repeatable=False, purpose=Purpose.WRITE)


def send(
    inner: Scripted, *requests: httpx.Request, patience: Patience | None = None, **budget: Any
) -> tuple[list[httpx.Response | Exception], TransportUse, CallBudget]:
    """What each request got, one after another."""

    async def main() -> tuple[list[httpx.Response | Exception], TransportUse, CallBudget]:
        clock = TrioClock(EPOCH)
        turns = CallBudget(clock=clock, system="Wave", **budget)
        transport = LiveTransport(inner, clock=clock, budget=turns, patience=patience)
        ends: list[httpx.Response | Exception] = []
        for one in requests:
            try:
                ends.append(await transport.handle_async_request(one))
            except (httpx.HTTPError, ApiUnavailable) as error:
                ends.append(error)
        return ends, transport.use, turns

    return run_virtual(main)


def outcomes(inner: Scripted, *requests: httpx.Request, **more: Any) -> list[object]:
    """Statuses and kinds of errors."""
    return [
        end.status_code if isinstance(end, httpx.Response) else type(end) for end in send(inner, *requests, **more)[0]
    ]


def test_what_goes_well_is_sent_once_with_its_body_and_answered_with_its_own() -> None:
    inner = Scripted(200)
    (answer,), use, budget = send(inner, CREATE)
    assert isinstance(answer, httpx.Response)
    assert not answer.is_closed
    assert trio.run(answer.aread) == b"said"
    assert inner.bodies == [b"asked"]
    assert replace(use, by_purpose={}) == TransportUse(calls=1, retries=0, by_status={200: 1}, given_up=0)
    assert sum(use.by_purpose.values()) == 1
    assert budget.use.by_purpose == {Purpose.WRITE: 1}


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 409, 422, 501])
def test_an_answer_that_decides_is_not_asked_for_again(status: int) -> None:
    inner = Scripted(status)
    assert outcomes(inner, READ) == [status]
    assert len(inner.at) == 1


@pytest.mark.parametrize("what", [READ, CREATE])
def test_a_call_that_was_refused_was_not_done_and_is_sent_again_whatever_it_is(what: httpx.Request) -> None:
    inner = Scripted(429, 429, 201)
    (answer,), use, _ = send(inner, what)
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 201
    assert inner.bodies == [b"asked"] * 3
    assert replace(use, by_purpose={}) == TransportUse(calls=1, retries=2, by_status={201: 1, 429: 2}, given_up=0)
    assert sum(use.by_purpose.values()) == 3
    first_s, second_s = (later - earlier for earlier, later in zip(inner.at, inner.at[1:], strict=False))
    assert 2.5 <= first_s <= 5
    assert 5 <= second_s <= 10


@pytest.mark.parametrize(
    "trouble", [503, 502, 504, 500, 408, HANG, httpx.ReadError("reset"), httpx.RemoteProtocolError("gone")]
)
def test_what_may_have_been_done_is_repeated_only_where_that_does_no_harm(trouble: object) -> None:
    assert outcomes(Scripted(trouble, 200), READ) == [200]
    inner = Scripted(trouble, 200)
    (end,), use, _ = send(inner, CREATE)
    assert len(inner.at) == 1, "verify looks for its sentinel before it writes again"
    if isinstance(trouble, int):
        assert isinstance(end, httpx.Response)
        assert end.status_code == trouble
    else:
        assert isinstance(end, httpx.TransportError)
        assert use.by_status == {0: 1}
        assert use.given_up == 1


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")]
)
def test_what_was_never_sent_is_sent_again_whatever_it_is(error: Exception) -> None:
    assert outcomes(Scripted(error, 201), CREATE) == [201]


def test_no_second_try_makes_a_stranger_trusted_or_a_request_valid() -> None:
    untrusted = httpx.ConnectError("certificate verify failed")
    untrusted.__cause__ = ssl.SSLCertVerificationError("self-signed")
    for error in (untrusted, httpx.UnsupportedProtocol("ftp"), httpx.LocalProtocolError("bad header")):
        inner = Scripted(error, 200)
        assert outcomes(inner, READ) == [type(error)]
        assert len(inner.at) == 1


def test_an_error_that_says_nothing_is_told_in_the_words_of_what_stands_behind_it() -> None:
    told = httpx.ConnectError("")
    told.__cause__ = OSError("no route to host")
    (first, second), _, _ = send(Scripted(told, httpx.ReadError("")), READ, READ, patience=Patience(attempts=1))
    assert str(first) == "no route to host"
    assert str(second) == "ReadError"


def test_a_broken_server_is_asked_for_some_seconds_and_no_longer() -> None:
    inner = Scripted(500)
    (answer,), use, _ = send(inner, READ)
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, len(inner.at), use.given_up) == (500, 7, 0)
    assert 15.0 < inner.at[-1] - inner.at[0] < 32.0, "longer than three bursts of the weather"


def test_a_call_without_a_mark_reads_back_and_is_repeated_only_where_it_reads() -> None:
    _, _, budget = send(Scripted(503, 200), request())
    assert budget.use.by_purpose == {Purpose.CONFIRM: 2}
    assert outcomes(Scripted(503, 200), request("POST")) == [503]
    assert outcomes(Scripted(503, 200), request("DELETE")) == [503]
    assert outcomes(Scripted(503, 200), request("HEAD")) == [200]


def test_attempts_end_by_number_with_the_last_answer() -> None:
    inner = Scripted(503)
    (answer,), use, _ = send(inner, READ, patience=Patience(attempts=4))
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 503
    assert (len(inner.at), use.retries, use.given_up) == (4, 3, 1)


def test_attempts_end_by_time_with_what_was_lacking_and_how_often_it_was_tried() -> None:
    inner = Scripted(HANG)
    (error,), use, _ = send(inner, READ, patience=Patience(attempts=99, attempt_s=30, total_s=100))
    assert isinstance(error, httpx.ReadTimeout)
    assert str(error) == "no answer within 30 s; tried 4 times"
    assert use.by_status == {0: 4}
    assert inner.at[-1] < 100


def test_waits_grow_to_a_bound_and_differ_by_seed_and_call_alone() -> None:
    def waits(method: str, seed: int) -> list[float]:
        inner = Scripted(503)

        async def main() -> None:
            clock = TrioClock(EPOCH)
            patience = Patience(attempts=7, backoff_s=1, longest_backoff_s=10)
            live = LiveTransport(inner, clock=clock, budget=CallBudget(clock=clock), patience=patience, seed=seed)
            await live.handle_async_request(request(method, repeatable=True))

        run_virtual(main)
        return [later - earlier for earlier, later in zip(inner.at, inner.at[1:], strict=False)]

    once = waits("GET", 1)
    for wait_s, most_s in zip(once, [1, 2, 4, 8, 10, 10], strict=True):
        assert most_s / 2 <= wait_s <= most_s
    assert waits("GET", 1) == once
    assert waits("GET", 2) != once
    assert waits("PUT", 1) != once


@pytest.mark.parametrize("told", ["20", "Tue, 01 Jan 2030 00:00:20 GMT"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_system_that_says_how_long_is_heeded_by_everybody(told: str, status: int) -> None:
    inner = Scripted((status, {"retry-after": told}), 200)

    async def main() -> None:
        clock = TrioClock(EPOCH)
        live = LiveTransport(inner, clock=clock, budget=CallBudget(clock=clock))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live.handle_async_request, READ)
            await trio.sleep(1)
            nursery.start_soon(live.handle_async_request, CREATE)

    run_virtual(main)
    assert inner.at == [0, 20, 20]


def test_a_refusal_without_a_word_holds_everybody_back_too() -> None:
    inner = Scripted(429, 200)

    async def main() -> None:
        clock = TrioClock(EPOCH)
        live = LiveTransport(inner, clock=clock, budget=CallBudget(clock=clock))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(live.handle_async_request, READ)
            await trio.sleep(1)
            nursery.start_soon(live.handle_async_request, CREATE)

    run_virtual(main)
    assert inner.at[0] == 0
    assert 2.5 <= inner.at[1] == inner.at[2] <= 5


def test_a_silence_beyond_patience_is_given_back_at_once_and_told_to_who_comes_next() -> None:
    inner = Scripted((429, {"retry-after": "3600"}), 200)
    (answer, refused), use, _ = send(inner, READ, READ)
    assert isinstance(answer, httpx.Response)
    assert answer.status_code == 429
    assert isinstance(refused, ApiUnavailable)
    assert "Wave: it takes no calls before 2030-01-01 01:00 UTC" in str(refused)
    assert use.given_up == 1


def test_limits_in_headers_are_heeded() -> None:
    reset = {
        "x-ratelimit-minutely-remaining": "0",
        "x-ratelimit-minutely-reset": str(int(EPOCH.timestamp() + 33) * 1000),
    }
    inner = Scripted((200, reset), 200)
    assert outcomes(inner, READ, READ) == [200, 200]
    assert inner.at == [0, 33]


def test_each_attempt_takes_a_turn() -> None:
    inner = Scripted(503, 503, 200)
    _, use, budget = send(inner, READ, calls_per_minute=1)
    assert inner.at == [0, 60, 120]
    assert (budget.use.calls, use.calls) == (3, 1)


def test_a_body_that_never_ends_is_no_answer() -> None:
    class Dripping(httpx.AsyncByteStream):
        closed = False

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            await trio.sleep(1)
            return b"."

        async def aclose(self) -> None:
            type(self).closed = True

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Dripping())

    async def main() -> None:
        clock = TrioClock(EPOCH)
        live = LiveTransport(Slow(), clock=clock, budget=CallBudget(clock=clock), patience=Patience(attempts=1))
        with pytest.raises(httpx.ReadTimeout):
            await live.handle_async_request(READ)

    run_virtual(main)
    assert Dripping.closed


def test_a_cancelled_call_leaves_its_turn_to_others() -> None:
    inner = Scripted(HANG, 200)

    async def main() -> None:
        clock = TrioClock(EPOCH)
        live = LiveTransport(inner, clock=clock, budget=CallBudget(clock=clock, concurrent=1))
        with trio.move_on_after(3):
            await live.handle_async_request(READ)
        assert (await live.handle_async_request(READ)).status_code == 200
        await live.aclose()

    run_virtual(main)
    assert inner.at == [0, 3]
    assert inner.closed


def test_what_is_no_trouble_of_the_wire_passes_through() -> None:
    async def main() -> None:
        clock = TrioClock(EPOCH)
        await LiveTransport(
            Scripted(KeyError("bug")), clock=clock, budget=CallBudget(clock=clock)
        ).handle_async_request(READ)

    with pytest.raises(KeyError):
        run_virtual(main)


def test_a_client_above_reads_compressed_answers_as_if_nothing_were_between() -> None:
    def app(compressed: bytes) -> Callable[..., Any]:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-encoding", b"gzip"), (b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": compressed})

        return answer

    async def main() -> Any:
        import gzip

        clock = TrioClock(EPOCH)
        inner = httpx.ASGITransport(app=app(gzip.compress(b'{"a": 1}')))
        async with httpx.AsyncClient(
            transport=LiveTransport(inner, clock=clock, budget=CallBudget(clock=clock))
        ) as http:
            return (await http.get(URL)).json()

    assert run_virtual(main) == {"a": 1}


def test_a_sign_in_at_a_system_that_is_closed_or_broken_is_sent_again() -> None:
    """Whatever became of the first one: there is nothing else to sign in with. One that is refused is not."""
    sign_in = request("POST", repeatable=False, purpose=Purpose.SIGN_IN)
    assert outcomes(Scripted(503, 502, 500, 504, 200), sign_in) == [200]
    assert outcomes(Scripted(401, 200), sign_in) == [401]
    assert outcomes(Scripted(httpx.ReadError("gone"), 200), sign_in) == [httpx.ReadError]


def judged(told: bool | None, *, repeatable: bool = False) -> httpx.Request:
    """A change whose client judges answers by what they say."""

    def judge(_status: int, body: bytes) -> bool | None:
        return told if body == b"said" else None

    mark = CallMark(system="Wave", purpose=Purpose.WRITE, repeatable=repeatable, judge=judge)
    return httpx.Request("POST", URL, content=b"asked", extensions={CALL: mark})


def test_a_client_may_know_better_than_the_status_what_an_answer_is() -> None:
    """The call was not done, and is sent again; a broken rule is no hiccup; for all else the status counts."""
    assert outcomes(Scripted(400, 201), judged(True)) == [201]
    assert outcomes(Scripted(500, 201), judged(False, repeatable=True)) == [500]
    assert outcomes(Scripted(500, 201), judged(None, repeatable=True)) == [201]
    assert outcomes(Scripted(400, 201), judged(None)) == [400]
    assert outcomes(Scripted(200, 201), judged(True)) == [200]


def test_what_is_judged_is_what_the_client_will_read() -> None:
    squeezed = {"content-encoding": "gzip"}
    packed = [httpx.Response(400, headers=squeezed, stream=Whole(gzip.compress(b"said"))), 201]

    class Packed(Scripted):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            first = packed.pop(0) if len(packed) > 1 else None
            return first if isinstance(first, httpx.Response) else await super().handle_async_request(request)

    assert outcomes(Packed(201), judged(True)) == [201]
    packed[:] = [httpx.Response(400, headers=squeezed, stream=Whole(b"no gzip")), 201]
    assert outcomes(Packed(201), judged(True)) == [400]
