"""Which world a test module belongs to."""

import json
from pathlib import Path

import pytest

from talkqa.model.errors import ConfigError
from talkqa.runner.manifest import WorldFolders, read_manifest

MANIFEST = {"world": "a/b", "documents": ["specs/x.rst"], "checks": [{"id": "f/created"}, {"id": "f/quiet"}]}


def write(folder: Path, data: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "manifest.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_a_manifest_names_world_documents_and_checks(tmp_path: Path) -> None:
    world = read_manifest(write(tmp_path, MANIFEST))
    assert world is not None
    assert (world.path, world.slug) == (tmp_path, "a/b")
    assert (world.documents, world.checks) == (("specs/x.rst",), ("f/created", "f/quiet"))


@pytest.mark.parametrize("other", [{"name": "web app"}, [], {"world": 3}])
def test_the_manifest_of_something_else_is_no_world(tmp_path: Path, other: object) -> None:
    assert read_manifest(write(tmp_path, other)) is None


@pytest.mark.parametrize("damaged", ["{", {"world": "a/b"}, {**MANIFEST, "checks": [{}]}, {**MANIFEST, "checks": 3}])
def test_a_damaged_manifest_says_where_and_what_to_do(tmp_path: Path, damaged: object) -> None:
    path = write(tmp_path, damaged)
    with pytest.raises(ConfigError, match=r"manifest\.json: .*run `talkqa generate`"):
        read_manifest(path)


def test_the_nearest_manifest_in_the_folder_or_above_decides(tmp_path: Path) -> None:
    write(tmp_path / "t/a", MANIFEST)
    write(tmp_path / "t/a/inner", {**MANIFEST, "world": "inner"})
    (tmp_path / "t/a/deep/er").mkdir(parents=True)
    folders = WorldFolders(top=tmp_path)
    found = {name: folders.find(tmp_path / "t" / name) for name in ("a", "a/deep/er", "a/inner", "")}
    assert {name: world and world.slug for name, world in found.items()} == {
        "a": "a/b",
        "a/deep/er": "a/b",
        "a/inner": "inner",
        "": None,
    }


def test_nothing_above_the_top_counts(tmp_path: Path) -> None:
    write(tmp_path, MANIFEST)
    (tmp_path / "root/tests").mkdir(parents=True)
    assert WorldFolders(top=tmp_path / "root").find(tmp_path / "root/tests") is None


def test_a_manifest_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path, MANIFEST)
    folders = WorldFolders(top=tmp_path)
    first = folders.find(tmp_path)
    path.unlink()
    assert folders.find(tmp_path) is first
