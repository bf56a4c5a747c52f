"""Reading a corpus of dataflow documents, and generating from it once more when nothing changed."""

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from docutils.core import publish_doctree

from benchmarks.measure import Took, time_call
from benchmarks.table import Row
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.generate.change import ChangeKind
from talkqa.generate.plan import plan, write
from talkqa.model.settings import Settings

READ_GOAL = 1.1
REGENERATE_GOAL = 0.05
CHUNK = 45
"""Documents read in turn by us and by docutils: a machine that slows down meanwhile slows both."""

SAFE = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 5,
    "line_length_limit": 100_000,
}
"""The settings that talkqa.documents reads with, as far as publish_doctree has them."""


def corpus() -> tuple[Path, ...]:
    """The documents of the corpus; empty where TALKQA_CORPUS does not name it."""
    folder = os.environ.get("TALKQA_CORPUS")
    if not folder:
        return ()
    return tuple(sorted(p for p in (Path(folder) / "corpus" / "documents").iterdir() if p.suffix in {".rst", ".txt"}))


def measure_reading(*, full: bool) -> Iterator[Row]:
    """Reading the corpus cold beside docutils alone."""
    del full
    work = "read the corpus cold (CPU)"
    documents = corpus()
    if not documents:
        yield _without_corpus(work, READ_GOAL)
        return
    settings = Settings()
    _read(documents[:1], settings)  # imports
    _publish(documents[:1])
    ours, theirs = 0.0, 0.0
    for start in range(0, len(documents), CHUNK):
        chunk = documents[start : start + CHUNK]
        theirs += time_call(partial(_publish, chunk))[1].cpu_s
        ours += time_call(partial(_read, chunk, settings))[1].cpu_s
    yield Row(
        work=f"{work}, {len(documents)} documents",
        baseline=f"publish_doctree {theirs:.2f} s",
        ours=f"{ours:.2f} s",
        ratio=ours / theirs,
        goal=f"<= {READ_GOAL}x",
        met=ours <= READ_GOAL * theirs,
    )


def measure_regenerating(*, full: bool) -> Iterator[Row]:
    """Generating from the unchanged corpus beside generating from it for the first time."""
    del full
    work = "regenerate it unchanged (CPU)"
    documents = corpus()
    if not documents:
        yield _without_corpus(work, REGENERATE_GOAL)
        return
    with tempfile.TemporaryDirectory() as spare, tempfile.TemporaryDirectory() as folder:
        _generate(documents[:1], Path(spare))  # imports
        written, cold = time_call(lambda: _generate(documents, Path(folder)))
        runs = [time_call(lambda: _generate(documents, Path(folder))) for _ in range(3)]
    warm = min((took for _, took in runs), key=lambda took: took.cpu_s)
    rewritten = max(changed for changed, _ in runs)
    yield Row(
        work=work,
        baseline=f"cold {_both(cold)}",
        ours=_both(warm),
        ratio=warm.cpu_s / cold.cpu_s,
        goal=f"<= {REGENERATE_GOAL}x",
        met=warm.cpu_s <= REGENERATE_GOAL * cold.cpu_s and not rewritten,
        note=f"cold = read, plan and write {written} files; unchanged = read from the cache and plan, best of 3, "
        f"{rewritten} files to be changed; one process, imports excluded",
    )


def _read(documents: tuple[Path, ...], settings: Settings) -> int:
    return len(read_documents(documents, settings, root=documents[0].parent, cache=None).documents)


def _publish(documents: tuple[Path, ...]) -> None:
    for document in documents:
        publish_doctree(document.read_text(encoding="utf-8"), settings_overrides=SAFE)


def _generate(documents: tuple[Path, ...], root: Path) -> int:
    """Read, plan and write; how many files the plan would change."""
    settings = Settings()
    read = read_documents(documents, settings, root=root, cache=root / settings.work / "cache").documents
    planned = plan(group_worlds(read), settings, root)
    changed = sum(change.kind is not ChangeKind.UNCHANGED for change in planned.changes)
    if changed:
        write(planned)
    return changed


def _both(took: Took) -> str:
    return f"{took.cpu_s:.2f} s"


def _without_corpus(work: str, goal: float) -> Row:
    note = "not measured: set TALKQA_CORPUS to the folder that holds corpus/documents"
    return Row(work=work, goal=f"<= {goal}x", note=note)
