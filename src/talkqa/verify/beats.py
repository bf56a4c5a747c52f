"""What heartbeats are made of: a new record of a flow, or an edit on one side of a pair made for that.

Used by the world, which gives each flow its senders. A beat that a system's hiccup prevented is sent again: nothing is
said of the engine by a record that was never written.
"""

from talkqa.model.check import RowClass
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable, CheckFailed, CheckOutcome
from talkqa.model.flow import Side
from talkqa.model.record import Scalar
from talkqa.model.result import Cause
from talkqa.verify.flowstate import FlowState
from talkqa.verify.heartbeat import Sender
from talkqa.verify.link import find_counterpart, make_pair, pair_up, start_pair, was_another, write_edit
from talkqa.verify.probe import Pair, Probe, Travel
from talkqa.verify.routes import Route
from talkqa.verify.travel import rank_for_edit, tokens_of
from talkqa.verify.values import NoCommonValueError
from talkqa.verify.wiggle import draw_edit

_ATTEMPTS = 3
_OUTWAIT = 3
"""How many times the patience a beat that was not in time is waited for, to tell a slow engine from a dead one."""
_TRAVELS = 3
"""Properties that one beat edits: which of them the engine carries nobody knows."""
_DRAWN = 9
"""The draws of a beat's edit; other numbers belong to scenarios."""


def make_sender(state: FlowState, side: Side | None) -> Sender:
    """What sends the beats of a flow: new records, or edits of one side."""
    return RecordSender(state) if side is None else EditSender(state, side)


class RecordSender:
    """Writes new source records that may travel."""

    def __init__(self, state: FlowState) -> None:
        self._state = state
        self._unanswered: dict[int, Probe] = {}

    async def send(self, number: int) -> bool:
        """Write a source record; whether its counterpart was seen in time.

        Raises:
            ApiUnavailable: where no attempt to write it was answered.
            CheckFailed: where a record that was made for something else took its values.
        """
        state = self._state
        written_s = state.access.clock.now()
        key = f"heartbeat/{state.flow.id}/{number}"
        for attempt in range(_ATTEMPTS):
            try:
                probe, seen = await start_pair(state, f"{key}/{attempt}" if attempt else key, queued=False)
            except ApiUnavailable:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            except (CheckOutcome, ApiError):
                return False
            if seen is None:
                self._unanswered[number] = probe
                return False
            if state.route is not Route.MERGE and was_another(state, probe, seen.record):
                raise CheckFailed(
                    "merged-wrongly",
                    f"{seen.record.entity} {seen.record.id} was there before {probe.record.entity} {probe.record.id} "
                    "was written, and carries its values now",
                    cause=Cause.ENGINE,
                    expected="a record of its own",
                    observed=f"values in {seen.record.id}",
                )
            pair_up(state, probe, seen)
            state.access.note_arrival(state.flow, written_s)
            return True
        return False

    async def follow(self, number: int) -> bool:
        """Wait longer for the counterpart of a record."""
        probe = self._unanswered.pop(number, None)
        if probe is None:
            return False
        within_s = _OUTWAIT * self._state.access.settings.patience_s
        return await find_counterpart(self._state.maker, probe, within_s=within_s) is not None


class EditSender:
    """Edits one side of a pair."""

    def __init__(self, state: FlowState, side: Side) -> None:
        self._state = state
        self._side = side
        self._pair: Pair | None = None
        """Its own: edits of both sides at once would be a conflict, in which one of them is lost by right."""
        self._unanswered: dict[int, tuple[Pair, dict[str, frozenset[str]]]] = {}

    async def send(self, number: int) -> bool:
        """Edit what travels; whether one of the new values was seen on the other side in time.

        Raises:
            ApiUnavailable: where no attempt to write it was answered.
        """
        state = self._state
        key = f"heartbeat/{state.flow.id}/{self._side}/{number}"
        for attempt in range(_ATTEMPTS):
            try:
                self._pair = self._pair or await make_pair(state, key, queued=False)
                if self._pair is None:
                    return False
                wanted = await self._edit(self._pair, f"{key}/{attempt}")
                if wanted is None:
                    state.uneditable.add(self._side)
                    return False
                self._unanswered[number] = (self._pair, wanted)
                return await self._await(number, state.access.settings.patience_s)
            except ApiUnavailable:
                if attempt == _ATTEMPTS - 1:
                    raise
            except (CheckOutcome, ApiError):  # the record may be gone: the next beat has another one
                self._pair = None
                return False
        return False

    async def follow(self, number: int) -> bool:
        """Wait longer for the values of an edit."""
        if number not in self._unanswered:
            return False
        return await self._await(number, _OUTWAIT * self._state.access.settings.patience_s)

    async def _edit(self, pair: Pair, key: str) -> dict[str, frozenset[str]] | None:
        """Write new values; returns where their tokens are to be seen on the other side, None where nothing travels."""
        state, side = self._state, self._side
        others: dict[str, str] = {}
        values: dict[str, Scalar] = {}
        for travel in rank_for_edit(pair.travels, state.both(), side, state.avoided):
            path, other = _ends(travel, side)
            if self._is_shared(travel):  # another property may lead: that it is not followed shows nothing
                continue
            if len(values) == _TRAVELS or path in values:
                continue
            try:
                value = draw_edit(state, side, travel, key, _DRAWN)
            except NoCommonValueError:
                continue
            if tokens_of(value):
                values[path], others[path] = value, other
        if not values:
            return None
        try:
            pair.replace(side, await write_edit(state, pair.record(side), values))
        except ApiRefused:
            path = next(iter(values))
            pair.replace(side, await write_edit(state, pair.record(side), {path: values[path]}))
            others = {path: others[path]}
        stored = pair.record(side).values
        return {other: tokens_of(stored.get(path)) for path, other in others.items()}

    def _is_shared(self, travel: Travel) -> bool:
        judgement = self._state.judgements.get((travel.source, travel.target))
        return judgement is not None and judgement.row_class is RowClass.SHARED

    async def _await(self, number: int, within_s: float) -> bool:
        pair, wanted = self._unanswered[number]
        seen = await self._state.observer(self._side.other).wait_for(
            lambda sighting: any(t & tokens_of(sighting.record.values.get(p)) for p, t in wanted.items()),
            within_s=within_s,
            record_id=pair.record(self._side.other).id,
        )
        if seen is None:
            return False
        del self._unanswered[number]
        pair.replace(self._side.other, seen.record)
        return True


def _ends(travel: Travel, side: Side) -> tuple[str, str]:
    return (travel.source, travel.target) if side is Side.SOURCE else (travel.target, travel.source)
