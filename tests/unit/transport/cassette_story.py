"""A small world to record and replay: one emulated system, an engine that answers every new person, several actors.

Everything runs in virtual time. `record` plays a story beside the engine and gives the folder that was written;
`replay` plays it again from there.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.call import ACTOR
from talkqa.model.protocols import SystemClient
from talkqa.model.record import Record
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.runner.loop import seed_scheduler
from talkqa.sandbox.dialects.rest import RestEmulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.connect import make_client
from talkqa.transport.recorder import Recorder
from talkqa.transport.recording import RecordingFacts, WorldRecording
from talkqa.transport.replayer import Replayer
from talkqa.transport.shelf import Saved, read_recording
from talkqa.verify.clock import TrioClock
from talkqa.verify.observer import Observer
from tests.fakes.virtual import run_virtual

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
RECORDED = datetime(2031, 5, 1, 12, tzinfo=UTC)
POLL_S = 4.0
OBSERVE_S = 0.001
"""Between two polls of a replay's observer, beside its wait for the next recorded answer."""
URL = "http://crm.sandbox"
OURS = "probe"
"""What every record of the story holds in its name."""


def text(path: str, **more: Any) -> FieldSchema:
    return FieldSchema(path=path, type=FieldType.STRING, **{"max_length": 200, **more})


PERSON = EntitySchema(
    name="Person",
    fields=(text("name"), text("nick"), text("note")),
    modified_field="changed",
    modified_by_field="by",
    name_field="name",
)
CRM = SystemSchema(name="Custom CRM", entities=(PERSON,))

Story = Callable[["Stage"], Awaitable[None]]


@dataclass(slots=True)
class Stage:
    """What a story plays on."""

    client: SystemClient
    clock: TrioClock
    observer: Observer
    log: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    """Actor to what happened to it, and when."""

    def tell(self, what: str) -> None:
        self.log.setdefault(ACTOR.get(), []).append((what, round(self.clock.now(), 4)))


def facts(**more: Any) -> RecordingFacts:
    return RecordingFacts(
        **{
            "slug": "custom-crm/salesforce",
            "run_id": "run-1",
            "version": "1",
            "recorded_at": RECORDED,
            "epoch": EPOCH,
            "seed": 3,
            "poll_s": POLL_S,
            "patience_s": 60.0,
            **more,
        }
    )


def is_ours(item: Mapping[str, Any]) -> bool:
    return any(isinstance(value, str) and OURS in value for value in item.values())


@asynccontextmanager
async def stage_on(
    transport: httpx.AsyncBaseTransport,
    account: Account,
    clock: TrioClock,
    poll_s: float,
    replayer: Replayer | None = None,
) -> Any:
    def due_s() -> float:
        """A replay's observer asks when it was answered."""
        now_s = clock.now()
        if replayer is None or poll_s > OBSERVE_S:
            return 0.0
        answered_s = replayer.next_answer_s(CRM.name, "Person", now_s)
        return POLL_S if answered_s is None else max(0.0, answered_s - now_s)

    async with httpx.AsyncClient(transport=transport) as http, trio.open_nursery() as nursery:
        client = make_client(CRM, account, http, clock_now=clock.now, timeout_s=None)
        observer = Observer(client, "Person", clock, poll_s, due_s=due_s)
        await observer.prime()
        nursery.start_soon(observer.run)
        yield Stage(client=client, clock=clock, observer=observer)
        nursery.cancel_scope.cancel()


async def engine(client: SystemClient, clock: TrioClock) -> None:
    """Give every person of the story a nick; it polls, so that it takes a while."""
    cursor, known = None, set[str]()
    while True:
        changes = await client.changes("Person", cursor)
        cursor = changes.cursor
        for record in changes.records:
            name = str(record.values.get("name") or "")
            if (
                not record.deleted
                and OURS in name
                and record.values.get("nick") != name[::-1]
                and record.id not in known
            ):
                await client.update("Person", record.id, {"nick": name[::-1]})
        await clock.sleep(3.0)


async def follow(stage: Stage, record: Record, nick: str) -> Record:
    seen = await stage.observer.wait_for(
        lambda sighting: sighting.record.values.get("nick") == nick, within_s=60.0, record_id=record.id
    )
    assert seen is not None, f"{nick} did not arrive"
    return seen.record


async def check(stage: Stage, name: str) -> None:
    """What one scenario does: create, wait, edit, wait, look again, remove."""
    ACTOR.set(name)
    described = await stage.client.describe("Person")
    stage.tell(f"described {len(described.fields)}")
    made = await stage.client.create("Person", {"name": f"{OURS} {name}", "note": "å"})
    stage.tell(f"made {made.id}")
    made = await follow(stage, made, f"{OURS} {name}"[::-1])
    stage.tell(f"seen {made.modified} by {made.modified_by}")
    await stage.client.update("Person", made.id, {"name": f"{OURS} again {name}"})
    edited = await follow(stage, made, f"{OURS} again {name}"[::-1])
    stage.tell(f"edited {edited.values['nick']}")
    await stage.observer.poll()
    read = await stage.client.get("Person", made.id)
    stage.tell(f"read {read and read.modified}")
    found = await stage.client.find("Person", "name", f"{OURS} again {name}")
    stage.tell(f"found {[one.id for one in found]}")
    if name.endswith("1"):
        await stage.client.delete("Person", made.id)
        stage.tell(f"deleted, {await stage.client.get('Person', made.id)} left")


STARTS = {"check-0": 0.5, "check-1": 0.5, "check-2": 7.3, "check-3": 21.0, "check-4": 90.0}


async def play(stage: Stage, starts: Mapping[str, float], note: Callable[[str, float], None]) -> None:
    async def begin(name: str, at_s: float) -> None:
        await stage.clock.sleep(at_s - stage.clock.now())
        note(name, stage.clock.now())
        await check(stage, name)

    async with trio.open_nursery() as nursery:
        for name, at_s in starts.items():
            nursery.start_soon(begin, name, at_s)


@dataclass(frozen=True)
class Recorded:
    """What a recorded story left."""

    folder: Path
    log: dict[str, list[tuple[str, float]]]
    saved: Saved


def record(folder: Path, starts: Mapping[str, float] = STARTS, **more: Any) -> Recorded:
    """Record the story of these checks."""

    async def story() -> Recorded:
        clock = TrioClock(EPOCH)
        app = RestEmulator(SystemStore(CRM, clock, 0), clock)
        inner = httpx.ASGITransport(app=app)
        account = app.account(URL, "harness")
        recorder = Recorder(folder, facts=facts(), clock=clock, is_ours=is_ours, **more)
        async with httpx.AsyncClient(transport=inner) as http, trio.open_nursery() as nursery:
            outside = make_client(CRM, app.account(URL, "engine"), http, clock_now=clock.now)
            for number in range(3):
                await outside.create("Person", {"name": f"somebody {number}", "note": "private"})
            nursery.start_soon(engine, outside, clock)
            async with stage_on(recorder.transport(CRM.name, inner, account), account, clock, POLL_S) as stage:
                await play(stage, starts, recorder.note_start)
                log = stage.log
            await outside.update(
                "Person", (await outside.changes("Person", None)).records[0].id, {"note": "private too"}
            )
            nursery.cancel_scope.cancel()
        return Recorded(folder=folder, log=log, saved=recorder.save())

    seed_scheduler("the same turns each time")
    return run_virtual(story)


@dataclass(frozen=True)
class Replayed:
    """What a replayed story left."""

    log: dict[str, list[tuple[str, float]]]
    replayer: Replayer
    observer: Observer


def replay(
    folder: Path,
    chosen: Iterable[str] = STARTS,
    *,
    poll_s: float = OBSERVE_S,
    around: Callable[[Stage], Awaitable[None]] | None = None,
    recording: WorldRecording | None = None,
) -> Replayed:
    """Replay the story of some of the recorded checks; `around` runs beside it."""
    found = recording or read_recording(folder)

    async def story() -> Replayed:
        clock = TrioClock(found.facts.epoch)
        replayer = Replayer(found, clock)
        starts = {name: found.starts[name].at_s for name in chosen}
        transport = replayer.transport(CRM.name)
        account = found.account(CRM.name)
        async with stage_on(transport, account, clock, poll_s, replayer) as stage, trio.open_nursery() as nursery:
            if around is not None:
                nursery.start_soon(around, stage)
            await play(stage, starts, lambda _name, _at: None)
            nursery.cancel_scope.cancel()
        return Replayed(log=stage.log, replayer=replayer, observer=stage.observer)

    return run_virtual(story)
