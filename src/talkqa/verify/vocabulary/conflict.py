"""Steps that edit one property on both sides before either edit has crossed, and see which of the two stands."""

from talkqa.model.check import RowClass
from talkqa.model.errors import CheckFailed, CheckNotRunnable, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.result import Cause
from talkqa.verify.compare import Comparison, compare
from talkqa.verify.judge import makes_of_it
from talkqa.verify.moments import read_stamp
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.probe import Travel, expect_equal
from talkqa.verify.pulse import require_edits_alive
from talkqa.verify.scenario import Conflict, Scenario
from talkqa.verify.travel import rank_for_edit, tokens_of
from talkqa.verify.values import NoCommonValueError
from talkqa.verify.vocabulary.edits import require_writable, row_on, write_and_remember
from talkqa.verify.vocabulary.rest import let_settle
from talkqa.verify.wiggle import draw_edit

_GAP_S = 2.2
"""Between two edits of which one is later: above stamp granularities and the clock skew that is allowed for."""
_CLEAR_S = 0.7
"""How far above the granularity of a system's stamps two edits must lie apart."""
_ATTEMPTS, _TRIALS = 6, 12
"""Attempts in which the engine was quicker, and attempts in all: where the systems answered late, nothing is shown."""
_AGAIN = 3 * _TRIALS
"""Values that are drawn at most before the edits are made once more."""
_GLANCES, _GLANCE_S = 20, 0.4
"""How often, and at what distance, the other side is looked at until an edit has just arrived."""
_DRAWS, _APART = 5, 1000
"""Values that are tried until one can be told from the others, and how far apart their counters are."""
_JUDGED = frozenset({RowClass.PLAIN, RowClass.TRANSFORM})


async def both_edited(s: Scenario, source_path: str, source: str, target_path: str, target: str) -> None:
    """Edit a documented property in the source and then in the target."""
    del source, target, target_path
    await _edit_documented(s, source_path, Side.TARGET)


async def both_edited_back(s: Scenario, source_path: str, source: str, target_path: str, target: str) -> None:
    """Edit a documented property in the target and then in the source."""
    del source, target, target_path
    await _edit_documented(s, source_path, Side.SOURCE)


async def _edit_documented(s: Scenario, source_path: str, last: Side) -> None:
    row, judgement = row_on(s, source_path, Side.SOURCE)
    require_writable(judgement, Side.SOURCE)
    require_writable(judgement, Side.TARGET)
    s.row = row
    ends = s.state.path(row, Side.SOURCE), s.state.path(row, Side.TARGET)
    await _edit_both(s, Travel(source=ends[0], target=ends[1], equal=True), last)


async def seen_both_edited(s: Scenario, source: str, target: str) -> None:
    """The same on a property that this scenario saw travelling: source, then target."""
    del source, target
    await _edit_seen(s, Side.TARGET)


async def seen_both_edited_back(s: Scenario, source: str, target: str) -> None:
    """The same on a property that this scenario saw travelling: target, then source."""
    del source, target
    await _edit_seen(s, Side.SOURCE)


async def _edit_seen(s: Scenario, last: Side) -> None:
    travels = rank_for_edit(s.pair.travels, s.state.both(), Side.TARGET, s.state.avoided)
    if not travels:
        raise CheckUndecided(
            "nothing-to-edit", "no property that travels can be edited on both sides", cause=Cause.DOCUMENT
        )
    await _edit_both(s, travels[0], last)


async def _edit_both(s: Scenario, travel: Travel, last: Side, drawn: int = 0) -> None:
    """Edit both sides so that neither edit had crossed when the second was acknowledged; tried a few times.

    Args:
        s: The scenario.
        travel: The property.
        last: The side that is edited last.
        drawn: How many values were drawn before.
    """
    gap_s, quicker, first = _gap_s(s), 0, last.other
    for attempt in range(_TRIALS):
        if quicker == _ATTEMPTS:
            break
        if attempt:
            await _see_one_cross(s, travel, first, drawn + 1 + 3 * attempt)
        earlier = _draw(s, first, travel, drawn + 2 + 3 * attempt)
        begun_s = s.access.clock.now()
        await write_and_remember(s, first, travel.end(first), earlier, travel.end(last))
        stored = s.pair.record(first)
        before = s.edit.before_of(last).values.get(travel.end(last))
        await s.access.clock.sleep(gap_s)
        now = await s.access.get(s.pair.record(last))
        if now is not None and now.values.get(travel.end(last)) == before:
            later = _draw(s, last, travel, drawn + 3 + 3 * attempt, unlike=earlier)
            await write_and_remember(s, last, travel.end(last), later, travel.end(first))
            if s.edit.before == before and not _crossed(s, travel, last, stored):
                ordered = _is_ordered(s, stored, s.pair.record(last))
                s.conflict = Conflict(
                    travel=travel, last=last, earlier=earlier, later=later, ordered=ordered, at_s=s.edit.at_s
                )
                return
        quicker += s.access.clock.now() - begun_s < 2 * gap_s
    raise CheckUndecided(
        "edits-crossed",
        f"in {quicker} attempts the first edit had arrived {gap_s:.1f} s later, before the second was made",
        cause=Cause.HARNESS,
    )


def _gap_s(s: Scenario) -> float:
    """Seconds between the two edits: above both granularities, the clocks' known difference and 2 s."""
    systems = [s.state.flow.entity(side).system for side in Side]
    ahead = [s.access.conduct.ahead_s.get(system, 0.0) for system in systems]
    granularity_s = max(s.access.clients[system].schema.stamp_granularity_s for system in systems)
    return max(_GAP_S, granularity_s + _CLEAR_S) + abs(ahead[0] - ahead[1])


def _crossed(s: Scenario, travel: Travel, last: Side, stored: Record) -> bool:
    """Whether the first edit was seen on the other side before the second one was acknowledged."""
    edited, path = stored.values.get(travel.end(last.other)), travel.end(last)
    versions = s.state.observer(last).versions(s.pair.record(last).id, -1)
    return any(_alike(s, travel, (last.other, edited), (last, v.record.values.get(path))) for v in versions)


def _alike(s: Scenario, travel: Travel, one: tuple[Side, FieldValue], other: tuple[Side, FieldValue]) -> bool:
    """Whether the values of two ends are the same, or one shows that it was made of the other."""
    fields = [s.state.schema(side).field(travel.end(side)) for side, _ in (one, other)]
    equal = compare(one[1], other[1], expected_field=fields[0], actual_field=fields[1], declared=None).equal
    return equal or bool(tokens_of(one[1]) & tokens_of(other[1]))


def _is_ordered(s: Scenario, earlier: Record, later: Record) -> bool:
    """Whether the systems' own stamps tell the order in which the edits were made; without stamps our clock does."""
    stamps = read_stamp(earlier.modified), read_stamp(later.modified)
    if stamps[0] is None or stamps[1] is None:
        return True
    coarsest = max(s.access.clients[r.system].schema.stamp_granularity_s for r in (earlier, later))
    return (stamps[1] - stamps[0]).total_seconds() >= coarsest


async def _see_one_cross(s: Scenario, travel: Travel, side: Side, counter: int) -> None:
    """Let an edit arrive and go on at once: an engine that works in rounds is then farthest from its next one."""
    value = _draw(s, side, travel, counter)
    await write_and_remember(s, side, travel.end(side), value, travel.end(side.other))
    before = s.edit.before_of(side.other).values.get(travel.end(side.other))
    for _ in range(_GLANCES):
        await s.access.clock.sleep(_GLANCE_S)
        now = await s.access.get(s.pair.record(side.other))
        if now is None or now.values.get(travel.end(side.other)) != before:
            return


def _draw(s: Scenario, side: Side, travel: Travel, counter: int, unlike: Scalar = None) -> Scalar:
    """A value that neither side holds, nor the other edit: else nobody could say later which of them stands.

    Raises:
        CheckNotRunnable: where no such value is known, as of a choice of two.
    """
    taken = [(end, s.pair.record(end).values.get(travel.end(end))) for end in Side]
    taken += [(side.other, unlike)] if unlike is not None else []
    for further in range(_DRAWS):
        try:
            value = draw_edit(s.state, side, travel, s.key("edit"), counter + further * _APART)
        except NoCommonValueError as error:
            raise CheckNotRunnable("no-common-value", str(error), cause=Cause.DOCUMENT) from error
        if not any(_alike(s, travel, (side, value), held) for held in taken):
            return value
    raise CheckNotRunnable(
        "no-new-value",
        f"no three values of '{travel.end(side)}' are known that can be told from one another on both sides",
        cause=Cause.DOCUMENT,
    )


async def later_stands(s: Scenario) -> None:
    """Tell which of two edits stands once the pair has come to rest.

    The earlier one is told where it stood twice: what an engine had read before the later edit it may write after it,
    where a system does not ask which version is overwritten.

    Raises:
        CheckFailed: where the two sides differ at rest, though the document or this scenario shows that they need not.
    """
    if s.conflict is None:
        raise CheckUndecided("step-missing", "the scenario needs two edits first", cause=Cause.HARNESS)
    word = await _find_standing(s, s.conflict)
    if word == "earlier":
        await _edit_both(s, s.conflict.travel, s.conflict.last, _AGAIN)
        word = await _find_standing(s, s.conflict)
    if word is not None:
        _tell_standing(s, s.conflict, word)


async def _find_standing(s: Scenario, conflict: Conflict) -> str | None:
    """Which of two edits both sides hold at rest: `later`, `earlier` or `neither`; None where that is told already."""
    await let_settle(s)
    if not _same(s, conflict).equal and not await _agree_later(s, conflict):
        return None
    here, there = _held(s, conflict.travel)
    if not conflict.ordered:
        s.record_observation(
            "sides-agree", f"both sides hold {here!r}; by the systems' own stamps nobody can say which edit was later"
        )
        return None
    return _which(s, conflict, here, there)


def _tell_standing(s: Scenario, conflict: Conflict, word: str) -> None:
    if word == "later":
        s.record_observation("later-stands", f"both sides hold the later edit {conflict.later!r}", seen=word)
    elif word == "earlier":
        words = f"both sides hold the earlier edit {conflict.earlier!r}, as they did of two edits before"
        s.record_observation("earlier-stands", words, seen=word)
    else:
        words = f"both sides hold {_held(s, conflict.travel)[0]!r}, which is neither edit"
        s.record_observation("neither-stands", words, seen=word)


def _held(s: Scenario, travel: Travel) -> tuple[FieldValue, FieldValue]:
    return s.pair.source.record.values.get(travel.source), s.pair.target.values.get(travel.target)


def _which(s: Scenario, conflict: Conflict, here: FieldValue, there: FieldValue) -> str:
    """`later` or `earlier`, as far as each side's own value tells, else `neither`."""
    for word, value, side in (
        ("later", conflict.later, conflict.last),
        ("earlier", conflict.earlier, conflict.last.other),
    ):
        field = s.state.schema(side).field(conflict.travel.end(side))
        held = here if side is Side.SOURCE else there
        if compare(value, held, expected_field=field, actual_field=field, declared=None).equal:
            return word
    return "neither"


def _same(s: Scenario, conflict: Conflict) -> Comparison:
    """Whether both sides hold the same, by the row's transform where it has one."""
    row, (here, there) = s.row, _held(s, conflict.travel)
    fields = tuple(s.state.schema(side).field(conflict.travel.end(side)) for side in (Side.SOURCE, Side.TARGET))
    if row is not None and row.transform is not None:
        try:
            here = evaluate(row.transform, here, dict(s.pair.source.record.values), now=s.access.clock.stamp())
        except OracleUnknown as error:
            return Comparison(equal=False, certain=False, note=str(error))
        return compare(here, there, expected_field=fields[1], actual_field=fields[1], declared=None)
    declared = row.declared_type if row is not None else None
    return compare(here, there, expected_field=fields[0], actual_field=fields[1], declared=declared)


async def _agree_later(s: Scenario, conflict: Conflict) -> bool:
    """Judge two sides that differ at rest; True where they agree once later edits have arrived.

    Raises:
        CheckOutcome: where they differ still, though they need not.
    """
    if not _is_promised(s, conflict):
        here, there = _held(s, conflict.travel)
        s.record_observation("sides-differ", f"the source holds {here!r} and the target {there!r}", seen="neither")
        return False
    await require_edits_alive(s.state, conflict.last, conflict.at_s, "the later of two edits")
    await let_settle(s)
    found = _same(s, conflict)
    if found.equal:
        return True
    here, there = _held(s, conflict.travel)
    words = f"at rest '{conflict.travel.source}' is {here!r} and '{conflict.travel.target}' is {there!r}"
    if not found.certain:
        raise CheckUndecided("not-comparable", f"{words}: {found.note}", cause=Cause.DOCUMENT)
    if await _is_by_itself(s, conflict):
        s.record_observation("sides-agree", f"{words}, which is what the system makes of it by itself")
        return False
    raise CheckFailed(
        "not-converged",
        f"{words}, after {conflict.earlier!r} and then {conflict.later!r} were written: the two sides are not in step",
        cause=Cause.ENGINE,
        expected="both sides hold one of the two edits",
        observed=f"{here!r} and {there!r}",
    )


async def _is_by_itself(s: Scenario, conflict: Conflict) -> bool:
    """Whether one side makes of the other one's value what it holds, by itself."""
    if s.row is not None and s.row.transform is not None:
        return False
    held = dict(zip((Side.SOURCE, Side.TARGET), _held(s, conflict.travel), strict=True))
    records = {side: s.pair.record(side) for side in Side}
    for side in (Side.TARGET, Side.SOURCE):
        path, other = conflict.travel.end(side), conflict.travel.end(side.other)
        fields = s.state.schema(side.other).field(other), s.state.schema(side).field(path)
        expected = expect_equal(held[side.other], fields, None)
        if await makes_of_it(s.state, side, records[side], path, expected):
            return True
    return False


def _is_promised(s: Scenario, conflict: Conflict) -> bool:
    """Whether this property must be the same on both sides at rest.

    A property that was only seen to travel may go one way alone: then it is the source's edit that must arrive.
    """
    if s.row is None:
        return conflict.travel.equal and conflict.last is Side.SOURCE
    return s.state.judgements[(s.row.source, s.row.target)].row_class in _JUDGED
