"""Schemas for systems without a descriptor, read off the documents: any dataflow document can be run at once.

Used by the runner. What a document does not say is chosen so that the flow can be tried: every documented property is
writable and nothing but the id is mandatory. Equal flows give equal schemas, whatever their order.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from talkqa.model.flow import EntityRef, Flow, PropertyRow, RuleKind, Side
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.transform import Call, Expression, Literal, operators_of

_GENERIC: tuple[tuple[str, FieldType], ...] = (
    ("name", FieldType.STRING),
    ("code", FieldType.STRING),
    ("description", FieldType.TEXT),
    ("reference", FieldType.STRING),
    ("email", FieldType.EMAIL),
    ("phone", FieldType.PHONE),
    ("website", FieldType.URL),
    ("amount", FieldType.DECIMAL),
    ("quantity", FieldType.INTEGER),
    ("startDate", FieldType.DATE),
    ("dueDate", FieldType.DATE),
    ("scheduledAt", FieldType.DATETIME),
    ("active", FieldType.BOOLEAN),
)
"""What an entity has of which no property is documented."""

_DECLARED = {
    "integer": FieldType.INTEGER,
    "float": FieldType.DECIMAL,
    "decimal": FieldType.DECIMAL,
    "boolean": FieldType.BOOLEAN,
}
_RESULTS = _DECLARED | {
    "abs": FieldType.DECIMAL,
    "datetime-diff": FieldType.DECIMAL,
    "datetime-parse": FieldType.DATETIME,
    "now": FieldType.DATETIME,
    **dict.fromkeys(("eq", "neq", "gt", "or", "matches"), FieldType.BOOLEAN),
    **dict.fromkeys(("is-empty", "is-null", "is-decimal", "is-boolean"), FieldType.BOOLEAN),
    **dict.fromkeys(("string", "replace", "join"), FieldType.STRING),
}
"""Operator to the type of what it yields."""
_NUMERIC = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
_FREE_TEXT = FieldType.STRING

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_NAMED: tuple[tuple[frozenset[str], FieldType], ...] = (
    (frozenset({"email", "mail"}), FieldType.EMAIL),
    (frozenset({"phone", "mobile", "fax", "telephone", "cellphone"}), FieldType.PHONE),
    (frozenset({"url", "website", "homepage", "www"}), FieldType.URL),
    (frozenset({"date", "birthday", "birthdate", "deadline", "dob"}), FieldType.DATE),
    (frozenset({"datetime", "timestamp"}), FieldType.DATETIME),
    (frozenset({"description", "notes", "note", "comment", "comments", "remarks"}), FieldType.TEXT),
)
"""Last word of a property's name to its type, where the document says no more than `string`."""
_MODIFIED_NAMES = ("modifiedAt", "lastModifiedAt", "changeStamp")
_MAX_LENGTH = 255


@dataclass(kw_only=True)
class _Property:
    """What the documents tell about one property."""

    path: str
    types: set[FieldType] = field(default_factory=set)
    references: set[str] = field(default_factory=set)
    is_list: bool = False
    only_references: bool = True
    """Whether every row joins it to what looks like a reference on the other side."""


@dataclass(kw_only=True)
class _Entity:
    """What the documents tell about one entity."""

    name: str
    properties: dict[str, _Property] = field(default_factory=dict)
    undocumented: bool = False
    """Whether some flow of it lists no properties."""

    def property(self, path: str) -> _Property:
        return self.properties.setdefault(path.casefold(), _Property(path=path))


def derive_schema(system: str, flows: Sequence[Flow]) -> SystemSchema:
    """What a system must look like for these flows.

    Args:
        system: Canonical name; empty where the documents leave it blank.
        flows: All flows of the world; those of other systems are passed over.

    Returns:
        A schema with `derived` set: each entity that a flow or a connection names, facets of one entity as one.
    """
    entities: dict[str, _Entity] = {}
    names = {ref.entity for flow in flows for ref in _references_in(flow) if ref.system == system}
    for name in sorted(names):
        entities.setdefault(name.casefold(), _Entity(name=name))
    stems = _stems(flows)
    for flow in sorted(flows, key=lambda one: one.id):
        for side in Side:
            if flow.entity(side).system == system:
                _gather(entities[flow.entity(side).entity.casefold()], flow, side, stems)
    for flow in flows:
        for rule in flow.rules_of(RuleKind.CREATE_IF_CONNECTED):
            for ref in rule.connected:
                if ref.system == system and not entities[ref.entity.casefold()].properties:
                    entities[ref.entity.casefold()].undocumented = True
    return SystemSchema(
        name=system,
        entities=tuple(_entity_schema(entities[key]) for key in sorted(entities)),
        derived=True,
    )


def _references_in(flow: Flow) -> Iterable[EntityRef]:
    yield flow.source
    yield flow.target
    for rule in flow.rules:
        yield from rule.connected


def _stems(flows: Sequence[Flow]) -> dict[str, dict[str, str]]:
    """System to (simplified entity name to entity name): what a reference may be called after."""
    stems: dict[str, dict[str, str]] = {}
    for ref in sorted((ref for flow in flows for ref in _references_in(flow)), key=lambda one: one.name):
        stems.setdefault(ref.system, {}).setdefault(_simplified(ref.entity), ref.entity)
    return stems


def _gather(entity: _Entity, flow: Flow, side: Side, stems: dict[str, dict[str, str]]) -> None:
    entity.undocumented |= not flow.properties
    for row in flow.properties:
        here, there = (row.source, row.target) if side is Side.SOURCE else (row.target, row.source)
        found = entity.property(here)
        found.types.add(_type_of(row, side, here))
        found.is_list |= row.declared_type == "list" and side is Side.TARGET
        referred = _referred(here, stems[flow.entity(side).system])
        opposite = _referred(there, stems[flow.entity(side.other).system])
        if referred and opposite:
            found.references.add(referred)
        else:
            found.only_references = False
        for qualifier in row.qualifiers:
            if qualifier.side is side and qualifier.path.strip():
                entity.property(qualifier.path.strip()).types.add(_FREE_TEXT)
    for criterion in flow.merge:
        path = criterion.source if side is Side.SOURCE else criterion.target
        found = entity.property(path)
        if not found.types:
            found.types.add(_by_name(path))


def _type_of(row: PropertyRow, side: Side, path: str) -> FieldType:
    """The type of a row's property on one side."""
    if row.transform is not None:
        expression = row.transform.expression
        return _source_type(expression, path) if side is Side.SOURCE else _result_type(expression, path)
    declared = _DECLARED.get(row.declared_type or "")
    return declared or _by_name(path, typed=row.declared_type is not None)


def _source_type(expression: Expression, path: str) -> FieldType:
    """What the source must hold for the expression to yield anything: a number where one is cast from it."""
    operators = tuple(operators_of(expression))
    if "datetime-format" in operators or "datetime-diff" in operators:
        named = _by_name(path)
        return named if named is FieldType.DATETIME else FieldType.DATE
    casts = [_DECLARED[one] for one in operators if one in _DECLARED and _DECLARED[one] is not FieldType.BOOLEAN]
    if "abs" in operators or "gt" in operators:
        return casts[0] if casts else FieldType.DECIMAL
    if casts:
        # Digits alone pass through every cast, and come back from the other side unchanged.
        return FieldType.INTEGER if FieldType.INTEGER in casts else casts[0]
    if isinstance(expression, Call) and expression.operator == "boolean":
        return FieldType.BOOLEAN
    return _by_name(path)


def _result_type(expression: Expression, path: str) -> FieldType:
    if isinstance(expression, Literal):
        return _literal_type(expression, path)
    if not isinstance(expression, Call):
        return _by_name(path)
    if expression.operator == "datetime-format":
        pattern = expression.arguments[0] if expression.arguments else None
        if isinstance(pattern, Literal) and isinstance(pattern.value, str):
            return FieldType.DATE if pattern.value == "%Y-%m-%d" else _FREE_TEXT
        return _FREE_TEXT
    if expression.operator in {"if", "if-null"}:
        branches = expression.arguments[1:] if expression.operator == "if" else expression.arguments
        kinds = {_result_type(branch, path) for branch in branches}
        return kinds.pop() if len(kinds) == 1 else _FREE_TEXT
    result = _RESULTS.get(expression.operator)
    return result if result is not None and result is not FieldType.STRING else _text_by_name(path)


def _literal_type(literal: Literal, path: str) -> FieldType:
    if isinstance(literal.value, bool):
        return FieldType.BOOLEAN
    if isinstance(literal.value, int | float):
        return FieldType.INTEGER if isinstance(literal.value, int) else FieldType.DECIMAL
    return _text_by_name(path)


def _text_by_name(path: str) -> FieldType:
    named = _by_name(path)
    return named if named in {FieldType.EMAIL, FieldType.PHONE, FieldType.URL, FieldType.TEXT} else _FREE_TEXT


def _by_name(path: str, *, typed: bool = True) -> FieldType:
    """The type that a property's name suggests; more is read into it where no data type is given."""
    words = _words(path.rsplit(".", 1)[-1])
    if not words:
        return _FREE_TEXT
    for last, kind in _NAMED:
        if words[-1] in last:
            return kind
    if len(words) > 1 and (words[-1] == "at" or words[-2:] == ["date", "time"]):
        return FieldType.DATETIME
    if not typed and (words[0] in {"is", "has", "can"} or words[-1] in {"active", "enabled"}):
        return FieldType.BOOLEAN
    if not typed and words[-1] in {"amount", "price", "total", "cost"}:
        return FieldType.DECIMAL
    return _FREE_TEXT


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _WORDS.findall(name)]


def _simplified(name: str) -> str:
    return "".join(_words(name)).removesuffix("s")


def _referred(path: str, stems: dict[str, str]) -> str | None:
    """The entity that `customer.id`, `customerId` or `customer_id` is called after, where the system has it."""
    words = [word for part in path.split(".") for word in _words(part)]
    if len(words) < 2 or words[-1] != "id":
        return None
    return stems.get("".join(words[:-1]).removesuffix("s"))


def _entity_schema(entity: _Entity) -> EntitySchema:
    fields = {key: _field_schema(found) for key, found in entity.properties.items() if key != "id"}
    if entity.undocumented or not fields:
        for path, kind in _GENERIC:
            # Not where a property of that name, or with that beginning, is documented: its type is known there.
            if not any(key == path.casefold() or key.startswith(f"{path.casefold()}.") for key in fields):
                fields[path.casefold()] = FieldSchema(path=path, type=kind, max_length=_length_of(kind))
    named_id = entity.properties.get("id")
    id_field = named_id.path if named_id else "id"
    modified = next(name for name in (*_MODIFIED_NAMES, "_stamp") if name.casefold() not in fields)
    system_fields = (
        FieldSchema(path=id_field, type=FieldType.ID, createable=False, updateable=False, nullable=False),
        FieldSchema(path=modified, type=FieldType.DATETIME, createable=False, updateable=False, nullable=False),
    )
    return EntitySchema(
        name=entity.name,
        fields=(*system_fields, *(fields[key] for key in sorted(fields))),
        id_field=id_field,
        modified_field=modified,
        name_field=next((fields[key].path for key in ("name", "title", "description") if key in fields), None),
    )


def _field_schema(found: _Property) -> FieldSchema:
    kind = _agreed(found.types)
    if found.only_references and len(found.references) == 1:
        return FieldSchema(path=found.path, type=FieldType.REFERENCE, references=tuple(found.references))
    return FieldSchema(
        path=found.path, type=kind, list_at=found.path if found.is_list else None, max_length=_length_of(kind)
    )


def _agreed(types: set[FieldType]) -> FieldType:
    """The type that all rows of a property agree on; text holds whatever they do not agree on."""
    if len(types) == 1:
        return next(iter(types))
    return FieldType.DECIMAL if types and types <= _NUMERIC else _FREE_TEXT


def _length_of(kind: FieldType) -> int | None:
    texts = {FieldType.STRING, FieldType.EMAIL, FieldType.PHONE, FieldType.URL}
    return _MAX_LENGTH if kind in texts else None
