"""Prints how many interleavings and states there are: `python -m tests.small_worlds`.

Returns 1 where a scene is wrong, or where all of them together took too long.
"""

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.small_worlds.enumeration import Tally, enumerate_all
from tests.small_worlds.port import Rules
from tests.small_worlds.scenes import SCENES, Scene

LONGEST_S = 60
"""Real time that all scenes together may take."""


def main() -> int:
    """Enumerate every scene, as many at once as there are processors; returns 1 where something is wrong."""
    begin, wrong = time.monotonic(), []
    print(f"{'world':42} {'edits':>5} {'interleavings':>15} {'states':>9} {'of a pair':>9} {'at rest':>8} {'CPU s':>6}")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for scene, (tally, cpu_s) in zip(SCENES, pool.map(_timed, SCENES), strict=True):
            print(
                f"{scene.name:42} {scene.edits:>5} {tally.interleavings:>15,} {tally.states:>9,} "
                f"{tally.pair_states:>9,} {tally.resting:>8,} {cpu_s:>6.1f}",
                flush=True,
            )
            if scene.fewer_because:
                print(f"  at most {scene.edits} edits: {scene.fewer_because}")
            if tally.failure:
                wrong.append(scene)
    for scene in wrong:
        failure = enumerate_all(scene, Rules(), reduced=False)
        print(f"{scene.name}: {failure.failure}:", *failure.trace, sep="\n    ")
    took_s = time.monotonic() - begin
    print(f"{len(SCENES)} worlds in {took_s:.1f} s of real time")
    if took_s > LONGEST_S:
        print(f"TOO LONG: {took_s:.1f} s, and {LONGEST_S} s are allowed", file=sys.stderr)
    return 1 if wrong or took_s > LONGEST_S else 0


def _timed(scene: Scene) -> tuple[Tally, float]:
    begin = time.process_time()
    return enumerate_all(scene, Rules()), time.process_time() - begin


if __name__ == "__main__":
    sys.exit(main())
