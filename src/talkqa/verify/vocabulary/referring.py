"""References that the target takes only with a new record: seen on a further record, which has it from the start."""

from talkqa.model.errors import CheckFailed
from talkqa.model.flow import Side
from talkqa.model.result import Cause
from talkqa.verify.judge import missing_counterpart
from talkqa.verify.link import pair_up, start_pair
from talkqa.verify.parents import Parents
from talkqa.verify.probe import Edit, Expectation
from talkqa.verify.pulse import require_alive
from talkqa.verify.routes import Route
from talkqa.verify.rows import RowJudgement
from talkqa.verify.scenario import Scenario
from talkqa.verify.wiggle import confirm, refresh, settle


def is_given_at_creation(s: Scenario, judgement: RowJudgement, side: Side) -> bool:
    """Whether an edit of the source cannot reach the target, and a new record of the source can."""
    ours, theirs = judgement.source_field, judgement.target_field
    return (
        side is Side.SOURCE
        and s.state.route is Route.CREATE
        and ours is not None
        and ours.createable
        and theirs is not None
        and theirs.createable
        and not theirs.updateable
    )


async def created_referring(s: Scenario, parents: Parents, path: str, other_path: str) -> None:
    """Create a further source record that refers to one of its own, and go on with it and its counterpart.

    Raises:
        CheckOutcome: where it gets none.
    """
    state, before = s.state, s.pair.source.record.values.get(path)
    probe, seen = await start_pair(state, s.key("referring"), {path: parents.source.id})
    seen = seen or await missing_counterpart(state, probe)
    probe.companions |= s.probe.companions
    s.pair = pair_up(state, probe, seen)
    await confirm(state, s.pair, s.key("referring"))
    await settle(state, s.pair)
    record = s.pair.source.record
    s.edit = Edit(
        side=Side.SOURCE,
        path=path,
        before=before,
        after=parents.source.id,
        at_s=probe.written_s,
        source_before=record,
        target_before=s.pair.target,
        target_path=other_path,
    )
    s.observe(
        f"'{other_path}' of {s.pair.target.entity} is set at creation alone, so that a further {record.entity} "
        f"{record.id} was created whose '{path}' is {parents.source.id!r}"
    )


async def require_referred(s: Scenario, path: str, expectation: Expectation) -> None:
    """See that the target refers to what it must, from the start or a little later.

    Raises:
        CheckFailed: where it does not, though records written later did arrive.
        CheckLate: where these did not either.
    """
    if not expectation.matches(s.pair.target.values.get(path)):
        await require_alive(s.state, s.edit.at_s, f"what '{path}' refers to")
        await refresh(s.state, s.pair)
    actual, record = s.pair.target.values.get(path), s.pair.target
    words = f"'{path}' of {record.entity} {record.id}, made for {s.pair.source.record.entity} {s.pair.source.record.id}"
    if not expectation.matches(actual):
        raise CheckFailed(
            "wrong-reference",
            f"{words}, is {actual!r} and not {expectation.words}",
            cause=Cause.ENGINE,
            expected=expectation.words,
            observed=repr(actual),
        )
    s.followed = (Side.TARGET, path, expectation)
    s.decide("refers", f"{words}, is {expectation.words}")
