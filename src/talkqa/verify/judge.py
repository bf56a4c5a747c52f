"""Judging what did not happen: the engine is blamed last.

Before a promise counts as broken, records written later have arrived, another route has been looked at, and the
system has taken the same write from the harness itself.
"""

from contextlib import suppress

from talkqa.model.check import RowClass
from talkqa.model.errors import ApiRefused, CheckFailed, CheckLate, CheckOutcome, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.result import Cause
from talkqa.verify.bindings import is_bound_facet
from talkqa.verify.control import find_refusal
from talkqa.verify.flowstate import FlowState
from talkqa.verify.link import find_counterpart
from talkqa.verify.observer import Sighting
from talkqa.verify.probe import Expectation, Pair, Probe, own_values, strong_tokens
from talkqa.verify.pulse import SLOW, require_alive, require_edits_alive
from talkqa.verify.travel import spelled, tokens_of
from talkqa.verify.values import as_type

REFUSES = "target-refuses"
"""The reason where a system refuses from the harness what it is to take from the engine."""
_PIECE = 4
"""Characters that a text must share with a probe's to be taken for a piece of it."""
_SURE_PIECE = 8
"""Characters of a piece that by itself shows that the engine made a record of the probe."""
_SEARCHES = 3
"""Searches by a property before a record counts as missing."""


async def missing_counterpart(state: FlowState, probe: Probe) -> Sighting:
    """Judge a source record that got no counterpart in time; returns it where a second look shows one.

    Raises:
        CheckOutcome: where the second look shows none either.
    """
    require_no_leftovers(state, probe)
    require_recognisable(state, probe)
    try:
        shown = await require_alive(state, probe.written_s, f"the new {state.flow.source.name}")
    except CheckLate:  # beats that arrive damaged are not recognised either
        if _damaged_copy(state, probe, _SURE_PIECE) is None:
            raise
        shown = "something of it did arrive"
    late = await _look_again(state, probe)
    if late is not None:
        return late
    await _require_untouched(state, probe)
    # Only after all waiting: an engine that is merely slow may read the control write before it is removed, and would
    # be right to merge the source record with it.
    await require_acceptable(state, probe)
    waited = f"within {state.access.clock.now() - probe.written_s:.0f} s, although {shown}"
    damaged = _damaged_copy(state, probe, _PIECE)
    if damaged is not None:
        record, path, value, original = damaged
        raise CheckFailed(
            "values-damaged",
            f"no {state.flow.target.name} carried a value of {state.flow.source.entity} {probe.record.id} whole "
            f"{waited}; "
            f"{record.entity} {record.id} holds {value!r} in '{path}', where the source has {original!r}",
            cause=Cause.ENGINE,
            expected=repr(original),
            observed=repr(value),
        )
    if state.flow.source.facet is not None and not is_bound_facet(state.flow.source, state.access.settings):
        raise CheckUndecided(
            "facet-needs-binding",
            f"no {state.flow.target.name} appeared for {state.flow.source.entity} {probe.record.id} {waited}, and "
            f"nothing says that it is one of '{state.flow.source.facet}'; bind the facet under [[facets]] in "
            "talkqa.toml",
            cause=Cause.DOCUMENT,
        )
    raise CheckFailed(
        "no-counterpart",
        f"no {state.flow.target.name} appeared for {state.flow.source.entity} {probe.record.id} {waited} and "
        f"{state.flow.target.system} takes such a record from the harness",
        cause=Cause.ENGINE,
        expected=f"one {state.flow.target.name}",
        observed="none",
    )


async def require_acceptable(state: FlowState, probe: Probe) -> None:
    """The target takes the counterpart of a probe from the harness.

    Raises:
        CheckOutcome: where it does not, so that the engine is not to blame.
    """
    refusal = await find_refusal(state, probe.record)
    if refusal is not None:
        raise refusal


def require_recognisable(state: FlowState, probe: Probe) -> None:
    """Something of a probe can be recognised on the other side, as far as the document says what travels.

    Raises:
        CheckUndecided: where nothing can.
    """
    if not state.recognisable(probe.record):
        raise CheckUndecided(
            "not-recognisable",
            f"no documented property of {state.flow.title} carries a value by which a counterpart could be recognised",
            cause=Cause.DOCUMENT,
        )


def require_no_leftovers(state: FlowState, probe: Probe) -> None:
    """No record of an earlier run with the same seed holds the probe's values: an engine may rightly take it.

    Raises:
        CheckUndecided: where one does.
    """
    observer = state.observer(Side.TARGET)
    left = sorted(i for i in observer.carriers(probe.tokens) if observer.was_there(i))
    if left:
        raise CheckUndecided(
            "left-from-before",
            f"{state.flow.target.name} {', '.join(left)} held the values of {probe.record.entity} {probe.record.id} "
            "before this run began; remove what an earlier run left, or choose another seed",
            cause=Cause.CONFIGURATION,
        )


async def _require_untouched(state: FlowState, probe: Probe) -> None:
    """The source record is still there, and holds nothing of another record."""
    now = await state.access.get(probe.record)
    if now is None:
        raise gone(state, Side.SOURCE, probe.record)
    owner = state.access.foreign_owner(now, probe.companions | {now.id})
    if owner is not None:
        raise CheckFailed(
            "merged-wrongly",
            f"{now.entity} {now.id} carries a value of record {owner}, which it does not match, and no "
            f"{state.flow.target.name} of its own appeared",
            cause=Cause.ENGINE,
            expected=f"one {state.flow.target.name}",
            observed=f"a value of {owner}",
        )


def gone(state: FlowState, side: Side, record: Record) -> CheckOutcome:
    """The outcome where a record of a pair does not exist any more and no step deleted it."""
    seen = state.observer(side).latest.get(record.id)
    user = seen.record.modified_by if seen is not None and seen.record.deleted else None
    words = f"{record.entity} {record.id}, the {side} record, was deleted meanwhile"
    if state.access.is_our_user(record.system, user):
        return CheckUndecided(
            "deleted-by-our-user", f"{words} by the account that the test uses: somebody else is at work with it",
            cause=Cause.CONFIGURATION,
        )  # fmt: skip
    return CheckFailed(
        "counterpart-gone",
        f"{words}{f' by {user}' if user else ''}",
        cause=Cause.ENGINE_OR_API,
        expected=f"{record.entity} {record.id} exists",
        observed="it is gone",
    )


async def _look_again(state: FlowState, probe: Probe) -> Sighting | None:
    """A counterpart that came while the heartbeats did, or that a search shows though the list of changes does not."""
    await state.look(Side.TARGET)
    seen = await find_counterpart(state, probe, within_s=0)
    if seen is not None:
        return seen
    access, target = state.access, state.schema(Side.TARGET)
    marks = state.marks(probe.record, probe.shared)
    for path, value in _searches(state, probe.record):
        with suppress(ApiRefused):  # not every property can be searched by
            for record in await access.find(state.flow.target.system, target.name, path, value):
                itself = record.id == probe.record.id or access.is_control(record)
                if not itself and not record.deleted and marks.proven_by(record):
                    return Sighting(record=record, seen_s=access.clock.now(), order=-1)
    return None


def _searches(state: FlowState, record: Record) -> list[tuple[str, Scalar]]:
    """Target properties, and the values of a source record that are to be found there; the surest few."""
    source, target = state.both()
    pairs = [
        (row.source, row.target)
        for row in state.flow.properties
        if state.judgements[(row.source, row.target)].row_class is RowClass.PLAIN
    ]
    found: list[tuple[str, Scalar]] = []
    for own, other in pairs or state.access.mappings_of(state.flow):
        value, field = record.values.get(spelled(source, own)), target.field(other)
        if isinstance(value, str) and strong_tokens([value]) and field is not None:
            found.append((field.path, value))
    return found[:_SEARCHES]


def _damaged_copy(state: FlowState, probe: Probe, least: int) -> tuple[Record, str, str, str] | None:
    """A target record that holds a piece of a probe's text, the piece's path, the piece and the whole text."""
    texts = [v for v in own_values(probe.record, state.schema(Side.SOURCE)).values() if isinstance(v, str)]
    access = state.access

    def ours_or_before(record: Record) -> bool:
        return access.is_own(record) or access.was_there(record)

    for sighting in state.observer(Side.TARGET).latest.values():
        record = sighting.record
        if sighting.seen_s < probe.written_s or record.deleted or ours_or_before(record):
            continue
        if access.foreign_owner(record, probe.companions | {probe.record.id}) is not None:
            continue  # another probe's copy, whose text is alike
        for path, value in own_values(record, state.schema(Side.TARGET)).items():
            if not isinstance(value, str) or len(value) < least:
                continue
            whole = next((t for t in texts if value.casefold() in t.casefold()), None)
            if whole is not None:
                return record, path, value, whole
    return None


async def not_followed(
    state: FlowState,
    pair: Pair,
    side: Side,
    path: str,
    expectation: Expectation,
    since_s: float,
) -> tuple[Record, str]:
    """Judge an edit that was not seen on the other side.

    Args:
        state: The flow.
        pair: The linked pair.
        side: The side that ought to have followed.
        path: The property that ought to have followed.
        expectation: What it ought to hold.
        since_s: When the edit was acknowledged.

    Returns:
        The record, and in words what shows that it followed all the same.

    Raises:
        CheckOutcome: where nothing shows that.
    """
    shown, late = "", None
    try:
        what = f"an edit of {pair.record(side.other).entity}"
        shown = await require_edits_alive(state, side.other, since_s, what)
    except CheckLate as outcome:
        late = outcome
    now = await state.access.get(pair.record(side))
    place = f"'{path}' of {pair.record(side).entity} {pair.record(side).id}"
    if now is None:
        raise gone(state, side, pair.record(side))
    actual = now.values.get(path)
    if expectation.matches(actual) and (late is None or late.reason != SLOW):
        forgiven = expectation.forgiven(actual)
        return now, f"{place} holds {actual!r} on a second look" + (f" ({forgiven})" if forgiven else "")
    moved = actual != pair.record(side).values.get(path) and not expectation.matches(actual)
    if late is not None and not moved:
        raise late
    if moved:
        shown = shown or "it moved"
        _require_certain(place, expectation, actual)
    if await makes_of_it(state, side, now, path, expectation):
        return now, f"{place} became {actual!r}, which is what the system makes of {expectation.words} by itself"
    raise CheckFailed(
        "wrong-value" if moved else "edit-not-carried",
        f"{place} is {actual!r} and not {expectation.words}, although {shown}"
        + ("" if expectation.value is None else " and the system takes it from the harness"),
        cause=Cause.ENGINE,
        expected=expectation.words,
        observed=repr(actual),
    )


def _require_certain(place: str, expectation: Expectation, actual: FieldValue) -> None:
    doubt = expectation.doubt(actual)
    if doubt:
        raise CheckUndecided(
            "not-comparable",
            f"{place} became {actual!r} and not {expectation.words}: {doubt}",
            cause=Cause.DOCUMENT,
            expected=expectation.words,
            observed=repr(actual),
        )


async def makes_of_it(state: FlowState, side: Side, record: Record, path: str, expectation: Expectation) -> bool:
    """Write the expected value as the harness: whether the system itself makes of it what stands there.

    Raises:
        CheckUndecided: where the system refuses it or makes something else of it, so that nobody is to blame.
        ApiUnavailable: where it does not answer.
    """
    field, value, actual = state.schema(side).field(path), expectation.value, record.values.get(path)
    place = f"'{path}' of {record.entity} {record.id}"
    if field is None or not field.updateable:
        raise CheckUndecided(
            REFUSES,
            f"{record.system} shows {place} as read-only, so {expectation.words} cannot be asked for",
            cause=Cause.API,
            expected=expectation.words,
            observed=repr(actual),
        )
    if value is None or isinstance(value, tuple):
        return False
    try:
        stored = (await state.access.update(record, {path: as_type(value, field)})).values.get(path)
    except ApiRefused as refused:
        raise CheckUndecided(
            REFUSES,
            f"{record.system} refuses {expectation.words} for {place} from the harness too: {refused}",
            cause=Cause.API,
            expected=expectation.words,
            observed=repr(actual),
        ) from refused
    if expectation.matches(stored):
        return False
    if stored == actual and tokens_of(actual) & tokens_of(value):
        return True
    raise CheckUndecided(
        "target-alters",
        f"{record.system} took {expectation.words} for {place} from the harness and holds {stored!r} now",
        cause=Cause.API,
        expected=expectation.words,
        observed=repr(actual),
    )
