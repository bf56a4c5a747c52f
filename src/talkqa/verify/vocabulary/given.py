"""Steps that make what a scenario starts from."""

from talkqa.checklist.phrases import quotable
from talkqa.model.errors import CheckUndecided
from talkqa.model.flow import Flow
from talkqa.model.result import Cause
from talkqa.verify.link import make_companion, target_taken, write_target
from talkqa.verify.pulse import require_alive
from talkqa.verify.routes import connection_binding
from talkqa.verify.scenario import Merging, Scenario
from talkqa.verify.wiggle import read_barrier


async def in_step(s: Scenario, source: str, target: str) -> None:
    """Find the flow that the scenario is about, and whether it can be tested here."""
    flow = _flow_of(s, source, target)
    s.state = s.world.state(flow)
    await s.state.prepare()


def _flow_of(s: Scenario, source: str, target: str) -> Flow:
    # names may hold the word that parts them in the step: compare whole texts
    wanted = f"{source} and {target}"
    for flow in s.world.flows:
        if f"{quotable(flow.source.name)} and {quotable(flow.target.name)}" == wanted:
            return flow
    known = ", ".join(f.title for f in s.world.flows)
    raise CheckUndecided(
        "flow-unknown",
        f"no document of this folder has a flow from {source} to {target}; there are: {known}",
        cause=Cause.DOCUMENT,
    )


async def existing_target(s: Scenario, target: str, source: str) -> None:
    """Create a target record that nothing is linked to."""
    del target, source
    state = s.state
    rows = state.mergeable
    check = s.world.check(s.plan.check)
    wanted = (check.row.source, check.row.target) if check and check.row else None
    row = next((r for r in rows if wanted in {None, (r.source, r.target)}), None)
    if state.taker is not None:
        raise target_taken(state, state.taker)
    if row is None:
        raise CheckUndecided(
            "criterion-unusable",
            "no merge criterion of this flow can be fulfilled by a test: it is undocumented, joins ids, or a field of "
            "it cannot be written",
            cause=Cause.DOCUMENT,
        )
    record, value = await write_target(state, s.key("existing"), row)
    s.existing = Merging(target=record, value=value, row=row)
    s.observe(f"{record.entity} {record.id} was created with {value!r} in '{row.target}'")


async def engine_has_read(s: Scenario, target: str) -> None:
    """Wait until an edit of another linked target came back, so that the engine must have read the new one too."""
    since_s = s.access.clock.now()
    if not await read_barrier(s.state, s.key("barrier")):
        await require_alive(s.state, since_s, "an edit of a linked record")
        raise CheckUndecided(
            "no-read-barrier",
            f"no edit of another linked {target} came back, so nothing shows that the engine has read the new one",
            cause=Cause.ENGINE_OR_API,
        )
    s.observe(f"an edit of another linked {target} came back, so the engine has read what was there before")


async def connected_entity(s: Scenario, entity: str, system: str) -> None:
    """Make a record of an entity that connects, seen to be synchronised."""
    connection = next((c for c in s.state.connections if quotable(c.entity.name) == entity), None)
    if connection is None:
        raise _unusable(s, entity, system)
    companion = await make_companion(s.state, s.key("companion"), connection)
    s.companion = (connection, companion)
    s.observe(f"{companion.record.entity} {companion.record.id} was created and seen in {system}")


def _unusable(s: Scenario, entity: str, system: str) -> CheckUndecided:
    """Why a connected entity cannot be tried: nothing binds it, or nothing of its own is known to be synchronised."""
    flow = s.state.flow
    ref = next((e for rule in flow.rules for e in rule.connected if quotable(e.name) == entity), None)
    if ref is None or connection_binding(flow, ref, s.access.settings) is None:
        return CheckUndecided(
            "connection-unbound",
            f"needs a binding: nothing says which field connects a {flow.source.name} with a {entity} that is "
            f"synchronized into {system}; bind it under [[connections]] in talkqa.toml, and the entity needs a flow "
            "of its own into that system",
            cause=Cause.DOCUMENT,
        )
    running = (state.flow for state in s.state.neighbours.values())
    own = [f for f in running if f.source == ref and f.target.system == flow.target.system and f.id != flow.id]
    if not own:
        return CheckUndecided(
            "connected-has-no-flow",
            f"no document has a flow of {entity} into {system}, so nothing can show that one is synchronized",
            cause=Cause.DOCUMENT,
        )
    return CheckUndecided(
        "connected-in-a-ring",
        f"a {entity} is itself only synchronized once it is connected, in the end to a {flow.source.name}: nothing "
        "would ever be the first to travel",
        cause=Cause.DOCUMENT,
    )
