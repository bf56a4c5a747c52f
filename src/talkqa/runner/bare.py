"""A world without systems: for scenarios of a project's own async steps, outside every folder of generated tests."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from talkqa.model.errors import ConfigError
from talkqa.model.result import CheckFinished, CheckStarted, RunFinished, StepResult
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.performance import conclude
from talkqa.runner.stage import OnStep, Opening, OpenWorld, PlacedScenario, PreparedWorld

SLUG = "manual"
"""The world's name in results: its scenarios' ids begin so."""


class BareStage:
    """Opens worlds without systems."""

    def prepare(self, folder: WorldFolder, settings: Settings, root: Path) -> PreparedWorld:
        """Nothing is promised."""
        del settings, root
        return PreparedWorld(slug=folder.slug)

    def open(self, prepared: PreparedWorld, opening: Opening) -> AbstractAsyncContextManager[OpenWorld]:
        """Nothing is opened."""
        return _opened(prepared, opening)


@asynccontextmanager
async def _opened(prepared: PreparedWorld, opening: Opening) -> AsyncIterator[OpenWorld]:
    yield _BareWorld(prepared.slug, opening)


class _BareWorld:
    def __init__(self, slug: str, opening: Opening) -> None:
        self._slug = slug
        self._opening = opening

    async def perform(self, plan: ScenarioPlan, on_step: OnStep) -> CheckFinished:
        del on_step  # no step is begun
        now = self._opening.clock.now()
        error = _no_world(plan, 0)
        return conclude(plan, begin_s=now, end_s=now, steps=(), failure=error)

    def place(self, plan: ScenarioPlan) -> PlacedScenario:
        return _BareScenario(self._opening, plan)

    async def close(self, *, interrupted: bool, wall_s: float) -> RunFinished:
        end_s = self._opening.clock.now()
        return RunFinished(world=self._slug, interrupted=interrupted, end_s=end_s, wall_s=wall_s, swept=0, left=())


class _BareScenario:
    def __init__(self, opening: Opening, plan: ScenarioPlan) -> None:
        self._clock = opening.clock
        self._plan = plan
        self._begin_s = opening.clock.now()
        opening.emit(CheckStarted(check=plan.check, at_s=self._begin_s))

    async def step(self, index: int) -> StepResult:
        raise _no_world(self._plan, index)

    async def finish(self, steps: tuple[StepResult, ...], failure: BaseException | None) -> CheckFinished:
        end_s = self._clock.now()
        return conclude(self._plan, begin_s=self._begin_s, end_s=end_s, steps=steps, failure=failure)


def _no_world(plan: ScenarioPlan, index: int) -> ConfigError:
    return ConfigError(
        f"{plan.node}: the step '{plan.steps[index][1]}' needs a world, but no manifest.json stands beside the test "
        "module or above it; move the scenario beside the generated ones"
    )
