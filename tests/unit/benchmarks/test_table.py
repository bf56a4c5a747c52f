"""The table that `python -m benchmarks` prints."""

from benchmarks.__main__ import BENCHMARKS
from benchmarks.table import HEADER, Row, render_table

READ = Row(work="read", baseline="theirs 2.00 s", ours="1.00 s", ratio=0.5, goal="<= 1.1x", met=True)
WAIT = Row(work="wait", ours="9.00 s", goal="<= 3 s", met=False, note="on the real clock")
SKIP = Row(work="replay", note="not measured: no cassettes")


def test_every_row_stands_under_the_header_in_columns_of_one_width() -> None:
    """Columns begin at the same place in each line, so that figures can be compared by eye."""
    header, rule, *lines = render_table([READ, Row(work="a much longer name of some work")]).splitlines()
    starts = [header.index(name) for name in HEADER]
    assert all(line[start - 1] == " " and line[start] != " " for line in (rule, *lines) for start in starts[1:])


def test_a_goal_is_met_missed_or_was_not_measured() -> None:
    """The last column cannot be mistaken: a missed goal is loud, and what was not measured is neither."""
    verdicts = [line.split()[-1] for line in render_table([READ, WAIT, SKIP]).splitlines()[2:5]]
    assert verdicts == ["yes", "NO", "-"]


def test_notes_stand_below_with_the_number_that_their_row_shows() -> None:
    """What a figure means, or why there is none, is told under the table."""
    text = render_table([READ, WAIT, SKIP])
    assert "wait [1]" in text
    assert "replay [2]" in text
    assert text.endswith("\n\n[1] on the real clock\n[2] not measured: no cassettes")


def test_every_benchmark_says_what_it_measures() -> None:
    """The first line of a benchmark's docstring is its title while it runs."""
    assert all((measure.__doc__ or "").strip() for measure in BENCHMARKS.values())
