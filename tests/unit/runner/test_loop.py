"""The loop in its own thread: results come back, crashes too, and no wait outlives it."""

import time
from collections.abc import Iterator

import pytest
import trio

from talkqa.runner.loop import Loop, LoopStopped


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop(virtual=True, seed="0")
    made.start()
    yield made
    assert made.stop(within_s=5)


async def double(number: int) -> int:
    await trio.sleep(1000)
    return 2 * number


async def fail() -> None:
    raise ValueError("no")


async def time_out() -> None:
    raise TimeoutError("of its own")


async def for_ever() -> None:
    await trio.sleep_forever()


def test_a_result_comes_back_and_virtual_seconds_cost_nothing(loop: Loop) -> None:
    begin = time.monotonic()
    assert loop.wait(loop.submit(double, 21)) == 42
    assert time.monotonic() - begin < 10


def test_an_exception_belongs_to_who_waits_and_the_loop_lives_on(loop: Loop) -> None:
    with pytest.raises(ValueError, match="no"):
        loop.wait(loop.submit(fail))
    with pytest.raises(TimeoutError, match="of its own"):
        loop.wait(loop.submit(time_out))
    assert loop.wait(loop.submit(double, 1)) == 2
    assert loop.failure is None


def test_who_waits_is_ticked_meanwhile(loop: Loop) -> None:
    ticks = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.wait(loop.submit(for_ever), tick)


def test_a_crash_of_the_loop_is_an_error_of_who_waits() -> None:
    loop = Loop(virtual=True, seed="0")
    loop.start()
    waiting = loop.submit(for_ever)

    def crash() -> None:
        raise MemoryError("gone")

    loop.call_soon(crash)
    with pytest.raises(LoopStopped, match="ended unexpectedly"):
        loop.wait(waiting)
    loop.stop(within_s=5)
    with pytest.raises(LoopStopped):
        loop.wait(loop.submit(double, 1))
    assert isinstance(loop.failure, LoopStopped)


def test_stopping_cancels_what_runs(loop: Loop) -> None:
    waiting = loop.submit(for_ever)
    assert loop.stop(within_s=5)
    with pytest.raises(LoopStopped, match="was stopped before this was done"):
        loop.wait(waiting)
    loop.call_soon(print)  # nothing to be done any more, and no error


def test_equal_seeds_let_tasks_take_turns_in_the_same_order() -> None:
    async def race() -> list[int]:
        order: list[int] = []

        async def run(number: int) -> None:
            for _ in range(5):
                await trio.sleep(1)
                order.append(number)

        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(run, number)
        return order

    def play(seed: str) -> list[int]:
        loop = Loop(virtual=True, seed=seed)
        loop.start()
        order = loop.wait(loop.submit(race))
        loop.stop(within_s=5)
        return order

    assert play("7/a") == play("7/a")
    assert len({tuple(play(f"{seed}")) for seed in range(5)}) > 1


def test_a_loop_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("no more threads")

    monkeypatch.setattr(trio, "run", broken)
    with pytest.raises(LoopStopped, match="no more threads"):
        Loop(virtual=False, seed="0").start()
