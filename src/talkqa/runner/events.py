"""Writes the events of a run as JSON lines, one file a world, each line on disk before the next thing happens."""

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO

from talkqa.model.result import Event, event_to_json

Redact = Callable[[Event], Event]


class EventWriter:
    """Appends the events of one world to its file."""

    def __init__(self, path: Path, redact: Redact) -> None:
        self._path = path
        self._redact = redact
        self._file: IO[str] | None = None

    def write(self, event: Event) -> None:
        """Append one event, secrets masked, and hand the line to the system before returning."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a", encoding="utf-8")
        self._file.write(json.dumps(event_to_json(self._redact(event)), ensure_ascii=False) + "\n")
        self._file.flush()

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
