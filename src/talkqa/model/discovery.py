"""What was seen of an undocumented mapping, before anybody approved it."""

from dataclasses import dataclass
from enum import StrEnum


class Ways(StrEnum):
    """In which directions a property was seen to travel."""

    BOTH = "both"
    TO_TARGET = "to target"
    TO_SOURCE = "to source"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedRow:
    """One row of a property table as it would have to read, with what speaks for it."""

    flow_id: str
    source: str
    """Path of the source property, as its schema spells it."""
    target: str
    data_type: str
    """The cell as a document would print it: `"string"`, `"integer"`, an expression, or `N/A`."""
    ways: Ways
    confidence: float
    """0 to 1: the chance that it is no coincidence, from the number and kind of independent observations."""
    observations: tuple[str, ...]
    """What was seen, a sentence each, at least two: each probe counts once."""
