"""Runs worlds of documents in the sandbox without pytest in between, and projects through the command line."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from talkqa.config import read_settings
from talkqa.documents.closure import RunningFlows
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.result import CheckFinished, Outcome
from talkqa.model.settings import Settings
from talkqa.model.world import World
from talkqa.runner.simulation import Select, Simulation, simulate
from talkqa.runner.stage import MakeEngine
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRun(Simulation):
    """What a world's run told, and how tests ask for it."""

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
        k: changes.pop(k)
        for k in ("licences_off", "faults", "quirks", "wire_faults", "limited", "weather")
        if k in changes
    }
    return replace(settings, sandbox=replace(settings.sandbox, **sandbox), **changes)


def read_worlds(paths: Sequence[Path], settings: Settings) -> tuple[World, ...]:
    """The worlds of some documents, each with what the others let the engine do between its systems."""
    documents = read_documents(paths, settings, root=PROJECT, cache=None).documents
    running = RunningFlows(documents)
    return tuple(running.beside(world) for world in group_worlds(documents))


def run_world(
    world: World,
    settings: Settings,
    folder: Path,
    *,
    select: Select = lambda _c, _f: True,
    root: Path = PROJECT,
    engine: MakeEngine | None = None,
) -> WorldRun:
    """Run the checklist of a world in the sandbox or from a recording, on virtual time, all scenarios at once.

    Args:
        world: What is promised.
        settings: Their mode is `sandbox` or `replay`.
        folder: Where the ledger goes.
        select: Which checks.
        root: Where cassettes lie.
        engine: Another engine than the reference engine.
    """
    told = simulate(world, settings, root=root, folder=folder, select=select, engine=engine, epoch=EPOCH)
    return WorldRun(world=told.world, results=told.results, events=told.events, finished=told.finished)


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
