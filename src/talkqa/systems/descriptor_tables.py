"""Reads the tables of a descriptor and collects whatever is wrong with them.

Used by `descriptor` and `descriptor_rest`. A value that cannot be read is replaced by its default, so that the rest
of the file is read as well.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_KINDS = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a table",
    list: "a list",
}


@dataclass(kw_only=True)
class TableReader:
    """The values of one file's tables, and every problem met so far."""

    place: str
    problems: list[str] = field(default_factory=list)

    def get(self, table: Mapping[str, Any], key: str, kind: type, at: str, *, default: Any = None) -> Any:
        """The value of a key, of one kind alone."""
        if key not in table:
            return default
        value = table[key]
        accepted = (int, float) if kind is float else kind
        if isinstance(value, accepted) and (kind is bool or not isinstance(value, bool)):
            return value
        self.problem(f"{at}.{key}".lstrip("."), f"expected {_KINDS[kind]}, found {value!r}")
        return default

    def table(self, table: Mapping[str, Any], key: str, allowed: tuple[str, ...], at: str) -> Mapping[str, Any]:
        """The table of a key, empty where there is none; its unknown keys are problems."""
        inner: Mapping[str, Any] = self.get(table, key, dict, at, default={})
        self.only(inner, allowed, f"{at}.{key}".lstrip("."))
        return inner

    def texts(self, values: Any, at: str) -> tuple[str, ...]:
        """A list of texts."""
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return tuple(values)
        self.problem(at, f"expected a list of texts, found {values!r}")
        return ()

    def pairs(self, table: Mapping[str, Any], key: str, at: str) -> tuple[tuple[str, str], ...]:
        """The names and texts of a table."""
        inner: Mapping[str, Any] = self.get(table, key, dict, at, default={})
        return tuple(
            (name, value) for name in inner if (value := self.get(inner, name, str, f"{at}.{key}")) is not None
        )

    def choice(self, table: Mapping[str, Any], key: str, allowed: tuple[str, ...], at: str, *, default: str) -> str:
        """A text out of a few."""
        value: str = self.get(table, key, str, at, default=default)
        return value if self.among(value, allowed, f"{at}.{key}".lstrip(".")) else default

    def among(self, value: str, allowed: tuple[str, ...], at: str) -> bool:
        """Whether a name is known; it is a problem where it is not."""
        if value in allowed:
            return True
        close = difflib.get_close_matches(value, allowed, n=1)
        meant = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(allowed)}"
        self.problem(at, f"{value!r} is not known here{meant}")
        return False

    def only(self, table: Mapping[str, Any], allowed: tuple[str, ...], at: str) -> None:
        """Make a problem of each key that is not allowed."""
        for key in table:
            if key not in allowed:
                self.among(key, allowed, f"{at}.{key}".lstrip("."))

    def missing(self, at: str) -> None:
        """Tell that a key must be given."""
        self.problem(at, "is missing")

    def problem(self, at: str, what: str) -> None:
        """Tell what is wrong at a place."""
        self.problems.append(f"{self.place}: {at}: {what}")
