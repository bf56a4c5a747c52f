"""What may begin, and what a failure ends."""

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from talkqa.runner.schedule import FailureLimit, Window
from tests.fakes.virtual import run_virtual


@given(st.integers(1, 5), st.integers(0, 12), st.randoms())
def test_no_more_than_the_window_has_begun_and_is_not_reported(size: int, count: int, random: object) -> None:
    async def story() -> tuple[list[int], int]:
        window, begun, most, reported = Window(size), [], 0, 0

        async def starter() -> None:
            nonlocal most
            for order in range(count):
                await window.enter(order)
                begun.append(order)
                most = max(most, len(begun) - reported)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(starter)
            for order in range(count):  # pytest reports in order, one at a time
                await trio.testing.wait_all_tasks_blocked()
                reported += 1
                window.report(order)
        return begun, most

    begun, most = run_virtual(story)
    assert begun == list(range(count))
    assert most <= size


def test_a_scenario_reported_before_it_began_takes_no_place() -> None:
    """Pytest may be through with an item whose scenario had no place yet: a fixture of it failed."""

    async def story() -> None:
        window = Window(1)
        window.report(0)
        with trio.fail_after(1):
            await window.enter(0)
            await window.enter(1)

    run_virtual(story)


def test_without_a_size_everything_may_begin() -> None:
    async def story() -> None:
        window = Window(None)
        for order in range(1000):
            await window.enter(order)
        window.report(3)

    run_virtual(story)


@given(st.integers(1, 4), st.lists(st.integers(0, 30), unique=True))
def test_what_pytest_will_reach_is_admitted_and_nothing_else(limit: int, failed: list[int]) -> None:
    """Pytest stops after the limit-th failure in item order, whatever the order in which scenarios failed."""
    failures = FailureLimit(limit)
    for order in failed:
        failures.enter(order)
    for order in failed:
        failures.leave(order, failed=True)
    last = sorted(failed)[limit - 1] if len(failed) >= limit else 1000
    assert all(failures.admits(order) == (order <= last) for order in range(40))


def cancelled_after(limit: int, failed: int | None, orders: tuple[int, ...]) -> list[int]:
    """The orders cancelled once `failed` failed, or once the first passed."""

    async def story() -> list[int]:
        failures = FailureLimit(limit)
        scopes = {order: failures.enter(order) for order in orders}
        failures.leave(orders[0] if failed is None else failed, failed=failed is not None)
        return [order for order, scope in scopes.items() if scope.cancel_called]

    return run_virtual(story)


def test_a_failure_cancels_what_stands_after_it_and_nothing_before() -> None:
    assert cancelled_after(1, 2, (1, 2, 3, 4)) == [3, 4]


def test_without_a_limit_nothing_is_cancelled() -> None:
    assert cancelled_after(0, 1, (1, 9)) == []


def test_a_scenario_that_passed_ends_nothing() -> None:
    assert cancelled_after(1, None, (1, 9)) == []
