"""What is left of a failing selection."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from talkqa.runner.shrinking import shrink

ITEMS = st.lists(st.integers(0, 50), max_size=24)


@st.composite
def culprits(draw: st.DrawFn) -> tuple[list[int], frozenset[int]]:
    """Items, and the positions of those that fail together."""
    items = draw(ITEMS)
    return items, draw(st.frozensets(st.sampled_from(range(len(items))), max_size=4)) if items else frozenset()


def counting(
    fails: Callable[[tuple[int, ...]], bool],
) -> tuple[Callable[[tuple[int, ...]], bool], list[tuple[int, ...]]]:
    asked: list[tuple[int, ...]] = []

    def told(selection: tuple[int, ...]) -> bool:
        asked.append(selection)
        return fails(selection)

    return told, asked


@given(culprits())
def test_where_some_items_fail_together_these_alone_are_left(made: tuple[list[int], frozenset[int]]) -> None:
    items, guilty = made
    positions = list(enumerate(items))
    left = shrink(positions, lambda some: guilty <= {at for at, _ in some})
    assert [at for at, _ in left] == sorted(guilty)


@given(ITEMS, st.integers(1, 60))
def test_nothing_of_what_is_left_can_be_left_out(items: list[int], least: int) -> None:
    """Whatever the predicate: here the sum of what is selected, so that many selections fail."""

    def fails(some: tuple[int, ...]) -> bool:
        return sum(some) >= least

    if not fails(tuple(items)):
        return
    left = shrink(items, fails)
    assert fails(left)
    assert not any(fails((*left[:at], *left[at + 1 :])) for at in range(len(left)))


@given(ITEMS, st.randoms(use_true_random=False))
def test_what_is_left_fails_and_stands_in_order_even_where_failing_follows_no_rule(
    items: list[int], dice: object
) -> None:
    """A simulation may pass with more checks and fail with fewer."""
    known: dict[tuple[int, ...], bool] = {tuple(range(len(items))): True}
    positions = tuple(range(len(items)))

    def fails(some: tuple[int, ...]) -> bool:
        return known.setdefault(some, dice.random() < 0.4)  # type: ignore[attr-defined]

    left = shrink(positions, fails)
    assert known[left]
    assert list(left) == sorted(left)


@given(culprits())
def test_no_selection_is_asked_for_twice(made: tuple[list[int], frozenset[int]]) -> None:
    items, guilty = made
    fails, asked = counting(lambda some: guilty <= set(some))
    shrink(tuple(range(len(items))), fails)
    assert len(asked) == len(set(asked))


def test_one_culprit_among_a_hundred_takes_few_questions() -> None:
    """Each is a simulation of a second or more."""
    fails, asked = counting(lambda some: 71 in some)
    assert shrink(tuple(range(100)), fails) == (71,)
    assert len(asked) <= 20
