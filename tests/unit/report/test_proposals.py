"""What was discovered, or seen in a run, as rows that a person may approve."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.errors import ConfigError
from talkqa.report.proposals import propose_rows, read_discovered
from talkqa.report.reading import read_run
from tests.fakes.sample_run import write_sample_run

ROW = ProposedRow(
    flow_id="f",
    source="name",
    target="Name",
    data_type='"string"',
    ways=Ways.BOTH,
    confidence=0.999,
    observations=("seen", "seen again"),
)


def test_what_was_discovered_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "discovered.jsonl"
    path.write_text(json.dumps(asdict(ROW)) + "\n\n")
    assert read_discovered(path) == (ROW,)


def test_every_line_that_is_no_row_is_told(tmp_path: Path) -> None:
    path = tmp_path / "discovered.jsonl"
    wrong = ({**asdict(ROW), "ways": "sideways"}, {**asdict(ROW), "target": ""}, {"flow_id": "f"}, 3)
    path.write_text("\n".join(json.dumps(one) for one in wrong) + "\n{")
    with pytest.raises(ConfigError) as told:
        read_discovered(path)
    assert [line.partition(": is no")[0][-2:] for line in str(told.value).splitlines()[:5]] == [
        ":1",
        ":2",
        ":3",
        ":4",
        ":5",
    ]


def test_what_a_run_saw_twice_is_proposed_in_the_directions_seen(tmp_path: Path) -> None:
    rows = propose_rows(read_run(write_sample_run(tmp_path)))
    account = {row.source: row for row in rows if row.flow_id == "custom-crm.customer--salesforce.account"}
    assert set(account) == {"name", "email", "address.city", "founded"}  # the note was seen once
    assert (account["email"].ways, account["founded"].ways) == (Ways.BOTH, Ways.TO_TARGET)
    assert account["email"].confidence > account["address.city"].confidence
    assert "the way back was not tried" in account["founded"].observations[0]
