"""Reads the events of a run's folder back: the only way from a run to its reports.

One file a world; a line that cannot be read (a process that died while writing) loses nothing but itself.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from talkqa.model.errors import RunError
from talkqa.model.result import (
    UNPROVEN,
    Attestation,
    Cause,
    CheckFinished,
    CheckStarted,
    Event,
    GapSeen,
    LatencySeen,
    MappingSeen,
    Observation,
    Outcome,
    RecordingTold,
    RunFinished,
    RunStarted,
    SystemUsed,
    attestation_from_json,
    event_from_json,
)

ATTESTATIONS = "attestations.jsonl"
"""File of a run's folder: what people found who did checks by hand, one line each; of one check the last counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRun:
    """What happened in one world."""

    slug: str
    started: RunStarted | None
    """None where the first line was lost."""
    gaps: tuple[GapSeen, ...]
    checks: tuple[CheckFinished, ...]
    """One a check id, the last result; those that began and did not end are `not_run`; in order of their ends."""
    mappings: tuple[MappingSeen, ...]
    latencies: tuple[LatencySeen, ...]
    finished: RunFinished | None
    """None where the process died."""
    used: tuple[SystemUsed, ...] = ()
    """What was asked of each system."""
    recording: RecordingTold | None = None
    """What became of its recording; None where nothing was recorded or replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of any number of worlds."""

    folder: Path
    worlds: tuple[WorldRun, ...]
    """Sorted by slug."""
    unread: tuple[str, ...]
    """Lines that could not be read, as `file:line: why`."""
    digest: str = ""
    """SHA-256 over all that the run itself told, hexadecimal."""
    attested_digest: str = ""
    """The same over its attestations; empty where there are none."""

    @property
    def checks(self) -> tuple[CheckFinished, ...]:
        """The results of all worlds."""
        return tuple(check for world in self.worlds for check in world.checks)

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped the run."""
        return any(world.finished is not None and world.finished.interrupted for world in self.worlds)

    @property
    def broken_off(self) -> tuple[str, ...]:
        """Slugs of worlds whose last line is missing: the process died."""
        return tuple(world.slug for world in self.worlds if world.finished is None)


@dataclass(slots=True)
class _Gathered:
    slug: str
    started: RunStarted | None = None
    gaps: list[GapSeen] = field(default_factory=list)
    begun: dict[str, CheckStarted] = field(default_factory=dict)
    checks: dict[str, CheckFinished] = field(default_factory=dict)
    mappings: list[MappingSeen] = field(default_factory=list)
    latencies: list[LatencySeen] = field(default_factory=list)
    used: list[SystemUsed] = field(default_factory=list)
    recording: RecordingTold | None = None
    finished: RunFinished | None = None

    def add(self, event: Event) -> None:
        match event:
            case CheckFinished():
                self.checks.pop(event.check, None)
                self.checks[event.check] = event
            case CheckStarted():
                self.begun[event.check] = event
            case LatencySeen():
                self.latencies.append(event)
            case MappingSeen():
                self.mappings.append(event)
            case GapSeen():
                self.gaps.append(event)
            case RecordingTold():
                self.recording = event
            case SystemUsed():
                self.used.append(event)
            case RunStarted():
                self.started, self.finished = event, None
            case RunFinished():
                self.finished = event

    def freeze(self) -> WorldRun:
        cut_off = (_cut_off(begun) for check, begun in self.begun.items() if check not in self.checks)
        return WorldRun(
            slug=self.slug,
            started=self.started,
            gaps=tuple(dict.fromkeys(self.gaps)),
            checks=(*self.checks.values(), *cut_off),
            mappings=tuple(self.mappings),
            latencies=tuple(self.latencies),
            used=tuple(self.used),
            recording=self.recording,
            finished=self.finished,
        )


def read_run(run_dir: Path) -> Run:
    """Read all event files of a run's folder; several files of one world are united.

    Raises:
        RunError: where the folder holds no event files.
    """
    files = _event_files(run_dir)
    if not files:
        raise RunError(f"{run_dir}: no results here; give the folder of a run, such as .talkqa/runs/<run>")
    worlds: dict[str, _Gathered] = {}
    unread: list[str] = []
    for path in files:
        world: _Gathered | None = None
        for event in _read_events(path, unread):
            if isinstance(event, RunStarted):
                world = worlds.setdefault(event.world, _Gathered(event.world))
            elif world is None:  # its first line was lost: the file's name tells the world
                world = worlds.setdefault(path.stem, _Gathered(path.stem))
            world.add(event)
    attested = _read_attestations(run_dir / ATTESTATIONS, unread)
    return Run(
        folder=run_dir,
        worlds=tuple(_attested(worlds[slug].freeze(), attested) for slug in sorted(worlds)),
        unread=tuple(unread),
        digest=_digest(files),
        attested_digest=_digest([run_dir / ATTESTATIONS]) if attested else "",
    )


def _event_files(run_dir: Path) -> list[Path]:
    return sorted(
        path
        for path in run_dir.glob("*.jsonl")
        if not path.name.endswith(".ledger.jsonl") and path.name != ATTESTATIONS
    )


def _digest(files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of files, in their order."""
    found = sha256()
    for file in files:
        found.update(f"{file.name}\n{sha256(file.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


def _read_attestations(path: Path, unread: list[str]) -> dict[str, Attestation]:
    """Check id to its last attestation."""
    found: dict[str, Attestation] = {}
    if path.is_file():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            try:
                one = attestation_from_json(json.loads(line))
                found[one.check] = one
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                unread.append(f"{path.name}:{number}: {type(error).__name__}: {error}"[:200])
    return found


def _attested(world: WorldRun, attested: Mapping[str, Attestation]) -> WorldRun:
    """A world's run with what people found by hand; what the run itself decided stays as it is."""
    if not attested:
        return world
    return replace(
        world,
        checks=tuple(
            _found_by_hand(check, attested[check.check])
            if check.check in attested and check.outcome in UNPROVEN
            else check
            for check in world.checks
        ),
    )


def _found_by_hand(check: CheckFinished, attestation: Attestation) -> CheckFinished:
    """The verdict of a person; what the run could not decide, and why, stays to be read in the observations."""
    kept = attestation.outcome is Outcome.PASSED
    word = "kept" if kept else "broken"
    return replace(
        check,
        outcome=Outcome.ATTESTED if kept else Outcome.FAILED,
        reason="attested" if kept else "attested-failed",
        message=f"found {word} by hand by {attestation.by} on {attestation.on}: {attestation.note}",
        cause=None if kept else Cause.ENGINE_OR_API,
        attestation=attestation,
        observations=(
            *check.observations,
            Observation(text=f"{check.outcome} ({check.reason}): {check.message}", at_s=check.end_s),
        ),
    )


def find_newest_run(runs_dir: Path) -> Path:
    """The newest folder of a run that holds results; run ids sort by time.

    Raises:
        RunError: where there is none.
    """
    found = [p for p in sorted(runs_dir.glob("*"), reverse=True) if p.is_dir() and any(p.glob("*.jsonl"))]
    if not found:
        raise RunError(f"{runs_dir}: no run here yet; start one with `talkqa run`")
    return found[0]


def read_mode(run_dir: Path) -> str:
    """Where the systems of a run were, by the first line of the first file that tells; empty where none does."""
    for path in _event_files(run_dir):
        started = next(_read_events(path, []), None)
        if isinstance(started, RunStarted):
            return started.mode
    return ""


def _read_events(path: Path, unread: list[str]) -> Iterator[Event]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield event_from_json(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                unread.append(f"{path.name}:{number}: {type(error).__name__}: {error}"[:200])


def _cut_off(begun: CheckStarted) -> CheckFinished:
    flow_id, _, rest = begun.check.partition("/")
    return CheckFinished(
        check=begun.check,
        flow_id="" if flow_id == "manual" else flow_id,
        name=rest.partition("/")[0],
        title=begun.check,
        sentence="",
        place="",
        outcome=Outcome.NOT_RUN,
        reason="cut-off",
        message=f"it began at {begun.at_s:.1f} s and the run ended before it did",
        begin_s=begun.at_s,
        end_s=begun.at_s,
    )
