"""Named faults of the reference engine: each breaks one promise, so that a check can be seen to notice.

Used by the world, which hands the resulting behaviour to the engine, and by whoever lists them. A fault is named
`name` or `name:argument`; the argument is the id of the flow it is limited to, unless its summary says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from talkqa.model.errors import ConfigError
from talkqa.sandbox import misbehaviour
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.misbehaviour import Faulty
from talkqa.sandbox.pairing import Pairing


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A way in which the reference engine can be wrong."""

    name: str
    summary: str
    """What it does wrong, in one sentence."""
    breaks: tuple[str, ...]
    """Names of the checks that should notice, the most direct one first."""
    behaviour: type[Faulty]


def _fault(name: str, behaviour: type[Faulty], summary: str, *breaks: str) -> Fault:
    return Fault(name=name, summary=summary, breaks=breaks, behaviour=behaviour)


_REGISTERED = (
    _fault(
        "target-edits-dropped",
        misbehaviour.TargetEditsDropped,
        "Edits of target records are not carried to their source records.",
        "edited-in-target",
        "value",
    ),
    _fault(
        "source-edits-dropped",
        misbehaviour.SourceEditsDropped,
        "Edits of source records are not carried to their target records.",
        "edited-in-source",
        "discovered",
        "audit",
        "value",
        "quiet",
    ),
    _fault(
        "duplicate-on-create", misbehaviour.DuplicateOnCreate, "Every source record gets two target records.", "created"
    ),
    _fault(
        "entity-skipped",
        misbehaviour.EntitySkipped,
        "The world's first flow, or the one named, is not synchronised.",
        "created",
        "edited-in-source",
        "discovered",
    ),
    _fault(
        "properties-swapped",
        misbehaviour.PropertiesSwapped,
        "Two properties of a flow go into each other's place; unknowable where none are documented.",
        "edited-in-source",
        "edited-in-target",
        "audit",
    ),
    _fault(
        "property-truncated",
        misbehaviour.PropertyTruncated,
        "A text is cut to a few characters: the first documented one of a flow, all where none are documented.",
        "edited-in-source",
        "discovered",
        "created",
    ),
    _fault(
        "property-dropped",
        misbehaviour.PropertyDropped,
        "The first documented text of a flow is not carried at all; unknowable where none are documented.",
        "edited-in-source",
        "edited-in-target",
        "audit",
    ),
    _fault("echo-each-cycle", misbehaviour.EchoEachCycle, "Linked pairs are written anew in every cycle.", "quiet"),
    _fault(
        "wrong-merge",
        misbehaviour.WrongMerge,
        "A new source record is linked to any target record there is.",
        "created",
        "merged",
        "near-miss",
    ),
    _fault(
        "no-merge",
        misbehaviour.NoMerge,
        "A target record that matches is passed over and another one created.",
        "merged",
    ),
    _fault(
        "precondition-ignored",
        misbehaviour.PreconditionIgnored,
        "Source records that are neither linked nor connected get a target record all the same.",
        "unlinked-stays-out",
        "unconnected-stays-out",
    ),
    _fault(
        "condition-ignored",
        misbehaviour.ConditionIgnored,
        "Source records for which the condition does not hold get a target record.",
        "condition-fails",
    ),
    _fault(
        "engine-dead",
        misbehaviour.EngineDead,
        "The engine does nothing.",
        "created",
        "edited-in-source",
        "edited-in-target",
    ),
    _fault(
        "imports-own-copies",
        misbehaviour.ImportsOwnCopies,
        "Target records that the engine made come back as new source records.",
        "created",
    ),
    _fault(
        "stale-write",
        misbehaviour.StaleWrite,
        "An edit that was carried is overwritten with the old value a cycle later.",
        "quiet",
        "edited-in-source",
        "edited-in-target",
    ),
    _fault(
        "value-leak",
        misbehaviour.ValueLeak,
        "A property is filled with the value of another record.",
        "edited-in-source",
        "created",
        "discovered",
    ),
    _fault(
        "stops-after",
        misbehaviour.StopsAfter,
        "The engine stops for good after some creations; the argument is their number, 3 by default.",
        "created",
        "edited-in-source",
    ),
    _fault(
        "late",
        misbehaviour.Late,
        "Every change waits before it is carried; the argument is the number of seconds, 1000 by default.",
        "created",
        "edited-in-source",
        "edited-in-target",
    ),
    _fault(
        "transform-ignored",
        misbehaviour.TransformIgnored,
        "Values are copied as they are.",
        "edited-in-source",
        "value",
        "audit",
    ),
    _fault(
        "qualifier-ignored", misbehaviour.QualifierIgnored, "Rows apply whatever their qualifiers say.", "unqualified"
    ),
    _fault(
        "edit-creates-new",
        misbehaviour.EditCreatesNew,
        "An edit of a source record creates a further target record.",
        "edited-in-source",
        "link-survives",
    ),
    _fault(
        "link-broken-by-edit",
        misbehaviour.LinkBrokenByEdit,
        "The first edit that is carried is the last one: the link is forgotten.",
        "link-survives",
        "edited-in-target",
        "discovered",
    ),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _REGISTERED}
"""By name, in the order in which they are listed."""


def make_behaviour(faults: Sequence[str], pairings: Sequence[Pairing]) -> Behaviour:
    """The behaviour of an engine with these faults; none of them give the correct one.

    Args:
        faults: as `name` or `name:argument`.
        pairings: of the world, sorted by id.

    Raises:
        ConfigError: for an unknown name, or an argument that is no number where one is wanted.
    """
    behaviour = Behaviour()
    for text in faults:
        name, _, argument = text.partition(":")
        fault = FAULTS.get(name)
        if fault is None:
            known = ", ".join(FAULTS)
            raise ConfigError(f"[sandbox] faults: no fault {name!r}; choose from: {known}")
        try:
            behaviour = fault.behaviour(behaviour, argument or None, pairings)
        except ValueError as error:
            raise ConfigError(f"[sandbox] faults: {text!r} wants a number after the colon") from error
    return behaviour
