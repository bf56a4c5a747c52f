"""An emulated system behind a faulty wire: repeatable calls succeed, and no retry of ours makes a second record.

Client, session, credentials, live transport, wire and emulator are the real ones; only tokens are handed out by a desk
in front of the emulator, which knows its users by name.
"""

import json
from collections import Counter
from dataclasses import fields
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.account import Account, Auth
from talkqa.model.errors import ApiUnavailable
from talkqa.model.protocols import SystemClient
from talkqa.model.record import Record
from talkqa.sandbox.dialects.emulator import Emulator
from talkqa.sandbox.dialects.registry import make_emulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.connect import make_client
from talkqa.transport.budget import CallBudget
from talkqa.transport.live import LiveTransport, Patience
from talkqa.transport.network import open_http
from talkqa.transport.wire import FaultyTransport, WireFaults
from tests.fakes.virtual import run_virtual
from tests.unit.sandbox.kit import BAKERY, VirtualClock

WORD = "ours"
URL = "http://bakery.sandbox"
CREATES = 100
"""Each followed by an update and a read."""


class TokenDesk:
    """Hands out tokens for the emulator's user, and forgets those that have expired."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.alive: set[str] = set()
        self.issued = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/token":
            self.issued += 1
            self.alive.add(f"token-{self.issued}")
            await _answer(send, 200, {"access_token": f"token-{self.issued}", "token_type": "Bearer"})
            return
        headers = dict(scope["headers"])
        if headers.get(b"authorization", b"").decode().removeprefix("Bearer ") not in self.alive:
            await _answer(send, 401, {"errors": [{"code": "dead_token", "message": "the token is over"}]})
            return
        headers[b"authorization"] = b"Bearer harness"
        await self.emulator({**scope, "headers": list(headers.items())}, receive, send)


async def _answer(send: Any, status: int, body: object) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


class World:
    """One system, reached through a wire that may be faulty."""

    def __init__(self, faults: WireFaults, *, seed: int, attempts: int = 6) -> None:
        clock = VirtualClock()
        self.store = SystemStore(BAKERY, clock, seed)
        self.desk = TokenDesk(make_emulator(self.store, clock, {}))
        self.wire = FaultyTransport(
            httpx.ASGITransport(app=self.desk),
            faults,
            clock=clock,
            system="Bakery",
            seed=seed,
            expire=self.desk.alive.discard,
        )
        self.budget = CallBudget(clock=clock, system="Bakery", calls_per_minute=300, concurrent=4)
        patience = Patience(attempt_s=25, attempts=attempts, total_s=900)
        self.live = LiveTransport(self.wire, clock=clock, budget=self.budget, patience=patience, seed=seed)
        auth = Auth(kind="client-credentials", client_id="us", client_secret=WORD, token_url=f"{URL}/token")
        self.client: SystemClient = make_client(
            BAKERY,
            Account(system="Bakery", url=URL, auth=auth),
            open_http(self.live),
            clock_now=clock.now,
            timeout_s=None,
            stamp=clock.stamp,
        )
        self.lost = 0
        self.refused = 0

    async def create(self, name: str) -> Record:
        """What a careful writer does: a create that ended in the dark is looked for before it is written again."""
        while True:
            try:
                return await self.client.create("Customer", {"name": name})
            except ApiUnavailable:
                self.lost += 1
                found = await self.client.find("Customer", "name", name)
                if found:
                    return found[0]

    async def work(self, numbers: range, every_s: float) -> None:
        for number in numbers:
            created = await self.create(f"n{number}")
            await self.client.update("Customer", created.id, {"nick": f"k{number}"})
            read = await self.client.get("Customer", created.id)
            assert read is not None
            assert (read.values["name"], read.values["nick"]) == (f"n{number}", f"k{number}")
            await trio.sleep(every_s)


def play(faults: WireFaults, *, workers: int, every_s: float, seed: int, attempts: int = 6) -> World:
    async def main() -> World:
        world = World(faults, seed=seed, attempts=attempts)
        async with trio.open_nursery() as nursery:
            for worker in range(workers):
                nursery.start_soon(world.work, range(worker, CREATES, workers), every_s)
        return world

    return run_virtual(main)


def names(world: World) -> Counter[Any]:
    """How many records have each name, deleted ones included."""
    records = world.store.entities["customer"].changes("", 0, 10_000)[0]
    return Counter(json.loads(record.body)["name"] for record in records)


def test_at_5_percent_of_calls_every_fault_leaves_every_record_once() -> None:
    done: Counter[str] = Counter()
    lost = 0
    for seed in range(5):
        world = play(WireFaults.evenly(0.05), workers=1, every_s=6, seed=seed)
        assert names(world) == Counter({f"n{number}": 1 for number in range(CREATES)})
        assert world.desk.issued >= 1 + world.wire.done.get("expired", 0)
        done.update(world.wire.done)
        lost += world.lost
    assert set(done) == {kind.name for kind in fields(WireFaults)}, "every fault befell some call"
    assert lost > 0, "some creates ended in the dark"


def test_at_a_quarter_of_all_calls_many_writers_leave_every_record_once() -> None:
    world = play(WireFaults.evenly(0.25), workers=6, every_s=10, seed=5, attempts=12)
    assert names(world) == Counter({f"n{number}": 1 for number in range(CREATES)})
    assert set(world.wire.done) == {kind.name for kind in fields(WireFaults)}
    assert world.lost > 0


def test_a_create_whose_answer_was_lost_is_told_and_not_repeated() -> None:
    async def main() -> tuple[Counter[Any], int]:
        world = World(WireFaults(), seed=0)
        await world.create("first")
        world.live._inner = FaultyTransport(
            world.wire, WireFaults(answer_lost=1), clock=VirtualClock(), system="Bakery"
        )
        with pytest.raises(ApiUnavailable, match=r"Bakery did not answer POST /Customer: .*no answer within 25 s"):
            await world.client.create("Customer", {"name": "second"})
        return names(world), world.live.use.retries

    assert run_virtual(main) == (Counter({"first": 1, "second": 1}), 0)


def test_a_faultless_wire_makes_no_retries() -> None:
    world = play(WireFaults(), workers=4, every_s=0, seed=0)
    assert (world.live.use.retries, world.lost, world.desk.issued) == (0, 0, 1)
    assert world.live.use.by_status.keys() == {200, 201}
