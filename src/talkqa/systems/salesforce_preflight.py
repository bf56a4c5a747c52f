"""What an org's list of objects says about a run: licences, rights, parents, calls left.

Used by the Salesforce client's `preflight`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from talkqa.model.diagnostic import Severity
from talkqa.model.preflight import Finding
from talkqa.model.schema import EntitySchema, SystemSchema

SCARCE = 0.1
"""Below this share of the day's calls a run is likely to end early."""
_PARENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "quote": (("Opportunity", "every quote belongs to one"),),
    "quotelineitem": (("Quote", "every line belongs to one"), ("PricebookEntry", "every line sells one")),
    "order": (("Account", "every order belongs to one"),),
    "orderitem": (("Order", "every line belongs to one"), ("PricebookEntry", "every line sells one")),
    "invoice": (("Account", "every invoice is sent to one"),),
    "pricebookentry": (("Pricebook2", "a price stands in one"), ("Product2", "a price is that of one")),
}
_BOOKED = frozenset({"order", "quote"})
"""What has lines, whose prices come from a price book."""


def inspect(
    system: SystemSchema,
    entities: Sequence[str],
    listed: Mapping[str, Mapping[str, Any]],
    used: int | None,
    allowed: int | None,
) -> tuple[Finding, ...]:
    """Everything there is to say before anything is written.

    Args:
        system: As known before.
        entities: What the run reads and writes.
        listed: The org's objects by folded name, as its list tells them.
        used: Calls of the last 24 hours.
        allowed: Calls in 24 hours.
    """
    report = _Report(system=system, listed=listed)
    findings = [finding for name in dict.fromkeys(entities) for finding in report.entity(name)]
    return (*findings, *report.budget(used, allowed))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    system: SystemSchema
    listed: Mapping[str, Mapping[str, Any]]

    def entity(self, name: str) -> Iterator[Finding]:
        known = self.system.entity(name)
        told = self.listed.get(name.casefold())
        if told is None:
            yield self._absent(name, known)
            return
        if told.get("createable") is False:
            yield self._not_createable(name, known)
        if told.get("updateable") is False:
            message = f"{name} records cannot be changed by this account"
            advice = "Give the account's profile the right to edit them; until then edits are not checked."
            yield self._finding("missing-right", Severity.WARNING, name, message, advice)
        if told.get("deletable") is False:
            yield self._not_deletable(name, known)
        yield from self._parents(name)

    def budget(self, used: int | None, allowed: int | None) -> Iterator[Finding]:
        if used is None or not allowed or allowed - used > SCARCE * allowed:
            return
        message = f"{used} of the {allowed} calls that the org has in 24 hours are used up"
        advice = "Wait, choose fewer checks, or lengthen poll_s of the account."
        severity = Severity.ERROR if used >= allowed else Severity.WARNING
        yield self._finding("budget", severity, None, message, advice)

    def _absent(self, name: str, known: EntitySchema | None) -> Finding:
        if known is not None and known.requires is not None:
            message = f"there is no {name} here: {known.requires} is not switched on, or the account may not see it"
            advice = f"Switch {known.requires} on in Setup, or leave it: its checks are not run, and say why."
            return self._finding("licence", Severity.WARNING, name, message, advice)
        message = f"there is no object {name} here, or the account may not see it"
        advice = "Check the API name, and the object's permissions in the account's profile."
        return self._finding("missing-entity", Severity.ERROR, name, message, advice)

    def _not_createable(self, name: str, known: EntitySchema | None) -> Finding:
        licence = known.create_requires if known else None
        if licence is not None:
            message = f"{name} records cannot be created here: that needs {licence}"
            advice = f"Use an org with {licence}, or leave it: checks that create a {name} are not run, and say why."
            return self._finding("licence", Severity.WARNING, name, message, advice)
        message = f"{name} records cannot be created by this account"
        advice = "Give the account's profile the right to create them."
        return self._finding("missing-right", Severity.WARNING, name, message, advice)

    def _not_deletable(self, name: str, known: EntitySchema | None) -> Finding:
        archive = known.archive if known else None
        if archive is None:
            message = f"{name} records cannot be deleted: what a run creates stays"
            advice = "Use an org whose contents do not matter, and allow few of them by name and number."
            return self._finding("missing-right", Severity.WARNING, name, message, advice)
        path, value = archive
        written = str(value).lower()
        message = f"{name} records cannot be deleted: what a run creates stays, with {path} set to {written}"
        advice = f"Allow {name} by name and number in the account, and use the same test org each time."
        return self._finding("missing-right", Severity.NOTICE, name, message, advice)

    def _parents(self, name: str) -> Iterator[Finding]:
        for parent, why in _PARENTS.get(name.casefold(), ()):
            told = self.listed.get(parent.casefold())
            if told is None or told.get("createable") is False:
                message = f"a {name} needs a {parent} ({why}), and none can be created by this account"
                advice = f"Let the account create {parent} records, or have one ready that it may read."
                yield self._finding("missing-right", Severity.WARNING, name, message, advice)
        if name.casefold() in _BOOKED and "pricebook2" not in self.listed:
            message = f"the lines of a {name} need a price book, and the account sees none"
            advice = (
                "Let the account read Pricebook2, and activate the standard price book; without it there are no lines."
            )
            yield self._finding("missing-right", Severity.NOTICE, name, message, advice)

    def _finding(self, code: str, severity: Severity, entity: str | None, message: str, advice: str) -> Finding:
        return Finding(
            code=code,
            severity=severity,
            system=self.system.name,
            message=message,
            advice=advice,
            entity=entity,
        )
