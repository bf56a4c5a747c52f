"""The record of what was generated for a world: `manifest.json` beside its features.

It tells a hand edit (digest of the bytes written), what nothing promises any more (files listed), whether anything has
to be rendered at all (digest of each flow), and how many checks a run must collect. It holds no date, no line number,
no order of sections and no path outside the project, so that equal flows give equal bytes.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from talkqa.model.check import Depth
from talkqa.model.errors import PlanError
from talkqa.model.flow import EntityRef, Flow
from talkqa.model.world import World

FORMAT = 1
GENERATOR = 4
"""Raise it whenever the same flows give other bytes: until then unchanged worlds are not rendered again.

`tests/unit/generate/test_manifest.py` fails where this was forgotten.
"""
OUTSIDE = "outside the project/"
"""Stands in front of the name of a document that does not lie in the project."""

_PLAIN_PATH = re.compile(r"(?!\.)[^/\\:]+(?:/(?!\.)[^/\\:]+)*")
"""A relative path that says nothing twice and leads nowhere else."""
_CHECKS = b'"checks": ['
"""The list of checks is most of a manifest and comes last: who only asks whether anything changed does not read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Premise:
    """All that the generated files of a world depend on."""

    world: str
    depth: Depth
    documents: tuple[str, ...]
    """Paths relative to the project, sorted."""
    flows: Mapping[str, str]
    """Flow id to digest of the flow."""
    generator: int = GENERATOR


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckEntry:
    """One check as the manifest lists it."""

    id: str
    flow: str
    feature: str
    """Name of the feature file."""
    rule: str
    """Kind of the sentence; `policy` where there is none."""
    name: str
    """Name of the scenario, shared by the rows of an outline."""
    digest: str
    """Of what the check demands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What was generated, and from what."""

    premise: Premise
    files: Mapping[str, str]
    """File name to SHA-256 of the bytes that talkqa wrote."""
    kept: Mapping[str, str]
    """The same for files that nothing generates any more but that were edited by hand."""
    checks: tuple[CheckEntry, ...]
    """Sorted by flow and id; empty where only the head was read."""
    intact: bool = True
    """Whether the list of checks on disk is the one that was written."""


def read_manifest(raw: bytes, place: str) -> Manifest:
    """Read a manifest without its list of checks; `place` is its path for messages.

    Raises PlanError where it is no manifest of this version.
    """
    head, _, tail = raw.partition(_CHECKS)
    return _read(head + _CHECKS + b"]}", place, intact=lambda digest: digest == digest_bytes(tail))


def read_whole_manifest(raw: bytes, place: str) -> Manifest:
    """Read a manifest with all its checks; raises PlanError where it is no manifest of this version."""
    return _read(raw, place, intact=lambda digest: digest == digest_bytes(raw.partition(_CHECKS)[2]))


def _read(raw: bytes, place: str, *, intact: Callable[[str], bool]) -> Manifest:
    try:
        return _build_manifest(json.loads(raw), intact=intact)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = (
            f"{place}: this is no manifest that talkqa can read ({error})\n"
            "  restore it, or delete it and generate again: files that were edited by hand are kept"
        )
        raise PlanError(message) from error


def write_manifest(manifest: Manifest) -> bytes:
    """The manifest as JSON: one check a line, keys in a fixed order, the list of checks last."""
    premise = manifest.premise
    lines = ",\n".join(_dump(vars_of(entry)) for entry in manifest.checks)
    tail = f"\n{lines}\n]\n}}\n".encode("ascii")
    head = {
        "format": FORMAT,
        "generator": premise.generator,
        "world": premise.world,
        "depth": str(premise.depth),
        "documents": list(premise.documents),
        "files": dict(sorted(manifest.files.items())),
        "kept": dict(sorted(manifest.kept.items())),
        "flows": dict(sorted(premise.flows.items())),
        "checks_digest": digest_bytes(tail),
    }
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    return f"{text},\n ".encode("utf-8", "backslashreplace") + _CHECKS + tail


def read_premise(world: World, depth: Depth, root: Path) -> Premise:
    """What the files of this world depend on now."""
    return Premise(
        world=world.slug,
        depth=depth,
        documents=tuple(sorted({name_document(document.path, root) for document in world.documents})),
        flows={flow.id: digest_flow(flow) for flow in world.flows},
    )


@lru_cache(maxsize=8)
def _resolved(root: Path) -> Path:
    return root.resolve()


def name_document(path: str, root: Path) -> str:
    """A document's path relative to the project, with forward slashes; its bare name where it lies outside."""
    if _PLAIN_PATH.fullmatch(path):
        return path
    given = Path(path)
    if given.is_absolute():
        try:
            given = given.resolve().relative_to(_resolved(root))
        except ValueError:
            return f"{OUTSIDE}{given.name}"
    parts = PurePosixPath(given.as_posix()).parts
    return f"{OUTSIDE}{given.name}" if ".." in parts else "/".join(parts)


def digest_bytes(raw: bytes) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    return hashlib.sha256(raw).hexdigest()


def digest_flow(flow: Flow) -> str:
    """Digest of all that a flow promises: no location, no order of sections."""
    words: list[Any] = [flow.id, _words_of(flow.source), _words_of(flow.target)]
    words.append([[rule.kind, rule.text, rule.condition, *map(_words_of, rule.connected)] for rule in flow.rules])
    words.append([[row.source, row.target] for row in flow.merge])
    words.append(
        [
            [row.source, row.target, row.data_type, row.transform is None]
            + [[qualifier.side, qualifier.value, qualifier.path] for qualifier in row.qualifiers]
            for row in flow.properties
        ]
    )
    return hashlib.sha256(_dump(words).encode("ascii")).hexdigest()


def vars_of(entry: CheckEntry) -> dict[str, str]:
    """The entry as it stands in the manifest."""
    return {
        "id": entry.id,
        "flow": entry.flow,
        "feature": entry.feature,
        "rule": entry.rule,
        "name": entry.name,
        "digest": entry.digest,
    }


def _build_manifest(data: Any, *, intact: Callable[[str], bool]) -> Manifest:
    if data["format"] != FORMAT:
        message = f"format {data['format']} is not {FORMAT}"
        raise ValueError(message)
    return Manifest(
        premise=Premise(
            world=str(data["world"]),
            depth=Depth(data["depth"]),
            documents=_read_texts(data["documents"]),
            flows=_read_digests(data["flows"]),
            generator=int(data["generator"]),
        ),
        files=_read_digests(data["files"]),
        kept=_read_digests(data["kept"]),
        checks=tuple(CheckEntry(**entry) for entry in data["checks"]),
        intact=intact(data["checks_digest"]),
    )


def _read_digests(values: Mapping[str, Any]) -> Mapping[str, str]:
    return {str(name): str(digest) for name, digest in values.items()}


def _read_texts(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _words_of(entity: EntityRef) -> list[str | None]:
    return [entity.system, entity.entity, entity.facet]


_dump = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
