"""Steps that do something to a system, as a user of it would."""

from collections.abc import Iterable, Mapping

from talkqa.checklist.phrases import quotable
from talkqa.model.errors import CheckNotRunnable, CheckUndecided
from talkqa.model.flow import RuleKind, Side
from talkqa.model.record import Scalar
from talkqa.model.result import Cause
from talkqa.model.settings import Presence
from talkqa.verify.bindings import Bound, fold, promises_every
from talkqa.verify.flowstate import FlowState
from talkqa.verify.link import (
    connect,
    make_companion,
    no_way_in,
    write_companioned,
    write_connected,
    write_edit,
    write_source,
    write_target,
)
from talkqa.verify.pulse import require_alive
from talkqa.verify.routes import Route
from talkqa.verify.scenario import Merging, Scenario
from talkqa.verify.values import fit
from talkqa.verify.vocabulary.edits import refusable


async def created(s: Scenario, source: str) -> None:
    """Create a source record for which the document promises a counterpart."""
    del source
    await _create(s, {})


async def _create(s: Scenario, overrides: Mapping[str, Scalar]) -> None:
    state = s.state
    key = s.key("probe")
    if state.route is Route.CREATE:
        s.probe = await write_source(state, key, overrides)
    elif state.route is Route.CONNECT:
        s.probe = await write_connected(state, key, state.connections[0], overrides)
    elif state.route is Route.MERGE:
        row = state.mergeable[0]
        target, value = await write_target(state, s.key("existing"), row)
        s.existing = Merging(target=target, value=value, row=row)
        s.probe = await write_source(state, key, {**overrides, state.path(row, Side.SOURCE): value})
    else:
        raise no_way_in(state)
    _tell_created(s)


def _tell_created(s: Scenario, remark: str = "") -> None:
    s.observe(f"{s.probe.record.entity} {s.probe.record.id} was created{remark}")


async def created_connected(s: Scenario, source: str, entity: str) -> None:
    """Create a source record and connect it with the record made before."""
    del source
    if s.companion is None:
        raise CheckUndecided("step-missing", f"the scenario needs a synchronized {entity} first", cause=Cause.HARNESS)
    connection, companion = s.companion
    s.probe = await write_companioned(s.state, s.key("probe"), connection, companion)
    _tell_created(s, f", connected with that {entity}")


async def created_unlinked(s: Scenario, source: str, target: str = "") -> None:
    """Create a source record that nothing links: no condition that holds, no connection, no criterion that matches."""
    del source, target
    _require_restricted(s)
    _require_not_created_anyway(s.state)
    overrides = _failing(s.state.conditions)
    await _require_pulse(s)
    s.probe = await write_source(s.state, s.key("probe"), overrides, permissible=False)
    _require_unconnected(s)
    s.forbidden = True
    _tell_created(s, ", linked by nothing")


def _require_restricted(s: Scenario) -> None:
    if s.state.flow.has(RuleKind.EVERY):
        every = s.state.flow.rules_of(RuleKind.EVERY)[0]
        raise CheckNotRunnable(
            "promised-elsewhere",
            f"{every.location} lets every {s.state.flow.source.name} in, so that no record has to stay out",
            cause=Cause.DOCUMENT,
        )
    if promises_every(s.state.flow, s.access.settings):
        raise CheckNotRunnable(
            "condition-remark",
            "a condition of this flow is bound as an editor's remark, so that no record has to stay out",
            cause=Cause.DOCUMENT,
        )


def _failing(bindings: Iterable[Bound]) -> dict[str, Scalar]:
    """Values for which none of some conditions holds: sections of one pair are alternatives, so one would do."""
    overrides: dict[str, Scalar] = {}
    for binding in bindings:
        if not binding.fails:
            raise CheckUndecided(
                "condition-unbound",
                f"nothing says which values make '{binding.text}' false; add `fails` to its binding in talkqa.toml",
                cause=Cause.CONFIGURATION,
            )
        overrides.update(binding.fails)
    return overrides


def _require_unconnected(s: Scenario) -> None:
    """A reference that the system demands connects the record with something: then it may rightly travel."""
    named = {e.entity.casefold() for r in s.state.flow.rules_of(RuleKind.CREATE_IF_CONNECTED) for e in r.connected}
    bound = {c.binding.path.casefold() for c in s.state.connections if c.binding.held_by == "source"}
    for field in s.state.schema(Side.SOURCE).fields:
        connects = field.path.casefold() in bound or any(entity.casefold() in named for entity in field.references)
        if connects and s.probe.record.values.get(field.path) is not None:
            raise CheckNotRunnable(
                "always-connected",
                f"{s.state.flow.source.name} cannot be created without '{field.path}', which connects it",
                cause=Cause.API,
            )


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
    del source
    bindings = [binding for binding in s.state.conditions if _means(binding, condition)]
    wanted = {path: value for binding in bindings for path, value in binding.holds.items()}
    # sections of one pair are alternatives: another one that held too would let the record in all the same
    others = {p: v for b in s.state.conditions if b not in bindings for p, v in b.fails.items()} if bindings else {}
    await _create(s, {**others, **wanted})
    for binding in bindings:
        if not _holds(s, binding):
            raise CheckUndecided(
                "condition-not-reached",
                f"{s.probe.record.entity} {s.probe.record.id} does not hold {dict(binding.wanted)} as written, so "
                f"'{condition}' may not hold for it",
                cause=Cause.CONFIGURATION,
            )


def _holds(s: Scenario, binding: Bound) -> bool:
    """Whether a condition holds for the record of the scenario."""
    return binding.met_by(s.probe.record, s.state.schema(Side.SOURCE))


def _require_not_created_anyway(state: FlowState) -> None:
    if state.flow.has(RuleKind.CREATE_UNMATCHED):
        raise CheckNotRunnable(
            "created-anyway",
            f"the documents also say that a {state.flow.target.name} is created where none matches, so nothing has to "
            "stay out",
            cause=Cause.DOCUMENT,
        )


async def created_fails(s: Scenario, source: str, condition: str) -> None:
    """Create a source record for which a condition does not hold, nor any other that would do instead."""
    del source
    _require_restricted(s)
    state = s.state
    if not any(_means(binding, condition) for binding in state.conditions):
        raise CheckUndecided(
            "condition-unbound", f"nothing says in which fields '{condition}' shows", cause=Cause.DOCUMENT
        )
    if state.flow.has(RuleKind.LINK_REQUIRED):  # else the condition says which of those that match nothing are created
        _require_not_created_anyway(state)
    overrides = _failing(state.conditions)
    await _require_pulse(s)
    s.probe = await write_source(state, s.key("probe"), overrides, permissible=False)
    _require_unconnected(s)
    if any(_holds(s, binding) for binding in state.conditions):
        raise CheckUndecided(
            "condition-not-missed",
            f"{s.probe.record.entity} {s.probe.record.id} was created with {overrides}, and a condition holds for it "
            "all the same: correct its binding",
            cause=Cause.CONFIGURATION,
        )
    s.forbidden = True
    _tell_created(s, f" with {overrides}, so that '{condition}' does not hold")


def _means(binding: Bound, words: str) -> bool:
    """Whether a binding explains the words of a step, which hold apostrophes where the document has quotes."""
    return fold(quotable(binding.text)) == fold(words)


def _edited(s: Scenario, binding: Bound) -> dict[str, Scalar]:
    """Values that make a condition hold for a record that is there; where any value will do, a drawn one."""
    drawn = s.state.values.for_probe(s.key("condition"))
    filled = {path: drawn[path] for path, one in binding.wanted.items() if one is Presence.FILLED and path in drawn}
    return {**filled, **binding.holds}


async def becomes_true(s: Scenario, condition: str) -> None:
    """Make a condition hold for the record of the scenario."""
    meant = [binding for binding in s.state.conditions if _means(binding, condition)]
    if not meant:
        raise CheckUndecided("condition-unbound", f"nothing says how '{condition}' comes to hold", cause=Cause.DOCUMENT)
    values = {path: value for binding in meant for path, value in _edited(s, binding).items()}
    s.permitted_s = s.access.clock.now()
    s.probe.record = await refusable(write_edit(s.state, s.probe.record, values))
    s.probe.written_s = s.access.clock.now()
    s.observe(f"{s.probe.record.entity} {s.probe.record.id} was given {values}: '{condition}' holds now")


async def becomes_linked(s: Scenario, target: str) -> None:
    """Establish the link that was missing, by a merge criterion or else by a connection."""
    del target
    state = s.state
    rows = state.mergeable
    if not rows:
        await becomes_connected(s, state.flow.target.system)
        return
    row = rows[0]
    own = state.schema(Side.TARGET).field(row.target)
    value = s.probe.record.values.get(state.path(row, Side.SOURCE))
    if own is None or value is None or isinstance(value, tuple):
        raise no_way_in(state)
    s.permitted_s = s.access.clock.now()
    record = await s.access.create(
        state.flow.target.system, state.schema(Side.TARGET).name, s.key("linked"), {own.path: fit(value, own)}
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
    s.permitted_s = s.access.clock.now()
    await connect(state, s.probe, connection, companion)
    s.observe(f"it was connected with {companion.record.entity} {companion.record.id}, which is synchronized")
