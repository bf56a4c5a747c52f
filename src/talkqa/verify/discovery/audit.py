"""What probes say of a property table that is documented: rows that are dead, and properties that live without one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from talkqa.model.flow import Flow, PropertyRow, Side
from talkqa.model.schema import EntitySchema
from talkqa.verify.discovery.evidence import Evidence, candidate_fields
from talkqa.verify.discovery.inference import Inference
from talkqa.verify.travel import spelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A documented table beside what was seen; pairs of source and target path, sorted."""

    alive: tuple[tuple[str, str], ...] = ()
    dead: tuple[tuple[str, str], ...] = ()
    """Documented, written, and not seen to arrive."""
    unclear: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Documented, and why nothing can be said."""
    undocumented: tuple[tuple[str, str], ...] = ()
    """Seen to travel, and in no row."""


def audit_rows(flow: Flow, evidence: Evidence, inference: Inference) -> Audit:
    """Compare the documented rows of a flow with what its probes showed."""
    seen = {(row.source, row.target) for row in inference.rows}
    doubted = {(doubt.source, doubt.target): doubt.why for doubt in inference.doubts}
    alive, dead, unclear = [], [], {}
    documented = {_ends(row, evidence.schemas): row for row in flow.properties}
    for ends, row in sorted(documented.items()):
        why = doubted.get(ends) or _why_unseen(row, ends, evidence, documented)
        if ends in seen:
            alive.append(ends)
        elif why:
            unclear[ends] = why
        else:
            dead.append(ends)
    return Audit(
        alive=tuple(alive), dead=tuple(dead), unclear=unclear, undocumented=tuple(sorted(seen - documented.keys()))
    )


def _ends(row: PropertyRow, schemas: Mapping[Side, EntitySchema]) -> tuple[str, str]:
    return spelled(schemas[Side.SOURCE], row.source), spelled(schemas[Side.TARGET], row.target)


def _why_unseen(
    row: PropertyRow, ends: tuple[str, str], evidence: Evidence, documented: Iterable[tuple[str, str]]
) -> str:
    """Why probes cannot show a row even where it is alive; empty where they can."""
    if row.qualifiers:
        return f"it depends on '{row.qualifiers[0].value}' in '{row.qualifiers[0].path}', which the probes did not set"
    for side, path in zip(Side, ends, strict=True):
        if path not in {field.path for field in candidate_fields(evidence.schemas[side], side)}:
            return f"'{path}' is no property that a probe could be recognised by"
    if not evidence.written(Side.SOURCE, ends[0]):
        return f"'{ends[0]}' could not be written"
    if sum(other[1] == ends[1] for other in documented) > 1:
        return f"other rows feed '{ends[1]}' too, and one of them may go first"
    if ends in evidence.joined:
        return "the probes were linked by it"
    return ""
