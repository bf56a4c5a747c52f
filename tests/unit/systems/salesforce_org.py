"""A scripted Salesforce org: what each call is answered with is written down, nothing is computed."""

import json
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import trio

from talkqa.model.account import Account
from talkqa.model.record import Exchange
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems.salesforce import SalesforceClient, make_salesforce
from talkqa.systems.session import FixedCredentials, Session

AT = "/services/data/v62.0"


def known(path: str, kind: FieldType = FieldType.STRING, **more: Any) -> FieldSchema:
    return FieldSchema(path=path, type=kind, **more)


CONTACT = EntitySchema(
    name="Contact",
    fields=(
        known("Id", FieldType.ID),
        known("LastName", required=True),
        known("AccountId", required=True),
        known("Gone"),
    ),
    id_field="Id",
    modified_field="LastModifiedDate",
    modified_by_field="LastModifiedById",
    created_field="CreatedDate",
    name_field="LastName",
)
DIVISION = EntitySchema(
    name="Division",
    fields=(known("Id", FieldType.ID), known("IsActive", FieldType.BOOLEAN)),
    id_field="Id",
    archive=("IsActive", False),
    requires="Divisions",
)
INVOICE = EntitySchema(name="Invoice", fields=(known("Id", FieldType.ID),), id_field="Id", create_requires="Billing")
SCHEMA = SystemSchema(
    name="Salesforce",
    entities=(CONTACT, DIVISION, INVOICE, EntitySchema(name="Account", fields=(), id_field="Id")),
    dialect="salesforce",
)


def told_field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """A field as describe tells it."""
    base = {"name": name, "type": kind, "length": 0, "nillable": True, "createable": True, "updateable": True}
    return {**base, "defaultedOnCreate": False, "filterable": True, **more}


def read_only(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return told_field(name, kind, createable=False, updateable=False, nillable=False, defaultedOnCreate=True, **more)


STAMPS = (
    read_only("Id", "id"),
    read_only("IsDeleted", "boolean"),
    read_only("CreatedDate", "datetime"),
    read_only("LastModifiedDate", "datetime"),
    read_only("LastModifiedById", "reference", referenceTo=["User"]),
    read_only("SystemModstamp", "datetime"),
)
MOODS = [{"value": "Good", "active": True}, {"value": "Old", "active": False}, {"active": True}]
DESCRIBED: dict[str, Any] = {
    "name": "Contact",
    "createable": True,
    "updateable": True,
    "deletable": True,
    "fields": [
        *STAMPS,
        told_field("LASTNAME", length=80, nillable=False),
        told_field("AccountId", "reference", referenceTo=["Account", "Robot"]),
        told_field("Mood", "picklist", restrictedPicklist=True, picklistValues=MOODS),
        told_field("Notes", "textarea", length=32000, filterable=False),
        told_field("Short", "textarea", length=255),
        told_field("Hidden", "string", length=20, filterable=False),
        told_field("Children", "int", digits=9),
        told_field("Share", "percent", precision=5, scale=2),
        told_field("Born", "date"),
        told_field("Vip", "boolean", nillable=False, defaultedOnCreate=True),
        told_field("Address", "address"),
        told_field("Code", unique=True, length=10),
    ],
}
ROW: dict[str, Any] = {
    "attributes": {"type": "Contact", "url": f"{AT}/sobjects/Contact/0035g00000HijKlAAJ"},
    "Id": "0035g00000HijKlAAJ",
    "LASTNAME": "Quist",
    "IsDeleted": False,
    "CreatedDate": "2026-01-05T09:30:12.000+0000",
    "LastModifiedDate": "2026-01-05T09:30:12.000+0000",
    "LastModifiedById": "0055g00000XYZabAAH",
    "SystemModstamp": "2026-01-05T09:30:14.000+0000",
    "Children": 2.0,
    "Share": 12.5,
    "Vip": True,
    "Address": {"city": "Oslo"},
    "Born": "1999-12-31",
    "Unheard": "of",
}

Said = tuple[int, Any] | tuple[int, Any, dict[str, str]]


class ScriptedOrg:
    """Answers each call by method and path, one answer after the other, the last one for ever."""

    def __init__(self, **answers: list[Said]) -> None:
        self.script: dict[str, list[Said]] = {}
        self.say("GET /sobjects/Contact/describe", (200, DESCRIBED))
        self.say("GET /sobjects/Contact/0035g00000HijKlAAJ", (200, ROW))
        self.calls: list[tuple[str, Any]] = []
        """Method with path and query `q`, and the body."""
        self.headers: list[dict[str, str]] = []

    def say(self, call: str, *answers: Said) -> None:
        self.script[call] = list(answers)

    def answer(self, request: httpx.Request) -> httpx.Response:
        parts = urlsplit(str(request.url))
        path = parts.path.removeprefix(AT)
        query = parse_qs(parts.query)
        self.calls.append(
            (
                f"{request.method} {path} {query['q'][0]}" if "q" in query else f"{request.method} {path}",
                json.loads(request.content) if request.content else None,
            )
        )
        self.headers.append(dict(request.headers))
        said = self.script.get(f"{request.method} {path}")
        if said is None:
            raise AssertionError(f"nothing is said to {request.method} {path}")
        status, body, *headers = said.pop(0) if len(said) > 1 else said[0]
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return httpx.Response(status, content=content, headers=headers[0] if headers else {})

    def run(
        self,
        story: Callable[[SalesforceClient], Coroutine[Any, Any, Any]],
        *,
        options: dict[str, str] | None = None,
        exchanges: list[Exchange] | None = None,
    ) -> Any:
        """What a story with a client of this org gives."""

        async def main() -> Any:
            async with httpx.AsyncClient(transport=httpx.MockTransport(self.answer)) as http:
                session = Session(
                    http,
                    "https://acme.example",
                    system="Salesforce",
                    credentials=FixedCredentials({"authorization": "Bearer t"}),
                    on_exchange=exchanges.append if exchanges is not None else None,
                )
                account = Account(system="Salesforce", url="https://acme.example", options=options or {})
                return await story(make_salesforce(SCHEMA, account, session))

        return trio.run(main)

    def asked(self, start: str = "") -> list[str]:
        """Calls without their bodies, describes apart."""
        return [call for call, _ in self.calls if call.startswith(start) and not call.endswith("/describe")]


def refused(status: int, code: str, *fields: str, message: str = "no") -> Said:
    """An error as the vendor writes it."""
    return status, [{"errorCode": code, "message": message, **({"fields": list(fields)} if fields else {})}]
