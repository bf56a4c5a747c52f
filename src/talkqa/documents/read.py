"""Files and folders to documents: the one function that everything else calls.

docutils is imported when the first document has to be parsed, so that a folder that is wholly cached never pays for it.
"""

import gc
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from talkqa.documents.approved import apply_decisions
from talkqa.documents.build import build_document
from talkqa.documents.cache import DocumentCache
from talkqa.documents.codes import Findings, finding
from talkqa.documents.identity import SystemNames
from talkqa.documents.source import Source, decode_source, read_bytes
from talkqa.documents.validate import validate_document
from talkqa.model.diagnostic import Diagnostic
from talkqa.model.errors import DocumentError
from talkqa.model.flow import Document
from talkqa.model.location import Location
from talkqa.model.settings import Settings

if TYPE_CHECKING:
    from talkqa.documents.doctree import DocumentParser

SUFFIXES = (".rst", ".txt")
"""Files that are read where a folder is given; a file that is named itself is read whatever its suffix."""

_DATAFLOW = re.compile(r"dataflow", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a list of files and folders."""

    documents: tuple[Document, ...]
    """Sorted by path."""
    diagnostics: tuple[Diagnostic, ...]
    """Of files that gave no document: skipped, or unreadable. Those of a document stand in it."""


def read_documents(paths: Sequence[Path], settings: Settings, *, root: Path, cache: Path | None = None) -> Reading:
    """Read dataflow documents.

    Args:
        paths: Files, and folders whose *.rst and *.txt files are read, those of folders in them included; hidden
            folders below them are left out.
        settings: Aliases, bindings, decisions and the size limit.
        root: Folder of the project: locations are relative to it where files lie below it.
        cache: Folder for what was read, so that an unchanged file is not parsed again; None for no cache.

    Returns:
        The documents, and a diagnostic for each file that is none.

    Raises:
        DocumentError: where a path does not exist; names every one that does not.
    """
    reader = _FileReader(settings)
    shown = _Shown(root)
    files = {shown(file): file for file in _find_files(paths)}
    store = DocumentCache(cache, settings) if cache is not None else None
    outcomes: dict[str, Document | Diagnostic] = {}
    unknown: dict[str, bytes] = {}
    with _collection_paused():
        for path, file in files.items():
            outcome = _look_up(file, path, settings.max_document_bytes, store)
            if isinstance(outcome, bytes):
                unknown[path] = outcome
            else:
                outcomes[path] = outcome
    for path, content in unknown.items():
        outcomes[path] = reader.read(content, path)
        if store is not None:
            store.keep(path, content, outcomes[path])
    if store is not None:
        store.save()
    found = [outcomes[path] for path in sorted(outcomes)]
    read = [outcome for outcome in found if isinstance(outcome, Document)]
    return Reading(
        documents=apply_decisions(read, settings.decisions),
        diagnostics=tuple([outcome for outcome in found if isinstance(outcome, Diagnostic)]),
    )


def _look_up(file: str, path: str, limit: int, store: DocumentCache | None) -> Document | Diagnostic | bytes:
    """What is known of a file: its outcome from the cache, else its content, or that it cannot be read."""
    try:
        content = read_bytes(file, limit)
    except DocumentError as error:
        return finding("document-unreadable", Location(path=path, line=1), str(error))
    return (store.load(path, content) if store is not None else None) or content


@contextmanager
def _collection_paused() -> Iterator[None]:
    """No garbage collection: it takes a fifth of the time of making thousands of values that all stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _find_files(paths: Iterable[Path]) -> list[str]:
    """The files to read, each once, in a stable order."""
    found: dict[str, str] = {}
    missing: list[str] = []
    for path in paths:
        if path.is_dir():
            found.update((os.path.abspath(file), file) for file in _below(str(path)))  # noqa: PTH100 - see _Shown
        elif path.exists():
            found[os.path.abspath(path)] = str(path)  # noqa: PTH100
        else:
            missing.append(str(path))
    if missing:
        raise DocumentError(f"no such file or folder: {', '.join(missing)}; give dataflow documents or folders of them")
    return list(found.values())


def _below(folder: str) -> Iterator[str]:
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if not entry.name.startswith("."):
                yield from _below(entry.path)
        elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
            yield entry.path


class _Shown:
    """Paths as locations have them: relative to the project where the file lies below it, else as given.

    Strings rather than Path values, and links followed only where they must be: a folder of 600 unchanged documents
    spends most of its time here otherwise.
    """

    def __init__(self, root: Path) -> None:
        self._base = os.path.abspath(root)  # noqa: PTH100
        self._real = os.path.realpath(root)

    def __call__(self, file: str) -> str:
        absolute = os.path.abspath(file)  # noqa: PTH100
        relative = _below_base(absolute, self._base)
        if relative is None:
            relative = _below_base(os.path.realpath(absolute), self._real)
        return Path(file).as_posix() if relative is None else relative.replace(os.sep, "/")


def _below_base(path: str, base: str) -> str | None:
    start = base.rstrip(os.sep) + os.sep
    return path[len(start) :] if path.startswith(start) else None


class _FileReader:
    """Turns contents into documents, with one parser and one table of names for all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = SystemNames(settings.aliases)
        self._parser: DocumentParser | None = None

    def read(self, content: bytes, shown: str) -> Document | Diagnostic:
        """The document, or why there is none."""
        try:
            return self._read(decode_source(content), shown)
        except DocumentError as error:
            return finding("document-unreadable", Location(path=shown, line=1), str(error))

    def _read(self, source: Source, shown: str) -> Document | Diagnostic:
        findings = Findings(shown)
        document = None
        if _DATAFLOW.search(source.text):
            document = build_document(self._parse().parse(source.text), self._names, findings)
        if document is None:
            message = "the file has no dataflow title and is skipped"
            return finding("document-skipped", Location(path=shown, line=1), message)
        for line in source.mended:
            findings.add("cell-mended", line, "the cell stands at the margin and is read as the row's last one")
        validate_document(document, self._settings, findings)
        return replace(document, diagnostics=findings.sorted())

    def _parse(self) -> "DocumentParser":
        if self._parser is None:
            from talkqa.documents.doctree import DocumentParser  # noqa: PLC0415 - see the module's docstring

            self._parser = DocumentParser()
        return self._parser
