"""Single calls through a recorder and a replayer, with answers as scripted; in virtual time."""

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.call import CALL, CallMark, PollShape, Purpose
from talkqa.transport.recorder import Recorder
from talkqa.transport.recording import WorldRecording
from talkqa.transport.replayer import Replayer
from talkqa.transport.shelf import read_recording
from talkqa.verify.clock import TrioClock
from tests.fakes.virtual import run_virtual
from tests.unit.transport.cassette_story import EPOCH, facts

SHAPE = PollShape(
    key="CRM/Person", items=("data", "rows"), id=("id",), modified=("changed",), last_page=((("data", "next"), None),)
)
Answer = httpx.Response | Exception | Callable[[httpx.Request], Awaitable[httpx.Response]]


class Wire:
    """Sends calls through one transport and keeps what came of them."""

    def __init__(self, transport: httpx.AsyncBaseTransport, clock: TrioClock) -> None:
        self.transport = transport
        self.clock = clock

    async def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        actor: str = "check",
        purpose: Purpose | None = None,
        poll: PollShape | None = None,
    ) -> httpx.Response:
        natural = Purpose.POLL if poll else Purpose.CONFIRM if method == "GET" else Purpose.WRITE
        mark = CallMark(system="CRM", purpose=natural if purpose is None else purpose, actor=actor, poll=poll)
        return await self.transport.handle_async_request(
            httpx.Request(method, f"http://crm.sandbox{url}", json=body, extensions={CALL: mark})
        )

    async def poll(self, cursor: str = "", actor: str = "", body: Any = None) -> list[Any]:
        """The records of one answer to a poll."""
        url = f"/rows?since={cursor}" if cursor else "/rows"
        answer = await self.call("POST" if body else "GET", url, body, actor=actor, purpose=Purpose.POLL, poll=SHAPE)
        rows: list[Any] = answer.json()["data"]["rows"]
        return rows

    async def until(self, at_s: float) -> None:
        await trio.sleep(max(0.0, at_s - self.clock.now()))


Story = Callable[[Wire], Awaitable[None]]


def page(*rows: Mapping[str, Any], following: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"data": {"rows": list(rows), "next": following}, "side": [{"body": "foreign"}]})


def row(record_id: str, name: str = "ours", **more: Any) -> dict[str, Any]:
    return {"id": record_id, "name": name, "changed": "2030", **more}


def ours(item: Mapping[str, Any]) -> bool:
    return str(item.get("name", "")).startswith("ours")


def record(
    folder: Path, story: Story, answers: list[Answer], *, account: Account | None = None, complete: bool = True
) -> WorldRecording:
    """Record a story whose calls get these answers, in order; each takes 0.1 s."""

    async def play() -> None:
        clock = TrioClock(EPOCH)
        left = iter(answers)

        async def handle(request: httpx.Request) -> httpx.Response:
            answer = next(left)
            await trio.sleep(0.1)
            if isinstance(answer, Exception):
                raise answer
            return answer if isinstance(answer, httpx.Response) else await answer(request)

        recorder = Recorder(folder, facts=facts(), clock=clock, is_ours=ours)
        await story(Wire(recorder.transport("CRM", httpx.MockTransport(handle), account), clock))
        recorder.save(complete=complete)

    run_virtual(play)
    return read_recording(folder)


def replay(recording: WorldRecording, story: Story) -> Replayer:
    """Play a story from a recording."""

    async def play() -> Replayer:
        clock = TrioClock(EPOCH)
        replayer = Replayer(recording, clock)
        await story(Wire(replayer.transport("CRM"), clock))
        return replayer

    return run_virtual(play)


def told(folder: Path) -> list[dict[str, Any]]:
    """The interactions of the cassette as they lie in the file."""
    found: list[dict[str, Any]] = json.loads((folder / "crm.json").read_text())["interactions"]
    return found
