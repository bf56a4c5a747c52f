"""The content of a list-table directive to rows and cells, each with its line.

The stock directive refuses a table that has a header and no rows, which is every second flow, and keeps no line of a
row. A list-table is a list of rows that are lists of cells, so its bullets alone tell rows and cells apart; what a
cell holds is taken as written, since `_.`, `+* *` and `name_` are content of these documents and no markup.
"""

import re
from collections.abc import Iterable

from talkqa.documents.blocks import Row
from talkqa.model.errors import DocumentError

_BULLET = re.compile(r"[*+\-\u2022\u2023\u2043](?: +|$)")
_ESCAPED = re.compile(r"(?<!\\)\\([*_`|])")


class TableError(DocumentError):
    """Raised where the content of a list-table is no list of lists; knows its line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line
        """Line of the document, from 1."""


def unescape(text: str) -> str:
    r"""Text without the backslashes that protect it from being read as markup: `name\_` is `name_`."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def scan_rows(lines: Iterable[tuple[int, str]]) -> tuple[Row, ...]:
    """The rows of a list-table, in order, from (line number, text) pairs of its dedented content.

    Raises:
        TableError: where a line belongs to no row or to no cell.
    """
    rows: list[_OpenRow] = []
    for number, text in lines:
        if not text.strip():
            continue
        bullet = _BULLET.match(text)
        if bullet:
            rows.append(_OpenRow(number))
            column = bullet.end()
        else:
            column = len(text) - len(text.lstrip())
            if column == 0 or not rows:
                raise TableError("the line belongs to no row of the table", number)
        if text[column:]:
            rows[-1].add(number, column, text[column:].rstrip())
    return tuple(row.close() for row in rows)


class _OpenRow:
    """A row that is being read."""

    def __init__(self, line: int) -> None:
        self._line = line
        self._column: int | None = None
        self._cells: list[list[str]] = []

    def add(self, number: int, column: int, text: str) -> None:
        """Take in a line that begins at a column: a new cell, or more of the last one."""
        if self._column is None:
            self._column = column
        bullet = _BULLET.match(text)
        if column == self._column and bullet:
            self._cells.append([text[bullet.end() :]])
        elif column > self._column and self._cells:
            self._cells[-1].append(text.strip())
        else:
            raise TableError("the line belongs to no cell of its row", number)

    def close(self) -> Row:
        """The row as a value."""
        return Row(line=self._line, cells=tuple(unescape(" ".join(cell)).strip() for cell in self._cells))
