"""From a saved document to its verdict in the sandbox."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import pytest_command, talkqa_command, time_command
from benchmarks.projects import copy_project
from benchmarks.table import Row

DOCUMENT = "customcrm-wave.rst"
WORLD = "generated_tests/custom-crm/wave"
LAST_SECTION = "Customcrm Product to Wave Product\n---"
GOAL_S = 1.0


def measure_saving(*, full: bool) -> Iterator[Row]:
    """Saving a document with one more flow in it, beside starting pytest for one plain function."""
    del full
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as plain:
        document = copy_project(Path(name)) / DOCUMENT
        whole = document.read_text(encoding="utf-8")
        before, found, _ = whole.partition(LAST_SECTION)
        if not found:
            raise ValueError(f"{DOCUMENT} has no section {LAST_SECTION.splitlines()[0]!r} any more: name another one")
        run = talkqa_command("run", WORLD, "--generate")
        document.write_text(before, encoding="utf-8")
        time_command(talkqa_command("generate"), Path(name))
        time_command(run, Path(name))
        document.write_text(whole, encoding="utf-8")
        took = time_command(run, Path(name))
        floor = _start_pytest(Path(plain))
    yield Row(
        work="save one document to sandbox verdict (wall)",
        baseline=f"start of pytest {floor:.2f} s",
        ours=f"{took.wall_s:.2f} s",
        ratio=took.wall_s / floor,
        goal=f"<= {GOAL_S:g} s",
        met=took.wall_s <= GOAL_S,
        note=f"`talkqa run {WORLD} --generate` after a section was added to {DOCUMENT}; "
        f"CPU {took.cpu_s:.2f} s; start of pytest = one plain function, without talkqa's plugin",
    )


def _start_pytest(folder: Path) -> float:
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_one.py").write_text("def test_one():\n    pass\n", encoding="utf-8")
    command = pytest_command("-p", "no:talkqa", "-p", "no:pytest-bdd")
    time_command(command, folder)  # compiled from now on
    return time_command(command, folder).wall_s
