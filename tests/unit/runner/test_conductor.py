"""What the plugin says to pytest-xdist, and what a worker takes for its share."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from talkqa.model.settings import Settings
from talkqa.model.world import ScenarioPlan
from talkqa.runner import plugin
from talkqa.runner.conductor import Conductor
from talkqa.runner.live import RunFacts
from talkqa.runner.manifest import WorldFolders
from talkqa.runner.options import RUN_INPUT, VIRTUAL_EPOCH
from talkqa.runner.plans import CollectedScenario
from talkqa.runner.progress import RichStatus
from talkqa.runner.scheduling import WorldScheduling
from talkqa.runner.vocabulary import Vocabulary


def make_config(root: Path, **options: object) -> Any:
    given = {"dist": "load", "capture": "fd", **options}
    return SimpleNamespace(
        rootpath=root,
        args=[str(root)],
        invocation_params=SimpleNamespace(dir=root),
        stash=pytest.Stash(),
        getoption=lambda name, default=None: given.get(name, default),
        getvalue=lambda name: ["2*popen"] if name == "tx" else given.get(name),
        option=SimpleNamespace(verbose=0, debug=False),
        pluginmanager=SimpleNamespace(get_plugin=given.get),
    )


def make_worlds(root: Path) -> WorldFolders:
    for world in ("a", "b"):
        (root / world).mkdir(parents=True)
        (root / world / "manifest.json").write_text(json.dumps({"world": world, "documents": [], "checks": []}))
    return WorldFolders(top=root)


def make_conductor(config: Any, folders: WorldFolders, *, virtual: bool = True) -> Conductor:
    root = config.rootpath
    nodes = [f"{world}/test_x.py::{n}" for world in ("a", "b") for n in range(3)] + ["test_own.py::x"]
    conductor = Conductor(
        config=config,
        facts=RunFacts(
            run_id="r",
            run_dir=root / "r",
            root=root,
            settings=Settings(clock="virtual" if virtual else "real"),
            epoch=VIRTUAL_EPOCH,
        ),
        folders=folders,
        scenarios={
            node: CollectedScenario(
                plan=ScenarioPlan(check=node, name=node, node=node, steps=()),
                folder=folders.find((root / node.partition("::")[0]).parent),
                ahead=True,
            )
            for node in nodes
        },
        vocabulary=Vocabulary(),
        uncollected={},
    )
    conductor.pytest_collection_finish(SimpleNamespace(items=[SimpleNamespace(nodeid=node) for node in nodes]))  # type: ignore[arg-type]
    return conductor


def test_every_world_is_the_share_of_exactly_one_worker(tmp_path: Path) -> None:
    folders = make_worlds(tmp_path)
    shares = []
    for worker in ("gw0", "gw1"):
        config = make_config(tmp_path)
        config.workerinput = {"workerid": worker, "workercount": 2}
        is_mine = make_conductor(config, folders)._share()
        worlds = [folders.find(tmp_path / "a"), folders.find(tmp_path / "b"), None]
        shares.append([is_mine(world) for world in worlds])
    assert [one != other for one, other in zip(*shares, strict=True)] == [True, True, True]
    assert all(any(share) for share in shares)


@pytest.mark.parametrize("dist", ["each", "no"])
def test_who_runs_everything_has_everything_for_its_share(tmp_path: Path, dist: str) -> None:
    config = make_config(tmp_path, dist=dist)
    if dist == "each":
        config.workerinput = {"workerid": "gw0", "workercount": 2}
    folders = make_worlds(tmp_path)
    assert make_conductor(config, folders)._share()(folders.find(tmp_path / "a"))


def test_a_world_that_was_never_collected_is_nobody_s(tmp_path: Path) -> None:
    folders = make_worlds(tmp_path)
    (tmp_path / "c").mkdir()
    (tmp_path / "c/manifest.json").write_text(json.dumps({"world": "c", "documents": [], "checks": []}))
    config = make_config(tmp_path)
    config.workerinput = {"workerid": "gw0", "workercount": 2}
    assert not make_conductor(config, folders)._share()(folders.find(tmp_path / "c"))


def test_a_worker_tells_no_progress(tmp_path: Path) -> None:
    config = make_config(tmp_path, terminalreporter=SimpleNamespace(isatty=True))
    config.workerinput = {"workerid": "gw0", "workercount": 2}
    assert make_conductor(config, make_worlds(tmp_path))._progress()._make_status is None


@pytest.mark.parametrize(
    ("isatty", "virtual", "status"), [(True, True, RichStatus), (True, False, None), (False, True, None)]
)
def test_a_status_line_is_for_terminals_and_virtual_time(
    tmp_path: Path, isatty: bool, virtual: bool, status: type | None
) -> None:
    """On the real clock pytest's dots come in between."""
    told: list[str] = []
    reporter = SimpleNamespace(isatty=isatty, ensure_newline=lambda: told.append(""), write_line=told.append)
    config = make_config(tmp_path, terminalreporter=reporter)
    progress = make_conductor(config, make_worlds(tmp_path), virtual=virtual)._progress()
    assert progress._make_status is status
    progress._write_line("half way")
    assert told == ["", "half way"]


def test_a_step_outside_every_planned_scenario_says_so(tmp_path: Path) -> None:
    conductor = make_conductor(make_config(tmp_path), make_worlds(tmp_path))
    with pytest.raises(pytest.fail.Exception, match="was not planned when tests were collected"):
        conductor.take_step()


def test_a_session_that_ends_before_its_first_item_has_nothing_to_tell(tmp_path: Path) -> None:
    conductor = make_conductor(make_config(tmp_path), make_worlds(tmp_path))
    conductor.pytest_sessionfinish()
    assert conductor.summary() == []


def test_the_scheduler_is_ours_where_there_are_worlds(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    make_worlds(tmp_path)
    log = SimpleNamespace(loadscopesched=lambda *_: None)
    assert isinstance(plugin.pytest_xdist_make_scheduler(make_config(tmp_path), log), WorldScheduling)
    assert plugin.pytest_xdist_make_scheduler(make_config(tmp_path, dist="each"), log) is None
    (tmp_path / "empty").mkdir()
    assert plugin.pytest_xdist_make_scheduler(make_config(tmp_path / "empty"), log) is None


def test_all_workers_are_given_one_run(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    nodes = [SimpleNamespace(config=config, workerinput={}) for _ in range(2)]
    for node in nodes:
        plugin.pytest_configure_node(node)
    assert nodes[0].workerinput[RUN_INPUT] == nodes[1].workerinput[RUN_INPUT]


def test_the_controller_tells_where_the_workers_results_are(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    worker = make_config(tmp_path)
    worker.workeroutput = {}
    worker.stash[plugin._CONDUCTOR] = make_conductor(worker, make_worlds(tmp_path))
    plugin.pytest_sessionfinish(SimpleNamespace(config=worker))  # type: ignore[arg-type]
    plugin.pytest_testnodedown(SimpleNamespace(config=config, workeroutput=worker.workeroutput))
    lines: list[str] = []
    plugin.pytest_terminal_summary(SimpleNamespace(config=config, write_line=lines.append))  # type: ignore[arg-type]
    assert lines == [f"talkqa: results in {tmp_path / 'r'}"]


def test_a_worker_that_died_tells_nothing(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    plugin.pytest_testnodedown(SimpleNamespace(config=config))
    lines: list[str] = []
    plugin.pytest_terminal_summary(SimpleNamespace(config=config, write_line=lines.append))  # type: ignore[arg-type]
    assert lines == []
