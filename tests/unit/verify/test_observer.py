"""Tests of `talkqa.verify.observer`."""

import time

import pytest
import trio

from talkqa.model.errors import ApiRefused, ApiUnavailable
from talkqa.model.record import Changes, Record
from talkqa.verify.clock import TrioClock
from talkqa.verify.observer import Observer, Sighting, tokens_in
from tests.fakes.clock import EPOCH
from tests.fakes.virtual import run_virtual


def record(number: int, name: str = "", **more: object) -> Record:
    """One version of a customer."""
    return Record(system="Bakery", entity="Customer", id=f"c{number}", values={"name": name}, modified=None, **more)


class Script:
    """A client whose polls answer what a test wrote down; an exception is raised."""

    def __init__(self, *answers: list[Record] | Exception) -> None:
        self.answers = list(answers)
        self.cursors: list[str | None] = []

    async def cursor_now(self, _entity: str) -> str | None:
        """Everything has to be read."""
        return None

    async def changes(self, _entity: str, cursor: str | None) -> Changes:
        """The next answer; nothing new once they are used up."""
        self.cursors.append(cursor)
        answer = self.answers.pop(0) if self.answers else []
        if isinstance(answer, Exception):
            raise answer
        return Changes(records=tuple(answer), cursor=f"at {len(self.cursors)}")


def watch(script: Script, poll_s: float = 2) -> Observer:
    return Observer(script, "Customer", TrioClock(EPOCH), poll_s)  # type: ignore[arg-type]


async def _wait(script: Script, within_s: float = 20, **about: object) -> tuple[Observer, Sighting | None, float]:
    observer = watch(script)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(observer.run)
        begin = trio.current_time()
        seen = await observer.wait_for(lambda _s: True, within_s=within_s, **about)  # type: ignore[arg-type]
        waited = trio.current_time() - begin
        nursery.cancel_scope.cancel()
    return observer, seen, waited


def test_a_waiter_is_woken_by_the_first_sighting_that_concerns_it() -> None:
    """By token or by id; what concerns others wakes nobody."""

    async def main() -> None:
        script = Script([record(1, "Alder b2c3d4")], [record(2, "Birch x9y8z7")])
        observer, seen, waited = await _wait(script, tokens=["x9y8z7"])
        assert seen is not None
        assert seen.record.id == "c2"
        assert waited == 2
        _, seen, _ = await _wait(Script([record(1)], [record(3)]), record_id="c3")
        assert seen is not None
        assert seen.record.id == "c3"
        assert observer.order == 1

    run_virtual(main)


def test_a_version_is_told_once_however_often_the_system_repeats_it() -> None:
    """An overlapping cursor tells records again."""

    async def main() -> None:
        observer = watch(Script([record(1, "Alder")], [record(1, "Alder")], [record(1, "Birch")]))
        for _ in range(3):
            await observer.poll()
        assert [s.record.values["name"] for s in observer.log] == ["Alder", "Birch"]
        assert [s.order for s in observer.versions("c1", -1)] == [0, 1]
        assert observer.versions("c1", 0) == observer.log[1:]
        assert observer.versions("c9", -1) == []

    run_virtual(main)


def test_nothing_is_asked_while_nobody_waits() -> None:
    """The account's budget is for those who wait."""

    async def main() -> None:
        observer = watch(Script())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(observer.run)
            await trio.sleep(100)
            assert observer.polls == 0
            with observer.wanted():
                await trio.sleep(9)
            before = observer.polls
            assert 4 <= before <= 6
            await trio.sleep(100)
            assert observer.polls == before
            nursery.cancel_scope.cancel()

    run_virtual(main)


def test_a_lost_poll_is_asked_again_from_the_same_cursor() -> None:
    """Nothing is missed, only late."""

    async def main() -> None:
        script = Script([], ApiUnavailable("503"), [record(1, "Alder")])
        _, seen, waited = await _wait(script, record_id="c1")
        assert seen is not None
        assert waited == 4
        assert script.cursors == [None, "at 1", "at 1"]

    run_virtual(main)


@pytest.mark.parametrize("error", [ApiUnavailable("503"), ApiRefused("403")])
def test_nothing_is_absent_while_the_system_cannot_be_asked(error: Exception) -> None:
    """Whoever waits is told of the trouble instead."""

    async def main() -> None:
        observer = watch(Script(*[error] * 99))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(observer.run)
            with pytest.raises(ApiUnavailable, match="Customer cannot be watched: "):
                await observer.wait_for(lambda _s: True, within_s=10, record_id="c1")
            nursery.cancel_scope.cancel()

    run_virtual(main)


def test_what_was_there_before_is_told_apart_from_what_came_later() -> None:
    """Priming sees what is somebody else's."""

    async def main() -> None:
        observer = watch(Script([record(1, "old")], [record(2, "new")]))
        await observer.prime()
        await observer.poll()
        assert (observer.was_there("c1"), observer.was_there("c2"), observer.was_there("c3")) == (True, False, False)

    run_virtual(main)


def test_carriers_are_found_though_a_later_version_lost_the_value() -> None:
    """The first sighting with a token shows the copy, whatever became of it."""

    async def main() -> None:
        observer = watch(Script([record(1, "Alder b2c3d4")], [record(1, "overwritten")], [record(2, "alder-B2C3D4!")]))
        for _ in range(3):
            await observer.poll()
        assert {i: s.order for i, s in observer.carriers(["b2c3d4"]).items()} == {"c1": 0, "c2": 2}
        assert observer.carriers(["zzzzzz"]) == {}

    run_virtual(main)


def test_who_comes_late_is_told_what_is_known_already() -> None:
    """Its latest version, not the outdated one."""

    async def main() -> None:
        observer = watch(Script([record(1, "Alder b2c3d4")], [record(1, "Alder b2c3d4 again")]))
        await observer.poll()
        await observer.poll()
        with observer.subscribed(tokens=["b2c3d4"], record_id="c1") as subscription:
            assert {s.order for s in subscription.sightings} == {1}
        seen = await observer.wait_for(lambda s: s.order == 1, within_s=0, record_id="c1")
        assert seen is not None

    run_virtual(main)


class Slow(Script):
    """The first answer takes 5 s, every other one 1 s."""

    async def changes(self, entity: str, cursor: str | None) -> Changes:
        number = len(self.cursors)
        answer = await super().changes(entity, cursor)
        await trio.sleep(5 if number == 0 else 1)
        return answer


def test_answers_are_taken_in_the_order_of_their_questions() -> None:
    """A look of one's own does not overtake a poll under way, which would tell old versions as new ones."""

    async def main() -> None:
        observer = watch(Slow([record(1, "old")], [record(1, "new")]))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(observer.poll)
            await trio.sleep(1)
            nursery.start_soon(observer.poll)
        assert [s.record.values["name"] for s in observer.log] == ["old", "new"]

    run_virtual(main)


def test_all_who_look_before_a_question_is_put_share_its_answer() -> None:
    """So many scenarios that look at once cost one call; none of them is told what was known before it looked."""

    async def main() -> None:
        script = Slow([record(1, "old")], [record(1, "new")])
        observer = watch(script)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(observer.poll)
            await trio.sleep(1)
            for _ in range(5):
                nursery.start_soon(observer.poll)
        assert len(script.cursors) == 2
        assert trio.current_time() == 6

    run_virtual(main)


def test_a_question_fails_for_all_who_share_it_and_is_put_again_where_its_first_asker_gave_up() -> None:
    """Nobody takes the silence of another one's cancelled question for an answer."""

    async def main() -> None:
        script = Slow([record(1, "old")], ApiUnavailable("503"), [record(1, "new")])
        observer = watch(script)
        failed: list[str] = []

        async def look() -> None:
            try:
                await observer.poll()
            except ApiUnavailable as error:
                failed.append(str(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await trio.sleep(1)
            with trio.move_on_after(1):
                nursery.start_soon(look)
                await observer.poll()
            nursery.start_soon(look)
        assert failed == ["503", "503"]
        await observer.poll()
        assert observer.latest["c1"].record.values["name"] == "new"

    run_virtual(main)


def test_thousands_of_sightings_are_looked_up_without_reading_the_log() -> None:
    """10,000 records in the log, 2,000 questions: far below a second, where reading the log took minutes."""

    async def main() -> None:
        observer = watch(Script([record(n, f"Name{n} a1b2c{n:05}") for n in range(10_000)]))
        await observer.poll()
        begin = time.perf_counter()
        for n in range(2_000):
            assert len(observer.versions(f"c{n}", -1)) == 1
            assert list(observer.carriers([f"a1b2c{n:05}"])) == [f"c{n}"]
        assert time.perf_counter() - begin < 1

    run_virtual(main)


def test_tokens_are_taken_from_lists_and_never_from_truth_values() -> None:
    """Each item of a list is searched; True and None tell nothing."""
    values = {"a": ("Alder b2c3d4", None), "b": True, "c": None, "d": 123456}
    held = Record(system="s", entity="e", id="1", values=values, modified=None)
    assert tokens_in(held) == {"b2c3d4", "123456"}
