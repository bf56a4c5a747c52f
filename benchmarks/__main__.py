"""Measure everything, or what `--only` names, and print one table.

python -m benchmarks
python -m benchmarks --only 5 --only 6
python -m benchmarks --full
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Protocol

from benchmarks.collecting import measure_collecting
from benchmarks.measure import CommandFailed
from benchmarks.reading import measure_reading, measure_regenerating
from benchmarks.sandbox import measure_sandbox
from benchmarks.saving import measure_saving
from benchmarks.table import Row, render_table
from benchmarks.transport import measure_transport
from benchmarks.waiting import measure_waiting


class Measure(Protocol):
    """One benchmark."""

    def __call__(self, *, full: bool) -> Iterator[Row]:
        """Measure; yields the rows of the table."""
        ...


BENCHMARKS: dict[int, Measure] = {
    1: measure_reading,
    2: measure_regenerating,
    3: measure_saving,
    4: measure_collecting,
    5: measure_waiting,
    6: measure_sandbox,
    7: measure_transport,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks that were asked for; 1 where one of them could not be measured."""
    options = build_parser().parse_args(arguments)
    rows: list[Row] = []
    broken = False
    for number in sorted(set(options.only)) if options.only else BENCHMARKS:
        title = (BENCHMARKS[number].__doc__ or "").splitlines()[0]
        print(f"{number}. {title}", file=sys.stderr, flush=True)
        try:
            rows += BENCHMARKS[number](full=options.full)
        except CommandFailed as error:
            broken = True
            rows.append(Row(work=title, note=str(error)))
    print(render_table(rows))
    return 1 if broken else 0


def build_parser() -> argparse.ArgumentParser:
    """The options of `python -m benchmarks`."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What talkqa costs, beside its baselines."
    )
    parser.add_argument("--only", type=int, action="append", choices=sorted(BENCHMARKS), help="repeatable")
    parser.add_argument(
        "--full", action="store_true", help="20,000 scenarios, and the serial baseline measured to its end"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
