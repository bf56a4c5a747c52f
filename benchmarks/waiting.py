"""Scenarios that wait on the real clock: steps that run ahead beside steps one after another."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Took, pytest_command, time_command
from benchmarks.table import Row

SCENARIOS = 200
SAMPLE = 4
"""Scenarios measured one after another; all of them would take five minutes."""
WAITS = 3
WAIT_S = 0.5
GOAL = 50

CONFTEST = """\
from talkqa.runner.vocabulary import AsyncStep


async def wait(scene, seconds):
    await scene.clock.sleep(seconds)


def pytest_talkqa_steps(config):
    return [AsyncStep("{seconds:g} seconds pass", wait)]
"""


def measure_waiting(*, full: bool) -> Iterator[Row]:
    """Ours ahead beside ours serial."""
    one, sample = _run(1, "--serial"), _run(SAMPLE, "--serial")
    each = (sample.wall_s - one.wall_s) / (SAMPLE - 1)
    serial = _run(SCENARIOS, "--serial").wall_s if full else one.wall_s + (SCENARIOS - 1) * each
    ahead = _run(SCENARIOS)
    how = "measured" if full else f"{SAMPLE} scenarios measured and scaled, start-up counted once"
    yield Row(
        work=f"{SCENARIOS} scenarios x {WAITS} waits of {WAIT_S} s (wall, real clock)",
        baseline=f"serial {serial:.0f} s",
        ours=f"{ahead.wall_s:.2f} s",
        ratio=serial / ahead.wall_s,
        goal=f">= {GOAL}x faster",
        met=serial >= GOAL * ahead.wall_s,
        note=f"serial: {how}; ratio = serial over ours; whole processes, start-up included; "
        f"CPU of ours {ahead.cpu_s:.2f} s",
    )


def _run(count: int, *arguments: str) -> Took:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
        module = "from pytest_bdd import scenarios\n\nscenarios('waits.feature')\n"
        (folder / "test_waits.py").write_text(module, encoding="utf-8")
        steps = f"    When {WAIT_S:g} seconds pass\n" * WAITS
        scenarios = "\n".join(f"  Scenario: Wait {number}\n{steps}" for number in range(count))
        (folder / "waits.feature").write_text(f"Feature: Waits\n\n{scenarios}", encoding="utf-8")
        return time_command(pytest_command("--talkqa-clock", "real", *arguments), folder)
