"""One item of the checklist, and the steps that decide it."""

from dataclasses import dataclass
from enum import StrEnum

from talkqa.model.flow import RuleKind

NAMES: tuple[str, ...] = (
    "created",
    "condition-holds",
    "condition-fails",
    "unlinked-stays-out",
    "connected",
    "unconnected-stays-out",
    "merged",
    "unmatched",
    "edited-in-source",
    "edited-in-target",
    "discovered",
    "audit",
    "qualified",
    "unqualified",
    "qualified-in-target",
    "unqualified-in-target",
    "whole-in-source",
    "whole-in-target",
    "value",
    "value-in-target",
    "latest-wins",
    "both-stand",
    "empty-keeps",
    "quiet",
    "delete-stays",
    "link-survives",
    "near-miss",
    "shared-criterion",
)
"""Every name of the check table, in the order in which checks of one sentence are listed."""


class Depth(StrEnum):
    """How much of the checklist is generated."""

    SMOKE = "smoke"
    STANDARD = "standard"
    DEEP = "deep"


class RowClass(StrEnum):
    """How a property row may be judged; see docs/verdicts.md."""

    PLAIN = "plain"
    TRANSFORM = "transform"
    SHARED = "shared"
    IDENTITY = "identity"
    LOOKUP = "lookup"
    LIST = "list"
    HIDDEN_TRANSFORM = "hidden-transform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A Gherkin step."""

    keyword: str
    """`Given`, `When`, `Then` or `And`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowKey:
    """The row a check is about: unique in its flow."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One statement about the sync engine that a run can decide."""

    id: str
    """`<flow id>/<name>` or `<flow id>/<name>/<row>`; built from meaning alone, safe as a tag and a file name."""
    flow_id: str
    name: str
    """`created`, `edited-in-source`, `merged`, ... as in the check table."""
    rule: RuleKind | None
    """The sentence it rests on; None for engine policies."""
    sentence: str
    """That sentence as written, or the policy in words."""
    title: str
    """What holds, in words that a business user reads: the scenario's name."""
    steps: tuple[Step, ...]
    row: RowKey | None = None
    row_class: RowClass | None = None
    tags: tuple[str, ...] = ()
    """Such as `policy`, `smoke`, `negative`."""
    cells: tuple[tuple[str, str], ...] = ()
    """Column and value of each parameter in which checks of one title differ; empty for a check of its own."""
    template: tuple[Step, ...] = ()
    """The steps with `<column>` in place of those values; empty where there are no cells."""
