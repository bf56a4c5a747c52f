"""Discovered rows as the property table of a dataflow document, to be pasted as it stands."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from talkqa.model.discovery import ProposedRow

_ESCAPED = re.compile(r"[*`|]|(?<=\w)_(?!\w)")
"""What a reader of reStructuredText takes for markup; within a word, an underscore is none."""
_UNPRINTABLE = re.compile(
    r"\\[*_`|]|[\x00-\x1f\x7f-\x9f]|\s\s|^\s|\s$|^[*+\-\u2022\u2023\u2043](?:\s|$)|Depend[ae]nt on having "
)
"""What a table's cell would not give back as it was."""
_FORBIDDEN = re.compile(r"[^\S ]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """The names of a flow's ends as its section writes them."""

    source: str
    target: str
    system: str
    """Of the target."""


def render_table(heads: Heads, rows: Sequence[ProposedRow]) -> str:
    """A list-table as documents have it, its header included.

    Args:
        heads: What stands in the header.
        rows: In the order in which they are to stand; each is printable (`is_printable`).
    """
    header = (f"{heads.source} Property", f"{heads.target} Property", f"{heads.system} Data Type".strip())
    body = [(_path(row.source), _path(row.target), row.data_type) for row in rows]
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for first, second, third in (header, *body):
        lines += [f"   * - {first}", f"     - {second}", f"     - {third}"]
    return "\n".join(lines) + "\n"


def is_printable(row: ProposedRow) -> bool:
    """Whether a document's table gives the paths of a row back as they are."""
    return all(
        path and _UNPRINTABLE.search(path) is None and _FORBIDDEN.search(path) is None
        for path in (row.source, row.target)
    )


def _path(path: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\{found[0]}", path)
