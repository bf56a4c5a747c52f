"""The reference engine at the level of stores: it reads, looks and writes, one step at a time, over values.

What is decided is decided by `talkqa.sandbox.decision`, and what is settled by the engine's own reconciler; this
module is what stands between them and the stores, for the length of one step.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.connectors.contract import Fetched
from talkqa.sandbox.conversion import Converted, is_empty
from talkqa.sandbox.decision import Decision, Translate, decide
from talkqa.sandbox.pairing import Pairing
from talkqa.sandbox.reconciler import Reconciler
from talkqa.sandbox.rows import Group, Member
from talkqa.sandbox.state import Base, EngineState, Link
from tests.fakes.clock import FakeClock
from tests.small_worlds.pair import LINKED, Pair, Plan, Stamp, Value, Version, top
from tests.small_worlds.scenes import SIDES, Scene

_EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
_PATHS = ("p", "q")

Memory = tuple[Any, ...]
"""What an engine keeps beside its links; a correct one keeps nothing."""


class Question(NamedTuple):
    """What an engine decides on."""

    link: Link
    records: Mapping[Side, Fetched]
    pairing: Pairing
    translate: Translate
    ahead: timedelta
    """How far the target's clock is ahead of the source's."""
    record: int
    """Which of the two; a correct engine cannot tell."""


class Rules:
    """How the engine decides; this is the reference engine, and a broken one overrides something."""

    behaviour = Behaviour()

    def decide(self, asked: Question, memory: Memory) -> tuple[Decision, Memory]:
        """The writes that two records call for, and what is remembered for the next look."""
        groups, behaviour = asked.pairing.groups, self.behaviour
        return decide(asked.link, asked.records, groups, behaviour, asked.translate, _EPOCH, asked.ahead), memory

    def keeps_base(self) -> bool:
        """Whether what was brought together is remembered."""
        return True

    def spreads_deletes(self) -> bool:
        """Whether a record is deleted because its counterpart was."""
        return False


class Port:
    """The engine's steps in one scene."""

    def __init__(self, scene: Scene, rules: Rules) -> None:
        self._scene = scene
        self._rules = rules
        self._pairing = scene.pairing()
        self._groups = self._pairing.groups
        self._places = [(group.key, side) for group in self._groups for side in Side]
        self._led = {(group.key, group.side) for group in self._groups}
        self._settle = Reconciler(EngineState({}, FakeClock()), rules.behaviour).settle
        self._fetched: dict[tuple[Version, int], Fetched] = {}
        self._ahead = (timedelta(), timedelta(seconds=scene.ahead_s))

    def read(self, pair: Pair, side: int) -> Pair:
        """The newest version of one record becomes known."""
        if pair.known[side] == pair.actual[side]:
            return pair
        known = (pair.actual[0], pair.known[1]) if side == 0 else (pair.known[0], pair.actual[1])
        return pair._replace(known=known, dirty=True)

    def look(self, pair: Pair, memory: Memory, record: int) -> tuple[Pair, Memory]:
        """Decide on what is known; only possible for a pair that is dirty and has no plan."""
        if any(version.deleted for version in pair.known):
            return self._part(pair), memory
        link = self._link(pair)
        records = {side: self._fetch(pair.known[at], at) for at, side in enumerate(SIDES)}
        asked = Question(link, records, self._pairing, self._translate, self._ahead[1], record)
        decision, memory = self._rules.decide(asked, memory)
        self._settle(link, decision.settled, records)
        order = (1, 0)
        writes = tuple(
            (
                at,
                tuple(
                    (_PATHS.index(path), _as_value(value), self._groups.index(decision.owners[SIDES[at]][path]))
                    for path, value in decision.writes[SIDES[at]].items()
                ),
            )
            for at in order
            if decision.writes[SIDES[at]]
        )
        plan = Plan(writes=writes, decided_on=pair.known) if writes else None
        return self._noted(pair, link)._replace(plan=plan, dirty=plan is not None), memory

    def write(self, pair: Pair, *, later: bool) -> Pair:
        """Do the next planned write, unless the record is another version by now.

        Args:
            pair: One with a plan.
            later: Whether it is stamped later than everything before, or as the newest of it.
        """
        plan = pair.plan
        assert plan is not None, "only what was planned is written"
        (side, writes), *rest = plan.writes
        actual = pair.actual[side]
        if actual.deleted:
            return pair._replace(plan=None, dirty=False, unlinked=True)
        if actual != plan.decided_on[side]:
            return self.read(pair, side)._replace(plan=None, dirty=True)
        values = list(actual.values)
        for prop, value, _ in writes:
            values[prop] = value
        stamp = None if actual.stamp is None else Stamp(top(pair) + later)
        written = Version(values=tuple(values), stamp=stamp)
        both = (written, pair.actual[1]) if side == 0 else (pair.actual[0], written)
        known = (written, pair.known[1]) if side == 0 else (pair.known[0], written)
        link = self._link(pair)
        records = {s: self._fetch(written if at == side else plan.decided_on[at], at) for at, s in enumerate(SIDES)}
        self._settle(link, [self._groups[number] for _, _, number in writes], records)
        left = Plan(writes=tuple(rest), decided_on=plan.decided_on) if rest else None
        return self._noted(pair, link)._replace(actual=both, known=known, plan=left, writes=pair.writes + 1)

    def _part(self, pair: Pair) -> Pair:
        """Let go of a pair of which one record is gone."""
        if self._rules.spreads_deletes():
            both = tuple(version._replace(deleted=True) for version in pair.actual)
            pair = pair._replace(actual=(both[0], both[1]))
        return pair._replace(dirty=False, unlinked=True)

    def _link(self, pair: Pair) -> Link:
        link = Link(self._pairing, {Side.SOURCE: "l", Side.TARGET: "r"})
        for group, base in zip(self._groups, pair.bases, strict=True):
            if base is not None:
                link.bases[group.key] = Base(lead=base[0], source=base[1], target=base[2])
        for place, seen in zip(self._places, pair.seen, strict=True):
            if seen is not None:
                link.seen[place] = (seen[0], self._moment(seen[1], SIDES.index(place[1])))
        return link

    def _noted(self, pair: Pair, link: Link) -> Pair:
        bases = [link.bases.get(group.key) for group in self._groups]
        found = [link.seen.get(place) for place in self._places]
        kept = self._rules.keeps_base()
        return pair._replace(
            bases=tuple(None if b is None or not kept else (b.lead, b.source, b.target) for b in bases),
            seen=tuple(
                None if one is None else (one[0], self._stamp(one[1], SIDES.index(place[1])), place in self._led)
                for place, one in zip(self._places, found, strict=True)
            ),
        )

    def _fetch(self, version: Version, side: int) -> Fetched:
        if (version, side) not in self._fetched:
            values = dict(zip(_PATHS, version.values, strict=True))
            self._fetched[version, side] = Fetched(
                id="one",
                values=values,
                modified=self._moment(version.stamp, side),
                deleted=False,
                etag=None,
                body=values,
                asked_at=0,
                known_at=0,
            )
        return self._fetched[version, side]

    def _moment(self, stamp: Stamp | None, side: int) -> datetime | None:
        """What a system's clock tells at a moment."""
        return None if stamp is None else _EPOCH + timedelta(seconds=stamp) + self._ahead[side]

    def _stamp(self, told: datetime | None, side: int) -> Stamp | None:
        return None if told is None else Stamp((told - self._ahead[side] - _EPOCH).total_seconds())

    def _translate(self, group: Group, member: Member, value: FieldValue, towards: Side) -> Converted | None:
        del group, member
        known = {"l1", "l2"} if towards is Side.TARGET else {"r1", "r2"}
        return () if is_empty(value) else LINKED[str(value)] if value in known else None


def _as_value(value: FieldValue) -> Value:
    return tuple(map(str, value)) if isinstance(value, tuple) else None if value is None else str(value)
