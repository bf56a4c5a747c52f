"""Tests of `talkqa.verify.union`."""

import pytest

from talkqa.model.check import RowClass
from talkqa.model.flow import EntityRef, PropertyRow, RuleKind, Side
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.verify.union import judge_rows, unite_rows
from tests.fakes.flows import BAKER, SHOP, make_flow, make_row


def _entity(name: str, *paths: str) -> EntitySchema:
    return EntitySchema(name=name, fields=tuple(FieldSchema(path=p, type=FieldType.STRING) for p in paths))


CUSTOMER, ACCOUNT = _entity("Customer", "name", "city", "home"), _entity("Account", "title", "town")
THERE = make_flow(rows=(make_row("name", "title"), make_row("city", "town")))
BACK = make_flow(
    source=SHOP,
    target=BAKER,
    rows=(make_row("town", "city"), make_row("title", "city"), make_row("town", "home", "N/A", readable=True)),
)


def test_rows_of_the_reverse_flow_are_turned_round_and_what_a_transform_gives_backwards_is_hidden() -> None:
    """Those that both flows have stay as the flow itself has them."""
    united = {(r.source, r.target): r for r in unite_rows(THERE, (THERE, BACK)).properties}
    assert set(united) == {("name", "title"), ("city", "town"), ("city", "title"), ("home", "town")}
    assert united["home", "town"].transform is None
    assert united["home", "town"].declared_type is None
    assert united["city", "town"] is THERE.properties[0]


def test_qualifiers_change_sides_when_a_row_is_turned() -> None:
    """They stay with the record that they look at."""
    back = make_flow(
        source=SHOP, target=BAKER, rows=(make_row("town", "home", '"string"', (Side.SOURCE, "x", "title")),)
    )
    (row,) = [r for r in unite_rows(THERE, (THERE, back)).properties if r.source == "home"]
    assert [(q.side, q.value, q.path) for q in row.qualifiers] == [(Side.TARGET, "x", "title")]


def test_a_property_that_the_reverse_flow_feeds_from_several_is_shared() -> None:
    """`city` takes town or title by the other document: an edit of it may lead nowhere."""
    judged = judge_rows(THERE, (THERE, BACK), CUSTOMER, ACCOUNT)
    assert judged["city", "town"].row_class is RowClass.SHARED
    assert judge_rows(THERE, (THERE,), CUSTOMER, ACCOUNT)["city", "town"].row_class is RowClass.PLAIN


def test_flows_between_other_entities_or_other_facets_change_nothing() -> None:
    """Nor does a flow of one entity to itself count as its own reverse."""
    other = make_flow(
        RuleKind.EVERY, source=EntityRef(system="Web Shop", entity="Order"), target=BAKER, rows=BACK.properties
    )
    facet = make_flow(
        source=SHOP, target=EntityRef(system="Bakery", entity="Customer", facet="guests"), rows=BACK.properties
    )
    mirror = make_flow(source=BAKER, target=BAKER, rows=(make_row("name", "city"), make_row("home", "city")))
    for flows in ((THERE,), (THERE, other), (THERE, facet), (THERE, mirror)):
        assert unite_rows(THERE, flows).properties == THERE.properties
    assert unite_rows(mirror, (mirror,)).properties == mirror.properties


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        (make_row("name", "title"), make_row("title", "name", "N/A"), RowClass.HIDDEN_TRANSFORM),
        (make_row("name", "title"), make_row("title", "name", readable=True), RowClass.HIDDEN_TRANSFORM),
        (make_row("name", "title", '"list"'), make_row("title", "name", "N/A"), RowClass.HIDDEN_TRANSFORM),
        (make_row("name", "title"), make_row("title", "name", '"integer"'), RowClass.PLAIN),
        (make_row("name", "title", readable=True), make_row("title", "name", "N/A"), RowClass.TRANSFORM),
        (make_row("name", "title", "N/A"), make_row("title", "name"), RowClass.HIDDEN_TRANSFORM),
    ],
)
def test_the_laxer_judgement_of_a_pair_of_properties_holds(
    own: PropertyRow, other: PropertyRow, expected: RowClass
) -> None:
    """Where one document does not tell what happens on the way, equality is not asked for; an own expression stands."""
    there, back = make_flow(rows=(own,)), make_flow(source=SHOP, target=BAKER, rows=(other,))
    assert judge_rows(there, (there, back), CUSTOMER, ACCOUNT)["name", "title"].row_class is expected
