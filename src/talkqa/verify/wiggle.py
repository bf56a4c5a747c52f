"""Confirming a link by a wiggle: an edit of one side that moves exactly one record of the other."""

from dataclasses import dataclass
from typing import Self

from talkqa.model.errors import ApiRefused, CheckFailed, CheckLate, CheckOutcome, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.record import Record, Scalar
from talkqa.model.result import Cause
from talkqa.verify.flowstate import FlowState
from talkqa.verify.judge import REFUSES, gone, makes_of_it
from talkqa.verify.link import make_pair, refresh_travels, write_edit
from talkqa.verify.probe import Expectation, Pair, Travel, strong_tokens
from talkqa.verify.pulse import require_edits_alive
from talkqa.verify.travel import rank_for_edit, tokens_of
from talkqa.verify.values import NoCommonValueError, fit

_TRAVELS = 3
"""Properties of which an edit is tried, one after the other, until one can be drawn and is taken."""
_NOT_LINKED = "not-linked"
_DRAWS = 5
"""Values that are tried for an edit that is to show something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiggle:
    """An edit made to see whether the record on the other side moves."""

    side: Side
    path: str
    other: str
    """The property on the other side."""
    value: Scalar
    equal: bool
    """Whether the other side is to hold the very value."""
    wanted: frozenset[str]
    at_s: float

    @classmethod
    def of(cls, travel: Travel, side: Side, value: Scalar, stored: Record, at_s: float) -> Self:
        """The edit of one side of a property that travels, from what was stored of it."""
        path, other = travel.end(side), travel.end(side.other)
        wanted = tokens_of(stored.values.get(path))
        return cls(side=side, path=path, other=other, value=value, equal=travel.equal, wanted=wanted, at_s=at_s)

    def shows_in(self, record: Record) -> bool:
        """Whether a record of the other side has taken the value."""
        return bool(self.wanted & tokens_of(record.values.get(self.other)))

    @property
    def expectation(self) -> Expectation:
        """What the other side is to hold; what it is to be written for that only where it is the very value."""
        return Expectation(
            matches=lambda actual: bool(self.wanted & tokens_of(actual)),
            value=self.value if self.equal else None,
            words=repr(self.value),
        )


async def confirm(state: FlowState, pair: Pair, key: str) -> None:
    """Confirm the link by a wiggle: an edit of one side moves exactly this record of the other.

    Raises:
        CheckFailed: where the engine is alive and neither side follows the other, or one of them is gone.
        CheckLate: where nothing shows that the engine is alive.
        CheckUndecided: where no property was seen to travel that could be edited.
    """
    if not any(rank_for_edit(pair.travels, state.both(), side, state.avoided) for side in Side):
        await _await_more(state, pair)
    tried: list[Wiggle] = []
    for side in Side:
        wiggle = await _start_one(state, pair, side, f"{key}/wiggle-{side}")
        if wiggle is None:
            continue
        tried.append(wiggle)
        if await _await_wiggle(state, pair, wiggle, state.access.settings.patience_s):
            return
    if not tried:
        raise CheckUndecided(
            "nothing-to-wiggle",
            f"{state.flow.target.entity} {pair.target.id} carries values of the probe, but no property that travels "
            "can be edited, so the link cannot be confirmed",
            cause=Cause.DOCUMENT,
        )
    await _judge_unmoved(state, pair, tried)


async def _start_one(state: FlowState, pair: Pair, side: Side, key: str) -> Wiggle | None:
    """Start a wiggle by the surest property of a side that can be drawn and is taken; None where none is."""
    for travel in rank_for_edit(pair.travels, state.both(), side, state.avoided)[:_TRAVELS]:
        wiggle = await _start_wiggle(state, pair, side, travel, key)
        if wiggle is not None:
            return wiggle
    return None


async def _judge_unmoved(state: FlowState, pair: Pair, tried: list[Wiggle]) -> None:
    """Judge a pair that no wiggle moved in time; returns where a second look shows that one did.

    Raises:
        CheckOutcome: where none did; the engine is blamed where a system takes from the harness what was to arrive.
    """
    await _require_edits_alive(state, tried)
    await state.look()
    for wiggle in tried:  # the records that showed the engine alive took their time too
        if await _await_wiggle(state, pair, wiggle, 0):
            return
    outcome = _not_linked(state, pair, tried)
    if outcome.reason == _NOT_LINKED:
        await require_one_taken(state, pair, tried)
    raise outcome


async def _require_edits_alive(state: FlowState, tried: list[Wiggle]) -> None:
    """Edits of another pair, on a side that was tried, do arrive.

    Raises:
        CheckLate: where they do on neither side.
    """
    late: CheckLate | None = None
    for wiggle in tried:
        try:
            await require_edits_alive(state, wiggle.side, wiggle.at_s, "an edit that confirms the link")
        except CheckLate as outcome:
            late = late or outcome
        else:
            return
    if late is not None:
        raise late


async def require_one_taken(state: FlowState, pair: Pair, tried: list[Wiggle]) -> None:
    """Of what some edits were to bring about, a system takes one thing from the harness, whatever it makes of it.

    Raises:
        CheckUndecided: where none does, so that the engine is not to blame.
    """
    refused: CheckUndecided | None = None
    for wiggle in tried:
        there = wiggle.side.other
        try:
            await makes_of_it(state, there, pair.record(there), wiggle.other, wiggle.expectation)
        except CheckUndecided as excuse:
            if excuse.reason != REFUSES:
                return
            refused = refused or excuse
        else:
            return
    if refused is not None:
        raise refused


async def _await_more(state: FlowState, pair: Pair) -> None:
    """Wait for a further version of the target: an engine may write the first properties first."""
    held = pair.target.values
    seen = await state.observer(Side.TARGET).wait_for(
        lambda sighting: sighting.record.values != held,
        within_s=state.access.settings.patience_s,
        record_id=pair.target.id,
    )
    if seen is not None and not seen.record.deleted:
        pair.target = seen.record
        refresh_travels(state, pair)


async def settle(state: FlowState, pair: Pair) -> None:
    """Leave the engine the time that another record takes, to finish what it began, and look at the pair again."""
    await state.heartbeats.rounds(1)
    await refresh(state, pair)
    refresh_travels(state, pair)


async def refresh(state: FlowState, pair: Pair) -> None:
    """Read both records of a pair again.

    Raises:
        CheckOutcome: where one of them is gone, though no step deleted it.
    """
    for side in Side:
        record = await state.access.get(pair.record(side))
        if record is None:
            await state.look()
            raise gone(state, side, pair.record(side))
        pair.replace(side, record)


def _not_linked(state: FlowState, pair: Pair, tried: list[Wiggle]) -> CheckOutcome:
    words = "; ".join(f"'{w.path}' edited on the {w.side} side" for w in tried)
    for side in Side:
        record = pair.record(side)
        latest = state.observer(side).latest.get(record.id)
        if latest is not None and latest.record.deleted:
            return gone(state, side, record)
    if not pair.sure:
        return CheckUndecided(
            "not-recognised",
            f"{state.flow.target.entity} {pair.target.id} holds dates or numbers of the probe, perhaps by chance, and "
            f"does not move with it: {words}",
            cause=Cause.DOCUMENT,
        )
    return CheckFailed(
        _NOT_LINKED,
        f"{state.flow.target.entity} {pair.target.id} carries values of the probe, but no edit moves it: {words}",
        cause=Cause.ENGINE,
        expected="an edit of one side reaches the other",
        observed="neither side moved",
    )


async def read_barrier(state: FlowState, key: str) -> bool:
    """Whether an edit of a linked target came back: then the engine has read all targets written before."""
    pair = await make_pair(state, key)
    if pair is None:
        return False
    if not rank_for_edit(pair.travels, state.both(), Side.TARGET, state.avoided):
        await _await_more(state, pair)
    for travel in rank_for_edit(pair.travels, state.both(), Side.TARGET, state.avoided)[:_TRAVELS]:
        wiggle = await _start_wiggle(state, pair, Side.TARGET, travel, f"{key}/barrier")
        if wiggle is not None:
            return await _await_wiggle(state, pair, wiggle, state.access.settings.patience_s)
    return False


async def _start_wiggle(state: FlowState, pair: Pair, side: Side, travel: Travel, key: str) -> Wiggle | None:
    """Write a new value on one side; None where no value is known that would be recognised, or the system refuses."""
    value = draw_sign(state, pair, side, travel, key, 1)
    if value is None:
        return None
    at_s = state.access.clock.now()
    try:
        stored = await write_edit(state, pair.record(side), {travel.end(side): value})
    except ApiRefused as refused:
        if await state.access.get(pair.record(side)) is None:
            await state.look()
            raise gone(state, side, pair.record(side)) from refused
        return None
    pair.replace(side, stored)
    pair.source.tokens |= strong_tokens([value])
    pair.wiggled |= strong_tokens([value])
    return Wiggle.of(travel, side, value, stored, at_s)


async def _await_wiggle(state: FlowState, pair: Pair, wiggle: Wiggle, within_s: float) -> bool:
    side = wiggle.side
    seen = await state.observer(side.other).wait_for(
        lambda sighting: wiggle.shows_in(sighting.record),
        within_s=within_s,
        record_id=pair.record(side.other).id,
    )
    if seen is None:
        return False
    pair.replace(side.other, seen.record)
    waited_s = seen.seen_s - wiggle.at_s
    state.access.note_latency(state.flow, side, waited_s)
    pair.confirmed_by = (
        f"an edit of '{wiggle.path}' on the {side} side reached {seen.record.entity} {seen.record.id} on the other"
    )
    state.access.scenario_observes(
        f"'{wiggle.path}' of {pair.record(side).entity} {pair.record(side).id} was set to {wiggle.value!r}; "
        f"'{wiggle.other}' of {seen.record.entity} {seen.record.id} showed it {waited_s:.0f} s later: they are linked",
        seen,
    )
    return True


def draw_sign(state: FlowState, pair: Pair, side: Side, travel: Travel, key: str, counter: int) -> Scalar:
    """A new value that shows on the other side whether an edit arrived; None where none is known.

    What stands there already would show nothing: of a choice of two values, one does.
    """
    held = {token for end in Side for token in tokens_of(pair.record(end).values.get(travel.end(end)))}
    for draw in range(_DRAWS):
        try:
            value = draw_edit(state, side, travel, key, counter + draw)
        except NoCommonValueError:
            return None
        if tokens_of(value) and not held & tokens_of(value):
            return value
    return None


def draw_edit(state: FlowState, side: Side, travel: Travel, key: str, counter: int, *, telling: bool = False) -> Scalar:
    """A new value for a property that travels, which the other side can hold; a rich one where it is to tell.

    Raises:
        NoCommonValueError: where none is known.
    """
    rows = [r for r in state.flow.properties if (r.source, r.target) == (travel.source, travel.target)]
    if rows and side is Side.TARGET:
        return state.values.draw_target(rows[0], key, counter, telling=telling)
    if any(r.source == travel.source for r in state.flow.properties) and side is Side.SOURCE:
        return state.values.draw_source(travel.source, key, counter, telling=telling)
    value = state.values.draw_pair(travel.source, travel.target, key, counter, telling=telling)
    field = state.schema(side).field(travel.source if side is Side.SOURCE else travel.target)
    return value if field is None else fit(value, field)
