"""Simulations by the hundred: each is a value, performed in this process or in several beside it.

Used by the fault matrix, by campaigns of the correct engine and by the shrinker.
"""

import logging
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import ClassVar

from talkqa.checklist.derive import derive_checks
from talkqa.model.check import Check
from talkqa.model.errors import ConfigError, RunError
from talkqa.model.flow import Flow
from talkqa.model.result import BROKEN, CheckFinished, Outcome, SystemUsed
from talkqa.model.settings import Settings, Weather
from talkqa.model.world import World
from talkqa.runner.performance import cause_of_world, conclude, first_of
from talkqa.runner.simulation import Simulation, plan_scenarios, simulate

WRONG = BROKEN | {Outcome.ERROR}
"""Outcomes that no check of a correct engine may have, whatever the weather."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One simulation: all that its outcome depends on beside the documents and the project's settings."""

    world: str
    """Slug."""
    seed: int
    weather: Weather = field(default_factory=Weather)
    faults: tuple[str, ...] = ()
    """Of the reference engine; none for the correct one."""
    quirks: tuple[tuple[str, bool], ...] = ()
    """What emulated systems do otherwise than by default."""
    licences_off: tuple[str, ...] = ()
    flow_id: str | None = None
    """The only flow that is checked; None for all."""
    checks: tuple[str, ...] | None = None
    """The only checks performed; None for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What came of an experiment."""

    results: Mapping[str, CheckFinished]
    """By check id, without observations and steps."""
    records: int
    """Records that the checks created."""
    writes: int
    """Calls that created, edited or deleted."""
    left: tuple[str, ...]
    """Records that could not be removed at the end."""
    end_s: float
    """Virtual seconds."""
    cpu_s: float

    def wrong(self) -> tuple[CheckFinished, ...]:
        """What no correct engine may be told, by check id."""
        return tuple(self.results[check] for check in sorted(self.results) if self.results[check].outcome in WRONG)


class Laboratory:
    """Performs experiments on the worlds of a project."""

    def __init__(self, worlds: Sequence[World], settings: Settings, root: Path) -> None:
        """Prepare.

        Args:
            worlds: Any that experiments name.
            settings: Of the project; each experiment changes them.
            root: Folder of the project.
        """
        self.worlds = {world.slug: world for world in worlds}
        self.settings = replace(settings, mode="sandbox", record=False, clock="virtual")
        self.root = root

    def perform(self, experiment: Experiment) -> Findings:
        """What comes of an experiment: equal experiments give equal findings, but for the time they take.

        A world that breaks is an error of each of its checks, so that no other experiment is lost with it.

        Raises:
            ConfigError: for an experiment that the sandbox cannot do.
            RunError: likewise.
        """
        began_s = process_time()
        try:
            told = self._simulated(experiment)
        except Exception as error:
            if isinstance(first_of(error), ConfigError | RunError):
                raise
            return self._broken(experiment, error, process_time() - began_s)
        used = [event for event in told.events if isinstance(event, SystemUsed)]
        return Findings(
            results={check: replace(one, observations=(), steps=()) for check, one in sorted(told.results.items())},
            records=sum(sum(one.created.values()) for one in used),
            writes=sum(one.by_purpose.get("write", 0) for one in used),
            left=told.finished.left,
            end_s=told.finished.end_s,
            cpu_s=process_time() - began_s,
        )

    def _simulated(self, experiment: Experiment) -> Simulation:
        with TemporaryDirectory(prefix="talkqa-faults-") as folder:
            return simulate(
                self.worlds[experiment.world],
                self._settings_of(experiment),
                root=self.root,
                folder=Path(folder),
                select=lambda check, flow: _is_selected(experiment, check, flow),
            )

    def _broken(self, experiment: Experiment, error: Exception, cpu_s: float) -> Findings:
        """What is said of every check where its world broke."""
        plans = plan_scenarios(
            self.worlds[experiment.world],
            self._settings_of(experiment),
            lambda check, flow: _is_selected(experiment, check, flow),
        )
        ended = (conclude(p, begin_s=0.0, end_s=0.0, steps=(), failure=error, reason="world-broke") for p in plans)
        told = {one.check: replace(one, outcome=Outcome.ERROR, cause=cause_of_world(error)) for one in ended}
        return Findings(results=dict(sorted(told.items())), records=0, writes=0, left=(), end_s=0.0, cpu_s=cpu_s)

    def perform_all(
        self, experiments: Sequence[Experiment], *, jobs: int = 1, on_done: Callable[[], object] = lambda: None
    ) -> tuple[Findings, ...]:
        """The findings of experiments, in their order.

        Args:
            experiments: Of these worlds.
            jobs: How many processes share the work; 1 for this one alone.
            on_done: Called after each of them.
        """
        found: list[Findings] = []
        for one in self.perform_each(experiments, jobs=jobs):
            found.append(one)
            on_done()
        return tuple(found)

    def perform_each(self, experiments: Sequence[Experiment], *, jobs: int = 1) -> Iterator[Findings]:
        """The findings of experiments, in their order, each as soon as those before it are there."""
        if jobs == 1 or len(experiments) < 2:
            yield from map(self.perform, experiments)
            return
        # Spawned: a fork would take along whatever threads the caller has.
        with ProcessPoolExecutor(
            min(jobs, len(experiments)),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_Worker.start,
            initargs=(tuple(self.worlds.values()), self.settings, self.root),
        ) as pool:
            try:
                yield from pool.map(_Worker.perform, experiments)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def checks_of(self, experiment: Experiment) -> tuple[str, ...]:
        """Ids of the checks that an experiment performs, sorted."""
        world, settings = self.worlds[experiment.world], self._settings_of(experiment)
        return tuple(
            sorted(
                check.id
                for flow in world.flows
                for check in derive_checks(flow, settings.depth)
                if _is_selected(experiment, check, flow)
            )
        )

    def flow(self, world: str, flow_id: str) -> Flow:
        """A flow of a world.

        Raises:
            RunError: where the world has none of that id.
        """
        for flow in self.worlds[world].flows:
            if flow.id == flow_id:
                return flow
        raise RunError(f"{world} has no flow {flow_id}")

    def _settings_of(self, experiment: Experiment) -> Settings:
        sandbox = replace(
            self.settings.sandbox,
            weather=experiment.weather,
            faults=experiment.faults,
            quirks={**self.settings.sandbox.quirks, **dict(experiment.quirks)},
            licences_off=self.settings.sandbox.licences_off | set(experiment.licences_off),
        )
        return replace(self.settings, sandbox=sandbox, seed=experiment.seed)


def hush() -> None:
    """Let the sandbox's engine keep its warnings to itself: in rough weather it has hundreds, and none is about us."""
    logging.getLogger("talkqa.sandbox").setLevel(logging.ERROR)


class _Worker:
    """What a process of the pool has."""

    laboratory: ClassVar[Laboratory]

    @classmethod
    def start(cls, worlds: tuple[World, ...], settings: Settings, root: Path) -> None:
        hush()
        cls.laboratory = Laboratory(worlds, settings, root)

    @classmethod
    def perform(cls, experiment: Experiment) -> Findings:
        return cls.laboratory.perform(experiment)


def _is_selected(experiment: Experiment, check: Check, flow: Flow) -> bool:
    if experiment.flow_id not in (None, flow.id):
        return False
    return experiment.checks is None or check.id in experiment.checks
