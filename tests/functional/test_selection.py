"""The project's own scenarios under pytest's own options, in the real sandbox."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from talkqa.model.result import RunFinished
from talkqa.report.reading import read_run
from tests.harness import PROJECT, heed_interrupts

BY_HAND = """\
Feature: Written by hand

  Scenario: A task made by hand is carried over
    Given the sync engine keeps Custom PMS Task and Salesforce Task in step
    And a Custom PMS Task that is linked to a Salesforce Task
    When a property that travels is edited in the source Custom PMS Task
    Then that property follows in the target Salesforce Task

  Scenario: A task made by hand with a step of our own
    Given the sync engine keeps Custom PMS Task and Salesforce Task in step
    And the tester has had a coffee
    When a Custom PMS Task is created
    Then exactly one Salesforce Task is linked to it
"""
OWN_STEP = """\
from pytest_bdd import given


@given("the tester has had a coffee")
def coffee():
    print("coffee was had")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's documents and scenarios, elsewhere."""
    for name in ("specs", "generated_tests"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    shutil.copy(PROJECT / "talkqa.toml", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def run_pytest(root: Path, *options: str, run_dir: str = "run") -> subprocess.CompletedProcess[str]:
    """Plain pytest over generated tests, as a person calls it."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", f"--talkqa-run-dir={run_dir}", "-p", "no:timeout", *options],
        cwd=root,
        env={**os.environ, "CI": "true"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def outcomes(root: Path, run_dir: str = "run") -> Mapping[str, str]:
    """Check id to outcome and reason."""
    return {r.check: f"{r.outcome} {r.reason}" for r in read_run(root / run_dir).checks}


def ends(folder: Path) -> list[RunFinished]:
    """How each world of a run ended; none may have died."""
    found = [world.finished for world in read_run(folder).worlds]
    assert None not in found
    return [end for end in found if end is not None]


def test_k_selects_the_flows_of_division(project: Path) -> None:
    """Words of the names select, in every world."""
    done = run_pytest(project, "generated_tests", "-k", "division")
    assert done.returncode == 0, done.stdout
    flows = {check.partition("/")[0] for check in outcomes(project)}
    assert flows == {"custom-crm.customer--salesforce.division", "custom-pms.customer--salesforce.division"}


def test_scenarios_written_by_hand_run_beside_the_generated_ones(project: Path) -> None:
    """One with our words alone, one with a step of its author's own."""
    folder = project / "generated_tests" / "custom-pms" / "salesforce"
    (folder / "mine.feature").write_text(BY_HAND, encoding="utf-8")
    (folder / "conftest.py").write_text(OWN_STEP, encoding="utf-8")
    done = run_pytest(project, "generated_tests/custom-pms", "-k", "hand", "-rP")
    assert done.returncode == 0, done.stdout
    seen = outcomes(project)
    assert len(seen) == 2
    assert all(outcome.startswith("passed") for outcome in seen.values()), seen
    assert "coffee was had" in done.stdout


def test_x_stops_and_sweeps_and_lf_reruns_exactly_what_failed(project: Path) -> None:
    """With a broken engine, then with the same one again."""
    fault = "--talkqa-fault=target-edits-dropped"
    stopped = run_pytest(project, "generated_tests/custom-pms", fault, "-x", run_dir="stopped")
    assert stopped.returncode == 1
    assert stopped.stdout.count("FAILED ") == 1, stopped.stdout
    assert all(end.left == () for end in ends(project / "stopped"))

    whole = run_pytest(project, "generated_tests/custom-pms", fault, run_dir="whole")
    assert whole.returncode == 1
    failed = {check for check, outcome in outcomes(project, "whole").items() if outcome.startswith(("failed", "late"))}
    assert failed
    run_pytest(project, "generated_tests/custom-pms", fault, "--lf", run_dir="again")
    assert set(outcomes(project, "again")) == failed


def test_two_workers_give_the_same_verdict_for_each_check(project: Path) -> None:
    """Worlds are dealt whole."""
    folders = ("generated_tests/custom-pms", "generated_tests/custom-crm/wave")
    assert run_pytest(project, *folders, run_dir="one").returncode == 0
    assert run_pytest(project, *folders, "-n", "2", run_dir="two").returncode == 0
    assert outcomes(project, "one") == outcomes(project, "two")
    assert len(outcomes(project, "one")) == 60


def test_a_subset_gives_the_verdicts_of_the_whole(project: Path) -> None:
    """Nothing but the selection changes."""
    run_pytest(project, "generated_tests/custom-pms", run_dir="whole")
    run_pytest(project, "generated_tests/custom-pms", "-k", "Project", run_dir="part")
    whole, part = outcomes(project, "whole"), outcomes(project, "part")
    assert 0 < len(part) < len(whole)
    assert {check: whole[check] for check in part} == dict(part)


def test_ctrl_c_ends_soon_with_ledger_partial_results_and_report(project: Path) -> None:
    """On the real clock, while scenarios wait: swept, told as not run, exit code 130."""
    command = [sys.executable, "-m", "talkqa", "run", "generated_tests/custom-pms", "--clock", "real"]
    with subprocess.Popen(
        command,
        cwd=project,
        env={**os.environ, "CI": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - no thread of ours is about
    ) as process:
        runs = project / ".talkqa" / "runs"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not any(
            '"kind": "confirm"' in p.read_text(encoding="utf-8") or p.stat().st_size > 2000
            for p in runs.glob("*/*.ledger.jsonl")
        ):
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.1)  # a process that ends too soon is seen below, by its exit code
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    (folder,) = runs.iterdir()
    names = {p.name for p in folder.iterdir()}
    assert {"report.html", "junit.xml", "summary.txt", "custom-pms_salesforce.ledger.jsonl"} <= names
    assert read_run(folder).checks
    (end,) = ends(folder)
    assert end.interrupted
    assert all("talkqa sweep" in left for left in end.left)  # what two seconds were too short for is told
