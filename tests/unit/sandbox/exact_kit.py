"""An emulated company of Exact Online to tell stories in, in virtual time.

`play(story)` runs an async story with a stage: the emulator, raw HTTP as a user, our client, the engine's connector.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import trio
import trio.testing

from talkqa.model.account import Account
from talkqa.model.record import Exchange
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.sandbox.connectors.exactonline import ExactOnlineConnector
from talkqa.sandbox.dialects.exactonline.emulator import ExactOnlineEmulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.exactonline.client import ExactOnlineClient
from talkqa.systems.registry import find_schema
from talkqa.systems.session import FixedCredentials, Session
from tests.unit.sandbox.kit import VirtualClock

URL = "http://exact-online.sandbox"
JSON = {"Accept": "application/json"}


def exact_schema() -> SystemSchema:
    """The packaged descriptor."""
    schema = find_schema("Exact Online", Settings())
    assert schema is not None
    return schema


class Stage:
    """What a story acts and looks with."""

    def __init__(self, quirks: Mapping[str, bool], licences_off: frozenset[str], options: Mapping[str, str]) -> None:
        self.clock = VirtualClock()
        self.store = SystemStore(exact_schema(), self.clock, 0, licences_off=licences_off)
        self.emulator = ExactOnlineEmulator(self.store, self.clock, quirks=quirks)
        self.transport = httpx.ASGITransport(app=self.emulator)
        self.http = httpx.AsyncClient(transport=self.transport, base_url=URL, trust_env=False)
        self.exchanges: list[Exchange] = []
        self.options = dict(options)
        self.client = self.make_client()

    def account(self, user: str = "harness") -> Account:
        """How a user gets in."""
        account = self.emulator.account(URL, user)
        if self.options:
            return Account(system=account.system, url=account.url, auth=account.auth, options=self.options)
        return account

    def make_client(self, user: str = "harness") -> ExactOnlineClient:
        """Our client as a user."""
        account = self.account(user)
        session = Session(
            self.http,
            URL,
            system="Exact Online",
            credentials=FixedCredentials({"authorization": f"Bearer {account.auth.token}"}),
            clock_now=self.clock.now,
            on_exchange=self.exchanges.append,
        )
        return ExactOnlineClient(self.store.schema, account, session)

    def make_connector(self) -> ExactOnlineConnector:
        """The engine's connector."""
        return ExactOnlineConnector(self.store.schema, self.emulator.account(URL, "engine"), self.transport)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str = "harness",
        headers: Mapping[str, str] = JSON,
        division: object = None,
    ) -> httpx.Response:
        """The answer to a raw request below the division."""
        token = self.emulator.account(URL, user).auth.token
        where = self.emulator.company.division if division is None else division
        content = body if isinstance(body, bytes) else None
        return await self.http.request(
            method,
            f"/api/v1/{where}/{path}" if not path.startswith("/") else path,
            content=content,
            json=None if content else body,
            headers={"Authorization": f"Bearer {token}", **headers},
        )

    async def make(self, path: str, **values: Any) -> str:
        """The key of a new row."""
        answer = await self.ask("POST", path, values, headers={**JSON, "Prefer": "return=representation"})
        assert answer.status_code == 201, answer.text
        made = answer.json()["d"]
        return str(next(made[name] for name in ("ID", "QuotationID", "OrderID") if name in made))

    async def customer(self, **values: Any) -> str:
        """The key of a new customer."""
        return await self.make("crm/Accounts", **{"Name": "Bolts", "Status": "C", **values})

    async def item(self, **values: Any) -> str:
        """The key of a new item."""
        return await self.make("logistics/Items", **{"Code": "B1", "Description": "Bolt", **values})

    def asked(self, begin: int = 0) -> list[str]:
        """Method and path below the division of what our client asked, from a position on."""
        division = f"/api/v1/{self.emulator.company.division}/"
        return [
            f"{e.method} {e.url.removeprefix(URL).replace(division, '').partition('?')[0]}" for e in self.exchanges
        ][begin:]


Story = Callable[[Stage], Awaitable[Any]]


def play(
    story: Story,
    *,
    quirks: Mapping[str, bool] | None = None,
    licences_off: frozenset[str] = frozenset(),
    options: Mapping[str, str] | None = None,
) -> Any:
    """Run a story in virtual time; what it returns."""

    async def main() -> Any:
        return await story(Stage(quirks or {}, licences_off, options or {}))

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def said(answer: httpx.Response) -> str:
    """The message of an error."""
    return str(answer.json()["error"]["message"]["value"])


def rows(answer: httpx.Response) -> list[dict[str, Any]]:
    """The rows of a list."""
    assert answer.status_code == 200, answer.text
    inner = answer.json()["d"]
    found: list[dict[str, Any]] = inner["results"] if isinstance(inner, dict) else inner
    return found
