"""`talkqa generate`: documents to scenarios; plan, show, write."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result, progress
from talkqa.model.check import Depth
from talkqa.model.settings import Settings
from talkqa.model.world import World

if TYPE_CHECKING:
    from talkqa.generate.change import Plan

STALE = 2
_LISTED = 20
"""Files named that are written anew; what is removed or kept is always named."""


def generate(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Documents or folders; default: specs of talkqa.toml.")
    ] = None,
    *,
    output: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Where scenarios go; default: output of talkqa.toml.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 2 where something is stale.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what would change.")] = False,
    depth: Annotated[Depth | None, typer.Option(help="How much of the checklist; default: talkqa.toml.")] = None,
) -> None:
    """Turn documents into scenarios, one feature a flow.

    A file that was edited by hand is kept and reported.
    """
    call: Call = context.obj
    settings = call.settings()
    settings = replace(settings, output=output or settings.output, depth=depth or settings.depth)
    worlds = call.worlds(paths or (), settings)
    planned = plan_generation(call, worlds, settings)
    if diff:
        from talkqa.generate.plan import diff as render_diff  # noqa: PLC0415 - see app.py

        text = render_diff(planned)
        if text:
            print_result(text.rstrip("\n"))
    if check or diff:
        tell_changes(planned, would=True)
        raise typer.Exit(STALE if check and planned.stale else 0)
    write_plan(planned)
    _remember_outside(call, worlds, settings)


def _remember_outside(call: Call, worlds: Sequence[World], settings: Settings) -> None:
    from talkqa.generate.manifest import OUTSIDE, name_document  # noqa: PLC0415 - see app.py
    from talkqa.runner.outside import remember_outside  # noqa: PLC0415 - see app.py

    named = [(name_document(d.path, call.root), call.root / d.path) for world in worlds for d in world.documents]
    remember_outside((n for n in named if n[0].startswith(OUTSIDE)), call.root / settings.work)


def plan_generation(call: Call, worlds: Sequence[World], settings: Settings) -> "Plan":
    """What generating would change.

    Raises:
        TalkqaError: where the output folder cannot be planned.
    """
    from talkqa.generate.plan import plan  # noqa: PLC0415 - see app.py

    with progress("planning scenarios"):
        return plan(worlds, settings, call.root)


def write_plan(planned: "Plan") -> None:
    """Write what was planned and tell it."""
    from talkqa.generate.plan import write  # noqa: PLC0415 - see app.py

    write(planned)
    tell_changes(planned, would=False)


def tell_changes(planned: "Plan", *, would: bool) -> None:
    """Name each file that changes or is kept, and count."""
    from talkqa.generate.change import ChangeKind  # noqa: PLC0415 - see app.py

    verbs = {
        ChangeKind.CREATE: "create",
        ChangeKind.UPDATE: "update",
        ChangeKind.ORPHAN: "remove",
        ChangeKind.KEEP: "keep",
    }
    for kind, verb in verbs.items():
        listed = planned.of(kind)[: None if kind in {ChangeKind.KEEP, ChangeKind.ORPHAN} else _LISTED]
        for change in listed:
            print_notice(f"{verb} {planned.show(change)}" + (f": {change.reason}" if change.reason else ""))
        if len(planned.of(kind)) > len(listed):
            print_notice(f"{verb} {len(planned.of(kind)) - len(listed)} more")
    counts = ", ".join(f"{len(planned.of(kind))} to {verb}" for kind, verb in verbs.items() if planned.of(kind))
    unchanged = f"{len(planned.of(ChangeKind.UNCHANGED))} files up to date"
    done = counts if would else counts.replace(" to ", " ").replace("create", "created").replace("update", "updated")
    done = done if would else done.replace("remove", "removed").replace("keep", "kept")
    print_notice(", ".join(part for part in (done, unchanged) if part))
