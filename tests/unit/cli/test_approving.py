"""`talkqa approve`: shows what was seen, writes what is approved, and never overrules a document."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from talkqa.config import read_settings
from talkqa.model.discovery import ProposedRow, Ways
from tests.unit.cli.conftest import Cli

FLOW = "custom-crm.customer--acme-erp.client"
ROW = ProposedRow(
    flow_id=FLOW,
    source="name",
    target="Name",
    data_type='"string"',
    ways=Ways.BOTH,
    confidence=0.999,
    observations=("two probes showed it", "an edit of the target came back"),
)
TOWN = replace(ROW, source="town", target="City", ways=Ways.TO_TARGET)


def _discover(project: Path, *rows: ProposedRow) -> None:
    (project / ".talkqa").mkdir(exist_ok=True)
    text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    (project / ".talkqa" / "discovered.jsonl").write_text(text)


def _approved(project: Path) -> list[tuple[str, str, str]]:
    mappings = read_settings(project).decisions.mappings
    return [(row.source, str(row.ways), row.approved_by) for row in mappings]


def test_without_a_word_nothing_is_approved(cli: Cli, project: Path) -> None:
    _discover(project, ROW)
    ended = cli("approve")
    assert ended.code == 0
    assert "Custom CRM Customer to Acme ERP Client" in ended.out
    assert 'name -> Name  "string", both, 100% sure' in ended.out
    assert "an edit of the target came back" in ended.out
    assert "approve with --flow ID or --all" in ended.err
    assert not (project / "decisions.toml").exists()


def test_what_is_approved_is_written_and_the_gap_is_gone(cli: Cli, project: Path) -> None:
    _discover(project, ROW, TOWN)
    assert "documents no properties" in cli("check").out
    ended = cli("approve", "--flow", FLOW, "--by", "K. Olsen")
    assert (ended.code, ended.out.splitlines()[-1]) == (
        0,
        "approved 2 rows of 1 flow in decisions.toml; now run `talkqa generate`",
    )
    assert _approved(project) == [("name", "both", "K. Olsen"), ("town", "to target", "K. Olsen")]
    checked = cli("check")
    assert (checked.code, checked.out) == (0, "")


def test_approving_twice_adds_nothing(cli: Cli, project: Path) -> None:
    _discover(project, ROW)
    assert cli("approve", "--all").code == 0
    before = (project / "decisions.toml").read_bytes()
    ended = cli("approve", "--all")
    assert (ended.code, "nothing new to approve" in ended.out) == (0, True)
    assert (project / "decisions.toml").read_bytes() == before


def test_a_dry_run_shows_the_entries_and_writes_none(cli: Cli, project: Path) -> None:
    _discover(project, ROW)
    ended = cli("approve", "--all", "--by", "N", "--note", "as agreed", "--dry-run")
    assert '[[mappings]]\nflow = "custom-crm.customer--acme-erp.client"\nsource = "name"' in ended.out
    assert 'note = "as agreed"' in ended.out
    assert not (project / "decisions.toml").exists()


def test_what_a_document_says_otherwise_is_left_out_and_told(cli: Cli, project: Path) -> None:
    document = project / "specs" / "crm-to-erp.rst"
    document.write_text(document.read_text() + '   * - label\n     - Name\n     - "string"\n')
    _discover(project, ROW, TOWN)
    ended = cli("approve", "--all", "--by", "N")
    assert ended.code == 1
    assert "left out: name -> Name" in ended.err
    assert "says 'label' to 'Name'" in ended.err
    assert "specs/crm-to-erp.rst:" in ended.err
    assert [source for source, *_ in _approved(project)] == ["town"]


def test_what_was_approved_otherwise_is_left_out_and_told(cli: Cli, project: Path) -> None:
    _discover(project, ROW)
    cli("approve", "--all", "--by", "N")
    _discover(project, replace(ROW, data_type='"integer"'))
    ended = cli("approve", "--all", "--by", "N")
    assert ended.code == 1
    assert 'decisions.toml:4 approves it as "string", both' in ended.err
    assert len(_approved(project)) == 1


def test_a_row_of_a_flow_that_is_gone_is_not_approved(cli: Cli, project: Path) -> None:
    _discover(project, replace(ROW, flow_id="gone--away"))
    ended = cli("approve", "--all", "--by", "N")
    assert (ended.code, "no document has this flow" in ended.err) == (1, True)
    assert not (project / "decisions.toml").exists()


def test_a_flow_of_which_nothing_was_seen_is_an_error(cli: Cli, project: Path) -> None:
    _discover(project, ROW)
    ended = cli("approve", "--flow", "custom-crm.custmer--acme-erp.client")
    assert ended.code == 2
    assert f"flows with proposed rows: {FLOW}" in ended.err


def test_without_anything_seen_the_error_says_what_to_do(cli: Cli) -> None:
    ended = cli("approve")
    assert (ended.code, "`talkqa run`" in ended.err) == (2, True)


def test_the_approver_is_the_user_where_nobody_is_named(
    cli: Cli, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _discover(project, ROW)
    monkeypatch.setattr("getpass.getuser", lambda: "kari")
    cli("approve", "--all")
    assert _approved(project) == [("name", "both", "kari")]
