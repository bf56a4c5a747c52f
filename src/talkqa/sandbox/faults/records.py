# ruff: noqa: D102 - what each decision is, the correct engine says
"""Faults of records: let in or kept out wrongly, made twice, merged with the wrong one, deleted.

Used by the catalogue.
"""

from collections.abc import Iterable, Iterator

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.connectors.contract import Fetched
from talkqa.sandbox.conversion import is_empty, to_text
from talkqa.sandbox.faults.faulty import Aim, Faulty, own_groups
from talkqa.sandbox.faults.places import is_text, makes_records
from talkqa.sandbox.pairing import Direction, Pairing, criteria_of
from talkqa.sandbox.rules import Connection, FlowRules, Permit
from talkqa.sandbox.state import EngineState, Link

Criteria = tuple[tuple[str, str], ...]
_SAME_CHARACTERS = 1
"""How many characters at its beginning are enough for a partial key."""


class OfCreation(Faulty):
    """A fault of flows that create target records."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        able = pairing.entities[direction.side.other].createable
        return (None,) if able and makes_records(direction) else ()


class DuplicateOnCreate(OfCreation):
    """Makes one target record too many."""

    def copies(self, pairing: Pairing, side: Side) -> int:
        return self.inner.copies(pairing, side) + self.concerns(pairing, side)


class DuplicateOnRetry(OfCreation):
    """Creates again what may have been created."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        """Where records merge, the one that was made without an answer is found as a match: nothing shows."""
        return () if direction.rules.merges else super().arguments(pairing, direction)

    def looks_first(self, pairing: Pairing) -> bool:
        return not self.concerns(pairing) and self.inner.looks_first(pairing)


class ImportsOwnCopies(OfCreation):
    """Takes its own target records for new source records."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        return super().arguments(pairing, direction) if pairing.entities[direction.side].createable else ()

    def imports_copies(self, pairing: Pairing, side: Side) -> bool:
        return self.concerns(pairing, side) or self.inner.imports_copies(pairing, side)


class MergesAnything(OfCreation):
    """Takes any target record for a match."""

    def mistaken_match(self, pairing: Pairing, side: Side, record: Fetched, state: EngineState) -> str | None:
        if self.concerns(pairing, side):
            found = sorted(_targets(pairing, side, record, state), key=lambda one: _is_taken(pairing, side, one, state))
            if found:
                return found[0].id
        return self.inner.mistaken_match(pairing, side, record, state)


class OfMerging(Faulty):
    """A fault of flows that merge."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        return (None,) if direction.rules.merges and any(criteria_of(pairing, direction)) else ()


class NoMerge(OfMerging):
    """Overlooks matches."""

    def permit(self, pairing: Pairing, side: Side, rules: FlowRules, permit: Permit) -> Permit:
        permit = self.inner.permit(pairing, side, rules, permit)
        # Where a match alone would have let the record in, it gets a new counterpart instead.
        return Permit(link=permit.link, create=permit.create or permit.link) if self.concerns(pairing, side) else permit

    def merges(self, pairing: Pairing, side: Side, *, documented: bool) -> bool:
        return not self.concerns(pairing, side) and self.inner.merges(pairing, side, documented=documented)


class OfMatching(OfMerging):
    """A fault that matches the wrong records: it shows where a target is free until a source record meets it."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        taken = any(other.side is not direction.side and other.rules.every for other in pairing.directions)
        return () if taken else super().arguments(pairing, direction)


class MergesOnOtherKey(OfMatching):
    """Compares another property than the documented ones."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        return super().arguments(pairing, direction) if _other_key(pairing, direction) else ()

    def criteria(self, pairing: Pairing, side: Side, criteria: Criteria) -> Criteria:
        criteria = self.inner.criteria(pairing, side, criteria)
        others = (_other_key(pairing, d) for d in self._directions(pairing) if d.side is side)
        return next((other for other in others if other), criteria)


def _other_key(pairing: Pairing, direction: Direction) -> Criteria:
    known = set(criteria_of(pairing, direction))
    groups = [group for group in own_groups(pairing, direction) if is_text(group)]
    others = ((group.members[0].source.path, group.target.path) for group in groups)
    return tuple(pair for pair in others if pair not in known)[:1]


class MergesOnPartialKey(OfMatching):
    """Compares the beginning of a criterion's value alone."""

    def mistaken_match(self, pairing: Pairing, side: Side, record: Fetched, state: EngineState) -> str | None:
        found = self._alike(pairing, side, record, state) if self.concerns(pairing, side) else None
        return found or self.inner.mistaken_match(pairing, side, record, state)

    def _alike(self, pairing: Pairing, side: Side, record: Fetched, state: EngineState) -> str | None:
        for direction in self._directions(pairing):
            for source, target in criteria_of(pairing, direction) if direction.side is side else ():
                wanted = {self.reduce(text) for text in _texts(record.values.get(source))}
                for one in _targets(pairing, side, record, state):
                    free = not _is_taken(pairing, side, one, state)
                    if free and wanted & {self.reduce(text) for text in _texts(one.values.get(target))}:
                        return one.id
        return None

    def reduce(self, text: str) -> str:
        """What is compared of a value."""
        return text[:_SAME_CHARACTERS].casefold()


class MergesNearMisses(MergesOnPartialKey):
    """Takes letter case and blanks for nothing."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        return super().arguments(pairing, direction) if direction.flow.merge else ()

    def reduce(self, text: str) -> str:
        return text.strip().casefold()


class CriterionDropped(OfMerging):
    """Leaves one of several merge criteria out; the argument is its target property."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        found = tuple(criteria_of(pairing, direction)) if direction.rules.merges else ()
        return [target for _, target in found] if len(found) > 1 else []

    def criteria(self, pairing: Pairing, side: Side, criteria: Criteria) -> Criteria:
        criteria = self.inner.criteria(pairing, side, criteria)
        if not self.concerns(pairing, side):
            return criteria
        dropped = self.aim.argument or criteria[0][1]
        return tuple(pair for pair in criteria if pair[1] != dropped)


class OfPermission(Faulty):
    """Lets in what must stay out, or keeps out what must come in."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        del pairing
        return (None,) if cls.restricts(direction.rules) else ()

    @classmethod
    def restricts(cls, rules: FlowRules) -> bool:
        """Whether the sentence that it breaks keeps records out."""
        return not rules.every and not rules.predicates and not rules.creates_unmatched

    def permit(self, pairing: Pairing, side: Side, rules: FlowRules, permit: Permit) -> Permit:
        permit = self.inner.permit(pairing, side, rules, permit)
        aimed = any(direction.rules is rules for direction in self._directions(pairing))
        return self.mistake(permit) if aimed and self.restricts(rules) else permit

    def mistake(self, permit: Permit) -> Permit:
        """What is done instead."""
        del permit
        return Permit(link=True, create=True)


class PreconditionIgnored(OfPermission):
    """Lets in what is neither linked nor connected."""


class PreconditionInverted(OfPermission):
    """Lets in what is not connected, and keeps out what is."""

    def mistake(self, permit: Permit) -> Permit:
        return Permit(link=False, create=not permit.create)


class ConditionIgnored(OfPermission):
    """Lets in what the condition keeps out."""

    @classmethod
    def restricts(cls, rules: FlowRules) -> bool:
        return rules.conditional


class ConditionInverted(ConditionIgnored):
    """Lets in what the condition keeps out, and keeps out what it lets in."""

    def mistake(self, permit: Permit) -> Permit:
        return Permit(link=not permit.create, create=not permit.create)


class ConnectionIgnored(Faulty):
    """Does not count one way of being connected; the argument is the connected entity."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        del pairing
        return list(dict.fromkeys(connection.entity for connection in direction.rules.connections))

    def counts(self, pairing: Pairing, side: Side, connection: Connection) -> bool:
        ignored = self.concerns(pairing, side) and self.aim.argument in (None, connection.entity)
        return not ignored and self.inner.counts(pairing, side, connection)


class IdReused(OfCreation):
    """Gives the counterpart of a deleted record to the next new one."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        return super().arguments(pairing, direction) if direction.side in pairing.told_of_deletes else ()

    def __init__(self, inner: Behaviour, aim: Aim) -> None:
        super().__init__(inner, aim)
        self._left: dict[str, list[str]] = {}

    def gone(self, link: Link, side: Side) -> None:
        if self.concerns(link.pairing, side):
            self._left.setdefault(link.pairing.id, []).append(link.ids[side.other])
        self.inner.gone(link, side)

    def mistaken_match(self, pairing: Pairing, side: Side, record: Fetched, state: EngineState) -> str | None:
        left = self._left.get(pairing.id, []) if self.concerns(pairing, side) else []
        while left:
            found = left.pop(0)
            if state.known(pairing.keys[side.other], found) is not None:
                return found
        return self.inner.mistaken_match(pairing, side, record, state)


class DeletesSpread(Faulty):
    """Deletes the counterpart of a source record that was deleted."""

    @classmethod
    def arguments(cls, pairing: Pairing, direction: Direction) -> Iterable[str | None]:
        target = pairing.entities[direction.side.other]
        spreads = direction.side in pairing.told_of_deletes and (target.deletable or target.archive)
        return (None,) if spreads else ()

    def spreads_deletes(self, pairing: Pairing, deleted: Side) -> bool:
        return self.concerns(pairing, deleted) or self.inner.spreads_deletes(pairing, deleted)


def _targets(pairing: Pairing, side: Side, record: Fetched, state: EngineState) -> Iterator[Fetched]:
    """What a source record could be linked to, oldest first."""
    key = pairing.keys[side.other]
    known = state.all_known(key)
    return (one for one in known if (*key, one.id) not in state.own and one.id != record.id)


def _is_taken(pairing: Pairing, side: Side, record: Fetched, state: EngineState) -> bool:
    return state.is_retired(pairing, pairing.keys[side.other], record.id)


def _texts(value: FieldValue) -> set[str]:
    items = value if isinstance(value, tuple) else (value,)
    return {to_text(item) for item in items if not is_empty(item)}
