"""What a run tells: one event a JSON line, appended as it happens, one file a world.

Report, JUnit, history and merge are readers of these events; nothing else is kept of a run.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, get_args

from talkqa.model.record import Exchange


class Outcome(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    LATE = "late"
    ERROR = "error"
    NOT_RUNNABLE = "not_runnable"
    UNDECIDED = "undecided"
    OBSERVED = "observed"
    """It happened; no document promises or forbids it."""
    WAIVED = "waived"
    """It ended otherwise, and somebody answers for that until a day."""
    ATTESTED = "attested"
    """It could not be decided here, and a person looked and found the promise kept."""
    NOT_RUN = "not_run"


BROKEN = frozenset({Outcome.FAILED, Outcome.LATE})
UNPROVEN = frozenset({Outcome.NOT_RUNNABLE, Outcome.UNDECIDED})


class Cause(StrEnum):
    """Who is answerable for an outcome that is not `passed`."""

    ENGINE = "engine"
    ENGINE_OR_API = "engine-or-api"
    API = "api"
    DOCUMENT = "document"
    CONFIGURATION = "configuration"
    HARNESS = "harness"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualStep:
    """What a person does to decide a check by hand, or a part of it: do, then look, then expect."""

    do: tuple[str, ...]
    look: str
    expect: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaiverUsed:
    """The waiver that a verdict came under."""

    reason: str
    owner: str
    expires: str
    """The last day on which it has an effect, ISO 8601."""
    place: str
    """`path:line` of the waiver."""
    outcome: Outcome
    """How the check ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """What a person found who did a check by hand; a line of its own in the run's folder."""

    check: str
    by: str
    on: str
    """The day, ISO 8601."""
    outcome: Outcome
    """`passed` or `failed`."""
    note: str
    picture: str = ""
    """Path inside the project; empty where there is none."""
    picture_digest: str = ""
    """SHA-256 of the picture, hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """The first line of each file of a run."""

    run: str
    world: str
    mode: str
    """`sandbox`, `live`, `record` or `replay`."""
    clock: str
    """`virtual` or `real`."""
    seed: int
    epoch: str
    """ISO 8601 UTC: what `now` was at second 0."""
    version: str
    documents: tuple[str, ...]
    systems: tuple[str, ...]
    """One line a system: its name, where its schema comes from, licences that are off."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Path of each document, and of decisions.toml, to its SHA-256, hexadecimal."""
    accounts: tuple[str, ...] = ()
    """One line a system: as which user the run wrote, and which one the engine's is; empty where it was emulated."""
    engine: str = ""
    """Version of the sync engine; empty where nobody said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapSeen:
    """Something that a document leaves open or says badly."""

    flow_id: str | None
    code: str
    severity: str
    place: str
    """`path:line` when the run started."""
    message: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStarted:
    """A scenario began."""

    check: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step of a scenario."""

    text: str
    """Keyword and step text."""
    outcome: Outcome
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One thing that was seen and counted for the verdict, in a sentence."""

    text: str
    at_s: float
    exchanges: tuple[Exchange, ...] = ()
    """The HTTP exchanges that show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFinished:
    """A scenario ended; carries all that the report shows of it."""

    check: str
    flow_id: str
    name: str
    title: str
    sentence: str
    place: str
    """`path:line` of the sentence when the run started."""
    outcome: Outcome
    reason: str
    """Stable code, kebab-case: `carried-over`, `no-counterpart`, `licence-missing`."""
    message: str
    """One sentence: what was observed that decided."""
    cause: Cause | None = None
    expected: str = ""
    observed: str = ""
    steps: tuple[StepResult, ...] = ()
    observations: tuple[Observation, ...] = ()
    begin_s: float = 0.0
    end_s: float = 0.0
    node: str = ""
    """pytest node id."""
    tags: tuple[str, ...] = ()
    manual: tuple[ManualStep, ...] = ()
    """How a person can decide it, where the run could not."""
    waiver: WaiverUsed | None = None
    """For `waived`: who answers for it."""
    attestation: Attestation | None = None
    """Of a person who did it by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSeen:
    """A property that was seen to travel, with what showed it."""

    flow_id: str
    source: str
    target: str
    data_type: str
    """As a property table would print it."""
    relation: str
    """`equal`, or in words what happened to the value on the way."""
    documented: bool
    confirmations: int
    """Independent writes that showed it."""
    both_ways: bool | None
    """Whether an edit of the target was seen to come back; None where that was not tried."""
    approved: bool = False
    """Whether a person approved it and no document has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySeen:
    """How long one change took from the acknowledged write to the sighting on the other side."""

    flow_id: str
    direction: str
    """`source-to-target` or `target-to-source`."""
    seconds: float
    error_s: float
    """The observer's poll period: the sighting may be late by as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemUsed:
    """What a world asked of one system, told when it ends."""

    system: str
    calls: int
    by_purpose: Mapping[str, int]
    """`sign_in`, `write`, `confirm`, `poll` to how many calls."""
    repeated: int
    """Calls sent again because the system was busy or did not answer."""
    busiest_minute: int
    """The most calls within 60 s."""
    calls_per_minute: float | None
    """What the account's budget allows; None where no limit is known."""
    calls_per_day: int | None
    created: Mapping[str, int]
    """Entity to how many records the run created."""
    copies: Mapping[str, int]
    """Entity to how many records the sync engine made of them, as far as seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingTold:
    """What became of a world's recording, told when the world ends."""

    kind: str
    """`recorded`, `kept` (the one before was not replaced) or `replayed`."""
    path: str
    """Its folder, relative to the project where it lies in it."""
    checks: int
    """How many checks it holds."""
    recorded_at: str
    """When it was made, ISO 8601."""
    notes: tuple[str, ...] = ()
    """What its user should know: why it was kept, what of it is unused or outdated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The last line of each file of a run; missing where the process died."""

    world: str
    interrupted: bool
    end_s: float
    wall_s: float
    """Seconds of real time that the world took."""
    swept: int
    """Records removed or archived at the end."""
    left: tuple[str, ...]
    """Records that could not be removed: `system entity id: why`."""


Event = (
    RunStarted
    | GapSeen
    | CheckStarted
    | CheckFinished
    | MappingSeen
    | LatencySeen
    | SystemUsed
    | RecordingTold
    | RunFinished
)

_EVENTS: dict[str, type[Any]] = {cls.__name__: cls for cls in get_args(Event)}


def event_to_json(event: Event) -> dict[str, Any]:
    """The JSON object of an event; its kind stands under `event`."""
    return {"event": type(event).__name__, **asdict(event)}


def event_from_json(data: Mapping[str, Any]) -> Event:
    """The event of a JSON object; unknown keys are ignored, so that newer files stay readable.

    Raises:
        KeyError: for an unknown kind of event.
        TypeError: for a missing key.
    """
    kind = _EVENTS[data["event"]]
    known = {f.name for f in fields(kind)}
    values = {key: _frozen(value) for key, value in data.items() if key in known}
    if kind is CheckFinished:
        values["outcome"] = Outcome(values["outcome"])
        values["cause"] = Cause(values["cause"]) if values.get("cause") else None
        values["manual"] = tuple(
            ManualStep(do=tuple(m["do"]), look=m["look"], expect=tuple(m["expect"])) for m in values.get("manual", ())
        )
        values["waiver"] = _waiver(values.get("waiver"))
        values["attestation"] = attestation_from_json(a) if (a := values.get("attestation")) else None
        values["steps"] = tuple(StepResult(**{**s, "outcome": Outcome(s["outcome"])}) for s in values.get("steps", ()))
        values["observations"] = tuple(
            Observation(**{**o, "exchanges": tuple(Exchange(**e) for e in o.get("exchanges", ()))})
            for o in values.get("observations", ())
        )
    event: Event = kind(**values)
    return event


def attestation_from_json(data: Mapping[str, Any]) -> Attestation:
    """The attestation of a JSON object; unknown keys are ignored.

    Raises:
        TypeError: for a missing key.
        ValueError: for an outcome that a person cannot find.
    """
    known = {f.name for f in fields(Attestation)}
    found = Attestation(**{**{k: v for k, v in data.items() if k in known}, "outcome": Outcome(data["outcome"])})
    if found.outcome not in {Outcome.PASSED, Outcome.FAILED}:
        raise ValueError(f"nobody attests that a check is {found.outcome}")
    return found


def _waiver(data: Mapping[str, Any] | None) -> WaiverUsed | None:
    return WaiverUsed(**{**data, "outcome": Outcome(data["outcome"])}) if data else None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
