"""`report` and `sweep` work on what a run left."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.model.result import RunStarted, event_to_json
from talkqa.verify.sweep import SweepResult
from tests.fakes.sample_run import CRM, sample_events, write_sample_run
from tests.unit.cli.conftest import Cli

RUNS = Path(".talkqa/runs")


def test_the_newest_run_is_reported_again(cli: Cli) -> None:
    write_sample_run(RUNS / "20240101T000000-aaaa")
    newest = write_sample_run(RUNS / "20240102T000000-aaaa")
    ended = cli("report")
    assert ended.code == 0
    assert ended.out.endswith(f"report: {newest}/report.html\n")
    assert (newest / "report.html").is_file()
    assert not (RUNS / "20240101T000000-aaaa" / "report.html").exists()


def test_a_run_can_be_named(cli: Cli) -> None:
    folder = write_sample_run(Path("elsewhere"))
    assert cli("report", "elsewhere").code == 0
    assert {"report.html", "junit.xml", "summary.txt"} <= {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("command", ["report", "sweep"])
def test_without_a_run_the_error_says_how_to_get_one(cli: Cli, command: str) -> None:
    ended = cli(command)
    assert ended.code == 2
    assert "`talkqa run`" in ended.err


def test_nothing_remains_of_a_sandbox_run(cli: Cli) -> None:
    write_sample_run(RUNS / "20240101T000000-aaaa")
    ended = cli("sweep")
    assert ended.code == 0
    assert "nothing to remove" in ended.out


def _write_run(folder: Path, mode: str, *, open_entry: bool) -> Path:
    write_sample_run(folder)
    for world, (started, *_) in sample_events().items():
        assert isinstance(started, RunStarted)
        line = json.dumps(event_to_json(replace(started, mode=mode)))
        (folder / f"{world.replace('/', '_')}.jsonl").write_text(line + "\n", encoding="utf-8")
    entry = {"op": "adopt", "token": 1, "system": "Salesforce", "entity": "Account", "id": "1", "check": "", "why": "?"}
    text = json.dumps(entry) + "\n" if open_entry else ""
    (folder / "other.ledger.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_the_newest_live_run_that_left_something_is_swept(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a later run in the sandbox or a replay, nor a later live one that removed everything itself."""
    swept: list[Path] = []

    def remove(path: Path, *_: object) -> SweepResult:
        swept.append(path)
        return SweepResult(removed=1, left=())

    monkeypatch.setattr("talkqa.runner.sweeping.sweep_ledger", remove)
    _write_run(RUNS / "20240101T000000-aaaa", "live", open_entry=True)
    left = _write_run(RUNS / "20240102T000000-aaaa", "record", open_entry=True)
    _write_run(RUNS / "20240103T000000-aaaa", "live", open_entry=False)
    _write_run(RUNS / "20240104T000000-aaaa", "sandbox", open_entry=True)
    _write_run(RUNS / "20240105T000000-aaaa", "replay", open_entry=True)
    ended = cli("sweep")
    assert ended.code == 0
    assert [path.parent.name for path in swept] == [left.name]
    assert f"newest live run that left something: {left}" in ended.err


def test_where_no_live_run_left_anything_there_is_nothing_to_remove(cli: Cli) -> None:
    _write_run(RUNS / "20240101T000000-aaaa", "live", open_entry=False)
    _write_run(RUNS / "20240102T000000-aaaa", "sandbox", open_entry=True)
    ended = cli("sweep")
    assert (ended.code, ended.out) == (0, "nothing to remove: no live run left anything\n")
    named = cli("sweep", str(RUNS / "20240102T000000-aaaa"))
    assert "no system outlives a sandbox run (1 entries of the ledger were open)" in named.out


def test_a_live_run_that_left_nothing_is_told_so(cli: Cli) -> None:
    folder = write_sample_run(Path("live"))
    (started, *_) = sample_events()[CRM]
    assert isinstance(started, RunStarted)
    line = json.dumps(event_to_json(replace(started, mode="live")))
    (folder / "other.jsonl").write_text(line + "\n", encoding="utf-8")
    (folder / "other.ledger.jsonl").write_text("", encoding="utf-8")
    ended = cli("sweep", "live")
    assert ended.code == 0
    assert "0 records removed, 0 left" in ended.out


def test_a_live_run_cannot_be_swept_without_its_account(cli: Cli) -> None:
    """The message says what to add."""
    folder = write_sample_run(Path("live"))
    (started, *_) = sample_events()[CRM]
    assert isinstance(started, RunStarted)
    line = json.dumps(event_to_json(replace(started, mode="live")))
    (folder / "other.jsonl").write_text(line + "\n", encoding="utf-8")
    entry = {
        "token": 1,
        "system": "Salesforce",
        "entity": "Account",
        "id": "1",
        "check": "",
        "why": "?",
    }
    (folder / "other.ledger.jsonl").write_text(json.dumps({"op": "adopt", **entry}) + "\n", encoding="utf-8")
    ended = cli("sweep", "live")
    assert ended.code == 2
    assert '[accounts."Salesforce"]' in ended.err
