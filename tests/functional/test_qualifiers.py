"""Qualified rows against the reference engine: held and not held, on both sides, and once a qualifier comes to hold."""

from pathlib import Path

import pytest

from talkqa.model.result import Outcome
from tests.harness import SPECS, WorldRun, project_settings, read_worlds, run_world

ROWS = ("address.postalCode~address.postalCode", "phone~phone")
"""One qualified by its source, one by its target."""


def qualified(tmp_path: Path, *faults: str) -> WorldRun:
    settings = project_settings(faults=faults)
    (world,) = read_worlds([SPECS / "wave-customcrm.rst"], settings)
    return run_world(world, settings, tmp_path, select=lambda check, _flow: "qualified" in check.name)


@pytest.fixture(scope="module")
def correct(tmp_path_factory: pytest.TempPathFactory) -> WorldRun:
    return qualified(tmp_path_factory.mktemp("ledger"))


def test_a_qualified_row_is_carried_both_ways_where_its_qualifier_holds_and_not_elsewhere(correct: WorldRun) -> None:
    """Whichever side the qualifier is on."""
    assert {r.outcome for r in correct.results.values()} == {Outcome.PASSED}, correct.told(*Outcome)
    names = {"qualified", "unqualified", "qualified-in-target", "unqualified-in-target"}
    assert {(r.name, r.check.rpartition("/")[2]) for r in correct.results.values()} == {
        (name, row) for name in names for row in ROWS
    }


def test_an_edit_that_was_held_back_travels_once_the_qualifier_holds(correct: WorldRun) -> None:
    """So its absence before was no accident."""
    for result in correct.results.values():
        if result.name == "unqualified":
            assert "stayed" in result.message
            assert "became" in result.message


def test_an_engine_that_ignores_qualifiers_is_seen_on_both_sides(tmp_path: Path) -> None:
    """By the checks of pairs for which the qualifier does not hold."""
    run = qualified(tmp_path, "qualifier-ignored")
    assert {r.name for r in run.of(Outcome.FAILED)} >= {"unqualified", "unqualified-in-target"}
    assert {r.reason for r in run.of(Outcome.FAILED)} == {"moved-though-unqualified"}


def test_a_target_whose_edits_never_travel_shows_nothing_by_staying(tmp_path: Path) -> None:
    """What is absent is worth what is present beside it."""
    flow = "wave.customer.organisation-data--custom-crm.customer"
    run = qualified(tmp_path, f"target-edits-dropped:{flow}")
    told = {r.outcome for r in run.results.values() if r.name == "unqualified-in-target" and r.flow_id == flow}
    assert told == {Outcome.LATE}, run.told(*Outcome)
