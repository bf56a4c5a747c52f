"""What budget, deadline and retry cost a request that needs none of them: the live transport beside a bare one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from statistics import median
from typing import Any

import httpx
import trio

from benchmarks.measure import time_call
from benchmarks.table import Row
from talkqa.model.call import CALL, CallMark, Purpose
from talkqa.transport.budget import CallBudget
from talkqa.transport.live import LiveTransport
from talkqa.transport.network import open_http
from talkqa.verify.clock import TrioClock

ROUNDS = 7
REQUESTS = 1_500
"""A round of each."""
GOAL = 1.5
"""Over an application that does nothing; an emulated system takes several times as long."""

_BODY = json.dumps({"records": [{"id": str(number), "name": "Ada"} for number in range(5)]}).encode()
_HEADERS = [(b"content-type", b"application/json"), (b"date", b"Tue, 01 Jan 2030 00:00:00 GMT")]


def measure_transport(*, full: bool) -> Iterator[Row]:
    """CPU of one request through the live transport beside one without it."""
    del full
    bare, live = [], []
    for _ in range(ROUNDS):  # in turn, so that a machine that grows busy is busy for both
        bare.append(time_call(lambda: trio.run(_send_bare))[1].cpu_s / REQUESTS)
        live.append(time_call(lambda: trio.run(_send_live))[1].cpu_s / REQUESTS)
    ratio = median(ours / theirs for theirs, ours in zip(bare, live, strict=True))
    yield Row(
        work="one request to an application in process (CPU)",
        baseline=f"httpx.ASGITransport {1_000 * median(bare):.3f} ms",
        ours=f"live transport over it {1_000 * median(live):.3f} ms",
        ratio=ratio,
        goal=f"<= {GOAL}x",
        met=ratio <= GOAL,
        note=f"median of {ROUNDS} rounds of {REQUESTS:,} GETs one after another, through httpx.AsyncClient both times; "
        "budget with a limit that is never reached",
    )


async def _answer(scope: Any, receive: Any, send: Any) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


async def _send_bare() -> None:
    await _send(httpx.ASGITransport(app=_answer))


async def _send_live() -> None:
    clock = TrioClock(datetime(2030, 1, 1, tzinfo=UTC))
    budget = CallBudget(clock=clock, calls_per_minute=1_000_000, calls_per_day=10_000_000)
    await _send(LiveTransport(httpx.ASGITransport(app=_answer), clock=clock, budget=budget))


async def _send(transport: httpx.AsyncBaseTransport) -> None:
    mark = CallMark(system="Wave", purpose=Purpose.POLL, repeatable=True)
    async with open_http(transport) as http:
        for _ in range(REQUESTS):
            request = httpx.Request("GET", "https://wave.example/customers?since=1", extensions={CALL: mark})
            await (await http.send(request)).aread()
