"""Every document of the corpus can be generated, and pytest-bdd finds exactly the checks that the manifests list.

Reads $TALKQA_CORPUS/corpus/documents.
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from pytest_bdd.parser import FeatureParser
from pytest_bdd.scenario import make_python_name

from talkqa.checklist.identity import ID_TAG
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.generate.change import ChangeKind
from talkqa.generate.manifest import read_whole_manifest
from talkqa.generate.plan import plan, write
from talkqa.model.settings import Settings

DOCUMENTS = Path(os.environ.get("TALKQA_CORPUS", "")) / "corpus" / "documents"

pytestmark = pytest.mark.skipif(
    "TALKQA_CORPUS" not in os.environ or not DOCUMENTS.is_dir(),
    reason="TALKQA_CORPUS names no folder with corpus/documents",
)


def collect_feature(path: Path) -> tuple[list[str], list[str]]:
    """Check ids that pytest-bdd would run, and the functions it would make."""
    feature = FeatureParser(str(path.parent), path.name).parse()
    ids: list[str] = []
    for scenario in feature.scenarios.values():
        assert scenario.all_background_steps
        if scenario.templated:
            assert scenario.examples[0].examples
            ids.extend(row[0] for row in scenario.examples[0].examples)
        else:
            ids.extend(tag.removeprefix(ID_TAG) for tag in scenario.tags if tag.startswith(ID_TAG))
    return ids, [make_python_name(name) for name in feature.scenarios]


def test_pytest_bdd_finds_every_check_of_every_document_once(tmp_path: Path) -> None:
    settings = Settings()
    worlds = group_worlds(read_documents([DOCUMENTS], settings, root=DOCUMENTS.parent).documents)
    write(plan(worlds, settings, tmp_path))
    again = plan(worlds, settings, tmp_path)
    assert {change.kind for change in again.changes} == {ChangeKind.UNCHANGED}
    manifests = sorted((tmp_path / settings.output).rglob("manifest.json"))
    assert len(manifests) == sum(any(flow.rules for flow in world.flows) for world in worlds)
    for path in manifests:
        manifest = read_whole_manifest(path.read_bytes(), str(path))
        assert set(manifest.premise.flows) == {entry.flow for entry in manifest.checks}
        ids: list[str] = []
        functions: list[str] = []
        for feature in sorted(path.parent.glob("*.feature")):
            found, named = collect_feature(feature)
            assert sorted(found) == sorted(entry.id for entry in manifest.checks if entry.feature == feature.name)
            ids.extend(found)
            functions.extend(named)
        assert len(set(ids)) == len(ids) == len(manifest.checks)
        assert not [name for name, count in Counter(functions).items() if count > 1]
    modules = [path.name for path in (tmp_path / settings.output).rglob("test_*.py")]
    assert len(set(modules)) == len(modules) == len(manifests)
