"""Documents to plain lists and back, for the cache: compact, and quick to unpack."""

from functools import lru_cache
from typing import Any

from talkqa.documents.codes import finding
from talkqa.documents.transforms import read_transform
from talkqa.model.diagnostic import Diagnostic
from talkqa.model.flow import Document, EntityRef, MergeRow, PropertyRow, Qualifier, Rule, RuleKind, Section, Side
from talkqa.model.location import Location

_KINDS = tuple(RuleKind)
_SIDES = tuple(Side)
_parsed = lru_cache(maxsize=1024)(read_transform)
"""Expressions are read again rather than stored: there are few distinct ones, and they follow from the cell."""


def pack(outcome: Document | Diagnostic) -> list[Any]:
    """Values that JSON can hold; the path is left out, since the cache knows it."""
    if isinstance(outcome, Diagnostic):
        return [_pack_diagnostic(outcome)]
    sections = [_pack_section(section) for section in outcome.sections]
    diagnostics = [_pack_diagnostic(diagnostic) for diagnostic in outcome.diagnostics]
    return [outcome.source, outcome.target, outcome.generated, sections, diagnostics]


def unpack(path: str, packed: list[Any]) -> Document | Diagnostic:
    """The outcome that was packed.

    Raises:
        ValueError, TypeError, KeyError, IndexError: where the list is not what `pack` makes.
    """
    if len(packed) == 1:
        return _unpack_diagnostic(path, packed[0])
    source, target, generated, sections, diagnostics = packed
    return Document(
        path=path,
        source=source,
        target=target,
        generated=generated,
        sections=tuple([_unpack_section(path, section) for section in sections]),
        diagnostics=tuple([_unpack_diagnostic(path, diagnostic) for diagnostic in diagnostics]),
    )


def _pack_diagnostic(diagnostic: Diagnostic) -> list[Any]:
    return [diagnostic.code, diagnostic.location.line, diagnostic.message, diagnostic.flow_id]


def _unpack_diagnostic(path: str, packed: list[Any]) -> Diagnostic:
    code, line, message, flow_id = packed
    return finding(code, Location(path=path, line=line), message, flow_id=flow_id)


def _pack_ref(ref: EntityRef) -> list[str | None]:
    return [ref.system, ref.entity, ref.facet]


def _unpack_ref(packed: list[str]) -> EntityRef:
    system, entity, facet = packed
    return EntityRef(system=system, entity=entity, facet=facet)


def _pack_section(section: Section) -> list[Any]:
    return [
        section.title,
        section.location.line,
        _pack_ref(section.source),
        _pack_ref(section.target),
        [
            [_KINDS.index(r.kind), r.location.line, r.text, r.condition, [_pack_ref(ref) for ref in r.connected]]
            for r in section.rules
        ],
        [[row.source, row.target, row.location.line] for row in section.merge],
        [
            [
                row.source,
                row.target,
                row.data_type,
                row.location.line,
                [[_SIDES.index(q.side), q.value, q.path] for q in row.qualifiers],
                row.transform is not None,
            ]
            for row in section.properties
        ],
    ]


def _unpack_section(path: str, packed: list[Any]) -> Section:
    title, line, source, target, rules, merge, properties = packed
    return Section(
        title=title,
        location=Location(path=path, line=line),
        source=_unpack_ref(source),
        target=_unpack_ref(target),
        rules=tuple(
            [
                Rule(
                    kind=_KINDS[kind],
                    location=Location(path=path, line=line),
                    text=text,
                    condition=condition,
                    connected=tuple([_unpack_ref(ref) for ref in connected]) if connected else (),
                )
                for kind, line, text, condition, connected in rules
            ]
        ),
        merge=tuple(
            [
                MergeRow(source=source, target=target, location=Location(path=path, line=line))
                for source, target, line in merge
            ]
        ),
        properties=tuple(
            [
                PropertyRow(
                    source=source,
                    target=target,
                    data_type=data_type,
                    location=Location(path=path, line=line),
                    qualifiers=tuple(
                        [Qualifier(side=_SIDES[side], value=value, path=of) for side, value, of in qualifiers]
                    )
                    if qualifiers
                    else (),
                    transform=_parsed(data_type) if transformed else None,
                )
                for source, target, data_type, line, qualifiers, transformed in properties
            ]
        ),
    )
