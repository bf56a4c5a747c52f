# ruff: noqa: S608 - queries are what is tested
"""Queries are read as the vendor reads them, and answered batch by batch."""

from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkqa.sandbox.dialects.salesforce.refusals import ApiFault
from talkqa.sandbox.dialects.salesforce.soql import Combination, Comparison, Literal, Ordering, Query, read_query
from talkqa.systems.soql import quote as quoted
from tests.unit.sandbox.salesforce_kit import AT, Org, refusal, told


@pytest.fixture(scope="module")
def org() -> Org:
    """An org with three contacts of two companies, a minute apart, and one task."""
    made = Org()
    acme = made.make("Account", Name="Acme", AnnualRevenue=12.5, NumberOfEmployees=3)
    made.make("Contact", LastName="Quist", FirstName="Ada", AccountId=acme, Birthdate="1999-12-31", MailingCity="Oslo")
    made.clock.advance(60)
    made.make("Contact", LastName="O'Neil 100%", Birthdate="2000-01-01", HasOptedOutOfFax=True)
    made.clock.advance(60)
    made.make("Contact", LastName="zeta_x\\y", FirstName="Bo", AccountId=acme)
    made.make("Task", Subject="Call", WhatId=acme, ActivityDate="2030-01-01")
    return made


def names(org: Org, condition: str, rest: str = "", kind: str = "Contact", field: str = "LastName") -> list[Any]:
    where = f" WHERE {condition}" if condition else ""
    return [row[field] for row in org.rows(f"SELECT {field} FROM {kind}{where} {rest}")]


ADA, NEIL, ZETA = "Quist", "O'Neil 100%", "zeta_x\\y"


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("LastName = 'QUIST'", [ADA]),
        ("LastName != 'quist'", [NEIL, ZETA]),
        ("LastName <> 'quist'", [NEIL, ZETA]),
        ("FirstName != 'Ada'", [NEIL, ZETA]),
        ("LastName = 'O\\'Neil 100%'", [NEIL]),
        ('LastName = "x"', None),
        ("LastName = 'zeta_x\\\\y'", [ZETA]),
        ("lastname like 'o\\'n%'", [NEIL]),
        ("LastName LIKE '%100\\%'", [NEIL]),
        ("LastName LIKE '%\\\\y'", [ZETA]),
        ("LastName LIKE '_uist'", [ADA]),
        ("LastName LIKE 'zeta\\_%'", [ZETA]),
        ("LastName LIKE 'Qui'", []),
        ("LastName = '\\u0051uist'", [ADA]),
        ("FirstName = null", [NEIL]),
        ("FirstName != NULL", [ADA, ZETA]),
        ("FirstName = ''", [NEIL]),
        ("FirstName IN ('Ada', 'BO')", [ADA, ZETA]),
        ("FirstName IN ('Ada', null)", [ADA, NEIL]),
        ("FirstName NOT IN ('Ada')", [NEIL, ZETA]),
        ("LastName > 'p'", [ADA, ZETA]),
        ("HasOptedOutOfFax = TRUE", [NEIL]),
        ("HasOptedOutOfFax = false AND FirstName = 'Bo'", [ZETA]),
        ("FirstName = 'Ada' OR FirstName = 'Bo'", [ADA, ZETA]),
        ("NOT FirstName = 'Ada'", [NEIL, ZETA]),
        ("(FirstName = 'Ada' OR FirstName = 'Bo') AND (NOT (LastName = 'Quist'))", [ZETA]),
        ("Birthdate = 1999-12-31", [ADA]),
        ("Birthdate > 1999-12-31", [NEIL]),
        ("Birthdate <= 1999-12-31", [ADA]),
        ("Birthdate < TODAY", [ADA, NEIL]),
        ("Birthdate = null", [ZETA]),
        ("CreatedDate > 2030-01-01T00:00:00Z", [NEIL, ZETA]),
        ("CreatedDate >= 2030-01-01T01:01:00.999+01:00", [NEIL, ZETA]),
        ("SystemModstamp >= 2030-01-01T00:01:00Z AND SystemModstamp < 2030-01-01T00:02:00Z", [NEIL]),
        ("CreatedDate = TODAY", [ADA, NEIL, ZETA]),
        ("CreatedDate = YESTERDAY", []),
        ("CreatedDate < TOMORROW", [ADA, NEIL, ZETA]),
        ("CreatedDate = LAST_N_DAYS:7", [ADA, NEIL, ZETA]),
        ("CreatedDate > NEXT_N_DAYS:7", []),
        ("Account.Name = 'Acme'", [ADA, ZETA]),
        ("Account.AnnualRevenue > 12.4", [ADA, ZETA]),
        ("Account.NumberOfEmployees >= 4", []),
        ("Account.Name = null", [NEIL]),
        ("Contact.LastName = 'Quist'", [ADA]),
        ("Id = '0035g000000AAAA'", []),
    ],
)
def test_conditions_choose_rows(org: Org, condition: str, found: list[str] | None) -> None:
    """Text without regard to case, dates and moments as such, null where nothing is held."""
    if found is None:
        assert refusal(org.ask("GET", f"/query?q={quote(f'SELECT Id FROM Contact WHERE {condition}')}"))[0] == 400
    else:
        assert names(org, condition) == found


def test_relative_dates_mean_whole_days(org: Org) -> None:
    """For dates and for moments."""
    assert names(org, "ActivityDate = TODAY", kind="Task", field="Subject") == ["Call"]
    assert names(org, "ActivityDate >= YESTERDAY", kind="Task", field="Subject") == ["Call"]
    assert names(org, "ActivityDate > TODAY", kind="Task", field="Subject") == []


def test_ids_are_found_in_either_length_and_with_their_case(org: Org) -> None:
    """15 or 18 characters; another case is another record."""
    [ada] = names(org, "FirstName = 'Ada'", field="Id")
    assert names(org, f"Id = '{ada}'") == names(org, f"Id IN ('{ada[:15]}')") == [ADA]
    assert names(org, f"Id LIKE '{ada[:9]}%'")[0] == ADA
    assert names(org, f"Id = '{ada[:15].swapcase()}'") == []


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELECT Id FROM Nope", 400, "INVALID_TYPE"),
        ("SELECT Nope FROM Contact", 400, "INVALID_FIELD"),
        ("SELECT Nope.Name FROM Contact", 400, "INVALID_FIELD"),
        ("SELECT LastName.Name FROM Contact", 400, "INVALID_FIELD"),
        ("SELECT Account.Nope FROM Contact", 400, "INVALID_FIELD"),
        ("SELECT Account.Owner.Manager.A.B.C.D FROM Contact", 400, "MALFORMED_QUERY"),
        ("SELECT Id, id FROM Contact", 400, "MALFORMED_QUERY"),
        ("SELECT * FROM Contact", 400, "MALFORMED_QUERY"),
        ("SELECT FROM Contact", 400, "MALFORMED_QUERY"),
        ("", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE FirstName = 'a", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE FirstName = 'a\\q'", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE FirstName = 'a' AND LastName = 'b' OR Title = 'c'", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact LIMIT many", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 2030-01-01T00:00:00 01:00", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 2030-13-01T00:00:00Z", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Birthdate > 2030-02-30", 400, "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE CreatedDate > '2030-01-01T00:00:00Z'", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 2030-01-01", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Birthdate > 5", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE FirstName = 5", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE HasOptedOutOfFax = 'true'", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE MailingAddress = 'x'", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact ORDER BY Description", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE AccountId = 'x'", 400, "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE Birthdate LIKE '1%'", 400, "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE FirstName LIKE null", 400, "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE CreatedDate = LAST_N_DAYS:999999999", 400, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT Id FROM Contact OFFSET 2001", 400, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT FIELDS(ALL) FROM Contact", 400, "MALFORMED_QUERY"),
        ("SELECT FIELDS(CUSTOM) FROM Contact LIMIT 201", 400, "MALFORMED_QUERY"),
        (f"SELECT Id FROM Contact WHERE {'NOT ' * 300} FirstName = 'a'", 400, "MALFORMED_QUERY"),
    ],
)
def test_wrong_queries_are_refused_with_the_vendors_code(org: Org, query: str, status: int, code: str) -> None:
    """Unknown names, wrong quoting, what cannot be filtered, and what is no query at all."""
    assert refusal(org.ask("GET", f"/query?q={quote(query)}"))[:2] == (status, [code])


def test_rows_come_in_the_order_asked_for(org: Org) -> None:
    """Nothing held comes first unless it is to come last; text is ordered without case."""
    assert names(org, "", "ORDER BY LastName") == [NEIL, ADA, ZETA]
    assert names(org, "", "ORDER BY LastName DESC") == [ZETA, ADA, NEIL]
    assert names(org, "", "ORDER BY FirstName") == [NEIL, ADA, ZETA]
    assert names(org, "", "order by FirstName asc nulls last") == [ADA, ZETA, NEIL]
    assert names(org, "", "ORDER BY HasOptedOutOfFax DESC, SystemModstamp DESC") == [NEIL, ZETA, ADA]
    assert names(org, "", "ORDER BY SystemModstamp LIMIT 1 OFFSET 1") == [NEIL]
    assert names(org, "", "LIMIT 2") == [ADA, NEIL]


def test_counts_have_no_rows(org: Org) -> None:
    """The count is the total size, with limit and offset taken into account."""
    assert org.query("SELECT COUNT() FROM Contact") == {"totalSize": 3, "done": True, "records": []}
    assert org.query("SELECT count( ) FROM Contact WHERE FirstName != null LIMIT 1")["totalSize"] == 1


def test_parents_are_objects_in_the_row(org: Org) -> None:
    """Null where there is no parent; deeper ones inside."""
    rows = org.rows("SELECT LastName, account.name, Account.CreatedBy.Username, Owner.Name FROM Contact")
    acme = rows[0]["Account"]
    assert (acme["attributes"]["type"], acme["Name"]) == ("Account", "Acme")
    assert acme["CreatedBy"]["Username"] == "harness@talkqa.example"
    assert rows[0]["Owner"]["Name"] == "Talk harness"
    assert rows[1]["Account"] is None
    assert org.rows("SELECT What.Name FROM Task")[0]["What"]["Name"] == "Acme"


def test_all_fields_can_be_asked_for_with_a_limit(org: Org) -> None:
    """ALL, STANDARD and CUSTOM; beside others, each once."""
    [row] = org.rows("SELECT FIELDS(ALL) FROM Contact LIMIT 1")
    assert row["LastName"] == ADA
    assert org.rows("SELECT Id, FIELDS(STANDARD) FROM Contact")[0]["FirstName"] == "Ada"
    assert set(org.rows("SELECT FIELDS(custom) FROM Contact LIMIT 1")[0]) == {"attributes"}


def test_batches_follow_each_other() -> None:
    """Each names the next, relative to the host, until it is done; the rows are those of the first moment."""
    org = Org(small_batches=True)
    made = [org.make("Product2", Name=f"Bolt {number:02d}") for number in range(45)]
    first = org.query("SELECT Id FROM Product2 ORDER BY Name")
    assert (first["totalSize"], first["done"], len(first["records"])) == (45, False, 20)
    assert first["nextRecordsUrl"].startswith(f"{AT}/query/01g")
    org.make("Product2", Name="Bolt 00b")
    second = told(org.send("GET", first["nextRecordsUrl"]))
    third = told(org.send("GET", second["nextRecordsUrl"]))
    assert (third["done"], "nextRecordsUrl" in third) == (True, False)
    assert [row["Id"] for page in (first, second, third) for row in page["records"]] == made
    skipping = org.query("SELECT Id FROM Product2 OFFSET 1")
    assert (len(skipping["records"]), skipping["done"], "nextRecordsUrl" in skipping) == (20, True, False)


def test_the_size_of_batches_is_a_hint() -> None:
    """200 to 2000."""
    org = Org()
    for number in range(201):
        org.make("Product2", Name=f"Bolt {number}")
    query = "SELECT Id FROM Product2"
    assert len(org.query(query)["records"]) == 201
    assert len(org.query(query, sforce_query_options="batchSize=5")["records"]) == 200
    assert len(org.query(query, sforce_query_options="batchSize=99999")["records"]) == 201


def test_a_cursor_that_is_over_is_refused() -> None:
    """Unknown ones, wrong places, and the oldest of very many."""
    org = Org(small_batches=True)
    for number in range(25):
        org.make("Product2", Name=f"Bolt {number}")
    query = "SELECT Id FROM Product2"
    first = org.query(query)["nextRecordsUrl"]
    assert told(org.send("GET", first))["done"] is True
    for wrong in (first.rpartition("-")[0], f"{first}0", f"{first}x", f"{AT}/query/nothing-20"):
        assert refusal(org.send("GET", wrong))[1] == ["INVALID_QUERY_LOCATOR"]
    assert len({org.query(query)["nextRecordsUrl"] for _ in range(50)}) == 50
    assert refusal(org.send("GET", first))[1] == ["INVALID_QUERY_LOCATOR"]


def test_a_query_is_read_into_values() -> None:
    """Names as written, literals by kind."""
    where = "(a = 'b' and not c in (1, 2.5))"
    text = f"select Id , Account.Name from Contact where {where} order by d desc, e limit 5 offset 0"
    assert read_query(text) == Query(
        entity="Contact",
        columns=("Id", "Account.Name"),
        condition=Combination(
            how="AND",
            parts=(
                Comparison(path="a", operator="=", literals=(Literal(kind="text", value="b"),)),
                Combination(
                    how="NOT",
                    parts=(
                        Comparison(
                            path="c",
                            operator="IN",
                            literals=(Literal(kind="number", value=1.0), Literal(kind="number", value=2.5)),
                        ),
                    ),
                ),
            ),
        ),
        order=(
            Ordering(path="d", descending=True, nulls_last=False),
            Ordering(path="e", descending=False, nulls_last=False),
        ),
        limit=5,
        offset=0,
    )


@given(st.text())
def test_any_text_survives_being_quoted_and_read(text: str) -> None:
    """What the client writes between quotes is what the org reads there."""
    query = read_query(f"SELECT Id FROM Contact WHERE LastName = {quoted(text)}")
    assert isinstance(query.condition, Comparison)
    assert query.condition.literals == (Literal(kind="text", value=text),)


@given(st.text(alphabet="SELECTFROMWHEREidA'\\%_ ()=<>!,.:0123456789-TZ\n", max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """It is a query, or it is refused."""
    for candidate in (text, f"SELECT Id FROM Contact WHERE {text}"):
        with suppress(ApiFault):
            assert read_query(candidate).entity


@given(st.dates(min_value=date(1970, 1, 2), max_value=date(2100, 1, 1)), st.integers(min_value=-1, max_value=1))
def test_days_compare_as_days(day: date, shift: int) -> None:
    """Equal on the day itself alone."""
    org = ORG
    org.ask("PATCH", f"/sobjects/Contact/{WHO}", {"Birthdate": day.isoformat()})
    other = (day + timedelta(days=shift)).isoformat()
    assert bool(names(org, f"Birthdate = {other}")) is (shift == 0)
    assert bool(names(org, f"Birthdate < {other}")) is (shift == 1)
    assert bool(names(org, f"Birthdate >= {other}")) is (shift <= 0)


ORG = Org()
WHO = ORG.make("Contact", LastName="Born")
