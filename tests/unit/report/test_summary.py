"""The summary is read in ten seconds, in a terminal or a log."""

from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.model.result import Cause, Outcome, RecordingTold, SystemUsed
from talkqa.report.content import build_report
from talkqa.report.reading import Run, read_run
from talkqa.report.summary import render_summary
from tests.fakes.sample_run import write_sample_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(write_sample_run(tmp_path))


def test_the_last_lines_are_the_verdict(run: Run) -> None:
    headline, counts, mode, gaps, path = render_summary(build_report(run)).splitlines()[-5:]
    assert headline == "4 checks failed, 1 of them late."
    assert counts == (
        "43 checks: 13 passed, 4 failed (1 late), 8 unproven (1 undecided, 7 not runnable), "
        "1 error, 1 not run, 1 waived, 14 observed, 1 attested"
    )
    assert mode == (
        "sandbox run: it proves the harness and the checklist; a green live run proves the engine; "
        "seed 7, 104 virtual s in 1.7 s"
    )
    assert gaps == "8 gaps in the documents; the report lists them with advice"
    assert path == f"report: {run.folder.as_posix()}/report.html"


def test_failures_are_grouped_with_the_broken_sentence_and_its_place(run: Run) -> None:
    lines = render_summary(build_report(run)).splitlines()
    at = lines.index("FAILED duplicate, cause: engine (1)")
    assert lines[at + 1] == (
        "  specs/salesforce_to_exact-online_dataflow.rst:41: "
        "Every Salesforce Order will be synchronized with a Exact Online Sales orders."
    )
    assert lines[at + 2] == "    2 Exact Online Sales orders are linked to Order 801-3: 5f1c and 5f1d"


def test_what_is_unproven_is_told_once_a_reason(run: Run) -> None:
    text = render_summary(build_report(run))
    assert "NOT RUNNABLE licence-missing, cause: configuration (7)" in text
    assert "... and 6 more" in text


def test_latency_and_mappings_are_told_for_each_flow(run: Run) -> None:
    text = render_summary(build_report(run))
    assert "  Custom CRM Contact to Salesforce Contact       ->   6.5 /   9.0 s   <-   6.5 /   8.0 s\n" in text
    assert "Custom CRM Contact to Salesforce Contact (2 documented, 3 observed): address.city -> BillingCity, " in text
    assert "founded -> Founded__c (shown as a date), name -> Name, 1 more" in text


def test_many_failures_for_one_reason_are_cut(run: Run) -> None:
    (world, other) = run.worlds
    broken = next(check for check in run.checks if check.outcome is Outcome.FAILED)
    many = tuple(replace(broken, check=f"{broken.flow_id}/x{i}", message="long " * 100) for i in range(9))
    text = render_summary(build_report(replace(run, worlds=(replace(world, checks=many), other))))
    assert "FAILED edit-not-carried, cause: engine (10)" in text
    assert "  ... and 5 more" in text
    assert sum(line.startswith("    long ") for line in text.splitlines()) == 1, "what several say alike is said once"
    assert all(len(line) < 400 for line in text.splitlines())


def test_a_quiet_run_has_a_short_summary(run: Run) -> None:
    (world, _) = run.worlds
    passed = tuple(check for check in world.checks if check.outcome is Outcome.PASSED)
    bare = replace(world, checks=passed, mappings=(), latencies=(), gaps=())
    started = replace(world.started, clock="real", mode="live") if world.started else None
    text = render_summary(build_report(replace(run, worlds=(replace(bare, started=started),), unread=("a:1: x",))))
    assert text.splitlines() == [
        "Every promise that was checked holds.",
        "9 checks: 9 passed, 0 failed, 0 unproven",
        "live run: it judges the real engine; seed 7, 1 s",
        "note: 1 line(s) of the results could not be read: a:1: x",
        f"report: {run.folder.as_posix()}/report.html",
    ]


def test_nothing_in_it_commands_a_terminal(run: Run) -> None:
    (world, other) = run.worlds
    checks = tuple(replace(check, message="\x1b[2J\x9b\r\x07\tx", sentence="a\x1bb") for check in world.checks)
    text = render_summary(build_report(replace(run, worlds=(replace(world, checks=checks), other))))
    assert not [c for c in text if c != "\n" and not c.isprintable()]


USED = SystemUsed(
    system="Wave",
    calls=120,
    by_purpose={"write": 1, "poll": 119},
    repeated=2,
    busiest_minute=58,
    calls_per_minute=60.0,
    calls_per_day=5000,
    created={"Customer": 3},
    copies={"Product": 4},
)


def in_mode(run: Run, mode: str, **changes: object) -> Run:
    """The run as if its systems had been elsewhere; the changes are those of its first world."""
    worlds = [replace(world, started=replace(world.started, mode=mode)) for world in run.worlds if world.started]
    return replace(run, worlds=(replace(worlds[0], **changes), *worlds[1:]))


@pytest.mark.parametrize(("mode", "told"), [("live", True), ("record", True), ("sandbox", False), ("replay", False)])
def test_what_a_live_run_asked_is_told_in_a_line_a_system(run: Run, mode: str, told: bool) -> None:
    """Over all worlds; nobody counts the calls of a sandbox."""
    live = in_mode(run, mode, used=(USED,))
    live = replace(live, worlds=(live.worlds[0], replace(live.worlds[1], used=(USED,))))
    line = (
        "  Wave: 240 calls (2 writes, 238 polls), 4 repeated, at most 58 of 60 in a minute, 5% of the 5000 a day; "
        "created 6 Customer, the engine made of them 8 Product"
    )
    assert (line in render_summary(build_report(live)).splitlines()) is told


@pytest.mark.parametrize(
    ("mode", "proof"),
    [
        ("live", "live run: it judges the real engine"),
        ("record", "live run, recorded: it judges the real engine"),
        ("replay", "this talkqa judges the recorded traffic the same way, and nothing of the engine"),
    ],
)
def test_each_mode_says_what_it_proves(run: Run, mode: str, proof: str) -> None:
    assert proof in render_summary(build_report(in_mode(run, mode)))


def test_what_became_of_recordings_is_told(run: Run) -> None:
    """Recorded, not recorded because it would lose checks, or replayed with parts that do not fit any more."""
    recorded = RecordingTold(kind="recorded", path="cassettes/a/b", checks=9, recorded_at="2026-01-02T03:04:05")
    text = render_summary(build_report(in_mode(run, "record", recording=recorded)))
    assert "\nrecorded cassettes/a/b: 9 checks of Custom CRM to Salesforce\n" in text
    kept = replace(recorded, kind="kept", notes=("the recording before was kept: the run was stopped",))
    text = render_summary(build_report(in_mode(run, "record", recording=kept)))
    assert "\ncassettes/a/b: the recording before was kept: the run was stopped\n" in text
    assert "\nrecorded cassettes" not in text
    notes = ("outdated: x/created", "unused: GET /one", "unused: GET /two", "unused: GET /three")
    replayed = replace(recorded, kind="replayed", notes=notes)
    text = render_summary(build_report(in_mode(run, "replay", recording=replayed)))
    assert (
        "\nreplayed 1 recording, made on 2026-01-02\n"
        "cassettes/a/b: outdated: x/created\n"
        "cassettes/a/b: unused: GET /one, and 2 more\n"
    ) in text


def test_what_kept_worlds_from_opening_is_told_once_a_message(run: Run) -> None:
    """Without a word about each check: all have it alike."""
    worlds = tuple(
        replace(
            world,
            checks=tuple(
                replace(check, outcome=Outcome.ERROR, reason="world-refused", cause=Cause.CONFIGURATION, message=told)
                for check in world.checks
            ),
        )
        for world, told in zip(run.worlds, ("no account for Wave", "it looks like production"), strict=True)
    )
    lines = render_summary(build_report(replace(run, worlds=worlds))).splitlines()
    at = lines.index("ERROR world-refused, cause: configuration (43)")
    numbers = [len(world.checks) for world in worlds]
    assert lines[at + 1 : at + 4] == [
        f"  no account for Wave ({numbers[0]} checks)",
        f"  it looks like production ({numbers[1]} checks)",
        "",
    ]
