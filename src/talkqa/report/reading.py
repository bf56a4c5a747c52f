"""Reads the events of a run's folder back: the only way from a run to its reports.

One file a world; a line that cannot be read (a process that died while writing) loses nothing but itself.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from talkqa.model.errors import RunError
from talkqa.model.result import (
    CheckFinished,
    CheckStarted,
    Event,
    GapSeen,
    LatencySeen,
    MappingSeen,
    Outcome,
    RecordingTold,
    RunFinished,
    RunStarted,
    SystemUsed,
    event_from_json,
)


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
    files = sorted(path for path in run_dir.glob("*.jsonl") if not path.name.endswith(".ledger.jsonl"))
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
    return Run(folder=run_dir, worlds=tuple(worlds[slug].freeze() for slug in sorted(worlds)), unread=tuple(unread))


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
    for path in sorted(run_dir.glob("*.jsonl")):
        if path.name.endswith(".ledger.jsonl"):
            continue
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
