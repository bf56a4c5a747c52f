"""Recording a world's calls, and what a replay takes from a recording: clock, seed, and when everything began."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import talkqa
from talkqa.model.account import Account
from talkqa.model.result import CheckFinished
from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan, World
from talkqa.runner.stage import Opening
from talkqa.transport.recorder import Recorder
from talkqa.transport.recording import RecordingFacts, WorldRecording
from talkqa.transport.shelf import read_recording, world_folder

BEATS = "heartbeats"
"""Kind of the notes that tell when a flow's heartbeats began."""
VERDICTS = "verdicts"
"""Kind of the notes that tell what was decided."""
MODE, ALLOW = "mode", "allow"
"""Where the recorded run's systems were, and which entities its accounts allowed."""
NEVER = -1.0
"""When a heartbeat began that was given up before."""
_HEARTBEAT = "heartbeat "


def make_recorder(world: World, opening: Opening, is_ours: Callable[[Mapping[str, Any]], bool]) -> Recorder:
    """A recorder for an open world.

    Args:
        world: What is recorded.
        opening: Of the world.
        is_ours: Whether a record holds something that the run wrote.
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
        settings={MODE: settings.mode, ALLOW: {one.system: dict(one.allow) for one in settings.accounts if one.allow}},
    )
    secrets = [secret for account in settings.accounts for secret in account.auth.secrets]
    folder = world_folder(opening.root / settings.cassettes, world.slug)
    return Recorder(folder, facts=facts, clock=opening.clock, is_ours=is_ours, secrets=secrets)


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
    return replace(settings, seed=facts.seed, poll_s=facts.poll_s, patience_s=facts.patience_s, accounts=accounts)


def was_guarded(recording: WorldRecording) -> bool:
    """Whether the recorded run was one against systems where not everything is allowed."""
    return recording.facts.settings.get(MODE) == "live"


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


def beats_of(recording: WorldRecording) -> dict[str, tuple[float, ...]]:
    """Flow id to when its heartbeats began, in the order of their numbers."""
    began: dict[str, dict[int, float]] = {}
    for flow_id, number, at_s in recording.notes.get(BEATS, ()):
        began.setdefault(flow_id, {})[number] = at_s
    return {flow_id: tuple(each.get(n, NEVER) for n in range(max(each) + 1)) for flow_id, each in began.items()}


def digest_plan(plan: ScenarioPlan) -> str:
    """Of the steps of a scenario: another one means that a recording shows another scenario."""
    text = "\n".join(f"{keyword} {text}" for keyword, text in plan.steps)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
