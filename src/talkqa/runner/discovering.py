"""Exploring worlds for the property tables that their documents leave empty: opened, swept and limited as a run is."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import trio
import trio.testing

from talkqa import __version__
from talkqa.model.discovery import ProposedRow
from talkqa.model.errors import ApiError, CheckOutcome
from talkqa.model.flow import Flow, RuleKind, Side
from talkqa.model.result import Event, RunFinished, RunStarted
from talkqa.model.settings import Settings
from talkqa.model.world import World
from talkqa.redaction.secrets import Secrets
from talkqa.runner.events import EventWriter, world_file
from talkqa.runner.gate import ScenarioGate
from talkqa.runner.loop import seed_scheduler
from talkqa.runner.options import VIRTUAL_EPOCH
from talkqa.runner.performance import first_of
from talkqa.runner.stage import MakeEngine, Opening, PreparedWorld
from talkqa.runner.worlds import VerifiedWorld, WorldStage
from talkqa.verify.clock import TrioClock
from talkqa.verify.discovery.audit import Audit, audit_rows
from talkqa.verify.discovery.candidate import Doubt
from talkqa.verify.discovery.inference import Inference, infer
from talkqa.verify.discovery.probing import NotExplored, explore
from talkqa.verify.discovery.table import Heads, is_printable
from talkqa.verify.world import VerifyWorld

_SWEEP_WITHIN_S = 60.0
"""Seconds that removing the probes may take after a stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowDiscovery:
    """What was found of one flow."""

    flow: Flow
    heads: Heads
    rows: tuple[ProposedRow, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    audit: Audit | None = None
    """Of a flow that documents rows; None for one that documents none."""
    blocked: str = ""
    """Why nothing could be found out; empty where something could."""
    writes: dict[Side, int] = field(default_factory=dict)
    """How many writes it took at each end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldDiscovery:
    """What was found of the flows of one world, sorted by id."""

    world: World
    flows: tuple[FlowDiscovery, ...]
    finished: RunFinished


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovering:
    """How worlds are explored."""

    settings: Settings
    """Settled: `settle_mode` was asked what follows from where the systems are."""
    root: Path
    folder: Path
    """Where ledgers go, and in live mode what `talkqa sweep` needs beside them."""
    wanted: Callable[[Flow], bool] = lambda flow: not flow.properties
    run_id: str = "discovery"
    secrets: Secrets = field(default_factory=Secrets)
    engine: MakeEngine | None = None


def discover_worlds(worlds: Sequence[World], how: Discovering) -> Iterator[WorldDiscovery]:
    """Explore worlds one after the other, those without a wanted flow left out.

    Raises:
        TalkqaError: where a world cannot be opened; what was written is removed again.
    """
    stage = WorldStage()
    for world in worlds:
        flows = tuple(flow for flow in world.flows if how.wanted(flow))
        if flows:
            yield _discover(world, flows, how, stage)


def _discover(world: World, flows: Sequence[Flow], how: Discovering, stage: WorldStage) -> WorldDiscovery:
    virtual = how.settings.clock == "virtual"
    stem = world_file(world.slug)
    writer = EventWriter(how.folder / f"{stem}.jsonl", how.secrets.event)
    lasting = how.settings.mode == "live"
    found: list[FlowDiscovery] = []

    def tell(event: Event) -> None:
        if lasting:  # a sweep of what a killed process left begins with these lines
            writer.write(event)

    async def main() -> RunFinished:
        if virtual:
            seed_scheduler(f"{how.settings.seed}")
        clock = TrioClock(VIRTUAL_EPOCH if virtual else datetime.now(UTC))
        gate = ScenarioGate()
        opening = Opening(
            clock=clock,
            settings=how.settings,
            root=how.root,
            gate=gate,
            ledger_path=how.folder / f"{stem}.ledger.jsonl",
            emit=tell,
            run_id=how.run_id,
            secrets=how.secrets,
            engine=how.engine,
        )
        tell(_started(world, how, clock))
        async with stage.open(PreparedWorld(slug=world.slug, world=world), opening) as opened:
            return await _explore_all(opened, flows, gate, found)

    try:
        finished = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0) if virtual else None)
        tell(finished)
    except BaseExceptionGroup as group:  # what a nursery raised; one problem is enough to stop
        raise first_of(group) from group
    finally:
        writer.close()
    return WorldDiscovery(world=world, flows=tuple(sorted(found, key=lambda one: one.flow.id)), finished=finished)


async def _explore_all(
    opened: VerifiedWorld, flows: Sequence[Flow], gate: ScenarioGate, found: list[FlowDiscovery]
) -> RunFinished:
    """Explore all flows side by side; whatever happens, what was written is removed again."""

    async def one(flow: Flow) -> None:
        found.append(await _explore(opened.verify, flow))

    try:
        with gate.held_open():
            async with trio.open_nursery() as nursery:
                for flow in flows:
                    nursery.start_soon(one, flow)
    except BaseException:  # stopped by a person, or broken: what was written goes all the same
        with trio.move_on_after(_SWEEP_WITHIN_S, shield=True):
            await opened.close(interrupted=True, wall_s=0.0)
        raise
    return await opened.close(interrupted=False, wall_s=0.0)


async def _explore(world: VerifyWorld, flow: Flow) -> FlowDiscovery:
    heads = find_heads(world.world, flow)
    try:
        explored = await explore(world.state(flow))
    except (CheckOutcome, ApiError, NotExplored) as why:
        return FlowDiscovery(flow=flow, heads=heads, blocked=str(why))
    evidence = explored.evidence()
    inference = infer(evidence)
    unprintable = [row for row in inference.rows if not is_printable(row)]
    doubts = [Doubt(source=row.source, target=row.target, why="no table can hold its name") for row in unprintable]
    rows = tuple(row for row in inference.rows if row not in unprintable)
    inference = Inference(rows=rows, doubts=(*inference.doubts, *doubts))
    return FlowDiscovery(
        flow=flow,
        heads=heads,
        rows=inference.rows,
        doubts=inference.doubts,
        audit=audit_rows(flow, evidence, inference) if flow.properties else None,
        writes=dict(explored.writes),
    )


def find_heads(world: World, flow: Flow) -> Heads:
    """The names of a flow's ends as the section writes them that is to take the table."""
    sections = [
        section
        for document in world.documents
        for section in document.sections
        if (section.source, section.target) == (flow.source, flow.target)
    ]
    for section in sections:
        title = " ".join(section.title.split())
        said = [rule.text for rule in section.rules if rule.kind is RuleKind.PROPERTIES]
        for at in re.finditer(r"(?: |^)to(?= )", title):
            source, target = title[: at.start()], title[at.end() + 1 :]
            words = re.compile(f"between an? {re.escape(source)} and an? {re.escape(target)}:?$")
            if any(words.search(text.rstrip()) for text in said):
                return Heads(source=source, target=target, system=_system_of(target, flow))
    return Heads(source=flow.source.name, target=flow.target.name, system=flow.target.system)


def _system_of(target: str, flow: Flow) -> str:
    """The system's name in the words of a target entity."""
    plain = re.sub(r"\s*\([^()]*\)$", "", target)
    entity = flow.target.entity
    return plain[: -len(entity)].strip() if plain.endswith(f" {entity}") else flow.target.system


def _started(world: World, how: Discovering, clock: TrioClock) -> RunStarted:
    return RunStarted(
        run=how.run_id,
        world=world.slug,
        mode=how.settings.mode,
        clock=how.settings.clock,
        seed=how.settings.seed,
        epoch=clock.stamp().isoformat(),
        version=__version__,
        documents=tuple(document.path for document in world.documents),
        systems=world.systems(),
    )
