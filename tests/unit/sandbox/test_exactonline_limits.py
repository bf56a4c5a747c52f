"""Calls are counted a minute and a day, too many mistakes close an endpoint, and headers tell what is left."""

from talkqa.sandbox.dialects.exactonline.limits import A_DAY, A_MINUTE, Meter
from tests.unit.sandbox.exact_kit import JSON, Stage, play


async def _statuses(stage: Stage, count: int, path: str = "crm/Accounts?$top=1&$filter=Name eq 'x'") -> list[int]:
    return [(await stage.ask("GET", path)).status_code for _ in range(count)]


def test_the_61st_call_of_a_minute_is_refused_until_the_minute_ends() -> None:
    async def story(stage: Stage) -> None:
        await stage.clock.sleep(60 - stage.clock.now() % 60)
        await stage.clock.sleep(0.001)
        stage.emulator._delays = lambda *asked: (0.0, 0.0)  # type: ignore[method-assign]
        assert await _statuses(stage, A_MINUTE) == [200] * A_MINUTE
        spent = await stage.ask("GET", "crm/Accounts?$top=1")
        assert spent.status_code == 429
        assert spent.headers["X-RateLimit-Minutely-Remaining"] == "0"
        assert "X-RateLimit-Remaining" not in spent.headers
        reset_s = int(spent.headers["X-RateLimit-Minutely-Reset"]) / 1000 - stage.clock.stamp().timestamp()
        await stage.clock.sleep(reset_s)
        answer = await stage.ask("GET", "crm/Accounts?$top=1&$filter=Name eq 'x'")
        assert (answer.status_code, answer.headers["X-RateLimit-Minutely-Remaining"]) == (200, "59")

    play(story, quirks={"limit-minute": True})


def test_limits_that_are_off_refuse_nothing_and_are_told_as_out_of_reach() -> None:
    async def story(stage: Stage) -> None:
        stage.emulator._delays = lambda *asked: (0.0, 0.0)  # type: ignore[method-assign]
        assert set(await _statuses(stage, 2 * A_MINUTE)) == {200}
        answer = await stage.ask("GET", "crm/Accounts?$top=1&$filter=Name eq 'x'")
        assert int(answer.headers["X-RateLimit-Minutely-Remaining"]) > 1_000_000
        assert int(answer.headers["X-RateLimit-Remaining"]) > 1_000_000

    play(story)


def test_the_day_is_not_charged_for_calls_without_a_division() -> None:
    meter = Meter()
    for number in range(A_DAY):
        meter.count(number, daily=True)
    meter.count(A_DAY, daily=False)
    assert not meter.day_is_spent
    assert meter.headers(minute=False, day=True)["X-RateLimit-Remaining"] == "0"
    meter.count(A_DAY, daily=True)
    assert meter.day_is_spent
    meter.count(86_400_000, daily=True)
    assert not meter.day_is_spent


def test_a_spent_day_refuses() -> None:
    async def story(stage: Stage) -> tuple[int, int]:
        await stage.ask("GET", "crm/Accounts?$top=1&$filter=Name eq 'x'")
        (meter,) = stage.emulator._meters.values()
        meter.day.count = A_DAY
        (after,) = await _statuses(stage, 1)
        me = await stage.ask("GET", "/api/v1/current/Me")
        return after, me.status_code

    assert play(story, quirks={"limit-day": True}) == (429, 200)
    assert play(story) == (200, 200)


def test_more_than_ten_mistakes_in_an_hour_close_an_endpoint_for_an_hour() -> None:
    async def story(stage: Stage) -> tuple[list[int], int, int]:
        wrong = await _statuses(stage, 12, "crm/Accounts?$select=Foo")
        elsewhere = (await stage.ask("GET", "logistics/Items?$top=1&$filter=Code eq 'x'")).status_code
        await stage.clock.sleep(3_700)
        (later,) = await _statuses(stage, 1)
        return wrong, elsewhere, later

    assert play(story, quirks={"error-brake": True}) == ([400] * 11 + [429], 200, 200)
    assert play(story) == ([400] * 12, 200, 200)


def test_dead_tokens_count_as_mistakes() -> None:
    async def story(stage: Stage) -> list[int]:
        headers = {**JSON, "Authorization": "Bearer x"}
        return [(await stage.ask("GET", "crm/Accounts?$top=1", headers=headers)).status_code for _ in range(12)]

    assert play(story, quirks={"error-brake": True}) == [401] * 11 + [429]
