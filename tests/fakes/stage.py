"""A stage whose worlds do as they are told: `Stage` without systems, for tests of the runner.

    stage = FakeStage(raises={"f/created": (1, CheckFailed("lost", "nothing arrived"))})

Each step lasts `step_s` seconds of the run's clock; a scenario in `raises` ends at that step with that exception; one
in `stuck` never ends by itself. Closing counts the scenarios begun as records swept. `seen` tells what happened, in
order.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from talkqa.model.result import CheckFinished, CheckStarted, Outcome, RunFinished, StepResult
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.performance import conclude, not_run_steps, outcome_of
from talkqa.runner.stage import OnStep, Opening, OpenWorld, PlacedScenario, PreparedWorld


@dataclass(kw_only=True)
class FakeStage:
    """Prepares and opens worlds that do as this says."""

    step_s: float = 1.0
    raises: Mapping[str, tuple[int, BaseException]] = field(default_factory=dict)
    stuck: frozenset[str] = frozenset()
    unreadable: Exception | None = None
    unopenable: Exception | None = None
    crash_after_s: float | None = None
    sweep_s: float = 0.0
    unsweepable: Exception | None = None
    seen: list[str] = field(default_factory=list)

    def prepare(self, folder: WorldFolder, settings: Settings, root: Path) -> PreparedWorld:
        if self.unreadable is not None:
            raise self.unreadable
        return PreparedWorld(slug=folder.slug, documents=folder.documents, systems=("Fake: told what to do",))

    def open(self, prepared: PreparedWorld, opening: Opening) -> AbstractAsyncContextManager[OpenWorld]:
        return self._opened(prepared, opening)

    @asynccontextmanager
    async def _opened(self, prepared: PreparedWorld, opening: Opening) -> AsyncIterator[OpenWorld]:
        if self.unopenable is not None:
            raise self.unopenable
        self.seen.append(f"open {prepared.slug}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._live, opening)
            yield FakeWorld(self, prepared.slug, opening)
            nursery.cancel_scope.cancel()
        self.seen.append(f"closed {prepared.slug}")

    async def _live(self, opening: Opening) -> None:
        """Like an engine: goes on for ever, in turns, unless the gate is shut."""
        while True:
            await opening.gate.passed()
            await opening.clock.sleep(1.0)
            if self.crash_after_s is not None and opening.clock.now() >= self.crash_after_s:
                raise OSError("the engine fell over")


class FakeWorld:
    """One open world."""

    def __init__(self, stage: FakeStage, slug: str, opening: Opening) -> None:
        self._stage = stage
        self._slug = slug
        self._opening = opening
        self._begun = 0

    async def perform(self, plan: ScenarioPlan, on_step: OnStep) -> CheckFinished:
        scenario = self.place(plan)
        steps: list[StepResult] = []
        failure: BaseException | None = None
        for index, (keyword, text) in enumerate(plan.steps):
            begin = self._opening.clock.now()
            try:
                result = await scenario.step(index)
            except Exception as error:  # noqa: BLE001 - as verify does: every error becomes a verdict
                failure = error
                result = StepResult(
                    text=f"{keyword} {text}",
                    outcome=outcome_of(error)[0],
                    begin_s=begin,
                    end_s=self._opening.clock.now(),
                )
            steps.append(result)
            on_step(index, result, failure)
            if failure is not None:
                break
        return await scenario.finish((*steps, *not_run_steps(plan, len(steps), self._opening.clock.now())), failure)

    def place(self, plan: ScenarioPlan) -> PlacedScenario:
        self._begun += 1
        self._stage.seen.append(f"begin {plan.check}")
        return FakeScenario(self._stage, plan, self._opening)

    async def close(self, *, interrupted: bool, wall_s: float) -> RunFinished:
        await self._opening.clock.sleep(self._stage.sweep_s)
        if self._stage.unsweepable is not None:
            raise self._stage.unsweepable
        self._stage.seen.append(f"sweep {self._slug}")
        return RunFinished(
            world=self._slug,
            interrupted=interrupted,
            end_s=self._opening.clock.now(),
            wall_s=wall_s,
            swept=self._begun,
            left=(),
        )


class FakeScenario:
    """One scenario of it."""

    def __init__(self, stage: FakeStage, plan: ScenarioPlan, opening: Opening) -> None:
        self._stage = stage
        self._plan = plan
        self._clock = opening.clock
        self._begin_s = opening.clock.now()
        opening.emit(CheckStarted(check=plan.check, at_s=self._begin_s))

    async def step(self, index: int) -> StepResult:
        begin = self._clock.now()
        if self._plan.check in self._stage.stuck:
            await trio.sleep_forever()
        await self._clock.sleep(self._stage.step_s)
        at, error = self._stage.raises.get(self._plan.check, (-1, None))
        if error is not None and at == index:
            raise error
        text = " ".join(self._plan.steps[index])
        return StepResult(text=text, outcome=Outcome.PASSED, begin_s=begin, end_s=self._clock.now())

    async def finish(self, steps: tuple[StepResult, ...], failure: BaseException | None) -> CheckFinished:
        return conclude(self._plan, begin_s=self._begin_s, end_s=self._clock.now(), steps=steps, failure=failure)
