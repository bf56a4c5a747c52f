"""From what the probes of a flow showed to the rows of its property table.

Pure. Wrong rows are worse than missing ones: whatever two probes do not show alike, whatever may be the target system's
own doing and whatever more than one property explains is told as unclear, with why, and not proposed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.flow import Side
from talkqa.model.schema import FieldType
from talkqa.verify.discovery.candidate import Answer, Candidate, Doubt, find_candidate, is_coded
from talkqa.verify.discovery.confidence import LEAST, confidence_of
from talkqa.verify.discovery.evidence import Evidence, candidate_fields
from talkqa.verify.discovery.homeward import find_homeward
from talkqa.verify.discovery.relation import SAME, WITHIN, Ends

_PROBES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """What the probes of a flow tell of its property table."""

    rows: tuple[ProposedRow, ...] = ()
    """Sorted by source and target."""
    doubts: tuple[Doubt, ...] = ()
    """What was seen and is not proposed, sorted likewise."""


def infer(evidence: Evidence) -> Inference:
    """The rows that two probes show, and the doubts about others.

    Args:
        evidence: Of one flow; nothing is concluded from fewer than two probes.
    """
    if len({move.probe for move in evidence.creations()}) < _PROBES:
        return Inference()
    pairs = tuple(_pairs(evidence))
    found = [find_candidate(evidence, ends) for ends in pairs]
    doubts = [one for one in found if isinstance(one, Doubt)]
    candidates = [one for one in found if isinstance(one, Candidate)]
    kept, refused = _decide(evidence, candidates)
    doubted = {(one.source, one.target) for one in doubts} | evidence.joined
    unsure = {one.source for one in refused}
    free = [e for e in pairs if e.source.path not in unsure and (e.source.path, e.target.path) not in doubted]
    home, contested = find_homeward(evidence, free, kept)
    kept = [one for one in kept if one.ends.source.path not in contested]
    rivals = Counter((ends.source.type, ends.target.type) for ends in pairs)
    rows = [_row(evidence, one, rivals) for one in (*kept, *home)]
    rows_sure = [row for row in rows if row.confidence >= LEAST]
    doubts += [*refused, *contested.values()]
    doubts += [
        Doubt(source=row.source, target=row.target, why="too little speaks for it: it may be chance")
        for row in rows
        if row.confidence < LEAST
    ]
    named = {(row.source, row.target) for row in rows_sure}
    doubts = [one for one in doubts if (one.source, one.target) not in named]
    return Inference(
        rows=tuple(sorted(rows_sure, key=lambda row: (row.source, row.target))),
        doubts=tuple(sorted(dict.fromkeys(doubts), key=lambda one: (one.source, one.target, one.why))),
    )


def list_candidates(evidence: Evidence) -> tuple[Candidate, ...]:
    """All pairs that the writes up to now leave possible: what the next writes are to tell apart."""
    found = (find_candidate(evidence, ends) for ends in _pairs(evidence))
    return tuple(one for one in found if isinstance(one, Candidate) and not one.against)


def _pairs(evidence: Evidence) -> Iterable[Ends]:
    sources, targets = (candidate_fields(evidence.schemas[side], side) for side in Side)
    moves = evidence.forward()
    held = [t for t in targets if any(move.held(Side.TARGET, t.path) is not None for move in evidence.moves)]
    for source in sources:
        if any(move.held(Side.SOURCE, source.path) is not None for move in moves):
            for target in held:
                yield Ends(source=source, target=target)


def _decide(evidence: Evidence, candidates: Sequence[Candidate]) -> tuple[list[Candidate], list[Doubt]]:
    """One explanation for each target property, and no copies that the target system made itself."""
    doubts = [one.doubt(one.against) for one in candidates if one.against]
    kept: list[Candidate] = []
    standing = [one for one in candidates if not one.against]
    for group in _grouped(standing, Side.TARGET).values():
        chosen, refused = _choose_sources(evidence, group)
        kept += chosen
        doubts += refused
    final: list[Candidate] = []
    for group in _grouped(kept, Side.SOURCE).values():
        chosen, refused = _choose_targets(group)
        final += chosen
        doubts += refused
    return _consistent(final, doubts)


def _grouped(candidates: Iterable[Candidate], side: Side) -> Mapping[str, list[Candidate]]:
    groups: defaultdict[str, list[Candidate]] = defaultdict(list)
    for one in candidates:
        groups[(one.ends.source if side is Side.SOURCE else one.ends.target).path].append(one)
    return groups


def _choose_sources(evidence: Evidence, group: Sequence[Candidate]) -> tuple[list[Candidate], list[Doubt]]:
    """Of the source properties that may stand behind one target property, those that do."""
    if len(group) > 1 and any(is_coded(one.ends) for one in group):
        followed = [one for one in group if set(one.answers) == {Answer.FOLLOWED}]
        return _only(followed, group)
    least = min(one.relation.rank for one in group)
    plainest = [one for one in group if one.relation.rank == least]
    if len(plainest) == 1 or least == WITHIN.rank:
        return plainest, []
    return _only([one for one in plainest if _is_own(evidence, one)], plainest)


def _only(chosen: list[Candidate], group: Sequence[Candidate]) -> tuple[list[Candidate], list[Doubt]]:
    if len(chosen) == 1:
        return chosen, []
    names = ", ".join(f"'{one.ends.source.path}'" for one in group)
    return [], [one.doubt(f"more than one property explains it: {names}") for one in group]


def _is_own(evidence: Evidence, candidate: Candidate) -> bool:
    """Whether the source property held what was written to it, and is no copy of another one."""
    path = candidate.ends.source.path
    alike = Ends(source=candidate.ends.source, target=candidate.ends.source)
    sent = [(move.sent.get(path), move.held(Side.SOURCE, path)) for move in evidence.creations()]
    return all(own is not None and held is not None and SAME.holds(alike, own, held) for own, held in sent)


def _choose_targets(group: Sequence[Candidate]) -> tuple[list[Candidate], list[Doubt]]:
    """Of the target properties that hold one source value, those that the engine fills."""
    if len(group) == 1:
        return list(group), []
    confirmed = [one for one in group if one.confirmed]
    least = min(one.relation.rank for one in group)
    plainest = [one for one in group if one.relation.rank == least]
    chosen = confirmed or (plainest if len(plainest) == 1 else [])
    names = ", ".join(f"'{one.ends.target.path}'" for one in group)
    why = f"the target system may have copied the value by itself: it stands in {names}"
    return chosen, [one.doubt(why) for one in group if one not in chosen]


def _consistent(candidates: Iterable[Candidate], doubts: list[Doubt]) -> tuple[list[Candidate], list[Doubt]]:
    """Those whose edits all tell the same."""
    kept = []
    for one in candidates:
        answers = set(one.answers)
        if Answer.OTHER in answers:
            doubts.append(one.doubt("after an edit of the target, the source took the value of something else"))
        elif {Answer.FOLLOWED, Answer.STILL} <= answers:
            doubts.append(one.doubt("one edit of the target reached the source and another one did not"))
        else:
            kept.append(one)
    return kept, doubts


def _row(evidence: Evidence, one: Candidate, rivals: Mapping[tuple[FieldType, FieldType], int]) -> ProposedRow:
    ends, ways = one.ends, one.ways
    told = list(one.seen)
    if one.relation is not SAME:
        told.append(f"'{ends.target.path}' holds {one.relation.words}")
    if ways is Ways.TO_TARGET:
        told.append(_why_one_way(one))
    return ProposedRow(
        flow_id=evidence.flow_id,
        source=ends.source.path,
        target=ends.target.path,
        data_type=one.relation.cell(ends),
        ways=ways,
        confidence=confidence_of(one.bits, rivals[ends.source.type, ends.target.type]),
        observations=tuple(told),
    )


def _why_one_way(one: Candidate) -> str:
    if not one.ends.source.updateable:
        return f"'{one.ends.source.path}' is read-only, so nothing can come back"
    if not one.ends.target.updateable:
        return f"'{one.ends.target.path}' can be set on create alone, so nothing can come back"
    if Answer.STILL in one.answers:
        return f"'{one.ends.target.path}' was edited, and '{one.ends.source.path}' stayed as it was"
    return f"no edit of '{one.ends.target.path}' was tried or taken, so nothing is known of the way back"
