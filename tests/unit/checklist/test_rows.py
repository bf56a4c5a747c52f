"""A row may be judged by equality only where the document shows that equality can hold."""

import pytest

from talkqa.checklist.rows import classify_row, classify_rows, lowest_row, names_id, runs_through_list
from talkqa.model.check import RowClass
from talkqa.model.flow import Side
from tests.fakes.flows import make_flow, make_row


@pytest.mark.parametrize(
    ("source", "target", "data_type", "expected"),
    [
        ("name", "Name", '"string"', RowClass.PLAIN),
        ("price", "unitPrice", '"float"', RowClass.PLAIN),
        ("currency", "CurrencyIsoCode", '"string"', RowClass.LOOKUP),
        ("billToCountry", "shipping_address.country", '"string"', RowClass.PLAIN),
        ("id", "ContactId", '"integer"', RowClass.IDENTITY),
        ("customer.id", "customer_id", '"string"', RowClass.IDENTITY),
        ("customer", "customer_id", '"string"', RowClass.LOOKUP),
        ("address.country.id", "delivery.country.id", '"string"', RowClass.LOOKUP),
        ("address.country.code", "delivery.country.id", '"string"', RowClass.LOOKUP),
        ("Emails.Value", "email", '"string"', RowClass.LIST),
        ("tags", "Tags", '"list"', RowClass.LIST),
        ("phone", "Phone", '"first"', RowClass.LIST),
        ("properties.email", "Email", '"string"', RowClass.PLAIN),
        ("shippingDetails.phone", "Phone", '"string"', RowClass.PLAIN),
        ("phone", "mobile", "N/A", RowClass.HIDDEN_TRANSFORM),
        ("phone", "mobile", '"replace"," ","", damaged', RowClass.HIDDEN_TRANSFORM),
        ("paid", "Paid", '"boolean"', RowClass.PLAIN),
    ],
)
def test_a_row_is_classified_by_its_own_words(source: str, target: str, data_type: str, expected: RowClass) -> None:
    row = make_row(source, target, data_type)
    assert classify_row(make_flow(rows=[row]), row) is expected


def test_a_readable_expression_makes_a_transform_whatever_the_paths_are_called() -> None:
    row = make_row("id", "ContactId", '["string", "_."]', readable=True)
    assert classify_row(make_flow(rows=[row]), row) is RowClass.TRANSFORM


def test_rows_that_feed_one_target_are_shared_even_with_an_expression() -> None:
    """The expression's value is only one of those that may arrive."""
    rows = [make_row("home", "Phone"), make_row("mobile", "Phone", '["string", "_."]', readable=True)]
    flow = make_flow(rows=rows)
    assert set(classify_rows(flow).values()) == {RowClass.SHARED}


def test_one_source_that_feeds_several_targets_stays_comparable() -> None:
    flow = make_flow(rows=[make_row("phone", "Home"), make_row("phone", "Mobile")])
    assert set(classify_rows(flow).values()) == {RowClass.PLAIN}


def test_both_ways_of_asking_give_the_same_class() -> None:
    flow = make_flow(rows=[make_row("a", "X"), make_row("b", "X"), make_row("id", "Id"), make_row("c", "Y")])
    assert list(classify_rows(flow).values()) == [classify_row(flow, row) for row in flow.properties]


@pytest.mark.parametrize("path", ["id", "ID", "a.Id", "customer_id", "ContactId", "owner.gid", "externalUuid", "hs-id"])
def test_identifiers_are_seen_by_their_last_word(path: str) -> None:
    assert names_id(path)


@pytest.mark.parametrize("path", ["paid", "id.name", "grid", "Madrid", "valid", "idea"])
def test_words_that_merely_end_like_an_identifier_are_none(path: str) -> None:
    assert not names_id(path)


@pytest.mark.parametrize(("path", "expected"), [("addresses.city", True), ("status.code", False), ("items", False)])
def test_a_list_stands_before_the_last_word(path: str, expected: bool) -> None:
    assert runs_through_list(path) is expected


def test_the_row_that_stands_for_all_is_plain_and_unqualified_where_one_is() -> None:
    rows = [
        make_row("a_id", "Id"),
        make_row("b", "B", '"string"', (Side.SOURCE, "NO", "country")),
        make_row("d", "D"),
        make_row("c", "C"),
    ]
    flow = make_flow(rows=rows)
    lowest = lowest_row(flow, classify_rows(flow))
    assert lowest is not None
    assert lowest.source == "c"


def test_a_flow_without_properties_has_no_lowest_row() -> None:
    assert lowest_row(make_flow(), {}) is None
