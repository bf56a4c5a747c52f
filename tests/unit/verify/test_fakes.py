"""Tests of the fakes that the tests of `talkqa.verify` rest on."""

from collections.abc import Awaitable
from typing import TypeVar

import pytest
import trio

from talkqa.model.errors import ApiRefused, ApiUnavailable, FeatureMissing
from talkqa.model.protocols import Clock, SystemClient
from talkqa.model.record import Scalar
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from tests.fakes.client import FakeSystem
from tests.fakes.clock import FakeClock

T = TypeVar("T")
CUSTOMER = EntitySchema(
    name="Customer",
    fields=(
        FieldSchema(path="name", type=FieldType.STRING, max_length=10, required=True, nullable=False),
        FieldSchema(path="age", type=FieldType.INTEGER),
        FieldSchema(path="mood", type=FieldType.PICKLIST, picklist=("good", "bad"), restricted=True),
        FieldSchema(path="mails.value", type=FieldType.EMAIL, list_at="mails"),
        FieldSchema(path="code", type=FieldType.STRING, unique=True),
        FieldSchema(path="total", type=FieldType.DECIMAL, createable=False, updateable=False),
        FieldSchema(path="rank", type=FieldType.STRING, requires="Ranks"),
    ),
    modified_field="changed_at",
    modified_by_field="changed_by",
)
ORDER = EntitySchema(
    name="Order",
    fields=(FieldSchema(path="customer", type=FieldType.REFERENCE, references=("Customer",)),),
    create_requires="Orders",
)
FIXED = EntitySchema(name="Fixed", fields=(), createable=False, updateable=False, requires="Extras")
SCHEMA = SystemSchema(name="Shop", entities=(CUSTOMER, ORDER, FIXED), licences=("Ranks", "Orders", "Extras"))


def run(action: Awaitable[T]) -> T:
    async def main() -> T:
        return await action

    return trio.run(main)


def make(**options: frozenset[str]) -> tuple[FakeSystem, SystemClient, FakeClock]:
    clock = FakeClock()
    system = FakeSystem(SCHEMA, clock, **options)  # type: ignore[arg-type]
    return system, system.client(), clock


def test_a_record_is_told_as_it_was_stored() -> None:
    """With id, stamp and writer, and lists as tuples."""
    _, client, clock = make()
    clock.advance(7.9)
    record = run(client.create("customer", {"name": "Alder", "mails.value": "a@example.org", "age": None}))
    assert record.entity == "Customer"
    assert record.values == {
        "name": "Alder",
        "mails.value": ("a@example.org",),
        "id": record.id,
        "changed_at": "2030-01-01T00:00:07Z",
        "changed_by": "harness",
    }
    assert (record.modified, record.modified_by) == ("2030-01-01T00:00:07Z", "harness")
    assert run(client.get("Customer", record.id)) == record
    assert run(client.find("Customer", "name", "Alder")) == (record,)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({}, "required"),
        ({"name": None}, "required"),
        ({"name": "Alder", "shoe": 1}, "unknown_field"),
        ({"name": "Alder", "total": 1}, "read_only"),
        ({"name": "Alderwood Hill"}, "too_long"),
        ({"name": 7}, "wrong_type"),
        ({"name": "Alder", "age": True}, "wrong_type"),
        ({"name": "Alder", "mood": "mixed"}, "not_in_picklist"),
        ({"name": "Alder", "code": "taken"}, "duplicate"),
    ],
)
def test_what_a_real_system_refuses_is_refused(values: dict[str, Scalar], code: str) -> None:
    """With the code and the field."""
    _, client, _ = make()
    run(client.create("Customer", {"name": "Birch", "code": "taken"}))
    with pytest.raises(ApiRefused) as refused:
        run(client.create("Customer", values))
    assert refused.value.code == code
    assert refused.value.field is not None


def test_references_must_exist() -> None:
    """And be alive."""
    _, client, _ = make()
    parent = run(client.create("Customer", {"name": "Alder"}))
    run(client.create("Order", {"customer": parent.id}))
    run(client.delete("Customer", parent.id))
    with pytest.raises(ApiRefused, match="refers to no record"):
        run(client.create("Order", {"customer": parent.id}))


def test_changes_tell_of_everything_since_a_cursor_and_of_the_dead() -> None:
    """What changed in the cursor's second is told again."""
    system, client, clock = make()
    first = run(client.create("Customer", {"name": "Alder"}))
    clock.advance(5)
    second = run(client.create("Customer", {"name": "Birch"}))
    cursor = run(client.changes("Customer", None)).cursor
    third = run(client.create("Customer", {"name": "Cedar"}))
    assert [r.id for r in run(client.changes("Customer", cursor)).records] == [second.id, third.id]
    clock.advance(5)
    run(client.delete("Customer", first.id))
    run(system.client("engine").update("Customer", second.id, {"age": 5}))
    told = run(client.changes("Customer", run(client.changes("Customer", None)).cursor)).records
    assert [(r.id, r.deleted, r.modified_by) for r in told] == [
        (first.id, True, "harness"),
        (second.id, False, "engine"),
    ]
    assert run(client.get("Customer", first.id)) is None


def test_licences_that_are_off_take_fields_and_entities_away() -> None:
    """And the error names them."""
    _, client, _ = make(licences_off=frozenset({"Ranks", "Orders", "Extras"}))
    assert run(client.describe("Customer")).field("rank") is None
    with pytest.raises(ApiRefused, match="rank does not exist"):
        run(client.create("Customer", {"name": "Alder", "rank": "high"}))
    for entity, licence in (("Order", "Orders"), ("Fixed", "Extras")):
        with pytest.raises(FeatureMissing) as missing:
            run(client.create(entity, {}))
        assert missing.value.licence == licence


def test_records_that_cannot_change_are_refused() -> None:
    """Neither created nor updated, nor where there is none."""
    _, client, _ = make()
    with pytest.raises(ApiRefused, match="cannot be created"):
        run(client.create("Fixed", {}))
    with pytest.raises(ApiRefused) as gone:
        run(client.update("Customer", "cus-000009", {"age": 1}))
    assert gone.value.status == 404
    with pytest.raises(ApiRefused, match="cannot be emptied"):
        run(client.update("Customer", run(client.create("Customer", {"name": "Alder"})).id, {"name": None}))


def test_a_failure_strikes_once_before_or_after_the_request_took_effect() -> None:
    """A lost answer is not a lost request."""
    system, client, _ = make()
    for after, living in ((False, 0), (True, 1)):
        system.fail("create", ApiUnavailable("no answer"), after=after)
        with pytest.raises(ApiUnavailable):
            run(client.create("Customer", {"name": "Alder"}))
        assert len(system.living("Customer")) == living
    run(client.create("Customer", {"name": "Birch"}))
    assert system.requests == [("harness", "create", "Customer")] * 3


def test_a_sleep_of_the_fake_clock_is_over_at_once() -> None:
    """And its time has passed."""
    clock: Clock = FakeClock()
    run(clock.sleep(90))
    assert clock.now() == 90
    assert clock.stamp().isoformat() == "2030-01-01T00:01:30+00:00"
