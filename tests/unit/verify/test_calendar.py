"""Tests of `talkqa.verify.dtl.calendar` and `talkqa.verify.moments`."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.verify.dtl import calendar
from talkqa.verify.moments import read_moment

TIMES = st.datetimes(datetime(1600, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC))
SPANS = ["week", "day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond"]


@given(at=TIMES)
def test_what_is_written_is_read_back(at: datetime) -> None:
    """Writing and reading in a full format are inverse."""
    pattern = "%d.%m.%Y %H:%M:%S.%f 100%%"
    text = calendar.write(at, pattern, "UTC")
    assert text is not None
    assert calendar.read(text, pattern, "UTC") == at


def test_hours_of_twelve_need_the_half_of_the_day() -> None:
    """Midnight is 12 am, noon is 12 pm; without am or pm an hour is not known."""
    for text, hour in (("12 am", 0), ("01 AM", 1), ("12 pm", 12), ("11 pm", 23)):
        assert calendar.read(f"2024-05-06 {text}", "%Y-%m-%d %I %p", "UTC") == datetime(2024, 5, 6, hour, tzinfo=UTC)
    assert calendar.read("2024-05-06 11", "%Y-%m-%d %I", "UTC") is None
    assert calendar.read("2024-05-06 13 pm", "%Y-%m-%d %I %p", "UTC") is None
    assert calendar.read("2024-05-06 pm", "%Y-%m-%d %p", "UTC") is None
    assert calendar.write(datetime(2024, 5, 6, 13, tzinfo=UTC), "%I:%M", "UTC") == "01:00"


def test_years_of_two_digits_are_of_this_century_up_to_68() -> None:
    """As POSIX has it."""
    for text, year in (("68", 2068), ("69", 1969)):
        assert calendar.read(f"06.05.{text}", "%d.%m.%y", "UTC") == datetime(year, 5, 6, tzinfo=UTC)
    assert calendar.write(datetime(2004, 5, 6, tzinfo=UTC), "%y", "UTC") == "04"


def test_an_offset_in_the_text_beats_the_zone() -> None:
    """`%z` is where the text says it was."""
    pattern = "%Y-%m-%d %H:%M %z"
    assert calendar.read("2024-05-06 10:00 -01:30", pattern, "Europe/Oslo") == datetime(2024, 5, 6, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("pattern", ["%Y %Y", "%Q", "%"])
def test_a_format_that_makes_no_sense_reads_nothing(pattern: str) -> None:
    """A token twice, unknown or torn."""
    assert calendar.read("2024 2024", pattern, "UTC") is None


def test_an_unknown_zone_reads_and_writes_nothing() -> None:
    """A slip in a document is not UTC."""
    assert calendar.read("2024-05-06", "%Y-%m-%d", "../etc") is None
    assert calendar.write(datetime(2024, 5, 6, tzinfo=UTC), "%Y", "Nowhere") is None


@given(start=TIMES, end=TIMES, part=st.sampled_from(SPANS))
def test_a_difference_is_cut_towards_zero_and_changes_sign_with_its_ends(
    start: datetime, end: datetime, part: str
) -> None:
    """As the reference: plus or minus 8 days are one week."""
    there, back = calendar.difference(part, start, end), calendar.difference(part, end, start)
    assert there is not None
    assert back == -there
    assert (there > 0) <= (start > end)


@pytest.mark.parametrize(
    ("part", "start", "end", "expected"),
    [
        ("week", "2024-05-09", "2024-05-01", 1),
        ("month", "2024-05-09", "2023-06-10", 10),
        ("year", "2024-05-09", "2023-06-10", 0),
        ("year", "2023-06-10", "2024-06-10", -1),
        ("month", "2024-05-10T09:00:00Z", "2024-04-10T10:00:00Z", 0),
        ("nanosecond", "2024-05-10T00:00:01Z", "2024-05-10", 1_000_000_000),
    ],
)
def test_whole_parts_are_counted(part: str, start: str, end: str, expected: int) -> None:
    """A part that is not full does not count."""
    first, second = read_moment(start), read_moment(end)
    assert first is not None
    assert second is not None
    assert calendar.difference(part, first.at, second.at) == expected


@given(at=TIMES, minutes=st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_the_same_in_every_zone(at: datetime, minutes: int) -> None:
    """However a system writes its offset."""
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    local = (at + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat(timespec="microseconds")
    for offset in (f"{sign}{size // 60:02}:{size % 60:02}", f"{sign}{size // 60:02}{size % 60:02}"):
        read = read_moment(local + offset)
        assert read is not None
        assert read.at == at
        assert read.zoned


@pytest.mark.parametrize(
    "text", ["", "2024", "2024-13-01", "01.02.2024", "2024-02-30", "2024-01-01T25:00:00Z", "9999-12-31T23:00:00-02:00"]
)
def test_what_is_no_iso_date_is_no_moment(text: str) -> None:
    """Other notations have more than one reading."""
    assert read_moment(text) is None


def test_a_moment_knows_how_it_was_written() -> None:
    """Date alone, zone, and digits of the second decide how it is compared."""
    date, naive, fine = (read_moment(t) for t in ("2024-05-06", "2024-05-06 10:11", "2024-05-06T10:11:12.1234567Z"))
    assert date is not None and naive is not None and fine is not None  # noqa: PT018 - narrowing, not a test
    assert (date.dated, date.zoned, date.day.isoformat()) == (True, False, "2024-05-06")
    assert (naive.dated, naive.zoned, naive.digits) == (False, False, 0)
    assert (fine.zoned, fine.digits, fine.at.microsecond) == (True, 6, 123456)
