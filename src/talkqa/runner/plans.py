"""From collected pytest items to the scenarios of a run: ids, worlds, and which of them may run ahead."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pytest_bdd.parser import ScenarioTemplate
from pytest_bdd.scenario import scenario_wrapper_template_registry

from talkqa.checklist.identity import CHECK_COLUMN, FLOW_TAG, ID_TAG, slug
from talkqa.model.world import ScenarioPlan
from talkqa.runner.manifest import WorldFolder, WorldFolders
from talkqa.runner.vocabulary import Vocabulary

_TURN_MARKS = frozenset({"skip", "skipif", "xfail"})
"""Marks that pytest judges when an item's turn comes; before that nobody knows whether its scenario may begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectedScenario:
    """A scenario that talkqa performs."""

    plan: ScenarioPlan
    folder: WorldFolder | None
    """Its world; None outside every folder of generated tests."""
    ahead: bool
    """Whether it may begin before its item's turn: every step is known, and no mark wants to be asked first."""


def read_scenarios(
    items: Iterable[pytest.Item], folders: WorldFolders, vocabulary: Vocabulary
) -> dict[str, CollectedScenario]:
    """The scenarios among collected items that use at least one step of the vocabulary; by node id, in item order."""
    scenarios: dict[str, CollectedScenario] = {}
    for item in items:
        template = template_of(item)
        if template is not None:
            found = _read_scenario(item, template, folders, vocabulary)
            if found is not None:
                scenarios[item.nodeid] = found
    return scenarios


def template_of(item: pytest.Item) -> ScenarioTemplate | None:
    """The Gherkin scenario behind an item; None for an ordinary test."""
    function = getattr(item, "function", None)
    try:
        return scenario_wrapper_template_registry.get(function) if function is not None else None
    except TypeError:  # a callable that cannot be referred to weakly is no scenario
        return None


def _read_scenario(
    item: pytest.Item, template: ScenarioTemplate, folders: WorldFolders, vocabulary: Vocabulary
) -> CollectedScenario | None:
    row = _row_of(item)
    scenario = template.render(row)
    known = [vocabulary.knows(step.name) for step in scenario.steps]
    if not any(known):
        return None
    tags = sorted(template.tags | template.feature.tags | (template.rule.tags if template.rule else set()))
    plan = ScenarioPlan(
        check=row.get(CHECK_COLUMN) or _id_in(tags) or _manual_id(template, scenario.name, row),
        name=scenario.name,
        node=item.nodeid,
        steps=tuple((step.keyword.strip(), step.name) for step in scenario.steps),
        tags=tuple(tag for tag in tags if not tag.startswith((ID_TAG, FLOW_TAG))),
    )
    ahead = all(known) and not any(mark.name in _TURN_MARKS for mark in item.iter_markers())
    return CollectedScenario(plan=plan, folder=folders.find(item.path.parent), ahead=ahead)


def _row_of(item: pytest.Item) -> Mapping[str, str]:
    callspec: Any = getattr(item, "callspec", None)
    return callspec.params.get("_pytest_bdd_example", {}) if callspec is not None else {}


def _id_in(tags: Iterable[str]) -> str:
    return next((tag.removeprefix(ID_TAG) for tag in tags if tag.startswith(ID_TAG)), "")


def _manual_id(template: ScenarioTemplate, name: str, row: Mapping[str, str]) -> str:
    parts = ["manual", slug(Path(template.feature.filename).stem), slug(template.name if row else name)]
    if row:
        parts.append("~".join(slug(cell) for cell in row.values()))
    return "/".join(parts)
