"""The exit code follows from the results, the gravest reason first."""

from pathlib import Path

import pytest

from talkqa.model.result import CheckFinished, Outcome, RunFinished
from talkqa.report.exitcode import exit_code
from talkqa.report.reading import Run, WorldRun


def _run(*outcomes: Outcome, interrupted: bool = False, ended: bool = True) -> Run:
    checks = tuple(
        CheckFinished(
            check=f"f/{i}",
            flow_id="f",
            name="n",
            title="t",
            sentence="s",
            place="p:1",
            outcome=o,
            reason="r",
            message="m",
        )
        for i, o in enumerate(outcomes)
    )
    end = RunFinished(world="w", interrupted=interrupted, end_s=1, wall_s=1, swept=0, left=())
    world = WorldRun(
        slug="w", started=None, gaps=(), checks=checks, mappings=(), latencies=(), finished=end if ended else None
    )
    return Run(folder=Path(), worlds=(world,), unread=())


O = Outcome  # noqa: E741 - a table reads better so


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ((O.PASSED,), 0),
        ((O.PASSED, O.OBSERVED, O.WAIVED, O.UNDECIDED, O.NOT_RUNNABLE), 0),
        ((O.PASSED, O.FAILED), 1),
        ((O.PASSED, O.LATE), 1),
        ((O.FAILED, O.ERROR), 1),
        ((O.PASSED, O.ERROR), 3),
        ((), 3),
        ((O.UNDECIDED, O.NOT_RUNNABLE, O.OBSERVED, O.WAIVED), 3),
        ((O.ATTESTED,), 0),
    ],
)
def test_outcomes_decide(outcomes: tuple[Outcome, ...], code: int) -> None:
    assert exit_code(_run(*outcomes), 0.0) == code


def test_an_interruption_outranks_everything() -> None:
    assert exit_code(_run(O.FAILED, O.ERROR, interrupted=True), 1.0) == 130


def test_a_process_that_died_is_never_well() -> None:
    assert exit_code(_run(O.PASSED, ended=False), 0.0) == 3


@pytest.mark.parametrize(("required", "code"), [(0.5, 0), (0.75, 0), (0.76, 4), (1.0, 4)])
def test_too_much_unproven_is_told_by_a_code_of_its_own(required: float, code: int) -> None:
    """3 of 4 due checks are decided; what is observed or waived is not due."""
    assert exit_code(_run(O.PASSED, O.PASSED, O.PASSED, O.UNDECIDED, O.OBSERVED, O.WAIVED), required) == code


def test_broken_promises_and_errors_outrank_what_is_unproven() -> None:
    assert exit_code(_run(O.FAILED, O.UNDECIDED), 1.0) == 1
    assert exit_code(_run(O.PASSED, O.ERROR, O.UNDECIDED), 1.0) == 3
