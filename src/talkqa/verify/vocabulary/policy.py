"""Steps for what the documents do not promise: what is seen is told, and judged only where a user adopts it."""

from collections.abc import Mapping

from talkqa.model.check import RowClass
from talkqa.model.errors import CheckFailed, CheckLate, CheckNotRunnable, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.result import Cause
from talkqa.model.schema import FieldType
from talkqa.verify.link import refresh_travels
from talkqa.verify.pulse import require_edits_alive
from talkqa.verify.scenario import Scenario, side_of
from talkqa.verify.travel import rank_for_edit
from talkqa.verify.vocabulary.edits import (
    refusable,
    write_and_remember,
)
from talkqa.verify.vocabulary.merging import recorded_near_miss
from talkqa.verify.vocabulary.rest import let_pass
from talkqa.verify.wiggle import confirm, refresh

_EMPTIABLE = (RowClass.PLAIN, RowClass.HIDDEN_TRANSFORM)


async def emptied(s: Scenario, side: str, entity: str) -> None:
    """Empty a documented property of one side: the first that may be empty, and is filled, on both.

    Plain rows go first; what a hidden transform makes of nothing nobody knows.
    """
    one = side_of(side)
    await refresh(s.state, s.pair)
    order = {
        row: (_EMPTIABLE.index(_class_of(s, row)), row.source, row.target)
        for row in s.state.flow.properties
        if _class_of(s, row) in _EMPTIABLE
    }
    for row in sorted(order, key=lambda row: order[row]):
        paths = {each: s.state.path(row, each) for each in Side}
        if _may_be_emptied(s, row, paths):
            await _empty(s, paths[one], one, paths[one.other])
            return
    raise CheckNotRunnable(
        "cannot-be-emptied",
        f"{entity} shares no property with the other side that may be empty on both and is filled",
        cause=Cause.DOCUMENT,
    )


def _class_of(s: Scenario, row: PropertyRow) -> RowClass:
    return s.state.judgements[(row.source, row.target)].row_class


def _may_be_emptied(s: Scenario, row: PropertyRow, paths: Mapping[Side, str]) -> bool:
    judgement = s.state.judgements[(row.source, row.target)]
    return all(
        (field := judgement.field(side)) is not None
        and field.nullable
        and not field.required
        and field.type is not FieldType.BOOLEAN
        and judgement.writable(side)
        and s.pair.record(side).values.get(paths[side]) not in {None, "", ()}
        for side in Side
    )


async def seen_emptied(s: Scenario, side: str, entity: str) -> None:
    """Empty a property that this scenario saw travelling."""
    del entity
    one = side_of(side)
    for travel in rank_for_edit(s.pair.travels, s.state.both(), one, s.state.avoided):
        path, other = (travel.source, travel.target) if one is Side.SOURCE else (travel.target, travel.source)
        field = s.state.schema(one).field(path)
        if field is not None and field.nullable and not field.required:
            await _empty(s, path, one, other)
            return
    raise CheckNotRunnable("cannot-be-emptied", "no property that travels may be empty", cause=Cause.DOCUMENT)


async def _empty(s: Scenario, path: str, side: Side, other: str) -> None:
    field = s.state.schema(side).field(path)
    if field is None or not field.nullable or field.required:
        raise CheckNotRunnable("cannot-be-emptied", f"'{path}' may not be empty", cause=Cause.DOCUMENT)
    await write_and_remember(s, side, path, None, other)
    s.done = "emptied"


async def deleted(s: Scenario, side: str, entity: str) -> None:
    """Delete the record of one side; archive it where its system deletes none."""
    del entity
    record = s.pair.record(side_of(side))
    await refusable(s.access.delete(record))
    s.done = "deleted"
    archived = s.state.schema(side_of(side)).archive is not None and await s.access.get(record) is not None
    s.observe(f"{record.entity} {record.id} was {'archived' if archived else 'deleted'}")


async def recorded(s: Scenario, side: str, entity: str) -> None:
    """Tell what became of a record once two later records have arrived."""
    del entity
    if s.done == "refused":
        return
    await let_pass(s, 2, s.access.clock.now())
    if s.existing is not None:
        await recorded_near_miss(s)
        return
    there = side_of(side)
    record = s.pair.record(there)
    now = await s.access.get(record)
    gone = now is None or now.deleted
    if s.done == "deleted":
        word, seen = ("was deleted too", "deleted") if gone else ("is still there", "stays")
        archive = s.state.schema(there).archive
        if now is not None and archive is not None and now.values.get(archive[0]) == archive[1]:
            word, seen = "was archived", "archived"
        s.record_observation("delete-seen", f"{record.entity} {record.id} {word}", seen=seen)
        return
    path = s.edit.target_path or ""
    value = now.values.get(path) if now is not None else None
    seen = "gone" if gone else "emptied" if value in {None, ""} else "kept"
    word = {"gone": "is gone with its record", "emptied": "was emptied too", "kept": f"kept {value!r}"}[seen]
    if seen == "kept":
        word += f", although {await _require_edits_travel(s)}"
    s.record_observation("empty-seen", f"'{path}' of {record.entity} {record.id} {word}", seen=seen)


async def _require_edits_travel(s: Scenario) -> str:
    """What shows that an edit of the emptied side would have arrived.

    Raises:
        CheckUndecided: where nothing does, so that what was kept shows nothing.
    """
    side = s.edit.side
    try:
        return await require_edits_alive(s.state, side, s.edit.at_s, "an emptied property")
    except CheckLate as late:
        raise CheckUndecided(
            "vacuous",
            f"the {side.other} kept its value, which shows nothing: {late.message}",
            cause=late.cause,
            expected=late.expected,
            observed=late.observed,
        ) from late


async def still_linked(s: Scenario) -> None:
    """Tell whether the pair still moves together after the edit."""
    await let_pass(s, 1, s.access.clock.now())
    await refresh(s.state, s.pair)
    refresh_travels(s.state, s.pair)
    try:
        await confirm(s.state, s.pair, s.key("after"))
    except CheckFailed as outcome:
        s.record_observation("link-lost", outcome.message, seen="lost")
        return
    s.record_observation("link-survived", s.pair.confirmed_by, seen="survives")
