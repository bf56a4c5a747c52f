"""Tests of `talkqa.documents.closure`: what else an engine runs beside the documents of a world."""

from pathlib import Path

import pytest

from talkqa.documents.closure import RunningFlows, read_declared, read_running
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.errors import DocumentError
from talkqa.model.flow import RuleKind
from talkqa.model.settings import ConditionBinding, Settings
from talkqa.model.world import World
from tests.unit.documents.samples import Flow, render_document

WHEN = "When it rains, it will be synchronized with a Globex Person."


def read(folder: Path, settings: Settings | None = None, **documents: tuple[str, tuple[Flow, ...]]) -> dict[str, World]:
    """Worlds by slug, each with what else runs; documents by file name, each a title and its flows."""
    for name, (title, flows) in documents.items():
        (folder / f"{name}.rst").write_text(render_document(*flows, title=f"{title} Dataflow"), encoding="utf-8")
    found = read_documents([folder], settings or Settings(), root=folder).documents
    running = RunningFlows(found)
    return {world.slug: running.beside(world) for world in group_worlds(found)}


def ids(world: World) -> list[str]:
    return [flow.id for flow in world.declared]


def test_a_world_knows_its_reverse_and_every_chain_that_begins_in_it(tmp_path: Path) -> None:
    """And nothing of flows that no record of it comes to."""
    worlds = read(
        tmp_path,
        a=("Acme to Globex", (Flow(),)),
        b=("Globex to Acme", (Flow(source="Globex Person", target="Acme Contact"),)),
        c=("Globex to Initech", (Flow(source="Globex Person", target="Initech Member"),)),
        d=("Initech to Umbrella", (Flow(source="Initech Member", target="Umbrella User"),)),
        e=("Globex to Initech", (Flow(source="Globex Order", target="Initech Bill"),)),
        f=("Umbrella to Globex", (Flow(source="Umbrella Guest", target="Globex Person"),)),
    )
    world = worlds["acme/globex"]
    assert ids(world) == [
        "globex.person--acme.contact",
        "globex.person--initech.member",
        "initech.member--umbrella.user",
    ]
    assert world.systems() == ("Acme", "Globex")
    assert world.systems(chains=True) == ("Acme", "Globex", "Initech", "Umbrella")
    assert ids(world.confined()) == ["globex.person--acme.contact"]
    assert [flow.id for flow in world.confined().running] == [
        "acme.contact--globex.person",
        "globex.person--acme.contact",
    ]
    assert ids(worlds["initech/umbrella"]) == []


def test_all_that_runs_between_the_systems_of_a_world_is_known(tmp_path: Path) -> None:
    """A connected entity may be synchronised by another document."""
    worlds = read(
        tmp_path,
        a=("Acme to Globex", (Flow(),)),
        b=("Acme to ", (Flow(source="Acme Order", target="Globex Deal"),)),
    )
    assert ids(worlds["acme/globex"]) == ["acme.order--globex.deal"]


def test_sections_of_one_pair_in_several_documents_are_taken_together(tmp_path: Path) -> None:
    """What is tested stays as its own document has it; what runs has the sentences and rows of both."""
    rows = (("name", "title", '"string"'),)
    worlds = read(
        tmp_path,
        a=("Acme to Globex", (Flow(select=WHEN),)),
        b=("Acme to Initech", (Flow(rows=rows), Flow(source="Acme Order", target="Initech Bill"))),
    )
    world = worlds["acme/globex"]
    (tested,), (united,) = world.flows, world.confined().running
    assert not tested.has(RuleKind.EVERY)
    assert united.has(RuleKind.EVERY)
    assert united.has(RuleKind.CONDITION)
    assert [(row.source, row.target) for row in united.properties] == [("name", "title")]
    (told,) = (d for d in world.diagnostics if d.code == "contradiction")
    assert told.location.path == "a.rst"
    assert "(b.rst:" in told.message


def test_an_editors_remark_contradicts_nothing_elsewhere_either(tmp_path: Path) -> None:
    """It restricts nothing."""
    settings = Settings(conditions=(ConditionBinding(text="When it rains", remark=True),))
    worlds = read(
        tmp_path,
        settings,
        a=("Acme to Globex", (Flow(select=WHEN),)),
        b=("Acme to Initech", (Flow(),)),
    )
    assert "contradiction" not in {d.code for d in worlds["acme/globex"].diagnostics}


def test_a_world_whose_document_is_not_among_those_that_run_runs_all_the_same(tmp_path: Path) -> None:
    """A document outside of the project is tested beside those in it."""
    world = read(tmp_path, a=("Acme to Globex", (Flow(),)))["acme/globex"]
    reverse = tmp_path / "more"
    reverse.mkdir()
    text = render_document(Flow(source="Globex Person", target="Acme Contact"), title="Globex to Acme Dataflow")
    (reverse / "b.rst").write_text(text, encoding="utf-8")
    others = read_documents([reverse], Settings(), root=tmp_path).documents
    assert ids(RunningFlows(others).beside(world)) == ["globex.person--acme.contact"]
    assert ids(RunningFlows(()).beside(world)) == []


def test_declared_documents_lie_where_the_settings_say(tmp_path: Path) -> None:
    """Files and folders, relative to the project; one that is not there is named, and so is one that is unreadable."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "a.rst").write_text(render_document(Flow()), encoding="utf-8")
    (tmp_path / "b.rst").write_text(render_document(Flow(source="Acme Order")), encoding="utf-8")
    found = read_declared(Settings(engine_documents=("engine", "b.rst")), root=tmp_path)
    assert [document.path for document in found] == ["b.rst", "engine/a.rst"]
    with pytest.raises(DocumentError, match=r"gone.*correct \[engine\] documents"):
        read_declared(Settings(engine_documents=("gone",)), root=tmp_path)
    (tmp_path / "b.rst").write_bytes(b"\xff\xfe\xff dataflow")
    with pytest.raises(DocumentError, match=r"b\.rst"):
        read_declared(Settings(engine_documents=("b.rst",)), root=tmp_path)


def test_the_projects_engine_runs_its_own_documents_the_declared_ones_and_those_read_already(tmp_path: Path) -> None:
    """A world of any of them is beside the others; folders of documents that are not there are none."""
    for name, target in (("specs", "Globex Person"), ("engine", "Globex Order"), ("outside", "Globex Invoice")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.rst").write_text(render_document(Flow(target=target)), encoding="utf-8")
    settings = Settings(specs=("specs", "gone"), engine_documents=("engine",))
    outside = read_documents([tmp_path / "outside"], settings, root=tmp_path).documents
    (world,) = group_worlds(outside)
    running = read_running(settings, root=tmp_path, beside=outside)
    assert ids(running.beside(world)) == ["acme.contact--globex.order", "acme.contact--globex.person"]
    (tmp_path / "specs" / "a.rst").write_bytes(b"\xff\xfe\xff dataflow")
    with pytest.raises(DocumentError, match=r"specs.a\.rst"):
        read_running(settings, root=tmp_path)
