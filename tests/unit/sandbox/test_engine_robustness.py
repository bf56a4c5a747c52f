"""The correct engine loses nothing and makes nothing twice, whatever happens to its calls, clocks and order of work."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from talkqa.model.flow import RuleKind
from talkqa.model.settings import Weather
from talkqa.sandbox.creation import DEFAULT_NAME
from talkqa.transport.wire import FaultyTransport, WireFaults
from tests.fakes.flows import make_flow, make_merge, make_row
from tests.unit.sandbox.kit import (
    ACCOUNT,
    CUSTOMER,
    NAME,
    NICK,
    ORDER,
    SALE,
    SCHEMAS,
    SHOP,
    Stage,
    VirtualClock,
    flow,
    orders,
    play,
)

SALES = orders(make_row("number", "subject"), make_row("customerId", "accountId"))
BACK = make_flow(RuleKind.EVERY, RuleKind.TWO_WAY, source=ACCOUNT, target=CUSTOMER, rows=())
RECORDS = 8
LONG_S = 900.0


async def _busy(stage: Stage) -> dict[str, Any]:
    """Customers and orders of theirs come while others are edited on either side; then all comes to rest."""
    customers = []
    for number in range(RECORDS):
        customers.append(await stage.create(CUSTOMER, name=f"customer {number}", nick=f"nick {number}"))
        await stage.create(ORDER, number=f"order {number}", customerId=customers[-1])
        await stage.rest(3)
    await stage.rest(LONG_S)
    accounts = {account["title"]: account["id"] for account in await stage.all(ACCOUNT)}
    for number, customer in enumerate(customers):
        await stage.edit(CUSTOMER, customer, name=f"patron {number}")
        await stage.rest(2)
        await stage.edit(ACCOUNT, accounts[f"customer {number}"], alias=f"alias {number}")
    await stage.rest(LONG_S)
    held = {account["id"]: (account["title"], account["alias"]) for account in await stage.all(ACCOUNT)}
    parents = [account for account, (title, _) in held.items() if title == DEFAULT_NAME]
    assert len(parents) <= 1, "what an order needs while its customer is on the way is made once"
    customers_held = [(customer["name"], customer["nick"]) for customer in await stage.all(CUSTOMER)]
    return {
        "accounts": sorted(values for account, values in held.items() if account not in parents),
        "customers": sorted(customers_held),
        "sales": sorted((sale["subject"], held[sale["accountId"]][0]) for sale in await stage.all(SALE)),
        "at rest": await _rests(stage),
    }


async def _rests(stage: Stage) -> bool:
    writes = len(stage.engine_writes())
    await stage.rest(120)
    return len(stage.engine_writes()) == writes


KEPT = [(f"patron {number}", f"alias {number}") for number in range(RECORDS)]
WELL = {
    "accounts": KEPT,
    "customers": KEPT,
    "sales": [(f"order {number}", f"patron {number}") for number in range(RECORDS)],
    "at rest": True,
}


class _Rain:
    """Lets the engine's calls go wrong, and tells afterwards what did."""

    def __init__(self, faults: WireFaults, seed: int) -> None:
        self._faults = faults
        self._seed = seed
        self.ways: list[FaultyTransport] = []

    def __call__(self, system: str, inner: httpx.AsyncBaseTransport, clock: VirtualClock) -> FaultyTransport:
        self.ways.append(FaultyTransport(inner, self._faults, clock=clock, system=system, seed=self._seed))
        return self.ways[-1]

    @property
    def fell(self) -> set[str]:
        """What befell at least one call."""
        return {kind for way in self.ways for kind in way.done}


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_or_made_twice_where_any_call_may_go_wrong(seed: int) -> None:
    """Refused, broken, unanswered, slow, and above all done without an answer."""
    rain = _Rain(WireFaults.evenly(0.3), seed)
    assert play(_busy, flow(NAME, NICK), SALES, engine_way=rain, seed=seed) == WELL
    assert rain.fell >= {"refused", "unavailable", "answer_lost", "dropped_after", "slow"}


@pytest.mark.parametrize("seed", range(3))
def test_what_was_made_without_an_answer_is_not_taken_for_new_by_the_opposite_flow(seed: int) -> None:
    rain = _Rain(WireFaults(answer_lost=0.2, dropped_after=0.2), seed)
    assert play(_busy, flow(NAME, NICK), BACK, SALES, engine_way=rain, seed=seed) == WELL
    assert rain.fell == {"answer_lost", "dropped_after"}


def test_a_record_that_was_made_without_an_answer_is_made_once_even_where_the_look_fails_for_minutes() -> None:
    """An engine that cannot look does not create."""
    broken = {"until": 400.0}

    class _Down(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport, clock: VirtualClock) -> None:
            self.inner, self.clock, self.made = inner, clock, 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if self.made and self.clock.now() < broken["until"]:
                return httpx.Response(503)
            answer = await self.inner.handle_async_request(request)
            if request.method == "POST":
                self.made += 1
                raise httpx.RemoteProtocolError("no answer", request=request)
            return answer

    async def story(stage: Stage) -> list[str]:
        await stage.create(CUSTOMER, name="Ada")
        await stage.rest(300)
        assert len(await stage.all(ACCOUNT)) == 1
        await stage.rest(600)
        return [account["title"] for account in await stage.all(ACCOUNT)]

    assert play(story, flow(NAME), engine_way=lambda _, inner, clock: _Down(inner, clock)) == ["Ada"]


def test_a_record_that_was_made_without_an_answer_is_known_again_after_somebody_edited_most_of_it() -> None:
    """A person is quick to edit what an engine, still waiting for its answer, has not seen yet."""

    class _Loses(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport, clock: VirtualClock) -> None:
            self.inner, self.clock, self.made = inner, clock, 0

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "GET" and self.made and self.clock.now() < 300.0:
                return httpx.Response(503)
            answer = await self.inner.handle_async_request(request)
            if request.method == "POST" and b"Ada" in request.content:
                self.made += 1
                raise httpx.RemoteProtocolError("no answer", request=request)
            return answer

    async def story(stage: Stage) -> list[tuple[str, str, str]]:
        await stage.pair(name="Bob")
        await stage.create(CUSTOMER, name="Ada", nick="a", status="c-1")
        await stage.rest(30)
        made = next(a for a in await stage.all(ACCOUNT) if a["title"] == "Ada")
        await stage.edit(ACCOUNT, made["id"], title="Eve", alias="e")
        await stage.create(ACCOUNT, title="Ivo", alias="i", code="c-9")
        await stage.rest(600)
        assert {c["name"] for c in await stage.all(CUSTOMER)} == {"Bob", "Eve"}
        accounts = [a for a in await stage.all(ACCOUNT) if a["title"] != "Bob"]
        return sorted((a["title"], a["alias"], a["code"]) for a in accounts)

    rows = (NAME, NICK, make_row("status", "code"))
    found = play(story, flow(*rows), engine_way=lambda _, inner, clock: _Loses(inner, clock))
    assert found == [("Eve", "e", "c-1"), ("Ivo", "i", "c-9")]


def test_an_edit_made_while_a_write_was_left_without_an_answer_is_not_overwritten() -> None:
    """The repeated write names a version that is no more, and is decided anew."""

    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="a", nick="b")
        lost.append(target)
        await stage.edit(CUSTOMER, source, nick="c")
        await stage.rest(8)
        await stage.edit(ACCOUNT, target, alias="d")
        await stage.rest(100)
        return (await stage.get(CUSTOMER, source))["nick"], (await stage.get(ACCOUNT, target))["alias"]

    lost: list[str] = []

    class _Loses(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            self.inner = inner

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await self.inner.handle_async_request(request)
            if request.method == "PATCH" and lost and request.url.path.endswith(lost[0]):
                lost[0] = "done"
                raise httpx.ReadError("no answer", request=request)
            return answer

    assert play(story, flow(NAME, NICK), engine_way=lambda _, inner, __: _Loses(inner)) == ("d", "d")
    assert lost == ["done"]


@pytest.mark.parametrize("towards", ["target", "source"])
def test_a_write_that_was_done_without_an_answer_does_not_pass_for_an_edit(towards: str) -> None:
    """It is later than the edit made while the engine worked, and yet not the later edit."""

    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="a", nick="b")
        sides = {"source": (CUSTOMER, source, "nick"), "target": (ACCOUNT, target, "alias")}
        _, written, _ = sides.pop(towards)
        ((entity, edited, path),) = sides.values()

        async def edit_again() -> None:
            await stage.edit(entity, edited, **{path: "d"})
            await stage.rest(3)

        interrupted[written] = edit_again
        await stage.edit(entity, edited, **{path: "c"})
        await stage.rest(100)
        return (await stage.get(CUSTOMER, source))["nick"], (await stage.get(ACCOUNT, target))["alias"]

    interrupted: dict[str, Any] = {}

    class _Loses(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            self.inner = inner

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            edit_again = (
                interrupted.pop(request.url.path.rsplit("/", 1)[-1], None) if request.method == "PATCH" else None
            )
            if edit_again is not None:
                await edit_again()
            answer = await self.inner.handle_async_request(request)
            if edit_again is not None:
                assert answer.is_success
                raise httpx.ReadError("no answer", request=request)
            return answer

    played = play(story, flow(NAME, NICK), engine_way=lambda _, inner, __: _Loses(inner), seed=1)
    assert played == ("d", "d")
    assert not interrupted


@pytest.mark.parametrize("told", [True, False], ids=["who-wrote-is-told", "who-wrote-is-not-told"])
def test_an_edit_made_before_a_new_record_was_read_again_is_carried(*, told: bool) -> None:
    """What the engine reads after its own creation is not all its own."""

    async def story(stage: Stage) -> tuple[str, str]:
        await stage.pair(name="first", nick="bread")  # by now the engine knows its own user
        edited.append("")
        source, target = await stage.pair(name="a", nick="bread")
        await stage.rest(60)
        return (await stage.get(CUSTOMER, source))["nick"], (await stage.get(ACCOUNT, target))["alias"]

    edited: list[str] = []

    class _EditsAtOnce(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            self.inner = inner

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await self.inner.handle_async_request(request)
            if request.method != "POST" or edited != [""]:
                return answer
            await answer.aread()
            edited[0] = answer.json()["id"]
            client = httpx.AsyncClient(transport=self.inner, headers={"Authorization": "Bearer harness"})
            url = f"{request.url}/{edited[0]}"
            assert (await client.patch(url, json={"alias": "dough"})).status_code == 200
            return httpx.Response(201, json=(await client.get(url)).json(), request=request)

    accounts = tuple(replace(e, modified_by_field=e.modified_by_field if told else None) for e in SHOP.entities)
    schemas = {**SCHEMAS, "Web Shop": replace(SHOP, entities=accounts)}
    ended = play(story, flow(NAME, NICK), schemas=schemas, engine_way=lambda _, inner, __: _EditsAtOnce(inner))
    assert ended == ("dough", "dough")
    assert edited[0]


def test_a_write_that_is_refused_whole_does_not_make_its_last_writer_the_engine() -> None:
    """Else what that one writes next, just before the engine looks again, would count as the engine's own."""

    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="first", nick="bread", status="one")
        for code in ("far too long a code", "far too long as well", "and too long once more"):
            await stage.edit(ACCOUNT, target, town=code)  # the last writer is not the engine
            await stage.edit(CUSTOMER, source, status=code)
            await stage.rest(60)
        edited.append("")
        await stage.edit(CUSTOMER, source, nick="rye")
        await stage.rest(60)
        return (await stage.get(CUSTOMER, source))["nick"], (await stage.get(ACCOUNT, target))["alias"]

    edited: list[str] = []

    class _EditsAfterwards(httpx.AsyncBaseTransport):
        def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
            self.inner = inner

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await self.inner.handle_async_request(request)
            if request.method != "PATCH" or b"rye" not in request.content or edited != [""]:
                return answer
            edited[0] = "done"
            client = httpx.AsyncClient(transport=self.inner, headers={"Authorization": "Bearer harness"})
            assert (await client.patch(request.url, json={"alias": "dough"})).status_code == 200
            return httpx.Response(200, json=(await client.get(request.url)).json(), request=request)

    rows = (NAME, NICK, make_row("status", "code"))
    assert play(story, flow(*rows), engine_way=lambda _, inner, __: _EditsAfterwards(inner)) == ("dough", "dough")
    assert edited == ["done"]


@pytest.mark.parametrize("skew_s", [0.0, 60.0, 3600.0])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("later", ["source", "target"])
def test_of_two_edits_the_later_one_stands_however_far_the_clocks_are_apart(
    later: str, seed: int, skew_s: float
) -> None:
    """The engine knows by its own writes how far a system's clock is ahead."""

    async def story(stage: Stage) -> tuple[str, str]:
        source, target = await stage.pair(name="old", nick="x")
        await stage.edit(ACCOUNT, target, alias="y")
        await stage.rest()  # both systems have stamped a write of the engine's by now
        edits = [
            lambda: stage.edit(CUSTOMER, source, name="of source"),
            lambda: stage.edit(ACCOUNT, target, title="of target"),
        ]
        for edit in edits if later == "target" else reversed(edits):
            await edit()
            await stage.rest(4)
        await stage.rest()
        return (await stage.get(CUSTOMER, source))["name"], (await stage.get(ACCOUNT, target))["title"]

    found = play(story, flow(NAME, NICK), seed=seed, weather=Weather(skew_s=skew_s), engine_cycle_s=9.0)
    assert found == (f"of {later}", f"of {later}")


@pytest.mark.parametrize("seed", range(3))
def test_slow_and_in_any_order_all_arrives_once(seed: int) -> None:
    weather = Weather(engine_delay_s=60.0, reordered=True, api_delay_s=4.0, skew_s=30.0)
    merging = flow(NAME, NICK, merge=[make_merge("name", "title")])
    assert play(_busy, merging, SALES, seed=seed, weather=weather) == WELL
