"""Steps that edit one side of a pair and remember what was there before."""

from collections.abc import Awaitable, Mapping
from typing import TypeVar

from talkqa.model.errors import ApiRefused, CheckNotRunnable, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import Scalar
from talkqa.model.result import Cause
from talkqa.model.schema import FieldSchema
from talkqa.systems.sentinels import can_hold
from talkqa.verify.link import write_edit
from talkqa.verify.parents import is_reference, make_parents
from talkqa.verify.probe import Edit, Travel
from talkqa.verify.rows import RowJudgement
from talkqa.verify.scenario import Scenario, side_of
from talkqa.verify.travel import rank_for_edit, spelled, written_of
from talkqa.verify.values import NoCommonValueError
from talkqa.verify.vocabulary.partitions import value_of
from talkqa.verify.vocabulary.referring import created_referring, is_given_at_creation
from talkqa.verify.wiggle import draw_edit, refresh, settle

T = TypeVar("T")
_DRAWS = 5
"""Values that are tried until one differs from what stands there."""


async def edited(s: Scenario, path: str, side: str, entity: str) -> None:
    """Give a documented property of one side a new value; a merge criterion counts as documented."""
    del entity
    criterion = _criterion_on(s, path, side_of(side))
    if criterion is not None:
        await edit_travel(s, criterion, side_of(side), counter=2)
        return
    row, judgement = row_on(s, path, side_of(side))
    await edit_row(s, row, judgement, side_of(side), None)


def _criterion_on(s: Scenario, path: str, side: Side) -> Travel | None:
    """The merge criterion that a scenario is about, where no property table has its path."""
    check, flow = s.world.check(s.plan.check), s.state.flow
    if check is None or check.row is None or s.state.values.rows_on(path, source_side=side is Side.SOURCE):
        return None
    row = next((m for m in flow.merge if (m.source, m.target) == (check.row.source, check.row.target)), None)
    if row is None:
        return None
    source, target = s.state.both()
    if source.field(row.source) is None or target.field(row.target) is None:
        return None
    return Travel(source=spelled(source, row.source), target=spelled(target, row.target), equal=True)


async def set_to(s: Scenario, path: str, side: str, entity: str, partition: str) -> None:
    """Give a documented property a value of a kind that often goes wrong."""
    del entity
    here = side_of(side)
    row, judgement = row_on(s, path, here)
    require_writable(judgement, here)
    value = value_of(partition, row, s.state, s.key("partition"), here)
    own = s.state.path(row, here)
    if s.pair.record(here).values.get(own) == value:  # it would follow without moving: away from it first
        await edit_row(s, row, judgement, here, None)
        await settle(s.state, s.pair)
    await edit_row(s, row, judgement, here, value)


def row_on(s: Scenario, path: str, side: Side) -> tuple[PropertyRow, RowJudgement]:
    """The documented row that a step means: the scenario's own, else the first one on that path."""
    check = s.world.check(s.plan.check)
    rows = s.state.values.rows_on(path, source_side=side is Side.SOURCE)
    own = [r for r in rows if check and check.row and (r.source, r.target) == (check.row.source, check.row.target)]
    if not rows:
        raise CheckUndecided(
            "row-unknown",
            f"no property table of {s.state.flow.title} has '{path}' on its {side} side",
            cause=Cause.DOCUMENT,
        )
    row = (own or list(rows))[0]
    return row, s.state.judgements[(row.source, row.target)]


async def edit_row(s: Scenario, row: PropertyRow, judgement: RowJudgement, side: Side, value: Scalar) -> None:
    """Write a new value into one side of a row and remember what was there before."""
    require_writable(judgement, side)
    ends = {each: s.state.path(row, each) for each in Side}
    path = ends[side]
    current = s.pair.record(side).values.get(path)
    if value is None and is_reference(judgement):
        s.parents = await make_parents(s.state, judgement, s.key("parent"))
        s.probe.companions |= {s.parents.source.id, s.parents.target.id}  # what a system mirrors of them is theirs
        value = s.parents.on(side).id
        if is_given_at_creation(s, judgement, side):
            s.row = row
            await created_referring(s, s.parents, path, ends[side.other])
            return
    for counter in range(2, 2 + _DRAWS):
        if value is not None:
            break
        try:
            drawn = (
                s.state.values.draw_source(row.source, s.key("edit"), counter, telling=True)
                if side is Side.SOURCE
                else s.state.values.draw_target(row, s.key("edit"), counter, telling=True)
            )
        except NoCommonValueError as error:
            raise CheckNotRunnable("no-common-value", str(error), cause=Cause.DOCUMENT) from error
        value = None if drawn == current else drawn
    if value is None:
        raise CheckNotRunnable("no-new-value", f"no new value for '{path}' is known that both sides can hold")
    s.row = row
    await write_and_remember(s, side, path, value, ends[side.other])


def require_writable(judgement: RowJudgement, side: Side) -> None:
    """End the scenario where a side of a row cannot be edited by anybody.

    Raises:
        CheckNotRunnable: naming the reason.
    """
    if not judgement.writable(side):
        raise CheckNotRunnable("read-only", judgement.reason(side), cause=Cause.DOCUMENT)
    if side is Side.TARGET and not judgement.source_writable:
        raise CheckNotRunnable("read-only", judgement.source_reason, cause=Cause.DOCUMENT)


async def write_and_remember(s: Scenario, side: Side, path: str, value: Scalar, other_path: str) -> None:
    """Write an edit; a value that the system refuses makes the row not runnable."""
    state, pair = s.state, s.pair
    await refresh(s.state, s.pair)
    before = pair.record(side)
    source_before, target_before = pair.source.record, pair.target
    stored = await refusable(write_edit(state, before, {path: value}))
    pair.replace(side, stored)
    s.followed = None
    s.edit = Edit(
        side=side,
        path=path,
        before=before.values.get(path),
        after=value,
        at_s=s.access.clock.now(),
        source_before=source_before,
        target_before=target_before,
        target_path=other_path,
    )
    s.observe(f"'{path}' of {before.entity} {before.id} was set from {before.values.get(path)!r} to {value!r}")


async def refusable(write: Awaitable[T]) -> T:
    """What a write gives; a value that the system refuses makes the check not runnable."""
    try:
        return await write
    except ApiRefused as error:
        raise CheckNotRunnable(
            "value-refused", f"the system refuses the test's value: {error}", cause=Cause.API
        ) from error


async def seen_edited(s: Scenario, side: str, entity: str) -> None:
    """Edit a property that this scenario saw travelling."""
    del entity
    travels = rank_for_edit(s.pair.travels, s.state.both(), side_of(side), s.state.avoided)
    if not travels:
        raise CheckUndecided(
            "nothing-to-edit", "no property was seen to travel that could be edited", cause=Cause.DOCUMENT
        )
    await edit_travel(s, travels[0], side_of(side), counter=2)


async def edit_travel(s: Scenario, travel: Travel, side: Side, counter: int) -> None:
    """Give a property that travels a new value on one side."""
    paths = (travel.source, travel.target) if side is Side.SOURCE else (travel.target, travel.source)
    current = s.pair.record(side).values.get(paths[0])
    try:
        drawn = (draw_edit(s.state, side, travel, s.key("edit"), counter + n, telling=True) for n in range(_DRAWS))
        value = next((each for each in drawn if each != current), None)
    except NoCommonValueError as error:
        raise CheckNotRunnable("no-common-value", str(error), cause=Cause.DOCUMENT) from error
    if value is None:
        raise CheckNotRunnable("no-new-value", f"no new value for '{paths[0]}' is known that both sides can hold")
    s.travel = travel
    await write_and_remember(s, side, paths[0], value, paths[1])


async def rewritten(s: Scenario, source: str) -> None:
    """Give every writable property of the source a new value in one write."""
    del source
    state, pair = s.state, s.pair
    s.rewrites = [(pair.source.record, pair.target)]
    s.first_travels = pair.travels
    values = _new_values(s)
    if not values:
        raise CheckNotRunnable("nothing-to-rewrite", f"no property of {pair.source.record.entity} can be rewritten")
    while True:
        try:
            stored = await write_edit(state, pair.source.record, values)
            break
        except ApiRefused as error:
            if error.field is None or error.field not in values or len(values) == 1:
                raise CheckNotRunnable("value-refused", str(error), cause=Cause.API) from error
            del values[error.field]
    pair.source.record = stored
    pair.source.written_s = s.access.clock.now()
    s.observe(f"{len(values)} properties of {stored.entity} {stored.id} were rewritten")


def _new_values(s: Scenario) -> dict[str, Scalar]:
    state = s.state
    schema = state.schema(Side.SOURCE)
    held: Mapping[str, Scalar] = written_of(s.pair.source.record, schema)
    documented = {spelled(schema, r.source) for r in state.flow.properties}
    fixed = {spelled(schema, path) for path in state.avoided}
    values: dict[str, Scalar] = {}
    for path in sorted(held):
        field = schema.field(path)
        if field is None or not field.writable or path in fixed or not (can_hold(field) or path in documented):
            continue
        drawn = (_redrawn(s, path, field, counter, documented=path in documented) for counter in range(3, 3 + _DRAWS))
        value = next((each for each in drawn if each != held[path]), None)
        if value is not None:
            values[path] = value
    return values


def _redrawn(s: Scenario, path: str, field: FieldSchema, counter: int, *, documented: bool) -> Scalar:
    if not documented:
        return s.state.access.sentinels.value(field, s.key("rewrite"), counter)
    try:
        return s.state.values.draw_source(path, s.key("rewrite"), counter, telling=True)
    except NoCommonValueError:
        return None
