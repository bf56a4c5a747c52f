"""Which function carries out which phrase."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from talkqa.checklist import phrases
from talkqa.checklist.phrases import Phrase
from talkqa.model.errors import CheckUndecided
from talkqa.model.result import Cause
from talkqa.verify.scenario import Scenario
from talkqa.verify.vocabulary import (
    apart,
    conflict,
    done,
    edits,
    given,
    merging,
    policy,
    qualified,
    rest,
    seen,
    seen_follow,
    seen_travel,
    whole,
)

StepFunction = Callable[..., Awaitable[None]]
"""Takes the scenario and the phrase's parameters by name."""


@dataclass(frozen=True)
class Vocabulary:
    """Phrases and their functions; extended by making a larger one."""

    steps: Mapping[Phrase, StepFunction]

    def find(self, text: str) -> tuple[StepFunction, Mapping[str, str]] | None:
        """The function of a step text and its parameters; None for a step that is not of this vocabulary."""
        for phrase, function in self.steps.items():
            found = phrase.match(text)
            if found is not None:
                return function, found
        return None

    async def perform(self, text: str, scenario: Scenario) -> None:
        """Carry out a step.

        Raises:
            CheckUndecided: for a text that is not of this vocabulary.
            CheckOutcome, TalkqaError: as the step decides.
        """
        found = self.find(text)
        if found is None:
            raise CheckUndecided("step-unknown", f"no step of talkqa reads '{text}'", cause=Cause.HARNESS)
        function, parameters = found
        await function(scenario, **parameters)


VOCABULARY = Vocabulary(
    {
        phrases.IN_STEP: given.in_step,
        phrases.LINKED_PAIR: qualified.linked_pair,
        phrases.PAIR_QUALIFIED: qualified.pair_qualified,
        phrases.PAIR_UNQUALIFIED: qualified.pair_unqualified,
        phrases.EXISTING_TARGET: given.existing_target,
        phrases.EXISTING_EMPTY: merging.existing_empty,
        phrases.ENGINE_HAS_READ: given.engine_has_read,
        phrases.CONNECTED_ENTITY: given.connected_entity,
        phrases.CREATED_MATCHING: merging.created_matching,
        phrases.CREATED_TWIN: merging.created_twin,
        phrases.CREATED_NEARLY: merging.created_nearly,
        phrases.CREATED_APART: merging.created_apart,
        phrases.CREATED_EMPTY: merging.created_empty,
        phrases.CREATED_UNLINKED: done.created_unlinked,
        phrases.CREATED_CONNECTED: done.created_connected,
        phrases.CREATED_UNCONNECTED: done.created_unlinked,
        phrases.CREATED_HOLDS: done.created_holds,
        phrases.CREATED_FAILS: done.created_fails,
        phrases.CREATED: done.created,
        phrases.BECOMES_TRUE: done.becomes_true,
        phrases.BECOMES_LINKED: done.becomes_linked,
        phrases.BECOMES_CONNECTED: done.becomes_connected,
        phrases.BECOMES_QUALIFIED: qualified.becomes_qualified,
        phrases.EDITED: edits.edited,
        phrases.SET_TO: edits.set_to,
        phrases.ALL_SET_TO: whole.all_set_to,
        # before the shorter phrase that they begin with
        phrases.SEEN_BOTH_EDITED: conflict.seen_both_edited,
        phrases.SEEN_BOTH_EDITED_BACK: conflict.seen_both_edited_back,
        phrases.SEEN_EDITED: edits.seen_edited,
        phrases.REWRITTEN: edits.rewritten,
        phrases.EMPTIED: policy.emptied,
        phrases.SEEN_EMPTIED: policy.seen_emptied,
        phrases.BOTH_EDITED: conflict.both_edited,
        phrases.BOTH_EDITED_BACK: conflict.both_edited_back,
        phrases.EDITED_APART: apart.edited_apart,
        phrases.DELETED: policy.deleted,
        phrases.EXACTLY_ONE: seen.exactly_one,
        phrases.NO_COPIES: seen.no_copies,
        phrases.LINKED_TO_EXISTING: seen.linked_to_existing,
        phrases.NO_SECOND: seen.no_copies,
        phrases.STAYS_OUT: seen.stays_out,
        phrases.KEEPS_APART: merging.keeps_apart,
        phrases.TWINS_TOLD_APART: merging.twins_told_apart,
        phrases.FOLLOWS: seen_follow.follows,
        phrases.FOLLOWS_AT_LAST: qualified.follows_at_last,
        phrases.ALL_FOLLOW: whole.all_follow,
        phrases.SEEN_FOLLOWS: seen_follow.seen_follows,
        phrases.STAYS: rest.stays,
        phrases.OTHERS_STAY: rest.others_stay,
        phrases.AT_REST: seen.at_rest,
        phrases.SOME_TRAVEL: seen_travel.some_travel,
        phrases.DOCUMENTED_TRAVEL: seen_travel.documented_travel,
        phrases.NOTHING_ELSE_TRAVELS: seen_travel.nothing_else_travels,
        phrases.LATER_STANDS: conflict.later_stands,
        phrases.BOTH_STAND: apart.both_stand,
        phrases.STILL_LINKED: policy.still_linked,
        phrases.RECORDED: policy.recorded,
    }
)
