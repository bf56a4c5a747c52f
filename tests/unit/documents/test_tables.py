"""The content of list-tables is read into rows and cells with their lines."""

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from hypothesis import given
from hypothesis import strategies as st

from talkqa.documents.tables import TableError, scan_rows, unescape
from tests.unit.documents.samples import list_table


def scan(text: str) -> list[tuple[int, tuple[str, ...]]]:
    return [(row.line, row.cells) for row in scan_rows(enumerate(text.splitlines(), 1))]


def test_rows_begin_at_their_first_bullet() -> None:
    """A row's line is that of its first cell, whatever else stands in it."""
    assert scan("* - a\n  - b\n\n* - c\n  - d\n") == [(1, ("a", "b")), (4, ("c", "d"))]


def test_cells_may_go_on_below_be_empty_or_begin_below_their_row() -> None:
    """Continuation lines are joined by blanks; an empty cell is a cell; a row may stand alone on its line."""
    assert scan("* - a\n    more\n\n    still\n  -\n*\n  - c\n  -  d\n") == [(1, ("a more still", "")), (6, ("c", "d"))]


def test_what_looks_like_markup_in_a_cell_is_its_text() -> None:
    """References, emphasis, numbering and bullets inside a cell are content."""
    assert scan("* - name_\n  - _.a\n  - *x\n  - - y\n  - 1. z") == [(1, ("name_", "_.a", "*x", "- y", "1. z"))]


def test_protected_characters_lose_their_backslash_and_no_other_backslash_goes() -> None:
    r"""`name\_` was written for docutils; a regular expression was not."""
    assert unescape(r"name\_ \*x\* \d \\* a\b") == r"name_ *x* \d \\* a\b"


@pytest.mark.parametrize(
    ("text", "line"),
    [("text", 1), ("* - a\ntext", 2), ("  - a", 1), ("* text", 1), ("* - a\n - b", 2)],
)
def test_a_line_that_belongs_nowhere_is_named(text: str, line: int) -> None:
    """Content that is no list of lists is refused with the line."""
    with pytest.raises(TableError) as error:
        scan(text)
    assert error.value.line == line


_CELL = st.from_regex(r"[a-z]{2}[a-zA-Z0-9 ,/]{0,8}[a-z0-9]", fullmatch=True)


@given(st.lists(st.tuples(_CELL, _CELL, _CELL), min_size=2, max_size=5))
def test_rows_are_those_that_docutils_reads(rows: list[tuple[str, str, str]]) -> None:
    """Where the stock directive can read a table, it reads the same cells."""
    text = list_table(*rows)
    tree = publish_doctree(text, settings_overrides={"report_level": 5, "_disable_config": True})
    stock = [tuple(entry.astext() for entry in row) for row in tree.findall(nodes.row)]
    content = [line[3:] for line in text.splitlines()[3:]]
    assert [row.cells for row in scan_rows(enumerate(content))] == stock
