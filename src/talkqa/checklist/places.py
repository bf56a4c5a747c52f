"""Where the sentence, row or decision stands that a check rests on: looked up when a run starts, never stored."""

from collections.abc import Iterator

from talkqa.model.check import Check
from talkqa.model.flow import Flow, MergeRow, PropertyRow


def find_place(check: Check, flow: Flow) -> str:
    """`path:line` of a check's row, else of its sentence; empty for a flow without sentences."""
    row = next(_rows_of(check, flow), None)
    if row is not None:
        return str(row.location)
    rules = flow.rules_of(check.rule) if check.rule is not None else flow.rules
    exact = next((rule for rule in rules if rule.text == check.sentence), rules[0] if rules else None)
    return str(exact.location) if exact is not None else ""


def find_sentence(check: Check, flow: Flow) -> str:
    """What a check rests on, in words: its sentence, or the approval where no document has its row."""
    row = next(_rows_of(check, flow), None)
    if check.rule is None or not isinstance(row, PropertyRow) or not row.approved:
        return check.sentence  # a policy rests on itself, whatever row it is tried with
    words = f"{row.source} to {row.target}" if check.row is not None else "the mapping"
    return f"{words}: {row.approval}"


def _rows_of(check: Check, flow: Flow) -> Iterator[MergeRow | PropertyRow]:
    """The rows that a check is about; of one about the whole table, the rows of a table that no document has."""
    if check.row is not None:
        rows: list[MergeRow | PropertyRow] = [*flow.properties, *flow.merge]
        yield from (row for row in rows if (row.source, row.target) == (check.row.source, check.row.target))
    elif check.name == "audit" and all(row.approved for row in flow.properties):
        yield from flow.properties
