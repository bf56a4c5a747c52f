"""`talkqa sandbox serve`: the emulated systems on ports of this machine, to point real clients at."""

import json
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from talkqa.cli.project import Call
from talkqa.cli.running import read_faults
from talkqa.cli.terminal import print_notice, print_result
from talkqa.model.account import Account
from talkqa.model.errors import ConfigError
from talkqa.model.settings import Settings

if TYPE_CHECKING:
    from talkqa.model.world import World
    from talkqa.runner.serving import Place, ServedWorld

_EXAMPLES = ("talkqa sandbox serve", "talkqa sandbox serve specs/crm-to-erp.rst --port 9000 --cycle 1 --tls")
_SELDOM_S = 0.01
"""The engine needs some time between two looks."""

sandbox = typer.Typer(name="sandbox", no_args_is_help=True, rich_markup_mode=None)


@sandbox.callback()
def _sandbox() -> None:
    """The emulated systems by themselves."""


@sandbox.command(epilog="\b\nExample:\n" + "\n".join(f"  {line}" for line in _EXAMPLES))
def serve(
    context: typer.Context,
    documents: Annotated[
        list[Path] | None, typer.Argument(help="Documents or folders; default: specs of talkqa.toml.")
    ] = None,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the first system; 0 for any free ones.")] = 8800,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    expose: Annotated[bool, typer.Option("--expose", help="Allow a host that other machines can reach.")] = False,
    tls: Annotated[bool, typer.Option("--tls", help="https, with an authority made for this run.")] = False,
    quirk: Annotated[
        list[str] | None, typer.Option(metavar="SYSTEM.NAME=on|off", help="How an emulated system behaves.")
    ] = None,
    fault: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Fault of the engine.")] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds give equal credentials and ids.")] = None,
    cycle: Annotated[float | None, typer.Option(metavar="SECONDS", help="How often the engine looks.")] = None,
) -> None:
    """Serve the emulated systems of documents, with the reference engine between them, until Ctrl-C.

    One port a system; prints a section of talkqa.toml for each, so that `talkqa run --live` finds it.
    """
    call: Call = context.obj
    settings = _override(call, quirks=quirk or (), seed=seed, cycle_s=cycle)
    faults = read_faults(fault or (), call, settings)
    settings = replace(settings, sandbox=replace(settings.sandbox, faults=(*settings.sandbox.faults, *faults)))
    worlds = tuple(world.confined() for world in call.worlds_run(documents or (), settings))
    if not worlds:
        raise ConfigError("there is nothing to serve: no document describes a flow")
    place = _place(host, port, expose=expose, folder=call.root / settings.work / "serving" if tls else None)

    import trio  # noqa: PLC0415 - see app.py

    trio.run(_serve, worlds, settings, call.root, place)


def _override(call: Call, *, quirks: Sequence[str], seed: int | None, cycle_s: float | None) -> Settings:
    from talkqa.runner.options import read_quirk, settle_quirks  # noqa: PLC0415 - see app.py

    settings = call.settings()
    if cycle_s is not None and cycle_s < _SELDOM_S:
        raise ConfigError(f"--cycle {cycle_s:g}: give at least {_SELDOM_S:g} seconds")
    sandbox = replace(
        settings.sandbox,
        quirks={
            **settle_quirks(settings.sandbox.quirks, settings, call.root),
            **settle_quirks(dict(map(read_quirk, quirks)), settings, call.root),
        },
        engine_cycle_s=settings.sandbox.engine_cycle_s if cycle_s is None else cycle_s,
    )
    return replace(settings, sandbox=sandbox, seed=settings.seed if seed is None else seed)


def _place(host: str, port: int, *, expose: bool, folder: Path | None) -> "Place":
    """Where to serve; writes a certificate into the folder where there is one.

    Raises:
        ConfigError: for an address that others can reach, unless that is meant.
    """
    from talkqa.runner.serving import Place  # noqa: PLC0415 - see app.py

    place = Place(host=host, port=port)
    if not place.is_loopback and not expose:
        raise ConfigError(
            f"--host {host}: other machines could reach the systems there, and their credentials are no secret; add "
            "--expose where that is meant"
        )
    if folder is None:
        return place
    from talkqa.runner.certificate import make_certificate  # noqa: PLC0415 - see app.py

    hosts = tuple(dict.fromkeys((place.visible_host, "localhost", "127.0.0.1", "::1")))
    return replace(place, certificate=make_certificate(folder, hosts))


async def _serve(worlds: Sequence["World"], settings: Settings, root: Path, place: "Place") -> None:
    import trio  # noqa: PLC0415 - see app.py

    from talkqa.runner.serving import serve_worlds  # noqa: PLC0415 - see app.py

    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serve_worlds(worlds, settings=settings, root=root, place=place) as served:
            print_result("\n".join(render_world(one) for one in served).rstrip("\n"))
            systems = sum(len(one.accounts) for one in served)
            if place.certificate:
                print_notice(f"clients have to trust {place.certificate.authority} (SSL_CERT_FILE)")
            worlds_told = "1 world" if len(served) == 1 else f"{len(served)} worlds"
            print_notice(
                f"serving {systems} systems of {worlds_told}; a sync engine keeps them in step; Ctrl-C ends it"
            )
            async for _ in signals:
                break


def render_world(served: "ServedWorld") -> str:
    """A section of talkqa.toml for each system of a world.

    A file holds the sections of one world: another one may have a system of the same name elsewhere.
    """
    documents = ", ".join(document.path for document in served.world.documents)
    sections = "\n".join(render_account(account) for account in served.accounts)
    return f"# {served.world.slug} ({documents})\n\n{sections}\n"


def render_account(account: Account) -> str:
    """A section of talkqa.toml."""
    lines = [f"[accounts.{_quoted(account.system)}]", f"url = {_quoted(account.url)}"]
    auth = {name: value for name, value in asdict(account.auth).items() if value}
    lines.append(f"auth = {_inline(auth)}")
    if account.options:
        lines.append(f"options = {_inline(account.options)}")
    if account.engine_user:
        lines.append(f"engine_user = {_quoted(account.engine_user)}")
    return "\n".join(lines) + "\n"


def _inline(table: Mapping[str, str]) -> str:
    return f"{{ {', '.join(f'{_key(name)} = {_quoted(text)}' for name, text in table.items())} }}"


def _key(name: str) -> str:
    return name if name.isascii() and name.isidentifier() else _quoted(name)


def _quoted(text: str) -> str:
    # A JSON string is a basic string of TOML, but for one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
