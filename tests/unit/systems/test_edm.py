"""Values pass between records and OData without change of meaning."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.record import Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.edm import Codec, Edm, Version, edm_of, is_guid, iso_of_ms, moment_of_ms, quote_text

V2, V4 = Codec(version=Version.V2), Codec(version=Version.V4)
GUID = "6d9c2b1e-0f6a-4a7e-9a55-1f0b7a3c2d10"


@pytest.mark.parametrize(
    ("edm", "value", "read"),
    [
        (Edm.TEXT, "  as it came ", "  as it came "),
        (Edm.TEXT, 42, "42"),
        (Edm.TEXT, 4.5, "4.5"),
        (Edm.TEXT, True, True),
        (Edm.TEXT, {"__deferred": {}}, None),
        (Edm.GUID, GUID.upper(), GUID),
        (Edm.CODE, 20, "20"),
        (Edm.CODE, 20.0, "20"),
        (Edm.NUMBER, "8123456789", 8_123_456_789),
        (Edm.NUMBER, "-1.5", -1.5),
        (Edm.NUMBER, "many", "many"),
        (Edm.NUMBER, 12.5, 12.5),
        (Edm.FLAG, 1, True),
        (Edm.FLAG, 0, False),
        (Edm.FLAG, "true", True),
        (Edm.BOOLEAN, 1, True),
        (Edm.BOOLEAN, False, False),
        (Edm.BOOLEAN, "maybe", "maybe"),
        (Edm.DATE, "/Date(1767571200000)/", "2026-01-05"),
        (Edm.DATE, "/Date(1767571200000+0100)/", "2026-01-05"),
        (Edm.DATE, "2026-01-05", "2026-01-05"),
        (Edm.DATE, "2026-01-05T00:00:00", "2026-01-05"),
        (Edm.DATE, "soon", "soon"),
        (Edm.DATE, ["x"], None),
        (Edm.DATETIME, "/Date(-1)/", "1969-12-31T23:59:59.999Z"),
        (Edm.DATETIME, "2026-01-05T01:00:00+01:00", "2026-01-05T00:00:00Z"),
        (Edm.DATETIME, None, None),
    ],
)
def test_values_are_read_as_their_kind(edm: Edm, value: object, read: Scalar) -> None:
    assert V2.read(value, edm) == read


@pytest.mark.parametrize(
    ("edm", "value", "old", "new"),
    [
        (Edm.FLAG, True, 1, 1),
        (Edm.FLAG, "x", "x", "x"),
        (Edm.CODE, "20", 20, 20),
        (Edm.CODE, "x", "x", "x"),
        (Edm.BOOLEAN, True, True, True),
        (Edm.DATE, "2026-01-05", "2026-01-05T00:00:00", "2026-01-05"),
        (Edm.DATE, "soon", "soon", "soon"),
        (Edm.DATETIME, "2026-01-05T10:00:00+02:00", "2026-01-05T08:00:00", "2026-01-05T08:00:00Z"),
        (Edm.DATETIME, "2026-01-05T10:00:00.5Z", "2026-01-05T10:00:00.500", "2026-01-05T10:00:00.500Z"),
        (Edm.DATETIME, None, None, None),
    ],
)
def test_values_are_written_as_each_generation_wants_them(edm: Edm, value: Scalar, old: Scalar, new: Scalar) -> None:
    assert (V2.write(value, edm), V4.write(value, edm)) == (old, new)


@pytest.mark.parametrize(
    ("edm", "value", "old", "new"),
    [
        (Edm.TEXT, "O'Hara", "'O''Hara'", "'O''Hara'"),
        (Edm.TEXT, None, "null", "null"),
        (Edm.GUID, GUID, f"guid'{GUID}'", GUID),
        (Edm.GUID, "no guid", "'no guid'", "'no guid'"),
        (Edm.NUMBER, 12.5, "12.5", "12.5"),
        (Edm.BOOLEAN, True, "true", "true"),
        (Edm.FLAG, False, "0", "0"),
        (Edm.CODE, "2", "2", "2"),
        (Edm.DATE, "2026-01-05", "datetime'2026-01-05T00:00:00'", "2026-01-05"),
        (Edm.DATETIME, "2026-01-05T10:00:00Z", "datetime'2026-01-05T10:00:00'", "2026-01-05T10:00:00Z"),
        (Edm.DATETIME, "soon", "'soon'", "'soon'"),
    ],
)
def test_literals_are_written_as_each_generation_wants_them(edm: Edm, value: Scalar, old: str, new: str) -> None:
    assert (V2.literal(value, edm), V4.literal(value, edm)) == (old, new)


def test_times_that_a_server_tells_ahead_of_utc_are_shifted_and_dates_are_not() -> None:
    ahead = Codec(version=Version.V2, offset_ms=3_600_000)
    assert ahead.read("/Date(1767574800000)/", Edm.DATETIME) == "2026-01-05T00:00:00Z"
    assert ahead.read("/Date(1767571200000)/", Edm.DATE) == "2026-01-05"
    assert ahead.write("2026-01-05T00:00:00Z", Edm.DATETIME) == "2026-01-05T01:00:00"
    assert ahead.write("2026-01-05", Edm.DATE) == "2026-01-05T00:00:00"
    assert ahead.stamp_literal(1_767_574_800_000) == "datetime'2026-01-05T01:00:00'"


@given(st.integers(-2_000_000_000_000, 4_000_000_000_000))
def test_milliseconds_survive_reading(ms: int) -> None:
    told = f"/Date({ms})/"
    text = V2.read(told, Edm.DATETIME)
    assert isinstance(text, str)
    assert V2.stamp_ms(text) == V2.stamp_ms(told) == ms
    assert datetime.fromisoformat(text) == moment_of_ms(ms)


@given(st.dates())
def test_dates_survive_writing_and_reading(day: object) -> None:
    text = f"{day}"
    for codec in (V2, V4):
        assert codec.read(codec.write(text, Edm.DATE), Edm.DATE) == text


@given(
    st.text() | st.integers() | st.none() | st.booleans() | st.floats() | st.lists(st.integers()), st.sampled_from(Edm)
)
def test_whatever_an_answer_holds_is_read_without_a_fall(value: object, edm: Edm) -> None:
    read = V2.read(value, edm)
    assert read is None or isinstance(read, str | int | float | bool)


@given(st.text())
def test_a_quoted_text_holds_no_single_quote_alone(text: str) -> None:
    quoted = quote_text(text)
    assert quoted[1:-1].replace("''", "").count("'") == 0


def test_stamps_beyond_what_a_date_holds_become_its_edges() -> None:
    assert iso_of_ms(10**17).startswith("9999-12-31")
    assert iso_of_ms(-(10**17)).startswith("0001-01-01")
    assert moment_of_ms(None) is None
    assert moment_of_ms(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert V2.stamp_ms(5) is None
    assert V2.stamp_ms("soon enough") is None


def test_the_type_of_a_field_tells_how_its_values_are_written() -> None:
    def edm(kind: FieldType, *picklist: str) -> Edm:
        return edm_of(FieldSchema(path="x", type=kind, picklist=picklist))

    assert edm(FieldType.PICKLIST, "1", "20") is Edm.CODE
    assert edm(FieldType.PICKLIST, "1", "A") is Edm.TEXT
    assert edm(FieldType.PICKLIST) is Edm.TEXT
    assert edm(FieldType.DECIMAL) is Edm.NUMBER
    assert edm(FieldType.OPAQUE) is Edm.OPAQUE
    assert edm(FieldType.EMAIL) is Edm.TEXT
    assert is_guid(GUID)
    assert not is_guid(GUID[:-1])
