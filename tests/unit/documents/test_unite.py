"""Sections of one pair of entities become one flow, whatever their order."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkqa.documents.read import read_documents
from talkqa.documents.unite import unite_flows
from talkqa.documents.worlds import group_worlds
from talkqa.model.flow import Document, RuleKind
from talkqa.model.settings import ConditionBinding, Settings
from tests.unit.documents.samples import Flow, line_of, read_one, render_document

WON = "When a Acme Contact is won, it  will be synchronized with a Globex Person."
LOST = WON.replace("won", "lost")
CONNECTED = (
    "A new Globex Person will be created from a Acme Contact if it is connected to a Acme Order that is "
    "synchronized into Globex."
)


def test_sections_of_one_pair_are_one_flow(tmp_path: Path) -> None:
    """Equal sentences once, rows unique and sorted, in an order that no section decides."""
    document = read_one(
        tmp_path,
        render_document(
            Flow(select="link", merge=(("z", "z"), ("a", "a")), rows=(("z", "z", "N/A"), ("a", "a", '"string"'))),
            Flow(select=WON, merge=(("a", "a"),), rows=(("a", "a", '"string"'), ("m", "m", "N/A"))),
        ),
    )
    (flow,), _ = unite_flows([document])
    assert [str(rule.kind) for rule in flow.rules] == [
        "condition",
        "link-required",
        "merge-on",
        "two-way",
        "properties",
    ]
    assert [(row.source, row.location.line) for row in flow.merge] == [
        ("a", document.sections[0].merge[1].location.line),
        ("z", document.sections[0].merge[0].location.line),
    ]
    assert [row.source for row in flow.properties] == ["a", "m", "z"]
    assert flow.id == "acme.contact--globex.person"


def test_conditions_are_equal_where_their_words_are(tmp_path: Path) -> None:
    """Another condition is another rule; white space and case make none."""
    spelled = WON.replace("When a", "when  a")
    document = read_one(tmp_path, render_document(Flow(select=WON), Flow(select=LOST), Flow(select=spelled)))
    (flow,), _ = unite_flows([document])
    assert [rule.condition for rule in flow.rules_of(RuleKind.CONDITION)] == [
        "When a Acme Contact is lost",
        "When a Acme Contact is won",
    ]


def test_spellings_of_a_system_do_not_part_a_flow(tmp_path: Path) -> None:
    """Sentences that differ in the entities' spelling alone are one."""
    flows = (Flow(source="Customcrm Contact"), Flow(source="Custom CRM Contact"), Flow(source="CUSTOM CRM contact"))
    document = read_one(tmp_path, render_document(*flows, title="Customcrm to Globex Dataflow"))
    (flow,), _ = unite_flows([document])
    assert len(flow.rules) == 3
    assert flow.source.name == "Custom CRM Contact"


def test_facets_are_flows_of_their_own(tmp_path: Path) -> None:
    """So are an entity synchronised with itself and its mirror."""
    flows = (
        Flow(),
        Flow(source="Acme Contact (human data)"),
        Flow(target="Globex Person (human data)"),
        Flow(source="Acme Contact", target="Acme Contact"),
    )
    united, _ = unite_flows([read_one(tmp_path, render_document(*flows))])
    assert [flow.id for flow in united] == [
        "acme.contact--acme.contact",
        "acme.contact--globex.person",
        "acme.contact--globex.person.human-data",
        "acme.contact.human-data--globex.person",
    ]


def test_every_beside_a_restriction_is_a_contradiction(tmp_path: Path) -> None:
    """Each restricting sentence is told, but for one that is listed as a remark."""
    text = render_document(Flow(), Flow(select="link", extra=(CONNECTED,)), Flow(select=WON))
    document = read_one(tmp_path, text)
    _, diagnostics = unite_flows([document])
    assert [d.code for d in diagnostics] == ["contradiction"] * 3
    assert all(f"doc.rst:{line_of(text, 'Every')}" in d.message for d in diagnostics)
    remark = Settings(conditions=(ConditionBinding(text="When a Acme Contact is won", remark=True),))
    _, diagnostics = unite_flows([read_one(tmp_path, render_document(Flow(), Flow(select=WON)), remark)])
    assert diagnostics == ()


def test_rows_that_say_different_things_are_told(tmp_path: Path) -> None:
    """The one that sorts first by data type is used, whichever comes first."""
    number, text = Flow(rows=(("a", "b", '"integer"'),)), Flow(rows=(("a", "b", '"string"'), ("c", "d", "N/A")))
    for flows in ((number, text), (text, number)):
        document = read_one(tmp_path, render_document(*flows))
        (flow,), diagnostics = unite_flows([document])
        assert flow.properties[0].data_type == '"integer"'
        assert [d.code for d in diagnostics] == ["rows-contradict"]


def test_names_are_spelled_alike_throughout_a_world(tmp_path: Path) -> None:
    """A system or entity that is written in two cases is one, among the connected entities too."""
    flows = (Flow(source="Acme order"), Flow(source="Acme Order", target="Globex Sale"), Flow(extra=(CONNECTED,)))
    united, _ = unite_flows([read_one(tmp_path, render_document(*flows))])
    (connected,) = united[0].rules_of(RuleKind.CREATE_IF_CONNECTED)
    assert {united[1].source, united[2].source, *connected.connected} == {united[1].source}


_FLOWS = (
    Flow(rows=(("a", "b", '"integer"'),)),
    Flow(rows=(("a", "b", '"string"'), ("c", "d", "N/A"))),
    Flow(select="link", merge=(("e", "f"), ("a", "b"))),
    Flow(select=WON),
    Flow(source="Acme Order"),
    Flow(
        source="Acme Contact (human data)",
        target="Globex Contact",
        rows=(("x", "y (Dependant on having 1 in z)", "N/A"),),
    ),
)


def meaning(document: Document) -> object:
    """The flows of a document without their lines."""
    flows, _ = unite_flows([document])
    return [
        (
            flow.id,
            flow.title,
            [(rule.kind, rule.text, rule.condition, rule.connected) for rule in flow.rules],
            [(row.source, row.target) for row in flow.merge],
            [(row.source, row.target, row.data_type, row.qualifiers, row.transform) for row in flow.properties],
        )
        for flow in flows
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.permutations(_FLOWS))
def test_the_order_of_sections_and_the_stamp_decide_nothing(tmp_path: Path, flows: list[Flow]) -> None:
    """Nine revisions in ten change nothing else: the flows stay as they were."""
    plain = meaning(read_one(tmp_path, render_document(*_FLOWS)))
    assert meaning(read_one(tmp_path, render_document(*flows, stamp="2031-01-01 00:00:00"))) == plain


def test_documents_of_one_pair_of_systems_are_one_world(tmp_path: Path) -> None:
    """Whatever the systems are called in them, and in whatever order they come."""
    titles = {
        "a.rst": "Customcrm to Globex Dataflow",
        "b.rst": "Globex to Custom CRM Dataflow",
        "c.rst": "CustomCRM to globex Dataflow",
        "d.rst": "Custom CRM to  Dataflow",
    }
    for name, title in titles.items():
        flows = (Flow(), Flow(select="link")) if name == "a.rst" else (Flow(source="Acme Order"),)
        (tmp_path / name).write_text(render_document(*flows, title=title), encoding="utf-8")
    documents = read_documents([tmp_path], Settings(), root=tmp_path).documents
    worlds = group_worlds(documents)
    assert group_worlds(tuple(reversed(documents))) == worlds
    assert [world.slug for world in worlds] == ["custom-crm/_", "custom-crm/globex", "globex/custom-crm"]
    world = worlds[1]
    assert (world.source, world.target) == ("Custom CRM", "Globex")
    assert [document.path for document in world.documents] == ["a.rst", "c.rst"]
    assert [flow.id for flow in world.flows] == ["acme.contact--globex.person", "acme.order--globex.person"]
    assert world.systems() == ("Acme", "Globex")
    assert "contradiction" in [d.code for d in world.diagnostics]
    assert list(world.diagnostics) == sorted(world.diagnostics, key=lambda d: (d.location, d.code))
