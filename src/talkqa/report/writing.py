"""Writes a run's reports into its folder."""

import os
from pathlib import Path

from talkqa.report.content import Report, build_report
from talkqa.report.html import render_html
from talkqa.report.junit import render_junit
from talkqa.report.reading import Run
from talkqa.report.summary import render_summary


def write_reports(run: Run) -> Report:
    """Write `report.html`, `junit.xml` and `summary.txt` beside the events, each whole or not at all."""
    report = build_report(run)
    _write(run.folder / "report.html", render_html(report))
    _write(run.folder / "junit.xml", render_junit(report))
    _write(run.folder / "summary.txt", render_summary(report))
    return report


def _write(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    # A lone surrogate out of some answer's JSON must not cost the whole page.
    unfinished.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    unfinished.replace(path)
