"""Looks for secrets that slipped through: tests plant canaries and scan all that a run left.

Never masks anything; a finding is a defect of whoever wrote the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from talkqa.redaction.spellings import spellings


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A canary that was found."""

    path: str
    line: int
    """From 1."""
    canary: str
    """The canary's name, never its value."""
    form: str
    """How it was written: `plain`, `base64`, `percent-encoded`, `json`, `html`."""


def scan_text(text: str, canaries: Mapping[str, str], *, path: str = "") -> tuple[Leak, ...]:
    """Find canaries in a text, in every form that they are likely to travel in.

    Args:
        text: What was written.
        canaries: Name to secret value.
        path: What to call the text in the findings.
    """
    return tuple(
        Leak(path=path, line=text.count("\n", 0, at) + 1, canary=name, form=form)
        for name, value in canaries.items()
        for form, spelled in spellings(value)
        if (at := text.find(spelled)) >= 0
    )


def scan_folder(folder: Path, canaries: Mapping[str, str]) -> tuple[Leak, ...]:
    """Find canaries in every file below a folder, binary files included; sorted by path."""
    return tuple(
        leak
        for path in sorted(p for p in folder.rglob("*") if p.is_file())
        for leak in scan_text(
            path.read_bytes().decode("utf-8", errors="replace"), canaries, path=path.relative_to(folder).as_posix()
        )
    )
