"""What must come of people's edits, said without knowing how the engine decides.

The latest edit wins by the stamps that the systems tell; of edits that they do not tell apart either may win, but only
one. An emptied value does not overwrite a filled one. Nothing crosses between records or properties, deletes do not
spread, and where nobody edits any more the engine comes to rest.

An edit is told by the stamp of its record, as far as an engine can know: a later edit of another property of that
record, made before the engine looked, makes it look as late. One that sets back what the engine last saw is none.
"""

from tests.small_worlds.pair import SOURCE, TARGET, Claim, Pair, Stamp, Track, Value, Version
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
        value = pair.known[side].values[prop]
        if track.fresh is not None:
            track = track._replace(read=track.fresh, fresh=None)
        elif track.read is not None and track.read.value != value:
            track = track._replace(read=None)
        pair = _with(pair, prop, side, track)
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
            pair = _with(pair, prop, side, track._replace(last=held[side]))
        if not pair.met[prop]:
            pair = _introduce(pair, prop, held)
    return note_agreement(pair, *pair.known)


def note_agreement(pair: Pair, one: Version, other: Version) -> Pair:
    """Note which properties are the same on both sides by now, by the versions that the engine looked at or wrote."""
    sides = zip(one.values, other.values, pair.met, strict=True)
    pair = pair._replace(met=tuple(met or left == right for left, right, met in sides))
    for prop, value in enumerate(one.values):
        if value == other.values[prop] and not is_blank(value):
            pair = _agreed(pair, prop, value)
    return pair


def _agreed(pair: Pair, prop: int, value: Value) -> Pair:
    """Both sides held the same, and rightly: unless somebody has edited it meanwhile, what was before is history."""
    tracks = pair.tracks[prop]
    if value not in [winner.value for winner in _find_winners(pair, prop)]:
        return pair
    if all(t.fresh is None and t.read is None and pair.actual[s].values[prop] == value for s, t in enumerate(tracks)):
        starts = list(pair.starts)
        starts[prop] = value
        pair = pair._replace(starts=tuple(starts))
        return _with(_with(pair, prop, SOURCE, Track(last=value)), prop, TARGET, Track(last=value))
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


_SIDES = ("source", "target")


def _introduce(pair: Pair, prop: int, held: list[Value]) -> Pair:
    """At the first meeting the source leads, and an empty source takes what the target has: nobody's edit counts."""
    starts = list(pair.starts)
    starts[prop] = held[TARGET] if is_blank(held[SOURCE]) else held[SOURCE]
    for side in (SOURCE, TARGET):
        track = pair.tracks[prop][side]
        emptied = None if is_blank(held[side]) and not is_blank(starts[prop]) else track.emptied
        pair = _with(pair, prop, side, track._replace(looked=None, firm=None, emptied=emptied))
    return pair._replace(starts=tuple(starts))


def _with(pair: Pair, prop: int, side: int, track: Track) -> Pair:
    both = list(pair.tracks[prop])
    both[side] = track
    tracks = list(pair.tracks)
    tracks[prop] = (both[0], both[1])
    return pair._replace(tracks=tuple(tracks))


def _find_fault_of_plan(pair: Pair, scene: Scene) -> str | None:
    assert pair.plan is not None, "asked of plans alone"
    left, right = pair.plan.decided_on
    for side, writes in pair.plan.writes:
        for prop, value, _ in writes:
            if scene.judged[prop] == "qualified" and left.values[1] != "on":
                return "a row is carried although its qualifier does not hold"
            there = right.values[prop] if side == TARGET else None
            if isinstance(there, tuple) and there and (not isinstance(value, tuple) or value[1:] != there[1:]):
                return "further items of a list were lost"
    return None


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
        elif value not in [winner.value for winner in winners]:
            return f"{'pq'[prop]} of the {_SIDES[side]} is {value}, and {_told(winners)} should stand"
    if not pair.unlinked and not any(map(is_blank, values)) and values[0] != values[1]:
        return f"{'pq'[prop]} is {values[0]} in the source and {values[1]} in the target"
    return None


def _find_winners(pair: Pair, prop: int) -> list[Claim]:
    """The edits of which one must stand, as far as the engine has looked."""
    left, right = pair.tracks[prop]
    # An edit may have been emptied again before the engine could carry it: then whatever stood before it stands.
    return [
        winner
        for one in ({left.looked, left.firm} if left.emptied else {left.looked})
        for other in ({right.looked, right.firm} if right.emptied else {right.looked})
        for winner in _winners(pair.starts[prop], one, other)
    ]


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
    """The target holds what the first source that holds something does."""
    del scene
    lead = next((value for value in pair.actual[SOURCE].values if not is_blank(value)), None)
    value = pair.actual[TARGET].values[prop]
    emptied = pair.tracks[prop][TARGET].emptied is not None
    if lead is not None and value != lead and not (emptied and is_blank(value)):
        return f"the target is {value}, and {lead} leads"
    return None


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
    """Ids of linked records name the two records of a link."""
    left, right = (str(pair.actual[side].values[prop]) for side in (SOURCE, TARGET))
    linked = left in scene.translated and right in scene.translated
    return (
        f"{left} is linked to {scene.translated[left]}, not to {right}"
        if _differs(left, right, linked, scene)
        else None
    )


def _differs(left: str, right: str, linked: bool, scene: Scene) -> bool:
    return linked and scene.translated[left] != right


def _judge_listed(pair: Pair, prop: int, scene: Scene) -> str | None:
    """The first item of the list is the source's value."""
    del scene
    left, right = (pair.actual[side].values[prop] for side in (SOURCE, TARGET))
    return f"{left} is not the first of {right}" if left and right and left != right[0] else None


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
    "listed": _judge_listed,
    "free": _judge_free,
}
