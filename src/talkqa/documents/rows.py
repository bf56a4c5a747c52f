"""Table rows to merge criteria and property rows, qualifiers included."""

import re

from talkqa.documents.blocks import Row
from talkqa.documents.identity import fold
from talkqa.documents.transforms import read_transform
from talkqa.model.flow import MergeRow, PropertyRow, Qualifier, Side
from talkqa.model.location import Location

_QUALIFIED = re.compile(r"\((?=Depend[ae]nt on having )")
_QUALIFIER_START = re.compile(r"Depend[ae]nt on having ")
_QUALIFIER = re.compile(r"(?P<value>.*) in(?P<path>|\s.*)", re.DOTALL)


def read_merge_row(row: Row, path: str) -> MergeRow:
    """A row of a merge table: two cells."""
    source, target = row.cells
    return MergeRow(source=fold(source), target=fold(target), location=Location(path=path, line=row.line))


def read_property_row(row: Row, path: str) -> PropertyRow:
    """A row of a property table: three cells."""
    source_cell, target_cell, data_type = row.cells
    source, of_source = read_path(source_cell, Side.SOURCE)
    target, of_target = read_path(target_cell, Side.TARGET)
    return PropertyRow(
        source=source,
        target=target,
        data_type=data_type,
        location=Location(path=path, line=row.line),
        qualifiers=of_source + of_target,
        transform=read_transform(data_type),
    )


def read_path(cell: str, side: Side) -> tuple[str, tuple[Qualifier, ...]]:
    """The path of a cell and what it depends on: `path (Dependant on having VALUE in PATH)`.

    Qualifiers run together without a separator are told apart by their first words; equal ones are kept once. A cell
    whose qualifiers cannot be read is its own path, so that nothing of it is lost.
    """
    cell = cell.strip()
    start = _QUALIFIED.search(cell)
    if start is None or not cell.endswith(")"):
        return fold(cell), ()
    qualifiers: list[Qualifier] = []
    for piece in _QUALIFIER_START.split(cell[start.end() : -1])[1:]:
        # white space counts here: a blank value leaves two blanks after "having", a blank path leaves some after "in"
        parts = _QUALIFIER.fullmatch(piece if piece.startswith(" ") else f" {piece}")
        if parts is None:
            return fold(cell), ()
        qualifier = Qualifier(side=side, value=fold(parts["value"]), path=fold(parts["path"]))
        if qualifier not in qualifiers:
            qualifiers.append(qualifier)
    return fold(cell[: start.start()]), tuple(qualifiers)
