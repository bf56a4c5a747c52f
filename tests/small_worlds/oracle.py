"""What must come of people's edits, said without knowing how the engine decides.

The latest edit wins by the stamps that the systems tell; of edits that they do not tell apart either may win, but only
one. An emptied value does not overwrite a filled one. Nothing crosses between records or properties, deletes do not
spread, and where nobody edits any more the engine comes to rest.

An edit is told by the stamp of its record, as far as an engine can know: a later edit of another property of that
record, made before the engine looked, makes it look as late. One that sets back what the engine last saw is none.
"""

from tests.small_worlds.pair import LINKED, SOURCE, TARGET, UNLINKED, Claim, Pair, Stamp, Track, Value, Version
from tests.small_worlds.scenes import Scene

MOST_WRITES = 4
"""Writes to one pair after its last edit that are not yet called restless: one to a side and one back, each twice."""


def note_edit(pair: Pair, side: int, prop: int, stamp: Stamp | None) -> Pair:
    """Note an edit that gave a property another value; `pair` holds it already."""
    value = pair.actual[side].values[prop]
    track = pair.tracks[prop][side]
    if is_blank(value):
        track = track._replace(fresh=None, emptied=(stamp,))
    else:
        track = track._replace(fresh=Claim(value=value, low=stamp), emptied=None)
    return _with(pair, prop, side, track)


def note_reading(pair: Pair, side: int) -> Pair:
    """Note that the engine has read a record."""
    for prop in range(2):
        track = pair.tracks[prop][side]
        if track.fresh is not None:
            pair = _with(pair, prop, side, track._replace(read=track.fresh, fresh=None))
        elif track.read is not None and track.read.value != pair.known[side].values[prop]:
            pair = _with(pair, prop, side, track._replace(read=None))
    return pair


def note_look(pair: Pair) -> Pair:
    """Note that the engine looks at what it knows."""
    for prop in range(2):
        held = [pair.known[side].values[prop] for side in (SOURCE, TARGET)]
        for side in (SOURCE, TARGET):
            track = pair.tracks[prop][side]
            if track.read is not None:
                seen = track.read.value != track.last
                claim = track.read._replace(high=pair.known[side].stamp) if seen else track.looked
                track = track._replace(looked=claim, read=None)
            if track.last != held[side]:
                track = track._replace(last=held[side])
            if track is not pair.tracks[prop][side]:
                pair = _with(pair, prop, side, track)
        if not pair.met[prop]:
            pair = _introduce(pair, prop, held)
    return note_agreement(pair, *pair.known)


def note_agreement(pair: Pair, one: Version, other: Version) -> Pair:
    """Note which properties are the same on both sides by now, by the versions that the engine looked at or wrote."""
    if not all(pair.met):
        sides = zip(one.values, other.values, pair.met, strict=True)
        pair = pair._replace(met=tuple(met or is_alike(left, right) for left, right, met in sides))
    for prop, value in enumerate(one.values):
        if is_alike(value, other.values[prop]) and not is_blank(value):
            pair = _agreed(pair, prop, (value, other.values[prop]))
    return pair


def _agreed(pair: Pair, prop: int, held: tuple[Value, Value]) -> Pair:
    """Both sides held the same, and rightly: unless somebody has edited it meanwhile, what was before is history.

    Of references it is history in any case: an id can be given again, and one that is what the engine has read of the
    other side makes it see an agreement, however old its reading is.
    """
    value = held[SOURCE]
    tracks = pair.tracks[prop]
    if not any(is_alike(value, winner.value) for winner in _find_winners(pair, prop)):
        return pair
    calm = all(
        t.fresh is None and t.read is None and pair.actual[s].values[prop] == held[s] for s, t in enumerate(tracks)
    )
    if calm or held[SOURCE] != held[TARGET]:
        starts = list(pair.starts)
        starts[prop] = value
        pair = pair._replace(starts=tuple(starts))
        for side, (track, last) in enumerate(zip(tracks, held, strict=True)):
            read = None if track.read is not None and track.read.value == track.last else track.read
            emptied = None if calm else track.emptied
            pair = _with(pair, prop, side, Track(fresh=track.fresh, read=read, emptied=emptied, last=last))
        return pair
    for side, track in enumerate(tracks):
        if track.looked is not None and track.looked.value == value:
            pair = _with(pair, prop, side, track._replace(firm=track.looked))
    return pair


def find_fault(pair: Pair, scene: Scene) -> str | None:
    """What is wrong with a pair, in words; None where nothing is."""
    if pair.writes > MOST_WRITES:
        return f"nobody edits any more, and the engine has written {pair.writes} times"
    for side in (SOURCE, TARGET):
        if pair.actual[side].deleted and not pair.removed[side]:
            return f"the {_SIDES[side]} was deleted, and nobody did that"
        for prop, value in enumerate(pair.actual[side].values):
            strict = scene.judged[prop] in ("latest", "apart")
            if not is_blank(value) and strict and not str(value).startswith(scene.letter(prop, side)):
                return f"{value} came from elsewhere to {'pq'[prop]} of the {_SIDES[side]}"
    if pair.plan is not None:
        return _find_fault_of_plan(pair, scene)
    if not pair.rests:
        return None
    found = (_JUDGES[promise](pair, prop, scene) for prop, promise in enumerate(scene.judged))
    return next((fault for fault in found if fault), None)


def is_blank(value: Value) -> bool:
    """Whether a property holds nothing."""
    return value is None or value == ()


def is_alike(one: Value, other: Value) -> bool:
    """Whether both are the same, or name the two records of a link."""
    return one == other or (one in LINKED and LINKED[str(one)] == other)


_SIDES = ("source", "target")


def _introduce(pair: Pair, prop: int, held: list[Value]) -> Pair:
    """At the first meeting the source leads, and an empty source takes what the target has: nobody's edit counts."""
    starts = list(pair.starts)
    if held[SOURCE] in UNLINKED:
        # Nothing can lead yet: the source's value counts from now on as an edit, and later edits of the target do too.
        stamp = pair.known[SOURCE].stamp
        starts[prop] = held[TARGET]
        pair = pair._replace(starts=tuple(starts), met=(*pair.met[:prop], True, *pair.met[prop + 1 :]))
        pair = _with(pair, prop, TARGET, pair.tracks[prop][TARGET]._replace(looked=None))
        waits = Claim(value=held[SOURCE], low=stamp, high=stamp)
        return _with(pair, prop, SOURCE, pair.tracks[prop][SOURCE]._replace(looked=waits))
    starts[prop] = held[TARGET] if is_blank(held[SOURCE]) else held[SOURCE]
    for side in (SOURCE, TARGET):
        track = pair.tracks[prop][side]
        emptied = None if is_blank(held[side]) and not is_blank(starts[prop]) else track.emptied
        pair = _with(pair, prop, side, track._replace(looked=None, firm=None, emptied=emptied))
    return pair._replace(starts=tuple(starts))


def _with(pair: Pair, prop: int, side: int, track: Track) -> Pair:
    left, right = pair.tracks[prop]
    both = (track, right) if side == SOURCE else (left, track)
    return pair._replace(tracks=(both, pair.tracks[1]) if prop == 0 else (pair.tracks[0], both))


def _find_fault_of_plan(pair: Pair, scene: Scene) -> str | None:
    assert pair.plan is not None, "asked of plans alone"
    left, right = pair.plan.decided_on
    for side, writes in pair.plan.writes:
        for prop, value, _ in writes:
            if scene.judged[prop] == "qualified" and left.values[1] != "on":
                return "a row is carried although its qualifier does not hold"
            # One of the target is left to the number of writes, by which a restless engine is found.
            if side == SOURCE and scene.judged[prop] == "latest" and value == left.values[prop]:
                return "a write changes nothing"
            if scene.judged[0] == "led" and side == SOURCE and _find_lead(left, right, scene) not in (prop, None):
                return "an edit of the target goes to a source that does not lead"
            given, there = (pair.plan.decided_on[at].values[prop] for at in (1 - side, side))
            if isinstance(there, tuple) and there and not isinstance(value, tuple):
                return "a list was overwritten"
            if isinstance(value, tuple) and value[1:] not in _further(given, there):
                return "further items of a list were lost"
    return None


def _further(given: Value, there: Value) -> list[Value]:
    """The items after the first that a list may have when it is written: its own, or those of a longer one."""
    kept = there[1:] if isinstance(there, tuple) else ()
    return [given[1:], kept] if isinstance(given, tuple) and len(given) > 1 else [kept]


def _judge_latest(pair: Pair, prop: int, scene: Scene) -> str | None:
    del scene
    winners = _find_winners(pair, prop)
    if pair.unlinked:
        tracks = pair.tracks[prop]
        winners += [c for track in tracks for c in (track.fresh, track.read, track.looked) if c is not None]
        winners.append(Claim(value=pair.starts[prop], low=None))
    values = [pair.actual[side].values[prop] for side in (SOURCE, TARGET)]
    for side, value in enumerate(values):
        if pair.actual[side].deleted:
            continue
        emptied = pair.tracks[prop][side].emptied
        if is_blank(value):
            if not any(is_blank(w.value) or (emptied is not None and _is_late(emptied[0], w.low)) for w in winners):
                return f"{'pq'[prop]} of the {_SIDES[side]} is empty, and nobody emptied it since {_told(winners)}"
        elif not any(is_alike(value, winner.value) for winner in winners):
            return f"{'pq'[prop]} of the {_SIDES[side]} is {value}, and {_told(winners)} should stand"
    if not pair.unlinked and not any(map(is_blank, values)) and not is_alike(*values):
        return f"{'pq'[prop]} is {values[0]} in the source and {values[1]} in the target"
    return None


def _find_winners(pair: Pair, prop: int) -> list[Claim]:
    """The edits of which one must stand, as far as the engine has looked."""
    left, right = pair.tracks[prop]
    start = pair.starts[prop]
    return [
        winner
        for one in _possible(left, start)
        for other in _possible(right, start)
        for winner in _winners(start, one, other)
    ]


def _possible(track: Track, start: Value) -> set[Claim | None]:
    """The edits of a side of which one counts; None for none."""
    claim = track.looked
    # An edit may have been emptied again before the engine could carry it: then whatever stood before it stands.
    found = {claim, track.firm} if track.emptied else {claim}
    # An id may be given back that both sides had agreed on, which the engine need not see as an edit.
    return found | {None} if claim is not None and claim.value in LINKED and is_alike(claim.value, start) else found


def _winners(start: Value, left: Claim | None, right: Claim | None) -> list[Claim]:
    if left is None or right is None:
        return [left or right or Claim(value=start, low=None)]
    allowed = ((left, _is_late(left.high, right.low)), (right, _is_late(right.high, left.low)))
    return [claim for claim, late in allowed if late]


def _is_late(one: Stamp | None, other: Stamp | None) -> bool:
    """Whether it is no earlier, as far as stamps tell."""
    return one is None or other is None or one >= other


def _told(winners: list[Claim]) -> str:
    return " or ".join(str(winner.value) for winner in winners)


def _judge_apart(pair: Pair, prop: int, scene: Scene) -> str | None:
    """Each side holds what people put there."""
    del scene
    for side in (SOURCE, TARGET):
        track = pair.tracks[prop][side]
        newest = track.fresh or track.read or track.looked
        wanted = None if track.emptied is not None else newest.value if newest else pair.starts[prop]
        value = pair.actual[side].values[prop]
        if value != wanted:
            return f"{'pq'[prop]} of the {_SIDES[side]} is {value}, and not {wanted} as people left it"
    return None


def _judge_led(pair: Pair, prop: int, scene: Scene) -> str | None:
    """The target holds what the first source that holds something does, of the rows whose qualifiers hold."""
    leading = _find_lead(*pair.actual, scene)
    lead = None if leading is None else pair.actual[SOURCE].values[leading]
    value = pair.actual[TARGET].values[prop]
    emptied = pair.tracks[prop][TARGET].emptied is not None
    if lead is not None and value != lead and not (emptied and is_blank(value)):
        return f"the target is {value}, and {lead} leads"
    return None


def _find_lead(source: Version, target: Version, scene: Scene) -> int | None:
    """The property of the first source that holds something."""
    first = 1 if scene.qualifiers and target.values[1] != scene.qualifiers[0].value else 0
    return next((prop for prop in range(first, 2) if not is_blank(source.values[prop])), None)


def _judge_fanned(pair: Pair, prop: int, scene: Scene) -> str | None:
    """Both targets hold what the source does, where all are filled."""
    del scene
    source = pair.actual[SOURCE].values[prop]
    others = {value for value in pair.actual[TARGET].values if not is_blank(value)} - {source}
    return f"the source is {source}, and a target {others.pop()}" if others and not is_blank(source) else None


def _judge_qualified(pair: Pair, prop: int, scene: Scene) -> str | None:
    """Where the qualifier holds, both sides agree."""
    del scene
    left, right = (pair.actual[side].values[prop] for side in (SOURCE, TARGET))
    holds = pair.actual[SOURCE].values[1] == "on"
    return f"{left} is not {right}" if holds and None not in (left, right) and left != right else None


def _judge_refers(pair: Pair, prop: int, scene: Scene) -> str | None:
    """The latest edit stands on both sides, or on its own one as long as it names a record that is not linked."""
    values = [pair.actual[side].values[prop] for side in (SOURCE, TARGET)]
    waiting = [claim.value for claim in _find_winners(pair, prop) if claim.value in UNLINKED]
    return None if any(value in values for value in waiting) else _judge_latest(pair, prop, scene)


def _judge_dictated(pair: Pair, prop: int, scene: Scene) -> str | None:
    """The source is as people left it, and the latest edit stands in the target."""
    del scene
    track, value = pair.tracks[prop][SOURCE], pair.actual[SOURCE].values[prop]
    newest = track.fresh or track.read or track.looked
    wanted = None if track.emptied is not None else newest.value if newest else pair.starts[prop]
    if value != wanted:
        return f"{value} of the source is not {wanted}, as people left it"
    winners, value = _find_winners(pair, prop), pair.actual[TARGET].values[prop]
    # An edit of the target never reaches the source, so that one of the source that is read later may go over it.
    winners += [claim for claim in (track.looked, track.firm) if claim is not None]
    stands = is_blank(value) or value in [winner.value for winner in winners]
    return None if stands else f"the target is {value}, and {_told(winners)} should stand"


def _judge_listed(pair: Pair, prop: int, scene: Scene) -> str | None:
    """Both have one first item; further ones stay."""
    del scene
    left, right = (pair.actual[side].values[prop] for side in (SOURCE, TARGET))
    firsts = {value[0] if isinstance(value, tuple) else value for value in (left, right) if value}
    return f"{left} and {right} differ in the first item" if len(firsts) > 1 else None


def _judge_free(pair: Pair, prop: int, scene: Scene) -> str | None:
    """Nothing is promised."""
    del pair, prop, scene
    return None


_JUDGES = {
    "latest": _judge_latest,
    "apart": _judge_apart,
    "led": _judge_led,
    "fanned": _judge_fanned,
    "qualified": _judge_qualified,
    "refers": _judge_refers,
    "dictated": _judge_dictated,
    "listed": _judge_listed,
    "free": _judge_free,
}
