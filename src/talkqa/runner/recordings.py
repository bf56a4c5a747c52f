"""Recording a world's calls, and what a replay takes from a recording: clock, seed, and when everything began."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import talkqa
from talkqa.model.account import Account
from talkqa.model.result import CheckFinished, RecordingTold
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan, World
from talkqa.runner.stage import Opening
from talkqa.transport.recorder import Recorder
from talkqa.transport.recording import CassetteError, RecordingFacts, WorldRecording
from talkqa.transport.replayer import ReplayUse
from talkqa.transport.shelf import read_recording, world_folder
from talkqa.verify.heartbeat import RecordedBeats

BEATS = "heartbeats"
"""Kind of the notes that tell when a flow's heartbeats began."""
CHOICES = "heartbeats-chosen"
"""Kind of the notes that tell which heartbeat answered whoever asked for one."""
VERDICTS = "verdicts"
"""Kind of the notes that tell what was decided."""
MODE, ALLOW, CHAINS = "mode", "allow", "chains"
"""Where the recorded run's systems were, which entities its accounts allowed, and whether chains were opened."""
_TOLD = 20
"""Unused calls that are named one by one."""
NEVER = -1.0
"""When a heartbeat began that was given up before."""
_HEARTBEAT = "heartbeat "


def make_recorder(
    world: World,
    opening: Opening,
    is_ours: Callable[[Mapping[str, Any]], bool],
    excerpt: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> Recorder:
    """A recorder for an open world.

    Args:
        world: What is recorded.
        opening: Of the world.
        is_ours: Whether a record is the run's own, or holds something that the run wrote and was not there before.
        excerpt: Of any other record what the run wrote into it.
    """
    settings = opening.settings
    facts = RecordingFacts(
        slug=world.slug,
        run_id=opening.run_id,
        version=talkqa.__version__,
        recorded_at=datetime.now(UTC).replace(microsecond=0),
        epoch=opening.clock.stamp() - timedelta(seconds=opening.clock.now()),
        seed=settings.seed,
        poll_s=settings.poll_s,
        patience_s=settings.patience_s,
        settings={
            MODE: settings.mode,
            ALLOW: {one.system: dict(one.allow) for one in settings.accounts if one.allow},
            **({CHAINS: True} if settings.chains else {}),
        },
    )
    secrets = [secret for account in settings.accounts for secret in account.auth.secrets]
    return Recorder(
        find_folder(world.slug, opening),
        facts=facts,
        clock=opening.clock,
        is_ours=is_ours,
        secrets=secrets,
        excerpt=excerpt,
    )


def find_folder(slug: str, opening: Opening) -> Path:
    """Where the recording of a world lies."""
    return world_folder(opening.root / opening.settings.cassettes, slug)


def keep_recording(
    recorder: Recorder, folder: Path, begun: Collection[str], known: Collection[str], opening: Opening, *, whole: bool
) -> RecordingTold:
    """Save what was recorded, unless that would lose more than it brings.

    Args:
        recorder: Of the world.
        folder: Where its recording lies.
        begun: Ids of the checks that ran.
        known: Ids of the checks that exist.
        opening: Of the world.
        whole: False where the run was stopped: the end of some scenarios is missing.
    """
    before = _checks_in(folder)
    lost = sorted((before & set(known)) - set(begun))
    path = folder.relative_to(opening.root).as_posix()
    if before and (lost or not whole):
        why = f"the new one lacks {len(lost)} of its checks, such as {lost[0]}" if lost else "the run was stopped"
        advice = f"record the whole world, or delete {path} first"
        notes = (f"the recording before was kept: {why}; {advice}",)
        return RecordingTold(kind="kept", path=path, checks=len(before), recorded_at="", notes=notes)
    recorder.learn_secrets(opening.secrets.rules.values)
    recorder.save(complete=whole)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return RecordingTold(kind="recorded", path=path, checks=len(begun), recorded_at=now)


def _checks_in(folder: Path) -> set[str]:
    try:
        return set(read_recording(folder).starts)
    except CassetteError:  # none, or one that no replay could use
        return set()


def tell_replay(use: ReplayUse, recording: WorldRecording, opening: Opening) -> RecordingTold:
    """What of a recording was not of use: calls that were not made, checks that are other ones now."""
    facts = recording.facts
    notes = [f"outdated: {check}" for check in use.outdated]
    notes += [f"unused: {call}" for call in use.unused[:_TOLD]]
    if len(use.unused) > _TOLD:
        notes.append(f"unused: {len(use.unused) - _TOLD} more calls")
    path = find_folder(facts.slug, opening).relative_to(opening.root).as_posix()
    at = facts.recorded_at.isoformat(timespec="seconds")
    return RecordingTold(kind="replayed", path=path, checks=len(recording.starts), recorded_at=at, notes=tuple(notes))


def find_recording(slug: str, settings: Settings, root: Path) -> WorldRecording:
    """The recording of a world.

    Raises:
        CassetteError: where there is none, it cannot be read, or it is older than allowed.
    """
    recording = read_recording(world_folder(root / settings.cassettes, slug))
    recording.require_age(settings.max_age_days, datetime.now(UTC))
    return recording


def settings_of(recording: WorldRecording, settings: Settings) -> Settings:
    """The settings with what has to be as it was: a replay asks what the recorded run asked."""
    facts = recording.facts
    allowed = facts.settings.get(ALLOW, {})
    accounts = tuple(Account(system=system, url="", allow=allow) for system, allow in sorted(allowed.items()))
    return replace(
        settings,
        seed=facts.seed,
        poll_s=facts.poll_s,
        patience_s=facts.patience_s,
        chains=facts.settings.get(CHAINS) is True,
        accounts=accounts,
    )


def was_guarded(recording: WorldRecording) -> bool:
    """Whether the recorded run was one against systems where not everything is allowed."""
    return recording.facts.settings.get(MODE) == "live"


def is_real(settings: Settings, recording: WorldRecording | None) -> bool:
    """Whether the systems are real ones, now or when they were recorded, with whatever engine runs between them."""
    return settings.mode == "live" if recording is None else was_guarded(recording)


def note_start(recorder: Recorder, actor: str, at_s: float) -> None:
    """Note when a heartbeat began."""
    flow_id, _, number = actor.removeprefix(_HEARTBEAT).rpartition(" ")
    recorder.note(BEATS, [flow_id, int(number), at_s])


def note_verdict(recorder: Recorder, finished: CheckFinished) -> None:
    """Note what the recorded run decided, so that a replay can be held against it."""
    recorder.note(VERDICTS, [finished.check, str(finished.outcome), finished.reason])


def verdicts_of(recording: WorldRecording) -> dict[str, tuple[str, str]]:
    """Check id to outcome and reason code in the recorded run."""
    return {check: (outcome, reason) for check, outcome, reason in recording.notes.get(VERDICTS, ())}


def note_choice(recorder: Recorder, actor: str, asker: str, number: int) -> None:
    """Note which heartbeat answered whoever asked for one."""
    recorder.note(CHOICES, [actor.removeprefix(_HEARTBEAT), asker, number])


def beats_of(recording: WorldRecording) -> dict[str, RecordedBeats]:
    """Flow id to its heartbeats."""
    began: defaultdict[str, dict[int, float]] = defaultdict(dict)
    chosen: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for flow_id, number, at_s in recording.notes.get(BEATS, ()):
        began[flow_id][number] = at_s
    for flow_id, asker, number in recording.notes.get(CHOICES, ()):
        if number in began[flow_id]:
            chosen[flow_id][asker].append(number)
    return {
        flow_id: RecordedBeats(
            starts=tuple(each.get(n, NEVER) for n in range(max(each, default=-1) + 1)), chosen=chosen[flow_id]
        )
        for flow_id, each in began.items()
    }


def digest_plan(plan: ScenarioPlan) -> str:
    """Of the steps of a scenario: another one means that a recording shows another scenario."""
    text = "\n".join(f"{keyword} {text}" for keyword, text in plan.steps)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
