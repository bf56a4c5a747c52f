"""How far a run is, told while pytest waits: a status line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

_PLAIN_EVERY_S = 10.0
"""Real seconds between two plain lines: enough to see life in a CI log, few enough to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldProgress:
    """How far one world is."""

    slug: str
    done: int
    total: int
    now_s: float
    """Seconds of the run's clock."""


class Status(Protocol):
    """A line that can be replaced."""

    def update(self, text: str) -> None:
        """Show another text."""
        ...

    def stop(self) -> None:
        """Take the line away."""
        ...


class Progress:
    """Tells how far a run is whenever it is looked at; quiet in the first seconds unless there is a status line."""

    def __init__(
        self,
        write_line: Callable[[str], None],
        *,
        status: Callable[[], Status] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write_line = write_line
        self._make_status = status
        self._status: Status | None = None
        self._now = now
        self._told = now()
        self._last = ""

    def look(self, worlds: Iterable[WorldProgress]) -> None:
        """Show how far the worlds that run now are."""
        text = "; ".join(_render(world) for world in worlds)
        if self._make_status is not None:
            self._status = self._status or self._make_status()
            self._status.update(f"talkqa: {text}")
        elif text != self._last and self._now() - self._told >= _PLAIN_EVERY_S:
            self._told = self._now()
            self._write_line(f"talkqa: {text}")
            self._last = text

    def rest(self) -> None:
        """Take the status line away until the next look: pytest writes now."""
        if self._status is not None:
            self._status.stop()
            self._status = None


def _render(world: WorldProgress) -> str:
    minutes, seconds = divmod(int(world.now_s), 60)
    return f"{world.slug} {world.done}/{world.total} at {minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


class RichStatus:
    """A spinner with a text, on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - only a terminal needs it

        self._status = Console(stderr=False).status("talkqa")
        self._status.start()

    def update(self, text: str) -> None:
        """Show another text."""
        self._status.update(text)

    def stop(self) -> None:
        """Take the line away."""
        self._status.stop()
