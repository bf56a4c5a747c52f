"""talkqa.toml to settings. Used by `cli` and `runner`; everything below takes settings as an argument."""

from talkqa.config.decisions import DECISIONS_NAME
from talkqa.config.read import FILE_NAME, read_settings

__all__ = ["DECISIONS_NAME", "FILE_NAME", "read_settings"]
