"""Two hundred secrets, planted wherever a system or a library can say one: none is written down or printed."""

import json
import os
from pathlib import Path

import pytest

from talkqa.cli.results import show_run
from talkqa.config import read_settings
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.generate.plan import plan, write
from talkqa.model.result import CheckFinished, Outcome
from talkqa.redaction.scan import scan_folder, scan_text
from tests.functional import gateway
from tests.functional.test_runner_sandbox import DOCUMENT
from tests.functional.world_project import INI, Ran, run_pytest
from tests.harness import call_talkqa

pytest_plugins = ("pytester",)

MINE = """\
Feature: Mine

  Background:
    Given the sync engine keeps Cedar Guest and Doum Member in step

  Scenario: I talk
    Given a Cedar Guest that is linked to a Doum Member
    When I say what I know
    And I stumble over what I know

  Scenario: I break
    Given a Cedar Guest that is linked to a Doum Member
    When I break over what I know

  Scenario: I give up
    When I give up over what I know
"""
CONFTEST = """\
import json
import logging
import os
from pathlib import Path

import pytest
from pytest_bdd import when
from tests.functional import gateway

VAULT = gateway.Vault()
UNDO = gateway.install(Path(__file__).parent, Path(os.environ["TALKQA_STATE"]), vault=VAULT)
KNOWN = " ".join(form for name in gateway.VARIABLES for form in gateway.spelled(os.environ[name]))


def pytest_unconfigure():
    UNDO()
    Path(os.environ["GIVEN"]).write_text(json.dumps(sorted(VAULT.given)))


@when("I say what I know")
def say():
    print("printed", KNOWN)
    logging.getLogger("mine").error("logged %s", KNOWN)
    try:
        raise ValueError(KNOWN)
    except ValueError:
        logging.getLogger("mine").exception("raised")


@when("I stumble over what I know")
def stumble():
    raise AssertionError(KNOWN)


@when("I break over what I know")
def break_down():
    raise RuntimeError(KNOWN)


@when("I give up over what I know")
def give_up():
    pytest.skip(KNOWN)
"""
LOGS = "log_level = INFO\nlog_cli = true\nlog_cli_level = INFO\nlog_file = said.log\nlog_file_level = INFO\n"
TELLING = ("--talkqa-record", "--junitxml=pytest.xml", "-rA")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What may be nowhere, by name; the environment holds what is configured."""
    outside = tmp_path_factory.mktemp("state")
    variables = gateway.environment()
    for name, value in {**variables, "TALKQA_STATE": str(outside), "GIVEN": str(outside / "given")}.items():
        monkeypatch.setenv(name, value)
    return gateway.canaries(variables)


@pytest.fixture
def project(pytester: pytest.Pytester, secrets: dict[str, str]) -> Path:
    """A project with a world for each two kinds of credentials, and steps of its own that say what they know."""
    root = pytester.path
    (root / "specs").mkdir()
    for source, target in gateway.WORLDS:
        rule = "=" * len(f"{source} to {target} Dataflow")
        text = DOCUMENT.format(source=source, target=target, rule=rule)
        (root / f"specs/{source.lower()}-{target.lower()}.rst").write_text(text)
    (root / "talkqa.toml").write_text(gateway.configuration())
    (root / "pytest.ini").write_text(INI + LOGS)
    (root / "conftest.py").write_text(CONFTEST)
    settings = read_settings(root)
    reading = read_documents([root / "specs"], settings, root=root)
    write(plan(group_worlds(reading.documents), settings, root))
    (root / "generated_tests/cedar/doum/mine.feature").write_text(MINE)
    return root


def require_told(project: Path, secrets: dict[str, str], given: Path) -> None:
    """Every secret was said in the run, and what was written can be read."""
    pools = {name for name in secrets if name.rpartition(" ")[2].isdigit() and not name.startswith("end of")}
    assert pools - set(json.loads(given.read_text())) == set()
    assert len([name for name in secrets if not name.startswith("end of")]) >= 200
    assert sorted(path.name for path in project.glob("cassettes/*/*")) == sorted(b.lower() for _, b in gateway.WORLDS)
    cassettes = "".join(path.read_text() for path in project.glob("cassettes/**/*.json"))
    assert "broke off" in cassettes
    assert "not to our liking" in cassettes


def require_broken(ran: Ran) -> None:
    """Some checks failed over errors that quote secrets, most passed."""
    finished = [e for world in ran.worlds() for e in ran.events(world) if isinstance(e, CheckFinished)]
    errors = [one.message for one in finished if one.outcome in (Outcome.ERROR, Outcome.NOT_RUNNABLE)]
    assert any("broke off" in message for message in errors)
    assert any("not to our liking" in message for message in errors)
    assert any("the library stumbled" in message for message in errors)
    assert sum(one.outcome is Outcome.PASSED for one in finished) > 20
    assert not any("TypeError" in message for message in errors)
    assert any(exchange.response_body for one in finished for seen in one.observations for exchange in seen.exchanges)


def test_no_secret_reaches_results_recordings_logs_or_what_pytest_prints(
    pytester: pytest.Pytester, project: Path, secrets: dict[str, str]
) -> None:
    ran = run_pytest(pytester, "generated_tests", *TELLING)
    show_run(ran.run_dir)
    assert scan_text(ran.text + ran.result.stderr.str(), secrets) == ()
    assert scan_folder(project, secrets) == ()
    require_broken(ran)
    require_told(project, secrets, Path(os.environ["GIVEN"]))
    assert "printed" in ran.text
    assert "logged" in ran.text
    assert "HTTP Request" in (project / "said.log").read_text()


def test_no_secret_is_printed_or_written_by_the_command_line(project: Path, secrets: dict[str, str]) -> None:
    (project / "pytest.ini").write_text(INI)
    ran = call_talkqa(project, "run", "--", *TELLING)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert scan_text(ran.stdout + ran.stderr, secrets) == ()
    assert scan_folder(project, secrets) == ()
    (run,) = (project / ".talkqa/runs").iterdir()
    assert {"report.html", "junit.xml", "summary.txt"} <= {path.name for path in run.iterdir()}
    require_told(project, secrets, Path(os.environ["GIVEN"]))
