"""Where the sentence or the row stands that a check rests on: looked up when a run starts, never stored."""

from talkqa.model.check import Check
from talkqa.model.flow import Flow


def find_place(check: Check, flow: Flow) -> str:
    """`path:line` of a check's row, else of its sentence; empty for a flow without sentences."""
    if check.row is not None:
        rows = {(r.source, r.target): r.location for r in flow.merge}
        rows |= {(r.source, r.target): r.location for r in flow.properties}
        location = rows.get((check.row.source, check.row.target))
        if location is not None:
            return str(location)
    rules = flow.rules_of(check.rule) if check.rule is not None else flow.rules
    exact = next((rule for rule in rules if rule.text == check.sentence), rules[0] if rules else None)
    return str(exact.location) if exact is not None else ""
