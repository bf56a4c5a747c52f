"""What a report says of a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from talkqa.model.result import CheckFinished, Event, Outcome, RunFinished
from talkqa.report.content import CheckView, Report, Status, build_report
from talkqa.report.reading import Run, read_run
from tests.fakes.sample_run import write_sample_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(write_sample_run(tmp_path))


def _with_outcomes(run: Run, *kept: Outcome, interrupted: bool = False) -> Report:
    worlds = tuple(
        replace(
            world,
            checks=tuple(check for check in world.checks if check.outcome in kept),
            finished=replace(world.finished, interrupted=interrupted) if world.finished else None,
        )
        for world in run.worlds
    )
    return build_report(replace(run, worlds=worlds))


def test_counts_documents_and_flows_add_up(run: Run) -> None:
    report = build_report(run)
    assert report.total == 43
    assert (report.broken, report.unproven) == (4, 8)
    assert [len(document.flows) for document in report.documents] == [4, 3]
    assert sum(len(flow.checks) for document in report.documents for flow in document.flows) == 43


def test_findings_begin_with_what_is_broken(run: Run) -> None:
    report = build_report(run)
    assert [(f.outcome.value, f.reason, len(f.checks)) for f in report.findings] == [
        ("failed", "edit-not-carried", 2),
        ("failed", "duplicate", 1),
        ("late", "engine-silent", 1),
        ("error", "api-error", 1),
        ("undecided", "condition-unbound", 1),
        ("not_runnable", "licence-missing", 7),
        ("not_run", "cut-off", 1),
        ("waived", "edit-not-carried", 1),
    ]


@pytest.mark.parametrize(
    ("kept", "status", "headline"),
    [
        ((Outcome.PASSED,), Status.GREEN, "Every promise that was checked holds"),
        ((Outcome.PASSED, Outcome.FAILED), Status.RED, "3 checks failed"),
        ((Outcome.PASSED, Outcome.LATE), Status.RED, "1 check came late"),
        ((Outcome.PASSED, Outcome.ERROR), Status.YELLOW, "1 check ended in an error; no promise was seen broken"),
        ((Outcome.PASSED, Outcome.NOT_RUNNABLE), Status.YELLOW, "No promise is broken, 7 are unproven"),
        (
            (Outcome.PASSED, Outcome.WAIVED, Outcome.NOT_RUNNABLE),
            Status.YELLOW,
            "No promise is broken beside those waived, 7 are unproven, 1 is waived",
        ),
        ((Outcome.PASSED, Outcome.ATTESTED), Status.GREEN, "Every promise that was checked holds, 1 of them by hand"),
        ((Outcome.ERROR,), Status.YELLOW, "1 check ended in an error; nothing was decided"),
        ((Outcome.NOT_RUNNABLE,), Status.YELLOW, "Nothing was decided"),
        ((Outcome.PASSED, Outcome.OBSERVED), Status.GREEN, "Every promise that was checked holds"),
    ],
)
def test_the_headline_and_the_colour_say_it_at_once(
    run: Run, kept: tuple[Outcome, ...], status: Status, headline: str
) -> None:
    report = _with_outcomes(run, *kept)
    assert (report.status, report.headline) == (status, headline)


def test_a_stopped_run_is_never_green(run: Run) -> None:
    report = _with_outcomes(run, Outcome.PASSED, interrupted=True)
    assert (report.status, report.headline) == (Status.YELLOW, "No promise was broken before the run was stopped")


def test_a_run_that_broke_off_says_so(run: Run) -> None:
    broken_off = replace(run, worlds=tuple(replace(world, finished=None) for world in run.worlds), unread=("a:1: x",))
    report = build_report(broken_off)
    assert report.notes[0].startswith("custom-crm/salesforce: the process died")
    assert report.notes[-1] == "1 line(s) of the results could not be read: a:1: x"
    passed = _with_outcomes(broken_off, Outcome.PASSED)
    assert (passed.status, passed.headline) == (Status.YELLOW, "The run broke off; no promise was seen broken")


def test_checks_of_one_sentence_stand_below_it_once(run: Run) -> None:
    flow = build_report(run).documents[0].flows[0]
    two_way = next(s for s in flow.sentences if s.text.startswith("Once a link"))
    assert [check.result.name for check in two_way.checks] == ["edited-in-source", "edited-in-target"]
    assert flow.sentences[-1].checks[0].is_policy


def test_mappings_seen_by_several_scenarios_become_one_row(run: Run) -> None:
    world = run.worlds[0]
    seen = world.mappings[0]
    again = replace(seen, both_ways=None, confirmations=2, documented=True, relation="in capitals")
    united = build_report(replace(run, worlds=(replace(world, mappings=(seen, again)),))).documents[0]
    (flow,) = [flow for flow in united.flows if flow.mappings]
    (mapping,) = flow.mappings
    assert (mapping.confirmations, mapping.documented, mapping.both_ways, mapping.relation) == (
        6,
        True,
        True,
        "in capitals",
    )


def test_latency_is_told_with_its_error(run: Run) -> None:
    forth, back = build_report(run).documents[0].flows[0].latencies
    assert (forth.direction, forth.count, forth.median_s, forth.max_s, forth.error_s) == (
        "source-to-target",
        3,
        6.5,
        9,
        4,
    )
    assert back.direction == "target-to-source"


def test_anchors_are_the_same_in_every_run_and_unique_in_one(run: Run, tmp_path: Path) -> None:
    report, again = build_report(run), build_report(read_run(write_sample_run(tmp_path / "again")))
    anchors = [check.anchor for d in report.documents for f in d.flows for check in f.checks]
    assert len(set(anchors)) == len(anchors)
    assert anchors == [check.anchor for d in again.documents for f in d.flows for check in f.checks]


def test_a_run_whose_first_lines_were_lost_is_still_shown(run: Run) -> None:
    report = build_report(replace(run, worlds=tuple(replace(world, started=None) for world in run.worlds)))
    assert (report.mode, report.run) == ("unknown", run.folder.name)
    assert report.documents[0].title == "Custom Crm to Salesforce"


def test_sample_holds_every_outcome(run: Run) -> None:
    """The sample is what the page's design is judged by: nothing may be missing from it."""
    events: tuple[Event, ...] = run.checks
    assert {check.outcome for check in events if isinstance(check, CheckFinished)} == set(Outcome)
    assert all(isinstance(world.finished, RunFinished) for world in run.worlds)


@pytest.mark.parametrize(
    ("check", "row"),
    [
        ("f/edited-in-source/address.city~Billing%20City", "address.city \N{RIGHTWARDS ARROW} Billing City"),
        ("f/condition-holds/deal-is-won", "deal-is-won"),
        ("f/edited-in-source", ""),
        ("manual/x/y", ""),
    ],
)
def test_checks_of_one_title_are_told_apart_by_their_row(run: Run, check: str, row: str) -> None:
    name = check.split("/")[1]
    result = replace(run.checks[0], check=check, flow_id="f", name=name)
    assert CheckView(result=result, anchor="c").row == row


def test_gaps_of_a_flow_that_nothing_ran_of_stay_with_the_document(run: Run) -> None:
    """A selection shows no empty flows, and loses no gap."""
    whole = build_report(run)
    flow = next(flow for document in whole.documents for flow in document.flows if flow.gaps)
    worlds = tuple(
        replace(
            world,
            checks=tuple(check for check in world.checks if check.flow_id != flow.id),
            mappings=tuple(mapping for mapping in world.mappings if mapping.flow_id != flow.id),
            latencies=tuple(latency for latency in world.latencies if latency.flow_id != flow.id),
        )
        for world in run.worlds
    )
    part = build_report(replace(run, worlds=worlds))
    assert flow.id not in {shown.id for document in part.documents for shown in document.flows}
    assert set(flow.gaps) <= {gap for document in part.documents for gap in document.gaps}
    assert part.gap_count == whole.gap_count
