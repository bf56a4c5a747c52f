"""What a scenario saw: sentences, each with the HTTP exchanges that show it.

Which scenario an exchange belongs to follows from the task that made it; observers and heartbeats belong to none.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from talkqa.model.call import ACTOR
from talkqa.model.record import Exchange
from talkqa.model.result import Observation
from talkqa.verify.foreign import Reduction
from talkqa.verify.observer import Sighting

_KEPT = 4
"""Exchanges kept with one observation: the last ones before it are those that show it."""


@dataclass(slots=True)
class EvidenceLog:
    """The observations of one scenario, in order."""

    reduction: Reduction | None = None
    """Cuts what is said of foreign records; None where there are none."""
    observations: list[Observation] = field(default_factory=list)
    pending: list[Exchange] = field(default_factory=list)

    def observe(self, text: str, at_s: float, *sightings: Sighting) -> None:
        """Add an observation with the exchanges made since the last one and the sightings that show it."""
        shown = self.pending
        if self.reduction is not None:  # now and not before: what is its own, a run learns from answers
            shown = [self.reduction.exchange(exchange) for exchange in shown]
        exchanges = (*shown, *map(self._exchange_of, sightings))
        self.observations.append(Observation(text=text, at_s=at_s, exchanges=exchanges))
        self.pending.clear()

    def conclude(self, text: str, at_s: float) -> None:
        """Add what decided, last, with the exchanges that show it: the newest that the scenario made or was shown."""
        if self.pending:
            self.observe(text, at_s)
            return
        shown = next((o.exchanges for o in reversed(self.observations) if o.exchanges), ())
        self.observations.append(Observation(text=text, at_s=at_s, exchanges=shown))

    def _exchange_of(self, sighting: Sighting) -> Exchange:
        """The poll that showed a record, without the other records that the same answer held."""
        record = sighting.record
        values = dict(record.values) if self.reduction is None else self.reduction.shown(record)
        return Exchange(
            method="GET",
            url=f"{record.system}/{record.entity}?changed-since (record {record.id} of the answer)",
            status=200,
            at_s=sighting.seen_s,
            response_body=json.dumps(values, ensure_ascii=False, default=str),
        )


CURRENT: ContextVar[EvidenceLog | None] = ContextVar("talkqa_evidence", default=None)
"""The evidence of the scenario whose task is running; None for observers, heartbeats and sweeps."""


def record_exchange(exchange: Exchange) -> None:
    """Note an exchange of whatever scenario is running: clients call it for every request."""
    log = CURRENT.get()
    if log is not None:
        log.pending.append(exchange)
        del log.pending[:-_KEPT]


@contextmanager
def of_no_scenario(actor: str = "") -> Iterator[None]:
    """What is asked inside belongs to no scenario's evidence."""
    evidence, before = CURRENT.set(None), ACTOR.set(actor)
    try:
        yield
    finally:
        CURRENT.reset(evidence)
        ACTOR.reset(before)
