"""What else a sync engine runs beside the documents of a world: all that one of its records may rightly come to.

A record that a flow makes may be the source of another flow, of whatever document: reverse documents, chains, and
sections of the same pair elsewhere. Used by whoever runs a world, and by `check` for contradictions.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from talkqa.documents.codes import sort_findings
from talkqa.documents.read import read_documents
from talkqa.documents.unite import unite_flows
from talkqa.model.diagnostic import Severity
from talkqa.model.errors import DocumentError
from talkqa.model.flow import Document, EntityRef, Flow
from talkqa.model.settings import Settings
from talkqa.model.world import World

_Place = tuple[str, str]
"""System and entity; facets of an entity are the same records."""


class RunningFlows:
    """All flows that one sync engine runs."""

    def __init__(self, documents: Sequence[Document]) -> None:
        """Unite the sections of documents, each of which is taken once."""
        self._documents = {document.path: document for document in documents}
        self._flows, self._diagnostics = unite_flows(_sorted(self._documents))
        self._from: defaultdict[_Place, list[Flow]] = defaultdict(list)
        for flow in self._flows:
            self._from[_place(flow.source)].append(flow)

    def beside(self, world: World) -> World:
        """The world with what else runs that its records may come to, and what that contradicts."""
        if any(self._documents.get(document.path) != document for document in world.documents):
            return RunningFlows((*self._documents.values(), *world.documents)).beside(world)
        reached = self._reach(world)
        tested = {flow.id: flow for flow in world.flows}
        declared = tuple(flow for flow in reached if tested.get(flow.id) != flow)
        known = set(world.diagnostics)
        further = (d for d in self._diagnostics if d.flow_id in tested and d not in known)
        return replace(world, declared=declared, diagnostics=sort_findings((*world.diagnostics, *further)))

    def _reach(self, world: World) -> list[Flow]:
        """The flows that records of a world may go through, and all between its systems, sorted by id."""
        systems = set(world.systems())
        found = {flow.id for flow in self._flows if {flow.source.system, flow.target.system} <= systems}
        places = {_place(ref) for flow in self._flows if flow.id in found for ref in (flow.source, flow.target)}
        waiting = sorted(places)
        while waiting:
            for flow in self._from[waiting.pop()]:
                found.add(flow.id)
                if _place(flow.target) not in places:
                    places.add(_place(flow.target))
                    waiting.append(_place(flow.target))
        return [flow for flow in self._flows if flow.id in found]


def read_running(
    settings: Settings, *, root: Path, cache: Path | None = None, beside: Sequence[Document] = ()
) -> RunningFlows:
    """All flows that the project's engine runs: those of its own documents, of the ones declared, and of some more.

    Args:
        settings: Name the project's documents and those that are declared.
        root: Folder of the project.
        cache: Where documents that were read are kept.
        beside: Read already, wherever they lie.

    Raises:
        DocumentError: where one of the project's or of the declared documents cannot be read.
    """
    specs = [root / name for name in settings.specs if (root / name).exists()]
    tested = read_whole(specs, settings, root=root, cache=cache)
    return RunningFlows((*tested, *read_declared(settings, root=root, cache=cache), *beside))


def read_declared(settings: Settings, *, root: Path, cache: Path | None = None) -> tuple[Document, ...]:
    """The documents that the settings declare: the engine runs them, and nobody tests them.

    Raises:
        DocumentError: for one that is not there or cannot be read: what it promises would count as forbidden.
    """
    paths = [root / name for name in settings.engine_documents]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise DocumentError(f"no such file or folder: {', '.join(missing)}; correct [engine] documents in talkqa.toml")
    return read_whole(paths, settings, root=root, cache=cache)


def read_whole(
    paths: Sequence[Path], settings: Settings, *, root: Path, cache: Path | None = None
) -> tuple[Document, ...]:
    """Documents of which none may be unreadable.

    Raises:
        DocumentError: naming every one that is.
    """
    reading = read_documents(paths, settings, root=root, cache=cache)
    unreadable = [str(diagnostic) for diagnostic in reading.diagnostics if diagnostic.severity is Severity.ERROR]
    if unreadable:
        raise DocumentError("\n".join(unreadable))
    return reading.documents


def _sorted(documents: dict[str, Document]) -> tuple[Document, ...]:
    return tuple(documents[path] for path in sorted(documents))


def _place(ref: EntityRef) -> _Place:
    return ref.system, ref.entity.casefold()
