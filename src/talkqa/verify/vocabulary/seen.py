"""Steps that judge records: how many there are, which are linked, and whether they come to rest."""

from talkqa.model.errors import CheckFailed, CheckUndecided
from talkqa.model.flow import Side
from talkqa.model.record import Record
from talkqa.model.result import Cause
from talkqa.verify.judge import missing_counterpart, require_acceptable, require_no_leftovers, require_recognisable
from talkqa.verify.link import find_counterpart, find_merged, look_for_merged, no_way_in, pair_up, was_another
from talkqa.verify.observer import Sighting
from talkqa.verify.pulse import require_alive
from talkqa.verify.routes import Route, rightful_copies
from talkqa.verify.scenario import Scenario
from talkqa.verify.travel import record_tokens
from talkqa.verify.vocabulary.rest import REST_ROUNDS, come_to_rest, let_pass, require_no_crossing, require_still_there
from talkqa.verify.wiggle import confirm, refresh

_BATCHES = 3
"""Records that travel, one after the other, while another one must stay out: as many batches of the engine."""


async def exactly_one(s: Scenario, target: str) -> None:
    """A counterpart appears, the link is confirmed, and no further one is there."""
    seen = await _await_counterpart(s)
    if seen is None:
        seen = await _judge_absence(s, target)
    _require_right_target(s, seen)
    s.pair = pair_up(s.state, s.probe, seen)
    await confirm(s.state, s.pair, s.key("link"))
    if s.forbidden:  # what was put off while it had to stay out may still come
        await let_pass(s, 2, s.access.clock.now())
    _require_count(s)
    require_no_crossing(s)
    waited = max(0.0, seen.seen_s - s.probe.written_s)
    s.decide(
        "one-linked",
        f"{target} {seen.record.id} appeared {waited:.0f} s after {s.probe.record.entity} {s.probe.record.id}, "
        f"and {s.pair.confirmed_by}",
        seen,
    )


def _require_right_target(s: Scenario, seen: Sighting) -> None:
    """The counterpart is the one that matches where one was there before, else a record of its own."""
    record, existing = seen.record, s.existing
    name = f"{record.entity} {record.id}"
    there = s.access.is_own(record) or s.access.was_there(record)
    if existing is not None and record.id != existing.target.id:
        what = f"{name}, which was there for another reason," if there else f"a new {name}"
        raise CheckFailed(
            "second-target",
            f"{what} carries values of {s.probe.record.id} although {existing.target.id} matches it",
            cause=Cause.ENGINE,
            expected=f"linked to {existing.target.id}",
            observed=f"values in {record.id}",
        )
    there = there or was_another(s.state, s.probe, record)
    if existing is None and there:
        raise CheckFailed(
            "merged-wrongly",
            f"{name} was there before and matches nothing of {s.probe.record.entity} {s.probe.record.id}, and carries "
            "its values now",
            cause=Cause.ENGINE,
            expected="a record of its own",
            observed=f"values in {record.id}",
        )
    if s.permitted_s is not None and seen.seen_s < s.permitted_s:
        raise CheckFailed(
            "travelled-though-forbidden",
            f"{name} was made of {s.probe.record.entity} {s.probe.record.id} before that was allowed to travel",
            cause=Cause.ENGINE,
            expected="none before",
            observed=record.id,
        )


async def _await_counterpart(s: Scenario) -> Sighting | None:
    if s.stranger is not None:
        s.probe.shared |= record_tokens(s.stranger)
    if s.existing is not None:
        return await find_merged(s.state, s.probe, s.existing.target, s.existing.row, s.key("probe"))
    since = s.probe.written_s
    seen = await find_counterpart(s.state, s.probe, within_s=s.access.settings.patience_s)
    if seen is not None:
        s.access.note_latency(s.state.flow, Side.SOURCE, max(0.0, seen.seen_s - since))
    return seen


async def _judge_absence(s: Scenario, target: str) -> Sighting:
    """Judge a counterpart that did not come; returns it where a second look shows it."""
    if s.forbidden:
        await require_alive(s.state, s.probe.written_s, "a record that may travel by now")
        await require_acceptable(s.state, s.probe)
        raise CheckUndecided(
            "vacuous",
            f"the record stayed out, but it did not travel either once it was allowed to: no {target} appeared, so its "
            "absence shows nothing",
            cause=Cause.ENGINE_OR_API,
        )
    if s.existing is None:
        if s.state.route in {Route.MERGE, Route.NONE}:
            raise no_way_in(s.state)  # nothing that this scenario did promises a record
        return await missing_counterpart(s.state, s.probe)
    require_no_leftovers(s.state, s.probe)
    require_recognisable(s.state, s.probe)
    shown = await require_alive(s.state, s.probe.written_s, "a record that matches")
    seen = await look_for_merged(s.state, s.probe)
    if seen is not None:
        return seen
    raise CheckFailed(
        "not-merged",
        f"{target} {s.existing.target.id} shows nothing of the matching record, although {shown}",
        cause=Cause.ENGINE,
        expected=f"values of {s.probe.record.id} in {s.existing.target.id}",
        observed="unchanged",
    )


def _require_count(s: Scenario) -> None:
    known = s.state.rightful_copies(s.world.running)
    allowed = known or {Side.SOURCE: 0, Side.TARGET: 1}
    for side in Side:
        sure, doubtful = s.state.resembling(s.probe, side)
        sure, doubtful = _living(s, side, sure), _living(s, side, doubtful)
        limit = max(0, allowed[side] - (1 if s.existing is not None and side is Side.TARGET else 0))
        if len(sure) + len(doubtful) <= limit:
            continue
        words = (
            f"{len(sure) + len(doubtful)} {s.state.flow.entity(side).name} carry values of {s.probe.record.entity} "
            f"{s.probe.record.id}: {', '.join(sorted([*sure, *doubtful]))}; the documents allow {limit}"
        )
        s.observe(words, *sorted([*sure.values(), *doubtful.values()], key=lambda seen: seen.order))
        if known is None:
            raise CheckUndecided(
                "copies-uncounted",
                f"{words} for this flow, and more over others, in so many ways that nobody can say how many",
                cause=Cause.DOCUMENT,
            )
        if len(sure) <= limit:
            raise CheckUndecided(
                "perhaps-a-copy", f"{words}; a date or number alone may be equal by chance", cause=Cause.DOCUMENT
            )
        raise CheckFailed(
            "duplicate" if side is Side.TARGET else "imported-copy",
            words,
            cause=Cause.ENGINE,
            expected=str(limit),
            observed=str(len(sure)),
        )


def _living(s: Scenario, side: Side, found: dict[str, Sighting]) -> dict[str, Sighting]:
    """Those that still exist."""
    latest = s.state.observer(side).latest
    return {i: sighting for i, sighting in found.items() if i not in latest or not latest[i].record.deleted}


async def no_copies(s: Scenario, target: str = "") -> None:
    """After several batches of the engine, and when the world has come to rest, no further copy is on either side."""
    del target
    await come_to_rest(s, 2)
    _require_count(s)
    require_no_crossing(s)
    s.decide(
        "no-copies",
        "two records written later had arrived by then, and one more when nothing else was going on, and neither "
        "system held a further copy",
    )


async def linked_to_existing(s: Scenario, target: str) -> None:
    """The source record is linked to the target that was there before."""
    await exactly_one(s, target)


async def stays_out(s: Scenario, target: str) -> None:
    """Records written before and after did travel and this one did not, judged as late as the run allows."""
    s.forbidden = True
    await come_to_rest(s, _BATCHES)
    # what comes to the same entity over other flows is theirs
    others = tuple(f for f in s.world.running if f.id != s.state.flow.id)
    allowed = rightful_copies(s.state.flow, others, s.state.membership.apart)
    sure, doubtful = s.state.resembling(s.probe, Side.TARGET)
    found = {**doubtful, **sure}
    if allowed is None and found:
        raise CheckUndecided(
            "copies-uncounted",
            f"{', '.join(sorted(found))} carry values of {s.probe.record.id}, and other flows lead a record to "
            f"{target} in so many ways that nobody can say whether they do so rightly",
            cause=Cause.DOCUMENT,
        )
    if allowed is not None and len(found) > allowed[Side.TARGET]:
        record_id, sighting = min(found.items())
        s.observe(f"{target} {record_id} carries values of the record that must stay out", sighting)
        if len(sure) <= allowed[Side.TARGET]:
            raise CheckUndecided(
                "perhaps-travelled",
                f"{target} {record_id} holds a date or number of {s.probe.record.id}, perhaps by chance",
                cause=Cause.DOCUMENT,
            )
        raise CheckFailed(
            "travelled-though-forbidden",
            f"{target} {record_id} was made of {s.probe.record.entity} {s.probe.record.id}, which must stay out",
            cause=Cause.ENGINE,
            expected=f"no {target}",
            observed=record_id,
        )
    s.decide(
        "stayed-out",
        f"a record written before it, {_BATCHES} after it and one more when nothing else was going on had all arrived, "
        "and it had not",
    )


async def at_rest(s: Scenario) -> None:
    """After the first sighting of an edit nothing of the pair moves, but for one converging write-back.

    Raises:
        CheckFailed: where it keeps moving, or where what had arrived is taken back.
    """
    since_s = s.access.clock.now()
    known = {side: s.pair.record(side) for side in Side}
    orders = {side: s.state.observer(side).order for side in Side}
    await come_to_rest(s, REST_ROUNDS)
    moves: list[Sighting] = []
    for side, record in known.items():
        versions = s.state.observer(side).versions(record.id, orders[side])
        moves += [v for v in versions if _is_move(v.record, record) and not _is_others(s, v)]
    await refresh(s.state, s.pair)
    require_still_there(s)
    seen = sorted(moves, key=lambda move: move.seen_s)
    if len(seen) > 1:
        names = ", ".join(_written(m) for m in seen[:5])
        raise CheckFailed(
            "not-at-rest",
            f"nobody edited the pair, and it was written {len(seen)} times in "
            f"{s.access.clock.now() - since_s:.0f} s: {names}",
            cause=Cause.ENGINE,
            expected="at most one converging write-back",
            observed=f"{len(seen)} writes: {names}",
        )
    s.decide(
        "at-rest",
        f"over {s.access.clock.now() - since_s:.0f} s and {REST_ROUNDS} records written and seen in turn, the pair was "
        + ("not written again" if not seen else "written back once and then left alone"),
        *seen,
    )


def _written(move: Sighting) -> str:
    """Which record was written when, and by whom as far as its system tells."""
    record = move.record
    writer = f" by {record.modified_by}" if record.modified_by else ""
    return f"{record.entity} {record.id} at {move.seen_s:.0f} s{writer}"


def _is_move(now: Record, before: Record) -> bool:
    """Whether a version is a later one; an older one told late is none."""
    stamps = now.modified or "", before.modified or ""
    return stamps[0] > stamps[1] or (stamps[0] == stamps[1] and now.values != before.values)


def _is_others(s: Scenario, sighting: Sighting) -> bool:
    """Whether a version is not the engine's: somebody else wrote it, or it is the harness's own edit, seen late."""
    if s.access.is_somebody_else(sighting.record):
        return True
    if not s.has_edit:
        return False
    held, seen = s.pair.record(s.edit.side), sighting.record
    return (
        (seen.id, seen.modified) == (held.id, held.modified)
        and seen.modified_by in {None, held.modified_by}
        and seen.values.get(s.edit.path) == held.values.get(s.edit.path)
    )
