"""Documents and what people approved in their place: the one point where decisions become rows of a flow.

A document is never overruled: where it has a row for one of the two properties, that row stands and the approved one
is told as a contradiction.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from talkqa.documents.codes import finding, quote_text, sort_findings
from talkqa.documents.identity import flow_id
from talkqa.documents.transforms import looks_like_expression, read_transform
from talkqa.model.decision import ApprovedMapping, Decisions
from talkqa.model.diagnostic import Diagnostic
from talkqa.model.discovery import ProposedRow
from talkqa.model.flow import Document, PropertyRow, RuleKind, Section

_EMPTY_TABLE = "properties-undocumented"


def apply_decisions(documents: Sequence[Document], decisions: Decisions) -> tuple[Document, ...]:
    """The documents with approved rows as rows of the first section of their flow, in the documents' order.

    A flow of which a row is approved is no longer told to document nothing.
    """
    if not decisions.mappings:
        return tuple(documents)
    approved: defaultdict[str, list[ApprovedMapping]] = defaultdict(list)
    for mapping in decisions.mappings:
        approved[mapping.flow_id].append(mapping)
    told: list[Diagnostic] = []
    rows: dict[str, tuple[PropertyRow, ...]] = {}
    for id_, sections in _sections(documents, approved.keys()).items():
        documented = [row for section in sections for row in section.properties]
        rows[id_] = tuple(_approved_rows(approved[id_], documented, told))
    hosts = {id_: _host(sections) for id_, sections in _sections(documents, rows.keys()).items()}
    return tuple(_decided(document, rows, hosts, told) for document in documents)


def contradiction(mapping: ApprovedMapping | ProposedRow, documented: Iterable[PropertyRow]) -> PropertyRow | None:
    """The row of a document that says otherwise than a mapping; None where none does.

    Another data type for the same two properties contradicts, and so does another source for the same target: approving
    it would loosen what the document promises.
    """
    for row in documented:
        if row.approved or row.target != mapping.target:
            continue
        if row.source != mapping.source or row.data_type.strip() != mapping.data_type.strip():
            return row
    return None


def _approved_rows(
    mappings: Iterable[ApprovedMapping], documented: Sequence[PropertyRow], told: list[Diagnostic]
) -> Iterable[PropertyRow]:
    known = {(row.source, row.target) for row in documented}
    for mapping in mappings:
        other = contradiction(mapping, documented)
        if other is not None:
            message = f"'{mapping.source}' to '{mapping.target}' is approved, and {other.location} says otherwise"
            told.append(finding("decision-contradicts", mapping.location, message, flow_id=mapping.flow_id))
        elif (mapping.source, mapping.target) not in known:
            transform = read_transform(mapping.data_type)
            if transform is None and looks_like_expression(mapping.data_type):
                message = f"the expression {quote_text(mapping.data_type)} cannot be read in one way"
                told.append(finding("transform-unreadable", mapping.location, message, flow_id=mapping.flow_id))
            yield PropertyRow(
                source=mapping.source,
                target=mapping.target,
                data_type=mapping.data_type,
                location=mapping.location,
                transform=transform,
                ways=mapping.ways,
                approved=True,
                approval=mapping.approval,
            )


def _sections(documents: Iterable[Document], wanted: Iterable[str]) -> dict[str, list[Section]]:
    """The sections of some flows, in the documents' order."""
    among = frozenset(wanted)
    found: defaultdict[str, list[Section]] = defaultdict(list)
    for document in documents:
        for section in document.sections:
            id_ = flow_id(section.source, section.target)
            if id_ in among:
                found[id_].append(section)
    return found


def _host(sections: Sequence[Section]) -> Section:
    """The section to which the rows are added: one that announces properties, where there is one."""
    return next((s for s in sections if any(r.kind is RuleKind.PROPERTIES for r in s.rules)), sections[0])


def _decided(
    document: Document,
    rows: Mapping[str, tuple[PropertyRow, ...]],
    hosts: Mapping[str, Section],
    told: list[Diagnostic],
) -> Document:
    """A document with the rows whose host it has; the first one that has a flow tells its contradictions."""
    sections = tuple(
        replace(section, properties=(*section.properties, *rows[id_])) if section is hosts.get(id_) else section
        for section in document.sections
        for id_ in (flow_id(section.source, section.target),)
    )
    own = {id_ for id_, host in hosts.items() if any(section is host for section in document.sections)}
    kept = (d for d in document.diagnostics if d.code != _EMPTY_TABLE or not rows.get(d.flow_id or ""))
    mine = (d for d in told if d.flow_id in own)
    return replace(document, sections=sections, diagnostics=sort_findings((*kept, *mine)))
