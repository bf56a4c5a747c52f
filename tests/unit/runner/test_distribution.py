"""Which worker runs which world."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.runner.distribution import deal_items, deal_scopes, holds_worlds, scope_of, worker_index
from talkqa.runner.manifest import WorldFolders

SIZES = st.dictionaries(st.text(max_size=3), st.integers(1, 50), max_size=12)


@given(SIZES, st.integers(1, 5))
def test_every_scope_is_dealt_out_and_nobody_idles_while_there_is_work(sizes: dict[str, int], workers: int) -> None:
    shares = deal_scopes(sizes, workers)
    assert shares.keys() == sizes.keys()
    assert len(set(shares.values())) == min(workers, len(sizes))


@given(SIZES, st.integers(1, 5))
def test_no_worker_has_more_than_the_others_by_more_than_one_scope(sizes: dict[str, int], workers: int) -> None:
    shares = deal_scopes(sizes, workers)
    loads = [sum(sizes[scope] for scope in sizes if shares[scope] == index) for index in range(workers)]
    assert max(loads) - min(loads) <= max(sizes.values(), default=0)


@given(SIZES, st.integers(1, 5), st.randoms())
def test_the_answer_does_not_depend_on_the_order(sizes: dict[str, int], workers: int, random: object) -> None:
    """Controller and workers must come to the same answer."""
    names = list(sizes)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert deal_scopes({name: sizes[name] for name in names}, workers) == deal_scopes(sizes, workers)


def make_world(folder: Path, text: str | None = None) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text or json.dumps({"world": "a/b", "documents": [], "checks": []}))


def test_all_modules_of_a_world_stay_together_and_other_modules_go_alone(tmp_path: Path) -> None:
    make_world(tmp_path / "g/a/b")
    (tmp_path / "g/a/b/more").mkdir()
    folders = WorldFolders(top=tmp_path)
    scopes = {
        scope_of(node, tmp_path, folders)
        for node in ("g/a/b/test_a.py::test_x[1-::]", "g/a/b/more/test_b.py::test_y", "g/test_c.py::test_z")
    }
    assert scopes == {"g/a/b", "g/test_c.py"}
    assert deal_items(["g/a/b/test_a.py::x", "g/test_c.py::y"], tmp_path, folders, 2) == {"g/a/b": 0, "g/test_c.py": 1}


def test_a_world_above_the_root_has_a_scope_too(tmp_path: Path) -> None:
    make_world(tmp_path / "g")
    assert scope_of("test_a.py::x", tmp_path / "g/inner", WorldFolders(top=tmp_path)) == str(tmp_path / "g")


def test_worlds_are_found_below_and_above_what_is_collected(tmp_path: Path) -> None:
    make_world(tmp_path / "g/a/b")
    (tmp_path / "g/a/b/test_a.py").touch()
    (tmp_path / "other/manifest.json").parent.mkdir()
    (tmp_path / "other/manifest.json").write_text('{"name": "web"}')
    assert holds_worlds([tmp_path / "g"])
    assert holds_worlds([tmp_path / "g/a/b/test_a.py"])
    assert not holds_worlds([tmp_path / "other"])


@pytest.mark.parametrize("hidden", [".cache", "node_modules", "__pycache__"])
def test_folders_that_pytest_leaves_out_are_not_searched(tmp_path: Path, hidden: str) -> None:
    make_world(tmp_path / hidden / "a")
    assert not holds_worlds([tmp_path])


def test_a_damaged_manifest_counts_so_that_collection_can_tell(tmp_path: Path) -> None:
    make_world(tmp_path / "a", '{"world": "a/b"}')
    assert holds_worlds([tmp_path])


def test_a_worker_knows_its_place() -> None:
    assert worker_index("gw12") == 12
