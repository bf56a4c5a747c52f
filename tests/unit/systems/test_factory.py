"""The factory makes records that a system takes, parents first."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import trio

from talkqa.model.errors import ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.flow import EntityRef, Flow, PropertyRow
from talkqa.model.location import Location
from talkqa.model.record import Record
from talkqa.model.schema import FieldSchema, FieldType
from talkqa.systems.factory import RecordFactory, unfilled_required
from talkqa.systems.sentinels import Sentinels
from tests.unit.systems.tiny_system import TinySystem, entity, field, read_only

SENTINELS = Sentinels(0, "tiny/tiny")


def reference(path: str, *names: str, **keys: Any) -> FieldSchema:
    return field(path, FieldType.REFERENCE, references=names, **keys)


COMPANY = entity("Company", field("name", required=True), reference("parent", "Company", required=True))
PRODUCT = entity("Product", field("code", required=True), reference("owner", "Company", required=True))
ORDER = entity(
    "Order",
    field("title"),
    field("short", max_length=4),
    field("amount", FieldType.DECIMAL),
    field("open", FieldType.BOOLEAN),
    field("state", FieldType.PICKLIST, picklist=("New", "Done"), required=True, restricted=True),
    field("kind", FieldType.PICKLIST, picklist=("A", "B")),
    field("colour", FieldType.PICKLIST),
    field("once", createable=True, updateable=False),
    read_only("total"),
    reference("company", "Company", required=True),
    reference("contact", "Contact"),
    reference("lines.product", "Product", list_at="lines", required=True),
    field("lines.text", list_at="lines"),
    field("notes.text", list_at="notes"),
)
CONTACT = entity("Contact", field("name"))
ACCOUNT = entity("Account", field("name"), createable=False)
PAYMENT = entity("Payment", reference("account", "Account", required=True))


@pytest.fixture
def system() -> TinySystem:
    return TinySystem(COMPANY, PRODUCT, ORDER, CONTACT, ACCOUNT, PAYMENT)


def run(story: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return trio.run(story)


def created(system: TinySystem) -> list[tuple[str, Any]]:
    return [(path, body) for method, path, _, body in system.seen if method == "POST"]


def test_every_writable_field_that_can_hold_a_sentinel_gets_one(system: TinySystem) -> None:
    """Required ones are filled as well; nothing that could retire or misplace a record is."""

    async def story() -> Any:
        return await RecordFactory(system.client(), SENTINELS).make("Order", "check", {})

    record = run(story)
    body = created(system)[-1][1]
    assert body.keys() == {"title", "amount", "state", "kind", "company", "lines"}
    assert body["title"] == SENTINELS.value(ORDER.fields[2], "check", 0)
    assert body["state"] == "New"
    assert body["kind"] in {"A", "B"}
    assert body["lines"] == [{"product": "Product-2", "text": record.values["lines.text"][0]}]


def test_parents_are_made_first_and_shared(system: TinySystem) -> None:
    """A company is made once, whoever needs it, and the chain of parents ends where it would close."""

    async def story() -> RecordFactory:
        factory = RecordFactory(system.client(), SENTINELS)
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(factory.make, "Order", f"check-{number}", {})
        return factory

    factory = run(story)
    assert [path for path, _ in created(system)] == ["/Company", "/Product", *["/Order"] * 4]
    company, product = created(system)[0][1], created(system)[1][1]
    assert "parent" not in company
    assert product["owner"] == "Company-1"
    assert {body["company"] for path, body in created(system) if path == "/Order"} == {"Company-1"}
    assert set(factory.parents) == {"Company", "Product"}


def test_a_parent_of_the_same_kind_as_the_probe_is_left_out(system: TinySystem) -> None:
    """A record never becomes the parent of its own kind, else a probe's change might be a parent's."""

    async def story() -> None:
        await RecordFactory(system.client(), SENTINELS).make("Company", "check", {})

    run(story)
    assert [set(body) for _, body in created(system)] == [{"name"}]


def test_a_parent_that_no_api_creates_is_taken_from_what_is_there(system: TinySystem) -> None:
    """Such as the business that an account belongs to; where there is none, the error says what to do."""

    async def story() -> None:
        await RecordFactory(system.client(), SENTINELS).make("Payment", "check", {})

    with pytest.raises(ApiRefused, match="Tiny has no Account, and none can be created"):
        run(story)
    system.records["Account", "a-1"] = {"id": "a-1", "name": "there"}
    system.order.append(("Account", "a-1"))
    run(story)
    assert created(system) == [("/Payment", {"account": "a-1"})]


def test_overrides_win_and_none_leaves_a_property_empty(system: TinySystem) -> None:
    """A check decides what its record carries, in any letter case; unknown paths are left to the system."""

    async def story() -> None:
        factory = RecordFactory(system.client(), SENTINELS)
        overrides = {"TITLE": "mine", "amount": None, "open": False, "company": "c", "lines.product": "p", "odd": 1}
        await factory.make("Order", "check", overrides)

    run(story)
    [(_, body)] = created(system)
    assert (body["title"], body["open"], body["company"], body["odd"]) == ("mine", False, "c", 1)
    assert body["lines"][0]["product"] == "p"
    assert "amount" not in body


def test_a_field_that_the_system_refuses_is_left_out_from_then_on(system: TinySystem) -> None:
    """The refusal is told, the record is made, and later records go without that field at once."""
    problem = {"code": "read_only", "message": "title cannot be set", "field": "title"}
    written: list[tuple[Any, ...]] = []

    async def story() -> RecordFactory:
        factory = RecordFactory(
            system.client(),
            SENTINELS,
            before_write=lambda *intent: written.append(intent[:3]) or f"t{len(written)}",  # type: ignore[func-returns-value]
            after_write=lambda token, record_id: written.append((token, record_id)),
        )
        await factory.make("Contact", "first", {})
        system.answers.append((422, {"errors": [problem | {"field": "name"}]}))
        await factory.make("Contact", "second", {})
        await factory.make("Contact", "third", {})
        return factory

    factory = run(story)
    assert [set(body) for _, body in created(system)] == [{"name"}, {"name"}, set(), set()]
    assert list(factory.refused) == [("Contact", "name")]
    assert "title cannot be set" in factory.refused["Contact", "name"]
    assert written == [
        ("Tiny", "Contact", "first"),
        ("t1", "Contact-1"),
        ("Tiny", "Contact", "second"),
        ("t3", "Contact-2"),
        ("Tiny", "Contact", "third"),
        ("t5", "Contact-3"),
    ]


@pytest.mark.parametrize(
    ("answers", "raised", "closed"),
    [
        ([(422, {"errors": [{"code": "required", "message": "?", "field": "other"}]})], ApiRefused, True),
        ([(422, {"errors": [{"code": "read_only", "message": "?"}]})], ApiRefused, True),
        ([(422, {"errors": [{"code": "x", "message": "?", "field": "name"}]})] * 2, ApiRefused, True),
        ([(403, {"errors": [{"code": "licence_required", "message": "?", "licence": "L"}]})], FeatureMissing, True),
        ([(503, {"errors": []})] * 6, ApiUnavailable, False),
    ],
)
def test_what_leaving_out_cannot_mend_is_raised(
    system: TinySystem, answers: list[Any], raised: type[Exception], *, closed: bool
) -> None:
    """A refusal closes its intent in the ledger; without an answer the intent stays open for the sweep."""
    after: list[Any] = []

    async def story() -> None:
        factory = RecordFactory(
            system.client(), SENTINELS, after_write=lambda *told: after.append(told), pause=paused([])
        )
        await factory.describe("Contact")
        system.answers += answers
        await factory.make("Contact", "check", {})

    with pytest.raises(raised):
        run(story)
    assert after == ([("", None)] if closed else [])


def test_an_override_that_is_refused_is_never_dropped(system: TinySystem) -> None:
    """The check asked for that very value: without it, it would prove something else."""

    async def story() -> None:
        factory = RecordFactory(system.client(), SENTINELS)
        await factory.describe("Contact")
        system.answers.append((422, {"errors": [{"code": "x", "message": "no", "field": "name"}]}))
        await factory.make("Contact", "check", {"name": "mine"})

    with pytest.raises(ApiRefused):
        run(story)


def test_required_fields_that_no_row_fills_are_listed() -> None:
    """A row that leads into a required property, or that it leads into, counts as filling it."""
    here = Location(path="a.rst", line=1)
    ends = {"source": EntityRef(system="A", entity="S"), "target": EntityRef(system="Tiny", entity="Order")}
    rows = tuple(
        PropertyRow(source="x", target=target, data_type="N/A", location=here) for target in ("Company.id", "STATE")
    )
    flow = Flow(id="f", rules=(), merge=(), properties=rows, **ends)
    assert [item.path for item in unfilled_required(flow, ORDER)] == ["lines.product"]
    empty = Flow(id="f", rules=(), merge=(), properties=(), **ends)
    assert [item.path for item in unfilled_required(empty, ORDER)] == ["state", "company", "lines.product"]


def test_a_create_whose_answer_was_lost_is_looked_for_before_it_is_sent_again(system: TinySystem) -> None:
    """What it made is taken; a second one would be a duplicate by our own hand."""
    pauses: list[float] = []

    async def story() -> tuple[Record, Record]:
        client = system.client()
        factory = RecordFactory(client, SENTINELS, pause=paused(pauses))
        await factory.describe("Contact")
        whole = client.create

        async def lost(entity: str, values: Any) -> Record:
            client.create = whole  # type: ignore[method-assign]
            await whole(entity, values)
            raise ApiUnavailable("no answer")

        client.create = lost  # type: ignore[method-assign]
        taken = await factory.make("Contact", "first", {})
        system.answers.append((503, {"errors": []}))
        repeated = await factory.make("Contact", "second", {})
        return taken, repeated

    taken, repeated = run(story)
    assert sorted(system.records) == [("Contact", taken.id), ("Contact", repeated.id)]
    assert pauses == [2.0, 2.0]


def test_a_search_for_what_was_lost_is_repeated_until_it_is_answered(system: TinySystem) -> None:
    """To ask is free of harm; that nobody answered the question says nothing of the record."""
    pauses: list[float] = []

    async def story() -> Record:
        factory = RecordFactory(system.client(), SENTINELS, pause=paused(pauses))
        await factory.describe("Contact")
        system.answers += [(503, {"errors": []})] * 4
        return await factory.make("Contact", "check", {})

    made = run(story)
    assert list(system.records) == [("Contact", made.id)]
    assert pauses == [2.0, 2.0, 4.0, 6.0]


def test_a_search_that_is_never_answered_ends_with_what_became_of_the_create(system: TinySystem) -> None:
    async def story() -> None:
        factory = RecordFactory(system.client(), SENTINELS, pause=paused([]))
        await factory.describe("Contact")
        system.answers += [(503, {"errors": [{"message": "create"}]}), *[(503, {"errors": []})] * 9]
        await factory.make("Contact", "check", {})

    with pytest.raises(ApiUnavailable, match="create"):
        run(story)
    assert len(created(system)) == 1


@pytest.mark.parametrize("renamed", [False, True])
def test_what_was_lost_is_found_though_an_engine_has_merged_it_meanwhile(*, renamed: bool) -> None:
    """It has the other one's name by then; what the check asked for is what both have in common."""
    system = TinySystem(entity("Person", field("name"), field("email"), field("note")))

    async def story() -> Record:
        client = system.client()
        factory = RecordFactory(client, SENTINELS, pause=paused([]))
        await factory.describe("Person")
        await client.create("Person", {"name": "Somebody", "email": "shared@x7k2m9pq.example", "note": "Else"})
        whole = client.create

        async def merged(entity: str, values: Any) -> Record:
            client.create = whole  # type: ignore[method-assign]
            made = await whole(entity, values)
            if renamed:
                await client.update(entity, made.id, {"name": "Theirs"})
            raise ApiUnavailable("no answer")

        client.create = merged  # type: ignore[method-assign]
        return await factory.make("Person", "check", {"email": "shared@x7k2m9pq.example"})

    assert run(story).id == "Person-2"
    assert sorted(system.records) == [("Person", "Person-1"), ("Person", "Person-2")]


def test_a_create_that_nothing_can_look_for_is_never_sent_again(system: TinySystem) -> None:
    """Nobody knows whether it was done."""

    async def story() -> None:
        factory = RecordFactory(system.client(), SENTINELS, pause=paused([]))
        await factory.describe("Contact")
        system.answers += [(503, {"errors": []}), (400, {"errors": [{"code": "not_searchable", "message": "?"}]})]
        await factory.make("Contact", "check", {})

    with pytest.raises(ApiUnavailable):
        run(story)
    assert len(created(system)) == 1


def paused(pauses: list[float]) -> Callable[[float], Awaitable[None]]:
    """A pause that takes no time."""

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    return pause


def test_a_lost_create_never_takes_a_record_that_a_check_merely_shares_a_value_with(system: TinySystem) -> None:
    """The value of a condition is in many records; a sentinel is in one."""

    async def story() -> None:
        client = system.client()
        await client.create("Contact", {"name": "Web shop"})
        factory = RecordFactory(client, SENTINELS, pause=paused([]))
        await factory.describe("Contact")
        system.answers.append((503, {"errors": []}))
        await factory.make("Contact", "check", {"name": "Web shop"})

    with pytest.raises(ApiUnavailable):
        run(story)
    assert len(system.records) == 1


def test_a_refusal_after_a_lost_create_leaves_the_intent_open(system: TinySystem) -> None:
    """The record that stands in the way may be the lost one: the sweep will look for it."""
    after: list[Any] = []

    async def story() -> None:
        factory = RecordFactory(
            system.client(), SENTINELS, after_write=lambda *told: after.append(told), pause=paused([])
        )
        await factory.describe("Contact")
        duplicate = {"errors": [{"code": "duplicate", "message": "?", "field": "name"}]}
        system.answers += [(503, {"errors": []}), (200, {"records": []}), (422, duplicate)]
        await factory.make("Contact", "check", {})

    with pytest.raises(ApiUnavailable):
        run(story)
    assert after == []


def test_a_field_that_is_refused_after_a_lost_create_is_left_out_all_the_same(system: TinySystem) -> None:
    """The lost create would have been refused for it too, so that no record of it can stand in the way."""
    refused = (422, {"errors": [{"code": "invalid", "message": "name cannot be set", "field": "name"}]})

    async def story() -> RecordFactory:
        factory = RecordFactory(system.client(), SENTINELS, pause=paused([]))
        await factory.describe("Contact")
        system.answers += [(503, {"errors": []}), (200, {"records": []}), refused]
        await factory.make("Contact", "check", {})
        return factory

    factory = run(story)
    assert list(factory.refused) == [("Contact", "name")]
    assert len(system.records) == 1


def test_what_was_lost_may_show_after_a_refusal(system: TinySystem) -> None:
    """A list that lags did not show it at the first look; a second record would be one too many."""

    async def story() -> str:
        client = system.client()
        factory = RecordFactory(client, SENTINELS, pause=paused([]))
        await factory.describe("Contact")
        create = client.create

        async def lost(entity: str, values: Any) -> Record:
            await create(entity, values)
            system.answers += [(200, {"records": []})]
            client.create = refuse  # type: ignore[method-assign]
            raise ApiUnavailable("no answer")

        async def refuse(entity: str, values: Any) -> Record:
            raise ApiRefused("the name is taken", fields=("name",))

        client.create = lost  # type: ignore[method-assign]
        return (await factory.make("Contact", "check", {})).id

    assert run(story) == "Contact-1"
    assert len(system.records) == 1
