"""Steps for what the documents do not promise: what is seen is told, and judged only where a user adopts it."""

from talkqa.model.errors import CheckFailed, CheckNotRunnable, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.result import Cause
from talkqa.verify.compare import compare
from talkqa.verify.link import refresh_travels
from talkqa.verify.probe import Travel, own_values, strong_tokens
from talkqa.verify.scenario import Merging, Scenario, side_of
from talkqa.verify.travel import rank_for_edit, record_tokens, spelled
from talkqa.verify.values import NoCommonValueError
from talkqa.verify.vocabulary.edits import (
    refusable,
    require_writable,
    row_on,
    write_and_remember,
)
from talkqa.verify.vocabulary.rest import let_pass
from talkqa.verify.wiggle import confirm, draw_edit, refresh

_GAP_S = 2.2
"""Between two edits of which one is later: above stamp granularities and the clock skew that is allowed for."""
_CLEAR_S = 0.7
"""How far above the granularity of a system's stamps two edits must lie apart."""
_ATTEMPTS, _TRIALS = 4, 12
"""Attempts in which the engine was quicker, and attempts in all: where the systems answered late, nothing is shown."""
_GLANCES, _GLANCE_S = 20, 0.4
"""How often, and at what distance, the target is looked at until an edit has just arrived."""


async def emptied(s: Scenario, path: str, side: str, entity: str) -> None:
    """Empty a documented property of one side."""
    del entity
    row, judgement = row_on(s, path, side_of(side))
    require_writable(judgement, side_of(side))
    ends = (row.source, row.target) if side_of(side) is Side.SOURCE else (row.target, row.source)
    schemas = (s.state.schema(side_of(side)), s.state.schema(side_of(side).other))
    await _empty(s, spelled(schemas[0], ends[0]), side_of(side), spelled(schemas[1], ends[1]))


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
        _record_near_miss(s, s.existing)
        return
    there = side_of(side)
    record = s.pair.record(there)
    now = await s.access.get(record)
    gone = now is None or now.deleted
    if s.done == "deleted":
        word = "was deleted too" if gone else "is still there"
        archive = s.state.schema(there).archive
        if now is not None and archive is not None and now.values.get(archive[0]) == archive[1]:
            word = "was archived"
        s.record_observation("delete-seen", f"{record.entity} {record.id} {word}")
        return
    path = s.edit.target_path or ""
    value = now.values.get(path) if now is not None else None
    word = "is gone with its record" if gone else "was emptied too" if value in {None, ""} else f"kept {value!r}"
    s.record_observation("empty-seen", f"'{path}' of {record.entity} {record.id} {word}")


def _record_near_miss(s: Scenario, existing: Merging) -> None:
    """Tell whether a record that nearly matches was merged, by the values that only one of the two had."""
    schemas = s.state.both()
    theirs = strong_tokens(own_values(existing.target, schemas[1]).values())
    own, others = s.probe.tokens - theirs, theirs - s.probe.tokens
    observer = s.state.observer(Side.TARGET)
    found = observer.carriers(own)
    made = sorted(i for i, sighting in found.items() if i != s.probe.record.id and not s.access.is_own(sighting.record))
    came_back = any(
        others & record_tokens(version.record)
        for version in s.state.observer(Side.SOURCE).versions(s.probe.record.id, -1)
    )
    name = f"{existing.target.entity} {existing.target.id}"
    if made:
        text = f"it was taken as another one: {existing.target.entity} {made[0]} was created"
    elif existing.target.id in found or came_back:
        text = f"it was merged with {name}"
    else:
        text = f"neither was another {existing.target.entity} seen nor did {name} or the record itself show a merge"
    s.record_observation("near-miss-seen", text)


async def both_edited(s: Scenario, source_path: str, source: str, target_path: str, target: str) -> None:
    """Edit the source and then the target before either edit crossed."""
    del source, target, target_path
    row, judgement = row_on(s, source_path, Side.SOURCE)
    require_writable(judgement, Side.SOURCE)
    require_writable(judgement, Side.TARGET)
    ends = spelled(s.state.schema(Side.SOURCE), row.source), spelled(s.state.schema(Side.TARGET), row.target)
    await _edit_both(s, Travel(source=ends[0], target=ends[1], equal=True))


async def seen_both_edited(s: Scenario, source: str, target: str) -> None:
    """The same on a property that this scenario saw travelling."""
    del source, target
    travels = rank_for_edit(s.pair.travels, s.state.both(), Side.TARGET, s.state.avoided)
    if not travels:
        raise CheckUndecided(
            "nothing-to-edit", "no property that travels can be edited on both sides", cause=Cause.DOCUMENT
        )
    await _edit_both(s, travels[0])


async def _edit_both(s: Scenario, travel: Travel) -> None:
    """Edit both sides so that neither edit had crossed when the second was acknowledged; tried a few times."""
    schemas = [s.access.clients[s.state.flow.entity(side).system].schema for side in Side]
    gap_s = max(_GAP_S, *(schema.stamp_granularity_s + _CLEAR_S for schema in schemas))
    quicker = 0
    for attempt in range(_TRIALS):
        if quicker == _ATTEMPTS:
            break
        if attempt:
            await _see_one_cross(s, travel, 1 + 3 * attempt)
        first = _draw(s, Side.SOURCE, travel, 2 + 3 * attempt)
        begun_s = s.access.clock.now()
        await write_and_remember(s, Side.SOURCE, travel.source, first, travel.target)
        before = s.edit.target_before.values.get(travel.target)
        await s.access.clock.sleep(gap_s)
        crossed = await s.access.get(s.pair.target)
        if crossed is not None and crossed.values.get(travel.target) == before:
            second = _draw(s, Side.TARGET, travel, 3 + 3 * attempt)
            await write_and_remember(s, Side.TARGET, travel.target, second, travel.source)
            s.conflict = (travel, first, second)
            return
        quicker += s.access.clock.now() - begun_s < 2 * gap_s
    raise CheckUndecided(
        "edits-crossed",
        f"in {quicker} attempts the first edit had arrived {gap_s:.1f} s later, before the second was made",
        cause=Cause.HARNESS,
    )


async def _see_one_cross(s: Scenario, travel: Travel, counter: int) -> None:
    """Let an edit arrive and go on at once: an engine that works in rounds is then farthest from its next one."""
    value = _draw(s, Side.SOURCE, travel, counter)
    await write_and_remember(s, Side.SOURCE, travel.source, value, travel.target)
    before = s.edit.target_before.values.get(travel.target)
    for _ in range(_GLANCES):
        await s.access.clock.sleep(_GLANCE_S)
        now = await s.access.get(s.pair.target)
        if now is None or now.values.get(travel.target) != before:
            return


def _draw(s: Scenario, side: Side, travel: Travel, counter: int) -> Scalar:
    try:
        return draw_edit(s.state, side, travel, s.key("edit"), counter)
    except NoCommonValueError as error:
        raise CheckNotRunnable("no-common-value", str(error), cause=Cause.DOCUMENT) from error


async def later_stands(s: Scenario) -> None:
    """Tell which of two edits stands once the pair has come to rest."""
    if s.conflict is None:
        raise CheckUndecided("step-missing", "the scenario needs two edits first", cause=Cause.HARNESS)
    travel, earlier, later = s.conflict
    await let_pass(s, 3, s.access.clock.now())
    await refresh(s.state, s.pair)
    schemas = s.state.both()
    fields = (schemas[0].field(travel.source), schemas[1].field(travel.target))
    here, there = s.pair.source.record.values.get(travel.source), s.pair.target.values.get(travel.target)

    def same(one: FieldValue, other: FieldValue) -> bool:
        return compare(one, other, expected_field=fields[0], actual_field=fields[1], declared=None).equal

    if same(here, there) and same(here, later) and same(later, there):
        s.record_observation("later-stands", f"both sides hold the later edit {later!r}")
    elif same(here, there) and same(here, earlier) and same(earlier, there):
        s.record_observation("earlier-stands", f"both sides hold the earlier edit {earlier!r}")
    else:
        s.record_observation("sides-differ", f"the source holds {here!r} and the target {there!r}")


async def still_linked(s: Scenario) -> None:
    """Tell whether the pair still moves together after the edit."""
    await let_pass(s, 1, s.access.clock.now())
    await refresh(s.state, s.pair)
    refresh_travels(s.state, s.pair)
    try:
        await confirm(s.state, s.pair, s.key("after"))
    except CheckFailed as outcome:
        s.record_observation("link-lost", outcome.message)
        return
    s.record_observation("link-survived", s.pair.confirmed_by)
