"""What a world's steps reach the outside by: clients, observers, factories, ledger, and who owns which value.

Knows nothing of checks or of what a flow promises.
"""

import secrets as randomness
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import trio

from talkqa.model.call import ACTOR, SWEEP
from talkqa.model.errors import ApiError
from talkqa.model.flow import EntityRef, Flow, Side
from talkqa.model.protocols import Clock, SystemClient
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.result import Event, LatencySeen, MappingSeen
from talkqa.model.schema import EntitySchema, FieldType
from talkqa.model.settings import Settings
from talkqa.systems.factory import RecordFactory
from talkqa.systems.sentinels import Sentinels, token_of
from talkqa.verify.arrivals import Arrivals
from talkqa.verify.conduct import Conduct
from talkqa.verify.evidence import CURRENT, of_no_scenario
from talkqa.verify.foreign import Reduction, leaves_of
from talkqa.verify.ledger import Ledger
from talkqa.verify.moments import read_stamp
from talkqa.verify.observer import Observer, Sighting, tokens_in
from talkqa.verify.probe import find_proof, own_values, strong_tokens
from talkqa.verify.safety import Permissions
from talkqa.verify.sweep import SweepResult, sweep

_LONG_ID = 8
_STAMPS_DIFFER = timedelta(seconds=2)
"""By how much a system's clock may be behind ours before its new records look old."""


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
        permissions: Permissions,
        conduct: Conduct,
    ) -> None:
        self.conduct = conduct
        self.created: Counter[tuple[str, str]] = Counter()
        """(system, entity) to how many records the run created."""
        self.copies: Counter[tuple[str, str]] = Counter()
        """(system, entity) to how many records the engine made of them, as far as seen."""
        self.arrivals = Arrivals()
        self.permissions = permissions
        self._began = clock.stamp()
        self.clients = clients
        self.clock = clock
        self.settings = settings
        self.emit = emit
        self.nursery = nursery
        self.sentinels = Sentinels(settings.seed, slug)
        self.ledger = Ledger(ledger_path, durable=settings.mode != "sandbox")
        self._observers: dict[tuple[str, str], Observer] = {}
        self._factories = {
            system: RecordFactory(
                client,
                self.sentinels,
                before_write=self._intend,
                after_write=self._confirm,
                pause=clock.sleep,
                existed=self._existed,
            )
            for system, client in clients.items()
        }
        # Equal sandbox runs give equal evidence; elsewhere nobody can redo the hashes.
        key = f"{settings.seed}".encode() if settings.mode == "sandbox" else randomness.token_bytes(32)
        self.reduction = Reduction(
            {system: client.schema for system, client in clients.items()}, key, self.recognises, self._wrote
        )
        self._owners: dict[str, str] = {}
        self._written: set[str] = set()
        self._intents: dict[str, tuple[str, str]] = {}
        self._own: set[tuple[str, str, str]] = set()
        self._controls: set[tuple[str, str, str]] = set()
        self._users: dict[str, str | None] = {}
        self._ids: set[str] = set()
        """Of records that are ours or that the engine made of them."""
        self._made: set[str] = set()
        """Of records that the run itself created."""
        self._unprimed: dict[tuple[str, str], ApiError] = {}
        self._before: set[str] = set()
        """Ids of records that were there before the run: whatever they hold by now, they are somebody's."""
        self._adopted: set[tuple[str, str, str]] = set()
        self._engines: defaultdict[str, set[str]] = defaultdict(set)
        """System to the users that wrote what only an engine writes."""
        self._mappings: dict[tuple[str, str, str], bool | None] = {}

    async def prime(self, entities: Iterable[EntityRef]) -> None:
        """See what is there before anything is written: none of it is ours, whatever becomes of it."""
        self._began = self.clock.stamp()
        for (system, entity), observer in self._observers_of(entities).items():
            try:
                with of_no_scenario():
                    await observer.prime()
            except ApiError as error:  # whoever needs the entity is told
                self._unprimed[system, entity] = error
            else:
                self._before.update(observer.latest)

    def require_primed(self, system: str, entity: str) -> None:
        """Make sure that what was there before the run is known: a copy could not be told from somebody's record.

        Raises:
            ApiError: why it is not known.
        """
        schema = self._entity(system, entity)
        error = self._unprimed.get((system, schema.name if schema is not None else entity))
        if error is not None:
            raise error

    async def look(self, system: str, entity: str) -> None:
        """Ask at once what changed, so that what is judged absent is absent now.

        Raises:
            ApiError: where the system does not answer.
        """
        with of_no_scenario(ACTOR.get()):  # the answer holds what other scenarios wrote
            await self.observer(system, entity).poll()

    async def clear(self, entities: Iterable[EntityRef]) -> SweepResult:
        """Remove what the run left, as far as the ledger proves it ours; copies that nobody looked for included.

        Args:
            entities: Where copies may be: both ends of every flow.
        """
        places = self._observers_of(entities).values()
        removed, result = 0, SweepResult(removed=0, left=())
        for _ in range(2):  # what the engine made while the first pass went on is found by the second
            for observer in places:
                with suppress(ApiError):  # an entity that cannot be read holds nothing that could be found
                    await observer.poll()
                for sighting in observer.log:
                    if not observer.latest[sighting.record.id].record.deleted:
                        self._adopt_copies(sighting.record, tokens_in(sighting.record))
            with of_no_scenario(SWEEP):
                result = await sweep(
                    self.ledger.open_entries(),
                    self.clients,
                    on_removed=self.ledger.removed,
                    on_settled=self.ledger.settle,
                )
            removed += result.removed
        return SweepResult(removed=removed, left=result.left)

    def _observers_of(self, entities: Iterable[EntityRef]) -> dict[tuple[str, str], Observer]:
        found: dict[tuple[str, str], Observer] = {}
        for ref in entities:
            client = self.clients.get(ref.system)
            entity = client.schema.entity(ref.entity) if client else None
            if entity is not None:
                found[ref.system, entity.name] = self.observer(ref.system, entity.name)
        return found

    def observer(self, system: str, entity: str) -> Observer:
        """The one observer of an entity."""
        key = (system, entity)
        if key not in self._observers:
            observer = Observer(
                self.clients[system],
                entity,
                self.clock,
                self.poll_s(system),
                self._adopt_copies,
                self._existed if self._tells_creation(system, entity) else None,
                self._without_foreign,
                lambda: self.conduct.due_s(system, entity, self.clock.now()),
            )
            self._observers[key] = observer
            with of_no_scenario():
                self.nursery.start_soon(observer.run)
        return self._observers[key]

    async def describe(self, system: str, entity: str) -> EntitySchema:
        """The entity as this account sees it, asked once a world.

        Raises:
            ApiError: where the system does not show it; the next who asks tries again.
        """
        return await self._factories[system].describe(entity)

    def poll_s(self, system: str) -> float:
        """How often a system is asked what changed."""
        return self.conduct.poll_s.get(system, self.settings.poll_s)

    async def create(
        self, system: str, entity: str, key: str, overrides: Mapping[str, Scalar], *, control: bool = False
    ) -> Record:
        """Create a record that carries sentinels, parents first; the ledger knows of each before the request.

        Args:
            system: Where.
            entity: What.
            key: What the sentinels are keyed by.
            overrides: Values that are not drawn.
            control: Whether it stands in for a record of the engine's: it is nobody's counterpart then.
        """
        factory = self._factories[system]
        record = await factory.make(entity, key, overrides)
        if control:
            self._controls.add((system, entity, record.id))
        self._own.add((system, entity, record.id))
        self._made.add(record.id)
        self._made.update(parent.id for parent in factory.parents.values())
        self._ids.add(record.id)
        self._users[system] = self.conduct.users.get(system, record.modified_by)
        self.own_tokens(self._strong_of(record), record.id)
        made = [parent for parent in factory.parents.values() if parent.id not in factory.found]
        self._own.update((system, parent.entity, parent.id) for parent in made)
        self._ids.update(parent.id for parent in made)
        return record

    async def find(self, system: str, entity: str, path: str, value: Scalar) -> tuple[Record, ...]:
        """Records whose property equals a value, as far as they came into being in this run.

        Raises:
            ApiError: where the system does not answer, or cannot search by the property.
        """
        found = await self.clients[system].find(entity, path, value)
        return tuple(record for record in found if not self._existed(record))

    def _tells_creation(self, system: str, entity: str) -> bool:
        """Whether records tell the moment of their creation."""
        schema = self._entity(system, entity)
        field = schema.field(schema.created_field) if schema and schema.created_field else None
        return field is not None and field.type is FieldType.DATETIME

    def _existed(self, record: Record) -> bool:
        """Whether a record's own stamp says that it was created before the run began; it stays somebody's then."""
        schema = self._entity(record.system, record.entity)
        if schema is None or schema.created_field is None or not self._tells_creation(record.system, record.entity):
            return False
        created = read_stamp(record.values.get(schema.created_field))
        if created is None:
            return False
        ahead = timedelta(seconds=self.conduct.ahead_s.get(record.system, 0.0))
        existed = created < self._began + ahead - _STAMPS_DIFFER
        if existed:
            self._before.add(record.id)
        return existed

    def _without_foreign(self, record: Record) -> Record:
        """What is kept of a record that was there before: all of it only where something of ours got into it."""
        return record if any(self._wrote(leaf) for leaf in leaves_of(record.values)) else self.reduction.record(record)

    def _strong_of(self, record: Record) -> set[str]:
        schema = self._entity(record.system, record.entity)
        return strong_tokens(own_values(record, schema).values()) if schema else set()

    def _entity(self, system: str, entity: str) -> EntitySchema | None:
        client = self.clients.get(system)
        return client.schema.entity(entity) if client else None

    async def update(self, record: Record, values: Mapping[str, Scalar]) -> Record:
        """Change properties of a record; returns it as stored."""
        self._written |= strong_tokens(values.values())
        stored = await self.clients[record.system].update(record.entity, record.id, values)
        self._users.setdefault(record.system, self.conduct.users.get(record.system, stored.modified_by))
        return stored

    async def get(self, record: Record) -> Record | None:
        """The record as it is now; None where it is gone."""
        return await self.clients[record.system].get(record.entity, record.id)

    async def delete(self, record: Record) -> None:
        """Delete a record of ours."""
        await self.clients[record.system].delete(record.entity, record.id)
        self.ledger.removed(record.system, record.entity, record.id)

    def _intend(self, system: str, entity: str, key: str, values: Mapping[str, Scalar]) -> str:
        self.permissions.take(system, entity)
        self._written |= strong_tokens(values.values())  # before the request: a copy may be seen before its answer
        proof = find_proof(self._entity(system, entity), values)
        token = str(self.ledger.intend(system, entity, key.partition("#")[0], key, proof))
        self._intents[token] = (system, entity)
        return token

    def _confirm(self, token: str, record_id: str | None) -> None:
        if record_id is None:
            self.ledger.void(int(token))  # the system refused: nothing was created
        else:
            self.ledger.confirm(int(token), record_id)
            place = self._intents.pop(token)
            self.created[place] += 1
            if (*place, record_id) in self._adopted:  # seen before its own answer came, and taken for a copy
                self._adopted.remove((*place, record_id))
                self.copies[place] -= 1

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

    def is_borrowed(self, value: FieldValue, record: Record) -> bool:
        """Whether this run wrote a value that a record shows, and to another record, such as its parent."""
        written = strong_tokens([value]) & self._written
        return bool(written) and not written & self._strong_of(record)

    def is_own(self, record: Record) -> bool:
        """Whether the harness itself created a record."""
        return (record.system, record.entity, record.id) in self._own

    def is_control(self, record: Record) -> bool:
        """Whether the harness created a record in the engine's place, to see whether the system takes it."""
        return (record.system, record.entity, record.id) in self._controls

    def is_our_user(self, system: str, user: str | None) -> bool:
        """Whether a write was made by the harness's own account, as far as the system tells."""
        return user is not None and self._users.get(system) == user

    def note_engine(self, record: Record) -> None:
        """Remember who wrote a version that only the engine can have written, as far as the system tells."""
        if record.modified_by is not None and not self.is_our_user(record.system, record.modified_by):
            self._engines[record.system].add(record.modified_by)

    def is_somebody_else(self, record: Record) -> bool:
        """Whether a version was written by a user who was never seen to do what only the engine does."""
        known = self._engines[record.system]
        return bool(known) and record.modified_by is not None and record.modified_by not in known

    def was_there(self, record: Record) -> bool:
        """Whether a record was, or may have been, there before the run: it is somebody's, even with values of ours."""
        observer = self._observers.get((record.system, record.entity))
        return observer is not None and (not observer.is_primed or observer.was_there(record.id))

    def adopt(self, record: Record, why: str) -> None:
        """Take a record that the engine made of a probe into the ledger, once."""
        key = (record.system, record.entity, record.id)
        if key not in self._own and key not in self._adopted and not self.was_there(record):
            self._adopted.add(key)
            self._ids.add(record.id)
            self.copies[record.system, record.entity] += 1
            self.ledger.adopt(record.system, record.entity, record.id, "", why)

    def _adopt_copies(self, record: Record, tokens: set[str]) -> None:
        """Whatever carries a value of ours and was not made by us is a copy: the sweep has to know of it."""
        if (
            not self._existed(record)
            and not record.deleted
            and any(t in self._owners or t in self._written for t in tokens)
        ):
            self.adopt(record, why="carries a value that this run wrote")

    def recognises(self, body: Mapping[str, object]) -> bool:
        """Whether a record as its system wrote it is ours or carries a value of ours: others are nobody's business."""
        own_id = self.reduction.id_of(body)
        if own_id in self._made and len(own_id or "") >= _LONG_ID:
            return True
        if own_id in self._before and own_id not in self._made:
            return False
        leaves = [leaf for leaf in leaves_of(body) if leaf != own_id]  # a copy was nobody's before it held our values
        if not self._ids.isdisjoint(leaf for leaf in leaves if len(leaf) >= _LONG_ID):
            return True  # a short id is met by chance: a house number, a count
        return any(self._wrote(leaf) for leaf in leaves)

    def _wrote(self, text: str) -> str:
        """The tokens of a text that this run wrote."""
        return " ".join(t for t in token_of(text) if t in self._written or t in self._owners)

    # what was learnt on the way
    def note_latency(self, flow: Flow, edited: Side, seconds: float) -> None:
        """Tell how long a change took to be seen."""
        self.arrivals.note_latency(flow, edited, self.clock.now() - seconds, seconds)
        self.emit(
            LatencySeen(
                flow_id=flow.id,
                direction=f"{edited}-to-{edited.other}",
                seconds=round(seconds, 3),
                error_s=self.poll_s(flow.entity(edited.other).system),
            )
        )

    def note_mapping(self, mapping: MappingSeen) -> None:
        """Tell a property that was seen to travel: once a run, and once more where its way back comes to be known."""
        key = (mapping.flow_id, mapping.source, mapping.target)
        if key not in self._mappings or (mapping.both_ways is not None and not self._mappings[key]):
            self._mappings[key] = mapping.both_ways
            self.emit(mapping)

    def mappings_of(self, flow: Flow) -> list[tuple[str, str]]:
        """Source and target of the properties of a flow that were seen to travel in this run, sorted."""
        return sorted((source, target) for flow_id, source, target in self._mappings if flow_id == flow.id)

    def scenario_observes(self, text: str, *sightings: Sighting) -> None:
        """Add evidence to the scenario whose step is running, if one is."""
        log = CURRENT.get()
        if log is not None:
            log.observe(text, self.clock.now(), *sightings)
