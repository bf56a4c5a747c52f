"""`talkqa discover`: the property tables that documents leave empty, as the systems show them."""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.approving import DISCOVERED
from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result, progress
from talkqa.model.discovery import ProposedRow, Ways
from talkqa.model.errors import ConfigError
from talkqa.model.flow import Flow
from talkqa.model.settings import Settings
from talkqa.redaction.secrets import Secrets

if TYPE_CHECKING:
    from talkqa.model.world import World
    from talkqa.runner.discovering import FlowDiscovery, WorldDiscovery

DIFFERS, NOTHING_FOUND = 1, 3
_LIVE = "live"
_WAYS = {Ways.BOTH: "both ways", Ways.TO_TARGET: "to the target alone", Ways.TO_SOURCE: "to the source alone"}


class DiscoveryMode(StrEnum):
    """Where a mapping can be discovered: records must be written, so that no recording will do."""

    SANDBOX = "sandbox"
    LIVE = "live"


def discover(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Documents or folders; default: specs of talkqa.toml.")
    ] = None,
    *,
    flow: Annotated[list[str] | None, typer.Option(metavar="ID", help="This flow alone; repeatable.")] = None,
    mode: Annotated[DiscoveryMode | None, typer.Option(help="Where the systems are; default: talkqa.toml.")] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds write equal values.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Flows with a table too: tell where it is wrong.")] = False,
) -> None:
    """Find the properties of flows whose documents name none, and print their tables.

    Two records of each flow are written, one of them is changed, and then what the sync engine made of both: at most
    three writes to an entity and side. What was written is removed again. A row is proposed where both records show it;
    what one of them contradicts is told as unclear. The tables can be pasted into the documents as they are; `talkqa
    approve` takes the same rows from .talkqa/discovered.jsonl.

    Exit codes: 0 all flows could be explored, 1 with --all where documents and engine differ, 2 wrong input, 3 a flow
    could not be explored, or something written could not be removed.
    """
    from talkqa.runner.discovering import Discovering, discover_worlds  # noqa: PLC0415 - see app.py
    from talkqa.runner.options import settle_mode  # noqa: PLC0415

    call: Call = context.obj
    settings = call.settings()
    seed = settings.seed if seed is None else seed
    # Nobody waits for emulated systems; real ones get their clock and another seed each time.
    settings = settle_mode(replace(settings, mode=_find_mode(mode, settings), seed=seed, record=False, clock="virtual"))
    worlds = call.worlds(paths or (), settings)
    wanted = _choose(worlds, flow or (), every=every)
    secrets = Secrets(accounts=settings.accounts)
    _announce(worlds, wanted, settings)
    found: list[WorldDiscovery] = []
    with _folder(call, settings) as (folder, run_id):
        how = Discovering(
            settings=settings, root=call.root, folder=folder, wanted=wanted, run_id=run_id, secrets=secrets
        )
        try:
            with progress("writing probes"):
                for world in discover_worlds(worlds, how):
                    found.append(world)
                    for one in world.flows:
                        print_result(secrets.text(text_form(one)))
        finally:  # what was found before something went wrong took writes that nobody wants to repeat
            _keep(call.root / settings.work / DISCOVERED, found, secrets)
    raise typer.Exit(_tell_end(found, settings))


def _find_mode(given: DiscoveryMode | None, settings: Settings) -> str:
    mode = given.value if given is not None else "live" if settings.mode == "record" else settings.mode
    if mode not in set(DiscoveryMode):
        raise ConfigError(f"discovery writes records, and mode {mode} cannot: say --mode sandbox or --mode live")
    return mode


def _choose(worlds: Sequence["World"], ids: Sequence[str], *, every: bool) -> Callable[[Flow], bool]:
    """Which flows are explored.

    Raises:
        ConfigError: where a flow that is asked for is in no document, or has a table and was not asked for that.
    """
    known = {flow.id: flow for world in worlds for flow in world.flows}
    for one in ids:
        if one not in known:
            raise ConfigError(f"--flow {one}: no document has this flow; flows: {', '.join(sorted(known)) or 'none'}")
        if known[one].properties and not every:
            raise ConfigError(f"--flow {one}: its properties are documented or approved; compare them with --all")
    return lambda flow: (not ids or flow.id in ids) and (every or not flow.properties)


def _announce(worlds: Sequence["World"], wanted: Callable[[Flow], bool], settings: Settings) -> None:
    """Say what is going to be written.

    Raises:
        ConfigError: where an account is missing, or lacks something.
    """
    chosen = [flow for world in worlds for flow in world.flows if wanted(flow)]
    print_notice(
        f"{len(chosen)} flow{'s' * (len(chosen) != 1)} to explore, at most 3 writes to an entity and side each"
    )
    if settings.mode == _LIVE and chosen:
        from talkqa.runner.announcement import describe_writing, require_accounts  # noqa: PLC0415 - see app.py

        systems = {system for world in worlds if any(map(wanted, world.flows)) for system in world.systems()}
        require_accounts(sorted(systems), settings)
        print_notice(describe_writing(systems, settings))


@contextmanager
def _folder(call: Call, settings: Settings) -> Iterator[tuple[Path, str]]:
    """Where ledgers go, and the run's id: among the runs where systems outlive the process, for `talkqa sweep`."""
    from talkqa.runner.events import make_run_id  # noqa: PLC0415 - see app.py

    if settings.mode != _LIVE:
        with TemporaryDirectory(prefix="talkqa-discover-") as folder:
            yield Path(folder), "discovery"
        return
    run_id = make_run_id(datetime.now(UTC))
    folder_of_run = call.root / settings.work / "runs" / run_id
    yield folder_of_run, run_id
    from talkqa.verify.ledger import read_ledger  # noqa: PLC0415 - see app.py

    if folder_of_run.is_dir() and not any(read_ledger(path) for path in folder_of_run.glob("*.ledger.jsonl")):
        shutil.rmtree(folder_of_run)  # nothing is left in any system: no run to report or to sweep


def text_form(found: "FlowDiscovery") -> str:
    """What was found of one flow, as reStructuredText: its table, and the rest in comments."""
    from talkqa.verify.discovery.table import render_table  # noqa: PLC0415 - see app.py

    flow = found.flow
    place = f" ({flow.rules[0].location})" if flow.rules else ""
    lines = [f"{flow.title}{place}", flow.id]
    if found.blocked:
        return _comment([*lines, "", f"not explored: {found.blocked}"])
    if found.audit is not None:
        return _comment([*lines, "", *_differences(found)])
    lines += ["", *(line for row in found.rows for line in _row_lines(row)), *_doubts(found)]
    if not found.rows:
        return _comment([*lines, "no property was seen to travel"])
    return f"{_comment(lines)}\n{render_table(found.heads, found.rows)}"


def _comment(lines: Iterable[str]) -> str:
    """Lines as a comment, which no reader of a document takes for more."""
    return "\n".join(["..", *(f"   {_printable(line)}".rstrip() for line in lines), ""])


def _printable(line: str) -> str:
    """A line without breaks; its indent stays."""
    words = " ".join(line.split())
    return f"  {words}" if line.startswith("  ") else words


def _row_lines(row: ProposedRow) -> list[str]:
    head = f"{row.source} -> {row.target}: {_WAYS[row.ways]}, {row.confidence:.2%} sure"
    return [head, *(f"  {observation}" for observation in row.observations)]


def _doubts(found: "FlowDiscovery") -> list[str]:
    return [f"unclear: {one.source} -> {one.target}: {one.why}" for one in found.doubts]


def _differences(found: "FlowDiscovery") -> list[str]:
    audit = found.audit
    if audit is None:
        return []
    rows = {(row.source, row.target): row for row in found.rows}
    lines = [f"documented and alive: {len(audit.alive)}"]
    lines += [f"documented, and was not seen to travel: {source} -> {target}" for source, target in audit.dead]
    for ends in audit.undocumented:
        head, *rest = _row_lines(rows[ends])
        lines += [f"travels, and is not documented: {head}", *rest]
    lines += [f"unclear: {source} -> {target}: {why}" for (source, target), why in audit.unclear.items()]
    return lines


def approvable(found: Iterable["WorldDiscovery"]) -> list[ProposedRow]:
    """The rows that a person may approve: those that no document has."""
    return [
        row
        for world in found
        for one in world.flows
        for row in one.rows
        if one.audit is None or (row.source, row.target) in one.audit.undocumented
    ]


def _keep(path: Path, found: Sequence["WorldDiscovery"], secrets: Secrets) -> None:
    """Write the rows of the flows that were explored; what was found of other flows before stays."""
    from talkqa.report.proposals import read_discovered  # noqa: PLC0415 - see app.py

    explored = {one.flow.id for world in found for one in world.flows if not one.blocked}
    try:
        before = read_discovered(path) if path.is_file() else ()
    except ConfigError as broken:
        print_notice(f"{broken}\n  it is written anew")
        before = ()
    rows = [*(row for row in before if row.flow_id not in explored), *approvable(found)]
    rows.sort(key=lambda row: (row.flow_id, row.source, row.target))
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (secrets.text(json.dumps(asdict(row), ensure_ascii=False)) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _tell_end(found: Sequence["WorldDiscovery"], settings: Settings) -> int:
    """The last words, and the exit code."""
    flows = [one for world in found for one in world.flows]
    blocked = [one for one in flows if one.blocked]
    rows = sum(len(one.rows) for one in flows)
    doubts = sum(len(one.doubts) for one in flows)
    print_notice(f"{len(flows) - len(blocked)} of {len(flows)} flows explored, {rows} rows, {doubts} unclear")
    new = len(approvable(found))
    if new:
        print_notice(f"{new} rows in {settings.work}/{DISCOVERED}: paste the tables, or run `talkqa approve`")
    left = [line for world in found for line in world.finished.left]
    for line in left:
        print_notice(f"left: {line}")
    if left and settings.mode == _LIVE:
        print_notice("remove it with `talkqa sweep`")
    if left or blocked:
        return NOTHING_FOUND
    return DIFFERS if any(one.audit and (one.audit.dead or one.audit.undocumented) for one in flows) else 0
