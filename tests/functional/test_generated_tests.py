"""Generated tests are ordinary pytest-bdd tests: collected, selected and run by pytest."""

import os
import subprocess
import sys
from pathlib import Path

from talkqa.generate.manifest import read_whole_manifest
from talkqa.generate.plan import plan, write
from talkqa.model.flow import EntityRef, Side
from talkqa.model.settings import Settings
from tests.fakes.flows import EVERYTHING, make_flow, make_merge, make_row, make_world

ORDER = EntityRef(system="Bakery", entity="Order")
ROWS = (make_row("name", "Name"), make_row("a|b", "back\\slash", '"string"', (Side.TARGET, "", "")))
WORLD = make_world(
    make_flow(source=ORDER),
    make_flow(*EVERYTHING, rows=ROWS, merge=[make_merge("orgNo", "OrgNo")]),
)
CONFTEST = """
import re
import pytest
from pytest_bdd import given, parsers, then, when

def pytest_bdd_apply_tag(tag, function):
    return function

@pytest.fixture(autouse=True)
def steps_seen(request):
    seen = []
    yield seen
    assert seen[0].startswith("the sync engine keeps Bakery ")
    assert len(seen) > 2

@given(parsers.re("(?P<words>.*)"))
@when(parsers.re("(?P<words>.*)"))
@then(parsers.re("(?P<words>.*)"))
def step(words, steps_seen):
    steps_seen.append(words)
"""


def run_pytest(project: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:talkqa", "-p", "no:cacheprovider", "-q", *arguments]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def generate(project: Path) -> tuple[str, ...]:
    write(plan([WORLD], Settings(), project))
    (project / "conftest.py").write_text(CONFTEST)
    (project / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\naddopts = --strict-markers\n")
    raw = (project / "generated_tests/bakery/web-shop/manifest.json").read_bytes()
    return tuple(entry.id for entry in read_whole_manifest(raw, "manifest.json").checks)


def test_pytest_runs_each_check_once_with_the_background_first(tmp_path: Path) -> None:
    ids = generate(tmp_path)
    assert f"{len(ids)} passed" in run_pytest(tmp_path, "generated_tests")


def test_one_flow_is_selected_by_the_words_of_its_titles(tmp_path: Path) -> None:
    ids = generate(tmp_path)
    orders = [check_id for check_id in ids if check_id.startswith("bakery.order--")]
    assert f"{len(orders)} passed" in run_pytest(tmp_path, "generated_tests", "-k", "bakery_order_ or order_gets")
    assert 0 < len(orders) < len(ids)


def test_a_feature_written_by_hand_runs_beside_the_generated_ones(tmp_path: Path) -> None:
    ids = generate(tmp_path)
    (tmp_path / "generated_tests/bakery/web-shop/mine.feature").write_text(
        "Feature: Mine\n  Scenario: Bread\n"
        "    Given the sync engine keeps Bakery Customer and Web Shop Account in step\n"
        "    When a Bakery Customer is created\n    Then it smells of bread\n"
    )
    assert f"{len(ids) + 1} passed" in run_pytest(tmp_path, "generated_tests")
