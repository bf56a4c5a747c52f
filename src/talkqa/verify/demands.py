"""What flows demand of the entities of one system, and what of it an account or the API does not offer.

Used by `preflight`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from talkqa.model.diagnostic import Severity
from talkqa.model.flow import Flow, RuleKind, Side
from talkqa.model.location import Location
from talkqa.model.preflight import Finding
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems.factory import unfillable_required

_SHOWN_PLACES = 3


@dataclass(slots=True)
class Demand:
    """What flows ask of one entity."""

    name: str
    source: bool = False
    target: bool = False
    rows: dict[str, list[Location]] = field(default_factory=dict)
    """Path of a property to the rows that name it."""
    places: list[Location] = field(default_factory=list)


def find_demands(system: str, flows: Sequence[Flow]) -> list[Demand]:
    """What the flows ask of a system, sorted by entity."""
    found: dict[str, Demand] = {}

    def want(entity: str) -> Demand:
        return found.setdefault(entity.casefold(), Demand(entity))

    for flow in flows:
        for side in Side:
            ref = flow.entity(side)
            if ref.system != system:
                continue
            one = want(ref.entity)
            one.source |= side is Side.SOURCE
            one.target |= side is Side.TARGET
            one.places += [rule.location for rule in flow.rules[:1]]
            pairs = [(row.source, row.target, row.location) for row in flow.properties]
            pairs += [(row.source, row.target, row.location) for row in flow.merge]
            for source, target, location in pairs:
                one.rows.setdefault(source if side is Side.SOURCE else target, []).append(location)
        for rule in flow.rules_of(RuleKind.CREATE_IF_CONNECTED):
            for ref in rule.connected:
                if ref.system == system:
                    want(ref.entity).places.append(rule.location)
    return [found[key] for key in sorted(found)]


def find_missing_rights(
    system: str, wanted: Demand, entity: EntitySchema, known: EntitySchema | None
) -> Iterable[Finding]:
    """What the account cannot do that the API offers."""
    if wanted.source and not entity.createable:
        licence = entity.create_requires or (known.create_requires if known else None)
        if licence:
            yield Finding(
                code="licence",
                severity=Severity.WARNING,
                system=system,
                entity=entity.name,
                message=f"{entity.name} cannot be created without {licence}: checks that begin there cannot run",
                advice=f"switch {licence} on for this account, or accept that",
            )
        elif known is None or known.createable:
            yield _missing_right(system, entity.name, "create")
    if (wanted.source or wanted.target) and not entity.updateable and (known is None or known.updateable):
        yield _missing_right(system, entity.name, "change")
    stays = entity.createable and not entity.deletable and not entity.archive
    if wanted.source and stays and known is not None and (known.deletable or known.archive):
        yield replace(_missing_right(system, entity.name, "delete"), severity=Severity.WARNING)


def _missing_right(system: str, entity: str, what: str) -> Finding:
    return Finding(
        code="missing-right",
        severity=Severity.ERROR,
        system=system,
        entity=entity,
        message=f"the account may not {what} {entity}",
        advice=f"give the account the right to {what} {entity}",
    )


def find_closed_fields(
    system: str, wanted: Demand, entity: EntitySchema, known: EntitySchema | None
) -> Iterable[Finding]:
    """Properties that documents name and the system lacks, or that nobody can write."""
    for path, places in wanted.rows.items():
        found = entity.field(path)
        if found is None and not _leads_somewhere(entity, path):
            there = known.field(path) if known else None
            why = f"; it needs {there.requires}" if there is not None and there.requires else ""
            yield Finding(
                code="missing-field",
                severity=Severity.WARNING,
                system=system,
                entity=entity.name,
                field=path,
                message=f"{entity.name} has no property {path}{why}{named_at(places)}",
                advice="give the account the right to see it"
                if there is not None
                else "correct the document, or accept that its checks cannot run",
            )
        elif found is not None and _is_closed(entity, found):
            yield Finding(
                code="read-only-field",
                severity=Severity.WARNING,
                system=system,
                entity=entity.name,
                field=found.path,
                message=f"{entity.name} {found.path} cannot be written{named_at(places)}",
                advice="give the account the right to edit it, or accept that checks which write it cannot run",
            )


def _leads_somewhere(entity: EntitySchema, path: str) -> bool:
    """Whether a path names an object of fields, or lies in a field that is an object as a whole."""
    folded = path.casefold()
    return any(
        one.path.casefold().startswith(f"{folded}.") or folded.startswith(f"{one.path.casefold()}.")
        for one in entity.fields
    )


def _is_closed(entity: EntitySchema, found: FieldSchema) -> bool:
    """Whether nobody can write a property; ids and stamps are the system's own and surprise nobody."""
    own = (entity.id_field, entity.modified_field, entity.modified_by_field, entity.created_field)
    return not (found.createable or found.updateable or found.type is FieldType.ID or found.path in own)


def find_unfillable(schema: SystemSchema, wanted: Demand, described: Mapping[str, EntitySchema]) -> Iterable[Finding]:
    """What must be given on create, is named by no row, and cannot be made up."""
    entity = described[wanted.name.casefold()]
    if not (wanted.source or wanted.target) or not entity.createable:
        return
    known = {**{one.name.casefold(): one for one in schema.entities}, **described}
    for one in unfillable_required(entity, tuple(known.values())):
        if any(_touches(one.path.casefold(), path.casefold()) for path in wanted.rows) and not wanted.source:
            continue
        yield Finding(
            code="unfillable-field",
            severity=Severity.ERROR if wanted.source else Severity.WARNING,
            system=schema.name,
            entity=entity.name,
            field=one.path,
            message=f"{entity.name} {one.path} must be given on create, and no value for it can be made up",
            advice="describe it in a descriptor of the system ([systems] descriptors): the entities it refers to, or "
            "its list of values",
        )


def _touches(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def named_at(places: Sequence[Location]) -> str:
    """The end of a message that says where documents name something; empty without places."""
    shown = [str(place) for place in dict.fromkeys(places)]
    if not shown:
        return ""
    more = f" and {len(shown) - _SHOWN_PLACES} more" if len(shown) > _SHOWN_PLACES else ""
    return f", named at {', '.join(shown[:_SHOWN_PLACES])}{more}"


def fold(text: str | None) -> str:
    """A name without letter case, to compare it by."""
    return (text or "").strip().casefold()
