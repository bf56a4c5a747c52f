"""Filters are read as the service reads them; what our client writes is understood, whatever the value."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odata_query.grammar import ODataLexer, ODataParser

from talkqa.model.record import Scalar
from talkqa.sandbox.dialects.exactonline.errors import Refusal
from talkqa.sandbox.dialects.exactonline.facts import Kind
from talkqa.sandbox.dialects.exactonline.filters import Filter
from talkqa.systems.edm import Codec, Edm, Version

KINDS = {
    "ID": Kind.GUID,
    "Modified": Kind.DATETIME,
    "Timestamp": Kind.INT64,
    "Name": Kind.STRING,
    "Blocked": Kind.BOOLEAN,
    "Amount": Kind.DOUBLE,
    "AllowMailing": Kind.INT32,
    "IsMailing": Kind.BYTE,
}
ROW = {
    "ID": "6d9c2b1e-0f6a-4a7e-9a55-1f0b7a3c2d10",
    "Modified": 1_767_571_200_123,
    "Timestamp": 900,
    "Name": "  O'Hara & Sons ",
    "Blocked": False,
    "Amount": 12.5,
    "AllowMailing": 1,
    "IsMailing": None,
}


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        ("ID eq guid'6D9C2B1E-0f6a-4a7e-9a55-1f0b7a3c2d10'", True),
        ("Modified ge datetime'2026-01-05T00:00:00.123'", True),
        ("Modified gt datetime'2026-01-05T00:00:00.123'", False),
        ("Modified gt datetime'2026-01-04'", True),
        ("Timestamp gt 899L", True),
        ("Timestamp ge 901L", False),
        ("substringof('hara',Name) eq true", True),
        ("substringof('guid''x''',Name)", False),
        ("startswith(Name,'  o') and endswith(Name,'sons ')", True),
        ("trim(Name) eq 'O''Hara & Sons'", True),
        ("tolower(trim(Name)) eq 'o''hara & sons'", True),
        ("Name eq '  O''HARA & Sons '", True),
        ("Blocked eq false and Amount gt 12.4d", True),
        ("Blocked eq true or Amount lt 12.5", False),
        ("not (Blocked eq true)", True),
        ("AllowMailing eq 1", True),
        ("IsMailing eq null", True),
        ("IsMailing gt 0", False),
        ("trim(Name) ne 'x'", True),
    ],
)
def test_a_row_is_let_through_or_not(text: str, accepted: bool) -> None:
    assert Filter(text, KINDS).accepts(ROW.get) is accepted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Name",
        "Name eq",
        "Foo eq 1",
        "Name eq 1",
        "Name eq Blocked",
        "ID eq 'x'",
        "ID eq guid'12'",
        "Modified eq datetime'soon'",
        "Modified eq 1",
        "Amount eq '1'",
        "Blocked eq 'true'",
        "Name/Inner eq 'x'",
        "length(Name) eq 1",
        "foo(Name) eq 1",
        "Amount add 1 eq 2",
        "Amount in (1,2)",
        "Name eq 'x' xor Name eq 'y'",
    ],
)
def test_what_is_wrong_is_refused_before_any_row_is_looked_at(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        Filter(text, KINDS).accepts(ROW.get) if text != "Name" else Filter("Name eq", KINDS)
    assert refused.value.answer.status == 400


@pytest.mark.parametrize(("text", "begin"), [("Timestamp gt 5L", 6), ("Timestamp ge 5L", 5)])
def test_a_filter_of_a_sync_path_names_a_row_version(text: str, begin: int) -> None:
    assert Filter(text, KINDS).lower_version() == begin


@pytest.mark.parametrize("text", ["Timestamp lt 5L", "Amount gt 5", "Timestamp gt 5L and Blocked eq true"])
def test_a_sync_path_takes_no_other_filter(text: str) -> None:
    with pytest.raises(Refusal):
        Filter(text, KINDS).lower_version()


def _holds(name: str, edm: Edm, value: Scalar, shown: Any) -> bool:
    """Whether a row that shows a value is found by the literal that our client writes for it."""
    literal = Codec(version=Version.V2).literal(value, edm)
    return Filter(f"{name} eq {literal}", KINDS).accepts({**ROW, name: shown}.get)


@given(st.text(max_size=30))
def test_any_text_is_found_by_the_literal_that_our_client_writes(text: str) -> None:
    assert _holds("Name", Edm.TEXT, text, text)
    assert not _holds("Name", Edm.TEXT, text, text + "x")


@given(st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_any_number_is_found_by_the_literal_that_our_client_writes(number: float) -> None:
    assert _holds("Amount", Edm.NUMBER, number, number)
    assert not _holds("Amount", Edm.NUMBER, number, number + max(1.0, abs(number)))


@given(st.uuids(), st.booleans())
def test_any_guid_and_truth_is_found_by_the_literal_that_our_client_writes(key: UUID, truth: bool) -> None:
    assert _holds("ID", Edm.GUID, str(key), str(key))
    assert _holds("Blocked", Edm.BOOLEAN, truth, truth)
    assert _holds("IsMailing", Edm.FLAG, truth, int(truth))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)))
def test_any_time_is_found_by_the_literal_that_our_client_writes(moment: datetime) -> None:
    aware = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    ms = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert _holds("Modified", Edm.DATETIME, aware.isoformat(), ms)
    assert _holds("Modified", Edm.DATE, f"{aware:%Y-%m-%d}", ms - ms % 86_400_000)
    assert not _holds("Modified", Edm.DATETIME, aware.isoformat(), ms + 1)


@given(st.text(max_size=30), st.uuids(), st.integers(-(10**9), 10**9))
def test_version_4_literals_are_read_by_a_parser_that_is_not_ours(text: str, key: UUID, number: int) -> None:
    codec = Codec(version=Version.V4)

    def read(value: Scalar, edm: Edm) -> Any:
        tree = ODataParser().parse(ODataLexer().tokenize(f"x eq {codec.literal(value, edm)}"))
        return tree.right.py_val

    assert read(text, Edm.TEXT) == text
    assert read(str(key), Edm.GUID) == key
    assert read(number, Edm.NUMBER) == number
    assert read("2026-01-05T10:11:12.500Z", Edm.DATETIME) == datetime(2026, 1, 5, 10, 11, 12, 500_000, tzinfo=UTC)
    assert read("2026-01-05", Edm.DATE).isoformat() == "2026-01-05"
    assert read(True, Edm.BOOLEAN) is True
    assert read(None, Edm.TEXT) is None
