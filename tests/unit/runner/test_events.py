"""What is on disk of a run, and when."""

import json
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from talkqa.model.record import Exchange
from talkqa.model.result import (
    Cause,
    CheckFinished,
    CheckStarted,
    Event,
    Observation,
    Outcome,
    RunFinished,
    StepResult,
    event_from_json,
    event_to_json,
)
from talkqa.runner.events import EventWriter, make_run_id, world_file, write_line


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


EXCHANGE = Exchange(method="GET", url="http://x/y", status=200, at_s=1.5, headers=MappingProxyType({"a": "b"}))
FINISHED = CheckFinished(
    check="f/created",
    flow_id="f",
    name="created",
    title="Blåbær",
    sentence="Every …",
    place="specs/a.rst:3",
    outcome=Outcome.FAILED,
    reason="lost",
    message='it said "no"',
    cause=Cause.ENGINE,
    steps=(StepResult(text="When x", outcome=Outcome.FAILED, begin_s=0, end_s=1),),
    observations=(Observation(text="seen", at_s=1, exchanges=(EXCHANGE,)),),
    tags=("policy",),
)


@pytest.mark.parametrize(
    "event",
    [
        FINISHED,
        CheckStarted(check="c", at_s=0.25),
        RunFinished(world="a/b", interrupted=False, end_s=1, wall_s=2, swept=3, left=("x",)),
    ],
)
def test_a_line_says_what_the_model_says(event: Event) -> None:
    """The writer's own way to JSON is a faster one, not another one."""
    line = write_line(event)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    told = json.loads(line)
    assert event_from_json(told) == event
    if event is not FINISHED:  # a read-only mapping cannot be copied by `asdict`
        assert told == json.loads(json.dumps(event_to_json(event)))
        assert list(told) == list(event_to_json(event))
