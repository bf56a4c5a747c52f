"""Invented documents: rendered the way the published ones are, so that tests say only what differs."""

from dataclasses import dataclass
from pathlib import Path

from talkqa.documents.read import Reading, read_documents
from talkqa.model.flow import Document
from talkqa.model.settings import Settings

TWO_WAY = "it will keep in sync between the two systems, regardless of where it is edited."


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A flow section to render; `extra` are paragraphs between selection and link sentence."""

    source: str = "Acme Contact"
    target: str = "Globex Person"
    select: str = "every"
    extra: tuple[str, ...] = ()
    merge: tuple[tuple[str, str], ...] | None = None
    rows: tuple[tuple[str, str, str], ...] = ()
    data_type_header: str = "Globex Data Type"

    def render(self) -> str:
        """The section as reST."""
        title = f"{self.source} to {self.target}"
        s, t = self.source, self.target
        select = {
            "every": f"Every {s} will be synchronized with a {t}.",
            "link": f"Before any synchronization can take place, a link between a {s} and a {t} must be established.",
        }.get(self.select, self.select)
        paragraphs = [select, *self.extra]
        if self.merge is not None:
            paragraphs.append(
                f"A {s} will merge with a {t} if one of the following property combinations match:\n\n"
                + list_table((f"{s} Property", f"{t} Property"), *self.merge)
            )
        paragraphs += [
            f"Once a link between a {s} and a {t} is established, {TWO_WAY}",
            f"The following properties are synchronized between a {s} and a {t}:",
            list_table((f"{s} Property", f"{t} Property", self.data_type_header), *self.rows),
        ]
        return f"{title}\n{'-' * max(4, len(title))}\n" + "\n\n".join(p for p in paragraphs if p) + "\n\n"


def list_table(*rows: tuple[str, ...]) -> str:
    """A list-table whose first row is its header."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'* -' if index == 0 else '  -'} {cell}".rstrip() for index, cell in enumerate(row)]
    return "\n".join(lines)


def render_document(*flows: Flow, title: str = "Acme to Globex Dataflow", stamp: str = "2024-05-06 07:08:09") -> str:
    """A whole document."""
    line = "=" * len(title)
    head = f"{line}\n{title}\n{line}\n\nGenerated: {stamp}\n\nIntroduction\n------------\n\nInvented.\n\n"
    return head + "\n".join(flow.render() for flow in flows)


def read_text(tmp_path: Path, text: str | bytes, settings: Settings | None = None, name: str = "doc.rst") -> Reading:
    """What is read of one file with this content."""
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_documents([file], settings or Settings(), root=tmp_path)


def read_one(tmp_path: Path, text: str, settings: Settings | None = None) -> Document:
    """The document of one file, which must be one."""
    reading = read_text(tmp_path, text, settings)
    assert reading.diagnostics == ()
    (document,) = reading.documents
    return document


def codes(document: Document) -> list[str]:
    """Codes of a document's diagnostics, in order."""
    return [diagnostic.code for diagnostic in document.diagnostics]


def line_of(text: str, part: str, nth: int = 1) -> int:
    """Line, from 1, of the nth line that contains a part."""
    return [number for number, line in enumerate(text.splitlines(), 1) if part in line][nth - 1]
