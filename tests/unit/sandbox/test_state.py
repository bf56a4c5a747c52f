"""What the reference engine takes for the newest version of a record, however the answers about it overlap."""

from collections.abc import Sequence
from unittest.mock import AsyncMock

import trio
import trio.testing
from hypothesis import example, given
from hypothesis import strategies as st

from talkqa.sandbox.connectors.contract import Fetched
from talkqa.sandbox.state import EngineState
from tests.fakes.clock import FakeClock

KEY = ("Custom CRM", "Product")
WRITE = -1
ANSWERS, WRITES = 3, 2


def version(number: int, asked_at: int, known_at: int) -> Fetched:
    body = {"name": f"edit {number}", "number": number}
    return Fetched(
        id="1", values=body, modified=None, deleted=False, etag=None, body=body, asked_at=asked_at, known_at=known_at
    )


def answers(story: Sequence[int]) -> list[Fetched]:
    """Of each question's three moments the first is when it is asked, then it is read, then the answer is known."""
    moments: dict[int, list[int]] = {}
    for moment, event in enumerate(story):
        moments.setdefault(event, []).append(moment)
    writes = moments.pop(WRITE, [])
    found = [version(sum(w < read for w in writes), asked, known) for asked, read, known in moments.values()]
    return sorted(found, key=lambda one: one.known_at)


@given(st.permutations([*(number for number in range(ANSWERS) for _ in range(3)), *(WRITE for _ in range(WRITES))]))
@example((1, 0, 0, 0, 2, WRITE, 2, WRITE, 1, 1, 2))
def test_no_answer_that_overlapped_with_a_newer_one_passes_for_the_newest(story: Sequence[int]) -> None:
    told, asked_again = answers(story), AsyncMock(return_value=version(WRITES, len(story), len(story) + 1))
    state = EngineState({KEY[0]: AsyncMock(get=asked_again)}, FakeClock())
    for answer in told:
        state.remember(KEY, answer)
    current = trio.run(state.current, KEY, "1")
    assert current is not None
    assert current.body["number"] >= max(answer.body["number"] for answer in told)


@given(st.integers(min_value=1, max_value=5))
def test_answers_that_follow_one_another_are_taken_without_a_further_question(count: int) -> None:
    ask = AsyncMock()
    state = EngineState({KEY[0]: AsyncMock(get=ask)}, FakeClock())
    for number in range(count):
        state.remember(KEY, version(number, 2 * number, 2 * number + 1))
    current = trio.run(state.current, KEY, "1")
    assert current is not None
    assert current.body["number"] == count - 1
    ask.assert_not_awaited()


def test_nobody_takes_an_unclear_version_while_another_asks_which_is_the_newest() -> None:
    count, seen = iter(range(10, 20)), list[object]()

    async def ask(_entity: str, _record_id: str) -> Fetched:
        asked_at = next(count)
        await trio.sleep(1)
        return version(1, asked_at, next(count))

    async def main() -> None:
        state = EngineState({KEY[0]: AsyncMock(get=ask)}, FakeClock())
        state.remember(KEY, version(0, 1, 3))
        state.remember(KEY, version(1, 2, 4))

        async def look() -> None:
            current = await state.current(KEY, "1")
            seen.append(None if current is None else current.body["number"])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await trio.sleep(0.5)
            nursery.start_soon(look)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert seen == [1, 1]
