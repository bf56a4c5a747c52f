"""A world: all documents of one pair of systems, and what they promise together.

It is the unit of emulation, of links and ledger, of results files, of shards and of pytest-xdist.
"""

from dataclasses import dataclass, replace
from typing import Self

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
    declared: tuple[Flow, ...] = ()
    """What else the sync engine runs that a record of this world may come to: flows that are tested elsewhere or not at
    all, sorted by id. One that is tested here is among them where other documents say more of it, with all they say."""

    def systems(self, *, chains: bool = False) -> tuple[str, ...]:
        """Canonical names of all systems that its tested flows touch, sorted; with chains, that its records come to."""
        flows = self.running if chains else self.flows
        return tuple(sorted({ref.system for flow in flows for ref in (flow.source, flow.target)}))

    @property
    def running(self) -> tuple[Flow, ...]:
        """Every flow that the sync engine runs here, tested or declared, sorted by id."""
        known = {flow.id: flow for flow in (*self.flows, *self.declared)}
        return tuple(known[id_] for id_ in sorted(known))

    def confined(self) -> Self:
        """The world where there are no systems but its own: flows that lead elsewhere run nowhere."""
        own = set(self.systems())
        kept = tuple(flow for flow in self.declared if {flow.source.system, flow.target.system} <= own)
        return replace(self, declared=kept)


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
