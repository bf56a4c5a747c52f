"""Steps that judge which properties travel at all: discovered, documented, undocumented."""

from talkqa.model.check import RowClass
from talkqa.model.errors import CheckFailed, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import Record
from talkqa.model.result import Cause, MappingSeen
from talkqa.model.schema import FieldType
from talkqa.verify.compare import compare
from talkqa.verify.judge import require_alive
from talkqa.verify.link import refresh_travels
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.probe import Travel
from talkqa.verify.scenario import Scenario
from talkqa.verify.travel import find_travels, tokens_of, written_of
from talkqa.verify.vocabulary.given import refresh_pair


async def _travels_after_rewrite(s: Scenario) -> tuple[Travel, ...]:
    """What is seen to travel after the rewriting, once the target has moved and a later record has arrived."""
    if s.rewritten is not None:
        return s.rewritten
    state, pair = s.state, s.pair
    since_s = pair.source.written_s
    tokens = {t for v in written_of(pair.source.record, state.schema(Side.SOURCE)).values() for t in tokens_of(v)} - {
        t for v in s.rewrites[0][0].values.values() for t in tokens_of(v)
    }
    await state.observer(Side.TARGET).wait_for(
        lambda sighting: any(tokens & tokens_of(v) for v in sighting.record.values.values()),
        within_s=s.access.settings.patience_s,
        record_id=pair.target.id,
    )
    if not await state.heartbeats.rounds(1):
        await require_alive(state, since_s, "a heartbeat")
    source = pair.source.record
    await refresh_pair(s)
    s.rewrites.append((source, pair.target))
    refresh_travels(state, pair)
    s.rewritten = find_travels(source, written_of(source, state.schema(Side.SOURCE)), pair.target, state.both())
    return s.rewritten


async def some_travel(s: Scenario, target: str) -> None:
    """At least one property travels, at creation and again after a second write."""
    del target
    again = await _travels_after_rewrite(s)
    twice = tuple(t for t in again if t in s.first_travels)
    if not twice:
        raise CheckFailed(
            "nothing-travels",
            f"no property of {s.probe.record.entity} {s.probe.record.id} was seen in {s.pair.target.id} both times",
            cause=Cause.ENGINE,
            expected="at least one property",
            observed="none",
        )
    for travel in twice:
        tell_mapping(s, travel, confirmations=2, both_ways=None)
    s.decide(
        "discovered",
        f"{len(twice)} properties travelled both times: " + ", ".join(f"{t.source} to {t.target}" for t in twice),
    )


def tell_mapping(s: Scenario, travel: Travel | None, *, confirmations: int, both_ways: bool | None) -> None:
    """Tell a property that was seen to travel, as a row of a property table would print it."""
    if travel is None:
        return
    field = s.state.schema(Side.TARGET).field(travel.target)
    kind = field.type if field else FieldType.STRING
    names = {FieldType.INTEGER: "integer", FieldType.DECIMAL: "decimal", FieldType.BOOLEAN: "boolean"}
    documented = any((r.source, r.target) == (travel.source, travel.target) for r in s.state.flow.properties)
    s.access.note_mapping(
        MappingSeen(
            flow_id=s.state.flow.id,
            source=travel.source,
            target=travel.target,
            data_type=f'"{names.get(kind, "string")}"' if travel.equal else "N/A",
            relation="equal" if travel.equal else "the target holds more or less than the source's value",
            documented=documented,
            confirmations=confirmations,
            both_ways=both_ways,
        )
    )


async def documented_travel(s: Scenario, target: str) -> None:
    """Each documented property that can be judged arrives, at creation or after the rewriting."""
    await _travels_after_rewrite(s)
    dead, judged, skipped = [], [], []
    for row in s.state.flow.properties:
        verdicts = [_row_holds(s, row, source, there) for source, there in s.rewrites]
        known = [v for v in verdicts if v is not None]
        if not known:
            skipped.append(f"{row.source} to {row.target}")
        elif any(known):
            judged.append(row)
        else:
            dead.append(row)
    if dead:
        words = ", ".join(f"{r.source} to {r.target}" for r in dead)
        raise CheckFailed(
            "documented-but-dead",
            f"documented, and never seen to travel to {target} {s.pair.target.id}: {words}",
            cause=Cause.ENGINE,
            expected="each documented property arrives",
            observed=f"missing: {words}",
        )
    if not judged:
        raise CheckUndecided(
            "nothing-judged", "no documented property of this flow can be judged by its value", cause=Cause.DOCUMENT
        )
    s.decide(
        "documented-travel",
        f"{len(judged)} documented properties arrived"
        + (f"; not judged by value: {', '.join(skipped)}" if skipped else ""),
    )


def _row_holds(s: Scenario, row: PropertyRow, source: Record, there: Record) -> bool | None:
    """Whether a row's value arrived; None where this row cannot be judged by its value."""
    judgement = s.state.judgements[(row.source, row.target)]
    if judgement.row_class not in {RowClass.PLAIN, RowClass.LIST, RowClass.TRANSFORM} or row.qualifiers:
        return None
    value, actual = source.values.get(row.source), there.values.get(row.target)
    if value is None:
        return None
    target_field = s.state.schema(Side.TARGET).field(row.target)
    if target_field is None or not target_field.createable:
        return None  # the target computes it: nobody writes it there
    if row.transform is None:
        field = s.state.schema(Side.SOURCE).field(row.source)
        found = compare(value, actual, expected_field=field, actual_field=target_field, declared=row.declared_type)
    else:
        try:
            value = evaluate(row.transform, value, dict(source.values), now=s.access.clock.stamp())
        except OracleUnknown:
            return None
        found = compare(value, actual, expected_field=target_field, actual_field=target_field, declared=None)
    return found.equal if found.certain else None


async def nothing_else_travels(s: Scenario, target: str) -> None:
    """What travels and is not documented is told, not judged: the document may be behind."""
    again = await _travels_after_rewrite(s)
    documented = {(r.source, r.target) for r in s.state.flow.properties}
    targets = {r.target for r in s.state.flow.properties}
    found = [
        t for t in again if t in s.first_travels and (t.source, t.target) not in documented and t.target not in targets
    ]
    found = [t for t in found if (f := s.state.schema(Side.TARGET).field(t.target)) is not None and f.createable]
    if found:
        for travel in found:
            tell_mapping(s, travel, confirmations=2, both_ways=None)
        words = ", ".join(f"{t.source} to {t.target}" for t in found)
        s.record_observation("undocumented-travel", f"seen to travel to {target} and not documented: {words}")
        return
    s.decide("nothing-undocumented", "no undocumented property was seen to travel")
