"""The public catalogue of engine faults: every kind, and where over some flows each changes something.

Used by the world, which hands the resulting behaviour to the engine, and by `talkqa faults`, which runs them all. A
fault is named `kind` (at work everywhere), `kind:flow id`, or `kind:flow id:argument`.
"""

from collections.abc import Iterator, Mapping, Sequence

from talkqa.model.errors import ConfigError
from talkqa.model.flow import Flow, RuleKind
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import ConditionBinding, ConnectionBinding, Weather
from talkqa.sandbox.behaviour import Behaviour
from talkqa.sandbox.faults import edits, life, properties, records, values
from talkqa.sandbox.faults.fault import Fault, Kind
from talkqa.sandbox.faults.faulty import Aim, Faulty
from talkqa.sandbox.pairing import Pairing, build_pairings

_CREATING = (
    RuleKind.EVERY,
    RuleKind.CONDITION,
    RuleKind.CREATE_UNMATCHED,
    RuleKind.CREATE_IF_CONNECTED,
    RuleKind.LINK_REQUIRED,
    RuleKind.MERGE_ON,
    RuleKind.MERGE_EXISTING,
    RuleKind.TWO_WAY,
)
"""Where a flow says that records are created, in the order in which its checks rest on it."""
_MERGING = (RuleKind.MERGE_ON, RuleKind.MERGE_EXISTING)
_EDITING = (RuleKind.TWO_WAY, RuleKind.PROPERTIES)
_TABLE = (RuleKind.PROPERTIES, RuleKind.TWO_WAY)
_TO_TARGET = ("edited-in-source", "discovered", "audit", "value", "quiet")
_OF_VALUES = ("edited-in-source", "audit", "whole-in-source", "value", "discovered", "created")
_OF_DELICATE_VALUES = ("whole-in-source", "value", "audit", "edited-in-source", "discovered", "created")


def _kind(
    name: str,
    behaviour: type[Faulty],
    summary: str,
    sentences: tuple[RuleKind, ...],
    *checks: str,
    weather: Weather | None = None,
    tells: tuple[str, ...] = (),
    tells_undocumented: tuple[str, ...] = (),
) -> Kind:
    return Kind(
        name=name,
        summary=summary,
        sentences=sentences,
        checks=checks,
        behaviour=behaviour,
        weather=weather or Weather(),
        tells=tells,
        tells_undocumented=tells_undocumented,
    )


_OF_LIFE = (
    _kind(
        "engine-dead", life.EngineDead, "The engine does nothing.", _CREATING,
        "created", "edited-in-source", "edited-in-target", "unlinked-stays-out", "unconnected-stays-out",
    ),
    _kind(
        "entity-skipped", life.EntitySkipped, "A flow is not synchronised.", _CREATING,
        "created", "edited-in-source", "discovered",
    ),
    _kind(
        "stops-after", life.StopsAfter,
        "A flow stops for good after some creations; the argument is their number, 3 by default.", _CREATING,
        "created", "edited-in-source", "edited-in-target",
    ),
    _kind(
        "late", life.Late,
        "Every change waits before it is carried; the argument is the number of seconds, 1000 by default.", _CREATING,
        "created", "edited-in-source", "edited-in-target",
    ),
    _kind(
        "partial-batch", life.PartialBatch,
        "Of the changes of one poll the first two are carried, and the others forgotten.", _EDITING,
        "edited-in-source", "edited-in-target", "created", "audit", "discovered",
    ),
    _kind(
        "entity-starved", life.EntityStarved,
        "Of the waiting changes the newest is carried in a cycle; older ones wait as long as newer ones come.",
        _EDITING, "edited-in-source", "edited-in-target", "created", "audit", "discovered",
    ),
    _kind(
        "lost-after-429", life.LostAfterTooMany,
        "A change is forgotten where a system answered that there were too many calls.", _EDITING,
        "edited-in-source", "edited-in-target", "created", "audit", "discovered",
        weather=Weather(refused=0.25, engine_only=True),
    ),
    _kind(
        "lost-after-5xx", life.LostAfterFailure, "A change is forgotten where a system broke.", _EDITING,
        "edited-in-source", "edited-in-target", "created", "audit", "discovered",
        weather=Weather(failed=0.25, engine_only=True),
    ),
    _kind(
        "lost-after-refusal", life.LostAfterRefusal,
        "Where a system refuses one value of a write, the others are given up too.", _TABLE,
        "whole-in-source", "audit", "edited-in-source", "value",
    ),
)  # fmt: skip
_OF_EDITS = (
    _kind(
        "source-edits-dropped", edits.EditsDropped,
        "Edits of source records are not carried to their target records.", _EDITING, *_TO_TARGET,
    ),
    _kind(
        "target-edits-dropped", edits.TargetEditsDropped,
        "Edits of target records are not carried to their source records.", _EDITING, "edited-in-target", "value",
    ),
    _kind(
        "update-lost", edits.UpdateLost, "Every second edit of a property is not carried.", _EDITING,
        "edited-in-source", "edited-in-target", "audit", "discovered",
    ),
    _kind(
        "whole-record-written", edits.WholeRecordWritten,
        "An edit takes all other properties of its record along, over what was edited on the other side meanwhile.",
        (), "both-stand", tells=("one", "neither"),
    ),
    _kind(
        "partial-write", edits.PartialWrite, "Of several properties edited at once the first is carried.", _TABLE,
        "audit", "whole-in-source", "discovered",
    ),
    _kind(
        "stale-write", edits.StaleWrite, "An edit that was carried is overwritten with the old value a cycle later.",
        _EDITING, "edited-in-source", "edited-in-target", "quiet",
    ),
    _kind(
        "reordered-batch", edits.Reordered, "Of two edits within a minute the older value is written last.", _EDITING,
        "edited-in-source", "edited-in-target", "quiet",
    ),
    _kind(
        "oscillation", edits.Oscillates, "Once an edit was carried, old and new value are written in turn for ever.",
        (), "quiet", "edited-in-source",
    ),
    _kind(
        "amplification", edits.Amplifies,
        "Once an edit was carried, each cycle writes the record once more than the cycle before, up to eight times.",
        (), "quiet",
    ),
    _kind(
        "echo-each-cycle", edits.EchoEachCycle, "Linked pairs are written anew in every cycle.", (), "quiet",
    ),
    _kind(
        "edit-creates-new", edits.EditCreatesNew, "An edit of a source record creates a further target record.",
        _EDITING, "edited-in-source", "created", "link-survives",
    ),
    _kind(
        "duplicate-on-early-edit", edits.DuplicateOnEarlyEdit,
        "An edit of a source record that was created just before creates a further target record.", _CREATING,
        "created", "edited-in-source",
    ),
    _kind(
        "link-broken-by-edit", edits.LinkBroken,
        "The first edit that is carried is the last one: the link is forgotten.", _EDITING,
        "edited-in-source", "edited-in-target", "link-survives", "discovered",
    ),
    _kind(
        "relinked-by-edit", edits.Relinked, "An edited source record is linked to the target record of another one.",
        _EDITING, "edited-in-source", "edited-in-target", "link-survives", "discovered",
    ),
    _kind(
        "empty-overwrites", edits.EmptyOverwrites, "A property that is emptied empties its counterpart.", (),
        "empty-keeps", tells=("emptied",),
    ),
    _kind(
        "earlier-wins", edits.EarlierWins, "Of two edits the earlier one stands.", (), "latest-wins",
        tells=("earlier",),
    ),
    _kind(
        "conflict-ignored", edits.ConflictIgnored, "After two edits each side keeps its own.", (), "latest-wins",
        tells=("neither",),
    ),
)  # fmt: skip
_OF_RECORDS = (
    _kind(
        "duplicate-on-create", records.DuplicateOnCreate, "Every source record gets two target records.", _CREATING,
        "created", "condition-holds", "connected",
    ),
    _kind(
        "duplicate-on-retry", records.DuplicateOnRetry,
        "A creation whose answer was lost is done again without a look.", _CREATING,
        "created", "condition-holds", "connected", "edited-in-source", "edited-in-target", "audit",
        weather=Weather(lost=0.5, engine_only=True),
    ),
    _kind(
        "imports-own-copies", records.ImportsOwnCopies,
        "Target records that the engine made come back as new source records.", _CREATING, "created",
    ),
    _kind(
        "wrong-merge", records.MergesAnything, "A new source record is linked to any target record there is.",
        _CREATING, "created", "merged", "connected", "condition-holds",
    ),
    _kind(
        "no-merge", records.NoMerge, "A target record that matches is passed over and another one created.", _MERGING,
        "merged",
    ),
    _kind(
        "merge-on-other-key", records.MergesOnOtherKey, "Another property than the documented ones decides on merging.",
        _MERGING, "merged",
    ),
    _kind(
        "merge-on-partial-key", records.MergesOnPartialKey,
        "Target records that match in the first letter of a criterion are merged with.", _MERGING,
        "unmatched", "merged", "created",
    ),
    _kind(
        "merge-criterion-dropped", records.CriterionDropped, "One of several merge criteria is left out.", _MERGING,
        "merged",
    ),
    _kind(
        "near-miss-merged", records.MergesNearMisses, "Letter case and blanks count for nothing in merge criteria.", (),
        "near-miss", tells=("merged",),
    ),
    _kind(
        "precondition-ignored", records.PreconditionIgnored,
        "Source records that are neither linked nor connected get a target record all the same.",
        (RuleKind.LINK_REQUIRED, RuleKind.CREATE_IF_CONNECTED), "unlinked-stays-out", "unconnected-stays-out",
    ),
    _kind(
        "precondition-inverted", records.PreconditionInverted,
        "Source records get a target record where they are neither linked nor connected, and only there.",
        (RuleKind.LINK_REQUIRED, RuleKind.CREATE_IF_CONNECTED),
        "unlinked-stays-out", "unconnected-stays-out", "connected", "created",
    ),
    _kind(
        "connection-ignored", records.ConnectionIgnored, "One of the connected entities does not let records in.",
        (RuleKind.CREATE_IF_CONNECTED,), "connected", "unconnected-stays-out",
    ),
    _kind(
        "condition-ignored", records.ConditionIgnored,
        "Source records for which the condition does not hold get a target record.", (RuleKind.CONDITION,),
        "condition-fails",
    ),
    _kind(
        "condition-inverted", records.ConditionInverted,
        "Source records get a target record where the condition does not hold, and only there.",
        (RuleKind.CONDITION,), "condition-holds", "condition-fails", "created",
    ),
    _kind(
        "id-reused", records.IdReused, "The target record of a deleted source record is given to the next new one.",
        _CREATING, "created", "edited-in-source", "merged",
    ),
    _kind(
        "deletes-spread", records.DeletesSpread, "Deleting a source record deletes its target record.", (),
        "delete-stays", tells=("deleted", "archived"),
    ),
)  # fmt: skip
_OF_PROPERTIES = (
    _kind(
        "property-dropped", properties.PropertyDropped, "A property is not carried at all.", _TABLE,
        "audit", "edited-in-source", "edited-in-target",
    ),
    _kind(
        "properties-swapped", properties.PropertiesSwapped, "Two properties go into each other's place.", _TABLE,
        "audit", "edited-in-source", "edited-in-target",
    ),
    _kind(
        "property-crossed", properties.PropertiesExchanged, "A property is filled from the source of another one.",
        _TABLE, "audit", "edited-in-source", "edited-in-target",
    ),
    _kind(
        "property-dead-to-target", properties.DeadToTarget,
        "A property is carried at creation, and no edit of its source.", _EDITING, "edited-in-source", "audit",
    ),
    _kind(
        "property-dead-to-source", properties.DeadToSource, "No edit of a property's target is carried.", _EDITING,
        "edited-in-target",
    ),
    _kind(
        "transform-ignored", properties.TransformIgnored, "A value is copied as it is.", _TABLE,
        "audit", "edited-in-source", "value",
    ),
    _kind(
        "transform-inverted", properties.TransformInverted,
        "A value is copied on the way there, and transformed on the way back.", _TABLE,
        "audit", "edited-in-source", "edited-in-target",
    ),
    _kind(
        "qualifier-ignored", properties.QualifierIgnored, "A row applies whatever its qualifiers say.", _TABLE,
        "unqualified", "unqualified-in-target",
    ),
    _kind(
        "qualifier-inverted", properties.QualifierInverted, "A row applies where its qualifiers do not hold.", _TABLE,
        "qualified", "unqualified", "qualified-in-target", "unqualified-in-target",
    ),
    _kind(
        "undocumented-travels", properties.UndocumentedTravels, "A property travels that no document names.", _TABLE,
        "audit", tells=("undocumented-travel",),
    ),
    _kind(
        "reference-crossed", values.ReferenceCrossed, "Every record refers to what the first one referred to.", _TABLE,
        "audit", "edited-in-source",
    ),
    _kind(
        "value-leak", values.ValueLeaked, "A property is filled with the value of another record.", _EDITING,
        *_OF_VALUES,
    ),
    _kind(
        "property-truncated", values.TextTruncated, "A text is cut to a few characters.", _EDITING, *_OF_VALUES,
        tells_undocumented=("cut",),
    ),
    _kind(
        "property-truncated-to-source", values.TextTruncatedBack,
        "A text edited in the target is cut to a few characters on its way back.", _EDITING,
        "edited-in-target", "whole-in-target",
    ),
    _kind(
        "encoding-wrong", values.TextMisread, "A text comes with its letters outside ASCII misread.", _EDITING,
        *_OF_VALUES,
    ),
    _kind(
        "type-wrong", values.WrongType, "A text is written in quotes, and a number as a text.", _EDITING, *_OF_VALUES,
    ),
    _kind(
        "leading-zeros-lost", values.ZerosLost, "A text of digits loses the zeros that it begins with.", _TABLE,
        *_OF_DELICATE_VALUES,
    ),
    _kind(
        "text-trimmed", values.TextTrimmed, "Blanks at the ends of a text are cut, and runs of them folded.", _TABLE,
        *_OF_DELICATE_VALUES,
    ),
    _kind(
        "text-folded", values.TextFolded, "A text is written in small letters.", _EDITING, *_OF_VALUES,
    ),
    _kind(
        "time-shifted", values.TimeShifted, "A moment comes an hour early, a day as the day before.", _EDITING,
        *_OF_VALUES,
    ),
    _kind(
        "number-rounded", values.NumberRounded, "What stands behind a number's point is cut.", _EDITING, *_OF_VALUES,
    ),
)  # fmt: skip

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (*_OF_LIFE, *_OF_EDITS, *_OF_RECORDS, *_OF_PROPERTIES)}
"""By name, in the order in which they are listed."""


def list_faults(
    flows: Sequence[Flow],
    schemas: Mapping[str, SystemSchema],
    conditions: Sequence[ConditionBinding],
    connections: Sequence[ConnectionBinding],
) -> tuple[Fault, ...]:
    """The faults of these flows, sorted by id: each kind wherever it changes something that can be seen.

    Args:
        flows: of one world.
        schemas: by canonical system name.
        conditions: what the words of conditions mean.
        connections: which fields connect records.
    """
    pairings = build_pairings(flows, schemas, conditions, connections)
    return tuple(sorted(_all_faults(pairings), key=lambda fault: fault.id))


def _all_faults(pairings: Sequence[Pairing]) -> Iterator[Fault]:
    for pairing in pairings:
        for direction in pairing.directions:
            for kind in KINDS.values():
                for argument in kind.behaviour.arguments(pairing, direction):
                    yield kind.at(direction.flow, argument)


def make_behaviour(faults: Sequence[str]) -> Behaviour:
    """The behaviour of an engine with these faults; none of them give the correct one.

    Raises:
        ConfigError: for an unknown kind, or an argument that is no number where one is wanted.
    """
    behaviour = Behaviour()
    for text in faults:
        kind, aim = read_fault(text)
        try:
            behaviour = kind.behaviour(behaviour, aim)
        except ValueError as error:
            raise ConfigError(f"[sandbox] faults: {text!r} wants a number after the last colon") from error
    return behaviour


def read_fault(text: str) -> tuple[Kind, Aim]:
    """Kind and place of a fault as settings name it.

    Raises:
        ConfigError: for an unknown kind.
    """
    name, _, place = text.partition(":")
    kind = KINDS.get(name)
    if kind is None:
        raise ConfigError(f"[sandbox] faults: no fault {name!r}; choose from: {', '.join(KINDS)}")
    flow_id, _, argument = place.partition(":")
    if flow_id and kind.behaviour.numeric is not None and "--" not in flow_id:
        return kind, Aim(argument=flow_id)
    return kind, Aim(flow_id=flow_id or None, argument=argument or None)
