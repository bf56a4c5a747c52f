"""What a run may write into systems that are not its own: who refuses it, and who counts.

VERDICTS.md, sections 3 and 7. In the sandbox everything is allowed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from talkqa.model.account import Account
from talkqa.model.diagnostic import Severity
from talkqa.model.errors import CheckNotRunnable
from talkqa.model.flow import Flow, Side
from talkqa.model.preflight import Finding, Identity
from talkqa.model.result import Cause
from talkqa.model.schema import EntitySchema, SystemSchema

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TRIAL = re.compile(r"(?<![a-z])(tests?|testing|sandbox|dev|develop|qa|demo|staging|uat|trial)(?![a-z])")
_TRIAL_NAME = re.compile(r"(?<![a-z])(tests?|testing|sandbox|qa|demo|staging|uat|trial)(?![a-z])")
"""Companies are called Development, hosts are not."""


def caution_of(entity: EntitySchema) -> str:
    """Why tests may create records of an entity only where an account allows it; empty where nothing speaks against."""
    if entity.caution:
        return entity.caution
    if entity.createable and not entity.deletable:
        return "its records cannot be removed again" if entity.archive is None else "its records can only be archived"
    return ""


class Permissions:
    """How many records of which entities a run may still create."""

    def __init__(
        self,
        accounts: Iterable[Account],
        schemas: Mapping[str, SystemSchema],
        flows: Iterable[Flow],
        *,
        guarded: bool,
        used: Counter[tuple[str, str]] | None = None,
    ) -> None:
        """Count for one world.

        Args:
            accounts: Their `allow` names entities and numbers.
            schemas: By system.
            flows: A record of one end makes one of the other end.
            guarded: False for a sandbox: nothing is counted.
            used: What other worlds of the run have counted; shared with them.
        """
        self._allowed = {
            (account.system, entity.casefold()): count
            for account in accounts
            for entity, count in account.allow.items()
        }
        self._cautions: dict[tuple[str, str], str] = {}
        if guarded:
            for system, schema in schemas.items():
                for entity in schema.entities:
                    if caution_of(entity):
                        self._cautions[system, entity.name.casefold()] = caution_of(entity)
        self._causes: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        for flow in flows:
            ends = [(flow.entity(side).system, flow.entity(side).entity.casefold()) for side in Side]
            self._causes[ends[0]].add(ends[1])
            self._causes[ends[1]].add(ends[0])
        self._used = Counter() if used is None else used

    def require(self, system: str, entity: str) -> None:
        """Make sure that records of an entity may be created at all.

        Raises:
            CheckNotRunnable: where the account does not allow it.
        """
        key = (system, entity.casefold())
        if key in self._cautions and not self._allowed.get(key):
            raise CheckNotRunnable(
                "entity-not-allowed",
                f"{system} {entity} is off in live mode: {self._cautions[key]}; allow it by name and number: "
                f'[accounts."{system}"] allow = {{ "{entity}" = 20 }}',
                cause=Cause.CONFIGURATION,
            )

    def _reach(self, start: tuple[str, str]) -> set[tuple[str, str]]:
        """An entity and all those that records of it may make records of, flow after flow."""
        reached, waiting = {start}, [start]
        while waiting:
            for key in self._causes.get(waiting.pop(), ()):
                if key not in reached:
                    reached.add(key)
                    waiting.append(key)
        return reached

    def take(self, system: str, entity: str) -> None:
        """Count a record that is about to be created, and those that the sync engine will make of it.

        Raises:
            CheckNotRunnable: where one more is not allowed; nothing is counted then.
        """
        own = (system, entity.casefold())
        wanted = [key for key in sorted(self._reach(own)) if key in self._cautions]
        for key in wanted:
            self.require(*key)
            if self._used[key] >= self._allowed.get(key, 0):
                raise CheckNotRunnable(
                    "allowance-used",
                    f"the run has made all {self._used[key]} records of {key[0]} {key[1]} that the account allows; "
                    f'raise the number in [accounts."{key[0]}"] allow, or select fewer checks',
                    cause=Cause.CONFIGURATION,
                )
        self._used.update(wanted)


def find_dangers(account: Account, identity: Identity) -> tuple[Finding, ...]:
    """What speaks against writing to a system as this user; errors forbid a run."""
    found = []
    if not account.production and looks_like_production(account, identity):
        where = identity.organisation or account.url
        found.append(
            Finding(
                code="production",
                severity=Severity.ERROR,
                system=account.system,
                message=f"{where} looks like a production system",
                advice=f'use a test system, or say [accounts."{account.system}"] production = true',
            )
        )
    us = {name.casefold() for name in (identity.user, identity.name) if name}
    if account.engine_user and account.engine_user.casefold() in us:
        found.append(
            Finding(
                code="same-user",
                severity=Severity.ERROR,
                system=account.system,
                message=f"engine and tests both act as {account.engine_user}, and an engine ignores its own changes",
                advice="give the tests a user of their own",
            )
        )
    return tuple(found)


def looks_like_production(account: Account, identity: Identity) -> bool:
    """Whether a system may hold real business data: what it says of itself, else its address and name."""
    if identity.production is not None:
        return identity.production
    host = urlsplit(account.url).hostname or ""
    if host in _LOOPBACK or host.endswith((".sandbox", ".test", ".localhost", ".example")):
        return False
    names = (identity.organisation, identity.name.partition("@")[0])
    return not (_TRIAL.search(host) or any(_TRIAL_NAME.search(name.casefold()) for name in names))
