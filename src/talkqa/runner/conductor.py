"""The hooks of a pytest run that has scenarios of ours in it; registered only then."""

import gc
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from talkqa.model.errors import TalkqaError
from talkqa.model.result import CheckFinished
from talkqa.runner.bind import Binding, end_item, trace_of
from talkqa.runner.capture import captured_logs, captured_prints, mask_report
from talkqa.runner.distribution import deal_items, scope_of, worker_index
from talkqa.runner.live import RunFacts
from talkqa.runner.manifest import WorldFolder, WorldFolders
from talkqa.runner.options import find_root, read_facts
from talkqa.runner.plans import CollectedScenario, read_scenarios
from talkqa.runner.progress import Progress, RichStatus
from talkqa.runner.readiness import find_grounds, find_stage, write_line
from talkqa.runner.session import RunSession
from talkqa.runner.stage import Stage
from talkqa.runner.vocabulary import Vocabulary


@dataclass(slots=True)
class _Turn:
    """The item whose turn it is, and how far it is."""

    node: str
    binding: Binding
    index: int = -1
    ours: bool = False
    """Whether the step under way was performed by us."""


@dataclass(slots=True)
class _Held:
    """What lasts from the first item to the end of the session."""

    session: RunSession
    stack: ExitStack = field(default_factory=ExitStack)


def conduct(session: pytest.Session, items: list[pytest.Item], vocabulary: Vocabulary) -> "Conductor | None":
    """Read the scenarios among the collected items; None where none is ours.

    Raises:
        TalkqaError: for a wrong setting or a damaged manifest.
    """
    config = session.config
    folders = WorldFolders(top=config.rootpath)
    scenarios = read_scenarios(items, folders, vocabulary)
    if not scenarios:
        return None
    for item in items:
        if item.nodeid in scenarios:
            item.extra_keyword_matches.add(scenarios[item.nodeid].plan.check)
            if item.get_closest_marker("talkqa") is None:
                item.add_marker("talkqa")
    worlds = {s.folder.path: s.folder for s in scenarios.values() if s.folder is not None}
    root = find_root(config, worlds.values())
    return Conductor(
        config=config,
        facts=read_facts(config, root),
        folders=folders,
        scenarios=scenarios,
        vocabulary=vocabulary,
        uncollected=find_uncollected(config, tuple(worlds.values()), scenarios),
    )


def find_uncollected(
    config: pytest.Config, worlds: tuple[WorldFolder, ...], scenarios: Mapping[str, CollectedScenario]
) -> dict[Path, tuple[str, ...]]:
    """Checks of a manifest that became no item, by world folder, for the folders that were collected whole.

    pytest-bdd loses a scenario without a word where two have the same name.
    """
    narrowed = ("lf", "ignore", "ignore_glob", "deselect")
    if any(config.getoption(option, default=None) for option in narrowed) or any("::" in arg for arg in config.args):
        return {}
    whole = [(config.invocation_params.dir / argument).resolve() for argument in config.args]
    found = {scenario.plan.check for scenario in scenarios.values()}
    lost = {
        world.path: tuple(check for check in world.checks if check not in found)
        for world in worlds
        if any(world.path.resolve().is_relative_to(folder) for folder in whole)
    }
    return {path: checks for path, checks in lost.items() if checks}


class Conductor:
    """Lets scenarios run ahead and lets each item take its own outcomes."""

    def __init__(
        self,
        *,
        config: pytest.Config,
        facts: RunFacts,
        folders: WorldFolders,
        scenarios: Mapping[str, CollectedScenario],
        vocabulary: Vocabulary,
        uncollected: Mapping[Path, tuple[str, ...]],
    ) -> None:
        self.facts = facts
        self._config = config
        self._folders = folders
        self._scenarios = scenarios
        self._vocabulary = vocabulary
        self._uncollected = uncollected
        self._items: list[pytest.Item] = []
        self._stage: Stage | None = None
        self._held: _Held | None = None
        self._turn: _Turn | None = None
        self._interrupted = False

    # pytest's hooks
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn which scenarios were selected; refuse them where it is known that none can be performed.

        Raises:
            pytest.UsageError: where an account or a recording is missing, or cannot be used.
        """
        self._items = list(session.items)
        # What was collected lives to the end of the session: no reason to look through it again and again.
        gc.freeze()
        if not (self._config.getoption("collectonly", default=False) or hasattr(self._config, "workerinput")):
            self._require_grounds()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let scenarios run ahead before the first item, and free the item's place after it."""
        if self._held is None:
            self._held = self._begin()
        held = self._held
        try:
            with self._captured():
                held.session.start(item.nodeid)
        except TalkqaError as error:
            pytest.exit(self.facts.secrets.text(f"talkqa: {error}"), returncode=3)
        result = yield
        held.session.report(item.nodeid)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Ask for the verdict when the last step is through."""
        __tracebackhide__ = True
        if pyfuncitem.nodeid not in self._scenarios:
            return (yield)
        with self._captured():
            try:
                result = yield
            except (KeyboardInterrupt, pytest.exit.Exception):
                raise
            except BaseException as error:
                self._end_turn(pyfuncitem, error)
                raise
            finished = self._end_turn(pyfuncitem, None)
        if finished is not None:
            end_item(finished)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Mask what pytest is about to print of an item, whatever raised or said it."""
        report = yield
        mask_report(report, self.facts.secrets.text)
        return report

    def pytest_bdd_before_scenario(self, request: pytest.FixtureRequest) -> None:
        """Take hold of the item's scenario."""
        binding = self._held.session.binding(request.node.nodeid) if self._held is not None else None
        self._turn = _Turn(node=request.node.nodeid, binding=binding) if binding is not None else None

    def pytest_bdd_before_step(self) -> None:
        """Count the steps: two of a scenario may have the same text."""
        if self._turn is not None:
            self._turn.index += 1
            self._turn.ours = False

    def pytest_bdd_after_step(self) -> None:
        """Note that a step of the project's own passed."""
        if self._turn is not None and not self._turn.ours:
            self._turn.binding.told(self._turn.index, None)

    def pytest_bdd_step_error(self, exception: BaseException) -> None:
        """Note that a step of the project's own failed."""
        if self._turn is not None and not self._turn.ours:
            self._turn.binding.told(self._turn.index, exception)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Remember that a person waits for the end."""
        self._interrupted = isinstance(excinfo.value, KeyboardInterrupt)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """End what still runs, swept; tell what did not run."""
        if self._held is not None:
            with self._held.stack:
                self._held.session.end(interrupted=self._interrupted)

    # what the plugin and the short cut ask
    def runs_ahead(self, node: str) -> bool:
        """Whether an item's scenario needs nothing of pytest-bdd when its turn comes."""
        return not self.facts.serial and node in self._scenarios and self._scenarios[node].ahead

    def take_step(self) -> None:
        """Let the step under way happen."""
        __tracebackhide__ = True
        if self._turn is None:
            pytest.fail("talkqa: this scenario was not planned when tests were collected", pytrace=False)
        self._turn.ours = True
        self._turn.binding.take(self._turn.index)

    def summary(self) -> list[str]:
        """Lines for the end of pytest's output."""
        lines = [
            f"talkqa: {len(checks)} checks of {path / 'manifest.json'} were not collected, the first: {checks[0]}; "
            "run `talkqa generate`"
            for path, checks in self._uncollected.items()
        ]
        return [*lines, f"talkqa: results in {self.facts.run_dir}"] if self._held is not None else lines

    # the run
    def _begin(self) -> _Held:
        selected = {item.nodeid: self._scenarios[item.nodeid] for item in self._items if item.nodeid in self._scenarios}
        held = _Held(
            RunSession(
                facts=self.facts,
                scenarios=selected,
                find_stage=self._find_stage,
                vocabulary=self._vocabulary,
                redact=self.facts.secrets.event,
                progress=self._progress(),
                is_mine=self._share(),
                uncollected=self._uncollected,
            )
        )
        logging_plugin: Any = self._config.pluginmanager.get_plugin("logging-plugin")
        handlers = tuple(
            getattr(logging_plugin, name)
            for name in ("caplog_handler", "report_handler", "log_cli_handler", "log_file_handler")
            if hasattr(logging_plugin, name)
        )
        held.stack.enter_context(captured_logs(held.session.board.put_log, handlers, self.facts.secrets.text))
        return held

    def _require_grounds(self) -> None:
        nodes = {item.nodeid for item in self._items}
        folders = {s.folder.path: s.folder for n, s in self._scenarios.items() if n in nodes and s.folder is not None}
        try:
            told = find_grounds(folders.values(), self._find_stage, self.facts)
        except TalkqaError as error:
            raise pytest.UsageError(str(error)) from error
        if told:
            self._write_line(told)

    def _write_line(self, text: str) -> None:
        write_line(self._config, text)

    def _find_stage(self) -> Stage:
        if self._stage is None:
            self._stage = find_stage(self._config)
        return self._stage

    def _progress(self) -> Progress:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None or hasattr(self._config, "workerinput"):
            return Progress(lambda _: None)

        # On the real clock pytest's own dots come in between, which a status line would break.
        on_terminal = reporter.isatty and self.facts.virtual and self._config.option.verbose >= 0
        return Progress(self._write_line, status=RichStatus if on_terminal else None)

    def _share(self) -> Any:
        given = getattr(self._config, "workerinput", None)
        if given is None or self._config.getoption("dist", "no") == "each":
            return lambda _: True
        root = self._config.rootpath
        shares = deal_items((item.nodeid for item in self._items), root, self._folders, given["workercount"])
        mine = worker_index(given["workerid"])
        nodes = {str(s.folder.path) if s.folder else "": node for node, s in self._scenarios.items()}

        def is_mine(folder: WorldFolder | None) -> bool:
            node = nodes.get(str(folder.path) if folder is not None else "")
            return node is not None and shares.get(scope_of(node, root, self._folders)) == mine

        return is_mine

    def _captured(self) -> Any:
        if self._held is None or self._config.getoption("capture") == "no":
            return ExitStack()
        return captured_prints(self._held.session.board.put_log, self.facts.secrets.text)

    def _end_turn(self, item: pytest.Item, error: BaseException | None) -> CheckFinished | None:
        turn, self._turn = self._turn, None
        if turn is None or self._held is None:
            return None
        finished = turn.binding.close(error)
        board = self._held.session.board
        log, trace = board.log(turn.node), trace_of(board.exception(turn.node))
        if log:
            item.add_report_section("call", "talkqa", log)
        if trace and error is not None:
            item.add_report_section("call", "talkqa traceback", trace)
        if finished is not None:
            item.user_properties += [
                ("talkqa_check", finished.check),
                ("talkqa_outcome", str(finished.outcome)),
                ("talkqa_reason", finished.reason),
                ("talkqa_begin_s", round(finished.begin_s, 3)),
                ("talkqa_end_s", round(finished.end_s, 3)),
            ]
        return finished
