"""What pytest's thread takes off the board."""

import threading
from dataclasses import replace

import pytest

from talkqa.model.result import Outcome, StepResult
from talkqa.model.world import ScenarioPlan
from talkqa.runner.board import Board, Fate
from talkqa.runner.performance import conclude

PLAN = ScenarioPlan(check="c", name="n", node="t.py::n", steps=(("When", "x"), ("Then", "y")))
FIRST = StepResult(text="When x", outcome=Outcome.PASSED, begin_s=0, end_s=1)
SECOND = StepResult(text="Then y", outcome=Outcome.FAILED, begin_s=1, end_s=2)
DONE = conclude(PLAN, begin_s=0, end_s=2, steps=(FIRST,), failure=None)


def nothing_comes() -> None:
    raise RuntimeError("nothing can come any more")


def test_a_fate_that_is_there_is_taken_at_once() -> None:
    board = Board()
    board.put_step("n", 0, FIRST, None)
    assert board.await_step("n", 0, nothing_comes) == Fate(result=FIRST, exception=None)


def test_a_fate_that_comes_later_wakes_who_waits() -> None:
    board = Board()
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 1:
            threading.Thread(target=board.put_step, args=("n", 0, FIRST, None)).start()

    assert board.await_step("n", 0, look) == Fate(result=FIRST, exception=None)


def test_a_step_that_never_came_is_answered_by_the_verdict() -> None:
    board = Board()
    board.put_finished(replace(DONE, node="n"))
    assert board.await_step("n", 1, nothing_comes) == replace(DONE, node="n")
    assert board.await_finished("n", nothing_comes) is board.finished("n")


def test_who_waits_in_vain_learns_it() -> None:
    with pytest.raises(RuntimeError, match="nothing can come"):
        Board().await_finished("n", nothing_comes)


def test_fates_come_in_the_order_of_steps_and_the_exception_with_them() -> None:
    board, error = Board(), ValueError("x")
    assert board.exception("n") is None
    board.put_step("n", 1, SECOND, error)
    board.put_step("n", 0, FIRST, None)
    assert board.fates("n") == (FIRST, SECOND)
    assert board.exception("n") is error
    assert board.fates("other") == ()


def test_logs_are_kept_by_scenario() -> None:
    board = Board()
    board.put_log("n", "one\n")
    board.put_log("m", "other\n")
    board.put_log("n", "two\n")
    assert (board.log("n"), board.log("none")) == ("one\ntwo\n", "")
