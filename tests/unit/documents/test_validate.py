"""What will not be checked, or needs something first, is told with what to do about it."""

import json
from pathlib import Path

import pytest

from talkqa.documents.codes import CODES, Findings, finding
from talkqa.documents.validate import format_diagnostics
from talkqa.model.diagnostic import Severity
from talkqa.model.location import Location
from talkqa.model.settings import ConditionBinding, ConnectionBinding, Settings
from tests.unit.documents.samples import Flow, codes, line_of, read_one, render_document

WON = "When a Acme Contact is won, it  will be synchronized with a Globex Person."
CONNECTED = (
    "A new Globex Person will be created from a Acme Contact if it is connected to a Acme Order, or Quote that is "
    "synchronized into Globex."
)
FULL = (("a", "b", '"string"'),)


def test_a_complete_document_has_no_diagnostics(tmp_path: Path) -> None:
    """Nothing is told where there is nothing to tell."""
    assert codes(read_one(tmp_path, render_document(Flow(rows=FULL)))) == []


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (("a", "b", '""if", "eq"]]"'), "transform-unreadable"),
        (("a", "b", '"abs","_."]'), "transform-repaired"),
        (("a", "b", "N/A"), "transform-hidden"),
        (("a", "b", '"money"'), "data-type-unread"),
        (("a", "b", "string"), "data-type-unread"),
        (("a", "", '"string"'), "row-path-blank"),
        (("", "b", '"string"'), "row-path-blank"),
        (("a (Dependant on having 1 in  )", "b", '"string"'), "qualifier-path-blank"),
        (("a", "b (Dependant on having wd:Q1 in c)", '"string"'), "qualifier-item"),
        (("a (Dependant on it)", "b", '"string"'), "qualifier-unread"),
    ],
)
def test_rows_that_cannot_be_checked_as_they_stand_are_told(tmp_path: Path, row: tuple[str, ...], code: str) -> None:
    """Each with the line of the row and the flow it belongs to."""
    text = render_document(Flow(rows=(*FULL, row)))  # type: ignore[arg-type]
    (told,) = read_one(tmp_path, text).diagnostics
    assert told.code == code
    assert told.location.line == line_of(text, '"string"') + 1
    assert told.flow_id == "acme.contact--globex.person"


def test_a_readable_expression_is_no_matter(tmp_path: Path) -> None:
    """Nor is any declared type."""
    types = ('["abs","_."]', '"integer"', '"float"', '"decimal"', '"list"', '"boolean"', '"first"')
    rows = tuple((f"a{index}", "b", data_type) for index, data_type in enumerate(types))
    assert codes(read_one(tmp_path, render_document(Flow(rows=rows)))) == []


def test_equal_rows_in_one_section_are_told(tmp_path: Path) -> None:
    """Rows and merge criteria alike."""
    document = read_one(tmp_path, render_document(Flow(rows=FULL * 2, merge=(("a", "b"), ("a", "b")))))
    assert codes(document) == ["row-repeated", "row-repeated"]


def test_an_empty_table_is_told_once_a_flow_at_its_sentence(tmp_path: Path) -> None:
    """And not at all where another section of the pair has the rows."""
    text = render_document(Flow(), Flow(source="Acme Order"), Flow(source="Acme Order", rows=FULL))
    told = [d for d in read_one(tmp_path, text).diagnostics if d.code == "properties-undocumented"]
    assert [(d.location.line, d.severity) for d in told] == [(line_of(text, "The following"), Severity.NOTICE)]


@pytest.mark.parametrize(
    ("binding", "code"),
    [
        (None, "condition-unbound"),
        (ConditionBinding(text="when a ACME contact  is won", holds={"won": True}), None),
        (ConditionBinding(text="When a Acme Contact is won", entity="acme contact", holds={"won": True}), None),
        (
            ConditionBinding(text="When a Acme Contact is won", entity="Acme Order", holds={"won": True}),
            "condition-unbound",
        ),
        (ConditionBinding(text="When a Acme Contact is won", remark=True), "condition-remark"),
    ],
)
def test_a_condition_needs_a_binding(tmp_path: Path, binding: ConditionBinding | None, code: str | None) -> None:
    """Its words are compared with white space and letter case folded, within its entity where one is given."""
    settings = Settings(conditions=(binding,) if binding else ())
    document = read_one(tmp_path, render_document(Flow(select=WON, rows=FULL)), settings)
    assert codes(document) == ([code] if code else [])


def test_a_connection_needs_a_binding_for_each_entity(tmp_path: Path) -> None:
    """The message names those that lack one."""
    text = render_document(Flow(select="link", extra=(CONNECTED,), rows=FULL))
    order = ConnectionBinding(source="acme contact", connected="Acme Order", path="contactId")
    quote = ConnectionBinding(source="Acme Contact", connected="Acme Quote", path="contactId")
    (told,) = read_one(tmp_path, text, Settings(connections=(order,))).diagnostics
    assert told.code == "connection-unbound"
    assert "Acme Quote" in told.message
    assert "Acme Order" not in told.message
    assert codes(read_one(tmp_path, text, Settings(connections=(order, quote)))) == []


@pytest.mark.parametrize(
    ("title", "flow", "expected"),
    [
        ("Customcrm to Globex Dataflow", Flow(source="Customcrm Contact", rows=FULL), ["system-alias"]),
        ("Customcrm to Globex Dataflow", Flow(source="Custom CRM Contact", rows=FULL), ["system-alias"]),
        ("Acme to Globex Dataflow", Flow(source="HubSpot Contact", rows=FULL), ["system-differs"]),
        ("Acme to Globex Dataflow", Flow(source="Initech Contact", rows=FULL), ["system-differs", "system-unknown"]),
        ("Acme to  Dataflow", Flow(rows=FULL), ["blank-name"]),
        ("Acme to Globex Dataflow", Flow(target=" Person", data_type_header="Data Type", rows=FULL), ["blank-name"]),
    ],
)
def test_odd_system_names_are_told_once(tmp_path: Path, title: str, flow: Flow, expected: list[str]) -> None:
    """An alias, another system, an unknown one, a blank one: once for each spelling and side."""
    document = read_one(tmp_path, render_document(flow, flow, title=title))
    assert [code for code in codes(document) if code not in ("section-repeated", "blank-name")] == [
        code for code in expected if code != "blank-name"
    ]
    assert ("blank-name" in codes(document)) == ("blank-name" in expected)


def test_connected_into_another_system_is_told(tmp_path: Path) -> None:
    """The sentence says into which system the connected entities go."""
    sentence = CONNECTED.replace("into Globex", "into Initech")
    document = read_one(tmp_path, render_document(Flow(select="link", extra=(sentence,), rows=FULL)))
    assert codes(document) == ["connection-unbound", "system-differs"]


def test_diagnostics_are_sorted_and_told_once() -> None:
    """By line, then code; equal ones are one."""
    findings = Findings("x.rst")
    for line, code in ((9, "row-repeated"), (2, "table-missing"), (9, "data-type-unread"), (2, "table-missing")):
        findings.add(code, line, "message")
    assert [(d.location.line, d.code) for d in findings.sorted()] == [
        (2, "table-missing"),
        (9, "data-type-unread"),
        (9, "row-repeated"),
    ]


def test_codes_are_sorted_and_kebab_case() -> None:
    """One list, in which a code is found at a glance."""
    assert list(CODES) == sorted(CODES)
    assert all(code.replace("-", "").isalpha() and code.islower() for code in CODES)


NASTY = "it\x1b[31m is\r\n100% \u202eodd, isn't: it"
SAMPLE = (
    finding("row-repeated", Location(path="a,b:c.rst", line=3), NASTY, flow_id="x--y"),
    finding("condition-remark", Location(path="a.rst", line=4), "plain"),
    finding("row-unread", Location(path="a.rst", line=5), "plain"),
)


def test_text_shows_place_message_code_and_advice() -> None:
    """Advice stands below, and control characters are shown, not sent."""
    assert format_diagnostics(SAMPLE) == (
        "a,b:c.rst:3: it\\x1b[31m is\\x0d\\x0a100% \\x202eodd, isn't: it [row-repeated]\n"
        "  keep one of the rows\n"
        "a.rst:4: plain [condition-remark]\n"
        "a.rst:5: plain [row-unread]\n"
        "  give the row one cell for each column"
    )


def test_json_is_one_list_with_every_field() -> None:
    """Plain ASCII that any program reads back."""
    text = format_diagnostics(SAMPLE, "json")
    assert text.isascii()
    assert json.loads(text)[0] == {
        "code": "row-repeated",
        "severity": "warning",
        "path": "a,b:c.rst",
        "line": 3,
        "message": NASTY,
        "advice": "keep one of the rows",
        "flow": "x--y",
    }


def test_github_annotations_cannot_be_broken_out_of() -> None:
    """One line each, with what would end a value encoded."""
    lines = format_diagnostics(SAMPLE, "github").split("\n")
    assert lines[0] == (
        "::warning file=a%2Cb%3Ac.rst,line=3,title=row-repeated::"
        "it\\x1b[31m is\\x0d\\x0a100%25 \\x202eodd, isn't: it (keep one of the rows)"
    )
    assert lines[1:] == [
        "::notice file=a.rst,line=4,title=condition-remark::plain",
        "::error file=a.rst,line=5,title=row-unread::plain (give the row one cell for each column)",
    ]


def test_another_style_is_refused() -> None:
    """The message names the styles that there are."""
    with pytest.raises(ValueError, match="use text, json or github"):
        format_diagnostics(SAMPLE, "xml")
