"""The 28 flows that the project was created from, in the sandbox."""

from pathlib import Path

import pytest

from talkqa.model.result import GapSeen, MappingSeen, Outcome
from tests.harness import SEED_SPECS, SPECS, project_settings, read_worlds, run_world

PROMISED = ("created", "edited-in-source", "edited-in-target", "quiet")


@pytest.mark.parametrize("name", SEED_SPECS)
def test_every_seed_flow_is_proven_with_all_licences_on(name: str, tmp_path: Path) -> None:
    """What each sentence promises is passed, on a discovered property where the table is empty."""
    settings = project_settings()
    (world,) = read_worlds([SPECS / f"{name}.rst"], settings)
    run = run_world(world, settings, tmp_path)
    unproven = [
        f"{flow.id}/{check}: {run.results[f'{flow.id}/{check}'].message}"
        for flow in world.flows
        for check in PROMISED
        if run.results[f"{flow.id}/{check}"].outcome is not Outcome.PASSED
    ]
    assert unproven == []
    # What travels though nobody promised it is an observation, until a person approves it.
    discovered = {run.results[f"{flow.id}/discovered"].outcome for flow in world.flows}
    assert discovered == {Outcome.OBSERVED}
    assert run.of(Outcome.FAILED, Outcome.LATE, Outcome.ERROR) == []
    assert {e.flow_id for e in run.events if isinstance(e, MappingSeen)} == {f.id for f in world.flows}


@pytest.mark.parametrize("name", SEED_SPECS)
def test_each_empty_table_is_a_gap_of_the_document(name: str, tmp_path: Path) -> None:
    """One gap a flow, with its place and what to do."""
    settings = project_settings()
    (world,) = read_worlds([SPECS / f"{name}.rst"], settings)
    run = run_world(world, settings, tmp_path, select=lambda check, _flow: check.name == "created")
    gaps = [e for e in run.events if isinstance(e, GapSeen) and e.code == "properties-undocumented"]
    assert {g.flow_id for g in gaps} == {f.id for f in world.flows}
    assert all(g.place.startswith(f"specs/{name}.rst:") and g.advice for g in gaps)


def test_the_specs_carry_28_flows_with_empty_tables() -> None:
    """Five documents, 28 flows, no property."""
    worlds = read_worlds([SPECS / f"{name}.rst" for name in SEED_SPECS], project_settings())
    assert len(worlds) == 5
    assert sum(len(w.flows) for w in worlds) == 28
    assert not any(f.properties for w in worlds for f in w.flows)


def test_without_billing_the_flows_into_invoices_are_not_runnable_and_name_the_licence(tmp_path: Path) -> None:
    """Nothing is accused, and the other flows stay proven."""
    settings = project_settings(licences_off=frozenset({"Salesforce.Billing"}))
    (world,) = read_worlds([SPECS / "customcrm-salesforce.rst"], settings)
    run = run_world(world, settings, tmp_path)
    blocked = {r.flow_id for r in run.of(Outcome.NOT_RUNNABLE) if r.reason == "licence-missing"}
    assert blocked == {f.id for f in world.flows if f.target.entity == "Invoice"}
    assert len(blocked) == 3
    assert all("Billing" in r.message for r in run.of(Outcome.NOT_RUNNABLE) if r.flow_id in blocked)
    assert all(r.outcome is Outcome.NOT_RUNNABLE for r in run.results.values() if r.flow_id in blocked)
    assert run.told(Outcome.FAILED, Outcome.LATE, Outcome.ERROR) == []


@pytest.mark.parametrize(("licence", "entity"), [("Divisions", "Division"), ("Quotes", "Quote")])
def test_without_its_licence_an_entity_is_not_runnable(licence: str, entity: str, tmp_path: Path) -> None:
    """An entity that does not exist in the account accuses nobody."""
    settings = project_settings(licences_off=frozenset({f"Salesforce.{licence}"}))
    (world,) = read_worlds([SPECS / "customcrm-salesforce.rst"], settings)
    run = run_world(world, settings, tmp_path, select=lambda _c, flow: flow.target.entity == entity)
    assert run.results
    assert {(r.outcome, r.reason) for r in run.results.values()} == {(Outcome.NOT_RUNNABLE, "licence-missing")}
    assert all(licence in r.message for r in run.results.values())
