"""Runs every published document in the sandbox and tells what came of it.

Reads $TALKQA_CORPUS/corpus/documents. The engine is correct, so that nothing may fail, be late or break:

    TALKQA_CORPUS=... python -m tests.corpus_runs --jobs 2
    TALKQA_CORPUS=... python -m tests.corpus_runs --only '*-wave' --depth standard
    TALKQA_CORPUS=... python -m tests.corpus_runs --together   # each in one engine with its reverse document
"""

import argparse
import fnmatch
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from talkqa.documents.closure import RunningFlows
from talkqa.documents.read import read_documents
from talkqa.documents.worlds import group_worlds
from talkqa.model.check import Depth
from talkqa.model.result import Outcome
from tests.harness import project_settings, run_world

ACCUSING = (Outcome.ERROR, Outcome.FAILED, Outcome.LATE)
_SLOWEST = 10
_PER_PROCESS = 40
"""Documents that one process runs before another takes over, so that memory stays bounded."""


@dataclass(frozen=True, kw_only=True)
class DocumentRun:
    """What came of one document."""

    name: str
    seconds: float = 0.0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Outcome and reason code to the number of checks."""
    wrong: tuple[str, ...] = ()
    """What must not be, in words."""


def reverse_of(path: Path) -> Path | None:
    """The document of the same two systems the other way round; None where there is none."""
    source, _, target = path.stem.partition("-")
    other = path.with_stem(f"{target}-{source}")
    return other if source != target and other.is_file() else None


def run_document(path: Path, depth: Depth, *, together: bool = False) -> DocumentRun:
    """All worlds of one document, by itself or in one engine with its reverse."""
    began = time.perf_counter()
    verdicts: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    settings = project_settings(depth=depth)
    try:
        reverse = reverse_of(path) if together else None
        running = RunningFlows(read_documents([path, *filter(None, [reverse])], settings, root=path.parent).documents)
        for world in group_worlds(read_documents([path], settings, root=path.parent).documents):
            with TemporaryDirectory(prefix="talkqa-corpus-") as folder:
                run = run_world(running.beside(world), settings, Path(folder))
            verdicts.update(run.verdicts().values())
            wrong += run.told(*ACCUSING)
            wrong += [f"left in the systems: {left}" for left in run.finished.left]
    except Exception:  # noqa: BLE001 - one document must not end the runs of the others
        wrong.append(traceback.format_exc())
    return DocumentRun(
        name=path.stem, seconds=time.perf_counter() - began, verdicts=verdicts, wrong=tuple(wrong)
    )  # fmt: skip


def run_documents(paths: Sequence[Path], depth: Depth, jobs: int, *, together: bool) -> Iterator[DocumentRun]:
    """What came of each document, as it comes."""
    # not concurrent.futures: on Python 3.11 its executor stops for ever when it replaces a process
    with get_context("spawn").Pool(jobs, maxtasksperchild=_PER_PROCESS) as pool:
        yield from pool.imap_unordered(partial(run_document, depth=depth, together=together), paths)


def render_table(runs: Iterable[DocumentRun]) -> str:
    """Outcomes with their reasons, the slowest documents, and all that must not be."""
    runs = sorted(runs, key=lambda run: run.name)
    verdicts = sum((run.verdicts for run in runs), Counter[tuple[str, str]]())
    outcomes: Counter[str] = Counter()
    for (outcome, _), number in verdicts.items():
        outcomes[outcome] += number
    lines = [f"{len(runs)} documents, {verdicts.total()} checks, {sum(run.seconds for run in runs):.0f} s", ""]
    for outcome, total in outcomes.most_common():
        lines.append(f"{outcome:<14}{total:>6}")
        reasons = Counter({reason: number for (other, reason), number in verdicts.items() if other == outcome})
        lines += [f"    {reason:<36}{number:>6}" for reason, number in reasons.most_common()]
    lines += ["", "the slowest:"]
    slowest = sorted(runs, key=lambda run: -run.seconds)[:_SLOWEST]
    lines += [f"{run.seconds:>8.1f} s  {run.name}" for run in slowest]
    for run in runs:
        lines += ["", f"{run.name}:", *(f"    {words}" for words in run.wrong)] if run.wrong else []
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Run, tell, and return 1 where anything must not be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--depth", type=Depth, default=Depth.SMOKE, choices=list(Depth), help="default: smoke")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="names of documents, as '*-wave'")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every n-th of them alone")
    parser.add_argument("--together", action="store_true", help="those that have a reverse document, with it")
    given = parser.parse_args(arguments)
    if "TALKQA_CORPUS" not in os.environ:
        parser.error("TALKQA_CORPUS must name the folder that holds corpus/documents")
    found = sorted(Path(os.environ["TALKQA_CORPUS"], "corpus", "documents").glob("*.rst"))
    paths = [path for path in found if fnmatch.fnmatch(path.stem, given.only)][:: given.every]
    paths = [path for path in paths if reverse_of(path) or not given.together]
    runs = []
    for run in run_documents(paths, given.depth, given.jobs, together=given.together):
        runs.append(run)
        print(f"{len(runs)}/{len(paths)} {run.name} {run.seconds:.1f} s", file=sys.stderr, flush=True)
        for words in run.wrong:
            print(f"    {words}", file=sys.stderr, flush=True)
    print(render_table(runs))
    return int(any(run.wrong for run in runs))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
