"""A recorded world replays as it was: whole or in parts, however often it is polled, and without a socket."""

import json
import socket
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vcr.cassette import Cassette
from vcr.record_mode import RecordMode
from vcr.serializers import jsonserializer

from talkqa.model.call import ACTOR
from talkqa.model.errors import ApiUnavailable
from talkqa.transport.recording import Start
from talkqa.transport.replayer import NotRecorded
from talkqa.transport.shelf import read_recording
from tests.unit.transport.cassette_story import OURS, STARTS, Recorded, Stage, record, replay


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    return record(tmp_path_factory.mktemp("cassettes") / "custom-crm" / "salesforce")


def whats(log: dict[str, list[tuple[str, float]]], *names: str) -> dict[str, list[str]]:
    return {name: [what for what, _ in log.get(name, [])] for name in names}


def test_the_whole_replay_is_the_recorded_run_to_the_moment(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody sees the same at the same times, nothing is left over, and no socket is opened."""

    def refuse(*_args: object, **_keys: object) -> NoReturn:
        raise AssertionError("a replay opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    replayed = replay(recorded.folder)
    assert replayed.log == recorded.log
    assert {name: len(each) for name, each in recorded.log.items()} == {n: 6 + (n == "check-1") for n in STARTS}
    use = replayed.replayer.use(dict.fromkeys(STARTS, ""))
    assert (use.unused, use.outdated, use.missing) == ((), (), ())


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.sets(st.sampled_from(sorted(STARTS)), min_size=1))
def test_any_subset_replays_to_the_same_moments(recorded: Recorded, chosen: set[str]) -> None:
    """What a scenario sees does not depend on which others run beside it."""
    replayed = replay(recorded.folder, sorted(chosen))
    assert {name: replayed.log[name] for name in chosen} == {name: recorded.log[name] for name in chosen}
    assert replayed.replayer.use(dict.fromkeys(chosen, "")).missing == ()


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chosen=st.sets(st.sampled_from(sorted(STARTS)), min_size=1),
    extra=st.lists(st.floats(0.0, 110.0), max_size=12),
    poll_s=st.sampled_from([0.001, 0.05, 0.5]),
    everything=st.booleans(),
)
def test_more_or_other_polls_change_nothing(
    recorded: Recorded, chosen: set[str], extra: list[float], poll_s: float, everything: bool
) -> None:
    """However often the observer asks, and whoever asks beside it: everybody sees the same."""

    async def ask(stage: Stage) -> None:
        ACTOR.set("bystander")
        for at_s in sorted(extra):
            await trio.sleep(max(0.0, at_s - stage.clock.now()))
            await stage.client.changes("Person", None) if everything else await stage.observer.poll()

    replayed = replay(recorded.folder, sorted(chosen), poll_s=poll_s, around=ask)
    assert whats(replayed.log, *chosen) == whats(recorded.log, *chosen)


def test_versions_come_in_their_order_and_none_twice(recorded: Recorded) -> None:
    """An observer that asks more seldom still sees every version of every record, each once."""
    often, seldom = (replay(recorded.folder, poll_s=poll_s).observer for poll_s in (0.001, 0.5))

    def versions(observer: Any) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for sighting in observer.log:
            found.setdefault(sighting.record.id, []).append(sighting.record)
        return found

    ours = [each for each in versions(often).values() if len(each) > 1]
    assert len(ours) == len(STARTS)
    for record_id, each in versions(seldom).items():
        assert each == versions(often)[record_id][: len(each)]
        assert all(one != other for one, other in pairwise(each))


def test_a_cassette_loads_through_vcrpy_itself(recorded: Recorded) -> None:
    """Whoever has vcrpy can read a recording without talkqa."""
    cassette = Cassette.load(
        path=str(recorded.folder / "custom-crm.json"), serializer=jsonserializer, record_mode=RecordMode.NONE
    )
    assert len(cassette) == recorded.saved.interactions
    methods = {request.method for request in cassette.requests}
    assert methods == {"GET", "POST", "PATCH", "DELETE"}
    assert all(request.uri.startswith("https://custom-crm.recorded.invalid/Person") for request in cassette.requests)
    created = next(response for request, response in cassette.data if request.method == "POST")
    assert OURS in json.loads(created["body"]["string"])["name"]


def test_foreign_records_leave_id_stamp_and_hash(recorded: Recorded) -> None:
    """What was there before, and whoever changed it, is nobody's business."""
    told = "".join(path.read_text() for path in recorded.folder.iterdir())
    assert "somebody" not in told
    assert "private" not in told
    items = [
        item
        for one in read_recording(recorded.folder).systems["Custom CRM"].interactions
        if one.poll
        for item in json.loads(one.body)["records"]
    ]
    foreign = [item for item in items if "talkqa_foreign" in item]
    assert {frozenset(item) for item in foreign} == {frozenset({"id", "changed", "talkqa_foreign"})}
    assert len({item["id"] for item in foreign}) == 3
    assert len(items) > len(foreign) + 2 * len(STARTS)


def test_empty_polls_leave_nothing_but_their_time(recorded: Recorded) -> None:
    """A poll without news is a number in `world.json`."""
    recording = read_recording(recorded.folder).systems["Custom CRM"]
    polls = [one for one in recording.interactions if one.poll]
    times = recording.polls["Custom CRM/Person"]
    assert len(times.answers) > len(polls)
    assert {one.answered_s for one in polls} < set(times.answers)
    assert set(times.looks) <= set(STARTS)
    assert len(times.looks) > 2
    assert len(times.asked) == len(times.answers)


def test_recording_the_same_again_writes_the_same(recorded: Recorded, tmp_path: Path) -> None:
    """But for the hashes of foreign records, whose key is forgotten."""
    again = record(tmp_path / "again")

    def lines(folder: Path) -> list[str]:
        return [line for line in (folder / "custom-crm.json").read_text().splitlines() if "talkqa_foreign" not in line]

    assert lines(again.folder) == lines(recorded.folder)
    assert again.log == recorded.log


def write(stage: Stage, values: dict[str, Any], actor: str = "check-0") -> Any:
    ACTOR.set(actor)
    return stage.client.create("Person", values)


def missed(recorded: Recorded, ask: Any) -> str:
    """What a replay says of a request that nothing answers."""
    errors: list[NotRecorded] = []

    async def around(stage: Stage) -> None:
        try:
            await ask(stage)
        except NotRecorded as error:
            errors.append(error)

    replayed = replay(recorded.folder, ["check-3"], around=around)
    (error,) = errors
    assert error.code == "not-recorded"
    assert isinstance(error, ApiUnavailable)
    assert str(error) in replayed.replayer.use({"check-3": ""}).missing
    assert "talkqa run --record" in str(error)
    return str(error)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda s: write(s, {"name": f"{OURS} other", "note": "å"}), "'name': 'probe other' now, 'probe check-0'"),
        (lambda s: write(s, {"name": f"{OURS} check-0"}), "body field 'note': nothing now, 'å' recorded"),
        (lambda s: write(s, {"name": "x"}, "nobody"), "it was recorded for 'check-"),
        (lambda s: s.client.get("Person", "no-such-id"), "path: '/Person/no-such-id' now, '/Person/"),
        (lambda s: s.client.find("Person", "name", "x"), "query parameter 'equals': 'x' now, 'probe again check-"),
        (lambda s: s.client.delete("Person", "no-such-id"), "path: '/Person/no-such-id' now"),
    ],
    ids=["other value", "left out", "other actor", "other id", "other search", "never deleted"],
)
def test_a_request_that_nothing_answers_says_what_differs(recorded: Recorded, ask: Any, said: str) -> None:
    """The message names what parts the request from the closest recorded one, and how to record again."""
    assert said in missed(recorded, ask)


def test_a_write_is_answered_once(recorded: Recorded) -> None:
    """The same create twice was not recorded, so it does not give the same record twice."""

    async def twice(stage: Stage) -> None:
        for _ in range(2):
            await write(stage, {"name": f"{OURS} check-0", "note": "å"})

    assert "it was asked once when this was recorded, and is asked once more now" in missed(recorded, twice)


def test_what_a_scenario_left_undone_is_named(recorded: Recorded) -> None:
    """Unused writes of a selected scenario show that it does something else now."""

    async def nothing(stage: Stage) -> None:
        return

    replayed = replay(recorded.folder, [], around=nothing)
    use = replayed.replayer.use({"check-1": "", "check-new": ""}, existing=[*STARTS, "check-new"])
    assert any(one.startswith("check-1: Custom CRM was asked POST /Person at 0.6 s") for one in use.unused)
    assert all(one.startswith("check-1: ") for one in use.unused)
    assert use.missing == ("check-new was not recorded; record the world again with `talkqa run --record`",)
    assert use.outdated == ()


def test_recordings_of_other_checks_are_named_outdated(recorded: Recorded) -> None:
    """A check that is gone, and one whose steps are others now; what the latter leaves unused is no news."""
    recording = read_recording(recorded.folder)
    starts = {**recording.starts, "check-2": Start(at_s=7.3, digest="old"), "check-9": Start(at_s=1.0)}
    replayed = replay(recorded.folder, [], recording=replace(recording, starts=starts))
    use = replayed.replayer.use({"check-2": "new"}, existing=STARTS)
    assert use.outdated == ("check-2", "check-9")
    assert use.unused == ()


def test_a_record_deleted_by_one_is_deleted_by_whoever_asks(recorded: Recorded) -> None:
    """Sweeps remove what scenarios made, in whichever order, and at once."""
    gone: list[float] = []

    async def sweep(stage: Stage) -> None:
        ACTOR.set("sweep")
        recording = read_recording(recorded.folder).systems["Custom CRM"]
        (url,) = {one.url for one in recording.interactions if one.method == "DELETE"}
        for _ in range(2):
            before_s = stage.clock.now()
            await stage.client.delete("Person", url.rpartition("/")[2])
            gone.append(stage.clock.now() - before_s)

    replay(recorded.folder, [], around=sweep)
    assert gone == [0.0, 0.0]
