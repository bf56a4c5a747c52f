"""What importers write is what descriptors are read from."""

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.model.rest import RestApi, RestEntity
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems.descriptor import read_descriptor
from talkqa.systems.importers.draft import Draft, Gap, render_draft
from tests.unit.systems.described import systems

NASTY = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
FIELDS = st.builds(
    FieldSchema,
    path=st.sampled_from(["a", "b.c", "d e", "é", 'q"']),
    type=st.sampled_from([FieldType.STRING, FieldType.PICKLIST, FieldType.DECIMAL]),
    max_length=st.none() | st.integers(1, 99),
    scale=st.none() | st.integers(0, 4),
    createable=st.just(True),
    updateable=st.booleans(),
    nullable=st.booleans(),
    required=st.booleans(),
    picklist=st.lists(NASTY, max_size=2).map(tuple),
    restricted=st.booleans(),
    unique=st.booleans(),
    unconfirmed=st.booleans(),
)


@settings(deadline=None)
@given(systems())
def test_a_drawn_api_survives_its_descriptor(schema: SystemSchema) -> None:
    """Whatever can be described is written and read back the same."""
    text = render_draft(Draft(schema=schema, source="a test", gaps=()))
    assert read_descriptor(tomllib.loads(text), "x.toml") == schema


@settings(deadline=None)
@given(NASTY, NASTY, st.lists(FIELDS, min_size=1, max_size=3, unique_by=lambda field: field.path), NASTY)
def test_no_text_breaks_out_of_its_place(system: str, entity: str, fields: list[FieldSchema], said: str) -> None:
    """Names, choices and comments come from files of others: they stay names, choices and comments."""
    id_field = FieldSchema(path="id", type=FieldType.ID, createable=False, updateable=False)
    schema = SystemSchema(
        name=system,
        entities=(EntitySchema(name=entity, fields=(id_field, *fields), rest=RestEntity()),),
        rest=RestApi(),
    )
    gaps = (Gap(message=f"{said}\n[entities.Evil]\nx = 1", entity=entity), Gap(message=said))
    text = render_draft(Draft(schema=schema, source=said, gaps=gaps))
    assert read_descriptor(tomllib.loads(text), "x.toml") == schema


def test_gaps_stand_where_they_belong() -> None:
    """Those of the system at the top, those of an entity under its name."""
    schema = SystemSchema(
        name="Shop",
        entities=tuple(
            EntitySchema(name=name, fields=(FieldSchema(path="id", type=FieldType.ID),), rest=RestEntity())
            for name in ("Item", "Sale")
        ),
        rest=RestApi(),
    )
    gaps = (Gap(message="of all"), Gap(message="of sales", entity="Sale"))
    lines = render_draft(Draft(schema=schema, source="x", gaps=gaps)).splitlines()
    assert lines.index("# to fill in: of all") < lines.index("[rest]")
    assert lines.index("# to fill in: of sales") == lines.index("[entities.Sale]") + 1
