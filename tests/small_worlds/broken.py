"""Engines whose decisions are wrong, each in one way."""

from datetime import timedelta

from talkqa.model.flow import Side
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.decision import Decision
from talkqa.sandbox.pairing import Pairing
from talkqa.sandbox.rows import Group
from talkqa.sandbox.state import Link
from tests.small_worlds.port import Memory, Question, Rules


class _Stale(Behaviour):
    def settle_conflict(self, pairing: Pairing, group: Group, later: Side) -> Side | None:
        return later.other


class _Undecided(Behaviour):
    def settle_conflict(self, pairing: Pairing, group: Group, later: Side) -> Side | None:
        return None


class _Emptying(Behaviour):
    def carries_empty(self, pairing: Pairing, group: Group, edited: Side) -> bool:
        return True


class _OneWay(Behaviour):
    def carries(self, link: Link, group: Group, edited: Side) -> bool:
        return edited is Side.SOURCE


class StaleWins(Rules):
    """Of two edits the earlier one stands."""

    behaviour = _Stale()


class KeepsBoth(Rules):
    """Of two edits each stands on its own side."""

    behaviour = _Undecided()


class EmptyOverwrites(Rules):
    """What is emptied on one side is emptied on the other."""

    behaviour = _Emptying()


class GoesOneWay(Rules):
    """Edits of the target are not carried."""

    behaviour = _OneWay()


class ForgetsBase(Rules):
    """Every meeting is the first one."""

    def keeps_base(self) -> bool:
        return False


class SpreadsDeletes(Rules):
    """A record goes with its counterpart."""

    def spreads_deletes(self) -> bool:
        return True


class CrossesProperties(Rules):
    """Where both properties are carried at once, they take each other's values."""

    def decide(self, asked: Question, memory: Memory) -> tuple[Decision, Memory]:
        decision, memory = super().decide(asked, memory)
        for writes in decision.writes.values():
            if len(writes) > 1:
                writes["p"], writes["q"] = writes["q"], writes["p"]
        return decision, memory


class CrossesRecords(Rules):
    """A value on its way is kept in one place for all records, and the next record gets that of the one before."""

    def decide(self, asked: Question, memory: Memory) -> tuple[Decision, Memory]:
        decision, memory = super().decide(asked, memory)
        for writes in decision.writes.values():
            for path in writes:
                if memory and memory[0] != asked.record:
                    writes[path] = f"of record {memory[0]}"
                memory = (asked.record,)
        return decision, memory


class NeverRests(Rules):
    """Where nothing is to be written, the target is written all the same."""

    def decide(self, asked: Question, memory: Memory) -> tuple[Decision, Memory]:
        decision, memory = super().decide(asked, memory)
        held = asked.records[Side.TARGET].values.get("p")
        if not any(decision.writes.values()) and asked.link.bases and held is not None:
            decision.write(Side.TARGET, "p", held, asked.pairing.groups[0])
        return decision, memory


class ForgetsClocks(Rules):
    """Stamps of two systems are compared as if their clocks were one."""

    def decide(self, asked: Question, memory: Memory) -> tuple[Decision, Memory]:
        return super().decide(asked._replace(ahead=timedelta()), memory)


class TurnsClocks(Rules):
    """The clock that is ahead is taken for the one that is behind."""

    def decide(self, asked: Question, memory: Memory) -> tuple[Decision, Memory]:
        return super().decide(asked._replace(ahead=-asked.ahead), memory)


class ForgetsWaiting(Rules):
    """While a reference waits, nothing is noted."""

    def decide(self, asked: Question, memory: Memory) -> tuple[Decision, Memory]:
        noted = dict(asked.link.bases)
        decision, memory = super().decide(asked, memory)
        asked.link.bases.clear()
        asked.link.bases.update(noted)
        return decision, memory
