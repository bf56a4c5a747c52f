"""pytest in this process, and how it ended."""

import signal
from dataclasses import dataclass
from typing import Any

from talkqa.report.exitcode import BROKEN_PROMISES, INTERRUPTED, NOTHING_DECIDED, WELL, WRONG_INPUT

_PYTEST_FAILED, _PYTEST_USAGE = 1, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestEnd:
    """How pytest ended."""

    code: int
    interrupted: bool

    @property
    def without_results(self) -> int:
        """The exit code where there are no results."""
        if self.interrupted:
            return INTERRUPTED
        return {_PYTEST_FAILED: BROKEN_PROMISES, _PYTEST_USAGE: WRONG_INPUT}.get(self.code, NOTHING_DECIDED)

    def mend(self, code: int) -> int:
        """The results' code, unless all is well in them and something else in the session was not."""
        if self.interrupted:
            return INTERRUPTED
        if code != WELL or self.code == 0:
            return code
        return BROKEN_PROMISES if self.code == _PYTEST_FAILED else NOTHING_DECIDED


class _Listener:
    """Tells Ctrl-C from the other ways in which pytest stops early."""

    interrupted = False

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        # pytest's own Interrupted, of collection errors and of xdist's -x, is a KeyboardInterrupt too.
        self.interrupted = excinfo.type is KeyboardInterrupt


def run_pytest(arguments: list[str]) -> PytestEnd:
    """Run pytest in this process, so that Ctrl-C reaches the scenarios at once."""
    import pytest  # noqa: PLC0415 - see app.py

    listener = _Listener()
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)  # a CI that stops the job gets a report too
    try:
        code = pytest.main(arguments, plugins=[listener])
    except KeyboardInterrupt:
        return PytestEnd(code=INTERRUPTED, interrupted=True)
    finally:
        signal.signal(signal.SIGTERM, previous)
    return PytestEnd(code=int(code), interrupted=listener.interrupted)
