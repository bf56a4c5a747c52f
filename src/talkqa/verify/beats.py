"""What heartbeats are made of: a new record of a flow, or an edit on one side of a pair made for that.

Used by the world, which gives each flow its senders. A beat that a system's hiccup prevented is sent again: nothing is
said of the engine by a record that was never written.
"""

import trio

from talkqa.model.check import RowClass
from talkqa.model.errors import ApiError, ApiRefused, ApiUnavailable, CheckFailed, CheckOutcome
from talkqa.model.flow import Side
from talkqa.model.record import Scalar
from talkqa.model.result import Cause
from talkqa.verify.control import find_refusal
from talkqa.verify.flowstate import FlowState
from talkqa.verify.heartbeat import Sender
from talkqa.verify.link import await_merged, find_counterpart, make_pair, pair_up, start_pair, was_another, write_edit
from talkqa.verify.probe import Pair, Probe, Travel
from talkqa.verify.routes import Route
from talkqa.verify.travel import rank_for_edit
from talkqa.verify.wiggle import Wiggle, draw_sign, require_one_taken

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

    in_turn = False

    def __init__(self, state: FlowState) -> None:
        self._state = state
        self._unanswered: dict[int, Probe] = {}
        self._prevented: dict[int, CheckOutcome] = {}
        """Why a record was not written at all, such as one that connects it and did not arrive itself."""

    async def send(self, number: int) -> bool:
        """Write a source record; whether its counterpart was seen in time.

        Raises:
            ApiError: where no attempt to write it was answered, or taken.
            CheckFailed: where a record that was made for something else took its values.
        """
        state = self._state
        written_s = state.access.clock.now()
        key = f"heartbeat/{state.flow.id}/{number}"
        for attempt in range(_ATTEMPTS):
            try:
                probe, seen = await start_pair(state, f"{key}/{attempt}" if attempt else key, queued=False)
            except ApiError:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            except CheckOutcome as outcome:
                self._prevented[number] = outcome
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
            state.access.arrivals.note(state.flow, written_s)
            return True
        return False

    async def follow(self, number: int) -> bool:
        """Wait longer for the counterpart of a record.

        Raises:
            CheckOutcome: where it does not come, and the target does not take it from the harness either; or where
                none was written to wait for.
        """
        if number in self._prevented:
            raise self._prevented.pop(number)
        probe, maker = self._unanswered.pop(number, None), self._state.maker
        if probe is None:
            return False
        within_s = _OUTWAIT * self._state.access.settings.patience_s
        if probe.meets is not None:  # what both hold shows nothing
            return await await_merged(maker, probe, probe.meets, within_s) is not None
        if await find_counterpart(maker, probe, within_s=within_s) is not None:
            return True
        refusal = await find_refusal(maker, probe.record)
        if refusal is not None:
            raise refusal
        return False


class EditSender:
    """Edits one side of a pair."""

    in_turn = True

    def __init__(self, state: FlowState, side: Side) -> None:
        self._state = state
        self._side = side
        self._making = trio.Lock()
        self._pair: Pair | None = None
        """Its own: edits of both sides at once would be a conflict, in which one of them is lost by right."""
        self._unanswered: dict[int, tuple[Pair, list[Wiggle]]] = {}
        self._prevented: dict[int, CheckOutcome] = {}
        """Why nothing was edited."""

    async def send(self, number: int) -> bool:
        """Edit what travels; whether one of the new values was seen on the other side in time.

        Raises:
            ApiUnavailable: where no attempt to write it was answered.
        """
        state = self._state
        key = f"heartbeat/{state.flow.id}/{self._side}/{number}"
        for attempt in range(_ATTEMPTS):
            used = self._pair is not None
            try:
                async with self._making:
                    begun = f"{key}/{attempt}" if attempt else key
                    self._pair = self._pair or await make_pair(state, begun, queued=False)
                if self._pair is None:
                    return False
                edits = await self._edit(self._pair, f"{key}/{attempt}")
                if edits:
                    self._unanswered[number] = (self._pair, edits)
                    return await self._await(number, state.access.settings.patience_s)
                self._pair = None
                if not used:  # else what is left to write stands there already, and a new pair takes it anew
                    break
            except ApiUnavailable:
                if attempt == _ATTEMPTS - 1:
                    raise
            except ApiRefused:  # the record may be gone
                self._pair = None
            except CheckOutcome as outcome:
                self._pair, self._prevented[number] = None, outcome
                return False
        state.uneditable.add(self._side)
        return False

    async def follow(self, number: int) -> bool:
        """Wait longer for the values of an edit.

        Raises:
            CheckOutcome: where they do not come, and the other system refuses each of them from the harness too; or
                where nothing was edited to wait for.
        """
        if number in self._prevented:
            raise self._prevented.pop(number)
        if number not in self._unanswered:
            return False
        if await self._await(number, _OUTWAIT * self._state.access.settings.patience_s):
            return True
        await require_one_taken(self._state, *self._unanswered.pop(number))
        return False

    async def _edit(self, pair: Pair, key: str) -> list[Wiggle]:
        """Write new values; returns what each is to bring about on the other side, nothing where nothing travels."""
        state, side, at_s = self._state, self._side, self._state.access.clock.now()
        drawn: dict[str, tuple[Travel, Scalar]] = {}
        for travel in rank_for_edit(pair.travels, state.both(), side, state.avoided):
            path = travel.end(side)
            if self._is_shared(travel):  # another property may lead: that it is not followed shows nothing
                continue
            if len(drawn) == _TRAVELS or path in drawn:
                continue
            value = draw_sign(state, pair, side, travel, key, _DRAWN)
            if value is not None:
                drawn[path] = travel, value
        if not drawn:
            return []
        try:
            stored = await write_edit(state, pair.record(side), {path: value for path, (_, value) in drawn.items()})
        except ApiRefused:
            path = next(iter(drawn))
            drawn = {path: drawn[path]}
            stored = await write_edit(state, pair.record(side), {path: drawn[path][1]})
        pair.replace(side, stored)
        return [Wiggle.of(travel, side, value, stored, at_s) for travel, value in drawn.values()]

    def _is_shared(self, travel: Travel) -> bool:
        judgement = self._state.judgements.get((travel.source, travel.target))
        return judgement is not None and judgement.row_class is RowClass.SHARED

    async def _await(self, number: int, within_s: float) -> bool:
        pair, edits = self._unanswered[number]
        seen = await self._state.observer(self._side.other).wait_for(
            lambda sighting: any(edit.shows_in(sighting.record) for edit in edits),
            within_s=within_s,
            record_id=pair.record(self._side.other).id,
        )
        if seen is None:
            return False
        del self._unanswered[number]
        pair.replace(self._side.other, seen.record)
        return True
