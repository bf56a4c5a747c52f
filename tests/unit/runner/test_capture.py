"""Where logs and prints of scenarios go."""

import io
import logging
import sys
import threading

import pytest

from talkqa.runner.capture import CURRENT_NODE, captured_logs, captured_prints


def in_a_scenario(node: str | None, action: object) -> None:
    """Do something in another thread, as the task of a scenario does."""

    def act() -> None:
        CURRENT_NODE.set(node)
        action()  # type: ignore[operator]

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def test_a_scenario_s_log_is_kept_for_it_and_kept_from_others() -> None:
    kept: list[tuple[str, str]] = []
    stream = io.StringIO()
    other = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(other)
    try:
        with captured_logs(lambda node, text: kept.append((node, text)), (other,)):
            in_a_scenario("n", lambda: logging.getLogger("x").warning("inside"))
            in_a_scenario(None, lambda: logging.getLogger("x").warning("outside"))
        in_a_scenario("n", lambda: logging.getLogger("x").warning("later"))
    finally:
        root.removeHandler(other)
    assert kept == [("n", "WARNING  x: inside\n")]
    assert stream.getvalue() == "outside\nlater\n"


def test_a_scenario_s_prints_are_kept_for_it_and_all_others_go_where_they_went(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept: list[tuple[str, str]] = []
    before = sys.stdout
    with captured_prints(lambda node, text: kept.append((node, text))):
        in_a_scenario("n", lambda: print("inside"))
        in_a_scenario(None, lambda: print("engine"))
        print("pytest", flush=True)
        assert sys.stdout.encoding == before.encoding
        assert sys.stdout.isatty() == before.isatty()
    assert sys.stdout is before
    assert kept == [("n", "inside"), ("n", "\n")]
    assert capsys.readouterr().out == "engine\npytest\n"


def test_the_file_behind_the_stream_stays_reachable() -> None:
    with open("/dev/null", "w") as file, pytest.MonkeyPatch.context() as patch:  # noqa: PTH123
        patch.setattr(sys, "stdout", file)
        with captured_prints(lambda node, text: None):
            assert sys.stdout.fileno() == file.fileno()
