"""Which connector speaks which dialect."""

from collections.abc import Callable, Mapping

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.errors import ConfigError
from talkqa.model.schema import SystemSchema
from talkqa.sandbox.connectors.contract import Connector
from talkqa.sandbox.connectors.exactonline import ExactOnlineConnector
from talkqa.sandbox.connectors.graphql import GraphqlConnector
from talkqa.sandbox.connectors.odata import ODataConnector
from talkqa.sandbox.connectors.rest import RestConnector
from talkqa.sandbox.connectors.salesforce import SalesforceConnector
from talkqa.sandbox.connectors.wave import WaveConnector

_CONNECTORS: Mapping[str, Callable[[SystemSchema, Account, httpx.AsyncBaseTransport], Connector]] = {
    "rest": RestConnector,
    "odata": ODataConnector,
    "graphql": GraphqlConnector,
    "exactonline": ExactOnlineConnector,
    "salesforce": SalesforceConnector,
    "wave": WaveConnector,
}

_PATIENCE_S = 30.0
"""How long the engine waits for an answer."""


class _Patience(httpx.AsyncBaseTransport):
    """Gives up on an answer that does not come; a transport in this process heeds none of httpx's deadlines."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with trio.move_on_after(_PATIENCE_S):
            return await self._inner.handle_async_request(request)
        raise httpx.ReadTimeout(f"no answer within {_PATIENCE_S:g} s", request=request)


def make_connector(schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> Connector:
    """The engine's connector for a system.

    Raises:
        ConfigError: for a dialect that the reference engine does not speak.
    """
    connector = _CONNECTORS.get(schema.dialect)
    if connector is None:
        raise ConfigError(f"the reference engine does not speak {schema.dialect!r}, as {schema.name} does")
    return connector(schema, account, _Patience(transport))
