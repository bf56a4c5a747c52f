"""Headers that speak of waiting are read in every form that is known; what cannot be read counts as not said."""

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.transport.rates import Rate, read_rates, read_retry_after

NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())


def test_exact_online_tells_of_its_minute_and_its_day_in_milliseconds_since_1970() -> None:
    headers = httpx.Headers(
        {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "4321",
            "X-RateLimit-Reset": str((NOW_S + 43_200) * 1000),
            "X-RateLimit-Minutely-Remaining": "0",
            "X-RateLimit-Minutely-Reset": str(NOW_S * 1000 + 20_500),
        }
    )
    assert read_rates(headers, NOW) == (
        Rate(name="x-ratelimit-minutely", left=0, reset_in_s=20.5),
        Rate(name="x-ratelimit", left=4321, reset_in_s=43_200),
    )


def test_salesforce_tells_what_was_used_and_never_less_than_nothing_is_left() -> None:
    told = {"sforce-limit-info": "api-usage=113/15000; per-app-api-usage=17/250(appName=sample)"}
    assert read_rates(told, NOW) == (Rate(name="sforce-limit-info", left=14_887),)
    assert read_rates({"sforce-limit-info": "api-usage=15003/15000"}, NOW)[0].left == 0


@pytest.mark.parametrize("reset", ["30", str(NOW_S + 30), f"{NOW_S * 1000 + 30_000}"])
def test_a_reset_is_a_number_of_seconds_or_a_moment(reset: str) -> None:
    told = {"ratelimit-remaining": "3", "ratelimit-reset": reset}
    assert read_rates(told, NOW) == (Rate(name="ratelimit", left=3, reset_in_s=30),)


def test_the_answers_own_clock_goes_before_ours() -> None:
    said = {"date": "Tue, 01 Jan 2030 11:00:00 GMT"}
    moment = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW_S - 3600 + 30)}
    assert read_rates({**said, **moment}, NOW)[0].reset_in_s == 30
    assert read_retry_after({**said, "retry-after": "Tue, 01 Jan 2030 11:00:07 GMT"}, NOW) == 7


def test_retry_after_is_a_number_or_a_date_and_never_in_the_past() -> None:
    assert read_retry_after({"retry-after": " 12 "}, NOW) == 12
    assert read_retry_after({"retry-after": "1.5"}, NOW) == 1.5
    assert read_retry_after({"retry-after": "Tue, 01 Jan 2030 12:00:09 GMT"}, NOW) == 9
    assert read_retry_after({"retry-after": "Tue, 01 Jan 2030 12:00:09 -0000"}, NOW) == 9
    assert read_retry_after({"retry-after": "Tue, 01 Jan 2019 00:00:00 GMT"}, NOW) == 0
    assert read_retry_after({}, NOW) is None


@pytest.mark.parametrize("text", ["", "soon", "-5", "1e9", "9" * 40, "Tue, 99 Jan 2030 12:00:09 GMT", "٣"])
def test_what_cannot_be_read_counts_as_not_said(text: str) -> None:
    assert read_retry_after({"retry-after": text}, NOW) is None
    assert read_rates({"x-ratelimit-remaining": text, "sforce-limit-info": text}, NOW) == ()
    left = read_rates({"x-ratelimit-remaining": "1", "x-ratelimit-reset": text}, NOW)
    assert left == (Rate(name="x-ratelimit", left=1, reset_in_s=None),)


@given(
    st.dictionaries(st.sampled_from(["retry-after", "date", "x-ratelimit-remaining", "x-ratelimit-reset"]), st.text())
)
def test_no_header_breaks_anything(headers: dict[str, str]) -> None:
    waits = [read_retry_after(headers, NOW), *(rate.reset_in_s for rate in read_rates(headers, NOW))]
    assert all(wait is None or wait >= 0 for wait in waits)
