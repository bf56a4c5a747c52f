"""Tests of `talkqa.verify.judge`: what is judged where an engine of a test's own hand leaves something out."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from talkqa.model.errors import (
    ApiRefused,
    ApiUnavailable,
    CheckFailed,
    CheckLate,
    CheckNotRunnable,
    CheckOutcome,
    CheckUndecided,
    FeatureMissing,
)
from talkqa.model.flow import Flow, Side
from talkqa.model.result import Cause
from talkqa.model.settings import Settings
from talkqa.verify.clock import TrioClock
from talkqa.verify.flowstate import FlowState
from talkqa.verify.judge import missing_counterpart, not_followed
from talkqa.verify.link import write_source
from talkqa.verify.probe import Expectation, Pair, Probe, expect_equal
from talkqa.verify.world import VerifyWorld
from tests.fakes.client import FakeClient, FakeSystem
from tests.fakes.clock import EPOCH
from tests.fakes.flows import make_flow, make_row, make_world
from tests.fakes.virtual import run_virtual
from tests.unit.verify.test_scenarios import _BAKERY, _SHOP, filled_flow


class Bench:
    """A flow whose heartbeats arrive or not as told, and whose engine is the test."""

    def __init__(self, state: FlowState, bakery: FakeSystem, shop: FakeSystem) -> None:
        self.state, self.bakery, self.shop = state, bakery, shop
        self.engine: FakeClient = shop.client("engine")

    async def probe(self) -> Probe:
        return await write_source(self.state, "probe")

    async def pair(self) -> Pair:
        """A pair as an engine makes it."""
        probe = await self.probe()
        held = probe.record.values
        target = await self.engine.create("Account", {"title": held["name"], "town": held["city"]})
        return Pair(source=probe, target=target, seen_s=0.0, travels=())


class Sender:
    """Heartbeats that arrive at once, or never."""

    in_turn = False

    def __init__(self, side: Side | None, *, alive: bool, edits: bool) -> None:
        self.arrives = alive if side is None else edits

    async def send(self, _number: int) -> bool:
        await trio.sleep(3)
        return self.arrives

    async def follow(self, _number: int) -> bool:
        return self.arrives


def bench(
    tmp_path: Path,
    play: Callable[[Bench], Awaitable[None]],
    *,
    flow: Flow | None = None,
    alive: bool = True,
    edits: bool = True,
) -> None:
    """Play a scene with a flow that is prepared."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Bench]:
        clock = TrioClock(EPOCH)
        bakery, shop = FakeSystem(_BAKERY, clock), FakeSystem(_SHOP, clock)
        told = flow or filled_flow()
        world = VerifyWorld(
            world=make_world(told),
            clients={"Bakery": bakery.client(), "Web Shop": shop.client()},
            clock=clock,
            settings=Settings(patience_s=20, poll_s=2),
            ledger_path=tmp_path / "ledger.jsonl",
            emit=lambda _event: None,
        )
        async with world:
            state = world.state(told)

            state._make_sender = lambda _state, side: Sender(side, alive=alive, edits=edits)
            await state.prepare()
            yield Bench(state, bakery, shop)

    async def main() -> None:
        async with opened() as made:
            await play(made)

    run_virtual(main)


async def judged(awaitable: Awaitable[object], kind: type[CheckOutcome]) -> CheckOutcome:
    with pytest.raises(kind) as raised:
        await awaitable
    return raised.value


def test_a_missing_record_is_laid_to_an_engine_that_is_alive(tmp_path: Path) -> None:
    """The target takes one from the harness, and later records arrived."""

    async def play(b: Bench) -> None:
        outcome = await judged(missing_counterpart(b.state, await b.probe()), CheckFailed)
        assert (outcome.reason, outcome.cause) == ("no-counterpart", Cause.ENGINE)

    bench(tmp_path, play)


def test_a_record_missing_from_a_silent_engine_is_late(tmp_path: Path) -> None:
    """Nothing shows that it is not merely slow."""

    async def play(b: Bench) -> None:
        assert (await judged(missing_counterpart(b.state, await b.probe()), CheckLate)).reason == "engine-silent"

    bench(tmp_path, play, alive=False)


def test_a_record_that_comes_while_the_heartbeats_do_is_not_missing(tmp_path: Path) -> None:
    """The second look shows it."""

    async def play(b: Bench) -> None:
        probe = await b.probe()

        async def late() -> None:
            await trio.sleep(4)
            await b.engine.create("Account", {"title": probe.record.values["name"]})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(late)
            seen = await missing_counterpart(b.state, probe)
        assert seen.record.values["title"] == probe.record.values["name"]

    bench(tmp_path, play)


def test_a_record_that_a_search_shows_is_not_missing_though_no_list_tells_it(tmp_path: Path) -> None:
    """Another route is tried before anybody is blamed."""

    async def play(b: Bench) -> None:
        probe = await b.probe()
        await b.engine.create("Account", {"title": probe.record.values["name"]})
        client = b.state.access.clients["Web Shop"]
        changes = client.changes

        async def forgetful(entity: str, cursor: str | None) -> object:
            told = await changes(entity, cursor)
            return type(told)(records=(), cursor=told.cursor)

        client.changes = forgetful  # type: ignore[method-assign, assignment]
        assert (await missing_counterpart(b.state, probe)).order == -1

    bench(tmp_path, play)


def test_a_text_that_is_cut_because_the_target_refuses_it_whole_is_no_damage(tmp_path: Path) -> None:
    """The engine had no other way, and the harness has none either."""

    async def play(b: Bench) -> None:
        probe = await b.probe()
        await trio.sleep(1)
        await b.engine.create("Account", {"title": str(probe.record.values["name"])[:5]})
        b.shop.fail("create", ApiRefused("too long"))
        assert (await judged(missing_counterpart(b.state, probe), CheckUndecided)).reason == "target-refuses"

    bench(tmp_path, play)


def test_a_copy_with_a_piece_of_a_text_is_told_as_damage(tmp_path: Path) -> None:
    """With the piece and the whole."""

    async def play(b: Bench) -> None:
        probe = await b.probe()
        await trio.sleep(1)
        await b.engine.create("Account", {"title": str(probe.record.values["name"])[:5]})
        outcome = await judged(missing_counterpart(b.state, probe), CheckFailed)
        assert outcome.reason == "values-damaged"
        assert (outcome.expected, outcome.observed) == (
            repr(probe.record.values["name"]), repr(str(probe.record.values["name"])[:5]),
        )  # fmt: skip

    bench(tmp_path, play)


def test_a_source_that_took_a_strangers_value_was_merged_wrongly(tmp_path: Path) -> None:
    """Its own counterpart never appeared."""

    async def play(b: Bench) -> None:
        probe, other = await b.probe(), await write_source(b.state, "other")
        values = {"name": other.record.values["name"]}
        await b.bakery.client("engine").update("Customer", probe.record.id, values)
        outcome = await judged(missing_counterpart(b.state, probe), CheckFailed)
        assert outcome.reason == "merged-wrongly"
        assert other.record.id in outcome.message

    bench(tmp_path, play)


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (FeatureMissing("no Billing", licence="Billing"), CheckNotRunnable, "licence-missing"),
        (None, CheckUndecided, "target-refuses"),
    ],
)
def test_where_the_target_takes_no_record_from_the_harness_either_the_engine_is_not_blamed(
    error: Exception | None, kind: type[CheckOutcome], reason: str, tmp_path: Path
) -> None:
    """A licence lacks, or the record is refused."""

    async def play(b: Bench) -> None:
        probe = await b.probe()
        b.shop.fail("create", error or ApiRefused("no"))
        assert (await judged(missing_counterpart(b.state, probe), kind)).reason == reason

    bench(tmp_path, play)


def test_the_control_write_is_the_same_record_and_is_removed_at_once(tmp_path: Path) -> None:
    """Whatever the documented properties make of the source; it is nobody's counterpart."""

    async def play(b: Bench) -> None:
        probe = await b.probe()
        written: list[dict[str, object]] = []
        client = b.state.access.clients["Web Shop"]
        create = client.create

        async def note(entity: str, values: dict[str, object]) -> object:
            written.append(values)
            return await create(entity, values)  # type: ignore[arg-type]

        client.create = note  # type: ignore[method-assign, assignment]
        for _ in range(2):  # what the first look wrote is not what the second one finds
            assert (await judged(missing_counterpart(b.state, probe), CheckFailed)).reason == "no-counterpart"
        held = probe.record.values
        wanted = {"title": held["name"], "town": held["city"], "call": held["phone"]}
        assert [{path: values[path] for path in wanted} for values in written] == [wanted] * 2
        assert b.shop.living("Account") == ()

    bench(tmp_path, play)


def test_a_counterpart_that_comes_while_the_engine_is_looked_at_is_no_control_write(tmp_path: Path) -> None:
    """An engine that is merely slow would be right to merge the source with a record of the harness that matches."""

    async def play(b: Bench) -> None:
        probe = await b.probe()
        held = probe.record.values

        async def merge_or_create() -> None:
            await trio.sleep(1)
            if not b.shop.table("Account").records:  # else it merged with one that is gone by now
                await b.engine.create("Account", {"title": held["name"], "town": held["city"]})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(merge_or_create)
            seen = await missing_counterpart(b.state, probe)
        assert seen.record.values["title"] == held["name"]

    bench(tmp_path, play)


def test_a_control_write_that_was_not_answered_is_asked_again(tmp_path: Path) -> None:
    """A system that was away once has refused nothing."""

    async def play(b: Bench) -> None:
        probe = await b.probe()
        client = b.state.access.clients["Web Shop"]
        create = client.create

        async def go_away(_entity: str, _values: object) -> object:
            client.create = create  # type: ignore[method-assign]
            for _ in range(5):
                b.shop.fail("find", ApiUnavailable("503"))
            raise ApiUnavailable("503")

        client.create = go_away  # type: ignore[method-assign, assignment]
        with pytest.raises(ApiUnavailable):
            await missing_counterpart(b.state, probe)
        assert (await judged(missing_counterpart(b.state, probe), CheckFailed)).reason == "no-counterpart"

    bench(tmp_path, play)


def test_a_flow_of_nothing_recognisable_accuses_nobody(tmp_path: Path) -> None:
    """Its documents name no value that a counterpart would carry."""
    flow = make_flow(rows=(make_row("gone", "title"),))

    async def play(b: Bench) -> None:
        outcome = await judged(missing_counterpart(b.state, await b.probe()), CheckUndecided)
        assert outcome.reason == "not-recognisable"

    bench(tmp_path, play, flow=flow)


def test_an_edit_that_did_not_follow_is_laid_to_the_engine_once_the_harness_could_make_it(tmp_path: Path) -> None:
    """Named apart: nothing moved, or something else came."""

    async def play(b: Bench) -> None:
        pair = await b.pair()
        wanted = expect_equal("Edited b2c3d4e5", (None, None), None)
        ask = (b.state, pair, Side.TARGET, "title", wanted, 0.0)
        assert (await judged(not_followed(*ask), CheckFailed)).reason == "edit-not-carried"
        await b.engine.update("Account", pair.target.id, {"title": "Edited b2"})
        assert (await judged(not_followed(*ask), CheckFailed)).reason == "wrong-value"
        await b.engine.update("Account", pair.target.id, {"title": "Edited b2c3d4e5"})
        record, words = await not_followed(*ask)
        assert record.values["title"] == "Edited b2c3d4e5"
        assert "second look" in words
        await b.engine.delete("Account", pair.target.id)
        assert (await judged(not_followed(*ask), CheckFailed)).reason == "counterpart-gone"

    bench(tmp_path, play)


def test_an_edit_is_late_where_no_later_edit_arrives_though_new_records_do(tmp_path: Path) -> None:
    """Records show nothing of edits: an engine may carry them more slowly."""

    async def play(b: Bench) -> None:
        pair = await b.pair()
        wanted = expect_equal("Edited b2c3d4e5", (None, None), None)
        ask = (b.state, pair, Side.TARGET, "title", wanted, 0.0)
        outcome = await judged(not_followed(*ask), CheckLate)
        assert (outcome.reason, outcome.cause) == ("edits-silent", Cause.ENGINE)
        assert "new records of" in outcome.message
        await b.engine.update("Account", pair.target.id, {"title": "Edited b2"})
        assert (await judged(not_followed(*ask), CheckFailed)).reason == "wrong-value"

    bench(tmp_path, play, edits=False)


def test_an_edit_that_the_system_refuses_or_cannot_take_accuses_nobody(tmp_path: Path) -> None:
    """Refused from the harness too, or no property that could be written."""

    async def play(b: Bench) -> None:
        pair = await b.pair()
        long = expect_equal("x" * 99, (None, None), None)
        ask = (b.state, pair, Side.TARGET)
        assert (await judged(not_followed(*ask, "title", long, 0.0), CheckUndecided)).reason == "target-refuses"
        outcome = await judged(not_followed(*ask, "nothing", long, 0.0), CheckUndecided)
        assert "read-only" in outcome.message

    bench(tmp_path, play)


def test_a_value_that_may_mean_the_same_is_left_open(tmp_path: Path) -> None:
    """Where the types leave it open, and only where something came."""

    async def play(b: Bench) -> None:
        pair = await b.pair()
        doubtful = Expectation(matches=lambda _a: False, value=None, words="a day", doubt=lambda _a: "another zone")
        ask = (b.state, pair, Side.TARGET, "title", doubtful, 0.0)
        assert (await judged(not_followed(*ask), CheckFailed)).reason == "edit-not-carried"
        await b.engine.update("Account", pair.target.id, {"title": "another day"})
        assert (await judged(not_followed(*ask), CheckUndecided)).reason == "not-comparable"

    bench(tmp_path, play)


def test_a_system_that_makes_something_else_of_a_value_accuses_nobody(tmp_path: Path) -> None:
    """Neither what was written nor what stands there."""

    async def play(b: Bench) -> None:
        pair = await b.pair()
        client = b.state.access.clients["Web Shop"]
        update = client.update

        async def meddle(entity: str, record_id: str, values: dict[str, object]) -> object:
            return await update(entity, record_id, dict.fromkeys(values, "meddled with"))  # type: ignore[arg-type]

        client.update = meddle  # type: ignore[method-assign, assignment]
        wanted = expect_equal("Edited b2c3d4e5", (None, None), None)
        outcome = await judged(not_followed(b.state, pair, Side.TARGET, "title", wanted, 0.0), CheckUndecided)
        assert outcome.reason == "target-alters"

    bench(tmp_path, play)
