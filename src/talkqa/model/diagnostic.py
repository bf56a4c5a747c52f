"""What the reading of a document or a preparation of a run has to tell its user."""

from dataclasses import dataclass
from enum import StrEnum

from talkqa.model.location import Location


class Severity(StrEnum):
    """How much a diagnostic matters."""

    ERROR = "error"
    """The document cannot be used as it stands."""
    WARNING = "warning"
    """Something of the document will not be checked, or may be meant otherwise."""
    NOTICE = "notice"
    """Worth knowing; everything is checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding, with its place and what to do about it."""

    code: str
    """Stable, kebab-case: `condition-unbound`, `properties-undocumented`."""
    severity: Severity
    location: Location
    message: str
    """What was found, in one sentence without the place."""
    advice: str = ""
    """What to do next; empty where there is nothing to do."""
    flow_id: str | None = None

    def __str__(self) -> str:
        first = f"{self.location}: {self.message} [{self.code}]"
        return f"{first}\n  {self.advice}" if self.advice else first
