"""One recorded poll while it is replayed: what is told when, and to whom it was told already."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from talkqa.model.call import PollShape
from talkqa.transport.answers import fill_envelope, id_of, read_items
from talkqa.transport.difference import parse_body
from talkqa.transport.recording import CassetteError, Interaction, PollTimes

_SAME_S = 1e-6
"""Times closer than this are one: sums of floats do not meet."""
_NEAR_S = 0.5
"""A recorded run took time to think: an actor's own question that came so soon after this one is the same."""
_SOON_S = 0.05
"""The same for a question of others: nobody is to wait for what he did not wait for then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """When a poll is to be answered."""

    at_s: float
    failure: Interaction | None = None
    """What it fails with, where it failed then."""


class PollLine:
    """The versions that a poll told in a recording, in their order."""

    def __init__(self, key: str, times: PollTimes, told: Sequence[Interaction], shape: PollShape) -> None:
        """Prepare the replay of one poll.

        Args:
            key: Of the poll.
            times: When it was answered.
            told: Its answers that told something, and those that failed.
            shape: Where the records are.

        Raises:
            CassetteError: where a recorded answer is not of that shape.
        """
        self._shape = shape
        self._looks = times.looks
        self._first = times.first
        good = dict(zip(times.answers, times.asked, strict=True))
        self._failures = {one.answered_s: one for one in told if one.answered_s not in good}
        asked = good | {at_s: one.asked_s for at_s, one in self._failures.items()}
        self._times = sorted(asked)
        self._asked = [asked[at_s] for at_s in self._times]
        answers = sorted((one for one in told if one.answered_s in good), key=lambda one: one.answered_s)
        self._answers = answers
        self._answer_times = [one.answered_s for one in answers]
        self._envelopes: list[Mapping[str, Any]] = []
        self._versions: list[tuple[str, Mapping[str, Any] | None]] = []
        self._version_times: list[float] = []
        for one in answers:
            body = parse_body(one.body)
            items = read_items(body, shape)
            if items is None:
                raise CassetteError(f"the recorded answers of {key} hold no records at {'.'.join(shape.items)}")
            self._envelopes.append(body)
            told_ids = [(id_of(item, shape), item) for item in items]
            # what is gone comes first: a record may leave a list and come back in one and the same answer
            self._versions += [*((record_id, None) for record_id in one.gone), *told_ids]
            self._version_times += [one.answered_s] * (len(one.gone) + len(items))
        self._before = 0
        self._done = 0
        self._cursor_seen = False
        self._failed: set[float] = set()

    def turn(self, actor: str, now_s: float) -> Turn:
        """When a poll that is asked now is answered: with the recorded one that was under way, else at once.

        A scenario's own look goes before: what it judged by is what it saw then.
        """
        looks = self._looks.get(actor, ())
        number = bisect_left(looks, now_s - _SAME_S, key=lambda look: look[1])
        if number < len(looks) and looks[number][0] <= now_s + _NEAR_S:
            return Turn(at_s=looks[number][1])
        following = bisect_left(self._times, now_s - _SAME_S)
        if following < len(self._times) and self._times[following] in self._failed:
            following += 1  # it failed a moment ago
        if following < len(self._times) and self._asked[following] <= now_s + _SOON_S:
            if actor and self._asked[following] < now_s - _SAME_S and self._is_followed(following):
                following += 1  # who comes while a question is under way shares the one after it
            at_s = self._times[following]
            failure = self._failures.get(at_s)
            if failure is not None:
                self._failed.add(at_s)
            return Turn(at_s=at_s, failure=failure)
        return Turn(at_s=now_s, failure=None if self._answers else self._failures[self._times[-1]])

    def _is_followed(self, place: int) -> bool:
        """Whether the next question was put as soon as this one was answered: somebody waited to put it."""
        return place + 1 < len(self._times) and self._asked[place + 1] <= self._times[place] + _NEAR_S

    def answer(self, at_s: float, request: str) -> tuple[Interaction, dict[str, Any]]:
        """The answer at a time: what was told until then and not handed out yet, after what was handed out last.

        The overlap is for a poll that was answered while its asker gave up, and for clients that take an empty answer
        for a missing right. It holds the last version of each record alone, as a system would, so that nobody takes an
        old version for a new one.

        Args:
            at_s: When it is answered.
            request: Digest of the request; the very first one, asked again, asks for everything.

        Returns:
            A recorded answer whose headers and envelope it takes, and the body.
        """
        end = max(bisect_right(self._version_times, at_s + _SAME_S), self._done)
        whole = request == self._first
        known = _latest(self._versions[0 if whole else self._before : self._done])
        fresh = [item for _, item in self._versions[self._done : end] if item is not None]
        if whole:
            left = {record_id for record_id, item in _latest(self._versions[:end]).items() if item is None}
            known = {record_id: item for record_id, item in known.items() if record_id not in left}
        items = [*(item for item in known.values() if item is not None), *fresh]
        # Who asks for everything beside the observer takes nothing from it.
        if end > self._done and not (whole and self._cursor_seen):
            self._before, self._done = self._done, end
        self._cursor_seen = self._cursor_seen or not whole
        place = max(bisect_right(self._answer_times, at_s + _SAME_S) - 1, 0)
        return self._answers[place], fill_envelope(self._envelopes[place], self._shape, items)


def _latest(versions: Sequence[tuple[str, Mapping[str, Any] | None]]) -> dict[str, Mapping[str, Any] | None]:
    """The last version of each record, in the order in which those came."""
    found: dict[str, Mapping[str, Any] | None] = {}
    for record_id, item in versions:
        found.pop(record_id, None)
        found[record_id] = item
    return found
