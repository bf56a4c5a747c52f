"""Which connector speaks which dialect."""

from collections.abc import Callable, Mapping

import httpx

from talkqa.model.account import Account
from talkqa.model.schema import SystemSchema
from talkqa.sandbox.connectors.contract import Connector
from talkqa.sandbox.connectors.exactonline import ExactOnlineConnector
from talkqa.sandbox.connectors.rest import RestConnector
from talkqa.sandbox.connectors.salesforce import SalesforceConnector
from talkqa.sandbox.connectors.wave import WaveConnector

_CONNECTORS: Mapping[str, Callable[[SystemSchema, Account, httpx.AsyncBaseTransport], Connector]] = {
    "rest": RestConnector,
    "exactonline": ExactOnlineConnector,
    "salesforce": SalesforceConnector,
    "wave": WaveConnector,
}


def make_connector(schema: SystemSchema, account: Account, transport: httpx.AsyncBaseTransport) -> Connector:
    """The engine's connector for a system; one without a dialect of its own here speaks REST."""
    return _CONNECTORS.get(schema.dialect, RestConnector)(schema, account, transport)
