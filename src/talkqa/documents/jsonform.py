"""The JSON that `talkqa check --model` prints: one object a document, one entry in `flows` a section."""

from typing import Any

from talkqa.documents.identity import flow_id
from talkqa.model.flow import Document, EntityRef, PropertyRow, Section


def model_json(document: Document) -> dict[str, Any]:
    """A document as JSON values; keys and their order are a public format."""
    return {
        "path": document.path,
        "source": document.source,
        "target": document.target,
        "generated": document.generated,
        "flows": [_section_json(section) for section in document.sections],
        "diagnostics": [
            {"code": d.code, "severity": d.severity.value, "line": d.location.line, "message": d.message}
            for d in document.diagnostics
        ],
    }


def _section_json(section: Section) -> dict[str, Any]:
    return {
        "id": flow_id(section.source, section.target),
        "title": section.title,
        "line": section.location.line,
        "source": _entity_json(section.source),
        "target": _entity_json(section.target),
        "rules": [{"kind": rule.kind.value, "line": rule.location.line, "text": rule.text} for rule in section.rules],
        "merge": [{"source": row.source, "target": row.target, "line": row.location.line} for row in section.merge],
        "properties": [_property_json(row) for row in section.properties if not row.approved],
    }


def _entity_json(ref: EntityRef) -> dict[str, Any]:
    return {"system": ref.system, "entity": ref.entity, "facet": ref.facet}


def _property_json(row: PropertyRow) -> dict[str, Any]:
    return {
        "source": row.source,
        "target": row.target,
        "data_type": row.data_type,
        "line": row.location.line,
        "qualifiers": [{"side": q.side.value, "value": q.value, "path": q.path} for q in row.qualifiers],
    }
