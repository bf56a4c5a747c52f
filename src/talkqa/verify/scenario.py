"""What the steps of one scenario share: the flow, the pair, the last edit, the evidence and what it decides."""

from dataclasses import dataclass
from typing import TypeVar

from talkqa.model.errors import CheckUndecided
from talkqa.model.flow import MergeRow, PropertyRow, Side
from talkqa.model.record import FieldValue, Record, Scalar
from talkqa.model.result import Cause
from talkqa.model.world import ScenarioPlan
from talkqa.verify.evidence import EvidenceLog
from talkqa.verify.flowstate import FlowState
from talkqa.verify.observer import Sighting
from talkqa.verify.parents import Parents
from talkqa.verify.probe import Edit, Expectation, Pair, Probe, Travel
from talkqa.verify.routes import Connection
from talkqa.verify.world import VerifyWorld

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merging:
    """A target that was there first, and the criterion by which a source is to meet it."""

    target: Record
    value: Scalar
    row: MergeRow


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeEdit:
    """One write to many documented properties of one side."""

    side: Side
    rows: tuple[PropertyRow, ...]
    before: Record
    """The record on the other side, as it was before."""
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Two edits of one property, on both sides, of which neither had crossed when the second was made."""

    travel: Travel
    last: Side
    """The side that was edited last."""
    earlier: Scalar
    later: Scalar
    ordered: bool
    """Whether the stamps of the systems tell the same order; else nobody can say which is the later one."""
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApartEdits:
    """Edits of two properties, one on each side, of which neither had crossed when the second was made."""

    rows: tuple[PropertyRow, PropertyRow]
    """The one that was edited in the source, and the one that was edited in the target."""
    written: tuple[FieldValue, FieldValue]
    """What each of them held then."""
    at_s: float


class Scenario:
    """The working state of one scenario; written by its steps, read by later ones."""

    def __init__(self, world: VerifyWorld, plan: ScenarioPlan) -> None:
        self.world = world
        self.access = world.access
        self.plan = plan
        self.evidence = EvidenceLog(reduction=world.access.reduction)
        self.existing: Merging | None = None
        self.stranger: Record | None = None
        """A target that was there first, and that the probe must have nothing to do with."""
        self.twin: Probe | None = None
        """A second source record that meets the same criterion as the probe."""
        self.whole: WholeEdit | None = None
        self.companion: tuple[Connection, Probe] | None = None
        self.forbidden = False
        self.permitted_s: float | None = None
        """When a record that had to stay out was allowed to travel."""
        self.row: PropertyRow | None = None
        self.travel: Travel | None = None
        self.tried_travels: set[Travel] = set()
        self.parents: Parents | None = None
        """What an edited row refers to by now."""
        self.followed: tuple[Side, str, Expectation] | None = None
        self.conflict: Conflict | None = None
        self.apart: ApartEdits | None = None
        self.done = ""
        self.first_travels: tuple[Travel, ...] = ()
        self.rewritten: tuple[Travel, ...] | None = None
        self.rewrites: list[tuple[Record, Record]] = []
        self.is_observation = False
        self.seen = ""
        self.decisions: list[str] = []
        self.reason = ""
        self._state: FlowState | None = None
        self._pair: Pair | None = None
        self._probe: Probe | None = None
        self._edit: Edit | None = None

    # what earlier steps made; a step that needs it and comes too early is a mistake of the scenario
    @property
    def state(self) -> FlowState:
        """The flow that the scenario is about."""
        return _made(self._state, "the step 'the sync engine keeps ... in step'")

    @state.setter
    def state(self, state: FlowState) -> None:
        self._state = state

    @property
    def flow_id(self) -> str:
        """The id of the flow; empty before it is known."""
        return self._state.flow.id if self._state else ""

    @property
    def pair(self) -> Pair:
        """The linked pair."""
        return _made(self._pair, "a step that makes a linked pair")

    @pair.setter
    def pair(self, pair: Pair) -> None:
        self._pair = pair
        self._probe = pair.source

    @property
    def has_pair(self) -> bool:
        """Whether a linked pair was made already."""
        return self._pair is not None

    @property
    def probe(self) -> Probe:
        """The source record that the scenario wrote."""
        return _made(self._probe, "a step that creates a record")

    @probe.setter
    def probe(self, probe: Probe) -> None:
        self._probe = probe

    @property
    def edit(self) -> Edit:
        """The last edit."""
        return _made(self._edit, "a step that edits a property")

    @edit.setter
    def edit(self, edit: Edit) -> None:
        self._edit = edit

    @property
    def has_edit(self) -> bool:
        """Whether something was edited already."""
        return self._edit is not None

    def key(self, what: str) -> str:
        """The key of a draw: unique in the run, the same in every run."""
        return f"{self.plan.check}#{what}"

    def observe(self, text: str, *sightings: Sighting) -> None:
        """Note a sentence of evidence."""
        self.evidence.observe(text, self.access.clock.now(), *sightings)

    def decide(self, reason: str, text: str, *sightings: Sighting) -> None:
        """Note what shows that the promise of a step holds."""
        self.reason = reason
        self.decisions.append(text)
        self.observe(text, *sightings)

    def record_observation(self, reason: str, text: str, *, seen: str = "") -> None:
        """Note what happened where no document says what should; `seen` is the word of `decision.POLICIES` for it."""
        self.is_observation = True
        self.seen = seen
        self.decide(reason, text)


def side_of(word: str) -> Side:
    """The side that a step names."""
    return Side(word)


def _made(value: T | None, how: str) -> T:
    if value is None:
        raise CheckUndecided("step-missing", f"the scenario needs {how} before this step", cause=Cause.HARNESS)
    return value
