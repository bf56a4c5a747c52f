"""Which connector speaks which dialect."""

from collections.abc import Callable, Mapping

import httpx

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


def make_connector(schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> Connector:
    """The engine's connector for a system.

    Raises:
        ConfigError: for a dialect that the reference engine does not speak.
    """
    connector = _CONNECTORS.get(schema.dialect)
    if connector is None:
        raise ConfigError(f"the reference engine does not speak {schema.dialect!r}, as {schema.name} does")
    return connector(schema, account, transport)
