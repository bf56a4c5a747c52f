"""The harness tested by faults of the reference engine, and the correct engine never accused."""

import os
import shutil
from pathlib import Path

import pytest

from talkqa.model.flow import RuleKind
from talkqa.model.result import BROKEN, Outcome
from tests.harness import PROJECT, SPECS, call_talkqa, project_settings, read_worlds, run_world

SEEDS = int(os.environ.get("TALKQA_SEEDS", "2"))
"""How many seeds the correct engine runs with; 200 and more by hand."""

FAULTS = (
    # fault, document, the check that must see it, the sentence that it breaks (None for a policy)
    ("target-edits-dropped", "custompms-salesforce", "edited-in-target", RuleKind.TWO_WAY),
    ("source-edits-dropped", "custompms-salesforce", "edited-in-source", RuleKind.TWO_WAY),
    ("duplicate-on-create", "custompms-salesforce", "created", RuleKind.EVERY),
    ("entity-skipped", "custompms-salesforce", "created", RuleKind.EVERY),
    ("imports-own-copies", "custompms-salesforce", "created", RuleKind.EVERY),
    ("engine-dead", "custompms-salesforce", "created", RuleKind.EVERY),
    ("edit-creates-new", "custompms-salesforce", "edited-in-source", RuleKind.TWO_WAY),
    ("link-broken-by-edit", "custompms-salesforce", "edited-in-target", RuleKind.TWO_WAY),
    ("stops-after", "custompms-salesforce", "created", RuleKind.EVERY),
    ("late", "custompms-salesforce", "created", RuleKind.EVERY),
    ("echo-each-cycle", "custompms-salesforce", "quiet", None),
    ("properties-swapped", "wave-customcrm", "edited-in-source", RuleKind.TWO_WAY),
    ("property-truncated", "wave-customcrm", "edited-in-source", RuleKind.TWO_WAY),
    ("property-dropped", "wave-customcrm", "audit", RuleKind.PROPERTIES),
    ("value-leak", "wave-customcrm", "edited-in-source", RuleKind.TWO_WAY),
    ("stale-write", "wave-customcrm", "edited-in-source", RuleKind.TWO_WAY),
    ("qualifier-ignored", "wave-customcrm", "unqualified", RuleKind.PROPERTIES),
    ("wrong-merge", "salesforce-exactonline", "created", RuleKind.EVERY),
    ("no-merge", "salesforce-exactonline", "merged", RuleKind.MERGE_ON),
    ("precondition-ignored", "salesforce-exactonline", "unlinked-stays-out", RuleKind.LINK_REQUIRED),
    ("condition-ignored", "salesforce-exactonline", "condition-fails", RuleKind.CONDITION),
    ("transform-ignored", "salesforce-exactonline", "edited-in-source", RuleKind.TWO_WAY),
)


@pytest.mark.parametrize(("fault", "document", "check", "sentence"), FAULTS, ids=[f[0] for f in FAULTS])
def test_a_broken_engine_is_accused_by_the_check_whose_sentence_it_breaks(
    fault: str, document: str, check: str, sentence: RuleKind | None, tmp_path: Path
) -> None:
    """The sentence that the fault breaks is among those that the result names, with its place."""
    settings = project_settings(faults=(fault,))
    (world,) = read_worlds([SPECS / f"{document}.rst"], settings)
    run = run_world(world, settings, tmp_path)
    seen = [r for r in run.results.values() if r.outcome in BROKEN and r.name == check]
    assert seen, run.counts()
    assert all(r.message and r.place.startswith(f"specs/{document}.rst:") for r in seen)
    shown = [r.observations[-1] for r in seen]
    assert all(o.exchanges for o in shown), "the exchanges that show the failure come last"
    if sentence is not None:
        texts = {rule.text for flow in world.flows for rule in flow.rules_of(sentence)}
        assert {r.sentence for r in seen} & texts
    assert run.told(Outcome.ERROR) == []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_correct_engine_is_never_accused(seed: int, tmp_path: Path) -> None:
    """No failed, late or error over all documents of specs/, whatever the seed."""
    settings = project_settings(seed=seed)
    for world in read_worlds([SPECS], settings):
        run = run_world(world, settings, tmp_path / world.slug.replace("/", "_"))
        assert run.told(Outcome.FAILED, Outcome.LATE, Outcome.ERROR) == []
        assert all(r.reason and r.message for r in run.results.values())
        assert run.finished.left == ()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's documents and scenarios, elsewhere."""
    for name in ("specs", "generated_tests"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    shutil.copy(PROJECT / "talkqa.toml", tmp_path)
    return tmp_path


def test_a_run_with_a_fault_exits_1_and_its_report_names_the_broken_sentence(project: Path) -> None:
    """From the command line, as a person or a CI job sees it."""
    done = call_talkqa(project, "run", "generated_tests/custom-pms", "--fault", "target-edits-dropped")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "it will keep in sync between the two systems, regardless of where it is edited" in done.stdout
    assert "specs/custompms-salesforce.rst:" in done.stdout
    (report,) = (project / ".talkqa" / "runs").glob("*/report.html")
    assert "regardless of where it is edited" in report.read_text(encoding="utf-8")


def test_a_run_without_a_fault_exits_0_and_leaves_report_and_junit(project: Path) -> None:
    """Counts by outcome, latency, mappings and the report's path are printed."""
    done = call_talkqa(project, "run", "generated_tests/custom-pms")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("0 failed", "Latency of sync", "Properties seen to travel", "report.html"):
        assert words in done.stdout
    (folder,) = (project / ".talkqa" / "runs").iterdir()
    assert {"report.html", "junit.xml", "summary.txt"} <= {p.name for p in folder.iterdir()}
