"""What one system was asked and answered while it is recorded, and what of it is written.

Used by `recorder`. Holds everything as it was until the recording is written; `masking` and the rules for foreign
records stand between the two.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx

from talkqa.model.account import Account
from talkqa.model.call import CallMark, PollShape, Purpose
from talkqa.redaction.rules import Rules
from talkqa.transport.answers import Reduce, digest_of, find_at, id_of, put_at, read_items
from talkqa.transport.difference import parse_body
from talkqa.transport.listening import learn_answer
from talkqa.transport.masking import Masking
from talkqa.transport.polltape import Page, PollTape
from talkqa.transport.recording import Interaction, PollTimes, Recording
from talkqa.transport.shelf import origin_of

IsOurs = Callable[[Mapping[str, Any]], bool]
"""Whether a record, as the system wrote it, holds something that this run wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An interaction as it was, with its secrets."""

    mark: CallMark
    request: httpx.Request
    asked_s: float
    answered_s: float
    response: httpx.Response | None
    error: str = ""


class Tape:
    """What one system was asked, as it was."""

    def __init__(self, system: str, rules: Rules) -> None:
        self._system = system
        self._taken: list[Taken] = []
        self._polls: dict[str, PollTape] = {}
        self._url = ""
        self._options: Mapping[str, str] = {}
        self.masking = Masking(rules, origin_of(system))

    def learn_account(self, account: Account) -> None:
        """Mask an account's secrets, and keep its path and options for replaying."""
        self.masking.secrets.learn_account(account)
        url = httpx.URL(account.url)
        self.masking.learn_origin(url)
        self._url, self._options = url.path.rstrip("/"), account.options

    def take(self, taken: Taken) -> None:
        """Take what came of a request."""
        self.masking.learn_request(taken.request)
        if taken.response is not None:
            learn_answer(self.masking.secrets, taken.response, taken.mark)
        shape = taken.mark.poll
        if taken.mark.purpose is Purpose.POLL and shape is not None:
            self._take_poll(taken, shape)
        else:
            self._taken.append(taken)

    def break_off(self, mark: CallMark) -> bool:
        """Whether a call that was cancelled leaves nothing: a poll that nobody waited for to the end."""
        if mark.purpose is not Purpose.POLL or mark.poll is None:
            return False
        if mark.poll.key in self._polls:
            self._polls[mark.poll.key].drop(mark.actor)
        return True

    def _take_poll(self, taken: Taken, shape: PollShape) -> None:
        tape = self._polls.get(shape.key)
        if tape is None:
            tape = self._polls[shape.key] = PollTape(shape)
        response, url = taken.response, taken.request.url
        if response is not None and response.is_success:
            page = Page(
                request=digest_request(taken.request),
                actor=taken.mark.actor,
                method=taken.request.method,
                path=path_of(url),
                asked_s=taken.asked_s,
                answered_s=taken.answered_s,
                response=response,
                body=_parse(response),
            )
            if tape.take(page):
                return
        tape.drop(taken.mark.actor)
        if response is None or response.status_code != 401:  # after a 401 the session signs in and asks again
            self._taken.append(taken)

    def recording(self, is_ours: IsOurs, reduce: Reduce) -> Recording:
        """What is to be written of it all.

        Args:
            is_ours: Asked of each record.
            reduce: Gives what is kept of those that are not.
        """
        polls: dict[str, PollTimes] = {}
        found: list[Interaction] = []
        for name, tape in self._polls.items():
            tape.close()
            polls[name] = tape.times
            found += self._written_polls(name, tape, is_ours, reduce)
        found += [self._written(taken, is_ours, reduce) for taken in _without_renewed(self._taken)]
        return Recording(
            system=self._system,
            url=origin_of(self._system) + self._url,
            dialect_options={name: self.masking.text(value) for name, value in self._options.items()},
            interactions=_ordered(found),
            polls=polls,
        )

    def _written_polls(self, name: str, tape: PollTape, is_ours: IsOurs, reduce: Reduce) -> list[Interaction]:
        return [
            Interaction(
                actor="",
                purpose=Purpose.POLL,
                ordinal=0,
                asked_s=round(answer.asked_s, 6),
                answered_s=round(answer.answered_s, 6),
                method=answer.method,
                url=self.masking.text(answer.path),
                status=answer.response.status_code,
                headers=self.masking.headers(answer.response.headers),
                body=self.masking.text(_dump(body)),
                poll=name,
                gone=answer.gone,
            )
            for answer, body in tape.written(is_ours, reduce)
        ]

    def _written(self, taken: Taken, is_ours: IsOurs, reduce: Reduce) -> Interaction:
        mark, request, response, mask = taken.mark, taken.request, taken.response, self.masking
        sent, kind = request.content.decode("utf-8", "replace"), request.headers.get("content-type", "")
        body = "" if response is None else _text_of(response)
        url = mask.url(request.url)
        if mark.purpose is Purpose.SIGN_IN:
            url = mask.sign_in_url(request.url)
            sent, body = mask.sign_in_request(sent, kind), mask.sign_in_answer(body)
        elif mark.purpose is not Purpose.WRITE and response is not None:
            body = self._reduced(body, taken, response, is_ours, reduce)
        poll = mark.poll.key if mark.purpose is Purpose.POLL and mark.poll else ""
        return Interaction(
            actor=mark.actor,
            purpose=mark.purpose,
            ordinal=0,
            asked_s=round(taken.asked_s, 6),
            answered_s=round(taken.answered_s, 6),
            method=request.method,
            url=url.partition("?")[0] if poll else url,
            request_body="" if poll else mask.text(sent),
            request_type=kind if sent and not poll else "",
            status=0 if response is None else response.status_code,
            headers={} if response is None else mask.headers(response.headers),
            body=mask.text(body),
            error=mask.text(taken.error),
            poll=poll,
        )

    def _reduced(self, body: str, taken: Taken, response: httpx.Response, is_ours: IsOurs, reduce: Reduce) -> str:
        """The answer to a search, with no more of foreign records than a poll keeps.

        It is a search by its mark, or by its path where one poll alone has that path; in any other list of records
        those are foreign that a poll has shown to be.
        """
        parsed = _parse(response)
        shape, path = taken.mark.poll, path_of(taken.request.url)
        there = [tape for tape in self._polls.values() if path in tape.paths]
        if shape is None and len(there) == 1:
            shape = there[0].shape
        searched = [(shape, None)] if shape is not None else [(t.shape, t.foreign) for t in self._polls.values()]
        changed = False
        for one, foreign in searched:
            items = read_items(parsed, one) or ()
            kept = [
                reduce(item, one)
                if (foreign is None or id_of(item, one) in foreign) and find_at(item, one.id) is not None
                and not is_ours(item)
                else item
                for item in items
            ]  # fmt: skip
            if kept != list(items):
                put_at(parsed, one.items, kept)
                changed = True
        return _dump(parsed) if changed else body


def path_of(url: httpx.URL) -> str:
    """The path as it was sent."""
    return url.raw_path.partition(b"?")[0].decode("ascii", "replace")


def digest_request(request: httpx.Request) -> str:
    """Equal for requests that ask the same, whatever the order of parameters and members, and whatever the host."""
    pairs = sorted(request.url.params.multi_items())
    return digest_of([request.method, request.url.path, pairs, parse_body(request.content.decode("utf-8", "replace"))])


def _without_renewed(taken: list[Taken]) -> list[Taken]:
    """Leave out what was answered 401 and then asked again with another token: replay needs no token."""
    kept: list[Taken] = []
    later: set[tuple[str, str]] = set()
    for one in reversed(taken):
        asked = (one.mark.actor, digest_request(one.request))
        renewed = one.response is not None and one.response.status_code == 401 and asked in later
        if not (renewed and one.mark.purpose is not Purpose.SIGN_IN):
            kept.append(one)
            later.add(asked)
    return kept[::-1]


def _ordered(found: list[Interaction]) -> tuple[Interaction, ...]:
    """By actor, then in the order they were asked; polls last. With their ordinals."""
    found.sort(key=lambda one: (bool(one.poll), one.poll, one.actor, one.asked_s, one.answered_s, one.method, one.url))
    counted: Counter[tuple[str, str, str, str, Purpose]] = Counter()
    ordered = []
    for one in found:
        key = (one.poll, one.actor, one.method, one.url, one.purpose)
        ordered.append(replace(one, ordinal=counted[key]))
        counted[key] += 1
    return tuple(ordered)


def _parse(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def _text_of(response: httpx.Response) -> str:
    return response.content.decode("utf-8", "replace")


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
