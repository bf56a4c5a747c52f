"""`talkqa report` and `talkqa sweep`: what a run left, and what is to be removed of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result, progress

if TYPE_CHECKING:
    from talkqa.report.content import Report
    from talkqa.report.reading import Run


def report(
    context: typer.Context,
    run_dir: Annotated[Path | None, typer.Argument(help="Folder of a run; default: the newest.")] = None,
) -> None:
    """Write a run's report again, from its events."""
    from talkqa.report.summary import render_summary  # noqa: PLC0415 - see app.py

    _, written = show_run(_folder(context.obj, run_dir))
    print_result(render_summary(written).rstrip("\n"))


def sweep(
    context: typer.Context,
    run_dir: Annotated[Path | None, typer.Argument(help="Folder of a run; default: the newest.")] = None,
) -> None:
    """Remove what a killed run left in the systems."""
    from talkqa.report.reading import read_run  # noqa: PLC0415 - see app.py
    from talkqa.verify.ledger import read_ledger  # noqa: PLC0415 - see app.py

    folder = _folder(context.obj, run_dir)
    modes = {world.started.mode for world in read_run(folder).worlds if world.started}
    ledgers = sorted(folder.glob("*.ledger.jsonl"))
    entries = sum(len(read_ledger(path)) for path in ledgers)
    if "live" not in modes:
        print_result(
            f"{folder}: nothing to remove: no system outlives a {' or '.join(sorted(modes)) or 'sandbox'} run "
            f"({entries} entries of the ledger were open)"
        )
        return
    from talkqa.runner.sweeping import sweep_ledger  # noqa: PLC0415 - see app.py

    call: Call = context.obj
    left: list[str] = []
    for path in ledgers:
        with progress(f"removing what {path.stem.removesuffix('.ledger')} left"):
            result = sweep_ledger(path, call.settings(), call.root)
        left += result.left
        print_result(f"{path.name}: {result.removed} records removed, {len(result.left)} left")
    for line in left:
        print_notice(f"left: {line}")
    raise typer.Exit(1 if left else 0)


def show_run(folder: Path) -> tuple["Run", "Report"]:
    """Write the reports of a run beside its events.

    Raises:
        RunError: where the folder holds no events.
    """
    from talkqa.report.reading import read_run  # noqa: PLC0415 - see app.py
    from talkqa.report.writing import write_reports  # noqa: PLC0415 - see app.py

    with progress("writing the report"):
        run = read_run(folder)
        return run, write_reports(run)


def _folder(call: Call, given: Path | None) -> Path:
    from talkqa.report.reading import find_newest_run  # noqa: PLC0415 - see app.py

    if given is not None:
        return given
    newest = find_newest_run(call.root / call.settings().work / "runs")
    folder = newest.relative_to(call.root) if newest.is_relative_to(Path.cwd()) else newest
    print_notice(f"newest run: {folder}")
    return folder
