"""The correct engine in all weathers: no check accuses it, and every simulation can be repeated exactly.

A sample; `talkqa faults --seeds 1000` and `talkqa faults --flips` are the whole.
"""

import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.model.result import UNPROVEN
from talkqa.model.settings import Weather
from talkqa.runner.campaign import draw_weather, list_flips, plan_campaign, run_campaign
from talkqa.runner.experiment import Experiment, Laboratory
from tests.harness import PROJECT, SPECS, call_talkqa, project_settings, read_worlds

SIMULATIONS = int(os.environ.get("TALKQA_SEEDS", "14"))
"""How many; by hand as many as one likes."""
pytestmark = pytest.mark.timeout(900)  # a minute or two of computing, on whatever else the machine has to do
JOBS = min(os.cpu_count() or 1, 4)


@pytest.fixture(scope="module")
def laboratory() -> Laboratory:
    """Over all documents of specs/."""
    settings = project_settings()
    return Laboratory(read_worlds([SPECS], settings), settings, PROJECT)


def told(laboratory: Laboratory, planned: tuple[Experiment, ...]) -> list[str]:
    """What no check may say, and checks that are unproven without a reason."""
    tally = run_campaign(laboratory, planned, jobs=JOBS)
    assert tally.simulations == len(planned)
    assert tally.counts.total() > 20 * len(planned)
    assert all(reason for (outcome, reason) in tally.counts if outcome in UNPROVEN)
    return [
        f"{one.experiment}: {one.result.check} {one.result.outcome} {one.result.reason}: {one.result.message}"
        for one in tally.accusations
    ]


def test_no_check_accuses_the_correct_engine_whatever_the_weather(laboratory: Laboratory) -> None:
    """Seeds over all documents; delay, 429, 5xx, lost answers, skew, a slow engine, reordering."""
    worlds = tuple(laboratory.worlds.values())
    planned = plan_campaign(worlds, count=SIMULATIONS, first_seed=1, weather=None)
    assert {one.world for one in planned} == set(laboratory.worlds)
    assert told(laboratory, planned) == []


def test_no_check_accuses_the_correct_engine_whatever_is_switched(laboratory: Laboratory) -> None:
    """Some switches of the emulated systems, flipped."""
    flips = list_flips(laboratory)[::24]
    planned = plan_campaign((), count=len(flips), first_seed=1, weather=None, flips=flips)
    assert told(laboratory, planned) == []


@pytest.mark.parametrize("seed", [3, 4])
def test_a_simulation_is_repeated_exactly(laboratory: Laboratory, seed: int) -> None:
    """The same verdicts, messages and moments, in whatever process."""
    experiment = Experiment(world="custom-crm/salesforce", seed=seed, weather=draw_weather(seed))
    first, second = laboratory.perform_all([experiment, replace(experiment)], jobs=2)
    assert first.results == second.results
    assert (first.end_s, first.records, first.writes) == (second.end_s, second.records, second.writes)
    other = laboratory.perform(replace(experiment, seed=seed + 100))
    assert other.results != first.results


def test_fewer_checks_in_the_same_weather_end_as_they_did(laboratory: Laboratory) -> None:
    """So that a failure can be shrunk."""
    sky = Weather(api_delay_s=3.0, refused=0.05, failed=0.03, lost=0.03, skew_s=5.0)
    experiment = Experiment(world="custom-pms/salesforce", seed=9, weather=sky)
    all_of_them = laboratory.perform(experiment).results
    for check in sorted(all_of_them)[::4]:
        alone = laboratory.perform(replace(experiment, checks=(check,))).results
        assert list(alone) == [check]
        assert (alone[check].outcome, alone[check].reason) == (all_of_them[check].outcome, all_of_them[check].reason)


def test_a_wrong_result_comes_with_the_command_that_repeats_it(tmp_path: Path) -> None:
    """Here everything is answered 503 for ever, so that no check can be run: an error, and never the engine's."""
    (tmp_path / "specs").mkdir()
    name = "custompms-salesforce.rst"
    (tmp_path / "specs" / name).write_bytes((SPECS / name).read_bytes())
    check = "custom-pms.project--salesforce.task/created"
    arguments = ("--seeds", "1", "--seed", "5", "--weather", "failed=1", "--check", check)
    done = call_talkqa(tmp_path, "faults", *arguments, "--shrink")
    assert done.returncode == 1, done.stdout + done.stderr
    (accused,) = re.findall(rf"^{re.escape(check)}: (error \S+): .*$", done.stdout, re.MULTILINE)
    commands = [line.strip() for line in done.stdout.splitlines() if line.startswith("  talkqa faults")]
    assert len(commands) == 2, "the one that failed, and the smallest that still does"
    assert "1 checks, 0 records" in done.stdout
    again = call_talkqa(tmp_path, *shlex.split(commands[-1])[1:])
    assert again.returncode == 1
    assert f"{check}: {accused}" in again.stdout
