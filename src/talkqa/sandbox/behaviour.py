# ruff: noqa: ARG002 - the correct engine decides without looking at what a fault may look at
"""Where the reference engine can be made to misbehave: each decision that a fault changes is one method here.

Used by the engine. The base class is the correct engine; `talkqa.sandbox.faults` overrides single methods.
"""

from talkqa.model.flow import Side
from talkqa.model.record import FieldValue
from talkqa.sandbox.pairing import Pairing
from talkqa.sandbox.rows import Group
from talkqa.sandbox.rules import FlowRules, Permit


class Behaviour:
    """What the engine does where a fault may interfere; this one does it right."""

    def is_alive(self) -> bool:
        """Whether the engine does anything at all."""
        return True

    def takes_part(self, pairing: Pairing) -> bool:
        """Whether a pairing is synchronised."""
        return True

    def groups(self, pairing: Pairing) -> tuple[Group, ...]:
        """The property rows that a pairing carries."""
        return pairing.groups

    def permit(self, pairing: Pairing, rules: FlowRules, permit: Permit) -> Permit:
        """What may be done for an unlinked source record."""
        return permit

    def carries(self, pairing: Pairing, group: Group, edited: Side) -> bool:
        """Whether an edit is carried; `edited` is the side of the pairing that was edited."""
        return True

    def outgoing(self, pairing: Pairing, group: Group, side: Side, record_id: str, value: FieldValue) -> FieldValue:
        """The value that is written to `side` for the record on the other side."""
        return value

    def merges(self, pairing: Pairing, *, documented: bool) -> bool:
        """Whether a target record that matches is looked for."""
        return documented

    def merges_anything(self, pairing: Pairing) -> bool:
        """Whether any target record will do."""
        return False

    def copies(self, pairing: Pairing) -> int:
        """How many target records a source record gets."""
        return 1

    def created(self, pairing: Pairing) -> None:
        """A target record was created."""

    def imports_copies(self, pairing: Pairing) -> bool:
        """Whether target records of the engine's own come back as source records."""
        return False

    def recreates_on_edit(self, pairing: Pairing) -> bool:
        """Whether an edit of the source makes a second target record."""
        return False

    def drops_link_on_edit(self, pairing: Pairing) -> bool:
        """Whether a link is forgotten once an edit went over it."""
        return False

    def restores_old_values(self, pairing: Pairing) -> bool:
        """Whether an edit that was carried is overwritten with the old value a cycle later."""
        return False

    def rewrites_each_cycle(self, pairing: Pairing) -> bool:
        """Whether linked pairs are written again and again without need."""
        return False

    def delay_s(self, pairing: Pairing) -> float:
        """Seconds that a change waits before it is looked at."""
        return 0.0
