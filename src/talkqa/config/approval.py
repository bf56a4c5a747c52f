"""Writes approved rows to decisions.toml: new entries at its end; what a person wrote there is never touched."""

import os
import re
import tomllib
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.errors import ConfigError

_HEAD = """\
# What people decided where the documents are silent; talkqa reads it beside talkqa.toml.
# `talkqa approve` adds entries at the end and changes nothing that is here.
"""
_UNWRITABLE = re.compile(r'[\x00-\x1f\x7f"\\\ud800-\udfff]')
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def render_mappings(rows: Iterable[ProposedRow], *, by: str, on: date, note: str = "") -> str:
    """The `[[mappings]]` entries of approved rows, in the order given."""
    entries = []
    for row in rows:
        lines = [
            "[[mappings]]",
            f"flow = {quote(row.flow_id)}",
            f"source = {quote(row.source)}",
            f"target = {quote(row.target)}",
            f"data_type = {quote(row.data_type)}",
            *([f"ways = {quote(row.ways)}"] if row.ways is not Ways.BOTH else []),
            f"approved_by = {quote(by)}",
            f"approved_on = {on.isoformat()}",
            *([f"note = {quote(note)}"] if note.strip() else []),
        ]
        entries.append("\n".join(lines) + "\n")
    return "\n".join(entries)


def append_mappings(path: Path, text: str) -> None:
    """Add entries to the end of the file, which then is whole or as it was.

    Raises:
        ConfigError: where the file cannot be written, or would not be TOML any more.
    """
    try:
        before = path.read_bytes().decode("utf-8-sig") if path.exists() else _HEAD
        apart = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        whole = f"{before}{apart}{text}"
        tomllib.loads(whole)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
        unfinished.write_text(whole, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: nothing was added, since it would not be valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror or error}") from error


def quote(text: str) -> str:
    """A text as TOML writes it in one line; half a surrogate pair, which no TOML holds, becomes a replacement."""
    return f'"{_UNWRITABLE.sub(_escaped, text)}"'


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    if "\ud800" <= character <= "\udfff":
        return "\N{REPLACEMENT CHARACTER}"
    return _SHORT.get(character, f"\\u{ord(character):04x}")
