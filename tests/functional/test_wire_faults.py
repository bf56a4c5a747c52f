"""What goes wrong on the wire changes no verdict, and leaves no record behind."""

from collections import Counter
from pathlib import Path

import pytest

from talkqa.model.world import World
from talkqa.runner import grounds
from talkqa.sandbox.world import SandboxWorld
from tests.harness import PROJECT, WorldRun, project_settings, read_worlds, run_world

RATE = 0.05
DEFAULT = "Talk default"
"""What the reference engine fills required fields with: its own parents carry it."""
DOCUMENTS = sorted((PROJECT / "specs").glob("*.rst"))
LONGEST = ("salesforce-exactonline", "wave-customcrm")
"""In their time every kind of fault comes about."""


@pytest.fixture
def sandboxes(monkeypatch: pytest.MonkeyPatch) -> list[SandboxWorld]:
    """Every sandbox that a run opens."""
    opened: list[SandboxWorld] = []

    class Seen(SandboxWorld):
        def __init__(self, **keys: object) -> None:
            super().__init__(**keys)  # type: ignore[arg-type]
            opened.append(self)

    monkeypatch.setattr(grounds, "SandboxWorld", Seen)
    return opened


RACES = "/latest-wins"
"""Checks that tell which of two edits at one time stood: a call that is sent again arrives later, and loses or wins."""


def told(run: WorldRun) -> dict[str, tuple[str, ...]]:
    """Outcome and reason of each check; of a race the outcome alone."""
    return {check: one[:1] if RACES in check else one for check, one in run.verdicts().items()}


def living(sandbox: SandboxWorld) -> list[str]:
    """Records that could be deleted and are left, but for the engine's own parents and the system's furniture."""
    return [
        f"{name} {entity.schema.name} {record.id} {record.values}"
        for name, emulator in sandbox._emulators.items()
        for entity in emulator.store.entities.values()
        for record in entity.all()
        if not record.deleted and entity.schema.deletable and DEFAULT not in record.values.values()
        if record.values.get("IsStandard") is not True  # the price book that every organisation begins with
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_refused_lost_late_and_unsigned_calls_change_no_verdict_and_no_record(
    document: Path, tmp_path: Path, sandboxes: list[SandboxWorld]
) -> None:
    """5 % of the tests' own calls go wrong: 429, 503, time-outs, broken connections, dead tokens."""
    plain, faulty = project_settings(), project_settings(wire_faults=RATE)
    (world,) = read_worlds([document], plain)
    calm, rough = run_world(world, plain, tmp_path / "calm"), run_world(world, faulty, tmp_path / "rough")
    differing = {check: one for check, one in told(rough).items() if told(calm)[check] != one}
    assert differing == {}
    assert rough.results.keys() == calm.results.keys()
    assert living(sandboxes[0]) == living(sandboxes[1]) == []
    assert rough.finished.left == ()


def test_the_faults_did_happen(tmp_path: Path, sandboxes: list[SandboxWorld], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind, or the test above would show nothing."""
    made: list[grounds.FaultyTransport] = []

    class Counted(grounds.FaultyTransport):
        def __init__(self, *arguments: object, **keys: object) -> None:
            super().__init__(*arguments, **keys)  # type: ignore[arg-type]
            made.append(self)

    monkeypatch.setattr(grounds, "FaultyTransport", Counted)
    settings = project_settings(wire_faults=RATE)
    worlds: list[World] = list(read_worlds([d for d in DOCUMENTS if d.stem in LONGEST], settings))
    for world in worlds:
        run_world(world, settings, tmp_path / world.slug.replace("/", "_"))
    happened = sum((Counter(dict(transport.done)) for transport in made), Counter[str]())
    assert {kind for kind, count in happened.items() if count} == {
        "refused",
        "refused_until",
        "unavailable",
        "unanswered",
        "answer_lost",
        "dropped",
        "dropped_after",
        "slow",
        "expired",
    }
