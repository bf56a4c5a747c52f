"""Signs of life: whether what is missing is missing, or the engine merely slow.

Something counts as missing where a later thing of the same kind arrived: for a record another record of the same flow,
for an edit an edit on the same side of another pair. Where none did, nothing is known but that it is late.
"""

from dataclasses import dataclass

import trio

from talkqa.model.errors import ApiError, CheckLate, CheckOutcome, CheckUndecided
from talkqa.model.flow import Flow, Side
from talkqa.model.result import Cause
from talkqa.verify.flowstate import FlowState
from talkqa.verify.heartbeat import Heartbeats
from talkqa.verify.routes import Route

SLOW = "engine-slow"
"""The reason of what did arrive, and too late."""
_ASKED_OF, _ARRIVED = 5, 3
"""Of so many beats written in turn so many arrive, before what was written earlier and did not is missing."""
_TIMES_LONGEST = 3
"""How many times the longest time that something of the flow took, something that is missing was waited for."""
_ASKED = 2
"""Other flows that are asked for a sign of life before the engine counts as silent."""


async def require_alive(state: FlowState, since_s: float, what: str) -> str:
    """What shows that records of a flow written after a moment do arrive.

    Args:
        state: The flow.
        since_s: When what is missing was written.
        what: In words.

    Raises:
        CheckLate: where nothing does; its reason tells a slow engine from a silent one.
        CheckUndecided: where the target refuses what is missing from the harness too.
        ApiError: where a system did not take the records.
    """
    if await _outlived(state, state.heartbeats, since_s):
        return f"records of {state.maker.flow.title} written later did arrive"
    records = f"records of {state.maker.flow.title}"
    raise await _late(
        state,
        state.heartbeats,
        _Silence(since_s=since_s, what=what, kind=records, side=Side.SOURCE, reason="flow-silent"),
    )


async def require_edits_alive(state: FlowState, side: Side, since_s: float, what: str) -> str:
    """What shows that edits of one side made after a moment do arrive on the other.

    Raises:
        CheckLate, CheckUndecided, ApiError: as `require_alive`.
    """
    beats = state.edit_beats[side]
    if await _outlived(state, beats, since_s):
        return f"edits on the {side} side of another pair made later did arrive"
    if side in state.uneditable:  # nothing of this flow can be edited for a sign of life: new records have to do
        return await require_alive(state, since_s, what)
    edits = f"edits of {state.flow.entity(side).name}"
    raise await _late(state, beats, _Silence(since_s=since_s, what=what, kind=edits, side=side, reason="edits-silent"))


async def require_any_life(state: FlowState, since_s: float, what: str) -> None:
    """See that something of some flow arrives that was written after a moment; which one is not asked.

    Raises:
        CheckLate: where nothing of any flow does, nor of one that needs no record of another to be connected with.
    """
    try:
        await require_alive(state, since_s, what)
    except CheckLate as late:
        others = [n for n in state.neighbours.values() if n is not state and await n.usable()]
        free = [n for n in others if n.route is not Route.CONNECT][:_ASKED]
        if late.reason == "engine-silent" and free and not any([await _beats(n, since_s) for n in free]):
            raise
    except (ApiError, CheckOutcome):  # what is wrong with this flow alone says nothing of the engine
        return


async def _outlived(state: FlowState, beats: Heartbeats, since_s: float) -> bool:
    """Whether so many beats, and for so long, arrived after a moment that what was written then is overdue.

    An engine may work on one change again and again, and on others meanwhile: one later arrival shows little.
    """
    if not await beats.enough_arrive(_ARRIVED, _ASKED_OF, since_s):
        return False
    while state.access.clock.now() - since_s < _TIMES_LONGEST * state.longest_s():
        if not await beats.rounds(1):
            return False
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Silence:
    """Something that is missing, and the kind of thing of which nothing else arrived either."""

    since_s: float
    what: str
    kind: str
    side: Side
    """Of which it ought to have been carried."""
    reason: str


async def _late(state: FlowState, beats: Heartbeats, silence: _Silence) -> CheckLate | CheckUndecided:
    """Wait longer than anybody promised, to tell a slow engine from one that is silent."""
    took_s, elsewhere = await _outwait(state, beats, silence.since_s)
    patience = f"{state.access.settings.patience_s:.0f} s"
    unanswered = (
        f"{silence.what} was not answered within {patience}, and no {silence.kind} written later arrived in time"
    )
    limited = _limiting(state)
    if limited and (took_s is not None or state.access.arrivals.has_carried(state.flow, silence.side)):
        observed = f"after {took_s:.0f} s" if took_s is not None else "none arrived"
        return CheckUndecided(
            "calls-limited",
            f"{unanswered} ({observed}, and others before); {' and '.join(limited)} lets nobody make more calls a "
            "minute, neither us nor the sync engine: raise patience_s, or run fewer checks at a time",
            cause=Cause.API,
            expected=f"within {patience}",
            observed=observed,
        )
    if took_s is not None:
        return CheckLate(
            SLOW,
            f"{unanswered}; one arrived after {took_s:.0f} s: the sync engine is slower than that",
            cause=Cause.ENGINE,
            expected=f"within {patience}",
            observed=f"after {took_s:.0f} s",
        )
    if elsewhere:
        return CheckLate(
            silence.reason,
            f"{unanswered}, although {elsewhere}: the sync engine does not carry them, or is far slower there",
            cause=Cause.ENGINE,
            expected=f"{silence.kind} arrive",
            observed="none arrived",
        )
    return CheckLate(
        "engine-silent",
        f"{unanswered}, nor did anything of another flow: the sync engine is down or far slower than that",
        cause=Cause.ENGINE,
        expected="a change arrives, or later ones do",
        observed="nothing arrived from any flow",
    )


async def _outwait(state: FlowState, beats: Heartbeats, since_s: float) -> tuple[float | None, str]:
    """Seconds until a beat arrived after all, None for never, and what arrived elsewhere, in words.

    Raises:
        ApiError, CheckOutcome: where nothing can be said of the engine.
    """
    took: list[float | None] = []
    other: list[str] = []
    troubles: list[ApiError | CheckOutcome] = []
    """Raised outside of the nursery, which would wrap them."""

    async def outwait() -> None:
        try:
            took.append(await beats.outwait())
        except (ApiError, CheckOutcome) as trouble:
            troubles.append(trouble)

    async def ask_elsewhere() -> None:
        try:
            other.append(await _sign_elsewhere(state, beats, since_s))
        except (ApiError, CheckOutcome) as trouble:
            troubles.append(trouble)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outwait)
        nursery.start_soon(ask_elsewhere)
    if troubles:
        raise troubles[0]
    return took[0], other[0]


def _limiting(state: FlowState) -> list[str]:
    """The flow's systems that made our own calls wait, and with them the engine's."""
    systems = sorted({state.flow.entity(side).system for side in Side})
    return [system for system in systems if state.access.conduct.is_held_up(system)]


async def _sign_elsewhere(state: FlowState, beats: Heartbeats, since_s: float) -> str:
    """What else arrived after a moment, in words; empty where nothing did."""
    if beats is not state.heartbeats and await state.heartbeats.after(since_s):
        return f"new records of {state.maker.flow.title} do"
    flow = state.access.arrivals.after(since_s, besides=state.flow) or await _beat_elsewhere(state, since_s)
    return f"records of {flow.title} do" if flow is not None else ""


async def _beat_elsewhere(besides: FlowState, moment_s: float) -> Flow | None:
    """Ask up to two other flows for a sign of life."""
    asked = 0
    for state in besides.neighbours.values():
        if state is besides or asked == _ASKED or not await state.usable():
            continue
        asked += 1
        if await _beats(state, moment_s):
            return state.flow
    return None


async def _beats(state: FlowState, moment_s: float) -> bool:
    try:
        return await state.heartbeats.after(moment_s)
    except (ApiError, CheckOutcome):  # another flow's trouble says nothing of this one
        return False
