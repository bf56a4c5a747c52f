"""What generation would do to files: values that are planned, shown, and only then written."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class ChangeKind(StrEnum):
    """What happens to a file."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    """Edited by hand, or not ours: it stays as it is and is reported."""
    ORPHAN = "orphan"
    """Generated once, promised by nothing any more: it is removed."""
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file and what happens to it."""

    kind: ChangeKind
    path: str
    """Relative to the output folder, with forward slashes."""
    before: bytes | None = None
    """The bytes on disk; None where there is no file, and for `unchanged`."""
    after: bytes | None = None
    """The bytes generated; None where nothing is, and for `unchanged`."""
    reason: str = ""
    """Why it is kept or removed, in words; empty otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that writing would do."""

    output: Path
    """The output folder, absolute and resolved."""
    label: str
    """The output folder as a person named it, for what is shown."""
    changes: tuple[Change, ...]
    """Sorted by path; one a file."""

    @property
    def stale(self) -> bool:
        """Whether writing would change anything; a file kept as edited by hand is reported, but not stale."""
        return bool(self.of(ChangeKind.CREATE, ChangeKind.UPDATE, ChangeKind.ORPHAN))

    def of(self, *kinds: ChangeKind) -> tuple[Change, ...]:
        """The changes of these kinds, by path."""
        return tuple(change for change in self.changes if change.kind in kinds)

    def show(self, change: Change) -> str:
        """The change's path as a person reads it."""
        return f"{self.label}/{change.path}"
