"""Documents to worlds: one for each pair of systems."""

from collections import defaultdict
from collections.abc import Sequence

from talkqa.documents.codes import sort_findings
from talkqa.documents.identity import world_slug
from talkqa.documents.unite import unite_flows
from talkqa.model.flow import Document
from talkqa.model.world import World


def group_worlds(documents: Sequence[Document]) -> tuple[World, ...]:
    """The worlds of documents, sorted by slug: all documents of one pair of systems are one world."""
    grouped: dict[str, list[Document]] = defaultdict(list)
    for document in documents:
        grouped[world_slug(document.source, document.target)].append(document)
    return tuple(_world(slug, members) for slug, members in sorted(grouped.items()))


def _world(slug: str, members: Sequence[Document]) -> World:
    ordered = tuple(sorted(members, key=lambda document: document.path))
    flows, diagnostics = unite_flows(ordered)
    found = (d for document in ordered for d in document.diagnostics)
    # spellings that differ in letter case share a slug: the least one, whatever the documents' order
    source, target = min((document.source, document.target) for document in ordered)
    return World(
        slug=slug,
        source=source,
        target=target,
        documents=ordered,
        flows=flows,
        diagnostics=sort_findings((*found, *diagnostics)),
    )
