"""Whether there is something to run against, found before the first check; and where worlds come from."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from talkqa.model.errors import ConfigError, TalkqaError
from talkqa.runner.live import RunFacts
from talkqa.runner.manifest import WorldFolder, WorldFolders
from talkqa.runner.options import find_root, read_facts
from talkqa.runner.stage import Stage


def announce(config: pytest.Config, nodes: Iterable[str]) -> None:
    """Do for the workers of pytest-xdist what one process does for itself before its first item.

    Raises:
        TalkqaError: where an account or a recording is missing, or cannot be used.
    """
    known = WorldFolders(top=config.rootpath)
    places = {config.rootpath / node.partition("::")[0] for node in nodes}
    folders = {folder.path: folder for place in places if (folder := known.find(place.parent)) is not None}
    facts = read_facts(config, find_root(config, folders.values()))
    told = find_grounds(folders.values(), lambda: find_stage(config), facts)
    if told:
        write_line(config, told)


def find_grounds(folders: Iterable[WorldFolder], find: Callable[[], Stage], facts: RunFacts) -> str:
    """See that there is something to run against; where a live run is going to write, in words.

    Each world would find out for itself, and tell it for each of its checks.

    Raises:
        ConfigError: where an account or a recording is missing, or cannot be used.
    """
    settings = facts.settings
    if settings.mode not in {"live", "replay"}:
        return ""
    problems: dict[str, list[str]] = {}
    systems: set[str] = set()
    stage = find()
    for folder in sorted(folders, key=lambda one: one.slug):
        try:
            world = stage.prepare(folder, settings, facts.root).world
        except TalkqaError as error:
            for line in str(error).splitlines():
                problems.setdefault(line, []).append(folder.slug)
        else:
            systems |= set(world.systems(chains=settings.chains) if world is not None else ())
    if problems:
        told = [f"talkqa: {line}\n  needed by {', '.join(worlds)}" for line, worlds in problems.items()]
        raise ConfigError("\n".join(told))
    if settings.mode != "live" or not systems:
        return ""
    from talkqa.runner.announcement import describe_writing  # noqa: PLC0415 - needs clients, as few runs do

    return describe_writing(systems, settings)


def find_stage(config: pytest.Config) -> Stage:
    """Where worlds come from: of a conftest.py, else of documents."""
    stage: Stage | None = config.hook.pytest_talkqa_stage(config=config)
    if stage is None:
        from talkqa.runner.worlds import WorldStage  # noqa: PLC0415 - emulators are needed by no other stage

        extra = config.getoption("--talkqa-documents")
        return WorldStage(tuple(config.invocation_params.dir / place for place in extra))
    return stage


def write_line(config: pytest.Config, text: str) -> None:
    """Write into pytest's own output, where there is any."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.ensure_newline()
        reporter.write_line(text)
