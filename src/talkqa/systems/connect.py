"""From a schema and an account to the client that speaks the system's dialect.

Used by the runner and by doctor; every mode makes its clients here.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import httpx

from talkqa.model.account import Account, Budget
from talkqa.model.errors import ConfigError
from talkqa.model.protocols import SystemClient
from talkqa.model.record import Exchange
from talkqa.model.schema import SystemSchema
from talkqa.systems.auth import make_credentials, now_utc
from talkqa.systems.exactonline.client import ExactOnlineClient
from talkqa.systems.exactonline.division import BUDGET as EXACT_ONLINE_BUDGET
from talkqa.systems.graphql_client import GraphqlClient
from talkqa.systems.odata import ODataClient
from talkqa.systems.rest import RestClient
from talkqa.systems.salesforce import make_salesforce
from talkqa.systems.session import Session
from talkqa.systems.tokens import TokenStore
from talkqa.systems.wave import BUDGET as WAVE_BUDGET
from talkqa.systems.wave import WaveClient

Make = Callable[[SystemSchema, Account, Session], SystemClient]
_CLIENTS: Mapping[str, Make] = {
    "rest": lambda schema, _account, session: RestClient(schema, session),
    "odata": ODataClient,
    "graphql": GraphqlClient,
    "exactonline": ExactOnlineClient,
    "salesforce": make_salesforce,
    "wave": WaveClient,
}
_BUDGETS: Mapping[str, Budget] = {
    "wave": WAVE_BUDGET,
    "exactonline": EXACT_ONLINE_BUDGET,
    "salesforce": Budget(calls_per_day=15_000),  # of the smallest edition, for everybody together
}
"""What the vendors allow, where they say so."""


def make_client(
    schema: SystemSchema,
    account: Account,
    http: httpx.AsyncClient,
    *,
    clock_now: Callable[[], float],
    on_exchange: Callable[[Exchange], None] | None = None,
    timeout_s: float | None = 30.0,
    store: TokenStore | None = None,
    stamp: Callable[[], datetime] = now_utc,
) -> SystemClient:
    """The client of a system as one user; nothing is sent.

    Args:
        schema: What the system looks like, and its dialect.
        account: Where it is and who asks.
        http: Carries the requests; one for each system.
        clock_now: Seconds since the run began.
        on_exchange: Called with each exchange, without its credentials.
        timeout_s: See `Session`.
        store: Keeps tokens between runs; None where they live as long as the client.
        stamp: The run's clock, UTC; tokens expire by it.

    Raises:
        ConfigError: where the account cannot be used as it stands, and for a dialect that is not spoken.
    """
    make = _CLIENTS.get(schema.dialect)
    if make is None:
        spoken = ", ".join(sorted(_CLIENTS))
        raise ConfigError(f"{schema.name} speaks {schema.dialect!r}, which talkqa does not; it speaks: {spoken}")
    session = Session(
        http,
        account.url,
        system=schema.name,
        credentials=make_credentials(
            account, http, dialect=schema.dialect, store=store, stamp=stamp, timeout_s=timeout_s
        ),
        timeout_s=timeout_s,
        clock_now=clock_now,
        on_exchange=on_exchange,
    )
    return make(schema, account, session)


def known_budget(schema: SystemSchema) -> Budget:
    """What the system's vendor allows one account, as far as known."""
    return _BUDGETS.get(schema.dialect, Budget())
