"""Tests of `talkqa.verify.heartbeat`."""

import itertools

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from talkqa.verify.clock import TrioClock
from talkqa.verify.heartbeat import Heartbeats, RecordedBeats
from tests.fakes.clock import EPOCH
from tests.fakes.virtual import run_virtual


class Engine:
    """Answers each beat after so many seconds; None is a beat that never arrives."""

    in_turn = False

    def __init__(self, *latencies: float | None) -> None:
        self.latencies = latencies
        self.sent: list[tuple[int, float, float]] = []
        """Number, when it was written, when it was answered."""

    async def send(self, number: int) -> bool:
        begin = trio.current_time()
        latency = self.latencies[number % len(self.latencies)]
        await trio.sleep(30 if latency is None else latency)
        self.sent.append((number, begin, trio.current_time()))
        return latency is not None

    async def follow(self, _number: int) -> bool:
        """What did not arrive in time never does."""
        return False


@given(
    latencies=st.lists(st.floats(0.1, 40), min_size=1, max_size=5),
    askers=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 4)), min_size=1, max_size=4),
)
def test_each_beat_of_a_round_begins_after_the_one_before_had_arrived(
    latencies: list[float], askers: list[tuple[float, int]]
) -> None:
    """Whoever asks for n rounds sees at least n beats one after the other, all begun after the question."""
    engine = Engine(*latencies)

    async def main() -> None:
        async def ask(after_s: float, count: int) -> None:
            await trio.sleep(after_s)
            begin = trio.current_time()
            assert await beats.rounds(count)
            end, chain = begin, 0
            for _, written, answered in sorted(engine.sent, key=lambda beat: beat[1]):
                if written >= end and answered <= trio.current_time():
                    end, chain = answered, chain + 1
            assert chain >= count

        async with trio.open_nursery() as world:
            beats = Heartbeats(engine, TrioClock(EPOCH), world, gather_s=2)
            async with trio.open_nursery() as nursery:
                for after_s, count in askers:
                    nursery.start_soon(ask, after_s, count)
            world.cancel_scope.cancel()

    run_virtual(main)


def test_those_who_ask_within_one_gathering_share_a_beat() -> None:
    """Their number grows with time and not with checks."""
    engine = Engine(3.0)

    async def main() -> None:
        async with trio.open_nursery() as world:
            beats = Heartbeats(engine, TrioClock(EPOCH), world, gather_s=2)
            async with trio.open_nursery() as nursery:
                for _ in range(50):
                    nursery.start_soon(beats.after, 0.0)

    run_virtual(main)
    assert len(engine.sent) == 1


def test_a_beat_begun_before_the_moment_shows_nothing_of_it() -> None:
    """A new one is written."""
    engine = Engine(3.0)

    async def main() -> None:
        async with trio.open_nursery() as world:
            clock = TrioClock(EPOCH)
            beats = Heartbeats(engine, clock, world, gather_s=2)
            assert await beats.after(0.0)
            assert await beats.after(clock.now())
            assert await beats.after(0.0)

    run_virtual(main)
    assert [number for number, _, _ in engine.sent] == [0, 1]


def test_a_beat_that_does_not_arrive_ends_the_rounds() -> None:
    """And a later one may arrive again."""
    engine = Engine(3.0, None)

    async def main() -> None:
        async with trio.open_nursery() as world:
            beats = Heartbeats(engine, TrioClock(EPOCH), world, gather_s=2)
            assert not await beats.rounds(3)
            assert await beats.rounds(1)

    run_virtual(main)


def test_a_mistake_of_the_harness_is_told_to_who_asked_and_does_not_end_the_world() -> None:
    """Each check that needed the beat is an error; the others go on."""

    class Broken(Engine):
        async def send(self, number: int) -> bool:
            raise ZeroDivisionError("no beat")

    async def main() -> None:
        async with trio.open_nursery() as world:
            beats = Heartbeats(Broken(), TrioClock(EPOCH), world, gather_s=2)
            for _ in range(2):
                with pytest.raises(ZeroDivisionError, match="no beat"):
                    await beats.after(0.0)

    run_virtual(main)


def test_whoever_waits_is_let_go_when_the_beats_are_cancelled() -> None:
    """Also by a beat that was still gathering."""

    async def main() -> None:
        async with trio.open_nursery() as outer, trio.open_nursery() as world:
            beats = Heartbeats(Engine(3.0), TrioClock(EPOCH), world, gather_s=2)

            async def ask() -> None:
                assert not await beats.after(0.0)

            outer.start_soon(ask)
            await trio.sleep(1)
            world.cancel_scope.cancel()

    run_virtual(main)


@pytest.mark.parametrize(("in_turn", "sent"), [(True, [0, 1, 3]), (False, [3])])
def test_recorded_beats_that_go_on_from_one_another_are_all_repeated_in_their_time(
    *, in_turn: bool, sent: list[int]
) -> None:
    """Whoever asked for the first of them may not take part in the replay; one that was given up is left out."""
    engine = Engine(3.0)
    engine.in_turn = in_turn

    async def main() -> None:
        async with trio.open_nursery() as world:
            recorded = RecordedBeats(starts=(10.0, 20.0, -1.0, 30.0), chosen={})
            beats = Heartbeats(engine, TrioClock(EPOCH), world, gather_s=2, recorded=recorded)
            beats.repeat()
            assert await beats.after(25.0)

    run_virtual(main)
    assert [number for number, _, _ in engine.sent] == sent
    assert [begin for _, begin, _ in engine.sent] == [(10.0, 20.0, 0.0, 30.0)[number] for number in sent]


def test_beats_that_go_on_from_one_another_are_written_one_after_the_other() -> None:
    """The second edit of one pair, made before anybody read the first, would leave that one without an answer."""
    engine = Engine(10.0)
    engine.in_turn = True

    async def main() -> None:
        async with trio.open_nursery() as world:
            beats = Heartbeats(engine, TrioClock(EPOCH), world, gather_s=0)
            async with trio.open_nursery() as askers:
                for moment_s in (0.0, 3.0, 7.0):

                    async def ask(moment_s: float = moment_s) -> None:
                        await trio.sleep(moment_s)
                        assert await beats.after(moment_s)

                    askers.start_soon(ask)
            world.cancel_scope.cancel()

    run_virtual(main)
    assert len(engine.sent) == 2, "one for whoever asked first, one for those who asked meanwhile"
    assert all(one[2] <= other[1] for one, other in itertools.pairwise(engine.sent))
