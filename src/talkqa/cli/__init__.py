"""The command line: options in, one call each. Nothing imports it."""

from talkqa.cli.app import main

__all__ = ["main"]
