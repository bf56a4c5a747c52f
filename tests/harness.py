"""Runs worlds of documents in the sandbox without pytest in between, and projects through the command line."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import trio
import trio.testing

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.phrases import IN_STEP, quotable
from talkqa.config import read_settings
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.check import Check
from talkqa.model.flow import Flow
from talkqa.model.result import CheckFinished, Event, Outcome, RunFinished
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan, World
from talkqa.runner.gate import ScenarioGate
from talkqa.runner.loop import seed_scheduler
from talkqa.runner.recordings import find_recording, settings_of
from talkqa.runner.stage import Opening, PreparedWorld
from talkqa.runner.worlds import WorldStage
from talkqa.verify.clock import TrioClock
from tests.fakes.clock import EPOCH

PROJECT = Path(__file__).parents[1]
SPECS = PROJECT / "specs"
SEED_SPECS = (
    "customcrm-salesforce",
    "custompms-salesforce",
    "customcrm-customerp",
    "customcrm-exactonline",
    "customcrm-wave",
)
"""The five documents that carry the flows of the project's seeds."""


@dataclass(frozen=True)
class WorldRun:
    """What a world's run told."""

    world: World
    results: Mapping[str, CheckFinished]
    """By check id."""
    events: Sequence[Event]
    finished: RunFinished

    def of(self, *outcomes: Outcome) -> list[CheckFinished]:
        """The results with one of these outcomes."""
        return [r for r in self.results.values() if r.outcome in outcomes]

    def told(self, *outcomes: Outcome) -> list[str]:
        """The same, in words to read when a test fails."""
        return [f"{r.check}: {r.outcome} {r.reason}: {r.message}" for r in self.of(*outcomes)]

    def verdicts(self) -> dict[str, tuple[str, str]]:
        """Check id to outcome and reason code."""
        return {check: (str(result.outcome), result.reason) for check, result in self.results.items()}

    def counts(self) -> Counter[str]:
        """Outcome to number."""
        return Counter(str(r.outcome) for r in self.results.values())


def project_settings(**changes: object) -> Settings:
    """The settings of this project, changed; those of the sandbox are given by their names alone."""
    settings = read_settings(PROJECT)
    sandbox = {
        k: changes.pop(k) for k in ("licences_off", "faults", "quirks", "wire_faults", "limited") if k in changes
    }
    return replace(settings, sandbox=replace(settings.sandbox, **sandbox), **changes)


def read_worlds(paths: Sequence[Path], settings: Settings) -> tuple[World, ...]:
    """The worlds of some documents."""
    return group_worlds(read_documents(paths, settings, root=PROJECT, cache=None).documents)


def run_world(
    world: World,
    settings: Settings,
    folder: Path,
    *,
    select: Callable[[Check, Flow], bool] = lambda _c, _f: True,
    root: Path = PROJECT,
) -> WorldRun:
    """Run the checklist of a world in the sandbox or from a recording, on virtual time, all scenarios at once.

    Args:
        world: What is promised.
        settings: Their mode is `sandbox` or `replay`.
        folder: Where the ledger goes.
        select: Which checks.
        root: Where cassettes lie.
    """
    recording = find_recording(world.slug, settings, root) if settings.mode == "replay" else None
    if recording is not None:
        settings = settings_of(recording, settings)
    plans = [
        ScenarioPlan(check=check.id, name=check.title, node=check.id, steps=_steps(flow, check))
        for flow in world.flows
        for check in derive_checks(flow, settings.depth)
        if select(check, flow)
    ]
    results: dict[str, CheckFinished] = {}
    events: list[Event] = []
    ended: list[RunFinished] = []

    async def main() -> None:
        seed_scheduler(f"{settings.seed}")
        gate = ScenarioGate()
        opening = Opening(
            clock=TrioClock(recording.facts.epoch if recording is not None else EPOCH),
            settings=settings,
            root=root,
            gate=gate,
            ledger_path=folder / "ledger.jsonl",
            emit=events.append,
        )
        prepared = PreparedWorld(slug=world.slug, world=world, recording=recording)

        async with WorldStage().open(prepared, opening) as opened:

            async def one(plan: ScenarioPlan) -> None:
                results[plan.check] = await opened.perform(plan, lambda _i, _r, _e: None)

            with gate.held_open():
                async with trio.open_nursery() as nursery:
                    for plan in plans:
                        nursery.start_soon(one, plan)
            ended.append(await opened.close(interrupted=False, wall_s=0.0))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return WorldRun(world=world, results=results, events=events, finished=ended[0])


def _steps(flow: Flow, check: Check) -> tuple[tuple[str, str], ...]:
    background = IN_STEP.render(source=quotable(flow.source.name), target=quotable(flow.target.name))
    return (("Given", background), *((step.keyword, step.text) for step in check.steps))


def heed_interrupts() -> None:
    """For a child process: heed Ctrl-C even where the tests themselves were started in a background that ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def call_talkqa(root: Path, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """Call the command line in a project, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "talkqa", *arguments],
        cwd=root,
        env={**os.environ, "CI": "true", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
