"""The harness tested by faults of the reference engine, and the correct engine never accused."""

import os
import shutil
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from talkqa.model.result import BROKEN, Outcome
from talkqa.model.world import World
from talkqa.runner.worlds import read_schemas
from talkqa.sandbox.faults import Fault, list_faults
from tests.harness import PROJECT, SPECS, call_talkqa, project_settings, read_worlds, run_world

SEEDS = int(os.environ.get("TALKQA_SEEDS", "2"))
"""How many seeds the correct engine runs with; 200 and more by hand."""

FAULTS = (
    "condition-ignored:salesforce.product2--exact-online.items",
    "condition-inverted:salesforce.product2--exact-online.items",
    "connection-ignored:salesforce.contact--exact-online.contacts:Account",
    "duplicate-on-create:wave.invoice--custom-crm.order",
    "echo-each-cycle:salesforce.product2--exact-online.items",
    "edit-creates-new:salesforce.contact--exact-online.contacts",
    "engine-dead:salesforce.contact--exact-online.contacts",
    "engine-dead:wave.invoice--custom-crm.order",
    "entity-skipped:wave.invoice--custom-crm.order",
    "entity-starved:salesforce.account--exact-online.accounts",
    "imports-own-copies:salesforce.product2--exact-online.items",
    "late:wave.customer.human-data--custom-crm.contact",
    "link-broken-by-edit:salesforce.product2--exact-online.items",
    "merge-criterion-dropped:salesforce.account--exact-online.accounts:SearchCode",
    "merge-on-other-key:salesforce.account--exact-online.accounts",
    "no-merge:wave.customer.human-data--custom-crm.contact",
    "number-rounded:wave.product--custom-crm.product:price",
    "oscillation:salesforce.product2--exact-online.items",
    "partial-batch:wave.invoice--custom-crm.order",
    "precondition-ignored:salesforce.contact--exact-online.contacts",
    "properties-swapped:wave.customer.human-data--custom-crm.contact:firstName",
    "property-dead-to-source:salesforce.account--exact-online.accounts:Website",
    "property-dead-to-target:salesforce.product2--exact-online.items:Code",
    "property-dropped:salesforce.contact--exact-online.contacts:LastName",
    "property-truncated:salesforce.account--exact-online.accounts:City",
    "qualifier-ignored:wave.customer.organisation-data--custom-crm.customer:address.postalCode",
    "qualifier-inverted:wave.customer.organisation-data--custom-crm.customer:address.postalCode",
    "relinked-by-edit:wave.product--custom-crm.product",
    "source-edits-dropped:salesforce.account--exact-online.accounts",
    "stale-write:wave.invoice--custom-crm.order",
    "stops-after:salesforce.contact--exact-online.contacts",
    "target-edits-dropped:salesforce.order--exact-online.salesorders",
    "time-shifted:salesforce.order--exact-online.salesorders:OrderDate",
    "update-lost:wave.invoice--custom-crm.order",
    "value-leak:wave.customer.organisation-data--custom-crm.customer:address.postalCode",
)
"""One of many a kind: all of them are the matter of `talkqa faults`."""


@cache
def catalogue() -> Mapping[str, tuple[Fault, World]]:
    """Id to fault, with the world of its flow."""
    settings = project_settings()
    return {
        fault.id: (fault, world)
        for world in read_worlds([SPECS], settings)
        for fault in list_faults(
            world.flows, read_schemas(world, settings, PROJECT), settings.conditions, settings.connections
        )
    }


@pytest.mark.parametrize("fault_id", FAULTS, ids=[text.partition(":")[0] for text in FAULTS])
def test_a_broken_engine_is_accused_by_the_check_whose_sentence_it_breaks(fault_id: str, tmp_path: Path) -> None:
    """By the checks that were declared beforehand, and by the sentence that is broken, with its place."""
    fault, world = catalogue()[fault_id]
    settings = project_settings(faults=(fault.id,), weather=fault.weather)
    run = run_world(world, settings, tmp_path, select=lambda _check, flow: flow.id == fault.flow_id)
    seen = [r for r in run.results.values() if r.outcome in BROKEN and r.name in fault.checks]
    assert seen, run.counts()
    documents = {document.path for document in world.documents}
    assert all(r.message and r.place.partition(":")[0] in documents for r in seen)
    shown = [r.observations[-1] for r in seen if r.outcome is Outcome.FAILED]
    assert all(o.exchanges for o in shown), "the exchanges that show the failure come last"
    if fault.sentence is not None:
        (flow,) = (flow for flow in world.flows if flow.id == fault.flow_id)
        assert {r.sentence for r in seen} & {rule.text for rule in flow.rules_of(fault.sentence)}
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
