"""A sandbox world is a pure function of its seed, lets out URLs and transports alone, and can be left at any time."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from talkqa.model.errors import ConfigError
from talkqa.model.settings import SandboxSettings
from talkqa.sandbox.world import SandboxWorld
from tests.fakes.flows import make_row
from tests.unit.sandbox.kit import (
    ACCOUNT,
    CUSTOMER,
    NAME,
    NICK,
    ORDER,
    REST,
    SCHEMAS,
    SHOP,
    OpenGate,
    Stage,
    VirtualClock,
    flow,
    orders,
    play,
)

FLOWS = (flow(NAME, NICK), orders(make_row("number", "subject")))


async def _busy(stage: Stage) -> list[dict[str, Any]]:
    async with trio.open_nursery() as nursery:
        for number in range(12):

            async def one(number: int = number) -> None:
                source = await stage.create(CUSTOMER, name=f"n{number}")
                await stage.create(ORDER, number=f"o{number}", customerId=source)
                await stage.rest(number)
                await stage.edit(CUSTOMER, source, nick=f"k{number}")

            nursery.start_soon(one)
    await stage.rest()
    for account in await stage.all(ACCOUNT):
        if account["alias"]:
            await stage.edit(ACCOUNT, account["id"], title=account["alias"])
    await stage.rest()
    return sorted(stage.log, key=lambda entry: (entry["at"], entry["url"], entry["body"]))


def test_equal_seeds_give_equal_requests_at_equal_times_whatever_order_tasks_run_in() -> None:
    # trio shuffles tasks that are ready at once, differently in each run: nothing may hang on it.
    first, second, other = (play(_busy, *FLOWS, seed=seed) for seed in (7, 7, 8))
    assert first == second
    assert len(first) > 100
    assert [entry["at"] for entry in first] != [entry["at"] for entry in other]


def test_the_engine_rests_while_its_gate_is_closed() -> None:
    class Gate:
        def __init__(self) -> None:
            self.open = trio.Event()

        async def passed(self) -> None:
            await self.open.wait()

    async def main() -> tuple[int, int]:
        world = SandboxWorld(flows=FLOWS, schemas=SCHEMAS, clock=VirtualClock(), settings=SandboxSettings())
        asked: list[httpx.Request] = []
        for name in world.systems:
            inner = world.transport(name)
            world._transports[name] = _Counting(inner, asked)
        gate = Gate()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.run_engine, gate)
            await trio.sleep(100)
            before = len(asked)
            gate.open.set()
            await trio.sleep(20)
            nursery.cancel_scope.cancel()
        return before, len(asked)

    class _Counting(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport, asked: list[httpx.Request]) -> None:
            self.inner, self.asked = inner, asked

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return await self.inner.handle_async_request(request)

    before, after = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert before == 0
    assert after > 4


@pytest.mark.parametrize("after_s", [0.01, 1.3, 5.05, 6.1, 7.77])
def test_the_engine_can_be_cancelled_between_any_two_requests(after_s: float) -> None:
    async def story(stage: Stage) -> int:
        for number in range(5):
            await stage.create(CUSTOMER, name=str(number))
        await stage.rest(after_s)
        return len(await stage.all(CUSTOMER))

    assert play(story, *FLOWS) == 5


def test_licences_that_are_off_refuse_by_name_and_come_back_with_the_next_world() -> None:
    shop = replace(
        SHOP,
        licences=("Sales", "Tags"),
        entities=tuple(
            replace(entity, create_requires="Sales") if entity.name == "Sale" else entity for entity in SHOP.entities
        ),
    )
    schemas = {**SCHEMAS, "Web Shop": shop}

    async def story(stage: Stage) -> Any:
        await stage.create(ORDER, number="1")
        await stage.rest(200)
        refused = [entry["status"] for entry in stage.engine_writes() if entry["url"].endswith("/Sale")]
        described = (await stage.ask("Web Shop", "GET", "/Sale/describe")).json()
        return refused, described["createable"], described["licence"]

    off = {"schemas": schemas, "licences_off": frozenset({"web shop.sales"})}
    assert play(story, *FLOWS, **off) == ([403], False, "Sales"), "asked once, and again only when the order changes"
    assert play(story, *FLOWS, schemas=schemas) == ([201], True, None)


def test_an_entity_that_a_licence_takes_away_stops_its_own_flow_alone() -> None:
    shop = replace(
        SHOP,
        licences=("Sales",),
        entities=tuple(replace(e, requires="Sales") if e.name == "Sale" else e for e in SHOP.entities),
    )

    async def story(stage: Stage) -> Any:
        await stage.create(CUSTOMER, name="Ada")
        await stage.create(ORDER, number="1")
        await stage.rest()
        return [account["title"] for account in await stage.all(ACCOUNT)]

    schemas = {**SCHEMAS, "Web Shop": shop}
    assert "Ada" in play(story, *FLOWS, schemas=schemas, licences_off=frozenset({"Sales"}))


def test_an_engine_that_starts_late_polls_at_once() -> None:
    async def main() -> int:
        clock = VirtualClock()
        await clock.sleep(1000)
        world = SandboxWorld(flows=FLOWS, schemas=SCHEMAS, clock=clock, settings=SandboxSettings(engine_cycle_s=2))
        gate = OpenGate()
        with trio.move_on_after(5):
            await world.run_engine(gate)
        return gate.passes

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) in range(8, 13)


def test_every_system_has_a_host_of_its_own_even_without_a_name() -> None:
    names = ("", "Web Shop", "Web-Shop", "Bill.com", "Ærlig")
    schemas = {name: replace(SHOP, name=name) for name in names}

    async def main() -> list[str]:
        world = SandboxWorld(flows=(), schemas=schemas, clock=VirtualClock(), settings=SandboxSettings())
        return [world.account(name).url for name in names]

    urls = trio.run(main)
    assert urls[0] == "http://nameless.sandbox"
    assert urls[3] == "http://billx2ecom.sandbox"
    assert all(httpx.URL(url).host.isascii() for url in urls)


def test_an_unknown_system_or_fault_is_refused_by_name() -> None:
    async def main() -> None:
        world = SandboxWorld(flows=(), schemas=SCHEMAS, clock=VirtualClock(), settings=SandboxSettings())
        with pytest.raises(ConfigError, match=r"no system 'Baker'.*Bakery, Web Shop"):
            world.transport("Baker")
        with pytest.raises(ConfigError, match="no fault 'sleepy'"):
            SandboxWorld(flows=(), schemas=SCHEMAS, clock=VirtualClock(), settings=SandboxSettings(faults=("sleepy",)))

    trio.run(main)


def test_a_world_without_flows_runs_and_asks_nothing() -> None:
    async def story(stage: Stage) -> int:
        await stage.rest(REST)
        return len(stage.log)

    assert play(story) == 0
