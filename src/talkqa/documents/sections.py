"""One flow section to rules, merge criteria and property rows.

Every paragraph, table row and foreign block ends as a value or as a diagnostic.
"""

from dataclasses import dataclass, field

from talkqa.documents.blocks import Block, Foreign, Paragraph, Part, Row, Table
from talkqa.documents.codes import Findings, quote_text
from talkqa.documents.grammar import Sentence, SentenceReader
from talkqa.documents.identity import NamedEntity, SystemNames, entity_id, flow_id, fold
from talkqa.documents.rows import read_merge_row, read_property_row
from talkqa.model.flow import EntityRef, MergeRow, PropertyRow, Rule, RuleKind, Section, Side
from talkqa.model.location import Location

DATA_TYPE = "Data Type"
"""Last words of the third header cell of a property table; the target system's name stands before them."""

COLUMNS = {RuleKind.MERGE_ON: 2, RuleKind.PROPERTIES: 3}
"""The sentences that announce a table, and how many columns it has."""

_TABLE_NAMES = {RuleKind.MERGE_ON: "merge table", RuleKind.PROPERTIES: "property table"}


@dataclass(kw_only=True)
class SectionReader:
    """Reads one section whose entities are known."""

    part: Part
    source: NamedEntity
    target: NamedEntity
    titles: dict[Side, str]
    """Names of the systems in the document's title, as written."""
    names: SystemNames
    findings: Findings
    _rules: list[Rule] = field(default_factory=list)
    _merge: list[MergeRow] = field(default_factory=list)
    _properties: list[PropertyRow] = field(default_factory=list)
    _announced: Sentence | None = None
    """The last sentence that announced a table which has not come yet."""

    @property
    def flow_id(self) -> str:
        """Id of the flow that the section speaks of."""
        return flow_id(self.source.ref, self.target.ref)

    def read(self) -> Section:
        """The section's values."""
        reader = SentenceReader(self.source.written, self.target.written, same=self._is_same)
        for block in self.part.blocks:
            self._read_block(block, reader)
        self._miss_table()
        return Section(
            title=self.part.title.strip(),
            location=Location(path=self.findings.path, line=self.part.line),
            source=self.source.ref,
            target=self.target.ref,
            rules=tuple(self._rules),
            merge=tuple(self._merge),
            properties=tuple(self._properties),
        )

    def _read_block(self, block: Block, reader: SentenceReader) -> None:
        if isinstance(block, Paragraph):
            for piece in reader.read(block):
                if isinstance(piece, Sentence):
                    self._take_sentence(piece)
                else:
                    text = quote_text(piece.text)
                    self._note("sentence-unread", piece.line, f"{text} is no sentence about these two entities")
        elif isinstance(block, Table):
            self._take_table(block)
        else:
            self._note_foreign(block)

    def _take_sentence(self, sentence: Sentence) -> None:
        self._rules.append(
            Rule(
                kind=sentence.kind,
                location=Location(path=self.findings.path, line=sentence.line),
                text=sentence.text,
                condition=sentence.words,
                connected=self._connected(sentence.entities),
            )
        )
        if sentence.kind in COLUMNS:
            self._miss_table()
            self._announced = sentence
        if sentence.system is not None:
            into = self.names.resolve(sentence.system, self.titles[Side.TARGET])
            if into.canonical != self.target.ref.system:
                message = f"'{into.written}' is not the system of {quote_text(self.target.written)}"
                self._note("system-differs", sentence.line, message)

    def _connected(self, entities: tuple[str, ...]) -> tuple[EntityRef, ...]:
        """Connected entities belong to the source's system, and the first one alone carries its name."""
        if not entities:
            return ()
        system, title = self.source.system.written, self.titles[Side.SOURCE]
        spelled = [entities[0], *(f"{system} {entity}" for entity in entities[1:])]
        return tuple(self.names.entity(words, title, system).ref for words in spelled)

    def _take_table(self, table: Table) -> None:
        announced, self._announced = self._announced, None
        if announced is None:
            self._note("table-unread", table.line, "no sentence announces the table")
            return
        rows = self._data_rows(table, announced.kind)
        columns = COLUMNS[announced.kind]
        for row in rows:
            if len(row.cells) != columns:
                message = f"the row has {len(row.cells)} cells, a {_TABLE_NAMES[announced.kind]} has {columns} columns"
                self._note("row-unread", row.line, message)
            elif announced.kind is RuleKind.MERGE_ON:
                self._merge.append(read_merge_row(row, self.findings.path))
            else:
                self._properties.append(read_property_row(row, self.findings.path))

    def _data_rows(self, table: Table, kind: RuleKind) -> tuple[Row, ...]:
        """The rows below the header; a first row that is a header in all but name is one."""
        sides = [f"{entity.written} Property" for entity in (self.source, self.target)]
        header, rows = table.header, table.rows
        if not header and rows and [fold(cell) for cell in rows[0].cells[:2]] == sides:
            header, rows = rows[:1], rows[1:]
        cells = [fold(cell) for cell in header[-1].cells] if header else []
        line = header[-1].line if header else table.line
        if cells[:2] != sides or len(cells) != COLUMNS[kind] or not cells[-1].endswith((DATA_TYPE, "Property")):
            found = quote_text(" | ".join(cells)) if cells else "missing"
            self._note("header-differs", line, f"the header of the {_TABLE_NAMES[kind]} is {found}")
        return rows

    def _miss_table(self) -> None:
        """Tell of a table that was announced and did not come."""
        if self._announced is not None:
            message = f"the sentence announces a {_TABLE_NAMES[self._announced.kind]}, and none follows"
            self._note("table-missing", self._announced.line, message)
            self._announced = None

    def _note_foreign(self, block: Foreign) -> None:
        kind = "an" if block.kind[0] in "aeiou" else "a"
        self._note("block-unread", block.line, f"{kind} {block.kind} cannot be read: {quote_text(block.text)}")

    def _note(self, code: str, line: int, message: str) -> None:
        self.findings.add(code, line, message, flow_id=self.flow_id)

    def _is_same(self, side: Side, words: str) -> bool:
        """Whether words mean the section's entity of that side under another spelling."""
        entity = self.source if side is Side.SOURCE else self.target
        return entity_id(self.names.entity(words, self.titles[side]).ref) == entity_id(entity.ref)
