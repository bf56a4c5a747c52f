"""Steps that judge an edit: whether it follows on the other side, and what else moved."""

from talkqa.model.check import RowClass
from talkqa.model.errors import CheckFailed, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import FieldValue, Record
from talkqa.model.result import Cause
from talkqa.model.schema import FieldType
from talkqa.verify.compare import compare
from talkqa.verify.judge import not_followed, require_alive
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.probe import Expectation
from talkqa.verify.rows import RowJudgement
from talkqa.verify.scenario import Scenario, side_of
from talkqa.verify.travel import rank_for_edit, tokens_of
from talkqa.verify.vocabulary.done import edit_travel, row_on, write_and_remember
from talkqa.verify.vocabulary.given import refresh_pair
from talkqa.verify.vocabulary.seen_travel import tell_mapping

_CONSISTENT = frozenset({RowClass.HIDDEN_TRANSFORM, RowClass.LOOKUP})
"""Classes of which only `moves with, consistently` can be said."""


async def follows(s: Scenario, path: str, side: str, entity: str) -> None:
    """The property that a table pairs with the edited one takes its value."""
    del entity
    there = side_of(side)
    row, judgement = row_on(s, path, there) if s.row is None else (s.row, _judgement(s, s.row))
    expectation = expect(s, row, judgement, there)
    if there is Side.SOURCE and row.transform is not None and not await _moves_back(s, path, expectation):
        return
    try:
        await await_follow(s, path, there, expectation)
    except CheckFailed as error:
        if judgement.row_class in {RowClass.LOOKUP, RowClass.IDENTITY} and error.reason == "edit-not-carried":
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
    if row.transform is not None:
        return _expect_transformed(s, row, written, there)
    if judgement.row_class in _CONSISTENT:
        before = (s.edit.target_before if there is Side.TARGET else s.edit.source_before).values.get(
            row.target if there is Side.TARGET else row.source
        )
        return Expectation(
            matches=lambda actual: actual != before and actual is not None, value=None, words=f"other than {before!r}"
        )
    fields = (source_field, target_field) if there is Side.TARGET else (target_field, source_field)

    def matches(actual: FieldValue) -> bool:
        return compare(
            written, actual, expected_field=fields[0], actual_field=fields[1], declared=row.declared_type
        ).equal

    return Expectation(matches=matches, value=written, words=repr(written))


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
        return Expectation(
            matches=lambda actual: same(expected, actual), value=expected, words=f"{expected!r}, by {transform.text}"
        )

    def leads_there(actual: FieldValue) -> bool:
        try:
            return same(value_of(actual, s.pair.source.record), written)
        except OracleUnknown:
            return False

    return Expectation(matches=leads_there, value=None, words=f"a value that {transform.text} turns into {written!r}")


async def _moves_back(s: Scenario, path: str, expectation: Expectation) -> bool:
    """Whether an edited transform came back; a transform that cannot be inverted promises nothing that way."""
    before = s.edit.source_before.values.get(path)
    seen = await s.state.observer(Side.SOURCE).wait_for(
        lambda sighting: sighting.record.values.get(path) != before,
        within_s=s.access.settings.patience_s,
        record_id=s.pair.source.record.id,
    )
    if seen is not None or expectation.matches(before):
        return True
    raise CheckUndecided(
        "transform-one-way",
        f"'{path}' did not follow; its transform may not be invertible, so no value is promised that way",
        cause=Cause.DOCUMENT,
        expected=expectation.words,
        observed=repr(before),
    )


def _shared_elsewhere(s: Scenario, row: PropertyRow, judgement: RowJudgement, there: Side) -> bool:
    """Whether another row of the same target explains what is there: the target takes one of the values."""
    if judgement.row_class is not RowClass.SHARED:
        return False
    siblings = [r for r in s.state.values.rows_on(row.target, source_side=False) if r.source != row.source]
    if there is Side.SOURCE:
        return bool(siblings)
    actual = s.pair.target.values.get(row.target)
    source = s.state.schema(Side.SOURCE)
    return any(
        compare(
            s.pair.source.record.values.get(r.source),
            actual,
            expected_field=source.field(r.source),
            actual_field=s.state.schema(Side.TARGET).field(row.target),
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
        now = await not_followed(state, s.pair, there, path, expectation, edit.at_s)
        s.pair.replace(there, now)
        s.decide(
            "edit-carried-late", f"'{path}' of {record.entity} {record.id} holds {expectation.words} on a second look"
        )
        return
    s.pair.replace(there, seen.record)
    waited = seen.seen_s - edit.at_s
    state.access.note_latency(state.flow, edit.side, max(0.0, waited))
    s.followed = (there, path, expectation)
    s.decide(
        "edit-carried",
        f"'{path}' of {record.entity} {record.id} became {seen.record.values.get(path)!r} {waited:.0f} s after "
        f"'{edit.path}' of {s.pair.record(edit.side).entity} was set to {edit.after!r}",
        seen,
    )


async def _returns_alike(s: Scenario, path: str, there: Side) -> None:
    """The same value in gives the same value out: the rest of `moves with, consistently`."""
    edit = s.edit
    if edit.before is None or isinstance(edit.before, tuple):
        return
    first = (edit.target_before if there is Side.TARGET else edit.source_before).values.get(path)
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

    def matches(actual: FieldValue) -> bool:
        if travel.equal:
            return compare(written, actual, expected_field=fields[0], actual_field=fields[1], declared=None).equal
        return bool(tokens_of(written) & tokens_of(actual))

    return Expectation(matches=matches, value=written, words=repr(written))


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


async def stays(s: Scenario, path: str, side: str, entity: str) -> None:
    """A property must not move although its row's other side was edited: records written later did arrive."""
    del entity
    there = side_of(side)
    before = (s.edit.target_before if there is Side.TARGET else s.edit.source_before).values.get(path)
    with s.state.observer(there).wanted():
        if not await s.state.heartbeats.rounds(2):
            await require_alive(s.state, s.edit.at_s, "a heartbeat")
    await refresh_pair(s)
    actual = s.pair.record(there).values.get(path)
    if actual != before:
        raise CheckFailed(
            "moved-though-unqualified",
            f"'{path}' of {s.pair.record(there).entity} {s.pair.record(there).id} became {actual!r} although the "
            "qualifier does not hold",
            cause=Cause.ENGINE,
            expected=repr(before),
            observed=repr(actual),
        )
    s.decide("stayed", f"'{path}' stayed {before!r} while two records written later arrived")


async def others_stay(s: Scenario) -> None:
    """Nothing but the edited property and what its rows feed has moved, and no value of another record came in."""
    edit = s.edit
    with s.state.observer(Side.SOURCE).wanted(), s.state.observer(Side.TARGET).wanted():
        if not await s.state.heartbeats.rounds(1):
            await require_alive(s.state, edit.at_s, "a heartbeat")
    await refresh_pair(s)
    _require_still_there(s)
    moved = [m for side in Side for m in _moved(s, side)]
    if moved:
        raise CheckFailed(
            "other-property-moved",
            f"after an edit of '{edit.path}' alone also moved: " + "; ".join(moved),
            cause=Cause.ENGINE,
            expected="unchanged",
            observed="; ".join(moved),
        )
    _require_no_foreign(s)
    s.decide("others-stayed", "every other property of both records was as before once a later record had arrived")


def _require_still_there(s: Scenario) -> None:
    if s.followed is None:
        return
    there, path, expectation = s.followed
    actual = s.pair.record(there).values.get(path)
    if not expectation.matches(actual):
        raise CheckFailed(
            "overwritten-later",
            f"'{path}' of {s.pair.record(there).id} had taken the edit and is {actual!r} now",
            cause=Cause.ENGINE,
            expected=expectation.words,
            observed=repr(actual),
        )


def _moved(s: Scenario, side: Side) -> list[str]:
    """Properties of one side that moved without reason, in words."""
    edit = s.edit
    before = (edit.source_before if side is Side.SOURCE else edit.target_before).values
    now = s.pair.record(side)
    free = _may_move(s, side)
    moved = []
    for path in _watched(s, side):
        if path in free or before.get(path) == now.values.get(path):
            continue
        moved.append(f"'{path}' of {now.entity} from {before.get(path)!r} to {now.values.get(path)!r}")
    return moved


def _watched(s: Scenario, side: Side) -> list[str]:
    """Documented properties of one side, or those seen to travel where none are documented."""
    rows = s.state.flow.properties
    if rows:
        paths = {r.source if side is Side.SOURCE else r.target for r in rows}
    else:
        paths = {t.source if side is Side.SOURCE else t.target for t in s.pair.travels}
    schema = s.state.schema(side)
    return sorted(
        f.path for p in paths if (f := schema.field(p)) is not None and f.type not in {FieldType.ID, FieldType.OPAQUE}
    )


def _may_move(s: Scenario, side: Side) -> frozenset[str]:
    """Properties of one side that an edit may rightly move."""
    edit = s.edit
    if s.row is not None:
        judgement = _judgement(s, s.row)
        along = judgement.moves_along_source if side is Side.SOURCE else judgement.moves_along_target
        own = s.row.source if side is Side.SOURCE else s.row.target
        return frozenset({*along, own})
    # what was seen to travel from or to one of these moves along, and what travels on from there
    free = {(edit.side, edit.path), (edit.side.other, edit.target_path or "")}
    for _ in s.pair.travels:
        for travel in s.pair.travels:
            ends = {(Side.SOURCE, travel.source), (Side.TARGET, travel.target)}
            if ends & free:
                free |= ends
    return frozenset(path for one, path in free if one is side)


def _require_no_foreign(s: Scenario) -> None:
    allowed = frozenset({s.probe.record.id, s.pair.target.id, *([s.companion[1].record.id] if s.companion else [])})
    for side in Side:
        owner = s.access.foreign_owner(s.pair.record(side), allowed)
        if owner is not None:
            raise CheckFailed(
                "value-of-another-record",
                f"{s.pair.record(side).entity} {s.pair.record(side).id} carries a value of record {owner}",
                cause=Cause.ENGINE,
            )
