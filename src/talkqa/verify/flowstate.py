"""One flow inside a world: its schemas as the accounts show them, its way into a link, its heartbeats."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial

import trio

from talkqa.model.call import acting_as
from talkqa.model.check import RowClass
from talkqa.model.errors import (
    ApiRefused,
    ApiUnavailable,
    CheckNotRunnable,
    CheckOutcome,
    CheckUndecided,
    FeatureMissing,
)
from talkqa.model.flow import EntityRef, Flow, Side
from talkqa.model.record import Record
from talkqa.model.result import Cause
from talkqa.model.schema import EntitySchema
from talkqa.verify.access import Access
from talkqa.verify.heartbeat import Heartbeats
from talkqa.verify.observer import Observer, Sighting
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.probe import Probe
from talkqa.verify.routes import condition_bindings, connections, route_of, unbound_conditions, unrestricted_sibling
from talkqa.verify.rows import RowJudgement, judge_class
from talkqa.verify.travel import LEAST_TOKEN, Arriving, Marks, marks_of, spelled, tokens_of, written_of
from talkqa.verify.values import FlowValues


class FlowState:
    """What is known of one flow during a run; prepared once, shared by its scenarios."""

    def __init__(
        self,
        access: Access,
        flow: Flow,
        neighbours: Mapping[str, "FlowState"],
        beat: Callable[["FlowState", int], Awaitable[bool]],
    ) -> None:
        """Make the state of a flow.

        Args:
            access: The way to the systems.
            flow: The flow.
            neighbours: Flow id to state, of every flow of the world, this one included.
            beat: Writes heartbeat number n of a flow and tells whether it arrived.
        """
        self.access = access
        self.flow = flow
        self.neighbours = neighbours
        self._beat = beat
        self._prepared = trio.Lock()
        self._blocked: CheckOutcome | None = None
        self._ready = False
        self._control: CheckOutcome | None = None
        self._controlled = trio.Lock()
        self._control_written = False
        self.schemas: dict[Side, EntitySchema] = {}

    async def prepare(self) -> None:
        """Find out whether the flow can be tested here at all.

        Raises:
            CheckOutcome: not runnable or undecided, the same one for every scenario of the flow.
            ApiUnavailable: where a system did not answer; the next scenario asks again.
        """
        async with self._prepared:
            if not self._ready and self._blocked is None:
                try:
                    await self._prepare()
                    self._ready = True
                except CheckOutcome as blocked:
                    self._blocked = blocked
        if self._blocked is not None:
            raise type(self._blocked)(
                self._blocked.reason, self._blocked.message, cause=self._blocked.cause, observed=self._blocked.observed
            )

    async def usable(self) -> bool:
        """Whether the flow can be tested here."""
        try:
            await self.prepare()
        except (CheckOutcome, ApiUnavailable):
            return False
        return True

    async def _prepare(self) -> None:
        unbound = unbound_conditions(self.flow, self.access.settings)
        if unbound:
            raise CheckUndecided(
                "condition-unbound",
                f"needs a binding: nothing says in which fields '{unbound[0]}' shows; "
                "bind it under [[conditions]] in talkqa.toml",
                cause=Cause.DOCUMENT,
            )
        sibling = unrestricted_sibling(self.flow, tuple(n.flow for n in self.neighbours.values()))
        if sibling is not None:
            raise CheckUndecided(
                "facet-needs-binding",
                f"nothing says which {self.flow.source.entity} belong to this flow and which to "
                f"'{sibling.title}', into which each of them goes without condition",
                cause=Cause.DOCUMENT,
            )
        for side in Side:
            self.schemas[side] = await self._describe(self.flow.entity(side))
            self.access.permissions.require(self.flow.entity(side).system, self.schemas[side].name)
            self._require_primed(self.flow.entity(side))
        flows, settings = tuple(n.flow for n in self.neighbours.values()), self.access.settings
        self.route = route_of(self.flow, flows, settings, self.schemas[Side.SOURCE], self.schemas[Side.TARGET])
        self.connections = connections(self.flow, flows, settings)
        self.conditions = condition_bindings(self.flow, settings)
        self.judgements: dict[tuple[str, str], RowJudgement] = {
            (row.source, row.target): judge_class(self.flow, row, self.schemas[Side.SOURCE], self.schemas[Side.TARGET])
            for row in self.flow.properties
        }
        self.values = FlowValues(
            flow=self.flow,
            source=self.schemas[Side.SOURCE],
            target=self.schemas[Side.TARGET],
            sentinels=self.access.sentinels,
        )
        self.heartbeats = Heartbeats(
            partial(self._beat, self),
            self.access.clock,
            self.access.nursery,
            gather_s=self.access.settings.poll_s,
            actor=f"heartbeat {self.flow.id}",
            recorded=self.access.conduct.recorded_beats(self.flow.id),
            on_start=self.access.conduct.on_start,
            on_choice=self.access.conduct.on_choice,
        )

    async def _describe(self, ref: EntityRef) -> EntitySchema:
        client = self.access.clients.get(ref.system)
        known = client.schema.entity(ref.entity) if client is not None else None
        if client is None or known is None:
            raise CheckNotRunnable(
                "entity-unknown",
                f"no descriptor knows {ref.name}: describe it in a descriptor file or correct the document",
                cause=Cause.CONFIGURATION,
            )
        try:
            return await self.access.describe(ref.system, known.name)
        except FeatureMissing as missing:
            raise licence_missing(ref, missing) from missing
        except ApiRefused as error:
            raise CheckNotRunnable(
                "entity-unreadable", f"{ref.system} does not show {ref.entity}: {error}", cause=Cause.API
            ) from error

    def _require_primed(self, ref: EntityRef) -> None:
        try:
            self.access.require_primed(ref.system, ref.entity)
        except ApiRefused as error:
            raise CheckNotRunnable(
                "entity-unreadable", f"{ref.system} does not list {ref.entity}: {error}", cause=Cause.API
            ) from error

    def schema(self, side: Side) -> EntitySchema:
        """The entity at one end, as the account sees it."""
        return self.schemas[side]

    def both(self) -> tuple[EntitySchema, EntitySchema]:
        """Source and target."""
        return self.schemas[Side.SOURCE], self.schemas[Side.TARGET]

    def marks(self, record: Record) -> Marks:
        """What a source record is recognised by on the other side."""
        schema = self.schemas[Side.SOURCE]
        return marks_of(written_of(record, schema), schema, self._arriving(record))

    def recognisable(self, record: Record) -> bool:
        """Whether something of a source record can be recognised at all, as far as the document says what travels."""
        if not self.flow.properties:
            return bool(self.marks(record).strong)
        return any(len(token) >= LEAST_TOKEN for arriving in self._arriving(record) for token in arriving.tokens)

    def _arriving(self, record: Record) -> list[Arriving]:
        """What the documented properties of a source record are to be in the target."""
        found, schema = [], self.schemas[Side.SOURCE]
        for row in self.flow.properties:
            judgement = self.judgements[(row.source, row.target)]
            row_class, value = judgement.row_class, record.values.get(spelled(schema, row.source))
            if judgement.target_field is None or not judgement.target_field.createable:
                continue  # the target computes it: nobody writes it there
            if row_class is RowClass.TRANSFORM and row.transform is not None:
                with suppress(OracleUnknown):
                    value = evaluate(row.transform, value, dict(record.values), now=self.access.clock.stamp())
                    found.append(Arriving(tokens=tokens_of(value), sure=not row.qualifiers))
            elif row_class in {RowClass.PLAIN, RowClass.LIST, RowClass.SHARED}:
                sure = row_class is not RowClass.SHARED and not row.qualifiers
                found.append(Arriving(tokens=tokens_of(value), sure=sure))
        return found

    def resembling(self, probe: Probe, side: Side) -> tuple[dict[str, Sighting], dict[str, Sighting]]:
        """Records of one side that carry values of a probe, by id, its own and others that the harness wrote left out.

        Returns:
            Those that must have them from the probe, and those that may hold them by chance.
        """
        observer = self.observer(side)

        def ours(sighting: Sighting) -> bool:
            record = sighting.record
            return record.id == probe.record.id or self.access.is_own(record) or observer.was_there(record.id)

        sure = {i: s for i, s in observer.carriers(probe.tokens).items() if not ours(s)}
        marks = [self.marks(record) for record in (probe.first, probe.record)]
        weak = observer.carriers(token for each in marks for tokens in each.weak for token in tokens)
        doubtful: dict[str, Sighting] = {}
        for record_id, sighting in weak.items():
            held = sighting.record
            if record_id in sure or ours(sighting) or sighting.seen_s < probe.written_s:
                continue
            if any(each.proven_by(held) for each in marks):
                sure[record_id] = sighting
            elif any(each.recognise(held) for each in marks):
                doubtful[record_id] = sighting
        return sure, doubtful

    async def look(self, *sides: Side) -> None:
        """Ask at once what changed at these ends.

        Raises:
            ApiError: where a system does not answer, so that nothing can be said to be absent.
        """
        for side in sides or tuple(Side):
            await self.access.look(self.flow.entity(side).system, self.schemas[side].name)

    def observer(self, side: Side) -> Observer:
        """Who watches the entity at one end."""
        ref = self.flow.entity(side)
        return self.access.observer(ref.system, self.schemas[side].name)

    @property
    def avoided(self) -> frozenset[str]:
        """Source properties that mean more than their value: editing them could break or make a link."""
        special = {row.source for row in self.flow.merge}
        special |= {path for binding in self.conditions for path in (*binding.holds, *binding.fails)}
        special |= {c.binding.path for c in self.connections if c.binding.held_by == "source"}
        special |= {q.path for row in self.flow.properties for q in row.qualifiers}
        return frozenset(spelled(self.schemas[Side.SOURCE], path) for path in special)

    async def control_write(self) -> CheckOutcome | None:
        """Whether the target takes a record like the missing one from the harness itself; asked once a flow.

        Returns:
            None where it does, so that the engine is to blame; else the outcome that says who is not.

        Raises:
            ApiUnavailable: where the system does not answer; the next one who asks tries again.
        """
        async with self._controlled:
            if not self._control_written:
                self._control = await self._write_control()
                self._control_written = True
        return self._control

    async def _write_control(self) -> CheckOutcome | None:
        target = self.flow.target
        try:
            with acting_as(f"control {self.flow.id}"):  # whoever asked first: the answer is the flow's
                await self.access.create(target.system, self.schemas[Side.TARGET].name, f"control/{self.flow.id}", {})
        except FeatureMissing as missing:
            return licence_missing(target, missing)
        except ApiRefused as error:
            return CheckUndecided(
                "target-refuses",
                f"{target.system} refuses a {target.entity} from the harness too: {error}",
                cause=Cause.API,
            )
        return None


def licence_missing(ref: EntityRef, missing: FeatureMissing) -> CheckNotRunnable:
    """The outcome of a check whose system lacks a licence."""
    return CheckNotRunnable(
        "licence-missing",
        f"{ref.name} needs the licence {missing.licence} of {ref.system}, which is not active: {missing}",
        cause=Cause.CONFIGURATION,
        observed=str(missing),
    )
