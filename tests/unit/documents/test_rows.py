"""Cells are read into paths and qualifiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.documents.blocks import Row
from talkqa.documents.rows import read_merge_row, read_path, read_property_row
from talkqa.model.flow import Qualifier, Side


def qualifier(value: str, path: str) -> Qualifier:
    return Qualifier(side=Side.SOURCE, value=value, path=path)


@pytest.mark.parametrize(
    ("cell", "path", "qualifiers"),
    [
        ("address.city", "address.city", ()),
        ("no (Dependant on having NO in a.b)", "no", (("NO", "a.b"),)),
        ("no (Dependent on having NO in a.b)", "no", (("NO", "a.b"),)),
        ("Rank (Dependant on having  in Rank)", "Rank", (("", "Rank"),)),
        ("d.id (Dependant on having wd:Q1 in  )", "d.id", (("wd:Q1", ""),)),
        ("d.id (Dependant on having wd:Q1 in)", "d.id", (("wd:Q1", ""),)),
        ("x (Dependant on having  in  )", "x", (("", ""),)),
        ("x (Dependant on having CRM in use in a.b)", "x", (("CRM in use", "a.b"),)),
        ("x (Dependant on having NO in a.bDependant on having wd:Q1 in a.b)", "x", (("NO", "a.b"), ("wd:Q1", "a.b"))),
        ("x (Dependant on having A in bDependant on having A in b)", "x", (("A", "b"),)),
        ("x (y) (Dependant on having A in b)", "x (y)", (("A", "b"),)),
    ],
)
def test_qualifiers_are_told_apart(cell: str, path: str, qualifiers: tuple[tuple[str, str], ...]) -> None:
    """Every published form gives its path and its qualifiers, equal ones once."""
    assert read_path(cell, Side.SOURCE) == (path, tuple(qualifier(*pair) for pair in qualifiers))


@pytest.mark.parametrize("cell", ["x (Dependant on a)", "x (Dependant on having )", "x (Dependant on having A in b"])
def test_a_damaged_qualifier_stays_in_the_path(cell: str) -> None:
    """Nothing of the cell is lost, so that a diagnostic can show it."""
    assert read_path(cell, Side.SOURCE) == (cell, ())


_WORD = st.text(alphabet="abcXYZ.:_09", min_size=1, max_size=8)


@given(
    _WORD, st.lists(st.tuples(st.one_of(st.just(""), _WORD), st.one_of(st.just(""), _WORD)), min_size=1, unique=True)
)
def test_qualifiers_that_are_run_together_read_back(path: str, pairs: list[tuple[str, str]]) -> None:
    """Any number of qualifiers without separator is read as they were printed."""
    printed = "".join(f"Dependant on having {value} in {other or ' '}" for value, other in pairs)
    assert read_path(f"{path} ({printed})", Side.SOURCE) == (path, tuple(qualifier(*pair) for pair in pairs))


def test_a_property_row_holds_both_sides_and_its_expression() -> None:
    """Qualifiers know their side; the data type is kept as written beside its expression."""
    cells = ("a (Dependant on having 1 in b)", "c (Dependant on having 2 in d)", '"abs","_."]')
    row = read_property_row(Row(line=7, cells=cells), "x.rst")
    assert (row.source, row.target, row.data_type, str(row.location)) == ("a", "c", '"abs","_."]', "x.rst:7")
    assert [(q.side, q.value, q.path) for q in row.qualifiers] == [(Side.SOURCE, "1", "b"), (Side.TARGET, "2", "d")]
    assert row.transform is not None
    assert row.transform.repaired


def test_a_merge_row_is_a_pair_of_paths() -> None:
    """A merge criterion keeps paths and line."""
    row = read_merge_row(Row(line=3, cells=("a.b", "c")), "x.rst")
    assert (row.source, row.target, row.location.line) == ("a.b", "c", 3)
