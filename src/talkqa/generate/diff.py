"""A plan as a unified diff, for `generate --diff`."""

import difflib
from collections.abc import Iterator

from talkqa.generate.change import Change, ChangeKind, Plan

_NONE = "/dev/null"


def diff(plan: Plan) -> str:
    """What writing would change, as one unified diff; files that are kept are named with their reason."""
    return "".join(part for change in plan.changes for part in _show(plan, change))


def _show(plan: Plan, change: Change) -> Iterator[str]:
    if change.kind is ChangeKind.UNCHANGED:
        return
    path = plan.show(change)
    if change.kind is ChangeKind.KEEP:
        yield f"# kept: {path}: {change.reason}\n"
        return
    before = _NONE if change.before is None else f"a/{path}"
    after = _NONE if change.after is None else f"b/{path}"
    lines = difflib.unified_diff(_lines(change.before), _lines(change.after), before, after)
    yield from (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(raw: bytes | None) -> list[str]:
    """The lines with their ends; split at line feeds alone, as `patch` does."""
    text = (raw or b"").decode("utf-8", "backslashreplace")
    return [line + "\n" for line in text.split("\n")[:-1]] + [last for last in text.split("\n")[-1:] if last]
