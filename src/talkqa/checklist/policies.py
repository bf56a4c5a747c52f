"""What every sync engine is expected to do though no document promises it: checks tagged `policy`.

They are observations, not accusations, unless a user adopts them; `quiet` and a broken link are faults all the same.
"""

from collections.abc import Iterator

from talkqa.checklist import phrases as say
from talkqa.checklist.draft import (
    Basis,
    Cell,
    Line,
    draw_check,
    given,
    part_of_row,
    source_cell,
    target_cell,
    then,
    when,
)
from talkqa.checklist.identity import NEGATIVE, POLICY, slug
from talkqa.model.check import Check
from talkqa.model.flow import MergeRow, PropertyRow, Side

DIFFERENCES: tuple[str, ...] = ("letter case", "surrounding blanks")
"""How a near miss differs from a match, in the words of a step."""


def check_latest_wins(basis: Basis) -> Iterator[Check]:
    """Of two edits the later one wins."""
    row = basis.lowest
    both = (
        when(
            say.BOTH_EDITED,
            source_path=row.source,
            source=basis.source,
            target_path=row.target,
            target=basis.target,
        )
        if row is not None
        else when(say.SEEN_BOTH_EDITED, source=basis.source, target=basis.target)
    )
    yield draw_check(
        basis,
        "latest-wins",
        _linked(basis),
        both,
        then(say.LATER_STANDS),
        title=f"Of two edits the later one stands in the source {basis.source} and in the target {basis.target}",
        rule=None,
        sentence="Where a property is edited on both sides, the later edit wins.",
        parts=(part_of_row(row),) if row is not None else (),
        row=row,
        tags=(POLICY,),
    )


def check_empty_keeps(basis: Basis) -> Iterator[Check]:
    """What an emptied property does to the other side."""
    row = basis.lowest
    emptied = (
        when(say.EMPTIED, path=row.source, side=Side.SOURCE, entity=basis.source)
        if row is not None
        else when(say.SEEN_EMPTIED, side=Side.SOURCE, entity=basis.source)
    )
    yield draw_check(
        basis,
        "empty-keeps",
        _linked(basis),
        emptied,
        then(say.RECORDED, side=Side.TARGET, entity=basis.target),
        title=f"What emptying a property of the source {basis.source} does to the target {basis.target} is recorded",
        rule=None,
        sentence="A value that was emptied does not overwrite a filled one.",
        row=row,
        tags=(POLICY,),
    )


def check_quiet(basis: Basis) -> Iterator[Check]:
    """After an edit has arrived, nothing moves any more."""
    row = basis.lowest
    yield draw_check(
        basis,
        "quiet",
        _linked(basis),
        _edited(basis, row),
        then(say.FOLLOWS, path=row.target, side=Side.TARGET, entity=basis.target)
        if row is not None
        else then(say.SEEN_FOLLOWS, side=Side.TARGET, entity=basis.target),
        then(say.AT_REST),
        title=f"After an edit the source {basis.source} and the target {basis.target} come to rest",
        rule=None,
        sentence="Once an edit has arrived, the pair comes to rest: at most one converging write follows.",
        row=row,
        tags=(POLICY, NEGATIVE),
    )


def check_delete_stays(basis: Basis) -> Iterator[Check]:
    """What a deletion does to the other side."""
    yield draw_check(
        basis,
        "delete-stays",
        _linked(basis),
        when(say.DELETED, side=Side.SOURCE, entity=basis.source),
        then(say.RECORDED, side=Side.TARGET, entity=basis.target),
        title=f"What deleting the source {basis.source} does to the target {basis.target} is recorded",
        rule=None,
        sentence="No document says what a deletion does to the other side.",
        tags=(POLICY,),
    )


def check_link_survives(basis: Basis) -> Iterator[Check]:
    """A link outlives an edit of the value that once made it."""
    criterion = min(basis.matching, key=lambda row: (row.source, row.target), default=None)
    row: MergeRow | PropertyRow | None = criterion or basis.lowest
    yield draw_check(
        basis,
        "link-survives",
        _linked(basis),
        _edited(basis, row),
        then(say.STILL_LINKED),
        title=f"The source {basis.source} and the target {basis.target} stay linked after an edit",
        rule=None,
        sentence="Records that were linked once stay linked, whether they still match or not.",
        row=row,
        tags=(POLICY,),
    )


def check_near_misses(basis: Basis) -> Iterator[Check]:
    """How nearly equal the values of a merge criterion may be."""
    for row in basis.matching:
        for difference in DIFFERENCES:
            yield draw_check(
                basis,
                "near-miss",
                given(say.EXISTING_TARGET, target=basis.target, source=basis.source),
                given(say.ENGINE_HAS_READ, target=basis.target),
                when(
                    say.CREATED_NEARLY,
                    source=basis.source,
                    source_path=source_cell(row),
                    target_path=target_cell(row),
                    target=basis.target,
                    difference=Cell(column="difference", text=difference),
                ),
                then(say.RECORDED, side=Side.SOURCE, entity=basis.source),
                title=f"Whether a new {basis.source} that nearly matches an existing {basis.target} merges is recorded",
                rule=None,
                sentence="No document says how nearly equal the values of a merge criterion may be.",
                parts=(part_of_row(row), slug(difference)),
                row=row,
                tags=(POLICY,),
            )


def _linked(basis: Basis) -> Line:
    return given(say.LINKED_PAIR, source=basis.source, target=basis.target)


def _edited(basis: Basis, row: MergeRow | PropertyRow | None) -> Line:
    if row is None:
        return when(say.SEEN_EDITED, side=Side.SOURCE, entity=basis.source)
    return when(say.EDITED, path=row.source, side=Side.SOURCE, entity=basis.source)
