"""Renders a report as JUnit XML: one suite a flow, one case a check.

What is unproven counts as skipped, with the reason; a broken promise as failure; a broken harness or API as error.
"""

import re
from xml.etree import ElementTree as ET

from talkqa.model.result import CheckFinished, Outcome
from talkqa.report.content import CheckView, DocumentView, FlowView, Report

_FAILURES = frozenset({Outcome.FAILED, Outcome.LATE})
_SKIPPED = frozenset({Outcome.NOT_RUNNABLE, Outcome.UNDECIDED, Outcome.NOT_RUN, Outcome.WAIVED})
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, however they are escaped."""


def render_junit(report: Report) -> str:
    """The XML document."""
    checks = [check for document in report.documents for flow in document.flows for check in flow.checks]
    root = ET.Element("testsuites", {"name": "talkqa", **_numbers(checks)})
    for document in report.documents:
        for flow in document.flows:
            if flow.checks:
                root.append(_suite(report, document, flow))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(report: Report, document: DocumentView, flow: FlowView) -> ET.Element:
    suite = ET.Element("testsuite", {"name": _text(flow.title), **_numbers(list(flow.checks))})
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("mode", report.mode),
        ("clock", report.clock),
        ("seed", str(report.seed)),
        ("document", ", ".join(document.paths)),
        ("flow", flow.id),
    ):
        ET.SubElement(properties, "property", name=name, value=_text(value))
    for check in flow.checks:
        suite.append(_case(document, check))
    return suite


def _case(document: DocumentView, check: CheckView) -> ET.Element:
    result = check.result
    # The id is the case's whole identity: unlike the title it stays when a document is reworded.
    case = ET.Element(
        "testcase", classname=_text(document.world.replace("/", ".")), name=_text(result.check), time=_seconds(result)
    )
    _add_hand(case, result)
    said = {"message": _text(result.message), "type": _text(result.reason or result.outcome.value)}
    if result.outcome in _FAILURES:
        ET.SubElement(case, "failure", said).text = _text(_account(result))
    elif result.outcome is Outcome.ERROR:
        ET.SubElement(case, "error", said).text = _text(_account(result))
    elif result.outcome in _SKIPPED:
        told = _waived(result) or f"{result.outcome.value}: {result.message}"
        ET.SubElement(case, "skipped", {**said, "message": _text(told)})
    ET.SubElement(case, "system-out").text = _text(_protocol(result))
    return case


def _add_hand(case: ET.Element, result: CheckFinished) -> None:
    """What a person decided about a check, as properties of its case."""
    found: list[tuple[str, str]] = []
    if result.waiver is not None:
        waiver = result.waiver
        found += [("waived-by", waiver.owner), ("waived-until", waiver.expires), ("waived-because", waiver.reason)]
        found.append(("waived-outcome", waiver.outcome.value))
    if result.attestation is not None:
        one = result.attestation
        found += [("attested-by", one.by), ("attested-on", one.on), ("attested-outcome", one.outcome.value)]
        found.append(("attested-note", one.note))
    if found:
        properties = ET.SubElement(case, "properties")
        for name, value in found:
            ET.SubElement(properties, "property", name=name, value=_text(value))


def _waived(result: CheckFinished) -> str:
    waiver = result.waiver
    if waiver is None:
        return ""
    return (
        f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason}; it ended {waiver.outcome}: {result.message}"
    )


def _account(result: CheckFinished) -> str:
    lines = [f"{result.place}: {result.sentence}".strip(": "), result.message]
    if result.cause:
        lines.append(f"cause: {result.cause.value}")
    if result.expected or result.observed:
        lines += [f"expected: {result.expected}", f"observed: {result.observed}"]
    return "\n".join(line for line in lines if line)


def _protocol(result: CheckFinished) -> str:
    lines = [result.title, f"{result.outcome.value}: {result.message}"]
    lines += [f"  {step.begin_s:9.1f} s  {step.outcome.value:8} {step.text}" for step in result.steps]
    lines += [f"  {seen.at_s:9.1f} s  {seen.text}" for seen in result.observations]
    return "\n".join(lines)


def _numbers(checks: list[CheckView]) -> dict[str, str]:
    outcomes = [check.result.outcome for check in checks]
    return {
        "tests": str(len(outcomes)),
        "failures": str(sum(outcome in _FAILURES for outcome in outcomes)),
        "errors": str(outcomes.count(Outcome.ERROR)),
        "skipped": str(sum(outcome in _SKIPPED for outcome in outcomes)),
        "time": f"{sum(max(0.0, c.result.end_s - c.result.begin_s) for c in checks):.3f}",
    }


def _seconds(result: CheckFinished) -> str:
    return f"{max(0.0, result.end_s - result.begin_s):.3f}"


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
