"""Whether one source property may stand behind one target property, by all writes of the exploration.

Used by `inference`, which decides between candidates. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from talkqa.model.discovery import Ways
from talkqa.model.flow import Side
from talkqa.model.record import Scalar
from talkqa.model.schema import FieldType
from talkqa.systems.sentinels import is_telling, token_of
from talkqa.verify.discovery.confidence import weigh
from talkqa.verify.discovery.evidence import Evidence, Move, single
from talkqa.verify.discovery.relation import SAME, Ends, Relation, find_relation

_SHOWN = 60
"""Characters of a value that a sentence shows."""


class Answer(StrEnum):
    """What an edit of the target did to the source."""

    FOLLOWED = "followed"
    STILL = "still"
    OTHER = "other"
    """The source property moved, and to something else."""
    TAKEN_BACK = "taken back"
    """The target took the edit, the source moved with another property, and the engine carried that to the target."""
    ALTERED = "altered"
    """The target system made something else of the edit by itself, and the source followed that."""
    REFUSED = "refused"
    """The target system made something else of the edit by itself, and the source did not follow."""


_CAME_BACK = frozenset({Answer.FOLLOWED, Answer.ALTERED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What was seen and is no row, and why."""

    source: str
    target: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A pair of properties of which the target holds what the source gives, as far as the probes tell."""

    ends: Ends
    relation: Relation
    seen: tuple[str, ...]
    """What shows it, a sentence each."""
    bits: float
    against: str
    """What speaks against it; empty for nothing."""
    answers: tuple[Answer, ...]
    """What the edits of the target did, in order."""
    ways: Ways

    @property
    def followed(self) -> bool:
        """Whether an edit of the target reached the source."""
        return Answer.FOLLOWED in self.answers

    @property
    def confirmed(self) -> bool:
        """Whether the target property has a life of its own, which the engine joins to the source's."""
        return self.followed or Answer.TAKEN_BACK in self.answers

    def doubt(self, why: str) -> Doubt:
        """This pair as no row."""
        return Doubt(source=self.ends.source.path, target=self.ends.target.path, why=why)


def find_candidate(evidence: Evidence, ends: Ends) -> Candidate | Doubt | None:
    """Whether both probes show the pair; a doubt where they contradict each other, None where nothing speaks for it."""
    source, target = ends.source.path, ends.target.path
    if (source, target) in evidence.joined or not _tells(evidence, ends):
        return None
    if is_coded(ends):
        values = _values(evidence.forward(), ends)
        relation = find_relation(ends, values) if len(values) == len(evidence.forward()) else None
        return None if relation is None else _examine(evidence, ends, relation)
    values = _values(evidence.creations(), ends)
    if len(values) < len(evidence.creations()):
        return _half_seen(ends, values)
    relation = find_relation(ends, values)
    if relation is None:
        return next((found for pair in values if (found := _half_seen(ends, [pair]))), None)
    edits = [move for move in evidence.edits(Side.SOURCE) if _both_moved(move, ends)]
    refined = find_relation(ends, [*values, *_values(edits, ends)])
    return _examine(evidence, ends, refined or relation)


def is_coded(ends: Ends) -> bool:
    """Whether the pair has too few values to tell one property from another by a single one."""
    return any(one.type is FieldType.BOOLEAN or one.picklist for one in (ends.source, ends.target))


def _values(moves: Iterable[Move], ends: Ends) -> list[tuple[Scalar, Scalar]]:
    """What both properties held after these writes, where both held something."""
    pairs = [(move.held(Side.SOURCE, ends.source.path), move.held(Side.TARGET, ends.target.path)) for move in moves]
    return [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]


def _tells(evidence: Evidence, ends: Ends) -> bool:
    """Whether the values change from write to write, and cannot be met by chance where we did not choose them."""
    values = _values(evidence.forward(), ends)
    ours, theirs = {own for own, _ in values}, {other for _, other in values}
    if not evidence.written(Side.SOURCE, ends.source.path):
        return all(isinstance(value, str) and any(map(is_telling, token_of(value))) for value in ours)
    return len(values) == 1 or (len(ours) > 1 and len(theirs) > 1)


def _half_seen(ends: Ends, values: list[tuple[Scalar, Scalar]]) -> Doubt | None:
    """The doubt that remains where one probe shows what the other does not; a number or date may be there by chance."""
    for own, other in values:
        if SAME.holds(ends, own, other) and isinstance(own, str) and any(map(is_telling, token_of(own))):
            return Doubt(
                source=ends.source.path,
                target=ends.target.path,
                why="one of the two probes shows it and the other does not",
            )
    return None


def _both_moved(move: Move, ends: Ends) -> bool:
    return move.moved(Side.SOURCE, ends.source.path) and move.moved(Side.TARGET, ends.target.path)


def _examine(evidence: Evidence, ends: Ends, relation: Relation) -> Candidate:
    """All that the writes say for and against a relation between two properties."""
    source, target = ends.source.path, ends.target.path
    seen, bits, against = [], 0.0, ""
    for move in evidence.forward():
        own, other = move.held(Side.SOURCE, source), move.held(Side.TARGET, target)
        moved = not move.creates and move.moved(Side.SOURCE, source)
        holds = own is not None and other is not None and relation.holds(ends, own, other)
        if holds and (move.creates or moved):
            how = "was created with" if move.creates else "was changed to"
            seen.append(f"probe {move.probe} {how} {show(own)} in '{source}': '{target}' held {show(other)}")
            bits += weigh(own, ends.source, moved=moved)
        elif not holds and moved and ends.target.updateable:
            change = "became something else" if move.moved(Side.TARGET, target) else "stayed as it was"
            against = f"'{source}' was changed to {show(own)}, and '{target}' {change}"
        elif not holds and not moved:
            against = f"'{target}' moved although '{source}' did not"
    answers = []
    for move in evidence.edits(Side.TARGET):
        answer = _answer(move, ends, relation)
        if answer is None:
            continue
        answers.append(answer)
        own, other = move.held(Side.SOURCE, source), move.held(Side.TARGET, target)
        if answer in _CAME_BACK:
            seen.append(f"'{target}' of probe {move.probe} was changed to {show(other)}: '{source}' became {show(own)}")
            bits += weigh(other, ends.target, moved=True)
    return Candidate(
        ends=ends,
        relation=relation,
        seen=tuple(seen),
        bits=bits,
        against=against,
        answers=tuple(answers),
        ways=Ways.BOTH if _CAME_BACK & set(answers) else Ways.TO_TARGET,
    )


def _answer(move: Move, ends: Ends, relation: Relation) -> Answer | None:
    """What a write to the target did to the pair; None where it touched neither of the two."""
    source, target = ends.source.path, ends.target.path
    own, other = move.held(Side.SOURCE, source), move.held(Side.TARGET, target)
    holds = own is not None and other is not None and relation.holds(ends, own, other)
    stirred = move.moved(Side.SOURCE, source)
    if move.before is None or not _is_edited(move, ends):
        return Answer.OTHER if stirred and not holds else None
    sent, alike = move.sent[target], Ends(source=ends.target, target=ends.target)
    taken = SAME.holds(alike, sent, _present(single(move.answered.get(target))))
    if not stirred:
        return Answer.STILL if taken else Answer.REFUSED
    if not taken:
        return Answer.ALTERED if holds else Answer.REFUSED
    if holds:
        return Answer.FOLLOWED if SAME.holds(alike, sent, _present(other)) else Answer.TAKEN_BACK
    return Answer.OTHER


def _is_edited(move: Move, ends: Ends) -> bool:
    """Whether a write to the target gave the property another value than it had."""
    sent = move.sent.get(ends.target.path)
    before = single(move.before.target.get(ends.target.path)) if move.before is not None else None
    alike = Ends(source=ends.target, target=ends.target)
    return sent is not None and not SAME.holds(alike, sent, _present(before))


def _present(value: Scalar) -> Scalar:
    """A value to compare with; nothing is equal to an empty one."""
    return "" if value is None else value


def show(value: Scalar) -> str:
    """A value as a sentence shows it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
