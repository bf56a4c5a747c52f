"""Single calls replay by who asked, what and how often; what fails is told as it failed."""

from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from talkqa.model.account import Account, Auth
from talkqa.model.call import Purpose
from talkqa.model.errors import ApiUnavailable
from talkqa.transport.recording import CassetteError
from talkqa.transport.replayer import NotRecorded, Replayer
from talkqa.verify.clock import TrioClock
from tests.fakes.virtual import run_virtual
from tests.unit.transport.cassette_calls import Wire, page, record, replay, row, told
from tests.unit.transport.cassette_story import EPOCH


def answer(**content: Any) -> httpx.Response:
    return httpx.Response(200, json=content)


def test_answers_come_when_they_came(tmp_path: Path) -> None:
    """An own call waits for its recorded answer; asked later, it is answered at once."""

    async def story(wire: Wire) -> None:
        await wire.until(5.0)
        await wire.call("POST", "/a", {"x": 1})
        await wire.call("GET", "/a")

    recording = record(tmp_path, story, [answer(n=1), answer(n=2)])

    async def again(wire: Wire) -> None:
        first = await wire.call("POST", "/a", {"x": 1})
        assert (first.json(), round(wire.clock.now(), 6)) == ({"n": 1}, 5.1)
        await wire.until(9.0)
        second = await wire.call("GET", "/a")
        assert (second.json(), wire.clock.now()) == ({"n": 2}, 9.0)

    replay(recording, again)


def test_calls_of_one_kind_answer_in_turn_and_by_what_they_say(tmp_path: Path) -> None:
    """GraphQL sends everything to one place: the body tells which is which, the order which of two alike."""

    async def story(wire: Wire) -> None:
        for name in ("a", "b", "a"):
            await wire.call("POST", "/graphql", {"q": name})
        for name in ("r", "s"):
            await wire.call("POST", "/graphql", {"q": name}, purpose=Purpose.CONFIRM)

    recording = record(tmp_path, story, [answer(n=n) for n in range(5)])

    async def again(wire: Wire) -> None:
        async def ask(name: str, **keys: Any) -> int:
            return int((await wire.call("POST", "/graphql", {"q": name}, **keys)).json()["n"])

        assert [await ask(name) for name in ("b", "a", "a")] == [1, 0, 2]
        assert [await ask(name, purpose=Purpose.CONFIRM) for name in ("s", "r", "s")] == [4, 3, 4]
        assert await ask("r", purpose=Purpose.CONFIRM, actor="other") == 3
        with pytest.raises(NotRecorded, match="body field 'q': 'z' now, 'r' recorded"):
            await ask("z", purpose=Purpose.CONFIRM, actor="other")

    replay(recording, again)


def test_reads_of_others_tell_what_was_known_then(tmp_path: Path) -> None:
    """Whoever asks for what another one asked gets the last answer before now, else the first one there was."""

    async def story(wire: Wire) -> None:
        for at_s in (10.0, 20.0, 30.0):
            await wire.until(at_s)
            await wire.call("GET", "/a")

    recording = record(tmp_path, story, [answer(n=1), httpx.Response(503), answer(n=3)])

    async def again(wire: Wire) -> None:
        seen = []
        for at_s in (0.0, 10.05, 25.0, 40.0):
            await wire.until(at_s)
            seen.append(((await wire.call("GET", "/a", actor="other")).json()["n"], round(wire.clock.now(), 6)))
        assert seen == [(1, 0.0), (1, 10.1), (1, 25.0), (3, 40.0)]

    replay(recording, again)


def test_descriptions_keep_nobody_waiting(tmp_path: Path) -> None:
    """They are asked for everybody, and who asks first is chance: only an answer under way is waited for."""

    async def story(wire: Wire) -> None:
        for at_s in (10.0, 20.0):
            await wire.until(at_s)
            await wire.call("GET", "/describe", actor="describe")

    recording = record(tmp_path, story, [answer(n=1), answer(n=2)])

    async def again(wire: Wire) -> None:
        seen = []
        for at_s in (5.0, 20.05, 30.0):
            await wire.until(at_s)
            seen.append(((await wire.call("GET", "/describe", actor="describe")).json()["n"], wire.clock.now()))
        assert [(n, round(at_s, 6)) for n, at_s in seen] == [(1, 5.0), (2, 20.1), (2, 30.0)]

    replay(recording, again)


def test_a_write_of_another_actor_answers_nobody(tmp_path: Path) -> None:
    """Writes never fall back: what one scenario created is not what another one would have."""

    async def story(wire: Wire) -> None:
        await wire.call("POST", "/a", {"x": 1}, actor="one")

    recording = record(tmp_path, story, [answer(n=1)])

    async def again(wire: Wire) -> None:
        with pytest.raises(NotRecorded, match="it was recorded for 'one' alone"):
            await wire.call("POST", "/a", {"x": 1}, actor="two")
        with pytest.raises(NotRecorded, match="it was recorded for 'one' alone"):
            await wire.call("POST", "/a", {"x": 2}, actor="two")
        with pytest.raises(NotRecorded, match="method: DELETE now, POST recorded"):
            await wire.call("DELETE", "/a", actor="two")
        with pytest.raises(NotRecorded, match="no PUT of 'two' was recorded"):
            await wire.call("PUT", "/b", actor="two")
        with pytest.raises(NotRecorded, match="path: '/b' now, '/a' recorded"):
            await wire.call("POST", "/b", {"x": 1}, actor="one")

    replayed = replay(recording, again)
    assert len(replayed.use({}).missing) == 4  # two differ in nothing that the message says


def test_sweeps_find_what_was_removed_whoever_did_it(tmp_path: Path) -> None:
    """A parent is refused first and removed in the second pass; asked once more, it is gone as it was."""

    async def story(wire: Wire) -> None:
        await wire.until(100.0)
        for _ in range(2):
            await wire.call("DELETE", "/a/1", actor="one")
        await wire.call("PATCH", "/b/1", {"active": False}, actor="two")

    recording = record(tmp_path, story, [httpx.Response(409), httpx.Response(204), answer(n=1)])

    async def again(wire: Wire) -> None:
        assert [(await wire.call("DELETE", "/a/1", actor="x")).status_code for _ in range(3)] == [409, 204, 204]
        assert (await wire.call("PATCH", "/b/1", {"active": False}, actor="sweep")).json() == {"n": 1}
        assert wire.clock.now() == 0.0

    replay(recording, again)


def test_the_sweep_is_not_recorded(tmp_path: Path) -> None:
    """A replay has nothing to remove: what is asked from the sweep on is for the recorded run alone."""

    async def story(wire: Wire) -> None:
        await wire.call("GET", "/a")
        await wire.call("DELETE", "/a/1", actor="sweep")
        await wire.poll()

    recording = record(tmp_path, story, [answer(n=1), httpx.Response(204), page(row("1"))])
    assert [one.url for one in recording.systems["CRM"].interactions] == ["/a"]
    assert recording.systems["CRM"].polls == {}


def test_long_parameters_are_kept_by_their_digest(tmp_path: Path) -> None:
    """A list of a hundred fields in every URL would fill a cassette; another list is still another one."""
    fields = ",".join(f"Field_{number}" for number in range(100))

    async def story(wire: Wire) -> None:
        assert (await wire.call("GET", f"/a?$select={fields}&x=1")).status_code == 200

    recording = record(tmp_path, story, [answer(n=1)])
    (one,) = recording.systems["CRM"].interactions
    assert one.url.startswith("/a?$select=Field_0,Field_1,")
    assert len(one.url) < 100
    replay(recording, story)

    async def other(wire: Wire) -> None:
        with pytest.raises(NotRecorded, match=r"query parameter '\$select': 'Field_0,"):
            await wire.call("GET", f"/a?$select={fields},More&x=1")

    replay(recording, other)


@pytest.mark.parametrize("status", [422, 500])
def test_a_refusal_that_another_scenario_met_is_met_again(tmp_path: Path, status: int) -> None:
    """One learns that a field is refused, the next goes without; replayed alone, the next learns it the same way."""
    refused = httpx.Response(status, json={"errors": [{"code": "unknown_field", "field": "f"}]})
    graphql = answer(data={"create": {"didSucceed": False}})

    async def story(wire: Wire) -> None:
        await wire.call("POST", "/a", {"x": 1, "f": "1", "g": {"h": "1"}}, actor="one")
        await wire.call("POST", "/a", {"x": 1, "g": {"h": "1"}}, actor="one")
        await wire.call("POST", "/a", {"x": 1}, actor="one")
        await wire.call("POST", "/a", {"x": 2}, actor="two")

    recording = record(tmp_path, story, [refused, graphql, answer(n=1), answer(n=2)])

    async def again(wire: Wire) -> None:
        async def create(**values: Any) -> httpx.Response:
            return await wire.call("POST", "/a", {"x": 2, **values}, actor="two")

        assert (await create(f="2", g={"h": "2"})).status_code == status
        assert (await create(g={"h": "2"})).json()["data"]["create"] == {"didSucceed": False}
        assert (await create()).json() == {"n": 2}
        with pytest.raises(NotRecorded):
            await create(f="2")

    replay(recording, again)

    async def other(wire: Wire) -> None:
        with pytest.raises(NotRecorded, match="body field 'z': 1 now, nothing recorded"):
            await wire.call("POST", "/a", {"x": 2, "z": 1}, actor="two")

    replay(recording, other)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (httpx.ReadTimeout("no answer within 30 s"), httpx.ReadTimeout, "no answer within 30 s"),
        (httpx.RemoteProtocolError("gone"), httpx.RemoteProtocolError, "gone"),
        (ApiUnavailable("the budget is used up"), ApiUnavailable, "the budget is used up"),
    ],
)
def test_what_got_no_answer_gets_none_again(tmp_path: Path, error: Exception, kind: type[Exception], said: str) -> None:
    """The same error at the same time, so that what came of it is the same."""

    async def story(wire: Wire) -> None:
        await wire.until(3.0)
        with pytest.raises(kind, match=said):
            await wire.call("POST", "/a", {"x": 1})
        assert round(wire.clock.now(), 6) == 3.1

    replay(record(tmp_path, story, [error]), story)


def test_a_call_that_was_given_up_is_not_answered(tmp_path: Path) -> None:
    """The next one of its kind is still the next one."""

    async def story(wire: Wire) -> None:
        with trio.move_on_after(0.05):
            await wire.call("GET", "/a")
        await wire.call("GET", "/a")

    recording = record(tmp_path, story, [answer(n=1), answer(n=2)])

    async def again(wire: Wire) -> None:
        with pytest.raises(httpx.ReadTimeout, match="nobody waited"):
            await wire.call("GET", "/a")
        assert (await wire.call("GET", "/a")).json() == {"n": 2}

    replay(recording, again)


def test_a_renewed_token_leaves_no_trace(tmp_path: Path) -> None:
    """A replay has no token that could expire: the 401 in the middle is left out, one that decided is kept."""

    async def story(wire: Wire) -> None:
        for _ in range(2):
            await wire.call("POST", "/a", {"x": 1})
        await wire.call("GET", "/b")

    recording = record(tmp_path, story, [httpx.Response(401), answer(n=1), httpx.Response(401)])

    async def again(wire: Wire) -> None:
        assert (await wire.call("POST", "/a", {"x": 1})).json() == {"n": 1}
        assert (await wire.call("GET", "/b")).status_code == 401

    replayed = replay(recording, again)
    assert replayed.use({"check": ""}).unused == ()


def test_an_account_for_replaying_has_the_path_and_options_but_nothing_secret(tmp_path: Path) -> None:
    """A recorded system is reached below the path that it had, at a host that does not exist."""
    account = Account(
        system="CRM",
        url="http://crm.sandbox/api/v2/",
        auth=Auth(kind="bearer", token="s3cret-token"),  # noqa: S106
        options={"division": "17"},
    )

    async def story(wire: Wire) -> None:
        await wire.call("GET", "/api/v2/a?key=s3cret-token&x=s3cret-token")

    link = httpx.Response(200, json={"next": "http://crm.sandbox/api/v2/a?page=2", "t": "s3cret-token"})
    recording = record(tmp_path, story, [link], account=account)
    found = recording.account("CRM")
    assert (found.url, found.options) == ("https://crm.recorded.invalid/api/v2", {"division": "17"})
    (one,) = recording.systems["CRM"].interactions
    assert one.body == '{"next":"https://crm.recorded.invalid/api/v2/a?page=2","t":"***"}'
    assert one.url == "/api/v2/a?key=***&x=***"

    async def again(wire: Wire) -> None:
        assert (await wire.call("GET", "/api/v2/a?key=1&x=2")).status_code == 200

    replay(recording, again)
    with pytest.raises(CassetteError, match="holds nothing of ERP"):
        recording.account("ERP")
    with pytest.raises(CassetteError, match="holds nothing of ERP"):
        Replayer(recording, run_virtual(_clock)).transport("ERP")


async def _clock() -> TrioClock:
    return TrioClock(EPOCH)


def test_searches_keep_no_foreign_record(tmp_path: Path) -> None:
    """A client that searches by reading everything, and one that says where its records are, keep as much as a poll."""

    async def story(wire: Wire) -> None:
        await wire.poll()
        await wire.call("GET", "/rows?name=ours")
        await wire.call("GET", "/query?q=1")
        await wire.call("GET", "/lookup?q=2")

    foreign, unknown = row("9", "somebody"), row("8", "anybody")
    answers = [page(row("1"), foreign), page(row("1"), foreign, unknown), page(foreign, unknown), httpx.Response(200)]
    recording = record(tmp_path, story, [*answers])
    text = (tmp_path / "crm.json").read_text()
    assert "somebody" not in text
    assert text.count("anybody") == 1  # no poll has shown it: it may be a currency
    listed, queried = (
        one for one in recording.systems["CRM"].interactions if one.url in ("/rows?name=ours", "/query?q=1")
    )
    assert [one.body.count("talkqa_foreign") for one in (queried, listed)] == [1, 2]


def test_large_bodies_that_repeat_are_written_once(tmp_path: Path) -> None:
    """A description asked for by everybody takes its place once, and everybody gets it."""
    big = {"fields": [{"name": f"field {number}"} for number in range(50)]}

    async def story(wire: Wire) -> None:
        for number in range(5):
            answered = await wire.call("GET", "/describe", actor=f"check {number}")
            assert answered.json() == big

    recording = record(tmp_path, story, [httpx.Response(200, json=big) for _ in range(5)])
    bodies = [one["response"]["body"]["string"] for one in told(tmp_path)]
    assert [len(body) > 1000 for body in bodies] == [True, False, False, False, False]
    replay(recording, story)


def test_unused_reads_count_where_nobody_read_the_same(tmp_path: Path) -> None:
    """Who asks first for what everybody needs is chance; a question that nobody asks any more is a change."""

    async def story(wire: Wire) -> None:
        await wire.call("GET", "/a", actor="one")
        await wire.call("GET", "/a", actor="two")
        await wire.call("GET", "/b", actor="two")

    recording = record(tmp_path, story, [answer(n=1), answer(n=2), answer(n=3)])

    async def again(wire: Wire) -> None:
        await wire.call("GET", "/a", actor="one")

    assert replay(recording, again).use({"two": ""}).unused == ("two: CRM was asked GET /b at 0.2 s",)
