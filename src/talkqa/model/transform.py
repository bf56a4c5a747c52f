"""Transform expressions of the data type column, parsed but not evaluated.

`documents` parses them; `verify` and `sandbox` evaluate them, each on its own.
The language is Sesam's data transformation language as far as dataflow documents print it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS: frozenset[str] = frozenset(
    {
        "datetime-format",
        "datetime-parse",
        "datetime-diff",
        "now",
        "if",
        "if-null",
        "neq",
        "eq",
        "gt",
        "or",
        "abs",
        "matches",
        "is-empty",
        "is-null",
        "is-decimal",
        "is-boolean",
        "decimal",
        "integer",
        "float",
        "string",
        "boolean",
        "list",
        "first",
        "replace",
        "join",
        "slice",
        "split",
    }
)
"""Every operator seen in a published document."""

CASTS: frozenset[str] = frozenset({"string", "integer", "float", "decimal", "boolean", "list", "first"})
"""Operators that may stand without argument where a value is expected: they cast `_.`."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Value:
    """The value of the source property (`_.`), or a property of it (`_.DefaultValue`)."""

    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """An operator with its arguments in the order printed."""

    operator: str
    arguments: tuple["Expression", ...]


Expression = Literal | Value | Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """What the target value must be for a given source value."""

    text: str
    """The cell as printed."""
    expression: Expression
    repaired: bool = False
    """True where brackets lost in print were restored, which only one reading allowed."""


def operators_of(expression: Expression) -> Iterator[str]:
    """Every operator used in an expression, outermost first."""
    if isinstance(expression, Call):
        yield expression.operator
        for argument in expression.arguments:
            yield from operators_of(argument)
