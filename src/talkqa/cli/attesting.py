"""`talkqa attest`: what a person found who did a check by hand, kept beside the results of the run."""

import json
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from talkqa.cli.approving import find_name
from talkqa.cli.project import Call
from talkqa.cli.results import find_folder
from talkqa.cli.terminal import print_result
from talkqa.model.errors import ConfigError, RunError
from talkqa.model.result import UNPROVEN, Attestation, CheckFinished, Outcome
from talkqa.redaction.apply import redact_text


class Found(StrEnum):
    """What a person may find."""

    PASSED = "passed"
    FAILED = "failed"


def attest(
    context: typer.Context,
    check: Annotated[str, typer.Argument(help="Id of the check, as the report shows it.")],
    *,
    outcome: Annotated[Found, typer.Option(help="What was found.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="What was done and seen.")],
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who did it; default: your login name.")] = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="A picture of it, inside the project.")] = None,
    run: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of a run; default: the newest.")] = None,
) -> None:
    """Say how a check ended that was done by hand.

    Only what the run could not decide can be attested. The report counts it as attested, apart from what passed; what
    was found failed counts as failed.
    """
    from talkqa.report.reading import ATTESTATIONS, read_run  # noqa: PLC0415 - see app.py

    call: Call = context.obj
    if not note.strip():
        raise ConfigError("--note: say what was done and seen")
    folder = find_folder(call, run)
    finished = {one.check: one for one in read_run(folder).checks}
    _require_open(check, finished, folder)
    shown, digest = _read_picture(picture, call.root) if picture else ("", "")
    attestation = Attestation(
        check=check,
        by=by or find_name(),
        on=datetime.now().astimezone().date().isoformat(),
        outcome=Outcome(outcome.value),
        note=redact_text(note),
        picture=shown,
        picture_digest=digest,
    )
    with (folder / ATTESTATIONS).open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(asdict(attestation), ensure_ascii=False) + "\n")
    print_result(f"{check}: found {outcome} by {attestation.by}; `talkqa report` shows it")


def _require_open(check: str, finished: dict[str, CheckFinished], folder: Path) -> None:
    """Refuse what the run itself decided.

    Raises:
        RunError: for a check that is not in the run, or needs no attestation.
    """
    if check not in finished:
        open_ids = sorted(one.check for one in finished.values() if one.outcome in UNPROVEN)
        told = f"; undecided there are {', '.join(open_ids[:3])} ..." if open_ids else ""
        raise RunError(f"{folder}: no check {check}{told}")
    one = finished[check]
    if one.outcome not in UNPROVEN and one.attestation is None:
        raise RunError(f"{check}: ended {one.outcome}, and only what is undecided or not runnable can be attested")


def _read_picture(picture: Path, root: Path) -> tuple[str, str]:
    """Path inside the project, and digest.

    Raises:
        ConfigError: where it lies elsewhere, or cannot be read.
    """
    file = picture.resolve()
    if not file.is_relative_to(root.resolve()):
        raise ConfigError(f"--picture {picture}: must lie inside the project, so that who reads the report finds it")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"--picture {picture}: cannot be read: {error.strerror or error}") from error
    return file.relative_to(root.resolve()).as_posix(), sha256(content).hexdigest()
