"""The checklist tested by faults of the reference engine: a fixed sample, one fault of each kind.

The whole matrix is `talkqa faults`: it takes a quarter of an hour, and its table is committed.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.runner.experiment import Laboratory
from talkqa.runner.killrates import KillRates, Rate
from talkqa.runner.matrix import Scope, Trial, list_trials, sample, try_faults
from talkqa.sandbox.faults import KINDS
from tests.harness import PROJECT, SPECS, call_talkqa, project_settings, read_worlds

pytestmark = pytest.mark.timeout(900)  # a minute or two of computing, on whatever else the machine has to do
KINDS_AT_LEAST, FAULTS_AT_LEAST = 20, 200


@pytest.fixture(scope="module")
def laboratory() -> Laboratory:
    """Over all documents of specs/, at depth standard."""
    settings = project_settings()
    return Laboratory(read_worlds([SPECS], settings), settings, PROJECT)


@pytest.fixture(scope="module")
def catalogue(laboratory: Laboratory) -> tuple[Trial, ...]:
    """Every fault over specs/."""
    return list_trials(laboratory)


@pytest.fixture(scope="module")
def rates(laboratory: Laboratory, catalogue: tuple[Trial, ...]) -> KillRates:
    """One fault of each kind, run."""
    chosen = sample(catalogue, len(KINDS))
    return KillRates(verdicts=try_faults(laboratory, chosen, Scope(), seed=0, jobs=min(os.cpu_count() or 1, 4)))


def test_the_catalogue_is_large_and_every_kind_of_it_has_a_place(catalogue: tuple[Trial, ...]) -> None:
    assert len(catalogue) >= FAULTS_AT_LEAST
    assert {trial.fault.kind for trial in catalogue} == set(KINDS)
    assert len(KINDS) >= KINDS_AT_LEAST
    assert len({trial.fault.id for trial in catalogue}) == len(catalogue)


def test_every_fault_declares_checks_that_its_flow_has(laboratory: Laboratory, catalogue: tuple[Trial, ...]) -> None:
    """Else it could be killed by nothing but chance."""
    from talkqa.runner.experiment import Experiment

    names: dict[str, set[str]] = {}
    for world in laboratory.worlds:
        for check in laboratory.checks_of(Experiment(world=world, seed=0)):
            flow_id, name = check.split("/")[:2]
            names.setdefault(flow_id, set()).add(name)
    assert [t.fault.id for t in catalogue if not names[t.fault.flow_id] & set(t.fault.checks)] == []


def test_the_checklist_notices_the_faults(rates: KillRates) -> None:
    """Of a sample of one each kind, where one survivor counts for much; of the whole matrix it is 98 %."""
    told = "\n".join(f"{one.trial.fault.id}: {one.seen}" for one in rates.survivors)
    assert Rate.of(rates.documented).share >= 0.90, told


def test_the_declared_check_notices_and_names_the_broken_sentence(rates: KillRates) -> None:
    others = {
        one.trial.fault.id: [(k.name, k.sentence) for k in one.killers] for one in rates.verdicts if not one.named
    }
    assert Rate.of(rates.documented).share_named >= 0.90, others


def test_the_correct_engine_is_not_accused_in_the_weather_of_any_fault(rates: KillRates) -> None:
    assert rates.unclean == ()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the smallest document."""
    (tmp_path / "specs").mkdir()
    name = "custompms-salesforce.rst"
    (tmp_path / "specs" / name).write_bytes((SPECS / name).read_bytes())
    return tmp_path


FLOW = "custom-pms.project--salesforce.task"


def test_the_command_prints_writes_and_shrinks(project: Path) -> None:
    """Kill rates on stdout, progress on stderr, the table with its date, the end of each fault as JSON."""
    done = call_talkqa(
        project,
        *("faults", "--fault", f"target-edits-dropped:{FLOW}", "--fault", f"engine-dead:{FLOW}"),
        *("--table", "rates.md", "--json", "rates.json", "--shrink"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "simulations" in done.stderr
    assert "undoc. killed" in done.stdout
    assert "records and" in done.stdout
    assert "--check" in done.stdout
    table = (project / "rates.md").read_text(encoding="utf-8")
    assert "| `engine-dead` |" in table
    assert "Made on 20" in table
    ends = json.loads((project / "rates.json").read_text(encoding="utf-8"))
    assert [end["killed"] for end in ends] == [True, True]
    assert all(end["by"] for end in ends)


def test_a_list_of_faults_says_what_each_breaks_and_runs_nothing(project: Path) -> None:
    done = call_talkqa(project, "faults", "--list", "--kind", "duplicate-on-create")
    assert done.returncode == 0, done.stderr
    assert f"duplicate-on-create:{FLOW}" in done.stdout
    assert "seen by created" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kind", "duplicate-on-creat"), "closest of"),
        (("--flow", "custom-pms.project--salesforce.tusk"), FLOW),
        (("--fault", "engine-deed"), "engine-dead"),
        (("--seeds", "2", "--kind", "engine-dead"), "no faults beside them"),
        (("--weather", "rough"), "belong to --seeds"),
        (("--seeds", "2", "--weather", "sunny"), "calm, rough, storm"),
    ],
)
def test_wrong_options_are_refused_with_what_would_be_right(
    project: Path, options: tuple[str, ...], words: str
) -> None:
    done = call_talkqa(project, "faults", *options)
    assert done.returncode == 2
    assert words in done.stderr


def test_equal_experiments_have_equal_findings(laboratory: Laboratory, catalogue: tuple[Trial, ...]) -> None:
    """In this process and in another: a fault's run can be repeated by whoever reads of it."""
    from talkqa.runner.matrix import experiment_of

    trial = next(t for t in catalogue if t.fault.id == f"stale-write:{FLOW}")
    experiment = experiment_of(trial, Scope(), seed=3)
    first, second = laboratory.perform_all([experiment, replace(experiment)], jobs=2)
    here = laboratory.perform(experiment)
    assert first.results == second.results == here.results
    assert first.end_s == here.end_s
