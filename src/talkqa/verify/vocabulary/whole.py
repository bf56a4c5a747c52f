"""Steps that write delicate values into all properties of one side at once and judge what arrives."""

from collections import Counter
from dataclasses import dataclass, field

from talkqa.checklist.partitions import COMPARABLE, FILLING, SUITES
from talkqa.model.check import RowClass
from talkqa.model.discovery import Ways
from talkqa.model.errors import ApiRefused, CheckFailed, CheckNotRunnable, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.result import Cause
from talkqa.verify.judge import gone, makes_of_it
from talkqa.verify.link import write_edit
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.probe import Expectation, expect_equal
from talkqa.verify.pulse import require_edits_alive
from talkqa.verify.scenario import Scenario, WholeEdit, side_of
from talkqa.verify.travel import spelled
from talkqa.verify.vocabulary.partitions import suite_value, too_long
from talkqa.verify.vocabulary.rest import let_pass
from talkqa.verify.wiggle import refresh, settle

_TOLD = 80
"""Characters of a text that evidence shows."""
_AWAY = {Side.SOURCE: Ways.TO_SOURCE, Side.TARGET: Ways.TO_TARGET}


async def all_set_to(s: Scenario, side: str, entity: str, suite: str) -> None:
    """Give every documented property of one side that can be judged a delicate value, in one write.

    Where the values are to fill their room, one for which the other side has too little is written with the others
    first, and once the engine has met it, one that fits: by then no write can have been refused any more.
    """
    del entity
    if suite not in SUITES:
        raise CheckUndecided("partition-unknown", f"'{suite}' is none of {', '.join(SUITES)}")
    here = side_of(side)
    await refresh(s.state, s.pair)
    before = s.pair.record(here)
    values: dict[str, Scalar] = {}
    rows: list[PropertyRow] = []
    for row in judged_rows(s, here):
        path = s.state.path(row, here)
        value = values[path] if path in values else suite_value(suite, row, s.state, s.key("whole"), here)
        if value is not None and value != before.values.get(path):
            values[path] = value
            rows.append(row)
    other = s.pair.record(here.other)
    written = await _write_too_long(s, here, rows, values) if suite == FILLING else {}
    left = {path: value for path, value in values.items() if path not in written}
    written |= await _write_what_is_taken(s, s.pair.record(here), left) if left or not written else {}
    rows = [row for row in rows if s.state.path(row, here) in written]
    s.whole = WholeEdit(side=here, rows=tuple(rows), before=other, at_s=s.access.clock.now())
    told = ", ".join(f"'{path}' {_brief(value)}" for path, value in written.items())
    s.observe(f"{len(written)} properties of {before.entity} {before.id} were set to {suite}: {told}")


async def _write_too_long(
    s: Scenario, side: Side, rows: list[PropertyRow], values: dict[str, Scalar]
) -> dict[str, Scalar]:
    """Write all values but that of the first row for which the other side has less room: it gets too long a text.

    Returns what was written of `values` once the engine has had the time of another record.
    """
    found = ((s.state.path(row, side), too_long(row, s.state, s.key("too long"), side)) for row in rows)
    path, text = next(((p, t) for p, t in found if t is not None), ("", None))
    if text is None or len(values) < 2:
        return {}
    record = s.pair.record(side)
    written = await _write_what_is_taken(s, record, {**values, path: text})
    if written.pop(path, None) is not None:
        s.observe(
            f"'{path}' of {record.entity} {record.id} was given {len(text)} characters, too many for the {side.other}"
        )
        await let_pass(s, 1, s.access.clock.now())
        await refresh(s.state, s.pair)
    return written


def _brief(value: FieldValue) -> str:
    """A value as evidence shows it: a long text by its beginning and its length."""
    if isinstance(value, str) and len(value) > _TOLD:
        return f"{value[:_TOLD]!r}... ({len(value)} characters)"
    return repr(value)


def judged_rows(s: Scenario, side: Side) -> list[PropertyRow]:
    """Rows whose value arrives by itself: no other row or qualifier decides what the other side holds."""
    united, state = s.state.united.properties, s.state
    feeding, fed = Counter(r.target.casefold() for r in united), Counter(r.source.casefold() for r in united)
    deciding = {(q.side, _spelled(s, q.path, q.side)) for r in united for q in r.qualifiers}
    deciding |= {(Side.SOURCE, spelled(state.schema(Side.SOURCE), p)) for p in _restricting(s)}
    found = []
    for row in state.flow.properties:
        judgement = state.judgements[(row.source, row.target)]
        alone = feeding[row.target.casefold()] == 1 and (side is Side.SOURCE or fed[row.source.casefold()] == 1)
        judged = judgement.row_class in COMPARABLE if side is Side.SOURCE else judgement.row_class is RowClass.PLAIN
        writable = judgement.writable(side) and (side is Side.SOURCE or judgement.source_writable)
        decides = {(each, s.state.path(row, each)) for each in Side} & deciding
        listed = any(f is not None and f.list_at for f in (judgement.source_field, judgement.target_field))
        if alone and judged and writable and not (decides or row.qualifiers or listed or row.ways is _AWAY[side]):
            found.append(row)
    return found


def _restricting(s: Scenario) -> frozenset[str]:
    """Source properties that decide whether a record may travel at all."""
    return s.state.deciding | {c.binding.path for c in s.state.connections if c.binding.held_by == "source"}


def _spelled(s: Scenario, path: str, side: Side) -> str:
    return spelled(s.state.schema(side), path)


async def _write_what_is_taken(s: Scenario, record: Record, values: dict[str, Scalar]) -> dict[str, Scalar]:
    """Write the values but for those that the system refuses; returns what was written."""
    side = Side.SOURCE if record is s.pair.source.record else Side.TARGET
    left = dict(values)
    while left:
        try:
            s.pair.replace(side, await write_edit(s.state, record, left))
        except ApiRefused as error:
            refused = {path for path in left if path.casefold() in {f.casefold() for f in error.fields}}
            if not refused or len(left) == len(refused):
                raise CheckNotRunnable("value-refused", str(error), cause=Cause.API) from error
            left = {path: value for path, value in left.items() if path not in refused}
        else:
            return left
    raise CheckNotRunnable("partition-unfit", f"no property of {record.entity} can hold such a value on both sides")


@dataclass(slots=True)
class _Verdicts:
    """What became of the properties, in words."""

    arrived: list[str] = field(default_factory=list)
    left_open: list[str] = field(default_factory=list)
    broken: list[tuple[str, str, str]] = field(default_factory=list)
    """Property, what is expected, what is held."""
    moved: bool = False
    """Whether one of the broken ones holds something new."""


async def all_follow(s: Scenario, side: str, entity: str) -> None:
    """Each property that is paired with an edited one takes its value whole.

    Raises:
        CheckFailed: naming each that does not.
    """
    whole = s.whole
    if whole is None:
        raise CheckUndecided("step-missing", "the scenario needs a step that edits them first", cause=Cause.HARNESS)
    there, state = side_of(side), s.state
    asked = [(s.state.path(row, there), e) for row in whole.rows if (e := _expect(s, row, there)) is not None]
    before = whole.before.values
    expected = [(path, e) for path, e in asked if not e.matches(before.get(path))]
    if not expected:
        raise CheckUndecided("nothing-judged", f"no property of {entity} can be judged by its value")
    stood = [f"'{path}' (it stood there before)" for path, e in asked if e.matches(before.get(path))]
    # Where a system makes something else of a value, waiting for the value itself would take all the patience.
    seen = await state.observer(there).wait_for(
        lambda sighting: all(
            e.matches(actual := sighting.record.values.get(path)) or actual != before.get(path) for path, e in expected
        ),
        within_s=s.access.settings.patience_s,
        record_id=s.pair.record(there).id,
    )
    if seen is not None and all(e.matches(seen.record.values.get(path)) for path, e in expected):
        s.pair.replace(there, seen.record)
        s.access.note_latency(state.flow, whole.side, max(0.0, seen.seen_s - whole.at_s))
        words = ", ".join(_told(path, e, seen.record.values.get(path)) for path, e in expected)
        s.decide(
            "arrived-whole", f"{seen.record.entity} {seen.record.id} holds all of them: {words}{_left(stood)}", seen
        )
        return
    if seen is not None:  # all of it moved: what is still to come, another record's time is left for
        await settle(state, s.pair)
        shown = "the write itself was carried"
    else:
        shown = await require_edits_alive(
            state, whole.side, whole.at_s, f"an edit of {s.pair.record(whole.side).entity}"
        )
    await _judge_each(s, there, expected, _Verdicts(left_open=stood), shown)


def _told(path: str, expectation: Expectation, actual: FieldValue) -> str:
    forgiven = expectation.forgiven(actual)
    return f"'{path}' {_brief(actual)}" + (f" ({forgiven})" if forgiven else "")


def _expect(s: Scenario, row: PropertyRow, there: Side) -> Expectation | None:
    """What a row makes of what is stored now; None where the oracle cannot tell."""
    judgement, here = s.state.judgements[(row.source, row.target)], there.other
    stored = s.pair.record(here).values.get(s.state.path(row, here))
    if row.transform is None:
        return expect_equal(stored, (judgement.field(here), judgement.field(there)), row.declared_type)
    try:
        value = evaluate(row.transform, stored, dict(s.pair.source.record.values), now=s.access.clock.stamp())
    except OracleUnknown:
        return None
    words = f"{value!r}, by {row.transform.text}"
    return expect_equal(value, (judgement.target_field, judgement.target_field), None, words)


async def _judge_each(
    s: Scenario, there: Side, expected: list[tuple[str, Expectation]], found: _Verdicts, shown: str
) -> None:
    """Judge each property that does not hold its value; the system itself is asked before the engine is blamed."""
    state = s.state
    known = s.pair.record(there)
    now = await s.access.get(known)
    if now is None:
        raise gone(state, there, known)
    before = s.whole.before if s.whole is not None else known
    for path, expectation in expected:
        actual = now.values.get(path)
        if expectation.matches(actual):
            found.arrived.append(_told(path, expectation, actual))
            continue
        doubt = expectation.doubt(actual)
        try:
            by_itself = not doubt and await makes_of_it(state, there, now, path, expectation)
        except CheckUndecided as excuse:
            doubt = excuse.message
        if doubt:
            found.left_open.append(f"'{path}' ({doubt})")
        elif by_itself:
            found.arrived.append(f"'{path}' {actual!r}, which is what the system makes of it by itself")
        else:
            found.broken.append((path, expectation.words, repr(actual)))
            found.moved = found.moved or actual != before.values.get(path)
    _conclude(s, there, now, found, shown)


def _conclude(s: Scenario, there: Side, now: Record, found: _Verdicts, shown: str) -> None:
    if found.broken:
        words = "; ".join(f"'{path}' is {actual} and not {expected}" for path, expected, actual in found.broken)
        raise CheckFailed(
            "wrong-value" if found.moved else "edit-not-carried",
            f"of {now.entity} {now.id} {words}, although {shown} and the system takes them from the harness",
            cause=Cause.ENGINE,
            expected="; ".join(f"{path}: {expected}" for path, expected, _ in found.broken),
            observed="; ".join(f"{path}: {actual}" for path, _, actual in found.broken),
        )
    if not found.arrived:
        raise CheckUndecided("nothing-judged", f"of no property of the {there} side can it be told: "
                             + "; ".join(found.left_open), cause=Cause.DOCUMENT)  # fmt: skip
    s.decide("arrived-whole", f"{now.entity} {now.id} holds {', '.join(found.arrived)}{_left(found.left_open)}")


def _left(left_open: list[str]) -> str:
    return f"; left open: {'; '.join(left_open)}" if left_open else ""
