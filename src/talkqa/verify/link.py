"""Making a linked pair: write a source record, recognise its counterpart, confirm the link by a wiggle."""

from collections.abc import Mapping

from talkqa.model.errors import CheckFailed, CheckUndecided
from talkqa.model.flow import MergeRow, Side
from talkqa.model.record import Record, Scalar
from talkqa.model.result import Cause
from talkqa.verify.flowstate import FlowState
from talkqa.verify.judge import require_alive
from talkqa.verify.observer import Sighting
from talkqa.verify.probe import Pair, Probe, Travel, own_values, strong_tokens
from talkqa.verify.routes import Connection, Route, usable_merge_rows
from talkqa.verify.travel import find_travels, rank_for_edit, record_tokens, tokens_of, written_of
from talkqa.verify.values import NoCommonValueError, common_field, fit

_MERGE_ROUNDS = 5
"""Poll periods left to the engine to merge before the criterion is moved: earlier it would not match any more."""


async def write_source(
    state: FlowState, key: str, overrides: Mapping[str, Scalar] | None = None, *, permissible: bool = True
) -> Probe:
    """Create a source record that carries sentinels; conditions of the flow hold for it unless told otherwise."""
    values = dict(state.values.for_probe(key))
    if permissible:
        for binding in state.conditions:
            values.update(binding.holds)
    values.update(overrides or {})
    schema = state.schema(Side.SOURCE)
    record = await state.access.create(state.flow.source.system, schema.name, key, values)
    # the flow may begin to act on it from here on
    probe = Probe(record=record, written_s=state.access.clock.now(), tokens=set())
    probe.note(own_values(record, schema))
    state.access.own_tokens(probe.tokens, record.id)
    return probe


async def find_counterpart(
    state: FlowState, probe: Probe, *, within_s: float, ignored: frozenset[str] = frozenset()
) -> Sighting | None:
    """The first target record seen with the probe's own values; None where none came within so many seconds.

    Args:
        state: The flow.
        probe: The source record.
        within_s: Seconds to wait.
        ignored: Tokens that the target may carry for another reason, such as a merge criterion.
    """
    marks = state.marks(probe.record).without(ignored)
    same_entity = state.observer(Side.SOURCE) is state.observer(Side.TARGET)

    def accept(sighting: Sighting) -> bool:
        record = sighting.record
        if record.deleted or (same_entity and record.id == probe.record.id):
            return False
        if record_tokens(record) & marks.strong:
            return True
        return sighting.seen_s >= probe.written_s and not state.access.is_own(record) and marks.recognise(record)

    return await state.observer(Side.TARGET).wait_for(accept, within_s=within_s, tokens=marks.tokens())


def pair_up(state: FlowState, probe: Probe, sighting: Sighting) -> Pair:
    """A pair of a probe and the target record it was recognised in; the engine's copy is noted in the ledger."""
    target = sighting.record
    state.access.adopt(target, why=f"carries values of {probe.record.entity} {probe.record.id}")
    pair = Pair(source=probe, target=target, seen_s=sighting.seen_s, travels=())
    refresh_travels(state, pair)
    return pair


def refresh_travels(state: FlowState, pair: Pair) -> None:
    """Look again at what of the source shows in the target."""
    schema = state.schema(Side.SOURCE)
    written = written_of(pair.source.record, schema)
    pair.travels = find_travels(pair.source.record, written, pair.target, state.both())


async def start_pair(
    state: FlowState, key: str, overrides: Mapping[str, Scalar] | None = None
) -> tuple[Probe, Sighting | None]:
    """Write a permissible source record and wait for its counterpart.

    Returns:
        The probe, and the sighting of its counterpart; None in its place where none came in time.

    Raises:
        CheckUndecided: where nothing is known that could establish a link.
    """
    if state.route is Route.CREATE:
        probe = await write_source(state, key, overrides)
    elif state.route is Route.CONNECT:
        probe = await write_connected(state, key, state.connections[0], overrides)
    elif state.route is Route.MERGE:
        row = usable_merge_rows(state.flow, *state.both())[0]
        target, value = await write_target(state, f"{key}/existing", row)
        probe = await write_source(state, key, {**(overrides or {}), row.source: value})
    else:
        raise no_way_in(state)
    if state.route is Route.MERGE:
        return probe, await find_merged(state, probe, target, row, key)
    seen = await find_counterpart(state, probe, within_s=state.access.settings.patience_s)
    if seen is not None and state.route is Route.CREATE:
        state.access.note_latency(state.flow, Side.SOURCE, max(0.0, seen.seen_s - probe.written_s))
    return probe, seen


async def find_merged(state: FlowState, probe: Probe, target: Record, row: MergeRow, key: str) -> Sighting | None:
    """The first target seen with values of a probe that matches an existing target; None where there is none."""
    ignored = record_tokens(target)
    if not state.marks(probe.record).without(ignored).tokens():
        return await _move_criterion(state, probe, target, row, key)
    return await find_counterpart(state, probe, within_s=state.access.settings.patience_s, ignored=ignored)


async def _move_criterion(state: FlowState, probe: Probe, target: Record, row: MergeRow, key: str) -> Sighting | None:
    """Where nothing but the criterion itself travels, its next value shows whether the two are linked."""
    beat_s = state.access.settings.poll_s
    await state.observer(Side.TARGET).wait_for(lambda _s: False, within_s=_MERGE_ROUNDS * beat_s, record_id=target.id)
    value = state.values.draw_source(row.source, key, 1)
    probe.record = await write_edit(state, probe.record, {row.source: value})
    probe.note(own_values(probe.record, state.schema(Side.SOURCE)))
    wanted = tokens_of(probe.record.values.get(row.source))
    return await state.observer(Side.TARGET).wait_for(
        lambda seen: bool(wanted & tokens_of(seen.record.values.get(row.target))),
        within_s=state.access.settings.patience_s,
        record_id=target.id,
    )


async def make_pair(state: FlowState, key: str, overrides: Mapping[str, Scalar] | None = None) -> Pair | None:
    """Write a permissible source record and wait for its counterpart; None where none came in time."""
    probe, seen = await start_pair(state, key, overrides)
    return None if seen is None else pair_up(state, probe, seen)


def no_way_in(state: FlowState) -> CheckUndecided:
    """The outcome where a link is required and nothing known establishes one."""
    return CheckUndecided(
        "no-way-to-link",
        f"a link between {state.flow.source.name} and {state.flow.target.name} is required, and neither a usable merge "
        "criterion nor a bound and synchronised connection can establish one; bind one under [[connections]]",
        cause=Cause.DOCUMENT,
    )


async def write_target(state: FlowState, key: str, row: MergeRow) -> tuple[Record, Scalar]:
    """Create a target record with a fresh value in a criterion; returns it and the value for the source."""
    source, target = state.both()
    own, other = target.field(row.target), source.field(row.source)
    if own is None or other is None:
        raise CheckUndecided(
            "criterion-unknown", f"no schema knows {row.source} and {row.target}", cause=Cause.CONFIGURATION
        )
    try:
        value = state.access.sentinels.value(common_field(own, [other]), key, 0)
    except NoCommonValueError as error:
        raise CheckUndecided("no-common-value", str(error), cause=Cause.DOCUMENT) from error
    record = await state.access.create(state.flow.target.system, target.name, key, {own.path: fit(value, own)})
    return record, fit(value, other)


async def write_connected(
    state: FlowState, key: str, connection: Connection, overrides: Mapping[str, Scalar] | None = None
) -> Probe:
    """Write a source record and connect it to a record of an entity that is proven to be synchronised."""
    companion = await make_companion(state, key, connection)
    if connection.binding.held_by == "source":
        return await write_source(state, key, {**(overrides or {}), connection.binding.path: companion.record.id})
    probe = await write_source(state, key, overrides)
    await connect(state, probe, connection, companion)
    return probe


async def make_companion(state: FlowState, key: str, connection: Connection) -> Probe:
    """A record of the connected entity, seen to be synchronised."""
    carrier = state.neighbours[connection.flow.id]
    await carrier.prepare()
    pair = await make_pair(carrier, f"{key}/{connection.binding.path}")
    if pair is None:
        raise CheckUndecided(
            "connected-not-synchronized",
            f"no {connection.entity.name} was seen to be synchronized, so nothing can be said of what it connects",
            cause=Cause.DOCUMENT,
        )
    return pair.source


async def connect(state: FlowState, probe: Probe, connection: Connection, companion: Probe) -> None:
    """Make the reference that connects a probe with its companion."""
    path = connection.binding.path
    if connection.binding.held_by == "source":
        await write_edit(state, probe.record, {path: companion.record.id})
    else:
        carrier = state.neighbours[connection.flow.id]
        companion.record = await write_edit(carrier, companion.record, {path: probe.record.id})


async def write_edit(state: FlowState, record: Record, values: Mapping[str, Scalar]) -> Record:
    """Change a record at one end; returns it as stored."""
    stored = await state.access.update(record, values)
    state.access.own_tokens(strong_tokens(values.values()), record.id)
    return stored


async def confirm(state: FlowState, pair: Pair, key: str) -> None:
    """Confirm the link by a wiggle: an edit of one side moves exactly this record of the other.

    Raises:
        CheckFailed: where the engine is alive and neither side follows the other.
        CheckLate: where nothing shows that the engine is alive.
        CheckUndecided: where no property was seen to travel that could be edited.
    """
    tried = []
    began_s = state.access.clock.now()
    for side in Side:
        ranked = rank_for_edit(pair.travels, state.both(), side, state.avoided)
        if not ranked:
            continue
        travel = ranked[0]
        if await _wiggle(state, pair, side, travel, f"{key}/wiggle-{side}"):
            pair.wiggled = travel
            path = travel.source if side is Side.SOURCE else travel.target
            pair.confirmed_by = (
                f"an edit of '{path}' on the {side} side reached {pair.record(side.other).entity} "
                f"{pair.record(side.other).id} on the other"
            )
            return
        tried.append(f"{travel.source} / {travel.target} edited on the {side} side")
    if not tried:
        raise CheckUndecided(
            "nothing-to-wiggle",
            f"{state.flow.target.entity} {pair.target.id} carries values of the probe, but no property that travels "
            "can be edited, so the link cannot be confirmed",
            cause=Cause.DOCUMENT,
        )
    await require_alive(state, began_s, "an edit that confirms the link")
    raise CheckFailed(
        "not-linked",
        f"{state.flow.target.entity} {pair.target.id} carries values of the probe, but no edit moves it: "
        + "; ".join(tried),
        cause=Cause.ENGINE,
        expected="an edit of one side reaches the other",
        observed="neither side moved",
    )


async def read_barrier(state: FlowState, key: str) -> bool:
    """Whether an edit of a linked target came back: then the engine has read all targets written before."""
    pair = await make_pair(state, key)
    if pair is None:
        return False
    ranked = rank_for_edit(pair.travels, state.both(), Side.TARGET, state.avoided)
    return bool(ranked) and await _wiggle(state, pair, Side.TARGET, ranked[0], f"{key}/barrier")


async def _wiggle(state: FlowState, pair: Pair, side: Side, travel: Travel, key: str) -> bool:
    path, other = (travel.source, travel.target) if side is Side.SOURCE else (travel.target, travel.source)
    try:
        value = draw_edit(state, side, travel, key, 1)
    except NoCommonValueError:
        return False
    at_s = state.access.clock.now()
    stored = await write_edit(state, pair.record(side), {path: value})
    pair.replace(side, stored)
    pair.source.tokens |= strong_tokens([value])
    wanted = tokens_of(stored.values.get(path))

    def moved(sighting: Sighting) -> bool:
        return bool(wanted & tokens_of(sighting.record.values.get(other)))

    seen = await state.observer(side.other).wait_for(
        moved, within_s=state.access.settings.patience_s, record_id=pair.record(side.other).id
    )
    if seen is None:
        return False
    pair.replace(side.other, seen.record)
    state.access.note_latency(state.flow, side, seen.seen_s - at_s)
    state.access.scenario_observes(
        f"'{path}' of {pair.record(side).entity} {pair.record(side).id} was set to {value!r}; '{other}' of "
        f"{seen.record.entity} {seen.record.id} showed it {seen.seen_s - at_s:.0f} s later: they are linked",
        seen,
    )
    return True


def draw_edit(state: FlowState, side: Side, travel: Travel, key: str, counter: int) -> Scalar:
    """A new value for a property that travels, which the other side can hold.

    Raises:
        NoCommonValueError: where none is known.
    """
    rows = [r for r in state.flow.properties if (r.source, r.target) == (travel.source, travel.target)]
    if rows and side is Side.TARGET:
        return state.values.draw_target(rows[0], key, counter)
    if any(r.source == travel.source for r in state.flow.properties) and side is Side.SOURCE:
        return state.values.draw_source(travel.source, key, counter)
    value = state.values.draw_pair(travel.source, travel.target, key, counter)
    field = state.schema(side).field(travel.source if side is Side.SOURCE else travel.target)
    return value if field is None else fit(value, field)
