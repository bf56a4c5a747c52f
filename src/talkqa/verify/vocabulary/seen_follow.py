"""Steps that judge an edit: whether it follows on the other side, and what else moved."""

from talkqa.model.check import RowClass
from talkqa.model.errors import CheckFailed, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import FieldValue, Record
from talkqa.model.result import Cause
from talkqa.model.transform import CASTS, Transform, operators_of
from talkqa.verify.compare import compare
from talkqa.verify.judge import not_followed
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.parents import Parents
from talkqa.verify.probe import Expectation, expect_equal
from talkqa.verify.rows import RowJudgement
from talkqa.verify.scenario import Scenario, side_of
from talkqa.verify.travel import rank_for_edit, spelled, tokens_of
from talkqa.verify.vocabulary.edits import edit_row, edit_travel, row_on, write_and_remember
from talkqa.verify.vocabulary.referring import is_given_at_creation, require_referred
from talkqa.verify.vocabulary.seen_travel import tell_mapping

_LOOKED_UP = frozenset({RowClass.LOOKUP, RowClass.IDENTITY})
_FORMATS = CASTS | {"datetime-format", "datetime-parse"}
_CONSISTENT = frozenset({RowClass.HIDDEN_TRANSFORM, RowClass.LOOKUP})
"""Classes of which only `moves with, consistently` can be said."""


async def follows(s: Scenario, path: str, side: str, entity: str) -> None:
    """The property that a table pairs with the edited one takes its value."""
    del entity
    there = side_of(side)
    row, judgement = row_on(s, path, there) if s.row is None else (s.row, _judgement(s, s.row))
    path = s.state.path(row, there)
    expectation = expect(s, row, judgement, there)
    if s.parents is not None and is_given_at_creation(s, judgement, s.edit.side):
        await require_referred(s, path, expectation)
        return
    if there is Side.SOURCE and row.transform is not None:
        await _require_moves_back(s, row.transform, path, expectation)
    try:
        if _stood_there(s, row, there, path, expectation):
            expectation = await _edit_to_and_fro(s, row, judgement, there, path)
        await await_follow(s, path, there, expectation)
    except CheckFailed as error:
        if s.parents is None and judgement.row_class in _LOOKED_UP and error.reason == "edit-not-carried":
            raise CheckUndecided(
                "lookup-unknown-value",
                f"'{path}' looks its value up, and nothing says that the test's value is known there",
                cause=Cause.DOCUMENT,
                expected=error.expected,
                observed=error.observed,
            ) from error
        if not _shared_elsewhere(s, row, judgement, there):
            raise
        s.record_observation("shared-not-leading", f"another property that shares the target leads: {error.message}")
        return
    if judgement.row_class in _CONSISTENT and s.edit.side is Side.SOURCE:
        await _returns_alike(s, path, there)


def _stood_there(s: Scenario, row: PropertyRow, there: Side, path: str, expectation: Expectation) -> bool:
    """Whether the other side held before the edit what the edit asks for, so that it shows nothing that it does now.

    An edit that comes back through a transform is not promised by value, and is not asked for twice.
    """
    comes_back = there is Side.SOURCE and row.transform is not None
    return not comes_back and expectation.matches(s.edit.before_of(there).values.get(path))


async def _edit_to_and_fro(
    s: Scenario, row: PropertyRow, judgement: RowJudgement, there: Side, path: str
) -> Expectation:
    """Give the edited property another value, see it follow, and write the one before again; returns what is expected.

    Raises:
        CheckOutcome: where the value in between does not follow.
    """
    side, wanted = s.edit.side, s.edit.after
    await edit_row(s, row, judgement, side, None)
    between = expect(s, row, judgement, there)
    if _stood_there(s, row, there, path, between):
        return between  # both come to the same there: no edit could show more
    await await_follow(s, path, there, between)
    await write_and_remember(s, side, s.edit.path, wanted, path)
    return expect(s, row, judgement, there)


def _judgement(s: Scenario, row: PropertyRow) -> RowJudgement:
    return s.state.judgements[(row.source, row.target)]


def expect(s: Scenario, row: PropertyRow, judgement: RowJudgement, there: Side) -> Expectation:
    """What a row promises for the edit just made, by the row's class.

    Raises:
        CheckUndecided: where the oracle cannot tell.
    """
    written = s.pair.record(s.edit.side).values.get(s.edit.path)
    source_field, target_field = (
        s.state.schema(Side.SOURCE).field(row.source),
        s.state.schema(Side.TARGET).field(row.target),
    )
    if s.parents is not None:
        return _expect_reference(s.parents, there)
    if row.transform is not None:
        return _expect_transformed(s, row, written, there)
    if judgement.row_class in _CONSISTENT:
        field = target_field if there is Side.TARGET else source_field
        before = s.edit.before_of(there).values.get(field.path if field else "")
        return Expectation(
            matches=lambda actual: actual not in {before, None, ""}, value=None, words=f"other than {before!r}"
        )
    fields = (source_field, target_field) if there is Side.TARGET else (target_field, source_field)

    return expect_equal(written, fields, row.declared_type)


def _expect_reference(parents: Parents, there: Side) -> Expectation:
    """That a record refers to the counterpart of what the other one refers to."""
    wanted, other = parents.on(there), parents.on(there.other)
    return Expectation(
        matches=lambda actual: str(actual) == wanted.id,
        value=wanted.id,
        words=f"{wanted.id!r}, the {wanted.entity} that is linked to {other.entity} {other.id}",
    )


def _expect_transformed(s: Scenario, row: PropertyRow, written: FieldValue, there: Side) -> Expectation:
    assert row.transform is not None  # noqa: S101 - asked by the caller
    transform, now = row.transform, s.access.clock.stamp()
    target_field = s.state.schema(Side.TARGET).field(row.target)

    def value_of(source: FieldValue, record: Record) -> FieldValue:
        return evaluate(transform, source, dict(record.values), now=now)

    def same(expected: FieldValue, actual: FieldValue) -> bool:
        return compare(expected, actual, expected_field=target_field, actual_field=target_field, declared=None).equal

    if there is Side.TARGET:
        try:
            expected = value_of(written, s.pair.source.record)
        except OracleUnknown as error:
            raise CheckUndecided("transform-unknown", str(error), cause=Cause.DOCUMENT) from error
        return expect_equal(expected, (target_field, target_field), None, f"{expected!r}, by {transform.text}")

    def leads_there(actual: FieldValue) -> bool:
        try:
            return same(value_of(actual, s.pair.source.record), written)
        except OracleUnknown:
            return False

    value = written if _only_formats(transform) and leads_there(written) else None
    return Expectation(matches=leads_there, value=value, words=f"a value that {transform.text} turns into {written!r}")


def _only_formats(transform: Transform) -> bool:
    """Whether a transform merely writes a value in another way, so that what looks the same then means the same."""
    return set(operators_of(transform.expression)) <= _FORMATS


async def _require_moves_back(s: Scenario, transform: Transform, path: str, expectation: Expectation) -> None:
    """See that an edited transform came back; a transform that cannot be inverted promises nothing that way."""
    if _only_formats(transform) and expectation.value is not None:
        return
    before = s.edit.source_before.values.get(path)
    seen = await s.state.observer(Side.SOURCE).wait_for(
        lambda sighting: sighting.record.values.get(path) != before,
        within_s=s.access.settings.patience_s,
        record_id=s.pair.source.record.id,
    )
    if seen is not None or expectation.matches(before):
        return
    raise CheckUndecided(
        "transform-one-way",
        f"'{path}' did not follow; its transform may not be invertible, so no value is promised that way",
        cause=Cause.DOCUMENT,
        expected=expectation.words,
        observed=repr(before),
    )


def _shared_elsewhere(s: Scenario, row: PropertyRow, judgement: RowJudgement, there: Side) -> bool:
    """Whether another row of the same property explains what is there: it takes one of the values that feed it."""
    if judgement.row_class is not RowClass.SHARED:
        return False
    rows = s.state.united.properties
    siblings = [r for r in rows if r.target == row.target and r.source != row.source]
    fed_back = any(r.source == row.source and r.target != row.target for r in rows)
    if there is Side.SOURCE or not siblings:
        return bool(siblings) or fed_back
    source, target = s.state.both()
    actual = s.edit.target_before.values.get(spelled(target, row.target))  # the control write may have changed it
    return any(
        compare(
            s.pair.source.record.values.get(spelled(source, r.source)),
            actual,
            expected_field=source.field(r.source),
            actual_field=target.field(row.target),
            declared=r.declared_type,
        ).equal
        for r in siblings
    )


async def await_follow(s: Scenario, path: str, there: Side, expectation: Expectation) -> None:
    """Wait until the other side holds what it must.

    Raises:
        CheckOutcome: where it does not.
    """
    state, edit = s.state, s.edit
    record = s.pair.record(there)
    seen = await state.observer(there).wait_for(
        lambda sighting: expectation.matches(sighting.record.values.get(path)),
        within_s=s.access.settings.patience_s,
        record_id=record.id,
    )
    if seen is None:
        now, words = await not_followed(state, s.pair, there, path, expectation, edit.at_s)
        s.pair.replace(there, now)
        s.followed = (there, path, expectation) if expectation.matches(now.values.get(path)) else None
        s.decide("edit-carried-late", words)
        return
    s.pair.replace(there, seen.record)
    s.access.note_engine(seen.record)  # nobody else carries an edit
    waited = seen.seen_s - edit.at_s
    state.access.note_latency(state.flow, edit.side, max(0.0, waited))
    s.followed = (there, path, expectation)
    actual = seen.record.values.get(path)
    forgiven = expectation.forgiven(actual)
    s.decide(
        "edit-carried",
        f"'{path}' of {record.entity} {record.id} became {actual!r} {waited:.0f} s after "
        f"'{edit.path}' of {s.pair.record(edit.side).entity} was set to {edit.after!r}"
        + (f" ({forgiven})" if forgiven else ""),
        seen,
    )


async def _returns_alike(s: Scenario, path: str, there: Side) -> None:
    """The same value in gives the same value out: the rest of `moves with, consistently`."""
    edit = s.edit
    if edit.before is None or isinstance(edit.before, tuple):
        return
    first = edit.before_of(there).values.get(path)
    if first is None:
        return
    await write_and_remember(s, edit.side, edit.path, edit.before, path)
    back = Expectation(matches=lambda actual: actual == first, value=None, words=repr(first))
    seen = await s.state.observer(there).wait_for(
        lambda sighting: back.matches(sighting.record.values.get(path)),
        within_s=s.access.settings.patience_s,
        record_id=s.pair.record(there).id,
    )
    if seen is None:
        raise CheckUndecided(
            "not-consistent",
            f"'{path}' moved with '{edit.path}', but the same value did not give the same value again",
            cause=Cause.DOCUMENT,
        )
    s.pair.replace(there, seen.record)
    s.followed = (there, path, back)
    s.decide("moves-consistently", f"set back to {edit.before!r}, it became {first!r} again", seen)


async def seen_follows(s: Scenario, side: str, entity: str) -> None:
    """The property that was seen to travel takes the new value; where one does not come back, others are tried."""
    del entity
    there = side_of(side)
    for attempt in range(3):
        path = s.edit.target_path or ""
        written = s.pair.record(s.edit.side).values.get(s.edit.path)
        try:
            await await_follow(s, path, there, _expect_seen(s, written, there))
        except CheckFailed:
            if there is Side.TARGET or attempt == 2 or not await _try_another(s):
                raise
            continue
        tell_mapping(s, s.travel, confirmations=2, both_ways=True if there is Side.SOURCE else None)
        return


def _expect_seen(s: Scenario, written: FieldValue, there: Side) -> Expectation:
    source, target = s.state.both()
    travel = s.travel
    assert travel is not None  # noqa: S101 - an edit of a travel was made before
    fields = (source.field(travel.source), target.field(travel.target))
    if there is Side.SOURCE:
        fields = (fields[1], fields[0])

    if travel.equal:
        return expect_equal(written, fields, None)
    return Expectation(
        matches=lambda actual: bool(tokens_of(written) & tokens_of(actual)), value=written, words=repr(written)
    )


async def _try_another(s: Scenario) -> bool:
    """Edit the next property that travels: which of them go both ways no document says."""
    tried = {s.travel} if s.travel else set()
    ranked = rank_for_edit(s.pair.travels, s.state.both(), s.edit.side, s.state.avoided)
    rest = [t for t in ranked if t not in tried and t not in s.tried_travels]
    if not rest:
        return False
    s.tried_travels |= tried
    await edit_travel(s, rest[0], s.edit.side, counter=3)
    return True
