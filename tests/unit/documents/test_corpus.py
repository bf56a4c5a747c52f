"""The published documents are read without a gap: counts, lines, stability over revisions.

They are test data of others and not part of the project: TALKQA_CORPUS names the folder with `seeds` and `corpus`.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from talkqa.documents.read import Reading, read_documents
from talkqa.documents.unite import unite_flows
from talkqa.documents.worlds import group_worlds
from talkqa.model.diagnostic import Severity
from talkqa.model.flow import Document, RuleKind
from talkqa.model.settings import Settings

CORPUS = os.environ.get("TALKQA_CORPUS")
pytestmark = pytest.mark.skipif(CORPUS is None, reason="TALKQA_CORPUS names no folder of published documents")
ROOT = Path(CORPUS or ".")


def read_folder(name: str) -> Reading:
    return read_documents([ROOT / name], Settings(), root=ROOT)


@pytest.fixture(scope="module")
def newest() -> Reading:
    """The newest documents."""
    return read_folder("corpus/documents")


@pytest.fixture(scope="module")
def history() -> Reading:
    """Documents in consecutive revisions."""
    return read_folder("corpus/history")


@pytest.fixture(scope="module")
def seeds() -> Reading:
    """The documents that the project began with."""
    return read_folder("seeds")


def kinds(reading: Reading) -> Counter[str]:
    return Counter(rule.kind.value for d in reading.documents for s in d.sections for rule in s.rules)


def diagnostics(reading: Reading) -> Counter[str]:
    return Counter(diagnostic.code for d in reading.documents for diagnostic in d.diagnostics)


def test_all_documents_sections_and_rows_are_there(newest: Reading) -> None:
    """The counts that were measured on them by other means."""
    assert newest.diagnostics == ()
    assert len(newest.documents) == 585
    sections = [section for document in newest.documents for section in document.sections]
    assert len(sections) == 2355
    assert sum(len(section.properties) for section in sections) == 4508
    assert sum(len(section.merge) for section in sections) == 159
    assert kinds(newest) == {
        "every": 2174,
        "two-way": 2355,
        "properties": 2355,
        "link-required": 135,
        "merge-on": 144,
        "condition": 46,
        "create-if-connected": 35,
        "merge-existing": 9,
        "create-unmatched": 9,
    }


def test_the_seeds_are_read(seeds: Reading) -> None:
    """Five documents named .txt, 28 flows, every table empty."""
    assert len(seeds.documents) == 5
    assert seeds.diagnostics == ()
    sections = [section for document in seeds.documents for section in document.sections]
    assert len(sections) == 28
    assert kinds(seeds) == {"every": 28, "two-way": 28, "properties": 28}
    assert diagnostics(seeds) == {"properties-undocumented": 28, "system-alias": 5}
    systems = {ref.system for section in sections for ref in (section.source, section.target)}
    assert systems == {"Custom CRM", "Custom ERP", "Custom PMS", "Exact Online", "Salesforce", "Wave"}


def test_nothing_is_unread(newest: Reading, history: Reading, seeds: Reading) -> None:
    """No document has an error, and no expression but the one that is damaged beyond repair is left unread."""
    for reading in (newest, history, seeds):
        errors = [d for document in reading.documents for d in document.diagnostics if d.severity is Severity.ERROR]
        assert errors == []
        unreadable = [d for doc in reading.documents for d in doc.diagnostics if d.code == "transform-unreadable"]
        assert all('""if", "eq"]]"' in d.message for d in unreadable)
        assert len(unreadable) <= 3
        assert diagnostics(reading).keys().isdisjoint({"header-differs", "table-missing", "data-type-unread"})


def test_each_section_has_its_five_essentials(newest: Reading, history: Reading) -> None:
    """A selecting rule, two-way and properties once each, as the format promises."""
    for reading in (newest, history):
        for document in reading.documents:
            for section in document.sections:
                counted = Counter(rule.kind for rule in section.rules)
                assert counted[RuleKind.TWO_WAY] == counted[RuleKind.PROPERTIES] == 1, section.location
                selecting = counted[RuleKind.EVERY], counted[RuleKind.CONDITION], counted[RuleKind.LINK_REQUIRED]
                assert sum(selecting) == 1, section.location


def lines_of(document: Document) -> list[str]:
    return re.split("\r\n|\n|\r", (ROOT / document.path).read_text(encoding="utf-8"))


def test_every_value_stands_on_its_line(newest: Reading, history: Reading) -> None:
    """Titles, sentences and rows are found in the file where they are said to be."""
    for document in (*newest.documents, *history.documents):
        lines = [re.sub(r"\s+", " ", line).strip() for line in lines_of(document)]
        for section in document.sections:
            assert lines[section.location.line - 1] == " ".join(section.title.split()), section.location
            for rule in section.rules:
                assert rule.text.startswith(lines[rule.location.line - 1][:60]), rule.location
                assert rule.text[:60] in lines[rule.location.line - 1] or rule.kind is RuleKind.CREATE_UNMATCHED
            for row in (*section.merge, *section.properties):
                line = lines[row.location.line - 1]
                assert line == f"* - {row.source}" or line.startswith(f"* - {row.source} (Depend"), row.location


def test_restricted_flows_beside_every_are_told(newest: Reading) -> None:
    """181 sections restrict their source records; 54 of them stand beside an `every` for the same pair."""
    restricted, beside = 0, 0
    for document in newest.documents:
        flows, told = unite_flows([document])
        open_flows = {flow.id for flow in flows if flow.has(RuleKind.EVERY)}
        contradictions = {d.location for d in told if d.code == "contradiction"}
        for section in document.sections:
            rules = [r for r in section.rules if r.kind in (RuleKind.CONDITION, RuleKind.LINK_REQUIRED)]
            restricted += bool(rules)
            ids = {flow.id for flow in flows if (flow.source, flow.target) == (section.source, section.target)}
            if rules and ids & open_flows:
                beside += 1
        assert all(location.path == document.path for location in contradictions)
    assert (restricted, beside) == (181, 54)


def test_conditions_are_bound_or_told(newest: Reading) -> None:
    """Without bindings, each of them is told."""
    assert diagnostics(newest)["condition-unbound"] == 46
    assert diagnostics(newest)["connection-unbound"] == 35


def test_ids_are_unique_in_their_world(newest: Reading) -> None:
    """One flow an id, one world a pair of systems, and rows unique in their flow."""
    worlds = group_worlds(newest.documents)
    assert len({world.slug for world in worlds}) == len(worlds) == 585
    for world in worlds:
        assert len({flow.id for flow in world.flows}) == len(world.flows)
        for flow in world.flows:
            rows = [(row.source, row.target) for row in flow.properties]
            assert rows == sorted(set(rows))


def revisions(reading: Reading) -> Iterator[tuple[Document, Document]]:
    """Each revision with the one before it."""
    by_folder: dict[str, list[Document]] = defaultdict(list)
    for document in reading.documents:
        by_folder[document.path.rsplit("/", 1)[0]].append(document)
    for documents in by_folder.values():
        yield from pairwise(documents)


def folded(document: Document) -> list[str]:
    """A document's lines without stamp and order."""
    return sorted(line for line in lines_of(document) if line.strip() and not line.startswith("Generated"))


def meaning(document: Document) -> dict[str, object]:
    """The flows of a document by id, without their lines."""
    flows, _ = unite_flows([document])
    return {
        flow.id: (
            flow.title,
            [(rule.kind, rule.text, rule.condition, rule.connected) for rule in flow.rules],
            [(row.source, row.target) for row in flow.merge],
            [(row.source, row.target, row.data_type, row.qualifiers) for row in flow.properties],
        )
        for flow in flows
    }


def test_stamp_and_order_change_nothing(history: Reading) -> None:
    """Revisions whose lines are the same but for these mean the same."""
    quiet = [(a, b) for a, b in revisions(history) if folded(a) == folded(b)]
    assert all(meaning(a) == meaning(b) for a, b in quiet)


def test_a_rename_in_the_title_keeps_the_ids(history: Reading) -> None:
    """Where both revisions have sections of the same titles up to spelling, their ids agree."""
    for before, after in revisions(history):
        old = {section.title.casefold().replace(" ", ""): section for section in before.sections}
        for section in after.sections:
            known = old.get(section.title.casefold().replace(" ", ""))
            if known is not None and before.target and after.target:
                assert (known.source.name.casefold(), known.target.name.casefold()) == (
                    section.source.name.casefold(),
                    section.target.name.casefold(),
                )
