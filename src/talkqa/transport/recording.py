"""Recordings of a world's HTTP traffic as values: what `recorder` writes, `shelf` reads and `replayer` answers from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from talkqa.model.account import Account, Auth
from talkqa.model.call import Purpose
from talkqa.model.errors import TalkqaError

FORMAT = 1
"""Of what lies in a world's folder; a recording of another format has to be made again."""


class CassetteError(TalkqaError):
    """Raised where a recording is missing, torn, changed by hand, too old or of another format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One request and what came of it, with everything secret masked."""

    actor: str
    """See `talkqa.model.call.ACTOR`."""
    purpose: Purpose
    ordinal: int
    """How many requests of the same actor, method, URL and purpose came before it."""
    asked_s: float
    """Seconds since the run began."""
    answered_s: float
    method: str
    url: str
    """Path and query; the host plays no part."""
    request_body: str = ""
    request_type: str = ""
    """Content type of the request."""
    status: int
    """0 where no answer came."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, those that count, in lower case."""
    body: str = ""
    error: str = ""
    """Where no answer came: the name of the error's class, a colon, its message."""
    poll: str = ""
    """Key of the poll that it answers; of a poll's body only the items that were new or changed are kept."""
    gone: tuple[str, ...] = ()
    """Of a poll that lists everything each time: ids that were listed before and are not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollTimes:
    """When a poll was answered, with news or without."""

    asked: tuple[float, ...]
    """Seconds of the run's clock, one for each of `answers`."""
    answers: tuple[float, ...]
    """Ascending; a poll of several pages counts when its last page came."""
    looks: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    """Actor to (asked, answered) of the polls that a scenario asked for itself, ascending."""
    first: str = ""
    """Digest of the first request: whoever asks the same again asks for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What one system was asked in a run."""

    system: str
    url: str
    """Base URL for replaying: the path that the account had, below a host that does not exist."""
    dialect_options: Mapping[str, str] = field(default_factory=dict)
    """The account's options (a division, a business), for replaying without an account."""
    interactions: tuple[Interaction, ...]
    polls: Mapping[str, PollTimes] = field(default_factory=dict)
    """By poll key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingFacts:
    """Which run a recording is of."""

    slug: str
    """Of the world: `custom-crm/salesforce`."""
    run_id: str
    version: str
    """Of talkqa."""
    recorded_at: datetime
    """By the calendar, with its time zone."""
    epoch: datetime
    """What second 0 of the run's clock is called; replay takes the same."""
    seed: int
    poll_s: float
    patience_s: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further settings that change what a run does; JSON values."""
    subjects: Mapping[str, str] = field(default_factory=dict)
    """Name to digest of what the recording was made for: documents, checklist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """When a scenario began."""

    at_s: float
    digest: str = ""
    """Of the scenario's steps: another one means that the recording shows another scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSpan:
    """When an actor spoke."""

    actor: str
    first_asked_s: float
    last_answered_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldRecording:
    """All that was recorded of one world."""

    facts: RecordingFacts
    complete: bool
    """False where the run was stopped: the end of some scenarios is missing."""
    starts: Mapping[str, Start]
    """By check id."""
    systems: Mapping[str, Recording]
    """By canonical name."""
    notes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """What scenarios learnt from each other, by kind, in order; JSON values."""

    def account(self, system: str) -> Account:
        """An account by which a client speaks to the recording: its address, its options, a token that opens nothing.

        Raises:
            CassetteError: where the system was not recorded.
        """
        found = self.systems.get(system)
        if found is None:
            raise CassetteError(f"the recording of {self.facts.slug} holds nothing of {system}; record the world again")
        auth = Auth(kind="bearer", token="replayed")  # noqa: S106 - opens nothing
        return Account(system=system, url=found.url, auth=auth, options=found.dialect_options)

    def spans(self, prefix: str) -> tuple[ActorSpan, ...]:
        """When actors whose names begin so (`heartbeat <flow id> `) spoke, in the order of their first requests."""
        first: dict[str, float] = {}
        last: dict[str, float] = {}
        for recording in self.systems.values():
            for one in recording.interactions:
                if one.actor.startswith(prefix) and one.actor:
                    first[one.actor] = min(first.get(one.actor, one.asked_s), one.asked_s)
                    last[one.actor] = max(last.get(one.actor, one.answered_s), one.answered_s)
        spans = (ActorSpan(actor=name, first_asked_s=first[name], last_answered_s=last[name]) for name in first)
        return tuple(sorted(spans, key=lambda span: (span.first_asked_s, span.actor)))

    def require_age(self, max_age_days: float | None, now: datetime) -> None:
        """Insist on a recording that is recent enough.

        Raises:
            CassetteError: where it is older than that.
        """
        if max_age_days is None:
            return
        age = now - self.facts.recorded_at
        if age > timedelta(days=max_age_days):
            raise CassetteError(
                f"the recording of {self.facts.slug} was made on {self.facts.recorded_at.date().isoformat()}, "
                f"{age / timedelta(days=1):.1f} days ago, and may be {max_age_days:g} days old; record the world again"
            )

    def differences(self, settings: Mapping[str, Any], subjects: Mapping[str, str]) -> tuple[str, ...]:
        """What of settings and subjects is otherwise now than it was when this was recorded, as sentences, sorted."""
        was: dict[str, Any] = {
            "seed": self.facts.seed,
            "poll_s": self.facts.poll_s,
            "patience_s": self.facts.patience_s,
            **self.facts.settings,
        }
        found = [
            f"{name} was {was.get(name)!r} when this was recorded and is {settings.get(name)!r} now"
            for name in settings.keys() | self.facts.settings.keys()
            if was.get(name) != settings.get(name)
        ]
        for name in subjects.keys() | self.facts.subjects.keys():
            if name not in self.facts.subjects:
                found.append(f"{name} was not there when this was recorded")
            elif name not in subjects:
                found.append(f"{name} was there when this was recorded, and is gone")
            elif subjects[name] != self.facts.subjects[name]:
                found.append(f"{name} has changed since this was recorded")
        return tuple(sorted(found))
