"""`check` and `impact`."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli


def test_check_prints_diagnostics_and_counts(cli: Cli) -> None:
    ended = cli("check")
    assert ended.code == 0
    assert "[properties-undocumented]" in ended.out
    assert ended.err.startswith("1 document, 1 flow, 0 errors, ")


def test_where_no_project_is_the_way_to_begin_one_is_told(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the lack of a folder that nobody named."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    ended = cli("check")
    assert ended.code == 2
    assert "`talkqa init`" in ended.err


def test_the_model_is_one_object_a_line(cli: Cli, project: Path) -> None:
    (project / "specs" / "again.txt").write_text((project / "specs" / "crm-to-erp.rst").read_text("utf-8"), "utf-8")
    (project / "specs" / "notes.txt").write_text("Not one of them\n", encoding="utf-8")
    ended = cli("check", "--model", "specs")
    models = [json.loads(line) for line in ended.out.splitlines()]
    assert [model["path"] for model in models] == ["specs/again.txt", "specs/crm-to-erp.rst"]
    assert models[0]["flows"][0]["id"] == "custom-crm.customer--acme-erp.client"
    assert "specs/notes.txt:1" in ended.err
    assert ended.code == 0


def test_a_document_that_cannot_be_read_is_wrong_input(cli: Cli, project: Path) -> None:
    (project / "specs" / "bad.rst").write_bytes(b"\xff\xfe\x00Dataflow")
    ended = cli("check")
    assert ended.code == 2
    assert "specs/bad.rst:1" in ended.out


def test_json_and_github_formats(cli: Cli) -> None:
    found = json.loads(cli("check", "--format", "json").out)
    assert found[0].keys() == {"path", "line", "severity", "code", "message", "advice", "flow"}
    first = cli("check", "--format", "github").out.splitlines()[0]
    assert first.startswith("::notice file=specs/crm-to-erp.rst,line=")


@pytest.mark.parametrize("by_file", [False, True])
def test_impact_names_the_checks_that_come_and_go(cli: Cli, project: Path, by_file: bool) -> None:
    text = (project / "specs" / "crm-to-erp.rst").read_text("utf-8")
    (project / "new").mkdir()
    row = '   * - name\n     - Name\n     - "string"\n'
    (project / "new" / "crm-to-erp.rst").write_text(text + row, encoding="utf-8")
    sides = ("specs/crm-to-erp.rst", "new/crm-to-erp.rst") if by_file else ("specs", "new")
    ended = cli("impact", *sides)
    assert ended.code == 0
    assert "+ custom-crm.customer--acme-erp.client/edited-in-source/name~Name\n" in ended.out
    assert "- custom-crm.customer--acme-erp.client/edited-in-source\n" in ended.out
    same = cli("impact", "specs", "specs")
    assert same.out.startswith("0 checks come, 0 go, 0 demand something else, ")
