"""Steps that judge which properties travel at all: discovered, documented, undocumented."""

import itertools
from dataclasses import dataclass, field

from talkqa.model.check import RowClass
from talkqa.model.discovery import Ways
from talkqa.model.errors import CheckFailed, CheckLate, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import FieldValue, Record
from talkqa.model.result import Cause, MappingSeen
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.verify.judge import makes_of_it
from talkqa.verify.link import refresh_travels
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.probe import TEXTS, Expectation, Travel, expect_equal
from talkqa.verify.pulse import require_edits_alive
from talkqa.verify.routes import Route
from talkqa.verify.scenario import Scenario
from talkqa.verify.travel import find_travels, spelled, tokens_of, written_of
from talkqa.verify.vocabulary.rest import let_pass
from talkqa.verify.wiggle import refresh

_TELLING = 4
"""Characters of the beginning of a text by which it is known, where two texts in turn begin so."""


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
    source = pair.source.record
    await let_pass(s, 1, since_s)
    await refresh(s.state, s.pair)
    s.rewrites.append((source, pair.target))
    refresh_travels(state, pair)
    s.rewritten = find_travels(source, written_of(source, state.schema(Side.SOURCE)), pair.target, state.both())
    return s.rewritten


async def some_travel(s: Scenario, target: str) -> None:
    """At least one property travels, at creation and again after a second write."""
    del target
    again = await _travels_after_rewrite(s)
    twice = _twice(s, again) or await _travels_late(s)
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
    words = f"{len(twice)} properties travelled both times: " + ", ".join(f"{t.source} to {t.target}" for t in twice)
    cut = _cut_both_times(s)
    if cut:
        s.record_observation("values-cut", f"{words}; others arrived cut both times: {', '.join(cut)}", seen="cut")
        return
    s.record_observation("discovered", words)


def _twice(s: Scenario, again: tuple[Travel, ...]) -> tuple[Travel, ...]:
    """What travelled at creation and again with another value: what stayed as it was shows nothing the second time."""
    first, last = s.rewrites[0][0].values, s.rewrites[-1][0].values
    return tuple(t for t in again if t in s.first_travels and first.get(t.source) != last.get(t.source))


def _cut_both_times(s: Scenario) -> list[str]:
    """The texts of which the target holds the beginning alone, though it has room for more: at creation and again."""
    source, target = s.state.both()
    ours = [f for f in source.fields if f.type in TEXTS and f.createable]
    theirs = [f for f in target.fields if f.type in TEXTS and f.createable]
    found = []
    for own, other in itertools.product(ours, theirs):
        ends = [(first.values.get(own.path), there.values.get(other.path)) for first, there in s.rewrites]
        if ends[0][1] != ends[-1][1] and all(_is_cut(written, held, other.max_length) for written, held in ends):
            written, held = ends[-1]
            found.append(f"{own.path} to {other.path} ({held!r} of {written!r})")
    return found


def _is_cut(written: FieldValue, held: FieldValue, room: int | None) -> bool:
    if not isinstance(written, str) or not isinstance(held, str):
        return False
    return _TELLING <= len(held) < len(written) and len(held) != room and written.startswith(held)


async def _travels_late(s: Scenario) -> tuple[Travel, ...]:
    """What travelled both times after all, once edits of other records that were made later have arrived.

    Raises:
        CheckLate: where none of them does and nothing travelled.
    """
    since_s, late = s.pair.source.written_s, None
    try:
        await require_edits_alive(s.state, Side.SOURCE, since_s, "the rewriting of a record")
    except CheckLate as outcome:
        late = outcome
    await refresh(s.state, s.pair)
    s.rewrites[-1] = (s.rewrites[-1][0], s.pair.target)
    source, schemas = s.rewrites[-1][0], s.state.both()
    s.rewritten = find_travels(source, written_of(source, schemas[0]), s.pair.target, schemas)
    twice = _twice(s, s.rewritten)
    if late is not None and not twice:
        raise late
    return twice


def tell_mapping(s: Scenario, travel: Travel | None, *, confirmations: int, both_ways: bool | None) -> None:
    """Tell a property that was seen to travel, as a row of a property table would print it."""
    if travel is None:
        return
    schema = s.state.schema(Side.TARGET).field(travel.target)
    kind = schema.type if schema else FieldType.STRING
    names = {FieldType.INTEGER: "integer", FieldType.DECIMAL: "decimal", FieldType.BOOLEAN: "boolean"}
    row = next((r for r in s.state.flow.properties if (r.source, r.target) == (travel.source, travel.target)), None)
    s.access.note_mapping(
        MappingSeen(
            flow_id=s.state.flow.id,
            source=travel.source,
            target=travel.target,
            data_type=f'"{names.get(kind, "string")}"' if travel.equal else "N/A",
            relation="equal" if travel.equal else "changed on the way",
            documented=row is not None and not row.approved,
            approved=row is not None and row.approved,
            confirmations=confirmations,
            both_ways=both_ways,
        )
    )


async def documented_travel(s: Scenario, target: str) -> None:
    """Each documented property that can be judged arrives after the rewriting, as what was written then."""
    again = await _travels_after_rewrite(s)
    if any(_last_arrived(s, row) is False for row in s.state.flow.properties):
        await _outlive_rewriting(s)
    audit = _Audit()
    for row in s.state.flow.properties:
        words = f"{row.source} to {row.target}" + (f" ({row.approval})" if row.approved else "")
        source, there = s.rewrites[-1]
        expected = _expected(s, row, source)
        arrived = _arrived(s, row, expected, there)
        if arrived is None:
            audit.skipped.append(words)
        elif arrived:
            forgiven = expected.forgiven(there.values.get(s.state.path(row, Side.TARGET))) if expected else ""
            audit.judged.append(words)
            audit.forgiven += [f"{words}: {forgiven}"] if forgiven else []
        else:
            await _sort(s, row, words, expected, audit)
    rows = {(row.source, row.target) for row in s.state.flow.properties}
    for travel in _twice(s, again):
        if (travel.source, travel.target) in rows:
            tell_mapping(s, travel, confirmations=2, both_ways=None)
    if audit.dead or audit.different:
        raise _broken(s, target, audit)
    if not audit.judged:
        raise CheckUndecided(
            "nothing-judged", "no documented property of this flow can be judged by its value", cause=Cause.DOCUMENT
        )
    s.decide(
        "documented-travel",
        f"{len(audit.judged)} {_promised(s)} properties arrived"
        + (f" ({'; '.join(audit.forgiven)})" if audit.forgiven else "")
        + (f"; not judged by value: {', '.join(audit.skipped)}" if audit.skipped else ""),
    )


def _promised(s: Scenario) -> str:
    """Who promises what the flow's rows say: the document, unless it has none of them."""
    return "documented" if s.state.flow.as_documented().properties else "approved"


@dataclass(slots=True)
class _Audit:
    """What became of the documented properties, in words."""

    judged: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)
    """In what those that arrived differ all the same, as systems may."""
    skipped: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    different: list[tuple[str, str, str]] = field(default_factory=list)
    """Property, what is expected, what the target holds."""


def _broken(s: Scenario, target: str, audit: _Audit) -> CheckFailed:
    """Which documented properties did not arrive, and which arrived otherwise."""
    record = f"{target} {s.pair.target.id}"
    dead, different = ", ".join(audit.dead), audit.different
    promised = _promised(s)
    parts = [f"{promised}, and never seen to travel to {record}: {dead}"] if dead else []
    if different:
        found = ", ".join(f"{row} is {actual} and not {expected}" for row, expected, actual in different)
        parts.append(f"{promised}, and arrived otherwise in {record}: {found}")
    expected = [f"{row}: {expected}" for row, expected, _ in different]
    observed = [f"{row}: {actual}" for row, _, actual in different]
    if dead:
        expected.append("each documented property arrives")
        observed.append(f"missing: {dead}")
    return CheckFailed(
        "documented-but-dead" if dead else "documented-but-different",
        "; ".join(parts),
        cause=Cause.ENGINE,
        expected="; ".join(expected),
        observed="; ".join(observed),
    )


def _last_arrived(s: Scenario, row: PropertyRow) -> bool | None:
    """Whether the target holds what a row makes of the rewritten source; None where nobody can say."""
    source, there = s.rewrites[-1]
    return _arrived(s, row, _expected(s, row, source), there)


async def _outlive_rewriting(s: Scenario) -> None:
    """See edits of other records arrive that were made later, and look at what the target holds once more.

    Raises:
        CheckLate: where none does: what did not arrive may only be late.
    """
    source, pair = s.rewrites[-1][0], s.pair
    try:
        await require_edits_alive(s.state, Side.SOURCE, pair.source.written_s, "the rewriting of a record")
    except CheckLate:
        await refresh(s.state, pair)
        s.rewrites[-1] = (source, pair.target)
        if any(_last_arrived(s, row) is False for row in s.state.flow.properties):
            raise
    await refresh(s.state, pair)
    s.rewrites[-1] = (source, pair.target)


def _expected(s: Scenario, row: PropertyRow, source: Record) -> Expectation | None:
    """What a row makes of a source record; None where the row cannot be judged by its value."""
    judgement = s.state.judgements[(row.source, row.target)]
    if judgement.row_class not in {RowClass.PLAIN, RowClass.LIST, RowClass.TRANSFORM}:
        return None
    if row.qualifiers or row.ways is Ways.TO_SOURCE:
        return None
    path = s.state.path(row, Side.SOURCE)
    value = source.values.get(path)
    fields = judgement.source_field, judgement.target_field
    came_back = s.state.route is Route.REVERSE and value == s.rewrites[0][0].values.get(path)
    if came_back or value is None or fields[1] is None or not fields[1].createable:
        return None  # it was not rewritten and came from the target, or the target computes it and nobody writes it
    expected = expect_equal(value, fields, row.declared_type)
    if row.transform is not None:
        try:
            made = evaluate(row.transform, value, dict(source.values), now=None)  # when it was written nobody knows
        except OracleUnknown:
            return None
        expected = expect_equal(made, (fields[1], fields[1]), None)
    before, held = s.rewrites[0][0].values.get(path), s.rewrites[0][1].values.get(fields[1].path)
    stood_there = before != value and expected.matches(held)
    return None if stood_there else expected  # what stood there before it was written shows nothing


def _arrived(s: Scenario, row: PropertyRow, expected: Expectation | None, there: Record) -> bool | None:
    if expected is None:
        return None
    actual = there.values.get(s.state.path(row, Side.TARGET))
    if expected.matches(actual):
        return True
    return None if expected.doubt(actual) else False


async def _sort(s: Scenario, row: PropertyRow, words: str, expected: Expectation | None, audit: _Audit) -> None:
    """Sort a row whose value is not there: excused where the target does not take it from the harness either."""
    path = s.state.path(row, Side.TARGET)
    if expected is None:
        audit.skipped.append(words)
        return
    held = [there.values.get(path) for _, there in s.rewrites]
    try:
        by_itself = await makes_of_it(s.state, Side.TARGET, s.pair.target, path, expected)
    except CheckUndecided as excuse:
        audit.skipped.append(f"{words} ({excuse.message})")
        return
    if by_itself:
        audit.judged.append(words)
    elif _arrived_otherwise(held, s.state.schema(Side.TARGET).field(path)):
        audit.different.append((words, expected.words, repr(held[-1])))
    else:
        audit.dead.append(words)


def _arrived_otherwise(held: list[FieldValue], schema: FieldSchema | None) -> bool:
    """Whether what the target holds came from somewhere: a text, or what is not the same after both writes.

    A choice, a number or a date that never moves may be the target's own default.
    """
    last = held[-1]
    if last is None or last in {"", ()}:
        return False
    return (schema is not None and schema.type in TEXTS) or any(value != last for value in held)


async def nothing_else_travels(s: Scenario, target: str) -> None:
    """What travels and is not documented is told, not judged: the document may be behind."""
    again = await _travels_after_rewrite(s)
    schemas, rows = s.state.both(), s.state.flow.properties
    documented = {(spelled(schemas[0], r.source), spelled(schemas[1], r.target)) for r in rows}
    targets = {target for _, target in documented}
    found = [t for t in _twice(s, again) if (t.source, t.target) not in documented and t.target not in targets]
    found = [t for t in found if (f := s.state.schema(Side.TARGET).field(t.target)) is not None and f.createable]
    if found:
        for travel in found:
            tell_mapping(s, travel, confirmations=2, both_ways=None)
        words = ", ".join(f"{t.source} to {t.target}" for t in found)
        s.record_observation("undocumented-travel", f"seen to travel to {target} and not documented: {words}")
        return
    s.decide("nothing-undocumented", "no undocumented property was seen to travel")
