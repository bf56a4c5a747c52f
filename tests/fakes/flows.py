"""Invented flows and worlds for tests that need no document: one call a flow, sentences in the documents' words."""

from collections.abc import Sequence

from talkqa.model.flow import (
    Document,
    EntityRef,
    Flow,
    MergeRow,
    PropertyRow,
    Qualifier,
    Rule,
    RuleKind,
    Side,
)
from talkqa.model.location import Location
from talkqa.model.transform import Call, Transform, Value
from talkqa.model.world import World

HERE = Location(path="specs/invented.rst", line=1)
BAKER = EntityRef(system="Bakery", entity="Customer")
SHOP = EntityRef(system="Web Shop", entity="Account")
EVERY = (RuleKind.EVERY, RuleKind.TWO_WAY, RuleKind.PROPERTIES)
EVERYTHING = tuple(kind for kind in RuleKind if kind is not RuleKind.EVERY)

_SENTENCES = {
    RuleKind.EVERY: "Every {s} will be synchronized with a {t}.",
    RuleKind.CONDITION: "{condition}, it will be synchronized with a {t}.",
    RuleKind.LINK_REQUIRED: "Before any synchronization can take place, a link between a {s} and a {t} must be "
    "established.",
    RuleKind.CREATE_IF_CONNECTED: "A new {t} will be created from a {s} if it is connected to a {connected} that is "
    "synchronized into {system}.",
    RuleKind.MERGE_ON: "A {s} will merge with a {t} if one of the following property combinations match:",
    RuleKind.MERGE_EXISTING: "If a matching {t} already exists, the {s} will be merged with the existing one.",
    RuleKind.CREATE_UNMATCHED: "If no matching {t} is found, a new {t} will be created.",
    RuleKind.TWO_WAY: "Once a link between a {s} and a {t} is established, it will keep in sync between the two "
    "systems, regardless of where it is edited.",
    RuleKind.PROPERTIES: "The following properties are synchronized between a {s} and a {t}:",
}


def make_row(
    source: str,
    target: str,
    data_type: str = '"string"',
    *qualifiers: tuple[Side, str, str],
    line: int = 1,
    readable: bool = False,
) -> PropertyRow:
    """A property row; `readable` gives it a transform."""
    return PropertyRow(
        source=source,
        target=target,
        data_type=data_type,
        location=Location(path="specs/invented.rst", line=line),
        qualifiers=tuple(Qualifier(side=side, value=value, path=path) for side, value, path in qualifiers),
        transform=Transform(text=data_type, expression=Call("string", (Value(),))) if readable else None,
    )


def make_merge(source: str, target: str) -> MergeRow:
    """A merge criterion."""
    return MergeRow(source=source, target=target, location=HERE)


def make_rule(
    kind: RuleKind,
    source: EntityRef,
    target: EntityRef,
    *,
    condition: str = "When a loaf is sold",
    connected: Sequence[EntityRef] = (),
    line: int = 1,
) -> Rule:
    """A sentence in the words of a document."""
    text = _SENTENCES[kind].format(
        s=source.name,
        t=target.name,
        condition=condition,
        connected=" or ".join(entity.name for entity in connected),
        system=target.system,
    )
    return Rule(
        kind=kind,
        location=Location(path="specs/invented.rst", line=line),
        text=text,
        condition=condition if kind is RuleKind.CONDITION else None,
        connected=tuple(connected) if kind is RuleKind.CREATE_IF_CONNECTED else (),
    )


def make_flow(
    *kinds: RuleKind,
    source: EntityRef = BAKER,
    target: EntityRef = SHOP,
    rows: Sequence[PropertyRow] = (),
    merge: Sequence[MergeRow] = (),
    condition: str = "When a loaf is sold",
    connected: Sequence[EntityRef] = (EntityRef(system="Bakery", entity="Order"),),
    rules: Sequence[Rule] = (),
    line: int = 1,
) -> Flow:
    """A flow with these sentences (every, two-way and properties where none are named)."""
    written = [
        make_rule(kind, source, target, condition=condition, connected=connected, line=line) for kind in kinds or EVERY
    ]
    return Flow(
        id=f"{_slug(source)}--{_slug(target)}",
        source=source,
        target=target,
        rules=(*written, *rules),
        merge=tuple(sorted(merge, key=lambda row: (row.source, row.target))),
        properties=tuple(sorted(rows, key=lambda row: (row.source, row.target))),
    )


def make_world(
    *flows: Flow, path: str = "specs/invented.rst", paths: Sequence[str] = (), slug: str = "bakery/web-shop"
) -> World:
    """A world of these flows, read from documents at these paths."""
    source, target = slug.split("/")
    documents = tuple(
        Document(path=each, source=source, target=target, generated=None, sections=(), diagnostics=())
        for each in sorted(paths or (path,))
    )
    return World(
        slug=slug,
        source=source.replace("-", " ").title(),
        target=target.replace("-", " ").title(),
        documents=documents,
        flows=tuple(sorted(flows, key=lambda flow: flow.id)),
        diagnostics=(),
    )


def _slug(entity: EntityRef) -> str:
    words = [entity.system or "_", entity.entity, *((entity.facet,) if entity.facet else ())]
    return ".".join("".join(_escape(char) for char in word.lower().replace(" ", "-")) for word in words)


def _escape(char: str) -> str:
    safe = char.isascii() and (char.isalnum() or char in "_-")
    return char if safe else "".join(f"%{byte:02X}" for byte in char.encode())
