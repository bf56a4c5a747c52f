"""Polls are kept as news and times, and replayed as time goes on, whatever cursor they carry."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.call import PollShape, Purpose
from talkqa.transport.replayer import NotRecorded, Replayer
from tests.fakes.clock import FakeClock
from tests.unit.transport.cassette_calls import SHAPE, Wire, page, record, replay, row, told

OFTEN = [page(row("1")), page(row("1")), page(row("1", "ours 2")), page(), page(row("2"), row("1", "ours 3"))]


async def ask_often(wire: Wire) -> None:
    """A poll every 4 s, each answered after 0.1 s."""
    for number in range(len(OFTEN)):
        await wire.until(4.0 * number)
        await wire.poll(f"c{number}" if number else "")


def names(rows: list[Any]) -> list[str]:
    return [f"{one['id']} {one['name']}" for one in rows]


def test_only_news_is_kept(tmp_path: Path) -> None:
    """Each version once; polls without news are times alone."""
    recording = record(tmp_path, ask_often, [*OFTEN])
    assert [one["talkqa"]["answered_s"] for one in (entry["response"] for entry in told(tmp_path))] == [0.1, 8.1, 16.1]
    assert recording.systems["CRM"].polls["CRM/Person"].answers == (0.1, 4.1, 8.1, 12.1, 16.1)
    assert "foreign" not in (tmp_path / "crm.json").read_text().replace("talkqa_foreign", "")
    assert all("?" not in entry["request"]["uri"] for entry in told(tmp_path))


def test_a_poll_tells_all_that_was_told_by_now(tmp_path: Path) -> None:
    """One poll in place of four gives every version in order; what it gave is given once more, as it stood."""
    recording = record(tmp_path, ask_often, [*OFTEN])

    async def again(wire: Wire) -> None:
        await wire.until(13.0)
        assert names(await wire.poll("any")) == ["1 ours", "1 ours 2"]
        assert names(await wire.poll("other")) == ["1 ours 2"]
        assert wire.clock.now() == 13.0  # no question was under way then
        await wire.until(16.05)
        assert names(await wire.poll("other")) == ["1 ours 2", "2 ours", "1 ours 3"]
        assert round(wire.clock.now(), 6) == 16.1
        assert names(await wire.poll("other")) == ["2 ours", "1 ours 3"]

    replay(recording, again)


def test_an_observer_that_asks_when_it_was_answered_sees_what_was_seen(tmp_path: Path) -> None:
    """Each version at its time; after the last answer there is nothing to wait for."""
    recording = record(tmp_path, ask_often, [*OFTEN])
    replayer = Replayer(recording, FakeClock())
    times: list[float] = []

    async def again(wire: Wire) -> None:
        while (answered_s := replayer.next_answer_s("CRM", "Person", wire.clock.now())) is not None:
            await wire.until(answered_s)
            await wire.poll("x")
            times.append(round(wire.clock.now(), 6))
            await trio.sleep(0.001)

    replay(recording, again)
    assert times == [0.1, 4.1, 8.1, 12.1, 16.1]
    assert [replayer.next_answer_s("CRM", "Person", at_s) for at_s in (0.0, 0.1, 5.0, 17.0)] == [0.1, 0.1, 8.1, None]
    assert replayer.next_answer_s("CRM", "Order", 0.0) is None
    assert replayer.next_answer_s("ERP", "Person", 0.0) is None


def test_a_question_shortly_before_the_recorded_one_is_that_one(tmp_path: Path) -> None:
    """A recorded run took time to think; long before it, nobody was asking."""
    recording = record(tmp_path, ask_often, [*OFTEN])

    async def again(wire: Wire) -> None:
        times = []
        for at_s in (3.9, 3.96, 4.05):
            await wire.until(at_s)
            await wire.poll("x")
            times.append(round(wire.clock.now(), 6))
        assert times == [3.9, 4.1, 4.1]

    replay(recording, again)


def test_who_asks_for_everything_gets_it_and_takes_nothing(tmp_path: Path) -> None:
    """The same request as the very first one lists what is there; the observer beside it misses nothing."""
    recording = record(tmp_path, ask_often, [*OFTEN])

    async def again(wire: Wire) -> None:
        await wire.until(1.0)
        assert names(await wire.poll()) == ["1 ours"]
        assert names(await wire.poll("c1")) == ["1 ours"]
        await wire.until(13.0)
        assert names(await wire.poll(actor="parent Person")) == ["1 ours", "1 ours 2"]
        assert names(await wire.poll("c2")) == ["1 ours", "1 ours 2"]
        assert names(await wire.poll(actor="parent Person")) == ["1 ours 2"]
        await wire.until(20.0)
        assert names(await wire.poll(actor="parent Person")) == ["1 ours 2", "2 ours", "1 ours 3"]
        assert names(await wire.poll("c3")) == ["1 ours 2", "2 ours", "1 ours 3"]

    replay(recording, again)


def test_an_answer_counts_what_it_holds(tmp_path: Path) -> None:
    """Clients compare how many records they got with how many there are said to be."""
    held = page(row("1"), row("2")).json()
    told = {**held, "data": {**held["data"], "info": {"totalCount": 2, "pages": 7}}, "totalSize": 2, "@odata.count": 2}

    async def story(wire: Wire) -> None:
        for number in range(2):
            await wire.until(4.0 * number)
            await wire.poll(f"c{number}")

    recording = record(tmp_path, story, [httpx.Response(200, json=told), page(row("1", "ours 2"))])

    async def again(wire: Wire) -> None:
        await wire.until(1.0)
        answer = await wire.call("GET", "/rows?x", actor="", purpose=Purpose.POLL, poll=SHAPE)
        body = answer.json()
        assert (body["totalSize"], body["@odata.count"], body["data"]["info"]) == (2, 2, {"totalCount": 2, "pages": 7})
        assert body["side"] == []

    replay(recording, again)


def test_a_look_of_a_scenario_is_answered_when_it_was(tmp_path: Path) -> None:
    """It judges by what it saw then, not by what an observer had seen a moment before."""

    async def story(wire: Wire) -> None:
        async def look() -> None:
            await trio.sleep(0.05)
            await wire.poll("c", actor="check")

        await wire.poll()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await wire.poll("c")

    recording = record(tmp_path, story, [page(), page(), page(row("1"))])
    assert recording.systems["CRM"].polls["CRM/Person"].looks == {"check": ((0.15, 0.25),)}

    async def again(wire: Wire) -> None:
        await wire.until(0.15)
        assert names(await wire.poll("c", actor="check")) == ["1 ours"]
        assert round(wire.clock.now(), 6) == 0.25
        assert names(await wire.poll("c", actor="check")) == ["1 ours"]
        await wire.until(9.0)
        assert names(await wire.poll("c", actor="check")) == ["1 ours"]

    replay(recording, again)


def test_who_came_while_a_question_was_under_way_shares_the_next(tmp_path: Path) -> None:
    """As observers do it: the answer has to be later than the look; in a replay there may be no other who asks."""

    async def story(wire: Wire) -> None:
        for _ in range(3):
            await wire.poll("c")

    recording = record(tmp_path, story, [page(), page(), page(row("1"))])

    async def again(wire: Wire) -> None:
        await wire.until(0.15)
        assert names(await wire.poll("c", actor="check")) == ["1 ours"]
        assert round(wire.clock.now(), 6) == 0.3

    replay(recording, again)

    async def observed(wire: Wire) -> None:
        await wire.until(0.15)
        assert await wire.poll("c") == []
        assert round(wire.clock.now(), 6) == 0.2
        await wire.until(0.25)
        assert names(await wire.poll("c", actor="check")) == ["1 ours"]

    replay(recording, observed)


def test_pages_count_when_the_last_one_came(tmp_path: Path) -> None:
    """A client takes a poll as a whole; a replay gives it as one page."""

    async def story(wire: Wire) -> None:
        for url in ("/rows", "/rows?page=2", "/rows?page=3"):
            await wire.call("GET", url, actor="", purpose=Purpose.POLL, poll=SHAPE)

    answers = [page(row("1"), following="2"), page(row("2"), following="3"), page(row("3"))]
    recording = record(tmp_path, story, [*answers])
    assert recording.systems["CRM"].polls["CRM/Person"].answers == (0.3,)

    async def again(wire: Wire) -> None:
        answer = await wire.call("GET", "/rows", actor="", purpose=Purpose.POLL, poll=SHAPE)
        assert names(answer.json()["data"]["rows"]) == ["1 ours", "2 ours", "3 ours"]
        assert answer.json()["data"]["next"] is None
        assert round(wire.clock.now(), 6) == 0.3

    replay(recording, again)


def test_a_last_page_that_does_not_show_ends_with_the_pause_after_it(tmp_path: Path) -> None:
    """Not every dialect marks its last page; what is asked much later is another poll."""
    shape = PollShape(key="CRM/Person", items=SHAPE.items, id=SHAPE.id, last_page=((("data", "pages"), 1),))

    async def story(wire: Wire) -> None:
        for at_s, url in ((0.0, "/rows"), (0.1, "/rows?page=2"), (4.0, "/rows?c=1")):
            await wire.until(at_s)
            await wire.call("GET", url, actor="", purpose=Purpose.POLL, poll=shape)

    recording = record(tmp_path, story, [page(row("1")), page(row("2")), page(row("3"))])
    assert recording.systems["CRM"].polls["CRM/Person"].answers == (0.2, 4.1)


def test_a_poll_that_broke_off_is_asked_again_from_its_beginning(tmp_path: Path) -> None:
    """Pages of a poll that was cancelled, or failed, were seen by nobody."""

    async def story(wire: Wire) -> None:
        await wire.poll()
        with trio.move_on_after(0.05):
            await wire.poll("c")
        await wire.poll("c")
        with pytest.raises(httpx.ReadError):
            await wire.poll("d")
        await wire.poll("d")

    first, *others = page(), page(row("1")), page(row("1"), following="2"), httpx.ReadError("reset"), page(row("1"))
    recording = record(tmp_path, story, [first, *others])
    times = recording.systems["CRM"].polls["CRM/Person"]
    assert times.answers == (0.1, 0.45)

    async def again(wire: Wire) -> None:
        assert await wire.poll() == []
        await wire.until(0.25)
        with pytest.raises(httpx.ReadError, match="reset"):
            await wire.poll("c")
        assert round(wire.clock.now(), 6) == 0.35
        assert names(await wire.poll("c")) == ["1 ours"]

    replay(recording, again)


def test_a_poll_that_failed_fails_again(tmp_path: Path) -> None:
    """Also one that was answered 200 with something else than records, and one that was never answered well."""

    async def story(wire: Wire) -> None:
        for number in range(3):
            await wire.until(4.0 * number)
            await wire.call("GET", f"/rows?c={number}", actor="", purpose=Purpose.POLL, poll=SHAPE)

    errors = httpx.Response(200, json={"errors": ["busy"]})
    mixed = record(tmp_path / "mixed", story, [page(row("1")), errors, page()])
    never = record(tmp_path / "never", story, [httpx.Response(503), errors, httpx.Response(401)])

    async def ask(wire: Wire) -> list[tuple[int, bool]]:
        answers = []
        for number in range(3):
            await wire.until(4.0 * number)
            answer = await wire.call("GET", f"/rows?x={number}", actor="", purpose=Purpose.POLL, poll=SHAPE)
            answers.append((answer.status_code, "errors" in answer.text))
        return answers

    async def again_mixed(wire: Wire) -> None:
        assert await ask(wire) == [(200, False), (200, True), (200, False)]

    async def again_never(wire: Wire) -> None:
        assert await ask(wire) == [(503, False), (200, True), (200, True)]

    replay(mixed, again_mixed)
    replay(never, again_never)


def test_what_left_a_list_is_left_out_for_who_lists_everything(tmp_path: Path) -> None:
    """A system without deletions in its changes shows them by absence."""

    async def story(wire: Wire) -> None:
        for number in range(4):
            await wire.until(4.0 * number)
            await wire.poll(body={"query": "everything"})

    answers = [page(row("1"), row("2")), page(row("2")), page(row("2")), page(row("2"), row("1"))]
    recording = record(tmp_path, story, [*answers])
    assert [entry["response"]["talkqa"].get("gone") for entry in told(tmp_path)] == [None, ["1"], None]

    async def again(wire: Wire) -> None:
        seen = []
        for number in range(4):
            await wire.until(4.0 * number)
            seen.append(sorted(names(await wire.poll(body={"query": "everything"}))))
        assert seen == [["1 ours", "2 ours"], ["2 ours"], ["2 ours"], ["1 ours", "2 ours"]]

    replay(recording, again)


def test_once_ours_always_ours_unless_it_was_there_before(tmp_path: Path) -> None:
    """A record that lost our values is still ours; one that somebody had before is never, save where it holds them."""

    async def story(wire: Wire) -> None:
        for number in range(4):
            await wire.until(4.0 * number)
            await wire.poll(f"c{number}")

    answers = [
        page(row("old", "private")),
        page(row("new", "before"), row("old", "ours", secretive="x")),
        page(row("new", "ours"), row("old", "private again")),
        page(row("new", "emptied"), row("none", "nobody's")),
    ]
    record(tmp_path, story, [*answers])
    text = (tmp_path / "crm.json").read_text()
    assert [word in text for word in ("private", "before", "emptied", "nobody", "secretive")] == [
        *(False, False, True, False, True)
    ]


def test_foreign_hashes_tell_versions_apart_and_nothing_else(tmp_path: Path) -> None:
    """Equal contents have equal hashes within a recording, and others in the next one."""

    async def story(wire: Wire) -> None:
        for number in range(3):
            await wire.until(4.0 * number)
            await wire.poll(f"c{number}")

    def hashes(folder: Path) -> list[str]:
        answers = [page(row("1", "a")), page(row("1", "b")), page(row("1", "a"))]
        recording = record(folder, story, [*answers])
        found: list[str] = []

        async def again(wire: Wire) -> None:
            await wire.until(20.0)
            found.extend(one["talkqa_foreign"] for one in await wire.poll("x"))

        replay(recording, again)
        return found

    one, other = hashes(tmp_path / "1"), hashes(tmp_path / "2")
    assert one[0] == one[2] != one[1]
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))
    assert all(before != after for before, after in pairwise(one))


def test_a_poll_that_was_never_recorded_says_which_were(tmp_path: Path) -> None:
    """And one whose answers have another shape by now says so."""
    recording = record(tmp_path, ask_often, [*OFTEN])
    other = PollShape(key="CRM/Order", items=("rows",), id=("id",))
    moved = PollShape(key="CRM/Person", items=("elsewhere",), id=("id",))

    async def again(wire: Wire) -> None:
        with pytest.raises(NotRecorded, match="answers the poll CRM/Order; recorded polls: CRM/Person"):
            await wire.call("GET", "/rows", purpose=Purpose.POLL, poll=other)
        with pytest.raises(NotRecorded, match="hold no records at elsewhere"):
            await wire.call("GET", "/rows", purpose=Purpose.POLL, poll=moved)

    replay(recording, again)


def test_a_record_without_an_id_is_told_apart_by_what_it_holds(tmp_path: Path) -> None:
    """Nothing is lost where a system leaves the id out."""

    async def story(wire: Wire) -> None:
        for number in range(2):
            await wire.until(4.0 * number)
            await wire.poll(f"c{number}")

    recording = record(tmp_path, story, [page({"name": "ours 1"}), page({"name": "ours 1"}, {"name": "ours 2"})])

    async def again(wire: Wire) -> None:
        await wire.until(8.0)
        assert await wire.poll("x") == [{"name": "ours 1"}, {"name": "ours 2"}]

    replay(recording, again)
