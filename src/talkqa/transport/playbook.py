"""The recorded calls of one system, found by key: who asked, what, and how often before.

Used by `replayer`. A call that changes something is answered by the same actor's recording alone; what only reads may
be answered by anybody's.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from talkqa.model.call import Purpose
from talkqa.redaction.rules import MASK
from talkqa.transport.difference import body_difference, extra_members, flat_members, same_text, url_difference
from talkqa.transport.recording import Interaction, Recording

_NO_REFUSALS = frozenset({401, 408, 429, 502, 503, 504})
"""Answers to who asks, or to when, and not to what."""
_REFUSALS = ('"didSucceed":false', '"errors":[')
"""In the body of a GraphQL answer that says no with status 200."""


class Playbook:
    """Which recorded call answers which asked one."""

    def __init__(self, recording: Recording) -> None:
        self.calls = tuple(one for one in recording.interactions if not one.poll)
        self._own: defaultdict[tuple[str, Purpose, str, str], list[int]] = defaultdict(list)
        self._by_url: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._reads: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
        self._masked_urls: list[str] = []
        self.played: set[int] = set()
        """Places in `calls` that answered something."""
        for place in sorted(range(len(self.calls)), key=lambda each: self.calls[each].asked_s):
            one = self.calls[place]
            self._own[one.actor, one.purpose, one.method, one.url].append(place)
            self._by_url[one.method, one.url].append(place)
            if one.purpose not in (Purpose.WRITE, Purpose.SIGN_IN):
                self._reads[one.method, one.url, one.request_body].append(place)
        for places in self._reads.values():
            places.sort(key=lambda each: self.calls[each].answered_s)
        self._masked_urls = sorted({one.url for one in self.calls if MASK in one.url})
        self._urls = {one.url for one in self.calls}

    def spell(self, url: str) -> str:
        """The URL as it was recorded, where a secret in it was masked."""
        if url in self._urls:
            return url
        return next((known for known in self._masked_urls if same_text(url, known)), url)

    def own(self, actor: str, purpose: Purpose, method: str, url: str, body: str) -> Interaction | None:
        """The actor's next call of this kind with this body; played from then on."""
        for place in self._own.get((actor, purpose, method, url), ()):
            if place not in self.played and body_difference(body, self.calls[place].request_body) is None:
                return self._play(place)
        return None

    def removal(self, method: str, url: str, body: str) -> Interaction | None:
        """The next call of this kind, whoever made it; the last one again, once all are played."""
        same = [
            place
            for place in self._by_url.get((method, url), ())
            if self.calls[place].purpose is Purpose.WRITE
            and body_difference(body, self.calls[place].request_body) is None
        ]
        fresh = [place for place in same if place not in self.played]
        return self._play(fresh[0] if fresh else same[-1]) if same else None

    def refusal(self, actor: str, method: str, url: str, body: str) -> Interaction | None:
        """How a call was refused for members that the actor's own recorded call goes without.

        What one scenario learns of a system spares the next one a refusal. Replayed without the first, it has to learn
        that itself.
        """
        wanted = [
            extra
            for place in self._own.get((actor, Purpose.WRITE, method, url), ())
            if place not in self.played and (extra := extra_members(body, self.calls[place].request_body))
        ]
        refused = [place for place in self._by_url.get((method, url), ()) if _is_refusal(self.calls[place])]
        refused.sort(key=lambda place: len(self.calls[place].request_body))
        for extra in wanted:
            for place in refused:
                if extra.keys() <= flat_members(self.calls[place].request_body).keys():
                    return self._play(place)
        return None

    def read(self, method: str, url: str, body: str, now_s: float) -> Interaction | None:
        """What anybody was answered last by now, else what somebody was answered first."""
        places = self._reads.get((method, url, body)) or [
            place
            for place in self._by_url.get((method, url), ())
            if self.calls[place].purpose not in (Purpose.WRITE, Purpose.SIGN_IN)
            and body_difference(body, self.calls[place].request_body) is None
        ]
        answered = [place for place in places if 0 < self.calls[place].status < 500] or list(places)
        if not answered:
            return None
        before = bisect_right(answered, now_s, key=lambda place: self.calls[place].answered_s)
        return self._play(answered[max(before - 1, 0)])

    def sign_in(self, method: str, url: str) -> Interaction | None:
        """A sign-in that was answered; at the same address, where there is one."""
        found = [
            (one.url != url or one.method != method, place)
            for place, one in enumerate(self.calls)
            if one.purpose is Purpose.SIGN_IN and 200 <= one.status < 300
        ]
        return self._play(min(found)[1]) if found else None

    def explain(self, actor: str, purpose: Purpose, method: str, url: str, body: str) -> str:
        """What parts a call from the closest recorded one."""
        own = self._own.get((actor, purpose, method, url), ())
        fresh = [place for place in own if place not in self.played]
        if fresh:
            return str(body_difference(body, self.calls[fresh[0]].request_body))
        if own:
            return f"it was asked {_times(len(own))} when this was recorded, and is asked once more now"
        others = [
            self.calls[place] for place in self._by_url.get((method, url), ()) if self.calls[place].purpose == purpose
        ]
        if others:
            same = next((one for one in others if body_difference(body, one.request_body) is None), None)
            if same is not None or purpose is Purpose.WRITE:
                return f"it was recorded for {_name(others[0].actor if same is None else same.actor)} alone"
            return str(body_difference(body, others[0].request_body))
        return self._explain_url(actor, method, url)

    def _explain_url(self, actor: str, method: str, url: str) -> str:
        path = url.partition("?")[0]
        alike = [one for one in self.calls if one.url.partition("?")[0] == path]
        of_actor = [one for one in self.calls if one.actor == actor]
        for candidates in ([one for one in alike if one.method == method], alike):
            if candidates:
                closest = min(candidates, key=lambda one: (one.actor != actor, -_common(one.url, url)))
                if closest.method != method:
                    return f"method: {method} now, {closest.method} recorded"
                return str(url_difference(url, closest.url))
        same_method = [one for one in of_actor or self.calls if one.method == method]
        if not same_method:
            return f"no {method} of {_name(actor)} was recorded"
        return str(url_difference(url, max(same_method, key=lambda one: _common(one.url, url)).url))

    def _play(self, place: int) -> Interaction:
        self.played.add(place)
        return self.calls[place]

    def unplayed(self, actors: Iterable[str]) -> Sequence[Interaction]:
        """Recorded calls of these actors that nobody asked; reads count where nobody read the same."""
        chosen = frozenset(actors)
        read = {(one.method, one.url) for one in map(self.calls.__getitem__, self.played)}
        return [
            one
            for place, one in enumerate(self.calls)
            if one.actor in chosen
            and place not in self.played
            and (one.purpose is Purpose.WRITE or (one.method, one.url) not in read)
        ]


def _is_refusal(one: Interaction) -> bool:
    if one.purpose is not Purpose.WRITE:
        return False
    if one.status >= 400:  # some systems refuse a value with 500
        return one.status not in _NO_REFUSALS
    return one.status == 200 and any(sign in one.body for sign in _REFUSALS)


def _common(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _name(actor: str) -> str:
    return f"'{actor}'" if actor else "no scenario"
