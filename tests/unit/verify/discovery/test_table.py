"""Tests of `talkqa.verify.discovery.table`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.cli.discovering import text_form
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.settings import Settings
from talkqa.runner.discovering import FlowDiscovery, find_heads
from talkqa.verify.discovery.relation import RELATIONS
from talkqa.verify.discovery.table import Heads, is_printable, render_table

HEADS = Heads(source="Shop Order", target="Till Sale", system="Till")
CELLS = ['"string"', '"integer"', "N/A", *(r.transform.text for r in RELATIONS if r.transform is not None)]
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)


def row(source: str, target: str, data_type: str = '"string"') -> ProposedRow:
    return ProposedRow(
        flow_id="shop.order--till.sale",
        source=source,
        target=target,
        data_type=data_type,
        ways=Ways.BOTH,
        confidence=0.99,
        observations=("seen", "seen again"),
    )


def document(heads: Heads, table: str) -> str:
    title = f"{heads.source} to {heads.target}"
    link = f"Once a link between a {heads.source} and a {heads.target} is established"
    two_way = f"{link}, it will keep in sync between the two systems, regardless of where it is edited."
    return "\n".join(
        [
            "Shop to Till Dataflow",
            "=" * 21,
            "",
            title,
            "-" * len(title),
            f"Every {heads.source} will be synchronized with a {heads.target}.",
            "",
            two_way,
            "",
            f"The following properties are synchronized between a {heads.source} and a {heads.target}:",
            "",
            table,
        ]
    )


def read(text: str, folder: Path) -> tuple[list[tuple[str, str, str]], list[str]]:
    path = folder / "shop-till.rst"
    path.write_text(text, encoding="utf-8")
    reading = read_documents([path], Settings(), root=folder, cache=None)
    rows = [(r.source, r.target, r.data_type) for d in reading.documents for s in d.sections for r in s.properties]
    worlds = group_worlds(reading.documents)
    return rows, [d.code for d in (*reading.diagnostics, *(d for world in worlds for d in world.diagnostics))]


@given(
    names=st.lists(st.tuples(NAMES, NAMES), max_size=5, unique=True), cells=st.lists(st.sampled_from(CELLS), min_size=5)
)
def test_the_parser_reads_back_what_was_printed(
    tmp_path_factory: pytest.TempPathFactory, names: list[tuple[str, str]], cells: list[str]
) -> None:
    """Whatever a property is called: a row that counts as printable is the same row in the document."""
    rows = [row(*pair, cell) for pair, cell in zip(names, cells, strict=False)]
    rows = [one for one in rows if is_printable(one)]
    found, _ = read(document(HEADS, render_table(HEADS, rows)), tmp_path_factory.mktemp("pasted"))
    assert found == [(one.source, one.target, one.data_type) for one in rows]


@pytest.mark.parametrize(
    "name", ["address.city", "Custom_Field__c", "name_", "a|b", "x*y*", "`quoted`", "størrelse", "a - b"]
)
def test_names_of_real_systems_are_printable(name: str, tmp_path: Path) -> None:
    """Underscores, stars, bars and letters of other alphabets go through a document unchanged."""
    assert is_printable(row(name, name))
    found, codes = read(document(HEADS, render_table(HEADS, [row(name, name)])), tmp_path)
    assert found == [(name, name, '"string"')]
    assert codes == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "- item",
        "* item",
        "two  blanks",
        " front",
        "line\nbreak",
        "a\\_b",
        "tab\tbed",
        "x (Dependant on having A in b)",
    ],
)
def test_what_a_table_cannot_hold_is_not_printed(name: str) -> None:
    """It is told as unclear instead of being printed as something else."""
    assert not is_printable(row(name, "plain"))
    assert not is_printable(row("plain", name))


def test_the_whole_of_what_is_printed_can_be_pasted(tmp_path: Path) -> None:
    """The comment above the table is no text of the document, and the header is the section's own."""
    heads = Heads(source="Shop Order", target="Till Sale", system="Till")
    text = document(heads, render_table(heads, []))
    path = tmp_path / "shop-till.rst"
    path.write_text(text, encoding="utf-8")
    world = group_worlds(read_documents([path], Settings(), root=tmp_path, cache=None).documents)[0]
    found = FlowDiscovery(
        flow=world.flows[0], heads=find_heads(world, world.flows[0]), rows=(row("number", "reference"), row("a_", "b"))
    )
    printed = text_form(found)
    assert "both ways, 99.00% sure" in printed
    rows, codes = read(document(heads, printed), tmp_path)
    assert rows == [("number", "reference", '"string"'), ("a_", "b", '"string"')]
    assert codes == []


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Shop Order to Till Sale", Heads(source="Shop Order", target="Till Sale", system="Till")),
        ("Customcrm Order to Exact Sales", Heads(source="Customcrm Order", target="Exact Sales", system="Exact")),
        (
            "Tripletex Customer (human data) to Shop to Go Order",
            Heads(source="Tripletex Customer (human data)", target="Shop to Go Order", system="Shop to Go"),
        ),
    ],
)
def test_a_table_is_headed_as_its_section_is_titled(title: str, expected: Heads, tmp_path: Path) -> None:
    """Aliases and facets stand in the header as the document writes them, and it is no other header to the parser."""
    text = document(expected, render_table(expected, [row("a", "b")]))
    systems = {"Shop Order": "Shop to Till", "Customcrm Order": "Customcrm to Exact"}
    head = systems.get(expected.source, "Tripletex to Shop to Go")
    text = text.replace("Shop to Till Dataflow\n" + "=" * 21, f"{head} Dataflow\n{'=' * (len(head) + 9)}")
    path = tmp_path / "one.rst"
    path.write_text(text, encoding="utf-8")
    reading = read_documents([path], Settings(), root=tmp_path, cache=None)
    world = group_worlds(reading.documents)[0]
    assert title in text
    assert find_heads(world, world.flows[0]) == expected
    assert "header-differs" not in [d.code for d in world.diagnostics]
