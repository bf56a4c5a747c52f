"""What scenarios log and print while they run ahead: kept by scenario instead of landing in whichever test runs."""

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

CURRENT_NODE: ContextVar[str | None] = ContextVar("talkqa_node", default=None)
"""pytest node id of the scenario that the running task belongs to."""

_FORMAT = logging.Formatter("%(levelname)-8s %(name)s: %(message)s")


class ScenarioLog(logging.Handler):
    """Hands each record of a scenario's task to whoever keeps it."""

    def __init__(self, keep: Callable[[str, str], None]) -> None:
        super().__init__()
        self._keep = keep
        self.setFormatter(_FORMAT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record where a scenario's task wrote it."""
        node = CURRENT_NODE.get()
        if node is not None:
            self._keep(node, self.format(record) + "\n")


def is_from_elsewhere(record: logging.LogRecord) -> bool:
    """A filter for pytest's own handlers: no record of a scenario's task."""
    del record
    return CURRENT_NODE.get() is None


@contextmanager
def captured_logs(keep: Callable[[str, str], None], others: tuple[logging.Handler, ...]) -> Iterator[None]:
    """Keep the logs of scenarios, and keep them out of `others`."""
    handler = ScenarioLog(keep)
    root = logging.getLogger()
    root.addHandler(handler)
    for other in others:
        other.addFilter(is_from_elsewhere)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for other in others:
            other.removeFilter(is_from_elsewhere)


class _Divided(io.TextIOBase):
    """A stream that gives scenarios' tasks another one to write to; everything else goes where it went before."""

    def __init__(self, stream: io.TextIOBase, keep: Callable[[str, str], None], owner: int) -> None:
        self._stream = stream
        self._keep = keep
        self._owner = owner

    def write(self, text: str, /) -> int:
        node = None if threading.get_ident() == self._owner else CURRENT_NODE.get()
        if node is None:
            return self._stream.write(text)
        self._keep(node, text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


@contextmanager
def captured_prints(keep: Callable[[str, str], None]) -> Iterator[None]:
    """Keep what scenarios print during a `with` block of pytest's thread."""
    before = sys.stdout
    sys.stdout = _Divided(before, keep, threading.get_ident())  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.stdout = before
