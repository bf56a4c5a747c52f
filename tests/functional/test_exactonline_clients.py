"""Clients that this project did not write work against the emulated Exact Online, served on the loopback interface.

`exactonline` signs in, renews, pages and writes as its users do; `pyodata`, made for any service of OData 2, reads the
service's own description and goes by nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

import pyodata
import pytest

from talkqa.sandbox.dialects.exactonline.emulator import ExactOnlineEmulator
from talkqa.sandbox.store import SystemStore
from tests.fakes.clock import FakeClock
from tests.functional.served import make_certificate, serve_app
from tests.unit.sandbox.exact_kit import exact_schema

needs_exactonline = pytest.mark.skipif(
    find_spec("exactonline") is None, reason="the exactonline package, which is released no more, is not installed"
)


class _Stay(HTTPRedirectHandler):
    """The browser stays where the redirect is told."""

    def redirect_request(self, *arguments: Any, **more: Any) -> None:
        return None


@pytest.fixture
def emulator() -> ExactOnlineEmulator:
    clock = FakeClock()
    return ExactOnlineEmulator(SystemStore(exact_schema(), clock, 0), clock)


@contextmanager
def _served(emulator: ExactOnlineEmulator, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The independent client, signed in as a person would sign in."""
    from exactonline import http
    from exactonline.api import ExactApi
    from exactonline.storage.ini import IniStorage

    certificate = make_certificate(folder)
    monkeypatch.setattr(http.opt_secure, "cacert_file", str(certificate.authority))
    ini = folder / "config.ini"
    office = emulator.office
    with serve_app(emulator, certificate=certificate) as url:
        ini.write_text(
            f"[server]\nauth_url = {url}/api/oauth2/auth\nrest_url = {url}/api\ntoken_url = {url}/api/oauth2/token\n"
            f"[application]\nbase_url = {office.redirect_url}\nclient_id = {{{office.client_id}}}\n"
            f"client_secret = {office.client_secret}\n"
            f"[transient]\ndivision = {emulator.company.division}\n",
            encoding="utf-8",
        )

        class Storage(IniStorage):
            def get_response_url(self) -> str:
                return office.redirect_url

            def get_client_id(self) -> str:
                return office.client_id

        api = ExactApi(storage=Storage(str(ini)))
        api.request_token(_consent(api.create_auth_request_url(), certificate.authority))
        yield api


def _consent(url: str, authority: Path) -> str:
    """The code that the redirect carries."""
    import ssl
    from urllib.error import HTTPError
    from urllib.request import HTTPSHandler

    opener = build_opener(_Stay, HTTPSHandler(context=ssl.create_default_context(cafile=str(authority))))
    try:
        opener.open(url)
    except HTTPError as answer:
        with answer:
            return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    raise AssertionError("nobody was sent back with a code")


@needs_exactonline
def test_the_independent_client_signs_in_writes_reads_pages_and_renews(
    emulator: ExactOnlineEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _served(emulator, tmp_path, monkeypatch) as api:
        assert api.get_divisions()[1] == emulator.company.division
        account = api.relations.create({"Name": "Bolts", "Status": "C"})
        assert account["ID"]
        api.relations.update(account["ID"], {"City": "Delft"})
        found = api.relations.filter(filter="City eq 'delft'", select="ID,Name,Code,City")
        assert [(row["Name"], row["Code"].strip(), row["City"]) for row in found] == [("Bolts", "1", "Delft")]
        assert api.relations.filter(relation_code="1", select="ID")[0]["ID"] == account["ID"]
        contact = api.contacts.create({"Account": account["ID"], "LastName": "Quist", "Email": "q@example.org"})
        rows = api.contacts.filter(filter=f"Account eq guid'{account['ID']}'", select="ID,FullName,BusinessEmail")
        assert [(row["ID"], row["BusinessEmail"]) for row in rows] == [(contact["ID"], "q@example.org")]
        for number in range(70):
            api.relations.create({"Name": f"Bolts {number}"})
        assert len(api.relations.filter(filter="Modified ge datetime'2000-01-01T00:00:00'", select="ID")) == 71
        api.contacts.delete(contact["ID"])
        assert api.contacts.filter(filter=f"ID eq guid'{contact['ID']}'", select="ID") == []
        old = api.storage.get_refresh_token()
        emulator.clock.advance(575)  # type: ignore[attr-defined]
        api.refresh_token()
        assert api.storage.get_refresh_token() != old
        assert api.relations.filter(filter="City eq 'Delft'", select="Name")[0]["Name"] == "Bolts"


@needs_exactonline
def test_the_independent_client_hears_what_was_wrong(
    emulator: ExactOnlineEmulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from exactonline.http import HTTPError

    with _served(emulator, tmp_path, monkeypatch) as api:
        with pytest.raises(HTTPError) as refused:
            api.relations.create({"City": "Delft"})
        assert (refused.value.code, b"Mandatory: Name" in refused.value.response) == (500, True)
        with pytest.raises(HTTPError) as refused:
            api.relations.filter(select="Name")
        assert (refused.value.code, b"mandatory filtering" in refused.value.response) == (400, True)


def test_a_client_of_any_odata_service_goes_by_the_description_alone(emulator: ExactOnlineEmulator) -> None:
    import requests

    with serve_app(emulator) as url, requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {emulator.office.fixed_token('harness')}"

        def service(name: str) -> Any:
            return pyodata.Client(f"{url}/api/v1/{emulator.company.division}/{name}/", session).entity_sets

        crm, logistics = service("crm"), service("logistics")
        start = datetime(2026, 1, 5, tzinfo=UTC)
        account = crm.Accounts.create_entity().set(Name="Bolts", Status="C", StartDate=start).execute()
        item = logistics.Items.create_entity().set(Code="B1", Description="Bolt").execute()
        crm.Accounts.update_entity(account.ID, method="PUT").set(City="Delft").execute()
        read = crm.Accounts.get_entity(account.ID).execute()
        assert (read.Name, read.City, read.StartDate, read.Code) == ("Bolts", "Delft", start, "1".rjust(18))
        asked = crm.Accounts.get_entities().filter("City eq 'delft'").select("ID,Modified").execute()
        assert [(row.ID, row.Modified.year) for row in asked] == [(account.ID, 2030)]
        made = session.post(
            f"{url}/api/v1/{emulator.company.division}/crm/Quotations",
            json={"OrderAccount": account.ID, "QuotationLines": [{"Item": item.ID, "Quantity": 2}]},
            headers={"Accept": "application/json"},
        ).json()["d"]
        quotation = crm.Quotations.get_entity(made["QuotationID"]).expand("QuotationLines").execute()
        assert [line.Quantity for line in quotation.QuotationLines] == [2]
        crm.Quotations.delete_entity(made["QuotationID"]).execute()
        crm.Accounts.delete_entity(account.ID).execute()
        with pytest.raises(pyodata.exceptions.HttpError):
            crm.Accounts.get_entity(account.ID).execute()
