"""Renders a report as plain text that a person reads in ten seconds."""

import re
from collections.abc import Iterator

from talkqa.model.result import BROKEN, UNPROVEN, MappingSeen, Outcome
from talkqa.report.content import Finding, FlowView, Report, outcomes_in_order

_LISTED = 5
"""Checks named for one reason; the report has them all."""
_MAPPED = 4
"""Properties named for one flow."""
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""What a document or an answer may hold to command a terminal."""
_MODES = {
    "sandbox": "sandbox run: it proves the harness and the checklist; a green live run proves the engine",
    "live": "live run: it judges the real engine",
    "record": "live run, recorded: it judges the real engine",
    "replay": "replay of a recorded run",
}


def render_summary(report: Report) -> str:
    """The summary, ending in a newline: what matters most stands last, where a terminal leaves the reader."""
    blocks = (
        _mappings(report),
        _latencies(report),
        _findings(report, UNPROVEN | {Outcome.NOT_RUN}),
        _findings(report, BROKEN | {Outcome.ERROR}),
        _verdict(report),
    )
    text = "\n\n".join("\n".join(lines) for lines in (list(block) for block in blocks) if lines)
    return _CONTROL.sub("\ufffd", text) + "\n"


def _verdict(report: Report) -> Iterator[str]:
    yield f"{report.headline}."
    others = [
        (o, n) for o, n in outcomes_in_order(report.counts) if o is not Outcome.PASSED and o not in BROKEN | UNPROVEN
    ]
    late = f" ({report.counts[Outcome.LATE]} late)" if report.counts[Outcome.LATE] else ""
    unproven = [f"{report.counts[o]} {_word(o)}" for o in (Outcome.UNDECIDED, Outcome.NOT_RUNNABLE) if report.counts[o]]
    parts = [
        f"{report.total} {'check' if report.total == 1 else 'checks'}: {report.counts[Outcome.PASSED]} passed",
        f"{report.broken} failed{late}",
        f"{report.unproven} unproven" + (f" ({', '.join(unproven)})" if unproven else ""),
        *(f"{number} {_word(outcome)}" for outcome, number in others),
    ]
    yield ", ".join(parts)
    time = (
        f"{report.virtual_s:.0f} virtual s in {report.wall_s:.1f} s"
        if report.clock == "virtual"
        else f"{report.wall_s:.0f} s"
    )
    yield f"{_MODES.get(report.mode, report.mode)}; seed {report.seed}, {time}"
    yield from (f"note: {note}" for note in report.notes)
    if report.gap_count:
        gaps = "1 gap" if report.gap_count == 1 else f"{report.gap_count} gaps"
        yield f"{gaps} in the documents; the report lists them with advice"
    yield f"report: {report.path.as_posix()}"


def _findings(report: Report, outcomes: frozenset[Outcome]) -> Iterator[str]:
    for finding in report.findings:
        if finding.outcome in outcomes:
            yield from _finding(finding, brief=finding.outcome in UNPROVEN)


def _finding(finding: Finding, *, brief: bool) -> Iterator[str]:
    cause = f", cause: {finding.cause.value}" if finding.cause else ""
    yield f"{_word(finding.outcome).upper()} {finding.reason}{cause} ({len(finding.checks)})"
    listed = 1 if brief else _LISTED
    told = ""
    for check in finding.checks[:listed]:
        result = check.result
        yield f"  {result.place or result.check}: {_cut(result.sentence or result.title, 240)}"
        if result.message != told:  # one cause often says the same of every check
            yield f"    {_cut(result.message, 220)}"
        told = result.message
    if len(finding.checks) > listed:
        yield f"  ... and {len(finding.checks) - listed} more"


def _latencies(report: Report) -> Iterator[str]:
    flows = [flow for document in report.documents for flow in document.flows if flow.latencies]
    if not flows:
        return
    error_s = max(latency.error_s for flow in flows for latency in flow.latencies)
    yield f"Latency of sync, median / longest; the poll period of {error_s:.0f} s is its error"
    width = min(72, max(len(flow.title) for flow in flows))
    for flow in flows:
        yield f"  {flow.title:{width}}  {'   '.join(_latency_words(flow))}"


def _latency_words(flow: FlowView) -> Iterator[str]:
    for latency in flow.latencies:
        arrow = "->" if latency.direction == "source-to-target" else "<-"
        yield f"{arrow} {latency.median_s:5.1f} / {latency.max_s:5.1f} s"


def _mappings(report: Report) -> Iterator[str]:
    flows = [flow for document in report.documents for flow in document.flows if flow.mappings]
    if not flows:
        return
    yield "Properties seen to travel; the report has them all, as tables to copy"
    for flow in flows:
        documented = sum(mapping.documented for mapping in flow.mappings)
        pairs = ", ".join(_mapping_words(mapping) for mapping in flow.mappings[:_MAPPED])
        more = f", {len(flow.mappings) - _MAPPED} more" if len(flow.mappings) > _MAPPED else ""
        known = f", {documented} documented" if documented else ""
        yield f"  {flow.title} ({len(flow.mappings)}{known}): {pairs}{more}"


def _mapping_words(mapping: MappingSeen) -> str:
    how = mapping.relation if len(mapping.relation) <= 24 else "changed on the way"
    changed = "" if mapping.relation == "equal" else f" ({how})"
    return f"{mapping.source} -> {mapping.target}{changed}"


def _word(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def _cut(text: str, length: int) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= length else folded[: length - 3] + "..."
