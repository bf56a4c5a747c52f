"""`talkqa approve`: what was seen of an undocumented mapping becomes what is promised, by a person's word."""

import getpass
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result
from talkqa.model.decision import Decisions
from talkqa.model.discovery import ProposedRow
from talkqa.model.errors import ConfigError
from talkqa.model.flow import Flow
from talkqa.model.settings import Settings

if TYPE_CHECKING:
    from talkqa.report.reading import Run

DISCOVERED = "discovered.jsonl"
LEFT_OUT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The proposed rows of one flow, sorted by what may become of them."""

    flow: Flow | None
    """None where no document has it."""
    flow_id: str
    fresh: tuple[ProposedRow, ...]
    known: tuple[ProposedRow, ...]
    """Documented or approved already, in the same words."""
    refused: tuple[tuple[ProposedRow, str], ...]
    """With what says otherwise, and where."""


def approve(
    context: typer.Context,
    *,
    flow: Annotated[list[str] | None, typer.Option(metavar="ID", help="Approve the rows of this flow.")] = None,
    all_flows: Annotated[bool, typer.Option("--all", help="Approve the rows of every flow.")] = False,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who approves; default: your login name.")] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who read it later.")] = "",
    run: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Take what this run saw, and not what was discovered.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written; write nothing.")] = False,
) -> None:
    """Approve a mapping that was seen, so that a departure from it fails.

    Shows what `talkqa discover` or else the last run saw, and writes what is approved to decisions.toml. What a
    document says otherwise is never approved: it is left out, told, and makes the exit code 1.
    """
    call: Call = context.obj
    settings = call.settings()
    rows, origin = _read_rows(call, settings, run)
    print_notice(f"{len(rows)} rows from {origin}")
    proposals = sort_proposals(rows, _flows(call, settings), settings.decisions)
    _require_flows(flow or (), proposals)
    for proposal in proposals:
        if not flow or proposal.flow_id in flow:
            _show(proposal)
    chosen = tuple(p for p in proposals if all_flows or p.flow_id in (flow or ()))
    fresh = tuple(row for proposal in chosen for row in proposal.fresh)
    if not chosen:
        print_notice("\nnothing is approved yet: approve with --flow ID or --all")
        return
    if not fresh:
        print_result("nothing new to approve")
    else:
        _write(call, fresh, by=by or find_name(), note=note, dry_run=dry_run)
    if any(proposal.refused for proposal in chosen):
        raise typer.Exit(LEFT_OUT)


def sort_proposals(
    rows: Iterable[ProposedRow], flows: Mapping[str, Flow], decisions: Decisions
) -> tuple[Proposal, ...]:
    """Proposed rows by flow: what is new, what is known, and what somebody says otherwise."""
    groups: dict[str, dict[tuple[str, str], ProposedRow]] = {}
    for row in rows:
        groups.setdefault(row.flow_id, {})[row.source, row.target] = row
    return tuple(
        _sort_rows(flow_id, tuple(groups[flow_id].values()), flows.get(flow_id), decisions)
        for flow_id in sorted(groups)
    )


def _sort_rows(flow_id: str, rows: Sequence[ProposedRow], flow: Flow | None, decisions: Decisions) -> Proposal:
    from talkqa.documents.approved import contradiction  # noqa: PLC0415 - see app.py

    fresh: list[ProposedRow] = []
    known: list[ProposedRow] = []
    refused: list[tuple[ProposedRow, str]] = []
    documented = flow.as_documented().properties if flow is not None else ()
    approved = {(one.source, one.target): one for one in decisions.mappings if one.flow_id == flow_id}
    for row in sorted(rows, key=lambda row: (row.source, row.target)):
        decided = approved.get((row.source, row.target))
        other = contradiction(row, documented)
        if flow is None:
            refused.append((row, "no document has this flow"))
        elif other is not None:
            refused.append((row, f"{other.location} says '{other.source}' to '{other.target}', {other.data_type}"))
        elif decided is not None and (decided.data_type, decided.ways) != (row.data_type, row.ways):
            refused.append((row, f"{decided.location} approves it as {decided.data_type}, {decided.ways}"))
        elif decided is not None or any((r.source, r.target) == (row.source, row.target) for r in documented):
            known.append(row)
        else:
            fresh.append(row)
    return Proposal(flow=flow, flow_id=flow_id, fresh=tuple(fresh), known=tuple(known), refused=tuple(refused))


def find_name() -> str:
    """The user's login name.

    Raises:
        ConfigError: where the machine does not tell it.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise ConfigError("who approves? this machine knows no login name; say it with --by NAME") from None


def _read_rows(call: Call, settings: Settings, run: Path | None) -> tuple[tuple[ProposedRow, ...], str]:
    """The proposed rows, and where they come from.

    Raises:
        ConfigError: for a file that cannot be read.
        RunError: where nothing was discovered, and no run saw anything.
    """
    from talkqa.report.proposals import propose_rows, read_discovered  # noqa: PLC0415 - see app.py
    from talkqa.report.reading import find_newest_run, read_run  # noqa: PLC0415

    discovered = call.root / settings.work / DISCOVERED
    if run is None and discovered.is_file():
        return read_discovered(discovered), f"{settings.work}/{DISCOVERED}"
    folder = run or find_newest_run(call.root / settings.work / "runs")
    found: Run = read_run(folder)
    return propose_rows(found), f"the run {folder.name}"


def _flows(call: Call, settings: Settings) -> dict[str, Flow]:
    return {flow.id: flow for world in call.worlds((), settings) for flow in world.flows}


def _require_flows(wanted: Iterable[str], proposals: Sequence[Proposal]) -> None:
    known = [proposal.flow_id for proposal in proposals]
    for flow_id in wanted:
        if flow_id not in known:
            told = f"flows with proposed rows: {', '.join(known)}" if known else "there are no proposed rows"
            raise ConfigError(f"--flow {flow_id}: nothing was seen of such a flow\n  {told}")


def _show(proposal: Proposal) -> None:
    title = proposal.flow.title if proposal.flow is not None else "no document has this flow"
    print_result(f"\n{title}\n  {proposal.flow_id}")
    for row in proposal.fresh:
        print_result(f"  {_words(row)}")
        for observation in row.observations:
            print_result(f"      {observation}")
    if proposal.known:
        print_result(f"  documented or approved already: {len(proposal.known)}")
    for row, why in proposal.refused:
        print_notice(f"  left out: {_words(row)}\n      {why}")


def _words(row: ProposedRow) -> str:
    return f"{row.source} -> {row.target}  {row.data_type}, {row.ways}, {row.confidence:.0%} sure"


def _write(call: Call, rows: Sequence[ProposedRow], *, by: str, note: str, dry_run: bool) -> None:
    from talkqa.config import DECISIONS_NAME  # noqa: PLC0415 - see app.py
    from talkqa.config.approval import append_mappings, render_mappings  # noqa: PLC0415

    text = render_mappings(rows, by=by, on=_today(), note=note)
    if dry_run:
        print_result(f"\nwould be added to {DECISIONS_NAME}:\n\n{text.rstrip()}")
        return
    append_mappings((call.config.absolute().parent if call.config else call.root) / DECISIONS_NAME, text)
    flows = len({row.flow_id for row in rows})
    print_result(
        f"\napproved {len(rows)} row{'s' * (len(rows) != 1)} of {flows} flow{'s' * (flows != 1)} in {DECISIONS_NAME}"
        "; now run `talkqa generate`"
    )


def _today() -> date:
    return datetime.now().astimezone().date()
