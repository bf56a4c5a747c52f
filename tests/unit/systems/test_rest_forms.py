"""Values travel in the API's own forms and come back as they were."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.record import FieldValue
from talkqa.model.rest import AS_IS, RestApi, RestEntity
from talkqa.model.schema import FieldType
from talkqa.systems.rest_forms import ValueForms, moment_of, read_datetime, stamp_of, write_datetime
from tests.unit.systems.tiny_system import entity, field

FORMS = ("iso", "epoch-s", "epoch-ms", "dd.MM.yyyy HH:mm:ss", "yyyyMMddHHmmss", "HH:mm:ss on MM/dd/yyyy (100 %)")
MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, st.sampled_from(FORMS))
def test_a_moment_survives_its_form(moment: datetime, form: str) -> None:
    stamp = stamp_of(moment.replace(microsecond=0))
    assert read_datetime(write_datetime(stamp, form), form) == stamp


@given(MOMENTS, st.sampled_from(["iso", "epoch-s", "epoch-ms"]))
def test_milliseconds_survive_where_there_is_room(moment: datetime, form: str) -> None:
    stamp = stamp_of(moment.replace(microsecond=moment.microsecond // 1000 * 1000))
    assert read_datetime(write_datetime(stamp, form), form) == stamp


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30), st.sampled_from((*FORMS, AS_IS)))
def test_no_value_is_too_odd_to_be_read(value: Any, form: str) -> None:
    """What is not of the form stays as it came; what is becomes a time."""
    told = read_datetime(value, form)
    assert told is value or moment_of(told) is not None


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("2024-05-06T09:08:07+02:00", "iso", "2024-05-06T07:08:07Z"),
        ("2024-05-06 07:08:07", "iso", "2024-05-06T07:08:07Z"),
        ("1714979287", "epoch-s", "2024-05-06T07:08:07Z"),
        (1714979287.5, "epoch-s", "2024-05-06T07:08:07.500Z"),
        (10**20, "epoch-ms", 10**20),
        (float("nan"), "epoch-s", None),
        ("31.02.2024", "dd.MM.yyyy", "31.02.2024"),
        ("06.05.2024", "dd.MM.yyyy", "2024-05-06T00:00:00Z"),
        ("0001-01-01T00:00:00+10:00", "iso", "0001-01-01T00:00:00+10:00"),
        ("x", AS_IS, "x"),
    ],
)
def test_times_are_read(value: Any, form: str, expected: Any) -> None:
    told = read_datetime(value, form)
    assert told == expected or (expected is None and told is value)


def forms(**api: Any) -> ValueForms:
    things = entity(
        "Thing",
        field("due", FieldType.DATE),
        field("price", FieldType.DECIMAL),
        field("count", FieldType.INTEGER),
        field("owner", FieldType.REFERENCE),
        field("lines.product", FieldType.REFERENCE, list_at="lines"),
    )
    return ValueForms(RestApi(**api), things, RestEntity())


@pytest.mark.parametrize(
    ("api", "neutral", "wire"),
    [
        ({"dates": "epoch-ms"}, {"due": "1970-01-02"}, {"due": 86_400_000}),
        ({"dates": "dd.MM.yyyy"}, {"due": "1970-01-02"}, {"due": "02.01.1970"}),
        ({"dates": AS_IS}, {"due": "tomorrow"}, {"due": "tomorrow"}),
        ({"dates": "epoch-s"}, {"due": "tomorrow"}, {"due": "tomorrow"}),
        ({"decimals": "text"}, {"price": 0.00001}, {"price": "0.00001"}),
        ({"decimals": "text"}, {"price": 1200}, {"price": "1200"}),
        ({"ids": "number"}, {"owner": "17"}, {"owner": 17}),
        ({"ids": "number"}, {"owner": "not a number"}, {"owner": "not a number"}),
        ({}, {"owner": None}, {"owner": None}),
    ],
)
def test_values_go_there_and_back(api: dict[str, Any], neutral: dict[str, Any], wire: dict[str, Any]) -> None:
    assert forms(**api).write(neutral) == wire
    assert forms(**api).read(dict(wire)) == neutral


def test_references_may_be_objects() -> None:
    """In lists as well; what they hold beside the id stays apart."""
    told = forms(references="object", ids="number")
    assert told.write({"owner": "1", "lines.product": ("2", None)}) == {
        "owner": {"id": 1},
        "lines.product": ({"id": 2}, None),
    }
    flat: dict[str, FieldValue] = {"owner.id": 1, "owner.name": "Ada", "lines.product.id": (2, None)}
    assert told.read(flat) == {"owner": "1", "owner.name": "Ada", "lines.product": ("2", None)}


def test_numbers_as_texts_become_numbers() -> None:
    assert forms().read({"count": "12", "price": "12.50"}) == {"count": 12, "price": 12.5}
    assert forms().read({"count": "many", "price": "NaN"}) == {"count": "many", "price": "NaN"}


def test_an_iso_date_may_come_with_a_time() -> None:
    assert forms().read({"due": "2024-05-06T23:00:00-05:00"}) == {"due": "2024-05-06"}
