"""What a wrong engine does beside its work: takes edits back, swings between values, makes, links and deletes more.

Used by the engine, which asks once a cycle; nothing of it is ever done by the correct one.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from talkqa.model.errors import ApiError
from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.admission import Admission
from talkqa.sandbox.behaviour import Aftermath, Behaviour
from talkqa.sandbox.conversion import is_empty
from talkqa.sandbox.pairing import EntityKey, Pairing
from talkqa.sandbox.reconciler import Reconciler
from talkqa.sandbox.state import EngineState, Link

_log = logging.getLogger("talkqa.sandbox.engine")

_MOST_WRITES = 8
"""How often a cycle writes a pair at most where each writes it once more than the one before: so that runs end."""

Job = Callable[[], Awaitable[None]]
Values = Mapping[str, FieldValue]


class Mischief:
    """The wrong deeds that faults have in store."""

    def __init__(self, state: EngineState, behaviour: Behaviour, admission: Admission, reconciler: Reconciler) -> None:
        self._state = state
        self._behaviour = behaviour
        self._admission = admission
        self._reconciler = reconciler
        self._jobs: dict[EntityKey, list[Job]] = {}
        self._breeding: set[Link] = set()

    def on_carried(self, link: Link, side: Side, replaced: Values) -> None:
        """An edit was written to a side of a link; a correct engine leaves it at that."""
        for deed in self._behaviour.aftermath(link, side, self._state.clock.now()):
            key = link.pairing.keys[side]
            match deed:
                case Aftermath.UNLINKS:
                    self._state.unlink(link)
                case Aftermath.RELINKS:
                    self._plan(key, partial(self._link_elsewhere, link, side))
                case Aftermath.MAKES_ANOTHER:
                    self._plan(key, partial(self._make_another, link, side.other))
                case Aftermath.RESTORES:
                    self._plan(key, partial(self._write, link, side, replaced))
                case Aftermath.OSCILLATES:
                    self._plan(key, partial(self._swing, link, side, replaced))
                case Aftermath.BREEDS if link not in self._breeding:
                    self._breeding.add(link)  # further edits would only reach the bound sooner
                    self._plan(key, partial(self._breed, link, side, 1))

    def on_gone(self, link: Link, side: Side) -> None:
        """A linked record was deleted; a correct engine leaves the other one alone."""
        self._behaviour.gone(link, side)
        if self._behaviour.spreads_deletes(link.pairing, side):
            self._plan(link.pairing.keys[side], partial(self._delete, link, side.other))

    async def perform(self, key: EntityKey, pairings: Sequence[Pairing]) -> None:
        """Do what is in store for an entity; what a system refuses is left."""
        jobs = self._jobs.pop(key, [])
        for pairing in pairings:
            if pairing.keys[Side.TARGET] == key and self._behaviour.rewrites_each_cycle(pairing):
                jobs += [partial(self._touch, link, side) for link in self._state.all_links(pairing) for side in Side]
        for job in jobs:
            try:
                await job()
            except ApiError as error:
                _log.warning("%s; the next deed is none the worse for it", error)

    def _plan(self, key: EntityKey, job: Job) -> None:
        self._jobs.setdefault(key, []).append(job)

    async def _make_another(self, link: Link, side: Side) -> None:
        await self._admission.create_again(link, side)

    async def _link_elsewhere(self, link: Link, side: Side) -> None:
        others = [one for one in self._state.all_links(link.pairing) if one.ids[side] != link.ids[side]]
        if link.gone or not others:
            return
        self._state.unlink(link)
        ids = {side: others[-1].ids[side], side.other: link.ids[side.other]}
        await self._reconciler.bring_together(self._state.link(link.pairing, ids))

    async def _swing(self, link: Link, side: Side, old: Values) -> None:
        record = self._state.known(link.pairing.keys[side], link.ids[side])
        if link.gone or record is None:
            return
        new = {path: record.values.get(path) for path in old}
        await self._write(link, side, old)
        self._plan(link.pairing.keys[side], partial(self._swing, link, side, new))

    async def _breed(self, link: Link, side: Side, writes: int) -> None:
        if link.gone:
            return
        self._plan(link.pairing.keys[side], partial(self._breed, link, side, min(writes + 1, _MOST_WRITES)))
        for _ in range(writes):
            await self._touch(link, side)

    async def _write(self, link: Link, side: Side, wanted: Values) -> None:
        values = {path: value for path, value in wanted.items() if not is_empty(value)}
        key, other = link.pairing.keys[side], link.pairing.keys[side.other]
        async with link.lock:
            opposite = await self._state.current(other, link.ids[side.other])
            if link.gone or opposite is None or not values:
                return
            written = await self._state.connectors[key[0]].update(key[1], link.ids[side], values, None)
            self._state.remember(key, written)
            records = {side: written, side.other: opposite}
            self._reconciler.settle(link, self._behaviour.groups(link.pairing), records)

    async def _delete(self, link: Link, side: Side) -> None:
        system, entity = link.pairing.keys[side]
        await self._state.connectors[system].delete(entity, link.ids[side])

    async def _touch(self, link: Link, side: Side) -> None:
        """Write a value over itself."""
        key = link.pairing.keys[side]
        record = await self._state.current(key, link.ids[side])
        groups = link.pairing.groups if record is not None else ()
        fields = [g.members[0].source if g.side is side else g.target for g in groups]
        for field in fields:
            value = record.values.get(field.path) if record is not None else None
            if field.updateable and not is_empty(value):
                await self._state.connectors[key[0]].update(key[1], link.ids[side], {field.path: value}, None)
                return
