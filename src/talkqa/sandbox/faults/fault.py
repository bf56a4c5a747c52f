"""What a fault of the reference engine is: a kind, and one kind at one place.

Used by the catalogue, and by whoever runs it.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from talkqa.model.flow import Flow, RuleKind
from talkqa.model.settings import Weather
from talkqa.sandbox.faults.faulty import Faulty


class SeenAs(StrEnum):
    """How a check shows that it noticed."""

    FAILED = "failed"
    """It fails, or is late."""
    OBSERVED = "observed"
    """It tells what the fault does, in a word declared beforehand: no document promises anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A way in which the reference engine can be wrong, wherever it may be so."""

    name: str
    summary: str
    """What the engine does, in one sentence."""
    sentences: tuple[RuleKind, ...]
    """The sentence that it breaks is the first of these that a flow has; none for policies that no document states."""
    checks: tuple[str, ...]
    """Names of the checks that should notice, the most direct one first."""
    behaviour: type[Faulty]
    weather: Weather = field(default_factory=Weather)
    """What must be going on for it to show."""
    tells: tuple[str, ...] = ()
    """Of a fault that can only be observed: the words for what is seen, or the reason, by which a check shows it."""

    tells_undocumented: tuple[str, ...] = ()
    """The same of a fault that fails a check where properties are documented, and can only be observed elsewhere."""

    def at(self, flow: Flow, argument: str | None) -> "Fault":
        """The fault of this kind at one place."""
        tells = self.tells if flow.properties else self.tells or self.tells_undocumented
        missing = "discovered" if flow.properties else "audit"
        return Fault(
            id=":".join(filter(None, (self.name, flow.id, argument))),
            kind=self.name,
            flow_id=flow.id,
            summary=self.summary,
            sentence=next((kind for kind in self.sentences if flow.has(kind)), None),
            checks=tuple(name for name in self.checks if name != missing),
            weather=self.weather,
            documented=bool(flow.properties),
            seen_as=SeenAs.OBSERVED if tells else SeenAs.FAILED,
            tells=tells,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One kind of fault at one place: a real departure, which shows in the two systems of the flow."""

    id: str
    """`kind:flow_id` or `kind:flow_id:argument`, as settings and options take it."""
    kind: str
    flow_id: str
    summary: str
    sentence: RuleKind | None
    """The sentence that it breaks; None for a policy."""
    checks: tuple[str, ...]
    """Names of the flow's checks that should notice, the most direct one first."""
    weather: Weather
    """What must be going on for it to show; calm for most."""
    documented: bool
    """Whether the flow's properties are documented or approved."""
    seen_as: SeenAs
    """Where policies are adopted, an observed one fails its check too."""
    tells: tuple[str, ...]
    """Of an observed one: what its check has to tell, as the word for what was seen or as the reason code."""
