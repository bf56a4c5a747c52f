"""What the documents say about a check: for the verdicts that the runner has to give itself."""

from dataclasses import dataclass
from functools import cached_property

from talkqa.checklist.places import find_place, find_sentence
from talkqa.model.check import Depth
from talkqa.model.result import Cause, CheckFinished, Outcome
from talkqa.model.world import ScenarioPlan, World


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckMeta:
    """Where a check comes from."""

    flow_id: str = ""
    name: str = "manual"
    title: str = ""
    sentence: str = ""
    place: str = ""
    """`path:line` of the sentence or row."""


class CheckBook:
    """The checks of a world by id, derived when first asked for."""

    def __init__(self, world: World | None) -> None:
        self._flows = world.flows if world is not None else ()

    def meta(self, check_id: str) -> CheckMeta | None:
        """What the documents say about a check; None for one written by hand or no longer derived."""
        return self._by_id.get(check_id)

    def ids(self) -> frozenset[str]:
        """Ids of all checks of the world, at any depth."""
        return frozenset(self._by_id)

    def give_up(self, plan: ScenarioPlan, outcome: Outcome, reason: str, message: str, *, at_s: float) -> CheckFinished:
        """The verdict over a scenario that nobody could perform or finish.

        Args:
            plan: The scenario.
            outcome: `error` or `not_run`.
            reason: Stable code.
            message: One sentence.
            at_s: Seconds since the run began.
        """
        meta = self.meta(plan.check) or CheckMeta(title=plan.name, sentence=plan.name)
        return CheckFinished(
            check=plan.check,
            flow_id=meta.flow_id,
            name=meta.name,
            title=meta.title,
            sentence=meta.sentence,
            place=meta.place,
            outcome=outcome,
            reason=reason,
            message=message,
            cause=Cause.HARNESS if outcome is Outcome.ERROR else None,
            begin_s=at_s,
            end_s=at_s,
            node=plan.node,
            tags=plan.tags,
        )

    @cached_property
    def _by_id(self) -> dict[str, CheckMeta]:
        from talkqa.checklist.derive import derive_checks  # noqa: PLC0415 - only runs that lose a scenario need it

        return {
            check.id: CheckMeta(
                flow_id=flow.id,
                name=check.name,
                title=check.title,
                sentence=find_sentence(check, flow),
                place=find_place(check, flow),
            )
            for flow in self._flows
            for check in derive_checks(flow, Depth.DEEP)
        }
