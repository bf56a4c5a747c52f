"""`talkqa attest`: what a person found, bound to one run and counted apart."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from talkqa.model.result import Outcome
from talkqa.report.reading import ATTESTATIONS, read_run
from tests.fakes.sample_run import write_sample_run
from tests.unit.cli.conftest import Cli

OPEN = "custom-crm.order--salesforce.invoice/created"
FAILED = "salesforce.order--exact-online.sales-orders/created"
WORDS = ("--note", "made one, saw one", "--by", "K. Olsen")


@pytest.fixture
def run(project: Path) -> Path:
    return write_sample_run(project / ".talkqa" / "runs" / "20240101T000000-aaaa")


def _outcome(run: Path, check: str) -> tuple[Outcome, str]:
    (found,) = (one for one in read_run(run).checks if one.check == check)
    return found.outcome, found.reason


def test_what_a_person_found_kept_is_attested_and_not_passed(cli: Cli, run: Path) -> None:
    assert _outcome(run, OPEN) == (Outcome.NOT_RUNNABLE, "licence-missing")
    assert cli("attest", OPEN, "--outcome", "passed", *WORDS).code == 0
    assert _outcome(run, OPEN) == (Outcome.ATTESTED, "attested")
    ended = cli("report")
    assert "7 unproven" in ended.out
    assert "2 attested" in ended.out
    page = (run / "report.html").read_text()
    assert "made one, saw one" in page
    assert "2 of them attested by hand" in page


def test_what_a_person_found_broken_fails(cli: Cli, run: Path) -> None:
    assert cli("attest", OPEN, "--outcome", "failed", *WORDS).code == 0
    assert _outcome(run, OPEN) == (Outcome.FAILED, "attested-failed")


def test_the_last_word_of_a_person_counts(cli: Cli, run: Path) -> None:
    cli("attest", OPEN, "--outcome", "failed", *WORDS)
    assert cli("attest", OPEN, "--outcome", "passed", *WORDS).code == 0
    assert _outcome(run, OPEN) == (Outcome.ATTESTED, "attested")


def test_what_the_run_itself_decided_cannot_be_attested(cli: Cli, run: Path) -> None:
    ended = cli("attest", FAILED, "--outcome", "passed", *WORDS)
    assert (ended.code, "only what is undecided or not runnable can be attested" in ended.err) == (2, True)
    assert _outcome(run, FAILED)[0] is Outcome.FAILED


def test_a_line_written_by_hand_changes_nothing_that_the_run_decided(run: Path) -> None:
    line = {"check": FAILED, "by": "K", "on": "2025-01-01", "outcome": "passed", "note": "no"}
    wrong = {**line, "outcome": "waived"}
    (run / ATTESTATIONS).write_text(json.dumps(line) + "\n" + json.dumps(wrong) + "\n")
    assert _outcome(run, FAILED)[0] is Outcome.FAILED
    assert any(told.startswith(f"{ATTESTATIONS}:2: ValueError") for told in read_run(run).unread)


def test_an_unknown_check_is_an_error_that_names_some(cli: Cli, run: Path) -> None:
    ended = cli("attest", "nothing/created", "--outcome", "passed", *WORDS)
    assert (ended.code, OPEN in ended.err) == (2, True)
    assert run.is_dir()


def test_a_picture_inside_the_project_is_bound_by_its_digest(cli: Cli, project: Path, run: Path) -> None:
    (project / "shot.png").write_bytes(b"picture")
    assert cli("attest", OPEN, "--outcome", "passed", *WORDS, "--picture", "shot.png").code == 0
    (found,) = (one for one in read_run(run).checks if one.check == OPEN)
    assert found.attestation is not None
    assert (found.attestation.picture, found.attestation.picture_digest) == (
        "shot.png",
        sha256(b"picture").hexdigest(),
    )


@pytest.mark.parametrize("picture", ["../outside.png", "missing.png"])
def test_a_picture_that_no_reader_will_find_is_refused(cli: Cli, project: Path, run: Path, picture: str) -> None:
    (project.parent / "outside.png").write_bytes(b"picture")
    ended = cli("attest", OPEN, "--outcome", "passed", *WORDS, "--picture", picture)
    assert (ended.code, "--picture" in ended.err) == (2, True)
    assert _outcome(run, OPEN)[0] is Outcome.NOT_RUNNABLE


def test_a_blank_note_is_refused(cli: Cli, run: Path) -> None:
    assert cli("attest", OPEN, "--outcome", "passed", "--note", " ").code == 2
    assert run.is_dir()


def test_a_report_that_is_required_to_prove_exits_as_the_run_would(cli: Cli, run: Path) -> None:
    """The sample has failures; without them it is what is unproven that decides, and an attestation lifts it."""
    assert cli("report").code == 0
    assert cli("report", "--require", "proven=1%").code == 1
    for path in run.glob("*.jsonl"):
        lines = [line for line in path.read_text().splitlines(keepends=True) if _keeps(line)]
        path.write_text("".join(lines))
    assert cli("report", "--require", "proven=99%").code == 4
    share = "proven=66%"  # 14 of 22 are decided, and 15 with one more attested
    assert cli("report", "--require", share).code == 4
    assert cli("attest", OPEN, "--outcome", "passed", *WORDS).code == 0
    assert cli("report", "--require", share).code == 0
    assert cli("report", "--require", "proven=most").code == 2


def _keeps(line: str) -> bool:
    event = json.loads(line)
    return event.get("outcome") not in {"failed", "late", "error"} and event.get("event") != "CheckStarted"
