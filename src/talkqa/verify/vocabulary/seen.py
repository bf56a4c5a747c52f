"""Steps that judge records: how many there are, which are linked, and whether they come to rest."""

from talkqa.model.errors import CheckFailed, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.result import Cause
from talkqa.verify.judge import missing_counterpart, require_alive
from talkqa.verify.link import confirm, find_counterpart, find_merged, pair_up
from talkqa.verify.observer import Sighting
from talkqa.verify.probe import strong_tokens
from talkqa.verify.routes import rightful_copies
from talkqa.verify.scenario import Scenario

REST_ROUNDS = 3
"""Heartbeats that must pass, one after the other, for a pair to count as at rest."""


async def exactly_one(s: Scenario, target: str) -> None:
    """A counterpart appears, the link is confirmed, and no further one is there."""
    seen = await _await_counterpart(s)
    if seen is None:
        await _judge_absence(s, target)
        return
    if s.existing is not None and seen.record.id != s.existing.target.id:
        raise CheckFailed(
            "second-target",
            f"a new {target} ({seen.record.id}) appeared although {s.existing.target.id} matches",
            cause=Cause.ENGINE,
            expected=f"linked to {s.existing.target.id}",
            observed=f"new record {seen.record.id}",
        )
    s.pair = pair_up(s.state, s.probe, seen)
    await confirm(s.state, s.pair, s.key("link"))
    _require_count(s)
    waited = seen.seen_s - s.probe.written_s
    s.decide(
        "one-linked",
        f"{target} {seen.record.id} appeared {waited:.0f} s after {s.probe.record.entity} {s.probe.record.id}, "
        f"and {s.pair.confirmed_by}",
        seen,
    )


async def _await_counterpart(s: Scenario) -> Sighting | None:
    if s.existing is not None:
        return await find_merged(s.state, s.probe, s.existing.target, s.existing.row, s.key("probe"))
    since = s.probe.written_s
    seen = await find_counterpart(s.state, s.probe, within_s=s.access.settings.patience_s)
    if seen is not None:
        s.access.note_latency(s.state.flow, Side.SOURCE, max(0.0, seen.seen_s - since))
    return seen


async def _judge_absence(s: Scenario, target: str) -> None:
    if s.forbidden:
        raise CheckUndecided(
            "vacuous",
            f"the record stayed out, but it did not travel either once it was allowed to: no {target} appeared, so its "
            "absence shows nothing",
            cause=Cause.ENGINE_OR_API,
        )
    if s.existing is not None:
        shown = await require_alive(s.state, s.probe.written_s, "a record that matches")
        raise CheckFailed(
            "not-merged",
            f"{target} {s.existing.target.id} shows nothing of the matching record, although {shown}",
            cause=Cause.ENGINE,
            expected=f"values of {s.probe.record.id} in {s.existing.target.id}",
            observed="unchanged",
        )
    await missing_counterpart(s.state, s.probe)


def _copies(s: Scenario, side: Side) -> dict[str, Sighting]:
    """Live records of one side that ever carried a value of the probe, the probe itself left out."""
    observer = s.state.observer(side)
    found = observer.carriers(s.probe.tokens)
    known = {s.probe.record.id}
    if s.companion:
        known.add(s.companion[1].record.id)
    return {
        i: sighting
        for i, sighting in found.items()
        if i not in known and not observer.latest[i].record.deleted and not s.access.is_own(sighting.record)
    }


def _require_count(s: Scenario) -> None:
    allowed = rightful_copies(s.state.flow, s.world.flows)
    for side in Side:
        found = _copies(s, side)
        existing = s.existing is not None and side is Side.TARGET
        limit = None if allowed is None else allowed[side] - (1 if existing else 0)
        if limit is not None and len(found) > limit:
            record = s.state.flow.entity(side).name
            raise CheckFailed(
                "duplicate" if side is Side.TARGET else "imported-copy",
                f"{len(found)} {record} carry values of {s.probe.record.entity} {s.probe.record.id}: "
                f"{', '.join(sorted(found))}; the documents allow {limit}",
                cause=Cause.ENGINE,
                expected=str(limit),
                observed=str(len(found)),
            )


async def no_copies(s: Scenario, target: str = "") -> None:
    """After several batches of the engine still no further copy is on either side."""
    del target
    since_s = s.access.clock.now()
    with s.state.observer(Side.SOURCE).wanted(), s.state.observer(Side.TARGET).wanted():
        if not await s.state.heartbeats.rounds(2):
            await require_alive(s.state, since_s, "a heartbeat")
    _require_count(s)
    s.decide("no-copies", "two records written later had arrived by then, and neither system held a further copy")


async def linked_to_existing(s: Scenario, target: str) -> None:
    """The source record is linked to the target that was there before."""
    await exactly_one(s, target)


async def stays_out(s: Scenario, target: str) -> None:
    """Records written before and after did travel; this one did not."""
    state = s.state
    s.forbidden = True
    since_s = s.access.clock.now()
    with state.observer(Side.TARGET).wanted():
        if not await state.heartbeats.rounds(2):
            await require_alive(state, since_s, "a permissible record")
            raise CheckUndecided(
                "nothing-travels", "no permissible record travelled either, so absence shows nothing",
                cause=Cause.ENGINE_OR_API,
            )  # fmt: skip
    found = state.observer(Side.TARGET).carriers(s.probe.tokens)
    found = {i: seen for i, seen in found.items() if i != s.probe.record.id and not s.access.is_own(seen.record)}
    if found:
        record_id, sighting = min(found.items())
        s.observe(f"{target} {record_id} carries values of the record that must stay out", sighting)
        raise CheckFailed(
            "travelled-though-forbidden",
            f"{target} {record_id} was made of {s.probe.record.entity} {s.probe.record.id}, which must stay out",
            cause=Cause.ENGINE,
            expected=f"no {target}",
            observed=record_id,
        )
    s.decide("stayed-out", "records written before and after it arrived, and it did not")


async def at_rest(s: Scenario) -> None:
    """After the first sighting of an edit nothing of the pair moves, but for one converging write-back.

    Raises:
        CheckFailed: where it keeps moving.
    """
    since_s = s.access.clock.now()
    orders = {side: s.state.observer(side).order for side in Side}
    known = {side: (s.pair.record(side), s.pair.record(side).modified or "") for side in Side}
    with s.state.observer(Side.SOURCE).wanted(), s.state.observer(Side.TARGET).wanted():
        if not await s.state.heartbeats.rounds(REST_ROUNDS):
            await require_alive(s.state, since_s, "a heartbeat")
    moves: list[Sighting] = []
    for side, order in orders.items():
        record, stamp = known[side]
        versions = s.state.observer(side).versions(record.id, order)
        moves += [v for v in versions if (v.record.modified or "") > stamp or v.record.values != record.values]
    moves = [m for m in moves if not _is_own_edit(s, m)]
    if len(moves) > 1:
        names = ", ".join(f"{m.record.entity} {m.record.id} at {m.seen_s:.0f} s" for m in moves[:5])
        raise CheckFailed(
            "not-at-rest",
            f"nobody edited the pair, and it was written {len(moves)} times in "
            f"{s.access.clock.now() - since_s:.0f} s: {names}",
            cause=Cause.ENGINE,
            expected="at most one converging write-back",
            observed=f"{len(moves)} writes",
        )
    s.decide(
        "at-rest",
        f"over {s.access.clock.now() - since_s:.0f} s and {REST_ROUNDS} records written and seen in turn, the pair was "
        + ("not written again" if not moves else "written back once and then left alone"),
        *moves,
    )


def _is_own_edit(s: Scenario, sighting: Sighting) -> bool:
    """Whether a version is only the harness's own edit, seen late."""
    if not s.has_edit or sighting.record.id != s.pair.record(s.edit.side).id:
        return False
    return strong_tokens([s.edit.after]) <= strong_tokens(sighting.record.values.values()) and (
        sighting.record.modified == s.pair.record(s.edit.side).modified
    )
