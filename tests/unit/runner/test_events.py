"""What is on disk of a run, and when."""

import json
from datetime import UTC, datetime
from pathlib import Path

from talkqa.model.result import CheckStarted, Event, event_from_json
from talkqa.runner.events import EventWriter, make_run_id, world_file


def test_each_event_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "world.jsonl"
    writer = EventWriter(path, lambda event: event)
    for number in range(3):
        writer.write(CheckStarted(check="blåbær", at_s=number))
        told = [event_from_json(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        assert told == [CheckStarted(check="blåbær", at_s=at) for at in range(number + 1)]
    writer.close()


def test_nothing_passes_unredacted(tmp_path: Path) -> None:
    def redact(event: Event) -> Event:
        return CheckStarted(check="***", at_s=0)

    writer = EventWriter(tmp_path / "w.jsonl", redact)
    writer.write(CheckStarted(check="secret", at_s=0))
    writer.close()
    assert "secret" not in (tmp_path / "w.jsonl").read_text()


def test_a_closed_file_is_appended_to(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "w.jsonl", lambda event: event)
    writer.write(CheckStarted(check="a", at_s=0))
    writer.close()
    writer.close()
    writer.write(CheckStarted(check="b", at_s=0))
    writer.close()
    assert len((tmp_path / "w.jsonl").read_text().splitlines()) == 2


def test_a_run_id_tells_its_time_in_utc_and_differs_from_the_next() -> None:
    now = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
    ids = {make_run_id(now) for _ in range(8)}
    assert all(one.startswith("20310203T040506-") and len(one) == 20 for one in ids)
    assert len(ids) > 1


def test_a_world_has_one_flat_file() -> None:
    assert world_file("custom-crm/salesforce") == "custom-crm_salesforce"
