"""Two invented systems and a stage to run stories on, in virtual time.

`play(story, *flows)` runs an async story beside the reference engine and gives what the story returned. The stage
writes as the harness does, over HTTP, and counts what the engine writes.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import trio
import trio.testing

from talkqa.model.flow import EntityRef, Flow, PropertyRow, RuleKind
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.model.settings import ConditionBinding, ConnectionBinding, SandboxSettings
from talkqa.model.transform import Call, Expression, Literal, Transform, Value
from talkqa.sandbox.world import SandboxWorld
from tests.fakes.flows import make_flow, make_row

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
V = Value()

CUSTOMER = EntityRef(system="Bakery", entity="Customer")
ORDER = EntityRef(system="Bakery", entity="Order")
ACCOUNT = EntityRef(system="Web Shop", entity="Account")
SALE = EntityRef(system="Web Shop", entity="Sale")
PERSON = EntityRef(system="Web Shop", entity="Person")

REST = 40.0
"""Seconds in which any change has long been carried."""


def text(path: str, **more: Any) -> FieldSchema:
    return FieldSchema(path=path, type=FieldType.STRING, **{"max_length": 60, **more})


def typed(path: str, kind: FieldType, **more: Any) -> FieldSchema:
    return FieldSchema(path=path, type=kind, **more)


def entity(name: str, *fields: FieldSchema, **more: Any) -> EntitySchema:
    return EntitySchema(
        name=name,
        fields=fields,
        **{"modified_field": "changed", "modified_by_field": "by", "name_field": fields[0].path, **more},
    )


BAKERY = SystemSchema(
    name="Bakery",
    entities=(
        entity(
            "Customer",
            text("name"),
            text("nick"),
            text("address.street"),
            text("address.city"),
            text("status"),
            text("short", max_length=5),
            typed("rating", FieldType.INTEGER),
            typed("limit", FieldType.DECIMAL, scale=2),
            typed("born", FieldType.DATE),
            typed("seen", FieldType.DATETIME),
            typed("vip", FieldType.BOOLEAN),
            typed("mail", FieldType.EMAIL),
            typed("patronId", FieldType.REFERENCE, references=("Customer",)),
            text("tags.label", list_at="tags"),
        ),
        entity(
            "Order",
            text("number", required=True),
            text("note"),
            typed("customerId", FieldType.REFERENCE, references=("Customer",)),
        ),
    ),
)
SHOP = SystemSchema(
    name="Web Shop",
    entities=(
        entity(
            "Account",
            text("title"),
            text("alias"),
            text("street"),
            text("town"),
            text("grade"),
            text("code", max_length=8),
            typed("score", FieldType.INTEGER),
            typed("credit", FieldType.DECIMAL),
            typed("birthday", FieldType.DATE),
            text("visit"),
            typed("gold", FieldType.BOOLEAN),
            typed("email", FieldType.EMAIL),
            typed("parent.id", FieldType.REFERENCE, references=("Account",)),
            text("labels.text", list_at="labels"),
        ),
        entity(
            "Sale",
            text("subject", required=True),
            text("remark"),
            typed("accountId", FieldType.REFERENCE, references=("Account",), required=True),
            typed("kind", FieldType.PICKLIST, picklist=("Till", "Web"), restricted=True, required=True),
            typed("day", FieldType.DATE, required=True),
        ),
        entity("Person", text("fullName"), text("memo")),
    ),
)
SCHEMAS = {"Bakery": BAKERY, "Web Shop": SHOP}

NAME = make_row("name", "title")
NICK = make_row("nick", "alias")
LINK_REQUIRED = (RuleKind.LINK_REQUIRED, RuleKind.TWO_WAY, RuleKind.PROPERTIES)


def flow(*rows: PropertyRow, kinds: Sequence[RuleKind] = (), **more: Any) -> Flow:
    """Customers to accounts, every one unless other sentences are given."""
    return make_flow(*kinds, **{"source": CUSTOMER, "target": ACCOUNT, "rows": rows, **more})


def orders(*rows: PropertyRow, **more: Any) -> Flow:
    return make_flow(source=ORDER, target=SALE, rows=rows, **more)


def transformed(source: str, target: str, expression: Expression) -> PropertyRow:
    """A row with a transform."""
    return replace(make_row(source, target), transform=Transform(text="[]", expression=expression))


def call(operator: str, *arguments: Any) -> Call:
    """An expression; anything that is none is a literal."""
    known = (Call, Value, Literal)
    return Call(operator, tuple(a if isinstance(a, known) else Literal(a) for a in arguments))


class VirtualClock:
    """A `Clock` over trio's."""

    def __init__(self) -> None:
        self._start = trio.current_time()

    def now(self) -> float:
        return trio.current_time() - self._start

    def stamp(self) -> datetime:
        return EPOCH + timedelta(seconds=self.now())

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(max(seconds, 0.0))


class OpenGate:
    """A `Gate` that counts who passed."""

    def __init__(self) -> None:
        self.passes = 0

    async def passed(self) -> None:
        self.passes += 1


class Heard(httpx.AsyncBaseTransport):
    """Passes requests on and notes them; may be told to fail."""

    def __init__(self, inner: httpx.AsyncBaseTransport, system: str, log: list[dict[str, Any]]) -> None:
        self.inner = inner
        self.system = system
        self.log = log
        self.broken: Callable[[httpx.Request], httpx.Response | None] = lambda _: None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        broken = self.broken(request)
        answer = broken or await self.inner.handle_async_request(request)
        self.log.append(
            {
                "at": round(trio.current_time(), 6),
                "user": request.headers["authorization"].removeprefix("Bearer "),
                "system": self.system,
                "method": request.method,
                "url": str(request.url),
                "body": request.content.decode(),
                "status": answer.status_code,
            }
        )
        return answer


class Stage:
    """What a story acts and looks with."""

    def __init__(self, world: SandboxWorld, clock: VirtualClock) -> None:
        self.world = world
        self.clock = clock
        self.gate = OpenGate()
        self.log: list[dict[str, Any]] = []
        self.transports: dict[str, Heard] = {}
        self._clients: dict[tuple[str, str], httpx.AsyncClient] = {}
        for name in world.systems:
            heard = Heard(world.transport(name), name, self.log)
            world._transports[name] = heard  # the engine's requests are noted as well
            self.transports[name] = heard

    def client(self, system: str, user: str = "harness") -> httpx.AsyncClient:
        if (system, user) not in self._clients:
            self._clients[system, user] = httpx.AsyncClient(
                base_url=self.world.account(system).url,
                transport=self.transports[system],
                headers={"Authorization": f"Bearer {user}"},
                trust_env=False,
            )
        return self._clients[system, user]

    async def ask(self, system: str, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.client(system).request(method, path, json=body, **more)

    async def create(self, ref: EntityRef, **values: Any) -> str:
        answer = await self.ask(ref.system, "POST", f"/{ref.entity}", values)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def edit(self, ref: EntityRef, record_id: str, **values: Any) -> None:
        answer = await self.ask(ref.system, "PATCH", f"/{ref.entity}/{record_id}", values)
        assert answer.status_code == 200, answer.text

    async def delete(self, ref: EntityRef, record_id: str) -> None:
        assert (await self.ask(ref.system, "DELETE", f"/{ref.entity}/{record_id}")).status_code == 204

    async def get(self, ref: EntityRef, record_id: str) -> dict[str, Any]:
        answer = await self.ask(ref.system, "GET", f"/{ref.entity}/{record_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def all(self, ref: EntityRef) -> list[dict[str, Any]]:
        """Live records, oldest change first."""
        answer = await self.ask(ref.system, "GET", f"/{ref.entity}", params={"limit": "1000"})
        return [record for record in answer.json()["records"] if not record.get("deleted")]

    async def only(self, ref: EntityRef) -> dict[str, Any]:
        (record,) = await self.all(ref)
        return record

    async def pair(self, source: EntityRef = CUSTOMER, target: EntityRef = ACCOUNT, **values: Any) -> tuple[str, str]:
        """Ids of a new source record and of the one new target record that it got."""
        before = {record["id"] for record in await self.all(target)}
        source_id = await self.create(source, **values)
        await self.rest()
        (new,) = [record for record in await self.all(target) if record["id"] not in before]
        return source_id, str(new["id"])

    async def rest(self, seconds: float = REST) -> None:
        await self.clock.sleep(seconds)

    def engine_writes(self) -> list[dict[str, Any]]:
        return [e for e in self.log if e["user"] == "engine" and e["method"] != "GET"]


Story = Callable[[Stage], Awaitable[Any]]


def play(
    story: Story,
    *flows: Flow,
    schemas: dict[str, SystemSchema] | None = None,
    conditions: Sequence[ConditionBinding] = (),
    connections: Sequence[ConnectionBinding] = (),
    seed: int = 0,
    engine_way: Callable[[str, httpx.AsyncBaseTransport, VirtualClock], httpx.AsyncBaseTransport] | None = None,
    **settings: Any,
) -> Any:
    """Run a story beside the engine, in virtual time; what it returns. `engine_way` stands before its connectors."""

    async def main() -> Any:
        clock = VirtualClock()
        world = SandboxWorld(
            flows=flows,
            schemas=schemas or SCHEMAS,
            clock=clock,
            settings=SandboxSettings(**settings),
            conditions=conditions,
            connections=connections,
            seed=seed,
        )
        stage = Stage(world, clock)
        if engine_way is not None:
            for name, heard in stage.transports.items():
                world._transports[name] = engine_way(name, heard, clock)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.run_engine, stage.gate)
            result = await story(stage)
            nursery.cancel_scope.cancel()
        return result

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def problems(answer: httpx.Response) -> list[tuple[str, str | None]]:
    """Code and field of each problem of a refusal."""
    return [(problem["code"], problem["field"]) for problem in json.loads(answer.content)["errors"]]
