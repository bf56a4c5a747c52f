"""What stands in the way of a run, found before anything is written.

Used by `talkqa doctor` and before live runs. It reads only. What the systems tell of their entities here overrides the
packaged field tables (VERDICTS.md, section 3: who may be blamed).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from talkqa.model.account import Account, Budget
from talkqa.model.diagnostic import Severity
from talkqa.model.errors import CALLS_USED_UP, ApiError, ApiRefused, ApiUnavailable, FeatureMissing, TalkqaError
from talkqa.model.flow import Flow
from talkqa.model.preflight import Finding, Identity
from talkqa.model.protocols import SystemClient
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.verify.demands import (
    Demand,
    find_closed_fields,
    find_demands,
    find_missing_rights,
    find_unfillable,
    fold,
    named_at,
)
from talkqa.verify.safety import find_dangers

ORGANISATION = "organisation"
"""Option of an account: the organisation, division or business that it must lead to, by name or id."""

_SKEW_WARNING_S = 2.0
_SKEW_ERROR_S = 60.0
_SHARE_WARNING = 0.8
"""Share of a day's calls that leaves too little for a second run."""
_SPENT = frozenset({CALLS_USED_UP, "REQUEST_LIMIT_EXCEEDED"})
"""Codes of calls that were refused for their number alone."""
_CERTIFICATE = ("certificate", "ssl:", "tlsv1")
"""In what a refused TLS handshake says."""
_ENDS = frozenset({"wrong-organisation", "unreachable", "bad-login", "budget"})
"""What makes further questions useless, or costs calls that there are none of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One system as it was found."""

    system: str
    findings: tuple[Finding, ...]
    """Errors first."""
    identity: Identity | None = None
    """None where nobody could sign in."""
    schema: SystemSchema | None = None
    """The packaged schema with each entity as the system describes it; None where nobody could sign in."""

    @property
    def unreachable(self) -> bool:
        """Whether the system gave no answer."""
        return any(finding.code == "unreachable" for finding in self.findings)


async def examine(
    client: SystemClient,
    account: Account,
    flows: Sequence[Flow],
    *,
    stamp: Callable[[], datetime],
    limits: Budget | None = None,
    planned_calls: int = 0,
) -> Examined:
    """Look at one system as a run would use it; nothing is written.

    Args:
        client: Speaks as the user of the run.
        account: As configured.
        flows: All flows of the run; those of other systems are passed over.
        stamp: Our clock, UTC.
        limits: What the vendor allows.
        planned_calls: What the run is going to ask for; 0 where that is not known.
    """
    findings = list(find_budget(account, limits or Budget(), planned_calls))
    before = stamp()
    try:
        identity = await client.identify()
    except TalkqaError as error:
        found = await _explain(client, account, error, flows)
        return _examined(client, [*findings, *found])
    findings += _find_skew(account, identity, before, stamp())
    findings += find_dangers(account, identity)
    findings += _find_unknown_user(account, identity)
    findings += _find_organisation(account, identity)
    wanted = find_demands(client.schema.name, flows)
    told = await _ask_client(client, account, [one.name for one in wanted])
    findings += told
    described: dict[str, EntitySchema] = {}
    if any(one.code in _ENDS and one.severity is Severity.ERROR for one in told):
        return _examined(client, findings, identity, described)
    for one in wanted:
        known = client.schema.entity(one.name)
        about = [finding for finding in told if fold(finding.entity) == one.name.casefold()]
        entity = await _describe(client, account, one, about, findings)
        if entity is None and findings and findings[-1].code in _ENDS:
            break
        if entity is not None:
            described[one.name.casefold()] = entity
            if not any(finding.code in ("missing-right", "licence") for finding in about):
                findings += find_missing_rights(account.system, one, entity, known)
            findings += find_closed_fields(account.system, one, entity, known)
    for one in wanted:
        if one.name.casefold() in described:
            findings += find_unfillable(client.schema, one, described)
    return _examined(client, findings, identity, described)


def find_budget(account: Account, limits: Budget, planned_calls: int) -> tuple[Finding, ...]:
    """Whether the planned calls fit into a day; the account's own limit goes before the vendor's."""
    allowed = account.calls_per_day if account.calls_per_day is not None else limits.calls_per_day
    if allowed is None or planned_calls <= allowed * _SHARE_WARNING:
        return ()
    over = planned_calls > allowed
    return (
        Finding(
            code="budget",
            severity=Severity.ERROR if over else Severity.WARNING,
            system=account.system,
            message=f"the run is going to make {planned_calls} calls, and {allowed} a day are allowed",
            advice="run fewer checks at a time (`talkqa run -- -k WORD`, or the folder of one world), or raise "
            "calls_per_day as far as the contract allows",
        ),
    )


def failure_of(system: str, error: TalkqaError, *, signing_in: bool = False) -> Finding:
    """What an error means for a run; the lines after the first are what to do about it."""
    message, _, advice = str(error).partition("\n")
    status = error.status if isinstance(error, ApiError) else 0
    code = "missing-right"
    default = "give the account the right to do this"
    if status == 429 or (isinstance(error, ApiError) and error.code in _SPENT):
        code, default = "budget", "wait until the limit is reset, or ask the system's owner for a higher one"
    elif isinstance(error, ApiUnavailable):
        code, default = "unreachable", f'check url of [accounts."{system}"], the network and its proxies'
        if any(word in message.casefold() for word in _CERTIFICATE):
            default = (
                f'check url of [accounts."{system}"], or let the environment variable SSL_CERT_FILE name a file with '
                "the certificate of the authority that it shows"
            )
    elif status == 401 or (signing_in and status not in (403, 404)):
        code, default = "bad-login", f'check auth of [accounts."{system}"]'
    elif isinstance(error, FeatureMissing):
        code, default = "licence", f"switch {error.licence} on, or leave out what needs it"
    return Finding(code=code, severity=Severity.ERROR, system=system, message=message, advice=advice.strip() or default)


def _examined(
    client: SystemClient,
    findings: Iterable[Finding],
    identity: Identity | None = None,
    described: Mapping[str, EntitySchema] | None = None,
) -> Examined:
    order = list(Severity)
    schema = None
    if described is not None:
        packaged = client.schema
        kept = tuple(described.get(entity.name.casefold(), entity) for entity in packaged.entities)
        names = {entity.name.casefold() for entity in kept}
        added = tuple(entity for name, entity in described.items() if name not in names)
        schema = replace(packaged, entities=(*kept, *added))
    return Examined(
        system=client.schema.name,
        findings=tuple(
            sorted(
                dict.fromkeys(findings),
                key=lambda f: (order.index(f.severity), f.code, f.entity or "", f.field or ""),
            )
        ),
        identity=identity,
        schema=schema,
    )


async def _explain(
    client: SystemClient, account: Account, error: TalkqaError, flows: Sequence[Flow]
) -> tuple[Finding, ...]:
    """Why nobody could sign in: in the client's own words where it knows of something else than the login."""
    found = failure_of(account.system, error, signing_in=True)
    if isinstance(error, ApiRefused) and error.status not in (400, 401) and found.code != "budget":
        told = await _ask_client(client, account, [one.name for one in find_demands(client.schema.name, flows)])
        known = tuple(one for one in told if one.code == "wrong-organisation" and one.severity is Severity.ERROR)
        return known or (found,)
    return (found,)


def _find_skew(account: Account, identity: Identity, before: datetime, after: datetime) -> Iterable[Finding]:
    """Only what is sure: the answer was made somewhere between, and stamps may be cut to the second."""
    theirs = identity.server_time
    if theirs is None:
        return
    ahead_s = (theirs - after).total_seconds()
    behind_s = (before - theirs - timedelta(seconds=1)).total_seconds()
    skew_s = max(ahead_s, behind_s)
    if skew_s <= _SKEW_WARNING_S:
        return
    fast, slow = ("its", "ours") if ahead_s > behind_s else ("our", "its")
    yield Finding(
        code="clock-skew",
        severity=Severity.ERROR if skew_s > _SKEW_ERROR_S else Severity.WARNING,
        system=account.system,
        message=f"{fast} clock is {skew_s:.0f} s ahead of {slow}",
        advice="let this machine take its time from a time server (NTP), or tell the system's owner",
    )


def _find_unknown_user(account: Account, identity: Identity) -> Iterable[Finding]:
    if account.engine_user and not (identity.user or identity.name):
        yield Finding(
            code="same-user",
            severity=Severity.NOTICE,
            system=account.system,
            message=f"the system does not tell who asks: whether tests and engine are two users is not checked "
            f"(engine_user = {account.engine_user})",
            advice="see for yourself that the account is not the engine's: an engine ignores its own changes",
        )


def _find_organisation(account: Account, identity: Identity) -> Iterable[Finding]:
    wanted = account.options.get(ORGANISATION)
    reached = identity.organisation
    if wanted and reached and fold(wanted) not in (fold(reached), *map(fold, reached.split())):
        yield Finding(
            code="wrong-organisation",
            severity=Severity.ERROR,
            system=account.system,
            message=f"the account leads to {reached}, not to {wanted}",
            advice=f'correct url, options or auth of [accounts."{account.system}"]',
        )


async def _ask_client(client: SystemClient, account: Account, entities: Sequence[str]) -> tuple[Finding, ...]:
    try:
        return await client.preflight(entities)
    except TalkqaError as error:
        return (failure_of(account.system, error),)


async def _describe(
    client: SystemClient, account: Account, wanted: Demand, about: Sequence[Finding], findings: list[Finding]
) -> EntitySchema | None:
    """The entity as the system tells, or nothing and a finding about it; `about` is what the client has said of it."""
    try:
        return await client.describe(wanted.name)
    except ApiError as error:
        found = failure_of(account.system, error)
        absent = found.code in ("missing-right", "licence") and error.status != 403
        if absent and any(one.severity is Severity.ERROR for one in about):
            return None  # the client has said why, and knows more
        if absent:
            found = next((one for one in about if one.code == "licence"), None) or _absent(client, wanted, error, found)
            findings[:] = [one for one in findings if one is not found]
            found = replace(found, code="missing-entity", severity=Severity.ERROR)
        findings.append(
            replace(
                found,
                severity=found.severity if wanted.source or wanted.target else Severity.WARNING,
                message=f"{found.message}{named_at(wanted.places)}",
                entity=wanted.name,
            )
        )
        return None


def _absent(client: SystemClient, wanted: Demand, error: ApiError, found: Finding) -> Finding:
    known = client.schema.entity(wanted.name)
    needs = error.licence if isinstance(error, FeatureMissing) else known.requires if known else None
    return replace(
        found,
        message=f"{wanted.name} is not there ({found.message})",
        advice=f"switch {needs} on for this account, or run without the flows of {wanted.name}"
        if needs
        else f"see that {wanted.name} exists there and that the account may see it",
    )
