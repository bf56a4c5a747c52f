"""Cursors and the log of deletions lose nothing, repeat little, and take anything that an answer holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.systems.edm import Codec, Version
from talkqa.systems.exactonline.facts import ENDPOINTS, read_metadata
from talkqa.systems.exactonline.feed import Cursor, DeletionLog, first_cursor, version_of

CODEC = Codec(version=Version.V2)
NUMBERS = st.integers(-(10**14), 10**14)


@given(st.sampled_from("mt"), NUMBERS, NUMBERS, NUMBERS)
def test_a_cursor_survives_being_written(kind: str, since: int, latest: int, deleted: int) -> None:
    cursor = Cursor(kind=kind, since=since, latest=latest, deleted=deleted)
    assert Cursor.read(cursor.write()) == cursor


@given(st.text(max_size=20))
def test_anything_else_is_no_cursor(text: str) -> None:
    cursor = Cursor.read(text)
    assert cursor is None or Cursor.read(cursor.write()) == cursor


@given(st.lists(st.none() | st.integers(0, 10**6), min_size=1, max_size=8))
def test_a_reading_asks_from_what_the_one_before_the_last_had_seen(readings: list[int | None]) -> None:
    cursor = Cursor(kind="m", since=0, latest=0, deleted=1)
    latest = [0]
    for newest in readings:
        cursor = cursor.after(newest, 1)
        assert cursor.since == latest[-1]
        latest.append(max(latest[-1], newest or 0))
        assert cursor.latest == latest[-1]


def test_the_first_cursor_lies_before_the_newest_stamp_or_the_servers_clock() -> None:
    assert first_cursor(None, None, 1) is None
    seen, told = first_cursor(100_000, 500_000, 7), first_cursor(None, 500_000, 7)
    assert seen is not None
    assert told is not None
    assert (seen.since, seen.latest, seen.deleted) == (40_000, 100_000, 7)
    assert (told.since, told.latest) == (440_000, 440_000)


def _row(version: Any, kind: int = 2, key: Any = "K1") -> dict[str, Any]:
    return {"Timestamp": version, "EntityType": kind, "EntityKey": key, "DeletedDate": "/Date(5)/", "DeletedBy": "U"}


def test_deletions_are_told_by_kind_after_a_row_version_and_read_from_the_reading_before_the_last() -> None:
    log = DeletionLog(begin=10)
    assert log.before == 10
    log.add([_row("12"), _row(14, kind=5), _row(13, key="K2")], CODEC)
    assert (log.before, log.newest, log.readings) == (10, 14, 1)
    told = log.take("Accounts", frozenset({2}), 10)
    assert [(one.version, one.id, one.at_ms, one.user) for one in told] == [(12, "k1", 5, "U"), (13, "k2", 5, "U")]
    assert log.take("Accounts", frozenset({2}), 12) == told[1:]
    log.add([], CODEC)
    assert (log.before, log.newest) == (14, 14)


def test_what_another_entity_has_read_meanwhile_is_fresh() -> None:
    log = DeletionLog(begin=1)
    assert not log.is_fresh("A")
    log.add([], CODEC)
    log.take("A", frozenset(), 1)
    assert (log.is_fresh("A"), log.is_fresh("B")) == (False, True)
    log.skip("B")
    assert not log.is_fresh("B")


def test_rows_that_cannot_be_read_are_left_out() -> None:
    log = DeletionLog(begin=1)
    log.add([{}, _row("x"), _row(True), _row(5, key=None), {"Timestamp": 9, "EntityKey": "k"}], CODEC)
    assert log.take("A", frozenset({2}), 0) == ()
    assert version_of({"Timestamp": "-5"}) == -5
    assert version_of({}) is None


def test_each_endpoint_says_how_its_rights_and_its_description_are_asked_for() -> None:
    told = {name: (one.right, one.service) for name, one in ENDPOINTS.items()}
    assert told["salesorders"] == ("SalesOrder/SalesOrders", "salesorder")
    assert told["items"] == ("Logistics/Items", "logistics")
    assert told["quotations"] == ("CRM/Quotations", "crm")


EDMX = """
<Schema><EntityType Name="Item" a='b'><Key><PropertyRef Name="ID"/></Key>
<Property Name="ID" Type="Edm.Guid"/><Property MaxLength="30" Name="Code"/><Property Name="A&amp;B" MaxLength="max"/>
<NavigationProperty Name="Lines"/><Property Type="x"/></EntityType>
<EntityType Name="Other"><Property Name="Foo"/></EntityType>
<EntitySet Name="Items" EntityType="Exact.Web.Api.Models.Item"/></Schema>
"""


def test_a_description_tells_names_and_lengths() -> None:
    assert read_metadata(EDMX, "Items") == {"id": None, "code": 30, "a&b": None, "lines": None}
    assert read_metadata(EDMX, "Other") == {"foo": None}
    assert read_metadata(EDMX, "Unknown") is None


@given(st.text(alphabet='<>/="EntityTypeSetNamProp \n', max_size=300))
def test_any_description_is_read_without_a_fall(text: str) -> None:
    assert read_metadata(text, "Items") is None or isinstance(read_metadata(text, "Items"), dict)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_paths_are_below_the_division(name: str) -> None:
    assert not ENDPOINTS[name].path.startswith("/")
    assert ENDPOINTS[name].sync.startswith("sync/")
