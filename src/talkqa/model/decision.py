"""What people decided beside the documents: approved mappings, shapes of flows, waivers, adopted policies.

`config` reads it from decisions.toml. A decision never overrules a document: it says what no document says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase

from talkqa.model.discovery import Ways
from talkqa.model.location import Location

POLICIES: Mapping[str, tuple[str, ...]] = {
    "latest-wins": ("later", "earlier", "neither"),
    "both-stand": ("both", "one", "neither"),
    "empty-keeps": ("kept", "emptied", "gone"),
    "delete-stays": ("stays", "archived", "deleted"),
    "link-survives": ("survives", "lost"),
    "near-miss": ("apart", "merged"),
}
"""Checks of what no document promises, each with the words for what may be seen; one of them can be adopted."""


class FlowShape(StrEnum):
    """How the records of a flow's two sides belong together."""

    RECORD = "record"
    """Each source record has a target record of its own."""
    PART = "part"
    """The source is a part of a whole, as a line is of an order."""
    LOOKUP = "lookup"
    """The target is there already, as a currency is."""
    REFERENCE = "reference"
    """The target only refers to the source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovedMapping:
    """One row of a property table that no document has, and that a person approved."""

    flow_id: str
    source: str
    target: str
    data_type: str
    """The cell as a document would print it."""
    ways: Ways
    approved_by: str
    approved_on: date
    note: str = ""
    location: Location

    @property
    def approval(self) -> str:
        """Who approved it and when, in words."""
        return f"approved by {self.approved_by} on {self.approved_on.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeDecision:
    """What kind of flow a flow is."""

    flow_id: str
    shape: FlowShape
    location: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """Checks whose verdict somebody answers for until a day."""

    checks: str
    """Id of a check, or a pattern of ids with `*` and `?`."""
    reason: str
    owner: str
    expires: date
    """The last day on which it has an effect."""
    location: Location

    def names(self, check_id: str) -> bool:
        """Whether it is about a check."""
        return fnmatchcase(check_id, self.checks)

    def valid_on(self, day: date) -> bool:
        """Whether it has an effect on a day."""
        return day <= self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedPolicy:
    """What is expected where the documents are silent, so that a departure from it fails."""

    policy: str
    """A key of `POLICIES`."""
    expects: str
    """One of its words."""
    flows: str = "*"
    """Id of a flow, or a pattern of ids."""
    adopted_by: str = ""
    location: Location

    @property
    def sentence(self) -> str:
        """The decision in words, which take the place of a document's sentence."""
        by = f" by {self.adopted_by}" if self.adopted_by else ""
        return f"adopted{by}: {self.policy} is expected to end as '{self.expects}'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """All decisions of a project, in the order of their file."""

    mappings: tuple[ApprovedMapping, ...] = ()
    shapes: tuple[ShapeDecision, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    adopted: tuple[AdoptedPolicy, ...] = ()

    def shape_of(self, flow_id: str) -> FlowShape | None:
        """The shape of a flow, where somebody decided it."""
        return next((one.shape for one in self.shapes if one.flow_id == flow_id), None)

    def waiver_of(self, check_id: str, day: date) -> Waiver | None:
        """The first waiver that names a check and is valid on a day."""
        return next((one for one in self.waivers if one.valid_on(day) and one.names(check_id)), None)

    def policy_of(self, name: str, flow_id: str) -> AdoptedPolicy | None:
        """What is expected of a policy check of a flow; the first entry that names the flow counts."""
        return next(
            (one for one in self.adopted if one.policy == name and fnmatchcase(flow_id, one.flows)),
            None,
        )
