"""Making a pair: write a source record and recognise its counterpart; `wiggle` confirms the link."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import trio

from talkqa.model.errors import ApiRefused, ApiUnavailable, CheckUndecided
from talkqa.model.flow import Flow, MergeRow, Side
from talkqa.model.record import Record, Scalar
from talkqa.model.result import Cause
from talkqa.model.schema import FieldType
from talkqa.systems.sentinels import can_hold
from talkqa.verify.flowstate import FlowState
from talkqa.verify.observer import Sighting
from talkqa.verify.probe import Pair, Probe, own_values, strong_tokens
from talkqa.verify.pulse import require_any_life
from talkqa.verify.routes import Connection, Route
from talkqa.verify.travel import find_travels, record_tokens, tokens_of, written_of
from talkqa.verify.values import NoCommonValueError, common_field, fit

_OUTWAIT = 3
"""How many times the patience a merge is waited for that is overdue."""


async def write_source(
    state: FlowState,
    key: str,
    overrides: Mapping[str, Scalar] | None = None,
    *,
    permissible: bool = True,
    queued: bool = True,
) -> Probe:
    """Create a source record that carries sentinels; conditions of the flow hold for it unless told otherwise.

    Args:
        state: The flow.
        key: What its values are keyed by.
        overrides: Values that are not drawn.
        permissible: Whether it may travel.
        queued: Whether it waits for its turn among the flow's probes, so that the run itself makes no queue.
    """
    passage = await state.throughput.admitted() if permissible and queued else None
    values = {**state.values.for_probe(key), **state.membership.values}
    if permissible:
        for condition in state.conditions:
            values.update(condition.holds)
    values.update(overrides or {})
    schema = state.schema(Side.SOURCE)
    begun_s = state.access.clock.now()
    try:
        record = await state.access.create(state.flow.source.system, schema.name, key, values)
    except BaseException:
        if passage is not None:
            passage.drop()
        raise
    # the flow may begin to act on it from here on
    probe = Probe(
        record=record,
        written_s=state.access.clock.now(),
        begun_s=begun_s,
        tokens=set(),
        first=record,
        passage=passage,
    )
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
    marks = state.marks(probe.record, ignored | probe.shared)
    observer = state.observer(Side.TARGET)
    same_entity = state.observer(Side.SOURCE) is observer
    before = {i for i in observer.carriers(marks.strong) if observer.was_there(i)}

    def accept(sighting: Sighting) -> bool:
        record = sighting.record
        if record.deleted or record.id in before or (same_entity and record.id == probe.record.id):
            return False
        if state.access.is_control(record):
            return False
        if record_tokens(record) & marks.strong:
            return True
        if sighting.seen_s < probe.written_s:
            return False
        awaited = probe.meets is not None and record.id == probe.meets.id
        if not awaited and (state.access.is_own(record) or _was_there(state, probe, record)):
            return False
        return marks.recognise(record)

    seen = await observer.wait_for(accept, within_s=within_s, tokens=marks.tokens())
    if probe.passage is not None:
        probe.passage.over(arrived=seen is not None)
    return seen


async def find_merged(state: FlowState, probe: Probe, existing: Record, row: MergeRow, key: str) -> Sighting | None:
    """The sighting that shows a probe merged with a target that matches it; None where nothing does.

    Either its values show in a target, or those of the existing target in itself; where nothing but the criterion
    travels, its next value shows whether the two are linked.
    """
    probe.meets = existing
    seen = await await_merged(state, probe, existing, state.access.settings.patience_s)
    own = state.schema(Side.SOURCE).field(row.source)
    documented = any((r.source, r.target) == (row.source, row.target) for r in state.flow.properties)
    alone = documented and not state.recognisable(probe.record, besides=record_tokens(existing))
    if seen is None and alone and own is not None and own.updateable:
        return await _move_criterion(state, probe, existing, row, key)
    return seen


async def look_for_merged(state: FlowState, probe: Probe) -> Sighting | None:
    """What shows after all that a probe was merged with the target that it is to meet; None where nothing does.

    Where heartbeats are no merges they show nothing of how long one takes: then it is waited for longer.
    """
    await state.look()
    within_s = 0 if state.route is Route.MERGE else _OUTWAIT * state.access.settings.patience_s
    return None if probe.meets is None else await await_merged(state, probe, probe.meets, within_s)


async def await_merged(state: FlowState, probe: Probe, existing: Record, within_s: float) -> Sighting | None:
    """What shows within so many seconds that a probe and a target are one: a value of either in the other."""
    theirs = strong_tokens(own_values(existing, state.schema(Side.TARGET)).values()) - probe.tokens
    found: list[Sighting] = []
    troubles: list[ApiUnavailable] = []

    async def forth() -> Sighting | None:
        return await find_counterpart(state, probe, within_s=within_s, ignored=record_tokens(existing))

    async def back() -> Sighting | None:
        seen = await state.observer(Side.SOURCE).wait_for(
            lambda sighting: bool(theirs & record_tokens(sighting.record)),
            within_s=within_s,
            record_id=probe.record.id,
        )
        if seen is None:
            return None
        probe.record = seen.record
        known = state.observer(Side.TARGET).latest.get(existing.id)
        return Sighting(record=known.record if known else existing, seen_s=seen.seen_s, order=seen.order)

    async def first(look: Callable[[], Awaitable[Sighting | None]]) -> None:
        try:
            seen = await look()
        except ApiUnavailable as error:
            troubles.append(error)
            return
        if seen is not None:
            found.append(seen)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first, forth)
        nursery.start_soon(first, back)
    if troubles and not found:
        raise troubles[0]
    if found and probe.passage is not None:
        probe.passage.over(arrived=True)
    return found[0] if found else None


async def _move_criterion(state: FlowState, probe: Probe, target: Record, row: MergeRow, key: str) -> Sighting | None:
    try:
        value = state.values.draw_source(row.source, key, 1)
    except NoCommonValueError:
        return None
    path, there = state.path(row, Side.SOURCE), state.path(row, Side.TARGET)
    probe.record = await write_edit(state, probe.record, {path: value})
    probe.note(own_values(probe.record, state.schema(Side.SOURCE)))
    wanted = tokens_of(probe.record.values.get(path))
    return await state.observer(Side.TARGET).wait_for(
        lambda seen: bool(wanted & tokens_of(seen.record.values.get(there))),
        within_s=state.access.settings.patience_s,
        record_id=target.id,
    )


def was_another(state: FlowState, probe: Probe, target: Record) -> bool:
    """Whether a target was made for something else, and shows values that can be of no other record than the probe."""
    marks = state.marks(probe.record, probe.shared)
    return _was_there(state, probe, target) and marks.proven_by(target)


def _was_there(state: FlowState, probe: Probe, target: Record) -> bool:
    """Whether a target was seen before the writing of a probe began."""
    versions = state.observer(Side.TARGET).versions(target.id, -1)
    return bool(versions) and versions[0].seen_s < probe.begun_s


def pair_up(state: FlowState, probe: Probe, sighting: Sighting) -> Pair:
    """A pair of a probe and the target record it was recognised in; the engine's copy is noted in the ledger."""
    target = sighting.record
    state.access.adopt(target, why=f"carries values of {probe.record.entity} {probe.record.id}")
    ours = state.access.is_own(target) and state.route is not Route.REVERSE  # what was written there came from here
    if not state.access.is_own(target):
        state.access.note_engine(target)
    sure = ours or state.marks(probe.record).proven_by(target)
    pair = Pair(source=probe, target=target, seen_s=sighting.seen_s, travels=(), sure=sure)
    refresh_travels(state, pair)
    return pair


def refresh_travels(state: FlowState, pair: Pair) -> None:
    """Look again at what of the source shows in the target."""
    schema = state.schema(Side.SOURCE)
    written = written_of(pair.source.record, schema)
    pair.travels = find_travels(pair.source.record, written, pair.target, state.both())


async def start_pair(
    state: FlowState, key: str, overrides: Mapping[str, Scalar] | None = None, *, queued: bool = True
) -> tuple[Probe, Sighting | None]:
    """Write a permissible record and wait for its counterpart: the source, or the target where the reverse flow links.

    Returns:
        The source, and the sighting of the target; what was written and None where no counterpart came in time.

    Raises:
        CheckUndecided: where nothing is known that could establish a link.
    """
    within_s = state.access.settings.patience_s
    if state.route is Route.MERGE:
        row = state.mergeable[0]
        target, value = await write_target(state, f"{key}/existing", row)
        criterion = {state.path(row, Side.SOURCE): value}
        probe = await write_source(state, key, {**(overrides or {}), **criterion}, queued=queued)
        return probe, await find_merged(state, probe, target, row, key)
    if state.route is Route.REVERSE:
        probe = await write_source(state.maker, f"{key}/reverse", queued=queued)
        seen = await find_counterpart(state.maker, probe, within_s=within_s)
        return (probe, None) if seen is None else await turn_round(state, probe, seen, key, overrides)
    if state.route is Route.CREATE:
        probe = await write_source(state, key, overrides, queued=queued)
    elif state.route is Route.CONNECT:
        probe = await write_connected(state, key, state.connections[0], overrides, queued=queued)
    else:
        raise no_way_in(state)
    seen = await find_counterpart(state, probe, within_s=within_s)
    if seen is not None and state.route is Route.CREATE:
        state.access.note_latency(state.flow, Side.SOURCE, max(0.0, seen.seen_s - probe.written_s))
    return probe, seen


async def turn_round(
    state: FlowState, written: Probe, seen: Sighting, key: str, overrides: Mapping[str, Scalar] | None = None
) -> tuple[Probe, Sighting]:
    """A pair as this flow sees it: the source is what the reverse flow made of a target that the harness wrote.

    Documented properties that the reverse flow left empty are filled, so that what is seen in them shows something.

    Args:
        state: The flow.
        written: The target.
        seen: The source.
        key: What values are keyed by.
        overrides: What the source is to hold.
    """
    record, schema = seen.record, state.schema(Side.SOURCE)
    state.access.adopt(record, why=f"carries values of {written.record.entity} {written.record.id}")
    filled: dict[str, Scalar] = {}
    for row in state.flow.properties:
        field = schema.field(row.source)
        empty = field is not None and record.values.get(field.path) in (None, "")
        if field is None or not empty or not field.updateable or not can_hold(field) or field.path in state.avoided:
            continue
        with suppress(NoCommonValueError):
            filled[field.path] = state.values.draw_source(row.source, key, 0)
    wanted = dict(overrides or {})
    try:
        record = await write_edit(state, record, {**filled, **wanted}) if filled or wanted else record
    except ApiRefused:
        record = await write_edit(state, record, wanted) if wanted else record
    source = Probe(
        record=record, written_s=state.access.clock.now(), begun_s=written.begun_s, tokens=set(), first=record
    )
    source.note(own_values(record, schema))
    latest = state.observer(Side.TARGET).latest.get(written.record.id)
    target = written.record if latest is None or latest.record.deleted else latest.record
    return source, Sighting(record=target, seen_s=seen.seen_s, order=seen.order)


async def make_pair(
    state: FlowState, key: str, overrides: Mapping[str, Scalar] | None = None, *, queued: bool = True
) -> Pair | None:
    """Write a permissible source record and wait for its counterpart; None where none came in time."""
    probe, seen = await start_pair(state, key, overrides, queued=queued)
    return None if seen is None else pair_up(state, probe, seen)


def no_way_in(state: FlowState) -> CheckUndecided:
    """The outcome where a link is required and nothing known establishes one."""
    if state.taker is not None and state.flow.merge:
        return target_taken(state, state.taker)
    return CheckUndecided(
        "no-way-to-link",
        f"a link between {state.flow.source.name} and {state.flow.target.name} is required, and neither a usable merge "
        "criterion nor a bound and synchronised connection can establish one; bind one under [[connections]]",
        cause=Cause.DOCUMENT,
    )


def target_taken(state: FlowState, taker: Flow) -> CheckUndecided:
    """The outcome where a record to be merged with is another flow's source, and linked before anything matches it."""
    return CheckUndecided(
        "target-taken",
        f"the sync engine also runs '{taker.title}': of each {state.flow.target.name} that a test writes it makes a "
        f"{state.flow.source.name}, so that none is left to be merged with",
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
    state: FlowState,
    key: str,
    connection: Connection,
    overrides: Mapping[str, Scalar] | None = None,
    *,
    queued: bool = True,
) -> Probe:
    """Write a source record and connect it to a record of an entity that is proven to be synchronised."""
    companion = await make_companion(state, key, connection, queued=queued)
    return await write_companioned(state, key, connection, companion, overrides, queued=queued)


async def write_companioned(
    state: FlowState,
    key: str,
    connection: Connection,
    companion: Probe,
    overrides: Mapping[str, Scalar] | None = None,
    *,
    queued: bool = True,
) -> Probe:
    """Write a source record that is connected to a companion, by whichever of the two holds the reference."""
    if connection.binding.held_by == "source":
        values = {**(overrides or {}), connection.binding.path: companion.record.id}
        probe = await write_source(state, key, values, queued=queued)
        probe.companions |= {companion.record.id}
        return probe
    probe = await write_source(state, key, overrides, queued=queued)
    await connect(state, probe, connection, companion)
    return probe


async def make_companion(state: FlowState, key: str, connection: Connection, *, queued: bool = True) -> Probe:
    """A record of the connected entity, seen to be synchronised."""
    carrier = state.neighbours[connection.flow.id]
    await carrier.prepare()
    since_s = state.access.clock.now()
    pair = await make_pair(carrier, f"{key}/{connection.binding.path}", queued=queued)
    if pair is None:
        if queued:  # a heartbeat must not wait for one of another flow, which may wait for it
            await require_any_life(carrier, since_s, f"the new {connection.entity.name}")
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
