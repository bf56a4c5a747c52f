"""Steps about merge criteria: records that match, nearly match, and do not match a target that was there first."""

from talkqa.model.errors import ApiRefused, CheckFailed, CheckNotRunnable, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.record import Record, Scalar
from talkqa.model.result import Cause
from talkqa.model.schema import EntitySchema, FieldSchema
from talkqa.verify.link import find_merged, no_way_in, target_taken, write_connected, write_source
from talkqa.verify.nearness import differ, share
from talkqa.verify.observer import Sighting
from talkqa.verify.probe import Probe, own_values, strong_tokens
from talkqa.verify.routes import Route, rightful_copies
from talkqa.verify.scenario import Merging, Scenario
from talkqa.verify.travel import record_tokens, spelled
from talkqa.verify.vocabulary.rest import let_pass

_EMPTY = "empty"


async def created_matching(s: Scenario, source: str, source_path: str, target_path: str, target: str) -> None:
    """Create a source record that meets one merge criterion, and none of the others."""
    del source, target
    existing = _existing(s)
    s.probe = await write_source(s.state, s.key("probe"), {_path(s, source_path): existing.value})
    others = sorted({row.source for row in s.state.flow.merge} - {existing.row.source})
    differing = f", while {', '.join(map(repr, others))} differ" if others else ""
    s.observe(
        f"{s.probe.record.entity} {s.probe.record.id} was created with {existing.value!r} in '{source_path}', as in "
        f"'{target_path}' of the other record{differing}"
    )


async def created_twin(s: Scenario, source: str, source_path: str, target_path: str, target: str) -> None:
    """Create a second source record that meets the same criterion."""
    del source, target, target_path
    s.twin = await _write_or_tell(s, "twin", {_path(s, source_path): _existing(s).value})


async def created_nearly(
    s: Scenario, source: str, source_path: str, target_path: str, target: str, difference: str
) -> None:
    """Create a source record that all but meets a merge criterion."""
    del source, target, target_path
    existing = _existing(s)
    value = differ(existing.value, difference, _field(s, source_path))
    if value is None:
        raise CheckNotRunnable("no-near-value", f"{existing.value!r} cannot differ in {difference} alone")
    probe = await _write_or_tell(s, "probe", {_path(s, source_path): value})
    if probe is not None:
        s.probe = probe


async def created_apart(s: Scenario, source: str, source_path: str, target_path: str, target: str, share: str) -> None:
    """Create a source record whose criterion only begins or ends as that of the target does."""
    del source
    existing, state = _existing(s), s.state
    value = _shared_part(s, source_path, share)
    s.stranger, s.existing = existing.target, None  # nothing is to be merged with it
    overrides = {_path(s, source_path): value}
    try:
        if state.route is Route.CONNECT:
            s.probe = await write_connected(state, s.key("probe"), state.connections[0], overrides)
        elif state.route in {Route.NONE, Route.REVERSE}:
            raise no_way_in(state)
        else:
            s.probe = await write_source(state, s.key("probe"), overrides, permissible=state.route is Route.CREATE)
    except ApiRefused as error:
        raise CheckNotRunnable(
            "value-refused", f"the system refuses the test's value: {error}", cause=Cause.API
        ) from error
    s.observe(
        f"{s.probe.record.entity} {s.probe.record.id} was created with {value!r} in '{source_path}', where "
        f"'{target_path}' of the {target} is {existing.value!r}"
    )


def _shared_part(s: Scenario, path: str, part: str) -> Scalar:
    existing, field = _existing(s), _field(s, path)
    value = share(existing.value, part, field)
    if value is None or value == existing.value:
        raise CheckNotRunnable("no-near-value", f"nothing else has the {part} of {existing.value!r}")
    return value


async def existing_empty(s: Scenario, target: str, source: str) -> None:
    """Create a target record that nothing is linked to, with nothing in any merge criterion."""
    del target, source
    state = s.state
    rows = state.mergeable
    if state.taker is not None:
        raise target_taken(state, state.taker)
    if not rows:
        raise CheckUndecided(
            "criterion-unusable", "no merge criterion of this flow can be filled by a test", cause=Cause.DOCUMENT
        )
    values = _emptied(state.schema(Side.TARGET), [row.target for row in state.flow.merge])
    _emptied(state.schema(Side.SOURCE), [row.source for row in state.flow.merge])
    record = await s.access.create(state.flow.target.system, state.schema(Side.TARGET).name, s.key("existing"), values)
    s.existing = Merging(target=record, value=None, row=rows[0])
    s.done = _EMPTY
    s.observe(f"{record.entity} {record.id} was created with nothing in {', '.join(values)}")


async def created_empty(s: Scenario, source: str) -> None:
    """Create a source record with nothing in any merge criterion."""
    del source
    schema = s.state.schema(Side.SOURCE)
    probe = await _write_or_tell(s, "probe", _emptied(schema, [row.source for row in s.state.flow.merge]))
    if probe is not None:
        s.probe = probe


def _emptied(schema: EntitySchema, paths: list[str]) -> dict[str, Scalar]:
    fields = [f for path in paths if (f := schema.field(path)) is not None and f.createable]
    for field in fields:
        if field.required:
            raise CheckNotRunnable("cannot-be-emptied", f"'{field.path}' may not be empty", cause=Cause.DOCUMENT)
    return {field.path: None for field in fields}


async def _write_or_tell(s: Scenario, key: str, values: dict[str, Scalar]) -> Probe | None:
    """Write a source record; a system that refuses it has answered the question itself."""
    try:
        probe = await write_source(s.state, s.key(key), values, queued=False)
    except ApiRefused as error:
        s.done = "refused"
        s.record_observation(
            "near-miss-refused", f"the case cannot arise: {s.state.flow.source.system} refuses {values}: {error}"
        )
        return None
    s.observe(f"{probe.record.entity} {probe.record.id} was created with {values}")
    return probe


def _existing(s: Scenario) -> Merging:
    if s.existing is None:
        raise CheckUndecided("step-missing", "the scenario needs an existing target first", cause=Cause.HARNESS)
    return s.existing


def _path(s: Scenario, path: str) -> str:
    return spelled(s.state.schema(Side.SOURCE), path)


def _field(s: Scenario, path: str) -> FieldSchema:
    field = s.state.schema(Side.SOURCE).field(path)
    if field is None:
        raise CheckUndecided("criterion-unknown", f"no schema knows {path}", cause=Cause.CONFIGURATION)
    return field


# What is seen


async def keeps_apart(s: Scenario, target: str) -> None:
    """Neither of two strangers takes a value of the other, though many records written later have arrived.

    Raises:
        CheckFailed: where one did.
    """
    if s.stranger is None:
        raise CheckUndecided(
            "step-missing", f"the scenario needs a {target} to be kept apart from", cause=Cause.HARNESS
        )
    await let_pass(s, 2, s.access.clock.now())
    _require_apart(s, s.stranger)
    _require_no_third(s, (s.probe,), s.stranger, _made_of(s, s.probe, s.stranger))
    s.decide(
        "kept-apart",
        f"neither {s.stranger.entity} {s.stranger.id} nor {s.probe.record.entity} {s.probe.record.id} took a value of "
        "the other",
    )


def _require_apart(s: Scenario, stranger: Record) -> None:
    there, back = _crossings(s, s.probe, stranger)
    if there or back:
        taken, giver = (stranger, s.probe.record) if there else (s.probe.record, stranger)
        raise CheckFailed(
            "merged-wrongly",
            f"{taken.entity} {taken.id} carries a value of {giver.entity} {giver.id}, which does not match it",
            cause=Cause.ENGINE,
            expected="two records that have nothing to do with each other",
            observed=f"a value of {giver.id} in {taken.id}",
        )


def _crossings(s: Scenario, probe: Probe, target: Record) -> tuple[bool, bool]:
    """Whether a target was seen with a probe's own values, and the probe with the target's own."""
    theirs = strong_tokens(own_values(target, s.state.schema(Side.TARGET)).values())
    own, others = probe.tokens - theirs, theirs - probe.tokens
    came_back = any(
        others & record_tokens(version.record)
        for version in s.state.observer(Side.SOURCE).versions(probe.record.id, -1)
    )
    return target.id in s.state.observer(Side.TARGET).carriers(own), came_back


def _made_of(s: Scenario, probe: Probe, *besides: Record) -> dict[str, Sighting]:
    """Target records that the engine made of a probe, told by values that no other of these records has."""
    shared = {t for record in besides for t in record_tokens(record)}
    observer = s.state.observer(Side.TARGET)
    return {
        i: sighting
        for i, sighting in observer.carriers(probe.tokens - shared).items()
        if i != probe.record.id
        and not s.access.is_own(sighting.record)
        and not observer.was_there(i)
        and not observer.latest[i].record.deleted
    }


async def recorded_near_miss(s: Scenario) -> None:
    """Tell whether a record that nearly matches was merged; whatever it is, it is one of the two and whole.

    Raises:
        CheckFailed: where it was merged and created as well, carries a value of a third record, or was merged though
            neither of the two has any criterion.
    """
    existing = _existing(s)
    made = _made_of(s, s.probe, existing.target)
    merged = any(_crossings(s, s.probe, existing.target))
    name = f"{existing.target.entity} {existing.target.id}"
    if merged and s.done == _EMPTY:
        _require_apart(s, existing.target)
    allowed = rightful_copies(s.state.flow, s.world.running, s.state.membership.apart)
    if merged and made and allowed is not None and len(made) >= allowed[Side.TARGET]:
        raise CheckFailed(
            "second-target",
            f"{s.probe.record.entity} {s.probe.record.id} was merged with {name}, and {', '.join(sorted(made))} was "
            "created for it as well",
            cause=Cause.ENGINE,
            expected="merged or created",
            observed="both",
        )
    _require_no_third(s, (s.probe,), existing.target, made)
    if merged:
        text, seen = f"it was merged with {name}", "merged"
    elif made:
        text, seen = f"it was taken as another one: {existing.target.entity} {min(made)} was created", "apart"
    else:
        text = f"neither was another {existing.target.entity} seen nor did {name} or the record itself show a merge"
        seen = ""
    # that records without any criterion do not match is no question of how nearly they do
    s.record_observation("near-miss-seen", text, seen="" if s.done == _EMPTY else seen)


def _require_no_third(s: Scenario, probes: tuple[Probe, ...], target: Record, made: dict[str, Sighting]) -> None:
    """None of the records concerned carries a value of a record that has nothing to do with them."""
    allowed = frozenset({target.id, *made}).union(*({p.record.id, *p.companions} for p in probes))
    sides = {Side.SOURCE: [p.record.id for p in probes], Side.TARGET: [target.id, *sorted(made)]}
    for side, ids in sides.items():
        latest = s.state.observer(side).latest
        for record in (latest[i].record for i in ids if i in latest):
            owner = s.access.foreign_owner(record, allowed)
            if owner is not None:
                raise CheckFailed(
                    "value-of-another-record",
                    f"{record.entity} {record.id} carries a value of record {owner}",
                    cause=Cause.ENGINE,
                )


async def twins_told_apart(s: Scenario, target: str) -> None:
    """Of two records that match one, one at most is linked to it, and the other gets one of its own or none.

    Raises:
        CheckFailed: where more records came about than that, or a value of a third one crossed.
        CheckUndecided: where neither was merged, which is another check's affair.
    """
    if s.done == "refused":
        return
    existing, one, other = _existing(s), s.probe, s.twin
    if other is None:
        raise CheckUndecided("step-missing", "the scenario needs a second record first", cause=Cause.HARNESS)
    for number, probe in enumerate((one, other)):
        await find_merged(s.state, probe, existing.target, existing.row, s.key(f"twin-{number}"))
    await let_pass(s, 2, s.access.clock.now())
    merged = [p for p in (one, other) if any(_crossings(s, p, existing.target))]
    made = {**_made_of(s, one, existing.target, other.record), **_made_of(s, other, existing.target, one.record)}
    allowed = rightful_copies(s.state.flow, s.world.running, s.state.membership.apart)
    limit = None if allowed is None else 2 * allowed[Side.TARGET] - 1
    names = ", ".join(f"{target} {i}" for i in sorted(made))
    if limit is not None and len(made) > limit:
        raise CheckFailed(
            "duplicate" if merged else "not-merged",
            f"two records match {target} {existing.target.id}, and {names} were created for them",
            cause=Cause.ENGINE,
            expected=f"at most {limit} further",
            observed=str(len(made)),
        )
    if not merged:
        raise CheckUndecided(
            "vacuous",
            f"neither of the two was seen to be merged with {target} {existing.target.id}, so nothing is told apart",
            cause=Cause.ENGINE_OR_API,
        )
    _require_no_third(s, (one, other), existing.target, made)
    what = "both were merged with" if len(merged) > 1 else f"{merged[0].record.id} was merged with"
    s.record_observation(
        "shared-criterion-seen",
        f"{what} {target} {existing.target.id}; " + (f"{names} was created" if made else "none was created beside it"),
    )
