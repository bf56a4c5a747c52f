"""Steps about qualified rows: pairs for which a qualifier holds or not, and what follows once it comes to hold."""

from dataclasses import replace

from talkqa.model.errors import ApiRefused, CheckFailed, CheckUndecided
from talkqa.model.flow import PropertyRow, Qualifier, Side
from talkqa.model.record import FieldValue, Scalar
from talkqa.model.result import Cause
from talkqa.model.schema import FieldSchema
from talkqa.verify.bindings import fold
from talkqa.verify.judge import missing_counterpart, require_recognisable
from talkqa.verify.link import look_for_merged, pair_up, start_pair, turn_round, write_edit
from talkqa.verify.observer import Sighting
from talkqa.verify.probe import Probe
from talkqa.verify.pulse import require_alive
from talkqa.verify.routes import Route
from talkqa.verify.scenario import Scenario, side_of
from talkqa.verify.values import as_type
from talkqa.verify.vocabulary.seen_follow import follows
from talkqa.verify.wiggle import confirm, refresh, settle


async def linked_pair(s: Scenario, source: str, target: str) -> None:
    """Make a pair and confirm its link; where the scenario is about a qualified row, its qualifier holds."""
    del source, target  # the flow is known already; the words are for the reader
    row = _row_of(s)
    if row is not None and row.qualifiers:
        await _qualified_pair(s, row.qualifiers[0], holds=True)
    else:
        await _linked_pair(s, {})


def _row_of(s: Scenario) -> PropertyRow | None:
    """The documented row that the scenario's check is about."""
    check = s.world.check(s.plan.check)
    wanted = (check.row.source, check.row.target) if check and check.row else None
    return next((r for r in s.state.flow.properties if (r.source, r.target) == wanted), None)


async def _linked_pair(s: Scenario, overrides: dict[str, Scalar]) -> None:
    state = s.state
    probe, seen = await start_pair(state, s.key("pair"), overrides)
    if seen is None and state.route is Route.REVERSE:
        probe, seen = await turn_round(state, probe, await _judge_missing_reverse(s, probe), s.key("pair"), overrides)
    elif seen is None:
        seen = await _judge_missing_pair(s, probe)
    s.pair = pair_up(state, probe, seen)
    s.observe(
        f"{probe.record.entity} {probe.record.id} was created; {seen.record.entity} {seen.record.id} showed "
        f"{len(s.pair.travels)} of its values {max(0.0, seen.seen_s - probe.written_s):.0f} s later",
        seen,
    )
    await confirm(state, s.pair, s.key("link"))
    await settle(state, s.pair)


async def _judge_missing_pair(s: Scenario, probe: Probe) -> Sighting:
    """Judge that no pair came about: what the check is about could not even begin; a second look may show one."""
    state = s.state
    if state.route is not Route.MERGE:
        return await missing_counterpart(state, probe)
    require_recognisable(state, probe)
    shown = await require_alive(state, probe.written_s, f"a linked {state.flow.source.name}")
    seen = await look_for_merged(state, probe)
    if seen is not None:
        return seen
    raise CheckFailed(
        "not-linked",
        f"{state.flow.source.entity} {probe.record.id} ought to be linked by {state.route}, and no "
        f"{state.flow.target.name} shows anything of it, although {shown}",
        cause=Cause.ENGINE,
    )


async def _judge_missing_reverse(s: Scenario, written: Probe) -> Sighting:
    """Judge that the reverse flow, which lets every record in, linked none; a second look may show one."""
    maker = s.state.maker
    try:
        return await missing_counterpart(maker, written)
    except CheckFailed as error:
        raise CheckFailed(
            error.reason,
            f"the pair that this check needs is promised by '{maker.flow.title}': {error.message}",
            cause=error.cause,
            expected=error.expected,
            observed=error.observed,
        ) from error


async def pair_qualified(s: Scenario, source: str, target: str, value: str, path: str, side: str, entity: str) -> None:
    """Make a pair for which a qualifier holds."""
    del source, target, entity
    await _qualified_pair(s, Qualifier(side=side_of(side), value=value, path=path), holds=True)


async def pair_unqualified(
    s: Scenario, source: str, target: str, value: str, path: str, side: str, entity: str
) -> None:
    """Make a pair for which a qualifier does not hold."""
    del source, target, entity
    await _qualified_pair(s, Qualifier(side=side_of(side), value=value, path=path), holds=False)


async def _qualified_pair(s: Scenario, qualifier: Qualifier, *, holds: bool) -> None:
    """Make a pair for which a qualifier holds or not; further qualifiers of the row hold in any case."""
    row = _row_of(s)
    ends = [(q.side, fold(q.path)) for q in (row.qualifiers if row else ())]
    if len(set(ends)) < len(ends):
        raise CheckUndecided(
            "qualifier-needs-binding",
            f"the row names several values of '{qualifier.path}', and nothing says whether one of them is enough",
            cause=Cause.DOCUMENT,
        )
    further = [
        q for q in (row.qualifiers if row else ()) if (q.side, fold(q.path)) != (qualifier.side, fold(qualifier.path))
    ]
    wanted = [(qualifier, _value_for(s, qualifier, holds=holds)), *((q, _value_for(s, q, holds=True)) for q in further)]
    sources = {path: value for q, value in wanted if (path := _source_of_qualifier(s, q)) is not None}
    await _linked_pair(s, sources)
    targets = {_field_of(s, q).path: value for q, value in wanted if _source_of_qualifier(s, q) is None}
    if targets:
        try:
            s.pair.target = await write_edit(s.state, s.pair.target, targets)
        except ApiRefused as error:
            raise CheckUndecided("qualifier-refused", str(error), cause=Cause.API) from error
    await s.state.heartbeats.rounds(2)
    if targets:  # an edit made before the engine knows that the row applies would be no edit to it, but a first value
        await s.state.edit_beats[Side.TARGET].rounds(2)
    await refresh(s.state, s.pair)
    for q, _ in wanted:
        _require_shown(s, q, holds=holds or q is not qualifier)


def _require_shown(s: Scenario, qualifier: Qualifier, *, holds: bool) -> None:
    field, record = _field_of(s, qualifier), s.pair.record(qualifier.side)
    shown = record.values.get(field.path)
    if _holds(shown, qualifier) is not holds:
        raise CheckUndecided(
            "qualifier-not-reached",
            f"'{field.path}' of the {qualifier.side} record is {shown!r}, so the qualifier cannot be "
            f"{'met' if holds else 'missed'} by a test",
            cause=Cause.DOCUMENT,
        )
    s.observe(f"'{field.path}' of {record.entity} is {shown!r}")


def _holds(shown: FieldValue, qualifier: Qualifier) -> bool:
    parts = shown if isinstance(shown, tuple) else (shown,)
    texts = {str(p).lower() if isinstance(p, bool) else str(p) for p in parts if p is not None} or {""}
    wanted = qualifier.value.lower() if any(isinstance(p, bool) for p in parts) else qualifier.value
    return wanted in texts


def _field_of(s: Scenario, qualifier: Qualifier) -> FieldSchema:
    field = s.state.schema(qualifier.side).field(qualifier.path) if qualifier.path.strip() else None
    if field is None or qualifier.value.startswith("wd:"):
        raise CheckUndecided(
            "qualifier-needs-binding",
            f"nothing says what '{qualifier.value}' in '{qualifier.path}' means in fields of the "
            f"{qualifier.side} {s.state.flow.entity(qualifier.side).name}",
            cause=Cause.DOCUMENT,
        )
    return field


def _value_for(s: Scenario, qualifier: Qualifier, *, holds: bool) -> Scalar:
    field = _field_of(s, qualifier)
    return as_type(qualifier.value, field) if holds else _another_value(s, qualifier, field)


def _source_of_qualifier(s: Scenario, qualifier: Qualifier) -> str | None:
    """The source property that decides a qualifier; None where only the target's own field does."""
    if qualifier.side is Side.SOURCE:
        return _field_of(s, qualifier).path
    rows = s.state.values.rows_on(qualifier.path, source_side=False)
    return s.state.path(rows[0], Side.SOURCE) if len(rows) == 1 and not rows[0].transform else None


def _another_value(s: Scenario, qualifier: Qualifier, field: FieldSchema) -> Scalar:
    for counter in range(5):
        value = s.access.sentinels.value(field, s.key("unqualified"), counter)
        if value is not None and not _holds(value, qualifier):
            return value
    raise CheckUndecided(
        "no-other-value", f"no value of '{qualifier.path}' but {qualifier.value!r} is known", cause=Cause.DOCUMENT
    )


async def becomes_qualified(s: Scenario, value: str, path: str, side: str, entity: str) -> None:
    """Make a qualifier hold for the pair of the scenario."""
    del entity
    qualifier = Qualifier(side=side_of(side), value=value, path=path)
    wanted, own = _value_for(s, qualifier, holds=True), _source_of_qualifier(s, qualifier)
    here, place = (Side.SOURCE, own) if own is not None else (Side.TARGET, _field_of(s, qualifier).path)
    await refresh(s.state, s.pair)
    try:
        s.pair.replace(here, await write_edit(s.state, s.pair.record(here), {place: wanted}))
    except ApiRefused as error:
        raise CheckUndecided("qualifier-refused", str(error), cause=Cause.API) from error
    s.edit = replace(s.edit, at_s=s.access.clock.now())  # what follows is asked for from now on
    s.observe(f"'{place}' of {s.pair.record(here).entity} {s.pair.record(here).id} was set to {wanted!r}")


async def follows_at_last(s: Scenario, path: str, side: str, entity: str) -> None:
    """The edit that was held back travels now, so that its absence before was no accident."""
    try:
        await follows(s, path, side, entity)
    except CheckFailed as error:
        raise CheckUndecided(
            "vacuous",
            f"the edit was held back, but it did not follow either once the qualifier held, so that shows nothing: "
            f"{error.message}",
            cause=Cause.ENGINE_OR_API,
            expected=error.expected,
            observed=error.observed,
        ) from error
