"""How the second engine is told of changes: small POSTs, some of them late, twice, out of order or lost."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any

import httpx
import trio

from talkqa.model.protocols import Clock

Hear = Callable[[str, str, str], None]
"""Takes system, entity and id."""
Message = MutableMapping[str, Any]


class Inbox:
    """The engine's own HTTP endpoint."""

    def __init__(self, hear: Hear) -> None:
        self._hear = hear

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Take one POST; the ASGI entry point."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        told = json.loads(body)
        self._hear(told["system"], told["entity"], told["id"])
        await send({"type": "http.response.start", "status": 202 if scope["method"] == "POST" else 405, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Courier:
    """What the systems send webhooks with."""

    def __init__(self, inbox: Inbox, clock: Clock, *, seed: int, lost: float, slowest_s: float) -> None:
        """Send to one endpoint.

        Args:
            inbox: The endpoint.
            clock: Of the world.
            seed: Of what goes wrong.
            lost: Share of webhooks that never arrive.
            slowest_s: How long one takes at most.
        """
        self._inbox = inbox
        self._clock = clock
        self._seed = seed
        self._lost = lost
        self._slowest_s = slowest_s
        self._waiting, self._due = trio.open_memory_channel[tuple[str, str, str]](100_000)
        self._count: dict[tuple[str, str, str], int] = {}

    def note(self, system: str, entity: str, record_id: str) -> None:
        """A record was written."""
        self._waiting.send_nowait((system, entity, record_id))

    async def run(self) -> None:
        """Send until cancelled."""
        transport = httpx.ASGITransport(app=self._inbox)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://engine.test", trust_env=False) as http,
            trio.open_nursery() as nursery,
        ):
            async for change in self._due:
                count = self._count[change] = self._count.get(change, 0) + 1
                drawn = sha256(f"{self._seed} {change} {count}".encode()).digest()
                if drawn[0] / 256 >= self._lost:
                    for times in range(1 + (drawn[1] < 26)):
                        nursery.start_soon(self._send, http, change, self._slowest_s * drawn[2 + times] / 256)

    async def _send(self, http: httpx.AsyncClient, change: tuple[str, str, str], delay_s: float) -> None:
        await self._clock.sleep(delay_s)
        system, entity, record_id = change
        await http.post("/changes", json={"system": system, "entity": entity, "id": record_id})
