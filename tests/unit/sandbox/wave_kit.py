"""An emulated Wave of one's own: asked directly, by the harness's client or by the engine's connector."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.record import Exchange
from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.sandbox.connectors.wave import WaveConnector
from talkqa.sandbox.dialects.emulator import Answer, Request
from talkqa.sandbox.dialects.wave.emulator import PATH, WaveEmulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.connect import make_client
from talkqa.systems.registry import find_schema
from talkqa.systems.wave import WaveClient
from tests.fakes.clock import FakeClock

T = TypeVar("T")
URL = "http://wave.sandbox"
DAY_S = 86_400.0
_VERB = re.compile("(PaymentCreateManual|MarkSent|Create|Patch|Delete|Archive|Approve|Clone)$")


def wave_schema() -> SystemSchema:
    """Wave as packaged."""
    schema = find_schema("Wave", Settings())
    assert schema is not None
    return schema


class WaveStage:
    """One emulated business and those who speak to it; time stands still unless it is moved."""

    def __init__(self, *, schema: SystemSchema | None = None, **quirks: bool) -> None:
        self.schema = schema or wave_schema()
        self.clock = FakeClock()
        self.store = SystemStore(self.schema, self.clock, 0)
        switched = {name.replace("_", "-"): on for name, on in quirks.items()}
        self.emulator = WaveEmulator(self.store, self.clock, quirks=switched)
        self.exchanges: list[Exchange] = []

    @property
    def business(self) -> str:
        return self.account().options["business"]

    def account(self, user: str = "harness") -> Account:
        return self.emulator.account(URL, user)

    def request(self, body: Any, *, path: str = PATH, method: str = "POST", token: str | None = None) -> Answer:
        """The answer to one request as it arrives."""
        known = self.emulator._doorkeeper.account(URL, "harness").auth.token if token is None else token
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {known}"} if known else {}
        request = Request(method=method, path=path, query={}, headers=headers, body=content, base_url=URL)
        return self.emulator.answer(request)

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The body of the answer to an operation; time passes by a second."""
        answer = self.request({"query": query, "variables": variables})
        self.clock.advance(1)
        body: dict[str, Any] = json.loads(answer.body)
        return body

    def below(self, selected: str, **variables: Any) -> Any:
        """What a selection below the business gives."""
        return self.ask(f"query($b:ID!){{business(id:$b){{{selected}}}}}", b=self.business, **variables)["data"][
            "business"
        ]

    def mutate(self, mutation: str, shown: str = "id", /, **values: Any) -> dict[str, Any]:
        """What a mutation answers, `node` among it; the business is put into the input of a create."""
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        single = _VERB.sub("", mutation)
        told = f"didSucceed inputErrors{{path message code}} {f'{single}{{{shown}}}' if shown else ''}"
        given = {"businessId": self.business, **values} if mutation.endswith("Create") else values
        body = self.ask(f"mutation($i:{kind}!){{{mutation}(input:$i){{{told}}}}}", i=given)
        if body.get("errors"):
            return body
        answer: dict[str, Any] = body["data"][mutation]
        return {**answer, "node": answer.get(single)}

    def customer(self, name: str = "Bolts", **values: Any) -> str:
        """The id of a new customer."""
        return str(self.mutate("customerCreate", name=name, **values)["node"]["id"])

    def income(self) -> str:
        """The id of an income account."""
        return str(self.below("accounts(subtypes:[INCOME]){edges{node{id}}}")["accounts"]["edges"][0]["node"]["id"])

    def product(self, name: str = "Nut", price: str = "2.50", **values: Any) -> str:
        """The id of a new product that can be sold."""
        given = {"incomeAccountId": self.income(), **values}
        return str(self.mutate("productCreate", name=name, unitPrice=price, **given)["node"]["id"])

    def invoice(self, shown: str = "id", **values: Any) -> dict[str, Any]:
        """The answer to a new invoice for a new customer."""
        given = {"customerId": self.customer(), **values} if "customerId" not in values else values
        return self.mutate("invoiceCreate", shown, **given)

    def play(self, story: Callable[[WaveClient], Awaitable[T]], *, account: Account | None = None) -> T:
        """What a story with the harness's client gives."""

        async def main() -> T:
            transport = httpx.ASGITransport(app=self.emulator)
            async with httpx.AsyncClient(transport=transport) as http:
                client = make_client(
                    self.schema,
                    account or self.account(),
                    http,
                    clock_now=self.clock.now,
                    stamp=self.clock.stamp,
                    on_exchange=self.exchanges.append,
                )
                assert isinstance(client, WaveClient)
                return await story(client)

        return trio.run(main)

    def run_engine(self, story: Callable[[WaveConnector], Awaitable[T]]) -> T:
        """What a story with the engine's connector gives."""

        async def main() -> T:
            transport = httpx.ASGITransport(app=self.emulator)
            return await story(WaveConnector(self.schema, self.account("engine"), transport))

        return trio.run(main)

    def sent(self) -> list[dict[str, Any]]:
        """Bodies of the operations that the client sent."""
        bodies = [e.request_body for e in self.exchanges if e.url.endswith(PATH)]
        return [json.loads(body) for body in bodies]


def edges(listed: Mapping[str, Any]) -> list[Any]:
    """The nodes of a list."""
    return [edge["node"] for edge in listed["edges"]]
