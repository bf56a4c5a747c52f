"""The folder of one world on disk: read and written by bare file names, never outside the output folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from talkqa.generate.manifest import digest_bytes
from talkqa.generate.naming import MANIFEST
from talkqa.model.errors import PlanError

_SEPARATORS = frozenset("/\\\0:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where the files of a world lie."""

    output: Path
    """The output folder, resolved."""
    parts: tuple[str, ...]
    """Folder names below it."""
    place: str
    """The folder relative to the output folder, with forward slashes and one at the end."""
    prefix: str
    """The folder itself, with a separator at the end."""

    @property
    def path(self) -> Path:
        """The folder itself."""
        return Path(self.prefix)


def open_folder(output: Path, parts: tuple[str, ...]) -> Folder:
    """The folder, after making sure that it lies below the output folder even if something is a link.

    Raises PlanError where it does not.
    """
    folder = Folder(
        output=output,
        parts=parts,
        place="".join(f"{part}/" for part in parts),
        prefix=os.path.join(output, *parts, ""),  # noqa: PTH118 - thousands of paths: pathlib takes half of the time
    )
    if not all(_is_name(part) for part in parts) or _leads_out(folder):
        message = f"{folder.prefix}: leads out of {output}; remove the link, or choose another output folder"
        raise PlanError(message)
    return folder


def read_bytes(folder: Folder, name: str) -> bytes | None:
    """The file's bytes with line feeds; None where there is none.

    A checkout may turn line feeds into CR LF: that is no edit. Raises PlanError for a name that is a path, and for what
    cannot be read.
    """
    if not _is_name(name):
        message = f"{folder.place}{MANIFEST}: lists '{name}', which is no file of its own folder; delete the manifest"
        raise PlanError(message)
    try:
        with open(folder.prefix + name, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            raw = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{folder.place}{name}: cannot be read: {error.strerror}; it must be a readable file"
        raise PlanError(message) from error
    return raw.replace(b"\r\n", b"\n") if b"\r" in raw else raw


def matches(folder: Folder, files: Mapping[str, str]) -> bool:
    """Whether every file holds the bytes of its digest."""
    for name, digest in files.items():
        raw = read_bytes(folder, name)
        if raw is None or digest_bytes(raw) != digest:
            return False
    return True


def write_bytes(folder: Folder, name: str, raw: bytes) -> None:
    """Write the file at once or not at all: a reader sees the old bytes or the new ones."""
    folder.path.mkdir(parents=True, exist_ok=True)
    target = folder.path / name
    temporary = target.with_name(f".{name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(raw)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def remove_file(folder: Folder, name: str) -> None:
    """Remove the file, then each folder below the output folder that this leaves empty."""
    (folder.path / name).unlink(missing_ok=True)
    for count in range(len(folder.parts), 0, -1):
        emptied = folder.output.joinpath(*folder.parts[:count])
        if any(emptied.iterdir()):
            return
        emptied.rmdir()


def _is_name(name: str) -> bool:
    return name not in {"", ".", ".."} and _SEPARATORS.isdisjoint(name)


def _leads_out(folder: Folder) -> bool:
    """Whether a link takes the folder out of the output folder, which is free of links itself."""
    above = folder.prefix[:-1]
    linked = False
    for _ in folder.parts:
        linked = linked or os.path.islink(above)  # noqa: PTH114 - as above
        above = os.path.dirname(above)  # noqa: PTH120 - as above
    return linked and not folder.path.resolve().is_relative_to(folder.output)
