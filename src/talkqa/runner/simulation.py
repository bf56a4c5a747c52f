"""One world simulated: its whole checklist against emulated systems, on virtual time and without pytest.

Used by the fault matrix, by the simulations of `talkqa faults` and by tests. Nothing is printed or kept; the results
are handed back.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import trio
import trio.testing

from talkqa.checklist.derive import derive_checks
from talkqa.checklist.phrases import IN_STEP, quotable
from talkqa.model.check import Check
from talkqa.model.flow import Flow
from talkqa.model.result import CheckFinished, Event, RunFinished
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan, World
from talkqa.runner.gate import ScenarioGate
from talkqa.runner.loop import seed_scheduler
from talkqa.runner.options import VIRTUAL_EPOCH
from talkqa.runner.recordings import find_recording, settings_of
from talkqa.runner.stage import MakeEngine, Opening, PreparedWorld
from talkqa.runner.worlds import WorldStage
from talkqa.verify.clock import TrioClock

Select = Callable[[Check, Flow], bool]
"""Whether a check of a flow is performed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What the simulation of a world told."""

    world: World
    results: Mapping[str, CheckFinished]
    """By check id."""
    events: Sequence[Event]
    """Everything else that was told, in order."""
    finished: RunFinished


def simulate(
    world: World,
    settings: Settings,
    *,
    root: Path,
    folder: Path,
    select: Select = lambda _check, _flow: True,
    engine: MakeEngine | None = None,
    epoch: datetime = VIRTUAL_EPOCH,
) -> Simulation:
    """Perform the checklist of a world, all scenarios at once: a pure function of world, settings and selection.

    Args:
        world: What is promised.
        settings: Their mode is `sandbox` or `replay`.
        root: Folder of the project, where descriptors and cassettes lie.
        folder: Where the ledger goes.
        select: Which checks.
        engine: Another engine than the reference engine; see `MakeEngine`.
        epoch: What second 0 is called; that of a recording goes before.

    Raises:
        TalkqaError: for settings that the sandbox cannot do.
    """
    recording = find_recording(world.slug, settings, root) if settings.mode == "replay" else None
    if recording is not None:
        settings, epoch = settings_of(recording, settings), recording.facts.epoch
    plans = plan_scenarios(world, settings, select)
    results: dict[str, CheckFinished] = {}
    events: list[Event] = []

    async def main() -> RunFinished:
        seed_scheduler(f"{settings.seed}")
        gate = ScenarioGate()
        opening = Opening(
            clock=TrioClock(epoch),
            settings=settings,
            root=root,
            gate=gate,
            ledger_path=folder / "ledger.jsonl",
            emit=events.append,
            engine=engine,
        )
        prepared = PreparedWorld(slug=world.slug, world=world, recording=recording)
        async with WorldStage().open(prepared, opening) as opened:

            async def one(plan: ScenarioPlan) -> None:
                results[plan.check] = await opened.perform(plan, lambda _index, _result, _error: None)

            with gate.held_open():
                async with trio.open_nursery() as nursery:
                    for plan in plans:
                        nursery.start_soon(one, plan)
            return await opened.close(interrupted=False, wall_s=0.0)

    finished = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return Simulation(world=world, results=results, events=events, finished=finished)


def plan_scenarios(world: World, settings: Settings, select: Select) -> tuple[ScenarioPlan, ...]:
    """The scenarios of a world at the settings' depth, as generated ones would stand."""
    return tuple(
        ScenarioPlan(check=check.id, name=check.title, node=check.id, steps=_steps(flow, check))
        for flow in world.flows
        for check in derive_checks(flow, settings.depth)
        if select(check, flow)
    )


def _steps(flow: Flow, check: Check) -> tuple[tuple[str, str], ...]:
    background = IN_STEP.render(source=quotable(flow.source.name), target=quotable(flow.target.name))
    return (("Given", background), *((step.keyword, step.text) for step in check.steps))
