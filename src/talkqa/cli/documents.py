"""`talkqa check` and `talkqa impact`: what documents say, and what a change of them means."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result
from talkqa.model.check import Depth
from talkqa.model.diagnostic import Diagnostic, Severity


class DiagnosticFormat(StrEnum):
    """How diagnostics are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def check(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Documents or folders; default: specs of talkqa.toml.")
    ] = None,
    *,
    model: Annotated[bool, typer.Option("--model", help="Print the model: one JSON object a line a document.")] = False,
    format: Annotated[DiagnosticFormat, typer.Option(help="How diagnostics are printed.")] = DiagnosticFormat.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Print what is unclear, untestable or wrong in documents.

    Exits with 2 only where a document cannot be read.
    """
    from talkqa.documents.worlds import group_worlds  # noqa: PLC0415 - see app.py

    call: Call = context.obj
    reading = call.read(paths or (), call.settings())
    worlds = group_worlds(reading.documents)
    diagnostics = sorted(
        (*reading.diagnostics, *(d for world in worlds for d in world.diagnostics)),
        key=lambda d: (d.location.path, d.location.line, d.code),
    )
    if model:
        from talkqa.documents.jsonform import model_json  # noqa: PLC0415 - see app.py

        for document in reading.documents:
            print_result(json.dumps(model_json(document), ensure_ascii=False))
        _tell_on_stderr(reading.diagnostics)
    else:
        from talkqa.documents.validate import format_diagnostics  # noqa: PLC0415 - see app.py

        text = format_diagnostics(diagnostics, format.value)
        if text:
            print_result(text)
        flows = sum(len(world.flows) for world in worlds)
        documents = len(reading.documents)
        counted = f"{documents} document{'s' * (documents != 1)}, {flows} flow{'s' * (flows != 1)}"
        print_notice(f"{counted}, {_counted(diagnostics)}")
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise typer.Exit(2)


def impact(
    context: typer.Context,
    old: Annotated[Path, typer.Argument(help="Documents as they were: a file or a folder.")],
    new: Annotated[Path, typer.Argument(help="Documents as they are now.")],
    *,
    depth: Annotated[Depth | None, typer.Option(help="How much of the checklist; default: talkqa.toml.")] = None,
) -> None:
    """Tell which checks a change of documents touches."""
    from talkqa.checklist.impact import compare_checklists  # noqa: PLC0415 - see app.py

    call: Call = context.obj
    settings = call.settings()
    # Each side is its own project: a document keeps its name when its folder has another.
    before, after = (call.worlds([path], settings, _base(path)) for path in (old, new))
    found = compare_checklists(before, after, depth or settings.depth)
    for sign, affected in (("-", found.removed), ("+", found.added), ("~", found.altered)):
        for item in affected:
            print_result(f"{sign} {item.check.id}\n    {item.check.title}")
    print_result(
        f"{len(found.added)} checks come, {len(found.removed)} go, {len(found.altered)} demand something else, "
        f"{len(found.unchanged)} stay as they were"
    )


def _counted(diagnostics: Sequence[Diagnostic]) -> str:
    numbers = [(severity, sum(d.severity is severity for d in diagnostics)) for severity in Severity]
    return ", ".join(f"{number} {severity.value}{'' if number == 1 else 's'}" for severity, number in numbers)


def _tell_on_stderr(diagnostics: Sequence[Diagnostic]) -> None:
    for diagnostic in diagnostics:
        print_notice(str(diagnostic))


def _base(path: Path) -> Path:
    return path if path.is_dir() else path.parent
