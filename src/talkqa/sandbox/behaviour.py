# ruff: noqa: ARG002 - the correct engine decides without looking at what a fault may look at
"""Where the reference engine can be made to misbehave: each decision that a fault changes is one method here.

Used by the engine. The base class is the correct engine; `talkqa.sandbox.faults` overrides single methods.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.connectors.contract import Fetched
from talkqa.sandbox.pairing import Pairing
from talkqa.sandbox.rows import Group
from talkqa.sandbox.rules import Connection, FlowRules, Permit
from talkqa.sandbox.state import EngineState, Link


class Aftermath(StrEnum):
    """What a wrong engine does once it has carried an edit."""

    RESTORES = "restores"
    """A cycle later it writes the old values over the new ones."""
    OSCILLATES = "oscillates"
    """From then on it writes old and new values in turn."""
    BREEDS = "breeds"
    """From then on each cycle writes the record once more than the cycle before."""
    MAKES_ANOTHER = "makes another"
    """It makes a further target record."""
    UNLINKS = "unlinks"
    """It forgets the link."""
    RELINKS = "relinks"
    """It links the record to another record's counterpart."""


class Behaviour:
    """What the engine does where a fault may interfere; this one does it right."""

    def is_alive(self) -> bool:
        """Whether the engine does anything at all."""
        return True

    def takes_part(self, pairing: Pairing) -> bool:
        """Whether a pairing is synchronised."""
        return True

    def batch(self, pairings: Sequence[Pairing], ids: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """Of the changed records of one entity, oldest change first: those looked at now, and those in the next cycle.

        What is in neither is forgotten.
        """
        return ids, ()

    def delay_s(self, pairing: Pairing) -> float:
        """Seconds that a change waits before it is looked at."""
        return 0.0

    def retries(self, pairings: Sequence[Pairing], status: int) -> bool:
        """Whether a record is looked at again after a system gave no usable answer; `status` is 0 for no answer."""
        return True

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        """The property rows that a pairing carries."""
        return pairing.groups

    def permit(self, pairing: Pairing, side: Side, rules: FlowRules, permit: Permit) -> Permit:
        """What may be done for an unlinked source record on a side, by the rules of one flow."""
        return permit

    def counts(self, pairing: Pairing, side: Side, connection: Connection) -> bool:
        """Whether a way of being connected lets a record in."""
        return True

    def merges(self, pairing: Pairing, side: Side, *, documented: bool) -> bool:
        """Whether a target record that matches is looked for."""
        return documented

    def criteria(
        self, pairing: Pairing, side: Side, criteria: tuple[tuple[str, str], ...]
    ) -> tuple[tuple[str, str], ...]:
        """Source path and target path of each merge criterion."""
        return criteria

    def mistaken_match(self, pairing: Pairing, side: Side, record: Fetched, state: EngineState) -> str | None:
        """The id of a target record that is linked to a new source record without a reason."""
        return None

    def looks_first(self, pairing: Pairing) -> bool:
        """Whether a creation whose answer was lost is looked for before it is done again."""
        return True

    def copies(self, pairing: Pairing, side: Side) -> int:
        """How many target records a source record on a side gets."""
        return 1

    def imports_copies(self, pairing: Pairing, side: Side) -> bool:
        """Whether target records made for a source record on a side come back as source records."""
        return False

    def created(self, pairing: Pairing) -> None:
        """A target record was created."""

    def carries(self, link: Link, group: Group, edited: Side) -> bool:
        """Whether an edit is carried; `edited` is the side of the pairing that was edited."""
        return True

    def carries_empty(self, pairing: Pairing, group: Group, edited: Side) -> bool:
        """Whether a value that was emptied empties the other side's."""
        return False

    def settle_conflict(self, pairing: Pairing, group: Group, later: Side) -> Side | None:
        """The side whose value stands where both were edited; None to leave both as they are."""
        return later

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        """The value that is written to `side` for the record on the other side."""
        return value

    def written(self, pairing: Pairing, side: Side, values: Mapping[str, FieldValue]) -> Mapping[str, FieldValue]:
        """Of the values of one write, those that are written."""
        return values

    def writes_all(self, pairing: Pairing, edited: Side) -> bool:
        """Whether an edit takes all other properties of its record along, whatever the other side holds by then."""
        return False

    def gives_up_refused(self, pairing: Pairing, side: Side) -> bool:
        """Whether a write to `side` of which one value is refused is not done at all."""
        return False

    def aftermath(self, link: Link, written: Side, now_s: float) -> Sequence[Aftermath]:
        """What follows an edit that was carried to a side."""
        return ()

    def rewrites_each_cycle(self, pairing: Pairing) -> bool:
        """Whether linked pairs are written again and again without need."""
        return False

    def gone(self, link: Link, side: Side) -> None:
        """A linked record was deleted."""

    def spreads_deletes(self, pairing: Pairing, deleted: Side) -> bool:
        """Whether a linked record is deleted because its counterpart was."""
        return False
