"""`talkqa doctor`: what stands in the way of a run, found before anything is written."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkqa.cli.project import Call
from talkqa.cli.terminal import print_notice, print_result
from talkqa.model.diagnostic import Severity
from talkqa.model.errors import ConfigError
from talkqa.model.flow import Flow
from talkqa.model.settings import Settings
from talkqa.redaction.apply import redact_text
from talkqa.redaction.rules import Rules

if TYPE_CHECKING:
    from talkqa.verify.preflight import Examined

FOUND_ERRORS, UNREACHABLE = 1, 3


class FindingFormat(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"


def doctor(
    context: typer.Context,
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Documents or folders; default: specs of talkqa.toml.")
    ] = None,
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Look at the emulated systems instead.")] = False,
    calls: Annotated[
        list[str] | None, typer.Option(metavar="SYSTEM=N", help="How many calls the run is going to make there.")
    ] = None,
    format: Annotated[FindingFormat, typer.Option(help="How findings are printed.")] = FindingFormat.TEXT,  # noqa: A002 - the option's name
) -> None:
    """Look at the systems of documents as a run would use them; nothing is written.

    Reachability, login, rights, entities and properties of the documents, call budget, clocks, users.

    Exit codes: 0 nothing serious, 1 findings that stand in the way, 2 wrong input, 3 a system cannot be reached.
    """
    from talkqa.cli.examination import examine_all, find_patients  # noqa: PLC0415 - see app.py

    call: Call = context.obj
    settings = call.settings()
    flows = _read_flows(call, settings, paths or ())
    patients = find_patients(settings, flows, call.root, emulated=sandbox, only_documents=bool(paths))
    planned = read_calls(calls or (), [patient.system for patient in patients], settings)
    examined = examine_all(patients, flows, settings, planned)
    rules = Rules(
        values=frozenset(secret for one in settings.accounts for secret in one.auth.secrets if len(secret) > 3)
    )
    if format is FindingFormat.JSON:
        print_result(redact_text(json.dumps([json_form(one) for one in examined], ensure_ascii=False), rules))
    else:
        for one in examined:
            print_result(redact_text(text_form(one), rules))
        print_notice(_counted(examined))
    if any(one.unreachable for one in examined):
        raise typer.Exit(UNREACHABLE)
    if any(finding.severity is Severity.ERROR for one in examined for finding in one.findings):
        raise typer.Exit(FOUND_ERRORS)


def read_calls(given: Sequence[str], systems: Sequence[str], settings: Settings) -> dict[str, int]:
    """Options `SYSTEM=N`, by canonical name.

    Raises:
        ConfigError: for another form, and for a system that is not looked at.
    """
    from talkqa.cli.connection import canonical_name, fold  # noqa: PLC0415 - see app.py

    known = {fold(system): system for system in systems}
    found = {}
    for option in given:
        name, _, number = option.rpartition("=")
        if not name.strip() or not number.strip().isdecimal():
            raise ConfigError(f"--calls takes SYSTEM=N such as 'Exact Online=900', not '{option}'")
        system = known.get(fold(canonical_name(name, settings)))
        if system is None:
            raise ConfigError(f"--calls names '{name.strip()}', and systems are: {', '.join(systems) or 'none'}")
        found[system] = int(number)
    return found


def text_form(examined: "Examined") -> str:
    """What was found at one system, for people."""
    lines = [f"{examined.system or '(unnamed)'}: {_headline(examined)}"]
    for finding in examined.findings:
        lines.append(f"  {finding.severity.value}: {finding.message} [{finding.code}]")
        lines.append(f"    {finding.advice}")
    return "\n".join(lines)


def json_form(examined: "Examined") -> dict[str, Any]:
    """What was found at one system, for programs."""
    identity = examined.identity
    told: dict[str, Any] | None = None
    if identity is not None:
        told = asdict(identity)
        told["server_time"] = identity.server_time.isoformat() if identity.server_time else None
    return {
        "system": examined.system,
        "identity": told,
        "findings": [asdict(finding) for finding in examined.findings],
    }


def _headline(examined: "Examined") -> str:
    identity = examined.identity
    end = "found:" if examined.findings else "nothing found"
    if identity is None:
        return f"nobody could sign in; {end}"
    who = identity.name or identity.user
    where = f" at {identity.organisation}" if identity.organisation else ""
    kind = {True: ", production", False: ", no production", None: ""}[identity.production]
    return f"signed in as {who}{where}{kind}; {end}" if who else f"does not tell who we are{where}{kind}; {end}"


def _counted(examined: "Sequence[Examined]") -> str:
    findings = [finding for one in examined for finding in one.findings]
    numbers = [(severity, sum(f.severity is severity for f in findings)) for severity in Severity]
    counted = ", ".join(f"{number} {severity.value}{'' if number == 1 else 's'}" for severity, number in numbers)
    return f"{len(examined)} system{'s' * (len(examined) != 1)}, {counted}"


def _read_flows(call: Call, settings: Settings, paths: Sequence[Path]) -> tuple[Flow, ...]:
    """The flows of the documents; none where the project has none, as accounts can be looked at without."""
    if not paths and not any((call.root / place).exists() for place in settings.specs):
        return ()
    return tuple(flow for world in call.worlds(paths, settings) for flow in world.flows)
