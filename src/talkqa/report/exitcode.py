"""What a run's results mean to whoever started it: taken from the events, never from pytest."""

import re
from collections import Counter

from talkqa.model.errors import ConfigError
from talkqa.model.result import BROKEN, UNPROVEN, Outcome
from talkqa.report.reading import Run

DECIDED = frozenset({Outcome.PASSED, Outcome.FAILED, Outcome.LATE, Outcome.ATTESTED})
"""Outcomes that say whether a promise holds."""
_DUE = DECIDED | UNPROVEN | {Outcome.ERROR, Outcome.NOT_RUN}
"""Outcomes of checks that ought to be decided; what is observed or waived need not be."""

WELL = 0
BROKEN_PROMISES = 1
WRONG_INPUT = 2
NOTHING_DECIDED = 3
TOO_MUCH_UNPROVEN = 4
INTERRUPTED = 130


def exit_code(run: Run, require_proven: float) -> int:
    """The exit code of a run, the gravest reason first: 130, 1, 3, 4, 0.

    Args:
        run: What happened.
        require_proven: Share of the checks that must be decided, 0 to 1.
    """
    counts = Counter(check.outcome for check in run.checks)
    if run.interrupted:
        return INTERRUPTED
    if any(counts[outcome] for outcome in BROKEN):
        return BROKEN_PROMISES
    if counts[Outcome.ERROR] or run.broken_off or not any(counts[outcome] for outcome in DECIDED):
        return NOTHING_DECIDED
    if proven_share(counts) < require_proven:
        return TOO_MUCH_UNPROVEN
    return WELL


def proven_share(counts: Counter[Outcome]) -> float:
    """Decided checks among those that ought to be decided; 0 where there are none.

    What a person attested is decided, and counted apart wherever the share is shown; what is waived need not be.
    """
    due = sum(counts[outcome] for outcome in _DUE)
    return sum(counts[outcome] for outcome in DECIDED) / due if due else 0.0


def read_requirement(text: str) -> float:
    """The share in `proven=90%` or `proven=0.9`, 0 to 1.

    Raises:
        ConfigError: for anything else.
    """
    found = re.fullmatch(r"proven=(\d+(?:\.\d+)?)(%?)", text.strip())
    share = float(found[1]) / (100 if found[2] else 1) if found else -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"--require {text}: write proven=90% or proven=0.9")
    return share
