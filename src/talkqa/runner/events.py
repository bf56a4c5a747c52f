"""Writes the events of a run as JSON lines, one file a world, each line on disk before the next thing happens."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from talkqa.model.result import Event

Redact = Callable[[Event], Event]
E = TypeVar("E", bound=Event)


def write_line(event: Event) -> str:
    """The line of an event: `event_to_json` as text, in a third of the time."""
    return _ENCODER.encode({"event": type(event).__name__, **_fields_of(event)}) + "\n"


def _fields_of(value: Any) -> dict[str, Any]:
    """One level of a value; the encoder asks again for what stands in it."""
    if isinstance(value, Mapping):
        return dict(value)
    kind = type(value)
    if kind not in _NAMES:
        _NAMES[kind] = tuple(field.name for field in fields(kind))
    return {name: getattr(value, name) for name in _NAMES[kind]}


_NAMES: dict[type, tuple[str, ...]] = {}
"""Names of the fields of each kind of value: looking them up anew takes longer than writing them."""
_ENCODER = json.JSONEncoder(ensure_ascii=False, default=_fields_of)


class EventWriter:
    """Appends the events of one world to its file."""

    def __init__(self, path: Path, redact: Redact) -> None:
        self._path = path
        self._redact = redact
        self._file: IO[str] | None = None

    def write(self, event: E) -> E:
        """Append one event, secrets masked, and hand the line to the system before returning.

        Returns:
            The event as it was written.
        """
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        masked = self._redact(event)
        self._file.write(write_line(masked))
        self._file.flush()
        return cast("E", masked)

    def close(self) -> None:
        """Close the file; a later event opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def make_run_id(now: datetime) -> str:
    """A run's id: `YYYYmmddTHHMMSS-<4 hex>`, in UTC; the digits keep runs of one second apart."""
    return f"{now:%Y%m%dT%H%M%S}-{os.urandom(2).hex()}"


def world_file(slug: str) -> str:
    """The stem of a world's files in a run's folder."""
    return slug.replace("/", "_")
