"""Where recordings lie: a folder a world, in it a cassette a system and `world.json`, which is written last.

`world.json` holds the digests of the cassettes, so that files of two recordings are never taken for one.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from talkqa.transport.cassette import digest_text, read_cassette, write_atomically, write_cassette
from talkqa.transport.recording import (
    FORMAT,
    CassetteError,
    PollTimes,
    Recording,
    RecordingFacts,
    Start,
    WorldRecording,
)

WORLD = "world.json"

_UNSAFE = re.compile(r"[^A-Za-z0-9._%~-]")
_FILE = re.compile(r"[A-Za-z0-9_%~-][A-Za-z0-9._%~-]*\.json")
_LONGEST = 150
"""Characters of a name before it is cut: file systems end at 255 bytes, and a temporary name is longer."""
_TAKEN = frozenset({"con", "prn", "aux", "nul", "world"}) | {f"{n}{i}" for n in ("com", "lpt") for i in range(1, 10)}
"""Names that Windows keeps for devices, and ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What was written."""

    folder: Path
    interactions: int
    size_bytes: int
    lost: tuple[str, ...] = ()
    """Checks that the recording before held and this one does not, sorted."""


def world_folder(cassettes: Path, slug: str) -> Path:
    """The folder of a world, always below `cassettes`: `cassettes/custom-crm/salesforce`.

    Raises:
        CassetteError: for an empty slug.
    """
    parts = [name_file(part) for part in slug.split("/") if part]
    if not parts:
        raise CassetteError("a world without a name has no recordings")
    return cassettes.joinpath(*parts)


def name_file(text: str) -> str:
    """A file name, without its ending, for a name of a document: no separator, no dot in front, not too long."""
    name = _UNSAFE.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace")), text)
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}.{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return name or "_"


def name_cassettes(systems: tuple[str, ...]) -> Mapping[str, str]:
    """The file of each system, by canonical name: `custom-crm.json`; no two alike, on any file system."""
    named: dict[str, str] = {}
    for system in sorted(systems):
        name = name_file(re.sub(r"\s+", "-", system.strip().lower()))
        if name.casefold() in _TAKEN | {known.casefold().removesuffix(".json") for known in named.values()}:
            name = f"{name}.{hashlib.sha256(system.encode('utf-8', 'replace')).hexdigest()[:8]}"
        named[system] = f"{name}.json"
    return named


def origin_of(system: str) -> str:
    """Scheme and host that stand for a system's own in a recording: nothing answers there (RFC 2606)."""
    plain = re.sub(r"[^a-z0-9]+", "-", system.lower()).strip("-")[:50] or "nameless"
    return f"https://{plain}.recorded.invalid"


def write_recording(folder: Path, recording: WorldRecording) -> Saved:
    """Write a world's recording in place of the one that lies there."""
    folder.mkdir(parents=True, exist_ok=True)
    before = _known(folder)
    files = name_cassettes(tuple(recording.systems))
    systems: dict[str, Any] = {}
    size = count = 0
    for system, file in files.items():
        one = recording.systems[system]
        digest = write_cassette(folder / file, origin_of(system), one.interactions)
        systems[system] = {"file": file, "digest": digest, "url": one.url, "options": dict(one.dialect_options)}
        size += (folder / file).stat().st_size
        count += len(one.interactions)
    text = _format_world(recording, systems)
    write_atomically(folder / WORLD, text)
    for orphan in {str(one.get("file")) for one in before.get("systems", {}).values()} - set(files.values()):
        if _FILE.fullmatch(orphan):
            (folder / orphan).unlink(missing_ok=True)
    lost = tuple(sorted(set(before.get("starts", {})) - set(recording.starts)))
    return Saved(folder=folder, interactions=count, size_bytes=size + len(text), lost=lost)


def read_recording(folder: Path) -> WorldRecording:
    """The recording of a world.

    Args:
        folder: See `world_folder`.

    Raises:
        CassetteError: where there is none, or what lies there is torn, changed or of another format.
    """
    place = f"{folder.parent.name}/{folder.name}"
    try:
        text = (folder / WORLD).read_text("utf-8")
    except FileNotFoundError as error:
        raise CassetteError(f"{place} holds no recording; record the world with `talkqa run --record`") from error
    except (OSError, ValueError) as error:
        raise CassetteError(f"{place}/{WORLD} cannot be read ({error}); record the world again") from error
    try:
        told = json.loads(text)
        if told["format"] != FORMAT:
            raise CassetteError(
                f"{place} was recorded in format {told['format']!r} and this is format {FORMAT}; record the world again"
            )
        return _world_of(folder, told)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CassetteError(f"{place}/{WORLD} is torn or garbled ({error!r}); record the world again") from error


def _known(folder: Path) -> dict[str, Any]:
    """What `world.json` says of the recording before; nothing where there is none that can be read."""
    try:
        told = json.loads((folder / WORLD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    usable = isinstance(told, dict) and isinstance(told.get("starts"), dict) and isinstance(told.get("systems"), dict)
    return told if usable and all(isinstance(one, dict) for one in told["systems"].values()) else {}


def _world_of(folder: Path, told: Mapping[str, Any]) -> WorldRecording:
    facts = RecordingFacts(
        slug=str(told["world"]),
        run_id=str(told["run"]),
        version=str(told["talkqa"]),
        recorded_at=_moment(told["recorded_at"]),
        epoch=_moment(told["epoch"]),
        seed=int(told["seed"]),
        poll_s=float(told["poll_s"]),
        patience_s=float(told["patience_s"]),
        settings=dict(told["settings"]),
        subjects={str(name): str(digest) for name, digest in told["subjects"].items()},
    )
    starts = {
        str(check): Start(at_s=float(at_s), digest=str(digest)) for check, (at_s, digest) in told["starts"].items()
    }
    systems = {str(name): _system_of(folder, str(name), one, told) for name, one in told["systems"].items()}
    notes = {str(kind): tuple(each) for kind, each in told["notes"].items()}
    return WorldRecording(facts=facts, complete=told["complete"] is True, starts=starts, systems=systems, notes=notes)


def _system_of(folder: Path, system: str, told: Mapping[str, Any], world: Mapping[str, Any]) -> Recording:
    file = str(told["file"])
    if not _FILE.fullmatch(file):
        raise CassetteError(f"{WORLD} names {file!r}, which is no cassette of its folder; record the world again")
    path = folder / file
    try:
        digest = digest_text(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CassetteError(f"{file} is missing beside {WORLD}; restore it or record the world again") from error
    except (OSError, ValueError) as error:
        raise CassetteError(f"{file} cannot be read ({error}); record the world again") from error
    if digest != told["digest"]:
        raise CassetteError(
            f"{file} is not what {WORLD} was written with: it was changed by hand, merged or torn; restore both or "
            "record the world again"
        )
    return Recording(
        system=system,
        url=str(told["url"]),
        dialect_options={str(name): str(value) for name, value in told["options"].items()},
        interactions=read_cassette(path),
        polls={str(key): _times_of(one) for key, one in world["polls"].get(system, {}).items()},
    )


def _times_of(told: Mapping[str, Any]) -> PollTimes:
    asked = tuple(float(one) for one in told["asked"])
    if len(asked) != len(told["answers"]):
        raise ValueError("questions and answers of a poll differ in number")
    return PollTimes(
        asked=asked,
        answers=tuple(float(one) for one in told["answers"]),
        looks={
            str(actor): tuple((float(asked), float(answered)) for asked, answered in each)
            for actor, each in told.get("looks", {}).items()
        },
        first=str(told.get("first", "")),
    )


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text))
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def _format_world(recording: WorldRecording, systems: Mapping[str, Any]) -> str:
    facts = recording.facts
    told: dict[str, Any] = {
        "format": FORMAT,
        "world": facts.slug,
        "run": facts.run_id,
        "talkqa": facts.version,
        "recorded_at": facts.recorded_at.isoformat(),
        "epoch": facts.epoch.isoformat(),
        "seed": facts.seed,
        "poll_s": facts.poll_s,
        "patience_s": facts.patience_s,
        "complete": recording.complete,
        "settings": dict(sorted(facts.settings.items())),
        "subjects": dict(sorted(facts.subjects.items())),
        "systems": systems,
        "starts": {check: [start.at_s, start.digest] for check, start in sorted(recording.starts.items())},
        "polls": {
            system: {key: _told_times(times) for key, times in sorted(one.polls.items())}
            for system, one in sorted(recording.systems.items())
        },
        "notes": {kind: list(each) for kind, each in sorted(recording.notes.items())},
    }
    return _spread(told, levels=3) + "\n"


def _told_times(times: PollTimes) -> dict[str, Any]:
    looks = {actor: [list(pair) for pair in each] for actor, each in sorted(times.looks.items())}
    told = {"first": times.first, "asked": list(times.asked), "answers": list(times.answers)}
    return {**told, "looks": looks} if looks else told


def _spread(value: Any, *, levels: int, indent: str = "") -> str:
    """JSON with a line for each member of the outer levels: readable, and small when compared."""
    inner = f"{indent} "
    if levels and value and isinstance(value, dict):
        members = [f"{json.dumps(n)}: {_spread(each, levels=levels - 1, indent=inner)}" for n, each in value.items()]
        return "{\n" + ",\n".join(f"{inner}{one}" for one in members) + f"\n{indent}}}"
    if levels and isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        return "[\n" + ",\n".join(f"{inner}{json.dumps(each)}" for each in value) + f"\n{indent}]"
    return json.dumps(value)
