"""The printed table: one row a piece of work, beside the baseline that was measured in the same run."""

from collections.abc import Sequence
from dataclasses import dataclass

HEADER = ("work", "baseline", "ours", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured piece of work."""

    work: str
    baseline: str = "-"
    """What it is compared with, and what that cost."""
    ours: str = "-"
    ratio: float | None = None
    """Ours over the baseline, or baseline over ours where the goal says so; None where there is nothing to compare."""
    goal: str = "-"
    met: bool | None = None
    """None where there is no goal, or nothing was measured."""
    note: str = ""
    """Stands below the table: how it was measured, or why it was not."""


def render_table(rows: Sequence[Row]) -> str:
    """The rows as text columns, notes below them, numbered."""
    notes = [row.note for row in rows if row.note]
    cells = [HEADER, *(_cells(row, notes) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    lines += ["", *(f"[{number}] {note}" for number, note in enumerate(notes, start=1))] if notes else []
    return "\n".join(lines)


def _cells(row: Row, notes: Sequence[str]) -> tuple[str, ...]:
    mark = f" [{notes.index(row.note) + 1}]" if row.note else ""
    ratio = "-" if row.ratio is None else f"{row.ratio:.3g}x"
    met = {True: "yes", False: "NO", None: "-"}[row.met]
    return (row.work + mark, row.baseline, row.ours, ratio, row.goal, met)
