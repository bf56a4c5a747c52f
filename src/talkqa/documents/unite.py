"""Sections of one pair of entities to one flow.

The outcome depends on neither the order of sections nor that of documents: everything is sorted, and where sections
differ the choice rests on what they say.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from talkqa.documents.codes import finding, quote_text, sort_findings
from talkqa.documents.identity import entity_id, flow_id, fold, slug
from talkqa.model.diagnostic import Diagnostic
from talkqa.model.flow import Document, EntityRef, Flow, MergeRow, PropertyRow, Rule, RuleKind, Section
from talkqa.model.location import Location

_ORDER = {kind: index for index, kind in enumerate(RuleKind)}
_RESTRICTING = (RuleKind.CONDITION, RuleKind.LINK_REQUIRED, RuleKind.CREATE_IF_CONNECTED)


def unite_flows(documents: Sequence[Document]) -> tuple[tuple[Flow, ...], tuple[Diagnostic, ...]]:
    """The flows of documents that are read together, sorted by id, and the contradictions between their sections."""
    sections: dict[str, list[Section]] = defaultdict(list)
    spelled = _spellings(documents)
    remarks: set[Location] = set()
    for document in documents:
        remarks.update(d.location for d in document.diagnostics if d.code == "condition-remark")
        for section in document.sections:
            sections[flow_id(section.source, section.target)].append(section)
    flows: list[Flow] = []
    diagnostics: list[Diagnostic] = []
    for id_, parts in sorted(sections.items()):
        flow = _unite(id_, parts, spelled)
        flows.append(flow)
        diagnostics += _contradictions(flow, remarks)
        diagnostics += _row_contradictions(flow, parts)
    return tuple(flows), sort_findings(tuple(diagnostics))


def _spellings(documents: Sequence[Document]) -> dict[EntityRef, EntityRef]:
    """Entities that are written in several ways, which differ in letter case at most, to one of them."""
    parts = [section for document in documents for section in document.sections]
    refs = {ref for part in parts for ref in (part.source, part.target)}
    refs |= {ref for part in parts for rule in part.rules for ref in rule.connected}
    systems_written = {ref.system for ref in refs}
    if len(systems_written) == len(set(map(slug, systems_written))) and len(refs) == len(set(map(entity_id, refs))):
        return {}
    ordered = sorted(refs, key=lambda ref: (ref.system, ref.entity, ref.facet or ""))
    systems: dict[str, str] = {}
    entities: dict[str, EntityRef] = {}
    for ref in ordered:
        system = systems.setdefault(slug(ref.system), ref.system)
        entities.setdefault(entity_id(ref), ref if system == ref.system else replace(ref, system=system))
    return {ref: entities[entity_id(ref)] for ref in ordered}


def _unite(id_: str, parts: Sequence[Section], spelled: Mapping[EntityRef, EntityRef]) -> Flow:
    return Flow(
        id=id_,
        source=spelled.get(parts[0].source, parts[0].source),
        target=spelled.get(parts[0].target, parts[0].target),
        rules=_rules((rule for part in parts for rule in part.rules), spelled),
        merge=_merge_rows(row for part in parts for row in part.merge),
        properties=_property_rows(row for part in parts for row in part.properties),
    )


def _rules(rules: Iterable[Rule], spelled: Mapping[EntityRef, EntityRef]) -> tuple[Rule, ...]:
    """One rule for each meaning: sentences that differ in the spelling of the entities alone are equal."""
    kept: dict[object, Rule] = {}
    for rule in sorted(rules, key=lambda rule: (_ORDER[rule.kind], rule.text, rule.location.path, rule.location.line)):
        words = fold(rule.condition).casefold() if rule.condition is not None else None
        connected = tuple([spelled.get(ref, ref) for ref in rule.connected])
        united = rule if connected == rule.connected else replace(rule, connected=connected)
        kept.setdefault((rule.kind, words, frozenset(connected)), united)
    return tuple(kept.values())


def _merge_rows(rows: Iterable[MergeRow]) -> tuple[MergeRow, ...]:
    kept: dict[tuple[str, str], MergeRow] = {}
    for row in rows:
        other = kept.setdefault((row.source, row.target), row)
        if other is not row and row.location < other.location:
            kept[row.source, row.target] = row
    return tuple([kept[key] for key in sorted(kept)])


def _property_rows(rows: Iterable[PropertyRow]) -> tuple[PropertyRow, ...]:
    kept: dict[tuple[str, str], PropertyRow] = {}
    for row in rows:
        other = kept.setdefault((row.source, row.target), row)
        if other is not row and (_meaning(row), row.location) < (_meaning(other), other.location):
            kept[row.source, row.target] = row
    return tuple([kept[key] for key in sorted(kept)])


def _meaning(row: PropertyRow) -> tuple[str, tuple[tuple[str, str, str], ...]]:
    """What a row says about its two properties, comparable."""
    return row.data_type, tuple((q.side.value, q.value, q.path) for q in row.qualifiers)


def _contradictions(flow: Flow, remarks: set[Location]) -> list[Diagnostic]:
    """Sentences that keep records out, beside the one that lets every record in."""
    kinds = {rule.kind for rule in flow.rules}
    if RuleKind.EVERY not in kinds or kinds.isdisjoint(_RESTRICTING):
        return []
    every = flow.rules_of(RuleKind.EVERY)[0]
    return [
        finding(
            "contradiction",
            rule.location,
            f"{quote_text(rule.text)} keeps records out that {quote_text(every.text)} lets in ({every.location})",
            flow_id=flow.id,
        )
        for kind in _RESTRICTING
        for rule in flow.rules_of(kind)
        if rule.location not in remarks
    ]


def _row_contradictions(flow: Flow, parts: Sequence[Section]) -> list[Diagnostic]:
    """Rows of one pair of properties that say different things."""
    if sum(len(part.properties) for part in parts) == len(flow.properties):
        return []
    kept = {(row.source, row.target): row for row in flow.properties}
    return [
        finding(
            "rows-contradict",
            row.location,
            f"the row '{row.source}' to '{row.target}' says otherwise than {kept[row.source, row.target].location}",
            flow_id=flow.id,
        )
        for part in parts
        for row in part.properties
        if _meaning(row) != _meaning(kept[row.source, row.target])
    ]
