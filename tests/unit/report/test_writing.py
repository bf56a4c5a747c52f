"""The reports of a run lie in its folder, whole."""

from dataclasses import replace
from pathlib import Path

from talkqa.report.reading import read_run
from talkqa.report.writing import write_reports
from tests.fakes.sample_run import write_sample_run


def test_three_files_are_written_and_nothing_else_is_left(tmp_path: Path) -> None:
    before = {path.name for path in write_sample_run(tmp_path).iterdir()}
    report = write_reports(read_run(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} - before == {"report.html", "junit.xml", "summary.txt"}
    assert report.path == tmp_path / "report.html"
    assert "4 checks failed" in report.path.read_text(encoding="utf-8")


def test_writing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    run = read_run(write_sample_run(tmp_path))
    names = ("report.html", "junit.xml", "summary.txt")
    write_reports(run)
    first = [(tmp_path / name).read_bytes() for name in names]
    write_reports(read_run(tmp_path))
    assert [(tmp_path / name).read_bytes() for name in names] == first


def test_text_that_no_file_can_hold_costs_no_report(tmp_path: Path) -> None:
    """Half of a surrogate pair out of some answer's JSON."""
    run = read_run(write_sample_run(tmp_path))
    world = run.worlds[0]
    checks = tuple(replace(check, message="\ud800", title="\udfff") for check in world.checks)
    write_reports(replace(run, worlds=(replace(world, checks=checks),)))
    assert (tmp_path / "report.html").stat().st_size > 10_000
