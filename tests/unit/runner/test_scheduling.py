"""What the scheduler sends to which pytest-xdist worker."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("xdist")

from talkqa.runner.manifest import WorldFolders
from talkqa.runner.scheduling import WorldScheduling

ITEMS = ["a/test_1.py::x", "a/test_1.py::y", "a/test_2.py::z", "b/test_3.py::x", "b/test_3.py::y", "test_4.py::x"]


class Node:
    """A worker as the scheduler sees it."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.sent: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: list[int]) -> None:
        assert not self.shutting_down
        self.sent += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def make(tmp_path: Path, workers: int, collections: list[list[str]]) -> tuple[WorldScheduling, list[Node]]:
    for world in "ab":
        (tmp_path / world).mkdir()
        manifest = {"world": world, "documents": [], "checks": []}
        (tmp_path / world / "manifest.json").write_text(json.dumps(manifest))
    config = SimpleNamespace(
        rootpath=tmp_path,
        getvalue=lambda name: [f"{workers}*popen"] if name == "tx" else None,
        option=SimpleNamespace(loadscopereorder=False, debug=False),
        hook=SimpleNamespace(pytest_collectreport=lambda report: None),
    )
    log = SimpleNamespace(loadscopesched=lambda *_: None)
    scheduling = WorldScheduling(config, log, WorldFolders(top=tmp_path))  # type: ignore[arg-type]
    nodes = [Node(f"gw{index}") for index in range(workers)]
    for node in reversed(nodes):  # workers come up in any order
        scheduling.add_node(node)
    for node, items in zip(nodes, collections, strict=True):
        scheduling.add_node_collection(node, items)
    assert scheduling.collection_is_completed
    scheduling.schedule()
    return scheduling, nodes


def test_a_worker_has_its_whole_share_at_once_and_worlds_stay_whole(tmp_path: Path) -> None:
    _, nodes = make(tmp_path, 2, [ITEMS, ITEMS])
    assert [sorted(node.sent) for node in nodes] == [[0, 1, 2], [3, 4, 5]]
    assert all(node.shutting_down for node in nodes)


def test_workers_without_work_are_sent_home(tmp_path: Path) -> None:
    scheduling, nodes = make(tmp_path, 4, [ITEMS] * 4)
    assert [sorted(node.sent) for node in nodes] == [[0, 1, 2], [3, 4], [5], []]
    assert len(scheduling.nodes) == 3


def test_the_run_is_over_when_every_item_is_reported(tmp_path: Path) -> None:
    scheduling, nodes = make(tmp_path, 2, [ITEMS, ITEMS])
    assert scheduling.has_pending
    for node in nodes:
        for index in node.sent:
            scheduling.mark_test_complete(node, index)
    assert not scheduling.has_pending
    assert scheduling.tests_finished


def test_what_a_lost_worker_left_goes_to_its_replacement(tmp_path: Path) -> None:
    scheduling, nodes = make(tmp_path, 2, [ITEMS, ITEMS])
    scheduling.mark_test_complete(nodes[0], 0)
    assert scheduling.remove_node(nodes[0]) == ITEMS[1]
    replacement = Node("gw2")
    scheduling.add_node(replacement)
    scheduling.add_node_collection(replacement, ITEMS)
    scheduling.schedule()
    assert sorted(replacement.sent) == [1, 2]


def test_workers_that_collected_differently_run_nothing(tmp_path: Path) -> None:
    _, nodes = make(tmp_path, 2, [ITEMS, ITEMS[1:]])
    assert all(not node.sent for node in nodes)


def test_an_empty_collection_is_no_work(tmp_path: Path) -> None:
    scheduling, nodes = make(tmp_path, 2, [[], []])
    assert scheduling.collection == []
    assert all(not node.sent for node in nodes)
