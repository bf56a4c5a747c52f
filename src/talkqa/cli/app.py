"""The commands of `talkqa`, and how their errors and exit codes reach the caller.

Start-up is quick: what a command needs is imported when the command runs.
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

import talkqa
from talkqa.cli import (
    approving,
    attesting,
    discovering,
    doctor,
    documents,
    faulting,
    generation,
    importing,
    login,
    results,
    running,
    serving,
    starting,
)
from talkqa.cli.project import Call
from talkqa.cli.terminal import print_error
from talkqa.model.errors import TalkqaError

WRONG_INPUT = 2
INTERRUPTED = 130

EXAMPLES: dict[Callable[..., None], tuple[str, ...]] = {
    starting.init: ("mkdir sync-checks && cd sync-checks && talkqa init",),
    documents.check: ("talkqa check specs/", "talkqa check --model crm-to-erp.rst > model.jsonl"),
    generation.generate: ("talkqa generate specs/", "talkqa generate --check"),
    running.run: (
        "talkqa run",
        "talkqa run --licence-off Salesforce.Billing --require proven=90%",
        "talkqa run -- -k division -x",
    ),
    results.report: ("talkqa report", "talkqa report .talkqa/runs/20250101T080000-1a2b"),
    discovering.discover: (
        "talkqa discover",
        "talkqa discover specs/crm-to-erp.rst --flow custom-crm.customer--salesforce.account",
        "talkqa discover --all --mode live",
    ),
    approving.approve: (
        "talkqa approve",
        "talkqa approve --flow custom-crm.customer--salesforce.account --by 'K. Olsen'",
        "talkqa approve --all --dry-run",
    ),
    attesting.attest: (
        "talkqa attest custom-crm.order--salesforce.invoice/created --outcome passed --note 'saw one invoice'",
    ),
    documents.impact: ("talkqa impact last-release/specs specs",),
    doctor.doctor: ("talkqa doctor", "talkqa doctor --sandbox specs/crm-to-erp.rst", "talkqa doctor --calls Wave=900"),
    login.login: (
        "talkqa login 'Exact Online'",
        "talkqa login 'Exact Online' --code 'https://example.com/back?code=...&state=...'",
    ),
    results.sweep: ("talkqa sweep",),
    faulting.faults: (
        "talkqa faults --sample 60",
        "talkqa faults specs/crm-to-erp.rst --kind property-dropped",
        "talkqa faults --seeds 100 --shrink",
    ),
}
"""Command to what its --help shows, in the order of --help."""

app = typer.Typer(
    name="talkqa",
    help="Makes dataflow documents of a two-way sync engine executable: checklist, scenarios, verdicts, report.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for _command, _lines in EXAMPLES.items():
    app.command(
        cls=running.RunCommand if _command is running.run else None,
        epilog="\b\nExample:\n" + "\n".join(f"  {line}" for line in _lines),
    )(_command)
app.add_typer(serving.sandbox)
app.add_typer(importing.importing)


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer hands the flag over by position
    if value:
        typer.echo(f"talkqa {talkqa.__version__}")
        raise typer.Exit


@app.callback()
def _set_up(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A talkqa.toml elsewhere; its folder is the project.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; may stand anywhere.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version  # its callback has done it
    context.obj = Call.of(config=config, debug=debug)


def main() -> None:
    """Run the command line and exit; the entry point of `talkqa`."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        The exit code: 0 well, 1 failed checks, 2 wrong input or stale, 3 errors or nothing decided, 4 unproven beyond
        what is required, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a document's characters must not break a plain terminal
    arguments, debug = _hoist_debug(list(arguments))
    try:
        app(arguments, prog_name="talkqa")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except TalkqaError as error:
        if debug:
            traceback.print_exc()
        print_error(str(error))
        return WRONG_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _mute_output()
        return 0
    return 0


def _mute_output() -> None:
    """Whoever read our output has seen enough; keep Python from complaining when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _hoist_debug(arguments: list[str]) -> tuple[list[str], bool]:
    """Let --debug stand anywhere before `--`: people add it to the end of the line that failed."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    ours = [argument for argument in arguments[:end] if argument != "--debug"]
    debug = len(ours) < end
    return (["--debug"] if debug else []) + ours + arguments[end:], debug
