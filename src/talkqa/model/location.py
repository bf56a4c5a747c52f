"""Where a value was read: used by the document model, diagnostics and the report."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Location:
    """A line of a document."""

    path: str
    """Path as the user gave it, relative to the project where possible, with forward slashes."""
    line: int
    """Line number, from 1."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"
