"""Keeping linked pairs in step: reads what is unclear, decides, writes, and notes the new common state.

Used by the engine. A write names the version it was decided on, so that no edit made meanwhile is lost.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from talkqa.model.errors import ApiUnavailable
from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.model.schema import FieldType
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.connectors.contract import Fetched, Gone, Outdated, WriteRefused
from talkqa.sandbox.conversion import UNFIT, Converted, Unfit, is_empty, is_same
from talkqa.sandbox.decision import Decision, Holding, Translate, decide, hold
from talkqa.sandbox.pairing import EntityKey, Pairing
from talkqa.sandbox.rows import Group, Member
from talkqa.sandbox.state import Base, EngineState, Link, RecordKey

_log = logging.getLogger("talkqa.sandbox.engine")

_ROUNDS = 8
"""How often a pair is looked at in one go: one write may call for another, and a conflict for a second look."""

Carried = Callable[[Link, Side, Mapping[str, FieldValue]], None]
"""Told of edits that were written to a side of a link, with the values they replaced by path."""


class Reconciler:
    """Brings linked pairs together."""

    def __init__(self, state: EngineState, behaviour: Behaviour) -> None:
        self._state = state
        self._behaviour = behaviour
        self.on_carried: Carried = lambda _link, _side, _replaced: None
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
            holding = _hold(group, records)
            if holding is not None:
                link.bases[group.key] = holding.base
                link.unanswered.pop(group.key, None)
                stamps = {side: records[side].modified for side in Side}
                link.first_seen(group.key, group.side, (holding.base.lead, holding.source), stamps[group.side])
                link.first_seen(group.key, group.side.other, holding.target, stamps[group.side.other])

    async def bring_waiting(self, key: RecordKey) -> None:
        """Look again at the pairs that waited for this record to be linked.

        Raises:
            ApiUnavailable: where a system gave no usable answer; what was not looked at goes on waiting.
        """
        waiting = self._waiting.pop(key, {})
        try:
            while waiting:
                link = next(iter(waiting))
                await self.bring_together(link)
                del waiting[link]
        finally:
            if waiting:
                self._waiting[key] = {**waiting, **self._waiting.get(key, {})}

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
        groups = self._behaviour.groups(link.pairing)
        _own_up(link, groups, records)
        decision = decide(
            link,
            records,
            groups,
            self._behaviour,
            self.translator(link.pairing, link),
            self._state.clock.stamp(),
            self._state.ahead(link.pairing.keys[Side.TARGET][0]) - self._state.ahead(link.pairing.keys[Side.SOURCE][0]),
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
        owners = decision.owners[side]
        old = {g.key: link.bases.get(g.key) for g in owners.values()}
        values = self._behaviour.written(link.pairing, side, decision.writes[side])
        if self._behaviour.writes_all(link.pairing, side.other):
            values = {**self._everything(link, side, records[side.other]), **values}
        try:
            sent = await self._send(link, side, values, current)
        except ApiUnavailable:
            self._state.forget(key, record_id)
            would = {**records, side: replace(current, values={**current.values, **values})}
            holdings = ((group, _hold(group, would)) for group in owners.values())
            link.unanswered |= {group.key: (side, holding.base) for group, holding in holdings if holding}
            raise
        if sent is None:
            return False
        written, values = sent
        # What was refused is settled as well: it is tried again when the value changes, not over and over.
        left = self.as_left(key, written, values) if values else written
        self.settle(link, list(owners.values()), {**records, side: left})
        self._tell(link, side, values, owners, old)
        return True

    def as_left(self, key: EntityKey, read: Fetched, sent: Mapping[str, FieldValue]) -> Fetched:
        """The record as the engine's own write left it.

        It was read again after the write: what somebody else wrote in between is an edit still to be carried, and what
        the system made of the engine's values is not.
        """
        entity = self._state.connectors[key[0]].schema.entity(key[1])
        path = entity.modified_by_field if entity is not None else None
        user = (read.values.get(path) or read.body.get(path)) if path else None
        if all(is_same(read.values.get(path), value) for path, value in sent.items()):
            self._state.users[key[0]][user] += 1
            return read
        known = self._state.users[key[0]].most_common(1)
        if user is not None and user == (known[0][0] if known else user):
            return read
        foreign = {
            path: value
            for path, value in sent.items()
            if user is not None or not _may_come_of(value, read.values.get(path))
        }
        return replace(read, values={**read.values, **foreign})

    async def _send(
        self, link: Link, side: Side, values: Mapping[str, FieldValue], current: Fetched
    ) -> tuple[Fetched, Mapping[str, FieldValue]] | None:
        """The record after the write and what was taken of it; None where the pair must be looked at again first.

        Raises:
            ApiUnavailable: where the system gave no usable answer. The write may have been done all the same; its
                repetition names the version that it was decided on, and is refused then.
        """
        key, record_id = link.pairing.keys[side], link.ids[side]
        while values:
            asked = self._state.clock.stamp()
            try:
                written = await self._state.connectors[key[0]].update(key[1], record_id, values, current.etag)
            except Outdated:
                self._state.forget(key, record_id)
                return None
            except Gone:
                self._state.unlink(link)
                return None
            except WriteRefused as refusal:
                _log.warning("%s", refusal)
                named = {path.casefold() for path in refusal.fields}
                refused = {path for path in values if path.casefold() in named} or set(values)
                if self._behaviour.gives_up_refused(link.pairing, side):
                    refused = set(values)
                values = {path: value for path, value in values.items() if path not in refused}
            else:
                self._state.note_written(key[0], asked, written.modified)
                self._state.remember(key, written)
                return written, values
        return current, values

    def _everything(self, link: Link, side: Side, record: Fetched) -> dict[str, FieldValue]:
        """What all rows from the other side make of a record, whoever edited what: only ever a fault."""
        now, found = self._state.clock.stamp(), dict[str, FieldValue]()
        for group in self._behaviour.groups(link.pairing):
            holding = hold(group, record.values, {}) if group.side is side.other else None
            if holding is not None and holding.lead is not None and group.target.updateable and not holding.lead.refers:
                value = holding.lead.forward(holding.source, now)
                if not isinstance(value, Unfit) and not is_empty(value):
                    found[group.target.path] = value
        return found

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
            base = old[owners[path].key] if path in owners else None
            if base is not None:
                replaced[path] = base.source if owners[path].side is side else base.target
        if replaced:
            self.on_carried(link, side, replaced)


def _hold(group: Group, records: Mapping[Side, Fetched]) -> Holding | None:
    return hold(group, records[group.side].values, records[group.side.other].values)


def _own_up(link: Link, groups: Sequence[Group], records: Mapping[Side, Fetched]) -> None:
    """Take what writes without an answer have done all the same for the engine's own, not for somebody's edits."""
    for group in groups:
        holding = _hold(group, records)
        if holding is None or group.key not in link.unanswered:
            continue
        side, would = link.unanswered[group.key]
        now = holding.base
        one, other = (would.source, now.source) if side is group.side else (would.target, now.target)
        if is_same(one, other) and (side is not group.side or would.lead == now.lead):
            link.bases[group.key] = would
            del link.unanswered[group.key]


def _may_come_of(sent: FieldValue, held: FieldValue) -> bool:
    """Whether a system that does not tell who wrote may have made a value out of one that it was sent.

    Systems cut, trim, fold and decorate texts; one that has nothing of the other is somebody else's.
    """
    if not isinstance(sent, str) or not isinstance(held, str):
        return True
    one, other = ("".join(filter(str.isalnum, text)).casefold() for text in (sent, held))
    return one in other or other in one
