"""The data contract of the reports: what a run amounts to, by document, flow, sentence and check.

`build_report` fills it, `html`, `junit` and `summary` only read it. Texts are as the events have them: each renderer
escapes them in its own way.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha1
from pathlib import Path
from urllib.parse import unquote

from talkqa.model.check import NAMES
from talkqa.model.result import (
    BROKEN,
    UNPROVEN,
    Cause,
    CheckFinished,
    GapSeen,
    LatencySeen,
    MappingSeen,
    Observation,
    Outcome,
    RecordingTold,
    RunFinished,
    RunStarted,
    SystemUsed,
)
from talkqa.report.exitcode import DECIDED, proven_share
from talkqa.report.measures import LatencyView, unite_latencies, unite_mappings
from talkqa.report.naming import title_of_flow, title_of_world
from talkqa.report.reading import Run, WorldRun

ORDER = (
    *(Outcome.FAILED, Outcome.LATE, Outcome.ERROR, Outcome.UNDECIDED, Outcome.NOT_RUNNABLE),
    *(Outcome.NOT_RUN, Outcome.WAIVED, Outcome.OBSERVED, Outcome.ATTESTED, Outcome.PASSED),
)
"""Outcomes, those that need attention first."""

WHOLE_WORLD = frozenset({"world-refused", "world-broke"})
"""Reasons that every check of a world ends with when there is one."""
_NAME_ORDER = {name: at for at, name in enumerate(NAMES)}


class Status(StrEnum):
    """What the page says before a word is read."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckView:
    """One check."""

    result: CheckFinished
    anchor: str
    """Short, from the check's id: the same in every run."""

    @property
    def is_policy(self) -> bool:
        """Whether it rests on an engine policy rather than on a sentence of a document."""
        return "policy" in self.result.tags

    @property
    def deciding(self) -> Observation | None:
        """The observation that decided: the last one that exchanges show, else the last one."""
        seen = self.result.observations
        if self.result.attestation is not None:
            return seen[-1]  # what the run itself could not decide, and why
        return next((one for one in reversed(seen) if one.exchanges), seen[-1] if seen else None)

    @property
    def row(self) -> str:
        """The property row, or other part, that tells it from checks of the same title; empty where nothing does."""
        own = f"{self.result.flow_id}/{self.result.name}/"
        if not self.result.check.startswith(own):
            return ""
        return unquote(self.result.check.removeprefix(own).replace("~", " \N{RIGHTWARDS ARROW} ", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceView:
    """One sentence of a document, or one policy, with the checks that rest on it."""

    text: str
    place: str
    checks: tuple[CheckView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowView:
    """One flow."""

    id: str
    anchor: str
    title: str
    counts: Counter[Outcome]
    sentences: tuple[SentenceView, ...]
    mappings: tuple[MappingSeen, ...]
    """One a pair of properties, sorted."""
    latencies: tuple[LatencyView, ...]
    gaps: tuple[GapSeen, ...]

    @property
    def mapping_groups(self) -> tuple[tuple[str, tuple[MappingSeen, ...]], ...]:
        """Its mappings by what speaks for them: `documented`, `approved`, `observed`; without empty groups."""
        groups: dict[str, list[MappingSeen]] = {"documented": [], "approved": [], "observed": []}
        for mapping in self.mappings:
            groups["documented" if mapping.documented else "approved" if mapping.approved else "observed"].append(
                mapping
            )
        return tuple((word, tuple(members)) for word, members in groups.items() if members)

    @property
    def checks(self) -> tuple[CheckView, ...]:
        """Its checks in the order shown."""
        return tuple(check for sentence in self.sentences for check in sentence.checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """The documents of one world."""

    world: str
    anchor: str
    title: str
    paths: tuple[str, ...]
    systems: tuple[str, ...]
    counts: Counter[Outcome]
    flows: tuple[FlowView, ...]
    gaps: tuple[GapSeen, ...]
    """Those that belong to no flow."""
    left: tuple[str, ...]
    """Records that could not be removed."""
    used: tuple[SystemUsed, ...] = ()
    """What was asked of each system."""
    recording: RecordingTold | None = None
    """What became of its recording; None where nothing was recorded or replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Checks that ended alike for the same reason."""

    outcome: Outcome
    cause: Cause | None
    reason: str
    checks: tuple[CheckView, ...]

    @property
    def of_the_world(self) -> bool:
        """Whether every check of a world has it alike, so that one message says all."""
        return self.reason in WHOLE_WORLD


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff:
    """What somebody signs who signs the report."""

    results: str
    """SHA-256 over all that the run told."""
    attestations: str
    """The same over what people found by hand; empty where there is nothing."""
    inputs: tuple[tuple[str, str], ...]
    """Path of each document, and of decisions.toml, with its SHA-256."""
    engine: str
    """Version of the sync engine; empty where nobody said."""
    accounts: tuple[str, ...]
    """One line a system; empty where they were emulated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run, ready to be shown."""

    folder: Path
    run: str
    mode: str
    clock: str
    seed: int
    epoch: str
    version: str
    status: Status
    headline: str
    counts: Counter[Outcome]
    proven: float
    """Share of the due checks that were decided, 0 to 1."""
    interrupted: bool
    virtual_s: float
    """The longest world, in seconds of the run's clock."""
    wall_s: float
    findings: tuple[Finding, ...]
    """What is broken first, then errors, then what is unproven; the most frequent first within each."""
    documents: tuple[DocumentView, ...]
    notes: tuple[str, ...]
    """What a reader must know to trust the figures."""
    signoff: SignOff

    @property
    def total(self) -> int:
        """All checks."""
        return self.counts.total()

    @property
    def unproven(self) -> int:
        """Checks that could not be decided here."""
        return sum(self.counts[outcome] for outcome in UNPROVEN)

    @property
    def broken(self) -> int:
        """Checks that failed or came late."""
        return sum(self.counts[outcome] for outcome in BROKEN)

    @property
    def gap_count(self) -> int:
        """What documents leave open, over all documents."""
        return sum(len(d.gaps) + sum(len(f.gaps) for f in d.flows) for d in self.documents)

    @property
    def path(self) -> Path:
        """Where the HTML report of the run lies."""
        return self.folder / "report.html"


def build_report(run: Run) -> Report:
    """Everything that the reports say of a run."""
    documents = tuple(_document_view(world) for world in run.worlds)
    counts = sum((document.counts for document in documents), Counter[Outcome]())
    started = next((world.started for world in run.worlds if world.started), None)
    ends = [world.finished for world in run.worlds if world.finished]
    status, headline = _judge(run, counts)
    return Report(
        folder=run.folder,
        run=started.run if started else run.folder.name,
        mode=started.mode if started else "unknown",
        clock=started.clock if started else "unknown",
        seed=started.seed if started else 0,
        epoch=started.epoch if started else "",
        version=started.version if started else "",
        status=status,
        headline=headline,
        counts=counts,
        proven=proven_share(counts),
        interrupted=run.interrupted,
        virtual_s=max((end.end_s for end in ends), default=0.0),
        wall_s=_real_time(started, ends),
        findings=_findings(documents),
        documents=documents,
        notes=_notes(run),
        signoff=_sign_off(run),
    )


def _sign_off(run: Run) -> SignOff:
    starts = [world.started for world in run.worlds if world.started]
    return SignOff(
        results=run.digest,
        attestations=run.attested_digest,
        inputs=tuple(sorted({item for started in starts for item in started.digests.items()})),
        engine=", ".join(sorted({started.engine for started in starts if started.engine})),
        accounts=tuple(sorted({line for started in starts for line in started.accounts})),
    )


def _real_time(started: RunStarted | None, ends: list[RunFinished]) -> float:
    """Seconds that a run took: worlds share one loop on the real clock, and follow one another on a virtual one."""
    seconds = [end.wall_s for end in ends]
    return sum(seconds) if started and started.clock == "virtual" else max(seconds, default=0.0)


def _judge(run: Run, counts: Counter[Outcome]) -> tuple[Status, str]:
    broken = sum(counts[outcome] for outcome in BROKEN)
    unproven = sum(counts[outcome] for outcome in UNPROVEN)
    decided = sum(counts[outcome] for outcome in DECIDED)
    stopped = " before the run was stopped" if run.interrupted else ""
    if broken:
        late = counts[Outcome.LATE]
        what = f"{broken} {'check' if broken == 1 else 'checks'} {'came late' if late == broken else 'failed'}"
        return Status.RED, f"{what}{f', {late} of them late' if 0 < late < broken else ''}{stopped}"
    errors = counts[Outcome.ERROR]
    if errors or run.broken_off:
        what = f"{errors} {'check' if errors == 1 else 'checks'} ended in an error" if errors else "The run broke off"
        return Status.YELLOW, f"{what}; {'no promise was seen broken' if decided else 'nothing was decided'}"
    if not decided:
        return Status.YELLOW, f"Nothing was decided{stopped}"
    if run.interrupted:
        return Status.YELLOW, "No promise was broken before the run was stopped"
    open_parts = [
        f"{number} {'is' if number == 1 else 'are'} {word}"
        for number, word in ((unproven, "unproven"), (counts[Outcome.WAIVED], "waived"))
        if number
    ]
    if open_parts:
        beside = " beside those waived" if any(c.waiver and c.waiver.outcome in BROKEN for c in run.checks) else ""
        return Status.YELLOW, f"No promise is broken{beside}, {', '.join(open_parts)}"
    by_hand = counts[Outcome.ATTESTED]
    return Status.GREEN, f"Every promise that was checked holds{f', {by_hand} of them by hand' if by_hand else ''}"


def _notes(run: Run) -> tuple[str, ...]:
    notes = [f"{slug}: the process died before the end; what follows is what it had written" for slug in run.broken_off]
    if run.unread:
        notes.append(f"{len(run.unread)} line(s) of the results could not be read: {run.unread[0]}")
    return tuple(notes)


def _findings(documents: Iterable[DocumentView]) -> tuple[Finding, ...]:
    groups: dict[tuple[Outcome, Cause | None, str], list[CheckView]] = defaultdict(list)
    shown = BROKEN | UNPROVEN | {Outcome.ERROR, Outcome.NOT_RUN, Outcome.WAIVED}
    for check in (c for d in documents for f in d.flows for c in f.checks if c.result.outcome in shown):
        groups[check.result.outcome, check.result.cause, check.result.reason].append(check)
    return tuple(
        Finding(outcome=outcome, cause=cause, reason=reason, checks=tuple(checks))
        for (outcome, cause, reason), checks in sorted(
            groups.items(), key=lambda item: (ORDER.index(item[0][0]), -len(item[1]), item[0][2])
        )
    )


@dataclass(slots=True)
class _FlowEvents:
    checks: list[CheckFinished] = field(default_factory=list)
    mappings: list[MappingSeen] = field(default_factory=list)
    latencies: list[LatencySeen] = field(default_factory=list)
    gaps: list[GapSeen] = field(default_factory=list)


def _events_by_flow(world: WorldRun) -> dict[str, _FlowEvents]:
    """Events by flow id, sorted; scenarios written by hand for no flow stand under the empty id, last.

    A flow that nothing ran of is none of them: its gaps stay with the document.
    """
    flows: dict[str, _FlowEvents] = defaultdict(_FlowEvents)
    for check in world.checks:
        flows[check.flow_id].checks.append(check)
    for mapping in world.mappings:
        flows[mapping.flow_id].mappings.append(mapping)
    for latency in world.latencies:
        flows[latency.flow_id].latencies.append(latency)
    for gap in sorted(world.gaps, key=lambda gap: (gap.code, gap.place)):
        if gap.flow_id in flows:
            flows[gap.flow_id].gaps.append(gap)
    return {flow_id: flows[flow_id] for flow_id in sorted(flows, key=lambda flow_id: (flow_id == "", flow_id))}


def _document_view(world: WorldRun) -> DocumentView:
    flows = tuple(_flow_view(world.slug, flow_id, events) for flow_id, events in _events_by_flow(world).items())
    ran = {flow.id for flow in flows}
    started = world.started
    return DocumentView(
        world=world.slug,
        anchor=_anchor("d", world.slug),
        title=title_of_world(world.slug, started.systems if started else ()),
        paths=started.documents if started else (),
        systems=started.systems if started else (),
        counts=sum((flow.counts for flow in flows), Counter[Outcome]()),
        flows=flows,
        gaps=tuple(gap for gap in world.gaps if gap.flow_id not in ran),
        left=world.finished.left if world.finished else (),
        used=world.used,
        recording=world.recording,
    )


def _flow_view(world: str, flow_id: str, events: _FlowEvents) -> FlowView:
    return FlowView(
        id=flow_id,
        anchor=_anchor("f", world, flow_id),
        title=title_of_flow(flow_id, events.checks),
        counts=Counter(check.outcome for check in events.checks),
        sentences=_sentences(world, events.checks),
        mappings=unite_mappings(events.mappings),
        latencies=unite_latencies(events.latencies),
        gaps=tuple(events.gaps),
    )


def _sentences(world: str, checks: list[CheckFinished]) -> tuple[SentenceView, ...]:
    """Checks by the sentence they rest on; documents' sentences first, then policies."""
    groups: dict[tuple[str, str], list[CheckView]] = {}
    for check in sorted(checks, key=lambda c: ("policy" in c.tags, _NAME_ORDER.get(c.name, len(_NAME_ORDER)), c.check)):
        view = CheckView(result=check, anchor=_anchor("c", world, check.check))
        groups.setdefault((check.sentence, "" if view.is_policy else check.place), []).append(view)
    return tuple(SentenceView(text=text, place=place, checks=tuple(views)) for (text, place), views in groups.items())


def _anchor(kind: str, *identity: str) -> str:
    return kind + sha1("\n".join(identity).encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()[:10]


def outcomes_in_order(counts: Mapping[Outcome, int]) -> tuple[tuple[Outcome, int], ...]:
    """Outcomes that occurred with their numbers, those that need attention first."""
    return tuple((outcome, counts[outcome]) for outcome in ORDER if counts.get(outcome))
