"""What is to be said about a document that was read: what will not be checked, and what it needs first."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from talkqa.documents.codes import Findings, quote_text
from talkqa.documents.identity import flow_id, fold
from talkqa.documents.transforms import looks_like_expression
from talkqa.model.diagnostic import Diagnostic, Severity
from talkqa.model.flow import Document, EntityRef, PropertyRow, Rule, RuleKind, Section
from talkqa.model.settings import ConditionBinding, Settings
from talkqa.model.transform import CASTS

_ITEM = re.compile(r"wd:Q\d+")
_NO_TYPE = frozenset({"", "N/A"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LONGEST_WORDS = 300
"""Words of a condition that a pattern is tried on."""
_SELECTING = frozenset({RuleKind.EVERY, RuleKind.CONDITION, RuleKind.LINK_REQUIRED})


def validate_document(document: Document, settings: Settings, findings: Findings) -> None:
    """Add what the model of a document gives reason to say to its findings."""
    first: dict[str, Section] = {}
    documented = {_id(section) for section in document.sections if section.properties}
    for section in document.sections:
        flow = _id(section)
        earlier = first.setdefault(flow, section)
        if earlier is not section:
            message = f"the flow {quote_text(section.title)} is described in line {earlier.location.line} already"
            findings.add("section-repeated", section.location.line, message, flow_id=flow)
        _validate_sentences(section, findings, has_rows=flow in documented)
        for rule in section.rules:
            _validate_rule(rule, section, settings, findings)
        _validate_rows(section, findings)


def _id(section: Section) -> str:
    return flow_id(section.source, section.target)


def _validate_sentences(section: Section, findings: Findings, *, has_rows: bool) -> None:
    """Sentences that every flow has, and the table that half of them leave empty."""
    rules = {rule.kind: rule for rule in section.rules}
    line, flow = section.location.line, _id(section)
    if RuleKind.TWO_WAY not in rules:
        findings.add("no-two-way", line, "no sentence says that the two entities keep in sync", flow_id=flow)
    if not _SELECTING & rules.keys():
        findings.add("no-selection", line, "no sentence says which source records are synchronised", flow_id=flow)
    properties = rules.get(RuleKind.PROPERTIES)
    if properties is None:
        findings.add("no-properties", line, "no sentence says which properties are synchronised", flow_id=flow)
    elif not has_rows:
        message = f"the flow {quote_text(section.title)} documents no properties"
        findings.add("properties-undocumented", properties.location.line, message, flow_id=flow)


def _validate_rule(rule: Rule, section: Section, settings: Settings, findings: Findings) -> None:
    line, flow = rule.location.line, _id(section)
    if rule.condition is not None:
        words = quote_text(rule.condition)
        bound = [
            binding
            for binding in settings.conditions
            if _explains(binding, rule.condition) and _names(binding.entity, section.source)
        ]
        if not bound:
            findings.add("condition-unbound", line, f"no binding for the condition {words}", flow_id=flow)
        elif bound[0].remark:
            message = f"{words} is listed as an editor's remark and restricts nothing"
            findings.add("condition-remark", line, message, flow_id=flow)
    known = {(binding.source.casefold(), binding.connected.casefold()) for binding in settings.connections}
    source = section.source.name
    if unbound := [r.name for r in rule.connected if (source.casefold(), r.name.casefold()) not in known]:
        message = f"no binding says how {quote_text(source)} connects to {quote_text(', '.join(unbound))}"
        findings.add("connection-unbound", line, message, flow_id=flow)


def _explains(binding: ConditionBinding, words: str) -> bool:
    if binding.facet:
        return False
    if not binding.pattern:
        return _same(binding.text, words)
    plain = fold(words)
    return len(plain) <= _LONGEST_WORDS and re.fullmatch(binding.pattern, plain, re.IGNORECASE) is not None


def _names(entity: str | None, ref: EntityRef) -> bool:
    return entity is None or any(_same(entity, name) for name in (ref.name, f"{ref.system} {ref.entity}"))


def _same(one: str, other: str) -> bool:
    return fold(one).casefold() == fold(other).casefold()


def _validate_rows(section: Section, findings: Findings) -> None:
    flow = _id(section)
    seen: dict[tuple[str, str], int] = {}
    for merge in section.merge:
        line = merge.location.line
        _validate_paths(merge.source, merge.target, line, flow, findings)
        if (merge.source, merge.target) in seen:
            message = f"the merge criterion '{merge.source}' with '{merge.target}' is listed twice"
            findings.add("row-repeated", line, message, flow_id=flow)
        seen[merge.source, merge.target] = line
    for code, line, message in _row_findings(section.properties):
        findings.add(code, line, message, flow_id=flow)
    for row in section.properties:
        _validate_paths(row.source, row.target, row.location.line, flow, findings)
    hidden = [row for row in section.properties if row.data_type.strip() in _NO_TYPE]
    if hidden:
        lines = ", ".join(str(row.location.line) for row in hidden[:20]) + (", ..." if len(hidden) > 20 else "")
        message = f"no data type is given for {len(hidden)} of {len(section.properties)} rows (lines {lines})"
        findings.add("transform-hidden", hidden[0].location.line, message, flow_id=flow)


def _validate_paths(source: str, target: str, line: int, flow: str, findings: Findings) -> None:
    if not source or not target:
        message = f"the row names no {'target' if source else 'source'} property"
        findings.add("row-path-blank", line, message, flow_id=flow)
    for path in (source, target):
        if "Dependant on" in path or "Dependent on" in path:
            findings.add("qualifier-unread", line, f"the qualifier in {quote_text(path)} cannot be read", flow_id=flow)


def _row_findings(rows: tuple[PropertyRow, ...]) -> Iterator[tuple[str, int, str]]:
    """What is odd about property rows, as (code, line, message)."""
    seen: set[object] = set()
    for row in rows:
        line = row.location.line
        key = (row.source, row.target, row.data_type, row.qualifiers)
        if key in seen:
            yield "row-repeated", line, f"the row '{row.source}' to '{row.target}' is listed twice"
        seen.add(key)
        if row.transform is not None:
            if row.transform.repaired:
                yield "transform-repaired", line, f"brackets lost in {quote_text(row.data_type)} were put back"
        elif looks_like_expression(row.data_type):
            yield "transform-unreadable", line, f"the expression {quote_text(row.data_type)} cannot be read in one way"
        elif row.declared_type not in CASTS and row.data_type.strip() not in _NO_TYPE:
            yield "data-type-unread", line, f"{quote_text(row.data_type)} is no data type of the format"
        for qualifier in row.qualifiers:
            where = quote_text(row.source if qualifier.side == "source" else row.target)
            if not qualifier.path:
                value = quote_text(qualifier.value)
                yield "qualifier-path-blank", line, f"{where} depends on {value} in a property that is left blank"
            elif _ITEM.fullmatch(qualifier.value):
                yield "qualifier-item", line, f"{where} depends on the item {qualifier.value} in '{qualifier.path}'"


def format_diagnostics(diagnostics: Iterable[Diagnostic], style: str = "text") -> str:
    """Diagnostics for people (`text`), for programs (`json`, one list) or as annotations of a GitHub run (`github`).

    Control characters of documents are shown escaped: a terminal or a log must not obey them.

    Raises:
        ValueError: for another style.
    """
    found = tuple(diagnostics)
    if style == "json":
        return json.dumps([_as_json(diagnostic) for diagnostic in found], indent=2)
    if style == "github":
        return "\n".join(_as_github(diagnostic) for diagnostic in found)
    if style == "text":
        return "\n".join(_as_text(diagnostic) for diagnostic in found)
    raise ValueError(f"unknown style {style!r}: use text, json or github")


def _as_text(diagnostic: Diagnostic) -> str:
    plain = replace(
        diagnostic,
        message=_escape(diagnostic.message),
        location=replace(diagnostic.location, path=_escape(diagnostic.location.path)),
    )
    return str(plain)


def _as_json(diagnostic: Diagnostic) -> dict[str, object]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "path": diagnostic.location.path,
        "line": diagnostic.location.line,
        "message": diagnostic.message,
        "advice": diagnostic.advice,
        "flow": diagnostic.flow_id,
    }


def _as_github(diagnostic: Diagnostic) -> str:
    """A workflow command; its percent encoding is GitHub's own (Workflow commands for GitHub Actions)."""
    level = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "notice"}[diagnostic.severity]
    text = diagnostic.message + (f" ({diagnostic.advice})" if diagnostic.advice else "")
    message = _escape(text).replace("%", "%25")
    properties = {"file": diagnostic.location.path, "line": str(diagnostic.location.line), "title": diagnostic.code}
    encoded = ",".join(
        f"{name}={_escape(value).replace('%', '%25').replace(':', '%3A').replace(',', '%2C')}"
        for name, value in properties.items()
    )
    return f"::{level} {encoded}::{message}"


def _escape(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
