"""Patterns for the words of conditions: regular expressions that cannot take for ever, whatever a document says."""

import re
import warnings
from typing import Any

from talkqa.config.values import Wrong, text

LONGEST = 200
_MOST_REPEATS, _MOST_CHOICES = 2, 6
"""With more of them, words could be made on which matching tries billions of ways."""

_ATOM = r"\\[dDwWsS]|\\[^\w\s]|\[\^?(?:\\.|[^\[\]\\])+\]|[^\\\[\](){}*+?|^$]"
_REPEAT = r"[*+]\??|\{\d{1,3}(?:,\d{0,3})?\}\??"
_TOKEN = re.compile(rf"(?:{_ATOM})(?:(?P<repeat>{_REPEAT})|(?P<choice>\?))?|\((?:\?:)?|\)(?P<optional>\?)?|(?P<or>\|)")


def pattern(value: Any) -> str:
    """A regular expression without anything that matching could be caught in.

    Characters, classes, groups and alternatives; `*`, `+` and `{}` repeat a single character or class, never a group.
    """
    written = text(value)
    if len(written) > LONGEST:
        raise Wrong(f"must be at most {LONGEST} characters long; give the words themselves as text")
    at, repeats, choices = 0, 0, 0
    while at < len(written):
        token = _TOKEN.match(written, at)
        if token is None:
            raise Wrong(
                f"must be a regular expression of characters, classes, groups and |, in which * + {{}} repeat a single "
                f"character or class (see character {at + 1})"
            )
        repeats += token["repeat"] is not None
        choices += any(token[name] is not None for name in ("choice", "optional", "or"))
        at = token.end()
    if repeats > _MOST_REPEATS or choices > _MOST_CHOICES:
        raise Wrong(f"must have at most {_MOST_REPEATS} of * + {{}} and {_MOST_CHOICES} of ? and |")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what Python only warns of will mean something else one day
            re.compile(written)
    except (re.error, Warning, OverflowError) as error:
        raise Wrong(f"must be a regular expression: {error}") from error
    return written
