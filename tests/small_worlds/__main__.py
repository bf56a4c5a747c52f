"""Prints how many interleavings and states there are: `python -m tests.small_worlds`."""

import sys
import time

from tests.small_worlds.enumeration import enumerate_all
from tests.small_worlds.port import Rules
from tests.small_worlds.scenes import SCENES


def main() -> int:
    """Enumerate every scene; returns 1 where one is wrong."""
    wrong, begin = 0, time.monotonic()
    print(
        f"{'world':42} {'edits':>5} {'interleavings':>15} {'states':>9} {'of a pair':>9} {'at rest':>8} {'seconds':>8}"
    )
    for scene in SCENES:
        at = time.monotonic()
        tally = enumerate_all(scene, Rules())
        took_s = time.monotonic() - at
        print(
            f"{scene.name:42} {scene.edits:>5} {tally.interleavings:>15,} {tally.states:>9,} {tally.pair_states:>9,} "
            f"{tally.resting:>8,} {took_s:>8.1f}"
        )
        if tally.failure:
            wrong = 1
            failure = enumerate_all(scene, Rules(), reduced=False)
            print(f"  {failure.failure}:", *failure.trace, sep="\n    ")
    print(f"{time.monotonic() - begin:.1f} s")
    return wrong


sys.exit(main())
