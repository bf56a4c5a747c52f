"""`talkqa import`: a descriptor of a system of your own, out of what is published about its API."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result
from talkqa.model.errors import ConfigError

if TYPE_CHECKING:
    from talkqa.systems.importers.draft import Draft

_OPENAPI_EXAMPLES = (
    "talkqa import openapi crm-openapi.yaml",
    "talkqa import openapi crm-openapi.json --system 'Our CRM' --output systems/our-crm.toml",
)
_SESAM_EXAMPLES = (
    "talkqa import sesam our-erp-connector/",
    "talkqa import sesam our-erp-connector/ --system 'Our ERP'",
)

importing = typer.Typer(name="import", no_args_is_help=True, rich_markup_mode=None)

_System = Annotated[str, typer.Option("--system", metavar="NAME", help="What your documents call the system.")]
_Output = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Descriptor to write; default: systems/<name>.toml.")
]
_Force = Annotated[bool, typer.Option("--force", help="Write over a descriptor that is there.")]


def _epilog(lines: tuple[str, ...]) -> str:
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


@importing.callback()
def _import() -> None:
    """Describe a system of your own, out of what is published about its API."""


@importing.command(epilog=_epilog(_OPENAPI_EXAMPLES))
def openapi(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="An OpenAPI 3.0 or 3.1 document, JSON or YAML.")],
    *,
    system: _System = "",
    output: _Output = None,
    force: _Force = False,
) -> None:
    """Make a descriptor of an OpenAPI document.

    What the document does not say is written into the descriptor as lines `# to fill in: ...`, and told.
    """
    from talkqa.systems.importers.openapi import read_openapi  # noqa: PLC0415 - see app.py

    _write(context.obj, lambda: read_openapi(file, name=system), output, force=force)


@importing.command(epilog=_epilog(_SESAM_EXAMPLES))
def sesam(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A Sesam connector's folder, with its manifest.json.")],
    *,
    system: _System = "",
    output: _Output = None,
    force: _Force = False,
) -> None:
    """Make a descriptor of a Sesam connector.

    What the connector does not say is written into the descriptor as lines `# to fill in: ...`, and told.
    """
    from talkqa.systems.importers.sesam import read_sesam  # noqa: PLC0415 - see app.py

    _write(context.obj, lambda: read_sesam(folder, name=system), output, force=force)


def _write(call: Call, read: Callable[[], "Draft"], output: Path | None, *, force: bool) -> None:
    """Write a draft, and tell what is missing and what comes next."""
    from talkqa.systems.importers.draft import render_draft  # noqa: PLC0415 - see app.py

    draft = read()
    path = Path.cwd() / output if output else call.root / "systems" / f"{_file_name(draft.schema.name)}.toml"
    if path.suffix != ".toml":
        raise ConfigError(f"{path}: a descriptor is a .toml file; choose another name with --output")
    if path.exists() and not force:
        raise ConfigError(f"{path}: is there already; write over it with --force, or elsewhere with --output")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_draft(draft), encoding="utf-8")
    for gap in draft.gaps:
        print_notice(f"{f'{gap.entity}: ' if gap.entity else ''}to fill in: {gap.message}")
    entities = len(draft.schema.entities)
    shown = path.relative_to(call.root) if path.is_relative_to(call.root) else path
    print_result(f"wrote {shown}: {draft.schema.name} with {entities} {'entity' if entities == 1 else 'entities'}")
    print_notice(f"\nadd to talkqa.toml:\n\n[systems]\ndescriptors = [{shown.as_posix()!r}]")


def _file_name(system: str) -> str:
    """A file's name for a system, of letters, digits and hyphens alone."""
    return re.sub(r"[^a-z0-9]+", "-", system.lower()).strip("-") or "system"
