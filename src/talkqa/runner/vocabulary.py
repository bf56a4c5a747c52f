"""Which step texts are ours: the phrases of the checklist, and async steps that a project adds.

The plugin's one step definition asks it, and so does the planning of a run: a scenario in which every step is known
here can run ahead of pytest. It performs nothing itself.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_bdd.parsers import StepParser, parse

from talkqa.checklist.phrases import ALL, Phrase
from talkqa.model.errors import ConfigError
from talkqa.model.protocols import Clock
from talkqa.model.world import ScenarioPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What an async step of a project is given as its first argument."""

    clock: Clock
    """All waiting goes through it."""
    plan: ScenarioPlan
    """The scenario that the step stands in."""


class AsyncStep:
    """A step of a project's own that runs ahead beside the vocabulary's.

    Return it from `pytest_talkqa_steps` in a conftest.py; the function takes a `Scene`, then the parameters by name.
    """

    def __init__(self, pattern: str | StepParser, function: Callable[..., Awaitable[None]]) -> None:
        if not inspect.iscoroutinefunction(function):
            name = getattr(function, "__name__", repr(function))
            raise ConfigError(f"the step '{pattern}' needs an async function, but {name} is not one: write `async def`")
        self.parser = pattern if isinstance(pattern, StepParser) else parse(pattern)
        self.function = function

    async def run(self, scene: Scene, text: str) -> None:
        """Do what the step text says; raises whatever the project's function raises."""
        await self.function(scene, **(self.parser.parse_arguments(text) or {}))


class Vocabulary:
    """Every step text that can run ahead."""

    def __init__(self, phrases: Iterable[Phrase] = ALL) -> None:
        # A phrase's literal head rules most of them out for far less than a regular expression costs.
        self._phrases = tuple((phrase.template.partition("{")[0], phrase) for phrase in phrases)
        self._own: tuple[AsyncStep, ...] = ()
        self._known: dict[str, bool] = {}
        self._found: dict[str, AsyncStep | None] = {}

    def replace_own(self, steps: Iterable[AsyncStep]) -> None:
        """Let these be the project's own async steps, and no others."""
        self._own = tuple(steps)
        self._known.clear()
        self._found.clear()

    def knows(self, text: str) -> bool:
        """Whether a step text is a phrase of the checklist or an async step of the project."""
        if text not in self._known:
            self._known[text] = self.own(text) is not None or any(
                text.startswith(head) and phrase.match(text) is not None for head, phrase in self._phrases
            )
        return self._known[text]

    def own(self, text: str) -> AsyncStep | None:
        """The project's async step for a step text; None where it has none. The project's own goes first."""
        if text not in self._found:
            self._found[text] = next((step for step in self._own if step.parser.is_matching(text)), None)
        return self._found[text]


class VocabularyParser(StepParser):
    """Lets pytest-bdd find the plugin's one step definition for every text of the vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__("talkqa")
        self._vocabulary = vocabulary

    def is_matching(self, name: str) -> bool:
        """Whether the step is ours."""
        return self._vocabulary.knows(name)

    def parse_arguments(self, name: str) -> dict[str, Any] | None:
        """Nothing: the step's text alone decides what is done, in `verify`."""
        return {} if self._vocabulary.knows(name) else None


def flatten_steps(answers: Iterable[Iterable[AsyncStep] | AsyncStep]) -> Mapping[str, AsyncStep]:
    """What all `pytest_talkqa_steps` hooks gave, keyed by pattern, the nearest conftest.py's first.

    Raises:
        ConfigError: where something else than an `AsyncStep` was given.
    """
    steps: dict[str, AsyncStep] = {}
    for answer in answers:
        for step in (answer,) if isinstance(answer, AsyncStep) else answer:
            if not isinstance(step, AsyncStep):
                raise ConfigError(f"pytest_talkqa_steps gave {step!r}: give talkqa.runner.vocabulary.AsyncStep values")
            steps.setdefault(step.parser.name, step)
    return steps
