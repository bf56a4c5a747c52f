"""Steps that edit two properties at once, one on each side, and see whether both edits last."""

from talkqa.model.errors import CheckNotRunnable, CheckUndecided
from talkqa.model.flow import PropertyRow, Side
from talkqa.model.record import FieldValue
from talkqa.model.result import Cause
from talkqa.verify.judge import makes_of_it
from talkqa.verify.probe import Expectation, expect_equal
from talkqa.verify.pulse import require_edits_alive
from talkqa.verify.scenario import ApartEdits, Scenario
from talkqa.verify.vocabulary.edits import edit_row
from talkqa.verify.vocabulary.rest import let_settle
from talkqa.verify.vocabulary.whole import judged_rows
from talkqa.verify.wiggle import settle

_ATTEMPTS = 4
"""How often it is tried to make both edits before one of them has crossed."""
_ENDS = (Side.SOURCE, Side.TARGET)
"""Where the first and where the second edit is made."""


async def edited_apart(s: Scenario, source: str, target: str) -> None:
    """Edit one property in the source, and another in the target before the first has arrived there."""
    first, second = _two_rows(s, source, target)
    for _ in range(_ATTEMPTS):
        await settle(s.state, s.pair)
        await _edit(s, first, Side.SOURCE)
        path, before = s.edit.target_path or "", s.edit.target_before
        stored = s.pair.record(Side.SOURCE).values.get(s.edit.path)
        await _edit(s, second, Side.TARGET)
        if s.pair.target.values.get(path) == before.values.get(path):
            written = (stored, s.pair.target.values.get(s.edit.path))
            s.apart = ApartEdits(rows=(first, second), written=written, at_s=s.edit.at_s)
            return
    raise CheckUndecided(
        "edits-crossed",
        f"in {_ATTEMPTS} attempts the first edit had arrived before the second was made",
        cause=Cause.HARNESS,
    )


def _two_rows(s: Scenario, source: str, target: str) -> tuple[PropertyRow, PropertyRow]:
    """Two rows that have nothing to do with each other, each judged by its value both ways; criteria come last."""
    criteria = {(row.source.casefold(), row.target.casefold()) for row in s.state.united.merge}
    rows = [
        row
        for row in judged_rows(s, Side.TARGET)
        if s.state.judgements[(row.source, row.target)].source_writable
        and not s.state.judgements[(row.source, row.target)].moves_along(Side.SOURCE)
    ]
    rows.sort(key=lambda row: (row.source.casefold(), row.target.casefold()) in criteria)
    if len(rows) < 2:
        raise CheckNotRunnable(
            "no-two-properties",
            f"{source} and {target} do not share two properties that a test can edit on both sides",
            cause=Cause.DOCUMENT,
        )
    return rows[0], rows[1]


async def _edit(s: Scenario, row: PropertyRow, side: Side) -> None:
    await edit_row(s, row, s.state.judgements[(row.source, row.target)], side, None)


async def both_stand(s: Scenario) -> None:
    """Tell which of the two edits stand on both sides once the pair has come to rest."""
    edits = s.apart
    if edits is None:
        raise CheckUndecided("step-missing", "the scenario needs two edits first", cause=Cause.HARNESS)
    await let_settle(s)
    if any(_missing(s, edits, at) for at in (0, 1)):  # what is missing may only be late
        for side in Side:
            await require_edits_alive(s.state, side, edits.at_s, "one of two edits")
        await let_settle(s)
    lost = [words for at in (0, 1) if (words := await _lost(s, edits, at))]
    if lost:
        s.record_observation("edit-lost", "; ".join(lost), seen="one" if len(lost) == 1 else "neither")
        return
    words = " and ".join(f"'{row.source}'" for row in edits.rows)
    s.record_observation("both-stand", f"both sides hold both edits, of {words}", seen="both")


def _missing(s: Scenario, edits: ApartEdits, at: int) -> tuple[Side, ...]:
    """The sides that do not hold one of the edits."""
    return tuple(
        side
        for side in Side
        if not (expected := _expect(s, edits, at, side)).matches(actual := _held(s, edits, at, side))
        and not expected.doubt(actual)
    )


async def _lost(s: Scenario, edits: ApartEdits, at: int) -> str:
    """What became of an edit that does not stand, in words; empty where systems alone make a difference."""
    row, written_in = edits.rows[at], _ENDS[at]
    other, missing = written_in.other, _missing(s, edits, at)
    held = {side: _held(s, edits, at, side) for side in Side}
    path, there = s.state.path(row, written_in), s.state.path(row, other)
    if not missing or (
        missing == (other,)
        and await makes_of_it(s.state, other, s.pair.record(other), there, _expect(s, edits, at, other))
    ):
        return ""
    return (
        f"'{path}' was set to {edits.written[at]!r} in the {written_in}, and at rest the source "
        f"holds {held[Side.SOURCE]!r} and the target {held[Side.TARGET]!r}"
    )


def _expect(s: Scenario, edits: ApartEdits, at: int, there: Side) -> Expectation:
    row, side = edits.rows[at], _ENDS[at]
    judgement = s.state.judgements[(row.source, row.target)]
    return expect_equal(edits.written[at], (judgement.field(side), judgement.field(there)), row.declared_type)


def _held(s: Scenario, edits: ApartEdits, at: int, side: Side) -> FieldValue:
    return s.pair.record(side).values.get(s.state.path(edits.rows[at], side))
