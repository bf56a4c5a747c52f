"""Regeneration is quiet: what a revision of a document leaves alone stays byte-identical.

Reads the revision histories below $TALKQA_CORPUS/corpus/history: one folder a document, one file a revision.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.generate.manifest import read_whole_manifest
from talkqa.generate.plan import plan, write
from talkqa.model.settings import Settings

HISTORY = Path(os.environ.get("TALKQA_CORPUS", "")) / "corpus" / "history"
HISTORIES = sorted(path.name for path in HISTORY.glob("*") if path.is_dir()) if "TALKQA_CORPUS" in os.environ else []

pytestmark = pytest.mark.skipif(not HISTORIES, reason="TALKQA_CORPUS names no folder with corpus/history")


@dataclass(frozen=True)
class Generated:
    """What lies on disk after one revision."""

    stale: bool
    """Whether generating it changed anything."""
    files: Mapping[str, bytes]
    flows: Mapping[tuple[str, str], Any]
    """What each flow says, its places in the document left out, by world and id."""
    features: Mapping[tuple[str, str], str]
    """Path of the feature of each flow."""
    ids: Mapping[tuple[str, str], frozenset[str]]
    """Check ids of each flow."""


def without_places(value: Any) -> Any:
    """A model value as plain data, without its locations."""
    if isinstance(value, dict):
        return {key: without_places(part) for key, part in value.items() if key != "location"}
    return [without_places(part) for part in value] if isinstance(value, list | tuple) else value


def without_stamp_and_order(text: str) -> list[str]:
    """The sections of a document in no order, without the date stamp."""
    body = re.sub(r"^Generated:.*$", "", text, flags=re.MULTILINE)
    return sorted(section.strip() for section in re.split(r"\n(?=[^\n]+\n-{3,}\n)", body))


def generate(project: Path, text: str) -> Generated:
    """Generate one revision over whatever lies there."""
    document = project / "specs" / "document.rst"
    document.write_text(text, encoding="utf-8")
    settings = Settings()
    worlds = group_worlds(read_documents([document], settings, root=project).documents)
    planned = plan(worlds, settings, project)
    write(planned)
    output = project / settings.output
    files = {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    features: dict[tuple[str, str], str] = {}
    ids: dict[tuple[str, str], set[str]] = {}
    for path in sorted(files):
        if path.endswith("/manifest.json"):
            manifest = read_whole_manifest(files[path], path)
            for entry in manifest.checks:
                key = (manifest.premise.world, entry.flow)
                features[key] = f"{path.rpartition('/')[0]}/{entry.feature}"
                ids.setdefault(key, set()).add(entry.id)
    return Generated(
        stale=planned.stale,
        files=files,
        flows={(world.slug, flow.id): without_places(asdict(flow)) for world in worlds for flow in world.flows},
        features=features,
        ids={key: frozenset(found) for key, found in ids.items()},
    )


def read_revisions(history: str) -> Iterator[str]:
    for path in sorted((HISTORY / history).iterdir()):
        yield path.read_text(encoding="utf-8")


@pytest.mark.parametrize("history", HISTORIES)
def test_a_revision_changes_the_files_of_the_flows_it_alters_and_no_others(tmp_path: Path, history: str) -> None:
    project, fresh = tmp_path / "project", tmp_path / "fresh"
    for folder in (project, fresh):
        (folder / "specs").mkdir(parents=True)
    texts = list(read_revisions(history))
    before = generate(project, texts[0])
    for number, (old, text) in enumerate(pairwise(texts), start=1):
        after = generate(project, text)
        if without_stamp_and_order(old) == without_stamp_and_order(text):
            assert not after.stale, f"revision {number} changed files"
            assert after.files == before.files
        same = {key for key in before.flows.keys() & after.flows.keys() if before.flows[key] == after.flows[key]}
        for key in same & before.features.keys():
            assert after.features[key] == before.features[key]
            assert after.files[after.features[key]] == before.files[before.features[key]], f"{key} in {number}"
            assert after.ids[key] == before.ids[key]
        assert set(after.features.values()) == {path for path in after.files if path.endswith(".feature")}
        before = after
    assert generate(fresh, texts[-1]).files == before.files


def test_the_histories_hold_quiet_revisions_and_loud_ones() -> None:
    quiet = loud = 0
    for history in HISTORIES:
        texts = [without_stamp_and_order(text) for text in read_revisions(history)]
        pairs = list(pairwise(texts))
        quiet += sum(old == new for old, new in pairs)
        loud += sum(old != new for old, new in pairs)
    assert quiet
    assert loud
