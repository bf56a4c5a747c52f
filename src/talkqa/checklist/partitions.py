"""Kinds of value that engines are known to spoil, in the words of a step, and which of them a row is worth.

`verify.vocabulary.partitions` makes a value of each. What the schemas of a run cannot hold shows there and not here.
"""

import re

from talkqa.model.check import RowClass
from talkqa.model.flow import PropertyRow
from talkqa.model.transform import Call, Expression, Literal, operators_of

TEXTS: tuple[str, ...] = (
    "unicode text",
    "symbols beyond the basic plane",
    "the longest text",
    "a single letter",
    "text in both cases",
    "text with leading zeros",
    "text that looks like a number",
    "text that looks like a date",
    "text that looks like a truth value",
    "text that looks like markup",
    "text with quotation marks",
    "text with blanks at its ends",
    "text with several blanks inside",
)
LINES: tuple[str, ...] = ("text on several lines",)
INTEGERS: tuple[str, ...] = ("zero", "a negative number", "a large number")
FRACTIONS: tuple[str, ...] = ("a small number", "a number with all its digits", "a number that ends in five")
DATES: tuple[str, ...] = (
    "the first day of a year",
    "the last day of a year",
    "a leap day",
    "midnight in UTC",
    "the last second of a day",
    "the hour that a clock change skips",
    "the hour that a clock change repeats",
)
TRUTHS: tuple[str, ...] = ("true", "false")
TRANSFORMED: tuple[str, ...] = (
    "text in which its transform finds nothing",
    "text in which its transform finds something twice",
    "text that begins with what its transform looks for",
    "text that ends with what its transform looks for",
    "nothing but what its transform looks for",
)
PARTITIONS: tuple[str, ...] = TEXTS + LINES + INTEGERS + FRACTIONS + DATES + TRUTHS + TRANSFORMED
"""All kinds of a single value."""

NOTHINGS = "values that are often taken for nothing"
"""Leading zeros, zero, false, midnight."""
TIDIED = "values that are often tidied up"
"""Blanks at the ends, negative numbers, true, leap days."""
FILLING = "values that take all the room there is"
"""Long texts and large numbers; where the other side has less room, one of them is longer than that at first."""
SUITES: tuple[str, ...] = (NOTHINGS, TIDIED, FILLING)
"""Kinds of which each property gets the value of its own type."""

COMPARABLE = frozenset({RowClass.PLAIN, RowClass.TRANSFORM, RowClass.LIST})
"""Classes whose values can be judged by equality."""
_DATE = re.compile(r"(?:^|[_.])dato?e?|Date|Dato|(?:^|[_.])birthday", re.ASCII)
_PROSE = re.compile(r"descr|note|remark|comment|memo|text|body|message", re.IGNORECASE)
_OF_TYPE = {
    "integer": INTEGERS,
    "float": INTEGERS + FRACTIONS,
    "decimal": INTEGERS + FRACTIONS,
    "boolean": TRUTHS,
}
_OF_DATES = frozenset({"datetime-format", "datetime-parse", "datetime-diff"})
_OF_NUMBERS = frozenset({"integer", "float", "decimal"})


def partitions_of(row: PropertyRow, row_class: RowClass) -> tuple[str, ...]:
    """The kinds worth trying in a row, as far as the document tells; none where its value cannot be compared."""
    if row_class not in COMPARABLE:
        return ()
    if row.transform is not None:
        return _of_transform(row.transform.expression)
    if _DATE.search(row.source) and _DATE.search(row.target):
        return _OF_TYPE.get(row.declared_type or "", DATES)
    prose = _PROSE.search(row.source) and _PROSE.search(row.target)
    return _OF_TYPE.get(row.declared_type or "", TEXTS + LINES if prose else TEXTS)


def _of_transform(expression: Expression) -> tuple[str, ...]:
    operators = set(operators_of(expression))
    if operators & _OF_DATES:
        return DATES
    sought = TRANSFORMED if any(looked_for(expression)) else ()
    return sought + (INTEGERS if operators & _OF_NUMBERS else TEXTS)


def looked_for(expression: Expression) -> tuple[str, ...]:
    """The texts that an expression compares with, replaces or splits by, in order; the wildcards of a pattern left out.

    Source: Sesam's function reference; `matches` takes `*` and `?` as wildcards.
    """
    found: list[str] = []
    if isinstance(expression, Literal) and isinstance(expression.value, str):
        found.append(re.sub(r"[*?]", "", expression.value))
    elif isinstance(expression, Call):
        for argument in expression.arguments:
            found.extend(looked_for(argument))
    return tuple(dict.fromkeys(text for text in found if text))
