"""An emulated OData service is as strict as version 4: names, keys, query options, versions of records."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.unit.sandbox.described_kit import Stage, play


async def make(stage: Stage, number: int = 1) -> list[str]:
    """Some debtors with an order each."""
    made = []
    for at in range(number):
        debtor = (await stage.ask("POST", "/Debtor", {"title": f"d{at}", "staff": at, "active": at % 2 == 0})).json()
        await stage.ask(
            "POST", "/Order", {"title": "o", "debtor": debtor["id"], "lines": [{"text": "a", "amount": at}]}
        )
        made.append(debtor["id"])
    return made


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("staff ge 1 and staff lt 3", [1, 2]),
        ("staff gt 1 or title eq 'd0'", [0, 2, 3]),
        ("not (staff le 1)", [2, 3]),
        ("active eq true", [0, 2]),
        ("visiting/city eq null", [0, 1, 2, 3]),
        ("startswith(title,'d') and endswith(title,'3')", [3]),
        ("contains(toupper(title),'D2')", [2]),
        ("length(trim(tolower(title))) ne 2", []),
        ("contains(visiting/city,'x')", []),
        ("since lt 2020-01-01", []),
        ("changedAt ge 2020-01-01T00:00:00Z", [0, 1, 2, 3]),
        ("changedBy eq 'harness'", [0, 1, 2, 3]),
    ],
)
def test_filters(said: str, found: list[int]) -> None:
    async def story(stage: Stage) -> Any:
        await make(stage, 4)
        answer = await stage.ask("GET", f"/Debtor?$filter={quote(said)}&$orderby=staff")
        return [row["staff"] for row in answer.json()["value"]]

    assert play("odata", story) == found


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("lines/any(l: l/amount gt 0)", 1),
        ("lines/all(l: l/text eq 'a')", 2),
        ("lines/any(l: l/text eq 'b')", 0),
    ],
)
def test_lists_are_looked_into(said: str, count: int) -> None:
    async def story(stage: Stage) -> Any:
        await make(stage, 2)
        return len((await stage.ask("GET", f"/Order?$filter={quote(said)}&$expand=lines")).json()["value"])

    assert play("odata", story) == count


def test_pages_go_on_where_the_last_one_ended() -> None:
    """Whatever order was asked for; with $top there is one page."""

    async def story(stage: Stage) -> None:
        for number in range(120):
            await stage.ask("POST", "/Plain", {"name": f"{number:03d}"})
        for order in ("", "&$orderby=name", "&$orderby=name desc", "&$orderby=off"):
            url, rows, pages = f"/Plain?x=1{order}", [], 0
            while url:
                body = (await stage.ask("GET", url)).json()
                rows += [row["name"] for row in body["value"]]
                url, pages = body.get("@odata.nextLink", ""), pages + 1
            assert (len(rows), len(set(rows)), pages) == (120, 120, 3)
            if "name" in order:
                assert rows == sorted(rows, reverse="desc" in order)
        one = (await stage.ask("GET", "/Plain?$top=2")).json()
        assert len(one["value"]) == 2
        assert "@odata.nextLink" not in one

    play("odata", story)


def test_navigation_properties_are_shown_where_they_are_expanded() -> None:
    async def story(stage: Stage) -> None:
        await make(stage)
        (row,) = (await stage.ask("GET", "/Order")).json()["value"]
        assert "lines" not in row
        assert "_modified" not in row
        (row,) = (await stage.ask("GET", "/Order?$expand=lines")).json()["value"]
        assert row["lines"] == [{"text": "a", "amount": 0}]

    play("odata", story)


def test_a_version_can_be_insisted_on() -> None:
    async def story(stage: Stage) -> None:
        made = await stage.ask("POST", "/Debtor", {"title": "x", "@odata.type": "#Debtor", "grade": 2})
        url, etag = made.headers["location"], made.json()["@odata.etag"]
        assert made.json()["grade"] == "2"
        assert (await stage.ask("PATCH", url, {"staff": 1}, **{"if-match": etag})).status_code == 204
        assert (await stage.ask("PATCH", url, {"staff": 2}, **{"if-match": etag})).status_code == 412
        assert (await stage.ask("DELETE", url, **{"if-match": "*"})).status_code == 204
        assert (await stage.ask("GET", url)).status_code == 404

    play("odata", story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/debtor", None, 404, "not_found"),
        ("GET", "/Debtor/1", None, 404, "not_found"),
        ("GET", "/Secret", None, 403, "licence_required"),
        ("GET", "/Debtor('x''y')", None, 404, "not_found"),
        ("PUT", "/Debtor", {}, 405, "not_allowed"),
        ("GET", "/Debtor?$search=x", None, 400, "bad_query"),
        ("GET", "/Debtor?$expand=lines", None, 400, "bad_query"),
        ("GET", "/Debtor?$orderby=nothing", None, 400, "bad_query"),
        ("GET", "/Debtor?$skiptoken=x", None, 400, "bad_query"),
        ("GET", "/Debtor?$filter=nothing eq 1", None, 400, "bad_query"),
        ("GET", "/Debtor?$filter=title eq", None, 400, "bad_query"),
        ("GET", "/Debtor?$filter=title in ('a','b')", None, 400, "bad_query"),
        ("GET", "/Debtor?$filter=staff add 1 eq 2", None, 400, "bad_query"),
        ("GET", "/Debtor?$filter=year(since) eq 2", None, 400, "bad_query"),
        ("GET", "/Debtor?$filter=nothing/any(l: l/x eq 1)", None, 400, "bad_query"),
        ("POST", "/Debtor", b"[", 400, "bad_body"),
        ("POST", "/Debtor", {}, 400, "required"),
    ],
)
def test_what_is_refused(method: str, path: str, body: Any, status: int, code: str) -> None:
    async def story(stage: Stage) -> tuple[int, str]:
        answer = await stage.ask(method, path, body)
        return answer.status_code, answer.json()["error"]["code"]

    assert play("odata", story) == (status, code)


def test_kinds_that_cannot_be_compared_and_records_that_cannot_be_deleted() -> None:
    async def story(stage: Stage) -> None:
        (debtor,) = await make(stage)
        assert (await stage.ask("GET", "/Debtor?$filter=title gt 5")).status_code == 400
        assert (await stage.ask("PUT", f"/Debtor('{debtor}')", {})).status_code == 405
        plain = (await stage.ask("POST", "/Plain", {})).json()["id"]
        assert (await stage.ask("DELETE", f"/Plain('{plain}')")).status_code == 405
        several = (await stage.ask("POST", "/Debtor", {"title": "x" * 99, "staff": "y"})).json()["error"]
        assert several["details"]
        assert {several["target"], *(one["target"] for one in several["details"])} == {"title", "staff"}

    play("odata", story)
