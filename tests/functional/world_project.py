"""A small project with a folder of generated tests, for running pytest over it.

Two worlds of scenarios in the vocabulary's words; `conftest.py` brings a stage that does as it is told, so that what is
tested is the runner alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from talkqa.model.result import CheckFinished, Event, RunFinished, event_from_json

REPOSITORY = Path(__file__).parents[2]

FEATURE = """\
@talkqa-flow:{flow}
Feature: {source} to {target}

  Background:
    Given the sync engine keeps {source} and {target} in step

  Rule: Every {source} will be synchronized with a {target}.

    @talkqa-id:{flow}/created @smoke
    Scenario: A new {source} reaches {target}
      When a {source} is created
      Then exactly one {target} is linked to it

    @talkqa-id:{flow}/delete-stays @policy
    Scenario: A deleted {source} and what becomes of its {target}
      Given a {source} that is linked to a {target}
      When the source {source} is deleted
      Then it is recorded what becomes of the target {target}

  Rule: The following properties are synchronized

    Scenario Outline: An edited "<path>" of {source} reaches "<other>" of {target}
      Given a {source} that is linked to a {target}
      When "<path>" of the source {source} is edited
      Then "<other>" of the target {target} follows

      Examples:
        | check                | path | other |
        | {flow}/edited/name~Name | name | Name  |
        | {flow}/edited/town~City | town | City  |
"""

INI = f"[pytest]\npythonpath = {REPOSITORY}\n"

MODULE = '"""Scenarios."""\n\nfrom pytest_bdd import scenarios\n\nscenarios(".")\n'

CONFTEST = """\
from talkqa.model.errors import CheckFailed, CheckLate, CheckNotRunnable, CheckUndecided
from tests.fakes.stage import FakeStage


def pytest_talkqa_stage(config):
    return FakeStage({stage})
"""

FLOWS = {
    "alpha/beta": ("alpha.customer--beta.account", "Alpha Customer", "Beta Account"),
    "alpha/gamma": ("alpha.order--gamma.invoice", "Alpha Order", "Gamma Invoice"),
}


def checks_of(flow: str) -> list[str]:
    """Ids of the checks of a flow's feature."""
    return [f"{flow}/{name}" for name in ("created", "delete-stays", "edited/name~Name", "edited/town~City")]


def write_project(root: Path, *, stage: str = "", files: Mapping[str, str] | None = None) -> Path:
    """Write the project into a folder; `stage` are the arguments of its stage, `files` come on top."""
    texts: dict[str, str] = {"talkqa.toml": "", "conftest.py": CONFTEST.format(stage=stage), "pytest.ini": INI}
    for world, (flow, source, target) in FLOWS.items():
        folder = f"generated_tests/{world}"
        name = world.replace("/", "_")
        texts[f"specs/{name}.rst"] = ""
        texts[f"{folder}/{name}.feature"] = FEATURE.format(flow=flow, source=source, target=target)
        texts[f"{folder}/test_{name}.py"] = MODULE
        texts[f"{folder}/manifest.json"] = json.dumps(
            {
                "world": world,
                "documents": [f"specs/{name}.rst"],
                "checks": [{"id": check} for check in checks_of(flow)],
            }
        )
    for name, text in {**texts, **(files or {})}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a pytest run gave."""

    result: pytest.RunResult
    run_dir: Path

    @property
    def text(self) -> str:
        """What it printed."""
        return self.result.stdout.str()

    def counts(self) -> dict[str, int]:
        """Pytest's own counts."""
        return self.result.parseoutcomes()

    def events(self, world: str) -> list[Event]:
        """The events of a world, in order."""
        lines = (self.run_dir / f"{world}.jsonl").read_text(encoding="utf-8").splitlines()
        return [event_from_json(json.loads(line)) for line in lines]

    def verdicts(self) -> dict[str, str]:
        """Outcome and reason of every check of every world."""
        finished = [event for world in self.worlds() for event in self.events(world)]
        return {e.check: f"{e.outcome} {e.reason}" for e in finished if isinstance(e, CheckFinished)}

    def ends(self) -> list[RunFinished]:
        """The last event of every world, by file name."""
        return [last for world in self.worlds() for last in self.events(world)[-1:] if isinstance(last, RunFinished)]

    def worlds(self) -> list[str]:
        """Stems of the files of events, sorted; ledgers are none."""
        return sorted(path.stem for path in self.run_dir.glob("*.jsonl") if not path.stem.endswith(".ledger"))


def run_pytest(pytester: pytest.Pytester, *arguments: str, subprocess: bool = False, run: str = "run") -> Ran:
    """Run pytest over the project that the working folder holds."""
    call = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
    folder = pytester.path / "results" / run
    options = ("-p", "no:hypothesispytest", "-p", "no:anyio", "-q", "-ra")
    return Ran(result=call(*options, f"--talkqa-run-dir={folder}", *arguments), run_dir=folder)
