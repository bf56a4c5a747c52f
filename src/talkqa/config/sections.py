"""Sections of one file: reads key by key, and notes what is wrong with place and remedy instead of stopping."""

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from talkqa.config.values import Read, Wrong

Table = Mapping[str, Any]


class Sections:
    """The sections of one file; a wrong value is noted and left out, so that the rest is read as well."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[str] = []

    def read(
        self, table: Table, name: str, keys: Mapping[str, Read], *, hidden: Collection[str] = ()
    ) -> dict[str, Any]:
        """The values of a section that are right.

        Args:
            table: The section.
            name: Where it stands.
            keys: What it can have.
            hidden: Keys whose values no message shows.
        """
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key not in keys:
                self._unknown(name, key, keys)
                continue
            try:
                values[key] = keys[key](value)
            except Wrong as error:
                self.wrong(name, f"{key} {error}" if key in hidden else f"{key} {error}, not {shown(value)}")
        return values

    def table(self, value: Any, name: str) -> Table:
        """A value that must be a section; an empty one where it is none."""
        if isinstance(value, dict):
            return value
        self.wrong("", f"{name} must be a section [{name}], not {shown(value)}")
        return {}

    def entries(self, value: Any, name: str, keys: Mapping[str, Read], make: Callable[..., Any]) -> tuple[Any, ...]:
        """The values of an array of sections."""
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            self.wrong("", f"{name} must be sections [[{name}]], not {shown(value)}")
            return ()
        made = []
        for number, entry in enumerate(value, 1):
            place = f"[{name}] number {number}" if len(value) > 1 else f"[{name}]"
            before = len(self.problems)
            found = make(place, self.read(entry, place, keys))
            if len(self.problems) == before:
                made.append(found)
        return tuple(made)

    def wrong(self, section: str, what: str) -> None:
        """Note what is wrong in a section; empty for the top of the file."""
        self.problems.append(f"{self.path}:{place_of(section)} {what}")

    def _unknown(self, section: str, key: str, keys: Mapping[str, Read]) -> None:
        valid = sorted(keys)
        close = get_close_matches(key, valid, n=1)
        hint = f", did you mean '{close[0]}'?" if close else ""
        self.wrong(section, f"there is no key '{key}'{hint}\n  valid keys are {', '.join(valid)}")


def place_of(section: str) -> str:
    """How a message names a section."""
    return f" {section}:" if section.startswith("[") else f" [{section}]:" if section else ""


def shown(value: Any) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
