"""What the vocabulary knows."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_bdd.parsers import re as re_parser

from talkqa.checklist import phrases
from talkqa.model.errors import ConfigError
from talkqa.model.world import ScenarioPlan
from talkqa.runner.vocabulary import AsyncStep, Scene, Vocabulary, VocabularyParser, flatten_steps
from tests.fakes.clock import FakeClock
from tests.fakes.virtual import run_virtual

_PARAMETER = re.compile(r"\{(\w+)\}")
NAMES = st.text(st.characters(exclude_characters='"{}\n\r', exclude_categories=("Cs",)), min_size=1)


async def wait(scene: Scene, seconds: float) -> None:
    await scene.clock.sleep(seconds)


WAIT = AsyncStep("{seconds:g} seconds pass", wait)
PLAN = ScenarioPlan(check="c", name="n", node="t.py::n", steps=(("When", "2 seconds pass"),))


@given(st.sampled_from(phrases.ALL), NAMES)
def test_every_phrase_is_known_whatever_its_parameters(phrase: phrases.Phrase, name: str) -> None:
    values = dict.fromkeys(_PARAMETER.findall(phrase.template), name)
    values |= {"side": "source"}
    assert Vocabulary().knows(phrase.render(**values))


def test_a_text_of_nobody_is_foreign() -> None:
    vocabulary = Vocabulary()
    assert not vocabulary.knows("I look at it")
    assert vocabulary.own("I look at it") is None


def test_own_steps_are_known_until_others_replace_them() -> None:
    vocabulary = Vocabulary()
    assert not vocabulary.knows("2 seconds pass")
    vocabulary.replace_own([WAIT])
    assert vocabulary.knows("2 seconds pass")
    assert vocabulary.own("2 seconds pass") is WAIT
    vocabulary.replace_own([])
    assert not vocabulary.knows("2 seconds pass")


def test_an_own_step_is_given_its_scene_and_its_parameters_converted() -> None:
    clock = FakeClock()
    run_virtual(WAIT.run, Scene(clock=clock, plan=PLAN), "2.5 seconds pass")
    assert clock.now() == 2.5


def test_an_own_step_may_bring_a_parser_of_its_own() -> None:
    step = AsyncStep(re_parser(r"(?P<seconds>\d+) s"), wait)
    assert Vocabulary().own("3 s") is None
    assert step.parser.is_matching("3 s")


def test_an_own_step_must_be_async() -> None:
    def plain(scene: Scene) -> None: ...

    with pytest.raises(ConfigError, match="'x' needs an async function, but plain is not one"):
        AsyncStep("x", plain)  # type: ignore[arg-type]


def test_the_parser_speaks_for_the_vocabulary() -> None:
    parser = VocabularyParser(Vocabulary())
    assert parser.is_matching("the pair comes to rest")
    assert parser.parse_arguments("the pair comes to rest") == {}
    assert not parser.is_matching("I look at it")
    assert parser.parse_arguments("I look at it") is None


def test_of_steps_with_one_pattern_the_nearest_conftest_decides() -> None:
    far = AsyncStep("{seconds:g} seconds pass", wait)
    assert list(flatten_steps([[WAIT], far]).values()) == [WAIT]


def test_something_else_than_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="gave 'x'"):
        flatten_steps([["x"]])  # type: ignore[list-item]
