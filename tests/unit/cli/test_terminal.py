"""What is shown while something works."""

import sys

import pytest

from talkqa.cli.terminal import print_result, progress


def test_progress_is_shown_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with progress("reading documents"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress("reading documents"):
        pass
    captured = capsys.readouterr()
    assert "reading documents" in captured.err
    assert captured.out == ""


def test_results_keep_their_lines_and_lose_their_commands(capsys: pytest.CaptureFixture[str]) -> None:
    print_result("a\tb\nc\x1b]0;x\x07")
    assert capsys.readouterr().out == "a\tb\nc\ufffd]0;x\ufffd\n"
