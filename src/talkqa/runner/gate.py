"""Holds a sandbox's engine while no scenario of its world does anything, so that virtual time stands still."""

from collections.abc import Iterator
from contextlib import contextmanager

import trio


class ScenarioGate:
    """Open while at least one scenario is under way; implements `talkqa.model.protocols.Gate`."""

    def __init__(self) -> None:
        self._holders = 0
        self._opened = trio.Event()

    @property
    def is_open(self) -> bool:
        """Whether some scenario is under way."""
        return self._holders > 0

    async def passed(self) -> None:
        """Return at once while the gate is open, else when it opens."""
        while not self.is_open:
            await self._opened.wait()

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Keep the gate open for the length of a `with` block; blocks may overlap."""
        self._holders += 1
        self._opened.set()
        try:
            yield
        finally:
            self._holders -= 1
            if not self._holders:
                self._opened = trio.Event()
