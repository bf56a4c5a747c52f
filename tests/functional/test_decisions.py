"""What people decide, from what was seen to what is promised: approve, check, generate, run; waive; attest."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from shutil import copyfile
from subprocess import CompletedProcess

import junitparser
import pytest

from talkqa.model.decision import POLICIES, ApprovedMapping, Decisions
from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.location import Location
from talkqa.model.result import MappingSeen, Outcome
from talkqa.model.settings import Settings
from talkqa.report.reading import ATTESTATIONS, Run, find_newest_run, read_run
from tests.harness import SPECS, WorldRun, call_talkqa, project_settings, read_worlds, run_world
from tests.unit.cli.conftest import DOCUMENT as INVENTED

DOCUMENT = "customcrm-wave.rst"
FLOW = "custom-crm.customer--wave.customer"
ROWS = (
    ("address.city", "name", '"string"'),
    ("email", "email", '"string"'),
    ("name", "shippingDetails.instructions", "N/A"),
    ("notes", "displayId", '"string"'),
)
"""What a run of the seed document saw travel in this flow, written down by hand."""


def _settings(rows: Sequence[tuple[str, str, str]] = ROWS, faults: Sequence[str] = ()) -> Settings:
    """The project's settings, with rows of the flow approved."""
    mappings = tuple(
        ApprovedMapping(
            flow_id=FLOW,
            source=source,
            target=target,
            data_type=data_type,
            ways=Ways.BOTH,
            approved_by="K. Olsen",
            approved_on=date(2025, 3, 1),
            location=Location(path="decisions.toml", line=10 + number),
        )
        for number, (source, target, data_type) in enumerate(rows)
    )
    return replace(project_settings(faults=tuple(faults)), decisions=Decisions(mappings=mappings))


def _simulate(settings: Settings, folder: Path) -> WorldRun:
    (world,) = read_worlds([SPECS / DOCUMENT], settings)
    return run_world(world, settings, folder, select=lambda _check, flow: flow.id == FLOW)


def test_the_written_rows_are_what_a_run_sees(tmp_path: Path) -> None:
    """The positive witness of all tests below: a row that nothing carries would prove nothing."""
    run = _simulate(_settings(rows=()), tmp_path)
    seen = {(e.source, e.target) for e in run.events if isinstance(e, MappingSeen) and e.flow_id == FLOW}
    assert {(source, target) for source, target, _ in ROWS} <= seen
    assert run.results[f"{FLOW}/discovered"].outcome is Outcome.OBSERVED


def test_approved_rows_are_proven_like_documented_ones(tmp_path: Path) -> None:
    run = _simulate(_settings(), tmp_path)
    edited = [r for r in run.results.values() if r.name == "edited-in-source"]
    assert len(edited) == len(ROWS)
    assert run.told(Outcome.FAILED, Outcome.LATE, Outcome.ERROR) == []
    assert {r.outcome for r in edited} == {Outcome.PASSED}, run.told(Outcome.UNDECIDED, Outcome.NOT_RUNNABLE)
    assert {e.approved for e in run.events if isinstance(e, MappingSeen) and (e.source, e.target) == ROWS[1][:2]} == {
        True
    }


def test_a_departure_from_what_was_approved_fails_by_the_words_of_the_approval(tmp_path: Path) -> None:
    """The engine swaps two properties after the approval."""
    run = _simulate(_settings(faults=(f"properties-swapped:{FLOW}",)), tmp_path)
    failed = run.of(Outcome.FAILED)
    assert failed
    assert {r.place.partition(":")[0] for r in failed if r.name in {"edited-in-source", "audit"}} == {"decisions.toml"}
    assert any("approved by K. Olsen on 2025-03-01" in r.sentence for r in failed)
    (audit,) = (r for r in failed if r.name == "audit")
    assert "approved by K. Olsen on 2025-03-01" in audit.message


def test_a_swap_that_was_there_from_the_start_is_observed_and_never_passed(tmp_path: Path) -> None:
    """Without a document nobody knows that it is a swap."""
    run = _simulate(_settings(rows=(), faults=(f"properties-swapped:{FLOW}",)), tmp_path)
    assert run.told(Outcome.FAILED) == []
    discovered = run.results[f"{FLOW}/discovered"]
    assert discovered.outcome is Outcome.OBSERVED
    plain = _simulate(_settings(rows=()), tmp_path)
    assert discovered.message != plain.results[f"{FLOW}/discovered"].message


def test_what_policies_see_is_said_in_the_words_that_can_be_adopted(tmp_path: Path) -> None:
    """Else an adopted policy would judge nothing, unnoticed."""
    run = _simulate(_settings(), tmp_path)
    seen = {r.name: r.observed for r in run.of(Outcome.OBSERVED) if r.name in POLICIES}
    assert seen.keys() >= {"latest-wins", "empty-keeps", "delete-stays", "link-survives"}
    assert {name: word for name, word in seen.items() if word not in POLICIES[name]} == {}


# as a user has it
def _talkqa(project: Path, *arguments: str, code: int = 0) -> CompletedProcess[str]:
    ended = call_talkqa(project, *arguments)
    assert ended.returncode == code, f"{arguments}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one seed document, whose tables are empty."""
    (tmp_path / "specs").mkdir()
    copyfile(SPECS / DOCUMENT, tmp_path / "specs" / DOCUMENT)
    return tmp_path


def _newest(project: Path) -> Run:
    return read_run(find_newest_run(project / ".talkqa" / "runs"))


def _outcomes(run: Run) -> Counter[Outcome]:
    return Counter(check.outcome for check in run.checks)


def _waive(project: Path, checks: str, days: int) -> None:
    until = (datetime.now().astimezone() + timedelta(days=days)).date().isoformat()
    with (project / "decisions.toml").open("a") as file:
        file.write(f'\n[[waivers]]\nchecks = "{checks}"\nreason = "known"\nowner = "the team"\nexpires = {until}\n')


def test_what_was_discovered_is_approved_checked_generated_and_proven(project: Path) -> None:
    """After approval `check` tells no gap of the flow, its rows have checks of their own, and a run proves them."""
    rows = [
        ProposedRow(
            flow_id=FLOW, source=source, target=target, data_type=data_type, ways=Ways.BOTH, confidence=0.99,
            observations=("seen", "seen again"),
        )
        for source, target, data_type in ROWS
    ]  # fmt: skip
    (project / ".talkqa").mkdir()
    (project / ".talkqa" / "discovered.jsonl").write_text("".join(json.dumps(asdict(row)) + "\n" for row in rows))
    gap = "the flow 'Customcrm Customer to Wave Customer' documents no properties"
    assert gap in _talkqa(project, "check").stdout
    _talkqa(project, "generate")
    _talkqa(project, "approve", "--flow", FLOW, "--by", "K. Olsen")
    checked = _talkqa(project, "check").stdout
    assert gap not in checked
    assert "documents no properties" in checked  # the other flows' tables are as empty as before

    assert "the scenarios do not say what the documents say now" in _talkqa(project, "run", code=2).stderr
    ended = _talkqa(project, "run", "--generate", "--engine-version", "4.2")
    assert "4 approved" in ended.stdout
    run = _newest(project)
    edited = {c.check: c for c in run.checks if c.name == "edited-in-source" and c.flow_id == FLOW}
    assert len(edited) == len(ROWS)
    assert {c.outcome for c in edited.values()} == {Outcome.PASSED}
    assert {c.place.partition(":")[0] for c in edited.values()} == {"decisions.toml"}
    assert [w.started and (w.started.engine, set(w.started.digests)) for w in run.worlds] == [
        ("4.2", {f"specs/{DOCUMENT}", "decisions.toml"})
    ]
    assert "no system was reached in this run" in (run.folder / "report.html").read_text()


def test_a_waiver_answers_for_a_failure_until_it_runs_out(project: Path) -> None:
    fault = ("--fault", f"duplicate-on-create:{FLOW}", "--", "--tb=no")
    _talkqa(project, "generate")
    _talkqa(project, "run", *fault, code=1)
    broken = {check.check for check in _newest(project).checks if check.outcome is Outcome.FAILED}
    assert f"{FLOW}/created" in broken

    _waive(project, f"{FLOW}/*", days=0)
    _waive(project, f"{FLOW}/no-such-check", days=9)
    ended = _talkqa(project, "run", *fault)
    run = _newest(project)
    waived = {check.check: check.waiver for check in run.checks if check.outcome is Outcome.WAIVED}
    assert broken <= waived.keys()
    assert all(used is not None and used.owner == "the team" for used in waived.values())
    assert _outcomes(run)[Outcome.PASSED] > 0
    assert "beside those waived" in ended.stdout
    assert f"the waiver '{FLOW}/no-such-check' names no check" in ended.stderr
    xml = junitparser.JUnitXml.fromfile(str(run.folder / "junit.xml"))
    assert xml.failures == 0
    assert "waived-until" in (run.folder / "junit.xml").read_text()

    (project / "decisions.toml").unlink()
    _waive(project, f"{FLOW}/*", days=-2)
    ended = _talkqa(project, "run", *fault, code=1)
    assert "ran out on" in ended.stderr
    assert "has no effect (the team)" in ended.stderr
    page = (_newest(project).folder / "report.html").read_text()
    assert "waiver-expired" in page


def test_what_a_person_attests_is_counted_apart_and_lifts_what_is_required(tmp_path: Path) -> None:
    """A condition that nobody bound leaves the whole flow undecided: a person decides it, check by check."""
    (tmp_path / "specs").mkdir()
    every, condition = "Every Custom CRM Customer will be", "When a Custom CRM Customer is nice, it will be"
    (tmp_path / "specs" / "crm-to-erp.rst").write_text(INVENTED.replace(every, condition), encoding="utf-8")
    _talkqa(tmp_path, "run", "--generate", code=3)
    run = _newest(tmp_path)
    undecided = [check for check in run.checks if check.outcome is Outcome.UNDECIDED]
    assert len(undecided) == len(run.checks) > 5
    assert all(check.manual for check in undecided)

    first, *others = (check.check for check in undecided)
    words = ("--outcome", "passed", "--by", "K. Olsen", "--note", "made a nice one, and a client appeared")
    _talkqa(tmp_path, "attest", first, *words)
    ended = _talkqa(tmp_path, "report", "--require", "proven=90%", code=4)
    assert f"{len(others)} unproven" in ended.stdout
    assert "0 passed" in ended.stdout
    assert "1 attested" in ended.stdout
    for check in others:
        _attest_quickly(run.folder, check)
    ended = _talkqa(tmp_path, "report", "--require", "proven=90%")
    assert f"Every promise that was checked holds, {len(undecided)} of them by hand." in ended.stdout
    assert "0 passed" in ended.stdout


def _attest_quickly(folder: Path, check: str) -> None:
    """A line in the results file, as a person may write it too."""
    line = {"check": check, "by": "K. Olsen", "on": "2025-03-01", "outcome": "passed", "note": "seen"}
    with (folder / ATTESTATIONS).open("a") as file:
        file.write(json.dumps(line) + "\n")
