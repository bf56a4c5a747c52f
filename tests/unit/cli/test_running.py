"""`run`: what goes to pytest, what comes of its results."""

from collections.abc import Callable
from pathlib import Path

import pytest

from talkqa.cli import running
from talkqa.cli.process import PytestEnd, run_pytest
from talkqa.model.errors import ConfigError
from talkqa.report.exitcode import read_requirement
from tests.fakes.sample_run import write_sample_run
from tests.unit.cli.conftest import Cli

Given = list[str]


@pytest.fixture
def fake_pytest(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Given]:
    """Puts a fake in pytest's place that leaves the sample run; returns the arguments it will have been given."""

    def install(*, code: int = 1, interrupted: bool = False, results: bool = True) -> Given:
        given: Given = []

        def fake(arguments: list[str]) -> PytestEnd:
            given.extend(arguments)
            folder = next(a.removeprefix("--talkqa-run-dir=") for a in arguments if a.startswith("--talkqa-run-dir="))
            if results:
                write_sample_run(Path(folder))
            return PytestEnd(code=code, interrupted=interrupted)

        monkeypatch.setattr(running, "run_pytest", fake)
        return given

    return install


def test_stale_scenarios_are_refused(cli: Cli, fake_pytest: Callable[..., Given]) -> None:
    given = fake_pytest()
    ended = cli("run")
    assert ended.code == 2
    assert "talkqa run --generate" in ended.err
    assert given == []


def test_stale_scenarios_are_generated_when_asked_for(cli: Cli, fake_pytest: Callable[..., Given]) -> None:
    fake_pytest()
    ended = cli("run", "--generate")
    assert ended.code == 1
    assert Path("generated_tests/custom-crm/acme-erp/customer--client.feature").exists()


def test_a_run_leaves_its_reports_and_ends_with_the_verdict(cli: Cli, fake_pytest: Callable[..., Given]) -> None:
    cli("generate")
    fake_pytest()
    ended = cli("run")
    (folder,) = Path(".talkqa/runs").iterdir()
    assert {"report.html", "junit.xml", "summary.txt"} <= {path.name for path in folder.iterdir()}
    assert ended.out.endswith(f"report: {folder}/report.html\n")
    assert "\n4 checks failed, 1 of them late.\n" in ended.out
    assert ended.code == 1


def test_options_reach_pytest(cli: Cli, fake_pytest: Callable[..., Given]) -> None:
    cli("generate")
    given = fake_pytest()
    cli(
        *(
            "run",
            "--seed",
            "7",
            "--fault",
            "no-merge",
            "--fault",
            "entity-skipped:custom-crm.customer--acme-erp.client",
            "--licence-off",
            "salesforce.billing",
        ),
        *("--serial", "--clock", "real", "--", "-k", "division", "--debug"),
    )
    assert given[0].endswith("generated_tests")
    for option in (
        "--talkqa-seed=7",
        "--talkqa-fault=no-merge",
        "--talkqa-fault=entity-skipped:custom-crm.customer--acme-erp.client",
        "--serial",
        "--talkqa-clock=real",
    ):
        assert option in given
    assert "--talkqa-licence-off=Salesforce.Billing" in given
    assert given[-3:] == ["-k", "division", "--debug"]


def test_another_settings_file_reaches_pytest(cli: Cli, fake_pytest: Callable[..., Given], project: Path) -> None:
    (project / "talkqa.toml").write_text("", encoding="utf-8")
    cli("generate")
    given = fake_pytest()
    cli("--config", "talkqa.toml", "run")
    assert f"--talkqa-config={project / 'talkqa.toml'}" in given


def test_scenarios_of_elsewhere_run_unchecked(cli: Cli, fake_pytest: Callable[..., Given], project: Path) -> None:
    (project / "mine").mkdir()
    given = fake_pytest()
    ended = cli("run", "mine")
    assert ended.code == 1
    assert "whether it is stale is not checked" in ended.err
    assert given[0] == "mine"


def test_a_folder_that_is_not_there_is_wrong_input(cli: Cli, fake_pytest: Callable[..., Given]) -> None:
    given = fake_pytest()
    assert cli("run", "nowhere").code == 2
    assert given == []


@pytest.mark.parametrize(
    ("code", "interrupted", "expected"),
    [(0, False, 3), (1, False, 1), (2, True, 130), (2, False, 3), (4, False, 2), (5, False, 3)],
)
def test_without_results_pytest_tells_why(
    cli: Cli, fake_pytest: Callable[..., Given], code: int, interrupted: bool, expected: int
) -> None:
    cli("generate")
    fake_pytest(code=code, interrupted=interrupted, results=False)
    ended = cli("run")
    assert ended.code == expected
    assert "nothing was run" in ended.err


@pytest.mark.parametrize(
    ("results", "pytest_code", "interrupted", "expected"),
    [(0, 0, False, 0), (0, 1, False, 1), (0, 2, False, 3), (4, 1, False, 4), (1, 1, False, 1), (1, 2, True, 130)],
)
def test_the_results_decide_and_a_broken_session_is_never_well(
    results: int, pytest_code: int, interrupted: bool, expected: int
) -> None:
    assert PytestEnd(code=pytest_code, interrupted=interrupted).mend(results) == expected


def test_too_little_proven_is_told(
    cli: Cli, fake_pytest: Callable[..., Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("generate")
    fake_pytest()
    monkeypatch.setattr("talkqa.report.exitcode.exit_code", lambda _, required: 4 if required > 0.9 else 0)
    ended = cli("run", "--require", "proven=95%")
    assert ended.code == 4
    assert "64.3% proven, 95.0% required" in ended.err


@pytest.mark.parametrize(
    ("text", "share"), [("proven=90%", 0.9), ("proven=0.9", 0.9), ("proven=100%", 1), ("proven=1", 1)]
)
def test_requirements_read(text: str, share: float) -> None:
    assert read_requirement(text) == share


@pytest.mark.parametrize("text", ["90%", "proven=90", "proven=101%", "proven=-1", "passed=90%", "proven=nan"])
def test_other_requirements_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="proven=90%"):
        read_requirement(text)


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--fault", "nonsense", "choose from "),
        ("--fault", "late:custom-crm.client--acme-erp.client", "custom-crm.customer--acme-erp.client"),
        ("--quirk", "Salesfroce.crlf=on", "the closest: Salesforce.crlf"),
        ("--quirk", "Salesforce.clrf=on", "the closest: Salesforce.crlf"),
        ("--quirk", "nonsense=on", "write SYSTEM.NAME=on or SYSTEM.NAME=off"),
        ("--quirk", "Salesforce.crlf=yes", "write SYSTEM.NAME=on or SYSTEM.NAME=off"),
        ("--licence-off", "Salesforce.Nonsense", "Salesforce.Billing"),
        ("--licence-off", "Billing", "give SYSTEM.LICENCE"),
        ("--licence-off", "Nowhere.Billing", "give SYSTEM.LICENCE"),
    ],
)
def test_what_the_sandbox_has_not_is_wrong_input(
    cli: Cli, fake_pytest: Callable[..., Given], option: str, value: str, told: str
) -> None:
    cli("generate")
    given = fake_pytest()
    ended = cli("run", option, value)
    assert ended.code == 2
    assert told in ended.err
    assert given == []


def _project(folder: Path, body: str) -> list[str]:
    (folder / "pytest.ini").write_text("[pytest]\npython_files = *.py\n", encoding="utf-8")
    # Modules stay imported in this process, so each needs a name of its own.
    (folder / f"{folder.name}.py").write_text(body, encoding="utf-8")
    return [
        str(folder),
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        "--import-mode=importlib",
        f"--rootdir={folder}",
    ]


@pytest.mark.parametrize(
    ("body", "end"),
    [
        ("def test_it(): pass", PytestEnd(code=0, interrupted=False)),
        ("def test_it(): assert 0", PytestEnd(code=1, interrupted=False)),
        ("def test_it(): raise KeyboardInterrupt", PytestEnd(code=2, interrupted=True)),
        ("import pytest\ndef test_it(): pytest.exit('enough')", PytestEnd(code=2, interrupted=False)),
        ("import nothing_of_that_name", PytestEnd(code=2, interrupted=False)),
        ("", PytestEnd(code=5, interrupted=False)),
    ],
)
def test_ctrl_c_is_told_from_other_ends(tmp_path: Path, body: str, end: PytestEnd) -> None:
    assert run_pytest(_project(tmp_path, body)) == end


def test_quirks_reach_pytest_under_their_own_names(cli: Cli, fake_pytest: Callable[..., Given]) -> None:
    """Whatever alias and letter case they are given in."""
    cli("generate")
    given = fake_pytest()
    cli("run", "--quirk", "salesforce.CRLF=on", "--quirk", "ExactOnline.sync-lags=off")
    assert "--talkqa-quirk=Salesforce.crlf=on" in given
    assert "--talkqa-quirk=Exact Online.sync-lags=off" in given


def test_a_wrong_quirk_of_the_settings_is_wrong_input(
    cli: Cli, fake_pytest: Callable[..., Given], project: Path
) -> None:
    cli("generate")
    (project / "talkqa.toml").write_text('[sandbox.quirks]\n"Wave.list-lag" = true\n', encoding="utf-8")
    given = fake_pytest()
    ended = cli("run")
    assert (ended.code, given) == (2, [])
    assert "Wave.lists-lag" in ended.err


@pytest.mark.parametrize("settings", ['mode = "live"', 'mode = "replay"', 'clock = "real"'])
def test_a_plan_runs_in_the_sandbox_in_no_time(
    cli: Cli, fake_pytest: Callable[..., Given], project: Path, settings: str
) -> None:
    """Whatever the settings say, and the option with them."""
    cli("generate")
    (project / "talkqa.toml").write_text(f"[run]\n{settings}\n", encoding="utf-8")
    given = fake_pytest()
    ended = cli("run", "--plan", "--clock", "real")
    assert ended.code == 0
    assert "--talkqa-mode=sandbox" in given
    assert [option for option in given if option.startswith("--talkqa-clock=")][-1] == "--talkqa-clock=virtual"
    assert "nothing was written to any system" in ended.out
    assert not (project / ".talkqa" / "runs").exists()
