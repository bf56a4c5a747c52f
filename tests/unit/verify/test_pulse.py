"""Tests of `talkqa.verify.pulse`: slow, silent, or missing."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from talkqa.model.errors import CheckLate, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.result import Cause
from talkqa.verify.pulse import SLOW, require_alive, require_edits_alive
from tests.unit.verify.test_judge import Bench, bench, judged

PATIENCE_S = 20


class Told:
    """Heartbeats that take so many seconds each, in turn; None never arrives."""

    in_turn = False

    def __init__(self, *latencies: float | None) -> None:
        self.latencies = latencies
        self.written: list[float] = []

    async def send(self, number: int) -> bool:
        self.written.append(trio.current_time())
        latency = self.latencies[number % len(self.latencies)]
        await trio.sleep(PATIENCE_S if latency is None else min(latency, PATIENCE_S))
        return latency is not None and latency <= PATIENCE_S

    async def follow(self, number: int) -> bool:
        latency = self.latencies[number % len(self.latencies)]
        await trio.sleep(60 if latency is None else latency - PATIENCE_S)
        return latency is not None


def beating(tmp_path: Path, records: Told, edits: Told, ask: Callable[[Bench], Awaitable[None]]) -> None:
    """A flow whose heartbeats are told."""

    async def play(b: Bench) -> None:
        b.state.heartbeats._sender = records
        for side in Side:
            b.state.edit_beats[side]._sender = edits
        await ask(b)

    bench(tmp_path, play)


async def _records(b: Bench) -> str:
    return await require_alive(b.state, 0.0, "a new record")


async def _edits(b: Bench) -> str:
    return await require_edits_alive(b.state, Side.SOURCE, 0.0, "an edit")


@pytest.mark.parametrize("ask", [_records, _edits])
def test_something_is_missing_once_several_of_its_kind_have_arrived(
    ask: Callable[[Bench], Awaitable[str]], tmp_path: Path
) -> None:
    """One that overtook it shows little."""
    told = Told(3.0)

    async def play(b: Bench) -> None:
        assert "later did arrive" in await ask(b)
        assert len(told.written) >= 3

    beating(tmp_path, told, told, play)


def test_one_lost_beat_among_others_is_no_silence(tmp_path: Path) -> None:
    """A record of the harness's own may have met a hiccup."""

    async def play(b: Bench) -> None:
        assert "later did arrive" in await _records(b)

    beating(tmp_path, Told(3.0, None, 3.0, 3.0, 3.0), Told(3.0), play)


def test_what_is_missing_was_waited_for_three_times_as_long_as_the_slowest_change(tmp_path: Path) -> None:
    """An engine may work on one change again and again, and on others meanwhile."""

    async def play(b: Bench) -> None:
        b.state.access.arrivals.longest_s[b.state.flow.id] = 90.0
        await _records(b)
        assert b.state.access.clock.now() >= 270

    beating(tmp_path, Told(3.0), Told(3.0), play)


def test_a_slow_engine_a_silent_one_and_one_that_leaves_out_edits_are_told_apart(tmp_path: Path) -> None:
    """Each is late, with a reason of its own."""
    quick, slow, never = Told(3.0), Told(45.0), Told(None)
    cases = (
        (_records, slow, quick, "engine-slow"),
        (_records, never, quick, "engine-silent"),
        (_edits, quick, slow, "engine-slow"),
        (_edits, quick, never, "edits-silent"),
        (_edits, never, never, "engine-silent"),
    )
    for number, (ask, records, edits, reason) in enumerate(cases):

        async def play(b: Bench, ask: object = ask, reason: str = reason) -> None:
            outcome = await judged(ask(b), CheckLate)  # type: ignore[operator]
            assert outcome.reason == reason, outcome.message

        folder = tmp_path / str(number)
        folder.mkdir()
        beating(folder, records, edits, play)


def test_where_nothing_can_be_edited_new_records_have_to_show_that_the_engine_lives(tmp_path: Path) -> None:
    """No property of the flow travels that a test may write."""

    async def play(b: Bench) -> None:
        b.state.uneditable.add(Side.SOURCE)
        assert "records of" in await _edits(b)

    beating(tmp_path, Told(3.0), Told(None), play)


@pytest.mark.parametrize("limited", [False, True])
def test_an_engine_that_is_slow_where_calls_are_limited_is_not_to_blame(tmp_path: Path, *, limited: bool) -> None:
    """Our own calls had to wait for a new minute as well. One that carries nothing at all is no less late for that."""

    async def play(b: Bench) -> None:
        target = b.state.flow.target.system
        b.state.access.conduct = replace(b.state.access.conduct, is_held_up=lambda one: limited and one == target)
        slow = await judged(_records(b), CheckUndecided if limited else CheckLate)
        assert (slow.reason, slow.cause) == (("calls-limited", Cause.API) if limited else (SLOW, Cause.ENGINE))
        assert f"{target} lets nobody make more calls a minute" in slow.message or not limited
        assert (await judged(_edits(b), CheckLate)).reason == "engine-silent"

    beating(tmp_path, Told(45.0), Told(None), play)
