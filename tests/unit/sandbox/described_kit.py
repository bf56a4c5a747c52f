"""A described system in the dialects odata and graphql, to tell stories in, in virtual time.

`play(dialect, story)` runs an async story with a stage: the emulator, raw HTTP as a user, our client, the engine's
connector.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import trio
import trio.testing

from talkqa.model.account import Account
from talkqa.model.protocols import SystemClient
from talkqa.model.schema import SystemSchema
from talkqa.sandbox.connectors.contract import Connector
from talkqa.sandbox.connectors.registry import make_connector
from talkqa.sandbox.dialects.registry import make_emulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.connect import make_client
from talkqa.systems.descriptor import read_descriptor
from tests.unit.sandbox.kit import VirtualClock

URL = "http://vega.sandbox"
STAMPS = {
    "id": {"type": "id", "write": "none", "nullable": False},
    "changedAt": {"type": "datetime", "write": "none"},
    "changedBy": {"type": "string", "write": "none"},
}
NAMED = {"modified_field": "changedAt", "modified_by_field": "changedBy", "name_field": "title"}
DEBTOR = {
    **NAMED,
    "fields": {
        **STAMPS,
        "title": {"type": "string", "max_length": 20, "required": True},
        "visiting.city": {"type": "string", "max_length": 20},
        "limit": {"type": "decimal", "scale": 2},
        "staff": {"type": "integer"},
        "active": {"type": "boolean"},
        "since": {"type": "date"},
        "seen": {"type": "datetime"},
        "grade": {"type": "picklist", "picklist": ["1", "2"], "restricted": True},
    },
}
ORDER = {
    **NAMED,
    "fields": {
        **STAMPS,
        "title": {"type": "string"},
        "debtor": {"type": "reference", "references": ["Debtor"], "aliases": ["debtorId"]},
        "lines.text": {"type": "string", "list_at": "lines"},
        "lines.amount": {"type": "decimal", "scale": 2, "list_at": "lines"},
    },
}
PLAIN = {
    "operations": ["create", "update"],
    "archive": {"off": True},
    "fields": {
        "id": {"type": "id", "write": "none", "nullable": False},
        "off": {"type": "boolean"},
        "name": {"type": "string"},
        "extra": {"type": "string", "requires": "Extras"},
    },
}
SECRET = {"requires": "Secrets", "fields": {"id": {"type": "id", "write": "none"}, "name": {"type": "string"}}}
ENTITIES = {"Debtor": DEBTOR, "Order": ORDER, "Plain": PLAIN, "Secret": SECRET}

DIALECTS: Mapping[str, Mapping[str, Any]] = {
    "odata": {"dialect": "odata"},
    "graphql": {"dialect": "graphql"},
    "graphql-edges": {
        "dialect": "graphql",
        "graphql": {
            "path": "/api",
            "size": 3,
            "records": "edges",
            "record": "node",
            "since": "changedSince",
            "payload": "result",
            "errors": "userErrors",
            "deleted": "deletedId",
        },
    },
    "graphql-offset": {"dialect": "graphql", "graphql": {"paging": "offset", "size": 3, "since": "from"}},
    "graphql-no-pages": {"dialect": "graphql", "graphql": {"paging": "none", "since_type": "Moment", "since": "from"}},
}


def described(dialect: str) -> SystemSchema:
    """The schema that a descriptor of the dialect gives."""
    content = {"system": "Vega", "stamp_granularity_s": 0.001, "entities": ENTITIES, **DIALECTS[dialect]}
    return read_descriptor(content, "vega.toml")


class Stage:
    """What a story acts and looks with."""

    def __init__(self, dialect: str, licences_off: frozenset[str] = frozenset({"Secrets"})) -> None:
        self.clock = VirtualClock()
        self.schema = described(dialect)
        self.store = SystemStore(self.schema, self.clock, 0, licences_off=licences_off)
        self.emulator = make_emulator(self.store, self.clock, {})
        self.transport = httpx.ASGITransport(app=self.emulator)
        self.http = httpx.AsyncClient(transport=self.transport, base_url=URL, trust_env=False)
        self.client: SystemClient = make_client(
            self.schema, self.account(), self.http, clock_now=self.clock.now, stamp=self.clock.stamp
        )
        self.connector: Connector = make_connector(self.schema, self.account("engine"), self.transport)

    def account(self, user: str = "harness") -> Account:
        """How a user gets in."""
        return self.emulator.account(URL, user)

    async def token(self, user: str = "harness") -> str:
        """A living access token."""
        auth = self.account(user).auth
        form = {
            "grant_type": "client_credentials",
            "client_id": auth.client_id,
            "client_secret": auth.client_secret,
        }
        return str((await self.http.post(auth.token_url, data=form)).json()["access_token"])

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """The answer to a raw request of the harness."""
        signed = {"authorization": f"Bearer {await self.token()}", **headers}
        content = body if isinstance(body, bytes) else None
        return await self.http.request(
            method, path, content=content, json=None if content is not None else body, headers=signed
        )

    async def query(self, text: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The answer to a query or a mutation."""
        path = self.schema.graphql.path if self.schema.graphql else ""
        answer = await self.ask("POST", path, {"query": text, "variables": variables or {}})
        return dict(answer.json())


def play(dialect: str, story: Callable[[Stage], Awaitable[Any]], **more: Any) -> Any:
    """Run a story on virtual time."""

    async def main() -> Any:
        return await story(Stage(dialect, **more))

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
