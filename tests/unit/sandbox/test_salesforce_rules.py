"""The emulated org fills what it computes, and keeps its records in order among each other."""

import pytest

from tests.unit.sandbox.salesforce_kit import Org, refusal


class Shop:
    """An org with a product at a price, an account, and an order in the same price book."""

    def __init__(self) -> None:
        self.org = org = Org()
        self.account = org.make("Account", Name="Acme")
        self.book = org.rows("SELECT Id, IsStandard FROM Pricebook2 WHERE IsStandard = true")[0]["Id"]
        self.product = org.make("Product2", Name="Bolt", ProductCode="B-1", IsActive=True)
        self.entry = org.make(
            "PricebookEntry", Pricebook2Id=self.book, Product2Id=self.product, UnitPrice=12.5, IsActive=True
        )
        self.order = self.make_order(Pricebook2Id=self.book)

    def make_order(self, **more: object) -> str:
        return self.org.make("Order", AccountId=self.account, EffectiveDate="2030-01-01", Status="Draft", **more)

    def make_line(self, **more: object) -> str:
        return self.org.make(
            "OrderItem", **{"OrderId": self.order, "PricebookEntryId": self.entry, "Quantity": 2, **more}
        )


@pytest.fixture
def shop() -> Shop:
    """A shop without lines."""
    return Shop()


def test_names_are_put_together() -> None:
    """Of contacts, and of what is sold."""
    org = Org()
    contact = org.make("Contact", FirstName="Ada", MiddleName="B.", LastName="Quist", Suffix="III", Salutation="Ms.")
    assert org.read("Contact", contact)["Name"] == "Ada B. Quist III"
    org.ask("PATCH", f"/sobjects/Contact/{contact}", {"FirstName": None, "MiddleName": None, "Suffix": None})
    assert org.read("Contact", contact)["Name"] == "Quist"


def test_a_task_is_closed_by_its_status() -> None:
    """Status and priority have defaults; the moment of completion stays while it is closed."""
    org = Org()
    account = org.make("Account", Name="Acme")
    contact = org.make("Contact", LastName="Quist", AccountId=account)
    task = org.make("Task", Subject="Call", WhoId=contact)
    row = org.read("Task", task)
    assert (row["Status"], row["Priority"], row["IsClosed"], row["CompletedDateTime"]) == (
        "Not Started",
        "Normal",
        False,
        None,
    )
    assert (row["AccountId"], row["IsHighPriority"]) == (account, False)
    org.clock.advance(60)
    org.ask("PATCH", f"/sobjects/Task/{task}", {"Status": "Completed", "Priority": "High"})
    org.clock.advance(60)
    org.ask("PATCH", f"/sobjects/Task/{task}", {"Subject": "Called"})
    row = org.read("Task", task)
    assert (row["IsClosed"], row["CompletedDateTime"], row["IsHighPriority"]) == (
        True,
        "2030-01-01T00:01:00.000+0000",
        True,
    )
    org.ask("PATCH", f"/sobjects/Task/{task}", {"Status": "Deferred", "WhatId": account, "WhoId": None})
    row = org.read("Task", task)
    assert (row["IsClosed"], row["CompletedDateTime"], row["AccountId"]) == (False, None, account)


def test_lines_make_the_total_of_an_order(shop: Shop) -> None:
    """Prices come from the entry unless they are given; whatever changes a line moves the order's stamp."""
    org = shop.org
    row = org.read("Order", shop.order)
    assert (row["OrderNumber"], row["TotalAmount"], row["StatusCode"]) == ("00000100", 0.0, "Draft")
    line = shop.make_line()
    row = org.read("OrderItem", line)
    assert (row["UnitPrice"], row["ListPrice"], row["TotalPrice"], row["Product2Id"]) == (
        12.5,
        12.5,
        25.0,
        shop.product,
    )
    org.clock.advance(5)
    shop.make_line(UnitPrice=1, Quantity=3)
    row = org.read("Order", shop.order)
    assert (row["TotalAmount"], row["SystemModstamp"][17:19]) == (28.0, "05")
    org.ask("PATCH", f"/sobjects/OrderItem/{line}", {"Quantity": 1})
    assert org.read("Order", shop.order)["TotalAmount"] == 15.5
    org.ask("DELETE", f"/sobjects/OrderItem/{line}")
    assert org.read("Order", shop.order)["TotalAmount"] == 3.0


def test_an_order_begins_as_a_draft_and_is_frozen_when_active(shop: Shop) -> None:
    """It needs a line to become active, and cannot be deleted, re-assigned or re-lined before it is a draft again."""
    org = shop.org
    order = f"/sobjects/Order/{shop.order}"
    new = {"AccountId": shop.account, "EffectiveDate": "2030-01-01", "Status": "Activated"}
    assert refusal(org.ask("POST", "/sobjects/Order", new)) == (400, ["FAILED_ACTIVATION"], ["Status"])
    assert refusal(org.ask("PATCH", order, {"Status": "Activated"}))[1] == ["FAILED_ACTIVATION"]
    line = shop.make_line()
    assert org.ask("PATCH", order, {"Status": "Activated"}).status == 204
    row = org.read("Order", shop.order)
    assert (row["StatusCode"], row["ActivatedDate"]) == ("Activated", "2030-01-01T00:00:00.000+0000")
    assert refusal(org.ask("DELETE", order))[1] == ["DELETE_FAILED"]
    other = org.make("Account", Name="Other")
    frozen = org.ask("PATCH", order, {"AccountId": other, "Pricebook2Id": shop.book})
    assert refusal(frozen) == (400, ["FIELD_INTEGRITY_EXCEPTION"], ["AccountId"])
    assert refusal(org.ask("DELETE", f"/sobjects/OrderItem/{line}"))[1] == ["FIELD_INTEGRITY_EXCEPTION"]
    assert org.ask("PATCH", order, {"Description": "free"}).status == 204
    assert org.ask("PATCH", order, {"Status": "Draft", "AccountId": other}).status == 204
    assert org.ask("DELETE", order).status == 204
    assert org.rows("SELECT Id FROM OrderItem") == []


def test_the_price_book_of_a_line_is_that_of_its_order(shop: Shop) -> None:
    """An order without one has no lines."""
    org = shop.org
    bare = shop.make_order()
    line = {"OrderId": bare, "PricebookEntryId": shop.entry, "Quantity": 1}
    assert refusal(org.ask("POST", "/sobjects/OrderItem", line)) == (
        400,
        ["FIELD_INTEGRITY_EXCEPTION"],
        ["PricebookEntryId"],
    )


def test_a_quote_takes_account_and_totals_from_others(shop: Shop) -> None:
    """The account from its opportunity, sums from its lines, tax and shipping from itself."""
    org = shop.org
    opportunity = org.make(
        "Opportunity", Name="Deal", StageName="Prospecting", CloseDate="2030-02-01", AccountId=shop.account
    )
    quote = org.make("Quote", Name="Offer", OpportunityId=opportunity, Pricebook2Id=shop.book, Tax=5)
    row = org.read("Quote", quote)
    assert (row["AccountId"], row["LineItemCount"], row["GrandTotal"], row["Discount"]) == (shop.account, 0, 5.0, None)
    line = {"QuoteId": quote, "PricebookEntryId": shop.entry, "Quantity": 4, "UnitPrice": 10, "Discount": 25}
    org.make("QuoteLineItem", **line)
    row = org.read("Quote", quote)
    totals = (row["LineItemCount"], row["Subtotal"], row["TotalPrice"], row["GrandTotal"], row["Discount"])
    assert totals == (1, 40.0, 30.0, 35.0, 25.0)
    assert refusal(org.ask("PATCH", f"/sobjects/Quote/{quote}", {"OpportunityId": opportunity}))[1] == [
        "INVALID_FIELD_FOR_INSERT_UPDATE"
    ]
    assert refusal(org.ask("POST", "/sobjects/Quote", {"Name": "Offer"})) == (
        400,
        ["REQUIRED_FIELD_MISSING"],
        ["OpportunityId"],
    )


def test_an_opportunity_tells_how_it_stands() -> None:
    """By its stage."""
    org = Org()
    deal = org.make("Opportunity", Name="D", StageName="Closed Won", CloseDate="2030-02-01", Amount=80, Probability=50)
    row = org.read("Opportunity", deal)
    assert (row["IsClosed"], row["IsWon"], row["ForecastCategory"], row["ExpectedRevenue"]) == (
        True,
        True,
        "Closed",
        40,
    )
    org.ask("PATCH", f"/sobjects/Opportunity/{deal}", {"StageName": "Closed Lost", "Amount": None})
    row = org.read("Opportunity", deal)
    assert (row["IsClosed"], row["IsWon"], row["ForecastCategory"], row["ExpectedRevenue"]) == (
        True,
        False,
        "Omitted",
        None,
    )


def test_what_belongs_to_a_record_goes_with_it(shop: Shop) -> None:
    """Contacts, opportunities and their quotes with the account; prices with the product."""
    org = shop.org
    contact = org.make("Contact", LastName="Quist", AccountId=shop.account)
    deal = org.make("Opportunity", Name="D", StageName="S", CloseDate="2030-02-01", AccountId=shop.account)
    quote = org.make("Quote", Name="Offer", OpportunityId=deal)
    org.ask("DELETE", f"/sobjects/Account/{shop.account}")
    for kind, record_id in (("Contact", contact), ("Opportunity", deal), ("Quote", quote)):
        assert refusal(org.ask("GET", f"/sobjects/{kind}/{record_id}"))[1] == ["ENTITY_IS_DELETED"]
    org.ask("DELETE", f"/sobjects/Product2/{shop.product}")
    assert org.rows("SELECT Id FROM PricebookEntry") == []


def test_a_product_that_was_sold_stays(shop: Shop) -> None:
    """It can be deactivated alone."""
    shop.make_line()
    answer = shop.org.ask("DELETE", f"/sobjects/Product2/{shop.product}")
    assert refusal(answer)[:2] == (400, ["DELETE_FAILED"])
    assert shop.org.ask("PATCH", f"/sobjects/Product2/{shop.product}", {"IsActive": False}).status == 204


def test_prices_are_called_by_their_products(shop: Shop) -> None:
    """Name and code are the product's."""
    row = shop.org.read("PricebookEntry", shop.entry)
    assert (row["Name"], row["ProductCode"]) == ("Bolt", "B-1")


def test_an_org_without_quotes_still_sells(shop: Shop) -> None:
    """The rules hold where the objects that they speak of are not there."""
    org = Org(licences_off=frozenset({"Quotes"}))
    account = org.make("Account", Name="Acme")
    deal = org.make("Opportunity", Name="D", StageName="S", CloseDate="2030-02-01", AccountId=account)
    product = org.make("Product2", Name="Bolt")
    assert org.ask("DELETE", f"/sobjects/Product2/{product}").status == 204
    assert org.ask("DELETE", f"/sobjects/Opportunity/{deal}").status == 204
