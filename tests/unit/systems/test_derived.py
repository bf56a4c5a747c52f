"""A system without a descriptor gets a schema that its documents can be tried with."""

import os
from pathlib import Path

import pytest

from talkqa.documents.read import read_documents
from talkqa.documents.transforms import read_transform
from talkqa.documents.worlds import group_worlds
from talkqa.model.flow import EntityRef, Flow, MergeRow, PropertyRow, Qualifier, Rule, RuleKind, Side
from talkqa.model.location import Location
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import Settings
from talkqa.systems.derived import derive_schema
from talkqa.systems.wire import WireShape, flatten

HERE = Location(path="a.rst", line=1)


def row(source: str, target: str, data_type: str = '"string"', *qualifiers: Qualifier) -> PropertyRow:
    return PropertyRow(
        source=source,
        target=target,
        data_type=data_type,
        location=HERE,
        qualifiers=qualifiers,
        transform=read_transform(data_type),
    )


def flow(source: str, target: str, *rows: PropertyRow, merge: tuple[MergeRow, ...] = (), connected: str = "") -> Flow:
    rules = ()
    if connected:
        refs = (EntityRef(system="Desk", entity=connected),)
        rules = (Rule(kind=RuleKind.CREATE_IF_CONNECTED, location=HERE, text="...", connected=refs),)
    return Flow(
        id=f"{source}--{target}",
        source=EntityRef(system="Desk", entity=source),
        target=EntityRef(system="Till", entity=target),
        rules=rules,
        merge=merge,
        properties=rows,
    )


def entity_of(schema: SystemSchema, name: str) -> EntitySchema:
    entity = schema.entity(name)
    assert entity is not None
    return entity


def fields_of(system: str, *flows: Flow) -> dict[str, FieldSchema]:
    schema = derive_schema(system, flows)
    return {field.path: field for field in schema.entities[0].fields}


def test_every_path_a_document_names_exists() -> None:
    """Property rows, merge rows and qualifiers alike, on their own side alone."""
    qualifier = Qualifier(side=Side.SOURCE, value="NO", path="country")
    blank = Qualifier(side=Side.TARGET, value="x", path=" ")
    there = flow(
        "Case",
        "Bill",
        row("title", "text", '"string"', qualifier, blank),
        merge=(MergeRow(source="contactMail", target="mail", location=HERE),),
    )
    assert fields_of("Desk", there).keys() == {"id", "modifiedAt", "title", "country", "contactMail"}
    till = fields_of("Till", there)
    assert till.keys() == {"id", "modifiedAt", "text", "mail"}
    assert till["mail"].type is FieldType.EMAIL
    assert till["text"].writable
    assert not till["id"].createable
    assert derive_schema("Desk", [there]).derived


def test_the_id_is_spelled_as_the_documents_spell_it() -> None:
    """`Id` and `ID` are the system's own id, never a second property."""
    schema = derive_schema("Till", [flow("Case", "Bill", row("id", "ID"))])
    bill = entity_of(schema, "Bill")
    assert bill.id_field == "ID"
    assert [field.path for field in bill.fields][:2] == ["ID", "modifiedAt"]


def test_an_empty_table_gives_a_dozen_plausible_fields() -> None:
    """A flow whose properties nobody documented can be discovered all the same."""
    fields = fields_of("Desk", flow("Case", "Bill"))
    writable = [field for field in fields.values() if field.writable]
    assert len(writable) >= 12
    assert len({field.type for field in writable}) >= 8
    assert not any(field.required for field in fields.values())


def test_generic_fields_leave_documented_ones_alone() -> None:
    """`email` of a filled table keeps its type where another flow of the entity has an empty table."""
    fields = fields_of(
        "Desk", flow("Case", "Bill", row("Email", "x", '"integer"'), row("name.first", "y")), flow("Case", "Pay")
    )
    assert fields["Email"].type is FieldType.INTEGER
    assert "email" not in fields
    assert "name" not in fields
    assert "description" in fields


@pytest.mark.parametrize(
    ("path", "data_type", "source", "target"),
    [
        ("amount", '"integer"', FieldType.INTEGER, FieldType.INTEGER),
        ("amount", '"float"', FieldType.DECIMAL, FieldType.DECIMAL),
        ("amount", '"decimal"', FieldType.DECIMAL, FieldType.DECIMAL),
        ("amount", "N/A", FieldType.DECIMAL, FieldType.DECIMAL),
        ("amount", '"string"', FieldType.STRING, FieldType.STRING),
        ("isOpen", "N/A", FieldType.BOOLEAN, FieldType.BOOLEAN),
        ("isOpen", '"boolean"', FieldType.BOOLEAN, FieldType.BOOLEAN),
        ("isOpen", '"string"', FieldType.STRING, FieldType.STRING),
        ("properties.email", '"string"', FieldType.EMAIL, FieldType.EMAIL),
        ("MailAddress.City", '"string"', FieldType.STRING, FieldType.STRING),
        ("mobilePhone", '"string"', FieldType.PHONE, FieldType.PHONE),
        ("homepage", '"string"', FieldType.URL, FieldType.URL),
        ("date_of_birth", '"string"', FieldType.STRING, FieldType.STRING),
        ("birthDate", '"string"', FieldType.DATE, FieldType.DATE),
        ("createdAt", '"string"', FieldType.DATETIME, FieldType.DATETIME),
        ("update", '"string"', FieldType.STRING, FieldType.STRING),
        ("123", '"string"', FieldType.STRING, FieldType.STRING),
        ("...", '"string"', FieldType.STRING, FieldType.STRING),
        ("note", '"string"', FieldType.TEXT, FieldType.TEXT),
        ("date_of_birth", '["datetime-format","%Y-%m-%d","_."]', FieldType.DATE, FieldType.DATE),
        ("startedAt", '["datetime-format","%Y-%m-%d","_."]', FieldType.DATETIME, FieldType.DATE),
        ("startedAt", '["datetime-format","%d.%m.%Y","_."]', FieldType.DATETIME, FieldType.STRING),
        ("phone", '"replace"," ","", "string"]', FieldType.PHONE, FieldType.PHONE),
        ("code", '["if", ["neq", "_.", "X"], "integer", "string"]', FieldType.INTEGER, FieldType.STRING),
        ("code", '["string", ["integer", ["decimal", "_."]]]', FieldType.INTEGER, FieldType.STRING),
        ("code", '["integer", ["decimal", "_."]]', FieldType.INTEGER, FieldType.INTEGER),
        ("code", '["if",["gt","_.",5],1,2]', FieldType.DECIMAL, FieldType.INTEGER),
        ("code", '["if-null","_.","none"]', FieldType.STRING, FieldType.STRING),
        ("code", '["is-empty","_."]', FieldType.STRING, FieldType.BOOLEAN),
        ("code", '["boolean","_."]', FieldType.BOOLEAN, FieldType.BOOLEAN),
        ("code", '["abs","_."]', FieldType.DECIMAL, FieldType.DECIMAL),
        ("code", '["if",["is-null","_."],true,1.5]', FieldType.STRING, FieldType.STRING),
    ],
)
def test_types_follow_data_type_expression_and_name(
    path: str, data_type: str, source: FieldType, target: FieldType
) -> None:
    """The data type column decides, then the expression, then the name."""
    there = flow("Case", "Bill", row(path, path, data_type))
    assert fields_of("Desk", there)[path].type is source
    assert fields_of("Till", there)[path].type is target


def test_rows_that_contradict_each_other_make_a_text() -> None:
    """Text holds whatever any row says; two kinds of number make the wider one."""
    mixed = flow("Case", "Bill", row("a", "x", '"integer"'), row("a", "y", '"boolean"'), row("b", "z", '"integer"'))
    numbers = flow("Case", "Pay", row("b", "z", '"decimal"'))
    fields = fields_of("Desk", mixed, numbers)
    assert (fields["a"].type, fields["b"].type) == (FieldType.STRING, FieldType.DECIMAL)


def test_a_list_is_one_on_the_target_side() -> None:
    """`"list"` says what the target gets."""
    there = flow("Case", "Bill", row("label", "tags", '"list"'))
    assert fields_of("Till", there)["tags"].list_at == "tags"
    assert fields_of("Desk", there)["label"].list_at is None


def test_a_reference_needs_an_entity_on_both_sides() -> None:
    """A reference on one side alone could not take what the plain text on the other side holds."""
    flows = (
        flow("Case", "Bill", row("customer.id", "ClientId"), row("agentId", "clerk"), row("caseId", "billId")),
        flow("Customer", "Clients", row("name", "name")),
        flow("Agent", "Clerk", row("name", "name")),
    )
    case = entity_of(derive_schema("Desk", flows), "Case")
    kinds = {field.path: (field.type, field.references) for field in case.fields}
    assert kinds["customer.id"] == (FieldType.REFERENCE, ("Customer",))
    assert kinds["agentId"] == (FieldType.STRING, ())
    assert kinds["caseId"] == (FieldType.REFERENCE, ("Case",))
    bill = entity_of(derive_schema("Till", flows), "Bill")
    client = bill.field("ClientId")
    assert client is not None
    assert client.references == ("Clients",)


def test_facets_share_their_entity_and_connected_entities_exist() -> None:
    """A connection can be made to an entity of which the document says nothing else."""
    human = flow("Case", "Bill", row("name", "name"), connected="Visit")
    facet = Flow(
        id="other",
        source=EntityRef(system="Desk", entity="Case", facet="human data"),
        target=EntityRef(system="Till", entity="Bill"),
        rules=(),
        merge=(),
        properties=(row("mail", "mail"),),
    )
    schema = derive_schema("Desk", [human, facet])
    assert [entity.name for entity in schema.entities] == ["Case", "Visit"]
    assert {"name", "mail"} <= {field.path for field in schema.entities[0].fields}
    assert len([field for field in schema.entities[1].fields if field.writable]) >= 12


def test_a_documented_stamp_is_a_property_like_any_other() -> None:
    """The system's own stamp then has another name, so that the documented one can be written."""
    entity = derive_schema("Desk", [flow("Case", "Bill", row("modifiedAt", "x"))]).entities[0]
    documented = entity.field("modifiedAt")
    assert documented is not None
    assert documented.writable
    assert entity.modified_field == "lastModifiedAt"


def test_a_blank_system_and_one_on_both_sides_are_derived() -> None:
    """Both are seen in published documents."""
    ends = {"source": EntityRef(system="", entity="A"), "target": EntityRef(system="", entity="B")}
    both = Flow(id="x", rules=(), merge=(), properties=(row("p", "q"),), **ends)
    schema = derive_schema("", [both])
    assert schema.name == ""
    assert [sorted(field.path for field in entity.fields) for entity in schema.entities] == [
        ["id", "modifiedAt", "p"],
        ["id", "modifiedAt", "q"],
    ]


def test_order_changes_nothing() -> None:
    """Section order is not stable between revisions."""
    flows = [flow("Case", "Bill", row("a", "b")), flow("Case", "Pay", row("c", "d", "N/A")), flow("Visit", "Pay")]
    assert derive_schema("Desk", flows) == derive_schema("Desk", flows[::-1])


@pytest.mark.skipif("TALKQA_CORPUS" not in os.environ, reason="needs TALKQA_CORPUS, a folder of published documents")
def test_every_published_document_gives_schemas_that_hold_its_rows(tmp_path: Path) -> None:
    """Each path of each flow exists, and travels over the wire without hiding another."""
    folder = Path(os.environ["TALKQA_CORPUS"]) / "corpus" / "documents"
    files = sorted(folder.iterdir())[::12]
    for world in group_worlds(read_documents(files, Settings(), root=tmp_path).documents):
        for system in world.systems():
            schema = derive_schema(system, world.flows)
            for flow_ in world.flows:
                for side in Side:
                    if flow_.entity(side).system != system:
                        continue
                    entity = entity_of(schema, flow_.entity(side).entity)
                    for line in flow_.properties:
                        assert entity.field(line.source if side is Side.SOURCE else line.target), (flow_.id, line)
            for entity in schema.entities:
                values = {field.path: field.path for field in entity.fields if field.list_at is None}
                assert flatten(WireShape(entity).nest(values)) == values
