"""Data type cells to transform expressions.

A cell prints an expression of Sesam's data transformation language as a JSON list, or as what is left of one after
brackets directly before an operator were lost in print. A lost bracket is restored where exactly one reading of the
cell is well-formed; nothing is guessed and nothing is evaluated here.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import isfinite

from talkqa.model.transform import CASTS, Call, Expression, Literal, Transform, Value

_TEXT, _ANY = "text", "any"
"""What an argument position takes: a constant (a format, a separator) or any value."""

_PREDICATES = frozenset({"is-empty", "is-null", "is-decimal", "is-boolean"})

_BARE = CASTS | _PREDICATES | {"abs"}
"""Operators of one argument: without brackets they apply to the value itself."""

_SHAPES: dict[str, tuple[tuple[str, ...], int]] = {
    **dict.fromkeys(_BARE, ((_ANY,), 1)),
    "now": ((), 0),
    "datetime-format": ((_TEXT, _ANY), 2),
    "datetime-parse": ((_TEXT, _ANY), 2),
    "datetime-diff": ((_TEXT, _ANY, _ANY), 3),
    "if": ((_ANY, _ANY, _ANY), 2),
    "if-null": ((_ANY, _ANY), 2),
    "neq": ((_ANY, _ANY), 2),
    "eq": ((_ANY, _ANY), 2),
    "gt": ((_ANY, _ANY), 2),
    "or": ((_ANY,) * 16, 2),
    "matches": ((_TEXT, _ANY), 2),
    "replace": ((_TEXT, _TEXT, _ANY), 3),
    "join": ((_TEXT, _ANY), 2),
    "split": ((_TEXT, _ANY), 2),
    "slice": ((_ANY, _ANY, _ANY, _ANY), 2),
}
"""Operator to the kinds of its arguments and how many of them it needs at least."""

_TOKEN = re.compile(r'\s*(?:(?P<mark>[\[\],])|(?P<json>"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null))')

_MAX_TOKENS = 400
_MAX_DEPTH = 30
_MAX_TRIES = 20_000
"""Bounds of the search for readings: real cells have under 40 tokens and need under 100 tries."""


class _Unreadable(ValueError):
    """Raised where a cell has no reading, or more than one."""


def looks_like_expression(cell: str) -> bool:
    """Whether a data type cell holds more than one quoted word or N/A: brackets, commas or the value sign."""
    return any(sign in cell for sign in ("[", "]", ",", "_."))


def read_transform(cell: str) -> Transform | None:
    """The expression of a data type cell; None where the cell holds none, or none that can be read in one way."""
    text = cell.strip()
    if not looks_like_expression(text):
        return None
    try:
        tokens = _tokens(text)
        complete = _only(_Reading(tokens, repair=False))
        if complete is not None:
            return Transform(text=text, expression=complete)
        restored = _only(_Reading(tokens, repair=True))
    except _Unreadable:
        return None
    return Transform(text=text, expression=restored, repaired=True) if restored is not None else None


def _only(reading: "_Reading") -> Expression | None:
    """The one reading; None where there is none.

    Raises:
        _Unreadable: where there are several, or too many to look at.
    """
    found: list[Expression] = []
    for expression in islice(reading.wholes(), 50):
        if expression not in found:
            found.append(expression)
        if len(found) > 1:
            raise _Unreadable
    return found[0] if found else None


_Plain = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class _Constant:
    """A token that is no bracket and no comma."""

    value: _Plain


_Token = str | _Constant


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or len(tokens) >= _MAX_TOKENS:
            raise _Unreadable
        position = match.end()
        if match["mark"]:
            tokens.append(match["mark"])
            continue
        tokens.append(_Constant(_json_constant(match["json"])))
    return tokens


def _json_constant(text: str) -> _Plain:
    try:
        value: _Plain = json.loads(text)
    except ValueError as error:
        raise _Unreadable from error
    if isinstance(value, float) and not isfinite(value):
        raise _Unreadable
    return value


class _Reading:
    """All well-formed readings of a list of tokens, by descent with backtracking."""

    def __init__(self, tokens: list[_Token], *, repair: bool) -> None:
        self._tokens = tokens
        self._repair = repair
        self._tries = 0

    def wholes(self) -> Iterator[Expression]:
        """Readings that use every token and are a call."""
        for expression, end in self._values(0, _ANY, 0):
            outer = self._tokens[-1] == "]"
            if end == len(self._tokens) and isinstance(expression, Call) and outer:
                yield expression

    def _at(self, position: int) -> _Token | None:
        return self._tokens[position] if position < len(self._tokens) else None

    def _values(self, position: int, kind: str, depth: int) -> Iterator[tuple[Expression, int]]:
        self._tries += 1
        if self._tries > _MAX_TRIES or depth > _MAX_DEPTH:
            raise _Unreadable
        here = self._at(position)
        if here == "[":
            opened = self._at(position + 1)
            if isinstance(opened, _Constant) and opened.value in _SHAPES:
                yield from self._calls(str(opened.value), position + 2, depth)
        elif isinstance(here, _Constant):
            operator = here.value if isinstance(here.value, str) and here.value in _SHAPES else None
            if operator is None or kind == _TEXT or not self._repair:
                yield _constant(here.value, kind), position + 1
            elif operator in _BARE or operator == "now":
                yield _constant(operator, kind), position + 1
            if operator is not None and self._repair:
                yield from self._calls(operator, position + 1, depth)

    def _calls(self, operator: str, position: int, depth: int) -> Iterator[tuple[Expression, int]]:
        """Calls of an operator whose arguments begin at a comma or whose bracket closes here."""
        for arguments, end in self._arguments(operator, position, 0, depth + 1):
            yield Call(operator, arguments), end

    def _arguments(
        self, operator: str, position: int, count: int, depth: int
    ) -> Iterator[tuple[tuple[Expression, ...], int]]:
        kinds, least = _SHAPES[operator]
        here = self._at(position)
        if here == "]" and count >= least:
            yield (), position + 1
        elif here == "," and count < len(kinds):
            for value, after in self._values(position + 1, kinds[count], depth):
                for rest, end in self._arguments(operator, after, count + 1, depth):
                    yield (value, *rest), end


def _constant(value: _Plain, kind: str) -> Expression:
    """What a constant stands for: the value, a property of it, an operator applied to it, or itself."""
    if isinstance(value, str):
        if value == "_.":
            return Value()
        if value.startswith("_."):
            return Value(tuple(value[2:].split(".")))
        if kind == _ANY and value in _BARE:
            return Call(value, (Value(),))
        if kind == _ANY and value == "now":
            return Call(value, ())
    return Literal(value)
