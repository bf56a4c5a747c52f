"""What the command line prints: results on stdout, everything about the work on stderr, secrets masked."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from talkqa.redaction.apply import redact_text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a document or an answer may hold to command a terminal."""


def print_result(text: str) -> None:
    """Print what was asked for."""
    typer.echo(_CONTROL.sub("\ufffd", text))


def print_notice(text: str) -> None:
    """Tell about the work, apart from its result."""
    typer.echo(_CONTROL.sub("\ufffd", redact_text(text)), err=True)


def print_error(message: str) -> None:
    """Tell what went wrong, in the message's own words."""
    print_notice(message)


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Show that something is going on, where somebody watches."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only needed on a terminal

    with Console(stderr=True).status(what):
        yield
