"""What every sync engine is expected to do though no document promises it: checks tagged `policy`.

They are observations, not accusations, unless a user adopts them; what never comes to rest is a fault all the same.
"""

import re
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
from talkqa.model.check import Check, RowClass, RowKey
from talkqa.model.discovery import Ways
from talkqa.model.flow import MergeRow, PropertyRow, Side

DIFFERENCES: tuple[str, ...] = ("letter case", "surrounding blanks", "the way it is written")
"""How a near miss differs from a match, in the words of a step."""

_MAIL = re.compile("mail", re.IGNORECASE)


def check_latest_wins(basis: Basis) -> Iterator[Check]:
    """Of two edits the later one wins, whichever side it was made on."""
    row = basis.lowest
    for last in (Side.TARGET, Side.SOURCE):
        documented, seen = (
            (say.BOTH_EDITED, say.SEEN_BOTH_EDITED)
            if last is Side.TARGET
            else (say.BOTH_EDITED_BACK, say.SEEN_BOTH_EDITED_BACK)
        )
        ends = {"source": basis.source, "target": basis.target}
        both = (
            when(documented, source_path=row.source, target_path=row.target, **ends)
            if row is not None
            else when(seen, **ends)
        )
        title = f"Of two edits the later one stands in the source {basis.source} and in the target {basis.target}"
        yield draw_check(
            basis,
            "latest-wins",
            _linked(basis),
            both,
            then(say.LATER_STANDS),
            title=title if last is Side.TARGET else f"{title}, where the source is edited last",
            rule=None,
            sentence="Where a property is edited on both sides, the later edit wins.",
            parts=(
                *((part_of_row(row),) if row is not None else ()),
                *(("source-last",) if last is Side.SOURCE else ()),
            ),
            row=row,
            tags=(POLICY,),
        )


def check_both_stand(basis: Basis) -> Iterator[Check]:
    """Edits of two properties, one on each side, do not disturb one another."""
    plain = {
        row.source
        for row in basis.flow.properties
        if basis.classes[RowKey(source=row.source, target=row.target)] is RowClass.PLAIN
        and row.ways is Ways.BOTH
        and not row.qualifiers
    }
    if len(plain) < 2:
        return
    yield draw_check(
        basis,
        "both-stand",
        _linked(basis),
        when(say.EDITED_APART, source=basis.source, target=basis.target),
        then(say.BOTH_STAND),
        title=f"Two properties edited at once, one in the {basis.source} and one in the {basis.target}, both stand",
        rule=None,
        sentence="An edit of one property leaves alone what was edited elsewhere meanwhile.",
        tags=(POLICY,),
    )


def check_empty_keeps(basis: Basis) -> Iterator[Check]:
    """What a property emptied in the source does to the target."""
    yield _draw_emptied(basis, Side.SOURCE)


def check_quiet(basis: Basis) -> Iterator[Check]:
    """After an edit of the source has arrived, nothing moves any more."""
    yield _draw_quiet(basis, Side.SOURCE)


def check_delete_stays(basis: Basis) -> Iterator[Check]:
    """What a deletion in the source does to the target."""
    yield _draw_deleted(basis, Side.SOURCE)


def check_target_side(basis: Basis) -> Iterator[Check]:
    """The same three, where the target is emptied, edited and deleted."""
    yield _draw_emptied(basis, Side.TARGET)
    yield _draw_quiet(basis, Side.TARGET)
    yield _draw_deleted(basis, Side.TARGET)


def _draw_emptied(basis: Basis, side: Side) -> Check:
    here, there = basis.name(side), basis.name(side.other)
    emptied = say.SEEN_EMPTIED if basis.lowest is None else say.EMPTIED
    return draw_check(
        basis,
        "empty-keeps",
        _linked(basis),
        when(emptied, side=side, entity=here),
        then(say.RECORDED, side=side.other, entity=there),
        title=f"What emptying a property of the {side} {here} does to the {side.other} {there} is recorded",
        rule=None,
        sentence="A value that was emptied does not overwrite a filled one.",
        parts=_in_target(side),
        tags=(POLICY,),
    )


def _draw_quiet(basis: Basis, side: Side) -> Check:
    row, there = basis.lowest, side.other
    which = "" if side is Side.SOURCE else f" of the target {basis.target}"
    return draw_check(
        basis,
        "quiet",
        _linked(basis),
        _edited(basis, row, side),
        then(say.FOLLOWS, path=_path(row, there), side=there, entity=basis.name(there))
        if row is not None
        else then(say.SEEN_FOLLOWS, side=there, entity=basis.name(there)),
        then(say.AT_REST),
        title=f"After an edit{which} the source {basis.source} and the target {basis.target} come to rest",
        rule=None,
        sentence="Once an edit has arrived, the pair comes to rest: at most one converging write follows.",
        parts=_in_target(side),
        row=row,
        tags=(POLICY, NEGATIVE),
    )


def _draw_deleted(basis: Basis, side: Side) -> Check:
    here, there = basis.name(side), basis.name(side.other)
    return draw_check(
        basis,
        "delete-stays",
        _linked(basis),
        when(say.DELETED, side=side, entity=here),
        then(say.RECORDED, side=side.other, entity=there),
        title=f"What deleting the {side} {here} does to the {side.other} {there} is recorded",
        rule=None,
        sentence="No document says what a deletion does to the other side.",
        parts=_in_target(side),
        tags=(POLICY,),
    )


def _in_target(side: Side) -> tuple[str, ...]:
    """The part of an id that tells a check of the target side from the one that begins in the source."""
    return () if side is Side.SOURCE else ("in-target",)


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
            if difference == DIFFERENCES[-1] and _MAIL.search(row.source):
                continue  # there is one way of writing an address
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


def check_empty_criteria(basis: Basis) -> Iterator[Check]:
    """Two records without any criterion have nothing in common."""
    if not basis.matching:
        return
    yield draw_check(
        basis,
        "near-miss",
        given(say.EXISTING_EMPTY, target=basis.target, source=basis.source),
        given(say.ENGINE_HAS_READ, target=basis.target),
        when(say.CREATED_EMPTY, source=basis.source),
        then(say.RECORDED, side=Side.SOURCE, entity=basis.source),
        title=f"Whether a new {basis.source} without any merge criterion is told from such a {basis.target}",
        rule=None,
        sentence="Two records of which neither holds a merge criterion do not match.",
        parts=("nothing-in-any-criterion",),
        tags=(POLICY, NEGATIVE),
    )


def check_shared_criteria(basis: Basis) -> Iterator[Check]:
    """Of two records that match one, only one can be linked to it."""
    for row in basis.matching:
        values: dict[str, str | Cell] = {
            "source": basis.source,
            "source_path": source_cell(row),
            "target_path": target_cell(row),
            "target": basis.target,
        }
        yield draw_check(
            basis,
            "shared-criterion",
            given(say.EXISTING_TARGET, target=basis.target, source=basis.source),
            given(say.ENGINE_HAS_READ, target=basis.target),
            when(say.CREATED_MATCHING, **values),
            when(say.CREATED_TWIN, **values),
            then(say.TWINS_TOLD_APART, target=basis.target),
            title=f"Two {basis.source} that match one existing {basis.target} make at most one further {basis.target}",
            rule=None,
            sentence="Each record is linked to one record at most: of two that match the same one, the second gets "
            "its own, stays out, or is taken for the same as the first.",
            parts=(part_of_row(row),),
            row=row,
            tags=(POLICY,),
        )


def _linked(basis: Basis) -> Line:
    return given(say.LINKED_PAIR, source=basis.source, target=basis.target)


def _edited(basis: Basis, row: MergeRow | PropertyRow | None, side: Side = Side.SOURCE) -> Line:
    if row is None:
        return when(say.SEEN_EDITED, side=side, entity=basis.name(side))
    return when(say.EDITED, path=_path(row, side), side=side, entity=basis.name(side))


def _path(row: MergeRow | PropertyRow, side: Side) -> str:
    return row.source if side is Side.SOURCE else row.target
