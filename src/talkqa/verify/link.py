"""Making a linked pair: write a source record, recognise its counterpart, confirm the link by a wiggle."""

from collections.abc import Mapping
from dataclasses import dataclass

import trio

from talkqa.model.errors import ApiRefused, ApiUnavailable, CheckFailed, CheckOutcome, CheckUndecided
from talkqa.model.flow import MergeRow, Side
from talkqa.model.record import Record, Scalar
from talkqa.model.result import Cause
from talkqa.model.schema import EntitySchema, FieldType
from talkqa.verify.flowstate import FlowState
from talkqa.verify.judge import require_alive
from talkqa.verify.observer import Sighting
from talkqa.verify.probe import Pair, Probe, Travel, own_values, strong_tokens
from talkqa.verify.routes import Connection, Route, usable_merge_rows
from talkqa.verify.travel import find_travels, rank_for_edit, record_tokens, tokens_of, written_of
from talkqa.verify.values import NoCommonValueError, common_field, fit

_MERGE_ROUNDS = 5
"""Poll periods left to the engine to merge before the criterion is moved: earlier it would not match any more."""

_TRAVELS = 3
"""Properties of which an edit is tried, one after the other, until one can be drawn and is taken."""


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
    probe = Probe(record=record, written_s=state.access.clock.now(), tokens=set(), first=record)
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

    Raises:
        ApiUnavailable: where the target could not be watched.
    """
    marks = state.marks(probe.record).without(ignored)
    observer = state.observer(Side.TARGET)
    same_entity = state.observer(Side.SOURCE) is observer
    before = {i for i, s in observer.carriers(marks.strong).items() if s.order < observer.primed}

    def accept(sighting: Sighting) -> bool:
        record = sighting.record
        if record.deleted or record.id in before or (same_entity and record.id == probe.record.id):
            return False
        if record_tokens(record) & marks.strong:
            return True
        return sighting.seen_s >= probe.written_s and not state.access.is_own(record) and marks.recognise(record)

    return await observer.wait_for(accept, within_s=within_s, tokens=marks.tokens())


async def find_merged(state: FlowState, probe: Probe, existing: Record, *, within_s: float) -> Sighting | None:
    """The sighting that shows a probe merged: its values in a target, or those of the existing target in itself."""
    theirs = own_tokens_of(existing, state.schema(Side.TARGET)) - probe.tokens
    found: list[Sighting] = []

    async def forth() -> None:
        seen = await find_counterpart(state, probe, within_s=within_s, ignored=record_tokens(existing))
        if seen is not None:
            found.append(seen)
            nursery.cancel_scope.cancel()

    async def back() -> None:
        seen = await state.observer(Side.SOURCE).wait_for(
            lambda sighting: bool(theirs & record_tokens(sighting.record)),
            within_s=within_s,
            record_id=probe.record.id,
        )
        if seen is not None:
            probe.record = seen.record
            shown = state.observer(Side.TARGET).latest.get(existing.id)
            found.append(shown or Sighting(record=existing, seen_s=seen.seen_s, order=-1))
            nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(forth)
            nursery.start_soon(back)
    except* ApiUnavailable as errors:
        raise errors.exceptions[0] from None
    return found[0] if found else None


def own_tokens_of(record: Record, schema: EntitySchema) -> set[str]:
    """The strong tokens of the texts that a test wrote into a record."""
    return strong_tokens(own_values(record, schema).values())


def pair_up(state: FlowState, probe: Probe, sighting: Sighting) -> Pair:
    """A pair of a probe and the target record it was recognised in; the engine's copy is noted in the ledger."""
    target = sighting.record
    state.access.adopt(target, why=f"carries values of {probe.record.entity} {probe.record.id}")
    sure = state.access.is_own(target) or state.marks(probe.record).proven_by(target)
    pair = Pair(source=probe, target=target, seen_s=sighting.seen_s, travels=(), sure=sure)
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
    within_s = state.access.settings.patience_s
    if state.route is Route.MERGE:
        row = usable_merge_rows(state.flow, *state.both())[0]
        target, value = await write_target(state, f"{key}/existing", row)
        probe = await write_source(state, key, {**(overrides or {}), row.source: value})
        return probe, await find_merged(state, probe, target, within_s=within_s)
    if state.route is Route.CREATE:
        probe = await write_source(state, key, overrides)
    elif state.route is Route.CONNECT:
        probe = await write_connected(state, key, state.connections[0], overrides)
    else:
        raise no_way_in(state)
    seen = await find_counterpart(state, probe, within_s=within_s)
    if seen is not None and state.route is Route.CREATE:
        state.access.note_latency(state.flow, Side.SOURCE, max(0.0, seen.seen_s - probe.written_s))
    return probe, seen


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
    return await write_companioned(state, key, connection, companion, overrides)


async def write_companioned(
    state: FlowState,
    key: str,
    connection: Connection,
    companion: Probe,
    overrides: Mapping[str, Scalar] | None = None,
) -> Probe:
    """Write a source record that is connected to a companion, by whichever of the two holds the reference."""
    if connection.binding.held_by == "source":
        values = {**(overrides or {}), connection.binding.path: companion.record.id}
        probe = await write_source(state, key, values)
        probe.companions |= {companion.record.id}
        return probe
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
    """Make the reference that connects a probe with its companion; the flow may begin to act on it from then on."""
    path = connection.binding.path
    if connection.binding.held_by == "source":
        probe.record = await write_edit(state, probe.record, {path: companion.record.id})
    else:
        carrier = state.neighbours[connection.flow.id]
        companion.record = await write_edit(carrier, companion.record, {path: probe.record.id})
    probe.companions |= {companion.record.id}
    probe.written_s = state.access.clock.now()


async def write_edit(state: FlowState, record: Record, values: Mapping[str, Scalar]) -> Record:
    """Change a record at one end; returns it as stored."""
    stored = await state.access.update(record, values)
    here = Side.SOURCE if record.entity == state.schema(Side.SOURCE).name else Side.TARGET
    schema = state.schema(here)
    # an id that connects two records is in both of them by right
    texts = {path: values[path] for path in values if (f := schema.field(path)) and f.type is not FieldType.REFERENCE}
    state.access.own_tokens(strong_tokens(texts.values()), record.id)
    return stored


async def confirm(state: FlowState, pair: Pair, key: str) -> None:
    """Confirm the link by a wiggle: an edit of one side moves exactly this record of the other.

    Raises:
        CheckFailed: where the engine is alive and neither side follows the other, or one of them is gone.
        CheckLate: where nothing shows that the engine is alive.
        CheckUndecided: where no property was seen to travel that could be edited.
    """
    tried: list[Wiggle] = []
    for side in Side:
        ranked = rank_for_edit(pair.travels, state.both(), side, state.avoided)
        wiggle: Wiggle | None = None
        for travel in ranked[:_TRAVELS]:
            wiggle = await _start_wiggle(state, pair, side, travel, f"{key}/wiggle-{side}")
            if wiggle is not None:
                break
        if wiggle is None:
            continue
        tried.append(wiggle)
        if await _await_wiggle(state, pair, wiggle, state.access.settings.patience_s):
            return
    if not tried:
        raise CheckUndecided(
            "nothing-to-wiggle",
            f"{state.flow.target.entity} {pair.target.id} carries values of the probe, but no property that travels "
            "can be edited, so the link cannot be confirmed",
            cause=Cause.DOCUMENT,
        )
    await require_alive(state, tried[-1].at_s, "an edit that confirms the link")
    await state.look()
    for wiggle in tried:  # the records that showed the engine alive took their time too
        if await _await_wiggle(state, pair, wiggle, 0):
            return
    raise _not_linked(state, pair, tried)


def _not_linked(state: FlowState, pair: Pair, tried: list["Wiggle"]) -> CheckOutcome:
    words = "; ".join(f"'{w.path}' edited on the {w.side} side" for w in tried)
    for side in Side:
        record = pair.record(side)
        latest = state.observer(side).latest.get(record.id)
        if latest is not None and latest.record.deleted:
            return CheckFailed(
                "counterpart-gone", f"{record.entity} {record.id} was deleted meanwhile", cause=Cause.ENGINE_OR_API
            )
    if not pair.sure:
        return CheckUndecided(
            "not-recognised",
            f"{state.flow.target.entity} {pair.target.id} holds dates or numbers of the probe, perhaps by chance, and "
            f"does not move with it: {words}",
            cause=Cause.DOCUMENT,
        )
    return CheckFailed(
        "not-linked",
        f"{state.flow.target.entity} {pair.target.id} carries values of the probe, but no edit moves it: {words}",
        cause=Cause.ENGINE,
        expected="an edit of one side reaches the other",
        observed="neither side moved",
    )


async def read_barrier(state: FlowState, key: str) -> bool:
    """Whether an edit of a linked target came back: then the engine has read all targets written before."""
    pair = await make_pair(state, key)
    if pair is None:
        return False
    for travel in rank_for_edit(pair.travels, state.both(), Side.TARGET, state.avoided)[:_TRAVELS]:
        wiggle = await _start_wiggle(state, pair, Side.TARGET, travel, f"{key}/barrier")
        if wiggle is not None:
            return await _await_wiggle(state, pair, wiggle, state.access.settings.patience_s)
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiggle:
    """An edit made to see whether the record on the other side moves."""

    side: Side
    path: str
    other: str
    """The property on the other side."""
    value: Scalar
    wanted: frozenset[str]
    at_s: float


async def _start_wiggle(state: FlowState, pair: Pair, side: Side, travel: Travel, key: str) -> Wiggle | None:
    """Write a new value on one side; None where no value is known that would be recognised, or the system refuses."""
    path, other = (travel.source, travel.target) if side is Side.SOURCE else (travel.target, travel.source)
    try:
        value = draw_edit(state, side, travel, key, 1)
    except NoCommonValueError:
        return None
    if not tokens_of(value):
        return None
    at_s = state.access.clock.now()
    try:
        stored = await write_edit(state, pair.record(side), {path: value})
    except ApiRefused as refused:
        if await state.access.get(pair.record(side)) is None:
            raise CheckFailed(
                "counterpart-gone",
                f"{pair.record(side).entity} {pair.record(side).id} was deleted meanwhile",
                cause=Cause.ENGINE_OR_API,
            ) from refused
        return None
    pair.replace(side, stored)
    pair.source.tokens |= strong_tokens([value])
    wanted = tokens_of(stored.values.get(path))
    return Wiggle(side=side, path=path, other=other, value=value, wanted=wanted, at_s=at_s)


async def _await_wiggle(state: FlowState, pair: Pair, wiggle: Wiggle, within_s: float) -> bool:
    side = wiggle.side
    seen = await state.observer(side.other).wait_for(
        lambda sighting: bool(wiggle.wanted & tokens_of(sighting.record.values.get(wiggle.other))),
        within_s=within_s,
        record_id=pair.record(side.other).id,
    )
    if seen is None:
        return False
    pair.replace(side.other, seen.record)
    waited_s = seen.seen_s - wiggle.at_s
    state.access.note_latency(state.flow, side, waited_s)
    pair.confirmed_by = (
        f"an edit of '{wiggle.path}' on the {side} side reached {seen.record.entity} {seen.record.id} on the other"
    )
    state.access.scenario_observes(
        f"'{wiggle.path}' of {pair.record(side).entity} {pair.record(side).id} was set to {wiggle.value!r}; "
        f"'{wiggle.other}' of {seen.record.entity} {seen.record.id} showed it {waited_s:.0f} s later: they are linked",
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
