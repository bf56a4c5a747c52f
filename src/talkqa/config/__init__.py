"""talkqa.toml to settings. Used by `cli` and `runner`; everything below takes settings as an argument."""

from talkqa.config.read import FILE_NAME, read_settings

__all__ = ["FILE_NAME", "read_settings"]
