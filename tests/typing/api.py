"""Type-checked and never run: the signatures that other projects build on."""

from collections.abc import Sequence
from pathlib import Path
from typing import assert_type

from talkqa.checklist.derive import derive_checks
from talkqa.config import read_settings
from talkqa.documents.read import Reading, read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.generate.change import Plan
from talkqa.generate.plan import plan, write
from talkqa.model.check import Check, Depth
from talkqa.model.flow import Flow
from talkqa.model.protocols import SystemClient
from talkqa.model.settings import Settings
from talkqa.model.world import World
from talkqa.report.exitcode import exit_code
from talkqa.report.html import render_html
from talkqa.report.reading import Run, read_run
from talkqa.report.writing import write_reports
from talkqa.systems.rest import RestClient


def documents_to_checks(paths: Sequence[Path], root: Path) -> None:
    """From documents to files."""
    settings = assert_type(read_settings(root), Settings)
    reading = assert_type(read_documents(paths, settings, root=root), Reading)
    worlds = assert_type(group_worlds(reading.documents), tuple[World, ...])
    planned = assert_type(plan(worlds, settings, root), Plan)
    write(planned)


def flow_to_checks(flow: Flow) -> tuple[Check, ...]:
    """From a flow to its checklist."""
    return derive_checks(flow, Depth.STANDARD)


def run_to_report(folder: Path) -> int:
    """From a run's events to its report and exit code."""
    run = assert_type(read_run(folder), Run)
    assert_type(render_html(write_reports(run)), str)
    return exit_code(run, 0.9)


def client_is_a_system_client(client: RestClient) -> SystemClient:
    """The generic client fits the seam."""
    return client
