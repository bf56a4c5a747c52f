"""`init` begins a project and never takes anything away."""

from pathlib import Path

import pytest

from talkqa.config import read_settings
from talkqa.model.settings import Settings
from tests.unit.cli.conftest import Cli


def test_an_empty_folder_becomes_a_project(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fresh").mkdir()
    monkeypatch.chdir(tmp_path / "fresh")
    assert cli("init").code == 0
    assert Path("specs").is_dir()
    assert read_settings(Path.cwd()) == Settings(), "what stands in it are the defaults"


def test_every_commented_key_is_valid(cli: Cli, project: Path) -> None:
    """Whoever takes the marks of comment away gets a file that reads."""
    cli("init")
    lines = Path("talkqa.toml").read_text("utf-8").splitlines()
    bare = [line.removeprefix("# ") for line in lines if not line.startswith("# Settings")]
    Path("talkqa.toml").write_text("\n".join(bare), encoding="utf-8")
    settings = read_settings(project)
    assert settings.conditions[0].holds == {"Status": "Activated"}
    assert settings.connections[0].path == "BillToContactId"
    assert settings.sandbox.licences_off == {"Salesforce.Billing"}


def test_nothing_is_overwritten(cli: Cli, project: Path) -> None:
    (project / "talkqa.toml").write_text("# mine\n", encoding="utf-8")
    ended = cli("init")
    assert ended.code == 0
    assert "stays as it is" in ended.err
    assert (project / "talkqa.toml").read_text("utf-8") == "# mine\n"
