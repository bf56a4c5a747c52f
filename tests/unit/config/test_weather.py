"""The sandbox's weather as people write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.config.values import Wrong
from talkqa.config.weather import WEATHERS, read_weather, write_weather
from talkqa.model.settings import Weather

SHARES = st.integers(0, 1000).map(lambda number: number / 1000)
SECONDS = st.integers(0, 99_999).map(lambda number: number / 100)
SKIES = st.builds(
    Weather,
    api_delay_s=SECONDS,
    refused=SHARES,
    failed=SHARES,
    lost=SHARES,
    skew_s=SECONDS,
    engine_delay_s=SECONDS,
    reordered=st.booleans(),
    engine_only=st.booleans(),
)


@given(SKIES)
def test_what_is_written_is_read_again(sky: Weather) -> None:
    assert read_weather(write_weather(sky)) == sky


@pytest.mark.parametrize("name", WEATHERS)
def test_a_weather_has_a_name(name: str) -> None:
    assert write_weather(read_weather(name)) == name


def test_a_table_and_a_text_say_the_same() -> None:
    """`[sandbox] weather` takes either."""
    wanted = Weather(refused=0.05, skew_s=4.0, reordered=True)
    assert read_weather({"refused": 0.05, "skew_s": 4, "reordered": True}) == wanted
    assert read_weather("refused=0.05, skew_s=4 reordered=1") == wanted


@pytest.mark.parametrize(
    "wrong",
    [
        "sunny", "", "refused", "refused=much", "refused=1.5", "lost=-0.1", "api_delay_s=-1", "skew_s=nan",
        "failed=inf", "reordered=2", "wind=3", 7, True, None, {}, {"refused": "0.1"}, {"refused": True}, ["rough"],
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_would_be_right(wrong: object) -> None:
    with pytest.raises(Wrong, match="must"):
        read_weather(wrong)
