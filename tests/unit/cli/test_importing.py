"""`import` writes a descriptor, tells what it lacks, and never takes anything away."""

import tomllib
from pathlib import Path

import pytest

from talkqa.config import read_settings
from talkqa.systems.registry import find_schema
from tests.unit.cli.conftest import Cli

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
OPENAPI = ("openapi", str(EXAMPLES / "nimbus" / "nimbus-openapi.yaml"))
SESAM = ("sesam", str(EXAMPLES / "brikk" / "brikk-connector"))


@pytest.mark.parametrize(("source", "name"), [(OPENAPI, "nimbus-crm"), (SESAM, "brikk-erp")], ids=["openapi", "sesam"])
def test_a_descriptor_is_written_and_its_gaps_are_told(
    source: tuple[str, str], name: str, cli: Cli, project: Path
) -> None:
    """And what is told to be added to talkqa.toml is all that a project needs."""
    ended = cli("import", *source)
    assert ended.code == 0, ended.err
    assert f"wrote systems/{name}.toml: " in ended.out
    assert "with 2 entities" in ended.out
    assert "to fill in: not described" in ended.err
    (project / "talkqa.toml").write_text(ended.err.partition("add to talkqa.toml:")[2], encoding="utf-8")
    schema = find_schema(name.replace("-", " "), read_settings(project), root=project)
    assert schema is not None
    assert len(schema.entities) == 2


@pytest.mark.parametrize("source", [OPENAPI, SESAM], ids=["openapi", "sesam"])
def test_nothing_is_written_over(source: tuple[str, str], cli: Cli, project: Path) -> None:
    """What a person corrected is safe until --force is said."""
    assert cli("import", *source, "--output", "mine.toml").code == 0
    (project / "mine.toml").write_text("# mine\n", encoding="utf-8")
    again = cli("import", *source, "--output", "mine.toml")
    assert again.code == 2
    assert "write over it with --force" in again.err
    assert (project / "mine.toml").read_text("utf-8") == "# mine\n"
    assert cli("import", *source, "--output", "mine.toml", "--force", "--system", "Ours!").code == 0
    assert tomllib.loads((project / "mine.toml").read_text("utf-8"))["system"] == "Ours!"


def test_a_system_s_name_never_leads_out_of_its_folder(cli: Cli, project: Path) -> None:
    assert cli("import", *OPENAPI, "--system", "../../etc/Our CRM").code == 0
    assert (project / "systems" / "etc-our-crm.toml").is_file()
    assert cli("import", *OPENAPI, "--system", "…").code == 0
    assert (project / "systems" / "system.toml").is_file()


def test_a_descriptor_has_its_ending(cli: Cli, project: Path) -> None:
    ended = cli("import", *OPENAPI, "--output", "crm.yaml")
    assert ended.code == 2
    assert "a descriptor is a .toml file" in ended.err
    assert not (project / "crm.yaml").exists()


def test_what_cannot_be_imported_is_told(cli: Cli, project: Path) -> None:
    (project / "old.json").write_text('{"swagger": "2.0"}', encoding="utf-8")
    assert "Swagger 2.0" in cli("import", "openapi", "old.json").err
    assert "cannot be read" in cli("import", "sesam", "nowhere").err
    assert not (project / "systems").exists()


@pytest.mark.parametrize("form", ["openapi", "sesam"])
def test_help_shows_an_example(form: str, cli: Cli) -> None:
    assert f"talkqa import {form} " in cli("import", form, "--help").out
