"""Looks for secrets that slipped through: tests plant canaries and scan all that a run left.

Never masks anything; a finding is a defect of whoever wrote the file.
"""

import base64
import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus


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
        for form, spelled in _forms(value)
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


def _forms(value: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for form, spelled in (
        ("plain", value),
        ("percent-encoded", quote(value, safe="")),
        ("percent-encoded", quote_plus(value)),
        ("json", json.dumps(value)[1:-1]),
        ("html", html.escape(value)),
        *(("base64", piece) for piece in _base64_pieces(value)),
    ):
        if spelled and spelled not in seen:
            seen.add(spelled)
            yield form, spelled


def _base64_pieces(value: str) -> Iterator[str]:
    """The part of the base64 text that does not depend on what stands before and after the value.

    A value may begin at any of three offsets of the encoded text, so there are three pieces; short ones prove nothing.
    """
    raw = value.encode()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        piece = encoded[(offset * 8 + 5) // 6 : len(encoded) - 1]
        if len(piece) >= 8:
            yield piece
            yield piece.translate(str.maketrans("+/", "-_"))
