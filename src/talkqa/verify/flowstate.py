"""One flow inside a world: its schemas as the accounts show them, its way into a link, its heartbeats."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import trio

from talkqa.model.check import RowClass
from talkqa.model.errors import (
    ApiRefused,
    ApiUnavailable,
    CheckNotRunnable,
    CheckOutcome,
    CheckUndecided,
    FeatureMissing,
)
from talkqa.model.flow import EntityRef, Flow, MergeRow, PropertyRow, Side
from talkqa.model.record import Record
from talkqa.model.result import Cause
from talkqa.model.schema import EntitySchema
from talkqa.verify.access import Access
from talkqa.verify.bindings import bound_conditions, unbound_conditions
from talkqa.verify.heartbeat import Heartbeats, Sender
from talkqa.verify.observer import Observer, Sighting
from talkqa.verify.oracle import OracleUnknown, evaluate
from talkqa.verify.probe import Probe
from talkqa.verify.routes import (
    Route,
    connections,
    maker_of_pairs,
    membership,
    rightful_copies,
    route_of,
    taker_of_targets,
    unrestricted_sibling,
    usable_merge_rows,
)
from talkqa.verify.rows import RowJudgement
from talkqa.verify.throughput import Throughput
from talkqa.verify.travel import LEAST_TOKEN, Arriving, Marks, marks_of, spelled, tokens_of, written_of
from talkqa.verify.union import judge_rows, unite_rows
from talkqa.verify.values import FlowValues


class FlowState:
    """What is known of one flow during a run; prepared once, shared by its scenarios."""

    def __init__(
        self,
        access: Access,
        flow: Flow,
        neighbours: Mapping[str, "FlowState"],
        make_sender: Callable[["FlowState", Side | None], Sender],
    ) -> None:
        """Make the state of a flow.

        Args:
            access: The way to the systems.
            flow: The flow.
            neighbours: Flow id to state, of every flow of the world, this one included.
            make_sender: Gives what writes heartbeats: new records, or edits of one side.
        """
        self.access = access
        self.flow = flow
        self.neighbours = neighbours
        self._make_sender = make_sender
        self._prepared = trio.Lock()
        self._blocked: CheckOutcome | None = None
        self._ready = False
        self.schemas: dict[Side, EntitySchema] = {}
        self.uneditable: set[Side] = set()
        """Sides of which nothing can be edited for a sign of life."""

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
                    for beats in self.edit_beats.values():
                        beats.repeat()
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
        for side in Side:
            self.schemas[side] = await self._describe(self.flow.entity(side))
            self.access.permissions.require(self.flow.entity(side).system, self.schemas[side].name)
            self._require_primed(self.flow.entity(side))
        flows, settings = tuple(n.flow for n in self.neighbours.values()), self.access.settings
        self.membership = membership(self.flow, flows, settings, self.schemas[Side.SOURCE])
        sibling = unrestricted_sibling(self.flow, flows, self.membership.apart)
        if sibling is not None:
            raise CheckUndecided(
                "facet-needs-binding",
                f"nothing says which {self.flow.source.entity} belong to this flow and which to "
                f"'{sibling.title}', into which each of them goes without condition; bind the facets under [[facets]] "
                "in talkqa.toml",
                cause=Cause.DOCUMENT,
            )
        self.route = route_of(self.flow, flows, settings, self.schemas[Side.SOURCE], self.schemas[Side.TARGET])
        self.maker = self
        if self.route is Route.REVERSE:
            await self._prepare_maker(maker_of_pairs(self.flow, flows, settings))
        self.taker = taker_of_targets(self.flow, flows, settings)
        self.mergeable = usable_merge_rows(self.flow, *self.both()) if self.taker is None else ()
        self.connections = connections(self.flow, flows, settings)
        self.conditions = bound_conditions(self.flow, settings, self.schemas[Side.SOURCE])
        self.united = unite_rows(self.flow, flows)
        self.judgements: dict[tuple[str, str], RowJudgement] = judge_rows(self.flow, flows, *self.both())
        self.values = FlowValues(
            flow=self.flow,
            source=self.schemas[Side.SOURCE],
            target=self.schemas[Side.TARGET],
            sentinels=self.access.sentinels,
        )
        settings = self.access.settings
        recorded = self.access.conduct.beats is not None
        self.throughput = Throughput(self.access.clock, settings.patience_s, bounded=not recorded)
        self.heartbeats = self._beats(None)
        self.edit_beats = {side: self._beats(side) for side in Side}

    async def _prepare_maker(self, reverse: Flow | None) -> None:
        """Make sure of the reverse flow that is to make pairs; it never needs this one for that."""
        maker = self.neighbours[reverse.id] if reverse is not None else self
        try:
            if maker is not self:
                await maker.prepare()
        except CheckOutcome:
            self.route = Route.NONE
        else:
            self.maker = maker

    def rightful_copies(self, flows: Iterable[Flow]) -> dict[Side, int] | None:
        """How many records of each end one probe may rightly cause over all these flows; None if unknown.

        Counted is the target, and not the source, whichever of the two the test writes.
        """
        found = rightful_copies(self.maker.flow, flows, self.maker.membership.apart)
        if self.maker is self or found is None:
            return found
        return {Side.SOURCE: found[Side.TARGET] - 1, Side.TARGET: found[Side.SOURCE] + 1}

    def longest_s(self) -> float:
        """The longest time that a change of this flow was seen to take."""
        beats = (self.heartbeats, *self.edit_beats.values())
        return max(self.access.arrivals.longest_s.get(self.flow.id, 0.0), *(each.longest_s() for each in beats))

    def _beats(self, side: Side | None) -> Heartbeats:
        """Heartbeats of new records, or of edits of one side."""
        name = self.flow.id if side is None else f"{self.flow.id} {side}-edits"
        return Heartbeats(
            self._make_sender(self, side),
            self.access.clock,
            self.access.nursery,
            gather_s=self.access.settings.poll_s,
            actor=f"heartbeat {name}",
            recorded=self.access.conduct.recorded_beats(name),
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

    def path(self, row: PropertyRow | MergeRow, side: Side) -> str:
        """The property at one end of a row, as the schema spells it."""
        return spelled(self.schemas[side], row.source if side is Side.SOURCE else row.target)

    def marks(self, record: Record, besides: frozenset[str] = frozenset()) -> Marks:
        """What a source record is recognised by on the other side, but for tokens that others carry as well."""
        schema = self.schemas[Side.SOURCE]
        return marks_of(written_of(record, schema), schema, self._arriving(record), besides)

    def recognisable(self, record: Record, besides: frozenset[str] = frozenset()) -> bool:
        """Whether something of a source record can be recognised at all, as far as the document says what travels.

        Args:
            record: The source record.
            besides: Tokens that the other side holds for another reason.
        """
        if not self.flow.properties:
            return bool(self.marks(record, besides).strong)
        tokens = {token for arriving in self._arriving(record) for token in arriving.tokens}
        return any(len(token) >= LEAST_TOKEN for token in tokens - besides)

    def _arriving(self, record: Record) -> list[Arriving]:
        """What the documented properties of a source record are to be in the target."""
        found, schema = [], self.schemas[Side.SOURCE]
        for row in self.flow.properties:
            judgement = self.judgements[(row.source, row.target)]
            row_class, value = judgement.row_class, record.values.get(spelled(schema, row.source))
            if judgement.target_field is None or not judgement.target_field.createable:
                continue  # the target computes it: nobody writes it there
            own = judgement.source_field
            if own is not None and not (own.createable or own.updateable) and self.access.is_borrowed(value, record):
                continue  # others with the same parent show it too
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

        marks = [self.marks(record) for record in (probe.first, probe.record)]
        strong = probe.tokens.union(*(each.strong - probe.shared for each in marks))
        sure = {i: s for i, s in observer.carriers(strong).items() if not ours(s)}
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
    def deciding(self) -> frozenset[str]:
        """Source properties that decide whether a record belongs to the flow, or may travel."""
        return self.membership.paths.union(*(condition.paths for condition in self.conditions))

    @property
    def avoided(self) -> frozenset[str]:
        """Source properties that mean more than their value: editing them could break or make a link."""
        special = {row.source for row in self.flow.merge}
        special |= self.deciding
        special |= {c.binding.path for c in self.connections if c.binding.held_by == "source"}
        special |= {q.path for row in self.flow.properties for q in row.qualifiers}
        return frozenset(spelled(self.schemas[Side.SOURCE], path) for path in special)


def licence_missing(ref: EntityRef, missing: FeatureMissing) -> CheckNotRunnable:
    """The outcome of a check whose system lacks a licence."""
    return CheckNotRunnable(
        "licence-missing",
        f"{ref.name} needs the licence {missing.licence} of {ref.system}, which is not active: {missing}",
        cause=Cause.CONFIGURATION,
        observed=str(missing),
    )
