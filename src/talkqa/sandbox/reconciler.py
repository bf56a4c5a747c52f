"""Keeping linked pairs in step: reads what is unclear, decides, writes, and notes the new common state.

Used by the engine. A write names the version it was decided on, so that no edit made meanwhile is lost.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.model.schema import FieldType
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, WriteRefused
from talkqa.sandbox.conversion import UNFIT, Converted, is_empty
from talkqa.sandbox.decision import Decision, Translate, decide, hold
from talkqa.sandbox.pairing import Pairing
from talkqa.sandbox.rows import Group, Member
from talkqa.sandbox.state import Base, EngineState, Link, RecordKey

_log = logging.getLogger("talkqa.sandbox.engine")

_ROUNDS = 8
"""How often a pair is looked at in one go: one write may call for another, and a conflict for a second look."""

Carried = Callable[[Link, Side, Mapping[str, FieldValue]], None]
"""Told of edits that were written to a side of a link, with the values they replaced by path."""


class Reconciler:
    """Brings linked pairs together."""

    def __init__(self, state: EngineState, behaviour: Behaviour, on_carried: Carried) -> None:
        self._state = state
        self._behaviour = behaviour
        self._on_carried = on_carried
        self._waiting: dict[RecordKey, dict[Link, None]] = {}

    async def bring_together(self, link: Link) -> None:
        """Write whatever the newest versions of both records call for.

        Raises:
            ApiUnavailable: where a system gave no usable answer.
        """
        async with link.lock:
            for _ in range(_ROUNDS):
                if link.gone or not await self._round(link):
                    return
            _log.warning("%s: %s does not come to rest", link.pairing.id, dict(link.ids))

    def settle(self, link: Link, groups: Sequence[Group], records: Mapping[Side, Fetched]) -> None:
        """Note that these groups are as they should be."""
        for group in groups:
            holding = hold(group, records[group.side].values, records[group.side.other].values)
            if holding is not None:
                link.bases[group.key] = holding.base
                stamps = {side: records[side].modified for side in Side}
                link.first_seen(group.key, group.side, (holding.base.lead, holding.source), stamps[group.side])
                link.first_seen(group.key, group.side.other, holding.target, stamps[group.side.other])

    def take_waiting(self, key: RecordKey) -> tuple[Link, ...]:
        """The links that waited for this record to be linked; they are told once."""
        return tuple(self._waiting.pop(key, ()))

    def translator(self, pairing: Pairing, link: Link | None = None) -> Translate:
        """How references of a pairing are translated; a link that is given waits for what is not linked yet."""

        def translate(group: Group, member: Member, value: FieldValue, towards: Side) -> Converted | None:
            ends = (member.source, member.target)
            here, there = ends if towards is not group.side else (ends[1], ends[0])
            if here.type is not FieldType.REFERENCE or not here.references or not there.references:
                return UNFIT
            if is_empty(value):
                return ()
            system = pairing.keys[towards.other][0]
            named = value if isinstance(value, tuple) else (value,)
            keys = [(system, entity, str(item)) for item in named for entity in here.references]
            for key in keys:
                for counterpart in self._state.counterparts.get(key, ()):
                    if counterpart[0] == pairing.keys[towards][0] and counterpart[1] in there.references:
                        return (counterpart[2],) if there.list_at else counterpart[2]
            if link is not None:
                for key in keys:
                    self._waiting.setdefault(key, {})[link] = None
            return None

        return translate

    async def _round(self, link: Link) -> bool:
        """One look at a pair; whether another one is needed."""
        records: dict[Side, Fetched] = {}
        for side in Side:
            record = await self._state.current(link.pairing.keys[side], link.ids[side])
            if record is None:
                self._state.unlink(link)
                return False
            records[side] = record
        decision = decide(
            link,
            records,
            self._behaviour.groups(link.pairing),
            self._behaviour,
            self.translator(link.pairing, link),
            self._state.clock.stamp(),
        )
        self.settle(link, decision.settled, records)
        again = False
        for side in (Side.TARGET, Side.SOURCE):
            if decision.writes[side]:
                again = True
                if not await self._write(link, side, decision, records):
                    break
        return again

    async def _write(self, link: Link, side: Side, decision: Decision, records: Mapping[Side, Fetched]) -> bool:
        """Write one side; False where the pair must be looked at again first."""
        key, record_id = link.pairing.keys[side], link.ids[side]
        current = await self._state.current(key, record_id, writable=True)
        if current is None:
            self._state.unlink(link)
            return False
        if current.body != records[side].body:
            return False
        values = dict(decision.writes[side])
        owners = decision.owners[side]
        old = {g.key: link.bases.get(g.key) for g in owners.values()}
        written = current
        while values:
            try:
                written = await self._state.connectors[key[0]].update(key[1], record_id, values, current.etag)
            except Outdated:
                self._state.forget(key, record_id)
                return False
            except Gone:
                self._state.unlink(link)
                return False
            except WriteRefused as refusal:
                _log.warning("%s", refusal)
                named = {path.casefold() for path in refusal.fields}
                refused = {path for path in values if path.casefold() in named} or set(values)
                values = {path: value for path, value in values.items() if path not in refused}
            else:
                self._state.remember(key, written)
                break
        # What was refused is settled as well: it is tried again when the value changes, not over and over.
        self.settle(link, list(owners.values()), {**records, side: written})
        self._tell(link, side, values, owners, old)
        return True

    def _tell(
        self,
        link: Link,
        side: Side,
        values: Mapping[str, FieldValue],
        owners: Mapping[str, Group],
        old: Mapping[str, Base | None],
    ) -> None:
        replaced: dict[str, FieldValue] = {}
        for path in values:
            base = old[owners[path].key]
            if base is not None:
                replaced[path] = base.source if owners[path].side is side else base.target
        if replaced:
            self._on_carried(link, side, replaced)
