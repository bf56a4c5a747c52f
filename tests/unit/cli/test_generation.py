"""`generate` plans, shows, then writes."""

from pathlib import Path

from tests.unit.cli.conftest import Cli

FEATURE = Path("generated_tests/custom-crm/acme-erp/customer--client.feature")


def test_generating_twice_changes_nothing(cli: Cli) -> None:
    first = cli("generate")
    assert first.code == 0
    assert f"create {FEATURE}" in first.err
    assert "3 created, 0 files up to date" in first.err
    again = cli("generate")
    assert again.err == "3 files up to date\n"


def test_check_writes_nothing_and_exits_with_2_where_stale(cli: Cli) -> None:
    ended = cli("generate", "--check")
    assert ended.code == 2
    assert "3 to create" in ended.err
    assert not FEATURE.exists()
    cli("generate")
    assert cli("generate", "--check").code == 0


def test_diff_shows_what_would_change(cli: Cli) -> None:
    ended = cli("generate", "--diff")
    assert ended.code == 0
    assert f"+++ b/{FEATURE}" in ended.out
    assert not FEATURE.exists()
    cli("generate")
    assert cli("generate", "--diff").out == ""


def test_a_hand_edit_is_kept_and_reported(cli: Cli) -> None:
    cli("generate")
    FEATURE.write_text("# mine\n" + FEATURE.read_text("utf-8"), encoding="utf-8")
    ended = cli("generate")
    assert ended.code == 0
    assert f"keep {FEATURE}: edited by hand" in ended.err
    assert FEATURE.read_text("utf-8").startswith("# mine")


def test_output_and_depth_can_be_given(cli: Cli, project: Path) -> None:
    assert cli("generate", "specs", "--output", "elsewhere", "--depth", "smoke").code == 0
    assert cli("generate", "--output", "deep", "--depth", "deep").code == 0
    small, large = (
        (project / folder / "custom-crm/acme-erp/customer--client.feature").read_text("utf-8")
        for folder in ("elsewhere", "deep")
    )
    assert len(small) < len(large)


def test_many_new_files_are_counted_rather_than_listed(cli: Cli, project: Path) -> None:
    text = (project / "specs" / "crm-to-erp.rst").read_text("utf-8")
    for number in range(12):
        document = text.replace("Acme ERP", f"Acme{number}").replace("=" * 31, "=" * 40).replace("-" * 38, "-" * 60)
        (project / "specs" / f"{number}.rst").write_text(document, encoding="utf-8")
    ended = cli("generate")
    assert ended.code == 0
    assert "create 19 more" in ended.err


def test_a_document_that_cannot_be_read_stops_generation(cli: Cli, project: Path) -> None:
    """Its scenarios would otherwise be removed as orphans."""
    cli("generate")
    (project / "specs" / "crm-to-erp.rst").write_bytes(b"\xff\xfe\x00Dataflow")
    ended = cli("generate")
    assert ended.code == 2
    assert "specs/crm-to-erp.rst" in ended.err
    assert FEATURE.exists()


def test_a_file_that_is_no_document_is_told(cli: Cli, project: Path) -> None:
    (project / "specs" / "notes.txt").write_text("Not one of them\n", encoding="utf-8")
    ended = cli("generate")
    assert ended.code == 0
    assert "specs/notes.txt:1" in ended.err
