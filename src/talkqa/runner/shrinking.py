"""What of a failing experiment is needed for its failure: delta debugging, as a pure function of a predicate."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """The fewest items, in their order, that still fail; none of them can be left out.

    Leaves out large parts first (Zeller's ddmin), and asks about no selection twice.

    Args:
        items: That fail together.
        fails: Whether a selection of them fails; equal selections must give equal answers.
    """
    asked: dict[tuple[int, ...], bool] = {}

    def still(positions: tuple[int, ...]) -> bool:
        if positions not in asked:
            asked[positions] = fails(tuple(items[at] for at in positions))
        return asked[positions]

    kept = tuple(range(len(items)))
    if kept and still(()):
        return ()
    parts = 2
    while len(kept) > 1:
        chunks = _cut(kept, parts)
        smaller = next((chunk for chunk in chunks if still(chunk)), None)
        if smaller is not None:
            kept, parts = smaller, 2
            continue
        rest = next((left for chunk in chunks if still(left := _without(kept, chunk))), None)
        if rest is not None:
            kept, parts = rest, max(parts - 1, 2)
        elif parts >= len(kept):
            break
        else:
            parts = min(2 * parts, len(kept))
    return tuple(items[at] for at in kept)


def _cut(positions: tuple[int, ...], parts: int) -> list[tuple[int, ...]]:
    """That many parts, as even as can be."""
    bounds = [len(positions) * part // parts for part in range(parts + 1)]
    return [positions[low:high] for low, high in pairwise(bounds)]


def _without(positions: tuple[int, ...], chunk: tuple[int, ...]) -> tuple[int, ...]:
    dropped = set(chunk)
    return tuple(at for at in positions if at not in dropped)
