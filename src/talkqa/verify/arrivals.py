"""Signs of life of a run: what was seen to arrive, of which flow, and how long it took."""

from talkqa.model.flow import Flow, Side


class Arrivals:
    """What the engine was seen to carry so far."""

    def __init__(self) -> None:
        self.longest_s: dict[str, float] = {}
        """Flow id to the longest time that a change of it was seen to take."""
        self._last: dict[str, tuple[Flow, float]] = {}
        """Flow id to the flow and when the latest of its records that arrived was written."""
        self._carried: set[tuple[str, Side]] = set()

    def note(self, flow: Flow, written_s: float) -> None:
        """Remember that a record of a flow written at some moment arrived."""
        known = self._last.get(flow.id)
        self._last[flow.id] = (flow, max(written_s, known[1] if known else written_s))

    def note_latency(self, flow: Flow, edited: Side, written_s: float, took_s: float) -> None:
        """Remember how long a change of one side took to be seen on the other."""
        self.note(flow, written_s)
        self.longest_s[flow.id] = max(took_s, self.longest_s.get(flow.id, 0.0))
        self._carried.add((flow.id, edited))

    def after(self, moment_s: float, besides: Flow) -> Flow | None:
        """Another flow of which a record written after a moment arrived."""
        return next((f for f, s in self._last.values() if s >= moment_s and f.id != besides.id), None)

    def has_carried(self, flow: Flow, edited: Side) -> bool:
        """Whether a new record or an edit of one side of a flow was ever seen to arrive on the other."""
        return (flow.id, edited) in self._carried
