"""Rows of which only the way back is seen: an edit of the target reaches a source property that does not travel itself.

Used by `inference`. Pure.
"""

from collections.abc import Iterable, Sequence

from talkqa.model.discovery import Ways
from talkqa.model.flow import Side
from talkqa.verify.discovery.candidate import Candidate, Doubt, is_coded, show
from talkqa.verify.discovery.confidence import weigh
from talkqa.verify.discovery.evidence import Evidence, Move, single
from talkqa.verify.discovery.relation import Ends, find_relation

_PROBES = 2
_MOST_RANK = 3
"""Relations by which a value of the target can be told from the source's."""


def find_homeward(
    evidence: Evidence, pairs: Iterable[Ends], kept: Sequence[Candidate]
) -> tuple[list[Candidate], dict[str, Doubt]]:
    """The pairs that an edit of the target joins, and those that contradict what travels to the target.

    Args:
        evidence: Of one flow.
        pairs: All that may be rows.
        kept: The rows that travel to the target.

    Returns:
        Candidates, and doubts by source property: where a property is filled from one place and goes to another,
        neither is proposed, and none where something stands in the target that its source does not explain.
    """
    filled = {one.ends.target.path for one in kept}
    going = {one.ends.source.path: one for one in kept}
    found: dict[tuple[str, str], Candidate] = {}
    for ends in pairs:
        if is_coded(ends) or (ends.target.path in filled and ends.source.path not in going):
            continue
        if any((one.ends.source.path, one.ends.target.path) == (ends.source.path, ends.target.path) for one in kept):
            continue
        candidate = _coming_home(evidence, ends)
        if candidate is not None:
            found[ends.source.path, ends.target.path] = candidate
    contested = {
        source: one.doubt(f"'{source}' goes to '{going[source].ends.target.path}' and is filled from '{target}'")
        for (source, target), one in found.items()
        if source in going and not going[source].followed
    }
    home = _unambiguous([one for (source, _), one in found.items() if source not in going])
    contested |= {
        one.ends.source.path: one.doubt("an edit of the target reaches the source, and what arrives in it differs")
        for one in home
        if _stirs(evidence, one.ends.target.path)
    }
    return [one for one in home if one.ends.source.path not in contested], contested


def _stirs(evidence: Evidence, target: str) -> bool:
    """Whether writes to the source fill or move a target property, whatever with."""
    filled = any(move.held(Side.TARGET, target) is not None for move in evidence.creations())
    return filled or any(move.moved(Side.TARGET, target) for move in evidence.edits(Side.SOURCE))


def _coming_home(evidence: Evidence, ends: Ends) -> Candidate | None:
    """The pair where edits of the target property in both probes, and nothing else, moved the source property."""
    source, target = ends.source.path, ends.target.path
    edits = [move for move in evidence.edits(Side.TARGET) if _taken(move, target)]
    if len({move.probe for move in edits}) < _PROBES or not all(move.moved(Side.SOURCE, source) for move in edits):
        return None
    values = [(move.held(Side.SOURCE, source), move.held(Side.TARGET, target)) for move in edits]
    whole = [(own, other) for own, other in values if own is not None and other is not None]
    relation = find_relation(ends, whole) if len(whole) == len(values) else None
    if relation is None or relation.rank > _MOST_RANK or relation.transform is not None:
        return None
    return Candidate(
        ends=ends,
        relation=relation,
        seen=tuple(
            f"'{target}' of probe {move.probe} was changed to {show(other)}: '{source}' became {show(own)}"
            for move, (own, other) in zip(edits, whole, strict=True)
        ),
        bits=sum(weigh(other, ends.target, moved=True) for _, other in whole),
        against="",
        answers=(),
        ways=Ways.TO_SOURCE,
    )


def _taken(move: Move, path: str) -> bool:
    """Whether the target took an edit of a property, and kept it."""
    sent = move.sent.get(path)
    return sent is not None and single(move.answered.get(path)) == move.held(Side.TARGET, path) is not None


def _unambiguous(found: Sequence[Candidate]) -> list[Candidate]:
    """Those whose source and target belong to no other one."""
    return [
        one
        for one in found
        if sum(other.ends.source.path == one.ends.source.path for other in found) == 1
        and sum(other.ends.target.path == one.ends.target.path for other in found) == 1
    ]
