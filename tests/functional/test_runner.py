"""pytest over generated and hand-written scenarios, as people use it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from talkqa.model.result import CheckFinished
from tests.functional.world_project import FLOWS, MODULE, Ran, checks_of, run_pytest, write_project
from tests.harness import heed_interrupts

pytest_plugins = ("pytester",)

BETA, GAMMA = (flow for flow, _, _ in FLOWS.values())
ALL = [*checks_of(BETA), *checks_of(GAMMA)]
FAILING = (
    f'raises={{"{BETA}/edited/name~Name": (2, CheckFailed("lost", "it did not arrive", expected="x", observed="y"))}}'
)
MINE = """\
Feature: Mine

  Scenario: By hand
    Given a Alpha Customer that is linked to a Beta Account
    Then the pair is still linked

  Scenario: With a step of my own
    Given a Alpha Customer that is linked to a Beta Account
    When I look at it
    Then the pair is still linked

  Scenario: With a step of my own that fails
    Given a Alpha Customer that is linked to a Beta Account
    When I find a fault with it
    Then the pair is still linked

  Scenario: With a step that nobody knows
    Given a Alpha Customer that is linked to a Beta Account
    When pigs fly

  Scenario Outline: With rows
    Given a Alpha Customer that is linked to a Beta Account
    When "<path>" of the source Alpha Customer is edited

    Examples:
      | path |
      | a b  |

  Scenario: With a step of my own that runs ahead
    Given a Alpha Customer that is linked to a Beta Account
    When 500 seconds pass
    Then the pair is still linked
"""
OWN_STEPS = """\
import logging

from pytest_bdd import when
from talkqa.runner.vocabulary import AsyncStep


@when("I look at it")
def look():
    print("looking")


@when("I find a fault with it")
def find_fault():
    assert "this" == "that"


async def wait(scene, seconds):
    print(f"waiting {seconds}")  # in one piece: pytest writes from its own thread
    logging.getLogger("wait").warning("still waiting")
    await scene.clock.sleep(seconds)


def pytest_talkqa_steps(config):
    return [AsyncStep("{seconds:g} seconds pass", wait)]
"""
BY_HAND = {
    "generated_tests/alpha/beta/mine.feature": MINE,
    "generated_tests/alpha/beta/conftest.py": OWN_STEPS,
}
PASSED = "passed steps-passed"


def test_generated_scenarios_run_and_each_check_has_its_verdict(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, stage=FAILING)
    ran = run_pytest(pytester, "generated_tests")
    assert ran.counts() == {"passed": 7, "failed": 1}
    assert ran.verdicts() == dict.fromkeys(ALL, PASSED) | {f"{BETA}/edited/name~Name": "failed lost"}
    assert "failed: it did not arrive [lost]\n  expected: x\n  observed: y\n" in ran.text
    assert "Traceback" not in ran.text
    assert f"results in {ran.run_dir}" in ran.text


def test_a_scenario_carries_one_registered_mark(pytester: pytest.Pytester) -> None:
    """Strict markers stay on, and -m selects."""
    write_project(pytester.path)
    ran = run_pytest(pytester, "generated_tests", "--strict-markers", "-W", "error", "-m", "talkqa and not policy")
    assert ran.counts() == {"passed": 6, "deselected": 2}
    assert run_pytest(pytester, "-m", "smoke", run="smoke").counts() == {"passed": 2, "deselected": 6}


def test_k_selects_by_words_and_by_check_and_only_the_selection_runs(pytester: pytest.Pytester) -> None:
    write_project(pytester.path)
    ran = run_pytest(pytester, "generated_tests", "-k", "invoice")
    assert set(ran.verdicts()) == set(checks_of(GAMMA))
    assert set(run_pytest(pytester, "-k", f"{BETA}/created", run="one").verdicts()) == {f"{BETA}/created"}


def test_outcomes_that_prove_nothing_are_skips_with_their_reason(pytester: pytest.Pytester) -> None:
    stage = f"""raises={{
        "{BETA}/created": (1, CheckUndecided("no-binding", "bind it in talkqa.toml")),
        "{BETA}/delete-stays": (1, CheckNotRunnable("licence-missing", "it needs Billing")),
        "{GAMMA}/created": (1, CheckLate("late", "nothing shows that the engine is alive")),
    }}"""
    write_project(pytester.path, stage=stage)
    ran = run_pytest(pytester, "generated_tests")
    assert ran.counts() == {"passed": 5, "skipped": 2, "failed": 1}
    assert "undecided: bind it in talkqa.toml [no-binding]" in ran.text
    assert "not_runnable: it needs Billing [licence-missing]" in ran.text
    assert "late: nothing shows that the engine is alive [late]" in ran.text


def test_scenarios_written_by_hand_run_beside_the_generated_ones(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, files=BY_HAND)
    ran = run_pytest(pytester, "generated_tests/alpha/beta")
    verdicts = ran.verdicts()
    assert {check: verdicts[check] for check in checks_of(BETA)} == dict.fromkeys(checks_of(BETA), PASSED)
    assert {check: said for check, said in verdicts.items() if check.startswith("manual/")} == {
        "manual/mine/by-hand": PASSED,
        "manual/mine/with-a-step-of-my-own": PASSED,
        "manual/mine/with-a-step-of-my-own-that-fails": "failed own-step-failed",
        "manual/mine/with-a-step-that-nobody-knows": "error step-raised",
        "manual/mine/with-rows/a-b": PASSED,
        "manual/mine/with-a-step-of-my-own-that-runs-ahead": PASSED,
    }
    assert ran.counts() == {"passed": 8, "failed": 2}
    assert "assert 'this' == 'that'" in ran.text


def test_steps_after_a_failed_one_are_not_run(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, files=BY_HAND)
    ran = run_pytest(pytester, "generated_tests/alpha/beta", "-k", "fails")
    finished = next(e for e in ran.events("alpha_beta") if isinstance(e, CheckFinished))
    assert [str(step.outcome) for step in finished.steps] == ["passed", "failed", "not_run"]
    assert finished.steps[1].text == "When I find a fault with it"


def test_what_a_scenario_prints_and_logs_ahead_stands_with_its_own_item(pytester: pytest.Pytester) -> None:
    failing = 'raises={"manual/mine/with-a-step-of-my-own-that-runs-ahead": (2, CheckFailed("lost", "no"))}'
    write_project(pytester.path, stage=failing, files=BY_HAND)
    ran = run_pytest(pytester, "generated_tests/alpha/beta", "-k", "hand or ahead", "-rP")
    assert ran.text.count("waiting 500.0") == 1
    section = ran.text.partition("Captured talkqa call")[2]
    assert section.splitlines()[1:3] == ["waiting 500.0", "WARNING  wait: still waiting"]


def test_x_reports_nothing_more_cancels_and_sweeps(pytester: pytest.Pytester) -> None:
    stuck = f'{FAILING}, stuck=frozenset({{"{BETA}/edited/town~City"}})'
    write_project(pytester.path, stage=stuck)
    ran = run_pytest(pytester, "generated_tests", "-x", "-p", "no:randomly")
    assert ran.counts() == {"passed": 2, "failed": 1}
    verdicts = ran.verdicts()
    assert verdicts[f"{BETA}/edited/town~City"] == "not_run stopped"
    assert {verdicts[check] for check in checks_of(GAMMA)} == {"not_run stopped"}
    beta, gamma = ran.ends()
    assert beta.swept == 4
    assert not beta.interrupted
    assert gamma.swept == 0


def test_lf_reruns_exactly_what_failed(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, stage=FAILING)
    first = run_pytest(pytester, "generated_tests")
    again = run_pytest(pytester, "generated_tests", "--lf", run="again")
    assert first.counts()["failed"] == 1
    assert again.verdicts() == {f"{BETA}/edited/name~Name": "failed lost"}


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_serial_gives_the_same_verdicts(pytester: pytest.Pytester, clock: str) -> None:
    write_project(pytester.path, stage=f"step_s=0, {FAILING}")
    clock_option = f"--talkqa-clock={clock}"
    ahead = run_pytest(pytester, "generated_tests", clock_option)
    serial = run_pytest(pytester, "generated_tests", clock_option, "--serial", run="serial")
    assert serial.verdicts() == ahead.verdicts()
    assert serial.counts() == ahead.counts()


def test_two_workers_give_the_same_verdict_for_each_id(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    write_project(pytester.path, stage=FAILING)
    alone = run_pytest(pytester, "generated_tests")
    both = run_pytest(pytester, "generated_tests", "-n", "2", subprocess=True, run="both")
    assert both.verdicts() == alone.verdicts()
    assert both.counts()["failed"] == 1
    starts = [event for world in ("alpha_beta", "alpha_gamma") for event in both.events(world)[:1]]
    assert [type(event).__name__ for event in starts] == ["RunStarted", "RunStarted"]


def test_without_a_folder_for_results_workers_share_one_run(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    write_project(pytester.path)
    result = pytester.runpytest_subprocess("generated_tests", "-n", "2", "-p", "no:hypothesispytest", "-p", "no:anyio")
    (run_dir,) = (pytester.path / ".talkqa/runs").iterdir()
    assert sorted(path.name for path in run_dir.glob("*.jsonl")) == ["alpha_beta.jsonl", "alpha_gamma.jsonl"]
    result.stdout.fnmatch_lines([f"talkqa: results in {run_dir}"])


def test_collecting_alone_starts_nothing(pytester: pytest.Pytester) -> None:
    write_project(pytester.path)
    ran = run_pytest(pytester, "generated_tests", "--co")
    assert ran.text.count("::test_") == 8
    assert not ran.run_dir.exists()


def test_an_item_that_pytest_skips_runs_nothing(pytester: pytest.Pytester) -> None:
    feature = "Feature: Mine\n\n  @skip\n  Scenario: Not now\n    Given the pair comes to rest\n"
    write_project(pytester.path, files={"generated_tests/alpha/beta/mine.feature": feature})
    ran = run_pytest(pytester, "generated_tests/alpha/beta")
    assert ran.verdicts()["manual/mine/not-now"] == "not_run skipped"
    assert ran.ends()[0].swept == 4


def test_a_scenario_that_was_lost_in_collection_is_told(pytester: pytest.Pytester) -> None:
    """pytest-bdd keeps only the last of two scenarios with one name."""
    write_project(pytester.path)
    path = pytester.path / "generated_tests/alpha/beta/alpha_beta.feature"
    path.write_text(
        path.read_text().replace("A deleted Alpha Customer and what becomes of its", "A new Alpha Customer reaches")
    )
    ran = run_pytest(pytester, "generated_tests")
    assert ran.verdicts()[f"{BETA}/created"] == "not_run not-collected"
    assert f"1 checks of {path.parent / 'manifest.json'} were not collected, the first: {BETA}/created" in ran.text
    assert "not collected" not in run_pytest(pytester, "generated_tests", "--lf", run="lf").text


def test_user_properties_carry_the_real_times(pytester: pytest.Pytester) -> None:
    write_project(pytester.path)
    run_pytest(pytester, "generated_tests/alpha/beta", "--junitxml=j.xml", "-k", "created")
    text = (pytester.path / "j.xml").read_text()
    for name, value in (("check", f"{BETA}/created"), ("outcome", "passed"), ("begin_s", "0.0"), ("end_s", "3.0")):
        assert f'name="talkqa_{name}" value="{value}"' in text


def test_options_go_before_talkqa_toml(pytester: pytest.Pytester) -> None:
    toml = '[run]\nseed = 3\nclock = "real"\n'
    write_project(pytester.path, stage="step_s=0", files={"talkqa.toml": toml})

    def facts(ran: Ran) -> tuple[int, str]:
        started = json.loads((ran.run_dir / "alpha_beta.jsonl").read_text().splitlines()[0])
        return started["seed"], started["clock"]

    assert facts(run_pytest(pytester, "generated_tests")) == (3, "real")
    given = run_pytest(pytester, "generated_tests", "--talkqa-seed=5", "--talkqa-clock=virtual", run="given")
    assert facts(given) == (5, "virtual")


def test_equal_seeds_give_equal_events(pytester: pytest.Pytester) -> None:
    write_project(pytester.path)
    one, two = (run_pytest(pytester, "generated_tests", run=name) for name in ("one", "two"))
    for world in ("alpha_beta", "alpha_gamma"):
        assert one.events(world)[1:-1] == two.events(world)[1:-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--talkqa-quirk=odd",), "quirk 'odd'"), (("--talkqa-config=no.toml",), "no.toml")],
)
def test_a_wrong_setting_ends_the_run_before_it_begins(
    pytester: pytest.Pytester, arguments: tuple[str, ...], said: str
) -> None:
    write_project(pytester.path)
    ran = run_pytest(pytester, "generated_tests", *arguments)
    assert ran.result.ret == pytest.ExitCode.USAGE_ERROR
    ran.result.stderr.fnmatch_lines([f"ERROR: talkqa: *{said}*"])


def test_a_configuration_elsewhere_makes_its_folder_the_project(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, files={"other/talkqa.toml": 'work = "left"\n'})
    pytester.runpytest_inprocess("generated_tests", "--talkqa-config=other/talkqa.toml", "-p", "no:hypothesispytest")
    assert list((pytester.path / "other/left/runs").iterdir())


def test_without_talkqa_toml_the_project_is_where_the_documents_are(pytester: pytest.Pytester) -> None:
    write_project(pytester.path)
    (pytester.path / "talkqa.toml").unlink()
    (pytester.path / "pytest.ini").unlink()
    pytester.runpytest_inprocess("generated_tests/alpha", "-p", "no:hypothesispytest")
    assert list((pytester.path / ".talkqa/runs").iterdir())


def test_tests_that_use_none_of_our_steps_are_left_alone(pytester: pytest.Pytester) -> None:
    other = "Feature: Other\n\n  @talkqa-id:x\n  Scenario: Pigs\n    When pigs fly\n"
    files = {
        "other/pigs.feature": other,
        "other/test_pigs.py": f"{MODULE}\nfrom pytest_bdd import when\n\n\n@when('pigs fly')\ndef fly():\n    pass\n",
        "other/test_plain.py": "def test_plain():\n    pass\n",
    }
    write_project(pytester.path, files=files)
    ran = run_pytest(pytester, "other")
    assert ran.counts() == {"passed": 2}
    assert "talkqa" not in ran.text
    assert not (pytester.path / ".talkqa").exists()


def test_ordinary_tests_and_scenarios_run_side_by_side(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, files={"generated_tests/test_plain.py": "def test_plain():\n    print('plain')\n"})
    assert run_pytest(pytester).counts() == {"passed": 9}


def test_with_no_capture_prints_go_to_the_terminal(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, files=BY_HAND)
    ran = run_pytest(pytester, "generated_tests/alpha/beta", "-s", "-k", "runs_ahead")
    assert "waiting 500.0" in ran.text


def test_a_stage_that_cannot_be_had_ends_the_run(pytester: pytest.Pytester) -> None:
    conftest = """\
from talkqa.model.errors import RunError


def pytest_talkqa_stage(config):
    raise RunError("no stage")
"""
    write_project(pytester.path, files={"conftest.py": conftest})
    ran = run_pytest(pytester, "generated_tests")
    assert ran.result.ret == 3
    assert "talkqa: no stage" in ran.text


def test_the_plugin_imports_nothing_heavy(pytester: pytest.Pytester) -> None:
    """Every pytest run of the environment loads it."""
    heavy = "trio httpx docutils starlette rich jinja2 vcr talkqa.verify talkqa.sandbox talkqa.documents"
    code = f"import sys, talkqa.runner.plugin; print([m for m in {heavy.split()!r} if m in sys.modules])"
    assert pytester.run(sys.executable, "-c", code).outlines == ["[]"]


def test_a_world_whose_manifest_is_damaged_ends_the_run_with_advice(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, files={"generated_tests/alpha/beta/manifest.json": "{"})
    ran = run_pytest(pytester, "generated_tests")
    assert ran.result.ret == pytest.ExitCode.USAGE_ERROR
    ran.result.stderr.fnmatch_lines(["*manifest.json: not readable as JSON*run `talkqa generate`*"])


def test_results_lie_where_the_folder_was_named(pytester: pytest.Pytester) -> None:
    write_project(pytester.path)
    ran = run_pytest(pytester, "generated_tests", run="x/y")
    assert {path.name for path in ran.run_dir.iterdir()} == {"alpha_beta.jsonl", "alpha_gamma.jsonl"}
    assert Path(ran.events("alpha_beta")[0].run) == Path("y")  # type: ignore[union-attr]


def test_ctrl_c_leaves_partial_results_swept(pytester: pytest.Pytester) -> None:
    slow = MINE + "\n  Scenario: For ever\n    When 1e9 seconds pass\n"
    write_project(pytester.path, files={**BY_HAND, "generated_tests/alpha/beta/mine.feature": slow})
    command = [sys.executable, "-u", "-m", "pytest", "-p", "no:hypothesispytest", "-s", "--talkqa-run-dir=run"]
    options = ["--talkqa-clock=real", "-k", "hand or ever"]
    with subprocess.Popen(
        [*command, *options],
        cwd=pytester.path,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - no thread of ours is about
    ) as process:
        assert process.stdout is not None
        assert any("waiting 1000000000.0" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "talkqa: results in" in rest
    ran = Ran(result=pytester.run("true"), run_dir=pytester.path / "run")
    assert ran.verdicts()["manual/mine/for-ever"] == "not_run stopped"
    assert [end.interrupted for end in ran.ends()] == [True]
    assert ran.ends()[0].left == ()


HOOKS = """\
def pytest_bdd_before_scenario(request, feature, scenario):
    print("scenario", scenario.name)


def pytest_bdd_before_step_call(step, step_func_args):
    print("call", step.name, step_func_args)


def pytest_bdd_step_error(step, exception):
    print("error", step.name, type(exception).__name__)


def pytest_bdd_after_scenario(scenario):
    print("after", scenario.name)
"""


def test_hooks_and_reporters_of_pytest_bdd_see_scenarios_that_ran_ahead(pytester: pytest.Pytester) -> None:
    write_project(pytester.path, stage=FAILING, files={"generated_tests/conftest.py": HOOKS})
    ran = run_pytest(pytester, "generated_tests/alpha/beta", "-k", "fullname or name-Name", "--cucumberjson=c.json")
    printed = ran.text.partition("Captured stdout call")[2].splitlines()[1:]
    assert printed[0] == 'scenario An edited "name" of Alpha Customer reaches "Name" of Beta Account'
    assert printed[1] == "call the sync engine keeps Alpha Customer and Beta Account in step {}"
    assert printed[4] == 'error "name" of the source Alpha Customer is edited Failed'
    assert printed[5].startswith("after An edited")
    steps = json.loads((pytester.path / "c.json").read_text())[0]["elements"][0]["steps"]
    assert [step["result"]["status"] for step in steps] == ["passed", "passed", "failed", "failed"]


def test_a_scenario_function_with_a_body_of_its_own_runs_it(pytester: pytest.Pytester) -> None:
    module = """\
from pytest_bdd import scenario


@scenario("mine.feature", "By hand")
def test_mine(tmp_path):
    print("the body has", tmp_path.is_dir())
"""
    files = {
        "generated_tests/alpha/beta/mine/mine.feature": MINE,
        "generated_tests/alpha/beta/mine/test_mine.py": module,
    }
    write_project(pytester.path, files=files)
    ran = run_pytest(pytester, "generated_tests/alpha/beta/mine", "-rP")
    assert ran.verdicts()["manual/mine/by-hand"] == PASSED
    assert "the body has True" in ran.text
