"""`talkqa check` and `talkqa impact`: what documents say, and what a change of them means."""

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call, review
from talkqa.cli.terminal import print_notice, print_result
from talkqa.model.check import Depth
from talkqa.model.diagnostic import Diagnostic, Severity
from talkqa.model.flow import Side
from talkqa.model.settings import Settings

if TYPE_CHECKING:
    from talkqa.model.flow import Document
    from talkqa.model.world import World


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
    chains: Annotated[
        bool, typer.Option("--chains", help="Tell of what a record may rightly become several over all documents.")
    ] = False,
    model: Annotated[bool, typer.Option("--model", help="Print the model: one JSON object a line a document.")] = False,
    format: Annotated[DiagnosticFormat, typer.Option(help="How diagnostics are printed.")] = DiagnosticFormat.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Print what is unclear, untestable or wrong in documents.

    Exits with 2 only where a document cannot be read.
    """
    from talkqa.documents.worlds import group_worlds  # noqa: PLC0415 - see app.py

    call: Call = context.obj
    settings = call.settings()
    reading = call.read(paths or (), settings)
    worlds = _beside_others(group_worlds(reading.documents), reading.documents, call, settings, chains=chains)
    allowed = [copies for world in worlds for copies in _allowed_copies(world)] if chains else []
    decided = () if paths else review(worlds, settings)
    diagnostics = sorted(
        (*reading.diagnostics, *(d for world in worlds for d in world.diagnostics), *allowed, *decided),
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


def _beside_others(
    worlds: Sequence["World"], documents: Sequence["Document"], call: Call, settings: Settings, *, chains: bool
) -> Sequence["World"]:
    """The worlds with what else the engine runs, where that has anything to say against them or is asked for."""
    several = len({flow.id for world in worlds for flow in world.flows}) < sum(len(world.flows) for world in worlds)
    if not (chains or several or settings.engine_documents):
        return worlds
    running = call.running(documents, settings)
    return [running.beside(world) for world in worlds]


def _allowed_copies(world: "World") -> Iterator[Diagnostic]:
    """What one record may rightly become more than one of, or comes back as."""
    from talkqa.documents.codes import finding  # noqa: PLC0415 - see app.py
    from talkqa.verify.routes import rightful_copies  # noqa: PLC0415 - see app.py

    for flow in world.flows:
        copies = rightful_copies(flow, world.running)
        begun = f"over all documents one {flow.source.name} may rightly become"
        if copies is None:
            told = f"{begun} more {flow.target.name} than can be counted"
        elif copies[Side.TARGET] > 1:
            told = f"{begun} {copies[Side.TARGET]} {flow.target.name}"
        elif copies[Side.SOURCE] and flow.source != flow.target:
            told = f"{begun} {copies[Side.SOURCE]} further {flow.source.name}"
        else:
            continue
        if flow.rules:
            yield finding("copies-allowed", flow.rules[0].location, told, flow_id=flow.id)


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
