"""Steps that do something to a system, as a user of it would."""

from collections.abc import Awaitable, Mapping
from typing import TypeVar

from talkqa.checklist.phrases import quotable
from talkqa.model.errors import ApiRefused, CheckFailed, CheckNotRunnable, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import Scalar
from talkqa.model.result import Cause
from talkqa.model.settings import ConditionBinding
from talkqa.systems.sentinels import can_hold
from talkqa.verify.judge import require_alive
from talkqa.verify.link import (
    connect,
    draw_edit,
    make_companion,
    no_way_in,
    write_edit,
    write_source,
    write_target,
)
from talkqa.verify.probe import Edit, Probe, Travel
from talkqa.verify.routes import Connection, Route, fold, usable_merge_rows
from talkqa.verify.rows import RowJudgement
from talkqa.verify.scenario import Merging, Scenario, side_of
from talkqa.verify.travel import rank_for_edit, written_of
from talkqa.verify.values import NoCommonValueError, fit
from talkqa.verify.vocabulary.partitions import value_of

T = TypeVar("T")


async def created(s: Scenario, source: str) -> None:
    """Create a source record for which the document promises a counterpart."""
    del source
    state = s.state
    key = s.key("probe")
    if state.route is Route.CREATE:
        s.probe = await write_source(state, key)
    elif state.route is Route.CONNECT:
        connection = state.connections[0]
        companion = await make_companion(state, key, connection)
        await _create_connected(s, connection, companion)
    elif state.route is Route.MERGE:
        row = usable_merge_rows(state.flow, *state.both())[0]
        target, value = await write_target(state, s.key("existing"), row)
        s.existing = Merging(target=target, value=value, row=row)
        s.probe = await write_source(state, key, {row.source: value})
    else:
        raise no_way_in(state)
    _tell_created(s)


def _tell_created(s: Scenario, remark: str = "") -> None:
    s.observe(f"{s.probe.record.entity} {s.probe.record.id} was created{remark}")


async def _create_connected(s: Scenario, connection: Connection, companion: Probe) -> None:
    if connection.binding.held_by == "source":
        s.probe = await write_source(s.state, s.key("probe"), {connection.binding.path: companion.record.id})
    else:
        s.probe = await write_source(s.state, s.key("probe"))
        await connect(s.state, s.probe, connection, companion)


async def created_connected(s: Scenario, source: str, entity: str) -> None:
    """Create a source record and connect it with the record made before."""
    del source
    if s.companion is None:
        raise CheckUndecided("step-missing", f"the scenario needs a synchronized {entity} first", cause=Cause.HARNESS)
    connection = next(c for c in s.state.connections if c.entity.name == s.companion[0])
    await _create_connected(s, connection, s.companion[1])
    _tell_created(s, f", connected with that {entity}")


async def created_matching(s: Scenario, source: str, source_path: str, target_path: str, target: str) -> None:
    """Create a source record that meets a merge criterion."""
    del source, target
    existing = _existing(s)
    s.probe = await write_source(s.state, s.key("probe"), {source_path: existing.value})
    _tell_created(s, f" with {existing.value!r} in '{source_path}', as in '{target_path}' of the other record")


async def created_nearly(
    s: Scenario, source: str, source_path: str, target_path: str, target: str, difference: str
) -> None:
    """Create a source record that all but meets a merge criterion."""
    del source, target, target_path
    existing = _existing(s)
    if not isinstance(existing.value, str):
        raise CheckNotRunnable("no-near-value", f"{existing.value!r} has no {difference} to differ in")
    value = existing.value.swapcase() if difference == "letter case" else f" {existing.value} "
    if value == existing.value:
        raise CheckNotRunnable("no-near-value", f"{existing.value!r} has no {difference} to differ in")
    s.probe = await _refusable(write_source(s.state, s.key("probe"), {source_path: value}))
    _tell_created(s, f" with {value!r} in '{source_path}'")


def _existing(s: Scenario) -> Merging:
    if s.existing is None:
        raise CheckUndecided("step-missing", "the scenario needs an existing target first", cause=Cause.HARNESS)
    return s.existing


async def created_unlinked(s: Scenario, source: str, target: str = "") -> None:
    """Create a source record that nothing links: no connection, no merge criterion that matches."""
    del source, target
    await _require_pulse(s)
    s.probe = await write_source(s.state, s.key("probe"))
    s.forbidden = True
    _tell_created(s, ", linked by nothing")


async def _require_pulse(s: Scenario) -> None:
    """Before a record that must stay out: records that may travel do."""
    state = s.state
    if state.route is Route.NONE:
        raise no_way_in(state)
    since_s = s.access.clock.now()
    if not await state.heartbeats.rounds(1):
        await require_alive(state, since_s, "a permissible record")
        raise CheckUndecided(
            "nothing-travels",
            f"no permissible {state.flow.source.name} travelled either, so absence shows nothing",
            cause=Cause.ENGINE_OR_API,
        )


async def created_holds(s: Scenario, source: str, condition: str) -> None:
    """Create a source record for which a condition holds."""
    del condition
    await created(s, source)


async def created_fails(s: Scenario, source: str, condition: str) -> None:
    """Create a source record for which a condition does not hold, and everything else does."""
    del source
    if not any(_means(binding, condition) for binding in s.state.conditions):
        raise CheckNotRunnable(
            "condition-remark",
            f"'{condition}' is bound as an editor's remark, which restricts nothing",
            cause=Cause.DOCUMENT,
        )
    if not all(binding.fails for binding in s.state.conditions if _means(binding, condition)):
        raise CheckUndecided(
            "condition-unbound",
            f"nothing says which values make '{condition}' false; add `fails` to its binding in talkqa.toml",
            cause=Cause.CONFIGURATION,
        )
    await _require_pulse(s)
    overrides: dict[str, Scalar] = {}
    for binding in s.state.conditions:
        overrides.update(binding.fails if _means(binding, condition) else binding.holds)
    s.probe = await write_source(s.state, s.key("probe"), overrides, permissible=False)
    s.forbidden = True
    _tell_created(s, f" with {dict(overrides)}, so that '{condition}' does not hold")


def _means(binding: ConditionBinding, words: str) -> bool:
    """Whether a binding explains the words of a step, which hold apostrophes where the document has quotes."""
    return fold(quotable(binding.text)) == fold(words)


async def becomes_true(s: Scenario, condition: str) -> None:
    """Make a condition hold for the record of the scenario."""
    values: dict[str, Scalar] = {}
    for binding in s.state.conditions:
        if _means(binding, condition):
            values.update(binding.holds)
    if not values:
        raise CheckUndecided("condition-unbound", f"nothing says how '{condition}' comes to hold", cause=Cause.DOCUMENT)
    s.probe.record = await write_edit(s.state, s.probe.record, values)
    s.probe.written_s = s.access.clock.now()
    s.observe(f"{s.probe.record.entity} {s.probe.record.id} was given {values}: '{condition}' holds now")


async def becomes_linked(s: Scenario, target: str) -> None:
    """Establish the link that was missing, by a merge criterion or else by a connection."""
    del target
    state = s.state
    rows = usable_merge_rows(state.flow, *state.both())
    if not rows:
        await becomes_connected(s, state.flow.target.system)
        return
    row = rows[0]
    own = state.schema(Side.TARGET).field(row.target)
    value = s.probe.record.values.get(row.source)
    if own is None or value is None or isinstance(value, tuple):
        raise no_way_in(state)
    record = await s.access.create(
        state.flow.target.system, state.schema(Side.TARGET).name, s.key("existing"), {own.path: fit(value, own)}
    )
    s.existing = Merging(target=record, value=value, row=row)
    s.probe.written_s = s.access.clock.now()
    s.observe(f"{record.entity} {record.id} was created with {value!r} in '{row.target}', which matches the record")


async def becomes_connected(s: Scenario, system: str) -> None:
    """Connect the record of the scenario with something that is synchronised."""
    del system
    state = s.state
    if not state.connections:
        raise no_way_in(state)
    connection = state.connections[0]
    companion = await make_companion(state, s.key("companion"), connection)
    await connect(state, s.probe, connection, companion)
    s.probe.written_s = s.access.clock.now()
    s.observe(f"it was connected with {companion.record.entity} {companion.record.id}, which is synchronized")


async def edited(s: Scenario, path: str, side: str, entity: str) -> None:
    """Give a documented property of one side a new value."""
    del entity
    row, judgement = row_on(s, path, side_of(side))
    await edit_row(s, row, judgement, side_of(side), None)


async def set_to(s: Scenario, path: str, side: str, entity: str, partition: str) -> None:
    """Give a documented property a value of a kind that often goes wrong."""
    del entity
    row, judgement = row_on(s, path, side_of(side))
    value = value_of(partition, row, s.state)
    await edit_row(s, row, judgement, side_of(side), value)


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
    path = row.source if side is Side.SOURCE else row.target
    current = s.pair.record(side).values.get(path)
    for counter in range(2, 7):
        if value is not None:
            break
        try:
            drawn = (
                s.state.values.draw_source(row.source, s.key("edit"), counter, telling=True)
                if side is Side.SOURCE
                else s.state.values.draw_target(row, s.key("edit"), counter)
            )
        except NoCommonValueError as error:
            raise CheckNotRunnable("no-common-value", str(error), cause=Cause.DOCUMENT) from error
        value = None if drawn == current else drawn
    if value is None:
        raise CheckNotRunnable("no-new-value", f"no new value for '{path}' is known that both sides can hold")
    s.row = row
    await write_and_remember(s, side, path, value, row.target if side is Side.SOURCE else row.source)


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
    for one in Side:
        fresh = await s.access.get(pair.record(one))
        if fresh is None:
            raise CheckFailed("counterpart-gone", f"the {one} record of the pair is gone", cause=Cause.ENGINE_OR_API)
        pair.replace(one, fresh)
    before = pair.record(side)
    source_before, target_before = pair.source.record, pair.target
    stored = await _refusable(write_edit(state, before, {path: value}))
    pair.replace(side, stored)
    s.edit = Edit(
        side=side,
        path=path,
        before=before.values.get(path),
        after=value,
        at_s=s.access.clock.now(),
        source_before=source_before,
        target_before=target_before,
        target_path=other_path,
        orders={one: state.observer(one).order for one in Side},
    )
    s.observe(f"'{path}' of {before.entity} {before.id} was set from {before.values.get(path)!r} to {value!r}")


async def _refusable(write: Awaitable[T]) -> T:
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
    try:
        value = draw_edit(s.state, side, travel, s.key("edit"), counter)
    except NoCommonValueError as error:
        raise CheckNotRunnable("no-common-value", str(error), cause=Cause.DOCUMENT) from error
    s.travel = travel
    paths = (travel.source, travel.target) if side is Side.SOURCE else (travel.target, travel.source)
    await write_and_remember(s, side, paths[0], value, paths[1])


async def rewritten(s: Scenario, source: str) -> None:
    """Give every writable property of the source a new value in one write."""
    del source
    state, pair = s.state, s.pair
    s.rewrites = [(pair.source.record, pair.target)]
    s.first_travels = pair.travels
    values = _new_values(s)
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
    documented = {r.source for r in state.flow.properties}
    fixed = {p for b in state.conditions for p in (*b.holds, *b.fails)}
    fixed |= {c.binding.path for c in state.connections}
    fixed |= {q.path for r in state.flow.properties for q in r.qualifiers}
    values: dict[str, Scalar] = {}
    for path in sorted(held):
        field = schema.field(path)
        if field is None or not field.writable or path in fixed or not (can_hold(field) or path in documented):
            continue
        try:
            value = (
                state.values.draw_source(path, s.key("rewrite"), 3, telling=True)
                if path in documented
                else state.access.sentinels.value(field, s.key("rewrite"), 3)
            )
        except NoCommonValueError:
            continue
        if value is not None:
            values[path] = value
    return values
