"""Rows that a person may approve: what was discovered, or what a run saw travel."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.errors import ConfigError
from talkqa.model.result import MappingSeen
from talkqa.report.measures import unite_mappings
from talkqa.report.reading import Run

_LEAST = 2
"""Independent writes that a row needs: one may be a coincidence."""
_TEXTS = ("flow_id", "source", "target", "data_type")


def read_discovered(path: Path) -> tuple[ProposedRow, ...]:
    """The rows that `talkqa discover` proposed, one a line.

    Raises:
        ConfigError: for lines that are none, with what is wrong with each.
    """
    rows: list[ProposedRow] = []
    problems: list[str] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}; run `talkqa discover` again") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            rows.append(_row(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            problems.append(f"{path}:{number}: is no proposed row: {type(error).__name__}: {error}")
    if problems:
        raise ConfigError("\n".join([*problems, "  run `talkqa discover` again"]))
    return tuple(rows)


def propose_rows(run: Run) -> tuple[ProposedRow, ...]:
    """What a run saw travel at least twice, as rows: in the directions in which it was seen."""
    flows: defaultdict[str, list[MappingSeen]] = defaultdict(list)
    for mapping in (m for world in run.worlds for m in world.mappings):
        flows[mapping.flow_id].append(mapping)
    return tuple(
        ProposedRow(
            flow_id=flow_id,
            source=seen.source,
            target=seen.target,
            data_type=seen.data_type,
            ways=Ways.BOTH if seen.both_ways else Ways.TO_TARGET,
            confidence=1 - 0.5**seen.confirmations,
            observations=(_observation(run, seen),),
        )
        for flow_id in sorted(flows)
        for seen in unite_mappings(flows[flow_id])
        if seen.confirmations >= _LEAST
    )


def _observation(run: Run, seen: MappingSeen) -> str:
    back = {True: "; an edit of the target came back", False: "; an edit of the target did not come back"}
    return f"seen {seen.confirmations} times in the run {run.folder.name}, {seen.relation}" + (
        back[seen.both_ways] if seen.both_ways is not None else "; the way back was not tried"
    )


def _row(data: Any) -> ProposedRow:
    texts = {name: data[name] for name in _TEXTS}
    for name, value in texts.items():
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"{name} must be text")
    return ProposedRow(
        **texts,
        ways=Ways(data["ways"]),
        confidence=float(data["confidence"]),
        observations=tuple(str(one) for one in data["observations"]),
    )
