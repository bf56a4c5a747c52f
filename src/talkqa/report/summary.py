"""Renders a report as plain text that a person reads in ten seconds."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from talkqa.model.result import BROKEN, UNPROVEN, MappingSeen, Outcome
from talkqa.report.content import Finding, FlowView, Report, outcomes_in_order
from talkqa.report.usage import count_of, describe_purposes, describe_records, describe_share, unite_usage

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
    "replay": "replay: it proves that this talkqa judges the recorded traffic the same way, and nothing of the engine",
}
_LIVE = frozenset({"live", "record"})
_NOTES = frozenset({"unused", "outdated"})
"""Kinds of what is noted of a recording, of which there may be many."""


def render_summary(report: Report) -> str:
    """The summary, ending in a newline: what matters most stands last, where a terminal leaves the reader."""
    blocks = (
        _mappings(report),
        _latencies(report),
        _findings(report, frozenset({Outcome.WAIVED})),
        _findings(report, UNPROVEN | {Outcome.NOT_RUN}),
        _findings(report, BROKEN | {Outcome.ERROR}),
        _usage(report),
        _recordings(report),
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
    if finding.of_the_world:
        for message, count in Counter(check.result.message for check in finding.checks).items():
            yield f"  {_cut(message, 400)} ({count_of(count, 'check')})"
        return
    listed = 1 if brief else _LISTED
    told = ""
    for check in finding.checks[:listed]:
        result = check.result
        yield f"  {result.place or result.check}: {_cut(result.sentence or result.title, 240)}"
        if result.waiver is not None:
            waiver, why = result.waiver, _cut(result.waiver.reason, 120)
            yield f"    it ended {_word(waiver.outcome)}; until {waiver.expires} by {waiver.owner}: {why}"
        if result.message != told:  # one cause often says the same of every check
            yield f"    {_cut(result.message, 220)}"
        told = result.message
    if len(finding.checks) > listed:
        yield f"  ... and {len(finding.checks) - listed} more"


def _usage(report: Report) -> Iterator[str]:
    """What a live run asked of each system: of others nobody counts it."""
    used = unite_usage(used for document in report.documents for used in document.used)
    if report.mode not in _LIVE or not used:
        return
    yield "Asked of the systems"
    for one in used:
        limit = "" if one.calls_per_minute is None else f" of {one.calls_per_minute:g}"
        repeated = f", {one.repeated} repeated" if one.repeated else ""
        yield (
            f"  {one.system}: {count_of(one.calls, 'call')} ({describe_purposes(one.by_purpose)}){repeated}, at most "
            f"{one.busiest_minute}{limit} in a minute, {describe_share(one.calls, one.calls_per_day)}; "
            f"created {describe_records(one.created) or 'nothing'}"
            + (f", the engine made of them {describe_records(one.copies)}" if one.copies else "")
        )


def _recordings(report: Report) -> Iterator[str]:
    """What was recorded; of what was replayed, how old it is and what does not fit any more."""
    replayed = [told for d in report.documents if (told := d.recording) is not None and told.kind == "replayed"]
    if replayed:
        days = sorted({told.recorded_at[:10] for told in replayed})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        yield f"replayed {count_of(len(replayed), 'recording')}, made on {when}"
    for document in report.documents:
        told = document.recording
        if told is None:
            continue
        checks = count_of(told.checks, "check")
        if told.kind == "recorded":
            yield f"recorded {told.path}: {checks} of {document.title}"
        for kind, notes in _by_kind(told.notes).items():
            more = f", and {len(notes) - 1} more" if len(notes) > 1 else ""
            yield _cut(f"{told.path}: {f'{kind}: ' if kind else ''}{notes[0]}{more}", 240)


def _by_kind(notes: Iterable[str]) -> dict[str, list[str]]:
    """Notes by what they begin with: `unused`, `outdated`; others stand alone."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for note in notes:
        kind, colon, rest = note.partition(": ")
        known = colon and kind in _NOTES
        kinds[kind if known else ""].append(rest if known else note)
    return kinds


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
        known = ", ".join(f"{len(group)} {word}" for word, group in flow.mapping_groups)
        pairs = ", ".join(_mapping_words(mapping) for mapping in flow.mappings[:_MAPPED])
        more = f", {len(flow.mappings) - _MAPPED} more" if len(flow.mappings) > _MAPPED else ""
        yield f"  {flow.title} ({known}): {pairs}{more}"


def _mapping_words(mapping: MappingSeen) -> str:
    how = mapping.relation if len(mapping.relation) <= 24 else "changed on the way"
    changed = "" if mapping.relation == "equal" else f" ({how})"
    return f"{mapping.source} -> {mapping.target}{changed}"


def _word(outcome: Outcome) -> str:
    return outcome.value.replace("_", " ")


def _cut(text: str, length: int) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= length else folded[: length - 3] + "..."
