"""The stage of worlds read from documents: their systems, wherever they are, and what verifies them."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from talkqa.documents.closure import RunningFlows, read_running
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.errors import CheckNotRunnable, RunError
from talkqa.model.result import Cause, CheckFinished, Outcome, RecordingTold, RunFinished, StepResult
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan, World
from talkqa.runner.announcement import host_of, require_accounts
from talkqa.runner.connections import Budgets, find_account
from talkqa.runner.grounds import Ground, open_ground
from talkqa.runner.manifest import NAME as MANIFEST
from talkqa.runner.manifest import WorldFolder
from talkqa.runner.outside import recall_outside
from talkqa.runner.performance import conclude
from talkqa.runner.recordings import (
    MODE,
    digest_plan,
    find_folder,
    find_recording,
    is_real,
    keep_recording,
    note_verdict,
    settings_of,
    tell_replay,
)
from talkqa.runner.stage import OnStep, Opening, PlacedScenario, PreparedWorld
from talkqa.systems.derived import derive_schema
from talkqa.systems.registry import find_schema
from talkqa.transport.recording import WorldRecording
from talkqa.verify.perform import Performance, perform
from talkqa.verify.world import VerifyWorld

OUTSIDE = "outside the project/"
"""What a manifest writes in front of a document that does not lie in the project."""


class WorldStage:
    """Opens worlds of documents."""

    def __init__(self, extra_documents: tuple[Path, ...] = ()) -> None:
        self._extra = extra_documents
        self._running: RunningFlows | None = None
        self._budgets = Budgets()
        self._prepared: dict[Path, PreparedWorld] = {}

    def prepare(self, folder: WorldFolder, settings: Settings, root: Path) -> PreparedWorld:
        """Read the documents that the folder was generated from, once; nothing is asked of any system.

        Raises:
            RunError: where they are gone, or no longer describe this world.
            DocumentError: where another document that the engine runs cannot be read.
            ConfigError: where an account of a live run is missing, or lacks something.
            CassetteError: where a replay has no recording that it can use.
        """
        if folder.path not in self._prepared:
            self._prepared[folder.path] = self._prepare(folder, settings, root)
        return self._prepared[folder.path]

    def _prepare(self, folder: WorldFolder, settings: Settings, root: Path) -> PreparedWorld:
        work = root / settings.work
        paths = [find_document(name, folder, root, self._extra, work) for name in folder.documents]
        reading = read_documents(paths, settings, root=root, cache=root / settings.work / "cache")
        world = next((world for world in group_worlds(reading.documents) if world.slug == folder.slug), None)
        if world is None:
            raise RunError(
                f"{manifest_place(folder, root)}: the documents do not describe the world {folder.slug} any more; "
                "run `talkqa generate`"
            )
        if self._running is None:
            self._running = read_running(settings, root=root, cache=work / "cache")
        world = self._running.beside(world)
        if settings.mode == "live":
            require_accounts(world.systems(chains=settings.chains), settings)
        recording = find_recording(world.slug, settings, root) if settings.mode == "replay" else None
        recorded = settings_of(recording, settings) if recording is not None else None
        return PreparedWorld(
            slug=world.slug,
            recording=recording,
            settings=recorded,
            epoch=recording.facts.epoch if recording is not None else None,
            documents=tuple(document.path for document in world.documents),
            systems=tuple(
                describe_system(system, schema, settings, recording)
                for system, schema in read_schemas(world, recorded or settings, root).items()
            ),
            world=world,
        )

    def open(self, prepared: PreparedWorld, opening: Opening) -> AbstractAsyncContextManager["VerifiedWorld"]:
        """Start the emulators, the engine and what verifies them."""
        if prepared.world is None:
            raise RunError(f"the world {prepared.slug} was not read")
        return _opened(prepared.world, opening, prepared.recording, self._budgets)


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
    flows = tuple(flow.as_documented() for flow in world.running)
    return {
        system: find_schema(system, settings, root=root) or derive_schema(system, flows)
        for system in world.systems(chains=settings.chains)
    }


def describe_system(system: str, schema: SystemSchema, settings: Settings, recording: WorldRecording | None) -> str:
    """One line about a system for the head of a report: where it is or was, and what is known of it."""
    origin = "schema read off the documents" if schema.derived else "schema of a descriptor"
    name = system or "(unnamed)"
    if recording is not None:
        where = "recorded in the sandbox" if recording.facts.settings.get(MODE) == "sandbox" else "recorded"
        return f"{name}: {where} on {recording.facts.recorded_at.date().isoformat()}, {origin}"
    if settings.mode == "live":
        return f"{name}: live at {host_of(find_account(system, settings))}, {origin}"
    off = sorted(licence for licence in schema.licences if f"{system}.{licence}" in settings.sandbox.licences_off)
    return f"{name}: emulated, {origin}{', without ' + ', '.join(off) if off else ''}"


@asynccontextmanager
async def _opened(
    world: World, opening: Opening, recording: WorldRecording | None, budgets: Budgets
) -> AsyncIterator["VerifiedWorld"]:
    if not (opening.settings.chains or is_real(opening.settings, recording)):
        world = world.confined()  # the sandbox's engine runs what lies between the systems that are there
    schemas = read_schemas(world, opening.settings, opening.root)
    async with (
        open_ground(world, schemas, opening, recording, budgets) as ground,
        VerifyWorld(
            world=world,
            clients=ground.clients,
            clock=opening.clock,
            settings=opening.settings,
            ledger_path=opening.ledger_path,
            emit=opening.emit,
            conduct=ground.conduct,
        ) as verify,
    ):
        ground.recognition.access = verify.access
        for system, place in ground.places.items():
            verify.access.ledger.note_place(system, place.url, place.organisation)
        yield VerifiedWorld(verify, ground, opening)


class VerifiedWorld:
    """What `verify` does, as the runner asks for it."""

    def __init__(self, verify: VerifyWorld, ground: Ground, opening: Opening) -> None:
        self._verify = verify
        self._ground = ground
        self._opening = opening
        self._begun: dict[str, str] = {}
        """Check id to digest of the steps of each scenario that began."""

    @property
    def verify(self) -> VerifyWorld:
        """The world itself, for what is no scenario."""
        return self._verify

    async def perform(self, plan: ScenarioPlan, on_step: OnStep) -> CheckFinished:
        """Perform a scenario from its first step to its verdict."""
        try:
            await self.begin(plan)
        except CheckNotRunnable as unrecorded:
            performance = self.performance(plan)
            performance.fail(unrecorded)
            return performance.finish()
        finished = await perform(self._verify, plan, on_step)
        if self._ground.recorder is not None:
            note_verdict(self._ground.recorder, finished)
        return finished

    async def begin(self, plan: ScenarioPlan) -> None:
        """Note that a scenario begins; in a replay wait until it did.

        Raises:
            CheckNotRunnable: where the recording that is replayed does not show it.
        """
        ground, clock = self._ground, self._opening.clock
        self._begun[plan.check] = digest_plan(plan)
        if ground.recorder is not None:
            ground.recorder.note_start(plan.check, clock.now(), digest_plan(plan))
        if ground.starts is None:
            return
        start = ground.starts.get(plan.check)
        if start is None or start.digest != digest_plan(plan):
            what = "does not hold this check" if start is None else "shows other steps of this check"
            raise CheckNotRunnable(
                "not-recorded",
                f"the recording {what}: record the world again with `talkqa run --record`",
                cause=Cause.CONFIGURATION,
            )
        await clock.sleep(max(0.0, start.at_s - clock.now()))

    def place(self, plan: ScenarioPlan) -> PlacedScenario:
        """Begin a scenario that is to be performed step by step."""
        return VerifiedScenario(plan, self)

    def performance(self, plan: ScenarioPlan) -> Performance:
        """A scenario of `verify`, about to begin."""
        return Performance(self._verify, plan)

    async def close(self, *, interrupted: bool, wall_s: float) -> RunFinished:
        """Delete or archive what the run left."""
        finished = await self._verify.close(interrupted=interrupted, wall_s=wall_s)
        for meter in self._ground.meters:
            self._opening.emit(meter.read(self._verify.access))
        told = self._end_recording(interrupted=interrupted)
        if told is not None:
            self._opening.emit(told)
        return finished

    def _end_recording(self, *, interrupted: bool) -> RecordingTold | None:
        """Save what was recorded, or tell what of a recording was of use."""
        ground, known = self._ground, self._verify.check_ids
        if ground.recorder is not None:
            folder = find_folder(self._verify.world.slug, self._opening)
            return keep_recording(ground.recorder, folder, self._begun, known, self._opening, whole=not interrupted)
        if ground.replayer is not None and ground.recording is not None:
            return tell_replay(ground.replayer.use(self._begun, known), ground.recording, self._opening)
        return None


class VerifiedScenario:
    """A scenario of `verify` between whose steps there may be others, which `verify` does not know."""

    def __init__(self, plan: ScenarioPlan, world: VerifiedWorld) -> None:
        self._plan = plan
        self._world = world
        self._performance = world.performance(plan)
        self._own: BaseException | None = None

    async def step(self, index: int) -> StepResult:
        """Perform one step to its end; raises what decided against it."""
        try:
            if index == 0:
                await self._world.begin(self._plan)
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
