"""What goes on around the tests and the engine: calls that are slow, refused or lost, and clocks that differ."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from talkqa.model.settings import SandboxSettings, Weather
from talkqa.sandbox.weather import BURST_S, Forecast, Lot, Pace, SkewedClock
from talkqa.sandbox.world import SandboxWorld
from tests.fakes.clock import FakeClock
from tests.unit.sandbox.kit import SCHEMAS, VirtualClock

CALLS = range(4000)


def lots(weather: Weather, *, seed: int = 1, writes: bool = True, signs_in: bool = False) -> list[Lot]:
    """What befalls four calls a second, each another one."""
    forecast = Forecast(weather, system="CRM", seed=seed)
    return [forecast.befall("GET", n, at_s=n / 4, writes=writes, signs_in=signs_in) for n in CALLS]


def test_a_calm_sky_does_nothing() -> None:
    assert set(lots(Weather())) == {Lot()}


@pytest.mark.parametrize(("kind", "statuses"), [("refused", {429}), ("failed", {500, 502, 503})])
def test_about_that_share_of_the_calls_is_answered_so_and_in_bursts(kind: str, statuses: set[int]) -> None:
    found = lots(Weather(**{kind: 0.1}))
    hit = [n for n in CALLS if found[n].status]
    assert {found[n].status for n in hit} == statuses
    assert 0.05 < len(hit) / len(CALLS) < 0.17
    bursts = {int(n / 4 // BURST_S) for n in hit}
    assert len(bursts) < 0.3 * len(CALLS) / 4 / BURST_S, "most of the time nothing happens"
    assert len(hit) > 5 * len(bursts), "and where it does, it does so often"


def test_some_refusals_say_when_to_come_back_and_some_do_not() -> None:
    told = {lot.retry_after_s for lot in lots(Weather(refused=0.2)) if lot.status == 429}
    assert None in told
    assert {1, 2, 3, 4, 5} <= told


def test_answers_are_lost_of_writes_alone_and_never_of_sign_ins() -> None:
    """A lost read loses nothing; a lost token would end a chain of tokens that no client can mend."""
    sky = Weather(lost=0.1)
    lost = [lot.lost_after_s for lot in lots(sky) if lot.lost_after_s is not None]
    assert 0.07 < len(lost) / len(CALLS) < 0.13
    assert {0.0, 20.0} == set(lost), "some connections break at once, some answers are waited for"
    assert all(lot.lost_after_s is None for lot in lots(sky, writes=False))
    assert all(lot.lost_after_s is None for lot in lots(sky, signs_in=True))


def test_delays_lie_before_and_after_what_is_done() -> None:
    found = lots(Weather(api_delay_s=6.0))
    assert all(0 <= lot.before_s + lot.after_s < 6.0 for lot in found)
    assert any(lot.before_s > 3 for lot in found)
    assert any(lot.after_s > 3 for lot in found)


@given(st.integers(0, 1000), st.lists(st.tuples(st.text(max_size=5), st.floats(0, 500)), max_size=8))
def test_what_befalls_a_call_depends_on_no_other_call(seed: int, others: list[tuple[str, float]]) -> None:
    sky = Weather(api_delay_s=3, refused=0.3, failed=0.2, lost=0.2)
    alone, busy = (Forecast(sky, system="CRM", seed=seed) for _ in range(2))
    for key, at_s in others:
        busy.befall(key, at_s=at_s, writes=True, signs_in=False)
    asked = {"at_s": 77.0, "writes": True, "signs_in": False}
    assert busy.befall("PATCH", "1", **asked) == alone.befall("PATCH", "1", **asked)


def test_two_clocks_are_apart_by_the_skew_at_most_and_each_seed_sets_them_anew() -> None:
    sky = Weather(skew_s=10.0)
    pairs = [tuple(Forecast(sky, system=system, seed=seed).ahead_s for system in ("CRM", "ERP")) for seed in range(200)]
    assert all(abs(one - other) <= 10.0 for one, other in pairs)
    assert any(abs(one - other) > 5.0 for one, other in pairs)
    assert len(set(pairs)) == 200


def test_a_skewed_clock_shows_another_time_and_passes_as_fast() -> None:
    clock = FakeClock()
    skewed = SkewedClock(clock, -4.0)
    before = skewed.stamp()
    trio.run(skewed.sleep, 3.0)
    assert skewed.now() == clock.now() == 3.0
    assert skewed.stamp() - before == timedelta(seconds=3)
    assert clock.stamp() - skewed.stamp() == timedelta(seconds=4)


def test_an_engine_in_a_hurry_waits_for_nothing_and_keeps_the_order() -> None:
    pace = Pace(Weather(), seed=3)
    assert not pace.waits
    assert pace.wait_s("a") == 0
    assert pace.order(["c", "a", "b"]) == ("c", "a", "b")


def test_a_dawdling_engine_waits_up_to_a_bound_and_works_in_another_order() -> None:
    pace = Pace(Weather(engine_delay_s=9.0, reordered=True), seed=3)
    waits = [pace.wait_s("Contact", str(n)) for n in range(300)]
    assert 8 < max(waits) < 9
    assert min(waits) < 1
    ids = [str(n) for n in range(30)]
    assert sorted(pace.order(ids), key=int) == ids
    assert list(pace.order(ids)) != ids


def speak(
    story: Callable[[SandboxWorld, httpx.AsyncClient], Awaitable[Any]], sky: Weather, user: str = "harness"
) -> Any:
    """Run a story as a user of an emulated system, on virtual time."""

    async def main() -> Any:
        world = SandboxWorld(flows=(), schemas=SCHEMAS, clock=VirtualClock(), settings=SandboxSettings(weather=sky))
        account = world.account("Bakery", user)
        signed = {"authorization": f"Bearer {account.auth.token}"}
        http = httpx.AsyncClient(base_url=account.url, transport=world.transport("Bakery", user), headers=signed)
        async with http:
            return await story(world, http)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_call_that_is_refused_or_fails_was_not_done() -> None:
    async def story(world: SandboxWorld, http: httpx.AsyncClient) -> tuple[int, int]:
        heard: list[object] = []
        world.listen(lambda *change: heard.append(change))
        return (await http.post("/Customer", json={"name": "Ada"})).status_code, len(heard)

    assert speak(story, Weather(refused=1.0)) == (429, 0)
    status, written = speak(story, Weather(failed=1.0))
    assert (status // 100, written) == (5, 0)
    assert speak(story, Weather()) == (201, 1)


def test_a_write_whose_answer_is_lost_was_done() -> None:
    async def story(world: SandboxWorld, http: httpx.AsyncClient) -> list[str]:
        with pytest.raises(httpx.TransportError, match="lost before the answer came"):
            await http.post("/Customer", json={"name": "Ada"})
        return [record["name"] for record in (await http.get("/Customer")).json()["records"]]

    assert speak(story, Weather(lost=1.0)) == ["Ada"]


def test_what_befalls_the_engine_alone_spares_the_tests() -> None:
    async def story(world: SandboxWorld, http: httpx.AsyncClient) -> int:
        return (await http.get("/Customer")).status_code

    sky = Weather(refused=1.0, engine_only=True)
    assert speak(story, sky) == 200
    assert speak(story, sky, "engine") == 429


def test_a_system_whose_clock_is_apart_stamps_accordingly() -> None:
    async def story(world: SandboxWorld, http: httpx.AsyncClient) -> float:
        made = await http.post("/Customer", json={"name": "Ada"})
        return (datetime.fromisoformat(made.json()["changed"]) - world.clock.stamp()).total_seconds()

    ahead_s = Forecast(Weather(skew_s=600.0), system="Bakery", seed=0).ahead_s
    assert abs(ahead_s) > 20
    assert speak(story, Weather(skew_s=600.0)) == pytest.approx(ahead_s, abs=2)
