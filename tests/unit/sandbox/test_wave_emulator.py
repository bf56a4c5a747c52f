"""The emulated Wave answers as the fact sheet says, and both ways where the sheet does not know."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from graphql import build_client_schema, get_introspection_query

from talkqa.model.schema import FieldSchema, FieldType
from talkqa.sandbox.dialects.emulator import Request
from talkqa.sandbox.dialects.wave.access import LIFETIME_S
from talkqa.sandbox.dialects.wave.emulator import COST_LIMIT, PATH, WaveEmulator
from talkqa.sandbox.dialects.wave.shapes import write_steps
from tests.unit.sandbox.wave_kit import DAY_S, URL, WaveStage, edges, wave_schema

TOTALS = "subtotal{value} taxTotal{value} total{value raw currency{code symbol}} amountDue{value} amountPaid{value}"


def code_of(body: dict[str, Any]) -> str:
    return str(body["errors"][0]["extensions"]["code"])


def refused_for(answer: dict[str, Any]) -> list[tuple[str, ...]]:
    assert answer["didSucceed"] is False
    return [tuple(error["path"]) for error in answer["inputErrors"]]


# requests


def test_only_posts_with_graphql_in_json_are_taken() -> None:
    stage = WaveStage()
    assert stage.request({}, path="/graphql/other").status == 404
    assert stage.request({}, method="GET").status == 405
    for body in (b"no json", b"[]", b"{}", b'{"query":1}', b'{"query":"{user{id}}","variables":[]}'):
        assert stage.request(body).status == 400


def test_a_dead_or_missing_token_is_told_by_401_or_in_the_body() -> None:
    for token in ("", "wrong"):
        answer = WaveStage().request({"query": "{user{id}}"}, token=token)
        assert (answer.status, code_of(json.loads(answer.body))) == (401, "UNAUTHENTICATED")
        answer = WaveStage(dead_token_with_200=True).request({"query": "{user{id}}"}, token=token)
        assert (answer.status, code_of(json.loads(answer.body))) == (200, "UNAUTHENTICATED")


@pytest.mark.parametrize(("as_4xx", "statuses"), [(False, (200, 200, 200)), (True, (400, 400, 404))])
def test_errors_of_a_whole_request_have_codes_whatever_the_status(as_4xx: bool, statuses: tuple[int, ...]) -> None:
    stage = WaveStage(errors_with_4xx=as_4xx)
    wrong = {"i": {"businessId": stage.business, "name": "x", "currency": "NOPE"}}
    requests = (
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        (
            {"query": "mutation($i:CustomerCreateInput!){customerCreate(input:$i){didSucceed}}", "variables": wrong},
            "VARIABLE_VALUE",
        ),
        ({"query": '{business(id:"x"){id}}'}, "NOT_FOUND"),
    )
    answers = [stage.request(body) for body, _ in requests]
    assert tuple(answer.status for answer in answers) == statuses
    assert [code_of(json.loads(answer.body)) for answer in answers] == [code for _, code in requests]


def test_text_that_is_no_graphql_and_an_unknown_operation_fail_to_validate() -> None:
    stage = WaveStage()
    assert code_of(stage.ask("{ user {")) == "GRAPHQL_VALIDATION_FAILED"
    body = {"query": "query A{user{id}} query B{user{id}}", "operationName": "C"}
    assert code_of(json.loads(stage.request(body).body)) == "GRAPHQL_VALIDATION_FAILED"


def test_partial_data_stands_beside_the_error() -> None:
    stage = WaveStage()
    body = stage.ask('query($b:ID!){user{defaultEmail} business(id:$b){id customer(id:"x"){id}}}', b=stage.business)
    assert body["data"]["user"] == {"defaultEmail": "harness@wave.example"}
    assert body["errors"][0]["path"] == ["business", "customer"]
    assert body["data"]["business"] == {"id": stage.business, "customer": None}


def test_every_answer_carries_the_date() -> None:
    assert WaveStage().request({"query": "{user{id}}"}).headers["date"] == "Tue, 01 Jan 2030 00:00:00 GMT"


def test_reads_are_told_from_changes() -> None:
    stage = WaveStage()

    def reads(body: Any, path: str = PATH) -> bool:
        content = json.dumps(body).encode()
        return stage.emulator.reads(Request(method="POST", path=path, query={}, headers={}, body=content, base_url=URL))

    mutation = "mutation M($i:CustomerDeleteInput!){customerDelete(input:$i){didSucceed}}"
    assert reads({"query": "{user{id}}"})
    assert not reads({"query": mutation})
    assert reads({"query": "query Q{user{id}} " + mutation, "operationName": "Q"})
    assert reads({"query": "nonsense"})
    assert not reads({}, path="/oauth2/token/")


def test_a_query_that_costs_too_much_is_refused() -> None:
    stage = WaveStage()
    nested = "businesses(pageSize:%d){edges{node{customers(pageSize:60){edges{node{id}}}}}}"
    assert "errors" not in stage.ask("{" + nested % 40 + "}")
    body = stage.ask("{" + nested % 200 + "}")
    assert body["errors"][0]["message"] == f"The query exceeds the maximum cost of {COST_LIMIT}"


def test_fragments_and_variables_count_for_the_cost_as_well() -> None:
    stage = WaveStage()
    text = (
        "query($n:Int,$b:ID!){...on Query{business(id:$b){...B}}} "
        "fragment B on Business{invoices(pageSize:$n){edges{node{items{product{id} total{value}}}}}}"
    )
    assert "errors" not in stage.ask(text, n=100, b=stage.business)
    assert "maximum cost" in stage.ask(text, n=1000, b=stage.business)["errors"][0]["message"]
    assert "maximum cost" in WaveStage(strict_cost=True).ask(text, n=100, b=stage.business)["errors"][0]["message"]


# the schema


def test_a_client_can_fetch_the_schema_and_it_holds_every_field_both_ways() -> None:
    stage = WaveStage()
    schema = build_client_schema(stage.ask(get_introspection_query())["data"])  # type: ignore[arg-type]
    for entity in stage.schema.entities:
        for item in entity.fields:
            kind: Any = schema.type_map[entity.name]
            for step in item.path.split("."):
                kind = kind.fields[step].type
                while hasattr(kind, "of_type"):
                    kind = kind.of_type
    customer: Any = schema.type_map["CustomerCreateInput"]
    assert str(customer.fields["businessId"].type) == "ID!"
    assert str(customer.fields["address"].type.fields["countryCode"].type) == "CountryCode"
    assert "country" not in customer.fields["address"].type.fields
    assert str(schema.type_map["InvoiceItemInput"].fields["productId"].type) == "ID!"  # type: ignore[attr-defined]


def test_what_is_read_is_not_what_is_written() -> None:
    paths = (
        "address.province.code",
        "currency.code",
        "customer.id",
        "defaultSalesTaxes.id",
        "items.product.id",
        "name",
    )
    fields = {
        "defaultSalesTaxes.id": FieldSchema(path="x", type=FieldType.REFERENCE, list_at="defaultSalesTaxes"),
        "items.product.id": FieldSchema(path="x", type=FieldType.REFERENCE, list_at="items"),
    }
    plain = FieldSchema(path="x", type=FieldType.STRING)
    written = [".".join(write_steps(replace(fields.get(path, plain), path=path))) for path in paths]
    assert written == [
        "address.provinceCode",
        "currency",
        "customerId",
        "defaultSalesTaxIds",
        "items.productId",
        "name",
    ]


def test_the_schema_can_be_hidden() -> None:
    assert code_of(WaveStage(no_introspection=True).ask("{__schema{types{name}}}")) == "GRAPHQL_VALIDATION_FAILED"


def test_small_things_beside_the_business() -> None:
    stage = WaveStage()
    text = (
        "{countries{code} currencies{code} country(code:NL){name} currency(code:EUR){symbol} "
        'province(code:"CA-ON"){code}}'
    )
    data = stage.ask(text)["data"]
    assert {"code": "NO"} in data["countries"]
    assert {"code": "USD"} in data["currencies"]
    assert (data["country"], data["currency"]) == ({"name": "Netherlands"}, {"symbol": "€"})
    assert stage.ask("{oAuthApplication{name}}")["data"]["oAuthApplication"]["name"] == "talkqa"


# lists


def test_pages_count_from_one_and_say_how_many_there_are() -> None:
    stage = WaveStage()
    for number in range(5):
        stage.customer(f"n{number}")
    listed = stage.below(
        "customers(page:2,pageSize:2,sort:[NAME_ASC]){pageInfo{currentPage totalPages totalCount} edges{node{name}}}"
    )
    assert listed["customers"]["pageInfo"] == {"currentPage": 2, "totalPages": 3, "totalCount": 5}
    assert [node["name"] for node in edges(listed["customers"])] == ["n2", "n3"]
    assert len(edges(stage.below("customers{edges{node{id}}}")["customers"])) == 5


def test_a_page_after_the_last_is_empty_or_an_error_and_page_zero_never_is() -> None:
    query = "query($b:ID!){business(id:$b){customers(page:3){edges{node{id}}}}}"
    stage = WaveStage()
    assert stage.ask(query, b=stage.business)["data"]["business"]["customers"]["edges"] == []
    strict = WaveStage(page_after_last_fails=True)
    assert "no page 3" in strict.ask(query, b=strict.business)["errors"][0]["message"]
    assert "count from 1" in stage.ask(query.replace("3", "0"), b=stage.business)["errors"][0]["message"]


def test_lists_are_sorted_by_stamp_number_and_name() -> None:
    stage = WaveStage()
    ids = [stage.product("b", "10"), stage.product("a", "9")]
    stage.mutate("productPatch", id=ids[0], description="moved")

    def order(sort: str) -> list[int]:
        return [
            ids.index(node["id"])
            for node in edges(stage.below(f"products(sort:[{sort}]){{edges{{node{{id}}}}}}")["products"])
        ]

    assert order("MODIFIED_AT_ASC") == [1, 0]
    assert order("MODIFIED_AT_DESC") == [0, 1]
    assert order("NAME_ASC") == [1, 0]
    assert order("CREATED_AT_DESC") == [1, 0]
    made = [stage.invoice(customerId=stage.customer(), invoiceNumber=number)["node"]["id"] for number in ("7", "6")]
    listed = stage.below("invoices(sort:[INVOICE_NUMBER_ASC,TOTAL_DESC]){edges{node{id}}}")["invoices"]
    assert [made.index(node["id"]) for node in edges(listed)] == [1, 0]


@pytest.mark.parametrize(("included", "found"), [(False, 1), (True, 2)])
def test_the_bound_of_a_filter_is_included_or_not(included: bool, found: int) -> None:
    stage = WaveStage(bound_included=included)
    first = stage.mutate("customerCreate", "modifiedAt", name="a")["node"]["modifiedAt"]
    stage.customer("b")
    query = "query($b:ID!,$s:DateTime){business(id:$b){customers(modifiedAtAfter:$s){edges{node{id}}}}}"
    assert len(stage.ask(query, b=stage.business, s=first)["data"]["business"]["customers"]["edges"]) == found


def test_lists_are_filtered() -> None:
    stage = WaveStage()
    customer, sold = stage.customer("a", email="A@x.example"), stage.product()
    bought = str(stage.mutate("productCreate", name="only bought", unitPrice="1")["node"]["id"])
    stage.customer("b", email="b@x.example")
    for day in ("2030-02-01", "2030-03-01"):
        item = {"productId": sold, "quantity": "1"}
        stage.invoice(customerId=customer, invoiceDate=day, currency="USD", invoiceNumber=day, items=[item])

    def count(selected: str) -> int:
        return len(next(iter(stage.below(f"{selected}{{edges{{node{{id}}}}}}").values()))["edges"])

    assert count('customers(email:"a@X.example")') == 1
    assert count('customers(modifiedAtBefore:"2029-01-01T00:00:00Z")') == 0
    assert (count("products(isSold:true)"), count("products(isSold:false)")) == (1, 1)
    assert count('invoices(invoiceDateStart:"2030-02-02")') == 1
    assert count('invoices(invoiceDateEnd:"2030-02-02")') == 1
    assert count('invoices(invoiceNumber:"2030-03-01")') == 1
    assert count(f'invoices(customerId:"{customer}",currency:USD,status:DRAFT,amountDue:"2.5")') == 2
    assert count('invoices(sourceId:"x")') == 0
    assert count("accounts(types:[EXPENSE])") == 2
    assert count("accounts(excludedSubtypes:[INCOME],isArchived:false)") == 4
    assert bought


def test_archived_records_are_listed_or_only_where_asked_for() -> None:
    for hidden, plain in ((False, 1), (True, 0)):
        stage = WaveStage(archived_hidden=hidden)
        stage.mutate("productArchive", id=stage.product())
        assert len(stage.below("products{edges{node{id}}}")["products"]["edges"]) == plain
        assert len(stage.below("products(isArchived:true){edges{node{id isArchived}}}")["products"]["edges"]) == 1


def test_lists_may_show_changes_late() -> None:
    stage = WaveStage(lists_lag=True)
    stage.customer()
    assert stage.below("customers{edges{node{id}}}")["customers"]["edges"] == []
    stage.clock.advance(5)
    assert len(stage.below("customers{edges{node{id}}}")["customers"]["edges"]) == 1


def test_a_second_business_is_there_with_nothing_in_it() -> None:
    stage = WaveStage(second_business=True)
    stage.customer()
    nodes = edges(stage.ask("{businesses(isArchived:false){edges{node{id name}}}}")["data"]["businesses"])
    assert [node["name"] for node in nodes] == ["Sandbox business", "Second business"]
    other = stage.ask(
        'query($b:ID!){business(id:$b){customers{edges{node{id}}} customer(id:"x"){id}}}', b=nodes[1]["id"]
    )
    assert other["data"]["business"]["customers"]["edges"] == []
    assert code_of(other) == "NOT_FOUND"


def test_an_answer_is_never_older_than_the_last_change() -> None:
    stage = WaveStage()
    query = "customers{pageInfo{totalCount}}"
    assert stage.below(query) == stage.below(query)
    stage.customer()
    assert stage.below(query)["customers"]["pageInfo"]["totalCount"] == 1


# customers


def test_a_customer_is_read_as_it_was_written_in_another_shape() -> None:
    stage = WaveStage()
    shown = (
        "name email address{city province{code name} country{code name}} currency{code symbol} shippingDetails{name} "
        "isArchived createdAt modifiedAt business{id name} outstandingAmount{value raw currency{code}}"
    )
    address = {"city": "Toronto", "provinceCode": "CA-ON", "countryCode": "CA"}
    node = stage.mutate("customerCreate", shown, name="Bolts", email=None, address=address)["node"]
    assert node["address"] == {
        "city": "Toronto",
        "province": {"code": "CA-ON", "name": "CA-ON"},
        "country": {"code": "CA", "name": "Canada"},
    }
    assert (node["currency"], node["shippingDetails"], node["isArchived"]) == (
        {"code": "EUR", "symbol": "€"},
        None,
        False,
    )
    assert node["business"]["name"] == "Sandbox business"
    assert node["createdAt"] == node["modifiedAt"] == "2030-01-01T00:00:00.000Z"
    assert node["outstandingAmount"] == {"value": "0.00", "raw": 0, "currency": {"code": "EUR"}}


def test_everything_wrong_with_an_input_is_told_at_once() -> None:
    stage = WaveStage(province_must_match=True)
    address = {"provinceCode": "CA-ON", "countryCode": "NL"}
    answer = stage.mutate("customerCreate", name="", email="x", address=address)
    assert set(refused_for(answer)) == {("input", "name"), ("input", "email"), ("input", "address", "provinceCode")}
    assert {error["code"] for error in answer["inputErrors"]} == {"REQUIRED", "INVALID"}
    assert answer["node"] is None
    assert refused_for(stage.mutate("customerCreate", name="x", businessId="other")) == [("input", "businessId")]


@pytest.mark.parametrize("wrong", [{"name": None}, {"nam": "x"}, {"currency": "EURO"}, {"address": {"country": "NL"}}])
def test_an_input_of_the_wrong_shape_is_an_error_of_the_request(wrong: dict[str, Any]) -> None:
    stage = WaveStage()
    assert code_of(stage.mutate("customerCreate", **{"name": "x", **wrong})) == "VARIABLE_VALUE"


def test_a_province_of_another_country_may_be_taken() -> None:
    for strict in (False, True):
        stage = WaveStage(province_must_match=strict)
        address = {"provinceCode": "CA-ON", "countryCode": "NL"}
        assert stage.mutate("customerCreate", name="x", address=address)["didSucceed"] is not strict


def test_absent_stays_null_clears_and_objects_replace_or_merge() -> None:
    for replaced, city in ((True, None), (False, "Delft")):
        stage = WaveStage(address_replaced=replaced)
        made = stage.customer(phone="1", address={"city": "Delft", "countryCode": "NL"})
        shown = "name phone address{city postalCode}"
        node = stage.mutate("customerPatch", shown, id=made, phone=None, address={"postalCode": "2611"})["node"]
        assert node == {"name": "Bolts", "phone": None, "address": {"city": city, "postalCode": "2611"}}
        assert stage.mutate("customerPatch", shown, id=made, address=None)["node"]["address"] is None
        assert refused_for(stage.mutate("customerPatch", id=made, name=None)) == [("input", "name")]


def test_an_empty_text_is_null_or_empty() -> None:
    assert WaveStage().mutate("customerCreate", "phone", name="x")["node"]["phone"] is None
    node = WaveStage(empty_text=True).mutate("customerCreate", "phone address{city}", name="x")["node"]
    assert node == {"phone": "", "address": None}


def test_a_success_has_null_or_an_empty_list_of_errors() -> None:
    assert WaveStage().mutate("customerCreate", name="x")["inputErrors"] is None
    assert WaveStage(no_errors_as_list=True).mutate("customerCreate", name="x")["inputErrors"] == []


def test_what_was_deleted_is_not_found_or_null_and_in_no_list() -> None:
    for as_null in (False, True):
        stage = WaveStage(gone_is_null=as_null)
        made = stage.customer()
        assert stage.mutate("customerDelete", "", id=made)["didSucceed"]
        body = stage.ask("query($b:ID!,$i:ID!){business(id:$b){customer(id:$i){id}}}", b=stage.business, i=made)
        assert body["data"]["business"]["customer"] is None
        assert ("errors" in body) is not as_null
        assert stage.below("customers{edges{node{id}}}")["customers"]["edges"] == []


def test_a_mutation_of_what_is_gone_fails_one_way_or_the_other() -> None:
    assert code_of(WaveStage().mutate("customerDelete", "", id="x")) == "NOT_FOUND"
    answer = WaveStage(gone_as_input_error=True).mutate("customerPatch", id="x", name="y")
    assert (refused_for(answer), answer["inputErrors"][0]["code"]) == ([("input", "id")], "NOT_FOUND")


def test_a_customer_with_invoices_is_kept_or_archived() -> None:
    for archived in (False, True):
        stage = WaveStage(customer_with_invoices_archived=archived)
        made = stage.customer()
        stage.invoice(customerId=made)
        assert stage.mutate("customerDelete", "", id=made)["didSucceed"] is archived
        assert stage.below(f'customer(id:"{made}"){{isArchived}}')["customer"] == {"isArchived": archived}


# products, accounts, taxes


@pytest.mark.parametrize(
    ("trimmed", "written", "read"),
    [(False, "12.5", "12.50000"), (True, "12.5", "12.5"), (False, 12.345675, "12.34568"), (True, "3", "3")],
)
def test_decimals_are_text_rounded_half_away_from_zero(trimmed: bool, written: Any, read: str) -> None:
    stage = WaveStage(trimmed_decimals=trimmed)
    assert stage.mutate("productCreate", "unitPrice", name="x", unitPrice=written)["node"]["unitPrice"] == read


@pytest.mark.parametrize("wrong", ["x", True, "NaN", {}])
def test_what_is_no_decimal_is_refused(wrong: Any) -> None:
    assert code_of(WaveStage().mutate("productCreate", name="x", unitPrice=wrong)) == "VARIABLE_VALUE"


def test_a_product_is_sold_and_bought_by_its_accounts() -> None:
    stage = WaveStage()
    shown = "isSold isBought incomeAccount{name subtype{value}} expenseAccount{id}"
    accounts = edges(stage.below("accounts(types:[EXPENSE]){edges{node{id}}}")["accounts"])
    node = stage.mutate("productCreate", shown, name="x", unitPrice="1", incomeAccountId=stage.income())["node"]
    assert (node["isSold"], node["isBought"], node["expenseAccount"]) == (True, False, None)
    assert node["incomeAccount"] == {"name": "Sales", "subtype": {"value": "INCOME"}}
    wrong = stage.mutate("productCreate", name="x", unitPrice="1", incomeAccountId=accounts[0]["id"])
    assert refused_for(wrong) == [("input", "incomeAccountId")]
    assert refused_for(stage.mutate("productCreate", name="x", unitPrice="1", expenseAccountId="?")) == [
        ("input", "expenseAccountId")
    ]


def test_a_product_without_accounts_is_taken_or_refused() -> None:
    assert WaveStage().mutate("productCreate", name="x", unitPrice="1")["didSucceed"]
    strict = WaveStage(product_needs_account=True)
    assert refused_for(strict.mutate("productCreate", name="x", unitPrice="1")) == [("input", "incomeAccountId")]


def test_products_are_archived_and_may_then_be_closed_to_changes() -> None:
    for closed in (False, True):
        stage = WaveStage(archived_patch_refused=closed)
        made = stage.product()
        assert stage.mutate("productArchive", "isArchived", id=made)["node"] == {"isArchived": True}
        assert stage.mutate("productPatch", id=made, name="y")["didSucceed"] is not closed
    assert (
        code_of(stage.ask("mutation($i:ID!){productDelete(id:$i){didSucceed}}", i="x")) == "GRAPHQL_VALIDATION_FAILED"
    )


def test_accounts_and_taxes_are_made_changed_and_archived() -> None:
    stage = WaveStage()
    shown = "id name type{value} normalBalanceType subtype{value}"
    account = stage.mutate("accountCreate", shown, name="Fees", subtype="PAYROLL_EXPENSES")["node"]
    assert (account["type"], account["normalBalanceType"]) == ({"value": "EXPENSE"}, "DEBIT")
    assert stage.mutate("accountPatch", "name", id=account["id"], name="Pay")["node"] == {"name": "Pay"}
    assert stage.mutate("accountArchive", "isArchived", id=account["id"])["node"] == {"isArchived": True}
    tax = stage.mutate("salesTaxCreate", "id rate", name="VAT", abbreviation="V", rate="0.25")["node"]
    assert tax["rate"] == "0.2500"
    assert code_of(stage.mutate("salesTaxPatch", id=tax["id"], rate="0.3")) == "VARIABLE_VALUE"


# invoices


def test_an_invoice_is_filled_in_where_nothing_was_sent() -> None:
    stage = WaveStage()
    shown = (
        "invoiceNumber status invoiceDate dueDate currency{code} title itemTitle hideName exchangeRate lastSentVia "
        "items{product{name} description quantity unitPrice price account{name} subtotal{value}}"
    )
    product = stage.product("Nut", "2.50", description="a nut")
    node = stage.invoice(shown, items=[{"productId": product}])["node"]
    assert (node["invoiceNumber"], node["status"], node["currency"]) == ("1", "DRAFT", {"code": "EUR"})
    assert (node["invoiceDate"], node["dueDate"]) == ("2030-01-01", "2030-01-31")
    assert (node["title"], node["itemTitle"], node["hideName"], node["lastSentVia"]) == (
        "Invoice",
        "Items",
        False,
        "NOT_SENT",
    )
    assert node["items"] == [
        {
            "product": {"name": "Nut"},
            "description": "a nut",
            "quantity": "1.00000000",
            "unitPrice": "2.50000000",
            "price": "2.50",
            "account": {"name": "Sales"},
            "subtotal": {"value": "2.50"},
        }
    ]
    assert stage.invoice("invoiceNumber", invoiceNumber="41")["node"]["invoiceNumber"] == "41"
    assert stage.invoice("invoiceNumber")["node"]["invoiceNumber"] == "42"


@pytest.mark.parametrize(("grouped", "total"), [(False, "1348.88"), (True, "1,348.88")])
def test_totals_follow_from_items_discounts_and_taxes(grouped: bool, total: str) -> None:
    stage = WaveStage(grouped_money=grouped)
    tax = stage.mutate("salesTaxCreate", name="VAT", abbreviation="V", rate="0.2")["node"]["id"]
    taxed = stage.product("taxed", "1000", defaultSalesTaxIds=[tax])
    plain = stage.product("plain", "0.333")
    items = [
        {"productId": taxed},
        {"productId": taxed, "unitPrice": "200", "taxes": []},
        {"productId": plain, "quantity": "3"},
    ]
    discounts = [{"discountType": "FIXED", "amount": "52.12"}]
    shown = (
        f"{TOTALS} items{{product{{id}} total{{value}} taxes{{salesTax{{id}} amount{{value}}}}}} discounts{{amount}}"
    )
    node = stage.invoice(shown, items=items, discounts=discounts)["node"]
    assert node["total"] == {"value": total, "raw": 134888, "currency": {"code": "EUR", "symbol": "€"}}
    assert node["taxTotal"] == {"value": "200.00"}
    assert node["items"][0]["taxes"] == [{"salesTax": {"id": tax}, "amount": {"value": "200.00"}}]
    assert node["items"][1]["taxes"] == []
    assert node["discounts"] == [{"amount": "52.12"}]


def test_a_percentage_comes_off_the_subtotal_and_two_discounts_are_too_many() -> None:
    stage = WaveStage()
    items = [{"productId": stage.product("a", "50")}]
    half = {"discountType": "PERCENTAGE", "percentage": "50"}
    assert stage.invoice("total{value}", items=items, discounts=[half])["node"]["total"] == {"value": "25.00"}
    assert refused_for(stage.invoice(items=items, discounts=[half, half])) == [("input", "discounts")]


def test_items_are_checked_one_by_one() -> None:
    stage = WaveStage()
    unsold = stage.mutate("productCreate", name="x", unitPrice="1")["node"]["id"]
    assert refused_for(stage.invoice(items=[{"productId": unsold}])) == [("input", "items", "0", "productId")]
    assert refused_for(stage.invoice(items=[{"productId": "?"}])) == [("input", "items", "0", "productId")]
    wrong = [{"productId": stage.product(), "taxes": [{"salesTaxId": "?"}]}]
    assert stage.invoice(items=wrong)["didSucceed"] is False
    assert refused_for(stage.mutate("invoiceCreate", customerId="?")) == [("input", "customerId")]


def test_a_patch_replaces_all_items_and_may_put_them_into_another_order() -> None:
    orders = set()
    for shuffled in (False, True):
        stage = WaveStage(shuffled_items=shuffled)
        product = stage.product()
        made = stage.invoice(items=[{"productId": product}])["node"]["id"]
        for _ in range(4):
            items = [{"productId": product, "quantity": str(n)} for n in range(1, 5)]
            node = stage.mutate("invoicePatch", "items{quantity} total{value}", id=made, items=items)["node"]
            assert node["total"] == {"value": "25.00"}
            orders.add((shuffled, tuple(float(item["quantity"]) for item in node["items"])))
        assert stage.mutate("invoicePatch", "items{quantity}", id=made, memo="kept")["node"]["items"]
        assert stage.mutate("invoicePatch", "items{quantity}", id=made, items=[])["node"]["items"] == []
    assert {order for shuffled, order in orders if not shuffled} == {(1.0, 2.0, 3.0, 4.0)}
    assert len({order for shuffled, order in orders if shuffled}) > 1


def test_an_invoice_turns_overdue_by_the_calendar_alone() -> None:
    stage = WaveStage()
    made = stage.invoice("id modifiedAt", status="SAVED", dueDate="2030-01-05")["node"]
    read = f'invoice(id:"{made["id"]}"){{status modifiedAt}}'
    assert stage.below(read)["invoice"] == {"status": "SAVED", "modifiedAt": made["modifiedAt"]}
    stage.clock.advance(7 * DAY_S)
    assert stage.below(read)["invoice"] == {"status": "OVERDUE", "modifiedAt": made["modifiedAt"]}


def test_an_invoice_that_is_closed_refuses_patches_or_ignores_them() -> None:
    for ignored in (False, True):
        stage = WaveStage(closed_patch_ignored=ignored)
        made = stage.invoice(status="SAVED", dueDate="2029-01-05")["node"]["id"]
        answer = stage.mutate("invoicePatch", "memo", id=made, memo="late")
        assert answer["didSucceed"] is ignored
        assert stage.below(f'invoice(id:"{made}"){{memo}}')["invoice"] == {"memo": None}


def test_the_life_of_an_invoice_shows_in_its_status_and_in_what_is_owed() -> None:
    stage = WaveStage()
    customer = stage.customer()
    items = [{"productId": stage.product("a", "10")}]
    made = stage.invoice(customerId=customer, items=items, dueDate="2030-02-01")["node"]["id"]
    owed = f'customer(id:"{customer}"){{outstandingAmount{{value}} overdueAmount{{value}}}}'
    cash = edges(stage.below("accounts(subtypes:[CASH_AND_BANK]){edges{node{id}}}")["accounts"])[0]["id"]

    def pay(amount: str, account: str = cash) -> dict[str, Any]:
        more = {"paymentDate": "2030-01-02", "paymentMethod": "CASH", "exchangeRate": "1"}
        return stage.mutate(
            "invoicePaymentCreateManual",
            "status amountDue{value}",
            invoiceId=made,
            paymentAccountId=account,
            amount=amount,
            **more,
        )

    assert stage.below(owed)["customer"]["outstandingAmount"] == {"value": "0.00"}
    assert stage.mutate("invoiceApprove", "status", invoiceId=made)["node"] == {"status": "SAVED"}
    assert stage.below(owed)["customer"]["outstandingAmount"] == {"value": "10.00"}
    sent = stage.mutate("invoiceMarkSent", "status lastSentVia", invoiceId=made, sendMethod="MARKED_SENT")["node"]
    assert sent == {"status": "SENT", "lastSentVia": "MARKED_SENT"}
    assert pay("4")["node"] == {"status": "PARTIAL", "amountDue": {"value": "6.00"}}
    stage.clock.advance(60 * DAY_S)
    assert stage.below(owed)["customer"]["overdueAmount"] == {"value": "6.00"}
    assert pay("6")["node"]["status"] == "PAID"
    assert pay("1")["node"]["status"] == "OVERPAID"
    assert refused_for(pay("1", "?")) == [("input", "paymentAccount", "id")]


def test_mail_is_never_sent() -> None:
    stage = WaveStage()
    made = stage.invoice()["node"]["id"]
    text = "mutation($i:InvoiceSendInput!){invoiceSend(input:$i){didSucceed inputErrors{message}}}"
    sent = {"invoiceId": made, "to": ["a@example.org"], "attachPDF": False}
    answer = stage.ask(text, i=sent)["data"]["invoiceSend"]
    assert answer["didSucceed"] is False
    assert "emailSendEnabled" in answer["inputErrors"][0]["message"]


def test_a_clone_is_a_new_draft() -> None:
    stage = WaveStage()
    product = stage.product()
    made = stage.invoice(items=[{"productId": product, "quantity": "2"}], status="SAVED", memo="m")["node"]["id"]
    node = stage.mutate("invoiceClone", "id status memo invoiceNumber items{quantity}", invoiceId=made)["node"]
    assert node["id"] != made
    assert (node["status"], node["memo"], node["invoiceNumber"]) == ("DRAFT", "m", "2")
    assert node["items"] == [{"quantity": "2.00000000"}]


def test_sent_invoices_may_be_undeletable_and_numbers_unique() -> None:
    for strict in (False, True):
        stage = WaveStage(sent_invoices_kept=strict, unique_invoice_numbers=strict)
        made = stage.invoice(status="SAVED", dueDate="2029-01-05", invoiceNumber="A")["node"]["id"]
        assert stage.invoice(invoiceNumber="A")["didSucceed"] is not strict
        assert stage.mutate("invoicePatch", id=stage.invoice()["node"]["id"], invoiceNumber="B")["didSucceed"]
        assert stage.mutate("invoiceDelete", "", invoiceId=made)["didSucceed"] is not strict


# tokens


def ask_for_token(stage: WaveStage, path: str = "/oauth2/token/", **form: str) -> tuple[int, dict[str, Any]]:
    answer = stage.request(urlencode(form).encode(), path=path, token="")
    return answer.status, json.loads(answer.body) if answer.content_type == "application/json" else {}


@pytest.mark.parametrize("rotates", [False, True])
def test_a_refresh_token_is_spent_by_using_it_or_not(rotates: bool) -> None:
    stage = WaveStage(rotating_refresh_tokens=rotates, full_access_tokens=False)
    auth = stage.account().auth
    form = {"grant_type": "refresh_token", "client_id": auth.client_id, "client_secret": auth.client_secret}
    status, first = ask_for_token(stage, refresh_token=auth.refresh_token, **form)
    assert (status, first["expires_in"], first["businessId"]) == (200, LIFETIME_S, stage.business)
    assert (first["refresh_token"] != auth.refresh_token) is rotates
    assert ask_for_token(stage, refresh_token=auth.refresh_token, **form)[0] == (400 if rotates else 200)
    assert ask_for_token(stage, refresh_token=first["refresh_token"], **form)[0] == 200


def test_tokens_die_of_age_and_when_told() -> None:
    stage = WaveStage(full_access_tokens=False)
    auth = stage.account().auth
    form = {"grant_type": "refresh_token", "client_id": auth.client_id, "client_secret": auth.client_secret}
    token, other = (ask_for_token(stage, refresh_token=auth.refresh_token, **form)[1]["access_token"] for _ in range(2))
    assert stage.request({"query": "{user{id}}"}, token=token).status == 200
    stage.emulator.expire_token(token)
    assert stage.request({"query": "{user{id}}"}, token=token).status == 401
    stage.clock.advance(LIFETIME_S)
    assert stage.request({"query": "{user{id}}"}, token=other).status == 401


def test_the_token_address_needs_its_slash_and_right_answers() -> None:
    stage = WaveStage(full_access_tokens=False)
    auth = stage.account().auth
    form = {"client_id": auth.client_id, "client_secret": auth.client_secret}
    assert ask_for_token(stage, path="/oauth2/token", grant_type="refresh_token", **form)[0] == 404
    spent = {"refresh_token": "x", **form}
    assert ask_for_token(stage, grant_type="refresh_token", **spent) == (400, {"error": "invalid_grant"})
    assert ask_for_token(stage, grant_type="password", **form) == (400, {"error": "unsupported_grant_type"})
    assert ask_for_token(stage, grant_type="authorization_code", code="x", **form)[0] == 400
    wrong = {"client_id": auth.client_id, "client_secret": "wrong"}
    assert ask_for_token(stage, grant_type="refresh_token", **wrong) == (401, {"error": "invalid_client"})


def test_a_person_lets_an_application_in_by_a_code() -> None:
    stage = WaveStage(full_access_tokens=False)
    auth = stage.account("engine").auth
    query = {"client_id": auth.client_id, "response_type": "code", "redirect_uri": auth.redirect_url, "state": "s"}
    asked = Request(method="GET", path="/oauth2/authorize/", query=query, headers={}, body=b"", base_url=URL)
    answer = stage.emulator.answer(asked)
    assert answer.status == 302
    told = dict(part.split("=") for part in answer.headers["location"].partition("?")[2].split("&"))
    assert told["state"] == "s"
    form = {"client_id": auth.client_id, "client_secret": auth.client_secret, "redirect_uri": auth.redirect_url}
    status, token = ask_for_token(stage, grant_type="authorization_code", code=told["code"], **form)
    assert status == 200
    body = json.loads(stage.request({"query": "{user{defaultEmail}}"}, token=token["access_token"]).body)
    assert body["data"]["user"]["defaultEmail"] == "engine@wave.example"
    assert stage.emulator.answer(replace(asked, query={})).status == 400


# what is emulated


def test_equal_seeds_give_equal_ids_and_tokens() -> None:
    first, second = WaveStage(), WaveStage()
    assert first.account() == second.account()
    assert first.customer() == second.customer()
    assert first.business.startswith("QnVzaW5lc3M6")


def test_a_system_with_other_entities_works_without_those_of_wave() -> None:
    schema = wave_schema()
    customer = schema.entity("Customer")
    assert customer is not None
    kept = tuple(f for f in customer.fields if f.path in ("id", "name", "email", "modifiedAt"))
    small = replace(schema, entities=(replace(customer, name="Vendor", fields=kept, created_field=None),))
    stage = WaveStage(schema=small)
    assert stage.mutate("vendorCreate", "name", name="v")["node"] == {"name": "v"}
    assert len(stage.below("vendors{edges{node{id}}}")["vendors"]["edges"]) == 1
    assert stage.ask("{businesses{edges{node{id}}}}")["data"]["businesses"]["edges"] == [
        {"node": {"id": stage.business}}
    ]


def test_every_unconfirmed_behaviour_is_a_switch_with_words() -> None:
    assert all(quirk.says for quirk in WaveEmulator.QUIRKS.values())
    assert sum(quirk.unconfirmed for quirk in WaveEmulator.QUIRKS.values()) == len(WaveEmulator.QUIRKS) - 2
