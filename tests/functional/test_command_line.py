"""`talkqa` as a user has it: a process of its own, a project of one document, the sandbox."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import junitparser
import pytest

from tests.harness import heed_interrupts
from tests.unit.cli.conftest import DOCUMENT

_START = "import sys; from talkqa.cli import main; sys.argv[0] = 'talkqa'; main()"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose scenarios are generated."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "crm-to-erp.rst").write_text(DOCUMENT, encoding="utf-8")
    assert _talkqa(tmp_path, "generate").returncode == 0
    return tmp_path


def _talkqa(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", _START, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _run_folder(project: Path) -> Path:
    (folder,) = (project / ".talkqa" / "runs").iterdir()
    return folder


def test_a_run_in_the_sandbox_is_well_and_reported(project: Path) -> None:
    ended = _talkqa(project, "run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    folder = _run_folder(project)
    assert "Custom CRM Customer to Acme ERP Client" in ended.stdout
    assert ended.stdout.endswith(f"report: {folder.relative_to(project).as_posix()}/report.html\n")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Every Custom CRM Customer will be synchronized with a Acme ERP Client." in page
    assert "documents no properties" in page
    cases = [case for suite in junitparser.JUnitXml.fromfile(str(folder / "junit.xml")) for case in suite]
    assert any(case.name == "custom-crm.customer--acme-erp.client/created" and not case.result for case in cases)


def test_a_broken_engine_is_told_by_the_sentence_it_broke(project: Path) -> None:
    ended = _talkqa(project, "run", "--fault", "duplicate-on-create", "--", "--tb=no")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    told = "specs/crm-to-erp.rst:13: Every Custom CRM Customer will be synchronized with a Acme ERP Client."
    assert told in ended.stdout
    assert told.partition(": ")[2] in (_run_folder(project) / "report.html").read_text(encoding="utf-8")


def test_ctrl_c_leaves_a_report_of_what_was_seen(project: Path) -> None:
    """On the real clock nothing is decided so soon: the run is stopped, told, and ends with 130."""
    process = subprocess.Popen(
        [sys.executable, "-c", _START, "run", "--clock", "real"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - no thread of ours is about
    )
    try:
        _wait_for_events(project, process)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, output
    assert "before the run was stopped." in output
    assert {"report.html", "junit.xml", "summary.txt"} <= {path.name for path in _run_folder(project).iterdir()}


def _wait_for_events(project: Path, process: "subprocess.Popen[str]") -> None:
    """Until a scenario has written: its ledger has a first line."""
    runs = project / ".talkqa" / "runs"
    while process.poll() is None:
        if any(path.stat().st_size for path in runs.glob("*/*.ledger.jsonl")):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
    pytest.fail(f"the run ended by itself: {process.communicate()[0]}")
