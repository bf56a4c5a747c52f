"""What was read before, by content: one file a cache folder, one line a document.

A line is `<path digest> <key> <checksum> <model as JSON>`. The key covers the content, the settings that reading
depends on, talkqa's version and the text of the modules that read: whatever changes, the key differs and the document
is read again. A line that is damaged counts as missing and is replaced.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from pathlib import Path
from zlib import crc32

import talkqa
from talkqa.documents.packing import pack, unpack
from talkqa.model.diagnostic import Diagnostic
from talkqa.model.flow import Document
from talkqa.model.settings import Settings

_FILE = "documents.cache"
_MAX_BYTES = 500_000_000
"""A larger file is none of ours, or has outlived its use."""
_MAX_LINES = 20_000
"""Documents kept at most, those of deleted files included; the latest are kept."""


class DocumentCache:
    """The cached documents of one project."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._file = folder / _FILE
        self._base = _reader_digest() + _settings_digest(settings)
        self._lines = self._read_lines()
        self._changed = False

    def load(self, path: str, content: bytes) -> Document | Diagnostic | None:
        """What was read of this content at this path; None where that is not known."""
        try:
            key, checksum, model = self._lines[_digest(path.encode())].split(" ", 2)
            if key == self._key(content) and checksum == _checksum(model):
                return unpack(path, json.loads(model))
        except (ValueError, TypeError, KeyError, IndexError):
            return None  # unknown, torn, or written by something else: the document is read, and the line replaced
        return None

    def keep(self, path: str, content: bytes, outcome: Document | Diagnostic) -> None:
        """Note what was read."""
        model = json.dumps(pack(outcome), separators=(",", ":"))
        name = _digest(path.encode())
        self._lines.pop(name, None)  # so that the new line is the latest
        self._lines[name] = f"{self._key(content)} {_checksum(model)} {model}"
        self._changed = True

    def save(self) -> None:
        """Write what is new; a cache that cannot be written is gone without."""
        if not self._changed:
            return
        lines = list(self._lines.items())[-_MAX_LINES:]
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(self._file, "".join(f"{name} {line}\n" for name, line in lines))
        self._changed = False

    def _read_lines(self) -> dict[str, str]:
        """Path digest to the rest of its line; empty where there is no readable file."""
        try:
            if self._file.stat().st_size > _MAX_BYTES:
                return {}
            text = self._file.read_text(encoding="ascii")
        except (OSError, ValueError):
            return {}
        parts = (line.partition(" ") for line in text.splitlines())
        return {name: rest for name, _, rest in parts}

    def _key(self, content: bytes) -> str:
        return _digest(self._base, content)


def _write_whole(file: Path, text: str) -> None:
    """Replace a file in one go: two runs at once leave the file of one of them, never a mixture."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii", newline="\n") as temporary:
            temporary.write(text)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _checksum(text: str) -> str:
    return f"{crc32(text.encode('ascii')):08x}"


def _digest(*parts: bytes) -> str:
    state = blake2b(digest_size=16)
    for part in parts:
        state.update(part)
    return state.hexdigest()


def _settings_digest(settings: Settings) -> bytes:
    values = (
        sorted((name, sorted(also)) for name, also in settings.aliases.items()),
        [asdict(binding) for binding in settings.conditions],
        [asdict(binding) for binding in settings.connections],
    )
    return _digest(json.dumps(values, sort_keys=True, default=str).encode()).encode()


@cache
def _reader_digest() -> bytes:
    """A digest of the version and of the modules that read: a developer need not bump the version to be believed."""
    here = Path(__file__).parent
    texts = [talkqa.__version__.encode()]
    with suppress(OSError):  # in a zip file there is the version alone
        texts += _contents((*here.glob("*.py"), *(here.parent / "model").glob("*.py")))
    return _digest(*texts).encode()


def _contents(files: Iterable[Path]) -> list[bytes]:
    return [file.read_bytes() for file in sorted(files)]
