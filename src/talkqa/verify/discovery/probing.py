"""Writing the probes of a flow, and reading what became of them.

At most three writes to each side: two records created and one of them changed in every property at once, then the
counterparts of both changed in every property, and one of them again where truth values are to be told apart.
Used by `runner`; `inference` concludes from the evidence.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import trio

from talkqa.model.call import acting_as
from talkqa.model.errors import ApiError, ApiRefused, CheckOutcome, TalkqaError
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import Record, Scalar
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.verify.discovery.assignment import Assigner
from talkqa.verify.discovery.candidate import Candidate, is_coded
from talkqa.verify.discovery.evidence import Evidence, Look, Move, candidate_fields, single
from talkqa.verify.discovery.inference import list_candidates
from talkqa.verify.flowstate import FlowState
from talkqa.verify.judge import gone
from talkqa.verify.link import no_way_in, pair_up, start_pair
from talkqa.verify.observer import Sighting
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.probe import Pair, Probe, strong_tokens
from talkqa.verify.routes import Route
from talkqa.verify.travel import spelled
from talkqa.verify.values import NoCommonValueError, common_field, fit, holds

_POLLS_AT_REST = 3
"""Polls that must show nothing new before two records count as at rest."""
_LATENCIES_AT_REST = 2
_WRITES = 3
"""Writes to each side."""
_PROBES = (1, 2, 1)
"""Which probe each write of a side goes to."""
_BACK = 3
"""Where the count of writes to the target begins, so that its values are other ones than the source's."""
_ATTEMPTS = 3
"""How often a write is sent without the properties that the system refused before."""


class NotExplored(TalkqaError):
    """Raised where probes were written, and what became of them tells nothing of the flow's properties."""


@dataclass(slots=True, kw_only=True)
class Exploration:
    """The probes of one flow while they are written and watched."""

    state: FlowState
    key: str
    assigner: Assigner
    pairs: dict[int, Pair] = field(default_factory=dict)
    """Probe to its pair."""
    moves: list[Move] = field(default_factory=list)
    writes: Counter[Side] = field(default_factory=Counter)
    refused: dict[tuple[Side, str], str] = field(default_factory=dict)
    """Properties that a system did not take, with what it said."""

    def evidence(self) -> Evidence:
        """What is known by now."""
        state = self.state
        merged = state.mergeable if state.route is Route.MERGE else ()
        source, target = state.both()
        return Evidence(
            flow_id=state.flow.id,
            schemas=dict(state.schemas),
            moves=tuple(self.moves),
            joined=frozenset((spelled(source, row.source), spelled(target, row.target)) for row in merged[:1]),
        )


async def explore(state: FlowState) -> Exploration:
    """Write the probes of a flow and watch them until all that can be told apart is.

    Raises:
        CheckOutcome: where the flow cannot be tested here.
        NotExplored: where the probes show nothing that could be concluded from.
        ApiError: where a system refuses the probes, or does not answer.
    """
    await state.prepare()
    if state.route is Route.REVERSE:
        raise no_way_in(state)  # what the probes are compared with is what was written to the source
    key = f"discovery/{state.flow.id}"
    one = Exploration(state=state, key=key, assigner=Assigner(state.access.sentinels, key))
    with acting_as(f"discovery {state.flow.id}"):
        overrides = {probe: _source_values(one, probe - 1) for probe in (1, 2)}
        problems: list[CheckOutcome | TalkqaError] = []

        async def create(probe: int) -> None:
            try:
                await _create(one, probe, overrides[probe])
            except (CheckOutcome, ApiError, NotExplored) as problem:  # the other one's writes end in good order
                problems.append(problem)

        async with trio.open_nursery() as nursery:
            for probe in overrides:
                nursery.start_soon(create, probe)
        if problems:
            raise problems[0]
        one.moves.sort(key=lambda move: move.probe)
        _require_one_counterpart(one)
        await _edit(one, 1, Side.SOURCE, _source_updates(one))
        for write, probe in enumerate(_PROBES):
            few_values = write == _WRITES - 1  # a third one tells truth values apart, and nothing else
            if one.writes[Side.TARGET] < _WRITES and (not few_values or _any_coded(one)):
                await _edit(one, probe, Side.TARGET, _target_updates(one, write))
    return one


def _any_coded(one: Exploration) -> bool:
    return any(is_coded(candidate.ends) for candidate in list_candidates(one.evidence()))


# What is written


def _source_values(one: Exploration, write: int) -> dict[str, Scalar]:
    """Values for every property that a probe can be created with, but for those that decide whether it travels."""
    state, schema = one.state, one.state.schema(Side.SOURCE)
    free = [
        f
        for f in candidate_fields(schema, Side.SOURCE)
        if f.createable and f.list_at is None and f.path not in state.avoided and not _begins(f)
    ]
    return _with_documented(one, one.assigner.assign(free, write), write)


def _documented(one: Exploration, path: str, write: int) -> Scalar:
    """A value that the documented rows of a property can carry; None where none is known."""
    try:
        return one.state.values.draw_source(path, one.key, write, telling=True)
    except NoCommonValueError:
        return None


def _begins(field: FieldSchema) -> bool:
    """Whether a property says where the life of a record begins, which the factory knows best."""
    return field.type is FieldType.PICKLIST and field.required


def _source_updates(one: Exploration) -> dict[str, Scalar]:
    """New values for every source property that may be changed."""
    fields = candidate_fields(one.state.schema(Side.SOURCE), Side.SOURCE)
    return _with_documented(one, one.assigner.assign([f for f in fields if _editable(one, Side.SOURCE, f)], 2), 2)


def _with_documented(one: Exploration, values: dict[str, Scalar], write: int) -> dict[str, Scalar]:
    """The values, with such as documented rows can carry where there are any."""
    for row in one.state.flow.properties:
        path = spelled(one.state.schema(Side.SOURCE), row.source)
        if path in values:
            values[path] = _documented(one, path, write) or values[path]
    return values


def _target_updates(one: Exploration, write: int) -> dict[str, Scalar]:
    """New values for every target property that may be changed; of those with few values for promising ones alone.

    Truth values turn at each edit, every second one not in the second probe: so they differ from one another as well.
    """
    fields = candidate_fields(one.state.schema(Side.TARGET), Side.TARGET)
    candidates: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in list_candidates(one.evidence()):
        candidates[candidate.ends.target.path].append(candidate)
    found: dict[str, Scalar] = {}
    coded = 0
    for target in sorted((f for f in fields if _editable(one, Side.TARGET, f)), key=lambda f: f.path):
        known = candidates[target.path]
        if any(is_coded(candidate.ends) for candidate in known):
            coded += 1
            if write != 1 or coded % 2:
                found[target.path] = _turned(one, target, known, _PROBES[write])
        elif target.type not in {FieldType.PICKLIST, FieldType.BOOLEAN}:
            found[target.path] = _homeward_value(one, target, known, write)
    return {path: value for path, value in found.items() if value is not None}


def _turned(one: Exploration, target: FieldSchema, known: list[Candidate], probe: int) -> Scalar:
    """Another value than the property holds, of those that both sides take; None where there is none."""
    held = single(_last_look(one, probe).target.get(target.path))
    if target.type is FieldType.BOOLEAN:
        return not held
    try:
        choice = common_field(target, [known[0].ends.source]).picklist
    except NoCommonValueError:
        return None
    return next((value for value in choice if value != held), None)


def _last_look(one: Exploration, probe: int) -> Look:
    return next(move.after for move in reversed(one.moves) if move.probe == probe)


def _editable(one: Exploration, side: Side, field: FieldSchema) -> bool:
    if not field.updateable or field.list_at is not None or (side, field.path) in one.refused or _begins(field):
        return False
    flow, schema = one.state.flow, one.state.schema(side)
    if side is Side.SOURCE:
        return field.path not in one.state.avoided
    return field.path not in {spelled(schema, row.target) for row in flow.merge}


def _homeward_value(one: Exploration, target: FieldSchema, known: list[Candidate], write: int) -> Scalar:
    """A value for a target property that the source behind it, where one is known, can take back."""
    if not known:
        return one.assigner.value(target, _BACK + write)
    best = min(known, key=lambda candidate: candidate.relation.rank)
    source, relation = best.ends.source, best.relation
    if not relation.whole:
        return None
    try:
        row = next((row for row in one.state.flow.properties if _joins(one, row, best)), None)
        if row is not None:
            return one.state.values.draw_target(row, one.key, _BACK + write)
        if relation.transform is not None:
            drawn = one.assigner.value(source, _BACK + write)
            made = evaluate(relation.transform, drawn, None, now=None)
            return fit(made, target) if not isinstance(made, tuple) and holds(made, target) else None
        return fit(one.assigner.value(common_field(target, [source]), _BACK + write), target)
    except (NoCommonValueError, OracleUnknown):
        return one.assigner.value(target, _BACK + write)


def _joins(one: Exploration, row: PropertyRow, candidate: Candidate) -> bool:
    source, target = one.state.both()
    ends = (candidate.ends.source.path, candidate.ends.target.path)
    return (spelled(source, row.source), spelled(target, row.target)) == ends


# Writing and watching


async def _create(one: Exploration, probe: int, values: Mapping[str, Scalar]) -> None:
    """Create a probe, wait for its counterpart and until both have come to rest."""
    state = one.state
    source, seen, sent = await _start(one, probe, values)
    one.writes[Side.SOURCE] += 1
    one.writes[Side.TARGET] += state.route is Route.MERGE
    if seen is None:
        raise NotExplored(
            f"no {state.flow.target.name} with values of {source.record.entity} {source.record.id} appeared within "
            f"{state.access.settings.patience_s:.0f} s, so nothing can be said of its properties"
        )
    pair = one.pairs[probe] = pair_up(state, source, seen)
    after = await _at_rest(one, pair, max(seen.seen_s - source.written_s, 0.0))
    one.moves.append(
        Move(probe=probe, side=Side.SOURCE, sent=sent, answered=source.first.values, before=None, after=after)
    )


async def _start(
    one: Exploration, probe: int, values: Mapping[str, Scalar]
) -> tuple[Probe, Sighting | None, Mapping[str, Scalar]]:
    """Write a source record, at need without what the system refuses of it; and wait for its counterpart."""
    sent = dict(values)
    while True:
        try:
            source, seen = await start_pair(one.state, f"{one.key}/{probe}", sent)
        except ApiRefused as refusal:
            named = {path.casefold() for path in refusal.fields} & {path.casefold() for path in sent}
            if not named:
                raise
            sent = {path: value for path, value in sent.items() if path.casefold() not in named}
        else:
            return source, seen, sent


async def _edit(one: Exploration, probe: int, side: Side, values: Mapping[str, Scalar]) -> None:
    """Change a record in all these properties at once and wait until both records have come to rest."""
    state, pair = one.state, one.pairs[probe]
    before = _last_look(one, probe)
    written = await _send(one, pair.record(side), side, values)
    if written is None:
        return
    stored, sent = written
    one.writes[side] += 1
    pair.replace(side, stored)
    if side is Side.SOURCE:
        pair.source.note(sent)
        state.access.own_tokens(strong_tokens(sent.values()), stored.id)
    written_s = state.access.clock.now()
    await _await_other(one, pair, side.other, before)
    after = await _at_rest(one, pair, state.access.clock.now() - written_s)
    one.moves.append(Move(probe=probe, side=side, sent=sent, answered=stored.values, before=before, after=after))


async def _send(
    one: Exploration, record: Record, side: Side, values: Mapping[str, Scalar]
) -> tuple[Record, Mapping[str, Scalar]] | None:
    """Change a record, at need without what the system refuses; None where nothing is left to be written."""
    sent = dict(values)
    for _ in range(_ATTEMPTS):
        if not sent:
            return None
        try:
            return await one.state.access.update(record, sent), sent
        except ApiRefused as refusal:
            named = {path.casefold() for path in refusal.fields}
            refused = {path for path in sent if path.casefold() in named} or set(sent) - _promising(one, side)
            one.refused |= {(side, path): str(refusal) for path in refused}
            sent = {path: value for path, value in sent.items() if path not in refused}
            if not refused:
                return None
    return None


def _promising(one: Exploration, side: Side) -> set[str]:
    """The properties of one side that something is known to travel through."""
    found = list_candidates(one.evidence())
    return {(c.ends.source if side is Side.SOURCE else c.ends.target).path for c in found}


async def _await_other(one: Exploration, pair: Pair, side: Side, before: Look) -> None:
    """Wait until anything of the record on the other side moves; what does not in time will be seen not to have."""
    known, schema = before.of(side), one.state.schema(side)
    paths = [f.path for f in candidate_fields(schema, side)]
    await one.state.observer(side).wait_for(
        lambda sighting: any(sighting.record.values.get(path) != known.get(path) for path in paths),
        within_s=one.state.access.settings.patience_s,
        record_id=pair.record(side).id,
    )


async def _at_rest(one: Exploration, pair: Pair, latency_s: float) -> Look:
    """Both records once neither was seen to change for a while.

    Raises:
        NotExplored: where they do not come to rest.
        CheckOutcome: where one of them is gone.
    """
    state = one.state
    observers = {side: state.observer(side) for side in Side}
    poll_s = max(state.access.poll_s(state.flow.entity(side).system) for side in Side)
    quiet_s = max(_POLLS_AT_REST * poll_s, _LATENCIES_AT_REST * latency_s)
    give_up_s = state.access.clock.now() + state.access.settings.patience_s + quiet_s

    def seen() -> list[int | None]:
        latest = [observers[side].latest.get(pair.record(side).id) for side in Side]
        return [sighting.order if sighting is not None else None for sighting in latest]

    with observers[Side.SOURCE].wanted(), observers[Side.TARGET].wanted():
        known = seen()
        while True:
            await state.access.clock.sleep(quiet_s)
            if seen() == known:
                break
            known = seen()
            if state.access.clock.now() > give_up_s:
                raise NotExplored(
                    f"{pair.source.record.entity} {pair.source.record.id} and its counterpart do not come to rest"
                )
    held: dict[Side, Record] = {}
    for side in Side:
        record = await state.access.get(pair.record(side))
        if record is None:
            raise gone(state, side, pair.record(side))
        pair.replace(side, record)
        held[side] = record
    return Look(source=held[Side.SOURCE].values, target=held[Side.TARGET].values)


def _require_one_counterpart(one: Exploration) -> None:
    """Each probe shows in one target record alone.

    Raises:
        NotExplored: where another one carries its values: which of the two is linked is not known.
    """
    for pair in one.pairs.values():
        sure, _ = one.state.resembling(pair.source, Side.TARGET)
        others = sorted(set(sure) - {pair.target.id})
        if others:
            raise NotExplored(
                f"{pair.target.entity} {pair.target.id} and {', '.join(others)} all carry values of "
                f"{pair.source.record.entity} {pair.source.record.id}: which one is linked is not known"
            )
