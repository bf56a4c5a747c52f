"""Tests of `talkqa.runner.outside`."""

from pathlib import Path

from talkqa.runner.outside import recall_outside, remember_outside


def test_a_document_outside_the_project_is_found_again(tmp_path: Path) -> None:
    """As long as it lies where it lay; earlier ones stay known."""
    first, second = tmp_path / "a.rst", tmp_path / "b.rst"
    for path in (first, second):
        path.write_text("x", encoding="utf-8")
        remember_outside([(f"outside/{path.name}", path)], tmp_path / "work")
    assert recall_outside("outside/a.rst", tmp_path / "work") == first
    assert recall_outside("outside/b.rst", tmp_path / "work") == second
    first.unlink()
    assert recall_outside("outside/a.rst", tmp_path / "work") is None


def test_nothing_is_written_where_all_documents_are_the_projects(tmp_path: Path) -> None:
    """No file for nothing, and what cannot be read is as good as unknown."""
    work = tmp_path / "work"
    remember_outside([], work)
    assert not work.exists()
    work.mkdir()
    (work / "outside.json").write_text("[1", encoding="utf-8")
    assert recall_outside("outside/a.rst", work) is None
