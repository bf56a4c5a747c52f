"""All diagnostics of this package: code, severity and what to do about it, in one sorted list."""

from collections.abc import Mapping

from talkqa.model.diagnostic import Diagnostic, Severity
from talkqa.model.location import Location

_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE

CODES: Mapping[str, tuple[Severity, str]] = {
    "blank-name": (_WARNING, "name the system in the document; until then it is a system of its own without a name"),
    "block-unread": (_ERROR, "say it in the sentences and list-tables of the format, or make it a comment"),
    "cell-mended": (_NOTICE, "put `- ` before the cell, under the cells above it"),
    "condition-remark": (_NOTICE, ""),
    "condition-unbound": (_WARNING, "bind it under [[conditions]] in talkqa.toml, or list it there as a remark"),
    "connection-unbound": (_WARNING, "name the field that connects them under [[connections]] in talkqa.toml"),
    "contradiction": (_WARNING, "remove one of the sentences; until then records that it keeps out are not checked"),
    "copies-allowed": (_NOTICE, "no check tells such a copy from a duplicate, as long as there are not more of them"),
    "data-type-unread": (_WARNING, 'write "string", "integer", "float", "decimal", "list", "boolean" or N/A'),
    "decision-contradicts": (_WARNING, "correct the document, or take the entry out: until then the document counts"),
    "document-skipped": (_NOTICE, "a dataflow document's title is `<source> to <target> Dataflow`"),
    "document-unreadable": (_ERROR, "save it as UTF-8 text in the dataflow format, or leave it out"),
    "header-differs": (_WARNING, "check that the columns are source property, target property, data type"),
    "no-properties": (_WARNING, "add the sentence and its table, or the rows of the flow cannot be checked"),
    "no-selection": (_WARNING, "say which source records are synchronised: every one, or those that a condition names"),
    "no-two-way": (_WARNING, "add the sentence; until then edits are not expected to travel"),
    "properties-undocumented": (
        _NOTICE,
        "add the rows; the report of a run shows the properties seen to travel, as a table to paste",
    ),
    "qualifier-item": (_WARNING, "the item is no value of the property: it needs a binding before it can be tested"),
    "qualifier-path-blank": (_WARNING, "name the property; until then the row is not tested"),
    "qualifier-unread": (_ERROR, "write `path (Dependant on having VALUE in PATH)`"),
    "row-path-blank": (_WARNING, "name the property; until then the row is not tested"),
    "row-repeated": (_WARNING, "keep one of the rows"),
    "row-unread": (_ERROR, "give the row one cell for each column"),
    "rows-contradict": (_WARNING, "keep one of the rows; the first in alphabetical order of data type is used"),
    "section-repeated": (_NOTICE, "their sentences and rows are taken together"),
    "section-unread": (_NOTICE, "a flow's title is `<source entity> to <target entity>`"),
    "sentence-unread": (_ERROR, "use one of the sentence forms, with the entities as the section's title has them"),
    "stamp-unread": (_NOTICE, "write `Generated: YYYY-MM-DD hh:mm:ss`"),
    "system-alias": (_NOTICE, ""),
    "system-differs": (_WARNING, "if it is the same system, list the name under [systems.aliases] in talkqa.toml"),
    "system-unknown": (_WARNING, "if it is another name of a system, list it under [systems.aliases] in talkqa.toml"),
    "table-missing": (_WARNING, "add the list-table under the sentence"),
    "table-unread": (_ERROR, "put the table under the sentence that announces it, with the columns of the format"),
    "transform-hidden": (_NOTICE, "such rows are checked to move together, not for equal values"),
    "transform-repaired": (_NOTICE, "print the expression with all its brackets"),
    "transform-unreadable": (
        _WARNING,
        "print the expression as a JSON list; until then the row is not compared by value",
    ),
}
"""Code to severity and advice."""


class Findings:
    """Collects the diagnostics of one document."""

    def __init__(self, path: str) -> None:
        self.path = path
        """Path of the document, as its locations have it."""
        self._found: dict[Diagnostic, None] = {}

    def add(self, code: str, line: int, message: str, *, flow_id: str | None = None) -> None:
        """Note a finding; one that was noted before is not repeated."""
        self._found[finding(code, Location(path=self.path, line=line), message, flow_id=flow_id)] = None

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All findings by place."""
        return sort_findings(self._found)


def finding(code: str, location: Location, message: str, *, flow_id: str | None = None) -> Diagnostic:
    """A diagnostic with the severity and advice of its code."""
    severity, advice = CODES[code]
    return Diagnostic(code=code, severity=severity, location=location, message=message, advice=advice, flow_id=flow_id)


def sort_findings(diagnostics: Mapping[Diagnostic, None] | tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """Diagnostics by place, code and message; equal ones once."""
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.location, d.code, d.message)))


def quote_text(text: str, limit: int = 160) -> str:
    """Text of a document as it stands in a message: shortened and in single quotes."""
    return f"'{text}'" if len(text) <= limit else f"'{text[: limit - 3]}...'"
