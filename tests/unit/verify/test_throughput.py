"""Tests of `talkqa.verify.throughput`."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from talkqa.verify.clock import TrioClock
from talkqa.verify.throughput import Throughput
from tests.fakes.clock import EPOCH
from tests.fakes.virtual import run_virtual

PATIENCE_S = 120.0


class OneByOne:
    """An engine that takes one record after the other, each for so many seconds."""

    def __init__(self, each_s: float) -> None:
        self.each_s = each_s
        self._turn = trio.Lock()

    async def take(self) -> None:
        async with self._turn:
            await trio.sleep(self.each_s)


def waits(probes: int, each_s: float, *, bounded: bool = True) -> list[float]:
    """How long each of so many probes, all wanted at once, was on its way."""
    found: list[float] = []

    async def main() -> None:
        throughput, engine = Throughput(TrioClock(EPOCH), PATIENCE_S, bounded=bounded), OneByOne(each_s)

        async def probe() -> None:
            passage = await throughput.admitted()
            begin = trio.current_time()
            await engine.take()
            passage.over(arrived=True)
            found.append(trio.current_time() - begin)

        async with trio.open_nursery() as nursery:
            for _ in range(probes):
                nursery.start_soon(probe)

    run_virtual(main)
    return found


def test_a_run_makes_no_queue_in_which_its_own_probes_are_late() -> None:
    """An engine that takes a record in seven seconds has fifty of them, and each arrives in good time."""
    assert max(waits(50, 7.0)) < PATIENCE_S
    assert max(waits(50, 7.0, bounded=False)) > 2 * PATIENCE_S


def test_an_engine_that_is_quick_is_hardly_held_up() -> None:
    """The number on their way doubles with each batch that arrives."""

    async def main() -> None:
        clock = TrioClock(EPOCH)
        throughput = Throughput(clock, PATIENCE_S)

        async def probe() -> None:
            passage = await throughput.admitted()
            await trio.sleep(5)
            passage.over(arrived=True)

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(probe)
        assert clock.now() <= 30

    run_virtual(main)


def test_a_probe_that_is_late_holds_nobody_up_any_more() -> None:
    """It may never come; told twice, it counts once."""

    async def main() -> None:
        clock = TrioClock(EPOCH)
        throughput = Throughput(clock, PATIENCE_S)
        first = [await throughput.admitted() for _ in range(throughput.limit)]
        await throughput.admitted()
        assert clock.now() == pytest.approx(PATIENCE_S, abs=0.1)
        limit = throughput.limit
        for _ in range(2):
            first[0].over(arrived=False)
        assert throughput.limit == limit, "it was given up already"

    run_virtual(main)


@given(begin_s=st.floats(0, 5000), patience_s=st.floats(1, 500))
def test_waiting_for_a_late_probe_always_ends(begin_s: float, patience_s: float) -> None:
    """However the times of its writing and of now are rounded."""

    async def main() -> None:
        clock = TrioClock(EPOCH)
        await trio.sleep(begin_s)
        throughput = Throughput(clock, patience_s)
        for _ in range(throughput.limit):
            await throughput.admitted()
        await throughput.admitted()
        assert clock.now() - begin_s == pytest.approx(patience_s, abs=0.1)

    run_virtual(main)


def test_a_turn_in_which_nothing_was_written_is_given_back_and_teaches_nothing() -> None:
    async def main() -> None:
        throughput = Throughput(TrioClock(EPOCH), PATIENCE_S)
        first = throughput.limit
        for _ in range(3 * first):
            (await throughput.admitted()).drop()
        assert (throughput.limit, trio.current_time()) == (first, 0.0)

    run_virtual(main)
