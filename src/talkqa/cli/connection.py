"""How `doctor` and `login` reach one system: on the real clock, with little patience."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from talkqa.model.account import Account, Budget
from talkqa.model.errors import ConfigError
from talkqa.model.protocols import Clock
from talkqa.model.settings import Settings
from talkqa.transport.budget import make_budget
from talkqa.transport.live import LiveTransport, Patience
from talkqa.transport.network import NetworkTransport, open_http

_PATIENCE = Patience(attempts=2, attempt_s=15.0, total_s=40.0)
"""Somebody sits and waits for the answer."""


@asynccontextmanager
async def open_connection(
    account: Account, limits: Budget, clock: Clock, inner: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """What carries the requests of one account.

    Args:
        account: Whose.
        limits: What the vendor allows.
        clock: All waiting goes through it.
        inner: Sends a request once; the network where left out.
    """
    transport = LiveTransport(
        inner or NetworkTransport(), clock=clock, budget=make_budget(account, limits, clock), patience=_PATIENCE
    )
    async with open_http(transport) as http:
        yield http


def account_of(system: str, settings: Settings) -> Account:
    """The account of a system, under any of its names.

    Raises:
        ConfigError: where none is configured.
    """
    wanted = fold(canonical_name(system, settings))
    for account in settings.accounts:
        if fold(account.system) == wanted:
            return account
    known = ", ".join(account.system for account in settings.accounts) or "none"
    raise ConfigError(f'talkqa.toml: there is no [accounts."{system}"]; accounts are: {known}')


def canonical_name(system: str, settings: Settings) -> str:
    """The canonical name of a system, whatever it is called."""
    spellings = {fold(spelling): name for name, also in settings.aliases.items() for spelling in (name, *also)}
    return spellings.get(fold(system), system)


def fold(name: str) -> str:
    """A name without blanks and letter case, to compare it by."""
    return "".join(name.split()).casefold()
