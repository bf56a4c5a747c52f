"""The stage of sandbox mode: the world's systems and a reference sync engine, in process."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import trio

from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.errors import RunError
from talkqa.model.result import CheckFinished, Outcome, RunFinished, StepResult
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan, World
from talkqa.runner.manifest import NAME as MANIFEST
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.outside import recall_outside
from talkqa.runner.performance import conclude
from talkqa.runner.stage import OnStep, Opening, OpenWorld, PlacedScenario, PreparedWorld
from talkqa.sandbox.world import SandboxWorld
from talkqa.systems.connect import make_client
from talkqa.systems.derived import derive_schema
from talkqa.systems.registry import find_schema
from talkqa.verify.evidence import record_exchange
from talkqa.verify.perform import Performance, perform
from talkqa.verify.world import VerifyWorld

OUTSIDE = "outside the project/"
"""What a manifest writes in front of a document that does not lie in the project."""


class SandboxStage:
    """Opens worlds whose systems are emulated."""

    def __init__(self, extra_documents: tuple[Path, ...] = ()) -> None:
        self._extra = extra_documents

    def prepare(self, folder: WorldFolder, settings: Settings, root: Path) -> PreparedWorld:
        """Read the documents that the folder was generated from.

        Raises:
            RunError: where they are gone, or no longer describe this world.
        """
        work = root / settings.work
        paths = [find_document(name, folder, root, self._extra, work) for name in folder.documents]
        reading = read_documents(paths, settings, root=root, cache=root / settings.work / "cache")
        world = next((world for world in group_worlds(reading.documents) if world.slug == folder.slug), None)
        if world is None:
            raise RunError(
                f"{manifest_place(folder, root)}: the documents do not describe the world {folder.slug} any more; "
                "run `talkqa generate`"
            )
        return PreparedWorld(
            slug=world.slug,
            documents=tuple(document.path for document in world.documents),
            systems=tuple(
                describe_schema(system, schema, settings)
                for system, schema in read_schemas(world, settings, root).items()
            ),
            world=world,
        )

    def open(self, prepared: PreparedWorld, opening: Opening) -> AbstractAsyncContextManager[OpenWorld]:
        """Start the emulators, the engine and what verifies them."""
        if prepared.world is None:
            raise RunError(f"the world {prepared.slug} was not read")
        return _opened(prepared.world, opening)


def find_document(name: str, folder: WorldFolder, root: Path, extra: tuple[Path, ...], work: Path) -> Path:
    """Where a document of a manifest lies.

    Raises:
        RunError: where it lies nowhere.
    """
    inside = root / name
    if not name.startswith(OUTSIDE) and inside.is_file():
        return inside
    bare = Path(name).name
    for place in extra:
        candidate = place / bare if place.is_dir() else place
        if candidate.name == bare and candidate.is_file():
            return candidate
    known = recall_outside(name, work)
    if known is not None:
        return known
    raise RunError(
        f"{manifest_place(folder, root)}: the document {name} is not there; restore it, run `talkqa generate`, or say "
        "where it is with --talkqa-documents"
    )


def manifest_place(folder: WorldFolder, root: Path) -> str:
    """Where a world's manifest lies, relative to the project where it lies in it."""
    path = folder.path / MANIFEST
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def read_schemas(world: World, settings: Settings, root: Path) -> dict[str, SystemSchema]:
    """The schema of each system of a world, by canonical name: a descriptor's, else read off the documents."""
    return {
        system: find_schema(system, settings, root=root) or derive_schema(system, world.flows)
        for system in world.systems()
    }


def describe_schema(system: str, schema: SystemSchema, settings: Settings) -> str:
    """One line about a system for the head of a report."""
    off = sorted(licence for licence in schema.licences if f"{system}.{licence}" in settings.sandbox.licences_off)
    origin = "schema read off the documents" if schema.derived else "schema of a descriptor"
    return f"{system or '(unnamed)'}: emulated, {origin}{', without ' + ', '.join(off) if off else ''}"


@asynccontextmanager
async def _opened(world: World, opening: Opening) -> AsyncIterator[OpenWorld]:
    schemas = read_schemas(world, opening.settings, opening.root)
    async with AsyncExitStack() as stack:
        settings = opening.settings
        sandbox = SandboxWorld(
            flows=world.flows,
            schemas=schemas,
            clock=opening.clock,
            settings=settings.sandbox,
            conditions=settings.conditions,
            connections=settings.connections,
            seed=settings.seed,
        )
        clients = {}
        for system, schema in schemas.items():
            http = await stack.enter_async_context(httpx.AsyncClient(transport=sandbox.transport(system)))
            clients[system] = make_client(
                schema, sandbox.account(system), http, clock_now=opening.clock.now, on_exchange=record_exchange
            )
        verify = await stack.enter_async_context(
            VerifyWorld(
                world=world,
                clients=clients,
                clock=opening.clock,
                settings=opening.settings,
                ledger_path=opening.ledger_path,
                emit=opening.emit,
            )
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sandbox.run_engine, opening.gate)
            yield VerifiedWorld(verify)
            nursery.cancel_scope.cancel()


class VerifiedWorld:
    """What `verify` does, as the runner asks for it."""

    def __init__(self, verify: VerifyWorld) -> None:
        self._verify = verify

    async def perform(self, plan: ScenarioPlan, on_step: OnStep) -> CheckFinished:
        """Perform a scenario from its first step to its verdict."""
        return await perform(self._verify, plan, on_step)

    def place(self, plan: ScenarioPlan) -> PlacedScenario:
        """Begin a scenario that is to be performed step by step."""
        return VerifiedScenario(plan, Performance(self._verify, plan))

    async def close(self, *, interrupted: bool, wall_s: float) -> RunFinished:
        """Delete or archive what the run left."""
        return await self._verify.close(interrupted=interrupted, wall_s=wall_s)


class VerifiedScenario:
    """A scenario of `verify` between whose steps there may be others, which `verify` does not know."""

    def __init__(self, plan: ScenarioPlan, performance: Performance) -> None:
        self._plan = plan
        self._performance = performance
        self._own: BaseException | None = None

    async def step(self, index: int) -> StepResult:
        """Perform one step to its end; raises what decided against it."""
        try:
            return await self._performance.step(index)
        except Exception as error:
            self._own = error
            raise

    async def finish(self, steps: tuple[StepResult, ...], failure: BaseException | None) -> CheckFinished:
        """The verdict: that of `verify`, unless a step decided that it does not know."""
        finished = replace(self._performance.finish(), steps=steps)
        if failure is not None and failure is not self._own:
            return _overruled(self._plan, finished, failure)
        if finished.outcome is Outcome.UNDECIDED and finished.reason == "nothing-asserted":
            return _overruled(self._plan, finished, None)
        return finished


def _overruled(plan: ScenarioPlan, finished: CheckFinished, failure: BaseException | None) -> CheckFinished:
    verdict = conclude(plan, begin_s=finished.begin_s, end_s=finished.end_s, steps=finished.steps, failure=failure)
    return replace(
        finished,
        outcome=verdict.outcome,
        reason=verdict.reason,
        message=verdict.message,
        cause=verdict.cause,
        expected=verdict.expected,
        observed=verdict.observed,
    )
