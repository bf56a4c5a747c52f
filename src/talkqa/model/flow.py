"""What dataflow documents say: documents, sections, flows, rules and rows.

A section is kept as written; a flow is what all sections of one pair of entities promise together.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from talkqa.model.diagnostic import Diagnostic
from talkqa.model.discovery import Ways
from talkqa.model.location import Location
from talkqa.model.transform import Transform


class RuleKind(StrEnum):
    """The sentence forms of a dataflow document."""

    EVERY = "every"
    CONDITION = "condition"
    LINK_REQUIRED = "link-required"
    CREATE_IF_CONNECTED = "create-if-connected"
    MERGE_ON = "merge-on"
    MERGE_EXISTING = "merge-existing"
    CREATE_UNMATCHED = "create-unmatched"
    TWO_WAY = "two-way"
    PROPERTIES = "properties"


class Side(StrEnum):
    """One end of a flow."""

    SOURCE = "source"
    TARGET = "target"

    @property
    def other(self) -> "Side":
        """The opposite end."""
        return Side.TARGET if self is Side.SOURCE else Side.SOURCE


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityRef:
    """An entity of a system, with its facet where the document names one."""

    system: str
    """Canonical system name, aliases resolved; empty where the document leaves it blank."""
    entity: str
    facet: str | None = None

    @property
    def name(self) -> str:
        """The canonical words for it: `Tripletex Customer (human data)`."""
        plain = f"{self.system} {self.entity}".strip()
        return f"{plain} ({self.facet})" if self.facet else plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One sentence of a section."""

    kind: RuleKind
    location: Location
    text: str
    """The sentence as written, white space folded."""
    condition: str | None = None
    """For `condition`: its words, as written."""
    connected: tuple[EntityRef, ...] = ()
    """For `create-if-connected`: the entities of the source system that may connect, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRow:
    """One merge criterion: two properties whose values must match."""

    source: str
    target: str
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualifier:
    """`(Dependant on having VALUE in PATH)`: the row applies only where this holds."""

    side: Side
    value: str
    """May be empty, a word, an item id such as `wd:Q30087`, or an entity name."""
    path: str
    """Property of the record on `side`; may be blank, which needs a binding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyRow:
    """One row of a property table."""

    source: str
    """Dotted path without its qualifiers."""
    target: str
    data_type: str
    """The cell as written, quotes included."""
    location: Location
    qualifiers: tuple[Qualifier, ...] = ()
    transform: Transform | None = None
    """The expression printed in the data type cell, where there is a readable one."""
    ways: Ways = Ways.BOTH
    """In which directions it is promised to travel; a document's rows say nothing else than both."""
    approved: bool = False
    """Whether a person approved the row in place of a document; its location is in decisions.toml then."""
    approval: str = ""
    """Who approved it and when: `approved by K. Olsen on 2025-03-01`; empty for a document's row."""

    @property
    def declared_type(self) -> str | None:
        """`string`, `integer`, `float`, `decimal`, `list`, `boolean`, `first`; None for N/A and expressions."""
        bare = self.data_type.strip()
        if len(bare) > 2 and bare[0] == bare[-1] == '"' and bare[1:-1].isalpha():
            return bare[1:-1]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One flow section, as written; rows that a person approved for its flow stand among its properties."""

    title: str
    location: Location
    source: EntityRef
    target: EntityRef
    rules: tuple[Rule, ...]
    merge: tuple[MergeRow, ...]
    properties: tuple[PropertyRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One dataflow document."""

    path: str
    source: str
    """Canonical name of the source system of the title."""
    target: str
    generated: str | None
    """The date stamp, `YYYY-MM-DDThh:mm:ss`; it dates the promise and decides nothing else."""
    sections: tuple[Section, ...]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """All that the documents of one world promise about one pair of entities."""

    id: str
    """Built from canonical systems, entities and facets alone: `custom-crm.customer--salesforce.division`."""
    source: EntityRef
    target: EntityRef
    rules: tuple[Rule, ...]
    """Sentences of all sections of the pair; equal sentences once; in canonical order of kind and text."""
    merge: tuple[MergeRow, ...]
    """Unique by (source, target), sorted."""
    properties: tuple[PropertyRow, ...]
    """Unique by (source, target), sorted."""

    @property
    def title(self) -> str:
        """The words a person knows the flow by: `Custom CRM Customer to Salesforce Division`."""
        return f"{self.source.name} to {self.target.name}"

    def entity(self, side: Side) -> EntityRef:
        """The entity at one end."""
        return self.source if side is Side.SOURCE else self.target

    def rules_of(self, kind: RuleKind) -> tuple[Rule, ...]:
        """The sentences of one kind, in canonical order."""
        return tuple(rule for rule in self.rules if rule.kind is kind)

    def has(self, kind: RuleKind) -> bool:
        """Whether any section of the pair has a sentence of this kind."""
        return any(rule.kind is kind for rule in self.rules)

    @property
    def restricted(self) -> bool:
        """Whether some source records stay out: no `every` sentence beside the restricting ones."""
        return not self.has(RuleKind.EVERY)

    def as_documented(self) -> Self:
        """The flow without what people approved: what a sync engine can know of it."""
        if not any(row.approved for row in self.properties):
            return self
        return replace(self, properties=tuple(row for row in self.properties if not row.approved))
