"""Collecting and running scenarios whose steps do nothing: ours, stock pytest-bdd's, and plain test functions."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure import Took, pytest_command, time_command
from benchmarks.table import Row

SCENARIOS = 2_000
FULL = 20_000
GOAL = 2.0
PER_FEATURE = 20
PER_MODULE = 200
"""A thin module for ten features, as generated tests have one for each pair of systems."""

STEPS = (("Given", "a record"), ("When", "it is edited"), ("Then", "the other one follows"), ("And", "nothing else"))

OURS = """\
from talkqa.runner.vocabulary import AsyncStep


async def nothing(scene):
    pass


def pytest_talkqa_steps(config):
    return [AsyncStep(text, nothing) for text in {texts}]
"""
STOCK = """\
from pytest_bdd import step

for text in {texts}:

    @step(text)
    def _nothing():
        pass

    globals()[f"step_{{abs(hash(text))}}"] = _nothing
"""


def measure_collecting(*, full: bool) -> Iterator[Row]:
    """Ours beside plain functions and beside stock pytest-bdd, in CPU and wall seconds."""
    count = FULL if full else SCENARIOS
    texts = [text for _, text in STEPS]
    _run(PER_FEATURE, _write_features, OURS.format(texts=texts))  # modules are compiled, pytest's rewriting included
    plain = _run(count, _write_functions, "", "-p", "no:talkqa", "-p", "no:pytest-bdd")
    stock = _run(count, _write_features, STOCK.format(texts=texts), "-p", "no:talkqa")
    ours = _run(count, _write_features, OURS.format(texts=texts))
    for unit in ("cpu_s", "wall_s"):
        mine, functions, theirs = (getattr(took, unit) for took in (ours, plain, stock))
        name = "CPU" if unit == "cpu_s" else "wall"
        yield Row(
            work=f"collect and run {count:,} scenarios ({name})",
            baseline=f"plain functions {functions:.2f} s",
            ours=f"{mine:.2f} s",
            ratio=mine / functions,
            goal=f"<= {GOAL:g}x",
            met=mine <= GOAL * functions,
        )
        yield Row(
            work="  the same",
            baseline=f"stock pytest-bdd {theirs:.2f} s",
            ours=f"{mine:.2f} s",
            ratio=mine / theirs,
        )


def _run(count: int, write: Callable[[Path, int], None], conftest: str, *arguments: str) -> Took:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        (folder / "conftest.py").write_text(conftest, encoding="utf-8")
        write(folder, count)
        return time_command(pytest_command(*arguments), folder)


def _write_functions(folder: Path, count: int) -> None:
    for module, start in enumerate(range(0, count, PER_MODULE)):
        names = range(start, min(start + PER_MODULE, count))
        source = "".join(f"def test_{number}():\n    pass\n\n\n" for number in names)
        (folder / f"test_{module}.py").write_text(source, encoding="utf-8")


def _write_features(folder: Path, count: int) -> None:
    steps = "".join(f"    {keyword} {text}\n" for keyword, text in STEPS)
    for start in range(0, count, PER_FEATURE):
        numbers = range(start, min(start + PER_FEATURE, count))
        place = folder / str(start // PER_MODULE)
        if not place.is_dir():
            place.mkdir()
            module = "from pytest_bdd import scenarios\n\nscenarios('.')\n"
            (place / f"test_{place.name}.py").write_text(module, encoding="utf-8")
        scenarios = "\n".join(f"  Scenario: Number {number}\n{steps}" for number in numbers)
        (place / f"{start}.feature").write_text(f"Feature: From {start}\n\n{scenarios}", encoding="utf-8")
