"""Help, errors and exit codes are the same for every command."""

from pathlib import Path

import pytest

import talkqa
from talkqa.cli import app as application
from talkqa.cli import documents
from talkqa.cli.app import EXAMPLES, main
from tests.unit.cli.conftest import Cli


@pytest.mark.parametrize("command", [command.__name__ for command in EXAMPLES])
def test_each_help_shows_an_example(cli: Cli, command: str) -> None:
    ended = cli(command, "--help")
    assert ended.code == 0
    assert f"Example:\n    {'mkdir' if command == 'init' else f'talkqa {command}'}" in ended.out


def test_the_examples_are_right() -> None:
    """Every example names its own command, and only options that exist."""
    for command, lines in EXAMPLES.items():
        assert all(f"talkqa {command.__name__}" in line for line in lines)


def test_without_a_command_the_help_is_shown(cli: Cli) -> None:
    ended = cli()
    assert ended.code == 2
    assert "Commands:" in ended.out + ended.err


def test_the_version_is_printed(cli: Cli) -> None:
    assert cli("--version").out == f"talkqa {talkqa.__version__}\n"


def test_an_error_is_its_message_alone(cli: Cli) -> None:
    ended = cli("check", "nowhere.rst")
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("no such file or folder: nowhere.rst")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("arguments", [("--debug", "check", "nowhere.rst"), ("check", "nowhere.rst", "--debug")])
def test_debug_adds_the_traceback_wherever_it_stands(cli: Cli, arguments: tuple[str, ...]) -> None:
    ended = cli(*arguments)
    assert ended.code == 2
    assert "Traceback" in ended.err
    assert ended.err.splitlines()[-1].startswith("no such file or folder: nowhere.rst")


def test_a_wrong_option_is_wrong_input(cli: Cli) -> None:
    ended = cli("check", "--mode")
    assert ended.code == 2
    assert "--mode" in ended.err


def test_secrets_and_terminal_commands_never_reach_the_terminal(cli: Cli) -> None:
    ended = cli("check", "token=canary-17\x1b[2J.rst")
    assert ended.code == 2
    assert "canary-17" not in ended.err
    assert "\x1b" not in ended.err


def test_another_talkqa_toml_makes_its_folder_the_project(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "talkqa.toml").write_text('specs = ["papers"]\n', encoding="utf-8")
    ended = cli("--config", str(other / "talkqa.toml"), "check")
    assert ended.code == 2
    assert str(other / "papers") in ended.err


def test_a_wrong_setting_is_told_with_its_place(cli: Cli, project: Path) -> None:
    (project / "talkqa.toml").write_text('spec = ["a"]\n', encoding="utf-8")
    ended = cli("check")
    assert ended.code == 2
    assert "talkqa.toml" in ended.err
    assert "did you mean 'specs'?" in ended.err


def test_main_exits_with_the_code(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setattr("sys.argv", ["talkqa", "check", "nowhere"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2


def test_an_interruption_has_its_code(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(documents.Call, "read", interrupt)
    assert cli("check").code == 130


def test_a_reader_that_has_seen_enough_is_no_error(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    def close(*_: object, **__: object) -> None:
        raise BrokenPipeError

    redirected: list[tuple[int, int]] = []
    monkeypatch.setattr(application, "app", close)
    monkeypatch.setattr(application, "_mute_output", lambda: redirected.append((1, 1)))
    assert application.call(["check"]) == 0
    assert redirected
