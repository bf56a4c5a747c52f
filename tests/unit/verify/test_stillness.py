"""Tests of `talkqa.verify.stillness`."""

import trio

from talkqa.verify.stillness import Stillness
from tests.fakes.virtual import run_virtual


def test_who_waits_is_let_go_when_the_last_of_the_others_is_over_or_waits_too() -> None:
    """And not before."""
    stillness, told = Stillness(), []

    async def scenario(name: str, work_s: float, *, waits: bool) -> None:
        await trio.sleep(work_s)
        if waits:
            await stillness.reached(name, 1000)
            told.append((name, trio.current_time()))
        stillness.end(name)

    async def main() -> None:
        begin = trio.current_time()
        for name in ("first", "second", "third"):
            stillness.begin(name)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: scenario("first", 1, waits=True))
            nursery.start_soon(lambda: scenario("second", 20, waits=True))
            nursery.start_soon(lambda: scenario("third", 50, waits=False))
        assert sorted((name, at - begin) for name, at in told) == [("first", 50), ("second", 50)]

    run_virtual(main)


def test_nobody_waits_alone_and_nobody_for_ever() -> None:
    """A scenario that never ends holds the others up for so long and no longer."""
    stillness = Stillness()

    async def main() -> None:
        begin = trio.current_time()
        stillness.begin("alone")
        await stillness.reached("alone", 1000)
        assert trio.current_time() == begin
        stillness.begin("for ever")
        await stillness.reached("alone", 30)
        assert trio.current_time() - begin == 30
        stillness.end("for ever")
        stillness.end("for ever")
        await stillness.reached("alone", 30)
        assert trio.current_time() - begin == 30

    run_virtual(main)
