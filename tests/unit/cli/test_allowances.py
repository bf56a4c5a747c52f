"""What a live run would have to be allowed is counted as the run itself counts it."""

from talkqa.cli.allowances import count_needed
from talkqa.model.flow import EntityRef
from talkqa.model.result import SystemUsed
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.verify.safety import Permissions
from tests.fakes.flows import make_flow

CRM, ERP = "CRM", "ERP"
FLOWS = (
    make_flow(source=EntityRef(system=CRM, entity="Customer"), target=EntityRef(system=ERP, entity="Client")),
    make_flow(source=EntityRef(system=CRM, entity="Person"), target=EntityRef(system=ERP, entity="Client")),
)
MADE = {(CRM, "Customer"): 3, (CRM, "Person"): 2, (ERP, "Client"): 1}


def _used(system: str) -> SystemUsed:
    return SystemUsed(
        system=system,
        calls=0,
        by_purpose={},
        repeated=0,
        busiest_minute=0,
        calls_per_minute=None,
        calls_per_day=None,
        created={entity: count for (where, entity), count in MADE.items() if where == system},
        copies={},
    )


def test_the_number_needed_is_the_number_that_a_guarded_run_takes() -> None:
    """Own records, and one for each that the engine may make of them, flow after flow."""
    schemas = {
        system: SystemSchema(
            name=system, entities=tuple(EntitySchema(name=e, fields=(), caution="c") for s, e in MADE if s == system)
        )
        for system in (CRM, ERP)
    }
    permissions = Permissions((), schemas, FLOWS, guarded=True)
    permissions._allowed = dict.fromkeys(permissions._cautions, 1000)
    for (system, entity), count in MADE.items():
        for _ in range(count):
            permissions.take(system, entity)
    needed = count_needed((_used(CRM), _used(ERP)), FLOWS)
    assert needed == permissions._used == {(CRM, "customer"): 6, (CRM, "person"): 6, (ERP, "client"): 6}
