"""What a run needs of a world, as protocols: a stage prepares and opens worlds, an open world performs scenarios.

`worlds.py` has the stage of sandbox mode, `bare.py` the one for scenarios that need no world; tests bring their own
through the hook `pytest_talkqa_stage`.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol

from talkqa.model.protocols import Clock, Gate
from talkqa.model.result import CheckFinished, Event, RunFinished, StepResult
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan, World
from talkqa.redaction.secrets import Secrets
from talkqa.runner.manifest import WorldFolder
from talkqa.transport.recording import WorldRecording

if TYPE_CHECKING:
    from talkqa.sandbox.world import SandboxWorld

OnStep = Callable[[int, StepResult, BaseException | None], None]
"""Called after each step with its index, its result and what it raised."""

RunEngine = Callable[[Gate], Awaitable[NoReturn]]
"""Keeps the systems in step until cancelled; passes the gate before every cycle: it rests while nobody waits."""


class MakeEngine(Protocol):
    """Makes another engine than the reference engine, for the systems of a sandbox.

    Of the sandbox it may use what says what is to be done (`flows`, `schemas`, `conditions`, `connections`), what
    reaches the systems (`transport` and `account`, both for `engine`), the `clock`, and `listen`, which tells of each
    committed change as a webhook would. `SandboxWorld.run_engine` is what it hands back for the reference engine.
    """

    def __call__(self, sandbox: "SandboxWorld", /) -> RunEngine:
        """The engine of one world; nothing runs yet."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedWorld:
    """A world before its systems are opened."""

    slug: str
    documents: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    """One line a system: its name, where its schema comes from, licences that are off."""
    world: World | None = None
    """None for scenarios that need no systems."""
    settings: Settings | None = None
    """Those of the recording that is replayed; None for the run's own."""
    epoch: datetime | None = None
    """What second 0 was called in the recording; None for the run's own."""
    recording: WorldRecording | None = None
    """What is replayed; None where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a stage is given to open a world with."""

    clock: Clock
    settings: Settings
    root: Path
    gate: Gate
    ledger_path: Path
    emit: Callable[[Event], None]
    """`CheckFinished` and `RunFinished` are taken from what the world's methods return instead."""
    run_id: str = ""
    secrets: Secrets = field(default_factory=Secrets)
    """What is secret in the run; whoever speaks to a system adds to it."""
    engine: MakeEngine | None = None
    """Of a sandbox: another engine than the reference engine."""


class PlacedScenario(Protocol):
    """A scenario that is performed one step at a time."""

    async def step(self, index: int) -> StepResult:
        """Perform one step to its end; raises what decided against it."""
        ...

    async def finish(self, steps: tuple[StepResult, ...], failure: BaseException | None) -> CheckFinished:
        """The verdict, from the results of all steps (also those not ours) and what the last of them raised."""
        ...


class OpenWorld(Protocol):
    """A world whose systems answer."""

    async def perform(self, plan: ScenarioPlan, on_step: OnStep) -> CheckFinished:
        """Perform a scenario from its first step to its verdict; raises nothing but `trio.Cancelled`."""
        ...

    def place(self, plan: ScenarioPlan) -> PlacedScenario:
        """Begin a scenario that is to be performed step by step."""
        ...

    async def close(self, *, interrupted: bool, wall_s: float) -> RunFinished:
        """Delete or archive what the run left."""
        ...


class Stage(Protocol):
    """Where worlds come from."""

    def prepare(self, folder: WorldFolder, settings: Settings, root: Path) -> PreparedWorld:
        """Read what a world promises; raises a `TalkqaError` where it cannot be read."""
        ...

    def open(self, prepared: PreparedWorld, opening: Opening) -> AbstractAsyncContextManager[OpenWorld]:
        """Open its systems."""
        ...
