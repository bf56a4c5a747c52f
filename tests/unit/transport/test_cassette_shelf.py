"""Recordings lie where they belong, are read whole or not at all, and say what is wrong with them."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.transport.recorder import Recorder
from talkqa.transport.recording import CassetteError, Recording, Start, WorldRecording
from talkqa.transport.shelf import name_cassettes, origin_of, read_recording, world_folder, write_recording
from talkqa.verify.clock import TrioClock
from tests.fakes.virtual import run_virtual
from tests.unit.transport.cassette_calls import Wire, page, record, replay, row
from tests.unit.transport.cassette_story import EPOCH, RECORDED, facts


async def story(wire: Wire) -> None:
    await wire.call("GET", "/a")
    await wire.poll()


def recorded(folder: Path) -> WorldRecording:
    return record(folder, story, [httpx.Response(200, json={"n": "å\u2028\x00"}), page(row("1"))])


@given(st.text(max_size=60))
def test_a_world_never_leaves_the_folder_of_recordings(slug: str) -> None:
    """Whatever a document calls its systems."""
    root = Path("/recordings")
    try:
        folder = world_folder(root, slug)
    except CassetteError:
        assert not slug.strip("/")
        return
    assert folder.resolve().is_relative_to(root)
    assert folder != root
    assert not any(part in ("..", ".") for part in folder.parts)


def test_worlds_have_the_folders_of_their_generated_tests() -> None:
    """One folder in another, as everywhere."""
    assert world_folder(Path("cassettes"), "custom-crm/salesforce") == Path("cassettes/custom-crm/salesforce")
    assert world_folder(Path("c"), "../x") == Path("c/%2E./x")
    assert len(world_folder(Path("c"), "x" * 999).name) < 200
    with pytest.raises(CassetteError, match="without a name"):
        world_folder(Path("c"), "/")


@given(st.sets(st.text(max_size=12), min_size=1, max_size=8))
def test_no_two_systems_share_a_cassette(systems: set[str]) -> None:
    """On no file system, and none takes the world's own file."""
    named = name_cassettes(tuple(systems))
    assert named.keys() == systems
    assert len({file.casefold() for file in named.values()} | {"world.json"}) == len(systems) + 1
    assert all("/" not in file and "\\" not in file and not file.startswith(".") for file in named.values())


def test_systems_are_recognised_in_their_names() -> None:
    """Readable, and at hosts that do not exist."""
    assert name_cassettes(("Custom CRM", "custom  crm", "World", "", "NUL"))["Custom CRM"] == "custom-crm.json"
    assert origin_of("Custom CRM") == "https://custom-crm.recorded.invalid"
    assert origin_of("") == "https://nameless.recorded.invalid"


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    """Facts, starts, notes, times and bodies, with every character."""
    recording = recorded(tmp_path)
    assert recording.facts == facts()
    assert recording.complete
    assert json.loads(recording.systems["CRM"].interactions[0].body) == {"n": "å\u2028\x00"}
    starts = {"a/b~c": Start(at_s=1.5, digest="d"), "z": Start(at_s=0.0)}
    changed = replace(recording, complete=False, starts=starts, notes={"arrival": (["x", 1.5], ["y", 2])})
    write_recording(tmp_path, changed)
    assert read_recording(tmp_path) == changed
    text = (tmp_path / "world.json").read_text()
    assert '  "a/b~c": [1.5, "d"],\n  "z": [0.0, ""]' in text
    assert '   ["x", 1.5],\n   ["y", 2]' in text


def test_writing_leaves_nothing_half_done_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is replaced in one go; when that fails, the one before is still there."""
    recording = recorded(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ["crm.json", "world.json"]

    def refuse(*_args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_recording(tmp_path, replace(recording, starts={}))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_new_recording_tells_what_the_old_one_held_beyond_it(tmp_path: Path) -> None:
    """Recording few checks of a world loses the others; cassettes of systems that are gone go with them."""
    recording = recorded(tmp_path)
    other = replace(recording.systems["CRM"], system="ERP", interactions=())
    both = {"CRM": recording.systems["CRM"], "ERP": other}
    write_recording(tmp_path, replace(recording, starts={"a": Start(at_s=1.0), "b": Start(at_s=2.0)}, systems=both))
    assert (tmp_path / "erp.json").exists()
    saved = write_recording(tmp_path, replace(recording, starts={"b": Start(at_s=2.0)}))
    assert saved.lost == ("a",)
    assert saved.size_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crm.json", "world.json"]


def test_only_cassettes_of_the_folder_are_ever_removed(tmp_path: Path) -> None:
    """What an old `world.json` names is somebody's text."""
    folder = tmp_path / "world"
    recording = recorded(folder)
    (tmp_path / "precious.json").write_text("{}")
    told = json.loads((folder / "world.json").read_text())
    told["systems"]["X"] = {"file": "../precious.json"}
    (folder / "world.json").write_text(json.dumps(told))
    write_recording(folder, recording)
    assert (tmp_path / "precious.json").exists()


def change(name: str, edit: Callable[[Any], Any]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        path = folder / name
        told = json.loads(path.read_text())
        edit(told)
        path.write_text(json.dumps(told))

    return changed


def cut(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text((folder / name).read_text()[:-40]) and None


def put(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "world.json").unlink(), "holds no recording; record the world with"),
        (lambda folder: (folder / "crm.json").unlink(), "crm.json is missing beside world.json; restore it or"),
        (cut("world.json"), "world.json is torn or garbled"),
        (cut("crm.json"), "crm.json is not what world.json was written with: it was changed by hand, merged or torn"),
        (put("world.json", b"\xff"), "world.json cannot be read"),
        (put("crm.json", b"\xff"), "crm.json cannot be read"),
        (put("world.json", b"[]"), "world.json is torn or garbled"),
        (change("world.json", lambda told: told.update(format=99)), "recorded in format 99 and this is format 1"),
        (change("world.json", lambda told: told.pop("epoch")), "world.json is torn or garbled"),
        (change("world.json", lambda told: told.update(epoch="2030-01-01T00:00:00")), "has no time zone"),
        (
            change("world.json", lambda told: told["systems"]["CRM"].update(file="../../x.json")),
            "world.json names '../../x.json', which is no cassette of its folder",
        ),
        (
            change("crm.json", lambda told: told["interactions"][0]["response"]["body"].update(string="{}")),
            "crm.json is not what world.json was written with",
        ),
    ],
)
def test_a_damaged_recording_says_what_is_wrong_and_what_to_do(
    tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    """Missing, torn, of another format, changed by hand: never replayed as if it were whole."""
    recorded(tmp_path)
    damage(tmp_path)
    with pytest.raises(CassetteError) as caught:
        read_recording(tmp_path)
    assert said in str(caught.value)
    assert "record the world" in str(caught.value)


@pytest.mark.parametrize(
    "edit",
    [
        lambda told: told.pop("interactions"),
        lambda told: told["interactions"][0].pop("request"),
        lambda told: told["interactions"][0]["response"].pop("talkqa"),
        lambda told: told["interactions"][0]["response"]["talkqa"].update(purpose="GOSSIP"),
        lambda told: told["interactions"][0]["response"]["talkqa"].update(asked_s="soon"),
        lambda told: told["interactions"][0]["response"]["talkqa"].update(same_body="0123"),
        lambda told: (
            told["interactions"][0]["response"]["talkqa"].update(packed=True),
            told["interactions"][0]["response"]["body"].update(string='{"talkqa_like":"1"}'),
        ),
        lambda told: told["interactions"][0]["response"].update(status=None),
    ],
)
def test_a_cassette_of_somebody_else_is_refused(tmp_path: Path, edit: Callable[[Any], Any]) -> None:
    """Also where the digest was made to fit."""
    from talkqa.transport.cassette import digest_text

    recorded(tmp_path)
    change("crm.json", edit)(tmp_path)
    digest = digest_text((tmp_path / "crm.json").read_text())
    change("world.json", lambda told: told["systems"]["CRM"].update(digest=digest))(tmp_path)
    with pytest.raises(CassetteError, match=r"crm\.json.* record the world again"):
        read_recording(tmp_path)


def test_line_ends_of_a_checkout_do_not_matter(tmp_path: Path) -> None:
    """Git may write them as the machine has them."""
    recording = recorded(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_recording(tmp_path) == recording


def test_old_recordings_fail_where_age_counts(tmp_path: Path) -> None:
    """`max_age_days` is compared with the date of the recording."""
    recording = recorded(tmp_path)
    recording.require_age(None, RECORDED + timedelta(days=9999))
    recording.require_age(30, RECORDED + timedelta(days=30))
    with pytest.raises(CassetteError, match=r"was made on 2031-05-01, 31\.0 days ago, and may be 30 days old; record"):
        recording.require_age(30, RECORDED + timedelta(days=31))


def test_what_changed_since_is_named(tmp_path: Path) -> None:
    """Settings by value, documents and checklist by digest."""
    old = replace(recorded(tmp_path).facts, settings={"depth": "deep"}, subjects={"a.rst": "1", "b.rst": "1", "c": "1"})
    recording = replace(recorded(tmp_path), facts=old)
    assert recording.differences({"depth": "deep"}, dict(old.subjects)) == ()
    found = recording.differences({"depth": "smoke", "seed": 4, "poll_s": 4.0}, {"a.rst": "2", "b.rst": "1", "d": "1"})
    assert found == (
        "a.rst has changed since this was recorded",
        "c was there when this was recorded, and is gone",
        "d was not there when this was recorded",
        "depth was 'deep' when this was recorded and is 'smoke' now",
        "seed was 3 when this was recorded and is 4 now",
    )


def test_actors_are_found_with_their_times(tmp_path: Path) -> None:
    """A heartbeat of a replay is the next recorded one after a moment."""

    async def beats(wire: Wire) -> None:
        for number in range(2):
            await wire.until(10.0 * (number + 1))
            for _ in range(2):
                await wire.call("GET", "/a", actor=f"heartbeat flow {number}")
        await wire.call("GET", "/a", actor="")

    recording = record(tmp_path, beats, [httpx.Response(200) for _ in range(5)])
    spans = recording.spans("heartbeat flow ")
    assert [(span.actor, span.first_asked_s, span.last_answered_s) for span in spans] == [
        ("heartbeat flow 0", 10.0, 10.2),
        ("heartbeat flow 1", 20.0, 20.2),
    ]
    assert recording.spans("check") == ()
    assert len(recording.spans("")) == 2


def test_a_killed_recording_leaves_the_one_before(tmp_path: Path) -> None:
    """Nothing is written before the end; a run that was stopped writes that it was."""
    recording = recorded(tmp_path)

    async def killed() -> None:
        recorder = Recorder(tmp_path, facts=facts(run_id="run-2"), clock=TrioClock(EPOCH), is_ours=lambda _item: True)
        recorder.transport("CRM", httpx.MockTransport(lambda _request: httpx.Response(500)))

    run_virtual(killed)
    assert read_recording(tmp_path) == recording
    assert not record(tmp_path, story, [httpx.Response(200), page()], complete=False).complete


def test_starts_notes_and_secrets_are_kept_as_given(tmp_path: Path) -> None:
    """Times to the microsecond, notes in their order by kind, secrets not at all."""

    async def make() -> None:
        recorder = Recorder(tmp_path, facts=facts(), clock=TrioClock(EPOCH), is_ours=lambda _item: True)
        transport = recorder.transport("CRM", httpx.MockTransport(lambda _r: httpx.Response(200, text="by-and-by")))
        recorder.transport("CRM", httpx.MockTransport(lambda _r: httpx.Response(500)))  # the same cassette
        recorder.note_start("check", 1.23456789, "digest")
        recorder.note("arrival", ["flow", 2.0])
        recorder.note("arrival", ["flow", 1.0])
        await transport.handle_async_request(httpx.Request("GET", "http://crm.sandbox/a"))
        recorder.learn_secrets(["by-and-by", ""])
        recorder.save()
        await transport.aclose()

    run_virtual(make)
    recording = read_recording(tmp_path)
    assert recording.starts == {"check": Start(at_s=1.234568, digest="digest")}
    assert recording.notes == {"arrival": (["flow", 2.0], ["flow", 1.0])}
    assert [one.body for one in recording.systems["CRM"].interactions] == ["***"]


def test_an_empty_world_replays_as_one(tmp_path: Path) -> None:
    """A recording may hold nothing."""
    empty = Recording(system="CRM", url="https://crm.recorded.invalid", interactions=())
    recording = WorldRecording(facts=facts(), complete=True, starts={}, systems={"CRM": empty})
    write_recording(tmp_path, recording)
    assert read_recording(tmp_path) == recording

    async def nothing(wire: Wire) -> None:
        assert wire.clock.stamp() == datetime(2030, 1, 1, tzinfo=UTC)

    assert replay(recording, nothing).use({}).missing == ()
