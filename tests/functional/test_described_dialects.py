"""A described OData or GraphQL system works from its TOML file alone, against every check of a small document."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from talkqa.model.errors import RunError, TalkqaError
from talkqa.model.result import Outcome
from tests.harness import WorldRun, project_settings, read_worlds, run_world

_SYNC = "it will keep in sync between the two systems, regardless of where it is edited."
DOCUMENT = f"""\
=============================
Custom CRM to Vega ERP Dataflow
=============================

Generated: 2024-11-18 10:00:00

Introduction
------------

This document describes which records of Custom CRM are expected in Vega ERP, an invented system, and how.

Custom CRM Customer to Vega ERP Debtor
--------------------------------------
Every Custom CRM Customer will be synchronized with a Vega ERP Debtor.

Once a link between a Custom CRM Customer and a Vega ERP Debtor is established, {_SYNC}

The following properties are synchronized between a Custom CRM Customer and a Vega ERP Debtor:

.. list-table::
   :header-rows: 1

   * - Custom CRM Customer Property
     - Vega ERP Debtor Property
     - Vega ERP Data Type
   * - name
     - title
     - "string"
   * - address.city
     - visiting.city
     - "string"
   * - creditLimit
     - creditLimit
     - "decimal"
   * - customerSince
     - since
     - "string"
   * - employees
     - staff
     - "integer"
   * - isActive
     - active
     - "boolean"


Custom CRM Order to Vega ERP Assignment
---------------------------------------
A Custom CRM Order will merge with a Vega ERP Assignment if one of the following property combinations match:

.. list-table::
   :header-rows: 1

   * - Custom CRM Order Property
     - Vega ERP Assignment Property
   * - orderNumber
     - number

If a matching Vega ERP Assignment already exists, the Custom CRM Order will be merged with the existing one.
If no matching Vega ERP Assignment is found, a new Vega ERP Assignment will be created.

Once a link between a Custom CRM Order and a Vega ERP Assignment is established, {_SYNC}

The following properties are synchronized between a Custom CRM Order and a Vega ERP Assignment:

.. list-table::
   :header-rows: 1

   * - Custom CRM Order Property
     - Vega ERP Assignment Property
     - Vega ERP Data Type
   * - orderNumber
     - number
     - "string"
   * - status
     - state
     - "string"
   * - confirmedAt
     - confirmedAt
     - "string"
   * - comment
     - lines.text
     - "string"
"""

DESCRIPTOR = """\
system = "Vega ERP"
dialect = "DIALECT"
stamp_granularity_s = 0.001

[entities.Debtor]
id_field = "id"
modified_field = "changedAt"
modified_by_field = "changedBy"
name_field = "title"

[entities.Debtor.fields]
"id" = { type = "id", write = "none", nullable = false }
"changedAt" = { type = "datetime", write = "none" }
"changedBy" = { type = "string", write = "none" }
"title" = { type = "string", max_length = 80, required = true }
"visiting.city" = { type = "string", max_length = 60 }
"creditLimit" = { type = "decimal", max_length = 12, scale = 2 }
"since" = { type = "date" }
"staff" = { type = "integer", max_length = 7 }
"active" = { type = "boolean" }

[entities.Assignment]
id_field = "id"
modified_field = "changedAt"
modified_by_field = "changedBy"
name_field = "number"

[entities.Assignment.fields]
"id" = { type = "id", write = "none", nullable = false }
"changedAt" = { type = "datetime", write = "none" }
"changedBy" = { type = "string", write = "none" }
"number" = { type = "string", max_length = 30, required = true }
"debtor" = { type = "reference", references = ["Debtor"], required = true }
"state" = { type = "picklist", picklist = ["Open", "Confirmed", "Delivered", "Cancelled"], restricted = true }
"confirmedAt" = { type = "datetime" }
"lines.text" = { type = "string", max_length = 200, list_at = "lines" }
"lines.amount" = { type = "decimal", max_length = 12, scale = 2, list_at = "lines" }
"""

CONVENTIONAL = DESCRIPTOR.replace("DIALECT", "graphql")
EDGES = """
[graphql]
path = "/api/graphql"
records = "edges"
record = "node"
since = "changedSince"
size = 3
payload = "result"
errors = "userErrors"
deleted = "deletedId"

[entities.Debtor.graphql]
list = "allDebtors"
update_input = "DebtorPatch"
"""
OFFSET = """
[graphql]
paging = "offset"
since = "changedSince"
size = 3
deleted = "id"
"""
DIALECTS: Mapping[str, str] = {
    "odata": DESCRIPTOR.replace("DIALECT", "odata"),
    "graphql": CONVENTIONAL,
    "graphql-edges": CONVENTIONAL.replace('"debtor" = { type', '"debtor" = { aliases = ["debtorId"], type') + EDGES,
    "graphql-offset": CONVENTIONAL + OFFSET,
    "graphql-no-pages": CONVENTIONAL + '\n[graphql]\npaging = "none"\n',
}


def run(descriptor: str, folder: Path, **changes: object) -> WorldRun:
    """Run the document over a descriptor."""
    file, document = folder / "vega-erp.toml", folder / "customcrm-vegaerp.rst"
    file.write_text(descriptor, encoding="utf-8")
    document.write_text(DOCUMENT, encoding="utf-8")
    settings = project_settings(systems=(str(file),), **changes)
    (world,) = read_worlds([document], settings)
    return run_world(world, settings, folder, root=folder)


def not_seen(ended: WorldRun) -> list[str]:
    """What ended otherwise than seen, but for what the document's own schema rules out: its number must be filled."""
    results = ended.of(*set(Outcome) - {Outcome.PASSED, Outcome.OBSERVED})
    return [f"{r.check}: {r.message}" for r in results if r.reason != "cannot-be-emptied"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_described_system_keeps_every_promise(dialect: str, tmp_path: Path) -> None:
    """No check is left out for want of a way to speak to the system."""
    ended = run(DIALECTS[dialect], tmp_path)
    assert not_seen(ended) == []
    assert len(ended.of(Outcome.PASSED)) > 20
    assert ended.finished.left == ()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_broken_engine_is_caught(dialect: str, tmp_path: Path) -> None:
    """The checks are no formality."""
    assert run(DIALECTS[dialect], tmp_path, faults=("engine-dead",)).of(Outcome.PASSED) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_faults_of_the_wire_change_no_verdict(dialect: str, tmp_path: Path) -> None:
    """Lost answers and dead tokens are lived with as with the vendors' systems."""
    ended = run(DIALECTS[dialect], tmp_path, wire_faults=0.05)
    assert not_seen(ended) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_recording_gives_the_same_verdicts(dialect: str, tmp_path: Path) -> None:
    """Polls of a described system are cut and joined like those of any other."""
    recorded = run(DIALECTS[dialect], tmp_path, record=True)
    assert run(DIALECTS[dialect], tmp_path, mode="replay").verdicts() == recorded.verdicts()


def test_an_unknown_dialect_is_an_error(tmp_path: Path) -> None:
    """It is never spoken to in another one."""
    with pytest.raises((TalkqaError, RunError), match="'odate' is not known here; did you mean 'odata'"):
        run(DESCRIPTOR.replace("DIALECT", "odate"), tmp_path)
