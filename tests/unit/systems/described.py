"""Random descriptions of REST APIs, and a stage on which client, connector and emulator speak as described."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
from hypothesis import strategies as st

from talkqa.model.rest import (
    GENERIC_API,
    GENERIC_ENTITY,
    Caller,
    ErrorShape,
    Find,
    Paging,
    RestApi,
    RestAuth,
    RestEntity,
    Since,
    Write,
)
from talkqa.model.schema import EntitySchema, FieldType, SystemSchema
from talkqa.sandbox.connectors.rest import RestConnector
from talkqa.sandbox.dialects.rest import RestEmulator
from talkqa.sandbox.store import SystemStore
from talkqa.systems.connect import make_client
from talkqa.systems.rest import RestClient
from tests.fakes.clock import FakeClock
from tests.fakes.virtual import run_virtual
from tests.unit.systems.tiny_system import field, read_only

PERSON = EntitySchema(
    name="Person",
    fields=(
        read_only("id", FieldType.ID),
        replace(read_only("changedAt", FieldType.DATETIME), nullable=False),
        read_only("changedBy"),
        field("name", max_length=40, required=True),
        field("mail", FieldType.EMAIL),
        field("born", FieldType.DATE),
        field("seen", FieldType.DATETIME),
        field("credit", FieldType.DECIMAL, scale=2),
        field("rank", FieldType.INTEGER),
        field("active", FieldType.BOOLEAN),
        field("home.city"),
        field("patron", FieldType.REFERENCE, references=("Person",)),
        field("phones.number", list_at="phones"),
        field("phones.kind", list_at="phones"),
    ),
    modified_field="changedAt",
    modified_by_field="changedBy",
    name_field="name",
)
PATHS = st.sampled_from([(), ("data",), ("result", "items")])
FORMS = st.sampled_from(["iso", "epoch-s", "epoch-ms", "dd.MM.yyyy HH:mm:ss", "yyyyMMddHHmmss"])
DAYS = st.sampled_from(["iso", "epoch-s", "epoch-ms", "dd.MM.yyyy", "MM/dd/yyyy"])
AUTHS = st.sampled_from(
    [
        RestAuth(kinds=("bearer",)),
        RestAuth(kinds=("basic",)),
        RestAuth(kinds=("api-key", "basic"), header="X-Key"),
        RestAuth(kinds=("api-key",), query="api_key"),
        RestAuth(kinds=("client-credentials",)),
    ]
)
ERRORS = st.sampled_from(
    [
        ErrorShape(),
        ErrorShape(kind="object", items=("error",), code=("type",), message=("detail", "text"), field=("param",)),
        ErrorShape(kind="object", items=(), code=("code",), message=("message",), field=("target",)),
        ErrorShape(kind="fields", items=("errors",)),
        ErrorShape(items=(), field=("path",)),
    ]
)
ORDER = (("sort", "changedAt"), ("dir", "asc"))


@st.composite
def pagings(draw: st.DrawFn) -> Paging:
    """Every kind, with pages so small that lists have several."""
    kind = draw(st.sampled_from(["none", "offset", "page", "cursor", "link"]))
    size_param = draw(st.sampled_from(["", "limit"]))
    size = draw(st.integers(1, 4))
    if kind == "link":
        return Paging(kind=kind, size_param=size_param, size=size, next=draw(st.sampled_from([(), ("links", "next")])))
    return Paging(
        kind=kind,
        param="" if kind == "none" else {"offset": "start", "page": "page", "cursor": "token"}[kind],
        size_param=size_param,
        size=size,
        first=draw(st.sampled_from([0, 1])),
        next=("paging", "next") if kind == "cursor" else (),
    )


@st.composite
def entities(draw: st.DrawFn) -> RestEntity:
    """How one entity is spoken of."""
    paging = draw(pagings())
    records = draw(PATHS)
    if paging.next:  # a list that is the body has no room beside it
        records = records or ("data",)
    path = draw(st.sampled_from(["/people", "/v2/{entity}", "/people?expand=all"]))
    since = draw(
        st.none()
        | st.builds(
            Since,
            param=st.just("changed_since"),
            form=st.sampled_from(["", "iso", "epoch-ms", "yyyy-MM-dd"]),
            inclusive=st.booleans(),
            overlap_s=st.sampled_from([0.0, 3.0]),
        )
    )
    answers = st.sampled_from(["record", "id", "nothing"])
    envelope = draw(st.sampled_from([(), ("person",)]))
    record = draw(PATHS)
    return RestEntity(
        path=path,
        item=draw(st.sampled_from(["", "/person/{id}", "/people({id})", "/one?key={id}"])),
        get=draw(st.sampled_from([True, True, False])),
        records=records,
        record=record,
        paging=paging,
        since=since,
        order=draw(st.sampled_from([(), ORDER])),
        find=draw(st.sampled_from([Find(), Find(filters=(("mail", "email"), ("born", "born_on"))), Find(search="q")])),
        create=Write(method=draw(st.sampled_from(["POST", "PUT"])), envelope=envelope, answer=draw(answers)),
        update=draw(
            st.builds(
                Write,
                method=st.sampled_from(["PATCH", "PUT", "POST"]),
                path=st.sampled_from(["", "/people/{id}/edit"]),
                whole=st.booleans(),
                envelope=st.just(envelope),
                answer=answers,
                content_type=st.sampled_from(["application/json", "application/merge-patch+json"]),
            )
        ),
        delete=Write(method="DELETE", path=draw(st.sampled_from(["", "/people/remove?ids={id}"]))),
        deleted=draw(st.sampled_from([(), ("gone",)])),
        conditional=draw(st.booleans()),
        headers=(("x-version", "3"),),
        forms=draw(st.sampled_from([(), (("seen", "epoch-s"),)])),
    )


@st.composite
def systems(draw: st.DrawFn) -> SystemSchema:
    """A system of persons behind any API that can be described."""
    api = RestApi(
        auth=draw(AUTHS),
        errors=draw(ERRORS),
        datetimes=draw(FORMS),
        dates=draw(DAYS),
        decimals=draw(st.sampled_from(["number", "text"])),
        references=draw(st.sampled_from(["plain", "object"])),
        reference_key=draw(st.sampled_from(["id", "ref"])),
        ids=draw(st.sampled_from(["text", "number"])),
        headers=(("x-client", "talkqa"),),
        ok=draw(st.sampled_from([(), (200,), (200, 201, 204)])),
        caller=draw(st.sampled_from([None, Caller(path="/me", user=("login",), name=("profile", "mail"))])),
    )
    person = replace(PERSON, rest=draw(entities()))
    return SystemSchema(name="People", entities=(person,), rest=api)


def spelled_out() -> SystemSchema:
    """The generic dialect, described."""
    return SystemSchema(name="People", entities=(replace(PERSON, rest=GENERIC_ENTITY),), rest=GENERIC_API)


class Stage:
    """One emulated system and whoever speaks with it."""

    def __init__(self, schema: SystemSchema) -> None:
        self.clock = FakeClock()
        self.emulator = RestEmulator(SystemStore(schema, self.clock, 0), self.clock)
        self.requests: list[httpx.Request] = []
        account = self.emulator.account("http://people.sandbox", "harness")
        self.transport = httpx.ASGITransport(app=self.emulator)
        http = httpx.AsyncClient(transport=self.transport, event_hooks={"request": [self._note]})
        client = make_client(schema, account, http, clock_now=self.clock.now, stamp=self.clock.stamp)
        assert isinstance(client, RestClient)
        self.client = client
        self.connector = RestConnector(schema, self.emulator.account("http://people.sandbox", "engine"), self.transport)

        self.meanwhile: Callable[[], None] = lambda: None
        """Called before each request of the client is carried."""

    async def _note(self, request: httpx.Request) -> None:
        self.requests.append(request)
        self.meanwhile()


def play(schema: SystemSchema, story: Callable[[Stage], Awaitable[Any]]) -> Any:
    """What a story gives that is told on a stage of its own."""

    async def main() -> Any:
        return await story(Stage(schema))

    return run_virtual(main)
