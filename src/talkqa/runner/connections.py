"""Clients of a run's systems: each with its account, its share of the calls, and what counts them.

Used by the grounds and by the sweep.
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

import httpx

from talkqa.model.account import Account, Budget
from talkqa.model.diagnostic import Severity
from talkqa.model.errors import ApiError, RunError
from talkqa.model.protocols import Clock, SystemClient
from talkqa.model.result import SystemUsed
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.redaction.secrets import Secrets
from talkqa.systems.connect import known_budget, make_client
from talkqa.systems.tokens import TokenStore
from talkqa.transport.budget import CallBudget, make_budget
from talkqa.transport.listening import ListeningTransport
from talkqa.transport.live import LiveTransport
from talkqa.transport.network import NetworkTransport, open_http
from talkqa.transport.recorder import Recorder
from talkqa.verify.access import Access
from talkqa.verify.evidence import record_exchange
from talkqa.verify.safety import find_dangers


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What is counted of the calls to one system."""

    account: Account
    """With the limits that hold."""
    budget: CallBudget
    transport: LiveTransport

    def read(self, access: Access) -> SystemUsed:
        """The counts so far."""
        use = self.transport.use
        return SystemUsed(
            system=self.account.system,
            calls=use.calls + use.retries,
            by_purpose={purpose.name.lower(): count for purpose, count in use.by_purpose.items()},
            repeated=use.retries,
            busiest_minute=self.budget.use.busiest_minute,
            calls_per_minute=self.account.calls_per_minute,
            calls_per_day=self.account.calls_per_day,
            created=_of_system(access.created, self.account.system),
            copies=_of_system(access.copies, self.account.system),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Where a real system is, and who we are there."""

    url: str
    organisation: str
    user: str | None
    """As the system writes it into its records; None where it does not tell."""
    ahead_s: float
    """By how many seconds its clock is ahead of ours."""


class Budgets:
    """What the worlds of a run use up together: calls as one account, and records that accounts allow by number."""

    def __init__(self) -> None:
        self.created: Counter[tuple[str, str]] = Counter()
        """(system, entity) to how many records were counted against what is allowed."""
        self._opened: dict[tuple[str, str, str], CallBudget] = {}

    def open(self, account: Account, clock: Clock) -> CallBudget:
        """The budget of an account, made at first use."""
        user = account.auth.username or account.auth.client_id or account.auth.token
        key = (account.system, account.url, user)
        if key not in self._opened:
            self._opened[key] = make_budget(account, Budget(), clock)
        return self._opened[key]


class Connections:
    """Opens the clients of one world."""

    def __init__(
        self,
        clock: Clock,
        stack: AsyncExitStack,
        *,
        seed: int = 0,
        budgets: Budgets | None = None,
        store: TokenStore | None = None,
        recorder: Recorder | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            clock: The world's.
            stack: Closes what is opened.
            seed: Of the jitter between attempts.
            budgets: Those of the run; None where this world shares its accounts with no other.
            store: Keeps tokens between runs; None where they live as long as the client.
            recorder: Keeps what is said; None where nothing is recorded.
            secrets: Told what the accounts sign with and the tokens that they fetch.
        """
        self._clock = clock
        self._stack = stack
        self._seed = seed
        self._budgets = budgets or Budgets()
        self._store = store
        self._recorder = recorder
        self._secrets = secrets or Secrets()

    async def open(
        self, schema: SystemSchema, account: Account, inner: httpx.AsyncBaseTransport
    ) -> tuple[SystemClient, Meter]:
        """A client that speaks through `inner`, within the account's limits.

        Raises:
            ConfigError: where the account cannot be used as it stands.
        """
        kept = self._store.read(account) if self._store is not None else None
        if kept is not None:  # a refresh token may be quoted before it is ever sent
            self._secrets.learn_values((kept.access, kept.refresh))
        budget = self._budgets.open(account, self._clock)
        transport = LiveTransport(inner, clock=self._clock, budget=budget, seed=self._seed)
        carrier = self._recorder.transport(schema.name, transport, account) if self._recorder else transport
        client = make_client(
            schema,
            account,
            await self._stack.enter_async_context(open_http(ListeningTransport(carrier, self._secrets))),
            clock_now=self._clock.now,
            on_exchange=record_exchange,
            timeout_s=None,
            store=self._store,
            stamp=self._clock.stamp,
        )
        return client, Meter(account=account, budget=budget, transport=transport)

    async def look_up(self, schema: SystemSchema, settings: Settings) -> Presence:
        """Where a real system is and who we are there; what it tells of us is nobody's business and never recorded.

        Raises:
            RunError: where it cannot be used, or must not be written to.
        """
        account = limit(find_account(schema.name, settings), find_limits(schema, settings))
        unrecorded = Connections(self._clock, self._stack, seed=self._seed, budgets=self._budgets, store=self._store)
        try:
            client, _ = await unrecorded.open(schema, account, NetworkTransport())
            identity = await client.identify()
        except ApiError as error:
            message = f"{account.system} at {account.url} cannot be used: {error}; `talkqa doctor` tells more"
            raise RunError(message) from error
        errors = [one for one in find_dangers(account, identity) if one.severity is Severity.ERROR]
        if errors:
            raise RunError("; ".join(f"{account.system}: {one.message}: {one.advice}" for one in errors))
        told = identity.server_time
        ahead_s = (told - self._clock.stamp()).total_seconds() if told is not None else 0.0
        return Presence(url=account.url, organisation=identity.organisation, user=identity.user, ahead_s=ahead_s)

    async def open_live(self, schema: SystemSchema, settings: Settings) -> tuple[SystemClient, Meter]:
        """A client of a real system, as the settings' account for it.

        Raises:
            RunError: where no account is configured.
            ConfigError: where the account cannot be used as it stands.
        """
        account = limit(find_account(schema.name, settings), find_limits(schema, settings))
        self._secrets.learn_account(account)
        return await self.open(schema, account, NetworkTransport())


def find_account(system: str, settings: Settings) -> Account:
    """The account of a system.

    Raises:
        RunError: where none is configured.
    """
    for account in settings.accounts:
        if account.system.casefold() == system.casefold():
            return account
    raise RunError(
        f'no account for {system}: add [accounts."{system}"] with url and auth to talkqa.toml, or run in the sandbox '
        "(`talkqa sandbox serve` prints such a section for its own systems)"
    )


def find_limits(schema: SystemSchema, settings: Settings) -> Budget:
    """How much one may ask of a system: what its account says, else what its vendor is known to allow."""
    known = known_budget(schema)
    account = next((one for one in settings.accounts if one.system.casefold() == schema.name.casefold()), None)
    if account is None:
        return known
    return Budget(
        calls_per_minute=account.calls_per_minute or known.calls_per_minute,
        calls_per_day=account.calls_per_day or known.calls_per_day,
        concurrent=account.concurrent or known.concurrent,
        poll_s=account.poll_s or known.poll_s,
    )


def limit(account: Account, limits: Budget) -> Account:
    """The account with these limits."""
    return replace(
        account,
        calls_per_minute=limits.calls_per_minute,
        calls_per_day=limits.calls_per_day,
        concurrent=limits.concurrent,
        poll_s=limits.poll_s,
    )


def _of_system(counted: Mapping[tuple[str, str], int], system: str) -> dict[str, int]:
    return {entity: count for (where, entity), count in sorted(counted.items()) if where == system and count}
