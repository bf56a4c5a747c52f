"""A system that nobody modelled, from what is published about it to passing checks, as the tutorial shows."""

import re
import shutil
from pathlib import Path

import pytest

from talkqa.model.result import Outcome
from talkqa.report.reading import find_newest_run, read_run
from tests.harness import PROJECT, call_talkqa

EXAMPLES = PROJECT / "docs" / "examples"
TUTORIAL = (PROJECT / "docs" / "own-system.md").read_text(encoding="utf-8")
MOST_LINES = 30
"""So many lines may have to be written by hand."""

NIMBUS = ("openapi", "nimbus", "nimbus-openapi.yaml", "systems/nimbus-crm.toml", "nimbuscrm-customerp.rst", "")
BRIKK = (
    "sesam",
    "brikk",
    "brikk-connector",
    "systems/brikk-erp.toml",
    "customcrm-brikkerp.rst",
    'url = "https://acme.brikk.example/rest"',
)


def by_hand(first: str) -> list[str]:
    """The lines of the tutorial's block that begins with a line."""
    blocks = re.findall(r"^```text\n(.*?)^```$", TUTORIAL, re.DOTALL | re.MULTILINE)
    return next((block.splitlines() for block in blocks if first and block.startswith(first)), [])


def correct(descriptor: Path, lines: list[str]) -> None:
    """Put lines in place of those of the same key, or under [rest] where there is none."""
    text = descriptor.read_text(encoding="utf-8")
    for line in lines:
        key = re.escape(line.partition(" = ")[0])
        text, count = re.subn(rf"^{key} = .*$", line.replace("\\", r"\\"), text, count=1, flags=re.MULTILINE)
        if not count:
            text = text.replace("[rest]\n", f"[rest]\n{line}\n", 1)
    descriptor.write_text(text, encoding="utf-8")


def build(root: Path, form: str, folder: str, source: str, descriptor: str, document: str, first: str) -> int:
    """Make a project as the tutorial does.

    Returns:
        How many lines were written by hand.
    """
    shutil.copytree(EXAMPLES / folder, root, dirs_exist_ok=True)
    (root / "specs").mkdir()
    (root / document).rename(root / "specs" / document)
    imported = call_talkqa(root, "import", form, source)
    assert imported.returncode == 0, imported.stderr
    settings = re.search(r"add to talkqa.toml:\n\n(.*)", imported.stderr, re.DOTALL)
    assert settings is not None
    (root / "talkqa.toml").write_text(settings[1], encoding="utf-8")
    lines = by_hand(first)
    correct(root / descriptor, lines)
    return len(lines) + len(settings[1].split("\n")) - 1


@pytest.mark.parametrize("example", [NIMBUS, BRIKK], ids=["openapi", "sesam"])
def test_a_published_description_leads_to_passing_checks(example: tuple[str, ...], tmp_path: Path) -> None:
    """Import, a few lines by hand, check, generate, run: every promise of the document is kept."""
    lines = build(tmp_path, *example)
    assert lines <= MOST_LINES
    assert f"Written by hand: {'two' if lines == 2 else 'eight'} lines." in TUTORIAL.replace("\n", " ")
    assert lines in (2, 8)
    checked = call_talkqa(tmp_path, "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    generated = call_talkqa(tmp_path, "generate")
    assert generated.returncode == 0, generated.stdout + generated.stderr
    ended = call_talkqa(tmp_path, "run")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = read_run(find_newest_run(tmp_path / ".talkqa" / "runs"))
    checks = [check for world in run.worlds for check in world.checks]
    assert {check.outcome for check in checks} <= {Outcome.PASSED, Outcome.OBSERVED}
    assert sum(check.outcome is Outcome.PASSED for check in checks) > 20
    assert re.search(rf"\b{len(checks)}\s+checks", TUTORIAL)


def test_a_broken_engine_is_seen_through_a_described_api(tmp_path: Path) -> None:
    """The checks are no formality: an engine that carries nothing back is caught."""
    build(tmp_path, *NIMBUS)
    assert call_talkqa(tmp_path, "generate").returncode == 0
    ended = call_talkqa(tmp_path, "run", "--fault", "engine-dead", "--", "--tb=no")
    assert ended.returncode != 0
    run = read_run(find_newest_run(tmp_path / ".talkqa" / "runs"))
    outcomes = {check.outcome for world in run.worlds for check in world.checks}
    assert Outcome.PASSED not in outcomes
