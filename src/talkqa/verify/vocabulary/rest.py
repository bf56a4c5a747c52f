"""Steps that judge what must not move, and the waiting that absence takes."""

from talkqa.model.check import RowClass
from talkqa.model.errors import CheckFailed, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.result import Cause
from talkqa.model.schema import FieldType
from talkqa.verify.compare import compare
from talkqa.verify.probe import strong_tokens
from talkqa.verify.pulse import require_alive, require_edits_alive
from talkqa.verify.scenario import Scenario, side_of
from talkqa.verify.travel import spelled, tokens_of
from talkqa.verify.wiggle import refresh

_REFERRING = frozenset({RowClass.IDENTITY, RowClass.LOOKUP})
REST_ROUNDS = 3
"""Heartbeats that must pass until a pair counts as at rest."""
_TRIALS = 3
"""How often heartbeats are begun anew where one of them was lost."""
_REST_WITHIN = 10
"""How many times the patience is waited for others to be done; what never ends holds nobody up longer."""
_UNWATCHED = frozenset({FieldType.ID, FieldType.REFERENCE, FieldType.OPAQUE})


async def let_pass(s: Scenario, rounds: int, since_s: float, *, at_least_s: float = 0.0) -> None:
    """Let so many records travel in turn and so many seconds pass, then look at both ends once more.

    The seconds decide nothing: where some are asked for, a further record is written after them and seen to arrive.

    Raises:
        CheckLate: where nothing shows that the engine is alive.
        ApiError: where a system does not answer, so that nothing can be said of what it holds.
    """
    state, clock = s.state, s.access.clock
    with state.observer(Side.SOURCE).wanted(), state.observer(Side.TARGET).wanted():
        await _require_rounds(s, rounds, since_s)
        if at_least_s:
            await clock.sleep(max(0.0, since_s + at_least_s - clock.now()))
            await _require_rounds(s, 1, clock.now())
    await state.look()


async def _require_rounds(s: Scenario, rounds: int, since_s: float) -> None:
    for _ in range(_TRIALS):
        if await s.state.heartbeats.rounds(rounds):
            return
        await require_alive(s.state, since_s, "a heartbeat")  # one did not arrive: a later one may
        since_s = s.access.clock.now()
    raise CheckUndecided(
        "nothing-travels",
        f"of the records of {s.state.flow.title} that may travel not even {rounds} in turn did, so absence shows "
        "nothing",
        cause=Cause.ENGINE_OR_API,
    )


async def let_settle(s: Scenario) -> None:
    """Let as many records travel as it takes a pair to be at rest after its edits, and look at the pair again."""
    await let_pass(s, REST_ROUNDS, s.access.clock.now())
    await refresh(s.state, s.pair)


async def come_to_rest(s: Scenario, rounds: int) -> None:
    """Let records travel in turn, wait until nobody else has anything to do, and see one more record travel.

    An absence is judged as late as the run allows: an engine that is slow with one record alone has had all that time.

    Raises:
        CheckLate, ApiError: as `let_pass`.
    """
    settings = s.access.settings
    await let_pass(s, rounds, s.access.clock.now(), at_least_s=settings.patience_s)
    if s.access.conduct.beats is None:  # a replay is paced by what was recorded
        await s.world.stillness.reached(s, _REST_WITHIN * settings.patience_s)
    await let_pass(s, 1, s.access.clock.now())


async def stays(s: Scenario, path: str, side: str, entity: str) -> None:
    """A property must not move although its row's other side was edited: what was written later did arrive.

    Raises:
        CheckLate: where neither records nor, where the target was edited, edits of that side arrive.
        CheckFailed: where it moved.
    """
    del entity
    there = side_of(side)
    path = spelled(s.state.schema(there), path)
    before = s.edit.before_of(there).values.get(path)
    await let_pass(s, 2, s.edit.at_s)
    await refresh(s.state, s.pair)
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
    shown = "two records written later arrived"
    if s.edit.side is Side.TARGET:  # edits of the source show that they travel once the row comes to apply
        shown += f", and {await require_edits_alive(s.state, s.edit.side, s.edit.at_s, 'an edit')}"
    s.decide("stayed", f"'{path}' stayed {before!r} while {shown}")


async def others_stay(s: Scenario) -> None:
    """Nothing but the edited property and what its rows feed has moved, and no value of another record came in.

    Watched are the documented properties, or those seen to travel where none are documented: what else a system keeps
    is its own affair.
    """
    edit = s.edit
    await let_pass(s, 2, edit.at_s)
    await refresh(s.state, s.pair)
    require_still_there(s)
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
    require_no_crossing(s)
    _require_no_further(s)
    watched = ", ".join(sorted({path for side in Side for path in _watched(s, side)}))
    s.decide("others-stayed", f"once two later records had arrived, nothing else had moved of {watched}")


def require_no_crossing(s: Scenario) -> None:
    """What was edited of this pair went to no other record that a test wrote; what it made is counted elsewhere.

    Raises:
        CheckFailed: naming the record that took the value.
    """
    if not s.has_pair:
        return
    tokens = set(s.pair.wiggled)
    if s.has_edit and s.parents is None:  # an id is in many records by right
        tokens |= strong_tokens([s.edit.after])
    allowed = {s.pair.source.record.id, s.pair.target.id} | s.probe.companions
    allowed |= {merged.target.id for merged in (s.existing,) if merged is not None}
    allowed |= {twin.record.id for twin in (s.twin,) if twin is not None}
    for side in Side:
        found = s.state.observer(side).carriers(tokens)
        crossed = sorted(i for i, seen in found.items() if i not in allowed and s.access.is_own(seen.record))
        if crossed:
            s.observe(f"{found[crossed[0]].record.entity} {crossed[0]} took a value of this pair", found[crossed[0]])
            raise CheckFailed(
                "value-of-another-record",
                f"an edit of {s.pair.source.record.entity} {s.pair.source.record.id} and its counterpart also moved "
                f"{s.state.flow.entity(side).name} {', '.join(crossed)}, which a test wrote for something else",
                cause=Cause.ENGINE,
                expected="the pair alone moves",
                observed=", ".join(crossed),
            )


def _require_no_further(s: Scenario) -> None:
    """An edit moves records and makes none: nobody but the pair carries the new value, as far as the documents allow.

    Raises:
        CheckFailed: naming the record that carries it too.
    """
    known = s.state.rightful_copies(s.world.running)
    allowed = known or {Side.SOURCE: 0, Side.TARGET: 1}
    pair = {s.pair.source.record.id, s.pair.target.id}
    for side in Side:
        observer = s.state.observer(side)
        carriers = observer.carriers(_new_tokens(s))
        further = sorted(
            i
            for i, seen in carriers.items()
            if i not in pair and not observer.latest[i].record.deleted and not s.access.is_own(seen.record)
        )
        if len(further) > max(0, allowed[side] - (side is Side.TARGET)):
            if known is None:
                raise CheckUndecided(
                    "copies-uncounted",
                    f"{', '.join(further)} carry the new value of '{s.edit.path}' too, and the documents lead a record "
                    "to so many others that nobody can say how many do so rightly",
                    cause=Cause.DOCUMENT,
                )
            raise CheckFailed(
                "edit-made-a-record",
                f"the new value of '{s.edit.path}' is carried by further records of {s.state.flow.entity(side).name}: "
                + ", ".join(further),
                cause=Cause.ENGINE,
                expected="the pair alone",
                observed=", ".join(further),
            )


def _new_tokens(s: Scenario) -> set[str]:
    """By what the new value is known, on the side where it was written and as the other side came to hold it."""
    tokens = strong_tokens([s.edit.after])
    if s.followed is not None:
        there, path, _ = s.followed
        held, before = (r.values.get(path) for r in (s.pair.record(there), s.edit.before_of(there)))
        tokens |= strong_tokens([held]) - strong_tokens([before])
    return tokens


def require_still_there(s: Scenario) -> None:
    """What had followed still stands, unless both sides came to agree on something that is neither.

    Raises:
        CheckFailed: where it was taken back or overwritten.
    """
    if s.followed is None:
        return
    there, path, expectation = s.followed
    actual = s.pair.record(there).values.get(path)
    if expectation.matches(actual) or _converged(s, there, path):
        return
    raise CheckFailed(
        "overwritten-later",
        f"'{path}' of {s.pair.record(there).entity} {s.pair.record(there).id} had taken the edit and is {actual!r} now",
        cause=Cause.ENGINE,
        expected=expectation.words,
        observed=repr(actual),
    )


def _converged(s: Scenario, there: Side, path: str) -> bool:
    """Whether one writing-back brought both sides to one value, made of what was written."""
    edit, actual = s.edit, s.pair.record(there).values.get(path)
    here = s.pair.record(edit.side).values.get(edit.path)
    same = here == actual or bool(tokens_of(here) & tokens_of(actual))
    return same and bool(tokens_of(edit.after) & tokens_of(actual))


def _moved(s: Scenario, side: Side) -> list[str]:
    """Properties of one side that moved without reason, in words."""
    before, now, free = s.edit.before_of(side).values, s.pair.record(side), _may_move(s, side)
    return [
        f"'{path}' of {now.entity} from {before.get(path)!r} to {now.values.get(path)!r}"
        for path in _watched(s, side)
        if path not in free and before.get(path) != now.values.get(path) and not _explained(s, side, path)
    ]


def _explained(s: Scenario, side: Side, path: str) -> bool:
    """Whether a property moved for a reason: it caught up, or holds the edit beside what else travels to it."""
    return _caught_up(s, side, path) or (s.row is None and _joins(s, side, path))


def _joins(s: Scenario, side: Side, path: str) -> bool:
    """Whether a property of no document holds the edited value and that of another property in one."""
    held = tokens_of(s.pair.record(side).values.get(path))
    others = {t.end(side.other) for t in s.pair.travels if t.end(side) == path} - {s.edit.path}
    partner = s.pair.record(side.other).values
    return bool(held & tokens_of(s.edit.after)) and any(held & tokens_of(partner.get(other)) for other in others)


def _caught_up(s: Scenario, side: Side, path: str) -> bool:
    """Whether a property only took, later than others, what its partner on the other side had held all along."""
    schemas, there = s.state.both(), side.other
    pairs = [(r.source, r.target) for r in s.state.flow.properties if r.transform is None]
    pairs = pairs or [(t.source, t.target) for t in s.pair.travels]
    for source, target in ((spelled(schemas[0], a), spelled(schemas[1], b)) for a, b in pairs):
        own, other = (source, target) if side is Side.SOURCE else (target, source)
        partner = s.pair.record(there).values.get(other)
        if own != path or partner is None or partner != s.edit.before_of(there).values.get(other):
            continue
        fields = (s.state.schema(there).field(other), s.state.schema(side).field(own))
        actual = s.pair.record(side).values.get(own)
        if compare(partner, actual, expected_field=fields[0], actual_field=fields[1], declared=None).equal:
            return True
    return False


def _watched(s: Scenario, side: Side) -> list[str]:
    """Documented properties of one side, or those seen to travel where none are documented.

    What refers to another record is left out: it is filled in once that record is linked, whenever that is.
    """
    if s.state.flow.properties:
        judged = s.state.judgements
        rows = [r for r in s.state.flow.properties if judged[(r.source, r.target)].row_class not in _REFERRING]
        paths = {r.source if side is Side.SOURCE else r.target for r in rows}
    else:
        paths = {t.source if side is Side.SOURCE else t.target for t in s.pair.travels}
    schema = s.state.schema(side)
    stamps = {schema.modified_field, schema.modified_by_field, schema.created_field}  # the system's own with each write
    fields = [f for p in paths if (f := schema.field(p)) is not None]
    return sorted(f.path for f in fields if f.type not in _UNWATCHED and f.path not in stamps)


def _may_move(s: Scenario, side: Side) -> frozenset[str]:
    """Properties of one side that an edit may rightly move."""
    edit = s.edit
    if s.row is not None:
        judgement = s.state.judgements[(s.row.source, s.row.target)]
        return frozenset({*judgement.moves_along(side), s.state.path(s.row, side), *_worked_out(s, side)})
    # what was seen to travel from or to one of these moves along, and what travels on from there
    free = {(edit.side, edit.path), (edit.side.other, edit.target_path or "")}
    for _ in s.pair.travels:
        for travel in s.pair.travels:
            ends = {(Side.SOURCE, travel.source), (Side.TARGET, travel.target)}
            if ends & free:
                free |= ends
    return frozenset(path for one, path in free if one is side)


def _worked_out(s: Scenario, side: Side) -> frozenset[str]:
    """Properties that a system works out of others, such as a whole name, and what documented rows make of them."""
    rows = (r for r in s.state.flow.properties if any(_is_computed(s, r, end) for end in Side))
    return frozenset(s.state.path(row, side) for row in rows)


def _is_computed(s: Scenario, row: PropertyRow, side: Side) -> bool:
    field = s.state.schema(side).field(s.state.path(row, side))
    return field is not None and not field.createable and not field.updateable


def _require_no_foreign(s: Scenario) -> None:
    allowed = frozenset({s.probe.record.id, s.pair.target.id}) | s.probe.companions
    for side in Side:
        owner = s.access.foreign_owner(s.pair.record(side), allowed)
        if owner is not None:
            raise CheckFailed(
                "value-of-another-record",
                f"{s.pair.record(side).entity} {s.pair.record(side).id} carries a value of record {owner}",
                cause=Cause.ENGINE,
            )
