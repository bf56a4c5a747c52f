"""One world while it runs: opened, its scenarios performed ahead or in place, swept, and told as events.

A `LiveWorld` belongs to the loop's thread; pytest's thread reads only what is marked so, and calls `write_unrun` once
the loop is gone.
"""

import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from math import inf
from pathlib import Path
from typing import TypeVar

import trio

from talkqa import __version__
from talkqa.model.errors import TalkqaError
from talkqa.model.result import BROKEN, Cause, CheckFinished, Event, Outcome, RunFinished, RunStarted, StepResult
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan
from talkqa.redaction.secrets import Secrets
from talkqa.runner.board import Board
from talkqa.runner.capture import CURRENT_NODE
from talkqa.runner.checkbook import CheckBook
from talkqa.runner.events import EventWriter, Redact, world_file
from talkqa.runner.gate import ScenarioGate
from talkqa.runner.loop import hold_time, seed_scheduler
from talkqa.runner.performance import cause_of_world, describe, not_run_steps, perform_scenario, perform_step
from talkqa.runner.schedule import FailureLimit
from talkqa.runner.settling import Settlement
from talkqa.runner.signing import describe_accounts, digest_inputs
from talkqa.runner.stage import Opening, OpenWorld, PlacedScenario, PreparedWorld, Stage
from talkqa.runner.vocabulary import Vocabulary
from talkqa.verify.clock import TrioClock

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What all worlds of a run share."""

    run_id: str
    run_dir: Path
    root: Path
    """Directory of the project; paths of documents are relative to it."""
    settings: Settings
    epoch: datetime
    """What second 0 of the run's clock is called."""
    serial: bool = False
    max_failures: int = 0
    """Where pytest stops; 0 for never."""
    secrets: Secrets = field(default_factory=Secrets)
    """What is secret in the run, as far as known; grows as it goes on."""
    today: date = field(default_factory=lambda: datetime.now().astimezone().date())
    """Decides which waivers have run out; a day of the calendar, whatever the run's clock says."""

    @property
    def virtual(self) -> bool:
        """Whether time is virtual."""
        return self.settings.clock == "virtual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A scenario and its place in the order of the selected items."""

    order: int
    plan: ScenarioPlan


class LiveWorld:
    """One world from its opening to its sweep."""

    def __init__(
        self,
        *,
        prepared: PreparedWorld,
        stage: Stage,
        facts: RunFacts,
        board: Board,
        vocabulary: Vocabulary,
        redact: Redact,
        ahead: tuple[Slot, ...],
        in_place: tuple[Slot, ...],
        uncollected: tuple[str, ...] = (),
    ) -> None:
        self.prepared = prepared
        self.ahead = ahead
        self.in_place = in_place
        self.done = threading.Event()
        """Set when nothing of the world runs any more; any thread may read it."""
        self.ahead_done = threading.Event()
        """Set when no scenario runs ahead any more; any thread may read it."""
        self.decided = 0
        """How many scenarios have a verdict; any thread may read it."""
        self.now_s = 0.0
        """The world's time when something last happened; any thread may read it."""
        self.settings = prepared.settings or facts.settings
        """The run's, or those of the recording that is replayed."""
        self._epoch = prepared.epoch or facts.epoch
        self._uncollected = uncollected
        self._stage, self._facts, self._board, self._vocabulary = stage, facts, board, vocabulary
        self._book = CheckBook(prepared.world)
        self._settlement = Settlement.of(facts.settings, facts.today, prepared.world, self._book.ids)
        self._writer = EventWriter(facts.run_dir / f"{world_file(prepared.slug)}.jsonl", redact)
        self._open_plans = {slot.plan.node: slot.plan for slot in sorted((*ahead, *in_place), key=lambda s: s.order)}
        self._send, self._receive = trio.open_memory_channel[tuple[Slot, FailureLimit]](inf)
        self._gate = ScenarioGate()
        self._opened, self._released = trio.Event(), trio.Event()
        self._life, self._work, self._sweeping = trio.CancelScope(), trio.CancelScope(), trio.CancelScope(shield=True)
        self._step_scopes: set[trio.CancelScope] = set()
        self._placed: dict[str, PlacedScenario] = {}
        self._world: OpenWorld | None = None
        self._clock: TrioClock | None = None
        self.begun = False
        """Whether the world was ever opened, or tried to be; any thread may read it."""
        self._stopped = self._interrupted = self._parked = self._written_to = False
        self._begun_wall = time.monotonic()
        self._failure: BaseException | None = None
        self._finished: RunFinished | None = None
        if not ahead:
            self.admit_no_more()
        if not in_place:
            self.release()

    # the world as a whole
    async def run(self) -> None:
        """Open the world, perform what is admitted, sweep; returns at once where that was begun already."""
        if self.begun or self._stopped:
            return
        self.begun = True
        self._begun_wall = time.monotonic()
        if not self._facts.virtual:
            self._epoch = datetime.now(UTC)  # a world may open long after the run began
        self._clock = clock = TrioClock(self._epoch)
        self._tell_start()
        opening = Opening(
            clock=clock,
            settings=self.settings,
            root=self._facts.root,
            gate=self._gate,
            ledger_path=self._facts.run_dir / f"{world_file(self.prepared.slug)}.ledger.jsonl",
            emit=self._pass_on,
            run_id=self._facts.run_id,
            secrets=self._facts.secrets,
        )
        try:
            with self._life:
                async with self._stage.open(self.prepared, opening) as world:
                    await self._serve_and_sweep(world)
        except trio.Cancelled:
            self._stopped = True
            raise
        except BaseException as error:  # noqa: BLE001 - becomes the verdict of each scenario that is left
            self._failure = error
        finally:
            self._end()

    def admit(self, slot: Slot, limit: FailureLimit) -> None:
        """Let a scenario begin as soon as the world is open."""
        self._send.send_nowait((slot, limit))

    def admit_no_more(self) -> None:
        """Tell that every scenario that runs ahead was admitted or refused."""
        self._send.close()

    def release(self) -> None:
        """Tell that no scenario will be performed in place any more."""
        self._released.set()

    def stop(self, *, interrupted: bool) -> None:
        """Cancel every scenario, then sweep; `interrupted` where a person stopped the run."""
        self._stopped, self._interrupted = True, interrupted
        (self._work if self._opened.is_set() else self._life).cancel()
        self._cancel_steps()

    def abandon(self) -> None:
        """Give up the sweep too; what is left stands in the ledger."""
        self._sweeping.cancel()
        self._life.cancel()

    def write_unrun(self, failure: BaseException | None, *, stopped: bool, interrupted: bool) -> None:
        """Tell the verdict of what never ran; called in pytest's thread when no loop has the world any more."""
        if self.done.is_set():
            return
        if not self.begun:
            self._tell_start()
        self._failure = self._failure or failure
        self._stopped, self._interrupted = stopped, interrupted
        self._end()

    def write_interrupted(self) -> None:
        """Tell once more how the world ended, where it had before a person stopped the run; in pytest's thread."""
        if self._finished is not None and not self._finished.interrupted:
            self._write(replace(self._finished, interrupted=True))
            self._writer.close()

    async def _serve_and_sweep(self, world: OpenWorld) -> None:
        try:
            with self._work:
                self._world = world
                self._written_to = True
                self._opened.set()
                async with trio.open_nursery() as nursery:
                    async for slot, limit in self._receive:
                        nursery.start_soon(self._perform, world, slot, limit)
                self._parked = True
                hold_time(still=True)
                self.ahead_done.set()
                await self._released.wait()
        finally:
            self._parked = False
            hold_time(still=False)
            with self._sweeping:
                wall_s = time.monotonic() - self._begun_wall
                self._finished = await world.close(interrupted=self._interrupted, wall_s=wall_s)

    def _end(self) -> None:
        self._world = None
        self._opened.set()  # whoever waits for the world finds it gone
        self._cancel_steps()
        for plan in tuple(self._open_plans.values()):
            self._conclude(self._given_up(plan))
        self._write(
            self._finished
            or RunFinished(
                world=self.prepared.slug,
                interrupted=self._interrupted,
                end_s=self.now_s,
                wall_s=time.monotonic() - self._begun_wall,
                swept=0,
                left=self._unswept() if self._written_to else (),
            )
        )
        self._writer.close()
        self.ahead_done.set()
        self.done.set()

    def _unswept(self) -> tuple[str, ...]:
        why = f" ({describe(self._failure)})" if self._failure is not None else ""
        return (f"the sweep did not end{why}; `talkqa sweep` finishes it",)

    def _given_up(self, plan: ScenarioPlan) -> CheckFinished:
        if self._failure is not None:
            cause, message = cause_of_world(self._failure), describe(self._failure)
            if self._written_to or cause is Cause.HARNESS:
                finished = self._give_up(plan, Outcome.ERROR, "world-broke", message)
            else:
                finished = self._give_up(plan, Outcome.ERROR, "world-refused", message)
            return replace(finished, cause=cause)
        if self._stopped:
            return self._give_up(plan, Outcome.NOT_RUN, "stopped", "the run was stopped before its verdict")
        return self._give_up(plan, Outcome.NOT_RUN, "skipped", "pytest skipped it")

    def _after_failure(self, plan: ScenarioPlan) -> CheckFinished:
        return self._give_up(plan, Outcome.NOT_RUN, "stopped", "pytest stopped at a failure before it")

    # scenarios that run ahead
    async def _perform(self, world: OpenWorld, slot: Slot, limit: FailureLimit) -> None:
        plan = slot.plan
        if not limit.admits(slot.order):
            self._conclude(self._after_failure(plan))
            return
        CURRENT_NODE.set(plan.node)
        failed = False
        scope = limit.enter(slot.order)
        try:
            with scope, self._gate.held_open():
                finished = self._settlement.settle(await self._verdict(world, plan))
                failed = finished.outcome in BROKEN or finished.outcome is Outcome.ERROR
                self._conclude(finished)
            if scope.cancelled_caught:
                self._conclude(self._after_failure(plan))
        finally:
            limit.leave(slot.order, failed=failed)

    async def _verdict(self, world: OpenWorld, plan: ScenarioPlan) -> CheckFinished:
        try:
            return await perform_scenario(
                world,
                plan,
                vocabulary=self._vocabulary,
                clock=self._running_clock(),
                on_step=lambda index, result, error: self._told_step(plan, index, result, error),
            )
        except trio.Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - one scenario's defect is not the world's
            return self._give_up(plan, Outcome.ERROR, "harness-bug", describe(error))

    def _told_step(self, plan: ScenarioPlan, index: int, result: StepResult, error: BaseException | None) -> None:
        self.now_s = max(self.now_s, result.end_s)
        self._board.put_step(plan.node, index, result, error)

    # scenarios that are performed in place; each call is a task of its own
    async def begin_in_place(self, plan: ScenarioPlan) -> None:
        """Wait for the world and begin a scenario in it.

        Raises:
            TalkqaError: where the world broke or was stopped.
        """
        await self._opened.wait()
        if self._facts.virtual:
            # What was begun before must not decide in which order tasks take turns now.
            seed_scheduler(f"{self.settings.seed}/{plan.check}")
        CURRENT_NODE.set(plan.node)
        self._placed[plan.node] = self._living().place(plan)

    async def step_in_place(self, plan: ScenarioPlan, index: int) -> StepResult:
        """Perform one step to its end, and let time pass only meanwhile.

        Raises:
            TalkqaError: where the world broke or was stopped; else whatever decided against the step.
        """
        clock, placed = self._running_clock(), self._placed[plan.node]
        result = await self._within(
            plan, partial(perform_step, placed, plan, index, vocabulary=self._vocabulary, clock=clock)
        )
        if result is None:
            raise TalkqaError(self._gone())
        return result

    async def finish_in_place(
        self, plan: ScenarioPlan, steps: tuple[StepResult, ...], failure: BaseException | None
    ) -> CheckFinished:
        """The verdict over a scenario performed in place."""
        rest = not_run_steps(plan, len(steps), self.clock_now())
        finished = await self._within(plan, partial(self._placed.pop(plan.node).finish, (*steps, *rest), failure))
        return self._conclude(self._settlement.settle(finished or self._given_up(plan)))

    async def _within(self, plan: ScenarioPlan, work: Callable[[], Awaitable[T]]) -> T | None:
        """What a piece of work gave; None where the world ended meanwhile."""
        self._living()
        CURRENT_NODE.set(plan.node)
        with trio.CancelScope() as scope, self._gate.held_open():
            self._step_scopes.add(scope)
            hold_time(still=False)
            try:
                return await work()
            finally:
                self._step_scopes.discard(scope)
                # A shut gate stops the engine at its next turn only; what sleeps must not be woken meanwhile either.
                hold_time(still=self._parked)
        return None

    def _running_clock(self) -> TrioClock:
        if self._clock is None:
            raise TalkqaError(self._gone())
        return self._clock

    def clock_now(self) -> float:
        """Seconds of the world's clock; in the loop's thread only."""
        return self._clock.now() if self._clock is not None else 0.0

    async def read_clock(self) -> float:
        """Seconds of the world's clock, for who has to ask through the loop."""
        return self.clock_now()

    def _living(self) -> OpenWorld:
        if self._world is None:
            raise TalkqaError(self._gone())
        return self._world

    def _gone(self) -> str:
        why = describe(self._failure) if self._failure is not None else "it was stopped"
        return f"the world {self.prepared.slug} is not running: {why}"

    def _cancel_steps(self) -> None:
        for scope in self._step_scopes:
            scope.cancel()

    # events
    def _tell_start(self) -> None:
        settings = self.settings
        self._write(
            RunStarted(
                run=self._facts.run_id,
                world=self.prepared.slug,
                mode="record" if settings.mode == "live" and settings.record else settings.mode,
                clock=settings.clock,
                seed=settings.seed,
                epoch=self._epoch.isoformat().replace("+00:00", "Z"),
                version=__version__,
                documents=self.prepared.documents,
                systems=self.prepared.systems,
                digests=digest_inputs(self.prepared.documents, self._facts.root),
                accounts=describe_accounts(self.prepared.world, settings),
                engine=settings.engine_version,
            )
        )
        self._settlement.tell(self._write)
        for check in self._uncollected:
            plan = ScenarioPlan(check=check, name=check, node="", steps=())
            message = "no test was collected for it: was its scenario removed, or is its name not unique?"
            self._write(self._book.give_up(plan, Outcome.NOT_RUN, "not-collected", message, at_s=0.0))

    def _pass_on(self, event: Event) -> None:
        if not isinstance(event, CheckFinished | RunFinished):
            self._write(event)

    def _write(self, event: Event) -> None:
        self._writer.write(event)

    def _conclude(self, finished: CheckFinished) -> CheckFinished:
        """Write a verdict and give it to pytest, which prints it: secrets masked in both."""
        if self._open_plans.pop(finished.node, None) is not None:
            self.decided += 1
            self.now_s = max(self.now_s, finished.end_s)
            self._board.put_finished(self._writer.write(finished))
        return self._board.finished(finished.node) or finished

    def _give_up(self, plan: ScenarioPlan, outcome: Outcome, reason: str, message: str) -> CheckFinished:
        fates = self._board.fates(plan.node)
        steps = (*fates, *not_run_steps(plan, len(fates), self.now_s))
        finished = self._book.give_up(plan, outcome, reason, message, at_s=self.now_s)
        return replace(finished, steps=steps, begin_s=fates[0].begin_s if fates else finished.begin_s)
