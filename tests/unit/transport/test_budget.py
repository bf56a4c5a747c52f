"""A budget keeps what a system allows, lets the important calls go first, and loses nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.model.account import Account, Budget
from talkqa.model.call import Purpose
from talkqa.model.errors import CALLS_USED_UP, ApiUnavailable
from talkqa.transport.budget import AGEING_S, CallBudget, make_budget
from talkqa.transport.rates import Rate
from talkqa.verify.clock import TrioClock
from tests.fakes.clock import FakeClock
from tests.fakes.virtual import run_virtual

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Caller:
    """Somebody who wants to make one call."""

    comes_s: float
    purpose: Purpose
    takes_s: float
    patience_s: float = 1e6


CALLERS = st.lists(
    st.builds(
        Caller,
        comes_s=st.floats(0, 200),
        purpose=st.sampled_from(Purpose),
        takes_s=st.one_of(st.just(0.0), st.floats(0, 5), st.floats(0, 100)),
        patience_s=st.one_of(st.just(1e6), st.floats(0, 300)),
    ),
    max_size=25,
)


async def play(budget: CallBudget, callers: Sequence[Caller], log: list[tuple[str, int, float]]) -> None:
    async def one(number: int, caller: Caller) -> None:
        await trio.sleep(caller.comes_s)
        log.append(("came", number, trio.current_time()))
        with trio.move_on_after(caller.patience_s):
            async with budget.turn(caller.purpose):
                log.append(("began", number, trio.current_time()))
                await trio.sleep(caller.takes_s)
        log.append(("left", number, trio.current_time()))

    with trio.fail_after(1e7):
        async with trio.open_nursery() as nursery:
            for number, caller in enumerate(callers):
                nursery.start_soon(one, number, caller)


@settings(deadline=None, max_examples=150)
@given(CALLERS, st.floats(0.5, 12), st.integers(1, 4))
def test_limits_hold_priorities_hold_and_nobody_is_lost(
    callers: list[Caller], a_minute: float, concurrent: int
) -> None:
    log: list[tuple[str, int, float]] = []

    async def main() -> CallBudget:
        budget = CallBudget(clock=TrioClock(EPOCH), calls_per_minute=a_minute, concurrent=concurrent)
        await play(budget, callers, log)
        return budget

    budget = run_virtual(main)
    began = [at for what, _, at in log if what == "began"]
    allowed, length_s = (floor(a_minute), 60.0) if a_minute >= 1 else (1, 60 / a_minute)
    assert all(later - earlier > length_s - 1e-9 for earlier, later in zip(began, began[allowed:], strict=False))
    assert budget.use.calls == len(began)
    assert budget.use.busiest_minute <= allowed
    waiting: dict[int, tuple[float, int]] = {}
    running: set[int] = set()
    for place, (what, number, at) in enumerate(log):
        if what == "came":
            waiting[number] = (at + AGEING_S * callers[number].purpose, place)
        elif what == "began":
            rank = waiting.pop(number)
            assert all(rank < other for other in waiting.values())
            running.add(number)
            assert len(running) <= concurrent
        else:
            waiting.pop(number, None)
            running.discard(number)
    assert not waiting
    assert not running
    patient = {number for number, caller in enumerate(callers) if caller.patience_s == 1e6}
    assert patient <= {number for what, number, _ in log if what == "began"}


def test_an_open_budget_makes_nobody_wait() -> None:
    log: list[tuple[str, int, float]] = []

    async def main() -> CallBudget:
        budget = CallBudget(clock=TrioClock(EPOCH), concurrent=3)
        await play(budget, [Caller(0, Purpose.POLL, 1)] * 3, log)
        return budget

    use = run_virtual(main).use
    assert [at for what, _, at in log if what == "began"] == [0, 0, 0]
    assert (use.calls, use.waited_s, use.busiest_minute) == (3, 0, 3)
    assert use.by_purpose == {Purpose.POLL: 3}


def test_writes_go_before_polls_that_came_earlier_but_not_for_ever() -> None:
    log: list[tuple[str, int, float]] = []
    busy = Caller(0, Purpose.CONFIRM, 1)
    poll = Caller(0.5, Purpose.POLL, 1)
    writes = [Caller(second + 0.75, Purpose.WRITE, 1) for second in range(100)]

    async def main() -> None:
        await play(CallBudget(clock=TrioClock(EPOCH), concurrent=1), [busy, poll, *writes], log)

    run_virtual(main)
    order = [number for what, number, _ in log if what == "began"]
    before = sum(writes[number - 2].comes_s for number in order[: order.index(1)] if number > 1)
    assert 50 < order.index(1) < 70, before
    assert [number for number in order if number > 1] == sorted(number for number in order if number > 1)


def test_a_call_counts_until_a_minute_after_its_end() -> None:
    log: list[tuple[str, int, float]] = []

    async def main() -> None:
        budget = CallBudget(clock=TrioClock(EPOCH), calls_per_minute=1)
        await play(budget, [Caller(0, Purpose.WRITE, 7), Caller(1, Purpose.WRITE, 0)], log)

    run_virtual(main)
    assert [at for what, _, at in log if what == "began"] == [0, 67]


def test_a_day_that_is_used_up_is_told_with_what_to_do() -> None:
    async def main() -> CallBudget:
        budget = CallBudget(clock=TrioClock(EPOCH), system="Wave", calls_per_day=2, concurrent=1)
        for _ in range(2):
            async with budget.turn(Purpose.WRITE):
                pass
        with pytest.raises(
            ApiUnavailable, match=r"Wave: all 2 calls of 24 hours are used up; go on tomorrow"
        ) as caught:
            async with budget.turn(Purpose.WRITE):
                raise AssertionError("began")
        assert caught.value.code == CALLS_USED_UP
        await trio.sleep(86_400)
        async with budget.turn(Purpose.SIGN_IN):
            pass
        return budget

    use = run_virtual(main).use
    assert (use.calls, use.refused) == (3, 1)
    assert list(use.by_purpose) == [Purpose.SIGN_IN, Purpose.WRITE]


def test_everybody_who_waits_is_told_that_the_day_is_used_up() -> None:
    refused = []

    async def main() -> None:
        budget = CallBudget(clock=TrioClock(EPOCH), calls_per_day=2, concurrent=1)

        async def one() -> None:
            try:
                async with budget.turn(Purpose.POLL):
                    await trio.sleep(1)
            except ApiUnavailable:
                refused.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(one)

    run_virtual(main)
    assert refused == [1, 1, 1], "the first two are under way, and count"


def test_no_calls_a_day_are_no_calls() -> None:
    async def main() -> None:
        async with CallBudget(clock=TrioClock(EPOCH), calls_per_day=0).turn(Purpose.WRITE):
            raise AssertionError("began")

    with pytest.raises(ApiUnavailable, match="all 0 calls"):
        run_virtual(main)


def test_a_minute_without_calls_is_refused() -> None:
    with pytest.raises(ValueError, match="calls_per_minute of Wave has to be above 0, not 0"):
        CallBudget(clock=FakeClock(), system="Wave", calls_per_minute=0)


def test_a_pause_holds_everybody_back_and_the_longer_one_counts() -> None:
    log: list[tuple[str, int, float]] = []

    async def main() -> CallBudget:
        budget = CallBudget(clock=TrioClock(EPOCH))
        budget.pause(20)
        budget.pause(5)
        await play(budget, [Caller(1, purpose, 0) for purpose in Purpose], log)
        return budget

    assert run_virtual(main).use.waited_s == pytest.approx(19 * 4)
    assert {at for what, _, at in log if what == "began"} == {20}


def test_a_pause_during_a_pause_is_heeded_by_who_waits_already() -> None:
    log: list[tuple[str, int, float]] = []

    async def main() -> None:
        budget = CallBudget(clock=TrioClock(EPOCH))
        budget.pause(10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(play, budget, [Caller(1, Purpose.WRITE, 0)], log)
            await trio.sleep(5)
            budget.pause(10)

    run_virtual(main)
    assert [at for what, _, at in log if what == "began"] == [15]


def test_a_silence_longer_than_anybodys_patience_is_told_at_once() -> None:
    async def main() -> float:
        budget = CallBudget(clock=TrioClock(EPOCH), system="Wave")
        budget.pause(10)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_in_vain, budget)
            await trio.sleep(1)
            budget.pause(3599)
        return trio.current_time()

    async def wait_in_vain(budget: CallBudget) -> None:
        with pytest.raises(ApiUnavailable, match=r"Wave: it takes no calls before 2030-01-01 01:00 UTC") as caught:
            async with budget.turn(Purpose.WRITE):
                raise AssertionError("began")
        assert caught.value.code == CALLS_USED_UP

    assert run_virtual(main) == 1


def test_what_a_system_says_is_left_is_all_there_is_until_its_reset() -> None:
    log: list[tuple[str, int, float]] = []

    async def main() -> None:
        budget = CallBudget(clock=TrioClock(EPOCH))
        async with budget.turn(Purpose.WRITE):
            budget.learn([Rate(name="minute", left=2, reset_in_s=40)])
        await play(budget, [Caller(1, Purpose.WRITE, 0)] * 2, log)
        assert not budget.held_up
        await play(budget, [Caller(1, Purpose.WRITE, 0)] * 2, log)
        assert budget.held_up

    run_virtual(main)
    assert [at for what, _, at in log if what == "began"] == [1, 1, 40, 40]


def test_only_what_a_system_tells_of_its_limits_holds_calls_up() -> None:
    """Not a limit of our own, and not a refusal."""

    async def main() -> bool:
        budget = CallBudget(clock=TrioClock(EPOCH), calls_per_minute=1)
        budget.pause(10)
        await play(budget, [Caller(1, Purpose.WRITE, 0)] * 3, [])
        return budget.held_up

    assert run_virtual(main) is False


def test_calls_under_way_are_taken_off_what_is_left_and_a_late_answer_knows_less() -> None:
    async def main() -> float:
        budget = CallBudget(clock=TrioClock(EPOCH))
        async with budget.turn(Purpose.WRITE), budget.turn(Purpose.WRITE):
            budget.learn([Rate(name="minute", left=1, reset_in_s=40)])
            budget.learn([Rate(name="minute", left=9, reset_in_s=39.5)])
        async with budget.turn(Purpose.WRITE):
            return trio.current_time()

    assert run_virtual(main) == pytest.approx(40, abs=1)


def test_a_number_of_calls_left_without_a_reset_is_believed_for_an_hour() -> None:
    async def main() -> int:
        budget = CallBudget(clock=TrioClock(EPOCH))
        async with budget.turn(Purpose.WRITE):
            budget.learn([Rate(name="usage", left=0)])
        with pytest.raises(ApiUnavailable, match="takes no calls before 2030-01-01 01:00 UTC"):
            async with budget.turn(Purpose.WRITE):
                raise AssertionError("began")
        await trio.sleep(3600)
        async with budget.turn(Purpose.WRITE):
            budget.learn([Rate(name="usage", left=5)])
        async with budget.turn(Purpose.WRITE):
            return budget.use.calls

    assert run_virtual(main) == 3


def test_a_clock_that_wakes_too_early_is_asked_again_but_never_spun() -> None:
    asked: list[float] = []

    class Hasty(FakeClock):
        async def sleep(self, seconds: float) -> None:
            asked.append(seconds)
            self.advance(seconds * 0.999)
            await trio.lowlevel.checkpoint()

    clock = Hasty()

    async def main() -> None:
        budget = CallBudget(clock=clock, calls_per_minute=1)
        for _ in range(2):
            async with budget.turn(Purpose.POLL):
                pass

    trio.run(main)
    assert clock.now() >= 60
    assert len(asked) < 6
    assert min(asked) >= 1e-6


def test_an_accounts_own_numbers_go_before_what_is_known_of_the_vendor() -> None:
    known = Budget(calls_per_minute=60, calls_per_day=5000, concurrent=4)

    async def begun(account: Account) -> tuple[int, int]:
        budget = make_budget(account, known, TrioClock(EPOCH))
        at_once = 0

        async def one() -> None:
            nonlocal at_once
            async with budget.turn(Purpose.POLL):
                at_once += trio.current_time() == 0
                await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            for _ in range(70):
                nursery.start_soon(one)
        return at_once, budget.use.busiest_minute

    own = Account(system="Wave", url="", calls_per_minute=7, calls_per_day=90, concurrent=2)
    assert run_virtual(begun, Account(system="Wave", url="")) == (4, 60)
    assert run_virtual(begun, own) == (2, 7)
