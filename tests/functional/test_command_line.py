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


def test_what_a_live_run_cannot_do_without_is_one_refusal(project: Path) -> None:
    """Before anything runs, with plain pytest as well; a replay without a recording likewise."""
    ended = _talkqa(project, "run", "--live")
    assert ended.returncode == 2, ended.stdout + ended.stderr
    for system in ("Custom CRM", "Acme ERP"):
        assert ended.stderr.count(f"talkqa: no account for {system}: add [accounts.") == 1
    assert "needed by custom-crm/acme-erp" in ended.stderr
    assert "LIVE" not in ended.stdout + ended.stderr
    ended = _talkqa(project, "run", "--replay")
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert ended.stderr.count("custom-crm/acme-erp holds no recording") == 1
    ended = _pytest(project, "--talkqa-mode=live")
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert ended.stderr.count("no account for Acme ERP") == 1
    assert _pytest(project, "--talkqa-mode=live", "--collect-only").returncode == pytest.ExitCode.OK
    assert not (project / ".talkqa" / "runs").exists()


def test_workers_are_refused_what_one_process_is_refused(project: Path) -> None:
    """By the process that has the terminal, which also says where they are going to write."""
    pytest.importorskip("xdist")
    ended = _talkqa(project, "run", "--live", "--", "-n", "1")
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert (ended.stdout + ended.stderr).count("no account for Acme ERP") == 1
    (project / "talkqa.toml").write_text(_ACCOUNTS, encoding="utf-8")
    ended = _talkqa(project, "run", "--live", "--", "-n", "1")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert ended.stdout.count("LIVE: this run creates") == 1


_ACCOUNTS = """
[accounts."Custom CRM"]
url = "https://crm.test"
[accounts."Custom CRM".auth]
kind = "jwt-bearer"
client_id = "us"
username = "u"
private_key = "no key"
token_url = "https://crm.test/token"

[accounts."Acme ERP"]
url = "https://erp.test"
auth = { kind = "none" }

[accounts."Elsewhere"]
url = "https://elsewhere.test"
auth = { kind = "none" }
"""


def test_a_live_run_says_where_it_writes_and_once_why_it_cannot_begin(project: Path) -> None:
    """What opening a world found is every check's outcome, and no more than one block of pytest's output."""
    (project / "talkqa.toml").write_text(_ACCOUNTS, encoding="utf-8")
    ended = _talkqa(project, "run", "--live")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "Custom CRM at https://crm.test as u\n" in ended.stdout
    assert "Elsewhere" not in ended.stdout
    assert ended.stdout.count("LIVE: this run creates, changes and deletes records of its own in") == 1
    assert ended.stdout.count("error (configuration): ") == 1
    assert "ERROR world-refused, cause: configuration" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
    said = _pytest(project, "--talkqa-mode=live").stdout
    assert said.count("LIVE: this run creates") == 1
    assert "1 failed" in said


def _pytest(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "generated_tests", "-q", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
