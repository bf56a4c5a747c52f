"""Recordings give the verdicts that they were recorded with: all of them, any subset, and without a socket."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.model.result import RecordingTold
from talkqa.model.world import World
from talkqa.report.reading import find_newest_run, read_run
from talkqa.runner.recordings import find_recording, verdicts_of
from tests.functional.test_sandbox_serve import serving
from tests.harness import PROJECT, SPECS, WorldRun, project_settings, read_worlds, run_world
from tests.unit.runner.test_serving import DOCUMENT

WORLDS = {world.slug: world for world in read_worlds(sorted(SPECS.glob("*.rst")), project_settings())}
REPLAY = project_settings(mode="replay")


@pytest.fixture(autouse=True)
def no_socket(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Whoever opens a connection fails."""
    if "over_sockets" in request.keywords:
        return

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(trio.socket, "getaddrinfo", refuse)


def replayed(world: World, folder: Path, checks: frozenset[str] | None = None, root: Path = PROJECT) -> WorldRun:
    """A world's checklist, or these checks of it, from the recording."""
    return run_world(world, REPLAY, folder, select=lambda check, _flow: checks is None or check.id in checks, root=root)


def told(run: WorldRun) -> RecordingTold:
    (event,) = (event for event in run.events if isinstance(event, RecordingTold))
    return event


@cache
def recorded_verdicts(slug: str) -> dict[str, tuple[str, str]]:
    """What the committed recording of a world was recorded with."""
    return verdicts_of(find_recording(slug, REPLAY, PROJECT))


@pytest.mark.parametrize("slug", sorted(WORLDS))
def test_the_committed_recordings_give_the_verdicts_they_were_recorded_with(slug: str, tmp_path: Path) -> None:
    """For every check of specs/; nothing of them is unused or outdated."""
    run = replayed(WORLDS[slug], tmp_path)
    assert run.verdicts() == recorded_verdicts(slug)
    assert {outcome for outcome, _ in recorded_verdicts(slug).values()} <= {
        "passed",
        "observed",
        "not_runnable",
        "undecided",
    }
    assert told(run).notes == ()


@pytest.mark.timeout(600)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_subset_of_a_recording_gives_the_same_verdicts(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What was not selected takes part in nothing."""
    slug = data.draw(st.sampled_from(sorted(WORLDS)))
    verdicts = recorded_verdicts(slug)
    checks = data.draw(st.frozensets(st.sampled_from(sorted(verdicts)), min_size=1, max_size=30))
    run = replayed(WORLDS[slug], tmp_path_factory.mktemp("ledger"), checks)
    assert run.verdicts() == {check: verdicts[check] for check in checks}


@pytest.mark.parametrize("fault", ["source-edits-dropped", "duplicate-on-create", "entity-skipped"])
def test_a_recording_of_a_broken_engine_accuses_it_again(fault: str, tmp_path: Path) -> None:
    """Failures are replayed with their reasons, not only successes."""
    world = WORLDS["custom-crm/wave"]
    broken = project_settings(faults=(fault,), record=True)
    (tmp_path / "cassettes").mkdir()
    before = run_world(world, broken, tmp_path / "before", root=tmp_path)
    assert {"failed", "late"} & {outcome for outcome, _ in before.verdicts().values()}
    after = replayed(world, tmp_path / "after", root=tmp_path)
    assert after.verdicts() == before.verdicts()
    assert told(before).kind == "recorded"
    assert told(after).kind == "replayed"


def test_a_recording_of_few_checks_never_replaces_one_of_many(tmp_path: Path) -> None:
    """The one before is kept, and the run says so and what to do."""
    world = WORLDS["custom-pms/salesforce"]
    record = project_settings(record=True)
    whole = run_world(world, record, tmp_path / "whole", root=tmp_path)
    part = run_world(world, record, tmp_path / "part", root=tmp_path, select=lambda check, _: "created" in check.id)
    assert told(whole).kind == "recorded"
    assert told(part).kind == "kept"
    assert "record the whole world, or delete cassettes/custom-pms/salesforce first" in told(part).notes[0]
    assert replayed(world, tmp_path / "again", root=tmp_path).verdicts() == whole.verdicts()


def test_a_check_that_was_not_recorded_cannot_be_replayed(tmp_path: Path) -> None:
    """It is told apart from one that failed."""
    world = WORLDS["custom-pms/salesforce"]
    run_world(
        world, project_settings(record=True), tmp_path, root=tmp_path, select=lambda check, _: "created" in check.id
    )
    outcomes = {outcome for check, outcome in replayed(world, tmp_path, root=tmp_path).verdicts().items()}
    assert outcomes == {("passed", "no-copies"), ("not_runnable", "not-recorded")}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A project whose systems are served on loopback ports, an engine between them."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "cake.rst").write_text(DOCUMENT, encoding="utf-8")
    with serving(tmp_path) as (_, printed):
        quick = "[run]\npoll_s = 0.2\npatience_s = 20\n"
        (tmp_path / "talkqa.toml").write_text(quick + printed, encoding="utf-8")
        yield tmp_path


def run_talkqa(project: Path, *arguments: str) -> dict[str, tuple[str, str]]:
    """Check id to verdict of a run through the command line."""
    command = [sys.executable, "-m", "talkqa", "run", *arguments, "--", "-k", "created or travel"]
    ran = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=150)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    run = read_run(find_newest_run(project / ".talkqa" / "runs"))
    return {check.check: (str(check.outcome), check.reason) for check in run.checks if check.reason != "not-collected"}


@pytest.mark.over_sockets
def test_recorded_over_sockets_and_replayed_without(served: Path) -> None:
    """Through the command line, against `talkqa sandbox serve`, on the real clock."""
    recorded = run_talkqa(served, "--record", "--generate")
    assert {outcome for outcome, _ in recorded.values()} <= {"passed", "not_run"}
    assert ("passed", "no-copies") in recorded.values()
    (served / "talkqa.toml").unlink()
    assert run_talkqa(served, "--replay") == recorded
