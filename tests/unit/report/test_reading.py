"""A run's folder is read back whole, however it was left."""

import json
from pathlib import Path

import pytest

from talkqa.model.errors import RunError
from talkqa.model.result import Outcome, RunFinished, event_to_json
from talkqa.report.reading import find_newest_run, read_mode, read_run
from tests.fakes.sample_run import CRM, ERP, sample_events, write_sample_run


def test_several_world_files_are_united(tmp_path: Path) -> None:
    run = read_run(write_sample_run(tmp_path))
    assert [world.slug for world in run.worlds] == [CRM, ERP]
    assert run.unread == ()
    assert len(run.checks) == 43


def test_a_torn_last_line_loses_nothing_else(tmp_path: Path) -> None:
    write_sample_run(tmp_path)
    file = tmp_path / "custom-crm_salesforce.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[:-1], lines[-1][:40]]), encoding="utf-8")
    run = read_run(tmp_path)
    assert len(run.checks) == 43
    assert run.unread[0].startswith(f"custom-crm_salesforce.jsonl:{len(lines)}: ")
    assert run.broken_off == (CRM,)


@pytest.mark.parametrize("line", ["[]", "17", '{"event": "FromTheFuture"}', '{"event": "CheckStarted"}', "{", "\udcff"])
def test_a_line_of_another_kind_is_told_and_passed_over(tmp_path: Path, line: str) -> None:
    write_sample_run(tmp_path)
    with (tmp_path / "salesforce_exact-online.jsonl").open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{line}\n\n")
    run = read_run(tmp_path)
    assert len(run.unread) == 1
    assert len(run.checks) == 43


def test_a_file_whose_first_line_was_lost_is_named_by_its_file(tmp_path: Path) -> None:
    write_sample_run(tmp_path)
    file = tmp_path / "custom-crm_salesforce.jsonl"
    file.write_text("{\n" + "\n".join(file.read_text(encoding="utf-8").splitlines()[1:]), encoding="utf-8")
    (world, _) = read_run(tmp_path).worlds
    assert world.slug == "custom-crm_salesforce"
    assert world.started is None
    assert len(world.checks) == 28


def test_one_world_in_two_files_is_one_world(tmp_path: Path) -> None:
    """Workers may each write a part; a check told twice counts once, with its last result."""
    write_sample_run(tmp_path)
    events = sample_events()[CRM]
    half = [*events[:9], events[-1]]
    (tmp_path / "part.jsonl").write_text("".join(json.dumps(event_to_json(e)) + "\n" for e in half), encoding="utf-8")
    run = read_run(tmp_path)
    assert [world.slug for world in run.worlds] == [CRM, ERP]
    assert len(run.checks) == 43


def test_what_began_and_did_not_end_was_not_run(tmp_path: Path) -> None:
    run = read_run(write_sample_run(tmp_path))
    (cut_off,) = [check for check in run.checks if check.outcome is Outcome.NOT_RUN]
    assert (cut_off.check, cut_off.flow_id) == ("manual/orders/an-order-is-cancelled", "")


def test_a_ledger_is_no_event_file(tmp_path: Path) -> None:
    write_sample_run(tmp_path)
    (tmp_path / "custom-crm_salesforce.ledger.jsonl").write_text('{"intent": 1}\n', encoding="utf-8")
    assert read_run(tmp_path).unread == ()


def test_an_interrupted_world_makes_an_interrupted_run(tmp_path: Path) -> None:
    write_sample_run(tmp_path)
    end = RunFinished(world=ERP, interrupted=True, end_s=1, wall_s=1, swept=0, left=())
    with (tmp_path / "salesforce_exact-online.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(event_to_json(end)))
    assert read_run(tmp_path).interrupted


def test_a_folder_without_events_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no results here"):
        read_run(tmp_path)
    with pytest.raises(RunError, match="talkqa run"):
        find_newest_run(tmp_path / "runs")


def test_the_newest_run_is_the_one_whose_id_sorts_last(tmp_path: Path) -> None:
    write_sample_run(tmp_path / "20240101T000000Z-aaaa")
    write_sample_run(tmp_path / "20240102T000000Z-aaaa")
    (tmp_path / "20240103T000000Z-aaaa").mkdir()
    assert find_newest_run(tmp_path).name == "20240102T000000Z-aaaa"


def test_the_mode_of_a_run_is_read_off_its_first_line(tmp_path: Path) -> None:
    """Ledgers, torn files and folders without results tell none."""
    assert read_mode(tmp_path) == ""
    (tmp_path / "a.ledger.jsonl").write_text('{"op": "adopt"}\n', encoding="utf-8")
    (tmp_path / "b.jsonl").write_text("torn\n", encoding="utf-8")
    assert read_mode(tmp_path) == ""
    assert read_mode(write_sample_run(tmp_path)) == "sandbox"
