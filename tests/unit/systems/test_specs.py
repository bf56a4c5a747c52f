"""The project's own documents are true to the systems that they speak of."""

from pathlib import Path

import pytest

from talkqa.config import read_settings
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.flow import Flow, RuleKind, Side
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.model.transform import operators_of
from talkqa.systems.registry import find_schema
from talkqa.systems.sentinels import Sentinels

ROOT = Path(__file__).parents[3]
SETTINGS = read_settings(ROOT)
DOCUMENTS = read_documents([ROOT / "specs"], SETTINGS, root=ROOT).documents
FLOWS = tuple(flow for world in group_worlds(DOCUMENTS) for flow in world.flows)
DOCUMENTED = tuple(flow for flow in FLOWS if flow.properties)
READ_ONLY = {
    ("Exact Online", "Contacts", "ID"),
    ("Salesforce", "Contact", "Id"),
    ("Exact Online", "Salesorders", "OrderedBy"),
}
"""Properties that tests cannot edit, each in a row on purpose: an id joined to an id, an account fixed at creation."""


def entity_of(flow: Flow, side: Side) -> EntitySchema:
    ref = flow.entity(side)
    schema = find_schema(ref.system, SETTINGS)
    entity = schema.entity(ref.entity) if schema else None
    assert entity is not None, ref.name
    return entity


def field_of(flow: Flow, side: Side, path: str) -> FieldSchema:
    field = entity_of(flow, side).field(path)
    assert field is not None, f"{flow.title}: {path}"
    return field


def test_seven_documents_carry_their_flows() -> None:
    """Five documents of 28 flows without properties, and two with properties."""
    assert [(document.path, len(document.sections)) for document in DOCUMENTS] == [
        ("specs/customcrm-customerp.rst", 7),
        ("specs/customcrm-exactonline.rst", 7),
        ("specs/customcrm-salesforce.rst", 8),
        ("specs/customcrm-wave.rst", 3),
        ("specs/custompms-salesforce.rst", 3),
        ("specs/salesforce-exactonline.rst", 4),
        ("specs/wave-customcrm.rst", 4),
    ]
    assert sum(not section.properties for document in DOCUMENTS for section in document.sections) == 28
    assert {len(flow.properties) for flow in DOCUMENTED} <= set(range(3, 10))


def test_every_sentence_form_is_used_and_read() -> None:
    """The documents exercise the whole grammar, and none of their conditions lacks its binding."""
    assert {rule.kind for flow in FLOWS for rule in flow.rules} == set(RuleKind)
    codes = {finding.code for document in DOCUMENTS for finding in document.diagnostics}
    assert codes <= {"properties-undocumented", "system-alias", "transform-hidden", "transform-repaired"}
    operators = {
        operator
        for flow in DOCUMENTED
        for row in flow.properties
        if row.transform
        for operator in operators_of(row.transform.expression)
    }
    assert operators >= {"datetime-format", "replace", "if", "neq", "or", "is-empty", "eq", "join", "slice", "split"}
    assert operators >= {"integer", "string", "matches"}
    assert {qualifier.side for flow in FLOWS for row in flow.properties for qualifier in row.qualifiers} == set(Side)
    assert max(len(flow.merge) for flow in FLOWS) > 1
    assert any(flow.source.facet for flow in FLOWS)


@pytest.mark.parametrize("flow", DOCUMENTED, ids=lambda flow: flow.id)
def test_every_property_exists_and_can_be_written(flow: Flow) -> None:
    """A row that no test can edit on either side is there on purpose."""
    for row in flow.properties:
        for side, path in ((Side.SOURCE, row.source), (Side.TARGET, row.target)):
            field, ref = field_of(flow, side, path), flow.entity(side)
            assert field.writable is ((ref.system, ref.entity, field.path) not in READ_ONLY), f"{flow.title}: {path}"
        for qualifier in row.qualifiers:
            held = field_of(flow, qualifier.side, qualifier.path)
            assert held.writable
            assert not held.picklist or qualifier.value in held.picklist
    for criterion in flow.merge:
        assert field_of(flow, Side.SOURCE, criterion.source).writable
        assert field_of(flow, Side.TARGET, criterion.target).writable


@pytest.mark.parametrize("flow", DOCUMENTED, ids=lambda flow: flow.id)
def test_what_one_side_is_given_the_other_can_hold(flow: Flow) -> None:
    """A sentinel of the longer field fits the shorter one, so that no refusal is the document's fault."""
    sentinels = Sentinels(0, "specs")
    for row in flow.properties:
        source, target = field_of(flow, Side.SOURCE, row.source), field_of(flow, Side.TARGET, row.target)
        for one, other in ((source, target), (target, source)):
            value = sentinels.value(one, flow.id, 0)
            if isinstance(value, str) and one.type is not FieldType.PICKLIST and other.max_length is not None:
                assert len(value) <= other.max_length, f"{flow.title}: {one.path}"
            assert (one.type is FieldType.PICKLIST) is (other.type is FieldType.PICKLIST)
            if one.picklist and other.picklist:
                assert len(set(one.picklist) & set(other.picklist)) > 1


@pytest.mark.parametrize("flow", DOCUMENTED, ids=lambda flow: flow.id)
def test_bindings_name_properties_of_the_systems(flow: Flow) -> None:
    """A condition's properties are the source's; a connection's reference really refers to the other entity."""
    for binding in SETTINGS.conditions:
        if binding.entity == flow.source.name and flow.has(RuleKind.CONDITION):
            for path in (*binding.holds, *binding.fails):
                assert field_of(flow, Side.SOURCE, path).writable
    for rule in flow.rules_of(RuleKind.CREATE_IF_CONNECTED):
        for ref in rule.connected:
            [bound] = [
                one for one in SETTINGS.connections if one.connected == ref.name and one.source == flow.source.name
            ]
            carrier = next(one for one in FLOWS if one.source == ref and one.target.system == flow.target.system)
            holder = entity_of(flow, Side.SOURCE) if bound.held_by == "source" else entity_of(carrier, Side.SOURCE)
            field = holder.field(bound.path)
            assert field is not None
            other = ref.entity if bound.held_by == "source" else flow.source.entity
            assert other in field.references


def test_the_introductions_are_our_own() -> None:
    """They say what the document is for, and bind nobody to secrecy."""
    for document in DOCUMENTS:
        text = (ROOT / document.path).read_text()
        assert "QA checklist for talkqa's own sandbox" in text
        assert not any(word in text.lower() for word in ("confidential", "intellectual property", "nda "))
