"""What a run may write into systems that are not its own."""

from collections import Counter
from dataclasses import replace

import pytest

from talkqa.model.account import Account
from talkqa.model.errors import CheckNotRunnable
from talkqa.model.flow import EntityRef
from talkqa.model.preflight import Identity
from talkqa.model.schema import EntitySchema, SystemSchema
from talkqa.verify.safety import Permissions, caution_of, find_dangers, looks_like_production
from tests.unit.verify.test_scenarios import empty_flow

PLAIN = EntitySchema(name="Customer", fields=())
LASTING = EntitySchema(name="Account", fields=(), deletable=False, archive=("active", False))
LEDGER = EntitySchema(name="Bill", fields=(), caution="posts to ledgers")


def permissions(**allow: int) -> Permissions:
    """Of a bakery whose customers become accounts of a web shop, which cannot be deleted."""
    return Permissions(
        [Account(system="Web Shop", url="https://shop.test", allow=allow)],
        {
            "Bakery": SystemSchema(name="Bakery", entities=(PLAIN, LEDGER)),
            "Web Shop": SystemSchema(name="Web Shop", entities=(LASTING,)),
        },
        [empty_flow()],
        guarded=True,
    )


def test_a_reason_to_be_careful_is_what_the_descriptor_says_or_that_nothing_removes_the_records() -> None:
    assert caution_of(PLAIN) == ""
    assert caution_of(LEDGER) == "posts to ledgers"
    assert caution_of(LASTING) == "its records can only be archived"
    assert caution_of(EntitySchema(name="X", fields=(), deletable=False)) == "its records cannot be removed again"
    assert caution_of(EntitySchema(name="X", fields=(), deletable=False, createable=False)) == ""


def test_an_entity_is_off_until_it_is_allowed_by_name_and_number() -> None:
    with pytest.raises(CheckNotRunnable) as caught:
        permissions().require("Web Shop", "Account")
    assert caught.value.reason == "entity-not-allowed"
    assert '[accounts."Web Shop"] allow' in caught.value.message
    permissions(Account=1).require("Web Shop", "Account")
    permissions().require("Bakery", "Customer")


def test_what_the_engine_will_make_of_a_record_counts_as_well() -> None:
    limited = permissions(Account=2)
    limited.take("Bakery", "Customer")
    limited.take("Web Shop", "Account")
    for system, entity in (("Bakery", "Customer"), ("Web Shop", "Account")):
        with pytest.raises(CheckNotRunnable) as caught:
            limited.take(system, entity)
        assert caught.value.reason == "allowance-used"
        assert "2 records of Web Shop" in caught.value.message


def test_a_sandbox_counts_nothing() -> None:
    free = Permissions([], {"Web Shop": SystemSchema(name="Web Shop", entities=(LASTING,))}, [], guarded=False)
    free.require("Web Shop", "Account")
    for _ in range(100):
        free.take("Web Shop", "Account")


@pytest.mark.parametrize(
    ("url", "identity", "expected"),
    [
        ("https://acme.example.com", Identity(production=False), False),
        ("https://qa.example.com", Identity(production=True), True),
        ("https://acme.com", Identity(), True),
        ("https://qa.acme.com", Identity(), False),
        ("https://aqua.com", Identity(), True),
        ("https://acme.com", Identity(organisation="Acme TEST division"), False),
        ("https://acme.com", Identity(name="sandbox@acme.com"), False),
        ("http://127.0.0.1:8800", Identity(), False),
        ("http://localhost", Identity(), False),
    ],
)
def test_a_system_looks_like_production_unless_something_says_that_it_is_not(
    url: str, identity: Identity, *, expected: bool
) -> None:
    assert looks_like_production(Account(system="S", url=url), identity) is expected


def test_production_is_refused_unless_it_is_named_and_so_is_the_engines_own_user() -> None:
    account = Account(system="S", url="https://acme.com", engine_user="Robot@acme.com")
    assert [f.code for f in find_dangers(account, Identity(name="robot@acme.com"))] == ["production", "same-user"]
    named = Account(system="S", url="https://acme.com", production=True)
    assert find_dangers(named, Identity(user="005")) == ()


def test_what_a_record_causes_further_on_counts_too_and_worlds_count_together() -> None:
    """A quote makes an order, and the order an entry of a ledger."""
    quote, order, entry = (EntityRef(system=s, entity=e) for s, e in (("A", "Quote"), ("B", "Order"), ("A", "Entry")))
    flows = [
        replace(empty_flow(), id=name, source=one, target=two)
        for name, one, two in (("1", quote, order), ("2", order, entry))
    ]
    schemas = {
        "A": SystemSchema(name="A", entities=(EntitySchema(name="Quote", fields=()), replace(LEDGER, name="Entry"))),
        "B": SystemSchema(name="B", entities=(EntitySchema(name="Order", fields=()),)),
    }
    accounts, used = [Account(system="A", url="", allow={"Entry": 1})], Counter[tuple[str, str]]()
    Permissions(accounts, schemas, flows, guarded=True, used=used).take("A", "Quote")
    with pytest.raises(CheckNotRunnable) as caught:
        Permissions(accounts, schemas, flows, guarded=True, used=used).take("A", "Quote")
    assert caught.value.reason == "allowance-used"
    with pytest.raises(CheckNotRunnable) as caught:
        Permissions([], schemas, flows, guarded=True).take("A", "Quote")
    assert caught.value.reason == "entity-not-allowed"


def test_a_company_called_development_is_no_test_system() -> None:
    account = Account(system="S", url="https://api.example.com")
    assert looks_like_production(account, Identity(organisation="Van Dijk Development B.V."))
    assert not looks_like_production(replace(account, url="https://dev.example.com"), Identity())
