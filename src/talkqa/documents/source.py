"""The text of a document file: bounded, decoded, with lines as an editor counts them."""

import re
from dataclasses import dataclass

from talkqa.model.errors import DocumentError

_SEPARATORS = str.maketrans(dict.fromkeys("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", " "))
"""Characters at which Python, but no editor, begins a new line: they would shift every line number below."""

_CELL = re.compile(r" +- ")
_BARE_CELL = re.compile(r"[\"\[]|N/A$")
_TORN = re.compile(r"\n +- [^\n]*\n(?:[\"\[]|N/A\n)")
"""A cell at the margin under a cell of a table: for a while documents lost the bullet of the data type column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document's text, line breaks being line feeds."""

    text: str
    mended: tuple[int, ...]
    """Lines, from 1, of table cells whose lost bullet was put back."""


def read_bytes(path: str, limit: int) -> bytes:
    """The file's content.

    Raises:
        DocumentError: where the file cannot be read or holds more than `limit` bytes.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - one of hundreds: see read._Shown
            content = file.read(limit + 1)
    except OSError as error:
        raise DocumentError(f"the file cannot be read: {error.strerror or error}") from error
    if len(content) > limit:
        raise DocumentError(f"the file is larger than {limit} bytes (max_document_bytes in talkqa.toml)")
    return content


def decode_source(content: bytes) -> Source:
    """The text of a file's content.

    Raises:
        DocumentError: where the content is binary or not UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DocumentError(f"line {line} is not UTF-8 text") from error
    if "\0" in text:
        raise DocumentError("the file is binary")
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_SEPARATORS)
    return _mend(text)


def _mend(text: str) -> Source:
    """Put lost bullets of table cells back; no line is added or removed."""
    if not _TORN.search(text):
        return Source(text=text, mended=())
    lines = text.split("\n")
    mended: list[int] = []
    for index in range(1, len(lines)):
        above = _CELL.match(lines[index - 1])
        if above and _BARE_CELL.match(lines[index]):
            lines[index] = above[0] + lines[index]
            mended.append(index + 1)
    return Source(text="\n".join(lines), mended=tuple(mended))
