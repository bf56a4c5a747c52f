"""What a world's steps reach the outside by: clients, observers, factories, ledger, and who owns which value.

Knows nothing of checks or of what a flow promises.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import trio

from talkqa.model.errors import ApiError
from talkqa.model.flow import EntityRef, Flow, Side
from talkqa.model.protocols import Clock, SystemClient
from talkqa.model.record import Record, Scalar
from talkqa.model.result import Event, LatencySeen, MappingSeen
from talkqa.model.settings import Settings
from talkqa.systems.factory import RecordFactory
from talkqa.systems.sentinels import Sentinels
from talkqa.verify.evidence import CURRENT
from talkqa.verify.ledger import Ledger
from talkqa.verify.observer import Observer, Sighting
from talkqa.verify.probe import own_values, strong_tokens
from talkqa.verify.sweep import SweepResult, sweep


class Access:
    """The one way from a world's steps to its systems."""

    def __init__(
        self,
        *,
        slug: str,
        clients: Mapping[str, SystemClient],
        clock: Clock,
        settings: Settings,
        ledger_path: Path,
        emit: Callable[[Event], None],
        nursery: trio.Nursery,
    ) -> None:
        self.clients = clients
        self.clock = clock
        self.settings = settings
        self.emit = emit
        self.nursery = nursery
        self.sentinels = Sentinels(settings.seed, slug)
        self.ledger = Ledger(ledger_path, durable=settings.mode != "sandbox")
        self._observers: dict[tuple[str, str], Observer] = {}
        self._factories = {
            system: RecordFactory(client, self.sentinels, before_write=self._intend, after_write=self._confirm)
            for system, client in clients.items()
        }
        self._owners: dict[str, str] = {}
        self._own: set[tuple[str, str, str]] = set()
        self._parent_tokens: set[str] = set()
        self._adopted: set[tuple[str, str, str]] = set()
        self._arrivals: list[tuple[Flow, float]] = []
        self._mappings: set[tuple[str, str, str]] = set()

    async def clear(self, entities: Iterable[EntityRef]) -> SweepResult:
        """Remove what the run left, as far as the ledger proves it ours; copies that nobody looked for included.

        Args:
            entities: Where copies may be: both ends of every flow.
        """
        for ref in entities:
            client = self.clients.get(ref.system)
            entity = client.schema.entity(ref.entity) if client else None
            if entity is not None:
                with suppress(ApiError):  # an entity that cannot be read holds nothing that could be found
                    await self.observer(ref.system, entity.name).poll()
        return await sweep(
            self.ledger.open_entries(),
            self.clients,
            on_removed=self.ledger.removed,
            sentinels_of=self._sentinels_of,
            on_settled=self.ledger.settle,
        )

    def observer(self, system: str, entity: str) -> Observer:
        """The one observer of an entity."""
        key = (system, entity)
        if key not in self._observers:
            observer = Observer(self.clients[system], entity, self.clock, self.settings.poll_s, self._adopt_copies)
            self._observers[key] = observer
            token = CURRENT.set(None)  # what an observer sees belongs to no scenario
            try:
                self.nursery.start_soon(observer.run)
            finally:
                CURRENT.reset(token)
        return self._observers[key]

    async def create(self, system: str, entity: str, key: str, overrides: Mapping[str, Scalar]) -> Record:
        """Create a record that carries sentinels, parents first; the ledger knows of each before the request."""
        factory = self._factories[system]
        record = await factory.make(entity, key, overrides)
        self._own.add((system, entity, record.id))
        for parent in factory.parents.values():
            self._own.add((system, parent.entity, parent.id))
            schema = self.clients[system].schema.entity(parent.entity)
            if schema is not None:
                self._parent_tokens |= strong_tokens(own_values(parent, schema).values())
        return record

    async def update(self, record: Record, values: Mapping[str, Scalar]) -> Record:
        """Change properties of a record; returns it as stored."""
        return await self.clients[record.system].update(record.entity, record.id, values)

    async def get(self, record: Record) -> Record | None:
        """The record as it is now; None where it is gone."""
        return await self.clients[record.system].get(record.entity, record.id)

    async def delete(self, record: Record) -> None:
        """Delete a record of ours."""
        await self.clients[record.system].delete(record.entity, record.id)
        self.ledger.removed(record.system, record.entity, record.id)

    def _intend(self, system: str, entity: str, key: str) -> str:
        return str(self.ledger.intend(system, entity, key.partition("#")[0], key))

    def _confirm(self, token: str, record_id: str | None) -> None:
        if record_id is None:
            self.ledger.void(int(token))  # the system refused: nothing was created
        else:
            self.ledger.confirm(int(token), record_id)

    def _sentinels_of(self, system: str, entity: str, key: str) -> tuple[str, Scalar] | None:
        client = self.clients.get(system)
        schema = client.schema.entity(entity) if client else None
        name = schema.field(schema.name_field) if schema and schema.name_field else None
        return (name.path, self.sentinels.value(name, key, 0)) if name else None

    # who owns what
    def own_tokens(self, tokens: Iterable[str], record_id: str) -> None:
        """Remember which source record carries these tokens."""
        for token in tokens:
            self._owners.setdefault(token, record_id)

    def foreign_owner(self, record: Record, allowed: frozenset[str]) -> str | None:
        """The probe whose value a record carries although it belongs to another one; None where there is none."""
        for token in sorted(strong_tokens(record.values.values())):
            owner = self._owners.get(token)
            if owner is not None and owner not in allowed:
                return owner
        return None

    def is_own(self, record: Record) -> bool:
        """Whether the harness itself created a record."""
        return (record.system, record.entity, record.id) in self._own

    def adopt(self, record: Record, why: str) -> None:
        """Take a record that the engine made of a probe into the ledger, once."""
        key = (record.system, record.entity, record.id)
        if key not in self._own and key not in self._adopted:
            self._adopted.add(key)
            self.ledger.adopt(record.system, record.entity, record.id, "", why)

    def _adopt_copies(self, record: Record, tokens: set[str]) -> None:
        """Whatever carries a value of ours and was not made by us is a copy: the sweep has to know of it."""
        if not record.deleted and any(t in self._owners or t in self._parent_tokens for t in tokens):
            self.adopt(record, why="carries a value that this run wrote")

    # signs of life and what was learnt on the way
    def note_arrival(self, flow: Flow, written_s: float) -> None:
        """Remember that a record of a flow written at some moment arrived."""
        self._arrivals.append((flow, written_s))

    def arrival_after(self, moment_s: float, besides: Flow) -> Flow | None:
        """Another flow of which a record written after a moment arrived."""
        return next((f for f, s in reversed(self._arrivals) if s >= moment_s and f.id != besides.id), None)

    def note_latency(self, flow: Flow, edited: Side, seconds: float) -> None:
        """Tell how long a change took to be seen."""
        self.note_arrival(flow, self.clock.now() - seconds)
        self.emit(
            LatencySeen(
                flow_id=flow.id,
                direction=f"{edited}-to-{edited.other}",
                seconds=round(seconds, 3),
                error_s=self.settings.poll_s,
            )
        )

    def note_mapping(self, mapping: MappingSeen) -> None:
        """Tell a property that was seen to travel, once a run."""
        key = (mapping.flow_id, mapping.source, mapping.target)
        if key not in self._mappings:
            self._mappings.add(key)
            self.emit(mapping)

    def scenario_observes(self, text: str, *sightings: Sighting) -> None:
        """Add evidence to the scenario whose step is running, if one is."""
        log = CURRENT.get()
        if log is not None:
            log.observe(text, self.clock.now(), *sightings)
