"""The only module that imports docutils: text to titles, paragraphs, tables and foreign blocks.

Import it when a document must be parsed, not before: docutils takes longer to import than a cached folder to load.
What a document asks for beyond paragraphs and list-tables is not done: no file is read, no directive but list-table
runs, no role is looked up, no configuration file is searched for.
"""

import re
from typing import Any

from docutils import frontend, nodes, utils
from docutils.parsers.rst import Directive, Parser, directives, states

from talkqa.documents.blocks import MARKUP_ERROR, Block, Foreign, Paragraph, Part, Table
from talkqa.documents.tables import TableError, scan_rows, unescape
from talkqa.model.errors import DocumentError

_ERROR_LEVEL = 3
"""docutils' level from which a message means that a part of the text was dropped."""

_MAX_LINE = 100_000
"""Longest line in characters: docutils' own limit of 10,000 is near real rows with forty qualifiers."""


_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 5,
    "warning_stream": False,
    "line_length_limit": 2 * _MAX_LINE,  # checked before, with a message of ours
    "syntax_highlight": "none",
    "smart_quotes": False,
}
"""Nothing is read, nothing is printed, nothing ends the run: messages stay in the tree and become diagnostics."""


class _TableNode(nodes.General, nodes.Element):
    """A list-table as read by `scan_rows`."""


class _ForeignNode(nodes.General, nodes.Element):
    """A directive that is not run, or a list-table that cannot be read."""


class _ListTable(Directive):
    """A list-table that may consist of its header alone."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec = {  # noqa: RUF012 - docutils declares it so
        "header-rows": directives.nonnegative_int,
        "stub-columns": directives.nonnegative_int,
        "width": directives.unchanged,
        "widths": directives.unchanged,
        "align": directives.unchanged,
        "class": directives.unchanged,
        "name": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """The table as one node."""
        lines = ((self.content.offset(index) + 1, text) for index, text in enumerate(self.content))
        try:
            rows = scan_rows(lines)
        except TableError as error:
            return [_foreign(error.line, f"list-table that cannot be read, as {error}", self.block_text)]
        headers = self.options.get("header-rows", 0)
        table = Table(line=self.lineno, header=rows[:headers], rows=rows[headers:])
        return [_TableNode("", block=table)]


class _Restricted:
    """What all parser states share: list-table is the only directive, and nested parsers are restricted as well."""

    state_machine: Any

    nested_sm_cache: list[Any] = []  # noqa: RUF012 - the stock cache would hand out parsers with stock states

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.nested_sm_kwargs = {"state_classes": _STATES, "initial_state": "Body"}

    def run_directive(
        self, _directive: Any, match: re.Match[str], type_name: str, option_presets: dict[str, Any]
    ) -> tuple[list[nodes.Node], bool]:
        """Run a list-table; skip any other directive with its whole block."""
        if type_name.lower() == "list-table":
            stock: Any = super()
            result: tuple[list[nodes.Node], bool] = stock.run_directive(_ListTable, match, type_name, option_presets)
            return result
        machine = self.state_machine
        line = machine.abs_line_number()
        *_, blank_finish = machine.get_first_known_indented(match.end(), strip_top=False)
        return [_foreign(line, f"{type_name} directive", match.string)], blank_finish


_STATES = tuple(type(state.__name__, (_Restricted, state), {}) for state in states.state_classes)


class _PlainInliner(states.Inliner):
    """Takes all text as written: there is no inline markup in these documents, only names and values."""

    def init_customizations(self, settings: Any) -> None:
        """Compile no patterns."""

    def parse(self, text: str, *_: Any) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The whole text as one node."""
        return [nodes.Text(text)], []


class DocumentParser:
    """Parses one text after another with one set of settings."""

    def __init__(self) -> None:
        self._settings = frontend.get_default_settings(Parser)
        for name, value in _SETTINGS.items():
            setattr(self._settings, name, value)

    def parse(self, text: str) -> tuple[Part, ...]:
        """The parts of a document in order; the first one has no title.

        Raises:
            DocumentError: where docutils cannot parse the text at all.
        """
        lines = text.split("\n")
        long = next((number for number, line in enumerate(lines, 1) if len(line) > _MAX_LINE), None)
        if long is not None:
            raise DocumentError(f"line {long} has more than {_MAX_LINE} characters")
        document = utils.new_document("document", self._settings)
        parser = Parser(inliner=_PlainInliner())
        parser.state_classes = _STATES
        try:
            parser.parse(text, document)
        except RecursionError as error:
            raise DocumentError("its blocks are nested too deeply") from error
        except (
            Exception
        ) as error:  # the border to a foreign parser: whatever breaks there is told as the file's problem
            raise DocumentError(f"docutils cannot parse it ({type(error).__name__}: {error})") from error
        return _parts(document, lines)


def _parts(document: nodes.document, lines: list[str]) -> tuple[Part, ...]:
    parts: list[Part] = []

    def visit(container: nodes.Element, title: str, line: int) -> None:
        inner = [child for child in container.children if not isinstance(child, nodes.section | nodes.title)]
        blocks = (_block(child, line, lines) for child in inner)
        parts.append(Part(title=title, line=line, blocks=tuple(block for block in blocks if block)))
        for section in container.children:
            if isinstance(section, nodes.section):
                text = section[0].astext()
                visit(section, unescape(text), _title_line(text, section.line or line, lines))

    visit(document, "", 1)
    return tuple(parts)


def _title_line(title: str, near: int, lines: list[str]) -> int:
    """The line of a title's text: docutils tells the line of its underline, or that of the overline."""
    for line in (near, near - 1, near + 1, near - 2):
        if 0 < line <= len(lines) and lines[line - 1].strip() == title:
            return line
    return near


def _block(node: nodes.Node, line: int, lines: list[str]) -> Block | None:
    """What a node of a section is to us; None for comments, transitions and mere hints of docutils."""
    if isinstance(node, nodes.paragraph):
        return Paragraph(line=node.line or line, text=unescape(node.astext()))
    if isinstance(node, _TableNode):
        table: Table = node["block"]
        return table
    if isinstance(node, _ForeignNode):
        foreign: Foreign = node["block"]
        return foreign
    if isinstance(node, nodes.comment | nodes.transition):
        return None
    kind = type(node).__name__.replace("_", " ")
    if isinstance(node, nodes.system_message):
        if node["level"] < _ERROR_LEVEL:
            return None
        line = node.get("line", line)
        kind = f"{MARKUP_ERROR} ({node.children[0].astext() if node.children else 'no details'})"
    else:
        line = next((child.line for child in node.findall(nodes.paragraph) if child.line), node.line or line)
    return Foreign(line=line, kind=kind, text=lines[min(line, len(lines)) - 1].strip())


def _foreign(line: int, kind: str, text: str) -> _ForeignNode:
    return _ForeignNode("", block=Foreign(line=line, kind=kind, text=text.strip().partition("\n")[0]))
