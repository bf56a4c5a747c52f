"""An emulated org for tests: requests in, answers out, on a clock that stands still unless it is moved."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from talkqa.model.schema import SystemSchema
from talkqa.model.settings import Settings
from talkqa.sandbox.dialects.emulator import Answer, Request
from talkqa.sandbox.dialects.salesforce import SalesforceEmulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.registry import find_schema
from tests.fakes.clock import FakeClock

BASE = "https://acme.my.salesforce.com"
AT = "/services/data/v62.0"


def packaged() -> SystemSchema:
    """The schema that talkqa brings."""
    schema = find_schema("Salesforce", Settings())
    assert schema is not None
    return schema


class Org:
    """One org, signed in as the harness."""

    def __init__(
        self,
        *,
        seed: int = 0,
        licences_off: frozenset[str] = frozenset(),
        schema: SystemSchema | None = None,
        **quirks: bool,
    ) -> None:
        self.clock = FakeClock()
        self.store = SystemStore(schema or packaged(), self.clock, seed, licences_off=licences_off)
        named = {name.replace("_", "-"): on for name, on in quirks.items()}
        self.emulator = SalesforceEmulator(self.store, self.clock, quirks=named)
        self.token = ""
        self.token = self.sign_in()

    def sign_in(self, user: str = "harness") -> str:
        auth = self.emulator.account(BASE, user).auth
        form = {"grant_type": "client_credentials", "client_id": auth.client_id, "client_secret": auth.client_secret}
        return str(told(self.ask_token(form))["access_token"])

    def ask_token(self, form: Mapping[str, str], **headers: str) -> Answer:
        return self.send("POST", "/services/oauth2/token", urlencode(form).encode(), headers)

    def send(self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        parts = urlsplit(url)
        signed = {"authorization": f"Bearer {self.token}"} if self.token else {}
        request = Request(
            method=method,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={**signed, **(headers or {})},
            body=body,
            base_url=BASE,
        )
        return self.emulator.answer(request)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """A call below the version; a body that is no text is sent as JSON."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(method, AT + path, content, named)

    def make(self, entity: str, **values: Any) -> str:
        """The id of a new record."""
        answer = self.ask("POST", f"/sobjects/{entity}", values)
        assert answer.status == 201, answer.body
        return str(told(answer)["id"])

    def read(self, entity: str, record_id: str) -> dict[str, Any]:
        return dict(told(self.ask("GET", f"/sobjects/{entity}/{record_id}")))

    def query(self, text: str, *, deleted: bool = False, **headers: str) -> Any:
        return told(self.ask("GET", f"/{'queryAll' if deleted else 'query'}?q={quote(text)}", **headers))

    def rows(self, text: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        return list(self.query(text, deleted=deleted)["records"])


def told(answer: Answer) -> Any:
    """The JSON of an answer."""
    return json.loads(answer.body) if answer.body else None


def refusal(answer: Answer) -> tuple[int, list[str], list[str]]:
    """Status, codes and fields of a refusal."""
    errors = told(answer)
    fields = [name for error in errors for name in error.get("fields", ())]
    return answer.status, [error["errorCode"] for error in errors], fields
