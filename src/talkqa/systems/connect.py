"""From a schema and an account to the client that speaks the system's dialect.

Used by the runner and by doctor; every mode makes its clients here.
"""

from collections.abc import Callable, Mapping

import httpx

from talkqa.model.account import Account, Budget
from talkqa.model.protocols import SystemClient
from talkqa.model.record import Exchange
from talkqa.model.schema import SystemSchema
from talkqa.systems.rest import RestClient
from talkqa.systems.session import Credentials, FixedCredentials, Session

Make = Callable[[SystemSchema, Account, Session], SystemClient]
_CLIENTS: Mapping[str, Make] = {
    "rest": lambda schema, _account, session: RestClient(schema, session),
}
_BUDGETS: Mapping[str, Budget] = {}
"""What the vendors allow, where they say so."""


def make_client(
    schema: SystemSchema,
    account: Account,
    http: httpx.AsyncClient,
    *,
    clock_now: Callable[[], float],
    on_exchange: Callable[[Exchange], None] | None = None,
    timeout_s: float | None = 30.0,
) -> SystemClient:
    """The client of a system as one user; nothing is sent.

    Args:
        schema: What the system looks like, and its dialect.
        account: Where it is and who asks.
        http: Carries the requests; one for each system.
        clock_now: Seconds since the run began.
        on_exchange: Called with each exchange, without its credentials.
        timeout_s: See `Session`.
    """
    session = Session(
        http,
        account.url,
        system=schema.name,
        credentials=make_credentials(account),
        timeout_s=timeout_s,
        clock_now=clock_now,
        on_exchange=on_exchange,
    )
    return _CLIENTS.get(schema.dialect, _CLIENTS["rest"])(schema, account, session)


def make_credentials(account: Account) -> Credentials:
    """Who signs the requests of an account."""
    token = account.auth.token
    return FixedCredentials({"authorization": f"Bearer {token}"} if token else {})


def known_budget(schema: SystemSchema) -> Budget:
    """What the system's vendor allows one account, as far as known."""
    return _BUDGETS.get(schema.dialect, Budget())
