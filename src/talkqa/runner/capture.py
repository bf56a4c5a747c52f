"""What scenarios log and print while they run ahead: kept by scenario instead of landing in whichever test runs.

And what of it may be seen: log records, prints and pytest's own reports are masked on their way.
"""

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

CURRENT_NODE: ContextVar[str | None] = ContextVar("talkqa_node", default=None)
"""pytest node id of the scenario that the running task belongs to."""

_FORMAT = logging.Formatter("%(levelname)-8s %(name)s: %(message)s")

Mask = Callable[[str], str]
"""Gives a text with its secrets masked."""


def as_it_is(text: str) -> str:
    """Masks nothing."""
    return text


def mask_record(record: logging.LogRecord, mask: Mask) -> logging.LogRecord:
    """Mask a record's message and traceback; one that holds no secret stays as it is, arguments and all."""
    said = record.getMessage()
    masked = mask(said)
    if masked != said:
        record.msg, record.args = masked, None
    if record.exc_info and record.exc_info[0] is not None:
        trace = _FORMAT.formatException(record.exc_info)
        masked = mask(trace)
        if masked != trace:
            record.exc_info, record.exc_text = None, masked
    return record


def mask_report(report: pytest.TestReport, mask: Mask) -> None:
    """Mask what a report says and what was captured for it; one that holds no secret keeps its form."""
    report.sections = [(title, mask(text)) for title, text in report.sections]
    said: Any = report.longrepr
    if isinstance(said, tuple):  # a skip: path, line, reason
        report.longrepr = (said[0], said[1], mask(said[2]))
    elif said is not None:
        text = str(said)
        masked = mask(text)
        if masked != text:
            report.longrepr = masked


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
def captured_logs(
    keep: Callable[[str, str], None], others: tuple[logging.Handler, ...], mask: Mask = as_it_is
) -> Iterator[None]:
    """Keep the logs of scenarios, and keep them out of `others`; no handler sees a record before it is masked."""
    make_record = logging.getLogRecordFactory()

    def make_masked(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return mask_record(make_record(*args, **kwargs), mask)

    logging.setLogRecordFactory(make_masked)
    handler = ScenarioLog(keep)
    root = logging.getLogger()
    root.addHandler(handler)
    for other in others:
        other.addFilter(is_from_elsewhere)
    try:
        yield
    finally:
        logging.setLogRecordFactory(make_record)
        root.removeHandler(handler)
        for other in others:
            other.removeFilter(is_from_elsewhere)


class _Divided(io.TextIOBase):
    """A stream that gives scenarios' tasks another one to write to; everything else goes where it went before."""

    def __init__(self, stream: io.TextIOBase, keep: Callable[[str, str], None], owner: int, mask: Mask) -> None:
        self._mask = mask
        self._stream = stream
        self._keep = keep
        self._owner = owner

    def write(self, text: str, /) -> int:
        node = None if threading.get_ident() == self._owner else CURRENT_NODE.get()
        if node is None:
            self._stream.write(self._mask(text))
        else:
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
def captured_prints(keep: Callable[[str, str], None], mask: Mask = as_it_is) -> Iterator[None]:
    """Keep what scenarios print during a `with` block of pytest's thread."""
    before = sys.stdout
    sys.stdout = _Divided(before, keep, threading.get_ident(), mask)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.stdout = before
