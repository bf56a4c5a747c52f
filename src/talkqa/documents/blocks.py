"""What a document consists of before its meaning is read: titles, paragraphs, tables, and blocks of no known kind.

`doctree` fills these from docutils; `build` reads them. Nothing here knows docutils.
"""

from dataclasses import dataclass

MARKUP_ERROR = "markup error"
"""First words of the kind of a foreign block that could not even be parsed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Running text."""

    line: int
    """Line of its first character, from 1."""
    text: str
    """As written, line breaks included; nothing in it is markup."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A table row."""

    line: int
    """Line of its first cell's bullet."""
    cells: tuple[str, ...]
    """Text as written; lines joined by a blank, outer white space removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A list-table."""

    line: int
    """Line of the directive."""
    header: tuple[Row, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A block that dataflow documents do not have: a list, a literal block, another directive, broken markup."""

    line: int
    kind: str
    """What it is, in words: `bullet list`, `include directive`."""
    text: str
    """Its first line, for messages."""


Block = Paragraph | Table | Foreign


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A title with what follows it up to the next title, of whatever level."""

    title: str
    """As written, inner white space kept; empty for what precedes the first title."""
    line: int
    """Line of the title's text."""
    blocks: tuple[Block, ...]
