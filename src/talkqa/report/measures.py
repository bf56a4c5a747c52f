"""What several scenarios measured of one flow, together: which properties travelled, and how long changes took."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from talkqa.model.result import LatencySeen, MappingSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyView:
    """How long changes of a flow took in one direction."""

    direction: str
    count: int
    median_s: float
    max_s: float
    error_s: float
    """The observer's poll period: each figure may be too high by as much."""


def unite_mappings(mappings: Iterable[MappingSeen]) -> tuple[MappingSeen, ...]:
    """One row a pair of properties: what several scenarios saw of it, together."""
    groups: dict[tuple[str, str], list[MappingSeen]] = defaultdict(list)
    for mapping in mappings:
        groups[mapping.source, mapping.target].append(mapping)
    return tuple(_united_mapping(groups[pair]) for pair in sorted(groups))


def _united_mapping(seen: list[MappingSeen]) -> MappingSeen:
    last = seen[-1]
    both_ways = [mapping.both_ways for mapping in seen if mapping.both_ways is not None]
    return MappingSeen(
        flow_id=last.flow_id,
        source=last.source,
        target=last.target,
        data_type=last.data_type,
        relation=next((mapping.relation for mapping in seen if mapping.relation != "equal"), last.relation),
        documented=any(mapping.documented for mapping in seen),
        confirmations=sum(mapping.confirmations for mapping in seen),
        both_ways=any(both_ways) if both_ways else None,
        approved=any(mapping.approved for mapping in seen),
    )


def unite_latencies(latencies: Iterable[LatencySeen]) -> tuple[LatencyView, ...]:
    """One a direction, sorted."""
    groups: dict[str, list[LatencySeen]] = defaultdict(list)
    for latency in latencies:
        groups[latency.direction].append(latency)
    return tuple(
        LatencyView(
            direction=direction,
            count=len(seen),
            median_s=median(latency.seconds for latency in seen),
            max_s=max(latency.seconds for latency in seen),
            error_s=max(latency.error_s for latency in seen),
        )
        for direction, seen in sorted(groups.items())
    )
