"""Records as the harness sees them: flat, dotted, detached from any wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool | None
FieldValue = Scalar | tuple[Scalar, ...]
"""A value of one property; a tuple where the path runs through a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One version of one record of a system."""

    system: str
    entity: str
    id: str
    values: Mapping[str, FieldValue]
    """Dotted path to value; nested objects are flattened, lists become tuples."""
    modified: str | None
    """The system's own stamp of the last change, ISO 8601 UTC; None where the system keeps none."""
    modified_by: str | None = None
    """The user who wrote last, where the system tells."""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The answer to `what changed since`."""

    records: tuple[Record, ...]
    """Oldest change first; deleted records included where the system tells of them."""
    cursor: str | None
    """Opaque: to be handed back next time; None where nothing was ever seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP request and its answer, as kept for evidence."""

    method: str
    url: str
    status: int
    """0 where no answer came."""
    at_s: float
    """Seconds since the run began."""
    request_body: str = ""
    response_body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Request headers; redacted before they are kept."""
