"""What is read and what is written of Wave's entities, both ways."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.schema import EntitySchema, FieldSchema, FieldType
from talkqa.systems.wave_shapes import WaveShape, before, ordered, write_steps
from tests.unit.sandbox.wave_kit import wave_schema

DECIMALS = st.decimals(min_value=-(10**9), max_value=10**9, places=5, allow_nan=False)


def shape(name: str) -> WaveShape:
    entity = wave_schema().entity(name)
    assert entity is not None
    return WaveShape(entity)


@pytest.mark.parametrize("name", [entity.name for entity in wave_schema().entities])
def test_every_place_in_an_input_leads_back_to_its_field(name: str) -> None:
    known = shape(name)
    for item in known.entity.fields:
        if item.createable or item.updateable:
            assert known.field_named(write_steps(item)) == item.path


@pytest.mark.parametrize(
    ("entity", "names", "path"),
    [
        ("Customer", ("address.countryCode", "ADDRESS.COUNTRY", "address.country.code"), "address.country.code"),
        ("Customer", ("shippingDetails.address.provinceCode",), "shippingDetails.address.province.code"),
        ("Customer", ("currency", "businessId"), None),
        ("Invoice", ("customerId", "customer"), "customer.id"),
        ("Invoice", ("items.productId", "items.product"), "items.product.id"),
        ("Product", ("incomeAccountId",), "incomeAccount.id"),
        ("Product", ("defaultSalesTaxIds",), "defaultSalesTaxes.id"),
        ("Account", ("subtype",), "subtype.value"),
    ],
)
def test_documents_may_name_either_and_one_field_answers(entity: str, names: tuple[str, ...], path: str | None) -> None:
    """The harness sees one field where read and written names are two."""
    known = wave_schema().entity(entity)
    assert known is not None
    found = {field.path for name in names if (field := known.field(name)) is not None}
    assert found == ({path} if path else {"currency.code", "business.id"})


@given(DECIMALS)
def test_decimals_are_numbers_here_and_text_there(value: Any) -> None:
    known = shape("Product")
    record = known.record("Wave", {"id": "x", "unitPrice": str(value)})
    assert record.values["unitPrice"] == pytest.approx(float(value))
    assert isinstance(record.values["unitPrice"], int) == (value == value.to_integral_value())
    sent = known.compose({"unitPrice": float(value)})["unitPrice"]
    assert isinstance(sent, str)
    assert "e" not in sent.lower()
    assert float(sent) == pytest.approx(float(value))


@pytest.mark.parametrize(
    ("path", "wire", "value"),
    [
        ("total.value", {"total": {"value": "1,234.50"}}, 1234.5),
        ("total.value", {"total": {"value": "much"}}, None),
        ("exchangeRate", {"exchangeRate": "NaN"}, None),
        ("memo", {"memo": ""}, None),
        ("hideName", {"hideName": False}, False),
        ("customer.id", {"customer": None}, None),
        ("lastSentAt", {"lastSentAt": "2026-01-05T10:30:12.345+01:00"}, "2026-01-05T09:30:12.345Z"),
        ("lastSentAt", {"lastSentAt": "2026-01-05T09:30:12"}, "2026-01-05T09:30:12Z"),
        ("lastSentAt", {"lastSentAt": "soon"}, "soon"),
        ("lastSentAt", {"lastSentAt": 7}, None),
        ("title", {"title": {"odd": 1}}, None),
        ("items.quantity", {"items": None}, ()),
        ("items.quantity", {"items": [{"quantity": "2.0"}, {}]}, (None, 2)),
    ],
)
def test_what_an_answer_holds_becomes_a_neutral_value(path: str, wire: dict[str, Any], value: Any) -> None:
    assert shape("Invoice").record("Wave", {"id": "x", **wire}).values[path] == value


def test_stamps_compare_as_texts() -> None:
    known = shape("Customer")
    stamps = [
        known.stamp_of({"modifiedAt": text}) for text in ("2026-01-05T09:30:12Z", "2026-01-05T09:30:12.100Z", None)
    ]
    assert stamps == ["2026-01-05T09:30:12.000Z", "2026-01-05T09:30:12.100Z", None]
    assert before("2026-01-05T09:30:12.100Z", 1.0) == "2026-01-05T09:30:11.100Z"


@given(st.permutations([1, 2, 3, 4]))
def test_the_order_of_items_says_nothing(order: list[int]) -> None:
    items = [{"product": {"id": "p"}, "description": None, "quantity": str(n * 10), "unitPrice": "x"} for n in order]
    assert [item["quantity"] for item in ordered({"items": items})["items"]] == ["10", "20", "30", "40"]


def test_an_address_is_sent_whole_and_nothing_else_is() -> None:
    node = {
        "name": "Ada",
        "address": {"city": "Delft", "postalCode": "", "country": {"code": "NL", "name": "Netherlands"}},
        "shippingDetails": {"phone": "1", "address": {"city": "Leiden"}},
    }
    known = shape("Customer")
    assert known.compose({"address.city": "Gouda"}, node) == {"address": {"city": "Gouda", "countryCode": "NL"}}
    assert known.compose({"shippingDetails.address.city": None}, node) == {
        "shippingDetails": {"phone": "1", "address": {"city": None}}
    }
    assert known.compose({"email": "a@x.example"}, node) == {"email": "a@x.example"}
    assert known.needs_current({"address.city": 1})
    assert not known.needs_current({"email": 1, "currency.code": 1, "unknown": 1})


def test_items_are_sent_whole_with_their_taxes() -> None:
    tax = {"salesTax": {"id": "t"}}
    node = {
        "items": [
            {"product": {"id": "p"}, "quantity": "1.5", "unitPrice": "2", "description": None, "taxes": [tax]},
            {"product": {"id": "q"}, "quantity": "1", "taxes": []},
        ]
    }
    known = shape("Invoice")
    assert known.compose({"items.quantity": 3}, node) == {
        "items": [
            {"productId": "p", "quantity": "3", "unitPrice": "2", "taxes": [{"salesTaxId": "t"}]},
            {"productId": "q", "quantity": "1", "taxes": []},
        ]
    }
    assert known.compose({"items.product.id": ("p", "q"), "items.quantity": (1, None)}) == {
        "items": [{"productId": "p", "quantity": "1"}, {"productId": "q", "quantity": None}]
    }
    assert known.compose({"items.description": None}, node)["items"][0]["description"] is None


def test_a_path_that_nobody_knows_is_sent_as_it_is() -> None:
    """The refusal of the system says so better than silence would."""
    assert shape("Customer").compose({"planet.code": "M"}) == {"planet": {"code": "M"}}
    nobody = WaveShape(EntitySchema(name="Vendor", fields=(FieldSchema(path="id", type=FieldType.ID),)))
    assert (nobody.facts.single, nobody.facts.plural, nobody.selection) == ("vendor", "vendors", "id")


def test_equal_writes_are_equal_to_the_byte() -> None:
    """What is sent is told by what is written, not by the accidents of a process: else no run could be repeated."""
    tops = [f"part{number}" for number in range(8)]
    fields = [FieldSchema(path=f"{top}.{leaf}", type=FieldType.STRING) for top in tops for leaf in ("one", "other")]
    known = WaveShape(EntitySchema(name="Widget", fields=tuple(fields)))
    node = {top: {"one": "1", "other": "2"} for top in tops}
    sent = known.compose({f"{top}.one": "new" for top in tops}, node)
    assert list(sent) == tops
