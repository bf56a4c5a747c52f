"""`talkqa report` and `talkqa sweep`: what a run left, and what is to be removed of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result, progress

LIVE = frozenset({"live", "record"})
"""Modes whose systems outlive the run."""

if TYPE_CHECKING:
    from talkqa.report.content import Report
    from talkqa.report.reading import Run


def report(
    context: typer.Context,
    run_dir: Annotated[Path | None, typer.Argument(help="Folder of a run; default: the newest.")] = None,
    *,
    require: Annotated[
        str | None, typer.Option(metavar="proven=90%", help="Exit as `talkqa run` does, attestations included.")
    ] = None,
) -> None:
    """Write a run's report again, from its events and what was attested since.

    Exits with 0, and with --require as `talkqa run` does.
    """
    from talkqa.report.exitcode import exit_code, read_requirement  # noqa: PLC0415 - see app.py
    from talkqa.report.summary import render_summary  # noqa: PLC0415

    required = read_requirement(require) if require else None
    run, written = show_run(find_folder(context.obj, run_dir))
    print_result(render_summary(written).rstrip("\n"))
    if required is not None:
        raise typer.Exit(exit_code(run, required))


def sweep(
    context: typer.Context,
    run_dir: Annotated[
        Path | None, typer.Argument(help="Folder of a run; default: the newest live one that left something.")
    ] = None,
) -> None:
    """Remove what a killed run left in the systems."""
    from talkqa.report.reading import read_run  # noqa: PLC0415 - see app.py

    call: Call = context.obj
    if run_dir is None:
        folder = _find_unswept(call)
        if folder is None:
            print_result("nothing to remove: no live run left anything")
            return
        print_notice(f"newest live run that left something: {_shown(call, folder)}")
    else:
        folder = run_dir
        modes = {world.started.mode for world in read_run(folder).worlds if world.started}
        if not modes & LIVE:
            print_result(
                f"{folder}: nothing to remove: no system outlives a {' or '.join(sorted(modes)) or 'sandbox'} run "
                f"({_count_open(folder)} entries of the ledger were open)"
            )
            return
    raise typer.Exit(1 if _sweep_folder(call, folder) else 0)


def _sweep_folder(call: Call, folder: Path) -> list[str]:
    """Remove what a run left; what had to stay."""
    from talkqa.runner.sweeping import sweep_ledger  # noqa: PLC0415 - see app.py

    left: list[str] = []
    for path in sorted(folder.glob("*.ledger.jsonl")):
        with progress(f"removing what {path.stem.removesuffix('.ledger')} left"):
            result = sweep_ledger(path, call.settings(), call.root)
        left += result.left
        print_result(f"{path.name}: {result.removed} records removed, {len(result.left)} left")
    for line in left:
        print_notice(f"left: {line}")
    return left


def _find_unswept(call: Call) -> Path | None:
    """The newest live run whose ledger has open entries; None where there is none.

    Raises:
        RunError: where there was no run at all.
    """
    from talkqa.report.reading import find_newest_run, read_mode  # noqa: PLC0415 - see app.py

    runs = find_newest_run(call.root / call.settings().work / "runs").parent
    newest_first = sorted((path for path in runs.iterdir() if path.is_dir()), reverse=True)
    return next((path for path in newest_first if read_mode(path) in LIVE and _count_open(path)), None)


def _count_open(folder: Path) -> int:
    from talkqa.verify.ledger import read_ledger  # noqa: PLC0415 - see app.py

    return sum(len(read_ledger(path)) for path in folder.glob("*.ledger.jsonl"))


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


def find_folder(call: Call, given: Path | None) -> Path:
    """The folder of a run as given, else of the newest one, which is told.

    Raises:
        RunError: where there was no run yet.
    """
    from talkqa.report.reading import find_newest_run  # noqa: PLC0415 - see app.py

    if given is not None:
        return given
    newest = _shown(call, find_newest_run(call.root / call.settings().work / "runs"))
    print_notice(f"newest run: {newest}")
    return newest


def _shown(call: Call, folder: Path) -> Path:
    return folder.relative_to(call.root) if folder.is_relative_to(Path.cwd()) else folder
