"""The parts of a document to its model: title, stamp and flow sections with rules and rows."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice

from talkqa.documents.blocks import MARKUP_ERROR, Foreign, Paragraph, Part, Table
from talkqa.documents.codes import Findings, quote_text
from talkqa.documents.grammar import Sentence, SentenceReader
from talkqa.documents.identity import NamedEntity, SystemName, SystemNames, fold
from talkqa.documents.sections import COLUMNS, DATA_TYPE, SectionReader
from talkqa.model.flow import Document, RuleKind, Section, Side

_DATAFLOW = re.compile(r"\s+Dataflow\s*$", re.IGNORECASE)
_TO = re.compile(r"(?:^|(?<= ))to(?= |$)")
_MAX_PLACES = 10
"""How many `to` of a title are looked at; real titles have one, now and then two."""

_INTRODUCTION = re.compile(r"introduction\W*", re.IGNORECASE)
_STAMP = re.compile(r"Generated:\s*(?P<date>\S+)[ T](?P<time>\S+)", re.IGNORECASE)
_RULE_LIKE = re.compile(
    r" will be synchronized with | are synchronized between | property combinations match:"
    r"|Once a link between |Before any synchronization | that is synchronized into | is found, a new "
)
"""Words that only rules have: in a place where no rule can be read they are told of, not passed over."""


def build_document(parts: tuple[Part, ...], names: SystemNames, findings: Findings) -> Document | None:
    """The model of a document, as far as its own text tells; None where no title says it is a dataflow document."""
    at = next((index for index, part in enumerate(parts) if _DATAFLOW.search(part.title)), None)
    title = split_title(parts[at], names) if at is not None else None
    if at is None or title is None:
        return None
    builder = _Builder(title, names, findings)
    builder.note_title(parts[at].line)
    sections = [builder.section(part) for index, part in enumerate(parts) if index != at and part.title]
    for part in parts[: at + 1]:
        if not part.title or part is parts[at]:
            builder.prose(part)
    source, target = (names.resolve(name).canonical for name in title)
    return Document(
        path=findings.path,
        source=source,
        target=target,
        generated=_stamp(parts[at], findings),
        sections=tuple(section for section in sections if section),
        diagnostics=(),
    )


def split_title(part: Part, names: SystemNames) -> tuple[str, str] | None:
    """The two systems of a document's title as written, either of which may be blank; None where there are not two."""
    plain = _DATAFLOW.sub("", f"{part.title}")
    pairs = [(fold(plain[: at.start()]), fold(plain[at.end() :])) for at in _places(plain)]
    return max(pairs, key=lambda pair: sum(names.resolve(name).known for name in pair), default=None)


def _places(title: str) -> Iterator[re.Match[str]]:
    """Where a title may be parted."""
    return islice(_TO.finditer(title), _MAX_PLACES)


def _stamp(part: Part, findings: Findings) -> str | None:
    """The date stamp in ISO 8601; None where there is none, or one that cannot be read."""
    for block in part.blocks:
        if isinstance(block, Paragraph) and block.text.startswith("Generated"):
            match = _STAMP.match(block.text)
            with suppress(ValueError):
                if match:
                    return datetime.fromisoformat(f"{match['date']}T{match['time']}").isoformat()
            findings.add("stamp-unread", block.line, f"the date stamp {quote_text(fold(block.text))} is no date")
    return None


class _Builder:
    """Builds the sections of one document."""

    def __init__(self, title: tuple[str, str], names: SystemNames, findings: Findings) -> None:
        self._title = dict(zip(Side, title, strict=True))
        self._names = names
        self._findings = findings
        self._told: set[tuple[str, Side, str]] = set()

    def note_title(self, line: int) -> None:
        """Tell what is odd about the systems of the title."""
        for side, name in self._title.items():
            if not name:
                self._findings.add("blank-name", line, f"the title leaves the {side} system's name blank")
            self._note_system(side, self._names.resolve(name), line)

    def prose(self, part: Part) -> None:
        """Tell of rules and tables in a part that is no flow section, where nothing reads them."""
        for block in part.blocks:
            if isinstance(block, Table):
                self._findings.add("table-unread", block.line, "the table stands outside any flow section")
            elif isinstance(block, Foreign) and block.kind.startswith(MARKUP_ERROR):
                self._findings.add("block-unread", block.line, f"{block.kind}: {quote_text(block.text)}")
            elif _RULE_LIKE.search(block.text):
                text = quote_text(fold(block.text))
                self._findings.add("sentence-unread", block.line, f"{text} stands outside any flow section")

    def section(self, part: Part) -> Section | None:
        """A flow section; None for the introduction and other prose."""
        pair = self._pair(part)
        if pair is None:
            if not _INTRODUCTION.fullmatch(part.title.strip()):
                text = quote_text(fold(part.title))
                self._findings.add("section-unread", part.line, f"the section {text} names no flow and is not checked")
            self.prose(part)
            return None
        prefix = _system_of_table(part)
        source = self._names.entity(pair[0], self._title[Side.SOURCE])
        target = self._names.entity(pair[1], self._title[Side.TARGET], prefix)
        reader = SectionReader(
            part=part,
            source=source,
            target=target,
            titles=self._title,
            names=self._names,
            findings=self._findings,
        )
        for side, entity in ((Side.SOURCE, source), (Side.TARGET, target)):
            self._note_entity(side, entity, part.line, reader.flow_id)
        return reader.read()

    def _pair(self, part: Part) -> tuple[str, str] | None:
        """Source and target entity of a section's title as written; the target keeps its leading white space."""
        title = part.title
        pairs = [
            (title[: at.start()].strip(), title[at.end() + 1 :].rstrip())
            for at in _places(title)
            if title[: at.start()].strip() and title[at.end() :].strip()
        ]
        if not pairs:
            return None
        if len(pairs) == 1 and self._known(pairs[0]) == len(pairs[0]):
            return pairs[0]
        best = max(pairs, key=lambda pair: (self._sentences(part, pair), self._known(pair)))
        if not self._sentences(part, best) and self._known(best) < len(best):
            return None
        return best

    def _sentences(self, part: Part, pair: tuple[str, str]) -> int:
        """How many paragraphs of a section are sentences about a pair of entities."""
        reader = SentenceReader(*pair, same=lambda _side, _words: False)
        paragraphs = (block for block in part.blocks if isinstance(block, Paragraph))
        return sum(isinstance(piece, Sentence) for paragraph in paragraphs for piece in reader.read(paragraph))

    def _known(self, pair: tuple[str, str]) -> int:
        named = zip(pair, self._title.values(), strict=True)
        return sum(self._names.begins_known(words, title) for words, title in named)

    def _note_entity(self, side: Side, entity: NamedEntity, line: int, flow: str) -> None:
        if not entity.system.canonical:
            text = quote_text(entity.written)
            message = f"the system of the {side} entity {text} is left blank"
            self._findings.add("blank-name", line, message, flow_id=flow)
        self._note_system(side, entity.system, line)
        title = self._names.resolve(self._title[side]).canonical
        if title and entity.system.canonical and entity.system.canonical != title:
            message = f"the {side} entity belongs to {quote_text(entity.system.canonical)}, the title says '{title}'"
            if self._first("differs", side, entity.system.canonical):
                self._findings.add("system-differs", line, message, flow_id=flow)

    def _note_system(self, side: Side, name: SystemName, line: int) -> None:
        if not self._first("name", side, name.written):
            return
        if name.written and not name.known and name.written != self._title[side]:
            self._findings.add("system-unknown", line, f"no system named {quote_text(name.written)} is known")
        elif name.known and name.written != name.canonical:
            self._findings.add("system-alias", line, f"'{name.written}' is read as '{name.canonical}'")

    def _first(self, what: str, side: Side, name: str) -> bool:
        key = (what, side, name)
        known = key in self._told
        self._told.add(key)
        return not known


def _system_of_table(part: Part) -> str | None:
    """The target system's name as the header of the property table gives it; None where no header tells."""
    for block in part.blocks:
        if isinstance(block, Table) and block.header and len(block.header[-1].cells) == COLUMNS[RuleKind.PROPERTIES]:
            cell = fold(block.header[-1].cells[-1])
            if cell.endswith(DATA_TYPE):
                return cell.removesuffix(DATA_TYPE).strip()
    return None
