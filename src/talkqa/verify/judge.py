"""Judging what did not happen: the engine is blamed last.

Before a promise counts as broken, records written later have arrived, another route has been looked at, and the
system has taken the same write from the harness itself.
"""

from typing import NoReturn

from talkqa.model.errors import ApiError, ApiRefused, CheckFailed, CheckLate, CheckUndecided
from talkqa.model.flow import Flow, Side
from talkqa.model.record import FieldValue, Record
from talkqa.model.result import Cause
from talkqa.verify.flowstate import FlowState
from talkqa.verify.probe import Expectation, Pair, Probe, own_values

_PIECE = 4
"""Characters that a text must share with a probe's to be taken for a piece of it."""
_ASKED = 2
"""Other flows that are asked for a sign of life before the engine counts as silent."""


async def alive(state: FlowState, since_s: float) -> str | None:
    """What shows that the engine worked after a moment; None where nothing does."""
    if await state.heartbeats.after(since_s):
        return f"records of {state.flow.title} written later did arrive"
    other = state.access.arrival_after(since_s, besides=state.flow)
    if other is None:
        other = await _beat_elsewhere(state, since_s)
    return f"records of {other.title} written later did arrive" if other is not None else None


async def _beat_elsewhere(besides: FlowState, moment_s: float) -> Flow | None:
    """Ask up to two other flows for a sign of life."""
    asked = 0
    for state in besides.neighbours.values():
        if state is besides or asked == _ASKED or not await state.usable():
            continue
        asked += 1
        if await state.heartbeats.after(moment_s):
            return state.flow
    return None


async def require_alive(state: FlowState, since_s: float, what: str) -> str:
    """What shows that the engine is alive.

    Raises:
        CheckLate: where nothing does.
    """
    shown = await alive(state, since_s)
    if shown is None:
        raise CheckLate(
            "engine-silent",
            f"{what} was not answered within {state.access.settings.patience_s:.0f} s, and no record of any flow "
            "written later arrived either: the sync engine is down or slower than that",
            cause=Cause.ENGINE,
            expected="a change arrives, or later ones do",
            observed="nothing arrived from any flow",
        )
    return shown


async def missing_counterpart(state: FlowState, probe: Probe) -> NoReturn:
    """End a scenario whose source record got no counterpart.

    Raises:
        CheckOutcome: always.
    """
    control = await state.control_write()
    if control is not None:
        raise type(control)(control.reason, control.message, cause=control.cause, observed=control.observed)
    shown = await require_alive(state, probe.written_s, f"the new {state.flow.source.name}")
    waited = f"within {state.access.clock.now() - probe.written_s:.0f} s, although {shown}"
    if not state.recognisable(probe.record):
        raise CheckUndecided(
            "not-recognisable",
            f"no documented property of {state.flow.title} carries a value by which a counterpart could be recognised",
            cause=Cause.DOCUMENT,
        )
    damaged = _damaged_copy(state, probe)
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
    raise CheckFailed(
        "no-counterpart",
        f"no {state.flow.target.name} appeared for {state.flow.source.entity} {probe.record.id} {waited} and "
        f"{state.flow.target.system} takes such a record from the harness",
        cause=Cause.ENGINE,
        expected=f"one {state.flow.target.name}",
        observed="none",
    )


def _damaged_copy(state: FlowState, probe: Probe) -> tuple[Record, str, str, str] | None:
    """A target record that holds a piece of a probe's text, the piece's path, the piece and the whole text."""
    texts = [v for v in own_values(probe.record, state.schema(Side.SOURCE)).values() if isinstance(v, str)]
    for sighting in state.observer(Side.TARGET).latest.values():
        record = sighting.record
        if sighting.seen_s < probe.written_s or record.deleted or state.access.is_own(record):
            continue
        for path, value in own_values(record, state.schema(Side.TARGET)).items():
            if not isinstance(value, str) or len(value) < _PIECE:
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
) -> Record:
    """Judge an edit that was not seen on the other side; returns the record where a second look shows it.

    Args:
        state: The flow.
        pair: The linked pair.
        side: The side that ought to have followed.
        path: The property that ought to have followed.
        expectation: What it ought to hold.
        since_s: When the edit was acknowledged.

    Raises:
        CheckOutcome: where the second look does not show it.
    """
    shown = await require_alive(state, since_s, f"an edit of {pair.record(side.other).entity}")
    now = await state.access.get(pair.record(side))
    place = f"'{path}' of {pair.record(side).entity} {pair.record(side).id}"
    if now is None:
        raise CheckFailed("counterpart-gone", f"{place} cannot be read: the record is gone", cause=Cause.ENGINE_OR_API)
    actual = now.values.get(path)
    if expectation.matches(actual):
        return now
    value = expectation.value
    if not await _accepts(state, side, now, path, value):
        raise CheckUndecided(
            "target-refuses",
            f"{pair.record(side).system} refuses {expectation.words} for {place} from the harness too",
            cause=Cause.API,
            expected=expectation.words,
            observed=repr(actual),
        )
    moved = actual != pair.record(side).values.get(path)
    raise CheckFailed(
        "wrong-value" if moved else "edit-not-carried",
        f"{place} is {actual!r} and not {expectation.words}, although {shown}"
        + ("" if value is None else " and the system takes it from the harness"),
        cause=Cause.ENGINE,
        expected=expectation.words,
        observed=repr(actual),
    )


async def _accepts(state: FlowState, side: Side, record: Record, path: str, value: FieldValue) -> bool:
    """Whether the harness may write such a value there; where none is expected, whether the property can change."""
    field = state.schema(side).field(path)
    if field is None or not field.updateable:
        return False
    if value is None or isinstance(value, tuple):
        return True
    try:
        await state.access.update(record, {path: value})
    except ApiRefused:
        return False
    except ApiError as error:
        raise CheckUndecided("api-unavailable", str(error), cause=Cause.API) from error
    return True
