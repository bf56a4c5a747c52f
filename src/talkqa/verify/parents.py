"""Rows that refer to another record on both sides: judged by that record's counterpart, whose link is proven first.

Used by the steps that edit a row and by those that see it follow. Which flow keeps the two referred records in step
follows from the entities that the fields refer to; where no schema names them, nothing can be said.
"""

from dataclasses import dataclass

from talkqa.model.errors import CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.record import Record
from talkqa.model.result import Cause
from talkqa.model.schema import FieldType
from talkqa.verify.flowstate import FlowState
from talkqa.verify.link import make_pair
from talkqa.verify.rows import RowJudgement
from talkqa.verify.wiggle import confirm


@dataclass(frozen=True, slots=True, kw_only=True)
class Parents:
    """Two records that are linked, one in each system of a flow; a row refers to them on either side."""

    source: Record
    """The one in the system of the flow's source."""
    target: Record

    def on(self, side: Side) -> Record:
        """The one that a record of this side refers to."""
        return self.source if side is Side.SOURCE else self.target


def is_reference(judgement: RowJudgement) -> bool:
    """Whether both sides of a row refer to another record."""
    return all(
        field is not None and field.type is FieldType.REFERENCE
        for field in (judgement.source_field, judgement.target_field)
    )


async def make_parents(state: FlowState, judgement: RowJudgement, key: str) -> Parents:
    """Two new records to which a row may refer, seen to be linked.

    Raises:
        CheckUndecided: where no flow is known that keeps such records in step, or none came about.
        CheckFailed: where one came about and is not linked; the link of the parent is what fails then.
    """
    carrier = _carrier_of(state, judgement)
    row = f"{judgement.row.source} to {judgement.row.target}"
    if carrier is None:
        raise CheckUndecided(
            "parent-unknown",
            f"{row} refers to other records, and no flow is known that keeps those in step, so nothing says what it is "
            "to refer to on the other side",
            cause=Cause.DOCUMENT,
        )
    other, turned = carrier
    await other.prepare()
    pair = await make_pair(other, key)
    if pair is None:
        raise CheckUndecided(
            "parent-not-synchronized",
            f"{row} refers to other records, and no new {other.flow.source.name} was seen to be synchronized",
            cause=Cause.ENGINE_OR_API,
        )
    await confirm(other, pair, key)
    ends = (pair.target, pair.source.record) if turned else (pair.source.record, pair.target)
    return Parents(source=ends[0], target=ends[1])


def _carrier_of(state: FlowState, judgement: RowJudgement) -> tuple[FlowState, bool] | None:
    """The flow that keeps in step what a row refers to, and whether it leads the other way; None where none does."""
    fields = judgement.source_field, judgement.target_field
    named = [frozenset(e.casefold() for e in (f.references if f is not None else ())) for f in fields]
    systems = [state.flow.entity(side).system for side in Side]
    for other in state.neighbours.values():
        ends = [other.flow.entity(side) for side in Side]
        for turned in (False, True):
            one, two = ends[::-1] if turned else ends
            joins = one.entity.casefold() in named[0] and two.entity.casefold() in named[1]
            if joins and [one.system, two.system] == systems:
                return other, turned
    return None
