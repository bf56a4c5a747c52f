"""Worlds of invented documents as a run has them: with what else the engine runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from talkqa.documents.closure import RunningFlows
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.settings import Settings
from talkqa.model.world import World
from tests.unit.documents.samples import Flow, render_document

Row = tuple[str, str, str]
"""Source property, target property, data type."""
NAMES: tuple[Row, ...] = (
    ("name", "title", '"string"'),
    ("city", "town", '"string"'),
    ("phone", "call", '"string"'),
)


def section(source: str, target: str, select: str = "every", *, rows: Sequence[Row] = ()) -> Flow:
    """A section about two entities; `select` is the sentence that says which records are synchronised."""
    return Flow(source=source, target=target, select=select, rows=tuple(rows))


def document(source: str, target: str, *sections: Flow) -> str:
    """A whole document about two systems."""
    return render_document(*sections, title=f"{source} to {target} Dataflow")


def read_invented(
    folder: Path, documents: Mapping[str, str], settings: Settings, tested: Sequence[str] = ()
) -> dict[str, World]:
    """Worlds by slug, of all documents or of the tested ones alone; all of them run in the engine."""
    for name, text in documents.items():
        (folder / f"{name}.rst").write_text(text, encoding="utf-8")
    paths = [folder / f"{name}.rst" for name in documents]
    everything = read_documents(paths, settings, root=folder).documents
    assert not [d for one in everything for d in one.diagnostics if d.severity == "error"]
    running = RunningFlows(everything)
    chosen = [one for one in everything if not tested or Path(one.path).stem in tested]
    return {world.slug: running.beside(world) for world in group_worlds(chosen)}
