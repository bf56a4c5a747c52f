"""The pytest plugin: options, marks, one step definition, and the few hooks that find out whether there is work.

Every pytest run of an environment with talkqa in it loads this module. So it imports little; the rest, with the hooks
that run scenarios (`conductor.py`), comes in once a scenario that uses the vocabulary was collected.
"""

import importlib
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from pytest_bdd import step
from pytest_bdd.scenario import scenario_wrapper_template_registry

from talkqa.model.errors import TalkqaError
from talkqa.runner.distribution import holds_worlds
from talkqa.runner.manifest import WorldFolders
from talkqa.runner.options import RUN_INPUT, add_options
from talkqa.runner.vocabulary import Vocabulary, VocabularyParser, flatten_steps

if TYPE_CHECKING:
    from talkqa.runner.conductor import Conductor

VOCABULARY = Vocabulary()
MARKS = {
    "talkqa": "a scenario that talkqa performs; the argument `id` is its check id, where it carries one",
    "policy": "rests on what every sync engine is expected to do; no document promises it",
    "negative": "shows that something does not happen",
    "approved": "rests on a row that a person approved and no document has",
    "smoke": "belongs to the smallest depth",
}
_CONDUCTOR: "pytest.StashKey[Conductor]" = pytest.StashKey()
_RUN = pytest.StashKey[str]()
_RUN_DIR = pytest.StashKey[str]()
_ANNOUNCED = pytest.StashKey[bool]()
_RUN_DIR_OUTPUT = "talkqa_run_dir"


@step(VocabularyParser(VOCABULARY))
def _perform_step(request: pytest.FixtureRequest) -> None:
    """Let the scenario's own step happen, wherever it runs: its text alone decides what is done."""
    __tracebackhide__ = True
    request.config.stash[_CONDUCTOR].take_step()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hooks that a conftest.py may implement."""
    from talkqa.runner import hooks  # noqa: PLC0415 - as pytest wants it: a module

    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Register our marks."""
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    VOCABULARY.replace_own(())


@pytest.hookimpl(optionalhook=True)
def pytest_bdd_apply_tag(tag: str, function: Any) -> object:
    """Make the tag that carries a check's id into one registered mark; others go pytest-bdd's way."""
    if tag.startswith("talkqa-id:"):
        pytest.mark.talkqa(id=tag.removeprefix("talkqa-id:"))(function)
    return True if tag.startswith("talkqa-") else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Find the scenarios that are ours, before anything is deselected; do nothing where there are none."""
    if not scenario_wrapper_template_registry:
        return
    from talkqa.runner.conductor import conduct  # noqa: PLC0415 - only where scenarios were collected
    from talkqa.runner.shortcut import ShortCut  # noqa: PLC0415 - see above

    try:
        VOCABULARY.replace_own(flatten_steps(config.hook.pytest_talkqa_steps(config=config)).values())
        conductor = conduct(session, items, VOCABULARY)
    except TalkqaError as error:
        raise pytest.UsageError(f"talkqa: {error}") from error
    if conductor is not None:
        config.stash[_CONDUCTOR] = conductor
        config.pluginmanager.register(conductor, "talkqa-conductor")
        short_cut = ShortCut(runs_ahead=conductor.runs_ahead, take=conductor.take_step)
        config.pluginmanager.register(short_cut, "talkqa-short-cut")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell an xdist controller where the results are."""
    conductor = session.config.stash.get(_CONDUCTOR, None)
    output = getattr(session.config, "workeroutput", None)
    if conductor is not None and output is not None:
        output[_RUN_DIR_OUTPUT] = str(conductor.facts.run_dir)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Keep each world in one worker, where there are worlds."""
    paths = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    if config.getoption("dist") == "each" or not holds_worlds(paths):
        return None
    from talkqa.runner.scheduling import WorldScheduling  # noqa: PLC0415 - needs xdist, which is optional

    return WorldScheduling(config, log, WorldFolders(top=config.rootpath))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give every worker the run's id: they write into one folder."""
    from datetime import UTC, datetime  # noqa: PLC0415 - only where xdist distributes

    from talkqa.runner.events import make_run_id  # noqa: PLC0415 - see above

    node.workerinput[RUN_INPUT] = node.config.stash.setdefault(_RUN, make_run_id(datetime.now(UTC)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: list[str]) -> None:
    """Say where a live run is going to write, or refuse it, before a worker begins: workers have no terminal."""
    if _ANNOUNCED in node.config.stash:
        return
    node.config.stash[_ANNOUNCED] = True
    from talkqa.runner.readiness import announce  # noqa: PLC0415 - only where xdist distributes

    try:
        announce(node.config, ids)
    except TalkqaError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Learn from a worker where the results are."""
    folder = getattr(node, "workeroutput", {}).get(_RUN_DIR_OUTPUT)
    if folder:
        node.config.stash[_RUN_DIR] = folder


def _import_hypothesis() -> None:
    """Import it before its own plugin does so for its summary, and without a warning.

    hypothesis (6.170) warns of the random generator that trio (0.35) hands it on import; where warnings are errors,
    that ended the session without a summary.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("hypothesis")


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell where the results are."""
    conductor = terminalreporter.config.stash.get(_CONDUCTOR, None)
    if conductor is not None:
        if terminalreporter.config.pluginmanager.hasplugin("hypothesispytest"):
            _import_hypothesis()
        for line in conductor.summary():
            terminalreporter.write_line(line)
    elif _RUN_DIR in terminalreporter.config.stash:
        terminalreporter.write_line(f"talkqa: results in {terminalreporter.config.stash[_RUN_DIR]}")
