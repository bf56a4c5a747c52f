"""Tests of `talkqa.config.patterns`."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkqa.config.patterns import LONGEST, pattern
from talkqa.config.values import Wrong

WORDS_AT_MOST = 300


@pytest.mark.parametrize(
    "written",
    [
        "when a deal is won",
        "when (?:a|an) .+ is won",
        r"a deal has a \d{1,3}% probability of being sold",
        "colou?r",
        "(really )?sold",
        "[^a-c]*x",
        r"100\.5",
        "a{2,}",
        "a.*?b",
    ],
)
def test_a_plain_regular_expression_is_taken_as_it_stands(written: str) -> None:
    assert pattern(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "(a+)+",
        "(a|b)*",
        "(a)+",
        "(a){2}",
        "a**",
        "a++",
        r"(a)\1",
        "(?=a)b",
        "(?P<x>a)",
        "(?i)a",
        "^a$",
        "[a",
        "(a",
        "a)",
        "[]",
        "a{3,1}",
        "*a",
        r"\bx",
        "[[a]]",
        "[a--b]",
    ],
)
def test_what_could_catch_the_matching_or_has_no_meaning_is_refused(written: str) -> None:
    with pytest.raises(Wrong, match="must be a regular expression"):
        pattern(written)


@pytest.mark.parametrize("written", ["a*b*c*", "a?" * 7, "|".join("abcdefgh"), "(a)?" * 7])
def test_many_choices_are_refused(written: str) -> None:
    """Each of them multiplies the ways in which words can be matched."""
    with pytest.raises(Wrong, match="at most"):
        pattern(written)


def test_a_long_pattern_is_refused() -> None:
    with pytest.raises(Wrong, match="at most 200 characters"):
        pattern("a" * (LONGEST + 1))


_PIECES = st.sampled_from(["a", ".", "[ab]", "a*", ".*", "a+?", "a{2,}", "a?", "(a|a)", "(a?)", "(a)?", "|", "(a*)"])


@settings(deadline=None, max_examples=60)
@given(st.lists(_PIECES, min_size=1, max_size=12), st.sampled_from(["a", "ab", "aaab"]))
def test_no_pattern_that_is_taken_takes_long(pieces: list[str], unit: str) -> None:
    """Whatever words a document has: those that almost match take longest."""
    written = "".join(pieces)
    try:
        compiled = re.compile(pattern(written), re.IGNORECASE)
    except Wrong:
        return
    words = (unit * WORDS_AT_MOST)[: WORDS_AT_MOST - 1] + "!"
    began = time.process_time()
    compiled.fullmatch(words)
    assert time.process_time() - began < 1.0
