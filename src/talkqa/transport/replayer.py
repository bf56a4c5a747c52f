"""Replaying a world: every request is answered from its recording, at the time at which it was answered then.

A replaying transport has none within and opens no socket. Its clock is virtual and begins where the recorded one did;
scenarios begin when they began then. So what a scenario does has the same times whichever other ones run beside it.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx

from talkqa.model.call import DESCRIBE, SWEEP, CallMark, Purpose
from talkqa.model.errors import ApiUnavailable
from talkqa.model.protocols import Clock
from talkqa.redaction.apply import redact_text
from talkqa.redaction.rules import DEFAULT_RULES, MASK, Rules
from talkqa.transport.live import mark_of
from talkqa.transport.masking import Masking
from talkqa.transport.playbook import Playbook
from talkqa.transport.pollline import PollLine
from talkqa.transport.recording import CassetteError, Interaction, PollTimes, Recording, WorldRecording
from talkqa.transport.shelf import origin_of
from talkqa.transport.tape import digest_request

ADVICE = "record the world again with `talkqa run --record`"
_SAME_S = 1e-6
"""Times closer than this are one: sums of floats do not meet."""
_UNPACED = frozenset({"", DESCRIBE, SWEEP})
"""Actors whose calls come when they come."""
_ERRORS = {
    name: kind
    for name, kind in vars(httpx).items()
    if isinstance(kind, type) and issubclass(kind, httpx.TransportError)
}


class NotRecorded(ApiUnavailable):
    """Raised where no recording answers a request; its code is `not-recorded`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayUse:
    """What of a recording was of use, and what was not; each sorted."""

    unused: tuple[str, ...]
    """Recorded calls of the selected scenarios that were not made: sentences."""
    outdated: tuple[str, ...]
    """Checks of the recording that do not exist any more, or are other ones now."""
    missing: tuple[str, ...]
    """Requests that nothing answered, and selected checks that were not recorded: sentences."""


class Replayer:
    """Replays one world."""

    def __init__(
        self, recording: WorldRecording, clock: Clock, *, advice: str = ADVICE, rules: Rules = DEFAULT_RULES
    ) -> None:
        """Prepare; nothing is read any more.

        Args:
            recording: Of the world.
            clock: Virtual; it begins at the recording's epoch.
            advice: How to record again, for messages.
            rules: What to mask in messages beyond the usual.
        """
        self._recording = recording
        self._clock = clock
        self._advice = advice
        self._rules = rules
        self._players: dict[str, _Player] = {}
        self._missing: set[str] = set()

    def transport(self, system: str) -> httpx.AsyncBaseTransport:
        """What answers a system's calls.

        Raises:
            CassetteError: where the system was not recorded.
        """
        if system not in self._players:
            recording = self._recording.systems.get(system)
            if recording is None:
                raise CassetteError(
                    f"the recording of {self._recording.facts.slug} holds nothing of {system}; {self._advice}"
                )
            self._players[system] = _Player(recording, self._clock, self._rules, self._tell_missing)
        return _ReplayingTransport(self._players[system])

    def next_answer_s(self, system: str, entity: str, now_s: float) -> float | None:
        """When the entity's poll was answered next, at or after a moment; None where it was not any more.

        An observer that asks then, and again right after, sees each change when it was seen, be the recorded poll an
        observer's or that of a scenario which is not replayed.
        """
        times = self._times(system, entity)
        following = bisect_left(times.answers, now_s - _SAME_S) if times is not None else 0
        return times.answers[following] if times is not None and following < len(times.answers) else None

    def _times(self, system: str, entity: str) -> PollTimes | None:
        recording = self._recording.systems.get(system)
        polls = recording.polls if recording is not None else {}
        return polls.get(f"{system}/{entity}") or polls.get(f"{system} {entity}")

    def use(self, selected: Mapping[str, str], existing: Collection[str] | None = None) -> ReplayUse:
        """What was of use so far.

        Args:
            selected: Check id to digest of the steps (see `Start`) of the scenarios that were replayed.
            existing: Ids of all checks of the world that exist; None for the selected ones and whatever was recorded.
        """
        starts = self._recording.starts
        gone = set() if existing is None else starts.keys() - set(existing) - selected.keys()
        changed = {
            check
            for check, digest in selected.items()
            if check in starts and digest and starts[check].digest and digest != starts[check].digest
        }
        unused = {
            f"{one.actor}: {system} was asked {one.method} {one.url} at {one.asked_s:.1f} s"
            for system, player in self._players.items()
            for one in player.book.unplayed(selected.keys() - changed)
        }
        missing = self._missing | {
            f"{check} was not recorded; {self._advice}" for check in selected.keys() - starts.keys()
        }
        return ReplayUse(
            unused=tuple(sorted(unused)), outdated=tuple(sorted(gone | changed)), missing=tuple(sorted(missing))
        )

    def _tell_missing(self, sentence: str) -> NotRecorded:
        said = f"{sentence}; {self._advice}"
        self._missing.add(said)
        return NotRecorded(said, code="not-recorded")


class _Player:
    """Answers for one system."""

    def __init__(self, recording: Recording, clock: Clock, rules: Rules, tell_missing: Any) -> None:
        self.book = Playbook(recording)
        self._recording = recording
        self._clock = clock
        self._masking = Masking(rules, origin_of(recording.system))
        self._tell_missing = tell_missing
        self._told: defaultdict[str, list[Interaction]] = defaultdict(list)
        for one in recording.interactions:
            if one.poll:
                self._told[one.poll].append(one)
        self._lines: dict[str, PollLine] = {}
        self._tokens = count(1)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        mark = mark_of(request)
        if mark.purpose is Purpose.SIGN_IN:
            return self._sign_in(request)
        if mark.purpose is Purpose.POLL and mark.poll is not None:
            return await self._poll(request, mark)
        method, url = request.method, self.book.spell(self._masking.url(request.url))
        body = request.content.decode("utf-8", "replace")
        one = self._find(mark, method, url, body)
        if one is None:
            why = self.book.explain(mark.actor, mark.purpose, method, url, body)
            asker = f"'{mark.actor}'" if mark.actor else "no scenario"
            said = f"no recording of {self._recording.system} answers {method} {url} of {asker}: {why}"
            raise self._tell_missing(redact_text(said, self._masking.rules))
        own = mark.actor not in _UNPACED and one.actor == mark.actor
        await self._wait_for(one, own=own)
        return _play(one, request)

    def _find(self, mark: CallMark, method: str, url: str, body: str) -> Interaction | None:
        own = self.book.own(mark.actor, mark.purpose, method, url, body)
        if own is not None:
            return own
        if mark.purpose is not Purpose.WRITE:
            return self.book.read(method, url, body, self._clock.now())
        if method == "DELETE" or mark.actor in _UNPACED:  # a sweep removes what is left, in whichever order
            return self.book.removal(method, url, body)
        return self.book.refusal(mark.actor, method, url, body)

    async def _wait_for(self, one: Interaction, *, own: bool) -> None:
        """Let as much time pass as had passed: an actor's own calls set its pace, others only while under way."""
        now_s = self._clock.now()
        if now_s < one.answered_s and (own or one.asked_s <= now_s):
            await self._clock.sleep(one.answered_s - now_s)

    async def _poll(self, request: httpx.Request, mark: CallMark) -> httpx.Response:
        line = self._line(mark)
        turn = line.turn(mark.actor, self._clock.now())
        wait_s = turn.at_s - self._clock.now()
        if wait_s > 0:
            await self._clock.sleep(wait_s)
        if turn.failure is not None:
            return _play(turn.failure, request)
        source, body = line.answer(turn.at_s, digest_request(request))
        return _respond(source, request, json.dumps(body, ensure_ascii=False, separators=(",", ":")))

    def _line(self, mark: CallMark) -> PollLine:
        shape = mark.poll
        assert shape is not None  # noqa: S101 - for the type checker: `answer` has looked
        if shape.key not in self._lines:
            times = self._recording.polls.get(shape.key)
            if times is None:
                known = ", ".join(sorted(self._recording.polls)) or "none"
                raise self._tell_missing(
                    f"no recording of {self._recording.system} answers the poll {shape.key}; recorded polls: {known}"
                )
            try:
                line = PollLine(shape.key, times, self._told[shape.key], shape)
            except CassetteError as error:
                raise self._tell_missing(str(error)) from error
            self._lines[shape.key] = line
        return self._lines[shape.key]

    def _sign_in(self, request: httpx.Request) -> httpx.Response:
        """A token that opens nothing; each one is another, so that a client that renews one sees that."""
        token = f"replayed-{next(self._tokens)}"
        one = self.book.sign_in(request.method, self._masking.sign_in_url(request.url))
        if one is None:
            answer = {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
            return httpx.Response(200, json=answer, request=request)
        return _respond(one, request, one.body.replace(f'"{MASK}"', json.dumps(token)))


class _ReplayingTransport(httpx.AsyncBaseTransport):
    """Answers from a recording alone."""

    def __init__(self, player: _Player) -> None:
        self._player = player

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The recorded answer.

        Raises:
            httpx.HTTPError: where none came when this was recorded.
            NotRecorded: where no recording answers.
        """
        return await self._player.answer(request)


def _play(one: Interaction, request: httpx.Request) -> httpx.Response:
    if one.status:
        return _respond(one, request, one.body)
    name, _, message = one.error.partition(": ")
    kind = _ERRORS.get(name)
    if kind is None:
        raise ApiUnavailable(message or one.error)
    raise kind(message)


def _respond(one: Interaction, request: httpx.Request, body: str) -> httpx.Response:
    return httpx.Response(one.status, headers=dict(one.headers), content=body.encode(), request=request)
