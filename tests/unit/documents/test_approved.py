"""Approved rows become rows of their flow; a document is never overruled by them."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

from talkqa.documents.jsonform import model_json
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.decision import ApprovedMapping, Decisions
from talkqa.model.discovery import Ways
from talkqa.model.location import Location
from talkqa.model.settings import Settings
from talkqa.model.world import World
from tests.unit.documents.samples import Flow, render_document

FLOW = "acme.contact--globex.person"


def _approve(source: str, target: str, data_type: str = '"string"', **changes: object) -> ApprovedMapping:
    found = ApprovedMapping(
        flow_id=FLOW,
        source=source,
        target=target,
        data_type=data_type,
        ways=Ways.BOTH,
        approved_by="K. Olsen",
        approved_on=date(2025, 3, 1),
        location=Location(path="decisions.toml", line=7),
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def _world(tmp_path: Path, *mappings: ApprovedMapping, files: tuple[str, ...]) -> World:
    for number, text in enumerate(files):
        (tmp_path / f"doc{number}.rst").write_text(text)
    settings = Settings(decisions=Decisions(mappings=mappings))
    reading = read_documents([tmp_path], settings, root=tmp_path, cache=tmp_path / ".cache")
    (world,) = group_worlds(reading.documents)
    return world


def _codes(world: World) -> list[str]:
    return [diagnostic.code for diagnostic in world.diagnostics]


def test_an_approved_row_fills_the_empty_table_and_points_to_its_decision(tmp_path: Path) -> None:
    text = render_document(Flow())
    assert "properties-undocumented" in _codes(_world(tmp_path, files=(text,)))
    world = _world(tmp_path, _approve("name", "Name", ways=Ways.TO_TARGET), files=(text,))
    (row,) = world.flows[0].properties
    assert (row.source, row.target, row.ways, row.approved) == ("name", "Name", Ways.TO_TARGET, True)
    assert str(row.location) == "decisions.toml:7"
    assert row.approval == "approved by K. Olsen on 2025-03-01"
    assert _codes(world) == []


def test_an_approved_expression_is_a_transform(tmp_path: Path) -> None:
    world = _world(
        tmp_path, _approve("name", "Name", '["datetime-format","%Y-%m-%d","_."]'), files=(render_document(Flow()),)
    )
    (row,) = world.flows[0].properties
    assert row.transform is not None


def test_an_approved_expression_that_cannot_be_read_is_told_at_its_line(tmp_path: Path) -> None:
    world = _world(tmp_path, _approve("name", "Name", '["no-such-thing","_."]'), files=(render_document(Flow()),))
    assert [(d.code, str(d.location)) for d in world.diagnostics] == [("transform-unreadable", "decisions.toml:7")]


def test_an_engine_knows_nothing_of_approved_rows(tmp_path: Path) -> None:
    flow = Flow(rows=(("town", "City", '"string"'),))
    world = _world(tmp_path, _approve("name", "Name"), files=(render_document(flow),))
    assert [row.source for row in world.flows[0].properties] == ["name", "town"]
    assert [row.source for row in world.flows[0].as_documented().properties] == ["town"]


def test_the_printed_model_holds_what_the_document_says(tmp_path: Path) -> None:
    text = render_document(Flow())
    plain = _world(tmp_path, files=(text,)).documents[0]
    decided = _world(tmp_path, _approve("name", "Name"), files=(text,)).documents[0]
    assert model_json(decided)["flows"] == model_json(plain)["flows"]
    assert json.dumps(model_json(decided))


def test_the_document_stands_where_it_says_otherwise(tmp_path: Path) -> None:
    """Another type for the same pair, and another source for the same target: both are told and change nothing."""
    flow = Flow(rows=(("name", "Name", '"string"'), ("town", "City", "N/A")))
    mappings = (_approve("name", "Name", '"integer"'), _approve("place", "City"), _approve("town", "City", "N/A"))
    world = _world(tmp_path, *mappings, files=(render_document(flow),))
    assert [(row.source, row.approved) for row in world.flows[0].properties] == [("name", False), ("town", False)]
    told = [d for d in world.diagnostics if d.code == "decision-contradicts"]
    assert [str(d.location) for d in told] == ["decisions.toml:7"] * 2
    assert "'name' to 'Name' is approved, and doc0.rst:" in told[0].message


def test_one_source_may_be_approved_for_a_second_target(tmp_path: Path) -> None:
    flow = Flow(rows=(("name", "Name", '"string"'),))
    world = _world(tmp_path, _approve("name", "Alias"), files=(render_document(flow),))
    assert [(row.target, row.approved) for row in world.flows[0].properties] == [("Alias", True), ("Name", False)]


def test_a_table_in_another_document_of_the_flow_counts_too(tmp_path: Path) -> None:
    """Two documents describe the flow, and only the second one has the table."""
    filled = Flow(rows=(("name", "Name", '"string"'),))
    world = _world(tmp_path, _approve("title", "Name"), files=(render_document(Flow()), render_document(filled)))
    assert [(row.source, row.approved) for row in world.flows[0].properties] == [("name", False)]
    assert _codes(world).count("decision-contradicts") == 1


def test_a_decision_for_another_flow_changes_nothing(tmp_path: Path) -> None:
    text = render_document(Flow())
    plain = _world(tmp_path, files=(text,))
    assert _world(tmp_path, _approve("name", "Name", flow_id="acme.contact--globex.cat"), files=(text,)) == plain
