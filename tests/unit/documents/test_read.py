"""Files and folders are read into documents, and whatever cannot be read is told, never raised or obeyed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from docutils.parsers.rst import directives, roles, states
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkqa.documents.build import build_document
from talkqa.documents.codes import Findings
from talkqa.documents.doctree import DocumentParser
from talkqa.documents.identity import SystemNames
from talkqa.documents.read import read_documents
from talkqa.model.errors import DocumentError
from talkqa.model.flow import RuleKind
from talkqa.model.settings import Settings
from tests.unit.documents.samples import Flow, codes, line_of, list_table, read_one, read_text, render_document

ROWS = (("name", "title", '"string"'), ("city (Dependant on having NO in country)", "address.city", "N/A"))


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    """Titles, sentences and rows point at the line where an editor shows them."""
    shared = (
        "If a matching Globex Person already exists, the Acme Contact will be merged with the existing one.\n"
        "If no matching Globex Person is found, a new Globex Person will be created."
    )
    flow = Flow(
        select="link",
        extra=(shared,),
        merge=(("email", "mail"),),
        rows=ROWS,
    )
    text = render_document(Flow(source="Acme Order"), flow).replace("\n", "\r\n")
    document = read_one(tmp_path, text)
    section = document.sections[1]
    assert section.location.line == line_of(text, "Acme Contact to Globex Person")
    assert [(str(rule.kind), rule.location.line) for rule in section.rules] == [
        ("link-required", line_of(text, "Before any")),
        ("merge-existing", line_of(text, "If a matching")),
        ("create-unmatched", line_of(text, "If no matching")),
        ("merge-on", line_of(text, "will merge with")),
        ("two-way", line_of(text, "Once a link", 2)),
        ("properties", line_of(text, "The following", 2)),
    ]
    assert [row.location.line for row in section.merge] == [line_of(text, "* - email")]
    assert [row.location.line for row in section.properties] == [line_of(text, "* - name"), line_of(text, "* - city")]
    assert {rule.location.path for rule in section.rules} == {"doc.rst"}


def test_a_title_with_overline_has_the_line_of_its_text(tmp_path: Path) -> None:
    """Sections may be overlined too, and may have any level."""
    text = render_document(Flow(), Flow(source="Acme Order"))
    title = "Acme Order to Globex Person"
    text = text.replace(f"{title}\n{'-' * len(title)}", f"{'~' * 30}\n{title}\n{'~' * 30}")
    document = read_one(tmp_path, text)
    assert [section.location.line for section in document.sections] == [
        line_of(text, "Acme Contact to Globex Person"),
        line_of(text, title),
    ]


def test_title_stamp_and_systems_are_read(tmp_path: Path) -> None:
    """Canonical systems, and the stamp in ISO 8601."""
    document = read_one(tmp_path, render_document(Flow(), title="Customcrm to Globex Dataflow"))
    assert (document.source, document.target, document.generated) == ("Custom CRM", "Globex", "2024-05-06T07:08:09")


@pytest.mark.parametrize("stamp", ["yesterday", "2024-13-01 00:00:00", "2024-05-06"])
def test_a_stamp_that_is_no_date_is_told(tmp_path: Path, stamp: str) -> None:
    """It dates the promise only, so that the document is read all the same."""
    document = read_one(tmp_path, render_document(Flow(), stamp=stamp))
    assert document.generated is None
    assert "stamp-unread" in codes(document)


def test_titles_that_differ_in_their_level_alone_are_read(tmp_path: Path) -> None:
    """A document title without overline, on one level with its sections, is a title."""
    text = render_document(Flow()).split("\n", 1)[1].replace("=" * 23, "-" * 23)
    assert len(read_one(tmp_path, text).sections) == 1


def test_sections_with_equal_titles_are_kept_apart(tmp_path: Path) -> None:
    """Both are read, each with its own rows."""
    document = read_one(tmp_path, render_document(Flow(rows=ROWS), Flow()))
    assert [len(section.properties) for section in document.sections] == [2, 0]
    assert "section-repeated" in codes(document)


def test_a_title_that_can_be_parted_in_two_ways_is_parted_as_its_sentences_say(tmp_path: Path) -> None:
    """`Acme Go to Market to Globex Person`: the sentences tell where the source ends."""
    document = read_one(tmp_path, render_document(Flow(source="Acme Go to Market"), Flow(target="Globex Go to Market")))
    assert [(s.source.entity, s.target.entity) for s in document.sections] == [
        ("Go to Market", "Person"),
        ("Contact", "Go to Market"),
    ]
    assert "sentence-unread" not in codes(document)


def test_blank_systems_are_read_and_told(tmp_path: Path) -> None:
    """Title, sentences and table header of a system without a name."""
    flow = Flow(target=" Countries", data_type_header="Data Type")
    document = read_one(tmp_path, render_document(flow, title="Acme to  Dataflow"))
    assert document.target == ""
    assert document.sections[0].target.name == "Countries"
    assert codes(document) == ["blank-name", "blank-name", "properties-undocumented"]


def test_connected_entities_belong_to_the_sources_system(tmp_path: Path) -> None:
    """Only the first one carries the system's name, under the spelling of the section."""
    sentence = (
        "A new Globex Person will be created from a ACME Contact if it is connected to a ACME Order, "
        "Quote (human data), or Line item that is synchronized into Globex."
    )
    document = read_one(tmp_path, render_document(Flow(source="ACME Contact", select="link", extra=(sentence,))))
    (rule,) = (r for r in document.sections[0].rules if r.kind is RuleKind.CREATE_IF_CONNECTED)
    assert [ref.name for ref in rule.connected] == ["Acme Order", "Acme Quote (human data)", "Acme Line item"]


def test_a_torn_table_is_mended_and_told(tmp_path: Path) -> None:
    """Data types at the margin are read as the row's last cell, on the line where they stand."""
    text = render_document(Flow(rows=ROWS)).replace('     - "string"', '"string"').replace("     - N/A", "N/A")
    document = read_one(tmp_path, text)
    assert [row.data_type for row in document.sections[0].properties] == ['"string"', "N/A"]
    mended = [d.location.line for d in document.diagnostics if d.code == "cell-mended"]
    assert mended == [line_of(text, '"string"'), line_of(text, "N/A")]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("Every Acme Contact", "Some Acme Contact", "sentence-unread"),
        ("Every Acme Contact", "Every Acme Order", "sentence-unread"),
        ("Every Acme", "- Every Acme", "block-unread"),
        ("Every Acme", "   Every Acme", "block-unread"),
        ("Every Acme", ".. note:: Every Acme", "block-unread"),
        ("Every Acme", ".. unheard-of:: Every Acme", "block-unread"),
        ("     - title", "     - title\n     - more", "row-unread"),
        ("   * - name", "   * name", "block-unread"),
        ("   * - name", "   * - name\n     -", "row-unread"),
        ("The following", "Nothing. The following", "sentence-unread"),
        ("   :header-rows: 1\n", "   :header-rows: x\n", "block-unread"),
        ("Globex Data Type", "Remarks", "header-differs"),
        ("   :header-rows: 1\n", "", "properties-documented"),
        ("Invented.", "Every Acme Contact will be synchronized with a Globex Person.", "sentence-unread"),
        ("Invented.", list_table(("a", "b")), "table-unread"),
        ("Invented.", "=====\nodd\n====", "block-unread"),
        ("Introduction\n------------", "Remarks\n-------", "section-unread"),
    ],
)
def test_nothing_is_passed_over(tmp_path: Path, old: str, new: str, code: str) -> None:
    """Whatever is not read as a rule or a row is told, with what it is."""
    text = render_document(Flow(rows=ROWS))
    assert old in text
    document = read_one(tmp_path, text.replace(old, new, 1))
    if code == "properties-documented":
        assert [row.source for row in document.sections[0].properties] == ["name", "city"]
    else:
        assert code in codes(document)


def test_a_table_goes_with_the_sentence_before_it(tmp_path: Path) -> None:
    """A table that nothing announces, and an announcement without a table, are told."""
    text = render_document(Flow(merge=(("a", "b"),), rows=ROWS))
    merge_sentence = (
        "A Acme Contact will merge with a Globex Person if one of the following property combinations match:"
    )
    assert "table-unread" in codes(read_one(tmp_path, text.replace(merge_sentence, "")))
    table = text[text.rindex(".. list-table::") :]
    assert "table-missing" in codes(read_one(tmp_path, text.replace(table, "")))
    assert "table-missing" in codes(
        read_one(tmp_path, text.replace(merge_sentence, f"{merge_sentence}\n\n{merge_sentence}"))
    )


def test_prose_and_comments_are_no_flows(tmp_path: Path) -> None:
    """A section about something else is told as unread; a comment and a rule between sections are nobody's matter."""
    prose = "How to read this\n----------------\n\nWith care.\n\n.. a comment\n\n"
    document = read_one(tmp_path, render_document(Flow(rows=ROWS)) + prose)
    assert len(document.sections) == 1
    assert codes(document)[-1] == "section-unread"


def test_a_flow_without_any_sentence_is_still_a_flow(tmp_path: Path) -> None:
    """Its title names two known entities, and what it lacks is told."""
    text = render_document(Flow()) + "Acme Order to Globex Order\n--------------------------\n"
    document = read_one(tmp_path, text)
    assert document.sections[1].rules == ()
    assert codes(document)[-3:] == ["no-properties", "no-selection", "no-two-way"]


def test_only_dataflow_documents_are_read_and_others_told(tmp_path: Path) -> None:
    """A folder is read with the folders below it, hidden ones left out, *.rst and *.txt alone."""
    for name in ("b.rst", "sub/a.txt", "sub/.hidden/c.rst", "d.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(render_document(Flow()), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("Just notes about a dataflow.\n", encoding="utf-8")
    (tmp_path / "empty.rst").write_text("", encoding="utf-8")
    reading = read_documents([tmp_path, tmp_path / "b.rst"], Settings(), root=tmp_path)
    assert [document.path for document in reading.documents] == ["b.rst", "sub/a.txt"]
    assert [(d.code, d.location.path) for d in reading.diagnostics] == [
        ("document-skipped", "empty.rst"),
        ("document-skipped", "notes.txt"),
    ]
    assert [d.path for d in read_documents([tmp_path / "d.md"], Settings(), root=tmp_path).documents] == ["d.md"]


def test_paths_are_shown_relative_to_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the root they are relative, through links as well; elsewhere they stay as given."""
    project = tmp_path / "project"
    (project / "specs").mkdir(parents=True)
    (project / "specs" / "a.rst").write_text(render_document(Flow()), encoding="utf-8")
    link = tmp_path / "link"
    link.symlink_to(project)
    monkeypatch.chdir(project)

    def shown(path: Path, root: Path) -> str:
        return read_documents([path], Settings(), root=root).documents[0].path

    assert shown(Path("specs"), Path()) == "specs/a.rst"
    assert shown(link / "specs", project) == "specs/a.rst"
    assert shown(Path("specs/a.rst"), tmp_path / "other") == "specs/a.rst"


def test_missing_paths_are_named_all_at_once(tmp_path: Path) -> None:
    """Before anything is read."""
    with pytest.raises(DocumentError, match=r"x\.rst.*nowhere"):
        read_documents([tmp_path / "x.rst", tmp_path, tmp_path / "nowhere"], Settings(), root=tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Dataflow\xff", "not UTF-8"),
        (b"Dataflow\0", "binary"),
        (b"Dataflow " * 200, "larger than 1000 bytes"),
        (b"- " * 400 + b"Dataflow", "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    """One bad file is an error with its path, and does not keep others from being read."""
    (tmp_path / "good.rst").write_text(render_document()[:900], encoding="utf-8")
    (tmp_path / "bad.rst").write_bytes(content)
    reading = read_documents([tmp_path], Settings(max_document_bytes=1000), root=tmp_path)
    assert len(reading.documents) == 1
    (told,) = reading.diagnostics
    assert (told.code, told.location.path) == ("document-unreadable", "bad.rst")
    assert message in told.message


def test_whatever_breaks_in_docutils_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the foreign parser is the file's problem, with its name."""

    def broken(*_: object) -> None:
        raise AssertionError("results not empty")

    monkeypatch.setattr("docutils.parsers.rst.Parser.parse", broken)
    (told,) = read_text(tmp_path, render_document(Flow())).diagnostics
    assert "docutils cannot parse it (AssertionError: results not empty)" in told.message


def test_an_endless_line_is_told(tmp_path: Path) -> None:
    """It is not handed to docutils at all."""
    reading = read_text(tmp_path, render_document(Flow()) + "x" * 100_001)
    assert "has more than 100000 characters" in reading.diagnostics[0].message


MALICE = [
    ".. include:: {secret}",
    ".. include:: {secret}\n   :literal:",
    ".. raw:: html\n   :file: {secret}",
    ".. raw:: html\n\n   <script>alert(1)</script>",
    ".. csv-table:: x\n   :file: {secret}",
    ".. csv-table:: x\n   :url: file://{secret}",
    ".. literalinclude:: {secret}",
    ".. figure:: {secret}\n   :figwidth: image",
    ".. |x| include:: {secret}",
    ".. |x| date::",
    ".. role:: raw-html(raw)\n   :format: html",
    ".. default-role:: math",
    ".. code:: python\n\n   import os",
    ".. math:: x",
    ".. meta::\n   :refresh: 1",
    ".. title:: other",
    ".. list-table::\n   :header-rows: 99999999999\n\n   * - a",
    "`x <javascript:alert(1)>`_ |x| :raw-html:`<b>` x_ [1]_ __",
]


@pytest.mark.parametrize("attack", MALICE)
def test_what_a_document_asks_for_is_not_done(tmp_path: Path, attack: str, capfd: pytest.CaptureFixture[str]) -> None:
    """No file is read, nothing runs, nothing is printed: in prose it is passed over, among rules it is told."""
    secret = tmp_path / "secret.rst"
    secret.write_text(render_document(Flow(source="Acme Secret")), encoding="utf-8")
    text = attack.format(secret=secret)
    plain = render_document(Flow(rows=ROWS))
    for place in ("Invented.", "Once a link"):
        document = read_one(tmp_path, plain.replace(place, f"{text}\n\n{place}", 1))
        assert [section.title for section in document.sections] == ["Acme Contact to Globex Person"]
        assert "Acme Secret" not in repr(document)
        assert [len(section.properties) for section in document.sections] == [2]
        if place == "Once a link":
            assert {"block-unread", "sentence-unread", "table-unread"} & set(codes(document))
    assert capfd.readouterr() == ("", "")


def test_no_configuration_of_docutils_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A docutils.conf beside the documents, or named in the environment, changes nothing."""
    conf = tmp_path / "docutils.conf"
    conf.write_text("[general]\nreport_level: 1\nhalt_level: 1\nfile_insertion_enabled: yes\n", encoding="utf-8")
    monkeypatch.setenv("DOCUTILSCONFIG", str(conf))
    monkeypatch.chdir(tmp_path)
    assert len(read_one(tmp_path, render_document(Flow(), Flow())).sections) == 2


def test_docutils_of_others_is_left_alone(tmp_path: Path) -> None:
    """The stock directives of the process are what they were."""
    before = dict(directives._directives), dict(roles._roles), list(states.RSTState.nested_sm_cache)
    read_one(tmp_path, render_document(Flow(rows=ROWS)) + ".. role:: x\n\n.. include:: y\n")
    assert (dict(directives._directives), dict(roles._roles), list(states.RSTState.nested_sm_cache)) == before


def test_docutils_is_imported_only_when_something_must_be_parsed(tmp_path: Path) -> None:
    """A wholly cached folder, and one without dataflow documents, never pay for the import."""
    (tmp_path / "a.rst").write_text(render_document(Flow()), encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from talkqa.documents.read import read_documents;"
        "from talkqa.model.settings import Settings; here = Path(sys.argv[1]);"
        "print(len(read_documents([here], Settings(), root=here, cache=here / '.cache').documents),"
        "'docutils' in sys.modules)"
    )
    seen = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, env=os.environ
        ).stdout.split()
        for _ in range(2)
    ]
    assert seen == [["1", "True"], ["1", "False"]]


_LINES = st.sampled_from(
    ["", "   ", "Acme to Globex Dataflow", "=======================", "-----", "Acme A to Globex B", ".. list-table::",
     "   :header-rows: 1", "   * - a", "     - b", "* - x", '"string"',
     "Every Acme A will be synchronized with a Globex B.",
     ".. |a| replace:: b", "::", "  text", "| line", "+--+", "1. one", "__ x", ".. _t:", ">>> x", ":f: v", "-a  b"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.lists(st.one_of(_LINES, st.text(max_size=20)), max_size=25))
def test_any_file_is_read_or_told(tmp_path: Path, lines: list[str]) -> None:
    """Whatever stands in a file, it gives one document or one diagnostic, and raises nothing."""
    content = "\n".join(["Acme to Globex Dataflow", "=" * 23, *lines]).encode("utf-8", "replace")
    reading = read_text(tmp_path, content)
    assert len(reading.documents) + len(reading.diagnostics) == 1
    for document in reading.documents:
        count = len(content.splitlines()) + 1
        assert all(1 <= diagnostic.location.line <= count for diagnostic in document.diagnostics)


@given(st.data())
def test_an_invented_section_reads_back(data: st.DataObject) -> None:
    """Entities, criteria and rows come back as they were rendered."""
    name = st.from_regex(r"[A-Z][a-z]{1,8}( [a-z]{1,8})?( \((human|location) data\))?", fullmatch=True)
    path = st.from_regex(r"[a-zA-Z_][a-zA-Z_.0-9]{0,12}", fullmatch=True)
    kind = st.sampled_from(['"string"', "N/A", '"float"', '["datetime-format","%Y","_."]'])
    flow = Flow(
        source=f"Acme {data.draw(name)}",
        target=f"Globex {data.draw(name)}",
        select=data.draw(st.sampled_from(["every", "link"])),
        merge=tuple(data.draw(st.lists(st.tuples(path, path), max_size=3))) or None,
        rows=tuple(data.draw(st.lists(st.tuples(path, path, kind), max_size=4))),
    )
    findings = Findings("x.rst")
    document = build_document(DocumentParser().parse(render_document(flow)), SystemNames({}), findings)
    assert document is not None
    (section,) = document.sections
    assert (section.source.name, section.target.name) == (flow.source, flow.target)
    assert tuple((row.source, row.target) for row in section.merge) == (flow.merge or ())
    assert tuple((row.source, row.target, row.data_type) for row in section.properties) == flow.rows
    assert findings.sorted() == ()
