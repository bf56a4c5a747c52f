"""A world: all documents of one pair of systems, and what they promise together.

It is the unit of emulation, of links and ledger, of results files, of shards and of pytest-xdist.
"""

from dataclasses import dataclass

from talkqa.model.diagnostic import Diagnostic
from talkqa.model.flow import Document, Flow


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The documents that share source and target system, as a rule exactly one."""

    slug: str
    """Folder of the generated tests: `custom-crm/salesforce`."""
    source: str
    target: str
    documents: tuple[Document, ...]
    """Sorted by path."""
    flows: tuple[Flow, ...]
    """Sections united by pair of entities, sorted by id."""
    diagnostics: tuple[Diagnostic, ...]
    """Of the documents and of uniting them, sorted by place."""

    def systems(self) -> tuple[str, ...]:
        """Canonical names of all systems that its flows touch, sorted."""
        return tuple(sorted({ref.system for flow in self.flows for ref in (flow.source, flow.target)}))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioPlan:
    """A scenario as the runner hands it over: generated or written by hand."""

    check: str
    """Check id; for a scenario written by hand `manual/<feature>/<scenario>`."""
    name: str
    """Name of the scenario."""
    node: str
    """pytest node id."""
    steps: tuple[tuple[str, str], ...]
    """Keyword and text of each step, the background's first."""
    tags: tuple[str, ...] = ()
