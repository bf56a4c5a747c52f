"""A few lines of the generic dialect over ASGI, for tests of the client and the factory; knows no rules but those told.

Answers may be scripted: `system.answers.append((status, body))` is what the next request gets.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import trio

from talkqa.model.record import Exchange
from talkqa.model.schema import EntitySchema, FieldSchema, FieldType, SystemSchema
from talkqa.systems.rest import RestClient
from talkqa.systems.session import FixedCredentials, Session

Message = MutableMapping[str, Any]
PAGE = 2
"""Small, so that paging is exercised."""


def field(path: str, kind: FieldType = FieldType.STRING, **keys: Any) -> FieldSchema:
    """A field with little typing."""
    return FieldSchema(path=path, type=kind, **keys)


def read_only(path: str, kind: FieldType = FieldType.STRING) -> FieldSchema:
    """A field that the system alone writes."""
    return field(path, kind, createable=False, updateable=False)


def entity(name: str, *fields: FieldSchema, **keys: Any) -> EntitySchema:
    """An entity with an id and a stamp."""
    system_fields = (read_only("id", FieldType.ID), read_only("changed", FieldType.DATETIME))
    return EntitySchema(name=name, fields=(*system_fields, *fields), modified_field="changed", **keys)


class TinySystem:
    """One emulated system: records by entity and id."""

    def __init__(self, *entities: EntitySchema) -> None:
        self.schema = SystemSchema(name="Tiny", entities=entities)
        self.records: dict[tuple[str, str], dict[str, Any]] = {}
        self.order: list[tuple[str, str]] = []
        self.seen: list[tuple[str, str, str, Any]] = []
        """Method, path, query and body of each request."""
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, Any]] = []
        self.delay_s = 0.0

    def client(self, exchanges: list[Exchange] | None = None, *, user: str = "harness", **keys: Any) -> RestClient:
        """A client that speaks with this system in process."""
        http = httpx.AsyncClient(transport=httpx.ASGITransport(app=self))
        tell = exchanges.append if exchanges is not None else None
        session = Session(
            http,
            "http://tiny.sandbox/",
            system=self.schema.name,
            credentials=FixedCredentials({"authorization": f"Bearer {user}"}),
            on_exchange=tell,
            **keys,
        )
        return RestClient(self.schema, session)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request as an ASGI application."""
        content = (await receive()).get("body", b"")
        body = json.loads(content) if content else None
        path, query = unquote(scope["path"]), scope["query_string"].decode()
        self.seen.append((scope["method"], path, query, body))
        self.headers.append({key.decode(): value.decode() for key, value in scope["headers"]})
        await trio.sleep(self.delay_s)
        status, answer = self.answers.pop(0) if self.answers else self._answer(scope["method"], path, query, body)
        sent = answer if isinstance(answer, bytes) else b"" if answer is None else json.dumps(answer).encode()
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": sent})

    def _answer(self, method: str, path: str, query: str, body: Any) -> tuple[int, Any]:
        name, _, record_id = path[1:].partition("/")
        known = self.schema.entity(name)
        if known is None:
            return 404, {"errors": [{"code": "unknown_entity", "message": f"no {name}"}]}
        if record_id == "describe":
            return 200, _description(known)
        if record_id:
            return self._one(method, (name, record_id), body)
        if method == "POST":
            key = (name, f"{name}-{len(self.records) + 1}")
            self.records[key] = {"id": key[1], "changed": "2024-11-18T09:00:00Z", "_modified_by": "harness", **body}
            self.order.append(key)
            return 201, self.records[key]
        return 200, self._many(name, dict(parse_qsl(query, keep_blank_values=True)))

    def _one(self, method: str, key: tuple[str, str], body: Any) -> tuple[int, Any]:
        record = self.records.get(key)
        if record is None:
            return 404, {"errors": [{"code": "not_found", "message": f"no {key}"}]}
        if method == "PATCH":
            record.update(body)
        if method == "DELETE":
            self.records[key] = {"id": key[1], "deleted": True, "changed": "2024-11-18T09:00:01Z"}
            return 204, None
        return 200, record

    def _many(self, name: str, query: dict[str, str]) -> dict[str, Any]:
        matching = [self.records[key] for key in self.order if key[0] == name]
        if "where" in query:
            return {"records": [one for one in matching if str(one.get(query["where"])) == query["equals"]]}
        start = int(query.get("after", query.get("since", 0)))
        following = start + PAGE if start + PAGE < len(matching) else None
        return {"records": matching[start : start + PAGE], "next": following, "cursor": str(len(matching))}


def _description(known: EntitySchema) -> dict[str, Any]:
    return {
        "name": known.name,
        "id_field": known.id_field,
        "modified_field": known.modified_field,
        "modified_by_field": known.modified_by_field,
        "createable": known.createable,
        "updateable": known.updateable,
        "deletable": known.deletable,
        "licence": known.create_requires,
        "fields": [
            {
                "path": one.path,
                "type": one.type.value,
                "max_length": one.max_length,
                "scale": one.scale,
                "createable": one.createable,
                "updateable": one.updateable,
                "nullable": one.nullable,
                "required": one.required,
                "references": list(one.references),
                "picklist": list(one.picklist),
                "restricted": one.restricted,
                "unique": one.unique,
            }
            for one in known.fields
        ],
    }
