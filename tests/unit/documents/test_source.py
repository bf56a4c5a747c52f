"""File contents become bounded text whose lines are those of an editor."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.documents.source import decode_source, read_bytes
from talkqa.model.errors import DocumentError


def test_line_endings_and_byte_order_mark_are_read_alike() -> None:
    """CRLF, CR, LF and a byte order mark give the same text."""
    texts = {decode_source(content).text for content in (b"a\r\nb\n", b"a\nb\n", b"\xef\xbb\xbfa\rb\r\n")}
    assert texts == {"a\nb\n"}


@given(st.text(alphabet="ab \n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))
def test_only_line_breaks_of_editors_break_lines(text: str) -> None:
    """Characters that Python alone takes for line breaks add no line."""
    assert len(decode_source(text.encode()).text.splitlines()) <= text.count("\n") + 1


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a\nb\xff\n", "line 2 is not UTF-8"), (b"a\0b", "binary")],
)
def test_what_is_no_text_is_refused_with_the_reason(content: bytes, message: str) -> None:
    """Binary and wrongly encoded files name what is wrong with them."""
    with pytest.raises(DocumentError, match=message):
        decode_source(content)


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    """A file of exactly the limit is read, one byte more is refused, a missing file says so."""
    file = tmp_path / "a.rst"
    file.write_bytes(b"x" * 10)
    assert read_bytes(str(file), 10) == b"x" * 10
    with pytest.raises(DocumentError, match="larger than 9 bytes"):
        read_bytes(str(file), 9)
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        read_bytes(str(tmp_path / "b.rst"), 9)


def test_a_cell_that_lost_its_bullet_gets_it_back() -> None:
    """A data type at the margin belongs to the row above; no line is added or removed."""
    source = decode_source(b'   * - a\n     - b\n"string"\n   * - c\n     - d\n["abs","_."]\n\ntext\n')
    assert source.mended == (3, 6)
    assert source.text.splitlines()[2:6] == ['     - "string"', "   * - c", "     - d", '     - ["abs","_."]']


def test_nothing_else_is_mended() -> None:
    """Ordinary text under a table, and quoted text elsewhere, stay as they are."""
    text = '"quoted" text\n\n   * - a\n     - b\nEvery one.\n'
    source = decode_source(text.encode())
    assert source.text == text
    assert source.mended == ()
