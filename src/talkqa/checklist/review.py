"""What is to be said of the decisions themselves: those that have run out, and those that decide nothing."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date
from fnmatch import fnmatchcase

from talkqa.checklist.derive import derive_checks
from talkqa.model.check import Depth
from talkqa.model.decision import Decisions, Waiver
from talkqa.model.diagnostic import Diagnostic, Severity
from talkqa.model.location import Location
from talkqa.model.world import World

_ADVICE = {
    "waiver-expired": "correct what it covers, or have its owner set another day",
    "waiver-unmatched": "correct the id, or take the entry out",
    "decision-unmatched": "correct the flow's id, or take the entry out",
}


def review_decisions(worlds: Iterable[World], decisions: Decisions, today: date) -> tuple[Diagnostic, ...]:
    """Decisions that have no effect, by place.

    Args:
        worlds: All of the project: what none of them has, nothing has.
        decisions: Of the project.
        today: Decides which waivers have run out.
    """
    if decisions == Decisions():
        return ()
    flows = [flow for world in worlds for flow in world.flows]
    ids = {flow.id for flow in flows}
    about = [
        *((one.flow_id, one.location) for one in decisions.mappings),
        *((one.flow_id, one.location) for one in decisions.shapes),
        *((one.flows, one.location) for one in decisions.adopted),
    ]
    found = [
        _finding("decision-unmatched", location, f"no document has a flow '{pattern}'")
        for pattern, location in about
        if not any(fnmatchcase(id_, pattern) for id_ in ids)
    ]
    if decisions.waivers:
        checks = [check.id for flow in flows for check in derive_checks(flow, Depth.DEEP)]
        found += review_waivers(decisions.waivers, checks, today)
    return tuple(sorted(found, key=lambda d: (d.location, d.code, d.message)))


def review_waivers(waivers: Iterable[Waiver], checks: Collection[str], today: date) -> Iterator[Diagnostic]:
    """Waivers that have run out, and those that name none of the checks."""
    for waiver in waivers:
        if not any(waiver.names(check) for check in checks):
            yield _finding("waiver-unmatched", waiver.location, f"the waiver '{waiver.checks}' names no check")
        elif not waiver.valid_on(today):
            yield expired(waiver)


def expired(waiver: Waiver) -> Diagnostic:
    """The finding of a waiver that has run out."""
    message = f"the waiver '{waiver.checks}' ran out on {waiver.expires.isoformat()} and has no effect ({waiver.owner})"
    return _finding("waiver-expired", waiver.location, message)


def _finding(code: str, location: Location, message: str) -> Diagnostic:
    return Diagnostic(code=code, severity=Severity.WARNING, location=location, message=message, advice=_ADVICE[code])
