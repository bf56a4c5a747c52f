"""How a world is verified where its systems are not emulated in the same process."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from talkqa.verify.heartbeat import RecordedBeats


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """What differs between the modes of a run, as far as verify has to know."""

    poll_s: Mapping[str, float] = field(default_factory=dict)
    """System to how often its observers ask, where that is another number than the run's own."""
    due_s: Callable[[str, str, float], float] = lambda _system, _entity, _now_s: 0.0
    """Takes system, entity and now; how many seconds an observer waits before it asks while somebody waits."""
    ahead_s: Mapping[str, float] = field(default_factory=dict)
    """System to by how many seconds its clock is ahead of ours."""
    is_held_up: Callable[[str], bool] = lambda _system: False
    """Takes a system; whether our own calls had to wait for its limits: the engine's have to as well."""
    users: Mapping[str, str] = field(default_factory=dict)
    """System to our own user, as it writes it into its records; where it tells."""
    guarded: bool = False
    """Whether accounts limit what may be created."""
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(system, entity) to how many of those records were counted, by all worlds of the run."""
    sweeps: bool = True
    """False where nothing was written, as in a replay."""
    beats: Mapping[str, RecordedBeats] | None = None
    """Flow id to its heartbeats in the recording that is replayed; None where none is."""
    on_start: Callable[[str, float], None] = lambda _actor, _at_s: None
    """Told actor and time of each heartbeat that begins."""
    on_choice: Callable[[str, str, int], None] = lambda _actor, _asker, _number: None
    """Told a flow's heartbeats, whoever asked for one, and the number of the one that answers."""

    def recorded_beats(self, flow_id: str) -> RecordedBeats | None:
        """The heartbeats of a flow in the recording; None where none is replayed."""
        return None if self.beats is None else self.beats.get(flow_id, RecordedBeats(starts=()))
