"""What decisions make of a verdict: adopted policies, waivers, and how a person can decide what the run could not."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Self

from talkqa.checklist.manual import describe_by_hand
from talkqa.checklist.review import expired, review_waivers
from talkqa.model.decision import AdoptedPolicy, Decisions, FlowShape
from talkqa.model.diagnostic import Diagnostic
from talkqa.model.result import BROKEN, UNPROVEN, Cause, CheckFinished, GapSeen, Outcome, WaiverUsed
from talkqa.model.settings import Settings
from talkqa.model.world import World

_OWN_TARGET = frozenset(
    {"no-counterpart", "duplicate", "second-target", "not-merged", "imported-copy", "merged-wrongly"}
)
"""Reasons that hold only where each source record has a target record of its own."""
_OLDER = "the document may be out of date"


@dataclass(frozen=True)  # no slots: of a cached property
class Settlement:
    """The decisions of a project on one day, as far as they concern one world."""

    decisions: Decisions
    today: date
    known: Callable[[], Collection[str]] = tuple
    """Gives the ids of all checks of the world; asked only where a waiver needs it."""
    deployed: date | None = None
    """When the sync engine was deployed; None where nobody says."""
    generated: Mapping[str, str | None] = field(default_factory=dict)
    """Path of each document to its date stamp."""

    @classmethod
    def of(cls, settings: Settings, today: date, world: World | None, known: Callable[[], Collection[str]]) -> Self:
        """What is decided of a world; None for scenarios that need none."""
        generated = {document.path: document.generated for document in (world.documents if world else ())}
        return cls(settings.decisions, today, known=known, deployed=settings.engine_deployed, generated=generated)

    def settle(self, finished: CheckFinished) -> CheckFinished:
        """The verdict after the decisions; settling it again changes nothing more."""
        finished = self._warn_of_age(self._respect_shape(self._judge_policy(finished)))
        if finished.outcome in UNPROVEN:
            finished = replace(finished, manual=describe_by_hand(step.text for step in finished.steps))
        return self._waive(finished)

    def notes(self) -> tuple[GapSeen, ...]:
        """What the report must tell of waivers: those of this world that have no effect."""
        if not self.decisions.waivers:
            return ()
        return tuple(
            GapSeen(
                flow_id=None,
                code=d.code,
                severity=d.severity,
                place=str(d.location),
                message=d.message,
                advice=d.advice,
            )
            for d in self._without_effect()
        )

    def tell(self, emit: Callable[[GapSeen], object]) -> None:
        """Tell each of the notes."""
        for note in self.notes():
            emit(note)

    def _without_effect(self) -> Iterator[Diagnostic]:
        flows = {check.partition("/")[0] for check in self._checks}
        for waiver in self.decisions.waivers:
            if any(waiver.names(check) for check in self._checks):
                if not waiver.valid_on(self.today):
                    yield expired(waiver)
            elif waiver.checks.partition("/")[0] in flows:
                # Whatever another world has, this one is meant.
                yield from review_waivers((waiver,), self._checks, self.today)

    @cached_property
    def _checks(self) -> Collection[str]:
        return self.known()

    def _respect_shape(self, finished: CheckFinished) -> CheckFinished:
        """Accuse nobody of what a flow without target records of its own does not promise: one for each source."""
        shape = self.decisions.shape_of(finished.flow_id)
        if shape in {None, FlowShape.RECORD} or finished.outcome not in BROKEN or finished.reason not in _OWN_TARGET:
            return finished
        why = f"the flow was decided to be a {shape}: its target need not be a record of the source alone"
        return replace(
            finished,
            outcome=Outcome.UNDECIDED,
            reason="shape-shares-target",
            message=f"{finished.message}; {why}",
            cause=Cause.DOCUMENT,
        )

    def _warn_of_age(self, finished: CheckFinished) -> CheckFinished:
        """Say of what is broken that its promise is older than the engine, where it is: it may have been changed."""
        stamp = self.generated.get(finished.place.rpartition(":")[0])
        if finished.outcome not in BROKEN or self.deployed is None or stamp is None or _OLDER in finished.message:
            return finished
        if date.fromisoformat(stamp[:10]) >= self.deployed:
            return finished
        why = f"{_OLDER}: it was generated on {stamp[:10]}, and the sync engine deployed on {self.deployed}"
        return replace(finished, message=f"{finished.message}; {why}")

    def _judge_policy(self, finished: CheckFinished) -> CheckFinished:
        adopted = self.decisions.policy_of(finished.name, finished.flow_id)
        if adopted is None or finished.outcome is not Outcome.OBSERVED or not finished.observed:
            return finished
        kept = finished.observed == adopted.expects
        return replace(
            finished,
            outcome=Outcome.PASSED if kept else Outcome.FAILED,
            reason="as-adopted" if kept else "departs-from-adopted",
            message=finished.message if kept else f"{finished.message}; {_words(adopted)}",
            cause=None if kept else Cause.ENGINE,
            expected=adopted.expects,
            sentence=adopted.sentence,
            place=str(adopted.location),
        )

    def _waive(self, finished: CheckFinished) -> CheckFinished:
        if finished.outcome not in BROKEN | UNPROVEN:
            return finished  # nobody can answer for what passed, or for what was never judged
        waiver = self.decisions.waiver_of(finished.check, self.today)
        if waiver is None:
            return finished
        used = WaiverUsed(
            reason=waiver.reason,
            owner=waiver.owner,
            expires=waiver.expires.isoformat(),
            place=str(waiver.location),
            outcome=finished.outcome,
        )
        return replace(finished, outcome=Outcome.WAIVED, waiver=used)


def _words(adopted: AdoptedPolicy) -> str:
    by = f" by {adopted.adopted_by}" if adopted.adopted_by else ""
    return f"'{adopted.expects}' was adopted{by}"
