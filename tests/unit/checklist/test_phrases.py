"""A step text says all that a run needs, and is read back as it was written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.checklist.phrases import ALL, EDITED, Phrase, quotable, recognize


@given(st.text(max_size=30), st.sampled_from(["source", "target"]))
def test_what_is_quoted_is_read_back(path: str, side: str) -> None:
    text = EDITED.render(path=quotable(path), side=side, entity="Bakery Customer")
    assert EDITED.match(text) == {"path": quotable(path), "side": side, "entity": "Bakery Customer"}


@given(st.text(max_size=30))
def test_quotable_text_stands_on_one_line_and_stays_as_it_is(text: str) -> None:
    once = quotable(text)
    assert quotable(once) == once
    assert len(once.splitlines()) <= 1
    assert '"' not in once


def test_no_two_phrases_are_the_same() -> None:
    assert len({phrase.template for phrase in ALL}) == len(ALL)


@pytest.mark.parametrize("phrase", ALL, ids=lambda phrase: phrase.template)
def test_each_phrase_is_recognized_among_all_others(phrase: Phrase) -> None:
    """Some match the words of others, with half a sentence for an entity."""
    names = re.findall(r"\{(\w+)\}", phrase.template)
    values = {name: "source" if name == "side" else f"Bakery {name}" for name in names}
    assert recognize(phrase.render(**values)) == (phrase, values)


def test_a_step_of_the_users_own_is_recognized_as_none() -> None:
    assert recognize("the moon is full") is None
